"""The effects between blocks as a matrix of tiles: rows receive, columns send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from spatialsyn.effects.table import Effects
from spatialsyn.errors import percent
from spatialsyn.report import theme
from spatialsyn.report.atlas.classes import OUTER, colour_map
from spatialsyn.report.atlas.layers import LINES, hatch_ink, takes_white
from spatialsyn.report.figures.effects import block_label, block_table
from spatialsyn.report.figures.forest import FILLED, printed, put_name
from spatialsyn.report.folding import folded, measured
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.magnitudes import with_power
from spatialsyn.report.words import word

# Height of a tile and the room for names above and the note below, mm.
TILE_MM, AROUND_MM, TITLE_MM = 11.0, 18.0, 6.0
# Between the tile of the own city, the senders and the total, in tiles.
GAP = 0.12
# Share of the width that the names of rows may take; points beside them, and between two tiles.
NAMES, BESIDE, BETWEEN = 0.25, 14.0, 4.0
# A line of a name, mm.
LINE_MM = 3.0


def block_matrix(
    effects: Effects,
    x: str | None = None,
    outcome: str | None = None,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """What every block receives from every block, one coloured tile each, with intervals.

    Red raises y, blue lowers it, paler is smaller. A row shows first the effect of a city's
    own x, then what comes from the other cities of each block, then the sum of all; see
    `block_plot`. Tiles whose interval contains zero are hatched.

    Parameters
    ----------
    effects : ``results.effects(x, by="region")``
    x : which regressor, where `effects` has several
    outcome : what to print for y
    labels : block or regressor -> what to print for it

    Raises
    ------
    ConfigError
        Effects that are not by block, or of several regressors when `x` is not given; labels
        that match nothing.
    """
    table = block_table(effects, x, "block_matrix")
    given = labels or {}
    regressor = str(table["x"].iloc[0])
    names = list(dict.fromkeys(table["to"]))
    columns = ["direct", *names, "total"]
    check_labels(labels, "block_matrix", [regressor, *names])
    with theme.style(language):
        shown = {name: given.get(name, word(str(name), language)) for name in names}
        wide = theme.width(width_mm) * theme.MM * 72 if ax is None else theme.points_wide(ax)
        sides = [folded(text, NAMES * wide) for text in shown.values()]
        taken = max(measured(text, theme.TEXT) for text in sides)
        tile = (FILLED * wide - taken - BESIDE) / (len(columns) + 2 * GAP)
        heads = [word("own city", language), *shown.values(), word("total", language)]
        heads, small = folded_heads(heads, tile - BETWEEN)
        if ax is None:
            room = AROUND_MM + (TITLE_MM if title else 0)
            room += max(head.count("\n") for head in heads) * LINE_MM
            row = max(TILE_MM, LINE_MM * (2 + max(side.count("\n") for side in sides)))
            size = (wide / 72, (row * len(names) + room) * theme.MM)
            ax = plt.figure(figsize=size, layout="constrained").add_subplot(gid="rows")
        left = np.arange(len(columns)) + GAP * np.minimum(np.arange(len(columns)), 1.0)
        left[-1] += GAP
        exponent = draw_tiles(ax, table, names, left, tile)
        ax.set_xticks(left + 0.5, heads)
        ax.set_yticks(np.arange(len(names)) + 0.5, sides)
        ax.tick_params(axis="both", length=0, labelsize=theme.TEXT, labeltop=True,
                       labelbottom=False, labelfontfamily=theme.families())  # fmt: skip
        ax.tick_params(axis="x", labelsize=small)
        ax.set(xlim=(0, left[-1] + 1), ylim=(len(names), 0))
        ax.spines[:].set_visible(False)
        y = outcome or word("the outcome", language)
        note = word("estimate and {} interval; hatched: it contains zero", language)
        label = block_label(effects, y, given.get(regressor, unquoted(regressor)), language)
        if title:
            ax.set_title(folded(title, FILLED * wide, theme.TEXT + 0.5), loc="left", pad=8)
        put_name(ax, with_power(label, exponent), note.format(percent(effects.level)), theme.SMALL)
        theme.checked(ax)
    return ax


def folded_heads(heads: list[str], room: float) -> tuple[list[str], float]:
    """Heads of columns in lines, and their size: small where a word is too wide for its tile."""
    words = [piece for head in heads for piece in head.split()]
    size = theme.TEXT if all(measured(w, theme.TEXT) <= room for w in words) else theme.TINY
    return [folded(head, room, size) for head in heads], size


def draw_tiles(
    ax: Axes, table: pd.DataFrame, names: list[Any], left: np.ndarray, room: float
) -> int:
    """A tile, `room` points wide, and its numbers for every entry; returns their power of ten."""
    largest = float(table["estimate"].abs().max()) or 1.0
    texts, exponent = printed(table[["estimate", "low", "high"]].to_numpy(dtype=float))
    size, broken = fitted([interval for _, interval in texts], room - BETWEEN)
    cmap = colour_map("vik")
    for (_, row), (estimate, interval) in zip(table.iterrows(), texts, strict=True):
        at = {"direct": 0, "total": len(names) + 1}.get(row["effect"])
        column = at if at is not None else 1 + names.index(row["from"])
        colour = cmap(0.5 + 0.5 * OUTER * row["estimate"] / largest)
        x, y = left[column], names.index(row["to"])
        tile = {"facecolor": colour, "edgecolor": "white", "linewidth": 1.2, "gid": "tile"}
        ax.add_patch(Rectangle((x, y), 1, 1, **tile))
        if row["low"] <= 0 <= row["high"]:
            ink = hatch_ink(colour)
            ax.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch=LINES, edgecolor=ink, lw=0,
                                   alpha=0.35, gid="hatched"))  # fmt: skip
        ink = "white" if takes_white(colour) else theme.INK
        back = {"facecolor": colour, "edgecolor": "none", "pad": 0.8}
        ax.text(x + 0.5, y + (0.26 if broken else 0.36), estimate, ha="center", va="center",
                color=ink, bbox=back, gid="number")  # fmt: skip
        if broken:
            interval = interval.replace(", ", ",\n")
        ax.text(x + 0.5, y + (0.65 if broken else 0.68), interval, ha="center", va="center",
                color=ink, bbox=back, fontsize=size, gid="interval")  # fmt: skip
    return exponent


def fitted(intervals: list[str], room: float) -> tuple[float, bool]:
    """The size of intervals in a tile, and whether they are broken into two lines."""
    whole = max(measured(text, theme.TINY) for text in intervals)
    if whole <= room:
        return theme.TINY, False
    half = max(measured(part, theme.TINY) for text in intervals for part in text.split(", "))
    return theme.TINY * min(1.0, room / half), True
