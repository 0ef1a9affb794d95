"""What would change if some cities had more of something: a scenario read as an effect.

A scenario moves variables of the panel; the formula is evaluated on the moved panel, so
logs, powers and interactions count as they are; the change of every column, city by city
and on average over the years, takes the place of "one unit more" in the matrix of
derivatives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import Labels
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.response import Response
from spatialsyn.effects.told import Asked
from spatialsyn.errors import ModelError, named
from spatialsyn.models.data import regressors
from spatialsyn.models.formula import Regressors
from spatialsyn.models.gaps import Sample
from spatialsyn.models.marginal import check_repeatable, moves
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array

_AMOUNT = re.compile(r"([+-])\s*(\d+(?:\.\d+)?)\s*(%|in all)?$")
Change = tuple[Any, str]


def change_of(
    changes: Mapping[str, Change],
    model: SpatialModel,
    panel: CityPanel,
    sample: Sample,
) -> Asked:
    """The change of every column of the formula, (n, T), under a scenario's name.

    Parameters
    ----------
    changes : variable -> (where, amount)
        Where: "all", a block such as "periphery", a city id or a list of them. Amount:
        "+10%", "-0.5" (in each city), or "+100 in all" (shared equally by the cities).

    Raises
    ------
    ModelError
        An unknown variable, place or amount, a scenario that moves no regressor, or one that
        moves city-years over the number at which regimes are cut.
    """
    check_repeatable(model)
    if not isinstance(changes, Mapping) or not changes:
        raise ModelError('a scenario is a mapping, {"va": ("periphery", "+10%")}.')
    moved, words = panel, []
    for variable, change in changes.items():
        if not isinstance(change, tuple) or len(change) != 2:
            raise ModelError(f"{variable!r}: {change!r} is not a pair (where, amount).")
        member = _where(change[0], panel)
        values = panel.array(variable)
        moved = moved.assign(**{variable: values + _amount(change[1], values, member)})
        words.append(f"{variable}: {_place(change[0])} {change[1]}")
    before, after = (regressors(model, one, sample) for one in (panel, moved))
    if before.names != after.names:
        raise ModelError("the scenario changes a category: its columns are not those of the fit.")
    _check_sides(model, before, after)
    shift = after.X - before.X
    kept = moves(shift, before.X)
    columns = {name: shift[..., j] for j, name in enumerate(before.names) if kept[j]}
    if not columns:
        raise ModelError(
            f"{named(changes)} moves no regressor of {model.formula!r}: the scenario has no effect."
        )
    return {"; ".join(words): columns}


def _check_sides(model: SpatialModel, before: Regressors, after: Regressors) -> None:
    """Refuse city-years that come under other coefficients: derivatives do not know of these."""
    now, then = (list(one.blocks.values()) for one in (before, after))
    crossing = int((np.asarray(now) != np.asarray(then)).any(axis=0).sum()) if now else 0
    if crossing:
        raise ModelError(
            f"the scenario moves {crossing} city-years over the number at which the regimes are "
            f"cut, {model.regimes}: they would have other coefficients, which no derivative holds. "
            "What it does to the expected outcome is results.predict(panel.assign(...)) less "
            "results.predict(), without intervals; or change less."
        )


def by_receiving_city(ids: Sequence[Any]) -> tuple[Reading, Labels]:
    """Per city: from its own change, from that of all others, and altogether."""

    def reading(B: Response) -> Array:
        own, total = B.diagonal(), B.times(np.ones(len(ids)))
        return np.concatenate([own, total - own, total])

    rows = [(effect, city) for effect in ("direct", "indirect", "total") for city in ids]
    return reading, pd.DataFrame(rows, columns=["effect", "city"])


def _where(where: Any, panel: CityPanel) -> Array:
    """1 for the cities that change."""
    if not isinstance(where, list | tuple | set):
        meant = _meant(where, panel)
        if any((one != meant[0]).any() for one in meant):
            raise ModelError(
                f"{where!r} names more than one set of cities, in several groupings, as a city or "
                "as all of them: list the cities, or rename the block."
            )
        if meant:
            return meant[0]
    listed = list(where) if isinstance(where, list | tuple | set) else [where]
    foreign = [city for city in listed if city not in panel.ids]
    if foreign or not listed:
        blocks = sorted({b for group in panel.blocks.values() for b in group}, key=str)
        raise ModelError(
            f"{named(foreign) or 'an empty list'} is no city or block of the panel; blocks: "
            f"{named(blocks) or 'none'}; cities: {named(panel.ids)}; or 'all'."
        )
    return np.array([float(city in listed) for city in panel.ids])


def _meant(where: Any, panel: CityPanel) -> list[Array]:
    """The cities of every block of that name, of the city itself, and of "all"."""
    groups = [group.loc[list(panel.ids)] == where for group in panel.blocks.values()]
    found = [group.to_numpy().astype(float) for group in groups if group.any()]
    if where in panel.ids:
        found.append(np.array([float(city == where) for city in panel.ids]))
    if isinstance(where, str) and where == "all":
        found.append(np.ones(panel.n))
    return found


def _amount(amount: Any, values: Array, member: Array) -> Array:
    """(n, T) change of a variable."""
    found = _AMOUNT.fullmatch(amount.strip()) if isinstance(amount, str) else None
    if found is None:
        raise ModelError(
            f"amount {amount!r} is not understood: '+10%', '-0.5' in each city, or "
            "'+100 in all', shared equally by the cities."
        )
    size = float(found[1] + found[2])
    if found[3] == "%":
        return np.asarray(size / 100 * values * member[:, None])
    each = size / member.sum() if found[3] else size
    return np.asarray(np.broadcast_to(each * member[:, None], values.shape))


def _place(where: Any) -> str:
    return where if isinstance(where, str) else named([where] if np.isscalar(where) else where, 3)
