"""Entries of S^-1 on the links of sparse matrices, without the other entries.

    S = I - sum_j c_j M_j = L U,   in an order of the cities with little fill

Consecutive columns J whose factors have the same rows I below them form a front; from the
last front to the first, Z = S^-1 on the rows and columns of a front is

    Z_IJ = -Z_II X    Z_JI = -Y Z_II    Z_JJ = (L_JJ U_JJ)^-1 + Y Z_II X
    X = L_IJ L_JJ^-1    Y = U_JJ^-1 U_JI

where Z_II is a part of a later front (Takahashi, Fagan & Chen 1973; Erisman & Tinney 1975,
Communications of the ACM 18, 177-179; fronts ours). This costs as much as the factors do.
Derivatives in c_j come from the same recurrence at c_j + ih, without a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from spatialsyn.errors import EstimationError
from spatialsyn.numerics.determinants import WIDEST
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.solves import NO_PIVOTING, pattern
from spatialsyn.numerics.spectrum import widest

Index = NDArray[np.intp]
# Whole subtrees of so few columns are one front: a product of small matrices costs no less.
SMALL = 24
# Share of rows that a column may gain when it joins the front of the next one.
PADDED = 0.1
# Any deviation of the diagonal of S^-1 S from one beyond this is no rounding.
OFF = 1e-8


@dataclass(frozen=True, eq=False)
class Front:
    """Consecutive columns that are eliminated together.

    Attributes
    ----------
    first, width : the columns
    rows : (s,) the columns, and the rows below them
    parent : the front that holds these rows; -1 for none
    places : where in the parent's rows
    entries, at : which entries of the pattern lie here, and where in the (s, s) matrix
    """

    first: int
    width: int
    rows: Index
    parent: int
    places: Index
    entries: Index
    at: Index


@dataclass(frozen=True, eq=False)
class Elimination:
    """How S = I - sum_j c_j M_j is factored, whatever c.

    Attributes
    ----------
    matrices, carriers : the M_j, and the C_k of which S^-1 C_k has a diagonal
    order : the cities in the order of elimination; rows and columns below are in this order
    rows, columns : (e,) of the links of all matrices and their transposes, column by column
    mirrored : (e,) the link with row and column exchanged
    fronts : in the order of elimination
    """

    matrices: tuple[sparse.csr_array, ...]
    carriers: tuple[sparse.csr_array, ...]
    order: Index
    rows: Index
    columns: Index
    mirrored: Index
    fronts: tuple[Front, ...]

    @cached_property
    def _moving(self) -> Array:
        """(m, e), the M_j on the links."""
        return np.reshape([self._placed(M) for M in self.matrices], (-1, len(self.rows)))

    @cached_property
    def _carried(self) -> list[Array]:
        """(e,) for every carrier."""
        return [self._placed(C) for C in self.carriers]

    def _placed(self, matrix: sparse.csr_array) -> Array:
        position, links = np.argsort(self.order), matrix.tocoo()
        n, placed = len(self.order), np.zeros(len(self.rows))
        wanted = position[links.col] * n + position[links.row]
        np.add.at(placed, np.searchsorted(self.columns * n + self.rows, wanted), links.data)
        return placed

    def factored(self, c: NDArray[np.inexact[Any]]) -> tuple[SuperLU, NDArray[np.inexact[Any]]]:
        """L and U of S at real or complex c, and the (e,) entries of S.

        Raises
        ------
        EstimationError
            An S that is singular.
        """
        n = len(self.order)
        S = (self.rows == self.columns) - c @ self._moving
        ends = np.searchsorted(self.columns, np.arange(n + 1))
        columns = sparse.csc_array((S, self.rows, ends), shape=(n, n))
        try:
            lu = splu(columns, permc_spec="NATURAL", **NO_PIVOTING)
        except RuntimeError as error:
            raise EstimationError(_SINGULAR) from error
        if (lu.perm_c != np.arange(n)).any() or (lu.perm_r != np.arange(n)).any():
            raise EstimationError(_SINGULAR)
        return lu, S

    def inverse(self, c: NDArray[np.inexact[Any]]) -> NDArray[np.inexact[Any]]:
        """(e,) entries of S^-1 on the pattern.

        Raises
        ------
        EstimationError
            An S that is singular, or next to it.
        """
        lu, S = self.factored(c)
        widths = np.array([front.width for front in self.fronts])
        sizes = np.array([len(front.rows) for front in self.fronts])
        ends = np.cumsum(sizes * widths)
        lower, upper = (self._panels(F, widths, sizes, ends) for F in (lu.L, lu.U.T))
        found = np.empty_like(S)
        kept: list[NDArray[np.inexact[Any]] | None] = [None] * len(self.fronts)
        for f in range(len(self.fronts) - 1, -1, -1):
            front, part = self.fronts[f], slice(ends[f] - sizes[f] * widths[f], ends[f])
            shape = (sizes[f], widths[f])
            Z = _front_inverse(
                lower[part].reshape(shape), upper[part].reshape(shape),
                None if front.parent < 0 else kept[front.parent], front.places,
            )  # fmt: skip
            found[front.entries] = Z.ravel()[front.at]
            kept[f] = Z
        off = np.abs(self._summed(found[self.mirrored] * S) - 1).max()
        if not off < OFF:
            raise EstimationError(_SINGULAR)
        return found

    def diagonal(self, inverse: NDArray[np.inexact[Any]], carrier: int) -> NDArray[np.inexact[Any]]:
        """(n,) diagonal of S^-1 C_k, the cities in their own order."""
        found = np.empty(len(self.order), dtype=inverse.dtype)
        found[self.order] = self._summed(inverse[self.mirrored] * self._carried[carrier])
        return found

    def _summed(self, entries: NDArray[np.inexact[Any]]) -> NDArray[np.inexact[Any]]:
        starts = np.searchsorted(self.columns, np.arange(len(self.order)))
        return np.add.reduceat(entries, starts)

    def _panels(
        self, factor: Any, widths: Index, sizes: Index, ends: Index
    ) -> NDArray[np.inexact[Any]]:
        """The columns of a lower factor, front by front, written out on the front's rows."""
        lower, n = sparse.csc_array(factor).tocoo(), len(self.order)
        front = np.repeat(np.arange(len(widths)), widths)[lower.col]
        keys = np.repeat(np.arange(len(sizes)), sizes) * n + np.concatenate(
            [f.rows for f in self.fronts]
        )
        row = np.searchsorted(keys, front * n + lower.row) - (np.cumsum(sizes) - sizes)[front]
        column = lower.col - (np.cumsum(widths) - widths)[front]
        panels = np.zeros(ends[-1], dtype=lower.dtype)
        panels[(ends - sizes * widths)[front] + row * widths[front] + column] = lower.data
        return panels


_SINGULAR = (
    "I - rho W is singular or next to it at these parameters: they lie at the edge of the "
    "parameter space, where effects are without bound."
)


def _front_inverse(
    lower: NDArray[np.inexact[Any]],
    upper: NDArray[np.inexact[Any]],
    parent: NDArray[np.inexact[Any]] | None,
    places: Index,
) -> NDArray[np.inexact[Any]]:
    """Z on the rows and columns of a front, from its panels of L and U' and its parent's Z."""
    size, k = lower.shape
    L, U = np.linalg.inv(lower[:k]), np.linalg.inv(upper[:k].T)
    Z = np.empty((size, size), dtype=lower.dtype)
    Z[:k, :k] = U @ L
    if parent is not None:
        X, Y = lower[k:] @ L, U @ upper[k:].T
        Z[k:, k:] = parent[np.ix_(places, places)]
        Z[k:, :k] = -Z[k:, k:] @ X
        Z[:k, k:] = -Y @ Z[k:, k:]
        Z[:k, :k] -= Z[:k, k:] @ X
    return Z


def elimination(
    matrices: Sequence[sparse.csr_array], carriers: Sequence[sparse.csr_array] = ()
) -> Elimination:
    """The order and the fronts of I - sum_j c_j M_j on all links of the matrices and carriers.

    Raises
    ------
    EstimationError
        Links that reach so far that the factors would fill memory.
    """
    n = (*matrices, *carriers)[0].shape[0]
    every = sparse.csr_array(sparse.eye_array(n))
    for matrix in (*matrices, *carriers):
        every = every + abs(matrix).sign() + abs(matrix.T).sign()
    if widest(every) > WIDEST:
        raise EstimationError(
            f"{n} cities linked as far apart as here have factors that fill memory. Average "
            "effects of a model with one matrix need none, results.effects(); others, by block or "
            "by city, need links between neighbours, such as contiguity, knn or a distance band."
        )
    order = np.asarray(pattern(every).order, dtype=np.intp)
    order = order[_postorder(_below(_ordered(every, order)))]
    links = _ordered(every, order)
    columns = np.repeat(np.arange(n), np.diff(links.indptr))
    rows = links.indices.astype(np.intp)
    mirrored = np.lexsort((columns, rows)).argsort()
    fronts = _fronts(_below(links), rows, columns)
    return Elimination(tuple(matrices), tuple(carriers), order, rows, columns, mirrored, fronts)


def _ordered(links: sparse.csr_array, order: Index) -> sparse.csc_array:
    moved = sparse.csc_array(links[order][:, order])
    moved.sort_indices()
    return moved


def _postorder(below: list[Index]) -> Index:
    """The columns in an order, as good as theirs, that keeps every subtree together."""
    n = len(below)
    parent = np.array([rows[0] if len(rows) else n for rows in below])
    size = np.ones(n + 1, dtype=int)
    for j in range(n):
        size[parent[j]] += size[j]
    free, position = np.zeros(n + 1, dtype=int), np.empty(n, dtype=int)
    for j in range(n - 1, -1, -1):  # a column comes last in its subtree
        start = free[parent[j]]
        free[parent[j]] += size[j]
        free[j], position[j] = start, start + size[j] - 1
    return np.argsort(position)


def _below(links: sparse.csc_array) -> list[Index]:
    """Rows of the factor below the diagonal of every column, for a symmetric pattern."""
    below: list[Index] = []
    children: list[list[int]] = [[] for _ in range(links.shape[0])]
    for j, merged in enumerate(children):
        own = links.indices[links.indptr[j] : links.indptr[j + 1]]
        rows = np.unique(np.concatenate([own[own > j], *(below[c][1:] for c in merged)]))
        below.append(rows.astype(np.intp))
        if len(rows):
            children[rows[0]].append(j)
    return below


def _fronts(below: list[Index], rows: Index, columns: Index) -> tuple[Front, ...]:
    """The columns in fronts, with the entries of the pattern that each of them holds."""
    lasts = _last_columns(below)
    firsts = np.r_[0, lasts[:-1] + 1]
    of = np.repeat(np.arange(len(lasts)), lasts - firsts + 1)
    inside = [np.r_[np.arange(a, b + 1), below[b]] for a, b in zip(firsts, lasts, strict=True)]
    owner = of[np.minimum(rows, columns)]
    by_front = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[by_front], np.arange(len(lasts) + 1))
    found = []
    for f, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        parent = int(of[below[last][0]]) if len(below[last]) else -1
        places = np.searchsorted(inside[parent], below[last]) if parent >= 0 else np.empty(0, int)
        entries = by_front[ends[f] : ends[f + 1]]
        row, column = (np.searchsorted(inside[f], side[entries]) for side in (rows, columns))
        at = row * len(inside[f]) + column
        width = int(last - first + 1)
        found.append(Front(int(first), width, inside[f], parent, places, entries, at))
    return tuple(found)


def _last_columns(below: list[Index]) -> Index:
    """The last column of every front: small subtrees whole, then columns with alike rows."""
    n = len(below)
    parent = np.array([rows[0] if len(rows) else n for rows in below])
    size, first = np.ones(n, dtype=int), np.arange(n)
    for j in range(n):
        if parent[j] == n:
            continue
        size[parent[j]] += size[j]
        first[parent[j]] = min(first[parent[j]], first[j])
    small = (size <= SMALL) & (first == np.arange(n) - size + 1)
    above = np.append(small, False)[parent]
    ends = np.ones(n, dtype=bool)
    for j in range(n - 1):
        if small[j]:
            ends[j] = not above[j]
        elif parent[j] == j + 1:
            ends[j] = len(below[j + 1]) + 1 - len(below[j]) > PADDED * len(below[j])
    return np.flatnonzero(ends)
