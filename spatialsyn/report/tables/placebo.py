"""A table of effects beside those of chance."""

from __future__ import annotations

import pandas as pd

from spatialsyn.effects.table import EFFECTS
from spatialsyn.errors import ConfigError, expect, percent
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.arrangement import DEFAULT
from spatialsyn.report.tables.display import (
    NONE,
    Display,
    Labels,
    chance,
    decimals,
    fixed,
    interval,
)
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import sample_notes
from spatialsyn.report.tables.regression import Table
from spatialsyn.results import Results
from spatialsyn.study.placebo import INSIDE, Placebo

EXCHANGED = {
    "W": "Placebo: the cities of every matrix are relabelled at random. Its structure stays, and "
    "cities get the neighbours of others.",
    "links": "Placebo: every city keeps the strengths of its links and gets random cities at their "
    "ends.",
    "x": "Placebo: the cities exchange their whole series of the variable at random.",
}
TAILS = (
    "p: twice the share of draws, the data counted among them, that lie as far out as the estimate "
    "on its side; p of t: the same of the estimate over its standard error. The smallest that "
    "{} draws allow is {}."
)
HEADS = ("Estimate", "Mean of placebos", "{} of placebos", "p", "p of t")


def placebo_table(
    found: Placebo,
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    of: Results | None = None,
    language: str = "en",
) -> Table:
    """Every effect beside its mean and range once places were exchanged at random, and p.

    Parameters
    ----------
    found : ``ss.placebo(...)``
    labels : print labels of regressors and matrices
    digits : decimals at least; more where the spread of the placebos needs them for two digits
    of : Results, optional
        The fit of the data: its weights, corrections and cities go into the notes.
    language : "en" | "zh"

    Raises
    ------
    ConfigError
        Not what ``ss.placebo`` returns, or labels that match nothing.
    """
    expect(found, Placebo, "placebo_table needs what ss.placebo(...) returns", ConfigError)
    fits = {} if of is None else {"": of}
    check_labels(labels, "placebo_table", filter(None, found.table["x"]), fits.values())
    how = Display(labels, digits, language=language)
    draws, table = found.draws["draw"].nunique(), found.table
    effects, least = table["effect"].isin(EFFECTS), 2 / (1 + draws)
    rows = [row for x, lines in table[effects].groupby("x", sort=False)
            for row in (Row(how.label(x), (), "group"), *_rows(lines, how))]  # fmt: skip
    rows += [row._replace(kind="foot") for _, line in table[~effects].iterrows()
             for row in _rows(line.to_frame().T, how)]  # fmt: skip
    notes = [
        how.say(EXCHANGED[found.shuffle]),
        how.say("{:,} draws, seed {}.", draws, found.seed),
        *([how.say("{:,} more draws have no estimate.", found.failed)] if found.failed else []),
        how.say(TAILS, f"{draws:,}", fixed(least, decimals(least, digits))),
        *sample_notes(fits, how),
    ]
    return Table(
        how.say("Effects beside those of chance") if title is None else title,
        tuple(how.say(head, percent(INSIDE)) for head in HEADS),
        tuple(rows), tuple(notes), table.copy(), align="right", language=language,
    )  # fmt: skip


def _rows(lines: pd.DataFrame, how: Display) -> list[Row]:
    """One line per effect, with decimals that suit the spread of the placebos."""
    spread = (lines["high"] - lines["low"]) / 4  # 95 % of a normal are four standard deviations
    rows = []
    for line, places in zip(lines.to_dict("records"), how.places(spread), strict=True):
        cells = [NONE] * len(HEADS)
        if any(line[key] != 0 for key in ("estimate", "low", "high")):
            middle = (fixed(line[key], places) for key in ("estimate", "mean"))
            ends = interval(line["low"], line["high"], places)
            cells = [*middle, ends, *(chance(line[key], how.digits) for key in ("p", "p_t"))]
        rows.append(Row(effect_label(line["effect"], line["x"], how), tuple(cells)))
    return rows


def effect_label(effect: str, x: str, how: Display) -> str:
    """Direct, indirect or total; rho of a matrix by its symbol; the log-likelihood."""
    if x and effect not in EFFECTS:
        return f"{DEFAULT.symbols[effect]}[{'+'.join(map(how.label, x.split('+')))}]"
    return how.say(effect.capitalize())
