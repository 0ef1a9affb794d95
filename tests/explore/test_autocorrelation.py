"""Autocorrelation by year is the textbook's, and its p-values those of all permutations."""

from __future__ import annotations

import tracemalloc
from itertools import permutations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from explore.fields import field, smooth
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from report.drawing import invented_panel
from scipy import sparse

import spatialsyn as ss
from spatialsyn.numerics import permutation

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def moran(x, W):
    z = x - x.mean()
    return len(x) / W.sum() * (z @ W @ z) / (z @ z)


def geary(x, W):
    z = x - x.mean()
    return (len(x) - 1) / (2 * W.sum()) * (W * (x[:, None] - x) ** 2).sum() / (z @ z)


def getis_ord(x, W):
    links = W != 0
    return (links * np.outer(x, x)).sum() / (x.sum() ** 2 - (x**2).sum())


def test_statistics_are_those_of_the_textbook_year_by_year():
    x = smooth()
    panel, w = field(x)
    found = ss.explore.autocorrelation(panel, "x", w)
    W = w.dense()
    for statistic, formula in (("moran", moran), ("geary", geary), ("getis-ord", getis_ord)):
        by_hand = [formula(x[:, t], W) for t in range(3)]
        assert_allclose(found[statistic]["value"], by_hand, rtol=1e-12)
    assert list(found["moran"].index) == [2001, 2002, 2003]


@pytest.mark.parametrize("scale", [1.0, 3.7])
def test_weights_are_taken_as_they_are(scale):
    x = smooth()
    panel, w = field(x)
    W = scale * w.dense() * np.linspace(1, 2, 30)[:, None]
    other = ss.Weights.from_matrix(W, ids=w.ids, name="w")
    found = ss.explore.autocorrelation(panel, "x", other, ["moran", "geary"])
    assert_allclose(found["moran"]["value"].iloc[0], moran(x[:, 0], W))
    assert_allclose(found["geary"]["value"].iloc[0], geary(x[:, 0], W))


@pytest.mark.parametrize(
    ("statistic", "formula"), [("moran", moran), ("geary", geary), ("getis-ord", getis_ord)]
)
def test_permutations_agree_with_all_of_them(statistic, formula):
    """Six cities have 720 orders: 9999 draws of them are near the whole distribution."""
    x = smooth(6, 1, seed=4)
    panel, w = field(x)
    W = w.dense()
    row = ss.explore.autocorrelation(panel, "x", w, statistic, permutations=9999)[statistic].iloc[0]
    every = np.array([formula(x[list(order), 0], W) for order in permutations(range(6))])
    own = formula(x[:, 0], W)
    p = 2 * min((every >= own - 1e-12).mean(), (every <= own + 1e-12).mean())
    # Four standard errors of a share, and of a mean and quantiles, over 9999 draws.
    assert_allclose(row["p"], min(p, 1), atol=4 * np.sqrt(p / 9999))
    assert_allclose(row["mean"], every.mean(), atol=4 * every.std() / 100)
    assert_allclose([row["low"], row["high"]], np.quantile(every, [0.025, 0.975]), atol=0.02)


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    panel, w = field(smooth())
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = ss.explore.autocorrelation(panel, "x", w, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert_frame_equal(one.table, ss.explore.autocorrelation(panel, "x", w, seed=1).table)
    other = ss.explore.autocorrelation(panel, "x", w, seed=2)
    assert not one.table["p"].equals(other.table["p"])
    # A year is tested alike whether the others are there or not.
    alone = ss.explore.autocorrelation(panel.subset(years=[2003]), "x", w, seed=1)
    assert_frame_equal(alone["moran"], one["moran"].loc[[2003]])


def test_relabelling_cities_changes_nothing():
    panel, w = field(smooth())
    frame = panel.frame.reset_index().sample(frac=1, random_state=2)
    moved = ss.CityPanel(frame, city="city")
    reversed_ = w.aligned(w.ids[::-1])
    same = ss.explore.autocorrelation(moved, "x", reversed_).table
    assert_frame_equal(same, ss.explore.autocorrelation(panel, "x", w).table)


def test_noise_is_called_a_pattern_as_often_as_it_should():
    noise = np.random.default_rng(0).normal(size=(25, 200))
    panel, w = field(noise, first=1800)
    p = ss.explore.autocorrelation(panel, "x", w, "moran", permutations=199)["moran"]["p"]
    # 200 draws at 5 %: between 2 and 8.5 % with probability 97 %.
    assert 0.02 <= (p < 0.05).mean() <= 0.085


def test_residuals_and_yearly_weights_can_be_read():
    panel, w = field(smooth())
    panel = panel.assign(y=np.random.default_rng(1).normal(size=(30, 3)))
    fit = ss.fit(ss.ols("y ~ lag(x)", fixed_effects="time"), panel)
    found = ss.explore.autocorrelation(panel, fit.resid, w, "moran")
    assert list(found["moran"].index) == [2002, 2003]
    assert_allclose(
        found["moran"]["value"].iloc[0], moran(fit.resid.unstack()[2002].to_numpy(), w.dense())
    )
    turned = ss.Weights.from_matrix(w.dense().T, ids=w.ids, name="w").standardize("row")
    yearly = ss.weights.series({2001: w, 2002: turned, 2003: w}, name="w")
    both = ss.explore.autocorrelation(panel, "x", yearly, "moran")["moran"]["value"]
    assert_allclose(both[2002], moran(panel.array("x")[:, 1], turned.dense()))
    assert_allclose(both[2003], moran(panel.array("x")[:, 2], w.dense()))


def test_bivariate_and_space_time_pair_the_right_years():
    x = smooth(T=4)
    panel, w = field(x)
    y = np.random.default_rng(3).normal(size=x.shape)
    panel = panel.assign(y=y)
    found = ss.explore.bivariate(panel, "x", "y", w, lag=1)
    rows = found["bivariate moran"]
    assert list(rows.index) == [2002, 2003, 2004]

    def unit(v):
        return (v - v.mean()) / v.std()

    by_hand = [unit(x[:, t]) @ w.dense() @ unit(y[:, t - 1]) / 30 for t in (1, 2, 3)]
    assert_allclose(rows["value"], by_hand)
    assert "x with W[w] y, 1 year before" in repr(found)
    same = ss.explore.space_time(panel, "x", w, lag=2)["bivariate moran"]
    assert_allclose(
        same["value"], [unit(x[:, t]) @ w.dense() @ unit(x[:, t - 2]) / 30 for t in (2, 3)]
    )
    now = ss.explore.space_time(panel, "x", w, lag=0)["bivariate moran"]["value"]
    assert_allclose(now, ss.explore.autocorrelation(panel, "x", w, "moran")["moran"]["value"])


def test_what_is_not_defined_is_a_row_with_the_reason():
    x = smooth()
    x[:, 1] = 2.0
    panel, w = field(x)
    table = ss.explore.autocorrelation(panel, "x", w).table.set_index(["year", "statistic"])
    assert table.loc[2002, "value"].isna().all()
    assert set(table.loc[2002, "note"]) == {"the variable does not vary"}
    assert table.loc[2001, "note"].eq("").all()
    negative = ss.explore.autocorrelation(panel.assign(x=-smooth()), "x", w)
    assert negative["getis-ord"]["note"].str.contains("without negative values").all()
    assert negative["moran"]["value"].notna().all()
    everyone = ss.Weights.from_matrix(1 - np.eye(30), ids=w.ids, name="all")
    linked = ss.explore.autocorrelation(panel.assign(x=smooth()), "x", everyone)
    assert linked["getis-ord"]["note"].str.contains(r"W\[all\] links every pair").all()
    pair = ss.explore.bivariate(panel.assign(y=smooth()), "y", "x", w)
    assert pair["bivariate moran"]["value"].isna().tolist() == [False, True, False]


def test_a_city_without_neighbours_is_taken_as_it_is():
    x = smooth()
    panel, w = field(x)
    W = w.dense().copy()
    W[4], W[:, 4] = 0, 0
    alone = ss.Weights.from_matrix(W, ids=w.ids, name="w")
    found = ss.explore.autocorrelation(panel, "x", alone, "moran")
    assert_allclose(found["moran"]["value"].iloc[0], moran(x[:, 0], W))


def test_mistakes_are_named():
    panel, w = field(smooth())
    explore = ss.explore.autocorrelation
    holes = smooth()
    holes[3, 1] = np.nan
    cases = [
        (ss.PanelError, "needs a panel", lambda: explore(panel.frame, "x", w)),
        (ss.PanelError, "no column 'q'", lambda: explore(panel, "q", w)),
        (ss.PanelError, "is a column or a series", lambda: explore(panel, 3, w)),
        (ss.PanelError, r"'x' is missing in 1 city-years: \('c003', 2002\)",
         lambda: explore(panel.assign(x=holes), "x", w)),
        (ss.PanelError, r"statistics=\['gini'\]: there are 'moran'",
         lambda: explore(panel, "x", w, ["moran", "gini"])),
        (ss.PanelError, r"statistics=\[\]", lambda: explore(panel, "x", w, [])),
        (ss.PanelError, "permutations=9: give a whole number, at least 99",
         lambda: explore(panel, "x", w, permutations=9)),
        (ss.WeightsError, "needs one Weights or WeightsSeries", lambda: explore(panel, "x", [w])),
        (ss.AlignmentError, "list different cities", lambda: explore(panel, "x", w.subset(w.ids[1:]))),
        (ss.PanelError, "needs 4 cities", lambda: explore(panel.subset(w.ids[:3]), "x", w)),
        (ss.PanelError, "needs the index", lambda: explore(panel, pd.Series([1.0]), w)),
        (ss.PanelError, "series 'x' and the panel list different cities: without 'c000', foreign none",
         lambda: explore(panel, panel.frame["x"].drop("c000", level="city"), w)),
        (ss.PanelError, "lag=-1: give a whole number", lambda: ss.explore.space_time(panel, "x", w, -1)),
        (ss.PanelError, "lag=3 leaves no year", lambda: ss.explore.space_time(panel, "x", w, 3)),
        (ss.PanelError, "there is no 'geary' here; there are 'moran'",
         lambda: explore(panel, "x", w, "moran")["geary"]),
        (ss.WeightsError, "has no matrix for 2001",
         lambda: explore(panel, "x", ss.weights.series({2002: w}, name="w"))),
    ]  # fmt: skip
    for error, text, call in cases:
        with pytest.raises(error, match=text):
            call()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_figure_shows_the_table(language):
    panel, w = field(smooth(T=8, rho=0.4, seed=2))
    found = ss.explore.autocorrelation(panel, "x", w)
    for statistic in ("moran", "geary", "getis-ord"):
        ax = ss.report.autocorrelation_plot(found, statistic, "T", language)
        rows = found[statistic]
        drawn = {a.get_gid(): a for a in ax.get_children() if a.get_gid()}
        assert_allclose(drawn["value"].get_ydata(), rows["value"])
        assert_allclose(drawn["mean"].get_ydata(), rows["mean"])
        certain = rows.index[rows["p"] < 0.05]
        assert list(drawn["certain"].get_xdata()) == list(certain)
        assert len(drawn["uncertain"].get_xdata()) == 8 - len(certain)
        edges = drawn["band"].get_paths()[0].vertices
        assert {round(v, 9) for v in rows["low"]} <= {round(v, 9) for v in edges[:, 1]}
    flat = ss.explore.autocorrelation(panel.assign(x=np.ones((30, 8))), "x", w)
    with pytest.raises(ss.ConfigError, match="'moran' has no value in any year: the variable does"):
        ss.report.autocorrelation_plot(flat)


def test_the_wide_table_and_the_figure_have_every_statistic():
    panel, w = field(smooth(T=8, rho=0.4, seed=2))
    found = ss.explore.autocorrelation(panel, "x", w)
    assert list(found.wide["moran"].columns) == ["value", "low", "high", "p"]
    assert_allclose(found.wide[("geary", "p")], found["geary"]["p"])
    drawn = [
        {line.get_gid(): line.get_ydata() for line in ax.get_lines()}["value"]
        for ax in ss.report.autocorrelation_figure(found, "T").axes
    ]
    # Values of field() may be negative, which Getis-Ord does not take: it has no panel.
    shown = [name for name in ("moran", "geary", "getis-ord") if found[name]["value"].notna().any()]
    assert_allclose(drawn, [found[name]["value"] for name in shown])
    flat = ss.explore.autocorrelation(panel.assign(x=np.ones((30, 8))), "x", w)
    with pytest.raises(ss.ConfigError, match=r"no statistic of x, W.* has a value in any year"):
        ss.report.autocorrelation_figure(flat)
    for draw in (ss.report.autocorrelation_plot, ss.report.autocorrelation_figure):
        with pytest.raises(ss.ConfigError, match=rf"{draw.__name__} shows what .* got CityPanel"):
            draw(panel)


def test_the_map_colours_the_clusters_of_a_year():
    panel = invented_panel()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    found = ss.explore.lisa(panel, "y", geo, level=0.9)
    ax = ss.report.lisa_map(panel, found, 2012, labels="en", title="2012")
    (layer,) = [c for c in ax.collections if c.get_gid() == "cities"]
    clusters = found.at(2012)["cluster"]
    from spatialsyn.report.figures.exploration import CLUSTERS

    colours = [mpl.colors.to_hex(c) for c in layer.get_facecolors()]
    assert colours == [CLUSTERS[c].lower() for c in clusters.loc[panel.cities.index]]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(text.startswith("not significant") for text in texts)
    with pytest.raises(ss.PanelError, match="no year 1999 here; there are 2011"):
        ss.report.lisa_map(panel, found, 1999)
    with pytest.raises(ss.BoundaryError, match="no polygons"):
        ss.report.lisa_map(ss.CityPanel(panel.frame.reset_index(), city="city"), found, 2012)
    with pytest.raises(ss.AlignmentError, match="clusters and the polygons differ in '440100'"):
        ss.report.lisa_map(panel.subset([i for i in panel.ids if i != "440100"]), found, 2012)


@pytest.mark.parametrize("cells", [2**20, 100])
def test_permutations_are_those_of_one_at_a_time(cells, monkeypatch):
    """The same generator, each permutation by itself and by the textbook; blocks change nothing."""
    monkeypatch.setattr(permutation, "CELLS", cells)
    x, n = smooth(T=1)[:, 0], 30
    panel, w = field(x[:, None])
    W = sparse.csr_array(w.dense() * np.linspace(1, 2, n)[:, None])
    w = ss.Weights.from_matrix(W, ids=w.ids, name="w")
    found = ss.explore.autocorrelation(panel, "x", w, permutations=199, seed=3).table
    rng = np.random.default_rng([3, 2001])
    orders = [rng.permutation(x) for _ in range(199)]
    for row, formula in zip(found.itertuples(), (moran, geary, getis_ord), strict=True):
        drawn = np.array([formula(v, W.toarray()) for v in orders])
        assert_allclose([row.mean, row.low], [drawn.mean(), np.quantile(drawn, 0.025)], rtol=1e-12)
        assert_allclose(row.z, (row.value - drawn.mean()) / drawn.std(), rtol=1e-9)
        assert row.p == permutation.two_sided(row.value, drawn)


def test_bivariate_permutations_are_those_of_one_at_a_time():
    x, y = smooth(T=2).T
    panel, w = field(x[:, None])
    panel = panel.assign(y=y[:, None])
    found = ss.explore.bivariate(panel, "x", "y", w, permutations=199, seed=3).table.iloc[0]
    rng = np.random.default_rng([3, 2001, 0])

    def pair(v):
        return (x - x.mean()) / x.std() @ w.dense() @ ((v - v.mean()) / v.std()) / 30

    drawn = np.array([pair(rng.permutation(y)) for _ in range(199)])
    assert_allclose([found["mean"], found["high"]], [drawn.mean(), np.quantile(drawn, 0.975)])
    assert found["p"] == permutation.two_sided(pair(y), drawn)


@pytest.mark.filterwarnings("ignore")  # what esda warns of on import and of islands
def test_statistics_are_those_of_esda_whatever_the_weights():
    from esda import Geary, Moran, Moran_BV
    from esda.getisord import G

    x, y = np.exp(smooth(40, 2, seed=6).T)
    rng = np.random.default_rng(2)
    W = rng.random((40, 40)) * (rng.random((40, 40)) < 0.1)
    np.fill_diagonal(W, 0)
    panel, w = field(x[:, None])
    panel = panel.assign(y=y[:, None])
    w = ss.Weights.from_matrix(sparse.csr_array(W), ids=w.ids, name="w")
    links, alike = w.to_w(), {"transformation": "O", "permutations": 0}
    ours = ss.explore.autocorrelation(panel, "x", w).table["value"]
    theirs = [Moran(x, links, **alike).I, Geary(x, links, **alike).C, G(x, links, permutations=0).G]
    assert_allclose(ours, theirs, rtol=1e-12)
    pair = ss.explore.bivariate(panel, "x", "y", w).table["value"]
    # esda divides by n, which carries the unit of the weights.
    assert_allclose(pair, Moran_BV(x, y, links, **alike).I * 40 / W.sum(), rtol=1e-12)
    with_itself = ss.explore.bivariate(panel, "x", "x", w).table["value"]
    assert_allclose(with_itself, theirs[0], rtol=1e-12)


def test_a_large_sparse_matrix_needs_no_array_of_cities_by_permutations():
    n = 20_000
    line = sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(n, n))
    ids = [f"c{i:05d}" for i in range(n)]
    x = np.exp(np.random.default_rng(0).normal(size=n))
    panel = ss.CityPanel(pd.DataFrame({"city": ids, "year": 2001, "x": x}), city="city")
    w = ss.Weights.from_matrix(line, ids=ids, name="w")
    tracemalloc.start()
    ss.explore.autocorrelation(panel, "x", w, permutations=499)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * 8 * n * 499


def test_getis_ord_of_one_city_that_has_anything_is_not_defined():
    """sum_ij x_i x_j over pairs is zero: 0/0, which was inf times zero."""
    x = smooth()
    x[:, 1] = 0
    x[4, 1] = 5.0
    panel, w = field(x)
    found = ss.explore.autocorrelation(panel, "x", w)
    G = found["getis-ord"]
    assert G["value"].isna().tolist() == [False, True, False]
    assert G.loc[2002, "note"] == "Getis-Ord needs two cities whose values are not zero"
    assert_allclose(found["moran"].loc[2002, "value"], moran(x[:, 1], w.dense()))


def test_categories_of_ids_do_not_reorder_the_cities():
    """Permutations are drawn in the order of the cities, which is that of their ids."""
    x = smooth(8)
    plain, w = field(x)
    frame = plain.frame.reset_index()
    for order in (list(plain.ids)[::-1], [*plain.ids[3:], "left out", *plain.ids[:3]]):
        city = pd.Categorical(frame["city"], categories=order)
        moved = ss.CityPanel(frame.assign(city=city), city="city")
        assert moved.ids == plain.ids
        for call in (ss.explore.autocorrelation, ss.explore.lisa):
            assert_frame_equal(call(moved, "x", w, permutations=99).table,
                               call(plain, "x", w, permutations=99).table)  # fmt: skip
