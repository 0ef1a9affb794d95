"""SAC and GNS of five to seven cities: no point of a dense scan of (rho, lambda) is higher."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import helmert

import spatialsyn as ss


def nearest(at: np.ndarray, k: int) -> np.ndarray:
    """The k nearest of every city, rows summing to one: eigenvalues of -1/2 allow rho < -1."""
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return (apart <= np.sort(apart, axis=1)[:, [k - 1]]) / k


class Panel:
    """Outcome, regressor and two matrices of few cities, whose lambda is often strong."""

    def __init__(self, seed: int, n: int, T: int, effects: str) -> None:
        rng = np.random.default_rng([seed, n, T])
        at, self.effects = rng.random((n, 2)), effects
        self.W, self.M = nearest(at, 3), nearest(at, 2)
        rho, lam = rng.uniform(-0.9, 0.9, 2)
        self.x, e = rng.normal(size=(2, n, T))
        u = np.linalg.solve(np.eye(n) - lam * self.M, e)
        self.y = np.linalg.solve(np.eye(n) - rho * self.W, self.x + rng.normal(size=(n, 1)) + u)

    def fit(self, family) -> ss.Results:
        n, T = self.y.shape
        ids = [f"c{i}" for i in range(n)]
        index = pd.MultiIndex.from_product([ids, range(T)], names=["city", "year"])
        frame = pd.DataFrame({"y": self.y.ravel(), "x": self.x.ravel()}, index=index).reset_index()
        panel = ss.CityPanel(frame, city="city", year="year")
        w, m = (
            ss.Weights.from_matrix(A, ids=ids, name=k) for A, k in ((self.W, "w"), (self.M, "m"))
        )
        roles = {"wy": "w", "wu": "m"} | ({"wx": "w"} if family is ss.gns else {})
        return ss.fit(family("y ~ x", W=roles, fixed_effects=self.effects), panel, [w, m])

    def scan(self, durbin: bool, points: int = 161) -> tuple[float, float, float]:
        """The highest likelihood over a grid of both intervals, and its rho and lambda."""
        return self.over(durbin, between(self.W, points), between(self.M, points))

    def near_edge(self, durbin: bool, left: float) -> float:
        """The highest likelihood so near to the lower end of lambda, closing in on rho."""
        low, rho = 2 * between(self.M, 1) - 1, between(self.W, 2001)
        for width in 1e-2, 1e-4, 1e-6:
            top, at, _ = self.over(durbin, rho, low + left)
            rho = np.linspace(at - width, at + width, 2001)
        return top

    def over(self, durbin: bool, rho: np.ndarray, lam: np.ndarray) -> tuple[float, float, float]:
        """The highest of these, by F'(.)G written out."""
        n, T = self.y.shape
        F = helmert(n).T if self.effects == "twoways" else np.eye(n)
        G = helmert(T).T if self.effects != "none" else np.eye(T)
        W, M = (F.T @ A @ F for A in (self.W, self.M))
        y, x, WX = (F.T @ v @ G for v in (self.y, self.x, self.W @ self.x))
        Z = [x, *([WX] if durbin else []), *([F.T @ np.ones((n, T))] * (self.effects == "none"))]
        best, eye, T = (-np.inf, 0.0, 0.0), np.eye(len(F.T)), G.shape[1]
        logdets = np.array([np.linalg.slogdet(eye - r * W)[1] for r in rho])
        for one in lam:
            R = eye - one * M
            Q = np.linalg.qr(np.column_stack([(R @ z).ravel() for z in Z]))[0]
            v, Wv = ((R @ a).ravel() for a in (y, W @ y))
            e = (v - Q @ (Q.T @ v))[:, None] - rho * (Wv - Q @ (Q.T @ Wv))[:, None]
            logs = np.log(2 * np.pi * (e**2).sum(axis=0) / len(e)) + 1
            at = T * (logdets + np.linalg.slogdet(R)[1]) - len(e) / 2 * logs
            best = max(best, (float(at.max()), float(rho[at.argmax()]), float(one)))
        return best


def between(W: np.ndarray, points: int) -> np.ndarray:
    """Values inside (1 / w_min, 1), not too near to where the likelihood may have no end."""
    w = np.linalg.eigvals(W)
    low = 1 / w.real[np.abs(w.imag) < 1e-8].min()
    return np.linspace(low, 1, points + 2)[1:-1]


@pytest.mark.parametrize(
    ("n", "T", "effects", "seed", "family"),
    [
        (5, 3, "none", 60, ss.gns),
        (6, 3, "individual", 143, ss.gns),
        (6, 3, "individual", 143, ss.sac),
        (6, 3, "individual", 56, ss.gns),
        (7, 2, "twoways", 68, ss.gns),
    ],
)
def test_no_point_of_all_rho_and_lambda_is_higher(n, T, effects, seed, family):
    """Peaks narrower than the points of a coarse grid are apart, or so near to an edge."""
    panel = Panel(seed, n, T, effects)
    res = panel.fit(family)
    top, rho, lam = panel.scan(family is ss.gns)
    assert top <= res.loglik < top + 0.2  # what 161 points leave
    assert_allclose([res.rho.iloc[0], res.lam.iloc[0]], [rho, lam], atol=0.1)


@pytest.mark.parametrize(
    ("seed", "n", "family"), [(2, 6, ss.gns), (7, 6, ss.gns), (221, 6, ss.sac), (51, 7, ss.gns)]
)
def test_a_likelihood_without_end_at_an_edge_is_refused(seed, n, family):
    """Two years and nearly as many parameters as observations: lambda = -2 fits exactly."""
    panel = Panel(seed, n, 2, "individual")
    heights = [panel.near_edge(family is ss.gns, 10.0**-k) for k in (2, 4, 6)]
    assert (np.diff(heights) > 3).all()
    with pytest.raises(ss.EstimationError, match="still rises at"):
        panel.fit(family)
