"""What a model needs of a panel: its formula, its blocks and its instruments, evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, named
from spatialsyn.models.checks import check_constant
from spatialsyn.models.cut import cut_at
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.gaps import EVERYTHING, Sample, check_regressors
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array

# From formula, panel, whether there is an intercept, a lag in time, and whether cells may miss.
Evaluate = Callable[[str, CityPanel, bool, bool, bool], Regressors]


def regressors(model: SpatialModel, panel: CityPanel, sample: Sample = EVERYTHING) -> Regressors:
    """The formula of `model` on `panel`, with the blocks of its regimes."""
    return read(model, panel, sample)[0]


def read(
    model: SpatialModel,
    panel: CityPanel,
    sample: Sample = EVERYTHING,
    evaluate: Evaluate = evaluate,
) -> tuple[Regressors, Regressors | None]:
    """The formula of `model` and its external instruments, on the years that both have.

    `evaluate` may remember formulas that it evaluated before.
    """
    holes = sample.missing != "refuse"
    data = sample.of(evaluate(model.formula, panel, model.intercept, model.dynamic, holes))
    check_regressors(data, panel)
    check_constant(data.names, data.terms)
    if not model.instruments:
        return replace(data, blocks=blocks(model, panel, data.years)), None
    left = model.formula.split("~")[0]
    outside = evaluate(f"{left} ~ {' + '.join(model.instruments)}", panel, True, False, holes)
    outside = sample.of(outside)
    check_constant(outside.names, outside.terms)
    years = min(data.years, outside.years, key=len)
    data = replace(_last(data, years), blocks=blocks(model, panel, years))
    return data, _last(outside, years)


def blocks(model: SpatialModel, panel: CityPanel, years: Sequence[int]) -> dict[str, Array]:
    """0/1 of the cities in every block of the regimes; of the city-years with a threshold."""
    if model.regimes is None:
        return {}
    if model.regimes.above is not None:
        return cut_at(model.regimes, panel, years)
    name = model.regimes.grouping
    if name not in panel.blocks:
        raise ModelError(
            f"regimes={name!r} is not a grouping of the panel; its groupings: "
            f"{named(panel.blocks) or 'none'}. Name one when the panel is made: blocks=['region']."
        )
    group = panel.blocks[name].loc[list(panel.ids)]
    listed = sorted(group.unique(), key=str)
    if len(listed) < 2:
        raise ModelError(f"the grouping {name!r} has one block only, {named(listed)}.")
    return {str(block): np.array([float(b == block) for b in group]) for block in listed}


def _last(data: Regressors, years: tuple[int, ...]) -> Regressors:
    """`data` without the years before `years`."""
    lost = len(data.years) - len(years)
    return replace(data, y=data.y[:, lost:], X=data.X[:, lost:], years=years)
