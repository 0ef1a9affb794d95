"""From two files to a checked panel."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from spatialsyn.cities.boundaries import read_boundaries
from spatialsyn.cities.checks import where_it_may_be
from spatialsyn.cities.encoding import encoding_of, text_encoding
from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.tidying import with_empty_cells, with_kind_of, with_years_of_dates
from spatialsyn.errors import PanelError, expect, named, near

TABLES = (".csv", ".txt", ".tsv", ".xlsx", ".parquet", ".dta")
UNICODE_STATA = 118  # the format of files from which Stata, with its release 14, writes UTF-8
TITLES = 20  # rows in which the names of columns are looked for, below titles
TYPED = (".parquet", ".dta")  # cells are numbers or text in the file


def read_panel(
    boundaries: str | Path | None,
    table: str | Path,
    city: str = "adcode",
    year: str = "year",
    blocks: Iterable[str] = (),
    missing: Iterable[str] = (),
    thousands: str | None = None,
    repair: str | None = None,
    absent: str = "refuse",
) -> CityPanel:
    """Read city boundaries and a table of city-years into a `CityPanel`.

    Parameters
    ----------
    boundaries : path or None
        A shapefile, GeoPackage, GeoJSON or zipped shapefile with the column `city`.
        Polygons without rows in the table (Hong Kong, say) are kept for the maps, as
        ``panel.context``.
    table : path
        csv (UTF-8 with or without BOM, or GBK; tabs in txt and tsv), xlsx (the sheet with the
        columns `city` and `year`), parquet or Stata's dta. Further columns called ``city`` or
        ``year`` become ``city_name`` and ``year_name``. City ids become of the kind that the
        polygons have, text or whole numbers; dates that are all a 1 January become years.
    missing : sequence of str
        What stands for a missing cell, for example ``["-", "..."]``, or ``["-9999"]``, which
        empties cells with this number too.
    thousands : str, optional
        The separator in numbers such as ``"1,234"`` of a csv or xlsx.
    repair : "snap", optional
        Repair borders that do not match exactly; see `read_boundaries`.
    absent : "refuse" | "keep"
        What becomes of city-years without a row; see `CityPanel`.

    Raises
    ------
    PanelError, BoundaryError, AlignmentError
        Naming the rows, cells or polygons, and the way out.
    """
    if isinstance(missing, str):
        raise PanelError(
            f'missing={missing!r} must be a list of texts that stand for a missing cell, ["-"]. '
            'City-years without a row are kept with absent="keep".'
        )
    what = "the table is the path of a file; a DataFrame goes into ss.CityPanel(frame, cities=...)"
    expect(table, (str, os.PathLike), what, PanelError)
    if isinstance(boundaries, str | os.PathLike) and Path(boundaries).suffix.lower() in TABLES:
        raise PanelError(
            f"{Path(boundaries).name!r} is a table. Polygons come first and the table second, "
            "ss.read_panel('cities.shp', 'panel.csv'); without polygons None comes first."
        )
    polygons = None if boundaries is None else read_boundaries(boundaries, city=city, repair=repair)
    ids = None if polygons is None else polygons.index
    frame = _read_table(Path(table), city, year, ids, [str(text) for text in missing], thousands)
    if polygons is not None and city not in frame.columns:
        raise PanelError(
            f"{Path(table).name!r} has no column {city!r}, which the boundaries have; it has "
            f"{named(frame.columns, 40)}{near(city, frame.columns)}. Where the two files call the "
            "cities differently: ss.CityPanel(frame, city=..., cities=ss.read_boundaries("
            f"{str(boundaries)!r}, city={city!r})).{where_it_may_be(frame, city)}"
            f"{_across(frame, polygons.index, year)}"
        )
    # A key that is not there is told from the names of the file, not from new ones.
    taken = {k: f"{k}_name" for k, own in (("city", city), ("year", year)) if k != own in frame}
    frame = frame.rename(columns={k: v for k, v in taken.items() if v not in frame.columns})
    return CityPanel(frame, city, year, polygons, blocks, absent)


def _across(frame: pd.DataFrame, ids: pd.Index, year: str) -> str:
    """How a table becomes long whose columns are the cities."""
    cities = set(map(str, frame.columns)) & set(map(str, ids))
    if len(cities) < 2:
        return ""
    return (
        f" The cities seem to be columns ({named(sorted(cities), 3)}). A panel has a row for every "
        f"city and year: frame.melt(id_vars={year!r}, ...)."
    )


def _read_table(
    path: Path,
    city: str,
    year: str,
    ids: pd.Index | None,
    missing: list[str],
    thousands: str | None,
) -> pd.DataFrame:
    """The table of a file, its city ids of the kind of `ids`, if there are any."""
    if not path.is_file():
        raise PanelError(f"there is no table {str(path)!r} (looked in {str(Path.cwd())!r}).")
    kind = path.suffix.lower()
    codes_are_text = ids is not None and not pd.api.types.is_numeric_dtype(ids)
    options: dict[str, Any] = {
        "na_values": missing,
        "keep_default_na": True,
        "thousands": thousands,
        "dtype": {city: str} if codes_are_text else None,
    }
    if kind not in TABLES:
        raise PanelError(f"cannot read {path.name!r}: the table must be one of {named(TABLES)}.")
    try:
        if kind in TYPED:
            frame = _read_typed(path, (city, year), thousands)
        elif kind == ".xlsx":
            frame = _read_excel(path, (city, year), options)
        else:
            frame = _read_text(path, options)
            if thousands:
                cells = _read_text(path, {**options, "thousands": None, "dtype": str})
                _check_thousands(path, cells, frame, thousands)
    except PanelError:
        raise
    except (ValueError, ImportError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise PanelError(f"cannot read {path.name!r}: {error}.") from error
    frame = with_empty_cells(frame, missing)
    if city in frame.columns:
        frame[city] = with_kind_of(frame[city], ids)
    if year in frame.columns:
        frame[year] = with_years_of_dates(frame[year])
    return frame


def _read_typed(path: Path, keys: tuple[str, str], thousands: str | None) -> pd.DataFrame:
    """A file whose cells are numbers or text already; keys that are its index become columns."""
    if thousands:
        raise PanelError(
            f"thousands={thousands!r} is for the text of csv and xlsx, and {path.name!r} holds "
            "numbers as such. Where a column of it is text: frame[name] = pandas.to_numeric("
            f"frame[name].str.replace({thousands!r}, '')), then ss.CityPanel(frame, ...)."
        )
    if path.suffix.lower() == ".dta":
        return _read_stata(path)
    frame = pd.read_parquet(path)
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(levels) if {*keys} & {*levels} else frame


def _read_excel(path: Path, keys: tuple[str, str], options: dict[str, Any]) -> pd.DataFrame:
    """The one sheet with the columns `keys`, or the only one."""
    with pd.ExcelFile(path) as book:
        heads = {sheet: pd.read_excel(book, sheet, nrows=0).columns for sheet in book.sheet_names}
        fitting = [sheet for sheet, columns in heads.items() if {*keys} <= {*columns}]
        if len(fitting) > 1:
            raise PanelError(
                f"{path.name!r} has {len(fitting)} sheets with the columns {named(keys)}: "
                f"{named(fitting)}. Only one would be read. Save the one you mean as a file of its "
                f"own, or put them together: sheets = pandas.read_excel({path.name!r}, "
                "sheet_name=None), pandas.concat(sheets.values()), then ss.CityPanel(frame, ...)."
            )
        if not fitting and len(heads) > 1:
            raise PanelError(_no_sheet(book, path, keys))
        sheet = fitting[0] if fitting else book.sheet_names[0]
        _check_names(path, pd.read_excel(book, sheet, header=None, nrows=1, dtype=str))
        frame = pd.read_excel(book, sheet, **options)
        if options["thousands"]:
            cells = pd.read_excel(book, sheet, **{**options, "thousands": None})
            _check_thousands(path, cells, frame, options["thousands"])
    return frame


def _no_sheet(book: pd.ExcelFile, path: Path, keys: tuple[str, str]) -> str:
    """What every sheet has in its first row instead of `keys`, and in which row these are."""
    shown, below, wanted = "", "", {key.strip() for key in keys}
    for sheet in book.sheet_names:
        rows = pd.read_excel(book, sheet, header=None, nrows=TITLES, dtype=str)
        cells = [[cell for cell in row if isinstance(cell, str)] for row in rows.to_numpy()]
        shown += f"\n  {sheet!r}: {named(cells[0], 12) if cells else 'nothing'}"
        row = next((i for i, row in enumerate(cells) if wanted <= {*map(str.strip, row)}), 0)
        if row:
            below += (
                f" In {sheet!r} they stand in row {row + 1}: delete the {row} above it, and blanks "
                "around names."
            )
    return (
        f"none of the {len(book.sheet_names)} sheets of {path.name!r} has both columns, "
        f"{named(keys)}, in its first row. What is there:{shown}\n"
        f"Say how the columns are called there, city=..., year=....{below}"
    )


def _check_names(path: Path, head: pd.DataFrame) -> None:
    """No name twice in the first row of a file: pandas calls the second one 'gdp.1'."""
    names = [name for name in head.iloc[0] if isinstance(name, str)] if len(head) else []
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise PanelError(
            f"{path.name!r} has more than one column called {named(twice)}. Which is meant cannot "
            "be told: give each its own name in the file."
        )


def _check_thousands(path: Path, cells: pd.DataFrame, frame: pd.DataFrame, mark: str) -> None:
    """Every separator stands before three digits, behind others: pandas reads 12,5 and 0,125 as
    125."""
    digits = re.escape(mark)
    marked = rf"\s*[-+]?\d+(?:{digits}\d+)+(?:\.\d*)?\s*"
    grouped = rf"\s*[-+]?[1-9]\d{{0,2}}(?:{digits}\d{{3}})+(?:\.\d*)?\s*"
    for name in frame.select_dtypes("number"):
        text = cells[name][cells[name].map(lambda cell: isinstance(cell, str))].astype("string")
        odd = text[text.str.fullmatch(marked) & ~text.str.fullmatch(grouped)]
        if len(odd):
            raise PanelError(
                f"thousands={mark!r}, but no thousands stand behind it in {len(odd)} cells of "
                f"{name!r} in {path.name!r}: {named(odd)}. If {mark!r} is the decimal sign, read "
                f"the file yourself, frame = pandas.read_csv({path.name!r}, decimal={mark!r}), and "
                "use ss.CityPanel(frame, city=..., cities=ss.read_boundaries(...))."
            )


def _read_stata(path: Path) -> pd.DataFrame:
    """Labels of text, numbers where only some values have a label."""
    frame = pd.read_stata(path, convert_categoricals=False)
    try:
        labelled = pd.read_stata(path)
    except ValueError as error:
        found = re.search(r"labels for column (\S+) are not unique", str(error))
        if found is None:
            raise
        raise PanelError(
            f"the value labels of {found[1]!r} in {path.name!r} call two values the same. Give "
            f"them two labels, or take these away: in Stata, label values {found[1]} ."
        ) from error
    for column in labelled.select_dtypes("category"):
        if all(isinstance(label, str) for label in labelled[column].cat.categories):
            frame[column] = labelled[column].astype(object)
    return _as_written(frame, path)


def _as_written(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The text of a file of Stata 13 or before, whose encoding it does not say, read as GBK or
    UTF-8 where it is that; pandas takes it for western European."""
    start = path.read_bytes()[:64]
    release = re.search(rb"<release>(\d+)", start)
    if int(release[1] if release else start[0]) >= UNICODE_STATA:
        return frame
    cells = {
        name: [cell for cell in column if isinstance(cell, str)]
        for name, column in frame.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    content = "\n".join(cell for column in cells.values() for cell in column).encode("latin-1")
    encoding = encoding_of(content)
    if encoding is None:
        return frame

    def decoded(cell: Any) -> Any:
        return cell.encode("latin-1").decode(encoding) if isinstance(cell, str) else cell

    written = frame.copy()
    for name in (name for name, column in cells.items() if column):
        written[name] = frame[name].map(decoded)
    return written


def _read_text(path: Path, options: dict[str, Any]) -> pd.DataFrame:
    encoding = text_encoding(path)
    with path.open(encoding=encoding) as file:
        first = file.readline()
    _check_separator(path, first)
    sep = "\t" if "\t" in first else ","
    head = pd.read_csv(path, sep=sep, encoding=encoding, header=None, nrows=1, dtype=str)
    _check_names(path, head)
    frame = pd.read_csv(path, sep=sep, encoding=encoding, **options)
    if not isinstance(frame.index, pd.RangeIndex):  # pandas moves all columns by one then
        raise PanelError(
            f"the rows of {path.name!r} have more cells than its first row has names: "
            f"{named(first.strip().split(sep), 30)}. Name every column, or take the separators at "
            "the ends of the rows away."
        )
    return frame


def _check_separator(path: Path, first: str) -> None:
    """Semicolons come with decimal commas, which would be read as text or as thousands."""
    if ";" in first and "," not in first and "\t" not in first:
        raise PanelError(
            f"{path.name!r} separates its columns by semicolons; decimals may then be commas. Read "
            f"it yourself and look: frame = pandas.read_csv({path.name!r}, sep=';', decimal=','), "
            "then ss.CityPanel(frame, city=..., cities=ss.read_boundaries(...))."
        )
