"""What `results.effects` was asked for: which regressors, read how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import Labels, average, by_block, by_city, by_pair
from spatialsyn.effects.inference import Carried, Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.models.formula import Regressors
from spatialsyn.weights.core import Weights


def multipliers(
    design: Design,
    data: Regressors,
    weights: Mapping[str, Weights],
    parameters: tuple[str, ...],
    names: list[str],
) -> Multipliers:
    """How the regressors `names` enter the matrix of derivatives."""
    at = {name: i for i, name in enumerate(parameters)}
    matrices = list(dict.fromkeys(w for _, w in design.wx.values()))
    identity = sparse.eye_array(len(data.y), format="csr")
    chosen = []
    for name in names:
        lags = {w: lagged for lagged, (of, w) in design.wx.items() if of == name}
        positions = (at[name], *(at[lags[w]] for w in matrices if w in lags))
        carriers = (0, *(k + 1 for k, w in enumerate(matrices) if w in lags))
        chosen.append(Carried(name, positions, carriers))
    return Multipliers(
        W=design.W,
        rho_positions=tuple(at[name] for name in design.rho_names),
        carriers=(identity, *(weights[w].matrix for w in matrices)),
        regressors=tuple(chosen),
    )


def chosen_regressors(
    x: str | Iterable[str] | None, data: Regressors, panel: CityPanel
) -> list[str]:
    """The regressors asked for, by name; all of them by default."""
    known = [name for name in data.names if name != "Intercept"]
    if not known:
        raise ModelError("this model has no regressors, so there are no effects.")
    if x is None:
        return known
    names = [x] if isinstance(x, str) else list(x)
    absent = [name for name in names if name not in known]
    if absent:
        raise ModelError(f"{named(absent)} is not a regressor here; there are {named(known, 40)}.")
    if len(names) == 1 and names[0] in panel.frame.columns:
        _check_alone(names[0], data)
    return names


def reading_by(by: str | None, panel: CityPanel) -> tuple[Reading, Labels]:
    """The reading of the derivatives: on average, by city, by pair, or by a grouping."""
    if by is None:
        return average(panel.n)
    if by == "city":
        return by_city(panel.ids)
    if by == "pair":
        return by_pair(panel.ids)
    if not isinstance(by, str) or by not in panel.blocks:
        raise ModelError(
            f"by={by!r} is neither 'city', 'pair' nor a grouping of the panel; its groupings: "
            f"{named(panel.blocks) or 'none'}. Name one when the panel is made: blocks=['region']."
        )
    return by_block(panel.blocks[by].loc[list(panel.ids)])


def _check_alone(name: str, data: Regressors) -> None:
    """A variable that enters through several columns has no effect of one column alone."""
    sources = dict(zip(data.names, data.sources, strict=True))
    others = [n for n, s in sources.items() if n != name and s & sources[name]]
    if others:
        raise ModelError(
            f"{name!r} also enters through {named(others)}: the effect of {name!r} with these held "
            f"fixed is not the effect of the variable. Ask for all columns, "
            f"effects({[name, *others]}), and combine them at a value of interest."
        )
