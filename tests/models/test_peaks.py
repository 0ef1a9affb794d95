"""The highest peak of a likelihood with a lag and a spatial error, which often has two."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from peers import cross_section

import spatialsyn as ss


def two_peaks() -> tuple[pd.DataFrame, np.ndarray]:
    """21 points, inverse distances to the four nearest: rows of any sum, asymmetric."""
    n, rng = 21, np.random.default_rng(8)
    at = np.random.default_rng(508).random((n, 2))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    W = np.where(apart <= np.sort(apart, axis=1)[:, [3]], 0.1 / apart, 0)
    x = rng.normal(size=(n, 2))
    rng.uniform(size=2)
    u = np.linalg.solve(np.eye(n) + 0.313 * W, rng.normal(size=n))
    y = np.linalg.solve(np.eye(n) - 0.245 * W, 1 + x @ [1, 0.5] + u)
    return pd.DataFrame({"y": y, "x1": x[:, 0], "x2": x[:, 1]}), W


def concentrated(frame: pd.DataFrame, W: np.ndarray, rho: float, lam: float) -> float:
    n = len(W)
    R = np.eye(n) - lam * W
    y, Z = frame["y"].to_numpy(), np.c_[np.ones(n), frame[["x1", "x2"]]]
    v, Z = R @ (y - rho * W @ y), R @ Z
    e = v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0]
    logdet = sum(np.linalg.slogdet(np.eye(n) - a * W)[1] for a in (rho, lam))
    return float(logdet - n / 2 * (np.log(2 * np.pi * e @ e / n) + 1))


# library(spatialreg); nb <- spdep::mat2listw(W); d: columns y, x1, x2 of two_peaks()
# lw <- spdep::nb2listw(nb$neighbours, glist = nb$weights, style = "B")
# s <- sacsarlm(y ~ x1 + x2, d, lw, method = "eigen")       spatialreg 1.2-6, R 4.2.2
# c(coef(s)[3:5], s$rho, s$lambda, s$s2); c(s$rest.se, s$rho.se, s$lambda.se); logLik(s)
PARAMS = [1.69979035387801, 1.41471238548229, 0.257188833877524, -0.165382065558836,
          0.272984625779671, 0.862073095360876]  # fmt: skip
SE = [0.518654035013817, 0.212082753006225, 0.184000810875834, 0.0886757351695047,
      0.00526840081603210]  # fmt: skip
LOGLIK = -32.631826504356241


def test_a_narrow_peak_near_the_edge_is_found_as_spatialreg_finds_it():
    """The wide peak, at (0.24, -0.20), is 0.6 lower."""
    frame, W = two_peaks()
    panel, w = cross_section(frame, W)
    res = ss.fit(ss.sac("y ~ x1 + x2", W="w"), panel, w)
    assert_allclose(res.loglik, LOGLIK, rtol=1e-10)
    assert_allclose(res.params, PARAMS, rtol=1e-6)
    assert_allclose(res.se.iloc[:5], SE, rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_no_point_of_a_fine_grid_is_higher(scale):
    """Nor does the unit of W matter. Points are dense towards the ends, where the peak is."""
    frame, W = two_peaks()
    panel, w = cross_section(frame, scale * W)
    res = ss.fit(ss.sac("y ~ x1 + x2", W="w"), panel, w)
    values = np.linalg.eigvals(W).real
    low, high = 1 / values.min(), 1 / values.max()
    axis = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 62)[1:-1])) / 2
    highest = max(concentrated(frame, W, rho, lam) for rho, lam in product(axis, repeat=2))
    assert LOGLIK - 0.1 < highest <= res.loglik


@pytest.mark.parametrize("seed", [5, 7, 21, 30])
def test_a_second_matrix_never_lowers_the_likelihood(seed):
    """The model with W alone is a special case; its rho of 0.8 must not be taken for lambda."""
    panel, w = made_up(14, 3, rho=0.8, seed=seed, noise=1.0)
    v = ss.Weights.from_matrix(ring(14, seed + 50), ids=w.ids, name="v")
    both = ss.fit(ss.sac("y ~ x + z", W={"wy": ["w", "v"], "wu": "w"}), panel, [w, v])
    assert both.loglik >= ss.fit(ss.sac("y ~ x + z", W="w"), panel, w).loglik
