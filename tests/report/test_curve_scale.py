"""One interval of a specification curve may not hide all others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spatialsyn.report.figures.specifications import specification_curve, too_wide
from spatialsyn.study.curve import Curve


def curve_of(estimates, widths, p=0.5):
    estimates, widths = np.asarray(estimates, dtype=float), np.asarray(widths, dtype=float)
    table = pd.DataFrame(
        {"model": [f"m{i}" for i in range(len(estimates))], "W": "geo", "estimate": estimates,
         "low": estimates - widths / 2, "high": estimates + widths / 2, "p": p}
    )  # fmt: skip
    return Curve("x", {"effect": "total"}, ("W",), table, {})


def drawn(found):
    figure = specification_curve(found)
    upper = figure.axes[0]
    beyond = [line for line in upper.get_lines() if line.get_gid() == "beyond"]
    return upper.get_ylim(), beyond, figure.axes[-1].get_xlabel()


def test_wide_intervals_leave_the_scale_to_the_others():
    (low, high), beyond, note = drawn(curve_of([-9, 0.1, 0.2, 0.3, 8], [50, 1, 1, 1, 40]))
    assert (low, high) == pytest.approx((-0.4 - 0.06 * 1.2, 0.8 + 0.06 * 1.2))
    assert [(int(line.get_xdata()[0]), line.get_marker()) for line in beyond] == [
        (1, "v"),
        (5, "^"),
    ]
    assert note.endswith("; 2 wide intervals cut")


def test_a_wide_interval_about_an_estimate_within_has_no_triangle():
    limits, beyond, note = drawn(curve_of([0.0, 0.1, 0.2], [30, 1, 1]))
    assert limits[1] < 1
    assert not beyond
    assert note.endswith("; 1 wide intervals cut")


def test_usual_intervals_are_all_shown():
    found = curve_of([-1, 0, 4], [1, 2, 4])
    (low, high), beyond, note = drawn(found)
    assert low <= found.table["low"].min()
    assert high >= found.table["high"].max()
    assert not beyond
    assert "cut" not in note


def test_effects_that_are_zero_by_construction_do_not_make_others_wide():
    table = curve_of([0, 0, 0, 0.5], [0, 0, 0, 1]).table
    assert not too_wide(table).any()
    assert not too_wide(table.iloc[:3]).any()


def test_a_triangle_is_filled_where_the_estimate_is_certain():
    _, beyond, _ = drawn(curve_of([0.1, 0.2, 0.3, 99], [1, 1, 1, 40], p=[0.5, 0.5, 0.5, 0.01]))
    assert beyond[0].get_markerfacecolor() == beyond[0].get_color() != "white"


LONG = "Outstanding loans of all financial institutions at the end of the year (log, 2010 prices)"


@pytest.mark.parametrize(("language", "with_"), [("en", "with "), ("zh", "是否含 ")])
def test_a_term_that_models_leave_out_is_a_heading_by_its_label_in_lines_that_leave_room(
    language, with_
):
    table = curve_of([0.1, 0.2, 0.3], [1, 1, 1]).table.assign(**{"with z": ["yes", "no", "yes"]})
    found = Curve("x", {"effect": "total"}, ("with z",), table, {})
    figure = specification_curve(found, labels={"z": LONG}, language=language)
    lower = figure.axes[1]
    (heading,) = [text for text in lower.texts if text.get_gid() == "heading"]
    assert heading.get_text().replace("\n", " ") == f"{with_}{LONG}"
    assert lower.get_position().width > 0.55
    figure.canvas.draw()
    box, ticks = heading.get_window_extent(), lower.get_yticklabels()
    assert box.x0 >= 0
    assert not any(box.overlaps(label.get_window_extent()) for label in ticks)
    plain = specification_curve(found, language=language).axes[1].texts[0].get_text()
    assert plain == f"{with_}z"


CHINESE = {
    "sample": ("all years", "without 2019, 2020", "全部年份", "剔除 2019, 2020"),
    "winsor": ("no winsor", "winsor 0.01", "不缩尾", "缩尾 0.01"),
    "lag of x": ("no lag", "lag 2", "不滞后", "滞后 2 年"),
    "regimes": ("one regime", "by region", "系数相同", "按区域分组"),
    "W": ("by hand", "geo", "by hand", "geo"),
}


def test_choices_that_hold_a_year_a_number_or_a_grouping_are_said_in_chinese():
    table = curve_of([0.1, 0.2], [1, 1]).table
    table = table.assign(**{axis: list(found[:2]) for axis, found in CHINESE.items()})
    found = Curve("x", {"effect": "total"}, tuple(CHINESE), table, {})
    for language, start in (("zh", 2), ("en", 0)):
        lower = specification_curve(found, language=language).axes[1]
        assert [text.get_text() for text in lower.get_yticklabels()] == [
            name for listed in CHINESE.values() for name in listed[start : start + 2]
        ]
