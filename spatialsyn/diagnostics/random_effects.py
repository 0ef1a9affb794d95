"""Random city effects and spatial errors, one in the presence of the other.

    y = X beta + mu + u,   u = lambda W u + e,   B = I - lambda W,   mu ~ (0, sigma2_mu)

Baltagi, Song & Koh (2003), Journal of Econometrics 117, 123-150: Lagrange multiplier tests,
joint, marginal and conditional. With e the residuals of the restricted model:

    LM1 = sqrt(n T / (2 (T - 1))) [sum_i (sum_t e_it)^2 / sum e^2 - 1]      sigma2_mu = 0
    LM2 = e'We / s2 / sqrt(T b),   b = tr(W^2 + W'W)                        lambda = 0
    LMH = LM1^2 + LM2^2, LM1 from below at zero                             both
    conditional: scores and information at the estimate that has the other parameter

Their random effects are no part of the spatial process, unlike those of `ss.sem(...,
random="individual")`, which follow it (Kapoor, Kelejian & Prucha 2007).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, norm

from spatialsyn.diagnostics.relatives import (
    given_weights,
    held,
    is_results,
    needs_likelihood,
    needs_no_incidental_bias,
    refitted,
    relative,
)
from spatialsyn.errors import ModelError
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights

NULLS = {
    ("random", ""): "sigma2_mu = 0",
    ("error", ""): "lambda = 0",
    ("both", ""): "sigma2_mu = lambda = 0",
    ("random", "error"): "sigma2_mu = 0, given lambda",
    ("error", "random"): "lambda = 0, given sigma2_mu",
}


def baltagi_song_koh(
    results: Results, tested: str = "random", given: str = "", W: str | Weights | None = None
) -> HypothesisTest:
    """Tests of random city effects and of a spatial error, in the model without fixed effects.

    Parameters
    ----------
    results : the fit whose formula and panel are taken; without fixed effects of years
    tested : "random" | "error" | "both"
    given : "" | "error" | "random", what is estimated under the null
    W : the matrix of the error, Weights or a name, where the model has none or several

    Returns
    -------
    HypothesisTest
        For "random" and "error" the statistic is standard normal under the null: "random" from
        one side (a variance is not negative), "error" from two. "both" mixes chi-squared(1)
        and (2), half each. The weights 1/4, 1/2, 1/4 of chi-squared(0), (1), (2) that the paper
        states and splm uses are those of two one-sided parts, and reject 8 % at 5 %.
    """
    is_results(results, "baltagi_song_koh")
    if (tested, given) not in NULLS:
        raise ModelError(
            f"tested={tested!r}, given={given!r} is not one of random, error, both, "
            "random given error, error given random."
        )
    model = results.model
    needs_likelihood(results, "this test")
    needs_no_incidental_bias(results, "this test")
    if model.fixed_effects not in ("none", "individual"):
        raise ModelError(
            f"the Baltagi-Song-Koh tests are for models without year effects, not for "
            f"fixed_effects={model.fixed_effects!r}: see random_effects_lr and lm."
        )
    name, more = given_weights(results, W)
    plain = {"fixed_effects": "none", "random": None}
    if given == "random":
        plain["random"] = "individual"
    family = "sem" if given == "error" else "ols"
    null = refitted(results, relative(model, family, name, **plain), more)
    sem = relative(model, "sem", name, **plain).roles.wu
    M = dense(held(results, more)[str(sem)].over(null.data.years))
    if M.ndim == 3:
        raise ModelError("the Baltagi-Song-Koh tests need one W for all years.")
    says = NULLS[tested, given]
    if given == "error":
        return _one_sided(says, _variance_given_error(null, M))
    if given == "random":
        return _two_sided(says, _error_given_variance(null, M))
    z_random, z_error = _variance(null.estimate.residuals), _error(null.estimate.residuals, M)
    if tested == "random":
        return _one_sided(says, z_random)
    return _two_sided(says, z_error) if tested == "error" else _joint(says, z_random, z_error)


def _variance(e: Array) -> float:
    """LM1."""
    n, T = e.shape
    ratio = float((e.sum(axis=1) ** 2).sum() / (e**2).sum())
    return float(np.sqrt(n * T / (2 * (T - 1)))) * (ratio - 1)


def _error(e: Array, M: Array) -> float:
    """LM2."""
    b = np.trace(M @ M) + np.sum(M**2)
    return float(np.sum(e * (M @ e)) / (e**2).mean() / np.sqrt(e.shape[1] * b))


def _error_given_variance(null: Results, M: Array) -> float:
    """The score of lambda at the random effects estimate, over its standard deviation.

    V^-1 = s2^-1 [E_T + phi^2 J_T] x I, and e are the quasi-demeaned residuals.
    """
    e, T, phi = null.estimate.residuals, null.data.y.shape[1], float(null.params["phi"])
    mean = e.mean(axis=1, keepdims=True)
    # V^-1 u = s2^-1 (e less its mean, plus phi times its mean); e has phi in its mean already.
    v = e - mean + phi * mean
    b = np.trace(M @ M) + np.sum(M**2)
    score = np.sum(v * (M @ v)) / null.sigma2
    return float(score / np.sqrt(b * (T - 1 + phi**4)))


def _variance_given_error(null: Results, M: Array) -> float:
    """The score of sigma2_mu at the spatial error estimate, over its standard deviation.

    In units of s2, with A = B'B, u the residuals before B, and w = sum_t A u_t:
    score w'w / (2 s2) - T tr A / 2; information of (mu, s2, lambda) by halves of traces.
    """
    n, T = null.data.y.shape
    B = np.eye(n) - float(null.lam.iloc[0]) * M
    A, G = B.T @ B, M @ np.linalg.inv(B)
    w = (B.T @ null.estimate.residuals).sum(axis=1)
    score = w @ w / (2 * null.sigma2) - T * np.trace(A) / 2
    traces = np.array([np.trace(A), 2 * np.trace(M.T @ B)]) * T / 2
    nuisance = np.array(
        [
            [n * T / 2, T * np.trace(G)],
            [T * np.trace(G), T * (np.trace(G @ G) + np.sum(G**2))],
        ]
    )
    variance = T**2 * np.sum(A**2) / 2 - traces @ np.linalg.solve(nuisance, traces)
    return float(score / np.sqrt(variance))


def _one_sided(null: str, z: float) -> HypothesisTest:
    return HypothesisTest(null, z, 1, float(norm.sf(z)), "standard normal, one-sided")


def _two_sided(null: str, z: float) -> HypothesisTest:
    return HypothesisTest(null, z, 1, float(2 * norm.sf(abs(z))), "standard normal, two-sided")


def _joint(null: str, z_random: float, z_error: float) -> HypothesisTest:
    statistic = max(z_random, 0.0) ** 2 + z_error**2
    p = float(chi2.sf(statistic, 1) + chi2.sf(statistic, 2)) / 2
    note = "mixture of chi-squared(1) and (2), half each: lambda has two sides"
    return HypothesisTest(null, statistic, 2, p, note)
