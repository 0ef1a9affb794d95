"""f(rho) = ln|I - rho W| and its derivatives, however they are found.

f' = -tr G,    f'' = -tr G^2,    G = W (I - rho W)^-1

For small n from the eigenvalues w of W: f = sum ln|1 - rho w|, and the k-th derivative is
-(k - 1)! sum (w / (1 - rho w))^k. The ways for large n are those of `determinants`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from math import factorial

import numpy as np

from spatialsyn.numerics.lags import Array, norm
from spatialsyn.numerics.multiplier import centred, mean_trace, multiplied_out
from spatialsyn.numerics.spectrum import by_parts

# Imaginary parts below this, in parts of the largest modulus, are rounding of a real eigenvalue.
REAL = 1e-8
# Several rho with less room than this, to where S is singular, are on the edge: rounding may put
# 0.8 + 0.2 on either side of one.
EDGE = 1e-12


class LogDet(ABC):
    """The log-determinant of one matrix as a function of rho."""

    @abstractmethod
    def derivative(self, rho: float | Array, order: int) -> Array:
        """The derivative of this order, 0 to 2, for a number or an array of rho."""

    @property
    @abstractmethod
    def interval(self) -> tuple[float, float]:
        """The open interval of rho around zero that is searched: I - rho W is regular there."""

    @property
    @abstractmethod
    def radii(self) -> tuple[float]:
        """Spectral radius of the matrix, one over the scale on which rho is measured."""

    @property
    @abstractmethod
    def method(self) -> str:
        """How it is found, for the reader of a result."""

    @property
    @abstractmethod
    def error(self) -> str:
        """How far from exact it is."""

    def near(self, rho: float) -> LogDet:
        """What takes its place around `rho`, where the whole would cost more."""
        return self

    @property
    def rough(self) -> LogDet:
        """What is good enough to find out where the maximum of a likelihood is."""
        return self

    def shift(self, rho: float, se: float, copies: int) -> float:
        """How far its error moves an estimate of rho, in standard errors."""
        return 0.0

    def __call__(self, rho: float | Array) -> Array:
        """ln|I - rho W|, for a number or an array of rho."""
        return self.derivative(rho, 0)

    def slope(self, rho: float | Array) -> Array:
        """First derivative, minus tr G."""
        return self.derivative(rho, 1)

    def curvature(self, rho: float | Array) -> Array:
        """Second derivative, minus tr G^2."""
        return self.derivative(rho, 2)

    def slopes(self, rho: float | Array) -> tuple[Array, Array]:
        """First and second derivative, side by side."""
        return self.derivative(rho, 1), self.derivative(rho, 2)

    def without_unit_root(self) -> LogDet:
        """The log-determinant of F'(I - rho W)F: ln|S| - ln(1 - rho)."""
        return WithoutUnitRoot(self)

    @property
    def full(self) -> LogDet:
        """That of W itself, its unit root included."""
        return self

    def contains(self, rho: Array) -> bool:
        """Whether rho, shape (1,), lies in the parameter space."""
        low, high = self.interval
        return bool(low < rho[0] < high)


@dataclass(frozen=True, eq=False)
class Eigenvalues(LogDet):
    """From the eigenvalues of W; of all its years, and their mean, where W changes over `years`.

    Attributes
    ----------
    norm : of W, the scale of rho where no links close a circle and all eigenvalues are zero
    """

    eigenvalues: np.ndarray
    years: int = 1
    norm: float = 1.0

    def derivative(self, rho: float | Array, order: int) -> Array:
        """Exact sums over the eigenvalues."""
        rest = 1 - np.multiply.outer(rho, self.eigenvalues)
        if order == 0:
            return np.asarray(np.log(np.abs(rest)).sum(axis=-1) / self.years)
        powers = (self.eigenvalues / rest) ** order
        return np.asarray(-factorial(order - 1) * powers.sum(axis=-1).real / self.years)

    def slopes(self, rho: float | Array) -> tuple[Array, Array]:
        """Exact sums over the eigenvalues, divided once."""
        g = self.eigenvalues / (1 - np.multiply.outer(rho, self.eigenvalues))
        once, twice = g.sum(axis=-1).real, (g * g).sum(axis=-1).real
        return np.asarray(-once / self.years), np.asarray(-twice / self.years)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The interval around zero on which I - rho W stays invertible.

        Only real eigenvalues close it; an end that no eigenvalue closes is infinite. The largest
        modulus is one of them, as W is not negative (Perron and Frobenius), though rounding makes
        a complex pair of one that is twice there and has one eigenvector.
        """
        w = self.eigenvalues
        radius = float(np.abs(w).max(initial=0.0))
        real = w.real[np.abs(w.imag) <= REAL * radius]
        low = 1 / real.min() if real.size and real.min() < 0 else -np.inf
        return float(low), 1 / radius if radius > 0 else np.inf

    @property
    def radii(self) -> tuple[float]:
        """The largest modulus, or the norm."""
        return (float(np.abs(self.eigenvalues).max(initial=0.0)) or self.norm,)

    def without_unit_root(self) -> LogDet:
        """The log-determinant of F'(I - rho W)F: all roots but the one, a year, nearest 1."""
        w = self.eigenvalues
        others = np.argsort(np.abs(w - 1))[self.years :]
        return WithoutUnitRoot(self, replace(self, eigenvalues=w[np.sort(others)]))

    def reordered(self, order: list[int]) -> Eigenvalues:
        """That of the same cities in another order."""
        return self

    method, error = "eigenvalues", "exact"


@dataclass(frozen=True, eq=False)
class WithoutUnitRoot(LogDet):
    """ln|S| - ln(1 - rho), for a row-standardised W.

    Removing time effects removes one eigenvalue 1 of W with them (Lee & Yu 2010, section 3),
    so ln(1 - rho) must leave the log-determinant and its share must leave the traces of the
    information matrix. The parameter space stays that of W: beyond rho = 1 the transformed
    matrix may be regular, but the multiplier of the outcome itself has changed its sign.

    Attributes
    ----------
    others : that of the other roots, where roots are known
        A root of 1 + 1e-16 would leave 1e-16 / (1 - rho)^2 in the slope, which near rho = 1
        turns a likelihood that rises to the end into one with a peak before it.
    """

    of: LogDet
    others: LogDet | None = None

    def derivative(self, rho: float | Array, order: int) -> Array:
        """That of W less the share of the unit root."""
        if self.others is not None:
            return self.others.derivative(rho, order)
        rest = 1 - np.asarray(rho, dtype=float)
        share = np.log(np.abs(rest)) if order == 0 else -factorial(order - 1) / rest**order
        return self.of.derivative(rho, order) - share

    def slopes(self, rho: float | Array) -> tuple[Array, Array]:
        """Those of W less the share of the unit root."""
        if self.others is not None:
            return self.others.slopes(rho)
        once, twice = self.of.slopes(rho)
        rest = 1 / (1 - np.asarray(rho, dtype=float))
        return once + rest, twice + rest**2

    @property
    def interval(self) -> tuple[float, float]:
        """That of W."""
        return self.of.interval

    @property
    def radii(self) -> tuple[float]:
        """That of W."""
        return self.of.radii

    @property
    def method(self) -> str:
        """That of W."""
        return self.of.method

    @property
    def error(self) -> str:
        """That of W."""
        return self.of.error

    @property
    def full(self) -> LogDet:
        """That of W."""
        return self.of

    def near(self, rho: float) -> LogDet:
        """That of W, less the unit root."""
        return WithoutUnitRoot(self.of.near(rho))

    @property
    def rough(self) -> LogDet:
        """That of W, less the unit root."""
        return WithoutUnitRoot(self.of.rough)

    def shift(self, rho: float, se: float, copies: int) -> float:
        """That of W."""
        return self.of.shift(rho, se, copies)


@dataclass(frozen=True, eq=False)
class JointLogDet:
    """ln|I - sum_m rho_m W_m| for several matrices, by one factorisation per value.

    Where matrices change over time, (T, n, n), it is the mean over the years.
    With `unit_root`, for row-standardised matrices, ln|F'SF|: ln|S| less ln(1 - sum_m rho_m), but
    from J S J + 11'/n, J = I - 11'/n, which has its determinant and nothing to cancel at the edge.
    The parameter space is that around zero on which S stays invertible on the straight way from
    zero; sum |rho_m| < 1 is sufficient for row-standardised matrices, not necessary.
    """

    matrices: tuple[Array, ...]
    unit_root: bool = False

    @cached_property
    def radii(self) -> tuple[float, ...]:
        """Spectral radius of every matrix, or its norm."""
        return tuple(Eigenvalues(by_parts(W), norm=norm(W)).radii[0] for W in self.matrices)

    def S(self, rho: Array) -> Array:
        """I - sum_m rho_m W_m."""
        return multiplied_out(self.matrices, rho, self._n)

    def room(self, rho: Array) -> float:
        """One less the largest real eigenvalue of sum_m rho_m W_m: positive inside the space."""
        w = by_parts(self._sum(rho))
        real = w.real[np.abs(w.imag) <= REAL * max(1.0, float(np.abs(w).max()))]
        return float(1 - real.max(initial=0.0))

    def along(self, d: Array) -> tuple[Eigenvalues, tuple[float, float]]:
        """The log-determinant at r d as a function of r, and the r at which its space ends."""
        D = self._sum(d)
        w, years = by_parts(D), len(D.reshape(-1, *D.shape[-2:]))
        real = w.real[np.abs(w.imag) <= REAL * np.abs(w).max(initial=0.0)]
        low, high = float(real.min(initial=0.0)), float(real.max(initial=0.0))
        if self.unit_root:  # one of sum d a year, like that of sum rho
            w = w[np.argsort(np.abs(w - d.sum()))[years:]]
        ends = (1 / low if low < 0 else -np.inf, 1 / high if high > 0 else np.inf)
        return Eigenvalues(w, years), ends

    def radius(self, rho: Array) -> float:
        """The spectral radius of sum_m rho_m W_m; below one S^-1 is the sum of its powers."""
        return float(np.abs(by_parts(self._sum(rho))).max())

    def contains(self, rho: Array) -> bool:
        """Whether rho, shape (m,), lies in the parameter space, and not on its edge."""
        # The sum first: a search that runs along it would ask for all eigenvalues at every step.
        if self.unit_root and 1 - rho.sum() <= EDGE:
            return False
        norm = np.abs(self._sum(rho)).sum(axis=-1).max()
        # No eigenvalue exceeds a norm.
        return bool(norm < 1 - EDGE) or self.room(rho) > EDGE

    def __call__(self, rho: Array) -> float:
        """The log-determinant, minus infinity outside the parameter space."""
        if not self.contains(rho):
            return -np.inf
        return float(np.mean(np.linalg.slogdet(self._left(rho))[1]))

    def gradient(self, rho: Array) -> Array:
        """Derivatives -tr(W_m S^-1), with `unit_root` -tr(F'W_m F (F'SF)^-1)."""
        inverse = np.linalg.inv(self._left(rho))
        if self.unit_root:
            inverse = centred(inverse)  # F (F'SF)^-1 F'
        return np.array([-mean_trace(W, inverse) for W in self.matrices])

    @property
    def _n(self) -> int:
        return int(self.matrices[0].shape[-1])

    def _sum(self, rho: Array) -> Array:
        """sum_m rho_m W_m."""
        return np.asarray(np.eye(self._n) - self.S(rho))

    def _left(self, rho: Array) -> Array:
        """S, or what has the determinant of F'SF."""
        S = self.S(rho)
        return centred(S) + 1 / self._n if self.unit_root else S
