"""Arrows, tiles and moving maps show the effects they were given; what is not certain is masked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from drawing import drawn
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose
from PIL import Image

import spatialsyn as ss
from spatialsyn.errors import AlignmentError, BoundaryError, ConfigError
from spatialsyn.report.atlas import flows
from spatialsyn.report.atlas.classes import classify


@pytest.fixture(scope="module")
def pairs(results):
    """Effects by pair, of which every third is made certain, one of them negative."""
    effects = results.effects("x", by="pair")
    table = effects.table.copy()
    indirect = np.flatnonzero(table["effect"] == "indirect")
    table["q"] = 0.9
    table.loc[indirect[::3], "q"] = 0.001
    table.loc[indirect[0], "estimate"] = -1.0
    return replace(effects, table=table)


@pytest.fixture(scope="module")
def blocks(results):
    return results.effects("x", by="region")


@pytest.fixture(scope="module")
def responses(panel, fit):
    dynamic = ss.sdm("y ~ x", W="geo", fixed_effects="twoways", lag_y=True)
    return ss.fit(dynamic, panel, fit[1]).effects("x", by="city", horizon=range(3))


def number(text):
    return float(text.replace("\u2212", "-"))


# --- flows ---------------------------------------------------------------------------------


def test_cities_without_flows_because_the_model_left_them_out_are_without_data(panel, pairs):
    left_out = list(panel.ids[:3])
    table = pairs.table
    kept = ~(table["to"].isin(left_out) | table["from"].isin(left_out))
    for effects, grey in ((pairs, 0), (replace(pairs, table=table[kept]), len(left_out))):
        (empty,) = drawn(ss.report.flow_map(panel, effects), "no data")
        assert len(empty.get_paths()) == len(panel.context) + grey


def test_numbers_between_blocks_keep_clear_of_each_other_and_of_the_edge():
    """A number cut at the edge of the sheet reads as another number."""
    panel = ss.datasets.guangdong()
    ids = list(panel.ids)
    west = panel.cities.geometry.to_crs(3857).centroid.x.loc[ids].rank() <= 4
    side = pd.Series(np.where(west, "west", "rest"), ids, name="side")
    side["440300"] = "alone"
    cells = panel.frame.assign(side=panel.frame.index.get_level_values(0).map(side))
    panel = ss.CityPanel(cells.reset_index(), "city", "year", panel.cities, ["side"])
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    model = ss.sdm("log(gdp) ~ urbanization", W="geo", fixed_effects="twoways")
    ax = ss.report.flow_map(panel, ss.fit(model, panel, geo).effects("urbanization", by="side"))
    boxes = [text.get_window_extent() for text in drawn(ax, "number")]
    assert len(boxes) == 9
    for i, box in enumerate(boxes):
        assert ax.bbox.contains(box.x0, box.y0)
        assert ax.bbox.contains(box.x1, box.y1)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_only_significant_flows_between_cities_are_drawn(panel, pairs):
    certain = pairs.table[(pairs.table["q"] < 0.05) & (pairs.table["effect"] == "indirect")]
    ax = ss.report.flow_map(panel, pairs, strongest=1000, per_origin=1000)
    arrows = drawn(ax, "flow")
    assert len(arrows) == len(certain) == 140
    head = ax.get_legend().get_title().get_text()
    assert head == "140 of 420 flows have q < 0.05"
    widths = [arrow.get_linewidth() for arrow in arrows]
    assert (np.diff(widths) > -1e-9).all()  # the strongest lie on top
    # The strongest was made negative: its colour is that of numbers below zero.
    assert to_hex(arrows[-1].get_edgecolor()).upper() == flows.SIGNS[-1]
    below = [to_hex(a.get_edgecolor()).upper() == flows.SIGNS[-1] for a in arrows]
    assert sum(below) == (certain["estimate"] < 0).sum()


def test_arrows_run_from_sender_to_receiver(panel, pairs):
    ax = ss.report.flow_map(panel, pairs, strongest=1)
    (arrow,) = drawn(ax, "flow")
    row = pairs.table.loc[pairs.table["estimate"].idxmin()]
    points = flows.frame.sheet(panel.cities, panel.context).points
    start, end = arrow._posA_posB
    assert_allclose(start, points[row["from"]].coords[0])
    assert_allclose(end, points[row["to"]].coords[0])


def test_caps_are_kept_and_told(panel, pairs):
    ax = ss.report.flow_map(panel, pairs, strongest=30, per_origin=2)
    assert len(drawn(ax, "flow")) == 30
    assert ax.get_legend().get_title().get_text().endswith("; 30 drawn")


def test_when_nothing_is_significant_no_arrow_is_drawn(panel, results):
    ax = ss.report.flow_map(panel, results.effects("x", by="pair"), level=1e-9)
    assert not drawn(ax, "flow")
    assert ax.get_legend().get_title().get_text().startswith("0 of 420 flows")


def test_block_flows_carry_their_numbers_and_uncertain_ones_are_dashed(panel, blocks):
    table = blocks.table[blocks.table["effect"] == "indirect"]
    crossing = table[table["to"] != table["from"]]
    ax = ss.report.flow_map(panel, blocks)
    arrows = drawn(ax, "flow")
    assert len(arrows) == len(crossing) == 2
    dashed = [arrow.get_linestyle() != "solid" and arrow.get_linestyle() != "-" for arrow in arrows]
    assert dashed == list(crossing["p"] >= 0.05)
    texts = [text.get_text() for text in drawn(ax, "number")]
    shown = sorted(number(text.split("\n")[-1].split(" [")[0]) for text in texts)
    assert_allclose(shown, sorted(table["estimate"].round(2)), atol=1e-9)
    all_sure = ss.report.flow_map(panel, blocks, level=0.999)
    assert "raises y" in [t.get_text() for t in all_sure.get_legend().get_texts()]


@pytest.mark.parametrize("by", [None, "city"])
def test_effects_without_sender_are_refused(panel, results, by):
    with pytest.raises(ConfigError, match=r"results\.effects\('x', by='pair'\)"):
        ss.report.flow_map(panel, results.effects("x", by=by))


def test_flows_of_several_regressors_orders_or_other_places_are_refused(panel, results, pairs):
    with pytest.raises(ConfigError, match=r"'x', 'z': choose one, flow_map"):
        ss.report.flow_map(panel, results.effects(by="region"))
    with pytest.raises(ConfigError, match="several rows per flow, by 'order'"):
        ss.report.flow_map(panel, results.effects("x", by="region", order=2))
    foreign = pairs.table.replace({"440100": "999999"})
    with pytest.raises(AlignmentError, match="between '999999', which are neither cities"):
        ss.report.flow_map(panel, replace(pairs, table=foreign))
    with pytest.raises(ConfigError, match=r"level=5 is no probability"):
        ss.report.flow_map(panel, pairs, level=5)
    with pytest.raises(ConfigError, match="strongest=0"):
        ss.report.flow_map(panel, pairs, strongest=0)
    bare = ss.CityPanel(panel.frame.reset_index().rename(columns={"city": "adcode"}))
    with pytest.raises(BoundaryError, match="no polygons"):
        ss.report.flow_map(bare, pairs)


# --- tiles ---------------------------------------------------------------------------------


def test_every_entry_of_the_block_matrix_has_its_tile_and_numbers(blocks):
    ax = ss.report.block_matrix(blocks, outcome="synergy")
    table = blocks.table
    texts = [number(text.get_text()) for text in drawn(ax, "number")]
    assert_allclose(texts, table["estimate"], atol=0.006)
    assert len(drawn(ax, "tile")) == 8
    holds_zero = (table["low"] <= 0) & (table["high"] >= 0)
    assert len(drawn(ax, "hatched")) == holds_zero.sum()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["own city", "GBA", "periphery", "total"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["GBA", "periphery"]
    # The tile of "from periphery to GBA": first row, third column.
    row = table[(table["to"] == "GBA") & (table["from"] == "periphery")].iloc[0]
    at = [t for t in drawn(ax, "number") if 2 < t.get_position()[0] < 3 and t.get_position()[1] < 1]
    assert number(at[0].get_text()) == pytest.approx(row["estimate"], abs=0.006)


def test_block_matrix_refuses_other_effects(results):
    with pytest.raises(ConfigError, match="block_matrix needs effects by a grouping"):
        ss.report.block_matrix(results.effects("x"))
    with pytest.raises(ConfigError, match="choose one, block_matrix"):
        ss.report.block_matrix(results.effects(by="region"))


# --- moving maps ---------------------------------------------------------------------------


def test_frames_share_classes_and_show_their_year(panel, responses, tmp_path):
    film = ss.report.animate(panel, responses, "received", title="Response")
    assert film.years == (0, 1, 2)
    pooled = responses["received"]["estimate"]
    classes = classify(pooled.to_numpy(), "equal_interval")
    (ax,) = film.figure.axes
    for frame in (2, 0):
        film.draw(frame)
        (cities,) = drawn(ax, "cities")
        values = pooled.xs(frame, level="horizon").loc[panel.cities.index].to_numpy()
        expected = classes.colours[classes.of(values)]
        assert_allclose(cities.get_facecolors(), expected, atol=1 / 255)
        assert ax.get_title(loc="left") == f"Response: year {frame}"
    files = [film.save(tmp_path / name / "film.gif", dpi=40) for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(list(files[0].parent.iterdir())) == 1  # nothing left beside
    with Image.open(files[0]) as picture:
        assert picture.n_frames == 3


def test_films_refuse_what_they_cannot_show(panel, results, responses, tmp_path):
    with pytest.raises(ConfigError, match=r"horizon=range\(0, 11\)"):
        ss.report.animate(panel, results.effects("x", by="city"))
    with pytest.raises(ConfigError, match="effect='spill' is not one of 'direct', 'received'"):
        ss.report.animate(panel, responses, "spill")
    film = ss.report.animate(panel, responses)
    with pytest.raises(ConfigError, match=r"a \.gif or \.mp4 file"):
        film.save(tmp_path / "film.avi")
    with pytest.raises(ConfigError, match="no frame 3: there are 0 to 2"):
        film.draw(3)
    with pytest.raises(ConfigError, match="above zero"):
        film.save(tmp_path / "film.gif", fps=0)


# --- certainty as a second channel ---------------------------------------------------------


def test_colours_fade_where_p_is_large(panel):
    ids = list(panel.ids)
    p = pd.Series(np.repeat([0.01, 0.1, 0.5], 7), index=ids)
    ax = ss.report.map(
        panel.cities, pd.DataFrame({"estimate": 1.0, "p": p}), uncertainty="fade", labels=None
    )
    (cities,) = drawn(ax, "cities")
    light = pd.Series(cities.get_facecolors()[:, :3].mean(axis=1), index=panel.cities.index)
    steps = light.groupby(p).agg(["min", "max"])
    assert_allclose(steps["min"], steps["max"])
    assert (np.diff(steps["min"]) > 0).all()
    assert len(steps) == 3
    assert not drawn(ax, "hatched")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[-1] == "left to right: p < 0.05, p < 0.2, p ≥ 0.2"


def test_p_values_are_those_of_the_standard_errors_where_none_are_given(panel):
    from spatialsyn.report.atlas.reading import p_values

    table = pd.DataFrame({"estimate": [1.96, -1.96], "se": [1.0, 1.0]})
    assert_allclose(p_values(table), 0.05, atol=1e-4)


def test_fading_without_p_values_is_refused(panel):
    numbers = panel.mean("x", "all")
    with pytest.raises(ConfigError, match='uncertainty="fade" needs p-values'):
        ss.report.map(panel.cities, numbers, uncertainty="fade")
    with pytest.raises(ConfigError, match="'blur' is not one of 'hatch', 'fade'"):
        ss.report.map(panel.cities, numbers, uncertainty="blur")
    with pytest.raises(ConfigError, match="across=0"):
        ss.report.maps(panel.cities, {"a": numbers}, across=0)


@pytest.mark.parametrize("codes", [{"GBA": 1, "periphery": 2}, {"GBA": 2, "periphery": 1}])
def test_what_stays_within_a_block_is_written_over_it(panel, fit, codes):
    """Text of the GBA as block 2 stood over Yunfu, a city of the periphery."""
    table = panel.frame.reset_index()
    every = pd.concat([panel.cities, panel.context])
    coded = table.assign(block=table["city"].map(panel.blocks["region"].map(codes)))
    numbered = ss.CityPanel(coded, "city", "year", cities=every, blocks=["block"])
    effects = ss.fit(fit[0].model, numbered, fit[1]).effects("x", by="block")
    ax = ss.report.flow_map(numbered, effects)
    ax.figure.canvas.draw()
    drawn_cities = flows.frame.sheet(numbered.cities, numbered.context).cities
    shapes = drawn_cities.geometry.groupby(numbered.blocks["block"]).agg(
        lambda part: part.union_all()
    )
    written = {t.get_text(): t for t in drawn(ax, "number") if t.get_text().startswith("within")}
    assert len(written) == 2
    for text, artist in written.items():
        box = artist.get_window_extent().transformed(ax.transData.inverted())
        block = shapes[int(text.split()[1])]
        assert block.contains(shapely.Point(artist.get_position()))
        area = shapely.box(box.x0, box.y0, box.x1, box.y1)
        assert block.intersection(area).area > 0.7 * area.area


def test_maps_print_the_labels_of_blocks(panel, blocks):
    labels = {"GBA": "Bay Area", "periphery": "the rest"}
    area = ss.report.study_area(panel, block_labels=labels).get_legend()
    assert [t.get_text() for t in area.get_texts()][:2] == ["Bay Area (9)", "the rest (12)"]
    ax = ss.report.flow_map(panel, blocks, block_labels=labels)
    assert [t.get_text() for t in ax.get_legend().get_texts()][:2] == ["Bay Area", "the rest"]
    inner = [t.get_text().split("\n")[0] for t in drawn(ax, "number")]
    assert {"within Bay Area", "within the rest"} <= set(inner)
    with pytest.raises(ConfigError, match="flow_map has nothing to label by 'core'"):
        ss.report.flow_map(panel, blocks, block_labels={"core": "core"})


def test_a_scenario_by_block_is_not_called_a_rise_by_one_unit(results):
    plan = results.scenario({"x": ("GBA", "+1")}, by="region")
    for draw in (ss.report.block_plot, ss.report.block_matrix):
        said = draw(plan, outcome="synergy").get_xlabel()
        assert "mean change in synergy in the scenario x: GBA +1" in said
        assert "one unit" not in said


def test_more_blocks_than_there_is_room_for_are_pointed_to_the_matrix(panel, results):
    zone = pd.Series([f"zone {i % 5}" for i in range(panel.n)], index=list(panel.ids))
    frame = panel.frame.reset_index().assign(zone=lambda f: f["city"].map(zone))
    zoned = ss.CityPanel(frame, city="city", cities=panel.cities, blocks=["zone"])
    effects = ss.fit(results.model, zoned, results.weights).effects("x", by="zone")
    with pytest.raises(ss.ConfigError, match=r"20 arrows between 5 blocks hide.*block_matrix"):
        ss.report.flow_map(zoned, effects)


def test_two_groupings_of_the_same_blocks_are_not_mistaken_for_each_other(panel, blocks):
    """The flows by one of them stood between the cities of the other."""
    region = panel.blocks["region"]
    same = panel.grouped(again=region)
    assert len(drawn(ss.report.flow_map(same, blocks), "flow")) == 2
    turned = dict(zip(panel.ids, region.iloc[::-1], strict=True))
    with pytest.raises(AlignmentError, match="'region', 'other' of the panel have the same blocks"):
        ss.report.flow_map(panel.grouped(other=turned), blocks)
