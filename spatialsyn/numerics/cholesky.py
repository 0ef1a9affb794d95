"""S^-1 of one model whose W is similar to a symmetric matrix, by Cholesky's factors.

Where s_i W_ij = s_j W_ji, A = s^1/2 W s^-1/2 is symmetric, and inside the interval of rho that
its eigenvalues close

    S^-1 = s^-1/2 (I - rho A)^-1 s^1/2,    I - rho A positive definite

which takes half the work of an inverse by elimination.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotri

from spatialsyn.numerics.eigenvectors import scaled
from spatialsyn.numerics.lags import Array, Matrix, dense
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.spectrum import eigenvalues


@dataclass(frozen=True, eq=False, kw_only=True)
class Symmetrised(Eigenvalues):
    """ln|I - rho W| from the eigenvalues of A.

    Attributes
    ----------
    scale : (n,), s
    """

    scale: Array

    def inverses(self, W: Matrix, rho: Array) -> Array:
        """S^-1, (b, n, n), at every rho, (b,).

        Raises
        ------
        LinAlgError
            A rho outside the interval.
        """
        root, n = np.sqrt(self.scale), len(self.scale)
        made, above = np.multiply.outer(-rho, dense(W)), np.tri(n, dtype=bool).T
        for S in made:
            S *= root[:, None]
            S /= root
            S.flat[:: n + 1] += 1
            half = _inverted(S)
            S[:] = np.where(above, half, half.T)
            S *= root
            S /= root[:, None]
        return made

    def reordered(self, order: list[int]) -> Symmetrised:
        """That of the same cities in another order."""
        return replace(self, scale=self.scale[order])


def spectrum(W: Matrix) -> Eigenvalues:
    """ln|I - rho W| from all eigenvalues of `W`."""
    s = scaled(W)
    if s is None:
        return Eigenvalues(eigenvalues(W))
    root = np.sqrt(s)
    return Symmetrised(np.linalg.eigvalsh(dense(W) * root[:, None] / root), scale=s)


def _inverted(S: Array) -> Array:
    """The triangle above the diagonal of S^-1, S symmetric and positive definite, in its place."""
    # What LAPACK calls lower is above: it counts rows as columns.
    factor, failed = dpotrf(S.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise LinAlgError("I - rho W is not positive definite: rho lies outside its interval.")
    return np.asarray(dpotri(factor, lower=1, overwrite_c=1)[0].T)
