"""The Hausman tests against every order of a few cities, and years transformed away by hand."""

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
from spatialsyn.diagnostics.hausman import _common, _influence, _side, hausman


def test_the_robust_form_is_the_mean_over_all_orders_of_the_cities():
    """s_i = l_i + what the cities before i share with it, all 720 orders of six cities."""
    n = 6
    panel, w = made_up(n=n, T=8, noise=1.0)
    results = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), panel, w)
    fixed, random = _side(results, None), _side(results, "individual")
    a, b = _common(fixed, random)
    one, other = _influence(fixed, a), _influence(random, b)
    naive, pairs = one[0] - other[0], one[1] - other[1]
    alone = naive - pairs.sum(axis=2).T / 2
    assert_allclose(pairs, np.swapaxes(pairs, 1, 2), atol=1e-12)
    V = np.zeros((2, 2))
    for order in permutations(range(n)):
        place = np.argsort(order)
        before = place[None, :] < place[:, None]
        s = alone + (pairs * before).sum(axis=2).T
        V += s.T @ s / 720
    q = fixed.estimate.params[a] - random.estimate.params[b]
    made = hausman(results, "robust")
    # Scores that sum to zero lose 1 / n of their variance; Hotelling's T2 of n cities.
    T2 = q @ np.linalg.solve(V * n / (n - 1), q)
    assert_allclose(made.statistic, T2, rtol=1e-8)
    assert_allclose(made.p, f.sf(T2 * (n - 2) / (2 * (n - 1)), 2, n - 2), rtol=1e-8)


@pytest.mark.parametrize("family", ["sar", "sem", "two lags"])
def test_the_random_side_has_its_years_transformed_away(family):
    """The likelihood of F'y, F orthonormal and orthogonal to 1, written out and climbed."""
    n, T = 9, 6
    panel, w = made_up(n=n, T=T, noise=1.0)
    effects = np.random.default_rng(2).normal(size=(n, 1))
    panel = panel.assign(y=panel.array("y") + 1.5 * effects)
    far = ss.Weights.from_matrix(np.roll(np.eye(n), 4, axis=1), ids=w.ids, name="far")
    given = [w, far] if family == "two lags" else [w]
    make = ss.sem if family == "sem" else ss.sar
    model = make(
        "y ~ x", W=[one.name for one in given] if len(given) > 1 else "w", fixed_effects="twoways"
    )
    side = _side(ss.fit(model, panel, given), "individual").estimate
    F = null_space(np.ones((1, n)))
    y, x = F.T @ panel.array("y"), F.T @ panel.array("x")
    M = [F.T @ one.dense() @ F for one in given]

    def fitted(*values):
        *rho, phi = values
        S = np.eye(n - 1) - sum(r * one for r, one in zip(rho, M, strict=True))
        kept = [S @ y, S @ x if family == "sem" else x]
        y_q, x_q = ((v - (1 - phi) * v.mean(axis=1, keepdims=True)).ravel() for v in kept)
        beta = x_q @ y_q / (x_q @ x_q)
        sigma2 = np.mean((y_q - beta * x_q) ** 2)
        jacobian = T * np.linalg.slogdet(S)[1] + (n - 1) * np.log(phi)
        return jacobian - (n - 1) * T / 2 * np.log(sigma2), beta, sigma2

    best = minimize(
        lambda v: -fitted(*v)[0], [*[0.1] * len(M), 0.5], method="Nelder-Mead",
        bounds=[*[(-0.9, 0.95)] * len(M), (0.05, 1)],
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000},
    )  # fmt: skip
    _, beta, sigma2 = fitted(*best.x)
    assert 0.1 < best.x[-1] < 0.9
    # Searches over two parameters stop near 1e-6.
    assert_allclose(side.params, [beta, *best.x, sigma2], rtol=1e-5)
