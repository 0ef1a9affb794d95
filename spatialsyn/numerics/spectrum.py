"""Eigenvalues of a weights matrix, through a symmetric matrix wherever one exists."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

from spatialsyn.numerics.lags import Array, Matrix, dense, lag

# A symmetrised pair of weights may differ by rounding of the standardisation only.
SYMMETRY_RTOL = 1e-9
# Products of three weights below this have lost digits.
UNDERFLOW = 1e-290
# Cities whose circles are looked at before those of all.
FIRST = 64
# Sums of rows that differ by less, in parts of the largest, are equal.
ROW_SUM = 1e-9
# A spectral radius below this part of the norm is rounding.
CIRCLE = 1e-3
# Powers of W that show how fast they grow.
POWERS = 40
# Rounds after which Lanczos iterations are given up.
RESTARTS = 500


def eigenvalues(W: Matrix) -> NDArray[np.inexact[Any]]:
    """All eigenvalues of `W`, real when `W` is similar to a symmetric matrix.

    A row-standardised symmetric matrix is such a case: its eigenvalues are real and
    `eigvalsh` finds them faster and more exactly than a general solver.
    """
    A = dense(W)
    # s^1/2 W s^-1/2, whatever the scales s: W is not negative.
    return by_parts(A) if symmetriser(W) is None else np.linalg.eigvalsh(np.sqrt(A * A.T))


def by_parts(A: Array) -> NDArray[np.inexact[Any]]:
    """All eigenvalues of any (n, n) matrix, or of every year of (T, n, n).

    They are those of each part of cities that circles of links join. One that two parts share
    may have one eigenvector in the whole, and rounding would make a complex pair of it there;
    without any circle all are zero exactly.
    """
    years = A.reshape(-1, *A.shape[-2:])
    return np.concatenate(
        [np.linalg.eigvals(year[np.ix_(part, part)]) for year in years for part in parts(year)]
    )


def parts(A: Matrix) -> list[NDArray[np.intp]]:
    """The cities of every part that circles of links join."""
    _, part = connected_components(sparse.csr_array(A), connection="strong")
    return np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])


def symmetriser(W: Matrix) -> Array | None:
    """s > 0 with s_i W_ij = s_j W_ji for all pairs, or None when there is none.

    ln s is that of rows of equal weights, or fixed along a spanning tree of every component, and
    then checked on every link.
    """
    if not sparse.issparse(W) and not _circles_balance(W):
        return None
    links = canonical(W)
    step = _steps(links)
    if step is None:
        return None
    columns = links.indices
    rows = np.repeat(np.arange(links.shape[0], dtype=columns.dtype), np.diff(links.indptr))

    def scales(log_s: Array) -> Array | None:
        gap = log_s[rows]
        gap -= log_s[columns]
        gap += step
        fits = np.abs(gap, out=gap).max(initial=0) <= SYMMETRY_RTOL
        return np.exp(log_s - log_s.max()) if fits else None

    found = scales(_of_equal_rows(links))
    return scales(_along_trees(links, step, rows)) if found is None else found


def similar(W: Matrix, root: Array) -> Matrix:
    """D W D^-1 with D = diag(root): symmetric where `root` is that of `symmetriser`."""
    if sparse.issparse(W):
        data = W.data * np.repeat(root, np.diff(W.indptr))
        data /= root[W.indices]
        return sparse.csr_array((data, W.indices, W.indptr), shape=W.shape)
    # In rows, whatever the order of W.
    made = np.multiply(W, root[:, None], dtype=float, order="C")
    made /= root
    return np.asarray(made)


def _of_equal_rows(links: sparse.csr_array) -> Array:
    """ln s, (n,), if all links of a city weigh the same: by its first one."""
    log_s, some = np.zeros(links.shape[0]), np.diff(links.indptr) > 0
    log_s[some] = -np.log(links.data[links.indptr[:-1][some]])
    return log_s


def _along_trees(links: sparse.csr_array, step: Array, rows: NDArray[np.integer[Any]]) -> Array:
    """ln s, (n,), if it exists: by the steps from city to city.

    Links lead both ways: where one leads, it is led back from.
    """
    n, columns = links.shape[0], links.indices
    _, component = connected_components(links, connection="strong")
    found = breadth_first(links, np.unique(component, return_index=True)[1], directed=True)
    tree = found.parents[columns] == rows
    log_s, ratio = np.zeros(n + 1), np.zeros(n)
    ratio[columns[tree]] = step[tree]
    for first, last in pairwise(found.ends[1:]):
        level = found.cities[first:last]
        log_s[level] = log_s[found.parents[level]] + ratio[level]
    return log_s[:-1]


def _steps(links: sparse.csr_array) -> Array | None:
    """ln W_ij - ln W_ji of every link, or None where some lead one way only."""
    back = links.T.tocsr()
    if not (
        np.array_equal(links.indptr, back.indptr)
        and np.array_equal(links.indices, back.indices)
        and np.array_equal(links.data > 0, back.data > 0)
    ):
        return None
    return np.log(links.data / back.data)


def canonical(W: Matrix | sparse.csc_array) -> sparse.csr_array:
    """`W` as a sparse array, every row in the order of its columns, without zeros."""
    links = sparse.csr_array(W)
    if links.has_canonical_format and links.data.all():
        return links
    links = links.copy()
    links.sum_duplicates()
    links.eliminate_zeros()
    return links


def _circles_balance(W: Array) -> bool:
    """Whether W_0i W_ij W_j0 = W_0j W_ji W_i0, as they must where W is symmetrisable.

    Kolmogorov's criterion on circles of three that pass the first city: of n^2 operations, far
    fewer where some of the first cities break it.
    """
    for some in (W[:FIRST, :FIRST], W):
        circles = some[0][:, None] * some * some[:, 0]
        gap = np.abs(circles - circles.T) - 4 * SYMMETRY_RTOL * np.maximum(circles, circles.T)
        if gap.max() > UNDERFLOW:
            return False
    return True


class Levels(NamedTuple):
    """A walk over the cities by their number of links from the roots.

    Attributes: `cities` in the order of the walk; `parents` of every city, n for a root;
    `ends`, where the levels start and end in `cities`.
    """

    cities: NDArray[np.integer[Any]]
    parents: NDArray[np.integer[Any]]
    ends: list[int]


def breadth_first(
    links: sparse.csr_array, roots: NDArray[np.integer[Any]], directed: bool = False
) -> Levels:
    """The walk over the cities that links in either direction, or their own, lead to."""
    n = links.shape[0]
    starts = np.r_[links.indptr, links.nnz + len(roots)]
    ends = np.r_[links.indices, roots]
    joined = sparse.csr_array((np.ones(len(ends)), ends, starts), shape=(n + 1, n + 1))
    order, parents = breadth_first_order(joined, n, directed)
    order, parents = order[1:], parents[:n]
    place = np.full(n + 1, -1)
    place[order] = np.arange(len(order))
    behind, ends = place[parents[order]], [0, len(roots)]
    while ends[-1] < len(order):
        ends.append(int(np.searchsorted(behind, ends[-1])))
    return Levels(order, parents, ends)


def widest(W: Matrix) -> int:
    """The most cities at one number of links from a city at the border of the map.

    They take the two sides apart, so factors of I - rho W hold about half as many numbers as
    its square: a few hundred among 40,000 neighbours on a map, half of all in a random graph.
    """
    links = sparse.csr_array(W)
    far = breadth_first(links, np.zeros(1, dtype=int)).cities[-1:]
    return int(np.diff(breadth_first(links, far).ends).max())


def perron(W: Matrix) -> float:
    """Spectral radius of `W`, whose entries are not negative: one number for all rows' sums."""
    sums = np.asarray(W.sum(axis=1)).ravel()
    if np.isfinite(known := common_sum(sums)):
        return known
    radius, norm = leading(W)[1], float(min(sums.max(), W.sum(axis=0).max()))
    # No eigenvalue exceeds a norm: where Lanczos fails, or finds the zeros of links without a
    # circle as rounding, the interval of rho is narrower, not wrong.
    return radius if radius > CIRCLE * norm else norm


def common_sum(sums: NDArray[np.floating[Any]]) -> float:
    """The sum of every row, which is the spectral radius then; NaN where rows differ."""
    return float(sums.max()) if np.ptp(sums) <= ROW_SUM * sums.max() else float("nan")


def second(W: Matrix) -> float:
    """Second largest modulus of an eigenvalue of `W`, non-negative, roughly: by powers of W.

    Those of W that are orthogonal to its first eigenvector x are those of (I - xx')W.
    """
    v: Array = np.random.default_rng(0).standard_normal((W.shape[0],))
    x: Array = np.ones(W.shape[0])
    for _ in range(POWERS):
        x = lag(W, x)
        x = x / max(float(np.linalg.norm(x)), 1e-300)
    growth = np.ones(POWERS)
    for k in range(POWERS):
        v = lag(W, v)
        v = v - x * float(x @ v)
        growth[k] = max(float(np.linalg.norm(v)), 1e-300)
        v = v / growth[k]
    return float(np.exp(np.log(growth[POWERS // 2 :]).mean()))


def leading(W: Matrix) -> tuple[float, float, float]:
    """Smallest and largest real eigenvalue and second largest modulus, for n beyond `eigenvalues`.

    Found by Lanczos iterations; what they do not settle is missing (NaN), save the largest of
    rows with one sum, and so is the smallest real eigenvalue of a matrix that is not similar to a
    symmetric one.
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
        return float("nan"), common_sum(np.asarray(links.sum(axis=1), dtype=float)), float("nan")
    return float(w.min()), float(w.max()), float(np.sort(np.abs(w))[-2])
