"""Models estimated side by side: the numbers of each alone, whatever stands beside it."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import spatialsyn as ss
from spatialsyn.models import beside as models_beside
from spatialsyn.models import many
from spatialsyn.models.beside import Beside
from spatialsyn.models.design import build
from spatialsyn.models.qml import estimate_qml
from spatialsyn.numerics.eigenvectors import Eigenvectors, diagonal_form
from tests.cases import made_up, ring
from tests.maps import neighbours, on_map

FAMILIES = ("ols", "slx", "sar", "sdm")
EFFECTS = ("none", "individual", "time", "twoways")


def designs(w, panel, family, fixed_effects, correction="lee-yu"):
    """Three models that differ in their regressors."""
    wide = panel.assign(u=np.cos(panel.array("x") + panel.array("z")))
    W = None if family == "ols" else "w"
    pairs = (("x", "z"), ("z", "u"), ("u", "x"))
    models = [
        ss.SpatialModel(family, f"y ~ {a} + {b}", W, fixed_effects, correction) for a, b in pairs
    ]
    return [build(model, wide, {"w": w} if W else {}) for model in models]


def maps():
    """A W of each kind: not symmetrisable, its eigenvalues and its Schur form; symmetrisable, its
    eigenvalues and its eigenvectors."""
    panel, w = made_up(15, 6)
    yield panel, w
    yield panel, w.with_logdet("schur")
    panel, w = on_map(neighbours(30), T=4)
    yield panel, w.with_logdet("eigenvalues")
    yield panel, w.with_logdet("eigenvectors")


def beside(made):
    """The designs side by side, with nothing in common."""
    each = [Beside.of(design) for design in made]
    k = len(each[0].swept)
    at = np.arange(k * len(each)).reshape(len(each), k).tolist()
    swept = np.concatenate([one.swept for one in each])
    return Beside(made[0], [design.columns for design in made], swept, at)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize(("family", "effects"), list(product(FAMILIES, EFFECTS)))
def test_the_formulas_of_many_give_one_what_the_search_for_it_gives(family, effects, correction):
    for panel, w in maps():
        for design in designs(w, panel, family, effects, correction):
            one, alone = many.estimate_alone(design), estimate_qml(design)
            assert one is not None
            scale = np.sqrt(np.diag(alone.cov))
            assert_allclose(one.params, alone.params, rtol=1e-10, atol=1e-12)
            assert_allclose(one.cov / scale / scale[:, None], alone.cov / scale / scale[:, None],
                            atol=1e-9)  # fmt: skip
            assert_allclose(one.loglik, alone.loglik, rtol=1e-12)
            assert_allclose(one.residuals, alone.residuals, atol=1e-10)
            identity = np.eye(panel.n)
            assert_allclose(one.multiplier @ identity, alone.multiplier @ identity, atol=1e-10)
            assert (one.names, one.nobs, one.notes) == (alone.names, alone.nobs, alone.notes)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize(("family", "effects"), list(product(FAMILIES, EFFECTS)))
def test_what_stands_beside_a_model_does_not_move_its_last_bit(family, effects, correction):
    for panel, w in maps():
        made = designs(w, panel, family, effects, correction)
        found = many.estimate_beside(beside(made))
        for design, (one, loglik) in zip(made, found, strict=True):
            alone = many.estimate_alone(design)
            for name in ("names", "params", "cov"):
                assert_array_equal(getattr(one, name), getattr(alone, name))
            assert loglik == alone.loglik


@pytest.mark.parametrize("family", FAMILIES)
def test_nor_do_sums_of_more_numbers_than_einsum_takes_at_a_time(family):
    """More than 8192 city-years, and pairs of cities."""
    panel, w = made_up(92, 90)
    assert min(panel.n * panel.T, panel.n**2) > np.getbufsize()
    made = designs(w, panel, family, "individual")
    found = many.estimate_beside(beside(made))
    for design, (one, _) in zip(made, found, strict=True):
        alone = many.estimate_alone(design)
        assert_array_equal(one.params, alone.params)
        assert_array_equal(one.cov, alone.cov)


def test_products_are_those_of_the_rows_of_each_model_wherever_they_stand():
    """Pairs of rows that no model has are not asked for."""
    panel, w = made_up(15, 6)
    made = designs(w, panel, "sdm", "individual")
    models = beside(made)
    order = np.random.default_rng(0).permutation(len(models.swept))
    place = np.argsort(order)
    mixed = Beside(models.one, models.columns, models.swept[order], [place[at] for at in models.at])
    for design, here, there in zip(made, models.at, mixed.at, strict=True):
        rows = Beside.of(design).swept
        exact = [[math.fsum(a * b) for b in rows] for a in rows]
        assert_allclose(models.products[np.ix_(here, here)], exact, rtol=1e-12, atol=1e-11)
        assert_array_equal(
            models.products[np.ix_(here, here)], mixed.products[np.ix_(there, there)]
        )


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-5])
def test_fits_that_leave_little_keep_their_digits(noise):
    """Sums of squares that are differences of products would lose ten times as much."""
    panel, w = made_up(15, 6)
    x, e = panel.array("x"), np.random.default_rng(1).normal(size=(15, 6))
    close = panel.assign(y=2 + 3 * x - w.dense() @ x + noise * e)
    design = build(ss.sdm("y ~ x", W="w"), close, {"w": w})
    one, alone = many.estimate_alone(design), estimate_qml(design)
    scale = np.sqrt(np.diag(alone.cov))
    assert_allclose((one.params - alone.params) / scale, 0, atol=3e-14 / noise)
    assert_allclose(one.loglik, alone.loglik, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 3, 8192, 8193, 20_000])
def test_a_sum_of_squares_does_not_depend_on_the_others(size):
    v = np.random.default_rng(0).normal(size=(6, size))
    found = many.squares(v)
    assert_allclose(found, [math.fsum(row**2) for row in v], rtol=1e-13)
    for some in (v[:1], v[2:5], v[::-1]):
        assert_array_equal(many.squares(some), [found[(v == row).all(axis=1)][0] for row in some])


@pytest.mark.parametrize("effects", EFFECTS)
def test_a_schur_form_gives_the_estimates_of_inverses(effects):
    panel, w = on_map(neighbours(60, mutual=False), T=4)
    for family in ("sar", "sdm"):
        plain, shared = (
            [many.estimate_alone(design) for design in designs(one, panel, family, effects)]
            for one in (w.with_logdet("eigenvalues"), w.with_logdet("schur"))
        )
        for mine, exact in zip(shared, plain, strict=True):
            scale = np.sqrt(np.diag(exact.cov))
            assert_allclose(mine.params, exact.params, rtol=1e-10, atol=1e-12)
            assert_allclose(mine.cov / scale / scale[:, None], exact.cov / scale / scale[:, None],
                            atol=1e-10)  # fmt: skip
            assert_allclose(mine.loglik, exact.loglik, rtol=1e-12)
            assert_allclose(mine.multiplier @ np.eye(60), exact.multiplier, atol=1e-10)


@pytest.mark.parametrize("cov", ["expected", "observed", "sandwich"])
@pytest.mark.parametrize("family", ["sar", "sdm", "sem", "sdem"])
def test_fits_by_a_schur_form_are_those_of_eigenvalues(family, cov):
    panel, w = made_up(20, 6)
    model = ss.SpatialModel(family, "y ~ x + z", "w", "individual")
    one, other = (
        ss.fit(model, panel, w.with_logdet(how), cov=cov) for how in ("schur", "eigenvalues")
    )
    assert_allclose(one.params, other.params, rtol=1e-9)
    assert_allclose(one.se, other.se, rtol=1e-9)
    assert_allclose(one.loglik, other.loglik, rtol=1e-12)
    assert one.estimate.notes == other.estimate.notes
    numbers = ["estimate", "se"]
    assert_allclose(one.effects().table[numbers], other.effects().table[numbers], rtol=1e-8)


def test_many_models_are_cut_into_parts(monkeypatch):
    panel, w = made_up(15, 6)
    made = beside(designs(w, panel, "sdm", "twoways"))
    whole = many.estimate_beside(made)
    monkeypatch.setattr(models_beside, "ROOM", 1)
    parts = many.estimate_beside(made)
    for (one, loglik), (other, same) in zip(parts, whole, strict=True):
        assert_array_equal(one.params, other.params)
        assert_array_equal(one.cov, other.cov)
        assert loglik == same


def test_a_model_that_needs_a_look_of_its_own_is_left_out_of_the_batch():
    panel, w = made_up(15, 6)
    near = panel.assign(u=panel.array("x") + 1e-4 * panel.array("z"))
    formulas = ["y ~ x + z", "y ~ x + u"]
    made = [build(ss.sdm(f, W="w", fixed_effects="individual"), near, {"w": w}) for f in formulas]
    found = many.estimate_beside(beside(made))
    assert found[1] is None
    assert many.estimate_alone(made[1]) is None
    assert_array_equal(found[0][0].params, many.estimate_alone(made[0]).params)
    res = ss.fit(ss.sdm("y ~ x + u", W="w", fixed_effects="individual"), near, w)
    assert_allclose(res.loglik, ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"),
                                       near, w).loglik, rtol=1e-9)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"family": "sem"}, {"random": "individual"}, {"lag_y": True, "fixed_effects": "twoways"},
     {"estimator": "2sls"}],
)  # fmt: skip
def test_other_models_are_estimated_alone(changes):
    panel, w = made_up(15, 6)
    model = ss.sar("y ~ x + z", W="w").but(**changes)
    design = build(model, panel, {"w": w})
    assert not many.fit_in(design)
    assert many.estimate_alone(design) is None
    assert not many.joined(model, 15, None)
    assert many.joined(ss.sar("y ~ x", W="w"), 1000, None)
    assert not many.joined(ss.sar("y ~ x", W="w"), 1001, None)
    assert not many.joined(ss.sar("y ~ x", W="w"), 15, "sandwich")


def test_eigenvectors_give_the_inverse_its_traces_and_what_it_does():
    W = neighbours(40)
    found = diagonal_form(W)
    assert isinstance(found, Eigenvectors)
    for rho in (-0.9, 0.0, 0.4, 0.97):
        inverse = np.linalg.inv(np.eye(40) - rho * W.toarray())
        G, v = W @ inverse, np.random.default_rng(1).normal(size=(40, 3))
        at = found.at(rho)
        assert_allclose(at.inverse.written_out(), inverse, atol=1e-11)
        assert_allclose(at @ v, G @ v, atol=1e-10)
        assert_allclose(at.back(v), G.T @ v, atol=1e-10)
        J = np.eye(40) - 1 / 40
        for H, swept in ((G, False), (J @ G @ J, True)):
            exact = np.trace(H), np.trace(H @ H), np.trace(H.T @ H)
            assert_allclose(at.traces(swept, True), exact, rtol=1e-10, atol=1e-10)
        assert at.said == "exact"


def test_a_matrix_that_is_not_symmetrisable_keeps_its_eigenvalues():
    panel, w = made_up(20, 5)
    assert diagonal_form(ring(20)) is None
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    one = ss.fit(model, panel, w.with_logdet("eigenvectors"))
    assert_array_equal(one.params, ss.fit(model, panel, w).params)


def test_scales_far_apart_are_left_to_eigenvalues():
    chain = np.diag(np.full(9, 1e4), 1) + np.diag(np.full(9, 1.0), -1)
    assert diagonal_form(chain) is None


@pytest.mark.parametrize("k", [1.0, 2.0, -1.0, 3.0, 0.7])
@pytest.mark.parametrize("family", ["ols", "sar", "slx", "sdm"])
def test_collinear_regressors_are_named_and_spoil_no_other_model(family, k):
    for seed in range(6):
        panel, w = made_up(15, 6, seed=seed)
        twice = panel.assign(z=k * panel.array("x"))
        W = None if family == "ols" else "w"
        bad = ss.SpatialModel(family, "y ~ x + z", W)
        with pytest.raises(ss.ModelError, match="is a linear combination of the other"):
            ss.fit(bad, twice, w)
        good = bad.but(formula="y ~ x")
        runs = ss.Study(twice, w, {"good": good, "bad": bad}).run()
        assert list(runs.failures.index) == ["bad"]
        assert "linear combination" in runs.failures["bad"]


def test_a_regressor_of_zeros_is_named_without_warnings():
    panel, w = made_up(15, 6)
    with pytest.raises(ss.ModelError, match="'z' is zero"):
        ss.fit(ss.sar("y ~ x + z", W="w"), panel.assign(z=np.zeros((15, 6))), w)


def test_an_outcome_that_effects_explain_is_refused():
    panel, w = made_up(15, 6)
    still = panel.assign(y=np.full((15, 6), 3.0))
    with pytest.raises(ss.ModelError, match="nothing is left of the outcome"):
        ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), still, w)


@pytest.mark.parametrize("scale", [1e-11, 1e-6, 1e6])
def test_effects_do_not_depend_on_the_scale_of_w(scale):
    panel, w = made_up(15, 6)
    raw = w.dense() * np.random.default_rng(3).uniform(0.3, 3, (15, 1))
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    made = [
        ss.fit(model, panel, ss.Weights.from_matrix(s * raw, ids=w.ids, name="w")).effects().table
        for s in (1.0, scale)
    ]
    for name in ("estimate", "se"):
        assert_allclose(made[1][name], made[0][name], rtol=1e-6)


def test_a_regressor_called_like_a_lag_in_time_is_a_regressor():
    panel, w = made_up(15, 6)
    named = panel.assign(**{"tau": panel.array("z"), "eta[w]": panel.array("x")})
    model = ss.sdm("y ~ tau + `eta[w]`", W="w", fixed_effects="individual")
    assert many.fit_in(build(model, named, {"w": w}))
    one = ss.fit(model, named, w, cov="city")
    other = ss.fit(model.but(formula="y ~ z + x"), named, w, cov="city")
    assert_array_equal(one.params, other.params)
    assert_array_equal(one.se, other.se)
