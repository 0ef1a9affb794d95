"""Columns of a panel as a measure needs them: complete, and of the right sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect, listed, named
from spatialsyn.numerics.lags import Array


def finite(panel: CityPanel, column: str) -> Array:
    """The column, (n, T), without holes."""
    return _checked(panel, column, np.isfinite, "present")


def non_negative(panel: CityPanel, column: str) -> Array:
    """The column, (n, T), without holes and nowhere below zero."""
    return _checked(panel, column, lambda x: x >= 0, "non-negative and present")


def positive(panel: CityPanel, column: str) -> Array:
    """The column, (n, T), without holes and everywhere above zero."""
    return _checked(panel, column, lambda x: x > 0, "positive and present")


def total(panel: CityPanel, columns: str | Sequence[str]) -> Array:
    """The sum of some non-negative columns, (n, T)."""
    parts = listed_columns(columns)
    return np.sum([non_negative(panel, name) for name in parts], axis=0)


def listed_columns(columns: str | Sequence[str]) -> list[str]:
    """One column or several, as a list without repetitions."""
    what = "columns are named, one or several, ['gdp', 'loans']"
    found = [columns] if isinstance(columns, str) else listed(columns, what, PanelError)
    if not found or len(set(found)) < len(found):
        raise PanelError(f"needs one column or several different ones; got {found}.")
    return found


def check_panel(panel: object) -> None:
    """Refuse what is no panel, such as its table."""
    what = "measures need a panel, ss.CityPanel(frame, ...), not its table"
    expect(panel, CityPanel, what, PanelError)


def check_number(value: object, what: str) -> None:
    """Refuse what is no finite number."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and np.isfinite(value)):  # type: ignore[call-overload]
        raise PanelError(f"{what}={value!r} must be a number.")


def by_city_year(panel: CityPanel, values: Array, name: str) -> pd.Series:
    """An (n, T) array as a series that `panel.assign` takes."""
    return pd.Series(values.ravel(), index=panel.frame.index, name=name)


def cells(panel: CityPanel, where: NDArray[np.bool_]) -> str:
    """The city-years at which an (n, T) array of truths holds."""
    return named([(panel.ids[i], panel.years[t]) for i, t in np.argwhere(where)])


def check_part(panel: CityPanel, part: Array, whole: Array, names: tuple[str, str]) -> None:
    """No part is larger than its whole."""
    more = part > whole * (1 + 1e-12)
    if more.any():
        raise PanelError(
            f"{names[0]!r} exceeds {names[1]!r} in {cells(panel, more)}: a part cannot be larger "
            "than its whole. Check the units."
        )


def _checked(panel: CityPanel, column: str, good: Callable[[Array], Any], word: str) -> Array:
    check_panel(panel)
    x = panel.array(column)
    bad = ~good(x)
    if bad.any():
        raise PanelError(f"{column!r} must be {word}; it is not in {cells(panel, bad)}.")
    return x
