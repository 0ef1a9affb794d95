"""Maxima of smooth functions: of one variable on an interval, of a few from several starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array

# Points of the scan that brackets the highest peak before Newton starts.
SCAN = 65
# Steps and relative step of the Hessian by differences of the score.
MANY_STEPS, DIFFERENCE = 200, 1e-5
# Steps below this are polished on the score alone, so often.
NEAR, POLISH = 1e-6, 4
# Newton stops when a step is below this part of the interval's width.
STEP = 1e-14
# The same where many functions are climbed side by side.
STEP_OF_MANY = 1e-12
# Peaks whose heights differ by less than this share are equal: the rest is rounding.
SAME = 1e-11


def maximise(
    value: Callable[[Array], Array],
    derivatives: Callable[[Array], tuple[Array, Array]],
    bounds: tuple[float, float],
    points: Array | None = None,
) -> float:
    """The rho in `bounds` with the highest `value`.

    A scan brackets the highest peak, and others that may outgrow it between its points, so a
    second, lower peak is never returned; Newton on `derivatives` (first, second) polishes inside
    the bracket and falls back to bisection when a step would leave it.

    Parameters
    ----------
    value : vectorised function of an array of rho
    derivatives : function of one rho, returning (slope, curvature)
    bounds : open, finite interval
    points : of the scan, ascending; Chebyshev's by default
    """
    low, high = bounds
    points = scanned(bounds) if points is None else points
    ends, least = np.r_[low, points, high], STEP * (high - low)
    tops = _tops(value(points)[:, None])[:, 0]
    found = np.array([_polished(derivatives, ends[top : top + 3], least) for top in tops])
    return float(highest(found, value(found)) if len(found) > 1 else found[0])


def scanned(bounds: tuple[float, float], scan: int = SCAN) -> Array:
    """Chebyshev points of an interval, dense towards its ends."""
    low, high = bounds
    return low + (high - low) * (1 - np.cos(np.pi * (np.arange(scan) + 0.5) / scan)) / 2


def _polished(
    derivatives: Callable[[Array], tuple[Array, Array]], bracket: Array, least: float
) -> float:
    """Newton from the middle of (left, rho, right), until a step is at most `least`."""
    left, rho, right = map(float, bracket)
    for _ in range(200):
        slope, curvature = map(float, derivatives(np.asarray(rho)))
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
        if abs(target - rho) <= least:
            return target
        rho = target
    return rho


def highest(found: Array, heights: Array) -> Array:
    """Of maxima along the first axis the highest; of equally high ones the nearest to zero.

    Where W only permutes the cities rho and 1 / rho have one likelihood: rounding must not choose.
    """
    top = heights.max(axis=0)
    tied = heights >= top - SAME * (1 + np.abs(top))
    first = np.where(tied, np.abs(found), np.inf).argmin(axis=0)
    return np.asarray(np.take_along_axis(found, np.asarray(first)[None], axis=0)[0])


def _tops(heights: Array) -> NDArray[np.intp]:
    """(K, b) points, of (scan, b) heights: the highest, then the peaks that may outgrow it.

    Between the points a peak rises by less than it falls to the next one (a parabola: by an
    eighth). Functions with fewer peaks than others repeat the highest.
    """
    edge = np.full((1, heights.shape[1]), -np.inf)
    before, after = np.vstack([edge, heights[:-1]]), np.vstack([heights[1:], edge])
    falls = [np.where(np.isfinite(side), heights - side, 0.0) for side in (before, after)]
    rivals = (heights > before) & (heights >= after)
    rivals &= heights + np.maximum(*falls) >= heights.max(axis=0)
    best = np.argmax(heights, axis=0)
    rivals[best, np.arange(len(best))] = False
    order = np.argsort(~rivals, axis=0, kind="stable")[: int(rivals.sum(axis=0).max())]
    return np.vstack([best, np.where(np.take_along_axis(rivals, order, axis=0), order, best)])


def maximise_many(
    value: Callable[[Array], Array],
    derivatives: Callable[[Array], tuple[Array, Array]],
    bounds: tuple[float, float],
    points: Array | None = None,
) -> Array:
    """`maximise` for many functions of one variable at once.

    Parameters
    ----------
    value : a column of rho to a row for each, one column per function
    derivatives : one rho per function to all slopes and all curvatures
    """
    low, high = bounds
    points = scanned(bounds) if points is None else points
    ends = np.r_[low, points, high]
    found = [
        _polished_many(derivatives, (ends[top], ends[top + 1], ends[top + 2]), high - low)
        for top in _tops(value(points[:, None]))
    ]
    if len(found) == 1:
        return found[0]
    return highest(np.stack(found), np.stack([value(rho) for rho in found]))


def _polished_many(
    derivatives: Callable[[Array], tuple[Array, Array]],
    brackets: tuple[Array, Array, Array],
    width: float,
) -> Array:
    """`_polished` for many functions, each with its (left, rho, right)."""
    left, rho, right = brackets
    still = np.zeros(rho.shape, dtype=bool)
    for _ in range(MANY_STEPS):
        slope, curvature = derivatives(rho)
        left, right = np.where(slope > 0, rho, left), np.where(slope < 0, rho, right)
        target = rho - slope / np.where(curvature < 0, curvature, -np.inf)
        outside = (curvature >= 0) | (target < left) | (target > right)
        target = np.where(outside, (left + right) / 2, target)
        # What one function gets does not depend on the others: it waits where it has ended.
        target = np.where(still, rho, target)
        still |= np.abs(target - rho) <= STEP_OF_MANY * width
        rho = target
        if still.all():
            break
    return np.asarray(rho)


def maximise_from(
    value: Callable[[Array], float],
    score: Callable[[Array], Array],
    starts: Sequence[Array],
) -> Array:
    """The highest of the maxima that Newton reaches from `starts`, for a few parameters.

    The likelihood of a model with a lag and an error lag often has two peaks, roughly
    (rho, lambda) and (lambda, rho): one start is not enough. `value` is minus infinity
    outside the parameter space; steps are halved until they climb inside it.
    """
    peaks = [_climb(value, score, start) for start in starts]
    return max(peaks, key=value)


def _climb(value: Callable[[Array], float], score: Callable[[Array], Array], start: Array) -> Array:
    x, height = start, value(start)
    for _ in range(MANY_STEPS):
        step = newton_step(score, x, score(x))
        while value(x + step) <= height and np.abs(step).max() > NEAR:
            step = step / 2
        if np.abs(step).max() <= NEAR:
            break
        x = x + step
        height = value(x)
    # This near, the value is flat to rounding while the score still tells the way.
    for _ in range(POLISH):
        step = newton_step(score, x, score(x))
        if not np.abs(step).max() <= 10 * NEAR or not np.isfinite(value(x + step)):
            break
        x = x + step
    return x


def newton_step(score: Callable[[Array], Array], x: Array, slope: Array) -> Array:
    """Newton's step, with the curvature turned downwards where it is not."""
    d = len(x)
    hessian = np.empty((d, d))
    for i, unit in enumerate(np.eye(d)):
        hessian[i] = (score(x + DIFFERENCE * unit) - score(x - DIFFERENCE * unit)) / (
            2 * DIFFERENCE
        )
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    down = -np.maximum(np.abs(values), 1e-8 * np.abs(values).max())
    return np.asarray(-(vectors / down) @ (vectors.T @ slope))
