"""What `results.effects` was asked for: which regressors, read how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import Labels, average, by_block, by_city, by_pair
from spatialsyn.effects.channels import ALL, OWN, Channels, channel_shares
from spatialsyn.effects.horizon import Horizon
from spatialsyn.effects.inference import Carried, Effects, Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.orders import Orders
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.models.dynamic import process
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.formula import Regressors
from spatialsyn.numerics.lags import Matrix, dense, rows_of


def multipliers(design: Design, estimate: Estimate, names: list[str]) -> Multipliers:
    """How the regressors `names` enter the matrix of derivatives."""
    mixed = design.mixture is not None
    inside = (*design.names, *design.rho_names) if mixed else estimate.names
    at = {name: i for i, name in enumerate(inside)}
    keys = list(dict.fromkeys((c.W, c.block) for c in design.columns if c.x in names))
    chosen = []
    for name in names:
        own = [column for column in design.columns if column.x == name]
        positions = tuple(at[column.name] for column in own)
        carriers = tuple(keys.index((column.W, column.block)) for column in own)
        chosen.append(Carried(name, positions, carriers))
    rho = tuple(at[name] for name in design.rho_names)
    space, entered = estimate.space, design.entered
    return Multipliers(
        W=design.W,
        rho_positions=rho,
        carriers=tuple(_carrier(design, W, block) for W, block in keys),
        links=tuple(int(W is not None) for W, _ in keys),
        carried_by=tuple(W for W, _ in keys),
        regressors=tuple(chosen),
        structure=design.mixture,
        stable=lambda params: space is None or space.contains(entered(params)[list(rho)]),
    )


def _carrier(design: Design, W: str | None, block: str | None) -> Matrix:
    """What a coefficient multiplies: I or W, of all rows or of those of a block."""
    identity = sparse.eye_array(len(design.y), format="csr")
    matrix = identity if W is None else design.matrices[W]
    return matrix if block is None else rows_of(design.blocks[block], matrix)


def over_time(
    model: Multipliers,
    labels: Labels,
    design: Design,
    estimate: Estimate,
    horizon: Any,
    lasting: bool,
) -> tuple[Multipliers, Labels]:
    """`model` read at a horizon: "long", a number of years after the change, or several.

    Raises
    ------
    ModelError
        A model without lags in time, or a horizon that is neither "long" nor years.
    """
    names = estimate.names
    lags = [name for name in names if name == "tau" or name.startswith("eta[")]
    if not lags:
        raise ModelError(
            f"horizon={horizon!r}: this model has no lag in time, its effects are those of one "
            "year. A dynamic model has lag_y=True or lag_wy=True."
        )
    at = tuple(names.index(name) for name in (*lags, *design.rho_names))
    years = None if horizon == "long" else _years(horizon)
    path = Horizon(lambda params: process(design, params, names), at, years, lasting)
    inside = model.stable
    return (
        replace(model, path=path, stable=lambda params: inside(params) and path.stable(params)),
        labels if years is None else _repeated(labels, "horizon", years),
    )


def by_order(model: Multipliers, labels: Labels, last: Any) -> tuple[Multipliers, Labels]:
    """`model` read by order of neighbour, 0 to `last` and the rest.

    Raises
    ------
    ModelError
        An order that is no whole number, or weights that change over the years.
    """
    if isinstance(last, bool) or not isinstance(last, int) or last < 0:
        raise ModelError(f"order={last!r}: give the last order of neighbour to show, such as 4.")
    if any(W.ndim == 3 for W in model.W):
        raise ModelError("effects by order of neighbour need weights that stay the same.")
    W = tuple(dense(w) for w in model.W)
    path = Orders(W, model.rho_positions, model.links, last)
    return replace(model, path=path), _repeated(
        labels, "order", (*map(str, range(last + 1)), "rest")
    )


def channels_in(by: Any) -> tuple[Any, bool]:
    """The reading that `by` asks for, and whether it asks for channels too."""
    listed = [by] if isinstance(by, str) else list(by or ())
    others = [one for one in listed if one != "channel"]
    if "channel" not in listed or len(others) > 1:
        return by, False
    return (others or [None])[0], True


def by_channel(model: Multipliers, labels: Labels, design: Design) -> tuple[Multipliers, Labels]:
    """`model` read by the matrix that effects arrive through.

    Raises
    ------
    ModelError
        A model without spatial lags.
    """
    inside = [name[4:-1] for name in design.rho_names]
    rhos = [n if n in design.matrices else n.rsplit(":", 1)[0] for n in inside]  # of one block
    names = tuple(dict.fromkeys([*rhos, *(W for W in model.carried_by if W is not None)]))
    if not names:
        raise ModelError("this model lags neither outcome nor regressors: there are no channels.")
    shown = _repeated(labels, "channel", (OWN, *names, ALL))
    kept = (shown["channel"] != OWN) | shown["effect"].isin(["direct", "total"])
    of_carriers = tuple(-1 if W is None else names.index(W) for W in model.carried_by)
    of_rho = tuple(names.index(name) for name in rhos)
    path = Channels(model.W, model.rho_positions, names, of_rho, of_carriers, np.flatnonzero(kept))
    return replace(model, path=path), shown[kept].reset_index(drop=True)


def shared(effects: Effects) -> Effects:
    """Effects by channel as shares of the indirect effect."""
    assert effects.spread is not None
    table, unclear = channel_shares(effects.table, effects.spread, effects.draws, effects.level)
    note = (
        f"The indirect effect of {named(unclear)} is not clearly different from zero: its shares "
        "mean little."
    )
    return replace(effects, table=table, note=note if unclear else "", draws=None, spread=None)


def _repeated(labels: Labels, column: str, values: Iterable[Any]) -> Labels:
    """The labels of a reading, once for every value of one more column."""
    parts = [labels.assign(**{column: value}) for value in values]
    return pd.concat(parts, ignore_index=True)


def _years(horizon: Any) -> tuple[int, ...]:
    listed = (horizon,) if isinstance(horizon, int) else horizon
    years = tuple(listed) if isinstance(listed, Iterable) and not isinstance(listed, str) else ()
    if not years or not all(isinstance(h, int) and h >= 0 for h in years):
        raise ModelError(
            f"horizon={horizon!r}: give 'long', a number of years after the change, or several "
            "such as range(0, 11)."
        )
    return years


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
            f"by={by!r} is neither 'city', 'pair', 'channel' nor a grouping of the panel; its "
            f"groupings: {named(panel.blocks) or 'none'}. Name one when the panel is made: "
            "blocks=['region']."
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
