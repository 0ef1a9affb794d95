"""Eigenvalues, those that two maps share too, and the parameter spaces that hang on them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.linalg import block_diag

from spatialsyn.numerics.cholesky import spectrum
from spatialsyn.numerics.logdet import Eigenvalues, JointLogDet
from spatialsyn.numerics.spectrum import eigenvalues, leading, second
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


@pytest.mark.parametrize("n", [3, 8])
def test_where_everyone_is_a_neighbour_the_interval_is_known(n):
    """Eigenvalues 1 and, n - 1 times, -1 / (n - 1)."""
    W = (np.ones((n, n)) - np.eye(n)) / (n - 1)
    assert_allclose(Eigenvalues(eigenvalues(W)).interval, (1 - n, 1), rtol=1e-12)


def two_sides(n: int) -> np.ndarray:
    """Cities of one side have neighbours on the other alone: eigenvalues come in pairs -w, w."""
    across = np.random.default_rng(0).random((n, n))
    W = np.block([[np.zeros((n, n)), across], [across.T, np.zeros((n, n))]])
    return W / W.sum(axis=1, keepdims=True)


def a_ring_of_two_apart() -> np.ndarray:
    """Beside five neighbours of each other two cities whose links differ: powers of W alternate."""
    return block_diag((np.ones((5, 5)) - np.eye(5)) / 4, [[0.0, 4.0], [0.2, 0.0]])


@pytest.mark.parametrize(
    "W",
    [two_sides(20), map_of(0), np.linspace(1, 3, SIZE)[:, None] * map_of(0), a_ring_of_two_apart()],
)
def test_the_second_largest_modulus_is_that_of_all_eigenvalues(W):
    moduli = np.sort(np.abs(np.linalg.eigvals(W)))
    assert_allclose(second(W), moduli[-2], rtol=0.05)
    if len(W) > 7:
        assert_allclose(leading(sparse.csr_array(W))[2], moduli[-2], rtol=1e-8)
