"""Tables of weights: long with the columns to, from, weight, square with ids, or bare numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spatialsyn.cities.encoding import text_encoding
from spatialsyn.errors import WeightsError, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.stored import Stored, each_link, from_links

LONG = ["to", "from", "weight"]


def write_long(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    return _table([LONG, *([ids[i], ids[j], repr(w)] for i, j, w in each_link(weights))])


def write_square(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    rows = ([i, *map(short, row)] for i, row in zip(ids, weights.dense(), strict=True))
    return _table([["", *ids], *rows])


def read_csv(path: Path, ids: Sequence[Any] | None) -> Stored:
    return _table_of_weights(_rows(path), path, ids)


def read_excel(path: Path, ids: Sequence[Any] | None) -> Stored:
    """The first sheet, long or square as a csv."""
    import pandas as pd

    sheet = pd.read_excel(path, header=None, dtype=object)
    rows = [list(map(_cell, row)) for row in sheet.to_numpy()]
    return _table_of_weights([row for row in rows if any(row)], path, ids)


def _cell(value: Any) -> str:
    """A cell of a sheet as text; whole numbers, such as codes, without decimals."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_dta(path: Path, ids: Sequence[Any] | None) -> Stored:
    """A data set of Stata: n variables of weights in the order of the rows, behind ids or not."""
    import pandas as pd

    table = pd.read_stata(path, convert_categoricals=False)
    names = [str(name) for name in table.columns]
    n, columns = table.shape
    if columns not in (n, n + 1):
        raise WeightsError(
            f"{path.name!r} has {n} rows and {columns} variables: weights are n variables, or one "
            "of ids and n of weights, in the order of the rows."
        )
    rows = [list(map(_cell, row)) for row in table.to_numpy(dtype=object)]
    if columns == n:
        _check_order(names, [] if ids is None else [str(i) for i in ids], path)
        return bare(rows, path, ids)
    cities = [row[0] for row in rows]
    _check_order(names[1:], cities, path)
    return _table_of_weights([["", *cities], *rows], path, ids)


def _check_order(columns: list[str], cities: list[str], path: Path) -> None:
    """Variables that carry the ids of cities, such as w440100, carry them in the order of rows."""
    called = [
        name if name in cities else re.sub(r"^\D+", "", name).removeprefix("_") for name in columns
    ]
    if called != cities and sorted(called) == sorted(cities):
        moved = next(i for i, name in enumerate(called) if name != cities[i])
        raise WeightsError(
            f"the variables of {path.name!r} stand in another order than its cities: row "
            f"{moved + 1} is {cities[moved]!r}, variable {moved + 1} is {columns[moved]!r}. Bring "
            "them into one, in Stata by the commands sort and order."
        )


def _table_of_weights(cells: list[list[str]], path: Path, ids: Sequence[Any] | None) -> Stored:
    """Rows of cells: long, square with ids as first row and column, or n x n numbers."""
    if not cells:
        raise WeightsError(f"{path.name!r} is empty: it is not a {path.suffix} of weights.")
    table = [[cell.strip() for cell in row] for row in cells]
    head, *body = table
    if sorted(head) == sorted(LONG):
        return _long(head, body, path)
    # The first row and column of a symmetric matrix are the same, as those of ids would be.
    cities = head[1:]
    if _is_number(head[0]) and (ids is None or set(cities) != {str(i) for i in ids}):
        return bare(table, path, ids)
    return _square(head, body, path)


def _long(head: list[str], body: list[list[str]], path: Path) -> Stored:
    """One row per link, its columns in any order."""
    odd = [row for row in body if len(row) != len(LONG)]
    if odd:
        raise WeightsError(
            f"{path.name!r} has {len(odd)} rows that are not {', '.join(head)}: "
            f"{named(','.join(row) for row in odd)}."
        )
    at = [head.index(name) for name in LONG]
    links = [[row[i] for i in at] for row in body]
    rows = [(a, b, _weight(w, a, b)) for a, b, w in links]
    cities = list(dict.fromkeys([*(a for a, _, _ in rows), *(b for _, b, _ in rows)]))
    return from_links(rows, cities, path.name)


def _square(head: list[str], body: list[list[str]], path: Path) -> Stored:
    """The ids as first row and first column, whose orders may differ."""
    cities = head[1:]
    if sorted(row[0] for row in body) != sorted(cities):
        raise WeightsError(
            f"{path.name!r} is neither long (the columns to, from, weight) nor square (the same "
            f"ids as first row and first column).{_of_separators(head)}"
        )
    place = {city: i for i, city in enumerate(cities)}
    body.sort(key=lambda row: place[row[0]])
    uneven = [row[0] for row in body if len(row) != len(head)]
    if uneven:
        raise WeightsError(
            f"{path.name!r} needs {len(cities)} weights in the rows {named(uneven)}."
        )
    for i, row in enumerate(body, start=1):
        row[i] = row[i] or "0"  # no city is its own neighbour, and tables leave its cell empty
    try:
        matrix = np.array([row[1:] for row in body], dtype=float)
    except ValueError:
        for row in body:
            for city, cell in zip(cities, row[1:], strict=True):
                _weight(cell, row[0], city)  # says which it is
        raise
    return Stored(matrix, cities)


def _of_separators(head: list[str]) -> str:
    """What to do about a first row that is one cell, for its columns are separated otherwise."""
    other = next((mark for mark in ("\t", ";") if len(head) == 1 and mark in head[0]), None)
    if other is None:
        return ""
    told = "tabs" if other == "\t" else "semicolons, decimals perhaps by commas"
    return (
        f" Its columns are separated by {told}: read it with pandas.read_csv(path, sep={other!r}, "
        "index_col=0, ...), look, and use ss.Weights.from_matrix(frame)."
    )


def bare(rows: list[list[str]], path: Path, ids: Sequence[Any] | None) -> Stored:
    """A matrix without ids, in the order of those that are given."""
    n = len(rows)
    odd = [cell for row in rows for cell in row if not _is_number(cell)]
    uneven = next((i for i, row in enumerate(rows, start=1) if len(row) != n), None)
    if odd or uneven is not None:
        what = (
            f"the cells {named(odd)}" if odd else f"{len(rows[(uneven or 1) - 1])} in row {uneven}"
        )
        raise WeightsError(
            f"{path.name!r} must have {n} numbers in each of {n} rows; it has {what}."
        )
    if ids is None:
        raise WeightsError(
            f"{path.name!r} holds numbers and no ids: read(path, ids=[...]), the cities in the "
            "order of its rows."
        )
    return Stored(np.array(rows, dtype=float), None)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _rows(path: Path) -> list[list[str]]:
    """The rows of a table, empty ones left out."""
    with path.open(encoding=text_encoding(path), newline="") as file:
        return [row for row in csv.reader(file) if row]


def _weight(cell: str, to: str, origin: str) -> float:
    """The number in a cell."""
    try:
        return float(cell)
    except ValueError:
        raise ValueError(
            f"{cell!r}, the weight of {origin!r} on {to!r}, is no number; without a link it is 0, "
            "and thousands and percentages are written 1234 and 0.125"
        ) from None


def _table(rows: list[list[str]]) -> bytes:
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows(rows)
    return content.getvalue().encode()


def short(weight: float) -> str:
    """All digits of a weight; a zero is a zero."""
    return "0" if weight == 0 else repr(float(weight))
