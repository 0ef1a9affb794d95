"""Classes of a choropleth: where the limits lie and which colour each class has."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from spatialsyn.errors import ConfigError
from spatialsyn.numerics.lags import Array
from spatialsyn.report.magnitudes import power, scaled
from spatialsyn.report.words import word

SCHEMES = ("quantiles", "equal_interval", "fisher_jenks")
# The ends of a colour map look black or white in print.
LIGHT, DARK = 0.08, 0.82
# Shifts the classes next to zero towards the neutral middle of a diverging map.
NEUTRAL = 0.4
OUTER = 0.78


@dataclass(frozen=True, eq=False)
class Classes:
    """Limits and colours of k classes.

    Attributes
    ----------
    limits : (k + 1,) rising; class i holds limits[i] < value <= limits[i + 1], and the first
        class its lower limit too. On a diverging scale a number below zero on a limit belongs to
        the class nearer to zero, as its opposite does. Zero twice is a class of zeros alone.
    colours : (k, 4) red, green, blue, opacity
    diverging : whether the colours part at zero
    ends : what the legend says the outermost classes end at; by default the outer limits
    """

    limits: Array
    colours: Array
    diverging: bool = False
    ends: tuple[float, float] | None = None

    @property
    def below(self) -> NDArray[np.bool_]:
        """Which classes lie below zero."""
        return np.asarray((self.limits[1:] <= 0) & (self.limits[:-1] < 0))

    @property
    def exponent(self) -> int:
        """The power of ten that the ranges are printed in."""
        return power(np.diff(self.limits), self.limits)

    def of(self, values: Array) -> np.ndarray:
        """The class of each value, counted from 0."""
        inner = self.limits[1:-1]
        found = np.searchsorted(inner, values, side="left")
        if self.diverging:
            found = np.where(values < 0, np.searchsorted(inner, values, side="right"), found)
        alone = np.flatnonzero((self.limits[1:] == 0) & (self.limits[:-1] == 0))
        return np.where(values == 0, alone[0], found) if len(alone) else found

    def texts(self, language: str = "en") -> list[str]:
        """The range of each class, in words; of one value alone that value."""
        limits = self.limits.copy()
        if self.ends is not None:
            limits[[0, -1]] = self.ends
        pairs = pairwise(numbers(limits, self.exponent))
        spans = word("{} to {}", language)
        return [high if low == high else spans.format(low, high) for low, high in pairs]


def classify(
    values: Array,
    scheme: str | Sequence[float] | np.ndarray = "quantiles",
    k: int = 5,
    diverging: bool | None = None,
    cmap: str | Colormap | None = None,
) -> Classes:
    """Classes of `values`, which must be finite.

    On a diverging scale the scheme divides the absolute values into ceil(k / 2) classes,
    and these are mirrored at zero: a colour and its opposite mean the same size. Outer
    classes that no value reaches are left out, and values of exactly zero are a class of
    their own.
    """
    if not len(values):
        raise ConfigError("there is nothing to map: every value is missing.")
    if diverging is None:
        diverging = bool(values.min() < 0 < values.max())
    diverging = diverging and bool(values.any())
    ends = None
    if not isinstance(scheme, str):
        limits = given(np.asarray(scheme, dtype=float), values)
        limits = parted(limits, values) if diverging else limits
    elif diverging:
        limits = mirrored(values, scheme, k)
        if scheme != "equal_interval":
            # The far end of the other side: no value need be anywhere near it.
            ends = float(max(limits[0], values.min())), float(min(limits[-1], values.max()))
    else:
        limits = divided(values, scheme, k)
    return Classes(limits, coloured(limits, diverging, cmap), diverging, ends)


def given(limits: Array, values: Array) -> Array:
    """The reader's own limits, which must cover the values."""
    if limits.ndim != 1 or len(limits) < 2 or not (np.diff(limits) > 0).all():
        raise ConfigError(f"class limits must rise, at least two of them; got {limits.tolist()}.")
    if values.min() < limits[0] or values.max() > limits[-1]:
        raise ConfigError(
            f"the class limits run from {limits[0]:.6g} to {limits[-1]:.6g}, but the values from "
            f"{values.min():.6g} to {values.max():.6g}. Give outer limits that cover them."
        )
    return limits


def divided(values: Array, scheme: str, k: int) -> Array:
    """Limits of at most k classes from the smallest value to the largest."""
    if scheme not in SCHEMES:
        raise ConfigError(
            f"scheme={scheme!r} is not one of {', '.join(map(repr, SCHEMES))}; "
            "a list of rising class limits works too."
        )
    if k < 1:
        raise ConfigError(f"k={k} classes: there must be at least one.")
    low, high = float(values.min()), float(values.max())
    k = min(k, len(np.unique(values)))
    if low == high:
        return np.array([low, high])
    if scheme == "quantiles":
        upper = np.quantile(values, np.arange(1, k + 1) / k)
    elif scheme == "equal_interval":
        upper = np.linspace(low, high, k + 1)[1:]
    else:
        upper = jenks(values, k)
    upper = np.unique(upper)
    return np.array([low, *upper[upper > low]])


def jenks(values: Array, k: int) -> Array:
    """Upper limits of the k classes with the least variance inside (Fisher 1958)."""
    import mapclassify  # imports for seconds

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba not installed")
        return np.asarray(mapclassify.FisherJenks(values, k=k).bins)


def mirrored(values: Array, scheme: str, k: int) -> Array:
    """Limits that are symmetric about zero, cut to the classes that hold values."""
    sizes = np.abs(values)
    outward = divided(sizes[sizes > 0], scheme, (k + 1) // 2)[1:]
    limits = parted(np.array([*-outward[::-1], 0.0, *outward]), values)
    zero = len(outward)
    side: Literal["left", "right"] = "right" if values.min() < 0 else "left"
    first = max(int(np.searchsorted(limits, values.min(), side=side)) - 1, 0)
    last = int(np.searchsorted(limits, values.max(), side="left"))
    first, last = first if values.min() else zero, last if values.max() else zero + 1
    return limits[first : max(last, first + 1) + 1]


def parted(limits: Array, values: Array) -> Array:
    """The limits with zero twice, where it is one of them and some values are zero."""
    zero = np.flatnonzero(limits == 0)
    return np.insert(limits, zero[:1], 0.0) if (values == 0).any() else limits


def coloured(limits: Array, diverging: bool, cmap: str | Colormap | None) -> Array:
    """One colour per class: darker is farther from zero."""
    k = len(limits) - 1
    if diverging:
        above, below = (limits[:-1] >= 0) & (limits[1:] > 0), (limits[1:] <= 0) & (limits[:-1] < 0)
        # Classes counted from zero outward, alike on both sides; one across zero counts 0.
        rank: NDArray[np.integer] = np.cumsum(above) * above - np.cumsum(below[::-1])[::-1] * below
        outermost = np.abs(rank).max()
        away = (np.abs(rank) - NEUTRAL) / (outermost - NEUTRAL)
        return np.asarray(colour_map(cmap or "vik")(0.5 + 0.5 * OUTER * np.sign(rank) * away))
    at = np.linspace(LIGHT, DARK, k) if k > 1 else np.array([0.5])
    falling = limits[-1] <= 0
    return np.asarray(colour_map(cmap or "devon_r")(at[::-1] if falling else at))


def colour_map(cmap: str | Colormap) -> Colormap:
    """A colour map by name, of matplotlib or of Crameri (2018)."""
    if isinstance(cmap, Colormap):
        return cmap
    from cmcrameri import cm

    if cmap in cm.cmaps:
        found: Colormap = cm.cmaps[cmap]
        return found
    if cmap in mpl.colormaps:
        return mpl.colormaps[cmap]
    raise ConfigError(
        f"cmap={cmap!r} is no colour map of matplotlib or cmcrameri; try 'vik', 'devon_r', "
        "'batlow' or 'viridis'."
    )


def numbers(limits: Array, exponent: int) -> list[str]:
    """Class limits as text, in this power of ten, with the fewest decimals that tell them apart."""
    limits = scaled(limits, exponent)
    gaps = np.abs(np.diff(limits))
    typical = np.median(gaps[gaps > 0]) if (gaps > 0).any() else abs(limits[0]) or 1.0
    fewest = max(0, 1 - int(np.floor(np.log10(typical))))
    wanted = len(np.unique(limits))
    decimals = next(
        (d for d in range(fewest, fewest + 8) if len(np.unique(limits.round(d))) == wanted), fewest
    )
    texts = [f"{value:,.{decimals}f}" for value in limits + 0.0]
    return [text.replace("-", "\N{MINUS SIGN}") for text in texts]
