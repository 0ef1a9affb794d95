"""Effects with their intervals: on average per regressor, and between blocks of cities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spatialsyn.effects.table import EFFECTS, Effects
from spatialsyn.errors import ConfigError, expect, named, percent
from spatialsyn.report import theme
from spatialsyn.report.figures.forest import FILLED, Point, Row, forest, name_axis, point
from spatialsyn.report.folding import columns, folded
from spatialsyn.report.labels import check_labels, unquoted
from spatialsyn.report.magnitudes import LARGE, ten_to
from spatialsyn.report.tables.display import Display
from spatialsyn.report.tables.effects import ACROSS, level_label
from spatialsyn.report.words import word
from spatialsyn.results import Results

# Regressors whose intervals reach this many times less far than the widest are drawn larger.
OUT_OF_SCALE = 10.0
# What the axis of effects by block says, by what they are counted per; "" are scenarios.
BY_BLOCK = {
    "receiver": "mean change in {} when {} rises by one unit in every sending city",
    "source": "change in {} of all receiving cities when {} rises by one unit in one sending city",
    "share": "share of the sum of all effects on {} of {}",
    None: "mean change in {} in the scenario {}",
}
# Points that an entry of the legend of models takes beside its name.
ENTRY = 24.0
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
TOTAL = "D"


def effects_plot(
    results: Results | Effects | Mapping[str, Results | Effects],
    labels: Mapping[str, str] | None = None,
    outcome: str | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """Direct, indirect and total effect of every regressor, with intervals.

    One model has its numbers beside the points; several models are told apart by their
    markers, in the order given. A hollow marker: the interval contains zero. A regressor in
    units so small that its intervals reach less than a tenth as far as the widest is drawn
    times a power of ten, which its heading states; the numbers stay those of one unit.
    Effects by band of distance, order, channel or year have a row for each of these.

    Parameters
    ----------
    results : one model, or several by the name the legend gives them
    labels : regressor, outcome, channel or band -> what to print for it
    outcome : what to print for the outcome; its label, or the formula's own, by default

    Raises
    ------
    ConfigError
        Effects by city, pair or block, which other figures show; models whose intervals
        have different levels, more models than markers, or labels that match nothing.
    """
    models = dict(results) if isinstance(results, Mapping) else {"": results}
    if not 0 < len(models) <= len(MARKERS):
        raise ConfigError(f"effects_plot shows 1 to {len(MARKERS)} models; got {len(models)}.")
    found = {name: averages(item) for name, item in models.items()}
    levels = {effects.level for effects in found.values()}
    if len(levels) > 1:
        raise ConfigError(f"the models' intervals have different levels: {sorted(levels)}.")
    level = levels.pop()
    fits = [item for item in models.values() if isinstance(item, Results)]
    names = [
        name
        for effects in found.values()
        for column in ("x", *told_apart_by(effects.table))
        for name in effects.table[column]
    ]
    check_labels(labels, "effects_plot", names, fits)
    with theme.style(language):
        rows = effect_rows(found, labels or {}, language)
        head = word("{} interval", language).format(percent(level)) if len(models) == 1 else ""
        ax = forest(rows, ax, width_mm, title, head)
        if len(models) > 1:
            model_legend(ax, list(models))
        own = outcome_of(models)
        y = outcome or (labels or {}).get(own) or unquoted(own) or word("the outcome", language)
        label = word("change in {} per unit of {}", language).format(y, word("x", language))
        if any(p.times != 1 for row in rows for p in row.points):
            label += word(", times the factor of the heading", language)
        name_axis(ax, label, level, language, said_of_years(found.values(), language))
    return ax


def averages(item: Results | Effects) -> Effects:
    """The average effects of a model."""
    what = "effects_plot needs results of ss.fit, or their effects"
    expect(item, (Results, Effects), what, ConfigError)
    effects = item if isinstance(item, Effects) else item.effects()
    other = {"city", "to", "from"} & set(effects.table)
    if other:
        raise ConfigError(
            "effects_plot shows effects averaged over all cities, results.effects(). These have "
            f"the columns {named(sorted(other))}: see block_plot for blocks, map for cities."
        )
    crossed = told_apart_by(effects.table)
    if len(crossed) > 1:
        raise ConfigError(
            f"these effects have several rows of a kind, by {named(crossed)}, and effects_plot "
            "tells them apart by one: leave one out, or see ss.report.effects_table."
        )
    return effects


def told_apart_by(table: pd.DataFrame) -> list[str]:
    """What else tells effects of one kind apart: bands, orders, channels, years."""
    return [column for column in ACROSS if column in table and table[column].nunique() > 1]


def check_rows(table: pd.DataFrame, caller: str) -> None:
    """Refuse effects between blocks with several rows where the figure has one."""
    several = told_apart_by(table)
    if several:
        raise ConfigError(
            f"these effects have several rows of a kind, by {named(several)}, and {caller} shows "
            'one: make them without, results.effects(x, by="region"), or for one year, '
            "horizon=5; ss.report.effects_table shows them all."
        )


def block_label(effects: Effects, y: str, x: str, language: str) -> str:
    """What the axis of effects by block says of their unit."""
    return word(BY_BLOCK[effects.per], language).format(y, x)


def said_of_years(found: Iterable[Effects], language: str) -> str:
    """Which years of a change of x all these effects are of, to stand behind a note."""
    times = {effects.years for effects in found}
    when = times.pop() if len(times) == 1 else ""
    return f"; {word(when, language)}" if when else ""


def outcome_of(models: Mapping[str, Results | Effects]) -> str:
    """The outcome all models share, "" if they do not or do not tell."""
    outcomes = {item.data.outcome if isinstance(item, Results) else "" for item in models.values()}
    return outcomes.pop() if len(outcomes) == 1 else ""


def effect_rows(
    found: Mapping[str, Effects], labels: Mapping[str, str], language: str
) -> list[Row]:
    """A heading per regressor, and a row per effect with a point per model."""
    tables = [_labelled(effects.table, labels, language) for effects in found.values()]
    together = pd.concat(tables)
    colours = dict(zip(EFFECTS, theme.COLOURS, strict=False))
    rows = []
    for x, times in enlarged(together).items():
        drawn = "" if times == 1 else word(" (drawn × {})", language).format(factor(times))
        rows.append(Row(labels.get(x, unquoted(x)) + drawn))
        of_x = together[together["x"] == x]
        for label, kind in dict(zip(of_x["label"], of_x["effect"], strict=True)).items():
            points: list[Point] = []
            for marker, table in zip(MARKERS, tables, strict=False):
                mine = table[(table["x"] == x) & (table["label"] == label)]
                points += [point(row, colours[kind], marker, times) for _, row in mine.iterrows()]
            rows.append(Row(label, tuple(points)))
    return rows


def _labelled(table: pd.DataFrame, labels: Mapping[str, str], language: str) -> pd.DataFrame:
    """What each row is called; what is zero by construction in a band or order is no row."""
    kinds, crossed = [word(kind, language) for kind in table["effect"]], told_apart_by(table)
    if not crossed:
        return table.assign(label=kinds)
    how = Display(labels, language=language)
    levels = [level_label(crossed[0], level, how) for level in table[crossed[0]]]
    made = table.assign(label=[f"{a}, {b}" for a, b in zip(kinds, levels, strict=True)])
    return made[made["se"] > 0]


def factor(times: float) -> str:
    """A power of ten: with its zeros while they can be counted."""
    return f"{times:g}" if times < LARGE else ten_to(round(np.log10(times)))


def enlarged(table: pd.DataFrame) -> dict[str, float]:
    """Regressor -> the power of ten it is drawn times, so that none is a dot beside the others."""
    reach = table[["estimate", "low", "high"]].abs().max(axis=1)
    reach = reach.groupby(table["x"], sort=False).max()
    less = (reach.max() / reach.where(reach > 0)).fillna(1.0)
    return {
        str(x): 10.0 ** round(np.log10(by)) if by > OUT_OF_SCALE else 1.0 for x, by in less.items()
    }


def model_legend(ax: Axes, names: list[str]) -> None:
    """Which marker is which model, above the axes."""
    handles = [
        Line2D([], [], color=theme.INK, ls="", marker=marker, ms=3.5, label=name)
        for marker, name in zip(MARKERS, names, strict=False)
    ]
    room = FILLED * theme.points_wide(ax) - ENTRY
    legend = ax.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), frameon=False,
        ncols=columns(names, room, ENTRY), borderaxespad=0.1, handletextpad=0.2,
        columnspacing=1.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_text(folded(text.get_text(), room - ENTRY, theme.SMALL))


def block_plot(
    effects: Effects,
    x: str | None = None,
    outcome: str | None = None,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """What the cities of each block receive: from their own x, from each block, altogether.

    The point of "periphery -> GBA" answers: if x rose by one unit in every peripheral city,
    how much would y change, on average, in a GBA city? "within GBA" is the same for the
    other cities of the GBA. The rows under a heading sum to its total.

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
    table = block_table(effects, x)
    regressor = str(table["x"].iloc[0])
    check_labels(labels, "block_plot", [regressor, *table["to"]])
    given = labels or {}
    with theme.style(language):
        names = {
            block: given.get(block, word(str(block), language)) for block in table["to"].unique()
        }
        head = word("{} interval", language).format(percent(effects.level))
        ax = forest(block_rows(table, names, language), ax, width_mm, title, head)
        y = outcome or word("the outcome", language)
        label = block_label(effects, y, given.get(regressor, unquoted(regressor)), language)
        name_axis(ax, label, effects.level, language, said_of_years([effects], language))
    return ax


def block_table(effects: Effects, x: str | None, caller: str = "block_plot") -> pd.DataFrame:
    """The rows of one regressor, of effects by block."""
    expect(effects, Effects, f'{caller} needs results.effects("x", by="region")', ConfigError)
    table = effects.table
    if not {"to", "from"} <= set(table) or "total" not in set(table["effect"]):
        raise ConfigError(
            f'{caller} needs effects by a grouping of the panel: results.effects("x", by="region").'
        )
    check_rows(table, caller)
    return one_regressor(table, x, caller)


def one_regressor(table: pd.DataFrame, x: str | None, caller: str) -> pd.DataFrame:
    """The rows of one regressor."""
    known = list(dict.fromkeys(table["x"]))
    if x is None and len(known) > 1:
        raise ConfigError(f"these are effects of {named(known)}: choose one, {caller}(..., x=).")
    x = known[0] if x is None else x
    if x not in known:
        raise ConfigError(f"there are no effects of {x!r} here, only of {named(known)}.")
    return table[table["x"] == x]


def block_rows(table: pd.DataFrame, names: Mapping[object, str], language: str) -> list[Row]:
    """A heading per receiving block; below it own city, each sender, total."""
    colours = dict(zip(names, cycle(theme.COLOURS), strict=False))
    rows = []
    for to, received in table.groupby("to", sort=False):
        rows.append(Row(word("effect in {}", language).format(names[to])))
        for _, row in received.iterrows():
            sender = row["from"]
            if row["effect"] == "total":
                rows.append(Row(word("total", language), (point(row, theme.INK, TOTAL),)))
            elif row["effect"] == "direct":
                rows.append(Row(word("own city", language), (point(row, theme.GREY),)))
            else:
                rows.append(Row(flow(sender, to, names, language), (point(row, colours[sender]),)))
    return rows


def flow(sender: object, to: object, names: Mapping[object, str], language: str) -> str:
    """ "GBA -> periphery", or "within GBA"."""
    if sender == to:
        return word("within {}", language).format(names[to])
    return f"{names[sender]} \N{RIGHTWARDS ARROW} {names[to]}"
