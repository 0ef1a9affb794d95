"""Effects that are zero by construction have no p-value; rounding is no estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss


def fitted(formula, panel, w, **given):
    return ss.fit(ss.sdm(formula, W="w", fixed_effects="twoways", **given), panel, w)


@pytest.mark.parametrize(
    "formula", ["y ~ diff(x) + z", "y ~ {x - lag(x)} + z", "y ~ z + z:diff(x)"]
)
@pytest.mark.parametrize(("scale", "level"), [(1, 0), (1e-6, 0), (1e6, 0), (1, 1e3)])
def test_a_unit_more_in_every_year_does_not_move_changes_over_the_years(formula, scale, level):
    panel, w = made_up()
    res = fitted(formula, panel.assign(x=scale * panel.frame["x"] + level), w)
    with pytest.raises(ss.ModelError, match=r"'x': a unit more in every year moves no regressor"):
        res.effects("x")
    both = res.effects(["x", "z"]).table.set_index("x").loc["x"]
    assert (both[["estimate", "se"]] == 0).all(axis=None)
    assert both["p"].isna().all()


def test_a_scenario_that_moves_no_change_is_refused():
    panel, w = made_up()
    with pytest.raises(ss.ModelError, match="moves no regressor of"):
        fitted("y ~ diff(x) + z", panel, w).scenario({"x": ("all", "+0.3")})


def test_a_moderator_of_zero_leaves_nothing_to_move():
    panel, w = made_up()
    res = fitted("y ~ z + x:z", panel, w)
    with pytest.raises(ss.ModelError, match="nothing at z = 0"):
        ss.moderated(res, "x", {"z": [0.0]})
    at = ss.moderated(res, "x", {"z": [0.0, 1.0]}).table.set_index("at z")
    assert (at.loc[0.0, ["estimate", "se"]] == 0).all(axis=None)
    assert_allclose(at.loc[1.0, "estimate"].iloc[0], res.effects("x:z").table["estimate"].iloc[0])


@pytest.mark.parametrize("level", [0.0, 1e3, 1e6])
def test_the_level_of_a_variable_does_not_matter_beside_its_lag_and_change(level):
    """beta + gamma of x and lag(x), beta alone of x and diff(x); theta likewise."""
    panel, w = made_up()
    n, W = w.n, w.dense()
    for formula, names in (("y ~ x + lag(x)", ("x", "lag(x)")), ("y ~ x + diff(x)", ("x",))):
        res = fitted(formula, panel.assign(x=panel.frame["x"] + level), w)
        beta = sum(res.params[name] for name in names)
        theta = sum(res.params[f"W[w]*{name}"] for name in names)
        B = np.linalg.solve(np.eye(n) - res.rho["w"] * W, beta * np.eye(n) + theta * W)
        made = res.effects("x").table.set_index("effect")["estimate"]
        assert_allclose(made["total"], B.sum() / n, rtol=1e-9)
        assert_allclose(made["direct"], np.trace(B) / n, rtol=1e-9)


@pytest.mark.parametrize("method", ["delta", "simulation"])
def test_a_net_effect_that_the_matrix_makes_zero_has_no_p_value(method):
    """On a ring every city sends what it receives; with an uneven one none does."""
    panel, w = made_up()
    n = panel.n
    ring = (np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)) / 2
    even = ss.Weights.from_matrix(ring, ids=panel.ids, name="w")
    for seed in range(4):
        other, _ = made_up(seed=seed)
        net = fitted("y ~ x + z", other, even).effects(by="city", method=method)["net"]
        assert (net[["estimate", "se"]] == 0).all(axis=None)
        assert net["p"].isna().all()
    uneven = fitted("y ~ x + z", panel, w).effects(by="city", method=method)["net"]
    assert (uneven["se"] > 0).all()
    assert uneven["p"].notna().all()


def test_every_pair_of_cities_is_in_some_row():
    """The parts sum to the indirect effect, whatever labels were called before."""
    panel, w = made_up()
    res = fitted("y ~ x + z", panel, w)
    odd = np.add.outer(range(panel.n), range(panel.n)) % 3
    text = np.array(["near", "middle", "far"], dtype=object)[odd]
    labels = pd.DataFrame(text, index=panel.ids, columns=panel.ids)
    labels.attrs["order"] = ["near", "middle", "far"]
    renamed = labels.replace("far", "beyond")
    assert renamed.attrs["order"] == ["near", "middle", "far"]  # pandas carries it along
    made = res.effects("x", by=renamed)
    assert made["indirect"].index.tolist() == ["near", "middle", "beyond"]
    indirect = res.effects("x")["indirect"]["estimate"].iloc[0]
    assert_allclose(made["indirect"]["estimate"].sum(), indirect, rtol=1e-12)
    with pytest.raises(ss.ModelError, match=r"pairs of cities have no label, .*'c00', 'c02'"):
        res.effects("x", by=labels.where(labels != "far"))
    diagonal = labels.where(~np.eye(panel.n, dtype=bool))  # own effects need none
    assert_allclose(res.effects("x", by=diagonal)["indirect"]["estimate"].sum(), indirect)


def test_effects_counted_per_receiver_and_per_source_are_not_subtracted():
    panel, w = made_up()
    res = fitted("y ~ x + z", panel, w)
    received, sent = res.effects(by="region"), res.effects(by="region", per="source")
    for one, other in ((received, sent), (sent, received)):
        with pytest.raises(ss.ModelError, match="read the same way"):
            one.minus(other)
    assert (sent.minus(sent).table["estimate"] == 0).all()


@pytest.mark.parametrize("family", ["slx", "sar", "sdm", "sdem", "mess"])
def test_totals_of_blocks_are_equal_where_rows_of_the_matrix_sum_to_one(family):
    """(beta + theta) / (1 - rho) in every city: there is nothing to test, nor to subtract."""
    for seed in range(6):
        panel, w = made_up(n=16, seed=seed)
        make = getattr(ss, family)
        res = ss.fit(make("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
        made = res.effects("x", by="region")
        core, edge = ({"effect": "total", "to": to} for to in ("core", "edge"))
        assert_allclose(*(made["total"].xs(to)["estimate"] for to in ("core", "edge")), rtol=1e-12)
        test = made.test(core, edge)
        assert np.isnan(test.p)
        assert "equal by construction" in test.note
        everyone = res.scenario({"x": ("all", "+1")})
        first, last = ({"effect": "total", "city": panel.ids[i]} for i in (0, -1))
        assert np.isnan(everyone.test(first, last).p)


def test_what_is_equal_by_construction_adds_nothing_to_a_joint_test():
    panel, w = made_up(n=16)
    made = fitted("y ~ x + z", panel, w).effects("x", by="region")
    core, edge = {"to": "core"}, {"to": "edge"}
    rows = [(made.table["to"] == to).to_numpy() for to in ("core", "edge")]
    value = np.subtract(*(made.table["estimate"].to_numpy()[at] for at in rows))[:-1]
    moved = np.subtract(*(made.spread[at] for at in rows))[:-1]  # the total is the last row
    assert made.table["effect"].to_numpy()[rows[0]][-1] == "total"
    cov = moved @ moved.T
    inverse = np.linalg.pinv(cov, rcond=1e-9, hermitian=True)
    test = made.test(core, edge)
    assert test.df == np.linalg.matrix_rank(cov, tol=1e-9 * np.abs(cov).max())
    assert_allclose(test.statistic, value @ inverse @ value, rtol=1e-6)


def test_totals_of_blocks_differ_where_rows_do_not_sum_to_one():
    panel, w = made_up(n=16)
    uneven = ss.Weights.from_matrix(w.dense() * np.linspace(0.5, 1, 16)[:, None], w.ids, "w")
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, uneven)
    made = res.effects("x", by="region")
    test = made.test({"effect": "total", "to": "core"}, {"effect": "total", "to": "edge"})
    gap = np.subtract(*(made["total"].xs(to)["estimate"].iloc[0] for to in ("core", "edge")))
    at = np.flatnonzero(made.table["effect"] == "total")
    se = np.linalg.norm(made.spread[at[0]] - made.spread[at[1]])
    assert_allclose(test.statistic, (gap / se) ** 2, rtol=1e-8)


def test_scenarios_that_do_the_same_somewhere_do_not_differ_there():
    panel, w = made_up()
    res = fitted("y ~ x + z", panel, w)
    one, other = ({"x": (where, "+1")} for where in ("all", list(panel.ids)))
    gap = res.scenario(one).minus(res.scenario(other)).table
    assert (gap[["estimate", "se"]] == 0).all(axis=None)
    assert gap["p"].isna().all()
    half = res.scenario({"x": ("all", "+0.3")}).minus(res.scenario({"x": ("all", "+0.1")})).table
    assert_allclose(half["estimate"], 0.2 * res.scenario(one).table["estimate"], rtol=1e-9)
    assert_allclose(half["se"], 0.2 * res.scenario(one).table["se"], rtol=1e-9)


def test_cities_of_a_block_that_do_not_reach_each_other_have_no_indirect_effect():
    """Two rings without a link between them, and one block with a city of each."""
    n = 12
    half = (np.roll(np.eye(6), 1, axis=1) + np.diag([0.7, 0.2, 0.9, 0.4, 0.6], -1)) / 2
    W = np.kron(np.eye(2), half / half.sum(axis=1, keepdims=True))
    for seed in range(6):
        panel, _ = made_up(n=n, seed=seed)
        w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
        blocks = pd.Series("others", index=panel.ids)
        blocks[[panel.ids[1], panel.ids[8]]] = "apart"
        res = fitted("y ~ x + z", panel, w)
        for given in ({}, {"per": "source"}, {"per": "share"}):
            made = res.effects(by=blocks, **given).table
            inside = made[(made["to"] == "apart") & (made["from"] == "apart")]
            inside = inside[inside["effect"] == "indirect"]
            assert len(inside) == 2
            assert (inside[["estimate", "se"]] == 0).all(axis=None)
            assert inside["p"].isna().all()
            rest = made.drop(inside.index)
            assert (rest["se"][rest["effect"] != "total"] > 0).all()


def test_a_covariance_that_is_not_finite_gives_no_errors_in_silence():
    panel, w = made_up()
    res = fitted("y ~ x + z", panel, w)
    cov = res.estimate.cov.copy()
    cov[0, 1] = cov[1, 0] = np.nan
    with pytest.raises(ss.EstimationError, match="covariance of the parameters is not finite"):
        replace(res, estimate=replace(res.estimate, cov=cov)).effects()


@pytest.mark.parametrize("gap", [1e-2, 1e-6])
def test_a_value_at_the_end_of_a_function_has_a_slope_or_is_refused(gap):
    """log(x / (1 - x)) has the slope 1 / (x (1 - x)), which is found where x is not too near one."""
    panel, _ = made_up()
    x = 1 / (1 + np.exp(-panel.array("x")))
    x[0, 0] = 1 - gap
    panel = panel.assign(x=x)
    res = ss.fit(ss.ols("y ~ {log(x / (1 - x))}", fixed_effects="individual"), panel)
    if gap > 1e-3:
        slope = res.params.iloc[0] * (1 / (x * (1 - x))).mean()
        assert_allclose(res.effects("x").table["estimate"].iloc[0], slope, rtol=1e-8)
        return
    with pytest.raises(ss.ModelError, match=r"'x' lies so near the end of what 'y ~ \{log\(x"):
        res.effects("x")
    assert res.effects().table["se"].iloc[0] > 0
