"""What is no value of an argument is refused by a text that names both; NumPy's numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_array

import spatialsyn as ss

PARAMS = {"Intercept": 1.0, "x": 1.0, "rho[w]": 0.3, "sigma2": 1.0}
SAR = ss.sar("y ~ x", W="w")


def fitted(**options: object) -> ss.Results:
    panel, w = made_up()
    return ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual", **options), panel, w)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: SAR.but(lag_y=2), "lag_y=2 is not one of True, False"),
        (lambda: SAR.but(lag_y="no"), "lag_y='no' is not one of True, False"),
        (lambda: SAR.but(random=pd.Series([1, 2])), "(?s)random=.*is not one of 'individual'"),
        (lambda: SAR.but(formula=["y", "x"]), "a formula is a text such as 'y ~ x'; got list"),
        (lambda: ss.regimes("region", rho="w"), "rho is True or False.*got str: 'w'"),
        (lambda: fitted().effects([]), r"x names no regressor; there are 'x', 'z'"),
        (lambda: fitted().effects(1.5), "x names regressors: 'x', 'z'; got float"),
        (lambda: fitted().effects(per=[]), r"per=\[\] is not one of"),
        (lambda: fitted(lag_y=True).effects(horizon=2, lasting="no"), "lasting is True or False"),
        (lambda: fitted().diagnostics("v"), "W='v' is not a matrix of this model; it has 'w'"),
        (lambda: made_up()[0].audit(jump=0), "jump=0 must be a number above one"),
    ],
)
def test_values_that_mean_nothing_are_refused(call, text):
    with pytest.raises(ss.SpatialsynError, match=text):
        call()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"model": None}, "data are drawn from a model such as ss.sdm"),
        ({"panel": None}, "panel is a CityPanel or a shape"),
        ({"panel": (12, -1)}, r"the shape \(12, -1\) is not \(cities, years\)"),
        ({"params": None}, "params has a number for every parameter"),
        ({"params": PARAMS | {"x": np.nan}}, "x = nan must be a finite number"),
        ({"params": PARAMS | {"sigma2": np.inf}}, "sigma2 = inf must be a finite number"),
        ({"params": PARAMS | {"x": "1"}}, "x = '1' must be a finite number"),
        ({"effects_sd": np.nan}, "effects_sd = nan must be a finite number"),
        ({"seed": None}, "seed=None: give a whole number"),
    ],
)
def test_data_are_not_drawn_from_what_is_no_number(changes, text):
    panel, w = made_up()
    given = {"model": SAR, "panel": panel, "weights": w, "params": PARAMS, "seed": 1} | changes
    with pytest.raises(ss.SpatialsynError, match=text):
        ss.simulate(**given)


@pytest.mark.parametrize(
    ("matrix", "ids", "text"),
    [
        ("abc", [1, 2], r"W\[v\] is not a matrix of numbers: could not convert"),
        ([], [1, 2], r"W\[v\] has the shape \(0,\): it must be n x n"),
        (0, [1, 2], r"W\[v\] has the shape \(\): it must be n x n"),
        (np.ones((2, 2)), 1.5, r"W\[v\] needs ids, the city of every row; got float"),
        (np.array([[0, 1j], [1, 0]]), [1, 2], r"W\[v\] holds complex numbers"),
        (csr_array(np.array([[0, 1j], [1, 0]])), [1, 2], r"W\[v\] holds complex numbers"),
        (pd.DataFrame([[0, 1j], [1, 0]], [1, 2], [1, 2]), None, r"W\[v\] holds complex numbers"),
        (np.eye(2)[::-1], [np.nan, 2], r"W\[v\] has no city id in the rows 1, counted from 1"),
        (np.eye(2)[::-1], ["a", None], r"W\[v\] has no city id in the rows 2, counted from 1"),
    ],
)
def test_what_is_no_matrix_is_refused(matrix, ids, text):
    with pytest.raises(ss.WeightsError, match=text):
        ss.Weights.from_matrix(matrix, ids=ids, name="v")


@pytest.mark.parametrize("name", [None, "", 5])
def test_weights_have_a_name_that_models_can_say(name):
    with pytest.raises(ss.WeightsError, match="the name of weights is a text, such as 'geo'"):
        ss.Weights.from_matrix(np.eye(2)[::-1], ids=[1, 2], name=name)


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, csr_array])
def test_a_bare_matrix_is_no_weights_and_is_told_how_to_become_one(kind):
    panel, w = made_up()
    with pytest.raises(ss.WeightsError, match=r"from_matrix\(matrix, ids=panel\.ids, name='geo'\)"):
        ss.fit(ss.sar("y ~ x", W="w"), panel, kind(w.dense()))


def test_a_hausman_test_takes_one_fit():
    res = fitted()
    with pytest.raises(ss.ModelError, match=r"the test needs one fit, .*; got Results") as raised:
        ss.diagnostics.hausman(res, res)
    assert len(str(raised.value)) < 300  # no summary of either


@pytest.mark.parametrize("years", [np.nan, np.inf, [None]])
def test_base_years_that_are_no_years_are_refused(years):
    income = pd.Series([1.0, 2.0, 4.0], index=["a", "b", "c"], name="income")
    with pytest.raises(ss.WeightsError, match=r"base_years=.*: give years"):
        ss.weights.gap(income, base_years=years)


@pytest.mark.parametrize(
    ("option", "options"),
    [("order", {}), ("draws", {"method": "simulation"}), ("horizon", {"lag_y": True})],
)
def test_whole_numbers_of_numpy_are_whole_numbers(option, options):
    model = {key: value for key, value in options.items() if key == "lag_y"}
    rest = {key: value for key, value in options.items() if key == "method"}
    value = 200 if option == "draws" else 3
    res = fitted(**model)
    plain = res.effects(**{option: value}, **rest).table
    assert_frame_equal(res.effects(**{option: np.int64(value)}, **rest).table, plain)


def test_a_horizon_may_be_an_array():
    res = fitted(lag_y=True)
    assert_frame_equal(res.effects(horizon=np.arange(3)).table, res.effects(horizon=range(3)).table)


W = ss.weights
STUDY = ss.Study(*made_up(), {"main": SAR, "wx": SAR.but(family="sdm")})


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ss.swap("x", None), r"swap\('x', None\) needs a term of the formula"),
        (lambda: ss.Study(*made_up(), {"main": SAR}, by=[]), r"by=\[\] is not a grouping"),
        (lambda: STUDY.run(store=np.nan), "store is the path of a folder; got float"),
        (lambda: STUDY.run().effects([]), "x is one of 'x'; got list"),
        (lambda: STUDY.run().curve("x", None), "effect is 'total', .*; got NoneType"),
    ],
)
def test_studies_say_what_they_take(call, text):
    with pytest.raises(ss.SpatialsynError, match=text):
        call()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"show": None}, "show is any of 'effects', .*; got NoneType"),
        ({"effects": "abc"}, "takes a mapping, effects={.*; got str: 'abc'"),
        ({"tests": "abc"}, "takes a mapping, tests={.*; got str: 'abc'"),
        ({"labels": "abc"}, "labels are a mapping, .*; got str: 'abc'"),
        ({"labels": {"x": 5}}, "the label of 'x' is a text; got int: '5'"),
        ({"title": 5}, "the title of a table is a text; got int"),
    ],
)
def test_tables_say_what_they_take(given, text):
    with pytest.raises(ss.ConfigError, match=text):
        ss.report.table(fitted(), **given)


def test_a_table_of_models_says_where_those_of_effects_and_tests_are():
    with pytest.raises(ss.ConfigError, match=r"effects: effects_table, tests: diagnostics_table"):
        ss.report.table(fitted().effects())


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w, cities: W.read(None), r"path is a file, one of '\.gal'.*; got NoneType"),
        (lambda w, cities: W.write(w, None), r"path is a file, one of '\.gal'.*; got NoneType"),
        (lambda w, cities: W.read("w.csv", ids=np.nan), r"ids are the cities.*; got float"),
        (lambda w, cities: w.aligned(None), r"aligned with ids, panel\.ids; got NoneType"),
        (lambda w, cities: w.aligned(np.array([w.ids])), r"one by one; got ndarray \(1, 12\)"),
        (lambda w, cities: w.subset("abc"), "needs a list of ids, one by one; got str 'abc'"),
        (
            lambda w, cities: W.contiguity(cities, links=None),
            r"pairs of ids, .* \(\); got NoneType",
        ),
        (lambda w, cities: W.bands(cities, None), "edges are ascending kilometres.*; got NoneType"),
        (lambda w, cities: W.bands(cities, "abc"), "ascending kilometres.*; got str 'abc'"),
        (lambda w, cities: W.bands(cities, ["a"]), r"edges=\['a'\] must be ascending"),
        (lambda w, cities: ss.Weights.from_graph(None), r"takes a libpysal\.graph\.Graph"),
        (lambda w, cities: ss.Weights.from_w(None), r"takes a libpysal\.weights\.W"),
        (lambda w, cities: W.series({2010: w}).at([2010]), r"has no matrix for \[2010\]"),
    ],
)
def test_weights_say_what_they_take(call, text):
    with pytest.raises(ss.WeightsError, match=text):
        call(made_up()[1], ss.datasets.guangdong().cities)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p, t: ss.CityPanel(t, "city", "year", blocks=None), "blocks are columns.*NoneType"),
        (lambda p, t: ss.CityPanel(t, np.ones((2, 2)), "year"), "a column is named; .*ndarray"),
        (lambda p, t: ss.CityPanel(t, "city", np.ones((2, 2))), "a column is named; .*ndarray"),
        (lambda p, t: p.subset(ids=np.array([p.ids])), r"list of ids, .* ndarray \(1, 12\)"),
        (lambda p, t: p.subset(years=np.array([p.years])), "list of years, .* ndarray"),
        (lambda p, t: p.mean("x", years=np.array([p.years])), "years is a list .* ndarray"),
    ],
)
def test_panels_say_what_they_take(call, text):
    panel = made_up()[0]
    with pytest.raises(ss.PanelError, match=text):
        call(panel, panel.frame.reset_index())
