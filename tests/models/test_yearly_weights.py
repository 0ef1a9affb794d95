"""Weights that change over the years: brute force, special cases, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from mixtures import mixed, three
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, null_space
from scipy.optimize import minimize, minimize_scalar

import spatialsyn as ss


def changing(n: int = 12, T: int = 6) -> tuple[ss.CityPanel, ss.WeightsSeries]:
    panel, _ = made_up(n, T, seed=1)
    by_year = {
        year: ss.Weights.from_matrix(ring(n, 10 + t), ids=panel.ids, name="net")
        for t, year in enumerate(panel.years)
    }
    return panel, ss.weights.series(by_year)


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_the_same_matrix_every_year_is_the_plain_model(effects):
    """City effects: dummies less their bias are what the transformation of Lee and Yu gives."""
    panel, w = made_up()
    same = ss.weights.series(dict.fromkeys(panel.years, w))
    model = ss.sdm("y ~ x", W="w", fixed_effects=effects)
    plain, series = ss.fit(model, panel, w), ss.fit(model, panel, same)
    assert_allclose(series.params, plain.params, rtol=1e-8)
    assert_allclose(series.cov, plain.cov, rtol=1e-6, atol=1e-10)
    assert series.nobs == plain.nobs
    assert_allclose(
        series.effects().table["estimate"], plain.effects().table["estimate"], rtol=1e-8
    )


@pytest.mark.parametrize("n", [6, 12])  # as many cities as years too
@pytest.mark.parametrize("estimator", ["2sls", "best-2sls"])
def test_the_same_matrix_every_year_has_the_instruments_of_the_plain_model(estimator, n):
    panel, w = made_up(n, 6)
    same = ss.weights.series(dict.fromkeys(panel.years, w))
    model = ss.sar("y ~ x + z", W="w", fixed_effects="individual", estimator=estimator)
    plain, series = ss.fit(model, panel, w), ss.fit(model, panel, same)
    assert_allclose(series.params, plain.params, rtol=1e-8)
    assert_allclose(series.cov, plain.cov, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", ["individual", "time", "twoways"])
@pytest.mark.parametrize("family", ["slx", "sdm", "sdem"])
def test_the_same_matrix_every_year_has_the_likelihood_of_the_plain_model(
    family, effects, correction
):
    """AIC of a W for each year and of one W for all compare W, not two likelihoods."""
    panel, w = made_up()
    same = ss.weights.series(dict.fromkeys(panel.years, w))
    assert same.varies
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects, correction=correction)
    plain, series = ss.fit(model, panel, w), ss.fit(model, panel, same)
    assert_allclose(
        [series.loglik, series.aic, series.bic], [plain.loglik, plain.aic, plain.bic], rtol=1e-8
    )
    for cov in ("expected", "observed"):
        again = series.with_cov(cov)
        assert again.nobs == plain.nobs
        assert_allclose(again.cov, plain.with_cov(cov).cov, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("family", ["sdm", "sem", "gns"])
def test_the_same_matrix_every_year_has_the_fixed_effects_of_the_plain_model(family):
    panel, w = made_up()
    same = ss.weights.series(dict.fromkeys(panel.years, w))
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects="twoways")
    plain, series = (ss.fit(model, panel, one).fixed_effects() for one in (w, same))
    assert_allclose(series[["estimate", "se"]], plain[["estimate", "se"]], rtol=1e-5)


def test_errors_of_year_effects_are_those_of_their_years():
    """Var of means of u_t = (I - lambda M_t)^-1 e_t, written out."""
    panel, series = changing()
    res = ss.fit(ss.sem("y ~ x", W="net", fixed_effects="time"), panel, series)
    n = panel.n
    inverse = [
        np.linalg.inv(np.eye(n) - res.lam["net"] * series.at(year).dense()) for year in panel.years
    ]
    found, x = res.fixed_effects()["se"], panel.array("x")
    own = (x.mean(axis=0) - x.mean()) * res.se["x"]
    common = np.array([res.sigma2 * (A @ A.T).sum() for A in inverse])
    assert_allclose(found**2, common / n**2 + own**2, rtol=1e-9)


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_dummies_by_hand(effects):
    panel, series = changing()
    n, T = panel.n, panel.T
    model = ss.sdm("y ~ x", W="net", fixed_effects=effects, correction="direct")
    res = ss.fit(model, panel, series)
    y, x, W = panel.array("y"), panel.array("x"), series.over(panel.years)
    Wy, Wx = (np.stack([W[t] @ v[:, t] for t in range(T)], axis=1) for v in (y, x))
    dummies = [np.kron(np.eye(n), np.ones((T, 1)))]
    dummies += [np.kron(np.ones((n, 1)), np.eye(T)[:, 1:])] if effects == "twoways" else []
    Z = np.c_[x.ravel(), Wx.ravel(), *dummies]

    def minus(rho):
        e = (y - rho * Wy).ravel()
        e = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
        logdet = sum(np.linalg.slogdet(np.eye(n) - rho * W[t])[1] for t in range(T))
        return n * T / 2 * (np.log(2 * np.pi * e @ e / (n * T)) + 1) - logdet

    brute = minimize_scalar(minus, bounds=(-0.9, 0.99), method="bounded", options={"xatol": 1e-10})
    assert_allclose(res.rho["net"], brute.x, atol=1e-6)
    assert_allclose(res.loglik, -brute.fun, rtol=1e-10)


def test_years_are_transformed_away_by_an_explicit_F():
    """F'SF of every year: the density of F'(S y - Z delta), years one by one."""
    panel, series = changing()
    n, T = panel.n, panel.T
    res = ss.fit(ss.sdm("y ~ x", W="net", fixed_effects="time"), panel, series)
    F, W, p = null_space(np.ones((1, n))), series.over(panel.years), res.params
    total = 0.0
    for t in range(T):
        y, x = F.T @ panel.array("y")[:, t], F.T @ panel.array("x")[:, t]
        V = F.T @ W[t] @ F
        S = np.eye(n - 1) - p["rho[net]"] * V
        e = S @ y - p["x"] * x - p["W[net]*x"] * V @ x
        total += np.linalg.slogdet(S)[1] - e @ e / (2 * p["sigma2"])
    total -= (n - 1) * T / 2 * np.log(2 * np.pi * p["sigma2"])
    assert_allclose(res.loglik, total, rtol=1e-10)


@pytest.mark.parametrize("family", ["sar", "sac"])
def test_the_information_is_the_variance_of_the_score(family):
    """Expected information against the observed one of many years: they differ by noise only."""
    n, T = 12, 150
    ids = [f"c{i}" for i in range(n)]
    series = ss.weights.series(
        {2001 + t: ss.Weights.from_matrix(ring(n, t), ids=ids, name="net") for t in range(T)}
    )
    model = getattr(ss, family)("y ~ x", W="net")
    params = {"Intercept": 1.0, "x": 1.0, "rho[net]": 0.4, "lambda[net]": 0.2}
    names = [k for k in params if family == "sac" or k != "lambda[net]"]
    panel = ss.simulate(model, (n, T), series, {k: params[k] for k in names} | {"sigma2": 1.0}, 3)
    res = ss.fit(model, panel, series)
    assert_allclose(res.with_cov("observed").se, res.se, rtol=0.1)
    assert np.abs((res.params[names] - [params[k] for k in names]) / res.se[names]).max() < 3.5


@pytest.mark.parametrize("effects", ["none", "time"])
@pytest.mark.parametrize("family", ["sar", "sem", "gns"])
def test_errors_with_random_effects_are_those_of_the_normal_density(family, effects):
    """tr V^-1 V_i V^-1 V_j / 2 + m_i'V^-1 m_j, by differences of the mean and the variance.

    Random effects join the years of a city, whose matrices differ: errors of lambda came out up
    to twice as large. Beside year effects everything is that of the cities F'y, F'WF.
    """
    panel, series = changing(n=8, T=4)
    model = getattr(ss, family)("y ~ x", W="net", fixed_effects=effects, random="individual")
    res = ss.fit(model, panel, series)
    n, T, p = panel.n, panel.T, res.params
    assert p["phi"] < 0.95
    F = null_space(np.ones((1, n))) if effects == "time" else np.eye(n)
    x, eye, years = F.T @ panel.array("x"), np.eye(F.shape[1]), range(4)
    W = [F.T @ series.at(year).dense() @ F for year in panel.years]

    def density(at):
        rho, lam = at.get("rho[net]", 0.0), at.get("lambda[net]", 0.0)
        signal = [
            at.get("Intercept", 0.0) + at["x"] * x[:, t] + at.get("W[net]*x", 0.0) * W[t] @ x[:, t]
            for t in years
        ]
        S = [np.linalg.inv(eye - rho * W[t]) for t in years]
        K = block_diag(*[S[t] @ np.linalg.inv(eye - lam * W[t]) for t in years])
        city = at["sigma2"] * (at["phi"] ** -2 - 1) / T
        V = K @ (at["sigma2"] * np.eye(len(K)) + city * np.kron(np.ones((T, T)), eye)) @ K.T
        return np.concatenate([S[t] @ signal[t] for t in years]), V

    V = density(p)[1]
    slopes = []
    for name in p.index:
        step = 1e-5 * max(abs(p[name]), 0.01)
        up, down = (density({**p, name: p[name] + side * step}) for side in (1, -1))
        slopes.append([(a - b) / (2 * step) for a, b in zip(up, down, strict=True)])
    scaled = [(np.linalg.solve(V, m), np.linalg.solve(V, D)) for m, D in slopes]
    info = [
        [m @ a + np.sum(B * C.T) / 2 for (m, _), (_, C) in zip(slopes, scaled, strict=True)]
        for a, B in scaled
    ]
    assert_allclose(res.se, np.sqrt(np.diag(np.linalg.inv(info))), rtol=1e-5)


def test_the_bias_of_city_dummies_is_removed():
    n, T = 15, 4
    ids = [f"c{i}" for i in range(n)]
    series = ss.weights.series(
        {2001 + t: ss.Weights.from_matrix(ring(n, t), ids=ids, name="net") for t in range(T)}
    )
    model = ss.sar("y ~ x", W="net", fixed_effects="individual")
    params = {"x": 0.5, "rho[net]": 0.5, "sigma2": 1.0}
    found = []
    for seed in range(100):
        panel = ss.simulate(model, (n, T), series, params, seed)
        found.append(
            [ss.fit(model.but(correction=c), panel, series).sigma2 for c in ("direct", "lee-yu")]
        )
    direct, corrected = np.mean(found, axis=0)
    assert direct < 0.8
    assert abs(corrected - 1) < 0.1


def test_effects_are_averages_over_the_years():
    panel, series = changing()
    res = ss.fit(ss.sdm("y ~ x", W="net", fixed_effects="twoways"), panel, series)
    p, W = res.params, series.over(panel.years)
    B = np.mean(
        [np.linalg.solve(np.eye(12) - p["rho[net]"] * w, p["x"] * np.eye(12) + p["W[net]*x"] * w) for w in W],
        axis=0,
    )  # fmt: skip
    pair = res.effects("x", by="pair").table["estimate"].to_numpy().reshape(12, 12)
    assert_allclose(pair, B, rtol=1e-9, atol=1e-12)
    drawn = res.effects("x", method="simulation", draws=300)["direct"]
    assert_allclose(drawn["estimate"], np.trace(B) / 12, rtol=1e-9)
    assert_allclose(res.fitted + res.resid, panel.array("y").ravel(), rtol=1e-10)


def test_what_a_series_cannot_do_is_refused():
    panel, series = changing()
    with pytest.raises(ss.ModelError, match=r"W\[net\] changes over the years, and a lag in time"):
        ss.fit(ss.sdm("y ~ x", W="net", lag_y=True), panel, series)
    short = ss.weights.series({y: series.at(y) for y in panel.years[:-1]})
    with pytest.raises(ss.WeightsError, match="has no matrix for 2006"):
        ss.fit(ss.sdm("y ~ x", W="net"), panel, short)
    with pytest.raises(ss.ModelError, match=r"W\[net\] changes .* the moments of a spatial error"):
        ss.fit(ss.sem("y ~ x", W="net", estimator="gmm"), panel, series)
    both = ss.sdm("y ~ x", W="net", fixed_effects="twoways", correction="bias-corrected")
    with pytest.raises(ss.ModelError, match="it transforms the years away"):
        ss.fit(both, panel, series)


def test_covariances_that_need_one_matrix_are_refused():
    panel, series = changing()
    res = ss.fit(ss.sdm("y ~ x", W="net", fixed_effects="twoways"), panel, series)
    for kind in ("sandwich", "city"):
        with pytest.raises(ss.ModelError, match="not available with weights that change"):
            res.with_cov(kind)
    with pytest.raises(ss.ModelError, match="from one W: it is not available with a lag in time"):
        ss.wild_bootstrap(res)


def two_networks(n: int, T: int) -> list[ss.WeightsSeries]:
    """Two series of matrices that change every year, for the same cities."""
    ids = [f"c{i:02d}" for i in range(n)]
    return [
        ss.weights.series(
            {2001 + t: ss.Weights.from_matrix(ring(n, first + t), ids=ids, name=name)
             for t in range(T)}
        )
        for name, first in (("a", 0), ("b", 50))
    ]  # fmt: skip


def test_the_overlap_of_a_series_with_one_matrix_is_that_of_all_its_years():
    panel, series = changing()
    w = ss.Weights.from_matrix(ring(12, 10), ids=panel.ids, name="w")
    alike = ss.weights.series(
        {year: ss.Weights.from_matrix(w.dense() + (t > 3) * series.at(year).dense(), ids=panel.ids)
         .standardize("row") for t, year in enumerate(panel.years)}, name="alike",
    )  # fmt: skip
    res = ss.fit(ss.sar("y ~ x", W=["w", "alike"], fixed_effects="individual"), panel, [w, alike])
    off = ~np.eye(12, dtype=bool)
    years = np.array([alike.at(year).dense()[off] for year in panel.years])
    expected = np.corrcoef(np.tile(w.dense()[off], 6), years.ravel())[0, 1]
    assert 0.9 < expected < 0.99
    assert f"overlap (correlation of the weights {expected:.2f}, of the lags" in str(res)


MIXTURE = {"x": 0.5, "rho[a+b]": 0.5, "share[a]": 0.6, "share[b]": 0.4, "sigma2": 1.0}


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_a_mixture_has_the_likelihood_of_the_years_that_are_left(effects):
    """T - 1 years tell of sigma2 and ln|S|, written out; year effects leave n - 1 cities."""
    n, T = 12, 6
    both = two_networks(n, T)
    model = ss.sar("y ~ x", W=ss.convex("a", "b"), fixed_effects=effects)
    panel = ss.simulate(model, (n, T), both, MIXTURE, seed=2)
    res = ss.fit(model, panel, both)
    W = [series.over(panel.years) for series in both]
    y, x = panel.array("y"), panel.array("x")

    def swept(v):
        v = v - v.mean(axis=1, keepdims=True)
        return (v - v.mean(axis=0)).ravel() if effects == "twoways" else v.ravel()

    nobs = (n - (effects == "twoways")) * (T - 1)

    def minus(at):
        rho = at[0] * np.array([at[1], 1 - at[1]])
        S = np.eye(n) - np.tensordot(rho, W, axes=1)
        e = swept(np.stack([S[t] @ y[:, t] for t in range(T)], axis=1))
        e = e - swept(x) * (swept(x) @ e) / (swept(x) @ swept(x))
        logdet = np.linalg.slogdet(S)[1].mean() - (effects == "twoways") * np.log(1 - at[0])
        return nobs / 2 * (np.log(2 * np.pi * e @ e / nobs) + 1) - (T - 1) * logdet

    bounds = [(-0.9, 0.95), (0, 1)]
    brute = minimize(minus, [0.3, 0.5], bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    assert res.nobs == nobs
    assert_allclose(
        res.params[["rho[a+b]", "share[a]"]], brute.x, atol=1e-5
    )  # L-BFGS-B stops there
    assert_allclose(res.loglik, -brute.fun, rtol=1e-9)


@pytest.mark.parametrize("wx", ["each", "combined"])
@pytest.mark.parametrize("effects", ["individual", "time", "twoways"])
def test_a_mixture_of_the_same_matrices_every_year_is_the_plain_mixture(effects, wx):
    panel, W = three()
    same = [ss.weights.series(dict.fromkeys(panel.years, w), name=w.name) for w in W]
    model = mixed(wx=wx, fixed_effects=effects)
    plain, series = ss.fit(model, panel, W), ss.fit(model, panel, [*same[:2], W[2]])
    assert_allclose(series.params, plain.params, atol=1e-9)
    assert_allclose(series.loglik, plain.loglik, rtol=1e-10)
    assert_allclose(series.cov, plain.cov, atol=1e-9)
    assert series.nobs == plain.nobs
    assert_allclose(
        series.effects().table["estimate"], plain.effects().table["estimate"], rtol=1e-8
    )


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_a_mixture_is_centred_and_its_intervals_cover(effects):
    """T = 4: dummies leave sigma2 at three quarters; the three slopes take 3 of 60 or 57 more."""
    n, T, draws = 20, 4, 80
    both = two_networks(n, T)
    model = ss.sar("y ~ x", W=ss.convex("a", "b"), fixed_effects=effects)
    fits = [ss.fit(model, ss.simulate(model, (n, T), both, MIXTURE, s), both) for s in range(draws)]
    found = {name: np.array([res.params[name] for res in fits]) for name in MIXTURE}
    for name, truth in {**MIXTURE, "sigma2": 1 - 3 / fits[0].nobs}.items():
        if not name.startswith("share"):  # an estimate between bounds is not symmetric
            off = found[name].mean() - truth
            assert abs(off) < 3 * found[name].std() / np.sqrt(draws)
    for name in ("x", "rho[a+b]"):
        se = np.array([res.se[name] for res in fits])
        covered = np.abs(found[name] - MIXTURE[name]) < 1.96 * se
        assert covered.mean() > 0.877  # 80 draws: 0.95 less three standard errors
