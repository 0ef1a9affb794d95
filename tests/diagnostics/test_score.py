"""Lagrange multiplier tests against splm, spatialreg, MATLAB, and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from peers import FORMULAS, cross_section, fits, long_matrix, panel_data, shared

import spatialsyn as ss
from spatialsyn.diagnostics import lm, residual_moran
from spatialsyn.diagnostics.score import score
from spatialsyn.models.design import sweep_effects
from spatialsyn.models.likelihood import jacobian, residual
from spatialsyn.numerics.lags import dense

# Score tests of least squares involve no search; given a lag, its estimate stops near 1e-8.
RTOL = 1e-6
SPLM = {
    "lml": ("lag", ()), "lme": ("error", ()), "rlml": ("lag", "error"), "rlme": ("error", "lag"),
}  # fmt: skip
KINDS = {"pooling": "none", "within_individual": "individual", "within_time": "time",
         "within_twoways": "twoways"}  # fmt: skip


def durbin(name: str, fixed_effects: str, correction: str = "lee-yu") -> ss.Results:
    panel, w = panel_data(name)
    model = ss.sdm(FORMULAS[name], W="w", fixed_effects=fixed_effects, correction=correction)
    return ss.fit(model, panel, w)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMULAS)
def test_naive_statistics_are_those_of_splm(name, kind):
    """splm counts n T observations and does not centre the score: the naive form."""
    results = durbin(name, KINDS[kind])
    for test, (tested, robust) in SPLM.items():
        theirs = fits(f"{name}_tests")[f"slmtest_{kind}_{test}"]["result"]
        ours = lm(results, tested, robust=robust, naive=True)
        assert_allclose(ours.statistic, theirs["statistic"], rtol=RTOL)
        assert_allclose(ours.p, theirs["p"], rtol=1e-5, atol=1e-300)


def test_individual_effects_match_debarsy_ertur():
    theirs = fits("debarsy_ertur_cigar_T30_x2")["independent"]
    results = durbin("cigar", "individual")
    asked = {"lag": ("lag", ()), "err": ("error", ()), "rlag": ("lag", "error"),
             "rerr": ("error", "lag"), "joint": (("lag", "error"), ())}  # fmt: skip
    for name, (tested, robust) in asked.items():
        assert_allclose(lm(results, tested, robust=robust).statistic, theirs["lm"][name], rtol=RTOL)
    given = lm(results, "lag", given="error"), lm(results, "error", given="lag")
    assert_allclose(given[0].statistic, theirs["lm_lag_given_sem"], rtol=RTOL)
    assert_allclose(given[1].statistic, theirs["lm_err_given_sar"], rtol=RTOL)


@pytest.mark.parametrize(
    ("effects", "key"), [("none", "pooled"), ("individual", "sfe"), ("time", "tfe"), ("twoways", "stfe")]
)  # fmt: skip
def test_centred_statistics_match_numerical_scores(effects, key):
    """Stored score tests of the transformed likelihood, differentiated numerically: to 3e-7."""
    stored = fits("elhorst_cigar_T30_x2_static")["independent"]
    theirs = stored[f"score_tests_{key}_LYtransform"]
    results = durbin("cigar", effects)
    for name, tested in {"lag": "lag", "err": "error", "joint": ("lag", "error")}.items():
        assert_allclose(lm(results, tested).statistic, theirs[name], rtol=5e-7)


def test_individual_effects_scale_the_naive_statistic():
    """Elhorst's statistic times (T - 1) / T, exactly (math of Debarsy & Ertur 2010)."""
    results = durbin("cigar", "individual")
    naive, right = lm(results, "lag", naive=True), lm(results, "lag")
    assert_allclose(right.statistic, naive.statistic * 29 / 30, rtol=1e-12)


def test_durbin_tests_of_a_cross_section_match_spatialreg():
    """Koley & Bera's tests of W X, as spdep's SD.RStests prints them for Columbus."""
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    panel, w = cross_section(frame, long_matrix(shared("reference", "w_columbus.csv"), len(frame)))
    results = ss.fit(ss.sdm("CRIME ~ INC + HOVAL", W="w"), panel, w)
    theirs = fits("columbus_spatialreg")
    plain, durbin_ = (theirs[name]["result"] for name in ("lm_rstests", "sd_rstests"))
    asked = {
        "RSerr": ("error", ()), "RSlag": ("lag", ()), "adjRSerr": ("error", "lag"),
        "adjRSlag": ("lag", "error"), "SARMA": (("lag", "error"), ()),
        "SDM_RSWX": ("wx", ()), "SDM_adjRSWX": ("wx", "lag"), "SDM_adjRSlag": ("lag", "wx"),
        "SDM_Joint": (("lag", "wx"), ()), "SDEM_RSWX": ("wx", ()), "SDEM_Joint": (("error", "wx"), ()),
    }  # fmt: skip
    for name, (tested, robust) in asked.items():
        test = lm(results, tested, robust=robust)
        stored = (plain | durbin_)[name]
        assert_allclose(test.statistic, stored["statistic"], rtol=RTOL)
        assert test.df == stored["parameter"][0]


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_score_is_the_slope_of_the_likelihood(effects):
    """Efficient score of rho and lambda at least squares, by differences of the likelihood."""
    panel, w = made_up()
    results = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects=effects), panel, w)
    found = score(results, ("lag", "error"), (), None)
    full = sweep_effects(results.model.but(family="sac"), results.data, results.weights)

    def concentrated(spatial):
        e, _ = residual(full, np.asarray(spatial))
        return jacobian(full, np.asarray(spatial)) - full.nobs / 2 * np.log(e @ e)

    h = 1e-5
    slopes = [(concentrated(h * unit) - concentrated(-h * unit)) / (2 * h) for unit in np.eye(2)]
    # Central differences of a likelihood of size 100 leave about 1e-6.
    assert_allclose(found.d, slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_relabelling_cities_changes_nothing(effects):
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects=effects)
    moved = panel.frame.reset_index().sample(frac=1, random_state=1)
    moved["city"] = moved["city"].map(dict(zip(panel.ids, panel.ids[::-1], strict=True)))
    again = ss.CityPanel(moved, city="city", year="year")
    other = ss.Weights.from_matrix(dense(w.matrix)[::-1, ::-1], ids=w.ids, name="w")
    one, two = ss.fit(model, panel, w), ss.fit(model, again, other)
    for tested, robust in (("lag", "wx"), ("wx", "lag"), ("error", ("lag", "wx"))):
        test, same = (lm(r, tested, robust=robust).statistic for r in (one, two))
        assert_allclose(test, same, rtol=1e-8, atol=1e-10)


def test_notes_say_which_form():
    results = durbin("cigar", "twoways")
    assert "centred" in lm(results, "lag").note
    assert "rejects too often" in lm(results, "lag", naive=True).note
    direct = durbin("cigar", "twoways", "direct")
    assert "not centred" in lm(direct, "lag").note


def refusal(call, message):
    with pytest.raises(ss.ModelError, match=message):
        call()


def test_refusals():
    panel, w = made_up()
    two = {"fixed_effects": "twoways"}
    results = ss.fit(ss.sdm("y ~ x + z", W="w", **two), panel, w)
    refusal(
        lambda: lm(results, "wy"), "tested has 'wy'; what can be tested is 'lag', 'wx', 'error'"
    )
    refusal(lambda: lm(results, ()), "nothing is tested")
    refusal(lambda: lm(results, "lag", robust="lag"), "'lag' stands more than once")
    refusal(lambda: lm(results, "wx", naive=True), "leave naive out")
    refusal(lambda: lm(panel, "lag"), "lm needs what ss.fit returns")
    plain = ss.fit(ss.ols("y ~ x + z", **two), panel)
    refusal(lambda: lm(plain, "lag"), "which matrix shall the lag have.*none: say W=geo, the W")
    refusal(lambda: lm(plain, "lag", W="geo"), "W='geo' is not a matrix of this model")
    assert lm(plain, "lag", W=w) == lm(results, "lag") == lm(results, "lag", W=w)
    turned = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="w")
    refusal(lambda: lm(results, "lag", W=turned), "another matrix of the name 'w'")
    refusal(lambda: residual_moran(results, turned), "another matrix of the name 'w'")
    dynamic = ss.fit(ss.sdm("y ~ x + z", W="w", lag_y=True, **two), panel, w)
    refusal(lambda: lm(dynamic, "error"), "move the score by order 1/T")
    corrected = ss.fit(ss.sdm("y ~ x", W="w", correction="bias-corrected", **two), panel, w)
    refusal(lambda: lm(corrected, "error"), "bias-corrected estimates have left")
    instruments = ss.fit(ss.sar("y ~ x", W="w", estimator="2sls", **two), panel, w)
    refusal(lambda: lm(instruments, "error"), "estimator='2sls' has none")
    exponent = ss.fit(ss.mess("y ~ x", W="w", **two), panel, w)
    refusal(lambda: lm(exponent, "error"), "not available for mess")


def test_only_regressors_behind_the_bar_have_lags_to_test():
    """LM of least squares: observations times R2 of the residuals on columns and their lags."""
    panel, w = made_up(n=12, T=6)
    res = ss.fit(ss.sdm("y ~ x + z | x", W="w", fixed_effects="individual"), panel, w)
    x, z, y = (panel.array(name) for name in ("x", "z", "y"))
    within = [v - v.mean(axis=1, keepdims=True) for v in (x, z, w.dense() @ x, y)]
    *Z, y = (v.ravel() for v in within)
    Z = np.column_stack(Z)
    e = y - Z[:, :2] @ np.linalg.lstsq(Z[:, :2], y, rcond=None)[0]
    left = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
    test = lm(res, "wx")
    assert test.df == 1
    assert_allclose(test.statistic, 12 * 5 * (1 - left @ left / (e @ e)), rtol=RTOL)
    assert lm(res, ("lag", "wx")).df == 2


@pytest.mark.parametrize("tested", ["lag", "error"])
def test_without_variance_of_cities_the_test_is_that_of_the_pooled_model(tested):
    """At phi = 1 the likelihood still rises towards phi > 1, which nothing allows."""
    panel, w = made_up(n=8, T=5, seed=3)
    noise = np.random.default_rng(0).normal(size=(8, 5))
    panel = panel.assign(y=noise - noise.mean(axis=1, keepdims=True))
    random = ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w)
    pooled = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    one, other = lm(random, tested), lm(pooled, tested)
    assert ss.fit(ss.ols("y ~ x", random="individual"), panel).params["phi"] == 1
    assert_allclose([one.statistic, one.p], [other.statistic, other.p], rtol=1e-8)


@pytest.mark.parametrize("effects", ["none", "time"])
def test_lags_of_regressors_are_tested_within_cities_whatever_the_city_means_do(effects):
    """Given city means of x and W x slopes are within slopes, and sigma2 is the within one (Mundlak).

    The means of W x are estimated under the alternative only: the score takes them out all the
    same, so that the test is the one with fixed effects, and has its size, whatever their
    coefficient.
    """
    panel, w = made_up(n=20, T=5, seed=2)
    swept = "twoways" if effects == "time" else "individual"
    year = panel.array("y").mean(axis=0) * (effects == "none")
    city = 2 * np.random.default_rng(0).normal(size=(20, 1))
    between = w.dense() @ panel.array("x").mean(axis=1, keepdims=True)
    for weight in (0.0, 3.0):
        moved = panel.assign(y=panel.array("y") - year + city + weight * between)
        correlated = ss.fit(
            ss.ols("y ~ x + z", random="correlated", fixed_effects=effects), moved, w
        )
        assert correlated.params["phi"] < 0.9
        within = ss.fit(ss.ols("y ~ x + z", fixed_effects=swept), moved, w)
        ours, theirs = (lm(res, "wx", W=w) for res in (correlated, within))
        assert_allclose(ours.statistic, theirs.statistic, rtol=1e-8)
        assert ours.df == theirs.df == 2
