"""CIPS as plm computes it and Pesaran tabulates it; CD by its definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explore.fields import field
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.explore.unit_roots import BOUNDS, cadf, simulated

PRODUC = Path(__file__).parents[1] / "reference" / "produc.csv"


def walks(n=20, T=15, rho=1.0, seed=0, factor=0.0):
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n, T)) + factor * rng.normal(size=(1, T))
    y = np.zeros((n, T))
    y[:, 0] = steps[:, 0]
    for t in range(1, T):
        y[:, t] = rho * y[:, t - 1] + steps[:, t]
    return y


# cipstest(Produc$gsp, type, lags = 2, model = "cmg", truncated = TRUE): printed by plm in
# its own test suite (inst/tests/test_cipstest.Rout.save, R 4.0.3).
@pytest.mark.parametrize(
    ("trend", "printed"), [("trend", -0.61357), ("constant", -0.59924), ("none", -0.52464)]
)
def test_the_statistic_is_that_of_plm(trend, printed):
    frame = pd.read_csv(PRODUC)[["state", "year", "gsp"]]
    panel = ss.CityPanel(frame, city="state", year="year")
    found = ss.explore.unit_roots(panel, "gsp", trend=trend, lags=2, simulations=199)
    assert_allclose(found.table.at["gsp", "cips"], printed, atol=5e-6)  # as many digits as printed
    assert found.table.at["gsp", "p"] > 0.1


# Critical values of the truncated CIPS, Pesaran (2007), Table II(a)-(c).
TABLE = [
    ("none", 20, 20, (-1.83, -1.62, -1.50)),
    ("constant", 10, 10, (-2.85, -2.47, -2.28)),
    ("constant", 20, 20, (-2.40, -2.21, -2.10)),
    ("trend", 10, 10, (-3.51, -3.10, -2.87)),
]


@pytest.mark.parametrize(("trend", "n", "T", "printed"), TABLE)
def test_simulated_critical_values_are_those_of_the_paper(trend, n, T, printed):
    found = np.quantile(simulated(n, T, trend, 0, 9999, 0), [0.01, 0.05, 0.10])
    # The paper rounds to 0.005; quantiles of 10,000 panels there and here err by 0.01 to 0.03.
    assert_allclose(found, printed, atol=0.035)
    assert_allclose(found[1:], printed[1:], atol=0.02)


@pytest.mark.parametrize("trend", ["none", "constant", "trend"])
@pytest.mark.parametrize("lags", [0, 1, 2])
def test_every_city_is_the_regression_of_the_paper(trend, lags):
    y = walks(6, 18, seed=3)
    ours = cadf(y[None], trend, lags)[0]
    d, mean = np.diff(y, axis=1), y.mean(axis=0)
    dbar = np.diff(mean)
    for i in range(6):
        rows = []
        for t in range(lags, 17):  # d[t] = y[t + 1] - y[t]
            row = [y[i, t], mean[t], *(dbar[t - j] for j in range(lags + 1))]
            row += [d[i, t - j] for j in range(1, lags + 1)]
            row += [1.0] if trend != "none" else []
            row += [float(t)] if trend == "trend" else []
            rows.append(row)
        X, z = np.array(rows), d[i, lags:]
        b = np.linalg.lstsq(X, z, rcond=None)[0]
        e = z - X @ b
        cov = e @ e / (len(z) - X.shape[1]) * np.linalg.inv(X.T @ X)
        by_hand = np.clip(b[0] / np.sqrt(cov[0, 0]), *BOUNDS[trend])
        assert_allclose(ours[i], by_hand, rtol=1e-7)


def test_units_do_not_matter():
    y = walks(8, 14, seed=1)
    assert_allclose(cadf(1e6 * y[None], "trend", 1), cadf(y[None], "trend", 1), rtol=1e-6)
    shifted = cadf(y[None] + 5, "constant", 1)
    assert_allclose(shifted, cadf(y[None], "constant", 1), rtol=1e-6)


def test_a_common_factor_changes_neither_size_nor_sense():
    """H0 with a common random walk is rejected about as often as it should; stationarity is seen."""
    draws = 200
    null = simulated(20, 15, "constant", 0, 1999, 0)
    five = np.quantile(null, 0.05)
    rejected = np.mean([
        cadf(walks(20, 15, seed=s, factor=1.0)[None], "constant", 0).mean() < five
        for s in range(draws)
    ])  # fmt: skip
    assert rejected <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / draws)
    stationary = np.mean([
        cadf(walks(20, 15, rho=0.2, seed=s, factor=1.0)[None], "constant", 0).mean() < five
        for s in range(draws)
    ])  # fmt: skip
    assert stationary > 0.8


def test_the_table_has_a_row_per_variable_and_p_from_the_same_panels():
    y, z = walks(seed=0), walks(rho=0.1, seed=2)
    panel = field(y, "y")[0].assign(z=z)
    found = ss.explore.unit_roots(panel, ["y", "z"], simulations=499)
    null = simulated(20, 15, "constant", 0, 499, 0)
    for name in "yz":
        row = found.table.loc[name]
        assert_allclose(row["cips"], found.cities[name].mean())
        assert_allclose(row["p"], (1 + (null <= row["cips"]).sum()) / 500)
        assert_allclose(
            row[["1%", "5%", "10%"]].astype(float), np.quantile(null, [0.01, 0.05, 0.1])
        )
    assert found.table.at["z", "p"] < 0.05 < found.table.at["y", "p"]
    assert "a unit root in every city; constant, 0 lags, 499 simulated panels, seed 0" in repr(
        found
    )
    series = panel.frame["z"].rename("renamed")
    assert list(ss.explore.unit_roots(panel, series, simulations=199).table.index) == ["renamed"]


@pytest.mark.parametrize(
    ("T", "options", "needed"),
    [
        (9, {}, 10),
        (9, {"trend": "none"}, 10),
        (11, {"lags": 1}, 12),
        (12, {"lags": 1, "trend": "trend"}, 13),
        (14, {"lags": 2}, 15),
    ],
)
def test_too_short_a_panel_is_refused_with_the_years_it_would_need(T, options, needed):
    panel, _ = field(walks(12, T))
    with pytest.raises(
        ss.PanelError, match=rf"'x' has {T} years; .* needs {needed}\. In a shorter"
    ):
        ss.explore.unit_roots(panel, "x", **options)
    panel, _ = field(walks(12, needed))
    assert len(ss.explore.unit_roots(panel, "x", simulations=199, **options).table) == 1


def test_what_cannot_be_tested_is_named():
    y = walks(8, 12)
    y[3] = 7.0
    panel, _ = field(y)
    with pytest.raises(ss.PanelError, match="'x' does not change over time in 'c003'"):
        ss.explore.unit_roots(panel, "x")
    with pytest.raises(ss.PanelError, match="'x' does not change over time in 'c003'"):
        ss.explore.dependence(panel, "x")
    y[3] = np.arange(12.0)
    with pytest.raises(ss.PanelError, match="follows a line without any error in 'c003'"):
        ss.explore.unit_roots(field(y)[0], "x", simulations=199)
    good, _ = field(walks(8, 12))
    for options, text in (
        ({"trend": "drift"}, "trend='drift' is not one of 'none', 'constant', 'trend'"),
        ({"lags": -1}, "lags=-1: give a whole number"),
        ({"lags": 0.5}, "lags=0.5"),
        ({"simulations": 10}, "simulations=10: give a whole number, at least 199"),
    ):
        with pytest.raises(ss.PanelError, match=text):
            ss.explore.unit_roots(good, "x", **options)
    series = good.frame["x"]
    gap = series[~series.index.get_level_values("year").isin([2004, 2005])]
    with pytest.raises(ss.PanelError, match="'x' has no 2004, 2005 between 2001 and 2012"):
        ss.explore.unit_roots(good, gap)


def test_dependence_is_the_sum_of_all_correlations():
    y = walks(7, 9, seed=5, factor=1.0)
    panel, _ = field(y)
    row = ss.explore.dependence(panel, "x").loc["x"]
    r = [np.corrcoef(y[i], y[j])[0, 1] for i in range(7) for j in range(i + 1, 7)]
    assert_allclose(row["cd"], np.sqrt(2 * 9 / (7 * 6)) * np.sum(r))
    assert_allclose(row["p"], math.erfc(abs(row["cd"]) / math.sqrt(2)))
    assert_allclose([row["r"], row["abs_r"]], [np.mean(r), np.mean(np.abs(r))])
    both = ss.explore.dependence(panel.assign(z=-y), ["x", "z"])
    assert_allclose(both.loc["x"], both.loc["z"])
    with pytest.raises(ss.PanelError, match="needs 4 years at least; there are 3"):
        ss.explore.dependence(panel.subset(years=[2001, 2002, 2003]), "x")


def test_independent_cities_are_called_dependent_as_often_as_they_should_be():
    rng = np.random.default_rng(0)
    p = [ss.explore.dependence(field(rng.normal(size=(15, 12)))[0], "x")["p"].iloc[0]
         for _ in range(200)]  # fmt: skip
    # 200 draws at 5 %: between 2 and 8.5 % with probability 97 %.
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.085


def test_two_variables_of_one_name_are_refused_not_lost():
    panel, _ = field(walks(6, 12))
    first = pd.Series(panel.frame["x"], name="resid")
    for test in (ss.explore.dependence, ss.explore.unit_roots):
        with pytest.raises(ss.PanelError, match=r"two variables are called 'resid'.*rename"):
            test(panel, [first, first**2])
    assert list(ss.explore.dependence(panel, [first, "x"]).index) == ["resid", "x"]
