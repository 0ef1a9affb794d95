"""Eigenvalues of a weights matrix, through a symmetric matrix wherever one exists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

from spatialsyn.numerics.lags import Array, Matrix, dense

# A symmetrised pair of weights may differ by rounding of the standardisation only.
SYMMETRY_RTOL = 1e-9
# Rounds after which Lanczos iterations are given up.
RESTARTS = 500


def eigenvalues(W: Matrix) -> NDArray[np.inexact[Any]]:
    """All eigenvalues of `W`, real when `W` is similar to a symmetric matrix.

    A row-standardised symmetric matrix is such a case: its eigenvalues are real and
    `eigvalsh` finds them faster and more exactly than a general solver.
    """
    scale = symmetriser(W)
    if scale is None:
        return np.linalg.eigvals(dense(W))
    root = np.sqrt(scale)
    A = dense(W) * root[:, None] / root
    return np.linalg.eigvalsh((A + A.T) / 2)


def symmetriser(W: Matrix) -> Array | None:
    """s > 0 with s_i W_ij = s_j W_ji for all pairs, or None when there is none.

    ln s is fixed along a spanning tree of every component and then checked on every link.
    """
    links = sparse.csr_array(W)
    links.eliminate_zeros()
    back = links.T.tocsr()
    if (abs(links.sign() - back.sign())).nnz:
        return None
    log_s = np.zeros(links.shape[0])
    count, component = connected_components(links, directed=False)
    for c in range(count):
        start = int(np.flatnonzero(component == c)[0])
        order, parent = breadth_first_order(links, start, directed=False)
        ratio = np.zeros(links.shape[0])
        children = order[1:]
        parents = parent[children]
        if len(children):
            forward = np.asarray(links[parents, children]).ravel()
            backward = np.asarray(links[children, parents]).ravel()
            ratio[children] = np.log(forward / backward)
        for child, origin in zip(children, parents, strict=True):
            log_s[child] = log_s[origin] + ratio[child]
    s = np.exp(log_s - log_s.max())
    balanced = links.multiply(s[:, None])
    gap = abs(balanced - balanced.T) - SYMMETRY_RTOL * balanced.maximum(balanced.T)
    return s if gap.max() <= 0 else None


def leading(W: Matrix) -> tuple[float, float, float]:
    """Smallest and largest real eigenvalue and second largest modulus, for n beyond `eigenvalues`.

    Found by Lanczos iterations; what they do not settle is missing (NaN), and so is the
    smallest real eigenvalue of a matrix that is not similar to a symmetric one.
    """
    links = sparse.csr_array(W)
    scale = symmetriser(links)
    start = np.ones(links.shape[0])  # a start of its own choice would be random
    how: Any = {"v0": start, "return_eigenvectors": False, "maxiter": RESTARTS}
    try:
        if scale is None:
            size = np.sort(np.abs(eigs(links, k=3, which="LM", **how)))
            return float("nan"), float(size[-1]), float(size[-2])
        root = np.sqrt(scale)
        A = sparse.diags_array(root) @ links @ sparse.diags_array(1 / root)
        w = eigsh((A + A.T) / 2, k=4, which="BE", **how)
    except ArpackNoConvergence:
        return float("nan"), float("nan"), float("nan")
    return float(w.min()), float(w.max()), float(np.sort(np.abs(w))[-2])
