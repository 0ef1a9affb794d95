"""Traces of J A J B and the like against the products written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from spatialsyn.numerics.multiplier import centred, mean_trace, trace, transposed

N, T = 5, 3
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, N, N))
YEARLY = RNG.normal(size=(T, N, N))
THIN = sparse.csr_array(A * (np.abs(A) > 0.5))


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize(
    ("first", "second"), [(A, B), (YEARLY, B), (A, YEARLY), (YEARLY, YEARLY), (THIN, THIN)]
)
def test_traces_are_those_of_the_products(first, second, swept):
    J = np.eye(N) - swept / N
    left, right = (M.toarray() if sparse.issparse(M) else M for M in (first, second))
    product = np.trace(J @ left @ J @ right, axis1=-2, axis2=-1).mean()
    assert_allclose(mean_trace(first, second, swept), product, rtol=1e-12)
    alone = np.trace(J @ left @ J, axis1=-2, axis2=-1).mean()
    assert_allclose(trace(first, swept), alone, rtol=1e-12)


@pytest.mark.parametrize("matrix", [A, YEARLY])
def test_centred_matrices_have_lost_the_mean_on_both_sides(matrix):
    J = np.eye(N) - 1 / N
    assert_allclose(centred(matrix), J @ matrix @ J, atol=1e-14)
    assert_allclose(transposed(matrix), [*np.moveaxis(matrix, -1, -2)], rtol=0)
