"""Moran's scatter plot: a variable against its spatial lag.

    I = (n / S0) z' W z / z'z,     z = x - mean

is the slope of the line through the origin once the lag is n / S0 times W z (Anselin 1996,
The Moran scatterplot as an ESDA tool).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spatialsyn.errors import AlignmentError, ConfigError, named
from spatialsyn.models.syntax import bracketed
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.labels import place_texts
from spatialsyn.report.figures.forest import number
from spatialsyn.report.figures.surroundings import name_axes, put_title
from spatialsyn.report.words import word
from spatialsyn.weights.core import Weights

# Quadrants by the signs of z and its lag: colour, marker, words.
QUADRANTS = {
    (True, True): ("#D55E00", "o", "high among high"),
    (True, False): ("#E69F00", "^", "high among low"),
    (False, True): ("#56B4E9", "v", "low among high"),
    (False, False): ("#0072B2", "s", "low among low"),
}


def moran_scatter(
    values: pd.Series,
    weights: Weights,
    name: str | None = None,
    labels: pd.Series | None = None,
    extremes: int = 5,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["single"],
) -> Axes:
    """Every city's value against the mean of its neighbours; the slope is Moran's I.

    Both axes are in standard deviations of the values. Isolates, whose lag is zero by
    convention, are hollow. The p-value is that of ``ss.explore``: a slope has none here.

    Parameters
    ----------
    values : Series by city id, of one year: ``panel.at(2019)["x"]``
    name : what the axes call the variable; the name of the Series by default
    labels : names by city id, written at the cities farthest from the centre
    extremes : how many of these

    Raises
    ------
    AlignmentError
        Values and weights of different cities.
    ConfigError
        Values of several years, missing, or all the same.
    """
    z, lagged, slope = moran(values, weights)
    called = name or str(values.name or "x")
    with theme.style(language):
        if ax is None:
            side = theme.width(width_mm) * theme.MM
            ax = plt.figure(figsize=(side, 0.86 * side), layout="constrained").add_subplot()
        ax.axhline(0, color=theme.GREY, lw=0.5, zorder=1)
        ax.axvline(0, color=theme.GREY, lw=0.5, zorder=1)
        alone = np.isin(weights.ids, weights.isolates)
        for (right, up), (colour, marker, text) in QUADRANTS.items():
            mine = ((z > 0) == right) & ((lagged > 0) == up)
            label = f"{word(text, language)} ({(mine & ~alone).sum()})"
            ax.plot(z[mine & ~alone], lagged[mine & ~alone], marker, color=colour, ms=3.6,
                    mew=0, zorder=3, label=label, gid="cities")  # fmt: skip
        ax.plot(z[alone], lagged[alone], "o", color=theme.GREY, mfc="white", ms=3.6, zorder=3,
                gid="isolates")  # fmt: skip
        ends = np.array([z.min(), z.max()])
        ax.plot(ends, slope * ends, color=theme.INK, lw=1.0, zorder=2, gid="slope")
        ax.annotate(f"I = {number(slope, 3)}", (1, 1), xycoords="axes fraction",
                    xytext=(-2, -2), textcoords="offset points", ha="right", va="top",
                    gid="moran")  # fmt: skip
        standard = word("standardised", language)
        lag_of = word("spatial lag of {}", language).format(bracketed(called))
        name_axes(ax, f"{called} ({standard})", f"{lag_of}, W[{weights.name}]")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.08, 1), ncols=2,
                  borderaxespad=0.1, columnspacing=1.0, handletextpad=0.1)  # fmt: skip
        ax.spines[["right", "top"]].set_visible(False)
        theme.ticks(ax)
        put_title(ax, title)
        if labels is not None:
            name_extremes(ax, z, lagged, labels, weights, extremes)
        theme.checked(ax)
    return ax


def moran(values: pd.Series, weights: Weights) -> tuple[Array, Array, float]:
    """Standardised values, their lag times n / S0, and Moran's I, in the order of the weights."""
    if not isinstance(values, pd.Series) or values.index.nlevels > 1:
        raise ConfigError(
            "moran_scatter shows one number per city: choose one year, panel.at(2019)['x']."
        )
    absent, extra = set(weights.ids) - set(values.index), set(values.index) - set(weights.ids)
    if absent or extra or values.index.has_duplicates:
        raise AlignmentError(
            f"the values and weights {weights.name!r} name different cities.\n"
            f"  without a value: {named(sorted(absent, key=str)) or 'none'}\n"
            f"  without weights: {named(sorted(extra, key=str)) or 'none'}\n"
            f"  more than once: {named(values.index[values.index.duplicated()]) or 'none'}\n"
            "Keep the common ones in both: weights.subset(ids), values.loc[ids]."
        )
    x = values.loc[list(weights.ids)].to_numpy(dtype=float)
    if not np.isfinite(x).all():
        holes = np.array(weights.ids, dtype=object)[~np.isfinite(x)]
        raise ConfigError(
            f"the values have no finite number for {named(holes)}. Dropping cities changes W: "
            "do it openly, weights.subset(ids)."
        )
    if np.ptp(x) <= 1e-12 * max(np.abs(x).max(), 1e-300):
        raise ConfigError("all values are the same: there is no Moran's I.")
    total = float(weights.sparse.sum())
    z = (x - x.mean()) / x.std()
    lagged = np.asarray(weights.n / total * (weights.sparse @ z))
    return z, lagged, float(z @ lagged / (z @ z))


def name_extremes(
    ax: Axes, z: Array, lagged: Array, labels: pd.Series, weights: Weights, count: int
) -> None:
    """Names at the cities farthest from the centre."""
    absent = [city for city in weights.ids if city not in labels.index]
    if absent:
        raise AlignmentError(f"labels has no entry for the cities {named(absent)}.")
    named_cities = np.argsort(-np.hypot(z, lagged), kind="stable")[:count]
    theme.lay_out(theme.figure_of(ax))  # the layout moves the axes, and the places with them
    at = ax.transData.transform(np.column_stack([z, lagged]))
    moran_text = next(text for text in ax.texts if text.get_gid() == "moran")
    taken = np.array([moran_text.get_window_extent().extents])
    texts = [str(labels[weights.ids[i]]) for i in named_cities]
    place_texts(ax, at[named_cities], texts, taken, at)
