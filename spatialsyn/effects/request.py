"""What `results.effects` was asked for: which regressors, read how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd
from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import Labels, average, by_block, by_city, by_pair
from spatialsyn.effects.channels import Channels, channel_shares
from spatialsyn.effects.horizon import Horizon
from spatialsyn.effects.inference import Carried, Effects, Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.models.dynamic import process
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.formula import Regressors
from spatialsyn.models.likelihood import names as spatial_names
from spatialsyn.numerics.lags import Matrix, rows_of


def multipliers(
    design: Design, estimate: Estimate, names: list[str], horizon: Horizon | None = None
) -> Multipliers:
    """How the regressors `names` enter the matrix of derivatives."""
    wide = (*design.names, *spatial_names(design), "sigma2")
    at = {name: i for i, name in enumerate(wide)}
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
        regressors=tuple(chosen),
        structure=design.mixture,
        horizon=horizon,
        channels=_channels(design, [W for W, _ in keys]),
        stable=lambda params: (
            (space is None or space.contains(entered(params)[list(rho)]))
            and (horizon is None or horizon.stable(params))
        ),
    )


def _channels(design: Design, carriers: list[str | None]) -> Channels:
    """The matrix behind every rho, also of one block (``rho[geo:core]``), and every carrier."""
    inside = [name[4:-1] for name in design.rho_names]
    rhos = [n if n in design.matrices else n.rsplit(":", 1)[0] for n in inside]
    names = tuple(dict.fromkeys([*rhos, *(W for W in carriers if W is not None)]))
    return Channels(
        names,
        tuple(names.index(name) for name in rhos),
        tuple(-1 if W is None else names.index(W) for W in carriers),
    )


def _by_channel(model: Multipliers) -> tuple[Channels, Labels]:
    """The reading by matrix; of the year of the change, in a dynamic model."""
    channels = model.channels
    if channels is None or not channels.names:
        raise ModelError("this model lags neither outcome nor regressors: there are no channels.")
    if model.horizon is not None:
        raise ModelError("by='channel' is for the year of the change: leave horizon out.")
    return channels, channels.labels


def shared(effects: Effects) -> Effects:
    """Effects by channel as shares of the indirect effect."""
    assert effects.spread is not None
    table, unclear = channel_shares(effects.table, effects.spread, effects.draws, effects.level)
    note = (
        f"The indirect effect of {named(unclear)} is not clearly different from zero: its shares "
        "mean little."
    )
    return replace(effects, table=table, note=note if unclear else "", draws=None, spread=None)


def horizon_of(
    design: Design, estimate: Estimate, horizon: Any, lasting: bool
) -> tuple[Horizon | None, tuple[int, ...] | None]:
    """What `results.effects(horizon=...)` asks for, and the years to label by.

    Raises
    ------
    ModelError
        A horizon in a model without lags in time, or one that is not "long" or years.
    """
    if horizon is None:
        return None, None
    names = estimate.names
    lags = [n for n in names if n == "tau" or n.startswith("eta[")]
    if not lags:
        raise ModelError(
            f"horizon={horizon!r}: this model has no lag in time, its effects are those of one "
            "year. A dynamic model has lag_y=True or lag_wy=True."
        )
    at = tuple(names.index(name) for name in (*lags, *design.rho_names))
    years = None if horizon == "long" else _years(horizon)
    made = Horizon(lambda params: process(design, params, names), at, years, lasting)
    return made, years


def _years(horizon: Any) -> tuple[int, ...]:
    listed = (horizon,) if isinstance(horizon, int) else horizon
    years = tuple(listed) if isinstance(listed, Iterable) and not isinstance(listed, str) else ()
    if not years or not all(isinstance(h, int) and h >= 0 for h in years):
        raise ModelError(
            f"horizon={horizon!r}: give 'long', a number of years after the change, or several "
            "such as range(0, 11)."
        )
    return years


def over_years(labels: Labels, years: tuple[int, ...] | None) -> Labels:
    """The labels of a reading, once for every year after the change."""
    if years is None:
        return labels
    return pd.concat([labels.assign(horizon=year) for year in years], ignore_index=True)


def _carrier(design: Design, W: str | None, block: str | None) -> Matrix:
    """What a coefficient multiplies: I or W, of all rows or of those of a block."""
    identity = sparse.eye_array(len(design.y), format="csr")
    matrix = identity if W is None else design.matrices[W]
    return matrix if block is None else rows_of(design.blocks[block], matrix)


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


def reading_by(
    by: str | None, panel: CityPanel, model: Multipliers
) -> tuple[Reading | Channels, Labels]:
    """The reading of the derivatives: on average, by city, pair, channel, or by a grouping."""
    if by is None:
        return average(panel.n)
    if by == "city":
        return by_city(panel.ids)
    if by == "pair":
        return by_pair(panel.ids)
    if by == "channel":
        return _by_channel(model)
    if not isinstance(by, str) or by not in panel.blocks:
        raise ModelError(
            f"by={by!r} is neither 'city', 'pair', 'channel' nor a grouping of the panel; its groupings: "
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
