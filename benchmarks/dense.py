"""Dense flows as weights, the bootstrap and draws of effects: CPU time with accuracy beside it.

Run ``python benchmarks/dense.py`` (a minute): it prints a Markdown table. CPU seconds of one BLAS
thread from arrays in memory, medians where there are several runs; libraries are warm. A model is
its estimation with expected covariance and average effects with standard errors.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from fit_speed import data
from scipy import sparse
from speed import sample
from threadpoolctl import threadpool_limits

import spatialsyn as ss

# Cities of the dense W, and of the one whose models are also found through inverses.
LARGE, CHECKED, YEARS = 2875, 800, 10
RUNS, REFITS = 9, 25
REACHES = {"flows": np.inf, "flows that fall with distance": 0.1}


def flows(n: int, reach: float, seed: int = 0) -> np.ndarray:
    """Dense flows, unequal in their two directions, row-standardised, falling by e over `reach`."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    far = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    W = np.exp(-far / reach) * rng.lognormal(size=(n, n)) * rng.lognormal(size=n)
    np.fill_diagonal(W, 0)
    return W / W.sum(axis=1, keepdims=True)


def panel_on(W: np.ndarray, seed: int = 1) -> ss.CityPanel:
    """Ten years of an outcome with a lag by `W`, and six regressors."""
    rng, n = np.random.default_rng(seed), len(W)
    X = rng.normal(size=(6, n, YEARS))
    noise = rng.normal(size=(n, 1)) + rng.normal(size=YEARS) + rng.normal(size=(n, YEARS))
    y = np.linalg.solve(np.eye(n) - 0.4 * W, X.sum(axis=0) + 0.5 * (W @ X[0]) + noise)
    frame = pd.DataFrame({f"x{i}": x.ravel() for i, x in enumerate(X)} | {"y": y.ravel()})
    frame["unit"], frame["year"] = np.repeat(np.arange(n), YEARS), np.tile(np.arange(YEARS), n)
    return ss.CityPanel(frame, city="unit", year="year")


def neighbours(n: int) -> tuple[ss.CityPanel, ss.Weights]:
    """The panel of `speed.sample` and its sparse W."""
    arrays = sample(n, YEARS)
    W = sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=(n, n))
    frame = pd.DataFrame({f"x{i}": arrays["X"][..., i].ravel() for i in range(3)})
    frame = frame.assign(y=arrays["y"].ravel(), unit=np.repeat(np.arange(n), YEARS))
    frame["year"] = np.tile(np.arange(YEARS), n)
    panel = ss.CityPanel(frame, city="unit", year="year")
    return panel, ss.Weights.from_matrix(W, ids=panel.ids, name="w")


def fitted(names: tuple[str, ...], panel: ss.CityPanel, w: ss.Weights) -> tuple[ss.Results, Any]:
    """A two-way Durbin model and its average effects."""
    model = ss.sdm(f"y ~ {' + '.join(names)}", W="w", fixed_effects="twoways")
    res = ss.fit(model, panel, w)
    return res, res.effects()


def timed(call: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def apart(found: Any, exact: Any) -> float:
    """The largest relative difference."""
    a, b = np.asarray(found, dtype=float), np.asarray(exact, dtype=float)
    return float(np.nanmax(np.abs(a - b) / np.abs(b)))


def off(reach: float) -> str:
    """How far a smaller model is from the one by eigenvalues and a dense inverse."""
    W = flows(CHECKED, reach)
    panel = panel_on(W)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    (a, one), (b, two) = (
        fitted(("x0", "x1", "x2"), panel, w.with_logdet(way))
        for way in ("hessenberg", "eigenvalues")
    )
    said = {
        "rho": apart(a.rho["w"], b.rho["w"]),
        "se": apart(a.se, b.se),
        "likelihood": apart(a.loglik, b.loglik),
        "effects": apart(one.table["estimate"], two.table["estimate"]),
        "their se": apart(one.table["se"], two.table["se"]),
    }
    return f"n = {CHECKED}: " + ", ".join(f"{key} {value:.0e}" for key, value in said.items())


def exact_traces(W: np.ndarray, res: ss.Results) -> str:
    """ln|S| and the traces of G at the estimate of the large W, against one inverse."""
    at = res.design.propagation(np.array([res.rho["w"]]))
    S = np.eye(len(W)) - at.rho * W
    G = W @ np.linalg.inv(S)
    exact = np.trace(G), (G * G.T).sum(), (G**2).sum()
    found = at.traces(swept=False, crossed=True)
    logdet = abs(float(at.logdet(at.rho)) - np.linalg.slogdet(S)[1])
    return (
        f"ln det S {logdet:.0e} in all; relative: tr G {apart(found[0], exact[0]):.0e}, "
        f"tr GG {apart(found[1], exact[1]):.0e}, tr G'G {apart(found[2], exact[2]):.0e}"
    )


def dense_rows() -> list[tuple[str, str, str]]:
    """The first model with a dense W, and further ones with other regressors."""
    rows = []
    for name, reach in REACHES.items():
        W = flows(LARGE, reach)
        panel = panel_on(W)
        start = time.process_time()
        w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
        res, _ = fitted(("x0", "x1", "x2"), panel, w)
        first = time.process_time() - start
        others = list(combinations([f"x{i}" for i in range(6)], 3))[1 : RUNS + 1]
        further = statistics.median(
            timed(lambda x=x, p=panel, w=w: fitted(x, p, w)) for x in others
        )
        case = f"dense W, {name}, n = {LARGE:,}, T = {YEARS}"
        rows += [
            (f"{case}: first model", f"{first:.1f} s", exact_traces(W, res)),
            (f"{case}: each further model", f"{further:.3f} s", off(reach)),
        ]
    return rows


def bootstrap_row() -> tuple[str, str, str]:
    """999 samples with all their effects, and some of them fitted one by one."""
    panel, w = data(300, YEARS)
    res, _ = fitted(("x0", "x1", "x2"), panel, w)

    def whole() -> tuple[ss.Results, Any]:
        boot = ss.wild_bootstrap(res, draws=999)
        return boot, boot.effects(method="bootstrap")

    spent = statistics.median(timed(whole) for _ in range(RUNS))
    boot, made = whole()
    v = np.random.default_rng(0).choice([-1.0, 1.0], size=(999, 300)) * np.sqrt(300 / 299)
    S, e = np.eye(300) - res.rho["w"] * w.dense(), res.resid.to_numpy().reshape(300, -1)
    alone, worst = [], 0.0
    for i in range(REFITS):
        y = panel.array("y") + np.linalg.solve(S, v[i][:, None] * e - e)
        moved = panel.assign(y=y)
        start = time.process_time()
        one, effects = fitted(("x0", "x1", "x2"), moved, w)
        alone.append(time.process_time() - start)
        worst = max(
            worst,
            apart(boot.estimate.draws[i, :-1], one.params.iloc[:-1]),
            apart(made.draws[i], effects.table["estimate"]),
        )
    return (
        f"999 bootstrap samples, n = 300, T = {YEARS}, with effects",
        f"{spent:.2f} s",
        f"parameters and effects of {REFITS} samples against refits: {worst:.0e} at most; one by "
        f"one 999 would take {999 * statistics.median(alone):.0f} s",
    )


def draws_row(n: int) -> tuple[str, str, str]:
    """1,000 draws of all average effects, and some of them by formula."""
    res, _ = fitted(("x0", "x1", "x2"), *neighbours(n))
    spent = statistics.median(timed(lambda: res.effects(method="simulation")) for _ in range(41))
    plain = statistics.median(timed(res.effects) for _ in range(41))
    made, drawn = res.effects(method="simulation").draws, res.estimate.sample(1000, 0)
    names, f = list(res.params.index), res.estimate.space.full.near(res.rho["w"])
    b, theta, rho = (drawn[:, names.index(k)] for k in ("x0", "W[w]*x0", "rho[w]"))
    direct = (1 - rho * f.slope(rho) / n) * b - f.slope(rho) / n * theta
    total = (b + theta) / (1 - rho)
    worst = apart(made[:, :3], np.column_stack([direct, total - direct, total]))
    return (
        f"1,000 draws of effects, n = {n:,}",
        f"{1000 * spent:.1f} ms",
        f"all draws of x0 by formula: {worst:.0e}; of the time, a table by the delta method takes "
        f"{1000 * plain:.1f} ms",
    )


def main() -> None:
    """Print the table."""
    fitted(("x0", "x1", "x2"), *data(60, YEARS))  # imports do not count
    print("| case | CPU | accuracy |\n|---|--:|---|")
    with threadpool_limits(1, user_api="blas"):
        for row in (*dense_rows(), bootstrap_row(), draws_row(300), draws_row(10_000)):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
