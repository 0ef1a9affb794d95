"""The formats of weights files: each a reader of a path and a writer of bytes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from spatialsyn.cities.encoding import text_encoding
from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.core import Weights

LONG = ["to", "from", "weight"]
# A MATLAB file opens with a free text, into which its writers put the time of day.
MATLAB_HEADER, MATLAB_TEXT = 116, b"MATLAB 5.0 MAT-file, weights by spatialsyn"
# MATLAB's numbers are doubles, which hold whole numbers up to here.
MATLAB_WHOLE = 2**53


class Stored(NamedTuple):
    """What a file holds: a matrix, and the city of every row if it says so."""

    matrix: Any
    ids: list[Any] | None


# GAL and GWT


def write_gal(weights: Weights) -> bytes:
    links = weights.sparse
    if not (links.data == 1).all():
        raise WeightsError(
            f"a .gal holds links without weights, and those of W[{weights.name}] are not all one. "
            "Write the matrix before it is standardised, or a .gwt, .csv, .txt or .mat."
        )
    ids = _words(weights)
    lines = [f"0 {weights.n} {_word(weights.name)} id"]
    for city, start, end in zip(ids, links.indptr[:-1], links.indptr[1:], strict=True):
        neighbours = [ids[j] for j in links.indices[start:end]]
        lines += [f"{city} {len(neighbours)}", " ".join(neighbours)]
    return _text(lines)


def read_gal(path: Path, ids: Sequence[Any] | None) -> Stored:
    header, *words = _header(path)
    at, links = 0, {}
    while at < len(words):
        city, count = words[at], int(words[at + 1])
        if city in links:
            raise WeightsError(f"{path.name!r} lists the city {city!r} more than once.")
        links[city] = words[at + 2 : at + 2 + count]
        if len(links[city]) < count:
            raise WeightsError(
                f"{path.name!r} ends before the {count} neighbours that {city!r} is said to have; "
                f"it names {len(links[city])}. Copy the whole file."
            )
        at += 2 + count
    if len(links) != header:
        raise WeightsError(f"{path.name!r} announces {header} cities and lists {len(links)}.")
    rows = [(city, other, 1.0) for city, others in links.items() for other in others]
    return _from_links(rows, list(links), path.name)


def write_gwt(weights: Weights) -> bytes:
    ids = _words(weights)
    rows = (f"{ids[i]} {ids[j]} {w!r}" for i, j, w in _links(weights))
    return _text([f"0 {weights.n} {_word(weights.name)} id", *rows])


def read_gwt(path: Path, ids: Sequence[Any] | None) -> Stored:
    header, *words = _header(path)
    if len(words) % 3:
        raise WeightsError(f"{path.name!r} has a line that is not receiver, sender, weight.")
    rows = [(a, b, float(w)) for a, b, w in zip(words[::3], words[1::3], words[2::3], strict=True)]
    cities = list(dict.fromkeys([*(a for a, _, _ in rows), *(b for _, b, _ in rows)]))
    if ids is not None:
        cities = list(dict.fromkeys([*cities, *map(str, ids)]))
    if len(cities) != header:
        raise WeightsError(
            f"{path.name!r} announces {header} cities and names {len(cities)}: a .gwt leaves out "
            "cities without a link. Say which there are: read(path, ids=[...])."
        )
    return _from_links(rows, cities, path.name)


# Tables


def write_long(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    return _table([LONG, *([ids[i], ids[j], repr(w)] for i, j, w in _links(weights))])


def write_square(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    rows = ([i, *map(_short, row)] for i, row in zip(ids, weights.dense(), strict=True))
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
    n, columns = table.shape
    if columns not in (n, n + 1):
        raise WeightsError(
            f"{path.name!r} has {n} rows and {columns} variables: weights are n variables, or one "
            "of ids and n of weights, in the order of the rows."
        )
    rows = [list(map(_cell, row)) for row in table.to_numpy(dtype=object)]
    if columns == n:
        return _bare(rows, path, ids)
    return _table_of_weights([["", *(row[0] for row in rows)], *rows], path, ids)


def _table_of_weights(table: list[list[str]], path: Path, ids: Sequence[Any] | None) -> Stored:
    """Rows of cells: long, square with ids as first row and column, or n x n numbers."""
    if not table:
        raise WeightsError(f"{path.name!r} is empty: it is not a {path.suffix} of weights.")
    head, *body = table
    columns = [cell.strip() for cell in head]
    if sorted(columns) == sorted(LONG):
        odd = [row for row in body if len(row) != len(LONG)]
        if odd:
            raise WeightsError(
                f"{path.name!r} has {len(odd)} rows that are not {', '.join(columns)}: "
                f"{named(','.join(row) for row in odd)}."
            )
        at = [columns.index(name) for name in LONG]
        links = [[row[i] for i in at] for row in body]
        rows = [(a, b, _weight(w, a, b)) for a, b, w in links]
        cities = list(dict.fromkeys([*(a for a, _, _ in rows), *(b for _, b, _ in rows)]))
        return _from_links(rows, cities, path.name)
    # The first row and column of a symmetric matrix are the same, as those of ids would be.
    cities = head[1:]
    if _is_number(head[0]) and (ids is None or set(cities) != {str(i) for i in ids}):
        return _bare(table, path, ids)
    if sorted(row[0] for row in body) != sorted(cities):
        raise WeightsError(
            f"{path.name!r} is neither long (the columns to, from, weight) nor square (the same "
            "ids as first row and first column)."
        )
    place = {city: i for i, city in enumerate(cities)}
    body.sort(key=lambda row: place[row[0]])
    short = [row[0] for row in body if len(row) != len(head)]
    if short:
        raise WeightsError(f"{path.name!r} needs {len(cities)} weights in the rows {named(short)}.")
    try:
        matrix = np.array([row[1:] for row in body], dtype=float)
    except ValueError:
        for row in body:
            for city, cell in zip(cities, row[1:], strict=True):
                _weight(cell, row[0], city)  # says which it is
        raise
    return Stored(matrix, cities)


def _bare(rows: list[list[str]], path: Path, ids: Sequence[Any] | None) -> Stored:
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


def write_stata(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    odd = [i for i in ids if not re.fullmatch(r"0|[1-9]\d*", i)]
    if odd:
        raise WeightsError(
            f"Stata's ids are whole numbers; those of W[{weights.name}] are not: {named(odd)}. "
            "Number the cities, or write a .csv."
        )
    rows = zip(ids, weights.dense(), strict=True)
    return _text([str(weights.n), *(" ".join([i, *map(_short, row)]) for i, row in rows)])


def read_stata(path: Path, ids: Sequence[Any] | None) -> Stored:
    lines = path.read_text(text_encoding(path)).splitlines()
    head, *body = [line.split() for line in lines if line.strip()]
    if len(head) > 1 and len(head) == len(body) + 1:
        return _bare([head, *body], path, ids)
    if len(head) != 1:
        raise WeightsError(
            f"the first line of {path.name!r} must be the number of places alone; "
            f"{' '.join(head[:4])!r} may be a banded matrix. Export it without bands."
        )
    n = int(head[0])
    if len(body) == n and all(len(row) == n for row in body):  # spmat export, noid
        return _bare(body, path, ids)
    if len(body) != n or any(len(row) != n + 1 for row in body):
        raise WeightsError(f"{path.name!r} must have {n} lines of an id and {n} weights each.")
    return Stored(np.array([row[1:] for row in body], dtype=float), [row[0] for row in body])


# MATLAB


def write_matlab(weights: Weights) -> bytes:
    from scipy.io import savemat

    whole = all(
        isinstance(i, int | np.integer) and abs(int(i)) <= MATLAB_WHOLE for i in weights.ids
    )
    ids: Any = np.array(weights.ids, dtype=float if whole else object)
    if not whole:
        ids = np.array([str(i) for i in weights.ids], dtype=object)
    held = {"W": sparse.csc_matrix(weights.matrix), "ids": ids[:, None], "name": weights.name}
    content = io.BytesIO()
    savemat(content, held)  # type: ignore[arg-type]
    return MATLAB_TEXT.ljust(MATLAB_HEADER) + content.getvalue()[MATLAB_HEADER:]


def read_matlab(path: Path, ids: Sequence[Any] | None) -> Stored:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        held = loadmat(path)
    except (NotImplementedError, MatReadError) as error:
        raise WeightsError(
            f"{path.name!r} is no MATLAB file of version 5 to 7 ({error}). In MATLAB: "
            "save('w.mat', 'W', 'ids', '-v7')."
        ) from error
    square = [key for key, value in held.items() if _is_square(value)]
    if "W" not in square and len(square) != 1:
        raise WeightsError(
            f"{path.name!r} holds the square matrices {named(square) or 'none'}: call one W."
        )
    matrix = held["W" if "W" in square else square[0]]
    if "ids" not in held:
        if ids is None:
            raise WeightsError(f"{path.name!r} has no variable ids: read(path, ids=[...]).")
        return Stored(matrix, None)
    ids_held = np.ravel(held["ids"])
    if ids_held.dtype.kind == "U":  # rows of one array of letters have one length
        ids_held = np.char.rstrip(ids_held)
    return Stored(matrix, [_matlab_id(cell) for cell in ids_held])


def _is_square(value: Any) -> bool:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    number = getattr(getattr(value, "dtype", None), "kind", "O") in "biuf"
    return bool(number and len(shape) == 2 and shape[0] == shape[1] > 1)


def _matlab_id(cell: Any) -> Any:
    """A cell of text, or a number."""
    if isinstance(cell, np.ndarray):
        cell = cell.ravel()[0]
    return str(cell) if isinstance(cell, str) else int(cell) if cell == int(cell) else float(cell)


# Common to several formats


def _links(weights: Weights) -> Iterator[tuple[int, int, float]]:
    """Receiver, sender, weight; a row of zero for a city that receives nothing, to name it."""
    links = weights.sparse
    for i, (start, end) in enumerate(zip(links.indptr[:-1], links.indptr[1:], strict=True)):
        if start == end:
            yield i, i, 0.0
        columns, values = links.indices[start:end].tolist(), links.data[start:end].tolist()
        for j, weight in zip(columns, values, strict=True):
            yield i, j, weight


def _from_links(rows: list[tuple[str, str, float]], cities: list[str], file: str) -> Stored:
    position = {city: i for i, city in enumerate(cities)}
    foreign = dict.fromkeys(b for _, b, _ in rows if b not in position)
    if foreign:
        raise WeightsError(f"{file!r} names the neighbours {named(foreign)}, which have no row.")
    if len({(a, b) for a, b, _ in rows}) < len(rows):
        raise WeightsError(f"{file!r} lists a link more than once.")
    receiver, sender = [position[a] for a, _, _ in rows], [position[b] for _, b, _ in rows]
    values: Array = np.array([weight for _, _, weight in rows], dtype=float)
    n = len(cities)
    return Stored(sparse.csr_array((values, (receiver, sender)), (n, n)), cities)


def _header(path: Path) -> tuple[Any, ...]:
    """The number of cities that a GeoDa file announces, and the words after its first line."""
    first, _, rest = path.read_text(text_encoding(path)).partition("\n")
    words = first.split()
    return int(words[0] if len(words) == 1 else words[1]), *rest.split()


def _words(weights: Weights) -> list[str]:
    """The ids as words of a file that is cut at spaces."""
    ids = [str(i) for i in weights.ids]
    spaced = [i for i in ids if re.search(r"\s", i) or not i]
    if spaced:
        raise WeightsError(
            f"the ids {named(spaced)} have spaces, at which a .gal or .gwt is cut. Write a .csv."
        )
    return ids


def _word(name: str) -> str:
    return re.sub(r"\s+", "_", name) or "w"


def _short(weight: float) -> str:
    """All digits of a weight; a zero is a zero."""
    return "0" if weight == 0 else repr(float(weight))


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _table(rows: list[list[str]]) -> bytes:
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows(rows)
    return content.getvalue().encode()


FORMATS: dict[str, tuple[Callable[..., Stored], Callable[[Weights], bytes]]] = {
    ".gal": (read_gal, write_gal),
    ".gwt": (read_gwt, write_gwt),
    ".csv": (read_csv, write_long),
    ".txt": (read_stata, write_stata),
    ".mat": (read_matlab, write_matlab),
}
# Tables of other programs are read and not written.
READERS = {suffix: reader for suffix, (reader, _) in FORMATS.items()}
READERS |= {".xlsx": read_excel, ".dta": read_dta}
# Formats that only their program reads, and what it writes instead.
ELSEWHERE = {
    ".spmat": "in Stata: spmat export W using w.txt",
    ".stswm": "in Stata: spmatrix export W using w.txt",
    ".xls": "save it as .xlsx or .csv",
    ".rds": "in R: write.csv(W, 'w.csv'), with the ids as dimnames",
}
