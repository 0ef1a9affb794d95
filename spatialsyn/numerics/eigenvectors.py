"""S^-1 and G = W S^-1 from the eigenvectors of W, found once for many models of one W.

Where s_i W_ij = s_j W_ji, A = s^1/2 W s^-1/2 = U diag(w) U' is symmetric, and with
g = w / (1 - rho w)

    G = s^-1/2 U diag(g) U' s^1/2,    tr G'G = g' K g,    K = (U's^-1 U) o (U's U)

so that no model factors or inverts anything: S^-1 v costs two products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spatialsyn.numerics.decomposed import Decomposed, Resolvent
from spatialsyn.numerics.lags import Array, Matrix, dense, lag_each, times
from spatialsyn.numerics.spectrum import symmetriser
from spatialsyn.numerics.traces import margins

# Scales s further apart than this cost the digits that eigenvectors are exact to.
SCALES = 1e6


@dataclass(frozen=True, eq=False, kw_only=True)
class Eigenvectors(Decomposed):
    """ln|I - rho W| that also knows S^-1.

    Attributes
    ----------
    W : (n, n) = left @ diag(eigenvalues) @ right
    crossed : (n, n), K
    """

    left: Array
    right: Array
    crossed: Array

    def inverse(self, rho: float) -> Diagonal:
        """S^-1."""
        return Diagonal(self, rho)

    def propagated(self, rho: Array, v: Array) -> Array:
        """G v."""
        within = lag_each(self.right, v)
        within *= self.gains(rho)[..., None]
        return lag_each(self.left, within)

    def sums(self, rho: Array) -> Array:
        """tr G'G and the `margins` of G."""
        g = self.gains(rho)
        to, fro = g * self.right.sum(axis=1) @ self.left.T, g * self.left.sum(axis=0) @ self.right
        crossed = (g @ self.crossed * g).sum(axis=1)
        return np.column_stack([crossed, *margins(to, fro)])

    def reordered(self, order: list[int]) -> Eigenvectors:
        """That of the same cities in another order."""
        W = self.W[order][:, order]
        return replace(self, W=W, left=self.left[order], right=self.right[:, order])

    def gains(self, rho: float | Array) -> Array:
        """The eigenvalues of G, (n,), or (b, n) at an array of rho."""
        return self.eigenvalues / (1 - np.multiply.outer(rho, self.eigenvalues))


@dataclass(frozen=True, eq=False)
class Diagonal(Resolvent):
    """S^-1 = left diag(1 / (1 - rho w)) right."""

    of: Eigenvectors

    def solve(self, B: Array) -> Array:
        """S^-1 B."""
        return self._scaled(self.of.left, self.of.right, B)

    def solve_transposed(self, B: Array) -> Array:
        """S'^-1 B."""
        return self._scaled(self.of.right.T, self.of.left.T, B)

    def _scaled(self, out: Array, into: Array, B: Array) -> Array:
        within = times(into, B).T / (1 - self.rho * self.of.eigenvalues)
        return times(out, within.T)


def scaled(W: Matrix) -> Array | None:
    """s, (n,), where W is similar to a symmetric matrix by scales that are not far apart."""
    s = symmetriser(W)
    return None if s is None or s.min() * SCALES < s.max() else s


def diagonal_form(W: Matrix) -> Eigenvectors | None:
    """The eigenvectors of a `W` similar to a symmetric matrix; None for another one."""
    s = scaled(W)
    if s is None:
        return None
    root, A = np.sqrt(s), dense(W)
    w, U = np.linalg.eigh(np.sqrt(A * A.T))
    left, right = U / root[:, None], U.T * root
    return Eigenvectors(w, W=W, left=left, right=right, crossed=(left.T @ left) * (right @ right.T))
