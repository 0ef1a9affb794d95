"""Rows of points with intervals: the drawing behind the plots of effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spatialsyn.errors import percent
from spatialsyn.report import theme
from spatialsyn.report.folding import folded, measured
from spatialsyn.report.magnitudes import power, scaled, state_power, times, with_power
from spatialsyn.report.words import word

# Height of a row, and the room for a title above and the axis below, mm.
ROW_MM, TITLE_MM, LEGEND_MM, AXIS_MM = 4.4, 7.0, 5.0, 13.0
# Rows that would leave the page are lower, down to what their type needs.
LEAST_MM = 2.9
# Distance of the points of several models in one row, in rows.
APART = 0.55
# Share of the width that the names of rows may take, and the height of their lines, in rows.
NAMES, LINE = 0.4, 0.68
# How much wider bold text is.
BOLD = 1.12
# Narrowest lines that the name of the axis is broken into, in points.
NARROWEST = 60.0
# Points between the axes, the estimates and the intervals.
GUTTER = 8.0
# Intervals between ticks, at most and at least; numbers stand half their height apart or more.
MOST_TICKS, LEAST_TICKS = 9, 2
# Share of the figure's width that a text may reach to: fonts are wider at some resolutions.
FILLED = 0.98
# Axes narrower than this, before they make room for labels, have no numbers beside them.
NUMBERS_MM = 80.0


@dataclass(frozen=True)
class Point:
    """An estimate with its interval. Hollow when the interval contains zero.

    It is drawn `times` as far from zero, which its heading says; numbers are as they are.
    """

    estimate: float
    low: float
    high: float
    colour: str
    marker: str = "o"
    times: float = 1.0

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Row:
    """A line of the plot; without points it is a heading."""

    label: str
    points: tuple[Point, ...] = ()


def point(row: pd.Series, colour: str, marker: str = "o", times: float = 1.0) -> Point:
    """The point of one row of a table of effects."""
    estimate, low, high = (float(row[key]) for key in ("estimate", "low", "high"))
    return Point(estimate, low, high, colour, marker, times)


def forest(
    rows: list[Row],
    ax: Axes | None,
    width_mm: float | str,
    title: str | None,
    head: str = "",
    draw: Callable[[Axes, float, Row], None] | None = None,
) -> Axes:
    """Draw the rows from top to bottom, with a line at zero.

    `head` is the heading of a column with the numbers on the right; "" leaves it out. `draw`
    puts what a row holds at its height; points with their intervals by default.
    """
    wide = theme.width(width_mm) * theme.MM * 72 if ax is None else theme.points_wide(ax)
    rows = in_lines(rows, wide)
    if ax is None:
        above = TITLE_MM if title or head else LEGEND_MM
        around, deep = AXIS_MM + above, sum(map(depth, rows))
        row_mm = min(ROW_MM, max(LEAST_MM, (theme.TALLEST_MM - around) / deep))
        size = (wide / 72, (deep * row_mm + around) * theme.MM)
        ax = plt.figure(figsize=size, layout="constrained").add_subplot(gid="rows")
    ax.axvline(0, color=theme.GREY, lw=0.6, zorder=1, gid="zero")
    bottoms = np.cumsum([depth(row) for row in rows])
    placed = [(float(end) - depth(row) / 2, row) for end, row in zip(bottoms, rows, strict=True)]
    for y, row in placed:
        if row.points:
            (draw or draw_points)(ax, y, row)
        else:
            draw_heading(ax, y, row)
    shown = [(y, row) for y, row in placed if row.points]
    if head and ax.bbox.width / theme.figure_of(ax).dpi > NUMBERS_MM * theme.MM:
        draw_numbers(ax, shown, head)
    ax.set_yticks([y for y, _ in shown], [row.label for _, row in shown])
    ax.set_ylim(bottoms[-1] + 0.1, -0.1)
    ax.tick_params(axis="y", length=0, pad=4, labelsize=theme.TEXT)
    theme.ticks(ax, "x")
    ax.spines[["left", "right", "top"]].set_visible(False)
    if title:
        ax.set_title(folded(title, FILLED * wide, theme.TEXT + 0.5), loc="left",
                     pad=12 if head else 6)  # fmt: skip
    return ax


def in_lines(rows: list[Row], wide: float) -> list[Row]:
    """The rows with their names in lines, as a figure of this width, in points, has room for.

    Headings that would be too small to read in one line have several.
    """
    named = [replace(row, label=folded(row.label, NAMES * wide)) for row in rows if row.points]
    taken = max((measured(row.label, theme.TEXT) for row in named), default=0.0)
    room = (FILLED * wide - taken) / BOLD
    of_points = iter(named)
    return [
        next(of_points) if row.points
        else row if measured(row.label, theme.TINY) <= room
        else replace(row, label=folded(row.label, room - GUTTER))
        for row in rows
    ]  # fmt: skip


def depth(row: Row) -> float:
    """Height of a row, in rows of one point and one line."""
    return max(1 + max(len(row.points) - 1, 0) * APART, 1 + row.label.count("\n") * LINE)


def draw_points(ax: Axes, y: float, row: Row) -> None:
    """Points and intervals of a row, one below the other when there are several."""
    count = len(row.points)
    offsets = (np.arange(count) - (count - 1) / 2) * APART
    for offset, p in zip(offsets, row.points, strict=True):
        at = y + float(offset)
        ends = [p.times * p.low, p.times * p.high]
        ax.plot(ends, [at, at], color=p.colour, lw=1.1, zorder=2, gid="interval",
                solid_capstyle="butt")  # fmt: skip
        ax.plot([p.times * p.estimate], [at], p.marker, color=p.colour, ms=4 if count == 1 else 3.2,
                mfc=p.colour if p.certain else "white", mew=0.9, zorder=3, gid="point")  # fmt: skip


def draw_heading(ax: Axes, y: float, row: Row) -> None:
    """A heading over the whole width, on a band of its own."""
    half, label = depth(row) / 2, row.label
    ax.axhspan(y - half, y + half, color="#f0f0f0", lw=0, zorder=1.5)
    place = "center" if "\n" in label else "center_baseline"
    text = ax.text(0.008, y, label, transform=ax.get_yaxis_transform(), va=place, gid="heading",
                   **theme.bold(label))  # fmt: skip
    # A name longer than the axes may run on beside them, and must not push them away.
    text.set_in_layout(False)


def draw_numbers(ax: Axes, placed: list[tuple[float, Row]], head: str) -> None:
    """Estimates and intervals as text, right of the axes; powers of ten beside them."""
    points = [row.points[0] for _, row in placed]
    alike = {p.times: [q for q in points if q.times == p.times] for p in points}
    texts = {
        factor: printed(np.array([[p.estimate, p.low, p.high] for p in members]))
        for factor, members in alike.items()
    }
    of = [(*texts[p.times][0][alike[p.times].index(p)], texts[p.times][1]) for p in points]
    heights = [y for y, _ in placed]
    edge = draw_column(ax, heights, [estimate for estimate, _, _ in of], GUTTER)
    intervals = [interval for _, interval, _ in of]
    edge = draw_column(ax, [*heights, -0.45], [*intervals, head], edge + GUTTER)
    if any(exponent for _, _, exponent in of):
        powers = [times(exponent) if exponent and interval else "" for _, interval, exponent in of]
        draw_column(ax, heights, powers, edge + GUTTER / 2)


def printed(numbers: np.ndarray) -> tuple[list[tuple[str, str]], int]:
    """Estimates and their intervals as text, and the power of ten that they are printed in.

    `numbers` has the columns estimate, low, high. Decimals show two digits of an interval of
    usual width, or three of the estimates when there are no intervals. What is zero by
    construction is a plain 0 without an interval.
    """
    half = (numbers[:, 2] - numbers[:, 1]) / 2
    exponent = power(half, numbers)
    shown, half = scaled(numbers, exponent), scaled(half, exponent)
    largest = float(np.abs(shown[:, 0]).max(initial=0.0)) or 1.0
    typical = float(np.median(half[half > 0])) if (half > 0).any() else largest / 10
    decimals = max(0, 1 - int(np.floor(np.log10(typical))))
    texts = [[number(value, decimals) for value in row] for row in shown]
    return [
        (estimate, f"[{low}, {high}]") if some else ("0", "")
        for some, (estimate, low, high) in zip(map(np.any, shown), texts, strict=True)
    ], exponent


def draw_column(ax: Axes, heights: list[float], texts: list[str], left: float) -> float:
    """Right-aligned texts that start `left` points beside the axes; returns where they end."""
    drawn = [
        ax.annotate(
            text, (1, y), xycoords=ax.get_yaxis_transform(), textcoords="offset points",
            xytext=(left, 0), ha="right", va="center_baseline", fontsize=theme.SMALL,
            annotation_clip=False, gid="number",
        )
        for y, text in zip(heights, texts, strict=True)
    ]  # fmt: skip
    figure = theme.figure_of(ax)
    right = left + max(text.get_window_extent().width for text in drawn) * 72 / figure.dpi
    for text in drawn:
        text.xyann = (right, 0)
    return right


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign and no negative zero."""
    return f"{value:z.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def name_axis(ax: Axes, label: str, level: float, language: str, more: str = "") -> None:
    """Name the axis, say what the intervals are, and check that all text can be printed.

    `more` is said after what the intervals are.
    """
    note = word("{} interval; hollow: it contains zero", language).format(percent(level))
    finish_rows(ax, label, note + more)


def finish_rows(ax: Axes, label: str, note: str) -> None:
    """Name the axis with its power of ten, and fit headings and ticks into the figure."""
    put_name(ax, with_power(label, state_power(ax.xaxis)), note)
    shrink_headings(ax, theme.figure_of(ax).bbox.width)
    space_ticks(ax)
    theme.checked(ax)


def put_name(ax: Axes, label: str, note: str, size: float = theme.TEXT) -> None:
    """Write the name of the axis, and a note, in lines that the figure has room for."""
    figure = theme.figure_of(ax)
    room = figure.get_figwidth() * 72
    while True:
        text = f"{folded(label, room, size)}\n{folded(note, room, size)}"
        drawn = ax.set_xlabel(text, linespacing=1.3, fontsize=size)
        theme.lay_out(figure)
        extent = drawn.get_window_extent()
        over = max(0.01 * figure.bbox.width - extent.x0, extent.x1 - FILLED * figure.bbox.width)
        if over <= 0 or room <= NARROWEST:
            break
        # It is centred below the axes: what sticks out on one side goes on both.
        room = min(0.95 * room, (extent.width - 2 * over) * 72 / figure.dpi)
    keep_height(ax, text)


def keep_height(ax: Axes, label: str) -> None:
    """Make a figure of `forest` taller by the lines of the name of its axis beyond two."""
    figure = theme.figure_of(ax)
    if ax.get_gid() == "rows":
        more = max(label.count("\n") - 1, 0) * theme.TEXT * 1.3 / 72
        figure.set_figheight(figure.get_figheight() + more)
        theme.lay_out(figure)


def shrink_headings(ax: Axes, width: float) -> None:
    """Set headings that leave the figure in smaller type."""
    for text in ax.texts:
        extent = text.get_window_extent()
        if text.get_gid() == "heading" and extent.x1 > FILLED * width:
            text.set_fontsize(text.get_fontsize() * (FILLED * width - extent.x0) / extent.width)


def space_ticks(ax: Axes) -> None:
    """As many ticks as leave their numbers apart."""
    low, high = sorted(ax.get_xlim())
    for count in range(MOST_TICKS, LEAST_TICKS - 1, -1):
        ax.xaxis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
        texts = [text for at, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
                 if low <= at <= high]  # fmt: skip
        boxes = [text.get_window_extent() for text in texts]
        gaps = [after.x0 - before.x1 for before, after in pairwise(boxes)]
        if all(gap >= box.height / 2 for gap, box in zip(gaps, boxes, strict=False)):
            break
