"""Spillovers as arrows on a map: who changes whom, with what is not significant masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.points import largest_part
from spatialsyn.effects.table import Effects
from spatialsyn.errors import AlignmentError, ConfigError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.areas import (
    THICKEST,
    THINNEST,
    alike,
    block_colours,
)
from spatialsyn.report.atlas.arrows import thickest
from spatialsyn.report.atlas.choropleth import furnish
from spatialsyn.report.atlas.classes import numbers
from spatialsyn.report.atlas.flow_numbers import Number, OnArrow, Within, put_numbers
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.atlas.layers import (
    EDGE,
    block_names,
    dissolved,
    draw_outline,
    fill,
    fill_empty,
)
from spatialsyn.report.figures.effects import one_regressor
from spatialsyn.report.figures.forest import printed
from spatialsyn.report.magnitudes import power, with_power
from spatialsyn.report.words import word

# Above and below zero, as on maps.
SIGNS = {1: theme.COLOURS[1], -1: theme.COLOURS[0]}
LAND, MASKED = "#f5f3ee", "#9a9a9a"
# Blocks up to which arrows between all of them can be told apart.
BLOCKS = 4
# Arrows between blocks are few, and thicker.
THICK = (1.0, 3.5)
BEND = 0.18
DASHES = (0, (4, 2))
# Points between an arrow and the middle of a block.
APART = 4
# Share of the map's width beyond which middles of blocks need not be farther apart.
FAR = 0.3


def flow_map(
    panel: CityPanel,
    effects: Effects,
    x: str | None = None,
    level: float = 0.05,
    strongest: int = 60,
    per_origin: int = 5,
    labels: str | pd.Series | None = None,
    title: str | None = None,
    missing: str | None = None,
    north: bool = True,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
    block_labels: Mapping[str, str] | None = None,
) -> Axes:
    """The spillovers between cities, or between blocks, as arrows from sender to receiver.

    The width of an arrow grows with the size of the effect, its colour is the sign. Between
    cities only flows with q < `level` are drawn (p adjusted for false discoveries), and the
    legend says how many of all these are. Between blocks every flow is drawn with its number
    and interval, those with p >= `level` dashed and grey; what stays within a block stands
    below its name.

    Parameters
    ----------
    effects : ``results.effects("x", by="pair")`` or ``results.effects("x", by="region")``
    x : which regressor, where `effects` has several
    level : largest q, or p, of an effect that counts as significant
    strongest, per_origin : most flows drawn between cities, and from one city
    labels : "en" | "zh" | Series of names by city id, between cities
    block_labels : block -> what to print for it, between blocks

    Raises
    ------
    ConfigError
        Effects that are neither by pair nor by block, of several regressors, or between more blocks
        than there is room for arrows.
    AlignmentError
        Effects of other cities than the panel's.
    """
    frame.check_panel(panel, "flow_map(panel, effects)")
    expect(effects, Effects, "flow_map needs results.effects(x, by=...)", ConfigError)
    if not 0 < level < 1:
        raise ConfigError(f"level={level!r} is no probability, such as 0.05.")
    if strongest < 1 or per_origin < 1:
        raise ConfigError(f"strongest={strongest}, per_origin={per_origin}: draw at least one.")
    table = flows(effects, x)
    blocks = grouping(panel, table)
    with theme.style(language):
        shown = frame.sheet(panel.cities, panel.context)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        absent = None
        texts: list[Number] = []
        if blocks is None:
            absent = ~shown.cities.index.to_series().isin([*table["to"], *table["from"]])
            handles, head = between_cities(
                ax, shown, table, (level, strongest, per_origin), language
            )
        else:
            names = dict.fromkeys(map(str, sorted(set(blocks), key=str)))
            _check_room(len(names))
            printed = block_names(names, block_labels, "flow_map", language)
            handles, head, texts = between_blocks(
                ax, shown, table, (blocks, printed), level, language
            )
        handles += fill_empty(ax, shown, missing, language, absent)
        shown, box = furniture.put_legend(ax, shown, handles, head)
        taken = [box]
        furnish(ax, shown, labels, taken, language, nodes=blocks is None, north=north)
        put_numbers(ax, texts, taken)
    return ax


def _check_room(blocks: int) -> None:
    if blocks > BLOCKS:
        raise ConfigError(
            f"the {blocks * (blocks - 1)} arrows between {blocks} blocks hide each other and their "
            f"numbers; flow_map draws up to {BLOCKS} blocks. Use ss.report.block_matrix(effects)."
        )


def flows(effects: Effects, x: str | None) -> pd.DataFrame:
    """The indirect effects of one regressor, from sender to receiver."""
    table = effects.table
    if not {"to", "from"} <= set(table):
        raise ConfigError(
            "flow_map needs effects between cities or blocks: results.effects('x', by='pair') or "
            f"by='region'. These have the columns {named(table.columns, 12)}."
        )
    several = {"horizon", "order", "channel"} & set(table)
    if several:
        raise ConfigError(
            f"these effects have several rows per flow, by {named(sorted(several))}: choose one, "
            "results.effects('x', by='pair', horizon=5)."
        )
    table = one_regressor(table, x, "flow_map")
    return table[table["effect"] == "indirect"]


def grouping(panel: CityPanel, table: pd.DataFrame) -> pd.Series | None:
    """The grouping of the panel whose blocks these effects are between; None for cities."""
    ends = set(table["to"]) | set(table["from"])
    if ends <= set(panel.ids):
        return None
    fitting = {name: blocks for name, blocks in panel.blocks.items() if ends == set(blocks)}
    if fitting:
        first, *others = fitting.values()
        if any(other.to_dict() != first.to_dict() for other in others):
            raise AlignmentError(
                f"the groupings {named(fitting)} of the panel have the same blocks, "
                f"{named(sorted(ends, key=str))}, and different cities in them: effects do not say "
                "which they are by. Call the blocks of one otherwise: panel.grouped(...)."
            )
        return first
    foreign = sorted(ends - set(panel.ids), key=str)
    raise AlignmentError(
        f"the effects are between {named(foreign)}, which are neither cities of the panel nor all "
        f"blocks of one of its groupings ({named(panel.blocks) or 'it has none'})."
    )


def between_cities(
    ax: Axes, shown: Sheet, table: pd.DataFrame, limits: tuple[float, int, int], language: str
) -> tuple[list[Any], str]:
    """Arrows of the significant flows; entries and title of the legend."""
    level, strongest, per_origin = limits
    column = "q" if "q" in table else "p"
    certain = table[table[column] < level]
    sized = certain.assign(size=alike(certain["estimate"].abs().to_numpy()))
    sized = sized.sort_values(["size", "to", "from"], ascending=[False, True, True])
    drawn = sized.groupby("from", sort=False).head(per_origin).head(strongest).iloc[::-1]
    fill(ax, shown.cities.geometry, [LAND] * len(shown.cities), "cities")
    place = {city: (p.x, p.y) for city, p in shown.points.items()}
    most = thickest(
        ax, [place[i] for i in drawn["from"]], [place[i] for i in drawn["to"]], THICKEST
    )
    widths = scaled(drawn["estimate"].abs().to_numpy(), THINNEST, most)
    for (_, row), width in zip(drawn.iterrows(), widths, strict=True):
        colour = SIGNS[1 if row["estimate"] > 0 else -1]
        arrow(ax, place[row["from"]], place[row["to"]], width, colour, alpha=0.8)
    ends = shown.points.loc[shown.cities.index]
    ax.plot(ends.x, ends.y, "o", ms=2.6, color=theme.INK, mec="white", mew=0.4, zorder=5)
    text = word("{} of {} flows have {} < {:g}", language)
    head = text.format(len(certain), len(table), column, level)
    if len(drawn) < len(certain):
        head += word("; {} drawn", language).format(len(drawn))
    exponent = power(drawn["estimate"].abs().to_numpy(), drawn["estimate"].abs().to_numpy())
    return samples(drawn["estimate"].to_numpy(), widths, exponent), with_power(head, exponent)


def between_blocks(
    ax: Axes,
    shown: Sheet,
    table: pd.DataFrame,
    grouped: tuple[pd.Series, Mapping[str, str]],
    level: float,
    language: str,
) -> tuple[list[Any], str, list[Number]]:
    """Coloured blocks and an arrow for every flow between two of them; the numbers of all flows.

    `grouped` is the block of every city, and what is printed for every block.
    """
    blocks, printed = grouped
    of = shown.cities.index.map(blocks).astype(str)
    names, shapes = dissolved(shown.cities.assign(_block=of), "_block")
    colours = block_colours(names)
    fill(ax, shown.cities.geometry, [colours[name] for name in of], "cities")
    draw_outline(ax, shown)
    place = nodes(shown, names, shapes, of)
    within = table["to"] == table["from"]
    crossing = table[~within]
    widths = scaled(crossing["estimate"].abs().to_numpy(), *THICK)
    texts, exponent = worded(table)
    numbered: list[Number] = []
    for (at, row), width in zip(crossing.iterrows(), widths, strict=True):
        origin, target = place[str(row["from"])], place[str(row["to"])]
        look = {"shrinkA": APART, "shrinkB": APART}
        if row["p"] < level:
            colour = SIGNS[1 if row["estimate"] > 0 else -1]
            drawn = arrow(ax, origin, target, width, colour, **look)
        else:
            drawn = arrow(ax, origin, target, THICK[0], MASKED, linestyle=DASHES, **look)
        numbered.append(OnArrow(texts[at], drawn))
    for at, row in table[within].iterrows():
        own = str(row["to"])
        inner = word("within {}", language).format(printed[own])
        others = [there for name, there in place.items() if name != own]
        shape = shapes[names.index(own)]
        numbered.append(Within(texts[at], inner, place[own], others, shape))
    handles: list[Any] = [
        Patch(facecolor=colour, label=printed[name], **EDGE) for name, colour in colours.items()
    ]
    handles += meanings(crossing, level, language)
    return handles, with_power("", exponent), numbered


def meanings(table: pd.DataFrame, level: float, language: str) -> list[Line2D]:
    """Which colour of an arrow means what, of those that occur."""
    certain, above = table["p"] < level, table["estimate"] > 0
    kinds: list[tuple[bool, str, dict[str, Any]]] = [
        (bool((certain & above).any()), "raises y", {"color": SIGNS[1]}),
        (bool((certain & ~above).any()), "lowers y", {"color": SIGNS[-1]}),
        (bool((~certain).any()), "p ≥ {:g}", {"color": MASKED, "ls": DASHES}),
    ]
    return [
        Line2D([], [], lw=1.5, label=word(text, language).format(level), **look)
        for occurs, text, look in kinds
        if occurs
    ]


def worded(table: pd.DataFrame) -> tuple[Mapping[Any, tuple[str, ...]], int]:
    """Estimate and interval of every row, with the same decimals, and their power of ten."""
    rows, exponent = printed(table[["estimate", "low", "high"]].to_numpy(dtype=float))
    return {at: tuple(row) for at, row in zip(table.index, rows, strict=True)}, exponent


def scaled(size: Array, thinnest: float, thickest: float) -> Array:
    """Widths in points, in proportion to `size` above the thinnest."""
    largest = size.max(initial=0.0)
    share = size / largest if largest > 0 else np.zeros_like(size)
    return np.asarray(thinnest + (thickest - thinnest) * share)


def arrow(
    ax: Axes, origin: tuple[float, float], target: tuple[float, float], width: float,
    colour: str, **look: Any,
) -> FancyArrowPatch:  # fmt: skip
    """A curved arrow; two between the same places bend apart."""
    made = FancyArrowPatch(
        origin, target, connectionstyle=f"arc3,rad={BEND}", linewidth=width, color=colour,
        arrowstyle=f"-|>,head_length={1.8 + width},head_width={0.8 + 0.55 * width}",
        zorder=4, gid="flow", mutation_scale=1, **{"shrinkA": 2, "shrinkB": 2.5, **look},
    )  # fmt: skip
    ax.add_patch(made)
    return made


def nodes(
    shown: Sheet, names: list[str], shapes: list[shapely.Geometry], of: pd.Index
) -> dict[str, Any]:
    """Where the name of each block stands: well inside it, and apart from the others.

    The first is the middle of the largest circle in its block, the others are cities: as far
    from the nodes before them as FAR, and then as far from the border as they can be.
    """
    far = FAR * (shown.bounds[2] - shown.bounds[0])
    circle = shapely.maximum_inscribed_circle(largest_part(shapes[0]), 1e3)
    place: dict[str, Any] = {names[0]: circle.coords[0]}
    for name, shape in zip(names[1:], shapes[1:], strict=True):
        cities = shown.points.loc[shown.cities.index[of == name]].to_numpy()
        apart = shapely.distance(cities[:, None], shapely.points(list(place.values()))).min(axis=1)
        inside = shapely.distance(cities, shapely.boundary(shape))
        best = cities[int(np.argmax(np.minimum(apart, far) + 0.5 * inside))]
        place[name] = best.coords[0]
    return place


def samples(estimates: Array, widths: Array, exponent: int = 0) -> list[Line2D]:
    """Legend entries for the strongest, the middle and the weakest flow drawn."""
    if not len(widths):
        return []
    chosen = np.unique([0, len(widths) // 2, len(widths) - 1])
    chosen = chosen[np.argsort(estimates[chosen])]
    texts = numbers(estimates[chosen], exponent)
    entries = zip(estimates[chosen], widths[chosen], texts, strict=True)
    return [
        Line2D([], [], color=SIGNS[1 if value > 0 else -1], alpha=0.8, lw=width, label=text)
        for value, width, text in entries
    ][::-1]
