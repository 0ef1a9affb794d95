"""Disparities against PySAL, against hand computation, and against their own definitions."""

from __future__ import annotations

from itertools import product

import libpysal
import numpy as np
import pandas as pd
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose
from peers import fits

import spatialsyn as ss
from spatialsyn.measures import disparity

# Closed forms on both sides: nothing but rounding.
RTOL = 1e-12
PEERS = fits("measures_peers")["mexico"]
DECADES = range(1940, 2010, 10)


@pytest.fixture(scope="module")
def mexico() -> ss.CityPanel:
    """GDP per capita of 32 Mexican states, one period per decade, in Hanson's regions.

    The panel wants consecutive years: decades are numbered.
    """
    table = pd.read_csv(libpysal.examples.get_path("mexico.csv"))
    long = pd.concat(
        table[["State", "hanson98"]].assign(year=t, income=table[f"pcgdp{decade}"].astype(float))
        for t, decade in enumerate(DECADES)
    )
    long["region"] = "r" + long.pop("hanson98").astype(str)
    return ss.CityPanel(long, city="State", year="year", blocks=["region"])


def test_theil_gini_and_tau_match_pysal(mexico):
    """Stored output of inequality 1.1.2 and giddy 2.3.8."""
    table = disparity(mexico, "income", by="region").table
    for ours, theirs in (("theil", "theil"), ("between", "between"), ("within", "within")):
        assert_allclose(table[ours], PEERS[theirs], rtol=1e-10)
    assert_allclose(table["gini"], PEERS["gini"], rtol=RTOL)
    assert_allclose(table["tau"], PEERS["tau"], rtol=RTOL)


def test_theil_of_mexico_has_its_printed_values(mexico):
    """Printed in the documentation of PySAL (Rey & Sastre Gutierrez 2010)."""
    table = disparity(mexico, "income", by="region").table
    assert_allclose(table["theil"].iloc[[0, -1]], [0.20894344, 0.10660832], atol=5e-9)
    assert_allclose(table["between"].iloc[[0, -1]], [0.0345889, 0.03635872], atol=5e-9)


def test_the_same_live_where_inequality_is_installed(mexico):
    theil = pytest.importorskip("inequality.theil")
    gini = pytest.importorskip("inequality.gini")
    y = mexico.array("income")
    regions = mexico.blocks["region"].to_numpy()
    table = disparity(mexico, "income", by="region").table
    assert_allclose(table["theil"], theil.Theil(y).T, rtol=RTOL)
    assert_allclose(table["between"], theil.TheilD(y, regions).bg, rtol=RTOL)
    assert_allclose(table["gini"], [gini.Gini(column).g for column in y.T], rtol=RTOL)


def test_every_measure_by_hand():
    """x = (1, 3): mean 2, T = (ln .5 + 3 ln 1.5) / 4, G = 1/4, CV = 1/2, sigma = ln 3 / 2."""
    row = disparity(panel(["a", "b"], [2011], x=[1.0, 3]), "x").table.loc[2011]
    assert row["theil"] == pytest.approx((np.log(0.5) + 3 * np.log(1.5)) / 4)
    assert_allclose(row[["gini", "cv", "sigma"]], [0.25, 0.5, np.log(3) / 2])


def test_a_weighted_measure_is_that_of_people_and_not_of_cities():
    """Weights 1, 2, 3 give what a city listed once, twice and three times gives."""
    people = panel(years=[2011], x=[5.0, 1, 2], p=[10.0, 20, 30])
    copies = panel("abcdef", [2011], x=[5.0, 1, 1, 2, 2, 2])
    weighted = disparity(people, "x", weight="p").table
    plain = disparity(copies, "x").table
    for name in ("theil", "gini", "cv", "sigma"):
        assert_allclose(weighted[name], plain[name])


def test_gini_is_the_mean_difference_over_twice_the_mean():
    p = random_panel(n=7, T=3)
    x, w = p.array("u"), p.array("v")
    w = w / w.sum(axis=0)
    brute = [
        sum(w[i, t] * w[j, t] * abs(x[i, t] - x[j, t]) for i, j in product(range(7), repeat=2))
        / (2 * (w[:, t] * x[:, t]).sum())
        for t in range(3)
    ]
    assert_allclose(disparity(p, "u", weight="v").table["gini"], brute)


@pytest.mark.parametrize("weight", [None, "v"])
def test_the_decomposition_is_exact(weight):
    p = random_panel(n=9, T=4, seed=4)
    p = ss.CityPanel(
        p.frame.assign(side=np.repeat(list("xxxyyyyzz"), 4)).reset_index(), "city", "year", blocks=["side"]
    )  # fmt: skip
    table = disparity(p, "u", weight=weight, by="side").table
    assert_allclose(table["theil"], table["between"] + table["within"], rtol=1e-12)
    parts = [f"within[{block}]" for block in "xyz"]
    assert_allclose(table["within"], table[parts].sum(axis=1), rtol=1e-12)
    # a block alone: its own T, times its share of the whole
    alone = disparity(p.subset(p.ids[:3]), "u", weight=weight).table["theil"]
    u, w = p.array("u"), np.ones((9, 4)) if weight is None else p.array("v")
    share = (u * w)[:3].sum(axis=0) / (u * w).sum(axis=0)
    assert_allclose(table["within[x]"], share * alone)
    # equal within blocks: all of it lies between them
    flat = p.assign(u=np.repeat([1.0, 2, 4], [3, 4, 2])[:, None] * np.ones(4))
    even = disparity(flat, "u", weight=weight, by="side").table
    assert_allclose(even["within"], 0, atol=1e-15)
    assert_allclose(even["between"], even["theil"])


@pytest.mark.parametrize("weight", [None, "v"])
def test_units_and_labels_do_not_matter(weight):
    p = random_panel(seed=6)
    table = disparity(p, "u", weight=weight).table
    scaled = disparity(p.assign(u=1000 * p.frame["u"], v=7 * p.frame["v"]), "u", weight=weight)
    moved = disparity(random_panel(seed=6, ids=[4, 2, 5, 0, 3, 1]), "u", weight=weight)
    assert_allclose(scaled.table, table, rtol=1e-10)
    assert_allclose(moved.table, table, rtol=1e-10)


def test_equal_cities_have_no_disparity_and_a_missing_tau():
    row = disparity(panel(years=[2011], x=[2.0, 2, 2]), "x").table.loc[2011]
    assert_allclose(row[["theil", "gini", "cv", "sigma"]], 0, atol=1e-15)
    assert np.isnan(row["tau"])


def test_zeros_count_and_have_no_logarithm():
    """T = ln 2 with half of the cities at zero; a block of zeros adds nothing."""
    p = panel("abcd", [2011], x=[0.0, 0, 1, 1], side=list("ppqq"))
    row = disparity(p, "x", by="side").table.loc[2011]
    assert row["theil"] == pytest.approx(np.log(2))
    assert row["between"] == pytest.approx(np.log(2))
    assert row["within[p]"] == 0
    assert np.isnan(row["sigma"])


def test_the_trend_of_a_line():
    p = panel(["a", "b"], [2011, 2012, 2013], x=[1.0, 1, 1, np.e**4, np.e**3, np.e**2])
    trend = disparity(p, "x").trend
    assert_allclose(trend.loc["sigma"], [2, 1, -0.5, -0.5])
    assert list(trend.columns) == ["first", "last", "change", "slope"]
    assert "Disparity of x" in repr(disparity(p, "x"))
    assert np.isnan(disparity(p.subset(years=[2011]), "x").trend["slope"]).all()


def test_the_gba_and_the_periphery_of_guangdong():
    """Per head the gap between the two blocks narrows every year."""
    table = disparity(ss.datasets.guangdong(), "gdp_per_capita", "population", "region").table
    assert_allclose(
        table["theil"], table["between"] + table["within[GBA]"] + table["within[periphery]"]
    )
    assert (table["between"].diff().dropna() < 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: disparity(p.subset(["a"]), "u"), "two cities at least"),
        (lambda p: disparity(p.assign(u=-p.frame["u"]), "u"), "'u' must be non-negative and present"),
        (lambda p: disparity(p.assign(u=np.array([[1.0, np.nan]] * 3)), "u"), "it is not in \\('a', 2012\\)"),
        (lambda p: disparity(p.assign(u=np.array([[1.0, 0]] * 3)), "u"), "'u' is zero in every city in 2012: 0/0"),
        (lambda p: disparity(p.assign(k=0.0), "u", weight="k"), "'k' must be positive"),
        (lambda p: disparity(p, "u", by="region"), "no grouping 'region'; it has none"),
        (lambda p: disparity(p, "q"), "no column 'q'"),
    ],
)  # fmt: skip
def test_disparities_that_are_not_defined_are_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())


def test_cities_that_are_equal_have_no_inequality_and_none_to_change_from():
    """Rounding left a Theil index of -1e-16 in such a year, and a change of -2e14 since."""
    x = random_panel(n=7, T=3, seed=4).array("u").copy()
    x[:, 0] = 0.1
    side = np.repeat(["p", "q", "q", "r", "r", "r", "r"], 3)
    p = panel([f"c{i}" for i in range(7)], range(2011, 2014), u=x.ravel(), side=side,
              people=np.tile(np.arange(1.0, 8) / 7, (3, 1)).T.ravel())  # fmt: skip
    for weight in (None, "people"):
        made = disparity(p, "u", weight=weight, by="side")
        first = made.table.loc[2011].drop("tau")
        assert (first == 0).all()
        assert made.trend["change"].isna().all()
        assert (made.table.loc[2012, ["theil", "gini", "cv", "sigma"]] > 0.01).all()


@pytest.mark.parametrize("seed", range(5))
def test_weighted_measures_are_those_of_every_person_by_itself(seed):
    """Whole weights: a city of three persons is three cities of the same value."""
    rng = np.random.default_rng(seed)
    x, people = rng.gamma(1, 1, 6) * (rng.random(6) < 0.8) + 1e-3, rng.integers(1, 5, 6)
    block = np.array(["p", "p", "q", "q", "r", "r"])
    each = np.repeat(x, people)
    one = panel("abcdef", [2011], u=x, n=people.astype(float), side=block)
    many = panel([f"c{i}" for i in range(len(each))], [2011], u=each, side=np.repeat(block, people))
    ours, theirs = disparity(one, "u", "n", "side").table, disparity(many, "u", by="side").table
    assert_allclose(ours.drop(columns="tau"), theirs.drop(columns="tau"), rtol=1e-10)
    pairs = np.abs(each[:, None] - each).mean() / (2 * each.mean())
    assert_allclose(ours["gini"], pairs, rtol=1e-10)


@pytest.mark.parametrize("unit", [1e-200, 1e-6, 1e9, 1e200])
def test_no_measure_depends_on_the_unit(unit):
    p = random_panel(n=8, T=2, seed=6)
    plain = disparity(p, "u", "v").table
    assert_allclose(disparity(p.assign(u=p.array("u") * unit), "u", "v").table, plain, rtol=1e-9)
