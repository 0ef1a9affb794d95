"""The numbers on a map of flows between blocks, clear of arrows and of one another.

A number stands beside its arrow, or away from it with a line; that of what stays within a block
stands over the block. Where numbers with their intervals find no place the interval stands on
a line of its own, then it is left out, and at last the number.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.ops
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame
from spatialsyn.report.atlas.arrows import Arrows, arrow_parts, arrows_on
from spatialsyn.report.atlas.frame import Box
from spatialsyn.report.atlas.labels import (
    CLEAR,
    around,
    draw_leader,
    extents,
    halo,
    inside,
    pixels,
    rows,
    text_size,
)
from spatialsyn.report.atlas.placing import Choice, boxed, counted, rectangles, settled
from spatialsyn.report.folding import folded

# Shares of the length of an arrow at which its number may stand, and points between them. One that
# is farther off than LINE has a line to its arrow, one as close as CLOSE to another is mistaken.
ALONG = np.linspace(0.3, 0.7, 9)
OFF, LINE = (1.5, 5.0, 11.0, 19.0, 30.0, 44.0, 62.0, 84.0, 110.0), 9.0
CLOSE = 4.0
# What a number costs for a line's height between it and its arrow, and between its middle and that
# of one beside a level arrow; for the whole length of the arrow away from the middle, on the inner
# side of the arc, per point of its own shaft, and for another one that it covers or is near.
FAR, SLOPE, MIDDLE, INNER, OWN, SHAFT = 0.8, 0.6, 4.0, 0.3, 0.5, 3.0
# Points between the middle of a block and the text of what stays within it.
AWAY = np.array([4.0, 6.0])
# Share of that text that lies over the block, and places tried along each side; what it costs for a
# line's height from the best place, and beside the middle of the block wherever that is.
MOST, TRIED = 0.8, 25
NEAR, BESIDE = 0.3, 4.0
# Share of the map's width that a line of it takes at most.
WIDEST = 0.3
# How a number and its interval are written, the first for which there is room.
FORMS = ("{} {}", "{}\n{}", "{}")


@dataclass(frozen=True, eq=False)
class OnArrow:
    """The number of a flow, in parts: the estimate and its interval."""

    parts: tuple[str, ...]
    arrow: FancyArrowPatch

    def text(self, form: str, room: float, size: float) -> str:
        """What is written."""
        return form.format(*self.parts).rstrip()

    def choice(self, ax: Axes, size: Array, rows: Array, arrows: Arrows) -> Choice:
        """Places on the arrow and on both sides of it, near its middle."""
        point, line = theme.figure_of(ax).dpi / 72, size[1] / len(rows)
        shaft = shapely.LineString(arrow_parts(self.arrow)[0])
        thick = self.arrow.get_linewidth() / 2
        centres, cost = self._around(shaft, size, line, thick, point)
        edge = pixels(ax, [(0, 0, 1, 1)])[0]
        on_sheet = (inside(centres, size, edge) == centres).all(axis=1)
        centres, cost = centres[on_sheet], cost[on_sheet]
        boxes = rectangles(boxed(centres, size))
        middle = shapely.ops.substring(shaft, ALONG[0], ALONG[-1], normalized=True)
        back = np.asarray(shapely.shortest_line(middle, boxes), dtype=object)
        gap = shapely.length(back)
        others = arrows.shafts[~shapely.equals(arrows.shafts, shaft)]
        cost += FAR * gap / line + SHAFT * (counted(boxes, others) + counted(back, others))
        around_it = np.asarray(shapely.buffer(boxes, np.maximum(gap, CLOSE * point)), dtype=object)
        cost += SHAFT * counted(around_it, others)
        starts = shapely.get_coordinates(back).reshape(-1, 2, 2)[:, 0]
        starts[gap <= LINE * point] = np.nan
        return Choice(centres, size, starts, cost, rows)

    def _around(
        self, shaft: shapely.LineString, size: Array, line: float, thick: float, point: float
    ) -> tuple[Array, Array]:
        """Centres of the number, and what they cost for where along the arrow they are."""
        at = (ALONG * shaft.length, (ALONG + 0.01) * shaft.length)
        on, ahead = (
            shapely.get_coordinates(shapely.line_interpolate_point(shaft, far)) for far in at
        )
        along = (ahead - on) / np.hypot(*(ahead - on).T)[:, None]
        normal = np.c_[along[:, 1], -along[:, 0]]
        half = (np.abs(normal) * size / 2).sum(axis=1)
        middle = MIDDLE * np.abs(ALONG - 0.5)
        slope = middle + SLOPE * (half - size[1] / 2) / line
        centres, cost = [on], [OWN * (1 + 2 * thick) + middle]
        for off in OFF:
            far = (half + (thick + off) * point)[:, None] * normal
            centres += [on + far, on - far]
            cost += [slope, slope + INNER]
        return np.vstack(centres), np.concatenate(cost)


@dataclass(frozen=True, eq=False)
class Within:
    """What stays within a block, over its `shape`; `here` and the `others` are middles."""

    parts: tuple[str, ...]
    name: str
    here: Any
    others: Sequence[Any]
    shape: shapely.Geometry

    def text(self, form: str, room: float, size: float) -> str:
        """What is written."""
        return f"{folded(self.name, room, size)}\n{form.format(*self.parts)}".rstrip()

    def choice(self, ax: Axes, size: Array, rows: Array, arrows: Arrows) -> Choice:
        """Places over the block, the best on the side away from others; some beside its middle."""
        line, here = size[1] / len(rows), ax.transData.transform(self.here)
        edge = pixels(ax, [(0, 0, 1, 1)])[0]
        over, out = self._over(ax, size, edge), inside(around(here, size, line), size, edge)
        centres = np.vstack([over, out])
        boxes = rectangles(boxed(centres, size))
        cost = NEAR * np.hypot(*(centres - self._outward(ax, size)).T) / line
        cost += SHAFT * counted(boxes, arrows.shafts)
        cost[len(over) :] += BESIDE
        starts = np.full_like(centres, np.nan)
        starts[len(over) :] = here
        starts[shapely.intersects(boxes, shapely.Point(here))] = np.nan
        return Choice(centres, size, starts, cost, rows)

    def _over(self, ax: Axes, size: Array, edge: Array) -> Array:
        """Centres of the text where most of it lies over the block, possibly none."""
        shape = shapely.simplify(shapely.transform(self.shape, ax.transData.transform), 1.0)
        x0, y0, x1, y1 = shapely.bounds(shape)
        x, y = np.meshgrid(np.linspace(x0, x1, TRIED), np.linspace(y0, y1, TRIED))
        centres = inside(np.c_[x.ravel(), y.ravel()], size, edge)
        boxes = rectangles(boxed(centres, size))
        over = shapely.area(shapely.intersection(boxes, shape)) / size.prod()
        return np.asarray(centres[over >= MOST])

    def _outward(self, ax: Axes, size: Array) -> Array:
        """Beside the middle of the block, away from the others, in pixels."""
        here = ax.transData.transform(self.here)
        others = [ax.transData.transform(at) for at in self.others]
        away = here - np.mean(others or [here - [0, 1]], axis=0)
        unit = away / np.hypot(*away)
        reach = size / 2 + AWAY * theme.figure_of(ax).dpi / 72
        return np.asarray(here + unit / (np.abs(unit) / reach).max())


Number = OnArrow | Within


def put_numbers(ax: Axes, numbers: Sequence[Number], taken: Sequence[Box]) -> None:
    """Write the numbers of all flows in the first form for which there is room."""
    if not numbers:
        return
    arrows, points = arrows_on(ax), text_size(ax)
    names = [text.get_window_extent().extents for text in ax.texts if text.get_gid() == "label"]
    solid = np.concatenate(
        [rectangles(np.vstack([pixels(ax, taken), *names])), arrows.heads, arrows.tails]
    )
    look: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 7, "gid": "number"}
    texts = [ax.text(0, 0, "", fontsize=points, **look) for _ in numbers]
    room = WIDEST * float(frame.points(ax)[0])
    for form in FORMS:
        for text, one in zip(texts, numbers, strict=True):
            text.set_text(one.text(form, room, points))
        sizes = extents(texts) + 2 * CLEAR * theme.figure_of(ax).dpi / 72
        choices = [
            one.choice(ax, size, rows(text, size), arrows).off(solid)
            for one, text, size in zip(numbers, texts, sizes, strict=True)
        ]
        places = settled(choices)
        if (places >= 0).all():
            break
    for text, choice, place in zip(texts, choices, places, strict=True):
        if place < 0:
            text.remove()
            continue
        text.set_position(tuple(ax.transData.inverted().transform(choice.centres[place])))
        halo(ax, text)
        draw_leader(ax, choice.lines[place], dot=True)
    _warn(form, int((places < 0).sum()), len(places), ax)


def _warn(form: str, lost: int, count: int, ax: Axes) -> None:
    """Say what is not written, and what to do."""
    if form != FORMS[-1]:
        return
    wide = ax.bbox.width / theme.figure_of(ax).dpi / theme.MM
    also = f", and {lost} of the numbers," if lost else ""
    warnings.warn(
        f"the intervals of {count} flows{also} find no place on a map {wide:.0f} mm wide and are "
        "left out. A larger width_mm has room for them; ss.report.block_matrix(effects) shows all.",
        stacklevel=3,
    )
