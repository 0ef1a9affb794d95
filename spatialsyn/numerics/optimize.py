"""The maximum of a smooth function of one variable on an open interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spatialsyn.numerics.lags import Array

# Points of the scan that brackets the highest peak before Newton starts.
SCAN = 65
# Newton stops when a step is below this part of the interval's width.
STEP = 1e-14


def maximise(
    value: Callable[[Array], Array],
    derivatives: Callable[[float], tuple[float, float]],
    bounds: tuple[float, float],
) -> float:
    """The rho in `bounds` with the highest `value`.

    A scan over Chebyshev points brackets the highest peak, so a second, lower peak is
    never returned; Newton on `derivatives` (first, second) polishes inside the bracket
    and falls back to bisection when a step would leave it.

    Parameters
    ----------
    value : vectorised function of an array of rho
    derivatives : function of one rho, returning (slope, curvature)
    bounds : open, finite interval
    """
    low, high = bounds
    points = low + (high - low) * (1 - np.cos(np.pi * (np.arange(SCAN) + 0.5) / SCAN)) / 2
    peak = int(np.argmax(value(points)))
    left = points[peak - 1] if peak > 0 else low
    right = points[peak + 1] if peak + 1 < SCAN else high
    rho = float(points[peak])
    for _ in range(200):
        slope, curvature = derivatives(rho)
        if slope > 0:
            left = rho
        elif slope < 0:
            right = rho
        else:
            return rho
        step = -slope / curvature if curvature < 0 else np.inf
        target = rho + step
        if not left <= target <= right:
            target = (left + right) / 2
        if abs(target - rho) <= STEP * (high - low):
            return target
        rho = target
    return rho
