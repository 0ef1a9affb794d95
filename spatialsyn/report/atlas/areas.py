"""Maps without numbers: the study area, and who is connected to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import (
    AlignmentError,
    ConfigError,
    WeightsError,
    expect,
    named,
)
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.arrows import thickest
from spatialsyn.report.atlas.choropleth import furnish
from spatialsyn.report.atlas.classes import numbers
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.atlas.layers import (
    EDGE,
    block_names,
    dissolved,
    draw_outline,
    fill,
    fill_empty,
)
from spatialsyn.report.magnitudes import power, with_power
from spatialsyn.report.words import word
from spatialsyn.weights.core import Weights

# Pale enough for names; the first four differ in lightness, for print without colour.
AREAS = ("#9ecae8", "#fbe6cd", "#86bd9e", "#c98fb0", "#f3e3a6", "#cfe6f5", "#d9d2e9")
DARKER = (1.0, 0.78, 0.6)
LINK = "#0072B2"
THINNEST, THICKEST = 0.3, 2.2
# More arrows than this hide the map and one another.
MOST = 2000


def study_area(
    panel: CityPanel,
    blocks: str | None = None,
    labels: str | pd.Series | None = "en",
    title: str | None = None,
    missing: str | None = None,
    north: bool = True,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
    block_labels: Mapping[str, str] | None = None,
) -> Axes:
    """The cities of the panel, coloured by block, with their names.

    Units of `panel.context` (Hong Kong and Macao) are grey. As in `map`, the extent follows
    the largest part of every unit.

    Parameters
    ----------
    blocks : a grouping of the panel, or a column of its polygons; by default the panel's only
        grouping, or "region"
    labels : "en" | "zh" | Series of names by city id | None
    block_labels : block -> what the legend prints for it
    missing : what the legend calls units without data
    north : whether there is a north arrow
    """
    frame.check_panel(panel, "study_area(panel)")
    cities, own = panel.cities, list(panel.blocks)
    if blocks is None:
        blocks = own[0] if len(own) == 1 else "region"
    if blocks in own:
        cities = cities.assign(**{blocks: panel.blocks[blocks]})
    with theme.style(language):
        shown = frame.sheet(cities, panel.context)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        colours = block_colours(dissolved(cities, blocks)[0])
        printed = block_names(colours, block_labels, "study_area", language)
        fill(ax, shown.cities.geometry, [colours[str(name)] for name in cities[blocks]], "cities")
        size = cities[blocks].astype(str).value_counts()
        handles = [
            Patch(facecolor=colour, label=f"{printed[name]} ({size[name]})", **EDGE)
            for name, colour in colours.items()
        ]
        handles += fill_empty(ax, shown, missing, language)
        draw_outline(ax, shown)
        shown, box = furniture.put_legend(ax, shown, handles, None)
        furnish(ax, shown, labels, [box], language, north=north)
    return ax


def block_colours(names: Sequence[str]) -> dict[str, str]:
    """A pastel colour per block, by position; darker ones beyond the first seven."""
    shades = [
        to_hex((dark * red, dark * green, dark * blue))
        for dark in DARKER
        for red, green, blue in map(to_rgb, AREAS)
    ]
    return {name: shades[i % len(shades)] for i, name in enumerate(names)}


def weights_map(
    weights: Weights,
    cities: gpd.GeoDataFrame,
    context: gpd.GeoDataFrame | None = None,
    strongest: int = 60,
    per_origin: int = 5,
    title: str | None = None,
    labels: str | pd.Series | None = None,
    missing: str | None = None,
    north: bool = True,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
) -> Axes:
    """The strongest links of a weights matrix, as arrows.

    An arrow runs from the city that pulls (column j) to the city pulled (row i); its width
    grows with W[i, j]. The legend says how many of all links are drawn. Links of equal weight
    are all drawn or, where they would make more than 2,000, all left out; where all links of W
    are equal they are thin.

    Parameters
    ----------
    strongest : most links drawn, but for those as strong as the last one
    per_origin : the same of one city, so that a dense core stays readable
    north : whether there is a north arrow

    Raises
    ------
    AlignmentError
        The weights and the polygons name different cities.
    WeightsError, ConfigError
        No single matrix, or no arrow asked for.
    """
    W = links(weights, cities, per_origin, strongest)
    with theme.style(language):
        shown = frame.sheet(cities, context)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        fill(ax, shown.cities.geometry, ["#f5f3ee"] * len(cities), "cities")
        empty = fill_empty(ax, shown, missing, language)
        widths = draw_links(ax, shown, W)
        count = word("{} of {} links", language).format(len(W), weights.sparse.nnz)
        head = f"W[{weights.name}]: {count}"
        exponent = power(W["weight"].to_numpy(), W["weight"].to_numpy())
        entries = [*samples(W, widths, exponent), *empty]
        shown, box = furniture.put_legend(ax, shown, entries, with_power(head, exponent))
        furnish(ax, shown, labels, [box], language, nodes=True, north=north)
    return ax


def links(
    weights: Weights, cities: gpd.GeoDataFrame, per_origin: int, strongest: int
) -> pd.DataFrame:
    """The links to draw: columns to, from, weight; weakest first, no tie cut, those by id."""
    what = "weights_map draws one matrix; of a series choose a year, weights.at(2015)"
    expect(weights, Weights, what, WeightsError)
    frame.check_layer(cities)
    if strongest < 1 or per_origin < 1:
        raise ConfigError(f"strongest={strongest}, per_origin={per_origin}: draw at least one.")
    absent, extra = cities.index.difference(weights.ids), set(weights.ids) - set(cities.index)
    if len(absent) or extra:
        raise AlignmentError(
            f"weights {weights.name!r} and the polygons name different cities.\n"
            f"  without weights: {named(absent) or 'none'}\n"
            f"  without a polygon: {named(sorted(extra, key=str)) or 'none'}\n"
            "Draw the cities of the weights; others belong in context=..."
        )
    found = weights.sparse.tocoo()
    ids = pd.Index(weights.ids)
    table = pd.DataFrame({"to": ids[found.row], "from": ids[found.col], "weight": found.data})
    table["size"] = alike(table["weight"].to_numpy())
    by_origin = table.groupby("from")["size"].rank(method="min", ascending=False)
    table = table[by_origin <= per_origin]
    table = table[table["size"].rank(method="min", ascending=False) <= strongest]
    if len(table) > MOST:
        table = table[table["size"] > table["size"].min()]
    table = table.sort_values(["size", "to", "from"], ascending=[True, False, False])
    return table.drop(columns="size").reset_index(drop=True)


def draw_links(ax: Axes, shown: Sheet, W: pd.DataFrame) -> Array:
    """Curved arrows, one per link, thick over thin; returns their widths in points."""
    weight = W["weight"].to_numpy()
    place: Mapping[Any, Any] = {city: (p.x, p.y) for city, p in shown.points.items()}
    origins, targets = ([place[city] for city in W[end]] for end in ("from", "to"))
    most = thickest(ax, origins, targets, THICKEST)
    most = most if len(np.unique(alike(weight))) > 1 else THINNEST
    widths = THINNEST + (most - THINNEST) * weight / weight.max(initial=0)
    for to, origin, width in zip(W["to"], W["from"], widths, strict=True):
        ax.add_patch(
            FancyArrowPatch(
                place[origin], place[to], connectionstyle="arc3,rad=0.18", linewidth=width,
                arrowstyle=f"-|>,head_length={1.4 + width},head_width={0.7 + width / 2}",
                color=LINK, alpha=0.75, shrinkA=2, shrinkB=2.5, zorder=4, gid="link",
                mutation_scale=1,
            )
        )  # fmt: skip
    ends = shown.points.loc[shown.cities.index]
    ax.plot(ends.x, ends.y, "o", ms=2.6, color=theme.INK, mec="white", mew=0.4, zorder=5)
    return np.asarray(widths)


def alike(sizes: Array) -> Array:
    """Sizes as shares of the largest, those that differ by rounding alone made equal."""
    return np.asarray((sizes / (np.abs(sizes).max(initial=0.0) or 1.0)).round(12))


def samples(W: pd.DataFrame, widths: Array, exponent: int = 0) -> list[Line2D]:
    """Legend entries for the strongest, the middle and the weakest link drawn."""
    if W.empty:
        return []
    weight = W["weight"].to_numpy()
    chosen = np.unique([0, len(weight) // 2, len(weight) - 1])
    distinct = np.unique(alike(weight)[chosen], return_index=True)[1]
    at = chosen[distinct]
    texts = numbers(weight[at], exponent)
    pairs = list(zip(widths[at], texts, strict=True))[::-1]
    return [Line2D([], [], color=LINK, alpha=0.75, lw=width, label=text) for width, text in pairs]
