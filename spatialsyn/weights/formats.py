"""The formats of weights files: each a reader of a path and a writer of bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from spatialsyn.cities.encoding import text_encoding
from spatialsyn.errors import WeightsError, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.stored import Stored, each_link, from_links
from spatialsyn.weights.tables import (
    bare,
    read_csv,
    read_dta,
    read_excel,
    short,
    write_long,
)

# A MATLAB file opens with a free text, into which its writers put the time of day.
MATLAB_HEADER, MATLAB_TEXT = 116, b"MATLAB 5.0 MAT-file, weights by spatialsyn"
# MATLAB's numbers are doubles, which hold whole numbers up to here.
MATLAB_WHOLE = 2**53


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
        city, count = words[at], _neighbours(words[at : at + 2], path)
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
    return from_links(rows, list(links), path.name)


def _neighbours(words: Sequence[str], path: Path) -> int:
    """The number of neighbours that stands behind a city."""
    if len(words) < 2 or not words[1].isdecimal():
        raise WeightsError(
            f"{path.name!r} is not a .gal of weights: behind the city {words[0]!r} must stand the "
            f"number of its neighbours; there is {named(words[1:]) or 'nothing'}. A .gal is cut at "
            "spaces, so that ids can have none: write the weights with codes."
        )
    return int(words[1])


def write_gwt(weights: Weights) -> bytes:
    ids = _words(weights)
    rows = (f"{ids[i]} {ids[j]} {w!r}" for i, j, w in each_link(weights))
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
    return from_links(rows, cities, path.name)


def write_stata(weights: Weights) -> bytes:
    ids = [str(i) for i in weights.ids]
    odd = [i for i in ids if not re.fullmatch(r"0|[1-9]\d*", i)]
    if odd:
        raise WeightsError(
            f"Stata's ids are whole numbers; those of W[{weights.name}] are not: {named(odd)}. "
            "Number the cities, or write a .csv."
        )
    rows = zip(ids, weights.dense(), strict=True)
    return _text([str(weights.n), *(" ".join([i, *map(short, row)]) for i, row in rows)])


def read_stata(path: Path, ids: Sequence[Any] | None) -> Stored:
    lines = path.read_text(text_encoding(path)).splitlines()
    head, *body = [line.split() for line in lines if line.strip()]
    if len(head) > 1 and len(head) == len(body) + 1:
        return bare([head, *body], path, ids)
    if len(head) != 1:
        raise WeightsError(
            f"the first line of {path.name!r} must be the number of places alone; "
            f"{' '.join(head[:4])!r} may be a banded matrix. Export it without bands."
        )
    n = int(head[0])
    if len(body) == n and all(len(row) == n for row in body):  # spmat export, noid
        return bare(body, path, ids)
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
    # SciPy's stubs before 1.18 know files by name alone.
    savemat(content, held)  # type: ignore[arg-type, unused-ignore]
    return MATLAB_TEXT.ljust(MATLAB_HEADER) + content.getvalue()[MATLAB_HEADER:]


def read_matlab(path: Path, ids: Sequence[Any] | None) -> Stored:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        held = loadmat(path, spmatrix=False)
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


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


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
    ".swm": "in ArcGIS: Convert Spatial Weights Matrix to Table, as a .csv of to, from, weight",
}
# Formats without ids, and what reads their matrix.
NAMELESS = {
    ".npz": "scipy.sparse.load_npz",
    ".npy": "numpy.load",
    ".mtx": "scipy.io.mmread",
    ".parquet": "pandas.read_parquet",
}
