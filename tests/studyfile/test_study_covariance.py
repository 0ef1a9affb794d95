"""Covariances with a choice of their own in a study file: groups of cities, a reach."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job, run

FLAT = '\n[models.flat]\nfamily = "ols"\nformula = "y ~ size"\nfixed_effects = "twoways"\n'
CLUSTER = 'cov = { kind = "cluster", by = "zone" }\n'
HAC = 'cov = { kind = "spatial-hac", km = 150 }\n'
ZONES = ["a", "b", "c", "d", "e", "f"] * 2


@pytest.fixture
def zoned(study):
    """The small study, whose cities have six zones beside their two sides."""
    cities = gpd.read_file(study.parent / "cities.geojson")
    cities.assign(zone=ZONES).to_file(study.parent / "cities.geojson")
    text = study.read_text("utf-8").replace('["side"]', '["side", "zone"]')
    study.write_text(text, encoding="utf-8")
    return study


def with_flat(path, lines, more=""):
    head, tail = path.read_text("utf-8").split("\n[sweep]\n")
    path.write_text(f"{head}{FLAT}{lines}\n[sweep]\n{tail}{more}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lines", "call"),
    [(CLUSTER, ("cluster", None, "zone")), (HAC, ("spatial-hac", 150.0))],
)
def test_a_choice_in_a_file_is_that_of_with_cov(zoned, lines, call):
    job = open_job(with_flat(zoned, lines))
    model = ss.ols("y ~ size", fixed_effects="twoways")
    theirs = ss.fit(model, job.panel).with_cov(*call)
    ours = job.fit("flat")
    assert ours.cov_kind == theirs.cov_kind
    assert_frame_equal(ours.cov, theirs.cov)


def test_a_slope_has_the_variance_of_its_scores_summed_by_group(zoned):
    """White's sum over groups, G / (G - 1) of it, with means of cities and years out by hand."""
    job = open_job(with_flat(zoned, CLUSTER))
    y, x = (_centred(job.panel.array(name)) for name in ("y", "size"))
    slope = (x * y).sum() / (x * x).sum()
    scores = pd.Series((x * (y - slope * x)).sum(axis=1)).groupby(ZONES).sum()
    by_hand = np.sqrt(6 / 5 * (scores**2).sum()) / (x * x).sum()
    assert_allclose(job.fit("flat").se["size"], by_hand, rtol=1e-9)


def _centred(values):
    by_year = values - values.mean(axis=0)
    return by_year - by_year.mean(axis=1, keepdims=True)


def test_a_run_writes_what_was_chosen(zoned, tmp_path):
    path = with_flat(zoned, CLUSTER)
    head = path.read_text("utf-8").split("\n[report]\n")[0]
    path.write_text(f'{head}\n[report]\ntables = ["models"]\nfigures = []\n', encoding="utf-8")
    folder = run(path, tmp_path / "out", say=lambda _: None)
    fitted = pd.read_csv(folder / "results" / "flat_fit.csv").iloc[0]
    assert fitted["covariance"] == "cluster, zone"


WRONG = {
    "unknown grouping": (CLUSTER.replace("zone", "zoen"), r"\[models.flat\] cov: 'zoen' is not a grouping; the panel has 'side', 'zone'"),
    "no grouping": ('cov = "cluster"\n', r"\[models.flat\] cov='cluster': write cov = \{ kind = \"cluster\", by = \"region\" \}, a grouping"),
    "a grouping that is none": ('cov = { kind = "cluster", by = 3 }\n', 'write cov = { kind = "cluster", by = "region" }'),
    "no reach": ('cov = { kind = "spatial-hac" }\n', r"write cov = \{ kind = \"spatial-hac\", km = 200 \}, a reach in kilometres"),
    "a reach in words": ('cov = { kind = "spatial-hac", km = "150" }\n', r"write cov = \{ kind = \"spatial-hac\", km = 200 \}"),
    "the choice of the other": ('cov = { kind = "spatial-hac", by = "zone" }\n', r"write cov = \{ kind = \"spatial-hac\", km = 200 \}"),
    "a choice where there is none": ('cov = { kind = "city", km = 150 }\n', r"only 'cluster' and 'spatial-hac' have a choice beside their kind; write cov = \"city\""),
    "no kind": ('cov = { by = "zone" }\n', r"has no kind: write cov = \{ kind = \"cluster\", by = \"region\" \} or cov = \{ kind = \"spatial-hac\", km = 200 \}"),
    "unknown": ('cov = "clusters"\n', r"\[models.flat\] cov='clusters' is not one of 'expected'"),
    "unknown kind": ('cov = { kind = "conley", km = 150 }\n', r"\[models.flat\] cov='conley' is not one of 'expected'"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_covariance_is_said_before_anything_is_estimated(
    zoned, lines, message
):
    with pytest.raises(ss.ConfigError, match=message):
        open_job(with_flat(zoned, lines)).check_columns()


def test_every_model_of_a_grid_has_the_choice_of_the_model_it_varies(zoned, tmp_path):
    grid = '\n[grid]\nof = "flat"\nwinsor = [0, 0.02]\n'
    job = open_job(with_flat(zoned, CLUSTER, grid), {"store": tmp_path / "grid"})
    for name, spec in job.grid.models.items():
        alone = ss.fit(spec.model, job.panel).with_cov("cluster", by="zone")
        se = job.runs[name].parameters.set_index("term")["se"]
        assert_allclose(se, alone.se[se.index], rtol=1e-12)


def test_an_index_drawn_anew_leaves_the_choice(zoned):
    more = (
        '\n[index_uncertainty]\nof = "flat"\nindices = "index"\nredraw = "weights"\ndraws = 100\n'
    )
    path = with_flat(zoned, CLUSTER, more)
    path.write_text(path.read_text("utf-8").replace('"y ~ size"', '"y ~ index"'), encoding="utf-8")
    job = open_job(path)
    alone = ss.fit(ss.ols("y ~ index", fixed_effects="twoways"), job.panel)
    effects = job.uncertainty.table.set_index(["x", "effect"])
    by_zone = alone.with_cov("cluster", by="zone").se["index"]
    assert_allclose(effects.loc[("index", "direct"), "se"], by_zone, rtol=1e-9)


def test_a_sweep_has_the_covariance_of_the_model_it_varies(zoned):
    path = with_flat(zoned, CLUSTER)
    text = path.read_text("utf-8").replace('of = "main"\nW = ["geo", "eco"]', 'of = "flat"\nfixed_effects = ["time", "twoways"]')  # fmt: skip
    path.write_text(text, encoding="utf-8")
    assert open_job(path).fit("flat: time").cov_kind == "cluster, zone"
