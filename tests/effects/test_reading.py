"""Ways to read the derivatives: variables, blocks per source, shares, bands, joint bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

import spatialsyn as ss


@pytest.fixture(scope="module")
def sdm() -> ss.Results:
    panel, w = made_up(n=12, T=8)
    return ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)


def matrix(res: ss.Results) -> np.ndarray:
    p, W = res.params, res.weights["w"].dense()
    C = p["x"] * np.eye(12) + p["W[w]*x"] * W
    return np.linalg.solve(np.eye(12) - res.rho["w"] * W, C)


def numerical_se(res: ss.Results, ask) -> np.ndarray:
    """Delta-method errors by central differences of the estimates."""

    def at(params):
        moved = replace(res, estimate=replace(res.estimate, params=params))
        return ask(moved).table["estimate"].to_numpy()

    params = res.estimate.params
    steps = np.diag(1e-3 * res.se.to_numpy())
    gradient = np.array([(at(params + s) - at(params - s)) / (2 * s.sum()) for s in steps])
    return np.sqrt(np.einsum("ir,ij,jr->r", gradient, res.cov.to_numpy(), gradient))


def test_per_receiver_per_source_and_shares_are_three_views_of_one_sum(sdm):
    B, core = matrix(sdm), np.arange(12) < 4
    received, sent, shares = (
        sdm.effects("x", by="region", per=per) for per in ("receiver", "source", "share")
    )
    between = B[np.ix_(core, ~core)].sum()
    for effects, divisor in ((received, 4), (sent, 8), (shares, B.sum())):
        found = effects["indirect"].loc[("core", "edge"), "estimate"]
        assert_allclose(found, between / divisor, rtol=1e-10)
    # Of one city, an average one of the map; not of one in each block at once.
    assert_allclose(sent["total"].loc[("core", "all"), "estimate"], B[core].sum() / 12, rtol=1e-10)
    assert_allclose(sent["total"]["estimate"].sum(), B.sum() / 12, rtol=1e-10)
    table = shares.table[shares.table["effect"] != "total"]
    assert_allclose(table["estimate"].sum(), 1, rtol=1e-10)
    assert_allclose(shares["total"]["estimate"].sum(), 1, rtol=1e-10)
    assert "in a city of `to`" in repr(received)
    assert "in one city of `from`" in repr(sent)
    assert "share of the sum" in repr(shares)


def test_errors_of_shares_are_numerical_ones(sdm):
    def ask(res):
        return res.effects("x", by="region", per="share")

    assert_allclose(ask(sdm).table["se"], numerical_se(sdm, ask), rtol=1e-5, atol=1e-10)
    drawn = sdm.effects("x", by="region", per="share", method="simulation", draws=2000)
    assert_allclose(drawn.table["high"], ask(sdm).table["high"], atol=0.1)


def test_bands_of_distance_sum_to_the_indirect_effect(sdm):
    rng = np.random.default_rng(0)
    names = np.array(["near", "middle", "far"])
    labels = pd.DataFrame(
        names[rng.integers(0, 3, (12, 12))], index=sdm.panel.ids, columns=sdm.panel.ids
    )
    effects = sdm.effects("x", by=labels)
    whole = sdm.effects("x")
    assert_allclose(
        effects["indirect"]["estimate"].sum(), whole["indirect"]["estimate"].item(), rtol=1e-10
    )
    B = matrix(sdm) * (1 - np.eye(12))
    assert_allclose(
        effects["indirect"].loc["far", "estimate"], B[labels == "far"].sum() / 12, rtol=1e-10
    )
    shuffled = labels.iloc[::-1, ::-1]
    assert_allclose(sdm.effects("x", by=shuffled).table["se"], effects.table["se"], rtol=1e-10)
    with pytest.raises(ss.AlignmentError, match="labels of pairs lack 'c00'"):
        sdm.effects("x", by=labels.iloc[1:, 1:])


def test_bands_are_named_and_ordered_by_distance():
    cities = ss.datasets.guangdong().cities
    labels = ss.weights.bands(cities, [100, 200])
    km = ss.weights.distances(cities)
    assert ((km > 200) == (labels == "over 200 km")).all(axis=None)
    assert labels.attrs["order"] == ["0-100 km", "100-200 km", "over 200 km"]
    # A pair at the very edge lies in the nearer band, as in `rings`.
    edge = float(km.iloc[0, 1])
    assert ss.weights.bands(cities, [edge]).iloc[0, 1] == f"0-{edge:g} km"
    assert ss.weights.rings(cities, [0, edge], isolates="keep").popitem()[1].dense()[0, 1] == 1
    with pytest.raises(ss.WeightsError, match=r"edges=\[200, 100\] must be ascending"):
        ss.weights.bands(cities, [200, 100])


def test_pairs_carry_p_values_adjusted_for_false_discoveries(sdm):
    from scipy.stats import false_discovery_control

    table = sdm.effects("x", by="pair").table
    indirect = table[table["effect"] == "indirect"]
    assert_allclose(indirect["q"], false_discovery_control(indirect["p"]))
    assert table[table["effect"] == "direct"]["q"].isna().all()


def test_differences_and_shares_of_pairs_are_adjusted_for_their_own_p_values(sdm):
    """q by Benjamini & Hochberg (1995) from the p-values beside it, by SciPy."""
    from scipy.stats import false_discovery_control

    pairs = sdm.effects("x", by="pair")
    for made in (pairs.minus(sdm.effects("z", by="pair")), pairs.shares()):
        indirect = made.table[made.table["effect"] == "indirect"]
        assert not np.allclose(indirect["p"], pairs["indirect"]["p"])
        assert_allclose(indirect["q"], false_discovery_control(indirect["p"]))
    assert pairs.minus(pairs).table["q"].isna().all()


def test_intervals_made_anew_are_not_called_joint(sdm):
    effects = sdm.effects(["x", "z"])
    joint = effects.jointly()
    for anew in (joint.minus(joint), joint.shares(), joint.with_spread(effects.spread)):
        half = (anew.table["high"] - anew.table["low"]) / 2
        assert_allclose(half, 1.959963984540054 * anew.table["se"], atol=1e-12)
        assert "jointly" not in repr(anew)
    assert repr(joint.jointly(seed=3)).count("jointly") == 1


def test_joint_intervals_hold_all_effects_at_once(sdm):
    """Coverage of the whole table, by draws from the normal distribution of the parameters."""
    effects = sdm.effects("x", order=4)
    joint = effects.jointly(seed=1)
    assert (
        joint.table["high"] - joint.table["low"] >= effects.table["high"] - effects.table["low"]
    ).all()
    spread = effects.spread
    draws = multivariate_normal(np.zeros(len(spread)), spread @ spread.T, allow_singular=True)
    moved = np.abs(draws.rvs(4000, random_state=2))
    half = (joint.table["high"] - joint.table["estimate"]).to_numpy()
    assert 0.935 < (moved <= half + 1e-6).all(axis=1).mean() < 0.965
    assert "hold jointly for the 18 effects, seed 1" in repr(joint)


def test_a_variable_has_the_effect_of_all_its_columns():
    """x, its square and its interaction: the derivative at the values observed, on average."""
    panel, w = made_up(n=12, T=8)
    res = ss.fit(ss.sdm("y ~ x + {x ** 2} + x:z | x", W="w", fixed_effects="individual"), panel, w)
    p, W, eye = res.params, w.dense(), np.eye(12)
    x, z = panel.array("x").mean(axis=1), panel.array("z").mean(axis=1)
    slope = p["x"] + 2 * x * p["x ** 2"] + z * p["x:z"]
    B = np.linalg.solve(eye - res.rho["w"] * W, np.diag(slope) + p["W[w]*x"] * W)
    effects = res.effects("x")
    assert_allclose(
        effects.table["estimate"],
        [np.trace(B) / 12, (B.sum() - np.trace(B)) / 12, B.sum() / 12],
        rtol=1e-6,
    )
    assert_allclose(effects.table["se"], numerical_se(res, lambda r: r.effects("x")), rtol=1e-5)
    # All columns at once are meant as they stand.
    assert set(res.effects().table["x"]) == {"x", "x ** 2", "x:z"}


def test_a_variable_inside_a_logarithm_has_a_unit_effect_too():
    panel, w = made_up(n=12, T=8)
    res = ss.fit(ss.sar("y ~ log(size)", W="w"), panel, w)
    per_unit = (1 / panel.array("size")).mean(axis=1)
    B = np.linalg.inv(np.eye(12) - res.rho["w"] * w.dense()) * per_unit * res.params["log(size)"]
    assert_allclose(res.effects("size")["total"]["estimate"], B.sum() / 12, rtol=1e-6)
    with pytest.raises(ss.ModelError, match="computed anew on the other panel"):
        ss.fit(ss.sar("y ~ standardize(x)", W="w"), panel, w).effects("x")


@pytest.mark.parametrize("smallest", [1e-3, 1e-5, 1e-6])
def test_a_logarithm_of_values_far_below_the_spread_has_its_own_slope(smallest):
    """A step of the spread's size went below zero, and was refused, or bent the logarithm."""
    panel, w = made_up(n=12, T=8)
    size = np.exp(panel.array("z"))
    size[0, 0] = 1000.0  # one city-year far above the others, one far below
    size[3, 2] = smallest * size.std()
    panel = panel.assign(size=size)
    res = ss.fit(ss.sar("y ~ x + log(size) + lag(size)", W="w"), panel, w)
    p, after = res.params, size[:, 1:]
    per_unit = (p["log(size)"] / after).mean(axis=1) + p["lag(size)"]
    B = np.linalg.inv(np.eye(12) - res.rho["w"] * w.dense()) * per_unit
    found = res.effects("size").table["estimate"]
    assert_allclose(
        found, [np.trace(B) / 12, (B.sum() - np.trace(B)) / 12, B.sum() / 12], rtol=1e-6
    )
    straight = ss.fit(ss.sar("y ~ x + x:size", W="w"), panel, w)
    assert_allclose(
        straight.effects("size")["total"]["estimate"],
        (np.linalg.inv(np.eye(12) - straight.rho["w"] * w.dense()) @ panel.array("x")).mean()
        * straight.params["x:size"],
        rtol=1e-6,
    )


def test_what_cannot_be_read_is_refused(sdm):
    with pytest.raises(
        ss.ModelError, match="per='city' is not one of 'receiver', 'source', 'share'"
    ):
        sdm.effects("x", by="region", per="city")
    with pytest.raises(ss.ModelError, match="counts effects by block"):
        sdm.effects("x", per="source")


def test_a_row_named_like_a_variable_says_that_it_is_one_of_its_terms():
    """In y ~ x * z the row x is the derivative at z = 0, which z may be far from.

    By hand: with z moved by 100 the coefficient of x becomes beta - 100 gamma, while what one
    more unit of x does at the values observed stays. A reader of the first must be told.
    """
    panel, w = made_up(n=12, T=8)
    model = ss.sdm("y ~ x * z", W="w", fixed_effects="twoways")
    far = ss.fit(model, panel.assign(z=panel.frame["z"] + 100), w)
    near = ss.fit(model, panel, w)
    term = [fit.effects()["total"].loc["x", "estimate"] for fit in (near, far)]
    alone = [fit.effects("x")["total"].loc["x", "estimate"] for fit in (near, far)]
    assert abs(term[1] - term[0]) > 1
    assert_allclose(alone[1], alone[0], rtol=1e-6)  # slopes are differences of the formula
    assert "Rows of x, z: effects of this term alone" in far.effects().note
    assert "effects('x')" in repr(far)
    assert any("of this term alone" in note for note in ss.report.table(far).notes)
    assert any("仅为该项自身的效应" in note for note in ss.report.table(far, language="zh").notes)
    assert "alone" not in far.effects("x").note


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("y ~ x + z", None),
        ("y ~ x + log(pop)", None),
        ("y ~ x + C(kind)", None),
        ("y ~ x + {x ** 2}", "x"),
        ("y ~ log(pop) * x", "log(pop), x"),
        ("y ~ x + {z ** 2}", None),
    ],
)
def test_only_terms_that_are_not_all_of_a_variable_are_told(formula, shown):
    panel, w = made_up(n=12, T=8)
    kind = np.where(np.arange(96) % 3 == 0, "a", "b")
    panel = panel.assign(pop=np.exp(panel.frame["z"]), kind=pd.Series(kind, panel.frame.index))
    res = ss.fit(ss.sdm(formula, W="w", fixed_effects="individual"), panel, w)
    said = res.effects().note
    assert (f"Rows of {shown}:" in said) if shown else ("Rows of" not in said)


def test_shares_that_weights_alone_decide_have_no_error():
    """Rows of W sum to one, so a block of 4 in 12 cities receives a third, whatever the data say."""
    panel, w = made_up(n=12, T=8)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    total = res.effects("x", by="region", per="share")["total"]
    assert_allclose(total["estimate"], [4 / 12, 8 / 12], rtol=1e-12)
    assert (total["se"] == 0).all()
    assert total["p"].isna().all()


def test_a_rho_near_its_bound_is_not_blamed_on_years_that_the_model_has():
    panel, w = made_up(n=12, T=2, rho=0.9, noise=2.0, seed=8)
    with_years, without = (
        ss.fit(ss.sar("y ~ x", W="w", fixed_effects=kind), panel, w).effects("x").note
        for kind in ("time", "none")
    )
    assert "Without time effects a common trend does this" in without
    assert "below its upper bound" in with_years
    assert "time effects" not in with_years


def test_a_cross_section_is_not_told_to_take_time_effects():
    panel, w = made_up(n=12, T=2, rho=0.9, noise=2.0, seed=8)
    one = panel.subset(years=[panel.years[0]])
    note = ss.fit(ss.sar("y ~ x", W="w"), one, w).effects("x").note
    assert "below its upper bound" in note
    assert "time effects" not in note


@pytest.mark.parametrize(
    ("family", "zero"), [("ols", True), ("sem", True), ("slx", False), ("sar", False)]
)
def test_models_without_spillovers_say_so_under_their_effects(family, zero):
    panel, w = made_up()
    model = ss.SpatialModel(family, "y ~ x", None if family == "ols" else "w")
    effects = ss.fit(model, panel, w).effects("x", by="region")
    assert ("zero by construction" in str(effects)) is zero
    assert (effects["indirect"]["estimate"] == 0).all() == zero


@pytest.mark.parametrize(
    ("family", "formula", "regimes", "one"),
    [
        ("sar", "y ~ x + z", None, True),
        ("sac", "y ~ x + z", None, True),
        ("mess", "y ~ x + z", None, True),
        ("sar", "y ~ x + z", "region", False),
        ("sdm", "y ~ x + z", None, False),
        ("sar", "y ~ x + log(size)", None, False),
    ],
)
def test_without_lags_of_x_every_x_has_the_same_ratio_and_effects_say_so(
    family, formula, regimes, one
):
    """The variable behind a logarithm has a derivative of its own in every city."""
    panel, w = made_up()
    effects = ss.fit(ss.SpatialModel(family, formula, "w", regimes=regimes), panel, w).effects(
        ["x", "size"] if "size" in formula else None
    )
    ratio = effects["indirect"]["estimate"] / effects["direct"]["estimate"]
    assert ("same ratio of indirect to direct" in str(effects)) is one
    assert (np.ptp(ratio) < 1e-9) == one


@pytest.mark.parametrize("rows", [("indirect",), ({"effect": "direct"}, 3)])
def test_rows_are_selected_by_mappings(rows):
    panel, w = made_up()
    effects = ss.fit(ss.sdm("y ~ x", W="w"), panel, w).effects()
    with pytest.raises(ss.ModelError, match="test takes mappings from columns to values"):
        effects.test(*rows)
    with pytest.raises(ss.ModelError, match="minus takes other effects of the same results; got"):
        effects.minus(rows[0])


@pytest.mark.parametrize("per", ["receiver", "source"])
def test_averages_over_the_cities_of_blocks_have_no_shares(sdm, per):
    effects = sdm.effects("x", by="region", per=per)
    with pytest.raises(ss.ModelError, match=rf"per {per} are averages over cities.*per=\"share\""):
        effects.shares()
    of_blocks = sdm.effects("x", by="region", per="share")
    assert_allclose(of_blocks.shares().table["estimate"], of_blocks.table["estimate"])
