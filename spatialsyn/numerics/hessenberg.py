"""A dense W in Hessenberg form, found once: what then depends on rho costs n^2, not n^3.

    W = Q H Q',    I - rho H = P R,    S^-1 = Q R^-1 P' Q',    ln|S| = sum ln|r_ii|

Q is orthogonal and H zero below its first subdiagonal, so that P is a product of orthogonal
matrices of order `BLOCK` + 1 along the diagonal, and R, upper triangular, takes n^2 BLOCK
operations (Henry 1994, "The shifted Hessenberg system solve computation", Cornell University,
without blocks). tr G'G needs R^-1, n^3 / 3 operations; like ln|S| it is interpolated in q
between the values of rho that it is computed at (ours), once for all models with this W.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg import hessenberg, solve_triangular
from scipy.linalg.lapack import dtrtri

from spatialsyn.numerics.interpolant import CLOSE, NODES, Interpolant, interpolated
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.solves import Inverse
from spatialsyn.numerics.spectrum import second
from spatialsyn.numerics.traces import Propagation, Solved

# Columns eliminated together.
BLOCK = 32
# Nodes of tr G'G, until its error is below this part of |W|_F^2.
NODES_OF_SQUARES, CLOSE_OF_SQUARES = (7, 13, 25, 49, 97), 1e-8
# Least modulus, in parts of the largest, that the other eigenvalues are taken to have.
LEAST = 0.05
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
    def factors(self) -> tuple[Array, Steps]:
        """R, (n, n), and the orthogonal matrices whose product is P, from the first to the last."""
        n, steps = len(self.H), []
        R = -self.rho * self.H
        R.flat[:: n + 1] += 1
        for first in range(0, n - 1, BLOCK):
            rows = slice(first, min(first + BLOCK + 1, n))
            columns, rest = slice(first, rows.stop - 1), slice(rows.stop - 1, n)
            P, R[rows, columns] = np.linalg.qr(R[rows, columns], mode="complete")
            R[rows, rest] = P.T @ R[rows, rest]
            steps.append((first, P))
        return R, steps

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        R, steps = self.factors
        v = np.asarray(self.Q.T @ B, dtype=float)
        for first, P in steps:
            v[first : first + len(P)] = P.T @ v[first : first + len(P)]
        return np.asarray(self.Q @ solve_triangular(R, v, check_finite=False))

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        R, steps = self.factors
        v = solve_triangular(R, self.Q.T @ B, trans="T", check_finite=False)
        for first, P in reversed(steps):
            v[first : first + len(P)] = P @ v[first : first + len(P)]
        return np.asarray(self.Q @ v)

    @property
    def logdet(self) -> float:
        """ln|det S|."""
        return float(np.log(np.abs(self.factors[0].diagonal())).sum())

    @property
    def squares(self) -> float:
        """tr G'G, G = W S^-1 = (S^-1 - I) / rho, for a rho that is not zero."""
        R, steps = self.factors
        moved = dtrtri(R)[0]
        for first, P in reversed(steps):
            columns = slice(first, first + len(P))
            moved[:, columns] = moved[:, columns] @ P.T
        moved.flat[:: len(moved) + 1] -= 1
        return float(np.linalg.norm(moved) / self.rho) ** 2

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "factors"}


@dataclass(frozen=True, eq=False)
class Tabulated(Propagation):
    """G whose tr G'G is found in what is kept `of` W, and not by random probes."""

    of: Reduced

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """|G - G'|_F^2 / 2 and the bound of its error."""
        room, squares = (1 - self.rho * self.of.radius) ** 2, self.of.squares
        twice = -float(self.logdet.curvature(self.rho))
        return float(squares(self.rho)) / room - twice, squares.tail / room

    @property
    def said(self) -> str:
        """What its traces are exact to."""
        value, error = self.asymmetry
        whole = value - float(self.logdet.curvature(self.rho))
        nodes = len(self.of.squares.coefficients)
        return f"to {error / whole:.1g} of itself, interpolated between {nodes} values"


@dataclass(frozen=True, eq=False)
class Reduced(Solved):
    """ln|S| of a dense W: exact values, interpolated between on the whole interval."""

    @cached_property
    def form(self) -> tuple[Array, Array]:
        """Q and H, (n, n)."""
        H, Q = hessenberg(dense(self.W), calc_q=True, check_finite=False)
        return np.asarray(Q), np.asfortranarray(H)

    def inverse(self, rho: float) -> Eliminated:
        """S^-1."""
        return Eliminated(*self.form, rho)

    def values(self, rho: Array) -> Array:
        """ln|I - rho W| at an array of rho, exactly."""
        return np.array([self.inverse(float(r)).logdet for r in rho])

    @cached_property
    def whole(self) -> Interpolant:
        """Of ln|S|."""
        return interpolated(self.values, self.interval, self.radius, NODES, CLOSE, self.method)

    @cached_property
    def squares(self) -> Interpolant:
        """Of (1 - rho r)^2 tr G'G, r the spectral radius; kept.

        The largest eigenvalue of W has no pole in it, so that the second one says how wide the
        circle of q is in which it is analytic.
        """

        def values(rho: Array) -> Array:
            found = np.array([self.inverse(float(r)).squares for r in rho])
            return np.asarray((1 - rho * self.radius) ** 2 * found)

        close = CLOSE_OF_SQUARES * float((self.form[1] ** 2).sum())
        rest = max(second(self.W), LEAST * self.radius)
        return interpolated(values, self.interval, rest, NODES_OF_SQUARES, close)

    def near(self, rho: float) -> LogDet:
        """The whole."""
        return self.whole

    @property
    def rough(self) -> LogDet:
        """The whole."""
        return self.whole

    def propagation(self, rho: float, logdet: LogDet) -> Propagation:
        """G, its tr G'G computed for all rho when first asked for."""
        return Tabulated(self.W, self.inverse(rho), logdet, rho, self)

    def derivative(self, rho: float | Array, order: int) -> Array:
        """Of the whole."""
        return self.whole.derivative(rho, order)

    method = "Hessenberg form"

    @property
    def error(self) -> str:
        """That of the whole."""
        return self.whole.error if "whole" in self.__dict__ else "not used yet"
