"""The map of the page: units as SVG paths in whole numbers, neighbours with one border.

Shapes are projected and simplified together (`shapely.coverage_simplify`: a border that two
units share stays shared), then rounded to a grid of `WIDE` steps. Rounding moves a shared
vertex to the same place in both units, so the map has neither gaps nor overlaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.layers import between, dissolved

# Steps of the grid across the map, and how coarse outlines may be, in steps.
WIDE, COARSE = 2000, 2.0
# On a map of all China units south of this latitude are in the inset alone.
SOUTH = 17.0
# The inset of the South China Sea: its share of the map's width, the room that the map makes
# for it on the right, and how far north of the map's lower edge it begins.
INSET, ROOM, NORTH = 0.15, 0.06, 0.11
# Share of the map's width that its scale bar may take.
BAR = 0.2
# Height of the scale bar with its label, in steps.
BAR_TALL = 60


@dataclass(frozen=True)
class PageMap:
    """What the template draws; lengths in steps of the grid, y downwards.

    Attributes
    ----------
    size : width and height of the map
    cities, context : a path per unit, in the order of the layers
    points : where each unit is, cities first
    borders, dashes : a path each, empty where there is none
    inset : x, y, width and height on the map, then those of what it shows; or empty
    bar : length of the scale bar, in steps and in km
    bar_at : its left end
    """

    size: tuple[int, int]
    cities: tuple[str, ...]
    context: tuple[str, ...]
    points: tuple[tuple[int, int], ...]
    borders: str
    dashes: str
    inset: tuple[int, ...]
    bar: tuple[int, int]
    bar_at: tuple[int, int]


Points = NDArray[np.float64]


def page_map(
    cities: gpd.GeoDataFrame, context: gpd.GeoDataFrame | None, blocks: str | None
) -> PageMap:
    """Project, simplify and round the polygons of a page.

    Raises
    ------
    BoundaryError, AlignmentError
        See `frame.sheet`.
    """
    shown = frame.sheet(cities, context)
    x0, y0, x1, y1 = _without_the_south(shown)
    step = (x1 - x0) / WIDE

    def on_grid(xy: Points) -> Points:
        return np.column_stack([xy[:, 0] - x0, y1 - xy[:, 1]]) / step

    shapes = np.concatenate([shown.cities.geometry, shown.context.geometry])
    shapes = shapely.coverage_simplify(shapely.transform(shapes, on_grid), COARSE)
    n = len(shown.cities)
    units = shown.cities.set_geometry(list(shapes[:n]), crs=None)
    points = on_grid(shapely.get_coordinates(shown.points.to_numpy())).round().astype(int)
    dashes = shapely.transform(shown.dashes.to_numpy(), on_grid)
    room = ROOM * WIDE if len(dashes) else 0
    size = (round(WIDE + room), round((y1 - y0) / step))
    inset = _inset(dashes, size) if len(dashes) else ()
    km = furniture.round_below((x1 - x0) * BAR / 1000)
    bar = (round(km * 1000 / step), round(km))
    return PageMap(
        size=size,
        cities=tuple(map(outline, shapes[:n])),
        context=tuple(map(outline, shapes[n:])),
        points=tuple((int(x), int(y)) for x, y in points),
        borders=_borders(units, blocks) if blocks else "",
        dashes="".join(map(line, dashes)),
        inset=inset,
        bar=bar,
        bar_at=_bar_at(replace(shown, bounds=(x0, y0, x1, y1)), bar[0]),
    )


def outline(shape: shapely.Geometry) -> str:
    """The rings of a unit as one path; rings smaller than the grid are left out."""
    rings = shapely.get_rings(shapely.get_parts(shape))
    whole = [shapely.get_coordinates(ring).round().astype(int) for ring in rings]
    kept = [ring for ring in whole if len(np.unique(ring, axis=0)) > 2]
    if not kept:
        x, y = shapely.get_coordinates(shapely.centroid(shape)).round().astype(int)[0]
        return f"M{x - 1} {y - 1}h2v2h-2z"
    return "".join(f"{_steps(ring[:-1])}z" for ring in kept)


def line(shape: shapely.Geometry) -> str:
    """The pieces of a line as one path."""
    pieces = [shapely.get_coordinates(piece) for piece in shapely.get_parts(shape)]
    return "".join(_steps(piece.round().astype(int)) for piece in pieces)


def _steps(points: Array) -> str:
    """A start and the steps from each point to the next, those of no length left out."""
    steps = np.diff(points, axis=0)
    moved = steps[steps.any(axis=1)].ravel()
    text = " ".join(map(str, moved)).replace(" -", "-")
    return f"M{points[0][0]} {points[0][1]}l{text}"


def _borders(units: gpd.GeoDataFrame, blocks: str) -> str:
    """Where two blocks meet."""
    names, shapes = dissolved(units, blocks)
    return line(shapely.line_merge(between(shapes))) if len(names) > 1 else ""


def _without_the_south(shown: frame.Sheet) -> frame.Box:
    """What the map shows: on a map of all China the far south is left to the inset."""
    if not len(shown.dashes):
        return shown.bounds
    latitude = shown.points.to_crs(4326).y.to_numpy()
    n = len(shown.cities)
    cities, context = shown.cities[latitude[:n] > SOUTH], shown.context[latitude[n:] > SOUTH]
    return frame.framed(cities, context, frame.MARGIN)


def _bar_at(shown: frame.Sheet, length: int) -> tuple[int, int]:
    """Where the scale bar covers no land, near the lower left."""
    tall = shown.aspect * WIDE
    (x0, y0, _, _), _ = furniture.free_spot(
        shown, (length / WIDE, BAR_TALL / tall), (), "lower left"
    )
    return round(x0 * WIDE), round((1 - y0) * tall)


def _inset(dashes: Sequence[shapely.Geometry], size: tuple[int, int]) -> tuple[int, ...]:
    """The South China Sea in the lower right corner of the map."""
    x0, y0, x1, y1 = shapely.total_bounds(dashes)
    margin = 0.02 * (x1 - x0)
    x0, x1, y1 = x0 - margin, x1 + margin, y1 + margin
    y0 = max(y0, size[1] - NORTH * WIDE)
    width = INSET * WIDE
    height = width * (y1 - y0) / (x1 - x0)
    corner = (size[0] - width - 8, size[1] - height - 8)
    return tuple(round(v) for v in (*corner, width, height, x0, y0, x1 - x0, y1 - y0))
