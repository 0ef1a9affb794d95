"""What every format prints: a title, cells that are already text, notes, and the raw numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from unicodedata import east_asian_width

import pandas as pd


class Row(NamedTuple):
    """One line: a stub, its cells (none in a heading) and its kind.

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
    align : "center" | "right", of the cells
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    frame: pd.DataFrame
    stub: str = ""
    align: str = "center"

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """Every row with its label first and a cell, maybe empty, in every column."""
        blank = ("",) * len(self.columns)
        return [(row.label, *(row.cells or blank)) for row in self.rows]

    @property
    def ruled(self) -> list[bool]:
        """Which rows have a rule above them: the first of the foot."""
        kinds = ["foot", *(row.kind for row in self.rows)]
        return [kind == "foot" and before != "foot" for before, kind in pairwise(kinds)]


def width(words: str) -> int:
    """Columns that `words` takes in a monospaced line; Chinese letters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in words)
