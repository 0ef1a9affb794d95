"""Weights from kilometres: k nearest, bands, rings, inverse distance and kernels.

    knn               W[i, j] = 1 for the k cities nearest to i
    distance_band     W[i, j] = 1 for d_ij <= cutoff
    rings             the same for a < d_ij <= b, band after band: no pair is in two
    inverse_distance  W[i, j] = d_ij^-power
    kernel            W[i, j] = K(d_ij / b), one bandwidth b, or b_i by city

Distances are geodesic kilometres on the WGS84 ellipsoid between representative points.
Only links that exist are stored; no (n, n) array is made where most cities are far apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from spatialsyn.cities.geodesy import (
    Places,
    Positions,
    all_km,
    check_apart,
    nearest,
    pairs_within,
    places,
)
from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import check_count, check_km, check_power, real
from spatialsyn.weights.core import Weights
from spatialsyn.weights.isolates import check_policy, empty_rows, mutual, settle
from spatialsyn.weights.symmetry import symmetrised

# Profiles with K(0) = 1; all but the Gaussian end at z = 1.
KERNELS: dict[str, Callable[[Array], Array]] = {
    "uniform": lambda z: np.where(z <= 1, 1.0, 0.0),
    "triangular": lambda z: np.clip(1 - z, 0, None),
    "epanechnikov": lambda z: np.clip(1 - z**2, 0, None),
    "bisquare": lambda z: np.clip(1 - z**2, 0, None) ** 2,
    "gaussian": lambda z: np.exp(-(z**2) / 2),
}
# A Gaussian is below the precision of a double from here on.
GAUSSIAN_END = 8.6


def knn(cities: Any, k: int, name: str = "knn", symmetric: str | None = None) -> Weights:
    """W[i, j] = 1 for the `k` cities nearest to city i.

    Nearness is not mutual: a city at the edge has its k nearest, of which it may be none.
    Equally near cities (to the millimetre) are taken from west to east, then from south to
    north, whatever the order of the rows.

    Parameters
    ----------
    symmetric : None | "max" | "min" | "mean"
        Keep the direction (default), link a pair if either is near the other ("max"), only
        if both are ("min"), or with 1/2 where one is ("mean").
    """
    where = places(cities)
    check_count(k, where.n, "k")
    found, _ = nearest(where, k)
    rows = np.repeat(np.arange(where.n), k)
    matrix = sparse.csr_array((np.ones(rows.size), (rows, found.ravel())), (where.n, where.n))
    recipe = {"kind": "k nearest", "k": k, "symmetric": symmetric, "unit": "1 = among k nearest"}
    return Weights(symmetrised(matrix, symmetric), where.ids, name, recipe)


def distance_band(
    cities: Any, cutoff: float, name: str = "band", isolates: str | None = None
) -> Weights:
    """W[i, j] = 1 for cities at most `cutoff` kilometres apart.

    Parameters
    ----------
    isolates : None | "nearest" | "keep" | "drop"
        What to do with cities that have no other within the cut-off.
    """
    where = places(cities)
    check_km(cutoff, "cutoff")
    first, second, km = pairs_within(where, cutoff)
    matrix = both_ways(where.n, first, second, np.ones(len(km)))
    matrix, ids, told = _within(matrix, where, cutoff, isolates, np.ones_like)
    recipe = {"kind": "distance band", "cutoff_km": cutoff, "unit": "1 = within the band"}
    return Weights(matrix, ids, name, recipe | told)


def rings(
    cities: Any, edges: Sequence[float], name: str = "ring", isolates: str | None = None
) -> dict[str, Weights]:
    """One matrix per band of distance, W[i, j] = 1 for edges[b] < d_ij <= edges[b + 1].

    No pair is in two rings, so all can stand in one model; the first ring of ``[0, 100, 200]``
    also holds cities at one point.

    Parameters
    ----------
    edges : ascending kilometres, at least two
    isolates : None | "keep"
        Cities may have no other in a ring. They are refused by default; "keep" leaves their
        rows empty. Linking them with the nearest city would put a pair into two rings, and
        dropping them would give the rings different cities.

    Returns
    -------
    dict
        By the names ``ring_0_100``, ``ring_100_200``; `ss.fit` takes it as it is.
    """
    names = ring_names(name, edges)
    edges = list(edges)
    if isolates not in (None, "keep"):
        raise WeightsError(f"isolates={isolates!r}: for rings it is None or 'keep'.")
    where = places(cities)
    first, second, km = pairs_within(where, max(edges))
    made = {}
    for ring, (low, high) in zip(names, pairwise(edges), strict=True):
        inside = (km > low if low else km >= 0) & (km <= high)
        matrix = both_ways(where.n, first[inside], second[inside], np.ones(inside.sum()))
        lonely = [where.ids[i] for i in empty_rows(matrix)]
        if lonely and isolates is None:
            raise WeightsError(
                f"{named(lonely)} have no other city between {low:g} and {high:g} km. Use wider "
                'rings, or isolates="keep", which leaves their rows empty (no row-standardising).'
            )
        recipe = {
            "kind": "ring", "from_km": low, "to_km": high, "isolates": isolates,
            "unit": "1 = in the ring",
        }  # fmt: skip
        made[ring] = Weights(matrix, where.ids, ring, recipe)
    return made


def ring_names(name: str, edges: Sequence[float]) -> list[str]:
    """What the rings with these edges are called."""
    km = [real(edge) for edge in edges] if isinstance(edges, Iterable) else []
    if len(km) < 2:
        raise WeightsError(f"edges={edges!r}: rings need two kilometres or more, [0, 100, 200].")
    if not (km[0] >= 0 and km[-1] < np.inf and all(a < b for a, b in pairwise(km))):
        raise WeightsError(f"edges={edges!r} must be kilometres that ascend from 0 or more.")
    return [f"{name}_{a:g}_{b:g}" for a, b in pairwise(km)]


def inverse_distance(
    cities: Any,
    power: float = 1.0,
    cutoff: float | None = None,
    name: str = "distance",
    isolates: str | None = None,
) -> Weights:
    """W[i, j] = 1 / d_ij^power, d in kilometres, zero beyond `cutoff` kilometres.

    Parameters
    ----------
    isolates : None | "nearest" | "keep" | "drop"
        What to do with cities that have no other within the cut-off; "nearest" gives them
        at least one neighbour, with the weight of its distance.
    """
    check_power(power)
    where = places(cities)
    recipe = {
        "kind": "inverse distance", "power": power, "cutoff_km": cutoff, "unit": "km^-power",
    }  # fmt: skip
    if cutoff is None:
        check_policy(isolates)
        km = all_km(where)
        np.fill_diagonal(km, np.inf)
        check_apart(where, *np.nonzero(np.triu(km == 0)))
        return Weights(km**-power, where.ids, name, recipe)
    check_km(cutoff, "cutoff")
    first, second, near = pairs_within(where, cutoff)
    check_apart(where, first[near == 0], second[near == 0])
    matrix = both_ways(where.n, first, second, near**-power)
    matrix, ids, told = _within(matrix, where, cutoff, isolates, lambda d: d**-power)
    return Weights(matrix, ids, name, recipe | told)


def kernel(
    cities: Any,
    function: str = "bisquare",
    bandwidth: float | None = None,
    neighbours: int | None = None,
    name: str = "kernel",
    symmetric: str | None = None,
    isolates: str | None = None,
) -> Weights:
    """W[i, j] = K(d_ij / b): the nearer, the stronger, to nothing at the bandwidth.

    With z = d / b, the profiles are uniform 1, triangular 1 - z, epanechnikov 1 - z^2,
    bisquare (1 - z^2)^2, all zero beyond z = 1, and gaussian exp(-z^2 / 2), which has no end.

    Parameters
    ----------
    bandwidth : kilometres, the same for all cities (fixed)
    neighbours : k; b_i is the distance from city i to its k-th nearest (adaptive), which
        lies on the edge of the kernel. Give either this or `bandwidth`.
    symmetric : None | "max" | "min" | "mean", for adaptive kernels, which are not symmetric
    isolates : None | "keep" | "drop"
        What to do with cities that have no other within the bandwidth. A kernel has no
        weight for a city beyond its edge, so there is no "nearest"; an adaptive bandwidth
        reaches some city unless the k nearest are all equally far.
    """
    if function not in KERNELS:
        raise WeightsError(f"function={function!r} is not one of {named(KERNELS)}.")
    if (bandwidth is None) == (neighbours is None):
        raise WeightsError("kernel needs either bandwidth=km (fixed) or neighbours=k (adaptive).")
    where = places(cities)
    if bandwidth is not None:
        check_km(bandwidth, "bandwidth")
        matrix = _fixed(where, function, bandwidth)
        why = f"have no other city within {bandwidth} km"
        way_out = " An adaptive bandwidth, neighbours=k, reaches further where cities are few."
    else:
        matrix = _adaptive(where, function, neighbours)
        why = f"have their {neighbours} nearest cities equally far, on the edge of the kernel"
        way_out = " More neighbours reach beyond them."
    matrix, ids, told = settle(
        symmetrised(matrix, symmetric), where.ids, isolates, why, way_out=way_out
    )
    recipe = {
        "kind": f"kernel ({function})", "bandwidth_km": bandwidth, "neighbours": neighbours,
        "symmetric": symmetric, "unit": "1 = at no distance",
    }  # fmt: skip
    return Weights(matrix, ids, name, recipe | told)


def both_ways(n: int, first: Positions, second: Positions, weights: Array) -> sparse.csr_array:
    """The symmetric matrix with these weights between first and second."""
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    return sparse.csr_array((np.concatenate([weights, weights]), (rows, columns)), (n, n))


def _within(
    matrix: sparse.csr_array, where: Places, cutoff: float, isolates: str | None,
    weigh: Callable[[Array], Array],
) -> tuple[sparse.csr_array, tuple[Any, ...], dict[str, Any]]:  # fmt: skip
    """`settle` for cities that have no other within the cut-off."""

    def fallback(lonely: Positions) -> sparse.csr_array:
        found, km = nearest(where, 1, lonely)
        return mutual(where.n, lonely, found[:, 0], weigh(km[:, 0]))

    lonely = empty_rows(matrix)
    far = nearest(where, 1, lonely)[1].max() if len(lonely) and where.n > 1 else 0.0
    way_out = f" The smallest cut-off that leaves no city alone is {np.ceil(10 * far) / 10:.1f} km."
    why = f"have no other city within {cutoff} km"
    return settle(matrix, where.ids, isolates, why, fallback, way_out)


def _fixed(where: Places, function: str, bandwidth: float) -> sparse.csr_array:
    """One bandwidth for all cities."""
    reach = bandwidth * (GAUSSIAN_END if function == "gaussian" else 1)
    first, second, km = pairs_within(where, reach)
    matrix = both_ways(where.n, first, second, KERNELS[function](km / bandwidth))
    matrix.eliminate_zeros()
    return matrix


def _adaptive(where: Places, function: str, neighbours: object) -> sparse.csr_array:
    """Bandwidths by city: the distance to its k-th nearest."""
    check_count(neighbours, where.n, "neighbours")
    k = int(neighbours)  # type: ignore[call-overload]
    if k == 1 and function in ("triangular", "epanechnikov", "bisquare"):
        raise WeightsError(
            f"neighbours=1: the nearest city lies on the edge of the {function} kernel, where its "
            "weight is zero. Use neighbours=2 or more."
        )
    found, km = nearest(where, k)
    bandwidth = km[:, -1]
    if not bandwidth.all():
        alone = [where.ids[i] for i in np.flatnonzero(bandwidth == 0)]
        raise WeightsError(
            f"{named(alone)} have {k} other cities at their very point: their bandwidth would be "
            "zero. Use more neighbours."
        )
    if function == "gaussian":
        return _endless(where, bandwidth)
    weights = KERNELS[function](km / bandwidth[:, None]).ravel()
    rows = np.repeat(np.arange(where.n), k)
    matrix = sparse.csr_array((weights, (rows, found.ravel())), (where.n, where.n))
    matrix.eliminate_zeros()
    return matrix


def _endless(where: Places, bandwidth: Array) -> sparse.csr_array:
    """A Gaussian of every city over all others."""
    weights = KERNELS["gaussian"](all_km(where) / bandwidth[:, None])
    np.fill_diagonal(weights, 0.0)
    return sparse.csr_array(weights)
