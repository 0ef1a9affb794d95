"""Wald and likelihood ratio tests against stored R and MATLAB results, and their refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from peers import FORMULAS, cross_section, fits, long_matrix, panel_data, shared
from scipy.stats import chi2

import spatialsyn as ss
from spatialsyn.diagnostics import lr, wald

# The stored estimates are roots of the score to 1e-12.
RTOL = 1e-8
VERSIONS = {"direct": "none", "lee-yu": "transform"}
TESTS = {
    "wald_theta0": (wald, "sar"), "wald_common_factor": (wald, "sem"),
    "lr_sdm_vs_sar": (lr, "sar"), "lr_sdm_vs_sem": (lr, "sem"), "lr_sdm_vs_slx": (lr, "slx"),
}  # fmt: skip


@pytest.mark.parametrize("correction", VERSIONS)
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("name", FORMULAS)
def test_simpler_models_match_r(name, effects, correction):
    if effects == "none" and correction == "lee-yu":
        pytest.skip("nothing to transform")
    panel, w = panel_data(name)
    model = ss.sdm(FORMULAS[name], W="w", fixed_effects=effects, correction=correction)
    results = ss.fit(model, panel, w)
    stored = fits(f"{name}_exact_derived")[f"tests_sdm_{effects}_{VERSIONS[correction]}"]["result"]
    for key, (test, to) in TESTS.items():
        ours = test(results, to)
        assert_allclose(ours.statistic, stored[key]["stat"], rtol=RTOL)
        assert ours.df == stored[key]["df"]


def test_toolbox_ratio_differs_by_its_lag_of_demeaned_data():
    """MATLAB prints 15.748 and 8.285: its likelihood lags Qy without projecting again."""
    panel, w = panel_data("cigar")
    model = ss.sdm("logc ~ logp + logy", W="w", fixed_effects="twoways", correction="direct")
    results = ss.fit(model, panel, w)
    theirs = fits("elhorst_cigar_T30_x2_re_hausman")["toolbox"]["exact"]["tests_sdm_stfe_bc0"]
    assert abs(lr(results, "sar").statistic - theirs["lr_sar"]) > 0.1
    # Its Wald statistics take the right estimates with direct-approach traces: two digits.
    assert_allclose(wald(results, "sar").statistic, theirs["wald_sar"], rtol=2e-3)
    assert_allclose(wald(results, "sem").statistic, theirs["wald_sem"], rtol=2e-3)


def test_cross_section_matches_spatialreg():
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    panel, w = cross_section(frame, long_matrix(shared("reference", "w_columbus.csv"), len(frame)))
    results = ss.fit(ss.sdm("CRIME ~ INC + HOVAL", W="w"), panel, w)
    stored = fits("columbus_spatialreg")
    for to in ("sar", "sem"):
        theirs = stored[f"lr_sdm_vs_{to}"]["result"]
        # spatialreg's search stops near 1e-7 of a likelihood of 181.
        assert_allclose(lr(results, to).statistic, theirs["statistic"], rtol=1e-6)


@pytest.fixture(scope="module")
def durbin():
    panel, w = made_up()
    return ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)


def test_wald_takes_the_covariance_of_the_results(durbin):
    robust = durbin.with_cov("sandwich")
    at = ["W[w]*x", "W[w]*z"]
    theta, V = robust.params[at].to_numpy(), robust.cov.loc[at, at].to_numpy()
    assert_allclose(wald(robust, "sar").statistic, theta @ np.linalg.solve(V, theta), rtol=1e-10)
    assert wald(robust, "sar").statistic != wald(durbin, "sar").statistic


def test_common_factor_gradient_is_the_numerical_one(durbin):
    """r = theta + rho beta, its Jacobian by differences."""
    params = durbin.params.drop("sigma2")

    def factor(values):
        p = pd.Series(values, params.index)
        return np.array([p[f"W[w]*{x}"] + p["rho[w]"] * p[x] for x in ("x", "z")])

    h, at = 1e-6, params.to_numpy()
    J = np.column_stack([
        (factor(at + h * e) - factor(at - h * e)) / (2 * h) for e in np.eye(len(at))
    ])  # fmt: skip
    V = J @ durbin.cov.loc[params.index, params.index].to_numpy() @ J.T
    expected = factor(at) @ np.linalg.solve(V, factor(at))
    assert_allclose(wald(durbin, "sem").statistic, expected, rtol=1e-7)


def test_a_ratio_of_two_fits_is_that_of_the_family(durbin):
    panel, w = made_up()
    other = ss.fit(durbin.model.but(family="sar"), panel, w)
    assert_allclose(lr(durbin, other).statistic, lr(durbin, "sar").statistic, rtol=1e-12)


def test_sdem_is_not_nested(durbin):
    for test in (wald, lr):
        made = test(durbin, "sdem")
        assert np.isnan(made.statistic)
        assert "no special case" in made.note


def test_selected_lags_have_no_error_model():
    """A regressor without a lag would have one in the SEM: the ratio does not exist."""
    panel, w = made_up()
    results = ss.fit(ss.sdm("y ~ z + x | x", W="w", fixed_effects="individual"), panel, w)
    made = lr(results, "sem")
    assert np.isnan(made.p)
    assert "'z' has no lag in this model" in made.note
    assert wald(results, "sem").df == 1
    uneven = ss.Weights.from_matrix(w.dense() * 0.9, ids=w.ids, name="w")
    pooled = ss.fit(ss.sdm("y ~ x", W="w"), panel, uneven)
    assert "do not sum to one" in lr(pooled, "sem").note


def test_both_sides_of_a_ratio_must_be_of_the_same_data(durbin):
    panel, w = made_up()

    def refused(message, model=None, on=panel):
        other = ss.fit(model or durbin.model.but(family="sar"), on, w)
        with pytest.raises(ss.ModelError, match=message):
            lr(durbin, other)

    refused("correction='lee-yu' on one side and 'direct'",
            durbin.model.but(family="sar", correction="direct"))  # fmt: skip
    refused("fixed_effects='twoways' on one side and 'individual'",
            durbin.model.but(family="sar", fixed_effects="individual"))  # fmt: skip
    refused("explain different data", on=panel.subset(years=range(2002, 2007)))
    refused("explain different data", ss.sar("log(size) ~ x", W="w", fixed_effects="twoways"))

    def renamed(changed, weights):
        other = ss.fit(durbin.model.but(family="sar"), changed, weights)
        with pytest.raises(ss.ModelError, match="is not the same on both sides"):
            lr(durbin, other)

    renamed(panel.assign(x=2 * panel.array("x")), w)
    renamed(panel, ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="w"))
    with pytest.raises(ss.ModelError, match="to='durbin' is not one of"):
        lr(durbin, "durbin")


def test_mixtures_and_two_matrices_are_refused():
    panel, w = made_up()
    two = ss.Weights.from_matrix(w.dense() @ w.dense() * (1 - np.eye(12)), ids=w.ids, name="far")
    two = two.standardize("row")
    mixed = ss.fit(ss.sdm("y ~ x", W=ss.convex("w", "far")), panel, [w, two])
    for test in (wald, lr):
        with pytest.raises(ss.ModelError, match="not available for a mixture of matrices"):
            test(mixed, "sar")
    roles = {"wy": "w", "wx": "far"}
    both = ss.fit(ss.sdm("y ~ x", W=roles, fixed_effects="individual"), panel, [w, two])
    with pytest.raises(ss.ModelError, match="needs one rho and one W"):
        wald(both, "sem")


def test_correlated_effects_have_restrictions_on_their_means_too():
    """(I - rho W) y = (I - rho W) (X b + mean(X) c) + errors: as many as parameters are fewer."""
    panel, w = made_up(n=14, T=7)
    model = ss.sdm("y ~ x + z", W="w", random="correlated")
    larger = ss.fit(model, panel, w)
    for family, restrictions in (("sem", 4), ("sar", 4), ("slx", 1)):
        smaller = ss.fit(model.but(family=family, W="w"), panel, w)
        ratio = lr(larger, family)
        assert ratio.df == len(larger.params) - len(smaller.params) == restrictions
        assert_allclose(ratio.statistic, 2 * (larger.loglik - smaller.loglik), rtol=1e-9)
        assert_allclose(ratio.p, chi2.sf(ratio.statistic, restrictions), rtol=1e-9)
    assert "'mean(W[w]*x)'" in lr(larger, "sar").null
    p, cov = larger.params, larger.cov
    pairs = [(x, f"W[w]*{x}") for x in "xz"]
    pairs += [(f"mean({x})", f"mean(W[w]*{x})") for x in "xz"]
    value = np.array([p[lagged] + p["rho[w]"] * p[x] for x, lagged in pairs])
    slopes = pd.DataFrame(0.0, range(4), p.index)
    for row, (x, lagged) in enumerate(pairs):
        slopes.loc[row, [x, lagged, "rho[w]"]] = p["rho[w]"], 1.0, p[x]
    V = slopes.to_numpy() @ np.nan_to_num(cov.to_numpy()) @ slopes.to_numpy().T
    assert_allclose(wald(larger, "sem").statistic, value @ np.linalg.solve(V, value), rtol=1e-8)
    assert wald(larger, "sem").df == 4


def test_estimates_from_instruments_have_wald_tests_though_sigma2_has_no_variance():
    panel, w = made_up(n=14, T=7)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="individual", estimator="2sls")
    res = ss.fit(model, panel, w)
    assert res.cov.isna().any(axis=None)
    at = ["W[w]*x", "W[w]*z"]
    theta, V = res.params[at].to_numpy(), res.cov.loc[at, at].to_numpy()
    made = wald(res, "sar")
    assert_allclose(made.statistic, theta @ np.linalg.solve(V, theta), rtol=1e-9)
    assert_allclose(made.p, chi2.sf(made.statistic, 2), rtol=1e-9)


def test_city_effects_outside_the_error_leave_no_common_factor():
    panel, w = made_up(n=14, T=7)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", random="baltagi"), panel, w)
    assert np.isnan(lr(res, "sem").statistic)
    assert "outside the spatial error" in lr(res, "sem").note
