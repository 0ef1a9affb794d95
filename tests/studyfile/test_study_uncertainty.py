"""The [index_uncertainty] of a study file is the call of ss.index_uncertainty."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import spatialsyn as ss
from spatialsyn.studyfile import job as job_of_a_study
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.sections import read_study

SECTION = """
[index_uncertainty]
of = "main"
indices = "index"
redraw = "weights"
draws = 100
seed = 3
"""


def with_section(study, section=SECTION, *changes):
    text = study.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text + section
        text, section = text.replace(old, new), section.replace(old, new)
    study.write_text(text + section, encoding="utf-8")
    return study


def test_the_section_is_the_call_on_the_years_of_the_model(study):
    job = open_job(
        with_section(study, SECTION, ('family = "sdm"', 'family = "sdm"\nyears = [2002, 2007]'))
    )
    panel = job.source
    index = ss.measures.composite(panel, {"x": "+", "z": "-"})
    made = ss.index_uncertainty(
        ss.sdm("y ~ index + size", W="geo", fixed_effects="twoways"),
        panel.subset(years=range(2002, 2008)), job.weights["geo"],
        {"index": index.redrawn("weights", draws=100, seed=3)},
    )  # fmt: skip
    assert job.uncertainty is not None
    assert_frame_equal(job.uncertainty.table, made.table, rtol=1e-10)
    assert_frame_equal(job.uncertainty.parameters, made.parameters, rtol=1e-10)


def test_a_run_writes_what_was_found_and_the_seed(study, tmp_path):
    lists = [
        ('tables = ["descriptives", "models", "effects", "blocks", "cities", "weights", "sweep", "main"]',
         "tables = []"),
        ('figures = ["blocks", "effects", "study_area"]', "figures = []"),
    ]  # fmt: skip
    path, said = with_section(study, SECTION, *lists), []
    folder = run(path, tmp_path / "out", said.append)
    assert "indices    index: weights drawn anew, 100 draws, seed 3" in said
    effects = pd.read_csv(folder / "results" / "index_effects.csv")
    assert_frame_equal(effects, open_job(path).uncertainty.table, rtol=1e-9)
    assert (folder / "results" / "index_parameters.csv").is_file()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seeds"] == {"index_uncertainty": 3}


def test_a_study_without_the_section_has_none(study):
    assert open_job(study).uncertainty is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "times = 3",
         r"\[index_uncertainty\] times: there is no such key; there are 'of', 'indices', 'redraw'"),
        ('redraw = "weights"', 'redraw = "names"', "should be 'indicators' or 'weights'"),
        ('of = "main"\nindices', 'of = "mani"\nindices', r"needs of = one of 'main'; got 'mani'"),
        ('indices = "index"', 'indices = ["index", "size"]',
         r"indices = 'size': these are measures that main reads, .* it reads 'index'"),
        ('indices = "index"', "indices = []", "indices = none: these are measures that main reads"),
        ('family = "sdm"', 'family = "sdm"\nmissing = "balance"', "has missing = 'balance': it is"),
    ],
)  # fmt: skip
def test_what_the_section_cannot_mean_is_refused_when_the_file_is_read(study, old, new, message):
    with pytest.raises(ss.ConfigError, match=message):
        read_study(with_section(study, SECTION, (old, new)))


def test_what_cannot_be_drawn_is_refused_before_anything_is_estimated(study, monkeypatch):
    monkeypatch.setattr(job_of_a_study, "fit", lambda *_: pytest.fail("a model was estimated"))
    job = open_job(with_section(study, SECTION, ('redraw = "weights"', 'redraw = "indicators"')))
    with pytest.raises(ss.PanelError, match=r"\[index_uncertainty\] 2 indicators drawn with"):
        job.check_columns()
