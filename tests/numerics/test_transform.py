"""What sweeping takes, by projections written out, and what it leaves to the caller."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spatialsyn.numerics.transform import sweep, sweep_columns, sweep_each, sweep_observed

EFFECTS = ("none", "individual", "time", "twoways")


@pytest.mark.parametrize("effects", EFFECTS)
def test_sweeping_projects_and_leaves_what_it_was_given(effects):
    v = np.random.default_rng(0).normal(size=(3, 5, 4))
    before = v.copy()
    J_n = np.eye(5) - (effects in ("time", "twoways")) / 5
    J_T = np.eye(4) - (effects in ("individual", "twoways")) / 4
    expected = J_n @ v @ J_T
    assert_allclose(sweep_each(v, effects), expected, atol=1e-14)
    assert_allclose(sweep(v[0], effects), expected[0], atol=1e-14)
    assert_allclose(sweep_observed(v[0], effects), expected[0], atol=1e-14)
    columns = sweep_columns(np.moveaxis(v, 0, 2), effects)
    assert_allclose(columns, np.moveaxis(expected, 0, 2), atol=1e-14)
    assert_array_equal(v, before)
