"""How the units of a map are painted: by class, certainty, sign and absence of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Patch

from spatialsyn.errors import ConfigError
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas import fading
from spatialsyn.report.atlas.classes import Classes
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.atlas.layers import (
    DOTS,
    EDGE,
    LINES,
    fill,
    fill_empty,
    hatch,
    hatch_ink,
    hatched,
)
from spatialsyn.report.atlas.reading import Reading
from spatialsyn.report.words import word

UNCERTAINTY = ("hatch", "fade")


@dataclass(frozen=True)
class Look:
    """How units are drawn: options of `map` that `paint` reads."""

    missing: str | None
    uncertainty: str
    greyscale: bool
    language: str

    def __post_init__(self) -> None:
        if self.uncertainty not in UNCERTAINTY:
            raise ConfigError(
                f"uncertainty={self.uncertainty!r} is not one of "
                f"{', '.join(map(repr, UNCERTAINTY))}."
            )

    def p_of(self, reading: Reading) -> Array:
        """The p-values by which colours fade; cities without a number are certain."""
        if reading.p is None or reading.p[~reading.missing].isna().any():
            raise ConfigError(
                'uncertainty="fade" needs p-values: values with a column "p" or "se", such as '
                'results.effects("x", by="city")["emitted"].'
            )
        return reading.p.to_numpy(dtype=float)

    def dots(self, classes: Classes) -> bool:
        """Whether classes below zero are dotted."""
        return self.greyscale and classes.diverging


def paint(ax: Axes, shown: Sheet, reading: Reading, classes: Classes, look: Look) -> list[Any]:
    """Draw the units; return the entries of the legend, the lowest class first."""
    present = ~reading.missing.to_numpy(dtype=bool)
    ids, of = shown.cities.index, classes.of(reading.finite)
    mixed, texts = classes.colours[of], classes.texts(look.language)
    if look.uncertainty == "fade":
        mixed = fading.faded(mixed, look.p_of(reading)[present])
        handles: list[Any] = fading.swatches(classes.colours, texts, **EDGE)
    else:
        pairs = zip(classes.colours, texts, strict=True)
        handles = [Patch(facecolor=colour, label=text, **EDGE) for colour, text in pairs]
    hexes = [to_hex(colour) for colour in mixed]
    colours = pd.Series(hexes, index=ids[present]).reindex(ids, fill_value=theme.PALE)
    fill(ax, shown.cities.geometry[present], hexes, "cities")
    if look.dots(classes):
        below = pd.Series(classes.below[of], index=ids[present]).reindex(ids, fill_value=False)
        hatch(ax, shown, below, colours, DOTS, "below zero")
        for handle in np.array(handles, dtype=object)[classes.below]:
            handle.set(hatch=DOTS, edgecolor=hatch_ink(handle.get_facecolor()))
    handles += fill_empty(ax, shown, look.missing, look.language, reading.missing)
    if look.uncertainty == "fade":
        return [*handles, fading.key(look.language, **EDGE)]
    if reading.uncertain.any():
        hatch(ax, shown, reading.uncertain, colours, LINES, "hatched")
        handles.append(hatched(word("interval contains zero", look.language)))
    return handles
