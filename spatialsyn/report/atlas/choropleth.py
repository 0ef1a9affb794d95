"""Maps of a number per city: one, or several that share their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, expect
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.classes import classify
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.atlas.grid import Grid, on_page, put_shared_legend
from spatialsyn.report.atlas.inset import draw_inset
from spatialsyn.report.atlas.labels import names, put_labels
from spatialsyn.report.atlas.layers import draw_borders
from spatialsyn.report.atlas.paint import Look, paint
from spatialsyn.report.atlas.reading import read_values
from spatialsyn.report.labels import unquoted
from spatialsyn.report.magnitudes import with_power
from spatialsyn.report.words import letter, word

Scheme = str | Sequence[float] | np.ndarray


def map(
    cities: gpd.GeoDataFrame,
    values: pd.Series | pd.DataFrame,
    title: str | None = None,
    context: gpd.GeoDataFrame | None = None,
    scheme: Scheme = "quantiles",
    k: int = 5,
    diverging: bool | None = None,
    cmap: str | Colormap | None = None,
    unit: str | None = None,
    blocks: str | None = None,
    labels: str | pd.Series | None = None,
    missing: str | None = None,
    significance: bool | pd.Series | None = None,
    uncertainty: str = "hatch",
    greyscale: bool = False,
    north: bool = True,
    inset: bool = True,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["middle"],
    block_labels: Mapping[str, str] | None = None,
) -> Axes:
    """A number per city, as colours.

    The extent follows the largest part of every unit: far islets (Dongsha of Shanwei,
    250 km out) are cut off instead of shrinking the map.

    Parameters
    ----------
    cities : polygons indexed by city id, e.g. `panel.cities`
    values : Series by city id, or a slice of effects, e.g. ``effects["emitted"]``. Its
        column ``estimate`` is mapped, and cities whose interval contains zero are hatched.
    context : polygons without data, drawn grey, e.g. `panel.context`
    scheme : "quantiles" | "equal_interval" | "fisher_jenks" | rising class limits
    k : most classes there may be
    diverging : colours part at zero; by default when `values` have both signs. The classes
        are then mirrored, so that a colour and its opposite mean the same size.
    cmap : of matplotlib or cmcrameri; "vik" and "devon_r" by default
    unit : title of the legend; by default the name of `values`
    blocks : column of `cities` whose borders are drawn
    labels : "en" | "zh" | Series of names by city id
    missing : what the legend calls units without data
    significance : False for no hatching; Series by city, True where a number differs from
        zero; by default what the intervals of `values` say
    uncertainty : "hatch" | "fade": cities whose interval contains zero are hatched, or colours
        are the paler the larger the p-value (columns ``p`` or ``se`` of `values`)
    greyscale : dots on classes below zero, for print without colour
    north : whether there is a north arrow
    inset : whether a map of all China shows the South China Sea in a box, not to scale
    language : "en" | "zh", of the fixed words
    ax : where to draw; a new figure of `width_mm` by default
    width_mm : millimetres, or a column of a publisher such as "single", "springer double"
    block_labels : block, or column of `blocks` -> what the legend prints for it

    Raises
    ------
    AlignmentError
        `values` and `cities` name different cities.
    ConfigError
        An option that does not exist, or Chinese text without a Chinese font.
    """
    reading = read_values(cities, values, significance)
    classes = classify(reading.finite, scheme, k, diverging, cmap)
    look = Look(missing, uncertainty, greyscale, language)
    with theme.style(language):
        shown = frame.sheet(cities, context, inset)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        handles = paint(ax, shown, reading, classes, look)
        k_drawn = len(classes.colours)
        handles[:k_drawn] = handles[:k_drawn][::-1]  # the highest class on top
        handles += draw_borders(ax, shown, blocks, language, block_labels, "map")
        head = unit or name_of(values) or word("Legend", language)
        head = with_power(head, classes.exponent)
        shown, box = furniture.put_legend(ax, shown, handles, head)
        furnish(ax, shown, labels, [box], language, north=north)
    return ax


def maps(
    cities: gpd.GeoDataFrame,
    columns: Mapping[str, pd.Series | pd.DataFrame],
    context: gpd.GeoDataFrame | None = None,
    scheme: Scheme = "quantiles",
    k: int = 5,
    diverging: bool | None = None,
    cmap: str | Colormap | None = None,
    unit: str | None = None,
    blocks: str | None = None,
    labels: str | pd.Series | None = None,
    missing: str | None = None,
    uncertainty: str = "hatch",
    greyscale: bool = False,
    north: bool = True,
    inset: bool = True,
    language: str = "en",
    across: int = 2,
    width_mm: float | str = theme.WIDTHS["double"],
    block_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Several maps with the same classes and one legend, so that colours can be compared.

    Parameters
    ----------
    columns : title of each panel, and what it shows; see `map`
    across : panels in a row
    unit : title of the legend; by default the name of the values, if all have one and the same

    The other parameters are those of `map`.
    """
    if across < 1:
        raise ConfigError(f"across={across} panels in a row: there must be at least one.")
    if not columns:
        raise ConfigError("maps needs at least one panel: columns={'title': values}.")
    readings = {title: read_values(cities, values, None) for title, values in columns.items()}
    pooled = np.concatenate([reading.finite for reading in readings.values()])
    classes = classify(pooled, scheme, k, diverging, cmap)
    look, wide = Look(missing, uncertainty, greyscale, language), theme.width(width_mm)
    with theme.style(language):
        across = min(across, len(readings))
        shown = on_page(frame.sheet(cities, context, inset), len(readings), across, wide)
        grid = Grid(plt.figure(), len(readings), across, wide, shown.aspect)
        handles: dict[str, Any] = {}
        for i, (ax, (title, reading)) in enumerate(zip(grid.axes, readings.items(), strict=True)):
            frame.prepare(ax, shown, f"({letter(i)}) {title}")
            drawn = paint(ax, shown, reading, classes, look)
            drawn += draw_borders(ax, shown, blocks, language, block_labels, "maps")
            handles |= {handle.get_label(): handle for handle in drawn}
        called = {name_of(values) for values in columns.values()}
        head = with_power(unit or (called.pop() if len(called) == 1 else ""), classes.exponent)
        put_shared_legend(grid, list(handles.values()), len(classes.colours), head)
        for ax in grid.axes:
            furnish(ax, shown, labels, [], language, north=north)
    return grid.figure


def emitted_received(
    panel: CityPanel,
    effects: Effects,
    scheme: Scheme = "equal_interval",
    labels: str | pd.Series | None = None,
    unit: str | None = None,
    blocks: str | None = None,
    language: str = "en",
    width_mm: float | str = theme.WIDTHS["double"],
    block_labels: Mapping[str, str] | None = None,
) -> Figure:
    """What each city sends to all others beside what it receives from them, in one scale.

    Parameters
    ----------
    effects : ``results.effects(x, by="city")`` for one regressor; cities of the panel that its
        model left out (``missing="balance"``) are drawn as without data
    scheme : classes of equal width by default: what cities receive often differs little, and
        quantiles would colour small differences like large ones

    The other parameters are those of `map`.
    """
    frame.check_panel(panel, "emitted_received(panel, effects)")
    what = "emitted_received needs results.effects(x, by='city')"
    expect(effects, Effects, what, ConfigError)
    if not {"emitted", "received"} <= set(effects.table["effect"]):
        raise ConfigError(f"{what}; these are {', '.join(dict.fromkeys(effects.table['effect']))}.")
    columns = {
        word(title, language): _with_absent(effects[effect], panel)
        for effect, title in (
            ("emitted", "emitted to other cities"), ("received", "received from other cities"),
        )
    }  # fmt: skip
    if unit is None:
        x = unquoted(str(effects.table["x"].iloc[0]))
        unit = word("effect of one unit of {}", language).format(x)
    return maps(
        panel.cities, columns, context=panel.context, scheme=scheme, unit=unit, blocks=blocks,
        labels=labels, language=language, width_mm=width_mm, block_labels=block_labels,
    )  # fmt: skip


def name_of(values: pd.Series | pd.DataFrame) -> str:
    """What a Series is called, as it is printed; nothing for a table of effects.

    The name is the user's, and stays as it is in every language.
    """
    name = values.name if isinstance(values, pd.Series) else None
    if name is None:
        return ""
    parts = name if isinstance(name, tuple) else (name,)
    return ", ".join(unquoted(str(part)) for part in parts)


def _with_absent(values: pd.DataFrame, panel: CityPanel) -> pd.DataFrame:
    """`values` with empty rows for cities of the panel that the model left out."""
    plain = values.index.nlevels == 1 and values.index.is_unique
    return (
        values.reindex(panel.cities.index)
        if plain and values.index.isin(panel.ids).all()
        else values
    )


def furnish(
    ax: Axes,
    shown: Sheet,
    labels: str | pd.Series | None,
    taken: list[frame.Box],
    language: str,
    nodes: bool = False,
    north: bool = True,
) -> None:
    """Inset, scale bar, north arrow and names, each clear of what is there."""
    draw_inset(ax, shown.inset)
    taken.append(furniture.put_scale_bar(ax, shown, taken))
    if north:
        taken.append(furniture.put_north_arrow(ax, shown, taken, language))
    if labels is not None:
        texts = names(shown.cities, labels)
        if isinstance(labels, str) and len(shown.context):
            texts = pd.concat([texts, names(shown.context, labels)])
        put_labels(ax, shown, texts, taken, nodes)
    theme.checked(ax)
