"""How unequal the cities are, year by year: what narrowing regional disparities means.

    Theil    T = sum_i p_i r_i ln r_i,      r_i = x_i / mean, p_i = 1/n or population share
             T = sum_g s_g ln(s_g / p_g) + sum_g s_g T_g,   s_g = share of block g in sum p x
    Gini     G = sum_i sum_j p_i p_j |x_i - x_j| / (2 mean)
    CV       standard deviation / mean          (Williamson's index when weighted)
    sigma    standard deviation of ln x         (sigma convergence: it falls)
    tau      Kendall's tau with the ranking of the first year (do cities change places?)

The decomposition is exact: between blocks plus within every block is the whole. Beta
convergence, a regression, is `ss.beta_convergence`.

Without weights Theil, its decomposition, Gini and tau are those of PySAL (`inequality`,
`giddy`), which have neither weights nor the contribution of each block; the tests
compare them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.measures.columns import check_panel, non_negative, positive
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array


@dataclass(frozen=True, eq=False, repr=False)
class Disparity:
    """Inequality of the cities in one variable.

    Attributes
    ----------
    table : DataFrame by year
        ``theil, gini, cv, sigma, tau``; with blocks also ``between, within`` and one
        ``within[block]`` per block: ``theil = between + within``, and ``within`` is the
        sum of the blocks' contributions.
    column, weight, by : what was compared, weighted with, and divided into
    """

    table: pd.DataFrame
    column: str
    weight: str | None
    by: str | None

    @property
    def trend(self) -> pd.DataFrame:
        """First and last year, relative change, and the slope per year of every measure.

        A falling sigma is sigma convergence. With few years, which depend on each other,
        a test of the slope would pretend to know more.
        """
        table = self.table
        years = table.index.to_numpy(dtype=float)
        centred = years - years.mean()
        slope = (table.T @ centred) / (centred**2).sum() if len(years) > 1 else np.nan
        first, last = table.iloc[0], table.iloc[-1]
        change = (last / first - 1).where(first != 0)
        return pd.DataFrame(
            {"first": first, "last": last, "change": change, "slope": slope}
        ).rename_axis("measure")

    def __repr__(self) -> str:
        return f"{self._above()}\n{self.table.round(4).to_string()}"

    def _repr_html_(self) -> str:
        return as_html(self.table, above=[self._above()], digits="{:.4f}", index=True)

    def _above(self) -> str:
        weighted = f", weighted by {self.weight}" if self.weight else ""
        return f"Disparity of {self.column}{weighted}"


def disparity(
    panel: CityPanel, column: str, weight: str | None = None, by: str | None = None
) -> Disparity:
    """Theil, Gini, coefficient of variation and sigma of a variable in every year.

    Parameters
    ----------
    column : non-negative, best per person or per firm
    weight : column of populations: a person, not a city, counts one
    by : grouping of the panel, for the decomposition of Theil's T

    Raises
    ------
    PanelError
        A single city, negative or missing cells, a year in which all are zero, an unknown
        grouping. Sigma is missing in years with a zero, which has no logarithm.
    """
    check_panel(panel)
    if panel.n < 2:
        raise PanelError(f"disparities need two cities at least; the panel has {panel.n}.")
    x = non_negative(panel, column)
    p = np.ones_like(x) if weight is None else positive(panel, weight)
    p = p / p.sum(axis=0)
    empty = [year for year, sum_ in zip(panel.years, x.sum(axis=0), strict=True) if sum_ == 0]
    if empty:
        raise PanelError(f"{column!r} is zero in every city in {named(empty)}: 0/0.")
    columns = {"theil": theil(x, p)}
    if by is not None:
        columns |= _decomposed(x, p, _blocks(panel, by))
    columns |= {"gini": gini(x, p), "cv": variation(x, p), "sigma": sigma(x, p)}
    columns["tau"] = np.array([_tau(x[:, 0], x[:, t]) for t in range(panel.T)])
    table = pd.DataFrame(columns, index=pd.Index(panel.years, name="year"))
    return Disparity(table, column, weight, by)


def average(x: Array, p: Array) -> Array:
    """Mean of the columns of `x`, weights `p` summing to one per column.

    It lies between the extremes also where rounding would put it beside them: values that are
    all equal have no inequality then, not one of 1e-16.
    """
    return np.asarray(np.clip((p * x).sum(axis=0), x.min(axis=0), x.max(axis=0)))


def theil(x: Array, p: Array) -> Array:
    """Theil's T of the columns of `x`, weights `p` summing to one per column.

    0 ln 0 = 0, and a column of zeros (a block without any) has no inequality.
    """
    mean = average(x, p)
    r = np.divide(x, mean, out=np.zeros_like(x), where=mean > 0)
    return np.asarray((p * r * np.log(np.where(r > 0, r, 1.0))).sum(axis=0))


def gini(x: Array, p: Array) -> Array:
    """Gini coefficient of the columns of `x`: 2 cov(x, rank) / mean, ranks shares of all."""
    order = np.argsort(x, axis=0, kind="stable")
    x, p = np.take_along_axis(x, order, 0), np.take_along_axis(p, order, 0)
    mean, rank = average(x, p), np.cumsum(p, axis=0) - p / 2
    return np.asarray(2 * (p * (x - mean) * rank).sum(axis=0) / mean)


def variation(x: Array, p: Array) -> Array:
    """Coefficient of variation of the columns of `x`, of all cities and not of a sample."""
    r = x / average(x, p)
    return np.asarray(np.sqrt((p * (r - 1) ** 2).sum(axis=0)))


def sigma(x: Array, p: Array) -> Array:
    """Standard deviation of ln x by column; missing where a value is zero."""
    logs = np.log(np.where(x > 0, x, np.nan))
    mean = average(logs, p)
    return np.asarray(np.sqrt((p * (logs - mean) ** 2).sum(axis=0)))


def _decomposed(x: Array, p: Array, block: pd.Series) -> dict[str, Array]:
    """Theil between blocks, within all of them, and the contribution of each."""
    mean = average(x, p)
    between, within = np.zeros(x.shape[1]), {}
    for name in sorted(block.unique(), key=str):
        inside = (block == name).to_numpy()
        share = p[inside].sum(axis=0)
        among = p[inside] / share
        r = average(x[inside], among) / mean
        between += share * r * np.log(np.where(r > 0, r, 1.0))
        within[f"within[{name}]"] = share * r * theil(x[inside], among)
    return {"between": between, "within": np.sum(list(within.values()), axis=0)} | within


def _blocks(panel: CityPanel, by: str) -> pd.Series:
    if by not in panel.blocks:
        raise PanelError(
            f"the panel has no grouping {by!r}; it has {named(panel.blocks) or 'none'}."
        )
    return panel.blocks[by].reindex(list(panel.ids))


def _tau(first: Array, x: Array) -> float:
    """Kendall's tau-b; missing where all cities are equal."""
    flat = np.ptp(first) == 0 or np.ptp(x) == 0
    return np.nan if flat else float(kendalltau(first, x).statistic)
