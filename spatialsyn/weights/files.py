"""Weights in and out of files that other programs read; the ids always travel.

``.gal``  links only (GeoDa, R spdep, PySAL): a matrix of zeros and ones
``.gwt``  one line per link: receiver, sender, weight (GeoDa, R spdep, PySAL)
``.csv``  long, with the columns to, from, weight; or square, ids as first row and column
``.txt``  Stata: the number of places, then an id and a row per line (`spmat import`,
          `spmatrix import`; SJ 13-2 st0292 and [SP] spmatrix export)
``.mat``  MATLAB 5: a sparse matrix W, and ids
``.xlsx`` the first sheet, as a .csv; read only
``.dta``  Stata: n variables of weights, behind one of ids if there is one; read only

A ``.gwt`` that GeoDa makes of a distance band holds distances where others have weights. Read here,
far cities would be the strong ones: make such weights with `distance_band` or `inverse_distance`.

Files hold text: the id 440100 comes back as "440100". ``read(path, ids=panel.ids)`` gives
the ids their kind and the rows their order. Weights are written with all their digits. A
file is written beside and renamed, so it is complete or absent, and the same weights give
the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from struct import error as StructError
from typing import Any, TypeVar
from zipfile import BadZipFile

from scipy import sparse

from spatialsyn.cities.writing import destination, written
from spatialsyn.errors import AlignmentError, WeightsError, expect, listed, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.economic import BaseYears, given_years
from spatialsyn.weights.formats import ELSEWHERE, FORMATS, NAMELESS, READERS
from spatialsyn.weights.stored import Stored
from spatialsyn.weights.tables import write_square

T = TypeVar("T")


def write(
    weights: Weights, path: str | Path, layout: str = "long", overwrite: bool = False
) -> Path:
    """Write weights in the format that the suffix of `path` names.

    Parameters
    ----------
    path : .gal, .gwt, .csv, .txt (Stata) or .mat (MATLAB 5); folders on the way are made
    layout : "long" | "square", of a .csv
    overwrite : an existing file is refused without it

    Raises
    ------
    WeightsError
        The format cannot hold these weights or ids: weights other than one in a .gal, ids
        with spaces in a .gal or .gwt, ids that are no whole numbers for Stata.
    """
    expect(weights, Weights, "write takes one Weights", WeightsError)
    path = destination(_path(path))
    _, writer = _of(path, FORMATS)
    if layout not in ("long", "square"):
        raise WeightsError(f"layout={layout!r} is not one of 'long', 'square'.")
    if path.exists() and not overwrite:
        raise WeightsError(f"{path.name!r} exists. Say overwrite=True, or choose another name.")
    texts = [str(i) for i in weights.ids]
    if len(set(texts)) < weights.n:
        twice = sorted({text for text in texts if texts.count(text) > 1})
        raise WeightsError(f"the ids {named(twice)} of W[{weights.name}] read the same in a file.")
    if path.suffix.lower() == ".csv" and layout == "square":
        writer = write_square
    content = writer(weights)
    return written(path, content)


def read(
    path: str | Path,
    ids: Sequence[Any] | None = None,
    name: str | None = None,
    base_years: BaseYears = None,
) -> Weights:
    """Read weights from a file in the format that its suffix names.

    Parameters
    ----------
    ids : the cities, such as ``panel.ids``: they must be those of the file, read as text,
        and give the result their kind and order. Needed where the file has no ids (.mat, or n
        rows of n numbers: the cities in the order of its rows), or not those of cities without
        a link (.gwt).
    name : by default that of the file
    base_years : of the data the weights were made from, if any; no format keeps them

    Raises
    ------
    WeightsError
        The file is absent, or is not what its suffix says.
    AlignmentError
        The file and `ids` name different cities.
    """
    path = _path(path)
    ids = None if ids is None else listed(ids, "ids are the cities, panel.ids", WeightsError)
    reader = _of(path, READERS)
    if not path.is_file():
        raise WeightsError(f"there is no file {str(path)!r}.")
    try:
        stored = reader(path, ids)
    except WeightsError:
        raise
    except (ValueError, IndexError, KeyError, UnicodeDecodeError, BadZipFile, StructError) as error:
        raise WeightsError(f"{path.name!r} is not a {path.suffix} of weights: {error}.") from error
    matrix, cities = _matched(stored, ids, path.name)
    years = {} if base_years is None else {"base_years": given_years(base_years)}
    name = path.stem if name is None else name
    return Weights.from_matrix(matrix, cities, name, kind=f"file {path.name}", **years)


def _matched(stored: Stored, ids: Sequence[Any] | None, file: str) -> tuple[Any, list[Any]]:
    """The matrix, and its ids in the kind and order of `ids`."""
    if stored.ids is None or ids is None:
        return stored.matrix, list(ids or () if stored.ids is None else stored.ids)
    position = {str(city): i for i, city in enumerate(stored.ids)}
    if len(position) < len(stored.ids):
        raise WeightsError(f"{file!r} lists a city more than once.")
    wanted = [str(city) for city in ids]
    _check_same(wanted, list(position), file)
    order = [position[city] for city in wanted]
    return sparse.csr_array(stored.matrix)[order][:, order], list(ids)


def _check_same(wanted: list[str], found: list[str], file: str) -> None:
    """A file has the cities of `ids`."""
    absent = [city for city in wanted if city not in set(found)]
    extra = [city for city in found if city not in set(wanted)]
    if not (absent or extra):
        return
    way_out = " Correct the ids." if absent else ""
    if found == [str(i) for i in range(1, len(wanted) + 1)]:
        way_out = (
            " Its ids count the rows: where these are in the order of ids, it is ss.Weights."
            f"from_matrix(ss.weights.read({file!r}).matrix, ids=ids, name=...)."
        )
    elif absent and not extra:
        way_out += (
            " A city without any link needs a row of its own: in a long table, "
            f"{absent[0]},{absent[0]},0."
        )
    elif extra:
        way_out += (
            " Cities that are only in the file are left out by reading it without ids and "
            "weights.subset([...])."
        )
    raise AlignmentError(
        f"{file!r} and ids list different cities: in ids only {named(absent) or 'none'}, in "
        f"the file only {named(extra) or 'none'}.{way_out}"
    )


def _path(path: object) -> Path:
    expect(path, (str, os.PathLike), f"path is a file, one of {named(READERS, 7)}", WeightsError)
    return Path(path).expanduser()  # type: ignore[arg-type]


def _of(path: Path, formats: Mapping[str, T]) -> T:
    """What belongs to the suffix of `path`."""
    suffix = path.suffix.lower()
    if suffix not in formats:
        instead = f" Other programs write one: {ELSEWHERE[suffix]}." if suffix in ELSEWHERE else ""
        if suffix in NAMELESS:
            instead = (
                f" Read the matrix with {NAMELESS[suffix]} and say which city every row is: "
                "ss.Weights.from_matrix(matrix, ids=[...])."
            )
        raise WeightsError(
            f"{path.name!r} has none of the suffixes {named(formats, len(formats))}.{instead}"
        )
    return formats[suffix]
