"""Weights from how alike cities are in an economic quantity.

The data of a weights matrix must come from before, or the start of, the sample: weights
made from the sample's own GDP are a function of what drives y, and the estimates of a
model that takes them as given are biased (Qu & Lee 2015, J. Econometrics 184). Hence
`base_years` is compulsory; `panel.mean(column, years=...)` carries it along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import WeightsError, expect, named
from spatialsyn.weights.core import Weights

BaseYears = Sequence[int] | str | None
NEEDED = "weights from data need a Series by city id, such as panel.mean(column, years=...)"


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
    expect(values, (pd.Series, pd.DataFrame), NEEDED, WeightsError)
    # Arithmetic on two columns keeps the years of one of them and drops the name of both.
    carried = values.attrs if getattr(values, "name", "profile") is not None else {}
    given = None if base_years is None else _years(base_years)
    known = None if carried.get("base_years") is None else _years(carried["base_years"])
    if given is not None and known is not None and given != known:
        raise WeightsError(
            f"base_years={given}, but the values are means over {known}: say which is true. "
            "panel.mean(column, years=...) carries its years by itself."
        )
    years = known if given is None else given
    if years is None:
        raise WeightsError(
            "these weights come from economic or digital data and do not say of which years. Data "
            "of the sample itself make W a function of what drives y, and the estimates biased "
            "(Qu & Lee 2015). Use panel.mean(column, years=(first, second)) with years before or "
            'at the start of the sample, or say base_years=(2011, 2012); base_years="all" is '
            "possible and marks the matrix in every table."
        )
    whole = carried.get("sample_years")
    return "all" if whole is not None and 1 < len(whole) == len(years) else years


def _years(years: Any) -> str | tuple[int, ...]:
    """Years as given, sorted, or "all"."""
    if isinstance(years, str):
        if years != "all":
            raise WeightsError(f'base_years={years!r}: give years, or "all".')
        return years
    listed = years if isinstance(years, Iterable) else (years,)
    return tuple(sorted({int(year) for year in listed}))


def checked_values(values: Any, kind: str) -> np.ndarray:
    """A city series as numbers, without holes."""
    expect(values, pd.Series, f"{kind}: {NEEDED}", WeightsError)
    x = values.to_numpy(dtype=float)
    holes = [i for i, bad in zip(values.index, ~np.isfinite(x), strict=True) if bad]
    if holes:
        raise WeightsError(f"{values.name!r} is missing or infinite for {named(holes)}.")
    return x
