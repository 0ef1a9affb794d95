"""The J test: its augmented regression written out, its size and power, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.diagnostics import j_test, j_tests, rivals

TWO = {"fixed_effects": "twoways"}


@pytest.fixture(scope="module")
def two():
    panel, w = made_up(n=16, T=8)
    far = ss.Weights.from_matrix(w.dense() @ w.dense() * (1 - np.eye(16)), ids=w.ids, name="far")
    return panel, [w, far.standardize("row")]


def test_it_is_the_wald_test_of_the_rivals_prediction(two):
    panel, weights = two
    own, rival = (ss.fit(ss.sar("y ~ x", W=name, **TWO), panel, weights) for name in ("w", "far"))
    y_hat = np.linalg.solve(
        np.eye(16) - rival.rho["far"] * weights[1].dense(), rival.params["x"] * panel.array("x")
    )  # fixed effects of the prediction are swept with all others
    wide = ss.fit(ss.sar("y ~ x + h", W="w", **TWO), panel.assign(h=y_hat), weights)
    expected = (wide.params["h"] / wide.se["h"]) ** 2
    assert_allclose(j_test(own, rival, draws=0).statistic, expected, rtol=1e-6)


def test_a_rival_counts_by_its_prediction_whatever_its_covariance(two):
    panel, weights = two
    own, rival = (ss.fit(ss.sar("y ~ x", W=name, **TWO), panel, weights) for name in ("w", "far"))
    redrawn = ss.wild_bootstrap(rival, draws=100)
    for other in (rival.with_cov("city"), redrawn):
        assert j_test(own, other, draws=0) == j_test(own, rival, draws=0)
        assert rivals._drawn([(own, [other])], (0, 5)) == rivals._drawn([(own, [rival])], (0, 5))
    with pytest.raises(ss.ModelError, match=r"'wild bootstrap by city.*with_cov\(\"city\"\)"):
        j_test(redrawn, own, draws=0)
    assert j_test(redrawn.with_cov("city"), own, draws=0).statistic > 0


def test_the_right_matrix_is_kept_and_the_wrong_one_rejected(two):
    panel, weights = two
    table = j_tests(ss.sdm("y ~ x + z", W="w", **TWO), panel, weights, draws=99).set_index("W")
    assert table.loc["w", "p"] > 0.05
    assert table.loc["far", "p"] < 0.02


def test_matrices_of_a_mapping_go_by_its_keys(two):
    panel, weights = two
    named = dict(zip(("near", "wide"), weights, strict=True))
    table = j_tests(ss.sdm("y ~ x", W="near", **TWO), panel, named, draws=0)
    assert list(table["W"]) == ["near", "wide"]
    plain = j_tests(ss.sdm("y ~ x", W="w", **TWO), panel, weights, draws=0)
    assert_allclose(table["statistic"], plain["statistic"], rtol=1e-12)


def test_draws_are_seeded(two):
    panel, weights = two
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    own, rival = (ss.fit(model.but(W=name), panel, weights) for name in ("w", "far"))
    one, again = (j_test(own, [rival], draws=99, seed=3) for _ in range(2))
    assert one == again
    assert "99 panels drawn from the model, seed 3" in one.note


def test_refusals(two):
    panel, weights = two
    own = ss.fit(ss.sar("y ~ x", W="w", **TWO), panel, weights)
    city = ss.fit(ss.sar("y ~ x", W="far", fixed_effects="individual"), panel, weights)
    short = ss.fit(own.model, panel.subset(years=range(2002, 2009)), weights)
    lost = ss.fit(ss.sar("y ~ lag(x)", W="w", **TWO), panel, weights)
    cases = [
        (lambda: j_test(own, []), "needs a rival"),
        (lambda: j_test(own, own), "the model itself"),
        (lambda: j_test(own, city), "fixed_effects='individual'"),
        (lambda: j_test(own, short), "explains different data"),
        (lambda: j_test(lost, own), "loses years"),
        (lambda: j_test(own, city, draws=10), "99 are needed"),
        (lambda: j_tests(own.model, panel, weights[:1]), "two matrices at least"),
        (lambda: j_tests(own.model, panel, weights[0]), "two matrices at least"),
    ]
    for call, message in cases:
        with pytest.raises(ss.ModelError, match=message):
            call()


def test_the_formula_is_tested_as_it_is_written(two):
    panel, weights = two
    wide = panel.assign(zx=panel.array("z") * panel.array("x"))
    made = []
    for formula in ("y ~ x + {z*x} - 1", "y ~ x + zx - 1"):
        own, rival = (ss.fit(ss.sdm(formula, W=w), wide, weights) for w in ("w", "far"))
        made.append(j_test(own, rival, draws=0).statistic)
    assert_allclose(made[0], made[1], rtol=1e-8)


def test_draws_that_cannot_be_fitted_are_no_distribution(two, monkeypatch):
    panel, weights = two
    own, rival = (ss.fit(ss.sar("y ~ x", W=w, **TWO), panel, weights) for w in ("w", "far"))
    monkeypatch.setattr(rivals, "_drawn", lambda *_: float("nan"))
    with pytest.raises(ss.EstimationError, match=r"only 0 of 99 panels.*draws=0"):
        j_test(own, rival, draws=99)


def test_a_rival_is_a_fit_and_no_matrix(two):
    panel, weights = two
    own = ss.fit(ss.sar("y ~ x", W="w", **TWO), panel, weights)
    with pytest.raises(ss.ModelError, match=r"j_test needs what ss.fit returns; got Weights"):
        j_test(own, weights[0])
