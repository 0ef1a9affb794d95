"""Scaling a weights matrix, and what each way keeps.

``row``      every row sums to one: Wy is a weighted mean of the neighbours. Sizes of the
             links are comparable within a city only.
``spectral`` divided by the spectral radius: rho < 1 is the upper bound, relative sizes
             of all links are kept.
``minmax``   divided by min(largest row sum, largest column sum): keeps relative sizes and
             needs no eigenvalues (Kelejian & Prucha 2010, J. Econometrics 157, section 2).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.spectrum import eigenvalues
from spatialsyn.weights.core import Weights

STANDARDIZATIONS = ("row", "spectral", "minmax", "none")


def standardize(weights: Weights, how: str = "row") -> Weights:
    """`weights` scaled by `how`; a matrix that was standardised before is scaled anew."""
    if how not in STANDARDIZATIONS:
        raise WeightsError(f"standardize({how!r}) is not one of {named(STANDARDIZATIONS)}.")
    if how == "none":
        return weights
    if how == "row":
        sums = weights.row_sums
        _check_isolates(weights)
        matrix = sparse.diags_array(1 / sums) @ weights.sparse
    else:
        matrix = weights.sparse / _scale(weights, how)
    return replace(weights, matrix=matrix, standardization=how)


def _scale(weights: Weights, how: str) -> float:
    if how == "spectral":
        radius = float(np.abs(eigenvalues(weights.matrix)).max())
        if radius < 1e-12:
            raise WeightsError(
                f"W[{weights.name}] has spectral radius zero (its links never close a circle): "
                'it cannot be scaled by it. Use standardize("row") or "minmax".'
            )
        return radius
    columns = np.asarray(weights.matrix.sum(axis=0)).ravel()
    return float(min(weights.row_sums.max(), columns.max()))


def _check_isolates(weights: Weights) -> None:
    if weights.isolates:
        raise WeightsError(
            f"W[{weights.name}] has cities without neighbours, {named(weights.isolates)}: their "
            "rows cannot sum to one. Give them a neighbour where the matrix is made "
            '(ss.weights.contiguity(..., isolates="nearest") or links=[...]), or leave them out: '
            "panel.subset(ids) and weights.subset(ids)."
        )
