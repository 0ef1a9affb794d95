"""Groups of cities, such as provinces, whose errors may depend on each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.tidying import grouping
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array

CLUSTER = "cluster"


def clustered(design: Design, kind: str, by: Any, panel: CityPanel) -> tuple[Design, str | None]:
    """`design` with the groups that a covariance of this kind sums over, and their name.

    Parameters
    ----------
    by : a grouping of the panel, or a Series, the group of each city; None for other kinds

    Raises
    ------
    ModelError
        No such grouping, or a kind that has none.
    """
    if by is None:
        return replace(design, groups=None), None
    if kind != CLUSTER:
        raise ModelError(f"by is the grouping of cov={CLUSTER!r}; cov={kind!r} has none.")
    group = group_by(by, panel)
    return replace(design, groups=np.asarray(pd.factorize(group)[0])), str(group.name)


def group_by(by: Any, panel: CityPanel) -> pd.Series:
    """The group of each city.

    Raises
    ------
    ModelError
        No such grouping.
    """
    group = grouping(by, panel)
    if group is None:
        raise ModelError(
            f"by={by!r} is not a grouping of the panel, which has {named(panel.blocks) or 'none'}. "
            "panel.grouped(zone=...) adds one."
        )
    return group


def groups_of(design: Design) -> Array:
    """(n,) the groups of a design that has them."""
    if design.groups is None:
        raise ModelError(
            f"cov={CLUSTER!r} needs a grouping of the cities: "
            'ss.fit(...).with_cov("cluster", by="region").'
        )
    return design.groups


def membership(groups: Array) -> Array:
    """(C, n): one where a city is in a cluster."""
    return np.equal.outer(np.arange(groups.max() + 1), groups).astype(float)
