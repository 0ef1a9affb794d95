"""Scaling a weights matrix, and what each way keeps.

``row``      every row sums to one: Wy is a weighted mean of the neighbours. Sizes of the
             links are comparable within a city only.
``column``   every column sums to one: each city gives away one unit of influence in all.
``spectral`` divided by the spectral radius: rho < 1 is the upper bound, relative sizes
             of all links are kept.
``minmax``   divided by min(largest row sum, largest column sum): keeps relative sizes and
             needs no eigenvalues (Kelejian & Prucha 2010, J. Econometrics 157, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from scipy import sparse

from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.solves import DENSE_TO
from spatialsyn.numerics.spectrum import eigenvalues, leading, parts
from spatialsyn.weights.core import Weights

STANDARDIZATIONS = ("row", "column", "spectral", "minmax", "none")


def standardize(weights: Weights, how: str | Sequence[str] = "row") -> Weights:
    """`weights` scaled by `how`; a matrix that was standardised before is scaled once more.

    Several ways, ``["column", "row"]``, follow one another. Rows of a column-standardised matrix
    that are made to sum to one are not those of the matrix itself: `Weights.standardizations`
    says "column, then row".
    """
    if isinstance(how, list | tuple):
        return reduce(standardize, how, weights)
    if how not in STANDARDIZATIONS:
        raise WeightsError(f"standardize({how!r}) is not one of {named(STANDARDIZATIONS)}.")
    if how == "none":
        return weights
    links = weights.sparse
    if how == "row":
        _check_isolates(weights)
        factor = 1 / weights.row_sums[:, None]
    elif how == "column":
        factor = 1 / _emitted(weights)[None, :]
    else:
        factor = np.array(1 / _scale(weights, how))
    return _recorded(weights, sparse.csr_array(links * factor), how)


def scaled_together(weights: Sequence[Weights], how: str) -> list[Weights]:
    """Several matrices divided by one number, the largest of their scales."""
    scale = max(_scale(w, how) for w in weights)
    return [_recorded(w, sparse.csr_array(w.sparse / scale), how) for w in weights]


def _recorded(weights: Weights, matrix: sparse.csr_array, how: str) -> Weights:
    """`weights` with the scaled `matrix`, and every way it was scaled before by."""
    last, before = weights.standardization, weights.standardised_before
    if last not in ("none", how):
        before = (*before, last)
    return replace(weights, matrix=matrix, standardization=how, standardised_before=before)


def _emitted(weights: Weights) -> Array:
    """Sum of every column, none of which may be zero."""
    sums = column_sums(weights)
    silent = [i for i, total in zip(weights.ids, sums, strict=True) if total == 0]
    if silent:
        raise WeightsError(
            f"W[{weights.name}] has cities that no other is linked to, {named(silent)}: their "
            'columns cannot sum to one. Use standardize("row"), "spectral" or "minmax".'
        )
    return sums


def column_sums(weights: Weights) -> Array:
    """Sum of every column: how much a city pulls in all."""
    return np.asarray(weights.matrix.sum(axis=0)).ravel()


def _scale(weights: Weights, how: str) -> float:
    if how == "spectral":
        if weights.n > DENSE_TO:
            radius = leading(weights.matrix)[1]
        else:
            radius = float(np.abs(eigenvalues(weights.matrix)).max())
        if len(parts(weights.matrix)) == weights.n or not radius > 0:
            raise WeightsError(
                f"W[{weights.name}] has spectral radius zero (its links never close a circle), or "
                'one that was not found. Use standardize("row") or "minmax".'
            )
        return radius
    return float(min(weights.row_sums.max(), column_sums(weights).max()))


def _check_isolates(weights: Weights) -> None:
    if weights.isolates:
        raise WeightsError(
            f"W[{weights.name}] has cities without neighbours, {named(weights.isolates)}: their "
            "rows cannot sum to one. Give them a neighbour where the matrix is made "
            '(ss.weights.contiguity(..., isolates="nearest") or links=[...]), or leave them out: '
            "panel.subset(ids) and weights.subset(ids)."
        )
