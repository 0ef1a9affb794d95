"""Synergy of changes, grey relations, order parameters and grades, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import (
    composite_synergy,
    coupling,
    grades,
    grey_relational,
    haken,
    relational_coefficients,
)


def test_grades_are_ten_steps_closed_below():
    D = pd.Series([0.0, 0.05, 0.1, 0.3, np.sqrt(0.09), 0.4999, 0.5, 0.9, 1.0, 1 + 1e-12])
    made = grades(D)
    assert made.tolist() == [
        "extreme imbalance", "extreme imbalance", "severe imbalance", "mild imbalance",
        "mild imbalance", "near imbalance", "bare coordination", "excellent coordination",
        "excellent coordination", "excellent coordination",
    ]  # fmt: skip
    # A degree that is a grade's lower end but for the last bit, as of a square root, has this grade.
    ends = np.arange(1, 10) / 10
    below = grades(pd.Series(np.nextafter(ends, 0)))
    assert below.tolist() == grades(pd.Series(ends)).tolist() == list(made.cat.categories[1:])
    assert made.cat.ordered
    assert len(made.cat.categories) == 10
    assert made.max() == "excellent coordination"


@pytest.mark.parametrize("seed", range(5))
def test_a_subsystem_that_stands_still_leaves_no_synergy(seed):
    """Its components change places, which moves their mean by rounding; a root would make that
    large."""
    n, rng = 6, np.random.default_rng(seed)
    turning = rng.gamma(2, 2, size=(3, n)) + 0.1
    columns = {name: np.roll(turning, k, axis=0).T.ravel() for k, name in enumerate("uvw")}
    growing = {name: np.sort(rng.gamma(2, 2, size=(n, 3))).ravel() for name in "abcd"}
    p = panel([f"c{i}" for i in range(n)], (2011, 2012, 2013), **columns, **growing)
    parts = {"still": list("uvw"), **{name: [name] for name in growing}}
    order = composite_synergy(p, parts, base="adjacent").order["still"].to_numpy().reshape(n, 3)
    assert_allclose(np.ptp(order, axis=1), 0, atol=1e-14)
    for base in ("fixed", "adjacent"):
        score = composite_synergy(p, parts, base=base).score.to_numpy().reshape(n, 3)[:, 1:]
        assert (score == 0).all()
    moved = composite_synergy(p, {name: [name] for name in growing}).score.dropna()
    assert (moved > 0).all()


def test_a_coupling_keeps_what_it_is_made_of():
    p = random_panel()
    made = coupling(p, {"one": ["u", "w"], "two": {"v": -1}}, {"one": 0.7, "two": 0.3}, "equal")
    assert made.weights["one"].tolist() == [0.5, 0.5]
    assert made.indicators == ("u", "w", "v")
    assert made.importance.to_dict() == {"one": 0.7, "two": 0.3}
    assert_allclose(made.T, made.subsystems @ [0.7, 0.3])
    assert set(made.columns("y")) == {"y", "y_C", "y_T"}
    assert_allclose(made.but().D, made.D)
    assert_allclose(made.but(modified=True).T, made.T)
    assert made.grades.name == "grade"
    each = coupling(p, {"one": "u", "two": "v"}, over="year", origin="zero")
    alone = coupling(p.subset(years=[2013]), {"one": "u", "two": "v"}, origin="zero")
    assert_allclose(each.D.xs(2013, level="year"), alone.D)


def test_synergy_of_changes_by_hand():
    """Orders from 0 to 1: u rises by .25, then falls to .125 above its start; v only rises."""
    p = panel(
        ["a", "b"], [2011, 2012, 2013], u=[2.0, 4, 3, 0, 8, 0], v=[1.0, 5, 9, 0, 0, 10]
    )  # fmt: skip
    fixed = composite_synergy(p, {"x": "u", "y": "v"}, margin=0)
    assert_allclose(fixed.order["x"].xs("a"), [0.25, 0.5, 0.375])
    assert_allclose(fixed.order["y"].xs("a"), [0.1, 0.5, 0.9])
    assert_allclose(fixed.score.xs("a"), [np.nan, np.sqrt(0.25 * 0.4), np.sqrt(0.125 * 0.8)])
    adjacent = fixed.but(base="adjacent").score
    assert_allclose(adjacent.xs("a"), [np.nan, np.sqrt(0.25 * 0.4), -np.sqrt(0.125 * 0.4)])


def test_a_subsystem_that_stands_still_makes_synergy_zero_not_a_division():
    p = panel(["a", "b"], [2011, 2012], u=[1.0, 1, 0, 2], v=[0.0, 5, 1, 2])
    made = composite_synergy(p, {"x": "u", "y": "v"}, margin=0).score
    assert made[("a", 2012)] == 0
    assert made[("b", 2012)] > 0


def test_the_sign_is_that_of_the_worst_subsystem():
    p = panel(["a", "b"], [2011, 2012], u=[0.0, 10, 5, 5.1], v=[10.0, 9.9, 0, 5], w=[0.0, 1, 2, 3])
    made = composite_synergy(p, {"x": "u", "y": "v", "z": "w"}, margin=0).score
    assert made[("a", 2012)] < 0 < made[("b", 2012)]
    assert abs(made[("a", 2012)]) == pytest.approx((1 * 0.01 * (1 / 3)) ** (1 / 3))


def test_limits_lie_beyond_the_sample_by_the_margin():
    """0.95 min = 1.9 and 1.05 max = 8.4; a cost is turned round; negative data too."""
    p = panel(["a"], [2011, 2012], u=[2.0, 8], v=[-8.0, -2], w=[1.0, 3])
    made = composite_synergy(p, {"x": {"u": -1}, "y": ["v", "w"]})
    assert_allclose(made.normalised["u"], [(8.4 - 2) / 6.5, (8.4 - 8) / 6.5])
    assert_allclose(made.normalised["v"], [0.4 / 6.5, 6.4 / 6.5])
    geometric = np.sqrt(made.normalised["v"] * made.normalised["w"])
    assert_allclose(made.order["y"], geometric)
    weighted = made.but(method={"equal": 1.0})
    assert_allclose(weighted.order["y"], made.normalised[["v", "w"]].mean(axis=1))
    assert made.normalised.to_numpy().min() > 0


def test_relational_coefficients_by_hand():
    """Differences (0, 1, 2) and (2, 4, 1): least 0, largest 4."""
    reference = np.array([5.0, 6, 7])
    others = np.array([[5.0, 3], [7, 10], [9, 8]])
    expected = [[1, 2 / 4], [2 / 3, 2 / 6], [2 / 4, 2 / 3]]
    assert_allclose(relational_coefficients(reference, others), expected)
    assert_allclose(relational_coefficients(reference, others, 1.0)[:, 0], [1, 4 / 5, 4 / 6])
    # Nowhere equal: differences 1, 2, 3, so that the nearest cell alone has a coefficient of one.
    apart = relational_coefficients(reference, np.array([[6.0], [8], [10]]))
    assert_allclose(apart[:, 0], [1, 2.5 / 3.5, 2.5 / 4.5])


def test_grey_relations_of_a_panel():
    p = random_panel(seed=7)
    made = grey_relational(p, "u", {"v": 1, "w": -1})
    z = made.normalised
    coefficients = relational_coefficients(z["u"].to_numpy(), z[["v", "w"]].to_numpy())
    assert_allclose(made.coefficients, coefficients)
    assert_allclose(made.grades, coefficients.mean(axis=0))
    assert_allclose(made.score, coefficients.mean(axis=1))
    assert made.indicators == ("u", "v", "w")
    copy = p.assign(copy=10 + 3 * p.frame["u"])
    assert grey_relational(copy, "u", ["copy", "v"]).grades["copy"] == pytest.approx(1)


def motion(l1, a, l2, b, T=8):
    """Ten noiseless paths of the discrete equations."""
    rng = np.random.default_rng(0)
    q1, q2 = np.zeros((2, 10, T))
    q1[:, 0], q2[:, 0] = rng.uniform(0.2, 1, size=(2, 10))
    for t in range(1, T):
        q1[:, t] = (1 - l1) * q1[:, t - 1] - a * q1[:, t - 1] * q2[:, t - 1]
        q2[:, t] = (1 - l2) * q2[:, t - 1] + b * q1[:, t - 1] ** 2
    return q1, q2


def test_the_motion_is_recovered_and_ends_where_the_potential_is_least():
    l1, a, l2, b = -0.05, 0.2, 0.5, 0.3
    q1, q2 = motion(l1, a, l2, b)
    p = panel([f"c{i}" for i in range(10)], range(2001, 2009), x=q1.ravel(), y=q2.ravel())
    made = haken(p, "x", "y")
    assert_allclose(made.params[["lambda1", "a", "lambda2", "b"]], [l1, a, l2, b], rtol=1e-8)
    assert made.adiabatic
    assert made.order_parameter == "x"
    assert made.stable_point == pytest.approx(np.sqrt(-l1 * l2 / (a * b)))
    grid = np.linspace(0, 2, 2001)
    assert grid[made.potential(grid).argmin()] == pytest.approx(made.stable_point, abs=1e-3)
    assert motion(l1, a, l2, b, T=2000)[0][:, -1] == pytest.approx(made.stable_point, rel=1e-6)


def test_a_damped_order_parameter_rests_at_zero_and_a_repelled_one_nowhere():
    for l1, a, expected in ((0.05, 0.2, 0.0), (-0.05, -0.2, None)):
        q1, q2 = motion(l1, a, 0.5, 0.3, T=5)
        p = panel([f"c{i}" for i in range(10)], range(2001, 2006), x=q1.ravel(), y=q2.ravel())
        assert haken(p, "x", "y").stable_point == expected


def test_without_the_adiabatic_condition_there_is_no_order_parameter():
    q1, q2 = motion(-0.3, 0.2, 0.1, 0.3)
    p = panel([f"c{i}" for i in range(10)], range(2001, 2009), x=q1.ravel(), y=q2.ravel())
    made = haken(p, "x", "y")
    assert not made.adiabatic
    assert made.order_parameter is None
    assert "no order parameter" in repr(made)
    with pytest.raises(
        ss.EstimationError, match=r"'y' does not follow 'x'.*haken\(panel, 'y', 'x'\)"
    ):
        made.potential(1.0)


def test_standard_errors_of_the_motion_are_those_of_least_squares():
    p = random_panel(n=5, T=6)
    made = haken(p, "u", "v")
    u, v = p.array("u"), p.array("v")
    X, y = np.c_[u[:, :-1].ravel(), -(u * v)[:, :-1].ravel()], u[:, 1:].ravel()
    g, rss, *_ = np.linalg.lstsq(X, y, rcond=None)
    assert_allclose(made.params[["lambda1", "a"]], [1 - g[0], g[1]])
    cov = rss[0] / (len(y) - 2) * np.linalg.inv(X.T @ X)
    assert_allclose(made.se[["lambda1", "a"]], np.sqrt(np.diag(cov)))
    size, se = made.gap
    assert size == made.params["lambda2"] - abs(made.params["lambda1"])
    assert se**2 == pytest.approx((made.se[["lambda1", "lambda2"]] ** 2).sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: grades(pd.Series([0.5, 1.2])), "degrees in \\[0, 1\\]; 1 are not"),
        (lambda p: grades(pd.Series([0.5, np.nan])), "1 are not"),
        (lambda p: composite_synergy(p, {"x": "u"}), "two subsystems at least"),
        (lambda p: composite_synergy(p, {"x": "u", "y": ["u", "v"]}), "share \\['u'\\]"),
        (lambda p: composite_synergy(p, {"x": "u", "y": "v"}, base="last"), "base='last'"),
        (lambda p: composite_synergy(p, {"x": "u", "y": "v"}, margin=-0.1), "margin=-0.1"),
        (lambda p: composite_synergy(p, {"x": "u", "y": "v"}, method="ahp"), "method='ahp' is not one of"),
        (lambda p: composite_synergy(p.subset(years=[2011]), {"x": "u", "y": "v"}), "two years at least"),
        (lambda p: composite_synergy(p.assign(k=2.0), {"x": "u", "y": "k"}), "'k' is 2 everywhere"),
        (lambda p: composite_synergy(p.assign(k=np.array([[1.0, np.nan]] * 3)), {"x": "u", "y": "k"}), "'k' must be present"),
        (lambda p: grey_relational(p, "u", ["u", "v"]), "'u' is also among the others"),
        (lambda p: grey_relational(p, "u", "v", rho=0.0), "rho=0.0"),
        (lambda p: grey_relational(p, "u", "v", rho=2), "rho=2"),
        (lambda p: grey_relational(p.assign(k=2 * p.frame["u"]), "u", "k"), "the coefficients are 0/0"),
        (lambda p: grey_relational(p.assign(k=1.0), "u", "k"), "'k' is 1 everywhere"),
        (lambda p: haken(p, "u", "u"), "cannot enslave itself"),
        (lambda p: haken(p.subset(years=[2011]), "u", "v"), "two years at least"),
        (lambda p: haken(p.assign(k=0.0), "u", "k"), "regressors that are zero or move together"),
        (lambda p: haken(p.subset(["a"]), "u", "v"), "1 transitions"),
        (lambda p: haken(p.assign(k=np.array([[1.0, np.nan]] * 3)), "u", "k"), "'k' must be present"),
    ],
)  # fmt: skip
def test_synergy_that_is_not_defined_is_refused(call, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(panel())
