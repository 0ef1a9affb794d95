"""Maxima where some of the parameters are shares: not negative, with a constant sum.

Newton's steps on one face of the simplex after the other: a share that a step would make
negative stops at zero and stays there, until the slope at the peak of the face says that
the function rises into the interior (Nocedal & Wright 2006, section 16.5: active sets).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.optimize import MANY_STEPS, NEAR, POLISH, newton_step

Mask: TypeAlias = NDArray[np.bool_]
# A rise of the function by less than this, per unit of a share, does not take it off zero.
PULL = 1e-5
# Steps below this are rounding.
SETTLED = 1e-11


def lattice(m: int, steps: int) -> list[Array]:
    """All vectors of `m` shares that are multiples of 1 / `steps`."""
    counts = product(range(steps + 1), repeat=m - 1)
    return [np.array([*c, steps - sum(c)]) / steps for c in counts if sum(c) <= steps]


def maximise_on_simplex(
    value: Callable[[Array], float],
    score: Callable[[Array], Array],
    starts: Sequence[Array],
    shares: slice,
    held: Sequence[int] = (),
) -> Array:
    """The highest of the maxima reached from `starts`.

    Parameters
    ----------
    value : minus infinity outside the space of the other parameters
    shares : which parameters are shares; those at the positions `held` do not move
    """
    peaks = [_climb(value, score, start, shares, list(held)) for start in starts]
    best, free = max(peaks, key=lambda peak: value(peak[0]))
    made = _polished(value, score, best, shares, free)
    alone = made[shares] > 0
    if alone.sum() == 1:  # the others are zero, and what steps leave of it is rounding
        made[shares][alone] = 1.0
    return made


def _climb(
    value: Callable[[Array], float],
    score: Callable[[Array], Array],
    start: Array,
    shares: slice,
    held: list[int],
) -> tuple[Array, Mask]:
    """The peak and its free shares."""
    x, height = start.astype(float), value(start)
    free = x[shares] > 0
    free[held] = False
    for _ in range(MANY_STEPS):
        step = step_along_face(score, x, shares, free)
        reach = _reach(x[shares], step[shares])
        t = min(1.0, reach)
        while value(x + t * step) <= height and np.abs(t * step).max(initial=0.0) > NEAR:
            t /= 2
        if np.abs(t * step).max(initial=0.0) > NEAR:
            x = _moved(x, t * step, shares, free, t == reach)
            height = value(x)
        elif reach < 1 and t == reach:  # a share is zero to rounding
            x = _moved(x, t * step, shares, free, True)
        else:
            rising = _rising(score(x), x, shares, free, held)
            if rising is None:
                break
            free[rising] = True
    return x, free


def step_along_face(score: Callable[[Array], Array], x: Array, shares: slice, free: Mask) -> Array:
    """Newton's step in all parameters but the shares that are not `free`."""
    moves = directions(len(x), shares, free)
    if not moves.shape[1]:
        return np.zeros(len(x))

    def along(z: Array) -> Array:
        return np.asarray(moves.T @ score(x + moves @ z))

    origin = np.zeros(moves.shape[1])
    return np.asarray(moves @ newton_step(along, origin, along(origin)))


def directions(size: int, shares: slice, free: Mask) -> Array:
    """In which (size,) parameters may move, (size, d): a share that is not free stays, and the
    others keep their sum."""
    moving = np.arange(size)[shares][free]
    count = len(moving)
    face = np.zeros((size, max(count - 1, 0)))
    for j in range(count - 1):  # Helmert: the mean of the first j + 1 against the next one
        column = np.r_[np.ones(j + 1), -(j + 1), np.zeros(count - j - 2)]
        face[moving, j] = column / np.sqrt((j + 1) * (j + 2))
    return np.hstack([np.delete(np.eye(size), np.r_[shares], axis=1), face])


def _reach(shares: Array, step: Array) -> float:
    """How many steps until the first share is zero."""
    falling = step < 0
    return float((shares[falling] / -step[falling]).min(initial=np.inf))


def _moved(x: Array, step: Array, shares: slice, free: Mask, stopped: bool) -> Array:
    """x + step; where a share stopped the step it is exactly zero and no longer free."""
    x = x + step
    if stopped:
        inside = x[shares]
        ended = free & (inside <= np.where(free, inside, np.inf).min() + 1e-15)
        inside[ended] = 0.0
        free &= ~ended
    return x


def _rising(slope: Array, x: Array, shares: slice, free: Mask, held: list[int]) -> int | None:
    """The share at zero that the function rises with most, if it does."""
    inside, at = slope[shares], x[shares]
    if not free.any():
        return None
    pull = inside - (at[free] @ inside[free]) / max(float(at[free].sum()), 1e-300)
    pull[free], pull[held] = -np.inf, -np.inf
    best = int(np.argmax(pull))
    return best if pull[best] > PULL else None


def _polished(
    value: Callable[[Array], float],
    score: Callable[[Array], Array],
    x: Array,
    shares: slice,
    free: Mask,
) -> Array:
    """This near, the value is flat to rounding while the score still tells the way."""
    for _ in range(POLISH):
        step = step_along_face(score, x, shares, free)
        inside = (x + step)[shares]
        size = float(np.abs(step).max(initial=0.0))
        if not SETTLED < size <= 10 * NEAR or (inside < 0).any():
            break
        if not np.isfinite(value(x + step)):
            break
        x = x + step
    return x
