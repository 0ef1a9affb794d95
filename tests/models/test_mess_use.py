"""What a matrix exponential is used for: effects, unequal variances, predictions, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, expm

import spatialsyn as ss


@pytest.fixture
def fitted() -> tuple[ss.Results, np.ndarray]:
    panel, w = made_up(n=12, T=6)
    return ss.fit(ss.mess_sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w), w.dense()


def derivatives(W: np.ndarray, alpha: float, beta: float, theta: float) -> np.ndarray:
    return expm(-alpha * W) @ (beta * np.eye(len(W)) + theta * W)


def test_effects_are_readings_of_the_exponential(fitted):
    res, W = fitted
    p = res.params
    B = derivatives(W, p["alpha[w]"], p["x"], p["W[w]*x"])
    average = res.effects("x")
    assert_allclose(average["direct"]["estimate"], np.trace(B) / 12, rtol=1e-12)
    assert_allclose(average["total"]["estimate"], B.sum() / 12, rtol=1e-12)
    multiplied = (p["x"] + p["W[w]*x"]) * np.exp(-p["alpha[w]"])  # rows of W sum to one
    assert_allclose(average["total"]["estimate"], multiplied, rtol=1e-12)
    pairs = res.effects("x", by="pair").table
    assert_allclose(pairs["estimate"], B.ravel(), atol=1e-14)
    city = res.effects("x", by="city")
    assert_allclose(city["emitted"]["estimate"], B.sum(axis=0) - np.diag(B), rtol=1e-12)
    core = res.panel.frame["region"].groupby("city").first().to_numpy() == "core"
    block = res.effects("x", by="region").table
    between = block.query("effect == 'indirect' and `to` == 'edge' and `from` == 'core'")
    assert_allclose(between["estimate"], B[np.ix_(~core, core)].sum() / (~core).sum(), rtol=1e-12)


@pytest.mark.parametrize("by", [None, "region", "city", "pair"])
def test_errors_of_effects_are_the_delta_method(fitted, by):
    """Against differences of the effects in all parameters."""
    res, W = fitted
    names = ["x", "W[w]*x", "alpha[w]"]
    at = res.params[names].to_numpy()
    table = res.effects("x", by=by).table
    from spatialsyn.effects.request import reading_by
    from spatialsyn.effects.response import Written

    reading = reading_by(by, res.panel, "receiver")[0]

    def value(v):
        return reading(Written(derivatives(W, v[2], v[0], v[1])))

    h = 1e-6
    gradient = np.array([(value(at + h * u) - value(at - h * u)) / (2 * h) for u in np.eye(3)])
    cov = res.cov.loc[names, names].to_numpy()
    se = np.sqrt(np.einsum("ir,ij,jr->r", gradient, cov, gradient))
    assert_allclose(table["se"], se, rtol=1e-6, atol=1e-9)


def test_orders_of_neighbours_sum_to_the_effect_and_follow_the_series(fitted):
    res, _ = fitted
    p, order = res.params, res.effects("x", order=3)
    total = order["total"]["estimate"]
    assert_allclose(total.sum(), res.effects("x")["total"]["estimate"], rtol=1e-12)
    a, b, t = -p["alpha[w]"], p["x"], p["W[w]*x"]  # rows of W sum to one
    assert_allclose(total[:4], [b, a * b + t, a**2 * b / 2 + a * t, a**3 * b / 6 + a**2 * t / 2])
    whole = res.effects("x").table
    summed = order.spread.reshape(5, 3, -1).sum(axis=0)
    assert_allclose(np.sqrt((summed**2).sum(axis=1)), whole["se"], rtol=1e-8)


def test_simulated_effects_agree_and_no_draw_is_rejected(fitted):
    res, _ = fitted
    delta, drawn = res.effects(), res.effects(method="simulation", draws=2000, seed=1)
    assert drawn.rejected == 0
    assert_allclose(drawn.table["estimate"], delta.table["estimate"], rtol=1e-10)
    assert_allclose(drawn.table["se"], delta.table["se"], rtol=0.1)  # 2000 draws, and curvature


def test_an_exponential_error_leaves_effects_alone():
    panel, w = made_up(n=12, T=6)
    res = ss.fit(ss.mess_sem("y ~ x", W="w"), panel, w)
    assert_allclose(res.effects("x")["direct"]["estimate"], res.params["x"], rtol=1e-12)
    assert_allclose(res.effects("x")["indirect"]["estimate"], 0, atol=1e-14)
    assert res.alpha.empty
    assert res.rho.empty
    assert res.lam.empty


def test_regimes_give_every_block_its_own_coefficients():
    panel, w = made_up(n=12, T=8)
    res = ss.fit(ss.mess("y ~ x", W="w", fixed_effects="twoways", regimes="region"), panel, w)
    member = panel.frame["region"].groupby("city").first().to_numpy() == "core"
    beta = np.where(member, res.params["x[core]"], res.params["x[edge]"])
    B = expm(-res.alpha["w"] * w.dense()) @ np.diag(beta)
    assert_allclose(res.effects("x")["total"]["estimate"], B.sum() / 12, rtol=1e-12)


def groups(pairs: int, tens: int) -> np.ndarray:
    """Cities in groups of two and of ten, linked within: unequal diagonals of W (I - rho W)^-1."""
    blocks = [np.ones((k, k)) - np.eye(k) for k in [2] * pairs + [10] * tens]
    W = block_diag(*blocks)
    return W / W.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("effects", ["none", "individual", "twoways"])
def test_unequal_variances_move_rho_but_not_alpha(effects):
    """60 draws, errors four times as wide in the larger groups (n = 80, T = 5). SAR is off by more
    than its spread, MESS is centred; `robust` knows how wide it spreads, the information does not."""
    W = groups(20, 4)
    n, T = len(W), 5
    w = ss.Weights.from_matrix(W, ids=range(n), name="w")
    wide = np.where(np.arange(n) < 40, 0.5, 2.0)[:, None]
    x = np.random.default_rng(0).normal(size=(n, T))
    index = pd.MultiIndex.from_product([range(n), range(2000, 2000 + T)], names=["city", "year"])
    frame = pd.DataFrame({"x": x.ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", year="year")
    found = []
    for seed in range(60):
        signal = x + wide * np.random.default_rng(seed).normal(size=(n, T))
        drawn = panel.assign(
            m=expm(0.5 * W) @ signal, s=np.linalg.solve(np.eye(n) - 0.4 * W, signal)
        )
        mess = ss.fit(ss.mess("m ~ x", W="w", fixed_effects=effects), drawn, w)
        sar = ss.fit(ss.sar("s ~ x", W="w", fixed_effects=effects), drawn, w)
        robust = mess.with_cov("robust").se["alpha[w]"]
        found.append([mess.alpha["w"] + 0.5, mess.se["alpha[w]"], robust, sar.rho["w"] - 0.4])
    alpha, expected, robust, rho = np.array(found).T
    assert abs(alpha.mean()) < 3 * alpha.std() / np.sqrt(60)
    assert abs(rho.mean()) > 1.5 * rho.std()
    # A spread estimated from 60 draws is right to 9 %.
    assert_allclose(robust.mean(), alpha.std(), rtol=0.2)
    assert expected.mean() < 0.8 * alpha.std()


@pytest.mark.parametrize("family", ["mess", "mess_sdm", "mess_sem", "mess_sac"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_the_terms_of_the_robust_score_sum_to_zero(family, effects):
    from spatialsyn.models.heteroskedastic import _scores

    panel, w = made_up(n=12, T=6)
    for correction in ("lee-yu", "direct"):
        model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects, correction=correction)
        res = ss.fit(model, panel, w)
        p, e = len(res.design.names), res.estimate.residuals
        delta, spatial = res.params.iloc[:p].to_numpy(), res.params.iloc[p:-1].to_numpy()
        own, _ = _scores(res.design, delta, spatial, res.sigma2, e)
        D = -w.dense()  # of every exponent, as the matrices are one
        common = res.nobs / 11 / 12 if effects in ("time", "twoways") else 0.0
        between = D * (e @ e.T / res.sigma2 + common)
        summed = own.sum(axis=0)
        summed[p:-1] += between.sum() - np.trace(between)
        assert_allclose(summed, 0, atol=1e-7 * res.nobs)


def test_with_equal_normal_errors_all_covariances_are_near():
    panel, w = made_up(n=60, T=30)
    model = ss.mess_sdm("y ~ x", W="w", fixed_effects="individual")
    params = {"x": 1.0, "W[w]*x": 0.5, "alpha[w]": -0.5, "sigma2": 1.0}
    res = ss.fit(model, ss.simulate(model, panel, w, params, seed=0), w)
    for kind in ("observed", "sandwich", "robust", "city"):
        assert_allclose(res.with_cov(kind).se.iloc[:-1], res.se.iloc[:-1], rtol=0.2)
    assert res.with_cov("robust").glance().loc[0, "covariance"] == "robust"
    assert "robust to heteroskedasticity" in res.with_cov("robust").summary()


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_predictions_reproduce_outcomes_when_errors_are_tiny(effects):
    panel, w = made_up()
    model = ss.mess_sdm("y ~ x", W="w", fixed_effects=effects)
    params = {"x": 1.0, "W[w]*x": 0.5, "alpha[w]": -0.5, "sigma2": 1e-14}
    params |= {"Intercept": 2.0} if effects == "none" else {}
    drawn = ss.simulate(model, panel, w, params, seed=1)
    res = ss.fit(model, drawn, w)
    assert_allclose(res.predict(), drawn.frame["y"], atol=1e-5)
    assert_allclose(res.fitted + res.resid, drawn.frame["y"])
    assert_allclose(res.corr2, 1, atol=1e-9)
    moved = res.predict(drawn.assign(x=drawn.array("x") + 1)) - res.predict()
    assert_allclose(moved.mean(), res.effects("x")["total"]["estimate"], rtol=1e-6)


def test_fixed_effects_are_those_of_explicit_dummies():
    """Given alpha they are a regression of e^(alpha W) y."""
    panel, w = made_up(n=8, T=5, seed=2)
    res = ss.fit(ss.mess("y ~ x", W="w", fixed_effects="twoways", correction="direct"), panel, w)
    n, T = panel.n, panel.T
    Sy = expm(res.alpha["w"] * w.dense()) @ panel.array("y")
    city = np.kron(np.eye(n) - 1 / n, np.ones((T, 1)))[:, 1:]
    year = np.kron(np.ones((n, 1)), np.eye(T) - 1 / T)[:, 1:]
    Z = np.c_[panel.array("x").ravel(), np.ones(n * T), city, year]
    b, *_ = np.linalg.lstsq(Z, Sy.ravel(), rcond=None)
    found = res.fixed_effects().set_index(["kind", "id"])
    assert_allclose(found["estimate"]["city"], (np.eye(n) - 1 / n)[:, 1:] @ b[2 : n + 1], atol=1e-9)
    assert_allclose(found["estimate"]["year"], (np.eye(T) - 1 / T)[:, 1:] @ b[n + 1 :], atol=1e-9)
    assert (found["se"] > 0).all()


def test_the_equation_and_the_table_name_the_exponents():
    panel, w = made_up()
    model = ss.mess_sac("y ~ x", W="w", fixed_effects="individual")
    assert str(model) == "exp(alpha[w]*W[w])*y ~ x + exp(-alpha_u[w]*W[w])*e | city"
    res = ss.fit(model, panel, w)
    assert list(res.params.index) == ["x", "alpha[w]", "alpha_u[w]", "sigma2"]
    text = str(ss.report.table([res]))
    assert "α[w]" in text
    assert "MESS-SAC" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"random": "individual"}, "mess is not available with random='individual'"),
        ({"lag_y": True, "fixed_effects": "individual"}, "not available with a lagged outcome"),
        (
            {"correction": "bias-corrected", "fixed_effects": "twoways"},
            'not available with correction="bias-corrected"',
        ),
        ({"W": ["a", "b"]}, "not available with several matrices of Wy"),
        ({"estimator": "2sls"}, "not available with estimator='2sls'"),
        ({"regimes": ss.regimes("region", rho=True)}, "not available with regimes with an own rho"),
    ],
)
def test_combinations_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ss.ModelError, match=message):
        ss.mess("y ~ x", **({"W": "w"} | options))


def test_what_it_cannot_do_is_refused_with_the_way_out(fitted):
    panel, w = made_up()
    raw = ss.Weights.from_matrix(3 * w.dense(), ids=panel.ids, name="w")
    for correction in ("lee-yu", "direct"):
        model = ss.mess("y ~ x", W="w", fixed_effects="time", correction=correction)
        with pytest.raises(
            ss.WeightsError, match=r"rows of W\[w\] sum to 3.*standardize\(.row.\)\.$"
        ):
            ss.fit(model, panel, raw)
    series = ss.weights.series(dict.fromkeys(panel.years, w), name="w")
    with pytest.raises(ss.ModelError, match=r"W\[w\] changes over the years, which mess has no"):
        ss.fit(ss.mess("y ~ x", W="w"), panel, series)
    with pytest.raises(ss.ModelError, match=r"Lin & Lee 2010.*Use a matrix exponential"):
        ss.fit(ss.sar("y ~ x", W="w"), panel, w, cov="robust")
    holed = panel.frame["y"].copy()
    holed.iloc[3] = np.nan
    for model in (ss.mess("y ~ x", W="w"), ss.sem("y ~ x", W="w", random="baltagi")):
        with pytest.raises(ss.ModelError, match="missing"):
            ss.fit(model, panel.assign(y=holed), w, missing="likelihood")
    with pytest.raises(ss.ModelError, match="bootstrap is not available with matrix exponentials"):
        ss.wild_bootstrap(fitted[0], draws=100)
    with pytest.raises(ss.ModelError, match="no lag in time"):
        fitted[0].effects("x", horizon="long")
    params = {"Intercept": 0.0, "x": 1.0, "rho[w]": 0.4, "sigma2": 1.0}
    with pytest.raises(ss.ModelError, match=r"params lack 'alpha\[w\]'.*unknown 'rho\[w\]'"):
        ss.simulate(ss.mess("y ~ x", W="w"), panel, w, params, seed=0)
    taken = panel.frame.rename(columns={"x": "alpha[w]"}).reset_index()
    odd = ss.CityPanel(taken, city="city", year="year")
    with pytest.raises(ss.ModelError, match=r"column names 'alpha\[w\]' are those of parameters"):
        ss.fit(ss.mess("y ~ `alpha[w]`", W="w"), odd, w)
