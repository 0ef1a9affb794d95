"""What exploration reads: a variable year by year, and the matrix that goes with each year."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, WeightsError, expect, is_whole, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links, WeightsSeries

# Fewest permutations that a tail is read of.
FEWEST = 99
CITIES = 4


def by_year(panel: CityPanel, variable: str | pd.Series) -> pd.DataFrame:
    """One row per city, in the panel's order, and one column per year; named after the variable.

    Parameters
    ----------
    variable : a column of the panel, or a series by (city, year) such as `results.resid`

    Raises
    ------
    PanelError
        Missing cells, other cities, fewer than four of them.
    """
    expect(panel, CityPanel, "exploration needs a panel: ss.CityPanel(frame, ...)", PanelError)
    if isinstance(variable, pd.Series):
        wide, name = _unstacked(panel, variable), str(variable.name or "series")
    else:
        expect(variable, str, "a variable is a column or a series by (city, year)", PanelError)
        wide, name = pd.DataFrame(panel.array(variable), panel.ids, panel.years), variable
    holes = np.argwhere(~np.isfinite(wide.to_numpy(dtype=float)))
    if len(holes):
        cells = [(wide.index[i], int(wide.columns[t])) for i, t in holes]
        raise PanelError(
            f"{name!r} is missing in {len(cells)} city-years: {named(cells)}. Every city has a "
            "place on the map in every year: fill the cells (panel.interpolate), or leave cities "
            "or years out (panel.subset)."
        )
    if len(wide) < CITIES:
        raise PanelError(f"a pattern in space needs {CITIES} cities; the panel has {len(wide)}.")
    wide.attrs["name"] = name
    return wide.astype(float)


def each_by_year(
    panel: CityPanel, variables: str | pd.Series | Iterable[str | pd.Series]
) -> dict[str, pd.DataFrame]:
    """`by_year` of one variable or several, by name; refuses two of one name."""
    given = [variables] if isinstance(variables, str | pd.Series) else variables
    what = "variables are columns or series by (city, year)"
    expect(given, Iterable, what, PanelError)
    listed = list(given)
    if not listed:
        raise PanelError(f"{what}; got none. The panel has {named(panel.columns)}.")
    read: dict[str, pd.DataFrame] = {}
    for variable in listed:
        wide = by_year(panel, variable)
        name = wide.attrs["name"]
        if name in read:
            raise PanelError(
                f"two variables are called {name!r}, and the table has a row by name: "
                "series.rename(...)."
            )
        read[name] = wide
    return read


def _unstacked(panel: CityPanel, series: pd.Series) -> pd.DataFrame:
    if series.index.nlevels != 2:
        raise PanelError("a series needs the index (city, year), as results.resid has it.")
    wide = series.unstack()
    absent = [i for i in panel.ids if i not in wide.index]
    extra = [i for i in wide.index if i not in set(panel.ids)]
    if absent or extra:
        raise PanelError(
            f"the series {series.name!r} and the panel list different cities: without "
            f"{named(absent) or 'none'}, foreign {named(extra) or 'none'}."
        )
    return wide.loc[list(panel.ids)]


def years_of(wide: pd.DataFrame) -> list[int]:
    """The years of the columns."""
    return [int(year) for year in wide.columns.to_list()]


def matrix_of(weights: Links, year: int, ids: tuple[Any, ...]) -> Weights:
    """The matrix of a year, its rows in the order of `ids`."""
    what = "exploration needs one Weights or WeightsSeries: ss.weights.contiguity(...)"
    expect(weights, (Weights, WeightsSeries), what, WeightsError)
    chosen = weights if isinstance(weights, Weights) else weights.at(year)
    return chosen.aligned(ids)


def check_permutations(permutations: int) -> None:
    """Refuse a number of permutations that is none, or too few for a tail."""
    if not is_whole(permutations, FEWEST):
        raise PanelError(f"permutations={permutations!r}: give a whole number, at least {FEWEST}.")
