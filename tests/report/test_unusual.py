"""Figures of unusual numbers, names and study areas: nothing cut, covered, or said wrongly."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from drawing import drawn, invented_panel, stated, value
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.report import theme
from spatialsyn.report.atlas.areas import block_colours
from spatialsyn.report.atlas.grid import by_rows
from spatialsyn.report.words import letter

LONG = "The Greater Bay Area (core cities, as of 2019) & its $100%_hinterland"


def squares(rows, across, tall=0.5, wide=0.5):
    """A study area of equal cells."""
    cells = [
        shapely.box(80 + j * wide, 35 - i * tall, 80 + (j + 1) * wide, 35 - (i - 1) * tall)
        for i in range(rows)
        for j in range(across)
    ]
    ids = pd.Index([f"c{k:02d}" for k in range(len(cells))], name="adcode")
    names = [f"City {k}" for k in range(len(cells))]
    return gpd.GeoDataFrame({"name_en": names}, geometry=cells, index=ids, crs="EPSG:4326")


def check_inside(ax, *artists):
    """All of these lie on the figure."""
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    for artist in artists:
        box = artist.get_window_extent()
        assert box.x0 >= -1, artist
        assert box.x1 <= figure.bbox.width + 1, artist
        assert box.y0 >= -1, artist
        assert box.y1 <= figure.bbox.height + 1, artist


def scaled_effects(effects, times):
    """The same effects of an outcome in other units."""
    table = effects.table.copy()
    numbers = [name for name in ("estimate", "se", "low", "high") if name in table]
    table[numbers] *= times
    return replace(effects, table=table)


@pytest.fixture(scope="module")
def blocks(results):
    return results.effects("x", by="region")


# --- maps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1e-9, 1.0, 1e9])
def test_the_legend_of_any_units_holds_the_numbers(panel, times):
    values = panel.mean("x", "all") * times
    ax = ss.report.map(panel.cities, values, width_mm="single")
    legend = ax.get_legend()
    unit = stated(legend.get_title().get_text())
    texts = [text.get_text() for text in legend.get_texts() if " to " in text.get_text()]
    assert max(map(len, texts)) < 20
    ends = sorted(value(end) * unit for text in texts for end in text.split(" to "))
    assert_allclose([ends[0], ends[-1]], [values.min(), values.max()], rtol=0.05)
    assert (times == 1.0) == (unit == 1.0)


@pytest.mark.parametrize("uncertainty", ["hatch", "fade"])
def test_a_legend_wider_than_the_map_stands_below_it_whole(panel, uncertainty):
    """It was cut at the top of a map that shrank beside it, or stopped with an error."""
    mean = panel.mean("x", "all")
    values = pd.DataFrame({"estimate": mean, "low": mean - 9, "high": mean + 9, "p": 0.5})
    ax = ss.report.map(
        panel.cities, values, unit=LONG * 2, title=LONG * 2, uncertainty=uncertainty,
        width_mm="single",
    )  # fmt: skip
    legend = ax.get_legend()
    check_inside(ax, legend, legend.get_title(), *legend.get_texts(), ax._left_title)
    assert ax.bbox.width == pytest.approx(ax.get_figure(root=True).bbox.width)


def test_a_country_like_a_tower_fits_a_page():
    cells = squares(12, 1, tall=1.2, wide=0.4)
    values = pd.Series(np.linspace(-1, 2, 12), index=cells.index)
    ax = ss.report.map(cells, values, title="A tower", labels="en")
    figure = ax.get_figure(root=True)
    assert figure.get_figheight() / theme.MM <= 230.001
    check_inside(ax, ax.get_legend(), ax._left_title, *ax.get_legend().get_texts())
    several = ss.report.maps(cells, {"a": values, "b": values, "c": values}, across=3)
    assert several.get_figheight() / theme.MM <= 240


@pytest.mark.parametrize("shape", [(1, 2, 0.5, 0.5), (1, 12, 0.4, 1.5), (12, 1, 1.2, 0.4)])
def test_a_scale_bar_is_a_line_beside_the_land(shape):
    """It was a block below tall areas, invisible on wide ones, and covered small ones."""
    cells = squares(*shape)
    ax = ss.report.map(cells, pd.Series(np.arange(float(len(cells))), index=cells.index))
    (bar,) = (a for a in ax.get_children() if type(a).__name__ == "ScaleBar")
    figure = ax.get_figure(root=True)
    figure.canvas.draw()
    thick = bar.width_fraction * ax.bbox.height * 72 / figure.dpi
    assert 0.5 <= thick <= 1.5
    length = bar.fixed_value * 1000 / np.ptp(ax.get_xlim())
    middle, bottom = bar.get_bbox_to_anchor()
    x0, x1 = ax.get_xlim()
    xs = x0 + (middle + np.array([-0.5, 0.5]) * length) * (x1 - x0)
    tall = np.ptp(ax.get_ylim())
    y = ax.get_ylim()[0] + bottom * tall
    height = 15 * figure.dpi / 72 / ax.bbox.height * tall  # points, the number included
    (layer,) = (c for c in ax.collections if c.get_gid() == "cities")
    land = shapely.union_all([shapely.Polygon(path.vertices[:-1]) for path in layer.get_paths()])
    place = shapely.box(xs[0], y, xs[1], y + height)
    assert land.intersection(place).area <= 0.01 * place.area


def test_panels_beyond_the_alphabet_and_classes_in_rows():
    assert [letter(i) for i in (0, 25, 26, 27, 51, 52)] == ["a", "z", "aa", "ab", "az", "ba"]
    # Matplotlib fills columns, the first ones one longer: read by rows, it must rise.
    order = by_rows(range(5), 4)
    assert order == [0, 4, 1, 2, 3]
    assert sorted(by_rows(range(11), 3)) == list(range(11))


def test_many_blocks_have_a_colour_each():
    assert len(set(block_colours([str(i) for i in range(21)]).values())) == 21


@pytest.mark.parametrize("times", [1e-15, 1e9])
def test_units_of_weights_change_no_arrow(panel, times):
    """Weights below 1e-12 were all equal, and the strongest could not be found."""
    rng = np.random.default_rng(0)
    dense = ss.weights.knn(panel.cities, 4, name="w").aligned(panel.ids).dense()
    dense = dense * rng.uniform(1, 5, size=dense.shape)
    links = []
    for unit in (1.0, times):
        W = ss.Weights.from_matrix(dense * unit, ids=panel.ids, name="w")
        ax = ss.report.weights_map(W, panel.cities, strongest=20)
        links.append([(*a._posA_posB, a.get_linewidth()) for a in drawn(ax, "link")])
    assert len(links[0]) == len(links[1]) == 20
    for one, other in zip(*links, strict=True):
        assert_allclose(np.hstack(one), np.hstack(other))
    title, texts = ax.get_legend().get_title().get_text(), ax.get_legend().get_texts()
    strongest = dense[dense > 0].max() * times
    assert_allclose(value(texts[0].get_text()) * stated(title), strongest, rtol=0.02)


# --- effects -------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1e-9, 1e9])
def test_effects_in_any_units_print_as_the_numbers_behind_them(results, times):
    effects = scaled_effects(results.effects(), times)
    ax = ss.report.effects_plot(effects, width_mm="double")
    texts = [text.get_text() for text in drawn(ax, "number")]
    count = len(effects.table)
    estimates, powers = texts[:count], texts[-count:]
    for row, text, times_ten in zip(effects.table["estimate"], estimates, powers, strict=True):
        last = 10.0 ** -len(text.partition(".")[2]) * stated(times_ten)
        assert abs(value(text) * stated(times_ten) - row) <= 0.5001 * last
    points = [line.get_xdata()[0] for line in drawn(ax, "point")]
    assert_allclose(points, effects.table["estimate"])
    check_inside(ax, *drawn(ax, "number"), ax.xaxis.label)
    assert not ax.xaxis.get_offset_text().get_visible()
    # Ticks times the power that the axis names are the places they stand at.
    unit = stated(ax.get_xlabel())
    for at, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        assert_allclose(value(text.get_text()) * unit, at, atol=1e-12 * abs(times))


def test_long_names_of_models_leave_the_points_their_room(results):
    models = {f"{LONG} {i}": results for i in range(5)}
    ax = ss.report.effects_plot(models, width_mm="single")
    check_inside(ax, ax.get_legend(), ax.xaxis.label)
    assert ax.get_position().width > 0.5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_long_names_of_blocks_are_printed_whole(blocks, language):
    names = {"GBA": LONG, "periphery": "北部生态发展区（山区五市及其他城市）"}
    ax = ss.report.block_plot(
        blocks, labels={**names, "x": LONG}, language=language, width_mm="single", title=LONG
    )
    check_inside(ax, ax.xaxis.label, *ax.get_yticklabels(), *drawn(ax, "heading"))
    assert ax.get_position().width > 0.3
    boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes))
    assert min(text.get_fontsize() for text in drawn(ax, "heading")) >= 5.9


@pytest.mark.parametrize("times", [1e-9, 1.0, 1e9])
def test_tiles_hold_their_numbers_and_heads(blocks, times):
    effects = scaled_effects(blocks, times)
    names = {"GBA": LONG, "periphery": "periphery of the province"}
    ax = ss.report.block_matrix(effects, labels=names, width_mm="single")
    ax.get_figure(root=True).draw_without_rendering()
    check_inside(ax, ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels())
    heads = [text.get_window_extent() for text in ax.get_xticklabels()]
    assert all(left.x1 <= right.x0 + 1 for left, right in pairwise(heads))
    unit = stated(ax.get_xlabel())
    tiles = drawn(ax, "tile")
    rows = zip(effects.table["estimate"], tiles, drawn(ax, "number"), drawn(ax, "interval"),
               strict=True)  # fmt: skip
    for estimate, tile, number, interval in rows:
        assert abs(value(number.get_text()) * unit - estimate) <= 0.005 * unit * max(times, 1)
        box = tile.get_window_extent()
        for text in (number, interval):
            inner = text.get_window_extent()
            assert box.x0 - 1 <= inner.x0
            assert inner.x1 <= box.x1 + 1


def test_more_blocks_than_colours_are_drawn(blocks):
    """The ninth of nine blocks had no colour: a KeyError."""
    names = [f"block {i}" for i in range(9)]
    template = blocks.table.iloc[[0]]
    rows = [
        template.assign(**{"to": to, "from": sender, "effect": kind})
        for to in names
        for kind, senders in (("direct", [to]), ("indirect", names), ("total", [None]))
        for sender in senders
    ]
    ax = ss.report.block_plot(replace(blocks, table=pd.concat(rows, ignore_index=True)))
    assert len(drawn(ax, "point")) == 9 * 11


# --- curves --------------------------------------------------------------------------------


def test_a_single_point_shows_its_interval_and_its_year():
    table = pd.DataFrame({"x": [2019], "estimate": [0.4], "low": [0.1], "high": [0.7]})
    ax = ss.report.curve_plot(table, "years")
    (interval,) = (c for c in ax.collections if c.get_gid() == "interval")
    assert_allclose(interval.get_segments()[0], [[2019, 0.1], [2019, 0.7]])
    assert list(ax.get_xticks()) == [2019]


def test_autocorrelation_of_one_year_shows_its_band():
    panel = invented_panel()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    found = ss.explore.autocorrelation(panel, "x", geo, statistics="moran", permutations=99)
    found = replace(found, table=found.table[found.table["year"] == 2011])
    ax = ss.report.autocorrelation_plot(found, width_mm="single")
    (band,) = (c for c in ax.collections if c.get_gid() == "band")
    box = band.get_datalim(ax.transData)
    row = found["moran"].iloc[0]
    assert box.width > 0.5
    assert_allclose([box.y0, box.y1], [row["low"], row["high"]])
    assert list(ax.get_xticks()) == [2011]


def test_long_names_and_large_units_of_a_curve():
    x = np.arange(5)
    table = pd.DataFrame({"x": x, "estimate": x * 1e9, "low": x * 9e8, "high": x * 2e9})
    ax = ss.report.curve_plot(
        {LONG: table, f"{LONG} 2": table}, LONG, LONG, title=LONG, level=0.995
    )
    legend = ax.get_legend()
    check_inside(ax, legend, ax.xaxis.label, ax.yaxis.label, ax._left_title)
    assert "99.5% band" in legend.get_texts()[0].get_text()
    assert stated(ax.get_ylabel()) == 1e9
    boxes = [artist.get_window_extent() for artist in (ax._left_title, legend)]
    assert boxes[0].y0 >= boxes[1].y1 - 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_long_name_in_the_scatter_is_printed_whole(panel, fit, language):
    values = panel.at(2011)["x"]
    ax = ss.report.moran_scatter(values, fit[1], name=f"{LONG}, logged", language=language)
    check_inside(ax, ax.xaxis.label, ax.yaxis.label)


# --- weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["single", "double"])
def test_the_audit_of_long_names_keeps_them_apart(panel, width):
    listed = [
        ss.weights.knn(panel.cities, k, name=f"nearest_{k}_by_train_and_$road$").standardize("row")
        for k in range(2, 8)
    ]
    figure = ss.report.audit(*listed, y=panel.at(2011)["x"], width_mm=width)
    left, right = figure.axes
    for ax in (left, right):
        check_inside(ax, ax.xaxis.label, *ax.get_yticklabels())
    check_inside(right, *right.get_xticklabels())
    heads = [text.get_window_extent() for text in right.get_xticklabels()]
    assert all(a.x1 <= b.x0 + 1 for a, b in pairwise(heads))
    step = right.get_window_extent().width / 6
    assert max(text.get_window_extent().width for text in drawn(right, "value")) <= step
