"""Bands of distance between pairs of cities: labels by which effects are read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import WeightsError
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
    cuts = [float(edge) for edge in edges]
    if not cuts or cuts[0] <= 0 or any(b <= a for a, b in pairwise(cuts)):
        raise WeightsError(f"edges={cuts} must be ascending kilometres above zero.")
    km = distances(cities)
    starts, ends = ["0", *(f"{edge:g}" for edge in cuts)], [f"{edge:g}" for edge in cuts]
    names = [f"{a}-{b} km" for a, b in zip(starts, ends, strict=False)]
    names.append(f"over {starts[-1]} km")
    text = np.array(names, dtype=object)[np.searchsorted(cuts, km.to_numpy(), side="left")]
    labels = pd.DataFrame(text, index=km.index, columns=km.columns)
    labels.attrs["order"] = names
    return labels
