"""Bringing indicators to one scale.

Pooled: minimum and maximum run over all cities and years, so growth common to all
cities is kept. Scaling year by year would erase it and change the unit of the index
every year; fixed effects for years remove levels, not scales.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import PanelError, named
from spatialsyn.numerics.lags import Array

BENEFIT, COST = 1, -1
ORIGINS = ("minimum", "zero")


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
    if origin not in ORIGINS:
        raise PanelError(f"origin={origin!r} is not one of {named(ORIGINS)}.")
    if not np.isfinite(x).all():
        raise PanelError(
            f"{name!r} has {int((~np.isfinite(x)).sum())} missing or infinite cells; an index "
            "needs all of them. Fill them (panel.interpolate) or leave the indicator out."
        )
    low, high = x.min(), x.max()
    if not high > low:
        raise PanelError(f"{name!r} is {low:g} everywhere: it tells no city or year from another.")
    if origin == "zero":
        if low < 0:
            raise PanelError(f"{name!r} has negative values, so zero cannot be its origin.")
        low = 0.0
    return np.asarray((x - low if sign == BENEFIT else high - x) / (high - low))
