"""What every format prints: a title, cells that are already text, notes, and the raw numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from unicodedata import east_asian_width

import pandas as pd


class Row(NamedTuple):
    """One line: a stub, its cells (none in a heading) and its kind.

    Fewer cells than the table has columns share them evenly: a fact about a model stands
    over the columns of its estimate and its standard error.

    Kinds: ``group`` heading, ``body`` numbers, ``below`` the line of standard errors under
    them, ``foot`` facts about the fit, set off by a rule.
    """

    label: str
    cells: tuple[str, ...] = ()
    kind: str = "body"


@dataclass(frozen=True, eq=False, repr=False)
class Layout:
    """A table that knows nothing of formats.

    Attributes
    ----------
    title : above the table; may be empty
    columns : header cells after the stub
    rows : display strings, made once
    notes : sentences below the table
    frame : the numbers behind the cells, tidy, every digit kept
    stub : header of the first column
    align : "center" | "right" | "left", of the cells; what stands left may be broken into lines
    over : header cells above `columns`, sharing them evenly; may be empty
    language : of the fixed words, "en" | "zh"
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    frame: pd.DataFrame
    stub: str = ""
    align: str = "center"
    over: tuple[str, ...] = ()
    language: str = "en"

    @property
    def headers(self) -> list[Row]:
        """The lines above the body, the last of them with a cell for every column."""
        above = [Row("", self.over, "over")] if self.over else []
        return [*above, Row(self.stub, self.columns, "header")]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """Every row with its label first and a cell, maybe empty, in every column."""
        return [self.spread(row) for row in self.rows]

    def spread(self, row: Row) -> tuple[str, ...]:
        """The label and a cell for every column; the others of a shared cell are empty."""
        each = self.each(row.cells)
        wide = [text for cell in row.cells or ("",) for text in (cell, *[""] * (each - 1))]
        return (row.label, *wide)

    def each(self, cells: Sequence[str]) -> int:
        """How many columns a cell of this line takes."""
        return len(self.columns) // max(1, len(cells))

    @property
    def ruled(self) -> list[bool]:
        """Which rows have a rule above them: the first of the foot, and what follows one."""
        kinds = [row.kind for row in self.rows]
        pairs = pairwise([*kinds[:1], *kinds])
        return [(kind == "foot") != (before == "foot") for before, kind in pairs]


def width(words: str) -> int:
    """Columns that `words` takes in a monospaced line; Chinese letters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in words)


# Widths of Times letters, in ems: figures and small letters, capitals, narrow and wide ones.
NARROW, WIDE, CAPITAL = "iljtfrI.,:;'|()[] ", "mwMW%@—…", 0.70


def ems(words: str) -> float:
    """Width of `words` in a proportional roman type, in ems; a little generous."""
    return sum(map(_em, words))


def _em(letter: str) -> float:
    if east_asian_width(letter) in "WF":
        return 1.0
    if letter in NARROW:
        return 0.34
    if letter in WIDE:
        return 0.95
    return CAPITAL if letter.isupper() else 0.54


def in_lines(words: str, room: float) -> str:
    """`words` in lines of so many ems, where they can be parted between words."""
    lines: list[str] = []
    for word in words.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and ems(joined) <= room:
            lines[-1] = joined
        else:
            lines.append(word)
    return "\n".join(lines)


# Ems in a line of text, and how much wider than its longest word a column is.
LINE, EASE = 50.0, 1.3


def text_shares(table: Layout) -> list[float]:
    """Shares of the line for columns of text that may be broken, not within words."""
    lines = [(table.stub, *table.columns), *(line for line in table.lines if any(line[1:]))]
    columns = list(zip(*lines, strict=True))
    whole = [max(map(ems, column)) for column in columns]
    words = [EASE * max(ems(w) for cell in column for w in cell.split() or [""])
             for column in columns]  # fmt: skip
    least = [word * min(1.0, 0.8 * LINE / sum(words)) for word in words]
    wish = [max(0.0, size - word) ** 0.5 + 0.01 for size, word in zip(whole, least, strict=True)]
    spare = LINE - sum(least)
    return [(a + spare * b / sum(wish)) / LINE for a, b in zip(least, wish, strict=True)]
