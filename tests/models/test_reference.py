"""Static OLS, SLX, SAR and SDM against stored results of independent code.

`exact_*` come from base-R maximum likelihood solved to the root of the score, `independent`
from dense algebra in Python; both are described in reference/README.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from peers import PANELS, cross_section, fits, long_matrix, panel_data, shared

import spatialsyn as ss

# The references are roots of the score to about 1e-12; one part in a million is asked.
RTOL = 1e-6
FAMILIES = ("ols", "slx", "sar", "sdm")
PANEL_FITS = [
    (name, family, effects, version)
    for name in PANELS
    for family in FAMILIES
    for effects in ("none", "individual", "time", "twoways")
    for version in ("none", "transform")
    if (effects, version) != ("none", "transform")
]


def fitted(family: str, outcome: str, x: tuple[str, ...], **options: str) -> ss.SpatialModel:
    formula = f"{outcome} ~ {' + '.join(x)}"
    make = {"ols": ss.ols, "slx": ss.slx, "sar": ss.sar, "sdm": ss.sdm}[family]
    return make(formula, **options) if family == "ols" else make(formula, W="w", **options)


def assert_matches(res: ss.Results, theirs: dict) -> None:
    """Coefficients, rho, sigma2, log-likelihood, covariance and effects."""
    q = len(theirs["beta"]["estimate"])
    assert_allclose(res.params.iloc[:q], theirs["beta"]["estimate"], rtol=RTOL, atol=1e-10)
    assert_allclose(res.se.iloc[:q], theirs["beta"]["se"], rtol=RTOL)
    assert_allclose(res.sigma2, theirs["sigma2"], rtol=RTOL)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)
    if "rho" in theirs:
        assert_allclose(res.rho["w"], theirs["rho"], rtol=RTOL)
        assert_allclose(res.se["rho[w]"], theirs["rho_se"], rtol=RTOL)
    if "vcov" in theirs:
        matrix = np.array(theirs["vcov"]["matrix"])
        ours = res.cov.to_numpy()
        scale = np.sqrt(np.outer(np.diag(matrix), np.diag(matrix)))
        assert_allclose(ours / scale, matrix / scale, rtol=RTOL, atol=RTOL)
    if theirs.get("impacts"):
        assert_effects(res, theirs["impacts"])


def assert_effects(res: ss.Results, impacts: dict) -> None:
    effects = res.effects()
    for kind in ("direct", "indirect", "total"):
        mine = effects[kind].loc[impacts["names"]]
        assert_allclose(mine["estimate"], impacts[kind], rtol=RTOL, atol=1e-10)
        if f"{kind}_se" in impacts:
            assert_allclose(mine["se"], impacts[f"{kind}_se"], rtol=RTOL, atol=1e-12)


@pytest.mark.parametrize(("name", "family", "effects", "version"), PANEL_FITS)
def test_panels_match_exact_maximum_likelihood(name, family, effects, version):
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    correction = "lee-yu" if version == "transform" else "direct"
    model = fitted(family, outcome, x, fixed_effects=effects, correction=correction)
    theirs = fits(f"{name}_exact_derived")[f"exact_{family}_{effects}_{version}"]["result"]
    assert_matches(ss.fit(model, panel, w), theirs)


CROSS_SECTIONS = {
    "columbus": ("columbus.csv", "w_columbus.csv", "CRIME"),
    "boston": ("boston.csv", "w_boston.csv", "lcmedv"),
    "baltimore": ("baltimore.csv", "w_baltimore_knn5.csv", "PRICE"),
}


@pytest.mark.parametrize("name", CROSS_SECTIONS)
@pytest.mark.parametrize("family", ["slx", "sar", "sdm"])
def test_cross_sections_match_exact_maximum_likelihood(name, family):
    table, weights, outcome = CROSS_SECTIONS[name]
    frame = pd.read_csv(shared("reference", table))
    panel, w = cross_section(frame, long_matrix(shared("reference", weights), len(frame)))
    theirs = fits(f"{name}_spatialreg")[f"exact_{family}"]["result"]
    x = tuple(theirs["impacts"]["names"])
    assert_matches(ss.fit(fitted(family, outcome, x), panel, w), theirs)
