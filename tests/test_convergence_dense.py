"""Speeds in a spatial Durbin model: density, information and derivatives written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import ring
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar

import spatialsyn as ss

N, T = 14, 7
W = ring(N, 2)


def durbin(g, logs, time):
    """(beta, theta, rho, ...) of the highest density of F_n'g, and the inverse of its information.

    The growth g and the starting levels are (N, periods); without `time` there is a constant.
    """
    F, t = null_space(np.ones((1, N))) if time else np.eye(N), g.shape[1]
    one = [] if time else [np.ones_like(g)]
    y, Wy, *Z = ((F.T @ v).ravel(order="F") for v in (g, W @ g, logs, W @ logs, *one))
    Z, M = np.array(Z).T, F.T @ W @ F
    P = np.linalg.pinv(Z)
    e, e_W = (v - Z @ (P @ v) for v in (y, Wy))

    def minus(rho):
        logdet = t * np.linalg.slogdet(np.eye(len(M)) - rho * M)[1]
        return len(y) / 2 * np.log(np.sum((e - rho * e_W) ** 2)) - logdet

    rho = minimize_scalar(minus, bounds=(-1.2, 0.999), method="bounded", options={"xatol": 1e-10}).x
    delta, s2 = P @ (y - rho * Wy), np.mean((e - rho * e_W) ** 2)
    G = np.kron(np.eye(t), M @ np.linalg.inv(np.eye(len(M)) - rho * M))
    X = np.column_stack([Z, G @ Z @ delta])
    info = np.zeros((X.shape[1] + 1,) * 2)
    info[:-1, :-1] = X.T @ X / s2
    info[-2, -2] += np.trace(G @ G + G.T @ G)
    info[-2, -1] = info[-1, -2] = np.trace(G) / s2
    info[-1, -1] = len(y) / (2 * s2**2)
    theta = np.r_[delta[:2], rho]
    at = [0, 1, len(delta)]
    return theta, np.linalg.inv(info)[np.ix_(at, at)]


def gaps(theta, kind):
    """What one unit of the starting level does to growth: own, or in all cities at once."""
    S = np.linalg.solve(np.eye(N) - theta[2] * W, theta[0] * np.eye(N) + theta[1] * W)
    return np.trace(S) / N if kind == "direct" else S.sum() / N


@pytest.mark.parametrize("horizon", [1, 2, 6])
def test_speeds_and_their_errors_are_the_formulas_written_out(horizon):
    rng = np.random.default_rng(horizon)
    logs = np.empty((N, T))
    logs[:, 0] = rng.normal(10, 0.8, N)
    for t in range(1, T):
        gap = logs[:, t - 1] - 10
        pull = np.linalg.solve(np.eye(N) - 0.3 * W, -0.06 * gap + 0.02 * W @ gap)
        logs[:, t] = logs[:, t - 1] + pull + 0.02 * rng.normal(size=N)
    years = range(2001, 2001 + T)
    index = pd.MultiIndex.from_product([range(N), years], names=["city", "year"])
    frame = pd.DataFrame({"x": np.exp(logs).ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", year="year")
    w = ss.Weights.from_matrix(W, ids=range(N), name="w")
    table = ss.beta_convergence(panel, "x", "sdm", W="w", weights=w, horizon=horizon).table
    starts = np.arange(0, T - horizon, horizon)
    growth = (logs[:, starts + horizon] - logs[:, starts]) / horizon
    theta, V = durbin(growth, logs[:, starts], len(starts) > 1)
    for kind in ("direct", "total"):

        def speed(v, kind=kind):
            return -np.log(1 + horizon * gaps(v, kind)) / horizon

        def error(function):
            """The delta method with numerical derivatives."""
            moves = 1e-6 * np.eye(3)
            slope = np.array([function(theta + m) - function(theta - m) for m in moves]) / 2e-6
            return np.sqrt(slope @ V @ slope)

        row = table.loc[kind]
        # Searches stop near 1e-8 of rho, and derivatives are numerical.
        assert_allclose(row["estimate"], gaps(theta, kind), rtol=1e-5)
        assert_allclose(row["se"], error(lambda v, kind=kind: gaps(v, kind)), rtol=1e-4)
        assert_allclose(row["speed"], speed(theta), rtol=1e-5)
        assert_allclose(row["speed_se"], error(speed), rtol=1e-4)
        # After a half-life half of the gap is left, at this speed.
        assert_allclose(np.exp(-row["speed"] * row["half_life"]), 0.5, rtol=1e-10)
