"""Indices that could have been made of the same measurements: indicators or weights drawn anew.

    indicators   of the k indicators of a subsystem k are drawn with replacement, once for all
                 cities and years, and weighted anew; one drawn twice counts as two
    weights      w* ~ Dirichlet(k w), the same in all years: mean w, variance w (1 - w) / (k + 1);
                 where the weights w are equal, uniform on all that sum to one

Both spread weights alike: the shares with which indicators are drawn have the variance
w (1 - w) / k. Drawn with replacement, indicators stand for those that might as well have been
collected, which are thought to be exchangeable; drawn weights keep those that were.
Uncertainty analysis of composite indicators: Saisana, Saltelli & Tarantola (2005), Journal of
the Royal Statistical Society A 168(2), 307-323; OECD & JRC (2008), Handbook on Constructing
Composite Indicators, step 7. The bootstrap and the Dirichlet as draws are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, singledispatch
from math import comb, prod
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, is_whole, named
from spatialsyn.measures.composite import Composite
from spatialsyn.measures.order import SystemSynergy
from spatialsyn.measures.relational import GreyRelation
from spatialsyn.measures.sensitivity import AS_IT_IS, compared
from spatialsyn.measures.synergy import Coupling
from spatialsyn.measures.weighting import Method, is_own
from spatialsyn.numerics.randomness import generator

REDRAWS = ("indicators", "weights")
# Fewest draws that quantiles are taken of.
FEWEST = 100
# Fewest indices that redrawing may give: as many as there are of four indicators.
DIFFERENT = 35
Signs = Mapping[str, Mapping[str, int]]


class Recipe(NamedTuple):
    """What an index is made of, and how it is made of something else.

    Attributes
    ----------
    signs : subsystem -> indicator -> +1 or -1
    method : how indicators are weighted; None where they are not
    weights : subsystem -> the weights found, none where there are none
    remake : (panel, signs, method) -> the index
    """

    signs: Signs
    panel: CityPanel
    method: Method | None
    weights: Mapping[str, pd.Series]
    remake: Callable[[CityPanel, Signs, Method | None], Any]

    @property
    def mark(self) -> str:
        """What the names of copies end with, and no column of the panel holds."""
        mark = " #"  # no end of it is its beginning, so it is found where it was put
        while any(mark in str(column) for column in self.panel.columns):
            mark += "#"
        return mark


class Drawn(NamedTuple):
    """What one draw makes an index of."""

    signs: Signs
    method: Method | None


@dataclass(frozen=True, eq=False, repr=False)
class Redrawn:
    """An index beside others that could have been made of the same measurements.

    Attributes
    ----------
    index : the index as it is
    redraw : "indicators" | "weights"
    scores : DataFrame by (city, year), one column per draw, the index itself first
    failures : draw -> why it has no index
    seed : of the draws
    """

    index: Any
    redraw: str
    scores: pd.DataFrame
    failures: Mapping[str, str]
    seed: int

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every draw beside the index: ``correlation, within, rank, shift``, see `Sensitivity`."""
        own, drawn = self.scores[AS_IT_IS], self.scores.columns[1:]
        rows = {draw: compared(own, self.scores[draw]) for draw in drawn}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("draw")

    def __repr__(self) -> str:
        lost = f", {len(self.failures)} without an index" if self.failures else ""
        spread = self.table.quantile([0.05, 0.5, 0.95]).T.rename(columns="{:.0%}".format)
        shown = spread.to_string(float_format="{:.3f}".format)
        count = len(self.scores.columns) - 1 + len(self.failures)
        return f"{shown}\n({self.redraw} drawn anew, {count} draws{lost}, seed {self.seed})"


def redrawn(index: Any, redraw: str = "indicators", draws: int = 200, seed: int = 0) -> Redrawn:
    """The index with its indicators, or its weights, drawn anew.

    Parameters
    ----------
    redraw : "indicators" | "weights"
    draws : 100 at least
    seed : a draw depends on it, on its own number and on the names of the indicators only

    Raises
    ------
    PanelError
        Too few indicators, an index without weights, an index carried over from another panel,
        or one that no draw gives.
    """
    if redraw not in REDRAWS:
        raise PanelError(f"redraw={redraw!r} is not one of {named(REDRAWS)}.")
    if not is_whole(draws, FEWEST):
        raise PanelError(f"draws={draws!r}: give a whole number of at least {FEWEST}.")
    recipe = recipe_of(index)
    _check(recipe, redraw)
    # Two indices that share a seed do not share their draws.
    own = crc32(repr({part: list(signs) for part, signs in recipe.signs.items()}).encode())
    drawn = [DRAWN[redraw](recipe, generator(seed, i + 1, own)) for i in range(draws)]
    panel = _with_copies(recipe, drawn)
    scores, failures = {AS_IT_IS: index.score}, {}
    for number, (signs, method) in enumerate(drawn, start=1):
        try:
            scores[str(number)] = recipe.remake(panel, signs, method).score
        except PanelError as error:
            failures[str(number)] = str(error)
    if len(scores) == 1:
        raise PanelError(f"none of the {draws} draws gives an index: {failures['1']}")
    return Redrawn(index, redraw, pd.DataFrame(scores), failures, seed)


def _check(recipe: Recipe, redraw: str) -> None:
    """Refuse what leaves nothing, or too little, to draw."""
    sizes = [len(signs) for signs in recipe.signs.values()]
    if redraw == "weights":
        if not recipe.weights:
            raise PanelError(
                "this index gives its indicators no weights that could be drawn. Redraw "
                '"indicators"; a synergy of systems has weights by index.but(method="equal").'
            )
        if max(sizes) < 2:
            raise PanelError(
                f"{named(_every(recipe.signs), 20)} each stand alone: a weight of one leaves "
                "nothing to draw."
            )
        return
    different = prod(comb(2 * k - 1, k) for k in sizes)
    if different < DIFFERENT:
        way_out = 'Draw weights instead, redraw="weights", or leave' if recipe.weights else "Leave"
        raise PanelError(
            f"{' + '.join(map(str, sizes))} indicators drawn with replacement make {different} "
            f"different indices only; four make {DIFFERENT}, which is the least. "
            f"{way_out} each out once: index.sensitivity()."
        )


def _of_indicators(recipe: Recipe, rng: np.random.Generator) -> Drawn:
    """As many indicators as there are, drawn with replacement in each subsystem."""
    signs: dict[str, dict[str, int]] = {}
    for part, listed in recipe.signs.items():
        names, signs[part] = list(listed), {}
        # In their order: the first of them anchors the weights of PCA.
        for i in np.sort(rng.integers(len(names), size=len(names))):
            copies = sum(_original(recipe, column) == names[i] for column in signs[part])
            signs[part][names[i] + copies * recipe.mark] = listed[names[i]]
    if not is_own(recipe.method, _every(recipe.signs)):
        return Drawn(signs, recipe.method)
    own: dict[str, float] = {}
    for listed in signs.values():
        given = {column: recipe.method[_original(recipe, column)] for column in listed}
        total = sum(given.values()) or 1.0  # weights of zero are refused by name
        own |= {column: weight / total for column, weight in given.items()}
    return Drawn(signs, own)


def _of_weights(recipe: Recipe, rng: np.random.Generator) -> Drawn:
    """Weights that are drawn around those that were found."""
    made = dict.fromkeys(_every(recipe.signs), 0.0)
    for weights in recipe.weights.values():
        some = weights[weights > 0]
        drawn = rng.dirichlet(len(weights) * some.to_numpy())
        made |= dict(zip(some.index, drawn.tolist(), strict=True))
    return Drawn(recipe.signs, made)


DRAWN = {"indicators": _of_indicators, "weights": _of_weights}


def _with_copies(recipe: Recipe, drawn: Iterable[Drawn]) -> CityPanel:
    """The panel with a column for every time that an indicator is drawn into one index."""
    needed = dict.fromkeys(column for signs, _ in drawn for column in _every(signs))
    frame = recipe.panel.frame
    copies = {name: frame[_original(recipe, name)] for name in needed if recipe.mark in name}
    return recipe.panel.assign(**copies)


def _original(recipe: Recipe, column: str) -> str:
    """The indicator that a column is a copy of."""
    return column.partition(recipe.mark)[0]


def _every(signs: Signs) -> list[str]:
    """The indicators of all subsystems."""
    return [name for listed in signs.values() for name in listed]


@singledispatch
def recipe_of(index: Any) -> Recipe:
    """What an index is made of."""
    raise PanelError(f"redrawn is defined for indices; got {type(index).__name__}.")


@recipe_of.register
def _(index: Composite) -> Recipe:
    index.but()  # one that was carried over is refused, with the way out

    def remake(panel: CityPanel, signs: Signs, method: Method | None) -> Composite:
        return replace(index, panel=panel).but(indicators=signs["index"], method=method)

    return Recipe(
        {"index": index.signs}, index.panel, index.method, {"index": index.weights}, remake
    )


@recipe_of.register
def _(index: Coupling) -> Recipe:
    def remake(panel: CityPanel, signs: Signs, method: Method | None) -> Coupling:
        parts = {name: replace(part, panel=panel) for name, part in index.parts.items()}
        return replace(index, parts=parts).but(subsystems=signs, method=method)

    signs = {name: part.signs for name, part in index.parts.items()}
    panel = next(iter(index.parts.values())).panel
    return Recipe(signs, panel, index.method, index.weights, remake)


@recipe_of.register
def _(index: SystemSynergy) -> Recipe:
    def remake(panel: CityPanel, signs: Signs, method: Method | None) -> SystemSynergy:
        return replace(index, panel=panel).but(subsystems=signs, method=method)

    return Recipe(index.signs, index.panel, index.method, index.weights, remake)


@recipe_of.register
def _(index: GreyRelation) -> Recipe:
    def remake(panel: CityPanel, signs: Signs, method: Method | None) -> GreyRelation:
        return replace(index, panel=panel).but(others=signs["others"])

    return Recipe({"others": index.signs}, index.panel, None, {}, remake)
