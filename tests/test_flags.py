"""What only looks like an answer is refused: a text for True, no years for base years.

Texts other than "" count as true in Python, so that ``modified = "false"`` of a study file
chose the modified coupling degree and ``rook = "no"`` rook contiguity, in silence.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job

PANEL = ss.datasets.guangdong()
GDP = PANEL.mean("gdp", years=(2011, 2012))
PLAIN = pd.Series(GDP.to_numpy(), index=GDP.index, name="gdp")
PARTS = {"a": ["employment_construction"], "b": ["industrial_firms"]}
SERVICES = ("employment_it", "employment_finance")

measures, weights = ss.measures, ss.weights
FLAGS = {
    "modified": lambda flag: measures.coupling(PANEL, PARTS, origin="zero", modified=flag).D,
    "depth": lambda flag: measures.coagglomeration(PANEL, *SERVICES, "employment", depth=flag),
    "kink": lambda flag: measures.penetration(PANEL, "loans", "deposits", 0.6, kink=flag),
    "rook": lambda flag: weights.contiguity(PANEL.cities, rook=flag).hash,
    "up_to": lambda flag: weights.contiguity(PANEL.cities, order=2, up_to=flag).hash,
    "directed": lambda flag: weights.gravity(GDP, PANEL.cities, directed=flag).hash,
}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", ["false", 0, None])
def test_what_is_neither_true_nor_false_is_no_flag(name, value):
    with pytest.raises(ss.SpatialsynError, match=f"{name} is True or False; got"):
        FLAGS[name](value)


@pytest.mark.parametrize("name", FLAGS)
def test_flags_of_numpy_are_flags(name):
    assert np.all(FLAGS[name](np.bool_(True)) == FLAGS[name](True))


def test_a_study_file_says_which_section_has_a_text_for_a_flag(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        """
        [panel]
        dataset = "guangdong"
        [measures.synergy]
        kind = "coupling"
        modified = "false"
        subsystems = { a = ["employment_construction"], b = ["industrial_firms"] }
        [models.main]
        family = "ols"
        formula = "synergy ~ urbanization"
        """
    )
    with pytest.raises(
        ss.SpatialsynError, match=r"\[measures\.synergy\] modified is True or False"
    ):
        _ = open_job(study).panel


@pytest.mark.parametrize("years", [(), [], 2011.5, (2011, 2012.5)])
def test_base_years_are_whole_years_and_at_least_one(years):
    """No years at all passed for base years, and 2011.5 for 2011."""
    with pytest.raises(ss.WeightsError, match="give one or more whole years"):
        weights.gap(PLAIN, base_years=years)


@pytest.mark.parametrize("years", [2011, 2011.0, np.int64(2011), (2011,)])
def test_a_year_may_be_any_whole_number(years):
    assert weights.gap(PLAIN, base_years=years).base_years == (2011,)


@pytest.mark.parametrize(
    "call",
    [
        lambda table: measures.location_quotient(table, "employment_it", "employment"),
        lambda table: measures.ratio(table, "loans", "gdp"),
        lambda table: measures.composite(table, {"gdp": 1}),
        lambda table: measures.composite_synergy(table, PARTS),
        lambda table: measures.grey_relational(table, "gdp", ["loans"]),
        lambda table: measures.haken(table, "gdp", "loans"),
        lambda table: measures.disparity(table, "gdp"),
        lambda table: measures.price_segmentation(table, ["gdp", "loans"]),
        lambda table: measures.centrality(table, pd.DataFrame()),
        lambda table: measures.network_density(table, pd.DataFrame()),
        lambda table: measures.ellison_glaeser(table, ["loans"], "gdp", {"loans": 0.1}),
        lambda table: ss.beta_convergence(table, "gdp"),
    ],
)
def test_the_table_of_a_panel_is_no_panel(call):
    with pytest.raises(ss.PanelError, match=r"need.? a panel.*got DataFrame"):
        call(PANEL.frame)


@pytest.mark.parametrize("parts", [None, 2.5])
def test_columns_are_named(parts):
    with pytest.raises(ss.PanelError, match="columns are named, one or several"):
        measures.herfindahl(PANEL, parts)


def test_controls_are_a_text():
    with pytest.raises(ss.ModelError, match="controls is a text"):
        ss.beta_convergence(PANEL, "gdp_per_capita", controls=-1)


def test_a_panel_without_polygons_says_so_where_they_are_needed():
    bare = ss.CityPanel(PANEL.frame.reset_index(), city="city")
    with pytest.raises(ss.BoundaryError, match=r"NoneType.*CityPanel\(frame, cities=\.\.\.\)"):
        weights.contiguity(bare.cities)


@pytest.mark.parametrize("significance", [0.05, True, "5%", [True] * PANEL.n])
def test_a_level_is_not_what_is_hatched_on_a_map(significance):
    """A level drew a map without hatching: every number looked different from zero."""
    with pytest.raises(ss.ConfigError, match=r"significance is False \(no hatching\) or a"):
        ss.report.map(PANEL.cities, GDP, significance=significance)
