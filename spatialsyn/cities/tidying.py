"""A table as the panel keeps it: a row for every city-year, plain ids, flags as numbers; and the
polygons that go with it.

And a table as a file meant it: cells that stand for missing ones, ids of one kind, dates of years.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.checks import check_blocks, check_index_is_meant, check_same_cities
from spatialsyn.errors import PanelError, expect, named, near

if TYPE_CHECKING:
    from spatialsyn.cities.panel import CityPanel

# Whole numbers up to here are exact as decimals.
EXACT_DECIMALS = 2**53
# What pandas may keep as objects: flags, and numbers that are none.
FLAGS, NUMBERS = (bool, np.bool_), (Real, Decimal)


def with_empty_cells(frame: pd.DataFrame, missing: Iterable[str]) -> pd.DataFrame:
    """The table without the cells of these texts, or of the numbers they are.

    pandas looks for them in text alone: a spreadsheet's or Stata's -9999 stays a number.
    """
    texts, numbers = set(missing), set()
    for text in texts:
        with suppress(ValueError):
            numbers.add(float(text))
    if not texts:
        return frame

    def stands_for_none(cell: Any) -> bool:
        number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
        return cell in numbers if number else isinstance(cell, str) and cell in texts

    emptied = frame.copy()
    for name, column in frame.items():
        if pd.api.types.is_bool_dtype(column):
            continue
        if isinstance(column.dtype, np.dtype) and pd.api.types.is_numeric_dtype(column):
            at = column.isin(list(numbers)).to_numpy()
        else:
            at = column.astype(object).map(stands_for_none).to_numpy(dtype=bool)
        if at.any():
            emptied[name] = column.mask(at)
    return emptied


def with_kind_of(codes: pd.Series, ids: pd.Index | None) -> pd.Series:
    """City ids as `ids` are, text or whole numbers, where that loses nothing: 440100.0 is 440100.

    Spreadsheets and Stata make decimals of codes. "010100" stays text: it is not 10100.
    """
    if pd.api.types.is_float_dtype(codes) and are_whole(codes):
        codes = codes.astype("int64")
    if ids is None:
        return codes
    if not pd.api.types.is_numeric_dtype(ids):
        text = codes.astype("string").str.strip()
        decimals = text.str.fullmatch(r"\d+\.0").fillna(False) & ~text.isin(ids)
        return text.where(~decimals, text.str.removesuffix(".0")).astype(object)
    if pd.api.types.is_integer_dtype(ids) and not pd.api.types.is_numeric_dtype(codes):
        text = codes.astype("string").str.strip()
        if text.str.fullmatch(r"0|[1-9]\d{0,17}").fillna(False).all():
            return text.astype("int64")
    return codes


def are_whole(codes: pd.Series) -> bool:
    """Whether decimals are whole numbers, every one there and exact."""
    return bool(codes.notna().all() and ((codes % 1 == 0) & (codes.abs() < EXACT_DECIMALS)).all())


def with_years_of_dates(years: pd.Series) -> pd.Series:
    """The years of dates that are all a 1 January, as Stata's years (%ty) arrive; others stay."""
    if not pd.api.types.is_datetime64_any_dtype(years) or years.isna().any():
        return years
    first = (years.dt.month == 1) & (years.dt.day == 1)
    return years.dt.year if first.all() else years


def with_used_categories(frame: pd.DataFrame, city: str) -> pd.DataFrame:
    """The table with ids as plain values, and in other columns no category without a row.

    Ids are sorted by what they are and not by the order of categories, as in a table without
    these; a category that a selection of rows left empty would be a regressor of zeros.
    """
    kinds = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    if not kinds:
        return frame
    made = frame.copy()
    for name in kinds:
        column = made[name]
        made[name] = np.asarray(column) if name == city else column.cat.remove_unused_categories()
    return made


def with_rows(
    frame: pd.DataFrame, holes: list[tuple[Any, int]], blocks: tuple[str, ...]
) -> pd.DataFrame:
    """The table with a row for every city-year of `holes`, empty but for the groupings."""
    if not holes:
        return frame
    full = frame.reindex(
        frame.index.append(pd.MultiIndex.from_tuples(holes, names=frame.index.names))
    )
    for name in blocks:
        if name in full:
            of_city = frame[name].groupby(level="city").first()
            own = of_city.loc[[city for city, _ in holes]].to_numpy()
            full[name] = [*frame[name], *own]
    return full


def with_objects_as_numbers(frame: pd.DataFrame, blocks: Container[Any]) -> pd.DataFrame:
    """Numbers, or True and False, that pandas keeps as objects beside missing cells, as numbers.

    One pd.NA or None makes objects of a column. Flags of Arrow are a kind of their own, which
    pandas does not count among the numbers.
    """
    made = {
        name: frame[name].where(frame[name].notna(), np.nan).astype(float)
        for name, kind in frame.dtypes.items()
        if (pd.api.types.is_object_dtype(kind) or isinstance(kind, pd.ArrowDtype))
        and name not in blocks
        and (_all_are(frame[name], FLAGS) or _all_are(frame[name], NUMBERS, but=FLAGS))
    }
    if not made:
        return frame
    copy = frame.copy()
    for name, numbers in made.items():
        copy[name] = numbers
    return copy


def _all_are(column: pd.Series, kinds: tuple[type, ...], but: tuple[type, ...] = ()) -> bool:
    """Whether every cell that is there is of these kinds; the first one tells of most columns."""
    cells = column[column.notna()]
    return (
        bool(len(cells))
        and isinstance(cells.iloc[0], kinds)
        and all(isinstance(cell, kinds) and not isinstance(cell, but) for cell in cells)
    )


def matched_polygons(cities: Any, ids: tuple[Any, ...], city: str) -> tuple[Any, Any]:
    """The polygons of exactly these cities, in their order, and the other polygons."""
    if cities is None:
        return None, None
    from spatialsyn.cities.boundaries import check_crs, check_polygons, check_validity, with_ids

    name = "the layer of cities"
    cities = with_ids(cities, city if city in getattr(cities, "columns", ()) else None, name)
    check_crs(cities, name)
    check_polygons(cities, name)
    check_validity(cities, name)  # whether borders match is asked where neighbours are made
    check_index_is_meant(ids, cities)
    check_same_cities(ids, tuple(cities.index))
    cities = cities.rename_axis("city")
    return cities.loc[list(ids)], cities.drop(index=list(ids))


def on_index(name: str, values: pd.Series, index: pd.Index) -> pd.Series:
    """`values` in the order of `index`, which it must cover exactly."""
    if values.index.has_duplicates:
        twice = named(values.index[values.index.duplicated()].unique())
        raise PanelError(f"the series for {name!r} has duplicate keys, {twice}: keep one of each.")
    absent = index.difference(values.index)
    extra = values.index.difference(index)
    if len(absent) or len(extra):
        raise PanelError(
            f"the series for {name!r} does not cover the panel: "
            f"{len(absent)} keys are missing ({named(absent)}), "
            f"{len(extra)} are foreign ({named(extra)})."
        )
    return values.reindex(index)


def block_of_each(name: str, given: Any, ids: tuple[Any, ...]) -> pd.Series:
    """A grouping given by city, a Series or a mapping, in the order of the panel's cities."""
    what = f"the grouping {name!r} is a Series or a mapping from city to block"
    expect(given, (pd.Series, Mapping), what, PanelError)
    group = on_index(name, pd.Series(given), pd.Index(ids))
    if group.isna().any():
        raise PanelError(
            f"the grouping {name!r} is missing for {named(group.index[group.isna()])}."
        )
    check_blocks(name, group)
    return group.rename(name)


def grouping(by: Any, panel: CityPanel) -> pd.Series | None:
    """The block of each city, where `by` is a grouping of the panel or a Series by city."""
    if isinstance(by, str) and by in panel.blocks:
        return panel.blocks[by].loc[list(panel.ids)]
    if not isinstance(by, pd.Series):
        return None
    return block_of_each("by" if by.name is None else str(by.name), by, panel.ids)


def column_of_blocks(name: str, frame: pd.DataFrame, cities: Any) -> pd.Series:
    """The block of each city, from a column of the table or of the polygons, which may be None."""
    if name in frame.columns:
        by_city = frame[name].groupby(level="city")
        changing = [city for city, count in by_city.nunique().items() if count != 1]
        if changing:
            raise PanelError(
                f"the grouping {name!r} changes over time, or is missing, for "
                f"{named(changing)}. A block is a fixed property of a city: give it one "
                "value per city."
            )
        group = by_city.first()
    elif cities is not None and name in cities.columns:
        group = pd.Series(cities[name])
        lonely = [city for city, block in group.items() if pd.isna(block)]
        if lonely:
            raise PanelError(f"the grouping {name!r} is missing for {named(lonely)}.")
        if isinstance(group.dtype, pd.CategoricalDtype):
            group = group.cat.remove_unused_categories()
    else:
        known = [*frame.columns, *(() if cities is None else cities.columns)]
        raise PanelError(
            f"no column {name!r}{near(name, known)} to group the cities by, in the table or "
            f"polygons{'' if cities is not None else ', of which there are none'}."
        )
    check_blocks(name, group)
    return group.rename(name)
