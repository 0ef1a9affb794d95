"""How long effects take after a fit: 2,875 counties and 40,000 units, one thread.

Run ``OMP_NUM_THREADS=1 python benchmarks/effects.py``. Eight regressors with their spatial lags,
ten years, 31 blocks; contiguity of the counties of China, or of as many random cells
(benchmarks/weights.py), and a triangulation of 40,000 points. Targets: average and block effects
with delta inference in 2 s of CPU, 1,000 simulation draws in 5 s; average and block effects of
40,000 units in 60 s, without an (n, n) array. What is measured comes after the fit.
"""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import Delaunay
from weights import counties

import spatialsyn as ss

T, RHO, LARGE, BLOCKS = 10, 0.4, 40_000, 31
NAMES = tuple(f"x{i}" for i in range(8))


def panel_of(w: ss.Weights, place: np.ndarray) -> ss.CityPanel:
    """Eight regressors, an outcome, and blocks of units near one another."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((len(NAMES), w.n, T))
    signal = sum(x + 0.3 * (w.sparse @ x) for x in X) + rng.standard_normal((w.n, T))
    y = signal
    for _ in range(40):  # 0.4^40 is below rounding
        y = signal + RHO * (w.sparse @ y)
    block = np.argsort(np.argsort(place)) * BLOCKS // w.n
    columns = {"y": y} | dict(zip(NAMES, X, strict=True))
    index = pd.MultiIndex.from_product([w.ids, range(2001, 2001 + T)], names=["city", "year"])
    frame = pd.DataFrame({name: x.ravel() for name, x in columns.items()}, index=index)
    frame["block"] = np.repeat([f"block {b:02d}" for b in block], T)
    return ss.CityPanel(frame.reset_index(), city="city", year="year", blocks=["block"])


def cases() -> Iterator[tuple[str, ss.Weights, np.ndarray]]:
    """What it is, its weights, and a coordinate that makes blocks of neighbours."""
    cities, what = counties()
    w = ss.weights.contiguity(cities, name="w", isolates="nearest").standardize("row")
    yield what, w, cities.geometry.representative_point().x.to_numpy()
    points = np.random.default_rng(0).random((LARGE, 2))
    sides = np.vstack([Delaunay(points).simplices[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
    links = sparse.csr_array((np.ones(len(sides)), sides.T), shape=(LARGE, LARGE))
    links = (links + links.T).sign()
    w = ss.Weights.from_matrix(links, ids=range(LARGE), name="w").standardize("row")
    yield f"{LARGE} random points, triangulated", w, points[:, 0]


def questions(res: ss.Results) -> dict[str, Callable[[], ss.Effects]]:
    """Average, block and city effects by the delta method, the first two by simulation."""
    asked = {"delta": (None, "block", "city"), "simulation": (None, "block")}
    return {
        f"{by or 'average'}, {method}": partial(res.effects, by=by, method=method)
        for method, readings in asked.items()
        for by in readings
    }


def main() -> None:
    """CPU seconds of every question, and the peak memory of the process so far."""
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    model = ss.sdm("y ~ " + " + ".join(NAMES), W="w", fixed_effects="twoways")
    for what, w, place in cases():
        print(f"{what}: {w.sparse.nnz / w.n:.1f} neighbours")
        for question, answer in questions(ss.fit(model, panel_of(w, place), w)).items():
            start = time.process_time()
            rows = len(answer().table)
            spent = time.process_time() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"  {question:20} {spent:7.2f} s {rows:8} rows {peak:6.2f} GB", flush=True)


if __name__ == "__main__":
    main()
