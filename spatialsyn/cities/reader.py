"""From two files to a checked panel."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from spatialsyn.cities.boundaries import read_boundaries
from spatialsyn.cities.encoding import text_encoding
from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named

TABLES = (".csv", ".txt", ".tsv", ".xlsx", ".parquet", ".dta")


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
        csv (UTF-8 with or without BOM, or GBK; tabs in txt and tsv), xlsx, parquet or Stata's
        dta. Further columns called ``city`` or ``year`` become ``city_name`` and ``year_name``.
    missing : sequence of str
        Texts that stand for a missing cell, for example ``["-", "..."]``.
    thousands : str, optional
        The separator in numbers such as ``"1,234"``.
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
    polygons = None if boundaries is None else read_boundaries(boundaries, city=city, repair=repair)
    codes_are_text = polygons is not None and not pd.api.types.is_numeric_dtype(polygons.index)
    frame = _read_table(Path(table), city, codes_are_text, tuple(missing), thousands)
    if polygons is not None and city not in frame.columns:
        raise PanelError(
            f"{Path(table).name!r} has no column {city!r}, which the boundaries have; it has "
            f"{named(frame.columns, 40)}. Where the two files call the cities differently: "
            f"ss.CityPanel(frame, city=..., cities=ss.read_boundaries({str(boundaries)!r}, "
            f"city={city!r}))."
        )
    # A key that is not there is told from the names of the file, not from new ones.
    taken = {k: f"{k}_name" for k, own in (("city", city), ("year", year)) if k != own in frame}
    frame = frame.rename(columns={k: v for k, v in taken.items() if v not in frame.columns})
    return CityPanel(frame, city, year, polygons, blocks, absent)


def _read_table(
    path: Path, city: str, codes_are_text: bool, missing: tuple[str, ...], thousands: str | None
) -> pd.DataFrame:
    if not path.is_file():
        raise PanelError(f"there is no table {str(path)!r} (looked in {str(Path.cwd())!r}).")
    kind = path.suffix.lower()
    options: dict[str, Any] = {
        "na_values": list(missing),
        "keep_default_na": True,
        "thousands": thousands,
        "dtype": {city: str} if codes_are_text else None,
    }
    if kind not in TABLES:
        raise PanelError(f"cannot read {path.name!r}: the table must be one of {named(TABLES)}.")
    try:
        if kind == ".parquet":
            frame = pd.read_parquet(path)
        elif kind == ".dta":
            frame = _read_stata(path)
        elif kind == ".xlsx":
            frame = pd.read_excel(path, **options)
            if thousands:
                cells = pd.read_excel(path, **{**options, "thousands": None})
                _check_thousands(path, cells, frame, thousands)
        else:
            frame = _read_text(path, options)
            if thousands:
                cells = _read_text(path, {**options, "thousands": None, "dtype": str})
                _check_thousands(path, cells, frame, thousands)
    except PanelError:
        raise
    except (ValueError, ImportError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise PanelError(f"cannot read {path.name!r}: {error}.") from error
    if codes_are_text and city in frame.columns:
        codes = frame[city]
        if pd.api.types.is_float_dtype(codes) and (codes % 1 == 0).all():
            codes = codes.astype("int64")  # Stata's float of a code
        frame[city] = codes.astype("string").str.strip().astype(object)
    return frame


def _check_thousands(path: Path, cells: pd.DataFrame, frame: pd.DataFrame, mark: str) -> None:
    """Every separator stands before three digits: pandas reads 12,5 as 125."""
    digits = re.escape(mark)
    marked = rf"\s*[-+]?\d+(?:{digits}\d+)+(?:\.\d*)?\s*"
    grouped = rf"\s*[-+]?\d{{1,3}}(?:{digits}\d{{3}})+(?:\.\d*)?\s*"
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
    frame, labelled = pd.read_stata(path, convert_categoricals=False), pd.read_stata(path)
    for column in labelled.select_dtypes("category"):
        if all(isinstance(label, str) for label in labelled[column].cat.categories):
            frame[column] = labelled[column].astype(object)
    return frame


def _read_text(path: Path, options: dict[str, Any]) -> pd.DataFrame:
    encoding = text_encoding(path)
    with path.open(encoding=encoding) as file:
        first = file.readline()
    _check_separator(path, first)
    sep = "\t" if "\t" in first else ","
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
