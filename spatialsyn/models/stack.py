"""Models that differ in their formulas only, side by side: each column lagged and swept once.

What a column becomes does not depend on those beside it, to the last bit; so neither does
what a model gets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from spatialsyn.errors import SpatialsynError
from spatialsyn.models.beside import Beside
from spatialsyn.models.checks import ABSORBED, are_names
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.formula import Regressors
from spatialsyn.models.many import identified, squares, suits
from spatialsyn.models.right_side import sources
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.transform import sweep_in_place
from spatialsyn.weights.series import Links

# Lags of columns and outcomes, (n, T), by what they are and the name of the matrix.
Lags: TypeAlias = dict[tuple[Hashable, Hashable], Array]
_BUT_FORMULA = attrgetter(*(f.name for f in fields(SpatialModel) if f.name != "formula"))


def alike(model: SpatialModel) -> Hashable:
    """What models share that differ in their formulas only."""
    found: Hashable = _BUT_FORMULA(model)
    return found


def stacked(
    models: Sequence[SpatialModel],
    data: Sequence[Regressors],
    weights: Mapping[str, Links],
    lags: Lags,
) -> tuple[list[int], Beside] | None:
    """Models that are `alike` side by side, on data of the same cities and years.

    Parameters
    ----------
    lags : that models of other effects on the same data had; those of these models are added

    Returns
    -------
    tuple or None
        Places of models, and these models. A model that is nowhere has to be made by
        `sweep_effects`, which may refuse it.
    """
    if models[0].regimes is not None:
        return None
    first = _first(models, data, weights)
    if first is None or not suits(first):
        return None
    needed = Needed({}, [], lags)
    by_matrix = {None: None} | {name: first.matrices[name] for name, _ in models[0].roles.wx}
    found = []
    for i, (model, d) in enumerate(zip(models, data, strict=True)):
        places, columns = sources(model, d)
        if not identified(first, len(columns)) or not are_names([c.name for c in columns]):
            continue
        at = [
            needed.place((d.keys[1 + j], c.W), d.X[..., j], by_matrix[c.W])
            for j, c in zip(places, columns, strict=True)
        ]
        y = "outcome", d.keys[0]
        at.append(needed.place((y, None), d.y, None))
        lagged = zip(models[0].roles.wy, first.W, strict=True)
        at += [needed.place((y, name), d.y, W) for name, W in lagged]
        found.append((i, columns, at))
    if not found:
        return None
    values = needed.values()
    absorbed = _swept_away(values, first.fixed_effects)
    left = [(i, c, at) for i, c, at in found if absorbed.isdisjoint(at[: len(c) + 1])]
    if not left:
        return None
    at_models, columns_of, at_rows = map(list, zip(*left, strict=True))
    return at_models, Beside(first, columns_of, values.reshape(len(values), -1), at_rows)


@dataclass(frozen=True)
class Needed:
    """Columns and outcomes, and their lags, in the order in which models need them.

    Attributes
    ----------
    places : of what is needed, by its key: what it is, and None or what it is lagged by
    listed : (n, T) numbers, and None or the matrix that they are lagged by
    lags : (n, T) by the same keys, as far as they are known
    """

    places: dict[tuple[Hashable, Hashable], int]
    listed: list[tuple[Array, Matrix | None]]
    lags: Lags

    def place(self, key: tuple[Hashable, Hashable], numbers: Array, W: Matrix | None) -> int:
        """Where they stand; what has the same key is the same."""
        found = self.places.get(key)
        if found is None:
            found = self.places[key] = len(self.listed)
            self.listed.append((numbers, W))
        return found

    def values(self) -> Array:
        """(k, n, T), lagged, each by itself."""
        made = np.empty((len(self.listed), *self.listed[0][0].shape))
        for own, (numbers, W) in zip(made, self.listed, strict=True):
            if W is None:
                own[:] = numbers
        for key, at in self.places.items():
            numbers, W = self.listed[at]
            if W is not None:
                if key not in self.lags:
                    there = self.places.get((key[0], None))
                    whole = np.ascontiguousarray(numbers) if there is None else made[there]
                    self.lags[key] = W @ whole
                made[at] = self.lags[key]
        return made


def _swept_away(values: Array, fixed_effects: str) -> frozenset[int]:
    """Take the effects out of (k, n, T); the places where nothing is left.

    See `check_absorbed` and `check_outcome`.
    """
    if fixed_effects == "none":
        return frozenset()
    rows = values.reshape(len(values), -1)
    size = squares(rows)
    sweep_in_place(values, fixed_effects)
    empty = squares(rows) <= ABSORBED**2 * np.where(size > 0, size, 1)
    return frozenset(np.flatnonzero(empty).tolist())


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
