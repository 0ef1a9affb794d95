"""What a reviewer would ask about weights, in one table.

``links``                off-diagonal weights above zero; ``density``: their share of all pairs
``isolates``             cities without a neighbour; ``components``: groups that no link joins
``asymmetry``            sum |w_ij - w_ji| / sum (w_ij + w_ji): 0 symmetric, 1 one-way
``effective_neighbours`` mean over cities of 1 / sum_j p_ij^2, p the shares of a row: 20 out of
                         20 neighbours say that W is close to a plain mean of the country
``row_sum_min, _max``    how far the rows are from one sum
``rho_min, rho_max``     where I - rho W is invertible around zero
``eigenvalue_gap``       1 - |w_2| / |w_1| of the two largest eigenvalues: near zero, shocks of
                         one part of the map stay in it
``crossing[blocks]``     share of all weight between blocks
``overlap[name]``        correlation of the off-diagonal row shares with those of another matrix
``lag_overlap[name]``    correlation of W y with the other matrix's, both swept of city and
                         year means if y is a panel
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array, lag, nearest_to_zero
from spatialsyn.numerics.solves import DENSE_TO
from spatialsyn.numerics.spectrum import leading
from spatialsyn.weights.composite import block_codes
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

# Two lags this alike leave a joint model to chance; this alike, it is not identified at all.
ALIKE, EQUAL = 0.95, 1 - 1e-8
# Smallest eigenvalue of the cosines between matrices that are not combinations of each other.
DEPENDENT = 1e-10
# Relative variance of weights that are all the same but for rounding.
FLAT = 1e-13
SAID = {"overlap": "weights", "lag_overlap": "lags of y"}


def audit(
    *weights: Weights | WeightsSeries,
    y: pd.Series | pd.DataFrame | None = None,
    blocks: pd.Series | None = None,
) -> pd.DataFrame:
    """One row per matrix; a series has one row per year.

    Parameters
    ----------
    y : Series by city id or by (city, year), or DataFrame city x year
        For the correlation of the lags W y, on which a model of several matrices rests.
    blocks : Series by city id, such as ``panel.blocks["region"]``

    Warns
    -----
    UserWarning
        Two matrices, or their lags of y, are so alike that a joint model cannot tell them
        apart, or one matrix is a combination of others.
    """
    table, remarks = examine(*weights, y=y, blocks=blocks)
    for remark in remarks:
        warnings.warn(remark, stacklevel=2)
    return table


def examine(
    *weights: Weights | WeightsSeries,
    y: pd.Series | pd.DataFrame | None = None,
    blocks: pd.Series | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """The table of `audit`, and what it warns of."""
    listed = single(weights)
    table = pd.DataFrame([_row(w) for w in listed], index=pd.Index([w.name for w in listed]))
    if blocks is not None:
        table[f"crossing[{blocks.name}]"] = [crossing(w, blocks) for w in listed]
    alike = {"overlap": overlaps(listed)}
    if y is not None:
        alike["lag_overlap"] = lag_overlaps(listed, y)
    if len(listed) > 1:
        for what, matrix in alike.items():
            table = table.join(matrix.set_axis([f"{what}[{name}]" for name in matrix], axis=1))
    series = _series_of(weights)
    return table.rename_axis("weights"), [*_alike(alike, series), *_dependent(listed, series)]


def _series_of(weights: Sequence[Weights | WeightsSeries]) -> list[int]:
    """Which argument each matrix is, or is a year of: no model has two years of one series."""
    years = [len(w.years) if isinstance(w, WeightsSeries) else 1 for w in weights]
    return [i for i, count in enumerate(years) for _ in range(count)]


def overlaps(weights: Sequence[Weights]) -> pd.DataFrame:
    """Correlations of the off-diagonal row shares, missing on the diagonal."""
    return _pairwise(weights, [overlap(a, b) for a, b in combinations(weights, 2)])


def lag_overlaps(weights: Sequence[Weights], y: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Correlations of the lags of y, swept of city and year means if y is a panel."""
    lags = [_swept_lag(w.aligned(weights[0].ids), y) for w in weights]
    return _pairwise(weights, [_correlation(a, b) for a, b in combinations(lags, 2)])


def overlap(a: Weights, b: Weights) -> float:
    """Correlation of the off-diagonal row shares of two matrices on the same cities."""
    cells = a.n * (a.n - 1)
    first, second = row_shares(a), row_shares(b.aligned(a.ids))
    spread = [_covariance(shares, shares, cells) for shares in (first, second)]
    means = [float(shares.sum()) / cells for shares in (first, second)]
    if any(s <= FLAT * m**2 for s, m in zip(spread, means, strict=True)):
        return float("nan")
    return _covariance(first, second, cells) / float(np.sqrt(spread[0] * spread[1]))


def crossing(w: Weights, blocks: pd.Series) -> float:
    """Share of all weight on links between two blocks."""
    links, block = w.sparse.tocoo(), block_codes(blocks, w)
    between = block[links.row] != block[links.col]
    return float(links.data[between].sum() / links.data.sum())


def effective_neighbours(w: Weights) -> Array:
    """1 / sum_j p_ij^2 of every city, p the shares of its row; zero without a neighbour."""
    concentration = np.asarray(row_shares(w).power(2).sum(axis=1)).ravel()
    return np.divide(1, concentration, out=np.zeros(w.n), where=concentration > 0)


def row_shares(w: Weights) -> sparse.csr_array:
    """Every row divided by its sum; an empty row stays empty."""
    sums = np.where(w.row_sums > 0, w.row_sums, 1.0)
    return sparse.csr_array(w.sparse.multiply(1 / sums[:, None]))


def asymmetry(w: Weights) -> float:
    """Share of weight that has no counterpart in the other direction."""
    links = w.sparse
    back = links.T.tocsr()
    return float(abs(links - back).sum() / (links + back).sum())


def _row(w: Weights) -> dict[str, object]:
    links, uneven = w.sparse, asymmetry(w)
    low, high, gap = _eigenvalues(w)
    years = w.base_years
    return {
        "kind": w.recipe.get("kind", "matrix"),
        "standardised": w.standardizations,
        "cities": w.n,
        "links": links.nnz,
        "density": links.nnz / (w.n * (w.n - 1)),
        "isolates": len(w.isolates),
        "components": connected_components(links, directed=False)[0],
        "symmetric": uneven <= 1e-12,
        "asymmetry": uneven,
        "mean_neighbours": links.nnz / w.n,
        "effective_neighbours": float(effective_neighbours(w).mean()),
        "row_sum_min": float(w.row_sums.min()),
        "row_sum_max": float(w.row_sums.max()),
        "rho_min": low,
        "rho_max": high,
        "eigenvalue_gap": gap,
        "base_years": "-" if years is None else years if isinstance(years, str) else
        ", ".join(map(str, years)),
        "unit": w.recipe.get("unit", "-"),
        "hash": w.hash,
    }  # fmt: skip


def single(weights: Sequence[Weights | WeightsSeries], caller: str = "audit") -> list[Weights]:
    """The matrices one by one, the years of a series under names of their own."""
    what = f"{caller} takes weights one by one, {caller}(geo, eco)"
    listed: list[Weights] = []
    for w in weights:
        expect(w, (Weights, WeightsSeries), what, WeightsError)
        if isinstance(w, WeightsSeries):
            listed += [replace(w.at(year), name=f"{w.name} {year}") for year in w.years]
        else:
            listed.append(w)
    if not listed:
        raise WeightsError(f"{caller} needs at least one weights matrix.")
    names = [w.name for w in listed]
    if len(set(names)) < len(names):
        raise WeightsError(f"{caller} needs distinct names; got {named(names)}. Use w.rename(...).")
    return listed


def _eigenvalues(w: Weights) -> tuple[float, float, float]:
    """Interval of rho and eigenvalue gap; unknown ends are missing."""
    if w.n > DENSE_TO:
        low, high, second = leading(w.matrix)
        with np.errstate(divide="ignore"):
            return 1 / low, 1 / high, 1 - second / high
    size = np.sort(np.abs(w.spectrum.eigenvalues))
    return *w.spectrum.interval, float(1 - size[-2] / size[-1]) if size[-1] > 0 else float("nan")


def _covariance(a: sparse.csr_array, b: sparse.csr_array, cells: int) -> float:
    """Covariance over the off-diagonal cells, of which most may be zero."""
    means = a.sum() / cells, b.sum() / cells
    both = a.multiply(b).sum()
    return float(both / cells - means[0] * means[1])


def _pairwise(weights: Sequence[Weights], values: list[float]) -> pd.DataFrame:
    """A symmetric table of what was found for every pair."""
    names = [w.name for w in weights]
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for (a, b), value in zip(combinations(names, 2), values, strict=True):
        table.loc[a, b] = table.loc[b, a] = value
    return table


def _swept_lag(w: Weights, y: pd.Series | pd.DataFrame) -> Array:
    """W y, (n, T), without city and year means if there are several years."""
    expect(y, (pd.Series, pd.DataFrame), "y is a Series by city or (city, year)", WeightsError)
    table = y.unstack() if isinstance(y.index, pd.MultiIndex) else pd.DataFrame(y)
    absent = [i for i in w.ids if i not in table.index]
    if absent or len(table) != w.n:
        raise AlignmentError(
            f"y and W[{w.name}] list different cities: without y {named(absent) or 'none'}; y has "
            f"{len(table)} cities, the weights {w.n}."
        )
    numbers = table.loc[list(w.ids)].apply(pd.to_numeric, errors="coerce")
    values: Array = numbers.to_numpy(dtype=float)
    holes = [w.ids[i] for i in np.unique(np.argwhere(~np.isfinite(values))[:, 0])]
    if holes:
        raise WeightsError(f"y is no finite number for {named(holes)}, so its lag is none.")
    Wy = lag(w.matrix, values)
    if values.shape[1] > 1:
        Wy = Wy - Wy.mean(axis=0) - Wy.mean(axis=1, keepdims=True) + Wy.mean()
    return Wy


def _correlation(a: Array, b: Array) -> float:
    spread = a.std(), b.std()
    if min(spread) <= 1e-12 * max(np.abs(a).max(), np.abs(b).max()):
        return float("nan")
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _alike(found: dict[str, pd.DataFrame], series: Sequence[int]) -> list[str]:
    """A remark on every pair that a joint model cannot tell apart."""
    first = found["overlap"]
    remarks = []
    for (a, of_a), (b, of_b) in combinations(zip(first.index, series, strict=True), 2):
        if of_a == of_b:
            continue
        values = {what: float(table.loc[a, b]) for what, table in found.items()}
        most = max(value for value in (0.0, *values.values()) if value == value)
        if most < ALIKE:
            continue
        told = ", ".join(f"{SAID[what]} {value:.4f}" for what, value in values.items())
        if most >= EQUAL:
            verdict = "a model with both is not identified. Keep one of them."
        else:
            verdict = (
                "a model with both can hardly tell their spillovers apart. Compare models with "
                "one each, or report their sum only."
            )
        remarks.append(f"W[{a}] and W[{b}] are alike (correlation of {told}): {verdict}")
    return remarks


def _dependent(weights: Sequence[Weights], series: Sequence[int]) -> list[str]:
    """A remark if one of three or more matrices is a combination of the others."""
    if len(weights) < 3:
        return []
    least, shares = nearest_to_zero([w.aligned(weights[0].ids).sparse for w in weights])
    if least > DEPENDENT:
        return []
    within = np.flatnonzero(np.abs(shares) > 1e-6).tolist()
    if len({series[i] for i in within}) < 3:
        return []
    part = [weights[i].name for i in within]
    return [
        f"one of the weights {named(part)} is a combination of the others: a model with all of "
        "them is not identified. Leave one out."
    ]
