"""The J test as a Wald test in the normal density of transformed data, written out."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar

import spatialsyn as ss
from spatialsyn.diagnostics import j_test

N, T = 12, 6


def transformed(v, effects):
    """F_n'v F_T with orthonormal F, as one vector, years one after the other."""
    cities = null_space(np.ones((1, N))) if effects in ("time", "twoways") else np.eye(N)
    years = null_space(np.ones((1, T))) if effects in ("individual", "twoways") else np.eye(T)
    return cities, (cities.T @ v @ years).ravel(order="F"), years.shape[1]


def fitted(y, Z, W, effects):
    """(delta, rho, s2) of the highest density of y*, and the inverse of its information."""
    cities, y_seen, copies = transformed(y, effects)
    Wy, Z = transformed(W @ y, effects)[1], np.array([transformed(z, effects)[1] for z in Z]).T
    M = cities.T @ W @ cities
    residual = np.eye(len(y_seen)) - Z @ np.linalg.pinv(Z)

    def minus_log(rho):
        e = residual @ (y_seen - rho * Wy)
        logdet = np.linalg.slogdet(np.eye(len(M)) - rho * M)[1]
        return len(e) / 2 * np.log(e @ e) - copies * logdet

    rho = minimize_scalar(minus_log, bounds=(-1.5, 0.999), method="bounded",
                          options={"xatol": 1e-12}).x  # fmt: skip
    delta = np.linalg.pinv(Z) @ (y_seen - rho * Wy)
    e = y_seen - rho * Wy - Z @ delta
    s2, q = e @ e / len(e), len(delta)
    G = np.kron(np.eye(copies), M @ np.linalg.inv(np.eye(len(M)) - rho * M))
    m = G @ Z @ delta
    info = np.zeros((q + 2, q + 2))
    info[:q, :q], info[:q, q] = Z.T @ Z / s2, Z.T @ m / s2
    info[q, q] = m @ m / s2 + np.trace(G @ G + G.T @ G)
    info[q, q + 1] = np.trace(G) / s2
    info[q + 1, q + 1] = len(e) / (2 * s2**2)
    info = np.triu(info) + np.triu(info, 1).T
    return np.r_[delta, rho, s2], np.linalg.inv(info)


@pytest.mark.parametrize("durbin", [False, True])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_it_is_the_wald_test_in_an_augmented_density(effects, durbin):
    """With one rival and with two: y = rho W y + Z delta + predictions a + e, a = 0."""
    panel, w = made_up(n=N, T=T, noise=1.0, seed=0)
    orders = {"w": np.arange(N), "v": np.arange(N) * 5 % N, "u": np.arange(N) * 7 % N}
    matrices = {name: w.dense()[np.ix_(order, order)] for name, order in orders.items()}
    weights = [ss.Weights.from_matrix(W, ids=w.ids, name=name) for name, W in matrices.items()]
    make = ss.sdm if durbin else ss.sar
    fits = {
        name: ss.fit(make("y ~ x + z", W=name, fixed_effects=effects), panel, weights)
        for name in matrices
    }
    y, x, z = (panel.array(name) for name in ("y", "x", "z"))

    def right_side(W):
        constant = [np.ones((N, T))] if effects == "none" else []
        return [*constant, x, z, *([W @ x, W @ z] if durbin else [])]

    predictions = []
    for name in ("v", "u"):
        Z = right_side(matrices[name])
        theta, _ = fitted(y, Z, matrices[name], effects)
        signal = np.tensordot(theta[:-2], Z, 1)
        # Effects of cities or years stay such under S^-1, and are swept with all others.
        predictions.append(np.linalg.solve(np.eye(N) - theta[-2] * matrices[name], signal))
    Z = right_side(matrices["w"])
    for rivals in (["v"], ["v", "u"]):
        wide = [*Z, *predictions[: len(rivals)]]
        theta, V = fitted(y, wide, matrices["w"], effects)
        at = slice(len(Z), len(wide))
        expected = theta[at] @ np.linalg.solve(V[at, at], theta[at])
        made = j_test(fits["w"], [fits[name] for name in rivals], draws=0)
        assert made.df == len(rivals)
        # The bounded search stops near the square root of machine precision.
        assert_allclose(made.statistic, expected, rtol=1e-5)
