"""Spatial lags of panel arrays, cities first.

`W @ v` for v of shape (n,), (n, T) or (n, T, k) lags every period and column at once,
so no (nT, nT) matrix is ever built.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array: TypeAlias = NDArray[np.floating[Any]]
Matrix: TypeAlias = "Array | sparse.csr_array"


def lag(W: Matrix, v: Array) -> Array:
    """Spatial lag of `v`: row i of `W` holds the pull of every city on city i."""
    flat = np.ascontiguousarray(v).reshape(len(v), -1)
    return np.asarray(W @ flat, dtype=float).reshape(v.shape)


def dense(W: Matrix) -> Array:
    """`W` as an (n, n) array."""
    return W.toarray() if sparse.issparse(W) else np.asarray(W, dtype=float)
