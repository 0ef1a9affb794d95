"""How much an index depends on its choices, and what two indices share."""

from __future__ import annotations

import numpy as np
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose
from scipy.stats import spearmanr

import spatialsyn as ss
from spatialsyn.measures import (
    composite,
    composite_synergy,
    coupling,
    entropy_weights,
    grey_relational,
    overlap,
    sensitivity,
)
from spatialsyn.measures.sensitivity import compared

INDICATORS = {"u": +1, "v": +1, "w": -1}


def rows(found, part):
    return found.table[found.table["part"] == part].set_index("variant")


def test_every_choice_of_a_composite_is_changed_once():
    found = composite(random_panel(), INDICATORS).sensitivity()
    assert rows(found, "without").index.tolist() == ["u", "v", "w"]
    assert rows(found, "weighting").index.tolist() == ["equal", "critic", "variation", "pca"]
    assert rows(found, "normalisation").index.tolist() == ["from zero", "every year by itself"]
    assert rows(found, "zero shift").index.tolist() == ["1e-06", "0.0001", "0.01", "1"]
    assert rows(found, "aggregation").index.tolist() == ["topsis"]


def test_a_variant_is_the_index_computed_with_the_change():
    p = random_panel()
    made = composite(p, INDICATORS)
    scores = made.sensitivity().scores
    assert_allclose(scores["as it is"], made.score)
    assert_allclose(scores["without: w"], composite(p, {"u": 1, "v": 1}).score)
    assert_allclose(scores["weighting: critic"], composite(p, INDICATORS, "critic").score)
    assert_allclose(
        scores["normalisation: every year by itself"], composite(p, INDICATORS, over="year").score
    )
    z = made.normalised
    assert_allclose(scores["zero shift: 1"], z @ entropy_weights(z.to_numpy() + 1))


def test_comparisons_written_out():
    p = random_panel(n=8, T=5)
    a, b = p.frame["u"], p.frame["v"]
    made = compared(a, b)
    x, y = p.array("u"), p.array("v")
    assert made["correlation"] == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    by_year = [spearmanr(x[:, t], y[:, t]).statistic for t in range(5)]
    assert made["rank"] == pytest.approx(np.mean(by_year))
    dummies = np.c_[np.kron(np.eye(8), np.ones((5, 1))), np.kron(np.ones((8, 1)), np.eye(5))]
    e, f = (
        v - dummies @ np.linalg.lstsq(dummies, v, rcond=None)[0] for v in (x.ravel(), y.ravel())
    )
    assert made["within"] == pytest.approx(np.corrcoef(e, f)[0, 1])
    assert compared(a, a) == {"correlation": 1, "within": 1, "rank": 1, "shift": 0}


def test_the_largest_change_of_rank():
    p = panel("abcd", [2011, 2012], x=[1.0, 1, 2, 2, 3, 3, 4, 4], y=[1.0, 9, 2, 2, 3, 3, 4, 4])
    assert compared(p.frame["x"], p.frame["y"])["shift"] == 3


def test_what_is_not_defined_keeps_its_row_and_its_reason():
    p = random_panel()
    p = p.assign(v=-p.frame["u"] + 20)
    found = composite(p, {"u": 1, "v": 1, "w": 1}).sensitivity()
    pca = rows(found, "weighting").loc["pca"]
    assert np.isnan(pca["rank"])
    assert pca["note"] == "PCA gives 'v' a negative weight"
    assert (found.table.loc[found.table["rank"].notna(), "note"] == "").all()
    assert "weighting: pca" not in found.scores


def test_sensitivity_of_the_other_indices():
    p = random_panel()
    sub = {"one": {"u": 1, "v": 1}, "two": {"w": -1}}
    made = coupling(p, sub, method="equal").sensitivity()
    assert rows(made, "without").index.tolist() == ["u", "v"]  # w alone is a subsystem
    assert rows(made, "degree").index.tolist() == ["modified"]
    assert_allclose(
        made.scores["degree: modified"], coupling(p, sub, method="equal", modified=True).D
    )
    changes = composite_synergy(p, sub).sensitivity()
    assert rows(changes, "base").index.tolist() == ["adjacent"]
    assert rows(changes, "margin").index.tolist() == ["0", "0.2"]
    assert rows(changes, "method").index.tolist() == ["equal", "entropy"]
    assert changes.table["rank"].notna().all()
    grey = grey_relational(p, "u", ["v", "w"]).sensitivity()
    assert set(grey.table["part"]) == {"without", "rho", "normalisation"}


def test_own_weights_are_scaled_up_when_an_indicator_leaves():
    p = random_panel()
    made = composite(p, INDICATORS, {"u": 0.5, "v": 0.3, "w": 0.2})
    left = composite(p, {"u": 1, "v": 1}, {"u": 0.625, "v": 0.375})
    assert_allclose(made.sensitivity().scores["without: w"], left.score)
    assert "zero shift" not in set(made.sensitivity().table["part"])
    alone = composite(p, INDICATORS, {"u": 1.0, "v": 0.0, "w": 0.0}).sensitivity()
    assert "sum to one" in rows(alone, "without").loc["u", "note"]


def test_a_frozen_index_is_compared_with_both_other_spans():
    table = composite(random_panel(), INDICATORS, over=[2011, 2012]).sensitivity().table
    spans = table.loc[table["part"] == "normalisation", "variant"]
    assert spans.tolist() == ["from zero", "pooled", "every year by itself"]


def test_one_indicator_has_nothing_to_leave_out():
    table = composite(random_panel(), {"u": 1}).sensitivity().table
    assert "without" not in set(table["part"])


def test_indices_that_share_an_indicator_warn_with_what_it_accounts_for():
    p = random_panel(n=10, T=5)
    y, x = composite(p, {"u": 1, "v": 1}, "equal"), composite(p, {"v": 1, "w": 1}, "equal")
    with pytest.warns(
        UserWarning, match=r"share 'v': these alone account for \d+% of y .*one side"
    ):
        found = overlap(y, x)
    assert found
    assert found.shared == ("v",)
    score, z = y.score.to_numpy(), x.normalised
    for names, effects, r2 in (
        (["v", "w"], np.ones((50, 1)), found.r2),
        (["v"], np.ones((50, 1)), found.r2_shared),
    ):
        X = np.c_[effects, z[names]]
        rest = score - X @ np.linalg.lstsq(X, score, rcond=None)[0]
        assert r2 == pytest.approx(1 - rest @ rest / ((score - score.mean()) ** 2).sum())
    dummies = np.c_[np.kron(np.eye(10), np.ones((5, 1))), np.kron(np.ones((10, 1)), np.eye(5))]
    for names, r2 in ((["v", "w"], found.r2_within), (["v"], found.r2_within_shared)):
        ssr = [
            np.sum((score - X @ np.linalg.lstsq(X, score, rcond=None)[0]) ** 2)
            for X in (dummies, np.c_[dummies, z[names]])
        ]
        assert r2 == pytest.approx(1 - ssr[1] / ssr[0])


def test_an_index_against_itself_is_an_identity():
    made = composite(random_panel(), INDICATORS)
    with pytest.warns(UserWarning, match="share 'u', 'v', 'w'"):
        found = overlap(made, made)
    assert_allclose([found.r2, found.r2_within, found.r2_shared], 1)


def test_indices_without_a_common_indicator_are_silent():
    p = random_panel(n=30, T=4, names=("u", "v", "w", "x"))
    y, x = composite(p, {"u": 1, "v": 1}), composite(p, {"w": 1, "x": 1})
    found = overlap(y, x)
    assert not found
    assert found.shared == ()
    assert (found.r2_shared, found.r2_within_shared) == (0, 0)
    assert found.r2 < 0.2
    assert "no indicator shared" in repr(found)
    changes = composite_synergy(p, {"one": "u", "two": "v"})
    assert 0 <= overlap(changes, x).r2_within < 0.2  # the lost first year does not matter


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: overlap(p.frame["u"], composite(p, {"u": 1})), "overlap compares two indices .*; got Series"),
        (lambda p: overlap(composite(p, {"u": 1}), composite(p.subset(["a", "b"]), {"u": 1})), "the same cities and years"),
        (lambda p: sensitivity(p.frame["u"]), "sensitivity is defined for indices; got Series"),
    ],
)  # fmt: skip
def test_what_is_no_index_is_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())
