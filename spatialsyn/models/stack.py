"""Models that differ in their formulas only, side by side: each column lagged and swept once.

What a column becomes does not depend on those beside it, to the last bit; so neither does
what a model gets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np

from spatialsyn.errors import SpatialsynError
from spatialsyn.models.checks import ABSORBED, are_names
from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.formula import Regressors
from spatialsyn.models.many import Beside, identified, squares, suits
from spatialsyn.models.right_side import sources
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.transform import sweep_in_place
from spatialsyn.weights.series import Links

_BUT_FORMULA = attrgetter(*(f.name for f in fields(SpatialModel) if f.name != "formula"))


def alike(model: SpatialModel) -> Hashable:
    """What models share that differ in their formulas only."""
    found: Hashable = _BUT_FORMULA(model)
    return found


def stacked(
    models: Sequence[SpatialModel], data: Sequence[Regressors], weights: Mapping[str, Links]
) -> list[tuple[list[int], Beside]]:
    """Models that are `alike` side by side, on data of the same cities and years.

    Returns
    -------
    list
        Places of models, and these models, by their number of columns. A model that is nowhere
        has to be made by `sweep_effects`, which may refuse it.
    """
    if models[0].regimes is not None:
        return []
    first = _first(models, data, weights)
    if first is None or not suits(first):
        return []
    by_matrix = [name for name, _ in models[0].roles.wx]
    stack = Stack.of(data, first.W, [first.matrices[name] for name in by_matrix])
    absorbed = stack.sweep(first.fixed_effects)
    part: dict[str | None, int] = {name: i for i, name in enumerate([None, *by_matrix])}
    groups: dict[int, list[tuple[int, tuple[Column, ...], list[int]]]] = {}
    for i, (model, d) in enumerate(zip(models, data, strict=True)):
        places, columns = sources(model, d)
        if not identified(first, len(columns)):
            continue
        names = [column.name for column in columns]
        of_X = [d.keys[1 + j] for j in places]
        at = [stack.x[key, part[c.W]] for key, c in zip(of_X, columns, strict=True)]
        y, *Wy = [stack.y[d.keys[0], k] for k in range(1 + len(first.W))]
        if absorbed.isdisjoint([*at, y]) and are_names(names):
            groups.setdefault(len(columns), []).append((i, columns, [*at, y, *Wy]))
    swept = stack.values.reshape(len(stack.values), -1)
    return [
        (
            [i for i, *_ in group],
            Beside(first, [c for _, c, _ in group], swept, np.array([at for *_, at in group])),
        )
        for group in groups.values()
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


@dataclass(frozen=True, eq=False)
class Stack:
    """Outcomes and columns of many models, and their lags, each once.

    Attributes
    ----------
    values : (k, n, T)
    y, x : places of outcomes and of columns among the k, by key and lag: 0 for none, then those
        by each matrix
    """

    values: Array
    y: Mapping[tuple[Hashable, int], int]
    x: Mapping[tuple[Hashable, int], int]

    @classmethod
    def of(
        cls, data: Sequence[Regressors], of_y: Sequence[Matrix], of_x: Sequence[Matrix]
    ) -> Stack:
        """Those of `data`, lagged by the matrices of Wy and of WX; of one key they are the same."""
        y = {d.keys[0]: d.y for d in data}
        x = {key: d.X[..., j] for d in data for j, key in enumerate(d.keys[1:])}
        size = len(y) * (1 + len(of_y)) + len(x) * (1 + len(of_x))
        values = np.empty((size, *data[0].y.shape))
        left = iter(range(size))
        places: list[dict[tuple[Hashable, int], int]] = [{}, {}]
        for found, own, matrices in zip(places, (y, x), (of_y, of_x), strict=True):
            for k, W in enumerate([None, *matrices]):
                for key, column in own.items():
                    found[key, k] = at = next(left)
                    values[at] = column if W is None else W @ values[found[key, 0]]
        return cls(values, *places)

    def sweep(self, fixed_effects: str) -> frozenset[int]:
        """Take the effects out of all; the places where nothing is left.

        See `check_absorbed` and `check_outcome`.
        """
        if fixed_effects == "none":
            return frozenset()
        size = self._lengths()
        sweep_in_place(self.values, fixed_effects)
        empty = self._lengths() <= ABSORBED * np.where(size > 0, size, 1)
        return frozenset(np.flatnonzero(empty).tolist())

    def _lengths(self) -> Array:
        return np.sqrt(squares(self.values.reshape(len(self.values), -1)))
