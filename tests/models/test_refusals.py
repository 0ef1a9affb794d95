"""Specifications and data that cannot give an honest estimate are refused in words."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring

import spatialsyn as ss
from spatialsyn.models import estimators
from spatialsyn.models.line import wider
from spatialsyn.models.qml import inverted


def test_a_model_is_a_value():
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    assert model == ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    assert len({model, model.but(W="v")}) == 2
    assert pickle.loads(pickle.dumps(model)) == model
    assert model.but(fixed_effects="none").fixed_effects == "none"
    assert model.fixed_effects == "twoways"
    assert str(model) == "y ~ rho[w]*W[w]*y + x + z + W[w]*x + W[w]*z | city + year"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ss.sdm("y ~ x", W=["a", "a"]), "wy names a matrix twice"),
        (lambda: ss.sem("y ~ x", W=["a", "b"]), "the error has one matrix. Say which"),
        (lambda: ss.sdm("y ~ x", W={"wy": "a"}), "sdm has the roles 'wx', 'wy'; W gives 'wy'"),
        (
            lambda: ss.sar("y ~ x", W={"wy": "a", "wu": "a"}),
            "sar has the roles 'wy'; W gives 'wu', 'wy'",
        ),
        (
            lambda: ss.slx("y ~ x", W={"wx": {"q": "a"}}),
            "W lags 'q', but 'y ~ x' has the regressors 'x'",
        ),
        (
            lambda: ss.sdm("y ~ x", W={"wy": "a", "wx": "b"}).but(family="sar"),
            "do not fit sar: give W",
        ),
        (
            lambda: ss.sdm("y ~ x", W={"wy": [], "wx": "a"}),
            "must name one weights matrix or several",
        ),
        (lambda: ss.sdm("y ~ x", W=None), "sdm needs W"),
        (lambda: ss.sar("y ~ x"), "sar needs W: the name of a weights matrix"),
        (lambda: ss.SpatialModel("ols", "y ~ x", W="w"), "ols has no spatial lag"),
        (lambda: ss.ols("y ~ x", "w"), "ols has no spatial lag: leave W='w' out"),
        (lambda: ss.ols("y ~ x", "twoways"), "fixed effects are named, fixed_effects='twoways'"),
        (
            lambda: ss.ols("y ~ x", W="w", fixed_effects="twoways"),
            r"leave W='w' out.*or use slx, sar.*take the Weights.*results.diagnostics\(W=geo\)",
        ),
        (lambda: ss.ols("y ~ x", W=["a", "b"]), r"leave W=\['a', 'b'\] out"),
        (lambda: ss.ols("y ~ x", W=made_up()[1]), "leave W=Weights 'w': .* out"),
        (lambda: ss.ols("y ~ x", W=np.eye(3)), "leave W=array"),
        (
            lambda: ss.sdm("y ~ x", W={"wy": "a", "wx": "b"}).but(family="ols"),
            r"leave W=\['a', 'b'\] out, model.but\(family='ols', W=None\)",
        ),
        (
            lambda: ss.SpatialModel("sarar", "y ~ x", W="w"),
            "family='sarar' is not one of 'ols', 'slx'",
        ),
        (
            lambda: ss.sdm("y ~ x", W="w", fixed_effects="both"),
            "fixed_effects='both' is not one of .*'twoways' both",
        ),
        (lambda: ss.sdm("y ~ x", W="w", correction="leeyu"), "correction='leeyu' is not one of"),
        (lambda: ss.sdm("y ~ 1", W="w"), "has none to lag"),
        (lambda: ss.ols("y ~ x").but(weights="w"), "a model has no weights; it has family"),
        (lambda: ss.ols("y ~ x").but(years=(2013, 2019)), r"panel.subset\(years=range"),
    ],
)
def test_specifications_that_do_not_exist(make, message):
    with pytest.raises(ss.ModelError, match=message):
        make()


def test_time_effects_need_a_row_standardised_W_or_the_direct_approach():
    panel, w = made_up()
    raw = ss.Weights.from_matrix(w.dense() * 2, ids=w.ids, name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    with pytest.raises(
        ss.WeightsError, match=r"rows of W\[w\] sum to 2 .. 2.*correction=\"direct\""
    ):
        ss.fit(model, panel, raw)
    direct = ss.fit(model.but(correction="direct"), panel, raw)
    # Twice the weights, half the coefficient: the same model.
    row = ss.fit(model.but(correction="direct"), panel, w)
    np.testing.assert_allclose(2 * direct.rho["w"], row.rho["w"], rtol=1e-8)
    np.testing.assert_allclose(direct.loglik, row.loglik, rtol=1e-10)


def test_weights_are_found_by_name_and_cities_by_id():
    panel, w = made_up()
    model = ss.sar("y ~ x", W="geo")
    with pytest.raises(ss.AlignmentError, match="needs the weights 'geo'; given are 'w'"):
        ss.fit(model, panel, w)
    with pytest.raises(ss.AlignmentError, match="needs the weights 'geo'; given are none"):
        ss.fit(model, panel)
    foreign = ss.Weights.from_matrix(w.dense(), ids=[*w.ids[:-1], "zz"], name="geo")
    with pytest.raises(ss.AlignmentError, match=r"in the panel only: 'c11'  \(1 of 12\)") as caught:
        ss.fit(model, panel, foreign)
    assert "in the weights only: 'zz'" in str(caught.value)
    with pytest.raises(ss.AlignmentError, match="two weights share a name"):
        ss.fit(model, panel, [w, w])


def test_a_mapping_names_its_weights():
    panel, w = made_up()
    model = ss.sar("y ~ x", W="geo")
    by_key = ss.fit(model, panel, {"geo": w})
    assert list(by_key.rho.index) == ["geo"]
    np.testing.assert_allclose(by_key.loglik, ss.fit(model, panel, w.rename("geo")).loglik)


def test_regressors_that_fixed_effects_absorb_are_named():
    panel, w = made_up()
    panel = panel.assign(area=panel.frame["x"].groupby("city").transform("first"))
    panel = panel.assign(trend=np.tile(np.arange(6.0), (12, 1)))
    with pytest.raises(ss.ModelError, match=r"'area', 'W\[w\]\*area': nothing is left"):
        ss.fit(ss.sdm("y ~ x + area", W="w", fixed_effects="individual"), panel, w)
    with pytest.raises(ss.ModelError, match=r"'trend'.*nothing is left"):
        ss.fit(ss.sar("y ~ x + trend", W="w", fixed_effects="time"), panel, w)


def test_collinear_regressors_are_named():
    panel, _ = made_up()
    panel = panel.assign(both=panel.frame["x"] + panel.frame["z"])
    with pytest.raises(ss.ModelError, match="is a linear combination of the other regressors"):
        ss.fit(ss.ols("y ~ x + z + both"), panel)


def test_collinear_regressors_are_named_with_what_they_are_made_of():
    panel, w = made_up()
    panel = panel.assign(twice=2 * panel.frame["x"] + 1, one=np.ones((12, 6)))
    told = r"'x' is a linear .*of 'twice'\. Leave one of them|'twice' is a linear .*of 'x'\. Leave"
    with pytest.raises(ss.ModelError, match=told):
        ss.fit(ss.sar("y ~ x + z + twice", W="w", fixed_effects="individual"), panel, w)
    with pytest.raises(ss.ModelError, match=r"^'(Intercept|one)' is .* of '(one|Intercept)'\. "):
        ss.fit(ss.ols("y ~ x + one"), panel)


@pytest.mark.parametrize("family", ["sar", "sdm", "mess"])
def test_the_lag_of_the_outcome_made_by_hand_is_no_regressor(family):
    """Also with the eight digits of a file, and beside other models of a study."""
    panel, w = made_up()
    panel = panel.assign(lagged=(w.dense() @ panel.array("y")).round(9))
    bad = ss.SpatialModel(family, "y ~ x + lagged", "w", "individual")
    with pytest.raises(ss.ModelError, match="'lagged' is the spatial lag of the outcome itself"):
        ss.fit(bad, panel, w)
    runs = ss.Study(panel, w, {"good": bad.but(formula="y ~ x + z"), "bad": bad}).run()
    assert list(runs.failures.index) == ["bad"]
    assert "lag of the outcome itself" in runs.failures["bad"]


def test_a_parameter_without_information_is_refused_and_nothing_else_is_said():
    """Dividing by its zero would warn, and warnings are errors here."""
    with pytest.raises(ss.EstimationError, match="not positive definite"):
        inverted(np.diag([1.0, 0.0]))


def test_too_few_observations_or_periods_are_refused():
    panel, w = made_up(n=4, T=2)
    with pytest.raises(
        ss.ModelError, match="3 independent observations cannot identify 6 parameters"
    ):
        ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    # Dummies take the same number away: three coefficients fit what is left exactly.
    with pytest.raises(
        ss.ModelError, match="3 independent observations cannot identify 4 parameters"
    ):
        ss.fit(ss.sar("y ~ x + z", W="w", fixed_effects="twoways", correction="direct"), panel, w)
    one = panel.subset(years=[2001])
    with pytest.raises(ss.ModelError, match="needs two years at least; the panel has 1"):
        ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), one, w)
    with pytest.raises(ss.ModelError, match="needs two years at least; lags in time leave 1"):
        ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual", lag_y=True), panel, w)


def test_an_outcome_without_error_is_refused():
    panel, w = made_up()
    panel = panel.assign(copy=2 * panel.frame["x"])
    with pytest.raises(ss.EstimationError, match="fit the outcome exactly, but for rounding"):
        ss.fit(ss.ols("copy ~ x"), panel)
    nearly = panel.assign(copy=panel.array("copy") * (1 + 1e-9 * panel.array("z")))
    for model in (ss.ols("copy ~ x"), ss.sar("copy ~ x", W="w", fixed_effects="individual")):
        with pytest.raises(ss.EstimationError, match="fit the outcome exactly, but for rounding"):
            ss.fit(model, nearly, w)
    holed = panel.assign(copy=panel.frame["copy"].where(panel.frame["z"] < 1))
    with pytest.raises(ss.EstimationError, match="fit the outcome exactly"):
        ss.fit(ss.ols("copy ~ x"), holed, missing="likelihood")


def test_fit_takes_models_only():
    panel, w = made_up()
    with pytest.raises(ss.ModelError, match="fit needs a model such as"):
        ss.fit("y ~ x", panel, w)
    with pytest.raises(ss.ModelError, match="cov='classical' is not one of 'expected', 'observed'"):
        ss.fit(ss.sar("y ~ x", W="w"), panel, w, cov="classical")


WRONG = [[], "", 0, False, {"a": 1}, ["city"], np.array(["city"]), "hac"]


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, [*WRONG, "spatial-hac", "robust"]),
        ({"estimator": "2sls"}, [*WRONG, "expected", "sandwich"]),
        ({"random": "individual"}, [*WRONG, "observed", "city"]),
        ({"missing": "likelihood"}, [*WRONG, "period", "spatial-hac"]),
    ],
)
def test_a_covariance_that_the_model_has_not_is_refused_before_it_is_estimated(
    options, kinds, monkeypatch
):
    panel, w = made_up()
    missing = {key: value for key, value in options.items() if key == "missing"}
    if missing:
        panel = panel.assign(y=panel.frame["y"].where(panel.frame["z"] < 1))
    model = ss.sar("y ~ x", W="w", **({} if missing else options))
    before = ss.fit(model, panel, w, **missing)
    for cov in kinds:
        with pytest.raises(ss.ModelError, match="cov="):
            before.with_cov(cov)
    monkeypatch.setattr(estimators, "estimated", lambda *_: pytest.fail("it was estimated"))
    for cov in kinds:
        with pytest.raises(ss.ModelError, match="cov="):
            ss.fit(model, panel, w, cov=cov, **missing)


def test_prediction_needs_the_cities_and_years_of_the_fit():
    panel, w = made_up()
    res = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    with pytest.raises(ss.ModelError, match="predict needs the cities and years"):
        res.predict(panel.subset(years=[2001, 2002]))


def test_criteria_count_dummies_in_the_direct_approach_only():
    panel, w = made_up()
    model = ss.sar("y ~ x", W="w", fixed_effects="twoways")
    transformed, direct = ss.fit(model, panel, w), ss.fit(model.but(correction="direct"), panel, w)
    assert transformed.df_model == 3
    assert direct.df_model == 3 + 12 + 6 - 1


def test_a_W_whose_interval_has_no_lower_end_still_fits():
    """A directed circle of three has one real eigenvalue only."""
    panel, _ = made_up(n=3, T=40)
    W = np.roll(np.eye(3), 1, axis=1)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    assert w.logdet.interval[0] == -np.inf
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), panel, w)
    assert -1 < res.rho["w"] < 1


def test_disconnected_weights_lose_one_unit_root_only():
    panel, _ = made_up(n=8, T=5)
    W = np.zeros((8, 8))
    W[:4, :4], W[4:, 4:] = ring(4), ring(4, 1)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    reduced = w.logdet.without_unit_root()
    assert np.isclose(reduced(0.3), w.logdet(0.3) - np.log(1 - 0.3))


@pytest.mark.parametrize("shift", [1e7, 1e9])
@pytest.mark.parametrize("family", ["ols", "sar", "sdm"])
def test_standard_errors_that_would_be_rounding_are_refused(family, shift):
    """Beside an intercept a constant added to x moves no slope and no error of one."""
    panel, w = made_up(9, 5)
    moved = panel.assign(near=1e4 + panel.array("x"), far=shift + panel.array("x"))
    W = None if family == "ols" else "w"
    plain, near = (
        ss.fit(ss.SpatialModel(family, f"y ~ {x}", W), moved, w).se[x] for x in ("x", "near")
    )
    np.testing.assert_allclose(near, plain, rtol=1e-5)  # 2e-16 * 1e8, and a few more
    with pytest.raises(ss.EstimationError, match="or with the intercept: subtract a constant"):
        ss.fit(ss.SpatialModel(family, "y ~ far", W), moved, w)


def negative() -> tuple[ss.CityPanel, ss.Weights]:
    """A directed W that allows rho to -1.9, and a panel of rho = -1.5."""
    rng, n, T = np.random.default_rng(0), 40, 6
    W = np.zeros((n, n))
    for i in range(n):
        W[i, rng.choice(np.delete(np.arange(n), i), 4, replace=False)] = rng.random(4) + 0.2
    W /= W.sum(axis=1, keepdims=True)
    x, e = rng.normal(size=(n, T)), 0.3 * rng.normal(size=(n, T))
    y = np.linalg.solve(np.eye(n) + 1.5 * W, x + e)
    index = pd.MultiIndex.from_product([range(n), range(T)], names=["city", "year"])
    frame = pd.DataFrame({"x": x.ravel(), "y": y.ravel()}, index=index).reset_index()
    return ss.CityPanel(frame, city="city", year="year"), ss.Weights.from_matrix(W, ids=range(n))


@pytest.mark.parametrize("way", ["sparse", "hessenberg"])
@pytest.mark.parametrize(
    "model",
    [
        ss.sar("y ~ x", W="w"),
        ss.sem("y ~ x", W="w"),
        ss.sac("y ~ x", W="w"),
        ss.sar("y ~ x", W="w", random="individual"),
        ss.sar("y ~ x", W="w", estimator="2sls"),
    ],
    ids=["rho", "lambda", "both", "random", "2sls"],
)
def test_a_way_that_ends_early_says_what_searches_further(model, way):
    panel, w = negative()
    found = ss.fit(model, panel, w.with_logdet("eigenvalues"))
    assert found.params.filter(regex="rho|lambda").min() < -1.4
    with pytest.raises(ss.EstimationError, match=r"ends at -0\.98 and 0\.995 whatever") as no:
        ss.fit(model, panel, w.with_logdet(way))
    assert 'with_logdet("eigenvalues") searches up to the last value' in str(no.value)


def test_only_a_way_that_ends_early_is_blamed_and_only_there():
    w = negative()[1]
    assert wider(w.with_logdet("sparse").logdet, -1.5)
    for way, rho in (("sparse", 0.5), ("sparse", 1.2), ("eigenvalues", -2.5)):
        assert not wider(w.with_logdet(way).logdet, rho)


LEVELS = {"fixed_effects": "individual"}


@pytest.mark.parametrize("factor", [1.0, 2.5])
@pytest.mark.parametrize(
    "model",
    [
        ss.sar("y ~ x", W=["geo", "dig"], **LEVELS),
        ss.sdm("y ~ x", W=["geo", "dig"], **LEVELS),
        ss.slx("y ~ x", W=["geo", "dig"], **LEVELS),
        ss.sar("y ~ x", W=["geo", "dig"], estimator="2sls", **LEVELS),
        ss.slx("y ~ x + z", W={"wx": {"x": ["geo", "dig"], "z": "geo"}}, **LEVELS),
    ],
    ids=["sar", "sdm", "slx", "2sls", "of one regressor"],
)
def test_equal_matrices_are_named(model, factor):
    panel, w = made_up()
    geo = w.rename("geo")
    dig = ss.Weights.from_matrix(factor * w.dense(), ids=w.ids, name="dig")
    with pytest.raises(ss.ModelError, match="the matrices 'geo', 'dig' are equal, proportional"):
        ss.fit(model, panel, [geo, dig])


def test_a_sum_of_two_matrices_is_named_and_other_roles_may_share_one():
    panel, w = made_up()
    geo, dig = w.rename("geo"), ss.Weights.from_matrix(ring(w.n), ids=w.ids, name="dig")
    both = ss.Weights.from_matrix(geo.dense() + 2 * dig.dense(), ids=w.ids, name="both")
    with pytest.raises(ss.ModelError, match="the matrices 'geo', 'dig', 'both' are equal"):
        ss.fit(ss.slx("y ~ x", W=["geo", "dig", "both"], **LEVELS), panel, [geo, dig, both])
    same = geo.rename("same")
    apart = {"wy": "geo", "wx": {"x": "same", "z": "geo"}}
    assert len(ss.fit(ss.sdm("y ~ x + z", W=apart, **LEVELS), panel, [geo, same]).rho) == 1


@pytest.mark.parametrize("unit", [1e200, 1e-200, 1e80, 1e-80])
@pytest.mark.parametrize(("column", "what"), [("y", "the outcome"), ("x", "'x'")])
def test_units_whose_powers_overflow_are_not_called_constant(column, what, unit):
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    with pytest.raises(ss.ModelError, match=f"{what} has values of the size .*another unit"):
        ss.fit(model, panel.assign(**{column: panel.frame[column] * unit}), w)


@pytest.mark.parametrize("unit", [1e60, 1e-60])
def test_other_units_are_units(unit):
    """y in a unit of sixty digits: effects are those of y, in that unit."""
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    plain = ss.fit(model, panel, w).effects().table["estimate"]
    scaled = ss.fit(model, panel.assign(y=panel.frame["y"] * unit), w).effects().table["estimate"]
    np.testing.assert_allclose(scaled / unit, plain, rtol=1e-8)


def test_what_is_said_of_least_squares_and_a_matrix_works():
    """The way out that `ss.ols(..., W=...)` names: another model of it, and the tests."""
    panel, w = made_up()
    plain = ss.sdm("y ~ x", W="w", fixed_effects="twoways").but(family="ols", W=None)
    assert plain == ss.ols("y ~ x", fixed_effects="twoways", W=None)
    results = ss.fit(plain, panel, w)
    lag = ss.diagnostics.lm(results, "lag", W=w)
    assert lag.p > 0
    assert results.diagnostics(W=w)["LM lag"].statistic == lag.statistic
