"""Measures against published values, hand computation and their own limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures.small import panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import (
    composite,
    coupling,
    coupling_degree,
    entropy_weights,
    location_quotient,
    minmax,
    modified_coupling_degree,
    overlap,
    ratio,
)


# Values of the coupling degree and of the modified degree of Wang et al. (2021); the standard
# ones follow from the formula by hand: 2 sqrt(.16) / 1 = .8.
@pytest.mark.parametrize(
    ("U", "standard", "modified"),
    [
        ((0.2, 0.8), 0.8, 0.3162),
        ((0.6, 0.9), 0.97980, 0.68313),
        ((0.3, 0.5, 0.9), 0.90528, 0.50813),
        ((0.01, 0.01), 1.0, 1.0),
    ],
)
def test_coupling_degrees_have_their_published_values(U, standard, modified):
    assert_allclose(coupling_degree(np.array(U)), standard, atol=5e-6)
    assert_allclose(modified_coupling_degree(np.array(U)), modified, atol=3e-5)


def test_the_factor_n_is_there():
    """The common misprint has a maximum of 1/2 for two subsystems."""
    assert coupling_degree(np.array([0.5, 0.5])) == pytest.approx(1)
    assert coupling_degree(np.array([0.5, 0.5, 0.5])) == pytest.approx(1)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_coupling_lies_between_zero_and_one(U):
    scores = np.array(U)
    assert 0 <= coupling_degree(scores) <= 1 + 1e-12
    assert 0 <= modified_coupling_degree(scores) <= 1 + 1e-12
    assert_allclose(coupling_degree(scores[::-1]), coupling_degree(scores))


def test_coupling_of_nothing_is_zero_not_a_division():
    assert coupling_degree(np.zeros(2)) == 0
    assert modified_coupling_degree(np.zeros(2)) == 0


def test_coordination_is_the_root_of_coupling_times_level():
    made = coupling(
        panel(), {"first": ["u"], "second": {"v": -1}}, importance={"first": 0.7, "second": 0.3}
    )
    U = np.c_[minmax(np.arange(1.0, 7)), minmax(np.array([6.0, 1, 5, 2, 4, 3]), -1)]
    assert_allclose(made.subsystems, U)
    assert_allclose(made.T, U @ [0.7, 0.3])
    assert_allclose(made.D, np.sqrt(coupling_degree(U) * (U @ [0.7, 0.3])))
    assert made.indicators == ("u", "v")
    assert "standard C" in repr(made)


def test_entropy_weights_by_hand():
    """z = (0, 1, 1) has entropy ln 2 / ln 3; z = (0, 0, 1) has none."""
    z = np.array([[0.0, 0], [1, 0], [1, 1]])
    first = 1 - np.log(2) / np.log(3)
    assert_allclose(entropy_weights(z), np.array([first, 1]) / (first + 1))


def test_a_small_shift_of_zeros_changes_nothing():
    z = np.random.default_rng(0).random((31, 3))
    z[:26, 0] = 0
    assert entropy_weights(z)[0] > 0.6  # entropy rewards sparsity: a known trap, shown
    assert_allclose(entropy_weights(z), entropy_weights(z + 1e-9), atol=1e-6)


def test_composite_is_pooled_and_signed():
    made = composite(panel(), {"u": +1, "v": "-"}, method="equal")
    assert_allclose(
        made.score, (minmax(np.arange(1.0, 7)) + minmax(np.array([6.0, 1, 5, 2, 4, 3]), -1)) / 2
    )
    assert made.weights.to_dict() == {"u": 0.5, "v": 0.5}
    assert_allclose(made.normalised["u"].max(), 1)
    weighted = composite(panel(), {"u": 1, "w": 1})
    assert weighted.weights["w"] > 0.8  # one outlier takes most of the entropy weight
    assert "w 0." in repr(weighted)


def test_location_quotient_is_one_at_the_share_of_the_sample():
    p = panel(part=[1.0, 1, 2, 1, 3, 1], whole=[10.0, 10, 10, 10, 10, 10])
    lq = location_quotient(p, "part", "whole")
    assert_allclose(lq.xs(2012, level="year"), 1)
    assert_allclose(lq.xs(2011, level="year"), [0.5, 1, 1.5])
    assert_allclose(ratio(p, "part", "whole", scale=100).iloc[0], 10)


def test_shared_indicators_are_found():
    p = panel()
    a, b = composite(p, {"u": 1, "v": 1}), coupling(p, {"one": "v", "two": "w"})
    with pytest.warns(UserWarning, match="y and x share 'v': these alone account for .* identity"):
        assert overlap(a, b).shared == ("v",)
    with pytest.raises(ss.PanelError, match="overlap compares two indices"):
        overlap(a, p.frame["u"])


def test_zero_as_origin_keeps_every_score_positive():
    assert_allclose(minmax(np.array([1.0, 2, 4]), origin="zero"), [0.25, 0.5, 1])
    assert_allclose(minmax(np.array([1.0, 2, 4]), -1, origin="zero"), [0.75, 0.5, 0])
    assert (coupling(panel(), {"a": "u", "b": "v"}, origin="zero").D > 0).all()
    assert (coupling(panel(), {"a": "u", "b": "v"}).D == 0).sum() == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: composite(p, {}), "at least one indicator"),
        (lambda p: composite(p, {"u": 2}), "must be \\+1 or -1"),
        (lambda p: composite(p, {"q": 1}), "no column 'q'"),
        (lambda p: composite(p, {"u": 1}, method="ahp"), "method='ahp' is not one of 'entropy', 'equal', 'critic'"),
        (lambda p: composite(p.assign(k=3.0), {"k": 1}), "'k' is 3 everywhere"),
        (lambda p: composite(p.assign(k=np.array([[1.0, np.nan]] * 3)), {"k": 1}), "3 missing or infinite"),
        (lambda p: coupling(p, {"a": "u"}), "two subsystems at least"),
        (lambda p: coupling(p, {"a": "u", "b": ["u", "v"]}), "'a' and 'b' share \\['u'\\]"),
        (lambda p: coupling(p, {"a": "u", "b": "v"}, importance={"a": 1.0}), "importance names"),
        (lambda p: coupling(p, {"a": "u", "b": "v"}, importance={"a": 1.0, "b": 1.0}), "sum to one"),
        (lambda p: location_quotient(p, "u", "v"), "'u' exceeds 'v'"),
        (lambda p: location_quotient(p.assign(k=0.0), "k", "u"), "its quotient is 0/0"),
        (lambda p: ratio(p.assign(k=0.0), "u", "k"), "'k' must be positive"),
        (lambda p: coupling_degree(np.array([0.5, 1.5])), "they must lie in \\[0, 1\\]"),
        (lambda p: entropy_weights(np.ones((1, 2))), "two observations"),
        (lambda p: entropy_weights(-np.ones((3, 2))), "non-negative"),
        (lambda p: entropy_weights(np.c_[np.ones(3), np.zeros(3)]), "zero everywhere"),
        (lambda p: entropy_weights(np.ones((3, 2))), "no indicator varies"),
        (lambda p: minmax(np.arange(-1.0, 3), origin="zero"), "negative values, so zero cannot"),
        (lambda p: minmax(np.arange(3.0), origin="mean"), "origin='mean' is not one of"),
        (lambda p: minmax(np.arange(3.0), 0), "must be \\+1 \\(benefit\\) or -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())
