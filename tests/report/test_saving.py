"""All that is saved follows one rule: `spatialsyn.cities.writing`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import spatialsyn as ss
from spatialsyn.cities.writing import written
from spatialsyn.report.tables.regression import table


@pytest.fixture(scope="module")
def film(panel, results):
    made = ss.fit(results.model.but(lag_y=True), panel, results.weights)
    return ss.report.animate(panel, made.effects("x", by="city", horizon=range(2)))


@pytest.fixture
def saver(name, panel, results, film):
    """The function that writes the file of this name: all that do."""
    figure, W = ss.report.effects_plot(results), next(iter(results.weights.values()))
    return {
        "table.md": table(results).save,
        "figure.svg": lambda path: ss.report.save(figure, path)[0],
        "page.html": lambda path: ss.report.page(results, panel, path),
        "film.gif": lambda path: film.save(path, dpi=20),
        "weights.csv": lambda path: ss.weights.write(W, path),
    }[name]


NAMES = ["table.md", "figure.svg", "page.html", "film.gif", "weights.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_folders_on_the_way_are_made(name, saver, tmp_path):
    path = tmp_path / "paper" / "2024" / name
    assert saver(path) == path
    assert os.listdir(path.parent) == [name]  # and nothing is left beside it
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_tilde_is_the_home_folder(name, saver, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert saver(f"~/paper/{name}") == tmp_path / "home" / "paper" / name
    assert os.listdir(tmp_path) == ["home"]  # and no folder is called "~"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_the_way_is_named_and_kept(name, saver, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ss.ConfigError, match=rf"cannot write '{name}': '.*notes' on its way is a"):
        saver(tmp_path / "notes" / "deep" / name)
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_path_is_refused_in_our_words(name, saver):
    with pytest.raises(ss.SpatialsynError, match="got int: '3'"):
        saver(3)


@pytest.mark.parametrize("name", NAMES[:4])
def test_what_the_package_made_is_replaced(name, saver, tmp_path):
    path = tmp_path / name
    path.write_text("the one of yesterday")
    saver(path)
    assert path.read_bytes() != b"the one of yesterday"


def test_a_refused_page_leaves_no_empty_folder(panel, results, tmp_path):
    with pytest.raises(ss.ConfigError, match="language='fr'"):
        ss.report.page(results, panel, tmp_path / "new" / "page.html", language="fr")
    assert os.listdir(tmp_path) == []


def test_a_file_that_another_program_holds_open_is_named(tmp_path, monkeypatch):
    """As Windows does with a table that is open in Word."""

    def held(*_):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "table_1.docx"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.replace", held)
    with pytest.raises(ss.ConfigError, match=r"cannot write 'table_1.docx' .*denied. Close the fi"):
        written(path, b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {path.name: b"old"}


def test_a_folder_of_the_name_is_no_file(tmp_path):
    (tmp_path / "t.md").mkdir()
    with pytest.raises(ss.ConfigError, match=r"cannot write 't\.md' into"):
        written(tmp_path / "t.md", b"")
    assert os.listdir(tmp_path) == ["t.md"]


def test_a_folder_that_the_system_refuses_is_named(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(ss.ConfigError, match=r"the folder '.*new' cannot be made: Permission"):
        written(tmp_path / "new" / "t.md", b"")
