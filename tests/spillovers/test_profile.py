"""Peaks and intervals of likelihoods whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.spillovers.profile import curvature, highest, interval

CUT = 3.841458820694124 / 2


def test_a_parabola_gives_its_normal_interval():
    def value(t):
        return -0.5 * ((t[0] - 0.3) / 0.2) ** 2

    box = ((-2.0, 2.0),)
    peak = highest(value, box)
    found = interval(value, peak, box, 0, 0.95)
    assert_allclose(peak.at, [0.3], atol=1e-6)
    assert_allclose([found.low, found.high], 0.3 + 0.2 * 1.959964 * np.array([-1, 1]), atol=1e-5)
    assert (found.open_below, found.open_above, found.pieces) == (False, False, 1)
    assert_allclose(curvature(value, peak.at, box), [[0.04]], rtol=1e-6)


def test_two_parameters_are_profiled_over_one_another():
    """Of a joint normal the profile interval is the marginal one, wider than the conditional."""
    cov = np.array([[0.04, 0.03], [0.03, 0.09]])
    centre, inverse = np.array([0.2, -0.4]), np.linalg.inv(cov)

    def value(t):
        return -0.5 * (t - centre) @ inverse @ (t - centre)

    box = ((-2.0, 2.0), (-2.0, 2.0))
    peak = highest(value, box)
    assert_allclose(peak.at, centre, atol=1e-5)
    assert_allclose(curvature(value, peak.at, box), cov, rtol=1e-6)
    for axis in (0, 1):
        found = interval(value, peak, box, axis, 0.95)
        half = 1.959964 * np.sqrt(cov[axis, axis])
        assert_allclose([found.low, found.high], centre[axis] + half * np.array([-1, 1]), atol=1e-4)


def test_the_higher_of_two_peaks_and_an_interval_in_parts():
    def value(t):
        return np.log(np.exp(-20 * (t[0] + 1) ** 2) + 1.5 * np.exp(-20 * (t[0] - 1) ** 2))

    box = ((-2.0, 2.0),)
    peak = highest(value, box)
    assert_allclose(peak.at, [1], atol=1e-5)
    found = interval(value, peak, box, 0, 0.95)
    assert found.pieces == 2
    # The lower peak, ln 1.5 below, still reaches over the cut.
    low = -1 - np.sqrt((CUT - np.log(1.5)) / 20)
    assert_allclose([found.low, found.high], [low, 1 + np.sqrt(CUT / 20)], atol=1e-5)


def test_ends_and_holes_are_told():
    def rising(t):
        return 0.1 * t[0]

    box = ((0.0, 1.0),)
    peak = highest(rising, box)
    found = interval(rising, peak, box, 0, 0.95)
    assert (peak.at.item(), found.low, found.high) == (1.0, 0.0, 1.0)
    assert found.open_below
    assert found.open_above
    assert np.isnan(curvature(rising, peak.at, box)).all()

    def rising_in_one(t):
        return t[0] - 0.5 * (t[1] / 0.3) ** 2

    box = ((-2.0, 2.0), (-2.0, 2.0))
    cov = curvature(rising_in_one, highest(rising_in_one, box).at, box)
    assert_allclose(cov[1, 1], 0.09, rtol=1e-6)
    assert np.isnan(cov[0]).all()

    def holed(t):
        return -0.5 * t[0] ** 2 if t[0] > -0.5 else -np.inf

    box = ((-3.0, 3.0),)
    found = interval(holed, highest(holed, box), box, 0, 0.95)
    assert_allclose(found.low, -0.5, atol=1e-5)
    assert found.open_below
    assert not found.open_above
    with pytest.raises(ss.EstimationError, match="no estimate at any of the values"):
        highest(lambda t: -np.inf, box)
    peak = highest(lambda t: -0.5 * t[0] ** 2, box)
    peak.values[3] = 1.0
    with pytest.raises(ss.EstimationError, match="peak that the search missed"):
        interval(lambda t: -0.5 * t[0] ** 2, peak, box, 0, 0.95)
