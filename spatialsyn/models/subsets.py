"""Which of the matrices of a mixture belong to the model: posterior probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from spatialsyn.models.design import sweep_effects
from spatialsyn.models.formula import Regressors
from spatialsyn.models.posterior import check_g, evidence
from spatialsyn.models.roles import Convex, Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.weights.series import Links


@dataclass(frozen=True, eq=False)
class Averaged:
    """Posterior probabilities of the subsets of a mixture's matrices.

    Attributes
    ----------
    table : one row per subset: ``log_marginal, probability``, posterior means of rho and of
        the shares, zero for a matrix that is not in the subset
    inclusion : probability that a matrix belongs to the model
    means : rho and the shares, averaged over the subsets
    """

    table: pd.DataFrame
    inclusion: pd.Series
    means: pd.Series

    def __repr__(self) -> str:
        shown = self.table.to_string(float_format="{:.4g}".format)
        return f"{shown}\nInclusion: " + ", ".join(
            f"{n} {p:.3f}" for n, p in self.inclusion.items()
        )


def averaged(
    model: SpatialModel, data: Regressors, weights: Mapping[str, Links], g: float | None
) -> Averaged:
    """Every non-empty subset of the matrices, all equally likely before the data."""
    check_g(g)
    mixed = model.roles.mixed
    assert mixed is not None
    rows = {}
    for size in range(1, len(mixed.names) + 1):
        for chosen in combinations(mixed.names, size):
            design = sweep_effects(_only(model, chosen), data, weights)
            log, means = evidence(design, float(design.nobs if g is None else g))
            names = ("rho", *(f"share[{name}]" for name in chosen))
            rows["+".join(chosen)] = {"log_marginal": log, **dict(zip(names, means, strict=True))}
    values = ["rho", *(f"share[{name}]" for name in mixed.names)]
    table = pd.DataFrame(rows).T.reindex(columns=["log_marginal", *values])
    chance = np.exp(table["log_marginal"] - table["log_marginal"].max())
    table.insert(1, "probability", chance / chance.sum())
    member = table[values[1:]].notna().set_axis(list(mixed.names), axis=1)
    table = table.fillna(0.0).rename_axis("subset")
    inclusion, means_ = (
        part.mul(table["probability"], axis=0).sum() for part in (member, table[values])
    )
    return Averaged(table, inclusion, means_)


def _only(model: SpatialModel, chosen: tuple[str, ...]) -> SpatialModel:
    """The model with some of its mixture's matrices; WX of the mixture follow, others stay."""
    given = model.roles
    assert given.mixed is not None
    wx = given.wx
    if tuple(name for name, _ in wx) == given.mixed.names:
        wx = tuple(pair for pair in wx if pair[0] in chosen)
    return model.but(W=Roles(chosen, wx, given.wu, Convex(chosen, given.mixed.wx)))
