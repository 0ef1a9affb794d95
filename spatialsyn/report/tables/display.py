"""Numbers become text, once: every format prints the same strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialsyn.errors import ConfigError, is_whole, named, percent
from spatialsyn.report.labels import unquoted
from spatialsyn.report.tables.phrases import known, phrase, sentence
from spatialsyn.report.tables.recipes import BLOCKS, RECIPES, VALUES
from spatialsyn.weights.core import BESIDE, THEN
from spatialsyn.weights.series import YEARLY

Labels = Mapping[str, str] | None
# An estimate with its uncertainty, and the columns that hold it.
Number = tuple[float, float, float, float, float]
NUMBER = ("estimate", "se", "low", "high", "p")
NONE = "–"  # what is zero by construction, or does not apply
# Significance levels, widest first: a star for each that p lies below.
STARS = ((0.10, "*"), (0.05, "**"), (0.01, "***"))
# Decimals that a p-value has at least.
OF_P = 2
# Doubles hold fifteen digits.
MOST_DIGITS = 15
# Decimals that numbers read together may carry beyond what the largest of their errors needs.
SPARE = 1
# What may stand below an estimate or beside it, and how a column of it is headed.
SHOWN = {"se": "s.e.", "interval": "{} interval", "z": "z", "p": "p"}


@dataclass(frozen=True)
class Display:
    """How a number and its uncertainty become cells.

    Attributes
    ----------
    below, beside : "se" | "interval" | "z" | "p" | None
    apart : the columns of one estimate are its parts, ends of the interval included
    level : coverage of the intervals
    """

    labels: Labels = None
    digits: int = 3
    below: str | None = "se"
    stars: bool = False
    language: str = "en"
    beside: str | None = None
    apart: bool = False
    level: float = 0.95

    def __post_init__(self) -> None:
        if not is_whole(self.digits) or self.digits > MOST_DIGITS:
            raise ConfigError(
                f"digits={self.digits!r} is no number of decimals: give a whole number from 0 to "
                f"{MOST_DIGITS}, such as digits=3. Numbers of large size are easier to read in "
                "other units, {x / 1000} in the formula."
            )

    def label(self, name: object) -> str:
        """The print label of a variable, city or block."""
        return (self.labels or {}).get(str(name), unquoted(str(name)))

    def labelled(self, name: object) -> bool:
        """Whether there is a print label of its own for a name."""
        return str(name) in (self.labels or {})

    def say(self, text: str, *values: object) -> str:
        """A fixed phrase in the language of the table, its blanks filled."""
        return phrase(text, self.language, *values)

    def sentence(self, text: str) -> str:
        """A sentence made elsewhere, in the language of the table."""
        return sentence(text, self.language)

    def recipe(self, key: str) -> str:
        """A word of the recipe of weights."""
        kinds, yearly, _ = key.partition(YEARLY)
        if not yearly:
            return known(key, self.language, RECIPES)
        said = BESIDE.join(known(kind, self.language, RECIPES) for kind in kinds.split(BESIDE))
        return said + known(yearly, self.language, RECIPES)

    def standardised(self, ways: str) -> str:
        """How weights were standardised, one way after the other, one matrix beside the other."""
        if BESIDE in ways:
            return BESIDE.join(map(self.standardised, ways.split(BESIDE)))
        return self.say(THEN).join(map(self.say, ways.split(THEN)))

    def value(self, text: str) -> str:
        """A value of a recipe: yes, no, or a name that stays."""
        return known(text, self.language, VALUES)

    def block(self, name: object) -> str:
        """The print label of a block, sender or channel; those of the package are translated."""
        label = self.label(name)
        return known(label, self.language, BLOCKS) if label == name else label

    @property
    def heads(self) -> tuple[str, ...]:
        """Headers of the columns of one estimate; empty where it has only one."""
        if self.apart:
            heads = ("Coefficient", "Asymptotic t-stat", "z-probability")
            return (*map(self.say, heads), *self._ends)
        if self.beside is None:
            return ()
        return (self.say("Estimate"), self.say(SHOWN[self.beside], percent(self.level)))

    @property
    def _ends(self) -> tuple[str, str]:
        tail = (1 - self.level) / 2
        ends = (f"{round(end, 12):.10g}" for end in (tail, 1 - tail))
        return self.say("lower {}", next(ends)), self.say("upper {}", next(ends))

    def places(self, spreads: Iterable[float]) -> list[int]:
        """Decimals of estimates that are read together, from their standard errors.

        All of them share as many as `SPARE` allows, so that columns align; an estimate whose
        standard error needs more for two significant digits has its own.
        """
        needs = [max(self.digits, two_digits(se)) if se > 0 else None for se in spreads]
        some = [need for need in needs if need is not None] or [self.digits]
        shared = min(max(some), min(some) + SPARE)
        return [max(shared, need or 0) for need in needs]

    def pair(
        self, number: Number, places: int | None = None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The cells of an estimate, and those below; its decimals by default suit its se."""
        estimate, se, low, high, p = number
        blank = ("",) * (max(1, len(self.heads)) - 1)
        if estimate == 0 and se == 0:
            return (NONE, *blank), ("", *blank)
        if np.isnan(estimate):
            return ("", *blank), ("", *blank)
        places = decimals(se, self.digits) if places is None else places
        first, under = fixed(estimate, places) + self.mark(p), ""
        if self.apart:
            ends = (fixed(low, places), fixed(high, places))
            return (first, self.part("z", number), self.part("p", number), *ends), ("", *blank)
        side = () if self.beside is None else (self.part(self.beside, number, places),)
        if self.below is not None:
            under = self.part(self.below, number, places)
            under = f"({under})" if under and self.below != "interval" else under
        return (first, *side), (under, *blank)

    def mark(self, p: float) -> str:
        """The stars of a p-value, where stars are asked for."""
        return sum(p < level for level, _ in STARS) * "*" if self.stars else ""

    def part(self, what: str, number: Number, places: int = 2) -> str:
        """Standard error, interval, z or p of a number; empty where there is none."""
        estimate, se, low, high, p = number
        if what == "interval":
            return "" if np.isnan(low) or np.isnan(high) else interval(low, high, places)
        if what == "se":
            return fixed(se, places)
        if what == "p":
            return chance(p, self.digits)
        # Without a p-value there is no hypothesis that the estimate is zero.
        return fixed(estimate / se, 2) if p == p and se > 0 else ""

    def line(self, number: Number, places: int) -> tuple[str, str, str, str]:
        """Estimate, standard error, interval and p-value."""
        estimate, se, *_, p = number
        if estimate == 0 and se == 0:
            return NONE, NONE, NONE, NONE
        first, spread = fixed(estimate, places) + self.mark(p), fixed(se, places)
        return first, spread, self.part("interval", number, places), chance(p, self.digits)


def check_shown(**asked: str | None) -> None:
    """Refuse what cannot stand below or beside an estimate."""
    for where, what in asked.items():
        if what is not None and what not in SHOWN:
            raise ConfigError(f"{where}={what!r} is not one of {named(SHOWN)}, or None.")


def chance(p: float, digits: int = 3) -> str:
    """A p-value, or that it is smaller than can be printed; "<1" would say nothing."""
    digits = max(digits, OF_P)
    small = 10.0**-digits
    return f"<{fixed(small, digits)}" if p < small else fixed(p, digits)


def fixed(value: float, places: int) -> str:
    """`value` with a real minus sign and no negative zero; empty when missing.

    With an exponent where it would have more digits than a number in the machine, or more zeros.
    """
    if np.isnan(value):
        return ""
    beyond = np.isfinite(value) and (abs(value) >= 10.0**MOST_DIGITS or places > MOST_DIGITS)
    form = ".3e" if beyond and value else f"z,.{places}f"
    return f"{value:{form}}".replace("-", "−")


def decimals(scale: float, digits: int) -> int:
    """`digits`, or as many as show two significant digits of a `scale` smaller than that."""
    if not 0 < scale < 0.5 * 10.0**-digits:
        return digits
    return two_digits(scale)


def two_digits(scale: float) -> int:
    """Decimals that show two significant digits of a positive number; negative for large ones."""
    return 1 - int(np.floor(np.log10(scale)))


def interval(low: float, high: float, places: int) -> str:
    """``[low, high]``."""
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def number(line: Mapping[Any, Any]) -> Number:
    """The numbers of one line of a tidy table."""
    estimate, se, low, high, p = (line[key] for key in NUMBER)
    return estimate, se, low, high, p
