"""The matrix of derivatives B = dy/dx, known by what it does: it need not be written out.

What is read of B are sums over columns, B H, sums over rows, B'H, and its diagonal; only
effects by pair need all of it. With K = (I - sum_j c_j M_j)^-1 and carriers C_k the matrices
read are K C_k and their derivatives K M_j K C_k, or with a matrix exponential -M_j K C_k.
Where M and C are sparse and large, K stays factored and its diagonal is that of the selected
inverse (`numerics.selected`); elsewhere K is written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.selected import Elimination

# Imaginary step of a derivative; its square vanishes beside one.
STEP = 1e-30


class Response(Protocol):
    """B, (n, n): row i receives, column j sends."""

    def times(self, H: Array) -> Array:
        """B H, for H of shape (n,) or (n, g)."""

    def transposed_times(self, H: Array) -> Array:
        """B'H."""

    def diagonal(self) -> Array:
        """(n,) every city's response to itself."""

    def whole(self) -> Array:
        """(n, n), written out."""


@dataclass(frozen=True, eq=False)
class Written:
    """B as an array."""

    B: Array

    def times(self, H: Array) -> Array:
        """B H."""
        return np.asarray(self.B @ H)

    def transposed_times(self, H: Array) -> Array:
        """B'H."""
        return np.asarray(self.B.T @ H)

    def diagonal(self) -> Array:
        """The diagonal."""
        return np.asarray(np.diagonal(self.B))

    def whole(self) -> Array:
        """B."""
        return self.B


@dataclass(frozen=True, eq=False)
class Product:
    """B = F P, not multiplied out."""

    F: Matrix
    P: Array

    def times(self, H: Array) -> Array:
        """F P H."""
        return np.asarray(self.F @ (self.P @ H))

    def transposed_times(self, H: Array) -> Array:
        """P'F'H."""
        return np.asarray(self.P.T @ (self.F.T @ H))

    def diagonal(self) -> Array:
        """Of F P."""
        if sparse.issparse(self.F):
            return np.asarray(self.F.multiply(self.P.T).sum(axis=1), dtype=float).ravel()
        return np.asarray((np.asarray(self.F) * self.P.T).sum(axis=1))

    def whole(self) -> Array:
        """F P."""
        return np.asarray(self.F @ self.P)


@dataclass(frozen=True, eq=False)
class Dense:
    """K written out, with the matrices that move it and the carriers.

    With `exponential` K is e^(-alpha M), whose derivative is -M K.
    """

    K: Array
    matrices: Sequence[Matrix]
    carriers: Sequence[Matrix]
    exponential: bool = False

    def response(self, carrier: int, moved: int | None = None) -> Response:
        """K C, or its derivative in the coefficient of a matrix."""
        P = self._carried[carrier]
        return Written(P) if moved is None else Product(self._moves[moved], P)

    @cached_property
    def _carried(self) -> list[Array]:
        return [_times(self.K, C) for C in self.carriers]

    @cached_property
    def _moves(self) -> list[Matrix]:
        """K M_j, which is the K C_k of a carrier that is M_j itself; -M_j of an exponential."""
        if self.exponential:
            return [-M for M in self.matrices]
        known = {id(C): P for C, P in zip(self.carriers, self._carried, strict=True)}
        return [known[id(M)] if id(M) in known else _times(self.K, M) for M in self.matrices]


def _times(K: Array, matrix: Matrix) -> Array:
    """K M, without multiplying by a sparse identity or W as if it were dense."""
    return np.asarray(matrix.T @ K.T).T


@dataclass(frozen=True, eq=False)
class Factored:
    """K at c, factored."""

    elimination: Elimination
    c: Array

    @property
    def matrices(self) -> Sequence[Matrix]:
        """The M_j."""
        return self.elimination.matrices

    @property
    def carriers(self) -> Sequence[Matrix]:
        """The C_k."""
        return self.elimination.carriers

    def response(self, carrier: int, moved: int | None = None) -> Response:
        """K C, or its derivative in the coefficient of a matrix."""
        return Solved(self, carrier, moved)

    def solve(self, H: Array, transposed: bool = False) -> Array:
        """K H or K'H."""
        found, order = np.empty_like(H, dtype=float), self.elimination.order
        sides = np.asarray(H[order], dtype=float)
        found[order] = self._factors.solve(sides, "T" if transposed else "N")
        return found

    @cached_property
    def _factors(self) -> Any:
        return self.elimination.factored(self.c)[0]

    def diagonal(self, carrier: int, moved: int | None) -> Array:
        """The diagonal of a response."""
        entries = self._entries if moved is None else self._moves[moved]
        found = self.elimination.diagonal(entries, carrier)
        return np.asarray(found if moved is None else found.imag / STEP)

    @cached_property
    def _entries(self) -> NDArray[np.inexact[Any]]:
        return self.elimination.inverse(self.c)

    @cached_property
    def _moves(self) -> list[NDArray[np.inexact[Any]]]:
        steps = 1j * STEP * np.eye(len(self.c))
        return [self.elimination.inverse(self.c + step) for step in steps]


@dataclass(frozen=True, eq=False)
class Solved:
    """K C_k or K M_j K C_k by solves with the factors of K."""

    K: Factored
    carrier: int
    moved: int | None

    def times(self, H: Array) -> Array:
        """B H."""
        found = self.K.solve(self.K.carriers[self.carrier] @ H)
        return found if self.moved is None else self.K.solve(self.K.matrices[self.moved] @ found)

    def transposed_times(self, H: Array) -> Array:
        """B'H."""
        found = self.K.solve(H, transposed=True)
        if self.moved is not None:
            found = self.K.solve(self.K.matrices[self.moved].T @ found, transposed=True)
        return np.asarray(self.K.carriers[self.carrier].T @ found)

    def diagonal(self) -> Array:
        """The diagonal of B."""
        return self.K.diagonal(self.carrier, self.moved)

    def whole(self) -> Array:
        """B."""
        return self.times(np.eye(len(self.K.elimination.order)))
