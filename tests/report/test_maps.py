"""Maps show the numbers they were given, to scale, and all the units they should."""

import itertools
from dataclasses import replace

import geopandas as gpd
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawing import drawn as layer
from matplotlib.colors import to_rgb
from matplotlib_scalebar.scalebar import ScaleBar
from numpy.testing import assert_allclose
from pyproj import Geod
from shapely.geometry import MultiPolygon, box

import spatialsyn as ss
from spatialsyn.errors import AlignmentError, ConfigError, WeightsError
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.classes import classify

# Colours are written as #rrggbb.
EIGHT_BITS = 1 / 255
# Error of distances in EPSG:4547 over Guangdong.
GAUSS_KRUGER_ERROR = 2e-3


@pytest.fixture(scope="module")
def numbers(panel):
    values = np.random.default_rng(2).uniform(1, 9, panel.n)
    return pd.Series(values, index=list(panel.ids))


def legend_texts(legend):
    return [text.get_text() for text in legend.get_texts()]


# --- classes -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["quantiles", "equal_interval"])
def test_own_schemes_agree_with_mapclassify(scheme):
    import mapclassify

    values = np.random.default_rng(3).normal(5, 1, 40)
    theirs = {"quantiles": mapclassify.Quantiles, "equal_interval": mapclassify.EqualInterval}
    expected = theirs[scheme](values, k=5)
    ours = classify(values, scheme, k=5)
    assert_allclose(ours.limits[1:], expected.bins)
    assert (ours.of(values) == expected.yb).all()


def test_jenks_separates_clumps():
    values = np.r_[np.linspace(1, 1.1, 6), np.linspace(5, 5.1, 6), np.linspace(9, 9.1, 6)]
    assert_allclose(classify(values, "fisher_jenks", k=3).limits, [1, 1.1, 5.1, 9.1])


def test_diverging_classes_are_mirrored_at_zero_and_so_are_their_colours():
    values = np.random.default_rng(4).normal(0, 1, 60)
    classes = classify(values, k=6)
    assert_allclose(classes.limits, -classes.limits[::-1])
    assert 0.0 in classes.limits
    gaps = np.linalg.norm(classes.colours[:, :3] - 1, axis=1)
    assert gaps[2] < gaps[1] < gaps[0]
    assert gaps[3] < gaps[4] < gaps[5]
    low, high = classes.colours[0], classes.colours[-1]
    assert low[2] > low[0]  # blue below zero, red above
    assert high[0] > high[2]


def test_outer_classes_that_no_value_reaches_are_left_out():
    values = np.array([-0.1, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    classes = classify(values, k=6)
    assert set(classes.of(values)) == set(range(len(classes.colours)))


def test_one_value_makes_one_class():
    assert classify(np.full(5, 2.0)).texts() == ["2.0"]


def test_class_limits_that_do_not_cover_the_values_are_refused():
    with pytest.raises(ConfigError, match=r"run from 0 to 1, but the values from 0\.5 to 2"):
        classify(np.array([0.5, 2.0]), [0, 1])


# --- one map -------------------------------------------------------------------------------


def test_every_city_has_the_colour_of_its_class(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, context=panel.context)
    classes = classify(numbers.to_numpy())
    (cities,) = layer(ax, "cities")
    expected = classes.colours[classes.of(numbers.loc[panel.cities.index].to_numpy())]
    assert_allclose(cities.get_facecolors(), expected, atol=EIGHT_BITS)


def test_legend_lists_the_classes_and_the_units_without_data(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, context=panel.context, unit="yuan")
    legend = ax.get_legend()
    assert legend_texts(legend) == [*classify(numbers.to_numpy()).texts()[::-1], "no data"]
    assert legend.get_title().get_text() == "yuan"


def test_hong_kong_and_macao_are_drawn_grey(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, context=panel.context, labels="en")
    (empty,) = layer(ax, "no data")
    assert len(empty.get_paths()) == 2
    assert_allclose(empty.get_facecolors()[0, :3], to_rgb(theme.PALE))
    names = {text.get_text() for text in layer(ax, "label")}
    assert {"Hong Kong", "Macao"} <= names
    assert len(names) == 23


def test_a_city_without_a_number_is_grey_too(panel, numbers):
    holed = numbers.mask(numbers.index == "440100")
    ax = ss.report.map(panel.cities, holed, missing="not reported")
    (empty,) = layer(ax, "no data")
    assert len(empty.get_paths()) == 3  # with Hong Kong and Macao, which are always drawn
    assert legend_texts(ax.get_legend())[-1] == "not reported"


def test_scale_bar_is_in_kilometres_and_to_scale(panel, numbers):
    ax = ss.report.map(panel.cities, numbers)
    (bar,) = [child for child in ax.get_children() if isinstance(child, ScaleBar)]
    assert bar.fixed_units == "km"
    assert bar.fixed_value == 100
    assert layer(ax, "north")
    # Chaozhou to Zhanjiang, in the plane and on the ellipsoid.
    points = frame.sheet(panel.cities).points.loc[["445100", "440800"]]
    lonlat = points.to_crs("EPSG:4326")
    geodesic = Geod(ellps="WGS84").line_length(lonlat.x, lonlat.y)
    assert_allclose(points.iloc[0].distance(points.iloc[1]), geodesic, rtol=GAUSS_KRUGER_ERROR)


def test_dongsha_does_not_shrink_the_map(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, width_mm=140)
    west, east = ax.get_xlim()
    assert east - west < 850e3
    width, height = ax.figure.get_size_inches()
    assert_allclose(width * 25.4, 140)
    assert_allclose(height / width, np.ptp(ax.get_ylim()) / (east - west))


def test_furniture_covers_no_land_and_not_each_other(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, context=panel.context, blocks="region")
    ax.figure.draw_without_rendering()
    x0, y0, x1, y1 = (
        ax.get_legend().get_window_extent().transformed(ax.transData.inverted()).extents
    )
    covered = panel.cities.to_crs(frame.GAUSS_KRUGER).clip((x0, y0, x1, y1)).area.sum()
    assert covered / ((x1 - x0) * (y1 - y0)) < furniture.COVERED


@pytest.mark.parametrize("width", [90, 140, 190])
def test_names_do_not_overlap_and_stay_on_the_sheet(panel, numbers, width):
    ax = ss.report.map(panel.cities, numbers, context=panel.context, labels="en", width_mm=width)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in layer(ax, "label")]
    assert len(boxes) == 23
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    sheet = ax.bbox.padded(1)
    assert all(sheet.contains(box.x0, box.y0) and sheet.contains(box.x1, box.y1) for box in boxes)
    legend = ax.get_legend().get_window_extent()
    assert not any(legend.overlaps(box) for box in boxes)


def test_intervals_that_contain_zero_are_hatched(panel, results):
    effects = results.effects("z", by="city")["emitted"]
    uncertain = (effects["low"] < 0) & (effects["high"] > 0)
    assert uncertain.any()
    ax = ss.report.map(panel.cities, effects)
    hatched = sum(len(drawn.get_paths()) for drawn in layer(ax, "hatched"))
    assert hatched == uncertain.sum()
    assert "interval contains zero" in legend_texts(ax.get_legend())


def test_nothing_is_hatched_when_every_interval_leaves_out_zero_or_on_request(panel, numbers):
    wide = pd.DataFrame({"estimate": numbers, "low": numbers - 100, "high": numbers + 100})
    sure = wide.assign(low=numbers - 0.1)
    for values, asked in ((sure.assign(high=numbers + 0.1), None), (wide, False)):
        ax = ss.report.map(panel.cities, values, significance=asked)
        assert not layer(ax, "hatched")
        assert "interval contains zero" not in legend_texts(ax.get_legend())


def test_the_border_between_blocks_is_drawn_where_they_meet(panel, numbers):
    ax = ss.report.map(panel.cities, numbers, blocks="region")
    assert legend_texts(ax.get_legend())[-1] == "border of GBA and periphery"
    plane = panel.cities.to_crs(frame.GAUSS_KRUGER)
    gba, rest = (plane[plane["region"] == name].union_all() for name in ("GBA", "periphery"))
    drawn = sum(
        np.hypot(*np.diff(line.get_xydata(), axis=0).T).sum() for line in layer(ax, "blocks")
    )
    assert_allclose(drawn, gba.intersection(rest).length, rtol=1e-6)


def test_cities_are_matched_by_id_not_by_position(panel, numbers):
    plain = ss.report.map(panel.cities, numbers)
    moved = ss.report.map(panel.cities, numbers.sample(frac=1, random_state=0))
    (a,), (b,) = layer(plain, "cities"), layer(moved, "cities")
    assert_allclose(a.get_facecolors(), b.get_facecolors())


def test_missing_and_foreign_ids_are_named(panel, numbers):
    wrong = numbers.rename({"440100": "999999"})
    with pytest.raises(AlignmentError, match=r"(?s)without a value: '440100'.*polygon: '999999'"):
        ss.report.map(panel.cities, wrong)


def test_values_of_several_years_are_refused_with_the_way_out(panel):
    with pytest.raises(ConfigError, match=r"one year, panel\.at\(2019\)"):
        ss.report.map(panel.cities, panel.frame["x"])


def test_a_given_axes_is_used_and_returned(panel, numbers):
    figure, (left, right) = plt.subplots(1, 2)
    assert ss.report.map(panel.cities, numbers, ax=right) is right
    assert not left.get_children()[0].get_gid()
    assert plt.get_fignums() == [figure.number]


def test_settings_of_the_session_stay_as_they_are(panel, numbers):
    before = dict(mpl.rcParams)
    ss.report.map(panel.cities, numbers, labels="en")
    assert dict(mpl.rcParams) == before


def test_a_map_of_china_has_the_dashes_of_the_south_china_sea():
    units = ss.datasets.boundaries("prefectures")
    shown = frame.sheet(units, inset=False)
    assert len(shown.dashes) == 10
    assert frame.inside(tuple(shown.dashes.total_bounds), shown.bounds)
    assert not len(frame.sheet(units[units["region"] == "Yunnan"]).dashes)


# --- several maps --------------------------------------------------------------------------


def test_panels_share_classes_colours_and_legend(panel, numbers):
    figure = ss.report.maps(
        panel.cities, {"low": numbers, "high": numbers + 4}, context=panel.context
    )
    pooled = np.r_[numbers.to_numpy(), numbers.to_numpy() + 4]
    classes = classify(pooled)
    rows = [legend_texts(legend) for legend in figure.legends]
    assert classes.texts() in rows
    assert ["no data"] in rows
    for ax, shift in zip(figure.axes, (0, 4), strict=True):
        assert ax.get_legend() is None
        values = numbers.loc[panel.cities.index].to_numpy() + shift
        expected = classes.colours[classes.of(values)]
        assert_allclose(layer(ax, "cities")[0].get_facecolors(), expected, atol=EIGHT_BITS)


def test_emitted_and_received_stand_side_by_side(panel, results):
    effects = results.effects("x", by="city")
    figure = ss.report.emitted_received(panel, effects, blocks="region")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["(a) emitted to other cities", "(b) received from other cities"]
    figure.draw_without_rendering()
    panels = [ax.get_window_extent() for ax in figure.axes]
    legends = [legend.get_window_extent() for legend in figure.legends]
    drawn = [box.padded(-0.5) for box in (*panels, *legends)]
    assert not [pair for pair in itertools.combinations(drawn, 2) if pair[0].overlaps(pair[1])]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in legends)


def test_cities_that_the_model_left_out_are_without_data(panel, results):
    """A model of fewer cities was refused, though its panel had them all."""
    effects = results.effects("x", by="city")
    left_out = list(panel.ids[2:4])
    fewer = replace(effects, table=effects.table[~effects.table["city"].isin(left_out)])
    figure = ss.report.emitted_received(panel, fewer)
    for ax in figure.axes:
        (empty,) = layer(ax, "no data")
        assert len(empty.get_paths()) == len(panel.context) + len(left_out)
    foreign = effects.table.replace({"city": {left_out[0]: "999999"}})
    with pytest.raises(ss.AlignmentError, match=r"(?s)different cities.*a polygon: '999999'"):
        ss.report.emitted_received(panel, replace(effects, table=foreign))


@pytest.mark.parametrize(("west", "right"), [(4.02, 4.08), (4.05, 4.11), (4.2, 4.08)])
def test_an_islet_that_the_frame_would_cut_is_shown_whole(west, right):
    """The frame ends two hundredths of the width beyond the largest parts, at 4.08."""
    cells = [box(i, 0, i + 1, 1) for i in range(4)]
    spread = MultiPolygon([cells[3], box(west, 0.2, west + 0.06, 0.3)])
    layer = gpd.GeoDataFrame(geometry=[*cells[:3], spread], crs=4326)
    bounds = frame.framed(layer, layer.iloc[:0], 0.02)
    assert_allclose(bounds, [-0.08, -0.08, right, 1.08])


# --- the study area and the weights --------------------------------------------------------


def test_study_area_counts_the_cities_of_each_block(panel):
    ax = ss.report.study_area(panel)
    assert legend_texts(ax.get_legend()) == ["GBA (9)", "periphery (12)", "no data"]
    assert layer(ax, "outline")
    assert len(layer(ax, "label")) == 23


@pytest.mark.parametrize(("k", "weight"), [(4, "0.25"), (3, "0.33"), (1, "1.0")])
def test_equal_weights_are_printed_with_two_digits(panel, k, weight):
    """One weight has no gaps to take decimals from: 1/4 was rounded to 0.2."""
    W = ss.weights.knn(panel.cities, k).standardize("row")
    ax = ss.report.weights_map(W, panel.cities)
    assert weight in [text.get_text() for text in ax.get_legend().get_texts()]


def test_weights_map_draws_the_strongest_links_and_says_how_many(panel):
    W = ss.weights.inverse_distance(panel.cities, name="inv").standardize("row")
    ax = ss.report.weights_map(W, panel.cities, panel.context, strongest=30, per_origin=3)
    arrows = layer(ax, "link")
    assert len(arrows) == 30
    assert ax.get_legend().get_title().get_text() == "W[inv]: 30 of 420 links"
    widths = [arrow.get_linewidth() for arrow in arrows]
    assert widths == sorted(widths)  # the strongest lie on top
    assert_allclose(max(widths), 2.2)


def test_equal_links_are_all_drawn_and_thin(panel):
    """Which are the strongest is nothing that ids could decide."""
    W = ss.weights.contiguity(panel.cities, name="geo")
    ax = ss.report.weights_map(W, panel.cities, strongest=10, per_origin=1)
    arrows = layer(ax, "link")
    assert len(arrows) == W.sparse.nnz
    assert {arrow.get_linewidth() for arrow in arrows} == {0.3}
    assert ax.get_legend().get_title().get_text() == "W[geo]: 78 of 78 links"


@pytest.mark.parametrize(("per_origin", "strongest"), [(2, 9), (5, 30), (1, 20)])
def test_a_tie_is_drawn_whole_and_so_the_order_of_ids_is_no_matter(panel, per_origin, strongest):
    from spatialsyn.report.atlas.areas import links

    W = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    drawn = links(W, panel.cities, per_origin, strongest)
    new = dict(zip(W.ids, reversed(W.ids), strict=True))
    other = ss.Weights.from_matrix(W.dense(), ids=[new[i] for i in W.ids], name="geo")
    again = links(other, panel.cities, per_origin, strongest)
    back = again.assign(to=again["to"].map(new), **{"from": again["from"].map(new)})
    assert set(back.itertuples(index=False, name=None)) == set(
        drawn.itertuples(index=False, name=None)
    )


def test_of_equal_links_beyond_number_none_is_drawn():
    ids = list(range(50))
    cities = gpd.GeoDataFrame(
        geometry=[box(i % 10, i // 10, i % 10 + 1, i // 10 + 1) for i in ids], index=ids, crs=4326
    )
    links = 1 - np.eye(50)
    W = ss.Weights.from_matrix(links, ids=ids, name="all")
    ax = ss.report.weights_map(W, cities)
    assert not layer(ax, "link")
    assert ax.get_legend().get_title().get_text() == "W[all]: 0 of 2450 links"
    links[3, 4] = 2  # which is stronger than the others
    ax = ss.report.weights_map(ss.Weights.from_matrix(links, ids=ids, name="all"), cities)
    assert len(layer(ax, "link")) == 1


def test_no_city_sends_more_links_than_the_cap(panel):
    from spatialsyn.report.atlas.areas import links

    W = ss.weights.inverse_distance(panel.cities, name="inv")
    drawn = links(W, panel.cities, per_origin=2, strongest=60)
    assert drawn["from"].value_counts().max() == 2
    at = {city: i for i, city in enumerate(W.ids)}
    dense = W.dense()
    for link in drawn.itertuples(index=False):
        assert link.weight == dense[at[link.to], at[link[1]]]


def test_weights_of_other_cities_are_named(panel):
    W = ss.weights.contiguity(panel.cities, name="geo")
    with pytest.raises(AlignmentError, match="without a polygon: '440100'"):
        ss.report.weights_map(W, panel.cities.drop(index="440100"))


def test_a_series_of_weights_and_a_map_without_arrows_are_refused(panel):
    W = ss.weights.contiguity(panel.cities, name="geo")
    series = ss.weights.series({2011: W, 2012: W})
    with pytest.raises(WeightsError, match=r"choose a year, weights\.at"):
        ss.report.weights_map(series, panel.cities)
    with pytest.raises(ConfigError, match="strongest=0"):
        ss.report.weights_map(W, panel.cities, strongest=0)
