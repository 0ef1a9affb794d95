"""Agglomeration, industries and networks against hand computation and published values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import (
    centrality,
    coagglomeration,
    coagglomeration_pairs,
    ellison_glaeser,
    herfindahl,
    location_quotient,
    network_density,
    spillover_index,
)

IDS = ["a", "b", "c"]


def industries():
    """Three cities, one year: a and b in the same city, c spread as all activity."""
    return panel(
        years=[2011], x=[8.0, 2, 0], y=[4.0, 1, 0], z=[5.0, 3, 2], all=[50.0, 30, 20]
    )  # fmt: skip


def flows(*rows, year=None):
    table = pd.DataFrame(rows, columns=["origin", "destination", "flow"])
    return table if year is None else table.assign(year=year)


def test_ellison_glaeser_of_a_published_example():
    """Farhauer & Kroell (2014), as reprinted in the R package REAT (ellison.a): 0.05990628."""
    firms = np.array([200, 650, 12000, 100, 50, 16000, 13000, 1500, 1500, 25000.0])
    plants = float(((firms / firms.sum()) ** 2).sum())
    p = panel(
        ["Wien", "Linz", "Graz"], [2014],
        k=[13000.0, 32000, 25000], all=[500000.0, 400000, 100000],
    )  # fmt: skip
    row = ellison_glaeser(p, ["k"], "all", {"k": plants}).loc[(2014, "k")]
    assert row["gamma"] == pytest.approx(0.05990628, abs=5e-9)
    assert row["plants"] == plants


def test_ellison_glaeser_by_hand():
    """s = (.8, .2, 0), x = (.5, .3, .2): G = .09 + .01 + .04, 1 - sum x^2 = .62."""
    row = ellison_glaeser(industries(), ["x"], "all", {"x": 0.1}).loc[(2011, "x")]
    assert_allclose(row[["herfindahl", "G"]].astype(float), [0.68, 0.14])
    assert row["gamma"] == pytest.approx((0.14 - 0.062) / (0.62 * 0.9))
    spread = ellison_glaeser(industries(), ["z"], "all", {"z": 0.0}).loc[(2011, "z")]
    assert spread["gamma"] == pytest.approx(0, abs=1e-15)


def test_pairs_of_industries_by_hand():
    table = coagglomeration_pairs(industries(), ["x", "y", "z"], "all")["gamma"]
    assert list(table.index) == [(2011, "x", "y"), (2011, "x", "z"), (2011, "y", "z")]
    assert table[(2011, "x", "y")] == pytest.approx(0.14 / 0.62)  # the same shares
    assert_allclose(table[[(2011, "x", "z"), (2011, "y", "z")]], 0, atol=1e-15)


def test_an_industry_paired_with_its_double_has_its_own_gamma_without_plants():
    p = random_panel(n=8, names=("k", "rest"))
    p = p.assign(all=p.frame["k"] + p.frame["rest"], double=2 * p.frame["k"])
    pairs = coagglomeration_pairs(p, ["k", "double"], "all")["gamma"].to_numpy()
    alone = ellison_glaeser(p, ["k"], "all", {"k": 0.0})
    assert_allclose(alone["gamma"], pairs)
    assert list(alone.index.get_level_values("year")) == list(p.years)


def test_herfindahl_by_hand():
    p = panel(years=[2011], x=[1.0, 2, 0], y=[1.0, 0, 0], z=[2.0, 0, 3])
    assert_allclose(herfindahl(p, ["x", "y", "z"]), [(1 + 1 + 4) / 16, 1, 1])


def test_coagglomeration_by_hand():
    """LQ_x = (1.6, 2/3, 0), LQ_z = 1 everywhere."""
    p = industries()
    assert_allclose(location_quotient(p, "x", "all"), [1.6, 2 / 3, 0])
    quality = coagglomeration(p, "x", "z", "all")
    assert_allclose(quality, [1 - 0.6 / 2.6, 1 - (1 / 3) / (5 / 3), 0], atol=1e-15)
    assert_allclose(coagglomeration(p, "x", "z", "all", depth=True) - quality, [2.6, 5 / 3, 1])


def test_equal_quotients_have_quality_one_however_small():
    p = panel(years=[2011], x=[1.0, 5, 9], y=[1.0, 5, 9], all=[100.0, 20, 30])
    assert_allclose(coagglomeration(p, "x", "y", "all"), 1)


def test_the_spillover_index_by_hand_warns_of_its_lag():
    km = pd.DataFrame([[0, 100, 200], [100, 0, 50], [200, 50, 0.0]], IDS, IDS)
    p = panel(D=[1.0, 2, 10, 20, 5, 7])
    with pytest.warns(UserWarning, match="'D' already holds a spatial lag"):
        made = spillover_index(p, "D", km.loc[::-1, ["b", "a", "c"]], decay=0.01)
    expected = 1 + 10 * np.exp(-1) + 5 * np.exp(-2)
    assert made[("a", 2011)] == pytest.approx(expected)
    with pytest.warns(UserWarning, match="spatial lag"):
        far = spillover_index(p, "D", km, decay=100.0)
    assert_allclose(far, p.frame["D"])  # nothing is left at a distance


def test_what_reaches_a_city_falls_with_its_own_row_of_distances():
    """V_i takes d_ij, not d_ji, where a table of travel differs between its two ways."""
    km = pd.DataFrame([[0, 10, 40], [20, 0, 50], [30, 60, 0.0]], IDS, IDS)
    p = panel(years=[2011], D=[1.0, 10.0, 5.0])
    with pytest.warns(UserWarning, match="spatial lag"):
        made = spillover_index(p, "D", km, decay=0.1)
    expected = [
        1 + 10 * np.exp(-1) + 5 * np.exp(-4),
        10 + 1 * np.exp(-2) + 5 * np.exp(-5),
        5 + 1 * np.exp(-3) + 10 * np.exp(-6),
    ]
    assert_allclose(made, expected)


def test_centrality_by_hand():
    p = panel()
    table = flows(("a", "b", 5), ("a", "c", 1), ("b", "a", 2), ("a", "a", 9))
    by_city = {
        ("degree", "out"): [1, 0.5, 0],
        ("degree", "in"): [0.5, 0.5, 0.5],
        ("strength", "out"): [6, 2, 0],
        ("strength", "in"): [2, 5, 1],
    }
    for (measure, direction), expected in by_city.items():
        made = centrality(p, table, measure, direction)
        assert_allclose(made.xs(2012, level="year"), expected)
    assert_allclose(centrality(p, table, threshold=1.0).xs(2011, level="year"), [0.5, 0.5, 0])
    assert_allclose(network_density(p, table), 3 / 6)
    assert_allclose(network_density(p, table, threshold=1.0), 2 / 6)


def test_flows_may_change_by_year_and_come_in_any_order():
    table = pd.concat([
        flows(("a", "b", 1), ("b", "c", 1), year=2012),
        flows(("c", "a", 4), year=2011),
        flows(("c", "a", 4), year=1999),
    ])  # fmt: skip
    made = centrality(panel(), table.sample(frac=1, random_state=0), "strength").unstack()
    assert made[2011].tolist() == [0, 0, 4]
    assert made[2012].tolist() == [1, 1, 0]
    assert network_density(panel(), table).tolist() == [1 / 6, 2 / 6]


def test_centralities_match_networkx():
    networkx = pytest.importorskip("networkx")
    p = random_panel(n=7, T=1)
    f = np.random.default_rng(2).integers(0, 3, size=(7, 7)).astype(float)
    np.fill_diagonal(f, 0)
    f[0, 1:] = 1  # connected
    table = pd.DataFrame(
        [(p.ids[i], p.ids[j], f[i, j]) for i in range(7) for j in range(7)],
        columns=["origin", "destination", "flow"],
    )
    directed = networkx.from_numpy_array(f, create_using=networkx.DiGraph)
    both = networkx.from_numpy_array(f + f.T)
    for measure, direction, theirs in (
        ("degree", "out", networkx.out_degree_centrality(directed)),
        ("degree", "in", networkx.in_degree_centrality(directed)),
        ("strength", "in", dict(directed.in_degree(weight="weight"))),
        ("eigenvector", "out", networkx.eigenvector_centrality_numpy(both, weight="weight")),
    ):
        assert_allclose(centrality(p, table, measure, direction), list(theirs.values()), rtol=1e-9)
    assert_allclose(network_density(p, table), networkx.density(directed))


def test_relabelling_permutes_what_is_measured():
    ids = ["c4", "c1", "c5", "c0", "c3", "c2"]
    plain, moved = random_panel(seed=1), random_panel(seed=1, ids=ids)
    names = dict(zip([f"c{i}" for i in range(6)], ids, strict=True))
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        [(a, b, rng.random()) for a in plain.ids for b in plain.ids if a != b],
        columns=["origin", "destination", "flow"],
    )
    renamed = table.assign(
        origin=table["origin"].map(names), destination=table["destination"].map(names)
    )
    pairs = [
        (herfindahl(plain, ["u", "v", "w"]), herfindahl(moved, ["u", "v", "w"])),
        (centrality(plain, table, "eigenvector"), centrality(moved, renamed, "eigenvector")),
    ]
    for before, after in pairs:
        expected = before.rename(index=names, level="city").reindex(after.index)
        assert_allclose(after, expected, rtol=1e-10)
    whole = {p: p.assign(all=p.frame.sum(axis=1)) for p in (plain, moved)}
    first, second = (ellison_glaeser(w, ["u"], "all", {"u": 0.1}) for w in whole.values())
    assert_allclose(first, second, rtol=1e-10)


KM = pd.DataFrame(np.ones((3, 3)), IDS, IDS)
OD = flows(("a", "b", 1.0), ("b", "c", 2.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: herfindahl(p, ["u"]), "two sectors at least"),
        (lambda p: herfindahl(p, ["u", "u"]), "several different ones"),
        (lambda p: herfindahl(p.assign(k=-1.0), ["u", "k"]), "'k' must be non-negative and present"),
        (lambda p: herfindahl(p.assign(k=0.0, l=0.0), ["k", "l"]), "are all zero in \\('a', 2011\\).*0/0"),
        (lambda p: coagglomeration(p, "u", "u", "all"), "with itself"),
        (lambda p: coagglomeration(p.assign(k=np.array([[0.0, 1], [1, 1], [1, 1]])), "k", "k2", "all"), "no column 'k2'"),
        (lambda p: coagglomeration(p.assign(k=np.array([[0.0, 1], [1, 1], [1, 1]]), m=np.array([[0.0, 1], [1, 2], [1, 1]])), "k", "m", "all"), "both zero in \\('a', 2011\\): .* 0/0"),
        (lambda p: coagglomeration(p, "u", "v", "w"), "'u' exceeds 'w' in"),
        (lambda p: location_quotient(p.assign(k=np.array([[0.0, 1]] * 3)), "u", "k"), "'k' must be positive"),
        (lambda p: location_quotient(p.assign(k=np.array([[np.nan, 1]] * 3)), "k", "all"), "non-negative and present; it is not in"),
        (lambda p: ellison_glaeser(p, ["u"], "all", {}), "no Herfindahl index for 'u'.*lower bound"),
        (lambda p: ellison_glaeser(p, ["u"], "all", {"u": 1.0}), "lie in \\[0, 1\\); these do not: .*1.0"),
        (lambda p: ellison_glaeser(p, ["u"], "all", 0.1), "plants maps every industry"),
        (lambda p: ellison_glaeser(p.assign(k=0.0), ["k"], "all", {"k": 0.1}), "'k' is zero in every city in 2011, 2012: its shares are 0/0"),
        (lambda p: ellison_glaeser(p.subset(["a"]), ["u"], "all", {"u": 0.1}), "lies in one city"),
        (lambda p: coagglomeration_pairs(p, ["u"], "all"), "two industries at least"),
        (lambda p: spillover_index(p, "u", KM, 0.0), "decay=0.0"),
        (lambda p: spillover_index(p, "u", KM.iloc[:2], 0.1), "the rows of distances must name every city.*'c'"),
        (lambda p: spillover_index(p, "u", KM.to_numpy(), 0.1), "distances is a DataFrame by city id"),
        (lambda p: spillover_index(p, "u", -KM, 0.1), "distances holds negative"),
        (lambda p: centrality(p, OD, "closeness"), "measure='closeness'"),
        (lambda p: centrality(p, OD, direction="both"), "direction='both'"),
        (lambda p: centrality(p, OD.rename(columns={"flow": "n"})), "flows has no columns 'flow'; it has"),
        (lambda p: centrality(p, pd.concat([OD, OD])), "\\('a', 'b'\\), \\('b', 'c'\\) more than once"),
        (lambda p: centrality(p, OD.assign(flow=-1.0)), "non-negative numbers without holes"),
        (lambda p: centrality(p, OD.assign(flow=[1.0, np.nan])), "non-negative numbers without holes"),
        (lambda p: centrality(p, OD.replace("c", "x")), "names the cities 'x'"),
        (lambda p: centrality(p, OD.assign(year=2011)), "no rows for the years 2012"),
        (lambda p: centrality(p, OD.assign(flow=0.0)), "none between different cities in 2011, 2012"),
        (lambda p: centrality(p, flows(("a", "b", 1.0)), "eigenvector"), "falls into 2 parts"),
        (lambda p: centrality(p.subset(["a"]), OD), "two cities at least"),
        (lambda p: network_density(p, [1, 2]), "flows is a DataFrame with columns 'origin'"),
    ],
)  # fmt: skip
def test_what_cannot_be_located_is_refused(call, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(panel().assign(all=100.0))


def test_flows_in_categories_are_those_in_text():
    """What is left of a table after a selection keeps the categories that were left out."""
    table = pd.DataFrame({"origin": ["a", "b", "c", "a"], "destination": ["b", "a", "a", "c"],
                          "flow": [1.0, 2, 3, 4]})  # fmt: skip
    kind = pd.CategoricalDtype(["z", "c", "b", "a"])
    sorted_away = table.astype({"origin": kind, "destination": kind})
    for measure in ("degree", "strength", "eigenvector"):
        assert_allclose(
            centrality(panel(), sorted_away, measure), centrality(panel(), table, measure)
        )
    yearly = pd.concat([table.assign(year=2011), table.assign(year=2012, flow=2.0)])
    in_categories = yearly.astype({"origin": kind, "destination": kind, "year": "category"})
    assert_allclose(network_density(panel(), in_categories), network_density(panel(), yearly))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: ss.measures.ratio(p, "u", "v", scale="100"), "scale='100' must be a number"),
        (lambda p: ss.measures.ratio(p, "u", "v", scale=np.nan), "scale=nan must be a number"),
        (lambda p: spillover_index(p, "u", pd.DataFrame(), decay="1"), "decay='1' must be"),
        (lambda p: ss.measures.penetration(p, "u", "v", threshold="1"), "threshold='1' must be"),
        (lambda p: centrality(p, pd.DataFrame(), threshold=None), "threshold=None must be"),
        (lambda p: network_density(p, pd.DataFrame(), threshold="a"), "threshold='a' must be"),
        (lambda p: ss.measures.grey_relational(p, "u", "v", rho="0.5"), "rho='0.5' must be"),
        (lambda p: ss.measures.composite_synergy(p, {"a": "u", "b": "v"}, margin=np.inf), "margin=inf"),
        (lambda p: ss.measures.composite(p, {"u": [1], "v": 1}), r"the signs \{'u': \[1\]\} must be"),
    ],
)  # fmt: skip
def test_arguments_that_are_no_numbers_are_refused_in_words(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())
