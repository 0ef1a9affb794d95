"""The order of little fill, by SciPy alone and by qdldl: dense algebra, fill, and the same fits."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import numpy as np
import pytest
from maps import circle, neighbours, on_map
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import splu

import spatialsyn as ss
from spatialsyn.numerics.solves import NO_PIVOTING, pattern
from spatialsyn.numerics.spectrum import canonical

WAYS = ("scipy", "qdldl")
# Supernodes are not padded with zeros, so that the numbers of links compare.
PLAIN = {**NO_PIVOTING, "relax": 1}


@pytest.fixture(params=WAYS)
def way(request):
    with ordered_by(request.param):
        yield


@contextmanager
def ordered_by(way):
    """With qdldl, or as where it is not installed."""
    pytest.importorskip("qdldl")
    with pytest.MonkeyPatch.context() as patch:
        if way == "scipy":
            patch.setitem(sys.modules, "qdldl", None)
        yield


def lattice(side):
    """Neighbours of a grid in a shuffled order, rows summing to one."""
    line = sparse.diags_array([np.ones(side - 1)] * 2, offsets=[-1, 1])
    both = sparse.csr_array(sparse.kronsum(line, line))
    order = np.random.default_rng(0).permutation(side**2)
    both = both[order][:, order]
    return sparse.csr_array(sparse.diags_array(1 / both.sum(axis=1)) @ both)


def apart():
    """Two maps without a link between them, and two islands."""
    none = sparse.csr_array((1, 1))
    return sparse.csr_array(sparse.block_diag([neighbours(40), none, neighbours(60, seed=2), none]))


MAPS = {
    "mutual": lambda: neighbours(300),
    "one way": lambda: neighbours(300, mutual=False),
    "lattice": lambda: lattice(15),
    "apart": apart,
    "weights that fade": lambda: sparse.csr_array(neighbours(200).multiply(1e-9)),
    "no links": lambda: sparse.csr_array((5, 5)),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("rho", [-0.9, 0.5, 0.97])
def test_factors_in_this_order_are_those_of_dense_algebra(way, name, rho):
    W = MAPS[name]()
    n = W.shape[0]
    made = pattern(W).at(rho)
    S, B = np.eye(n) - rho * W.toarray(), np.random.default_rng(0).normal(size=(n, 2))
    assert sorted(made.order) == list(range(n))
    assert_allclose(made.logdet, np.linalg.slogdet(S)[1], rtol=1e-12, atol=1e-12)
    assert_allclose(made.solve(B), np.linalg.solve(S, B), rtol=1e-9, atol=1e-12)
    assert_allclose(made.solve_transposed(B), np.linalg.solve(S.T, B), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("W", [neighbours(3000), lattice(55)], ids=["map", "lattice"])
def test_factors_are_nearly_as_sparse_either_way(W):
    fill = {}
    for way in WAYS:
        with ordered_by(way):
            fill[way] = pattern(W).at(0.5).factors.L.nnz
    S = sparse.csc_array(sparse.eye_array(W.shape[0]) - 0.5 * W)
    usual = splu(S).L.nnz
    assert fill["scipy"] < 0.7 * usual
    assert fill["qdldl"] < 1.05 * fill["scipy"]


def minimum_degree(S, way):
    """Numbers in both factors of a symmetric S, of the way's own elimination."""
    if way == "qdldl":
        import qdldl

        return 2 * (qdldl.Solver(sparse.csc_matrix(S)).factors()[0].nnz + S.shape[0])
    return splu(S, permc_spec="MMD_AT_PLUS_A", **PLAIN).nnz


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("W", [neighbours(2500), neighbours(900, mutual=False), circle(5000)])
def test_a_postorder_leaves_the_fill_of_minimum_degree(W, name):
    n, both = W.shape[0], canonical(W) + canonical(W).T
    both.data[:] = 1
    S = sparse.csc_array(sparse.diags_array((1 + 1e-6) * both.sum(axis=1)) - both)
    near = reverse_cuthill_mckee(canonical(W), symmetric_mode=False)
    with ordered_by(name):
        order = pattern(W).order
    assert sorted(order) == list(range(n))
    factors = splu(sparse.csc_array(S[order][:, order]), permc_spec="NATURAL", **PLAIN)
    assert factors.nnz == minimum_degree(sparse.csc_array(S[near][:, near]).sorted_indices(), name)
    columns = sparse.csc_array(factors.L)
    columns.sort_indices()
    links = np.diff(columns.indptr) > 1
    parents = np.append(columns.indices, 0)[columns.indptr[:-1] + 1][links]
    first = np.arange(n)
    for child, parent in zip(np.flatnonzero(links), parents, strict=True):
        first[parent] = min(first[parent], first[child])
    sizes = np.ones(n, dtype=int)
    for child, parent in zip(np.flatnonzero(links), parents, strict=True):
        sizes[parent] += sizes[child]
    # Every subtree is contiguous and ends with its root.
    assert (np.arange(n) - first + 1 == sizes).all()


def test_a_shuffled_grid_fills_no_more_than_one_in_its_rows(way):
    side = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(80, 80))
    grid = sparse.csr_array(sparse.kron(side, side) - sparse.eye_array(6400))
    shuffle = np.random.default_rng(0).permutation(6400)
    rows, shuffled = (pattern(W).at(0.1).factors.nnz for W in (grid, grid[shuffle][:, shuffle]))
    assert shuffled < 1.05 * rows  # a sixth more without Cuthill-McKee


def test_a_fit_is_the_same_either_way():
    found = []
    for way in WAYS:
        with ordered_by(way):
            panel, w = on_map(neighbours(1500, seed=4))
            result = ss.fit(ss.sdm("y ~ x", W="w"), panel, w)
        found.append([*result.params, *result.se, *result.effects().table["se"]])
    assert_allclose(found[0], found[1], rtol=1e-6)
    assert_allclose(found[0][:4], found[1][:4], atol=1e-8)
