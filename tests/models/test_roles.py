"""Different matrices for different lags, several lags of y, spatial errors: special cases."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from cases import made_up, ring
from mixtures import swept
from numpy.testing import assert_allclose

import spatialsyn as ss

EFFECTS = ("none", "individual", "time", "twoways")


def two() -> tuple[ss.CityPanel, list[ss.Weights]]:
    panel, w = made_up(n=12, T=8, seed=1)
    v = ss.Weights.from_matrix(ring(12, 9)[::-1, ::-1], ids=panel.ids, name="v")
    return panel, [w, v]


def test_one_matrix_in_all_roles_is_the_plain_model():
    panel, weights = two()
    plain = ss.fit(ss.gns("y ~ x + z", W="w", fixed_effects="individual"), panel, weights)
    named = ss.fit(
        ss.gns("y ~ x + z", W={"wy": "w", "wx": "w", "wu": "w"}, fixed_effects="individual"),
        panel,
        weights,
    )
    assert_allclose(named.params, plain.params, rtol=1e-10)


def test_each_term_may_have_its_own_matrix():
    panel, weights = two()
    model = ss.sdm("y ~ x + z", W={"wy": "w", "wx": {"x": "v", "z": ["w", "v"]}})
    res = ss.fit(model, panel, weights)
    names = ["Intercept", "x", "z", "W[v]*x", "W[v]*z", "W[w]*z", "rho[w]", "sigma2"]
    assert list(res.params.index) == names
    p, (w, v) = res.params, [m.dense() for m in weights]
    S = np.eye(12) - p["rho[w]"] * w
    B = np.linalg.solve(S, p["z"] * np.eye(12) + p["W[v]*z"] * v + p["W[w]*z"] * w)
    effects = res.effects("z")
    assert_allclose(effects["total"]["estimate"], B.sum() / 12, rtol=1e-10)
    assert_allclose(effects["direct"]["estimate"], np.trace(B) / 12, rtol=1e-10)


@pytest.mark.parametrize("effects", EFFECTS)
def test_two_lags_of_y_have_zero_score_and_numerical_information(effects):
    panel, weights = two()
    res = ss.fit(
        ss.sar("y ~ x", W=["w", "v"], fixed_effects=effects), panel, weights, cov="observed"
    )
    assert_numerical(res, weights, effects)


@pytest.mark.parametrize("family", ["sem", "sdem", "sac", "gns"])
@pytest.mark.parametrize("effects", EFFECTS)
def test_error_models_have_zero_score_and_numerical_information(family, effects):
    panel, weights = two()
    W = {"sem": "v", "sdem": {"wx": "w", "wu": "v"}, "sac": {"wy": "w", "wu": "v"},
         "gns": {"wy": "w", "wx": "w", "wu": "v"}}[family]  # fmt: skip
    model = getattr(ss, family)("y ~ x", W=W, fixed_effects=effects)
    assert_numerical(ss.fit(model, panel, weights, cov="observed"), weights, effects)


def assert_numerical(res: ss.Results, weights: list[ss.Weights], effects: str) -> None:
    """The stored covariance against second differences of the likelihood, written out."""
    n = len(res.data.y)
    by_name = {w.name: w.dense() for w in weights}

    def swept(v):
        v = v - v.mean(1, keepdims=True) if effects in ("individual", "twoways") else v
        return v - v.mean(0, keepdims=True) if effects in ("time", "twoways") else v

    def loglik(theta):
        p = dict(zip(res.params.index, theta, strict=True))
        S, R = np.eye(n), np.eye(n)
        for name, W in by_name.items():
            S = S - p.get(f"rho[{name}]", 0) * W
            R = R - p.get(f"lambda[{name}]", 0) * W
        signal = p.get("Intercept", 0) + p["x"] * res.panel.array("x")
        for name, W in by_name.items():
            signal = signal + p.get(f"W[{name}]*x", 0) * W @ res.panel.array("x")
        e = swept(R @ (S @ res.data.y - signal))
        logdet = np.linalg.slogdet(S)[1] + np.linalg.slogdet(R)[1]
        if effects in ("time", "twoways"):
            rhos = [v for k, v in p.items() if k.startswith("rho")]
            lams = [v for k, v in p.items() if k.startswith("lambda")]
            logdet -= (np.log(1 - sum(rhos)) if rhos else 0) + (np.log(1 - lams[0]) if lams else 0)
        copies, s2 = res.design.copies, p["sigma2"]
        return copies * logdet - res.nobs / 2 * np.log(2 * np.pi * s2) - (e**2).sum() / (2 * s2)

    theta, se = res.params.to_numpy(), res.se.to_numpy()
    assert_allclose(loglik(theta), res.loglik, rtol=1e-9)
    steps = np.diag(1e-3 * se)
    score = [(loglik(theta + u) - loglik(theta - u)) / (2 * 1e-3) for u in steps]
    assert_allclose(score, 0, atol=1e-4)  # in standard errors
    hessian = [
        [
            loglik(theta + a + b)
            - loglik(theta + a - b)
            - loglik(theta - a + b)
            + loglik(theta - a - b)
            for b in 10 * steps
        ]
        for a in 10 * steps
    ]
    numerical = -np.array(hessian) / (4 * 1e-4)
    analytic = np.linalg.inv(res.cov.to_numpy()) * np.outer(se, se)
    # Second differences with a step of 0.01 standard errors: 1e-4 of truncation and rounding.
    assert_allclose(numerical, analytic, rtol=5e-4, atol=2e-3)


def test_a_spatial_error_has_effects_without_a_multiplier():
    panel, weights = two()
    sem = ss.fit(ss.sem("y ~ x", W="w", fixed_effects="twoways"), panel, weights)
    assert_allclose(sem.effects("x")["direct"]["estimate"], sem.params["x"], rtol=1e-12)
    assert_allclose(sem.effects("x")["indirect"]["estimate"], 0, atol=1e-14)
    sdem = ss.fit(ss.sdem("y ~ x", W="w", fixed_effects="twoways"), panel, weights)
    assert_allclose(sdem.effects("x")["indirect"]["estimate"], sdem.params["W[w]*x"], rtol=1e-10)
    assert list(sdem.lam.index) == ["w"]


def test_error_models_with_time_effects_need_row_standardised_weights():
    panel, weights = two()
    raw = ss.Weights.from_matrix(3 * weights[0].dense(), ids=panel.ids, name="w")
    for correction in ("lee-yu", "direct"):
        model = ss.sem("y ~ x", W="w", fixed_effects="time", correction=correction)
        with pytest.raises(ss.WeightsError, match=r"rows of W\[w\] sum to 3"):
            ss.fit(model, panel, raw)


def test_equal_matrices_are_not_identified():
    panel, (w, _) = two()
    twin = w.rename("twin")
    with pytest.raises(ss.SpatialsynError):
        ss.fit(ss.sar("y ~ x", W=["w", "twin"]), panel, [w, twin])


def test_models_with_roles_are_values():
    model = ss.sdm("y ~ x", W={"wy": ["a", "b"], "wx": {"x": "a"}})
    assert model == ss.sdm("y ~ x", W={"wy": ("a", "b"), "wx": {"x": "a"}})
    assert len({model}) == 1
    assert str(model) == "y ~ rho[a]*W[a]*y + rho[b]*W[b]*y + x + W[a]*x"
    assert model.weights_names == ("a", "b")


@pytest.mark.parametrize("seed", range(4))
def test_an_own_rho_for_each_of_two_asymmetric_matrices_is_found_anywhere(seed):
    """Also far below zero, where sum |rho| is above one: nothing on a dense grid is higher."""
    n, rng = 10, np.random.default_rng(seed)
    panel, _ = made_up(n=n, T=6, seed=seed)
    W = [ring(n, seed), np.triu(rng.random((n, n)), 1) + np.tril(rng.random((n, n)) < 0.2, -1)]
    W[1] = W[1] / np.maximum(W[1].sum(axis=1, keepdims=True), 1e-9)
    truth = [(-0.9, 0.5), (0.6, -0.8), (-0.7, -0.6), (0.3, 0.4)][seed]
    S = np.eye(n) - truth[0] * W[0] - truth[1] * W[1]
    signal = panel.array("x") + 0.5 * rng.normal(size=(n, 6))
    panel = panel.assign(y=np.linalg.solve(S, signal))
    weights = [
        ss.Weights.from_matrix(w, ids=panel.ids, name=k) for w, k in zip(W, "ab", strict=True)
    ]
    res = ss.fit(ss.sar("y ~ x", W=["a", "b"], fixed_effects="individual"), panel, weights)
    assert_allclose(res.rho, truth, atol=0.3)
    y, x = (swept(panel.array(v), "individual").ravel() for v in ("y", "x"))
    e = np.column_stack([y, *((w @ y.reshape(n, 6)).ravel() for w in W)])
    e = e - np.outer(x, x @ e) / (x @ x)
    F, T = e.T @ e, 5
    for a, b in product(np.linspace(-2, 1, 61), repeat=2):
        P = a * W[0] + b * W[1]
        values = np.linalg.eigvals(P)
        if values.real[np.abs(values.imag) < 1e-9].max(initial=0) >= 1:
            continue
        w = np.array([1, -a, -b])
        fit = np.log(2 * np.pi * (w @ F @ w) / (n * T)) + 1
        value = T * np.linalg.slogdet(np.eye(n) - P)[1] - n * T / 2 * fit
        assert value <= res.loglik + 1e-9
