"""Small maps of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cases import ring

import spatialsyn as ss


def field(
    values: np.ndarray, name: str = "x", first: int = 2001
) -> tuple[ss.CityPanel, ss.Weights]:
    """A panel of (n, T) values and a row-standardised asymmetric ring among its cities."""
    n, T = values.shape
    ids = [f"c{i:03d}" for i in range(n)]
    index = pd.MultiIndex.from_product([ids, range(first, first + T)], names=["city", "year"])
    frame = pd.DataFrame({name: values.ravel()}, index=index).reset_index()
    return ss.CityPanel(frame, city="city"), ss.Weights.from_matrix(ring(n), ids=ids, name="w")


def smooth(n: int = 30, T: int = 3, rho: float = 0.7, seed: int = 0) -> np.ndarray:
    """Values that are alike among neighbours on the ring, positive."""
    noise = np.random.default_rng(seed).normal(size=(n, T))
    return np.exp(0.5 * np.linalg.solve(np.eye(n) - rho * ring(n), noise))
