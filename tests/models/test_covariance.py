"""Robust covariances: against the simulated variance of the score, and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.covariance import _omega, cumulants
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, jacobian_slopes, lags
from spatialsyn.numerics.transform import sweep


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("family", ["sar", "gns"])
def test_the_sandwich_holds_the_variance_of_the_score_under_skewed_errors(
    family, effects, monkeypatch
):
    """20 000 draws of the score at the truth, errors exponential: skewness 2, kurtosis 9."""
    panel, w = made_up(n=7, T=5, seed=3)
    n, T = 7, 5
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects)
    res = ss.fit(model, panel, w)
    p, W, d = res.params, w.dense(), res.design
    k = len(d.names)
    delta, spatial, sigma2 = p.iloc[:k].to_numpy(), p.iloc[k:-1].to_numpy(), 1.0
    S = np.eye(n) - p.get("rho[w]", 0) * W
    R = np.eye(n) - p.get("lambda[w]", 0) * W
    x = panel.array("x")
    signal = p.get("Intercept", 0) + p["x"] * x + p.get("W[w]*x", 0) * W @ x
    rng, scores, design = np.random.default_rng(0), [], d
    for _ in range(20_000):
        e = rng.exponential(size=(n, T)) - 1
        y = np.linalg.solve(S, signal + np.linalg.solve(R, e))
        lagged = d.error and replace(
            d.error, y=sweep(W @ y, effects), Wy=sweep(W @ W @ y, effects)[..., None]
        )
        design = replace(d, y=sweep(y, effects), Wy=sweep(W @ y, effects)[..., None], error=lagged)
        r, Z = sweep(e, effects).ravel(), filtered(design, spatial)[1]
        quadratic = r @ r / 2 - design.nobs / 2
        scores.append(
            [
                *(Z.T @ r),
                *(lags(design, spatial, delta).T @ r + jacobian_slopes(design, spatial)),
                quadratic,
            ]
        )
    simulated = np.cov(np.array(scores).T)
    # The formula at the truth: third moment 2, fourth cumulant 6 of this exponential.
    estimate = replace(
        res.estimate, residuals=r.reshape(n, T), params=np.r_[delta, spatial, sigma2]
    )
    info = information(
        design, estimate.multiplier, delta, spatial, sigma2, estimate.residuals, "expected"
    )
    monkeypatch.setattr("spatialsyn.models.covariance.cumulants", lambda *_: (2.0, 6.0))
    middle = info + _omega(design, estimate, delta, spatial, sigma2)
    scale = np.sqrt(np.outer(np.diag(middle), np.diag(middle)))
    assert_allclose(simulated / scale, middle / scale, atol=0.09)  # heavy tails: four sd of 20 000


@pytest.mark.parametrize(
    ("city", "time"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_cumulants_are_those_before_sweeping(city, time):
    rng = np.random.default_rng(1)
    effects = {
        (False, False): "none",
        (True, False): "individual",
        (False, True): "time",
        (True, True): "twoways",
    }
    found = np.mean(
        [
            cumulants(sweep(rng.exponential(size=(8, 6)) - 1, effects[city, time]), city, time)
            for _ in range(40_000)
        ],
        axis=0,
    )
    assert_allclose(found[0], 2, atol=0.1)
    # m2^2 is a little more than sigma^4 on average in 48 cells, so the cumulant comes out low.
    assert 2 < found[1] < 7


def test_clusters_by_year_are_brute_force_ones_for_least_squares():
    panel, _ = made_up(n=12, T=20)
    res = ss.fit(ss.ols("y ~ x + z"), panel).with_cov("period")
    Z = np.c_[np.ones(240), panel.array("x").ravel(), panel.array("z").ravel()]
    e = (panel.array("y").ravel() - Z @ res.params.iloc[:3]).reshape(12, 20)
    scores = np.einsum("ntp,nt->tp", Z.reshape(12, 20, 3), e)
    bread = np.linalg.inv(Z.T @ Z)
    brute = bread @ (scores.T @ scores * 20 / 19) @ bread
    assert_allclose(res.cov.iloc[:3, :3], brute, rtol=1e-8)


def test_driscoll_kraay_adds_neighbouring_years():
    panel, w = made_up(n=12, T=40)
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    res = ss.fit(model, panel, w)
    period, kraay = res.with_cov("period"), res.with_cov("driscoll-kraay")
    assert_allclose(period.params, res.params, rtol=0)
    assert (np.linalg.eigvalsh(kraay.cov) > 0).all()
    assert not np.allclose(period.se, kraay.se)
    # Normal errors, many years: all of them estimate the same thing.
    assert_allclose(period.se.iloc[:2], res.se.iloc[:2], rtol=0.5)


def test_with_normal_errors_the_sandwich_is_near_the_information():
    panel, w = made_up(n=40, T=20)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    assert_allclose(res.with_cov("sandwich").se.iloc[:-1], res.se.iloc[:-1], rtol=0.05)


def test_everything_downstream_follows_the_covariance():
    panel, w = made_up(n=12, T=20)
    res = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    robust = res.with_cov("period")
    assert robust.glance().loc[0, "covariance"] == "period"
    assert not np.allclose(robust.effects().table["se"], res.effects().table["se"])
    direct = ss.fit(ss.sar("y ~ x", W="w"), panel, w, cov="period")
    assert_allclose(direct.se, robust.se, rtol=1e-12)
    assert_allclose(robust.with_cov("expected").se, res.se, rtol=1e-12)


def test_what_the_data_cannot_give_is_refused():
    panel, w = made_up(n=12, T=4)
    res = ss.fit(ss.sdm("y ~ x + z", W="w"), panel, w)
    with pytest.raises(ss.EstimationError, match="variance of 7 parameters from 4 years"):
        res.with_cov("period")
    with pytest.raises(
        ss.ModelError, match="cov='hac' is not one of 'expected', 'observed', 'sandwich'"
    ):
        res.with_cov("hac")
    random = ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w)
    with pytest.raises(ss.ModelError, match="not available with random effects"):
        random.with_cov("sandwich")
