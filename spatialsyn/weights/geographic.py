"""Weights from where cities are: borders and distances.

Distances are geodesic kilometres on the WGS84 ellipsoid between representative points
(the middle of the largest part), whatever the CRS of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.boundaries import check_boundaries, representative_points
from spatialsyn.errors import WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.core import Weights

ISOLATES = ("nearest", "keep")


def contiguity(
    cities: Any,
    rook: bool = False,
    name: str = "contiguity",
    isolates: str | None = None,
    links: Iterable[tuple[Any, Any]] = (),
) -> Weights:
    """Neighbours that share a border: W[i, j] = 1.

    Parameters
    ----------
    cities : GeoDataFrame
        Polygons indexed by city id, for example ``panel.cities``.
    rook : bool
        Count only borders of positive length; the default also counts common corners
        (queen).
    isolates : None | "nearest" | "keep"
        What to do with cities that touch no other: refuse (default), link them with
        their nearest city, or keep their empty rows.
    links : pairs of ids
        Further links, both ways: a bridge (Shenzhen-Zhongshan) is no border.

    Raises
    ------
    BoundaryError
        The borders do not match exactly, so that neighbours would be missed in silence.
    WeightsError
        Cities without neighbours, or unknown ids in `links`.
    """
    from libpysal.graph import Graph

    check_boundaries(cities)
    links = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in links)
    if isolates not in (None, *ISOLATES):
        raise WeightsError(f"isolates={isolates!r} is not one of {named(ISOLATES)}.")
    ids = tuple(cities.index)
    graph = Graph.build_contiguity(cities, rook=rook)
    matrix = graph.sparse.toarray()
    _add_links(matrix, ids, links)
    lonely = np.flatnonzero(matrix.sum(axis=1) == 0)
    if len(lonely) and isolates is None:
        raise WeightsError(
            f"{named(ids[i] for i in lonely)} share no border with any other city. Say what to do: "
            'isolates="nearest" links them with their nearest city, "keep" leaves their rows empty '
            "(no row-standardising then), links=[(id, id)] adds bridges or ferries."
        )
    if len(lonely) and isolates == "nearest":
        _link_nearest(matrix, distances(cities).to_numpy(), lonely)
    recipe = {
        "kind": f"contiguity ({'rook' if rook else 'queen'})",
        "isolates": isolates,
        "links": links,
        "unit": "1 = common border",
    }
    return Weights(matrix, ids, name, recipe)


def inverse_distance(
    cities: Any, power: float = 1.0, cutoff: float | None = None, name: str = "distance"
) -> Weights:
    """W[i, j] = 1 / d_ij^power, d in kilometres, zero beyond `cutoff` kilometres."""
    if not power > 0:
        raise WeightsError(f"power={power!r}: distance decay needs a positive power.")
    km = distances(cities).to_numpy()
    _check_apart(km, cities)
    weights = _decay(km, power)
    if cutoff is not None:
        weights[km > cutoff] = 0.0
        lonely = [cities.index[i] for i in np.flatnonzero(weights.sum(axis=1) == 0)]
        if lonely:
            nearest = np.where(np.eye(len(km), dtype=bool), np.inf, km).min(axis=1).max()
            raise WeightsError(
                f"no city lies within {cutoff:g} km of {named(lonely)}. The smallest cut-off that "
                f"leaves no city alone is {nearest:.1f} km."
            )
    recipe = {"kind": "inverse distance", "power": power, "cutoff_km": cutoff, "unit": "km^-power"}
    return Weights(weights, tuple(cities.index), name, recipe)


def distances(cities: Any) -> pd.DataFrame:
    """Geodesic kilometres between all cities, (n, n), zero on the diagonal."""
    from pyproj import Geod

    points = representative_points(cities)
    first, second = np.triu_indices(len(points), 1)
    x, y = points.x.to_numpy(), points.y.to_numpy()
    _, _, metres = Geod(ellps="WGS84").inv(x[first], y[first], x[second], y[second])
    km = np.zeros((len(points), len(points)))
    km[first, second] = km[second, first] = np.asarray(metres) / 1000
    return pd.DataFrame(km, index=cities.index, columns=cities.index)


def nearness(cities: Any, km: float) -> Array:
    """Bartlett weights of pairs of cities, 1 - d / `km` and zero beyond, (n, n).

    They say whose errors may be correlated (Conley 1999, Journal of Econometrics 92), not
    who affects whom.

    Raises
    ------
    WeightsError
        No polygons, or a reach that holds no pair of cities or more than half of all pairs.
    """
    if cities is None:
        raise WeightsError("distances need places: ss.CityPanel(..., cities=polygons).")
    if not (isinstance(km, int | float) and km > 0):
        raise WeightsError(f"km={km!r}: the reach is a positive number of kilometres.")
    d = distances(cities).to_numpy()
    apart = d[np.triu_indices(len(d), 1)]
    least, half = apart.min(), np.median(apart)
    if not least < km <= half:
        raise WeightsError(
            f"km={km:g}: the nearest two cities lie {least:.0f} km apart, half of all pairs within "
            f'{half:.0f} km. Below the first no two cities are near (that is cov="city"); beyond '
            "the second the weighted scores cancel, for all together they sum to zero, and "
            "standard errors come out too small."
        )
    return np.clip(1 - d / km, 0.0, None)


def _decay(km: Array, power: float) -> Array:
    """km^-power off the diagonal, zero on it."""
    with np.errstate(divide="ignore"):
        weights = km**-power
    np.fill_diagonal(weights, 0.0)
    return weights


def _check_apart(km: Array, cities: Any) -> None:
    same = np.argwhere(np.triu(km == 0, 1))
    if len(same):
        pairs = [(cities.index[i], cities.index[j]) for i, j in same]
        raise WeightsError(f"these cities lie at the same point: {named(pairs)}.")


def _add_links(matrix: Array, ids: tuple[Any, ...], links: Iterable[tuple[Any, Any]]) -> None:
    position = {city: i for i, city in enumerate(ids)}
    for link in links:
        expect(link, tuple, "links holds pairs of ids, such as ('440300', '442000')", WeightsError)
        a, b = link
        foreign = [city for city in (a, b) if city not in position]
        if foreign:
            raise WeightsError(f"links names the unknown cities {named(foreign)}.")
        matrix[position[a], position[b]] = matrix[position[b], position[a]] = 1.0


def _link_nearest(matrix: Array, km: Array, lonely: Iterable[int]) -> None:
    for i in lonely:
        j = int(np.argmin(np.where(np.arange(len(km)) == i, np.inf, km[i])))
        matrix[i, j] = matrix[j, i] = 1.0
