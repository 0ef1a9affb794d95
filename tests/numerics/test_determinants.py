"""ln|I - rho W| by every method, against eigenvalues, dense determinants and their own bounds."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.linalg import helmert

from spatialsyn.numerics import determinants
from spatialsyn.numerics.determinants import chosen, determined
from spatialsyn.numerics.interpolant import Interpolant
from spatialsyn.numerics.logdet import Eigenvalues, JointLogDet
from spatialsyn.numerics.solves import Iterative, solver
from spatialsyn.numerics.spectrum import eigenvalues, perron, symmetriser, widest
from spatialsyn.numerics.traces import Propagation, controlled
from tests.maps import circle, neighbours, random_graph

RHO = np.linspace(-0.9, 0.97, 60)
SIZES = (30, 300, 600)


def derivatives_by_inverse(W: np.ndarray, rho: float) -> list[float]:
    """f, f' and f'' written out."""
    S = np.eye(len(W)) - rho * W
    G = W @ np.linalg.inv(S)
    return [np.linalg.slogdet(S)[1], -np.trace(G), -np.trace(G @ G)]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("how", ["eigenvalues", "sparse", "hessenberg"])
def test_every_exact_method_gives_the_dense_derivatives(how, mutual, n):
    W = neighbours(n, mutual=mutual)
    found = Eigenvalues(eigenvalues(W)) if how == "eigenvalues" else determined(W, how)
    for rho in (-0.9, -0.3, 0.0, 0.4, 0.85, 0.97):
        for order, expected in enumerate(derivatives_by_inverse(W.toarray(), rho)):
            # Second derivatives of a polynomial of degree 64 lose four digits of the values'
            # fifteen; relative to n where they vanish.
            scale = max(abs(expected), n)
            assert abs(float(found.derivative(rho, order)) - expected) < 1e-9 * scale


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("mutual", [True, False])
def test_the_bound_holds_on_the_whole_interval(mutual, n):
    W = neighbours(n, seed=3, mutual=mutual)
    exact = Eigenvalues(eigenvalues(W))
    found = determined(W, "sparse")
    low, high = found.whole.interval
    rho = np.linspace(low, high, 700)[1:-1]
    assert np.abs(found.whole(rho) - exact(rho)).max() <= found.whole.tail


@pytest.mark.parametrize("most", [determinants.MOST, 0])
@pytest.mark.parametrize("n", [300, 600, 1200])
@pytest.mark.parametrize("mutual", [True, False])
def test_the_bound_holds_near_an_estimate(mutual, n, most, monkeypatch):
    """As it is found for more than `CHEAP` cities, less what moments say where W is mutual.

    With 1,200 cities four nodes span more than they would with 100,000: their bound holds too.
    """
    W = neighbours(n, seed=3, mutual=mutual)
    exact = Eigenvalues(eigenvalues(W))
    monkeypatch.setattr(determinants, "CHEAP", 0)
    monkeypatch.setattr(determinants, "MOST", most)
    for centre in (-0.8, 0.02, 0.5, 0.9, 0.985):
        part = determined(W, "sparse").near(centre)
        rho = np.linspace(*part.interval, 200)[1:-1]
        assert np.abs(part(rho) - exact(rho)).max() <= part.tail + 1e-13  # rounding of sums of 1200
        # What a fit needs of it: the slope, in units of an estimate's precision.
        moved = np.abs(part.slope(rho) - exact.slope(rho)) / -exact.curvature(rho)
        assert not most or moved.max() < 2e-8
        assert (len(part.coefficients) > part.degree + 1) == mutual


@pytest.mark.parametrize(
    "part", [np.ones((2, 2)), np.ones((3, 3)), np.ones((10, 10)), np.ones((25, 25))]
)
def test_the_bound_holds_in_every_window_of_islands(part, monkeypatch):
    """Cliques have two eigenvalues, so that what few moments leave falls least evenly."""
    part = part - np.eye(len(part))
    copies = 1200 // len(part)
    W = sparse.csr_array(sparse.block_diag([sparse.coo_array(part / part.sum(axis=1)[0])] * copies))
    w = np.r_[1.0, np.full(len(part) - 1, -1 / (len(part) - 1))]
    monkeypatch.setattr(determinants, "CHEAP", 0)
    found = determined(W, "sparse")
    for centre in np.tanh(np.arange(-2.2, 2.8, 0.1)):
        window = found.near(float(centre))
        rho = np.linspace(*window.interval, 50)[1:-1]
        exact = copies * np.log1p(-np.multiply.outer(rho, w)).sum(axis=1)
        assert np.abs(window(rho) - exact).max() <= window.tail + 1e-11  # rounding of sums of 1200
        assert window.tail < 1e-4


@pytest.mark.parametrize("mutual", [True, False])
def test_rows_of_any_sum_need_no_exchange(mutual):
    """Rows of unlike sums, divided by the spectral radius: many sum to more than one."""
    links = neighbours(400, mutual=mutual).sign()
    links = sparse.csr_array(sparse.diags_array(np.linspace(0.5, 2, 400)) @ links)
    W = sparse.csr_array(links / perron(links))
    assert W.sum(axis=1).max() > 1.3
    for rho in (-0.97, -0.5, 0.5, 0.97):
        found, S = determined(W, "sparse").inverse(rho), np.eye(400) - rho * W.toarray()
        assert not found.pivots
        assert_allclose(found.logdet, np.linalg.slogdet(S)[1], rtol=1e-11)
        assert_allclose(found.solve(S), np.eye(400), atol=1e-10)
        assert_allclose(found.solve_transposed(S.T), np.eye(400), atol=1e-10)


def test_a_unit_root_leaves_every_method_alike():
    W = neighbours(40)
    for found in (Eigenvalues(eigenvalues(W)), determined(W, "sparse")):
        less = found.without_unit_root()
        for order, share in enumerate((np.log(0.4), -1 / 0.4, -1 / 0.4**2)):
            assert_allclose(less.derivative(0.6, order), found.derivative(0.6, order) - share)
        assert less.interval == found.interval


@pytest.mark.parametrize("left", [1e-4, 1e-6, 1e-8])
def test_a_unit_root_leaves_no_rounding_behind(left):
    """F'WF has no root near one: its slope at rho = 1 - 1e-8 is a plain number."""
    F, rho = helmert(13).T, 1 - left
    for seed in range(10):
        W = np.random.default_rng(seed).random((13, 13)) * (1 - np.eye(13))
        W /= W.sum(axis=1, keepdims=True)
        less = Eigenvalues(eigenvalues(W)).without_unit_root()
        reduced = F.T @ W @ F
        slope = -np.trace(np.linalg.solve(np.eye(12) - rho * reduced, reduced))
        assert_allclose(less.slopes(rho)[0], slope, rtol=1e-6)
        assert_allclose(less.derivative(rho, 1), slope, rtol=1e-6)


def test_a_scale_of_w_is_undone_by_rho():
    W = neighbours(50, mutual=False)
    plain, scaled = determined(W, "sparse"), determined(sparse.csr_array(4 * W), "sparse")
    assert_allclose(scaled.radii[0], 4)
    assert_allclose(scaled.interval, np.array(plain.interval) / 4)
    for order in range(3):
        expected = plain.derivative(0.6, order) * 4**order
        assert_allclose(scaled.derivative(0.15, order), expected, rtol=1e-8)


def test_the_way_follows_size_and_structure(monkeypatch):
    mutual, directed = neighbours(601), neighbours(400, mutual=False)
    assert chosen(neighbours(300, mutual=False)) == chosen(neighbours(600)) == "eigenvalues"
    assert chosen(mutual) == chosen(directed) == "sparse"
    assert chosen(directed.toarray()) == "hessenberg"
    assert chosen(mutual.toarray()) == "eigenvectors"
    monkeypatch.setattr(determinants, "WIDEST", 100)
    assert chosen(mutual) == "sparse"
    assert chosen(random_graph(601)) == "moments"


def test_width_predicts_the_fill():
    """A random graph of the same size has factors many times as full, and is seen to."""
    filled = [
        solver((W,), np.array([0.5]), 900).factors.nnz for W in (neighbours(900), random_graph(900))
    ]
    wide = [widest(W) for W in (neighbours(900), random_graph(900))]
    assert filled[1] > 5 * filled[0]
    assert wide[1] > 5 * wide[0]


def test_symmetrisable_matrices_are_recognised():
    rng = np.random.default_rng(0)
    K = sparse.random_array((60, 60), density=0.1, rng=rng)
    masses = sparse.csr_array((K + K.T) @ sparse.diags_array(rng.uniform(0.5, 2, 60)))
    islands = sparse.block_diag([masses, neighbours(30), sparse.csr_array((2, 2))], format="csr")
    alike = sparse.block_diag([neighbours(30), sparse.csr_array((2, 2)), circle(9)], format="csr")
    for W in (islands, alike, masses):
        scaled = symmetriser(W)[:, None] * W.toarray()
        assert_allclose(scaled, scaled.T, rtol=1e-9)
    s = symmetriser(islands)
    assert_allclose(symmetriser(sparse.csr_array((4, 4))), 1)
    assert_allclose(symmetriser(islands.toarray()), s)
    broken, directed = masses.copy(), neighbours(30, mutual=False)
    broken.data[0] *= 1.001
    for W in (broken, directed):
        assert symmetriser(W) is symmetriser(W.toarray()) is None


def test_dense_symmetrisable_matrices_are_recognised_over_many_magnitudes():
    """Weights that fall fast: products of three of them leave the range of numbers."""
    rng = np.random.default_rng(0)
    far = np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    W = np.exp(-12.0 * far) * rng.uniform(1e-6, 1, 60)
    np.fill_diagonal(W, 0)
    assert symmetriser(W) is not None
    W[2, 5] *= 2
    assert symmetriser(W) is None


def test_the_radius_of_weights_that_are_not_standardised():
    W = sparse.csr_array(sparse.diags_array(np.linspace(1, 3, 80)) @ neighbours(80))
    assert_allclose(perron(W), np.abs(np.linalg.eigvals(W.toarray())).max())


def test_links_without_a_circle_have_no_radius_to_divide_by():
    W = sparse.csr_array(sparse.triu(neighbours(400)))
    found = determined(W, "sparse")
    assert np.isfinite(found.interval).all()
    assert_allclose(found(0.5), 0, atol=1e-10)


def test_the_tail_of_an_interpolant_bends_as_much_as_it_may():
    """One more Chebyshev polynomial: its slope at the end of the interval is Markov's bound."""
    c, k = 1e-3, 12
    known = np.random.default_rng(0).normal(size=k + 1)
    short = Interpolant(known, 0.1, 0.6, 1.5, c, k)
    longer = replace(short, coefficients=np.r_[known[:-1], known[-1] + c])
    rho = short.interval[1]
    apart = abs(float(longer.derivative(rho, 1) - short.derivative(rho, 1)))
    assert_allclose(short.shift(rho, 0.7, 4), 0.7 * 4 * apart, rtol=1e-9)


@pytest.mark.parametrize("kind", ["sparse", "dense", "several", "none", "beyond"])
def test_solvers_solve_with_s_and_its_transpose(kind):
    V, W = neighbours(40), neighbours(40, mutual=False)
    matrices, rho = {
        "sparse": ((W,), [0.7]),
        "dense": ((W.toarray(), V), [0.4, 0.3]),
        "several": ((W, V), [0.4, 0.3]),
        "none": ((), []),
        # The diagonal does not dominate: rows are exchanged.
        "beyond": ((sparse.csr_array(3 * W),), [-0.9]),
    }[kind]
    S = np.eye(40) - sum((r * w for r, w in zip(rho, matrices, strict=True)), np.zeros((40, 40)))
    made = solver(matrices, np.array(rho), 40)
    B = np.random.default_rng(0).normal(size=(40, 3))
    for one in (made, pickle.loads(pickle.dumps(made))):
        assert_allclose(one @ B, np.linalg.solve(S, B), atol=1e-12)
        assert_allclose(one.solve_transposed(B[:, 0]), np.linalg.solve(S.T, B[:, 0]), atol=1e-12)
    assert_allclose(made.logdet, np.linalg.slogdet(S)[1], atol=1e-12)


def test_iterations_solve_where_factors_would_fill():
    W = neighbours(60, mutual=False)
    S = np.eye(60) - 0.95 * W.toarray()
    B = np.random.default_rng(0).normal(size=(60, 2))
    made = Iterative(W, 0.95)
    assert_allclose(made @ B, np.linalg.solve(S, B), atol=1e-9)
    assert_allclose(made.solve_transposed(B[:, 0]), np.linalg.solve(S.T, B[:, 0]), atol=1e-9)


@pytest.mark.parametrize("swept", [False, True])
def test_traces_are_those_of_the_matrix(swept, monkeypatch):
    W = neighbours(300, mutual=False)
    f = determined(W, "sparse")
    at = f.at(0.6)
    G = W.toarray() @ np.linalg.inv(np.eye(300) - 0.6 * W.toarray())
    J = np.eye(300) - 1 / 300 if swept else np.eye(300)
    D = J @ G @ J
    expected = np.trace(D), np.trace(D @ D), np.trace(D.T @ D)
    assert_allclose(at.traces(swept, crossed=True), expected, rtol=1e-9)
    monkeypatch.setattr("spatialsyn.numerics.traces.EXACT", 10)
    guessed = Propagation(W, at.inverse, f, 0.6)
    value, se = guessed.asymmetry
    assert abs(value - at.asymmetry[0]) < 4 * se
    assert_allclose(guessed.traces(swept, crossed=True)[2], expected[2], rtol=0.01)
    assert "by random probes, seed" in guessed.said


def test_probes_are_corrected_by_what_they_do_to_the_weights():
    """Their spread is a part of what it is without, and what it says of the error is true."""
    W = neighbours(1200)
    f = determined(W, "sparse")
    G = f.at(0.5)
    written = G.written_out()
    value, se = G.asymmetry
    assert abs(value - ((written - written.T) ** 2).sum() / 2) < 4 * se
    v = np.random.default_rng(1).choice([-1.0, 1.0], size=(1200, 36))
    plain = (((G @ v) - G.back(v)) ** 2).sum(axis=0) / 2
    assert se < 0.6 * plain.std(ddof=1) / 6
    strong = f.at(0.9)  # the first six probes leave 4e-4
    exact = (strong.written_out() ** 2).sum()
    assert_allclose(strong.traces(False, crossed=True)[2], exact, rtol=1e-4)
    symmetric = sparse.csr_array((W + W.T) / 2)
    assert determined(symmetric, "sparse").at(0.5).asymmetry == (0.0, 0.0)


def test_the_mean_of_one_variable_beside_another_whose_mean_is_known():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(4000, 12))
    x = 3 + 2 * z + 0.5 * rng.normal(size=z.shape)
    found = np.array([controlled(*pair, 0.0) for pair in zip(x, z, strict=True)])
    assert_allclose(found[:, 0].mean(), 3, atol=4 * 0.16 / np.sqrt(4000))
    # Of normal draws the variance is that of the rest, over m, times (m - 2) / (m - 3).
    assert_allclose(found[:, 0].std(), 0.5 / np.sqrt(12) * np.sqrt(10 / 9), rtol=0.05)
    # Its error, in parts of what is said of it, has a standard deviation of one.
    assert_allclose(((found[:, 0] - 3) / found[:, 1]).std(), 1, rtol=0.05)
    line = controlled(3 + 2 * z[0], z[0], 0.0)
    assert_allclose(line, (3, 0), atol=1e-12)
    value, se = controlled(x[0], np.full(12, 0.1) + 1e-17 * z[0], 0.1)
    assert_allclose((value, se), (x[0].mean(), x[0].std() * np.sqrt(1 / 8)))


def test_probes_of_a_long_chain_say_the_same_of_its_two_ends():
    """Two links alone differ between their directions, and |(W - W')v| is no random number."""
    n = 1200
    chain = sparse.diags_array([np.ones(n - 1), np.ones(n - 1)], offsets=[1, -1])
    W = sparse.csr_array(sparse.diags_array(1 / chain.sum(axis=1)) @ chain)
    G = determined(W, "sparse").at(0.8)
    written = G.written_out()
    value, se = G.asymmetry
    assert abs(value - ((written - written.T) ** 2).sum() / 2) < 4 * se


def test_scales_that_underflow_leave_eigenvalues_right():
    n = 200
    chain = np.diag(np.full(n - 1, 1e4), 1) + np.diag(np.ones(n - 1), -1)
    exact = 2 * 100 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))  # of a symmetric chain of 100
    assert_allclose(np.sort(eigenvalues(chain)), np.sort(exact), rtol=1e-9)


def test_a_sum_of_rho_beyond_the_unit_root_asks_for_no_eigenvalues(monkeypatch):
    """They were most of the time of a convex combination: its search steps there on every line."""
    rng = np.random.default_rng(4)
    W, V = (M / M.sum(axis=1, keepdims=True) for M in rng.uniform(size=(2, 9, 9)))
    joint = JointLogDet((W, V), unit_root=True)
    inside = np.array([0.3, 0.4])
    S = np.eye(9) - inside[0] * W - inside[1] * V
    monkeypatch.setattr(JointLogDet, "room", lambda *_: pytest.fail("all eigenvalues, for nothing"))
    for rho in ([1.0, 0.0], [0.0, 1.3], [2.0, -0.5]):
        assert joint(np.array(rho)) == -np.inf
    assert_allclose(joint(inside), np.log(np.linalg.det(S)) - np.log(1 - inside.sum()))
