"""S = I - sum_m rho_m W_m and its inverse, the spatial multiplier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spatialsyn.numerics.lags import Array, Matrix, dense


def multiplied_out(W: Sequence[Matrix], rho: Array, n: int) -> Array:
    """S = I - sum_m rho_m W_m, (n, n)."""
    S = np.eye(n)
    for r, w in zip(rho, W, strict=True):
        S -= r * dense(w)
    return S


def multiplier(W: Sequence[Matrix], rho: Array, n: int) -> Array:
    """S^-1, (n, n): how a shock in city j ends up in city i."""
    return np.linalg.inv(multiplied_out(W, rho, n)) if len(rho) else np.eye(n)
