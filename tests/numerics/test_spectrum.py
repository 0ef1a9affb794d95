"""Eigenvalues that two maps share, and the parameter spaces that hang on them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spatialsyn.numerics.cholesky import spectrum
from spatialsyn.numerics.logdet import JointLogDet
from tests.maps import neighbours

SIZE = 20


def map_of(seed: int) -> np.ndarray:
    return neighbours(SIZE, seed, mutual=False).toarray()


def looking(map_: np.ndarray, order: np.ndarray, seed: int) -> np.ndarray:
    """Three equal maps of which each looks at the next, their cities in any order.

    An eigenvalue stands there three times and has one eigenvector: rounding moves it by the
    third root of the precision, into the complex plane.
    """
    rng, none = np.random.default_rng([seed, 1]), np.zeros_like(map_)
    look = [3 * rng.random(map_.shape) for _ in range(2)]
    W = np.block([[map_, look[0], none], [none, map_, look[1]], [none, none, map_]])
    return W[np.ix_(order, order)]


@pytest.mark.parametrize("seed", range(6))
def test_maps_that_look_at_equal_ones_have_their_interval(seed):
    map_, order = map_of(seed), np.random.default_rng(seed).permutation(3 * SIZE)
    whole = spectrum(looking(map_, order, seed)).interval
    assert_allclose(whole, spectrum(map_).interval, rtol=1e-9)


@pytest.mark.parametrize("rho", [(0.7, 0.6), (1.5, -0.3), (-0.4, 1.6), (-1.4, -1.2), (0.9, -0.8)])
@pytest.mark.parametrize("seed", range(6))
def test_and_their_space_of_several_rho_of_any_sign(seed, rho):
    maps, order = (map_of(seed), map_of(seed + 50)), np.random.default_rng(seed).permutation(60)
    one = JointLogDet(maps)
    whole = JointLogDet(tuple(looking(W, order, seed + k) for k, W in enumerate(maps)))
    yearly = JointLogDet(tuple(np.stack([0.5 * W, W]) for W in whole.matrices))
    for found in (whole, yearly):
        assert_allclose(found.room(np.array(rho)), one.room(np.array(rho)), rtol=1e-9)
        assert found.contains(np.array(rho)) == one.contains(np.array(rho))
