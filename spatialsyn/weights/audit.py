"""What a reviewer would ask about weights, in one table."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from spatialsyn.errors import WeightsError, expect, named
from spatialsyn.weights.core import Weights


def audit(*weights: Weights) -> pd.DataFrame:
    """One row per matrix: links, isolates, components, spread, bounds of rho, provenance.

    ``effective_neighbours`` is the mean over cities of 1 / sum_j p_ij^2 with p the row's
    shares: 20 near-equal neighbours out of 20 say that W is close to a plain mean.
    ``overlap[name]`` is the correlation of the off-diagonal shares with another matrix;
    near one the two cannot be told apart in one model.
    """
    for w in weights:
        expect(w, Weights, "audit takes weights one by one, audit(geo, eco)", WeightsError)
    if not weights:
        raise WeightsError("audit needs at least one weights matrix.")
    names = [w.name for w in weights]
    if len(set(names)) < len(names):
        raise WeightsError(f"audit needs distinct names; got {named(names)}. Use w.rename(...).")
    table = pd.DataFrame([_row(w) for w in weights], index=pd.Index(names))
    for a, b in combinations(weights, 2):
        correlation = overlap(a, b)
        table.loc[a.name, f"overlap[{b.name}]"] = correlation
        table.loc[b.name, f"overlap[{a.name}]"] = correlation
    return table.rename_axis("weights")


def overlap(a: Weights, b: Weights) -> float:
    """Correlation of the off-diagonal row shares of two matrices on the same cities."""
    off = ~np.eye(a.n, dtype=bool)
    shares = _shares(a)[off], _shares(b.aligned(a.ids))[off]
    if min(np.ptp(shares[0]), np.ptp(shares[1])) < 1e-15:
        return float("nan")
    return float(np.corrcoef(*shares)[0, 1])


def _row(w: Weights) -> dict[str, object]:
    links = w.sparse
    shares = _shares(w)
    low, high = w.logdet.interval
    years = w.base_years
    return {
        "kind": w.recipe.get("kind", "matrix"),
        "standardised": w.standardization,
        "cities": w.n,
        "links": links.nnz,
        "density": links.nnz / (w.n * (w.n - 1)),
        "isolates": len(w.isolates),
        "components": connected_components(links, directed=False)[0],
        "symmetric": bool(abs(links - links.T).max() <= 1e-12 * abs(links).max()),
        "mean_neighbours": links.nnz / w.n,
        "effective_neighbours": float(_effective(shares).mean()),
        "row_sum_min": float(w.row_sums.min()),
        "row_sum_max": float(w.row_sums.max()),
        "rho_min": low,
        "rho_max": high,
        "base_years": "-" if years is None else years if isinstance(years, str) else
        ", ".join(map(str, years)),
        "unit": w.recipe.get("unit", "-"),
        "hash": w.hash,
    }  # fmt: skip


def _shares(w: Weights) -> np.ndarray:
    sums = np.where(w.row_sums > 0, w.row_sums, 1.0)
    return np.asarray(w.dense() / sums[:, None])


def _effective(shares: np.ndarray) -> np.ndarray:
    concentration = (shares**2).sum(axis=1)
    return np.where(concentration > 0, 1 / np.where(concentration > 0, concentration, 1), 0.0)
