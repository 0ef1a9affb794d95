"""The [grid] of a study file, from its section to the curve, and a run that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_file import in_a_process, in_here

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.sections import grid_of, read_study

HEAD = """
[panel]
table = "panel.csv"
city = "city"
blocks = ["side"]

[weights.geo]
kind = "read"
path = "geo.csv"
standardize = "row"

[weights.dig]
kind = "read"
path = "dig.csv"
standardize = "row"

[models.main]
family = "sdm"
formula = "y ~ x + z"
W = "geo"
fixed_effects = "twoways"

[models.plain]
family = "ols"
formula = "y ~ z"

[report]
tables = ["grid"]
figures = ["specifications"]
"""
GRID = """
[grid]
of = "main"
W = ["geo", ["geo", "dig"]]
fixed_effects = ["individual", "twoways"]
drop_years = [[], 2001, [2006, 2007]]
swap = { z = ["v"] }
winsor = [0, 0.02]
lag_x = [0, 6]
blocks = ["none", "side"]
"""


@pytest.fixture
def study(tmp_path) -> Path:
    """Ten cities on a ring, seven years, two matrices and a study file beside them."""
    rng = np.random.default_rng(4)
    ids = [f"k{i}" for i in range(10)]
    index = pd.MultiIndex.from_product([ids, range(2001, 2008)], names=["city", "year"])
    frame = pd.DataFrame(rng.normal(size=(70, 4)), index=index, columns=["y", "x", "z", "v"])
    frame["side"] = ["west" if city < "k5" else "east" for city, _ in index]
    frame.to_csv(tmp_path / "panel.csv")
    ring = np.roll(np.eye(10), 1, axis=1) + np.roll(np.eye(10), -1, axis=1)
    far = (1 - np.eye(10)) * rng.uniform(0.1, 1, size=(10, 10))
    for name, matrix in (("geo", ring), ("dig", far)):
        pd.DataFrame(matrix, ids, ids).to_csv(tmp_path / f"{name}.csv")
    path = tmp_path / "study.toml"
    path.write_text(HEAD + GRID, encoding="utf-8")
    return path


def test_the_section_is_the_grid_of_the_same_choices(study):
    main = ss.sdm("y ~ x + z", W="geo", fixed_effects="twoways")
    assert grid_of(read_study(study)) == ss.grid(
        main,
        W=["geo", ["geo", "dig"]],
        fixed_effects=["individual", "twoways"],
        drop_years=[None, 2001, (2006, 2007)],
        x=ss.swap("z", "v"),
        winsor=[None, 0.02],
        lag_x=[0, 6],
        blocks=[None, "side"],
    )


def test_optional_terms_of_a_file_are_those_of_the_grid(study):
    study.write_text(HEAD + GRID.replace("swap = { z =", "optional = ['x']\nswap = { z ="))
    found = grid_of(read_study(study))
    assert len(found) == 2 * 2 * 2 * 3 * 2 * 2 * 2 * 2
    assert {dict(spec.choices)["with x"] for spec in found.values()} == {"yes", "no"}


def smaller(study: Path) -> Path:
    text = GRID.replace(', ["geo", "dig"]', "").replace(', "side"]', "]").replace("[0, 0.02]", "0")
    study.write_text(HEAD + text.replace("winsor = 0\n", ""), encoding="utf-8")
    return study


def test_a_run_writes_the_curve_and_keeps_its_results(study, tmp_path):
    smaller(study)
    done = in_a_process("run", study, "--out", tmp_path / "out", "--jobs", 2)
    assert done.returncode == 0, done.stderr
    assert "grid       24 models, results in" in done.stdout
    store = sorted((tmp_path / "out_grid").glob("*.json"))
    assert len(store) == 24
    made = {p.name for p in (tmp_path / "out" / "figures").glob("*.pdf")}
    assert made == {f"specifications_{e}.pdf" for e in ("direct", "indirect", "total")}
    effects = pd.read_csv(tmp_path / "out" / "results" / "grid_effects.csv")
    runs = open_job(study).runs
    np.testing.assert_array_equal(effects["estimate"], runs.effects()["estimate"])
    models = pd.read_csv(tmp_path / "out" / "results" / "grid_models.csv")
    assert list(models["status"]) == list(runs.table["status"])
    assert "refused" in set(models["status"])
    table = (tmp_path / "out" / "tables" / "grid.md").read_text(encoding="utf-8")
    assert "specifications of the same data are not" in table
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Specification curve: indirect effect" in page


def test_a_second_run_goes_on_where_the_first_was(study, tmp_path, monkeypatch):
    folder = run(smaller(study), tmp_path / "out", say=lambda _: None)
    before = {p.name: p.read_bytes() for p in folder.rglob("*") if p.name != "manifest.json"
              and p.is_file()}  # fmt: skip
    store = sorted((tmp_path / "out_grid").glob("*.json"))
    kept = {p: p.stat().st_mtime_ns for p in store[5:]}
    for path in store[:5]:
        path.unlink()
    run(study, tmp_path / "out", say=lambda _: None)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    after = {p.name: p.read_bytes() for p in folder.rglob("*") if p.name != "manifest.json"
             and p.is_file()}  # fmt: skip
    assert after == before


REFUSED = {
    "no model": (('of = "main"', 'of = "other"'), r"\[grid\] needs of = one of 'main', 'plain'"),
    "no matrix": (('["geo", "dig"]]', '"eco"]'), r"\[grid\] names the unknown weights 'eco'"),
    "no key": (("winsor =", "cut ="), r"\[grid\] cut: there is no such key; there are 'of', 'W'"),
    "no share": (("[0, 0.02]", "[0, 2.0]"), r"\[grid\] winsor=2.0: give shares between 0 and 0.5"),
    "no effect": (('["individual", ', '["city", '), r"\[grid\] .*fixed_effects='city' is not one"),
    "no term": (("{ z =", "{ q ="), r"\[grid\] .*swap\('q'\): 'y ~ x \+ z' has the terms"),
    "no list": (('["individual", "twoways"]', '"city"'), "fixed_effects: Input should be a valid"),
    "a text": (("[[], 2001", '[[], "2001"'), "drop_years"),
}


@pytest.mark.parametrize(("change", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_grid_is_refused_when_the_file_is_read(study, change, text):
    assert change[0] in GRID
    study.write_text(HEAD + GRID.replace(*change), encoding="utf-8")
    with pytest.raises(ss.SpatialsynError, match=text):
        read_study(study)


def test_a_grid_on_holes_is_refused(study):
    head = HEAD.replace('W = "geo"\n', 'W = "geo"\nmissing = "balance"\n')
    study.write_text(head + GRID, encoding="utf-8")
    with pytest.raises(ss.ConfigError, match="missing = 'balance': it is estimated on complete"):
        read_study(study)


def test_the_check_finds_years_matrices_and_variables_that_do_not_fit(study):
    assert in_here("check", study).returncode == 0
    study.write_text(HEAD + GRID.replace("2001,", "1999,"), encoding="utf-8")
    with pytest.raises(ss.PanelError, match="drop_years names 1999"):
        open_job(study).check()
    study.write_text(HEAD + '[grid]\nof = "plain"\nfixed_effects = ["time"]\n', encoding="utf-8")
    with pytest.raises(
        ss.ConfigError, match=r"x = 'x' is not in \[grid\] of = 'plain'; it has 'z'"
    ):
        open_job(study).check()
    study.write_text(HEAD, encoding="utf-8")
    with pytest.raises(ss.ConfigError, match=r'tables has "grid", which needs a \[grid\]'):
        open_job(study).check()


def test_a_wrong_engine_is_refused_by_the_command_line(study, tmp_path):
    done = in_here("run", smaller(study), "--out", tmp_path / "out", "--backend", "spark")
    assert done.returncode == 1
    assert done.stderr.startswith("refused: backend='spark' is not one of 'joblib', 'dask'")
    assert not (tmp_path / "out").exists()
