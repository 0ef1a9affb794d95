"""Tables and figures that a study file names, and those that it gets without naming them."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from study_file import MAIN, STUDY, written

import spatialsyn as ss
from spatialsyn.report import theme
from spatialsyn.studyfile.figures import FIGURES
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.manifest import inputs

ASKED = STUDY.replace(
    'figures = ["blocks", "effects", "study_area"]',
    'figures = ["block_matrix", "flows", "autocorrelation", "spectra"]',
).replace('tables = ["descriptives", "models",', 'tables = ["diagnostics", "correlations",')


def test_more_tables_and_figures_are_made_where_a_study_names_them(study, tmp_path):
    study.write_text(ASKED, encoding="utf-8")
    folder = run(study, tmp_path / "out", say=lambda _: None)
    for name in ("block_matrix", "flows", "autocorrelation_geo", "autocorrelation_eco", "spectra"):
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    page = (folder / "report.html").read_text(encoding="utf-8")
    for heading in ("Diagnostics", "Correlations", "Autocorrelation of the outcome: eco"):
        assert heading in page
    assert "Seed of the permutations" in page
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seeds"] == {"autocorrelation": 0}
    tests = pd.read_csv(folder / "tables" / "diagnostics.csv")
    job = open_job(study)
    found = job.results["main"].diagnostics().table
    np.testing.assert_allclose(tests["statistic"], found["statistic"])
    assert list(tests["test"]) == list(found["test"])


def test_emitted_and_received_alone_are_the_halves_of_the_pair(study, tmp_path):
    """The same classes, colours and cities as side by side; effects from the matrix itself."""
    from spatialsyn.studyfile.figures import FIGURES

    listed = '["emitted", "received", "emitted_received"]'
    study.write_text(STUDY.replace('["blocks", "effects", "study_area"]', listed), encoding="utf-8")
    folder = run(study, tmp_path / "out", say=lambda _: None)
    page = (folder / "report.html").read_text(encoding="utf-8")
    job = open_job(study)
    res, pair = job.results["main"], FIGURES["emitted_received"](job)["emitted_received"]
    W, b = res.weights["geo"].dense(), res.params
    S = np.eye(12) - b["rho[geo]"] * W
    E = np.linalg.solve(S, b["index"] * np.eye(12) + b["W[geo]*index"] * W)
    np.fill_diagonal(E, 0)
    both = np.r_[E.sum(axis=0), E.sum(axis=1)]
    inner = np.linspace(both.min(), both.max(), 6)[1:-1]  # five classes of equal width
    for half, ax, values in zip(("emitted", "received"), pair.axes, np.split(both, 2), strict=True):
        assert (folder / "figures" / f"{half}.pdf").read_bytes().startswith(b"%PDF")
        assert f"Effects {half} by each city" in page
        alone = FIGURES[half](job)[half]
        cities, beside = (
            next(c for c in part.collections if c.get_gid() == "cities").get_facecolors()
            for part in (alone, ax)
        )
        np.testing.assert_array_equal(cities, beside)
        number = np.searchsorted(inner, values)
        brightness = cities[:, :3].sum(axis=1)
        assert all(
            np.sign(brightness[a] - brightness[b]) == np.sign(number[b] - number[a])
            for a in range(12) for b in range(12)
        )  # fmt: skip
        shown = [text.get_text() for text in alone.get_legend().get_texts()]
        assert len([text for text in shown if " to " in text]) == 5


def test_without_a_list_they_are_left_out_and_the_tests_are_there(study):
    text = "\n".join(s for s in STUDY.splitlines() if not s.startswith(("tables", "figures")))
    study.write_text(text, encoding="utf-8")
    job = open_job(study)
    assert "diagnostics" in job.tables
    assert not {"correlations", "definitions"} & set(job.tables)
    assert not {"block_matrix", "flows", "autocorrelation", "spectra"} & set(job.figures)
    assert not {"emitted", "received"} & set(job.figures)


def test_figures_and_tables_that_cannot_be_made_say_what_they_need(study):
    study.write_text(
        STUDY.replace('tables = ["descriptives",', 'tables = ["definitions",'), encoding="utf-8"
    )
    with pytest.raises(ss.ConfigError, match=r'"definitions", which needs a codebook: dataset ='):
        _ = open_job(study).tables
    study.write_text(ASKED.replace('blocks = ["side"]\n', ""), encoding="utf-8")
    with pytest.raises(ss.ConfigError, match=r'figures has "block_matrix", which needs a grouping'):
        _ = open_job(study).figures


def test_flows_between_many_blocks_are_refused_before_anything_is_drawn(study, monkeypatch):
    from spatialsyn.report.atlas import flows

    monkeypatch.setattr(flows, "BLOCKS", 1)
    study.write_text(ASKED, encoding="utf-8")
    with pytest.raises(
        ss.ConfigError, match=r'"flows", which needs a grouping of 1 blocks at most'
    ):
        _ = open_job(study).figures


def test_autocorrelation_is_that_of_the_outcome_as_the_formula_makes_it(study):
    from spatialsyn.studyfile.figures import FIGURES, outcome

    study.write_text(ASKED.replace("y ~ index + size", "diff(y) ~ index + size"), encoding="utf-8")
    job = open_job(study)
    ax = FIGURES["autocorrelation"](job)["autocorrelation_geo"].axes[0]
    line = next(line for line in ax.get_lines() if line.get_gid() == "value")
    y, W = outcome(job), job.weights["geo"].sparse.toarray()
    assert list(line.get_xdata()) == list(y.columns) == list(range(2002, 2008))
    e = y - y.mean()
    moran = [float(v @ W @ v / (v @ v)) for v in e.to_numpy().T]
    np.testing.assert_allclose(line.get_ydata(), moran)


def test_definitions_are_those_of_the_raw_columns_behind_the_main_model():
    from spatialsyn.studyfile.output import TABLES

    job = open_job(MAIN)
    printed = list(TABLES["definitions"](job).frame["variable"])
    assert {"employment", "employment_it", "digital_finance", "gdp", "loans"} <= set(printed)
    assert not {"va", "synergy", "mobile_subs"} & set(printed)


def test_a_main_model_without_weights_is_tested_with_the_only_matrix(study):
    from spatialsyn.studyfile.output import TABLES

    plain = STUDY.replace('family = "sdm"', 'family = "ols"').replace('W = "geo"\n', "")
    plain = plain[: plain.index("[weights.eco]")] + plain[plain.index("[models.main]") :]
    plain = plain[: plain.index("[sweep]")] + plain[plain.index("[report]") :]
    study.write_text(plain.replace('"sweep", ', ""), encoding="utf-8")
    rows = TABLES["diagnostics"](open_job(study)).frame.set_index("test")
    assert np.isfinite(rows.loc["LM lag", "statistic"])


def test_labels_that_nothing_in_the_study_is_called_are_refused(study, tmp_path):
    labels = '[report.labels]\nindex = "Index"\neast = "East"\neco = "Income"\nindx = "Index"\n'
    study.write_text(f"{STUDY}\n{labels}", encoding="utf-8")
    with pytest.raises(ss.ConfigError, match=r"\[report.labels\] names 'indx', .*'index', 'size'"):
        run(study, tmp_path / "out", say=lambda _: None)
    assert not (tmp_path / "out").exists()
    study.write_text(f"{STUDY}\n{labels}".replace('indx = "Index"\n', ""), encoding="utf-8")
    folder = run(study, tmp_path / "out", say=lambda _: None)
    assert "Index" in (folder / "tables" / "models.md").read_text(encoding="utf-8")


def test_a_matrix_called_like_a_path_is_drawn_in_the_folder_of_figures(tmp_path):
    """Its name was part of the path as it stood, and `..` led out of the folder."""
    study = written(tmp_path)
    lines = {
        "[weights.eco]": '[weights."../../eco"]',
        'W = ["geo", "eco"]': 'W = ["geo", "../../eco"]',
    }
    text = STUDY
    for before, after in lines.items():
        text = text.replace(before, after)
    figures = text.replace('figures = ["blocks", "effects", "study_area"]', 'figures = ["weights"]')
    study.write_text(figures, encoding="utf-8")
    run(study, tmp_path / "out", say=lambda line: None)
    drawn = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {
        f"{n}.{f}" for n in ("weights", "weights_geo", "weights_eco") for f in ("pdf", "png")
    }


def test_matrices_that_would_write_the_same_figure_are_refused(tmp_path):
    study = written(tmp_path)
    more = '[weights."geo!"]\nkind = "knn"\nk = 2\n'
    study.write_text(STUDY + more, encoding="utf-8")
    with pytest.raises(ss.ConfigError, match="weights 'geo' and 'geo!' would write the same files"):
        open_job(study)


def test_maps_of_effects_print_the_labels_of_blocks(tmp_path):
    """The study area printed them, and the border of the same blocks did not."""
    study = written(tmp_path)
    drawn = '["emitted_received", "emitted"]'
    text = STUDY.replace('["blocks", "effects", "study_area"]', drawn)
    text += 'labels = { east = "the coast", west = "inland" }\n'
    study.write_text(text, encoding="utf-8")
    job = open_job(study)
    job.check()
    for name in ("emitted_received", "emitted"):
        for figure in FIGURES[name](job).values():
            printed = [text.get_text() for text in theme.texts(theme.figure_of(figure))]
            assert "border of the coast and inland" in printed


def test_all_parts_of_a_shapefile_are_inputs(tmp_path):
    path = written(tmp_path)
    gpd.read_file(tmp_path / "cities.geojson").to_file(tmp_path / "cities.shp")
    path.write_text(STUDY.replace("cities.geojson", "cities.shp"), encoding="utf-8")
    found = inputs(open_job(path))
    assert set(found) == {*(f"cities.{part}" for part in ("cpg", "dbf", "prj", "shp", "shx")),
                          "panel.csv"}  # fmt: skip
