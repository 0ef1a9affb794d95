"""A study whose flows are endogenous: what distance predicts stands in for them."""

from __future__ import annotations

import pytest
from test_study_weights import base, flows, folder, study  # noqa: F401

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job

SECTIONS = """
[weights.dig]
kind = "flows"
table = "flows.csv"
base_years = [2001]

[weights.hat]
kind = "predicted_flows"
of = "dig"
mass = "users"
base_years = [2001, 2002]
standardize = "row"

[models.moved]
family = "sar"
formula = "y ~ x + users"
W = "dig"
estimator = "2sls"
instrument_W = { dig = "hat" }
"""


def test_flows_and_what_stands_in_for_them_are_those_of_python(folder):  # noqa: F811
    job = open_job(study(folder, SECTIONS, "dig"))
    observed = flows(name="dig")
    hat = ss.weights.predicted_flows(observed, base(job.panel, "users"), job.panel.cities)
    assert job.weights["hat"].hash == hat.standardize("row").hash
    assert job.weights["hat"].recipe["of"] == "dig"
    model = job.models["moved"]
    assert model.instrument_W == (("dig", "hat"),)
    assert model.weights_names == ("dig", "hat")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('of = "dig"\n', 'of = "dog"\n', r"\[weights.hat\] needs of = weights named further up"),
        ('mass = "users"\n', "", r"\[weights.hat\] needs mass = the name of a column"),
        ('{ dig = "hat" }', '{ dog = "hat" }', r"instrument_W has 'dog', and the matrices of this"),
    ],
)
def test_what_is_missing_is_named(folder, old, new, message):  # noqa: F811
    path = study(folder, SECTIONS.replace(old, new), "dig")
    with pytest.raises(ss.SpatialsynError, match=message):
        _ = (job := open_job(path)).weights, job.models


GRID = """
[weights.eco]
kind = "gravity"
mass = "size"
base_years = [2001]
standardize = "row"

[grid]
of = "moved"
W = ["dig", "eco"]
instrument_W = { eco = "hat" }
"""


def test_a_grid_names_what_stands_in_for_its_other_matrices(folder):  # noqa: F811
    job = open_job(study(folder, SECTIONS + GRID, "dig"))
    assert job.grid is not None
    made = {name: one.model.instrument_W for name, one in job.grid.models.items()}
    assert made == {"dig": (("dig", "hat"),), "eco": (("eco", "hat"),)}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("", r"\[grid\] nothing stands in for W='eco', while W\[dig\] is endogenous"),
        ('instrument_W = { eco = "hut" }', r"\[grid\] names the unknown weights 'hut'; the study"),
    ],
)
def test_what_a_grid_lacks_is_named(folder, new, message):  # noqa: F811
    text = SECTIONS + GRID.replace('instrument_W = { eco = "hat" }', new)
    with pytest.raises(ss.SpatialsynError, match=message):
        open_job(study(folder, text, "dig"))
