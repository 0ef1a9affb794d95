"""Maximum likelihood under the hypothesis that an effect is zero.

    y = rho W y + Z delta + e,   R(rho)'delta = 0

An effect is linear in the coefficients, given rho: R holds readings of S^-1 C_k
(`effects.multipliers`). With Z = Q U and w = U'^-1 R restricted least squares takes out of
Q'(y - rho W y) what lies along w,

    delta = U^-1 (q - m w),   e = (I - QQ')(y - rho W y) + m Q w,   m = w'q / w'w

so that a search over rho alone is left, or over those of several W. At the best delta the slope
of the likelihood is that of the Lagrangian, T* d ln|S| + (e'Wy - m dR'delta) / sigma2. Ours; with
one carrier the regressor is left out, and where R does not turn with rho (the total effect, rows of
W that sum to one) it is X - W X in place of X and W X.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.linalg import solve_triangular

from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.likelihood import full, jacobian, jacobian_slopes
from spatialsyn.models.line import peak, searched
from spatialsyn.models.qml import multiplier_at, parameter_names
from spatialsyn.models.search import best_spatial
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet

# The effect at parameters (q,), and its derivatives in them, (q,).
Effect: TypeAlias = Callable[[Array], tuple[float, Array]]
# Step of differences of the slope, in parts of the interval of rho; they only guide Newton.
DIFFERENCE = 1e-6


def estimate_null(design: Design, effect: Effect, rho: Array | None = None) -> Estimate:
    """The estimate under which `effect` is zero, of a model without a spatial error; no covariance.

    Parameters
    ----------
    rho : (m,), where it is held; the best one by default

    Raises
    ------
    EstimationError
        The likelihood has no maximum inside the parameter space.
    """
    size, p = design.y.size, len(design.names)
    both = np.column_stack([design.y.ravel(), design.Wy.reshape(size, -1)])
    Q, U = np.linalg.qr(design.Z.reshape(size, p))
    on_Q = Q.T @ both
    left = both - Q @ on_Q

    def fitted(rho: Array) -> tuple[Array, Array, float]:
        """Parameters, e and m."""
        _, moved = effect(np.r_[np.zeros(p), rho, 0.0])
        w, mixed = solve_triangular(U, moved[:p], trans="T"), np.r_[1.0, -rho]
        q = on_Q @ mixed
        m = float(w @ q / (w @ w))
        e = left @ mixed + m * (Q @ w)
        return np.r_[solve_triangular(U, q - m * w), rho, e @ e / design.nobs], e, m

    if rho is None:
        rho = _best(design, effect, fitted) if design.W else np.zeros(0)
    params, e, _ = fitted(rho)
    return Estimate(
        names=parameter_names(design),
        params=params,
        cov=None,
        loglik=full(design, rho, params[-1]),
        nobs=design.nobs,
        residuals=e.reshape(design.y.shape),
        multiplier=multiplier_at(design, rho),
        space=design.space,
    )


def _best(
    design: Design, effect: Effect, fitted: Callable[[Array], tuple[Array, Array, float]]
) -> Array:
    """The rho of the highest restricted likelihood, (m,)."""
    logdet, p = design.logdet, len(design.names)
    Wy = design.Wy.reshape(design.y.size, -1)

    def value(design: Design, rho: Array) -> float:
        inside = np.isfinite(jacobian(design, rho))
        return full(design, rho, fitted(rho)[0][-1]) if inside else -np.inf

    def slopes(design: Design, rho: Array) -> Array:
        params, e, m = fitted(rho)
        turned = effect(params)[1][p:-1]
        return jacobian_slopes(design, rho) + (e @ Wy - m * turned) / params[-1]

    if not isinstance(logdet, LogDet):
        return best_spatial(design, loglik=value, gradient=slopes)
    low, high = searched(logdet)
    step = DIFFERENCE * (high - low)

    def heights(rho: Array) -> Array:
        return np.array([value(design, np.array([one])) for one in rho])

    def slope(rho: float) -> float:
        return float(slopes(design, np.array([rho]))[0])

    def derivatives(rho: Array) -> tuple[Array, Array]:
        one = float(rho)
        bend = (slope(one + step) - slope(one - step)) / (2 * step)
        return np.asarray(slope(one)), np.asarray(bend)

    return np.array([peak(heights, derivatives, logdet, "rho")])
