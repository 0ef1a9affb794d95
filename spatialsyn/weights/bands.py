"""Distances of pairs of cities, as bands by which effects are read, or as nearness of errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import WeightsError, listed
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import real
from spatialsyn.weights.geographic import distances


def bands(cities: Any, edges: Sequence[float]) -> pd.DataFrame:
    """The band of distance of every pair of cities, as text: labels for ``effects(by=...)``.

    Parameters
    ----------
    edges : ascending kilometres between bands; the first band starts at zero, the last one
        has no end

    Returns
    -------
    DataFrame, (n, n), receivers in rows
        ``"0-100 km"``, ``"100-300 km"``, ``"over 300 km"``; their order in ``.attrs``.
    """
    given = listed(edges, "edges are ascending kilometres, [100, 300]", WeightsError)
    cuts = [real(edge) for edge in given]
    if not (cuts and cuts[0] > 0 and all(a < b < np.inf for a, b in pairwise(cuts))):
        raise WeightsError(f"edges={given} must be ascending kilometres above zero.")
    km = distances(cities)
    starts, ends = ["0", *(f"{edge:g}" for edge in cuts)], [f"{edge:g}" for edge in cuts]
    names = [f"{a}-{b} km" for a, b in zip(starts, ends, strict=False)]
    names.append(f"over {starts[-1]} km")
    text = np.array(names, dtype=object)[np.searchsorted(cuts, km.to_numpy(), side="left")]
    labels = pd.DataFrame(text, index=km.index, columns=km.columns)
    labels.attrs["order"] = names
    return labels


def nearness(panel: CityPanel, km: float) -> Array:
    """Bartlett weights of pairs of its cities, 1 - d / `km` and zero beyond, (n, n).

    They say whose errors may be correlated (Conley 1999, Journal of Econometrics 92), not
    who affects whom.

    Raises
    ------
    WeightsError
        No polygons, or a reach that holds no pair of cities or more than half of all pairs.
    """
    if panel.cities is None:
        raise WeightsError("distances need places: ss.CityPanel(..., cities=polygons).")
    if not real(km) > 0:
        raise WeightsError(f"km={km!r}: the reach is a positive number of kilometres.")
    d = panel.kilometres
    apart = d[np.triu_indices(len(d), 1)]
    least, half = apart.min(), np.median(apart)
    if not least < km <= half:
        raise WeightsError(
            f"km={km:g}: the nearest two cities lie {least:.0f} km apart, half of all pairs within "
            f'{half:.0f} km. Below the first no two cities are near (that is cov="city"); beyond '
            "the second the weighted scores cancel, for all together they sum to zero, and "
            "standard errors come out too small."
        )
    return np.clip(1 - d / km, 0.0, None)
