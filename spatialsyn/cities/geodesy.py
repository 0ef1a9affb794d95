"""Kilometres between cities on the WGS84 ellipsoid, without an (n, n) array where few are near.

Candidates come from a k-d tree on positions in space. The straight line between two points
is never longer than the geodesic, so a search within d km in space misses no pair within
d km on the ground; what is returned is the exact geodesic of every candidate that passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialsyn.errors import BoundaryError, WeightsError, named
from spatialsyn.numerics.lags import Array

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy.spatial import KDTree

AXIS_KM, FLATTENING = 6378.137, 1 / 298.257223563  # WGS84
# Geodesics that differ by less than a millimetre are equal: which comes first is rounding.
TIE_DECIMALS = 6
# Candidates beyond the k nearest in space; a square grid has eight about equally near.
SPARE = 6
# Candidates examined at once, and links that still fit into memory.
BATCH, MOST_LINKS = 4_000_000, 200_000_000
# Cities that may have a full matrix of distances: 3 GB of it.
MOST_DENSE = 20_000

Positions = np.ndarray[Any, np.dtype[np.intp]]
Pairs = tuple[Positions, Positions, Array]


@dataclass(frozen=True, eq=False)
class Places:
    """Where the cities are: ids, and longitude and latitude in degrees, (n, 2)."""

    ids: tuple[Any, ...]
    lonlat: Array

    @property
    def n(self) -> int:
        """Number of cities."""
        return len(self.ids)

    @cached_property
    def tree(self) -> KDTree:
        """Positions in space, km from the centre of the Earth."""
        from scipy.spatial import KDTree

        lon, lat = np.deg2rad(self.lonlat).T
        squared = FLATTENING * (2 - FLATTENING)
        normal = AXIS_KM / np.sqrt(1 - squared * np.sin(lat) ** 2)
        across = normal * np.cos(lat)
        up = normal * (1 - squared) * np.sin(lat)
        return KDTree(np.column_stack([across * np.cos(lon), across * np.sin(lon), up]))

    @cached_property
    def rank(self) -> Positions:
        """From west to east, then south to north: decides between equally near cities.

        The order of the rows does not enter; ids do only between cities at one point.
        """
        lon, lat = self.lonlat.T
        twice = len(np.unique(self.lonlat, axis=0)) < self.n
        names = (np.array([str(i) for i in self.ids]),) if twice else ()
        rank = np.empty(self.n, dtype=np.intp)
        rank[np.lexsort((*names, lat, lon))] = np.arange(self.n)
        return rank

    def km(self, first: Positions, second: Positions) -> Array:
        """Geodesic kilometres of the pairs (first[p], second[p])."""
        from pyproj import Geod

        (x, y), (u, v) = self.lonlat[first].T, self.lonlat[second].T
        _, _, metres = Geod(ellps="WGS84").inv(x, y, u, v)
        return np.asarray(metres, dtype=float) / 1000


def places(cities: gpd.GeoDataFrame) -> Places:
    """The cities' ids and representative points.

    Raises
    ------
    BoundaryError
        No GeoDataFrame, ids that are missing or listed twice, no CRS, empty geometries, or
        coordinates that are none.
    """
    from spatialsyn.cities.boundaries import check_crs, with_ids
    from spatialsyn.cities.points import representative_points

    name = "the layer of cities"
    indexed = with_ids(cities, None, name)
    check_crs(indexed, name)
    bad = indexed.geometry.isna() | indexed.geometry.is_empty
    if not bad.any():
        points = representative_points(indexed)
        lonlat = np.column_stack([points.x, points.y])
        bad = ~np.isfinite(lonlat).all(axis=1)
    if bad.any():
        raise BoundaryError(
            f"{name} has no place for {named(indexed.index[bad].tolist())}: their geometry is "
            "missing, empty, or has coordinates outside its CRS. Complete the layer."
        )
    return Places(tuple(indexed.index), lonlat)


def nearest(where: Places, k: int, rows: Positions | None = None) -> tuple[Positions, Array]:
    """The k nearest cities of each of `rows` (all by default) and their distance, nearest first.

    Returns
    -------
    (len(rows), k) positions, (len(rows), k) kilometres
        Equally near cities (to the millimetre) are taken from west to east.
    """
    rows = np.arange(where.n) if rows is None else rows
    found = np.empty((len(rows), k), dtype=np.intp)
    km = np.empty((len(rows), k))
    for part in _batches(len(rows), k + SPARE):
        found[part], km[part] = _nearest(where, k, rows[part], min(k + SPARE, where.n - 1))
    return found, km


def _nearest(where: Places, k: int, rows: Positions, m: int) -> tuple[Positions, Array]:
    """`nearest` from `m` candidates per row; rows for which they do not suffice get more."""
    space, candidate = map(np.asarray, where.tree.query(where.tree.data[rows], m + 1, workers=-1))
    other = candidate != rows[:, None]
    other[other.all(axis=1), -1] = False  # more cities at this very point than candidates
    candidate, space = candidate[other].reshape(-1, m), space[other].reshape(-1, m)
    km = where.km(np.repeat(rows, m), candidate.ravel()).reshape(-1, m)
    order = np.lexsort((where.rank[candidate], km.round(TIE_DECIMALS)), axis=1)[:, :k]
    candidate, km = np.take_along_axis(candidate, order, 1), np.take_along_axis(km, order, 1)
    open_ = np.flatnonzero(km[:, -1] + 10.0**-TIE_DECIMALS >= space[:, -1])
    if m < where.n - 1 and len(open_):
        more = _nearest(where, k, rows[open_], min(2 * m, where.n - 1))
        candidate[open_], km[open_] = more
    return candidate, km


def pairs_within(where: Places, km: float) -> Pairs:
    """All pairs i < j at most `km` kilometres apart, and their distance."""
    reach = km + 10.0**-TIE_DECIMALS
    _check_number(where, reach, km)
    pairs = where.tree.query_pairs(reach, output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    apart = np.empty(len(pairs))
    for part in _batches(len(pairs), 1):
        apart[part] = where.km(first[part], second[part])
    near = apart <= km
    return first[near], second[near], apart[near]


def all_km(where: Places) -> Array:
    """Kilometres between all cities, (n, n), zero on the diagonal."""
    check_dense(where.n, "distances between all pairs")
    km = np.zeros((where.n, where.n))
    for i in range(where.n - 1):
        others = np.arange(i + 1, where.n)
        km[i, i + 1 :] = where.km(np.full(len(others), i), others)
    return km + km.T


def check_dense(n: int, what: str) -> None:
    """Refuse an (n, n) array that would not fit into memory."""
    if n > MOST_DENSE:
        raise WeightsError(
            f"{what} of {n} cities would take {8 * n * n / 1e9:.0f} GB; at most {MOST_DENSE} "
            "cities can have a full matrix. Use weights that leave most pairs out: knn, "
            "distance_band, inverse_distance(..., cutoff=), kernel with a finite bandwidth."
        )


def check_apart(where: Places, first: Positions, second: Positions) -> None:
    """Refuse these pairs, if there are any, which lie at the same point."""
    same = [(where.ids[i], where.ids[j]) for i, j in zip(first, second, strict=True)]
    if same:
        raise WeightsError(f"these cities lie at the same point: {named(same)}.")


def _check_number(where: Places, reach: float, km: float) -> None:
    """Refuse a distance within which there are too many pairs; judged on a few cities."""
    some = np.linspace(0, where.n - 1, min(where.n, 500)).astype(int)
    counts = where.tree.query_ball_point(where.tree.data[some], reach, return_length=True)
    links = (np.mean(counts) - 1) * where.n
    if links > MOST_LINKS:
        raise WeightsError(
            f"within {km:g} km lie about {links:.1e} pairs of cities, {np.mean(counts) - 1:.0f} "
            f"per city; {MOST_LINKS:.0e} are the most that fit. Use a shorter distance."
        )


def _batches(rows: int, width: int) -> Iterator[slice]:
    """Slices of rows of `width` numbers each that fill a batch."""
    step = max(1, BATCH // width)
    return (slice(start, start + step) for start in range(0, rows, step))
