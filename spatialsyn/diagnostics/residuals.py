"""What is left in the residuals: dependence across cities, over years, and their shape.

Residuals are the structural errors R (S y - Z delta), swept of the fixed effects.

``pesaran_cd``          the CD test of `numerics.dependence`, of all cities or of neighbours.
``serial_correlation``  regression of e_it on e_i,t-1. Removing city means leaves the slope
                        -1/(T - 1) in independent errors (Wooldridge 2010, section 10.5.4).
``normality``           Jarque & Bera (1987): n T (S^2 / 6 + (K - 3)^2 / 24).
``vif``                 1 / (1 - R^2) of every column, lags in space included, on the others.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from spatialsyn.diagnostics.relatives import given_weights, held, is_results, needs_every_outcome
from spatialsyn.errors import ModelError
from spatialsyn.numerics.dependence import cross_dependence
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.regression import inflation
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights

# A column whose residual on the others falls below this share is a linear combination.
COLLINEAR = 1e-10


def pesaran_cd(results: Results, W: str | Weights | None = None) -> HypothesisTest:
    """The CD test of cross-section independence of the residuals, or of neighbours among them.

    Parameters
    ----------
    W : with a matrix, only pairs that it links count, each as much as any other

    Returns
    -------
    HypothesisTest
        Without a statistic under year effects: they make the residuals of a year sum to
        zero, so that correlations average about -1/(n - 1) whatever the data (Juodis & Reese 2022).
    """
    is_results(results, "pesaran_cd")
    needs_every_outcome(results, "a CD test")
    e = results.estimate.residuals
    T = e.shape[1]
    null = f"residuals of {'cities' if W is None else 'neighbours'} are uncorrelated"
    if sweeps_time(results.model.fixed_effects):
        why = (
            "year effects make the residuals of a year sum to zero, and with them the "
            "correlations: the CD test has no power and the wrong mean. See residual_moran and lm."
        )
        return HypothesisTest(null, np.nan, np.nan, np.nan, why)
    if T < 3:
        raise ModelError(f"correlations over {T} years are not defined: three are needed.")
    statistic, r = cross_dependence(e, None if W is None else _linked(results, W))
    if np.isnan(statistic):
        raise ModelError("a city has residuals that do not vary: there is no correlation.")
    p = float(2 * norm.sf(abs(statistic)))
    note = f"standard normal; mean correlation {r.mean():.3f}"
    return HypothesisTest(null, statistic, 1, p, note)


def serial_correlation(results: Results) -> HypothesisTest:
    """The test that errors are not correlated with those of the year before, where it is there.

    The squared t of the cities' scores, sum_t e_i,t-1 (e_it - expected slope e_i,t-1), whose mean
    is zero under the null, referred to F(1, n - 1). About their own mean: scores about zero hold
    the effect in their variance, and F could not exceed n.
    """
    is_results(results, "serial_correlation")
    needs_every_outcome(results, "a test of serial correlation")
    e = results.estimate.residuals
    n, T = e.shape
    null = "errors are not correlated over the years"
    swept = sweeps_cities(results.model.fixed_effects)
    if T < 3 or n < 2:
        few = f"{T} years are too few: three" if T < 3 else "one city is too few: two"
        return HypothesisTest(null, np.nan, np.nan, np.nan, f"{few} are needed")
    next_to = np.diff(results.data.years) == 1  # years between may have been left out
    if not next_to.any():
        return HypothesisTest(null, np.nan, np.nan, np.nan, "no two years follow each other")
    now, before = e[:, 1:][:, next_to], e[:, :-1][:, next_to]
    expected = -1 / (T - 1) if swept else 0.0
    slope = float((now * before).sum()) / float((before**2).sum())
    scores = (before * (now - expected * before)).sum(axis=1)
    F = n * float(scores.mean()) ** 2 / float(scores.var(ddof=1))
    note = f"F(1, {n - 1}); slope {slope:.3f}, expected {expected:.3f}"
    return HypothesisTest(null, F, 1, float(f_distribution.sf(F, 1, n - 1)), note)


def normality(results: Results) -> HypothesisTest:
    """The Jarque-Bera test that errors are normal; maximum likelihood does not need it.

    Where it rejects, standard errors of rho and sigma2 are those of ``cov="sandwich"``.
    """
    is_results(results, "normality")
    needs_every_outcome(results, "a test of normality")
    e: Array = results.estimate.residuals.ravel()
    e = e - e.mean()
    m2, m3, m4 = (float((e**k).mean()) for k in (2, 3, 4))
    S, K = m3 / m2**1.5, m4 / m2**2
    statistic = e.size * (S**2 / 6 + (K - 3) ** 2 / 24)
    note = f"skewness {S:.3f}, kurtosis {K:.3f}"
    return HypothesisTest("errors are normal", statistic, 2, float(chi2.sf(statistic, 2)), note)


def vif(results: Results) -> pd.Series:
    """Variance inflation of every column of the model, once fixed effects are removed."""
    is_results(results, "vif")
    design = results.design
    keep = [j for j, name in enumerate(design.names) if name != "Intercept"]
    Z = design.Z[..., keep].reshape(design.y.size, -1)
    found = inflation(Z - Z.mean(axis=0))
    found = np.where(found * COLLINEAR < 1, found, np.inf)
    return pd.Series(found, index=[design.names[j] for j in keep], name="vif")


def _linked(results: Results, W: str | Weights) -> np.ndarray:
    name, more = given_weights(results, W)
    M = dense(held(results, more)[str(name)].over(results.data.years))
    return np.asarray(M != 0) if M.ndim == 2 else np.asarray((M != 0).any(axis=0))
