"""Designs of models that differ in their formulas only: every column lagged and swept once.

What a column becomes does not depend on those beside it, to the last bit; so neither does
what a model gets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np

from spatialsyn.errors import SpatialsynError
from spatialsyn.models.checks import ABSORBED, check_names
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.formula import Regressors
from spatialsyn.models.many import kin
from spatialsyn.models.right_side import sources
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, lag_each
from spatialsyn.numerics.transform import sweep_each
from spatialsyn.weights.series import Links

_BUT_FORMULA = attrgetter(*(f.name for f in fields(SpatialModel) if f.name != "formula"))


def alike(model: SpatialModel) -> Hashable:
    """What models share that differ in their formulas only."""
    found: Hashable = _BUT_FORMULA(model)
    return found


def stacked(
    models: Sequence[SpatialModel], data: Sequence[Regressors], weights: Mapping[str, Links]
) -> list[Design | None]:
    """The designs of models that are `alike`, on data of the same cities and years.

    Returns
    -------
    list
        None for a model that `sweep_effects` has to look at, which may refuse it.
    """
    first = _first(models, data, weights)
    if first is None or first.blocks or kin(first) is None:
        return [None] * len(models)
    outcomes = Stack.of([(d.keys[0], d.y) for d in data], [*first.W], first.fixed_effects)
    matrices = [first.matrices[name] for name, _ in models[0].roles.wx]
    columns = [(key, d.X[..., j]) for d in data for j, key in enumerate(d.keys[1:])]
    regressors = Stack.of(columns, matrices, first.fixed_effects)
    shared = {f.name: getattr(first, f.name) for f in fields(first)}  # `replace` looks each time
    return [
        _design(model, d, shared, outcomes, regressors)
        for model, d in zip(models, data, strict=True)
    ]


def _first(
    models: Sequence[SpatialModel], data: Sequence[Regressors], weights: Mapping[str, Links]
) -> Design | None:
    """The design of the first model that has one."""
    for model, d in zip(models, data, strict=True):
        try:
            return sweep_effects(model, d, weights)
        except SpatialsynError:
            continue
    return None


def _design(
    model: SpatialModel,
    data: Regressors,
    shared: Mapping[str, Any],
    outcomes: Stack,
    regressors: Stack,
) -> Design | None:
    """The design of a model that is like one whose fields are `shared`."""
    pairs, lags = sources(model, data), [name for name, _ in model.roles.wx]
    part: dict[str | None, int] = {None: 0, **{name: i for i, name in enumerate(lags, 1)}}
    columns = tuple([column for _, column in pairs])
    at = [regressors.at(data.keys[1 + j], part[column.W]) for j, column in pairs]
    y, *Wy = [outcomes.at(data.keys[0], i) for i in range(1 + len(shared["W"]))]
    try:
        check_names(tuple([column.name for column in columns]))
    except SpatialsynError:
        return None
    if shared["fixed_effects"] != "none" and (
        y in outcomes.gone or not regressors.gone.isdisjoint(at)
    ):
        return None
    own = {
        "y": outcomes.swept[y],
        "Wy": outcomes.swept[Wy].transpose(1, 2, 0),
        "Z": regressors.swept[at].transpose(1, 2, 0),
        "columns": columns,
    }
    return Design(**{**shared, **own})


@dataclass(frozen=True, eq=False)
class Stack:
    """Columns and their lags, each once.

    Attributes
    ----------
    where : the place of every column among k
    raw, swept : (k (1 + m), n, T), the columns, then their lags by each of m matrices
    """

    where: Mapping[Hashable, int]
    raw: Array
    swept: Array

    @classmethod
    def of(
        cls,
        columns: Sequence[tuple[Hashable, Array]],
        matrices: Sequence[Matrix],
        fixed_effects: str,
    ) -> Stack:
        """The columns, (n, T), by key: those of one key are the same."""
        distinct = dict(columns)
        own = np.stack(list(distinct.values()))
        raw = np.concatenate([own, *(lag_each(W, own) for W in matrices)])
        where = {key: i for i, key in enumerate(distinct)}
        return cls(where, raw, sweep_each(raw, fixed_effects))

    def at(self, key: Hashable, part: int) -> int:
        """The place of a column (part 0), or of its lag by a matrix."""
        return self.where[key] + part * len(self.where)

    @cached_property
    def gone(self) -> frozenset[int]:
        """The places where nothing is left, see `check_absorbed` and `check_outcome`."""
        size, left = (np.sqrt(np.einsum("knt,knt->k", v, v)) for v in (self.raw, self.swept))
        empty = left <= ABSORBED * np.where(size > 0, size, 1)
        return frozenset(np.flatnonzero(empty).tolist())
