"""Sweeping fixed effects out of panel arrays, and what that leaves of n and T.

Lee & Yu (2010), Journal of Econometrics 154, 165-185: multiplying by orthonormal F_T
and F_N removes the effects and leaves uncorrelated errors. The quadratic form of the
transformed data equals that of the demeaned data, so no F is ever formed; only the
number of independent cities and periods changes.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.numerics.lags import Array

FIXED_EFFECTS = ("none", "individual", "time", "twoways")


def sweeps_cities(fixed_effects: str) -> bool:
    """Whether city (individual) effects are removed."""
    return fixed_effects in ("individual", "twoways")


def sweeps_time(fixed_effects: str) -> bool:
    """Whether period effects are removed."""
    return fixed_effects in ("time", "twoways")


def sweep(v: Array, fixed_effects: str) -> Array:
    """Project `v`, shape (n, T) or (n, T, k), off the fixed effects."""
    n, T = v.shape[:2]
    # Products: means over an axis of few numbers take five times as long.
    if sweeps_cities(fixed_effects):
        v = v - (np.full((1, T), 1 / T) @ v.reshape(n, T, -1)).reshape(n, 1, *v.shape[2:])
    if sweeps_time(fixed_effects):
        v = v - (np.full(n, 1 / n) @ v.reshape(n, -1)).reshape(1, *v.shape[1:])
    return v


def sweep_each(v: Array, fixed_effects: str) -> Array:
    """`sweep` of (k, n, T), every (n, T) by itself: its last bit does not depend on the others."""
    swept = np.array(v, order="C")
    sweep_in_place(swept, fixed_effects)
    return swept


def sweep_in_place(v: Array, fixed_effects: str) -> None:
    """`sweep_each` of (k, n, T) in rows, which nobody else reads."""
    n, T = v.shape[1:]
    if sweeps_cities(fixed_effects):
        v -= v @ np.full((T, 1), 1 / T)
    if sweeps_time(fixed_effects):
        v -= np.full((1, n), 1 / n) @ v


def sweep_columns(v: Array, fixed_effects: str) -> Array:
    """`sweep_each` of the columns of (n, T, k)."""
    if fixed_effects == "none":
        return v
    swept = sweep_each(np.moveaxis(v, 2, 0), fixed_effects)
    return np.ascontiguousarray(np.moveaxis(swept, 0, 2))


def sweep_observed(v: Array, fixed_effects: str) -> Array:
    """`sweep` by least squares over the cells of `v`, (n, T), that are not NaN."""
    n, T = v.shape
    seen = ~np.isnan(v).ravel()
    dummies = [np.empty((n * T, 0))]
    if sweeps_cities(fixed_effects):
        dummies.append(np.repeat(np.eye(n), T, axis=0))
    if sweeps_time(fixed_effects):
        dummies.append(np.tile(np.eye(T), (n, 1)))
    D = np.concatenate(dummies, axis=1)
    swept = v.ravel().copy()
    swept[seen] -= D[seen] @ np.linalg.lstsq(D[seen], swept[seen], rcond=None)[0]
    return swept.reshape(n, T)


def dummies(n: int, T: int, fixed_effects: str) -> int:
    """Parameters of the fixed effects: cities and years share one."""
    cities, time = sweeps_cities(fixed_effects), sweeps_time(fixed_effects)
    return n * cities + T * time - (cities and time)


def independent(n: int, T: int, fixed_effects: str) -> tuple[int, int]:
    """Cities and periods that are left after the Lee-Yu transformation."""
    return n - sweeps_time(fixed_effects), T - sweeps_cities(fixed_effects)
