"""Panels with several weights matrices, made up or stored, for tests of mixtures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from cases import made_up, ring
from peers import long_matrix, shared

import spatialsyn as ss

NAMES = ("a", "b", "c")


def three(
    n: int = 14,
    T: int = 7,
    rho: float = 0.5,
    shares: tuple[float, ...] = (0.5, 0.3, 0.2),
    seed: int = 0,
    noise: float = 0.4,
    effects: str = "twoways",
) -> tuple[ss.CityPanel, list[ss.Weights]]:
    """A panel drawn from a mixture of three asymmetric matrices, and these."""
    panel, _ = made_up(n=n, T=T, seed=seed)
    dense = [ring(n, 1), ring(n, 5)[::-1, ::-1], np.roll(ring(n, 9), (3, 3), axis=(0, 1))]
    far = [W @ W * (1 - np.eye(n)) for W in dense]
    dense = [dense[0], far[1] / far[1].sum(1, keepdims=True), dense[2]]
    weights = [
        ss.Weights.from_matrix(W, ids=panel.ids, name=name)
        for W, name in zip(dense, NAMES, strict=True)
    ]
    rng = np.random.default_rng(seed + 1)
    mixed = sum(s * W for s, W in zip(shares, dense, strict=True))
    city, year = rng.normal(size=(n, 1)), rng.normal(size=(1, T))
    added = city * (effects in ("individual", "twoways")) + year * (effects in ("time", "twoways"))
    x, z = panel.array("x"), panel.array("z")
    signal = x - 0.5 * z + 0.4 * mixed @ x + added + noise * rng.normal(size=(n, T))
    return panel.assign(y=np.linalg.solve(np.eye(n) - rho * mixed, signal)), weights


def mixed(family: str = "sdm", names=NAMES, wx: str = "each", **options) -> ss.SpatialModel:
    options.setdefault("fixed_effects", "twoways")
    return getattr(ss, family)("y ~ x + z", W=ss.convex(*names, wx=wx), **options)


def swept(v: np.ndarray, effects: str) -> np.ndarray:
    v = v - v.mean(1, keepdims=True) if effects in ("individual", "twoways") else v
    return v - v.mean(0, keepdims=True) if effects in ("time", "twoways") else v


@lru_cache
def stored(case: str) -> tuple[ss.CityPanel, tuple[ss.Weights, ...], str]:
    """A case of the folder beside the checkout: panel, weights, formula."""
    data = ("reference", "matlab", "data")
    frame = pd.read_csv(shared(*data, "weekly.csv" if case == "weekly_conv" else f"{case}.csv"))
    if case == "weekly_conv":
        panel = ss.CityPanel(frame, city="unit", year="week")
        read = [
            pd.read_csv(shared(*data, f"weekly_{name}.csv")).iloc[:, 1:].to_numpy(float)
            for name in ("Wcont_binary", "commodity_flows")
        ]
        near, flows = (_rows(W * (1 - np.eye(48))) for W in read)
        matrices = [near, _rows(np.where(flows < 0.005, 0.0, flows))]
        formula = "uclaims ~ jobposts + athome"
    else:
        panel = ss.CityPanel(frame, city="i", year="t")
        count = 2 if case == "sim_conv_sar" else 3
        matrices = [
            long_matrix(shared(*data, f"{case}_W{m}.csv"), panel.n) for m in range(1, count + 1)
        ]
        formula = "y ~ x1 + x2"
    weights = [
        ss.Weights.from_matrix(W, ids=panel.ids, name=name)
        for W, name in zip(matrices, NAMES, strict=False)
    ]
    return panel, tuple(weights), formula


def _rows(W: np.ndarray) -> np.ndarray:
    return W / W.sum(axis=1, keepdims=True)
