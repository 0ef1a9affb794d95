"""The specification curve: an effect under every specification, what each one chose, and shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from spatialsyn.effects.table import EFFECTS
from spatialsyn.errors import ConfigError
from spatialsyn.report import theme
from spatialsyn.report.figures.surroundings import put_title
from spatialsyn.report.folding import folded
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.magnitudes import state_power, with_power
from spatialsyn.report.tables.display import Display, Labels
from spatialsyn.report.tables.facts import WORDS
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.regression import Table
from spatialsyn.report.words import word
from spatialsyn.study.curve import ALPHA, COUNTS, Curve
from spatialsyn.study.grid import WITH
from spatialsyn.study.runs import Runs

# Heights of the curve, of a row of choices, and of what lies around both, mm.
CURVE_MM, ROW_MM, AROUND_MM = 48.0, 3.6, 16.0
# Characters in a line of the label of the ordinate.
LINE = 30
# What choices of these axes begin with that hold a year, a number or a grouping.
STARTS = {"sample": "without ", "winsor": "winsor ", "lag of x": "lag ", "regimes": "by "}
# Share of the width that the names of choices may take.
NAMES = 0.3
# Height of a further line of it, in rows.
LINES = 0.8
# Beyond this many models a marker is a dot.
MANY = 60
# Intervals this many times as wide as the median one leave the scale to the others.
WIDE, ROOM = 5.0, 0.06


def specification_curve(
    runs: Runs | Curve,
    x: str | None = None,
    effect: str | Mapping[str, str] = "total",
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    width_mm: float | str = theme.WIDTHS["double"],
) -> Figure:
    """Every model's effect with its 95 % interval in ascending order; below, what it chose.

    Estimates with p < 0.05 are filled and coloured, the others hollow and grey. The note
    counts both; what such counts cannot say is in `Curve.caveat`. Intervals more than five times
    as wide as the median one are cut at the edge, a triangle where the estimate lies beyond it;
    the note says how many.

    Parameters
    ----------
    runs : what a study found, with `x` and `effect` as in `Runs.curve`; or a curve
    labels : term, axis or choice -> what to print for it

    Raises
    ------
    ConfigError
        Runs without an `x`, or labels that match nothing.
    """
    found = _curve(runs, x, effect)
    chosen = [choice for _, choice in choices(found)]
    optional = [axis.removeprefix(WITH) for axis in found.axes]
    printed = [found.x, *found.axes, *optional, *chosen, *found.selection.values()]
    check_labels(labels, "specification_curve", printed)
    given = labels or {}
    with theme.style(language):
        wide = theme.width(width_mm) * theme.MM
        rows = [
            (axis, choice, folded(name, NAMES * 72 * wide, theme.SMALL))
            for axis, choice, name in _rows(found, given, language)
        ]
        depth = sum(lines_of(printed) for *_, printed in rows)
        height = CURVE_MM + AROUND_MM + ROW_MM * depth
        figure = plt.figure(figsize=(wide, height * theme.MM), layout="constrained")
        ratios = [CURVE_MM, max(ROW_MM * depth, 1.0)]
        if rows:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
            draw_choices(lower, found, rows)
        else:
            upper = figure.subplots()
        draw_curve(upper, found, given, language)
        low = lower if rows else upper
        low.xaxis.set_major_locator(MaxNLocator(integer=True))
        low.set_xlabel(folded(_note(found, language), 0.6 * wide * 72))
        put_title(upper, title)
        theme.lay_out(figure)
    return figure


def specification_table(
    runs: Runs,
    x: str,
    labels: Labels = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Range, signs and significance of each effect of x over all models; the caveat below."""
    check_labels(labels, "specification_table", [x])
    how = Display(labels, language=language)
    curves = [runs.curve(x, effect) for effect in EFFECTS]
    shares = pd.DataFrame([found.shares for found in curves], index=list(EFFECTS))
    rows = [
        Row(
            how.say(str(name).capitalize()),
            tuple(_cell(value, str(name)) for value in shares[name]),
        )
        for name in shares
    ]
    what = how.say("Effects of {}; significant: p < {}.", how.label(x), f"{ALPHA:g}")
    return Table(
        how.say("Every specification of the grid") if title is None else title,
        tuple(how.say(effect.capitalize()) for effect in EFFECTS),
        tuple(rows),
        (what, how.sentence(curves[0].caveat)),
        shares,
        align="right",
        language=language,
    )


def _cell(value: float, name: str) -> str:
    """A number, or a share in percent: a 1 below the number of models would read as one model."""
    if name in COUNTS:
        return f"{value:,.0f}"
    if name.split()[0] in ("positive", "negative", "significant"):
        said = f"{100 * value:.3g}%"
        return _percent(value) if said == "100%" else said
    return f"{value:z.3g}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    """A share in whole percent; with decimals where it would say all or none and is not."""
    places = 0
    while 0 < share < 1 and round(100 * share, places) in (0, 100):
        places += 1
    return f"{share:.{places}%}"


def _curve(runs: Runs | Curve, x: str | None, effect: str | Mapping[str, str]) -> Curve:
    if isinstance(runs, Curve):
        return runs
    if x is None:
        raise ConfigError("specification_curve needs the regressor: specification_curve(runs, x).")
    return runs.curve(x, effect)


def choices(found: Curve) -> list[tuple[str, str]]:
    """The rows below the curve: pairs (axis, choice), axis by axis."""
    return [(axis, str(v)) for axis in found.axes for v in dict.fromkeys(_ordered(found, axis))]


def _ordered(found: Curve, axis: str) -> list[str]:
    """The choices on one axis, by the median effect under each."""
    medians = found.table.groupby(axis, sort=False)["estimate"].median()
    return [str(choice) for choice in medians.sort_values(kind="stable").index]


def draw_curve(ax: Axes, found: Curve, labels: Mapping[str, str], language: str) -> None:
    """Intervals and estimates over the rank of the model."""
    table, at = found.table, np.arange(1, len(found.table) + 1)
    certain = (table["p"] < ALPHA).to_numpy()
    size = 3.2 if len(table) <= MANY else 1.8
    ax.axhline(0, color=theme.GREY, lw=0.6, zorder=1, gid="zero")
    for mask, colour, name in (
        (certain, theme.COLOURS[0], "certain"), (~certain, theme.GREY, "uncertain"),
    ):  # fmt: skip
        ax.vlines(at[mask], table["low"][mask], table["high"][mask], color=colour, lw=0.8,
                  alpha=0.6, zorder=2, gid=f"{name} interval")  # fmt: skip
        ax.plot(at[mask], table["estimate"][mask], "o", color=colour, ms=size, mew=0.7, zorder=3,
                mfc=colour if name == "certain" else "white", gid=name)  # fmt: skip
    _keep_scale(ax, table, at)
    ax.set_ylabel(with_power(_label(found, labels, language), state_power(ax.yaxis)))
    ax.margins(x=0.015)
    kinds = {"p < 0.05": (theme.COLOURS[0],) * 2, "p \u2265 0.05": (theme.GREY, "white")}
    handles = [
        Line2D([], [], color=colour, marker="o", mfc=fill, ls="", ms=3.2, label=text)
        for text, (colour, fill) in kinds.items()
    ]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False,
              borderaxespad=0.1, handletextpad=0.2)  # fmt: skip
    ax.spines[["right", "top"]].set_visible(False)
    theme.ticks(ax)


def _keep_scale(ax: Axes, table: pd.DataFrame, at: np.ndarray) -> None:
    """Limits that suit the intervals of usual width; a triangle for an estimate beyond them."""
    cut = too_wide(table)
    if not cut.any():
        return
    low = min(0.0, float(table["low"][~cut].min()))
    high = max(0.0, float(table["high"][~cut].max()))
    room = ROOM * (high - low)
    ax.set_ylim(low - room, high + room)
    for rank, (_, model) in zip(at, table.iterrows(), strict=True):
        below, above = model["estimate"] < low - room, model["estimate"] > high + room
        if below or above:
            colour = theme.COLOURS[0] if model["p"] < ALPHA else theme.GREY
            ax.plot(rank, low - room if below else high + room, "v" if below else "^", color=colour,
                    mfc=colour if model["p"] < ALPHA else "white", ms=3.2, mew=0.7, zorder=4,
                    clip_on=False, in_layout=False, gid="beyond")  # fmt: skip


def too_wide(table: pd.DataFrame) -> np.ndarray:
    """Which intervals are so wide that they would hide all others."""
    widths = (table["high"] - table["low"]).to_numpy(dtype=float)
    usual = float(np.median(widths[widths > 0])) if (widths > 0).any() else np.inf
    return np.asarray(widths > WIDE * usual)


def _rows(
    found: Curve, labels: Mapping[str, str], language: str
) -> Iterator[tuple[str, str | None, str]]:
    """Of every row below the curve its axis, its choice and its name; a heading has no choice."""
    for axis, some in groupby(choices(found), key=itemgetter(0)):
        yield axis, None, _heading(axis, labels, language)
        for _, choice in some:
            yield axis, choice, labels.get(choice, _chosen(axis, choice, language))


def draw_choices(ax: Axes, found: Curve, rows: list[tuple[str, str | None, str]]) -> None:
    """A row per choice with a tick under every model that made it; a heading per axis.

    `rows` as of `_rows`, their names folded into lines.
    """
    at = np.arange(1, len(found.table) + 1)
    certain = (found.table["p"] < ALPHA).to_numpy()
    y, ticks = 0.0, []
    for axis, choice, printed in rows:
        at_row = y + (lines_of(printed) - 1) / 2
        y += lines_of(printed)
        if choice is None:
            ax.text(0, at_row, printed, transform=ax.get_yaxis_transform(), va="center",
                    ha="right", fontsize=theme.SMALL, gid="heading",
                    **theme.bold(printed))  # fmt: skip
            continue
        mine = (found.table[axis].astype(str) == choice).to_numpy()
        for mask, colour in ((mine & certain, theme.COLOURS[0]), (mine & ~certain, theme.GREY)):
            ax.plot(at[mask], np.full(int(mask.sum()), at_row), "|", color=colour, ms=5, mew=0.9,
                    gid=f"{axis}: {choice}")  # fmt: skip
        ticks.append((at_row, printed))
    ax.set_yticks([t for t, _ in ticks], [text for _, text in ticks], fontsize=theme.SMALL)
    ax.set_ylim(y - 0.4, -0.7)
    theme.ticks(ax)
    ax.tick_params(axis="y", length=0)
    ax.spines[["left", "right", "top"]].set_visible(False)


def _heading(axis: str, labels: Mapping[str, str], language: str) -> str:
    """What an axis is called; that of a term that models may leave out, by the term's label."""
    term = axis.removeprefix(WITH)
    if axis in labels or term == axis:
        return labels.get(axis, word(axis, language))
    return word("with {}", language).format(labels.get(term, unquoted(term)))


def lines_of(text: str) -> float:
    """Height of a row with this name, in rows of one line."""
    return 1 + LINES * text.count("\n")


def _chosen(axis: str, choice: str, language: str) -> str:
    """A choice in words; years, numbers and groupings stay in their places."""
    if language == "en":
        return WORDS.get(choice, choice)
    start = STARTS.get(axis)
    if start is None or not choice.startswith(start):
        return word(choice, language)
    return word(f"{start}{{}}", language).format(word(choice.removeprefix(start), language))


def _label(found: Curve, labels: Mapping[str, str], language: str) -> str:
    """Which effect of what, and between which blocks."""
    kind = word(found.selection.get("effect", "effect"), language)
    label = word("{} effect of {}", language).format(kind, labels.get(found.x, unquoted(found.x)))
    label = "\n".join(wrap(label, LINE))
    ends = [found.selection[end] for end in ("from", "to") if end in found.selection]
    flow = " \N{RIGHTWARDS ARROW} ".join(labels.get(e, word(e, language)) for e in ends)
    return f"{label}\n{flow}" if flow else label


def _note(found: Curve, language: str) -> str:
    """How many models there are, their signs and significance."""
    shares: pd.Series = found.shares
    text = word("{} specifications, {} positive, {} with p < 0.05", language)
    positive, significant = (_percent(shares[key]) for key in ("positive", "significant"))
    note = text.format(f"{len(found.table):,}", positive, significant)
    cut = int(too_wide(found.table).sum())
    if cut:
        note += word("; {} wide intervals cut", language).format(cut)
    if found.failures:
        note += word("; {} without an estimate", language).format(len(found.failures))
    return note
