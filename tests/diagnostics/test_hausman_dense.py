"""The robust Hausman statistic from normal densities written out, in every order of the cities."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.stats import f

import spatialsyn as ss
from spatialsyn.diagnostics.hausman import hausman

N, T = 6, 5


def transformed(effects, random):
    """F of cities and of years: what is left of them, orthonormal."""
    cities = null_space(np.ones((1, N))) if effects == "twoways" else np.eye(N)
    years = np.eye(T) if random else null_space(np.ones((1, T)))
    return cities, years


class Density:
    """y* = F_n'Y F_T is normal: S* y* = Z* delta + e*, or S* (y* - Z* delta) = e*.

    The variance of e* is s2 (I + a share of city means).
    """

    def __init__(self, y, Z, W, effects, random, error):
        self.cities, self.years = transformed(effects, random)
        self.random, self.error = random, error
        self.W = [self.cities.T @ w @ self.cities for w in W]
        self.y = self.seen(y)
        self.Z = np.column_stack([self.seen(z) for z in Z])
        self.p, self.m = len(Z), len(W)

    def seen(self, v):
        return (self.cities.T @ v @ self.years).ravel(order="F")

    def moments(self, theta):
        """Mean and variance of y*."""
        p, (n, t) = self.p, (self.cities.shape[1], self.years.shape[1])
        S = np.eye(n) - sum(r * w for r, w in zip(theta[p : p + self.m], self.W, strict=True))
        inverse = np.kron(np.eye(t), np.linalg.inv(S))
        V = np.eye(t)
        if self.random:
            V = V + (theta[-2] ** -2 - 1) * np.full((t, t), 1 / t)
        mean, V = self.Z @ theta[:p], theta[-1] * np.kron(V, np.eye(n))
        return mean if self.error else inverse @ mean, inverse @ V @ inverse.T

    def log(self, theta):
        mean, V = self.moments(theta)
        e = self.y - mean
        return -(np.linalg.slogdet(2 * np.pi * V)[1] + e @ np.linalg.solve(V, e)) / 2

    def maximum(self, start):
        """BFGS from there, then Newton with the expected information: exact to rounding."""
        limits = [(None, None)] * self.p + [(-0.9, 0.95)] * self.m
        limits += [(0.05, 1.0)] * self.random + [(1e-3, None)]
        theta = minimize(lambda v: -self.log(v), start, bounds=limits, method="L-BFGS-B").x
        for _ in range(40):
            slope = numerical(lambda v: np.atleast_1d(self.log(v)), theta)[:, 0]
            theta = theta + np.linalg.solve(self.information(theta), slope)
        return theta

    def information(self, theta):
        """mu_a' V^-1 mu_b + tr(V^-1 V_a V^-1 V_b) / 2."""
        V = self.moments(theta)[1]
        by_mean = numerical(lambda v: self.moments(v)[0], theta)
        by_V = numerical(lambda v: self.moments(v)[1].ravel(), theta).reshape(-1, *V.shape)
        solved = [np.linalg.solve(V, one) for one in by_V]
        half = np.array([[np.sum(a * b.T) / 2 for b in solved] for a in solved])
        return by_mean @ np.linalg.solve(V, by_mean.T) + half


def numerical(function, at):
    h = 1e-5
    return np.array([(function(at + h * one) - function(at - h * one)) / (2 * h)
                     for one in np.eye(len(at))])  # fmt: skip


def contributions(density, theta, y, Z, W):
    """(n, q) what a city adds alone, and (q, n, n) what pairs add, of every parameter's score."""
    p, m, s2 = density.p, density.m, theta[-1]
    rho = theta[p : p + m]
    S = np.eye(N) - sum(r * w for r, w in zip(rho, W, strict=True))
    Z = [S @ z for z in Z] if density.error else Z
    J, Q = density.cities @ density.cities.T, density.years @ density.years.T
    u = J @ (S @ y - np.tensordot(theta[:p], Z, 1)) @ Q
    phi = theta[-2] if density.random else 1.0
    K = np.eye(T) - (1 - phi) * np.full((T, T), 1 / T)
    e, copies = u @ K, density.years.shape[1]
    alone, pairs = np.zeros((N, len(theta))), np.zeros((len(theta), N, N))
    for j in range(p):
        alone[:, j] = (e * (J @ Z[j] @ Q @ K)).sum(1) / s2
    surprise = e @ e.T / s2 - copies * J
    for j in range(m):
        G = W[j] @ np.linalg.inv(S)
        A = J @ G @ J
        m_j = 0 if density.error else J @ W[j] @ y @ Q @ K - J @ G @ e
        alone[:, p + j] = (e * m_j).sum(1) / s2 + np.diag(A) * np.diag(surprise)
        pairs[p + j] = (A + A.T) * surprise * (1 - np.eye(N))
    if density.random:
        alone[:, -2] = -e.sum(1) * u.mean(1) / s2 + len(density.W[0]) / N / phi
    alone[:, -1] = (e**2).sum(1) / (2 * s2**2) - len(density.y) / N / (2 * s2)
    return alone, pairs


@pytest.mark.parametrize("family", ["sar", "two lags", "sem"])
@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_the_robust_statistic_is_that_of_densities_written_out(effects, family):
    panel, w = made_up(n=N, T=T, noise=1.0, seed=8)
    city = np.random.default_rng(4).normal(size=(N, 1))
    panel = panel.assign(y=panel.array("y") + 1.5 * city)
    far = ss.Weights.from_matrix(np.roll(np.eye(N), 3, axis=1), ids=w.ids, name="far")
    given = [w, far] if family == "two lags" else [w]
    names = ["w", "far"] if family == "two lags" else "w"
    make = ss.sem if family == "sem" else ss.sar
    results = ss.fit(make("y ~ x", W=names, fixed_effects=effects), panel, given)
    y, x, W = panel.array("y"), panel.array("x"), [one.dense() for one in given]
    constant = [np.ones((N, T))] if effects == "individual" else []
    sides, points = [], []
    for random in (False, True):
        Z = np.array([x, *(constant if random else [])])
        density = Density(y, Z, W, effects, random, family == "sem")
        start = [*[1.0] * len(Z), *[0.1] * len(W), *[0.6] * random, 1.0]
        theta = density.maximum(np.array(start))
        alone, pairs = contributions(density, theta, y, Z, W)
        # The parts are the whole: the slope of the density, which is zero at its maximum.
        whole = alone.sum(0) + pairs.sum((1, 2)) / 2
        assert_allclose(whole, 0, atol=1e-5)
        assert not random or theta[-2] < 0.95
        at = [0, *range(density.p, density.p + density.m)]
        inverse = np.linalg.inv(density.information(theta))[:, at]
        sides.append((alone @ inverse, np.einsum("qij,qk->kij", pairs, inverse)))
        points.append(theta[at])
    alone, pairs = (a - b for a, b in zip(*sides, strict=True))
    V, k = 0.0, len(at)
    for order in permutations(range(N)):
        place = np.argsort(order)
        s = alone + (pairs * (place[None] < place[:, None])).sum(axis=2).T
        V = V + s.T @ s / 720 * N / (N - 1)
    q = points[0] - points[1]
    H = q @ np.linalg.solve(V, q)
    made = hausman(results, "robust")
    # Derivatives are numerical, with steps of 1e-5.
    assert_allclose(made.statistic, H, rtol=1e-5)
    assert_allclose(made.p, f.sf(H * (N - k) / (k * (N - 1)), k, N - k), rtol=1e-5)
