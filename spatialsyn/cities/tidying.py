"""A table as the panel keeps it: a row for every city-year, plain ids, flags as numbers; and the
polygons that go with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.checks import check_same_cities


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


def with_flags_as_numbers(frame: pd.DataFrame, blocks: tuple[str, ...]) -> pd.DataFrame:
    """True and False beside missing cells as 1, 0 and missing; pandas keeps them as objects."""
    flags = [
        name
        for name, kind in frame.dtypes.items()
        if pd.api.types.is_object_dtype(kind) and name not in blocks and _is_flag(frame[name])
    ]
    return frame.astype(dict.fromkeys(flags, float)) if flags else frame


def _is_flag(column: pd.Series) -> bool:
    cells = column[column.notna()]
    flag = (bool, np.bool_)
    return (
        bool(len(cells))
        and isinstance(cells.iloc[0], flag)
        and all(isinstance(cell, flag) for cell in cells)
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
    check_same_cities(ids, tuple(cities.index))
    cities = cities.rename_axis("city")
    return cities.loc[list(ids)], cities.drop(index=list(ids))
