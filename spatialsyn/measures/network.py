"""Centrality of cities in a network of flows.

    degree       C_i = #{j : f_ij > threshold} / (n - 1)
    strength     S_i = sum_j f_ij
    eigenvector  F v = lambda v with F = f + f', |v| = 1: linked to the well linked
    density      #{f_ij > threshold} / (n (n - 1))

A centrality from the flows that also make W is a function of W: as a regressor beside W
it shows the same channel twice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, PanelError, expect, named
from spatialsyn.measures.columns import by_city_year, check_number, check_panel
from spatialsyn.numerics.lags import Array

MEASURES = ("degree", "strength", "eigenvector")
DIRECTIONS = ("out", "in")
COLUMNS = ("origin", "destination", "flow")


def centrality(
    panel: CityPanel,
    flows: pd.DataFrame,
    measure: str = "degree",
    direction: str = "out",
    threshold: float = 0.0,
) -> pd.Series:
    """How central each city is in a network, by (city, year).

    Parameters
    ----------
    flows : DataFrame with columns ``origin, destination, flow`` and, if they change, ``year``
        Searches, trips, parcels, joint patents, ...; a pair that is not listed has no
        flow, and flows of a city to itself do not count.
    measure : "degree" | "strength" | "eigenvector"
        Degree and strength count what leaves a city or, with direction="in", what
        arrives; the eigenvector takes both ways together.
    threshold : flows up to this size are no link (degree only)

    Raises
    ------
    AlignmentError
        Cities that the panel does not have, or years that the flows do not have.
    PanelError
        Pairs listed twice, negative or missing flows, a year without any, or a network
        in several parts, where the eigenvector is not unique.
    """
    if measure not in MEASURES or direction not in DIRECTIONS:
        raise PanelError(
            f"measure={measure!r}, direction={direction!r}: there are {named(MEASURES)}, and "
            f"{named(DIRECTIONS)}."
        )
    check_number(threshold, "threshold")
    by_year = matrices(panel, flows)
    turned = by_year if direction == "out" else by_year.transpose(0, 2, 1)
    if measure == "degree":
        values: Array = (turned > threshold).sum(axis=2) / (panel.n - 1)
    elif measure == "strength":
        values = turned.sum(axis=2)
    else:
        values = np.array([_eigenvector(f + f.T) for f in by_year])
    name = measure if measure == "eigenvector" else f"{measure}_{direction}"
    return by_city_year(panel, values.T, name)


def network_density(panel: CityPanel, flows: pd.DataFrame, threshold: float = 0.0) -> pd.Series:
    """Share of the possible links that exist, by year.

    Parameters
    ----------
    flows, threshold : see `centrality`
    """
    check_number(threshold, "threshold")
    links = (matrices(panel, flows) > threshold).sum(axis=(1, 2))
    return pd.Series(links / (panel.n * (panel.n - 1)), index=list(panel.years), name="density")


def matrices(panel: CityPanel, flows: pd.DataFrame) -> Array:
    """Flows as (T, n, n), zero on the diagonals, rows the origins."""
    _check(panel, flows)
    n, T = panel.n, panel.T
    place = {city: i for i, city in enumerate(panel.ids)}
    i, j = (
        np.array([place[city] for city in flows[end]], dtype=np.intp)
        for end in ("origin", "destination")
    )
    made = np.zeros((T, n, n))
    if "year" in flows:
        known = flows["year"].isin(panel.years).to_numpy()
        t = np.array([panel.years.index(year) for year in flows["year"][known]], dtype=np.intp)
        made[t, i[known], j[known]] = flows["flow"].to_numpy(dtype=float)[known]
    else:
        made[:, i, j] = flows["flow"].to_numpy(dtype=float)
    made[:, range(n), range(n)] = 0.0
    silent = [year for year, f in zip(panel.years, made, strict=True) if not f.any()]
    if silent:
        raise PanelError(f"flows has none between different cities in {named(silent)}.")
    return made


def _check(panel: CityPanel, flows: pd.DataFrame) -> None:
    check_panel(panel)
    expect(flows, pd.DataFrame, f"flows is a DataFrame with columns {named(COLUMNS)}", PanelError)
    lacking = [name for name in COLUMNS if name not in flows]
    if lacking:
        raise PanelError(f"flows has no columns {named(lacking)}; it has {named(flows.columns)}.")
    if panel.n < 2:
        raise PanelError("a network needs two cities at least.")
    named_in = pd.unique(flows[["origin", "destination"]].to_numpy().ravel())
    foreign = [city for city in named_in if city not in set(panel.ids)]
    if foreign:
        raise AlignmentError(
            f"flows names the cities {named(foreign)}, which the panel does not have. Keep the "
            "flows between its cities; ids must be of one kind (text or integers) in both."
        )
    keys = ["origin", "destination", *(["year"] if "year" in flows else [])]
    twice = flows[flows.duplicated(keys)]
    if len(twice):
        raise PanelError(f"flows lists {named(map(tuple, twice[keys].to_numpy()))} more than once.")
    size = pd.to_numeric(flows["flow"], errors="coerce").to_numpy(dtype=float)
    if not (np.isfinite(size) & (size >= 0)).all():
        raise PanelError("flows must be non-negative numbers without holes.")
    absent = set(panel.years) - set(flows["year"]) if "year" in flows else set()
    if absent:
        raise AlignmentError(f"flows has no rows for the years {named(sorted(absent))}.")


def _eigenvector(F: Array) -> Array:
    parts, _ = connected_components(F > 0, directed=False)
    if parts > 1:
        raise PanelError(
            f"the network falls into {parts} parts: its eigenvector is not unique. Use degree or "
            "strength."
        )
    return np.abs(np.linalg.eigh(F)[1][:, -1])
