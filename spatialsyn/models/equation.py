"""How a model is written in one line."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from spatialsyn.models.syntax import bracketed, lag_of, parse
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time

if TYPE_CHECKING:
    from spatialsyn.models.spec import SpatialModel


@lru_cache(maxsize=1024)  # models of a study that differ in their sample share it
def equation(model: SpatialModel) -> str:
    """A model in one line."""
    parsed, given = parse(model.formula), model.roles
    outcome, wy, wu, mixed = str(parsed.outcome), given.wy, given.wu, given.mixed
    y = bracketed(outcome)
    wy = wy if mixed is None else (mixed.name,)
    lagging = given.wx
    if mixed is not None and mixed.wx == "combined" and model.has_wx:
        lagging = ((mixed.name, ()),)
    if model.exponential:
        outcome = "".join(f"exp(alpha[{w}]*W[{w}])*" for w in wy) + y
        wy, wu = (), None
    terms = [f"rho[{name}]*W[{name}]*{y}" for name in wy]
    terms += parsed.texts
    lagged = [text for text, flag in zip(parsed.texts, parsed.lagged, strict=True) if flag]
    for name, chosen in lagging:
        terms += [lag_of(name, term) for term in chosen or lagged]
    terms += [f"tau*{y}(t-1)"] if model.lag_y else []
    terms += [f"eta[{name}]*W[{name}]*{y}(t-1)" for name in model.lag_wy]
    terms += [f"lambda[{wu}]*W[{wu}]*u"] if wu else []
    terms += [f"exp(-alpha_u[{given.wu}]*W[{given.wu}])*e"] if given.wu and not wu else []
    effects = ["city"] if sweeps_cities(model.fixed_effects) else []
    effects += [f"city ({model.random} random)"] if model.random else []
    effects += ["year"] if sweeps_time(model.fixed_effects) else []
    tail = f" | {' + '.join(effects)}" if effects else ""
    tail += f" | by {model.regimes}" if model.regimes is not None else ""
    tail += f" | {mixed}" if mixed is not None else ""
    return f"{outcome} ~ {' + '.join(terms) or '1'}{tail}"
