"""A map of China shows all of China, and no map leaves out Hong Kong and Macao."""

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

import spatialsyn as ss
from spatialsyn.errors import ConfigError
from spatialsyn.report.atlas import frame
from spatialsyn.report.atlas.inset import Inset, south_china_sea


@pytest.fixture(scope="module")
def units():
    return ss.datasets.boundaries("prefectures")


@pytest.fixture(scope="module")
def shown(units):
    return frame.sheet(units)


@pytest.fixture(scope="module")
def guangdong():
    layer = ss.datasets.boundaries("guangdong")
    return layer[~layer.index.isin(["810000", "820000"])]


def place(lon, lat):
    return Transformer.from_crs("EPSG:4326", frame.ALBERS, always_xy=True).transform(lon, lat)


def inside(point, box):
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def test_the_inset_meets_no_polygon_and_no_dash_and_lies_on_the_sheet(shown):
    box = shapely.box(*shown.inset.box)
    for layer in (shown.cities, shown.context, shown.dashes):
        assert not shapely.intersects(layer.geometry.to_numpy(), box).any()
    assert shapely.covers(shapely.box(*shown.bounds), box)


def test_the_inset_reaches_from_the_tropic_to_zengmu_ansha(shown):
    for lon, lat in ((112.28, 3.97), (110.0, 23.4), (121.0, 23.4)):
        assert inside(place(lon, lat), shown.inset.shown)
    dashes = shapely.box(*shown.dashes.total_bounds)
    assert shapely.covers(shapely.box(*shown.inset.shown), dashes)


def test_the_main_map_ends_below_hainan_and_keeps_diaoyu_and_chiwei(shown):
    # Jinmu Jiao; Diaoyu Dao; Chiwei Yu.
    for lon, lat in ((109.57, 18.16), (123.47, 25.74), (124.56, 25.92)):
        assert inside(place(lon, lat), shown.bounds)
    assert not inside(place(112.28, 3.97), shown.bounds)


@pytest.mark.parametrize("seed", range(5))
def test_the_inset_finds_a_free_place_whatever_lies_around(seed):
    """Invented squares all over the sheet, some of them under the usual corner."""
    rng = np.random.default_rng(seed)
    bounds = (-2.7e6, 0.3e6, 2.3e6, 5.9e6)
    x, y = rng.uniform(bounds[0], bounds[2], 60), rng.uniform(bounds[1], bounds[3], 60)
    squares = shapely.box(x, y, x + 1e5, y + 1e5)
    dashes = shapely.linestrings([[[0.5e6, 0.5e6], [0.6e6, 0.7e6]], [[1.9e6, 2e6], [2e6, 2.2e6]]])
    main, inset = south_china_sea(bounds, squares, dashes, frame.ALBERS)
    assert isinstance(inset, Inset)
    box = shapely.box(*inset.box)
    assert not shapely.intersects(np.r_[squares, dashes], box).any()
    assert shapely.covers(shapely.box(*main), box)


def test_a_national_map_draws_the_box_and_its_legend_beside_it(units):
    values = pd.Series(np.random.default_rng(0).normal(size=len(units)), index=units.index)
    ax = ss.report.map(units, values)
    (box,) = [child for child in ax.child_axes if child.get_gid() == "inset"]
    assert sum(line.get_gid() == "dash line" for line in box.lines) == 10
    ax.figure.draw_without_rendering()
    window = box.get_window_extent()
    assert not ax.get_legend().get_window_extent().overlaps(window)
    assert ax.bbox.padded(1).contains(window.x0, window.y0)
    assert ax.bbox.padded(1).contains(window.x1, window.y1)
    # What is repeated has the colours of the map: Hainan's capital lies in both.
    main, copy = (next(c for c in a.collections if c.get_gid() == "cities") for a in (ax, box))
    at = list(units.index).index("460100")
    where = [np.array_equal(p.vertices, main.get_paths()[at].vertices) for p in copy.get_paths()]
    assert np.array_equal(copy.get_facecolors()[where.index(True)], main.get_facecolors()[at])


def test_a_national_layer_without_them_gets_taiwan_hong_kong_and_macao(units):
    dropped = units[~units.index.isin(["710000", "810000", "820000", "460300"])]
    shown = frame.sheet(dropped, inset=False)
    assert set(shown.context.index) == {"710000", "810000", "820000", "460300"}
    assert shapely.covers(shapely.box(*shown.bounds), shown.context.loc["710000"].geometry)


def test_a_map_down_to_sansha_shows_the_dashes_it_reaches(units):
    some = frame.sheet(units[units["region"].isin(["Guangdong", "Hainan"])])
    assert some.inset is None
    assert 0 < len(some.dashes) < 10
    assert some.dashes.intersects(shapely.box(*some.bounds)).all()


def test_hong_kong_and_macao_are_added_once(guangdong, units):
    assert set(frame.sheet(guangdong).context.index) == {"810000", "820000"}
    both = ss.datasets.boundaries("guangdong").loc[["810000", "820000"]]
    assert len(frame.sheet(guangdong, both).context) == 2
    # Under other ids, from another source and a little displaced, they are still there.
    moved = both.set_axis(["HK", "MO"]).translate(0.003, 0.002)
    other = both.set_axis(["HK", "MO"]).set_geometry(moved)
    assert list(frame.sheet(guangdong, other).context.index) == ["HK", "MO"]
    assert not len(frame.sheet(units[units["region"] == "Yunnan"]).context)


def test_a_layer_in_the_place_of_the_title_is_refused(guangdong):
    values = pd.Series(np.arange(21.0), index=guangdong.index)
    with pytest.raises(ConfigError, match=r"title is a GeoDataFrame.*context=panel\.context"):
        ss.report.map(guangdong, values, guangdong)


def test_other_geometry_columns_and_whole_number_ids_are_no_obstacle(guangdong):
    renamed = guangdong.rename_geometry("shape").set_index(np.arange(21))
    context = frame.sheet(renamed).context
    assert len(context) == 2
    assert context.geometry.notna().all()


def test_north_arrow_and_inset_are_optional(guangdong, units):
    values = pd.Series(np.arange(21.0), index=guangdong.index)
    for north in (True, False):
        ax = ss.report.map(guangdong, values, north=north)
        assert any(child.get_gid() == "north" for child in ax.get_children()) == north
    assert frame.sheet(units, inset=False).inset is None
