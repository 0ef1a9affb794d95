"""Figures of measures show the tables they were given."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import drawn
from measures.small import panel, random_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import composite, disparity


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_variant_is_a_row_with_its_correlations(language):
    p = random_panel()
    found = composite(p.assign(v=20 - p.frame["u"]), {"u": 1, "v": 1}).sensitivity()
    labels = {"u": "Broadband"}
    ax = ss.report.sensitivity_plot(found, labels, title="Index", language=language)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [labels.get(v, v) for v in found.table["variant"]]
    for column in ("within", "rank"):
        (line,) = drawn(ax, column)
        assert_allclose(line.get_xdata(), found.table[column])
        assert_allclose(line.get_ydata(), ax.get_yticks())
    assert len(drawn(ax, "heading")) == found.table["part"].nunique()
    undefined = found.table["note"] != ""
    assert len(drawn(ax, "undefined")) == undefined.sum() > 0
    if language == "zh":
        assert drawn(ax, "heading")[0].get_text() == "剔除指标"


def test_the_bars_of_a_decomposition_stack_up_to_theil():
    p = panel("abcd", [2011, 2012], x=np.arange(1.0, 9), side=list("ppppqqqq"))
    found = disparity(p, "x", by="side")
    ax = ss.report.disparity_plot(found, {"p": "Core"})
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 2)
    assert_allclose(heights, found.table[["between", "within[p]", "within[q]"]].T)
    assert_allclose(heights.sum(axis=0), found.table["theil"])
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["between blocks", "within Core", "within q"]
    plain = ss.report.disparity_plot(disparity(p, "x"), title="x")
    assert_allclose([bar.get_height() for bar in plain.patches], found.table["theil"])
    assert plain.get_legend() is None


def test_what_cannot_be_drawn_is_refused():
    p = panel(
        list("abcdefgh"),
        [2011, 2012],
        x=np.arange(1.0, 17),
        side=[c for c in "abcdefgh" for _ in "12"],
    )
    with pytest.raises(ss.ConfigError, match="8 blocks are more than a reader can tell apart"):
        ss.report.disparity_plot(disparity(p, "x", by="side"))
    made = composite(p, {"x": 1}).sensitivity()
    empty = ss.measures.Sensitivity(made.table.iloc[:0], made.scores)
    with pytest.raises(ss.ConfigError, match="no variants to show"):
        ss.report.sensitivity_plot(empty)
