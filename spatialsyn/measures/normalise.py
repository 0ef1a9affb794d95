"""Bringing indicators to one scale.

    benefit  z = (x - low) / (high - low)        cost  z = (high - x) / (high - low)

Pooled: low and high run over all cities and years, so growth common to all cities is
kept. Year by year erases it and changes the unit of the index every year; fixed effects
for years remove levels, not scales. Over reference years the limits are frozen: later
values may lie beyond [0, 1], and no value changes when a year is added.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect, named
from spatialsyn.measures.columns import cells
from spatialsyn.numerics.lags import Array

BENEFIT, COST = 1, -1
ORIGINS = ("minimum", "zero")
# Values that span a smaller share of themselves are constant: the rest is rounding.
ROUNDING = 1e-12
# What the limits are taken over: the whole panel, every year by itself, or reference years.
Over = str | Iterable[int]


def minmax(x: Array, sign: int = BENEFIT, name: str = "x", origin: str = "minimum") -> Array:
    """(x - low) / (max - low), or (max - x) / (max - low) for a cost, over all cells of `x`.

    Parameters
    ----------
    origin : "minimum" | "zero"
        What counts as nothing: the smallest value of the sample, or zero. With the
        minimum one cell of every indicator is exactly zero, and so is every product
        with it (a coupling degree); for a ratio or a share zero is the natural origin.

    Raises
    ------
    PanelError
        Missing or infinite cells, a constant, a sign that is neither +1 nor -1, or
        negative values where zero is the origin.
    """
    if sign not in (BENEFIT, COST):
        raise PanelError(f"the sign of {name!r} is {sign!r}; it must be +1 (benefit) or -1 (cost).")
    return between(x, *limits(x, name, origin), sign)


def limits(x: Array, name: str, origin: str) -> tuple[float, float]:
    """What becomes 0 and what becomes 1; refuses what `minmax` refuses."""
    if origin not in ORIGINS:
        raise PanelError(f"origin={origin!r} is not one of {named(ORIGINS)}.")
    if not np.isfinite(x).all():
        raise PanelError(
            f"{name!r} has {int((~np.isfinite(x)).sum())} missing or infinite cells; an index "
            "needs all of them. Fill them (panel.interpolate) or leave the indicator out."
        )
    low, high = float(x.min()), float(x.max())
    if is_flat(low, high):
        raise PanelError(f"{name!r} is {low:g} everywhere: it tells no city or year from another.")
    if origin == "zero":
        if low < 0:
            raise PanelError(f"{name!r} has negative values, so zero cannot be its origin.")
        low = 0.0
    return low, high


def is_flat(low: float, high: float) -> bool:
    """Whether values from `low` to `high` are one value but for rounding."""
    return not high - low > ROUNDING * max(abs(low), abs(high))


def between(x: Array, low: float | Array, high: float | Array, sign: int) -> Array:
    """`x` on the scale from `low` (0) to `high` (1), the other way round for a cost."""
    return np.asarray((x - low if sign == BENEFIT else high - x) / (high - low))


def limits_by_year(
    panel: CityPanel, column: str, origin: str, over: str | tuple[int, ...]
) -> tuple[Array, Array]:
    """Limits of a column in every year of the panel, two arrays of length T."""
    x = panel.array(column)
    holes = ~np.isfinite(x)
    if holes.any():
        raise PanelError(
            f"{column!r} has {holes.sum()} missing or infinite cells, in {cells(panel, holes)}; an "
            "index needs all of them. Take other years or cities, panel.subset(...), leave the "
            f"indicator out, or fill them: panel.interpolate({column!r}) makes the column "
            f"'{column}_interpolated', in which holes at an end of a series stay."
        )
    if over == "year":
        found = [
            limits(x[:, t], f"{column} in {year}", origin) for t, year in enumerate(panel.years)
        ]
        by_year = np.transpose(found)
        return by_year[0], by_year[1]
    limits(x, column, origin)  # what lies outside the reference years must be usable too
    low, high = limits(x[:, positions(panel, over)], column, origin)
    return np.full(panel.T, low), np.full(panel.T, high)


def check_over(panel: CityPanel, over: Over) -> str | tuple[int, ...]:
    """`over` as a word or as reference years of the panel."""
    if isinstance(over, str):
        if over not in ("pooled", "year"):
            raise PanelError(
                f"over={over!r}: indicators are normalised over the whole sample ('pooled'), every "
                "year by itself ('year'), or reference years such as [2011, 2012]."
            )
        return over
    expect(over, Iterable, "over is 'pooled', 'year' or a list of years", PanelError)
    years = tuple(over)
    absent = [year for year in years if year not in panel.years]
    if absent or not years:
        raise PanelError(
            f"over={list(years)} names the reference years {named(absent) or 'none'}; the panel "
            f"has {panel.years[0]}-{panel.years[-1]}."
        )
    return tuple(int(year) for year in sorted(set(years)))


def positions(panel: CityPanel, over: str | tuple[int, ...]) -> list[int]:
    """Positions of the years that the limits and weights are taken over."""
    years = panel.years if isinstance(over, str) else over
    return [panel.years.index(year) for year in years]
