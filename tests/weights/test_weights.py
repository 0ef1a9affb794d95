"""Weights: golden matrices, geodesic distances, provenance, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from cases import ring
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from numpy.testing import assert_allclose
from pyproj import Geod
from scipy import sparse
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.cities.points import representative_points
from spatialsyn.numerics.spectrum import eigenvalues, symmetriser

IDS = ["a", "b", "c", "d"]


def grid() -> gpd.GeoDataFrame:
    """Three squares in a row and one that touches the middle one at a corner only."""
    shapes = [
        box(113, 22, 114, 23),
        box(114, 22, 115, 23),
        box(115, 22, 116, 23),
        box(113, 23, 114, 24),
    ]
    return gpd.GeoDataFrame({"id": IDS}, geometry=shapes, crs=4326).set_index("id")


def mean(values, years=(2011, 2012)) -> pd.Series:
    series = pd.Series(values, index=IDS, name="gdp")
    series.attrs["base_years"] = years
    return series


def test_queen_counts_corners_and_rook_does_not():
    queen = ss.weights.contiguity(grid(), name="q").dense()
    rook = ss.weights.contiguity(grid(), rook=True, name="r").dense()
    assert queen.tolist() == [[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]]
    assert rook.tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


def test_bridges_are_links_and_islands_need_a_decision():
    far = pd.concat(
        [grid(), gpd.GeoDataFrame(geometry=[box(120, 22, 121, 23)], index=["e"], crs=4326)]
    )
    with pytest.raises(ss.WeightsError, match=r"'e' share no border.*isolates=\"nearest\""):
        ss.weights.contiguity(far)
    near = ss.weights.contiguity(far, isolates="nearest").dense()
    assert near[4].tolist() == [0, 0, 1, 0, 0]
    assert near[2, 4] == 1
    kept = ss.weights.contiguity(far, isolates="keep")
    assert kept.isolates == ("e",)
    with pytest.raises(ss.WeightsError, match="cities without neighbours, 'e'"):
        kept.standardize("row")
    linked = ss.weights.contiguity(far, links=[("a", "e")])
    assert linked.dense()[4].tolist() == [1, 0, 0, 0, 0]
    with pytest.raises(ss.WeightsError, match="unknown cities 'zz'"):
        ss.weights.contiguity(far, links=[("a", "zz")])
    dropped = ss.weights.contiguity(far, isolates="drop")
    assert dropped.ids == tuple(IDS)
    assert dropped.recipe["dropped"] == ("e",)
    with pytest.raises(ss.WeightsError, match="isolates='lose' is not one of 'nearest', 'keep'"):
        ss.weights.contiguity(far, isolates="lose")


@pytest.mark.parametrize("crs", [4326, 3857, 4547])
def test_distances_are_geodesic_whatever_the_crs(crs):
    cities = grid().to_crs(crs)
    km = ss.weights.distances(cities)
    points = representative_points(cities)
    geod = Geod(ellps="WGS84")
    for i, a in enumerate(points):
        for j, b in enumerate(points):
            metres = geod.inv(a.x, a.y, b.x, b.y)[2]
            assert abs(km.iloc[i, j] * 1000 - metres) < 1
    # A degree of longitude at 22.5 north is 103 km; a square's middle depends little on the CRS.
    assert_allclose(km.loc["a", "b"], 102.9, atol=0.2)


def test_inverse_distance_and_its_cutoff():
    km = ss.weights.distances(grid()).to_numpy()
    w = ss.weights.inverse_distance(grid(), power=2)
    assert_allclose(w.dense()[0, 1], 1 / km[0, 1] ** 2)
    cut = ss.weights.inverse_distance(grid(), cutoff=115)
    assert_allclose(cut.dense() > 0, (km <= 115) & (km > 0))
    with pytest.raises(
        ss.WeightsError, match=r"have no other city within 50 km.*leaves no city alone is 11\d"
    ):
        ss.weights.inverse_distance(grid(), cutoff=50)
    with pytest.raises(ss.WeightsError, match="positive power"):
        ss.weights.inverse_distance(grid(), power=0)
    double = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)] * 2, index=["a", "b"], crs=4326)
    with pytest.raises(ss.WeightsError, match=r"same point: \('a', 'b'\)"):
        ss.weights.inverse_distance(double)


def test_gap_is_one_over_the_difference():
    w = ss.weights.gap(mean([1.0, 2, 4, 8]), name="eco")
    assert_allclose(w.dense()[0], [0, 1, 1 / 3, 1 / 7])
    assert w.base_years == (2011, 2012)
    with pytest.raises(ss.WeightsError, match=r"equal values of 'gdp'.*\('a', 'b'\).*floor="):
        ss.weights.gap(mean([1.0, 1, 4, 8]))
    assert_allclose(ss.weights.gap(mean([1.0, 1, 4, 8]), floor=0.5).dense()[0, 1], 2)


def test_gravity_and_similarity():
    km = ss.weights.distances(grid()).to_numpy()
    mass = np.array([1.0, 2, 3, 4])
    w = ss.weights.gravity(mean(mass), grid(), power=2)
    assert_allclose(w.dense()[1, 3], 2 * 4 / km[1, 3] ** 2)
    plain = ss.weights.gravity(mean(mass), grid(), power=0)
    assert_allclose(plain.dense(), np.outer(mass, mass) - np.diag(mass**2))
    alike = ss.weights.similarity(mean([0.0, 0, 1, 1])).dense()
    assert_allclose(alike[0], [0, 1, 1 / 3, 1 / 3])
    with pytest.raises(ss.WeightsError, match="must be positive; it is not for 'a'"):
        ss.weights.gravity(mean([0.0, 2, 3, 4]), grid())
    with pytest.raises(ss.WeightsError, match="cannot be negative"):
        ss.weights.gravity(mean(mass), grid(), power=-1)
    with pytest.raises(
        ss.AlignmentError, match="covers 4 cities, the polygons 3; without a polygon: 'd'"
    ):
        ss.weights.gravity(mean(mass), grid().iloc[:3])
    with pytest.raises(ss.WeightsError, match="'gdp' is the same in every city"):
        ss.weights.similarity(mean([1.0, 1, 1, 1]))


@pytest.mark.parametrize("build", [ss.weights.gap, ss.weights.similarity])
def test_weights_from_data_say_of_which_years(build):
    bare = pd.Series([1.0, 2, 4, 8], index=IDS, name="gdp")
    with pytest.raises(ss.WeightsError, match=r"do not say of which years.*Qu & Lee 2015"):
        build(bare)
    assert build(bare, base_years=(2010,)).base_years == (2010,)
    assert build(bare, base_years="all").base_years == "all"
    whole = mean([1.0, 2, 4, 8], years=(2011, 2012))
    whole.attrs["sample_years"] = (2011, 2012)
    assert build(whole).base_years == "all"
    assert build(whole, base_years="all").base_years == "all"  # said twice, and true
    with pytest.raises(ss.WeightsError, match='give years, or "all"'):
        build(bare, base_years="2011")
    with pytest.raises(ss.WeightsError, match="'gdp' is missing or no finite number for 'b'"):
        build(mean([1.0, np.nan, 3, 4]))


def test_standardisations():
    raw = ss.Weights.from_matrix([[0, 2, 0], [1, 0, 1], [0, 5, 0]], ids=[1, 2, 3])
    assert_allclose(raw.standardize("row").row_sums, 1)
    spectral = raw.standardize("spectral")
    assert_allclose(np.abs(np.linalg.eigvals(spectral.dense())).max(), 1)
    assert_allclose(spectral.dense() * np.sqrt(7), raw.dense())
    assert_allclose(raw.standardize("minmax").dense() * 5, raw.dense())
    assert raw.standardize("none") is raw
    with pytest.raises(ss.WeightsError, match=r"standardize\('columns'\) is not one of 'row'"):
        raw.standardize("columns")
    one_way = ss.Weights.from_matrix(np.triu(np.ones((3, 3)), 1), ids=[1, 2, 3], name="down")
    with pytest.raises(ss.WeightsError, match="spectral radius zero"):
        one_way.standardize("spectral")


@pytest.mark.parametrize(
    ("matrix", "ids", "message"),
    [
        (np.zeros((2, 2)), ["a", "b"], "no links at all"),
        ([[0, -1], [1, 0]], ["a", "b"], "1 negative weights"),
        ([[0, np.nan], [1, 0]], ["a", "b"], "1 weights that are missing or infinite"),
        ([[0, np.inf], [1, 0]], ["a", "b"], "missing or infinite"),
        ([[1, 1], [1, 0]], ["a", "b"], "links 'a' to themselves"),
        ([[0, 1], [1, 0]], ["a", "a"], "lists the cities 'a' more than once"),
        ([[0, 1], [1, 0]], ["a"], "it must be n x n"),
        ([[0, 1, 1], [1, 0, 1]], ["a", "b"], "it must be n x n"),
    ],
)
def test_matrices_that_are_no_weights(matrix, ids, message):
    with pytest.raises(ss.WeightsError, match=message):
        ss.Weights.from_matrix(matrix, ids=ids)


def test_libpysal_graphs_and_ws_come_in_with_their_ids():
    graph = Graph.build_contiguity(grid(), rook=False)  # libpysal counts rook by default
    ours = ss.weights.contiguity(grid())
    assert ss.Weights.from_graph(graph, name="g").hash == ours.hash
    assert ss.Weights.from_w(graph.to_W(), name="w").hash == ours.hash


def test_order_does_not_enter_the_hash_and_alignment_restores_it():
    w = ss.Weights.from_matrix(ring(6), ids=range(6), name="w")
    order = [3, 1, 5, 0, 2, 4]
    moved = ss.Weights.from_matrix(ring(6)[np.ix_(order, order)], ids=order, name="w")
    assert moved.hash == w.hash
    assert_allclose(moved.aligned(range(6)).dense(), w.dense())
    with pytest.raises(ss.AlignmentError, match="differ in kind only"):
        w.aligned([str(i) for i in range(6)])


def test_a_subset_says_what_it_lost():
    w = ss.weights.contiguity(grid(), name="geo").standardize("row")
    cut = w.subset(["a", "b", "d"])
    assert_allclose(cut.row_sums, 1)
    assert cut.recipe["weight_lost"] == pytest.approx(1 / 9)
    assert "cut from more cities (11.1% of the weight lost)" in repr(cut)
    assert "cut from" not in repr(w)
    with pytest.raises(ss.WeightsError, match="have no cities 'zz'"):
        w.subset(["zz"])


@pytest.mark.parametrize("how", ["none", "row", "column", "minmax"])
def test_a_matrix_that_is_cut_twice_says_what_it_lost_each_time(how):
    W = np.random.default_rng(0).random((6, 6)) * (1 - np.eye(6))
    w = ss.Weights.from_matrix(W, ids=range(6), name="w").standardize(how)
    once = w.subset([0, 1, 2, 4])
    twice = once.subset([4, 0, 2])
    lost = [1 - a[np.ix_(k, k)].sum() / a[k].sum()
            for a, k in ((w.dense(), [0, 1, 2, 4]), (once.dense(), [3, 0, 2]))]  # fmt: skip
    assert once.recipe["weight_lost"] == pytest.approx(lost[0], abs=1e-6)
    assert twice.recipe["weight_lost_before"] == (once.recipe["weight_lost"],)
    assert twice.recipe["weight_lost"] == pytest.approx(lost[1], abs=1e-6)
    assert twice.recipe["subset_of"] == once.recipe["subset_of"] == w.hash
    assert f"cut from more cities ({lost[0]:.1%}, then {lost[1]:.1%} of the weight" in repr(twice)
    assert_allclose(twice.dense(), w.subset([4, 0, 2]).dense())
    assert len(twice.subset([0, 2]).recipe["weight_lost_before"]) == 2


def test_weights_never_change():
    matrix = ring(4)
    w = ss.Weights.from_matrix(matrix, ids=IDS)
    matrix[0, 1] = 99
    assert w.dense()[0, 1] != 99
    with pytest.raises(AttributeError):
        w.name = "other"
    linked = sparse.csr_array(ring(40))
    many = ss.Weights.from_matrix(linked, ids=[f"c{i}" for i in range(40)])
    linked.data[:] = 99
    for own in (w.dense(), many.sparse):
        with pytest.raises(ValueError, match="read-only"):
            (own.data if sparse.issparse(own) else own)[:] = 1.0
    copy = many.sparse.copy()
    copy.data[:] = 99
    assert many.dense().max() < 99


def test_audit_says_what_a_reviewer_asks():
    geo = ss.weights.contiguity(grid(), name="geo").standardize("row")
    eco = ss.weights.gap(mean([1.0, 2, 4, 8]), name="eco").standardize("row")
    table = ss.weights.audit(geo, eco)
    assert table.loc["geo", "links"] == 8
    assert table.loc["geo", "components"] == 1
    assert table.loc["eco", "base_years"] == "2011, 2012"
    assert table.loc["geo", "rho_max"] == pytest.approx(1)
    assert table.loc["geo", "effective_neighbours"] == pytest.approx(2)
    off = ~np.eye(4, dtype=bool)
    shares = np.corrcoef(geo.dense()[off], eco.dense()[off])[0, 1]
    assert table.loc["geo", "overlap[eco]"] == pytest.approx(shares)
    with pytest.raises(ss.WeightsError, match="at least one"):
        ss.weights.audit()
    with pytest.raises(ss.WeightsError, match="distinct names; got 'geo', 'geo'"):
        ss.weights.audit(geo, geo)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(3, 12))
def test_the_spectrum_of_a_symmetrisable_matrix_is_that_of_the_matrix(seed, n):
    rng = np.random.default_rng(seed)
    B = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.7), 1)
    B = B + B.T + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    np.fill_diagonal(B, 0)
    W = B / B.sum(axis=1, keepdims=True)
    assert symmetriser(W) is not None
    assert_allclose(np.sort(eigenvalues(W)), np.sort(np.linalg.eigvals(W).real), atol=1e-10)


def test_an_asymmetric_matrix_has_no_symmetriser():
    W = np.array([[0, 1, 2.0], [3, 0, 1], [1, 1, 0]])
    assert symmetriser(W) is None
    assert_allclose(np.sort_complex(eigenvalues(W)), np.sort_complex(np.linalg.eigvals(W)))


def test_the_log_determinant_and_its_derivatives_equal_dense_algebra():
    w = ss.Weights.from_matrix(ring(15), ids=range(15))
    for rho in (-0.7, 0.2, 0.95):
        S = np.eye(15) - rho * w.dense()
        G = w.dense() @ np.linalg.inv(S)
        assert_allclose(w.logdet(rho), np.linalg.slogdet(S)[1], rtol=1e-10)
        assert_allclose(w.logdet.slope(rho), -np.trace(G), rtol=1e-9)
        assert_allclose(w.logdet.curvature(rho), -np.trace(G @ G), rtol=1e-9)


def test_sparse_matrices_stay_sparse_and_dense_ones_dense():
    big = sparse.random_array((60, 60), density=0.05, rng=np.random.default_rng(0))
    big = big - sparse.diags_array(big.diagonal())
    assert sparse.issparse(ss.Weights.from_matrix(big, ids=range(60)).matrix)
    assert not sparse.issparse(ss.Weights.from_matrix(ring(4), ids=IDS).matrix)


def test_cells_and_ids_that_are_none_are_refused_by_name():
    text = pd.DataFrame([["0", "x"], ["1", "0"]], index=["a", "b"], columns=["a", "b"])
    with pytest.raises(ss.WeightsError, match=r"W\[geo\] is not a matrix of numbers.*'x'"):
        ss.Weights.from_matrix(text, name="geo")
    for nothing in (None, np.nan, pd.NA):
        with pytest.raises(
            ss.WeightsError, match=r"W\[w\] has no city id in the rows 2, counted from 1"
        ):
            ss.Weights.from_matrix(np.array([[0, 1], [1, 0]]), ids=["a", nothing])
    pairs = ss.Weights.from_matrix(np.array([[0, 1], [1, 0]]), ids=[("a", 1), ("a", 2)])
    assert pairs.ids == (("a", 1), ("a", 2))


def test_a_labelled_matrix_is_put_in_order_by_rows_and_by_columns():
    links = ring(4)
    frame = pd.DataFrame(links, index=IDS, columns=IDS)
    mixed = frame.loc[[IDS[i] for i in (2, 0, 3, 1)], [IDS[i] for i in (1, 3, 2, 0)]]
    assert_allclose(ss.Weights.from_matrix(mixed, ids=IDS).dense(), links)
    by_row = ss.Weights.from_matrix(mixed)  # in the order of its own rows
    assert by_row.ids == tuple(IDS[i] for i in (2, 0, 3, 1))
    assert_allclose(by_row.aligned(IDS).dense(), links)
