"""W of every year beside random effects: the normal density of all years, climbed and bent."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, null_space
from scipy.optimize import minimize

import spatialsyn as ss

N, T = 9, 4


def changing(seed=1):
    panel, _ = made_up(N, T, seed=seed, noise=1.0)
    city = np.random.default_rng(seed).normal(size=(N, 1))
    panel = panel.assign(y=panel.array("y") + 2 * city)
    by_year = {
        year: ss.Weights.from_matrix(ring(N, 10 + t), ids=panel.ids, name="net")
        for t, year in enumerate(panel.years)
    }
    return panel, ss.weights.series(by_year)


class Density:
    """F'y of all years: S_t y_t = Z_t delta + R_t^-1 (mu + e_t), mu of variance s2 (phi^-2 - 1) / T."""

    def __init__(self, res, panel, series, x, one=None):
        self.names, self.T = list(res.params.index), x.shape[1]
        has_time = res.model.fixed_effects == "time"
        F = null_space(np.ones((1, N))) if has_time else np.eye(N)
        W = [series.at(year).dense() for year in panel.years[-self.T :]]
        of_y = W if one is None else [one.dense()] * self.T
        self.eye, self.W = np.eye(F.shape[1]), [F.T @ w @ F for w in of_y]
        y = panel.array("y")[:, -self.T :]
        self.y = (F.T @ y).ravel(order="F")
        Wx = np.column_stack([w @ x[:, t] for t, w in enumerate(W)])
        [own] = res.regressors
        known = {"Intercept": np.ones_like(x), own: x, f"W[net]*{own}": Wx}
        for name in (own, f"W[net]*{own}"):
            mean = known[name].mean(axis=1, keepdims=True)
            known[f"mean({name})"] = np.repeat(mean, self.T, axis=1)
        self.slopes = [name for name in self.names if name in known]
        self.Z = np.array([(F.T @ known[name]).ravel(order="F") for name in self.slopes]).T
        self.spatial = [name for name in self.names if name.startswith(("rho", "lambda"))]
        assert self.names == [*self.slopes, *self.spatial, "phi", "sigma2"]

    def parts(self, at):
        """S, and the variance of S y over s2, of (rho, lambda, phi), all years."""
        by = {name.split("[")[0]: v for name, v in zip(self.spatial, at[:-1], strict=True)}
        S = block_diag(*[self.eye - by.get("rho", 0.0) * w for w in self.W])
        R = block_diag(*[self.eye - by.get("lambda", 0.0) * w for w in self.W])
        share = (at[-1] ** -2 - 1) / self.T
        V = np.eye(len(S)) + share * np.kron(np.ones((self.T, self.T)), self.eye)
        K = np.linalg.inv(R)
        return S, K @ V @ K.T

    def best(self, at):
        """The log-density with delta and s2 at their best, and these."""
        S, V = self.parts(at)
        sign, logdet = np.linalg.slogdet(S)
        v, m = S @ self.y, len(self.y)
        inverse = np.linalg.inv(V)
        delta = np.linalg.solve(self.Z.T @ inverse @ self.Z, self.Z.T @ inverse @ v)
        e = v - self.Z @ delta
        s2 = e @ inverse @ e / m
        log = logdet - np.linalg.slogdet(V)[1] / 2 - m / 2 * (np.log(2 * np.pi * s2) + 1)
        return (log if sign > 0 else -1e6), np.r_[delta, at, s2]

    def moments(self, theta):
        S, V = self.parts(theta[len(self.slopes) : -1])
        inverse = np.linalg.inv(S)
        return inverse @ self.Z @ theta[: len(self.slopes)], theta[-1] * inverse @ V @ inverse.T

    def errors(self, theta):
        """Of the expected information, mu_a'V^-1 mu_b + tr(V^-1 V_a V^-1 V_b) / 2."""
        V, slopes = self.moments(theta)[1], []
        for move in 1e-5 * np.eye(len(theta)):
            up, down = self.moments(theta + move), self.moments(theta - move)
            slopes.append([(a - b) / 2e-5 for a, b in zip(up, down, strict=True)])
        scaled = [(np.linalg.solve(V, m), np.linalg.solve(V, D)) for m, D in slopes]
        info = [[m @ a + np.sum(B * C.T) / 2 for (m, _), (_, C) in zip(slopes, scaled, strict=True)]
                for a, B in scaled]  # fmt: skip
        return np.linalg.inv(info)


@pytest.mark.parametrize(
    ("family", "random", "effects", "formula"),
    [
        ("sar", "individual", "none", "y ~ x"),
        ("sdm", "individual", "time", "y ~ x"),
        ("sdm", "correlated", "none", "y ~ x"),
        ("sdm", "correlated", "time", "y ~ lag(x)"),
        ("slx", "individual", "time", "y ~ x"),
        ("sem", "correlated", "time", "y ~ x"),
        ("sdem", "individual", "none", "y ~ x"),
        ("gns", "individual", "time", "y ~ x"),
        ("sdm", "individual", "none", "y ~ x | x"),  # W y of one matrix
        ("sdm", "correlated", "time", "y ~ x | x"),
    ],
)
def test_estimates_and_errors_are_those_of_the_normal_density(family, random, effects, formula):
    panel, series = changing()
    one = ss.Weights.from_matrix(ring(N, 1), ids=panel.ids, name="w") if "|" in formula else None
    W = "net" if one is None else {"wy": "w", "wx": "net"}
    model = getattr(ss, family)(formula, W=W, fixed_effects=effects, random=random)
    res = ss.fit(model, panel, [series, *([one] if one else [])])
    x = panel.array("x")
    density = Density(res, panel, series, x[:, :-1] if "lag" in formula else x, one)
    count, found = len(density.spatial), []
    assert res.params["phi"] < 0.95
    for start in (0.3, -0.3):
        climb = minimize(
            lambda v: -density.best(v)[0], [*[start] * count, 0.5], method="L-BFGS-B",
            bounds=[*[(-0.95, 0.95)] * count, (0.05, 1)], options={"ftol": 1e-14, "gtol": 1e-8},
        )  # fmt: skip
        found.append(density.best(climb.x))
    log, theta = max(found, key=lambda pair: pair[0])
    assert_allclose(res.loglik, log, rtol=1e-9)
    # Climbs with numerical slopes stop near 1e-6 of the parameters.
    assert_allclose(res.params, theta, rtol=1e-3, atol=1e-5)
    V = density.errors(res.params.to_numpy())
    size = np.sqrt(np.diag(V))
    assert_allclose(res.cov / np.outer(size, size), V / np.outer(size, size), atol=1e-5)
