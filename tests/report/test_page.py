"""The report page as a file: numbers, geometry, words, escaping. How it behaves: test_browser."""

from __future__ import annotations

import base64
import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from drawing import fitted
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose
from scipy.stats import norm

import spatialsyn as ss
from spatialsyn.report.explorer import models as page_models
from spatialsyn.report.explorer import page as pages
from spatialsyn.report.explorer import words as page_words
from spatialsyn.report.explorer.answers import answers, said
from spatialsyn.report.explorer.map import page_map

# The page carries six significant digits, and pairs in single precision.
RTOL = 5e-6


@pytest.fixture(scope="module")
def fits(panel):
    results, geo = fitted(panel)
    far = ss.weights.inverse_distance(panel.cities, name="far").standardize("row")
    model = results.model
    return {
        "main": results,
        "far": ss.fit(model.but(W="far"), panel, [geo, far]),
        "again": ss.fit(model, panel, geo),
        "ols": ss.fit(ss.ols("y ~ x + z", fixed_effects="twoways"), panel, []),
        "without x": ss.fit(ss.sdm("y ~ z", W="geo"), panel, geo),
    }


@pytest.fixture(scope="module")
def text(fits, panel, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert ss.report.page(fits, panel, path) == path
    return path.read_text(encoding="utf-8")


def block(text):
    """The data of a page."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    )


def derivatives(results, x, params=None):
    """dy_i/dx_j written out: (I - rho W)^-1 (I beta + W theta)."""
    p = results.params if params is None else pd.Series(params, results.params.index)
    W = results.weights["geo"].aligned(list(results.panel.ids)).dense()
    identity = np.eye(len(W))
    return np.linalg.solve(identity - p["rho[geo]"] * W, p[x] * identity + p[f"W[geo]*{x}"] * W)


def brute(results, x, reading):
    """Estimate and interval of a reading of the derivatives, by numerical differentiation."""
    at = results.params.to_numpy()
    step = 1e-5
    slope = [
        (
            reading(derivatives(results, x, at + step * e))
            - reading(derivatives(results, x, at - step * e))
        )
        / (2 * step)
        for e in np.eye(len(at))
    ]
    value = reading(derivatives(results, x))
    half = norm.ppf(0.975) * np.sqrt(slope @ results.cov.to_numpy() @ slope)
    return [value, value - half, value + half]


def test_blocks_receive_and_emit_what_the_derivatives_sum_to(fits, panel):
    results = fits["main"]
    member = {name: (panel.blocks["region"] == name).to_numpy() for name in ("GBA", "periphery")}
    for sums in page_models.block_sums(results, "x", "region"):
        a = member[sums["block"]]
        readings = {
            "own": lambda B, a=a: np.diag(B)[a].mean(),
            "received": lambda B, a=a: (B.sum(axis=1) - np.diag(B))[a].mean(),
            "emitted": lambda B, a=a: (B.sum(axis=0) - np.diag(B))[a].mean(),
            "total": lambda B, a=a: B.sum(axis=1)[a].mean(),
        }
        for key, reading in readings.items():
            # Central differences of step 1e-5 have about nine digits here, the page six.
            assert_allclose(sums[key], brute(results, "x", reading), rtol=2e-5)
        from_blocks = [
            brute(
                results,
                "x",
                lambda B, a=a, b=b: (B - np.diag(np.diag(B)))[np.ix_(a, b)].sum() / a.sum(),
            )
            for b in member.values()
        ]
        assert_allclose(sums["from"], from_blocks, rtol=2e-5)


def test_the_page_has_the_numbers_of_the_effects(fits, panel, text):
    data = block(text)
    by_city = fits["far"].effects("x", by="city")
    far = data["models"][1]
    for effect in page_models.CITY:
        rows = by_city[effect].loc[list(panel.ids), ["estimate", "low", "high"]]
        assert_allclose(np.array(far["city"][effect]), rows, rtol=RTOL)
    average = fits["far"].effects("x")["indirect"].iloc[0]
    assert_allclose(
        far["average"]["indirect"], average[["estimate", "low", "high"]].astype(float), rtol=RTOL
    )
    packed = np.frombuffer(base64.b64decode(far["pairs"]), "<f4").reshape(2, panel.n, panel.n)
    table = fits["far"].effects("x", by="pair").table.set_index(["to", "from"])
    for i, j in ((0, 3), (7, 7), (20, 1)):
        pair = table.loc[(panel.ids[i], panel.ids[j])]
        assert_allclose(packed[:, i, j], [pair["estimate"], pair["se"]], rtol=1e-6)


def test_models_met_before_or_without_x_are_left_out(text):
    assert [model["name"] for model in block(text)["models"]] == ["main", "far", "ols"]


def test_a_model_of_fewer_cities_has_no_numbers_for_the_others(fits, panel, tmp_path):
    few = panel.subset(panel.ids[3:])
    geo = ss.weights.contiguity(few.cities, name="geo").standardize("row")
    small = ss.fit(fits["main"].model, few, geo)
    path = ss.report.page({"main": fits["main"], "few": small}, panel, tmp_path / "p.html")
    model = block(path.read_text(encoding="utf-8"))["models"][1]
    assert model["city"]["emitted"][:3] == [None] * 3
    packed = np.frombuffer(base64.b64decode(model["pairs"]), "<f4").reshape(2, panel.n, panel.n)
    assert np.isnan(packed[:, :3]).all()
    assert np.isnan(packed[:, :, :3]).all()
    pair = (
        small.effects("x", by="pair").table.set_index(["to", "from"]).loc[(few.ids[0], few.ids[2])]
    )
    assert_allclose(packed[0, 3, 5], pair["estimate"], rtol=1e-6)
    with pytest.raises(
        ss.AlignmentError, match=r"lacks the cities '440100', '440200', .* of the model 'main'"
    ):
        ss.report.page({"few": small, "main": fits["main"]}, path=tmp_path / "q.html")


def test_pairs_beyond_the_limit_are_left_out_and_later_models_lose_them_first(
    fits, panel, monkeypatch, tmp_path
):
    monkeypatch.setattr(page_models, "MOST_BYTES", 2 * page_models.pair_bytes(panel.n))
    path = ss.report.page(fits, panel, tmp_path / "p.html")
    models = block(path.read_text(encoding="utf-8"))["models"]
    assert [model["pairs"] is None for model in models] == [False, False, True]
    assert len(models[0]["pairs"]) == page_models.pair_bytes(panel.n)


def test_the_answer_is_short_and_names_what_contains_zero(fits, panel):
    lead, *lines = answers(fits["main"], "x", "region", {"x": "Digital"})
    assert lead == "Change in y for one unit more of Digital, with 95% intervals."
    assert [line.split(":")[0] for line in lines] == ["GBA", "periphery"]
    direct = fits["main"].effects("x", by="region")["direct"].iloc[0]
    assert f"own {direct['estimate']:.3f} ({direct['low']:.3f} to {direct['high']:.3f})" in lines[0]
    assert (
        "to all other cities together none in this model." in answers(fits["ols"], "x", "region")[1]
    )
    assert "contains zero" in " ".join(answers(fits["main"], "z", "region"))
    chinese = answers(fits["main"], "x", None, None, "zh")
    assert chinese[0] == "x增加一个单位时y的变化（95% 置信区间）。"
    assert chinese[1].startswith("各城市平均：直接效应 ")


def rings(path):
    """The rings of an SVG path of steps, as points."""
    for ring in re.findall(r"M([^Mz]*)z", path):
        start, steps = ring.split("l")
        moves = np.array(re.findall(r"-?\d+", steps), dtype=int).reshape(-1, 2)
        yield np.vstack([np.array(start.split(), dtype=int), moves]).cumsum(axis=0)


def test_neighbours_on_the_map_share_their_border_to_the_step(panel):
    drawn = page_map(panel.cities, panel.context, "region")
    vertices = [{tuple(point) for ring in rings(path) for point in ring} for path in drawn.cities]
    W = ss.weights.contiguity(panel.cities, name="geo").aligned(list(panel.cities.index)).dense()
    touching = [(i, j) for i in range(panel.n) for j in range(i) if W[i, j]]
    assert len(touching) > 30
    assert all(len(vertices[i] & vertices[j]) >= 2 for i, j in touching)
    shapes = [
        shapely.union_all([shapely.make_valid(shapely.Polygon(r)) for r in rings(path)])
        for path in drawn.cities
    ]
    together, apart = shapely.union_all(shapes).area, shapely.area(shapes).sum()
    # Rounding to the step can fold a thin inlet over: less than a ten-thousandth of the land.
    assert abs(apart / together - 1) < 1e-4
    step_km2 = (drawn.bar[1] / drawn.bar[0]) ** 2
    true = panel.cities.to_crs("EPSG:4547").area.sum() / 1e6
    assert abs(apart * step_km2 / true - 1) < 0.01


def test_a_unit_smaller_than_the_grid_is_still_drawn():
    from spatialsyn.report.explorer.map import outline

    assert outline(shapely.box(10.1, 10.1, 10.2, 10.2)) == "M9 9h2v2h-2z"


def test_maps_of_all_china_have_an_inset_and_leave_the_far_south_to_it():
    units = ss.datasets.boundaries("prefectures")
    drawn = page_map(units.iloc[:300], units.iloc[300:], None)
    x, y, width, height, *_ = drawn.inset
    assert drawn.dashes.startswith("M")
    assert (x + width < drawn.size[0], y + height < drawn.size[1]) == (True, True)
    taiwan = list(units.index[300:]).index("710000")
    points = np.vstack(list(rings(drawn.context[taiwan])))
    assert not ((points[:, 0] > x) & (points[:, 1] > y)).any()
    sansha = drawn.points[list(units.index).index("460300")]
    assert sansha[1] > drawn.size[1]


NAUGHTY = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked=2">'


def naughty_panel(panel):
    """The same panel with markup for the name of its first city and of Macao."""
    units = pd.concat([panel.cities, panel.context])
    units.loc[[panel.ids[0], "820000"], "name_en"] = NAUGHTY
    return ss.CityPanel(panel.frame.reset_index(), city="city", cities=units, blocks=["region"])


def test_markup_in_a_name_stays_text(fits, panel, tmp_path):
    path = ss.report.page(
        {NAUGHTY: fits["main"]}, naughty_panel(panel), tmp_path / "p.html", title=NAUGHTY,
        labels={"GBA": NAUGHTY, "y": NAUGHTY},
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert "<script>window" not in text
    assert "<img src=x" not in text
    assert text.count("<script") == 2
    assert block(text)["cities"][0]["name"] == NAUGHTY


def test_the_page_asks_for_nothing_and_allows_nothing(text):
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy


def test_two_pages_have_the_same_bytes(fits, panel, text, tmp_path):
    again = ss.report.page(fits, panel, tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [again]


def test_every_phrase_of_the_page_is_translated():
    asked = set(page_words.SPOKEN) | set(page_words.FIXED_EFFECTS.values())
    asked |= {name for _, name, _ in page_models.FIT}
    for name in ("page.html", *pages.SCRIPTS):
        asked |= set(re.findall(r"""say\(\s*["']([^"']+)["']""", pages._file(name)))
    assert asked <= set(page_words.CHINESE)
    assert page_words.HEADINGS["en"].keys() == page_words.HEADINGS["zh"].keys()
    script = "".join(map(pages._file, pages.SCRIPTS))
    spoken = set(re.findall(r"""say\(\s*["']([^"']+)["']""", script))
    assert spoken <= set(page_words.SPOKEN)


def test_a_chinese_page_has_short_chinese_names_and_says_its_language(fits, panel, tmp_path):
    path = ss.report.page(
        fits["main"], panel, tmp_path / "p.html", language="zh", labels={"440300": "深圳特区"}
    )
    text = path.read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in text
    names = [city["name"] for city in block(text)["cities"]]
    assert names[:3] == ["广州", "韶关", "深圳特区"]
    assert block(text)["cities"][0]["block"] == "大湾区"


def test_without_polygons_there_is_no_map_but_everything_else(fits, panel, tmp_path):
    plain = ss.CityPanel(panel.frame.reset_index(), city="city")
    text = ss.report.page(fits, plain, tmp_path / "p.html").read_text(encoding="utf-8")
    assert '<svg id="map"' not in text
    assert block(text)["cities"][0] == {"name": "440100", "block": "", "at": None}


def test_without_regressors_there_are_tables_only(panel, fits, tmp_path):
    alone = ss.fit(ss.sar("y ~ 1", W="geo"), panel, fits["main"].weights["geo"])
    text = ss.report.page(alone, path=tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "Models of y" in text


def test_what_cannot_be_shown_is_refused(fits, panel, tmp_path):
    path = tmp_path / "p.html"
    with pytest.raises(ss.ConfigError, match=r"page needs what ss.fit returns.*'int'"):
        ss.report.page([3], panel, path)
    with pytest.raises(ss.ConfigError, match=r"page needs what ss.fit returns.*got none"):
        ss.report.page({}, panel, path)
    with pytest.raises(ss.ConfigError, match="x='q' is in none of the models; they have 'x', 'z'"):
        ss.report.page(fits, panel, path, x="q")
    with pytest.raises(
        ss.ConfigError, match="by='province' is not a grouping; the panel has 'region'"
    ):
        ss.report.page(fits, panel, path, by="province")
    with pytest.raises(ss.ConfigError, match="language='fr'"):
        ss.report.page(fits, panel, path, language="fr")
    assert not path.exists()


def test_a_model_of_another_outcome_or_without_the_grouping_says_so(fits, panel, tmp_path):
    bare = ss.CityPanel(panel.frame.reset_index(), city="city", cities=panel.cities)
    geo = fits["main"].weights["geo"]
    other = ss.fit(ss.sdm("z ~ x", W="geo", fixed_effects="twoways"), bare, geo)
    path = ss.report.page([fits["main"], other], panel, tmp_path / "p.html")
    first, second = block(path.read_text(encoding="utf-8"))["models"]
    assert first["what"] == "SDM, city and year effects, 2011–2016"
    assert second["what"] == "z: SDM, city and year effects, 2011–2016"
    assert (len(first["blocks"]), second["blocks"]) == (2, [])
    ss.report.page([other, fits["main"]], panel, tmp_path / "q.html")


def test_names_stay_with_their_cities_whatever_the_ids():
    units = pd.DataFrame({"name_en": ["ten", None, "one"]}, index=[10, "10", "1"])
    assert pages._names(units, {}, "en") == ["ten", "10", "one"]


def test_provenance_names_every_matrix_the_panel_and_the_versions(fits, panel, text):
    for model, name in (("main", "geo"), ("far", "far")):
        assert fits[model].weights[name].hash in text
    assert np.__version__ in text
    assert "2011–2016" in text
    other = panel.assign(z=panel.array("z") + 1e-9)
    from spatialsyn.report.explorer.provenance import panel_hash

    assert panel_hash(panel) in text
    assert panel_hash(other) != panel_hash(panel)


# Brettel, Vienot & Mollon (1997) in the linear form of Vienot, Brettel & Mollon (1999), in
# linear RGB: how a dichromat sees a colour.
BLIND = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("kind", BLIND)
def test_the_two_sides_of_the_scale_differ_for_the_colour_blind(kind):
    colours = np.array([to_rgb(colour) for colour, _ in pages._colours()])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = linear @ np.array(BLIND[kind]).T
    assert len(seen) % 2 == 1
    # Blue against yellow, what is left to both, changes sign at the middle of the scale.
    tint = seen[:, 2] - seen[:, 0]
    middle = len(seen) // 2
    assert (tint[:middle] > 0.03).all()
    assert (tint[middle + 1 :] < -0.03).all()
    light = seen @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light[: middle + 1]) > 0).all()
    assert (np.diff(light[middle:]) < 0).all()


def test_boundaries_of_any_layer_can_be_drawn(tmp_path):
    """Overlapping polygons of other software are simplified all the same."""
    shapes = [shapely.box(i, 0, i + 1.05, 1) for i in range(4)]
    units = gpd.GeoDataFrame({"id": list("abcd")}, geometry=shapes, crs=4326).set_index("id")
    drawn = page_map(units, None, None)
    assert all(path.startswith("M") for path in drawn.cities)


def test_one_model_on_other_numbers_is_another_model_of_the_page(fits, panel):
    main = fits["main"]
    cut = panel.assign(x=panel.frame["x"].clip(-1, 1))
    other = ss.fit(main.model, cut, list(main.weights.values()))
    shown = {"main": main, "again": fits["again"], "x cut": other}
    made = page_models.explored(shown, "x", None, panel.ids, "en")
    assert [one["name"] for one in made] == ["main", "x cut"]
    assert_allclose(made[1]["average"]["total"][0], other.effects("x")["total"]["estimate"], RTOL)


def test_an_effect_known_to_more_digits_than_the_page_has_is_not_none():
    assert said([0.0, 0.0, 0.0], "en") == "none in this model"
    assert said([2.5, 2.5, 2.5], "en") == "2.500 (2.500 to 2.500)"
