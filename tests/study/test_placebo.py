"""Chance and single cities: what is exchanged or left out is exactly that."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from study.small import MODEL, panel_and_weights

import spatialsyn as ss
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.permutation import two_sided
from spatialsyn.study.placebo import drawn, relabelled, rewired
from spatialsyn.weights.core import APART
from tests.maps import neighbours, on_map


@pytest.fixture(scope="module")
def data():
    return panel_and_weights()


def test_relabelling_moves_rows_and_columns_together_and_keeps_the_spectrum(data):
    _, w = data
    w.logdet  # noqa: B018  (found once, then carried along)
    order = np.random.default_rng(3).permutation(w.n)
    moved = relabelled(w, order)
    assert moved.ids == w.ids
    # City order[i] takes the place of city i.
    by_hand = np.zeros((w.n, w.n))
    by_hand[np.ix_(order, order)] = w.dense()
    assert_allclose(moved.dense(), by_hand)
    eigenvalues = np.sort_complex(np.linalg.eigvals(by_hand))
    assert_allclose(np.sort_complex(moved.logdet.eigenvalues), eigenvalues, atol=1e-10)


def test_rewiring_keeps_the_numbers_of_every_row_off_the_diagonal(data):
    _, w = data
    moved = rewired(w, np.random.default_rng(1))
    assert_allclose(np.sort(moved.dense(), axis=1), np.sort(w.dense(), axis=1), atol=1e-15)
    assert not np.diag(moved.dense()).any()
    assert moved.is_row_standardised
    assert not np.allclose(moved.dense(), w.dense())


def test_rewiring_a_series_and_other_scales(data):
    panel, w = data
    yearly = ss.weights.series({year: w for year in panel.years}, name="w")
    moved = rewired(yearly, np.random.default_rng(1))
    assert not np.allclose(moved.at(2001).dense(), moved.at(2002).dense())
    turned = relabelled(yearly, np.arange(w.n)[::-1])
    assert_allclose(turned.at(2003).dense(), w.dense()[::-1, ::-1])
    spectral = w.standardize("spectral")
    radius = np.abs(np.linalg.eigvals(rewired(spectral, np.random.default_rng(2)).dense())).max()
    assert_allclose(radius, 1)
    strong, weak = (
        ss.Weights.from_matrix(size * w.dense(), ids=w.ids, name="w") for size in (5, 0.5)
    )
    years = ss.weights.series({2001: strong, 2002: weak}).standardize("spectral")
    moved = rewired(years, np.random.default_rng(1))
    strength = [moved.at(year).row_sums for year in years.years]
    assert_allclose(strength[1], 0.1 * strength[0])


def test_a_draw_is_the_fit_with_places_exchanged(data):
    panel, w = data
    order = np.random.default_rng([5, 2]).permutation(panel.n)
    by_hand = np.zeros((w.n, w.n))
    by_hand[np.ix_(order, order)] = w.dense()
    other = ss.Weights.from_matrix(by_hand, ids=w.ids, name="w")
    own = ss.fit(MODEL, panel, other)
    rows = drawn(MODEL, panel, {"w": w}, "W", None, 5, 2)
    assert_allclose(rows["estimate"][:6], own.effects().table["estimate"], rtol=1e-6)
    assert_allclose(rows["estimate"][6:], [own.rho["w"], own.loglik], rtol=1e-6)
    moved = panel.assign(x=panel.array("x")[order])
    rows = drawn(MODEL, panel, {"w": w}, "x", "x", 5, 2)
    table = ss.fit(MODEL, moved, w).effects("x").table
    assert_allclose(rows["estimate"][:3], table["estimate"])
    assert list(rows["x"][:4]) == ["x", "x", "x", "w"]


@pytest.mark.parametrize(
    ("model", "kind", "name"),
    [
        (ss.sar("y ~ x", W=ss.convex("w", "other"), fixed_effects="individual"), "rho", "w+other"),
        (ss.mess_sdm("y ~ x", W="w", fixed_effects="individual"), "alpha", "w"),
        (MODEL.but(W=["w", "other"], fixed_effects="individual"), "rho", "other"),
    ],
)
def test_every_kind_of_spatial_parameter_is_compared(data, model, kind, name):
    panel, w = data
    both = [w, ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="other")]
    table = ss.placebo(model, panel, both, draws=19).table.set_index(["x", "effect"])
    own = ss.fit(model, panel, both)
    assert table.at[(name, kind), "estimate"] == own.params[f"{kind}[{name}]"]


@pytest.mark.parametrize("shuffle", ["W", "links"])
def test_the_weights_that_made_the_data_beat_those_of_chance(data, shuffle):
    panel, w = data
    found = ss.placebo(MODEL, panel, w, shuffle=shuffle, draws=39, seed=1)
    table = found.table.set_index(["x", "effect"])
    likelihood = found.draws[found.draws["effect"] == "log-likelihood"]["estimate"]
    assert (likelihood < table.at[("", "log-likelihood"), "estimate"]).all()
    assert table.at[("", "log-likelihood"), "p"] == 2 / 40
    assert table.at[("x", "indirect"), "p"] <= 0.1
    mine = found.draws[(found.draws["x"] == "x") & (found.draws["effect"] == "indirect")]
    assert_allclose(
        table.loc[("x", "indirect"), ["mean", "low", "high"]].astype(float),
        [mine["estimate"].mean(), *np.quantile(mine["estimate"], [0.025, 0.975])],
    )
    again = ss.placebo(MODEL, panel, w, shuffle=shuffle, draws=39, seed=1)
    assert_frame_equal(again.draws, found.draws, check_exact=True)
    other = ss.placebo(MODEL, panel, w, shuffle=shuffle, draws=39, seed=2)
    assert not other.draws["estimate"].equals(found.draws["estimate"])
    assert f"({shuffle} exchanged at random, 39 draws, seed 1)" in repr(found)


def test_exchanging_a_variable_that_matters_and_one_that_does_not(data):
    panel, w = data
    model = MODEL.but(formula="y ~ x + v")
    matters = ss.placebo(model, panel, w, shuffle="x", x="x", draws=39).table
    assert set(matters["x"]) == {"x", "w", ""}
    assert matters.set_index(["x", "effect"]).at[("x", "total"), "p_t"] == 2 / 40
    idle = ss.placebo(model, panel, w, shuffle="x", x="v", draws=39).table
    assert idle.set_index(["x", "effect"]).at[("v", "total"), "p_t"] > 0.05


def test_shares_of_draws_beyond():
    assert two_sided(5.0, np.arange(1.0, 20)) == 2 * (1 + 5) / 20
    assert two_sided(100.0, np.arange(1.0, 20)) == 2 / 20
    assert two_sided(10.0, np.arange(1.0, 20)) == 1.0
    assert np.isnan(two_sided(np.nan, np.arange(3.0)))
    assert np.isnan(two_sided(1.0, np.array([np.nan])))
    # The same number, added up in another order, is no less extreme.
    assert two_sided(0.1 + 0.2, np.full(19, 0.3)) == 1.0
    assert two_sided(0.3, np.full(19, 0.1 + 0.2)) == 1.0
    # A share explained by yuan has effects of this size: they are small numbers, and no ties.
    for unit in (1e-13, 1e13):
        assert two_sided(100.0 * unit, unit * np.arange(1.0, 20)) == 2 / 20
        assert two_sided(0.3 * unit, np.full(19, (0.1 + 0.2) * unit)) == 1.0
    assert two_sided(0.0, np.zeros(19)) == 1.0


def test_units_of_a_regressor_do_not_matter(data):
    panel, w = data
    yuan = panel.assign(x=1e13 * panel.frame["x"])
    small, large = (ss.placebo(MODEL, one, w, draws=19).table for one in (panel, yuan))
    assert_frame_equal(small[["p", "p_t"]], large[["p", "p_t"]])


def test_links_that_cannot_be_scaled_again_make_a_draw_without_an_estimate(data):
    """A row of random ends may leave a city that nobody is linked to: no columns of one."""
    panel, _ = data
    star = np.zeros((12, 12))
    star[0, 1:] = star[1:, 0] = 1
    w = ss.Weights.from_matrix(star, ids=panel.ids, name="w").standardize("column")
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    found = [drawn(model, panel, {"w": w}, "links", None, 0, i) for i in range(40)]
    assert any(rows is None for rows in found)
    assert any(rows is not None for rows in found)


def test_draws_without_an_estimate_are_counted(data, monkeypatch):
    panel, w = data
    from spatialsyn.study import placebo as module

    whole, seen = module.fit, []

    def sometimes(*given):
        seen.append(1)
        if len(seen) % 3 == 0:
            raise ss.EstimationError("no")
        return whole(*given)

    monkeypatch.setattr(module, "fit", sometimes)
    found = ss.placebo(MODEL, panel, w, draws=20)
    assert found.failed == 7
    assert "13 draws, 7 without an estimate" in repr(found)
    monkeypatch.setattr(module, "drawn", lambda *_: None)
    monkeypatch.setattr(module, "fit", whole)
    with pytest.raises(ss.ModelError, match="none of the 20 draws has an estimate"):
        ss.placebo(MODEL, panel, w, draws=20)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shuffle": "y"}, "shuffle='y' is not one of 'W', 'links', 'x'"),
        ({"draws": 5}, "draws=5: give a whole number of at least 19"),
        ({"shuffle": "x"}, "x=None is not one of"),
        ({"shuffle": "x", "x": "q"}, "x='q' is not one of"),
        ({"shuffle": "x", "x": "v"}, r"x='v' is in no regressor; they are made of 'x', 'z'"),
        ({"shuffle": "x", "x": "y"}, r"x='y' is in no regressor"),
        ({"x": "x"}, "x='x' is exchanged by shuffle=\"x\"; shuffle='W' takes none"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(data, options, text):
    panel, w = data
    with pytest.raises(ss.ModelError, match=text):
        ss.placebo(MODEL, panel, w, **options)


def test_wrong_models_and_panels_are_refused(data):
    panel, w = data
    with pytest.raises(ss.ModelError, match="ols has no matrix to exchange cities in"):
        ss.placebo(ss.ols("y ~ x"), panel, w)
    for function in (ss.placebo, ss.jackknife):
        with pytest.raises(ss.ModelError, match="needs a model such as"):
            function("y ~ x", panel, w)
        with pytest.raises(ss.PanelError, match="needs a panel"):
            function(MODEL, panel.frame, w)


def test_the_jackknife_is_every_fit_without_one_city(data):
    panel, w = data
    found = ss.jackknife(MODEL, panel, w, cov="sandwich")
    full = ss.fit(MODEL, panel, w, cov="sandwich").effects().table
    assert len(found.table) == panel.n * 6
    for city in (panel.ids[0], panel.ids[7]):
        kept = [i for i in panel.ids if i != city]
        rows = w.dense()[[w.ids.index(i) for i in kept]]
        inside = rows[:, [w.ids.index(i) for i in kept]]
        cut = inside / inside.sum(axis=1, keepdims=True)
        other = ss.Weights.from_matrix(cut, ids=kept, name="w")
        own = ss.fit(MODEL, panel.subset(kept), other, cov="sandwich").effects().table
        mine = found.table[found.table["without"] == city]
        assert_allclose(mine["estimate"], own["estimate"], rtol=1e-6)
        assert_allclose(mine["change"], own["estimate"] - full["estimate"], atol=1e-6)
        assert_allclose(mine["in_se"], mine["change"].to_numpy() / full["se"])
        assert_allclose(mine["lost[w]"], 1 - inside.sum() / rows.sum())
    summary = found.summary.set_index(["x", "effect"]).loc[("x", "total")]
    mine = found.table[(found.table["x"] == "x") & (found.table["effect"] == "total")]
    assert summary["smallest"] == mine["estimate"].min()
    assert summary["most"] == mine.loc[mine["in_se"].abs().idxmax(), "without"]
    assert summary["other_sign"] == 0
    assert "each of 12 cities left out once" in repr(found)


def test_a_city_that_others_need_is_a_row_with_the_reason():
    panel, _ = panel_and_weights()
    star = np.zeros((12, 12))
    star[0, 1:] = star[1:, 0] = 1
    star[1, 2] = star[2, 1] = star[5, 6] = 1
    w = ss.Weights.from_matrix(star, ids=panel.ids, name="w").standardize("row")
    found = ss.jackknife(MODEL, panel, w)
    assert list(found.failures) == ["c00"]
    assert "cities without neighbours" in found.failures["c00"]
    assert "12 cities left out once, 1 without an estimate" in repr(found)


def test_the_jackknife_needs_cities_and_regressors(data):
    panel, w = data
    few = list(panel.ids[:3])
    with pytest.raises(ss.ModelError, match="leaving one out needs 4 cities at least; there are 3"):
        ss.jackknife(ss.ols("y ~ x"), panel.subset(few), w)
    with pytest.raises(ss.ModelError, match="no regressors, so there are no effects"):
        ss.jackknife(ss.sar("y ~ 1", W="w"), panel, w)


def test_a_relabelled_matrix_keeps_its_eigenvalues_and_the_way_to_them(monkeypatch):
    """No draw looks for them again; the log-likelihood is that of a matrix made anew."""
    panel, w = made_up(n=12, T=6)
    w = w.with_logdet("eigenvalues")
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    ss.fit(model, panel, w)
    order = np.random.default_rng(1).permutation(12)
    fresh = ss.Weights.from_matrix(w.dense(), ids=[w.ids[i] for i in order], name="w")
    expected = ss.fit(model, panel, fresh)
    monkeypatch.setattr("spatialsyn.weights.core.spectrum", None)
    moved = relabelled(w, order)
    assert moved.determinant == "eigenvalues"
    found = ss.fit(model, panel, moved)
    assert_allclose(found.loglik, expected.loglik, rtol=1e-10)
    assert_allclose(found.params, expected.params, rtol=1e-6)
    assert_allclose(found.cov, expected.cov, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("how", ["eigenvectors", "schur"])
def test_a_relabelled_matrix_stays_taken_apart(monkeypatch, how):
    """Once for all draws, as was asked for; the estimates are those of a matrix made anew."""
    panel, w = on_map(neighbours(30), T=5)
    w = w.with_logdet(how)
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    ss.fit(model, panel, w)
    order = np.random.default_rng(1).permutation(30)
    fresh = ss.Weights.from_matrix(w.dense(), ids=[w.ids[i] for i in order], name="w")
    expected = ss.fit(model, panel, fresh)
    monkeypatch.setitem(APART, how, None)
    found = ss.fit(model, panel, relabelled(w, order))
    assert isinstance(found.design.logdet.full, Decomposed)
    assert_allclose(found.loglik, expected.loglik, rtol=1e-10)
    assert_allclose(found.params, expected.params, rtol=1e-6)
    assert_allclose(found.cov, expected.cov, rtol=1e-5, atol=1e-12)
    columns = ["estimate", "se"]
    mine, theirs = (res.effects().table[columns] for res in (found, expected))
    assert_allclose(mine, theirs, rtol=1e-5)


@pytest.mark.parametrize("how", ["eigenvalues", "schur", "sparse", "hessenberg"])
def test_rewired_links_keep_the_way_to_their_determinant(data, how):
    _, w = data
    moved = rewired(w.with_logdet(how), np.random.default_rng(1))
    assert moved.determinant == moved.way == how
    exact = np.linalg.slogdet(np.eye(w.n) - 0.4 * moved.dense())[1]
    assert_allclose(moved.logdet(0.4), exact, atol=1e-6)
    assert moved.standardization == "row"
