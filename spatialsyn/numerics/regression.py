"""Least squares whatever the units of the columns."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from spatialsyn.numerics.lags import Array


def least_squares(Z: Array, y: Array) -> Array:
    """Coefficients of `y`, (N,) or (N, q), on the columns of `Z`, (N, p), of the least length.

    Columns are compared at unit length: one a quadrillion times smaller than another is no
    rounding of it.
    """
    length = np.sqrt(np.einsum("ij,ij->j", Z, Z))
    length[length == 0] = 1.0
    found = np.linalg.lstsq(Z / length, y, rcond=None)[0]
    return np.asarray((found.T / length).T)


def inflation(Z: Array) -> Array:
    """Variance inflation, 1 / (1 - R^2) on the others and through zero, of the columns of `Z`.

    Infinite for all where one is zero or a linear combination of the others.
    """
    length = np.sqrt(np.einsum("ij,ij->j", Z, Z))
    if not (length > 0).all():
        return np.full(len(length), np.inf)
    R = np.linalg.qr(Z / length, mode="r")
    if not np.diag(R).all():
        return np.full(len(length), np.inf)
    return np.asarray(np.square(solve_triangular(R, np.eye(len(R)))).sum(axis=1))
