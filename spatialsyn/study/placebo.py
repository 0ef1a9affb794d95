"""Does chance give the same? Effects once places were exchanged at random.

``W``      the cities of every matrix are relabelled: the structure of W stays, and cities
           get the neighbours of others.
``links``  every city keeps the strengths of its links and gets random cities at their ends.
``x``      the cities exchange their whole series of one variable.

If the effects of the data lie well inside those of chance, then W, or x, has not earned
them. A draw depends on the seed and its own number only.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, PanelError, SpatialsynError, check_whole, expect, named
from spatialsyn.fitting import fit
from spatialsyn.models.design import align
from spatialsyn.models.spec import SpatialModel
from spatialsyn.notebook import as_html
from spatialsyn.numerics.permutation import two_sided
from spatialsyn.numerics.randomness import generator, sequence
from spatialsyn.results import Results
from spatialsyn.weights.core import FOUND, Weights
from spatialsyn.weights.series import Links, WeightsSeries

SHUFFLES = ("W", "links", "x")
# Fewest draws that a share is taken of.
FEWEST = 19
# The part of the draws between `low` and `high`.
INSIDE = 0.95
EFFECT = ["x", "effect"]


@dataclass(frozen=True, eq=False, repr=False)
class Placebo:
    """Effects of the data beside those of chance.

    Attributes
    ----------
    shuffle : "W" | "links" | "x", what was exchanged
    table : DataFrame, one row per effect, and rows for rho (or alpha) and the log-likelihood
        ``x, effect, estimate`` (of the data), ``mean, low, high`` (of 95 % of the draws),
        ``p``: twice the smaller tail of the draws, ``p_t``: the same of estimate / se.
    draws : DataFrame
        ``draw, x, effect, estimate, t``, one row per draw and effect.
    failed : draws without an estimate
    seed : of the draws
    """

    shuffle: str
    table: pd.DataFrame
    draws: pd.DataFrame
    failed: int
    seed: int

    def __repr__(self) -> str:
        shown = self.table.to_string(index=False, float_format="{:.4g}".format)
        return f"{shown}\n{self._below()}"

    def _repr_html_(self) -> str:
        return as_html(self.table, self._below())

    def _below(self) -> str:
        count = self.draws["draw"].nunique()
        lost = f", {self.failed} without an estimate" if self.failed else ""
        return f"({self.shuffle} exchanged at random, {count} draws{lost}, seed {self.seed})"


def placebo(
    model: SpatialModel,
    panel: CityPanel,
    weights: Any,
    shuffle: str = "W",
    x: str | None = None,
    draws: int = 199,
    seed: int = 0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Placebo:
    """Estimate `model` again and again with places exchanged at random.

    Parameters
    ----------
    shuffle : "W" | "links" | "x"
    x : the column of the panel that cities exchange, for shuffle="x"
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        Nothing to shuffle, or too few draws.
    """
    engine = Engine(n_jobs, backend, scheduler)
    expect(model, SpatialModel, "placebo needs a model such as ss.sdm(...)", ModelError)
    expect(panel, CityPanel, "placebo needs a panel: ss.CityPanel(frame, ...)", PanelError)
    _check(model, panel, shuffle, x, draws)
    sequence(seed)  # what is no number is refused before anything is estimated
    matrices = align(weights, model.weights_names, panel)
    own = fit(model, panel, matrices)
    _check_moves(own, x)
    call = partial(drawn, model, panel, matrices, shuffle, x, seed)
    found = engine.all(call, range(draws))
    made = {i: rows for i, rows in enumerate(found) if rows is not None}
    if not made:
        raise ModelError(f"none of the {draws} draws has an estimate, so there is no placebo.")
    rows = pd.concat([rows.assign(draw=i) for i, rows in made.items()])
    table = compared(rows_of(own, x), rows)
    rows = rows[["draw", *EFFECT, "estimate", "t"]].reset_index(drop=True)
    return Placebo(shuffle, table, rows, draws - len(made), seed)


def _check(model: SpatialModel, panel: CityPanel, shuffle: str, x: str | None, draws: int) -> None:
    if shuffle not in SHUFFLES:
        raise ModelError(f"shuffle={shuffle!r} is not one of {named(SHUFFLES)}.")
    check_whole("draws", draws, FEWEST)
    if shuffle == "x":
        if x not in panel.variables:
            raise ModelError(
                f'shuffle="x" exchanges a column of the panel: x={x!r} is not one of '
                f"{named(panel.variables, 40)}."
            )
    elif x is not None:
        raise ModelError(f'x={x!r} is exchanged by shuffle="x"; shuffle={shuffle!r} takes none.')
    elif not model.weights_names:
        raise ModelError(f"{model.family} has no matrix to exchange cities in: use shuffle='x'.")
    elif shuffle == "links" and model.instrument_W:
        W, other = model.instrument_W[0]
        raise ModelError(
            f'shuffle="links" gives W[{W}] and W[{other}], which stands in for it, random links of '
            'their own: the one would be no instrument for the other. Use shuffle="W", which '
            "exchanges the cities of both alike."
        )


def _check_moves(own: Results, x: str | None) -> None:
    """Refuse to exchange a column that no regressor is made of."""
    used = sorted(set().union(*own.data.sources)) if own.data.sources else []
    if x is not None and x not in used:
        raise ModelError(f"x={x!r} is in no regressor; they are made of {named(used, 40)}.")


def drawn(
    model: SpatialModel,
    panel: CityPanel,
    weights: Mapping[str, Links],
    shuffle: str,
    x: str | None,
    seed: int,
    number: int,
) -> pd.DataFrame | None:
    """The effects of one draw; None where it has no estimate."""
    rng = generator(seed, number)
    order = rng.permutation(panel.n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if shuffle == "x":
                panel = panel.assign(**{str(x): panel.array(str(x))[order]})
            elif shuffle == "W":
                weights = {name: relabelled(w, order) for name, w in weights.items()}
            else:
                weights = {name: rewired(w, rng) for name, w in weights.items()}
            return rows_of(fit(model, panel, weights), x)
        except SpatialsynError:
            return None


def relabelled(w: Links, order: Any) -> Links:
    """The same matrix with its rows and columns given to other cities."""
    ids = [w.ids[i] for i in order]
    if isinstance(w, WeightsSeries):
        moved = {year: _as(member, ids) for year, member in w.by_year.items()}
        return WeightsSeries(moved, w.name).aligned(w.ids)
    return _as(w, ids).aligned(w.ids)


def _as(w: Weights, ids: list[Any]) -> Weights:
    """`w` with its rows called `ids`, and what `aligned` takes along of what was found of it."""
    made = replace(w, ids=tuple(ids))
    made.__dict__.update({name: w.__dict__[name] for name in FOUND if name in w.__dict__})
    return made


def rewired(w: Links, rng: np.random.Generator) -> Links:
    """Every row keeps its numbers and gets them in other, random places off the diagonal."""
    if isinstance(w, WeightsSeries):
        years = {y: _rewired(member, rng) for y, member in w.by_year.items()}
        return WeightsSeries(years, w.name).standardize(w.standardization)
    return _rewired(w, rng).standardize(w.standardization)


def _rewired(w: Weights, rng: np.random.Generator) -> Weights:
    off = ~np.eye(w.n, dtype=bool)
    matrix = np.zeros((w.n, w.n))
    matrix[off] = rng.permuted(w.dense()[off].reshape(w.n, w.n - 1), axis=1).ravel()
    recipe = {**w.recipe, "rewired": True}
    return replace(w, matrix=matrix, recipe=recipe, standardization="none")


def rows_of(results: Results, x: str | None) -> pd.DataFrame:
    """Effects (those of the column `x`, or all), rho or alpha, log-likelihood, with a t-value."""
    parts = []
    if results.regressors:
        table = results.effects().table[[*EFFECT, "estimate", "se"]]
        sources = dict(zip(results.data.names, results.data.sources, strict=True))
        parts.append(table if x is None else table[[x in sources[name] for name in table["x"]]])
    for kind, found in (("rho", results.rho), ("alpha", results.alpha)):
        se = results.se[[f"{kind}[{name}]" for name in found.index]].to_numpy()
        parts.append(pd.DataFrame({"x": found.index, "effect": kind, "estimate": found, "se": se}))
    loglik = {"x": "", "effect": "log-likelihood", "estimate": results.loglik, "se": np.nan}
    parts.append(pd.DataFrame([loglik]))
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return rows.assign(t=rows["estimate"] / rows["se"].where(rows["se"] > 0))


def compared(own: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The estimates of the data beside the distribution of the draws."""
    tails = [(1 - INSIDE) / 2, (1 + INSIDE) / 2]
    rows = []
    for row in own.to_dict("records"):
        mine = found[(found["x"] == row["x"]) & (found["effect"] == row["effect"])]
        low, high = mine["estimate"].quantile(tails)
        rows.append(
            {
                "x": row["x"], "effect": row["effect"], "estimate": row["estimate"],
                "mean": mine["estimate"].mean(), "low": low, "high": high,
                "p": two_sided(row["estimate"], mine["estimate"].to_numpy()),
                "p_t": two_sided(row["t"], mine["t"].to_numpy()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
