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
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.transform import sweep, sweep_observed, sweeps_cities, sweeps_time


def effects_along(
    y: Array, columns: Array, params: Array, cov: Array, noise: Array, axis: int
) -> tuple[Array, Array]:
    """City effects (axis 1) or year effects (axis 0) and their standard errors.

    With r = y - columns @ params and c its mean, an effect is the mean of r over the other
    dimension less c, so effects sum to zero (Elhorst 2014, section 3.2). The variance is
    that of the error's mean and that of the parameters; Elhorst's leaves out rho's part.

    Parameters
    ----------
    columns : (n, T, q), regressors, their lags and the lags of y, not swept
    params, cov : (q,) and (q, q), of delta and rho
    noise : variance of the mean error of each city, or that of the year
    """
    gradient = columns.mean(axis=axis) - columns.mean(axis=(0, 1))
    effects = y.mean(axis=axis) - y.mean() - gradient @ params
    variance = noise + np.einsum("ij,jk,ik->i", gradient, cov, gradient)
    return effects, np.sqrt(variance)


def effects_table(
    fixed_effects: str,
    y: Array,
    columns: Array,
    estimate: Estimate,
    R: Array,
    ids: Mapping[str, Sequence[Any]],
) -> pd.DataFrame:
    """City and year effects: kind, id, estimate, se; `R` is I - lambda M, see `effects_along`."""
    n, T = y.shape
    q, sigma2 = columns.shape[2], float(estimate.params[-1])
    assert estimate.cov is not None
    params, cov = estimate.params[:q], estimate.cov[:q, :q]
    u = sigma2 * np.linalg.inv(R.T @ R)
    parts = []
    for kind, axis, swept, noise in (
        ("city", 1, sweeps_cities(fixed_effects), np.diag(u) / T),
        ("year", 0, sweeps_time(fixed_effects), u.sum() / n**2),
    ):
        if swept:
            made, se = effects_along(y, columns, params, cov, noise, axis)
            part = {"kind": kind, "id": list(ids[kind]), "estimate": made, "se": se}
            parts.append(pd.DataFrame(part))
    if not parts:
        raise ModelError("this model has no fixed effects.")
    return pd.concat(parts, ignore_index=True)


def fixed_part(design: Design, estimate: Estimate, y: Array, signal: Array) -> Array:
    """(n, T), the fixed effects beside `signal`, what the equation's regressors come to.

    They are what sweeping takes from S y - signal; where outcomes are missing, those of the
    likelihood.
    """
    p, m = design.Z.shape[2], len(design.W)
    if design.observed is not None:
        *_, effects = completed(design, estimate.params)
        return np.asarray(effects + design.Z @ estimate.params[:p] - signal)
    raw = y - signal
    for rho, W in zip(estimate.params[p : p + m], design.W, strict=True):
        raw = raw - rho * lag(W, y)
    return np.asarray(raw - sweep(raw, design.fixed_effects))


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
    size = max(1.0, float(np.abs(a).max()), float(np.abs(b).max()))
    if min(float(np.ptp(a)), float(np.ptp(b))) <= 1e-12 * size:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1] ** 2)
