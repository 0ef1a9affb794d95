"""Does the answer hang on one city? Every city is left out once.

Leaving a city out cuts its links: its neighbours lose them, standardised rows are scaled
anew, and what W lost is told beside every result. What a formula computes over all rows
(`standardize`, `winsor`) is computed without the city. The cities of a spatial model are
not independent: the spread of these estimates is no standard error; it shows influence.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, PanelError, SpatialsynError, expect, named
from spatialsyn.fitting import fit
from spatialsyn.models.choice import Covariance
from spatialsyn.models.design import align
from spatialsyn.models.spec import SpatialModel
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import dense
from spatialsyn.weights.series import Links

FEWEST = 4
# Coverage of the intervals of effects, and the p below which one is significant.
LEVEL, ALPHA = 0.95, 0.05
NUMBER = ("estimate", "se", "low", "high", "p")


@dataclass(frozen=True, eq=False, repr=False)
class Jackknife:
    """Effects without each city.

    Attributes
    ----------
    table : DataFrame, one row per city left out and effect
        ``without, x, effect, estimate, se``, ``change`` from the estimate with all cities,
        ``in_se``, that change in standard errors of it, ``low, high`` (95 %), ``p``, and for
        every matrix ``lost[geo]``: the share of the weight of the other cities that lay on this
        one.
    full : the effects with all cities, ``x, effect, estimate, se, low, high, p``
    failures : city -> why there is no estimate without it
    """

    table: pd.DataFrame
    full: pd.DataFrame
    failures: Mapping[Any, str]

    @property
    def summary(self) -> pd.DataFrame:
        """One row per effect: range, who moves it most, how often sign or significance change."""
        rows = []
        for row in self.full.to_dict("records"):
            mine = self.table[
                (self.table["x"] == row["x"]) & (self.table["effect"] == row["effect"])
            ]
            most = mine.loc[mine["in_se"].abs().idxmax()] if mine["in_se"].notna().any() else None
            rows.append(
                {
                    "x": row["x"], "effect": row["effect"], "estimate": row["estimate"],
                    "smallest": mine["estimate"].min(), "largest": mine["estimate"].max(),
                    "most": None if most is None else most["without"],
                    "in_se": float("nan") if most is None else most["in_se"],
                    "other_sign": int((mine["estimate"] * row["estimate"] < 0).sum()),
                    "other_significance": int(((mine["p"] < ALPHA) != (row["p"] < ALPHA)).sum()),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        shown = self.summary.to_string(index=False, float_format="{:.4g}".format)
        return f"{shown}\n{self._below()}"

    def _repr_html_(self) -> str:
        return as_html(self.summary, self._below())

    def _below(self) -> str:
        cities = self.table["without"].nunique() + len(self.failures)
        gone = f", {len(self.failures)} without an estimate: {named(self.failures)}"
        return f"(each of {cities} cities left out once{gone if self.failures else ''})"


def jackknife(
    model: SpatialModel,
    panel: CityPanel,
    weights: Any,
    cov: Covariance = None,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Jackknife:
    """Estimate `model` without each city in turn.

    Parameters
    ----------
    cov : as in `ss.fit`
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        A model without regressors, or a panel of fewer than four cities.
    """
    engine = Engine(n_jobs, backend, scheduler)
    expect(model, SpatialModel, "jackknife needs a model such as ss.sdm(...)", ModelError)
    expect(panel, CityPanel, "jackknife needs a panel: ss.CityPanel(frame, ...)", PanelError)
    if panel.n < FEWEST:
        raise ModelError(f"leaving one out needs {FEWEST} cities at least; there are {panel.n}.")
    matrices = align(weights, model.weights_names, panel)
    own = fit(model, panel, matrices, cov)
    full = own.effects(level=LEVEL).table
    call = partial(without, model, panel, matrices, cov)
    made = engine.all(call, panel.ids, "cities")
    pairs = list(zip(panel.ids, made, strict=True))
    failures = {city: why for city, why in pairs if isinstance(why, str)}
    parts = [table for table in made if not isinstance(table, str)]
    if not parts:
        raise ModelError(f"there is no estimate without any city: {next(iter(failures.values()))}")
    table = pd.concat(parts, ignore_index=True)
    keys = ["x", "effect"]
    base = table[keys].merge(full[[*keys, "estimate", "se"]], on=keys, how="left")
    change = table["estimate"] - base["estimate"]
    table.insert(5, "change", change)
    table.insert(6, "in_se", change / base["se"].where(base["se"] > 0))
    return Jackknife(table, full[[*keys, *NUMBER]], failures)


def without(
    model: SpatialModel,
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: Covariance,
    city: Any,
) -> pd.DataFrame | str:
    """The effects without one city, or why there are none."""
    kept = [i for i in panel.ids if i != city]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cut = {name: w.subset(kept) for name, w in weights.items()}
            table = fit(model, panel.subset(kept), cut, cov).effects(level=LEVEL).table
        except SpatialsynError as error:
            return str(error)
    table = table[["x", "effect", *NUMBER]].copy()
    table.insert(0, "without", city)
    for name, w in weights.items():
        table[f"lost[{name}]"] = weight_lost(w, panel, city)
    return table


def weight_lost(w: Links, panel: CityPanel, city: Any) -> float:
    """The share of the other cities' weight that lay on `city`."""
    matrix = dense(w.over(panel.years))
    at = panel.ids.index(city)
    others = [i for i in range(panel.n) if i != at]
    rows = matrix[..., others, :]
    return float(rows[..., at].sum() / rows.sum())
