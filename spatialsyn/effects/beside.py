"""Average effects of many models side by side: those of one W share every step but the numbers.

A model's do not depend on those beside it, to the last bit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from spatialsyn.effects.averages import Averages, averages
from spatialsyn.effects.blocks import AVERAGES, Labels, average
from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.inference import NEAR_BOUNDARY, advice, by_delta, labelled, moved, spread_of
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.request import multipliers
from spatialsyn.effects.table import normal_columns
from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Parameters
from spatialsyn.models.many import Estimates
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet

# Columns of `results.effects().table`, and the note below it.
Found = tuple[dict[str, Any], str]
ReadAs = tuple[Reading, Labels]


def average_columns(
    designs: Sequence[Design], estimates: Sequence[Parameters], level: float = 0.95
) -> list[Found]:
    """The columns of `results.effects()`, and its note, where many models want no table."""
    groups: dict[Hashable, list[int]] = {}
    for i, (design, estimate) in enumerate(zip(designs, estimates, strict=True)):
        pattern = _pattern(design.columns), _lagging(design), len(estimate.params)
        groups.setdefault(pattern, []).append(i)
    found: dict[int, Found] = {}
    for at in groups.values():
        first, some = at[0], [estimates[i] for i in at]
        entered = _averages(designs[first], estimates[first])
        if entered is None:
            read_as = average(len(designs[first].y))
            found.update((i, _alone(designs[i], estimates[i], read_as, level)) for i in at)
            continue
        names = [regressors_of(designs[i].columns) for i in at]
        params, cov = np.array([e.params for e in some]), np.array([e.cov for e in some])
        found.update(zip(at, _found(entered, some[0], names, params, cov, level), strict=True))
    return [found[i] for i in range(len(designs))]


def columns_beside(groups: Sequence[Estimates], level: float = 0.95) -> list[list[Found | None]]:
    """The same of models that were estimated side by side; None of those that were not."""
    alike: dict[Hashable, list[tuple[int, int]]] = {}
    for g, made in enumerate(groups):
        lagging = _lagging(made.one)
        for i in np.flatnonzero(made.fine).tolist():
            alike.setdefault((lagging, _pattern(made.columns[i])), []).append((g, i))
    found: list[list[Found | None]] = [[None] * len(made.fine) for made in groups]
    for at in alike.values():
        (g, i), names = at[0], [regressors_of(groups[g].columns[i]) for g, i in at]
        one = groups[g].of(i)
        entered = _averages(replace(groups[g].one, columns=groups[g].columns[i]), one)
        if entered is not None:
            params = np.array([groups[g].params[i] for g, i in at])
            cov = np.array([groups[g].cov[i] for g, i in at])
            for (g, i), its in zip(
                at, _found(entered, one, names, params, cov, level), strict=True
            ):
                found[g][i] = its
    return found


def columns_between(
    groups: Sequence[Estimates], read_as: ReadAs, level: float = 0.95
) -> list[list[Found | None]]:
    """The columns of effects that are read in another way, such as by block; see `reading_by`."""
    return [
        [
            _alone(replace(made.one, columns=columns), made.of(i), read_as, level)
            if made.fine[i]
            else None
            for i, columns in enumerate(made.columns)
        ]
        for made in groups
    ]


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


def _averages(design: Design, estimate: Parameters) -> Multipliers | None:
    """How regressors enter averages that many models find together; None where they may not."""
    entered = multipliers(design, estimate, dict.fromkeys(regressors_of(design.columns)))
    if not entered.regressors:
        return entered
    path = averages(design, entered.carriers, entered.rho_positions)
    return None if path is None or entered.structure is not None else replace(entered, path=path)


def _found(
    entered: Multipliers,
    one: Parameters,
    names: Sequence[tuple[str, ...]],
    params: Array,
    cov: Array,
    level: float,
) -> list[Found]:
    """That of models whose regressors, `names`, enter like those of `one` of them."""
    if not entered.regressors:
        return [({}, "")] * len(names)
    assert isinstance(entered.path, Averages)
    value, gradient = moved(params, entered, *entered.path.read(params, entered.carriers))
    columns = normal_columns(value, spread_of(gradient, cov), level)
    listed = zip(*(numbers.tolist() for numbers in columns.values()), strict=True)
    rough = _rough(params, cov, one, entered)
    return [
        (
            _labels(names[i]) | dict(zip(columns, numbers, strict=True)),
            advice(replace(one, params=params[i], cov=cov[i]), entered) if rough[i] else "",
        )
        for i, numbers in enumerate(listed)
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


def _alone(design: Design, estimate: Parameters, read_as: ReadAs, level: float) -> Found:
    names = regressors_of(design.columns)
    if not names:
        return {}, ""
    entered: Multipliers = multipliers(design, estimate, dict.fromkeys(names))
    columns, _ = by_delta(estimate, entered, *read_as, level)
    listed = {name: np.asarray(values).tolist() for name, values in columns.items()}
    return listed, advice(estimate, entered)
