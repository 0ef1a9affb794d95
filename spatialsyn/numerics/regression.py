"""Least squares whatever the units of the columns."""

from __future__ import annotations

import numpy as np

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
