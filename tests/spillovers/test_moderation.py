"""Effects at values of a moderator: by hand, on a grid, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss

PANEL, W = made_up(n=12, T=8)
MODEL = ss.sdm("y ~ x + z + x:z", W="w", fixed_effects="twoways")


@pytest.fixture(scope="module")
def fitted() -> ss.Results:
    return ss.fit(MODEL, PANEL, W)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.2])
def test_moderation_is_the_regression_by_hand(fitted, value):
    """Shift the moderator: at z = value the effects of x are its own in y ~ x + z + x:(z - value)."""
    shifted = PANEL.assign(v=PANEL.array("z") - value)
    hand = ss.fit(ss.sdm("y ~ x + z + x:v", W="w", fixed_effects="twoways"), shifted, W)
    p = hand.params
    beta, theta, rho = p["x"], p["W[w]*x"], p["rho[w]"]
    S = np.linalg.inv(np.eye(12) - rho * W.dense()) @ (beta * np.eye(12) + theta * W.dense())
    made = ss.moderated(fitted, "x", at={"z": [value]})
    expected = [np.trace(S) / 12, (S.sum() - np.trace(S)) / 12, S.sum() / 12]
    assert_allclose(made.table["estimate"], expected, rtol=1e-7)  # slopes are differences
    # Errors too: those of the regressor x as it stands in the shifted regression.
    carried = hand.effects(["x", "v"], by=None).table.iloc[:3]
    assert_allclose(made.table["estimate"], carried["estimate"], rtol=1e-7)
    assert_allclose(made.table["se"], carried["se"], rtol=1e-6)
    assert (made.table["at z"] == value).all()


def test_effects_are_straight_lines_in_the_moderator_and_their_difference_is_tested(fitted):
    made = ss.moderated(fitted, "x", at={"z": [-1, 0, 1]})
    total = made["total"]["estimate"].to_numpy()
    assert_allclose(total[2] - total[1], total[1] - total[0], rtol=1e-6)
    test = made.test({"x": "x at z = 1", "effect": "total"}, {"x": "x at z = 0", "effect": "total"})
    slope = fitted.effects(["x", "x:z"])["total"].loc["x:z"]
    assert_allclose(total[2] - total[1], slope["estimate"], rtol=1e-6)
    assert_allclose(test.p, slope["p"], rtol=1e-5)


def test_a_difference_lies_at_no_single_value_of_the_moderator(fitted):
    """It is the slope in the moderator: S (gamma I + theta_gamma W), one unit apart."""
    low, high = (ss.moderated(fitted, "x", at={"z": [v]}) for v in (0.0, 1.0))
    gap = high.minus(low)
    p = fitted.params
    S = np.linalg.inv(np.eye(12) - p["rho[w]"] * W.dense())
    slope = S @ (p["x:z"] * np.eye(12) + p["W[w]*x:z"] * W.dense())
    assert_allclose(gap["total"]["estimate"], [slope.sum() / 12], rtol=1e-6)
    assert "at z" not in gap.table
    assert gap.table["x"].iloc[0] == "(x at z = 1) - (x at z = 0)"
    same = high.minus(ss.moderated(fitted, "z", at={"x": [1.0]}))
    assert "at z" not in same.table
    assert (high.minus(high).table["at z"] == 1.0).all()


def test_several_moderators_functions_and_blocks():
    """The derivative of the formula, by the coefficients: (b + c x + d z) / size, at x and z."""
    model = ss.sdm(
        "y ~ log(size) + x + z + log(size):x + log(size):z", W="w", fixed_effects="individual"
    )
    panel = PANEL.assign(size=np.exp(np.random.default_rng(9).normal(size=(12, 8))))
    res = ss.fit(model, panel, W)
    made = ss.moderated(res, "size", at={"x": [0, 1], "z": [0.5]}, by="region")
    assert list(made.table.columns[:4]) == ["x", "at x", "at z", "effect"]
    p, names = res.params, ("log(size)", "log(size):x", "log(size):z")
    by_size = (1 / panel.array("size")).mean(axis=1)
    core = (panel.blocks["region"] == "core").to_numpy()
    for x in (0, 1):
        at = np.array([1, x, 0.5])
        beta, theta = (at @ [p[s + name] for name in names] for s in ("", "W[w]*"))
        S = np.linalg.solve(
            np.eye(12) - p["rho[w]"] * W.dense(), (beta * np.eye(12) + theta * W.dense()) * by_size
        )
        rows = made.table[(made.table["at x"] == x) & (made.table["effect"] == "total")]
        assert_allclose(rows["estimate"].iloc[0], S[core].sum() / core.sum(), rtol=1e-6)


def test_values_never_seen_are_told(fitted):
    made = ss.moderated(fitted, "x", at={"z": [0, 9]})
    assert "z = 9.0 was never observed" in made.note
    assert "never observed" not in ss.moderated(fitted, "x", at={"z": [0]}).note


def test_simulated_intervals_are_near_those_of_the_delta_method(fitted):
    delta = ss.moderated(fitted, "x", at={"z": [0.5]})
    drawn = ss.moderated(fitted, "x", at={"z": [0.5]}, method="simulation", draws=2000, seed=1)
    assert_allclose(drawn.table["estimate"], delta.table["estimate"], rtol=1e-10)
    assert_allclose(drawn.table["se"], delta.table["se"], rtol=0.25)  # indirect effects are skewed


def test_moderators_that_are_none(fitted):
    def refused(message, results=fitted, x="x", at=None):
        with pytest.raises(ss.ModelError, match=message):
            ss.moderated(results, x, at=at)

    refused("needs what ss.fit returns", results=MODEL, at={"z": [1]})
    refused("'size' is no variable of this model; there are 'x', 'z'", x="size", at={"z": [1]})
    refused("at is a mapping of moderators to values", at=[0, 1])
    refused("at is a mapping of moderators to values", at={})
    refused("'size' does not moderate 'x'", at={"size": [1]})
    refused("Add the interaction, 'x:x'|'x' does not moderate", at={"x": [1]})
    refused("at 'z': 'high' is not a list of numbers", at={"z": "high"})
    refused("is not a list of numbers", at={"z": [np.nan]})
    refused("is not a list of numbers", at={"z": []})
    refused("two values of 'z' are the same", at={"z": [1, 1.0]})
    # At one value everywhere a moderator has no spread to be standardised by.
    for term in ("standardize(x):z", "x:standardize(z)"):
        scaled = ss.fit(ss.slx(f"y ~ {term} + x", W="w"), PANEL, W)
        refused("standardize.. and winsor.. would be computed anew", results=scaled, at={"z": [1]})
