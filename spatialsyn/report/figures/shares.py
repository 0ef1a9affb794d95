"""Which channel carries the spillover: the posterior of the shares of two or three matrices.

Three shares that sum to one are a point in a triangle; a corner is a matrix alone. Regions
are the smallest that hold their part of the draws (highest posterior density), from a
kernel density whose mass beyond a side is reflected back: without that, the density at
the sides, where a share is zero, would be half of what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from matplotlib.tri import Triangulation

from spatialsyn.errors import ConfigError, percent
from spatialsyn.models.posterior import Posterior
from spatialsyn.numerics.lags import Array
from spatialsyn.report import theme
from spatialsyn.report.folding import folded
from spatialsyn.report.labels import check_labels
from spatialsyn.report.words import word

# Lower left, lower right, top: a corner per matrix.
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
REGIONS = (0.95, 0.5)
SHADES = ("#cfe3f1", "#7fb3d9")
# Points along a side where the density is found, and draws it is found from at most.
FINE, MOST = 60, 2000
# Of the corners and their ticks: dark enough for text.
COLOURS = ("#0072B2", "#B04A00", "#00694D")
LINE: dict[str, Any] = {"color": theme.GREY, "lw": 0.35, "zorder": 2}
HEIGHT_MM = 52.0
# Share of the width that the name of a corner may take.
CORNER = 0.35


def shares_plot(
    posterior: Posterior,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["single"],
) -> Axes:
    """The posterior of the shares of a convex combination of two or three matrices.

    Three are a triangle: a dot per draw, the regions that hold half and 95 % of them, and a
    diamond at the mean; the share of a matrix is one in its corner and zero on the side
    across. Two are a density of the share of the first.

    Parameters
    ----------
    posterior : ``results.posterior()`` of a model with ``W=ss.convex("geo", "eco", "dig")``
    labels : matrix -> what to print for it

    Raises
    ------
    ConfigError
        Something other than a posterior, one of a single matrix, too few draws, or labels that
        match nothing.
    """
    shares = drawn_shares(posterior)
    check_labels(labels, "shares_plot", shares)
    given = labels or {}
    names = [given.get(str(name), str(name)) for name in shares]
    with theme.style(language):
        wide = theme.width(width_mm) * theme.MM * 72 if ax is None else theme.points_wide(ax)
        names = [folded(name, CORNER * wide) for name in names]
        if ax is None:
            height = HEIGHT_MM * theme.MM if len(names) == 2 else 0.93 * wide / 72
            size = (wide / 72, height)
            ax = plt.figure(figsize=size, layout="constrained").add_subplot()
        means = posterior.table.loc[[f"share[{name}]" for name in shares]]
        if len(names) == 3:
            draw_triangle(ax, names)
            draw_posterior(ax, shares.to_numpy(), means["mean"].to_numpy(), language)
        else:
            within = word("{} posterior interval", language).format(percent(posterior.level))
            draw_density(ax, shares.iloc[:, 0].to_numpy(), means.iloc[0], within, language)
            ax.set_xlabel(word("share of {}", language).format(names[0]))
        if title:
            text = folded(title, 0.85 * wide, theme.TEXT + 0.5)
            ax.set_title(text, loc="left", pad=18)
        theme.checked(ax)
    return ax


def drawn_shares(posterior: Posterior) -> pd.DataFrame:
    """The draws of the shares, a column per matrix."""
    if not isinstance(posterior, Posterior):
        raise ConfigError(
            f"shares_plot shows the posterior of shares, got {type(posterior).__name__}: fit a "
            'model with W=ss.convex("geo", "eco", "dig") and give results.posterior().'
        )
    at = [i for i, name in enumerate(posterior.names) if name.startswith("share[")]
    if len(at) not in (2, 3):
        raise ConfigError(f"shares_plot shows the shares of 2 or 3 matrices, not of {len(at)}.")
    if len(posterior.draws) < 100:
        raise ConfigError(
            f"{len(posterior.draws)} draws are too few for a density: "
            "results.posterior(draws=1000)."
        )
    columns = [posterior.names[i][len("share[") : -1] for i in at]
    return pd.DataFrame(posterior.draws[:, at], columns=columns)


def draw_triangle(ax: Axes, names: list[str]) -> None:
    """The triangle, its grid in fifths, ticks and the names of the corners."""
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.13, 0.98), aspect="equal")
    ax.set_axis_off()
    for step in np.arange(1, 5) / 5:
        for i in range(3):
            a, b = (CORNERS[i] * step + CORNERS[(i + j) % 3] * (1 - step) for j in (1, 2))
            ax.plot(*np.array([a, b]).T, **LINE)
            tick = CORNERS[i] * step + CORNERS[(i + 1) % 3] * (1 - step)
            # On the line of equal shares, beyond the triangle; its sides have length one.
            beside = tick + 0.05 * (CORNERS[(i + 1) % 3] - CORNERS[(i + 2) % 3])
            ax.text(
                beside[0], beside[1], f"{step:.1f}", fontsize=theme.TINY, ha="center",
                va="center", color=COLOURS[i], gid="tick",
            )  # fmt: skip
    ax.add_patch(Polygon(CORNERS, fill=False, lw=0.8, edgecolor=theme.INK, zorder=5))
    for i, (name, place) in enumerate(zip(names, CORNERS, strict=True)):
        below = i < 2
        ax.text(place[0], place[1] + (-0.075 if below else 0.03), name, ha="center",
                va="top" if below else "bottom", color=COLOURS[i], gid="corner",
                **theme.bold(name))  # fmt: skip


def draw_posterior(ax: Axes, shares: Array, mean: Array, language: str) -> None:
    """Regions of highest density, the draws and their mean."""
    places = shares @ CORNERS
    grid, density, levels = regions(places)
    limits = [*levels, float(density.max()) * 1.001]
    ax.tricontourf(grid, density, limits, colors=SHADES, zorder=1)
    ax.plot(*places.T, ".", ms=1.2, color=theme.INK, alpha=0.35, mew=0, zorder=3, gid="draws")
    ax.plot(*(mean @ CORNERS), "D", ms=4.5, color=theme.COLOURS[1], mec="white", mew=0.6,
            zorder=6, gid="mean")  # fmt: skip
    handles: list[Patch | Line2D] = [
        Patch(facecolor=shade, label=word("{:.0%} of the draws", language).format(level))
        for shade, level in zip(SHADES, REGIONS, strict=True)
    ]
    handles.append(Line2D([], [], ls="", marker="D", ms=4, color=theme.COLOURS[1],
                          label=word("mean", language)))  # fmt: skip
    ax.legend(handles=handles, frameon=False, loc="upper left", bbox_to_anchor=(0, 1),
              borderaxespad=0)  # fmt: skip


def regions(places: Array) -> tuple[Triangulation, Array, list[float]]:
    """A grid of the triangle, the density on it, and the levels that bound the regions."""
    places = places[:MOST]
    i, j = (a.ravel() for a in np.meshgrid(np.arange(FINE + 1), np.arange(FINE + 1)))
    inside = i + j <= FINE
    mix = np.column_stack([i, j, FINE - i - j])[inside] / FINE
    points = mix @ CORNERS
    width = len(places) ** (-1 / 6) * np.sqrt(places.var(axis=0).mean())
    width = max(width, 0.6 / FINE)  # not finer than the grid shows
    images = mirrored(places, 4 * width)
    density, own = kernel(points, images, width), kernel(places, images, width)
    levels = [float(np.quantile(own, 1 - level)) for level in REGIONS]
    return Triangulation(*points.T), density, levels


def kernel(at: Array, points: Array, width: float) -> Array:
    """Sum of normal kernels of `points`, at some places; relative heights are all that count."""
    total = np.zeros(len(at))
    for start in range(0, len(points), 1000):
        part = points[start : start + 1000]
        squares = ((at[:, None] - part[None]) ** 2).sum(axis=2)
        total += np.exp(-squares / (2 * width**2)).sum(axis=1)
    return total


def mirrored(places: Array, reach: float) -> Array:
    """The places and all their images in the sides that lie within `reach` of the triangle.

    Three reflections reach every triangle that shares a side or a corner with ours.
    """
    # The first row tells images apart: its reflections differ from one another.
    start = np.vstack([CORNERS.T @ [0.5, 0.3, 0.2], places])
    found, newest = {tuple(start[0].round(6)): start}, [start]
    for _ in range(3):
        newest = [reflected(image, side) for image in newest for side in range(3)]
        found |= {tuple(image[0].round(6)): image for image in newest}
    images = np.vstack([image[1:] for image in found.values()])
    low, high = CORNERS.min(axis=0) - reach, CORNERS.max(axis=0) + reach
    return images[((images > low) & (images < high)).all(axis=1)]


def reflected(places: Array, side: int) -> Array:
    """Mirror images in the line through a side."""
    a, b = CORNERS[side], CORNERS[(side + 1) % 3]
    along = (b - a) / np.hypot(*(b - a))
    away = places - a
    return np.asarray(a + 2 * (away @ along)[:, None] * along - away)


def draw_density(ax: Axes, share: Array, row: pd.Series, within: str, language: str) -> None:
    """A histogram of the share of the first of two matrices, its mean and interval."""
    ax.hist(
        share, bins=np.linspace(0, 1, 41).tolist(), density=True, color=SHADES[1], lw=0, gid="draws"
    )
    ax.axvline(row["mean"], color=theme.COLOURS[1], lw=1.0, gid="mean",
               label=word("mean", language))  # fmt: skip
    ax.axvspan(row["low"], row["high"], color=SHADES[0], zorder=0, lw=0, gid="interval",
               label=within)  # fmt: skip
    ax.set(xlim=(0, 1), yticks=[])
    ax.set_ylabel(word("posterior density", language))
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    ax.spines[["right", "top", "left"]].set_visible(False)
    theme.ticks(ax, "x")
