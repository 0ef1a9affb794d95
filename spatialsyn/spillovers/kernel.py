"""Weights that fall with a distance, at any rate of decay.

    power         w_ij = d_ij ^ -delta
    exponential   w_ij = exp(-delta d_ij)

Distances are kilometres, or any measure of how far apart two cities are: travel time, or a
digital dissimilarity. Weights are taken relative to those of the nearest city, a factor
that standardising removes, so that no rate of decay makes them too small for a computer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, ModelError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.core import Weights
from spatialsyn.weights.geographic import distances
from spatialsyn.weights.standardize import STANDARDIZATIONS

KINDS = ("power", "exponential")
# The range of delta that is searched: as a power, and times the median distance.
RANGE = {"power": (0.1, 8.0), "exponential": (0.1, 20.0)}
KILOMETRES = "km"


@dataclass(frozen=True, eq=False)
class Kernel:
    """One distance and the way in which weights fall with it.

    Attributes
    ----------
    name : of the distance, and of the weights made from it
    apart : (n, n) distances, in the order of `ids`
    kind, standardize : how weights fall, and how they are scaled
    """

    name: str
    apart: Array
    ids: tuple[Any, ...]
    kind: str
    standardize: str

    @property
    def pairs(self) -> Array:
        """The distances of all pairs of different cities, row by row."""
        return self.apart[~np.eye(len(self.apart), dtype=bool)]

    @property
    def searched(self) -> tuple[float, float]:
        """The rates of decay that are searched unless others are named."""
        low, high = RANGE[self.kind]
        unit = float(np.median(self.pairs)) if self.kind == "exponential" else 1.0
        return low / unit, high / unit

    def at(self, delta: float) -> Weights:
        """The weights at the rate `delta`."""
        own = np.eye(len(self.apart), dtype=bool)
        apart = np.where(own, np.inf, self.apart)
        nearest: Array | float = apart.min(axis=1, keepdims=True)
        if self.standardize == "none":
            nearest = 1.0 if self.kind == "power" else 0.0
        elif self.standardize != "row":
            nearest = float(apart.min())
        fall = (
            (apart / nearest) ** -delta
            if self.kind == "power"
            else np.exp(-delta * (apart - nearest))
        )
        recipe = {"kind": f"{self.kind} decay of {self.name}", "decay": float(delta)}
        return Weights(fall, self.ids, self.name, recipe).standardize(self.standardize)


def kernels(given: Any, panel: CityPanel, kind: str, standardize: str) -> tuple[Kernel, ...]:
    """The distances asked for: kilometres (None), one table, or several by name.

    Raises
    ------
    ModelError
        An unknown kind of decay, no polygons to measure, more than two distances.
    AlignmentError, WeightsError
        A table that does not hold the distance of every pair of the panel's cities.
    """
    expect(panel, CityPanel, "decay needs a panel: ss.CityPanel(frame, ...)", ModelError)
    if kind not in KINDS:
        raise ModelError(f"kind={kind!r} is not one of {named(KINDS)}.")
    if standardize not in STANDARDIZATIONS:
        raise WeightsError(f"standardize={standardize!r} is not one of {named(STANDARDIZATIONS)}.")
    if isinstance(given, pd.DataFrame):
        given = {"distance": given}
    by_name = {KILOMETRES: None} if given is None else given
    if not isinstance(by_name, Mapping) or len(by_name) not in (1, 2):
        raise ModelError(
            "distance is None (kilometres), a table of distances, or one or two of them by name: "
            '{"km": None, "digital": frame}.'
        )
    return tuple(
        Kernel(str(name), _measured(name, table, panel, kind), panel.ids, kind, standardize)
        for name, table in by_name.items()
    )


def _measured(name: Any, table: Any, panel: CityPanel, kind: str) -> Array:
    """(n, n) distances in the order of the panel's cities."""
    if table is None:
        if panel.cities is None:
            raise ModelError(
                "the panel has no polygons to measure kilometres between: give a table of "
                "distances, distance=frame, with city ids as rows and columns."
            )
        table = distances(panel.cities)
    if not isinstance(table, pd.DataFrame):
        raise ModelError(
            f"the distance {name!r} is a DataFrame, with city ids as rows and columns."
        )
    ids = list(panel.ids)
    for axis, labels in (("rows", table.index), ("columns", table.columns)):
        absent, extra = [i for i in ids if i not in labels], [i for i in labels if i not in ids]
        if absent or extra or labels.has_duplicates:
            raise AlignmentError(
                f"the {axis} of the distance {name!r} are not the cities of the panel: without "
                f"{named(absent) or 'none'}, foreign {named(extra) or 'none'}."
            )
    apart = table.loc[ids, ids].to_numpy(dtype=float)
    between = ~np.eye(len(ids), dtype=bool)
    least = 0.0 if kind == "exponential" else np.nextafter(0, 1)
    wrong = np.argwhere(~(np.isfinite(apart) & (apart >= least)) & between)
    if len(wrong):
        raise WeightsError(
            f"the distance {name!r} is missing, negative or, for a power, zero between "
            f"{named([(ids[i], ids[j]) for i, j in wrong], 3)}. Weights are no distances: a matrix "
            "of contiguity has nothing to fall with; kilometres are distance=None."
        )
    if np.ptp(apart[between]) == 0:
        raise WeightsError(f"all pairs of cities have the same distance {name!r}: nothing decays.")
    if np.median(apart[between]) == 0:
        raise WeightsError(
            f"half of all pairs of cities and more have the distance {name!r} of zero: it does not "
            "say how far apart cities are. Weights are no distances."
        )
    return apart
