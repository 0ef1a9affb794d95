"""Fits of many cities: no (n, n) array, few factorisations, the same numbers as small ones."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import minimize_scalar

import spatialsyn as ss
from spatialsyn.models import accuracy
from spatialsyn.numerics import determinants, solves, traces
from tests.maps import neighbours, on_map, random_graph

# Between an interpolant of six nodes and eigenvalues; its own bound is of this size.
RTOL = 1e-7


@pytest.fixture
def factorisations(monkeypatch):
    """A list that grows with every sparse factorisation."""
    made, splu = [], solves.splu
    monkeypatch.setattr(solves, "splu", lambda *a, **k: made.append(1) or splu(*a, **k))
    return made


@pytest.fixture
def narrow(monkeypatch):
    """The narrow intervals of large maps, on small ones."""
    monkeypatch.setattr(determinants, "CHEAP", 100)


def model(family="sdm", fixed_effects="none", **how):
    return getattr(ss, family)("y ~ x + z", W="w", fixed_effects=fixed_effects, **how)


@pytest.mark.parametrize("rho", [-0.6, 0.3, 0.9])
def test_a_fit_needs_eight_factorisations(rho, factorisations):
    panel, w = on_map(neighbours(2500), rho)
    factorisations.clear()
    res = ss.fit(model(), panel, w)
    res.effects()
    assert len(factorisations) <= 8
    assert abs(res.rho["w"] - rho) < 0.1
    factorisations.clear()
    ss.fit(model("sar"), panel, w)
    # W's order and its nodes are kept; a rho further away needs six more.
    assert len(factorisations) <= 7


def test_more_cities_need_fewer_factorisations_and_stay_exact(factorisations):
    for n, most in ((2500, 8), (12_000, 7)):
        panel, w = on_map(neighbours(n))
        factorisations.clear()
        res = ss.fit(model(), panel, w)
        res.effects()
        assert len(factorisations) <= most
        assert accuracy.shift(res.design, res.rho.to_numpy(), res.estimate.cov) < 1e-5


def test_average_effects_are_those_of_eigenvalues():
    panel, w = on_map(neighbours(1200))
    exact, found = (ss.fit(model(), panel, w.with_logdet(how)) for how in ("eigenvalues", "sparse"))
    assert_allclose(found.rho, exact.rho, rtol=1e-8)
    assert_allclose(found.loglik, exact.loglik, rtol=1e-10)
    of = [one.effects().table["estimate"] for one in (found, exact)]
    assert_allclose(*of, rtol=1e-8)


def test_memory_stays_far_below_the_pairs_of_cities():
    n = 5000
    panel, w = on_map(neighbours(n))
    tracemalloc.start()
    ss.fit(model(), panel, w).effects()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n**2 / 8


@pytest.mark.parametrize("family", ["ols", "slx"])
def test_models_without_a_lag_of_y_make_no_identity(family):
    n = 6000
    panel, w = on_map(neighbours(n))
    tracemalloc.start()
    res = ss.fit(model(family) if family == "slx" else ss.ols("y ~ x + z"), panel, w)
    direct = res.effects().table.iloc[0]["estimate"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n**2 / 8
    assert_allclose(direct, res.params["x"])


@pytest.mark.parametrize("way", ["sparse", "hessenberg"])
@pytest.mark.parametrize(
    ("family", "fixed_effects", "T", "how"),
    [
        ("sdm", "none", 1, {}),
        ("sar", "individual", 3, {}),
        ("sdm", "twoways", 3, {}),
        ("sdm", "twoways", 3, {"correction": "direct"}),
        ("sdm", "twoways", 3, {"correction": "bias-corrected"}),
        ("sem", "time", 3, {}),
        ("sdem", "individual", 3, {}),
    ],
)
def test_all_methods_give_one_result(family, fixed_effects, T, how, way, narrow):
    panel, w = on_map(neighbours(310, mutual=False), T=T)
    fits = {
        name: ss.fit(model(family, fixed_effects, **how), panel, w.with_logdet(name))
        for name in ("eigenvalues", way)
    }
    exact, found = fits["eigenvalues"], fits[way]
    assert_allclose(found.params, exact.params, rtol=RTOL)
    assert_allclose(found.loglik, exact.loglik, rtol=1e-9)
    for kind in ("expected", "observed"):
        assert_allclose(found.with_cov(kind).cov, exact.with_cov(kind).cov, rtol=1e-5, atol=1e-12)
    a, b = (one.effects().table for one in (found, exact))
    assert_allclose(a[["estimate", "se"]], b[["estimate", "se"]], rtol=1e-5, atol=1e-12)
    assert_allclose(found.corr2, exact.corr2, rtol=1e-6)
    assert_allclose(found.predict(), exact.predict(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["sandwich", "period", "city"])
def test_robust_covariances_are_those_of_the_dense_path(kind, narrow):
    panel, w = on_map(neighbours(310), T=12)
    a, b = (
        ss.fit(model("sdm", "twoways"), panel, w.with_logdet(way), cov=kind).cov
        for way in ("sparse", "eigenvalues")
    )
    assert_allclose(a, b, rtol=1e-5, atol=1e-12)


def test_effects_by_city_and_block_and_fixed_effects_still_follow(narrow):
    panel, w = on_map(neighbours(310), T=3)
    a, b = (
        ss.fit(model("sdm", "individual"), panel, w.with_logdet(way))
        for way in ("sparse", "eigenvalues")
    )
    for read in (lambda r: r.effects("x", by="city"), lambda r: r.effects("x", order=2)):
        assert_allclose(read(a).table["se"], read(b).table["se"], rtol=1e-5)
    assert_allclose(a.fixed_effects()["se"], b.fixed_effects()["se"], rtol=1e-6)
    again = pickle.loads(pickle.dumps(a))
    assert_allclose(again.predict(), a.predict())


@pytest.mark.parametrize("rho", [-0.85, -0.5, 0.0, 0.6, 0.97])
@pytest.mark.parametrize("family", ["sar", "sem"])
def test_the_estimate_is_the_top_of_the_exact_likelihood(family, rho, narrow):
    """Against a scan of the likelihood with eigenvalues, written out, near both ends too."""
    W = neighbours(420, seed=2)
    panel, w = on_map(W, rho if family == "sar" else 0.0, lam=rho if family == "sem" else 0.0)
    y, x, z = (panel.array(name).ravel() for name in "yxz")
    X, eigen = np.column_stack([np.ones_like(x), x, z]), np.linalg.eigvals(W.toarray())
    error = sparse.eye_array(420)

    def minus(r: float) -> float:
        S = error - r * W
        A, v = (S @ X, S @ y) if family == "sem" else (X, S @ y)
        e = v - A @ np.linalg.lstsq(A, v, rcond=None)[0]
        return 210 * np.log(e @ e) - float(np.log(np.abs(1 - r * eigen)).sum())

    grid = np.linspace(-0.979, 0.994, 1500)
    top = grid[np.argmin([minus(r) for r in grid])]
    best = minimize_scalar(minus, bounds=(top - 0.003, top + 0.003), method="bounded",
                           options={"xatol": 1e-10})  # fmt: skip
    res = ss.fit(model(family), panel, w.with_logdet("sparse"))
    found = (res.rho if family == "sar" else res.lam)["w"]
    # The scan compares values, which are flat to 1e-16 n over this distance.
    assert abs(found - best.x) < 3e-7
    assert "sparse factorisations" in res.estimate.notes[0]


def test_probes_change_standard_errors_by_less_than_they_say(narrow, monkeypatch):
    panel, w = on_map(neighbours(600, mutual=False))
    exact = ss.fit(model(), panel, w).se["rho[w]"]
    monkeypatch.setattr(traces, "EXACT", 10)
    res = ss.fit(model(), panel, w.rename("w"))
    assert abs(res.se["rho[w]"] / exact - 1) < 2e-3
    assert "random probes, seed" in res.estimate.notes[1]
    assert "random probes, seed" in res.summary()


def test_moments_stay_within_the_shift_they_report():
    panel, w = on_map(random_graph(500), 0.4)
    exact = ss.fit(model(), panel, w.with_logdet("eigenvalues"))
    res = ss.fit(model(), panel, w.with_logdet("moments"))
    moved = abs(res.rho["w"] - exact.rho["w"]) / exact.se["rho[w]"]
    assert moved < 0.02
    assert "120 moments, 32 probes, seed" in res.summary()
    assert "standard errors" in res.summary()
    assert_allclose(res.se, exact.se, rtol=0.01)
    assert_allclose(res.effects().table["estimate"], exact.effects().table["estimate"], rtol=0.01)


def test_moments_that_move_the_estimate_far_are_told():
    panel, w = on_map(neighbours(400, mutual=False), 0.93)
    with pytest.warns(UserWarning, match=r"moves rho\[w\] by up to .* standard errors"):
        ss.fit(model(), panel, w.with_logdet("moments"))


def test_two_stages_and_draws_of_many_cities():
    panel, w = on_map(neighbours(1200))
    two = ss.fit(ss.sar("y ~ x + z", W="w", estimator="2sls"), panel, w)
    ml = ss.fit(ss.sar("y ~ x + z", W="w"), panel, w)
    assert abs(two.rho["w"] - ml.rho["w"]) < 4 * two.se["rho[w]"]
    delta, drawn = (ml.effects("x", method=m).table for m in ("delta", "simulation"))
    assert_allclose(drawn["estimate"], delta["estimate"], rtol=1e-9)
    assert_allclose(drawn["se"], delta["se"], rtol=0.15)


def test_the_end_of_the_interval_names_the_way_beyond(narrow):
    panel, w = on_map(neighbours(420, seed=2), 0.0, lam=-1.2)
    with pytest.raises(ss.EstimationError, match=r'-0.98.*with_logdet\("eigenvalues"\) searches'):
        ss.fit(model("sem"), panel, w.with_logdet("sparse"))
    assert ss.fit(model("sem"), panel, w.with_logdet("eigenvalues")).lam["w"] < -0.98


def test_a_way_that_does_not_exist_is_refused():
    w = ss.Weights.from_matrix(neighbours(20), ids=range(20))
    with pytest.raises(ss.WeightsError, match=r"with_logdet\('lu'\): use one of 'auto', 'eigen"):
        w.with_logdet("lu")
    assert w.with_logdet("sparse").aligned(range(19, -1, -1)).determinant == "sparse"


def test_what_needs_pairs_of_too_many_cities_is_refused():
    panel, w = on_map(neighbours(5001), T=2)
    for way in ("eigenvalues", "hessenberg"):
        with pytest.raises(ss.WeightsError, match="eigenvalues need a dense matrix, which reaches"):
            ss.fit(model(), panel, w.with_logdet(way))
    with pytest.raises(ss.ModelError, match=r"\(n, n\) arrays, which are made up to 5,000 cities"):
        ss.fit(model("sac", "individual"), panel, w)
    with pytest.raises(ss.ModelError, match=r"\(n, n\) arrays, which are made up to 5,000 cities"):
        ss.fit(model("sac", estimator="gmm"), panel, w)
    res = ss.fit(model("sdm", "individual"), panel, w)
    with pytest.raises(ss.ModelError, match=r"\(5001, 5001\) matrix of all pairs of cities"):
        res.effects("x", by="pair")
    assert len(res.effects("x", by="city").table) == 4 * 5001
    with pytest.raises(ss.EstimationError, match="5,001 x 5,001 inverse"):
        res.with_cov("sandwich")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert res.with_cov("observed").se["rho[w]"] > 0
