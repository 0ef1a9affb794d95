"""A covariance with a choice, said once: in fits, studies and their store, jackknife, Monte Carlo."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.testing import assert_allclose
from places import scattered

import spatialsyn as ss
from spatialsyn.cities import geodesy
from spatialsyn.cities import panel as panels
from spatialsyn.models import estimators

ZONES = ["a", "b", "c", "d", "e", "f"] * 2
CLUSTER = {"kind": "cluster", "by": "zone"}
HAC = {"kind": "spatial-hac", "km": 90}
MODEL = ss.ols("y ~ x", fixed_effects="twoways")


def panel_of(places, seed=0):
    """A panel of polygons around places, in six zones."""
    around = shapely.buffer(places.geometry.to_numpy(), 0.01)
    cities = gpd.GeoDataFrame(geometry=around, index=places.index, crs=places.crs)
    index = pd.MultiIndex.from_product([cities.index, range(2001, 2007)], names=["id", "year"])
    frame = pd.DataFrame(np.random.default_rng(seed).normal(size=(72, 2)), index, ["y", "x"])
    panel = ss.CityPanel(frame.reset_index(), city="id", year="year", cities=cities)
    return panel.grouped(zone=pd.Series(ZONES, index=list(cities.index)))


PANEL = panel_of(scattered())


def by_hand(panel):
    """Slope, and its error: sums of scores over groups, with means of cities and years out."""
    y, x = (_centred(panel.array(name)) for name in ("y", "x"))
    slope = (x * y).sum() / (x * x).sum()
    zones = panel.blocks["zone"].loc[list(panel.ids)].to_numpy()
    scores = pd.Series((x * (y - slope * x)).sum(axis=1)).groupby(zones).sum()
    C = len(scores)
    return slope, np.sqrt(C / (C - 1) * (scores**2).sum()) / (x * x).sum()


def _centred(values):
    by_year = values - values.mean(axis=0)
    return by_year - by_year.mean(axis=1, keepdims=True)


def test_a_fit_with_a_grouping_has_the_error_of_sums_over_groups():
    made = ss.fit(MODEL, PANEL, cov=CLUSTER)
    assert_allclose([made.params["x"], made.se["x"]], by_hand(PANEL), rtol=1e-10)
    assert made.cov_kind == "cluster, zone"


def test_a_fit_with_a_reach_is_that_of_with_cov():
    assert_allclose(ss.fit(MODEL, PANEL, cov=HAC).cov, ss.fit(MODEL, PANEL).with_cov(HAC["kind"], km=90).cov)  # fmt: skip


def test_every_model_of_a_study_sums_over_groups():
    models = ss.grid(MODEL, drop_years=[None, 2001, 2006])
    runs = ss.Study(PANEL, None, models, cov=CLUSTER).run()
    for name, spec in runs.models.items():
        kept = [year for year in PANEL.years if year not in spec.drop_years]
        found = runs[name].parameters.set_index("term").loc["x", ["estimate", "se"]]
        assert_allclose(found.astype(float), by_hand(PANEL.subset(years=kept)), rtol=1e-9)


def test_the_store_tells_choices_and_places_apart(tmp_path):
    near = panel_of(scattered(seed=1))
    given = [(PANEL, cov) for cov in (None, "city", CLUSTER, {**CLUSTER, "by": "other"}, HAC, {**HAC, "km": 100})]  # fmt: skip
    studies = [
        ss.Study(panel.grouped(other=panel.blocks["zone"]), None, {"m": MODEL}, cov=cov)
        for panel, cov in [*given, (near, HAC)]
    ]
    for study in studies:
        study.run(tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == len(studies)
    se = [study.run(tmp_path).parameters.set_index("term").loc["x", "se"] for study in studies]
    assert_allclose(se[4:], [ss.fit(MODEL, s.panel, cov=s.cov).se["x"] for s in studies[4:]])
    assert len(set(np.round(se, 9))) == 6  # the two groupings are the same cities


def test_a_panel_without_a_city_sums_over_its_groups():
    made = ss.jackknife(MODEL, PANEL, None, cov=CLUSTER)
    table = made.table.set_index(["without", "effect"])
    for city in PANEL.ids[:3]:
        kept = [i for i in PANEL.ids if i != city]
        found = table.loc[(city, "direct"), ["estimate", "se"]]
        assert_allclose(found.astype(float), by_hand(PANEL.subset(kept)), rtol=1e-9)


def test_panels_drawn_anew_sum_over_groups():
    params = {"x": 1.0, "sigma2": 1.0}
    made = ss.monte_carlo(MODEL, PANEL, None, params, draws=50, cov=CLUSTER)
    panel = ss.simulate(MODEL, PANEL, None, params, np.random.SeedSequence(0, spawn_key=(7,)))
    found = made.draws.query("draw == 7 and quantity == 'parameter'").set_index("term")
    assert_allclose(found.loc["x", ["estimate", "se"]].astype(float), by_hand(panel), rtol=1e-8)


WRONG = {
    "no grouping": ("cluster", r"cov='cluster': write cov=\{'kind': 'cluster', 'by': 'region'\}, a grouping of the panel"),
    "no reach": ("spatial-hac", r"cov='spatial-hac': write cov=\{'kind': 'spatial-hac', 'km': 200\}, a reach in"),
    "the choice of the other": ({"kind": "cluster", "km": 90}, r"write cov=\{'kind': 'cluster', 'by': 'region'\}"),
    "a choice too many": ({**HAC, "by": "zone"}, r"write cov=\{'kind': 'spatial-hac', 'km': 200\}"),
    "a Series": ({"kind": "cluster", "by": pd.Series(ZONES)}, r"^cov has a Series as by, .* name: panel.grouped\(region=...\), and cov=\{'kind': 'cluster', 'by': 'region'\}\. "),
    "none beside it": ({"kind": "city", "by": "zone"}, "only 'cluster' and 'spatial-hac' have a choice beside their kind; write cov='city'"),
    "no kind": ({"by": "zone"}, r"has no kind: write cov=\{'kind': 'cluster', 'by': 'region'\} or cov=\{'kind': 'spatial-hac', 'km': 200\}"),
    "its name as the key": ({"cluster": "zone"}, r"has no kind: write cov=\{'kind': 'cluster', 'by': 'region'\} or"),
    "no number": ({"kind": "spatial-hac", "km": np.nan}, r"write cov=\{'kind': 'spatial-hac', 'km': 200\}"),
    "unknown": ({"kind": "conley", "km": 3}, "cov='conley' is not one of 'expected'"),
    "unknown grouping": ({"kind": "cluster", "by": "zoen"}, "by='zoen' is not a grouping of the panel, which has 'zone'"),
    "too far": ({"kind": "spatial-hac", "km": 900}, "km=900: the nearest two cities lie"),
}  # fmt: skip
CALLS = {
    "fit": lambda cov: ss.fit(MODEL, PANEL, cov=cov),
    "study": lambda cov: ss.Study(PANEL, None, {"m": MODEL}, cov=cov),
    "jackknife": lambda cov: ss.jackknife(MODEL, PANEL, None, cov=cov),
    "monte_carlo": lambda cov: ss.monte_carlo(
        MODEL, PANEL, None, {"x": 1.0, "sigma2": 1.0}, draws=50, cov=cov
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("cov", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_covariance_is_said_before_anything_is_estimated(call, cov, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(cov)


def test_a_reach_from_an_array_is_the_number(tmp_path):
    models, (km,) = {"m": MODEL}, np.arange(90, 91)
    whole = {"kind": "spatial-hac", "km": km}
    assert_allclose(ss.fit(MODEL, PANEL, cov=whole).cov, ss.fit(MODEL, PANEL, cov=HAC).cov)
    for cov in (whole, HAC, {"km": 90.0, "kind": "spatial-hac"}):
        ss.Study(PANEL, None, models, cov=cov).run(tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_dictionary_that_changes_later_does_not_change_a_study(tmp_path):
    cov = dict(HAC)
    study = ss.Study(PANEL, None, {"m": MODEL}, cov=cov)
    assert len(study.keys) == 1
    cov["km"] = 60
    for runs in (study.run(tmp_path), ss.Study(PANEL, None, {"m": MODEL}, cov=HAC).run(tmp_path)):
        se = runs.parameters.set_index("term").loc["x", "se"]
        assert_allclose(se, ss.fit(MODEL, PANEL, cov=HAC).se["x"], rtol=1e-9)


def test_a_panel_without_places_has_no_reach():
    frame = PANEL.frame.reset_index()
    bare = ss.CityPanel(frame, city=frame.columns[0], year=frame.columns[1])
    with pytest.raises(ss.WeightsError, match="distances need places"):
        ss.Study(bare, None, {"m": MODEL}, cov=HAC)


def test_places_are_measured_once_for_all_models_of_a_study(monkeypatch):
    measured, all_km = [], geodesy.all_km
    monkeypatch.setattr(panels, "all_km", lambda where: measured.append(where) or all_km(where))
    panel = panel_of(scattered())
    models = ss.grid(MODEL, drop_years=[None, 2001, 2006])
    assert not ss.Study(panel, None, models, cov=HAC).run().failures.size
    assert len(measured) == 1


@pytest.mark.parametrize("case", ["unknown grouping", "too far"])
def test_a_choice_that_there_is_not_is_refused_before_anything_is_estimated(monkeypatch, case):
    monkeypatch.setattr(estimators, "estimated", None)
    cov, message = WRONG[case]
    with pytest.raises((ss.ModelError, ss.WeightsError), match=message):
        ss.fit(MODEL, PANEL, cov=cov)
