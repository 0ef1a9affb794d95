"""S = I - sum_m rho_m W_m and its inverse, the spatial multiplier.

Both are (n, n), or (T, n, n) where a matrix changes over time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spatialsyn.numerics.lags import Array, Matrix, dense


def multiplied_out(W: Sequence[Matrix], rho: Array, n: int) -> Array:
    """S = I - sum_m rho_m W_m."""
    S: Array = np.eye(n)
    for r, w in zip(rho, W, strict=True):
        S = S - r * dense(w)
    return S


def multiplier(W: Sequence[Matrix], rho: Array, n: int) -> Array:
    """S^-1: how a shock in city j ends up in city i."""
    return np.linalg.inv(multiplied_out(W, rho, n)) if len(rho) else np.eye(n)


def product(W: Matrix, P: Array) -> Array:
    """W P, year by year where one of them changes over time."""
    return np.asarray((W if P.ndim == 2 else dense(W)) @ P)


def mean_trace(A: Array, B: Array) -> float:
    """tr(A B), its mean over the years where a matrix changes over time."""
    return float(np.mean((A * np.swapaxes(B, -1, -2)).sum(axis=(-2, -1))))


def centred(D: Array) -> Array:
    """J D J with J = I - 11'/n: what is left of D once time effects are removed."""
    rows, columns = D.mean(axis=-2, keepdims=True), D.mean(axis=-1, keepdims=True)
    return np.asarray(D - rows - columns + D.mean(axis=(-2, -1), keepdims=True))
