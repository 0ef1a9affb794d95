"""Uncertainty as a second channel: the less certain a number, the paler its colour.

Value by alpha (Roth, Woodruff & Johnson 2010, The Cartographic Journal 47, 130-140), in three
steps of the p-value. Colours are mixed with white, not transparent: EPS knows no
transparency, and what lies below does not shine through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.legend_handler import HandlerPatch
from matplotlib.patches import Patch, Rectangle

from spatialsyn.numerics.lags import Array
from spatialsyn.report.words import word

# Where the steps lie, and what is left of the colour on each.
STEPS = (0.05, 0.2)
LEFT = (1.0, 0.5, 0.18)


class Faded(Patch):
    """An entry of a legend: one colour in all its steps, side by side."""

    def __init__(self, colours: Array, label: str, **look: Any) -> None:
        super().__init__(facecolor=colours[0], label=label, **look)
        self.colours = [tuple(colour) for colour in colours]


class FadedHandler(HandlerPatch):
    """Draws `Faded`: a rectangle for each step."""

    def create_artists(
        self, legend: Any, orig_handle: Any, xdescent: float, ydescent: float, width: float,
        height: float, fontsize: float, trans: Any,
    ) -> Any:  # fmt: skip
        """One rectangle per colour in the room of one."""
        step = width / len(orig_handle.colours)
        drawn = []
        for i, colour in enumerate(orig_handle.colours):
            part = Rectangle((i * step - xdescent, -ydescent), step, height, transform=trans)
            part.set(facecolor=colour, edgecolor=orig_handle.get_edgecolor(),
                     linewidth=orig_handle.get_linewidth())  # fmt: skip
            drawn.append(part)
        return drawn


HANDLERS = {Faded: FadedHandler()}


def faded(colours: Array, p: Array) -> Array:
    """(n, 4) colours, paler where p is larger."""
    left = np.asarray(LEFT)[np.searchsorted(STEPS, p, side="right")]
    return with_white(colours, left)


def with_white(colours: Array, left: Array) -> Array:
    """(n, 4) colours of which a share is left, the rest white."""
    mixed = np.array(colours, dtype=float)
    mixed[:, :3] = 1 - left[:, None] * (1 - mixed[:, :3])
    return mixed


def swatches(colours: Array, texts: Sequence[str], **look: Any) -> list[Faded]:
    """The entries of the classes, each in all steps."""
    return [
        Faded(with_white(np.tile(colour, (len(LEFT), 1)), np.asarray(LEFT)), text, **look)
        for colour, text in zip(colours, texts, strict=True)
    ]


def key(language: str, **look: Any) -> Faded:
    """What the steps are, in grey."""
    grey = np.tile(np.array([0.3, 0.3, 0.3, 1.0]), (len(LEFT), 1))
    text = word("left to right: p < {}, p < {}, p ≥ {}", language).format(*STEPS, STEPS[-1])
    return Faded(with_white(grey, np.asarray(LEFT)), text, **look)


def length(handles: Sequence[Any]) -> float:
    """Of the samples in a legend, in font sizes."""
    return 3.6 if any(isinstance(handle, Faded) for handle in handles) else 1.6
