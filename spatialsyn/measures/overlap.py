"""Do an outcome and a regressor count the same indicators?

If broadband is part of y and of x, a regression of y on x is partly an identity. Names
show indicators that are shared; how much of y the indicators of x account for by
themselves shows those that differ in name only.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import PanelError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import sweep


@dataclass(frozen=True)
class Overlap:
    """What two indices have in common; false where they share no indicator.

    Attributes
    ----------
    shared : indicators that both count
    r2 : share of the variance of y that x's own indicators account for, linearly
    r2_within : the same after city and year means are taken out, as fixed effects do
    r2_shared, r2_within_shared : the same of the shared indicators alone
    """

    shared: tuple[str, ...]
    r2: float
    r2_within: float
    r2_shared: float
    r2_within_shared: float

    def __bool__(self) -> bool:
        return bool(self.shared)

    def __repr__(self) -> str:
        return (
            f"Overlap: {named(self.shared) or 'no indicator'} shared; R2 of y on the indicators of "
            f"x {self.r2:.3f} (within cities and years {self.r2_within:.3f})"
        )


def overlap(y: Any, x: Any) -> Overlap:
    """Indicators that y and x share, and R2 of y on the indicators of x.

    Warns where there are any: part of the relation is then an identity.

    Parameters
    ----------
    y, x : indices made by `composite`, `coupling`, `composite_synergy` or `grey_relational`
        On the same panel. Names are compared as they stand: a location quotient made of
        employment does not reveal its source.
    """
    for index in (y, x):
        if not all(hasattr(index, name) for name in ("score", "normalised", "indicators")):
            raise PanelError(
                "overlap compares two indices made by composite, coupling, composite_synergy or "
                f"grey_relational; got {type(index).__name__}."
            )
    if not y.score.index.equals(x.score.index):
        raise PanelError(
            "overlap needs two indices on the same cities and years: make both of one panel."
        )
    shared = tuple(sorted(set(y.indicators) & set(x.indicators)))
    full, part = (_r2(y.score, x.normalised[list(names)]) for names in (x.indicators, shared))
    found = Overlap(shared, *full, *part)
    if shared:
        warnings.warn(
            f"y and x share {named(shared)}: these alone account for {found.r2_shared:.0%} of y "
            f"({found.r2_within_shared:.0%} within cities and years), which is an identity and no "
            "effect. Give each indicator to one side.",
            stacklevel=2,
        )
    return found


def _r2(score: pd.Series, indicators: pd.DataFrame) -> tuple[float, float]:
    """R2 of a score on indicators: as they are, and within cities and years."""
    known = score.notna()  # a synergy of changes has no first year
    index = score.index[known]
    n, T = index.get_level_values(0).nunique(), index.get_level_values(1).nunique()
    y = score[known].to_numpy().reshape(n, T, 1)
    X = indicators[known].to_numpy().reshape(n, T, -1)
    return _fit(y, X, "none"), _fit(y, X, "twoways")


def _fit(y: Array, X: Array, effects: str) -> float:
    if effects == "none":
        y, X = y - y.mean(), X - X.mean(axis=(0, 1))
    else:
        y, X = sweep(y, effects), sweep(X, effects)
    y, X = y.ravel(), X.reshape(y.size, -1)
    if not X.shape[1] or not (y**2).sum() > 1e-20:
        return 0.0
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(1 - (rest**2).sum() / (y**2).sum())
