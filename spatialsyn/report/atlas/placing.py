"""Texts on a map, placed so that none covers another: the same places every time.

Every text has a choice of places, each with a cost of its own, and may be left out, at a cost too.
In turn it takes one of them, the others being where they are: at first a cheap one by chance,
ever more strictly the cheapest, until none moves. Then no text meets another one.

Christensen, Marks & Shieber (1995, ACM Transactions on Graphics 14, 203-232): annealing places
more names than descent, which stops where two names are in each other's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array

# Polygons and lines.
Shapes = NDArray[np.object_]

# What two texts that meet cost, and more with the share that is covered; what a line costs that
# crosses a text or another line. Each is more than what a text costs that is left out.
OVERLAP, MEETS, LEFT_OUT = 1000.0, 60.0, 30.0
SWEEPS = 30
# What differences of cost are divided by, sweep after sweep.
TEMPERATURES = np.geomspace(40.0, 0.5, 16)
_LOW, _HIGH = slice(0, 2), slice(2, 4)


@dataclass(frozen=True, eq=False)
class Choice:
    """The places where a text may stand, in pixels.

    Attributes
    ----------
    centres : (m, 2) of the text
    size : (2,) width and height, with the clear space around
    starts : (m, 2) where the line to each place begins, NaN for none
    cost : (m,) of each place by itself
    rows : (r, 4) boxes of the lines of the text about its centre, where one of these is reached
    """

    centres: Array
    size: Array
    starts: Array
    cost: Array
    rows: Array

    @cached_property
    def boxes(self) -> Array:
        """(m, 4) what the text covers."""
        return boxed(self.centres, self.size)

    @cached_property
    def lines(self) -> Array:
        """(m, 2, 2) from the start of the line to the nearest point of the text."""
        low, high = (self.centres[:, None] + self.rows[None, :, side] for side in (_LOW, _HIGH))
        ends = np.clip(self.starts[:, None], low, high)
        far = np.nan_to_num(np.hypot(*(ends - self.starts[:, None]).transpose(2, 0, 1)))
        nearest = ends[np.arange(len(ends)), far.argmin(axis=1)]
        return np.stack([self.starts, nearest], axis=1)

    def keep(self, allowed: NDArray[np.bool_]) -> Choice:
        """The same with some places alone."""
        return replace(self, centres=self.centres[allowed], starts=self.starts[allowed],
                       cost=self.cost[allowed])  # fmt: skip

    def off(self, solid: Shapes) -> Choice:
        """The places that meet none of some geometries."""
        return self.keep(counted(rectangles(self.boxes), solid) == 0)


def rows_of(widths: Sequence[float], size: Array) -> Array:
    """(r, 4) boxes of the lines of a text of this size about its centre, by their widths."""
    line = size[1] / len(widths)
    top = size[1] / 2 - line * np.arange(len(widths))
    half = np.asarray(widths) / 2
    return np.c_[-half, top - line, half, top]


def counted(shapes: Shapes, others: Shapes) -> Array:
    """(len(shapes),) how many of the others each of some geometries meets."""
    if not len(shapes) or not len(others):
        return np.zeros(len(shapes))
    met = shapely.STRtree(others).query(shapes, predicate="intersects")[0]
    return np.bincount(met, minlength=len(shapes)).astype(float)


def straight(lines: Array) -> Shapes:
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
        # The last place of every text is nowhere.
        self.places = [np.vstack([one.boxes, np.full((1, 4), np.nan)]) for one in choices]
        self.leaders = [np.concatenate([one.lines, np.full((1, 2, 2), np.nan)]) for one in choices]
        self.own = [np.append(one.cost, LEFT_OUT) for one in choices]
        self.areas = np.array([one.size.prod() for one in choices])
        self.reach = reach = _reaches(choices)
        meet = [((reach[:, :2] < one[2:]) & (one[:2] < reach[:, 2:])).all(axis=1) for one in reach]
        self.near = [np.setdiff1d(np.flatnonzero(found), i) for i, found in enumerate(meet)]
        self.chosen = np.array([cost.argmin() for cost in self.own], dtype=np.intp)
        self.boxes = np.array([self.places[i][place] for i, place in enumerate(self.chosen)])
        self.lines = np.array([self.leaders[i][place] for i, place in enumerate(self.chosen)])

    def put(self, i: int, place: int) -> None:
        """Take a place for text i."""
        self.chosen[i] = place
        self.boxes[i], self.lines[i] = self.places[i][place], self.leaders[i][place]

    def run(self) -> NDArray[np.intp]:
        """Move by chance, then to the cheapest place until none moves; the worst off go first."""
        every, rng = range(len(self.own)), np.random.default_rng(0)
        for temperature in TEMPERATURES if self.clash() else ():
            for i in every:
                cost = self.costs(i)
                odds = np.exp((cost.min() - cost) / temperature)
                self.put(i, int(rng.choice(len(cost), p=odds / odds.sum())))
        stale = np.ones(len(every), dtype=bool)
        for _ in range(SWEEPS):
            for i in sorted(every, key=lambda text: -self.now(text)):
                if stale[i]:
                    before, stale[i] = self.chosen[i], False
                    self.put(i, int(np.argmin(self.costs(i))))
                    stale[self.near[i]] |= self.chosen[i] != before
            if not stale.any():
                break
        nowhere = self.chosen == [len(cost) - 1 for cost in self.own]
        return np.where(nowhere, -1, self.chosen)

    def clash(self) -> bool:
        """Whether two texts meet, each being at its cheapest place."""
        return any(self.now(i) >= MEETS for i in range(len(self.own)))

    def now(self, i: int) -> float:
        """What text i costs where it is."""
        return float(self.costs(i)[self.chosen[i]])

    def costs(self, i: int) -> Array:
        """What every place of text i costs, the others being where they are."""
        others = self.near[i][self._reached(i)]
        mine, lines = self.places[i], self.leaders[i]
        theirs, those = self.boxes[others], self.lines[others]
        common = np.nan_to_num(overlap(mine, theirs))
        met = (common > 0) | through(lines, theirs)
        with_line = np.isfinite(those[:, 0, 0])
        those = those[with_line]
        met[:, with_line] |= through(those, mine).T | crossed(lines, those)
        share = common / np.minimum(self.areas[i], self.areas[others])
        return np.asarray(self.own[i] + (OVERLAP * share + MEETS * met).sum(axis=1))

    def _reached(self, i: int) -> NDArray[np.bool_]:
        """Which of the texts near text i it could meet where these now are."""
        near = self.near[i]
        low = np.fmin(self.boxes[near, :2], self.lines[near, 0])
        high = np.fmax(self.boxes[near, 2:], self.lines[near, 0])
        return np.asarray(((low < self.reach[i, 2:]) & (self.reach[i, :2] < high)).all(axis=1))


def _reaches(choices: Sequence[Choice]) -> Array:
    """(n, 4) what each text could cover, its line included; NaN for one without a place."""
    reach = np.full((len(choices), 4), np.nan)
    for i, one in enumerate(choices):
        if len(one.cost):
            corners = np.vstack([one.boxes.reshape(-1, 2), one.lines.reshape(-1, 2)])
            reach[i] = [*np.nanmin(corners, axis=0), *np.nanmax(corners, axis=0)]
    return reach


def boxed(centres: Array, sizes: Array) -> Array:
    """(n, 4) boxes about centres."""
    return np.asarray(np.c_[centres - sizes / 2, centres + sizes / 2])


def overlap(a: Array, b: Array) -> Array:
    """(len(a), len(b)) common areas of boxes."""
    # A reduction over an axis of two numbers takes several times as long as one operation.
    wide, high = (
        np.minimum(a[:, None, 2 + k], b[:, 2 + k]) - np.maximum(a[:, None, k], b[:, k])
        for k in (0, 1)
    )
    return np.asarray(np.clip(wide, 0, None) * np.clip(high, 0, None))


def within(points: Array, boxes: Array) -> NDArray[np.bool_]:
    """(points, boxes) whether a point lies in a box."""
    beside, level = (
        (points[:, None, k] > boxes[:, k]) & (points[:, None, k] < boxes[:, 2 + k]) for k in (0, 1)
    )
    return np.asarray(beside & level)


def rectangles(boxes: Array) -> Shapes:
    """(n,) polygons of (n, 4) boxes."""
    return np.asarray(shapely.box(*boxes.T), dtype=object)


def through(lines: Array, boxes: Array) -> NDArray[np.bool_]:
    """(lines, boxes) whether a line passes through a box; one of NaN passes through none."""
    enters, leaves = np.zeros(1), np.full(1, np.inf)
    for k in (0, 1):
        start, along = lines[:, 0, k, None], lines[:, 1, k, None] - lines[:, 0, k, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (boxes[:, k] - start) / along, (boxes[:, 2 + k] - start) / along
        enters = np.maximum(enters, np.minimum(first, second))
        leaves = np.minimum(leaves, np.maximum(first, second))
    return np.asarray((leaves > enters) & (enters < 1))


def crossed(a: Array, b: Array) -> NDArray[np.bool_]:
    """(len(a), len(b)) whether two lines cross; one of NaN crosses none."""
    return np.asarray(_parts(a, b) & _parts(b, a).T)


def _parts(lines: Array, others: Array) -> NDArray[np.bool_]:
    """(lines, others) whether the ends of another line lie on either side of a line."""
    (x, y), (along_x, along_y) = lines[:, 0].T, (lines[:, 1] - lines[:, 0]).T
    one, other = (
        along_x[:, None] * (others[:, k, 1] - y[:, None])
        - along_y[:, None] * (others[:, k, 0] - x[:, None])
        for k in (0, 1)
    )
    return np.asarray(one * other < 0)
