"""Cities around the 180th meridian, where degrees end, have the neighbours and distances of others."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from numpy.testing import assert_allclose
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.cities import geodesy

W = ss.weights


def around(meridian: float, crs=4326, cut: bool = False) -> gpd.GeoDataFrame:
    """Two rows of rectangles around a meridian, the middle ones across it."""
    edges = meridian + np.array([-3, -2, -0.75, 0.5, 1.5, 3])
    shapes = [box(a, c, b, c + 1) for c in (-18, -17) for a, b in pairwise(edges)]
    if cut:
        shapes = [cut_at_180(shape) for shape in shapes]
    ids = [f"c{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame(geometry=shapes, index=ids, crs=4326).to_crs(crs)


def cut_at_180(shape):
    """The shape as RFC 7946 has it: parts on either side, longitudes within 180 degrees."""
    west = shape.intersection(box(0, -90, 180, 90))
    east = shapely.transform(shape.intersection(box(180, -90, 360, 90)), lambda xy: xy - [360, 0])
    return shapely.multipolygons([part for part in (west, east) if part.area > 0])


PACIFIC = ["EPSG:3832", "EPSG:3460", "+proj=laea +lat_0=-17 +lon_0=180", "+proj=longlat +pm=150"]


@pytest.mark.parametrize("crs", [4326, *PACIFIC])
def test_turning_the_earth_changes_no_distance_and_no_neighbour(crs):
    """The ellipsoid is one of revolution: what holds around 10 degrees east holds around 180."""
    there, here = around(180, crs), around(10)
    # Projections and datums are good for a few centimetres.
    assert_allclose(W.distances(there), W.distances(here), atol=5e-5)
    for rook in (False, True):
        assert W.contiguity(there, rook=rook).hash == W.contiguity(here, rook=rook).hash
    assert W.knn(there, 2).hash == W.knn(here, 2).hash


def test_a_city_that_the_180th_meridian_cuts_in_the_file_is_one_piece():
    there, here = around(180, cut=True), around(10)
    assert (there.geometry.geom_type == "MultiPolygon").all()
    assert (there.total_bounds[[0, 2]] == [-180, 180]).all()
    assert_allclose(W.distances(there), W.distances(here), atol=1e-9)
    places = geodesy.places(there).lonlat
    assert (np.abs(places[:, 0]) <= 180).all()
    assert W.contiguity(there).hash == W.contiguity(here).hash


def test_cities_that_meet_at_180_degrees_are_neighbours_though_their_vertices_are_not_equal():
    shapes = [box(179, 0, 180, 1), box(-180, 0, -179, 1), box(177, 0, 179, 1)]
    cities = gpd.GeoDataFrame(geometry=shapes, index=list("abc"), crs=4326)
    assert W.contiguity(cities, rook=True).dense().tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]


def test_a_cap_around_the_pole_is_no_line():
    shapes = [box(-180, 89, 180, 90), box(0, 80, 10, 81)]
    cities = gpd.GeoDataFrame(geometry=shapes, index=["cap", "b"], crs=4326)
    assert 900 < W.distances(cities).loc["cap", "b"] < 1070  # 8.5 to 9.5 degrees of latitude
