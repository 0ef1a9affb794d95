"""Lags of panel arrays by a W of many cities, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spatialsyn.numerics.lags import FEW_CITIES, lag, lag_columns, lag_each, times


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_lags_of_many_cities_are_their_sums(shape, order):
    n, rng = FEW_CITIES + 1, np.random.default_rng(0)
    W = np.asarray(rng.random((n, n)), order=order)
    v = np.asarray(rng.normal(size=(n, *shape)), order=order)
    some = [0, 1, n // 2, n - 1]
    exact = np.array([sum(W[i, j] * v[j] for j in range(n)) for i in some])
    found = lag(W, v)
    assert found.shape == v.shape
    assert found.flags.c_contiguous
    assert_allclose(found[some], exact, atol=1e-11)
    if v.ndim == 3:
        assert_allclose(lag_columns(W, v)[some], exact, atol=1e-11)
        each = lag_each(W, np.moveaxis(v, 2, 0))
        assert_allclose(np.moveaxis(each, 0, 2)[some], exact, atol=1e-11)
        assert np.array_equal(each[1], lag_each(W, v[None, ..., 1])[0])  # whatever is beside it
    else:
        assert_allclose(times(W, v)[some], exact, atol=1e-11)
        assert_allclose(times(W.T, found), np.einsum("ij,i...->j...", W, found), rtol=1e-11)
