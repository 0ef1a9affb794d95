"""The sheet a map is drawn on: its projection and its extent.

Extents follow the largest part of every unit. Dongsha, which belongs to Shanwei and lies
250 km out, would otherwise shrink the map of Guangdong to three fifths; far islets are
drawn where the sheet reaches them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.points import WGS84, largest_part, representative_points
from spatialsyn.errors import AlignmentError, BoundaryError, ConfigError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.inset import Inset, south_china_sea
from spatialsyn.report.folding import folded

# CGCS2000 / 3-degree Gauss-Kruger, 114 E: distances within 0.16 % over Guangdong.
GAUSS_KRUGER = "EPSG:4547"
GAUSS_KRUGER_AREA = (108.0, 15.0, 120.0, 45.0)
ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m +no_defs"
CHINA = (73.0, 3.0, 136.0, 54.0)
# Metres across from which a map within China is one of all China.
NATIONAL = 3.5e6
# Drawn on every map that reaches them: Hong Kong, Macao; on one of all China, Taiwan and Sansha.
ALWAYS = {"guangdong": ["810000", "820000"], "prefectures": ["710000", "460300"]}
# A unit is there already when others cover this share of it.
COVERED_BY = 0.2

MARGIN = 0.02
TITLE_MM = 6.0
# Points of a further line of a title.
TITLE_LINE = 10.0

Box = tuple[float, float, float, float]


def check_panel(panel: object, call: str) -> None:
    """Refuse what is no panel with polygons; `call` says how the figure is asked for."""
    expect(panel, CityPanel, f"the panel comes first, {call}", ConfigError)
    if panel.cities is None:  # type: ignore[attr-defined]
        raise BoundaryError("the panel has no polygons; make it with cities=...")


def check_layer(cities: object) -> None:
    """Refuse what are no polygons, such as the panel that holds them."""
    if not isinstance(cities, gpd.GeoDataFrame):
        raise BoundaryError(
            f"a map needs a GeoDataFrame of polygons; got {type(cities).__name__}. "
            "A panel made with polygons has them: panel.cities."
        )


@dataclass(frozen=True, eq=False)
class Sheet:
    """Polygons in the plane, and the rectangle of it that is shown.

    Attributes
    ----------
    cities : units with data; context : units without, possibly none. Both in one projected CRS.
    bounds : x0, y0, x1, y1 of what is shown
    dashes : those dashes around the South China Sea that a map of China reaches
    inset : the box with the South China Sea, None on other maps
    """

    cities: gpd.GeoDataFrame
    context: gpd.GeoDataFrame
    bounds: Box
    dashes: gpd.GeoSeries
    inset: Inset | None = None

    @property
    def aspect(self) -> float:
        """Height over width."""
        x0, y0, x1, y1 = self.bounds
        return (y1 - y0) / (x1 - x0)

    @cached_property
    def points(self) -> gpd.GeoSeries:
        """Where each unit is, context included."""
        units = pd.concat([self.cities.geometry, self.context.geometry])
        return representative_points(units.to_frame("geometry")).to_crs(self.cities.crs)

    @cached_property
    def land(self) -> shapely.Geometry:
        """Everything drawn, in axes fractions."""
        x0, y0, x1, y1 = self.bounds
        parts = [self.cities.geometry, self.context.geometry, self.dashes]
        boxes = [] if self.inset is None else [shapely.box(*self.inset.box)]
        shapes = np.concatenate([*(part.to_numpy() for part in parts), boxes])
        scaled = shapely.transform(shapes, lambda xy: (xy - [x0, y0]) / [x1 - x0, y1 - y0])
        lines = shapely.get_dimensions(scaled) == 1
        scaled[lines] = shapely.buffer(scaled[lines], 0.003)
        return shapely.union_all(shapely.simplify(scaled, 0.003, preserve_topology=True))

    def widened(self, share: float) -> Sheet:
        """The same with empty room on the right, as a share of the new width."""
        x0, y0, x1, y1 = self.bounds
        return replace(self, bounds=(x0, y0, x0 + (x1 - x0) / (1 - share), y1))

    def lowered(self, share: float) -> Sheet:
        """The same with empty room below, as a share of the new height."""
        x0, y0, x1, y1 = self.bounds
        return replace(self, bounds=(x0, y1 - (y1 - y0) / (1 - share), x1, y1))

    def filling(self, aspect: float) -> Sheet:
        """The same with the room on the right, or below, that gives it this aspect."""
        if aspect < self.aspect:
            return self.widened(1 - aspect / self.aspect)
        return self.lowered(1 - self.aspect / aspect)


def sheet(
    cities: gpd.GeoDataFrame, context: gpd.GeoDataFrame | None = None, inset: bool = True
) -> Sheet:
    """Project the polygons and choose what is shown.

    The projection is Gauss-Kruger about 114 E (EPSG:4547) for maps within 108-120 E, Albers
    25/47/105 for wider ones of China, and an equal-area one about the centre elsewhere. Hong
    Kong and Macao are added to the context of a map that reaches them, and so are the dashes;
    on a map of all China Taiwan and Sansha, and with `inset` a box with the South China Sea.

    Raises
    ------
    BoundaryError, AlignmentError
        No polygons, no CRS, or a unit that is both a city and context.
    """
    check_layer(cities)
    if cities.crs is None:
        raise BoundaryError("the cities have no CRS; set it: cities.set_crs('EPSG:4326').")
    if context is None:
        context = cities.iloc[:0]
    both = cities.index.intersection(context.index)
    if len(both):
        raise AlignmentError(f"{named(both)} are among the cities and in the context.")
    crs = projection(framed(cities.to_crs(WGS84), context.to_crs(WGS84), 0.0))
    plane, around = cities.to_crs(crs), context.to_crs(crs)
    bounds = framed(plane, around, MARGIN)
    national = crs == ALBERS and bounds[2] - bounds[0] > NATIONAL
    for layer in ALWAYS if national else ["guangdong"]:
        around = with_always(layer, plane, around, None if national else bounds)
    dashes = dash_line().to_crs(crs)
    if not national:
        reached = dashes.intersects(shapely.box(*bounds)) & (crs in (GAUSS_KRUGER, ALBERS))
        return Sheet(plane, around, bounds, dashes[reached])
    bounds = framed(plane, around, MARGIN)
    bounds = (*np.minimum(bounds[:2], dashes.total_bounds[:2] - 3e4), *bounds[2:])
    if not inset:
        return Sheet(plane, around, bounds, dashes)
    shapes = np.r_[plane.geometry.to_numpy(), around.geometry.to_numpy()]
    bounds, box = south_china_sea(bounds, shapes, dashes.to_numpy(), crs)
    return Sheet(plane, around, bounds, dashes, box)


def with_always(
    layer: str, cities: gpd.GeoDataFrame, context: gpd.GeoDataFrame, bounds: Box | None
) -> gpd.GeoDataFrame:
    """The context and those units of a layer that belong on every map and are not there yet.

    `bounds` are those of a map that shows them only where it reaches them.
    """
    units, column = always(layer).to_crs(cities.crs), context.active_geometry_name
    units = units if column == "geometry" else units.rename_geometry(column)
    if bounds is not None:
        units = units[shapely.intersects(units.geometry.to_numpy(), shapely.box(*bounds))]
    units = units[~units.index.isin([*cities.index, *context.index])]
    there = np.r_[cities.geometry.to_numpy(), context.geometry.to_numpy()]
    tree = shapely.STRtree(there)
    missing = []
    for unit in units.geometry:
        near = there[tree.query(unit)]
        common = shapely.area(shapely.intersection(near, unit)).sum()
        missing.append(common < COVERED_BY * unit.area)
    added = units[np.array(missing, dtype=bool)]
    return pd.concat([part for part in (context, added) if len(part)]) if len(added) else context


@cache
def always(layer: str) -> gpd.GeoDataFrame:
    """Bundled units that belong on every map, indexed by id, in WGS84."""
    path = resources.files("spatialsyn.shapefiles") / f"{layer}.shp"
    listed = ", ".join(f"'{unit}'" for unit in ALWAYS[layer])
    return gpd.read_file(str(path), where=f"adcode IN ({listed})").set_index("adcode")


@cache
def dash_line() -> gpd.GeoSeries:
    """The dashes around the South China Sea, which a map of China shows."""
    path = resources.files("spatialsyn.shapefiles") / "dashline.shp"
    return gpd.read_file(str(path)).geometry


def framed(cities: gpd.GeoDataFrame, context: gpd.GeoDataFrame, margin: float) -> Box:
    """Bounds of the largest part of every unit, with a margin as a share of the width.

    Another part that they cut is shown whole, where twice the margin does.
    """
    shapes = [*cities.geometry, *context.geometry]
    x0, y0, x1, y1 = shapely.total_bounds([largest_part(shape) for shape in shapes])
    room = margin * (x1 - x0)
    bounds = shapely.box(x0 - room, y0 - room, x1 + room, y1 + room)
    wide = shapely.box(x0 - 2 * room, y0 - 2 * room, x1 + 2 * room, y1 + 2 * room)
    parts = shapely.get_parts(np.asarray(shapes, dtype=object))
    cut = shapely.intersects(bounds, parts) & shapely.within(parts, wide)
    seen = shapely.total_bounds([*parts[cut], bounds])
    return tuple(map(float, seen))  # type: ignore[return-value]


def projection(lonlat: Box) -> str:
    """The CRS to draw these bounds in."""
    if inside(lonlat, GAUSS_KRUGER_AREA):
        return GAUSS_KRUGER
    if inside(lonlat, CHINA):
        return ALBERS
    lon, lat = (lonlat[0] + lonlat[2]) / 2, (lonlat[1] + lonlat[3]) / 2
    return f"+proj=laea +lat_0={lat:.2f} +lon_0={lon:.2f} +datum=WGS84 +units=m +no_defs"


def inside(box: Box, area: Box) -> bool:
    """Whether `box` lies in `area`."""
    return box[0] >= area[0] and box[1] >= area[1] and box[2] <= area[2] and box[3] <= area[3]


def new_axes(shown: Sheet, width_mm: float | str, title: str | None) -> Axes:
    """A figure of exactly this width whose axes are filled by the map.

    A map that would be taller than a page is as tall as that, and `put_legend` leaves the room
    beside it empty.
    """
    check_title(title)
    width_mm = theme.width(width_mm)
    more = titled(title, width_mm * theme.MM * 72).count("\n") * TITLE_LINE / 72 / theme.MM
    room = TITLE_MM + more if title else 0.0
    height = min(width_mm * shown.aspect, theme.TALLEST_MM - room)
    figure = plt.figure(figsize=(width_mm * theme.MM, (height + room) * theme.MM))
    return figure.add_axes((0.0, 0.0, 1.0, height / (height + room)), gid="sheet")


def titled(title: str | None, points: float) -> str:
    """A title in the lines it needs in a figure of this width."""
    return folded(title, 0.97 * points, theme.TEXT + 0.5) if title else ""


def check_title(title: object) -> None:
    """Refuse a layer where the title belongs."""
    if title is not None and not isinstance(title, str):
        raise ConfigError(
            f"title is a {type(title).__name__}, not a text. Units without data are given by name: "
            "context=panel.context."
        )


def prepare(ax: Axes, shown: Sheet, title: str | None) -> None:
    """Show the sheet's rectangle to scale, without axes."""
    check_title(title)
    x0, y0, x1, y1 = shown.bounds
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    ax.set_axis_off()
    for line in shown.dashes:
        ax.plot(*line.xy, color=theme.INK, lw=0.8, zorder=4, gid="dash line")
    if title:
        wide = float(points(ax)[0])
        ax.set_title(titled(title, wide), loc="left", x=0.01, y=1.0, pad=3)


def points(ax: Axes) -> Array:
    """Width and height of the axes in points."""
    return np.array([ax.bbox.width, ax.bbox.height]) * 72 / theme.figure_of(ax).dpi
