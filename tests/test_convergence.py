"""Beta convergence: a known speed, least squares by hand, the same fit made step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import ring
from numpy.testing import assert_allclose

import spatialsyn as ss

N, T = 12, 7
# Noise of 1e-7 beside gaps of 0.5.
RTOL = 1e-5
IDS = [f"c{i:02d}" for i in range(N)]


def incomes(speed=0.05, noise=1e-7, seed=0) -> ss.CityPanel:
    """ln x approaches a common path at a known speed per year, up to a little noise."""
    rng = np.random.default_rng(seed)
    logs = np.empty((N, T))
    logs[:, 0] = rng.normal(10, 0.5, N)
    for t in range(1, T):
        gap = (logs[:, t - 1] - 10) * np.exp(-speed)
        logs[:, t] = 10 + gap + 0.03 * t + noise * rng.normal(size=N)
    index = pd.MultiIndex.from_product([IDS, range(2001, 2001 + T)], names=["city", "year"])
    frame = pd.DataFrame({"x": np.exp(logs).ravel(), "z": rng.normal(size=N * T)}, index=index)
    return ss.CityPanel(frame.reset_index(), city="city", year="year")


@pytest.fixture
def geo() -> ss.Weights:
    return ss.Weights.from_matrix(ring(N), ids=IDS, name="geo")


@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_the_speed_is_recovered_whatever_the_horizon(horizon):
    made = ss.beta_convergence(incomes(speed=0.05), "x", horizon=horizon)
    row = made.table.loc["total"]
    assert row["speed"] == pytest.approx(0.05, rel=RTOL)
    assert row["half_life"] == pytest.approx(np.log(2) / 0.05, rel=RTOL)
    assert row["estimate"] == pytest.approx((np.exp(-0.05 * horizon) - 1) / horizon, rel=RTOL)


def test_beta_is_least_squares_with_year_dummies():
    p = incomes(noise=0.05)
    logs = np.log(p.array("x"))
    growth, start = np.diff(logs, axis=1), logs[:, :-1]
    X = np.c_[start.ravel(), np.kron(np.ones((N, 1)), np.eye(T - 1))]
    b = np.linalg.lstsq(X, growth.ravel(), rcond=None)[0]
    table = ss.beta_convergence(p, "x").table
    assert_allclose(table.loc[["direct", "total"], "estimate"], b[0])
    assert table.loc["indirect", "estimate"] == 0
    assert_allclose(table.loc["direct", "speed"], -np.log(1 + b[0]))
    assert_allclose(table.loc["direct", "speed_se"], table.loc["direct", "se"] / (1 + b[0]))


def test_a_lagged_control_is_that_of_the_year_before_the_start():
    p = incomes(noise=0.05)
    before = p.frame["z"].groupby("city").shift()
    by_hand = p.assign(before=before).subset(years=range(2002, 2001 + T))
    made = ss.beta_convergence(p, "x", controls="lag(z)").results.params
    assert_allclose(made, ss.beta_convergence(by_hand, "x", controls="before").results.params)


def test_every_starting_year_is_a_cross_section():
    p = incomes(noise=0.05)
    by_year = ss.beta_convergence(p, "x", controls="z").by_year
    logs, z = np.log(p.array("x")), p.array("z")
    for t, year in enumerate(p.years[:-1]):
        X = np.c_[np.ones(N), logs[:, t], z[:, t]]
        b = np.linalg.lstsq(X, logs[:, t + 1] - logs[:, t], rcond=None)[0]
        assert by_year.loc[(year, "direct"), "estimate"] == pytest.approx(b[1])
    assert by_year.index.get_level_values("year").unique().tolist() == list(p.years[:-1])


def test_spatial_convergence_is_the_model_fitted_by_hand(geo):
    p = incomes(noise=0.05)
    made = ss.beta_convergence(p, "x", "sdm", W="geo", weights=geo, controls="z")
    logs = np.log(p.array("x"))
    growth = np.c_[np.diff(logs, axis=1), np.full(N, np.nan)]
    periods = p.assign(g=growth, start=logs).subset(years=p.years[:-1])
    res = ss.fit(ss.sdm("g ~ start + z", W="geo", fixed_effects="time"), periods, geo)
    theirs = res.effects("start").table.set_index("effect")["estimate"]
    assert_allclose(made.table["estimate"], theirs, rtol=1e-8)
    assert made.table["speed"].isna().tolist() == [False, True, False]
    assert_allclose(made.results.rho, res.rho)
    assert len(made.by_year) == 3 * (T - 1)
    assert "starting 2001, 2002" in repr(made)


def test_periods_do_not_overlap_and_a_rest_is_not_used():
    made = ss.beta_convergence(incomes(), "x", horizon=2)
    assert made.starts == (2001, 2003, 2005)
    assert made.panel.years == (1, 2, 3)
    assert made.by_year.index.get_level_values("year").unique().tolist() == [2001, 2003, 2005]
    assert ss.beta_convergence(incomes(), "x", horizon=4).starts == (2001,)


def test_divergence_has_a_negative_speed_and_no_half_life():
    row = ss.beta_convergence(incomes(speed=-0.02), "x").table.loc["total"]
    assert row["speed"] == pytest.approx(-0.02, rel=RTOL)
    assert np.isnan(row["half_life"])


def test_an_effect_below_minus_one_has_no_speed():
    """Cities that overshoot (1 + beta < 0) approach nothing monotonically."""
    p = incomes()
    logs = np.log(p.array("x"))
    noise = 1e-7 * np.random.default_rng(0).normal(size=(N, T))
    flip = 10 + (logs[:, :1] - 10) * (-1.0) ** np.arange(T) + noise
    table = ss.beta_convergence(p.assign(x=np.exp(flip)), "x").table
    assert table.loc["total", "estimate"] == pytest.approx(-2, rel=RTOL)
    assert table["speed"].isna().all()


def test_relabelling_cities_changes_nothing(geo):
    p = incomes(noise=0.05)
    names = dict(zip(IDS, np.random.default_rng(0).permutation(IDS), strict=True))
    moved = ss.CityPanel(
        p.frame.rename(index=names, level="city").reset_index(), city="city", year="year"
    )
    W = ss.Weights.from_matrix(geo.dense(), ids=[names[i] for i in IDS], name="geo")
    before = ss.beta_convergence(p, "x", "sar", W="geo", weights=geo).table
    after = ss.beta_convergence(moved, "x", "sar", W="geo", weights=W).table
    assert_allclose(after, before, rtol=1e-6)  # the search over rho stops there


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, w: ss.beta_convergence(p.assign(x=0.0), "x"), "'x' must be positive and present"),
        (lambda p, w: ss.beta_convergence(p.assign(x=-p.frame["x"]), "x"), "growth is a change of logs"),
        (lambda p, w: ss.beta_convergence(p, "x", horizon=7), "horizon=7: give whole years, from 1 to 6"),
        (lambda p, w: ss.beta_convergence(p, "x", horizon=0), "horizon=0"),
        (lambda p, w: ss.beta_convergence(p, "x", horizon=1.5), "horizon=1.5"),
        (lambda p, w: ss.beta_convergence(p.subset(years=[2001]), "x"), "horizon=1"),
        (lambda p, w: ss.beta_convergence(p.assign(growth_x=1.0), "x"), "column 'growth_x' already"),
        (lambda p, w: ss.beta_convergence(p, "x", "sar"), "sar"),
        (lambda p, w: ss.beta_convergence(p, "x", "sar", W="geo", weights=ss.Weights.from_matrix(2 * w.dense(), ids=w.ids, name="geo")), "row"),
        (lambda p, w: ss.beta_convergence(p, "q"), "no column 'q'"),
        (lambda p, w: ss.beta_convergence(p, "x", controls="lag(z)", horizon=2), r"controls='lag\(z\)' with horizon=2: only starting years are there, 2 years apart"),
        (lambda p, w: ss.beta_convergence(p, "x", controls="diff(z)", horizon=3), r"starting years are there, 3 years apart, and lag\(\) and diff\(\)"),
    ],
)  # fmt: skip
def test_convergence_that_is_not_defined_is_refused(call, message, geo):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(incomes(), geo)
