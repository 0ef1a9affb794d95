"""Weights from how large and how alike cities are: gap, similarity, gravity.

The quantity may be economic (GDP per capita) or digital (broadband subscribers): the
formulas are the same, and the recipe keeps the name of the column.

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

from spatialsyn.cities.geodesy import Places, all_km, check_apart, check_dense, places
from spatialsyn.errors import AlignmentError, WeightsError, check_flag, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import real
from spatialsyn.weights.core import Weights

BaseYears = Sequence[int] | str | None
# Values that differ by a smaller share of themselves are equal: the rest is rounding.
SAME = 1e-12
NEEDED = "weights from data need a Series by city id, such as panel.mean(column, years=...)"


def gap(
    values: pd.Series,
    name: str = "gap",
    floor: float | None = None,
    base_years: BaseYears = None,
) -> Weights:
    """``W[i, j] = 1 / |x_i - x_j|``: cities that are economically alike pull on each other.

    Parameters
    ----------
    values : Series by city id
        For example ``panel.mean("gdp_per_capita", years=(2011, 2012))``.
    floor : float, optional
        Smallest gap that counts, in units of `values`; without it two cities with equal
        values (but for rounding) are an error, since their weight would be infinite. The
        recipe tells how many pairs lie below it (``floored_pairs``).
    base_years : single years, such as (2011, 2015) for two, or "all"
        Only where `values` does not carry them.
    """
    years = base_years_of(values, base_years)
    x = checked_values(values, "gap")
    check_dense(len(x), "gaps between all pairs")
    difference = np.abs(x[:, None] - x)
    difference[difference <= SAME * np.maximum(np.abs(x)[:, None], np.abs(x))] = 0.0
    np.fill_diagonal(difference, np.inf)
    floored = None
    if floor is not None:
        if not 0 < real(floor) < np.inf:
            raise WeightsError(f"floor={floor!r}: the smallest gap that counts is positive.")
        floored = int((difference < floor).sum()) // 2
        difference = np.maximum(difference, floor)
    ties = np.argwhere(np.triu(difference == 0))
    if len(ties):
        pairs = [(values.index[i], values.index[j]) for i, j in ties]
        raise WeightsError(
            f"equal values of {values.name!r} make infinite weights between {named(pairs)}. "
            "Give floor=, the smallest gap that means something in its units."
        )
    recipe = {
        "kind": "economic gap", "column": values.name, "floor": floor, "floored_pairs": floored,
        "base_years": years, "unit": "1 / units of the column",
    }  # fmt: skip
    return Weights(1 / difference, tuple(values.index), name, recipe)


def gravity(
    mass: pd.Series,
    cities: Any,
    power: float = 1.0,
    name: str = "gravity",
    base_years: BaseYears = None,
    directed: bool = False,
) -> Weights:
    """W[i, j] = m_i m_j / d_ij^power: large and near cities are strongly connected.

    Parameters
    ----------
    mass : Series by city id, positive
        Economic or digital mass, ``panel.mean("mobile_subs", years=(2011, 2012))``.
    cities : GeoDataFrame
        Polygons of the same cities; distances are geodesic kilometres.
    power : float >= 0
        Distance decay; 0 leaves distance out.
    base_years : see `gap`
    directed : bool
        Multiply by the sender's share of the two masses, m_j / (m_i + m_j): of two
        cities the larger pulls more on the smaller than the other way round.
    """
    years = base_years_of(mass, base_years)
    m = masses(mass, "gravity")
    if not 0 <= real(power) < np.inf:
        raise WeightsError(f"power={power!r}: distance decay cannot be negative.")
    check_flag("directed", directed, WeightsError)
    km = kilometres(mass, cities, power)
    weights = np.outer(m, m) * (km**-power if power else np.isfinite(km))
    if directed:
        weights = weights * (m / (m[:, None] + m))
    recipe = {
        "kind": "gravity (directed)" if directed else "gravity", "column": mass.name,
        "power": power, "base_years": years, "unit": "mass^2 km^-power",
    }  # fmt: skip
    return Weights(weights, tuple(mass.index), name, recipe)


def masses(mass: pd.Series, kind: str) -> Array:
    """Positive values of a city series, without holes."""
    m = checked_values(mass, kind)
    small = [i for i, value in zip(mass.index, m, strict=True) if value <= 0]
    if small:
        raise WeightsError(
            f"the mass {mass.name!r} must be positive; it is not for {named(small)}."
        )
    return m


def kilometres(mass: pd.Series, cities: Any, power: float = 1.0) -> Array:
    """Kilometres between the cities of `mass`, infinite on the diagonal."""
    where = places(cities)
    position = {city: i for i, city in enumerate(where.ids)}
    absent = [i for i in mass.index if i not in position]
    if absent or len(mass) != where.n:
        raise AlignmentError(
            f"the mass {mass.name!r} covers {len(mass)} cities, the polygons {where.n}; "
            f"without a polygon: {named(absent) or 'none'}. Use panel.mean(...) with panel.cities."
        )
    where = Places(tuple(mass.index), where.lonlat[[position[i] for i in mass.index]])
    km = all_km(where)
    np.fill_diagonal(km, np.inf)
    if power > 0:
        check_apart(where, *np.nonzero(np.triu(km == 0)))
    return km


def similarity(
    profile: pd.Series | pd.DataFrame,
    name: str = "similarity",
    base_years: BaseYears = None,
) -> Weights:
    """W[i, j] = 1 / (1 + z_ij), z the distance between standardised profiles (ours).

    Parameters
    ----------
    profile : Series or DataFrame by city id
        One or several quantities, economic or digital; each is standardised over the
        cities, z_ij is the Euclidean distance divided by the root of their number.
    base_years : see `gap`; needed for a DataFrame without ``attrs["base_years"]``
    """
    years = base_years_of(profile, base_years)
    table = profile.to_frame() if isinstance(profile, pd.Series) else profile
    if table.shape[1] == 0:
        raise WeightsError("similarity needs a profile of one column or more; it has none.")
    x = np.column_stack([checked_values(table[column], "similarity") for column in table])
    check_dense(len(x), "similarities between all pairs")
    varies = np.ptp(x, axis=0) > SAME * np.abs(x).max(axis=0)
    flat = [column for column, moves in zip(table, varies, strict=True) if not moves]
    if flat:
        raise WeightsError(
            f"{named(flat)} is the same in every city: it tells no city from another."
        )
    from scipy.spatial.distance import cdist

    z = (x - x.mean(axis=0)) / x.std(axis=0)
    weights = 1 / (1 + cdist(z, z) / np.sqrt(z.shape[1]))
    np.fill_diagonal(weights, 0.0)
    recipe = {
        "kind": "similarity", "column": tuple(map(str, table.columns)),
        "base_years": years, "unit": "1 / (1 + standard deviations apart)",
    }  # fmt: skip
    return Weights(weights, tuple(table.index), name, recipe)


def base_years_of(values: pd.Series | pd.DataFrame, base_years: BaseYears) -> str | tuple[int, ...]:
    """The base years that `values` carries or the caller gives; neither is an error."""
    expect(values, (pd.Series, pd.DataFrame), NEEDED, WeightsError)
    # Arithmetic on two columns keeps the years of one of them and drops the name of both.
    carried = values.attrs if getattr(values, "name", "profile") is not None else {}
    given = None if base_years is None else given_years(base_years)
    known = None if carried.get("base_years") is None else given_years(carried["base_years"])
    whole = carried.get("sample_years")
    if given == "all" and whole is not None and known == given_years(whole):
        known = "all"
    if given is not None and known is not None and given != known:
        raise WeightsError(
            f"base_years={given}, but the values are means over {known}: say which is true. "
            "panel.mean(column, years=...) carries its years by itself."
        )
    years = known if given is None else given
    if years is None:
        raise WeightsError(
            "these weights come from economic or digital data and do not say of which years. Data "
            "of the sample itself make W endogenous, a function of what drives y, and the "
            "estimates biased (Qu & Lee 2015). Use panel.mean(column, years=(first, second)), two "
            "years before or at the start of the sample, or say base_years=(2011, 2012); "
            'base_years="all" is possible and marks the matrix in every table.'
        )
    return "all" if whole is not None and 1 < len(whole) == len(years) else years


def given_years(years: Any) -> str | tuple[int, ...]:
    """Years as given, sorted, or "all"."""
    if isinstance(years, str):
        if years != "all":
            raise WeightsError(f'base_years={years!r}: give years, or "all".')
        return years
    listed = years if isinstance(years, Iterable) else (years,)
    try:
        found = {year: int(year) for year in listed}
    except (TypeError, ValueError, OverflowError) as error:
        raise WeightsError(f'base_years={years!r}: give years, or "all".') from error
    if not found or any(float(year) != whole for year, whole in found.items()):
        raise WeightsError(
            f'base_years={years!r}: give one or more whole years, such as (2011, 2012), or "all".'
        )
    return tuple(sorted({*found.values()}))


def checked_values(values: Any, kind: str) -> np.ndarray:
    """A city series as numbers, without holes."""
    expect(values, pd.Series, f"{kind}: {NEEDED}", WeightsError)
    x = np.asarray(pd.to_numeric(values, errors="coerce"), dtype=float)
    holes = [i for i, bad in zip(values.index, ~np.isfinite(x), strict=True) if bad]
    if holes:
        raise WeightsError(f"{values.name!r} is missing or no finite number for {named(holes)}.")
    return x
