"""Weights made of other weights.

    product       W[i, j] = a_ij b_ij ...           nested: near and digitally connected
    convex        W[i, j] = sum_m g_m w_ij(m)       fixed shares g on the simplex
    union         1 where any of them has a link
    intersection  1 where all of them have one
    conditional   the links beyond some kilometres, across blocks, or within blocks
    sparsify      the strongest links

Matrices are matched by city id. What leaves here is not standardised unless it is by
itself, as a convex sum of row-standardised matrices is; how its parts were standardised
stays in the recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.geodesy import places
from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import check_km, real
from spatialsyn.weights.core import BESIDE, Weights, joint_base_years
from spatialsyn.weights.isolates import check_policy, settle

# Weights that differ by less are tied: which of them is stronger is rounding.
TIE = 1e-12


def product(*weights: Weights, name: str = "product", isolates: str | None = None) -> Weights:
    """W[i, j] = the product of the weights of this pair in all matrices (nested weights).

    Parameters
    ----------
    isolates : None | "keep" | "drop"
        What to do with cities that no pair links in all of them.
    """
    matrices = _same_cities(weights, "product")
    made = reduce(lambda a, b: sparse.csr_array(a.multiply(b)), matrices)
    return _settled(made, weights, {"kind": "product", "unit": "product"}, name, isolates)


def convex(*weights: Weights, shares: Sequence[float], name: str = "convex") -> Weights:
    """W = sum_m shares[m] W_m, shares fixed beforehand, at least zero, with sum one.

    Shares that are estimated are a model: ``ss.convex("geo", "dig")``.

    Raises
    ------
    WeightsError
        Shares that are none, or matrices standardised differently or not at all: the sum of
        1 per border and 1 million per link of a gravity matrix is the gravity matrix.
    """
    matrices = _same_cities(weights, "convex")
    shares = _shares(shares, weights)
    ways = dict.fromkeys(w.standardization for w in weights)
    if len(ways) > 1 or "none" in ways:
        raise WeightsError(
            f"the matrices of a convex sum are standardised as {named(ways)}: their weights are "
            'not on one scale. Standardise all the same way first, w.standardize("row").'
        )
    made = sum(
        (g * W for g, W in zip(shares[1:], matrices[1:], strict=True)), shares[0] * matrices[0]
    )
    recipe = _recipe(weights, {"kind": "convex sum", "shares": shares, "unit": "share of weight"})
    first = weights[0]
    way = first.standardization if first.standardization in ("row", "column") else "none"
    return Weights(sparse.csr_array(made), first.ids, name, recipe, way)


def union(*weights: Weights, name: str = "union", isolates: str | None = None) -> Weights:
    """W[i, j] = 1 where any of the matrices links the pair.

    Parameters
    ----------
    isolates : None | "keep" | "drop"
        What to do with cities that have no neighbour in any of them.
    """
    made = reduce(lambda a, b: sparse.csr_array(a.maximum(b)), _same_cities(weights, "union"))
    return _settled(made.sign(), weights, {"kind": "union", "unit": "1 = a link"}, name, isolates)


def intersection(
    *weights: Weights, name: str = "intersection", isolates: str | None = None
) -> Weights:
    """W[i, j] = 1 where all of the matrices link the pair.

    Parameters
    ----------
    isolates : None | "keep" | "drop"
        What to do with cities that have no neighbour common to all.
    """
    matrices = _same_cities(weights, "intersection")
    made = reduce(lambda a, b: sparse.csr_array(a.multiply(b)), [W.sign() for W in matrices])
    return _settled(made, weights, {"kind": "intersection", "unit": "1 = a link"}, name, isolates)


def conditional(
    weights: Weights,
    cities: Any = None,
    beyond: float | None = None,
    across: pd.Series | None = None,
    within: pd.Series | None = None,
    name: str = "conditional",
    isolates: str | None = None,
) -> Weights:
    """The links of `weights` that meet the conditions, with their weights.

    Parameters
    ----------
    cities : GeoDataFrame of the cities, for `beyond`
    beyond : kilometres; links between cities at most this far apart are left out
    across : Series by city id, such as ``panel.blocks["region"]``; links inside a block
        (a province) are left out
    within : Series by city id; links between blocks are left out
    isolates : None | "keep" | "drop"
        What to do with cities that keep no link.
    """
    expect(weights, Weights, "conditional takes one Weights", WeightsError)
    if beyond is None and across is None and within is None:
        raise WeightsError("conditional needs beyond=km, across=blocks or within=blocks.")
    links = weights.sparse.tocoo()
    keep = np.ones(links.nnz, dtype=bool)
    if beyond is not None:
        keep &= _km(weights, cities, links.row, links.col, beyond) > beyond
    if across is not None:
        block = block_codes(across, weights)
        keep &= block[links.row] != block[links.col]
    if within is not None:
        block = block_codes(within, weights)
        keep &= block[links.row] == block[links.col]
    made = sparse.csr_array((links.data[keep], (links.row[keep], links.col[keep])), links.shape)
    recipe = {
        "kind": "conditional", "beyond_km": beyond,
        "across": None if across is None else str(across.name),
        "within": None if within is None else str(within.name),
        "weight_left": round(float(made.sum() / links.sum()), 6), "unit": "as before",
    }  # fmt: skip
    return _settled(made, (weights,), recipe, name, isolates)


def sparsify(
    weights: Weights,
    strongest: int | None = None,
    share: float | None = None,
    per: str = "city",
    name: str = "sparse",
) -> Weights:
    """The strongest links of `weights`, with their weights; the others are left out.

    Links as strong as the weakest that is kept are kept too, so that no order of cities
    decides. The recipe tells which share of all weight is left (``weight_left``).

    Parameters
    ----------
    strongest : how many links each city keeps
    share : in (0, 1); the strongest links that together hold this share of the weight, of
        every city or of the whole matrix. Give either this or `strongest`.
    per : "city" | "matrix"
        Whose weight `share` is a share of. A city that loses all its links in the matrix
        keeps its strongest one, its nearest neighbour in these weights (``fallback``).
    """
    expect(weights, Weights, "sparsify takes one Weights", WeightsError)
    _check_strength(strongest, share, per)
    links = weights.sparse
    if per == "matrix":
        floor = np.full(weights.n, _floor(links.data, None, share))
    else:
        rows = (links.data[start:end] for start, end in pairwise(links.indptr))
        floor = np.array([_floor(row, strongest, share) for row in rows])
    best = np.asarray(links.max(axis=1).todense()).ravel()
    saved = (best < floor * (1 - TIE)) & (best > 0)
    threshold = np.where(saved, best, floor) * (1 - TIE)
    keep = links.data >= np.repeat(threshold, np.diff(links.indptr))
    made = links.copy()
    made.data = made.data * keep
    made.eliminate_zeros()
    recipe = {
        "kind": "sparsified", "strongest": strongest, "share": share, "per": per,
        "fallback": tuple(weights.ids[i] for i in np.flatnonzero(saved)),
        "weight_left": round(float(made.sum() / links.sum()), 6), "unit": "as before",
    }  # fmt: skip
    return Weights(made, weights.ids, name, _recipe((weights,), recipe))


def block_codes(blocks: pd.Series, weights: Weights) -> Array:
    """The block of every city as a number, in the order of the weights."""
    expect(
        blocks, pd.Series, 'blocks are a Series by city id, panel.blocks["region"]', WeightsError
    )
    absent = [i for i in weights.ids if i not in blocks.index]
    if absent or blocks.index.has_duplicates:
        raise AlignmentError(
            f"the blocks {blocks.name!r} must give one block to every city of W[{weights.name}]; "
            f"without one: {named(absent) or 'none'}."
        )
    chosen = blocks.loc[list(weights.ids)]
    if chosen.isna().any():
        raise WeightsError(
            f"the blocks {blocks.name!r} are missing for {named(chosen.index[chosen.isna()])}."
        )
    return np.asarray(pd.factorize(chosen)[0])


def _same_cities(weights: tuple[Weights, ...], kind: str) -> list[sparse.csr_array]:
    """The matrices, rows in the order of the first."""
    for w in weights:
        expect(w, Weights, f"{kind} takes weights one by one, {kind}(geo, dig)", WeightsError)
    if len(weights) < 2:
        raise WeightsError(f"{kind} takes two weights or more; got {len(weights)}.")
    ids = set(weights[0].ids)
    for w in weights[1:]:
        if set(w.ids) != ids:
            raise AlignmentError(
                f"W[{weights[0].name}] and W[{w.name}] list different cities: only in the first "
                f"{named([i for i in weights[0].ids if i not in set(w.ids)]) or 'none'}, only in "
                f"the second {named([i for i in w.ids if i not in ids]) or 'none'}. Keep the "
                "common ones in both: weights.subset(ids)."
            )
    return [w.aligned(weights[0].ids).sparse for w in weights]


def _settled(
    made: sparse.csr_array, weights: tuple[Weights, ...], recipe: dict[str, Any], name: str,
    isolates: str | None,
) -> Weights:  # fmt: skip
    """Weights, once cities that keep no link are treated as `isolates` says."""
    check_policy(isolates, nearest=False)
    made.eliminate_zeros()
    kind = recipe["kind"]
    if not made.nnz:
        raise WeightsError(f"the {kind} {name!r} of {_names(weights)} has no links at all.")
    way_out = " A neighbour for each: ss.weights.union(..., ss.weights.knn(cities, 1))."
    why = f"have no neighbour left in the {kind} of {_names(weights)}"
    links, ids, told = settle(made, weights[0].ids, isolates, why, way_out=way_out)
    return Weights(links, ids, name, _recipe(weights, recipe | told))


def _recipe(weights: tuple[Weights, ...], own: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the matrices it was made of, their scales, and all their base years."""
    made = {**own, "of": tuple(f"{w.name} ({w.hash})" for w in weights)}
    ways = [w.standardizations for w in weights]
    if set(ways) != {"none"} and own["unit"] != "1 = a link":  # links have no scale
        made["parts_standardised"] = BESIDE.join(ways)
    years = joint_base_years(weights)
    return made if years is None else made | {"base_years": years}


def _names(weights: tuple[Weights, ...]) -> str:
    return ", ".join(f"W[{w.name}]" for w in weights)


def _shares(shares: Any, weights: tuple[Weights, ...]) -> tuple[float, ...]:
    """Shares on the simplex, one per matrix."""
    expect(shares, Sequence, "shares is a list, one share per matrix", WeightsError)
    listed = tuple(real(g) for g in shares)
    if len(listed) != len(weights) or not all(g >= 0 for g in listed):
        raise WeightsError(
            f"shares={list(listed)}: {len(weights)} shares of zero or more are needed."
        )
    if abs(sum(listed) - 1) > 1e-9:
        raise WeightsError(f"shares={list(listed)} add up to {sum(listed):g}, not to one.")
    return listed


def _km(weights: Weights, cities: Any, rows: Any, columns: Any, beyond: float) -> Array:
    """Kilometres of every link."""
    check_km(beyond, "beyond")
    if cities is None:
        raise WeightsError("beyond=km needs the places of the cities: cities=panel.cities.")
    where = places(cities)
    position = {city: i for i, city in enumerate(where.ids)}
    absent = [i for i in weights.ids if i not in position]
    if absent:
        raise AlignmentError(f"cities has no polygon for {named(absent)} of W[{weights.name}].")
    at = np.array([position[i] for i in weights.ids])
    return where.km(at[rows], at[columns])


def _floor(data: Array, strongest: int | None, share: float | None) -> float:
    """The weakest weight that is kept among these."""
    if not len(data):
        return 0.0
    ordered = np.sort(data)[::-1]
    if share is None:
        return float(ordered[min(int(strongest or 1), len(ordered)) - 1])
    held = np.cumsum(ordered) / ordered.sum()
    return float(ordered[int(np.searchsorted(held, share * (1 - TIE)))])


def _check_strength(strongest: int | None, share: float | None, per: str) -> None:
    if (strongest is None) == (share is None):
        raise WeightsError("sparsify needs either strongest=k or share=s.")
    if per not in ("city", "matrix"):
        raise WeightsError(f"per={per!r} is not one of 'city', 'matrix'.")
    if strongest is not None and per == "matrix":
        raise WeightsError(
            'strongest=k counts the links of every city; use share= with per="matrix".'
        )
    if strongest is not None and not (real(strongest) >= 1 and real(strongest).is_integer()):
        raise WeightsError(f"strongest={strongest!r}: every city keeps one link or more.")
    if share is not None and not 0 < real(share) < 1:
        raise WeightsError(f"share={share!r} lies between 0 and 1.")
