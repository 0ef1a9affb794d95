"""Spatial lags of panel arrays, cities first.

`W @ v` for v of shape (n,), (n, T) or (n, T, k) lags every period and column at once,
so no (nT, nT) matrix is ever built. A matrix that changes over time is an array
(T, n, n): period t is lagged by W[t].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array: TypeAlias = NDArray[np.floating[Any]]
Matrix: TypeAlias = "Array | sparse.csr_array"
# Cities up to which models of one W are estimated side by side, see `models.many`.
FEW_CITIES = 1000


def lag(W: Matrix, v: Array) -> Array:
    """Spatial lag of `v`: row i of `W` holds the pull of every city on city i."""
    if W.ndim == 3:
        by_period = np.asarray(W) @ np.moveaxis(v, 1, 0).reshape(v.shape[1], len(v), -1)
        return np.moveaxis(by_period, 0, 1).reshape(v.shape)
    flat = np.ascontiguousarray(v).reshape(len(v), -1)
    if isinstance(W, np.ndarray) and len(W) > FEW_CITIES:
        return np.ascontiguousarray(times(W, flat)).reshape(v.shape)
    return np.asarray(W @ flat, dtype=float).reshape(v.shape)  # the bits of `lag_each`


def times(M: Array, v: Array) -> Array:
    """M v of a large M and a few columns, (n,) or (n, q), each of which comes in one piece.

    So M is the first of the two factors that BLAS is given, by columns as it counts, which takes
    half to two thirds of the time of M as the second.
    """
    return np.asarray((v.T @ M.T).T)


def lag_columns(W: Matrix, X: Array) -> Array:
    """`lag` of (n, T, k), every column by itself: its last bit does not depend on the others.

    Of many cities all at once, which reads W once.
    """
    if len(X) > FEW_CITIES:
        return lag(W, X)
    lagged = np.empty(X.shape)
    for j in range(X.shape[2]):
        lagged[..., j] = lag(W, X[..., j])
    return lagged


def lag_each(W: Matrix, v: Array) -> Array:
    """`lag_columns` of (k, n, T), or the lags of as many matrices, by a W that does not change."""
    if sparse.issparse(W) or len(W) > FEW_CITIES:
        made = [lag(W, one) for one in v]
        return made[0][None] if len(made) == 1 else np.stack(made)
    return np.asarray(W @ v)


def dense(W: Matrix) -> Array:
    """`W` as an (n, n) array, or (T, n, n) where it changes over time."""
    return W.toarray() if sparse.issparse(W) else np.asarray(W, dtype=float)


def norm(W: Matrix) -> float:
    """The largest row sum of `W`, whose entries are not negative: no eigenvalue exceeds it."""
    return float(W.sum(axis=-1).max())


def columns_of(W: Matrix, scale: Array) -> Matrix:
    """W D with D = diag(scale): what each sending city sends, times its scale.

    A scale of city-years, (n, T), makes an array (T, n, n).
    """
    if scale.ndim == 2:
        return np.asarray(dense(W) * scale.T[:, None, :])
    if sparse.issparse(W):
        return sparse.csr_array(W @ sparse.diags_array(scale))
    return np.asarray(W * scale)


def rows_of(block: Array, W: Matrix) -> Matrix:
    """D W with D = diag(block): the links that the cities of a block receive.

    A block of city-years, (n, T), makes an array (T, n, n).
    """
    if block.ndim == 2:
        return np.asarray(block.T[:, :, None] * dense(W))
    if sparse.issparse(W):
        return sparse.csr_array(sparse.diags_array(block) @ W)
    return np.asarray(block[:, None] * W)


def paired(W: Matrix) -> Matrix:
    """P with z' P z = z' W z, W without a diagonal: half the links where W is mutual."""
    return sparse.csr_array(sparse.triu(W + W.T, k=1)) if sparse.issparse(W) else W


def nearest_to_zero(matrices: Sequence[Matrix]) -> tuple[float, Array]:
    """The shortest sum of matrices of unit length: its squared length and its coefficients.

    Coefficients have unit length; zero says that a matrix is a combination of the others.
    """
    gram = products(matrices)
    scale = np.sqrt(np.diag(gram))
    values, vectors = np.linalg.eigh(gram / scale / scale[:, None])
    return float(values[0]), vectors[:, 0]


def products(matrices: Sequence[Matrix]) -> Array:
    """(m, m) of m matrices: the sums of what their entries multiply to, the mean row's."""
    sparse_all = all(sparse.issparse(W) for W in matrices)
    W = list(matrices) if sparse_all else [dense(one) for one in matrices]
    n = W[0].shape[-1]
    return np.array([[(a * b).mean() * n for b in W] for a in W])


def quadratic(W: Matrix, Z: Array) -> Array:
    """z' W z of every column of (n, b) values, (b,)."""
    return by_column(Z, W @ Z)


def by_column(u: Array, v: Array) -> Array:
    """u'v of every column of (n, b) values, (b,)."""
    return np.asarray(np.einsum("ij,ij->j", u, v))
