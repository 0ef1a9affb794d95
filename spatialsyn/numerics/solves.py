"""S = I - sum_m rho_m W_m factored once, and what is solved with it: the inverse is never formed.

Sparse matrices are factored by SuperLU in an order of the cities that keeps the factors sparse
(minimum degree on the pattern of W + W'), found once per pattern (`Pattern`). Where every row
of |sum_m rho_m W_m| sums to less than one S is diagonally dominant and needs no pivoting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, SuperLU, gmres, splu

from spatialsyn.errors import EstimationError
from spatialsyn.numerics.lags import Array, Matrix, dense

# Iterations: what may be left of the right side, vectors kept, and rounds.
TIGHT, RESTART, CYCLES = 1e-12, 60, 50
Indices: TypeAlias = NDArray[np.integer[Any]]
NO_PIVOTING: dict[str, Any] = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}


@dataclass(frozen=True, eq=False)
class Solver:
    """S^-1 as an operator, (n, n): `lag` and ``@`` take it like a matrix.

    Attributes
    ----------
    factors : of S, its rows and columns in `order`
    order : the cities in the order of the factors
    """

    factors: SuperLU | tuple[Array, Indices]
    order: Indices
    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.order), len(self.order)

    def solve(self, B: Array) -> Array:
        """S^-1 B, for `B` of shape (n,) or (n, q)."""
        return self._solved(B, transposed=False)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B, for `B` of shape (n,) or (n, q)."""
        return self._solved(B, transposed=True)

    def __matmul__(self, B: Array) -> Array:
        return self.solve(B)

    @cached_property
    def logdet(self) -> float:
        """ln|det S|."""
        if isinstance(self.factors, tuple):
            pivots = np.diag(self.factors[0])
        else:
            pivots = self.factors.U.diagonal()
        return float(np.log(np.abs(pivots)).sum())

    def _solved(self, B: Array, transposed: bool) -> Array:
        B = np.asarray(B, dtype=float)
        if isinstance(self.factors, tuple):
            return np.asarray(lu_solve(self.factors, B, trans=int(transposed)))
        found = np.empty_like(B)
        found[self.order] = self.factors.solve(B[self.order], "T" if transposed else "N")
        return found


@dataclass(frozen=True, eq=False)
class Pattern:
    """A sparse W in the order of the cities in which I - rho W factors with little fill.

    Attributes
    ----------
    W : (n, n), its rows and columns in `order`
    order : the cities
    norm : largest row sum of |W|
    """

    W: sparse.csc_array
    order: Indices
    norm: float

    def at(self, rho: float) -> Solver:
        """I - rho W, factored; with pivoting where its diagonal does not dominate."""
        S = sparse.csc_array(sparse.eye_array(len(self.order)) - rho * self.W)
        dominant = abs(rho) * self.norm < 1
        how: dict[str, Any] = {"permc_spec": "NATURAL", **NO_PIVOTING} if dominant else {}
        return Solver(splu(S, **how), self.order)


@dataclass(frozen=True, eq=False)
class Iterative:
    """S^-1 as an operator, by GMRES: for a sparse W whose factors would fill.

    Raises
    ------
    EstimationError
        The iterations do not settle.
    """

    W: sparse.csr_array
    rho: float
    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.W.shape[0], self.W.shape[0]

    def solve(self, B: Array) -> Array:
        """S^-1 B, for `B` of shape (n,) or (n, q)."""
        return self._solved(self.W, B)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B, for `B` of shape (n,) or (n, q)."""
        return self._solved(sparse.csr_array(self.W.T), B)

    def __matmul__(self, B: Array) -> Array:
        return self.solve(B)

    def _solved(self, W: sparse.csr_array, B: Array) -> Array:
        S = LinearOperator(self.shape, matvec=lambda v: v - self.rho * (W @ v), dtype=float)
        columns = np.asarray(B, dtype=float).reshape(len(B), -1).T
        found = [gmres(S, b, rtol=TIGHT, restart=RESTART, maxiter=CYCLES) for b in columns]
        if any(failed for _, failed in found):
            raise EstimationError(
                f"I - rho W could not be solved with at rho = {self.rho:.4f}: {CYCLES * RESTART} "
                f"iterations leave more than {TIGHT:g} of the right side."
            )
        return np.asarray([x for x, _ in found]).T.reshape(np.shape(B))


def pattern(W: Matrix) -> Pattern:
    """W in an order of little fill."""
    links = sparse.csr_array(W)
    norm = float(abs(links).sum(axis=1).max())
    # The order depends on the pattern alone; this S is regular whatever the scale of W.
    S = sparse.csc_array(sparse.eye_array(links.shape[0]) - links * (0.5 / max(norm, 1e-300)))
    order = np.argsort(splu(S, permc_spec="MMD_AT_PLUS_A", **NO_PIVOTING).perm_c)
    return Pattern(sparse.csc_array(links[order][:, order]), order, norm)


def solver(W: Sequence[Matrix], rho: Array, n: int) -> Solver:
    """S = I - sum_m rho_m W_m, factored: sparse where all W_m are."""
    if all(sparse.issparse(w) for w in W):
        total = sum((r * w for r, w in zip(rho, W, strict=True)), start=sparse.csr_array((n, n)))
        return pattern(total).at(1.0)
    S: Array = np.eye(n) - sum(r * dense(w) for r, w in zip(rho, W, strict=True))
    return Solver(lu_factor(S, overwrite_a=True, check_finite=False), np.arange(n))
