"""ln|I - rho W| and its derivatives, exactly, from the eigenvalues of W.

f(rho)   =  sum ln|1 - rho w_i|
f'(rho)  = -sum w_i / (1 - rho w_i)        = -tr G
f''(rho) = -sum (w_i / (1 - rho w_i))^2    = -tr G^2,    G = W (I - rho W)^-1
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spatialsyn.numerics.lags import Array

# Imaginary parts below this are rounding of a real eigenvalue.
REAL = 1e-8


@dataclass(frozen=True, eq=False)
class LogDet:
    """The log-determinant as a function of rho.

    `eigenvalues` are those of W, or of F'WF once time effects are removed
    (`without_unit_root`).
    """

    eigenvalues: np.ndarray

    def __call__(self, rho: float | Array) -> Array:
        """ln|I - rho W|, for a number or an array of rho."""
        return np.log(np.abs(1 - np.multiply.outer(rho, self.eigenvalues))).sum(axis=-1)

    def slope(self, rho: float) -> float:
        """First derivative, minus tr G."""
        return float(-self._g(rho).sum().real)

    def curvature(self, rho: float) -> float:
        """Second derivative, minus tr G^2."""
        return float(-(self._g(rho) ** 2).sum().real)

    def _g(self, rho: float) -> np.ndarray:
        return np.asarray(self.eigenvalues / (1 - rho * self.eigenvalues))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The open interval of rho around zero on which I - rho W stays invertible.

        Only real eigenvalues close it; an end that no eigenvalue closes is infinite.
        """
        w = self.eigenvalues
        real = w.real[np.abs(w.imag) <= REAL * max(1.0, np.abs(w).max(initial=0.0))]
        low = 1 / real.min() if real.size and real.min() < 0 else -np.inf
        high = 1 / real.max() if real.size and real.max() > 0 else np.inf
        return float(low), float(high)

    def without_unit_root(self) -> LogDet:
        """The log-determinant of F'(I - rho W)F: ln|S| - ln(1 - rho).

        Removing time effects removes one eigenvalue 1 of a row-standardised W with them
        (Lee & Yu 2010, section 3), so ln(1 - rho) must leave the log-determinant and its
        share must leave the traces of the information matrix.
        """
        unit = int(np.argmin(np.abs(self.eigenvalues - 1)))
        return LogDet(np.delete(self.eigenvalues, unit))
