"""Are the effects of cities and years there, and may city effects be random?

Fixed effects, q of them, against none, with n T observations and k parameters, effects included:

    LR = n T ln(SSR_0 / SSR_1)    c  = (n T - k - 1 + q / 2) / (n T)
    F  = (SSR_0 - SSR_1) / q / [SSR_1 / (n T - k)]

LR counts as many parameters as there are cities, so that chi-squared fits it only once it is
multiplied by c (Box 1949; exact to order 1/(nT)^2 without lags in space). Random effects are
tested at the boundary sigma2_mu = 0, from one side.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from spatialsyn.diagnostics.relatives import (
    is_results,
    needs_likelihood,
    needs_no_incidental_bias,
    refitted,
)
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.models.likelihood import filtered
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.transform import dummies, sweeps_cities, sweeps_time
from spatialsyn.results import Results

# Nodes for each spatial parameter, and for each of many.
NODES, FEW = 15, 5
EFFECTS = {"individual": "city effects", "time": "year effects", "twoways": "city and year effects"}


def fixed_effects_lr(
    results: Results, effects: str = "individual", small_sample: bool = True
) -> HypothesisTest:
    """The likelihood ratio test that these fixed effects are all zero.

    Both sides are dummy-variable likelihoods of the same lags in space, whatever the
    correction of `results`; the other fixed effects of its model are in both.

    Parameters
    ----------
    effects : "individual" | "time" | "twoways"
    small_sample : whether it is that of the filtered equation multiplied by c, whose spatial
        parameters are treated as in `fixed_effects_f`; programs print 2 (lnL_1 - lnL_0)
    """
    less, more = _both_sides(results, effects)
    q, k = _count(less, more)
    size = less.data.y.size
    ratio = 2 * (more.loglik - less.loglik)
    if not small_sample:
        note = "chi-squared is rough: as many parameters as effects"
        return HypothesisTest(_null(effects, less), ratio, q, float(chi2.sf(ratio, q)), note)
    scale = size - k - 1 + q / 2
    statistic, p = _around(results, less, more, lambda gain: scale * np.log1p(gain), chi2(q))
    note = f"the filtered equation times a factor; as programs print it {ratio:.6g}"
    return HypothesisTest(_null(effects, less), statistic, q, p, note)


def fixed_effects_f(results: Results, effects: str = "individual") -> HypothesisTest:
    """The F test that these fixed effects are all zero; exact without lags in space.

    With lags in space it is the F test of the filtered equation, R(S y - Z delta), whose
    spatial parameters are those of the transformation likelihood: dummies of years would bias
    them, and leave in S y what looks like effects. As they are estimated, what the effects
    explain is too large or too small by a factor; p is the mean of p over their normal
    distribution (ours). Rows of W that do not sum to one leave the bias of year dummies in:
    few cities then reject too often. `df` is the numerator's.
    """
    less, more = _both_sides(results, effects)
    q, k = _count(less, more)
    df = less.data.y.size - k
    F, p = _around(results, less, more, lambda gain: gain * df / q, f_distribution(q, df))
    return HypothesisTest(_null(effects, less), F, q, p, f"F({q}, {df})")


def random_effects_lr(results: Results) -> HypothesisTest:
    """The likelihood ratio test that cities have no random effects, sigma2_mu = 0.

    The null lies on the boundary, where the ratio is zero half of the time: p is half of
    that of chi-squared(1). Year effects of the model are dummies on both sides.
    """
    is_results(results, "random_effects_lr")
    needs_likelihood(results, "this test")
    needs_no_incidental_bias(results, "this test")
    time = "time" if sweeps_time(results.model.fixed_effects) else "none"
    plain = results.model.but(random=None, fixed_effects=time, correction="direct")
    pooled = refitted(results, plain)
    random = refitted(results, plain.but(random="individual"))
    # At phi = 1 both sides are one model, whose likelihood is found in two ways.
    gain = 0.0 if random.params["phi"] == 1 else 2 * (random.loglik - pooled.loglik)
    statistic = max(gain, 0.0)
    p = float(chi2.sf(statistic, 1)) / 2 if statistic > 0 else 1.0
    return HypothesisTest("sigma2_mu = 0", statistic, 1, p, "one-sided: half of chi-squared(1)")


def _both_sides(results: Results, effects: str) -> tuple[Results, Results]:
    """The fits without and with the effects, both by dummy variables."""
    is_results(results, "a test of fixed effects")
    if effects not in EFFECTS:
        raise ModelError(f"effects={effects!r} is not one of {named(EFFECTS)}.")
    needs_likelihood(results, "a test of fixed effects")
    needs_no_incidental_bias(results, "a test of fixed effects")
    if results.model.random is not None:
        raise ModelError(
            f"random={results.model.random!r} stands for the cities already: test fixed effects "
            "in the model without random ones, and see hausman for the choice."
        )
    fixed, cities, time = results.model.fixed_effects, sweeps_cities(effects), sweeps_time(effects)
    rest = _swept(sweeps_cities(fixed) and not cities, sweeps_time(fixed) and not time)
    both = _swept(sweeps_cities(fixed) or cities, sweeps_time(fixed) or time)
    less, more = (results.model.but(fixed_effects=f, correction="direct") for f in (rest, both))
    return refitted(results, less), refitted(results, more)


def _swept(cities: bool, time: bool) -> str:
    """The fixed effects that sweep these."""
    if cities:
        return "twoways" if time else "individual"
    return "time" if time else "none"


def _count(less: Results, more: Results) -> tuple[int, int]:
    """Effects tested, and all parameters of the mean under both."""
    n, T = more.data.y.shape
    if T < 2:
        raise ModelError("the effect of the only year is the constant: there is nothing to test.")
    every, before = (dummies(n, T, side.model.fixed_effects) for side in (more, less))
    if len(less.design.names) - (less.model.fixed_effects == "none") != len(more.design.names):
        raise ModelError("the fixed effects absorb regressors: the two sides differ in more.")
    # Without effects there is the constant, which they hold too.
    return every - max(before, 1), len(more.design.names) + every


def _around(
    results: Results,
    less: Results,
    more: Results,
    statistic: Callable[[float], float],
    distribution: Any,
) -> tuple[float, float]:
    """The statistic of what the effects gain, SSR_0 / SSR_1 - 1, and its p.

    It is taken at the spatial parameters with the effects, and at Gauss-Hermite nodes of their
    normal distribution, over which p is the mean.
    """

    def value(spatial: Array) -> float:
        return statistic(_ssr(less.design, spatial) / _ssr(more.design, spatial) - 1)

    lags = [results.weights[name] for name in more.model.roles.wy]
    biased = sweeps_time(more.model.fixed_effects) and bool(lags)
    # The transformation needs rows of one sum; without them the bias stays.
    transforms = biased and all(w.is_row_standardised for w in lags)
    found = refitted(results, more.model.but(correction="lee-yu")) if transforms else more
    at = slice(len(found.design.names), -1)
    assert found.estimate.cov is not None
    center, cov = found.estimate.params[at], found.estimate.cov[at, at]
    if not len(center):
        return value(center), float(distribution.sf(value(center)))
    x, share = hermegauss(NODES if len(center) < 3 else FEW)
    root, whole, p = np.linalg.cholesky(cov), 0.0, 0.0
    for node, shares in zip(
        product(x, repeat=len(center)), product(share, repeat=len(center)), strict=True
    ):
        whole += float(np.prod(shares))
        p += float(np.prod(shares) * distribution.sf(value(center + root @ node)))
    return value(center), p / whole


def _ssr(design: Design, spatial: Array) -> float:
    y, Z = filtered(design, spatial)
    e = y - Z @ least_squares(Z, y)
    return float(e @ e)


def _null(effects: str, less: Results) -> str:
    other = EFFECTS.get(less.model.fixed_effects)
    return f"no {EFFECTS[effects]}" + (f", given {other}" if other else "")
