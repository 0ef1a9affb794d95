"""Interactions in a grid: what may be left out, what may not stand alone, and how terms are called."""

from __future__ import annotations

import copy
import pickle

import pytest
from numpy.testing import assert_allclose
from study.small import panel_and_weights

import spatialsyn as ss
from spatialsyn.studyfile.grid import GridSection, specifications

MODEL = ss.sdm("y ~ x + z + x:z", W="w")


def formulas(found):
    return [one.model.formula for one in found.values()]


def test_an_interaction_and_its_term_may_both_be_left_out():
    found = ss.grid(MODEL, optional=["x:z", "z"])
    assert list(found) == ["with x:z, with z", "without x:z, with z", "without x:z, without z"]
    assert formulas(found) == ["y ~ x + z + x:z", "y ~ x + z", "y ~ x"]
    assert found.left_out == ("with x:z, without z",)


def test_the_order_of_the_terms_does_not_matter():
    one, other = ss.grid(MODEL, optional=["x:z", "z"]), ss.grid(MODEL, optional=["z", "z:x"])
    assert set(formulas(one)) == set(formulas(other))
    assert other.left_out == ("without z, with x:z",)


def test_every_term_below_an_interaction_of_three_is_needed():
    model = MODEL.but(formula="y ~ x + z + v + x:z + x:z:v")
    found = ss.grid(model, W=["w", "o"], optional=["x:z:v", "x:z", "v"])
    assert len(found) == 2 * 5  # 2^3 less those with x:z:v and without x:z, v or both
    assert len(found.left_out) == 2 * 3
    for formula in formulas(found):
        terms = formula.split(" ~ ")[1].split(" + ")
        assert "x:z:v" not in terms or {"x:z", "v"} < set(terms)


def test_models_are_those_of_their_formulas():
    panel, w = panel_and_weights()
    runs = ss.Study(panel, w, ss.grid(MODEL, optional=["x:z", "z"])).run()
    assert runs.failures.empty
    for name, formula in (
        ("without x:z, with z", "y ~ x + z"),
        ("without x:z, without z", "y ~ x"),
    ):
        own = ss.fit(MODEL.but(formula=formula), panel, w)
        assert_allclose(runs.table["loglik"][name], own.loglik)


def test_why_models_with_an_orphan_are_not_made():
    """Another zero of x changes them, and no model that has both terms."""
    panel, _ = panel_and_weights()
    moved = panel.assign(x=panel.array("x") + 3.0)
    logliks = {
        formula: [ss.fit(ss.ols(formula), p).loglik for p in (panel, moved)]
        for formula in ("y ~ x + z + x:z", "y ~ x + x:z")
    }
    same, other = logliks["y ~ x + z + x:z"], logliks["y ~ x + x:z"]
    assert_allclose(*same, rtol=1e-10)
    assert abs(other[0] - other[1]) > 0.01


def test_an_interaction_that_always_stays_keeps_its_terms():
    way_out = r"'z' cannot be left out alone: 'x:z' is made of it.*optional=\['x:z', 'z'\]"
    with pytest.raises(ss.ModelError, match=way_out):
        ss.grid(MODEL, optional="z")


def test_the_grid_says_what_is_varied_and_what_is_not_there():
    found = ss.grid(MODEL, W=["w", "o"], optional=["x:z", "z"])
    assert repr(found).splitlines() == [
        "6 models", "  W: w, o", "  with x:z: yes, no", "  with z: yes, no",
        "2 combinations left out, an interaction without its terms: 'w, with x:z, without z', "
        "'o, with x:z, without z'",
    ]  # fmt: skip
    assert repr(ss.grid(MODEL)) == "1 model"
    for same in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert same == found
        assert same.left_out == found.left_out


def test_a_study_file_makes_the_same_grid():
    section = GridSection(of="main", optional=["x:z", "z"])
    made = specifications(section, {"main": MODEL}, ["w"])
    assert made == ss.grid(MODEL, optional=["x:z", "z"])
    assert made.left_out == ("with x:z, without z",)


@pytest.mark.parametrize(
    ("formula", "term", "called"),
    [
        ("y ~ x + {z**2}", "{z**2}", "z ** 2"),
        ("y ~ x + {z**2}", "z ** 2", "z ** 2"),
        ("y ~ x + log(v)", "log( v )", "log(v)"),
        ("y ~ x + z + x:z", "z:x", "x:z"),
        ("log(y) ~ x", "log( y )", "log(y)"),
    ],
)
def test_a_swapped_term_may_be_spelled_as_in_the_formula_or_as_effects_are(formula, term, called):
    model = ss.sar(formula, W="w")
    found = ss.grid(model, x=ss.swap(term, ["q"]))
    assert found == ss.grid(model, x=ss.swap(called, ["q"]))
    assert list(found) == [called, "q"]
    assert "q" in found["q"].model.formula
    with pytest.raises(ss.ModelError, match="is swapped twice"):
        ss.grid(model, x=[ss.swap(term, "q"), ss.swap(called, "r")])
