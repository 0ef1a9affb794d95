"""Boundaries: the shipped layers, what is refused, and what a repair may do."""

from __future__ import annotations

import importlib.util
import itertools
import zipfile
from collections import defaultdict
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely import affinity
from shapely.geometry import Point, Polygon, box

from spatialsyn.cities import topology
from spatialsyn.cities.boundaries import (
    bundled,
    check_boundaries,
    read_boundaries,
    representative_points,
)
from spatialsyn.errors import BoundaryError

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
METRES = "EPSG:4547"
LAYERS = Path(str(resources.files("spatialsyn.shapefiles")))

# Common borders of the 23 units on the unsimplified source, counted once with exact vertices and
# once as geometric contact. Bridges (Shenzhen-Zhongshan, Hong Kong-Zhuhai-Macao) are not borders.
NEIGHBOURS = """
    Guangzhou: Shaoguan, Foshan, Huizhou, Qingyuan, Dongguan, Zhongshan
    Shaoguan: Guangzhou, Huizhou, Heyuan, Qingyuan
    Shenzhen: Huizhou, Dongguan, Hong Kong
    Zhuhai: Jiangmen, Zhongshan, Macao
    Shantou: Chaozhou, Jieyang
    Foshan: Guangzhou, Jiangmen, Zhaoqing, Qingyuan, Zhongshan, Yunfu
    Jiangmen: Zhuhai, Foshan, Yangjiang, Zhongshan, Yunfu
    Zhanjiang: Maoming
    Maoming: Zhanjiang, Yangjiang, Yunfu
    Zhaoqing: Foshan, Qingyuan, Yunfu
    Huizhou: Guangzhou, Shaoguan, Shenzhen, Shanwei, Heyuan, Dongguan
    Meizhou: Shanwei, Heyuan, Chaozhou, Jieyang
    Shanwei: Huizhou, Meizhou, Heyuan, Jieyang
    Heyuan: Shaoguan, Huizhou, Meizhou, Shanwei
    Yangjiang: Jiangmen, Maoming, Yunfu
    Qingyuan: Guangzhou, Shaoguan, Foshan, Zhaoqing
    Dongguan: Guangzhou, Shenzhen, Huizhou
    Zhongshan: Guangzhou, Zhuhai, Foshan, Jiangmen
    Chaozhou: Shantou, Meizhou, Jieyang
    Jieyang: Shantou, Meizhou, Shanwei, Chaozhou
    Yunfu: Foshan, Jiangmen, Maoming, Zhaoqing, Yangjiang
    Hong Kong: Shenzhen
    Macao: Zhuhai
"""

# Places 100-400 m from the borders of Hong Kong and Macao. With the GCJ-02 shift of 550 m to the
# south-east left in, those on the southern side would lie in the city to the north.
SOUTHERN_SIDE = {
    "Lok Ma Chau": ("810000", 114.0655, 22.5143),
    "Portas do Cerco": ("820000", 113.5488, 22.2150),
}
NORTHERN_SIDE = {"Luohu": ("440300", 114.1138, 22.5330), "Gongbei": ("440400", 113.5490, 22.2185)}

CENTRES = {  # city halls and main squares, degrees
    "440100": (113.264, 23.129),
    "440300": (114.055, 22.545),
    "441900": (113.752, 23.021),
    "440800": (110.359, 21.271),
    "810000": (114.158, 22.281),
    "820000": (113.540, 22.194),
    "110000": (116.397, 39.904),
    "500000": (106.551, 29.563),
    "650100": (87.617, 43.825),
    "540100": (91.117, 29.647),
    "460100": (110.349, 20.020),
    "710000": (121.565, 25.033),
}


@pytest.fixture(scope="module")
def guangdong():
    return bundled("guangdong")


@pytest.fixture(scope="module")
def china():
    return bundled("prefectures")


@pytest.fixture(scope="module")
def build():
    """The script that makes the layers, which is not a module of the package."""
    spec = importlib.util.spec_from_file_location("build_shapefiles", LAYERS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def squares():
    """Four squares of 10 km in a row, with exact borders, in metres."""
    row = [box(x, 2_500_000, x + 10_000, 2_510_000) for x in range(400_000, 440_000, 10_000)]
    names = ["甲市", "乙市", "丙市", "丁市"]
    return gpd.GeoDataFrame({"id": list("abcd"), "名称": names}, geometry=row, crs=METRES)


def vertex_pairs(cities):
    """Pairs of ids with a common vertex, by looking every vertex up."""
    owners = defaultdict(set)
    for name, shape in cities.geometry.items():
        for vertex in map(tuple, shapely.get_coordinates(shape)):
            owners[vertex].add(name)
    pairs = (itertools.combinations(sorted(names), 2) for names in owners.values())
    return set(itertools.chain.from_iterable(pairs))


def listed_pairs():
    rows = (row.strip().split(": ") for row in NEIGHBOURS.strip().splitlines())
    return {tuple(sorted((a, b))) for a, others in rows for b in others.split(", ")}


def shifted(cities, sd, seed):
    """Every unit moved by its own N(0, sd) metres: borders drawn more than once."""
    rng = np.random.default_rng(seed)
    metric = cities.to_crs(ALBERS)
    metric.geometry = [affinity.translate(g, *rng.normal(0, sd, 2)) for g in metric.geometry]
    return metric


def zipped_size(name, folder):
    with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in LAYERS.glob(f"{name}.*"):
            archive.write(file, file.name)
    return (folder / f"{name}.zip").stat().st_size


# The shipped layers


def test_the_neighbours_of_the_23_units_are_those_of_the_source(guangdong):
    named = guangdong.set_index("name_en")
    assert vertex_pairs(named) == listed_pairs()
    assert len(listed_pairs()) == 41
    assert len(vertex_pairs(named[named["region"] != "SAR"])) == 39


def test_370_units_have_969_pairs(china):
    assert len(china) == 370
    assert len(vertex_pairs(china)) == 969


@pytest.mark.filterwarnings("ignore")  # libpysal reports islands and its own deprecations
@pytest.mark.parametrize(("name", "pairs"), [("guangdong", 41), ("prefectures", 969)])
def test_libpysal_finds_the_same_number_of_pairs(name, pairs):
    from libpysal.graph import Graph

    graph = Graph.build_contiguity(bundled(name), rook=False)
    assert graph.n_edges == 2 * pairs


@pytest.mark.parametrize("name", ["guangdong", "prefectures"])
def test_shipped_layers_are_valid_coverages_in_wgs84(name):
    cities = bundled(name)
    assert cities.crs == "EPSG:4326"
    assert cities.geometry.is_valid.all()
    assert shapely.coverage_is_valid(cities.geometry.to_numpy())
    assert (LAYERS / f"{name}.prj").exists()
    assert (LAYERS / f"{name}.cpg").read_text() == "UTF-8"


@pytest.mark.parametrize(("name", "most"), [("guangdong", 250e3), ("prefectures", 500e3)])
def test_shipped_layers_are_small(name, most, tmp_path):
    assert zipped_size(name, tmp_path) < most


def test_names_and_regions_survive_the_shapefile(guangdong, china):
    assert list(guangdong.columns[:3]) == ["name_en", "name_zh", "region"]
    assert guangdong.index.name == "adcode"
    assert guangdong.index.map(type).unique().tolist() == [str]
    assert guangdong.loc["440100", "name_zh"] == "广州市"
    assert guangdong["region"].value_counts().to_dict() == {"periphery": 12, "GBA": 9, "SAR": 2}
    assert china.loc["710000", ["name_en", "name_zh"]].tolist() == ["Taiwan", "台湾省"]
    assert china.loc["141100", ["name_en", "region"]].tolist() == ["Lüliang", "Shanxi"]
    assert china["region"].nunique() == 34
    assert not china[["name_en", "name_zh", "region"]].isna().any(axis=None)


def test_islets_a_map_of_china_must_show_are_there(china):
    islands = {
        "Diaoyu": ("710000", 123.47, 25.74),
        "Chiwei": ("710000", 124.56, 25.92),
        "Dongsha": ("441500", 116.72, 20.70),
        "Zengmu": ("460300", 112.28, 3.97),
    }
    far = [
        name
        for name, (unit, *place) in islands.items()
        if china.geometry[unit].distance(Point(place))
        > 0.15  # degrees; finds the reef, not its shore
    ]
    assert far == []


def test_known_places_lie_in_their_city(guangdong, china):
    for unit, place in CENTRES.items():
        assert china.index[china.contains(Point(place))].tolist() == [unit]
        if unit in guangdong.index:
            assert guangdong.index[guangdong.contains(Point(place))].tolist() == [unit]


def test_border_crossings_lie_on_their_side(guangdong, build):
    uncorrected = guangdong.geometry.transform(build.to_gcj02)
    for unit, *place in [*SOUTHERN_SIDE.values(), *NORTHERN_SIDE.values()]:
        assert guangdong.index[guangdong.contains(Point(place))].tolist() == [unit]
    for unit, *place in SOUTHERN_SIDE.values():
        assert not uncorrected[unit].contains(Point(place))


def test_gcj02_inverse_undoes_the_shift(build):
    rng = np.random.default_rng(0)
    places = np.c_[rng.uniform(73, 135, 500), rng.uniform(4, 53, 500)]
    # Exact to rounding: the iteration gains three digits a round and runs ten.
    np.testing.assert_allclose(build.to_gcj02(build.from_gcj02(places)), places, atol=1e-9, rtol=0)


def test_gcj02_shift_is_the_one_measured_in_guangdong(build):
    """About +540 m east and -310 m north at 113.5E, 22.5N."""
    start = np.array([[113.5, 22.5]])
    azimuth, _, metres = Geod(ellps="WGS84").inv(*start[0], *build.to_gcj02(start)[0])
    east, north = metres * np.sin(np.deg2rad(azimuth)), metres * np.cos(np.deg2rad(azimuth))
    assert east == pytest.approx(540, abs=30)
    assert north == pytest.approx(-310, abs=30)


def test_names_are_romanised_the_usual_way(build):
    pytest.importorskip("pypinyin")
    usual = {
        "广州市": "Guangzhou",
        "西安市": "Xi'an",
        "延边朝鲜族自治州": "Yanbian",
        "黔西南布依族苗族自治州": "Qianxinan",
        "乌鲁木齐市": "Urumqi",
        "澳门特别行政区": "Macao",
        "琼中黎族苗族自治县": "Qiongzhong",
        "神农架林区": "Shennongjia",
    }
    assert {name: build.romanise(name) for name in usual} == usual


# Where a city is


def test_dongsha_does_not_move_shanwei(guangdong):
    shanwei = guangdong.loc[["441500"]].to_crs(ALBERS)
    point = representative_points(guangdong).to_crs(ALBERS)["441500"]
    parts = shanwei.geometry.explode()
    mainland = parts.iloc[parts.area.argmax()].centroid
    assert point.distance(mainland) < 3_000
    assert point.distance(shanwei.centroid.iloc[0]) > 10_000


def test_points_do_not_depend_on_the_other_cities_or_the_crs(guangdong):
    alone = representative_points(guangdong.loc[["440300"]].to_crs(METRES))
    together = representative_points(guangdong)
    assert alone.crs == together.crs == "EPSG:4326"
    assert (
        alone["440300"].distance(together["440300"]) < 1e-8
    )  # degrees; the way to METRES and back


@pytest.mark.parametrize("name", ["guangdong", "prefectures"])
def test_points_lie_in_their_city_and_match_the_file(name):
    cities = bundled(name)
    points = representative_points(cities)
    assert cities.contains(points).all()
    np.testing.assert_allclose(points.x, cities["lon"], atol=1e-5)  # the file keeps five decimals
    np.testing.assert_allclose(points.y, cities["lat"], atol=1e-5)


def test_a_crescent_is_represented_by_a_point_on_it():
    crescent = Point(113, 23).buffer(1).difference(Point(113.2, 23).buffer(0.9))
    cities = gpd.GeoDataFrame(geometry=[crescent], index=["c"], crs="EPSG:4326")
    assert not crescent.contains(crescent.centroid)
    assert crescent.contains(representative_points(cities)["c"])


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
        bundled("hunan")


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
