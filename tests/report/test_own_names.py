"""Names of cities in a user's own boundaries: `name_en` and `name_zh`, as docs/start.md says."""

from __future__ import annotations

import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from drawing import drawn
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.report.explorer.page import _names

EN = ["Ashford", "Burford", "Clifton", None, "Eastham", "Fulham"]
ZH = ["甲城市", "乙城市", "丙特别行政区", "丁城市", None, "己城市"]
# As maps write them.
SHORT = ["甲城", "乙城", "丙", "丁城", None, "己城"]
IDS = [f"k{i}" for i in range(6)]


@pytest.fixture(scope="module", params=["cities.shp", "cities.gpkg", "cities.geojson"])
def own(request, tmp_path_factory):
    """Six cities of one's own, from a file, with invented numbers."""
    folder = tmp_path_factory.mktemp("own")
    cells = [box(100 + i % 3, 30 + i // 3, 101 + i % 3, 31 + i // 3) for i in range(6)]
    layer = gpd.GeoDataFrame({"id": IDS, "name_en": EN, "name_zh": ZH}, geometry=cells, crs=4326)
    layer.to_file(folder / request.param, encoding="utf-8")
    frame = pd.DataFrame([(i, year) for i in IDS for year in range(2001, 2006)])
    frame.columns = ["id", "year"]
    rng = np.random.default_rng(0)
    frame[["y", "x"]] = rng.normal(size=(30, 2))
    frame["side"] = frame["id"].map(lambda i: "west" if i in ("k0", "k3") else "east")
    frame.to_csv(folder / "panel.csv", index=False)
    return ss.read_panel(folder / request.param, folder / "panel.csv", city="id", blocks=["side"])


@pytest.mark.parametrize(("language", "expected"), [("en", EN), ("zh", SHORT)])
def test_maps_write_them(own, language, expected):
    values, expected = own.mean("x", "all"), sorted(filter(None, expected))
    W = ss.weights.contiguity(own.cities, name="geo")
    for ax in (
        ss.report.map(own.cities, values, labels=language, language=language),
        ss.report.study_area(own, labels=language, language=language),
        ss.report.weights_map(W, own.cities, labels=language, language=language),
    ):
        assert sorted(text.get_text() for text in drawn(ax, "label")) == expected
    figure = ss.report.maps(own.cities, {"a": values, "b": -values}, labels=language)
    for ax in figure.axes[:2]:
        assert sorted(text.get_text() for text in drawn(ax, "label")) == expected


@pytest.mark.parametrize(("language", "names"), [("en", EN), ("zh", ZH)])
def test_the_page_lists_them_and_a_city_without_a_name_by_its_id(own, language, names, tmp_path):
    geo = ss.weights.contiguity(own.cities, name="geo").standardize("row")
    results = ss.fit(ss.sar("y ~ x", W="geo"), own, geo)
    path = ss.report.page(results, own, tmp_path / "p.html", language=language)
    text = path.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    shown = _names(own.cities, {}, language)
    for city, name, printed in zip(IDS, names, shown, strict=True):
        expected = city if name is None else re.sub("(?:特别行政区|市)$", "", name)
        assert printed == expected
        assert expected in json.dumps(json.loads(data), ensure_ascii=False)


def test_without_such_a_column_the_way_out_is_named(own):
    bare = own.cities.drop(columns="name_zh")
    values = own.mean("x", "all")
    with pytest.raises(ss.ConfigError, match=r"no column 'name_zh' .*labels='zh' writes: add it"):
        ss.report.map(bare, values, labels="zh")
    renamed = bare.assign(市=ZH).rename(columns={"市": "name_zh"})
    ax = ss.report.map(renamed, values, labels="zh")
    assert {text.get_text() for text in drawn(ax, "label")} == set(filter(None, SHORT))
