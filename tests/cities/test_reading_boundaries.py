"""Reading boundaries: what works, what is refused, and what a repair may do."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from libpysal.graph import Graph
from numpy.testing import assert_allclose
from polygons import ALBERS, METRES, vertex_pairs
from shapely import affinity
from shapely.geometry import MultiPolygon, Point, Polygon, box

from spatialsyn.cities import topology
from spatialsyn.cities.boundaries import check_boundaries, read_boundaries
from spatialsyn.cities.datasets import boundaries
from spatialsyn.errors import BoundaryError
from spatialsyn.weights import contiguity, inverse_distance


@pytest.fixture(scope="module")
def guangdong():
    return boundaries("guangdong")


@pytest.fixture
def squares():
    """Four squares of 10 km in a row, with exact borders, in metres."""
    row = [box(x, 2_500_000, x + 10_000, 2_510_000) for x in range(400_000, 440_000, 10_000)]
    names = ["甲市", "乙市", "丙市", "丁市"]
    return gpd.GeoDataFrame({"id": list("abcd"), "名称": names}, geometry=row, crs=METRES)


def shifted(cities, sd, seed):
    """Every unit moved by its own N(0, sd) metres: borders drawn more than once."""
    rng = np.random.default_rng(seed)
    metric = cities.to_crs(ALBERS)
    metric.geometry = [affinity.translate(g, *rng.normal(0, sd, 2)) for g in metric.geometry]
    return metric


# Files


@pytest.mark.parametrize("suffix", ["shp", "gpkg", "geojson"])
def test_files_come_back_as_written(squares, tmp_path, suffix):
    path = tmp_path / f"城市.{suffix}"
    written = squares.to_crs("EPSG:4326") if suffix == "geojson" else squares
    written.to_file(path, engine="pyogrio", encoding="UTF-8" if suffix == "shp" else None)
    cities = read_boundaries(path, city="id")
    assert cities.index.tolist() == list("abcd")
    assert cities["名称"].tolist() == squares["名称"].tolist()
    assert cities.crs == written.crs


@pytest.mark.parametrize("folder", ["", "inner/"])
def test_a_zipped_shapefile_is_read(squares, tmp_path, folder):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="UTF-8")
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for file in tmp_path.glob("s.???"):
            if file.suffix != ".zip":
                archive.write(file, folder + file.name)
    cities = read_boundaries(tmp_path / "s.zip", city="id")
    assert cities["名称"].tolist() == squares["名称"].tolist()


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_a_dbf_without_cpg_is_read(squares, tmp_path, encoding):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding=encoding)
    (tmp_path / "s.cpg").unlink()
    cities = read_boundaries(tmp_path / "s.shp", city="id")
    assert cities["名称"].tolist() == squares["名称"].tolist()


def test_an_encoding_can_be_given_and_a_wrong_one_is_refused(squares, tmp_path):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="GBK")
    (tmp_path / "s.cpg").unlink()
    cities = read_boundaries(tmp_path / "s.shp", city="id", encoding="GBK")
    assert cities["名称"].tolist() == squares["名称"].tolist()
    with pytest.raises(BoundaryError, match=r"not in the encoding tried \(UTF-8\)"):
        read_boundaries(tmp_path / "s.shp", city="id", encoding="UTF-8")


def test_whole_number_ids_stay_whole_numbers(squares, tmp_path):
    squares.assign(code=[440100, 440200, 440300, 440400]).to_file(tmp_path / "s.gpkg")
    assert read_boundaries(tmp_path / "s.gpkg", city="code").index.dtype == "int64"


def test_files_that_cannot_be_meant_are_refused(squares, tmp_path):
    with pytest.raises(BoundaryError, match=r"no file .*absent\.shp"):
        read_boundaries(tmp_path / "absent.shp")
    (tmp_path / "table.csv").write_text("adcode")
    with pytest.raises(BoundaryError, match=r"'table\.csv' is not one of the kinds"):
        read_boundaries(tmp_path / "table.csv")
    (tmp_path / "not.zip").write_text("x")
    with pytest.raises(BoundaryError, match="is not a zip archive"):
        read_boundaries(tmp_path / "not.zip")
    (tmp_path / "broken.geojson").write_text("x")
    with pytest.raises(BoundaryError, match=r"'broken\.geojson' cannot be read"):
        read_boundaries(tmp_path / "broken.geojson")
    with pytest.raises(BoundaryError, match="no bundled layer 'hunan'"):
        boundaries("hunan")


def test_incomplete_and_ambiguous_files_are_refused(squares, tmp_path):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="UTF-8")
    (tmp_path / "s.dbf").unlink()
    with pytest.raises(BoundaryError, match=r"has no \.dbf beside it"):
        read_boundaries(tmp_path / "s.shp", city="id")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("one.shp", "")
        archive.writestr("two.shp", "")
    with pytest.raises(BoundaryError, match=r"holds 2 shapefiles \('one\.shp', 'two\.shp'\)"):
        read_boundaries(tmp_path / "two.zip")
    squares.to_file(tmp_path / "s.gpkg", layer="cities")
    squares.to_file(tmp_path / "s.gpkg", layer="provinces")
    with pytest.raises(BoundaryError, match="holds 2 layers: 'cities', 'provinces'"):
        read_boundaries(tmp_path / "s.gpkg", city="id")


def test_a_table_of_styles_beside_the_cities_is_no_layer(squares, tmp_path):
    path = tmp_path / "s.gpkg"
    styles = pd.DataFrame({"styleName": ["plain"], "useAsDefault": [1]})
    pyogrio.write_dataframe(styles, tmp_path / "only.gpkg", layer="layer_styles")
    with pytest.raises(BoundaryError, match=r"'only\.gpkg' holds no shapes.*'layer_styles'"):
        read_boundaries(tmp_path / "only.gpkg", city="id")
    pyogrio.write_dataframe(styles, path, layer="layer_styles")
    squares.to_file(path, layer="cities")
    assert read_boundaries(path, city="id").index.tolist() == list("abcd")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("rows", [2, 4])
def test_shapes_and_rows_that_do_not_belong_together_are_refused(squares, tmp_path, zipped, rows):
    """Of three shapes and two rows GDAL gives two: a city was gone, and others may be exchanged."""
    path = tmp_path / "s.shp"
    squares.iloc[:3].to_file(path, engine="pyogrio", encoding="UTF-8")
    squares.iloc[:rows].to_file(tmp_path / "other.shp", engine="pyogrio", encoding="UTF-8")
    (tmp_path / "s.dbf").write_bytes((tmp_path / "other.dbf").read_bytes())
    if zipped:
        path = zip_of(tmp_path, "s")
    with pytest.raises(BoundaryError, match=f"has 3 shapes and {rows} rows of columns"):
        read_boundaries(path, city="id")


def zip_of(folder, stem, without=()):
    """An archive of the files of one shapefile."""
    path = folder / f"{stem}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.glob(f"{stem}.???")):
            if file.suffix not in {".zip", *without}:
                archive.write(file, file.name)
    return path


def test_files_that_are_cut_off_or_left_out_of_an_archive_are_named(squares, tmp_path):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="UTF-8")
    with pytest.raises(BoundaryError, match=r"archive with 's\.shp' has no \.dbf"):
        read_boundaries(zip_of(tmp_path, "s", without=[".dbf"]), city="id")
    table = tmp_path / "s.dbf"
    table.write_bytes(table.read_bytes()[:-60])
    with pytest.raises(BoundaryError, match=r"'s\.shp' cannot be read"):
        read_boundaries(tmp_path / "s.shp", city="id")


# What is refused


def test_a_good_layer_passes_unchanged(squares):
    for repair in (None, "snap"):
        checked = check_boundaries(squares, city="id", repair=repair)
        assert checked.index.tolist() == list("abcd")
        assert checked.geometry.tolist() == squares.geometry.tolist()
        assert "repair" not in checked.attrs


def test_ids_are_checked(squares):
    with pytest.raises(BoundaryError, match=r"no column 'adcode'\. Its columns are 'id', '名称'"):
        check_boundaries(squares, city="adcode")
    with pytest.raises(BoundaryError, match="more than once: 'a'"):
        check_boundaries(squares.assign(id=list("aabc")), city="id")
    with pytest.raises(BoundaryError, match=r"no city id in 2 rows \(counted from 0: 1, 3\)"):
        check_boundaries(squares.assign(id=["a", None, "c", " "]), city="id")
    with pytest.raises(BoundaryError, match="has no rows"):
        check_boundaries(squares.iloc[:0], city="id")


def test_the_crs_is_checked(squares, tmp_path):
    squares.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="UTF-8")
    (tmp_path / "s.prj").unlink()
    with pytest.raises(BoundaryError, match=r"'?s\.shp'? does not say .*gdf\.set_crs"):
        read_boundaries(tmp_path / "s.shp", city="id")
    with pytest.raises(BoundaryError, match="says its coordinates are degrees"):
        check_boundaries(squares.set_crs("EPSG:4326", allow_override=True), city="id")
    degrees = squares.to_crs("EPSG:4326").set_crs(METRES, allow_override=True)
    with pytest.raises(BoundaryError, match=r"in metres of a projection .* They look like degrees"):
        check_boundaries(degrees, city="id")
    plan = 'LOCAL_CS["plan of a site",UNIT["metre",1]]'
    none = 'LOCAL_CS["Undefined Cartesian SRS"]'  # R's sf, for a GeoPackage without a CRS
    for crs, called in ((plan, "plan of a site"), (none, "Undefined"), ("EPSG:4978", "WGS 84")):
        with pytest.raises(BoundaryError, match=f"is in '{called}.*', coordinates that are n"):
            check_boundaries(squares.set_crs(crs, allow_override=True), city="id")
    right = squares.to_crs("EPSG:4326")
    exchanged = right.set_geometry(right.geometry.transform(lambda xy: xy[:, ::-1]))
    with pytest.raises(BoundaryError, match="They look like latitude before longitude"):
        check_boundaries(exchanged, city="id")
    mended = exchanged.set_geometry(exchanged.geometry.transform(lambda xy: xy[:, ::-1]))
    check_boundaries(mended, city="id")  # as the message says
    with pytest.raises(BoundaryError, match="They look like degrees"):
        inverse_distance(degrees.set_index("id"))


def test_shapes_are_checked(squares):
    ids = squares.set_index("id")
    for nothing in (None, Polygon()):
        empty = ids.copy()
        empty.loc["b", "geometry"] = nothing
        with pytest.raises(BoundaryError, match="no polygon for 'b'"):
            check_boundaries(empty)
    point = ids.copy()
    point.loc["c", "geometry"] = Point(405_000, 2_505_000)
    with pytest.raises(BoundaryError, match="has Point where polygons are needed: 'c'"):
        check_boundaries(point)


def test_invalid_polygons_are_refused_with_the_reason(squares):
    with pytest.raises(BoundaryError, match=r"(?s)1 invalid polygons: 'd'.*Self-intersection"):
        check_boundaries(crossed(squares, width=10_000), city="id")


def crossed(squares, width):
    """The last square with its right side drawn as a loop of `width` that crosses itself."""
    x, y = 440_000, 2_500_000
    corners = [(x - 10_000, y), (x, y), (x, y + 5_000), (x + width, y + 5_000 + width)]
    corners += [(x + width, y + 5_000), (x, y + 5_000 + width), (x, y + 10_000)]
    looped = Polygon([*corners, (x - 10_000, y + 10_000)])
    assert not looped.is_valid
    return squares.assign(geometry=[*squares.geometry[:3], looped])


# Borders


@pytest.mark.parametrize("sd", [1e-6, 5.0])
def test_borders_drawn_twice_are_refused_then_repaired(guangdong, sd):
    """Queen contiguity finds nothing on this layer, whether it is off by microns or metres."""
    noisy = shifted(guangdong, sd=sd, seed=1)
    assert vertex_pairs(noisy) == set()
    with pytest.raises(BoundaryError, match=r'41 pairs of cities(?s:.*)repair="snap"'):
        check_boundaries(noisy)
    snapped = check_boundaries(noisy, repair="snap")
    assert len(vertex_pairs(snapped)) == 41
    assert snapped.index.tolist() == noisy.index.tolist()
    assert (snapped.area / noisy.area - 1).abs().max() < 0.01
    assert "41 pairs of neighbours gained" in snapped.attrs["repair"]


def test_a_repair_that_moves_too_much_land_is_refused(guangdong):
    with pytest.raises(BoundaryError, match=r"change the area of 1 cities.*'820000' [+-]\d"):
        check_boundaries(shifted(guangdong, sd=80.0, seed=0), repair="snap")


def test_a_repair_that_eats_a_city_is_refused(guangdong, monkeypatch):
    """As coverage_clean can with a big snapping distance: a city collapses into another."""
    honest, ids = topology.snap, guangdong.index

    def greedy(polygons, misfit):
        eaten = honest(polygons, misfit)
        macao, zhuhai = ids.get_loc("820000"), ids.get_loc("440400")
        eaten[zhuhai] = eaten[zhuhai].union(eaten[macao])
        eaten[macao] = Polygon()
        return eaten

    monkeypatch.setattr(topology, "snap", greedy)
    with pytest.raises(BoundaryError, match=r"change the area of 2 cities.*'820000' -100\.0%"):
        check_boundaries(shifted(guangdong, sd=5.0, seed=1), repair="snap")


def test_land_claimed_twice_is_refused_not_repaired(squares):
    bigger = squares.set_index("id")
    bigger.loc["b", "geometry"] = box(410_000, 2_500_000, 420_600, 2_510_000)
    with pytest.raises(BoundaryError, match=r"'b' and 'c' \(6 km2\)"):
        check_boundaries(bigger, repair="snap")


def test_a_city_inside_another_is_refused(squares):
    inside = squares.set_index("id")
    inside.loc["d", "geometry"] = box(402_000, 2_502_000, 405_000, 2_505_000)
    with pytest.raises(BoundaryError, match="do not match exactly"):
        check_boundaries(inside)
    with pytest.raises(BoundaryError, match=r"'a' and 'd' \(9 km2\)"):
        check_boundaries(inside, repair="snap")


def test_borders_with_a_gap_are_refused(squares):
    """No overlap anywhere, so the layer is a valid coverage, and yet nobody has a neighbour."""
    shrunk = squares.assign(geometry=squares.buffer(-1, join_style="mitre"))
    with pytest.raises(BoundaryError, match=r"3 pairs of cities: \('a', 'b'\)"):
        check_boundaries(shrunk, city="id")
    with pytest.raises(BoundaryError, match="not enough"):
        check_boundaries(shrunk, city="id", repair="snap")


def beside(*middle):
    """Two squares of 10 km whose border is drawn twice: the second one's as `middle`, in metres."""
    x, y = 410_000, 2_500_000
    first = Polygon(
        [(x - 10_000, y), (x, y), (x, y + 5_000), (x, y + 10_000), (x - 10_000, y + 10_000)]
    )
    second = [(x + dx, y + dy) for dx, dy in middle]
    third = Polygon([(x + 10_000, y), (x + 10_000, y + 10_000), *second[::-1]])
    return gpd.GeoDataFrame(geometry=[first, third], index=["a", "b"], crs=METRES)  # fmt: skip


@pytest.mark.parametrize("gap", [0.001, 5.0])
def test_a_border_of_which_only_the_ends_match_is_refused_then_repaired(gap):
    """A valid coverage, and neighbours by their corners: rook alone would miss the 10 km."""
    layer = beside((0, 0), (gap, 5_000), (0, 10_000))
    assert vertex_pairs(layer) == {("a", "b")}
    assert Graph.build_contiguity(layer, rook=True).n_edges == 0
    with pytest.raises(BoundaryError, match=r"vertex or edge: 1 pairs of cities: \('a', 'b'\)"):
        check_boundaries(layer)
    mended = check_boundaries(layer, repair="snap")
    assert contiguity(mended, rook=True).dense().tolist() == [[0, 1], [1, 0]]
    assert_allclose(mended.area, 1e8, rtol=1e-9)  # the gap went to the one that lacked it


def test_a_gap_that_opens_to_the_outside_is_not_passed_as_mended():
    """Overlaps of 60 m elsewhere say what a misfit is; a gap of 30 to 70 m is one then."""
    with pytest.raises(BoundaryError, match=r"not enough.*(?s:.*)\('a', 'b'\)"):
        check_boundaries(beside((0, 0), (5, 10_000)), repair="snap")
    x, y = 420_000, 2_500_000
    other = gpd.GeoDataFrame(
        geometry=[box(x - 60, y, x + 10_000, y + 10_000)], index=["c"], crs=METRES
    )
    layer = pd.concat([beside((30, 0), (70, 10_000)), other])
    with pytest.raises(BoundaryError, match=r"not enough.*(?s:.*)\('a', 'b'\)"):
        check_boundaries(layer, repair="snap")


def test_a_splinter_of_a_third_city_does_not_part_two():
    """As a repair of overlaps leaves them: a valid coverage, and rook misses 10 km of border."""
    layer = beside((0, 0), (5, 5_000), (0, 10_000))
    between = Polygon([(410_000, 2_500_000), (410_005, 2_505_000), (410_000, 2_510_000),
                       (410_000, 2_505_000)])  # fmt: skip
    far = box(410_000, 2_510_000, 420_000, 2_520_000)
    layer.loc["c", "geometry"] = MultiPolygon([between, far])
    with pytest.raises(BoundaryError, match=r"vertex or edge: 1 pairs of cities: \('a', 'b'\)"):
        check_boundaries(layer)


@pytest.mark.parametrize("apart", [0.0, 30.0])
def test_cities_that_meet_in_a_corner_do_not_run_along_each_other(apart):
    """Four Corners, exactly or nearly: between the two others there is a border of some metres."""
    x, y, far = 400_000, 2_500_000, 10_000
    low, high = far - apart, far + apart
    corners = [
        Polygon([(0, 0), (far, 0), (far, low), (low, far), (0, far)]),
        Polygon([(far, 0), (2 * far, 0), (2 * far, far), (high, far), (far, low)]),
        Polygon([(0, far), (low, far), (far, high), (far, 2 * far), (0, 2 * far)]),
        Polygon([(high, far), (2 * far, far), (2 * far, 2 * far), (far, 2 * far), (far, high)]),
    ]
    if apart:
        corners.append(Polygon([(far, low), (high, far), (far, high), (low, far)]))
    shapes = [affinity.translate(shape, x, y) for shape in corners]
    layer = gpd.GeoDataFrame(geometry=shapes, index=list("abcde")[: len(shapes)], crs=METRES)
    theirs = Graph.build_contiguity(layer, rook=True)
    ours = contiguity(layer, rook=True)
    assert_allclose(ours.dense(), theirs.sparse.toarray())


def test_a_border_with_vertices_on_one_side_only_is_refused_then_repaired(squares):
    """Three neighbours meet in a T: without the vertex in the long border, queen misses nothing
    at the corners but the coverage is not exact."""
    halves = [
        box(400_000, 2_500_000, 410_000, 2_505_000),
        box(400_000, 2_505_000, 410_000, 2_510_000),
    ]
    tee = squares.assign(geometry=[*halves, *squares.geometry[1:3]])
    with pytest.raises(BoundaryError, match="overlapping or unmatched borders: 3 of 4"):
        check_boundaries(tee, city="id")
    assert len(vertex_pairs(check_boundaries(tee, city="id", repair="snap"))) == 4


def test_a_polygon_that_crosses_itself_is_mended_if_no_land_moves(squares):
    mended = check_boundaries(crossed(squares, width=10), city="id", repair="snap")
    assert mended.geometry.is_valid.all()
    assert "1 invalid polygons made valid" in mended.attrs["repair"]
    with pytest.raises(BoundaryError, match=r"change the area of 1 cities.*'d'"):
        check_boundaries(crossed(squares, width=9_000), city="id", repair="snap")


def test_an_unknown_repair_is_refused(squares):
    with pytest.raises(BoundaryError, match='it is None or "snap"'):
        check_boundaries(squares, city="id", repair="buffer")
