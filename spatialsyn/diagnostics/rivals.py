"""Does a model with another W explain what this one leaves? The spatial J test.

    y = rho W_0 y + Z_0 delta + a yhat_1 + e,     yhat_1 = S_1^-1 Z_1 delta_1

with S_1, Z_1 and delta_1 of a rival model, estimated on its own: a = 0 if the first model is the
right one, whatever yhat_1 is (Kelejian 2008, Letters in Spatial and Resource Sciences 1;
Kelejian & Piras 2011, Regional Science and Urban Economics 41). With several rivals the a are
tested together. Both models may be rejected, or neither: each is tested in its turn.

The rival's prediction is estimated from the same outcome, and chi-squared rejects twice as often as
it should (docs/size.md): the statistic is compared with those of panels drawn from the first
model instead (Burridge & Fingleton 2010, Spatial Economic Analysis 5).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.diagnostics.relatives import is_results, needs_plain_lags, same_outcome
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.fitting import fit
from spatialsyn.models.covariance import CHOSEN, without_choice
from spatialsyn.models.design import listed_weights
from spatialsyn.models.simulate import simulate
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.randomness import APART, sequence
from spatialsyn.results import Results
from spatialsyn.weights.series import Links

DRAWS, FEWEST = 199, 99
OUTCOME = "outcome_of_the_test"


def j_test(
    results: Results,
    rivals: Results | Iterable[Results],
    draws: int = DRAWS,
    seed: int = 0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> HypothesisTest:
    """The test that the model of `results` needs nothing from its rivals.

    Parameters
    ----------
    rivals : other fits of the same outcome, cities and years, with another W or other regressors
    draws : panels drawn from `results`, each fitted three times; 0 for chi-squared
    seed : of the draws
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        Rivals of other data or with other fixed effects, or no rival at all.
    """
    engine = Engine(n_jobs, backend, scheduler)
    is_results(results, "j_test")
    others = list(rivals) if isinstance(rivals, Iterable) else [rivals]
    return _tested([(results, others)], draws, seed, engine)[0]


def j_tests(
    model: SpatialModel,
    panel: CityPanel,
    weights: Iterable[Links] | Mapping[str, Links],
    draws: int = DRAWS,
    seed: int = 0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> pd.DataFrame:
    """Every W of `weights` against every other, in one model; arguments as those of `j_test`.

    Returns
    -------
    DataFrame
        One row per pair: ``W`` (the model that is tested), ``rival, statistic, p, note``.
    """
    engine = Engine(n_jobs, backend, scheduler)
    given = listed_weights(weights)
    if len(given) < 2:
        raise ModelError(f"a comparison needs two matrices at least; there are {len(given)}.")
    fits = {w.name: fit(model.but(W=w.name), panel, given) for w in given}
    pairs = list(permutations(fits, 2))
    tests = _tested([(fits[own], [fits[rival]]) for own, rival in pairs], draws, seed, engine)
    rows = [(*pair, t.statistic, t.p, t.note) for pair, t in zip(pairs, tests, strict=True)]
    return pd.DataFrame(rows, columns=["W", "rival", "statistic", "p", "note"])


# A model and those that it is tested against.
Pair = tuple[Results, list[Results]]


def _tested(pairs: Sequence[Pair], draws: int, seed: int, engine: Engine) -> list[HypothesisTest]:
    for results, others in pairs:
        _check(results, others, draws)
    tests = [_augmented(results, others) for results, others in pairs]
    if not draws:
        return tests
    # Errors would repeat regressors that were drawn with the same seed.
    seeds = sequence(seed, APART).generate_state(draws)
    items = [(k, int(s)) for k in range(len(pairs)) for s in seeds]
    drawn = np.array(engine.all(partial(_drawn, pairs), items)).reshape(len(pairs), draws)
    found = []
    for test, mine in zip(tests, drawn, strict=True):
        known = mine[~np.isnan(mine)]
        if len(known) < draws / 2:
            raise EstimationError(
                f"only {len(known)} of {draws} panels drawn from the model could be fitted: its "
                "distribution is not known. draws=0 compares with chi-squared instead."
            )
        p = (1 + (known >= test.statistic).sum()) / (1 + len(known))
        note = f"p from {len(known)} panels drawn from the model, seed {seed}"
        if len(known) < draws:
            note += f"; {draws - len(known)} more without an estimate"
        found.append(replace(test, p=float(p), note=note))
    return found


def _augmented(results: Results, rivals: list[Results]) -> HypothesisTest:
    """The Wald test of the rivals' predictions in the model of `results`."""
    names = [f"rival_{k}" for k in range(len(rivals))]
    columns = {
        name: other.predict().to_numpy().reshape(other.data.y.shape)
        for name, other in zip(names, rivals, strict=True)
    }
    sides = results.model.formula.split("~")[1].split("|")
    formula = f"{OUTCOME} ~ {' + '.join([sides[0], *names])}"
    if results.model.has_wx:
        formula += f" | {sides[-1]}"
    panel = results.panel.assign(**{OUTCOME: results.data.y}, **columns)
    wide = fit(results.model.but(formula=formula), panel, results.weights, results.cov_kind)
    null = f"nothing is added by {named(_says(results, other) for other in rivals)}"
    return wald(null, wide.params[names].to_numpy(), wide.cov.loc[names, names].to_numpy())


def _drawn(pairs: Sequence[Pair], item: tuple[int, int]) -> float:
    """The statistic in a panel drawn from the model of a pair; NaN where a fit fails."""
    (results, rivals), own = pairs[item[0]], np.random.SeedSequence(item[1])
    model = _renamed(results.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the data were shown
        try:
            panel = simulate(model, results.panel, results.weights, results.params, own)
            again = fit(model, panel, results.weights, results.cov_kind)
            others = [fit(_renamed(r.model), panel, r.weights) for r in rivals]
            return _augmented(again, others).statistic
        except EstimationError:
            return float("nan")


def _renamed(model: SpatialModel) -> SpatialModel:
    """The model with a plain outcome, which can be drawn."""
    return model.but(formula=f"{OUTCOME} ~ {model.formula.split('~')[1]}")


def _says(results: Results, other: Results) -> str:
    """What is different about the rival."""
    ours, theirs = results.model.lagged_by, other.model.lagged_by
    return f"W[{', '.join(theirs)}]" if ours != theirs else other.equation


def _check(results: Results, rivals: list[Results], draws: int) -> None:
    if not rivals:
        raise ModelError("a J test needs a rival: another fit of the same outcome.")
    if draws and draws < FEWEST:
        raise ModelError(f"draws={draws}: {FEWEST} are needed at least, 0 for chi-squared.")
    if results.estimate.draws is not None or without_choice(results.cov_kind) in CHOSEN:
        raise ModelError(
            "a J test fits the model anew and asks ss.fit for its covariance, which "
            f"{results.cov_kind!r} is not made by: take another, "
            'results.with_cov("city") for example.'
        )
    for other in (results, *rivals):
        is_results(other, "j_test")
        needs_plain_lags(other, "a J test")
        if other.model.dynamic or other.design.observed is not None:
            raise ModelError("a J test is for static models without missing outcomes.")
        if parse(other.model.formula).years_lost:
            raise ModelError(
                f"{other.model.formula!r} loses years to lag() or diff(): make the column first, "
                "panel.assign(...), and keep the years in which it is known."
            )
    for other in rivals:
        if not same_outcome(results, other):
            raise ModelError(
                "the rival explains different data (outcome, cities or years differ): fit both on "
                "one panel."
            )
        if other.model.fixed_effects != results.model.fixed_effects:
            raise ModelError(
                f"the rival has fixed_effects={other.model.fixed_effects!r}, the model "
                f"{results.model.fixed_effects!r}: its prediction would bring the effects in."
            )
        moved = [*other.model.endogenous, *(f"W[{W}]" for W, _ in other.model.instrument_W)]
        if moved:
            raise ModelError(
                f"the rival's prediction is made with {named(moved)}, which is endogenous, and the "
                "J test takes it as an exogenous regressor. Take a rival without endogenous= and "
                "instrument_W=."
            )
        if other.model == results.model:
            raise ModelError("the rival is the model itself: give it another W or other terms.")
