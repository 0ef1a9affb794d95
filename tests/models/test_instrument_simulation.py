"""Seeded Monte Carlo: where least squares and likelihood go wrong, instruments do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cases import ring

import spatialsyn as ss

DRAWS = 120


def empty(w: ss.Weights, T: int) -> ss.CityPanel:
    """The cities of `w` over T years, without numbers."""
    index = pd.MultiIndex.from_product([w.ids, range(2001, 2001 + T)], names=["city", "year"])
    return ss.CityPanel(index.to_frame(index=False), city="city", year="year")


def weights(W: np.ndarray) -> ss.Weights:
    return ss.Weights.from_matrix(W, ids=[f"c{i:02d}" for i in range(len(W))], name="w")


def z_of(draws: np.ndarray, truth: float) -> float:
    """How many Monte Carlo standard errors the mean of the draws is away from the truth."""
    return float((draws.mean() - truth) / (draws.std(ddof=1) / np.sqrt(len(draws))))


def test_an_endogenous_regressor_biases_likelihood_and_not_two_stages():
    """x and the error share a shock: QML puts beta at 1.3 for 1, two stages at 1."""
    n, T, rho = 30, 6, 0.4
    W = ring(n, 3)
    w, S = weights(W), np.eye(n) - rho * W
    blank, rng = empty(w, T), np.random.default_rng(11)
    iv = ss.sar("y ~ x + q", W="w", fixed_effects="twoways", estimator="2sls", endogenous="x",
                instruments="z")  # fmt: skip
    found, plain, covered, sargan = [], [], [], []
    for _ in range(DRAWS):
        z, q, e, v = rng.normal(size=(4, n, T))
        x = z + 0.6 * e + 0.8 * v
        city, year = rng.normal(size=(n, 1)), rng.normal(size=(1, T))
        y = np.linalg.solve(S, x - 2 * q + city + year + e)
        panel = blank.assign(y=y, x=x, q=q, z=z)
        res = ss.fit(iv, panel, w)
        found.append(res.params[["x", "rho[w]"]])
        plain.append(
            ss.fit(iv.but(estimator="qml", endogenous=(), instruments=()), panel, w).params["x"]
        )
        covered.append(abs(res.params["x"] - 1) < 1.96 * res.se["x"])
        sargan.append(res.overid().p < 0.05)
    found, plain = np.array(found), np.array(plain)
    assert abs(z_of(found[:, 0], 1.0)) < 3
    assert abs(z_of(found[:, 1], rho)) < 3
    assert z_of(plain, 1.0) > 20
    # 120 draws: 95 % and 5 % with a Monte Carlo standard error of 2 points.
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(sargan) <= 0.10


def test_unknown_heteroskedasticity_biases_rho_of_likelihood_and_not_of_two_stages():
    """Cities in pairs are noisy, those in a large group are not: g_ii and the variances go
    together, and the likelihood reads one as the other (Lin & Lee 2010)."""
    n, T, rho = 60, 4, 0.4
    W = np.zeros((n, n))
    for i in range(0, 30, 2):
        W[i, i + 1] = W[i + 1, i] = 1
    W[30:, 30:] = ring(30, 5)
    w, S = weights(W), np.eye(n) - rho * W
    sd = np.where(np.arange(n) < 30, 3.0, 0.3)[:, None]
    blank, rng = empty(w, T), np.random.default_rng(12)
    model = ss.sar("y ~ x", W="w", estimator="2sls")
    found, plain, covered = [], [], []
    for _ in range(DRAWS):
        x, e = rng.normal(size=(2, n, T))
        x = 3 * x
        panel = blank.assign(y=np.linalg.solve(S, x + sd * e), x=x)
        res = ss.fit(model, panel, w, cov="robust")
        found.append(res.params["rho[w]"])
        plain.append(ss.fit(model.but(estimator="qml"), panel, w).params["rho[w]"])
        covered.append(abs(res.params["rho[w]"] - rho) < 1.96 * res.se["rho[w]"])
    found, plain = np.array(found), np.array(plain)
    assert abs(z_of(found, rho)) < 3
    assert z_of(plain, rho) > 6
    assert 0.90 <= np.mean(covered) <= 0.99


def test_lambda_by_moments_is_centred_and_its_standard_error_is_right():
    n, T = 40, 6
    W = ring(n, 3)
    w, R, S = weights(W), np.eye(n) - 0.4 * W, np.eye(n) - 0.4 * W
    blank, rng = empty(w, T), np.random.default_rng(13)
    x = rng.normal(size=(n, T))
    model = ss.sac("y ~ x", W="w", fixed_effects="twoways", estimator="gmm")
    found, se = [], []
    for _ in range(DRAWS):
        u = np.linalg.solve(R, 0.5 * rng.normal(size=(n, T)))
        y = np.linalg.solve(S, x + u + rng.normal(size=(n, 1)) + rng.normal(size=(1, T)))
        res = ss.fit(model, blank.assign(y=y, x=x), w)
        found.append(res.params[["rho[w]", "lambda[w]"]])
        se.append(res.se[["rho[w]", "lambda[w]"]])
    found = np.array(found)
    for j, truth in enumerate((0.4, 0.4)):
        assert abs(z_of(found[:, j], truth)) < 3
    # A standard deviation of 120 draws is known to 6.5 %.
    np.testing.assert_allclose(np.mean(se, axis=0), found.std(axis=0, ddof=1), rtol=0.15)
