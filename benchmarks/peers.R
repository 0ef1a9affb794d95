# CPU seconds of a spatial Durbin model by a package of R with standard errors, by SDPDmod and
# "splm impacts" with effects too: the median of some runs, after one on a small sample and a first
# one, so that nothing is loaded or compiled. Called by speed.py, through in_r.py:
# Rscript peers.R small large years years runs package [method]

sample_of <- function(stem, years) {
  part <- function(name, what) {
    path <- paste0(stem, ".", name)
    readBin(path, what, n = file.size(path) / (if (what == "integer") 4 else 8))
  }
  ends <- part("indptr", "integer")
  cities <- part("indices", "integer") + 1L
  n <- length(ends) - 1
  neighbours <- lapply(seq_len(n), function(i) sort(cities[(ends[i] + 1):ends[i + 1]]))
  y <- part("y", "double")
  X <- matrix(part("X", "double"), length(y))
  id <- list(unit = rep(seq_len(n), years), year = rep(seq_len(years), each = n))
  list(
    frame = data.frame(id, y = y, x0 = X[, 1], x1 = X[, 2], x2 = X[, 3]),
    W = spdep::nb2listw(structure(neighbours, class = "nb", region.id = as.character(seq_len(n))))
  )
}

# What a package needs made beforehand, and its model; rho and its standard error.
spatialreg_model <- function(given, method) {
  made <- spatialreg::lagsarlm(
    y ~ x0 + x1 + x2, given$frame, given$W, Durbin = TRUE, method = method
  )
  whole <- !anyNA(c(made$rho.se, made$rest.se))
  c(made$rho, if (whole) made$rho.se else NaN)
}

with_lags <- function(given) {
  lag <- function(x) unlist(tapply(x, given$frame$year, function(u) spdep::lag.listw(given$W, u)))
  frame <- given$frame
  frame[c("w0", "w1", "w2")] <- lapply(frame[c("x0", "x1", "x2")], lag)
  list(frame = plm::pdata.frame(frame, c("unit", "year")), W = given$W)
}

splm_model <- function(given, method) {
  made <- splm::spml(
    y ~ x0 + x1 + x2 + w0 + w1 + w2, given$frame, listw = given$W, model = "within",
    effect = "twoways", lag = TRUE, spatial.error = "none"
  )
  if (identical(method, "impacts")) { # traces of W alone: those of all years are T times as many
    years <- length(unique(given$frame$year))
    tr <- spatialreg::trW(as(given$W, "CsparseMatrix"), type = "mult") * years
    summary(splm::impacts(made, tr = tr, R = 200), zstats = TRUE, short = TRUE)
  }
  c(made$coefficients[[1]], sqrt(made$vcov[1, 1]))
}

SDPDmod_model <- function(given, method) {
  made <- SDPDmod::SDPDm(
    y ~ x0 + x1 + x2, given$frame, given$W, c("unit", "year"), model = "sdm", effect = "twoways",
    LYtrans = TRUE
  )
  SDPDmod::impactsSDPDm(made) # 200 draws
  c(made$rho, made$rho.se)
}

programs <- list(
  spatialreg = list(model = spatialreg_model, given = identity),
  splm = list(model = splm_model, given = with_lags),
  SDPDmod = list(
    model = SDPDmod_model,
    given = function(given) list(frame = given$frame, W = spdep::listw2mat(given$W))
  )
)

memory <- function(which) {
  line <- grep(which, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1e6
}

arguments <- commandArgs(trailingOnly = TRUE)
years <- as.integer(arguments[3:4])
runs <- as.integer(arguments[5])
package <- arguments[6]
program <- programs[[package]]
invisible(program$model(program$given(sample_of(arguments[1], years[1])), arguments[7]))
given <- program$given(sample_of(arguments[2], years[2]))
held <- memory("VmRSS")
timed <- function(run) {
  spent <- system.time(made <<- suppressWarnings(program$model(given, arguments[7])))
  spent[["user.self"]] + spent[["sys.self"]]
}
spent <- vapply(seq_len(1 + runs), timed, 0)[-1]
peak <- memory("VmHWM")
cat(sprintf(
  '{"cpu": %.4f, "rho": %.12f, "se": %.12f, "gb": %.4f, "own": %.4f, "version": "%s"}\n',
  median(spent), made[1], made[2], peak, peak - held, packageVersion(package)
))
