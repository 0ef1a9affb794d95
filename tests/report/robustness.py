"""Robustness of a small model by every check that is printed: found once for the tests."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from cases import made_up

import spatialsyn as ss
from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.study.jackknife import Jackknife
from spatialsyn.study.placebo import Placebo

OLS = ss.ols("y ~ x")
SDM = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
LOGS = {("ols", "-"): -104.0, ("sar", "geo"): -101.0, ("sdm", "geo"): -100.0,
        ("sar", "eco"): -102.0, ("sdm", "eco"): -113.0}  # fmt: skip


@lru_cache
def data():
    """12 cities, 6 years, W of the data and a matrix with other neighbours."""
    panel, w = made_up(n=12, T=6)
    other = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="other")
    return panel, w, other


@lru_cache
def jackknife(model: ss.SpatialModel = SDM) -> Jackknife:
    panel, w, _ = data()
    return ss.jackknife(model, panel, w)


@lru_cache
def placebo(shuffle: str = "W") -> Placebo:
    panel, w, _ = data()
    return ss.placebo(SDM, panel, w, shuffle=shuffle, x="x" if shuffle == "x" else None, draws=39)


@lru_cache
def j_tests(draws: int = 0) -> pd.DataFrame:
    panel, w, other = data()
    return ss.diagnostics.j_tests(SDM, panel, [w, other], draws=draws)


def probabilities() -> Probabilities:
    """Log-marginals that are made up; probabilities by the definition of odds."""
    logs = np.array(list(LOGS.values()))
    odds = [sum(np.exp(other - mine) for other in logs) for mine in logs]
    table = pd.DataFrame(list(LOGS), columns=["family", "W"])
    table = table.assign(log_marginal=logs, probability=1 / np.array(odds), rho=0.4)
    said = "y ~ x; fixed effects: twoways (lee-yu); g-prior, families and W equally likely"
    return Probabilities(table, said)


def by_hand() -> Jackknife:
    """Four cities: one changes the sign, two the significance, none both."""
    full = pd.DataFrame({"x": ["x"], "effect": ["total"], "estimate": 0.3, "se": 0.1, "low": 0.104,
                         "high": 0.496, "p": 0.003})  # fmt: skip
    estimates, p = np.array([0.31, -0.4, 0.12, 0.35]), [0.01, 0.02, 0.2, 0.07]
    table = pd.DataFrame(
        {"without": ["a", "b", "c", "d"], "x": "x", "effect": "total", "estimate": estimates,
         "se": 0.1, "change": estimates - 0.3, "in_se": (estimates - 0.3) / 0.1,
         "low": estimates - 0.196, "high": estimates + 0.196, "p": p, "lost[w]": 0.25}
    )  # fmt: skip
    return Jackknife(table, full, {"e": "W[w] has cities without neighbours: 'f'. Drop them."})
