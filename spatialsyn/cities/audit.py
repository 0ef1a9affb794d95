"""What a careful reader would ask about a table: holes, jumps, constants."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spatialsyn.errors import PanelError

if TYPE_CHECKING:
    from spatialsyn.cities.panel import CityPanel

# The share of cells up to which zeros and negative numbers are odd in a positive variable.
FEW = 0.05
COLUMNS = ("finding", "variable", "city", "year", "value", "detail")


def audit(panel: CityPanel, jump: float = 2.5) -> pd.DataFrame:
    """Absent rows, and holes, jumps and constants of every variable, one row per finding.

    Parameters
    ----------
    jump : float > 1
        A positive variable that grows or shrinks by more than this factor from one year
        to the next is listed, and so are the few cells of one that are not positive (-9999).
        Nothing is changed or dropped: judging a jump needs its source, not a rule.

    Returns
    -------
    DataFrame
        Columns ``finding`` (absent, missing, empty, not positive, jump, constant, constant in
        time), ``variable``, ``city``, ``year``, ``value``, ``detail``.
    """
    if not isinstance(jump, Real) or not jump > 1:
        raise PanelError(f"jump={jump!r} must be a number above one, such as 2.5.")
    rows: list[tuple[object, ...]] = [
        ("absent", None, city, year, np.nan, "the table has no row") for city, year in panel.absent
    ]
    for name in panel.variables:
        values = panel.array(name)
        if np.isnan(values).all():
            rows.append(("empty", name, None, None, np.nan, "no value at all"))
            continue
        rows += _holes(panel, name, values)
        rows += _jumps(panel, name, values, jump)
        rows += _constants(name, values)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _holes(panel: CityPanel, name: str, values: np.ndarray) -> list[tuple[object, ...]]:
    absent = set(panel.absent)
    keys = [
        (panel.ids[i], panel.years[t]) for i, t in zip(*np.nonzero(np.isnan(values)), strict=True)
    ]
    return [("missing", name, *key, np.nan, "") for key in keys if key not in absent]


def _jumps(
    panel: CityPanel, name: str, values: np.ndarray, jump: float
) -> list[tuple[object, ...]]:
    odd = values <= 0
    if odd.sum() > FEW * np.isfinite(values).sum():
        return []
    positive = np.where(odd, np.nan, values)
    ratio = positive[:, 1:] / positive[:, :-1]
    far = (ratio > jump) | (ratio < 1 / jump)
    return [
        ("not positive", name, panel.ids[i], panel.years[t], values[i, t], "nearly all others are")
        for i, t in zip(*np.nonzero(odd), strict=True)
    ] + [
        ("jump", name, panel.ids[i], panel.years[t + 1], values[i, t + 1], f"x {ratio[i, t]:.2f}")
        for i, t in zip(*np.nonzero(far), strict=True)
    ]


def _constants(name: str, values: np.ndarray) -> list[tuple[object, ...]]:
    spread = np.nanmax(values) - np.nanmin(values)
    if spread == 0:
        return [("constant", name, None, None, values[0, 0], "one value everywhere")]
    if values.shape[1] > 1 and np.nanmax(np.nanstd(values, axis=1)) <= 1e-12 * spread:
        return [("constant in time", name, None, None, np.nan, "individual effects absorb it")]
    return []
