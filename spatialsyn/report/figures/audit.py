"""The figure of a weights audit: how many neighbours count, and which matrices are alike.

Numbers are those of `ss.weights.audit`.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialsyn.report import theme
from spatialsyn.report.atlas.classes import colour_map
from spatialsyn.report.atlas.layers import takes_white
from spatialsyn.report.figures.forest import number
from spatialsyn.report.figures.surroundings import sides
from spatialsyn.report.folding import folded, measured
from spatialsyn.report.words import word
from spatialsyn.weights.audit import effective_neighbours, lag_overlaps, overlaps, single
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

# Height of a row, and the room for titles and the axis below, mm.
ROW_MM, ROOM_MM, LEAST_MM = 7.0, 22.0, 45.0
# Beyond this many cities ticks run together: the line of the quartiles says more.
MOST_TICKS = 400
# Figures narrower than this have their panels one below the other, mm.
BESIDE_MM = 120.0
# Share of a panel's width that the names of matrices may take; points around its tiles.
NAMES, MARGINS = 0.4, 22.0
# Points of the shortest line of the name of an axis.
LEAST = 80.0


def audit(
    *weights: Weights | WeightsSeries,
    y: pd.Series | pd.DataFrame | None = None,
    title: str | None = None,
    language: str = "en",
    width_mm: float | str = theme.WIDTHS["double"],
) -> Figure:
    """Effective neighbours of every city, and the correlations between the matrices.

    Left, a tick per city at 1 / sum_j p_ij^2, p the shares of its row, a line over the middle
    half and a dot at the mean. Right, with two matrices or more, below the diagonal the
    correlation of weights, above it that of the lags of y, if `y` is given: both near one
    say that one model cannot tell the two apart.

    Parameters
    ----------
    y : as in `ss.weights.audit`
    """
    listed = single(weights)
    with theme.style(language):
        wide = theme.width(width_mm)
        height = max(LEAST_MM, ROOM_MM + ROW_MM * len(listed))
        panels = 1 if len(listed) == 1 else 2
        stacked = panels == 2 and wide < BESIDE_MM
        size = (wide * theme.MM, (2 * height if stacked else height) * theme.MM)
        figure = plt.figure(figsize=size, layout="constrained")
        shape = (2, 1) if stacked else (1, panels)
        axes = figure.subplots(*shape, squeeze=False).ravel()
        draw_neighbours(axes[0], listed, language)
        if panels == 2:
            above = None if y is None else lag_overlaps(listed, y)
            draw_overlaps(axes[1], overlaps(listed), above, language)
        if title:
            text = folded(title, 0.97 * 72 * size[0], theme.TEXT + 0.5)
            figure.suptitle(text, x=0.01, ha="left", fontsize=theme.TEXT + 0.5)
        theme.lay_out(figure)
    return figure


def draw_neighbours(ax: Axes, weights: list[Weights], language: str) -> None:
    """A row per matrix: a tick per city, the middle half, and the mean."""
    for row, w in enumerate(weights):
        counts = effective_neighbours(w)
        low, high = np.quantile(counts, [0.25, 0.75])
        if w.n <= MOST_TICKS:
            ax.plot(counts, np.full(w.n, row), "|", color=theme.GREY, ms=8, mew=0.5, gid="city")
        ax.plot([low, high], [row, row], color=theme.COLOURS[0], lw=2.2, gid="quartiles",
                solid_capstyle="butt")  # fmt: skip
        ax.plot([counts.mean()], [row], "o", color=theme.INK, ms=3.5, gid="mean")
    room = NAMES * sides(ax)[0]
    ax.set_yticks(range(len(weights)), [folded(f"W[{w.name}]", room) for w in weights])
    ax.set_ylim(len(weights) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel(word("effective number of neighbours", language))
    heading = word("neighbours that count, by city", language)
    ax.set_title(f"(a) {heading}" if len(weights) > 1 else heading, loc="left")
    ax.spines[["left", "right", "top"]].set_visible(False)
    tidy_ticks(ax)


def draw_overlaps(ax: Axes, below: pd.DataFrame, above: pd.DataFrame | None, language: str) -> None:
    """Tiles with the correlation of weights below the diagonal, of lags above it."""
    n = len(below)
    values = np.full((n, n), np.nan)
    values[np.tril_indices(n, -1)] = below.to_numpy()[np.tril_indices(n, -1)]
    if above is not None:
        values[np.triu_indices(n, 1)] = above.to_numpy()[np.triu_indices(n, 1)]
    cmap = colour_map("vik")
    # Areas, not an image of 300 dots an inch: sharp at every size.
    ax.pcolormesh(range(n), range(n), np.ma.masked_invalid(values), cmap=cmap, vmin=-1, vmax=1,
                  shading="nearest", edgecolor="white", lw=1.2, gid="tiles")  # fmt: skip
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    names = [folded(str(name), NAMES * sides(ax)[0]) for name in below.index]
    widest = max(measured(name, theme.TEXT) for name in names)
    tile = (sides(ax)[0] - widest - MARGINS) / n
    size = min(theme.SMALL, theme.SMALL * (tile - 2) / measured("\N{MINUS SIGN}0.00", theme.SMALL))
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = takes_white(cmap(0.5 + value / 2))
            ax.text(column, row, number(float(value), 2), ha="center", va="center",
                    color="white" if dark else theme.INK, fontsize=size, gid="value")  # fmt: skip
    # Names side by side, or upright where one is wider than its tile.
    upright = max(measured(str(name), theme.SMALL) for name in below.columns) > tile - 2
    ax.set_xticks(range(n), names if upright else list(below.columns),
                  rotation=90 if upright else 0)  # fmt: skip
    ax.set_yticks(range(n), names)
    parts = [word("weights (below the diagonal)", language)]
    parts += [word("lags of y (above)", language)] if above is not None else []
    said = word("correlation: {}", language).format(", ".join(parts))
    ax.set_xlabel(folded(said, max(tile * n, LEAST)))
    ax.set_title(f"(b) {word('matrices that are alike', language)}", loc="left")
    ax.spines[:].set_visible(False)
    tidy_ticks(ax)


def tidy_ticks(ax: Axes) -> None:
    """Names without ticks at the side, small ticks below."""
    ax.tick_params(axis="y", length=0, pad=4, labelsize=theme.TEXT)
    theme.ticks(ax, "x")
