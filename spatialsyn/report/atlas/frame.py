"""The sheet a map is drawn on: projection, extent, and furniture that covers no land.

Extents follow the largest part of every unit. Dongsha, which belongs to Shanwei and lies
250 km out, would otherwise shrink the map of Guangdong to three fifths; far islets are
drawn where the sheet reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import Any

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pyproj import Transformer

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.points import WGS84, largest_part, representative_points
from spatialsyn.errors import AlignmentError, BoundaryError, ConfigError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.fading import HANDLERS, length
from spatialsyn.report.atlas.inset import Inset, south_china_sea
from spatialsyn.report.folding import folded, measured
from spatialsyn.report.words import word

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
TALLEST_MM = 230.0
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
BESIDE, WIDEST = 0.5, 0.8
# Points of a line of a title, and of the line of a scale bar.
TITLE_LINE, BAR_LINE = 10.0, 0.9
# Lengths of a scale bar that are tried, from the longest.
LENGTHS = 4

Box = tuple[float, float, float, float]


def check_panel(panel: object, call: str) -> None:
    """Refuse what is no panel with polygons; `call` says how the figure is asked for."""
    expect(panel, CityPanel, f"the panel comes first, {call}", ConfigError)
    if panel.cities is None:  # type: ignore[attr-defined]
        raise BoundaryError("the panel has no polygons; make it with cities=...")


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
    if not isinstance(cities, gpd.GeoDataFrame):
        raise BoundaryError(
            f"a map needs a GeoDataFrame of polygons; got {type(cities).__name__}. "
            "A panel made with polygons has them: panel.cities."
        )
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
    """Bounds of the largest part of every unit, with a margin as a share of the width."""
    shapes = [*cities.geometry, *context.geometry]
    x0, y0, x1, y1 = shapely.total_bounds([largest_part(shape) for shape in shapes])
    room = margin * (x1 - x0)
    return float(x0 - room), float(y0 - room), float(x1 + room), float(y1 + room)


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
    height = min(width_mm * shown.aspect, TALLEST_MM - room)
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


def flatten(ax: Axes, shown: Sheet, least: float) -> Sheet:
    """Give a figure of `new_axes` the height of a sheet that was changed, `least` points at least.

    Returns the sheet with room below, where the figure is taller than it need be.
    """
    if ax.get_gid() == "sheet":
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        width, before = figure.get_size_inches()
        room = before * (1 - ax.get_position(original=True).height)
        height = max(width * shown.aspect, least / 72)
        figure.set_size_inches(width, height + room)
        ax.set_position((0.0, 0.0, 1.0, height / (height + room)))
        shown = shown.filling(height / width)
    x0, y0, x1, y1 = shown.bounds
    ax.set(xlim=(x0, x1), ylim=(y0, y1))
    return shown


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
    obstacles = shapely.union_all([shown.land, *(shapely.box(*box) for box in taken)])
    covered = shapely.area(shapely.intersection(boxes, obstacles)) / (w * h)
    goal_x = xs[-1] if "right" in corner else xs[0]
    goal_y = ys[-1] if "upper" in corner else ys[0]
    away = np.hypot(x - goal_x, (y - goal_y) * shown.aspect)
    best = int(np.argmin(LAND * covered.round(5) + away))
    box = (float(x[best]), float(y[best]), float(x[best] + w), float(y[best] + h))
    return box, float(covered[best])


def extent(ax: Axes, artist: Any) -> tuple[float, float]:
    """Width and height of something drawn, in axes fractions."""
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    theme.lay_out(figure)
    box = artist.get_window_extent()
    return box.width / ax.bbox.width, box.height / ax.bbox.height


def put_legend(
    ax: Axes, shown: Sheet, handles: Sequence[Any], title: str | None
) -> tuple[Sheet, Box]:
    """A legend that covers no land; where there is no room, the sheet is extended for it.

    To the right, or downward for a legend of more than half the width of the map, unless it is
    one of all China, whose south stands in the box.
    """
    across = 72 * float(ax.get_position(original=True).width) * figure_of(ax).get_figwidth()
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
    figure, place = figure_of(ax), ax.get_position(original=True)
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


def figure_of(ax: Axes) -> Figure:
    """The figure these axes stand in."""
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


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


def points(ax: Axes) -> Array:
    """Width and height of the axes in points."""
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return np.array([ax.bbox.width, ax.bbox.height]) * 72 / figure.dpi


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
    there = Transformer.from_crs(shown.cities.crs, WGS84, always_xy=True)
    x, y = x0 + at[0] * (x1 - x0), y0 + at[1] * (y1 - y0)
    lon, lat = there.transform(x, y)
    further = there.transform(lon, lat + 0.1, direction="INVERSE")
    vector = np.array(further) - [x, y]
    return np.asarray(vector / np.hypot(*vector))
