"""Effects, their derivatives and bootstrap samples through dense inverses, apart from the package."""

from __future__ import annotations

import numpy as np
from cases import made_up

import spatialsyn as ss
from spatialsyn.models.bootstrap import WEIGHTS


def weak(n=12, T=6, seed=1):
    """A panel whose effects are not far from zero, and its weights."""
    panel, w = made_up(n=n, T=T, seed=seed)
    rng = np.random.default_rng(100 + seed)
    x, z = panel.array("x"), panel.array("z")
    signal = 0.2 * x - 0.1 * z + 0.1 * w.dense() @ z + rng.normal(size=(n, T))
    return panel.assign(y=np.linalg.solve(np.eye(n) - 0.3 * w.dense(), signal)), w


def dense_effect(res, W, reading, **carriers):
    """An effect as a function of all parameters, and its derivatives.

    `carriers` are the (n, n) matrices that the coefficients of x, or of others, multiply; `reading`
    takes one number from a matrix of derivatives. rho and sigma2 are the last parameters.
    """
    n, names = len(W), list(res.params.index)
    carried = {names.index(name): C for name, C in carriers.items()}

    def effect(params):
        S = np.linalg.inv(np.eye(n) - params[-2] * W)
        B = S @ sum(params[i] * C for i, C in carried.items())
        gradient = np.zeros(len(params))
        for i, C in carried.items():
            gradient[i] = reading(S @ C)
        gradient[-2] = reading(S @ W @ B)
        return reading(B), gradient

    return effect


def of_x(W):
    """The carriers of x and of its lag."""
    return {"x": np.eye(len(W)), "W[w]*x": W}


def p_by_hand(res, panel, w, regressors, null, t, seed, draws=100):
    """The bootstrap p-value from fits of the model to every sample.

    `null` has the coefficients of the `regressors`, (n, T) each, in their order, and rho; `t` is
    a function of results with clustered standard errors. Of models with one rho.
    """
    W, n, y = w.dense(), panel.n, panel.array("y")
    *delta, rho = null
    u = y - rho * W @ y - sum(b * v for b, v in zip(delta, regressors, strict=True))
    u = u - u.mean(1, keepdims=True)
    if res.model.fixed_effects == "twoways":
        u = u - u.mean(0)
    v = np.random.default_rng(seed).choice(WEIGHTS["rademacher"], size=(draws, n))
    stars = []
    for signs in v * np.sqrt(n / (n - 1)):
        change = np.linalg.solve(np.eye(n) - rho * W, signs[:, None] * u - u)
        stars.append(t(ss.fit(res.model, panel.assign(y=y + change), w, cov="city")))
    return (1 + (np.abs(stars) >= abs(t(res.with_cov("city")))).sum()) / (1 + draws)
