"""Where the arrows of a map lie, so that texts can keep off them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.placing import Shapes

GIDS = ("flow", "link")
# Share of an arrow that is its tail: where it is covered, nobody sees whence it comes.
TAIL = 0.2
# Points on a shaft, which is a curve.
STEPS = np.linspace(0, 1, 25)[:, None]
# Of the median length of the arrows of a map, how thick the thickest may be.
SLENDER = 0.07


@dataclass(frozen=True, eq=False)
class Arrows:
    """The arrows of a map in pixels, each with the thickness of its line.

    Attributes
    ----------
    heads, tails : (a,) polygons
    shafts : (a,) lines from the tail to the head
    """

    heads: Shapes
    tails: Shapes
    shafts: Shapes


def arrows_on(ax: Axes) -> Arrows:
    """The arrows between cities or blocks that were drawn on a map."""
    patches = [patch for patch in ax.patches if patch.get_gid() in GIDS]
    if patches:
        theme.lay_out(theme.figure_of(ax))  # an arrow has its size in points once it was drawn
    half = [patch.get_linewidth() / 2 * theme.figure_of(ax).dpi / 72 for patch in patches]
    parts = [arrow_parts(patch) for patch in patches]
    begin = int(np.ceil(TAIL * (len(STEPS) - 1))) + 1
    heads, tails, shafts = (np.empty(len(parts), dtype=object) for _ in range(3))
    for i, (shaft, head) in enumerate(parts):
        shafts[i] = shapely.LineString(shaft)
        heads[i] = shapely.Polygon(head).buffer(half[i])
        tails[i] = shapely.LineString(shaft[:begin]).buffer(half[i], cap_style="flat")
    return Arrows(heads, tails, shafts)


def arrow_parts(patch: Any) -> tuple[Array, Array]:
    """(25, 2) points of the shaft, and (3, 2) of the head."""
    assert isinstance(patch, FancyArrowPatch)
    vertices = patch.get_transform().transform(patch.get_path().vertices)
    start, bend, end = vertices[:3]  # a quadratic curve; the head follows, and closes
    shaft = (1 - STEPS) ** 2 * start + 2 * STEPS * (1 - STEPS) * bend + STEPS**2 * end
    return np.asarray(shaft), np.asarray(vertices[3:6])


def thickest(ax: Axes, origins: Any, targets: Any, most: float) -> float:
    """Points of the thickest arrow: `most`, less where cities are near one another."""
    if not len(origins):
        return most
    ends = [ax.transData.transform(np.reshape(at, (-1, 2))) for at in (origins, targets)]
    lengths = np.hypot(*(ends[1] - ends[0]).T) * 72 / theme.figure_of(ax).dpi
    return float(min(most, SLENDER * np.median(lengths)))
