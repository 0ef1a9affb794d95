"""What is wrong in a study file is told with the section it stands in, and once."""

from __future__ import annotations

import pandas as pd
import pytest
from study_file import STUDY

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job
from spatialsyn.studyfile.sections import read_study

EFFECTS = 'fixed_effects = "twoways"'


def changed(study, old, new):
    assert old in STUDY
    study.write_text(STUDY.replace(old, new), encoding="utf-8")
    return study


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('W = "geo"\nf', "W = 3\nf", "1 fault:\n  [models.main] W: Input should be a valid string, or a valid list, or a valid dictionary; got 3"),
        (EFFECTS, f"{EFFECTS}\ncov = true", "1 fault:\n  [models.main] cov: Input should be a valid string, or a valid dictionary; got True"),
        (EFFECTS, f"{EFFECTS}\nlag_wy = 3", "1 fault:\n  [models.main] lag_wy: Input should be a valid boolean, or a valid string, or a valid list; got 3"),
        ("[models.main]", "[models.str]\ncov = 3", "[models.str] cov: Input should be a valid string, or a valid dictionary; got 3"),
        (EFFECTS, f"{EFFECTS}\nlagy = true", "1 fault:\n  [models.main] lagy: there is no such key; there are 'family', 'formula', 'W',"),
        ("[report]", '[report]\nxs = "a"\nlanguage = "cn"', "2 faults:\n  [report] language: Input should be 'en' or 'zh'; got 'cn'\n  [report] xs: there is no such key"),
        ("[models.main]", "[model.main]", "2 faults:\n  [top level] models: Field required\n  [top level] model: there is no such key; there are 'panel',"),
        ('kind = "contiguity"\n', "", "[weights.geo] needs kind = one of 'contiguity', 'knn', 'distance_band'"),
        ('kind = "contiguity"', 'kind = "distance_band"', "[weights.geo] distance_band needs 'cutoff'; it has 'cutoff', 'isolates', 'kind'"),
        ('kind = "composite"\n', 'kind = "herfindahl"\n', "[measures.index] herfindahl has no 'indicators'; it has"),
        ('kind = "composite"\nindicators = { x = "+", z = "-" }', 'kind = "ratio"\nnumerator = "x"', "[measures.index] ratio needs 'denominator'; it has"),
    ],
)  # fmt: skip
def test_a_value_of_no_kind_is_one_fault(study, old, new, said):
    with pytest.raises(ss.ConfigError) as refused:
        read_study(changed(study, old, new))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        (EFFECTS, f'{EFFECTS}\ncov = "robust"', "main", r"^\[models.main\] cov=\"robust\": where var"),
        (EFFECTS, f"{EFFECTS}\nyears = [2005, 2001]", "main", r"^\[models.main\] years = .* run back"),
        (EFFECTS, f"{EFFECTS}\nyears = [2050, 2051]", "main", r"^\[models.main\] the panel has no years"),
        ("y ~ index + size", "y ~ index + {2 * index}", "main: eco", r"^\[sweep\] main: eco: .* is a linear"),
        ('city = "id"', 'city = "id"\nyears = [1990, 1991]', "main", r"^\[panel\] the panel has no years 1990"),
        ('values = "size"', 'values = "sise"', "main", r"^\[weights.eco\] no column 'sise'"),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_names_its_model(study, old, new, name, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        open_job(changed(study, old, new)).fit(name)


def test_years_that_a_grid_drops_are_told_as_those_of_the_grid(study):
    grid = '[grid]\nof = "main"\ndrop_years = [2050]\n\n[report]'
    with pytest.raises(ss.PanelError, match=r"^\[grid\] drop_years names 2050; the panel has"):
        _ = open_job(changed(study, "[report]", grid)).grid


def test_flows_of_a_measure_may_be_in_gbk(tmp_path, study):
    """Excel writes tables so in China; a column in Chinese does not stop the reading."""
    ids = [f"k{i:02d}" for i in range(12)]
    pairs = [(i, j, a + 2 * b + 1) for a, i in enumerate(ids) for b, j in enumerate(ids) if i != j]
    flows = pd.DataFrame(pairs, columns=["origin", "destination", "flow"])
    text = STUDY.replace("[weights.geo]", '[measures.hub]\nkind = "centrality"\nflows = "flows.csv"\n\n[weights.geo]')  # fmt: skip
    study.write_text(text, encoding="utf-8")
    made = []
    for encoding in ("utf-8", "gbk"):
        note = flows.assign(备注="流量")
        note.to_csv(tmp_path / "flows.csv", index=False, encoding=encoding)
        made.append(open_job(study).source.frame["hub"])
    assert made[0].equals(made[1])
