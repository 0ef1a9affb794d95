"""S^-1 and the sums of G from a Schur form, against inverses; functions in cells, against themselves."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spatialsyn.numerics.cells import Cells
from spatialsyn.numerics.cholesky import spectrum
from spatialsyn.numerics.eigenvectors import diagonal_form
from spatialsyn.numerics.schur import schur_form
from tests.maps import flows, neighbours

RHO = (-0.95, -0.6, -0.25, -0.01, 1e-5, 0.1, 0.25, 0.5, 0.73, 0.9, 0.98)
# Both an inverse and a Schur form of I - rho W lose two digits of fifteen at rho = 0.98.
RTOL = 1e-11


def nearest(n: int = 80) -> np.ndarray:
    """Nearest neighbours, not mutual."""
    return neighbours(n, mutual=False).toarray()


def scaled_up() -> np.ndarray:
    """Rows of unlike sums, divided by the spectral radius."""
    W = nearest() * np.linspace(0.3, 3, 80)[:, None]
    return W / np.abs(np.linalg.eigvals(W)).max()


def looked_at_by_nobody() -> np.ndarray:
    """A line of cities each of which looks at the next only, beyond a map: a block whose one
    eigenvalue, 0, has one eigenvector."""
    W = nearest(60)
    W[:20] = np.eye(60, k=1)[:20]
    W[20:, :20] = 0
    return W / W.sum(axis=1, keepdims=True)


def directed_ring() -> np.ndarray:
    """All eigenvalues on the unit circle, all but two of them complex."""
    return np.roll(np.eye(60), 1, axis=1)


def growing_chain() -> np.ndarray:
    """A chain that multiplies by 1.5 at each of 30 steps into a pair: S^-1 is 10^5 times as large
    as the eigenvalues, 1, -1 and 0, say. Cities in a random order."""
    W = np.diag(np.full(31, 1.5), k=1)
    W[-2, -1] = W[-1, -2] = 1
    order = np.random.default_rng(0).permutation(32)
    return W[np.ix_(order, order)]


KINDS = (nearest, scaled_up, looked_at_by_nobody, directed_ring, growing_chain, flows)


def of_kind(kind) -> np.ndarray:
    return flows(70) if kind is flows else kind()


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_the_inverse_its_traces_and_what_it_does(kind):
    W = of_kind(kind)
    found, n = schur_form(W), len(W)
    v, J = np.random.default_rng(1).normal(size=(n, 3)), np.eye(n) - 1 / n
    for rho in RHO:
        inverse = np.linalg.inv(np.eye(n) - rho * W)
        G, at = W @ inverse, found.at(rho)
        for mine, exact in (
            (at.inverse.written_out(), inverse),
            (at.inverse.solve_transposed(v[:, 0]), inverse.T @ v[:, 0]),
            (at @ v, G @ v),
            (at.back(v), G.T @ v),
            (found.propagated(np.array([rho]), v[None])[0], G @ v),
        ):
            assert_allclose(mine, exact, atol=RTOL * np.abs(exact).max())
        for H, swept in ((G, False), (J @ G @ J, True)):
            exact = np.array([np.trace(H), np.trace(H @ H), np.trace(H.T @ H)])
            size = RTOL * (G * G).sum()
            assert_allclose(at.traces(swept, True), exact, atol=size)
            assert_allclose(np.ravel(found.traces_at(np.array([rho]), swept)), exact, atol=size)
        assert_allclose(found(rho), np.linalg.slogdet(np.eye(n) - rho * W)[1], atol=1e-11)
        assert at.said == "exact"


@pytest.mark.parametrize(
    ("form", "kind"), [*((schur_form, k) for k in KINDS), (diagonal_form, "map")]
)
def test_interpolated_sums_are_those_of_g(form, kind):
    W = neighbours(90).toarray() if kind == "map" else of_kind(kind)
    found, ones = form(W), np.ones(len(W))
    rho = np.linspace(-0.95, 0.98, 101)
    for r, mine in zip(rho, found.cells(rho), strict=True):
        G = W @ np.linalg.inv(np.eye(len(W)) - r * W)
        to, fro = G @ ones, G.T @ ones
        sums = np.array(
            [(G * G).sum(), *np.array([ones @ to, fro @ to, to @ to, fro @ fro]) / len(W)]
        )
        assert_allclose(mine, sums, rtol=RTOL, atol=RTOL * np.abs(to).max())


def test_a_symmetrisable_matrix_has_the_sums_of_its_eigenvectors():
    W = neighbours(90)
    one, other, rho = schur_form(W), diagonal_form(W), np.array([-0.8, 0.0, 0.3, 0.97])
    v = np.random.default_rng(2).normal(size=(4, 90, 2))
    assert_allclose(one.propagated(rho, v), other.propagated(rho, v), atol=1e-11)
    for mine, theirs in zip(one.traces_at(rho, True), other.traces_at(rho, True), strict=True):
        assert_allclose(mine, theirs, rtol=1e-11)
    assert one.interval == pytest.approx(other.interval, rel=1e-13)


def test_what_it_finds_does_not_depend_on_what_was_asked_beside_or_before():
    W, rho = nearest(), np.array([0.31, -0.4, 0.05, 0.9, 0.32])
    v = np.random.default_rng(3).normal(size=(5, 80, 4))
    together, used = schur_form(W), schur_form(W)
    used.cells(np.linspace(-0.9, 0.97, 50))
    used = pickle.loads(pickle.dumps(used))
    for i, r in enumerate(rho):
        alone, at = schur_form(W), np.array([r])
        for other in (together, used):
            assert_array_equal(alone.cells(at)[0], other.cells(rho)[i])
            assert_array_equal(alone.propagated(at, v[i : i + 1])[0], other.propagated(rho, v)[i])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.1, 1.0, 10.0])
def test_a_map_that_looks_at_an_equal_one_has_its_interval(share, seed):
    """An eigenvalue of both has one eigenvector, and rounding splits it into w + d and w - d, real
    or not, d about the root of the precision."""
    map_, look = neighbours(20, seed, mutual=False).toarray(), share * np.eye(20)
    order = np.random.default_rng(seed).permutation(40)
    W = np.block([[map_, look], [np.zeros((20, 20)), map_]])[np.ix_(order, order)]
    for found in (schur_form(W), spectrum(W)):
        assert_allclose(found.interval, spectrum(map_).interval, rtol=1e-9)


def test_scales_far_apart_are_left_to_eigenvalues():
    scales = np.exp(np.random.default_rng(2).uniform(-7, 7, 80))
    assert schur_form(nearest() * scales[:, None] / scales) is None


@pytest.mark.parametrize("form", [schur_form, diagonal_form])
def test_in_another_order_of_the_cities_it_is_the_form_of_that_matrix(form):
    W, order = neighbours(60).toarray(), list(np.random.default_rng(4).permutation(60))
    moved, rho = form(W).reordered(order), np.array([-0.8, 0.3, 0.97])
    v = np.random.default_rng(2).normal(size=(3, 60, 2))
    W = W[order][:, order]
    assert_array_equal(moved.W, W)
    for r, found, given in zip(rho, moved.propagated(rho, v), v, strict=True):
        S = np.eye(60) - r * W
        assert_allclose(moved.inverse(r).solve(given), np.linalg.solve(S, given), atol=1e-11)
        assert_allclose(found, W @ np.linalg.solve(S, given), atol=1e-11)
        G = W @ np.linalg.inv(S)
        assert_allclose(moved.cells(np.array([r]))[0, 0], (G * G).sum(), rtol=RTOL)


def test_factors_are_not_pickled():
    at = schur_form(nearest()).inverse(0.4)
    v = np.ones(80)
    before = at.solve(v)
    again = pickle.loads(pickle.dumps(at))
    assert "factors" in at.__dict__
    assert "factors" not in again.__dict__
    assert_array_equal(again.solve(v), before)


def counted(values):
    """`values` and the rho that they were asked at."""
    asked = []

    def each(rho):
        asked.extend(rho.tolist())
        return np.array([values(one) for one in rho])

    return each, asked


def test_cells_follow_real_and_complex_poles():
    poles = np.array([1.0, -1.2, 0.4 + 0.05j, 0.4 - 0.05j])

    def values(rho):
        return np.array([(1 / (poles - rho) ** 2).sum().real, (1 / (1 - rho)) ** 4])

    each, asked = counted(values)
    cells, rho = Cells(each, poles, (-1.2, 1.0)), np.linspace(-1.19, 0.999, 300)
    exact = np.array([values(r) for r in rho])
    # Squares of poles cancel beside a complex pair: in parts of the largest.
    assert_allclose(cells(rho)[:, 1], exact[:, 1], rtol=1e-11)
    size = np.array([(np.abs(1 / (poles - r)) ** 2).sum() for r in rho])
    assert (np.abs(cells(rho)[:, 0] - exact[:, 0]) < 1e-11 * size).all()
    many = len(asked)
    cells(rho[::-1])
    assert len(asked) == many  # kept


def test_a_cell_is_halved_where_a_function_grows_more_than_its_poles_say():
    each, asked = counted(lambda rho: np.array([np.exp(60 * rho)]))
    cells, rho = Cells(each, np.array([1.0 + 5j]), (-1.0, 1.0)), np.linspace(-0.99, 0.99, 50)
    assert_allclose(cells(rho)[:, 0], np.exp(60 * rho), rtol=1e-10)
    assert len(asked) > 4 * 16


def test_beyond_the_interval_and_beside_its_ends_values_are_found():
    each, asked = counted(lambda rho: np.array([1 / (1 - rho)]))
    cells = Cells(each, np.array([1.0]), (-1.0, 1.0))
    assert cells(np.array([3.0]))[0, 0] == -0.5
    assert asked == [3.0]
    assert np.isfinite(cells(np.array([1 - 1e-12, -1 + 1e-12]))).all()
    assert 0.0 not in asked
