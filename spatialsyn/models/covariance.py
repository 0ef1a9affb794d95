"""Covariances of the estimator that ask less than normal, independent errors.

    V = I^-1 J I^-1,   I the expected information, J the variance of the score

``sandwich``        independent errors of any distribution: J = I + Omega with the third and
                    fourth cumulants of the structural residuals (Lee & Yu 2010, theorem 1;
                    reduced-form residuals, as some programs use, are wrong).
``period``          J from the scores of the periods: any dependence and heteroskedasticity
                    between the cities of one year; years independent and not few.
``driscoll-kraay``  the same with Bartlett weights over neighbouring years (Driscoll & Kraay
                    1998); lag length floor(4 (T/100)^(2/9)).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spatialsyn.errors import EstimationError, ModelError
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import KINDS, information, information_derivatives
from spatialsyn.models.likelihood import filtered, jacobian_slopes, lags
from spatialsyn.models.qml import describe, pulled_back
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time

# What a reader is told of each kind.
WORDS = {
    "expected": "expected information",
    "observed": "observed information",
    "sandwich": "sandwich, for errors of any distribution",
    "period": "clustered by year",
    "driscoll-kraay": "Driscoll-Kraay",
}
ROBUST = ("sandwich", "period", "driscoll-kraay")


def covered(design: Design, estimate: Estimate, kind: str) -> Estimate:
    """The same estimate with a covariance of this kind."""
    if kind in KINDS:
        return replace(describe(design, estimate.params, kind), loglik=estimate.loglik)
    return replace(estimate, cov=robust_covariance(design, estimate, kind))


def robust_covariance(design: Design, estimate: Estimate, kind: str) -> Array:
    """The covariance of all parameters of `estimate`, of one of the kinds `ROBUST`.

    Raises
    ------
    ModelError
        An unknown kind, or random effects, whose errors are not independent over years.
    EstimationError
        Fewer years than parameters (``period``, ``driscoll-kraay``).
    """
    if kind not in ROBUST:
        raise ModelError(f"cov={kind!r} is not one of {', '.join(map(repr, KINDS + ROBUST))}.")
    if design.random:
        raise ModelError(f'cov={kind!r} is not available with random effects: use "expected".')
    p, params = len(design.names), estimate.params
    estimate = replace(estimate, params=design.entered(params))
    delta, spatial, sigma2 = (
        estimate.params[:p],
        estimate.params[p:-1],
        float(estimate.params[-1]),
    )
    info = information(
        design, estimate.multiplier, delta, spatial, sigma2, estimate.residuals, "expected"
    )
    if kind == "sandwich":
        middle: Array = info + _omega(design, estimate, delta, spatial, sigma2)
    else:
        middle = _between_periods(_scores(design, estimate, delta, spatial, sigma2), kind)
    free, entered, inner = pulled_back(design, info, params, estimate.residuals, "expected")
    inverse = free @ np.linalg.inv(inner) @ entered.T
    V = np.asarray(inverse @ middle @ inverse.T)
    return (V + V.T) / 2


def _scores(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> Array:
    """(T, q) scores of the periods; they sum to zero at the maximum."""
    n, T = design.y.shape
    e = estimate.residuals
    Z = filtered(design, spatial)[1].reshape(n, T, -1)
    columns = lags(design, spatial, delta).reshape(n, T, -1)
    slopes = jacobian_slopes(design, spatial) / T
    by_delta = np.einsum("ntp,nt->tp", Z, e) / sigma2
    by_spatial = np.einsum("ntd,nt->td", columns, e) / sigma2 + slopes
    by_sigma2 = (e**2).sum(axis=0) / (2 * sigma2**2) - design.nobs / T / (2 * sigma2)
    return np.column_stack([by_delta, by_spatial, by_sigma2])


def _between_periods(scores: Array, kind: str) -> Array:
    """Sum over years of s_t s_t', with neighbouring years weighted down linearly."""
    T, q = scores.shape
    if q >= T:
        raise EstimationError(
            f"cov={kind!r} estimates the variance of {q} parameters from {T} years: it needs more "
            'years than parameters. Use cov="sandwich" or "expected".'
        )
    middle = scores.T @ scores
    reach = int(4 * (T / 100) ** (2 / 9)) if kind == "driscoll-kraay" else 0
    for k in range(1, reach + 1):
        product = scores[k:].T @ scores[:-k]
        middle = middle + (1 - k / (reach + 1)) * (product + product.T)
    return np.asarray(middle * T / (T - 1))


def _omega(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> Array:
    """What errors that are not normal add to the variance of the score."""
    n, T = design.y.shape
    p, q = len(delta), len(estimate.params)
    time, city = sweeps_time(design.fixed_effects), sweeps_cities(design.fixed_effects)
    third, fourth = cumulants(estimate.residuals, city, time)
    diagonal = np.full(n, 1 - 1 / n if time else 1.0)
    forms = np.zeros((q, n))  # diagonals of the quadratic forms in the score
    for row, D in zip(
        forms[p:], information_derivatives(design, estimate.multiplier, spatial), strict=False
    ):
        if time and not design.projects_cities:
            D = D - D.mean(axis=0) - D.mean(axis=1, keepdims=True) + D.mean()
        row[:] = np.diag(D)
    forms[-1] = diagonal / (2 * sigma2)
    share = T * (1 - 1 / T) ** 2 if city else T
    omega = share * fourth / sigma2**2 * forms @ forms.T
    if not city:  # deviations from a city's mean sum to zero: no third moments there
        linear = np.zeros((q, n))
        linear[:p] = filtered(design, spatial)[1].reshape(n, T, p).sum(axis=1).T
        m = design.Wy.shape[2]
        if m:
            explained = lags(design, spatial, delta)[:, :m].reshape(n, T, m).sum(axis=1).T
            noise = [
                D @ estimate.residuals.sum(axis=1)
                for D in information_derivatives(design, estimate.multiplier, spatial)[:m]
            ]
            linear[p : p + m] = explained - np.array(noise)
        cross = third / sigma2**2 * linear @ forms.T
        omega = omega + cross + cross.T
    return np.asarray(omega)


def cumulants(residuals: Array, city: bool, time: bool) -> tuple[float, float]:
    """Third moment and fourth cumulant of the errors behind swept `residuals`.

    Sweeping a mean of m values keeps the share (1 - 1/m)^k + (m - 1) (-1/m)^k of a
    cumulant of order k.
    """
    shares = [1.0, 1.0]
    for swept, m in ((city, residuals.shape[1]), (time, residuals.shape[0])):
        if swept:
            shares = [s * ((1 - 1 / m) ** k + (m - 1) * (-1 / m) ** k)
                      for s, k in zip(shares, (3, 4), strict=True)]  # fmt: skip
    m2, m3, m4 = (float((residuals**k).mean()) for k in (2, 3, 4))
    third = m3 / shares[0] if abs(shares[0]) > 1e-9 else 0.0
    return third, (m4 - 3 * m2**2) / shares[1]
