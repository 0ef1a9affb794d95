"""What is said under effects: what an entry means, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spatialsyn.effects.blocks import PER
from spatialsyn.effects.table import Effects
from spatialsyn.models.formula import Regressors
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array

LOCAL = "no lag of y or of x in this model: effects on other cities are zero by construction"
ONE_RATIO = "no lag of x in this model: every x has the same ratio of indirect to direct effects"
# Which years of a change of x the effects of a dynamic model are of.
LONG_RUN = "in the long run of a lasting change of x"
LASTING, ALONE = "x stays changed from year 0 on", "x is changed in year 0 alone"
# What was asked for: a regressor as it stands (None), or a variable of the panel, through
# the columns that it moves and by how much in each city and year, (n, T).
Asked = Mapping[str, Mapping[str, Array] | None]


def told(
    made: Effects,
    asked: Asked,
    model: SpatialModel,
    data: Regressors,
    per: str | None,
    horizon: tuple[Any, bool],
) -> Effects:
    """The effects with what an entry means; `per` counts effects by block, None all others."""
    years = _years(*horizon)
    said = [made.about if per is None else PER[per], _by_construction(asked, model), years]
    notes = [made.note, terms_alone(asked, data)]
    about, note = "; ".join(filter(None, said)), " ".join(filter(None, notes))
    return replace(made, about=about, note=note, per=per, years=years)


def _years(when: Any, lasting: bool) -> str:
    """Which years of a change of x the effects are of; empty where nothing was asked of them."""
    if when is None:
        return ""
    if isinstance(when, str):
        return LONG_RUN
    return LASTING if lasting else ALONE


def _by_construction(asked: Asked, model: SpatialModel) -> str:
    """What the family decides before any data do (Elhorst 2014, chapter 2)."""
    if model.has_wx:
        return ""
    if not model.roles.wy:
        return LOCAL
    as_they_stand = all(moved is None for moved in asked.values())
    return ONE_RATIO if as_they_stand and model.regimes is None else ""


def terms_alone(asked: Asked, data: Regressors) -> str:
    """A sentence where regressors that stand as they are have more to them than their rows.

    In ``y ~ x + x:z`` the row x is the effect of the coefficient of x: that at z = 0.
    """
    factors = [set(name.split(":")) - {name} for name in data.names]
    shown = [x for x, moved in asked.items() if moved is None
             and (in_other_terms(x, data) or any(x in of for of in factors))]  # fmt: skip
    if not shown:
        return ""
    said = (
        f"Rows of {', '.join(shown)}: effects of this term alone, the other terms that hold the "
        "same variable staying as they are."
    )
    variables = [x for x in shown if in_other_terms(x, data)]
    if not variables:
        return said
    return f"{said} Effects of the variable, at the values observed: effects({variables[0]!r})."


def in_other_terms(name: str, data: Regressors) -> bool:
    """Whether the variable `name` is in other regressors than the one of its own name."""
    return any(n != name and name in s for n, s in zip(data.names, data.sources, strict=True))
