"""S = I - sum_m rho_m W_m and its inverse, the spatial multiplier.

Both are (n, n), or (T, n, n) where a matrix changes over time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

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


def transposed(A: Matrix) -> Matrix:
    """A', year by year where it changes over time."""
    return sparse.csr_array(A.T) if sparse.issparse(A) else np.swapaxes(A, -1, -2)


def trace(A: Matrix, swept: bool = False) -> float:
    """tr A, or tr J A J with J = I - 11'/n; its mean over the years."""
    own = A.trace() if sparse.issparse(A) else np.trace(A, axis1=-2, axis2=-1)
    whole = A.sum(axis=-1).sum(axis=-1) / A.shape[-1] if swept else 0.0
    return float(np.mean(own - whole))


def mean_trace(A: Matrix, B: Matrix, swept: bool = False) -> float:
    """tr A B, or tr J A J B; its mean over the years. Sparse matrices stay sparse."""
    if sparse.issparse(A) or sparse.issparse(B):
        value = sparse.csr_array(A).multiply(transposed(B)).sum()
    else:
        value = (np.asarray(A) * np.asarray(transposed(B))).sum(axis=(-2, -1))
    if swept:
        (rows_a, cols_a), (rows_b, cols_b) = ((M.sum(axis=-1), M.sum(axis=-2)) for M in (A, B))
        crossed = (cols_a * rows_b + cols_b * rows_a).sum(axis=-1) / A.shape[-1]
        value = value - crossed + rows_a.sum(axis=-1) * rows_b.sum(axis=-1) / A.shape[-1] ** 2
    return float(np.mean(value))


def centred(D: Array) -> Array:
    """J D J with J = I - 11'/n: what is left of D once time effects are removed."""
    rows, columns = D.mean(axis=-2, keepdims=True), D.mean(axis=-1, keepdims=True)
    return np.asarray(D - rows - columns + D.mean(axis=(-2, -1), keepdims=True))
