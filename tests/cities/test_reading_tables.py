"""Reading tables of city-years: what each kind of file may hold, and what is refused."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from squares import polygons, table

import spatialsyn as ss


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_files_in_common_encodings_just_work(tmp_path, encoding):
    path = tmp_path / "panel.csv"
    table().assign(name="深圳").to_csv(path, index=False, encoding=encoding)
    polygons().to_file(tmp_path / "cities.gpkg")
    p = ss.read_panel(tmp_path / "cities.gpkg", path)
    assert p.ids == ("440100", "440300", "440400")
    assert p.frame["name"].iloc[0] == "深圳"


def test_texts_for_missing_and_thousands_are_read_on_request(tmp_path):
    path = tmp_path / "panel.csv"
    odd = table().assign(gdp=["1,234", "-", "..."] + ["5"] * 6)
    odd.to_csv(path, index=False)
    with pytest.raises(ss.PanelError, match="holds text where numbers belong"):
        ss.read_panel(None, path)
    p = ss.read_panel(None, path, missing=["-", "..."], thousands=",")
    assert p.array("gdp")[0, 0] == 1234
    assert np.isnan(p.array("gdp")[0, 1:]).all()


def test_a_cell_of_blanks_is_shown_as_missing_would_name_it(tmp_path):
    path = tmp_path / "panel.csv"
    table().assign(gdp=["1", " ", *"3456789"]).to_csv(path, index=False)
    with pytest.raises(ss.PanelError, match=r"in 1 cells: .*2012.*: ' '"):
        ss.read_panel(None, path)
    assert np.isnan(ss.read_panel(None, path, missing=[" "]).array("gdp")).sum() == 1


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("cell", ["12,5", "1,23,456", "0,125,5"])
def test_a_decimal_comma_is_not_taken_for_thousands(tmp_path, form, cell):
    """pandas drops every separator: 12,5 would be read as 125."""
    path = tmp_path / f"panel.{form}"
    odd = table().assign(gdp=["1,234", cell, "-1,234,567.5", *"345678"])
    odd.to_csv(path, index=False) if form == "csv" else odd.to_excel(path, index=False)
    with pytest.raises(ss.PanelError, match=f"no thousands stand behind it in 1 cells.*'{cell}'"):
        ss.read_panel(None, path, thousands=",")


def test_a_point_that_groups_thousands_is_told_from_a_decimal_point(tmp_path):
    path = tmp_path / "panel.csv"
    table().assign(gdp=["1.234", *"12345678"]).to_csv(path, index=False)
    assert ss.read_panel(None, path, thousands=".").array("gdp")[0, 0] == 1234
    table().to_csv(path, index=False)  # 1.0, 2.0
    with pytest.raises(ss.PanelError, match="no thousands stand behind it in 9 cells"):
        ss.read_panel(None, path, thousands=".")


def test_excel_works_and_other_files_are_refused(tmp_path):
    table().to_excel(tmp_path / "panel.xlsx", index=False)
    assert ss.read_panel(None, tmp_path / "panel.xlsx").n == 3
    (tmp_path / "panel.doc").write_text("x")
    with pytest.raises(ss.PanelError, match=r"cannot read 'panel.doc'"):
        ss.read_panel(None, tmp_path / "panel.doc")
    with pytest.raises(ss.PanelError, match=r"no column 'Year' \(near: 'year'\)"):
        ss.read_panel(None, tmp_path / "panel.xlsx", year="Year")
    with pytest.raises(ss.PanelError, match="there is no table"):
        ss.read_panel(None, tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes(b"adcode,year\n\xff\xff\xff,1\n")
    with pytest.raises(ss.PanelError, match="neither UTF-8 nor GBK"):
        ss.read_panel(None, tmp_path / "latin.csv")


def test_tables_of_stata_keep_labels_of_text_and_codes_that_are_floats(tmp_path):
    polygons().to_file(tmp_path / "cities.gpkg")
    stata = table().assign(
        adcode=table()["adcode"].astype(float), region=table()["region"].astype("category")
    )
    stata.to_stata(tmp_path / "panel.dta", write_index=False)
    p = ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "panel.dta", blocks=["region"])
    assert p.ids == ("440100", "440300", "440400")
    assert list(p.frame["region"].unique()) == ["GBA", "edge"]


def test_a_table_by_tabs_is_read_and_one_by_semicolons_explained(tmp_path):
    table().to_csv(tmp_path / "panel.txt", index=False, sep="\t")
    assert ss.read_panel(None, tmp_path / "panel.txt").n == 3
    table().to_csv(tmp_path / "panel.csv", index=False, sep=";")
    with pytest.raises(ss.PanelError, match="separates its columns by semicolons; decimals may"):
        ss.read_panel(None, tmp_path / "panel.csv")


def test_the_name_of_a_city_beside_its_code_is_kept(tmp_path):
    table().assign(city="Shenzhen").to_csv(tmp_path / "panel.csv", index=False)
    assert "city_name" in ss.read_panel(None, tmp_path / "panel.csv").frame.columns


def test_cities_under_two_names_are_told_how_to_meet(tmp_path):
    polygons().to_file(tmp_path / "cities.gpkg")
    table().rename(columns={"adcode": "code"}).to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(
        ss.PanelError, match=r"no column 'adcode', which the boundaries have.*cities=ss"
    ):
        ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "panel.csv")


@pytest.mark.parametrize("end", [",", ",9"])
def test_rows_longer_than_the_header_are_refused_not_moved_by_one(tmp_path, end):
    """pandas takes the first column as names of rows then: years became ids, numbers years."""
    rows = [f"c{i},{year},{2000 + year % 10}{end}" for i in range(2) for year in (2011, 2012)]
    (tmp_path / "t.csv").write_text("\n".join(["adcode,year,x", *rows]) + "\n")
    with pytest.raises(ss.PanelError, match=r"rows of 't\.csv' have more cells.*'adcode', 'year'"):
        ss.read_panel(None, tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("\n".join(["adcode,year,x,", *rows]) + "\n")
    assert ss.read_panel(None, tmp_path / "t.csv").ids == ("c0", "c1")


def put(frame: pd.DataFrame, path) -> None:
    """Write `frame` as the suffix of `path` says."""
    kind = path.suffix[1:]
    if kind == "dta":
        frame.to_stata(path, write_index=False)
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "dta"])
@pytest.mark.parametrize("missing", [["-9999", "n.a."], [-9999, "n.a."]])
def test_a_number_that_stands_for_a_missing_cell_is_one_in_every_kind_of_file(
    tmp_path, kind, missing
):
    """pandas looks for it among texts: a spreadsheet's -9999 entered the models as a number."""
    path = tmp_path / f"panel.{kind}"
    odd = table().assign(gdp=[1.0, -9999, *range(7)], pop=[-9999, *range(8)])
    put(odd.assign(note=["n.a."] * 3 + ["x"] * 6), path)
    p = ss.read_panel(None, path, missing=missing)
    expected = np.array([[1, np.nan, 0], [1, 2, 3], [4, 5, 6]])
    assert_allclose(p.array("gdp"), expected)
    assert_allclose(p.array("pop"), [[np.nan, 0, 1], [2, 3, 4], [5, 6, 7]])
    assert p.frame["note"].isna().sum() == 3
    assert_allclose(ss.read_panel(None, path).array("gdp")[0, 1], -9999)


def test_a_flag_is_no_zero_that_stands_for_missing(tmp_path):
    put(table().assign(flag=[True, False, True] * 3, x=range(9)), tmp_path / "panel.csv")
    p = ss.read_panel(None, tmp_path / "panel.csv", missing=["0", "1"])
    assert_allclose(p.array("flag"), [[1, 0, 1]] * 3)
    assert np.isnan(p.array("x")).sum() == 2


def test_separators_of_thousands_are_of_text(tmp_path):
    put(table(), tmp_path / "panel.dta")
    with pytest.raises(ss.PanelError, match=r"'panel.dta' holds numbers as such.*str.replace"):
        ss.read_panel(None, tmp_path / "panel.dta", thousands=",")


def test_the_sheet_with_the_keys_is_read_and_two_of_them_refused(tmp_path):
    """One sheet per year was a panel of the first year alone."""
    path = tmp_path / "panel.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"source": ["yearbook"]}).to_excel(book, sheet_name="notes", index=False)
        table().to_excel(book, sheet_name="data", index=False)
    assert_allclose(ss.read_panel(None, path).array("gdp"), ss.CityPanel(table()).array("gdp"))
    with pd.ExcelWriter(path) as book:
        for year, rows in table().groupby("year"):
            rows.to_excel(book, sheet_name=f"y{year}", index=False)
    with pytest.raises(ss.PanelError, match=r"3 sheets with.*'y2011', 'y2012', 'y2013'.*concat"):
        ss.read_panel(None, path)
    together = pd.concat(pd.read_excel(path, sheet_name=None).values())  # as the message says
    assert_allclose(ss.CityPanel(together).array("gdp"), ss.CityPanel(table()).array("gdp"))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("name", ["gdp", "year"])
def test_two_columns_of_one_name_are_refused(tmp_path, kind, name):
    path = tmp_path / f"panel.{kind}"
    put(table().assign(other=range(9)).rename(columns={"other": name}), path)
    with pytest.raises(ss.PanelError, match=f"'panel.{kind}' has more than one column.*'{name}'"):
        ss.read_panel(None, path)
    put(table().assign(**{"gdp.1": range(9)}), path)  # a name like any other
    assert "gdp.1" in ss.read_panel(None, path).variables


@pytest.mark.parametrize("cell", ["0,125", "-0,125", "0,125,000", "012,345"])
def test_no_thousands_begin_with_a_zero(tmp_path, cell):
    """A share with a decimal comma has three digits behind it too: 0,125 was read as 125."""
    put(table().assign(gdp=["1,234", cell, *"1234567"]), tmp_path / "panel.csv")
    with pytest.raises(ss.PanelError, match=f"no thousands stand behind it in 1 cells.*'{cell}'"):
        ss.read_panel(None, tmp_path / "panel.csv", thousands=",")


def test_codes_become_of_the_kind_of_the_polygons(tmp_path):
    codes = table()["adcode"]
    kinds = {
        "text.dta": codes, "float.dta": codes.astype(float), "decimals.csv": codes + ".0",
        "float.xlsx": codes.astype(float), "int.csv": codes.astype(int),
    }  # fmt: skip
    for kind in (str, int, float):  # a Double in a shapefile is a code as well
        layer = tmp_path / f"{kind.__name__}.shp"
        polygons().astype({"adcode": kind}).to_file(layer)
        for name, ids in kinds.items():
            put(table().assign(adcode=ids), tmp_path / name)
            p = ss.read_panel(layer, tmp_path / name)
            assert p.ids == tuple(str(i) if kind is str else int(i) for i in polygons()["adcode"])
            assert_allclose(p.array("gdp"), ss.CityPanel(table()).array("gdp"))
            assert list(p.cities.index) == list(p.ids)


def test_leading_zeros_are_not_lost_on_the_way_to_polygons_of_numbers(tmp_path):
    polygons((10100, 440300, 440400)).to_file(tmp_path / "cities.gpkg")
    put(table().replace({"adcode": {"440100": "010100"}}), tmp_path / "panel.dta")
    with pytest.raises(ss.AlignmentError, match=r"strings \('010100'.*polygons as integers"):
        ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "panel.dta")


def test_years_of_stata_and_dates_of_new_year_are_years(tmp_path):
    dates = table().assign(year=pd.to_datetime(table()["year"].astype(str)))
    dates.to_stata(tmp_path / "ty.dta", write_index=False, convert_dates={"year": "ty"})
    put(dates, tmp_path / "dates.xlsx")
    for name in ("ty.dta", "dates.xlsx"):
        p = ss.read_panel(None, tmp_path / name)
        assert p.years == (2011, 2012, 2013)
        assert_allclose(p.array("gdp"), ss.CityPanel(table()).array("gdp"))
    late = dates["year"] + pd.Timedelta(days=180)
    put(dates.assign(year=late), tmp_path / "late.xlsx")
    with pytest.raises(ss.PanelError, match=r"'year' holds dates; a panel needs years"):
        ss.read_panel(None, tmp_path / "late.xlsx")


def test_labels_of_stata_that_repeat_are_named(tmp_path):
    frame = table().assign(side=[1, 2, 3] * 3).drop(columns="region")
    labels = {"side": {1: "east", 2: "west", 3: "east"}}
    frame.to_stata(tmp_path / "panel.dta", write_index=False, value_labels=labels)
    with pytest.raises(ss.PanelError, match=r"labels of 'side' in 'panel.dta' call two values"):
        ss.read_panel(None, tmp_path / "panel.dta")


def test_keys_in_the_index_of_a_parquet_are_columns(tmp_path):
    pytest.importorskip("pyarrow")
    indexed = table().set_index(["adcode", "year"])
    indexed.to_parquet(tmp_path / "panel.parquet")
    p = ss.read_panel(None, tmp_path / "panel.parquet")
    assert_allclose(p.array("gdp"), ss.CityPanel(table()).array("gdp"))


def test_a_column_that_is_the_index_of_a_parquet_too_is_read_once(tmp_path):
    """set_index(..., drop=False), as tables come out of a groupby or a loop."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "panel.parquet"
    table().set_index("adcode", drop=False).to_parquet(path)
    pd.testing.assert_frame_equal(
        ss.read_panel(None, path).frame, ss.CityPanel(table(), city="adcode", year="year").frame
    )


def test_titles_above_the_names_and_merged_cells_are_explained(tmp_path):
    path = tmp_path / "panel.xlsx"
    table().to_excel(path, index=False, startrow=2)
    with pytest.raises(ss.PanelError, match=r"no column 'adcode'.*delete the titles above them"):
        ss.read_panel(None, path)
    merged = table()
    merged.loc[merged["year"] > 2011, "adcode"] = None
    put(merged, path)
    with pytest.raises(ss.PanelError, match=r"rows 1, 2, 4, 5, 7, 8,.*merged.*\.ffill\(\)"):
        ss.read_panel(None, path)
    filled = merged.assign(adcode=merged["adcode"].ffill())  # as the message says
    assert_allclose(ss.CityPanel(filled).array("gdp"), ss.CityPanel(table()).array("gdp"))


def test_a_workbook_whose_sheets_lack_the_keys_says_what_each_has_and_where_they_are(tmp_path):
    """Only the first sheet was named, though the table is on the second, below a title."""
    path = tmp_path / "panel.xlsx"
    polygons().to_file(tmp_path / "cities.gpkg")
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"notes": ["from the yearbook"]}).to_excel(book, sheet_name="about")
        body = table().rename(columns={"year": "year "})
        body.to_excel(book, sheet_name="data", index=False, startrow=2)
        book.sheets["data"]["A1"] = "Table 1"
    told = r"none of the 2 sheets.*'adcode', 'year'.*'about': 'notes'.*'data': 'Table 1'.*row 3"
    for boundaries in (None, tmp_path / "cities.gpkg"):
        with pytest.raises(ss.PanelError, match=f"(?s){told}: delete the 2 above it, and blanks"):
            ss.read_panel(boundaries, path)
    with pytest.raises(ss.PanelError, match=r"(?s)'adcode', 'Year'.*year=\.\.\.\.$"):
        ss.read_panel(None, path, year="Year")


def test_a_title_above_the_names_is_explained_beside_boundaries_too(tmp_path):
    polygons().to_file(tmp_path / "cities.gpkg")
    table().to_excel(tmp_path / "panel.xlsx", index=False, startrow=2)
    with pytest.raises(ss.PanelError, match=r"which the boundaries have.*delete the titles above"):
        ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "panel.xlsx")


@pytest.mark.parametrize("version", [114, 117])
@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["广州市", "深圳市", "珠海"]),
        ("utf-8", ["广州市", "深圳市", "珠海"]),
        ("latin-1", ["São Paulo", "Málaga", "Córdoba"]),
    ],
)
def test_text_of_old_stata_is_read_as_it_was_written(tmp_path, version, encoding, names):
    """Stata 13 and before do not say their encoding: 广州市 became ¹ãÖÝÊÐ."""
    path = tmp_path / "panel.dta"
    as_bytes = [name.encode(encoding).decode("latin-1") for name in names]  # pandas writes latin-1
    table().assign(name=np.repeat(as_bytes, 3), region=np.nan).to_stata(
        path, write_index=False, version=version
    )
    assert list(ss.read_panel(None, path).frame["name"].unique()) == names


def test_text_of_western_europe_is_not_taken_for_chinese(tmp_path):
    """São Paulo decodes as GBK, into another name."""
    put(table().replace({"region": {"GBA": "São Paulo", "edge": "Málaga"}}), tmp_path / "t.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes((tmp_path / "t.csv").read_text("utf-8").encode("latin-1"))
    with pytest.raises(ss.PanelError, match="neither UTF-8 nor GBK; save it as UTF-8"):
        ss.read_panel(None, path)


@pytest.mark.parametrize("zipped", [False, True])
def test_names_of_western_europe_in_a_dbf_are_not_taken_for_chinese(tmp_path, zipped):
    """Without a .cpg: UTF-8 or GBK, or else the user says which."""
    layer = polygons().assign(name=["São Paulo", "Córdoba", "Málaga"])
    layer.to_file(tmp_path / "s.shp", engine="pyogrio", encoding="ISO-8859-1")
    (tmp_path / "s.cpg").unlink()
    path = tmp_path / "s.shp"
    if zipped:
        path = tmp_path / "s.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in tmp_path.glob("s.[sdp]*"):
                archive.write(file, file.name)
    with pytest.raises(ss.BoundaryError, match=r"encoding tried \(UTF-8\).*ss.read_boundaries"):
        ss.read_boundaries(path)
    assert list(ss.read_boundaries(path, encoding="ISO-8859-1")["name"]) == list(layer["name"])
