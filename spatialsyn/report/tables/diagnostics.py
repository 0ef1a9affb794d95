"""The specification tests of a model as a table for print."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.diagnostics.table import Diagnostics
from spatialsyn.errors import ConfigError, expect
from spatialsyn.models.syntax import bracketed, unbracketed
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.diagnostic_words import spoken
from spatialsyn.report.tables.display import NONE, Display, Labels, chance, fixed
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.regression import Table
from spatialsyn.report.words import letter

LEVEL = 0.05
ODDS = (
    "Posterior probabilities of the families, equally likely before, under a g-prior "
    "(log-marginal likelihoods in brackets): {}."
)


def diagnostics_table(
    found: Diagnostics,
    labels: Labels = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Every test of `results.diagnostics()`: statistic, degrees of freedom and p-value.

    A test that does not apply shows dashes. Letters lead to the notes, which say why, and how
    each statistic is made; what all tests together say stands before them, and posterior
    probabilities of the families, Moran's I of the residuals by year and the variance inflation
    of every column after them.

    Parameters
    ----------
    labels : print labels of the regressors, used inside ``W[geo]*x`` too
    language : "en" | "zh"
        Names of methods stay, and so do reasons for which there is no Chinese.

    Raises
    ------
    ConfigError
        `found` is not what ``results.diagnostics()`` returns, or labels match nothing in it.
    """
    expect(found, Diagnostics, "diagnostics_table needs results.diagnostics()", ConfigError)
    check_labels(labels, "diagnostics_table", _names(found))
    how, letters = Display(labels, language=language), _letters(found.table["note"])
    rows: list[Row] = []
    for group, tests in found.table.groupby("group", sort=False):
        rows.append(Row(spoken(str(group), language), (), "group"))
        rows += [_row(test, letters, language) for _, test in tests.iterrows()]
    columns = (how.say("Statistic"), how.say("d.f."), how.say("p"), how.say("Note"))
    return Table(
        how.say("Specification tests") if title is None else title,
        columns,
        tuple(rows),
        tuple(_notes(found, letters, how)),
        found.tidy(),
        stub=how.say("Test: null hypothesis"),
        language=language,
    )


def _names(found: Diagnostics) -> list[str]:
    """What labels may replace: columns of the model, and the matrices and regressors in them."""
    columns = list(map(str, found.vif.index))
    lags = [name.removeprefix("W[").split("]*") for name in columns if name.startswith("W[")]
    odds = found.families.table
    matrices = [] if odds.empty else [W for W in odds["W"] if W != "-"]
    return [*columns, *(unbracketed(part) for parts in lags for part in parts), *matrices]


def _letters(notes: pd.Series) -> dict[str, str]:
    """A letter for each different note, in the order of the tests: a ... z, aa, ab ..."""
    different = filter(None, dict.fromkeys(notes))
    return {note: letter(i) for i, note in enumerate(different)}


def _row(test: pd.Series, letters: dict[str, str], language: str) -> Row:
    name, null = spoken(test["test"], language), spoken(test["null"], language)
    colon = "：" if language == "zh" else ": "
    label = f"{name}{colon}{null}" if null else name
    if np.isnan(test["statistic"]):
        return Row(label, (NONE, NONE, NONE, letters.get(test["note"], "")))
    cells = fixed(test["statistic"], 2), f"{test['df']:g}", chance(test["p"])
    return Row(label, (*cells, letters.get(test["note"], "")))


def _notes(found: Diagnostics, letters: dict[str, str], how: Display) -> list[str]:
    """What follows from the tests, the notes of the letters, the residuals, collinearity."""
    notes = [spoken(found.reading, how.language)]
    notes += [_note(letter, spoken(note, how.language), how) for note, letter in letters.items()]
    if len(found.families.table):
        odds = ", ".join(
            f"{_family(name, how)} {fixed(share, 3)} ({fixed(log, 2)})"
            for name, share, log in found.families.odds
        )
        notes.append(how.say(ODDS, odds))
    if len(found.moran):
        years = ", ".join(
            f"{year:g} {fixed(moran, 2)}{'*' if p < LEVEL else ''}"
            for year, moran, p in zip(*(found.moran[c] for c in ("year", "I", "p")), strict=True)
        )
        notes.append(how.say("Moran's I of the residuals by year (* p < 0.05): {}.", years))
    if len(found.vif):
        columns = ", ".join(f"{_column(str(k), how)} {fixed(v, 1)}" for k, v in found.vif.items())
        notes.append(how.say("Variance inflation factors: {}.", columns))
    return notes


def _family(name: str, how: Display) -> str:
    """``SAR W[geo]`` with the label of the matrix."""
    family, of, W = name.partition(" W[")
    return f"{family}{of}{how.label(W[:-1])}]" if of else family


def _note(letter: str, note: str, how: Display) -> str:
    colon, stop = ("：", "。") if how.language == "zh" else (": ", ".")
    return f"{letter}{colon}{note}" + ("" if note.endswith((".", "。")) else stop)


def _column(name: str, how: Display) -> str:
    """A column of the model; ``W[geo]*x`` keeps its matrix."""
    lag, star, x = name.partition("]*")
    if not star:
        return how.label(name)
    label = bracketed(how.label(unbracketed(x)))
    return f"W[{how.label(lag.removeprefix('W['))}]*{label}"
