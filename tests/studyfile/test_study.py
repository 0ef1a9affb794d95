"""Study files, the job they describe, the command line and its exit codes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from study_file import MAIN, STUDY, in_a_process, in_here

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.sections import read_study


def edited(study: Path, old: str, new: str) -> Path:
    assert old in STUDY
    study.write_text(STUDY.replace(old, new), encoding="utf-8")
    return study


def test_a_run_writes_everything_it_was_asked_for(study, tmp_path):
    said: list[str] = []
    folder = run(study, tmp_path / "out", say=said.append)
    for name in (
        "descriptives",
        "models",
        "effects",
        "blocks",
        "cities",
        "weights",
        "sweep",
        "main",
    ):
        for form in ("csv", "tex", "docx", "html", "md"):
            assert (folder / "tables" / f"{name}.{form}").stat().st_size > 0
    for name in ("blocks", "effects", "study_area"):
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / "figures" / f"{name}.png").exists()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Change in y for one unit more of index, with 95% intervals." in page
    assert "spatialsyn run study.toml" in page
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["weights"]) == {"geo", "eco"}
    assert manifest["study"]["text"] == STUDY
    read = {name: sha256((study.parent / name).read_bytes()).hexdigest()
            for name in ("cities.geojson", "panel.csv")}  # fmt: skip
    assert manifest["inputs"] == read
    # Distances are pyproj's, borders shapely's, figures matplotlib's with classes of mapclassify.
    drawn = {"pyproj", "shapely", "matplotlib", "mapclassify"}
    assert {"numpy", "scipy", "pandas", *drawn} <= set(manifest["packages"])
    assert manifest["panel"]["sha256"] in page
    assert manifest["weights"]["eco"]["recipe"]["base_years"] == "(2001,)"
    assert manifest["weights"]["eco"]["standardization"] == "row"
    assert (folder / "study.toml").read_text(encoding="utf-8") == STUDY
    table = pd.read_csv(folder / "results" / "main_effects.csv")
    job = open_job(study)
    np.testing.assert_allclose(table["estimate"], job.results["main"].effects().table["estimate"])
    assert any("main" in line for line in said)
    assert list(job.results) == ["main", "main: geo", "main: eco"]
    assert list(tmp_path.glob(".out*")) == []


HOLED = """absent = "keep"

[weights.geo]
kind = "contiguity"
standardize = "row"

[models]
main = { family = "sar", formula = "y ~ x", W = "geo", missing = "balance" }
kept = { family = "sar", formula = "y ~ 1", W = "geo", missing = "likelihood" }

[report]
tables = ["descriptives", "models", "cities"]
figures = ["emitted_received"]
"""


def test_a_grouping_of_the_table_and_cities_without_names_are_enough(study, tmp_path):
    """Polygons of one's own have an id and little else; the grouping may stand in the table."""
    layer = gpd.read_file(study.parent / "cities.geojson")
    table = pd.read_csv(study.parent / "panel.csv")
    table["side"] = table["id"].map(layer.set_index("id")["side"])
    table.to_csv(study.parent / "panel.csv", index=False)
    layer[["id", "geometry"]].to_file(study.parent / "cities.geojson")
    edited(study, '"study_area"]', '"study_area", "flows", "emitted_received"]')
    out = tmp_path / "out"
    done = in_here("run", study, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "figures" / "study_area.pdf").is_file()
    assert (out / "report.html").is_file()


def test_a_study_says_what_becomes_of_missing_city_years(study, tmp_path):
    table = pd.read_csv(study.parent / "panel.csv")
    table.loc[(table["id"] == "k05") & (table["year"] == 2003), "x"] = np.nan
    gone = (table["id"] == "k07") & (table["year"].isin([2002, 2005, 2006]))
    table[~gone & (table["year"] != 2004)].to_csv(study.parent / "panel.csv", index=False)
    study.write_text(STUDY.split("[measures")[0].rstrip() + "\n" + HOLED, encoding="utf-8")
    ran = in_here("run", study, "--out", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith('note: missing="balance" keeps 10 of 12 cities and 6 of 7 years')
    notes = (tmp_path / "out" / "tables" / "models.md").read_text(encoding="utf-8")
    assert "Cities dropped: 'k05', 'k07'. Years dropped: 2004." in notes
    assert "The outcome is missing in 15 of 84 city-years (18%)" in notes
    fit = pd.read_csv(tmp_path / "out" / "results" / "kept_fit.csv")
    assert (fit.loc[0, "missing"], fit.loc[0, "nobs"]) == ("likelihood", 69)
    audit = pd.read_csv(tmp_path / "out" / "results" / "panel_audit.csv")
    assert (audit["finding"] == "absent").sum() == 15
    refused = in_here("check", edited(study, 'W = "geo"\n', 'W = "geo"\nmissing = "drop"\n'))
    assert refused.returncode == 1
    assert "'refuse', 'balance' or 'likelihood'" in refused.stderr


def test_two_runs_give_the_same_bytes_and_replace_each_other(study, tmp_path):
    first = run(study, tmp_path / "a", say=lambda _: None)
    second = run(study, tmp_path / "b", say=lambda _: None)
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    for name in files:
        if name.name != "manifest.json":
            assert (first / name).read_bytes() == (second / name).read_bytes(), name
    run(study, tmp_path / "a", say=lambda _: None)


def test_what_a_user_put_into_the_folder_is_never_overwritten(study, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("mine")
    with pytest.raises(ss.ConfigError, match="was not written by a run"):
        run(study, out, say=lambda _: None)
    folder = run(study, tmp_path / "made", say=lambda _: None)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ss.ConfigError, match=r"added or changed since the run.*'notes.txt'"):
        run(study, folder, say=lambda _: None)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_value_that_is_not_one_of_a_list_is_shown(study):
    wrong = edited(study, '"study_area"]', '"returned"]')
    with pytest.raises(ss.ConfigError, match=r"has 1 fault:\n.*Input should be .*; got 'returned'"):
        read_study(wrong)


def test_a_run_that_fails_leaves_no_folder(study, tmp_path):
    path = edited(study, 'x = "index"', 'x = "absent"')
    with pytest.raises(
        ss.ConfigError, match=r"x = 'absent' is not in main; it has 'index', 'size'"
    ):
        run(path, tmp_path / "out", say=lambda _: None)
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.glob(".out*")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('family = "sdm"', 'family = "sarar"', r"\[models.main\] family='sarar' is not one of"),
        ('formula = "y ~ index + size"', "formula = \"__import__('os').system('x') ~ index\"", "not a function"),
        ('formula = "y ~ index + size"', 'formula = "y ~ index.__class__"', "not allowed in the formula"),
        ('W = "geo"', 'W = "road"', r"uses W = 'road'; the study has the weights 'geo', 'eco'"),
        ('kind = "contiguity"', 'kind = "near"', r"\[weights.geo\] kind = 'near' is not one of 'contiguity'"),
        ('kind = "contiguity"', 'kind = "contiguity"\npower = 2', r"contiguity has no 'power'; it has .*'rook'"),
        ('kind = "composite"', 'kind = "composite"\nweighting = "pca"', "composite has no 'weighting'; it has"),
        ('kind = "composite"', 'kind = "eval"', r"\[measures.index\] kind = 'eval' is not one of"),
        ('city = "id"', 'city = "id"\ndelimiter = ";"', r"\[panel\] delimiter: there is no such key; there are 'dataset'"),
        ('x = "index"', 'x = "index"\ntable = 1', r"\[report\] table: there is no such key; there are 'title'"),
        ('of = "main"', 'of = "other"', r"\[sweep\] needs of = one of 'main'; got 'other'"),
        ('W = ["geo", "eco"]', 'formula = ["a"]', r"\[sweep\] varies lists of"),
        ('W = ["geo", "eco"]', 'W = ["geo", "sea"]', "unknown weights 'sea'"),
        ('x = "index"', 'main = "other"', r"main = 'other' is not a model"),
        ("[panel]", "[panel", r"not valid TOML(?!.*Paths take)"),
        ('table = "panel.csv"', r'table = "C:\data\panel.csv"', r"not valid TOML.*quotes: 'C:\\data"),
        ('tables = ["descriptives",', 'tables = ["residuals",', r"report.tables\] 0: Input should be"),
    ],
)  # fmt: skip
def test_a_wrong_study_file_is_refused_before_anything_is_computed(study, old, new, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        read_study(edited(study, old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("base_years = [2001]\n", "", r"\[weights.eco\] needs base_years.*Qu & Lee 2015"),
        ("base_years = [2001]", "base_years = [1990]", "no years 1990"),
        ('values = "size"', 'values = "wealth"', "no column 'wealth'"),
        ('x = "+", z', 'q = "+", z', r"\[measures.index\] no column 'q'"),
        ('boundaries = "cities.geojson"\n', "", r"no column .side. .* to group the cities by, .* of which there are none"),
        ('table = "panel.csv"', 'table = "absent.csv"', "there is no table"),
        ('table = "panel.csv"\n', "", 'needs dataset = "guangdong", or table'),
        ('city = "id"', 'city = "id"\ndataset = "guangdong"', "either dataset, or boundaries and table"),
        ('standardize = "row"\n\n[weights.eco]', 'standardize = "rows"\n\n[weights.eco]', r"standardize\('rows'\)"),
        ('city = "id"', 'city = "id"\nyears = [2001, 2012]', "no years 2008"),
    ],
)  # fmt: skip
def test_what_only_the_data_can_show_is_refused_with_its_section(study, old, new, message):
    job = open_job(edited(study, old, new))
    with pytest.raises(ss.SpatialsynError, match=message):
        _ = job.results


def test_weights_from_borders_need_polygons(study):
    study.write_text(
        STUDY.replace('boundaries = "cities.geojson"', "").replace('blocks = ["side"]', ""), "utf-8"
    )
    with pytest.raises(ss.ConfigError, match=r"\[weights.geo\] needs polygons"):
        _ = open_job(study).weights


def test_the_command_line_and_its_exit_codes(study, tmp_path, monkeypatch):
    assert in_here("check", study).returncode == 0
    done = in_a_process("run", study, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "results" / "study") in done.stdout
    fit = in_here("fit", study, "main")
    assert fit.returncode == 0
    assert "W[geo]*index  (not an effect)" in fit.stdout
    effects = in_here("effects", study, "main", "--by", "side")
    assert effects.returncode == 0
    assert "east" in effects.stdout
    refused = in_a_process("fit", study, "absent")
    assert refused.returncode == 1
    assert "refused: the study has no model 'absent'; it has 'main'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert in_a_process("fit", study).returncode == 2
    assert in_a_process("dance").returncode == 2
    monkeypatch.setenv("COLUMNS", "200")
    # Square brackets in a help text are markup and vanish: "the models of [grid]" lost its noun.
    assert "models of a grid" in in_a_process("run", "--help").stdout
    assert in_a_process("check", tmp_path / "absent.toml").returncode == 1


def test_code_in_a_formula_is_refused_with_exit_code_1(study, tmp_path):
    mark = tmp_path / "evaluated"
    for formula in (f"__import__('os').system('touch {mark}') ~ index", "y ~ index.__class__"):
        edited(study, 'formula = "y ~ index + size"', f'formula = "{formula}"')
        refused = in_here("run", study, cwd=tmp_path)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
    assert not mark.exists()


def test_a_measure_is_computed_on_all_years_and_a_model_on_some(study):
    job = open_job(
        edited(
            study, 'fixed_effects = "twoways"', 'fixed_effects = "twoways"\nyears = [2003, 2007]'
        )
    )
    assert job.fit("main").data.years == tuple(range(2003, 2008))
    full = open_job(edited(study, "[panel]", "[panel]")).panel.frame["index"]
    np.testing.assert_allclose(job.panel.frame["index"], full)


def test_a_minimal_study_runs_without_a_report_section(study, tmp_path):
    text = STUDY[: STUDY.index("[sweep]")].replace('blocks = ["side"]', "")
    study.write_text(text, encoding="utf-8")
    folder = run(study, tmp_path / "out", say=lambda _: None)
    assert (folder / "tables" / "main.csv").exists()
    assert not (folder / "tables" / "sweep.csv").exists()
    assert not (folder / "tables" / "blocks.csv").exists()


def test_what_is_asked_for_and_cannot_be_made_is_refused_by_check(study):
    study.write_text(
        STUDY.replace('[sweep]\nof = "main"\nW = ["geo", "eco"]\n', ""), encoding="utf-8"
    )
    refused = in_here("check", study)
    assert refused.returncode == 1
    assert 'tables has "sweep", which needs a [sweep]' in refused.stderr


def test_a_sweep_has_the_years_of_the_model_it_varies(study):
    path = edited(
        study, 'fixed_effects = "twoways"', 'fixed_effects = "twoways"\nyears = [2003, 2007]'
    )
    job = open_job(path)
    assert job.fit("main: eco").data.years == job.fit("main").data.years == tuple(range(2003, 2008))


def test_a_model_may_have_random_effects_and_a_robust_covariance(study):
    more = 'fixed_effects = "none"\nrandom = "individual"'
    assert open_job(edited(study, 'fixed_effects = "twoways"', more)).fit("main").params["phi"] > 0
    more = 'fixed_effects = "twoways"\ncov = "sandwich"'
    assert (
        open_job(edited(study, 'fixed_effects = "twoways"', more)).fit("main").cov_kind
        == "sandwich"
    )


def test_a_model_may_have_an_endogenous_regressor(study, tmp_path):
    options = 'estimator = "2sls"\nendogenous = "index"\ninstruments = ["z"]\ncov = "robust"'
    edited(study, 'fixed_effects = "twoways"', f'fixed_effects = "twoways"\n{options}')
    said: list[str] = []
    run(study, tmp_path / "out", say=said.append)
    assert any(line.endswith("main: 2sls") for line in said)
    fitted = pd.read_csv(tmp_path / "out" / "results" / "main_fit.csv").iloc[0]
    assert (fitted["estimator"], fitted["covariance"]) == ("2sls", "robust")
    assert np.isnan(fitted["loglik"])


def test_base_years_may_lie_before_the_years_of_the_study(study):
    job = open_job(edited(study, 'city = "id"', 'city = "id"\nyears = [2003, 2007]'))
    assert job.panel.years[0] == 2003
    assert job.weights["eco"].base_years == (2001,)


def test_models_that_would_write_the_same_files_are_refused(study):
    more = '[models."a-1"]\nfamily = "ols"\nformula = "y ~ size"\n[models.a_1]\nfamily = "ols"\nformula = "y ~ size"\n'
    study.write_text(STUDY + more, encoding="utf-8")
    with pytest.raises(ss.ConfigError, match="'a-1' and 'a_1' would write the same files"):
        read_study(study)


def test_a_measure_may_not_take_the_name_of_a_column(study):
    path = edited(
        study,
        "[measures.index]",
        '[measures.size]\nkind = "ratio"\nnumerator = "size"\ndenominator = "size"\n\n[measures.index]',
    )
    with pytest.raises(ss.ConfigError, match=r"\[measures.size\] has the name of a column"):
        _ = open_job(path).panel


def test_shared_indicators_are_found_through_functions_and_parts(study):
    from spatialsyn.studyfile.output import cautions, shared_indicators

    text = (
        STUDY.replace('formula = "y ~ index + size"', 'formula = "{index + 1} ~ second"')
        .replace(
            "[weights.geo]",
            '[measures.second]\nkind = "composite"\nindicators = { z = "+" }\n\n[weights.geo]',
            1,
        )
        .replace('x = "index"', 'x = "second"')
    )
    study.write_text(text, encoding="utf-8")
    job = open_job(study)
    assert shared_indicators(job)[0] == ("z",)
    assert "share indicators (z)" in cautions(job)[1]


def test_the_main_study_shares_no_indicator_between_outcome_and_regressor():
    from spatialsyn.studyfile.output import raw_columns, shared_indicators

    job = open_job(MAIN)
    assert shared_indicators(job) == ((), ("employment", "gdp"))
    assert raw_columns(job, "va")[0] == {
        "employment_it", "digital_finance", "employment_leasing_business", "employment_scitech",
    }  # fmt: skip
    assert "employment_construction" in raw_columns(job, "synergy")[0]
    assert raw_columns(job, "synergy_T") == raw_columns(job, "synergy")


def test_the_main_study_reports_its_answer_with_intervals():
    from spatialsyn.studyfile.output import answer, cautions

    job = open_job(MAIN)
    sentences = answer(job)
    assert sentences[0].startswith("Change in Industrial synergy for one unit more of Virtual")
    assert [s.split(":")[0] for s in sentences[1:]] == ["GBA", "periphery"]
    assert all("own 0.093" in s and "from all other cities" in s for s in sentences[1:])
    assert cautions(job)[0].startswith("21 cities and 9 years")
