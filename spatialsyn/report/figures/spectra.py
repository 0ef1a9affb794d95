"""The eigenvalues of weights matrices: what rho may be, and how alike the matrices act."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spatialsyn.report import theme
from spatialsyn.report.figures.forest import number
from spatialsyn.report.folding import folded
from spatialsyn.report.magnitudes import plain, state_power, with_power
from spatialsyn.report.words import word
from spatialsyn.weights.audit import single
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

ROW_MM, AROUND_MM, TITLE_MM = 11.0, 14.0, 6.0
# Imaginary parts below this are rounding.
REAL = 1e-8
# Half the height of a row for the largest imaginary part, and of a tick for a real eigenvalue.
REACH, TICK = 0.4, 0.22
# Share of the width that the names of matrices may take.
NAMES = 0.35


def spectrum_plot(
    *weights: Weights | WeightsSeries,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """A row per matrix with a tick at every eigenvalue, and the interval of rho beside it.

    A circle off the middle of its row is a complex eigenvalue, its height the imaginary part
    (one scale for all rows). Eigenvalues close to the largest say that shocks of one part of
    the map stay in it; a smallest one near -1 that cities answer their neighbours with the
    opposite sign. S = I - rho W is invertible for rho between 1 / the smallest and 1 / the
    largest real eigenvalue.

    Parameters
    ----------
    weights : matrices, or series, which have a row per year

    Raises
    ------
    WeightsError
        No matrix, two of one name, or one beyond the reach of exact eigenvalues.
    """
    listed = single(weights, "spectrum_plot")
    found = [np.asarray(w.spectrum.eigenvalues).astype(complex) for w in listed]
    deepest = max(float(np.abs(values.imag).max()) for values in found)
    with theme.style(language):
        if ax is None:
            height = ROW_MM * len(listed) + AROUND_MM + (TITLE_MM if title else 0)
            ax = theme.axes_of(width_mm, height)
        ax.axvline(0, color=theme.GREY, lw=0.5, zorder=1)
        for row, values in enumerate(found):
            colour = theme.COLOURS[row % len(theme.COLOURS)]
            real = np.abs(values.imag) <= REAL
            ax.vlines(values.real[real], row - TICK, row + TICK, color=colour, lw=0.7, zorder=3,
                      gid="real")  # fmt: skip
            if (~real).any():
                at = row - REACH * values.imag[~real] / deepest
                ax.plot(values.real[~real], at, "o", color=colour, mfc="none", ms=2.6, mew=0.6,
                        zorder=3, gid="complex")  # fmt: skip
        wide = theme.points_wide(ax)
        ax.set_yticks(range(len(listed)), [folded(f"W[{w.name}]", NAMES * wide) for w in listed])
        ax.set_ylim(len(listed) - 0.5, -0.5)
        ax.set_xlabel(with_power(word("eigenvalue of W", language), state_power(ax.xaxis)))
        ax.spines[["left", "right", "top"]].set_visible(False)
        theme.ticks(ax, "x")
        ax.tick_params(axis="y", length=0, labelfontfamily=theme.families())
        draw_intervals(ax, listed, language)
        if title:
            ax.set_title(folded(title, 0.7 * wide, theme.TEXT + 0.5), loc="left", pad=14)
        theme.checked(ax)
    return ax


def draw_intervals(ax: Axes, listed: list[Weights], language: str) -> None:
    """The interval of rho of every matrix, right of the axes."""
    for row, w in enumerate(listed):
        ends = [ended(end) for end in w.logdet.interval]
        ax.annotate(f"({ends[0]}, {ends[1]})", (1, row), xycoords=ax.get_yaxis_transform(),
                    xytext=(6, 0), textcoords="offset points", va="center",
                    fontsize=theme.SMALL, gid="interval", annotation_clip=False)  # fmt: skip
    ax.annotate(word("rho may lie in", language), (1, 1), xycoords="axes fraction",
                xytext=(6, 1), textcoords="offset points", va="bottom", fontsize=theme.SMALL,
                gid="head", annotation_clip=False)  # fmt: skip


def ended(end: float) -> str:
    """An end of the interval of rho: two decimals, more digits where it is close to zero."""
    if np.isinf(end):
        return "\u221e" if end > 0 else "\u2212\u221e"
    return number(end, 2) if 0.1 <= abs(end) < 1e4 else plain(end, 3)
