"""Effects that are zero by construction have no p-value; rounding is no estimate."""

from __future__ import annotations

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
