"""Names on a map, placed so that none covers another: the same places every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes

from spatialsyn.errors import AlignmentError, ConfigError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.atlas.frame import Box, Sheet

COLUMNS = {"en": "name_en", "zh": "name_zh"}
# What a Chinese label leaves out: 广州市 is written 广州.
SUFFIX = "(?:特别行政区|市)$"
HALO = 1.6
# Maps below this width have smaller names.
NARROW_MM = 110.0
# Points of clear space around a label.
CLEAR = 0.6
# Distances tried around a point, in label heights, and what an overlap costs against them.
RINGS = (0.9, 1.5, 2.2, 3.0, 4.0, 5.2, 6.5)
DIRECTIONS = 16
OVERLAP, OTHERS_POINT, CROSSED = 1000.0, 1.2, 1.5
# A name closer to a foreign place than this share of its height seems to belong to it.
NEAR = 0.45
SWEEPS = 30
# Shares of a label's width or height beyond which a line leads back to the place.
LEADER = 0.75


def names(units: Any, labels: str | pd.Series | None) -> pd.Series:
    """The label of each unit; units without a name have none.

    Raises
    ------
    ConfigError, AlignmentError
        The layer has no such names, or the Series lacks cities.
    """
    if isinstance(labels, pd.Series):
        absent = units.index.difference(labels.index)
        if len(absent):
            raise AlignmentError(f"labels has no entry for the cities {named(absent)}.")
        return labels.reindex(units.index).astype(str)
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


def put_labels(
    ax: Axes, shown: Sheet, texts: pd.Series, taken: Sequence[Box], nodes: bool = False
) -> None:
    """Write each name at its city, or beside it with a line where there is no room.

    `nodes` keeps the places themselves free, for symbols.
    """
    if any(map(theme.NEEDS_CJK.search, texts)):
        theme.require_cjk("a label in Chinese")
    points = shown.points.loc[texts.index]
    at = ax.transData.transform(np.c_[points.x, points.y])
    free = at if nodes else at[:0]
    place_texts(ax, at, list(texts), pixels(ax, taken), free)


def place_texts(ax: Axes, at: Array, texts: Sequence[str], taken: Array, free: Array) -> None:
    """Write each text at its place, or beside it; places in pixels.

    Parameters
    ----------
    taken : (m, 4) boxes that no text covers
    free : (k, 2) places of symbols that no text covers
    """
    figure = theme.figure_of(ax)
    narrow = ax.bbox.width / figure.dpi < NARROW_MM * theme.MM
    size = theme.TINY if narrow else theme.SMALL
    drawn = [
        ax.text(0, 0, text, fontsize=size, ha="center", va="center", zorder=7, gid="label")
        for text in texts
    ]
    clear = CLEAR * figure.dpi / 72
    extents = [text.get_window_extent() for text in drawn]
    sizes = np.array([[box.width, box.height] for box in extents]) + 2 * clear
    symbols = boxed(free, np.full((len(free), 2), 5 * clear))
    obstacles = np.vstack([taken, symbols])
    places = arranged(at, sizes, obstacles, pixels(ax, [(0, 0, 1, 1)])[0])
    back = ax.transData.inverted()
    for text, anchor, place, size in zip(drawn, at, places, sizes, strict=True):
        text.set_position(tuple(back.transform(place)))
        halo(ax, text)
        if np.abs((place - anchor) / size).max() > LEADER:
            edge = np.clip(anchor, place - size / 2, place + size / 2)
            (x0, y0), (x1, y1) = back.transform([anchor, edge])
            ax.plot([x0, x1], [y0, y1], lw=0.4, color=theme.INK, zorder=6, gid="leader")
            if not len(free):  # otherwise the symbol shows the place
                ax.plot([x0], [y0], ".", ms=1.5, color=theme.INK, zorder=6, gid="leader")


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


def arranged(at: Array, sizes: Array, taken: Array, edge: Array) -> Array:
    """Centres of the labels, (n, 2) pixels, near `at` and clear of each other.

    Every label moves in turn to the cheapest of its candidate places, the others being
    where they are, until none moves.
    """
    candidates = [around(place, size) for place, size in zip(at, sizes, strict=True)]
    fixed = [own_cost(i, candidates[i], at, sizes, taken, edge) for i in range(len(at))]
    leaders = [
        leader(place, options, size)
        for place, options, size in zip(at, candidates, sizes, strict=True)
    ]
    chosen = np.zeros(len(at), dtype=int)
    for _ in range(SWEEPS):
        before = chosen.copy()
        for i in range(len(at)):
            others = np.array([candidates[j][chosen[j]] for j in range(len(at)) if j != i])
            boxes = boxed(others.reshape(-1, 2), np.delete(sizes, i, axis=0))
            mine = boxed(candidates[i], sizes[i])
            cost = fixed[i] + OVERLAP * overlap(mine, boxes).sum(axis=1) / sizes[i].prod()
            lines = [leaders[j][chosen[j]] for j in range(len(at)) if j != i]
            cost += CROSSED * within(leaders[i].reshape(-1, 2), boxes).reshape(len(cost), -1).any(
                axis=1
            )
            cost += CROSSED * within(np.reshape(lines, (-1, 2)), mine).any(axis=0)
            chosen[i] = int(np.argmin(cost))
        if (chosen == before).all():
            break
    return np.array([candidates[i][chosen[i]] for i in range(len(at))]).reshape(-1, 2)


def around(place: Array, size: Array) -> Array:
    """Candidate centres: the place itself, then rings that clear it."""
    angle = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    unit = np.c_[np.cos(angle), np.sin(angle)]
    half = size / 2 - size[1] / 2
    rings = [place + unit * (half + ring * size[1]) for ring in RINGS]
    near = [place + unit * size * share for share in (0.2, 0.4)]
    return np.asarray(np.vstack([place, *near, *rings]))


def own_cost(
    i: int, candidates: Array, at: Array, sizes: Array, taken: Array, edge: Array
) -> Array:
    """Cost of each candidate place of label i that the other labels do not change."""
    size = sizes[i]
    boxes = boxed(candidates, size)
    gap = np.clip(np.abs(candidates - at[i]) - size / 2 * [0.8, 0.5], 0, None)
    cost = np.hypot(*(candidates - at[i]).T) / size[1] * 0.15 + np.hypot(*gap.T) / size[1]
    cost += OVERLAP * overlap(boxes, taken).sum(axis=1) / size.prod()
    lost = size.prod() - overlap(boxes, edge[None]).sum(axis=1)
    cost += OVERLAP * lost / size.prod()
    others = np.delete(at, i, axis=0)
    near = boxes + NEAR * size[1] * np.array([-1, -1, 1, 1])
    return np.asarray(cost + OTHERS_POINT * within(others, near).sum(axis=0))


def leader(place: Array, candidates: Array, size: Array) -> Array:
    """(m, 5, 2) points on the line from a place to each candidate label; none when it is near."""
    edge = np.clip(place, candidates - size / 2, candidates + size / 2)
    share = np.linspace(0, 0.9, 5)[None, :, None]
    points = place + share * (edge - place)[:, None, :]
    near = np.abs((candidates - place) / size).max(axis=1) <= LEADER
    points[near] = np.nan
    return np.asarray(points)


def within(points: Array, boxes: Array) -> Array:
    """(points, boxes) whether a point lies in a box."""
    inside = (points[:, None] > boxes[None, :, :2]) & (points[:, None] < boxes[None, :, 2:])
    return np.asarray(inside.all(axis=2))


def boxed(centres: Array, sizes: Array) -> Array:
    """(n, 4) boxes about centres."""
    return np.asarray(np.c_[centres - sizes / 2, centres + sizes / 2])


def overlap(a: Array, b: Array) -> Array:
    """(len(a), len(b)) common areas of boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2))
