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


def dense_effect(res, Ws, reading, **carriers):
    """An effect as a function of all parameters, and its derivatives.

    `Ws` are the matrices of the rho; `carriers` those that the coefficients of x, or of others,
    multiply, (n, n) each; `reading` takes one number from a matrix of derivatives. The rho and
    sigma2 are the last parameters.
    """
    m, names = len(Ws), list(res.params.index)
    carried = {names.index(name): C for name, C in carriers.items()}

    def effect(params):
        S = spread(Ws, params[-1 - m : -1])
        B = S @ sum(params[i] * C for i, C in carried.items())
        gradient = np.zeros(len(params))
        for i, C in carried.items():
            gradient[i] = reading(S @ C)
        gradient[-1 - m : -1] = [reading(S @ W @ B) for W in Ws]
        return reading(B), gradient

    return effect


def spread(Ws, rho):
    """S^-1."""
    return np.linalg.inv(np.eye(len(Ws[0])) - sum(r * W for r, W in zip(rho, Ws, strict=True)))


def of_x(*Ws):
    """The carriers of x and of its lags, by w and by v."""
    return {"x": np.eye(len(Ws[0]))} | {f"W[{k}]*x": W for k, W in zip("wv", Ws, strict=False)}


def p_by_hand(res, panel, weights, regressors, null, t, seed, draws=100):
    """The bootstrap p-value from fits of the model to every sample.

    `null` has the coefficients of the `regressors`, (n, T) each, in their order, and a rho of every
    one of `weights`; `t` is a function of results with clustered standard errors.
    """
    Ws, n, y, p = [w.dense() for w in weights], panel.n, panel.array("y"), len(regressors)
    S = spread(Ws, null[p:])
    u = np.linalg.solve(S, y) - sum(b * v for b, v in zip(null[:p], regressors, strict=True))
    u = u - u.mean(1, keepdims=True)
    if res.model.fixed_effects == "twoways":
        u = u - u.mean(0)
    v = np.random.default_rng(seed).choice(WEIGHTS["rademacher"], size=(draws, n))
    stars = []
    for signs in v * np.sqrt(n / (n - 1)):
        change = S @ (signs[:, None] * u - u)
        stars.append(t(ss.fit(res.model, panel.assign(y=y + change), weights, cov="city")))
    return (1 + (np.abs(stars) >= abs(t(res.with_cov("city")))).sum()) / (1 + draws)
