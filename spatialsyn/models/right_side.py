"""The right side of a model: regressors, their spatial lags, city means and lags in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from spatialsyn.models.checks import ABSORBED
from spatialsyn.models.columns import Column
from spatialsyn.models.formula import Regressors
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import lag_of
from spatialsyn.numerics.lags import Array, lag, lag_columns
from spatialsyn.weights.series import Links


def right_side(
    model: SpatialModel, data: Regressors, weights: Mapping[str, Links]
) -> tuple[Array, tuple[Column, ...]]:
    """Regressors, their spatial lags, city means and lags in time: (n, T, p) and what they are."""
    places, named = sources(model, data)
    columns = list(named)
    lagged = {
        name: [j for j, c in zip(places, columns, strict=True) if name == c.W]
        for name, _ in model.roles.wx
    }
    over = {name: weights[name].over(data.years) for name in lagged}
    lags = [lag_columns(over[name], data.X[..., at]) for name, at in lagged.items()]
    X = np.concatenate([data.X, *lags], axis=2)
    if model.regimes is not None and columns:  # without regressors rho alone differs
        X, columns = _by_block(X, columns, data, model.regimes.x)
    if model.random == "correlated":
        X, columns = _with_means(X, columns)
    if data.before is not None:
        X, columns = _with_lags_in_time(X, columns, model, data, weights)
    return X, tuple(columns)


def sources(model: SpatialModel, data: Regressors) -> tuple[tuple[int, ...], tuple[Column, ...]]:
    """The regressors and their spatial lags: the place of each in `data.X`, and what it is."""
    return _sources(data.names, data.terms, data.lagged, model.roles.wx)


@lru_cache(maxsize=1024)  # models of a study share them
def _sources(
    names: tuple[str, ...],
    terms: tuple[str, ...],
    lagged: tuple[bool, ...],
    wx: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[tuple[int, ...], tuple[Column, ...]]:
    found = [(j, Column(x, x)) for j, x in enumerate(names)]
    for W, chosen in wx:
        for j, (x, owner) in enumerate(zip(names, terms, strict=True)):
            if lagged[j] and (not chosen or owner in chosen):
                found.append((j, Column(lag_of(W, x), x, W)))
    places, columns = zip(*found, strict=True) if found else ((), ())
    return tuple(places), tuple(columns)


def _by_block(
    X: Array, columns: list[Column], data: Regressors, terms: tuple[str, ...]
) -> tuple[Array, list[Column]]:
    """Every chosen column once for each block, zero elsewhere."""
    owner = dict(zip(data.names, data.terms, strict=True))
    parts, split = [], []
    for j, column in enumerate(columns):
        if terms and owner[str(column.x)] not in terms:
            parts.append(X[..., j])
            split.append(column)
            continue
        for block, member in data.blocks.items():
            parts.append(X[..., j] * member.reshape(len(member), -1))
            split.append(replace(column, name=f"{column.name}[{block}]", block=block))
    return np.stack(parts, axis=2), split


def _with_means(X: Array, columns: list[Column]) -> tuple[Array, list[Column]]:
    """X with the city means of every regressor and lag that varies over time."""
    mean = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape)
    varies = np.abs(X - mean).max(axis=(0, 1)) > ABSORBED * np.abs(X).max(axis=(0, 1))
    added = [Column(f"mean({c.name})") for c, flag in zip(columns, varies, strict=True) if flag]
    return np.concatenate([X, mean[..., varies]], axis=2), [*columns, *added]


def _with_lags_in_time(
    X: Array,
    columns: list[Column],
    model: SpatialModel,
    data: Regressors,
    weights: Mapping[str, Links],
) -> tuple[Array, list[Column]]:
    """X with y(t-1) and W y(t-1), for a W that is the same every year."""
    assert data.before is not None
    parts = [data.before] if model.lag_y else []
    parts += [lag(weights[name].over(data.years), data.before) for name in model.lag_wy]
    named_ = (["tau"] if model.lag_y else []) + [f"eta[{name}]" for name in model.lag_wy]
    return (
        np.concatenate([X, np.stack(parts, axis=2)], axis=2),
        [*columns, *(Column(name) for name in named_)],
    )
