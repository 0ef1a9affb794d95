"""Maps of a number per city: one, or several that share their classes.

The module is not called `maps`, because the function `spatialsyn.report.maps` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.table import Effects
from spatialsyn.errors import AlignmentError, ConfigError, named
from spatialsyn.report import frame, theme
from spatialsyn.report.classes import Classes, classify
from spatialsyn.report.frame import Sheet
from spatialsyn.report.grid import Grid, put_shared_legend
from spatialsyn.report.labels import names, put_labels
from spatialsyn.report.layers import EDGE, draw_borders, fill, fill_empty, hatch
from spatialsyn.report.words import word

Scheme = str | Sequence[float] | np.ndarray


@dataclass(frozen=True, eq=False)
class Reading:
    """What a map shows, in the order of the cities.

    Attributes
    ----------
    numbers : one per city, NaN where there is none
    uncertain : whether the city's interval contains zero
    """

    numbers: pd.Series
    uncertain: pd.Series

    @property
    def missing(self) -> pd.Series:
        """Cities without a number."""
        return self.numbers.isna()

    @property
    def finite(self) -> np.ndarray:
        """The numbers there are."""
        return self.numbers.dropna().to_numpy(dtype=float)


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
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float = theme.WIDTHS["middle"],
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
    unit : title of the legend
    blocks : column of `cities` whose borders are drawn
    labels : "en" | "zh" | Series of names by city id
    missing : what the legend calls units without data
    significance : False for no hatching; Series by city, True where a number differs from
        zero; by default what the intervals of `values` say
    language : "en" | "zh", of the fixed words
    ax : where to draw; a new figure of `width_mm` by default

    Raises
    ------
    AlignmentError
        `values` and `cities` name different cities.
    ConfigError
        An option that does not exist, or Chinese text without a Chinese font.
    """
    reading = read_values(cities, values, significance)
    classes = classify(reading.finite, as_scheme(scheme), k, diverging, cmap)
    with theme.style(language):
        shown = frame.sheet(cities, context)
        ax = frame.new_axes(shown, width_mm, title) if ax is None else ax
        frame.prepare(ax, shown, title)
        handles = paint(ax, shown, reading, classes, missing, language)
        k_drawn = len(classes.colours)
        handles[:k_drawn] = handles[:k_drawn][::-1]  # the highest class on top
        handles += draw_borders(ax, shown, blocks, language) if blocks else []
        shown, box = frame.put_legend(ax, shown, handles, unit or word("Legend", language))
        furnish(ax, shown, labels, [box], language)
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
    language: str = "en",
    across: int = 2,
    width_mm: float = theme.WIDTHS["double"],
) -> Figure:
    """Several maps with the same classes and one legend, so that colours can be compared.

    Parameters
    ----------
    columns : title of each panel, and what it shows; see `map`
    across : panels in a row

    The other parameters are those of `map`.
    """
    if not columns:
        raise ConfigError("maps needs at least one panel: columns={'title': values}.")
    readings = {title: read_values(cities, values, None) for title, values in columns.items()}
    pooled = np.concatenate([reading.finite for reading in readings.values()])
    classes = classify(pooled, as_scheme(scheme), k, diverging, cmap)
    with theme.style(language):
        shown = frame.sheet(cities, context)
        grid = Grid(plt.figure(), len(readings), min(across, len(readings)), width_mm, shown.aspect)
        handles: dict[str, Any] = {}
        for i, (ax, (title, reading)) in enumerate(zip(grid.axes, readings.items(), strict=True)):
            frame.prepare(ax, shown, f"({chr(ord('a') + i)}) {title}")
            drawn = paint(ax, shown, reading, classes, missing, language)
            drawn += draw_borders(ax, shown, blocks, language) if blocks else []
            handles |= {handle.get_label(): handle for handle in drawn}
        put_shared_legend(grid, list(handles.values()), len(classes.colours), unit or "")
        for ax in grid.axes:
            furnish(ax, shown, labels, [], language)
    return grid.figure


def emitted_received(
    panel: CityPanel,
    effects: Effects,
    scheme: Scheme = "equal_interval",
    labels: str | pd.Series | None = None,
    unit: str | None = None,
    blocks: str | None = None,
    language: str = "en",
    width_mm: float = theme.WIDTHS["double"],
) -> Figure:
    """What each city sends to all others beside what it receives from them, in one scale.

    Parameters
    ----------
    effects : ``results.effects(x, by="city")`` for one regressor
    scheme : classes of equal width by default: what cities receive often differs little, and
        quantiles would colour small differences like large ones

    The other parameters are those of `map`.
    """
    columns = {
        word(title, language): effects[effect]
        for effect, title in (
            ("emitted", "emitted to other cities"), ("received", "received from other cities"),
        )
    }  # fmt: skip
    if unit is None:
        unit = word("effect of one unit of {}", language).format(effects.table["x"].iloc[0])
    return maps(
        panel.cities, columns, context=panel.context, scheme=scheme, unit=unit, blocks=blocks,
        labels=labels, language=language, width_mm=width_mm,
    )  # fmt: skip


def read_values(
    cities: gpd.GeoDataFrame,
    values: pd.Series | pd.DataFrame,
    significance: bool | pd.Series | None,
) -> Reading:
    """Numbers in the order of the cities, and which intervals contain zero."""
    if isinstance(values, pd.DataFrame) and "estimate" not in values:
        raise ConfigError(
            f"values has the columns {named(values.columns)}; a map shows one number per city: "
            'give one column, or effects with a column "estimate".'
        )
    column = values["estimate"] if isinstance(values, pd.DataFrame) else pd.Series(values)
    check_cities(cities, column)
    numbers = pd.to_numeric(column.reindex(cities.index), errors="coerce").astype(float)
    broken = numbers.isna() & column.reindex(cities.index).notna() | np.isinf(numbers)
    if broken.any():
        raise ConfigError(f"values has no finite number for {named(cities.index[broken])}.")
    certain = significance
    if certain is None and isinstance(values, pd.DataFrame) and {"low", "high"} <= set(values):
        certain = (values["low"] > 0) | (values["high"] < 0)
    if not isinstance(certain, pd.Series):
        return Reading(numbers, pd.Series(False, index=cities.index))
    check_cities(cities, certain)
    return Reading(numbers, ~certain.reindex(cities.index).astype(bool) & numbers.notna())


def check_cities(cities: gpd.GeoDataFrame, column: pd.Series) -> None:
    """Refuse values of other cities than the polygons', or of several years or regressors."""
    if column.index.nlevels > 1:
        raise ConfigError(
            f"values is indexed by {named(column.index.names)}; a map shows one number per city: "
            "choose one year, panel.at(2019)['x'], or one regressor, "
            "results.effects('x', by='city')."
        )
    twice = column.index[column.index.duplicated()].unique()
    absent = cities.index.difference(column.index)
    foreign = column.index.difference(cities.index)
    if len(absent) or len(foreign) or len(twice):
        raise AlignmentError(
            "values and the polygons name different cities.\n"
            f"  without a value: {named(absent) or 'none'}\n"
            f"  without a polygon: {named(foreign) or 'none'}\n"
            f"  more than once: {named(twice) or 'none'}\n"
            "Cities without data belong in context=..., or have the value NaN."
        )


def as_scheme(scheme: Scheme) -> str | list[float]:
    """A scheme's name, or class limits as a list."""
    return scheme if isinstance(scheme, str) else [float(limit) for limit in scheme]


def paint(
    ax: Axes,
    shown: Sheet,
    reading: Reading,
    classes: Classes,
    missing: str | None,
    language: str,
) -> list[Any]:
    """Draw the units; return the entries of the legend, the lowest class first."""
    present = ~reading.missing.to_numpy(dtype=bool)
    ids = shown.cities.index
    hexes = [to_hex(classes.colours[i]) for i in classes.of(reading.finite)]
    colours = pd.Series(hexes, index=ids[present]).reindex(ids, fill_value=theme.PALE)
    fill(ax, shown.cities.geometry[present], hexes, "cities")
    handles: list[Any] = [
        Patch(facecolor=colour, label=text, **EDGE)
        for colour, text in zip(classes.colours, classes.texts(language), strict=True)
    ]
    handles += fill_empty(ax, shown, reading.missing, missing or word("no data", language))
    uncertain = word("interval contains zero", language)
    return handles + hatch(ax, shown, reading.uncertain, colours, uncertain)


def furnish(
    ax: Axes,
    shown: Sheet,
    labels: str | pd.Series | None,
    taken: list[frame.Box],
    language: str,
    nodes: bool = False,
) -> None:
    """Scale bar, north arrow and names, each clear of what is there."""
    taken.append(frame.put_scale_bar(ax, shown, taken))
    taken.append(frame.put_north_arrow(ax, shown, taken, language))
    if labels is not None:
        texts = names(shown.cities, labels)
        if isinstance(labels, str) and len(shown.context):
            texts = pd.concat([texts, names(shown.context, labels)])
        put_labels(ax, shown, texts, taken, nodes)
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    theme.check_glyphs(figure)
