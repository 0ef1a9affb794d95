"""Curves with what is known of them: spillover by distance, likelihood ratio by threshold."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from spatialsyn.errors import ConfigError, expect, named, percent
from spatialsyn.report import theme
from spatialsyn.report.figures.surroundings import above, entry, finished, name_axes
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.magnitudes import plain
from spatialsyn.report.words import word
from spatialsyn.spillovers.decay import Decay
from spatialsyn.spillovers.threshold import Threshold, critical

HEIGHT_MM = 62.0
MARKERS = ("o", "D")


def decay_plot(
    found: Decay,
    x: str | None = None,
    labels: Mapping[str, str] | None = None,
    outcome: str | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """The spillover from one city on another by distance, with a band that holds as a whole.

    Two distances share one axis, the share of pairs of cities that are nearer; each curve is
    what arrives over the links of its distance, and the bands hold for both at once.

    Parameters
    ----------
    x : which regressor, where several have lags that decay
    labels : regressor, distance or outcome -> what to print for it
    outcome : what to print for y; its label, or the formula's own, by default

    Raises
    ------
    ConfigError
        Several regressors when `x` is not given, one without a decaying lag, or labels that
        match nothing.
    """
    expect(found, Decay, "decay_plot shows what ss.decay(...) returns", ConfigError)
    table, given = found.curves, labels or {}
    known = list(table.loc[table["effect"] != 0, "x"].unique())
    x = str(known[0]) if x is None and len(known) == 1 else x
    if x is None or x not in known:
        raise ConfigError(f"x={x!r}: choose one regressor with decaying lags, {named(known)}.")
    table, names = table[table["x"] == x], list(found.estimate.index)
    check_labels(labels, "decay_plot", [x, *names], [found.results])
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        ax.axhline(0, color=theme.GREY, lw=0.6, zorder=1)
        for name, colour, marker in zip(names, theme.COLOURS, MARKERS, strict=False):
            rows = table[table["distance"] == name]
            at = rows["at"] if len(names) == 1 else rows["nearer"]
            shown = {"color": colour, "gid": name, "label": entry(given.get(name, name))}
            ax.fill_between(at, rows["low"], rows["high"], color=colour, alpha=0.18, lw=0)
            ax.plot(at, rows["effect"], marker=marker, ms=3.2, lw=1.1, **shown)
        distance = given.get(names[0], names[0])
        far = word("distance between two cities ({})", language).format(distance)
        if len(names) > 1:
            far = word("share of pairs of cities that are nearer", language)
            ax.xaxis.set_major_formatter(PercentFormatter(1))
            above(ax)
        own = found.results.data.outcome
        y = outcome or given.get(own) or unquoted(own)
        text = word("change in {} per unit of {}", language)
        band = word("{} interval of the whole curve", language).format(percent(found.level))
        name_axes(ax, far, text.format(y, given.get(x, unquoted(x))), band)
        return finished(ax, title)


def threshold_plot(
    found: Threshold,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """The likelihood ratio of every threshold tried; the interval lies below the line.

    Parameters
    ----------
    labels : column of the threshold -> what to print for it
    """
    expect(found, Threshold, "threshold_plot shows what ss.threshold(...) returns", ConfigError)
    check_labels(labels, "threshold_plot", [found.q])
    table, q = found.profile, (labels or {}).get(found.q, found.q)
    with theme.style(language):
        if ax is None:
            ax = theme.axes_of(width_mm, HEIGHT_MM)
        cut = critical(found.level)
        ax.axvspan(*found.interval, color=theme.COLOURS[0], alpha=0.12, lw=0, gid="interval")
        ax.axhline(cut, color=theme.GREY, lw=0.8, ls="--", gid="critical")
        ax.plot(table["gamma"], table["lr"], color=theme.COLOURS[0], lw=1.0, gid="lr")
        ax.plot([found.gamma], [0], "o", color=theme.COLOURS[1], ms=4, clip_on=False, zorder=3)
        ax.annotate(percent(found.level), (1, cut), xycoords=ax.get_yaxis_transform(),
                    xytext=(-2, 2), textcoords="offset points", ha="right",
                    fontsize=theme.SMALL, color=theme.INK)  # fmt: skip
        ax.set_ylim(0, max(float(table["lr"].max()), 1.3 * cut) * 1.05)
        said = word("threshold {}, interval {} to {}; no threshold: p {}", language)
        p = "< 0.001" if found.p < 0.001 else f"= {found.p:.3f}"
        note = said.format(*map(plain, (found.gamma, *found.interval)), p)
        name_axes(ax, q, word("likelihood ratio", language), note)
        return finished(ax, title)
