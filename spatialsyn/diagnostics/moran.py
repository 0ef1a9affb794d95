"""Moran's I of the residuals of every year, and of all years together.

    I_t = e_t'W e_t / e_t'e_t * n / sum W          z_t = (I_t - E I_t) / sd I_t

with moments over all permutations of the cities (Cliff & Ord 1981, page 21); p-values
from permutations: ``ss.explore.autocorrelation(panel, results.resid, W)``. A pooled Moran's I of
all city-years mixes what is common to a city over the years with what is common to neighbours;
here each year has its own, and together they are sum_t z_t / sqrt(T), times
sqrt((T - 1) / T) where removing city means has tied the years to one another.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from spatialsyn.diagnostics.relatives import given_weights, held, is_results, which
from spatialsyn.errors import ModelError
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.transform import sweeps_cities
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights

LAGGED = "rho or lambda are estimated, which makes the test conservative: see lm(given=...)"


def residual_moran(results: Results, W: str | Weights | None = None) -> HypothesisTest:
    """The test that residuals of neighbours are unrelated in the years together.

    Standard normal. Of a model with a lag of y or a spatial error it rejects too rarely.

    Parameters
    ----------
    W : who are neighbours: Weights, or the name of one of the model's; its only one by default
    """
    found = _moments(results, W)
    T = len(found)
    tied = (T - 1) / T if sweeps_cities(results.model.fixed_effects) else 1.0
    z = float(found["z"].sum() / np.sqrt(T)) * np.sqrt(tied)
    note = f"standard normal; mean I {found['I'].mean():.3f}"
    if results.design.W or results.design.error is not None:
        note += f"; {LAGGED}"
    return HypothesisTest(
        "residuals of neighbours are unrelated", z, 1, float(2 * norm.sf(abs(z))), note
    )


def residual_moran_by_year(results: Results, W: str | Weights | None = None) -> pd.DataFrame:
    """Moran's I of the residuals: ``year, I, expected, sd, z, p``, two-sided, one row per year.

    Expected value and standard deviation are those under permutations of the cities; `W` is that
    of `residual_moran`.
    """
    return _moments(results, W).reset_index()


def _moments(results: Results, W: str | Weights | None) -> pd.DataFrame:
    """I and its moments under permutation, by year."""
    is_results(results, "residual_moran")
    e = results.estimate.residuals - results.estimate.residuals.mean(axis=0)
    rows = [_of_year(v, M) for v, M in zip(e.T, _matrices(results, W), strict=True)]
    index = pd.Index(results.data.years, name="year")
    found = pd.DataFrame(rows, columns=["I", "expected", "sd"], index=index)
    found["z"] = (found["I"] - found["expected"]) / found["sd"]
    found["p"] = 2 * norm.sf(np.abs(found["z"]))
    return found


def _of_year(e: Array, M: Array) -> tuple[float, float, float]:
    n = len(e)
    s0 = M.sum()
    s1 = ((M + M.T) ** 2).sum() / 2
    s2 = ((M.sum(axis=0) + M.sum(axis=1)) ** 2).sum()
    k = n * (e**4).sum() / (e**2).sum() ** 2
    moran = n / s0 * (e @ M @ e) / (e @ e)
    first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = k * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    square = (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2)
    return float(moran), -1 / (n - 1), float(np.sqrt(square - 1 / (n - 1) ** 2))


def _matrices(results: Results, W: str | Weights | None) -> list[Array]:
    """The matrix of every year."""
    name, more = given_weights(results, W)
    if name is None:
        own = results.model.lagged_by
        if len(own) != 1:
            raise ModelError(f"which matrix? {which(own)}")
        name = own[0]
    M, T = dense(held(results, more)[name].over(results.data.years)), len(results.data.years)
    return list(M) if M.ndim == 3 else [M] * T
