"""Helpers for tests on polygons."""

from __future__ import annotations

import itertools
from collections import defaultdict

import shapely

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
METRES = "EPSG:4547"


def vertex_pairs(cities):
    """Pairs of ids with a common vertex, by looking every vertex up."""
    owners = defaultdict(set)
    for name, shape in cities.geometry.items():
        for vertex in map(tuple, shapely.get_coordinates(shape)):
            owners[vertex].add(name)
    pairs = (itertools.combinations(sorted(names), 2) for names in owners.values())
    return set(itertools.chain.from_iterable(pairs))
