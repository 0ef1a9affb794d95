"""Where a value lies among those that chance gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialsyn.numerics.lags import Array

# Two sums of the same numbers in another order differ by less than this share.
SAME = 1e-12


def two_sided(value: float, simulated: Array) -> float:
    """Twice the smaller tail, the value itself counted among the draws; NaN without any.

    A draw that gives the same number counts in both tails, though it may add up otherwise.
    """
    known = simulated[~np.isnan(simulated)]
    if np.isnan(value) or not len(known):
        return float("nan")
    same = SAME * max(1.0, abs(value))
    beyond = min((known >= value - same).sum(), (known <= value + same).sum())
    return float(share(beyond, len(known)))


def share(beyond: Any, draws: int) -> Any:
    """Two-sided p of `beyond` draws in the smaller tail, the value itself counted among them."""
    return np.minimum(1.0, 2 * (1 + beyond) / (1 + draws))
