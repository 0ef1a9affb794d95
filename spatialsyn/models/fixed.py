"""Fixed effects themselves, and how much of the outcome the model accounts for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.numerics.lags import Array


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


def effects_table(
    y: Array,
    columns: Array,
    params: Array,
    cov: Array,
    noise: tuple[Array, Array],
    ids: tuple[Sequence[Any] | None, Sequence[Any] | None],
) -> pd.DataFrame:
    """City and year effects with their standard errors: kind, id, estimate, se.

    Parameters
    ----------
    noise, ids : of cities and of years, see `effects_along`; no ids for what was not swept
    """
    parts = []
    for kind, axis, listed, own in zip(("city", "year"), (1, 0), ids, noise, strict=True):
        if listed is not None:
            made, se = effects_along(y, columns, params, cov, own, axis)
            found = {"kind": kind, "id": list(listed), "estimate": made, "se": se}
            parts.append(pd.DataFrame(found))
    return pd.concat(parts, ignore_index=True)


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
