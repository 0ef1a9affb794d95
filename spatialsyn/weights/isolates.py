"""Cities without a neighbour: three ways to treat them, none of them in silence.

``nearest``  link them with their nearest city
``keep``     leave their rows empty: their spatial lag is zero, rows cannot be standardised
``drop``     leave them out of the matrix; a panel with them then needs panel.subset(w.ids)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from spatialsyn.cities.geodesy import Positions
from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array

MEANING = {
    "nearest": "links them with their nearest city",
    "keep": "leaves their rows empty (no row-standardising then)",
    "drop": "leaves them out of the matrix",
}
Ids = tuple[Any, ...]
# Rows without a neighbour -> the links that give each of them one.
Fallback = Callable[[Positions], sparse.csr_array]


def settle(
    links: sparse.csr_array,
    ids: Ids,
    isolates: str | None,
    why: str,
    fallback: Fallback | None = None,
    way_out: str = "",
) -> tuple[sparse.csr_array, Ids, dict[str, Any]]:
    """Links and ids once every city without a neighbour is treated as `isolates` says.

    Parameters
    ----------
    why : what these cities lack, for the error when `isolates` is None
    fallback : finds the nearest city; without it "nearest" is no choice
    way_out : a further remedy, for the error

    Returns
    -------
    links, ids, and what the recipe of the matrix is to tell
    """
    check_policy(isolates, fallback is not None)
    if len(ids) < 2:
        raise WeightsError(f"weights need two cities or more; there is only {named(ids)}.")
    told: dict[str, Any] = {"isolates": isolates}
    lonely = empty_rows(links)
    if not len(lonely):
        return links, ids, told
    cities = tuple(ids[i] for i in lonely)
    if isolates is None:
        known = [f'"{name}" {MEANING[name]}' for name in policies(fallback is not None)]
        raise WeightsError(
            f"{named(cities)} {why}. Say what to do: isolates={', '.join(known)}.{way_out}"
        )
    if isolates == "nearest" and fallback is not None:
        links, told["linked"] = sparse.csr_array(links.maximum(fallback(lonely))), cities
    if isolates == "drop":
        links, ids, told["dropped"] = without(links, ids)
    return links, ids, told


def check_policy(isolates: object, nearest: bool = True) -> None:
    """Refuse what is none of the policies."""
    if isolates is not None and isolates not in policies(nearest):
        raise WeightsError(f"isolates={isolates!r} is not one of {named(policies(nearest))}.")


def policies(nearest: bool) -> tuple[str, ...]:
    """The policies, of which "nearest" needs places."""
    return tuple(MEANING) if nearest else ("keep", "drop")


def empty_rows(links: sparse.csr_array) -> Positions:
    """Rows whose weights are all zero."""
    return np.flatnonzero(np.asarray(links.sum(axis=1)) == 0)


def mutual(n: int, lonely: Positions, partner: Positions, weight: Array) -> sparse.csr_array:
    """A link between every lonely city and its partner, both ways."""
    one_way = sparse.csr_array((weight, (lonely, partner)), (n, n))
    return sparse.csr_array(one_way.maximum(one_way.T.tocsr()))


def without(links: sparse.csr_array, ids: Ids) -> tuple[sparse.csr_array, Ids, Ids]:
    """Links and ids without the lonely cities and those linked only to such; and who left."""
    dropped: list[Any] = []
    while len(ids) and len(lonely := empty_rows(links)):
        dropped += [ids[i] for i in lonely]
        keep = np.setdiff1d(np.arange(len(ids)), lonely)
        links, ids = links[keep][:, keep], tuple(ids[i] for i in keep)
    return links, ids, tuple(dropped)
