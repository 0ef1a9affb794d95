"""Concentration of activities in cities, as columns of the panel.

    LQ_it = (part_it / whole_it) / (sum_i part_it / sum_i whole_it)         location quotient
    H_it  = sum_k (part_kit / sum_k part_kit)^2                             Herfindahl
    Q_it  = 1 - |LQ_a - LQ_b| / (LQ_a + LQ_b)                               co-agglomeration
    V_it  = D_it + sum_{j != i} D_jt exp(-delta d_ij)                       attenuated spillover

Index numbers of industries, one per industry and year, are in `dartboard`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, PanelError, check_flag, expect, named
from spatialsyn.measures.columns import (
    by_city_year,
    cells,
    check_number,
    check_panel,
    check_part,
    listed_columns,
    non_negative,
    positive,
)
from spatialsyn.numerics.lags import Array


def location_quotient(panel: CityPanel, part: str, whole: str) -> pd.Series:
    """LQ_it = (part_it / whole_it) / (sum_i part_it / sum_i whole_it).

    One where the city has the sample's share of the activity; relative by construction,
    so growth common to all cities cancels within each year.

    Parameters
    ----------
    part, whole : columns
        For example employment in one industry and in all of them, in the same units.

    Returns
    -------
    Series by (city, year)
    """
    return by_city_year(panel, _quotient(panel, part, whole), f"lq_{part}")


def ratio(panel: CityPanel, numerator: str, denominator: str, scale: float = 1.0) -> pd.Series:
    """scale x numerator / denominator by (city, year); the denominator must be positive."""
    check_panel(panel)
    check_number(scale, "scale")
    values = scale * panel.array(numerator) / positive(panel, denominator)
    return by_city_year(panel, values, f"{numerator}_ratio")


def herfindahl(panel: CityPanel, parts: Sequence[str]) -> pd.Series:
    """How much a city's activity stands in few sectors: sum of squared shares of `parts`.

    Between 1 / k (k sectors of equal size) and one (a single sector). The shares are
    those of the listed columns, so they should make up the whole.
    """
    listed = listed_columns(parts)
    if len(listed) < 2:
        raise PanelError(f"herfindahl needs two sectors at least; got {listed}.")
    x = np.stack([non_negative(panel, name) for name in listed])
    whole = x.sum(axis=0)
    if not (whole > 0).all():
        raise PanelError(f"{named(listed)} are all zero in {cells(panel, whole == 0)}: 0/0.")
    return by_city_year(panel, ((x / whole) ** 2).sum(axis=0), "herfindahl")


def coagglomeration(panel: CityPanel, a: str, b: str, whole: str, depth: bool = False) -> pd.Series:
    """Whether two industries concentrate in the same cities.

        quality          1 - |LQ_a - LQ_b| / (LQ_a + LQ_b)
        with depth       the same + LQ_a + LQ_b

    The quality lies in [0, 1] and is one where both quotients are equal, tiny ones too;
    with depth the number has no upper end and is ruled by the level. Say which is used.

    Parameters
    ----------
    a, b : columns of the two industries, in the units of `whole`
    whole : column of all of them, as in `location_quotient`
    depth : add both quotients

    Raises
    ------
    PanelError
        Both industries absent in a city, where the quality is 0/0.
    """
    if a == b:
        raise PanelError(f"{a!r} is always co-agglomerated with itself: name two industries.")
    check_flag("depth", depth, PanelError)
    first, second = _quotient(panel, a, whole), _quotient(panel, b, whole)
    level = first + second
    if not (level > 0).all():
        raise PanelError(
            f"{a!r} and {b!r} are both zero in {cells(panel, level == 0)}: whether they are there "
            "together is 0/0. Leave these cities out, or take wider industries."
        )
    quality = 1 - np.abs(first - second) / level
    values = quality + level if depth else quality
    return by_city_year(panel, values, "coagglomeration_depth" if depth else "coagglomeration")


def spillover_index(
    panel: CityPanel, column: str, distances: pd.DataFrame, decay: float
) -> pd.Series:
    """V_it = D_it + sum_{j != i} D_jt exp(-decay d_ij), the attenuated spillover index.

    Song & Zhang (2024) describe an index of this kind; the formula is our reading of it.
    It holds a spatial lag of D already, which a warning says: in a model with W V the
    spillover is counted twice, and theta is not identified as a spillover.

    Parameters
    ----------
    column : D, non-negative, for example firms of the digital industry
    distances : DataFrame (n, n) of kilometres by city id, ``ss.weights.distances(cities)``
    decay : delta per kilometre, positive; activity 1 / decay away counts 37 percent
    """
    check_number(decay, "decay")
    if not decay > 0:
        raise PanelError(f"decay={decay!r}: attenuation with distance needs a positive number.")
    D, km = non_negative(panel, column), aligned(panel, distances, "distances")
    weight = np.exp(-decay * km)
    np.fill_diagonal(weight, 1.0)
    warnings.warn(
        f"the spillover index of {column!r} already holds a spatial lag: W times it is a lag of a "
        f"lag, and its coefficient is no spillover. Use {column!r} itself where W lags x.",
        stacklevel=2,
    )
    return by_city_year(panel, weight @ D, f"spillover_{column}")


def aligned(panel: CityPanel, square: pd.DataFrame, what: str) -> Array:
    """A square table by city id in the order of the panel, finite and non-negative."""
    expect(square, pd.DataFrame, f"{what} is a DataFrame by city id", PanelError)
    for axis, labels in (("rows", square.index), ("columns", square.columns)):
        absent = [i for i in panel.ids if i not in set(labels)]
        if absent or labels.has_duplicates:
            raise AlignmentError(
                f"the {axis} of {what} must name every city of the panel once; without: "
                f"{named(absent) or 'none'}."
            )
    values = square.loc[list(panel.ids), list(panel.ids)].to_numpy(dtype=float)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise PanelError(f"{what} holds negative, missing or infinite numbers.")
    return values


def _quotient(panel: CityPanel, part: str, whole: str) -> Array:
    a, b = non_negative(panel, part), positive(panel, whole)
    check_part(panel, a, b, (part, whole))
    share = a.sum(axis=0) / b.sum(axis=0)
    if not (share > 0).all():
        raise PanelError(f"{part!r} is zero in every city in some year: its quotient is 0/0.")
    return a / b / share
