"""The composite index: what it is normalised over, and what it may never depend on."""

from __future__ import annotations

import numpy as np
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import composite, coupling, entropy_weights, minmax, topsis

INDICATORS = {"u": +1, "v": -1, "w": +1}


def test_every_year_by_itself_is_an_index_per_year():
    p = random_panel(seed=2)
    made = composite(p, INDICATORS, over="year")
    for year in p.years:
        alone = composite(p.subset(years=[year]), INDICATORS)
        assert_allclose(made.score.xs(year, level="year"), alone.score)
        assert_allclose(made.weights_by_year.loc[year], alone.weights)
    assert_allclose(made.weights, made.weights_by_year.mean())
    assert made.weights_by_year.nunique().min() > 1


def test_reference_years_freeze_limits_and_weights():
    p = random_panel(seed=2)
    p = p.assign(u=p.array("u") * [1, 1, 2, 3])
    frozen = composite(p, INDICATORS, over=[2012, 2011])
    first = composite(p.subset(years=[2011, 2012]), INDICATORS)
    assert_allclose(frozen.weights, first.weights)
    for year in (2011, 2012):
        assert_allclose(frozen.score.xs(year, level="year"), first.score.xs(year, level="year"))
    assert frozen.over == (2011, 2012)
    assert frozen.normalised.to_numpy().max() > 1  # later years go beyond the limits
    fewer = composite(p.subset(years=[2011, 2012, 2013]), INDICATORS, over=[2011, 2012])
    assert_allclose(fewer.score, frozen.score[fewer.score.index])


def test_an_index_carried_to_another_panel_keeps_its_scale():
    p = random_panel(seed=3)
    made = composite(p, INDICATORS, method=["entropy", "critic"], aggregation="topsis")
    some = p.subset(p.ids[:3])
    assert_allclose(made.on(some).score, made.score[some.frame.index])
    assert not np.allclose(made.but().score[some.frame.index], composite(some, INDICATORS).score)
    more = panel(["x"], [2011], u=[40.0], v=[1.0], w=[3.0])
    z = [(40 - made.low["u"].iloc[0]) / (made.high["u"] - made.low["u"]).iloc[0]]
    assert_allclose(made.on(more).normalised["u"], z)
    assert z[0] > 1


def test_topsis_is_closeness_to_the_best_point():
    p = random_panel()
    made = composite(p, INDICATORS, "equal", aggregation="topsis")
    z = made.normalised.to_numpy()
    worst, best = np.sqrt((z**2).sum(axis=1)), np.sqrt(((1 - z) ** 2).sum(axis=1))
    assert_allclose(made.score, worst / (worst + best))
    assert_allclose(topsis(np.array([[0.0, 0], [1, 1], [0.5, 0.5]]), np.ones(2) / 2), [0, 1, 0.5])


def test_costs_and_benefits_are_mirror_images():
    p = random_panel()
    turned = p.assign(v=-p.frame["v"])
    assert_allclose(
        composite(p, INDICATORS).score, composite(turned, dict.fromkeys("uvw", 1)).score
    )


@pytest.mark.parametrize(
    "options", [{}, {"over": "year"}, {"aggregation": "topsis"}, {"method": "critic"}]
)
def test_units_do_not_matter(options):
    p = random_panel()
    other = p.assign(u=3 + 100 * p.frame["u"], v=0.01 * p.frame["v"])
    assert_allclose(
        composite(p, INDICATORS, **options).score, composite(other, INDICATORS, **options).score
    )


@pytest.mark.parametrize(
    "ids", [list(range(6)), [5, 3, 9, 1, 7, 2], ["f", "b", "e", "a", "d", "c"]]
)
def test_relabelling_cities_moves_scores_and_nothing_else(ids):
    plain = random_panel(seed=5)
    moved = random_panel(seed=5, ids=ids)
    names = dict(zip([f"c{i}" for i in range(6)], ids, strict=True))
    for make in (
        lambda p: composite(p, INDICATORS, over="year"),
        lambda p: coupling(p, {"one": ["u", "w"], "two": {"v": -1}}),
        lambda p: ss.measures.composite_synergy(p, {"one": ["u", "w"], "two": "v"}),
        lambda p: ss.measures.grey_relational(p, "u", ["v", "w"]),
    ):
        before, after = make(plain).score, make(moved).score
        expected = before.rename(index=names, level="city").reindex(after.index)
        assert_allclose(after, expected, rtol=1e-12)


def test_entropy_weights_are_taken_over_the_normalised_pool():
    made = composite(random_panel(), INDICATORS)
    assert_allclose(made.weights, entropy_weights(made.normalised.to_numpy()))
    assert_allclose(made.score, made.normalised @ made.weights)


def test_the_index_says_what_it_is():
    p = random_panel()
    made = composite(p, INDICATORS, {"u": 0.5, "v": 0.25, "w": 0.25}, "zero", [2011, 2012])
    assert "over" not in repr(made)
    assert "2011, 2012 min-max from the zero" in repr(made)
    assert made.table.loc["v", "sign"] == -1
    assert made.table.loc["u"].to_dict() == {
        "sign": 1, "low": 0, "weight": 0.5,
        "high": p.frame["u"].unstack()[[2011, 2012]].to_numpy().max(),
    }  # fmt: skip
    assert list(made.columns("va")) == ["va"]
    assert made.but(method="equal").origin == "zero"
    assert_allclose(p.assign(va=made.score).frame["va"], made.score)


def test_a_coupling_of_reference_years_may_leave_its_range_and_says_so():
    p = panel(u=[1.0, 2, 3, 9, 2, 1], v=[1.0, 2, 3, 2, 2, 2])
    with pytest.raises(ss.PanelError, match=r"scores run from 0 to 4; .*frozen on reference years"):
        coupling(p, {"a": "u", "b": "v"}, over=[2011])
    assert minmax(np.array([1.0, 3, 2])).tolist() == [0, 1, 0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: composite(p, {"u": 1}, over="years"), "over='years': indicators are normalised over"),
        (lambda p: composite(p, {"u": 1}, over=[2011, 1990]), "reference years 1990; the panel has 2011-2012"),
        (lambda p: composite(p, {"u": 1}, over=[]), "reference years none"),
        (lambda p: composite(p, {"u": 1}, over=2011), "over is 'pooled', 'year' or a list of years; got int"),
        (lambda p: composite(p, {"u": 1}, aggregation="mean"), "aggregation='mean' is not one of"),
        (lambda p: composite(p.assign(k=np.array([[1.0, 2], [1, 3], [1, 4]])), {"k": 1}, over="year"), "'k in 2011' is 1 everywhere"),
        (lambda p: composite(p.assign(k=np.array([[1.0, 2], [1, 3], [1, 4]])), {"k": 1}, over=[2011]), "'k' is 1 everywhere"),
        (lambda p: composite(p.assign(k=np.array([[1.0, 2], [3, np.nan], [1, 4]])), {"k": 1}, over=[2011]), "'k' has 1 missing or infinite"),
        (lambda p: composite(p.assign(k=0.0), {"k": 1, "u": 1}), "'k' is 0 everywhere"),
        (lambda p: composite(p.assign(k=-p.frame["u"]), {"k": 1}, origin="zero"), "'k' has negative values"),
        (lambda p: composite(p.subset(["a"], [2011]), {"u": 1}), "'u' is 1 everywhere"),
        (lambda p: composite(p.subset(["a"]), {"u": 1}, over="year"), "'u in 2011' is 1 everywhere"),
        (lambda p: composite(p, {"u": 1}, over="year").on(p), "has no limits to carry over"),
        (lambda p: composite(p, {"u": 1}).on(p.assign(u=np.array([[1.0, np.nan]] * 3))), "'u' must be present; it is not in \\('a', 2012\\)"),
        (lambda p: composite(p, {"u": 1}).on(p).but(method="equal"), "carried over from another panel"),
        (lambda p: composite(p, {"u": 1}).on(p).sensitivity(), "index.but\\(...\\).on\\(panel\\)"),
        (lambda p: composite(p, ["u"]), "indicators is a mapping of columns to signs"),
    ],
)  # fmt: skip
def test_an_index_that_is_not_defined_is_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())


def test_an_indicator_that_is_constant_but_for_rounding_is_constant():
    """Stretched to [0, 1], one last bit took nine tenths of the entropy weights."""
    p = random_panel(n=3, T=2)
    flat = np.array([[0.3, 0.3], [0.1 * 3, 0.3], [0.3, 0.3]])
    assert np.ptp(flat) > 0
    for call in (
        lambda q: composite(q, {"u": 1, "flat": 1}),
        lambda q: minmax(q.array("flat"), name="flat"),
        lambda q: ss.measures.composite_synergy(q, {"a": "u", "b": "flat"}),
    ):
        with pytest.raises(ss.PanelError, match=r"'flat' is 0\.3 everywhere"):
            call(p.assign(flat=flat))
    far = 1e6 + p.array("u")  # small beside its level, and no rounding
    assert_allclose(minmax(far), minmax(p.array("u")), atol=1e-9)
