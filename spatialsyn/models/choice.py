"""A covariance with a choice of its own: groups of cities, or a reach.

It is written ``{"kind": "cluster", "by": "region"}`` or ``{"kind": "spatial-hac", "km": 200}``,
with the arguments of `Results.with_cov`; others are written as their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, TypeAlias

import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError
from spatialsyn.models.clusters import CLUSTER, clustered, group_by
from spatialsyn.models.covariance import HAC, check_kind, covered
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.weights.bands import nearness
from spatialsyn.weights.checks import real

Covariance: TypeAlias = str | Mapping[str, Any] | None

# What is chosen beside the kind, an example, and what it is.
CHOICES = {
    CLUSTER: ("by", "region", "a grouping of the panel"),
    HAC: ("km", 200, "a reach in kilometres"),
}


def check_choice(cov: object, written: Callable[..., str] = "cov={!r}".format) -> None:
    """Refuse the name of no covariance, and a choice that is missing or there is none of.

    Parameters
    ----------
    written : how a covariance is written, of a name or a dictionary
    """
    kind = cov.get("kind") if isinstance(cov, Mapping) else cov
    check_kind(kind)
    whole = {name: written({"kind": name, key: one}) for name, (key, one, _) in CHOICES.items()}
    if kind in CHOICES:
        key, _, what = CHOICES[kind]
        if isinstance(cov, Mapping) and isinstance(cov.get("by"), pd.Series):
            raise ModelError(
                "cov has a Series as by, and here a grouping goes by its name: "
                f"panel.grouped(region=...), and {whole[CLUSTER]}. Results.with_cov takes a Series."
            )
        if not isinstance(cov, Mapping) or set(cov) != {"kind", key} or not _fits(key, cov[key]):
            raise ModelError(f"cov={cov!r}: write {whole[kind]}, {what}.")
    elif isinstance(cov, Mapping) and kind is None:
        raise ModelError(f"cov={cov!r} has no kind: write {' or '.join(whole.values())}.")
    elif isinstance(cov, Mapping):
        raise ModelError(
            f"cov={cov!r}: only {' and '.join(map(repr, CHOICES))} have a choice beside their "
            f"kind; write {written(kind)}."
        )


def check_chosen(cov: object, panel: CityPanel) -> None:
    """Refuse what is no covariance on this panel, before anything is estimated.

    Raises
    ------
    ModelError
        See `check_choice`; or no such grouping.
    WeightsError
        A reach that `nearness` refuses.
    """
    check_choice(cov)
    if isinstance(cov, Mapping) and cov["kind"] == HAC:
        nearness(panel, cov["km"])
    elif isinstance(cov, Mapping):
        group_by(cov["by"], panel)


def covered_by(
    design: Design,
    estimate: Estimate,
    panel: CityPanel,
    kind: str,
    km: float | None = None,
    by: Any = None,
) -> tuple[Design, Estimate, str]:
    """The same estimate with another covariance, the design it rests on, and what it is called."""
    near = None if km is None else nearness(panel, km)
    design, chosen = clustered(design, kind, by, panel)
    estimate = covered(design, estimate, kind, near)
    return design, estimate, ", ".join(filter(None, (kind, chosen, f"{km:g} km" if km else "")))


def _fits(key: str, value: object) -> bool:
    return isinstance(value, str) if key == "by" else not isnan(real(value))
