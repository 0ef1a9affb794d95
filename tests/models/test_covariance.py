"""Robust covariances: against the simulated variance of the score, and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up, redrawn
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.covariance import _independent, _omega, cumulants, robust_covariance
from spatialsyn.models.design import align, build
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, lags
from spatialsyn.models.moments import between_clusters
from spatialsyn.models.qml import describe, estimate_qml
from spatialsyn.models.scores import period_scores
from spatialsyn.numerics.lags import lag
from spatialsyn.numerics.transform import sweep


@pytest.mark.parametrize(
    ("effects", "correction"),
    [
        ("none", "lee-yu"),
        *(
            (fixed, how)
            for fixed in ("individual", "time", "twoways")
            for how in ("lee-yu", "direct")
        ),
    ],
)
@pytest.mark.parametrize("family", ["sar", "gns"])
def test_the_sandwich_holds_the_variance_of_the_score_under_skewed_errors(
    family, effects, correction, monkeypatch
):
    """20 000 draws of the score at the truth, errors exponential: skewness 2, kurtosis 9.

    With dummies sigma2 is the smaller one that their likelihood finds.
    """
    panel, w = made_up(n=7, T=5, seed=4)
    n, T = 7, 5
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects, correction=correction)
    res = ss.fit(model, panel, w)
    p, W, d = res.params, w.dense(), res.design
    k = len(d.names)
    delta, spatial = p.iloc[:k].to_numpy(), p.iloc[k:-1].to_numpy()
    cells = sweep(np.eye(n * T).reshape(n, T, -1), effects).reshape(n * T, -1).trace()
    sigma2 = cells / d.nobs
    S = np.eye(n) - p.get("rho[w]", 0) * W
    R = np.eye(n) - p.get("lambda[w]", 0) * W
    x = panel.array("x")
    signal = p.get("Intercept", 0) + p["x"] * x + p.get("W[w]*x", 0) * W @ x
    e = np.random.default_rng(0).exponential(size=(n, T, 20_000)) - 1
    y = lag(np.linalg.inv(S), signal[..., None] + lag(np.linalg.inv(R), e))
    every, r = redrawn(d, W, y), np.moveaxis(sweep(e, effects), 2, 1)
    columns = np.c_[filtered(every, spatial)[1], lags(every, spatial, delta)]
    linear = np.einsum("ibtk,ibt->bk", columns.reshape(*r.shape, -1), r) / sigma2
    by_sigma2 = (r**2).sum(axis=(0, 2)) / (2 * sigma2**2)
    simulated = np.cov(np.c_[linear, by_sigma2].T)
    design = redrawn(d, W, y[..., -1:])
    # The formula at the truth: third moment 2, fourth cumulant 6 of this exponential.
    estimate = replace(res.estimate, residuals=r[:, -1], params=np.r_[delta, spatial, sigma2])
    monkeypatch.setattr("spatialsyn.models.covariance.cumulants", lambda *_: (2.0, 6.0))
    middle = _independent(design, estimate, delta, spatial, sigma2)
    scale = np.sqrt(np.outer(np.diag(middle), np.diag(middle)))
    assert_allclose(simulated / scale, middle / scale, atol=0.09)  # heavy tails: four sd of 20 000


@pytest.mark.parametrize("effects", ["time", "twoways"])
def test_what_skewed_errors_add_is_exact_where_rows_of_w_are_uneven(effects, monkeypatch):
    """The score is b'e + e'Ae; fourth cumulants enter by the diagonal of A, third ones by it and b."""
    n, T, rho = 7, 5, 0.3
    panel, w = made_up(n=n, T=T, seed=3)
    W = w.dense() * np.linspace(0.4, 1.6, n)[:, None]
    e, x = sweep(np.random.default_rng(0).normal(size=(n, T)), effects), panel.array("x")
    made = panel.assign(y=np.linalg.solve(np.eye(n) - rho * W, x + e))
    model = ss.sar("y ~ x", W="w", fixed_effects=effects, correction="direct")
    uneven = {"w": ss.Weights.from_matrix(W, ids=w.ids, name="w")}
    design = build(model, made, uneven)
    free = replace(design, transformed=True)
    monkeypatch.setattr("spatialsyn.models.covariance.cumulants", lambda *_: (2.0, 6.0))
    estimate = describe(design, np.array([1.0, rho, 1.0]))
    found = _omega(free, estimate, np.array([1.0]), np.array([rho]), 1.0)
    cells = np.eye(n * T).reshape(n, T, -1)
    D = W @ np.linalg.inv(np.eye(n) - rho * W)
    diagonal = np.zeros((3, n * T))
    diagonal[1] = np.diag(sweep(lag(D, cells), effects).reshape(n * T, -1))
    diagonal[2] = np.diag(sweep(cells, effects).reshape(n * T, -1)) / 2
    b = np.zeros((3, n * T))
    b[0], b[1] = sweep(x, effects).ravel(), sweep(D @ x, effects).ravel()
    cross = 2 * b @ diagonal.T
    assert_allclose(found, 6 * diagonal @ diagonal.T + cross + cross.T, atol=1e-10)


def test_the_mean_error_of_a_year_is_counted_once_where_rows_of_w_are_uneven(monkeypatch):
    """Of normal errors b'e + e'Ae has the variance b'b + 2 tr A^2; of A the sweep is on one side.

    The error that dummies of years take out of e stays in W S^-1 e, unless rows of W sum to one.
    It is in what residuals leave of W y: on average over errors the variance is exact.
    """
    n, T, rho, rng = 7, 5, 0.3, np.random.default_rng(0)
    panel, w = made_up(n=n, T=T, seed=3)
    W = w.dense() * np.linspace(0.4, 1.6, n)[:, None]
    uneven = {"w": ss.Weights.from_matrix(W, ids=w.ids, name="w")}
    signal = panel.array("x") + np.linspace(-2, 2, T)
    swept = sweep(np.eye(n * T).reshape(n, T, -1), "time").reshape(n * T, -1)
    sigma2 = swept.trace() / (n * T)  # that of dummies, for errors of variance one
    model = ss.sar("y ~ x", W="w", fixed_effects="time", correction="direct")
    monkeypatch.setattr("spatialsyn.models.covariance.cumulants", lambda *_: (0.0, 0.0))
    found = []
    for _ in range(300):
        y = np.linalg.solve(np.eye(n) - rho * W, signal + rng.normal(size=(n, T)))
        design = build(model, panel.assign(y=y), uneven)
        estimate = describe(design, np.array([1.0, rho, sigma2]))
        variance = _independent(design, estimate, np.array([1.0]), np.array([rho]), sigma2)
        found.append(variance[1, 1])
    D = np.kron(W @ np.linalg.inv(np.eye(n) - rho * W), np.eye(T))
    b, A = swept @ D @ signal.ravel() / sigma2, (swept @ D + D.T @ swept) / 2 / sigma2
    # Twice the mean error of a year would be 3 too much.
    assert_allclose(np.mean(found), b @ b + 2 * (A**2).sum(), atol=1.5)


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


def test_driscoll_kraay_is_brute_force_for_least_squares():
    panel, _ = made_up(n=12, T=40)
    res = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel).with_cov("driscoll-kraay")
    Z = sweep(np.stack([panel.array("x"), panel.array("z")], axis=2), "individual")
    e = sweep(panel.array("y"), "individual") - Z @ res.params.iloc[:2].to_numpy()
    scores = np.einsum("ntp,nt->tp", Z, e)
    reach = int(4 * 0.4 ** (2 / 9))
    assert reach == 3
    middle = sum(
        max(0, 1 - abs(t - s) / (reach + 1)) * np.outer(scores[t], scores[s])
        for t in range(40)
        for s in range(40)
    )
    bread = np.linalg.inv(np.einsum("ntp,ntq->pq", Z, Z))
    assert_allclose(res.cov.iloc[:2, :2], bread @ middle @ bread * 40 / 39, rtol=1e-8)


def test_clusters_by_year_hold_under_common_shocks():
    """400 draws with a shock common to each year: the expected information is then no slope.

    rho is inconsistent (its mean is 0.57, the truth 0.3), and varies with sd 0.034 around
    that mean; with the expected information in place of the observed one se would be 0.038.
    """
    panel, w = made_up(n=15, T=60, seed=1)
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    d, W, x = build(model, panel, align(w, ("w",), panel)), w.dense(), panel.array("x")
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        e = rng.normal(size=(15, 60)) + 0.7 * rng.normal(size=(1, 60))
        y = np.linalg.solve(np.eye(15) - 0.3 * W, x + e)
        design = redrawn(d, W, y[..., None])
        estimate = estimate_qml(design)
        cov = robust_covariance(design, estimate, "period")
        found.append([estimate.params[1], np.sqrt(cov[1, 1])])
    rho, se = np.array(found).T
    assert rho.mean() > 0.5
    assert_allclose(se.mean(), rho.std(), rtol=0.07)  # 400 draws: the sd is good to 3.5 %


def test_clusters_by_year_hold_where_variances_change_from_year_to_year():
    """300 draws: rho is consistent then, for E e_t'G e_t = s2_t tr G, unlike beside common shocks.

    The expected information takes one variance for all years: its standard errors are 0.75 of
    the standard deviation.
    """
    panel, w = made_up(n=15, T=40, seed=1)
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    d, W, x = build(model, panel, align(w, ("w",), panel)), w.dense(), panel.array("x")
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        e = rng.normal(size=(15, 40)) * np.where(np.arange(40) % 2, 0.2, 1.4)
        y = np.linalg.solve(np.eye(15) - 0.4 * W, 0.3 * x + e)
        design = redrawn(d, W, y[..., None])
        estimate = estimate_qml(design)
        cov = robust_covariance(design, estimate, "period")
        found.append([estimate.params[1], np.sqrt(cov[1, 1]), np.sqrt(estimate.cov[1, 1])])
    rho, by_year, expected = np.array(found).T
    assert_allclose(rho.mean(), 0.4, atol=0.01)  # 300 draws: the mean is good to 0.003
    assert_allclose(by_year.mean(), rho.std(), rtol=0.1)  # the sd to 4 %; few years: 3 % short
    assert expected.mean() < 0.85 * rho.std()


@pytest.mark.parametrize("T", [4, 8])
def test_years_whose_cities_lost_their_means_find_less_of_the_variance_of_products(T):
    """(T - 2) / (T - 1) of it: what the page on inference says of few years, for e_t'G e_t."""
    G = made_up(n=6)[1].dense()
    e = np.random.default_rng(0).normal(size=(40_000, 6, T))
    e -= e.mean(axis=2, keepdims=True)
    scores = np.einsum("dit,ij,djt->dt", e, G, e)
    found = [between_clusters(s[:, None], "period") for s in scores - scores.mean(1, keepdims=True)]
    short = np.mean(found) / scores.sum(axis=1).var()
    assert_allclose(short, (T - 2) / (T - 1), rtol=0.02)  # 40 000 draws: good to 1 %


def test_with_normal_errors_the_sandwich_is_near_the_information():
    panel, w = made_up(n=40, T=20)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    assert_allclose(res.with_cov("sandwich").se.iloc[:-1], res.se.iloc[:-1], rtol=0.05)


def test_without_a_spatial_parameter_the_sandwich_is_that_of_one_variance():
    """Swept of cities, least squares has no third moments: its covariance is s2 (Z'Z)^-1."""
    panel, _ = made_up(n=12, T=6)
    res = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel, cov="sandwich")
    Z = sweep(np.stack([panel.array("x"), panel.array("z")], axis=2), "individual").reshape(-1, 2)
    e = sweep(panel.array("y"), "individual").ravel() - Z @ res.params.iloc[:2].to_numpy()
    assert_allclose(res.cov.iloc[:2, :2], e @ e / 60 * np.linalg.inv(Z.T @ Z), rtol=1e-8)
    assert "sandwich, for any distribution of one variance" in res.summary()


@pytest.mark.parametrize("kind", ["sandwich", "period", "city"])
@pytest.mark.parametrize("correction", ["direct", "bias-corrected"])
def test_with_dummies_robust_standard_errors_count_the_cells_they_use_up(kind, correction):
    """beta and rho are the same with city effects transformed or estimated; so is V then."""
    panel, w = made_up(n=12, T=9)
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    transformed = ss.fit(model, panel, w).with_cov(kind)
    dummies = ss.fit(model.but(correction=correction), panel, w).with_cov(kind)
    assert_allclose(dummies.params.iloc[:3], transformed.params.iloc[:3], rtol=1e-6)
    assert_allclose(dummies.se.iloc[:3], transformed.se.iloc[:3], rtol=1e-6)
    ratio = dummies.sigma2 / transformed.sigma2
    assert_allclose(dummies.se["sigma2"] / ratio, transformed.se["sigma2"], rtol=1e-6)


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
        ss.ModelError, match="cov='hac' is not one of 'expected', 'observed', 'sandwich', 'period'"
    ):
        res.with_cov("hac")
    random = ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w)
    with pytest.raises(ss.ModelError, match="not available with random effects"):
        random.with_cov("sandwich")


def test_years_count_around_their_mean_where_a_bias_was_removed():
    """A sum of T independent scores has T times their sample variance; elsewhere the mean is zero."""
    panel, w = made_up(n=10, T=14)
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways", correction="bias-corrected")
    res = ss.fit(model, panel, w, cov="period")
    design, estimate = res.design, res.estimate
    sigma2 = np.sum(estimate.residuals**2) / design.nobs
    at = (estimate.params[:2], estimate.params[2:-1], sigma2)
    H = information(design, estimate.multiplier, *at, estimate.residuals, "observed")
    scores = period_scores(design, estimate, *at)
    inverse = np.linalg.inv(H)
    V = inverse @ (14 * np.cov(scores.T)) @ inverse
    assert_allclose(res.cov.to_numpy()[:-1, :-1], V[:-1, :-1], rtol=1e-7)
    assert np.abs(scores.mean(axis=0) / scores.std(axis=0)).max() > 0.1


@pytest.mark.parametrize(("city", "time"), [(True, False), (False, True), (True, True)])
def test_what_sweeping_leaves_of_a_cumulant_is_the_sum_of_powers_of_its_row(city, time):
    """Cumulants of a sum of independent errors add up, each times its weight to their order."""
    n, T = 7, 5
    e = np.random.default_rng(0).exponential(size=(n, T))
    J = [np.eye(m) - swept / m for m, swept in ((n, time), (T, city))]
    row = np.kron(*J)[0]
    m2, m3, m4 = (np.mean(e**k) for k in (2, 3, 4))
    expected = m3 / np.sum(row**3), (m4 - 3 * m2**2) / np.sum(row**4)
    assert_allclose(cumulants(e, city, time), expected, rtol=1e-12)


def test_driscoll_kraay_reaches_as_many_years_as_its_rule_says():
    """floor(4 (30 / 100)^(2/9)) = floor(3.06) = 3 years, weights 3/4, 2/4 and 1/4."""
    s = np.random.default_rng(0).normal(size=(30, 2))
    expected = sum(
        max(0, 1 - abs(a - b) / 4) * np.outer(s[a], s[b]) for a in range(30) for b in range(30)
    )
    assert_allclose(between_clusters(s, "driscoll-kraay"), expected * 30 / 29, rtol=1e-12)
