"""The South China Sea in a small box of its own on a map of all China.

The main map ends below the southern tip of Hainan, and the box repeats what lies on it from
the Tropic of Cancer down to Zengmu Ansha, with all dashes and on a smaller scale. It stands in
the lower right, east of every polygon and dash at its height, and the sheet is as wide as
that takes: in the corner as it is the box would hide Taiwan.

What a public map of China shows is ruled by the Ministry of Natural Resources of China
(2023, Standards for the content of public maps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from pyproj import Transformer

from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme

# Longitude, latitude: what the box reaches in the north, and Hainan's tip (Jinmu Jiao).
TROPIC = ((107.5, 23.44), (121.9, 23.44))
HAINAN = (109.57, 18.16)
ROOM = 6e4
# Scale of the box against the main map, and its distance from land and edges, as a share of
# the width of the sheet.
SCALE, PAD = 0.4, 0.012
THINNER = 0.6
LINES = ("dash line", "blocks", "outline")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Inset:
    """What a box shows, and where on the main map it stands; both in the plane of the map."""

    shown: Box
    box: Box


def south_china_sea(bounds: Box, shapes: Array, dashes: Array, crs: Any) -> tuple[Box, Inset]:
    """The bounds of the main map, cut below Hainan, and the box for the rest."""
    plane = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    tropic = shapely.points([plane.transform(*point) for point in TROPIC])
    x0, y0, x1, y1 = shapely.total_bounds(np.r_[dashes, tropic])
    shown = (x0 - ROOM, y0 - ROOM, x1 + ROOM, y1 + ROOM)
    west, south, east, north = bounds
    south = max(south, plane.transform(*HAINAN)[1] - ROOM)
    pad = PAD * (east - west)
    width, height = SCALE * (shown[2] - shown[0]), SCALE * (shown[3] - shown[1])
    ends = shapely.bounds(shapely.get_parts(np.r_[shapes, dashes]))
    beside = (ends[:, 3] > south) & (ends[:, 1] < south + 2 * pad + height)
    left = max(float(ends[beside, 2].max(initial=west)) + pad, east - pad - width)
    box = (left, south + pad, left + width, south + pad + height)
    return (west, south, max(east, box[2] + pad), north), Inset(shown, box)


def draw_inset(ax: Axes, inset: Inset | None) -> None:
    """Repeat in the box what is drawn on the map; what stood in the box before goes."""
    for old in [child for child in ax.child_axes if child.get_gid() == "inset"]:
        old.remove()
    if inset is None:
        return
    x0, y0, x1, y1 = inset.box
    box = ax.inset_axes((x0, y0, x1 - x0, y1 - y0), transform=ax.transData, zorder=6)
    box.set_gid("inset")
    west, south, east, north = inset.shown
    box.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], aspect="equal")
    box.spines[:].set(linewidth=0.5, color=theme.INK)
    for drawn in ax.collections:
        if isinstance(drawn, PathCollection):
            _repeat(box, drawn, _inside(drawn, inset.shown))
    for line in ax.lines:
        if line.get_gid() in LINES:
            box.plot(*line.get_data(), color=line.get_color(), gid=line.get_gid(),
                     lw=THINNER * line.get_linewidth(), zorder=line.get_zorder())  # fmt: skip


def _inside(drawn: PathCollection, shown: Box) -> NDArray[np.intp]:
    """Which paths reach into these bounds."""
    extents = [path.get_extents() for path in drawn.get_paths()]
    view = Bbox.from_extents(*shown)
    return np.flatnonzero([view.overlaps(extent) for extent in extents])


def _repeat(box: Axes, drawn: PathCollection, at: NDArray[np.intp]) -> None:
    """The same shapes with the same look, their outlines thinner."""
    if not len(at):
        return
    paths, colours = drawn.get_paths(), np.asarray(drawn.get_facecolor())
    copied = PathCollection(
        [paths[i] for i in at],
        facecolors=colours[at] if len(colours) == len(paths) else colours,
        edgecolors=drawn.get_edgecolor(), linewidths=THINNER * np.asarray(drawn.get_linewidth()),
        hatch=drawn.get_hatch(), zorder=drawn.get_zorder(), gid=drawn.get_gid(),
    )  # fmt: skip
    box.add_collection(copied, autolim=False)
