"""What a table must be before it becomes a panel; every refusal names its rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import AlignmentError, PanelError, expect, named, near

# No panel is longer; dates written as numbers, and codes of cities, are.
MOST_YEARS = 3000


def check_columns(frame: pd.DataFrame, columns: Iterable[str], way_out: str = "") -> None:
    """Every one of `columns` exists, once; `way_out` is said where nothing is known of a column."""
    known = list(frame.columns)
    for name in columns:
        count = known.count(name) if isinstance(name, Hashable) else 0
        if count != 1:
            has = f"a column is named; the table has {named(known, 40)}"
            expect(name, Hashable, has, PanelError)
            found = "no column" if count == 0 else f"{count} columns called"
            close = near(name, known) if count == 0 else ""
            where = (where_it_may_be(frame, name) or way_out) if count == 0 else ""
            raise PanelError(f"{found} {name!r}{close}; the table has {named(known, 40)}.{where}")


def where_it_may_be(frame: pd.DataFrame, name: Any) -> str:
    """How a column that seems to be missing is brought to light, where that can be seen."""
    if name in frame.index.names:
        return f" {name!r} is in its index: frame.reset_index()."
    nameless = [column for column in frame.columns if str(column).startswith("Unnamed: ")]
    if nameless:
        return (
            " Columns without a name are a sign that the names are not in the first row: delete "
            "the titles above them in the file."
        )
    years = [column for column in frame.columns if re.fullmatch(r"\D*(19|20)\d\d", str(column))]
    if len(years) > 1:
        return (
            f" The years seem to be columns ({named(years, 3)}). A panel has a row for every city "
            "and year: frame.melt(...) where the columns are years of one variable, "
            "pandas.wide_to_long(...) where they are of several."
        )
    return ""


def check_keys_are_columns(frame: pd.DataFrame, city: str, year: str) -> None:
    """The keys are columns, not levels of an index, where pandas keeps them so often."""
    levels = [level for level in frame.index.names if level is not None]
    absent = [key for key in (city, year) if isinstance(key, str) and key not in frame.columns]
    if levels and not set(absent) <= set(levels):
        raise PanelError(
            f"the table has no column {named(absent)}; its index holds {named(levels)}. Make "
            "columns of them and say which: ss.CityPanel(frame.reset_index(), city=..., year=...)."
        )
    check_columns(
        frame, absent, " city= and year= say which columns hold the cities and the years."
    )


def check_key_names(frame: pd.DataFrame, city: str, year: str) -> None:
    """The panel calls its keys city and year; no other column may."""
    taken = [k for k, own in (("city", city), ("year", year)) if own != k and k in frame.columns]
    if taken:
        raise PanelError(
            f"the table has further columns called {named(taken)}, the names of the panel's keys. "
            "Rename them, for example frame.rename(columns={'city': 'city_name'})."
        )


def check_ids(frame: pd.DataFrame, city: str) -> None:
    """City ids are all there and all of one kind."""
    ids = frame[city]
    absent = are_absent(ids)
    if absent.any():
        rows = list(frame.index[absent])
        empty = list(frame.index[frame.isna().all(axis=1)])
        blank = f" Empty rows ({named(empty)}): frame.dropna(how='all')." if empty else ""
        raise PanelError(
            f"the city id {city!r} is missing in the rows {named(rows)}, counted from 0 below the "
            f"header. Give these rows a city, or delete them in the file.{blank}"
            f"{_of_merged_cells(frame, city, absent)}"
        )
    kinds = sorted({_kind(value) for value in ids})
    if len(kinds) > 1:
        examples = [next(v for v in ids if _kind(v) == kind) for kind in kinds]
        raise PanelError(
            f"the city ids in {city!r} mix {' and '.join(kinds)}: {named(examples)}. "
            f"Make them one kind: frame[{city!r}] = frame[{city!r}].astype(str)."
        )
    if kinds == ["decimals"]:
        raise PanelError(
            f"the city ids in {city!r} are decimals ({named(ids.unique())}), which a spreadsheet "
            f"makes of integers when a cell is empty. Use frame[{city!r}].astype(int)."
        )


def are_absent(ids: pd.Series) -> pd.Series:
    """Which ids are missing, or nothing but blanks."""
    if pd.api.types.is_numeric_dtype(ids):
        return ids.isna()
    blank = [isinstance(value, str) and not value.strip() for value in ids]
    return ids.isna() | np.array(blank, dtype=bool)


def _of_merged_cells(frame: pd.DataFrame, city: str, absent: pd.Series) -> str:
    """What fills the cells below a city that a spreadsheet shows in one merged cell."""
    rest = frame.drop(columns=city)
    if absent.iloc[0] or rest[absent].isna().any(axis=None):
        return ""
    return (
        " Where cells are merged, only the first has the city: frame[city] = frame[city].ffill() "
        "repeats it below; look whether it then stands where it should."
    )


def check_years(frame: pd.DataFrame, year: str) -> pd.Series:
    """The years as integers."""
    years = frame[year]
    _check_kind(years, year)
    numbers = pd.to_numeric(years, errors="coerce").astype(object)
    numbers = pd.to_numeric(numbers)  # of NumPy: other kinds have no remainder, or a missing one
    if pd.api.types.is_complex_dtype(numbers):
        raise PanelError(
            f"{year!r} holds complex numbers ({named(years.dropna().head(1))}); a panel needs "
            f"years: frame[{year!r}].map(lambda value: value.real).astype(int)."
        )
    text = years.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    bad = numbers.isna().to_numpy() | (numbers % 1 != 0).to_numpy() | text
    if bad.any():
        raise PanelError(
            f"the years in {year!r} must be integers; got {named(years[bad].unique())} in the rows "
            f"{named(frame.index[bad])}. {_to_years(years[bad], year)}"
        )
    if numbers.max() - numbers.min() > MOST_YEARS:
        raise PanelError(
            f"{year!r} runs from {numbers.min():.0f} to {numbers.max():.0f}: these are no years. "
            f"Dates such as 20111231 become years by frame[{year!r}] // 10000; if it is the column "
            "of the cities, exchange city=... and year=..."
        )
    return numbers.astype(int)


def _check_kind(years: pd.Series, year: str) -> None:
    """Refuse dates, spans of time and flags, and rows without a year."""
    first = years.dropna().head(1)
    if pd.api.types.is_datetime64_any_dtype(years) or isinstance(years.dtype, pd.PeriodDtype):
        raise PanelError(f"{year!r} holds dates; a panel needs years: frame[{year!r}].dt.year.")
    if len(first) and isinstance(first.iloc[0], date):
        raise PanelError(
            f"{year!r} holds dates; a panel needs years: pandas.to_datetime(frame[{year!r}])"
            ".dt.year."
        )
    if pd.api.types.is_timedelta64_dtype(years):
        raise PanelError(f"{year!r} holds spans of time ({named(first)}); a panel needs years.")
    if pd.api.types.is_numeric_dtype(years) and years.isna().any():
        raise PanelError(
            f"the year {year!r} is missing in the rows {named(years.index[years.isna()])}, counted "
            "from 0 below the header. Give these rows a year, or delete them in the file: sums and "
            "sources below a table belong to no year."
        )
    if not pd.api.types.is_integer_dtype(years):
        flags = years[[isinstance(value, (bool, np.bool_)) for value in years]].head(1)
        if len(flags):
            raise PanelError(f"{year!r} holds {named(flags)}, true or false; a panel needs years.")


def _to_years(years: pd.Series, year: str) -> str:
    """How these become integers: '2011' is text, and '2011年' holds more than a number."""
    numbers = pd.to_numeric(years, errors="coerce")
    if (numbers % 1 > 0).any():
        return (
            "Parts of a year, quarters or months, make no panel: add up or average the rows first."
        )
    plain = ".astype(int)"
    made = plain if numbers.notna().all() else rf".str.extract(r'(\d{{4}})', expand=False){plain}"
    return f"Convert them first, for example frame[{year!r}]{made}."


def check_keys(
    frame: pd.DataFrame, city: str, years: pd.Series, absent: str
) -> list[tuple[Any, int]]:
    """Each city-year once, and every city in every year; the absent ones, if they are kept."""
    if frame.empty:
        raise PanelError("the table has no rows.")
    keys = pd.MultiIndex.from_arrays([frame[city], years], names=("city", "year"))
    if keys.has_duplicates:
        twice = keys[keys.duplicated()].unique()
        raise PanelError(
            f"{len(twice)} city-years occur more than once: {named(twice)}. "
            "Keep one row each; frame[frame.duplicated([city, year], keep=False)] shows them."
        )
    span, ids = range(int(years.min()), int(years.max()) + 1), frame[city].unique()
    if len(keys) == len(ids) * len(span):
        return []
    full = pd.MultiIndex.from_product([ids, span])
    holes = full.difference(keys)
    _check_spellings(frame[city], years)
    if absent == "refuse":
        raise PanelError(
            f"the panel is not balanced: {len(holes)} of {len(full)} city-years are missing: "
            f"{named(holes)}. Add these rows (cells may be empty), or keep them as rows of missing "
            'cells, absent="keep": each model then says what it does with them, ss.fit(..., '
            "missing=...). A spatial lag needs every neighbour in every year."
        )
    return [(city, int(year)) for city, year in holes]


def _check_spellings(cities: pd.Series, years: pd.Series) -> None:
    """No city is called 广州 in some years and 广州市 in others: it would become two."""
    observed = years.groupby(cities.to_numpy(), sort=False).agg(set)
    known: dict[str, Any] = {}
    twins = []
    for i, when in observed.items():
        other = known.setdefault(_bare(i), i)
        if other != i and not when & observed[other]:
            twins.append((other, i))
    if twins:
        raise PanelError(
            f"{len({_bare(i) for _, i in twins})} cities are written in two ways or more: "
            f"{named(twins)}. Write each in one, as the polygons do, for example frame[city] = "
            f"frame[city].{_without_blanks(twins)}.str.removesuffix('市') + '市'."
        )


def _without_blanks(twins: Iterable[tuple[Any, Any]]) -> str:
    """What takes the blanks away that keep the names of a city apart."""
    ends = all(
        str(one).strip().removesuffix("市") == str(other).strip().removesuffix("市")
        for one, other in twins
    )
    return "str.strip()" if ends else r"str.replace(r'\s', '', regex=True)"


def _bare(i: Any) -> str:
    """An id without blanks and the word for city."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", str(i))).removesuffix("市")


def check_blocks(name: str, blocks: pd.Series) -> None:
    """No two blocks differ by blanks or case alone: effects would tell 'GBA' from 'gba '."""
    texts = [block for block in blocks.value_counts().index if isinstance(block, str)]
    usual: dict[str, str] = {}  # how most cities write it
    for text in texts:
        usual.setdefault(_folded(text), text)
    alike = {text: usual[_folded(text)] for text in texts if usual[_folded(text)] != text}
    if alike:
        twins = [text for text in texts if text in {*alike, *alike.values()}]
        raise PanelError(
            f"the grouping {name!r} has blocks that differ by blanks, case or widths of letters "
            f"alone: {named(twins)}. Write them alike: frame[{name!r}].replace({alike})."
        )


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def check_cells_are_numbers(frame: pd.DataFrame, ignore: Sequence[str]) -> None:
    """No column holds numbers written as text ('1,234', '-', '...', ' 12 ')."""
    for name in frame.columns.difference(list(ignore), sort=False):
        column = frame[name]
        if pd.api.types.is_complex_dtype(column):
            raise PanelError(f"{name!r} holds complex numbers; take their real part or modulus.")
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
            if infinite.any():
                raise PanelError(
                    f"{name!r} is infinite in {named(column.index[infinite])}, as after a division "
                    "by zero. Correct these cells, or leave them empty."
                )
            continue
        cells = column.dropna().astype(object).map(str)  # Arrow's NaN is no missing cell
        text = cells.str.strip()
        bare = text.map(lambda cell: re.sub(r"[,%\s]", "", unicodedata.normalize("NFKC", cell)))
        plain = pd.to_numeric(bare, errors="coerce").notna()
        if not plain.any():
            continue  # a name or a grouping
        odd = ~plain | (bare != text)
        shown = cells[odd] if odd.any() else cells
        found = [f"{key}: {value!r}" for key, value in shown.items()]
        raise PanelError(
            f"{name!r} holds text where numbers belong, in {len(found)} cells: "
            f"{'; '.join(found[:4])}{' ...' if len(found) > 4 else ''}. "
            'Read the file with ss.read_panel(..., missing=["-", "..."], thousands=","), or '
            f"convert the column with pandas.to_numeric{_of_percent(name, shown)}; a column of "
            "codes is named in blocks=[...]."
        )


def _of_percent(name: str, cells: pd.Series) -> str:
    """What takes the sign from percentages, where there are any; their unit is then percent."""
    if not cells.str.contains("[%\N{FULLWIDTH PERCENT SIGN}]").any():
        return ""
    return f"(frame[{name!r}].str.rstrip('%')), whose unit is then percent"


def check_index_is_meant(ids: Sequence[Any], cities: Any) -> None:
    """Polygons that are merely counted, 0, 1, 2, ..., are not taken for cities of these numbers.

    Where a column of the layer holds the very ids, the count of its rows would exchange cities.
    """
    if cities.index.name is not None or not isinstance(cities.index, pd.RangeIndex):
        return
    for name in cities.columns.drop(cities.active_geometry_name):
        column = [cell for cell in cities[name] if isinstance(cell, str | int | np.integer)]
        holds_ids = set(ids) <= set(column) and len(set(column)) == len(column)
        if holds_ids and column != list(cities.index):
            raise AlignmentError(
                f"the rows of the polygons are counted from 0, and their column {name!r} holds the "
                f"ids of the cities in another order: set_index({name!r}) says which polygon is "
                "whose; rename_axis('city') that the count of the rows is meant."
            )


def check_same_cities(ids: Sequence[Any], polygons: Sequence[Any]) -> None:
    """The table and the polygons name the same cities, in any order."""
    kinds = {_kind(i) for i in ids}, {_kind(i) for i in polygons}
    if kinds[0] != kinds[1]:
        raise AlignmentError(
            f"the table writes city ids as {'/'.join(kinds[0])} ({named(ids, 2)}), the polygons as "
            f"{'/'.join(kinds[1])} ({named(polygons, 2)}). Make them one kind, for example "
            "frame.astype({city: str}); ss.read_panel does so where no digit is lost."
            f"{_zeros(ids, polygons)}"
        )
    lonely = [i for i in ids if i not in set(polygons)]
    if lonely:
        raise AlignmentError(
            f"{len(lonely)} of {len(ids)} cities of the table have no polygon: {named(lonely)}; "
            f"the polygons are {named(polygons)}. Correct the ids, add the polygons, or leave "
            f"these cities out of the table.{_zeros(lonely, polygons)}"
            f"{_respelled(lonely, polygons)}"
        )


def _zeros(ids: Sequence[Any], polygons: Sequence[Any]) -> str:
    """What brings back the zeros that a spreadsheet took from the front of codes, if that is it."""
    known = {str(i) for i in polygons}
    width = max(map(len, known), default=0)
    lost = [str(i) for i in ids if str(i) not in known]
    if not lost or not known.issuperset(i.zfill(width) for i in lost):
        return ""
    return (
        f" They seem to have lost leading zeros: {lost[0]!r} would be {lost[0].zfill(width)!r}. "
        f"Bring them back: frame[city] = frame[city].astype(str).str.zfill({width})."
    )


def _respelled(ids: Sequence[Any], polygons: Sequence[Any]) -> str:
    """Which of `ids` are polygons but for blanks or the word for city."""
    known = {_bare(i): i for i in polygons}
    pairs = [f"{i!r} is {known[_bare(i)]!r}" for i in ids if _bare(i) in known]
    if not pairs:
        return ""
    return f" There, {'; '.join(pairs[:3])}{' ...' if len(pairs) > 3 else ''}."


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "strings"
    if isinstance(value, (int, np.integer)):
        return "integers"
    return "decimals" if isinstance(value, (float, np.floating)) else type(value).__name__
