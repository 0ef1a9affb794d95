"""Cities for the tests of weights: points with ids of every kind, and what must hold for them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from pyproj import Geod

# Text, whole numbers, and both in no order at all.
KINDS = {
    "text": [f"c{i:02d}" for i in range(12)],
    "integers": list(range(100, 112)),
    "mixed order": [7, "b", "a", 3, "10", 10, "z", 1, "c", 2, "0", 99],
}


def scattered(ids=KINDS["text"], seed: int = 0) -> gpd.GeoDataFrame:
    """Points over 300 km of southern China."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([112, 21.5], [115, 24], (len(ids), 2)).T
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4326), index=list(ids))


def brute_km(cities: gpd.GeoDataFrame) -> np.ndarray:
    """Every distance by its own call of pyproj."""
    geod = Geod(ellps="WGS84")
    places = [(p.x, p.y) for p in cities.geometry.to_crs(4326)]
    return np.array([[geod.inv(*a, *b)[2] / 1000 for b in places] for a in places])
