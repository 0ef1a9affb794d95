"""Texts on a map, placed so that none covers another: the same places every time.

Every text has a choice of places, each with a cost of its own. It moves in turn to the cheapest
of them, the others being where they are, until none moves. A text whose every place would meet
another one is then left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array

# What two texts that meet cost, and more with the share that is covered; what a line costs that
# crosses a text or another line. Each is more than what a text costs that is left out.
OVERLAP, MEETS, LEFT_OUT = 1000.0, 60.0, 30.0
SWEEPS = 30


@dataclass(frozen=True, eq=False)
class Choice:
    """The places where a text may stand, in pixels.

    Attributes
    ----------
    centres : (m, 2) of the text
    size : (2,) width and height, with the clear space around
    starts : (m, 2) where the line to each place begins, NaN for none
    cost : (m,) of each place by itself
    """

    centres: Array
    size: Array
    starts: Array
    cost: Array

    @cached_property
    def boxes(self) -> Array:
        """(m, 4) what the text covers."""
        return boxed(self.centres, self.size)

    @cached_property
    def lines(self) -> Array:
        """(m, 2, 2) from the start of the line to the nearest point of the text."""
        ends = np.clip(self.starts, self.boxes[:, :2], self.boxes[:, 2:])
        return np.stack([self.starts, ends], axis=1)

    def keep(self, allowed: NDArray[np.bool_]) -> Choice:
        """The same with some places alone."""
        return replace(self, centres=self.centres[allowed], starts=self.starts[allowed],
                       cost=self.cost[allowed])  # fmt: skip

    def off(self, solid: Array) -> Choice:
        """The places that meet none of some geometries."""
        return self.keep(counted(shapely.box(*self.boxes.T), solid) == 0)


def counted(shapes: Array, others: Array) -> Array:
    """(len(shapes),) how many of the others each of some geometries meets."""
    if not len(shapes) or not len(others):
        return np.zeros(len(shapes))
    met = shapely.STRtree(others).query(shapes, predicate="intersects")[0]
    return np.bincount(met, minlength=len(shapes)).astype(float)


def straight(lines: Array) -> Array:
    """(m,) geometries of (m, 2, 2) lines; those without a start are empty."""
    drawn = np.isfinite(lines).all(axis=(1, 2))
    made = np.full(len(lines), shapely.LineString(), dtype=object)
    made[drawn] = shapely.linestrings(lines[drawn]) if drawn.any() else made[drawn]
    return made


def settled(choices: Sequence[Choice]) -> NDArray[np.intp]:
    """(n,) the place that each text takes among its own, -1 for one that is left out."""
    return _Search(choices).run()


class _Search:
    """The places taken so far, and which texts may have to move."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        self.choices = choices
        n = len(choices)
        self.able = np.array([len(choice.cost) > 0 for choice in choices], dtype=bool)
        self.chosen: NDArray[np.intp] = np.full(n, -1)
        self.boxes, self.lines = np.full((n, 4), np.nan), np.full((n, 2, 2), np.nan)
        self.near = _neighbours(choices)
        for i in np.flatnonzero(self.able):
            self.put(i, int(np.argmin(choices[i].cost)))

    def put(self, i: int, place: int) -> None:
        """Take a place for text i, or -1."""
        self.chosen[i] = place
        one = self.choices[i]
        self.boxes[i] = one.boxes[place] if place >= 0 else np.nan
        self.lines[i] = one.lines[place] if place >= 0 else np.nan

    def run(self) -> NDArray[np.intp]:
        """Move until none moves: first all of them, then those that find no place go."""
        for leaving in (False, True):
            stale = self.able.copy()
            for _ in range(SWEEPS):
                for i in self.order(leaving):
                    if stale[i]:
                        stale[i] = False
                        stale[self.near[i]] |= self.move(i, leaving)
                if not stale.any():
                    break
        return self.chosen

    def order(self, leaving: bool) -> NDArray[np.intp]:
        """Texts in turn; those that are worst off leave first."""
        able = np.flatnonzero(self.able)
        if not leaving:
            return able
        now = [self.costs(i, slice(self.chosen[i], self.chosen[i] + 1))[0]
               if self.chosen[i] >= 0 else LEFT_OUT for i in able]  # fmt: skip
        return able[np.argsort(-np.array(now), kind="stable")]

    def move(self, i: int, leaving: bool) -> bool:
        """Take the cheapest place for text i; whether that is a new one."""
        cost = self.costs(i, slice(None))
        best = int(np.argmin(cost))
        best = -1 if leaving and cost[best] > LEFT_OUT else best
        moved = bool(best != self.chosen[i])
        if moved:
            self.put(i, best)
        return moved

    def costs(self, i: int, places: slice) -> Array:
        """What these places of text i cost, the others being where they are."""
        one, others = self.choices[i], self.near[i][self.chosen[self.near[i]] >= 0]
        cost = one.cost[places].copy()
        if not len(others):
            return cost
        mine, lines = one.boxes[places], one.lines[places]
        theirs, those = self.boxes[others], self.lines[others]
        least = np.array([min(one.size.prod(), self.choices[j].size.prod()) for j in others])
        common = overlap(mine, theirs)
        met = (common > 0).astype(float)
        met += through(lines, theirs) + through(those, mine).T + crossed(lines, those)
        return np.asarray(cost + (OVERLAP * common / least + MEETS * met).sum(axis=1))


def _neighbours(choices: Sequence[Choice]) -> list[NDArray[np.intp]]:
    """The texts that each could meet at some of their places."""
    reach = np.full((len(choices), 4), np.nan)
    for i, one in enumerate(choices):
        if len(one.cost):
            corners = np.vstack([one.boxes.reshape(-1, 2), one.lines.reshape(-1, 2)])
            reach[i] = [*np.nanmin(corners, axis=0), *np.nanmax(corners, axis=0)]
    low, high = reach[:, None, :2], reach[:, None, 2:]
    meet = ((low < high.swapaxes(0, 1)) & (low.swapaxes(0, 1) < high)).all(axis=2)
    np.fill_diagonal(meet, False)
    return [np.flatnonzero(row) for row in meet]


def boxed(centres: Array, sizes: Array) -> Array:
    """(n, 4) boxes about centres."""
    return np.asarray(np.c_[centres - sizes / 2, centres + sizes / 2])


def overlap(a: Array, b: Array) -> Array:
    """(len(a), len(b)) common areas of boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2))


def within(points: Array, boxes: Array) -> Array:
    """(points, boxes) whether a point lies in a box."""
    inside = (points[:, None] > boxes[None, :, :2]) & (points[:, None] < boxes[None, :, 2:])
    return np.asarray(inside.all(axis=2))


def through(lines: Array, boxes: Array) -> Array:
    """(lines, boxes) whether a line passes through a box; one of NaN passes through none."""
    start, along = lines[:, None, 0], lines[:, None, 1] - lines[:, None, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (boxes[None, :, :2] - start) / along
        second = (boxes[None, :, 2:] - start) / along
    enters = np.minimum(first, second).max(axis=2)
    leaves = np.maximum(first, second).min(axis=2)
    return np.asarray((leaves > np.maximum(enters, 0)) & (enters < 1))


def crossed(a: Array, b: Array) -> Array:
    """(len(a), len(b)) whether two lines cross; one of NaN crosses none."""

    def sides(lines: Array, points: Array) -> Array:
        along, away = lines[:, 1] - lines[:, 0], points[None] - lines[:, None, None, 0]
        return np.asarray(along[:, None, None, 0] * away[..., 1]
                          - along[:, None, None, 1] * away[..., 0])  # fmt: skip

    of_a, of_b = sides(a, b), sides(b, a).swapaxes(0, 1)
    return np.asarray((of_a.prod(axis=2) < 0) & (of_b.prod(axis=2) < 0))
