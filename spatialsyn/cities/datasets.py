"""Data that come with the package: the Guangdong panel and its boundaries."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pandas as pd

from spatialsyn.cities.boundaries import read_boundaries
from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import BoundaryError, named

__all__ = ["boundaries", "codebook", "guangdong"]

DATA = files("spatialsyn.cities") / "data"
LAYERS = ("guangdong", "prefectures")


def guangdong() -> CityPanel:
    """The 21 prefecture-level cities of Guangdong, 2011-2019, 28 variables.

    Published official statistics (China City Statistical Yearbook, Guangdong yearbooks)
    and the Peking University Digital Financial Inclusion Index; `codebook` gives unit,
    definition, publication and corrections of every column. The only missing cells are
    `mobile_subs` of Zhaoqing 2015 and Heyuan 2019. The grouping ``region`` tells the nine
    mainland cities of the Greater Bay Area (``GBA``) from the twelve others
    (``periphery``). Hong Kong and Macao are drawn on the maps (``panel.context``) and are
    not in the table: their statistics are not comparable.
    """
    with (DATA / "guangdong.csv").open(encoding="utf-8") as file:
        frame = pd.read_csv(file, dtype={"adcode": str})
    return CityPanel(
        frame.drop(columns=["city_en", "city_zh"]),
        cities=boundaries("guangdong"),
        blocks=["region"],
    )


def codebook() -> pd.DataFrame:
    """Unit, definition, publication and corrections of every column of `guangdong`."""
    with (DATA / "guangdong_codebook.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col="variable", keep_default_na=False)


def boundaries(name: str) -> Any:
    """Polygons that come with the package: ``"guangdong"`` or ``"prefectures"``.

    ``guangdong`` holds the 21 cities with Hong Kong and Macao, to 200 m, and the grouping
    ``region``: GBA, periphery or SAR; ``prefectures`` all 370 units of China, to 2 km, with
    their provinces as ``region``. WGS84, indexed by `adcode`; source and licence in
    ``shapefiles/SOURCES.md``.

    Raises
    ------
    BoundaryError
        Another name.
    """
    if name not in LAYERS:
        raise BoundaryError(
            f"there is no bundled layer {name!r}. There are {named(LAYERS)}; a file of your own "
            "is read with read_boundaries(path, city=...)."
        )
    return read_boundaries(str(files("spatialsyn.shapefiles") / f"{name}.shp"))
