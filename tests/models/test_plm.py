"""Panels without lags in space against plm 2.6-2 and nlme of R 4.2.2: Munnell's 48 states.

d <- read.csv("produc.csv"); p <- pdata.frame(d, index = c("state", "year"))
f <- lgsp ~ lpcap + lemp + unemp; w <- plm(f, p, model = "within", effect = e)
sqrt(diag(vcovHC(w, method = "arellano", type = "HC0", cluster = g)))   # group, time
sqrt(diag(vcovSCC(w, type = "HC0", maxlag = 2)))
pFtest(w, plm(f, p, model = "pooling")); plmtest(pooled, type = "honda")
lme(f, random = ~1 | state, data = d, method = "ML")
g <- lgsp ~ lpcap + unemp | unemp + lpc + lemp
plm(g, p, model = "random", random.method = "swar", inst.method = m)    # bvk, baltagi
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from peers import panel_data

import spatialsyn as ss

FORMULA, SLOPES = "lgsp ~ lpcap + lemp + unemp", ["lpcap", "lemp", "unemp"]
WITHIN = {
    "individual": {
        "estimate": [0.034884469469707864, 1.030179884981544669, -0.000210844658237329],
        "city": [0.06661083403926164, 0.06413365166632809, 0.00217452525911898],
        "period": [0.0651066667387775, 0.0686141714531328, 0.0014509130065406],
        "driscoll-kraay": [0.08528365751281382, 0.09388481268416758, 0.00123370695350852],
    },
    "twoways": {
        "estimate": [-0.00391098938130431, 0.85749091424011059, -0.00378625624383304],
        "city": [0.06014896726962508, 0.06360984535384717, 0.00311224752040341],
        "period": [0.04337802541211695, 0.03896121710081021, 0.00193611024115623],
        "driscoll-kraay": [0.05726697119446533, 0.04704257188838039, 0.00232292417908172],
    },
}
# Coefficients, standard errors and theta of error components with lpcap endogenous.
COMPONENTS = {
    "2sls": (
        [-2.7133936033488717, 1.3793640917503667, -0.0195246432060816],
        [0.21987489640195312, 0.02298488111737900, 0.00183824394660512],
    ),
    "ec2sls": (
        [-2.1058489804819116, 1.3153428498738522, -0.0176873550699188],
        [0.20780517844017751, 0.02171468063024556, 0.00177344172796804],
    ),
}
THETA = 0.874683690543858


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", WITHIN)
def test_clustered_errors_match_but_for_the_number_of_clusters(effects, correction):
    """HC0 has no small-sample factor; ours is G / (G - 1) for G clusters."""
    panel, _ = panel_data("produc")
    model = ss.ols(FORMULA, fixed_effects=effects, correction=correction)
    res = ss.fit(model, panel)
    theirs = WITHIN[effects]
    assert_allclose(res.params[SLOPES], theirs["estimate"], rtol=1e-9)
    for kind, clusters in (("city", panel.n), ("period", panel.T), ("driscoll-kraay", panel.T)):
        se = res.with_cov(kind).se[SLOPES] * np.sqrt((clusters - 1) / clusters)
        assert_allclose(se, theirs[kind], rtol=1e-9)


def test_tests_of_effects_match():
    panel, _ = panel_data("produc")
    pooled = ss.fit(ss.ols(FORMULA), panel)
    years = ss.fit(ss.ols(FORMULA, fixed_effects="time"), panel)
    F = ss.diagnostics.fixed_effects_f
    assert_allclose(F(pooled).statistic, 149.582793991132, rtol=1e-9)
    assert_allclose(F(pooled, "twoways").statistic, 159.710138220965, rtol=1e-9)
    assert_allclose(F(years).statistic, 199.975227256747, rtol=1e-9)
    _, w = panel_data("produc")
    honda = ss.diagnostics.baltagi_song_koh(pooled, "random", W=w)
    assert_allclose(honda.statistic, 67.57998488234, rtol=1e-9)


def test_random_effects_by_likelihood_match_lme():
    panel, _ = panel_data("produc")
    res = ss.fit(ss.ols(FORMULA, random="individual"), panel)
    theirs = [3.08119575709999, 0.0335559482242320, 1.01780901703064, 1.22550927923849e-05]
    assert_allclose(res.params.iloc[:4], theirs, rtol=1e-5, atol=1e-8)  # lme stops at 1e-7
    cities = res.sigma2 * (res.params["phi"] ** -2 - 1) / panel.T
    assert_allclose([cities, res.sigma2], [0.02414423209191536, 0.00170619064673003], rtol=1e-5)
    assert_allclose(res.loglik, 1310.83947397272, rtol=1e-10)


@pytest.mark.parametrize("estimator", COMPONENTS)
def test_error_components_with_an_endogenous_regressor_match(estimator):
    """plm divides the sum of squares by n T - k, we by n T."""
    panel, _ = panel_data("produc")
    model = ss.ols("lgsp ~ lpcap + unemp", random="individual", estimator=estimator,
                   endogenous="lpcap", instruments=["lpc", "lemp"])  # fmt: skip
    res = ss.fit(model, panel)
    names, (estimate, se) = ["Intercept", "lpcap", "unemp"], COMPONENTS[estimator]
    assert_allclose(res.params[names], estimate, rtol=1e-9)
    assert_allclose(1 - res.params["phi"], THETA, rtol=1e-9)
    share = res.nobs / (res.nobs - len(names))
    assert_allclose(res.se[names] * np.sqrt(share), se, rtol=1e-9)
