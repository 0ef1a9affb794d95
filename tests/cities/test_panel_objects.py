"""Tables as pandas leaves them: numbers kept as objects, keys in the index, further groupings."""

from __future__ import annotations

import re
from ast import literal_eval
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from squares import polygons, table

import spatialsyn as ss


def panel(**options) -> ss.CityPanel:
    return ss.CityPanel(table(), blocks=["region"], **options)


@pytest.mark.parametrize("hole", [None, pd.NA, np.nan])
@pytest.mark.parametrize("kind", [float, np.float64, Decimal, int])
def test_numbers_beside_a_missing_cell_are_numbers_though_pandas_keeps_objects(kind, hole):
    """One pd.NA made text of a column, and the panel refused its decimals as text."""
    cells = [kind(value) for value in table()["gdp"]]
    cells[4] = hole
    column = pd.Series(cells, dtype=object)
    made = ss.CityPanel(table().assign(gdp=column))
    expected = np.array(table()["gdp"], dtype=float)
    expected[4] = np.nan
    assert_allclose(made.array("gdp").ravel(), expected)
    later = panel().assign(gdp=column.set_axis(panel().frame.index))
    assert_allclose(later.array("gdp").ravel(), expected)
    for odd in ("-", True):  # text and flags among numbers are still refused
        with pytest.raises(ss.PanelError, match="'gdp' holds text where numbers belong"):
            ss.CityPanel(table().assign(gdp=[*cells[:-1], odd]))


def test_keys_in_the_index_are_seen_there():
    indexed = table().set_index(["adcode", "year"]).rename_axis(["city", "year"])
    with pytest.raises(
        ss.PanelError, match=r"no column 'adcode', 'year'; its index holds 'city', "
    ):
        ss.CityPanel(indexed)
    made = ss.CityPanel(indexed.reset_index(), city="city", year="year")
    assert_allclose(made.array("gdp"), panel().array("gdp"))


def test_a_further_grouping_comes_the_way_the_error_says():
    layer = polygons()
    old = panel(cities=layer)
    core = pd.Series({"440100": "yes", "440300": "no", "440400": "no"})
    new = ss.CityPanel(old.assign(core=core).frame.reset_index(), city="city", cities=old.cities,
                       blocks=["region", "core"])  # fmt: skip
    assert new.blocks["core"].to_dict() == core.to_dict()
    assert_allclose(new.array("gdp"), old.array("gdp"))


def test_tables_and_polygons_that_are_read_already_are_told_where_they_go(tmp_path):
    polygons().to_file(tmp_path / "cities.gpkg")
    table().to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(ss.PanelError, match=r"a DataFrame goes into ss.CityPanel.*got DataFrame"):
        ss.read_panel(tmp_path / "cities.gpkg", table())
    with pytest.raises(ss.BoundaryError, match=r"polygons go into ss.CityPanel.*got GeoDataFrame"):
        ss.read_panel(polygons(), tmp_path / "panel.csv")
    made = ss.CityPanel(table(), cities=polygons())
    assert made.ids == ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "panel.csv").ids


def test_a_table_with_a_column_for_every_city_is_told_to_melt(tmp_path):
    polygons().to_file(tmp_path / "cities.gpkg")
    wide = table().pivot(index="year", columns="adcode", values="gdp").reset_index()
    wide.to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(ss.PanelError, match=r"cities seem to be columns \('440100', '440300', "):
        ss.read_panel(tmp_path / "cities.gpkg", tmp_path / "wide.csv")
    long = wide.melt(id_vars="year", var_name="adcode", value_name="gdp")
    made = ss.CityPanel(long, cities=polygons())
    assert_allclose(made.array("gdp"), panel().array("gdp"))


def test_the_cells_that_an_index_lacks_are_named_and_interpolation_by_its_column():
    holes = table()
    holes.loc[[1, 5], "gdp"] = np.nan
    p = ss.CityPanel(holes)
    with pytest.raises(ss.PanelError, match=r"\('440100', 2012\), \('440300', 2013\).*inter"):
        ss.measures.composite(p, {"gdp": "+"})
    filled = p.interpolate("gdp")
    with pytest.raises(ss.PanelError, match=r"'gdp_interpolated' has 1 .*in \('440300', 2013\)"):
        ss.measures.composite(filled, {"gdp_interpolated": "+"})
    assert ss.measures.composite(filled.subset(years=[2011, 2012]), {"gdp_interpolated": "+"})


def test_effects_by_a_table_with_a_column_of_groups_are_told_how():
    guangdong = ss.datasets.guangdong()
    W = ss.weights.contiguity(guangdong.cities, name="geo").standardize("row")
    model = ss.sdm("log(gdp) ~ urbanization", W="geo", fixed_effects="twoways")
    res = ss.fit(model, guangdong, W)
    core = guangdong.blocks["region"].to_frame()
    with pytest.raises(ss.AlignmentError, match=r"a row and a column for every city.*a Series"):
        res.effects("urbanization", by=core)


@pytest.mark.parametrize("twin", ["gba", "GBA ", "ＧＢＡ"])
def test_blocks_are_written_alike_the_way_the_error_says(twin):
    """The spelling of most cities is taken; a strip would leave case and width."""
    odd = pd.concat([table(), table().assign(adcode=lambda f: f["adcode"] + "9")])
    odd.loc[odd["adcode"] == "440300", "region"] = twin
    with pytest.raises(ss.PanelError, match="differ by blanks, case or widths") as refused:
        ss.CityPanel(odd, blocks=["region"])
    (mapping,) = re.findall(r"replace\((\{.*\})\)", str(refused.value))
    alike = odd.assign(region=odd["region"].replace(literal_eval(mapping)))
    sizes = ss.CityPanel(alike, blocks=["region"]).blocks["region"].value_counts()
    assert sizes.to_dict() == {"GBA": 4, "edge": 2}
