"""Specifications with instruments that cannot be estimated are refused in words."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from cases import made_up
from test_instruments import SDM, troubled

import spatialsyn as ss

SAR = ss.sar("y ~ x + z", W="w", estimator="2sls")


def test_a_specification_with_instruments_is_a_value():
    model = ss.sar("y ~ x + z", W="w", estimator="2sls", endogenous=["x"], instruments="q")
    assert model == SAR.but(endogenous="x", instruments=["q"])
    assert (model.endogenous, model.instruments) == (("x",), ("q",))
    assert len({model, SAR, SAR.but(estimator="best-2sls")}) == 3
    assert pickle.loads(pickle.dumps(model)) == model
    spaced = ss.sar("y ~ log(x) + z", W="w", estimator="2sls", endogenous="log( x )",
                    instruments="lag( q )")  # fmt: skip
    assert spaced.equation.startswith("y ~ rho[w]*W[w]*y + log(x) + z")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SAR.but(estimator="iv"), "estimator='iv' is not one of 'qml', '2sls'"),
        (
            lambda: SAR.but(estimator="qml", endogenous="x"),
            'takes every regressor as exogenous; with endogenous= or instruments= use estimator="2s',
        ),
        (
            lambda: ss.sac("y ~ x", W="w", instruments="q"),
            'use estimator="gmm"',
        ),
        (
            lambda: SAR.but(endogenous="q", instruments="r"),
            r"endogenous='q' is no regressor of 'y ~ x \+ z'; it has 'x', 'z'",
        ),
        (
            lambda: SAR.but(endogenous="x", instruments="z"),
            r"'z' is a regressor of 'y ~ x \+ z': as an instrument it would have to stay out",
        ),
        (lambda: SAR.but(endogenous="x", instruments="x"), "'x' is a regressor of"),
        (lambda: SAR.but(instruments="q"), "instruments='q', but nothing is endogenous: say which"),
        (
            lambda: SAR.but(endogenous=["x", "z"], instruments="q"),
            r"2 regressors are endogenous \('x', 'z'\) and 1 instruments given: each needs one",
        ),
        (lambda: SAR.but(endogenous="x"), "and 0 instruments given: each needs one of its own"),
        (
            lambda: ss.sar("y ~ 1", W="w", estimator="2sls"),
            "'y ~ 1' has no regressors to make instruments from",
        ),
        (
            lambda: ss.ols("y ~ x", estimator="2sls"),
            "nothing is endogenous in this ols, and 2sls would be least squares",
        ),
        (lambda: ss.slx("y ~ x", W="w", estimator="2sls"), "nothing is endogenous in this slx"),
        (
            lambda: ss.sem("y ~ x", W="w", estimator="2sls"),
            '2sls leaves the spatial error of sem: use estimator="gmm"',
        ),
        (lambda: ss.gns("y ~ x", W="w", estimator="best-2sls"), "leaves the spatial error of gns"),
        (
            lambda: SAR.but(estimator="gmm"),
            'gmm estimates a spatial error, and sar has none: use estimator="2sls"',
        ),
        (
            lambda: ss.slx("y ~ x + z", W="w", estimator="best-2sls", endogenous="x").but(),
            "best-2sls instruments Wy, and slx has none",
        ),
        (
            lambda: SAR.but(estimator="best-2sls", endogenous="x", instruments="q"),
            "best instruments of best-2sls are functions of exogenous regressors",
        ),
        (
            lambda: SAR.but(random="correlated"),
            "random='correlated' is not available with estimator='2sls'. Use random=",
        ),
        (
            lambda: SAR.but(fixed_effects="twoways", correction="direct"),
            "correction='direct' repairs a likelihood; 2sls has none",
        ),
        (lambda: SAR.but(endogenous=3), "endogenous=3: give texts, such as endogenous="),
        (lambda: SAR.but(instruments=["q", 1]), "instruments=.*give texts"),
        (
            lambda: SAR.but(endogenous="x", instruments="q + r"),
            "'q \\+ r' is not one column or expression: list them one by one",
        ),
        (lambda: SAR.but(endogenous="x", instruments=["q", "q"]), "'q' is listed twice"),
    ],
)  # fmt: skip
def test_specifications_that_do_not_exist(make, message):
    with pytest.raises(ss.ModelError, match=message):
        make()


def test_instruments_may_call_no_more_than_a_formula():
    with pytest.raises(ss.FormulaError, match="is not a function that a formula may call"):
        SAR.but(endogenous="x", instruments="open(z)")


def test_an_instrument_made_from_the_outcome_is_refused():
    panel, w = troubled()
    with pytest.raises(ss.FormulaError, match=r"'lag\(y\)' holds the outcome"):
        ss.fit(SAR.but(endogenous="x", instruments="lag(y)"), panel, w)


def test_holes_in_an_instrument_are_named():
    panel, w = troubled()
    frame = panel.frame.reset_index()
    frame.loc[3, "z1"] = np.nan
    holed = ss.CityPanel(frame, city="city", year="year")
    with pytest.raises(ss.FormulaError, match=r"'z1' is missing or not finite in 1 city-years"):
        ss.fit(SDM, holed, w)


def test_an_instrument_that_fixed_effects_absorb_is_refused():
    """The distance of a city does not change from year to year."""
    panel, w = troubled()
    panel = panel.assign(distance=panel.frame["z1"].groupby("city").transform("first"))
    model = SAR.but(fixed_effects="twoways", endogenous="x", instruments="distance")
    with pytest.raises(ss.ModelError, match="instruments='distance': nothing is left once"):
        ss.fit(model, panel, w)
    trend = panel.assign(growing=panel.frame["distance"] * np.tile(np.arange(7.0), (14, 1)).ravel())
    assert ss.fit(model.but(instruments="{distance * z2}"), trend, w).nobs == 78


def test_instruments_that_depend_on_each_other_may_be_too_few():
    """Everybody is everybody's neighbour: W x is x again once year effects are gone."""
    panel, w = troubled()
    n = panel.n
    full = ss.Weights.from_matrix((1 - np.eye(n)) / (n - 1), ids=w.ids, name="w")
    model = ss.sar("y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls")
    message = r"1 endogenous columns \('W\[w\]\*y'\) have 0 instruments left \(none\); 'W\[w\]\*x'"
    with pytest.raises(ss.ModelError, match=message):
        ss.fit(model, panel, full)


def test_an_instrument_that_is_the_regressor_again_is_refused():
    panel, w = troubled()
    copy = panel.assign(copy=3 * panel.frame["x"] + panel.frame["z"])
    model = SAR.but(endogenous="x", instruments="copy", fixed_effects="individual")
    with pytest.raises(
        ss.ModelError, match="the instruments explain 'x' exactly, so that it would"
    ):
        ss.fit(model, copy, w)


def test_every_column_of_an_endogenous_category_needs_an_instrument():
    panel, w = troubled()
    frame = panel.frame.reset_index()
    frame["kind"] = np.digitize(frame["x"], [-1.0, 0.0, 1.0])
    panel = ss.CityPanel(frame, city="city", year="year")
    model = ss.ols("y ~ z + C(kind)", estimator="2sls", endogenous="C(kind)", instruments="z1")
    with pytest.raises(
        ss.ModelError, match=r"3 endogenous columns .* have 1 instruments left \('z1'"
    ):
        ss.fit(model, panel, w)


def test_regressors_that_one_instrument_moves_alike_are_not_identified():
    """Both endogenous columns are the same combination of the instruments."""
    panel, _ = troubled()
    z1, z2 = panel.frame["z1"].to_numpy(), panel.frame["z2"].to_numpy()
    rng = np.random.default_rng(1)
    base = np.c_[np.ones(len(z1)), z1, z2]
    a, b = rng.normal(size=(2, len(z1)))
    a, b = (v - base @ np.linalg.lstsq(base, v, rcond=None)[0] for v in (a, b))
    shape = (panel.n, panel.T)
    panel = panel.assign(a=(z1 + a).reshape(shape), b=(z1 + b).reshape(shape))
    model = ss.ols("y ~ a + b", estimator="2sls", endogenous=["a", "b"], instruments=["z1", "z2"])
    with pytest.raises(ss.EstimationError, match=r"explain nothing of '[ab]' beyond the other"):
        ss.fit(model, panel)


def test_collinear_regressors_and_too_many_instruments_are_refused():
    panel, w = troubled()
    both = panel.assign(both=panel.frame["x"] + panel.frame["z"])
    with pytest.raises(ss.ModelError, match="is a linear combination of the other regressors"):
        ss.fit(ss.sar("y ~ x + z + both", W="w", estimator="2sls"), both, w)
    small, v = made_up(4, 3)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls")
    with pytest.raises(ss.ModelError, match="instruments for 6 independent observations"):
        ss.fit(model, small, v)


def test_rho_outside_its_space_is_refused_with_the_strength_of_the_instruments():
    """City effects left in the data: rho runs beyond one."""
    panel, w = made_up(16, 5, seed=1)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="individual", estimator="2sls")
    message = r"two stages put rho at 1.128, outside .* smallest F of the first stage is \d"
    with pytest.raises(ss.EstimationError, match=message):
        ss.fit(model, panel, w)
    wide = ss.Weights.from_matrix(1e4 * w.dense(), ids=w.ids, name="w")
    message = r"two stages put rho at 0.0001128, outside"
    with pytest.raises(ss.EstimationError, match=message):
        ss.fit(model, panel, wide)


def test_an_outcome_without_error_is_refused():
    panel, w = troubled()
    n, T = panel.n, panel.T
    x, z = (panel.frame[c].to_numpy().reshape(n, T) for c in ("x", "z"))
    exact = panel.assign(y=np.linalg.solve(np.eye(n) - 0.4 * w.dense(), x - z))
    with pytest.raises(ss.EstimationError, match="fit the outcome exactly"):
        ss.fit(SAR, exact, w)


@pytest.mark.parametrize("kind", ["expected", "observed", "sandwich", "hac"])
def test_covariances_of_a_likelihood_are_refused(kind):
    panel, w = troubled()
    message = f"cov='{kind}' does not exist without a likelihood.*'classical', 'robust', 'city'"
    with pytest.raises(ss.ModelError, match=message):
        ss.fit(SDM, panel, w, cov=kind)
    with pytest.raises(ss.ModelError, match=message):
        ss.fit(SDM, panel, w).with_cov(kind)


def test_covariances_of_instruments_are_refused_under_a_likelihood():
    panel, w = troubled()
    res = ss.fit(ss.sar("y ~ z", W="w"), panel, w)
    assert res.cov_kind == "expected"
    with pytest.raises(ss.ModelError, match="cov='classical' is not one of 'expected'"):
        res.with_cov("classical")


@pytest.mark.parametrize("T", [4, 5])
def test_clusters_no_more_than_coefficients_are_refused(T):
    """Their sums, of which there is one for every coefficient, add up to zero."""
    panel, w = troubled(T=T)
    with pytest.raises(ss.EstimationError, match=f"variance of 5 coefficients from {T} clusters"):
        ss.fit(SDM, panel, w, cov="period")


def test_without_a_likelihood_tables_and_summaries_say_so():
    panel, w = troubled()
    res = ss.fit(SDM, panel, w)
    glance = res.glance().iloc[0]
    assert (glance["estimator"], glance["covariance"]) == ("2sls", "classical")
    assert glance["correction"] == "-"
    assert np.isnan(glance[["loglik", "aic", "bic"]].astype(float)).all()
    text = res.summary()
    assert "Estimated by two-stage least squares; endogenous: x, W[w]*x, W[w]*y;" in text
    assert "instruments: W[w]^2*z, W[w]^3*z, z1, W[w]*z1, W[w]^2*z1, z2," in text
    assert "loglik" not in text
    assert "aic" not in text
    likelihood = ss.fit(SDM.but(estimator="qml", endogenous=(), instruments=()), panel, w)
    printed = str(ss.report.table([res, likelihood]))
    assert "(1): Estimated by two-stage least squares" in re.sub(r"\s+", " ", printed)
    assert "(1): Fixed effects swept out of the data" in re.sub(r"\s+", " ", printed)
    assert "nan" not in printed
    assert np.isnan(res.se["sigma2"])
    loaded = pickle.loads(pickle.dumps(res))
    assert loaded.first_stage().table.equals(res.first_stage().table)
