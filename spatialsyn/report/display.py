"""Numbers become text, once: every format prints the same strings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Labels = Mapping[str, str] | None
# An estimate with its uncertainty, and the columns that hold it.
Number = tuple[float, float, float, float, float]
NUMBER = ("estimate", "se", "low", "high", "p")
NONE = "–"  # what is zero by construction, or does not apply
# Significance levels, widest first: a star for each that p lies below.
STARS = ((0.10, "*"), (0.05, "**"), (0.01, "***"))


@dataclass(frozen=True)
class Display:
    """How a number and its uncertainty become two cells."""

    labels: Labels = None
    digits: int = 3
    below: str = "se"
    stars: bool = False

    def label(self, name: object) -> str:
        """The print label of a variable, city or block."""
        return (self.labels or {}).get(str(name), str(name))

    def pair(self, number: Number, scale: float | None = None) -> tuple[str, str]:
        """The estimate, and what stands below it; decimals suit `scale`, by default its se."""
        estimate, se, low, high, p = number
        if estimate == 0 and se == 0:
            return NONE, ""
        if np.isnan(estimate) or np.isnan(se):
            return fixed(estimate, self.digits), ""
        places = decimals(se if scale is None else scale, self.digits)
        mark = sum(p < level for level, _ in STARS) * "*" if self.stars else ""
        under = f"({fixed(se, places)})" if self.below == "se" else interval(low, high, places)
        return fixed(estimate, places) + mark, under

    def line(self, number: Number, scale: float) -> tuple[str, str, str, str]:
        """Estimate, standard error, interval and p-value; decimals suit `scale`."""
        estimate, se, low, high, p = number
        if estimate == 0 and se == 0:
            return NONE, NONE, NONE, NONE
        places = decimals(scale, self.digits)
        small = 10.0**-self.digits
        chance = f"<{fixed(small, self.digits)}" if p < small else fixed(p, self.digits)
        return fixed(estimate, places), fixed(se, places), interval(low, high, places), chance


def fixed(value: float, places: int) -> str:
    """`value` with a real minus sign and no negative zero; empty when missing."""
    return "" if np.isnan(value) else f"{value:z,.{places}f}".replace("-", "−")


def decimals(scale: float, digits: int) -> int:
    """`digits`, or as many as show two significant digits of a `scale` smaller than that."""
    if not 0 < scale < 0.5 * 10.0**-digits:
        return digits
    return 1 - int(np.floor(np.log10(scale)))


def interval(low: float, high: float, places: int) -> str:
    """``[low, high]``."""
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def number(line: Mapping[Any, Any]) -> Number:
    """The numbers of one line of a tidy table."""
    estimate, se, low, high, p = (line[key] for key in NUMBER)
    return estimate, se, low, high, p
