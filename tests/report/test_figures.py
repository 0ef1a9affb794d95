"""Plots of effects show the table they were given; files are fit for print and reproducible."""

import io
import re
import shutil
import subprocess
import zlib
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawing import drawn
from fontTools.ttLib import TTFont
from numpy.testing import assert_allclose
from PIL import Image

import spatialsyn as ss
from spatialsyn.errors import ConfigError
from spatialsyn.report import theme
from spatialsyn.report.figures import forest


@pytest.fixture
def no_chinese_font(monkeypatch):
    monkeypatch.setattr(theme, "cjk_family", lambda: None)


def rows(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


# --- effects -------------------------------------------------------------------------------


def test_every_effect_is_a_point_on_its_interval(results):
    ax = ss.report.effects_plot(results)
    table = results.effects().table
    assert [text.get_text() for text in drawn(ax, "heading")] == ["x", "z"]
    assert rows(ax) == ["direct", "indirect", "total"] * 2
    points = [line.get_xdata()[0] for line in drawn(ax, "point")]
    assert_allclose(points, table["estimate"])
    intervals = [line.get_xdata() for line in drawn(ax, "interval")]
    assert_allclose(intervals, table[["low", "high"]])
    assert ax.get_xlabel().startswith("change in y per unit of x\n95% interval")
    (zero,) = drawn(ax, "zero")
    assert_allclose(zero.get_xdata(), 0)


def test_hollow_points_are_those_whose_interval_contains_zero(results):
    ax = ss.report.effects_plot(results)
    table = results.effects().table
    hollow = [line.get_markerfacecolor() == "white" for line in drawn(ax, "point")]
    assert hollow == list((table["low"] < 0) & (table["high"] > 0))
    assert 0 < sum(hollow) < len(hollow)


def test_models_stand_side_by_side_under_their_names(panel, fit):
    results, geo = fit
    sar = ss.fit(ss.sar("y ~ x + z", W="geo", fixed_effects="twoways"), panel, geo)
    ax = ss.report.effects_plot({"SDM": results, "SAR": sar}, labels={"x": "Digital"})
    assert len(drawn(ax, "point")) == 12
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SDM", "SAR"]
    assert [text.get_text() for text in drawn(ax, "heading")] == ["Digital", "z"]
    heights = [line.get_ydata()[0] for line in drawn(ax, "point")]
    assert len(set(np.round(heights, 6))) == 12


def test_many_models_stay_on_the_page_and_their_points_apart():
    """A4 is 297 mm high: less two margins of 25 mm and a caption, 230 mm are left."""
    point = forest.Point(0.1, -0.1, 0.3, "k")
    rows = [row for x in "abcde"
            for row in (forest.Row(x), *[forest.Row("direct", (point,) * 6)] * 3)]  # fmt: skip
    ax = forest.forest(rows, None, "middle", None)
    forest.name_axis(ax, "change in y per unit of x", 0.95, "en")
    assert ax.figure.get_figheight() * 25.4 <= 230
    heights = np.sort([ax.transData.transform((0, line.get_ydata()[0]))[1]
                       for line in drawn(ax, "point")])  # fmt: skip
    marker = drawn(ax, "point")[0]
    needed = marker.get_markersize() + marker.get_markeredgewidth()
    assert np.diff(heights).min() * 72 / ax.figure.dpi > needed


def test_effects_by_city_are_sent_to_the_map(results):
    with pytest.raises(ConfigError, match="map for cities"):
        ss.report.effects_plot(results.effects("x", by="city"))


def test_block_plot_has_a_row_per_flow(results):
    effects = results.effects("x", by="region")
    ax = ss.report.block_plot(effects, outcome="synergy")
    assert rows(ax) == [
        "own city", "within GBA", "periphery → GBA", "total",
        "own city", "GBA → periphery", "within periphery", "total",
    ]  # fmt: skip
    assert [text.get_text() for text in drawn(ax, "heading")] == [
        "effect in GBA",
        "effect in periphery",
    ]
    points = [line.get_xdata()[0] for line in drawn(ax, "point")]
    assert_allclose(points, effects.table["estimate"])
    assert "mean change in synergy when x rises by one unit in every sending city" in " ".join(
        ax.get_xlabel().split()
    )


def test_rows_of_a_block_sum_to_its_total(results):
    ax = ss.report.block_plot(results.effects("x", by="region"))
    points = np.array([line.get_xdata()[0] for line in drawn(ax, "point")]).reshape(2, 4)
    assert_allclose(points[:, :3].sum(axis=1), points[:, 3], rtol=1e-9)


def test_numbers_beside_the_points_are_those_of_the_table(results):
    effects = results.effects("x", by="region")
    ax = ss.report.block_plot(effects)
    first = effects.table.iloc[0]
    texts = [text.get_text() for text in drawn(ax, "number")]
    assert float(texts[0].replace("−", "-")) == pytest.approx(first["estimate"], abs=0.006)
    assert texts[-1] == "95% interval"


@pytest.mark.parametrize("width", [90, 140, 190])
def test_nothing_leaves_the_figure(results, width):
    ax = ss.report.block_plot(results.effects("x", by="region"), width_mm=width)
    ax.figure.draw_without_rendering()
    page = ax.figure.bbox.padded(1)
    texts = [*drawn(ax, "number"), *ax.get_yticklabels(), ax.xaxis.label]
    for box in (text.get_window_extent() for text in texts):
        assert page.contains(box.x0, box.y0)
        assert page.contains(box.x1, box.y1)


def test_block_plot_asks_which_regressor(results):
    effects = results.effects(by="region")
    with pytest.raises(ConfigError, match="effects of 'x', 'z': choose one"):
        ss.report.block_plot(effects)
    ss.report.block_plot(effects, x="z")


def test_block_plot_refuses_other_effects(results):
    for by in (None, "city", "pair"):
        with pytest.raises(ConfigError, match="effects by a grouping"):
            ss.report.block_plot(results.effects("x", by=by))


def test_settings_of_the_session_stay_as_they_are(results, tmp_path):
    before = dict(mpl.rcParams)
    ss.report.save(ss.report.effects_plot(results), tmp_path / "effects")
    assert dict(mpl.rcParams) == before


# --- Chinese -------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_chinese_font")
def test_chinese_without_a_font_is_refused_with_the_way_out(panel, results):
    numbers = panel.mean("x", "all")
    remedy = r"pip install spatialsyn\[cjk\]"
    with pytest.raises(ConfigError, match=remedy):
        ss.report.effects_plot(results, language="zh")
    with pytest.raises(ConfigError, match=remedy):
        ss.report.map(panel.cities, numbers, labels="zh")
    with pytest.raises(ConfigError, match="'标题' needs a font"):
        ss.report.map(panel.cities, numbers, title="标题")


@pytest.mark.skipif(theme.cjk_family() is None, reason="no Chinese font is installed")
def test_chinese_words_and_names_are_written(panel, results):
    nameless = panel.mean("x", "all").rename(None)
    ax = ss.report.map(panel.cities, nameless, labels="zh", language="zh")
    assert ax.get_legend().get_title().get_text() == "图例"
    assert "广州" in {text.get_text() for text in drawn(ax, "label")}
    assert "直接效应" in rows(ss.report.effects_plot(results, language="zh"))


def test_an_unknown_language_is_refused(results):
    with pytest.raises(ConfigError, match="'en', 'zh'"):
        ss.report.effects_plot(results, language="fr")


def test_every_family_of_the_style_is_installed():
    installed = set(mpl.font_manager.get_font_names())
    assert set(theme.families()) <= installed
    # The minus sign and the arrow of block_plot are in the font that closes the list.
    last = mpl.font_manager.get_font(mpl.font_manager.findfont("DejaVu Sans"))
    assert {ord("−"), ord("→")} <= set(last.get_charmap())


# --- files ---------------------------------------------------------------------------------


def test_a_figure_saved_twice_has_the_same_bytes(panel, results, tmp_path):
    formats = ("pdf", "png", "svg", "eps")
    for name in ("one", "two"):
        ax = ss.report.map(panel.cities, results.effects("z", by="city")["emitted"], labels="en")
        ss.report.save(ax, tmp_path / name / "map", formats, dpi=72)
    for suffix in formats:
        files = [tmp_path / name / f"map.{suffix}" for name in ("one", "two")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert len(list(files[0].parent.iterdir())) == len(formats)  # nothing left beside


def test_fonts_are_embedded_as_truetype(results, tmp_path):
    (file,) = ss.report.save(ss.report.effects_plot(results), tmp_path / "effects.pdf")
    content = file.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


needs_chinese = pytest.mark.skipif(theme.cjk_family() is None, reason="no Chinese font")


def written_in_chinese():
    with theme.style("zh"):
        figure = plt.figure(figsize=(2, 1))
        figure.text(0.1, 0.3, "虚拟集聚龘", fontsize=24)
    return figure


@needs_chinese
def test_chinese_fonts_are_truetype_where_the_file_says_so(tmp_path):
    """ISO 32000, table 126: FontFile2 is a TrueType font program, whose first word is 1.0."""
    paths = [
        ss.report.save(written_in_chinese(), tmp_path / name)[0] for name in ("a.pdf", "b.pdf")
    ]
    content = paths[0].read_bytes()
    assert content == paths[1].read_bytes()
    assert b"/FontFile3" not in content
    starts = [found.end() for found in re.finditer(rb"/Length1.*?stream\r?\n", content, re.S)]
    fonts = [zlib.decompressobj().decompress(content[start:]) for start in starts]
    assert [font[:4] for font in fonts] == [b"\x00\x01\x00\x00"]
    letters = TTFont(io.BytesIO(fonts[0]))
    assert letters["maxp"].numGlyphs == len(letters["glyf"].glyphs) >= 5


@needs_chinese
@pytest.mark.skipif(not shutil.which("gs"), reason="Ghostscript is not installed")
@pytest.mark.parametrize("form", ["pdf", "eps"])
def test_ghostscript_prints_chinese_letters(form, tmp_path):
    """As much ink as matplotlib itself puts on the page."""
    figure = written_in_chinese()
    path, screen = ss.report.save(figure, tmp_path / "a", formats=(form, "png"), dpi=300)
    command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dEPSCrop", "-r1200",
               "-sDEVICE=pnggray", f"-sOutputFile={tmp_path / 'gs.png'}", str(path)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    ink = []
    for file in (tmp_path / "gs.png", screen):
        with Image.open(file) as picture:
            ink.append(1 - np.asarray(picture.convert("L")).mean() / 255)
    assert ink[1] > 0.02
    assert_allclose(ink[0], ink[1], rtol=0.1)


def test_names_on_maps_stay_text(panel, tmp_path):
    """A halo drawn by the text itself would turn the names into outlines."""
    ax = ss.report.map(panel.cities, panel.mean("x", "all"), labels="en")
    (file,) = ss.report.save(ax, tmp_path / "map.svg")
    assert ">Guangzhou</text>" in file.read_text()


def test_an_svg_names_a_font_for_every_computer(results, tmp_path):
    """A list of fonts that ends without a generic one is set in the reader's serif type."""
    (path,) = ss.report.save(ss.report.effects_plot(results), tmp_path / "a.svg")
    root = ElementTree.parse(path).getroot()
    written = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert len(written) > 10
    for text in written:
        families = re.search(r"font(?:-family)?: ([^;]*)", text.get("style").split("font-size")[-1])
        assert families[1].endswith(", sans-serif")
        assert families[1].count("'Arial'") == 1


def test_dollars_in_names_are_no_formula(panel, fit, tmp_path):
    """Matplotlib sets what stands between two of them in italics, or cannot read it."""
    region = panel.blocks["region"].map({"GBA": "US$_", "periphery": "a$%{"})
    frame = panel.frame.join(region).reset_index()
    named = ss.CityPanel(frame, city="city", year="year", blocks=["region"])
    results = ss.fit(fit[0].model, named, fit[1])
    ax = ss.report.block_plot(results.effects("x", by="region"))
    (file,) = ss.report.save(ax, tmp_path / "blocks.svg")
    assert "US$_ → a$%{" in file.read_text()


def test_path_with_and_without_suffix(results, tmp_path):
    ax = ss.report.effects_plot(results)
    assert ss.report.save(ax, tmp_path / "new" / "fig.1") == [
        tmp_path / "new" / "fig.1.pdf",
        tmp_path / "new" / "fig.1.png",
    ]
    assert ss.report.save(ax.figure, tmp_path / "fig.svg") == [tmp_path / "fig.svg"]
    with pytest.raises(ConfigError, match=r"\['gif'\] cannot be written"):
        ss.report.save(ax, tmp_path / "fig", formats=["gif"])
