"""S = I - sum_m rho_m W_m factored once, and what is solved with it: the inverse is never formed.

Sparse matrices are factored by SuperLU in an order of the cities that keeps the factors sparse,
found once per pattern (`Pattern`): minimum degree on the pattern of W + W', then the postorder
of the elimination tree, which changes no factor but brings together what is eliminated
together (Liu 1990, SIAM Journal on Matrix Analysis 11, 134-172), three times faster from
250,000 cities on. Where no eigenvalue of |sum_m rho_m W_m| reaches one, for which it is enough
that no row sums to one, S is an H-matrix: its diagonal dominates once its columns are scaled,
and rows need not be exchanged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.csgraph import depth_first_order, reverse_cuthill_mckee
from scipy.sparse.linalg import LinearOperator, gmres, splu

from spatialsyn.errors import EstimationError
from spatialsyn.numerics.lags import Array, Matrix, dense
from spatialsyn.numerics.spectrum import canonical

# Cities whose (n, n) arrays are still made, of 200 MB each, and spectra found, in minutes.
DENSE_TO = 5000
# Iterations: what may be left of the right side, vectors kept, and rounds.
TIGHT, RESTART, CYCLES = 1e-12, 60, 50
# The rho at which the order is found.
SLOW = 1 - 1e-9
Indices: TypeAlias = NDArray[np.integer[Any]]
# One column at a time: factors as thin as those of a map gain nothing from wider panels, nor from
# zeros that make columns alike.
NO_PIVOTING: dict[str, Any] = {
    "diag_pivot_thresh": 0.0,
    "relax": 2,
    "panel_size": 1,
    "options": {"SymmetricMode": True},
}


class Inverse(ABC):
    """S^-1 as an operator, (n, n): `lag` and ``@`` take it like a matrix."""

    ndim = 2

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    @abstractmethod
    def solve(self, B: Array) -> Array:
        """S^-1 B, for `B` of shape (n,) or (n, q)."""

    @abstractmethod
    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B, for `B` of shape (n,) or (n, q)."""

    def __matmul__(self, B: Array) -> Array:
        return self.solve(B)

    def __getstate__(self) -> dict[str, Any]:
        """All but `factors`, which are made again when they are needed."""
        return {key: value for key, value in self.__dict__.items() if key != "factors"}

    def written_out(self) -> Array:
        """S^-1 as an (n, n) array.

        Raises
        ------
        EstimationError
            Too many cities for such an array.
        """
        n = self.shape[0]
        if n > DENSE_TO:
            raise EstimationError(
                f"this needs the {n:,} x {n:,} inverse of I - rho W, and such matrices are made "
                f"up to {DENSE_TO:,} cities. Average effects and expected, observed and "
                "year-clustered standard errors need none."
            )
        return self.solve(np.eye(n))


@dataclass(frozen=True, eq=False)
class Solver(Inverse):
    """S^-1 by the factors of S, which are made when first needed and not pickled.

    Attributes
    ----------
    S : (n, n), its rows and columns in `order`
    order : the cities in the order of the factors
    pivots : whether rows have to be exchanged, as they need not where the diagonal dominates
    """

    S: Array | sparse.csc_array
    order: Indices
    pivots: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.order), len(self.order)

    @cached_property
    def factors(self) -> Any:
        """Of S: SuperLU's, or those of LAPACK."""
        if not sparse.issparse(self.S):
            return lu_factor(self.S, check_finite=False)
        how: dict[str, Any] = {} if self.pivots else {"permc_spec": "NATURAL", **NO_PIVOTING}
        return splu(self.S, **how)

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        return self._solved(B, transposed=False)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        return self._solved(B, transposed=True)

    @property
    def logdet(self) -> float:
        """ln|det S|."""
        upper = self.factors.U if sparse.issparse(self.S) else self.factors[0]
        return float(np.log(np.abs(upper.diagonal())).sum())

    def _solved(self, B: Array, transposed: bool) -> Array:
        B = np.asarray(B, dtype=float)
        if not sparse.issparse(self.S):
            how: Any = int(transposed)
            return np.asarray(lu_solve(self.factors, B, trans=how))
        ordered = self.factors.solve(B[self.order], "T" if transposed else "N")
        found = np.empty_like(B)
        found[self.order] = ordered
        return found


@dataclass(frozen=True, eq=False)
class Iterative(Inverse):
    """S^-1 by GMRES, for a sparse W whose factors would fill."""

    W: sparse.csr_array
    rho: float

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.W.shape[0], self.W.shape[0]

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        return self._solved(self.W, B)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        return self._solved(sparse.csr_array(self.W.T), B)

    def _solved(self, W: sparse.csr_array, B: Array) -> Array:
        S = LinearOperator(self.shape, matvec=lambda v: v - self.rho * (W @ v), dtype=float)
        columns = np.asarray(B, dtype=float).reshape(len(B), -1).T
        found = [gmres(S, b, rtol=TIGHT, restart=RESTART, maxiter=CYCLES) for b in columns]
        if any(failed for _, failed in found):
            raise EstimationError(
                f"I - rho W could not be solved with at rho = {self.rho:.4g}: {CYCLES * RESTART} "
                f"iterations leave more than {TIGHT:g} of the right side."
            )
        return np.asarray([x for x, _ in found]).T.reshape(np.shape(B))


@dataclass(frozen=True, eq=False)
class Pattern:
    """A sparse W in the order of the cities in which I - rho W factors with little fill.

    Attributes
    ----------
    W : (n, n), its rows and columns in `order`, with the zeros of its diagonal
    order : the cities
    reach : no eigenvalue of |W| exceeds it
    """

    W: sparse.csc_array
    order: Indices
    reach: float

    @cached_property
    def own(self) -> Indices:
        """Where the diagonal stands in the data of W."""
        every = np.arange(len(self.order), dtype=self.W.indices.dtype)
        columns = np.repeat(every, np.diff(self.W.indptr))
        return np.flatnonzero(self.W.indices == columns)

    def S(self, rho: float) -> sparse.csc_array:
        """I - rho W."""
        data = -rho * self.W.data
        data[self.own] += 1
        return sparse.csc_array((data, self.W.indices, self.W.indptr), shape=self.W.shape)

    def at(self, rho: float) -> Solver:
        """S^-1 at this rho."""
        return Solver(self.S(rho), self.order, pivots=abs(rho) * self.reach >= 1)


def pattern(W: Matrix, radius: float | None = None) -> Pattern:
    """W in an order of little fill; `radius` is that of |W|, where it is known."""
    links = canonical(W)
    reach = float(abs(links).sum(axis=1).max()) if radius is None else radius
    order = _of_little_fill(links)
    return _with_diagonal(links[order][:, order], order, reach)


def _of_little_fill(links: sparse.csr_array) -> Indices:
    """The cities in the postorder of an elimination by minimum degree.

    It breaks ties by the order that it is given: with neighbours brought together (reverse
    Cuthill-McKee) a shuffled grid fills no more than one in its rows.
    """
    near = reverse_cuthill_mckee(links, symmetric_mode=False)
    order, below = _eliminated(_equal(links[near][:, near]))
    return np.asarray(near[order[postorder(below)]])


def _eliminated(S: sparse.csc_array) -> tuple[Indices, sparse.csc_array]:
    """An order of minimum degree of a symmetric `S`, and its lower factor in this order.

    qdldl, where it is installed, finds an approximate one (Amestoy, Davis & Duff 1996, SIAM
    Journal on Matrix Analysis 17, 886-905), in a tenth of the time at a million cities.
    """
    try:
        from qdldl import Solver as Elimination
    except ImportError:
        factors = splu(S, permc_spec="MMD_AT_PLUS_A", **NO_PIVOTING)
        return np.argsort(factors.perm_c), factors.L
    above = sparse.csc_matrix(sparse.triu(S, format="csc"))
    below, _, order = Elimination(above, upper=True).factors()
    return np.asarray(order), below


def _equal(links: sparse.csr_array) -> sparse.csc_array:
    """A symmetric S on the links of W + W', similar to that of equal weights in a row.

    With a rho near one its factors do not fade to zero across a map of a million cities, which
    would hide links.
    """
    both = sparse.csr_array(abs(links) + abs(links.T))
    counts = np.diff(both.indptr)
    root = np.repeat(np.sqrt(counts), counts)
    both.data = 1 / root / np.sqrt(counts)[both.indices]
    return _with_diagonal(both, np.arange(len(counts)), 1.0).S(SLOW)


def postorder(L: sparse.csc_array) -> Indices:
    """The columns of a lower triangle, with its diagonal or without, in an order in which every
    subtree of the elimination tree is contiguous and comes before its root.

    The parent of a column is its first row below the diagonal.
    """
    n = L.shape[0]
    columns = np.repeat(np.arange(n, dtype=L.indices.dtype), np.diff(L.indptr))
    below = np.where(L.indices > columns, L.indices, n)
    parents, filled = np.full(n, n), np.diff(L.indptr) > 0
    parents[filled] = np.minimum.reduceat(below, L.indptr[:-1][filled])
    tree = sparse.csr_array((np.ones(n), (parents, np.arange(n))), shape=(n + 1, n + 1))
    return np.asarray(depth_first_order(tree, n, return_predecessors=False)[:0:-1])


def _with_diagonal(links: sparse.csr_array, order: Indices, reach: float) -> Pattern:
    # Larger than any entry, so that no zero of the diagonal is dropped.
    beyond = 1 + reach
    eye = sparse.eye_array(links.shape[0], format="csr")
    made = Pattern(sparse.csc_array(links + beyond * eye), order, reach)
    made.W.data[made.own] -= beyond
    return made


def solver(W: Sequence[Matrix], rho: Array, n: int) -> Solver:
    """S^-1 at this rho, for any number of matrices (n, n): sparse where all are."""
    if not all(sparse.issparse(w) for w in W):
        S: Array = np.eye(n) - sum(r * dense(w) for r, w in zip(rho, W, strict=True))
        return Solver(S, np.arange(n))
    if not len(W):
        return _with_diagonal(sparse.csr_array((n, n)), np.arange(n), 0.0).at(0.0)
    total = sum((r * w for r, w in zip(rho, W, strict=True)), start=sparse.csr_array((n, n)))
    return pattern(total).at(1.0)
