"""Covariances of the estimator that ask less than normal, independent errors.

    V = H^-1 J H^-1,   H the information, J the variance of the score

``sandwich``        independent errors of one variance and any distribution: J = I + Omega with the
                    third and fourth cumulants of the structural residuals (Lee & Yu 2010,
                    theorem 1; reduced-form residuals, as some programs use, are wrong). Such
                    errors leave the expected information what it is, so H = I. Without rho and
                    lambda the coefficients keep the usual covariance, s2 (Z'Z)^-1.
``period``          J from the scores of the years: variances that differ between years, and
                    any dependence between the cities of one year that leaves the estimate of
                    rho or lambda what it is (see below); years independent and not few.
``driscoll-kraay``  the same with Bartlett weights over neighbouring years (Driscoll & Kraay
                    1998); lag length floor(4 (T/100)^(2/9)).
``city``            J from the scores of the cities (`scores`): any dependence over time, and
                    variances that differ; Arellano's for least squares, White's with one year.
``cluster``         the same with groups of cities, such as provinces, for cities: any dependence
                    within a group, for models without a lag of y as ``spatial-hac``.
``spatial-hac``     the same with Bartlett weights over neighbouring cities (Conley 1999), for
                    the coefficients of models without a lag of y; a lambda is then the one
                    that fits best, not a parameter of the errors. It needs many cities.
``robust``          heteroskedasticity between cities, for matrix exponentials only
                    (`heteroskedastic`).

All but the first observe H: away from independent errors of one variance the expected
information is not the slope of the score. With dummies (``direct``, ``bias-corrected``)
sigma2 is too small by the cells they use up; J knows that, and V is right for it.

Heteroskedasticity of unknown form makes the likelihood estimate of rho or lambda itself
inconsistent, unless the variances are unrelated to the diagonal of W S^-1 (Lin & Lee 2010,
Journal of Econometrics 157, 34-52); so does dependence between cities that the model
lacks: the mean of its score is tr(G Omega_t) / s2 - tr G, summed over the years. No covariance
mends that. Matrix exponentials (`mess`) stay consistent under the first. Variances that differ
between years only, Omega_t = s2_t I, leave that mean zero: so ``period`` is there with Wy, while
``spatial-hac`` and ``cluster``, which add dependence between cities to ``city`` and nothing else,
are refused. Moments of instruments stay right under it (`moments`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spatialsyn.errors import EstimationError, ModelError
from spatialsyn.models.clusters import CLUSTER, groups_of, membership
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.gmm import check_moments, covered_by_moments
from spatialsyn.models.heteroskedastic import check_exponential, heteroskedastic
from spatialsyn.models.information import (
    KINDS,
    check_information,
    information,
    information_derivatives,
)
from spatialsyn.models.likelihood import filtered, lags
from spatialsyn.models.masked_estimate import check_masked, describe_masked
from spatialsyn.models.moments import between_clusters
from spatialsyn.models.qml import describe, inverted, pulled_back
from spatialsyn.models.scores import between_cities, between_groups, city_scores, period_scores
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import independent, sweeps_cities, sweeps_time

# What a reader is told of each kind.
WORDS = {
    "expected": "expected information",
    "observed": "observed information",
    "sandwich": "sandwich, for any distribution of one variance",
    "period": "clustered by year",
    "driscoll-kraay": "Driscoll-Kraay",
    "classical": "classical, for errors of one variance",
    "robust": "robust to heteroskedasticity",
    "city": "clustered by city",
}
HAC = "spatial-hac"
# Those with a choice of their own, which stands behind the kind: "cluster, region".
CHOSEN = {HAC: "spatial HAC, Bartlett weights to {}", CLUSTER: "clustered by {}"}
ROBUST = ("sandwich", "period", "driscoll-kraay", "city", *CHOSEN)


def check_kind(cov: object) -> None:
    """Refuse what is the name of no covariance, of whatever model; None is the usual one."""
    known = (*WORDS, *CHOSEN)
    if cov is not None and not (isinstance(cov, str) and cov in known):
        raise ModelError(
            f"cov={cov!r} is not one of {', '.join(map(repr, known))}. Leave it out for the usual "
            "one of every model."
        )


def check_covariance(design: Design, kind: str | None) -> None:
    """Refuse, before anything is estimated, what is no covariance of the model of `design`."""
    if kind is None:
        return
    if design.observed is not None:
        check_masked(kind)
    elif design.instruments is not None:
        check_moments(design, kind)
    elif kind in KINDS:
        check_information(design, kind)
    elif kind == "robust" and (design.W or design.error is not None):
        check_exponential(design)
    else:
        _check(design, kind, None)


def covered(design: Design, estimate: Estimate, kind: str, near: Array | None = None) -> Estimate:
    """The same estimate with a covariance of this kind; see `robust_covariance`."""
    if not isinstance(kind, str):
        check_kind(kind)
    if near is not None and kind != HAC:
        raise ModelError(f"km is the reach of cov={HAC!r}; cov={kind!r} has none.")
    if design.observed is not None:
        return describe_masked(design, estimate.params, kind)
    if design.instruments is not None:
        return covered_by_moments(design, estimate, kind)
    if kind in KINDS:
        return replace(describe(design, estimate.params, kind), loglik=estimate.loglik)
    if kind == "robust" and (design.W or design.error is not None):
        return replace(estimate, cov=heteroskedastic(design, estimate))
    return replace(estimate, cov=robust_covariance(design, estimate, kind, near), draws=None)


def in_words(kind: str) -> str:
    """What a reader is told of a covariance."""
    text, *values = worded(kind)
    return text.format(*values) if values else text


def worded(kind: str) -> tuple[str, ...]:
    """The same as a phrase and what its blank holds."""
    name = without_choice(kind)
    if name not in CHOSEN:
        return (WORDS.get(kind, kind),)
    return CHOSEN[name], kind.removeprefix(f"{name}, ")


def without_choice(kind: str) -> str:
    """The covariance itself, of "cluster, region": what was chosen stands behind a comma."""
    return kind.partition(",")[0]


def robust_covariance(
    design: Design, estimate: Estimate, kind: str, near: Array | None = None
) -> Array:
    """The covariance of all parameters of `estimate`, of one of the kinds `ROBUST`.

    Parameters
    ----------
    near : (n, n), weights of pairs of cities, one on the diagonal; for ``spatial-hac``

    Raises
    ------
    ModelError
        An unknown kind, random effects, whose errors are not independent over years, or
        ``spatial-hac`` for a model with a spatial lag of y.
    EstimationError
        Fewer years (``period``, ``driscoll-kraay``) or cities than parameters.
    """
    _check(design, kind, near)
    p, params = len(design.names), estimate.params
    estimate = replace(estimate, params=design.entered(params))
    delta, spatial = estimate.params[:p], estimate.params[p:-1]
    # After a bias correction sigma2 is not the one at which scores have mean zero.
    sigma2 = float((estimate.residuals**2).sum()) / design.nobs
    at = (delta, spatial, sigma2)
    how = "expected" if kind == "sandwich" else "observed"
    H = information(design, estimate.multiplier, *at, estimate.residuals, how)
    if kind == "sandwich":
        middle = _independent(design, estimate, *at)
    elif kind == CLUSTER:
        member = membership(groups_of(design))
        _check_clusters(kind, "groups", len(member), len(params))
        middle = between_groups(city_scores(design, estimate, *at), member)
    elif kind in ("city", HAC):
        scores = city_scores(design, estimate, *at)
        _check_clusters(kind, "cities", *scores.own.shape)
        middle = between_cities(scores, np.eye(len(design.y)) if near is None else near)
        if kind == HAC:
            _check_positive(middle)
    else:
        sums = period_scores(design, estimate, *at)
        _check_clusters(kind, "years", *sums.shape)
        # They sum to zero already, unless the bias was removed.
        middle = between_clusters(sums - sums.mean(axis=0), kind, design.years)
    free, entered, inner = pulled_back(design, H, params, estimate.residuals, how)
    inverse = free @ inverted(inner) @ entered.T
    V = np.asarray(inverse @ middle @ inverse.T)
    V[-1] *= estimate.params[-1] / sigma2
    V[:, -1] *= estimate.params[-1] / sigma2
    return (V + V.T) / 2


def _check(design: Design, kind: str, near: Array | None) -> None:
    if kind == "robust":
        raise ModelError(
            'cov="robust" is cov="city" in a model without rho and lambda: variances that differ '
            "and any dependence over the years of a city (Stata's xtreg, fe vce(robust); with one "
            "year White's, regress, vce(robust))."
        )
    if kind not in ROBUST:
        raise ModelError(f"cov={kind!r} is not one of {', '.join(map(repr, KINDS + ROBUST))}.")
    if design.random:
        raise ModelError(f'cov={kind!r} is not available with random effects: use "expected".')
    if design.yearly_error is not None:
        raise ModelError(
            f"cov={kind!r} is not available with city effects beside an error whose weights change "
            'over the years: use "expected" or "observed".'
        )
    if design.varies and kind not in ("period", "driscoll-kraay"):
        raise ModelError(
            f"cov={kind!r} is not available with weights that change over the years: use "
            '"expected", "observed" or "period".'
        )
    if kind == CLUSTER:
        groups_of(design)
    if design.dynamic and kind in ("city", *CHOSEN):
        raise ModelError(
            f"cov={kind!r} allows errors that depend on their own past, and then y(t-1) is "
            'correlated with them: no estimate of this model is consistent. Use "sandwich" or '
            '"period".'
        )
    if kind in CHOSEN and design.W:
        which = "near cities" if kind == HAC else "the cities of a group"
        moments = "" if kind == HAC else ', or with estimator="2sls"'
        raise ModelError(
            f"cov={kind!r} allows errors of {which} to be correlated, and then the likelihood "
            f"estimate of {', '.join(design.rho_names)} is inconsistent: no covariance makes its "
            "intervals cover. Put the dependence into the model (ss.sac, ss.gns), or use it with "
            f"a model without a lag of y (ss.ols, ss.slx, ss.sem, ss.sdem){moments}."
        )
    if kind == HAC and near is None:
        raise ModelError(
            f"cov={kind!r} needs a reach in kilometres: "
            'ss.fit(...).with_cov("spatial-hac", km=200).'
        )


def _check_positive(middle: Array) -> None:
    """Bartlett weights make a covariance along a line; in the plane they need not."""
    scale = 1 / np.sqrt(np.abs(np.diag(middle)))
    least = float(np.linalg.eigvalsh(middle * scale * scale[:, None]).min())
    if least < -1e-10:
        raise EstimationError(
            f"cov={HAC!r} is no covariance with this reach (smallest eigenvalue {least:.2g}). "
            'Use another reach, or cov="city" or "driscoll-kraay".'
        )


def _check_clusters(kind: str, what: str, clusters: int, parameters: int) -> None:
    if parameters >= clusters:
        raise EstimationError(
            f"cov={kind!r} estimates the variance of {parameters} parameters from {clusters} "
            f"{what}: it needs more {what} than parameters. "
            'Take fewer regressors, or cov="sandwich" or "expected".'
        )


def _independent(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> Array:
    """I + Omega, for independent errors of one distribution.

    It is that of the transformed data, whose errors are uncorrelated; the score at the
    smaller sigma2 of the dummies is larger by the ratio of the two.
    """
    n, T = design.y.shape
    units, copies = independent(n, T, design.fixed_effects)
    free = replace(design, transformed=design.fixed_effects != "none", units=units, copies=copies)
    ratio = design.nobs / free.nobs
    at = (delta, spatial, sigma2 * ratio)
    info = information(free, estimate.multiplier, *at, estimate.residuals, "expected")
    gain = np.r_[np.full(len(info) - 1, ratio), ratio**2]
    return np.asarray((info + _omega(free, estimate, *at)) * gain * gain[:, None])


def _omega(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> Array:
    """What errors that are not normal add to the variance of the score of transformed data."""
    n, T = design.y.shape
    p, q = len(delta), len(estimate.params)
    time, city = sweeps_time(design.fixed_effects), sweeps_cities(design.fixed_effects)
    third, fourth = cumulants(estimate.residuals, city, time)
    whole = information_derivatives(
        replace(design, transformed=False), estimate.multiplier, spatial
    )
    # e'J D e: the J on the right is there by itself only where rows of W sum to one.
    derivatives = [D - D.mean(axis=0) if time else D for D in whole]
    forms = np.zeros((q, n))  # diagonals of the quadratic forms in the score
    for row, D in zip(forms[p:], derivatives, strict=False):
        row[:] = np.diag(D)
    forms[-1] = (1 - 1 / n if time else 1.0) / (2 * sigma2)
    share = T * (1 - 1 / T) ** 2 if city else T
    omega = share * fourth / sigma2**2 * forms @ forms.T
    if not city:  # deviations from a city's mean sum to zero: no third moments there
        linear = np.zeros((q, n))
        linear[:p] = filtered(design, spatial)[1].reshape(n, T, p).sum(axis=1).T
        m = design.Wy.shape[2]
        if m:
            explained = lags(design, spatial, delta)[:, :m].reshape(n, T, m).sum(axis=1).T
            noise = [D @ estimate.residuals.sum(axis=1) for D in derivatives[:m]]
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
