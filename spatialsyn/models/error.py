"""The concentrated likelihood of models with a spatial error, or with several lags of y.

    R(lambda) S(rho) Y = R(lambda) Z delta + E,   R = I - lambda M,  S = I - sum_j rho_j W_j

once the fixed effects are swept out, after lagging. Given (rho, lambda), delta and
sigma2 are the regression of the filtered outcome on the filtered regressors: full
generalised least squares inside the search. (An outer loop that alternates between
lambda and delta stops early; Anselin 1988, section 12.1.)
"""

from __future__ import annotations

from itertools import product

import numpy as np

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.optimize import maximise_from, newton_step

# Starting values, as shares of the way from zero to the ends of the intervals, and how many
# of the best ones are climbed from.
GRID = (-0.6, -0.2, 0.2, 0.5, 0.8)
CLIMBS = 4


def best_spatial(design: Design) -> Array:
    """(rho_1 ... rho_m, lambda) with the highest concentrated likelihood.

    Raises
    ------
    EstimationError
        No start lies inside the parameter space, or the peak lies at its edge.
    """
    likelihood = Concentrated(design)
    starts = likelihood.starts()
    if not starts:
        raise EstimationError("no starting value lies inside the parameter space of these W.")
    starts.sort(key=likelihood.value, reverse=True)
    best = maximise_from(likelihood.value, likelihood.score, starts[:CLIMBS])
    left = newton_step(likelihood.score, best, likelihood.score(best))
    if not np.abs(left).max() < 1e-3:
        raise EstimationError(
            f"the likelihood still rises at {np.round(best, 4).tolist()} "
            f"({', '.join(likelihood.names)}), the edge of the parameter space: the data do not "
            "identify this model with these W. Compare the models with one lag less, and look "
            "at how alike the matrices are: ss.weights.audit(...)."
        )
    return best


class Concentrated:
    """The likelihood as a function of the spatial parameters alone."""

    def __init__(self, design: Design) -> None:
        n = design.y.size
        self.design = design
        self.m = design.Wy.shape[2]
        self.names = [*design.rho_names, *([design.error.name] if design.error else [])]
        self.Z = design.Z.reshape(n, -1)
        self.Y = np.c_[design.y.ravel(), design.Wy.reshape(n, self.m)]
        if design.error is not None:
            error = design.error
            self.MZ = error.Z.reshape(n, -1)
            self.MY = np.c_[error.y.ravel(), error.Wy.reshape(n, self.m)]

    def value(self, spatial: Array) -> float:
        """The log-likelihood, minus infinity outside the parameter space."""
        logdet = self._logdet(spatial)
        if not np.isfinite(logdet):
            return -np.inf
        e, _ = self._residual(spatial)
        return self.design.copies * logdet - self.design.nobs / 2 * float(np.log(e @ e))

    def score(self, spatial: Array) -> Array:
        """Its gradient; delta is at its best, so only the explicit part counts."""
        e, delta = self._residual(spatial)
        sigma2 = e @ e / self.design.nobs
        lags = self.Y[:, 1:]
        slopes = [self._slopes(spatial)]
        if self.design.error is not None:
            lags = lags - spatial[-1] * self.MY[:, 1:]
            Mu = self.MY @ np.r_[1.0, -spatial[: self.m]] - self.MZ @ delta
            lags = np.c_[lags, Mu]
            slopes.append(np.array([self.design.error.logdet.slope(spatial[-1])]))
        return np.asarray(lags.T @ e / sigma2 + self.design.copies * np.concatenate(slopes))

    def starts(self) -> list[Array]:
        """A grid over the parameter space, the points inside."""
        ends = [self._interval(j) for j in range(len(self.names))]
        axes = [[share * (high if share > 0 else -low) for share in GRID] for low, high in ends]
        if self.m > 1:
            axes[: self.m] = [[v / self.m for v in axis] for axis in axes[: self.m]]
        points = [np.array(point) for point in product(*axes)]
        return [point for point in points if np.isfinite(self.value(point))]

    def _interval(self, j: int) -> tuple[float, float]:
        """Finite ends for the starting values of parameter j."""
        logdet = (
            self.design.logdet if j < self.m else self.design.error and self.design.error.logdet
        )
        low, high = logdet.interval if isinstance(logdet, LogDet) else (-1.0, 1.0)
        return max(low, -1.0), min(high, 1.0)

    def _residual(self, spatial: Array) -> tuple[Array, Array]:
        """The filtered residual and delta."""
        w = np.r_[1.0, -spatial[: self.m]]
        y, Z = self.Y @ w, self.Z
        if self.design.error is not None:
            y, Z = y - spatial[-1] * (self.MY @ w), Z - spatial[-1] * self.MZ
        delta = np.linalg.lstsq(Z, y, rcond=None)[0]
        return y - Z @ delta, delta

    def _logdet(self, spatial: Array) -> float:
        """ln|S| + ln|R|, minus infinity outside the intervals."""
        design, total = self.design, 0.0
        if isinstance(design.logdet, LogDet):
            total += _inside(design.logdet, spatial[0])
        elif design.logdet is not None:
            total += design.logdet(spatial[: self.m])
        if design.error is not None:
            total += _inside(design.error.logdet, spatial[-1])
        return total

    def _slopes(self, spatial: Array) -> Array:
        """Derivatives of ln|S| in rho."""
        logdet = self.design.logdet
        if logdet is None:
            return np.zeros(0)
        if isinstance(logdet, LogDet):
            return np.array([logdet.slope(spatial[0])])
        return logdet.gradient(spatial[: self.m])


def _inside(logdet: LogDet, value: float) -> float:
    low, high = logdet.interval
    return float(logdet(value)) if low < value < high else -np.inf
