"""S^-1 and G = W S^-1 from the Schur form of W, found once for many models of one W.

    W = Q T Q',    I - rho T = R P',    S^-1 = Q P R^-1 Q'

Q is orthogonal, and T, like R, upper triangular but for blocks of two on its diagonal, those of
complex eigenvalues, which P turns into triangles side by side (Golub & Van Loan 2013, Matrix
Computations, theorem 7.4.1 and section 5.1.8). It takes no symmetry and no eigenvectors, which
a W of nearest neighbours need not have; S^-1 v costs n^2 operations.

    G = Q P (R^-1 - P') Q' / rho

so that tr G'G and the sums of G need R^-1, n^3 / 3 operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur, solve_triangular
from scipy.linalg.lapack import dtrtri

from spatialsyn.numerics.decomposed import Decomposed, Resolvent
from spatialsyn.numerics.lags import Array, Matrix, dense, lag, norm
from spatialsyn.numerics.spectrum import by_parts, parts
from spatialsyn.numerics.traces import margins

# The rho, in parts of 1 / |w|max, at which elimination has to agree, and in how many digits.
TRIED, AGREED = (-0.9, 0.9), 1e-11
# R, and cosines and sines of the angles by which P turns, (pairs, 1).
Triangle: TypeAlias = tuple[NDArray[np.float64], Array, Array]


@dataclass(frozen=True, eq=False, kw_only=True)
class Schur(Decomposed):
    """ln|I - rho W| that also knows S^-1.

    Attributes
    ----------
    W : (n, n) = Q @ T @ Q.T
    """

    Q: Array
    T: NDArray[np.float64]

    @cached_property
    def pairs(self) -> NDArray[np.intp]:
        """The first row of every block of two."""
        return np.flatnonzero(np.diag(self.T, -1))

    @cached_property
    def paired(self) -> tuple[NDArray[np.intp], Array]:
        """Both rows of every block, (pairs, 2), and those columns of T, (pairs, 2, n)."""
        both = np.stack([self.pairs, self.pairs + 1], axis=1)
        return both, self.T.T[both]

    @cached_property
    def WQ(self) -> Array:
        """W Q."""
        return lag(self.W, self.Q)

    def triangle(self, rho: float) -> Triangle:
        """R and P."""
        first, (both, columns), on_diagonal = self.pairs, self.paired, np.ones(len(self.T))
        below, own = -rho * self.T[first + 1, first], 1 - rho * self.T[first + 1, first + 1]
        radius = np.hypot(own, below)
        cos, sin = own / radius, below / radius
        # Columns of R are rows of its transpose, whose numbers stand side by side.
        R = self.T.T * -rho
        R[both] = -rho * np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1) @ columns
        on_diagonal[both] = cos[:, None]
        R.flat[:: len(R) + 1] += on_diagonal
        R[first + 1, first] += sin
        R[first, first + 1] = 0.0
        return R.T, cos[:, None], sin[:, None]

    def inverse(self, rho: float) -> Triangular:
        """S^-1."""
        return Triangular(self, rho)

    def propagated(self, rho: Array, v: Array) -> Array:
        """G v."""
        within = self.Q.T @ v
        for one, own in zip(rho, within, strict=True):
            R, cos, sin = self.triangle(float(one))
            own[:] = solve_triangular(R, own, check_finite=False)
            turn(own, self.pairs, cos, sin)
        return np.asarray(self.WQ @ within)

    def reordered(self, order: list[int]) -> Schur:
        """That of the same cities in another order."""
        return replace(self, W=self.W[order][:, order], Q=self.Q[order])

    def sums(self, rho: Array) -> Array:
        """tr G'G and the `margins` of G."""
        return np.array([self._sums(one) for one in rho.tolist()])

    def _sums(self, rho: float) -> Array:
        R, cos, sin = self.triangle(rho)
        first, own = self.pairs, np.ones(len(R))
        own[first] = own[first + 1] = cos[:, 0]
        M = dtrtri(R, overwrite_c=1)[0]
        M.flat[:: len(M) + 1] -= own
        M[first, first + 1] += sin[:, 0]
        M[first + 1, first] -= sin[:, 0]
        ones = self.Q.sum(axis=0)[:, None]
        to, back = M @ ones, ones.copy()
        turn(to, first, cos, sin)
        turn(back, first, cos, -sin)
        G = (self.Q @ np.hstack([to, M.T @ back]) / rho).T
        return np.r_[(np.linalg.norm(M) / rho) ** 2, margins(*G)]


@dataclass(frozen=True, eq=False)
class Triangular(Resolvent):
    """S^-1 at one rho; R and P are made when first needed and not pickled."""

    of: Schur

    @cached_property
    def factors(self) -> Triangle:
        """R and P."""
        return self.of.triangle(self.rho)

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        R, cos, sin = self.factors
        v = solve_triangular(R, self.of.Q.T @ B.reshape(len(B), -1), check_finite=False)
        turn(v, self.of.pairs, cos, sin)
        return np.asarray(self.of.Q @ v).reshape(B.shape)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        R, cos, sin = self.factors
        v = np.asarray(self.of.Q.T @ B.reshape(len(B), -1))
        turn(v, self.of.pairs, cos, -sin)
        v = solve_triangular(R, v, trans="T", check_finite=False)
        return np.asarray(self.of.Q @ v).reshape(B.shape)


def turn(v: Array, first: NDArray[np.intp], cos: Array, sin: Array) -> None:
    """Rows `first` of v, (n, q), and those that follow them, turned in place by an angle each."""
    a, b = v[first], v[first + 1]
    v[first], v[first + 1] = cos * a + sin * b, cos * b - sin * a


def schur_form(W: Matrix) -> Schur | None:
    """The Schur form of `W`; None where rounding in it, of parts of |W|, would be seen in S^-1."""
    A = dense(W)
    T, Q = schur(A, output="real")
    w = by_parts(A) if len(parts(A)) > 1 else _on_diagonal(T)
    made = Schur(w, norm=norm(W), W=W, Q=Q, T=T)
    return made if all(_agrees(made, A, part / made.radii[0]) for part in TRIED) else None


def _on_diagonal(T: Array) -> NDArray[np.inexact[Any]]:
    """The eigenvalues of T."""
    w, first = T.diagonal(), np.flatnonzero(np.diag(T, -1))
    if not len(first):
        return w
    # LAPACK leaves blocks whose diagonal is one number.
    turns = np.zeros(len(T))
    turns[first] = np.sqrt(-T[first, first + 1] * T[first + 1, first])
    turns[first + 1] = -turns[first]
    return np.asarray(w + 1j * turns)


def _agrees(made: Schur, A: Array, rho: float) -> bool:
    """Whether elimination finds the same S^-1 v, for a v without a pattern of W's."""
    v = np.cos(np.arange(len(A)))
    exact = np.linalg.solve(np.eye(len(A)) - rho * A, v)
    gap = np.abs(made.inverse(rho).solve(v) - exact).max()
    return bool(gap <= AGREED * np.abs(exact).max())
