"""Average effects of many models side by side: those of one W share every step but the numbers.

A model's do not depend on those beside it, to the last bit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from spatialsyn.effects.averages import averages
from spatialsyn.effects.blocks import AVERAGES, Labels, average
from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.inference import NEAR_BOUNDARY, advice, by_delta, labelled, moved, spread_of
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.request import lacks_years, multipliers
from spatialsyn.effects.table import normal_columns
from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Parameters
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet

# Coverage of the intervals of `results.effects()`.
LEVEL = 0.95
# Columns of `results.effects().table`, and the note below it.
Found = tuple[dict[str, Any], str]
# A design with the matrices of a model, the columns of the model, and its parameters: effects read
# what columns are, and not their numbers.
Shown = tuple[Design, tuple[Column, ...], Parameters]


def average_columns(models: Sequence[Shown]) -> list[Found]:
    """The columns of `results.effects()`, and its note, where many models want no table."""
    groups: dict[Hashable, list[int]] = {}
    for i, (design, columns, estimate) in enumerate(models):
        pattern = _lagging(design), _pattern(columns), len(estimate.params)
        groups.setdefault(pattern, []).append(i)
    found: dict[int, Found] = {}
    for at in groups.values():
        some = [models[i] for i in at]
        found.update(zip(at, _of_one_pattern(some), strict=True))
    return [found[i] for i in range(len(models))]


def columns_read(models: Sequence[Shown], read_as: tuple[Reading, Labels]) -> list[Found]:
    """The same of effects that are read in another way, such as by block; see `reading_by`."""
    return [_alone(model, read_as) for model in models]


@lru_cache(maxsize=1024)
def regressors_of(columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Those that have effects."""
    names = dict.fromkeys(column.x for column in columns)
    return tuple(x for x in names if x is not None and x != "Intercept")


@lru_cache(maxsize=1024)
def _pattern(columns: tuple[Column, ...]) -> Hashable:
    """What models share whose regressors enter alike, whatever they are called."""
    place = {x: i for i, x in enumerate(regressors_of(columns))}
    return tuple((c.W, c.block, -1 if c.x is None else place.get(c.x, -1)) for c in columns)


def _lagging(design: Design) -> Hashable:
    """What models share that have the same matrices in the same places."""
    logdet = design.logdet.full if isinstance(design.logdet, LogDet) else design.logdet
    matrices = map(id, design.matrices.values())
    return id(logdet), tuple(map(id, design.W)), tuple(matrices), design.instruments is not None


def _of_one_pattern(models: Sequence[Shown]) -> list[Found]:
    design, columns, first = models[0]
    names = [regressors_of(columns) for _, columns, _ in models]
    if not names[0]:
        return [({}, "")] * len(models)
    entered = multipliers(_with(design, columns), first, dict.fromkeys(names[0]))
    path = averages(design, entered.carriers, entered.rho_positions)
    if path is None or entered.structure is not None:
        return columns_read(models, average(len(design.y)))
    entered = replace(entered, path=path)
    params = np.array([estimate.params for *_, estimate in models])
    cov = np.array([estimate.cov for *_, estimate in models])
    value, gradient = moved(params, entered, *path.read(params, entered.carriers))
    made = normal_columns(value, spread_of(gradient, cov), LEVEL)
    listed = zip(*(numbers.tolist() for numbers in made.values()), strict=True)
    rough = _rough(params, cov, first, entered)
    return [
        (
            _labels(x) | dict(zip(made, numbers, strict=True)),
            advice(estimate, replace(entered, without_years=lacks_years(design))) if note else "",
        )
        for x, numbers, (design, _, estimate), note in zip(
            names, listed, models, rough, strict=True
        )
    ]


@lru_cache(maxsize=1024)
def _labels(names: tuple[str, ...]) -> dict[str, Any]:
    """What tells the rows of the regressors apart, column by column; models share them."""
    return {name: tuple(column) for name, column in labelled(names, AVERAGES).items()}


def _rough(params: Array, cov: Array, one: Parameters, entered: Multipliers) -> Array:
    """Of which models the note of `advice` speaks."""
    if not isinstance(one.space, LogDet):
        return np.zeros(len(params), dtype=bool)
    (at,), high = entered.rho_positions, one.space.interval[1]
    return np.asarray((high - params[:, at]) < NEAR_BOUNDARY * np.sqrt(cov[:, at, at]))


def _alone(model: Shown, read_as: tuple[Reading, Labels]) -> Found:
    design, columns, estimate = model
    names = regressors_of(columns)
    if not names:
        return {}, ""
    entered = multipliers(_with(design, columns), estimate, dict.fromkeys(names))
    made, _ = by_delta(estimate, entered, *read_as, LEVEL)
    listed = {name: np.asarray(values).tolist() for name, values in made.items()}
    return listed, advice(estimate, entered)


def _with(design: Design, columns: tuple[Column, ...]) -> Design:
    return design if design.columns == columns else replace(design, columns=columns)
