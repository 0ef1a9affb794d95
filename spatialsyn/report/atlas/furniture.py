"""What stands on a map beside the land: legend, scale bar and north arrow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from pyproj import Transformer

from spatialsyn.cities.points import WGS84
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.fading import HANDLERS, length
from spatialsyn.report.atlas.frame import Box, Sheet, points
from spatialsyn.report.folding import folded, measured
from spatialsyn.report.words import word

# Positions tried for a piece of furniture, along each side of the sheet.
TRIED = 17
# Share of the sheet's width that a scale bar may take.
SCALE_BAR = 0.2
# What covering land or other furniture costs against the distance to the wanted corner:
# an islet of a thousandth of the box is worth moving for.
LAND = 1000.0
# Share of a legend that may cover land.
COVERED = 0.002
# Of the width: what a legend may take beside the map, and what its texts may take at all.
BESIDE, WIDEST = 1 / 3, 0.8
# Lengths of a scale bar that are tried, from the longest.
LENGTHS = 4
# Points of the line of a scale bar.
BAR_LINE = 0.9


def put_legend(
    ax: Axes, shown: Sheet, handles: Sequence[Any], title: str | None
) -> tuple[Sheet, Box]:
    """A legend that covers no land; where there is no room, the sheet is extended for it.

    To the right, or downward for a legend of more than a third of the width of the map, unless it
    is one of all China, whose south stands in the box.
    """
    across = 72 * float(ax.get_position(original=True).width) * theme.figure_of(ax).get_figwidth()
    legend = ax.legend(
        handles=list(handles), title=title, loc="lower left", alignment="left", borderaxespad=0,
        handlelength=length(handles), handleheight=1.0, labelspacing=0.35, framealpha=0.85,
        edgecolor="none", borderpad=0.3, handler_map=HANDLERS,
    )  # fmt: skip
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_text(folded(text.get_text(), WIDEST * across, theme.SMALL))
    shown = fill_figure(ax, shown, extent(ax, legend)[0] * float(points(ax)[0]))
    size = extent(ax, legend)
    box, covered = free_spot(shown, size, (), "lower right")
    if covered > COVERED:
        tall = size[1] * float(points(ax)[1])
        if size[0] <= BESIDE or shown.inset is not None:
            shown = flatten(ax, shown.widened(size[0]), 1.1 * tall)
        else:
            share = size[1] / (1 + size[1])
            shown = flatten(ax, shown.lowered(share), 0.0)
        box, _ = free_spot(shown, extent(ax, legend), (), "lower right")
    legend.set_loc(box[:2])
    return shown, box


def fill_figure(ax: Axes, shown: Sheet, legend: float) -> Sheet:
    """The sheet with the room that a figure of `new_axes` has beside a map as tall as a page.

    Not more than a legend of this many points needs.
    """
    figure, place = theme.figure_of(ax), ax.get_position(original=True)
    wide, tall = figure.get_figwidth() * place.width, figure.get_figheight() * place.height
    if ax.get_gid() != "sheet" or tall / wide >= 0.999 * shown.aspect:
        return shown
    titles = ax.get_title("left").split("\n")
    title = 1.05 * max(measured(line, theme.TEXT + 0.5) for line in titles)
    wide = min(wide, max(tall / shown.aspect + 1.2 * legend / 72, title / 72))
    figure.set_figwidth(wide)
    shown = shown.filling(float(tall / wide))
    ax.set_xlim(shown.bounds[0], shown.bounds[2])
    return shown


def flatten(ax: Axes, shown: Sheet, least: float) -> Sheet:
    """Give a figure of `new_axes` the height of a sheet that was changed, `least` points at least.

    Returns the sheet with room below, where the figure is taller than it need be.
    """
    if ax.get_gid() == "sheet":
        figure = theme.figure_of(ax)
        width, before = figure.get_size_inches()
        room = before * (1 - ax.get_position(original=True).height)
        height = max(width * shown.aspect, least / 72)
        figure.set_size_inches(width, height + room)
        ax.set_position((0.0, 0.0, 1.0, height / (height + room)))
        shown = shown.filling(height / width)
    x0, y0, x1, y1 = shown.bounds
    ax.set(xlim=(x0, x1), ylim=(y0, y1))
    return shown


def extent(ax: Axes, artist: Any) -> tuple[float, float]:
    """Width and height of something drawn, in axes fractions."""
    figure = theme.figure_of(ax)
    if figure.get_layout_engine() is None:
        theme.check_glyphs(figure)
        for each in figure.axes:
            each.apply_aspect()
    else:
        theme.lay_out(figure)
    box = artist.get_window_extent()
    return box.width / ax.bbox.width, box.height / ax.bbox.height


def free_spot(
    shown: Sheet, size: tuple[float, float], taken: Sequence[Box], corner: str
) -> tuple[Box, float]:
    """Where a box of this size, in axes fractions, covers least of the land and what is `taken`.

    Among equally good places the one nearest to `corner`, such as "lower right". Also
    returns the share of the box that covers something.
    """
    w, h = size
    pad_x, pad_y = 0.012, 0.012 / shown.aspect
    xs = np.linspace(pad_x, max(1 - w - pad_x, pad_x), TRIED)
    ys = np.linspace(pad_y, max(1 - h - pad_y, pad_y), TRIED)
    x, y = (grid.ravel() for grid in np.meshgrid(xs, ys))
    boxes = shapely.box(x, y, x + w, y + h)
    hidden = on_land(shown, boxes)
    if taken:
        furniture = shapely.union_all([shapely.box(*box) for box in taken])
        hidden = shapely.union(hidden, shapely.intersection(boxes, furniture))
    covered = shapely.area(hidden) / (w * h)
    goal_x = xs[-1] if "right" in corner else xs[0]
    goal_y = ys[-1] if "upper" in corner else ys[0]
    away = np.hypot(x - goal_x, (y - goal_y) * shown.aspect)
    best = int(np.argmin(LAND * covered.round(5) + away))
    box = (float(x[best]), float(y[best]), float(x[best] + w), float(y[best] + h))
    return box, float(covered[best])


def on_land(shown: Sheet, boxes: Any) -> Any:
    """The part of each box that is land; a rectangle is cut out faster than a polygon."""
    return np.array([shapely.clip_by_rect(shown.land, *box) for box in shapely.bounds(boxes)])


def put_scale_bar(ax: Axes, shown: Sheet, taken: Sequence[Box]) -> Box:
    """A bar of a round number of kilometres, shorter where a longer one would cover land."""
    from matplotlib_scalebar.scalebar import ScaleBar

    x0, _, x1, _ = shown.bounds
    wide, tall = points(ax)
    longest = (x1 - x0) * SCALE_BAR / 1000
    for tried in range(LENGTHS):
        length = round_below(longest / 2.001**tried)
        width = length * 1000 / (x1 - x0)
        size = max(width * 1.1, 1.1 * measured(f"{length:g} km", theme.SMALL) / wide)
        box, covered = free_spot(shown, (size, 9 / tall * 1.9), taken, "lower right")
        if covered <= COVERED:
            break
        if tried == 0:
            first = length, box
    else:
        length, box = first
    ax.add_artist(
        ScaleBar(
            1, "m", fixed_units="km", fixed_value=length, scale_formatter="{:g} {}".format,
            location="lower center", pad=0, border_pad=0, sep=1.5, frameon=False,
            color=theme.INK, width_fraction=float(BAR_LINE / tall),
            bbox_to_anchor=((box[0] + box[2]) / 2, box[1]), bbox_transform=ax.transAxes,
            font_properties={"family": theme.families(), "size": theme.SMALL},
        )
    )  # fmt: skip
    return box


def round_below(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step for step in (1, 2, 5) if step * power <= value) * power)


def put_north_arrow(ax: Axes, shown: Sheet, taken: Sequence[Box], language: str) -> Box:
    """An arrow to true north at the place where it stands."""
    sides = points(ax)
    size = np.array([12.0, 30.0]) / sides
    box, _ = free_spot(shown, (float(size[0]), float(size[1])), taken, "upper left")
    middle = np.array([(box[0] + box[2]) / 2, box[1]])
    up = north(shown, middle) / sides
    ax.annotate(
        "", xy=tuple(middle + 20 * up), xytext=tuple(middle), xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>,head_width=0.2,head_length=0.5", "color": theme.INK,
                    "lw": 0.8, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    x, y = middle + 25 * up
    ax.text(x, y, word("N", language), transform=ax.transAxes, ha="center", va="center",
            gid="north")  # fmt: skip
    return box


def north(shown: Sheet, at: Array) -> Array:
    """Unit vector to true north at a place given in axes fractions."""
    x0, y0, x1, y1 = shown.bounds
    there = to_lonlat(shown.cities.crs.to_wkt())
    x, y = x0 + at[0] * (x1 - x0), y0 + at[1] * (y1 - y0)
    lon, lat = there.transform(x, y)
    further = there.transform(lon, lat + 0.1, direction="INVERSE")
    vector = np.array(further) - [x, y]
    return np.asarray(vector / np.hypot(*vector))


@lru_cache(maxsize=16)
def to_lonlat(crs: str) -> Transformer:
    """From a projection, as WKT, to longitude and latitude; making one takes longer than a map."""
    return Transformer.from_crs(crs, WGS84, always_xy=True)
