"""What a model does with city-years in which something is missing.

``refuse``      the default: the missing cells are named and nothing is estimated.
``balance``     whole cities or years are dropped until nothing is missing, W is cut with
                them, and the loss is told.
``likelihood``  missing outcomes stay missing: the likelihood is that of the observed ones
                (`masked`). Regressors must be complete, as their lags reach every neighbour.

Only the columns of the model count; the years that its lags use up do not. What a formula
computes over all rows (`standardize`, `winsor`) is over the cities kept and all their years.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError, ModelError, PanelError, WeightsError, named
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import dense
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.weights.series import Links

POLICIES = ("refuse", "balance", "likelihood")
# What the likelihood of the observed outcomes knows of a model; the rest stays at its default.
FIELDS = ("family", "formula", "W", "fixed_effects", "correction", "regimes")
ROLES = ("wy", "wx", "wu", "mixed")
# Cities up to which the likelihood of the observed outcomes is a matter of minutes.
LARGEST = 1000

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """The city-years that a model is estimated on.

    Attributes
    ----------
    missing : "refuse" | "balance" | "likelihood"
    years : the years kept, None for all of them
    loss : what balancing dropped, in a sentence
    """

    missing: str = "refuse"
    years: tuple[int, ...] | None = None
    loss: str = ""

    def of(self, data: Regressors) -> Regressors:
        """`data` in the years kept."""
        if self.years is None:
            return data
        at = [data.years.index(year) for year in self.years]
        before = None if data.before is None else data.before[:, at]
        return replace(data, y=data.y[:, at], X=data.X[:, at], before=before, years=self.years)

    def said(self, data: Regressors) -> str:
        """What a reader must be told: nothing where nothing is missing."""
        holes = int(np.isnan(data.y).sum())
        if not holes:
            return self.loss
        return (
            f"The outcome is missing in {holes} of {data.y.size} city-years "
            f"({holes / data.y.size:.0%}); the likelihood is that of the observed ones, and W is "
            "whole. It is right where being missing does not depend on the missing value itself."
        )


EVERYTHING = Sample()


def sampled(
    model: SpatialModel, panel: CityPanel, weights: dict[str, Links], missing: str
) -> tuple[CityPanel, dict[str, Links], Sample]:
    """The cities, matrices and years that are left, with a warning where some are dropped.

    Raises
    ------
    ModelError
        An unknown policy, or nothing left.
    WeightsError
        Cities left without neighbours in a matrix that is standardised.
    """
    if missing not in POLICIES:
        raise ModelError(f"missing={missing!r} is not one of {', '.join(map(repr, POLICIES))}.")
    if missing != "balance":
        return panel, weights, Sample(missing)
    data = evaluate(model.formula, panel, model.intercept, model.dynamic, holes=True)
    holed = np.isnan(data.y) | np.isnan(data.X).any(axis=2)
    if data.before is not None:
        holed |= np.isnan(data.before)
    if not holed.any():
        return panel, weights, Sample(missing)
    # A lag in time carries one year into the next: its years must follow each other.
    cities, times = largest_block(holed, cities_only=model.dynamic)
    if not cities.any() or not times.any():
        raise ModelError(f'missing="balance" keeps nothing: {_nothing_left(model, data, holed)}')
    ids = [i for i, kept in zip(panel.ids, cities, strict=True) if kept]
    years = tuple(year for year, kept in zip(data.years, times, strict=True) if kept)
    loss = _loss(panel, data.years, holed, cities, times)
    if len(ids) < panel.n:
        loss += "".join(_weight_lost(w, years, cities) for w in weights.values())
        panel, weights = panel.subset(ids), _cut(weights, ids)
    warnings.warn(loss, stacklevel=3)
    return panel, weights, Sample(missing, years, loss)


def _nothing_left(model: SpatialModel, data: Regressors, holed: Mask) -> str:
    """Why no city-year is left, and what to do."""
    who = "no city" if model.dynamic else "no city or year"
    said = f"{who} has all columns of {model.formula!r}"
    nobody = np.asarray(holed.all(axis=0))
    whole = [year for year, lost in zip(data.years, nobody, strict=True) if lost]
    if model.dynamic and whole:
        return (
            f"{said} in {named(whole)}, or the outcome of the year before, and a lag in time needs "
            "years that follow each other. Take years without such a gap, "
            "panel.subset(years=...), or, where data come every few years, number the waves: "
            "frame.assign(year=frame['year'].rank(method='dense').astype(int))."
        )
    return f"{said}. See panel.audit(), fill cells or leave out the variable that is missing most."


def largest_block(holed: Mask, cities_only: bool = False) -> tuple[Mask, Mask]:
    """The cities and years to keep, (n,) and (T,), so that nothing among them is `holed`.

    Of three ways the one that keeps most city-years: drop every year with a hole, drop
    every city with a hole, or drop one at a time what has the largest share of holes and
    take back at the end what has none left. On a tie years go, since they leave W whole.
    """
    n, T = holed.shape
    whole = _complete(holed, axis=1), np.ones(T, dtype=bool)
    if cities_only:
        return whole
    ways = [(np.ones(n, dtype=bool), _complete(holed, axis=0)), whole, _greedy(holed)]
    return max(ways, key=lambda way: int(way[0].sum()) * int(way[1].sum()))


def _greedy(holed: Mask) -> tuple[Mask, Mask]:
    cities, times = np.ones(holed.shape[0], dtype=bool), np.ones(holed.shape[1], dtype=bool)
    while (left := holed & cities[:, None] & times).any():
        by_city, by_year = left.sum(axis=1) / times.sum(), left.sum(axis=0) / cities.sum()
        if by_year.max() >= by_city.max():
            times[by_year.argmax()] = False
        else:
            cities[by_city.argmax()] = False
    cities = _complete(holed & times, axis=1)
    return cities, _complete(holed & cities[:, None], axis=0)


def _complete(holed: Mask, axis: int) -> Mask:
    return np.asarray(~holed.any(axis=axis))


def _cut(weights: dict[str, Links], ids: list[Any]) -> dict[str, Links]:
    try:
        return {name: w.subset(ids) for name, w in weights.items()}
    except WeightsError as error:
        raise WeightsError(
            f'missing="balance" would keep the {len(ids)} cities {named(ids)}, but {error}'
        ) from error


def _loss(panel: CityPanel, years: tuple[int, ...], holed: Mask, cities: Mask, times: Mask) -> str:
    """What balancing dropped: how much of the sample, who and when."""
    gone = [i for i, kept in zip(panel.ids, cities, strict=True) if not kept]
    skipped = [year for year, kept in zip(years, times, strict=True) if not kept]
    kept = int(cities.sum()) * int(times.sum())
    parts = [
        f'missing="balance" keeps {cities.sum()} of {panel.n} cities and {times.sum()} of '
        f"{len(years)} years: {1 - kept / holed.size:.0%} of the city-years are dropped, and "
        f"{1 - kept / (~holed).sum():.0%} of those in which nothing is missing."
    ]
    parts += [f"Cities dropped: {named(gone, len(gone))}."] if gone else []
    parts += [f"Years dropped: {named(skipped, len(skipped))}."] if skipped else []
    return " ".join(parts)


def _weight_lost(w: Links, years: tuple[int, ...], cities: Mask) -> str:
    """What the cities kept lose of W, and who has no neighbour any more."""
    rows = dense(w.over(years))[..., cities, :]
    inside = rows[..., cities]
    said = (
        f" W[{w.name}] loses {1 - inside.sum() / rows.sum():.0%} of the weight of the cities kept."
    )
    lonely = (inside.sum(axis=-1) == 0) & (rows.sum(axis=-1) > 0)
    kept = [i for i, there in zip(w.ids, cities, strict=True) if there]
    alone = [kept[i] for i in np.flatnonzero(np.atleast_2d(lonely).any(axis=0))]
    return said + (f" No neighbour is left for {named(alone)}." if alone else "")


def check_observed(
    model: SpatialModel, data: Regressors, panel: CityPanel, weights: Mapping[str, Links]
) -> None:
    """Refuse what the likelihood of the observed outcomes cannot do; nothing if all is there.

    Raises
    ------
    ModelError
        A model or matrix without such a likelihood, or effects that no outcome tells.
    PanelError
        No outcome at all.
    """
    seen = ~np.isnan(data.y)
    if seen.all() and not (data.before is not None and np.isnan(data.before).any()):
        return
    _check_model(model)
    changing = [name for name, w in weights.items() if w.varies]
    if changing:
        raise ModelError(
            f'W[{named(changing)}] changes over the years, which missing="likelihood" does not '
            'know. Use weights of base years, or missing="balance".'
        )
    if panel.n > LARGEST:
        raise ModelError(
            f'missing="likelihood" is dense algebra of all cities in every year; {panel.n} cities '
            f'are beyond its {LARGEST}. Use missing="balance", or fill the cells.'
        )
    if not seen.any():
        raise PanelError(f"the outcome {data.outcome!r} is missing in every city and year.")
    _check_effects(model, data, panel, seen)


def check_regressors(data: Regressors, panel: CityPanel) -> None:
    """Refuse missing cells of regressors; outcomes may be missing."""
    bad = np.isnan(data.X)
    if not bad.any():
        return
    column = int(np.flatnonzero(bad.any(axis=(0, 1)))[0])
    where = zip(*np.nonzero(bad[..., column]), strict=True)
    cells = [(panel.ids[i], data.years[t]) for i, t in where]
    raise FormulaError(
        f"{data.names[column]!r} is missing in {len(cells)} city-years: {named(cells)}. "
        'missing="likelihood" keeps missing outcomes; regressors must be complete, since those of '
        "a city reach its neighbours. Fill the cells (panel.interpolate), drop cities or years "
        '(missing="balance"), or leave the variable out.'
    )


def _check_model(model: SpatialModel) -> None:
    others = [*_beyond(model, FIELDS), *_beyond(model.roles, ROLES)]
    if model.roles.mixed is not None:
        others.append(f"W={model.roles.mixed!r}")
    if model.exponential:
        others.append(f"family={model.family!r}")
    if model.correction == "bias-corrected" and model.fixed_effects != "none":
        others.append('correction="bias-corrected" (use "lee-yu")')
    if others:
        raise ModelError(
            f'missing="likelihood" does not go together with {", ".join(others)}: there is no '
            'likelihood of the observed outcomes for it here. Use missing="balance", which drops '
            "cities or years, or fill the cells: panel.interpolate(...)."
        )


def _beyond(value: Any, known: tuple[str, ...]) -> list[str]:
    """The fields of a specification that are not at their default, other than those `known`."""
    return [
        f"{f.name}={getattr(value, f.name)!r}"
        for f in fields(value)
        if f.name not in known and getattr(value, f.name) not in (f.default, ())
    ]


def _check_effects(model: SpatialModel, data: Regressors, panel: CityPanel, seen: Mask) -> None:
    """Every fixed effect is told by some outcome, and city effects are told from year effects."""
    cities, time = sweeps_cities(model.fixed_effects), sweeps_time(model.fixed_effects)
    for swept, kind, ids, known in (
        (cities, "cities", panel.ids, np.asarray(seen.any(axis=1))),
        (time, "years", data.years, np.asarray(seen.any(axis=0))),
    ):
        never = [i for i, told in zip(ids, known, strict=True) if not told]
        if swept and never:
            raise ModelError(
                f"the outcome {data.outcome!r} is never observed in the {kind} {named(never)}: "
                f"nothing tells their effects (fixed_effects={model.fixed_effects!r}). Leave them "
                'out, missing="balance", or choose other fixed effects.'
            )
    if not (cities and time):
        return
    # Cities and years are joined by the outcomes observed: one net, or several.
    n, T = seen.shape
    links = np.zeros((n + T, n + T))
    links[:n, n:] = seen
    count, part = connected_components(links, directed=False)
    if count > 1:
        apart = [i for i, p in zip(panel.ids, part[:n], strict=True) if p != part[0]]
        raise ModelError(
            f"the observed outcomes of {named(apart)} share no year with those of the other "
            "cities: city effects and year effects cannot be told apart. Use "
            'fixed_effects="individual", or leave one of the groups out.'
        )
