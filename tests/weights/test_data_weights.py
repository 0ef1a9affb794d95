"""Weights from data: gap, gravity, similarity, flows, platforms and travel times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from places import KINDS, brute_km, scattered

import spatialsyn as ss

W = ss.weights
IDS = ["a", "b", "c", "d"]


def series(values, ids=IDS, name="gdp") -> pd.Series:
    made = pd.Series(values, index=list(ids), name=name)
    made.attrs["base_years"] = (2011, 2012)
    return made


def pairs(rows, **columns) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["origin", "destination", "value"])
    return table.assign(**columns)


# Economic


def test_gaps_tell_how_many_pairs_the_floor_holds_up():
    w = W.gap(series([1.0, 1.0, 1.4, 9.0]), floor=0.5)
    assert_allclose(w.dense()[0], [0, 2, 2, 1 / 8])
    assert w.recipe["floored_pairs"] == 3
    assert W.gap(series([1.0, 2, 4, 8])).recipe["floored_pairs"] is None
    for floor in (0, -1, np.inf):
        with pytest.raises(ss.WeightsError, match="the smallest gap that counts is positive"):
            W.gap(series([1.0, 1, 2, 3]), floor=floor)


def test_zeros_are_values_like_any_other():
    assert_allclose(W.gap(series([0.0, -2, 1, 4])).dense()[0], [0, 1 / 2, 1, 1 / 4])


def test_directed_gravity_gives_the_larger_city_the_larger_pull():
    """R_ij = k_ij m_i m_j / d^b with k_ij the sender's share of the two masses."""
    cities = scattered()
    mass = series(np.linspace(1, 12, 12), KINDS["text"], "broadband")
    km = brute_km(cities)
    both = W.gravity(mass, cities, power=2).dense()
    one_way = W.gravity(mass, cities, power=2, directed=True)
    for i, j in ((0, 5), (5, 0), (3, 11)):
        m_i, m_j = mass.iloc[i], mass.iloc[j]
        pull = m_j / (m_i + m_j) * m_i * m_j / km[i, j] ** 2
        assert_allclose(one_way.dense()[i, j], pull)
    assert (one_way.dense()[0, 1:] > one_way.dense()[1:, 0]).all()
    assert_allclose(one_way.dense() + one_way.dense().T, both)
    assert one_way.recipe["kind"] == "gravity (directed)"


def test_cities_at_one_point_have_no_gravity():
    cities = scattered(IDS)
    cities.loc["b", "geometry"] = cities.loc["a", "geometry"]
    mass = series([1.0, 2, 3, 4])
    with pytest.raises(ss.WeightsError, match=r"lie at the same point: \('a', 'b'\)"):
        W.gravity(mass, cities)
    assert_allclose(W.gravity(mass, cities, power=0).dense()[0], [0, 2, 3, 4])


def test_similarity_of_profiles_of_several_indicators():
    profile = pd.DataFrame({"mobile": [0.0, 0, 2, 2], "broadband": [1.0, 3, 1, 3]}, index=IDS)
    w = W.similarity(profile, base_years=(2011, 2012))
    # Every column has standard deviation one in units of (1, 1): apart by 2 each.
    expected = 1 / (
        1 + np.sqrt(np.array([[0, 4, 4, 8], [4, 0, 8, 4], [4, 8, 0, 4], [8, 4, 4, 0]]) / 2)
    )
    np.fill_diagonal(expected, 0)
    assert_allclose(w.dense(), expected)
    assert_allclose(W.similarity(profile * [3, 0.1] + 7, base_years=2011).dense(), expected)
    with pytest.raises(ss.WeightsError, match="one column or more; it has none"):
        W.similarity(profile[[]], base_years=2011)


# Flows

FLOWS = pairs([("a", "b", 5.0), ("b", "a", 1.0), ("c", "a", 2.0), ("a", "d", 4.0), ("d", "c", 1.0)])


def test_a_flow_is_the_pull_of_its_origin_on_its_destination():
    w = W.flows(FLOWS, IDS, base_years=2011)
    assert w.dense().tolist() == [[0, 1, 2, 0], [5, 0, 0, 0], [0, 0, 0, 1], [4, 0, 0, 0]]
    assert w.base_years == (2011,)
    searches = W.flows(FLOWS, IDS, receiver="origin", base_years=2011)
    assert_allclose(searches.dense(), w.dense().T)
    for how, made in {
        "mean": (w.dense() + w.dense().T) / 2,
        "product": w.dense() * w.dense().T,
    }.items():
        both = W.flows(FLOWS, IDS, base_years=2011, symmetric=how, isolates="keep")
        assert_allclose(both.dense(), made)
    square = FLOWS.pivot(index="origin", columns="destination", values="value").fillna(0)
    assert W.flows(square, IDS, base_years=2011).hash == w.hash


def test_flows_of_several_years_are_means_over_the_base_years():
    later = pairs([("a", "b", 3.0), ("c", "d", 6.0)], year=2012)
    table = pd.concat([FLOWS.assign(year=2011), later, FLOWS.assign(year=2019, value=99.0)])
    w = W.flows(table, IDS, base_years=(2011, 2012))
    first = W.flows(FLOWS, IDS, base_years=2011).dense()
    second = np.zeros((4, 4))
    second[1, 0], second[3, 2] = 3, 6
    assert_allclose(w.dense(), (first + second) / 2)
    assert W.flows(table, IDS, base_years="all").base_years == "all"
    with pytest.raises(ss.WeightsError, match=r"no year 2010, 2013; it has 2011, 2012, 2019"):
        W.flows(table, IDS, base_years=(2010, 2011, 2013))
    with pytest.raises(ss.WeightsError, match="rows whose year is missing or no number"):
        W.flows(table.assign(year="soon"), IDS, base_years=2011)
    with pytest.raises(ss.WeightsError, match=r"flows of 2011 lists \('a', 'b'\) more than once"):
        W.flows(pd.concat([table, table.iloc[:1]]), IDS, base_years=2011)


def test_flows_within_a_city_are_left_out_and_told():
    table = pd.concat([FLOWS, pairs([("a", "a", 39.0)])])
    w = W.flows(table, IDS, base_years=2011)
    assert w.hash == W.flows(FLOWS, IDS, base_years=2011).hash
    assert FLOWS["value"].sum() == 13
    assert w.recipe["own"] == 39 / 52


def test_a_city_that_receives_nothing_needs_a_decision():
    table = FLOWS[FLOWS["destination"] != "d"]
    with pytest.raises(ss.WeightsError, match=r"'d' receive no flow at all.*\"keep\""):
        W.flows(table, IDS, base_years=2011)
    assert W.flows(table, IDS, base_years=2011, isolates="keep").isolates == ("d",)
    dropped = W.flows(table, IDS, base_years=2011, isolates="drop")
    # c received from d only: it has no neighbour either once d is gone, and a and b stay.
    assert dropped.ids == ("a", "b")
    assert dropped.recipe["dropped"] == ("d", "c")
    with pytest.raises(ss.WeightsError, match="'nearest' is not one of 'keep', 'drop'"):
        W.flows(table, IDS, base_years=2011, isolates="nearest")
    with pytest.raises(ss.WeightsError, match="'a' send no flow"):
        W.flows(FLOWS[FLOWS["origin"] != "a"], IDS, receiver="origin", base_years=2011)


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        (FLOWS, {"base_years": None}, ss.WeightsError, "do not say of which years"),
        (FLOWS, {"receiver": "both"}, ss.WeightsError, "receiver='both' is not one of"),
        (
            FLOWS,
            {"ids": ["a", "b", "c"]},
            ss.AlignmentError,
            "that the matrix has not: 'd'; its ids: 'a', 'b', 'c'. Call the cities alike",
        ),
        (FLOWS.to_numpy(), {}, ss.WeightsError, "come as a DataFrame; got ndarray"),
        (FLOWS.rename(columns={"value": "n"}), {}, ss.WeightsError, "has the columns 'origin'"),
        (pd.concat([FLOWS, FLOWS]), {}, ss.WeightsError, r"lists \('a', 'b'\).*more than once"),
        (FLOWS.assign(value=-1.0), {}, ss.WeightsError, "must be numbers of zero or more"),
        (FLOWS.assign(value=np.nan), {}, ss.WeightsError, "must be numbers of zero or more"),
        (FLOWS.assign(value="many"), {}, ss.WeightsError, "must be numbers of zero or more"),
        (FLOWS.assign(value=np.inf), {}, ss.WeightsError, "flows must be finite"),
        (FLOWS.assign(value=0.0), {}, ss.WeightsError, "no flow between two different cities"),
        (FLOWS.assign(origin=[None, "b", "c", "a", "d"]), {}, ss.WeightsError, "no city in 1 rows"),
        (
            pd.DataFrame(1.0, index=["a", "a"], columns=["a", "a"]),
            {},
            ss.WeightsError,
            "more than once",
        ),
    ],
)
def test_tables_that_are_no_flows(table, options, error, message):
    with pytest.raises(error, match=message):
        W.flows(table, **({"ids": IDS, "base_years": 2011} | options))


def test_a_table_that_is_all_but_square_names_the_cities_that_differ():
    square = FLOWS.pivot(index="origin", columns="destination", values="value").fillna(0)
    first, *_, last = square.index
    cut = square.drop(index=last).rename(columns={first: "elsewhere"})
    told = f"'{first}' are rows only. .*'elsewhere'.*'{last}'.* are columns only"
    with pytest.raises(ss.WeightsError, match=told):
        W.flows(cut, base_years=2011)


def test_a_hint_when_the_ids_differ_in_kind():
    table = pairs([(1, 2, 1.0), (2, 1, 1.0)])
    with pytest.raises(ss.AlignmentError, match="differ in kind only"):
        W.flows(table, ["1", "2"], base_years=2011)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_a_table_does_not_matter(kind):
    ids = KINDS[kind]
    rng = np.random.default_rng(5)
    rows = [(i, j, float(rng.integers(1, 9))) for i in ids for j in ids if i != j]
    table = pairs(rows)
    mixed = table.sample(frac=1, random_state=1)
    shuffle = rng.permutation(12)
    moved = [ids[i] for i in shuffle]
    for build in (
        lambda t, order: W.flows(t, order, base_years=2011),
        lambda t, order: W.travel_time(t, order, power=2),
    ):
        w, other = build(table, ids), build(mixed, moved)
        assert_allclose(other.dense(), w.dense()[np.ix_(shuffle, shuffle)])
        assert other.hash == w.hash
        assert build(mixed, None).hash == w.hash


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "build",
    [
        lambda c, x: W.gap(x),
        lambda c, x: W.similarity(x),
        lambda c, x: W.gravity(x, c, power=1.5, directed=True),
        lambda c, x: W.comembership((x.to_frame() > [4]).assign(all=True)),
    ],
)
def test_relabelling_permutes_weights_from_data_and_nothing_else(build, kind):
    ids = KINDS[kind]
    cities = scattered(ids)
    x = series(np.random.default_rng(7).uniform(1, 9, 12), ids)
    w = build(cities, x)
    shuffle = np.random.default_rng(3).permutation(12)
    # The polygons stay in their order: cities are matched by id.
    moved = build(cities, x.iloc[shuffle])
    assert moved.ids == tuple(ids[i] for i in shuffle)
    assert_allclose(moved.dense(), w.dense()[np.ix_(shuffle, shuffle)])
    assert moved.hash == w.hash


# Platforms

PLATFORMS = pd.DataFrame(
    [[1, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 1], [0, 0, 0, 1]], index=IDS, columns=list("wxyz")
)


def test_common_platforms_are_counted_or_shared():
    count = W.comembership(PLATFORMS, base_years=2011)
    assert count.dense().tolist() == [[0, 2, 2, 1], [2, 0, 1, 1], [2, 1, 0, 1], [1, 1, 1, 0]]
    share = W.comembership(PLATFORMS.astype(bool), "jaccard", base_years=2011)
    for i, a in enumerate(IDS):
        for j, b in enumerate(IDS):
            on_a, on_b = (set(PLATFORMS.columns[PLATFORMS.loc[c] == 1]) for c in (a, b))
            expected = 0 if i == j else len(on_a & on_b) / len(on_a | on_b)
            assert_allclose(share.dense()[i, j], expected)


def test_a_city_without_a_common_platform_needs_a_decision():
    table = PLATFORMS[["w", "x", "y"]]
    with pytest.raises(ss.WeightsError, match="'d' share no platform with any other city"):
        W.comembership(table, base_years=2011)
    assert W.comembership(table, base_years=2011, isolates="drop").ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (PLATFORMS, {"base_years": None}, "do not say of which years"),
        (PLATFORMS, {"measure": "cosine"}, "measure='cosine' is not one of 'count', 'jaccard'"),
        (PLATFORMS * 2, {}, r"other values for 'a', 'b', 'c', 'd'.*table > 0"),
        (PLATFORMS.where(PLATFORMS > 0), {}, "there are other values for"),
        (PLATFORMS.replace(1, "yes").astype(object), {}, "there are other values for"),
        (PLATFORMS * 0, {}, "no city is on any platform"),
        (PLATFORMS.set_axis(["a", "a", "b", "c"]), {}, "the cities 'a' more than once"),
        (PLATFORMS.to_numpy(), {}, "takes a city x platform table; got ndarray"),
    ],
)
def test_tables_that_are_no_memberships(table, options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.comembership(table, **({"base_years": 2011} | options))


# Travel times

TIMES = pairs(
    [
        ("a", "b", 1.0), ("b", "a", 2.0), ("a", "c", 4.0),
        ("c", "a", 4.0), ("b", "c", np.inf), ("c", "b", 8.0),
    ]
)  # fmt: skip


def test_weights_fall_with_the_time_from_the_sender():
    w = W.travel_time(TIMES, power=2)
    assert w.dense().tolist() == [[0, 1 / 4, 1 / 16], [1, 0, 1 / 64], [1 / 16, 0, 0]]
    near = W.travel_time(TIMES, cutoff=3, isolates="nearest")
    # c is reached in time by nobody; a reaches it soonest. Who c reaches stays as it was.
    assert near.dense().tolist() == [[0, 1 / 2, 0], [1, 0, 0], [1 / 4, 0, 0]]
    just = W.travel_time(TIMES, cutoff=4).dense()  # what takes the whole time is in reach
    assert just.tolist() == [[0, 1 / 2, 1 / 4], [1, 0, 0], [1 / 4, 0, 0]]
    both = W.travel_time(TIMES, cutoff=1.5, symmetric="mean", isolates="nearest").dense()
    assert both.tolist() == [[0, 1 / 2, 1 / 4], [1 / 2, 0, 0], [1 / 4, 0, 0]]
    square = TIMES.pivot(index="origin", columns="destination", values="value")
    assert W.travel_time(square, power=2).hash == w.hash


def test_pairs_that_stand_once_hold_both_ways_only_if_asked():
    once = TIMES[TIMES["origin"] < TIMES["destination"]].replace(np.inf, 5.0)
    with pytest.raises(
        ss.WeightsError, match=r"no time from and to \('b', 'a'\).*symmetric=\"mean\""
    ):
        W.travel_time(once)
    w = W.travel_time(once, symmetric="mean").dense()
    assert_allclose(w, [[0, 1, 1 / 4], [1, 0, 1 / 5], [1 / 4, 1 / 5, 0]])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"power": 0}, "decay needs a positive power"),
        ({}, {"cutoff": 0}, "a positive time is needed"),
        ({"value": 0.0}, {}, r"travel times must be positive; they are zero for"),
        ({"value": np.nan}, {}, "travel times must be numbers of zero or more"),
        ({}, {"cutoff": 3}, r"'c' are reached from no other city within 3"),
        ({"value": np.inf}, {}, "are reached from no other city"),
    ],
)
def test_times_that_are_none(change, options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.travel_time(TIMES.assign(**change), **options)


def test_a_pair_that_is_not_listed_is_a_hole_not_a_wall():
    with pytest.raises(ss.WeightsError, match=r"\('a', 'b'\).*write inf"):
        W.travel_time(TIMES.iloc[1:])


def test_equal_values_are_equal_whatever_rounding_makes_of_their_means():
    """(0.1 + 0.2 + 0.3) / 3 and (0.3 + 0.2 + 0.1) / 3 differ in the last bit."""
    means = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [5, 5, 6], [7, 8, 8]]).mean(axis=1)
    assert means[0] != means[1]
    with pytest.raises(ss.WeightsError, match=r"equal values of 'gdp'.*\('a', 'b'\)"):
        W.gap(series(means))
    exact = W.gap(series([0.2, 0.2, 16 / 3, 23 / 3]), floor=1.0)
    floored = W.gap(series(means), floor=1.0)
    assert_allclose(floored.dense(), exact.dense())
    assert floored.recipe["floored_pairs"] == exact.recipe["floored_pairs"] == 1
    flat = series([0.3, 0.1 * 3, 0.3, 0.3], name="share")
    with pytest.raises(ss.WeightsError, match="'share' is the same in every city"):
        W.similarity(pd.DataFrame({"gdp": means, "share": flat}, index=IDS), base_years=2011)


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e9, 1e300])
def test_gaps_that_are_small_beside_other_cities_stay_gaps(unit):
    x = np.array([1.0, 1.001, 1e6, 2e6])
    with np.errstate(divide="ignore"):
        by_hand = np.where(np.eye(4), 0, 1 / np.abs(x[:, None] - x))
    assert_allclose(W.gap(series(x * unit)).standardize().dense(),
                    by_hand / by_hand.sum(axis=1, keepdims=True), rtol=1e-9)  # fmt: skip
