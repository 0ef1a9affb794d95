"""Weights of digital connectivity: gravity on digital mass, similarity of digital profiles.

Like all weights from data they take base years; see `economic`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import AlignmentError, WeightsError, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.economic import BaseYears, base_years_of, checked_values
from spatialsyn.weights.geographic import distances


def gravity(
    mass: pd.Series,
    cities: Any,
    power: float = 1.0,
    name: str = "gravity",
    base_years: BaseYears = None,
) -> Weights:
    """W[i, j] = m_i m_j / d_ij^power: large and near cities are strongly connected.

    Parameters
    ----------
    mass : Series by city id, positive
        Digital mass, for example ``panel.mean("mobile_subs", years=(2011, 2012))``.
    cities : GeoDataFrame
        Polygons of the same cities; distances are geodesic kilometres.
    power : float >= 0
        Distance decay; 0 leaves distance out.
    """
    years = base_years_of(mass, base_years)
    m = checked_values(mass, "gravity")
    small = [i for i, value in zip(mass.index, m, strict=True) if value <= 0]
    if small:
        raise WeightsError(
            f"the mass {mass.name!r} must be positive; it is not for {named(small)}."
        )
    if not power >= 0:
        raise WeightsError(f"power={power!r}: distance decay cannot be negative.")
    absent = [i for i in mass.index if i not in cities.index]
    if absent or len(mass) != len(cities):
        raise AlignmentError(
            f"the mass {mass.name!r} covers {len(mass)} cities, the polygons {len(cities)}; "
            f"without a polygon: {named(absent) or 'none'}. Use panel.mean(...) with panel.cities."
        )
    km = distances(cities.loc[list(mass.index)]).to_numpy(copy=True)
    np.fill_diagonal(km, np.inf)
    weights = np.outer(m, m) * (km**-power if power else np.isfinite(km))
    recipe = {
        "kind": "gravity", "column": mass.name, "power": power,
        "base_years": years, "unit": "mass^2 km^-power",
    }  # fmt: skip
    return Weights(weights, tuple(mass.index), name, recipe)


def similarity(
    profile: pd.Series | pd.DataFrame,
    name: str = "similarity",
    base_years: BaseYears = None,
) -> Weights:
    """W[i, j] = 1 / (1 + z_ij), z the distance between standardised profiles (ours).

    Parameters
    ----------
    profile : Series or DataFrame by city id
        One or several digital quantities; each is standardised over the cities, z_ij is
        the Euclidean distance divided by the root of their number.
    """
    table = profile.to_frame() if isinstance(profile, pd.Series) else profile
    years = base_years_of(profile, base_years)
    x = np.column_stack([checked_values(table[column], "similarity") for column in table])
    spread = x.std(axis=0)
    if not (spread > 0).all():
        flat = [c for c, s in zip(table, spread, strict=True) if not s > 0]
        raise WeightsError(
            f"{named(flat)} is the same in every city: it tells no city from another."
        )
    z = (x - x.mean(axis=0)) / spread
    apart = np.sqrt(((z[:, None] - z) ** 2).mean(axis=2))
    weights = 1 / (1 + apart)
    np.fill_diagonal(weights, 0.0)
    recipe = {
        "kind": "similarity", "column": tuple(map(str, table.columns)),
        "base_years": years, "unit": "1 / (1 + standard deviations apart)",
    }  # fmt: skip
    return Weights(weights, tuple(table.index), name, recipe)
