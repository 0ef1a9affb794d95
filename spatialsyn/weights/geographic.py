"""Weights from common borders, and the distances between cities.

Distances are geodesic kilometres on the WGS84 ellipsoid between representative points
(the middle of the largest part), whatever the CRS of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.geodesy import Positions, all_km, nearest, places
from spatialsyn.errors import WeightsError, check_flag, expect, is_whole, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.isolates import check_policy, mutual, settle

Link = tuple[Any, Any]


def contiguity(
    cities: Any,
    rook: bool = False,
    name: str = "contiguity",
    isolates: str | None = None,
    links: Iterable[Link] = (),
    order: int = 1,
    up_to: bool = False,
) -> Weights:
    """Neighbours that share a border: W[i, j] = 1.

    Parameters
    ----------
    cities : GeoDataFrame
        Polygons indexed by city id, for example ``panel.cities``.
    rook : bool
        Count only borders of positive length; the default also counts common corners
        (queen).
    isolates : None | "nearest" | "keep" | "drop"
        What to do with cities that touch no other: refuse (default), link them with
        their nearest city, keep their empty rows, or leave them out. Beyond order 1 a
        city without a neighbour of that very order has no nearest one: keep or drop it.
    links : pairs of ids
        Further links, both ways: a bridge (Shenzhen-Zhongshan) is no border.
    order : int
        Cities that are reached over `order` borders and not over fewer; 2 is the
        neighbours of neighbours.
    up_to : bool
        Cities reached over `order` borders or fewer.

    Raises
    ------
    BoundaryError
        The borders do not match exactly, so that neighbours would be missed in silence.
    WeightsError
        Cities without neighbours, or unknown ids in `links`.
    """
    from spatialsyn.cities.boundaries import check_boundaries
    from spatialsyn.cities.points import seamless
    from spatialsyn.cities.topology import contiguous

    check_boundaries(cities)
    check_policy(isolates)
    check_flag("rook", rook, WeightsError)
    check_flag("up_to", up_to, WeightsError)
    _check_order(order)
    what = "links holds pairs of ids, such as [('440300', '442000')], or nothing, ()"
    expect(links, Iterable, what, WeightsError)
    links = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in links)
    ids = tuple(cities.index)
    borders = contiguous(seamless(cities).to_numpy(), rook)
    first = sparse.csr_array(borders.maximum(_bridges(links, ids))) if links else borders

    def fallback(lonely: Positions) -> sparse.csr_array:
        partner = nearest(places(cities), 1, lonely)[0][:, 0]
        return mutual(len(cities), lonely, partner, np.ones(len(lonely)))

    first, ids, told = settle(
        first, ids, isolates, "share no border with any other city", fallback,
        " Bridges and ferries are links=[(id, id)].",
    )  # fmt: skip
    matrix = first if order == 1 else reached(first, order, up_to)
    recipe = {
        "kind": f"contiguity ({'rook' if rook else 'queen'})", "links": links,
        "unit": "1 = common border", **told,
    }  # fmt: skip
    if order == 1:
        return Weights(matrix, ids, name, recipe)
    policy = None if isolates == "nearest" else isolates
    why = f"have no neighbour of order {order}"
    matrix, ids, more = settle(
        matrix, ids, policy, why, way_out=" up_to=True counts nearer ones too."
    )
    recipe |= {"order": order, "up_to": up_to, "unit": f"1 = {order} borders away"}
    recipe["dropped"] = (*told.get("dropped", ()), *more.get("dropped", ()))
    return Weights(matrix, ids, name, recipe)


def reached(first: sparse.csr_array, order: int, up_to: bool) -> sparse.csr_array:
    """1 where the shortest way over `first` has `order` steps, or (`up_to`) at most as many."""
    step = first.astype(bool).astype(float)
    seen = frontier = step + sparse.eye_array(step.shape[0])
    for _ in range(min(order, step.shape[0]) - 1):  # no way is longer
        wider = (frontier @ step).astype(bool).astype(float)
        frontier = (wider - wider.multiply(seen)).tocsr()
        frontier.eliminate_zeros()
        seen = seen + frontier
    found = seen - sparse.eye_array(step.shape[0]) if up_to else frontier
    return sparse.csr_array(found)


def distances(cities: Any) -> pd.DataFrame:
    """Geodesic kilometres between all cities, (n, n), zero on the diagonal."""
    return pd.DataFrame(all_km(places(cities)), index=cities.index, columns=cities.index)


def _bridges(links: Iterable[Link], ids: tuple[Any, ...]) -> sparse.csr_array:
    """1 between the cities of every pair, both ways."""
    position = {city: i for i, city in enumerate(ids)}
    pairs: list[tuple[int, int]] = []
    for link in links:
        expect(link, tuple, "links holds pairs of ids, such as ('440300', '442000')", WeightsError)
        if len(link) != 2 or link[0] == link[1]:
            raise WeightsError(f"links holds pairs of different ids; got {link!r}.")
        foreign = [city for city in link if city not in position]
        if foreign:
            raise WeightsError(f"links names the unknown cities {named(foreign)}.")
        pairs.append((position[link[0]], position[link[1]]))
    i, j = np.array(pairs, dtype=int).reshape(-1, 2).T
    matrix = sparse.csr_array((np.ones(len(pairs)), (i, j)), shape=(len(ids), len(ids)))
    return (matrix + matrix.T).sign()


def _check_order(order: object) -> None:
    if not is_whole(order, 1):
        raise WeightsError(f"order={order!r}: the order of contiguity is 1, 2, 3, ...")
