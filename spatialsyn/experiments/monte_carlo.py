"""How good are the estimates of a planned study? Panels drawn from a model, and fitted.

Regressors and weights stay; errors and fixed effects are those of each panel. Other models than
the one that made the panels may be fitted: with another W, without time effects, without WX.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.beside import average_columns
from spatialsyn.engine.tasks import Engine, ranges
from spatialsyn.errors import ModelError, SpatialsynError, check_whole, expect
from spatialsyn.experiments.summary import (
    PARAMETER,
    Fits,
    Label,
    counted,
    in_a_row,
    one_by_one,
    summarised,
    together,
    true_effects,
    true_values,
)
from spatialsyn.models.choice import Covariance, check_choice, check_chosen
from spatialsyn.models.data import read
from spatialsyn.models.design import Design, align, listed_weights, sweep_effects
from spatialsyn.models.estimate import Estimate, Parameters
from spatialsyn.models.estimators import estimated_as
from spatialsyn.models.formula import Regressors
from spatialsyn.models.many import estimate_beside, joined
from spatialsyn.models.simulate import Truth, check_effects_sd, truth_of
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.stack import stacked
from spatialsyn.models.syntax import parse
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.randomness import apart, sequence
from spatialsyn.numerics.threads import threads_for
from spatialsyn.weights.series import Links

# Fewest panels that shares are taken of; panels of a task.
FEWEST, TASK = 50, 20
COLUMNS = ("estimate", "se")
WRONG = (SpatialsynError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False, repr=False)
class MonteCarlo:
    """What estimates of known parameters and effects are like.

    Attributes
    ----------
    table : DataFrame, one row per fitted model and parameter, or effect of a regressor
        ``model, term, quantity`` ("parameter", or the effect), ``truth``, ``mean, bias,
        bias_mcse`` (the Monte Carlo error of the bias), ``rmse, sd`` (of the estimates),
        ``se_to_sd``: the mean standard error over sd, ``coverage`` of 95 % intervals,
        ``coverage_mcse``, ``power``: the share with p < 0.05, which is the size where truth is
        zero, ``fits``, and ``failed``: panels without an estimate. Truth is NaN where the model
        that made the panels says nothing of it.
    failures : DataFrame, ``model, failed, message``: the messages, counted; numbers in them differ
    draws : DataFrame, ``model, draw, term, quantity, estimate, se``
    model : the one that made the panels
    size, seed : number of panels, and what they come from: draw i is
        ``ss.simulate(..., seed=np.random.SeedSequence(seed, spawn_key=(i,)))``
    """

    table: pd.DataFrame
    failures: pd.DataFrame
    draws: pd.DataFrame
    model: SpatialModel
    size: int
    seed: int

    def __repr__(self) -> str:
        shown = self.table.to_string(index=False, float_format="{:.3g}".format)
        return "\n".join([shown, *self._below()])

    def _repr_html_(self) -> str:
        return as_html(self.table, *self._below(), digits="{:.3g}")

    def _below(self) -> list[str]:
        lost = [f"{row.model}: {row.failed} x {row.message}" for row in self.failures.itertuples()]
        about = f"({self.size} panels drawn from {self.model}, seed {self.seed})"
        return [about, *(["no estimate:", *lost] if lost else [])]


@dataclass(frozen=True, eq=False)
class Plan:
    """A model that is fitted to every panel, with its right side evaluated once."""

    model: SpatialModel
    panel: CityPanel
    weights: Mapping[str, Links]
    cov: Covariance
    data: Regressors
    outside: Regressors | None

    def design(self, y: Array) -> Design:
        """What the model is estimated from where the outcome of all years is `y`."""
        return sweep_effects(self.model, self._explaining(y), self.weights, self.outside)

    def together(self, outcomes: Sequence[Array]) -> list[tuple[Design, Parameters] | None]:
        """The parameters for many outcomes, found side by side; None where that is done alone.

        Designs differ in the outcome, which effects do not read: each has that of one of them.
        """
        found: list[tuple[Design, Parameters] | None] = [None] * len(outcomes)
        if not joined(self.model, len(outcomes[0]), self.cov):
            return found
        data = [
            replace(self._explaining(y), keys=((i,), *self.data.keys[1:]))
            for i, y in enumerate(outcomes)
        ]
        with suppress(Exception):  # each is estimated by itself, and says what it is
            group = stacked([self.model] * len(outcomes), data, self.weights, {})
            if group is not None:
                places, models = group
                for i, one in zip(places, estimate_beside(models), strict=True):
                    found[i] = None if one is None else (models.one, one[0])
        return found

    def _explaining(self, y: Array) -> Regressors:
        first = y.shape[1] - len(self.data.years)
        before = None if self.data.before is None else y[:, first - 1 : -1]
        return replace(self.data, y=y[:, first:], before=before)


def monte_carlo(
    model: SpatialModel,
    panel: CityPanel | tuple[int, int],
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    params: Mapping[str, float] | pd.Series,
    draws: int = 1000,
    seed: int = 0,
    fitted: Mapping[str, SpatialModel] | None = None,
    cov: Covariance = None,
    effects_sd: float = 1.0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> MonteCarlo:
    """Draw panels from `model` at `params`, and fit `model`, or those of `fitted`, to each.

    Regressors stay the same in all panels; errors, random and fixed effects are drawn anew.

    Parameters
    ----------
    panel, params, effects_sd : see `ss.simulate`
    draws, seed : number of panels, and what they come from
    fitted : name -> model of the same outcome; `model` itself by default
    cov : covariance of all fits, see `ss.fit`
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        Models of another outcome, too few draws, parameters that `ss.simulate` refuses.
    EstimationError
        A model that has no estimate in any panel.
    """
    engine = Engine(n_jobs, backend, scheduler)
    sequence(seed)  # what is no number is refused before anything is made
    expect(model, SpatialModel, "monte_carlo needs a model such as ss.sdm(...)", ModelError)
    check_whole("draws", draws, FEWEST)
    check_choice(cov)
    check_effects_sd(effects_sd)
    models = {model.family: model} if fitted is None else _checked(model, fitted)
    names = dict.fromkeys(w for one in models.values() for w in one.weights_names)
    weights = listed_weights(weights)  # read twice: an iterator would be used up
    truth = truth_of(model, panel, weights, params, apart(seed))
    matrices = align(weights, tuple(names), truth.panel)
    check_chosen(cov, truth.panel)
    plans = [_plan(one, truth.panel, matrices, cov) for one in models.values()]
    call = partial(_fitted, truth, plans, effects_sd, seed)
    one = truth.drawn(np.random.default_rng(sequence(seed)), effects_sd)
    with threads_for(truth.panel.n):  # the bits of `fit`
        for plan in plans:  # what is wrong with a model is said here; spectra are found once
            plan.design(one)
    parts = zip(*engine.all(call, ranges(draws, TASK), "panels"), strict=True)
    found = [together(name, fits) for name, fits in zip(models, parts, strict=True)]
    effects = true_effects(truth)
    tables = [
        summarised(true_values(truth, effects, plan.data, fits), fits)
        for plan, fits in zip(plans, found, strict=True)
    ]
    return MonteCarlo(
        table=_stacked(models, tables),
        failures=_stacked(models, [counted(fits.messages) for fits in found]),
        draws=_stacked(models, [one_by_one(fits) for fits in found]),
        model=model,
        size=draws,
        seed=seed,
    )


def _checked(model: SpatialModel, fitted: Mapping[str, SpatialModel]) -> dict[str, SpatialModel]:
    """Models by name, if each has the outcome of `model`."""
    what = "fitted models come by name: {'without time effects': ss.sdm(...)}"
    expect(fitted, Mapping, what, ModelError)
    if not fitted:
        raise ModelError("fitted= names no model: leave it out to fit the model itself.")
    outcome = parse(model.formula).outcome
    for name, one in fitted.items():
        expect(one, SpatialModel, what, ModelError)
        other = parse(one.formula).outcome
        if other != outcome:
            raise ModelError(
                f"{name!r} explains {str(other)!r}, and the panels have {str(outcome)!r} drawn: "
                "write every formula with the outcome of the model that makes them."
            )
    return {str(name): one for name, one in fitted.items()}


def _plan(
    model: SpatialModel, panel: CityPanel, matrices: Mapping[str, Links], cov: Covariance
) -> Plan:
    data, outside = read(model, panel)
    chosen = {name: matrices[name] for name in model.weights_names}
    return Plan(model, panel, chosen, cov, data, outside)


def _fitted(
    truth: Truth, plans: Sequence[Plan], effects_sd: float, seed: int, which: slice
) -> list[Fits]:
    """Every model fitted to some of the panels."""
    outcomes = []
    for i in range(which.start, which.stop):
        own = sequence(seed, spawn_key=(i,))
        outcomes.append(truth.drawn(np.random.default_rng(own), effects_sd))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_fits(plan, outcomes) for plan in plans]


def _fits(plan: Plan, outcomes: Sequence[Array]) -> Fits:
    made, messages = plan.together(outcomes), []
    for i in [i for i, one in enumerate(made) if one is None]:
        try:
            made[i] = _fitted_to(plan, outcomes[i])
        except WRONG as error:
            messages.append(f"{type(error).__name__}: {error}")
    there = [one for one in made if one is not None]
    nothing = np.empty((len(made), 0))
    if not there:
        return Fits([], nothing, nothing, messages)
    try:
        labels, rows = _rows(*zip(*there, strict=True))
    except WRONG as error:
        if len(made) > 1:  # effects that cannot be found spoil no other panel
            return in_a_row([_fits(plan, [y]) for y in outcomes])
        return Fits([], nothing, nothing, [f"{type(error).__name__}: {error}"])
    both = np.full((2, len(made), len(labels)), np.nan)
    both[:, [one is not None for one in made]] = rows
    return Fits(labels, both[0], both[1], messages)


def _fitted_to(plan: Plan, y: Array) -> tuple[Design, Estimate]:
    """The estimate from one outcome alone, and the design that it rests on."""
    design, estimate, _ = estimated_as(plan.model, plan.design(y), plan.cov, plan.panel)
    return design, estimate


def _rows(designs: Sequence[Design], estimates: Sequence[Parameters]) -> tuple[list[Label], Array]:
    """What is estimated, and (2, b, rows) estimates and standard errors, NaN where none is."""
    shown = [(design, design.columns, e) for design, e in zip(designs, estimates, strict=True)]
    effects = [columns for columns, _ in average_columns(shown)]
    labels = [(name, PARAMETER) for name in estimates[0].names]
    labels += list(zip(effects[0].get("x", []), effects[0].get("effect", []), strict=True))
    params = np.array([estimate.params for estimate in estimates])
    variance = np.einsum("bii->bi", np.array([estimate.cov for estimate in estimates]))
    se = np.sqrt(np.where(variance > 0, variance, np.nan))
    read = [np.array([columns.get(name, []) for columns in effects]) for name in COLUMNS]
    return labels, np.concatenate([np.array([params, se]), np.array(read)], axis=2)


def _stacked(names: Iterable[str], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for name, table in zip(names, tables, strict=True):
        table.insert(0, "model", name)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)
