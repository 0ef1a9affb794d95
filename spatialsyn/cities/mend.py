"""Give neighbouring cities one border, if that can be done without moving land."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from spatialsyn.cities import topology
from spatialsyn.cities.points import WGS84, seamless, turned
from spatialsyn.errors import BoundaryError, named


def mended(cities: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """The layer with valid polygons and matching borders, or an error saying why that failed.

    What was done is told in `attrs["repair"]`; a layer with nothing to mend comes back as it is.
    """
    drawn = metric(cities)
    valid = topology.make_valid(drawn)
    invalid = int((~shapely.is_valid(drawn)).sum())
    refuse_area_changes(topology.area_changes(drawn, valid), cities.index, name)
    borders = topology.check_borders(valid)
    if borders.exact and not invalid:
        return cities
    refuse_overlaps(topology.wide_overlaps(valid), cities.index, name)
    snapped = valid if borders.exact else topology.snap(valid, borders.misfit)
    change = topology.area_changes(drawn, snapped)
    refuse_area_changes(change, cities.index, name)
    result = with_polygons(cities, snapped)
    refuse_misfits(result, name, borders.misfit)
    result.attrs["repair"] = (
        f"{invalid} invalid polygons made valid; borders up to {borders.misfit:.3g} m apart "
        f"made one, {len(borders.missing)} pairs of neighbours gained; "
        f"largest change of a city's area {np.abs(change).max():.2%}"
    )
    return result


def refuse_misfits(cities: gpd.GeoDataFrame, name: str, misfit: float) -> None:
    """The mended layer goes through the checks the drawn one failed, whose `misfit` was found."""
    reach = max(topology.NEAR, topology.GAP * misfit)
    left = topology.check_borders(metric(cities), reach)
    if not left.exact or not cities.geometry.is_valid.all():
        raise BoundaryError(
            f'repair="snap" was not enough for {name}:{unmatched(left, cities.index)}\n'
            "Gaps open to the outside, and cities that met in a point only, cannot be mended here. "
            "Use a layer with shared borders, or mend this one in a GIS."
        )


def refuse_overlaps(overlaps: dict[topology.Pair, float], ids: pd.Index, name: str) -> None:
    """Land claimed by two units is a question for the user, not for a repair."""
    if overlaps:
        told = [f"{ids[i]!r} and {ids[j]!r} ({area:.3g} km2)" for (i, j), area in overlaps.items()]
        raise BoundaryError(
            f"{name} gives the same land to two cities, over more than {topology.WIDEST:.0f} m: "
            f"{', '.join(told[:6])}{', ...' if len(told) > 6 else ''}. That is not a border drawn "
            "twice. Decide whose it is: cut it from one of them (shapely.difference), or drop "
            "the unit that is listed on two levels."
        )


def refuse_area_changes(change: np.ndarray, ids: pd.Index, name: str) -> None:
    """A repair that moves more than 1 % of a city's area is not a repair."""
    moved = np.flatnonzero(np.abs(change) > topology.MOST_CHANGE)
    if moved.size:
        told = ", ".join(f"{ids[i]!r} {change[i]:+.1%}" for i in moved[:6])
        raise BoundaryError(
            f'repair="snap" on {name} would change the area of {moved.size} cities by more than '
            f"{topology.MOST_CHANGE:.0%}: {told}{', ...' if moved.size > 6 else ''}. Nothing was "
            "repaired; use a layer with shared borders, or mend these units in a GIS."
        )


def with_polygons(cities: gpd.GeoDataFrame, polygons: topology.Polygons) -> gpd.GeoDataFrame:
    """A copy of `cities` with `polygons`, given in metres, in the CRS of `cities`."""
    shapes = gpd.GeoSeries(polygons, index=cities.index, crs=plane(cities)).to_crs(cities.crs)
    copy = cities.copy()
    copy.geometry = shapes
    return copy


def plane(cities: gpd.GeoDataFrame) -> CRS:
    """An equal-area projection in metres, centred on the layer."""
    lon, lat = shapely.get_coordinates(cities.geometry.to_crs(WGS84)).T
    lon = turned(lon)
    south, north, west, east = lat.min(), lat.max(), lon.min(), lon.max()
    return CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2} +lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    )


def metric(cities: gpd.GeoDataFrame) -> topology.Polygons:
    """The polygons in metres, areas true; equal vertices stay equal."""
    polygons: topology.Polygons = seamless(cities).to_crs(plane(cities)).to_numpy()
    return polygons


def misfit_message(borders: topology.Borders, ids: pd.Index, name: str) -> str:
    """What to tell about a layer whose borders do not match."""
    return (
        f"the borders in {name} do not match exactly.{unmatched(borders, ids)}\n"
        "Contiguity counts common vertices or edges, so it would leave neighbours out and not say "
        'so. Use a layer with shared borders, or repair="snap", which checks every area before and '
        "after."
    )


def unmatched(borders: topology.Borders, ids: pd.Index) -> str:
    """Which pairs share no vertex or edge, which units do not fit, and by how much."""
    pairs = [(ids[i], ids[j]) for i, j in borders.missing]
    units = [ids[i] for i in borders.unmatched]
    return (
        f"\n  side by side without a common vertex or edge: {len(pairs)} pairs of cities"
        f"{': ' if pairs else ''}{named(pairs, most=4)}"
        f"\n  overlapping or unmatched borders: {len(units)} of {len(ids)} cities"
        f"{': ' if units else ''}{named(units)}"
        f"\n  borders that should be one are up to {borders.misfit:.3g} m apart"
    )
