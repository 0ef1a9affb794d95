"""Weights in study files: every kind says what the function of ss.weights says."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.sections import WEIGHTS, read_study

W = ss.weights
IDS = [11, 12, 13, 21, 22, 23]
YEARS = range(2001, 2008)
HEAD = """
[panel]
boundaries = "cities.geojson"
table = "panel.csv"
city = "id"
blocks = ["side"]
"""
MODEL = """
[models.main]
family = "slx"
formula = "y ~ x"
W = "{w}"
fixed_effects = "individual"
"""
FLOWS = pd.DataFrame(
    [(i, j, 10 * a + b + 1) for a, i in enumerate(IDS) for b, j in enumerate(IDS) if i != j],
    columns=["origin", "destination", "value"],
)
PLATFORMS = pd.DataFrame(
    [[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0], [0, 0, 1]],
    index=IDS,
    columns=list("pqr"),
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two rows of three cities, seven years, and tables beside them; ids are whole numbers."""
    rng = np.random.default_rng(0)
    shapes = [box(113 + i % 3, 22 + i // 3, 114 + i % 3, 23 + i // 3) for i in range(6)]
    layer = {"id": IDS, "side": ["west", "west", "east"] * 2}
    gpd.GeoDataFrame(layer, geometry=shapes, crs=4326).to_file(tmp_path / "cities.geojson")
    index = pd.MultiIndex.from_product([IDS, YEARS], names=["id", "year"])
    frame = pd.DataFrame(rng.normal(size=(42, 2)), index=index, columns=["y", "x"])
    frame["size"], frame["users"] = np.exp(rng.normal(size=(2, 42)))
    frame.to_csv(tmp_path / "panel.csv")
    FLOWS.assign(year=2001).to_csv(tmp_path / "flows.csv", index=False)
    FLOWS.pivot(index="origin", columns="destination", values="value").to_csv(tmp_path / "time.csv")
    PLATFORMS.to_csv(tmp_path / "platforms.csv")
    W.write(W.flows(FLOWS, base_years=2001), tmp_path / "kept.gwt")
    return tmp_path


def study(folder: Path, sections: str, w: str = "w", more: str = "") -> Path:
    path = folder / "study.toml"
    path.write_text(HEAD + sections + MODEL.format(w=w) + more, encoding="utf-8")
    return path


def flows(**options) -> ss.Weights:
    return W.flows(FLOWS, IDS, base_years=2001, **options)


def base(panel, *columns):
    means = [panel.mean(column, (2001, 2002)) for column in columns]
    if len(columns) == 1:
        return means[0]
    return pd.concat(means, axis=1)


INCIDENCE = 'kind = "comembership"\nincidence = "platforms.csv"\nbase_years = [2001]'
# A section of the file, and the same from Python.
SAME = {
    'kind = "contiguity"\norder = 2\nup_to = true\nlinks = [[11, 23]]': lambda p: W.contiguity(
        p.cities, order=2, up_to=True, links=[(11, 23)]
    ),
    'kind = "knn"\nk = 2\nsymmetric = "max"': lambda p: W.knn(p.cities, 2, symmetric="max"),
    'kind = "distance_band"\ncutoff = 150': lambda p: W.distance_band(p.cities, 150),
    'kind = "inverse_distance"\ncutoff = 50\nisolates = "nearest"': lambda p: W.inverse_distance(
        p.cities, cutoff=50, isolates="nearest"
    ),
    'kind = "kernel"\nfunction = "gaussian"\nbandwidth = 80.0': lambda p: W.kernel(
        p.cities, "gaussian", bandwidth=80
    ),
    'kind = "gap"\nvalues = "size"\nbase_years = [2001, 2002]': lambda p: W.gap(base(p, "size")),
    'kind = "gravity"\nmass = "users"\nbase_years = [2001, 2002]\ndirected = true': lambda p: (
        W.gravity(base(p, "users"), p.cities, directed=True)
    ),
    'kind = "similarity"\nprofile = ["users", "size"]\nbase_years = [2001, 2002]': lambda p: (
        W.similarity(base(p, "users", "size"), base_years=(2001, 2002))
    ),
    'kind = "flows"\ntable = "flows.csv"\nbase_years = [2001]\nreceiver = "origin"': lambda p: (
        flows(receiver="origin")
    ),
    'kind = "travel_time"\ntable = "time.csv"\npower = 2.0': lambda p: W.travel_time(
        FLOWS, IDS, power=2
    ),
    INCIDENCE: lambda p: W.comembership(PLATFORMS, base_years=2001),
    'kind = "read"\npath = "kept.gwt"\nbase_years = [2001]': lambda p: flows(),
}


@pytest.mark.parametrize("section", SAME, ids=lambda text: text.split('"')[1])
def test_a_section_is_the_call_of_its_function(folder, section):
    job = open_job(study(folder, f"[weights.w]\n{section}\nstandardize = 'row'\n"))
    w, same = job.weights["w"], SAME[section](job.panel).standardize("row")
    assert w.hash == same.hash
    assert (w.name, w.ids[0]) == ("w", 11)
    assert w.base_years == same.base_years


def test_a_section_standardises_one_way_after_another(folder):
    section = '[weights.w]\nkind = "contiguity"\nstandardize = ["column", "row"]\n'
    job = open_job(study(folder, section))
    same = W.contiguity(job.panel.cities).standardize("column").standardize("row")
    assert job.weights["w"].hash == same.hash
    assert job.weights["w"].standardizations == "column, then row"


def test_tables_of_a_study_may_be_in_gbk(folder):
    """As Excel writes them in China."""
    path = folder / "platforms.csv"
    PLATFORMS.rename(columns={"p": "淘宝"}).to_csv(path, encoding="gbk")
    job = open_job(study(folder, f"[weights.w]\n{INCIDENCE}\n"))
    assert job.weights["w"].hash == W.comembership(PLATFORMS, base_years=2001).hash
    path.write_bytes(b"id,p\n11,\xff\n")
    with pytest.raises(
        ss.ConfigError, match=r"\[weights.w\] cannot read the table 'platforms.csv'"
    ):
        _ = open_job(job.path).weights


def test_rings_are_matrices_of_their_own(folder):
    section = '[weights.ring]\nkind = "rings"\nedges = [0, 120, 400]\n'
    job = open_job(study(folder, section, w="ring_120_400"))
    assert list(job.weights) == ["ring_0_120", "ring_120_400"]
    same = W.rings(job.panel.cities, [0, 120, 400])
    assert job.weights["ring_0_120"].hash == same["ring_0_120"].hash
    assert "W[ring_120_400]*x" in job.fit("main").params.index


PARTS = """
[weights.geo]
kind = "contiguity"
standardize = "row"

[weights.flow]
kind = "flows"
table = "flows.csv"
base_years = [2001]
standardize = "row"

"""
COMPOSED = {
    'kind = "product"\nof = ["geo", "flow"]': lambda geo, flow, p: W.product(geo, flow),
    'kind = "convex"\nof = ["geo", "flow"]\nshares = [0.25, 0.75]': lambda geo, flow, p: W.convex(
        geo, flow, shares=[0.25, 0.75]
    ),
    'kind = "union"\nof = ["geo", "flow"]': lambda geo, flow, p: W.union(geo, flow),
    'kind = "intersection"\nof = ["geo", "flow"]': lambda geo, flow, p: W.intersection(geo, flow),
    'kind = "conditional"\nof = "flow"\nbeyond = 120': lambda geo, flow, p: W.conditional(
        flow, p.cities, beyond=120
    ),
    'kind = "conditional"\nof = "flow"\nacross = "side"': lambda geo, flow, p: W.conditional(
        flow, across=p.blocks["side"]
    ),
    'kind = "sparsify"\nof = "flow"\nstrongest = 2': lambda geo, flow, p: W.sparsify(
        flow, strongest=2
    ),
}


@pytest.mark.parametrize("section", COMPOSED)
def test_composites_are_made_of_matrices_further_up(folder, section):
    job = open_job(study(folder, f"{PARTS}[weights.w]\n{section}\n"))
    parts = job.weights["geo"], job.weights["flow"]
    assert job.weights["w"].hash == COMPOSED[section](*parts, job.panel).hash


def test_a_series_names_a_matrix_per_year(folder):
    section = '[weights.net]\nkind = "series"\nof = { 2002 = "flow", 2001 = "geo" }\n'
    net = open_job(study(folder, PARTS + section, w="geo")).weights["net"]
    assert isinstance(net, ss.WeightsSeries)
    assert (net.name, net.years) == ("net", (2001, 2002))


def test_every_kind_is_tried_here():
    tried = {text.split('"')[1] for text in (*SAME, *COMPOSED)} | {"rings", "series"}
    assert tried | {"predicted_flows"} == set(WEIGHTS)  # test_study_stand_in has this one


def test_a_run_tells_what_its_weights_share(folder):
    more = '[report]\ntables = ["weights"]\nfigures = ["weights"]\n'
    twin = '[weights.twin]\nkind = "product"\nof = ["geo", "geo"]\nstandardize = "row"\n'
    out = run(study(folder, PARTS + twin, w="geo", more=more), folder / "out", say=lambda _: None)
    text = (out / "tables" / "weights.md").read_text().replace("\\", "")
    assert "Correlation of lags with W[flow]" in text
    assert "Weight between blocks (side)" in text
    assert "W[geo] and W[twin] are alike" in text
    figures = {p.name for p in (out / "figures").glob("*.png")}
    assert figures == {"weights.png", "weights_geo.png", "weights_flow.png", "weights_twin.png"}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('kind = "contiguity"\nbase_years = [2001]', "contiguity has no 'base_years'"),
        ('kind = "contiguity"\nof = ["geo"]', "contiguity has no 'of'; it has"),
        ('kind = "flows"\nids = [11]\ntable = "flows.csv"', "flows has no 'ids'"),
        ('kind = "rings"\nedges = [100]', r"\[weights.w\] .*two kilometres or more"),
        ('kind = "rings"', "rings need two kilometres or more"),
        ("k = 3", r"\[weights.w\] needs kind = one of 'contiguity', 'knn'"),
        ('kind = "knn"', r"\[weights.w\] knn needs 'k'; it has 'k', 'kind', 'standardize', 'sym"),
        (
            'kind = "rings"\nedges = [0, 9]\n[weights.w_0_9]\nkind = "contiguity"',
            "two matrices of the study would be called 'w_0_9'",
        ),
    ],
)
def test_sections_that_are_refused_when_the_file_is_read(folder, section, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        read_study(study(folder, f"[weights.w]\n{section}\n"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            'kind = "flows"\ntable = "flows.csv"',
            r"\[weights.w\] these weights .* do not say of which",
        ),
        ('kind = "flows"\nbase_years = [2001]', "needs table = the name of a file"),
        ('kind = "flows"\ntable = "gone.csv"', "table = 'gone.csv': there is no such file"),
        (
            'kind = "flows"\ntable = "panel.csv"\nbase_years = [2001]',
            "It needs origin, destination",
        ),
        (
            'kind = "gravity"\nmass = ["x"]\nbase_years = [2001]',
            "needs mass = the name of a column",
        ),
        (
            'kind = "similarity"\nprofile = []\nbase_years = [2001]',
            "needs profile = the name of a column",
        ),
        ('kind = "similarity"\nprofile = ["x"]', r"\[weights.w\] needs base_years"),
        (
            'kind = "conditional"\nof = "geo"\nacross = "coast"',
            "'coast' is no grouping; the panel has",
        ),
        (
            'kind = "union"\nof = ["geo", "later"]',
            "It has 'later'; further up there are 'geo', 'flow'",
        ),
        ('kind = "union"', "needs of = weights named further up"),
        ('kind = "series"\nof = ["geo"]', r"needs of = \{ 2011 = "),
        ('kind = "knn"\nk = 9', r"\[weights.w\] k=9: of 6 cities"),
    ],
)
def test_sections_that_are_refused_when_they_are_made(folder, section, message):
    job = open_job(study(folder, f"{PARTS}[weights.w]\n{section}\n"))
    with pytest.raises(ss.SpatialsynError, match=message):
        _ = job.weights
