"""Autocorrelation in space, year by year, against permutations of the cities.

    moran        I = (n / S0) z' W z / z'z,  z = x - mean; above -1/(n-1): alike neighbours
    geary        C = (n - 1) sum w_ij (x_i - x_j)^2 / (2 S0 z'z); below 1: alike neighbours
    getis-ord    G = sum_ij x_i x_j [linked] / sum_ij x_i x_j; above its mean: high beside high

Every year by itself: cities are permuted within a year, never city-years, whose trends and
repetitions would make any pattern significant. The statistics are those of esda; W is
taken as it is given, save by Getis-Ord, which counts links and not their strength.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.explore.readings import (
    by_year,
    check_permutations,
    matrix_of,
    seeded,
    years_of,
)
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.permutation import two_sided
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

STATISTICS = ("moran", "geary", "getis-ord")
LEVEL = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class Autocorrelation:
    """Statistics by year, each with what permutations of the cities give.

    Attributes
    ----------
    table : DataFrame
        ``year, statistic, value``, then of the permutations ``mean``, ``low, high`` (95 %
        of them), ``z`` and the two-sided ``p``; ``note`` says why a value is missing.
    about : variable and matrix
    permutations, seed : how many, and from which seed
    """

    table: pd.DataFrame
    about: str
    permutations: int
    seed: int

    def __getitem__(self, statistic: str) -> pd.DataFrame:
        """The rows of one statistic, indexed by year."""
        known = list(self.table["statistic"].unique())
        if statistic not in known:
            raise PanelError(f"there is no {statistic!r} here; there are {named(known)}.")
        rows = self.table[self.table["statistic"] == statistic]
        return rows.drop(columns="statistic").set_index("year")

    @property
    def wide(self) -> pd.DataFrame:
        """One row per year: value, 95 % of the permutations and p, statistics side by side."""
        parts = {
            name: self[str(name)][["value", "low", "high", "p"]]
            for name in self.table["statistic"].unique()
        }
        return pd.concat(parts, axis=1)

    def __repr__(self) -> str:
        shown = self.table.to_string(index=False, float_format="{:.4g}".format)
        return f"{shown}\n({self.about}; {self.permutations} permutations, seed {self.seed})"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format="{:.4g}".format))


def autocorrelation(
    panel: CityPanel,
    variable: str | pd.Series,
    weights: Links,
    statistics: str | Iterable[str] = STATISTICS,
    permutations: int = 999,
    seed: int = 0,
) -> Autocorrelation:
    """Moran's I, Geary's C and Getis & Ord's G of every year.

    Parameters
    ----------
    variable : a column of the panel, or a series by (city, year)
        Residuals of a model have less freedom than data: their p-values are rough.
    weights : one matrix, or one for each year

    Raises
    ------
    PanelError
        Missing cells, an unknown statistic, too few permutations.
    AlignmentError
        The matrix and the panel list different cities.
    """
    chosen = [statistics] if isinstance(statistics, str) else list(statistics)
    unknown = [s for s in chosen if s not in STATISTICS]
    if unknown or not chosen:
        raise PanelError(f"statistics={unknown or chosen}: there are {named(STATISTICS)}.")
    check_permutations(permutations)
    wide = by_year(panel, variable)
    rows = []
    for year in years_of(wide):
        w = matrix_of(weights, year, panel.ids)
        for statistic in chosen:
            at = (seed, year, STATISTICS.index(statistic))
            found = _one(statistic, wide[year].to_numpy(), w, permutations, at)
            rows.append({"year": year, "statistic": statistic, **found})
    about = f"{wide.attrs['name']}, W[{weights.name}]"
    return Autocorrelation(pd.DataFrame(rows), about, permutations, seed)


def bivariate(
    panel: CityPanel,
    x: str | pd.Series,
    y: str | pd.Series,
    weights: Links,
    lag: int = 0,
    permutations: int = 999,
    seed: int = 0,
) -> Autocorrelation:
    """Bivariate Moran by year: x of a city with y of its neighbours, `lag` years before.

    The cities of y are permuted, which breaks the correlation of x and y in place too: a
    significant value may come from it alone (Lee 2001, Journal of Geographical Systems 3).

    Raises
    ------
    PanelError
        A lag that leaves no year, missing cells, too few permutations.
    """
    check_permutations(permutations)
    first, second = by_year(panel, x), by_year(panel, y)
    if isinstance(lag, bool) or not isinstance(lag, int) or lag < 0:
        raise PanelError(f"lag={lag!r}: give a whole number of years, 0 for the same year.")
    known = years_of(second)
    years = [year for year in years_of(first) if year - lag in known]
    if not years:
        raise PanelError(f"lag={lag} leaves no year of {named(years_of(first))}.")
    rows = []
    for year in years:
        w = matrix_of(weights, year, panel.ids)
        values = first[year].to_numpy(), second[year - lag].to_numpy()
        found = _pair(*values, w, permutations, (seed, year, len(STATISTICS), lag))
        rows.append({"year": year, "statistic": "bivariate moran", **found})
    names = first.attrs["name"], second.attrs["name"]
    before = f", {lag} year{'s' * (lag > 1)} before" if lag else ""
    about = f"{names[0]} with W[{weights.name}] {names[1]}{before}"
    return Autocorrelation(pd.DataFrame(rows), about, permutations, seed)


def space_time(
    panel: CityPanel,
    variable: str | pd.Series,
    weights: Links,
    lag: int = 1,
    permutations: int = 999,
    seed: int = 0,
) -> Autocorrelation:
    """Moran in space and time: a city now with its neighbours `lag` years before."""
    return bivariate(panel, variable, variable, weights, lag, permutations, seed)


def _one(
    statistic: str, x: Array, w: Weights, permutations: int, at: tuple[int, ...]
) -> dict[str, Any]:
    reason = _undefined(statistic, x, w)
    if reason:
        return _missing(reason)
    with seeded(*at):
        from esda.geary import Geary
        from esda.getisord import G
        from esda.moran import Moran

        links = w.to_w()
        if statistic == "moran":
            made = Moran(x, links, transformation="O", permutations=permutations)
            return _summary(made.I, made.sim)
        if statistic == "geary":
            made = Geary(x, links, transformation="O", permutations=permutations)
            return _summary(made.C, made.sim)
        made = G(x, links, permutations=permutations)
        return _summary(made.G, made.sim)


def _pair(x: Array, y: Array, w: Weights, permutations: int, at: tuple[int, ...]) -> dict[str, Any]:
    reason = _undefined("moran", x, w) or _undefined("moran", y, w)
    if reason:
        return _missing(reason)
    with seeded(*at):
        from esda.moran import Moran_BV

        made = Moran_BV(x, y, w.to_w(), transformation="O", permutations=permutations)
        return _summary(made.I, made.sim)


def _undefined(statistic: str, x: Array, w: Weights) -> str:
    """Why a statistic has no value here; empty where it has one."""
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return "the variable does not vary"
    if statistic == "getis-ord" and (x < 0).any():
        return "Getis-Ord needs a variable without negative values"
    if statistic == "getis-ord" and w.sparse.nnz == w.n * (w.n - 1):
        return f"Getis-Ord counts links, and W[{w.name}] links every pair"
    return ""


def _missing(reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(("value", "mean", "low", "high", "z", "p"), np.nan), "note": reason}


def _summary(value: float, simulated: Array) -> dict[str, Any]:
    """A statistic beside its permutations."""
    low, high = np.quantile(simulated, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean, sd = simulated.mean(), simulated.std()
    return {
        "value": float(value), "mean": float(mean), "low": float(low), "high": float(high),
        "z": float((value - mean) / sd) if sd > 0 else np.nan,
        "p": two_sided(value, simulated), "note": "",
    }  # fmt: skip
