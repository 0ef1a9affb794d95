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
from spatialsyn.effects.blocks import AVERAGES, average
from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.inference import NEAR_BOUNDARY, advice, by_delta, labelled, moved, spread_of
from spatialsyn.effects.request import multipliers
from spatialsyn.effects.table import normal_columns
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet

# Columns of `results.effects().table`, and the note below it.
Found = tuple[dict[str, Any], str]


def average_columns(
    designs: Sequence[Design], estimates: Sequence[Estimate], level: float = 0.95
) -> list[Found]:
    """The columns of `results.effects()`, and its note, where many models want no table."""
    groups: dict[Hashable, list[int]] = {}
    for i, (design, estimate) in enumerate(zip(designs, estimates, strict=True)):
        groups.setdefault((_pattern(design), len(estimate.params)), []).append(i)
    found: dict[int, Found] = {}
    for at in groups.values():
        some = [designs[i] for i in at], [estimates[i] for i in at]
        found.update(zip(at, _of_one_pattern(*some, level), strict=True))
    return [found[i] for i in range(len(designs))]


def regressors_of(design: Design) -> tuple[str, ...]:
    """Those that have effects."""
    names = dict.fromkeys(column.x for column in design.columns)
    return tuple(x for x in names if x is not None and x != "Intercept")


def _pattern(design: Design) -> Hashable:
    """What models share whose regressors enter alike, whatever they are called."""
    place = {x: i for i, x in enumerate(regressors_of(design))}
    columns = [(c.W, c.block, -1 if c.x is None else place.get(c.x, -1)) for c in design.columns]
    logdet = design.logdet.full if isinstance(design.logdet, LogDet) else design.logdet
    matrices = map(id, design.matrices.values())
    by_instruments = design.instruments is not None
    return tuple(columns), id(logdet), tuple(map(id, design.W)), tuple(matrices), by_instruments


def _of_one_pattern(
    designs: Sequence[Design], estimates: Sequence[Estimate], level: float
) -> list[Found]:
    names = [regressors_of(design) for design in designs]
    if not names[0]:
        return [({}, "")] * len(designs)
    first = multipliers(designs[0], estimates[0], dict.fromkeys(names[0]))
    path = averages(designs[0], first.carriers, first.rho_positions)
    if path is None or first.structure is not None:
        return [_alone(*each, level) for each in zip(designs, estimates, names, strict=True)]
    entered = replace(first, path=path)
    params = np.array([estimate.params for estimate in estimates])
    cov = np.array([estimate.cov for estimate in estimates])
    value, gradient = moved(params, entered, *path.read(params, entered.carriers))
    columns = normal_columns(value, spread_of(gradient, cov), level)
    listed = [numbers.tolist() for numbers in columns.values()]
    rough = _rough(params, cov, estimates[0], entered)
    found = []
    for x, numbers, estimate, note in zip(
        names, zip(*listed, strict=True), estimates, rough, strict=True
    ):
        rows = _labels(x) | dict(zip(columns, numbers, strict=True))
        found.append((rows, advice(estimate, entered) if note else ""))
    return found


@lru_cache(maxsize=1024)
def _labels(names: tuple[str, ...]) -> dict[str, Any]:
    """What tells the rows of the regressors apart, column by column; models share them."""
    return {name: tuple(column) for name, column in labelled(names, AVERAGES).items()}


def _rough(params: Array, cov: Array, one: Estimate, entered: Multipliers) -> Array:
    """Of which models the note of `advice` speaks."""
    if not isinstance(one.space, LogDet):
        return np.zeros(len(params), dtype=bool)
    (at,), high = entered.rho_positions, one.space.interval[1]
    return np.asarray((high - params[:, at]) < NEAR_BOUNDARY * np.sqrt(cov[:, at, at]))


def _alone(design: Design, estimate: Estimate, names: Sequence[str], level: float) -> Found:
    reading, labels = average(len(design.y))
    entered: Multipliers = multipliers(design, estimate, dict.fromkeys(names))
    columns, _ = by_delta(estimate, entered, reading, labels, level)
    return {name: list(values) for name, values in columns.items()}, advice(estimate, entered)
