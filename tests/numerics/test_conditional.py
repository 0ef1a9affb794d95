"""The tails of shared draws are those of every unit simulated by itself."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from spatialsyn.numerics import conditional as module
from spatialsyn.numerics.conditional import conditional, draws, tails
from spatialsyn.numerics.permutation import two_sided


def nearest(n, k):
    """Each unit and the k behind it on a circle, row-standardised."""
    columns = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    return sparse.csr_array(
        (np.full(n * k, 1 / k), np.sort(columns).ravel(), np.arange(0, n * k + 1, k)), (n, n)
    )


def lattice(side):
    """Rook neighbours on a square, two to four of them, row-standardised."""
    line = sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(side, side))
    links = sparse.csr_array(sparse.kronsum(line, line))
    return sparse.csr_array(sparse.diags_array(1 / links.sum(axis=1)) @ links)


def matrices():
    rng = np.random.default_rng(5)
    knn, queen = nearest(49, 5), lattice(7)
    islands = queen.toarray()
    islands[[0, 20, 48]] = 0
    decay = np.exp(-np.abs(np.subtract.outer(np.arange(49), np.arange(49))) / 5.0)
    np.fill_diagonal(decay, 0)
    ragged = decay * (rng.random((49, 49)) < rng.random((49, 1)))
    mixed = np.where(np.arange(49)[:, None] % 2 == 0, queen.toarray(), ragged)
    everyone = (1 - np.eye(49)) / 48
    return {
        "knn": knn, "contiguity": queen, "islands": islands, "decay": decay, "ragged": ragged,
        "mixed": mixed, "everyone": everyone,
    }  # fmt: skip


def values(kind, n=49):
    rng = np.random.default_rng(8)
    if kind == "normal":
        return rng.normal(size=n)
    x = rng.integers(0, 3, n).astype(float)  # many draws give the very same number
    x[:5] += np.array([1, -1, 0, 0, 0])
    return x - round(x.mean()) if kind == "zeros" else (x - x.mean()) / x.std()


def simulated(z, W, drawn, i):
    """z_i (W z)_i of unit i: its links take the drawn units among all others, in order."""
    others = np.arange(len(z) - 1)
    if i < len(others):
        others[i] = len(z) - 1
    strengths = W[i][W[i] != 0]
    return np.array([z[i] * (z[others[d[: len(strengths)]]] @ strengths) for d in drawn])


@pytest.mark.parametrize("kind", ["normal", "ties", "zeros"])
@pytest.mark.parametrize("name", list(matrices()))
def test_counts_are_those_of_brute_force_on_the_same_draws(name, kind):
    W, z = sparse.csr_array(matrices()[name]), values(kind)
    most = int(np.diff(W.indptr).max())
    drawn = draws(len(z), most, 300, np.random.default_rng(1))
    above, below = tails(z, W, drawn)
    full = W.toarray()
    for i in range(len(z)):
        if not full[i].any():
            assert np.isnan(conditional(z, W, 99, np.random.default_rng(1))[i])
            continue
        own, others = z[i] * full[i] @ z, simulated(z, full, drawn, i)
        same = 1e-12 * max(1.0, abs(own))
        expected = [(others >= own - same).sum(), (others <= own + same).sum()]
        assert [above[i], below[i]] == expected[:: -1 if z[i] < 0 else 1]
        p = two_sided(own, others)
        assert p == min(1, 2 * (1 + min(above[i], below[i])) / 301)


@pytest.mark.parametrize("name", ["contiguity", "mixed", "everyone"])
def test_the_size_of_a_block_changes_nothing(name, monkeypatch):
    W, z = matrices()[name], values("normal")
    monkeypatch.setattr(module, "draws", one_by_one)
    at_once = conditional(z, W, 499, np.random.default_rng(3))
    monkeypatch.setattr(module, "CELLS", 400)
    assert_array_equal(conditional(z, W, 499, np.random.default_rng(3)), at_once)


def one_by_one(n, most, permutations, rng):
    """Draws that do not depend on how many are made at once."""
    return np.stack([rng.permutation(n - 1)[:most] for _ in range(permutations)])


@pytest.mark.parametrize(("n", "most"), [(5, 4), (30, 5), (30, 6), (400, 20)])
def test_every_position_is_drawn_as_often_at_every_place(n, most):
    """Both ways of drawing: differences within four and a half standard errors."""
    drawn = draws(n, most, 20000, np.random.default_rng(0))
    assert drawn.shape == (20000, most)
    assert (np.diff(np.sort(drawn, axis=1)) > 0).all()
    expected = 20000 / (n - 1)
    for place in drawn.T:
        counts = np.bincount(place, minlength=n - 1)
        assert len(counts) == n - 1
        assert_allclose(counts, expected, atol=4.5 * np.sqrt(expected))


def test_a_large_sparse_matrix_needs_no_array_of_units_by_draws():
    n, permutations = 20_000, 999
    z = np.random.default_rng(0).normal(size=n)
    equal = nearest(n, 6)
    decay = equal.copy()
    decay.data = np.random.default_rng(1).uniform(0.5, 1, decay.nnz)
    for W in (equal, decay):
        tracemalloc.start()
        p = conditional(z, W, permutations, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.3 * 8 * n * permutations
        # Of noise, p is uniform but for the draws that all units share.
        assert 0.02 < (p <= 0.05).mean() < 0.09


def test_draws_without_a_value_are_none():
    """Three draws below 2.5 or 9, two of which and none lie above; two were not to be had."""
    known = np.array([1.0, 3.0, 4.0])
    holed = np.r_[np.nan, known, np.nan]
    for value, p in ((9.0, 0.5), (2.5, 1.0)):
        assert two_sided(value, holed) == two_sided(value, known) == p
    assert np.isnan(two_sided(1.0, np.full(3, np.nan)))
