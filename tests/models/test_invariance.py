"""What must not change an estimate, and special cases that must collapse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, within
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

import spatialsyn as ss

# The search stops near machine precision of rho; sums in another order differ by rounding.
RTOL = 1e-9
EFFECTS = ("none", "individual", "time", "twoways")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), effects=st.sampled_from(EFFECTS))
def test_shuffling_rows_and_weights_changes_nothing(seed, effects):
    panel, w = made_up(seed=seed % 7)
    rng = np.random.default_rng(seed)
    rows = panel.frame.reset_index().sample(frac=1, random_state=seed)
    moved = ss.CityPanel(rows, city="city", year="year", blocks=["region"])
    order = rng.permutation(w.n)
    ids = [w.ids[i] for i in order]
    shuffled = ss.Weights.from_matrix(w.dense()[np.ix_(order, order)], ids=ids, name="w")
    model = ss.sdm("y ~ x + z", W="w", fixed_effects=effects)
    plain, other = ss.fit(model, panel, w), ss.fit(model, moved, shuffled)
    assert shuffled.hash == w.hash
    assert_allclose(other.params, plain.params, rtol=RTOL)
    assert_allclose(other.se, plain.se, rtol=RTOL)
    for by in (None, "region", "city"):
        mine, theirs = plain.effects(by=by).table, other.effects(by=by).table
        assert mine["effect"].tolist() == theirs["effect"].tolist()
        assert_allclose(theirs["estimate"], mine["estimate"], rtol=1e-8, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-100, 100))
def test_rescaling_a_regressor_rescales_its_effect_only(scale, shift):
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    plain = ss.fit(model, panel, w)
    moved = ss.fit(model, panel.assign(x=panel.frame["x"] * scale + shift), w)
    assert_allclose(moved.loglik, plain.loglik, rtol=1e-7)
    assert_allclose(moved.rho, plain.rho, rtol=1e-6)
    assert_allclose(
        moved.effects("x")["indirect"]["estimate"] * scale,
        plain.effects("x")["indirect"]["estimate"],
        rtol=1e-5,
    )


@pytest.mark.parametrize("effects", EFFECTS)
def test_the_score_is_zero_and_the_information_is_minus_the_hessian(effects):
    """Differences of the full log-likelihood, written out, around the estimate."""
    panel, w = made_up(n=9, T=5, seed=3)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects=effects), panel, w, cov="observed")
    design = res.design
    y, Z = design.y.ravel(), design.Z.reshape(design.y.size, -1)
    Wy = design.Wy.ravel()

    def loglik(theta):
        rho, sigma2 = theta[-2:]
        e = y - rho * Wy - Z @ theta[:-2]
        logdet = np.linalg.slogdet(np.eye(w.n) - rho * w.dense())[1]
        if effects in ("time", "twoways"):
            logdet -= np.log(1 - rho)
        return (
            design.copies * logdet
            - design.nobs / 2 * np.log(2 * np.pi * sigma2)
            - e @ e / (2 * sigma2)
        )

    theta = res.params.to_numpy()
    assert_allclose(loglik(theta), res.loglik, rtol=1e-10)
    step = 1e-4 * np.maximum(np.abs(theta), 0.1)
    units = np.diag(step)
    score = [
        (loglik(theta + u) - loglik(theta - u)) / (2 * s) for u, s in zip(units, step, strict=True)
    ]
    assert_allclose(score * res.se, 0, atol=1e-5)
    hessian = np.array([
        [
            (loglik(theta + a + b) - loglik(theta + a - b) - loglik(theta - a + b)
             + loglik(theta - a - b)) / (4 * sa * sb)
            for b, sb in zip(units, step, strict=True)
        ]
        for a, sa in zip(units, step, strict=True)
    ])  # fmt: skip
    scaled = -hessian * np.outer(res.se, res.se)
    mine = np.linalg.inv(res.cov) * np.outer(res.se, res.se)
    assert_allclose(mine, scaled, atol=1e-4)  # second differences carry about 1e-5


@pytest.mark.parametrize("effects", ["individual", "time", "twoways"])
def test_expected_information_is_the_variance_of_the_score(effects):
    """Outer products of the analytic score over simulated errors: a Monte Carlo of 4000 draws."""
    panel, w = made_up(n=8, T=4, seed=1)
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects=effects), panel, w)
    n, T = panel.n, panel.T
    rng = np.random.default_rng(5)
    rho, sigma2 = res.rho["w"], res.sigma2
    G = w.dense() @ np.linalg.inv(np.eye(n) - rho * w.dense())

    def swept(v):
        v = v - v.mean(1, keepdims=True) if effects != "time" else v
        return v - v.mean(0, keepdims=True) if effects != "individual" else v

    trace = np.trace(G) - (1 / (1 - rho) if effects != "individual" else 0)
    x = panel.array("x")
    mean = swept(G @ x * res.params["x"])
    scores = []
    for _ in range(4000):
        e = np.sqrt(sigma2) * rng.standard_normal((n, T))
        Qe, QGe = swept(e), swept(G @ e)
        scores.append([
            (swept(x) * Qe).sum() / sigma2,
            (Qe * (mean + QGe)).sum() / sigma2 - res.design.copies * trace,
            (Qe**2).sum() / (2 * sigma2**2) - res.nobs / (2 * sigma2),
        ])  # fmt: skip
    simulated = np.cov(np.array(scores).T)
    info = np.linalg.inv(res.cov)
    scale = np.sqrt(np.outer(np.diag(info), np.diag(info)))
    assert_allclose(simulated / scale, info / scale, atol=0.08)  # three sd of 4000 draws
    assert np.abs(np.mean(scores, axis=0) / np.sqrt(np.diag(info))).max() < 0.06


def test_twoways_direct_equals_explicit_dummies():
    """Sweeping must give what dummy variables give, by brute force over rho."""
    panel, w = made_up(n=10, T=5, seed=2)
    n, T = panel.n, panel.T
    W = w.dense()
    X = np.stack([panel.array("x"), panel.array("z")], axis=2)
    WX = np.tensordot(W, X, axes=1)
    city, year = np.kron(np.eye(n), np.ones((T, 1))), np.kron(np.ones((n, 1)), np.eye(T)[:, 1:])
    Z = np.c_[X.reshape(n * T, -1), WX.reshape(n * T, -1), city, year]
    y = panel.array("y")
    e_y, e_Wy = (v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0] for v in (y.ravel(), (W @ y).ravel()))

    def minus_loglik(rho):
        logdet = np.linalg.slogdet(np.eye(n) - rho * W)[1]
        return 0.5 * n * T * np.log(((e_y - rho * e_Wy) ** 2).sum()) - T * logdet

    brute = minimize_scalar(
        minus_loglik, bounds=(-0.9, 0.99), method="bounded", options={"xatol": 1e-10}
    )
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", correction="direct")
    assert_allclose(ss.fit(model, panel, w).rho["w"], brute.x, rtol=1e-6)


def test_individual_effects_agree_between_the_approaches_up_to_sigma2():
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="individual")
    transformed, direct = ss.fit(model, panel, w), ss.fit(model.but(correction="direct"), panel, w)
    assert_allclose(transformed.params.iloc[:-1], direct.params.iloc[:-1], rtol=1e-10)
    assert_allclose(transformed.sigma2, direct.sigma2 * panel.T / (panel.T - 1), rtol=1e-10)


def test_time_effects_by_transformation_equal_an_explicit_orthonormal_basis():
    """The likelihood of F'y with F'WF, F any basis orthogonal to the constant."""
    panel, w = made_up(n=9, T=4, seed=4)
    n, T = panel.n, panel.T
    F = np.linalg.qr(np.c_[np.ones(n), np.random.default_rng(0).normal(size=(n, n - 1))])[0][:, 1:]
    W = w.dense()
    Ws, ys, xs = F.T @ W @ F, F.T @ panel.array("y"), F.T @ panel.array("x")
    Wys = Ws @ ys

    def minus_loglik(rho):
        e = (ys - rho * Wys).ravel()
        e = e - xs.ravel() * (e @ xs.ravel() / (xs.ravel() @ xs.ravel()))
        m = (n - 1) * T
        return (
            m / 2 * (np.log(2 * np.pi * (e @ e) / m) + 1)
            - T * np.linalg.slogdet(np.eye(n - 1) - rho * Ws)[1]
        )

    brute = minimize_scalar(
        minus_loglik, bounds=(-0.9, 0.99), method="bounded", options={"xatol": 1e-10}
    )
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="time"), panel, w)
    assert_allclose(res.rho["w"], brute.x, rtol=1e-6)
    assert_allclose(res.loglik, -brute.fun, rtol=1e-9)


def test_one_period_is_the_cross_section():
    panel, w = made_up(n=40, T=3, seed=6)
    one = panel.subset(years=[2001])
    res = ss.fit(ss.sdm("y ~ x", W="w"), one, w)
    assert res.nobs == 40
    assert list(res.params.index) == ["Intercept", "x", "W[w]*x", "rho[w]", "sigma2"]


def test_slx_is_least_squares_on_x_and_its_lag():
    panel, w = made_up()
    res = ss.fit(ss.slx("y ~ x", W="w"), panel, w)
    x = panel.array("x")
    Z = np.c_[np.ones(x.size), x.ravel(), (w.dense() @ x).ravel()]
    assert_allclose(
        res.params.iloc[:3], np.linalg.lstsq(Z, panel.array("y").ravel(), rcond=None)[0]
    )


def test_fixed_effects_are_those_of_explicit_dummies():
    """With a given rho the dummies are a regression; their errors too, when rho is known."""
    panel, w = made_up(n=8, T=5, seed=2)
    n, T = panel.n, panel.T
    res = ss.fit(ss.slx("y ~ x", W="w", fixed_effects="twoways", correction="direct"), panel, w)
    x = panel.array("x")
    city = np.kron(np.eye(n) - 1 / n, np.ones((T, 1)))[:, 1:]
    year = np.kron(np.ones((n, 1)), np.eye(T) - 1 / T)[:, 1:]
    Z = np.c_[x.ravel(), (w.dense() @ x).ravel(), np.ones(n * T), city, year]
    b, *_ = np.linalg.lstsq(Z, panel.array("y").ravel(), rcond=None)
    found = res.fixed_effects().set_index(["kind", "id"])["estimate"]
    centred = (np.eye(n) - 1 / n)[:, 1:] @ b[3 : 3 + n - 1]
    assert_allclose(found["city"], centred, atol=1e-10)
    assert_allclose(found["year"], (np.eye(T) - 1 / T)[:, 1:] @ b[3 + n - 1 :], atol=1e-10)
    assert_allclose(res.fixed_effects().groupby("kind")["estimate"].sum(), 0, atol=1e-10)
    with pytest.raises(ss.ModelError, match="no fixed effects"):
        _ = ss.fit(ss.slx("y ~ x", W="w"), panel, w).fixed_effects()


@pytest.mark.parametrize("unit", [1e-14, 1e14])
def test_units_of_the_outcome_change_no_measure_of_fit(unit):
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="individual")
    plain, moved = (ss.fit(model, panel.assign(y=u * panel.array("y")), w) for u in (1, unit))
    assert_allclose(moved.r2, plain.r2, rtol=1e-8)
    assert_allclose(moved.corr2, plain.corr2, rtol=1e-8)


def test_r2_is_that_of_least_squares():
    """Within cities, one less the share of squares left; between means and cells, correlations."""
    panel, _ = made_up()
    y, x = panel.array("y"), panel.array("x")
    r2 = ss.fit(ss.ols("y ~ x", fixed_effects="individual"), panel).r2
    b = np.polyfit(within(x), within(y), 1)[0]
    assert_allclose(r2["within"], 1 - np.var(within(y) - b * within(x)) / np.var(within(y)))
    assert_allclose(r2["between"], np.corrcoef(y.mean(axis=1), x.mean(axis=1))[0, 1] ** 2)
    assert_allclose(r2["overall"], np.corrcoef(y.ravel(), x.ravel())[0, 1] ** 2)


def test_r2_is_one_for_what_is_explained():
    panel, w = made_up(noise=1e-7)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    assert 0 <= res.r2["overall"] <= 1
    clean = panel.assign(y=panel.frame["x"] * 2 + panel.frame["z"] + 1e-6 * panel.frame["y"])
    r2 = ss.fit(ss.ols("y ~ x + z"), clean).r2
    assert_allclose(r2, 1, atol=1e-6)


def test_predictions_reproduce_fitted_values_when_errors_are_tiny():
    panel, w = made_up(noise=1e-7)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    assert_allclose(res.predict(), panel.frame["y"], atol=1e-5)
    assert isinstance(res.resid, pd.Series)
    assert_allclose(res.fitted + res.resid, panel.frame["y"])
