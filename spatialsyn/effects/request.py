"""What `results.effects` was asked for: which regressors, read how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.tidying import grouping
from spatialsyn.effects.averages import averages
from spatialsyn.effects.blocks import PER, Labels, average, by_block, by_city, by_pair, by_pairs
from spatialsyn.effects.channels import ALL, OWN, Channels
from spatialsyn.effects.entered import Carried, Multipliers, check_written
from spatialsyn.effects.horizon import Horizon
from spatialsyn.effects.inference import infer
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.orders import Orders
from spatialsyn.effects.table import Effects
from spatialsyn.effects.told import Asked, in_other_terms
from spatialsyn.errors import AlignmentError, ModelError, expect, is_whole, named
from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design
from spatialsyn.models.dynamic import process
from spatialsyn.models.estimate import Estimate, Parameters
from spatialsyn.models.formula import Regressors
from spatialsyn.models.gaps import Sample
from spatialsyn.models.marginal import slopes
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, columns_of, dense, rows_of
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.transform import sweeps_time


def inferred(
    design: Design,
    estimate: Estimate,
    asked: Asked,
    read_as: tuple[Reading, Labels],
    when: tuple[int | None, Any, bool],
    how: tuple[str, float, int, int],
    channels: bool = False,
) -> Effects:
    """Effects of what was asked for, with inference.

    Parameters
    ----------
    read_as : a reading and its labels
    when : order of neighbour, horizon, and whether a change lasts
    how : method, level, draws, seed
    channels : whether each is taken apart by the matrix it arrives through

    Raises
    ------
    ModelError
        Readings that exclude each other, or nothing asked for that moves a regressor.
    """
    (reading, labels), (order, horizon, lasting) = read_as, when
    entered = multipliers(design, estimate, asked)
    if not entered.carriers:
        raise ModelError(
            f"{named(asked)}: a unit more in every year moves no regressor, as diff(x) holds the "
            "changes of x over the years, and x:z nothing at z = 0. The effect is zero by "
            "construction; effects() has those of the regressors as they stand."
        )
    if channels + (order is not None) + (horizon is not None) > 1:
        raise ModelError(
            "effects are read by channel, by order or over a horizon, one at a time: ask for each "
            "by itself."
        )
    if not channels and order is None and horizon is None:
        entered = by_averages(entered, labels, design)
    if channels:
        entered, labels = by_channel(entered, labels, design)
    if order is not None:
        entered, labels = by_order(entered, labels, order)
    if horizon is not None:
        entered, labels = over_time(entered, labels, design, estimate, horizon, lasting)
    return infer(estimate, entered, reading, labels, *how)


def multipliers(design: Design, estimate: Parameters, asked: Asked) -> Multipliers:
    """How what was asked for enters the matrix of derivatives."""
    mixed = design.mixture is not None
    inside = (*design.names, *design.rho_names) if mixed else estimate.names
    at = {name: i for i, name in enumerate(inside)}
    keys: list[tuple[str | None, str | None, str | None]] = []
    carriers, chosen = [], []
    for name, moved in asked.items():
        positions, own = [], []
        for column in design.columns:
            if column.x is None or column.x not in ([name] if moved is None else moved):
                continue
            key = (column.W, column.block, None if moved is None else f"{name}>{column.x}")
            if key not in keys:
                keys.append(key)
                slope = None if moved is None else moved[column.x]
                carriers.append(_carrier(design, column, slope))
            positions.append(at[column.name])
            own.append(keys.index(key))
        chosen.append(Carried(name, tuple(positions), tuple(own)))
    rho = tuple(at[name] for name in design.rho_names)
    return Multipliers(
        W=design.W,
        rho_positions=rho,
        carriers=tuple(carriers),
        links=tuple(int(W is not None) for W, _, _ in keys),
        regressors=tuple(chosen),
        structure=design.mixture,
        stable=partial(_inside, design, estimate, list(rho)),
        carried_by=tuple(W for W, _, _ in keys),
        exponential=design.exponential,
        without_years=lacks_years(design),
    )


def by_averages(model: Multipliers, labels: Labels, design: Design) -> Multipliers:
    """`model` read from ln|S|, where averages over all cities are asked for."""
    if list(labels.columns) != ["effect"]:
        return model
    return replace(model, path=averages(design, model.carriers, model.rho_positions))


def lacks_years(design: Design) -> bool:
    """Whether effects of years could be in the model, and are not."""
    return design.y.shape[1] > 1 and not sweeps_time(design.fixed_effects)


def _inside(
    design: Design, estimate: Parameters, rho: list[int], sample: Array
) -> NDArray[np.bool_]:
    """Whether rho lies in its parameter space, for every row of `sample`."""
    space = estimate.space
    if space is None:
        return np.ones(len(sample), dtype=bool)
    if isinstance(space, LogDet):
        low, high = space.interval
        return np.asarray((low < sample[:, rho[0]]) & (sample[:, rho[0]] < high))
    return np.array([space.contains(design.entered(params)[rho]) for params in sample])


def _carrier(design: Design, column: Column, slope: Array | None) -> Matrix:
    """What a coefficient multiplies: I or W, the rows of a block, columns times a slope.

    Slopes are averaged over the years, unless the matrices they meet change over the years.
    """
    matrix = _identity(len(design.y)) if column.W is None else design.matrices[column.W]
    matrix = matrix if column.block is None else rows_of(design.blocks[column.block], matrix)
    if slope is None:
        return matrix
    changing = any(M.ndim == 3 for M in (matrix, *design.W))
    return columns_of(matrix, slope if changing else slope.mean(axis=1))


@lru_cache(maxsize=2)
def _identity(n: int) -> Matrix:
    return sparse.csr_array(sparse.eye_array(n))


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
        A model without lags in time, a horizon that is neither "long" nor years, or a long run
        of a process that does not come to rest.
    """
    names = estimate.names
    lags = [name for name in names if name == "tau" or name.startswith("eta[")]
    if not lags:
        raise ModelError(
            f"horizon={horizon!r}: this model has no lag in time, its effects are those of one "
            "year. A dynamic model has lag_y=True or lag_wy=True."
        )
    if any(C.ndim == 3 for C in model.carriers):
        raise ModelError(
            f"horizon={horizon!r}: cities change their regime over the years, so one response to "
            "a change does not exist. Use a grouping of the cities as regimes."
        )
    at = tuple(names.index(name) for name in (*lags, *design.rho_names))
    if not (isinstance(horizon, str) and horizon == "long"):
        years = _years(horizon)
        check_written(len(design.y), "effects some years after a change")
        path = Horizon(lambda params: process(design, params, names), at, years, lasting)
        return replace(model, path=path), _repeated(labels, "horizon", years)
    return _in_the_long_run(model, design, estimate, lags, at), labels


def _in_the_long_run(
    model: Multipliers, design: Design, estimate: Estimate, lags: list[str], at: tuple[int, ...]
) -> Multipliers:
    """[(1 - tau) I - (rho + eta) W]^-1 (beta I + theta W): lags in time count as lags of y."""
    names = estimate.names
    root = float(process(design, estimate.params, names).roots[0])
    if root >= 1:
        raise ModelError(
            f"horizon='long': the largest root of the process is {root:.3f}, not below one: it "
            "does not come to rest, and there is no long run. Look at the years after the change, "
            "horizon=range(0, 6)."
        )
    identity, inside = sparse.eye_array(len(design.y), format="csr"), model.stable
    before = [identity if name == "tau" else design.matrices[name[4:-1]] for name in lags]
    return replace(
        model,
        W=(*before, *design.W),
        rho_positions=at,
        long=True,
        # All roots inside the unit circle: the process comes to rest.
        stable=lambda sample: np.array(
            [
                within and bool(process(design, params, names).roots[0] < 1)
                for params, within in zip(sample, inside(sample), strict=True)
            ]
        ),
    )


def by_order(model: Multipliers, labels: Labels, last: Any) -> tuple[Multipliers, Labels]:
    """`model` read by order of neighbour, 0 to `last` and the rest.

    Raises
    ------
    ModelError
        An order that is no whole number, or weights that change over the years.
    """
    if not is_whole(last):
        raise ModelError(f"order={last!r}: give the last order of neighbour to show, such as 4.")
    if any(C.ndim == 3 for C in (*model.W, *model.carriers)):
        raise ModelError(
            "effects by order of neighbour need weights and regimes that stay the same."
        )
    check_written(model.carriers[0].shape[-1], "effects by order of neighbour")
    W = tuple(dense(w) for w in model.W)
    path = Orders(W, model.rho_positions, model.links, int(last), model.exponential)
    return replace(model, path=path), _repeated(
        labels, "order", (*map(str, range(last + 1)), "rest")
    )


def by_channel(model: Multipliers, labels: Labels, design: Design) -> tuple[Multipliers, Labels]:
    """`model` read by the matrix that effects arrive through.

    Raises
    ------
    ModelError
        A model without spatial lags.
    """
    if model.exponential:
        raise ModelError("matrix exponentials have one matrix of the outcome: no channels.")
    check_written(len(design.y), "effects by channel")
    inside = [name[4:-1] for name in design.rho_names]
    rhos = [n if n in design.matrices else n.split(":", 1)[0] for n in inside]  # of one block
    names = tuple(dict.fromkeys([*rhos, *(W for W in model.carried_by if W is not None)]))
    if not names:
        raise ModelError("this model lags neither outcome nor regressors: there are no channels.")
    taken = [name for name in (OWN, ALL) if name in names]
    if taken:
        raise ModelError(
            f"W[{taken[0]}] has the name of a row of effects by channel, which are {OWN!r}, "
            f"{named(names)} and {ALL!r}. Give it another: W.rename('...')."
        )
    shown = _repeated(labels, "channel", (OWN, *names, ALL))
    kept = (shown["channel"] != OWN) | shown["effect"].isin(["direct", "total"])
    of_carriers = tuple(-1 if W is None else names.index(W) for W in model.carried_by)
    of_rho = tuple(names.index(name) for name in rhos)
    path = Channels(model.W, model.rho_positions, names, of_rho, of_carriers, np.flatnonzero(kept))
    return replace(model, path=path), shown[kept].reset_index(drop=True)


def _repeated(labels: Labels, column: str, values: Iterable[Any]) -> Labels:
    """The labels of a reading, once for every value of one more column."""
    parts = [labels.assign(**{column: value}) for value in values]
    return pd.concat(parts, ignore_index=True)


def _years(horizon: Any) -> tuple[int, ...]:
    listed = (horizon,) if isinstance(horizon, int | np.integer) else horizon
    years = tuple(listed) if isinstance(listed, Iterable) and not isinstance(listed, str) else ()
    if not years or not all(isinstance(h, int | np.integer) and h >= 0 for h in years):
        raise ModelError(
            f"horizon={horizon!r}: give 'long', a number of years after the change, or several "
            "such as range(0, 11)."
        )
    return tuple(map(int, years))


def asked_for(
    x: str | Iterable[str] | None,
    model: SpatialModel,
    data: Regressors,
    panel: CityPanel,
    sample: Sample,
) -> Asked:
    """The regressors or variables asked for, by name; all regressors by default.

    The name of a column of the panel that enters the formula through several terms, or
    through a function, stands for the variable: its effect is that of one unit more of it,
    at the values observed, on average.
    """
    known = [name for name in data.names if name != "Intercept"]
    if not known:
        raise ModelError("this model has no regressors, so there are no effects.")
    if x is None:
        return dict.fromkeys(known)
    expect(x, Iterable, f"x names regressors: {named(known)}", ModelError)
    names = [x] if isinstance(x, str) else list(x)
    if not names:
        raise ModelError(f"x names no regressor; there are {named(known, 40)}. None takes all.")
    variables = sorted(set().union(*data.sources))
    absent = [name for name in names if name not in (*known, *variables)]
    if absent:
        raise ModelError(
            f"{named(absent)} is not a regressor here; there are {named(known, 40)}, made of "
            f"{named(variables, 40)}."
        )
    # Several columns of one variable, asked for side by side, are meant as they stand.
    alone = len(names) == 1 and in_other_terms(names[0], data)
    return {
        name: slopes(model, panel, name, sample) if alone or name not in data.names else None
        for name in names
    }


def split_channel(by: Any, per: str) -> tuple[Any, bool]:
    """What `by` names beside the channels, and whether it names them."""
    listed = [by] if isinstance(by, str) else list(by) if isinstance(by, list | tuple) else []
    others = [one for one in listed if not (isinstance(one, str) and one == "channel")]
    if len(others) == len(listed) or len(others) > 1:
        return by, False
    if per == "share":
        raise ModelError("per='share' has no channels: use results.channel_shares(x).")
    return (others or [None])[0], True


def reading_by(by: Any, panel: CityPanel, per: str) -> tuple[Reading, Labels]:
    """The reading of the derivatives: on average, by city, by pair, by block, by label of pairs."""
    if not isinstance(per, str) or per not in PER:
        raise ModelError(f"per={per!r} is not one of {named(PER)}.")
    group = grouping(by, panel)
    if per != "receiver" and group is None:
        raise ModelError(f"per={per!r} counts effects by block: by='region', or another grouping.")
    if by is None:
        return average(panel.n)
    if isinstance(by, pd.DataFrame) or (isinstance(by, str) and by == "pair"):
        check_written(panel.n, "effects by pair of cities")
    if isinstance(by, pd.DataFrame):
        return by_pairs(_labels_of_pairs(by, panel))
    if isinstance(by, str) and by == "city":
        return by_city(panel.ids)
    if isinstance(by, str) and by == "pair":
        return by_pair(panel.ids)
    if group is None:
        said = repr(by) if isinstance(by, str) else f"{type(by).__name__}: {str(by)[:60]!r}"
        raise ModelError(
            f"by={said} is neither 'city', 'pair', 'channel', a grouping of the panel nor a table "
            "of labels for pairs of cities (ss.weights.bands); the groupings: "
            f"{named(panel.blocks) or 'none'}. A further one is a Series, the block of each city: "
            "by=pd.Series({'440100': 'core', ...})."
        )
    return by_block(group, per)


def _labels_of_pairs(labels: pd.DataFrame, panel: CityPanel) -> pd.DataFrame:
    ids = list(panel.ids)
    for axis in (labels.index, labels.columns):
        absent = [i for i in ids if i not in set(axis)]
        if absent or len(axis) != len(ids):
            raise AlignmentError(
                f"the labels of pairs lack {named(absent) or 'none'} of the panel's cities, or "
                f"name others: {len(axis)} against {len(ids)}. Make them from panel.cities: a row "
                "and a column for every city, as ss.weights.bands does. Groups of cities are a "
                "Series, the block of each."
            )
    made = labels.loc[ids, ids]
    made.attrs = dict(labels.attrs)
    return made
