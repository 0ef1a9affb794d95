"""Are city effects correlated with the regressors? Fixed against random effects.

``correlated``  The Wald test that the city means of regressors and lags have no coefficient
                in the random effects model (Mundlak 1978; Debarsy 2012 for their lags): never
                negative, and valid where the two estimators are far from efficient. It rests
                on as many numbers as there are cities: with q coefficients its p-value is
                that of (n - q - 1) / (n q) H ~ F(q, n - q - 1), as in a regression of
                city means (ours; chi-squared rejects far too often, docs/size.md).
``robust``      White (1982): with psi_i what city i contributes to the estimates, I^-1 s_i, and
                q their difference over m slopes and spatial coefficients,
                H = q' [sum_i (psi_FE,i - psi_RE,i)(...)']^-1 q, its mean over all orders of
                the cities (`models.scores`), referred to Hotelling's distribution,
                (n - m) / (m (n - 1)) H ~ F(m, n - m). Years may be dependent.
``classical``   q'(V_FE - V_RE)^-1 q. In spatial panels the difference is often indefinite, and
                then there is no such statistic: for the cigarette data it is -31.2, which one
                well-known program prints as +31.2.

Both estimates are of transformed data, also where year effects are removed: those of dummies
for years differ by a bias of order 1/n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from spatialsyn.diagnostics.relatives import (
    is_results,
    needs_likelihood,
    needs_no_incidental_bias,
)
from spatialsyn.errors import ModelError, WeightsError, expect, named
from spatialsyn.models.design import Design, build
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.qml import estimate_qml
from spatialsyn.models.scores import city_scores
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.transform import sweeps_time
from spatialsyn.results import Results

KINDS = ("correlated", "robust", "classical")
NULL = "city effects are uncorrelated with the regressors"


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two estimates, with the arrays it rests on."""

    design: Design
    estimate: Estimate


def hausman(results: Results, kind: str = "correlated") -> HypothesisTest:
    """The test that random effects would do, in the model of `results`.

    Parameters
    ----------
    kind : "correlated" | "robust" | "classical"

    Returns
    -------
    HypothesisTest
        Of ``classical`` without a statistic where V_FE - V_RE is not positive definite; of
        ``robust`` where the cities do not outnumber the coefficients compared.

    Raises
    ------
    ModelError
        No such kind, no city effects, or a model without random effects counterpart.
    """
    is_results(results, "hausman")
    what = f"kind is one of {named(KINDS)}; the test needs one fit, and makes the other by itself"
    expect(kind, str, what, ModelError)
    if kind not in KINDS:
        raise ModelError(f"kind={kind!r} is not one of {named(KINDS)}.")
    needs_likelihood(results, "a Hausman test")
    needs_no_incidental_bias(results, "a Hausman test")
    if results.model.fixed_effects in ("none", "time") and results.model.random is None:
        raise ModelError(
            "a Hausman test compares city effects, and the model has none: "
            'fixed_effects="individual" or "twoways", or random="individual".'
        )
    if kind == "correlated":
        return _correlated(results)
    if kind == "robust" and results.design.varies:
        raise ModelError(
            "the robust Hausman test takes scores apart by pairs of cities, with one W: it is not "
            'available with weights that change over the years. Use kind="correlated".'
        )
    fixed, random = _side(results, None), _side(results, "individual")
    return _robust(fixed, random) if kind == "robust" else _classical(fixed, random)


def _correlated(results: Results) -> HypothesisTest:
    side = _side(results, "correlated")
    estimate = side.estimate
    assert estimate.cov is not None
    at = np.flatnonzero([column.is_city_mean for column in side.design.columns])
    test = wald(NULL, estimate.params[at], estimate.cov[np.ix_(at, at)])
    n, q = len(results.panel.ids), int(test.df)
    if n <= q + 1:
        return replace(
            test, statistic=np.nan, p=np.nan,
            note=f"{n} cities cannot tell {q} coefficients of city means",
        )  # fmt: skip
    # Likelihood divides the variance between cities by n, of which q + 1 are used up.
    F = test.statistic * (n - q - 1) / (n * q)
    p = float(f_distribution.sf(F, q, n - q - 1))
    note = f"Wald test of the city means (correlated random effects), F({q}, {n - q - 1}) = {F:.4g}"
    return replace(test, p=p, note=note)


def _side(results: Results, random: str | None) -> Side:
    """The model of `results` with fixed (None), random or correlated city effects."""
    time = sweeps_time(results.model.fixed_effects)
    if random is None:
        fixed, correction = "twoways" if time else "individual", "lee-yu"
    else:
        fixed, correction = "time" if time else "none", "direct"
    model = results.model.but(random=random, fixed_effects=fixed, correction=correction)
    design = build(model, results.panel, results.weights)
    if random is not None and time:
        design = _without_years(design, results)
    return Side(design, estimate_qml(design))


def _without_years(design: Design, results: Results) -> Design:
    """The design with random city effects whose years are transformed away, not estimated."""
    uneven = [name for name, w in results.weights.items() if not w.is_row_standardised]
    if uneven:
        raise WeightsError(
            f"the rows of W[{uneven[0]}] do not sum to one, so that year effects cannot be "
            'transformed away. Use W.standardize("row"), or test with fixed_effects="individual".'
        )
    logdet, error = design.logdet, design.error
    if isinstance(logdet, LogDet):
        logdet = logdet.without_unit_root()
    elif isinstance(logdet, JointLogDet):
        logdet = replace(logdet, unit_root=True)
    if error is not None:
        error = replace(error, logdet=error.logdet.without_unit_root())
    return replace(design, transformed=True, units=len(design.y) - 1, logdet=logdet, error=error)


def _classical(fixed: Side, random: Side) -> HypothesisTest:
    a, b = _common(fixed, random)
    V_fixed, V_random = fixed.estimate.cov, random.estimate.cov
    assert V_fixed is not None
    assert V_random is not None
    V = V_fixed[np.ix_(a, a)] - V_random[np.ix_(b, b)]
    smallest = float(np.linalg.eigvalsh(V)[0])
    if smallest <= 0:
        why = (
            f"V_FE - V_RE is not positive definite (smallest eigenvalue {smallest:.3g}): the "
            'classical statistic does not exist. Use kind="correlated".'
        )
        return HypothesisTest(NULL, np.nan, len(a), np.nan, why)
    q = fixed.estimate.params[a] - random.estimate.params[b]
    statistic = float(q @ np.linalg.solve(V, q))
    p = float(chi2.sf(statistic, len(a)))
    return HypothesisTest(NULL, statistic, len(a), p, "classical: V_FE - V_RE")


def _robust(fixed: Side, random: Side) -> HypothesisTest:
    a, b = _common(fixed, random)
    m, n = len(a), len(fixed.design.y)
    if m >= n:
        why = (
            f"{n} cities cannot tell the variance of {m} differences: the robust test needs more "
            'cities than coefficients. Use kind="correlated".'
        )
        return HypothesisTest(NULL, np.nan, m, np.nan, why)
    one, other = _influence(fixed, a), _influence(random, b)
    own, pairs = one[0] - other[0], one[1] - other[1]
    sums = pairs.sum(axis=2)
    V = own.T @ own + (sums @ sums.T + 2 * np.einsum("kij,lij->kl", pairs, pairs)) / 12
    test = wald(NULL, fixed.estimate.params[a] - random.estimate.params[b], V * n / (n - 1))
    F = test.statistic * (n - m) / (m * (n - 1))
    p = float(f_distribution.sf(F, m, n - m))
    note = f"scores of the cities; Hotelling, F({m}, {n - m}) = {F:.4g}"
    return HypothesisTest(NULL, test.statistic, m, p, note)


def _common(fixed: Side, random: Side) -> tuple[list[int], list[int]]:
    """Positions of slopes and spatial coefficients that both have."""
    names = [name for name in fixed.estimate.names if name != "sigma2"]
    where: Sequence[str] = random.estimate.names
    return [fixed.estimate.names.index(k) for k in names], [where.index(k) for k in names]


def _influence(side: Side, at: Sequence[int]) -> tuple[Array, Array]:
    """I^-1 times the score, (n, m) by city and (m, n, n) by pair of cities; see `models.scores`."""
    design, estimate = side.design, side.estimate
    assert estimate.cov is not None
    p, params = len(design.names), estimate.params
    scores = city_scores(design, estimate, params[:p], params[p:-1], float(params[-1]))
    inverse = estimate.cov[:, at]
    return scores.own @ inverse, np.einsum("dij,dm->mij", scores.pairs, inverse[p:-1])
