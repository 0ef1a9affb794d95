"""Figures of exploration: autocorrelation over the years, and clusters on a map."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, ConfigError, expect, named
from spatialsyn.explore.autocorrelation import LEVEL, Autocorrelation
from spatialsyn.explore.local import NONE, QUADRANTS, Lisa
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.choropleth import furnish
from spatialsyn.report.atlas.layers import EDGE, draw_outline, fill, fill_empty
from spatialsyn.report.figures.surroundings import above, around_one, finished, name_axes
from spatialsyn.report.words import word

HEIGHT_MM = 60.0
ALPHA = 0.05
# What each statistic is called on its axis.
NAMES = {
    "moran": "Moran's I", "geary": "Geary's C", "getis-ord": "Getis & Ord's G",
    "bivariate moran": "Bivariate Moran's I",
}  # fmt: skip
CLUSTERS = {"HH": "#D55E00", "HL": "#f4c3a0", "LH": "#a9cfe8", "LL": "#0072B2", NONE: "#f2f2f2"}
WORDS = {"HH": "high among high", "HL": "high among low", "LH": "low among high",
         "LL": "low among low", NONE: "not significant"}  # fmt: skip


def autocorrelation_plot(
    found: Autocorrelation,
    statistic: str | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """A statistic over the years, and the band that 95 % of the permutations stay in.

    A filled point has p < 0.05; the dashed line is the mean of the permutations.

    Parameters
    ----------
    statistic : which one, where `found` has several; the first by default

    Raises
    ------
    ConfigError
        No year has a value.
    """
    _check_found(found, "autocorrelation_plot")
    name = statistic or str(found.table["statistic"].iloc[0])
    rows = found[name].dropna(subset=["value"])
    if rows.empty:
        raise ConfigError(f"{name!r} has no value in any year: {found[name]['note'].iloc[0]}.")
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        _draw_band(ax, rows, language)
        ax.plot(rows.index, rows["value"], color=theme.COLOURS[0], lw=1.0, zorder=3, gid="value")
        certain = (rows["p"] < ALPHA).to_numpy()
        for mask, fill_colour, gid in (
            (certain, theme.COLOURS[0], "certain"), (~certain, "white", "uncertain"),
        ):  # fmt: skip
            ax.plot(rows.index[mask], rows["value"][mask], "o", color=theme.COLOURS[0], ms=4,
                    mfc=fill_colour, mew=0.9, zorder=4, gid=gid)  # fmt: skip
        if len(rows) == 1:
            around_one(ax, float(rows.index[0]))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        name_axes(ax, "", word(NAMES[name], language))
        above(ax)
        return finished(ax, title)


def autocorrelation_figure(
    found: Autocorrelation,
    title: str | None = None,
    language: str = "en",
    width_mm: float | str = theme.WIDTHS["double"],
) -> Figure:
    """Every statistic of `found` in a panel of its own, those without a value left out.

    Raises
    ------
    ConfigError
        No statistic has a value in any year.
    """
    _check_found(found, "autocorrelation_figure")
    shown = list(found.table.dropna(subset=["value"])["statistic"].unique())
    if not shown:
        raise ConfigError(f"no statistic of {found.about} has a value in any year.")
    with theme.style(language):
        size = (theme.width(width_mm) * theme.MM, HEIGHT_MM * theme.MM)
        figure = plt.figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, name in zip(axes, shown, strict=True):
            autocorrelation_plot(found, name, language=language, ax=ax)
            if found[name]["value"].notna().sum() > 1:
                ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.get_legend().remove()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=theme.TEXT + 0.5)
        theme.lay_out(figure)
    return figure


def _draw_band(ax: Axes, rows: pd.DataFrame, language: str) -> None:
    label = word("{:.0%} of the permutations", language).format(LEVEL)
    if len(rows) == 1:  # drawn as wide as one year: a band without width cannot be seen
        rows = pd.concat([rows.set_axis(rows.index + side) for side in (-0.5, 0.5)])
    ax.fill_between(rows.index, rows["low"], rows["high"], color=theme.PALE, lw=0, alpha=0.6,
                    label=label, gid="band")  # fmt: skip
    ax.plot(rows.index, rows["mean"], color=theme.GREY, lw=0.8, ls="--", gid="mean",
            label=word("their mean", language))  # fmt: skip


def _check_found(found: object, caller: str) -> None:
    says = f"{caller} shows what ss.explore.autocorrelation(...) returns"
    expect(found, Autocorrelation, says, ConfigError)


def lisa_map(
    panel: CityPanel,
    found: Lisa,
    year: int,
    labels: str | pd.Series | None = None,
    title: str | None = None,
    missing: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """The clusters of a year on the map, false discoveries controlled.

    Parameters
    ----------
    labels : "en" | "zh" | Series of names by city id | None
    missing : what the legend calls units without data

    Raises
    ------
    BoundaryError
        A panel without polygons.
    AlignmentError
        The clusters are those of other cities.
    """
    frame.check_panel(panel, "lisa_map(panel, lisa, 2019)")
    expect(found, Lisa, "lisa_map shows what ss.explore.lisa(...) returns", ConfigError)
    clusters = found.at(year)["cluster"]
    foreign = set(clusters.index) ^ set(panel.cities.index)
    if foreign:
        raise AlignmentError(f"the clusters and the polygons differ in {named(sorted(foreign))}.")
    clusters = clusters.loc[list(panel.cities.index)]
    with theme.style(language):
        shown = frame.sheet(panel.cities, panel.context)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        fill(ax, shown.cities.geometry, [CLUSTERS[str(c)] for c in clusters], "cities")
        counts = clusters.value_counts()
        handles = [
            Patch(facecolor=CLUSTERS[c], label=f"{word(WORDS[c], language)} ({counts[c]})", **EDGE)
            for c in (*sorted(QUADRANTS), NONE)
            if c in counts
        ]
        handles += fill_empty(ax, shown, missing, language)
        draw_outline(ax, shown)
        shown, box = furniture.put_legend(ax, shown, handles, f"q ≤ {found.level:g}")
        furnish(ax, shown, labels, [box], language)
    return ax
