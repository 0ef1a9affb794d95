"""An effect of the data among those of chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spatialsyn.effects.table import EFFECTS
from spatialsyn.errors import ConfigError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.figures.effects import one_regressor
from spatialsyn.report.figures.shares import SHADES
from spatialsyn.report.figures.surroundings import above, finished, name_axes
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.tables.display import Display, chance
from spatialsyn.report.tables.placebo import effect_label
from spatialsyn.report.words import word
from spatialsyn.study.placebo import INSIDE, Placebo

HEIGHT_MM = 62.0
# Draws farther out than this many widths of the range of most of them are counted, not drawn.
BEYOND = 1.0
EXCHANGED = {
    "W": "cities of W exchanged at random", "links": "links of W exchanged at random",
    "x": "series of the cities exchanged at random",
}  # fmt: skip


def placebo_plot(
    found: Placebo,
    x: str | None = None,
    effect: str = "total",
    labels: Mapping[str, str] | None = None,
    outcome: str | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """How often an effect is how large once places were exchanged at random, and what it is.

    Bars count the draws, the line is the estimate of the data, the band holds 95 % of the
    draws. Draws far out are counted in the note, so that the others can be seen.

    Parameters
    ----------
    found : ``ss.placebo(...)``
    x : which regressor, where there are several; or which matrix, for rho
    effect : "direct" | "indirect" | "total" | "rho" | "alpha" | "log-likelihood"
    labels : regressor or matrix -> what to print for it
    outcome : what to print for y

    Raises
    ------
    ConfigError
        Not what ``ss.placebo`` returns, several regressors when `x` is not given, an effect that
        there is not or that is zero by construction, or labels that match nothing.
    """
    expect(found, Placebo, "placebo_plot shows what ss.placebo(...) returns", ConfigError)
    known = list(dict.fromkeys(found.table["effect"]))
    if effect not in known:
        raise ConfigError(f"effect={effect!r} is not one of {named(known)}.")
    row = one_regressor(found.table[found.table["effect"] == effect], x, "placebo_plot").iloc[0]
    check_labels(labels, "placebo_plot", filter(None, found.table["x"]))
    mine = found.draws[(found.draws["x"] == row["x"]) & (found.draws["effect"] == effect)]
    draws = mine["estimate"].to_numpy(dtype=float)
    if not draws.any():
        raise ConfigError(f"{effect} of {row['x']!r} is zero in this model, by chance too.")
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        beyond = draw_draws(ax, draws, row, language)
        note = word(EXCHANGED[found.shuffle], language)
        note += word("; {} draws, two-sided p {}", language).format(f"{len(draws):,}", _p(row["p"]))
        if beyond:
            note += word("; {} beyond the axis", language).format(beyond)
        if found.failed:
            note += word("; {} without an estimate", language).format(found.failed)
        name = _name(row, labels, outcome, language)
        name_axes(ax, name, word("number of draws", language), note)
        above(ax)
        return finished(ax, title)


def draw_draws(ax: Axes, draws: Array, row: pd.Series, language: str) -> int:
    """Bars, the band and the estimate; returns how many draws lie beyond the axis."""
    low, high, estimate = (float(row[key]) for key in ("low", "high", "estimate"))
    reach = BEYOND * (high - low)
    inside = draws[(draws >= low - reach) & (draws <= high + reach)]
    ax.axvspan(low, high, color=SHADES[0], lw=0, zorder=0.5, gid="band",
               label=word("{:.0%} of the draws", language).format(INSIDE))  # fmt: skip
    ax.hist(inside, bins=np.histogram_bin_edges(inside, "auto").tolist(), color=SHADES[1], lw=0.4,
            edgecolor="white", zorder=2, gid="draws")  # fmt: skip
    ax.axvline(estimate, color=theme.COLOURS[1], lw=1.3, zorder=3, gid="estimate",
               label=word("estimate of the data", language))  # fmt: skip
    ax.margins(x=0.03)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    return len(draws) - len(inside)


def _p(p: float) -> str:
    """The p-value with its sign."""
    said = chance(p)
    return f"< {said[1:]}" if said.startswith("<") else f"= {said}"


def _name(
    row: pd.Series, labels: Mapping[str, str] | None, outcome: str | None, language: str
) -> str:
    """Which effect of what, or which parameter."""
    x, effect = str(row["x"]), str(row["effect"])
    if not x:
        return word(effect, language)
    if effect not in EFFECTS:
        return effect_label(effect, x, Display(labels, language=language))
    y = outcome or word("the outcome", language)
    label = word("{} effect of one unit of {} on {}", language)
    return label.format(word(effect, language), (labels or {}).get(x, unquoted(x)), y)
