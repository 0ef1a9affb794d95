"""Local Moran: which cities lie among their like, which among their opposites.

    I_i = z_i (W z)_i (n - 1) / z'z        z the deviations of a year, in standard deviations

Quadrants: HH, a high city among high ones; LL; LH, a low one among high ones; HL. The
p-value holds the city in place and draws its neighbours from all others (Anselin 1995).
One test per city is many tests: q is p adjusted within the year, so that of the cities
with q < 0.05 one in twenty at most is a false discovery on average, where the tests are
independent or depend on each other positively (Benjamini & Yekutieli 2001). Statistics and
quadrants are those of esda; p has two sides, twice the `p_sim` of esda 2.9, which is
the smaller tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.explore.readings import (
    by_year,
    check_permutations,
    matrix_of,
    years_of,
)
from spatialsyn.explore.transitions import Transitions, transitions
from spatialsyn.notebook import as_html
from spatialsyn.numerics.conditional import conditional
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.randomness import generator
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

QUADRANTS = ("HH", "LH", "LL", "HL")
NONE = "n.s."
CLASSES = pd.Index([*QUADRANTS, NONE])


@dataclass(frozen=True, eq=False, repr=False)
class Lisa:
    """Local Moran of every city and year.

    Attributes
    ----------
    table : DataFrame
        ``year, city, value, lag`` (both in standard deviations), ``local`` (I_i),
        ``quadrant, p, q``, and ``cluster``: the quadrant where q <= `level`, else "n.s."
    about, level, permutations, seed : variable and matrix, and how it was tested
    note : why no city can be significant, where none can
    """

    table: pd.DataFrame
    about: str
    level: float
    permutations: int
    seed: int
    note: str = ""

    def at(self, year: int) -> pd.DataFrame:
        """The table of one year, by city."""
        years = list(self.table["year"].unique())
        if year not in years:
            raise PanelError(f"there is no year {year!r} here; there are {named(years, 40)}.")
        rows = self.table[self.table["year"] == year]
        return rows.drop(columns="year").set_index("city")

    @property
    def counts(self) -> pd.DataFrame:
        """Cities in every cluster, by year."""
        made = pd.crosstab(self.table["year"], self.table["cluster"])
        return made.reindex(columns=list(CLASSES), fill_value=0)

    def transitions(self, clusters: bool = False) -> Transitions:
        """How cities move between quadrants from one year to the next.

        Parameters
        ----------
        clusters : count cities that are not significant as a class of their own
        """
        column = "cluster" if clusters else "quadrant"
        wide = self.table.pivot(index="city", columns="year", values=column)
        classes = list(CLASSES if clusters else QUADRANTS)
        return transitions(wide, classes)

    def __repr__(self) -> str:
        return "\n".join([str(self.counts), *self._below()])

    def _repr_html_(self) -> str:
        return as_html(self.counts, *self._below(), index=True)

    def _below(self) -> list[str]:
        how = f"q <= {self.level:g}, {self.permutations} permutations, seed {self.seed}"
        return [f"({self.about}; {how})", *filter(None, [self.note])]


def lisa(
    panel: CityPanel,
    variable: str | pd.Series,
    weights: Links,
    level: float = 0.05,
    permutations: int = 9999,
    seed: int = 0,
) -> Lisa:
    """Local Moran of every city in every year, with false discoveries controlled.

    Parameters
    ----------
    variable : a column of the panel, or a series by (city, year)
    level : share of false discoveries among the cities called a cluster

    Raises
    ------
    PanelError
        Missing cells, a year in which the variable does not vary, too few permutations.
    """
    check_permutations(permutations)
    if not (isinstance(level, float) and 0 < level < 1):
        raise PanelError(f"level={level!r} must lie between 0 and 1, for example 0.05.")
    wide = by_year(panel, variable)
    parts = []
    for year in years_of(wide):
        w = matrix_of(weights, year, panel.ids)
        x = wide[year].to_numpy()
        if np.ptp(x) <= 1e-12 * np.abs(x).max():
            raise PanelError(f"{wide.attrs['name']!r} does not vary in {year}: leave the year out.")
        part = _of_year(x, w, permutations, generator(seed, year))
        parts.append(part.assign(year=year, city=wide.index))
    table = pd.concat(parts, ignore_index=True)
    table["cluster"] = table["quadrant"].where(table["q"] <= level, NONE)
    order = ["year", "city", "value", "lag", "local", "quadrant", "p", "q", "cluster"]
    note = _note(permutations, len(wide), level)
    about = f"{wide.attrs['name']}, W[{weights.name}]"
    return Lisa(table[order], about, level, permutations, seed, note)


def _of_year(x: Array, w: Weights, permutations: int, rng: np.random.Generator) -> pd.DataFrame:
    z = (x - x.mean()) / x.std()
    Wz = lag(w.matrix, z)
    p = conditional(z, w.matrix, permutations, rng)
    alone = np.isnan(p)  # a city without neighbours lies nowhere, and is no test
    q = np.full(len(p), np.nan)
    q[~alone] = false_discovery_control(p[~alone])
    # Positions in CLASSES: an own value above the mean, then neighbours above it.
    place = np.where(z > 0, np.where(Wz > 0, 0, 3), np.where(Wz > 0, 1, 2))
    quadrant = CLASSES.take(np.where(alone, 4, place))
    local = z * Wz * (len(z) - 1) / (z @ z)
    return pd.DataFrame(
        {"value": z, "lag": Wz, "local": local, "quadrant": quadrant, "p": p, "q": q}
    )


def _note(permutations: int, n: int, level: float) -> str:
    """Whether the smallest p that permutations can give survives the adjustment."""
    least: Any = 2 / (1 + permutations) * n
    if least <= level:
        return ""
    return (
        f"with {permutations} permutations one city alone cannot reach q <= {level:g} among {n}: "
        f"take {int(np.ceil(2 * n / level))} or more."
    )
