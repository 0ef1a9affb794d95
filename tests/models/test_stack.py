"""Designs made together: those of each model alone, whatever stands beside it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import spatialsyn as ss
from spatialsyn.models.beside import Beside
from spatialsyn.models.data import read
from spatialsyn.models.design import sweep_effects
from spatialsyn.models.formula import evaluate
from spatialsyn.models.stack import alike, stacked
from spatialsyn.models.terms import Terms
from spatialsyn.numerics.lags import lag, lag_each
from spatialsyn.numerics.transform import FIXED_EFFECTS, sweep, sweep_each
from tests.cases import made_up
from tests.maps import neighbours, on_map

FORMULAS = ("y ~ x + z", "y ~ z", "log(size) ~ x + {z**2} + x:z | x", "y ~ x + winsor(z, 0.1)")
ROLES = {
    "ols": [None],
    "slx": ["w", {"wx": ["w", "v"]}],
    "sar": ["w"],
    "sdm": ["w", {"wy": "w", "wx": "v"}, {"wy": "w", "wx": ["v", "w"]}],
}


def maps():
    """A W stored dense, and one stored sparse; with each a second W."""
    panel, w = made_up(9, 5)
    yield panel, {"w": w, "v": ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="v")}
    panel, w = on_map(neighbours(30), T=4)
    squared = w.dense() @ w.dense() * (1 - np.eye(30))
    v = ss.Weights.from_matrix(squared, ids=w.ids, name="v").standardize("row")
    yield panel.assign(size=np.exp(0.1 * panel.array("z"))), {"w": w, "v": v}


def together(models, panel, weights):
    """Models evaluated one by one, and their designs made side by side."""
    terms = Terms(panel)

    def known(*how):
        return evaluate(*how, terms)

    data = [read(model, panel, evaluate=known)[0] for model in models]
    chosen = {name: weights[name] for name in models[0].weights_names}
    found, group = {}, stacked(models, data, chosen, {})
    if group is not None:
        places, beside = group
        for i, columns, at in zip(places, beside.columns, beside.at, strict=True):
            found[i] = beside.one, columns, beside.swept[at]
    return [found.get(i) for i in range(len(models))], data, chosen


@pytest.mark.parametrize("effects", FIXED_EFFECTS)
@pytest.mark.parametrize(("family", "W"), [(f, W) for f, all_ in ROLES.items() for W in all_])
def test_they_are_those_made_one_by_one_to_the_last_bit(family, W, effects):
    for panel, weights in maps():
        formulas = [f for f in FORMULAS if "|" not in f or family in ("slx", "sdm")]
        models = [ss.SpatialModel(family, f, W, effects) for f in formulas]
        made, data, chosen = together(models, panel, weights)
        for model, d, one in zip(models, data, made, strict=True):
            alone = sweep_effects(model, d, chosen)
            assert one is not None
            design, columns, rows = one
            assert_array_equal(rows, Beside.of(alone).swept)
            assert columns == alone.columns
            assert design.rho_names == alone.rho_names
            assert (design.nobs, design.units, design.copies) == (
                alone.nobs, alone.units, alone.copies)  # fmt: skip
            assert design.logdet is alone.logdet or design.logdet.full is alone.logdet.full


def test_columns_that_effects_absorb_are_left_to_be_refused_and_spoil_no_other():
    panel, w = made_up(9, 5)
    still = panel.assign(still=np.repeat(np.arange(9.0)[:, None], 5, axis=1), flat=np.ones((9, 5)))
    formulas = ["y ~ x + still", "flat ~ x", "y ~ x + z"]
    models = [ss.sdm(f, W="w", fixed_effects="individual") for f in formulas]
    absorbed, flat, fine = together(models, still, {"w": w})[0]
    assert (absorbed, flat) == (None, None)
    assert [column.name for column in fine[1]] == ["x", "z", "W[w]*x", "W[w]*z"]
    runs = ss.Study(still, w, dict(zip("abc", models, strict=True))).run()
    assert list(runs.failures.index) == ["a", "b"]
    assert "nothing is left" in runs.failures["a"]


def test_dummies_of_a_category_depend_on_the_formula_they_stand_in():
    panel, w = made_up(9, 5)
    models = [ss.sar(f, W="w") for f in ("y ~ x + C(region)", "y ~ x + C(region) - 1", "y ~ x")]
    made, data, chosen = together(models, panel, {"w": w})
    for model, d, (_, _, rows) in zip(models, data, made, strict=True):
        assert_array_equal(rows, Beside.of(sweep_effects(model, d, chosen)).swept)
    assert [len(columns) for _, columns, _ in made] == [3, 3, 2]


@pytest.mark.parametrize(
    "model",
    [
        ss.sem("y ~ x", W="w"),
        ss.sar("y ~ x", W="w", random="individual"),
        ss.sdm("y ~ x", W="w", regimes="region"),
        ss.sar("y ~ x", W=["w", "v"]),
        ss.sar("y ~ x", W="w", fixed_effects="individual", lag_y=True),
        ss.sar("y ~ 1", W="w", fixed_effects="individual"),
    ],
)
def test_other_models_are_made_alone(model):
    panel, weights = next(maps())
    assert together([model], panel, weights)[0] == [None]


def test_models_are_alike_that_differ_in_their_formulas_only():
    one = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    assert alike(one) == alike(one.but(formula="y ~ z"))
    assert alike(one) != alike(one.but(fixed_effects="individual"))
    assert alike(one) != alike(one.but(W={"wy": "w", "wx": "v"}))


@pytest.mark.parametrize("effects", FIXED_EFFECTS)
def test_columns_one_by_one_are_swept_and_lagged_like_all_of_them(effects):
    v = np.random.default_rng(0).normal(size=(7, 30, 5))
    each = np.moveaxis(v, 0, 2)
    assert_allclose(np.moveaxis(sweep_each(v, effects), 0, 2), sweep(each, effects), atol=1e-14)
    for some in (v[:1], v[2:5]):
        first = int(np.flatnonzero((v == some[0]).all(axis=(1, 2)))[0])
        rows = slice(first, first + len(some))
        assert_array_equal(sweep_each(some, effects), sweep_each(v, effects)[rows])
    for W in (neighbours(30), neighbours(30).toarray()):
        assert_allclose(np.moveaxis(lag_each(W, v), 0, 2), lag(W, each), atol=1e-14)


@pytest.mark.parametrize(("effects", "cut"), list(product(["individual", "twoways"], [None, 0.05])))
def test_a_study_of_many_formulas_has_the_numbers_of_single_fits_to_the_last_bit(effects, cut):
    _, (panel, weights) = maps()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects=effects)
    swaps = ss.swap("z", ["log(size)", "{z**2}"])
    specs = ss.grid(model, x=swaps, lag_x=[0, 1], drop_years=[None, 2003], winsor=[cut])
    table = ss.Study(panel, weights, specs).run().effects()
    for name, spec in specs.items():
        years = [year for year in panel.years if year not in spec.drop_years]
        if spec.drop_years and "winsor" in spec.model.formula:
            continue  # quantiles are those of the whole panel
        own = ss.fit(spec.model, panel.subset(years=years), weights).effects().table
        mine = table[table["model"] == name]
        for column in ("estimate", "se", "low", "high", "p"):
            assert_array_equal(mine[column], own[column])
