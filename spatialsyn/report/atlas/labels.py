"""Names on a map, at their cities or beside them with a line."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes

from spatialsyn.errors import AlignmentError, ConfigError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.arrows import Arrows, arrows_on
from spatialsyn.report.atlas.frame import Box, Sheet
from spatialsyn.report.atlas.placing import (
    Choice,
    boxed,
    counted,
    rectangles,
    rows_of,
    settled,
    straight,
    within,
)
from spatialsyn.report.folding import PIECE, folded, measured

COLUMNS = {"en": "name_en", "zh": "name_zh"}
# What a Chinese label leaves out: 广州市 is written 广州.
SUFFIX = "(?:特别行政区|市)$"
HALO = 1.6
# Maps below this width have smaller names.
NARROW_MM = 110.0
# Points of clear space around a label.
CLEAR = 0.6
# Distances tried around a point, in label heights.
RINGS = (0.9, 1.5, 2.2, 3.0, 4.0, 5.2, 6.5)
DIRECTIONS = 16
# What a name costs for its distance, for a foreign place that it covers, for a shaft or a tail of
# an arrow, and what its line costs for a head; against label heights beside the city.
FAR, OTHERS_POINT, SHAFT, TAIL, HEAD = 0.15, 1.2, 0.6, 2.0, 1.5
# A name closer to a foreign place than this share of its height seems to belong to it.
NEAR = 0.45
# Shares of a label's width or height beyond which a line leads back to the place, and of its
# height beyond which one leads to a symbol.
LEADER, STUB = 0.75, 0.6
# Points that a symbol takes.
SYMBOL = 3.0
# Names wider than this share of the distance between cities, and than this many points, are
# broken into lines, and what they may be wider where that saves a line.
WIDE, SHORT, MORE = 1.3, 36.0, 1.3


def names(units: Any, labels: str | pd.Series | None) -> pd.Series:
    """The label of each unit that has one.

    A Series that is missing or empty for a city leaves it without a name.

    Raises
    ------
    ConfigError, AlignmentError
        The layer has no such names, or the Series lacks cities.
    """
    if isinstance(labels, pd.Series):
        absent = units.index.difference(labels.index)
        if len(absent):
            raise AlignmentError(f"labels has no entry for the cities {named(absent)}.")
        given = labels.reindex(units.index).dropna().astype(str)
        return given[given.str.strip() != ""]
    if labels not in COLUMNS:
        raise ConfigError(f'labels={labels!r} is not "en", "zh" or a Series of names by city.')
    column = COLUMNS[labels]
    if column not in units:
        raise ConfigError(
            f"the polygons have no column {column!r} with names, which labels={labels!r} writes: "
            "add it to them, give labels= a Series of names indexed by city id, or labels=None for "
            "a map without."
        )
    texts = units[column].dropna().astype(str)
    short: pd.Series = texts.str.replace(SUFFIX, "", regex=True) if labels == "zh" else texts
    return short


def put_labels(ax: Axes, shown: Sheet, texts: pd.Series, taken: Sequence[Box], nodes: bool) -> None:
    """Write each name at its city, or beside it with a line where there is no room.

    Names keep off the heads of arrows. `nodes` keeps the places themselves free, for symbols.
    Long names are broken into lines; those that find no place are left out, with a warning.
    """
    if any(map(theme.NEEDS_CJK.search, texts)):
        theme.require_cjk("a label in Chinese")
    points = shown.points.loc[texts.index]
    at = ax.transData.transform(np.c_[points.x, points.y])
    symbols = shown.points.loc[shown.cities.index]
    free = ax.transData.transform(np.c_[symbols.x, symbols.y]) if nodes else at[:0]
    size, room = text_size(ax), width_of_names(ax, shown)
    broken = {text: broken_at(text, room, size) for text in set(texts)}
    place_texts(ax, at, [broken[text] for text in texts], pixels(ax, taken), free, arrows_on(ax))


def text_size(ax: Axes) -> float:
    """Points of the texts on a map."""
    narrow = ax.bbox.width / theme.figure_of(ax).dpi < NARROW_MM * theme.MM
    return theme.TINY if narrow else theme.SMALL


def width_of_names(ax: Axes, shown: Sheet) -> float:
    """Points that a line of a name may take: about as many as cities are apart."""
    points = shown.points.loc[shown.cities.index]
    at = ax.transData.transform(np.c_[points.x, points.y]) * 72 / theme.figure_of(ax).dpi
    apart = np.sqrt(np.ptp(at, axis=0).prod() / len(at))
    return max(float(WIDE * apart), SHORT)


def broken_at(text: str, room: float, size: float) -> str:
    """A name in lines of about this many points, none shorter than its longest word.

    A little more room is taken where it saves a line.
    """
    if measured(text, size) <= room:
        return text
    words = [measured(piece.rstrip(), size) for piece in PIECE.findall(text) if piece.strip()]
    room = max([room, *words])
    made = [folded(text, wide, size) for wide in (room, MORE * room)]
    return min(made, key=lambda one: one.count("\n"))


def place_texts(
    ax: Axes, at: Array, texts: Sequence[str], taken: Array, free: Array,
    arrows: Arrows | None = None,
) -> None:  # fmt: skip
    """Write each text at its place, or beside it; places in pixels.

    Parameters
    ----------
    taken : (m, 4) boxes that no text covers
    free : (k, 2) places of symbols that no text covers
    arrows : whose heads no text covers
    """
    drawn = [
        ax.text(0, 0, text, fontsize=text_size(ax), ha="center", va="center", zorder=7,
                gid="label")
        for text in texts
    ]  # fmt: skip
    point = theme.figure_of(ax).dpi / 72
    sizes = extents(drawn) + 2 * CLEAR * point
    symbols = boxed(free, np.full((len(free), 2), SYMBOL * point))
    solid = rectangles(np.vstack([taken, symbols]))
    solid = solid if arrows is None else np.concatenate([solid, arrows.heads])
    edge = pixels(ax, [(0, 0, 1, 1)])[0]
    choices = [
        beside(i, at, sizes[i], rows(text, sizes[i]), edge, len(free) > 0, arrows).off(solid)
        for i, text in enumerate(drawn)
    ]
    back, out = ax.transData.inverted(), []
    for text, choice, place in zip(drawn, choices, settled(choices), strict=True):
        if place < 0:
            text.remove()
            out.append(text.get_text().replace("\n", " "))
            continue
        text.set_position(tuple(back.transform(choice.centres[place])))
        halo(ax, text)
        draw_leader(ax, choice.lines[place], dot=not len(free))
    warn_of(out, len(drawn), ax)


def warn_of(out: Sequence[str], count: int, ax: Axes) -> None:
    """Say which texts are not on the map, and what to do."""
    if out:
        wide = ax.bbox.width / theme.figure_of(ax).dpi / theme.MM
        warnings.warn(
            f"{len(out)} of {count} names find no place {wide:.0f} mm wide and are left out: "
            f"{named(out)}. A larger width_mm has room for more; labels, a Series of names by "
            "city that is empty for the others, chooses which are written.",
            stacklevel=2,
        )


def extents(texts: Sequence[Any]) -> Array:
    """(n, 2) widths and heights of texts, in pixels."""
    boxes = [text.get_window_extent() for text in texts]
    return np.array([[box.width, box.height] for box in boxes]).reshape(-1, 2)


def rows(text: Any, size: Array) -> Array:
    """(r, 4) boxes of the lines of a text about its centre, in pixels."""
    point = text.get_figure(root=True).dpi / 72
    widths = [measured(line, text.get_fontsize()) * point for line in text.get_text().split("\n")]
    return rows_of(np.minimum(widths, size[0]), size)


def draw_leader(ax: Axes, line: Array, dot: bool) -> None:
    """A line in pixels from a place to its text, none where it is NaN; a dot shows the place."""
    if np.isnan(line).any():
        return
    x, y = ax.transData.inverted().transform(line).T
    ax.plot(x, y, lw=0.4, color=theme.INK, zorder=6, gid="leader")
    if dot:
        ax.plot(x[:1], y[:1], ".", ms=1.5, color=theme.INK, zorder=6, gid="leader")


def halo(ax: Axes, text: Any) -> None:
    """A white rim below a text. Text that carries the effect itself would be paths in a PDF."""
    x, y = text.get_position()
    ax.text(
        x, y, text.get_text(), fontsize=text.get_fontsize(), ha="center", va="center", zorder=5,
        gid="halo", path_effects=[patheffects.Stroke(linewidth=HALO, foreground="white")],
    )  # fmt: skip


def pixels(ax: Axes, boxes: Sequence[Box]) -> Array:
    """(m, 4) boxes from axes fractions to pixels."""
    corners = np.array(boxes, dtype=float).reshape(-1, 2)
    return np.asarray(
        ax.transAxes.transform(corners).reshape(-1, 4) if len(corners) else np.empty((0, 4))
    )


def beside(
    i: int, at: Array, size: Array, rows: Array, edge: Array, symbol: bool, arrows: Arrows | None
) -> Choice:
    """Where the name of place i may stand on the sheet, and what that costs."""
    line = size[1] / len(rows)
    centres = inside(around(at[i], size, line), size, edge)
    away = np.abs(centres - at[i])
    gap = np.hypot(*np.clip(away - size / 2, 0, None).T)
    lines = gap > STUB * line if symbol else (away / size).max(axis=1) > LEADER
    starts = np.where(lines[:, None], at[i], np.nan)
    # A text above or below its place reads as nearer than one beside it.
    apart = np.hypot(*np.clip(away - size / 2 * [0.8, 0.5], 0, None).T)
    cost = (FAR * np.hypot(*away.T) + apart) / line
    choice = Choice(centres, size, starts, cost, rows)
    near = choice.boxes + NEAR * line * np.array([-1, -1, 1, 1])
    cost = cost + OTHERS_POINT * within(np.delete(at, i, axis=0), near).sum(axis=0)
    if arrows is not None:
        boxes, leaders = rectangles(choice.boxes), straight(choice.lines)
        cost = cost + SHAFT * counted(boxes, arrows.shafts) + TAIL * counted(boxes, arrows.tails)
        cost = cost + HEAD * counted(leaders, arrows.heads)
    return Choice(centres, size, starts, cost, rows)


def around(place: Array, size: Array, line: float) -> Array:
    """Candidate centres: the place itself, then rings that clear it."""
    angle = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    unit = np.c_[np.cos(angle), np.sin(angle)]
    half = size / 2 - line / 2
    rings = [place + unit * (half + ring * line) for ring in RINGS]
    near = [place + unit * size * share for share in (0.2, 0.4)]
    return np.asarray(np.vstack([place, *near, *rings]))


def inside(centres: Array, size: Array, edge: Array) -> Array:
    """The same centres, moved so that texts of this size do not leave the sheet."""
    low, high = edge[:2] + size / 2, edge[2:] - size / 2
    return np.asarray(np.clip(centres, low, np.maximum(low, high)))
