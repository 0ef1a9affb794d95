"""Autocorrelation in space, year by year, against permutations of the cities.

    moran        I = (n / S0) z' W z / z'z,  z = x - mean; above -1/(n-1): alike neighbours
    geary        C = (n - 1) sum w_ij (x_i - x_j)^2 / (2 S0 z'z); below 1: alike neighbours
    getis-ord    G = sum_ij x_i x_j [linked] / sum_ij x_i x_j; above its mean: high beside high

Every year by itself: cities are permuted within a year, never city-years, whose trends and
repetitions would make any pattern significant. All statistics of a year see the same
permutations. They are those of esda, whose `p_sim` (2.9) is one-sided: half of p. W is taken
as it is given, save by Getis-Ord, which counts links and not their strength.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, is_whole, named
from spatialsyn.explore.readings import (
    by_year,
    check_permutations,
    matrix_of,
    years_of,
)
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array, Matrix, paired, quadratic
from spatialsyn.numerics.permutation import simulated, two_sided
from spatialsyn.numerics.randomness import generator
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

LEVEL = 0.95
# Of (n, b) deviations from the mean, b permutations side by side, a statistic makes (b,).
Statistic = Callable[[Array], Array]


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
        return f"{shown}\n{self._below()}"

    def _repr_html_(self) -> str:
        return as_html(self.table, self._below())

    def _below(self) -> str:
        return f"({self.about}; {self.permutations} permutations, seed {self.seed})"


def autocorrelation(
    panel: CityPanel,
    variable: str | pd.Series,
    weights: Links,
    statistics: str | Iterable[str] = ("moran", "geary", "getis-ord"),
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
        rng = generator(seed, year)
        found = _of_year(chosen, wide[year].to_numpy(), w, permutations, rng)
        rows += [{"year": year, "statistic": name, **row} for name, row in found.items()]
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

    z_x' W z_y over the sum of all weights (Wartenberg 1985, Geographical Analysis 17), so that x
    with itself has Moran's I; without row standardisation esda divides by n instead. The cities
    of y are permuted, which breaks the correlation of x and y in place too: a significant value
    may come from it alone (Lee 2001, Journal of Geographical Systems 3).

    Raises
    ------
    PanelError
        A lag that leaves no year, missing cells, too few permutations.
    """
    check_permutations(permutations)
    first, second = by_year(panel, x), by_year(panel, y)
    if not is_whole(lag):
        raise PanelError(f"lag={lag!r}: give a whole number of years, 0 for the same year.")
    known = years_of(second)
    years = [year for year in years_of(first) if year - lag in known]
    if not years:
        raise PanelError(f"lag={lag} leaves no year of {named(years_of(first))}.")
    rows = []
    for year in years:
        w = matrix_of(weights, year, panel.ids)
        values = first[year].to_numpy(), second[year - lag].to_numpy()
        rng = generator(seed, year, lag)
        found = _pair(*values, w, permutations, rng)
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
    """Moran in space and time: a city now with its neighbours `lag` years before.

    It is `bivariate` of a variable with itself, and permutes the values of the years before.
    """
    return bivariate(panel, variable, variable, weights, lag, permutations, seed)


def _of_year(
    chosen: list[str], x: Array, w: Weights, permutations: int, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """The row of every statistic, or why it has none."""
    reasons = {name: _undefined(name, x, w) for name in chosen}
    defined = {name: STATISTICS[name](x, w.matrix) for name in chosen if not reasons[name]}
    rows = _compared(defined, x, permutations, rng)
    return {name: rows.get(name) or _missing(reasons[name]) for name in chosen}


def _pair(
    x: Array, y: Array, w: Weights, permutations: int, rng: np.random.Generator
) -> dict[str, Any]:
    reason = _undefined("moran", x, w) or _undefined("moran", y, w)
    if reason:
        return _missing(reason)
    pulled = w.matrix.T @ (x - x.mean()) / (w.matrix.sum() * x.std() * y.std())
    return _compared({"": lambda Z: np.asarray(pulled @ Z)}, y, permutations, rng)[""]


def _compared(
    statistics: dict[str, Statistic], x: Array, permutations: int, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """Every statistic of `x` beside those of its permutations."""
    if not statistics:
        return {}
    z = x - x.mean()
    draws = simulated(list(statistics.values()), z, permutations, rng)
    return {
        name: _summary(float(statistic(z[:, None])[0]), drawn)
        for (name, statistic), drawn in zip(statistics.items(), draws, strict=True)
    }


def _moran(x: Array, W: Matrix) -> Statistic:
    form = paired(W) * (1 / (W.sum() * x.var()))
    return lambda Z: quadratic(form, Z)


def _geary(x: Array, W: Matrix) -> Statistic:
    """sum w_ij (z_i - z_j)^2 = z' (D - 2 W) z, D the sums of rows and columns."""
    sums = np.asarray(W.sum(axis=1) + W.sum(axis=0)).ravel()
    D: Matrix = sparse.diags_array(sums, format="csr") if sparse.issparse(W) else np.diag(sums)
    form = (D - 2 * paired(W)) * ((len(x) - 1) / (2 * W.sum() * len(x) * x.var()))
    return lambda Z: quadratic(form, Z)


def _getis_ord(x: Array, W: Matrix) -> Statistic:
    form = paired(W.astype(bool).astype(float)) * (1 / (x.sum() ** 2 - (x**2).sum()))
    return lambda Z: quadratic(form, Z + x.mean())


STATISTICS: dict[str, Callable[[Array, Matrix], Statistic]] = {
    "moran": _moran,
    "geary": _geary,
    "getis-ord": _getis_ord,
}


def _undefined(statistic: str, x: Array, w: Weights) -> str:
    """Why a statistic has no value here; empty where it has one."""
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return "the variable does not vary"
    if statistic == "getis-ord" and (x < 0).any():
        return "Getis-Ord needs a variable without negative values"
    if statistic == "getis-ord" and np.count_nonzero(x) < 2:
        return "Getis-Ord needs two cities whose values are not zero"
    if statistic == "getis-ord" and w.sparse.nnz == w.n * (w.n - 1):
        return f"Getis-Ord counts links, and W[{w.name}] links every pair"
    return ""


def _missing(reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(("value", "mean", "low", "high", "z", "p"), np.nan), "note": reason}


def _summary(value: float, drawn: Array) -> dict[str, Any]:
    """A statistic beside its permutations."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean, sd = drawn.mean(), drawn.std()
    return {
        "value": value, "mean": float(mean), "low": float(low), "high": float(high),
        "z": float((value - mean) / sd) if sd > 0 else np.nan,
        "p": two_sided(value, drawn), "note": "",
    }  # fmt: skip
