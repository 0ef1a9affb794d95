"""Queen and rook of every kind of layer are those of libpysal, link by link."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from libpysal.graph import Graph
from libpysal.weights import Queen, Rook

import spatialsyn as ss
from spatialsyn.cities import boundaries, topology


def squares(side=9):
    """A lattice of a tenth of a degree, as an array of polygons."""
    row, column = np.divmod(np.arange(side**2), side)
    # From one list of lines, so that a corner is the same number in all four squares.
    x, y = 110 + np.arange(side + 1) / 10, 22 + np.arange(side + 1) / 10
    return shapely.box(x[column], y[row], x[column + 1], y[row + 1])


def voronoi(n, seed):
    """Cells of random points, corners rounded so that none are a few metres apart."""
    points = np.random.default_rng(seed).uniform([110, 22], [114, 26], (n, 2))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points)))
    return shapely.set_precision(cells, 0.002)


def merged(polygons, groups):
    """The layer with each group of its polygons made one, and no vertex lost."""
    one = [shapely.coverage_union_all(polygons[list(group)]) for group in groups]
    rest = np.setdiff1d(np.arange(len(polygons)), np.concatenate([list(g) for g in groups]))
    return np.array([*polygons[rest], *one])


def layers():
    lattice = squares()
    around = [r * 9 + c for r in (3, 4, 5) for c in (3, 4, 5) if (r, c) != (4, 4)]
    place = np.arange(81)
    board = lattice[((place % 9 + place // 9) % 2 == 0) | (place == 1)]
    return {
        "lattice": lattice,
        "corners, save one square": board,
        "a city within a city": merged(lattice, [around]),
        "cities of two parts": merged(lattice, [(0, 80), (8, 40), (30, 32)]),
        "islands": lattice[[0, 1, 9, 30, 31, 40, 60, 80]],
        "dense borders": shapely.segmentize(merged(lattice, [(0, 80)]), 0.013),
        "turned the other way": np.array(
            [shapely.reverse(p) if i % 3 else p for i, p in enumerate(lattice)]
        ),
    }


def agree(layer):
    for rook, old in ((False, Queen), (True, Rook)):
        ours = ss.weights.contiguity(layer, rook=rook, isolates="keep")
        graph = Graph.build_contiguity(layer, rook=rook)
        assert (ours.sparse != graph.sparse).nnz == 0
        lists = old.from_dataframe(layer, use_index=False, silence_warnings=True)
        assert (ours.sparse != lists.sparse).nnz == 0
        assert (ours.sparse != ours.sparse.T).nnz == 0


@pytest.mark.parametrize("name", list(layers()))
def test_made_layers(name):
    agree(gpd.GeoDataFrame(geometry=layers()[name], crs=4326))


@pytest.mark.parametrize("seed", range(4))
def test_random_cells_some_of_them_in_two_parts(seed):
    polygons = voronoi(150, seed)
    far = topology.contiguous(polygons).toarray() == 0
    pair = tuple(np.argwhere(np.triu(far, 1))[7 * seed])
    agree(gpd.GeoDataFrame(geometry=merged(polygons, [pair]), crs=4326))


@pytest.mark.parametrize("name", ["guangdong", "prefectures"])
def test_shipped_layers(name):
    agree(ss.datasets.boundaries(name))


def test_borders_are_checked_once_and_again_when_a_vertex_has_moved(monkeypatch):
    checked = []

    def counting(polygons):
        checked.append(len(polygons))
        return topology.check_borders(polygons)

    monkeypatch.setattr(boundaries, "check_borders", counting)
    monkeypatch.setattr(boundaries, "EXACT", set())
    layer = gpd.GeoDataFrame(geometry=squares(3), crs=4326)
    for _ in range(2):
        ss.weights.contiguity(layer)
        ss.weights.contiguity(layer, rook=True)
    assert checked == [9]
    ss.weights.contiguity(layer.set_crs(4490, allow_override=True))
    assert checked == [9, 9]
    layer.loc[4, "geometry"] = shapely.transform(layer.geometry[4], lambda xy: xy + 1e-9)
    for times in (3, 4):  # what is refused is refused again
        with pytest.raises(ss.BoundaryError, match="do not match exactly"):
            ss.weights.contiguity(layer)
        assert len(checked) == times
