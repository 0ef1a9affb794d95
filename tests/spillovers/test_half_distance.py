"""The distance over which weights fall by half, and what is said where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import spatialsyn as ss

MODEL = ss.slx("y ~ x", W="km", fixed_effects="twoways")


def drawn(theta: float, noise: float) -> ss.CityPanel:
    """Guangdong's cities, an outcome whose spillover has a half distance of 60 km."""
    cities = ss.datasets.guangdong()
    km = ss.weights.distances(cities.cities)
    w = np.exp2(-km.loc[list(cities.ids), list(cities.ids)].to_numpy() / 60)
    np.fill_diagonal(w, 0.0)
    w /= w.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(11)
    x, e = rng.normal(size=(2, cities.n, cities.T))
    return cities.assign(x=x, y=x + theta * w @ x + noise * e)


def test_the_half_distance_of_the_simulation_comes_back():
    found = ss.decay(MODEL, drawn(0.9, 1e-3), kind="exponential")
    half = found.half_distance.loc["km"]
    assert_allclose(half["estimate"], 60, rtol=0.02)
    assert half["low"] < 60 < half["high"]
    assert f"halve over a distance of {half['estimate']:.4g} ({half['low']:.4g}" in found.reading
    # The weights themselves, at the estimate and at both ends: exp(-delta d) is 1/2 there.
    delta = [found.estimate["km"], *found.interval.loc["km", ["high", "low"]]]
    for decay, distance in zip(delta, half[["estimate", "low", "high"]], strict=True):
        assert_allclose(np.exp(-decay * distance), 0.5)
    # Its standard error is that of delta, through d = ln 2 / delta by differences.
    step = 1e-6 * delta[0]
    slope = (np.log(2) / (delta[0] + step) - np.log(2) / (delta[0] - step)) / (2 * step)
    assert_allclose(half["se"], abs(slope) * found.se["km"], rtol=1e-8)


def test_what_the_data_do_not_bound_has_no_end():
    """Without a spillover any decay fits: no half distance is too long."""
    found = ss.decay(MODEL, drawn(0.0, 0.5), kind="exponential")
    row, half = found.interval.loc["km"], found.half_distance.loc["km"]
    assert row["open_below"]
    assert np.isinf(half["high"])
    assert (half["low"] == 0) == bool(row["open_above"])


def test_powers_halve_with_a_factor_and_not_with_a_distance():
    found = ss.decay(MODEL, drawn(0.9, 1e-3), kind="power")
    factor = 2 ** (1 / found.estimate["km"])
    assert_allclose((factor * 100) ** -found.estimate["km"], 100 ** -found.estimate["km"] / 2)
    with pytest.raises(ss.ModelError, match=f"here {factor:.4g} times"):
        pd.DataFrame(found.half_distance)
