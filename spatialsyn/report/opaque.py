"""What is translucent on the screen, in the colour it has on white paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

from spatialsyn.numerics.lags import Array

COLOURS = ("facecolor", "edgecolor", "color", "markerfacecolor", "markeredgecolor")


@contextmanager
def opaque(figure: Figure) -> Iterator[None]:
    """A figure without transparency, for a file format that knows none.

    In PostScript a band around a curve would be as dark as the curve, which it would hide.
    Afterwards everything is as it was.
    """
    faint = {artist: found for artist in figure.findobj() if (found := _translucent(artist))}
    opacities = {artist: artist.get_alpha() for artist in faint}
    try:
        for artist, colours in faint.items():
            artist.set_alpha(None)
            _put(artist, {name: on_white(rgba) for name, rgba in colours.items()})
        yield
    finally:
        for artist, colours in faint.items():
            _put(artist, colours)
            artist.set_alpha(opacities[artist])


def on_white(rgba: Array) -> Array:
    """Rows of red, green, blue and opacity as a page shows them; what is invisible stays so."""
    mixed = 1 - rgba[:, 3:] * (1 - rgba[:, :3])
    return np.where(rgba[:, 3:] > 0, np.column_stack([mixed, np.ones(len(rgba))]), rgba)


def _translucent(artist: Artist) -> dict[str, Array]:
    """The colours of an artist that let others through."""
    alpha: Any = artist.get_alpha()
    found: dict[str, Array] = {}
    if np.ndim(alpha):  # of every point its own, which matplotlib cannot take away again
        return found
    for name in COLOURS:
        if not (hasattr(artist, f"get_{name}") and hasattr(artist, f"set_{name}")):
            continue
        rgba = to_rgba_array(getattr(artist, f"get_{name}")())
        if alpha is not None:
            rgba[:, 3] = np.where(rgba[:, 3] > 0, alpha, 0)
        if ((rgba[:, 3] > 0) & (rgba[:, 3] < 1)).any():
            found[name] = rgba
    return found


def _put(artist: Any, colours: dict[str, Array]) -> None:
    for name, rgba in colours.items():
        many = isinstance(artist, Collection)
        getattr(artist, f"set_{name}")(rgba if many else tuple(rgba[0]))
