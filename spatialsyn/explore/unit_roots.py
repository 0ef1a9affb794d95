"""Unit roots in a panel whose cities move together: the CIPS test of Pesaran (2007).

    dy_it = a_i [+ c_i t] + b_i y_i,t-1 + c0 ybar_t-1 + sum_{j=0}^p d_j dybar_t-j
            + sum_{j=1}^p e_j dy_i,t-j + error,      CIPS = mean over cities of t(b_i)

ybar, the mean over cities, stands for what is common to all. H0: every city has a unit
root. Pesaran (2007), Journal of Applied Econometrics 22, 265-312; extreme t-values are
truncated as there. Critical values and p are simulated under H0 at the n, T and lags of the
data, not read from a table at another size; at sizes of his Table II they agree with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, is_whole, named
from spatialsyn.explore.readings import each_by_year, years_of
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.randomness import generator

# The bounds -K1 and K2 of a truncated t, by what the regression holds (Pesaran, p. 277).
BOUNDS = {"none": (-6.12, 4.16), "constant": (-6.19, 2.61), "trend": (-6.42, 1.70)}
# The shortest panel that Pesaran tabulates, and the fewest degrees of freedom there.
YEARS, FREEDOM = 10, 4
LEVELS = (0.01, 0.05, 0.10)
# Panels simulated, and how many at a time.
FEWEST, BLOCK = 199, 100
# What is left of a city's differences is rounding below this share of them.
NOTHING = 1e-10


@dataclass(frozen=True, eq=False, repr=False)
class UnitRoots:
    """CIPS tests, one row per variable.

    Attributes
    ----------
    table : DataFrame by variable
        ``cips, p`` (share of simulated panels with a smaller statistic), critical values
        ``1%, 5%, 10%`` (reject below), ``cities, years``.
    cities : DataFrame, truncated t of every city (CADF), a column per variable
    trend, lags, simulations, seed : how it was tested
    """

    table: pd.DataFrame
    cities: pd.DataFrame
    trend: str
    lags: int
    simulations: int
    seed: int

    def __repr__(self) -> str:
        return f"{self.table.to_string(float_format='{:.4g}'.format)}\n{self._below()}"

    def _repr_html_(self) -> str:
        return as_html(self.table, self._below(), index=True)

    def _below(self) -> str:
        how = f"{self.trend}, {self.lags} lags, {self.simulations} simulated panels"
        return f"(H0: a unit root in every city; {how}, seed {self.seed})"


def unit_roots(
    panel: CityPanel,
    variables: str | pd.Series | Iterable[str | pd.Series],
    trend: str = "constant",
    lags: int = 0,
    simulations: int = 1999,
    seed: int = 0,
) -> UnitRoots:
    """The CIPS test of one or more variables.

    Parameters
    ----------
    trend : "none" | "constant" | "trend"
        What every city has of its own beside the unit root.
    lags : of the differences, as many as the errors are correlated over time
    simulations : panels drawn under the null for critical values and p

    Raises
    ------
    PanelError
        Too few years for the lags, a gap between them, a city in which a variable does not
        change, missing cells, two variables of one name.
    """
    _check(trend, lags, simulations)
    rows, cities = {}, {}
    for name, wide in each_by_year(panel, variables).items():
        n, T = wide.shape
        _check_years(name, T, trend, lags)
        _check_gaps(wide)
        _check_changes(wide)
        t = _of_cities(wide, trend, lags)
        null = simulated(n, T, trend, lags, simulations, seed)
        below = (null <= t.mean()).sum()
        rows[name] = {
            "cips": t.mean(),
            "p": (1 + below) / (1 + simulations),
            **{f"{level:.0%}": np.quantile(null, level) for level in LEVELS},
            "cities": n,
            "years": T,
        }
        cities[name] = pd.Series(t, index=wide.index)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variable")
    return UnitRoots(table, pd.DataFrame(cities), trend, lags, simulations, seed)


def _check(trend: str, lags: int, simulations: int) -> None:
    if trend not in BOUNDS:
        raise PanelError(f"trend={trend!r} is not one of {named(BOUNDS)}.")
    if not is_whole(lags):
        raise PanelError(f"lags={lags!r}: give a whole number, 0 for none.")
    if not is_whole(simulations, FEWEST):
        raise PanelError(f"simulations={simulations!r}: give a whole number, at least {FEWEST}.")


def _check_years(name: str, T: int, trend: str, lags: int) -> None:
    """Refuse panels in which the regressions of the cities have next to no freedom."""
    # T - 1 - lags years and 3 + 2 lags coefficients, less with neither constant nor trend.
    own = {"none": 0, "constant": 1, "trend": 2}[trend]
    needed = max(YEARS, FREEDOM + 1 + lags + 3 + 2 * lags + own)
    if needed > T:
        raise PanelError(
            f"{name!r} has {T} years; a unit root test with trend={trend!r} and lags={lags} needs "
            f"{needed}. In a shorter panel the regression of a city has next to no degrees of "
            "freedom, and no test of unit roots, of the first generation either, has power. Say "
            "that T is too small; year effects take a common trend out, diff(y) any root."
        )


def _check_gaps(wide: pd.DataFrame) -> None:
    """Refuse a series without some years: its differences would be those of several years."""
    first, *_, last = years = years_of(wide)
    gaps = sorted({*range(first, last)} - {*years})
    if gaps:
        raise PanelError(
            f"{wide.attrs['name']!r} has no {named(gaps)} between {first} and {last}: a unit root "
            "test takes differences from year to year. Give it years in a row, those before or "
            "after the gap."
        )


def _check_changes(wide: pd.DataFrame) -> None:
    differences = wide.diff(axis=1).iloc[:, 1:]
    still = differences.abs().max(axis=1) <= 1e-12 * wide.abs().max(axis=1)
    if still.any():
        raise PanelError(
            f"{wide.attrs['name']!r} does not change over time in {named(wide.index[still])}. "
            "Leave these cities or the variable out."
        )


def _of_cities(wide: pd.DataFrame, trend: str, lags: int) -> Array:
    with np.errstate(all="ignore"):
        t = cadf(wide.to_numpy()[None], trend, lags)[0]
    if np.isnan(t).any():
        raise PanelError(
            f"{wide.attrs['name']!r} follows a line without any error in "
            f"{named(wide.index[np.isnan(t)])}: nothing is left to test. Leave these cities out."
        )
    return t


def cadf(y: Array, trend: str, lags: int) -> Array:
    """Truncated t of b for every city of every panel: (R, n, T) to (R, n).

    What all cities of a panel regress on alike is projected out first; NaN where that leaves
    nothing.
    """
    d = np.diff(y, axis=2)
    start = lags  # the first difference that has all its lags
    own = np.stack([y[:, :, start:-1], *_lagged(d, lags)], axis=-1)
    outcome = d[:, :, start:]
    mean_y, mean_d = y.mean(axis=1), d.mean(axis=1)
    common = [mean_y[:, start:-1], mean_d[:, start:], *_lagged(mean_d, lags)]
    years = np.arange(outcome.shape[2], dtype=float)
    if trend != "none":
        common.append(np.ones_like(common[0]))
    if trend == "trend":
        common.append(np.broadcast_to(years - years.mean(), common[0].shape))
    X = np.stack(common, axis=-1)
    # Columns of unit length: levels and differences may differ by orders of magnitude.
    Q = np.linalg.qr(X / np.linalg.norm(X, axis=1, keepdims=True))[0]
    own = own - np.einsum("rtk,rsk,rnsj->rntj", Q, Q, own, optimize=True)
    size = np.linalg.norm(outcome, axis=2)
    outcome = outcome - np.einsum("rtk,rsk,rns->rnt", Q, Q, outcome, optimize=True)
    own = own / np.linalg.norm(own, axis=2, keepdims=True)
    gram = np.swapaxes(own, 2, 3) @ own
    inverse = np.linalg.inv(gram)
    b = np.einsum("rnij,rntj,rnt->rni", inverse, own, outcome, optimize=True)
    e = outcome - np.einsum("rntj,rnj->rnt", own, b)
    freedom = outcome.shape[2] - X.shape[2] - own.shape[3]
    sigma2 = (e**2).sum(axis=2) / freedom
    t = b[..., 0] / np.sqrt(sigma2 * inverse[..., 0, 0])
    left = np.linalg.norm(outcome, axis=2) > NOTHING * size
    return np.where(left, np.clip(t, *BOUNDS[trend]), np.nan)


def _lagged(d: Array, lags: int) -> list[Array]:
    """d of 1 ... `lags` years before, on the years that have all of them."""
    T = d.shape[-1]
    return [d[..., lags - j : T - j] for j in range(1, lags + 1)]


@lru_cache(maxsize=32)
def simulated(n: int, T: int, trend: str, lags: int, size: int, seed: int) -> Array:
    """CIPS of panels of independent random walks, the null of Pesaran's Table II."""
    rng = generator(seed)
    parts = []
    for first in range(0, size, BLOCK):
        steps = rng.standard_normal((min(BLOCK, size - first), n, T))
        parts.append(cadf(steps.cumsum(axis=2), trend, lags).mean(axis=1))
    made = np.concatenate(parts)
    made.setflags(write=False)
    return made
