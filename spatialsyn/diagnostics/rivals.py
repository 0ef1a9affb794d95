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

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.diagnostics.relatives import is_results, needs_plain_lags, same_outcome
from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.fitting import fit
from spatialsyn.models.simulate import simulate
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.results import Results
from spatialsyn.weights.series import Links

DRAWS, FEWEST = 199, 99
# Beside the seed: errors would repeat regressors that were drawn with the same one.
APART = 73_939_133
OUTCOME = "outcome_of_the_test"


def j_test(
    results: Results, rivals: Results | Iterable[Results], draws: int = DRAWS, seed: int = 0
) -> HypothesisTest:
    """The test that the model of `results` needs nothing from its rivals.

    Parameters
    ----------
    rivals : other fits of the same outcome, cities and years, with another W or other regressors
    draws : panels drawn from `results`, some hundredths of a second each; 0 for chi-squared
    seed : of the draws

    Raises
    ------
    ModelError
        Rivals of other data or with other fixed effects, or no rival at all.
    """
    is_results(results, "j_test")
    others = [rivals] if isinstance(rivals, Results) else list(rivals)
    _check(results, others, draws)
    test = _augmented(results, others)
    if not draws:
        return test
    seeds = np.random.SeedSequence([seed, APART]).generate_state(draws)
    drawn = [_drawn(results, others, int(s)) for s in seeds]
    known = [d for d in drawn if d is not None]
    p = (1 + sum(d >= test.statistic for d in known)) / (1 + len(known))
    note = f"p from {len(known)} panels drawn from the model, seed {seed}"
    return replace(test, p=float(p), note=note)


def j_tests(
    model: SpatialModel,
    panel: CityPanel,
    weights: Iterable[Links] | Mapping[str, Links],
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Every W of `weights` against every other, in one model.

    Returns
    -------
    DataFrame
        One row per pair: ``W`` (the model that is tested), ``rival, statistic, p, note``.
    """
    given = list(weights.values() if isinstance(weights, Mapping) else weights)
    if len(given) < 2:
        raise ModelError(f"a comparison needs two matrices at least; there are {len(given)}.")
    fits = {w.name: fit(model.but(W=w.name), panel, given) for w in given}
    rows = []
    for name, results in fits.items():
        for rival, other in fits.items():
            if rival != name:
                test = j_test(results, other, draws, seed)
                rows.append((name, rival, test.statistic, test.p, test.note))
    return pd.DataFrame(rows, columns=["W", "rival", "statistic", "p", "note"])


def _augmented(results: Results, rivals: list[Results]) -> HypothesisTest:
    """The Wald test of the rivals' predictions in the model of `results`."""
    names = [f"rival_{k}" for k in range(len(rivals))]
    columns = {
        name: other.predict().to_numpy().reshape(other.data.y.shape)
        for name, other in zip(names, rivals, strict=True)
    }
    parsed = parse(results.model.formula)
    terms = [str(term) for term in parsed.terms]
    lagged = [t for t, flag in zip(terms, parsed.lagged, strict=True) if flag]
    formula = f"{OUTCOME} ~ {' + '.join([*terms, *names])}"
    if results.model.has_wx:
        formula += f" | {' + '.join(lagged)}"
    panel = results.panel.assign(**{OUTCOME: results.data.y}, **columns)
    wide = fit(results.model.but(formula=formula), panel, results.weights, results.cov_kind)
    null = f"nothing is added by {named(_says(results, other) for other in rivals)}"
    return wald(null, wide.params[names].to_numpy(), wide.cov.loc[names, names].to_numpy())


def _drawn(results: Results, rivals: list[Results], seed: int) -> float | None:
    """The statistic in a panel drawn from `results`; None where a fit fails."""
    model = _renamed(results.model)
    try:
        panel = simulate(model, results.panel, results.weights, results.params, seed)
        again, *others = (
            fit(_renamed(r.model), panel, r.weights, r.cov_kind) for r in (results, *rivals)
        )
        return _augmented(again, others).statistic
    except EstimationError:
        return None


def _renamed(model: SpatialModel) -> SpatialModel:
    """The model with a plain outcome, which can be drawn."""
    return model.but(formula=f"{OUTCOME} ~ {model.formula.split('~')[1]}")


def _says(results: Results, other: Results) -> str:
    """What is different about the rival."""
    ours, theirs = results.model.weights_names, other.model.weights_names
    return f"W[{', '.join(theirs)}]" if ours != theirs else other.equation


def _check(results: Results, rivals: list[Results], draws: int) -> None:
    if not rivals:
        raise ModelError("a J test needs a rival: another fit of the same outcome.")
    if draws and draws < FEWEST:
        raise ModelError(f"draws={draws}: {FEWEST} are needed at least, 0 for chi-squared.")
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
        if other.model == results.model:
            raise ModelError("the rival is the model itself: give it another W or other terms.")
