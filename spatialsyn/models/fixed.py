"""Fixed effects themselves, and how much of the outcome the model accounts for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.models.design import Design
from spatialsyn.numerics.exponential import act, exponentials
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.multiplier import multiplied_out


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
    noise : variance of the mean error of each city or year, a number or one for each
    """
    gradient = columns.mean(axis=axis) - columns.mean(axis=(0, 1))
    effects = y.mean(axis=axis) - y.mean() - gradient @ params
    variance = noise + np.einsum("ij,jk,ik->i", gradient, cov, gradient)
    return effects, np.sqrt(variance)


def lagged(design: Design, rho: Array, y: Array) -> tuple[Array, Array]:
    """y* and the lags L, (n, T) and (n, T, m), with S y = y* - L rho, near rho, not swept.

    They are y and Wy themselves, unless S is an exponential and they its tangent.
    """
    lags: list[Array] = []
    if not design.exponential:
        lags = [lag(W, y) for W in design.W]
    elif design.W:
        Sy = act(design.W[0], float(rho[0]), y)
        lags = [-lag(design.W[0], Sy)]
        y = Sy + rho[0] * lags[0]
    return y, np.moveaxis(np.reshape(lags, (len(lags), *y.shape)), 0, 2)


def noise_of_means(design: Design, params: pd.Series, axis: int) -> Array:
    """Variance of the error's mean over years (axis 1) or cities (axis 0)."""
    (n, T), sigma2 = design.y.shape, params["sigma2"]
    if design.error is None:
        return np.asarray(sigma2 / (T if axis == 1 else n))
    M, lam = (design.error.M,), np.array([params[design.error.name]])
    R = exponentials(M, lam, n) if design.exponential else multiplied_out(M, lam, n)
    u = sigma2 * np.linalg.inv(R.T @ R)
    return np.asarray(np.diag(u) / T if axis == 1 else u.sum() / n**2)


def r2_parts(y: Array, prediction: Array) -> dict[str, float]:
    """Squared correlation within cities, between their means, and overall."""

    def within(v: Array) -> Array:
        return v - v.mean(axis=1, keepdims=True)

    return {
        "within": squared_correlation(within(y), within(prediction)),
        "between": squared_correlation(y.mean(axis=1), prediction.mean(axis=1)),
        "overall": squared_correlation(y, prediction),
    }


def squared_correlation(a: Array, b: Array) -> float:
    """Squared correlation of all cells; zero where one of them does not vary."""
    size = max(1.0, float(np.abs(a).max()), float(np.abs(b).max()))
    if min(float(np.ptp(a)), float(np.ptp(b))) <= 1e-12 * size:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] ** 2)
