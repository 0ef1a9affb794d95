"""Maps of many and of small cities can be printed: no text covers an arrow's head or another text."""

import itertools
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from drawing import drawn
from matplotlib.path import Path
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.errors import ConfigError
from spatialsyn.report import theme

LONG = ("Qiandongnan Miao and Dong", "Upper Meizhou County", "Shi", "Saint-Barthélemy", "Foshan")
CHINESE = ("黔西南布依族苗族自治州", "乌鲁木齐", "佛山", "海西蒙古族藏族自治州", "六安")
WIDTHS = ("single", "double")


def provinces(n):
    """Polygons about random places, a third of them in a dense core, in four quarters."""
    rng, disc = np.random.default_rng(n), shapely.Point(0, 0).buffer(1)
    places = np.r_[rng.normal(0, 0.12, size=(n // 3, 2)), rng.uniform(-1, 1, size=(6 * n, 2))]
    places = places[np.hypot(*places.T) < 0.95][:n]
    cells = shapely.voronoi_polygons(shapely.multipoints(places), extend_to=disc, ordered=True)
    shapes = [shapely.affinity.affine_transform(cell.intersection(disc), [3, 0, 0, 2, 113, 23])
              for cell in shapely.get_parts(cells)]  # fmt: skip
    (x, y), ids = np.sign(places).T, [f"c{i:03d}" for i in range(n)]
    columns = {
        "name_en": [LONG[i % 5] for i in range(n)],
        "name_zh": [CHINESE[i % 5] for i in range(n)],
        "side": np.where(x > 0, "east", "west"),
        "third": np.select([places[:, 0] < -0.25, places[:, 0] < 0.25], ["a", "b"], "c"),
        "quarter": [f"the {'upper' if up > 0 else 'lower'} {'right' if right > 0 else 'left'}"
                    for right, up in zip(x, y, strict=True)],
    }  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=shapes, index=pd.Index(ids, name="city"), crs=4326)


@pytest.fixture(scope="module")
def province():
    """Forty cities, a panel of them, its weights and a model."""
    cities = provinces(40)
    W = ss.weights.knn(cities, 4, name="near").standardize("row")
    rng, dense = np.random.default_rng(0), W.aligned(list(cities.index)).dense()
    x = rng.normal(size=(40, 6))
    noise = 0.3 * rng.normal(size=x.shape)
    y = np.linalg.solve(np.eye(40) - 0.4 * dense, 0.6 * x + 0.4 * dense @ x + noise)
    index = pd.MultiIndex.from_product([cities.index, range(2011, 2017)], names=["city", "year"])
    frame = pd.DataFrame({"x": x.ravel(), "y": y.ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", cities=cities, blocks=["side", "third", "quarter"])
    return panel, W, ss.fit(ss.sdm("y ~ x", W="near", fixed_effects="twoways"), panel, W)


def ends(ax):
    """Heads and tails of all arrows in pixels, from the outlines that are drawn."""
    ax.figure.draw_without_rendering()
    heads, tails = [], []
    for patch in (*drawn(ax, "flow"), *drawn(ax, "link")):
        path = patch.get_transform().transform_path(patch.get_path())
        first = np.flatnonzero(path.codes == Path.MOVETO)[1]
        shaft = Path(path.vertices[:first], path.codes[:first]).to_polygons(closed_only=False)[0]
        line = shapely.LineString(shaft)
        tails.append(shapely.ops.substring(line, 0, 0.15, normalized=True))
        heads.append(shapely.Polygon(path.vertices[first : first + 3]))
    return heads, tails


def boxes(ax, *kinds):
    ax.figure.draw_without_rendering()
    return [shapely.box(*t.get_window_extent().extents) for kind in kinds for t in drawn(ax, kind)]


def meeting(some, others):
    return [pair for pair in itertools.product(some, others) if pair[0].intersects(pair[1])]


def check_page(ax, texts):
    """No two texts meet, and all stay on the sheet and off the legend."""
    assert not [pair for pair in itertools.combinations(texts, 2) if pair[0].intersects(pair[1])]
    sheet = shapely.box(*ax.bbox.padded(0.5).extents)
    assert all(sheet.contains(text) for text in texts)
    assert not meeting(texts, [shapely.box(*ax.get_legend().get_window_extent().extents)])


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_names_of_small_cities_keep_off_heads_of_arrows_and_each_other(province, width, language):
    panel, W, _ = province
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".* names find no place")
        ax = ss.report.weights_map(W, panel.cities, labels=language, width_mm=width)
    texts, (heads, _) = boxes(ax, "label"), ends(ax)
    assert len(heads) == 160
    assert len(texts) > 15
    assert not meeting(texts, heads)
    check_page(ax, texts)


def test_names_beside_flows_keep_off_their_heads(province):
    panel, _, results = province
    effects = results.effects("x", by="pair")
    ax = ss.report.flow_map(panel, effects, labels=panel.cities.index.to_series())
    texts, (heads, _) = boxes(ax, "label"), ends(ax)
    assert len(heads) == 60
    assert len(texts) == panel.n
    assert not meeting(texts, heads)
    check_page(ax, texts)


@pytest.mark.parametrize("width", [90, 140, 190])
def test_no_name_of_guangdong_is_left_out_beside_arrows(panel, width):
    W = ss.weights.inverse_distance(panel.cities, name="inv").standardize("row")
    ax = ss.report.weights_map(W, panel.cities, panel.context, labels="en", width_mm=width)
    texts, (heads, _) = boxes(ax, "label"), ends(ax)
    assert len(texts) == 23
    assert not meeting(texts, heads)
    check_page(ax, texts)


def test_names_that_find_no_place_are_left_out_and_told(province):
    panel, *_ = province
    with pytest.warns(UserWarning, match=r"of 40 names find no place 60 mm wide") as told:
        ax = ss.report.study_area(panel, "side", width_mm=60)
    (said,) = told
    lost = int(str(said.message).split()[0])
    texts = boxes(ax, "label")
    assert lost > 0
    assert len(texts) + lost == 40
    assert len(drawn(ax, "halo")) == len(texts)
    assert "labels, a Series of names by city that is empty for the others" in str(said.message)
    check_page(ax, texts)
    few = (
        panel.cities["name_en"].where(panel.cities["side"] == "east", "").mask(lambda s: s == "Shi")
    )
    wanted = ((panel.cities["side"] == "east") & (panel.cities["name_en"] != "Shi")).sum()
    assert len(drawn(ss.report.study_area(panel, "side", few, width_mm=190), "label")) == wanted


def test_long_names_are_broken_between_words(province):
    panel, *_ = province
    few = panel.cities["name_en"].where(np.arange(panel.n) % 3 == 0)
    ax = ss.report.study_area(panel, "side", few, width_mm=120)
    texts = {text.get_text() for text in drawn(ax, "label")}
    assert "Qiandongnan\nMiao and Dong" in texts
    assert {text.replace("\n", " ").replace("- ", "-") for text in texts} <= set(LONG)


def test_maps_are_the_same_every_time(province):
    panel, W, _ = province
    few = panel.cities["name_en"].where(np.arange(panel.n) % 3 == 0)
    twice = [ss.report.weights_map(W, panel.cities, labels=few) for _ in range(2)]
    first, again = ([t.get_position() for t in drawn(ax, "label")] for ax in twice)
    assert_allclose(first, again)


# --- numbers between blocks ----------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("by", "count"), [("side", 2), ("third", 3), ("quarter", 4)])
def test_numbers_of_blocks_keep_off_heads_and_tails(province, by, count, width):
    panel, _, results = province
    crowded = (by, width) == ("quarter", "single")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore" if crowded else "error", message="the intervals of 16")
        ax = ss.report.flow_map(panel, results.effects("x", by=by), width_mm=width)
    texts, (heads, tails) = boxes(ax, "number"), ends(ax)
    assert len(heads) == count * (count - 1)
    assert len(texts) == count**2
    assert not meeting(texts, [*heads, *tails])
    assert crowded or all("[" in text.get_text() for text in drawn(ax, "number"))
    check_page(ax, texts)


def test_a_number_away_from_its_arrow_has_a_line_to_it(province):
    """A line begins on the arrow whose number it ends at."""
    panel, _, results = province
    ax = ss.report.flow_map(panel, results.effects("x", by="third"), width_mm="single")
    lines = [line for line in drawn(ax, "leader") if len(line.get_xdata()) == 2]
    texts = boxes(ax, "number")
    shafts = [patch.get_transform().transform_path(patch.get_path()) for patch in drawn(ax, "flow")]
    curves = [shapely.LineString(path.to_polygons(closed_only=False)[0]) for path in shafts]
    middles = [shapely.Point(ax.transData.transform(x)) for x in _middles(ax)]
    for line in lines:
        start, end = map(shapely.Point, ax.transData.transform(line.get_xydata()))
        # Pixels: curves are drawn as polygons of their own points.
        assert min(start.distance(shape) for shape in (*curves, *middles)) < 1
        assert min(end.distance(text) for text in texts) < 2


def _middles(ax):
    """Ends of all arrows, where blocks have their middles."""
    return [end for patch in drawn(ax, "flow") for end in patch._posA_posB]


def test_intervals_without_room_are_left_out_before_numbers_are(province):
    panel, _, results = province
    effects = results.effects("x", by="quarter")
    with pytest.warns(UserWarning, match=r"intervals of 16 flows.* 45 mm wide.*block_matrix"):
        ax = ss.report.flow_map(panel, effects, width_mm=45)
    texts = boxes(ax, "number")
    assert len(texts) > 8
    assert not any("[" in text.get_text() for text in drawn(ax, "number"))
    check_page(ax, texts)


# --- legends -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def squares():
    shapes = [shapely.box(i % 2, i // 2, i % 2 + 1, i // 2 + 1) for i in range(4)]
    return gpd.GeoDataFrame(geometry=shapes, index=list("abcd"), crs=4326)


def title_of(ax):
    return ax.get_legend().get_title().get_text()


def test_the_legend_is_called_like_the_series(squares):
    values = pd.Series(range(4), squares.index, name="va")
    assert title_of(ss.report.map(squares, values)) == "va"
    assert title_of(ss.report.map(squares, values, unit="index")) == "index"
    named = {("va", 2019): "va, 2019", 2019: "2019", "`v a`": "v a"}
    for name, said in named.items():
        assert title_of(ss.report.map(squares, values.rename(name))) == said
    assert title_of(ss.report.map(squares, values.rename(None))) == "Legend"
    assert title_of(ss.report.map(squares, values.rename("x"), language="zh")) == "x"
    assert title_of(ss.report.map(squares, values.rename("协同度"), language="zh")) == "协同度"
    assert title_of(ss.report.map(squares, values.rename(None), language="zh")) == "图例"


def test_maps_of_one_variable_are_called_like_it(squares):
    values = pd.Series(range(4), squares.index, name="va")
    pair = {"2011": values, "2019": values + 1}
    titles = [x.get_title().get_text() for x in ss.report.maps(squares, pair).legends]
    assert "va" in titles
    pair["2019"] = values.rename("other")
    titles = [x.get_title().get_text() for x in ss.report.maps(squares, pair).legends]
    assert not any(titles)


def test_borders_of_blocks_take_labels(province):
    panel, _, results = province
    values, labels = panel.at(2012)["x"], {"east": "the coast", "west": "inland"}
    look = {"blocks": "side", "block_labels": labels}
    city = results.effects("x", by="city")
    figures = [
        ss.report.map(panel.cities, values, **look).figure,
        ss.report.maps(panel.cities, {"2012": values}, **look),
        ss.report.emitted_received(panel, city, **look),
    ]
    for figure in figures:
        assert "border of the coast and inland" in [t.get_text() for t in theme.texts(figure)]
    ax = ss.report.map(panel.cities, values, blocks="third", block_labels={"third": "zones"})
    assert "borders of zones" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_labels_of_blocks_that_are_not_drawn_are_refused(province):
    panel, _, results = province
    values, labels = panel.at(2012)["x"], {"core": "the core"}
    with pytest.raises(ConfigError, match=r"map has nothing to label by 'core'.*'east'"):
        ss.report.map(panel.cities, values, blocks="side", block_labels=labels)
    with pytest.raises(ConfigError, match=r"map prints block_labels beside .*blocks='region'"):
        ss.report.map(panel.cities, values, block_labels=labels)
    with pytest.raises(ConfigError, match="maps prints block_labels beside"):
        ss.report.emitted_received(panel, results.effects("x", by="city"), block_labels=labels)


def test_films_label_blocks_too(province):
    panel, W, _ = province
    dynamic = ss.sdm("y ~ x", W="near", fixed_effects="twoways", lag_y=True)
    responses = ss.fit(dynamic, panel, W).effects("x", by="city", horizon=range(2))
    film = ss.report.animate(panel, responses, blocks="side", block_labels={"east": "the coast"})
    assert "border of the coast and west" in [t.get_text() for t in theme.texts(film.figure)]


def test_arrows_are_slender_where_cities_are_near(province):
    panel, _, results = province
    effects, thick = results.effects("x", by="pair"), []
    for width in (60, 190):
        arrows = drawn(ss.report.flow_map(panel, effects, width_mm=width), "flow")
        thick.append(max(arrow.get_linewidth() for arrow in arrows))
    assert thick[0] < thick[1] <= 2.2
