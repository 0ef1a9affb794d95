"""Random city effects inside and outside the spatial error, against explicit nT x nT matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up, ring, two_matrices
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

import spatialsyn as ss
from spatialsyn.models.likelihood import concentrated, score

FAMILIES = ("sem", "sdem", "sac", "gns")
LAGS = {"sem": "u", "sdem": "xu", "sac": "yu", "gns": "yxu"}


def model_of(family: str, random: str, effects: str = "none") -> ss.SpatialModel:
    W = {f"w{lag}": "v" if lag == "u" else "w" for lag in LAGS[family]}
    return getattr(ss, family)(
        "y ~ x", W=W, random=random, fixed_effects=effects, correction="direct"
    )


def moments(res: ss.Results, theta: np.ndarray, w: np.ndarray, v: np.ndarray):
    """Mean and covariance of y, cities slow; year dummies stand at the end of `theta`."""
    n, T = res.data.y.shape
    q = len(res.params)
    p = dict(zip(res.params.index, theta[:q], strict=True))
    S = np.eye(n) - p.get("rho[w]", 0) * w
    R = np.eye(n) - p["lambda[v]"] * v
    x = res.panel.array("x")
    signal = p.get("Intercept", 0) + p["x"] * x + p.get("W[w]*x", 0) * w @ x
    signal = signal + (theta[q:] if len(theta) > q else 0.0)
    city = np.eye(n) * p["sigma2"] * (p["phi"] ** -2 - 1) / T
    spread = np.linalg.inv(R.T @ R)
    if res.model.random != "baltagi":
        city = city @ spread
    V = np.kron(city, np.ones((T, T))) + p["sigma2"] * np.kron(spread, np.eye(T))
    A = np.kron(np.linalg.inv(S), np.eye(T))
    return A @ signal.ravel(), A @ V @ A.T


def with_dummies(res: ss.Results, w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The parameters, and the year dummies that generalised least squares gives to them."""
    theta = res.params.to_numpy()
    if res.model.fixed_effects == "none":
        return theta
    T = res.panel.T
    mean, V = moments(res, np.r_[theta, np.zeros(T)], w, v)
    D = np.array([moments(res, np.r_[theta, unit], w, v)[0] - mean for unit in np.eye(T)]).T
    VD = np.linalg.solve(V, D)
    return np.r_[theta, np.linalg.solve(D.T @ VD, VD.T @ (res.data.y.ravel() - mean))]


@pytest.mark.parametrize("random", ["individual", "baltagi"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("effects", ["none", "time"])
def test_density_score_and_information_are_those_of_explicit_matrices(family, random, effects):
    """Expected information of a normal vector: dm'V^-1 dm + tr(V^-1 dV V^-1 dV) / 2, the
    derivatives by differences, with every year dummy among the parameters."""
    panel, weights = two_matrices()
    res = ss.fit(model_of(family, random, effects), panel, weights)
    w, v = (m.dense() for m in weights)
    theta, y = with_dummies(res, w, v), panel.array("y").ravel()
    mean, V = moments(res, theta, w, v)
    assert_allclose(res.loglik, multivariate_normal(mean, V).logpdf(y), rtol=1e-9)
    steps = 1e-6 * np.maximum(np.abs(theta), 0.01)
    moved = []
    for h, unit in zip(steps, np.eye(len(theta)), strict=True):
        up, down = (moments(res, theta + s * h * unit, w, v) for s in (1, -1))
        moved.append([(a - b) / (2 * h) for a, b in zip(up, down, strict=True)])
    inverse = np.linalg.inv(V)
    e = inverse @ (y - mean)
    slopes = [dm @ e + e @ dV @ e / 2 - np.sum(inverse * dV) / 2 for dm, dV in moved]
    info = np.array(
        [
            [a @ inverse @ b + np.sum((inverse @ dA) * (inverse @ dB).T) / 2 for b, dB in moved]
            for a, dA in moved
        ]
    )
    cov, q = np.linalg.inv(info), len(res.params)
    assert_allclose(slopes * np.sqrt(np.diag(cov)), 0, atol=1e-6)  # in standard errors
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))[:q, :q]
    assert_allclose(res.cov / scale, cov[:q, :q] / scale, atol=1e-6)


@pytest.mark.parametrize("effects", ["none", "time"])
@pytest.mark.parametrize("at", [(0.2, 0.4, 0.3), (-0.3, -0.5, 0.9), (0.5, 0.0, 0.1)])
def test_the_score_is_the_slope_of_the_likelihood_anywhere(effects, at):
    panel, weights = two_matrices()
    design = ss.fit(model_of("gns", "baltagi", effects), panel, weights).design
    h = 1e-5
    slopes = [
        (concentrated(design, at + h * u) - concentrated(design, at - h * u)) / (2 * h)
        for u in np.eye(3)
    ]
    assert_allclose(score(design, np.array(at)), slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["ols", "slx", "sar", "sdm"])
def test_without_a_spatial_error_the_structures_are_one(family):
    panel, w = made_up(n=8, T=5)
    options = {} if family == "ols" else {"W": "w"}
    one, two_ = (
        ss.fit(getattr(ss, family)("y ~ x", random=random, **options), panel, w)
        for random in ("individual", "baltagi")
    )
    assert_allclose(two_.params, one.params, rtol=1e-12)
    assert_allclose(two_.se, one.se, rtol=1e-12)


def test_at_lambda_zero_the_likelihoods_are_one():
    panel, weights = two_matrices()
    inside, out = (
        ss.fit(model_of("sac", random), panel, weights).design
        for random in ("individual", "baltagi")
    )
    at = np.array([0.2, 0.0, 0.4])
    assert_allclose(concentrated(out, at), concentrated(inside, at), rtol=1e-12)


def test_one_period_cannot_tell_the_cities_from_the_error():
    panel, weights = two_matrices(n=30, T=3)
    one = panel.subset(years=[2001])
    with pytest.raises(ss.ModelError, match="needs two at least; the panel has 1"):
        ss.fit(model_of("sem", "baltagi"), one, weights)


def test_relabelling_cities_changes_nothing():
    panel, weights = two_matrices(n=9, T=5)
    res = ss.fit(model_of("gns", "baltagi", "time"), panel, weights)
    shuffle = np.random.default_rng(0).permutation(9)
    new = {city: f"x{k}" for city, k in zip(panel.ids, shuffle, strict=True)}
    frame = panel.frame.reset_index()
    frame["city"] = frame["city"].map(new)
    moved = ss.CityPanel(frame, city="city", year="year")
    renamed = [
        ss.Weights.from_matrix(w.dense(), ids=[new[i] for i in w.ids], name=w.name) for w in weights
    ]
    again = ss.fit(model_of("gns", "baltagi", "time"), moved, renamed)
    assert_allclose(again.params, res.params, rtol=1e-7)
    assert_allclose(again.se, res.se, rtol=1e-7)
    before = res.resid.rename(index=new, level="city").sort_index()
    assert_allclose(again.resid, before, atol=1e-7)
    moran = ss.diagnostics.residual_moran(res, "v")
    assert_allclose(ss.diagnostics.residual_moran(again, "v").statistic, moran.statistic, rtol=1e-6)


@pytest.mark.parametrize("effects", ["none", "time"])
def test_residuals_are_the_filtered_ones_after_the_symmetric_root_of_their_covariance(effects):
    """(R S V S'R')^-1/2 R S (y - X b), of explicit nT x nT matrices."""
    panel, (w, v) = two_matrices(n=8, T=4)
    res = ss.fit(model_of("sac", "baltagi", effects), panel, [w, v])
    mean, V = moments(res, with_dummies(res, w.dense(), v.dense()), w.dense(), v.dense())
    S, R = np.eye(8) - res.rho["w"] * w.dense(), np.eye(8) - res.lam["v"] * v.dense()
    RS = np.kron(R @ S, np.eye(4))
    values, vectors = np.linalg.eigh(RS @ V @ RS.T / res.sigma2)
    e = vectors @ (vectors.T @ RS @ (panel.array("y").ravel() - mean) / np.sqrt(values))
    assert_allclose(res.resid, e, atol=1e-8)


@pytest.mark.parametrize("random", ["individual", "baltagi"])
def test_a_boundary_solution_is_the_pooled_one_and_says_so(random):
    """City means that vary less than chance would let them: the likelihood rises to phi = 1."""
    panel, w = made_up(n=10, T=6)
    u = np.linalg.solve(np.eye(10) - 0.3 * w.dense(), np.random.default_rng(1).normal(size=(10, 6)))
    panel = panel.assign(y=panel.array("x") + u - 0.9 * u.mean(axis=1, keepdims=True))
    model = ss.sem("y ~ x", W="w")
    pooled, res = ss.fit(model, panel, w), ss.fit(model.but(random=random), panel, w)
    assert res.params["phi"] == 1
    assert_allclose(res.params.drop("phi"), pooled.params, rtol=1e-12)
    assert_allclose(res.loglik, pooled.loglik, rtol=1e-12)
    assert "phi = 1 lies on the boundary" in res.summary()


@pytest.mark.parametrize("random", ["individual", "baltagi"])
def test_the_parameters_of_drawn_data_are_found(random):
    """12 draws at n = 60, T = 5: errors in standard errors average to zero and spread by one."""
    w = ss.Weights.from_matrix(ring(60, 3), ids=range(60), name="w")
    truth = {"Intercept": 1.0, "x": 1.0, "lambda[w]": 0.4, "phi": 0.5, "sigma2": 1.0}
    model = ss.sem("y ~ x", W="w", random=random)
    z = []
    for seed in range(12):
        res = ss.fit(model, ss.simulate(model, (60, 5), w, truth, np.random.SeedSequence(seed)), w)
        z.append((res.params - res.params.index.map(truth)) / res.se)
    assert (np.abs(np.mean(z, axis=0)) < 3 / np.sqrt(12)).all()
    assert 0.75 < np.std(z) < 1.25  # 60 errors: one with a standard deviation of 0.09


def test_the_two_structures_can_be_told_apart():
    """Drawn from one, the other's likelihood is lower: strong dependence, strong city effects."""
    w = ss.Weights.from_matrix(ring(40, 3), ids=range(40), name="w")
    truth = {"Intercept": 0.0, "x": 1.0, "lambda[w]": 0.7, "phi": 0.2, "sigma2": 1.0}
    for random, other in (("individual", "baltagi"), ("baltagi", "individual")):
        model = ss.sem("y ~ x", W="w", random=random)
        panel = ss.simulate(model, (40, 8), w, truth, np.random.SeedSequence(1))
        assert ss.fit(model, panel, w).loglik > ss.fit(model.but(random=other), panel, w).loglik


def test_effects_and_notes_say_which_structure():
    panel, weights = two_matrices()
    res = ss.fit(model_of("sac", "baltagi"), panel, weights)
    S = np.eye(7) - res.rho["w"] * weights[0].dense()
    assert_allclose(
        res.effects("x")["total"]["estimate"],
        np.linalg.inv(S).sum() / 7 * res.params["x"],
        rtol=1e-12,
    )
    assert "city (baltagi random)" in res.equation
    table = ss.report.table([res], show=["coefficients", "fit"])
    assert "city effects are random and stand outside the spatial error" in str(table)


@pytest.mark.parametrize("value", [0.0, 1.2, -0.5])
def test_phi_outside_its_range_cannot_be_simulated(value):
    panel, w = made_up()
    model = ss.sem("y ~ x", W="w", random="baltagi")
    params = {"Intercept": 0.0, "x": 1.0, "lambda[w]": 0.4, "phi": value, "sigma2": 1.0}
    with pytest.raises(ss.ModelError, match=r"phi = .* must lie in \(0, 1\]"):
        ss.simulate(model, panel, w, params, seed=0)


def test_weights_that_change_over_time_are_refused():
    panel, (w, v) = two_matrices()
    series = ss.weights.series(dict.fromkeys(panel.years, v), name="v")
    with pytest.raises(ss.ModelError, match=r'W\[v\] changes.*random="individual"'):
        ss.fit(model_of("sac", "baltagi"), panel, [w, series])


def test_a_peak_inside_is_not_given_up_for_a_lower_boundary():
    """Both are compared: where cities do differ the estimate is the peak, and it is higher."""
    panel, weights = two_matrices()
    res = ss.fit(model_of("sac", "baltagi"), panel, weights)
    pooled = ss.fit(replace(res.model, random=None), panel, weights)
    assert res.params["phi"] < 1
    assert res.loglik > pooled.loglik
