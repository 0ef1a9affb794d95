"""Figures of measures: how sensitive an index is, and how disparities develop."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spatialsyn.errors import ConfigError, expect
from spatialsyn.measures.disparity import Disparity
from spatialsyn.measures.sensitivity import Sensitivity
from spatialsyn.report import theme
from spatialsyn.report.figures.surroundings import above, around_one, entry, finished, name_axes
from spatialsyn.report.folding import folded
from spatialsyn.report.labels import check_labels
from spatialsyn.report.words import word

# Height of a row and of what lies around the rows, mm.
ROW_MM, AROUND_MM, HEIGHT_MM = 4.4, 18.0, 62.0
# Share of the width that the names of variants may take, and the height of their lines, in rows.
NAMES, LINE = 0.4, 0.68
COMPARED = {"within": ("o", "within cities and years"), "rank": ("D", "ranks of the cities")}


def sensitivity_plot(
    found: Sensitivity,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """Correlation of every variant with the index as it is, one row each.

    Filled circles compare deviations from city and year means, which is what a model with
    fixed effects uses; diamonds the ranks of the cities. A variant that is not defined
    keeps its row; `Sensitivity.table` says why.

    Parameters
    ----------
    labels : indicator -> what to print for it
    """
    expect(found, Sensitivity, "sensitivity_plot shows index.sensitivity()", ConfigError)
    table, given = found.table, labels or {}
    if table.empty:
        raise ConfigError("this index has no variants to show.")
    check_labels(labels, "sensitivity_plot", table["variant"])
    with theme.style(language):
        wide = theme.width(width_mm) * theme.MM * 72 if ax is None else theme.points_wide(ax)
        texts = [folded(str(given.get(v, v)), NAMES * wide) for v in table["variant"]]
        depths = {
            i: 1 + LINE * text.count("\n") for i, text in zip(table.index, texts, strict=True)
        }
        if ax is None:
            rows = sum(depths.values()) + table["part"].nunique()
            size = (wide / 72, (rows * ROW_MM + AROUND_MM) * theme.MM)
            ax = plt.figure(figsize=size, layout="constrained").add_subplot()
        ticks = _rows(ax, table, depths, language)
        _compared(ax, table, ticks, language)
        ax.set_yticks(list(ticks.values()), texts)
        ax.set_ylim(max(ticks.values()) + depths[table.index[-1]] / 2 + 0.1, -0.6)
        ax.tick_params(axis="y", length=0)
        theme.ticks(ax, "x")
        ax.axvline(1, color=theme.GREY, lw=0.6, zorder=1)
        ax.set_xlabel(word("correlation with the index as it is", language))
        ax.spines[["left", "right", "top"]].set_visible(False)
        if title:
            ax.set_title(folded(title, 0.5 * wide, theme.TEXT + 0.5), loc="left", pad=14)
        return theme.checked(ax)


def disparity_plot(
    found: Disparity,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """Theil's T by year; with blocks, what lies between them and within each, stacked.

    Parameters
    ----------
    labels : block -> what to print for it
    """
    what = "disparity_plot shows what ss.measures.disparity(...) returns"
    expect(found, Disparity, what, ConfigError)
    table, given = found.table, labels or {}
    parts = ["between", *(name for name in table if str(name).startswith("within["))]
    blocks = [name.removeprefix("within[").removesuffix("]") for name in map(str, parts[1:])]
    check_labels(labels, "disparity_plot", blocks)
    if len(parts) > len(theme.COLOURS):
        raise ConfigError(f"{len(parts) - 1} blocks are more than a reader can tell apart.")
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        bottom = pd.Series(0.0, index=table.index)
        for name, colour in zip(parts if found.by else ["theil"], theme.COLOURS, strict=False):
            block = str(name)[len("within[") : -1]
            text = word("between blocks", language)
            if name != "between":
                text = word("within {}", language).format(given.get(block, word(block, language)))
            ax.bar(table.index, table[name], bottom=bottom, color=colour, width=0.7,
                   label=entry(text))  # fmt: skip
            bottom = bottom + table[name]
        if len(table) == 1:
            around_one(ax, float(table.index[0]))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        name_axes(ax, "", word("Theil's T", language))
        if found.by:
            above(ax)
        return finished(ax, title)


def _rows(
    ax: Axes, table: pd.DataFrame, depths: Mapping[int, float], language: str
) -> dict[int, float]:
    """Where every variant stands; a heading above each part."""
    ticks: dict[int, float] = {}
    y = 0.0
    for part, members in groupby(table.index, key=lambda i: table.at[i, "part"]):
        ax.axhspan(y - 0.5, y + 0.5, color="#f0f0f0", lw=0)
        heading = word(str(part), language)
        ax.text(0.008, y, heading, transform=ax.get_yaxis_transform(), va="center_baseline",
                gid="heading", **theme.bold(heading))  # fmt: skip
        y += 0.5
        for i in members:
            ticks[int(i)] = y + depths[i] / 2
            y += depths[i]
        y += 0.5
    return ticks


def _compared(ax: Axes, table: pd.DataFrame, ticks: Mapping[int, float], language: str) -> None:
    heights = [ticks[i] for i in table.index]
    for (column, (marker, text)), colour in zip(COMPARED.items(), theme.COLOURS, strict=False):
        ax.plot(table[column], heights, marker, color=colour, ms=4, mew=0, gid=column,
                label=word(text, language))  # fmt: skip
    for i in table.index[table["within"].isna() & table["rank"].isna()]:
        ax.text(0.008, ticks[i], word("not defined", language), va="center_baseline",
                transform=ax.get_yaxis_transform(), color=theme.GREY, gid="undefined")  # fmt: skip
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
