"""Traces of powers by random probes: quadratic forms, what is exact, and how far the rest is off."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.moments import Moments, exact_traces, polynomials, powers
from spatialsyn.numerics.spectrum import eigenvalues, symmetriser
from tests.maps import neighbours, random_graph


def test_moments_are_the_quadratic_forms():
    W = neighbours(25)
    root = np.sqrt(symmetriser(W))
    A = W.toarray() * root[:, None] / root
    v = np.random.default_rng(0).choice([-1.0, 1.0], size=(25, 3))
    T = [np.eye(25), A]
    for _ in range(8):
        T.append(2 * A @ T[-1] - T[-2])
    expected = [[u @ t @ u for u in v.T] for t in T]
    assert_allclose(polynomials(sparse.csr_array(A), v, 5), expected, atol=1e-12)
    D = neighbours(25, mutual=False)
    expected = [[u @ np.linalg.matrix_power(D.toarray(), k) @ u for u in v.T] for k in range(10)]
    assert_allclose(powers(D, v, 5), expected, atol=1e-12)
    traces = [np.trace(np.linalg.matrix_power(D.toarray(), k)) for k in range(7)]
    assert_allclose(exact_traces(D, 10**9), traces, atol=1e-12)
    assert len(exact_traces(D, 0)) == 3


@pytest.mark.parametrize("graph", [neighbours, random_graph])
def test_moments_say_how_far_they_are_off(graph):
    """The shift reported, two standard errors of the probes, covers it on most of 20 maps."""
    honest = []
    for seed in range(20):
        W = graph(350 + seed)  # another size, other probes
        exact, found = Eigenvalues(eigenvalues(W)), Moments(W, 1.0, 30, 8)
        for rho in (0.6, 0.9):
            true = abs(float(found.slope(rho) - exact.slope(rho)))
            honest.append(true <= found.shift(rho, 1.0, 1))
    assert np.mean(honest) >= 0.85


@pytest.mark.parametrize("mutual", [True, False])
def test_the_lowest_moments_are_exact_whatever_the_probes(mutual):
    W = neighbours(60, mutual=mutual)
    w = np.linalg.eigvals(W.toarray())
    orders = np.arange(7)[:, None]
    each = np.cos(orders * np.arccos(np.clip(w.real, -1, 1))) if mutual else w**orders
    found = Moments(W, 1.0, 5, 3).moments
    assert_allclose(found[:7], np.repeat(each.sum(axis=1).real[:, None], 3, axis=1), atol=1e-6)
    assert np.ptp(found[7:], axis=1).min() > 1e-3  # those beyond are not


@pytest.mark.parametrize("rho", [0.8, 0.95])
def test_moments_left_out_count_where_probes_are_many(rho):
    """Ten moments by 1000 probes, whose spread is a fifth of what is missing."""
    W = neighbours(350)
    exact, found = Eigenvalues(eigenvalues(W)), Moments(W, 1.0, 5, 1000)
    assert abs(float(found.slope(rho) - exact.slope(rho))) <= found.shift(rho, 1.0, 1)
