"""Do the borders of neighbouring cities match exactly, and can they be made to?

Contiguity counts shared vertices, or edges. Two polygons whose common border differs by a
millionth of a metre share none, so a contiguity matrix of them is empty, and nothing says so. Here
the pairs that share a vertex are compared with the pairs that lie side by side; they must be the
same. Where only the two ends of a border drawn twice are shared, queen finds the pair and rook does
not: pairs that share corners alone must not run along each other.

Inside this module a layer is an (n,) array of polygons, and a pair is (i, j) with i < j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import shapely

NEAR = 25.0  # metres; units closer than this lie side by side. In China's 370 units, none are apart
REACH = 1000.0  # metres; a vertex farther from every other unit is coast, not a border that misses
WIDEST = 500.0  # metres; overlaps wider than this are claims to the same land, not drawing errors
GAP = 3.0  # gaps up to this many misfits are closed
MOST_CHANGE = 0.01  # share of a unit's area that a repair may move

Polygons = np.ndarray[Any, np.dtype[np.object_]]
Numbers = np.ndarray[Any, np.dtype[np.integer[Any]]]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Borders:
    """What a check of the borders found: positions in the layer, and metres."""

    missing: list[Pair]  # side by side, but without a common vertex or, along a border, edge
    unmatched: list[int]  # units with a stretch of border that overlaps or fits no neighbour
    misfit: float  # how far apart borders are that should be one

    @property
    def exact(self) -> bool:
        """True if every border between two units is the same line in both."""
        return not self.missing and not self.unmatched


def check_borders(polygons: Polygons, reach: float = NEAR) -> Borders:
    """Compare the borders of `polygons`, valid and in metres.

    Borders that run along each other within `reach` metres are meant to be one.
    """
    touching = contiguous(polygons)
    valid = bool(shapely.coverage_is_valid(polygons))
    missing = apart(polygons, NEAR, touching)
    doubled = drawn_twice(polygons, reach, missing)
    if valid and not missing and not doubled:
        return Borders(missing=[], unmatched=[], misfit=0.0)
    edges = shapely.coverage_invalid_edges(polygons)
    misfit = measure_misfit(polygons)
    unmatched = np.flatnonzero([edge is not None and not edge.is_empty for edge in edges])
    missing = apart(polygons, max(NEAR, misfit), touching)
    return Borders(sorted({*missing, *doubled}), unmatched.tolist(), misfit)


def drawn_twice(polygons: Polygons, reach: float, known: list[Pair]) -> list[Pair]:
    """Pairs beside those `known` that run along each other within `reach`, without a common edge.

    Between them is a gap, or a splinter of a third city. Cities that meet in a corner, or nearly
    so, do not run along each other.
    """
    near = apart(polygons, reach, contiguous(polygons, rook=True))
    pairs = np.array(sorted({*near}.difference(known)), dtype=int).reshape(-1, 2)
    west, south, east, north = shapely.bounds(polygons)[pairs].T
    width, height = east.min(0) - west.max(0), north.min(0) - south.max(0)  # of the common box
    pairs = pairs[np.maximum(width, height) > reach]
    return [
        (i, j)
        for i, j in pairs.tolist()
        if not shapely.coverage_is_valid(polygons[[i, j]], gap_width=reach)
    ]


def contiguous(polygons: Polygons, rook: bool = False) -> sp.csr_array:
    """1 for polygons with a common vertex or, `rook`, a common edge; (n, n), symmetric."""
    unit, feature = edges_of(polygons) if rook else vertices_of(polygons)
    has = sp.csr_array(
        (np.ones(len(unit)), (unit, feature)), shape=(len(polygons), feature.max() + 1)
    )
    shared = (has @ has.T).tocoo()
    between = shared.row != shared.col
    pairs = shared.row[between], shared.col[between]
    return sp.csr_array((np.ones(len(pairs[0])), pairs), shape=shared.shape)


def vertices_of(shapes: Polygons) -> tuple[Numbers, Numbers]:
    """The shape of every vertex and a number of its place: the same one for equal coordinates."""
    xy, shape = shapely.get_coordinates(shapes, return_index=True)
    return shape, pd.factorize(xy.view(complex)[:, 0])[0]


def edges_of(polygons: Polygons) -> tuple[Numbers, Numbers]:
    """The polygon of every edge and a number of its two ends, whatever their order."""
    polygon, vertex = vertices_of(polygons)
    inside = np.ones(len(vertex), dtype=bool)
    inside[_starts(polygons)] = False
    ends = vertex[1:][inside[1:]], vertex[:-1][inside[1:]]
    low, high = np.minimum(*ends), np.maximum(*ends)
    return polygon[1:][inside[1:]], pd.factorize(low * (vertex.max() + 1) + high)[0]


def _starts(polygons: Polygons) -> Numbers:
    """Where rings start among the vertices of all polygons.

    Most polygons are one ring: no ring is made of these.
    """
    count = shapely.get_num_coordinates(polygons)
    start, more = np.cumsum(count) - count, ~are_one_ring(polygons)
    parts, polygon = shapely.get_parts(polygons[more], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    count_of_ring = shapely.get_num_coordinates(rings)
    before = np.cumsum(count_of_ring) - count_of_ring  # among vertices of these polygons
    shift = start[more] - (np.cumsum(count[more]) - count[more])
    return np.concatenate([start, before + shift[polygon[part]]])


def are_one_ring(polygons: Polygons) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of them their coordinates say all about: of one part, without a hole."""
    one_part = shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON
    return np.asarray(one_part & (shapely.get_num_interior_rings(polygons) == 0))


def apart(polygons: Polygons, distance: float, touching: sp.csr_array) -> list[Pair]:
    """Pairs that overlap or come within `distance` metres without being `touching`, in order."""
    boxes = shapely.box(*(shapely.bounds(polygons) + distance * np.array([-1, -1, 1, 1])).T)
    first, second = shapely.STRtree(polygons).query(boxes)
    known = touching.tocoo()
    n = len(polygons)
    new = (first < second) & ~np.isin(first * n + second, known.row * n + known.col)
    first, second = first[new], second[new]
    near = shapely.dwithin(polygons[first], polygons[second], distance)
    return sorted(zip(first[near].tolist(), second[near].tolist(), strict=True))


def measure_misfit(polygons: Polygons) -> float:
    """How far apart, in metres, the borders are that should be one line.

    The 95th percentile, over the vertices of borders that do not match, of the distance to
    the nearest other unit's border. Coast vertices at the ends of a border are left out by `REACH`.
    """
    edges = shapely.coverage_invalid_edges(polygons, gap_width=NEAR)
    xy, unit = shapely.get_coordinates(edges, return_index=True)
    points = np.asarray(shapely.points(xy), dtype=np.object_)
    borders = shapely.boundary(polygons)
    point, other = shapely.STRtree(borders).query(points, "dwithin", distance=REACH)
    foreign = unit[point] != other
    point, other = point[foreign], other[foreign]
    distance = np.full(len(points), np.inf)
    np.minimum.at(distance, point, shapely.distance(points[point], borders[other]))
    found = distance[np.isfinite(distance)]
    return float(np.quantile(found, 0.95)) if found.size else 0.0


def wide_overlaps(polygons: Polygons) -> dict[Pair, float]:
    """Pairs that claim the same land over a width above `WIDEST`, with the km2 claimed twice."""
    first, second = shapely.STRtree(polygons).query(polygons, "intersects")
    ordered = first < second
    first, second = first[ordered], second[ordered]
    overlap = shapely.intersection(polygons[first], polygons[second])
    wide = ~shapely.is_empty(shapely.buffer(overlap, -WIDEST / 2))
    pairs = zip(first[wide].tolist(), second[wide].tolist(), strict=True)
    return dict(zip(pairs, (shapely.area(overlap[wide]) / 1e6).tolist(), strict=True))


def make_valid(polygons: Polygons) -> Polygons:
    """Valid polygons; those that were valid are untouched, lines and points left over go."""
    bad = ~shapely.is_valid(polygons)
    repaired = polygons.copy()
    repaired[bad] = shapely.make_valid(polygons[bad], method="structure", keep_collapsed=False)
    return repaired


def snap(polygons: Polygons, misfit: float) -> Polygons:
    """Give neighbours one border: overlaps go to one of the two, gaps up to `GAP` misfits close.

    The snapping distance stays automatic (a 1e-8th of the extent). A distance of the size of the
    misfit looks natural but has been seen to collapse a whole city into its neighbours.
    """
    clean = shapely.coverage_clean  # type: ignore[attr-defined]  # stubs end at shapely 2.1
    snapped: Polygons = clean(polygons, snapping_distance=-1, gap_width=GAP * misfit)
    return snapped


def area_changes(before: Polygons, after: Polygons) -> np.ndarray:
    """Share of each unit's area that a repair added or took, (n,)."""
    area = shapely.area(before)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (shapely.area(after) - area) / area
    return np.nan_to_num(change, nan=np.inf, posinf=np.inf)
