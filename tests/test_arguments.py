"""What is no value of an argument is refused by a text that names both; NumPy's numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from pandas.testing import assert_frame_equal

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
    ],
)
def test_what_is_no_matrix_is_refused(matrix, ids, text):
    with pytest.raises(ss.WeightsError, match=text):
        ss.Weights.from_matrix(matrix, ids=ids, name="v")


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
