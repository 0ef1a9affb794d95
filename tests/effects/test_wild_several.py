"""Effects of models with several lags of y, tested with the null imposed: beside dense searches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from by_hand import dense_effect, of_x, p_by_hand, weak
from cases import made_up
from numpy.testing import assert_allclose
from scipy.optimize import minimize

import spatialsyn as ss
from spatialsyn.models.constrained import estimate_null
from spatialsyn.numerics.transform import sweep

# SLSQP stops where its likelihood is flat to 1e-13, a parameter near the root of that.
BRUTE = 1e-5


def with_two(n=12, T=6, seed=1):
    """A panel and two weights, the second not symmetric."""
    panel, w = weak(n, T, seed)
    rng = np.random.default_rng(300 + seed)
    V = rng.random((n, n)) * (rng.random((n, n)) < 0.3)
    V[np.arange(n), (np.arange(n) + 3) % n] += 0.3
    np.fill_diagonal(V, 0)
    return panel, w, ss.Weights.from_matrix(V, ids=w.ids, name="v").standardize("row")


def readings(n):
    """Effects of the matrix of derivatives; the last from the second half of cities to the first."""
    return {
        "direct": lambda B: np.trace(B) / n,
        "indirect": lambda B: (B.sum() - np.trace(B)) / n,
        "total": lambda B: B.sum() / n,
        "across": lambda B: B[: n // 2, n // 2 :].sum() / (n // 2),
    }


def brute(res, panel, Ws, columns, effect):
    """The parameters but sigma2 of the highest likelihood with an effect of zero, by SLSQP."""
    n, T, fixed = panel.n, len(panel.years), res.model.fixed_effects
    y, p = panel.array("y"), len(columns)
    Z = np.stack([sweep(v, fixed).ravel() for v in columns], axis=1)
    both = np.stack([sweep(v, fixed).ravel() for v in (y, *(W @ y for W in Ws))], axis=1)

    def minus_loglik(t):
        rho = t[p:]
        e = both @ np.r_[1, -rho] - Z @ t[:p]
        logdet = np.linalg.slogdet(np.eye(n) - sum(r * W for r, W in zip(rho, Ws, strict=True)))[1]
        if fixed == "individual":
            return n * (T - 1) / 2 * np.log(e @ e) - (T - 1) * logdet
        return (n - 1) * (T - 1) / 2 * np.log(e @ e) - (T - 1) * (logdet - np.log(1 - rho.sum()))

    found = [
        minimize(
            minus_loglik, np.r_[np.zeros(p), rho], method="SLSQP",
            bounds=[(None, None)] * p + [(-0.98, 0.98)] * 2,
            constraints=[
                {"type": "eq", "fun": lambda t: effect(np.r_[t, 1.0])[0]},
                {"type": "ineq", "fun": lambda t: 0.99 - np.abs(t[p:].sum())},
            ],
            options={"ftol": 1e-13, "maxiter": 500},
        )
        for rho in ([0.0, 0.0], [-0.4, 0.4], [0.4, -0.4], [0.4, 0.4])
    ]  # fmt: skip
    best = min((one for one in found if one.success), key=lambda one: one.fun)
    return best.x


@pytest.mark.parametrize("fixed_effects", ["individual", "twoways"])
@pytest.mark.parametrize("name", ["direct", "indirect", "total", "across"])
def test_the_restricted_estimate_is_that_of_a_dense_constrained_optimiser(name, fixed_effects):
    panel, w, v = with_two(seed=4)
    res = ss.fit(ss.sdm("y ~ x + z", W=["w", "v"], fixed_effects=fixed_effects), panel, [w, v])
    W, V, x, z = w.dense(), v.dense(), panel.array("x"), panel.array("z")
    effect = dense_effect(res, [W, V], readings(panel.n)[name], **of_x(W, V))
    ours = estimate_null(res.design, effect)
    by_name = {"x": x, "z": z, "W[w]*x": W @ x, "W[w]*z": W @ z, "W[v]*x": V @ x, "W[v]*z": V @ z}
    columns = [by_name[name] for name in res.params.index[:6]]
    theirs = brute(res, panel, [W, V], columns, effect)
    assert_allclose(ours.params[:8], theirs, rtol=BRUTE, atol=BRUTE)
    assert abs(effect(ours.params)[0]) < 1e-12
    assert ours.loglik < res.loglik


def test_the_p_value_is_that_of_effects_refitted_by_hand():
    panel, w, v = with_two(n=8, T=4)
    W, V, x = w.dense(), v.dense(), panel.array("x")
    res = ss.fit(ss.sdm("y ~ x", W=["w", "v"], fixed_effects="individual"), panel, [w, v])
    rows = {"effect": "indirect"}
    found = ss.wild_test_effects(res, rows=rows, draws=100, seed=2).iloc[0]

    def told(results):
        return results.effects().table.loc[1, ["estimate", "se"]].to_numpy(dtype=float)

    estimate, se = told(res.with_cov("city"))
    assert_allclose(found[["estimate", "se", "t"]].astype(float), [estimate, se, estimate / se])
    effect = dense_effect(res, [W, V], readings(8)["indirect"], **of_x(W, V))
    assert list(res.params.index[:3]) == ["x", "W[w]*x", "W[v]*x"]
    columns = [x, W @ x, V @ x]
    null = brute(res, panel, [W, V], columns, effect)
    by_hand = p_by_hand(res, panel, [w, v], columns, null, lambda r: np.divide(*told(r)), seed=2)
    assert_allclose(found["p"], by_hand, rtol=1e-12)
    assert 0.02 < found["p"] < 0.9


def test_far_from_zero_samples_keep_every_rho():
    """The likelihood under the null of the direct effect rises to the edge of the space."""
    panel, w = made_up(n=10, T=5, seed=1)
    v = with_two(n=10, T=5)[2]
    res = ss.fit(ss.sdm("y ~ x", W=["w", "v"], fixed_effects="twoways"), panel, [w, v])
    kept = ", ".join(f"{rho:.4g}" for rho in res.rho)
    with pytest.warns(
        UserWarning, match=rf"\[x, direct\] is zero.*keep the estimated rho = {kept}"
    ):
        found = ss.wild_test_effects(res, rows={"effect": "direct"}, draws=100).iloc[0]
    assert found["t"] > 10
    assert found["p"] < 0.02


def test_processes_change_no_number():
    panel, w, _ = with_two(n=8, T=4)
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="individual"), panel, w)
    groups = pd.Series(np.arange(8) // 4, index=list(panel.ids))
    rows = {"effect": "direct"}
    here, there = (
        ss.wild_test_effects(res, by=groups, rows=rows, draws=130, n_jobs=jobs) for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(here, there)


def test_an_effect_that_is_zero_along_a_curve_of_rho_is_refused():
    panel, w, v = with_two(n=8, T=4)
    res = ss.fit(ss.sar("y ~ x", W=["w", "v"], fixed_effects="individual"), panel, [w, v])
    with pytest.raises(
        ss.ModelError,
        match=r"\[x, indirect\] is zero where rho\[w\] and rho\[v\] are, whatever the "
        r"coefficients.*with one lag of y only. Choose other effects by rows=",
    ):
        ss.wild_test_effects(res, draws=100)
