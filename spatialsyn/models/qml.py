"""Quasi-maximum likelihood for the static spatial Durbin panel.

    Y = rho W Y + Z delta + E,     Z = [X, WX],   delta = (beta, theta)

once the fixed effects are swept out. Given rho, the best delta and sigma2 are a
regression, so the search runs over rho alone (the concentrated likelihood).

Lee & Yu (2010), Journal of Econometrics 154, 165-185: the transformation and the
likelihood of the transformed panel. With one period it is the cross-section of
Ord (1975); without Wy it is least squares.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.models import mess
from spatialsyn.models.accuracy import accuracy
from spatialsyn.models.baltagi import Outside
from spatialsyn.models.checks import TAKES_PART, check_pairs
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, full, gradient, means, names
from spatialsyn.models.line import best_on_line, of_lambda, of_rho
from spatialsyn.models.own_lag import check_own_lag
from spatialsyn.models.search import best_spatial, check_peak
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.multiplier import multiplier
from spatialsyn.numerics.solves import solver
from spatialsyn.numerics.transform import independent

# Columns of unit length whose pivot in the QR falls below this are linear combinations.
COLLINEAR = 1e-10
# Pivots above this lose less than four digits when products stand in for the columns themselves.
DISTINCT = 1e-2
# Least pivot of an information matrix with a diagonal of ones: the inverse of one of 5e-7 has
# variances to three digits, 2e-16 / pivot^2.
REGULAR = 5e-7
# An error that is no larger, as a share of the outcome's sum of squares, is rounding: of numbers
# of sixteen digits half are left in it, at best.
EXACT = 1e-17


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
    check_reach(design)
    y = design.y.ravel()
    Wy, Z = design.Wy.reshape(y.size, -1), design.Z.reshape(y.size, -1)
    both = np.column_stack([y, Wy])
    coefficients = regress(both, Z, design.names)
    residuals = both - Z @ coefficients
    check_own_lag(design, (coefficients, residuals))
    variance(design, residuals[:, 0])  # no search finds the peak of an exact fit
    if design.random:
        return _with_city_variance(design)
    spatial = _best(design, residuals)
    if design.error is not None or design.exponential:
        return describe(design, at(design, spatial))
    # The equation is linear in rho: so are the best delta and what it leaves.
    mixed = np.r_[1.0, -spatial]
    sigma2 = variance(design, residuals @ mixed)
    return describe(design, np.r_[coefficients @ mixed, spatial, sigma2])


def at(design: Design, spatial: Array) -> Array:
    """All parameters, delta and sigma2 being the best ones given (rho_1 ... rho_m, lambda)."""
    y, Z = filtered(design, spatial)
    delta = regress(y[:, None], Z, design.names)[:, 0]
    return np.r_[delta, spatial, variance(design, y - Z @ delta)]


def variance(design: Design, residuals: Array) -> float:
    """sigma2 of the residuals, (n T,), where anything is left."""
    left = float(residuals @ residuals)
    y = design.y if design.observed is None else design.observed
    if left <= EXACT * float(np.nansum(y**2)):
        raise EstimationError(
            "the regressors fit the outcome exactly, but for rounding; there is no error left. "
            "Leave out what the outcome is computed from."
        )
    return left / design.nobs


def describe(design: Design, params: Array, cov: str = "expected") -> Estimate:
    """The estimate with these parameters: residuals, likelihood and covariance."""
    p, wide = len(design.names), design.entered(params)
    delta, spatial, sigma2 = wide[:p], wide[p:-1], float(wide[-1])
    y, Z = filtered(design, spatial)
    residuals = (y - Z @ delta).reshape(design.y.shape)
    inverse = multiplier_at(design, spatial)
    info = information(design, inverse, delta, spatial, sigma2, residuals, cov)
    free, _, inner = pulled_back(design, info, params, residuals, cov)
    V = free @ inverted(inner) @ free.T
    kept = means(design, spatial)
    return Estimate(
        names=parameter_names(design),
        params=params,
        cov=V,
        loglik=full(design, spatial, sigma2),
        nobs=design.nobs,
        residuals=kept.unordered(residuals) if isinstance(kept, Outside) else residuals,
        multiplier=inverse,
        space=design.space,
        notes=accuracy(design, spatial, V, cov),
    )


def multiplier_at(design: Design, spatial: Array) -> Any:
    """S^-1, (n, n): an array, or an operator for `mess` and for many cities."""
    m = design.Wy.shape[2]
    if design.exponential:
        return mess.multiplier(design, spatial[:m])
    if not design.by_solves:
        check_reach(design)
        return multiplier(design.W, spatial[:m], len(design.y))
    return design.propagation(spatial).inverse if m else solver((), spatial[:0], len(design.y))


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
    p, pooled, spatial = len(design.names), None, None
    try:
        pooled = estimate_qml(replace(design, random=False, outside_error=False))
        spatial = pooled.params[p:-1]
    except EstimationError:
        pass
    params = at(design, best_spatial(design, pooled=spatial))
    if pooled is None or pooled.loglik < full(design, params[p:-1], params[-1]):
        check_peak(design, params[p:-1])
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
    many, error = len(names(design)), design.error
    if design.yearly_error is not None:
        return best_spatial(design)
    if many == 1 and design.exponential and design.W:
        return mess.best_alpha(design)
    if many == 1 and isinstance(design.logdet, LogDet):
        return best_on_line(of_rho(design, residuals[:, 0], residuals[:, 1]), design.logdet, "rho")
    if many == 1 and error is not None and isinstance(error.logdet, LogDet):
        return best_on_line(of_lambda(design, error), error.logdet, "lambda")
    return best_spatial(design) if many else np.zeros(0)


def regress(y: Array, Z: Array, names: tuple[str, ...]) -> Array:
    """Least-squares coefficients of each column of `y` on `Z`, naming collinear columns."""
    if not names:
        return np.zeros((0, y.shape[1]))
    p, length = len(names), np.sqrt(np.einsum("ij,ij->j", Z, Z))
    if not (length > 0).all():
        raise ModelError(
            f"{named(n for n, v in zip(names, length, strict=True) if not v)} is zero."
        )
    columns = np.column_stack([Z / length, y])
    R = _triangle(columns, p)
    if len(Z) < p or np.abs(np.diag(R)[:p]).min() < COLLINEAR:
        gone, of = _combination(Z / length)
        raise ModelError(
            f"{named(names[j] for j in gone)} is a linear combination of the other regressors "
            f"(after fixed effects are removed): of {named(names[j] for j in of)}. Leave "
            "one of them out: their coefficients and effects are not defined."
        )
    return np.asarray(solve_triangular(R[:p, :p], R[:p, p:]) / length[:, None])


def _combination(Z: Array) -> tuple[list[int], list[int]]:
    """Columns of unit length that the others give, and which of the others do."""
    pivots, order = qr(Z, mode="r", pivoting=True)
    rank = min(int((np.abs(np.diag(pivots)) >= COLLINEAR).sum()), len(order) - 1)
    kept, gone = np.sort(order[:rank]), order[rank:]
    weights = np.abs(np.linalg.lstsq(Z[:, kept], Z[:, gone], rcond=None)[0])
    return gone.tolist(), kept[weights.max(axis=1) > TAKES_PART].tolist()


def _triangle(columns: Array, p: int) -> Array:
    """The first `p` rows of R of the QR of `columns`, whose first p have unit length."""
    products = columns[:, :p].T @ columns
    try:
        L = np.linalg.cholesky(products[:, :p])
        if np.diag(L).min() > DISTINCT:
            return np.asarray(np.c_[L.T, solve_triangular(L, products[:, p:], lower=True)])
    except np.linalg.LinAlgError:
        pass
    return np.asarray(np.linalg.qr(columns, mode="r"))


def check_reach(design: Design) -> None:
    """Refuse many cities where the model needs arrays of their pairs."""
    if not design.by_solves and not design.exponential:
        check_pairs(len(design.y))


def enough(design: Design, parameters: int) -> bool:
    """Whether so many parameters, sigma2 among them, may be estimated.

    What dummies took away is no observation either: with fewer left the fit may be exact.
    """
    return design.nobs > parameters and _free(design) >= parameters


def _free(design: Design) -> int:
    """Observations that fixed effects leave, transformed away or as dummies."""
    n, T = design.y.shape
    units, copies = independent(n, T, design.fixed_effects)
    return design.nobs - design.units * design.copies + units * copies


def check_size(design: Design) -> None:
    """Refuse fewer independent observations than parameters."""
    parameters = len(parameter_names(design)) - (design.mixture is not None)  # shares sum to one
    if not enough(design, parameters):
        raise ModelError(
            f"{_free(design)} independent observations cannot identify {parameters} parameters. "
            "Use more years or cities, or fewer regressors (each lag in space is one more)."
        )


def inverted(info: Array) -> Array:
    """Inverse of a badly scaled positive definite matrix (sigma2 against delta: 1e6 and more).

    Raises
    ------
    EstimationError
        It is not positive definite, or so nearly not that its inverse would be rounding.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a parameter of no information: refused
        scale = 1 / np.sqrt(np.diag(info))
        unit = info * scale * scale[:, None]
    try:
        distinct = bool(np.diag(np.linalg.cholesky(unit)).min() > REGULAR)
    except np.linalg.LinAlgError:
        distinct = False
    if not distinct:
        raise EstimationError(
            "the information matrix is not positive definite, so there are no standard errors. "
            "Regressors may be nearly collinear with their spatial lags, or with the intercept: "
            "subtract a constant from one whose mean is a million times its spread."
        )
    inverse = np.linalg.inv(unit)
    return np.asarray((inverse + inverse.T) / 2 * scale * scale[:, None])
