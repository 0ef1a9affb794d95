"""Local Moran: esda's statistic, all permutations' p, giddy's moves."""

from __future__ import annotations

import json
import warnings
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from explore.fields import field, smooth
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

import spatialsyn as ss
from spatialsyn.explore.transitions import transitions

GIDDY = Path(__file__).parents[1] / "reference" / "giddy_lisa_markov.json"


def test_local_statistics_are_those_of_the_definition():
    x = smooth()
    panel, w = field(x)
    found = ss.explore.lisa(panel, "x", w)
    z = (x[:, 1] - x[:, 1].mean()) / x[:, 1].std()
    lag = w.dense() @ z
    rows = found.at(2002)
    assert_allclose(rows["value"], z)
    assert_allclose(rows["lag"], lag)
    assert_allclose(rows["local"], z * lag * 29 / (z @ z))
    by_hand = ["HL"[int(a < 0)] + "HL"[int(b <= 0)] for a, b in zip(z, lag, strict=True)]
    assert list(rows["quadrant"]) == by_hand
    # They sum to the global one (Anselin 1995).
    whole = ss.explore.autocorrelation(panel, "x", w, "moran")["moran"].loc[2002, "value"]
    assert_allclose(rows["local"].sum() / 29, whole)


def test_p_values_agree_with_all_neighbourhoods():
    """Seven cities, two or three neighbours: every choice of neighbours is enumerated."""
    x = smooth(7, 1, seed=3)
    panel, w = field(x)
    found = ss.explore.lisa(panel, "x", w, permutations=9999).at(2001)
    z = (x[:, 0] - x.mean()) / x.std()
    for i, row in enumerate(w.dense()):
        strengths = row[row != 0]
        others = np.delete(z, i)
        every = [z[i] * others[list(c)] @ strengths
                 for c in permutations(range(6), len(strengths))]  # fmt: skip
        own = z[i] * row @ z
        above = np.mean(np.array(every) >= own - 1e-12)
        below = np.mean(np.array(every) <= own + 1e-12)
        p = min(1.0, 2 * min(above, below))
        # Four standard errors of a share over 9999 draws.
        assert_allclose(found["p"].iloc[i], p, atol=4 * np.sqrt(2 * p / 9999))


def test_p_values_agree_with_esda():
    """Its simulated values, counted as ours are: versions differ in the tail they report."""
    from esda.moran import Moran_Local

    x = smooth(40, 1, seed=1)
    panel, w = field(x)
    ours = ss.explore.lisa(panel, "x", w).at(2001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Moran_Local(x[:, 0], w.to_w(), transformation="O", permutations=9999, seed=1)
    beyond = np.minimum(
        (theirs.sim >= theirs.Is).sum(axis=0), (theirs.sim <= theirs.Is).sum(axis=0)
    )
    p = np.minimum(2 * (1 + beyond) / 10000, 1)
    # Two samples of 9999 draws: four standard errors of the difference.
    assert np.all(np.abs(ours["p"] - p) <= 4 * np.sqrt(4 * p / 9999))


@pytest.mark.filterwarnings("ignore")  # what esda warns of on import
def test_statistics_and_quadrants_are_those_of_esda_whatever_the_weights():
    from esda.moran import Moran_Local

    rng = np.random.default_rng(2)
    W = rng.random((60, 60)) * (rng.random((60, 60)) < 0.08)
    np.fill_diagonal(W, 0)
    panel, w = field(smooth(60, 1, seed=5))
    w = ss.Weights.from_matrix(W, ids=w.ids, name="w")
    ours = ss.explore.lisa(panel, "x", w, permutations=99).at(2001)
    theirs = Moran_Local(panel.array("x")[:, 0], w.to_w(), transformation="O", permutations=0)
    assert_allclose(ours["local"], theirs.Is, rtol=1e-12)
    linked = W.any(axis=1)
    names = np.array(["HH", "LH", "LL", "HL"])[theirs.q - 1]
    assert list(ours["quadrant"][linked]) == list(names[linked])
    assert (ours["quadrant"][~linked] == "n.s.").all()


def test_false_discoveries_are_controlled_within_the_year():
    panel, w = field(smooth())
    found = ss.explore.lisa(panel, "x", w, level=0.2)
    for year in (2001, 2003):
        rows = found.at(year).sort_values("p")
        n = len(rows)
        raw = rows["p"].to_numpy() * n / np.arange(1, n + 1)
        by_hand = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1)
        assert_allclose(rows["q"], by_hand)
        assert ((rows["cluster"] == "n.s.") == (rows["q"] > 0.2)).all()
    assert (found.counts.sum(axis=1) == 30).all()
    assert list(found.counts) == ["HH", "LH", "LL", "HL", "n.s."]


def test_noise_has_few_clusters():
    noise = np.random.default_rng(0).normal(size=(36, 100))
    panel, w = field(noise, first=1900)
    found = ss.explore.lisa(panel, "x", w, permutations=1999)
    # Under the null a year has any discovery with probability 5 % at most; four standard errors.
    any_found = (found.counts["n.s."] < 36).mean()
    assert any_found <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)


def test_a_hot_spot_is_found():
    """Nine hot cities on a circle where everyone has the three next on either side."""
    x = np.random.default_rng(0).normal(size=(60, 1))
    x[20:29] += 6
    near = sum(np.roll(np.eye(60), k, axis=1) for k in (-3, -2, -1, 1, 2, 3))
    panel, w = field(x)
    links = ss.Weights.from_matrix(near, ids=w.ids, name="near").standardize("row")
    found = ss.explore.lisa(panel, "x", links).at(2001)
    high = set(found.index[found["cluster"] == "HH"])
    assert {f"c{i:03d}" for i in range(22, 27)} <= high <= {f"c{i:03d}" for i in range(20, 29)}


def test_the_seed_decides_and_years_are_independent_of_each_other():
    panel, w = field(smooth())
    one = ss.explore.lisa(panel, "x", w, seed=1)
    assert_frame_equal(one.table, ss.explore.lisa(panel, "x", w, seed=1).table)
    assert not one.table["p"].equals(ss.explore.lisa(panel, "x", w, seed=2).table["p"])
    alone = ss.explore.lisa(panel.subset(years=[2003]), "x", w, seed=1)
    assert_frame_equal(alone.at(2003), one.at(2003))


def test_a_city_without_neighbours_is_no_test():
    panel, w = field(smooth())
    W = w.dense().copy()
    W[4] = 0
    found = ss.explore.lisa(panel, "x", ss.Weights.from_matrix(W, ids=w.ids, name="w")).at(2001)
    assert np.isnan(found.loc["c004", ["p", "q"]].astype(float)).all()
    assert found.loc["c004", ["quadrant", "cluster"]].tolist() == ["n.s.", "n.s."]
    assert found["q"].notna().sum() == 29


def test_too_few_permutations_for_so_many_cities_are_told():
    panel, w = field(smooth(60, 1))
    found = ss.explore.lisa(panel, "x", w, permutations=999)
    assert "one city alone cannot reach q <= 0.05 among 60: take 2400 or more" in repr(found)
    # The smallest p is 2 / (1 + draws), and 60 times it is the smallest q of one city alone.
    for draws, told in ((2398, True), (2399, False)):
        assert bool(ss.explore.lisa(panel, "x", w, permutations=draws).note) == told
    assert ss.explore.lisa(panel, "x", w, permutations=2400).note == ""
    assert "take 2400" in found._repr_html_()


def test_moves_between_quadrants_are_those_of_giddy():
    theirs = json.loads(GIDDY.read_text())
    y, links = np.array(theirs["y"]), np.array(theirs["links"], dtype=float)
    panel, _ = field(y)
    w = ss.Weights.from_matrix(links / links.sum(axis=1, keepdims=True), panel.ids, name="w")
    moved = ss.explore.lisa(panel, "x", w).transitions()
    assert_allclose(moved.counts, theirs["transitions"])
    assert_allclose(moved.probabilities, theirs["p"])
    # giddy numbers the 16 pairs (from, to) row by row.
    number = {name: i for i, name in enumerate(["HH", "LH", "LL", "HL"])}
    moves = moved.moves
    codes = 1 + 4 * moves["from"].map(number) + moves["to"].map(number)
    wide = moves.assign(code=codes).pivot(index="city", columns="year", values="code")
    assert_allclose(wide, theirs["move_types"])


def test_types_of_moves_say_who_moved():
    import pandas as pd

    wide = pd.DataFrame(
        {2001: ["HH", "HH", "HH", "HH", "LL"], 2002: ["HH", "LH", "HL", "LL", "HH"]},
        index=list("abcde"),
    )
    found = transitions(wide, ["HH", "LH", "LL", "HL"])
    assert list(found.moves["type"]) == ["0", "I", "II", "III", "III"]
    assert found.types.to_dict() == {"0": 0.2, "I": 0.2, "II": 0.2, "III": 0.4}
    assert set(found.moves["year"]) == {2002}
    assert found.counts.loc["HH"].to_list() == [1, 1, 1, 1]
    assert found.probabilities.loc["LH"].isna().all()
    assert "HH" in repr(found)


def test_no_move_is_counted_over_years_that_are_left_out():
    panel, w = field(smooth(T=5))
    whole = ss.explore.lisa(panel, "x", w).transitions()
    series = panel.frame["x"]
    gap = series[series.index.get_level_values("year") != 2003]
    cut = ss.explore.lisa(panel, gap, w).transitions()
    kept = whole.moves["year"].isin([2002, 2005])
    assert_frame_equal(cut.moves, whole.moves[kept].reset_index(drop=True))
    apart = series[series.index.get_level_values("year").isin([2001, 2003])]
    with pytest.raises(ss.PanelError, match="one after the other; there is 2001, 2003 only"):
        ss.explore.lisa(panel, apart, w).transitions()


def test_clusters_can_be_classes_of_their_own():
    panel, w = field(smooth())
    moved = ss.explore.lisa(panel, "x", w, level=0.3).transitions(clusters=True)
    assert list(moved.counts.index) == ["HH", "LH", "LL", "HL", "n.s."]
    assert moved.counts.to_numpy().sum() == 60
    assert (moved.moves.loc[moved.moves["from"] == "n.s.", "type"] == "").all()


def test_mistakes_are_named():
    panel, w = field(smooth())
    flat = smooth()
    flat[:, 2] = 1.0
    cases = [
        (lambda: ss.explore.lisa(panel.assign(x=flat), "x", w), "'x' does not vary in 2003"),
        (lambda: ss.explore.lisa(panel, "x", w, level=5), "level=5 must lie between 0 and 1"),
        (lambda: ss.explore.lisa(panel, "x", w, permutations=10), "permutations=10"),
        (lambda: ss.explore.lisa(panel, "x", w).at(1999), "no year 1999 here; there are 2001, 2002"),
        (lambda: ss.explore.lisa(panel.subset(years=[2001]), "x", w).transitions(),
         "a move needs two years, one after the other; there is 2001 only"),
    ]  # fmt: skip
    for call, text in cases:
        with pytest.raises(ss.PanelError, match=text):
            call()
