"""Newton's step on quadratics, where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spatialsyn.numerics.optimize import newton_step


@pytest.mark.parametrize("curvatures", [(-4.0, -0.5), (2.0, -4.0), (0.1, 3.0)])
def test_where_a_function_bends_upwards_the_step_still_climbs_as_far_as_it_bends(curvatures):
    """Along every axis of the bend: the slope over the curvature, upwards in both cases."""
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    H = turn @ np.diag(curvatures) @ turn.T
    x = np.array([0.7, -1.3])
    along = turn.T @ H @ x
    expected = turn @ (along / np.abs(curvatures))
    assert_allclose(newton_step(lambda at: H @ at, x, H @ x), expected, rtol=1e-6)
