"""The matrix of partial derivatives dy_i/dx_j and how it moves with the parameters.

A regressor enters through carriers C_k (the identity for x itself, W for its spatial
lag, diagonal matrices for regimes) with coefficients c_k:

    B = S^-1 sum_k c_k C_k,   S = I - sum_m rho_m W_m
    dB/dc_k = S^-1 C_k,       dB/drho_m = S^-1 W_m B

(LeSage & Pace 2009, section 2.7; derivatives ours). Every effect of the package is a
linear reading of B, so reading S^-1 C_k and S^-1 W_m S^-1 C_k once serves all
regressors, their gradients, and every combination of coefficients. A reading takes B as an
operator (`response`), so none of these is multiplied out. Where a matrix changes over time,
(T, n, n), so does B, and its readings are averaged over the years. With matrix exponentials
S = e^(alpha W) and dB/dalpha = -W B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spatialsyn.effects.response import Dense, Factored, Response
from spatialsyn.numerics.lags import Array, Matrix

# A linear map from the matrix of derivatives to a vector of effects.
Reading = Callable[[Response], Array]
# S^-1 with the carriers C_k of regressors and the matrices W_m behind its parameters.
Multiplier: TypeAlias = Dense | Factored


@dataclass(frozen=True, eq=False)
class Readings:
    """A reading of S^-1 C_k for every carrier, and of S^-1 W_m S^-1 C_k.

    Attributes
    ----------
    level : (K, r), the reading of S^-1 C_k
    slope : (m, K, r), its derivative in rho_m
    """

    level: Array
    slope: Array


def read(multiplier: Multiplier, reading: Reading, slopes: bool = True) -> Readings:
    """Readings of all carriers, and of their derivatives, if wanted."""
    carriers = range(len(multiplier.carriers))
    level = np.array([reading(multiplier.response(k)) for k in carriers])
    moved = range(len(multiplier.matrices) if slopes else 0)
    slope = [[reading(multiplier.response(k, m)) for k in carriers] for m in moved]
    return Readings(level, np.reshape(slope, (len(moved), *level.shape)))


def written_out(
    inverse: Array, W: Sequence[Matrix], carriers: Sequence[Matrix], exponential: bool = False
) -> list[Dense]:
    """S^-1, (n, n), with its matrices, once for every year where one of them changes."""
    years = [len(a) for a in (inverse, *W, *carriers) if a.ndim == 3]
    return [
        Dense(
            in_year(inverse, t),
            [in_year(w, t) for w in W],
            [in_year(C, t) for C in carriers],
            exponential,
        )
        for t in range(years[0] if years else 1)
    ]


def mean(of_years: Sequence[Readings]) -> Readings:
    """The average over the years."""
    return Readings(
        np.mean([r.level for r in of_years], axis=0), np.mean([r.slope for r in of_years], axis=0)
    )


def in_year(matrix: Any, t: int) -> Any:
    """The matrix of year t, of one that may change over time."""
    return matrix[t] if matrix.ndim == 3 else matrix
