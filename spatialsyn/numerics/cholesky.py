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
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from spatialsyn.numerics.eigenvectors import scaled
from spatialsyn.numerics.lags import Array, Matrix, dense, norm
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.spectrum import eigenvalues, similar


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
        root = np.sqrt(self.scale)
        made = -rho[:, None, None] * dense(similar(W, root))
        for S in made:
            S.flat[:: len(S) + 1] += 1
            _invert(S)
        np.copyto(made, made.transpose(0, 2, 1), where=np.tri(len(root), k=-1, dtype=bool))
        made *= root
        made /= root[:, None]
        return made

    def reordered(self, order: list[int]) -> Symmetrised:
        """That of the same cities in another order."""
        return replace(self, scale=self.scale[order])


def spectrum(W: Matrix) -> Eigenvalues:
    """ln|I - rho W| from all eigenvalues of `W`."""
    s = scaled(W)
    if s is None:
        return Eigenvalues(eigenvalues(W), norm=norm(W))
    return Symmetrised(np.linalg.eigvalsh(dense(similar(W, np.sqrt(s)))), scale=s)


def _invert(S: NDArray[np.float64]) -> None:
    """Put S^-1 in the place of S, symmetric and positive definite: its diagonal and above."""
    # LAPACK counts rows as columns: its lower triangle is the upper one.
    factor, failed = dpotrf(S.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise LinAlgError("I - rho W is not positive definite: rho lies outside its interval.")
    dpotri(factor, lower=1, overwrite_c=1)
