"""Relatives of a fitted model: the same data, other lags in space or other effects.

A test compares a model with one that says less or more. Both sides are made here, so that
they share the formula, the cities, the years, the weights and the way effects are removed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from spatialsyn.errors import ModelError, expect, named
from spatialsyn.fitting import fit
from spatialsyn.models.roles import FAMILIES, Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

# The relatives of a fit for as long as it lives; the weights beside each keep their ids taken.
_FITTED: WeakKeyDictionary[Results, dict[Any, tuple[Results, tuple[Weights, ...]]]] = (
    WeakKeyDictionary()
)
# What may be tested, the letter that FAMILIES gives it, and the symbol of its parameters.
LAGS = {"lag": "y", "wx": "x", "error": "u"}
SYMBOLS = {"lag": "rho", "wx": "theta", "error": "lambda"}


def is_results(results: object, what: str) -> None:
    """Refuse what is no fit, and say what `what` needs."""
    expect(results, Results, f"{what} needs what ss.fit returns", ModelError)


def needs_likelihood(results: Results, what: str) -> None:
    """Refuse estimates without a likelihood, and those moved away from its maximum."""
    model = results.model
    needs_plain_lags(results, what)
    needs_every_outcome(results, what)
    if model.estimator != "qml":
        raise ModelError(
            f"{what} compares likelihoods, and estimator={model.estimator!r} has none. "
            'Test with estimator="qml", or read the Wald tests of the coefficients.'
        )
    if model.correction == "bias-corrected" and model.fixed_effects != "none":
        raise ModelError(
            f"{what} is read at a maximum of the likelihood; bias-corrected estimates have left "
            'it. Use correction="lee-yu" or "direct".'
        )


def needs_every_outcome(results: Results, what: str) -> None:
    """Refuse fits of the observed outcomes: their residuals have holes."""
    if results.design.observed is not None:
        raise ModelError(
            f"{what} is not available where outcomes are missing: fit with missing='balance', "
            "which says what it leaves out."
        )


def needs_plain_lags(results: Results, what: str) -> None:
    """Refuse mixtures of matrices and matrix exponentials, which have other relatives."""
    model = results.model
    if results.design.mixture is not None or model.exponential:
        shape = "a mixture of matrices" if results.design.mixture is not None else model.family
        raise ModelError(
            f"{what} is not available for {shape}: its relatives are models of the table in "
            "ss.SpatialModel with one W for each lag. Test ss.sdm with one of the matrices; "
            "for mixtures see results.share_test."
        )


def needs_no_incidental_bias(results: Results, what: str) -> None:
    """Refuse models whose city effects are dummies that bias the score itself."""
    if results.design.cities_estimated:
        raise ModelError(
            f"{what} is not available for models with lags in time or changing weights and city "
            "effects: the dummies of the cities move the score by order 1/T. Test the static "
            'model with one W, or use fixed_effects="time".'
        )


def family_of(lags: Sequence[str]) -> str:
    """The family with exactly these lags, of "lag", "wx" and "error"."""
    letters = {LAGS[lag] for lag in lags}
    return next(name for name, its in FAMILIES.items() if set(its) == letters)


def lags_of(model: SpatialModel) -> tuple[str, ...]:
    """Which of "lag", "wx" and "error" a model has."""
    return tuple(name for name, letter in LAGS.items() if letter in FAMILIES[model.family])


def relative(
    model: SpatialModel, family: str, W: str | None = None, **changes: Any
) -> SpatialModel:
    """The member `family` of the Durbin family that agrees with `model` in all else.

    Lags that `model` has keep their matrices; those that it lacks take `W`, or the one
    matrix that `model` has.
    """
    letters, given = FAMILIES[family], model.roles
    has = {"lag": given.wy, "wx": given.wx, "error": given.wu}
    absent = [name for name, letter in LAGS.items() if letter in letters and not has[name]]
    sole = W or (model.lagged_by[0] if len(model.lagged_by) == 1 else None)
    if absent and sole is None:
        raise ModelError(f"which matrix shall the {absent[0]} have? {which(model.lagged_by)}")
    roles = Roles(
        wy=(given.wy or (str(sole),)) if "y" in letters else (),
        wx=(given.wx or ((str(sole), ()),)) if "x" in letters else (),
        wu=(given.wu or str(sole)) if "u" in letters else None,
    )
    formula = model.formula if "x" in letters else model.formula.split("|")[0].strip()
    return model.but(family=family, W=roles if letters else None, formula=formula, **changes)


def which(names: Collection[str]) -> str:
    """How a test is told the matrix that the model, which has `names`, does not settle."""
    if not names:
        return "The model has none: say W=geo, the Weights themselves."
    return f"The model has {named(names)}: say W=, one Weights or the name of one of them."


def refitted(results: Results, model: SpatialModel, weights: Sequence[Weights] = ()) -> Results:
    """`model` on the panel of `results`, with its weights and perhaps more; fitted once."""
    if model == results.model and results.cov_kind == "expected" and not weights:
        return results
    known = _FITTED.setdefault(results, {})
    key = (model, tuple(id(w) for w in weights))
    if key not in known:
        held = {**results.weights, **{w.name: w for w in weights}}
        known[key] = (fit(model, results.panel, held.values()), tuple(weights))
    return known[key][0]


def given_weights(results: Results, W: str | Weights | None) -> tuple[str | None, list[Weights]]:
    """The name of `W`, and the matrix itself if `results` does not hold it."""
    if W is None or isinstance(W, str):
        if isinstance(W, str) and W not in results.weights:
            raise ModelError(
                f"W={W!r} is not a matrix of this model; it has "
                f"{named(results.weights) or 'none'}. Pass the Weights themselves."
            )
        return W, []
    expect(W, Weights, "W is a Weights or the name of one of the model", ModelError)
    own = results.weights.get(W.name)
    if own is None:
        return W.name, [W]
    if own.hash != W.aligned(results.panel.ids).hash:
        raise ModelError(
            f"the model has another matrix of the name {W.name!r}: rename yours, W.rename('other')."
        )
    return W.name, []


def held(results: Results, more: Sequence[Weights]) -> dict[str, Links]:
    """The matrices of `results` and `more`, by name, in the order of its cities."""
    return {**results.weights, **{w.name: w.aligned(results.panel.ids) for w in more}}


def same_outcome(one: Results, other: Results) -> bool:
    """Whether two fits explain the same numbers."""
    a, b = one.data, other.data
    same = one.panel.ids == other.panel.ids and a.years == b.years and a.outcome == b.outcome
    return same and bool(np.array_equal(a.y, b.y))
