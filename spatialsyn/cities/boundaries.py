"""Read the polygons of cities, and refuse those that would give a wrong contiguity in silence.

A layer that passes has one row per city, unique ids, a CRS, valid polygons, and borders that
are exactly the same line in both neighbours. Nothing is repaired unless `repair` asks for it,
and then every city's area is compared before and after.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatialsyn.cities.checks import are_absent
from spatialsyn.cities.mend import mended, metric, misfit_message
from spatialsyn.cities.tidying import are_whole
from spatialsyn.cities.topology import are_one_ring, check_borders
from spatialsyn.errors import BoundaryError, expect, named

REPAIRS = (None, "snap")
# Layers whose borders were found exact: every matrix made of a layer asks for the check again.
EXACT: set[bytes] = set()


def read_boundaries(
    path: str | Path,
    city: str = "adcode",
    repair: str | None = None,
    encoding: str | None = None,
) -> gpd.GeoDataFrame:
    """Polygons of the cities in a file, one row per city, checked.

    Parameters
    ----------
    path : a .shp, .gpkg or .geojson, or a .zip of one shapefile.
    city : the column of city ids; it becomes the index. Ids stay as the file has them: text
        stays text, whole numbers stay whole numbers.
    repair : None refuses what is wrong; "snap" mends invalid polygons and borders that do not
        match, see `check_boundaries`.
    encoding : of the text in a shapefile's .dbf. By default what the .cpg says; without a .cpg,
        UTF-8 if the text is that, else GBK.

    Returns
    -------
    GeoDataFrame indexed by id, other columns, row order and CRS as in the file.
        Columns `name_en` and `name_zh`, where there are some, are the names of the cities that
        maps write with ``labels="en"`` and ``"zh"``, and that the page of a report offers.

    Raises
    ------
    BoundaryError
        If the file cannot be read, or for any reason `check_boundaries` gives.
    """
    # GDAL takes 40 MB, which a panel without a file of polygons need not have.
    from spatialsyn.cities.boundary_files import open_polygons

    what = "boundaries are the path of a file; polygons go into ss.CityPanel(frame, cities=...)"
    expect(path, (str, os.PathLike), what, BoundaryError)
    path = Path(path).expanduser()
    cities = open_polygons(path, encoding)
    return check_boundaries(cities, city=city, repair=repair, name=path.name)


def check_boundaries(
    cities: gpd.GeoDataFrame,
    city: str | None = None,
    repair: str | None = None,
    name: str = "the layer of cities",
) -> gpd.GeoDataFrame:
    """The layer indexed by city id, if contiguity and distances can be trusted on it.

    Parameters
    ----------
    cities : polygons in any CRS.
    city : column of ids; None means the index already holds them.
    repair : "snap" makes invalid polygons valid and gives neighbours whose borders do not match
        one border. What was done is told in `attrs["repair"]` of the result.
    name : what error messages call the layer.

    Raises
    ------
    BoundaryError
        Naming the units: no such column, missing or duplicate ids, no CRS or one that cannot
        be that of the coordinates, empty, non-polygon or invalid geometry, borders that do not
        match. With `repair="snap"`, if units claim the same land over more than 500 m, if borders
        still do not match, or if any unit's area changed by more than 1 %.
    """
    if repair not in REPAIRS:
        raise BoundaryError(f'repair={repair!r} is unknown; it is None or "snap".')
    indexed = with_ids(cities, city, name)
    check_crs(indexed, name)
    check_polygons(indexed, name)
    if repair == "snap":
        return mended(indexed, name)
    drawn = _fingerprint(indexed)
    if drawn not in EXACT:
        check_validity(indexed, name)
        borders = check_borders(metric(indexed))
        if not borders.exact:
            raise BoundaryError(misfit_message(borders, indexed.index, name))
        EXACT.add(drawn)
    return indexed


def _fingerprint(cities: gpd.GeoDataFrame) -> bytes:
    """Digest of the polygons in their order, to the last bit, and of their CRS."""
    polygons = cities.geometry.to_numpy()
    plain = are_one_ring(polygons)
    digest = blake2b(str(cities.crs).encode())
    digest.update(b"".join(shapely.to_wkb(polygons[~plain])))
    # Texts of all polygons take five times as long as their numbers.
    counts = shapely.get_num_coordinates(polygons) * plain
    for numbers in (counts, shapely.get_coordinates(polygons[plain])):
        digest.update(numbers.tobytes())
    return digest.digest()


def with_ids(cities: gpd.GeoDataFrame, city: str | None, name: str) -> gpd.GeoDataFrame:
    """A copy indexed by id; refuses absent columns, missing ids and duplicates.

    Decimals that are whole numbers become these: 440100.0 is the code 440100.
    """
    if not isinstance(cities, gpd.GeoDataFrame):
        raise BoundaryError(
            f"{name} is a {type(cities).__name__}, not a GeoDataFrame of polygons. Read them with "
            "ss.read_boundaries(path); a panel that was made without has none in panel.cities: "
            "ss.CityPanel(frame, cities=...)."
        )
    if len(cities) == 0:
        raise BoundaryError(f"{name} has no rows.")
    if city is None or (city == cities.index.name and city not in cities.columns):
        indexed = cities.copy(deep=False)
    elif city in cities.columns:
        indexed = cities.set_index(city)
    else:
        columns = [column for column in cities.columns if column != cities.active_geometry_name]
        raise BoundaryError(
            f"{name} has no column {city!r}. Its columns are {named(columns, most=30)}; "
            "name the one with the city ids: city=..."
        )
    ids = pd.Series(indexed.index)
    missing = are_absent(ids)
    if missing.any():
        rows = named(np.flatnonzero(missing).tolist())
        raise BoundaryError(
            f"{name} has no city id in {missing.sum()} rows (counted from 0: {rows})."
        )
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise BoundaryError(
            f"{name} lists these cities more than once: {named(twice.tolist())}. One row per "
            "city is needed; if the rows are parts of one city, merge them with gdf.dissolve(...)."
        )
    if pd.api.types.is_float_dtype(ids) and are_whole(ids):  # a Double in a shapefile
        indexed.index = indexed.index.astype("int64")
    return indexed


def _meant(exchanged: bool) -> str:
    """What coordinates are that are no degrees east and north."""
    if exchanged:
        return (
            "They look like latitude before longitude: "
            "gdf.set_geometry(gdf.geometry.transform(lambda xy: xy[:, ::-1]))."
        )
    return (
        "They are metres of some projection: find which and use "
        "gdf.set_crs(..., allow_override=True)."
    )


def check_crs(cities: gpd.GeoDataFrame, name: str) -> None:
    """Refuse a layer without a CRS, and coordinates that cannot be what it says they are."""
    if cities.active_geometry_name is None:
        raise BoundaryError(f"{name} has no geometry column; set it with gdf.set_geometry(...).")
    if cities.crs is None:
        raise BoundaryError(
            f"{name} does not say in which coordinates it is (no CRS; a shapefile without .prj). "
            'If they are longitude and latitude, gdf.set_crs("EPSG:4326"), '
            "or write the .prj file beside the .shp."
        )
    if cities.crs.is_geocentric or not (cities.crs.is_geographic or cities.crs.is_projected):
        # GDAL writes an engineering CRS into a GeoPackage that has none.
        raise BoundaryError(
            f"{name} is in {cities.crs.name!r}, coordinates that are neither degrees nor metres of "
            "a projection, as a plan of a site or a drawing has them: distances would not be "
            "kilometres. If they are longitude and latitude, read it by geopandas.read_file "
            'and use gdf.set_crs("EPSG:4326", allow_override=True).'
        )
    low_x, low_y, high_x, high_y = cities.total_bounds
    if cities.crs.is_geographic and (low_x < -360 or high_x > 360 or low_y < -90 or high_y > 90):
        exchanged = low_x >= -90 and high_x <= 90 and low_y >= -360 and high_y <= 360
        raise BoundaryError(
            f"{name} says its coordinates are degrees ({cities.crs.to_string()}), but they run "
            f"from ({low_x:.6g}, {low_y:.6g}) to ({high_x:.6g}, {high_y:.6g}). {_meant(exchanged)}"
        )
    # Cities are kilometres wide: no map of them lies within 360 metres, or feet, of an origin.
    within = low_x >= -360 and high_x <= 360 and low_y >= -90 and high_y <= 90
    if within and cities.crs.is_projected and cities.crs.axis_info[0].unit_conversion_factor <= 1:
        raise BoundaryError(
            f"{name} says its coordinates are in {cities.crs.axis_info[0].unit_name}s of a "
            f"projection ({cities.crs.to_string()}), but they run from ({low_x:.6g}, "
            f"{low_y:.6g}) to ({high_x:.6g}, {high_y:.6g}). They look like degrees: "
            'gdf.set_crs("EPSG:4326", allow_override=True).'
        )


def check_polygons(cities: gpd.GeoDataFrame, name: str) -> None:
    """Refuse units without a shape, and shapes that are not polygons."""
    empty = cities.geometry.isna() | cities.geometry.is_empty
    if empty.any():
        raise BoundaryError(
            f"{name} has no polygon for {named(cities.index[empty].tolist())}. Complete the "
            "layer, or drop these rows before the panel is made."
        )
    other = ~cities.geom_type.isin(["Polygon", "MultiPolygon"])
    if other.any():
        kinds = ", ".join(sorted(cities.geom_type[other].unique()))
        raise BoundaryError(
            f"{name} has {kinds} where polygons are needed: {named(cities.index[other].tolist())}."
        )


def check_validity(cities: gpd.GeoDataFrame, name: str) -> None:
    """Refuse polygons that cross themselves and the like, with the reason and the place."""
    bad = cities.geometry[~cities.geometry.is_valid]
    if len(bad):
        reasons = [
            f"  {unit!r}: {shapely.is_valid_reason(polygon)}"
            for unit, polygon in bad.head(6).items()
        ]
        raise BoundaryError(
            f"{name} has {len(bad)} invalid polygons: {named(bad.index.tolist())}.\n"
            + "\n".join(reasons)
            + '\nMend them at the source, or ask for it here: repair="snap".'
        )
