# CPU seconds of a spatial Durbin model by spatialreg, standard errors included and effects not,
# after one on a small sample. Called by speed.py: Rscript spatialreg.R small large method
suppressPackageStartupMessages(library(spatialreg))

sample_of <- function(stem) {
  part <- function(name, what) {
    path <- paste0(stem, ".", name)
    readBin(path, what, n = file.size(path) / (if (what == "integer") 4 else 8))
  }
  ends <- part("indptr", "integer")
  cities <- part("indices", "integer") + 1L
  n <- length(ends) - 1
  neighbours <- lapply(seq_len(n), function(i) sort(cities[(ends[i] + 1):ends[i + 1]]))
  X <- matrix(part("X", "double"), n)
  list(
    frame = data.frame(y = part("y", "double"), x0 = X[, 1], x1 = X[, 2], x2 = X[, 3]),
    W = spdep::nb2listw(structure(neighbours, class = "nb", region.id = as.character(seq_len(n))))
  )
}

model <- function(given, method) {
  lagsarlm(y ~ x0 + x1 + x2, given$frame, given$W, Durbin = TRUE, method = method)
}

memory <- function(which) {
  line <- grep(which, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1e6
}

arguments <- commandArgs(trailingOnly = TRUE)
invisible(model(sample_of(arguments[1]), arguments[3]))
given <- sample_of(arguments[2])
held <- memory("VmRSS")
spent <- system.time(made <- suppressWarnings(model(given, arguments[3])))
peak <- memory("VmHWM")
whole <- !anyNA(c(made$rho.se, made$rest.se))
cpu <- spent[["user.self"]] + spent[["sys.self"]]
cat(sprintf(
  '{"cpu": %.4f, "rho": %.12f, "se": %.12f, "gb": %.4f, "own": %.4f, "version": "%s"}\n',
  cpu, made$rho, if (whole) made$rho.se else NaN, peak, peak - held, packageVersion("spatialreg")
))
