"""Fixed effects themselves, and how much of the outcome the model accounts for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.masked_estimate import completed
from spatialsyn.numerics.exponential import act, exponentials
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.multiplier import multiplied_out, transposed
from spatialsyn.numerics.transform import sweep, sweep_observed, sweeps_cities, sweeps_time


def effects_of(
    y: Array, columns: Array, params: Array, cov: Array, noise: Array
) -> tuple[Array, Array]:
    """City effects or year effects and their standard errors.

    With r = y - columns @ params and c its mean, an effect is the mean of r over the other
    dimension less c, so effects sum to zero (Elhorst 2014, chapter 3). The variance is
    that of the error's mean and that of the parameters; Elhorst's leaves out rho's part.

    Parameters
    ----------
    y, columns : (n,) and (n, q), or (T,) and (T, q), means of the outcome, of the regressors,
        their lags and the lags of y, not swept
    params, cov : (q,) and (q, q), of delta and rho
    noise : variance of the mean error of each city, or of the year, or of each year
    """
    gradient = columns - columns.mean(axis=0)
    effects = y - y.mean() - gradient @ params
    variance = noise + np.einsum("ij,jk,ik->i", gradient, cov, gradient)
    return effects, np.sqrt(variance)


def city_means(design: Design, estimate: Estimate, v: Array) -> Array:
    """Means over the years of `v`, (n, T) or (n, T, k), as (n, 1) or (n, 1, k).

    Beside an error that changes over the years they are the city effects of generalised least
    squares, whose errors are independent of those of the parameters (`numerics.restricted`).
    """
    if design.yearly_error is None or design.error is None:
        return np.asarray(v.mean(axis=1, keepdims=True))
    lam = estimate.params[estimate.names.index(design.error.name)]
    kept = design.yearly_error.at(float(lam))
    return kept.city_effects(kept.filtered(v))


def lagged(design: Design, estimate: Estimate, y: Array) -> tuple[Array, Array]:
    """y* and the lags L, (n, T) and (n, T, m), with S y = y* - L rho, near rho, not swept.

    They are y and Wy themselves, unless S is an exponential and they its tangent.
    """
    lags: list[Array] = []
    if not design.exponential:
        lags = [lag(W, y) for W in design.W]
    elif design.W:
        alpha = float(estimate.params[len(design.names)])
        Sy = act(design.W[0], alpha, y)
        lags = [-lag(design.W[0], Sy)]
        y = Sy + alpha * lags[0]
    return y, np.moveaxis(np.reshape(lags, (len(lags), *y.shape)), 0, 2)


def effects_table(
    design: Design, estimate: Estimate, y: Array, X: Array, ids: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """City and year effects: kind, id, estimate, se; y and X are not swept."""
    (n, T), fixed_effects = y.shape, design.fixed_effects
    y, lags = lagged(design, estimate, y)
    columns = np.concatenate([X, lags], axis=2)
    q, sigma2 = columns.shape[2], float(estimate.params[-1])
    assert estimate.cov is not None
    params, cov = estimate.params[:q], estimate.cov[:q, :q]
    own, common = (sigma2 * np.asarray(part) for part in error_variance(design, estimate))

    def by_city(v: Array) -> Array:
        return np.asarray(city_means(design, estimate, v)[:, 0])

    def by_year(v: Array) -> Array:
        return np.asarray(v.mean(axis=0))

    parts = []
    for kind, mean, swept, noise in (
        ("city", by_city, sweeps_cities(fixed_effects), own / T),
        ("year", by_year, sweeps_time(fixed_effects), common / n),
    ):
        if swept:
            made, se = effects_of(mean(y), mean(columns), params, cov, noise)
            part = {"kind": kind, "id": list(ids[kind]), "estimate": made, "se": se}
            parts.append(pd.DataFrame(part))
    if not parts:
        raise ModelError("this model has no fixed effects.")
    return pd.concat(parts, ignore_index=True)


def error_variance(design: Design, estimate: Estimate) -> tuple[Array, Array]:
    """Of u, in parts of sigma2: of every city, (n,), and n times that of the cities' mean.

    With weights of every year the first is T times that of `city_means`, the second one of each.
    """
    n, error = len(design.y), design.error
    if error is None:
        return np.ones(n), np.ones(())
    lam = np.array([dict(zip(estimate.names, estimate.params, strict=True))[error.name]])
    if design.by_solves:
        inverse = design.propagation(lam).inverse.written_out()
    else:
        R = (exponentials if design.exponential else multiplied_out)((error.M,), lam, n)
        inverse = np.linalg.inv(R)
    own, common = (inverse**2).sum(axis=-1), (inverse.sum(axis=-2) ** 2).sum(axis=-1) / n
    if error.yearly is not None:
        own = np.diag(np.linalg.inv((transposed(R) @ R).mean(axis=0)))
    return (own.mean(axis=0) if own.ndim == 2 else own), np.asarray(common)


def fixed_part(design: Design, estimate: Estimate, y: Array, signal: Array) -> Array:
    """(n, T), the fixed effects beside `signal`, what the equation's regressors come to.

    They are what sweeping takes from S y - signal; where outcomes are missing, those of the
    likelihood.
    """
    p, m = design.Z.shape[2], len(design.W)
    if design.observed is not None:
        *_, effects = completed(design, estimate.params)
        return np.asarray(effects + design.Z @ estimate.params[:p] - signal)
    y, lags = lagged(design, estimate, y)
    raw = y - lags @ estimate.params[p : p + m] - signal
    swept = sweep(raw, design.fixed_effects)
    if design.yearly_error is not None:
        swept = swept - city_means(design, estimate, swept)
    return np.asarray(raw - swept)


def signal_correlation(design: Design, estimate: Estimate, y: Array) -> float:
    """Squared correlation of the swept outcome with its swept prediction S^-1 Z delta."""
    signal: Array = design.Z @ estimate.params[: design.Z.shape[2]]
    if design.W:
        signal = sweep(lag(estimate.multiplier, signal), design.fixed_effects)
    if design.observed is None:
        return squared_correlation(design.y, signal)
    there = np.where(np.isnan(y), np.nan, signal)
    return squared_correlation(
        sweep_observed(y, design.fixed_effects), sweep_observed(there, design.fixed_effects)
    )


def r2_parts(y: Array, prediction: Array) -> dict[str, float]:
    """Squared correlation within cities, between their means, and overall, of observed cells."""
    prediction = np.where(np.isnan(y), np.nan, prediction)
    (y_means, y_within), (p_means, p_within) = _by_city(y), _by_city(prediction)
    return {
        "within": squared_correlation(y_within, p_within),
        "between": squared_correlation(y_means, p_means),
        "overall": squared_correlation(y, prediction),
    }


def _by_city(v: Array) -> tuple[Array, Array]:
    """Means over the years in which `v` is not NaN, and deviations from them."""
    seen = ~np.isnan(v)
    count = seen.sum(axis=1, keepdims=True)
    means = np.nan_to_num(v).sum(axis=1, keepdims=True) / np.where(count > 0, count, np.nan)
    return means, v - means


def squared_correlation(a: Array, b: Array) -> float:
    """Squared correlation of the cells that are not NaN; zero where one of them does not vary."""
    a, b = a[~np.isnan(a)], b[~np.isnan(a)]
    size = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if min(float(np.ptp(a)), float(np.ptp(b))) <= 1e-12 * size:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1] ** 2)
