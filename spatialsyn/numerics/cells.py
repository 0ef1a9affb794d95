"""Functions of rho with known poles, interpolated between values in cells that are fixed.

A cell whose half-width is at most `REACHED` = 1/4 of the distance from its centre to the nearest
pole lies in an ellipse without poles whose semi-axes sum to 4 + 15^(1/2) = 7.9 half-widths, so
that the polynomial through its k Chebyshev points converges like 7.9^-k: by 5e-15 for k = 16
(Trefethen 2013, Approximation Theory and Approximation Practice, theorem 8.2). How large a
function grows in that ellipse, poles do not say: a cell whose last coefficients are not small is
halved. Cells are made when first needed and kept, a few hundred numbers each; where they lie
follows from the poles alone, so that a value does not depend on those asked for before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array

# The points of a cell, its half-width in parts of the distance to a pole, and how small its last
# two coefficients are in parts of the largest.
POINTS, REACHED, CLOSE = 16, 0.25, 1e-11
# Half-widths, in parts of the whole: below the first a pole is so near that rounding is what the
# last coefficients show; a cell of the second touches it.
NARROW, NARROWEST = 1e-4, 1e-9


@dataclass(frozen=True, eq=False)
class Cells:
    """m functions of rho on an interval around zero.

    Attributes
    ----------
    values : theirs at rho that are not zero: of (b,) the (b, m)
    poles : real or complex
    interval : beyond it, values themselves are taken
    """

    values: Callable[[Array], Array]
    poles: NDArray[np.inexact[Any]]
    interval: tuple[float, float]

    def __call__(self, rho: Array) -> Array:
        """(b, m) at an array of rho, each found by itself."""
        low, high = self.interval
        within = (low < rho) & (rho < high)
        if not within.all():
            found = np.array([self.values(one)[0] for one in rho[:, None]])
            if within.any():
                found[within] = self(rho[within])
            return found
        t, series = zip(*map(self._placed, rho.tolist()), strict=True)
        # One product takes a fifth of the time of Clenshaw's recurrence.
        angles = np.arccos(np.clip(t, -1, 1))[:, None, None]
        return np.asarray((np.cos(np.arange(POINTS) * angles) @ np.array(series))[:, 0])

    def _placed(self, rho: float) -> tuple[float, Array]:
        """Where in its cell a rho lies, from -1 to 1, and the coefficients there."""
        low, high = self.interval
        # Zero is an end of a cell, never one of its points.
        low, high = (0.0, high) if rho >= 0 else (low, 0.0)
        while (series := self._series(low, high)) is None:
            middle = (low + high) / 2
            low, high = (middle, high) if rho >= middle else (low, middle)
        return (2 * rho - low - high) / (high - low), series

    def _series(self, low: float, high: float) -> Array | None:
        """The coefficients in this cell, (`POINTS`, m), None where it is halved."""
        if (low, high) not in self._kept:
            self._kept[low, high] = self._interpolated((low + high) / 2, (high - low) / 2)
        return self._kept[low, high]

    def _interpolated(self, centre: float, half: float) -> Array | None:
        part = half / (self.interval[1] - self.interval[0])
        reached = REACHED * np.abs(self.poles - centre).min(initial=np.inf)
        if half > reached and part > NARROWEST:
            return None
        t = chebyshev.chebpts1(POINTS)
        series = chebyshev.chebfit(t, self.values(centre + half * t), POINTS - 1)
        last, largest = np.abs(series[-2:]).max(axis=0), np.abs(series).max(axis=0)
        rough = (last > CLOSE * largest).any()
        return None if rough and part > NARROW else series

    @cached_property
    def _kept(self) -> dict[tuple[float, float], Array | None]:
        """The cells that were needed."""
        return {}
