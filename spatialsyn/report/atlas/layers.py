"""What lies on a map: coloured units, units without data, hatching, borders of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from spatialsyn.cities.points import largest_part
from spatialsyn.errors import ConfigError
from spatialsyn.report import theme
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.labels import check_labels
from spatialsyn.report.words import word

EDGE: dict[str, Any] = {"edgecolor": "#5a5a5a", "linewidth": 0.3}
LINES, DOTS = "//////", "....."
HATCH_INK, HATCH_LIGHT = "#3a3a3a", "#f2f2f2"
BORDER: dict[str, Any] = {"color": theme.INK, "linewidth": 1.2}
# Borders of more blocks than this are thinner.
MANY = 6
OUTLINE: dict[str, Any] = {"color": theme.INK, "linewidth": 0.7}


def fill(ax: Axes, shapes: gpd.GeoSeries, colours: Sequence[str], name: str) -> None:
    """Colour each shape; `name` is the gid of the layer."""
    if len(shapes):
        look = {**EDGE, "facecolor": list(colours)}
        ax.add_collection(PathCollection(paths(shapes), zorder=2, gid=name, **look), autolim=False)


def paths(shapes: gpd.GeoSeries) -> list[Path]:
    """One path per shape, all rings in it, holes running the other way."""
    turned = shapely.orient_polygons(shapes.to_numpy())
    rings = [shapely.get_rings(shapely.get_parts(shape)) for shape in turned]
    return [
        Path.make_compound_path(
            *(Path(shapely.get_coordinates(ring), closed=True) for ring in of_one)
        )
        for of_one in rings
    ]


def fill_empty(
    ax: Axes, shown: Sheet, text: str | None, language: str, missing: pd.Series | None = None
) -> list[Patch]:
    """Grey for the context and `missing` cities, and the legend's entry for them."""
    without = shown.context.geometry
    if missing is not None:
        without = pd.concat([shown.cities.geometry[missing.to_numpy()], without])
    if not len(without):
        return []
    fill(ax, without, [theme.PALE] * len(without), "no data")
    return [Patch(facecolor=theme.PALE, label=text or word("no data", language), **EDGE)]


def hatch(
    ax: Axes, shown: Sheet, which: pd.Series, colours: pd.Series, texture: str, name: str
) -> None:
    """A texture over some cities, light on dark `colours`; `name` is the gid of the layer."""
    inks = colours.map(hatch_ink)
    for ink in (HATCH_INK, HATCH_LIGHT):
        chosen = which & (inks == ink)
        if chosen.any():
            drawn = paths(shown.cities.geometry[chosen.to_numpy()])
            look: dict[str, Any] = {
                "facecolor": "none",
                "hatch": texture,
                "linewidth": 0.0,
                "edgecolor": ink,
            }
            ax.add_collection(PathCollection(drawn, zorder=3, gid=name, **look), autolim=False)


def hatched(text: str) -> Patch:
    """The entry of the legend for hatched units."""
    return Patch(label=text, facecolor="none", hatch=LINES, linewidth=0.0, edgecolor=HATCH_INK)


def hatch_ink(colour: Any) -> str:
    """The ink of a texture on a colour, light where text on it is."""
    return HATCH_LIGHT if takes_white(colour) else HATCH_INK


def takes_white(colour: Any) -> bool:
    """Whether white stands out from a colour more than dark text does (WCAG 2.1, contrast)."""
    own, ink = (_relative_luminance(one) for one in (colour, theme.INK))
    return 1.05 * (ink + 0.05) > (own + 0.05) ** 2


def _relative_luminance(colour: Any) -> float:
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def draw_borders(
    ax: Axes, shown: Sheet, blocks: str | None, language: str,
    labels: Mapping[str, str] | None, caller: str,
) -> list[Line2D]:  # fmt: skip
    """Thick lines where two blocks meet, and the legend's entry for them."""
    if blocks is None:
        if labels:
            raise ConfigError(
                f"{caller} prints block_labels beside the borders of blocks, and blocks is None: "
                "give the column of the polygons, such as blocks='region'."
            )
        return []
    names, shapes = dissolved(shown.cities, blocks)
    printed = block_names([*names, blocks], labels, caller, language)
    if len(names) < 2:
        return []
    look = BORDER if len(names) <= MANY else {**BORDER, "linewidth": 0.7}
    draw_lines(ax, between(shapes), "blocks", look)
    if len(names) == 2:
        label = word("border of {} and {}", language).format(*(printed[name] for name in names))
    else:
        label = word("borders of {}", language).format(printed[blocks])
    return [Line2D([], [], label=label, **look)]


def between(shapes: Sequence[shapely.Geometry]) -> shapely.Geometry:
    """Where two of the shapes meet."""
    outside = shapely.boundary(shapely.union_all(shapes))
    return shapely.difference(shapely.union_all(shapely.boundary(shapes)), outside)


def draw_outline(ax: Axes, shown: Sheet) -> None:
    """The outer line of all cities together, islands left out."""
    coast = largest_part(shown.cities.union_all()).exterior
    draw_lines(ax, coast, "outline", OUTLINE)


def draw_lines(ax: Axes, lines: shapely.Geometry, name: str, look: Mapping[str, Any]) -> None:
    """Every line piece of some geometries."""
    merged = shapely.line_merge(lines) if shapely.get_num_geometries(lines) > 1 else lines
    for piece in shapely.get_parts(merged):
        x, y = shapely.get_coordinates(piece).T
        ax.plot(x, y, zorder=4, gid=name, solid_joinstyle="round", **look)


def block_names(
    blocks: Iterable[str], labels: Mapping[str, str] | None, caller: str, language: str
) -> dict[str, str]:
    """What is printed for every block."""
    listed, given = list(blocks), labels or {}
    check_labels(labels, caller, listed)
    return {name: given.get(name, word(name, language)) for name in listed}


def dissolved(cities: gpd.GeoDataFrame, blocks: str) -> tuple[list[str], list[shapely.Geometry]]:
    """Names and shapes of the blocks, sorted by name."""
    if blocks not in cities:
        others = [name for name in cities.columns if name != cities.active_geometry_name]
        raise ConfigError(
            f"blocks={blocks!r} is no column of the polygons; their columns: {', '.join(others)}. "
            "Add one: cities.assign(region=...)."
        )
    groups = cities.geometry.groupby(cities[blocks].astype(str))
    merged = {str(name): shape.union_all() for name, shape in groups}
    return list(merged), list(merged.values())
