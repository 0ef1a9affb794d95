"""Tables of one set of effects: averages, by block, by city, by pair, over years."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, expect, named, percent
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.comparison import MODELS, SENDERS, side_by_side
from spatialsyn.report.tables.display import Display, Labels, check_shown, number
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import UNDER, by_column, method, sample_notes, star_notes
from spatialsyn.report.tables.regression import Table
from spatialsyn.report.words import word
from spatialsyn.results import Results

# What the entries of a table by block mean, by what they are counted per.
BY_BLOCK = {
    "receiver": (
        "Rows receive, columns send. Own: the response of a city to its own x, averaged over the "
        "block. From b: the response if x rose by one unit in every other city of block b. Each "
        "row sums to its total."
    ),
    "source": (
        "Rows receive, columns send: the change in all cities of the receiving block together if "
        "x rose by one unit in one city of the sending block, on average. Own: of that city "
        "itself, in its own block. Total: if it is an average city of all."
    ),
    "share": (
        "Rows receive, columns send: shares of the sum of all effects between all cities. Own: "
        "of the effects of cities on themselves. The totals sum to one."
    ),
    None: (
        "Rows receive, columns send. Own: from the city's own change; From b: from the changes of "
        "the other cities of block b. Each row sums to its total."
    ),
}
BY_CITY = (
    "Direct: the city's response to its own x. Received: its response if x rose by one unit in "
    "every other city. Emitted: the summed response of all other cities to its x. Net: emitted "
    "less received."
)
BY_SCENARIO = (
    "Direct: from the city's own change. Indirect: from the changes of all other cities. In units "
    "of the outcome."
)
# Columns that stand across the page, from the first that a table has.
ACROSS = ("horizon", "band", "order", "channel")


def effects_table(
    effects: Effects | Mapping[str, Effects],
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    of: Results | Mapping[str, Results] | None = None,
    below: str | None = "se",
    stars: bool = False,
    wide: bool | None = None,
    language: str = "en",
) -> Table:
    """Effects: averages, by block, by city, by pair, by channel or over years.

    Several models stand side by side, ``{"borders": effects, "digital": others}``: one row an
    effect, one column a model. Of one model:

    Averages and pairs print estimate, standard error, interval and p-value on one line.
    Blocks and cities print one row per receiver with standard errors below, since what a
    reader compares stands side by side; the intervals are in `frame`.

    Parameters
    ----------
    labels : print labels of variables, blocks, cities, channels and bands (as text)
    digits : decimals at least; more where a standard error of x needs them for two digits
    of : Results, optional
        The fit behind the effects: its weights, corrections and cities go into the notes. Of
        several models, their fits by the same names.
    below : "se" | "interval" | "z" | "p" | None
        What stands below estimates that stand side by side.
    stars : whether p-values are starred
    wide : whether years, orders, bands or channels stand side by side too, one row per effect
    language : "en" | "zh"

    Raises
    ------
    ConfigError
        Not effects, effects of different kinds, an option that does not exist, labels that
        match nothing, or nothing to stand side by side.
    """
    if isinstance(effects, Mapping):
        return _compared(effects, Display(labels, digits, below, stars, language), title, of)
    expect(effects, Effects, "effects_table needs effects: results.effects(...)", ConfigError)
    check_shown(below=below)
    fits = _fits(of, effects)
    check_labels(labels, "effects_table", _names(effects), fits.values())
    how = Display(labels, digits, below, stars, language, level=effects.level)
    tidy = effects.table
    by_block = "to" in tidy and "total" in set(tidy["effect"]) and not _crossed(tidy)
    by_city = "city" in tidy and not _crossed(tidy)
    if by_block or by_city:
        columns, rows = _side_by_side(tidy, how, "to" if by_block else "city")
        notes = [how.say(_meaning(effects, by_block)), *_under(how)]
    elif wide:
        columns, rows = _across(tidy, how)
        notes = _under(how)
    else:
        heads = ("Estimate", "s.e.", "{} interval", "p")
        columns = tuple(how.say(head, percent(effects.level)) for head in heads)
        rows, notes = _one_line_each(tidy, how), []
    notes += filter(None, [_time(effects, how)])
    notes.append(method(effects, how))
    notes += sample_notes(fits, how)
    notes += [how.sentence(effects.note)] if effects.note else []
    notes += star_notes(how)
    default = "Effects by block" if by_block else "Effects by city" if by_city else "Effects"
    return Table(
        how.say(default) if title is None else title,
        columns, tuple(rows), tuple(notes), effects.tidy(), align="right", language=language,
    )  # fmt: skip


def _compared(
    effects: Mapping[str, Effects],
    how: Display,
    title: str | None,
    of: Results | Mapping[str, Results] | None,
) -> Table:
    """Effects of several models, one column each."""
    fits = _fits(of, effects)
    check_shown(below=how.below)
    tidy = side_by_side(effects, lambda line: _receiver(line, how))
    names = [name for made in effects.values() for name in _names(made)]
    check_labels(how.labels, "effects_table", names, fits.values())
    how = replace(how, level=next(iter(effects.values())).level)
    by_block = "to" in tidy and "total" in set(tidy["effect"])
    columns, rows = crossing(tidy, how)
    told = by_block or "city" in tidy
    notes = [how.say(_meaning(next(iter(effects.values())), by_block))] if told else []
    notes = [note.replace(SENDERS[how.language], MODELS[how.language]) for note in notes]
    notes += _under(how)
    notes += by_column(effects, lambda made: _time(made, how))
    notes += by_column(effects, lambda made: method(made, how))
    notes += sample_notes(fits, how)
    notes += by_column(effects, lambda made: how.sentence(made.note) if made.note else "")
    frame = pd.concat({name: made.tidy() for name, made in effects.items()}, names=["model"])
    return Table(
        how.say("Effects by block" if by_block else "Effects") if title is None else title,
        columns, tuple(rows), tuple(notes + star_notes(how)),
        frame.reset_index(level="model").reset_index(drop=True), align="right",
        language=how.language,
    )  # fmt: skip


def _fits(
    of: Results | Mapping[str, Results] | None, effects: Effects | Mapping[str, Effects]
) -> Mapping[str, Results]:
    """The fits behind the effects by the name of their column, if they were given."""
    if of is None:
        return {}
    made = of if isinstance(of, Mapping) else {"": of}
    wanted = set(effects) if isinstance(effects, Mapping) else {""}
    if set(made) != wanted:
        raise ConfigError(
            "of= holds the fit behind the effects, and of effects by the name of a column the fits "
            f"by the same names; got {named(made)} for {named(sorted(wanted))}."
        )
    return made


def _receiver(line: Mapping[Any, Any], how: Display) -> str:
    """A line by who receives: "GBA: From periphery", where columns are models."""
    if "to" not in line or line["effect"] not in ("direct", "indirect", "total"):
        return _label(line, how)
    levels = (level_label(key, line[key], how) for key in ACROSS if key in line)
    return ", ".join([f"{how.block(line['to'])}: {_head(line, how)}", *levels])


def _names(effects: Effects) -> list[object]:
    """What labels may replace: regressors, and what tells their effects apart."""
    keys = [key for key in ("x", "to", "from", "city", *ACROSS) if key in effects.table]
    return [name for key in keys for name in effects.table[key].unique()]


def _crossed(tidy: pd.DataFrame) -> bool:
    """Whether effects are told apart by more than receivers and senders."""
    return any(column in tidy for column in ACROSS)


def _meaning(effects: Effects, by_block: bool) -> str:
    if by_block:
        return BY_BLOCK[effects.per]
    return BY_CITY if "received" in set(effects.table["effect"]) else BY_SCENARIO


def _time(effects: Effects, how: Display) -> str:
    """Which years of a change of x the effects are of, as a sentence."""
    return how.say("Years: {}.", word(effects.years, how.language)) if effects.years else ""


def _under(how: Display) -> list[str]:
    return [] if how.below is None else [how.say(UNDER[how.below], percent(how.level))]


def _one_line_each(tidy: pd.DataFrame, how: Display) -> list[Row]:
    rows = []
    for x, lines in tidy.groupby("x", sort=False):
        rows.append(Row(how.label(x), (), "group"))
        for line, places in zip(lines.to_dict("records"), how.places(lines["se"]), strict=True):
            rows.append(Row(_label(line, how), how.line(number(line), places)))
    return rows


def _label(line: Mapping[Any, Any], how: Display, across: str | None = None) -> str:
    """What tells a line apart from the others of its x, and not what stands `across` the page."""
    label = how.say(str(line["effect"]).capitalize())
    if "to" in line:
        ends = f"{how.block(line['from'])} → {how.block(line['to'])}"
        label = f"{label}: {ends}" if any(key in line for key in ACROSS) else ends
    if "city" in line:
        label = f"{how.label(line['city'])}: {label}"
    levels = (level_label(key, line[key], how) for key in ACROSS if key in line and key != across)
    return ", ".join([label, *levels])


def level_label(key: str, value: object, how: Display) -> str:
    """A year of the horizon, an order of neighbours, a band or a channel."""
    if key == "horizon":
        return how.say("long run") if value == "long" else how.say("year {}", value)
    if key == "order":
        return how.say("further orders") if value == "rest" else how.say("order {}", value)
    return how.block(value)


def _side_by_side(
    tidy: pd.DataFrame, how: Display, receiver: str
) -> tuple[tuple[str, ...], list[Row]]:
    """One row per x and receiver (block or city), one column per effect."""
    heads = [_head(line, how) for line in tidy.to_dict("records")]
    labels = [how.block(name) for name in tidy[receiver]]
    return crossing(tidy.assign(head=heads, row=tidy[receiver], label=labels), how)


def _across(tidy: pd.DataFrame, how: Display) -> tuple[tuple[str, ...], list[Row]]:
    """One row per effect, one column per year, order, band or channel."""
    across = next((key for key in ACROSS if key in tidy), None)
    if across is None:
        raise ConfigError(
            "wide=True puts years, orders, bands or channels side by side, and these effects have "
            f"none of them; they are told apart by {', '.join(tidy.columns[:2])}."
        )
    lines = tidy.to_dict("records")
    heads = [level_label(across, line[across], how) for line in lines]
    labels = [_label(line, how, across) for line in lines]
    return crossing(tidy.assign(head=heads, row=labels, label=labels), how)


def crossing(tidy: pd.DataFrame, how: Display) -> tuple[tuple[str, ...], list[Row]]:
    """Lines by `row`, columns by `head`; a crossing without a number is empty.

    Raises
    ------
    ConfigError
        Two numbers in one crossing, for their blocks, cities or levels print alike.
    """
    twice = tidy[tidy.duplicated(["x", "row", "head"])]
    if len(twice):
        line, head = twice["label"].iloc[0], twice["head"].iloc[0]
        raise ConfigError(
            f"the table would have two numbers in the line {line!r}, column {head!r}: blocks, "
            "cities or levels print alike. Give each a label of its own, labels={...}."
        )
    columns = tuple(dict.fromkeys(tidy["head"]))
    rows = []
    for x, lines in tidy.groupby("x", sort=False):
        rows.append(Row(how.label(x), (), "group"))
        # Decimals are chosen per x: blocks, cities and years are read against each other.
        lines = lines.assign(places=how.places(lines["se"]))
        for _, cells in lines.groupby("row", sort=False):
            found = {line["head"]: how.pair(number(line), line["places"])
                     for line in cells.to_dict("records")}  # fmt: skip
            above, below = zip(*(found.get(c, (("",), ("",))) for c in columns), strict=True)
            rows.append(Row(cells["label"].iloc[0], tuple(cell for cell, *_ in above)))
            if how.below is not None:
                rows.append(Row("", tuple(cell for cell, *_ in below), "below"))
    return columns, rows


def _head(line: Mapping[Any, Any], how: Display) -> str:
    if "to" not in line:
        return how.say(str(line["effect"]).capitalize())
    if line["effect"] in ("direct", "total"):
        return how.say("Own" if line["effect"] == "direct" else "Total")
    return how.say("From {}", how.block(line["from"]))
