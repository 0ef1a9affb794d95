"""Posterior probabilities by sums over all parameters at once: likelihood times prior, on a grid."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.special import logsumexp

import spatialsyn as ss
from spatialsyn.diagnostics import posterior

N, T, G = 5, 3, 6.0
PANEL, W_ONE = made_up(n=N, T=T, noise=1.0, seed=3)
W_TWO = ss.Weights.from_matrix(np.roll(ring(N, 4), (1, 1), (0, 1)), ids=PANEL.ids, name="v")
MATRICES = {"w": W_ONE.dense(), "v": W_TWO.dense()}
# Sums of a normal density in steps of one standard deviation are its integral to exp(-2 pi^2).
STEPS = np.arange(-5.0, 6.0)
# ln of sigma2 around what is left at the mode; its upper tail is a power.
LOGS, STEP = np.arange(-3.0, 7.0, 0.25), 0.25


def seen(v, effects):
    """F_n'v F_T, (cities, years): what is left of a panel without its effects."""
    cities, years = kept(effects)
    return cities.T @ v @ years


def kept(effects):
    cities = null_space(np.ones((1, N))) if effects == "twoways" else np.eye(N)
    years = null_space(np.ones((1, T))) if effects != "none" else np.eye(T)
    return cities, years


def log_integral(y, Z, one, logdet):
    """ln of the sum over (constant, delta, ln sigma2) of N(y; one a + Z d, s2) N(d; 0, g s2 (Z'Z)^-1).

    A constant is flat, and Z of the prior what the constant leaves of it. The points follow
    the mode of each sigma2, which no sum over all points depends on.
    """
    m = len(y)
    one = np.empty((m, 0)) if one is None else one[:, None]
    Q = null_space(one.T) if one.size else np.eye(m)
    P = (Q.T @ Z).T @ (Q.T @ Z) / G
    X = np.hstack([one, Z])
    precision = X.T @ X
    precision[one.shape[1] :, one.shape[1] :] += P
    mode = np.linalg.solve(precision, X.T @ y)
    L = np.linalg.inv(np.linalg.cholesky(precision)).T
    away = np.array(list(product(STEPS, repeat=X.shape[1]))) @ L.T
    e, fitted = y - X @ mode, away @ X.T
    root, at_mode = np.linalg.cholesky(P).T, mode[one.shape[1] :]
    slopes = away[:, one.shape[1] :]
    logs = []
    for s2 in (e @ e / m) * np.exp(LOGS):
        squares = ((e - np.sqrt(s2) * fitted) ** 2).sum(axis=1)
        prior = (((at_mode + np.sqrt(s2) * slopes) @ root.T) ** 2).sum(axis=1)
        log = -(squares + prior) / (2 * s2) - m / 2 * np.log(2 * np.pi * s2)
        log += np.linalg.slogdet(P / (2 * np.pi * s2))[1] / 2
        cell = X.shape[1] / 2 * np.log(s2) + np.linalg.slogdet(L)[1]
        logs.append(np.log(np.exp(log - log.max()).sum()) + log.max() + cell)
    return logsumexp(logs) + np.log(STEP) + logdet


def over_rho(effects, family, W, nodes=32):
    """ln of the mean over rho or lambda, uniform on (-1, 1), and its posterior mean."""
    cities, years = kept(effects)
    y, x = PANEL.array("y"), PANEL.array("x")
    lagged = family in ("slx", "sdm", "sdem")
    rights = [x, *([W @ x] if lagged else [])]
    points, widths = np.polynomial.legendre.leggauss(nodes)
    if family in ("ols", "slx"):
        points, widths = np.zeros(1), np.full(1, 2.0)
    logs = []
    for s in points:
        S = np.eye(N) - s * W
        R = S if family in ("sem", "sdem") else np.eye(N)
        parts = [seen(S @ y, effects), *(seen(R @ z, effects) for z in rights)]
        flat = [part.ravel(order="F") for part in parts]
        one = np.tile(R @ np.ones(N), T) if effects == "none" else None
        sign, logdet = np.linalg.slogdet(cities.T @ S @ cities)
        assert sign > 0
        logs.append(log_integral(flat[0], np.array(flat[1:]).T, one, years.shape[1] * logdet))
    logs = np.array(logs) + np.log(widths / 2)
    return logsumexp(logs), np.exp(logs - logsumexp(logs)) @ points


@pytest.mark.parametrize("effects", ["none", "twoways"])
def test_probabilities_are_those_of_sums_over_all_parameters(effects):
    families = ("ols", "sar", "sem") if effects == "none" else ("ols", "slx", "sar", "sdm", "sdem")
    model = ss.sdm("y ~ x", W="w", fixed_effects=effects)
    made = posterior(model, PANEL, [W_ONE, W_TWO], families=families, g=G)
    logs, means = [], []
    for family, name in zip(made.table["family"], made.table["W"], strict=True):
        log, mean = over_rho(effects, family, MATRICES.get(name, np.zeros((N, N))))
        logs.append(log)
        means.append(mean)
    assert_allclose(made.table["log_marginal"], logs, atol=1e-5)
    expected = np.exp(np.array(logs) - logsumexp(logs))
    assert_allclose(made.table["probability"], expected, atol=1e-6)
    assert_allclose(made.table["rho"], means, atol=1e-5)


def test_subsets_of_a_mixture_are_sums_over_all_parameters_too():
    """Of both matrices the mean over shares that are uniform on (0, 1)."""
    model = ss.sar("y ~ x", W=ss.convex("w", "v"), fixed_effects="individual")
    table = ss.fit(model, PANEL, [W_ONE, W_TWO]).averaged(g=G).table
    points, widths = np.polynomial.legendre.leggauss(6)
    mixed = [over_rho("individual", "sar", (1 + s) / 2 * MATRICES["w"] + (1 - s) / 2 * MATRICES["v"])
             for s in points]  # fmt: skip
    logs = np.array([log for log, _ in mixed]) + np.log(widths / 2)
    both = np.exp(logs - logsumexp(logs))
    alone = [over_rho("individual", "sar", MATRICES[name]) for name in ("w", "v")]
    expected = np.array([alone[0][0], alone[1][0], logsumexp(logs)])
    assert_allclose(table["log_marginal"], expected, atol=1e-5)
    assert_allclose(table["probability"], np.exp(expected - logsumexp(expected)), atol=1e-5)
    means = [alone[0][1], alone[1][1], both @ [mean for _, mean in mixed]]
    assert_allclose(table["rho"], means, atol=1e-5)
    assert_allclose(table["share[w]"], [1.0, 0.0, both @ (1 + points) / 2], atol=1e-5)
