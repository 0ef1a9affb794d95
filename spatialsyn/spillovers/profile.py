"""A likelihood over one or two parameters whose other parameters are at their best already.

It need not have one peak: a grid over the whole box comes first, every high peak of the grid
is climbed, and the ends of intervals are looked for from the outside in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2

from spatialsyn.errors import EstimationError
from spatialsyn.numerics.lags import Array

# Points per axis of the grid, for one and for two parameters; peaks of it that are climbed.
POINTS, PEAKS = {1: 33, 2: 11}, 3
# Likelihoods this far below the best are all alike; one this far above it was missed.
DEEP, MISSED = 1e3, 1e-2
# Step of differences; this near to an end of the box there are none.
STEP = 0.01

Value = Callable[[Array], float]
Box = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Peak:
    """The highest point of a likelihood in a box.

    Attributes
    ----------
    at, height : where it is and how high
    axes, values : the grid, and the likelihood on it
    """

    at: Array
    height: float
    axes: tuple[Array, ...]
    values: Array


@dataclass(frozen=True, eq=False)
class Interval:
    """The values of one parameter that the likelihood ratio does not reject.

    Attributes
    ----------
    low, high : its ends; those of the box where it is open
    open_below, open_above : whether it reaches an end of the box, or of the values at which
        there is a likelihood at all
    pieces : number of parts it consists of, on the grid
    points, values : the profile likelihood behind it
    """

    low: float
    high: float
    open_below: bool
    open_above: bool
    pieces: int
    points: Array
    values: Array


def highest(value: Value, box: Box, points: int | None = None) -> Peak:
    """The highest point of `value` in `box`, from a grid of so many points per axis.

    Raises
    ------
    EstimationError
        No point of the grid has a likelihood.
    """
    axes = tuple(np.linspace(low, high, points or POINTS[len(box)]) for low, high in box)
    shape = tuple(len(axis) for axis in axes)
    values = np.array([value(np.array(point)) for point in product(*axes)]).reshape(shape)
    is_top = (values == maximum_filter(values, size=3, mode="nearest")) & (values > -np.inf)
    if not is_top.any():
        raise EstimationError(
            "the model has no estimate at any of the values tried: the likelihood has no maximum "
            "inside the parameter space. Check for a common trend (time effects)."
        )
    tops = sorted(np.argwhere(is_top), key=lambda top: -values[tuple(top)])
    climbed = [_climbed(value, axes, top) for top in tops[:PEAKS]]
    at, height = max(climbed, key=lambda one: one[1])
    return Peak(at, height, axes, values)


def _climbed(value: Value, axes: tuple[Array, ...], top: NDArray[np.intp]) -> tuple[Array, float]:
    """The peak within one cell of the grid point `top`."""
    around = [
        (float(axis[max(i - 1, 0)]), float(axis[min(i + 1, len(axis) - 1)]))
        for axis, i in zip(axes, top, strict=True)
    ]
    start = np.array([axis[i] for axis, i in zip(axes, top, strict=True)], dtype=float)
    height = value(start)

    def minus(t: Any) -> float:
        return -max(value(np.atleast_1d(t)), height - DEEP)

    if len(axes) == 1:
        found: Any = minimize_scalar(
            minus, bounds=around[0], method="bounded", options={"xatol": 1e-7}
        )
    else:
        found = minimize(
            minus, start, method="Nelder-Mead", bounds=around,
            options={"xatol": 1e-6, "fatol": 1e-9},
        )  # fmt: skip
    at = np.atleast_1d(found.x)
    # A climb stops short of an end of the box, which may be the best itself.
    return (at, value(at)) if value(at) > height else (start, height)


def interval(value: Value, peak: Peak, box: Box, axis: int, level: float) -> Interval:
    """The profile likelihood interval of parameter `axis`.

    Raises
    ------
    EstimationError
        The profile is higher than the peak: the grid was too coarse to find it.
    """
    others = tuple(bounds for j, bounds in enumerate(box) if j != axis)

    def profile(t: float) -> float:
        def rest(other: Array) -> float:
            return value(np.insert(other, axis, t))

        try:
            return highest(rest, others, POINTS[2]).height if others else value(np.array([t]))
        except EstimationError:
            return -np.inf

    points = peak.axes[axis]
    values = peak.values if not others else np.array([profile(t) for t in points])
    if values.max() > peak.height + MISSED:
        raise EstimationError(
            "the likelihood has a peak that the search missed: search less, between=(low, high)."
        )
    cut = peak.height - chi2.ppf(level, 1) / 2
    points, values = _with(points, values, peak.at[axis], peak.height)
    inside = np.flatnonzero(values >= cut)
    first, last = int(inside[0]), int(inside[-1])

    def above(t: float) -> float:
        return max(profile(t) - cut, -DEEP)

    def crossing(a: int, b: int) -> float:
        return float(brentq(above, points[a], points[b], xtol=1e-6))

    return Interval(
        low=crossing(first - 1, first) if first else float(points[0]),
        high=crossing(last, last + 1) if last + 1 < len(points) else float(points[-1]),
        open_below=first == 0 or values[first - 1] == -np.inf,
        open_above=last + 1 == len(points) or values[last + 1] == -np.inf,
        pieces=1 + int((np.diff(inside) > 1).sum()),
        points=points,
        values=values,
    )


def _with(points: Array, values: Array, t: float, height: float) -> tuple[Array, Array]:
    """The grid with the best point in its place."""
    keep = points != t
    order = np.argsort([*points[keep], t])
    return np.r_[points[keep], t][order], np.r_[values[keep], height][order]


def curvature(value: Value, at: Array, box: Box) -> Array:
    """Covariance from the second differences at the peak.

    A parameter at an end of the box is held there and has none (NaN); nor has any where the
    peak is flat.
    """
    gaps = [min(t - low, high - t) for t, (low, high) in zip(at, box, strict=True)]
    free = np.flatnonzero(np.array(gaps) >= 2 * STEP)
    steps = STEP * np.eye(len(at))[free]
    hessian = [
        [
            (value(at + a + b) - value(at + a - b) - value(at - a + b) + value(at - a - b)) / 4
            for b in steps
        ]
        for a in steps
    ]
    information = -np.reshape(hessian, (len(free), len(free))) / STEP**2
    cov = np.full((len(at), len(at)), np.nan)
    if np.isfinite(information).all() and (np.linalg.eigvalsh(information) > 0).all():
        cov[np.ix_(free, free)] = np.linalg.inv(information)
    return cov
