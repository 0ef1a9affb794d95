"""Effects over time: identities, brute force, and what is wrong elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from peers import fits, panel_data

import spatialsyn as ss

PARAMS = {"x": 1.0, "W[w]*x": 0.5, "rho[w]": 0.3, "tau": 0.4, "eta[w]": 0.1, "sigma2": 1.0}


@pytest.fixture(scope="module")
def dynamic() -> ss.Results:
    w = ss.Weights.from_matrix(ring(12, 3), ids=[f"c{i:02d}" for i in range(12)], name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways", lag_y=True, lag_wy=True)
    panel = ss.simulate(model, made_up(n=12, T=25)[0], w, PARAMS, np.random.SeedSequence(1))
    return ss.fit(model, panel, w)


def matrices(res: ss.Results, params=None) -> tuple[np.ndarray, ...]:
    """S, tau I + eta W, and beta I + theta W."""
    p = res.params if params is None else params
    W, eye = res.weights["w"].dense(), np.eye(len(res.data.y))
    S = eye - p["rho[w]"] * W
    return S, p.get("tau", 0) * eye + p.get("eta[w]", 0) * W, p["x"] * eye + p["W[w]*x"] * W


def averages(B: np.ndarray) -> list[float]:
    direct, total = np.trace(B) / len(B), B.sum() / len(B)
    return [direct, total - direct, total]


@pytest.mark.parametrize("lasting", [True, False])
def test_responses_are_powers_of_the_process(dynamic, lasting):
    S, before, C = matrices(dynamic)
    A, B, cumulated = np.linalg.solve(S, before), np.linalg.solve(S, C), 0
    table = dynamic.effects("x", horizon=range(6), lasting=lasting).table
    for h in range(6):
        D = np.linalg.matrix_power(A, h) @ B
        cumulated = cumulated + D
        found = table[table["horizon"] == h]["estimate"]
        assert_allclose(found, averages(cumulated if lasting else D), rtol=1e-10)


@pytest.mark.parametrize(
    ("lasting", "said"), [(True, "x stays changed from year 0 on"), (False, "in year 0 alone")]
)
def test_responses_say_whether_the_change_lasts(dynamic, lasting, said):
    assert said in repr(dynamic.effects("x", horizon=[1], lasting=lasting))
    assert "year 0" not in repr(dynamic.effects("x", horizon="long"))


def test_the_long_run_is_the_limit_of_the_responses(dynamic):
    long = dynamic.effects(horizon="long").table
    late = dynamic.effects(horizon=500).table
    S, before, C = matrices(dynamic)
    assert_allclose(long["estimate"], averages(np.linalg.solve(S - before, C)), rtol=1e-10)
    assert_allclose(late["estimate"], long["estimate"], rtol=1e-10)
    assert_allclose(late["se"], long["se"], rtol=1e-8)


def test_year_zero_is_the_short_run(dynamic):
    for by in (None, "region", "city"):
        now = dynamic.effects(by=by).table
        zero = dynamic.effects(by=by, horizon=0).table
        assert_allclose(zero[["estimate", "se"]], now[["estimate", "se"]], rtol=1e-10)


@pytest.mark.parametrize("horizon", ["long", [0, 1, 4]])
@pytest.mark.parametrize("by", [None, "region"])
def test_gradients_are_numerical_ones(dynamic, horizon, by):
    """Delta-method errors against central differences of the estimates in all parameters."""
    effects = dynamic.effects("x", by=by, horizon=horizon)

    def at(params):
        moved = replace(dynamic, estimate=replace(dynamic.estimate, params=params))
        return moved.effects("x", by=by, horizon=horizon).table["estimate"].to_numpy()

    steps = np.diag(1e-3 * dynamic.se.to_numpy())
    params = dynamic.estimate.params
    gradient = np.array([(at(params + s) - at(params - s)) / (2 * s.sum()) for s in steps])
    se = np.sqrt(np.einsum("ir,ij,jr->r", gradient, dynamic.cov.to_numpy(), gradient))
    assert_allclose(effects.table["se"], se, rtol=1e-5)


def munnell() -> ss.Results:
    panel, w = panel_data("produc")
    formula = "lgsp ~ lpcap + lpc + lemp + unemp"
    model = ss.sdm(formula, W="w", fixed_effects="twoways", lag_y=True, lag_wy=True)
    return ss.fit(model, panel, w)


def test_keeping_tau_and_eta_fixed_makes_long_run_errors_wrong():
    """What xsmle does: its draws move rho, beta and theta only. Half or double the right error."""
    res = munnell()
    cov = res.cov.copy()
    cov.loc[["tau", "eta[w]"], :] = 0
    cov.loc[:, ["tau", "eta[w]"]] = 0
    fixed = replace(res, estimate=replace(res.estimate, cov=cov.to_numpy()))
    ratio = fixed.effects(horizon="long").table["se"] / res.effects(horizon="long").table["se"]
    assert ratio.min() < 0.5
    assert ratio.max() > 1.8


def test_draws_that_never_come_to_rest_are_rejected():
    with pytest.warns(UserWarning, match="of the draws"):
        drawn = munnell().effects(horizon="long", method="simulation", draws=300, seed=0)
    assert 0.05 < drawn.rejected < 0.25


def test_simulated_and_delta_errors_agree_far_from_the_boundary():
    w = ss.Weights.from_matrix(ring(30, 3), ids=range(30), name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways", lag_y=True, lag_wy=True)
    res = ss.fit(
        model, ss.simulate(model, (30, 60), w, PARAMS | {"tau": 0.2}, np.random.SeedSequence(1)), w
    )
    drawn = res.effects(horizon="long", method="simulation", draws=1000, seed=1)["total"]
    delta = res.effects(horizon="long")["total"]
    # Quantiles of 1000 draws against the normal ones of the delta method: skewed a little.
    assert_allclose(drawn["high"] - drawn["low"], delta["high"] - delta["low"], rtol=0.15)


def test_a_long_run_near_the_boundary_is_told(dynamic):
    assert "tau + eta + rho = 0.82" in dynamic.effects(horizon="long").note
    assert dynamic.effects().note == ""


def test_a_process_that_does_not_come_to_rest_has_no_long_run():
    """tau + eta + rho is far below one, and the sum of the responses diverges."""
    w = ss.Weights.from_matrix(ring(12, 3), ids=[f"c{i:02d}" for i in range(12)], name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True, lag_wy=True)
    panel, _ = made_up(n=12, T=12)
    x, W = panel.array("x"), w.dense()
    y = np.random.default_rng(7).normal(size=x.shape)
    for t in range(1, 12):
        carried = 1.05 * y[:, t - 1] - 0.4 * W @ y[:, t - 1]
        y[:, t] = np.linalg.solve(np.eye(12) - 0.1 * W, carried + x[:, t] + 0.01 * y[:, t])
    panel = panel.assign(y=y)
    with pytest.warns(UserWarning, match="it does not come to rest"):
        res = ss.fit(model, panel, w)
    S, before, _ = matrices(res)
    root = np.abs(np.linalg.eigvals(np.linalg.solve(S, before))).max()
    assert res.params[["tau", "eta[w]", "rho[w]"]].sum() < 0.9
    assert f"The largest root of the process is {root:.3f}, not below one" in res.summary()
    with pytest.raises(
        ss.ModelError, match=rf"largest root of the process is {root:.3f}, not below"
    ):
        res.effects(horizon="long")
    with pytest.raises(ss.ModelError, match="there is no long run"):
        res.scenario({"x": ("all", "+1")}, horizon="long")
    grown = res.effects("x", horizon=[40, 80])["total"]["estimate"].abs().to_numpy()
    assert grown[1] > grown[0] > res.effects("x")["total"]["estimate"].abs().iloc[0]


@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_effects_of_sdpdmod_are_met(family):
    """Exact short- and long-run impacts of base-R code at the same estimate."""
    panel, w = panel_data("cigar")
    model = getattr(ss, family)(
        "logc ~ logp + logy", W="w", fixed_effects="twoways", lag_y=True, lag_wy=True
    )
    res = ss.fit(model, panel, w)
    theirs = fits("cigar_sdpdmod_nopd")[f"nopd_dyn_{family}_twoways_ly_tlstl"]["result"]
    for horizon, run in ((None, "short_run"), ("long", "long_run")):
        effects = res.effects(horizon=horizon)
        for kind in ("direct", "indirect", "total"):
            found = effects[kind]["estimate"]
            assert_allclose(found, theirs["impacts_point"][run][kind], rtol=1e-5, atol=1e-7)


def test_a_lag_of_wy_alone_has_a_long_run_too():
    w = ss.Weights.from_matrix(ring(12, 3), ids=[f"c{i:02d}" for i in range(12)], name="w")
    model = ss.slx("y ~ x", W="w", fixed_effects="individual", lag_wy="w")
    params = {"x": 1.0, "W[w]*x": 0.5, "eta[w]": 0.3, "sigma2": 1.0}
    res = ss.fit(
        model, ss.simulate(model, made_up(n=12, T=25)[0], w, params, np.random.SeedSequence(2)), w
    )
    W, p = w.dense(), res.params
    K = np.linalg.inv(np.eye(12) - p["eta[w]"] * W)
    B = K @ (p["x"] * np.eye(12) + p["W[w]*x"] * W)
    table = res.effects(horizon="long").table
    assert_allclose(table["estimate"], averages(B), rtol=1e-10)
    total = (p["x"] + p["W[w]*x"]) / (1 - p["eta[w]"])  # row-standardised
    gradient = np.array([1, 1, total]) / (1 - p["eta[w]"])
    cov = res.cov.loc[["x", "W[w]*x", "eta[w]"], ["x", "W[w]*x", "eta[w]"]].to_numpy()
    assert_allclose(table["se"].iloc[2], np.sqrt(gradient @ cov @ gradient), rtol=1e-8)


@pytest.mark.parametrize("horizon", ["short", -1, 1.5, [], [0, "long"]])
def test_horizons_that_mean_nothing_are_refused(dynamic, horizon):
    with pytest.raises(ss.ModelError, match="give 'long', a number of years after"):
        dynamic.effects(horizon=horizon)


def test_static_models_have_no_horizon():
    panel, w = made_up()
    res = ss.fit(ss.sdm("y ~ x", W="w"), panel, w)
    with pytest.raises(ss.ModelError, match="no lag in time, its effects are those of one year"):
        res.effects(horizon="long")


def test_effects_are_tested_jointly(dynamic):
    effects = dynamic.effects("x", by="region")
    one = effects.test({"effect": "direct", "to": "core"})
    row = effects.table.iloc[0]
    assert_allclose(one.statistic, (row["estimate"] / row["se"]) ** 2, rtol=1e-8)
    there = {"effect": "indirect", "to": "edge", "from": "core"}
    back = {"effect": "indirect", "to": "core", "from": "edge"}
    assert effects.test(there, back).df == 1
    assert_allclose(effects.test(there, back).statistic, effects.test(back, there).statistic)
    # Rows that sum to one another bring no further degree of freedom.
    assert effects.test({"to": "core"}).df == 3
    with pytest.raises(
        ss.ModelError, match=r"no effects have to = 'GBA'; there are 'core', 'edge'"
    ):
        effects.test({"to": "GBA"})
    with pytest.raises(ss.ModelError, match="compared one with one"):
        effects.test({"effect": "direct", "to": "core"}, {"effect": "indirect"})
