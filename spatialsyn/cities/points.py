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
    which other cities are in the layer, and a city that the 180th meridian cuts is one piece. A
    layer of points is its own answer.
    """
    lonlat = cities.geometry.to_crs(WGS84)
    if (shapely.get_type_id(lonlat) == POINT).all():
        return lonlat
    shapes = [in_one_piece(shape) for shape in lonlat]
    meridian = shapely.bounds(shapes)[:, [0, 2]].mean(axis=1)
    part = [
        largest_part(sinusoidal(shape, lon)) for shape, lon in zip(shapes, meridian, strict=True)
    ]
    centre = shapely.centroid(part)
    inside = shapely.contains(part, centre)
    point = np.where(inside, centre, shapely.point_on_surface(part))
    lat = shapely.get_y(point)
    lon = meridian + shapely.get_x(point) / np.cos(np.deg2rad(lat))
    cut = [shape is not drawn for shape, drawn in zip(shapes, lonlat, strict=True)]
    lon = np.where(cut, (lon + 180) % 360 - 180, lon)
    return gpd.GeoSeries(gpd.points_from_xy(lon, lat), index=cities.index, crs=WGS84)


def turned(lon: np.ndarray) -> np.ndarray:
    """Longitudes counted on past 180 where that makes them span less: 179 and -179 as 181."""
    if not 180 < np.ptp(lon) < np.inf:
        return lon
    ways = (lon, lon % 360, (lon + 180) % 360 - 180)
    return min(ways, key=np.ptp)


def in_one_piece(shape: shapely.Geometry) -> shapely.Geometry:
    """`shape`, in degrees, put together where the 180th meridian cuts it, or else as it is.

    A file in degrees has it as two parts at both ends of the map; a projected one has one polygon,
    whose vertices lie at both ends once they are degrees.
    """
    lon = shapely.get_coordinates(shape)[:, 0]
    if np.ptp(turned(lon)) >= np.ptp(lon):
        return shape
    moved = shapely.transform(shape, lambda xy: np.column_stack([turned(xy[:, 0]), xy[:, 1]]))
    parts = shapely.get_parts(moved)
    # A cap around a pole collapses where all of its corners lie at both ends of the map.
    return shapely.union_all(parts) if shapely.is_valid(parts).all() else shape


def seamless(cities: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """The shapes; if in degrees and around the 180th meridian, -180 and 180 are one place."""
    shapes = cities.geometry
    west, _, east, _ = shapes.total_bounds
    if not (cities.crs.is_geographic and 180 < east - west < np.inf):
        return shapes
    return shapes.transform(lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))


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
