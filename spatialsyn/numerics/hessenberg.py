"""A dense W in Hessenberg form, found once: what then depends on rho costs n^2, not n^3.

    W = Q H Q',    I - rho H = P R,    S^-1 = Q R^-1 P' Q',    ln|S| = sum ln|r_ii|

Q is orthogonal and H zero below its first subdiagonal, so that P is a product of orthogonal
matrices of order `BLOCK` + 1 along the diagonal, and R, upper triangular, takes n^2 BLOCK
operations (Henry 1994, "The shifted Hessenberg system solve computation", Cornell University,
without blocks). tr G'G needs R^-1, n^3 / 3 operations; like ln|S| it is interpolated in q
between the values of rho that it is computed at (ours), once for all models with this W. W,
Q, H and the last R are kept; six arrays (n, n) are the most that are held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hessenberg, solve_triangular
from scipy.linalg.lapack import dtrtri

from spatialsyn.numerics.interpolant import Interpolant, interpolated
from spatialsyn.numerics.lags import Array, dense, times
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.solves import Inverse
from spatialsyn.numerics.spectrum import second
from spatialsyn.numerics.traces import Propagation, Solved

# Columns eliminated together.
BLOCK = 32
# Numbers of nodes, the next one wherever the error is not below this: of ln|S|, and of the sums
# of G in parts of |W|_F^2.
SIZES, CLOSE, CLOSE_SUMS = (7, 13, 25, 49, 97, 193), 1e-10, 1e-8
# Least modulus, in parts of the largest, that the other eigenvalues are taken to have; how near
# to 1 / r the multiplier shows whether r is an eigenvalue.
LEAST, NEAR_POLE = 0.05, 1e-8
# Below this rho, in parts of 1 / r, (S^-1 - I) / rho loses digits that W S^-1 keeps.
SMALL = 1e-3
# Where a block begins and its orthogonal matrix.
Steps: TypeAlias = "list[tuple[int, Array]]"


@dataclass(frozen=True, eq=False)
class Eliminated(Inverse):
    """S^-1 at one rho; its factors are made when first needed and not pickled.

    Attributes
    ----------
    Q, H : (n, n), W = Q H Q'
    """

    Q: Array
    H: Array
    rho: float

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.H.shape[0], self.H.shape[1]

    @cached_property
    def factors(self) -> tuple[NDArray[np.float64], Steps]:
        """R, (n, n), and the orthogonal matrices whose product is P, from the first to the last."""
        R, steps = np.zeros(self.H.shape), []  # what stays zero is never written
        for first, P, rows in self._eliminated():
            last = first + len(P) - 1
            R[first:last, first:] = rows[:-1]
            R[last, last:] = rows[-1, last - first :]
            steps.append((first, P))
        return R, steps

    def _eliminated(self) -> Iterator[tuple[int, Array, Array]]:
        """Where a block begins, its orthogonal matrix, and its rows of R from there on.

        The last of the rows is the first one of the next block, not yet turned.
        """
        n = len(self.H)
        row = np.eye(1, n)[0] - self.rho * self.H[0]
        for first in range(0, n - 1, BLOCK):
            stop = min(first + BLOCK + 1, n)
            columns = stop - 1 - first
            rows = np.vstack([row, -self.rho * self.H[first + 1 : stop, first:]])
            rows[1:, 1:].flat[:: n - first] += 1
            P, rows[:, :columns] = np.linalg.qr(rows[:, :columns], mode="complete")
            rows[:, columns:] = P.T @ rows[:, columns:]
            yield first, P, rows
            row = rows[-1, columns:]

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        v = self._turned(times(self.Q.T, B))
        return times(self.Q, solve_triangular(self.factors[0], v, check_finite=False))

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        R, steps = self.factors
        v = solve_triangular(R, times(self.Q.T, B), trans="T", check_finite=False)
        for first, P in reversed(steps):
            v[first : first + len(P)] = P @ v[first : first + len(P)]
        return times(self.Q, v)

    def _turned(self, v: Array) -> Array:
        """P' v, in place of v."""
        for first, P in self.factors[1]:
            v[first : first + len(P)] = P.T @ v[first : first + len(P)]
        return v

    @property
    def logdet(self) -> float:
        """ln|det S|, without R."""
        logs = [np.log(np.abs(rows.diagonal())) for _, _, rows in self._eliminated()]
        return float(np.sum([part[:-1].sum() for part in logs]) + logs[-1][-1])

    @property
    def sums(self) -> Array:
        """tr G'G and, over n, 1'G1, 1'GG1, |G1|^2 and |G'1|^2; (5,), for a rho that is not zero.

        They are those of Q'GQ P = (R^-1 - P) / rho, G = W S^-1 = (S^-1 - I) / rho, turned by P.
        """
        (R, steps), ones = self.factors, self.Q.sum(axis=0)
        M, column = dtrtri(R.T, lower=1)[0].T, np.ones(1)
        for first, P in steps:
            columns, below = slice(first, first + len(P) - 1), slice(first + 1, first + len(P))
            M[: first + 1, columns] -= np.outer(column, P[0, :-1])
            M[below, columns] -= P[1:, :-1]
            column = np.r_[column * P[0, -1], P[1:, -1]]  # of P so far, its last
        M[:, -1] -= column
        to, fro = M @ self._turned(ones.copy()) / self.rho, ones @ M / self.rho
        margins = np.array([ones @ to, fro @ self._turned(to.copy()), to @ to, fro @ fro]) / len(M)
        return np.r_[float(np.linalg.norm(M) / self.rho) ** 2, margins]


@dataclass(frozen=True, eq=False)
class Tabulated(Propagation):
    """G whose sums are read off what is kept `of` W: no solve, no random probes."""

    of: Reduced

    def __matmul__(self, v: Array) -> Array:
        # S^-1 = I + rho G: W itself is needed where that would be a difference of equals.
        if abs(self.rho) * self.of.radius < SMALL:
            return super().__matmul__(v)
        return np.asarray((self.inverse.solve(v) - v) / self.rho)

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """|G - G'|_F^2 / 2 and the bound of its error."""
        twice = -float(self.logdet.curvature(self.rho))
        return float(self._sums[0]) - twice, self.of.sums.tail / self._room

    @property
    def margins(self) -> Array:
        """1'G1, 1'GG1, |G1|^2 and |G'1|^2, over n."""
        return self._sums[1:]

    @cached_property
    def _sums(self) -> Array:
        return self.of.sums(self.rho) / self._room

    @property
    def _room(self) -> float:
        return float((1 - self.rho * self.of.root) ** 2)

    @property
    def said(self) -> str:
        """What its traces are exact to."""
        error, nodes = self.asymmetry[1] / float(self._sums[0]), len(self.of.sums.coefficients)
        return f"to {error:.1g} of itself, interpolated between {nodes} values"


@dataclass(frozen=True, eq=False)
class Reduced(Solved):
    """ln|S| of a dense W, and the sums of G: exact values, interpolated between.

    What the largest eigenvalue of W has a share in is left out, ln(1 - rho r) and a factor
    (1 - rho r)^-2, so that the second one says how wide the circle of q is in which the rest is
    analytic.
    """

    @cached_property
    def form(self) -> tuple[Array, Array]:
        """Q and H, (n, n)."""
        H, Q = hessenberg(dense(self.W), calc_q=True, check_finite=False)
        return np.asarray(Q), np.ascontiguousarray(H)

    def inverse(self, rho: float) -> Eliminated:
        """S^-1."""
        return Eliminated(*self.form, rho)

    @cached_property
    def root(self) -> float:
        """The spectral radius r where it is an eigenvalue; zero for links without a circle."""
        near = self.inverse((1 - NEAR_POLE) / self.radius)
        received = near.solve(np.ones(self.W.shape[0]))
        return self.radius if float(received.max()) > NEAR_POLE**-0.75 else 0.0

    @cached_property
    def second(self) -> float:
        """What bounds the other eigenvalues, roughly."""
        return max(second(self.W), LEAST * self.radius) if self.root else self.radius

    @cached_property
    def rest(self) -> Interpolant:
        """Of ln|S| - ln(1 - rho r)."""

        def values(rho: Array) -> Array:
            found = np.array([self.inverse(float(r)).logdet for r in rho])
            return np.asarray(found - np.log(1 - rho * self.root))

        return interpolated(values, self.interval, self.second, SIZES, CLOSE)

    @cached_property
    def sums(self) -> Interpolant:
        """Of (1 - rho r)^2 times the sums of G."""

        def values(rho: Array) -> Array:
            found = np.array([self.inverse(float(r)).sums for r in rho])
            return np.asarray((1 - rho[:, None] * self.root) ** 2 * found)

        close = CLOSE_SUMS * float((self.form[1] ** 2).sum())
        return interpolated(values, self.interval, self.second, SIZES, close)

    def propagation(self, rho: float, logdet: LogDet) -> Propagation:
        """G, its sums computed for all rho when first asked for."""
        return Tabulated(self.W, self.inverse(rho), logdet, rho, self)

    def derivative(self, rho: float | Array, order: int) -> Array:
        """Of the rest, and of ln(1 - rho r)."""
        room = 1 - np.asarray(rho, dtype=float) * self.root
        share = (
            -factorial(order - 1) * (self.root / room) ** order if order else np.log(np.abs(room))
        )
        return np.asarray(self.rest.derivative(rho, order) + share)

    def shift(self, rho: float, se: float, copies: int) -> float:
        """That of the rest."""
        return self.rest.shift(rho, se, copies)

    method = "Hessenberg form"

    @property
    def error(self) -> str:
        """That of the rest."""
        return self.rest.error if "rest" in self.__dict__ else "not used yet"
