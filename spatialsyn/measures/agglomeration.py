"""Concentration of an activity in a city, as columns of the panel."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named


def location_quotient(panel: CityPanel, part: str, whole: str) -> pd.Series:
    """LQ_it = (part_it / whole_it) / (sum_i part_it / sum_i whole_it).

    One where the city has the sample's share of the activity; relative by construction,
    so growth common to all cities cancels within each year.

    Parameters
    ----------
    part, whole : columns
        For example employment in one industry and in all of them, in the same units.

    Returns
    -------
    Series by (city, year)
    """
    a, b = _positive(panel, part, strictly=False), _positive(panel, whole, strictly=True)
    if (a > b).any():
        i, t = np.argwhere(a > b)[0]
        raise PanelError(
            f"{part!r} exceeds {whole!r} in {(panel.ids[i], panel.years[t])}: a part cannot be "
            "larger than its whole. Check the units."
        )
    share = a.sum(axis=0) / b.sum(axis=0)
    if not (share > 0).all():
        raise PanelError(f"{part!r} is zero in every city in some year: its quotient is 0/0.")
    return pd.Series((a / b / share).ravel(), index=panel.frame.index, name=f"lq_{part}")


def ratio(panel: CityPanel, numerator: str, denominator: str, scale: float = 1.0) -> pd.Series:
    """scale x numerator / denominator by (city, year); the denominator must be positive."""
    a = panel.array(numerator)
    b = _positive(panel, denominator, strictly=True)
    return pd.Series((scale * a / b).ravel(), index=panel.frame.index, name=f"{numerator}_ratio")


def _positive(panel: CityPanel, column: str, strictly: bool) -> np.ndarray:
    values = panel.array(column)
    bad = ~(values > 0) if strictly else ~(values >= 0)
    if bad.any():
        cells = [(panel.ids[i], panel.years[t]) for i, t in np.argwhere(bad)]
        word = "positive" if strictly else "non-negative"
        raise PanelError(f"{column!r} must be {word} and present; it is not in {named(cells)}.")
    return values
