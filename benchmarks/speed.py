"""CPU time, peak memory and accuracy against the number of units, beside spreg and R's packages.

Run ``python benchmarks/speed.py`` (an hour with the largest cases; ``--only "n = 300"`` for
those of a name, ``--only dense`` for the table of ``dense.py``): it writes
``benchmarks/ratios.json``, and from all that is stored there ``docs/speed.md`` and
``docs/speed.png``, and prints which ratios fell by a third.

Ours and spreg's runs take turns in one process with one BLAS thread; so do processes of ours and
of R, where it is installed with spatialreg (on Debian: apt install r-cran-spatialreg
libopenblas0), splm or SDPDmod; of a package that is missing, what was measured before is kept.
Times are CPU seconds of estimation, covariance and average effects with their standard errors,
from arrays and a sparse W in memory; memory is the peak of a process of its own, and what of it
came after its data.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_r
import numpy as np
import qdldl
from in_r import EACH, EIGEN, MATRIX, OF_R, environ
from in_spreg import durbin
from kept import keep, stored

HERE = Path(__file__).parent
PAGE, FIGURE = HERE.parent / "docs" / "speed.md", HERE.parent / "docs" / "speed.png"
QDLDL = "ours with qdldl"
RHO, DENSE = 0.5, "dense W, bootstrap, draws"

# Of each case: cities, years, fixed effects, and the programs: once alone, and more in turns.
CASES: dict[str, tuple[int, int, str, dict[str, int]]] = {
    "SDM, n = 300": (300, 1, "none", {"ours": 26, "spreg full": 26, "spreg LU": 26}),
    "SDM, n = 2,500": (
        2500,
        1,
        "none",
        {"ours": 6, "spreg LU": 6, "spreg full": 5, MATRIX: 11, EIGEN: 5},
    ),
    "SDM, n = 10,000": (10_000, 1, "none", {"ours": 6, "spreg LU": 5, MATRIX: 5}),
    "SDM, n = 40,000": (40_000, 1, "none", {"ours": 6, QDLDL: 6, MATRIX: 5}),
    "SDM, n = 250,000": (250_000, 1, "none", {"ours": 5, QDLDL: 5}),
    "SDM, n = 1,000,000": (1_000_000, 1, "none", {"ours": 5, QDLDL: 5}),
    "two-way panel, n = 300, T = 15": (
        300,
        15,
        "twoways",
        {"ours": 26, "spreg panel": 26, "splm": 11, "splm impacts": 11, "SDPDmod": 5},
    ),
    "the same, W known": (300, 15, "twoways", {"ours again": 26, "spreg panel": 26}),
}


def sample(n: int, T: int, seed: int = 7) -> dict[str, Any]:
    """Six nearest neighbours made mutual, three regressors, rho = 0.5: arrays to be stored."""
    from scipy import sparse
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    near = cKDTree(points).query(points, 7)[1][:, 1:].ravel()
    links = sparse.csr_array((np.ones(6 * n), near, np.arange(0, 6 * n + 1, 6)), shape=(n, n))
    links = links.maximum(links.T)
    W = sparse.csr_array(sparse.diags_array(1 / links.sum(axis=1)) @ links)
    X = rng.normal(size=(n, T, 3))
    cities = rng.normal(size=(n, 1)) if T > 1 else 0.0
    y = term = X.sum(axis=2) + 0.5 * (W @ X[..., 0]) + cities + rng.normal(size=(n, T))
    for _ in range(60):
        term = RHO * (W @ term)
        y = y + term
    return {"y": y, "X": X, "data": W.data, "indices": W.indices, "indptr": W.indptr}


def ours(arrays: dict[str, Any], fixed: str, again: bool) -> Callable[[], tuple[Any, ...]]:
    """A spatial Durbin model with all average effects; `again` with a W whose eigenvectors are
    known, as the models of a study have it."""
    import pandas as pd
    from scipy import sparse

    import spatialsyn as ss

    y, X = arrays["y"], arrays["X"]
    n, T = y.shape
    W = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
    frame = pd.DataFrame({f"x{i}": X[..., i].ravel() for i in range(3)} | {"y": y.ravel()})
    frame["unit"], frame["year"] = np.repeat(np.arange(n), T), np.tile(2000 + np.arange(T), n)
    panel = ss.CityPanel(frame, city="unit", year="year")
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    w = w.with_logdet("eigenvectors") if again else w
    model = ss.sdm("y ~ x0 + x1 + x2", W="w", fixed_effects=fixed)

    def call() -> tuple[Any, ...]:
        made = ss.fit(model, panel, w)
        return made, made.effects()

    if again:
        call()
    return call


def spreg(arrays: dict[str, Any], how: str) -> Callable[[], tuple[Any, ...]]:
    """spreg's maximum likelihood with lagged regressors and its average effects."""
    import warnings

    from libpysal.weights import WSP
    from scipy import sparse

    warnings.simplefilter("ignore")
    import spreg as peer

    y, X = arrays["y"], arrays["X"]
    n, T = y.shape
    W = sparse.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
    w = WSP(W).to_W(silence_warnings=True)
    w.transform = "r"
    if how == "panel":
        stacked = y.T.reshape(-1, 1), X.transpose(1, 0, 2).reshape(n * T, -1)
        return lambda: (durbin(*stacked, w),)
    options = {"slx_lags": 1, "method": how, "spat_impacts": "full"}
    return lambda: (peer.ML_Lag(y, X[:, 0], w, **options),)


def child(first: str, path: str, fixed: str, turns: str, *programs: str) -> None:
    """Runs of some programs that take turns, after one on a small sample, the `first`, so that
    imports do not count: prints CPU times, rho and the memory of this process."""
    small, arrays = (dict(np.load(one)) for one in (first, path))
    found: dict[str, Any] = {program: {"cpu": []} for program in programs}
    for program in programs:
        _prepared(small, program, fixed)()
    held = 0.0
    for _ in range(int(turns)):
        for program in programs:
            call = _prepared(arrays, program, fixed)
            held = held or _memory("VmRSS")
            start = time.process_time()
            made, *_ = call()
            found[program]["cpu"].append(time.process_time() - start)
            found[program]["rho"] = float(np.squeeze(made.rho))
            se = made.se["rho[w]"] if "ours" in program else made.std_err.flat[-1]
            found[program]["se"] = float(se)
            found[program]["said"] = " ".join(made.estimate.notes) if "ours" in program else ""
    peak = _memory("VmHWM")
    print(json.dumps({"programs": found, "gb": peak, "own": peak - held}))


def _memory(which: str) -> float:
    """GB that this process holds (VmRSS), or held at most (VmHWM: its parent's do not count)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1e6


def _prepared(arrays: dict[str, Any], program: str, fixed: str) -> Callable[[], tuple[Any, ...]]:
    if program.startswith("ours"):
        sys.modules["qdldl"] = qdldl if program == QDLDL else None  # type: ignore[assignment]
        return ours(arrays, fixed, again=program.endswith("again"))
    return spreg(arrays, program.split()[1])


def run(paths: list[str], fixed: str, turns: int, *programs: str) -> dict[str, Any]:
    """What a child says."""
    command = [sys.executable, __file__, "--child", *paths, fixed, str(turns), *programs]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environ())
    return dict(json.loads(shown.stdout.splitlines()[-1]))


def arrays_of(folder: str, n: int, T: int) -> str:
    """The file of a sample, which takes libraries to draw that no model needs; beside it, for R,
    one of every array."""
    path = Path(folder) / f"{n}_{T}.npz"
    if not path.exists():
        arrays = sample(n, T)
        np.savez(path, **arrays)
        for name, values in arrays.items():
            kind = "<f8" if values.dtype.kind == "f" else "<i4"
            np.ravel(values, order="F").astype(kind).tofile(path.with_suffix(f".{name}"))
    return str(path)


def measured(case: str, folder: str) -> dict[str, dict[str, Any]]:
    """Of every program the median of its CPU times, and its memory in a process of its own."""
    n, T, fixed, programs = CASES[case]
    years = [min(T, 3), T]
    paths = [arrays_of(folder, 60, years[0]), arrays_of(folder, n, T)]
    mine = [program for program in programs if program not in OF_R]
    together = [program for program in mine if programs[program] > 1]
    turns = max(programs.values()) - 1
    shared = run(paths, fixed, turns, *together)["programs"] if together else {}
    found = {}
    for program in mine:
        alone = run(paths, fixed, 1, program)
        own = alone["programs"][program]
        times = own["cpu"] + shared.get(program, {"cpu": []})["cpu"]
        kept = {"runs": len(times), "cpu": statistics.median(times)}
        kept |= {"gb": alone["gb"], "own": alone["own"]}
        found[program] = kept | {key: own[key] for key in ("rho", "se", "said")}
    for program in (one for one in programs if one in OF_R and in_r.installed(one)):
        found[program] = beside_r(paths, years, fixed, program, programs[program])
    return found


def beside_r(
    paths: list[str], years: list[int], fixed: str, program: str, turns: int
) -> dict[str, Any]:
    """The same of R, and the CPU time of ours in turn with it: the median run of each process."""
    own, theirs = [], []
    for _ in range(turns):
        mine = run(paths, fixed, 1 + EACH, "ours")["programs"]["ours"]
        own.append(statistics.median(mine["cpu"][1:]))
        theirs.append(in_r.said(paths, years, program))
    kept = {"runs": turns, "cpu": statistics.median(one["cpu"] for one in theirs)}
    return theirs[-1] | kept | {"beside": statistics.median(own)}


def ratios(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, float]:
    """How many times our CPU time the others take."""
    made = {}
    for case, programs in found.items():
        mine = next(v for k, v in programs.items() if k.startswith("ours"))
        for program, other in programs.items():
            if not program.startswith("ours"):
                made[f"{case}: {program}"] = ratio(other, mine)
    return made


def ratio(other: dict[str, Any], mine: dict[str, Any]) -> float:
    """Its CPU time in parts of ours, which was measured in turn with it."""
    return float(other["cpu"] / other.get("beside", mine["cpu"]))


def said_of(times: float) -> str:
    """Two digits, or whole numbers."""
    return f"{times:.1f}" if times < 10 else f"{times:,.0f}"


def page(found: dict[str, dict[str, dict[str, Any]]], others: str) -> str:
    """The table, with what it was measured on; `others` is that of `dense.py`."""
    rows = ["| case | program | runs | CPU, s | times ours | peak, GB | own, GB | rho less ours | "
            "its se / ours |", "|---|---|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for case, programs in found.items():
        mine = next(v for k, v in programs.items() if k.startswith("ours"))
        for program, it in programs.items():
            own = program.startswith("ours")
            apart = "" if own else f"{abs(it['rho'] - mine['rho']):.0e}"
            spread = "" if own else f"{it['se'] / mine['se']:.3f}" if it["se"] else "none"
            times = "" if own else said_of(ratio(it, mine))
            rows.append(
                f"| {case} | {program} | {it['runs']} | {it['cpu']:.3g} | {times} | "
                f"{it['gb']:.3f} | {it['own']:.3f} | {apart} | {spread} |"
            )
    said = {case: v["ours"]["said"] for case, v in found.items() if v.get("ours", {}).get("said")}
    return PROSE.format(
        table="\n".join(rows),
        said="\n".join(f"* {case}: {text}" for case, text in said.items()),
        others=others,
        each=EACH,
        version=next((v[MATRIX]["version"] for v in found.values() if MATRIX in v), ""),
        machine=f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}",
    )


PROSE = """# Speed

`python benchmarks/speed.py` writes this page. One core ({machine}). Programs take turns in one
process with one BLAS thread, and medians are shown. CPU seconds of estimation, covariance and
average effects with standard errors, nothing cached, from a panel and a sparse W in memory (six
nearest neighbours made mutual, three regressors and their lags, rho = 0.5); `W known` has W's
eigenvectors from an earlier model, as the models of a study have. Peak memory is that of a process
of its own; *own* is what of it came after Python, the libraries and the data. Cases may be measured
on different days, on which the machine may be twice as slow: compare programs within a case.

![CPU time and memory against n](speed.png)

{table}

*Ours with qdldl* has the order in which the factors are sparse from that package (`pip install
"spatialsyn[large]"`), and all the rest from SciPy.

spreg's panel model is `ML_LagFE(slx_lags=1, spat_impacts="full")`: individual effects only, and
average effects without standard errors; ours is two-way, so the two estimates of rho differ.
spreg's full method is given no 10,000 units, for its memory. Processes of R, with OpenBLAS as
ours, take turns with ours, and of each the median of {each} runs counts, after a first one
(`benchmarks/peers.R`). R's spatialreg {version} is `lagsarlm(Durbin = TRUE)` with standard errors
and without effects. With method "Matrix" its standard errors come from a numerical Hessian:
compare them with those of method "eigen", which are of the exact information like ours. *None*
says that it gave NaN for rho or for another parameter. R's splm is `spml(effect = "twoways")`
without effects; *splm impacts* is the same with those of `impacts`, 200 draws, and their standard
errors, from traces of W alone: its documented call builds the matrix of all years and takes ten
times as long. SDPDmod is `SDPDm(effect = "twoways", LYtrans = TRUE)` and `impactsSDPDm`, 200
draws. Their rho is another one: both take the lag of the demeaned outcome for the demeaned lag,
and SDPDmod corrects a bias afterwards that ours has not. Of these two, which Debian does not
carry, the functions that such a model calls were run as their sources have them (splm 1.6-5;
SDPDmod 0.0.5 with the log-determinant of 0.0.6, with which it takes four fifths of the time); on 46
states and 30 years they give what the packages give, to 1e-8 and 1e-12.

How exact ours was, as the results print it:

{said}

## Dense weights, bootstraps and draws

{others}

Studies of a thousand models: [Studies](studies.md). Permutations and contiguity:
[Neighbours](neighbours.md).
"""


def figure(found: dict[str, dict[str, dict[str, Any]]]) -> None:
    """CPU time and peak memory against n, cross-sections only."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import matplotlib.ticker

    styles = {"ours": ("spatialsyn", "o-", "#1b4965"),
              QDLDL: ("spatialsyn with qdldl", "o:", "#5fa8d3"),
              "spreg LU": ("spreg, LU", "s--", "#c8553d"),
              "spreg full": ("spreg, full", "^:", "#8d6a9f"),
              MATRIX: ("spatialreg, no effects", "D-.", "#6b705c")}  # fmt: skip
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
    for program, (label, style, colour) in styles.items():
        at = [
            (CASES[c][0], v[program]) for c, v in found.items() if c[:3] == "SDM" and program in v
        ]
        for ax, key in zip(axes, ("cpu", "gb"), strict=True):
            ax.loglog([n for n, _ in at], [v[key] for _, v in at], style, color=colour, label=label)
    for ax, title in zip(axes, ("CPU time, seconds", "peak memory, GB"), strict=True):
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xlabel("units")
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.5)
        ax.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
        ax.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
    axes[1].set_yticks([0.125, 0.25, 0.5, 1, 2, 4])
    axes[1].yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes[0].legend(frameon=False, fontsize=7, loc="lower right")
    figure.savefig(FIGURE, dpi=200)


def main() -> None:
    """Measure, write, compare with the ratios stored before."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(*given.child)
    before = stored()
    runs, others = before["runs"], before["others"]
    with tempfile.TemporaryDirectory() as folder:
        for case in (name for name in CASES if given.only in name):
            runs[case] = runs.get(case, {}) | measured(case, folder)
            print(case, json.dumps(runs[case]), flush=True)
    if given.only in DENSE:
        command = [sys.executable, str(HERE / "dense.py")]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environ())
        others = shown.stdout
        print(others, flush=True)
    found = {case: runs[case] for case in CASES if case in runs}
    keep("speed", ratios(found), runs=found, others=others)
    PAGE.write_text(page(found, others.strip()))
    figure(found)


if __name__ == "__main__":
    main()
