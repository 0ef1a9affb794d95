"""An effect without each city, beside what it is with all of them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from spatialsyn.errors import ConfigError, expect, is_whole, named, percent
from spatialsyn.report import theme
from spatialsyn.report.figures.effects import one_regressor
from spatialsyn.report.figures.forest import Row, forest, name_axis, point
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.words import word
from spatialsyn.study.jackknife import LEVEL, Jackknife

# Cities drawn unless asked otherwise: as many rows as a page has room for.
MOST = 45


def jackknife_plot(
    found: Jackknife,
    x: str | None = None,
    effect: str = "total",
    most: int = MOST,
    labels: Mapping[str, str] | None = None,
    outcome: str | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """An effect and its interval without each city, the largest first.

    Line and band are the effect with all cities and its interval. A point outside of the band
    moves the effect by more than its uncertainty; a hollow one has an interval with zero.

    Parameters
    ----------
    found : ``ss.jackknife(...)``
    x : which regressor, where there are several
    effect : "direct" | "indirect" | "total"
    most : cities drawn at most: those without which the effect moves most
    labels : regressor or city -> what to print for it
    outcome : what to print for y

    Raises
    ------
    ConfigError
        Not what ``ss.jackknife`` returns, several regressors when `x` is not given, an effect
        that there is not or that is zero by construction, or labels that match nothing.
    """
    expect(found, Jackknife, "jackknife_plot shows what ss.jackknife(...) returns", ConfigError)
    if not is_whole(most, 1):
        raise ConfigError(f"most={most!r} is no number of cities to draw, such as most={MOST}.")
    full, table = one_effect(found.full, x, effect), found.table
    x = str(full["x"])
    table = table[(table["x"] == x) & (table["effect"] == effect)]
    check_labels(labels, "jackknife_plot", [x, *table["without"]])
    given = labels or {}
    moved = table["change"].abs().sort_values(ascending=False, kind="stable").index[:most]
    shown = table.loc[moved].sort_values("estimate", ascending=False, kind="stable")
    with theme.style(language):
        rows = [
            Row(given.get(str(line["without"]), str(line["without"])),
                (point(line, theme.COLOURS[0]),))
            for _, line in shown.iterrows()
        ]  # fmt: skip
        head = word("{} interval", language).format(percent(LEVEL))
        ax = forest(rows, ax, width_mm, title, head)
        ax.axvspan(full["low"], full["high"], color=theme.COLOURS[1], alpha=0.13, lw=0, zorder=0.5,
                   gid="band")  # fmt: skip
        ax.axvline(full["estimate"], color=theme.COLOURS[1], lw=0.9, zorder=1.2, gid="all cities")
        y = outcome or word("the outcome", language)
        label = word("{} effect of one unit of {} on {}, without one city", language)
        label = label.format(word(effect, language), given.get(x, unquoted(x)), y)
        name_axis(ax, label, LEVEL, language, _note(len(shown), len(table), found, language))
    return ax


def one_effect(table: pd.DataFrame, x: str | None, effect: str) -> pd.Series:
    """The row of one effect of one regressor."""
    known = list(dict.fromkeys(table["effect"]))
    if effect not in known:
        raise ConfigError(f"effect={effect!r} is not one of {named(known)}.")
    row = one_regressor(table[table["effect"] == effect], x, "jackknife_plot").iloc[0]
    if not row["se"] > 0:
        raise ConfigError(f"{effect} of {row['x']!r} is zero in this model, whoever is in.")
    return row


def _note(shown: int, cities: int, found: Jackknife, language: str) -> str:
    """What line and band are, and how many cities are not drawn."""
    note = word("; line and band: all {} cities", language).format(cities + len(found.failures))
    if shown < cities:
        note += word("; the {} that move it most", language).format(shown)
    if found.failures:
        note += word("; {} without an estimate", language).format(len(found.failures))
    return note
