"""Maximum of the likelihood of the observed outcomes, its information, and predictions.

With P the projection off K u (and off K D where effects are transformed away), P_B that off
both, X_k = D_k + D_k', and m_j = R W_j S^-1 (Z delta + effects):

    I_kl = tr[P X_k P X_l] / 2 + m_k' P_B m_l / s2      I_dd = Z'R' P_B R Z / s2
    I_ks = tr[P D_k] / s2     I_ss = N / (2 s2^2)       I_dk = Z'R' P_B m_k / s2

(m = 0 for lambda) is the expected information given which cells are missing; ours, equal
to that of Lee & Yu (2010) with nothing missing. Where the outcome itself decides what is
observed, the observed information is the one to use (Kenward & Molenberghs 1998): minus
the derivative of the analytic score, by central differences.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import KINDS
from spatialsyn.models.likelihood import names
from spatialsyn.models.line import peak
from spatialsyn.models.masked import (
    Masked,
    concentrated,
    dummies_of,
    full,
    masked,
    missing_cells,
    off_cells,
    score,
)
from spatialsyn.models.qml import check_size, inverted, parameter_names, regress, variance
from spatialsyn.models.search import best_spatial
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.logdet import LogDet

# Points of the scan over one parameter; each costs a factorisation per period.
SCAN = 17
# Step of the differences: of the score over rho, and of the information in standard errors.
CURVATURE, STEP = 1e-5, 1e-4


def estimate_masked(design: Design) -> Estimate:
    """Maximise the likelihood of the observed outcomes of `design`.

    Returns
    -------
    Estimate
        In the order (delta, rho, lambda, sigma2), with the inverse of the expected
        information as covariance; residuals are NaN where the outcome is missing.

    Raises
    ------
    ModelError
        Fewer observations than parameters, or collinear regressors.
    EstimationError
        The likelihood has no maximum inside the parameter space.
    """
    check_size(design)
    spatial = _best(design)
    at = masked(design, spatial)
    size = at.y.size
    delta = regress(at.y.reshape(size, 1), at.Z.reshape(size, -1), design.names)[:, 0]
    sigma2 = variance(design, at.residual(delta).ravel())
    return describe_masked(design, np.r_[delta, spatial, sigma2])


def check_masked(cov: str) -> None:
    """Refuse covariances that need residuals which are missing."""
    if cov not in KINDS:
        raise ModelError(
            f"cov={cov!r} is not available where outcomes are missing; there are "
            f"{', '.join(map(repr, KINDS))}. Others need every residual of a year."
        )


def describe_masked(design: Design, params: Array, cov: str = "expected") -> Estimate:
    """The estimate with these parameters: residuals, likelihood and covariance."""
    check_masked(cov)
    assert design.observed is not None
    at, delta, sigma2 = _taken_apart(design, params)
    info = _expected(at, delta, sigma2)
    if cov == "observed":
        info = _observed(design, params, STEP / np.sqrt(np.diag(info)))
    spatial = params[len(delta) : -1]
    return Estimate(
        names=parameter_names(design),
        params=params,
        cov=inverted(info),
        loglik=full(design, spatial, sigma2),
        nobs=design.nobs,
        residuals=np.where(np.isnan(design.observed), np.nan, at.residual(delta).T),
        multiplier=np.linalg.inv(at.S),
        space=design.space,
    )


def completed(design: Design, params: Array) -> tuple[Array, Array, Array]:
    """Outcome, its standard errors and the fixed effects of the equation, each (n, T).

    A missing outcome is its best linear prediction given all that were observed; the
    standard error counts its own error, delta and the fixed effects, not rho and lambda.
    It is zero where the outcome was observed.
    """
    at, delta, sigma2 = _taken_apart(design, params)
    cities, counts = missing_cells(design)
    others = np.concatenate([dummies_of(design, at.R, at.S), at.RZ], axis=2)
    left = off_cells(at.cells, others)
    root = np.linalg.qr(left.reshape(-1, left.shape[2]), mode="r")
    own = np.linalg.inv(at.root_cells)
    drawn = own @ np.swapaxes(at.cells, 1, 2) @ others @ np.linalg.inv(root)
    variance = sigma2 * ((own**2).sum(axis=2) + (drawn**2).sum(axis=2))
    se = np.zeros(at.y.shape)
    period, place = np.nonzero(counts)
    se[period, cities[period, place]] = np.sqrt(variance[period, place])
    return at.completed(delta).T, se.T, at.effects(delta).T


def _best(design: Design) -> Array:
    """The spatial parameters: none, one on its interval, or several from a grid."""
    if not names(design):
        return np.zeros(0)
    logdet = design.logdet if design.error is None else design.error.logdet
    if len(names(design)) > 1 or not isinstance(logdet, LogDet):
        return best_spatial(design, None, concentrated, score)
    step = CURVATURE / logdet.radii[0]

    def value(points: Array) -> Array:
        return np.array([concentrated(design, np.array([x])) for x in points])

    def derivatives(x: Array) -> tuple[Array, Array]:
        below, here, above = (
            float(score(design, np.array([x + move]))[0]) for move in (-step, 0.0, step)
        )
        return np.asarray(here), np.asarray((above - below) / (2 * step))

    return np.array([peak(value, derivatives, logdet, names(design)[0], SCAN)])


def _taken_apart(design: Design, params: Array) -> tuple[Masked, Array, float]:
    p = len(design.names)
    return masked(design, params[p:-1]), params[:p], float(params[-1])


def _expected(at: Masked, delta: Array, sigma2: float) -> Array:
    p, d = len(delta), len(at.derivatives)
    info = np.zeros((p + d + 1, p + d + 1))
    mean = np.linalg.solve(at.S, at.design.Z @ delta + at.effects(delta).T)
    columns = [at.Z, *(at.off((at.R @ lag(W, mean)).T[..., None]) for W in at.design.W)]
    X = np.concatenate(columns, axis=2).reshape(mean.size, -1)
    size = X.shape[1]
    info[:size, :size] = X.T @ X / sigma2
    info[p:-1, p:-1] += _products(at) / 2
    # `slopes` holds minus the traces of D off what the likelihood is free of.
    info[p:-1, -1] = info[-1, p:-1] = -at.slopes / sigma2
    info[-1, -1] = at.design.nobs / (2 * sigma2**2)
    return info


def _products(at: Masked) -> Array:
    """(d, d), tr[P X_k P X_l] with X = D + D' and P off cells and `spanned`."""
    U, V = at.cells, at.spanned
    X = [D + D.T for D in at.derivatives]
    moved = [off_cells(U, np.broadcast_to(x, (len(U), *x.shape))) for x in X]
    drawn = [x @ V for x in X]
    inner = [np.einsum("tnq,tnr->qr", V, v) for v in drawn]
    found = np.zeros((len(X), len(X)))
    for k in range(len(X)):
        for j in range(len(X)):
            found[k, j] = (
                np.vdot(moved[k], np.swapaxes(moved[j], 1, 2))
                - 2 * np.vdot(drawn[k], off_cells(U, drawn[j]))
                + np.vdot(inner[k], inner[j].T)
            )
    return found


def _observed(design: Design, params: Array, steps: Array) -> Array:
    """Minus the derivative of the score."""
    hessian = np.empty((len(params), len(params)))
    for row, move in zip(hessian, np.diag(steps), strict=True):
        slope = _score(design, params + move) - _score(design, params - move)
        row[:] = -slope / (2 * move.sum())
    return (hessian + hessian.T) / 2


def _score(design: Design, params: Array) -> Array:
    """Gradient of the log-likelihood in (delta, rho, lambda, sigma2)."""
    at, delta, sigma2 = _taken_apart(design, params)
    e = at.residual(delta)
    by_delta = np.einsum("tn,tnp->p", e, at.Z) / sigma2
    by_spatial = np.einsum("tn,tnd->d", e, at.lags(delta)) / sigma2 + at.slopes
    by_sigma2 = (np.vdot(e, e) / sigma2 - design.nobs) / (2 * sigma2)
    return np.r_[by_delta, by_spatial, by_sigma2]
