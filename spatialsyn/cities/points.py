"""Where a city is: the point that stands for it in distances."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

WGS84 = "EPSG:4326"
POINT = 0  # type of a point in shapely


def representative_points(cities: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """The point that stands for each city in distances, in WGS84.

    It is the centroid of the city's largest part, or, where that lies outside the part, a point
    on its surface. Islands do not move it: the raw centroid of Shanwei lies 16 km off the
    mainland's, because Dongsha, 250 km out, belongs to Shanwei. Each city is measured in a
    sinusoidal (equal-area) projection about its own meridian, so the point does not depend on
    which other cities are in the layer. A layer of points is its own answer.
    """
    lonlat = cities.geometry.to_crs(WGS84)
    if (shapely.get_type_id(lonlat) == POINT).all():
        return lonlat
    meridian = lonlat.bounds[["minx", "maxx"]].mean(axis=1).to_numpy()
    part = [
        largest_part(sinusoidal(shape, lon)) for shape, lon in zip(lonlat, meridian, strict=True)
    ]
    centre = shapely.centroid(part)
    inside = shapely.contains(part, centre)
    point = np.where(inside, centre, shapely.point_on_surface(part))
    lat = shapely.get_y(point)
    lon = meridian + shapely.get_x(point) / np.cos(np.deg2rad(lat))
    return gpd.GeoSeries(gpd.points_from_xy(lon, lat), index=cities.index, crs=WGS84)


def sinusoidal(shape: shapely.Geometry, meridian: float) -> shapely.Geometry:
    """`shape`, in degrees, in degrees of latitude east of `meridian` and north of the equator."""

    def project(lonlat: np.ndarray) -> np.ndarray:
        lon, lat = lonlat.T
        return np.column_stack([(lon - meridian) * np.cos(np.deg2rad(lat)), lat])

    return shapely.transform(shape, project)


def largest_part(shape: shapely.Geometry) -> shapely.Polygon:
    """The polygon of a multipolygon with the largest area."""
    parts = shapely.get_parts(shape)
    largest: shapely.Polygon = parts[np.argmax(shapely.area(parts))]
    return largest
