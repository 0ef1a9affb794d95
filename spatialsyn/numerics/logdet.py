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
from spatialsyn.numerics.multiplier import mean_trace, multiplied_out

# Imaginary parts below this are rounding of a real eigenvalue.
REAL = 1e-8


@dataclass(frozen=True, eq=False)
class LogDet:
    """The log-determinant as a function of rho.

    `eigenvalues` are those of W, or of F'WF once time effects are removed
    (`without_unit_root`); `space` is the interval of rho where it is not theirs. Where W
    changes over `years`, they are those of all its years, and the function is the mean.
    """

    eigenvalues: np.ndarray
    space: tuple[float, float] | None = None
    years: int = 1

    def __call__(self, rho: float | Array) -> Array:
        """ln|I - rho W|, for a number or an array of rho."""
        logs = np.log(np.abs(1 - np.multiply.outer(rho, self.eigenvalues)))
        return np.asarray(logs.sum(axis=-1) / self.years)

    def slope(self, rho: float | Array) -> Array:
        """First derivative, minus tr G."""
        return np.asarray(-self._g(rho).sum(axis=-1).real / self.years)

    def curvature(self, rho: float | Array) -> Array:
        """Second derivative, minus tr G^2."""
        return np.asarray(-(self._g(rho) ** 2).sum(axis=-1).real / self.years)

    def _g(self, rho: float | Array) -> np.ndarray:
        return np.asarray(self.eigenvalues / (1 - np.multiply.outer(rho, self.eigenvalues)))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The open interval of rho around zero on which I - rho W stays invertible.

        Only real eigenvalues close it; an end that no eigenvalue closes is infinite.
        """
        if self.space is not None:
            return self.space
        w = self.eigenvalues
        real = w.real[np.abs(w.imag) <= REAL * max(1.0, np.abs(w).max(initial=0.0))]
        low = 1 / real.min() if real.size and real.min() < 0 else -np.inf
        high = 1 / real.max() if real.size and real.max() > 0 else np.inf
        return float(low), float(high)

    @property
    def radii(self) -> tuple[float]:
        """Spectral radius of the matrix, the scale on which rho is measured."""
        radius = float(np.abs(self.eigenvalues).max(initial=0.0))
        return (radius if radius > 1e-12 else 1.0,)

    def without_unit_root(self) -> LogDet:
        """The log-determinant of F'(I - rho W)F: ln|S| - ln(1 - rho).

        Removing time effects removes one eigenvalue 1 of a row-standardised W with them
        (Lee & Yu 2010, section 3), so ln(1 - rho) must leave the log-determinant and its
        share must leave the traces of the information matrix. The parameter space stays
        that of W: beyond rho = 1 the transformed matrix may be regular, but the multiplier
        of the outcome itself has changed its sign.
        """
        unit = np.argsort(np.abs(self.eigenvalues - 1), kind="stable")[: self.years]
        return LogDet(np.delete(self.eigenvalues, unit), self.interval, self.years)

    def contains(self, rho: Array) -> bool:
        """Whether rho, shape (1,), lies in the parameter space."""
        low, high = self.interval
        return bool(low < rho[0] < high)


@dataclass(frozen=True, eq=False)
class JointLogDet:
    """ln|I - sum_m rho_m W_m| for several matrices, by one factorisation per value.

    Where matrices change over time, (T, n, n), it is the mean over the years.
    With `unit_root`, the log-determinant of F'SF, which lacks ln(1 - sum_m rho_m).
    The parameter space is the connected set around zero on which S stays invertible;
    sum |rho_m| < 1 is sufficient for row-standardised matrices, not necessary.
    """

    matrices: tuple[Array, ...]
    unit_root: bool = False

    @cached_property
    def radii(self) -> tuple[float, ...]:
        """Spectral radius of every matrix."""
        return tuple(LogDet(np.linalg.eigvals(W)).radii[0] for W in self.matrices)

    def S(self, rho: Array) -> Array:
        """I - sum_m rho_m W_m."""
        return multiplied_out(self.matrices, rho, self.matrices[0].shape[-1])

    def room(self, rho: Array) -> float:
        """One less the largest real eigenvalue of sum_m rho_m W_m: positive inside the space."""
        w = np.linalg.eigvals(np.eye(self.matrices[0].shape[-1]) - self.S(rho))
        real = w.real[np.abs(w.imag) <= REAL * max(1.0, float(np.abs(w).max()))]
        return float(1 - real.max(initial=0.0))

    def contains(self, rho: Array) -> bool:
        """Whether rho, shape (m,), lies in the parameter space."""
        norm = np.abs(np.eye(self.matrices[0].shape[-1]) - self.S(rho)).sum(axis=-1).max()
        return bool(norm < 1) or self.room(rho) > 0  # no eigenvalue exceeds a norm

    def __call__(self, rho: Array) -> float:
        """The log-determinant, minus infinity outside the parameter space."""
        if not self.contains(rho) or (self.unit_root and rho.sum() >= 1):
            return -np.inf
        value = float(np.mean(np.linalg.slogdet(self.S(rho))[1]))
        return value - float(np.log(1 - rho.sum())) if self.unit_root else value

    def gradient(self, rho: Array) -> Array:
        """Derivatives -tr(W_m S^-1), without the unit root's share."""
        inverse = np.linalg.inv(self.S(rho))
        traces = np.array([-mean_trace(W, inverse) for W in self.matrices])
        return traces + (1 / (1 - rho.sum()) if self.unit_root else 0.0)
