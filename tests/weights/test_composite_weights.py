"""Weights made of weights: element-wise algebra by hand, ties, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph
from numpy.testing import assert_allclose
from places import KINDS, brute_km, scattered
from scipy import sparse

import spatialsyn as ss

W = ss.weights
IDS = KINDS["text"]


def random(name: str, seed: int, density: float = 0.4, ids=IDS, **recipe) -> ss.Weights:
    rng = np.random.default_rng(seed)
    matrix = rng.random((len(ids), len(ids))) * (rng.random((len(ids), len(ids))) < density)
    np.fill_diagonal(matrix, 0)
    return ss.Weights.from_matrix(matrix, ids=ids, name=name, **recipe)


A, B, C = random("a", 1), random("b", 2), random("c", 3, 0.9)
BLOCKS = pd.Series(["core"] * 5 + ["edge"] * 7, index=IDS, name="region")


def test_the_product_multiplies_the_weights_of_a_pair():
    made = W.product(A, B, C, isolates="keep")
    assert_allclose(made.dense(), A.dense() * B.dense() * C.dense())
    shuffled = B.aligned(IDS[::-1])
    assert W.product(A, shuffled, C, isolates="keep").hash == made.hash
    assert made.recipe["of"] == (f"a ({A.hash})", f"b ({B.hash})", f"c ({C.hash})")


def test_a_row_standardised_product_does_not_depend_on_how_its_parts_were_scaled():
    raw = W.product(A, C).standardize("row")
    scaled = W.product(A.standardize("row"), C.standardize("row")).standardize("row")
    assert_allclose(raw.dense(), scaled.dense())


def test_a_convex_sum_of_row_standardised_matrices_is_row_standardised():
    a, c = A.standardize("row"), C.standardize("row")
    made = W.convex(a, c, shares=[0.3, 0.7], name="both")
    assert_allclose(made.dense(), 0.3 * a.dense() + 0.7 * c.dense())
    assert made.standardization == "row"
    assert made.is_row_standardised
    assert W.convex(a, c, shares=(1, 0)).hash == a.hash
    scaled = W.convex(A.standardize("minmax"), C.standardize("minmax"), shares=(0.5, 0.5))
    assert scaled.standardization == "none"


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([0.5], "2 shares of zero or more are needed"),
        ([0.5, -0.5], "2 shares of zero or more"),
        ([0.5, np.nan], "2 shares of zero or more"),
        ([0.5, "half"], "2 shares of zero or more"),
        ([0.5, 0.4], "add up to 0.9, not to one"),
        (0.5, "shares is a list, one share per matrix; got float"),
    ],
)
def test_shares_that_are_none(shares, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.convex(A.standardize(), C.standardize(), shares=shares)


def test_a_convex_sum_needs_one_scale():
    with pytest.raises(ss.WeightsError, match=r"standardised as 'none': .* not on one scale"):
        W.convex(A, C, shares=[0.5, 0.5])
    with pytest.raises(ss.WeightsError, match="standardised as 'row', 'minmax'"):
        W.convex(A.standardize(), C.standardize("minmax"), shares=[0.5, 0.5])


def test_union_and_intersection_are_those_of_libpysal():
    def graph(w):
        return Graph.from_sparse(w.sparse, ids=list(w.ids))

    union = W.union(A, B)
    assert union.hash == ss.Weights.from_graph(graph(A).union(graph(B))).hash
    assert_allclose(W.union(A, B, C).dense(), (A.dense() + B.dense() + C.dense()) > 0)
    both = W.intersection(A, C, isolates="keep")
    assert both.hash == ss.Weights.from_graph(graph(A).intersection(graph(C))).hash
    assert_allclose(both.dense(), (A.dense() > 0) & (C.dense() > 0))


def test_links_beyond_some_kilometres():
    cities = scattered()
    km = brute_km(cities)
    made = W.conditional(C, cities.iloc[::-1], beyond=120, isolates="keep")
    assert_allclose(made.dense(), np.where(km > 120, C.dense(), 0))
    left = made.dense().sum() / C.dense().sum()
    assert made.recipe["weight_left"] == pytest.approx(left, abs=1e-6)
    with pytest.raises(ss.WeightsError, match="have no neighbour left in the conditional of W"):
        W.conditional(C, cities, beyond=250)
    with pytest.raises(ss.WeightsError, match=r"'conditional' of W\[c\] has no links at all"):
        W.conditional(C, cities, beyond=900)
    with pytest.raises(ss.WeightsError, match=r"cities=panel\.cities"):
        W.conditional(C, beyond=10)
    with pytest.raises(ss.AlignmentError, match="no polygon for 'c11'"):
        W.conditional(C, cities.iloc[:-1], beyond=10)
    with pytest.raises(ss.WeightsError, match="beyond=-1: a positive number"):
        W.conditional(C, cities, beyond=-1)


def test_links_across_and_within_blocks():
    region = BLOCKS.to_numpy()
    same = region[:, None] == region
    across = W.conditional(C, across=BLOCKS.iloc[::-1])
    assert_allclose(across.dense(), np.where(same, 0, C.dense()))
    within = W.conditional(C, within=BLOCKS)
    assert_allclose(within.dense() + across.dense(), C.dense())
    assert within.recipe["within"] == "region"
    with pytest.raises(ss.WeightsError, match=r"conditional needs beyond=km, across=blocks or"):
        W.conditional(C)
    with pytest.raises(
        ss.AlignmentError, match=r"'region' must give one block.*without one: 'c11'"
    ):
        W.conditional(C, across=BLOCKS.iloc[:-1])
    with pytest.raises(ss.WeightsError, match=r"'region' are missing for 'c00'"):
        W.conditional(C, across=BLOCKS.replace("core", None).mask(BLOCKS.index == "c00"))
    with pytest.raises(ss.WeightsError, match="blocks are a Series by city id"):
        W.conditional(C, across="region")


def test_the_strongest_links_of_every_city():
    made = W.sparsify(C, strongest=3)
    brute = C.dense() >= np.sort(C.dense(), axis=1)[:, [-3]]
    assert_allclose(made.dense(), np.where(brute, C.dense(), 0))
    assert W.sparsify(C, strongest=50).hash == C.hash


def test_a_share_of_the_weight_of_every_city():
    made = W.sparsify(C, share=0.6).dense()
    for row, kept in zip(C.dense(), made, strict=True):
        ordered = np.sort(row)[::-1]
        count = int(np.argmax(np.cumsum(ordered) >= 0.6 * row.sum())) + 1
        assert_allclose(np.sort(kept)[::-1][:count], ordered[:count])
        assert (kept > 0).sum() == count


def test_a_share_of_the_matrix_leaves_every_city_its_strongest_link():
    matrix = C.dense().copy()
    matrix[4] *= 1e-3
    weak = ss.Weights.from_matrix(matrix, ids=IDS, name="weak")
    made = W.sparsify(weak, share=0.5, per="matrix")
    ordered = np.sort(matrix.ravel())[::-1]
    floor = ordered[int(np.argmax(np.cumsum(ordered) >= 0.5 * matrix.sum()))]
    expected = np.where(matrix >= floor, matrix, 0)
    alone = np.flatnonzero(expected.sum(axis=1) == 0)
    expected[alone, matrix[alone].argmax(axis=1)] = matrix[alone].max(axis=1)
    assert_allclose(made.dense(), expected)
    assert "c04" in made.recipe["fallback"]
    assert made.recipe["fallback"] == tuple(IDS[i] for i in alone)


def test_tied_links_stay_together_so_that_no_order_decides():
    ring = ss.weights.knn(scattered(), 4, symmetric="max")
    assert W.sparsify(ring, strongest=1).hash == ring.hash
    assert W.sparsify(ring, share=0.1).hash == ring.hash
    # 0.3 and 0.1 + 0.2 are one strength, the second is larger by rounding.
    matrix = [[0, 0.3, 0.1 + 0.2, 0.1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    made = W.sparsify(ss.Weights.from_matrix(matrix, ids=list("abcd")), strongest=1)
    assert_allclose(made.dense()[0], [0, 0.3, 0.3, 0])


def test_links_that_hold_the_share_exactly_are_enough():
    """2 of 4 is one half, and 0.3 + 0.2 are five sixths of 0.6: no weaker link stays."""
    matrix = [[0, 2, 1, 1, 0], [3, 0, 2, 1, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
    w = ss.Weights.from_matrix(matrix, ids=list("abcde"))
    made = W.sparsify(w, share=0.5)
    assert_allclose(made.dense()[:2], [[0, 2, 0, 0, 0], [3, 0, 0, 0, 0]])
    tenths = ss.Weights.from_matrix(np.array(matrix) / 10, ids=list("abcde"))
    assert_allclose(W.sparsify(tenths, share=5 / 6).dense()[1], [0.3, 0, 0.2, 0, 0])
    # 2 + 3 + 1 + 1 + 1 of the 13 that all links weigh.
    assert made.recipe["weight_left"] == pytest.approx(8 / 13, abs=1e-6)


def test_an_isolate_of_the_original_stays_one():
    matrix = C.dense().copy()
    matrix[2] = 0
    w = ss.Weights.from_matrix(matrix, ids=IDS)
    assert W.sparsify(w, strongest=2).isolates == ("c02",)
    assert W.sparsify(w, share=0.5, per="matrix").isolates == ("c02",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either strongest=k or share=s"),
        ({"strongest": 2, "share": 0.5}, "either strongest=k or share=s"),
        ({"strongest": 0}, "strongest=0: every city keeps one link or more"),
        ({"strongest": True}, "strongest=True"),
        ({"strongest": 2.5}, "strongest=2.5: every city keeps one link or more"),
        ({"share": "half"}, "share='half' lies between 0 and 1"),
        ({"share": 1.0}, "share=1.0 lies between 0 and 1"),
        ({"share": 0.5, "per": "row"}, "per='row' is not one of 'city', 'matrix'"),
        ({"strongest": 2, "per": "matrix"}, "strongest=k counts the links of every city"),
    ],
)
def test_ways_not_to_sparsify(options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.sparsify(C, **options)


@pytest.mark.parametrize("compose", [W.product, W.union, W.intersection])
def test_composites_match_cities_by_id(compose):
    other = random("d", 4, ids=[*IDS[:-1], "new"])
    with pytest.raises(ss.AlignmentError, match=r"W\[a\] and W\[d\].*first 'c11'.*second 'new'"):
        compose(A, other)
    with pytest.raises(ss.WeightsError, match="takes two weights or more; got 1"):
        compose(A)
    with pytest.raises(ss.WeightsError, match="takes weights one by one"):
        compose([A, B])
    with pytest.raises(ss.WeightsError, match="'nearest' is not one of 'keep', 'drop'"):
        compose(A, B, isolates="nearest")


def test_cities_without_a_common_neighbour_need_a_decision():
    lower, upper = np.tril(np.ones((3, 3)), -1), np.triu(np.ones((3, 3)), 1)
    low = ss.Weights.from_matrix(lower, ids=list("abc"), name="low")
    up = ss.Weights.from_matrix(upper, ids=list("abc"), name="up")
    with pytest.raises(
        ss.WeightsError, match=r"intersection 'intersection' of W\[low\], W\[up\] has no"
    ):
        W.intersection(low, up)
    with pytest.raises(ss.WeightsError, match=r"'a' have no neighbour left.*knn\(cities, 1\)"):
        W.product(low, low)
    assert W.product(low, low, isolates="keep").isolates == ("a",)
    # Without a, b has nobody, and then neither has c.
    with pytest.raises(ss.WeightsError, match="no links at all"):
        W.product(low, low, isolates="drop")


def test_base_years_of_the_parts_are_those_of_the_whole():
    a, b = random("a", 1, base_years=(2010, 2011)), random("b", 2, base_years=(2009,))
    assert W.union(a, b).base_years == (2009, 2010, 2011)
    assert W.union(a, C).base_years == (2010, 2011)
    assert W.union(a, random("b", 2, base_years="all")).base_years == "all"
    assert W.union(A, B).base_years is None
    assert W.sparsify(a, strongest=2).base_years == (2010, 2011)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "compose",
    [
        lambda a, c, cities, blocks: W.product(a, c),
        lambda a, c, cities, blocks: W.convex(a.standardize(), c.standardize(), shares=[0.4, 0.6]),
        lambda a, c, cities, blocks: W.union(a, c),
        lambda a, c, cities, blocks: W.intersection(a, c),
        lambda a, c, cities, blocks: W.conditional(c, cities, beyond=70, isolates="keep"),
        lambda a, c, cities, blocks: W.conditional(c, across=blocks),
        lambda a, c, cities, blocks: W.sparsify(c, share=0.5, per="matrix"),
    ],
)
def test_relabelling_permutes_composites_and_nothing_else(compose, kind):
    ids = KINDS[kind]
    a, c, cities = random("a", 1, ids=ids), random("c", 3, 0.9, ids=ids), scattered(ids)
    blocks = BLOCKS.set_axis(ids)
    w = compose(a, c, cities, blocks)
    moved = [ids[i] for i in np.random.default_rng(0).permutation(12)]
    other = compose(a.aligned(moved), c.aligned(moved), cities, blocks)
    assert_allclose(other.aligned(ids).dense(), w.dense())
    assert other.hash == w.hash


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_the_strongest_links_of_sparse_and_dense_matrices(density):
    """A sparse matrix is read-only: its strongest links are taken from a copy."""
    w = random("thin", 7, density, ids=[f"c{i}" for i in range(30)])
    assert sparse.issparse(w.matrix) == (density < 0.5)
    full = w.dense()
    second = np.sort(full, axis=1)[:, -2:-1]
    assert_allclose(W.sparsify(w, strongest=2).dense(), np.where(full >= second, full, 0))
    assert_allclose(w.dense(), full)
