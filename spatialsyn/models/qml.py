"""Quasi-maximum likelihood for the static spatial Durbin panel.

    Y = rho W Y + Z delta + E,     Z = [X, WX],   delta = (beta, theta)

once the fixed effects are swept out. Given rho, the best delta and sigma2 are a
regression, so the search runs over rho alone (the concentrated likelihood).

Lee & Yu (2010), Journal of Econometrics 154, 165-185: the transformation and the
likelihood of the transformed panel. With one period it is the cross-section of
Ord (1975); without Wy it is least squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.models import mess
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, full, gradient, names
from spatialsyn.models.search import best_spatial, check_peak
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.multiplier import multiplier
from spatialsyn.numerics.optimize import SCAN, maximise

Value = Callable[[Array], Array]
Derivatives = Callable[[Array], tuple[Array, Array]]

# Columns of unit length whose pivot in the QR falls below this are linear combinations.
COLLINEAR = 1e-10
# Where no eigenvalue closes the interval of rho, the search stops at this many times 1/|w|max.
REACH = 5.0
# A rho this near the end of its interval, in parts of its width, is no maximum.
EDGE = 1e-7


def estimate_qml(design: Design) -> Estimate:
    """Maximise the concentrated log-likelihood of `design` over its spatial parameters.

    Returns
    -------
    Estimate
        In the order (delta, rho, lambda, phi, sigma2), with the inverse of the expected
        information as covariance.

    Raises
    ------
    ModelError
        Fewer observations than parameters, or collinear regressors.
    EstimationError
        The likelihood has no maximum inside the parameter space.
    """
    check_size(design)
    y = design.y.ravel()
    Wy, Z = design.Wy.reshape(y.size, -1), design.Z.reshape(y.size, -1)
    coefficients = regress(np.c_[y, Wy], Z, design.names)
    if design.random:
        return _with_city_variance(design)
    spatial = _best(design, np.c_[y, Wy] - Z @ coefficients)
    return describe(design, at(design, spatial))


def at(design: Design, spatial: Array) -> Array:
    """All parameters, delta and sigma2 being the best ones given (rho_1 ... rho_m, lambda)."""
    y, Z = filtered(design, spatial)
    delta = regress(y[:, None], Z, design.names)[:, 0]
    e = y - Z @ delta
    sigma2 = float(e @ e) / design.nobs
    if sigma2 <= 1e-20 * float((design.y**2).sum()):
        raise EstimationError("the regressors fit the outcome exactly; there is no error left.")
    return np.r_[delta, spatial, sigma2]


def describe(design: Design, params: Array, cov: str = "expected") -> Estimate:
    """The estimate with these parameters: residuals, likelihood and covariance."""
    p, m, wide = len(design.names), design.Wy.shape[2], design.entered(params)
    delta, spatial, sigma2 = wide[:p], wide[p:-1], float(wide[-1])
    y, Z = filtered(design, spatial)
    residuals = (y - Z @ delta).reshape(design.y.shape)
    inverse: Any = (
        mess.multiplier(design, spatial[:m])
        if design.exponential
        else multiplier(design.W, spatial[:m], len(design.y))
    )
    info = information(design, inverse, delta, spatial, sigma2, residuals, cov)
    free, _, inner = pulled_back(design, info, params, residuals, cov)
    return Estimate(
        names=parameter_names(design),
        params=params,
        cov=free @ inverted(inner) @ free.T,
        loglik=full(design, spatial, sigma2),
        nobs=design.nobs,
        residuals=residuals,
        multiplier=inverse,
        space=design.space,
    )


def parameter_names(design: Design) -> tuple[str, ...]:
    """All parameters, in their order."""
    if design.mixture is not None:
        return design.mixture.names
    return (*design.names, *names(design), "sigma2")


def pulled_back(
    design: Design, info: Array, params: Array, residuals: Array, kind: str
) -> tuple[Array, Array, Array]:
    """Where the parameters may move, what that is for the design's own, and the information.

    Without a mixture the first two are identities. A mixture's parameters move along their
    face, and its information follows by the chain rule.
    """
    if design.mixture is None:
        return np.eye(len(info)), np.eye(len(info)), info
    free = design.mixture.free(params)
    entered = design.mixture.jacobian(params) @ free
    inner = entered.T @ info @ entered
    if kind == "observed":
        p, wide = len(design.names), design.mixture(params)
        slopes = gradient(design, wide[p:-1], wide[:p], residuals.ravel(), float(wide[-1]))
        inner = inner - free.T @ design.mixture.bend(slopes) @ free
    return free, entered, np.asarray(inner)


def _with_city_variance(design: Design) -> Estimate:
    """The higher of the peak inside phi < 1 and the boundary phi = 1.

    The boundary, where cities have no variance of their own, is the pooled estimate; phi
    has no standard error there.
    """
    params = at(design, best_spatial(design))
    try:
        pooled = estimate_qml(replace(design, random=False, outside_error=False))
    except EstimationError:
        pooled = None
    if pooled is None or pooled.loglik < full(design, params[len(design.names) : -1], params[-1]):
        check_peak(design, params[len(design.names) : -1])
        return describe(design, params)
    assert pooled.cov is not None
    where = len(pooled.params) - 1
    widened = np.insert(np.insert(pooled.cov, where, 0.0, axis=0), where, 0.0, axis=1)
    return replace(
        pooled,
        names=(*pooled.names[:-1], "phi", "sigma2"),
        params=np.insert(pooled.params, where, 1.0),
        cov=widened,
    )


def _best(design: Design, residuals: Array) -> Array:
    """The spatial parameters: none, one by Newton on an interval, or several from a grid."""
    if not names(design):
        return np.zeros(0)
    if len(names(design)) == 1 and isinstance(design.logdet, LogDet):
        return _best_rho(design, design.logdet, residuals[:, 0], residuals[:, 1])
    if len(names(design)) == 1 and design.exponential and design.W:
        return mess.best_alpha(design)
    return best_spatial(design)


def regress(y: Array, Z: Array, names: tuple[str, ...]) -> Array:
    """Least-squares coefficients of each column of `y` on `Z`, naming collinear columns."""
    if not names:
        return np.zeros((0, y.shape[1]))
    length = np.sqrt((Z**2).sum(axis=0))
    if not (length > 0).all():
        raise ModelError(
            f"{named(n for n, v in zip(names, length, strict=True) if not v)} is zero."
        )
    Q, R, order = qr(Z / length, mode="economic", pivoting=True)
    pivots = np.abs(np.diag(R))
    if len(Z) < len(names) or pivots.min() < COLLINEAR:
        dependent = [names[j] for j, v in zip(order, pivots, strict=False) if v < COLLINEAR]
        raise ModelError(
            f"{named(dependent)} is a linear combination of the other regressors (after fixed "
            "effects are removed). Leave it out: its coefficient and effects are not defined."
        )
    scaled = np.empty((len(names), y.shape[1]))
    scaled[order] = solve_triangular(R, Q.T @ y)
    return scaled / length[:, None]


def profile(design: Design, logdet: LogDet, e_y: Array, e_Wy: Array) -> tuple[Value, Derivatives]:
    """The concentrated likelihood of rho and its two derivatives; residuals are e_y - rho e_Wy.

    For arrays (nT,), or (nT, b) for as many likelihoods.
    """
    a, b, c = (e_y**2).sum(axis=0), (e_y * e_Wy).sum(axis=0), (e_Wy**2).sum(axis=0)
    half = design.nobs / 2

    def ssr(rho: Array) -> Array:
        return np.asarray(a - 2 * rho * b + rho**2 * c)

    def value(rho: Array) -> Array:
        return design.copies * logdet(rho) - half * np.log(ssr(rho))

    def derivatives(rho: Array) -> tuple[Array, Array]:
        q, dq = ssr(rho), -2 * b + 2 * rho * c
        slope = design.copies * logdet.slope(rho) - half * dq / q
        curvature = design.copies * logdet.curvature(rho) - half * (2 * c / q - (dq / q) ** 2)
        return slope, curvature

    return value, derivatives


def _best_rho(design: Design, logdet: LogDet, e_y: Array, e_Wy: Array) -> Array:
    """The maximiser of the concentrated likelihood."""
    value, derivatives = profile(design, logdet, e_y, e_Wy)
    return np.array([peak(value, derivatives, logdet, "rho")])


def peak(
    value: Callable[[Array], Array],
    derivatives: Callable[[Array], tuple[Array, Array]],
    logdet: LogDet,
    name: str,
    scan: int = SCAN,
) -> float:
    """The maximiser of `value` over the parameter space of one rho or lambda; see `maximise`."""
    low, high = searched(logdet)
    rho = maximise(value, derivatives, (low, high), scan)
    if min(rho - low, high - rho) < EDGE * (high - low):
        raise EstimationError(
            f"the likelihood still rises at {name} = {rho:.4f}, the end of its interval "
            f"({low:.4g}, {high:.4g}): the data do not identify this model with this W. Check for "
            "a common trend (time effects), outliers and the scale of W."
        )
    return rho


def searched(logdet: LogDet) -> tuple[float, float]:
    """The finite interval on which rho is looked for."""
    reach = REACH / logdet.radii[0]
    low, high = logdet.interval
    return max(low, -reach), min(high, reach)


def check_size(design: Design) -> None:
    """Refuse fewer independent observations than parameters."""
    parameters = len(parameter_names(design)) - (design.mixture is not None)  # shares sum to one
    if design.nobs <= parameters:
        raise ModelError(
            f"{design.nobs} independent observations cannot identify {parameters} parameters. Use "
            "more years or cities, or fewer regressors (each lag in space is one more)."
        )


def inverted(info: Array) -> Array:
    """Inverse of a badly scaled positive definite matrix (sigma2 against delta: 1e6 and more)."""
    scale = 1 / np.sqrt(np.diag(info))
    try:
        np.linalg.cholesky(info * scale * scale[:, None])
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            "the information matrix is not positive definite, so there are no standard errors. "
            "Regressors may be nearly collinear with their spatial lags."
        ) from error
    inverse = np.linalg.inv(info * scale * scale[:, None])
    return np.asarray((inverse + inverse.T) / 2 * scale * scale[:, None])
