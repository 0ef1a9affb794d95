"""Bringing indicators to one scale.

Pooled: minimum and maximum run over all cities and years, so growth common to all
cities is kept. Scaling year by year would erase it and change the unit of the index
every year; fixed effects for years remove levels, not scales.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import PanelError
from spatialsyn.numerics.lags import Array

BENEFIT, COST = 1, -1


def minmax(x: Array, sign: int = BENEFIT, name: str = "x") -> Array:
    """(x - min) / (max - min), or (max - x) / (max - min) for a cost, over all cells of `x`.

    Raises
    ------
    PanelError
        Missing or infinite cells, a constant, or a sign that is neither +1 nor -1.
    """
    if sign not in (BENEFIT, COST):
        raise PanelError(f"the sign of {name!r} is {sign!r}; it must be +1 (benefit) or -1 (cost).")
    if not np.isfinite(x).all():
        raise PanelError(
            f"{name!r} has {int((~np.isfinite(x)).sum())} missing or infinite cells; an index needs "
            "all of them. Fill them (panel.interpolate) or leave the indicator out."
        )
    low, high = x.min(), x.max()
    if not high > low:
        raise PanelError(f"{name!r} is {low:g} everywhere: it tells no city or year from another.")
    return np.asarray((x - low if sign == BENEFIT else high - x) / (high - low))
