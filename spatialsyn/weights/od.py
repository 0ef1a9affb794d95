"""Tables of pairs of cities: who sends what to whom.

Either long, with the columns ``origin``, ``destination`` and ``value``, or square, with the
origins as rows and the destinations as columns. Nothing is added up or filled in: a pair
that is listed twice, a hole and a city that nobody knows are errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.geodesy import Positions
from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import of_another_kind

ENDS = ["origin", "destination"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Values from one city to another; `origin` and `destination` are positions in `ids`."""

    ids: tuple[Any, ...]
    origin: Positions
    destination: Positions
    value: Array

    def matrix(self) -> sparse.csr_array:
        """Rows receive, columns send."""
        n = len(self.ids)
        return sparse.csr_array((self.value, (self.destination, self.origin)), (n, n))

    def without_own(self) -> Pairs:
        """The values between different cities."""
        other = self.origin != self.destination
        return Pairs(self.ids, self.origin[other], self.destination[other], self.value[other])


def read_pairs(table: Any, ids: Sequence[Any] | None, what: str) -> Pairs:
    """The pairs of a table, checked.

    Parameters
    ----------
    ids : the cities of the matrix; by default those of the table
    what : what the values are, for errors

    Raises
    ------
    WeightsError
        A table of neither form, values that are missing, negative or no numbers, a pair twice.
    AlignmentError
        The table has cities that `ids` has not.
    """
    long = _long(table, what)
    _check_values(long, what)
    known = tuple(dict.fromkeys([*long["origin"], *long["destination"]]))
    cities = known if ids is None else tuple(ids)
    foreign = [city for city in known if city not in set(cities)]
    if foreign:
        raise AlignmentError(
            f"the table of {what} has cities that the matrix has not: {named(foreign)}; its ids: "
            f"{named(cities)}. Call the cities alike, leave their rows out, or add them to ids."
            f"{of_another_kind(foreign, cities)}"
        )
    position = {city: i for i, city in enumerate(cities)}
    origin, destination = (
        np.array([position[city] for city in long[end]], dtype=np.intp) for end in ENDS
    )
    return Pairs(cities, origin, destination, pd.to_numeric(long["value"]).to_numpy(dtype=float))


def _long(table: Any, what: str) -> pd.DataFrame:
    """The table with the columns origin, destination and value."""
    expect(table, pd.DataFrame, f"{what} come as a DataFrame", WeightsError)
    if {*ENDS, "value"} <= set(table.columns):
        return table[[*ENDS, "value"]].reset_index(drop=True)
    if set(table.index) == set(table.columns):
        if table.index.has_duplicates or table.columns.has_duplicates:
            raise WeightsError(f"the square table of {what} lists a city more than once.")
        stacked = pd.DataFrame(
            {
                "origin": np.repeat(np.asarray(table.index, dtype=object), len(table)),
                "destination": np.tile(np.asarray(table.columns, dtype=object), len(table)),
                "value": table.to_numpy().ravel(),
            }
        )
        own = stacked["origin"] == stacked["destination"]
        return stacked[~(own & stacked["value"].isna())].reset_index(drop=True)
    raise WeightsError(
        f"the table of {what} has the columns {named(table.columns)}. It needs origin, destination "
        "and value (rename them: table.rename(columns={...})), or the same cities as rows and "
        f"columns.{_one_sided(table)}{of_another_kind(list(table.columns), tuple(table.index))}"
    )


def _one_sided(table: pd.DataFrame) -> str:
    """The cities that a table which is all but square has as rows or as columns only."""
    rows, columns = set(table.index), set(table.columns)
    if not rows & columns:
        return ""
    found = [
        f" {named(v for v in ids if v not in others)} are {ends} only."
        for ids, others, ends in (
            (table.index, columns, "rows"), (table.columns, rows, "columns")
        )
        if not set(ids) <= others
    ]  # fmt: skip
    return "".join(found)


def _check_values(long: pd.DataFrame, what: str) -> None:
    ends = list(zip(long["origin"], long["destination"], strict=True))
    nameless = long[ENDS].isna().any(axis=1)
    if nameless.any():
        raise WeightsError(
            f"the table of {what} names no city in {int(nameless.sum())} rows, the first "
            f"being row {int(np.flatnonzero(nameless)[0])} (counted from 0)."
        )
    twice = long.duplicated(ENDS)
    if twice.any():
        pairs = dict.fromkeys(ends[row] for row in np.flatnonzero(twice))
        raise WeightsError(
            f"the table of {what} lists {named(pairs)} more than once. Add the rows up, or keep "
            "one of them: which is right, only you know."
        )
    value = pd.to_numeric(long["value"], errors="coerce")
    bad = [ends[row] for row in np.flatnonzero(value.isna() | (value < 0))]
    if bad:
        raise WeightsError(
            f"{what} must be numbers of zero or more; they are not for {named(bad)}."
        )
