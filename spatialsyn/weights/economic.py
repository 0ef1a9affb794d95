"""Weights from how alike cities are in an economic quantity.

The data of a weights matrix must come from before, or the start of, the sample: weights
made from the sample's own GDP are a function of what drives y, and the estimates of a
model that takes them as given are biased (Qu & Lee 2015, J. Econometrics 184). Hence
`base_years` is compulsory; `panel.mean(column, years=...)` carries it along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import WeightsError, named
from spatialsyn.weights.core import Weights

BaseYears = Sequence[int] | str | None


def gap(
    values: pd.Series,
    name: str = "gap",
    floor: float | None = None,
    base_years: BaseYears = None,
) -> Weights:
    """W[i, j] = 1 / |x_i - x_j|: cities that are economically alike pull on each other.

    Parameters
    ----------
    values : Series by city id
        For example ``panel.mean("gdp_per_capita", years=(2011, 2012))``.
    floor : float, optional
        Smallest gap that counts, in units of `values`; without it two cities with equal
        values are an error, since their weight would be infinite.
    base_years : years or "all"
        Only where `values` does not carry them.
    """
    years = base_years_of(values, base_years)
    x = checked_values(values, "gap")
    difference = np.abs(x[:, None] - x)
    if floor is not None:
        difference = np.maximum(difference, floor)
    ties = np.argwhere(np.triu(difference == 0, 1))
    if len(ties):
        pairs = [(values.index[i], values.index[j]) for i, j in ties]
        raise WeightsError(
            f"equal values of {values.name!r} make infinite weights between {named(pairs)}. "
            "Give floor=, the smallest gap that means something in its units."
        )
    np.fill_diagonal(difference, np.inf)
    recipe = {
        "kind": "economic gap", "column": values.name, "floor": floor,
        "base_years": years, "unit": "1 / units of the column",
    }  # fmt: skip
    return Weights(1 / difference, tuple(values.index), name, recipe)


def base_years_of(values: pd.Series | pd.DataFrame, base_years: BaseYears) -> str | tuple[int, ...]:
    """The base years that `values` carries or the caller gives; neither is an error."""
    years = base_years if base_years is not None else values.attrs.get("base_years")
    if years is None:
        raise WeightsError(
            "these weights come from economic or digital data and do not say of which years. Data "
            "of the sample itself make W a function of what drives y, and the estimates biased "
            "(Qu & Lee 2015). Use panel.mean(column, years=(first, second)) with years before or "
            'at the start of the sample, or say base_years=(2011, 2012); base_years="all" is '
            "possible and marks the matrix in every table."
        )
    if isinstance(years, str):
        if years != "all":
            raise WeightsError(f'base_years={years!r}: give years, or "all".')
        return "all"
    chosen = tuple(int(year) for year in years)
    whole = values.attrs.get("sample_years")
    return "all" if whole is not None and len(whole) > 1 and chosen == tuple(whole) else chosen


def checked_values(values: Any, kind: str) -> np.ndarray:
    """A city series as numbers, without holes."""
    if not isinstance(values, pd.Series):
        raise WeightsError(
            f"{kind} weights need a Series indexed by city id, for example panel.mean(column, "
            f"years=...); got {type(values).__name__}."
        )
    x = values.to_numpy(dtype=float)
    holes = [i for i, bad in zip(values.index, ~np.isfinite(x), strict=True) if bad]
    if holes:
        raise WeightsError(f"{values.name!r} is missing or infinite for {named(holes)}.")
    return x
