"""A small table of city-years and the squares of its cities."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "adcode": np.repeat(["440100", "440300", "440400"], 3),
            "year": [2011, 2012, 2013] * 3,
            "gdp": [1.0, 2, 4, 3, 5, 6, 2, 2, 3],
            "region": np.repeat(["GBA", "GBA", "edge"], 3),
        }
    )


def polygons(ids=("440100", "440300", "440400")) -> gpd.GeoDataFrame:
    shapes = [box(113 + i, 22, 114 + i, 23) for i in range(len(ids))]
    return gpd.GeoDataFrame({"adcode": list(ids)}, geometry=shapes, crs=4326)
