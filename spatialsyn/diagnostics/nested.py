"""Does the model need all of its lags? Wald and likelihood ratio tests against its relatives.

    SDM -> SAR    theta = 0                         SDM -> SLX    rho = 0
    SDM -> SEM    theta + rho beta = 0, the common factor, whose Jacobian has the rows
                  (rho e_k', e_k', beta_k) in (beta, theta, rho)
    SDM -> SDEM   not nested: neither is a special case of the other

    regimes -> one coefficient for all blocks, by the likelihood ratio against that fit

The constant and regressors without a lag of their own are no part of the common factor. The
Wald test of a product depends on how it is written, the likelihood ratio does not: with few
observations look at both (Gregory & Veall 1985, Econometrica 53).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import chi2

from spatialsyn.diagnostics.relatives import (
    LAGS,
    SYMBOLS,
    is_results,
    lags_of,
    needs_likelihood,
    needs_plain_lags,
    refitted,
    relative,
    same_outcome,
)
from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.models.roles import FAMILIES
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.hypothesis import wald as wald_test
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results

# Searches stop this close to the maximum of a likelihood.
SLACK = 1e-4
# What both sides of a likelihood ratio must share.
SHARED = ("correction", "fixed_effects", "random", "lag_y", "lag_wy")
COMMON_FACTOR = "theta + rho beta = 0 (common factor)"


def wald(results: Results, to: str) -> HypothesisTest:
    """The Wald test that `results` could be simplified to the family `to`.

    It takes the covariance of `results`, robust ones included.

    Raises
    ------
    ModelError
        `to` is no family, or the common factor would need two matrices to be one.
    """
    is_results(results, "wald")
    needs_plain_lags(results, "a Wald test of lags")
    _check_family(to)
    if _common_factor(results, to):
        (value, gradient), null = _factor(results), COMMON_FACTOR
    elif set(FAMILIES[to]) < set(FAMILIES[results.model.family]):
        where = results.params.index.get_indexer(pd.Index(_dropped(results, to)))
        gradient = np.eye(len(results.params))[where]
        value = gradient @ results.params.to_numpy()
        null = _null(results, to)
    else:
        return _not_nested(results, to)
    cov = np.nan_to_num(results.cov.to_numpy())
    return wald_test(null, value, gradient @ cov @ gradient.T)


def lr(results: Results, to: str | Results) -> HypothesisTest:
    """The likelihood ratio test of `results` against a model that says less.

    Parameters
    ----------
    to : a family, which is fitted to the same data in the same way, or another fit
        It must then share the outcome, the cities, the years and the way effects are removed. Of
        a model with regimes it may be the fit without: do the blocks differ at all? A number
        `above` is taken as given then, not as one that was looked for (see `ss.threshold`).

    Raises
    ------
    ModelError
        The two sides are not likelihoods of the same thing.
    """
    is_results(results, "lr")
    needs_likelihood(results, "a likelihood ratio test")
    if isinstance(to, Results):
        return _ratio(results, to)
    _check_family(to)
    nested = set(FAMILIES[to]) < set(FAMILIES[results.model.family])
    if not nested and not _common_factor(results, to):
        return _not_nested(results, to)
    if not nested and (why := _factor_fails(results)):
        return HypothesisTest(COMMON_FACTOR, np.nan, np.nan, np.nan, why)
    return _ratio(results, refitted(results, relative(results.model, to)))


def _ratio(results: Results, other: Results) -> HypothesisTest:
    needs_likelihood(other, "a likelihood ratio test")
    _check_comparable(results, other)
    ours, theirs = results.estimate.names, other.estimate.names
    family = other.model.family
    if set(theirs) < set(ours):
        df = len(ours) - len(theirs)
        lags_alone = df == len(_dropped(results, family))  # correlated effects lose means too
        alike = results.model.formula == other.model.formula and lags_alone
        null = _null(results, family) if alike else ""
    elif _common_factor(results, family) and not _factor_fails(results):
        df, null = len(ours) - len(theirs), COMMON_FACTOR
    elif _shares_coefficients(results, other):
        df, null = len(ours) - len(theirs), _shared_by_blocks(results, other)
    else:
        return _not_nested(results, family, set(theirs) - set(ours))
    null = null or f"no {named(name for name in ours if name not in theirs)}"
    statistic = 2 * (results.loglik - other.loglik)
    if statistic < -SLACK:
        raise EstimationError(
            f"the larger model has the lower likelihood ({results.loglik:.4f} < "
            f"{other.loglik:.4f}): its search ended on a lesser peak. Scale the regressors, or "
            "read the Wald test."
        )
    statistic = max(statistic, 0.0)
    return HypothesisTest(null, statistic, df, float(chi2.sf(statistic, df)))


def _check_comparable(one: Results, other: Results) -> None:
    """Both likelihoods are of the same numbers, transformed in the same way."""
    if not same_outcome(one, other):
        raise ModelError(
            "the two fits explain different data (outcome, cities or years differ): their "
            "likelihoods cannot be compared. Fit both on one panel, without rows that only one "
            "of them loses to lag() or diff()."
        )
    changed = [name for name, w in one.weights.items()
               if name in other.weights and other.weights[name].hash != w.hash]  # fmt: skip
    changed += [
        name for j, name in enumerate(one.data.names)
        if name in other.data.names
        and not np.array_equal(one.data.X[..., j], other.data.X[..., other.data.names.index(name)])
    ]  # fmt: skip
    if changed:
        raise ModelError(
            f"{named(changed)} is not the same on both sides, though it has one name: fit both on "
            "one panel and with one set of weights."
        )
    for field in SHARED:
        a, b = getattr(one.model, field), getattr(other.model, field)
        if a != b and not (field == "correction" and one.model.fixed_effects == "none"):
            raise ModelError(
                f"{field}={a!r} on one side and {b!r} on the other: the likelihoods are of "
                "different transformations of the data, and their ratio means nothing. "
                "Fit both in the same way; for fixed effects see fixed_effects_lr, for random "
                "ones random_effects_lr."
            )


def _shares_coefficients(results: Results, other: Results) -> bool:
    """Whether `other` is the model of `results`, with coefficients that its blocks share."""
    mine, its = results.model.regimes, other.model.regimes
    if mine is None or results.model.but(regimes=its) != other.model:
        return False
    if its is None:
        return True
    one_grouping = (mine.grouping, mine.above) == (its.grouping, its.above)
    fewer = not mine.x or (bool(its.x) and set(its.x) <= set(mine.x))
    return one_grouping and fewer and mine.rho >= its.rho


def _shared_by_blocks(results: Results, other: Results) -> str:
    shared = [n for n in other.estimate.names if n not in results.estimate.names]
    return f"the blocks of {results.model.regimes.grouping} share {named(shared)}"


def _common_factor(results: Results, to: str) -> bool:
    """Whether `to` is what is left of the model once theta + rho beta = 0."""
    return results.model.family == "sdm" and to == "sem"


def _pairs(results: Results) -> list[tuple[str, str]]:
    """Every regressor with the name of its lag; so for the means of correlated city effects."""
    columns = results.design.columns
    own = {(c.x, c.block): c.name for c in columns if c.W is None}
    found = [(own[c.x, c.block], c.name) for c in columns if c.W is not None]
    means = [(f"mean({x})", f"mean({lagged})") for x, lagged in found]
    return found + [pair for pair in means if set(pair) <= set(results.design.names)]


def _factor(results: Results) -> tuple[Array, Array]:
    """theta + rho beta and its derivatives in all parameters."""
    model = results.model
    if len(model.lagged_by) > 1 or len(results.design.rho_names) > 1:
        raise ModelError(
            "the common factor needs one rho and one W for y and x; the model has "
            f"{named([*results.design.rho_names, *model.lagged_by])}."
        )
    at = {name: j for j, name in enumerate(results.params.index)}
    params, rho = results.params, at[results.design.rho_names[0]]
    pairs = _pairs(results)
    gradient = np.zeros((len(pairs), len(params)))
    for row, (own, lagged) in zip(gradient, pairs, strict=True):
        row[at[own]], row[at[lagged]], row[rho] = params.iloc[rho], 1.0, params[own]
    value = [params[lagged] + params.iloc[rho] * params[own] for own, lagged in pairs]
    return np.array(value), gradient


def _factor_fails(results: Results) -> str:
    """Why the likelihood of the SEM is not that of the SDM with a common factor."""
    alone = [
        c.name for c in results.design.columns
        if c.W is None and c.x not in (None, "Intercept") and c.name not in dict(_pairs(results))
    ]  # fmt: skip
    if alone:
        return (
            f"{named(alone)} has no lag in this model, but would have one in a spatial error "
            "model: the SEM is no special case. See the Wald test."
        )
    if results.model.random == "baltagi":
        return (
            "random='baltagi' puts city effects outside the spatial error, where no SDM has them: "
            "the SEM is no special case. Use random='individual', or see the Wald test."
        )
    uneven = [name for name, w in results.weights.items() if not w.is_row_standardised]
    if uneven and results.model.intercept:
        return (
            f"the rows of W[{uneven[0]}] do not sum to one: the lag of the constant is a regressor "
            "of the SEM that the SDM does not have. See the Wald test."
        )
    return ""


def _dropped(results: Results, to: str) -> list[str]:
    """Parameters of the lags that `to` does not have."""
    gone = [lag for lag in lags_of(results.model) if LAGS[lag] not in FAMILIES[to]]
    names = list(results.design.rho_names) if "lag" in gone else []
    if "wx" in gone:
        names += [column.name for column in results.design.columns if column.W is not None]
    if "error" in gone and results.design.error is not None:
        names.append(results.design.error.name)
    return names


def _null(results: Results, to: str) -> str:
    gone = [lag for lag in lags_of(results.model) if LAGS[lag] not in FAMILIES[to]]
    return f"{' = '.join(SYMBOLS[lag] for lag in gone)} = 0"


def _not_nested(results: Results, to: str, foreign: Iterable[str] = ()) -> HypothesisTest:
    family, to = results.model.family.upper(), to.upper()
    why = f"{to} is no special case of {family}: compare aic and bic, or ss.diagnostics.posterior."
    if family == to and foreign:
        why = (
            f"the model it is tested against has {named(sorted(foreign))}, which this one lacks, "
            "and is no special case of it: compare aic and bic, or ss.diagnostics.posterior."
        )
    elif family == to:
        why = (
            f"the family is {family} already. A fit with fewer regressors, or without regimes=, "
            "is what lr(results, to=fit) takes."
        )
    return HypothesisTest(f"{family} could be {to}", np.nan, np.nan, np.nan, why)


def _check_family(to: str) -> None:
    if to not in FAMILIES:
        raise ModelError(f"to={to!r} is not one of {named(FAMILIES, 8)}.")
