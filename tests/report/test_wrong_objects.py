"""Figures and tables say what they need when they are given something else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import fitted

import spatialsyn as ss
from spatialsyn.errors import BoundaryError, ConfigError, WeightsError

report = ss.report


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, r: report.effects_plot(p), "effects_plot needs results of ss.fit, or their"),
        (lambda p, r: report.effects_plot(r.effects().table), "effects_plot needs .* DataFrame"),
        (lambda p, r: report.block_plot(r), r"block_plot needs results.effects\("),
        (lambda p, r: report.block_matrix(p), r"block_matrix needs results.effects\("),
        (lambda p, r: report.emitted_received(r.effects("x", by="city"), p),
         r"the panel comes first, emitted_received\(panel, effects\); got Effects"),
        (lambda p, r: report.emitted_received(p, r), "emitted_received needs .* got Results"),
        (lambda p, r: report.emitted_received(p, r.effects("x")), "by='city'.*these are direct"),
        (lambda p, r: report.flow_map(r.effects("x", by="pair"), p), "the panel comes first, flow"),
        (lambda p, r: report.flow_map(p, r), "flow_map needs results.effects"),
        (lambda p, r: report.lisa_map(p, p.frame["y"], 2012), "what ss.explore.lisa"),
        (lambda p, r: report.study_area(p.cities), "the panel comes first, study_area"),
        (lambda p, r: report.animate(p, r), "animate needs results.effects"),
        (lambda p, r: report.threshold_plot(r), "what ss.threshold"),
        (lambda p, r: report.decay_plot(r), "what ss.decay"),
        (lambda p, r: report.sensitivity_plot(p), "index.sensitivity"),
        (lambda p, r: report.disparity_plot(p), "what ss.measures.disparity"),
        (lambda p, r: report.table(r.effects()), "table needs what ss.fit returns.*got Effects"),
        (lambda p, r: report.page(p, r), "page needs what ss.fit returns.*got CityPanel"),
        (lambda p, r: report.page(r, r.panel.cities), "the panel comes second"),
    ],
)  # fmt: skip
def test_what_is_given_instead_is_named(panel, results, call, message):
    with pytest.raises(ConfigError, match=message):
        call(panel, results)


def test_weights_and_polygons_are_asked_for(panel):
    with pytest.raises(WeightsError, match=r"one by one, weights_table\(geo, eco\); got CityPanel"):
        report.weights_table(panel)
    column = panel.at(panel.years[0])["y"]
    w = ss.weights.knn(panel.cities, 2)
    for draw in (
        lambda: report.map(panel, column),
        lambda: report.maps(panel, {"y": column}),
        lambda: report.weights_map(w, panel),
    ):
        with pytest.raises(BoundaryError, match=r"got CityPanel. .*panel.cities"):
            draw()
    bare = ss.CityPanel(panel.frame.reset_index(), city="city", year="year")
    with pytest.raises(BoundaryError, match="the panel has no polygons"):
        report.study_area(bare)


def test_effects_of_several_kinds_are_not_drawn_as_one(results):
    """The tiles of a matrix lay upon each other, and the last channel won."""
    by_channel = results.effects("x", by=["region", "channel"])
    for figure in (report.block_plot, report.block_matrix):
        with pytest.raises(ConfigError, match="several rows of a kind, by 'channel'"):
            figure(by_channel)
    both = results.effects(order=2)
    two = replace(both, table=both.table.assign(channel=["geo", "dig"] * (len(both.table) // 2)))
    with pytest.raises(ConfigError, match="by 'order', 'channel', and effects_plot tells them"):
        report.effects_plot(two)


@pytest.mark.parametrize(
    ("per", "said", "in_chinese"),
    [
        ("receiver", "mean change in the outcome when x rises", "平均变化"),
        ("source", "of all receiving cities when x rises by one unit in one", "变化之和"),
        ("share", "share of the sum of all effects on the outcome of x", "份额"),
    ],
)
@pytest.mark.parametrize("figure", [report.block_plot, report.block_matrix])
def test_the_axis_says_what_effects_are_counted_per(results, figure, per, said, in_chinese):
    effects = results.effects("x", by="region", per=per)
    assert said in " ".join(figure(effects).get_xlabel().split())
    assert in_chinese in "".join(figure(effects, language="zh").get_xlabel().split())


@pytest.mark.parametrize("name", ["figure.jpg", "figure.TIFF", "figure.bmp"])
def test_pictures_of_kinds_that_are_not_written_are_refused(results, tmp_path, name):
    """figure.jpg was the name of figure.jpg.pdf."""
    figure = report.effects_plot(results)
    with pytest.raises(ConfigError, match=f"cannot save a figure as '{name}': there are pdf, png"):
        report.save(figure, tmp_path / name)
    assert [p.name for p in report.save(figure, tmp_path / "fig 1.2", ("svg",))] == ["fig 1.2.svg"]


@pytest.mark.parametrize(("name", "starts"), [("p.PNG", b"\x89PNG"), ("p.Pdf", b"%PDF")])
def test_a_suffix_in_capitals_is_that_of_the_format(results, tmp_path, name, starts):
    """p.PNG was the name of p.PNG.pdf and p.PNG.png."""
    (file,) = report.save(report.effects_plot(results), tmp_path / name, dpi=50)
    assert [path.name for path in tmp_path.iterdir()] == [file.name] == [name]
    assert file.read_bytes().startswith(starts)


def test_what_is_no_figure_is_not_saved(panel, results, tmp_path):
    for other in (panel, report.table(results)):
        with pytest.raises(ConfigError, match="save writes a figure"):
            report.save(other, tmp_path / "x")


@pytest.mark.parametrize(
    ("kinds", "show", "message"),
    [
        (["two"], "tests", r"these models have no interval of rho \(several W have none\), instru"),
        (["ols"], ["rho"], "these models have no rho. It shows 'effects', 'coefficients', 'rho'"),
        (["ols", "two"], ["tests"], r"ss.report.diagnostics_table\(results.diagnostics\(\)\) has"),
        (["ols"], [], "these models have no section to show"),
    ],
)
def test_a_table_that_would_be_empty_says_what_its_models_lack(kinds, show, message):
    with pytest.raises(ConfigError, match=message):
        report.table([fitted(kind) for kind in kinds], show=show)


def test_what_some_models_have_is_printed():
    """One W has an interval of rho; a test that is handed over stands for models of two."""
    rows = report.table([fitted("sdm"), fitted("two")], show="tests").rows
    assert [(row.label, row.cells[1]) for row in rows] == [("Bounds of ρ", "")]
    test = ss.diagnostics.wald(fitted("sdm"), "slx")
    given = report.table(fitted("two"), show=["tests"], tests={"Wald": test})
    assert [row.label for row in given.rows] == ["Wald"]
