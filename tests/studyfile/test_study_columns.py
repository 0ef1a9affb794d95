"""Columns that a study file misspells are refused before anything is estimated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from study_file import STUDY, written

import spatialsyn as ss
from spatialsyn.studyfile import job
from spatialsyn.studyfile.job import open_job, run

GRID = """
[grid]
of = "main"
swap = { index = ["x", "log(size)"], size = "z" }
winsor = [0, 0.02]
lag_x = [0, 1]
blocks = ["none", "side"]
"""
MORE = """
[measures.spread]
kind = "disparity"
column = "size"

[weights.far]
kind = "similarity"
profile = ["x", "z"]
base_years = [2001]

[weights.beside]
kind = "conditional"
of = "geo"
across = "side"
isolates = "keep"

[models.by_side]
family = "sar"
formula = "y ~ index + z:size"
W = "geo"
regimes = "side"

[models.cut]
family = "sar"
formula = "y ~ index"
W = "geo"
regimes = { grouping = "size", above = 1.0 }

[models.moved]
family = "sar"
formula = "y ~ index"
W = "geo"
estimator = "2sls"
endogenous = "index"
instruments = ["z", "log(size)"]
"""
WHOLE = STUDY + GRID + MORE
# What is written instead of what, and what is said of it.
MISSPELT = {
    "formula": ("y ~ index + size", "y ~ index + size + {sice * 2}", r"\[models.main\] formula: there is no column 'sice' \(near: 'size'\)"),
    "outcome": ("y ~ index + size", "log(yy) ~ index + size", r"\[models.main\] formula: there is no column 'yy' \(near: 'y'\)"),
    "quoted": ("y ~ index + size", "y ~ index + size + `in dex`", r"\[models.main\] formula: there is no column 'in dex' \(near: 'index'\)"),
    "interaction": ("z:size", "z:sizes", r"\[models.by_side\] formula: there is no column 'sizes' \(near: 'size'\)"),
    "swap": ('["x", "log(size)"]', '["x", "log(Sizes)"]', r"\[grid\] swap of 'index': there is no column 'Sizes' \(near: 'size'\)"),
    "one swap": ('size = "z"', 'size = "indx"', r"\[grid\] swap of 'size': there is no column 'indx' \(near: 'index'\)"),
    "what is swapped": ("swap = { index", "swap = { indx", r"\[grid\] .*swap\('indx'\): 'y ~ index \+ size' has the terms"),
    "grid of blocks": ('"none", "side"', '"none", "sides"', r"\[grid\] blocks: 'sides' is not a grouping; the panel has 'side'"),
    "regimes": ('regimes = "side"', 'regimes = "sied"', r"\[models.by_side\] regimes: 'sied' is not a grouping; the panel has 'side'"),
    "threshold": ('grouping = "size"', 'grouping = "siez"', r"\[models.cut\] regimes: there is no column 'siez' \(near: 'size'\)"),
    "instruments": ('["z", "log(size)"]', '["z", "log(sizd)"]', r"\[models.moved\] instruments: there is no column 'sizd' \(near: 'size'\)"),
    "endogenous": ('endogenous = "index"', 'endogenous = "indx"', r"\[models.moved\] endogenous='indx' is no regressor of 'y ~ index'; it has 'index'"),
    "swept instruments": ('of = "main"\nW = ["geo", "eco"]', 'of = "moved"\ninstruments = ["z", "indx"]', r"\[sweep\] instruments: there is no column 'indx' \(near: 'index'\)"),
    "swept regimes": ('W = ["geo", "eco"]', 'regimes = ["side", "seid"]', r"\[sweep\] regimes: 'seid' is not a grouping; the panel has 'side'"),
    "own matrices": ('W = "geo"\nfixed_effects = "twoways"', 'W = { wy = "geo", wx = { indx = "eco" } }', r"\[models.main\] W lags 'indx', but .* has the regressors 'index', 'size'"),
    "report": ('x = "index"', 'x = "indes"', r"\[report\] x = 'indes' is not in main; it has 'index', 'size' \(near: 'index'\)"),
    "report by": ('x = "index"', 'x = "index"\nby = "sidee"', r"\[report\] by: 'sidee' is not a grouping; the panel has 'side'"),
    "index": ('z = "-"', 'zz = "-"', r"\[measures.index\] no column 'zz' \(near: 'z'\)"),
    "table": ('column = "size"', 'column = "szie"', r"\[measures.spread\] no column 'szie' \(near: 'size'\)"),
    "weights": ('values = "size"', 'values = "siz"', r"\[weights.eco\] no column 'siz' \(near: 'size'\)"),
    "profile": ('["x", "z"]', '["x", "idex"]', r"\[weights.far\] no column 'idex' \(near: 'index'\)"),
    "links": ('across = "side"', 'across = "sides"', r"\[weights.beside\] 'sides' is no grouping; the panel has 'side'"),
    "panel": ('blocks = ["side"]', 'blocks = ["sid"]', r"no column 'sid' \(near: 'side'\) to group the cities by"),
    "city": ('city = "id"', 'city = "ids"', "no column 'ids'"),
    "year": ('city = "id"', 'city = "id"\nyear = "yeer"', "no column 'yeer' .near: 'year'.; the table has 'id', 'year'"),
}  # fmt: skip


@pytest.fixture
def study(tmp_path):
    path = written(tmp_path)
    path.write_text(WHOLE, encoding="utf-8")
    return path


def never(*_: object, **__: object) -> None:
    raise AssertionError("a model was estimated")


def test_what_is_spelt_rightly_is_there(study):
    open_job(study).check_columns()


@pytest.mark.parametrize(("old", "new", "message"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_column_is_refused_before_anything_is_estimated(
    study, tmp_path, monkeypatch, old, new, message
):
    assert old in WHOLE
    study.write_text(WHOLE.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(job, "fit", never)
    with pytest.raises(ss.SpatialsynError, match=message):
        open_job(study).check_columns()
    with pytest.raises(ss.SpatialsynError, match=message):
        run(study, tmp_path / "out", say=lambda _: None)
    assert not list(tmp_path.glob("*out*"))


def test_all_misspelt_columns_are_named_together(study):
    text = WHOLE.replace('size = "z"', 'size = "zet"').replace("z:size", "z:sise")
    study.write_text(text, encoding="utf-8")
    with pytest.raises(ss.ConfigError) as refused:
        open_job(study).check_columns()
    assert "[models.by_side] formula: there is no column 'sise'" in str(refused.value)
    assert "[grid] swap of 'size': there is no column 'zet'" in str(refused.value)
    assert "The table and the measures provide 'index', 'size', 'x', 'y', 'z'" in str(refused.value)


def test_a_run_tells_at_its_end_which_models_of_the_grid_failed_and_why(tmp_path):
    path = written(tmp_path)
    panel = pd.read_csv(tmp_path / "panel.csv")
    panel["half"] = np.where(panel["year"] < 2003, np.nan, panel["z"])
    panel["twice"] = 2 * panel["size"]
    panel.to_csv(tmp_path / "panel.csv", index=False)
    grid = '[grid]\nof = "main"\nswap = { index = ["half", "twice"] }\nW = ["geo", "eco"]\n'
    path.write_text(STUDY + grid, encoding="utf-8")
    said: list[str] = []
    folder = run(path, tmp_path / "out", say=said.append)
    end = said[said.index("page       report.html") + 1 :]
    assert end[0] == "4 of 6 models of [grid] were not estimated:"
    assert end[1].startswith("  2 x 'half' is missing or not finite in 24 city-years")
    for line in end[2:4]:  # with W[geo], with W[eco]; which of the equal columns is a tie
        assert line.startswith("  1 x ")
        assert "is a linear combination of the other" in line
        assert "'size'" in line or "'twice'" in line
    assert end[4].endswith("status and message in results/grid_models.csv")
    assert len(end) == 5
    table = pd.read_csv(folder / "results" / "grid_models.csv")
    assert list(table["status"]).count("refused") == 4


def test_a_run_without_failures_ends_with_its_page(study, tmp_path):
    study.write_text(STUDY, encoding="utf-8")
    said: list[str] = []
    run(study, tmp_path / "out", say=said.append)
    assert said[-1] == "page       report.html"
