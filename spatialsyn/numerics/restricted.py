"""City effects beside a spatial error whose matrix changes over the years.

    R_t (v_t - alpha) = e_t,   R_t = I - lambda M_t,   A = (1/T) sum_t R_t'R_t

R_t alpha is another number every year, which no mean over the years removes. The density of
the differences of v over the years has no alpha, and neither has that of v with alpha
integrated out (Harville 1974, Biometrika 61: the restricted likelihood); both are

    sum_t ln|R_t| - ln|A| / 2 - n (T-1)/2 ln(2 pi s2) - sum_t e_t'e_t / (2 s2)
    e_t = R_t (v_t - a),   a = A^-1 (1/T) sum_t R_t'R_t v_t

for orthonormal differences. Where M stays the same A is R'R, a the mean of v over the years, and
the likelihood that of Lee & Yu (2010). Stacked over the years e = E R v with the projection

    E = I - P,   P = R (sum_t R_t'R_t)^-1 R'

Where year effects are transformed away M stands for J M J, J = I - 11'/n, and v has no means of
years: R is then I on 1, and all of this is that of the n - 1 cities of F'v.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve

from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.multiplier import mean_trace, trace, transposed


@dataclass(frozen=True, eq=False)
class YearlyError:
    """The error's matrices of all years.

    Attributes
    ----------
    M : (T, n, n), or J M J
    logdet : the mean over the years of ln|R_t|
    """

    M: Array
    logdet: LogDet

    @cached_property
    def mean_squares(self) -> tuple[Array, Array]:
        """(n, n) means over the years of M + M' and M'M: A is I - lambda (.) + lambda^2 (.)."""
        T, n, _ = self.M.shape
        mean, rows = self.M.mean(axis=0), self.M.reshape(T * n, n)
        return mean + mean.T, rows.T @ rows / T

    @cached_property
    def _held(self) -> dict[float, Restricted]:
        return {}

    def at(self, lam: float) -> Restricted:
        """City effects at this lambda; the last one is kept."""
        if lam not in self._held:
            self._held.clear()
            self._held[lam] = Restricted(self, lam)
        return self._held[lam]


@dataclass(frozen=True, eq=False)
class Restricted:
    """City effects at a given lambda. Filtered values are f_t = R_t v_t, (n, T) or (n, T, k)."""

    error: YearlyError
    lam: float

    @cached_property
    def A(self) -> Array:
        """(n, n), the mean of R'R."""
        both, squares = self.error.mean_squares
        return np.asarray(np.eye(len(both)) - self.lam * both + self.lam**2 * squares)

    @cached_property
    def _slope_of_A(self) -> Array:
        both, squares = self.error.mean_squares
        return np.asarray(2 * self.lam * squares - both)

    @cached_property
    def root(self) -> Array:
        """The Cholesky factor of A, lower."""
        return np.linalg.cholesky(self.A)

    @cached_property
    def inverse(self) -> Array:
        """A^-1."""
        return np.asarray(cho_solve((self.root, True), np.eye(len(self.A))))

    @property
    def logdet(self) -> float:
        """The mean of ln|R_t| less ln|A| / 2, zero where M does not change.

        The likelihood has it beside T - 1 times the mean of ln|R_t|. Minus infinity where A
        is singular.
        """
        try:
            half = float(np.log(np.diag(self.root)).sum())
        except np.linalg.LinAlgError:
            return -np.inf
        return float(self.error.logdet(self.lam)) - half

    @property
    def slope(self) -> float:
        """The derivative of `logdet` in lambda."""
        half = float(np.sum(self.inverse * self._slope_of_A)) / 2
        return float(self.error.logdet.slope(self.lam)) - half

    @property
    def curvature(self) -> float:
        """Its second derivative."""
        moved = self.inverse @ self._slope_of_A
        bend = 2 * np.sum(self.inverse * self.error.mean_squares[1]) - np.sum(moved * moved.T)
        return float(self.error.logdet.curvature(self.lam)) - float(bend) / 2

    def filtered(self, v: Array) -> Array:
        """R v of every year."""
        return v - self.lam * lag(self.error.M, v)

    def city_effects(self, f: Array) -> Array:
        """a, (n, 1) or (n, 1, k): the generalised least squares estimate of the city effects."""
        back = f - self.lam * lag(transposed(self.error.M), f)
        mean = back.mean(axis=1)
        found = cho_solve((self.root, True), mean.reshape(len(mean), -1))
        return np.asarray(found).reshape(len(f), 1, *f.shape[2:])

    def swept(self, f: Array) -> Array:
        """E f, the filtered values less the filtered city effects."""
        return f - self.filtered(np.broadcast_to(self.city_effects(f), f.shape))

    def pulled(self, f: Array) -> Array:
        """M a: what the error's lag of v is too much by."""
        return lag(self.error.M, np.broadcast_to(self.city_effects(f), f.shape))

    @cached_property
    def _R(self) -> Array:
        return np.asarray(np.eye(len(self.A)) - self.lam * self.error.M)

    @cached_property
    def _blocks(self) -> Array:
        """(T, n, n), the diagonal blocks of T P."""
        return np.asarray(self._R @ self.inverse @ transposed(self._R))

    def trace(self, D: Array) -> float:
        """tr E D of matrices D_t of every year, (T, n, n), in one with the D_t as its blocks."""
        return len(D) * trace(D) - mean_trace(self._blocks, D)

    def trace_of_product(self, C: Array, D: Array) -> float:
        """tr E C E D."""
        back = transposed(self._R)
        of_C, of_D = (self.inverse @ (back @ X @ self._R).mean(axis=0) for X in (C, D))
        once = mean_trace(self._blocks, C @ D + D @ C)
        return len(C) * mean_trace(C, D) - once + float(np.sum(of_C * of_D.T))
