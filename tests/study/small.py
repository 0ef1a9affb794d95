"""A panel small enough that two hundred models take a second, and studies of it."""

from __future__ import annotations

import numpy as np
from cases import made_up

import spatialsyn as ss


def panel_and_weights(seed: int = 0, **options) -> tuple[ss.CityPanel, ss.Weights]:
    """Two-way spatial Durbin data in y, x, z, and a variable v that does nothing."""
    panel, w = made_up(seed=seed, **options)
    v = np.random.default_rng(seed + 100).normal(size=(panel.n, panel.T))
    return panel.assign(v=np.exp(v)), w


MODEL = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")


def two_hundred() -> ss.Study:
    """200 models, of which a sixth lags x over more years than it keeps and is refused."""
    panel, w = panel_and_weights()
    models = ss.grid(
        MODEL,
        fixed_effects=["individual", "twoways"],
        drop_years=[None, 2001, 2003, 2006, (2005, 2006)],
        x=ss.swap("z", ["v", "log(v)"]),
        winsor=[None, 0.02, 0.05],
        lag_x=[0, 1, 5],
    )
    return ss.Study(panel, w, dict(list(models.items())[:200]))


def contents(folder) -> dict[str, bytes]:
    """The files of a store."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
