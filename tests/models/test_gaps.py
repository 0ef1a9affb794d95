"""City-years with something missing: refused, balanced away with the loss told, or kept."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.gaps import Sample, largest_block

SDM = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")


def without(panel: ss.CityPanel, column: str, cells: list[tuple[int, int]]) -> ss.CityPanel:
    """The panel with holes in one column, at (city, year) positions."""
    values = panel.array(column).copy()
    for i, t in cells:
        values[i, t] = np.nan
    return panel.assign(**{column: values})


def absent(rows: list[tuple[str, int]], **options) -> tuple[ss.CityPanel, ss.Weights]:
    """The made-up panel from a table that lacks some rows."""
    panel, w = made_up()
    frame = panel.frame.drop(index=rows).reset_index()
    return ss.CityPanel(frame, city="city", year="year", blocks=["region"], **options), w


def test_rows_that_are_absent_are_refused_or_kept_and_told():
    rows = [("c01", 2003), ("c05", 2001), ("c05", 2006)]
    with pytest.raises(ss.PanelError, match=r"3 of 72 city-years are missing.*absent=\"keep\""):
        absent(rows)
    panel, _ = absent(rows, absent="keep")
    assert panel.absent == tuple(rows)
    assert (panel.n, panel.T) == (12, 6)
    assert repr(panel).endswith("no row for 3 of 72 city-years")
    assert panel.frame.loc[("c01", 2003), "region"] == "core"
    assert panel.frame.loc[rows, ["x", "y", "z"]].isna().all(axis=None)
    findings = panel.audit().set_index("finding")
    assert list(findings.loc["absent", "city"]) == ["c01", "c05", "c05"]
    assert "missing" not in findings.index  # said once, not once for every column
    assert panel.subset(ids=["c00", "c05"]).absent == tuple(rows[1:])
    assert panel.assign(k=1.0).absent == tuple(rows)
    assert made_up()[0].absent == ()
    with pytest.raises(ss.PanelError, match=r"absent='drop' is not one of 'refuse', 'keep'"):
        absent(rows, absent="drop")


def test_a_year_that_nobody_has_is_a_row_of_holes_for_all():
    rows = [(f"c{i:02d}", 2003) for i in range(12)]
    panel, w = absent(rows, absent="keep")
    assert panel.years == tuple(range(2001, 2007))
    with pytest.warns(UserWarning, match="Years dropped: 2003"):
        res = ss.fit(SDM, panel, w, missing="balance")
    assert res.data.years == (2001, 2002, 2004, 2005, 2006)
    assert res.weights["w"].hash == w.hash


def test_files_keep_absent_rows_on_request(tmp_path):
    panel, _ = made_up()
    panel.frame.drop(index=[("c01", 2003)]).to_csv(tmp_path / "panel.csv")
    read = {"boundaries": None, "table": tmp_path / "panel.csv", "city": "city"}
    assert ss.read_panel(**read, absent="keep").absent == (("c01", 2003),)
    with pytest.raises(ss.PanelError, match=r"missing='keep' must be a list.*absent=\"keep\""):
        ss.read_panel(**read, missing="keep")


def test_cells_are_refused_by_default_with_the_ways_out():
    panel, w = made_up()
    for column in ("y", "x"):
        holed = without(panel, column, [(1, 2), (4, 0)])
        with pytest.raises(
            ss.FormulaError,
            match=rf"'{column}' is missing or not finite in 2 city-years: \('c01', 2003\), \('c04', "
            r"2001\).*missing=\"balance\".*missing=\"likelihood\"",
        ):
            ss.fit(SDM, holed, w)
    unused = without(panel, "size", [(1, 2)])
    assert ss.fit(SDM, unused, w).nobs == 55  # only the columns of the model count


@pytest.mark.parametrize(
    ("cells", "gone", "years"),
    [
        ([(1, 2), (4, 2), (9, 2)], [], 5),  # one bad year
        ([(1, 2), (1, 4), (1, 5)], ["c01"], 6),  # one bad city
        ([(1, 2), (1, 4), (5, 0), (7, 0)], ["c01"], 5),  # one of each
        ([(3, 3)], ["c03"], 6),  # six cells of a city, twelve of a year
    ],
)
def test_balancing_drops_what_costs_least(cells, gone, years):
    panel, w = made_up()
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    kept = [city for city in panel.ids if city not in gone]
    with pytest.warns(UserWarning, match=rf"keeps {len(kept)} of 12 cities and {years} of 6 years"):
        res = ss.fit(model, without(panel, "x", cells), w, missing="balance")
    assert res.panel.ids == tuple(kept)
    assert (len(res.data.years), res.nobs) == (years, len(kept) * (years - 1))
    if years == 6:  # what remains is what a user would have cut by hand
        by_hand = ss.fit(model, panel.subset(kept), w.subset(kept))
        assert_allclose(res.params, by_hand.params, rtol=1e-12)


def test_predictions_need_the_regressors_that_the_fit_needed():
    panel, w = made_up()
    for policy, column in (("likelihood", "y"), ("balance", "x")):
        holed = without(panel, column, [(i, 2) for i in range(3)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            res = ss.fit(ss.sar("y ~ x", W="w"), holed, w, missing=policy)
        assert_allclose(res.predict(res.panel), res.predict())
        with pytest.raises(
            ss.FormulaError, match=r"'x' is missing in 1 city-years: \('c04', 2001\)"
        ):
            res.predict(without(res.panel, "x", [(4, 0)]))


def test_the_block_kept_is_close_to_the_largest_one():
    """Against all subsets of six years: nearly always the best, a third less in the worst case."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(100):
        holed = rng.random((12, 6)) < rng.choice([0.03, 0.1, 0.3])
        cities, years = largest_block(holed)
        assert not holed[np.ix_(cities, years)].any()
        best = max(
            (~holed[:, list(chosen)].any(axis=1)).sum() * size
            for size in range(1, 7)
            for chosen in itertools.combinations(range(6), size)
        )
        ratios.append(cities.sum() * years.sum() / best)
    assert min(ratios) > 0.6
    assert np.mean(ratios) > 0.97


def test_the_loss_is_told_everywhere():
    panel, w = made_up()
    holed = without(panel, "y", [(1, 2), (1, 4), (5, 0), (7, 0)])
    with pytest.warns(UserWarning, match="are dropped") as caught:
        res = ss.fit(SDM, holed, w, missing="balance")
    (warning,) = caught
    assert warning.filename == __file__
    said = str(warning.message)
    assert said.startswith(
        'missing="balance" keeps 11 of 12 cities and 5 of 6 years: 24% of the city-years are '
        "dropped, and 19% of those in which nothing is missing. Cities dropped: 'c01'. Years "
        "dropped: 2001. W[w] loses "
    )
    kept = np.delete(w.dense(), 1, axis=0)
    share = kept[:, 1].sum() / kept.sum()
    assert f"W[w] loses {share:.0%} of the weight of the cities kept." in said
    assert_allclose(res.weights["w"].recipe["weight_lost"], share, atol=1e-6)
    assert said in res.summary()
    assert said in " ".join(ss.report.table(res).notes)
    assert res.glance().loc[0, "missing"] == "balance"
    assert res.glance().loc[0, "cities"] == 11


def test_a_city_that_loses_all_neighbours_is_named():
    panel, w = made_up()
    W = w.dense().copy()
    W[3] = np.eye(12)[1]  # c03 has c01 as its only neighbour
    lone = ss.Weights.from_matrix(2 * W, ids=w.ids, name="w")
    holed = without(panel, "y", [(1, 0), (1, 1), (1, 2), (1, 3)])
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    with pytest.warns(UserWarning, match=r"No neighbour is left for 'c03'"):
        ss.fit(model, holed, lone, missing="balance")
    with pytest.raises(
        ss.WeightsError, match=r"would keep the 11 cities.*but W\[w\] has cities without neighbours"
    ):
        ss.fit(model, holed, lone.standardize("row"), missing="balance")


def test_lags_in_time_reach_over_years_that_are_dropped():
    """A year dropped in the middle keeps its x for lag(x) of the next one."""
    panel, w = made_up()
    holed = without(panel, "y", [(i, 3) for i in range(12)])
    model = ss.sar("y ~ lag(x)", W="w", fixed_effects="individual")
    with pytest.warns(UserWarning, match="Years dropped: 2004"):
        res = ss.fit(model, holed, w, missing="balance")
    assert res.data.years == (2002, 2003, 2005, 2006)
    assert_allclose(res.data.X[:, :, 0], panel.array("x")[:, [0, 1, 3, 4]])
    assert_allclose(res.predict(res.panel), res.predict())


def test_dynamic_models_drop_cities_only():
    panel, w = made_up(n=20, T=8)
    holed = without(panel, "y", [(1, 3), (4, 3), (6, 3)])
    model = ss.sar("y ~ x", W="w", fixed_effects="individual", lag_y=True)
    with pytest.warns(UserWarning, match="keeps 17 of 20 cities and 7 of 7 years"):
        ss.fit(model, holed, w, missing="balance")
    with pytest.raises(ss.ModelError, match="keeps nothing: no city has all columns"):
        ss.fit(model, without(panel, "y", [(i, 3) for i in range(20)]), w, missing="balance")


def test_a_year_that_nobody_has_is_named_where_lags_in_time_need_it():
    """Data of every second year: nothing is missing from any wave, yet no year has one before."""
    panel, w = made_up()
    every_second = panel.frame.reset_index().query("year % 2 == 1")
    waves = ss.CityPanel(every_second, city="city", year="year", absent="keep")
    dynamic = SDM.but(lag_y=True)
    with pytest.raises(ss.ModelError, match=r"no city has all columns .*2002.*number the waves"):
        ss.fit(dynamic, waves, w, missing="balance")
    numbered = every_second.assign(year=every_second["year"].rank(method="dense").astype(int))
    assert ss.fit(dynamic, ss.CityPanel(numbered, city="city", year="year"), w).nobs > 0


def test_random_effects_and_categories_can_be_balanced():
    panel, w = made_up()
    frame = panel.frame.reset_index()
    frame["kind"] = np.where(frame["z"] > 0, "a", "b")
    frame.loc[8, "kind"] = None  # c01, 2003
    odd = ss.CityPanel(frame, city="city", year="year", blocks=["region"])
    with pytest.raises(ss.FormulaError, match=r"'C\(kind\)\[T.b\]' is missing.*\('c01', 2003\)"):
        ss.fit(ss.ols("y ~ C(kind)"), odd)
    with pytest.raises(ss.FormulaError, match=r"'kind\[T.b\]' is missing.*\('c01', 2003\)"):
        ss.fit(ss.ols("y ~ kind"), odd)
    with pytest.warns(UserWarning, match="Cities dropped: 'c01'"):
        ss.fit(ss.sar("y ~ C(kind)", W="w", random="individual"), odd, w, missing="balance")


def test_arithmetic_that_fails_is_not_a_missing_cell():
    panel, w = made_up()
    negative = panel.array("size").copy()
    negative[2, 1], negative[3, 0] = -1.0, np.nan
    panel = without(panel, "y", [(1, 1)]).assign(size=negative)
    for formula in ("y ~ log(size)", "y ~ {x / (size - size)}", "y ~ {(size ** 0.5)}"):
        for policy in ("balance", "likelihood"):
            with pytest.raises(
                ss.FormulaError, match=r"cannot be computed in .* nothing is missing"
            ):
                ss.fit(ss.sar(formula, W="w"), panel, w, missing=policy)
    holed = without(panel, "size", [(2, 1)])
    with pytest.warns(UserWarning, match="keeps 11 of 12 cities and 5 of 6 years"):
        ss.fit(ss.sar("y ~ log(size)", W="w"), holed, w, missing="balance")


@pytest.mark.parametrize(
    ("holes", "model", "error", "message"),
    [
        ({"x": [(1, 2)], "y": [(0, 0)]}, SDM, ss.FormulaError,
         r"'x' is missing in 1 city-years: \('c01', 2003\).*regressors must be complete.*panel.interpolate.*missing=\"balance\""),
        ({"x": [(1, 2)]}, SDM, ss.FormulaError, r"'x' is missing in 1 city-years"),
        ({"y": [(1, t) for t in range(6)]}, SDM, ss.ModelError,
         r"'y' is never observed in the cities 'c01': nothing tells their effects"),
        ({"y": [(i, 2) for i in range(12)]}, SDM, ss.ModelError, r"never observed in the years 2003"),
        ({"y": [(i, t) for i in range(12) for t in range(6)]}, SDM, ss.PanelError,
         r"the outcome 'y' is missing in every city and year"),
        ({"y": [(i, t) for i in range(12) for t in range(6) if (i < 4) == (t < 3)]}, SDM, ss.ModelError,
         r"outcomes of 'c04', .* \(8 in all\) share no year with those of the other cities"),
        ({"y": [(0, 0)]}, ss.sar("y ~ x", W="w", fixed_effects="individual", lag_y=True), ss.ModelError,
         r"does not go together with lag_y=True.*missing=\"balance\""),
        ({"y": [(0, 0)]}, ss.sar("y ~ x", W="w", random="individual"), ss.ModelError,
         r"does not go together with random='individual'"),
        ({"y": [(0, 0)]}, SDM.but(correction="bias-corrected"), ss.ModelError,
         r"correction=\"bias-corrected\" \(use \"lee-yu\"\)"),
        ({"y": [(i, t) for i in range(12) for t in range(6) if t != i % 6]}, SDM, ss.ModelError,
         r"share no year"),
        ({"y": [(i, t) for i in range(12) for t in range(5)]},
         ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), ss.ModelError,
         r"0 independent observations cannot identify"),
    ],
)  # fmt: skip
def test_what_the_likelihood_cannot_do_is_refused_in_words(holes, model, error, message):
    panel, w = made_up()
    for column, cells in holes.items():
        panel = without(panel, column, cells)
    with pytest.raises(error, match=message):
        ss.fit(model, panel, w, missing="likelihood")


def test_other_policies_and_covariances_are_refused():
    panel, w = made_up()
    holed = without(panel, "y", [(1, 2)])
    with pytest.raises(ss.ModelError, match="missing='drop' is not one of 'refuse', 'balance'"):
        ss.fit(SDM, holed, w, missing="drop")
    with pytest.raises(
        ss.ModelError, match="cov='period' is not available where outcomes are miss"
    ):
        ss.fit(SDM, holed, w, cov="period", missing="likelihood")
    res = ss.fit(SDM, holed, w, missing="likelihood")
    with pytest.raises(ss.ModelError, match="cov='sandwich' is not available where outcomes"):
        res.with_cov("sandwich")
    with pytest.raises(ss.ModelError, match=r"no standard errors here.*impute\(\)"):
        res.fixed_effects()
    assert res.with_cov("observed").cov_kind == "observed"
    nothing = without(panel, "y", list(np.ndindex(12, 6)))
    with pytest.raises(ss.ModelError, match="keeps nothing: no city or year has all columns"):
        ss.fit(SDM, nothing, w, missing="balance")


def test_matrices_that_change_over_time_are_refused():
    class Changing(ss.Weights):
        varies = True

    panel, w = made_up()
    changing = Changing(w.matrix, w.ids, "w", {}, "row")
    with pytest.raises(ss.ModelError, match=r"W\['w'\] changes over the years.*balance"):
        ss.fit(SDM, without(panel, "y", [(1, 2)]), changing, missing="likelihood")


def test_cities_and_years_without_any_outcome_stay_where_no_effect_needs_them():
    panel, w = made_up()
    holed = without(panel, "y", [(1, t) for t in range(6)] + [(i, 2) for i in range(12)])
    res = ss.fit(ss.sar("y ~ x", W="w"), holed, w, missing="likelihood")
    assert res.nobs == 72 - 6 - 11
    assert np.isfinite(res.r2).all()
    assert np.isfinite(res.impute()).all(axis=None)


def test_the_sample_says_nothing_where_nothing_is_missing():
    panel, w = made_up()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        res = ss.fit(SDM, panel, w, missing="balance")
    assert res.sample == Sample("balance")
    assert res.sample.said(res.data) == ""


def test_a_log_outcome_is_imputed_as_a_log():
    panel, w = made_up()
    holed = without(panel.assign(y=np.exp(panel.frame["y"])), "y", [(1, 2), (5, 5)])
    plain = without(panel, "y", [(1, 2), (5, 5)])
    log = ss.fit(SDM.but(formula="log(y) ~ x + z"), holed, w, missing="likelihood")
    res = ss.fit(SDM, plain, w, missing="likelihood")
    pd.testing.assert_frame_equal(log.impute(), res.impute(), rtol=1e-8)
