"""Every measure of a panel is reachable from a study file, and its sources are known there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.measures import MEASURES, TABULATED
from spatialsyn.studyfile.output import raw_columns
from spatialsyn.studyfile.sections import build_panel, read_study

# One section per kind, on the embedded panel.
SECTIONS = {
    "centrality": 'flows = "flows.csv"\nmeasure = "strength"\ndirection = "in"',
    "coagglomeration": 'a = "employment_it"\nb = "employment_scitech"\nwhole = "employment"\ndepth = true',
    "collaborative_innovation": 'joint = "employment_scitech"\nper = "employment"\nlevel = "patent"',
    "composite": 'indicators = { gdp = "+", employment = "-" }\nmethod = ["entropy", "critic"]\nover = [2011, 2012]\naggregation = "topsis"',
    "composite_synergy": 'subsystems = { one = ["gdp"], two = { loans = "-" } }\nbase = "adjacent"',
    "coupling": 'subsystems = { one = "gdp", two = ["loans", "deposits"] }\norigin = "zero"\nover = "year"',
    "grey_relational": 'reference = "gdp"\nothers = ["loans", "deposits"]',
    "herfindahl": 'parts = ["employment_it", "employment_construction"]',
    "location_quotient": 'part = "employment_it"\nwhole = "employment"',
    "network_externality": 'users = "digital_finance"',
    "penetration": 'users = "employment"\npopulation = "population"\nthreshold = 0.2',
    "price_segmentation": 'goods = ["average_wage", "gdp_per_capita"]',
    "ratio": 'numerator = "loans"\ndenominator = "gdp"',
    "small_firms": 'small = "employment_it"\nper = "employment"\nlevel = "employment"',
    "spillover_index": 'column = "employment_it"\ndecay = 0.01',
    "transaction_cost": 'costs = ["employment_finance", "employment_wholesale_retail"]\nper = "employment"\nlevel = "sector"',
}  # fmt: skip
TABLES = {
    "coagglomeration_pairs": 'industries = ["employment_it", "employment_scitech"]\nwhole = "employment"',
    "disparity": 'column = "new_ratio"\nweight = "population"\nby = "region"',
    "ellison_glaeser": 'industries = ["employment_it"]\nwhole = "employment"\nplants = { employment_it = 0.01 }',
    "haken": 'q1 = "digital_finance"\nq2 = "urbanization"',
    "network_density": 'flows = "flows.csv"\nthreshold = 200.0',
}  # fmt: skip
HEAD = '[panel]\ndataset = "guangdong"\n'
TAIL = '[models.m]\nfamily = "ols"\nformula = "log(gdp) ~ log(loans)"\n'


def written(folder: Path, *sections: str) -> Path:
    path = folder / "study.toml"
    path.write_text("\n".join([HEAD, *sections, TAIL]), encoding="utf-8")
    ids = ss.datasets.guangdong().ids
    pairs = [(a, b, 1.0 + i) for i, a in enumerate(ids) for b in ids if a != b]
    table = pd.DataFrame(pairs, columns=["origin", "destination", "flow"])
    table.to_csv(folder / "flows.csv", index=False)
    return path


def test_every_kind_has_a_section_here():
    assert set(SECTIONS) == set(MEASURES)
    assert set(TABLES) == set(TABULATED)


def test_tables_are_written_and_may_use_every_column(tmp_path):
    """The table of a measure that stands further down in the file, too."""
    tables = [f'[measures.{k}]\nkind = "{k}"\n{v}\n' for k, v in TABLES.items()]
    ratio = f'[measures.new_ratio]\nkind = "ratio"\n{SECTIONS["ratio"]}\n'
    report = '[report]\ntables = ["main"]\nfigures = []\n'
    path = written(tmp_path, *tables, ratio, report)
    assert tuple(open_job(path).measures) == tuple(TABLES)
    folder = run(path, tmp_path / "out", say=lambda _: None)
    for kind in TABULATED:
        assert len(pd.read_csv(folder / "results" / f"measure_{kind}.csv")) > 0
    plain = ss.datasets.guangdong()
    plain = plain.assign(r=ss.measures.ratio(plain, "loans", "gdp"))
    expected = ss.measures.disparity(plain, "r", "population", "region").table
    found = pd.read_csv(folder / "results" / "measure_disparity.csv", index_col="year")
    assert_allclose(found, expected)
    assert not set(TABLES) & set(pd.read_csv(folder / "results" / "panel.csv"))


def test_tables_that_would_write_the_same_file_are_refused(tmp_path):
    sections = [
        f'[measures.{name}]\nkind = "haken"\n{TABLES["haken"]}\n' for name in ('"a-1"', "a_1")
    ]
    with pytest.raises(ss.ConfigError, match="the measures 'a-1' and 'a_1' would write the same"):
        read_study(written(tmp_path, *sections))


@pytest.mark.filterwarnings("ignore:the spillover index")
def test_every_kind_makes_columns(tmp_path):
    path = written(
        tmp_path, *(f'[measures.new_{k}]\nkind = "{k}"\n{v}\n' for k, v in SECTIONS.items())
    )
    panel = build_panel(read_study(path), tmp_path)
    for kind in SECTIONS:
        assert panel.frame[f"new_{kind}"].notna().any(), kind
    assert {"new_coupling_C", "new_coupling_T"} <= set(panel.frame)
    flows_in = panel.at(2011)["new_centrality"]
    assert_allclose(flows_in, sum(range(1, 22)) - np.arange(1, 22))
    plain = ss.datasets.guangdong()
    frozen = ss.measures.composite(
        plain, {"gdp": 1, "employment": -1}, ["entropy", "critic"], over=[2011, 2012], aggregation="topsis"
    )  # fmt: skip
    assert_allclose(panel.frame["new_composite"], frozen.score)


def test_the_sources_of_every_kind_are_known(tmp_path):
    path = written(
        tmp_path, *(f'[measures.new_{k}]\nkind = "{k}"\n{v}\n' for k, v in SECTIONS.items())
    )
    job = open_job(path)
    found = {kind: raw_columns(job, f"new_{kind}") for kind in SECTIONS}
    assert found["coagglomeration"] == ({"employment_it", "employment_scitech"}, {"employment"})
    assert found["composite_synergy"] == ({"gdp", "loans"}, set())
    assert found["transaction_cost"][1] == {"employment"}
    assert found["grey_relational"][0] == {"gdp", "loans", "deposits"}
    assert found["centrality"] == ({"flows.csv"}, set())
    assert all(counted for counted, _ in found.values())
    columns = set(ss.datasets.guangdong().frame) | {"flows.csv"}
    assert all(counted | scaled <= columns for counted, scaled in found.values())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('kind = "centrality"\nflows = "absent.csv"', r"\[measures.x\] cannot read flows = 'absent.csv'"),
        ('kind = "centrality"', r"\[measures.x\] centrality needs 'flows'; it has 'direction', 'flows'"),
        ('kind = "variation"\ncolumn = "gdp"', r"kind = 'variation' is not one of 'centrality', 'coagglomeration'"),
        ('kind = "spillover_index"\ncolumn = "gdp"\ndecay = 0.1\ndistances = "km"', r"spillover_index has no 'distances'"),
        ('kind = "transaction_cost"\ncosts = "loans"\nper = "gdp"\nlevel = "macro"', r"\[measures.x\] level='macro'"),
        ('kind = "composite"\nindicators = { gdp = "+" }\nover = [1990]', r"\[measures.x\] over=\[1990\]"),
    ],
)  # fmt: skip
def test_a_wrong_section_is_refused_by_name(tmp_path, section, message):
    path = written(tmp_path, f"[measures.x]\n{section}\n")
    with pytest.raises(ss.SpatialsynError, match=message):
        build_panel(read_study(path), tmp_path)


def test_a_spillover_index_needs_polygons(tmp_path):
    frame = ss.datasets.guangdong().frame.reset_index()
    frame.to_csv(tmp_path / "panel.csv", index=False)
    path = written(
        tmp_path, '[measures.x]\nkind = "spillover_index"\ncolumn = "gdp"\ndecay = 0.1\n'
    )
    text = path.read_text().replace('dataset = "guangdong"', 'table = "panel.csv"\ncity = "city"')
    path.write_text(text)
    with pytest.raises(ss.ConfigError, match=r"\[measures.x\] needs polygons"):
        build_panel(read_study(path), tmp_path)


def test_a_measure_may_not_make_a_column_that_exists(tmp_path):
    first = '[measures.s_C]\nkind = "ratio"\nnumerator = "loans"\ndenominator = "gdp"\n'
    second = '[measures.s]\nkind = "coupling"\nsubsystems = { a = "gdp", b = "loans" }\n'
    path = written(tmp_path, first, second)
    with pytest.raises(ss.ConfigError, match=r"\[measures.s\] has the name of a column .*: 's_C'"):
        build_panel(read_study(path), tmp_path)
