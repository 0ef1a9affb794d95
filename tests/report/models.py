"""Models of one panel, of every family that a table must show side by side."""

from __future__ import annotations

import warnings
from functools import lru_cache

import spatialsyn as ss

FORMULA = "log(gdp) ~ urbanization + secondary_share"


@lru_cache
def places():
    """The panel of Guangdong with weights of borders and of income."""
    panel = ss.datasets.guangdong()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    income = panel.mean("gdp_per_capita", years=(2011, 2012))
    return panel, geo, ss.weights.gap(income, name="eco").standardize("row")


@lru_cache
def fitted(kind):
    """One model, fitted once per session."""
    fixed = {"fixed_effects": "twoways"}
    model = {
        "ols": lambda: ss.ols(FORMULA, **fixed),
        "sar": lambda: ss.sar(FORMULA, W="geo", **fixed),
        "sdm": lambda: ss.sdm(FORMULA, W="geo", **fixed),
        "eco": lambda: ss.sdm(FORMULA, W="eco", **fixed),
        "two": lambda: ss.sdm(FORMULA, W=["geo", "eco"], **fixed),
        "convex": lambda: ss.sdm(FORMULA, W=ss.convex("geo", "eco"), **fixed),
        "random": lambda: ss.sdm(FORMULA, W="geo", random="individual"),
        "dynamic": lambda: ss.sdm(
            FORMULA, W="geo", lag_y=True, lag_wy=True, fixed_effects="individual",
            correction="direct",
        ),
        "restless": lambda: ss.sdm(FORMULA, W="geo", lag_y=True, fixed_effects="individual"),
        "mess": lambda: ss.mess_sdm(FORMULA, W="geo", **fixed),
        "gns": lambda: ss.gns(FORMULA, W="geo", fixed_effects="individual"),
        "regimes": lambda: ss.sdm(FORMULA, W="geo", regimes="region", **fixed),
        "2sls": lambda: ss.sar(FORMULA, W="geo", estimator="2sls", **fixed),
    }[kind]()  # fmt: skip
    panel, geo, eco = places()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a root above one is what `restless` is for
        return ss.fit(model, panel, [geo, eco])


KINDS = ("ols", "sar", "sdm", "two", "convex", "random", "dynamic", "restless", "mess", "gns",
         "regimes", "2sls")  # fmt: skip
