"""Groupings of the cities that a panel did not have when it was made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spatialsyn as ss
from spatialsyn.cities import tidying

MODEL = ss.sdm("log(gdp) ~ digital_finance", W="geo", fixed_effects="twoways")


@pytest.fixture(scope="module")
def panel():
    return ss.datasets.guangdong()


@pytest.fixture(scope="module")
def geo(panel):
    return ss.weights.contiguity(panel.cities, name="geo").standardize("row")


@pytest.fixture(scope="module")
def zones(panel):
    core, west = ("440100", "440300"), ("440800", "440900", "441700")
    labels = ["core" if i in core else "west" if i in west else "other" for i in panel.ids]
    return pd.Series(labels, index=list(panel.ids), name="zone")[::-1]


def test_effects_between_blocks_of_a_series_are_sums_of_the_matrix_of_effects(panel, geo, zones):
    res = ss.fit(MODEL, panel, geo)
    table = res.effects(by=zones).table.set_index(["effect", "to", "from"])["estimate"]
    beta, theta = res.params["digital_finance"], res.params["W[geo]*digital_finance"]
    W, ones = geo.dense(), np.eye(panel.n)
    E = np.linalg.inv(ones - res.rho["geo"] * W) @ (beta * ones + theta * W)
    held = zones[list(panel.ids)].to_numpy()
    for a in ("core", "other", "west"):
        rows = E[held == a]
        own = np.diag(E)[held == a].mean()
        assert table["direct", a, a] == pytest.approx(own, rel=1e-9)
        assert table["total", a, "all"] == pytest.approx(rows.sum(axis=1).mean(), rel=1e-9)
        for b in ("core", "other", "west"):
            sent = rows[:, held == b].sum(axis=1).mean() - (own if a == b else 0)
            assert table["indirect", a, b] == pytest.approx(sent, rel=1e-8, abs=1e-15)


@pytest.mark.parametrize("per", ["receiver", "source", "share"])
def test_a_panel_that_is_grouped_later_gives_the_effects_of_the_series(panel, geo, zones, per):
    later = panel.grouped(zone=zones)
    of_series = ss.fit(MODEL, panel, geo).effects(by=zones, per=per)
    of_panel = ss.fit(MODEL, later, geo).effects(by="zone", per=per)
    pd.testing.assert_frame_equal(of_series.table, of_panel.table)
    assert of_series.about == of_panel.about


def test_the_blocks_of_a_series_are_looked_up_once(panel, geo, zones, monkeypatch):
    res, looked = ss.fit(MODEL, panel, geo), []
    found = tidying.block_of_each
    monkeypatch.setattr(tidying, "block_of_each", lambda *a: looked.append(a[0]) or found(*a))
    assert "if x rose by one unit in every city of `from`" in res.effects(by=zones).about
    assert looked == ["zone"]


def test_effects_by_pair_are_not_counted_by_block(panel, geo):
    made = ss.fit(MODEL, panel, geo).effects("digital_finance", by="pair")
    assert {"to", "from"} < set(made.table)
    assert "`from`" not in made.about


def test_scenarios_and_channels_take_a_series(panel, geo, zones):
    res = ss.fit(MODEL, panel, geo)
    told = res.scenario({"digital_finance": ("all", "+10")}, by=zones).table
    assert set(told["to"]) == {"core", "other", "west"}
    assert "channel" in res.effects(by=[zones, "channel"]).table


def test_a_later_grouping_is_one_like_the_first(panel, geo, zones):
    later = panel.grouped(zone=zones.to_dict())
    assert set(later.blocks) == {"region", "zone"}
    assert "zone" in later.cities
    assert len(later.context) == len(panel.context)
    assert later.variables == panel.variables
    own = ss.fit(MODEL.but(regimes="zone"), later, geo)
    assert "digital_finance[west]" in own.params
    assert ss.report.study_area(later, blocks="zone") is not None


def test_the_order_of_categories_stays(panel, zones):
    order = pd.CategoricalDtype(["west", "core", "other"], ordered=True)
    later = panel.grouped(zone=zones.astype(order))
    assert list(later.blocks["zone"].cat.categories) == ["west", "core", "other"]


def test_a_grouping_may_be_replaced_and_a_column_may_not(panel, zones):
    assert panel.grouped(region=zones).blocks["region"].nunique() == 3
    for name in ("gdp", "city"):
        with pytest.raises(ss.PanelError, match=f"has a column '{name}': call the grouping"):
            panel.grouped(**{name: zones})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda z: z.iloc[:-1],
            "the series for 'zone' does not cover the panel: 1 keys are missing",
        ),
        (lambda z: z.where(z != "core"), "the grouping 'zone' is missing for '440100', '440300'"),
        (lambda z: z.replace("west", "Other"), "differ by blanks, case or widths of letters"),
        (lambda z: list(z), "a Series or a mapping from city to block; got list"),
    ],
    ids=["short", "missing", "alike", "no series"],
)
def test_what_is_no_grouping_is_refused(panel, zones, change, message):
    with pytest.raises(ss.PanelError, match=message):
        panel.grouped(zone=change(zones))


def test_a_list_of_blocks_by_no_city_says_what_is_meant(panel, geo, zones):
    with pytest.raises(ss.ModelError, match=r"the block of each city: by=pd\.Series"):
        ss.fit(MODEL, panel, geo).effects(by=zones.to_numpy())
