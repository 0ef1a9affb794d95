"""The numbers of a map in the order of its cities, and how certain they are."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.stats import norm

from spatialsyn.errors import AlignmentError, ConfigError, expect, named
from spatialsyn.report.atlas.frame import check_layer


@dataclass(frozen=True, eq=False)
class Reading:
    """What a map shows, in the order of the cities.

    Attributes
    ----------
    numbers : one per city, NaN where there is none
    uncertain : whether the city's interval contains zero
    p : p-values of the numbers, None where they have none
    """

    numbers: pd.Series
    uncertain: pd.Series
    p: pd.Series | None = None

    @property
    def missing(self) -> pd.Series:
        """Cities without a number."""
        return self.numbers.isna()

    @property
    def finite(self) -> np.ndarray:
        """The numbers there are."""
        return self.numbers.dropna().to_numpy(dtype=float)


def read_values(
    cities: gpd.GeoDataFrame,
    values: pd.Series | pd.DataFrame,
    significance: bool | pd.Series | None,
) -> Reading:
    """Numbers in the order of the cities, and which intervals contain zero."""
    check_layer(cities)
    if isinstance(values, pd.DataFrame) and "estimate" not in values:
        raise ConfigError(
            f"values has the columns {named(values.columns)}; a map shows one number per city: "
            'give one column, or effects with a column "estimate".'
        )
    column = values["estimate"] if isinstance(values, pd.DataFrame) else pd.Series(values)
    check_cities(cities, column)
    numbers = pd.to_numeric(column.reindex(cities.index), errors="coerce").astype(float)
    broken = numbers.isna() & column.reindex(cities.index).notna() | np.isinf(numbers)
    if broken.any():
        raise ConfigError(f"values has no finite number for {named(cities.index[broken])}.")
    if significance is not None and significance is not False:
        what = "significance is False (no hatching) or a Series of True and False by city id"
        expect(significance, pd.Series, what, ConfigError)
    certain = significance
    if certain is None and isinstance(values, pd.DataFrame) and {"low", "high"} <= set(values):
        certain = (values["low"] > 0) | (values["high"] < 0)
    p = p_values(values)
    p = p if p is None else p.reindex(cities.index)
    if not isinstance(certain, pd.Series):
        return Reading(numbers, pd.Series(False, index=cities.index), p)
    check_cities(cities, certain)
    return Reading(numbers, ~certain.reindex(cities.index).astype(bool) & numbers.notna(), p)


def p_values(values: pd.Series | pd.DataFrame) -> pd.Series | None:
    """Those of a table of effects: given, or normal ones from its standard errors."""
    if not isinstance(values, pd.DataFrame) or not {"p", "se"} & set(values):
        return None
    if "p" in values:
        return values["p"].astype(float)
    z = (values["estimate"] / values["se"]).abs()
    return pd.Series(2 * norm.sf(z), index=values.index)


def check_cities(cities: gpd.GeoDataFrame, column: pd.Series) -> None:
    """Refuse values of other cities than the polygons', or of several years or regressors."""
    if column.index.nlevels > 1:
        raise ConfigError(
            f"values is indexed by {named(column.index.names)}; a map shows one number per city: "
            "choose one year, panel.at(2019)['x'], or one regressor, "
            "results.effects('x', by='city')."
        )
    twice = column.index[column.index.duplicated()].unique()
    absent = cities.index.difference(column.index)
    foreign = column.index.difference(cities.index)
    if len(absent) or len(foreign) or len(twice):
        raise AlignmentError(
            "values and the polygons name different cities.\n"
            f"  without a value: {named(absent) or 'none'}\n"
            f"  without a polygon: {named(foreign) or 'none'}\n"
            f"  more than once: {named(twice) or 'none'}\n"
            "Cities without data belong in context=..., or have the value NaN."
        )
