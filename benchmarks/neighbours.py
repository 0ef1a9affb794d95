"""Permutations of 40,000 units and the contiguity of 2,875, beside esda and libpysal.

    python benchmarks/neighbours.py [--turns 5]

Writes docs/neighbours.md. Programs take turns in one process of one thread; CPU seconds, medians.
Targets: local Moran 100 times esda's speed, its counts those of brute force on the same draws;
queen and rook together 8 times the speed of libpysal's two calls, the graphs identical.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import esda  # noqa: E402
import geopandas as gpd  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import shapely  # noqa: E402
from kept import keep  # noqa: E402
from libpysal.graph import Graph  # noqa: E402
from libpysal.weights import Queen, Rook  # noqa: E402
from scipy import sparse  # noqa: E402
from scipy.spatial import Delaunay, cKDTree  # noqa: E402
from weights import cells  # noqa: E402

import spatialsyn as ss  # noqa: E402
from spatialsyn.cities import boundaries  # noqa: E402
from spatialsyn.numerics.conditional import draws, tails  # noqa: E402
from spatialsyn.numerics.lags import Array  # noqa: E402
from spatialsyn.numerics.permutation import SAME  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "neighbours.md"
N, P = 40_000, 999
# Sides of cells are cut into pieces, for a real county has a hundred vertices; degrees.
PIECES, BEND = 16, 0.002


@dataclass(frozen=True)
class Case:
    """One line of the table: calls of the programs, ours first, and whether they agree."""

    name: str
    calls: dict[str, Callable[[], Any]]
    agreed: str


def timed(call: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def links_of(points: Array) -> dict[str, sparse.csr_array]:
    """Six nearest neighbours, a triangulation, and the first with weights of distance."""
    km, near = (found[:, 1:] for found in cKDTree(points).query(points, 7))
    starts = np.arange(0, near.size + 1, 6)
    shape = (N, N)
    knn = sparse.csr_array((np.ones(near.size), near.ravel(), starts), shape)
    decay = sparse.csr_array((1 / km.ravel(), near.ravel(), starts), shape)
    sides = np.vstack([Delaunay(points).simplices[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
    one_way = sparse.csr_array((np.ones(len(sides)), sides.T), shape)
    return {
        "six nearest": knn,
        "contiguity (triangulation)": (one_way + one_way.T).sign(),
        "six nearest, by distance": decay,
    }


def permutation_cases() -> list[Case]:
    """Local Moran of three matrices; Moran and Geary of one."""
    rng = np.random.default_rng(0)
    panel = ss.CityPanel(
        pd.DataFrame({"city": np.arange(N), "year": 2000, "x": np.exp(rng.normal(size=N))}),
        city="city",
    )
    x = panel.array("x")[:, 0]
    cases = []
    for name, links in links_of(rng.random((N, 2))).items():
        w = ss.Weights.from_matrix(links, ids=panel.ids, name=name).standardize("row")
        theirs = w.to_w()
        calls = {
            "ours": lambda w=w: ss.explore.lisa(panel, "x", w, permutations=P),
            "esda": lambda w=theirs: esda.Moran_Local(
                x, w, permutations=P, n_jobs=1, keep_simulations=False, seed=1,
                transformation="O",
            ),
        }  # fmt: skip
        cases.append(Case(f"local Moran, {name}", calls, counts(x, w.sparse)))
    return [*cases, global_case(panel, x, w, theirs)]


def global_case(panel: ss.CityPanel, x: Array, w: ss.Weights, theirs: Any) -> Case:
    """Moran and Geary of the same permutations, against one after the other."""
    alike = {"transformation": "O", "permutations": P}
    calls = {
        "ours": lambda: ss.explore.autocorrelation(panel, "x", w, ["moran", "geary"], P),
        "esda": lambda: (esda.Moran(x, theirs, **alike), esda.Geary(x, theirs, **alike)),
    }
    value = ss.explore.autocorrelation(panel, "x", w, ["moran", "geary"], 99).table["value"]
    few = {"transformation": "O", "permutations": 0}
    other = [esda.Moran(x, theirs, **few).I, esda.Geary(x, theirs, **few).C]
    apart = np.abs(value / other - 1).max()
    return Case("Moran and Geary, six nearest, by distance", calls, f"values to {apart:.0e}")


def counts(x: Array, W: sparse.csr_array) -> str:
    """Whether both tails of all units are those of each unit simulated by itself."""
    z = (x - x.mean()) / x.std()
    drawn = draws(N, int(np.diff(W.indptr).max()), P, np.random.default_rng(0))
    found = tails(z, W, drawn)
    brute = np.empty_like(found)
    for i in range(N):
        strengths = W.data[W.indptr[i] : W.indptr[i + 1]]
        others = drawn[:, : len(strengths)]
        simulated = z[i] * (z[np.where(others == i, N - 1, others)] @ strengths)
        own = z[i] * (strengths @ z[W.indices[W.indptr[i] : W.indptr[i + 1]]])
        same = SAME * max(1.0, abs(own))
        both = (simulated >= own - same).sum(), (simulated <= own + same).sum()
        brute[:, i] = both if z[i] >= 0 else both[::-1]
    wrong = int((found != brute).sum())
    return "counts identical: yes" if wrong == 0 else f"counts identical: no, {wrong} differ"


def contiguity_cases() -> list[Case]:
    """Queen and rook of the cells, with few and with many vertices."""
    plain = cells()
    layers = {"cells": plain, "cells of many vertices": detailed(plain)}
    cases = []
    for name, layer in layers.items():
        vertices = shapely.get_num_coordinates(layer.geometry.to_numpy()).sum()
        title = f"queen and rook of {len(layer):,} {name} ({vertices:,})"
        calls = {
            "ours": lambda layer=layer: both(layer),
            "ours, borders checked anew": lambda layer=layer: both(layer, anew=True),
            "libpysal W": lambda layer=layer: [
                kind.from_dataframe(layer, use_index=False, silence_warnings=True)
                for kind in (Queen, Rook)
            ],
            "libpysal Graph": lambda layer=layer: [
                Graph.build_contiguity(layer, rook=rook) for rook in (False, True)
            ],
        }
        same = all(
            (ours.sparse != theirs.sparse).nnz == 0
            for peer in ("libpysal W", "libpysal Graph")
            for ours, theirs in zip(calls["ours"](), calls[peer](), strict=True)
        )
        cases.append(Case(title, calls, f"graphs identical: {'yes' if same else 'no'}"))
    return cases


def both(layer: gpd.GeoDataFrame, anew: bool = False) -> list[ss.Weights]:
    """Queen and rook; `anew` forgets that the borders of the layer were checked."""
    if anew:
        boundaries.EXACT.clear()
    return [ss.weights.contiguity(layer, rook=rook, isolates="keep") for rook in (False, True)]


def detailed(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same cells with every side bent, of `PIECES` pieces that both its cells share."""
    rings, corner, ends = [], shapely.get_coordinates, np.linspace(0, 1, PIECES, endpoint=False)
    for cell in layer.geometry:
        a = corner(cell)[:-1]
        b = np.roll(a, -1, axis=0)
        # From the lesser end of a side, so that both cells compute the same numbers.
        turned = (b[:, 0] < a[:, 0]) | ((b[:, 0] == a[:, 0]) & (b[:, 1] < a[:, 1]))
        share = np.where(turned[:, None], 1 - ends, ends)[:, :, None]
        first, last = np.where(turned[:, None], b, a), np.where(turned[:, None], a, b)
        xy = (first[:, None] + share * (last - first)[:, None]).reshape(-1, 2)
        rings.append(np.vstack([xy, xy[:1]]))
    bent = [xy + BEND * np.sin(xy[:, ::-1] / BEND / 20) for xy in rings]
    return gpd.GeoDataFrame(
        geometry=[shapely.Polygon(xy) for xy in bent], index=layer.index, crs=layer.crs
    )


def line(case: Case, turns: int) -> tuple[list[str], dict[str, float]]:
    """Rows of the table: medians in turns; and how many times ours a program takes."""
    spent: dict[str, list[float]] = {name: [] for name in case.calls}
    for _ in range(turns):
        for name, call in case.calls.items():
            spent[name].append(timed(call))
    median = {name: float(np.median(times)) for name, times in spent.items()}
    ratios = {name: seconds / median["ours"] for name, seconds in median.items() if name != "ours"}
    rows = []
    for name, seconds in median.items():
        ratio = f"{ratios[name]:.3g}" if name in ratios else ""
        agreed = case.agreed if name == "ours" else ""
        rows.append(f"| {case.name} | {name} | {seconds:.4f} | {ratio} | {agreed} |")
        print(rows[-1], flush=True)
    return rows, {f"{case.name}: {name}": ratio for name, ratio in ratios.items()}


def page(rows: list[str], turns: int) -> str:
    """The page."""
    numba = "with" if importlib.util.find_spec("numba") else "without"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"""# Neighbours and permutations

`python benchmarks/neighbours.py` writes this page. One thread ({platform.machine()}, Python
{platform.python_version()}, numpy {np.__version__}, esda {esda.__version__} {numba} numba),
programs in turns in one process, medians of {turns}, CPU seconds. {N:,} units, {P} permutations;
weights are in memory and row-standardised. Ours is the whole call: `ss.explore.lisa` with
quadrants, adjusted p and table, or `ss.weights.contiguity` twice. Peak memory of the process,
peers included: {peak:.1f} GB.

| case (vertices) | program | CPU, s | times ours | accuracy |
|---|---|--:|--:|---|
{chr(10).join(rows)}

*Counts identical*: both tails of every unit are those of a loop that simulates each unit by
itself on the same draws. *Graphs identical*: every link is the same in ours and in both of
libpysal's. Weights that differ within a row are multiplied in blocks, not sorted. Contiguity
refuses borders that do not match exactly: a layer is checked when it is read or first used, and
not again; `borders checked anew` has that check in one of the two calls. libpysal makes none.
"""


def main() -> None:
    """Every case, then the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    warnings.simplefilter("ignore")  # what esda and libpysal warn of on the way
    rows: list[str] = []
    ratios: dict[str, float] = {}
    for case in [*contiguity_cases(), *permutation_cases()]:
        lines, own = line(case, turns)
        rows += lines
        ratios |= own
    keep("neighbours", ratios)
    PAGE.write_text(page(rows, turns), encoding="utf-8")


if __name__ == "__main__":
    main()
