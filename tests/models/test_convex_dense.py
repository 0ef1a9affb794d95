"""Mixtures of three matrices against the normal density of transformed data, from many starts."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import NAMES, mixed, three
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.optimize import minimize

import spatialsyn as ss
from spatialsyn.summary import notes

N, T = 12, 6


def log_density(panel, weights, family, wx, effects):
    """ln of the density of F_n'y F_T as a function of (rho, shares), its best delta, and s2."""
    cities = null_space(np.ones((1, N))) if effects in ("time", "twoways") else np.eye(N)
    years = null_space(np.ones((1, T))) if effects in ("individual", "twoways") else np.eye(T)
    W, y = [w.dense() for w in weights], panel.array("y")
    own = [panel.array("x"), panel.array("z")]
    constant = [np.ones((N, T))] if effects == "none" else []

    def seen(v):
        return (cities.T @ v @ years).ravel(order="F")

    def parts(rho, shares):
        Wc = np.tensordot(shares, W, 1)
        lagged = [] if family == "sar" else [Wc] if wx == "combined" else W
        Z = [*constant, *own, *(w @ x for w in lagged for x in own)]
        S = np.eye(N) - rho * Wc
        logdet = years.shape[1] * np.linalg.slogdet(cities.T @ S @ cities)[1]
        return seen(S @ y), np.array([seen(z) for z in Z]).T, logdet

    def at(theta):
        """The whole density; theta = (delta, rho, shares, s2)."""
        v, Z, logdet = parts(theta[-5], theta[-4:-1])
        e = v - Z @ theta[:-5]
        return logdet - len(e) / 2 * np.log(2 * np.pi * theta[-1]) - e @ e / (2 * theta[-1])

    def best(spatial):
        """(delta, rho, shares, s2) of the highest density with these (rho, shares)."""
        v, Z, _ = parts(spatial[0], spatial[1:])
        delta = np.linalg.lstsq(Z, v, rcond=None)[0]
        return np.r_[delta, spatial, np.mean((v - Z @ delta) ** 2)]

    return at, best


@pytest.mark.parametrize(
    ("family", "wx", "effects", "made", "zero"),
    [
        ("sdm", "combined", "individual", {"noise": 0.1, "seed": 1}, ()),
        ("sdm", "each", "twoways", {"noise": 0.1, "seed": 1}, ("c",)),
        ("sar", "each", "none", {"rho": -0.6, "shares": (0.6, 0.4, 0.0), "seed": 5}, ("b",)),
        ("sar", "each", "twoways", {"shares": (1.0, 0.0, 0.0), "noise": 0.1, "seed": 2}, ("b", "c")),
    ],
)  # fmt: skip
def test_estimates_are_the_highest_of_many_climbs(family, wx, effects, made, zero):
    panel, weights = three(n=N, T=T, effects=effects, **made)
    res = ss.fit(mixed(family, wx=wx, fixed_effects=effects), panel, weights, cov="observed")
    at, best = log_density(panel, weights, family, wx, effects)
    rng, found = np.random.default_rng(0), []
    for _ in range(12):
        climb = minimize(
            lambda v: -at(best(v)), [rng.uniform(-0.8, 0.8), *rng.dirichlet(np.ones(3))],
            method="SLSQP", bounds=[(-0.95, 0.98), *[(0, 1)] * 3],
            constraints={"type": "eq", "fun": lambda v: v[1:].sum() - 1},
            options={"ftol": 1e-13, "maxiter": 300},
        )  # fmt: skip
        found.append((climb.fun, tuple(climb.x)))
    theta = best(np.array(min(found)[1]))
    assert_allclose(res.loglik, at(theta), rtol=1e-10)
    assert_allclose(res.params, theta, atol=1e-6)  # SLSQP ends there
    held = [name for name in NAMES if res.params[f"share[{name}]"] == 0]
    assert held == list(zero)
    assert np.isnan(res.se[[f"share[{name}]" for name in held]]).all()
    said = " ".join(notes(res))
    if zero:
        assert f"share of {', '.join(f'W[{name}]' for name in zero)} is estimated at zero" in said
    else:
        assert "estimated at zero" not in said
    # The covariance is minus the inverse of the second differences along the face.
    theta, p = res.params.to_numpy(), len(res.params) - 5
    on = [p + 1 + k for k, name in enumerate(NAMES) if name not in held]
    one = np.eye(len(theta))
    moves = [*one[: p + 1], *(one[k] - one[on[0]] for k in on[1:]), one[-1]]
    steps = np.array([move * (1e-2 * theta[-1] if move[-1] else 1e-3) for move in moves])

    def second(a, b, h):
        corners = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
        return sum(s * at(theta + h * (i * a + j * b)) for i, j, s in corners) / (4 * h**2)

    H = np.array([[(4 * second(a, b, 1) - second(a, b, 2)) / 3 for b in steps] for a in steps])
    V = steps.T @ np.linalg.inv(-H) @ steps
    size = np.sqrt(np.diag(V))
    known = size > 0
    ours = res.cov.to_numpy()[np.ix_(known, known)]
    assert_allclose(
        ours / np.outer(size, size)[np.ix_(known, known)],
        V[np.ix_(known, known)] / np.outer(size, size)[np.ix_(known, known)],
        atol=1e-5,
    )
