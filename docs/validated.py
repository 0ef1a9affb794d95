"""Writes docs/validated.md: numbers of other programs beside ours, computed again.

python docs/validated.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import spatialsyn as ss

PAGE = Path(__file__).with_name("validated.md")
# Digits from which on two numbers are called equal.
EQUAL = 6
# The reason of a number that was printed with few digits, all of which agree.
PRINTED = "all printed digits"
HEAD = """# Validated numbers

Written by `python docs/validated.py` from `ss.validate()`, which ships with the package: run
`spatialsyn validate` to compute all of it again. The panels are the cigarette and the productivity
data of the R package plm. "R, independent" and "Python, independent" are written from the formulas
without any of the packages, "mended" is a program without its known fault.

Digits are those in which both numbers agree, twelve at most.
"""
APART = """
## Where fewer than six digits agree

Numbers of known faults are kept as evidence, each with its reason.
"""


def row(cells: list[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(names: list[str], rows: list[list[object]]) -> list[str]:
    return [row(names), "|" + "---|" * len(names), *map(row, rows)]


def by_program(found: pd.DataFrame) -> list[str]:
    rows: list[list[object]] = []
    for program, group in found.groupby("program", sort=False):
        equal = int((group["digits"] >= EQUAL).sum())
        rows.append([program, len(group), equal, group["digits"].median().astype(int)])
    return table(["program", "numbers", f"{EQUAL} digits or more", "median of digits"], rows)


def apart(found: pd.DataFrame) -> list[str]:
    few = found[(found["digits"] < EQUAL) & (found["why"] != PRINTED)]
    rows = [
        [r.program, r.panel, r.model, r.quantity, f"{r.theirs:.7g}", f"{r.ours:.7g}", r.why]
        for r in few.itertuples()
    ]
    return table(["program", "panel", "model", "quantity", "theirs", "ours", "why"], rows)


def main() -> None:
    """The page, beside and renamed."""
    found = ss.validate().table
    beside = PAGE.with_suffix(".new")
    text = [HEAD, *by_program(found), APART, *apart(found), ""]
    beside.write_text("\n".join(text), encoding="utf-8")
    beside.replace(PAGE)


if __name__ == "__main__":
    main()
