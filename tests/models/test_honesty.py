"""Inputs for which a number would come out that is wrong: each is refused, or comes out right."""

from __future__ import annotations

import pickle

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import helmert
from scipy.optimize import brentq
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.numerics.transform import sweep


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ {{{c}}} + x + `{c}`",
        "y ~ `{c}` + x + {{{c}}}",
        "y ~ x:`{c}` + {{{c}}}",
        "{{{c}}} ~ x + `{c}`",
    ],
)
def test_a_quoted_column_does_not_hide_code_of_the_same_text(formula, tmp_path):
    mark = tmp_path / "ran"
    code = f"__import__('os').system('touch {mark}')"
    panel, _ = made_up()
    with pytest.raises(ss.FormulaError):
        ss.fit(ss.ols(formula.format(c=code)), panel)
    assert not mark.exists()


def test_a_labelled_matrix_is_read_by_its_labels():
    _, w = made_up()
    frame = pd.DataFrame(w.dense(), index=w.ids, columns=w.ids).sample(frac=1, random_state=0)
    moved = ss.Weights.from_matrix(frame, ids=w.ids, name="w")
    assert moved.hash == w.hash
    assert ss.Weights.from_matrix(frame, name="w").hash == w.hash
    with pytest.raises(
        ss.AlignmentError, match=r"rows of W.w. and its ids differ: without a label 'zz'"
    ):
        ss.Weights.from_matrix(frame, ids=[*w.ids[:-1], "zz"])
    with pytest.raises(ss.WeightsError, match="needs ids="):
        ss.Weights.from_matrix(w.dense())


@pytest.mark.parametrize("formula", ["y ~ lag(y) + x", "y ~ x + diff(y)", "log(y) ~ x + y"])
def test_the_outcome_is_not_a_regressor(formula):
    panel, w = made_up()
    with pytest.raises(ss.FormulaError, match=r"holds the outcome.*dynamic model"):
        ss.fit(ss.sar(formula, W="w"), panel, w)


def test_a_ratio_with_the_outcome_is_told_apart_from_a_lag():
    panel, w = made_up()
    with pytest.raises(ss.FormulaError, match=r"'x / y' holds the outcome 'y' itself. Its error"):
        ss.fit(ss.sar("y ~ {x / y}", W="w"), panel, w)


@pytest.mark.parametrize("family", ["sar", "sem", "sac", "gns"])
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_scale_of_the_weights_scales_the_coefficient_and_nothing_else(family, factor):
    panel, w = made_up(n=15, T=8)
    scaled = ss.Weights.from_matrix(w.dense() * factor, ids=w.ids, name="w")
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects="individual")
    one, other = ss.fit(model, panel, w), ss.fit(model, panel, scaled)
    assert_allclose(other.loglik, one.loglik, rtol=1e-9)
    for before, after in ((one.rho, other.rho), (one.lam, other.lam)):
        assert_allclose(after * factor, before, rtol=1e-6)


def test_bias_correction_with_time_effects_needs_row_standardised_weights():
    panel, w = made_up()
    spectral = ss.Weights.from_matrix(w.dense() * np.linspace(0.5, 2, 12), ids=w.ids, name="w")
    model = ss.sar("y ~ x", W="w", fixed_effects="twoways", correction="bias-corrected")
    with pytest.raises(ss.WeightsError, match=r"rows of W\[w\] sum to"):
        ss.fit(model, panel, spectral.standardize("spectral"))


def test_rho_stays_below_one_under_the_transformation():
    """F'SF is regular beyond rho = 1, the multiplier of the outcome is not."""
    _, w = made_up(n=6)
    reduced = w.logdet.without_unit_root()
    assert reduced.interval == w.logdet.interval
    assert not reduced.contains(np.array([1.01]))


@pytest.mark.parametrize("beyond", [1e-5, 1e-4, 1e-3])
def test_a_peak_just_beyond_one_is_no_estimate(beyond):
    """The likelihood with F'WF written out is smooth at rho = 1; y is such that it peaks after it."""
    panel, w = made_up(n=13, T=4, seed=4)
    W, F, e = w.dense(), helmert(13).T, np.random.default_rng(1).normal(size=(13, 4))
    reduced, x = F.T @ W @ F, sweep(panel.array("x"), "twoways").ravel()
    trace = np.trace(np.linalg.solve(np.eye(12) - (1 + beyond) * reduced, reduced))

    def outcome(noise):
        return np.linalg.solve(np.eye(13) - 0.9 * W, panel.array("x") + noise * e)

    def left(v):
        v = sweep(v, "twoways").ravel()
        return v - x * (x @ v) / (x @ x)

    def slope(noise):
        y = outcome(noise)
        u, Wu = left(y - (1 + beyond) * W @ y), left(W @ y)
        return 12 * u @ Wu / (u @ u) - trace

    made = panel.assign(y=outcome(brentq(slope, 0.01, 10)))
    with pytest.raises(ss.EstimationError, match="still rises at rho"):
        ss.fit(ss.sar("y ~ x", W="w", fixed_effects="twoways"), made, w)


def test_years_are_lost_to_lags_only():
    panel, w = made_up()
    holed = panel.array("z").copy()
    holed[:, :2] = np.nan
    panel = panel.assign(z=holed)
    with pytest.raises(ss.FormulaError, match="'z' is missing or not finite in 12 city-years"):
        ss.fit(ss.sar("y ~ lag(x) + z", W="w"), panel, w)
    assert ss.fit(ss.sar("y ~ lag(x, 2) + diff(lag(x))", W="w"), panel, w).data.years[0] == 2003


@pytest.mark.parametrize(
    ("columns", "formula", "message"),
    [
        ({"Intercept": 1.5}, "y ~ x + Intercept", "'Intercept' is that of the constant"),
        ({"Intercept": 1.5}, "y ~ x + Intercept - 1", "'Intercept' is that of the constant"),
        ({"sigma2": 1.5}, "y ~ x + sigma2", "those of parameters or lags"),
        ({"W[w]*x": 1.5}, "y ~ x + `W[w]*x`", "those of parameters or lags"),
    ],
)
def test_columns_with_the_names_of_parameters_are_refused(columns, formula, message):
    panel, w = made_up()
    varied = {name: panel.array("z") * value for name, value in columns.items()}
    with pytest.raises(ss.ModelError, match=message):
        ss.fit(ss.sdm(formula, W="w"), panel.assign(**varied), w)


def test_a_column_of_the_name_of_the_constant_is_refused_where_there_is_none():
    """It was estimated, and left out of the effects and of their tables."""
    panel, w = made_up()
    panel = panel.assign(Intercept=panel.array("z"))
    with pytest.raises(ss.ModelError, match=r"has no effects\. Rename the column"):
        ss.fit(ss.sdm("y ~ x + Intercept", W="w", fixed_effects="twoways"), panel, w)
    model = ss.ols("y ~ x", estimator="2sls", endogenous=["x"], instruments=["Intercept"])
    with pytest.raises(ss.ModelError, match="'Intercept' is that of the constant"):
        ss.fit(model, panel)


def test_a_bar_without_lags_and_a_text_outcome_are_refused():
    panel, _ = made_up()
    with pytest.raises(
        ss.ModelError, match=r"says with '.' which regressors are lagged.*fixed_effects="
    ):
        ss.sar("y ~ x + z | x", W="w")
    with pytest.raises(ss.FormulaError, match="must be made of numeric columns"):
        ss.fit(ss.ols("region ~ x"), panel)
    with pytest.raises(ss.FormulaError, match="a formula is a text"):
        ss.ols(None)
    with pytest.raises(ss.FormulaError, match="in braces"):
        ss.ols("y ~ x - 1.5")


def test_categories_keep_all_levels_without_a_constant():
    panel, _ = made_up()
    res = ss.fit(ss.ols("y ~ C(region) - 1"), panel)
    means = panel.frame["y"].groupby(panel.frame["region"]).mean()
    assert_allclose(res.params.iloc[:2], means, rtol=1e-10)
    assert len(ss.fit(ss.ols("y ~ C(region)"), panel).params) == 3


def test_prediction_does_not_standardise_anew():
    panel, w = made_up()
    res = ss.fit(ss.sar("y ~ standardize(x)", W="w"), panel, w)
    with pytest.raises(ss.ModelError, match="would be computed anew"):
        res.predict(panel.assign(x=panel.frame["x"] + 1))


def test_one_way_weights_have_an_estimate():
    """All eigenvalues are zero: ln|S| = 0 and nothing bounds rho."""
    panel, _ = made_up(n=8, T=10)
    chain = ss.Weights.from_matrix(np.diag(np.ones(7), 1), ids=panel.ids, name="w")
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), panel, chain)
    assert np.isfinite(res.params).all()


def test_city_effects_have_the_variance_of_the_mean_error_and_of_the_slope():
    """With one regressor, a city's effect is mean(y) - b mean(x), each less that of all cities."""
    panel, w = made_up(n=10, T=6)
    x = panel.array("x")
    slope = (x.mean(axis=1) - x.mean()) ** 2
    plain = ss.fit(ss.ols("y ~ x", fixed_effects="individual"), panel)
    assert_allclose(plain.fixed_effects()["se"] ** 2, plain.sigma2 / 6 + slope * plain.se["x"] ** 2)
    error = ss.fit(ss.sem("y ~ x", W="w", fixed_effects="individual"), panel, w)
    R = np.eye(10) - error.lam["w"] * w.dense()
    own = error.sigma2 / 6 * np.diag(np.linalg.inv(R.T @ R))
    assert_allclose(error.fixed_effects()["se"] ** 2, own + slope * error.se["x"] ** 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p.frame, w), "fit needs a panel"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, w.dense()), "weights are ss.Weights"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, 3), "weights are ss.Weights"),
        (lambda p, w: ss.sdm("y ~ x", W=w), "must name one weights matrix or several, by name"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, w).predict(p.frame), "predict needs a panel"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, w).effects(by=["region"]), "neither 'city'"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, w).effects(draws=20), "at least 100"),
        (lambda p, w: ss.fit(ss.sar("y ~ x", W="w"), p, w).tidy(level=95), "between 0 and 1"),
        (lambda p, w: ss.measures.composite(p, ["x"]), "indicators is a mapping"),
        (lambda p, w: ss.measures.coupling(p, ["x"]), "subsystems is a mapping"),
        (lambda p, w: p.assign(q="a"), "'q' needs a Series"),
        (lambda p, w: p.assign(q=[1, 2]), "'q' needs a Series"),
        (lambda p, w: p.mean("x", 2001), "years is a list"),
        (lambda p, w: p.mean("x", ()), "years is empty"),
        (lambda p, w: p.subset("c01"), r"subset\(\['c01'\]\)"),
        (lambda p, w: p.array("region"), "'region' is text"),
        (lambda p, w: p.interpolate("nope"), "no column 'nope'"),
        (lambda p, w: setattr(p, "blocks", {}), "a panel does not change"),
        (lambda p, w: ss.CityPanel("x.csv"), "the table is a DataFrame"),
        (lambda p, w: ss.weights.audit([w, w]), "one by one"),
        (lambda p, w: ss.weights.gap(np.ones(3)), "need a Series by city id"),
    ],
)  # fmt: skip
def test_wrong_kinds_of_argument_are_told_what_is_needed(call, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(*made_up())


def test_changing_the_shown_table_changes_no_panel():
    panel, _ = made_up()
    frame = panel.frame
    frame["x"] = 0.0
    assert panel.array("x").any()


def test_changing_what_a_noun_shows_changes_no_noun():
    """Each attribute is read, written over, and read again."""
    ids = [f"c{i:02d}" for i in range(12)]
    shapes = [box(113 + i % 4, 22 + i // 4, 114 + i % 4, 23 + i // 4) for i in range(13)]
    polygons = gpd.GeoDataFrame({"colour": "blue"}, [*ids, "sea"], geometry=shapes, crs=4326)
    panel, w = made_up()
    panel = ss.CityPanel(panel.frame.reset_index(), "city", "year", polygons, ["region"])
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    effects = res.effects()
    shown = [(panel, "cities"), (panel, "context"), (effects, "table")]
    shown += [(res, name) for name in ("params", "se", "cov", "rho", "resid", "fitted")]
    for noun, name in shown:
        before, changed = getattr(noun, name).copy(), getattr(noun, name)
        changed.iloc[0:1] = changed.iloc[-1:].to_numpy()
        if changed.ndim == 2:
            changed["one more"] = 1
        assert getattr(noun, name).equals(before)
    block = panel.blocks["region"]
    block.iloc[:] = "other"
    assert set(panel.blocks["region"]) == {"core", "edge"}
    assert_allclose(res.effects()["total"]["estimate"], effects["total"]["estimate"], rtol=0)


def test_base_years_are_not_lost_or_contradicted():
    ids = ["a", "b", "c"]
    early, late = (pd.Series([1.0, 2, 4], index=ids, name=n) for n in ("gdp", "population"))
    early.attrs["base_years"], late.attrs["base_years"] = (2011,), (2019,)
    with pytest.raises(
        ss.WeightsError, match=r"base_years=\(2011,\), but the values are means over \(2019,\)"
    ):
        ss.weights.gap(late, base_years=(2011,))
    with pytest.raises(ss.WeightsError, match="do not say of which years"):
        ss.weights.gap(early / late + [0, 1, 2])
    backwards = early.copy()
    backwards.attrs |= {"base_years": (2012, 2011), "sample_years": (2011, 2012)}
    assert ss.weights.gap(backwards).base_years == "all"


def test_given_row_standardised_weights_are_known_as_such():
    w = ss.Weights.from_matrix(ring(6), ids=range(6), name="w")
    assert w.standardization == "row"
    assert_allclose(w.subset([0, 1, 2, 3]).row_sums, 1)


def test_results_travel_between_processes():
    panel, w = made_up()
    res = ss.fit(ss.gns("y ~ x", W="w", fixed_effects="individual"), panel, w)
    back = pickle.loads(pickle.dumps(res))
    assert_allclose(
        back.effects("x", by="region").table["se"], res.effects("x", by="region").table["se"]
    )
