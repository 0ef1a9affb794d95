"""The bootstrap of a mediator by hand: every sample made, fitted and multiplied out densely."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ring
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar

import spatialsyn as ss
from spatialsyn.numerics.randomness import generator

N, T, DRAWS, SEED = 9, 6, 100, 4
W = ring(N, 1)


def kept(effects):
    cities = null_space(np.ones((1, N))) if effects == "twoways" else np.eye(N)
    return cities, null_space(np.ones((1, T)))


def fitted(y, Z, effects):
    """(delta, rho) of the highest density of F_n'y F_T."""
    cities, years = kept(effects)
    y, Wy, *Z = ((cities.T @ v @ years).ravel() for v in (y, W @ y, *Z))
    Q, M = np.linalg.pinv(np.array(Z).T), cities.T @ W @ cities
    e, e_W = (v - np.array(Z).T @ (Q @ v) for v in (y, Wy))

    def minus(rho):
        logdet = years.shape[1] * np.linalg.slogdet(np.eye(len(M)) - rho * M)[1]
        return len(y) / 2 * np.log(np.sum((e - rho * e_W) ** 2)) - logdet

    rho = minimize_scalar(minus, bounds=(-1.3, 0.999), method="bounded", options={"xatol": 1e-9}).x
    return Q @ (y - rho * Wy), rho


def derivative(beta, theta, rho):
    return np.linalg.solve(np.eye(N) - rho * W, beta * np.eye(N) + theta * W)


def effects_of(of_m, of_y):
    """Nine effects: past m, through it and both; direct, indirect and total."""
    (a, a_W), rho_m = of_m
    (c, b, c_W, b_W), rho_y = of_y
    A, B, C = derivative(a, a_W, rho_m), derivative(b, b_W, rho_y), derivative(c, c_W, rho_y)
    made = []
    for S in (C, B @ A, C + B @ A):
        own, every = np.mean(np.diag(S)), S.sum() / N
        made += [own, every - own, every]
    return np.array(made)


def samples(y, Z, effects, signs):
    """y + S^-1 (c v e - e), e without the means of cities (and years), c for what these took."""
    delta, rho = fitted(y, Z, effects)
    S = np.eye(N) - rho * W
    cities, years = kept(effects)
    J, K = cities @ cities.T, years @ years.T
    e = J @ (S @ y - np.tensordot(delta, Z, 1)) @ K
    c = np.sqrt(N * T / (cities.shape[1] * years.shape[1]))
    return [y + np.linalg.solve(S, c * v[:, None] * e - e) for v in signs]


@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_draws_are_those_of_a_bootstrap_by_hand(effects):
    w = ss.Weights.from_matrix(W, ids=range(N), name="w")
    first = ss.sdm("m ~ x", W="w", fixed_effects=effects)
    second = ss.sdm("y ~ x + m", W="w", fixed_effects=effects)
    to_m = {"x": 0.6, "W[w]*x": 0.3, "rho[w]": 0.2, "sigma2": 0.3}
    to_y = to_m | {"m": 0.5, "W[w]*m": 0.3}
    panel = ss.simulate(first, (N, T), w, to_m, 3)
    panel = ss.simulate(second, panel, w, to_y, 5)
    found = ss.mediation(first, second, "x", "m", panel, w, draws=DRAWS, seed=SEED)
    x, m, y = (panel.array(name) for name in ("x", "m", "y"))
    for_m, for_y = [x, W @ x], [x, m, W @ x, W @ m]
    table = found.effects.table
    point = effects_of(fitted(m, for_m, effects), fitted(y, for_y, effects))
    assert_allclose(table["estimate"], point, rtol=1e-5)
    signs = generator(SEED).choice([-1.0, 1.0], size=(DRAWS, N))
    drawn = np.array([
        effects_of(fitted(one, for_m, effects), fitted(other, for_y, effects))
        for one, other in zip(
            samples(m, for_m, effects, signs), samples(y, for_y, effects, signs), strict=True
        )
    ])  # fmt: skip
    assert_allclose(table["se"], drawn.std(axis=0, ddof=1), rtol=1e-4)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert_allclose(table["low"], low, rtol=1e-4, atol=1e-6)
    assert_allclose(table["high"], high, rtol=1e-4, atol=1e-6)
