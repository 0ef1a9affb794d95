"""Models that differ in their formulas only, side by side: each column lagged and swept once.

What a column becomes does not depend on those beside it, to the last bit; so neither does
what a model gets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

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

_BUT_FORMULA = attrgetter(*(f.name for f in fields(SpatialModel) if f.name != "formula"))


def alike(model: SpatialModel) -> Hashable:
    """What models share that differ in their formulas only."""
    found: Hashable = _BUT_FORMULA(model)
    return found


def stacked(
    models: Sequence[SpatialModel], data: Sequence[Regressors], weights: Mapping[str, Links]
) -> tuple[list[int], Beside] | None:
    """Models that are `alike` side by side, on data of the same cities and years.

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
    by_matrix = {None: None} | {name: first.matrices[name] for name, _ in models[0].roles.wx}
    of_y = [None, *first.W]
    rows: dict[Hashable, int] = {}
    needed: list[tuple[Array, Matrix | None]] = []  # columns and by what they are lagged
    found = []
    for i, (model, d) in enumerate(zip(models, data, strict=True)):
        places, columns = sources(model, d)
        if not identified(first, len(columns)) or not are_names([c.name for c in columns]):
            continue
        keys = [(d.keys[1 + j], c.W) for j, c in zip(places, columns, strict=True)]
        for key, j in zip(keys, places, strict=True):
            if key not in rows:
                rows[key] = len(needed)
                needed.append((d.X[..., j], by_matrix[key[1]]))
        outcome = "outcome", d.keys[0]
        if outcome not in rows:
            rows[outcome] = len(needed)
            needed += [(d.y, W) for W in of_y]
        y = rows[outcome]
        at = [*(rows[key] for key in keys), *range(y, y + len(of_y))]
        found.append((i, columns, np.array(at)))
    values = np.empty((len(needed), *data[0].y.shape))
    for own, (column, W) in zip(values, needed, strict=True):
        own[:] = column if W is None else W @ np.ascontiguousarray(column)
    absorbed = _swept_away(values, first.fixed_effects)
    left = [one for one in found if not absorbed[one[2][: len(one[1]) + 1]].any()]
    if not left:
        return None
    at_models, columns_of, at_rows = map(list, zip(*left, strict=True))
    return at_models, Beside(first, columns_of, values.reshape(len(values), -1), at_rows)


def _swept_away(values: Array, fixed_effects: str) -> NDArray[np.bool_]:
    """Take the effects out of (k, n, T); (k,), where nothing is left.

    See `check_absorbed` and `check_outcome`.
    """
    if fixed_effects == "none":
        return np.zeros(len(values), dtype=bool)
    rows = values.reshape(len(values), -1)
    size = squares(rows)
    sweep_in_place(values, fixed_effects)
    return np.asarray(squares(rows) <= ABSORBED**2 * np.where(size > 0, size, 1))


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
