"""A panel of three cities and two years, or of whatever columns are given."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatialsyn as ss


def panel(cities=("a", "b", "c"), years=(2011, 2012), **columns) -> ss.CityPanel:
    """Columns are listed city by city; blocks come from a column `side`."""
    index = pd.MultiIndex.from_product([list(cities), list(years)], names=["city", "year"])
    given = columns or {
        "u": [1.0, 2, 3, 4, 5, 6],
        "v": [6.0, 1, 5, 2, 4, 3],
        "w": [1.0, 1, 1, 1, 1, 9],
    }
    frame = pd.DataFrame(given, index=index).reset_index()
    blocks = ["side"] if "side" in given else []
    return ss.CityPanel(frame, city="city", year="year", blocks=blocks)


def random_panel(n=6, T=4, seed=0, names=("u", "v", "w"), ids=None) -> ss.CityPanel:
    """Positive numbers, city by city."""
    rng = np.random.default_rng(seed)
    cities = [f"c{i}" for i in range(n)] if ids is None else ids
    columns = {name: rng.gamma(2, 2, size=n * T) + 0.1 for name in names}
    return panel(cities, range(2011, 2011 + T), **columns)
