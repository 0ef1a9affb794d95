"""Geographic concentration of industries, one number per industry (or pair) and year.

    G_k     = sum_r (s_kr - x_r)^2                                   raw concentration
    gamma_k = [G_k - (1 - sum x^2) H_k] / [(1 - sum x^2)(1 - H_k)]   beyond that of plants
    gamma_ab = sum_r (s_ar - x_r)(s_br - x_r) / (1 - sum x^2)        of two industries

s_kr is city r's share of industry k, x_r its share of all activity, H_k the Herfindahl
index of plant sizes: an industry of a few large plants is concentrated even if they
were thrown on the map like darts. Ellison & Glaeser (1997), J. Political Economy 105;
the pairs of Ellison, Glaeser & Kerr (2010), American Economic Review 100.

These describe industries, not cities: they are no column of a panel of cities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect, named
from spatialsyn.measures.columns import listed_columns, non_negative
from spatialsyn.numerics.lags import Array


def ellison_glaeser(
    panel: CityPanel, industries: Sequence[str], whole: str, plants: Mapping[str, float]
) -> pd.DataFrame:
    """Concentration of every industry in every year.

    Parameters
    ----------
    industries : columns with each industry's employment (or output)
    whole : column with all activity
    plants : industry -> Herfindahl index of its plant sizes, in [0, 1)
        Required: zero claims infinitely many plants of no size, and puts the lumpiness
        of plants into gamma. 1 / number of plants is a lower bound.

    Returns
    -------
    DataFrame by (year, industry): ``herfindahl`` over cities, ``G``, ``plants``, ``gamma``
    """
    listed = listed_columns(industries)
    H = _plants(listed, plants)
    x, room = _activity(panel, whole)
    rows = []
    for name, h in zip(listed, H, strict=True):
        s = _shares(panel, name)
        G = ((s - x) ** 2).sum(axis=0)
        gamma = (G - room * h) / (room * (1 - h))
        columns = {"herfindahl": (s**2).sum(axis=0), "G": G, "plants": h, "gamma": gamma}
        rows.append(pd.DataFrame(columns | {"year": panel.years, "industry": name}))
    table = pd.concat(rows).set_index(["year", "industry"])
    return table.sort_index(level="year", sort_remaining=False, kind="stable")


def coagglomeration_pairs(panel: CityPanel, industries: Sequence[str], whole: str) -> pd.DataFrame:
    """gamma_ab of every pair of industries in every year: by (year, a, b), one column."""
    listed = listed_columns(industries)
    if len(listed) < 2:
        raise PanelError(f"pairs need two industries at least; got {listed}.")
    x, room = _activity(panel, whole)
    apart = {name: _shares(panel, name) - x for name in listed}
    rows = [
        pd.DataFrame(
            {"year": panel.years, "a": a, "b": b, "gamma": (apart[a] * apart[b]).sum(axis=0) / room}
        )
        for a, b in combinations(listed, 2)
    ]
    table = pd.concat(rows).set_index(["year", "a", "b"])
    return table.sort_index(level="year", sort_remaining=False, kind="stable")


def _activity(panel: CityPanel, whole: str) -> tuple[Array, Array]:
    """Shares of all activity, (n, T), and 1 - sum x^2 by year."""
    x = _shares(panel, whole)
    room = 1 - (x**2).sum(axis=0)
    if not (room > 1e-12).all():
        raise PanelError(
            f"all of {whole!r} lies in one city in some year: concentration has no benchmark (0/0)."
        )
    return x, room


def _shares(panel: CityPanel, column: str) -> Array:
    x = non_negative(panel, column)
    total = x.sum(axis=0)
    if not (total > 0).all():
        years = [year for year, sum_ in zip(panel.years, total, strict=True) if sum_ == 0]
        raise PanelError(f"{column!r} is zero in every city in {named(years)}: its shares are 0/0.")
    return x / total


def _plants(industries: Sequence[str], plants: Mapping[str, float]) -> list[float]:
    what = "plants maps every industry to the Herfindahl index of its plant sizes"
    expect(plants, Mapping, what, PanelError)
    absent = [name for name in industries if name not in plants]
    if absent:
        raise PanelError(
            f"plants has no Herfindahl index for {named(absent)}. Without it gamma cannot tell few "
            "large plants from concentration; 1 / number of plants is a lower bound."
        )
    H = [float(plants[name]) for name in industries]
    odd = {name: h for name, h in zip(industries, H, strict=True) if not 0 <= h < 1}
    if odd:
        raise PanelError(f"Herfindahl indices of plants lie in [0, 1); these do not: {odd}.")
    return H
