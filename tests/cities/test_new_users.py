"""First steps that go wrong: spaces in headers, arguments the other way round, years as text."""

from __future__ import annotations

import pytest
from squares import polygons, table

import spatialsyn as ss


@pytest.fixture
def files(tmp_path):
    """Polygons and a table that belong together."""
    polygons().to_file(tmp_path / "cities.gpkg")
    table().to_csv(tmp_path / "panel.csv", index=False)
    return tmp_path / "cities.gpkg", tmp_path / "panel.csv"


def test_a_key_with_a_space_behind_it_is_seen(files):
    cities, path = files
    table().rename(columns={"adcode": "adcode "}).to_csv(path, index=False)
    with pytest.raises(ss.PanelError, match=r"no column 'adcode', .*\(near: 'adcode '\)\. Where"):
        ss.read_panel(cities, path)


def test_keys_of_another_name_are_asked_for():
    frame = table().rename(columns={"adcode": "city"})
    with pytest.raises(
        ss.PanelError, match=r"no column 'adcode'; .*'city'.*\. city= and year= say which columns"
    ):
        ss.CityPanel(frame)


def test_the_table_before_the_polygons_is_told_which_comes_first(files):
    cities, path = files
    with pytest.raises(ss.PanelError, match=r"'panel.csv' is a table. Polygons come first and the"):
        ss.read_panel(path, cities)


def test_a_grouping_that_is_not_there_has_what_is_spelt_like_it(files):
    with pytest.raises(ss.PanelError, match=r"no column 'regoin' \(near: 'region'\) to group"):
        ss.read_panel(*files, blocks=["regoin"])
    with pytest.raises(ss.PanelError, match="in the table or polygons, of which there are none"):
        ss.read_panel(None, files[1], blocks=["zone"])


def test_years_of_text_are_told_to_be_numbers(files):
    panel = ss.read_panel(*files)
    first = panel.years[0]
    with pytest.raises(ss.PanelError, match=rf"no years '{first}'; it has {first}-\d+, whole numb"):
        panel.subset(years=[str(first)])
    with pytest.raises(ss.PanelError, match=rf"no years 1990; it has {first}-\d+\.$"):
        panel.subset(years=[1990])
