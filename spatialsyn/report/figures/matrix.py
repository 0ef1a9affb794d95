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
from spatialsyn.report import theme
from spatialsyn.report.atlas.classes import OUTER, colour_map
from spatialsyn.report.atlas.layers import DARK, HATCH_INK, HATCH_LIGHT, LINES, luminance
from spatialsyn.report.figures.effects import block_label, block_table
from spatialsyn.report.figures.forest import number
from spatialsyn.report.labels import check_labels
from spatialsyn.report.words import word

# Height of a tile and the room for names above and the note below, mm.
TILE_MM, AROUND_MM, TITLE_MM = 11.0, 18.0, 6.0
# Between the tile of the own city, the senders and the total, in tiles.
GAP = 0.12


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
        if ax is None:
            room = AROUND_MM + (TITLE_MM if title else 0)
            size = (theme.width(width_mm) * theme.MM, (TILE_MM * len(names) + room) * theme.MM)
            ax = plt.figure(figsize=size, layout="constrained").add_subplot()
        left = np.arange(len(columns)) + GAP * np.minimum(np.arange(len(columns)), 1.0)
        left[-1] += GAP
        draw_tiles(ax, table, names, left)
        shown = {name: given.get(name, word(str(name), language)) for name in names}
        heads = [word("own city", language), *shown.values(), word("total", language)]
        ax.set_xticks(left + 0.5, heads)
        ax.set_yticks(np.arange(len(names)) + 0.5, list(shown.values()))
        ax.tick_params(axis="both", length=0, labelsize=theme.TEXT, labeltop=True,
                       labelbottom=False, labelfontfamily=theme.families())  # fmt: skip
        ax.set(xlim=(0, left[-1] + 1), ylim=(len(names), 0))
        ax.spines[:].set_visible(False)
        y = outcome or word("the outcome", language)
        note = word("estimate and {:.0%} interval; hatched: it contains zero", language)
        label = block_label(effects, y, given.get(regressor, regressor), language)
        lines = [label, note.format(effects.level)]
        ax.set_xlabel("\n".join(lines), linespacing=1.4, fontsize=theme.SMALL)
        if title:
            ax.set_title(title, loc="left", pad=8)
        theme.checked(ax)
    return ax


def draw_tiles(ax: Axes, table: pd.DataFrame, names: list[Any], left: np.ndarray) -> None:
    """A tile and its numbers for every entry."""
    largest = float(table["estimate"].abs().max()) or 1.0
    half = np.median(table["high"] - table["low"]) / 2
    decimals = max(0, 1 - int(np.floor(np.log10(half)))) if half > 0 else 3
    cmap = colour_map("vik")
    for _, row in table.iterrows():
        at = {"direct": 0, "total": len(names) + 1}.get(row["effect"])
        column = at if at is not None else 1 + names.index(row["from"])
        colour = cmap(0.5 + 0.5 * OUTER * row["estimate"] / largest)
        dark = luminance(colour) < DARK
        x, y = left[column], names.index(row["to"])
        tile = {"facecolor": colour, "edgecolor": "white", "linewidth": 1.2, "gid": "tile"}
        ax.add_patch(Rectangle((x, y), 1, 1, **tile))
        if row["low"] <= 0 <= row["high"]:
            ink = HATCH_LIGHT if dark else HATCH_INK
            ax.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch=LINES, edgecolor=ink, lw=0,
                                   alpha=0.35, gid="hatched"))  # fmt: skip
        ink = "white" if dark else theme.INK
        back = {"facecolor": colour, "edgecolor": "none", "pad": 0.8}
        interval = f"[{number(row['low'], decimals)}, {number(row['high'], decimals)}]"
        ax.text(x + 0.5, y + 0.36, number(row["estimate"], decimals), ha="center", va="center",
                color=ink, bbox=back, gid="number")  # fmt: skip
        ax.text(x + 0.5, y + 0.68, interval, ha="center", va="center", color=ink, bbox=back,
                fontsize=theme.TINY, gid="interval")  # fmt: skip
