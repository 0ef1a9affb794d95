"""Static OLS, SLX, SAR and SDM against stored results of independent code.

`exact_*` come from base-R maximum likelihood solved to the root of the score, `independent`
from dense algebra in Python; both are described in reference/README.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from peers import PANELS, case_panel, cross_section, fits, long_matrix, panel_data, shared
from us_states import STATES_46, STATES_48, row_standardised

import spatialsyn as ss

# The references are roots of the score to about 1e-12; one part in a million is asked.
RTOL = 1e-6
FAMILIES = ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")
PANEL_FITS = [
    (name, family, effects, version)
    for name in PANELS
    for family in FAMILIES
    for effects in ("none", "individual", "time", "twoways")
    for version in ("none", "transform")
    if (effects, version) != ("none", "transform")
    if (family in ("sac", "gns"), version) != (True, "transform")  # not among the stored fits
]


def fitted(family: str, outcome: str, x: tuple[str, ...], **options: str) -> ss.SpatialModel:
    formula = f"{outcome} ~ {' + '.join(x)}"
    make = getattr(ss, family)
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
    if "lambda" in theirs:
        assert_allclose(res.lam["w"], theirs["lambda"], rtol=RTOL)
        assert_allclose(res.se["lambda[w]"], theirs["lambda_se"], rtol=RTOL)
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


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("family", ["sar", "sdm", "sem", "sdem"])
def test_bias_corrected_estimates_match_exact_ones(name, family):
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    model = fitted(family, outcome, x, fixed_effects="twoways", correction="bias-corrected")
    theirs = fits(f"{name}_exact_derived")[f"exact_{family}_twoways_biascorr"]["result"]
    assert_allclose(ss.fit(model, panel, w).params, theirs["theta_biascorr"]["estimate"], rtol=RTOL)


CROSS_SECTIONS = {
    "columbus": ("columbus.csv", "w_columbus.csv", "CRIME"),
    "boston": ("boston.csv", "w_boston.csv", "lcmedv"),
    "baltimore": ("baltimore.csv", "w_baltimore_knn5.csv", "PRICE"),
}


@pytest.mark.parametrize("name", CROSS_SECTIONS)
@pytest.mark.parametrize("family", ["slx", "sar", "sdm", "sem", "sdem", "sac", "gns"])
def test_cross_sections_match_exact_maximum_likelihood(name, family):
    table, weights, outcome = CROSS_SECTIONS[name]
    frame = pd.read_csv(shared("reference", table))
    panel, w = cross_section(frame, long_matrix(shared("reference", weights), len(frame)))
    theirs = fits(f"{name}_spatialreg")[f"exact_{family}"]["result"]
    x = tuple(n for n in theirs["beta"]["names"] if n != "(Intercept)" and not n.startswith("W*"))
    assert_matches(ss.fit(fitted(family, outcome, x), panel, w), theirs)


# Elhorst's cases, recomputed by dense algebra in Python. The toolbox itself looks ln|I - rho W|
# up on a 0.001 grid, so its printed rho is off by up to 0.009; `independent` is exact.
MATLAB = [
    (case, family, effects, version)
    for case in ("cigar_T30_x2", "cigar_T15_x2", "weekly_contig", "weekly_borders")
    for family in ("sar", "sdm", "sem", "sdem")
    for effects, version in (
        ("pooled", "direct"), ("sfe", "direct"), ("sfe", "LYtransform"), ("tfe", "direct"),
        ("tfe", "LYtransform"), ("stfe", "direct"), ("stfe", "LYtransform"),
    )
]  # fmt: skip
EFFECTS = {"pooled": "none", "sfe": "individual", "tfe": "time", "stfe": "twoways"}


@pytest.mark.parametrize(("case", "family", "effects", "version"), MATLAB)
def test_elhorst_cases_match_independent_algebra(case, family, effects, version):
    panel, w, outcome, x = case_panel(case)
    correction = "direct" if version == "direct" else "lee-yu"
    model = fitted(family, outcome, x, fixed_effects=EFFECTS[effects], correction=correction)
    res = ss.fit(model, panel, w)
    theirs = fits(f"elhorst_{case}_static")["independent"][f"{family}_{effects}_{version}"]
    assert_allclose(res.params, theirs["theta"], rtol=RTOL, atol=1e-9)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)
    if "effects" not in theirs:
        return
    point, delta = np.array(theirs["effects"]["point"]), np.array(theirs["effects"]["delta_se"])
    table = res.effects()
    for column, kind in enumerate(("direct", "indirect", "total")):
        assert_allclose(table[kind]["estimate"], point[:, column], rtol=RTOL, atol=1e-9)
    if (effects, version) in (("tfe", "direct"), ("stfe", "direct")):
        # These stored errors take m'm from G Q Z delta without sweeping it again, as Elhorst's
        # code does; the full information with every dummy written out is the right number.
        assert_allclose(res.se, dummy_standard_errors(res, w), rtol=RTOL)
        assert np.abs(res.se / theirs["se"] - 1).max() > 1e-5
        return
    assert_allclose(res.se, theirs["se"], rtol=RTOL)
    for column, kind in enumerate(("direct", "indirect", "total")):
        assert_allclose(table[kind]["se"], delta[:, column], rtol=RTOL)


def dummy_standard_errors(res: ss.Results, w: ss.Weights) -> np.ndarray:
    """Expected information of maximum likelihood with explicit city and year dummies."""
    X, (n, T) = res.data.X, res.data.y.shape
    W = w.dense()
    Z = np.concatenate([X, np.tensordot(W, X, axes=1)], axis=2) if res.model.has_wx else X
    dummies = [np.kron(np.ones((n, 1)), np.eye(T))]
    if res.model.fixed_effects == "twoways":
        dummies.append(np.kron(np.eye(n)[:, 1:], np.ones((T, 1))))
    p = Z.shape[2]
    Z = np.c_[Z.reshape(n * T, p), *dummies]
    rho, sigma2 = res.rho["w"], res.sigma2
    G = W @ np.linalg.inv(np.eye(n) - rho * W)
    y = res.data.y
    delta = np.linalg.lstsq(Z, (y - rho * W @ y).ravel(), rcond=None)[0]
    m = (G @ (Z @ delta).reshape(n, T)).ravel()
    q = Z.shape[1]
    info = np.zeros((q + 2, q + 2))
    info[:q, :q] = Z.T @ Z / sigma2
    info[:q, q] = info[q, :q] = Z.T @ m / sigma2
    info[q, q] = m @ m / sigma2 + T * (np.trace(G @ G) + (G * G).sum())
    info[q, -1] = info[-1, q] = T * np.trace(G) / sigma2
    info[-1, -1] = n * T / (2 * sigma2**2)
    scale = 1 / np.sqrt(np.diag(info))
    se = np.sqrt(np.diag(np.linalg.inv(info * np.outer(scale, scale)))) * scale
    return np.r_[se[:p], se[q:]]


@pytest.mark.parametrize(("name", "lagged"), [("inc", "INC"), ("hoval", "HOVAL")])
@pytest.mark.parametrize(("family", "record"), [("sdm", "lag"), ("slx", "slx")])
def test_a_lag_of_some_regressors_only_matches_spatialreg(name, lagged, family, record):
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    matrix = long_matrix(shared("reference", "w_columbus.csv"), len(frame))
    panel, w = cross_section(frame, matrix)
    make = {"sdm": ss.sdm, "slx": ss.slx}[family]
    res = ss.fit(make(f"CRIME ~ INC + HOVAL | {lagged}", W="w"), panel, w)
    theirs = fits("columbus_spatialreg")[f"{record}_durbin_{name}"]["result"]
    assert_allclose(res.params.iloc[:4], theirs["beta"]["estimate"], rtol=RTOL)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)


@pytest.mark.parametrize("style", ["S", "C", "M"])
def test_other_standardisations_match_spatialreg(style):
    """Rows that do not sum to one: S (variance-stabilising), C (global), min-max."""
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    file = {"M": "w_columbus_minmax.csv"}.get(style, f"w_columbus_style{style}.csv")
    panel, w = cross_section(frame, long_matrix(shared("reference", file), len(frame)))
    res = ss.fit(ss.sar("CRIME ~ INC + HOVAL", W="w"), panel, w)
    theirs = fits("columbus_spatialreg")[f"lag_style{style}"]["result"]
    assert_allclose(res.params.iloc[:3], theirs["beta"]["estimate"], rtol=RTOL)
    assert_allclose(res.rho["w"], theirs["rho"], rtol=RTOL)
    assert_allclose(res.se["rho[w]"], theirs["rho_se"], rtol=RTOL)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)


def test_another_matrix_for_the_error_matches_spatialreg():
    """The same borders in style S for the error, row-standardised for the lag."""
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    panel, w = cross_section(frame, long_matrix(shared("reference", "w_columbus.csv"), 49))
    S = long_matrix(shared("reference", "w_columbus_styleS.csv"), 49)
    v = ss.Weights.from_matrix(S, ids=panel.ids, name="v")
    res = ss.fit(ss.sac("CRIME ~ INC + HOVAL", W={"wy": "w", "wu": "v"}), panel, [w, v])
    theirs = fits("columbus_spatialreg")["sac_two_w"]["result"]
    assert_allclose(res.params.iloc[:3], theirs["beta"]["estimate"], rtol=RTOL)
    assert_allclose(res.se.iloc[:3], theirs["beta"]["se"], rtol=RTOL)
    found = [res.rho["w"], res.lam["v"], res.se["rho[w]"], res.se["lambda[v]"], res.loglik]
    stored = [theirs[k] for k in ("rho", "lambda", "rho_se", "lambda_se", "loglik")]
    assert_allclose(found, stored, rtol=1e-5)  # nlminb stops near 1e-6


@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_individual_effects_match_splm(family):
    panel, w = panel_data("cigar")
    model = fitted(family, "logc", ("logp", "logy", "lpm")[:2], fixed_effects="individual")
    theirs = fits("cigar_splm")[f"splm_{family}_individual_noly"]["result"]
    res = ss.fit(model.but(correction="direct"), panel, w)
    assert_allclose(res.rho["w"], theirs["rho"], rtol=RTOL)
    assert_allclose(res.params.iloc[:-2], theirs["beta"]["estimate"], rtol=RTOL)
    assert_allclose(res.sigma2, theirs["sigma2"], rtol=RTOL)


def test_splm_lags_the_demeaned_outcome_and_is_therefore_off():
    """splm's two-way fit uses W(Qy), not Q(Wy): not the dummy estimator unless W is doubly
    stochastic. Ours meets the explicit dummies (`exact_*_none`), so it must differ."""
    panel, w = panel_data("cigar")
    model = fitted("sdm", "logc", ("logp", "logy"), fixed_effects="twoways", correction="direct")
    theirs = fits("cigar_splm")["splm_sdm_twoways_noly"]["result"]["rho"]
    right = fits("cigar_exact_derived")["exact_sdm_twoways_none"]["result"]["rho"]
    ours = ss.fit(model, panel, w).rho["w"]
    assert_allclose(ours, right, rtol=RTOL)
    assert abs(ours - theirs) > 2e-3


def test_the_state_borders_are_those_of_the_reference_matrices():
    for states, name in ((STATES_46, "usa46"), (STATES_48, "usaww")):
        theirs = long_matrix(shared("reference", f"w_{name}.csv"), len(states))
        assert_allclose(row_standardised(states), theirs, rtol=1e-12)


@pytest.mark.parametrize("case", ["cigar_T30_x2", "fh_d6070t", "fh_d8600t"])
@pytest.mark.parametrize("family", ["sar", "sem"])
def test_debarsy_and_ertur_cases_match_independent_algebra(case, family):
    """Savings and investment of 24 countries: seven nearest neighbours, an asymmetric W."""
    if case.startswith("cigar"):
        panel, w = panel_data("cigar")
        model = fitted(family, "logc", ("logp", "logy"), fixed_effects="individual")
    else:
        panel, w = feldstein_horioka(
            range(1960, 1971) if case == "fh_d6070t" else range(1986, 2001)
        )
        model = fitted(family, "investment", ("savings",), fixed_effects="individual")
    res = ss.fit(model, panel, w)
    theirs = fits(f"debarsy_ertur_{case}")["independent"][family]
    assert_allclose(res.params, theirs["theta"], rtol=RTOL, atol=1e-9)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)


def feldstein_horioka(years: range) -> tuple[ss.CityPanel, ss.Weights]:
    data = shared("reference", "matlab", "data")
    frame = pd.read_csv(data / "feldstein_horioka.csv")
    panel = ss.CityPanel(frame, city="unit", year="year").subset(years=years)
    matrix = pd.read_csv(data / "feldstein_horioka_W7nn_rownorm.csv", header=None).to_numpy(float)
    return panel, ss.Weights.from_matrix(matrix, ids=panel.ids, name="w").standardize("row")


def test_binary_weights_match_spatialreg():
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    links = long_matrix(shared("reference", "w_columbus.csv"), len(frame)) > 0
    panel, w = cross_section(frame, links.astype(float))
    res = ss.fit(ss.sar("CRIME ~ INC + HOVAL", W="w"), panel, w)
    theirs = fits("columbus_spatialreg")["lag_styleB"]["result"]
    assert_allclose(res.rho["w"], theirs["rho"], rtol=RTOL)
    assert_allclose(res.loglik, theirs["loglik"], rtol=RTOL)
