"""The panel: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from shapely.geometry import box
from squares import polygons, table

import spatialsyn as ss


def panel(**options) -> ss.CityPanel:
    return ss.CityPanel(table(), blocks=["region"], **options)


def test_what_it_is():
    p = panel(cities=polygons())
    assert (p.n, p.T, p.ids, p.years) == (3, 3, ("440100", "440300", "440400"), (2011, 2012, 2013))
    assert p.variables == ("gdp",)
    assert repr(p) == "3 cities x 3 years (2011-2013), 1 variables; region: GBA 2, edge 1"
    assert repr(p.subset(years=[2012])).startswith("3 cities in 2012, 1 variables")
    embedded = ss.datasets.guangdong()  # the line of the design, in the order of tables of effects
    assert repr(embedded).endswith("28 variables; region: GBA 9, periphery 12")
    assert list(p.frame.index.names) == ["city", "year"]
    assert_allclose(p.array("gdp")[1], [3, 5, 6])
    assert list(p.cities.index) == list(p.ids)


def test_the_order_of_rows_and_polygons_does_not_matter():
    moved = ss.CityPanel(table().sample(frac=1, random_state=1), cities=polygons()[::-1])
    assert_allclose(moved.array("gdp"), panel().array("gdp"))
    assert list(moved.cities.index) == list(moved.ids)


def test_maps_find_the_groupings_of_the_panel_with_its_polygons():
    """The grouping of the table wins over a column of the layer: effects and borders agree."""
    p = panel(cities=polygons(("440100", "440300", "440400", "810000")))
    other = panel(cities=polygons().assign(region="other"))
    for made in (p, other, p.subset(years=[2012, 2013])):
        assert made.cities["region"].to_dict() == made.blocks["region"].to_dict()
    assert p.blocks["region"].to_dict() == {"440100": "GBA", "440300": "GBA", "440400": "edge"}


@pytest.mark.parametrize("twin", ["GBA ", "\u3000GBA", "ＧＢＡ", "gba"])
def test_blocks_that_look_alike_are_refused(twin):
    frame = table()
    frame.loc[:2, "region"] = twin
    with pytest.raises(ss.PanelError, match="'region' has blocks that differ by blanks"):
        ss.CityPanel(frame, blocks=["region"])


def test_polygons_without_data_are_context():
    p = panel(cities=polygons(("440100", "440300", "440400", "810000")))
    assert list(p.context.index) == ["810000"]
    assert list(p.assign(a=1.0).context.index) == ["810000"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: pd.concat([f, f.iloc[[0]]]), r"1 city-years occur more than once: \('440100', 2011\)"),
        (lambda f: f.iloc[1:], r"not balanced: 1 of 9 city-years are missing: \('440100', 2011\)"),
        (lambda f: f[f["year"] != 2012], r"3 of 9 city-years are missing"),
        (lambda f: f.assign(year=f["year"].astype(str)), r"years in 'year' must be integers; got '2011'"),
        (lambda f: f.assign(year=f["year"] + 0.5), r"must be integers; got 2011.5.*Parts of a year.*add up or average the rows first"),
        (lambda f: f.rename(columns={"adcode": "id"}), r"no column 'adcode'; the table has 'id'"),
        (lambda f: f.assign(adcode=[None, *f["adcode"][1:]]), r"city id 'adcode' is missing in the rows 0"),
        (lambda f: f.assign(adcode=[440100, *f["adcode"][1:]]), r"mix integers and strings"),
        (lambda f: f.assign(adcode=f["adcode"].astype(float)), r"are decimals .*astype\(int\)"),
        (lambda f: f.assign(gdp=["1,234", *f["gdp"][1:].astype(str)]), r"'gdp' holds text.*'1,234'.*thousands"),
        (lambda f: f.assign(gdp=["-", *f["gdp"][1:].astype(str)]), r"\('440100', 2011\): '-'.*missing="),
        (lambda f: f.assign(gdp=["...", *f["gdp"][1:].astype(str)]), r"text where numbers belong.*'...'"),
        (lambda f: f.assign(gdp=f["gdp"].astype(str)), r"'gdp' holds text where numbers belong, in 9 cells"),
        (lambda f: f.assign(gdp=np.inf), r"'gdp' is infinite"),
        (lambda f: f.assign(gdp=f["gdp"] + 1j), r"'gdp' holds complex numbers"),
        (lambda f: f.iloc[:0], r"no rows"),
        (lambda f: f.assign(adcode=["  ", *f["adcode"][1:]]), r"city id 'adcode' is missing in the rows 0"),
        (lambda f: f.assign(year=[np.nan, *f["year"][1:]]), r"the year 'year' is missing in the rows 0.*sums"),
        (lambda f: f.assign(year=f["year"] * 10000 + 1231), r"runs from 20111231 to 20131231.*// 10000"),
        (lambda f: f.assign(year=f["year"] * 10**15), r"runs from 2011000000000000000 to .* no years"),
        (lambda f: f.assign(year=[date(y, 12, 31) for y in f["year"]]), r"to_datetime\(frame\['year'\]\).dt.year"),
        (lambda f: f.assign(year=pd.to_timedelta(f["year"])), r"'year' holds spans of time"),
        (lambda f: f.assign(year=f["year"] == 2011), r"'year' holds True, true or false"),
        (lambda f: f.assign(year=(f["year"] == 2011).astype(object)), r"'year' holds True, true or false"),
        (lambda f: f.assign(year=[*f["year"].astype(object)[:-1], True]), r"'year' holds True, true or false"),
        (lambda f: f.assign(year=f["year"] + 0j), r"'year' holds complex numbers .*map\(.*real\)"),
        (lambda f: f.assign(year=(f["year"] + 1j).astype(object)), r"'year' holds complex numbers"),
        (lambda f: f.set_index(["adcode", "year"]), r"'adcode' is in its index: frame.reset_index\(\)"),
        (lambda f: f.pivot(index="adcode", columns="year", values="gdp").reset_index(), r"columns \(2011, 2012, 2013\).*melt"),
        (lambda f: f.assign(region=["GBA", "edge", *f["region"][2:]]), r"grouping 'region' changes over time"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_a_panel_is_refused(change, message):
    with pytest.raises(ss.PanelError, match=message):
        ss.CityPanel(change(table()), blocks=["region"] if "region" in message else [])


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_kinds_of_cells_that_know_missing_ones_are_read_like_others(backend):
    """With Arrow the years had no remainder, and flags with a hole were text."""
    if backend == "pyarrow":
        pytest.importorskip("pyarrow")
    plain = table().assign(size=range(9), flag=[True, False, None, True, *[False] * 5])
    plain.loc[4, ["gdp", "size"]] = None
    p = ss.CityPanel(plain.convert_dtypes(dtype_backend=backend), cities=polygons())
    expected = ss.CityPanel(plain)
    assert (p.ids, p.years) == (expected.ids, expected.years)
    for name in ("gdp", "size", "flag"):
        assert_allclose(p.array(name), expected.array(name))
    assert list(p.frame["region"]) == list(expected.frame["region"])  # names are no numbers


def test_spans_of_time_are_no_variable():
    p = ss.CityPanel(table().assign(span=pd.to_timedelta(range(9), unit="D"), flag=True))
    assert p.variables == ("gdp",)
    assert set(p.audit()["variable"]) <= {"gdp"}


def test_integer_codes_that_became_years_with_decimals_are_taken():
    p = ss.CityPanel(table().assign(year=lambda f: f["year"].astype(float)))
    assert p.years == (2011, 2012, 2013)


@pytest.mark.parametrize("absent", ["refuse", "keep"])
@pytest.mark.parametrize("twin", ["广州", "广州市 "])
def test_a_city_written_in_two_ways_is_not_two_cities(absent, twin):
    mixed = table().replace({"adcode": {"440100": "广州市"}})
    mixed.loc[1, "adcode"] = twin
    with pytest.raises(ss.PanelError, match=f"1 cities are written in two ways.*'{twin}'"):
        ss.CityPanel(mixed, absent=absent)


def test_a_city_in_three_spellings_is_one_and_the_way_out_makes_it_one():
    """Blanks inside a name are not at its ends, where str.strip() looks."""
    mixed = table().replace({"adcode": {"440100": "广州市", "440300": "深圳市"}})
    mixed.loc[[0, 1, 2], "adcode"] = ["广州市", "广 州市", "广州市 "]
    with pytest.raises(ss.PanelError, match="1 cities are written") as told:
        ss.CityPanel(mixed)
    way_out = str(told.value).split("for example ")[1].rstrip(".")
    assert way_out.startswith("frame[city] = frame[city].str.replace(")
    names = eval(way_out.split(" = ")[1], {"frame": mixed, "city": "adcode"})
    assert set(names[:3]) == {"广州市"}


def test_a_province_and_its_city_may_share_a_name():
    both = table().replace({"adcode": {"440100": "吉林", "440300": "吉林市"}}).drop(index=0)
    assert ss.CityPanel(both, absent="keep").n == 3


def test_polygons_that_are_called_otherwise_are_pointed_out():
    short = table().assign(adcode=np.repeat(["广州", "深圳", "440400"], 3))
    layer = polygons(("广州市", "深圳市", "440400"))
    with pytest.raises(ss.AlignmentError, match="There, '广州' is '广州市'; '深圳' is '深圳市'"):
        ss.CityPanel(short, cities=layer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(year=f["year"].astype(str) + "年"), r"extract\(r'\(\\d\{4\}\)'"),
        (lambda f: f.assign(year=f["year"].astype(str)), r"frame\['year'\].astype\(int\)"),
        (lambda f: f.assign(gdp=f["gdp"].astype(str) + "%"), r"rstrip\('%'\)\), whose unit"),
        (lambda f: pd.concat([f, pd.DataFrame(np.nan, [9], f.columns)]), r"Empty rows \(9\)"),
    ],
)
def test_the_way_out_is_one_that_works(change, message):
    with pytest.raises(ss.PanelError, match=message):
        ss.CityPanel(change(table()).astype({"adcode": object}))


def test_a_city_without_a_polygon_is_named():
    with pytest.raises(
        ss.AlignmentError, match=r"1 of 3 cities of the table have no polygon: '440400'"
    ):
        panel(cities=polygons(("440100", "440300")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.set_crs(None, allow_override=True), "no CRS"),
        (lambda g: pd.concat([g, g.iloc[[0]]]), "more than once: '440100'"),
        (lambda g: g.assign(geometry=[None, *g.geometry[1:]]), "no polygon for '440100'"),
        (lambda g: pd.DataFrame(g.drop(columns="geometry")), "not a GeoDataFrame"),
    ],
)
def test_polygons_that_cannot_be_used_are_named(change, message):
    with pytest.raises(ss.BoundaryError, match=message):
        panel(cities=change(polygons()))


def test_polygons_that_are_merely_counted_are_not_taken_for_cities_of_these_numbers():
    """The codes 0, 1, 2 were found in the count of the rows, which exchanged the cities."""
    codes = {"440100": 0, "440300": 1, "440400": 2}
    numbered = table().assign(adcode=lambda f: f["adcode"].map(codes))
    layer = polygons((2, 0, 1)).rename(columns={"adcode": "code"})
    layer.insert(0, "centre", [[113.5, 22.5]] * 3)  # as a GeoJSON may have it
    with pytest.raises(ss.AlignmentError, match=r"counted from 0.*'code'.*set_index\('code'\)"):
        ss.CityPanel(numbered, cities=layer)
    named = ss.CityPanel(numbered, cities=layer.set_index("code"))
    assert named.cities.geometry[0].equals(layer.geometry[1])
    counted = ss.CityPanel(numbered, cities=layer.rename_axis("city"))
    assert counted.cities.geometry[0].equals(layer.geometry[0])


def test_a_class_of_polygons_is_not_taken_for_their_codes():
    """Classes 0, 1, 2 repeat, codes of cities do not."""
    codes = {"440100": 0, "440300": 1, "440400": 2}
    numbered = table().assign(adcode=lambda f: f["adcode"].map(codes))
    layer = polygons("abcd").rename(columns={"adcode": "name"}).assign(tier=[2, 1, 0, 1])
    p = ss.CityPanel(numbered, cities=layer)
    assert p.cities["name"].tolist() == ["a", "b", "c"]


def test_codes_as_text_against_integers_are_told_apart():
    numbers = table().assign(adcode=lambda f: f["adcode"].astype(int))
    with pytest.raises(ss.AlignmentError, match=r"ids as integers \(440100.*polygons as strings"):
        ss.CityPanel(numbers, cities=polygons())


def test_mean_carries_its_years():
    mean = panel().mean("gdp", years=(2011, 2012))
    assert_allclose(mean, [1.5, 4, 2])
    assert mean.attrs["base_years"] == (2011, 2012)
    with pytest.raises(ss.PanelError, match=r"no years 2010; it has 2011-2013"):
        panel().mean("gdp", years=(2010, 2011))


def test_mean_over_a_hole_is_refused():
    hole = ss.CityPanel(table().assign(gdp=[np.nan, *table()["gdp"][1:]]))
    with pytest.raises(ss.PanelError, match=r"'gdp' has missing cells in \(2011,\).*'440100'"):
        hole.mean("gdp", years=(2011,))


def test_assign_matches_on_keys_not_on_position():
    p = panel()
    series = p.frame["gdp"].sample(frac=1, random_state=0) * 10
    assert_allclose(p.assign(ten=series).array("ten"), 10 * p.array("gdp"))
    by_city = pd.Series({"440400": 3.0, "440100": 1.0, "440300": 2.0})
    assert_allclose(p.assign(k=by_city).array("k")[:, 0], [1, 2, 3])
    assert "ten" not in p.variables
    with pytest.raises(ss.PanelError, match="does not cover the panel: 1 keys are missing"):
        p.assign(k=by_city.iloc[1:])
    with pytest.raises(ss.PanelError, match=r"shape \(3,\); the panel needs \(3, 3\)"):
        p.assign(k=np.zeros(3))


def test_subset_and_at():
    p = panel(cities=polygons())
    assert p.subset(ids=["440400", "440100"]).ids == ("440100", "440400")
    assert p.subset(years=[2012, 2013]).years == (2012, 2013)
    assert list(p.at(2012)["gdp"]) == [2, 5, 2]
    assert p.at(2012).geometry.is_valid.all()
    with pytest.raises(ss.PanelError, match="no cities '1'"):
        p.subset(ids=["1"])
    with pytest.raises(ss.PanelError, match="no years 1999"):
        p.at(1999)


def test_interpolation_is_flagged_and_leaves_the_original():
    hole = table()
    hole.loc[[1, 5], "gdp"] = np.nan
    p = ss.CityPanel(hole).interpolate("gdp")
    assert np.isnan(p.array("gdp")[0, 1])
    assert p.array("gdp_interpolated")[0, 1] == 2.5
    assert np.isnan(p.array("gdp_interpolated")[1, 2])  # the end of a series is not made up
    assert p.array("gdp_is_interpolated").sum() == 1


def test_audit_lists_holes_jumps_and_constants():
    odd = table().assign(flat=1.0, fixed=[1.0] * 3 + [2.0] * 3 + [3.0] * 3)
    odd.loc[0, "gdp"] = 0.5
    odd.loc[8, "gdp"] = np.nan
    found = ss.CityPanel(odd).audit().set_index(["finding", "variable"])
    assert found.loc[("missing", "gdp"), "city"] == "440400"
    assert found.loc[("jump", "gdp"), "detail"] == "x 4.00"
    assert ("constant", "flat") in found.index
    assert ("constant in time", "fixed") in found.index


def test_audit_names_the_few_cells_that_are_not_positive_and_still_lists_jumps():
    """-9999 for "missing": one such cell must not end the search of its variable."""
    years = range(2001, 2022)
    odd = pd.DataFrame({"adcode": ["a"] * 21 + ["b"] * 21, "year": [*years, *years]})
    odd = odd.assign(gdp=1.0, change=np.tile([1.0, -1.0, 1.0], 14))
    odd.loc[3, "gdp"] = -9999
    odd.loc[30, "gdp"] = 7.0
    found = ss.CityPanel(odd).audit()
    gdp = found[found["variable"] == "gdp"]
    assert list(zip(gdp["finding"], gdp["city"], gdp["year"], gdp["value"], strict=True)) == [
        ("not positive", "a", 2004, -9999.0),
        ("jump", "b", 2010, 7.0),
        ("jump", "b", 2011, 1.0),
    ]
    assert "change" not in set(found["variable"])  # negative numbers are usual there


def test_years_with_a_gap_are_no_panel():
    p = ss.CityPanel(table())
    with pytest.raises(ss.PanelError, match=r"2012 between 2011 and 2013.*range\(2011, 2014\)"):
        p.subset(years=[2011, 2013])


@pytest.mark.parametrize("kind", [str, int])
def test_codes_that_lost_leading_zeros_are_told_how_to_get_them_back(kind):
    from spatialsyn.cities.checks import check_same_cities

    codes = ["010100", "020200", "110000"]
    with pytest.raises(ss.AlignmentError, match=r"'10100' would be '010100'.*str.zfill\(6\)"):
        check_same_cities([kind(code.lstrip("0")) for code in codes], codes)
    with pytest.raises(ss.AlignmentError) as other:
        check_same_cities(["999"], codes)
    assert "zfill" not in str(other.value)


def test_categories_without_a_row_are_left_out_and_the_order_of_the_others_kept():
    kind = pd.CategoricalDtype(["edge", "GBA", "Hunan"])
    ids = pd.CategoricalDtype(["440400", "440300", "440100", "430100"])
    frame = table().astype({"region": kind, "adcode": ids})
    p = ss.CityPanel(frame, cities=polygons().astype({"adcode": ids}), blocks=["region"])
    assert p.ids == panel().ids
    assert list(p.cities.index) == list(p.ids)
    assert repr(p) == repr(panel())
    assert list(p.frame["region"].cat.categories) == ["edge", "GBA"]
    assert list(p.subset(["440100", "440300"]).blocks["region"].cat.categories) == ["GBA"]
    layer = polygons().assign(side=pd.Categorical(["w", "w", "e"], categories=["w", "n", "e"]))
    assert repr(ss.CityPanel(table(), cities=layer, blocks=["side"])).endswith("side: e 1, w 2")


def test_keys_are_no_columns_and_no_year_counts_twice():
    for name in ("city", "year"):
        with pytest.raises(ss.PanelError, match=f"'{name}' is a key of the panel"):
            panel().assign(**{name: 1.0})
    with pytest.raises(ss.PanelError, match=r"years=None: give a sequence of years.*endogenous"):
        panel().mean("gdp")
    with pytest.raises(ss.PanelError, match=r"years=\[2011, 2011, 2012\] lists a year twice"):
        panel().mean("gdp", years=(2011, 2011, 2012))


def test_a_flag_is_a_number_also_where_some_of_its_cells_are_missing():
    flag = [True, False, True, False, False, True, True, True, False]
    whole = ss.CityPanel(table().assign(flag=flag))
    for cells, absent in ((table().assign(flag=flag).drop(index=4), "keep"),
                          (table().assign(flag=[*flag[:4], None, *flag[5:]]), "refuse")):  # fmt: skip
        holed = ss.CityPanel(cells, absent=absent, blocks=["region"])
        expected = whole.array("flag").copy()
        expected[1, 1] = np.nan
        assert_allclose(holed.array("flag"), expected)
        assert_allclose(holed.subset(["440100", "440300"]).array("flag"), expected[:2])
    grouped = ss.CityPanel(table().assign(core=table()["region"] == "GBA").drop(index=4),
                           absent="keep", blocks=["core"])  # fmt: skip
    assert grouped.blocks["core"].tolist() == [True, True, False]


def test_pairs_of_cities_are_named_as_a_person_writes_their_codes(tmp_path):
    """They were (np.int64(440100), np.int64(440200))."""
    apart = polygons(ids=(440100, 440200)).set_geometry(
        [box(113, 23, 114, 24), box(114.00003, 23, 115, 24)], crs=4326
    )
    apart.to_file(tmp_path / "s.gpkg")
    with pytest.raises(ss.BoundaryError, match=r"1 pairs of cities: \(440100, 440200\)"):
        ss.read_boundaries(tmp_path / "s.gpkg")
