"""Tests of city and year effects, fixed and random, against R, MATLAB and explicit dummies."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from peers import FORMULAS, fits, panel_data
from scipy.stats import chi2, f, norm

import spatialsyn as ss
from spatialsyn.diagnostics import (
    baltagi_song_koh,
    fixed_effects_f,
    fixed_effects_lr,
    hausman,
    random_effects_lr,
)
from spatialsyn.diagnostics.hausman import _side
from spatialsyn.diagnostics.random_effects import _joint
from spatialsyn.models.scores import city_scores

BSK = {
    "LMH": ("both", ""), "LM1": ("random", ""), "LM2": ("error", ""),
    "CLMlambda": ("error", "random"), "CLMmu": ("random", "error"),
}  # fmt: skip


def test_ratios_are_the_published_ones():
    """Elhorst (2014, section 3.4.2): 2315.7 and 473.1; he counts 46 and 30 degrees of freedom."""
    panel, _ = panel_data("cigar")
    results = ss.fit(ss.ols("logc ~ logp + logy", fixed_effects="twoways"), panel)
    stored = fits("cigar_exact_derived")["lr_fixed_effects"]["result"]
    for effects, key, df in (("individual", "unit_fe", 45), ("time", "time_fe", 29)):
        ours = fixed_effects_lr(results, effects, small_sample=False)
        assert_allclose(ours.statistic, stored[key]["stat"], rtol=1e-9)
        assert ours.df == df == stored[key]["df_elhorst"] - 1


def test_f_is_that_of_explicit_dummies():
    panel, _ = made_up()
    y, x = (panel.array(name).ravel() for name in "yx")
    city, year = np.repeat(np.eye(12), 6, axis=0)[:, 1:], np.tile(np.eye(6), (12, 1))

    def ssr(*columns):
        Z = np.column_stack(columns)
        return np.sum((y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]) ** 2)

    less, more, df = ssr(x, year), ssr(x, year, city), 72 - 1 - 6 - 11
    F = (less - more) / 11 / (more / df)
    ours = fixed_effects_f(ss.fit(ss.ols("y ~ x", fixed_effects="time"), panel))
    assert_allclose([ours.statistic, ours.p], [F, f.sf(F, 11, df)], rtol=1e-9)


def test_the_ratio_is_box_s_whose_p_is_nearly_that_of_f():
    """Box's factor leaves an error of order 1 / (n T)^2, here 2 in 1000 of p, which is exact by F."""
    panel, _ = made_up()
    panel = panel.assign(y=np.random.default_rng(4).normal(size=(12, 6)) + 0.2 * panel.array("y"))
    results = ss.fit(ss.ols("y ~ x", fixed_effects="time"), panel)
    exact, ratio = fixed_effects_f(results), fixed_effects_lr(results)
    assert 0.01 < exact.p < 0.99
    assert_allclose(ratio.p, exact.p, rtol=4e-3)
    # n T = 72, k = 1 + 6 + 11, q = 11; the gain of F is that of the sums of squares.
    gain = exact.statistic * 11 / 54
    assert_allclose(ratio.statistic, (72 - 18 - 1 + 11 / 2) * np.log1p(gain), rtol=1e-9)


def test_f_with_a_lag_of_y_is_the_mean_over_what_rho_may_be():
    """Explicit dummies in y - rho Wy, rho normal about the transformation likelihood's."""
    panel, w = made_up(noise=1.0)
    noise = np.random.default_rng(8).normal(size=(12, 6))
    panel = panel.assign(y=panel.array("x") + noise)
    results = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    y, x = panel.array("y"), panel.array("x").ravel()
    city, year = np.repeat(np.eye(12), 6, axis=0)[:, 1:], np.tile(np.eye(6), (12, 1))
    less, more = np.column_stack([x, year]), np.column_stack([x, year, city])

    def value(rho):
        v = (y - rho * (w.dense() @ y)).ravel()
        ssr = [v @ v - v @ Z @ np.linalg.lstsq(Z, v, rcond=None)[0] for Z in (less, more)]
        return (ssr[0] / ssr[1] - 1) * 54 / 11

    rho, se = results.rho["w"], results.se["rho[w]"]
    made = fixed_effects_f(results)
    assert_allclose(made.statistic, value(rho), rtol=1e-8)
    t = np.linspace(-8, 8, 2001)
    p = np.average([f.sf(value(rho + se * one), 11, 54) for one in t], weights=norm.pdf(t))
    assert 0.01 < p < 0.9
    assert_allclose(made.p, p, rtol=1e-5)


def test_the_joint_test_has_the_distribution_of_its_statistic():
    """Half of chi2(1) and half of chi2(2), against 200,000 draws of two normal parts: the weights
    that splm takes from the paper, 1/4, 1/2, 1/4, would reject 8 %."""
    random, error = np.random.default_rng(0).normal(size=(2, 200_000))
    drawn = np.maximum(random, 0) ** 2 + error**2
    for share in (0.1, 0.05, 0.01):
        at = _joint("", 0.0, float(np.sqrt(np.quantile(drawn, 1 - share))))
        assert_allclose(at.p, share, rtol=0.05)


def test_less_variance_between_cities_than_chance_is_no_sign_of_city_effects():
    """Residuals that sum to zero in every city: LM1 is below zero, and the joint test has LM2^2."""
    panel, w = made_up(n=8, T=5)
    noise = np.random.default_rng(0).normal(size=(8, 5))
    panel = panel.assign(y=noise - noise.mean(axis=1, keepdims=True))
    results = ss.fit(ss.ols("y ~ 1"), panel)
    alone, error = (baltagi_song_koh(results, name, W=w) for name in ("random", "error"))
    assert_allclose(alone.statistic, -np.sqrt(8 * 5 / (2 * 4)), rtol=1e-9)
    assert_allclose(alone.p, norm.sf(alone.statistic), rtol=1e-9)
    assert_allclose(error.p, 2 * norm.sf(abs(error.statistic)), rtol=1e-9)
    assert_allclose(baltagi_song_koh(results, "both", W=w).statistic, error.statistic**2)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("test", BSK)
def test_baltagi_song_koh_match_splm(name, test):
    panel, w = panel_data(name)
    results = ss.fit(ss.ols(FORMULAS[name]), panel)
    theirs = fits(f"{name}_tests")[f"bsktest_{test}"]["result"]["statistic"]
    # Conditional tests stand at splm's own estimate, whose search stops near 1e-4 of phi.
    rtol = 1e-6 if test.startswith("LM") else 2e-4
    assert_allclose(baltagi_song_koh(results, *BSK[test], W=w).statistic, theirs, rtol=rtol)


def test_mundlak_wald_matches_the_stored_one():
    panel, w = panel_data("cigar")
    model = ss.sdm("logc ~ logp + logy", W="w", fixed_effects="individual")
    ours = hausman(ss.fit(model, panel, w))
    stored = fits("elhorst_cigar_T30_x2_re_hausman")["independent"]["cre_sdm_const"]
    assert_allclose(ours.statistic, stored["mundlak_wald"], rtol=1e-6)
    assert ours.df == stored["df"]


def test_classical_hausman_refuses_an_indefinite_difference():
    """The toolbox prints a statistic there: +-0.03, or the published 31.2 with its wrong V_RE."""
    panel, w = panel_data("cigar")
    model = ss.sdm("logc ~ logp + logy", W="w", fixed_effects="individual")
    made = hausman(ss.fit(model, panel, w), "classical")
    assert np.isnan(made.statistic)
    assert "not positive definite" in made.note


def test_classical_hausman_without_lags_is_the_textbook_one():
    """Both estimates and variances written out, at the model's own phi."""
    panel, _ = made_up(noise=0.5)
    results = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel)
    random = ss.fit(ss.ols("y ~ x + z", random="individual"), panel)
    at = ["x", "z"]
    q = (results.params[at] - random.params[at]).to_numpy()
    V = (results.cov.loc[at, at] - random.cov.loc[at, at]).to_numpy()
    made = hausman(results, "classical")
    assert np.linalg.eigvalsh(V)[0] > 0
    assert_allclose(made.statistic, q @ np.linalg.solve(V, q), rtol=1e-8)
    assert_allclose(made.p, chi2.sf(made.statistic, 2), rtol=1e-10)


def test_hausman_does_not_depend_on_the_side_it_is_asked_from():
    panel, w = made_up(n=16, T=10)
    fixed = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="individual"), panel, w)
    random = ss.fit(ss.sdm("y ~ x", W="w", random="individual"), panel, w)
    for kind in ("correlated", "robust"):
        one, two = hausman(fixed, kind).statistic, hausman(random, kind).statistic
        assert_allclose(one, two, rtol=1e-8)


def test_a_regressor_called_like_a_city_mean_is_none():
    """Names decide nothing: neither the terms of the test nor what a prediction holds."""
    panel, w = made_up(n=16, T=10)
    panel = panel.assign(**{"mean(z)": panel.array("z")})
    model = ss.sdm("y ~ x + z", W="w", random="correlated")
    one = ss.fit(model, panel, w)
    other = ss.fit(model.but(formula="y ~ x + `mean(z)`"), panel, w)
    assert_allclose(other.params, one.params, rtol=1e-10)
    assert_allclose(hausman(other).statistic, hausman(one).statistic, rtol=1e-8)
    assert hausman(other).df == hausman(one).df == 4
    higher = panel.array("z") + 1
    there = one.predict(panel.assign(z=higher))
    assert_allclose(other.predict(panel.assign(**{"mean(z)": higher})), there, rtol=1e-10)


def test_correlated_city_effects_are_found():
    """City effects that follow the city mean of x: every valid form rejects.

    The robust form estimates its variance without the null, and that grows with the effects.
    """
    panel, w = made_up(n=40, T=12, noise=1.0)
    moved = panel.array("x") + np.random.default_rng(1).normal(size=(40, 1))
    effect = 4 * moved.mean(axis=1, keepdims=True)
    panel = panel.assign(x=moved, y=panel.array("y") + effect)
    results = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    assert hausman(results).p < 1e-6
    assert hausman(results, "robust").p < 0.01


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_scores_of_the_cities_sum_to_zero(effects):
    """At both maxima; also that of phi, whose score is split by city."""
    panel, w = made_up(noise=0.8)
    results = ss.fit(ss.sac("y ~ x", W="w", fixed_effects=effects), panel, w)
    for random in (None, "individual"):
        side = _side(results, random)
        params, p = side.estimate.params, len(side.design.names)
        scores = city_scores(side.design, side.estimate, params[:p], params[p:-1], params[-1])
        # Maxima in several dimensions stop at a slope near 1e-4 of a likelihood of 100.
        assert_allclose(scores.own.sum(axis=0), 0, atol=1e-3)


def test_too_few_cities_for_the_robust_form():
    panel, w = made_up(n=5)
    results = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    made = hausman(results, "robust")
    assert np.isnan(made.p)
    assert "5 cities cannot tell the variance of 5 differences" in made.note


def test_random_effects_ratio_counts_the_boundary():
    panel, w = panel_data("cigar")
    results = ss.fit(ss.sar("logc ~ logp + logy", W="w"), panel, w)
    random = ss.fit(ss.sar("logc ~ logp + logy", W="w", random="individual"), panel, w)
    made = random_effects_lr(results)
    assert_allclose(made.statistic, 2 * (random.loglik - results.loglik), rtol=1e-10)
    # Half of chi2(1) is one side of the normal; cigarettes are far out, a weak effect is not.
    mild, v = made_up(n=8, T=5, seed=3, noise=1.0)
    shocks = np.random.default_rng(6).normal(size=(8, 5))
    mild = mild.assign(y=shocks + 0.4 * shocks.mean(axis=1, keepdims=True))
    some = random_effects_lr(ss.fit(ss.sar("y ~ x", W="w"), mild, v))
    assert some.statistic > 0
    assert_allclose(some.p, norm.sf(np.sqrt(some.statistic)), rtol=1e-9)
    quiet, v = made_up(n=8, T=5, seed=3)
    noise = np.random.default_rng(0).normal(size=(8, 5))
    quiet = quiet.assign(y=noise - noise.mean(axis=1, keepdims=True))
    none = random_effects_lr(ss.fit(ss.sar("y ~ x", W="w"), quiet, v))
    assert (none.statistic, none.p) == (0.0, 1.0)


def test_refusals():
    panel, w = made_up()
    pooled = ss.fit(ss.sdm("y ~ x", W="w"), panel, w)
    random = ss.fit(ss.sdm("y ~ x", W="w", random="individual"), panel, w)
    yearly = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="time"), panel, w)
    series = ss.weights.series(dict.fromkeys(panel.years, w))
    changing = ss.fit(ss.sdm("y ~ x", W="w", random="individual"), panel, series)
    assert changing.diagnostics().table["p"].notna().any()
    cases = [
        (lambda: hausman(pooled), "the model has none"),
        (lambda: hausman(random, "textbook"), "kind='textbook' is not one of"),
        (lambda: fixed_effects_lr(pooled, "city"), "effects='city' is not one of"),
        (lambda: fixed_effects_lr(random), "stands for the cities already"),
        (lambda: baltagi_song_koh(yearly), "without year effects"),
        (lambda: baltagi_song_koh(pooled, "both", "error"), "is not one of"),
        (lambda: hausman("results"), "hausman needs what ss.fit returns"),
        (lambda: hausman(changing, "robust"), 'weights that change over the years. Use kind="corr'),
    ]
    for call, message in cases:
        with pytest.raises(ss.ModelError, match=message):
            call()


def test_mundlak_compares_the_between_with_the_within_regression():
    """Both regressions and their variances written out; maximum likelihood divides by n."""
    panel, _ = made_up(n=15, T=6, noise=1.0)
    effects = 2 * np.random.default_rng(5).normal(size=(15, 1))  # phi < 1, inside its interval
    panel = panel.assign(y=panel.array("y") + effects)
    arrays = [panel.array(name) for name in "yxz"]
    means = [v.mean(axis=1) - v.mean() for v in arrays]
    within = [(v - v.mean(axis=1, keepdims=True)).ravel() for v in arrays]

    def regression(y, Z, size):
        b = np.linalg.lstsq(Z, y, rcond=None)[0]
        return b, np.sum((y - Z @ b) ** 2) / size * np.linalg.inv(Z.T @ Z)

    b, V = regression(means[0], np.column_stack(means[1:]), 15)
    w, U = regression(within[0], np.column_stack(within[1:]), 15 * 5)
    expected = (b - w) @ np.linalg.solve(V + U, b - w)
    made = hausman(ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel))
    # phi is searched to about 1e-6.
    assert_allclose(made.statistic, expected, rtol=1e-5)
    assert_allclose(made.p, f.sf(expected * 12 / 30, 2, 12), rtol=1e-4)


def test_rows_of_w_that_do_not_sum_to_one_are_tested_with_dummies():
    panel, w = made_up(12, 6)
    loose = ss.Weights.from_matrix(
        w.dense() * np.linspace(0.5, 1, 12)[:, None], ids=w.ids, name="w"
    )
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways", correction="direct")
    res = ss.fit(model, panel, loose)
    for test in (fixed_effects_f, fixed_effects_lr):
        for effects in ("individual", "time", "twoways"):
            assert 0 <= test(res, effects).p < 1e-3
