"""Peaks of likelihoods with an own rho for each of two W and year effects, near sum rho = 1."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert

import spatialsyn as ss

N, T = 10, 6
# Values of sum rho, of rho_1 - rho_2 and of lambda; the last sum is as good as on the edge.
SUMS = np.r_[np.linspace(-1.8, 0.4, 8), np.linspace(0.5, 0.98, 13), 1 - 1e-9]
APART = np.linspace(-2.4, 2.4, 33)
LAMBDAS = np.linspace(-0.9, 0.9, 13)


def near_and_far(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The three nearest of every city, and all by inverse distance; rows sum to one."""
    at = np.random.default_rng([seed, 1]).random((N, 2))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    near = (apart <= np.sort(apart, axis=1)[:, [2]]).astype(float)
    far = 1 / apart
    return near / near.sum(axis=1, keepdims=True), far / far.sum(axis=1, keepdims=True)


def strong(seed: int, times: float) -> tuple[np.ndarray, np.ndarray]:
    """An outcome with so many times rho of (0.5, 0.4), and its regressor."""
    near, far = near_and_far(seed)
    rng = np.random.default_rng([seed, 2])
    x, e = rng.normal(size=(2, N, T))
    shocks = rng.normal(size=(N, 1)) + rng.normal(size=T)
    S = np.eye(N) - times * (0.5 * near + 0.4 * far)
    return np.linalg.solve(S, x + shocks + 0.5 * e), x


def fitted(model: ss.SpatialModel, seed: int, times: float = 1.0) -> ss.Results:
    y, x = strong(seed, times)
    ids = [f"c{i:02d}" for i in range(N)]
    index = pd.MultiIndex.from_product([ids, range(T)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", year="year")
    pairs = zip(("geo", "far"), near_and_far(seed), strict=True)
    return ss.fit(model, panel, [ss.Weights.from_matrix(W, ids=ids, name=w) for w, W in pairs])


def heights(seed: int, lambdas: np.ndarray, times: float = 1.0) -> tuple[float, float]:
    """The highest likelihood of a grid inside, and just inside the edge, by F'(.)F written out."""
    y, x = strong(seed, times)
    F, G = helmert(N).T, helmert(T).T
    near, far = (F.T @ W @ F for W in near_and_far(seed))
    y, x, eye = F.T @ y @ G, F.T @ x @ G, np.eye(N - 1)
    found = {True: -np.inf, False: -np.inf}
    for total, apart in product(SUMS, APART):
        lagged = (total + apart) / 2 * near + (total - apart) / 2 * far
        w = np.linalg.eigvals(lagged)
        if w.real[np.abs(w.imag) < 1e-8].max(initial=0) >= 1:
            continue
        for lam in lambdas:
            R, S = eye - lam * near, eye - lagged
            v, z = (R @ S @ y).ravel(), (R @ x).ravel()
            e = v - z * (z @ v) / (z @ z)
            logdet = np.linalg.slogdet(S)[1] + np.linalg.slogdet(R)[1]
            at = (T - 1) * logdet - e.size / 2 * (np.log(2 * np.pi * e @ e / e.size) + 1)
            edge = bool(total > 0.999)
            found[edge] = max(found[edge], float(at))
    return found[False], found[True]


SAR = ss.sar("y ~ x", W=["geo", "far"], fixed_effects="twoways")
MIXED = SAR.but(W=ss.convex("geo", "far"))
SAC = ss.sac("y ~ x", W={"wy": ["geo", "far"], "wu": "geo"}, fixed_effects="twoways")


@pytest.mark.parametrize(
    ("model", "seed"), [(SAR, 1), (SAR, 43), (SAR, 53), (SAR, 74), (SAC, 1), (SAC, 43)]
)
def test_a_peak_inside_is_found_though_points_of_the_search_lie_on_the_edge(model, seed):
    """0.8 + 0.2 and 0.5 + 0.5, where ln|S| - ln(1 - sum rho) was rounding, and too high."""
    inside, edge = heights(seed, LAMBDAS if model is SAC else np.zeros(1))
    res = fitted(model, seed)
    assert edge < res.loglik
    assert inside <= res.loglik < inside + 0.1  # what a grid this coarse leaves
    assert res.rho.sum() < 1 - 1e-4


@pytest.mark.parametrize(("model", "seed"), [(SAR, 3), (SAR, 18), (SAC, 3)])
def test_a_likelihood_of_several_rho_that_is_highest_on_the_edge_is_refused(model, seed):
    inside, edge = heights(seed, LAMBDAS if model is SAC else np.zeros(1))
    assert inside < edge
    with pytest.raises(ss.EstimationError, match="the likelihood still rises at"):
        fitted(model, seed)


def test_a_mixture_that_would_be_best_just_beyond_the_edge_is_refused():
    """At rho = 1.0005: Newton's step from the edge is as short as at a peak."""
    inside, edge = heights(6, np.zeros(1), times=1.108)
    assert inside < edge
    with pytest.raises(ss.EstimationError, match=r"still rises at rho.geo.far. = 1"):
        fitted(MIXED, 6, times=1.108)
    inside, edge = heights(6, np.zeros(1), times=1.09)
    res = fitted(MIXED, 6, times=1.09)
    assert max(inside, edge) <= res.loglik
    assert 0.98 < res.rho.iloc[0] < 1 - 1e-4
