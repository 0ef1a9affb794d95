"""Open a file of polygons: which file, which layer, which encoding."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pyogrio

from spatialsyn.cities.encoding import in_pairs
from spatialsyn.errors import BoundaryError, named

# Bytes of a .dbf with the number of its rows, and with the length of its header.
DBF_COUNT, DBF_HEADER = slice(4, 8), slice(8, 10)
SUFFIXES = (".shp", ".zip", ".gpkg", ".geojson", ".json")
# What GDAL says of files that are cut off or damaged.
UNREADABLE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError,
)


def open_polygons(path: Path, encoding: str | None) -> gpd.GeoDataFrame:
    """Everything in the one layer of the file at `path`, as it is there."""
    return decode(readable(path), encodings(path, encoding), path)


def readable(path: Path) -> str:
    """What GDAL is to open for `path`; refuses what is absent, unknown or ambiguous."""
    if not path.exists():
        raise BoundaryError(f"there is no file {str(path)!r} (looked in {str(Path.cwd())!r}).")
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise BoundaryError(f"{path.name!r} is not one of the kinds read here: {named(SUFFIXES)}.")
    if kind == ".zip":
        inside = only_shapefile(path)
        with zipfile.ZipFile(path) as archive:
            check_counts(path, *sizes_inside(archive, inside))
        return f"/vsizip/{path.absolute().as_posix()}/{inside}"
    if kind == ".shp":
        check_companions(path)
        check_counts(path, *sizes_beside(path))
    return str(path)


def only_shapefile(path: Path) -> str:
    """Name inside the archive of the one shapefile a .zip must hold."""
    found = [name for name in members(path) if name.lower().endswith(".shp")]
    if len(found) != 1:
        raise BoundaryError(
            f"{path.name!r} holds {len(found)} shapefiles ({named(found)}); it must hold one. "
            "Unzip it and give the path of the .shp you mean."
        )
    return found[0]


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive, the copies macOS adds left out."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
    except zipfile.BadZipFile as error:
        raise BoundaryError(
            f"{path.name!r} is not a zip archive, whatever its name says."
        ) from error


def parts_beside(path: Path) -> dict[str, Path]:
    """The files of a shapefile by their suffix."""
    return {file.suffix.lower(): file for file in path.parent.iterdir() if file.stem == path.stem}


def check_companions(path: Path) -> None:
    """A .shp is one of several files; refuse when those with shapes and columns did not come."""
    beside = parts_beside(path)
    absent = [suffix for suffix in (".shx", ".dbf") if suffix not in beside]
    if absent:
        raise BoundaryError(
            f"{path.name!r} has no {' and no '.join(absent)} beside it. A shapefile is several "
            f"files with one name; copy {path.stem}.* together."
        )


def sizes_beside(path: Path) -> tuple[int, bytes]:
    """Bytes of the .shx of a shapefile, and the first of its .dbf."""
    parts = parts_beside(path)
    with parts[".dbf"].open("rb") as table:
        return parts[".shx"].stat().st_size, table.read(DBF_COUNT.stop)


def sizes_inside(archive: zipfile.ZipFile, shapefile: str) -> tuple[int, bytes]:
    """Bytes of the .shx of a shapefile in an archive, and the first of its .dbf."""
    stem = shapefile.rpartition(".")[0]
    found = {name.lower(): name for name in archive.namelist()}
    absent = [suffix for suffix in (".shx", ".dbf") if f"{stem}{suffix}".lower() not in found]
    if absent:
        raise BoundaryError(
            f"the archive with {shapefile!r} has no {' and no '.join(absent)} for it. A shapefile "
            "is several files with one name; put all of them into the archive."
        )
    with archive.open(found[f"{stem}.dbf".lower()]) as table:
        first = table.read(DBF_COUNT.stop)
    return archive.getinfo(found[f"{stem}.shx".lower()]).file_size, first


def check_counts(path: Path, shx: int, dbf: bytes) -> None:
    """As many shapes as rows: GDAL gives those that both have, and does not say what it left out.

    The .shx is a header of 100 bytes and 8 for every shape; a .dbf has the number of its rows in
    its header (ESRI Shapefile Technical Description, 1998).
    """
    shapes, rows = (shx - 100) // 8, int.from_bytes(dbf[DBF_COUNT], "little")
    if shapes != rows:
        raise BoundaryError(
            f"{path.name!r} has {shapes} shapes and {rows} rows of columns: its .shp and .dbf do "
            "not belong together, so that no shape has a name to rely on. Copy all files of the "
            "layer again, from one place."
        )


def encodings(path: Path, encoding: str | None) -> list[str | None]:
    """Encodings to try in turn; None leaves the choice to the file itself."""
    if encoding is not None:
        return [encoding]
    if path.suffix.lower() == ".zip":
        names = members(path)
    elif path.suffix.lower() == ".shp":
        names = list(parts_beside(path))
    else:
        return [None]
    if any(name.lower().endswith(".cpg") for name in names):
        return [None]
    return ["UTF-8", "GB18030"] if in_pairs(cells_of(path)) else ["UTF-8"]  # it contains GBK


def cells_of(path: Path) -> bytes:
    """The .dbf of a shapefile, zipped or not, behind its header."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            stem = only_shapefile(path).rpartition(".")[0].lower()
            content = next(
                archive.read(name) for name in archive.namelist() if name.lower() == f"{stem}.dbf"
            )
    else:
        content = parts_beside(path)[".dbf"].read_bytes()
    return content[int.from_bytes(content[DBF_HEADER], "little") :]


def decode(source: str, tries: list[str | None], path: Path) -> gpd.GeoDataFrame:
    """Read the one layer of `source` with the first encoding that fits the text in it."""
    try:
        layer = only_layer(source, path)
        for encoding in tries:
            try:
                return gpd.read_file(source, layer=layer, engine="pyogrio", encoding=encoding)
            except UnicodeDecodeError:
                continue
    except UNREADABLE as error:
        raise BoundaryError(f"{path.name!r} cannot be read: {error}") from error
    tried = ", ".join(encoding or "that of its .cpg" for encoding in tries)
    raise BoundaryError(
        f"the text in {path.name!r} is not in the encoding tried ({tried}). Say which it is: "
        'ss.read_boundaries(path, encoding="GBK"), or "Big5", or "ISO-8859-1".'
    )


def only_layer(source: str, path: Path) -> str:
    """The one layer with shapes; a file with several does not say which holds the cities.

    Tables without shapes are no layers: QGIS keeps its styles in one.
    """
    names, kinds = pyogrio.list_layers(source).T.tolist()
    drawn = [name for name, kind in zip(names, kinds, strict=True) if kind is not None]
    if len(drawn) > 1:
        raise BoundaryError(
            f"{path.name!r} holds {len(drawn)} layers: {named(drawn)}. Save the one with "
            "the cities as a file of its own."
        )
    if not drawn:
        raise BoundaryError(f"{path.name!r} holds no shapes, only tables: {named(names)}.")
    return str(drawn[0])
