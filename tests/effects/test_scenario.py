"""Scenarios against predictions of the model on the moved panel."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose

import spatialsyn as ss


@pytest.fixture(scope="module")
def fitted() -> ss.Results:
    panel, w = made_up(n=12, T=8)
    model = ss.sdm("y ~ x + log(size) + x:z | x + log(size)", W="w", fixed_effects="twoways")
    return ss.fit(model, panel, w)


@pytest.mark.parametrize(
    "changes",
    [
        {"x": ("edge", "+0.5")},
        {"size": ("all", "+10%")},
        {"x": ("c03", "-2"), "size": (["c01", "c05"], "+ 20%")},
        {"z": ("core", "+4 in all")},
    ],
)
def test_a_scenario_is_the_difference_of_two_predictions(fitted, changes):
    """The reduced form at the moved regressors less that at the observed ones."""
    panel, moved = fitted.panel, fitted.panel
    members = {
        "all": panel.ids, "edge": panel.ids[4:], "core": panel.ids[:4],
    }  # fmt: skip
    for name, (where, amount) in changes.items():
        cities = members.get(where, where) if isinstance(where, str) else where
        inside = np.isin(panel.ids, cities)[:, None]
        number = float(amount.replace(" ", "").replace("%", "").replace("inall", ""))
        values = panel.array(name)
        step = values * number / 100 if "%" in amount else number + 0 * values
        step = step / inside.sum() if "in all" in amount else step
        moved = moved.assign(**{name: values + step * inside})
    change = (fitted.predict(moved) - fitted.predict()).groupby("city").mean()
    by_city = fitted.scenario(changes)
    assert_allclose(by_city["total"]["estimate"], change, rtol=1e-9, atol=1e-12)
    assert_allclose(
        by_city["direct"]["estimate"] + by_city["indirect"]["estimate"],
        by_city["total"]["estimate"],
        atol=1e-12,
    )
    mean = fitted.scenario(changes, by=None)["total"]["estimate"].item()
    assert_allclose(mean, change.mean(), rtol=1e-9)
    blocks = fitted.scenario(changes, by="region")["total"]
    assert_allclose(blocks["estimate"].iloc[0], change.iloc[:4].mean(), rtol=1e-9, atol=1e-12)


@pytest.fixture(params=["likelihood", "balance: outcome", "balance: regressor"])
def holed(request) -> ss.Results:
    """A fit without some outcomes, or without a year in which something is missing."""
    panel, w = made_up()
    missing, _, column = request.param.partition(": ")
    frame = panel.frame
    cells = (slice(None), 2003) if column else (["c01", "c05"], 2004)
    for name in ["y"] if column != "regressor" else ["size"]:
        values = frame[name].copy()
        values.loc[cells] = np.nan
        panel = panel.assign(**{name: values})
    model = ss.sdm("y ~ log(size) + {size ** 2} + x:size", W="w", fixed_effects="individual")
    if not column:
        return ss.fit(model, panel, w, missing=missing)
    with pytest.warns(UserWarning, match="Years dropped: 2003"):
        return ss.fit(model, panel, w, missing=missing)


def test_a_scenario_of_what_was_observed_is_the_difference_of_two_predictions(holed):
    more = holed.panel.assign(size=1.1 * holed.panel.frame["size"])
    change = (holed.predict(more) - holed.predict()).groupby("city").mean()
    by_city = holed.scenario({"size": ("all", "+10%")}).table.query("effect == 'total'")
    assert_allclose(by_city["estimate"], change, rtol=1e-9)


def test_effects_of_a_variable_of_what_was_observed_are_slopes_of_the_prediction(holed):
    step = 1e-5
    up, down = (
        holed.predict(holed.panel.assign(size=holed.panel.frame["size"] + side * step)).mean()
        for side in (1, -1)
    )
    # two differences, each exact to about 1e-9
    assert_allclose(holed.effects("size")["total"]["estimate"], (up - down) / (2 * step), rtol=1e-7)
    at = ss.moderated(holed, "x", {"size": [1.0]})
    assert "never observed" not in at.note
    one = holed.panel.assign(size=1.0)
    up, down = (
        holed.predict(one.assign(x=one.frame["x"] + side * step)).mean() for side in (1, -1)
    )
    total = at.table.query("effect == 'total'")["estimate"]
    assert_allclose(total, (up - down) / (2 * step), rtol=1e-7)


def test_the_same_investment_here_or_there(fitted):
    here = fitted.scenario({"x": ("c00", "+3")}, by=None)
    there = fitted.scenario({"x": ("c09", "+3")}, by=None)
    gap = here.minus(there)["total"].iloc[0]
    assert_allclose(
        gap["estimate"], here["total"]["estimate"].item() - there["total"]["estimate"].item()
    )
    # The two share their parameters: their difference is surer than either.
    assert gap["se"] < np.hypot(here["total"]["se"].item(), there["total"]["se"].item())
    assert_allclose(here.minus(here).table["estimate"], 0, atol=1e-15)
    with pytest.raises(ss.ModelError, match="read the same way"):
        here.minus(fitted.scenario({"x": ("c09", "+3")}))


@pytest.mark.parametrize("method", ["delta", "simulation"])
def test_effects_of_other_results_are_not_subtracted(fitted, method):
    """The errors of two samples are not those of one: their variances add instead."""
    panel, w = made_up(n=12, T=8, seed=1)
    other = ss.fit(fitted.model, panel, w)
    robust = ss.fit(fitted.model, fitted.panel, fitted.weights, cov="observed")
    mine = fitted.effects("x", method=method)
    for foreign in (other, robust):
        with pytest.raises(ss.ModelError, match="only effects of the same results"):
            mine.minus(foreign.effects("x", method=method))
    # The same fit once more is the same.
    again = ss.fit(fitted.model, fitted.panel, fitted.weights).effects("x", method=method)
    assert_allclose(mine.minus(again).table["estimate"], 0, atol=1e-12)


def test_money_for_one_thing_or_another(fitted):
    """Two scenarios of different variables; log(1.25) and log(0.8) are opposite."""
    one = fitted.scenario({"x": ("all", "+1")}, by=None)
    other = fitted.scenario({"size": ("all", "+25%")}, by=None)
    at_once = fitted.scenario({"x": ("all", "+1"), "size": ("all", "-20%")}, by=None)
    for column in ("estimate", "se", "p"):
        assert_allclose(one.minus(other).table[column], at_once.table[column], rtol=1e-9)
    drawn, again = (
        fitted.scenario({"x": ("all", "+1")}, by=None, method="simulation", seed=seed)
        for seed in (0, 1)
    )
    with pytest.raises(ss.ModelError, match="of the same results"):
        drawn.minus(again)


def test_a_budget_is_shared_by_the_cities(fitted):
    shared = fitted.scenario({"x": ("edge", "+8 in all")})
    each = fitted.scenario({"x": ("edge", "+1")})
    assert_allclose(shared.table["estimate"], each.table["estimate"], rtol=1e-12)


def test_the_long_run_of_a_scenario():
    w = ss.Weights.from_matrix(ring(12, 3), ids=[f"c{i:02d}" for i in range(12)], name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True)
    params = {"x": 1.0, "W[w]*x": 0.5, "rho[w]": 0.3, "tau": 0.4, "sigma2": 1.0}
    res = ss.fit(model, ss.simulate(model, made_up(n=12, T=25)[0], w, params, seed=1), w)
    p, W, eye = res.params, w.dense(), np.eye(12)
    K = np.linalg.inv((1 - p["tau"]) * eye - p["rho[w]"] * W)
    shift = K @ (p["x"] * eye + p["W[w]*x"] * W)[:, 3]
    long = res.scenario({"x": ("c03", "+1")}, horizon="long")
    assert_allclose(long["total"]["estimate"], shift, rtol=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "a scenario is a mapping"),
        ({"x": "+1"}, "is not a pair"),
        ({"x": ("mars", "+1")}, "'mars' is no city or block of the panel; blocks: 'core', 'edge'"),
        ({"x": ("edge", "plenty")}, "amount 'plenty' is not understood"),
        ({"x": ("edge", 3)}, "amount 3 is not understood"),
        ({"q": ("edge", "+1")}, "no column 'q'"),
        ({"y": ("edge", "+1")}, "moves no regressor"),
    ],
)
def test_scenarios_that_say_nothing_are_refused(fitted, changes, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        fitted.scenario(changes)


def test_a_name_of_two_sets_of_cities_is_refused():
    """A block called "all" stood for every city, one of two groupings for that of the first."""
    panel, w = made_up()
    one = np.where(np.arange(panel.n) < 4, "core", "edge")
    other = np.where(np.arange(panel.n) < 6, "core", "all")
    frame = panel.frame.drop(columns=list(panel.blocks), errors="ignore").reset_index()
    at = [panel.ids.index(city) for city in frame["city"]]
    frame = frame.assign(one=one[at], other=other[at], same=one[at])
    res = ss.fit(ss.sdm("y ~ x", W="w"), ss.CityPanel(frame, "city", blocks=["one", "other"]), w)
    for where in ("core", "all"):
        with pytest.raises(ss.ModelError, match=f"'{where}' names more than one set of cities"):
            res.scenario({"x": (where, "+1")})
    edge = res.scenario({"x": ("edge", "+1")}).table
    listed = res.scenario({"x": (list(panel.ids[4:]), "+1")}).table
    assert_allclose(edge["estimate"], listed["estimate"])
    alike = ss.fit(ss.sdm("y ~ x", W="w"), ss.CityPanel(frame, "city", blocks=["one", "same"]), w)
    core = alike.scenario({"x": (list(panel.ids[:4]), "+1")}).table["estimate"]
    assert_allclose(alike.scenario({"x": ("core", "+1")}).table["estimate"], core)


def test_blocks_may_be_numbers():
    panel, w = made_up()
    inside = np.arange(panel.n) < 4
    at = [panel.ids.index(city) for city in panel.frame.index.get_level_values("city")]
    frame = panel.frame.drop(columns=list(panel.blocks), errors="ignore").reset_index()
    frame = frame.assign(inside=inside[at].astype(int))
    res = ss.fit(ss.sdm("y ~ x", W="w"), ss.CityPanel(frame, "city", blocks=["inside"]), w)
    listed = res.scenario({"x": (list(panel.ids[:4]), "+1")}).table["estimate"]
    assert_allclose(res.scenario({"x": (1, "+1")}).table["estimate"], listed)
    with pytest.raises(ss.ModelError, match="'1' is no city or block of the panel; blocks: 0, 1;"):
        res.scenario({"x": ("1", "+1")})


@pytest.mark.parametrize("family", [ss.sdm, ss.slx])
def test_what_crosses_the_number_that_cuts_regimes_is_refused(family):
    """Moved city-years would have other coefficients: predictions know that, derivatives not."""
    panel, w = made_up(n=12, T=8)
    cut = ss.regimes("x", above=0.1)
    fit = ss.fit(family("y ~ x + z", W="w", fixed_effects="individual", regimes=cut), panel, w)
    for change in ({"x": ("all", "+0.5")}, {"x": ("c03", "+9")}):
        with pytest.raises(ss.ModelError, match=r"over the number at which .* cut, x > 0\.1: they"):
            fit.scenario(change)
    # Where all stay on their side, it is the difference of two predictions.
    gap = np.sort(np.abs(panel.array("x") - 0.1).ravel())[0]
    for name, step in (("x", 0.9 * gap), ("z", 2.0)):
        moved = panel.assign(**{name: panel.frame[name] + step})
        change = (fit.predict(moved) - fit.predict()).groupby("city").mean()
        made = fit.scenario({name: ("all", f"+{step:.12f}")})
        assert_allclose(made["total"]["estimate"], change, rtol=1e-6)
