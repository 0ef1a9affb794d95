"""Geographic weights against brute force, libpysal and pyproj."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from libpysal.graph import Graph
from numpy.testing import assert_allclose
from places import KINDS, brute_km, scattered
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.cities import geodesy

W = ss.weights
LAYERS = ("guangdong", "prefectures")


@pytest.fixture(scope="module", params=LAYERS)
def layer(request):
    return ss.datasets.boundaries(request.param)


# Borders


@pytest.mark.parametrize("rook", [False, True])
def test_borders_are_those_of_libpysal(layer, rook):
    ours = W.contiguity(layer, rook=rook, isolates="keep")
    theirs = Graph.build_contiguity(layer, rook=rook)
    assert ours.hash == ss.Weights.from_graph(theirs).hash


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("up_to", [False, True])
def test_higher_orders_are_those_of_libpysal_and_of_the_shortest_way(layer, order, up_to):
    ours = W.contiguity(layer, isolates="keep", order=order, up_to=up_to)
    first = Graph.build_contiguity(layer, rook=False)
    theirs = first.higher_order(order, shortest_path=True, diagonal=False, lower_order=up_to)
    assert_allclose(ours.dense(), theirs.sparse.toarray() != 0)
    steps = dijkstra(first.sparse, unweighted=True)
    brute = (steps >= 1) & (steps <= order) if up_to else steps == order
    assert_allclose(ours.dense(), brute)


def strip(n: int) -> gpd.GeoDataFrame:
    """Squares in a row."""
    shapes = [box(110 + i, 22, 111 + i, 23) for i in range(n)]
    return gpd.GeoDataFrame(geometry=shapes, index=[f"s{i}" for i in range(n)], crs=4326)


def test_an_order_that_some_city_has_not_is_refused():
    with pytest.raises(ss.WeightsError, match=r"'s1' have no neighbour of order 2.*up_to=True"):
        W.contiguity(strip(3), order=2)
    assert W.contiguity(strip(3), order=2, isolates="keep").dense().tolist() == [
        [0, 0, 1], [0, 0, 0], [1, 0, 0],
    ]  # fmt: skip
    assert W.contiguity(strip(3), order=2, isolates="drop").ids == ("s0", "s2")
    with pytest.raises(ss.WeightsError, match="have no neighbour of order 1000000000"):
        W.contiguity(strip(3), order=10**9)  # at once
    assert W.contiguity(strip(3), order=10**9, up_to=True).dense().sum() == 6
    for order in (0, 1.5, True):
        with pytest.raises(ss.WeightsError, match="the order of contiguity is 1, 2, 3"):
            W.contiguity(strip(3), order=order)
    with pytest.raises(ss.WeightsError, match=r"pairs of different ids; got \('s0', 's0'\)"):
        W.contiguity(strip(3), links=[("s0", "s0")])
    with pytest.raises(ss.WeightsError, match="there is only 's0'"):
        W.contiguity(strip(1))


def test_a_bridge_counts_in_higher_orders():
    bridged = W.contiguity(strip(4), links=[("s0", "s3")], order=2, isolates="keep")
    assert bridged.dense().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]


# Distances


def test_distances_are_geodesics_to_a_millimetre():
    far = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(
            [0, 179.9, -179.9, 113, 12], [0, 65, 65, -89.99, 89.9], crs=4326
        ),
        index=list("abcde"),
    )
    for cities in (scattered(), far):
        assert_allclose(W.distances(cities), brute_km(cities), atol=1e-6)


@pytest.mark.parametrize("k", [1, 4, 11])
def test_the_nearest_are_those_of_brute_force_and_libpysal(k):
    cities = scattered()
    km = brute_km(cities)
    np.fill_diagonal(km, np.inf)
    brute = km <= np.sort(km, axis=1)[:, [k - 1]]
    ours = W.knn(cities, k)
    assert_allclose(ours.dense(), brute)
    # libpysal measures on a sphere, so near-equal distances may change places; none are here.
    theirs = Graph.build_knn(cities.geometry, k=k, metric="haversine") if k < 11 else None
    if theirs is not None:
        assert_allclose(ours.dense(), theirs.sparse.toarray())


def test_the_nearest_are_found_across_the_date_line_and_the_pole():
    lon = [179.99, -179.99, 170, -170, 0, 90, 180, -90]
    lat = [10, 10, 10, 10, 89.9, 89.9, 89.9, 89.9]
    cities = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4326))
    links = W.knn(cities, 1).dense()
    assert links[0, 1] == links[1, 0] == 1
    assert links[4:, 4:].sum() == 4


def test_equally_near_cities_are_taken_from_west_to_east():
    """On a square grid four neighbours are equally near in longitude and two in latitude."""
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(5) / 100, np.arange(5) / 100))
    cities = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4326))
    middle = 12
    # North and south are nearer than east and west on the ellipsoid near the equator.
    assert np.flatnonzero(W.knn(cities, 2).dense()[middle]).tolist() == [7, 17]
    assert np.flatnonzero(W.knn(cities, 3).dense()[middle]).tolist() == [7, 11, 17]
    assert np.flatnonzero(W.knn(cities, 4).dense()[middle]).tolist() == [7, 11, 13, 17]


def test_the_search_widens_where_its_candidates_do_not_suffice(monkeypatch):
    """With no candidate to spare every row has to be asked again."""
    cities = scattered(range(60))
    known = W.knn(cities, 5)
    monkeypatch.setattr(geodesy, "SPARE", 0)
    monkeypatch.setattr(geodesy, "BATCH", 70)
    assert W.knn(cities, 5).hash == known.hash


def test_many_cities_at_one_point_are_each_others_neighbours():
    point = gpd.points_from_xy([113.0] * 30 + [114], [23.0] * 30 + [23], crs=4326)
    cities = gpd.GeoDataFrame(geometry=point)
    assert W.knn(cities, 3).dense()[:30, 30].sum() == 0
    assert W.distance_band(cities, 1, isolates="keep").dense()[:30, :30].sum() == 30 * 29
    with pytest.raises(ss.WeightsError, match=r"have 3 other cities at their very point"):
        W.kernel(cities, neighbours=3)


def test_nearness_keeps_its_direction_unless_asked():
    cities = scattered()
    one = W.knn(cities, 3)
    links = one.dense()
    assert (links != links.T).any()
    for how, made in {
        "max": np.maximum(links, links.T),
        "min": np.minimum(links, links.T),
        "mean": (links + links.T) / 2,
        "product": links * links.T,
    }.items():
        assert_allclose(W.knn(cities, 3, symmetric=how).dense(), made)
    with pytest.raises(ss.WeightsError, match="symmetric='both' is not one of 'mean', 'max'"):
        W.knn(cities, 3, symmetric="both")
    for k in (0, 12, 2.0, True):
        with pytest.raises(ss.WeightsError, match="of 12 cities, each can have 1 to 11 neighbours"):
            W.knn(cities, k)


@pytest.mark.parametrize("cutoff", [60, 150])
def test_a_band_is_all_pairs_within_it(cutoff):
    cities = scattered()
    km = brute_km(cities)
    inside = (km <= cutoff) & ~np.eye(12, dtype=bool)
    band = W.distance_band(cities, cutoff, isolates="keep")
    assert_allclose(band.dense(), inside)
    decay = W.inverse_distance(cities, power=1.5, cutoff=cutoff, isolates="keep")
    assert_allclose(decay.dense()[inside], km[inside] ** -1.5)
    assert_allclose(decay.dense() > 0, inside)


def test_bands_agree_with_libpysal_where_the_plane_is_true():
    """libpysal's bands are planar; within 30 km of the middle of a UTM zone so is the Earth."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform([485000, 2500000], [515000, 2530000], (40, 2)).T
    cities = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=32649))
    scale = 0.9996  # UTM shortens the middle of its zone
    theirs = Graph.build_distance_band(cities, 6000 * scale, binary=True)
    assert_allclose(W.distance_band(cities, 6, isolates="keep").dense(), theirs.sparse.toarray())
    with np.errstate(divide="ignore"):  # libpysal's own diagonal
        theirs = Graph.build_distance_band(cities, 6000 * scale, binary=False, alpha=-2)
    ours = W.inverse_distance(cities, power=2, cutoff=6, isolates="keep")
    # The scale of the map moves by 3e-6 over 15 km.
    assert_allclose(ours.dense(), theirs.sparse.toarray() * (1000 * scale) ** 2, rtol=2e-5)


def test_cities_without_another_in_the_band_need_a_decision():
    cities = scattered([*KINDS["text"], "far"])
    cities.loc["far", "geometry"] = gpd.points_from_xy([100], [30])[0]
    km = brute_km(cities)
    with pytest.raises(
        ss.WeightsError, match=r"'far' have no other city within 200 km.*1\d{3}\.\d km"
    ):
        W.distance_band(cities, 200)
    closest = int(np.argmin(km[12, :12]))
    linked = W.inverse_distance(cities, cutoff=200, isolates="nearest")
    assert np.flatnonzero(linked.dense()[12]).tolist() == [closest]
    assert_allclose(linked.dense()[[12, closest], [closest, 12]], 1 / km[12, closest])
    assert linked.recipe["linked"] == ("far",)
    assert W.distance_band(cities, 200, isolates="keep").isolates == ("far",)
    assert "far" not in W.distance_band(cities, 200, isolates="drop").ids
    # The cut-off that the error names is enough.
    with pytest.raises(ss.WeightsError) as refused:
        W.distance_band(cities, 200)
    enough = float(str(refused.value).split("alone is ")[1].split(" km")[0])
    assert W.distance_band(cities, enough).isolates == ()


def test_rings_share_no_pair_and_together_are_the_band():
    cities = scattered()
    made = W.rings(cities, [0, 80, 160, 400], isolates="keep")
    assert list(made) == ["ring_0_80", "ring_80_160", "ring_160_400"]
    assert [w.name for w in made.values()] == list(made)
    dense = [w.dense() for w in made.values()]
    km = brute_km(cities)
    assert_allclose(dense[1], (km > 80) & (km <= 160))
    assert max(np.sum(dense, axis=0).ravel()) == 1
    assert_allclose(np.sum(dense, axis=0), W.distance_band(cities, 400).dense())
    hollow = W.rings(cities, [80, 160], isolates="keep")
    assert_allclose(hollow["ring_80_160"].dense(), dense[1])
    # A pair at the very edge lies in the inner ring alone; cities at one point in the first one.
    edge = float(W.distances(cities).iloc[0, 1])
    inner, outer = W.rings(cities, [0, edge, 400], isolates="keep").values()
    assert (inner.dense()[0, 1], outer.dense()[0, 1]) == (1, 0)
    double = cities.set_geometry(
        cities.geometry.where(cities.index != "c01", cities.geometry["c00"])
    )
    assert W.rings(double, [0, 80], isolates="keep")["ring_0_80"].dense()[0, 1] == 1


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ([0], {}, "rings need two kilometres or more"),
        (100, {}, "edges=100: rings need two kilometres or more"),
        ("0-100", {}, "edges='0-100' must be kilometres that ascend"),
        ([0, "far"], {}, "must be kilometres that ascend"),
        ([0, 100, 50], {}, r"edges=\[0, 100, 50\] must be kilometres that ascend"),
        ([-1, 100], {}, "kilometres that ascend from 0 or more"),
        ([0, np.inf], {}, "kilometres that ascend from 0 or more"),
        ([0, 0.001], {"isolates": "keep"}, r"W\[ring_0_0.001\] has no links at all"),
        ([0, 80], {}, "have no other city between 0 and 80 km"),
        ([0, 80], {"isolates": "nearest"}, "for rings it is None or 'keep'"),
    ],
)
def test_rings_that_are_none(edges, options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.rings(scattered(), edges, **options)


# All of them

BUILDERS = {
    "knn": lambda c: W.knn(c, 3),
    "band": lambda c: W.distance_band(c, 200, isolates="nearest"),
    "inverse": lambda c: W.inverse_distance(c),
    "cut": lambda c: W.inverse_distance(c, cutoff=90, isolates="nearest"),
    "ring": lambda c: W.rings(c, [0, 150, 400], isolates="keep")["ring_150_400"],
    "fixed": lambda c: W.kernel(c, "epanechnikov", bandwidth=150, isolates="keep"),
    "adaptive": lambda c: W.kernel(c, neighbours=4),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("builder", BUILDERS)
def test_relabelling_permutes_the_matrix_and_nothing_else(builder, kind):
    ids = KINDS[kind]
    cities = scattered(ids)
    w = BUILDERS[builder](cities)
    shuffle = np.random.default_rng(3).permutation(len(ids))
    moved = BUILDERS[builder](cities.iloc[shuffle])
    assert w.ids == tuple(ids)
    assert moved.ids == tuple(ids[i] for i in shuffle)
    assert_allclose(moved.dense(), w.dense()[np.ix_(shuffle, shuffle)])
    assert moved.hash == w.hash
    plain = BUILDERS[builder](scattered(KINDS["text"]))
    assert_allclose(w.dense(), plain.dense())


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_projection_of_the_file_does_not_matter(builder):
    cities = scattered()
    # A projection and back moves a point by less than a millimetre.
    assert_allclose(
        BUILDERS[builder](cities.to_crs(32649)).dense(), BUILDERS[builder](cities).dense(),
        rtol=1e-7, atol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cities", "message"),
    [
        (scattered(["a", "a", "b"]), "lists these cities more than once: 'a'"),
        (scattered(["a", None, "b"]), "has no city id in 1 rows"),
        (scattered().set_crs(None, allow_override=True), "does not say in which coordinates"),
        (
            gpd.GeoDataFrame(geometry=gpd.points_from_xy([1, np.nan], [2, np.nan], crs=4326)),
            "has no place for 1",
        ),
        (
            gpd.GeoDataFrame(geometry=gpd.points_from_xy([9e9, 5e5], [9e9, 2.5e6], crs=32649)),
            "has no place for 0",
        ),
        (scattered().drop(columns="geometry"), "a DataFrame, not a GeoDataFrame"),
    ],
)
def test_places_that_are_none(cities, message):
    with pytest.raises(ss.BoundaryError, match=message):
        W.knn(cities, 1)


@pytest.mark.parametrize("power", [0, -1, np.inf, np.nan, "two", True])
def test_powers_that_are_none(power):
    with pytest.raises(ss.WeightsError, match="decay needs a positive power"):
        W.inverse_distance(scattered(), power=power)


@pytest.mark.parametrize(
    "build",
    [
        lambda c: W.knn(c, 1),
        lambda c: W.distance_band(c, 100),
        lambda c: W.inverse_distance(c),
        lambda c: W.inverse_distance(c, cutoff=100),
        lambda c: W.rings(c, [0, 100]),
        lambda c: W.kernel(c, bandwidth=100),
    ],
)
def test_one_city_has_no_neighbours(build):
    one = r"of 1 cities|there is only 'a'|no links at all|'a' have no other city"
    with pytest.raises(ss.WeightsError, match=one):
        build(scattered(["a"]))


@pytest.mark.parametrize("kind", KINDS)
def test_relabelling_permutes_borders_and_nothing_else(kind):
    shapes = [box(110 + i % 4, 20 + i // 4, 111 + i % 4, 21 + i // 4) for i in range(12)]
    ids = KINDS[kind]
    cities = gpd.GeoDataFrame(geometry=shapes, index=list(ids), crs=4326)
    shuffle = np.random.default_rng(4).permutation(12)
    for options in ({}, {"rook": True}, {"order": 2}, {"links": [(ids[0], ids[11])]}):
        w = W.contiguity(cities, **options)
        moved = W.contiguity(cities.iloc[shuffle], **options)
        assert moved.ids == tuple(ids[i] for i in shuffle)
        assert_allclose(moved.dense(), w.dense()[np.ix_(shuffle, shuffle)])
        assert moved.hash == w.hash


def test_what_was_done_about_islands_is_told_at_every_order():
    shapes = [*strip(3).geometry, box(130, 22, 131, 23)]
    cities = gpd.GeoDataFrame(geometry=shapes, index=list("abcd"), crs=4326)
    w = W.contiguity(cities, isolates="nearest", order=2, up_to=True)
    assert (w.recipe["isolates"], w.recipe["linked"]) == ("nearest", ("d",))
    assert W.contiguity(cities, isolates="drop", order=2).recipe["dropped"] == ("d", "b")


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(geodesy, "MOST_DENSE", 11)
    monkeypatch.setattr(geodesy, "MOST_LINKS", 20)
    with pytest.raises(ss.WeightsError, match=r"of 12 cities would take 0 GB.*distance_band"):
        W.inverse_distance(scattered())
    with pytest.raises(ss.WeightsError, match=r"within 500 km lie about 1\.3e\+02 pairs"):
        W.distance_band(scattered(), 500)
