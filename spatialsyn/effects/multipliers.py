"""The matrix of partial derivatives dy_i/dx_j and how it moves with the parameters.

A regressor enters through carriers C_k (the identity for x itself, W for its spatial
lag, diagonal matrices for regimes) with coefficients c_k:

    B = S^-1 sum_k c_k C_k,   S = I - sum_m rho_m W_m
    dB/dc_k = S^-1 C_k,       dB/drho_m = S^-1 W_m B

(LeSage & Pace 2009, section 2.7; derivatives ours). Every effect of the package is a
linear reading of B, so reading S^-1 C_k and S^-1 W_m S^-1 C_k once serves all
regressors, their gradients, and every combination of coefficients. Where a matrix changes
over time, (T, n, n), so does B, and its readings are averaged over the years. With matrix
exponentials S = e^(alpha W) and dB/dalpha = -W B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialsyn.numerics.lags import Array, Matrix, dense, lag
from spatialsyn.numerics.multiplier import multiplied_out

# A linear map from the (n, n) matrix of derivatives to a vector of effects.
Reading = Callable[[Array], Array]


def effects_matrix(
    W: Sequence[Matrix],
    rho: Array,
    beta: float | Array,
    theta: float | Array = 0.0,
    Wx: Matrix | None = None,
) -> Array:
    """S^-1 (beta I + theta Wx), (n, n): units of y per unit of x.

    `beta` and `theta` are numbers, or length-n vectors where cities differ (regimes).
    """
    n = (W[0] if len(W) else Wx).shape[0]  # type: ignore[union-attr]
    inner = np.diag(np.broadcast_to(beta, n).astype(float))
    if Wx is not None:
        inner = inner + np.broadcast_to(theta, n)[:, None] * dense(Wx)
    return np.asarray(np.linalg.solve(multiplied_out(W, rho, n), inner))


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

    def effect(self, coefficients: Array) -> Array:
        """(r,) effects of a regressor with coefficients c_k."""
        return np.asarray(coefficients @ self.level)

    def gradient(self, coefficients: Array) -> Array:
        """(K + m, r) derivatives in (c_1 .. c_K, rho_1 .. rho_m)."""
        return np.concatenate([self.level, coefficients @ self.slope])


def read(
    inverse: Array,
    W: Sequence[Matrix],
    carriers: Sequence[Matrix],
    reading: Reading,
    exponential: bool = False,
) -> Readings:
    """Readings of all carriers, given S^-1 (`inverse`)."""
    years = [len(a) for a in (inverse, *W, *carriers) if a.ndim == 3]
    if years:
        of_years = [
            read(in_year(inverse, t), [in_year(w, t) for w in W],
                 [in_year(C, t) for C in carriers], reading)
            for t in range(years[0])
        ]  # fmt: skip
        return Readings(
            np.mean([r.level for r in of_years], axis=0),
            np.mean([r.slope for r in of_years], axis=0),
        )
    products = [times(inverse, C) for C in carriers]
    level = np.array([reading(P) for P in products])
    slope = np.array(
        [[reading(-lag(w, P) if exponential else inverse @ lag(w, P)) for P in products] for w in W]
    ).reshape(len(W), *level.shape)
    return Readings(level, slope)


def in_year(matrix: Any, t: int) -> Any:
    """The matrix of year t, of one that may change over time."""
    return matrix[t] if matrix.ndim == 3 else matrix


def times(inverse: Array, carrier: Matrix) -> Array:
    """S^-1 C, without multiplying by a sparse identity or W as if it were dense."""
    return np.asarray(carrier.T @ inverse.T).T
