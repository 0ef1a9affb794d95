"""Small made-up panels and weights for tests, seeded."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

import spatialsyn as ss
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import lag
from spatialsyn.numerics.transform import sweep


def ring(n: int, seed: int = 0) -> np.ndarray:
    """A connected asymmetric neighbourhood: a circle with a few random links, row-standardised."""
    rng = np.random.default_rng(seed)
    links = np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)
    links += (rng.random((n, n)) < 2 / n) * rng.random((n, n))
    np.fill_diagonal(links, 0)
    return links / links.sum(axis=1, keepdims=True)


def made_up(
    n: int = 12, T: int = 6, rho: float = 0.4, seed: int = 0, noise: float = 0.3
) -> tuple[ss.CityPanel, ss.Weights]:
    """A panel drawn from a two-way spatial Durbin model, and its weights ``w``.

    The panel, which does not change, is made once; weights, which remember their spectrum, anew.
    """
    ids = [f"c{i:02d}" for i in range(n)]
    w = ss.Weights.from_matrix(ring(n, seed), ids=ids, name="w")
    return _panel(n, T, rho, seed, noise), w


@cache
def _panel(n: int, T: int, rho: float, seed: int, noise: float) -> ss.CityPanel:
    rng = np.random.default_rng(seed)
    W = ring(n, seed)
    x, z = rng.normal(size=(2, n, T))
    effects = rng.normal(size=(n, 1)) + rng.normal(size=(1, T))
    signal = x - 0.5 * z + 0.6 * (W @ x) + effects + noise * rng.normal(size=(n, T))
    y = np.linalg.solve(np.eye(n) - rho * W, signal)
    ids = [f"c{i:02d}" for i in range(n)]
    index = pd.MultiIndex.from_product([ids, range(2001, 2001 + T)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": z.ravel()}, index=index)
    frame["size"] = np.exp(0.3 * frame["z"])
    frame["region"] = np.repeat(np.where(np.arange(n) < n // 3, "core", "edge"), T)
    return ss.CityPanel(frame.reset_index(), city="city", year="year", blocks=["region"])


def two_matrices(n: int = 7, T: int = 4, seed: int = 3) -> tuple[ss.CityPanel, list[ss.Weights]]:
    """`made_up` with asymmetric matrices that do not commute: ``w`` for y and x, ``v`` for u."""
    panel, w = made_up(n=n, T=T, seed=seed)
    return panel, [w, ss.Weights.from_matrix(ring(n, 9)[::-1, ::-1], ids=panel.ids, name="v")]


def within(v: np.ndarray) -> np.ndarray:
    """(n, T) without city means, as one vector."""
    return (v - v.mean(axis=1, keepdims=True)).ravel()


def swept(v: np.ndarray) -> np.ndarray:
    """(n, T) without city and year means, as one vector."""
    return (v - v.mean(0) - v.mean(1, keepdims=True) + v.mean()).ravel()


def redrawn(design: Design, W: np.ndarray, y: np.ndarray) -> Design:
    """The design with other outcomes, `y` (n, T, draws), each swept, one panel after the other."""
    n, draws = len(y), y.shape[2]

    def in_a_row(v):
        return np.moveaxis(sweep(v, design.fixed_effects), 2, 1).reshape(n, -1)

    def repeated(Z):
        return np.tile(Z, (1, draws, 1))

    lags = [in_a_row(lag(np.linalg.matrix_power(W, k), y)) for k in (0, 1, 2)]
    Wy, WWy = (v[..., None] if design.W else np.empty((*v.shape, 0)) for v in lags[1:])
    error = design.error
    if error is not None:
        error = replace(error, y=lags[1], Wy=WWy, Z=repeated(error.Z))
    return replace(design, y=lags[0], Wy=Wy, Z=repeated(design.Z), error=error)
