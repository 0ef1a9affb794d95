"""Decay, thresholds and paths on simulated panels: do intervals cover, do tests keep their size?

    python benchmarks/mechanism.py [PANELS]
        200 of decay by default, and half as many of thresholds and paths; some minutes

The numbers of docs/mechanism.md. All panels have two-way effects and normal errors.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

import spatialsyn as ss


def decays(panels: int) -> None:
    """SLX on Guangdong's 21 cities and nine years, true decay 1.5; and without a spillover."""
    cities = ss.datasets.guangdong()
    x = np.random.default_rng(1000).normal(size=(cities.n, cities.T))
    panel, model = cities.assign(x=x), ss.slx("y ~ x", W="km", fixed_effects="twoways")
    far = ss.weights.distances(cities.cities).to_numpy() + np.diag(np.full(cities.n, np.inf))
    w = ss.Weights.from_matrix(far**-1.5, ids=cities.ids, name="km").standardize("row")
    rows, known, searched = [], [], []
    for seed in range(panels):
        params = {"x": 1.0, "W[km]*x": 0.9, "sigma2": 0.05}
        found = ss.decay(model, ss.simulate(model, panel, w, params, seed=seed))
        indirect, held = (one.effects("x")["indirect"].iloc[0] for one in (found, found.results))
        row = found.interval.loc["km"]
        rows.append(
            [
                found.estimate["km"],
                row["low"] <= 1.5 <= row["high"],
                indirect["low"] <= 0.9 <= indirect["high"],
                held["low"] <= 0.9 <= held["high"],
            ]
        )
        none = {"x": 1.0, "W[km]*x": 0.0, "sigma2": 0.3}
        found = ss.decay(model, ss.simulate(model, panel, w, none, seed=seed))
        known.append(found.spillover.p)
        searched.append(found.bootstrap(199, seed).p)
    made = np.array(rows, dtype=float)
    print(
        f"decay: median {np.median(made[:, 0]):.3f} (1.5), interval covers {made[:, 1].mean():.1%}"
    )
    print(
        f"  indirect covers {made[:, 2].mean():.1%}; with delta held fixed {made[:, 3].mean():.1%}"
    )
    print(
        f"  no spillover, rejected at 5 %: delta known {share(known)}, searched {share(searched)}"
    )


def thresholds(panels: int) -> None:
    """SDM, 20 cities, eight years: x acts beyond q = 0.3 only, or alike on both sides."""
    w, low, high = ring(20), "x[q <= 0.3]", "x[q > 0.3]"
    model = ss.sdm("y ~ x + q", W="w", fixed_effects="twoways")
    cut = model.but(regimes=ss.regimes("q", "x", above=0.3))
    other = {"q": 0.5, "W[w]*q": 0.1, "rho[w]": 0.3, "sigma2": 0.3}
    alike = {low: 1.0, high: 1.0, f"W[w]*{low}": 0.6, f"W[w]*{high}": 0.6}
    apart = {low: 0.2, high: 1.0, f"W[w]*{low}": 0.0, f"W[w]*{high}": 0.6}
    for name, params in (("none", alike), ("0.3", apart)):
        p, inside, gamma = [], [], []
        for seed in range(panels):
            panel = ss.simulate(cut, (20, 8), w, params | other, seed=seed)
            found = ss.threshold(model, panel, w, x="x", q="q", draws=99, seed=seed)
            q = np.sort(panel.array("q").ravel())
            # gamma stands for all numbers up to the next value observed.
            last = q[np.searchsorted(q, found.interval[1], side="right")]
            p.append(found.p)
            inside.append(found.interval[0] <= 0.3 < last)
            gamma.append(found.gamma)
        print(f"threshold {name}: rejected at 5 % {share(p)}, at 10 % {share(p, 0.1)}")
        print(f"  median gamma {np.median(gamma):.3f}, interval covers 0.3: {np.mean(inside):.1%}")


def paths(panels: int) -> None:
    """SDM for m and for y, 20 cities, eight years: the spillover via m."""
    w = ring(20)
    first = ss.sdm("m ~ x", W="w", fixed_effects="twoways")
    second = ss.sdm("y ~ x + m", W="w", fixed_effects="twoways")
    to_m = {"x": 0.6, "W[w]*x": 0.3, "rho[w]": 0.3, "sigma2": 0.5}
    to_y = {"x": 0.4, "m": 0.5, "W[w]*x": 0.1, "W[w]*m": 0.3, "rho[w]": 0.25, "sigma2": 0.5}
    eye, W = np.eye(20), w.dense()
    A = np.linalg.solve(eye - 0.3 * W, 0.6 * eye + 0.3 * W)
    B = np.linalg.solve(eye - 0.25 * W, 0.5 * eye + 0.3 * W)
    true = ((B @ A).sum() - np.trace(B @ A)) / 20
    covered = []
    for seed in range(panels):
        panel = ss.simulate(first, (20, 8), w, to_m, seed=seed)
        panel = ss.simulate(second, panel, w, to_y, seed=seed + 10_000)
        found = ss.mediation(first, second, "x", "m", panel, w, draws=399, seed=seed)
        row = found.effects["indirect"].loc["x (via m)"]
        covered.append(row["low"] <= true <= row["high"])
    print(f"spillover via m {true:.3f}: bootstrap interval covers {np.mean(covered):.1%}")


def ring(n: int) -> ss.Weights:
    """Every city has the two on either side, and two at random."""
    generator = np.random.default_rng(1)
    near = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    linked = np.minimum(near, n - near) == 1
    for i in range(n):
        linked[i, generator.choice(np.delete(np.arange(n), i), 2, replace=False)] = True
    return ss.Weights.from_matrix(linked.astype(float), ids=range(n), name="w").standardize("row")


def share(p: list[float], size: float = 0.05) -> str:
    """How many p-values are at most `size`."""
    return f"{np.mean(np.array(p) <= size):.1%}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    decays(count)
    thresholds(count // 2)
    paths(count // 2)
