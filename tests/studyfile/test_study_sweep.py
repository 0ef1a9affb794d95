"""A [sweep] varies all that a model of a study file has, and a [grid] all that `ss.grid` takes."""

from __future__ import annotations

import inspect

import pytest
from study_file import STUDY

import spatialsyn as ss
from spatialsyn.studyfile.grid import GridSection
from spatialsyn.studyfile.job import open_job
from spatialsyn.studyfile.sections import grid_of, models, read_study

BASE = ss.sdm("y ~ index + size", W="geo", fixed_effects="twoways")


def swept(study, lines):
    """The models of a [sweep] of these lines."""
    study.write_text(STUDY.replace('W = ["geo", "eco"]', lines), encoding="utf-8")
    made = models(read_study(study))
    return {name: model for name, model in made.items() if name != "main"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "lag_y = [false, true]",
            {"main: no lag_y": BASE, "main: lag_y": BASE.but(lag_y=True)},
        ),
        (
            "lag_wy = [false, true]",
            {"main: no lag_wy": BASE, "main: lag_wy": BASE.but(lag_wy=True)},
        ),
        (
            'W = ["geo", ["geo", "eco"], { wy = "geo", wx = "eco" }]',
            {
                "main: geo": BASE,
                "main: geo + eco": BASE.but(W=["geo", "eco"]),
                "main: wy geo wx eco": BASE.but(W={"wy": "geo", "wx": "eco"}),
            },
        ),
        (
            'random = ["none", "individual"]\nfixed_effects = ["none"]',
            {
                "main: no random, none": BASE.but(fixed_effects="none"),
                "main: individual, none": BASE.but(fixed_effects="none", random="individual"),
            },
        ),
        (
            'regimes = ["none", "side", { grouping = "side", rho = true }]',
            {
                "main: no regimes": BASE,
                "main: side": BASE.but(regimes="side"),
                "main: grouping side rho": BASE.but(regimes=ss.regimes("side", rho=True)),
            },
        ),
    ],
)
def test_a_field_takes_what_it_takes_in_a_model(study, lines, expected):
    assert swept(study, lines) == expected


def test_a_sweep_over_lags_in_time_is_estimated(study):
    swept(study, "lag_y = [false, true]")
    job = open_job(study)
    job.check_columns()
    assert "tau" in job.fit("main: lag_y").params.index
    assert "tau" not in job.fit("main: no lag_y").params.index


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("lag_y = true", r"\[sweep\] varies lists of .*lag_y = \[false, true\]"),
        ("lag_y = []", r"\[sweep\] varies lists of"),
        ("lag_y = [0, 1]", r"\[sweep\] lag_y = \[0, 1\]: give true and false"),
        ('lag_y = ["true"]', r"\[sweep\] lag_y = \['true'\]: give true and false"),
        ('formula = ["y ~ x"]', r"\[sweep\] varies lists of"),
        ('W = ["geo", "geo"]', r"\[sweep\] has 'main: geo' twice"),
        ('W = ["geo", ["geo", "sea"]]', r"\[sweep\] names the unknown weights 'sea'"),
        ("fixed_effects = [1]", r"\[sweep\] main: 1: fixed_effects=1 is not one of 'none'"),
        ('family = ["sdm", "ols"]', r"\[sweep\] main: ols: ols has no spatial lag"),
    ],
)
def test_what_is_no_sweep_says_so(study, lines, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        swept(study, lines)


def test_a_grid_in_a_file_has_the_axes_of_the_function():
    """A swap is called by what it does; `x` of a study file is the regressor of its report."""
    axes = set(inspect.signature(ss.grid).parameters) - {"model", "x"}
    assert set(GridSection.model_fields) - {"of", "swap"} == axes


def test_blocks_of_a_grid_take_all_that_regimes_take(study):
    lines = 'of = "main"\nblocks = ["none", "side", { grouping = "side", rho = true }]\n'
    study.write_text(STUDY.replace("[report]", f"[grid]\n{lines}\n[report]"), encoding="utf-8")
    with_rho = ss.regimes("side", rho=True)
    made = grid_of(read_study(study))
    assert made == ss.grid(BASE, blocks=[None, "side", with_rho])
    assert list(made) == ["one regime", "by side", "by side (rho)"]
    assert made["by side (rho)"].model == BASE.but(regimes=with_rho)
    open_job(study).check_columns()
    text = study.read_text("utf-8").replace('{ grouping = "side",', '{ grouping = "seid",')
    study.write_text(text, encoding="utf-8")
    with pytest.raises(ss.ConfigError, match=r"\[grid\] blocks: 'seid' is not a grouping"):
        open_job(study).check_columns()
