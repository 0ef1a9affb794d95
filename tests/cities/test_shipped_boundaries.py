"""The shipped boundaries: neighbours, places, names, representative points."""

from __future__ import annotations

import importlib.util
import itertools
import zipfile
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from polygons import ALBERS, METRES, vertex_pairs
from pyproj import Geod
from shapely.geometry import Point

from spatialsyn.cities.boundaries import check_boundaries
from spatialsyn.cities.datasets import boundaries
from spatialsyn.cities.points import representative_points
from spatialsyn.cities.topology import edges_of
from spatialsyn.errors import BoundaryError

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
    return boundaries("guangdong")


@pytest.fixture(scope="module")
def china():
    return boundaries("prefectures")


@pytest.fixture(scope="module")
def build():
    """The script that makes the layers, which is not a module of the package."""
    spec = importlib.util.spec_from_file_location("build_shapefiles", LAYERS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed_pairs():
    rows = (row.strip().split(": ") for row in NEIGHBOURS.strip().splitlines())
    return {tuple(sorted((a, b))) for a, others in rows for b in others.split(", ")}


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

    graph = Graph.build_contiguity(boundaries(name), rook=False)
    assert graph.n_edges == 2 * pairs


@pytest.mark.parametrize("name", ["guangdong", "prefectures"])
def test_shipped_layers_are_valid_coverages_in_wgs84(name):
    cities = boundaries(name)
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
    cities = boundaries(name)
    points = representative_points(cities)
    assert cities.contains(points).all()
    np.testing.assert_allclose(points.x, cities["lon"], atol=1e-5)  # the file keeps five decimals
    np.testing.assert_allclose(points.y, cities["lat"], atol=1e-5)


def test_a_crescent_is_represented_by_a_point_on_it():
    crescent = Point(113, 23).buffer(1).difference(Point(113.2, 23).buffer(0.9))
    cities = gpd.GeoDataFrame(geometry=[crescent], index=["c"], crs="EPSG:4326")
    assert not crescent.contains(crescent.centroid)
    assert crescent.contains(representative_points(cities)["c"])


def test_edges_are_those_of_every_ring_of_every_part():
    """Beside the shipped units: two parts, one with two holes, and a polygon with a hole."""
    box = shapely.box
    parts = [box(0, 0, 9, 9) - box(1, 1, 2, 2) - box(3, 3, 4, 4), box(10, 0, 11, 1)]
    made = [shapely.MultiPolygon(parts), box(20, 0, 29, 9) - box(21, 1, 22, 2), box(1, 1, 2, 2)]
    polygons = np.array([*boundaries("prefectures").geometry[:60], *made])
    number, expected = {}, []
    for i, unit in enumerate(polygons):
        for part in getattr(unit, "geoms", [unit]):
            for ring in (part.exterior, *part.interiors):
                for ends in itertools.pairwise(ring.coords):
                    edge = number.setdefault(frozenset(ends), len(number))
                    expected.append((i, edge))
    assert list(zip(*(found.tolist() for found in edges_of(polygons)), strict=True)) == expected


@pytest.mark.parametrize("hole", [None, shapely.box(2000, 2000, 3000, 3000)])
def test_a_layer_that_passed_is_looked_at_again_once_a_vertex_has_moved(hole):
    west, east = shapely.box(0, 0, 9000, 9000), shapely.box(9000, 0, 18000, 9000)
    moved = shapely.Polygon([(9000, 0), (18000, 0), (18000, 9000), (9001, 9000)])
    west, east, moved = (shape if hole is None else shape - hole for shape in (west, east, moved))
    sides = [gpd.GeoDataFrame(geometry=[west, other], crs=METRES) for other in (east, moved)]
    check_boundaries(sides[0])
    with pytest.raises(BoundaryError, match="do not match"):
        check_boundaries(sides[1])
