"""Thresholds: brute force over gamma, known truth, size of the test, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring, within
from numpy.testing import assert_allclose

import spatialsyn as ss

W = ss.Weights.from_matrix(ring(20, 1), ids=range(20), name="w")
MODEL = ss.sdm("y ~ x + q", W="w", fixed_effects="twoways")
LOW, HIGH = "x[q <= 0.3]", "x[q > 0.3]"
TRUE = {
    LOW: 0.2, HIGH: 1.0, "q": 0.5, f"W[w]*{LOW}": 0.0, f"W[w]*{HIGH}": 0.6, "W[w]*q": 0.1,
    "rho[w]": 0.3, "sigma2": 0.3,
}  # fmt: skip
NONE = TRUE | {LOW: 1.0, f"W[w]*{LOW}": 0.6}


def drawn(params=TRUE, seed=1, shape=(20, 8)) -> ss.CityPanel:
    model = MODEL.but(regimes=ss.regimes("q", "x", above=0.3))
    return ss.simulate(model, shape, W, params, seed=seed)


@pytest.fixture(scope="module")
def found():
    return ss.threshold(MODEL, drawn(), W, x="x", q="q", draws=199, seed=1)


def test_a_known_threshold_comes_back(found):
    assert "Indirect effect of x: " in found.reading
    assert "Only" not in found.reading
    low, high = found.interval
    assert low <= 0.3 < found.profile["gamma"].max()
    assert low <= found.gamma <= high
    assert high - low < 0.6
    assert found.p == 1 / 200
    gaps = found.difference["indirect"].iloc[0]
    assert gaps["low"] > 0
    assert abs(found.results.params.iloc[1] - 1.0) < 3 * found.results.se.iloc[1]


def test_a_share_that_is_met_exactly_is_enough_on_both_sides():
    """Of 100 city-years at least 45 on either side: cuts after the 45th to after the 55th."""
    panel = drawn(shape=(20, 5))
    made = ss.threshold(MODEL, panel, W, x="x", q="q", trim=0.45, draws=99)
    ranked = np.sort(panel.array("q").ravel())
    assert_allclose(made.profile["gamma"], ranked[44:55], rtol=1e-14)
    assert_allclose(made.profile["share_below"], np.arange(45, 56) / 100)


def test_every_gamma_is_a_fit_of_its_own(found):
    """The profile against ss.fit with the regimes by hand, and Hansen's interval from it."""
    panel = drawn()
    q = np.sort(panel.array("q").ravel())
    share = np.searchsorted(q, found.profile["gamma"], side="right") / q.size
    assert_allclose(found.profile["share_below"], share)
    assert share.min() >= 0.15
    assert share.max() <= 0.85
    for gamma, loglik in found.profile[["gamma", "loglik"]].iloc[::9].to_numpy():
        by_hand = ss.fit(MODEL.but(regimes=ss.regimes("q", "x", above=gamma)), panel, W)
        assert_allclose(loglik, by_hand.loglik, rtol=1e-10)
    assert_allclose(found.results.loglik, found.profile["loglik"].max(), rtol=1e-12)
    null = ss.fit(MODEL, panel, W)
    assert_allclose(found.test.statistic, 2 * (found.results.loglik - null.loglik), rtol=1e-8)
    assert found.test.df == 2
    # 7.3523 is the 95 % value of Hansen (2000, table 1).
    kept = found.profile["lr"] <= 7.3523
    assert found.interval == (
        found.profile["gamma"][kept].min(),
        found.profile["gamma"][kept].max(),
    )
    assert found.profile["inside"].equals(kept.rename("inside"))


def test_effects_are_those_of_one_regime_everywhere(found):
    p, eye = found.results.params, np.eye(20)
    table, n = found.effects.table, 20
    for i, side in enumerate(("<=", ">")):
        name = f"x[q {side} {found.gamma:.6g}]"
        B = np.linalg.solve(
            eye - p["rho[w]"] * W.dense(), p[name] * eye + p[f"W[w]*{name}"] * W.dense()
        )
        expected = [np.trace(B) / n, (B.sum() - np.trace(B)) / n, B.sum() / n]
        assert_allclose(table["estimate"][3 * i : 3 * i + 3], expected, rtol=1e-10)
    above, below = table["x"].unique()[::-1]
    test = found.effects.test(
        {"x": above, "effect": "indirect"}, {"x": below, "effect": "indirect"}
    )
    gap = found.difference["indirect"].iloc[0]
    assert_allclose(gap["p"], test.p, rtol=1e-6)
    assert_allclose(gap["estimate"], table["estimate"][4] - table["estimate"][1], rtol=1e-12)


def test_without_a_threshold_none_is_found():
    none = ss.threshold(MODEL, drawn(NONE, seed=0), W, x="x", q="q", draws=99)
    assert none.p > 0.05
    assert "are no findings" in none.reading
    assert "do not bound gamma" in none.reading
    assert "Threshold in the effect of x" in repr(none)


@pytest.mark.parametrize("kind", ["years", "cities"])
def test_regimes_that_are_periods_or_groups_are_told(kind):
    panel = drawn()
    steps = np.arange(panel.T)[None, :] if kind == "years" else np.arange(panel.n)[:, None]
    noise = 0.1 * np.random.default_rng(0).normal(size=(20, 8))
    found = ss.threshold(MODEL, panel.assign(trend=steps + noise), W, x="x", q="trend", draws=99)
    assert f"of the variation of the regime lies between {kind}" in found.reading
    plain = ss.threshold(MODEL, panel, W, x="x", q="q", draws=99)
    assert "of the variation of the regime" not in plain.reading


def test_the_test_keeps_its_size():
    """30 panels without a threshold: 3 rejections at 10 % are expected, 9 or more have p = 0.002."""
    p = [
        ss.threshold(MODEL, drawn(NONE, seed, (20, 5)), W, x="x", q="q", draws=99, trim=0.3).p
        for seed in range(30)
    ]
    assert (np.array(p) <= 0.1).sum() < 9
    assert 0.3 < np.mean(p) < 0.7


def test_the_same_effect_on_both_sides_is_the_model_without_threshold():
    """Next to no noise and no threshold: whatever is cut, both regimes are the plain model."""
    panel = drawn(NONE | {"sigma2": 1e-10})
    plain = ss.fit(MODEL, panel, W)
    same = ss.threshold(MODEL, panel, W, x="x", q="q", draws=99)
    truth = plain.effects("x").table["estimate"].to_numpy()
    assert_allclose(same.effects.table["estimate"], np.tile(truth, 2), atol=1e-4)
    assert_allclose(same.difference.table["estimate"], 0, atol=1e-4)
    assert (2 * (same.profile["loglik"] - plain.loglik) >= -1e-6).all()


def test_few_cities_in_a_regime_are_told():
    """q is high in three cities: enough city-years, few cities."""
    high = np.zeros((20, 8))
    high[:3] = 5
    panel = drawn().assign(rank=high + 0.1 * np.random.default_rng(0).uniform(size=(20, 8)))
    found = ss.threshold(MODEL, panel, W, x="x", q="rank", draws=99, trim=0.14)
    assert found.gamma < 5
    few = "Only 3 of 20 cities are ever above the threshold"
    assert (few in found.reading) == (found.gamma > 0.1 - 1e-3)
    held = ss.threshold(MODEL, drawn().assign(rank=high), W, x="x", q="rank", draws=99, trim=0.14)
    assert few in held.reading


def test_order_and_units_change_nothing(found):
    frame = drawn().frame.reset_index()
    frame["q"] = 100 * frame["q"] + 7
    mixed = frame.sample(frac=1, random_state=0)
    order = np.random.default_rng(3).permutation(20)
    w = ss.Weights.from_matrix(W.dense()[np.ix_(order, order)], ids=order.tolist(), name="w")
    panel = ss.CityPanel(mixed, city="city", year="year")
    moved = ss.threshold(MODEL, panel, w, x="x", q="q", draws=199, seed=1)
    assert_allclose(moved.gamma, 100 * found.gamma + 7, rtol=1e-10)
    assert_allclose(moved.profile["loglik"], found.profile["loglik"], rtol=1e-9)
    assert moved.p == found.p


def test_without_space_it_is_hansens_least_squares():
    """Individual effects, no W: gamma has the smallest sum of squares of the within regression."""
    panel, _ = made_up(n=15, T=8)
    model = ss.ols("y ~ x", fixed_effects="individual")
    found = ss.threshold(model, panel, x="x", q="z", draws=99)
    y, x, z = (panel.array(name) for name in "yxz")

    def ssr(gamma):
        Z = np.c_[within(x * (z <= gamma)), within(x * (z > gamma))]
        return ((within(y) - Z @ np.linalg.lstsq(Z, within(y), rcond=None)[0]) ** 2).sum()

    values = np.array([ssr(gamma) for gamma in found.profile["gamma"]])
    assert found.gamma == found.profile["gamma"][values.argmin()]
    assert_allclose(found.profile["lr"], 105 * np.log(values / values.min()), rtol=1e-8, atol=1e-8)


def test_many_values_are_tried_at_quantiles():
    panel = ss.simulate(
        ss.ols("y ~ x + q"), (20, 40), W, {"Intercept": 0, "x": 1, "q": 0, "sigma2": 1}, seed=0
    )
    found = ss.threshold(ss.ols("y ~ x + q"), panel, x=["x", "q"], q="q", draws=99)
    assert len(found.profile) == 400
    assert found.profile["share_below"].iloc[0] >= 0.15
    assert found.x == ("x", "q")
    assert len(found.effects.table) == 12


def test_thresholds_that_cannot_be_asked_for():
    panel = drawn()

    def refused(message, error=ss.ModelError, of=MODEL, data=panel, x="x", q="q", **given):
        with pytest.raises(error, match=message):
            ss.threshold(of, data, W, x=x, q=q, **given)

    refused("a threshold needs terms of", x="size")
    refused("a threshold needs terms of", x=[])
    refused("no column 'size'", ss.PanelError, q="size")
    refused("makes the outcome", q="y")
    refused("'c' is 3 in every city-year: nothing to cut", data=panel.assign(c=3.0), q="c")
    refused("threshold needs a model such as", of=ss.fit(MODEL, panel, W))
    refused("there is no estimate: .* Or use a larger trim", trim=0.001, x=["x", "q"], q="x")
    refused("trim=0.5 must be a share", trim=0.5)
    refused("draws=10", draws=10)
    refused("draws=True", draws=True)
    refused("level=95", level=95)
    refused("has regimes already", of=MODEL.but(regimes=ss.regimes("q", "x", above=0.0)))
    refused("needs a static model", of=ss.sdem("y ~ x + q", W="w"))
    refused("needs a static model", of=MODEL.but(lag_y=True))
    refused("by maximum likelihood", of=MODEL.but(correction="bias-corrected"))
    holes = panel.array("q").copy()
    holes[0, 0] = np.nan
    refused("'other' has 1 missing", data=panel.assign(other=holes), q="other")
    flag = (panel.array("q") > 1.5).astype(float)
    refused("no value of 'rare' leaves 15% of", data=panel.assign(rare=flag), q="rare")
    text = ss.CityPanel(
        panel.frame.assign(word="a").reset_index(), city="city", year="year", blocks=["word"]
    )
    refused("'word' is text", ss.PanelError, data=text, q="word")
