"""Residual tests against plm, scipy, esda and computations written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from cases import made_up
from esda.moran import Moran
from numpy.testing import assert_allclose
from peers import FORMULAS, fits, panel_data
from scipy.stats import jarque_bera, ttest_1samp

import spatialsyn as ss
from spatialsyn.diagnostics import (
    normality,
    pesaran_cd,
    residual_moran,
    residual_moran_by_year,
    serial_correlation,
    vif,
)


@pytest.mark.parametrize("name", FORMULAS)
def test_cd_matches_plm(name):
    panel, w = panel_data(name)
    results = ss.fit(ss.ols(FORMULAS[name], fixed_effects="individual"), panel)
    stored = fits(f"{name}_tests")
    for test, key in ((pesaran_cd(results), "cd"), (pesaran_cd(results, w), "local_cd")):
        assert_allclose(test.statistic, stored[f"pcdtest_{key}"]["result"]["statistic"], rtol=1e-9)
        assert_allclose(test.p, math.erfc(abs(test.statistic) / math.sqrt(2)), rtol=1e-9)


@pytest.fixture(scope="module")
def durbin():
    panel, w = made_up(n=15, T=7)
    return ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)


def test_normality_is_jarque_bera(durbin):
    theirs = jarque_bera(durbin.resid)
    assert_allclose([normality(durbin).statistic, normality(durbin).p], theirs, rtol=1e-10)


def test_moran_of_a_year_is_that_of_esda(durbin):
    """Moments under randomisation; esda takes the same W, not transformed."""
    ours = residual_moran_by_year(durbin)
    wide = durbin.resid.unstack("year")
    links = durbin.weights["w"].to_w()
    for row, year in zip(ours.itertuples(), wide, strict=True):
        theirs = Moran(wide[year].to_numpy(), links, transformation="O", permutations=0)
        assert_allclose(
            [row.I, row.expected, row.sd**2, row.z, row.p],
            [theirs.I, theirs.EI, theirs.VI_rand, theirs.z_rand, theirs.p_rand],
            rtol=1e-9,
        )
    joint = ours["z"].sum() / np.sqrt(7) * np.sqrt(6 / 7)
    assert_allclose(residual_moran(durbin).statistic, joint, rtol=1e-12)
    assert_allclose(residual_moran(durbin).p, math.erfc(abs(joint) / math.sqrt(2)), rtol=1e-9)


def test_vif_is_the_inverse_of_what_others_leave(durbin):
    """The diagonal of the inverse correlation matrix of the swept columns."""
    Z = durbin.design.Z.reshape(-1, 4)
    expected = np.diag(np.linalg.inv(np.corrcoef(Z.T)))
    assert_allclose(vif(durbin), expected, rtol=1e-9)
    assert list(vif(durbin).index) == ["x", "z", "W[w]*x", "W[w]*z"]
    panel, _ = made_up(n=15, T=7)
    pooled = ss.fit(ss.ols("y ~ x + z"), panel.assign(x=panel.array("x") + 50))
    x, z = (panel.array(name).ravel() for name in "xz")
    assert_allclose(vif(pooled), 1 / (1 - np.corrcoef(x, z)[0, 1] ** 2), rtol=1e-9)


def test_neighbours_of_any_year_are_neighbours():
    """With W of every year: the pairs that it links in some year, correlations by numpy."""
    panel, w = made_up(n=8, T=6)
    circle = ss.Weights.from_matrix(np.roll(np.eye(8), 1, axis=1), ids=w.ids, name="w")
    across = ss.Weights.from_matrix(np.roll(np.eye(8), 3, axis=1), ids=w.ids, name="w")
    years = panel.years
    series = ss.weights.series({y: circle if y < years[3] else across for y in years})
    results = ss.fit(ss.slx("y ~ x", W="w", fixed_effects="individual"), panel, series)
    r = np.corrcoef(results.resid.unstack("year"))
    steps = np.subtract.outer(range(8), range(8)) % 8
    linked = np.isin(steps, (1, 3, 5, 7)) & (np.arange(8)[:, None] < np.arange(8))
    expected = np.sqrt(6 / linked.sum()) * r[linked].sum()
    assert_allclose(pesaran_cd(results, "w").statistic, expected, rtol=1e-9)


@pytest.mark.parametrize(("effects", "expected"), [("none", 0.0), ("individual", -1 / 6)])
def test_serial_correlation_is_the_t_test_of_the_scores_of_the_cities(effects, expected):
    panel, w = made_up(n=15, T=7)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects=effects), panel, w)
    e = res.resid.unstack("year").to_numpy()
    scores = [b @ (a - expected * b) for a, b in zip(e[:, 1:], e[:, :-1], strict=True)]
    t, p = ttest_1samp(scores, 0)
    made = serial_correlation(res)
    assert_allclose([made.statistic, made.p], [t**2, p], rtol=1e-9)


def test_serial_correlation_keeps_its_size_with_few_cities():
    """Ten cities, ten years: 5 % of 1,000 panels of independent errors, 0.7 % standard error."""
    rng, n, T = np.random.default_rng(0), 10, 10
    panel, _ = made_up(n, T)
    res = ss.fit(ss.ols("y ~ x", fixed_effects="individual"), panel)
    rejected = 0
    for _ in range(1000):
        e = rng.normal(size=(n, T))
        e -= e.mean(axis=1, keepdims=True)
        drawn = replace(res, estimate=replace(res.estimate, residuals=e))
        rejected += serial_correlation(drawn).p < 0.05
    assert 30 <= rejected <= 70


def test_dependence_that_is_there_is_found():
    panel, w = made_up(n=25, T=12, rho=0.7)
    common = np.random.default_rng(2).normal(size=(1, 12))
    panel = panel.assign(y=panel.array("y") + 2 * common)
    plain = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel)
    assert pesaran_cd(plain).p < 1e-6
    two = ss.fit(ss.ols("y ~ x + z", fixed_effects="twoways"), panel)
    assert residual_moran(two, w).p < 1e-6


def test_cd_says_nothing_under_year_effects():
    panel, w = made_up()
    two = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    made = pesaran_cd(two)
    assert np.isnan(made.p)
    assert "year effects make the residuals of a year sum to zero" in made.note


def test_refusals(durbin):
    panel, w = made_up(T=2)
    short = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    with pytest.raises(ss.ModelError, match="correlations over 2 years"):
        pesaran_cd(short)
    assert "2 years are too few" in serial_correlation(short).note
    one = made_up(T=6)[0].subset(["c00"])
    assert "one city is too few" in serial_correlation(ss.fit(ss.ols("y ~ x"), one)).note
    plain = ss.fit(ss.ols("y ~ x"), panel)
    with pytest.raises(ss.ModelError, match="which matrix"):
        residual_moran(plain)
    with pytest.raises(ss.ModelError, match=r"pesaran_cd needs what ss\.fit returns"):
        pesaran_cd(panel)


def test_residuals_with_holes_are_not_tested():
    """They said that residuals do not vary, or printed a skewness of nan."""
    panel, w = made_up()
    y = panel.array("y").copy()
    y[0, 0] = np.nan
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    res = ss.fit(model, panel.assign(y=y), w, missing="likelihood")
    for test in (normality, pesaran_cd, serial_correlation):
        with pytest.raises(ss.ModelError, match="not available where outcomes are missing"):
            test(res)
    assert "skewness nan" not in repr(res.diagnostics())
