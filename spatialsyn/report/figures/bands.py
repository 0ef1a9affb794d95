"""Curves with bands: how a response builds up over years, or fades with distance or order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spatialsyn.errors import ConfigError, named, percent
from spatialsyn.report import theme
from spatialsyn.report.figures.surroundings import above, around_one, entry, finished, name_axes
from spatialsyn.report.words import word

HEIGHT_MM = 62.0
NEEDED = ("x", "estimate", "low", "high")
INNER = ("inner_low", "inner_high")
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


def curve_plot(
    curves: pd.DataFrame | Mapping[str, pd.DataFrame],
    xlabel: str,
    ylabel: str | None = None,
    level: float = 0.95,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["single"],
) -> Axes:
    """An effect along an axis of distance, order or years, with a band that holds jointly.

    Parameters
    ----------
    curves : columns ``x, estimate, low, high``, one row per point; the band is ``low .. high``
        and should hold for all points at once, as ``effects.jointly()`` makes it. With
        ``inner_low, inner_high`` a darker, pointwise band lies inside that of a single curve.
        Several curves, with their names, differ by colour and line.
    xlabel, ylabel : what the axes say, such as "years" and by default the effect
    level : coverage of the band, as the legend states it

    Raises
    ------
    ConfigError
        Columns that are missing, points without a number, an x that occurs twice, bounds on
        the wrong side of their estimate, more curves than lines.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [50, 150], "estimate": [0.4, 0.1]})
    >>> table = table.assign(low=table["estimate"] - 0.1, high=table["estimate"] + 0.1)
    >>> ax = curve_plot(table, "distance, km")
    """
    given = {"": curves} if isinstance(curves, pd.DataFrame) else dict(curves)
    if not 0 < len(given) <= len(LINES):
        raise ConfigError(f"curve_plot shows 1 to {len(LINES)} curves; got {len(given)}.")
    if not 0 < level < 1:
        raise ConfigError(f"level={level!r} is no probability, such as 0.95.")
    found = {name: points(curve, name) for name, curve in given.items()}
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        ax.axhline(0, color=theme.GREY, lw=0.6, zorder=1, gid="zero")
        band = word("{} band, jointly", language).format(percent(level))
        for i, (name, curve) in enumerate(found.items()):
            text = band if i == 0 else ""
            columns = list(curve) if len(found) == 1 else list(NEEDED)
            draw_curve(ax, curve[columns], theme.COLOURS[i], LINES[i], (name, text), language)
        whole = all((curve["x"] % 1 == 0).all() for curve in found.values())
        ax.xaxis.set_major_locator(MaxNLocator(integer=bool(whole)))
        ax.margins(x=0.02)
        places = {float(x) for curve in found.values() for x in curve["x"]}
        if len(places) == 1:
            around_one(ax, places.pop())
        name_axes(ax, xlabel, ylabel or word("effect", language))
        above(ax)
        return finished(ax, title)


def points(curve: pd.DataFrame, name: str) -> pd.DataFrame:
    """The points in the order of x, checked."""
    said = f"the curve {name!r}" if name else "the curve"
    absent = [column for column in NEEDED if column not in curve]
    if absent:
        raise ConfigError(
            f"{said} has no column {named(absent)}; it has {named(curve.columns, 12)}. curve_plot "
            "needs x, estimate, low, high: rename the column of distances or years to x."
        )
    columns = [*NEEDED, *(c for c in INNER if c in curve)]
    table = curve[columns].apply(pd.to_numeric, errors="coerce").sort_values("x")
    if table.empty:
        raise ConfigError(f"{said} has no rows.")
    holes = ~np.isfinite(table.to_numpy(dtype=float)).all(axis=1)
    if holes.any():
        raise ConfigError(
            f"{said} has {holes.sum()} rows without a finite number, the first at row "
            f"{table.index[holes][0]!r}. Drop them: curve.dropna()."
        )
    if table["x"].duplicated().any():
        raise ConfigError(
            f"{said} has several rows at x = {table['x'][table['x'].duplicated()].iloc[0]:g}: "
            "choose one regressor and one effect, effects['indirect']."
        )
    outside = (table["estimate"] < table["low"]) | (table["estimate"] > table["high"])
    if outside.any():
        raise ConfigError(
            f"{said} has an estimate outside of low .. high at x = {table['x'][outside].iloc[0]:g}."
        )
    return table


def draw_curve(
    ax: Axes, curve: pd.DataFrame, colour: str, line: object, texts: tuple[str, str], language: str
) -> None:
    """A band, a darker one inside if there is one, and the line; dots at few points."""
    name, band = texts
    x = curve["x"]
    ax.fill_between(x, curve["low"], curve["high"], color=colour, lw=0, alpha=0.18, zorder=2,
                    gid="band", label=band or None)  # fmt: skip
    if len(curve) == 1:  # a band without width cannot be seen
        ax.vlines(x, curve["low"], curve["high"], color=colour, lw=1.1, alpha=0.5, zorder=2,
                  gid="interval")  # fmt: skip
    if set(INNER) <= set(curve):
        ax.fill_between(x, curve[INNER[0]], curve[INNER[1]], color=colour, lw=0, alpha=0.28,
                        zorder=2, gid="inner", label=word("pointwise", language))  # fmt: skip
    ax.plot(x, curve["estimate"], color=colour, lw=1.1, zorder=3, gid="estimate",
            marker="o" if len(curve) <= 25 else "", ms=2.4, linestyle=line,
            label=entry(name) or word("estimate", language))  # fmt: skip
