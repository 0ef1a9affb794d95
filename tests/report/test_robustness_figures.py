"""Figures of robustness draw what was found, all of it, and say what they leave out."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawing import drawn, value
from numpy.testing import assert_allclose
from robustness import LOGS, OLS, by_hand, data, jackknife, placebo, probabilities

import spatialsyn as ss
from spatialsyn.report import theme

report = ss.report


def texts(ax):
    return [text.get_text() for text in theme.texts(ax.figure) if text.get_text()]


def test_every_city_has_its_point_and_interval_and_all_have_a_band():
    found = jackknife()
    ax = report.jackknife_plot(found, "x", "indirect")
    table = found.table.query("x == 'x' and effect == 'indirect'")
    table = table.sort_values("estimate", ascending=False)
    assert [text.get_text() for text in ax.get_yticklabels()] == list(table["without"])
    assert_allclose([line.get_xdata()[0] for line in drawn(ax, "point")], table["estimate"])
    ends = np.array([line.get_xdata() for line in drawn(ax, "interval")])
    half = 1.959964 * table["se"]  # normal, 95 %
    assert_allclose(ends, np.c_[table["estimate"] - half, table["estimate"] + half], rtol=1e-6)
    own = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), *data()[:2]).effects().table
    own = own.query("x == 'x' and effect == 'indirect'").iloc[0]
    (band,), (line,) = drawn(ax, "band"), drawn(ax, "all cities")
    assert_allclose([band.get_x(), band.get_x() + band.get_width()], [own["low"], own["high"]])
    assert_allclose(line.get_xdata(), own["estimate"])
    hollow = [line.get_markerfacecolor() == "white" for line in drawn(ax, "point")]
    assert hollow == list((table["low"] <= 0) & (table["high"] >= 0))
    assert "all 12 cities" in ax.get_xlabel().replace("\n", " ")


def test_of_many_cities_those_are_drawn_that_move_it_most():
    ax = report.jackknife_plot(by_hand(), most=2, labels={"b": "Beta"}, outcome="synergy")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["c", "Beta"]
    said = ax.get_xlabel().replace("\n", " ")
    assert "total effect of one unit of x on synergy, without one city" in said
    assert "all 5 cities; the 2 that move it most; 1 without an estimate" in said


@pytest.mark.parametrize("shuffle", ["W", "x"])
def test_bars_count_every_draw(shuffle):
    found = placebo(shuffle)
    ax = report.placebo_plot(found, "x")
    draws = found.draws.query("x == 'x' and effect == 'total'")["estimate"]
    for bar in (bars := drawn(ax, "draws")):
        left, right = bar.get_x(), bar.get_x() + bar.get_width()
        last = bar is bars[-1]
        inside = (draws >= left - 1e-12) & ((draws <= right + 1e-12) if last else (draws < right))
        assert bar.get_height() == inside.sum()
    assert sum(bar.get_height() for bar in bars) == 39
    row = found.table.query("x == 'x' and effect == 'total'").iloc[0]
    (line,), (band,) = drawn(ax, "estimate"), drawn(ax, "band")
    assert_allclose(line.get_xdata(), row["estimate"])
    assert_allclose(
        band.get_x() + np.array([0, band.get_width()]), np.quantile(draws, [0.025, 0.975])
    )
    beyond = min((draws <= row["estimate"]).sum(), (draws >= row["estimate"]).sum())
    said = ax.get_xlabel().replace("\n", " ")
    assert f"39 draws, two-sided p = {min(1, 2 * (1 + beyond) / 40):.3f}" in said


def test_draws_far_out_are_counted_and_not_drawn():
    found, draws = placebo(), placebo().draws.copy()
    draws.loc[draws.query("x == 'x' and effect == 'total'").index[:2], "estimate"] = [1e6, -1e9]
    ax = report.placebo_plot(replace(found, draws=draws, failed=4), "x")
    assert sum(bar.get_height() for bar in drawn(ax, "draws")) == 37
    assert "2 beyond the axis; 4 without an estimate" in ax.get_xlabel().replace("\n", " ")
    assert np.abs(ax.get_xlim()).max() < 100


def test_parameters_and_the_likelihood_have_their_names():
    assert report.placebo_plot(placebo(), effect="rho").get_xlabel().startswith("ρ[w]")
    ax = report.placebo_plot(placebo(), effect="log-likelihood", language="zh")
    assert ax.get_xlabel().startswith("对数似然值")


def test_bars_are_as_long_as_their_probability():
    ax = report.probabilities_plot(probabilities(), labels={"geo": "borders"})
    total = sum(np.exp(log) for log in LOGS.values())
    shares = [np.exp(log) / total for log in LOGS.values()]
    assert_allclose([bar.get_width() for bar in drawn(ax, "bar")], shares)
    numbers = [text.get_text() for text in drawn(ax, "number")]
    assert_allclose([value(text.lstrip("<")) for text in numbers], shares, atol=0.001)
    assert numbers[-1] == "<0.001"
    headings = [text.get_text() for text in drawn(ax, "heading")]
    assert headings == ["without a matrix", "W[borders]", "W[eco]"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["OLS", "SAR", "SDM", "SAR", "SDM"]


FIGURES = {
    "jackknife": lambda **options: report.jackknife_plot(by_hand(), **options),
    "placebo": lambda **options: report.placebo_plot(placebo(), "x", **options),
    "probabilities": lambda **options: report.probabilities_plot(probabilities(), **options),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_figure_and_none_covers_another(name, width, language):
    long = "A title of some length, which one column has no room for in a single line"
    ax = FIGURES[name](width_mm=width, language=language, title=long)
    figure = ax.figure
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in theme.texts(figure)
             if text.get_text() and text.get_visible()]  # fmt: skip
    wide, tall = figure.bbox.width, figure.bbox.height
    labels = [ax.title, ax.xaxis.label, *drawn(ax, "number"), *ax.get_yticklabels()]
    for box in (text.get_window_extent() for text in (*labels, ax._left_title)):
        assert box.x0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y1 <= tall + 0.5
    assert len(boxes) > 5
    title, legend = ax._left_title.get_window_extent(), ax.get_legend()
    if legend is not None:
        assert not title.overlaps(legend.get_window_extent())
    english = " ".join(text for text in texts(ax) if text != ax._left_title.get_text())
    if language == "zh":
        assert not [word for word in ("effect", "draws", "interval", "posterior", "outcome")
                    if word in english]  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_they_are_drawn_into_axes_that_exist_and_saved(name, tmp_path):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    assert FIGURES[name](ax=right) is right
    assert not left.has_data()
    (path,) = report.save(figure, tmp_path / f"{name}.pdf")
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("name", FIGURES)
def test_two_runs_give_the_same_bytes(name, tmp_path):
    paths = [report.save(FIGURES[name](), tmp_path / f"{run}.png")[0] for run in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: report.jackknife_plot(placebo()), "what ss.jackknife.*got Placebo"),
        (lambda: report.jackknife_plot(jackknife()), r"choose one, jackknife_plot\(..., x=\)"),
        (lambda: report.jackknife_plot(jackknife(), "q"), "no effects of 'q'"),
        (lambda: report.jackknife_plot(jackknife(), "x", "net"), "effect='net' is not one of"),
        (lambda: report.jackknife_plot(by_hand(), most=0), "most=0 is no number of cities"),
        (lambda: report.jackknife_plot(jackknife(OLS), effect="indirect"), "is zero in this model"),
        (lambda: report.placebo_plot(jackknife()), "what ss.placebo.*got Jackknife"),
        (lambda: report.placebo_plot(placebo()), r"choose one, placebo_plot\(..., x=\)"),
        (lambda: report.placebo_plot(placebo(), "x", "net"), "effect='net' is not one of"),
        (lambda: report.probabilities_plot(by_hand()), "what ss.diagnostics.posterior"),
        (lambda: report.placebo_plot(placebo(), "x", labels={"q": "Q"}), "to label by 'q'"),
        (lambda: report.jackknife_plot(by_hand(), labels={"q": "Q"}), "to label by 'q'"),
        (lambda: report.probabilities_plot(probabilities(), {"q": "Q"}), "to label by 'q'"),
    ],
)  # fmt: skip
def test_what_no_robustness_figure_shows_is_refused(call, message):
    with pytest.raises(ss.ConfigError, match=message):
        call()


def test_a_placebo_of_what_is_zero_by_construction_is_refused():
    found = ss.placebo(OLS, data()[0], None, shuffle="x", x="x", draws=19)
    with pytest.raises(ss.ConfigError, match="indirect of 'x' is zero in this model"):
        report.placebo_plot(found, effect="indirect")
