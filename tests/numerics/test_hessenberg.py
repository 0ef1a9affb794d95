"""A dense W in Hessenberg form, against inverses and determinants written out."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag

from spatialsyn.numerics.hessenberg import Reduced
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.spectrum import perron, second
from spatialsyn.numerics.traces import Propagation
from tests.maps import flows, neighbours

RHO = (-0.95, -0.4, 0.02, 0.5, 0.9, 0.98)


def reduced(W: np.ndarray) -> Reduced:
    return Reduced(W, perron(W))


def written_out(W: np.ndarray, rho: float) -> np.ndarray:
    return W @ np.linalg.inv(np.eye(len(W)) - rho * W)


def halves(n: int) -> np.ndarray:
    """Two parts of the map without links between them: the largest eigenvalue is double."""
    return block_diag(flows(n // 2), flows(n - n // 2, reach=0.1))


MATRICES = {
    "flows": flows(300),
    "near": flows(120, reach=0.08),
    "not standardised": flows(90, reach=0.2) * np.linspace(1, 3, 90)[:, None],
    "directed": neighbours(60, mutual=False).toarray(),
    "halves": halves(80),
}


@pytest.mark.parametrize("n", [2, 3, 33, 34, 65, 300])
def test_solves_and_traces_are_those_of_the_inverse(n):
    """Sizes about those of the blocks."""
    W, B = flows(n), np.random.default_rng(0).normal(size=(n, 3))
    f = reduced(W)
    for rho in RHO:
        S, at, G = np.eye(n) - rho * W, f.inverse(rho), written_out(W, rho)
        for one in (at, pickle.loads(pickle.dumps(at))):
            assert_allclose(one @ B, np.linalg.solve(S, B), atol=1e-11)
            assert_allclose(one.solve(B[:, 0]), np.linalg.solve(S, B[:, 0]), atol=1e-11)
            assert_allclose(one.solve_transposed(B), np.linalg.solve(S.T, B), atol=1e-11)
        assert_allclose(at.logdet, np.linalg.slogdet(S)[1], atol=1e-11)
        # At small rho the digits of S^-1 - I are divided by it.
        to, fro = G.sum(axis=1), G.sum(axis=0)
        margins = np.array([G.sum(), fro @ to, to @ to, fro @ fro]) / n
        assert_allclose(at.sums, [(G**2).sum(), *margins], rtol=1e-12 / abs(rho))


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("swept", [False, True])
def test_traces_between_the_nodes_are_exact_to_their_bound(name, swept):
    W = MATRICES[name]
    f, n = reduced(W), len(W)
    J = np.eye(n) - 1 / n if swept else np.eye(n)
    for rho in np.r_[0.0, 1e-6, np.random.default_rng(1).uniform(-0.97, 0.99, 15)] / f.radius:
        at, D = f.at(float(rho)), J @ written_out(W, rho) @ J
        expected = np.trace(D), np.trace(D @ D), np.trace(D.T @ D)
        found = at.traces(swept, crossed=True)
        scale = max(1.0, (D**2).sum())
        assert_allclose(found[:2], expected[:2], rtol=1e-8, atol=1e-9 * scale)
        assert abs(found[2] - expected[2]) < 1e-8 * scale
        assert_allclose(at.margins, Propagation.margins.fget(at), rtol=1e-8, atol=1e-9 * scale)
        assert abs(at.asymmetry[0] - ((D - D.T) ** 2).sum() / 2) < at.asymmetry[1] + 1e-9 or swept


@pytest.mark.parametrize("name", MATRICES)
def test_a_small_second_eigenvalue_saves_nodes(name):
    W = MATRICES[name]
    moduli = np.sort(np.abs(np.linalg.eigvals(W)))
    assert_allclose(second(W), moduli[-2], rtol=0.1)
    nodes = len(reduced(W).sums.coefficients)
    assert nodes <= (13 if moduli[-2] < 0.5 * moduli[-1] else 49)


def test_a_scale_of_w_is_undone_by_rho():
    W = MATRICES["near"]
    plain, scaled = reduced(W).at(0.6), reduced(4 * W).at(0.15)
    for swept in (False, True):
        a, b = (one.traces(swept, crossed=True) for one in (plain, scaled))
        assert_allclose(b, np.array(a) * [4, 16, 16], rtol=1e-8)


def test_links_without_a_circle():
    W = np.triu(flows(50, reach=0.2))
    f = Reduced(W, 1.0)
    assert_allclose(f(0.5), 0, atol=1e-10)
    G = written_out(W, 0.5)
    assert_allclose(f.at(0.5).traces(False, crossed=True), [0, 0, (G**2).sum()], atol=1e-7)


@pytest.mark.parametrize("name", MATRICES)
def test_the_bound_of_the_determinant_holds(name):
    W = MATRICES[name]
    f, exact = reduced(W), Eigenvalues(np.linalg.eigvals(W))
    rho = np.linspace(-0.979, 0.994, 400) / f.radius
    # Beside it, the rounding of either near the pole at 1 / r.
    assert np.abs(f(rho) - exact(rho)).max() <= f.rest.tail + 2e-12
    for order in (1, 2):
        scale = np.maximum(np.abs(exact.derivative(rho, order)), len(W))
        assert (
            np.abs(f.derivative(rho, order) / scale - exact.derivative(rho, order) / scale).max()
            < 1e-9
        )
    assert "error below" in f.error


@pytest.mark.parametrize("name", MATRICES)
def test_g_is_exact_on_both_sides_of_a_small_rho(name):
    """It is (S^-1 - I) / rho, but for a rho of which that would keep few digits."""
    W = MATRICES[name]
    f, v = reduced(W), np.random.default_rng(3).normal(size=(len(W), 4))
    for rho in np.array([0, 1e-14, -1e-7, 0.9e-3, 1.1e-3, -1.1e-3, -0.9, 0.4, 0.97]) / f.radius:
        exact = written_out(W, rho) @ v
        assert_allclose(f.at(float(rho)) @ v, exact, atol=1e-11 * np.abs(exact).max())
