"""Effects that are zero under several hypotheses: p is the largest, each by a test of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from by_hand import dense_effect, of_x, p_by_hand, weak
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime, brentq, minimize

import spatialsyn as ss
from spatialsyn.models.constrained import estimate_null
from spatialsyn.numerics.transform import sweep

INDIRECT = {"effect": "indirect"}


def on_a_circle(n=12, T=6, seed=1, rho=0.4, beta=0.5, theta=-0.2):
    """Every city between two neighbours; eigenvalues of W from -1 to 1, so that rho = 0 is scanned."""
    panel, _ = weak(n, T, seed)
    W = (np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)) / 2
    x, e = panel.array("x"), np.random.default_rng(200 + seed).normal(size=(n, T))
    y = np.linalg.solve(np.eye(n) - rho * W, beta * x + theta * W @ x + e)
    return panel.assign(y=y), ss.Weights.from_matrix(W, ids=panel.ids, name="w")


def opposite(panel, gap):
    """Blocks a and c with `gap` cities between them on either side, and their reading."""
    size = (panel.n - 2 * gap) // 2
    labels = ["a"] * size + ["b"] * gap + ["c"] * size + ["d"] * gap
    blocks = pd.Series(labels, index=list(panel.ids), name="side")
    a, c = (np.array(labels) == name for name in "ac")
    rows = INDIRECT | {"to": "a", "from": "c"}
    return blocks, rows, lambda B: B[np.ix_(a, c)].sum(axis=1).mean()


@pytest.mark.parametrize(("beta", "rho", "last"), [(0.9, 0.05, "rho[w] = 0"), (0.1, 0.6, "x = 0")])
def test_the_indirect_effect_of_a_sar_has_the_larger_p_of_its_two_parameters(beta, rho, last):
    panel, w = on_a_circle(rho=rho, beta=beta, theta=0.0)
    res = ss.fit(ss.sar("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    table = ss.wild_test_effects(res, "x", draws=199, seed=4)
    apart = ss.wild_test(res, ["x", "rho[w]"], draws=199, seed=4).set_index("term")["p"]
    found = table.set_index("effect").loc["indirect"]
    assert found["p"] == apart.max() > apart.min()
    assert found["null"] == last == f"{apart.idxmax()} = 0"
    told = res.with_cov("city").effects("x").table.loc[1, ["estimate", "se"]].astype(float)
    assert_allclose(found[["estimate", "se"]].astype(float), told, rtol=1e-9)
    assert_allclose(found["t"], told["estimate"] / told["se"], rtol=1e-9)
    assert list(table["null"].drop(1)) == ["effect = 0"] * 2
    alone = ss.wild_test_effects(res, "x", rows=INDIRECT, draws=199, seed=4)
    pd.testing.assert_frame_equal(alone, table.loc[[1]].reset_index(drop=True))


def test_a_rho_at_which_powers_of_w_cancel_is_a_hypothesis_too():
    """What a city emits less what it receives: zero at rho = 0, and where the two are equal."""
    panel, w = weak(n=21, T=9)
    W, n, x, z = w.dense(), panel.n, panel.array("x"), panel.array("z")
    res = ss.fit(ss.sar("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    at = list(panel.ids).index("c07")
    rows = {"effect": "net", "city": "c07"}
    found = ss.wild_test_effects(res, "x", "city", rows, draws=100, seed=1).iloc[0]

    def net(rho):
        S = np.linalg.inv(np.eye(n) - rho * W)
        return S[:, at].sum() - S[at].sum()

    root = brentq(net, 0.1, 0.8)
    assert found["null"] == f"rho[w] = {root:.3g}"
    y = sweep(panel.array("y") - root * W @ panel.array("y"), "twoways").ravel()
    Z = np.stack([sweep(v, "twoways").ravel() for v in (x, z)], axis=1)
    null = [*np.linalg.lstsq(Z, y, rcond=None)[0], root]

    def t(results):
        return (results.rho["w"] - root) / results.se["rho[w]"]

    p = p_by_hand(res, panel, [w], [x, z], null, t, seed=1)
    assert_allclose(found["p"], p, rtol=1e-12)
    assert found["p"] > ss.wild_test(res, ["x", "rho[w]"], draws=100, seed=1)["p"].max()


def brute_null(panel, W, reading):
    """(x, z, Wx, Wz, rho) of the highest likelihood with an effect of zero, by SLSQP, rho apart."""
    n, T = panel.n, len(panel.years)
    y, x, z = (panel.array(name) for name in "yxz")
    Z = np.stack([sweep(v, "individual").ravel() for v in (x, z, W @ x, W @ z)], axis=1)
    both = np.stack([sweep(v, "individual").ravel() for v in (y, W @ y)], axis=1)

    def minus_loglik(t):
        e = both @ [1, -t[4]] - Z @ t[:4]
        logdet = np.linalg.slogdet(np.eye(n) - t[4] * W)[1]
        return n * (T - 1) / 2 * np.log(e @ e) - (T - 1) * logdet

    def effect(t):
        S = np.linalg.inv(np.eye(n) - t[4] * W)
        return reading(S @ (t[0] * np.eye(n) + t[2] * W)) / reading(S @ W)

    found = [
        minimize(
            minus_loglik, np.r_[np.zeros(4), rho], method="SLSQP",
            bounds=[(None, None)] * 4 + [(-0.95, 0.95)],
            constraints={"type": "eq", "fun": effect}, options={"ftol": 1e-13, "maxiter": 500},
        )
        for rho in (-0.3, 0.1, 0.5)
    ]  # fmt: skip
    best = min(found, key=lambda one: one.fun)
    assert best.success
    return best.x


@pytest.mark.parametrize(("gap", "k", "label"), [(1, 1, "rho[w]"), (3, 3, "rho[w]^3")])
def test_of_several_coefficients_their_sum_is_the_other_hypothesis(gap, k, label):
    """Blocks gap + 1 steps apart: W^(gap + 1) is the first power of x to reach, W^gap that of Wx."""
    panel, w = on_a_circle()
    W, x, z = w.dense(), panel.array("x"), panel.array("z")
    blocks, rows, reading = opposite(panel, gap)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    found = ss.wild_test_effects(res, "x", blocks, rows, draws=100, seed=3).iloc[0]
    assert found["null"] == f"effect / {label} = 0"
    null = brute_null(panel, W, reading)
    effect = dense_effect(res, [W], reading, **of_x(W))

    def t(results):
        """With derivatives by differences."""
        params = results.params.to_numpy()
        over = lambda at: effect(at)[0] / at[-2] ** k  # noqa: E731
        gradient = approx_fprime(params, over, 1e-6)
        return over(params) / np.sqrt(gradient @ results.cov.to_numpy() @ gradient)

    p = p_by_hand(res, panel, [w], [x, z, W @ x, W @ z], null, t, seed=3)
    apart = ss.wild_test(res, "rho[w]", draws=100, seed=3)["p"].iloc[0]
    assert p > 0.02
    assert_allclose(found["p"], max(p, apart), rtol=1e-12)
    assert p > apart
    # The likelihood with the restriction that is left is highest where SLSQP finds it.
    ours = estimate_null(res.design, effect).params
    assert_allclose(ours[:5], null, rtol=1e-5, atol=1e-5)


def in_a_row(n, rho):
    """Cities one behind the other: the net effect of one in the middle begins with W^(n/2 - 1)."""
    panel, _ = weak(n, 6)
    W = np.eye(n, k=1) + np.eye(n, k=-1)
    W /= W.sum(axis=1, keepdims=True)
    x, e = panel.array("x"), np.random.default_rng(5).normal(size=(n, 6))
    y = np.linalg.solve(np.eye(n) - rho * W, 0.5 * x - 0.2 * W @ x + e)
    return panel.assign(y=y), ss.Weights.from_matrix(W, ids=panel.ids, name="w")


@pytest.mark.parametrize("rho", [0.4, 0.1])
def test_an_effect_that_is_rounding_near_zero_has_a_second_hypothesis(rho):
    panel, w = in_a_row(12, rho)
    W, x, z, at, k = w.dense(), panel.array("x"), panel.array("z"), 5, 4
    powers = [np.linalg.matrix_power(W, j) for j in range(k + 2)]
    net = [P[:, at].sum() - P[at].sum() for P in powers]
    assert_allclose(net[: k + 1], 0, atol=1e-12)
    assert abs(net[k + 1]) > 0.01
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    rows = {"effect": "net", "city": panel.ids[at]}
    found = ss.wild_test_effects(res, "x", "city", rows, draws=100, seed=3).iloc[0]
    assert found["null"] == f"effect / rho[w]^{k} = 0"

    def reading(B):
        return B[:, at].sum() - B[at].sum()

    def t(results):
        """Without the powers of W that cancel: effect / rho^k = (rho b + c) [W^(k + 1) S^-1]."""
        b, rho, c = results.params[["x", "rho[w]", "W[w]*x"]]
        S = np.linalg.inv(np.eye(12) - rho * W)
        left, slope = reading(powers[k + 1] @ S), reading(powers[k + 1] @ S @ W @ S)
        moved = {"x": rho * left, "W[w]*x": left, "rho[w]": b * left + (rho * b + c) * slope}
        gradient = pd.Series(moved).reindex(results.params.index, fill_value=0.0).to_numpy()
        return (rho * b + c) * left / np.sqrt(gradient @ results.cov.to_numpy() @ gradient)

    null = brute_null(panel, W, reading)
    p = p_by_hand(res, panel, [w], [x, z, W @ x, W @ z], null, t, seed=3)
    assert_allclose(found["p"], p, rtol=1e-12)


@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_an_estimate_of_rho_near_zero_hides_no_hypothesis(family):
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects="individual")

    def fitted(rho):
        return ss.fit(model, *in_a_row(12, rho))

    none = fitted(brentq(lambda rho: fitted(rho).rho["w"] - 1e-4, -0.5, 0.5, xtol=1e-9))
    rows = {"effect": "net", "city": none.panel.ids[5]}
    found = ss.wild_test_effects(none, "x", "city", rows, draws=100).iloc[0]
    assert found["null"] == "rho[w] = 0"
    assert found["p"] == ss.wild_test(none, "rho[w]", draws=100)["p"].iloc[0] > 0.9


def test_units_change_no_p_value_of_a_union():
    panel, w = on_a_circle()
    blocks, rows, _ = opposite(panel, 2)
    model = ss.sdm("y ~ x + z + x:z", W="w", fixed_effects="individual")
    other = panel.assign(y=1e-4 * panel.array("y"), x=1e5 * panel.array("x"))
    twice = ss.Weights.from_matrix(1e-3 * w.dense(), ids=w.ids, name="w")
    one, same, scaled = (
        ss.wild_test_effects(ss.fit(model, data, by), "x", blocks, rows, draws=100).iloc[0]
        for data, by in ((panel, w), (other, w), (panel, twice))
    )
    assert one["null"] == "effect / rho[w]^2 = 0"
    for made in (same, scaled):
        assert_allclose(made["t"], one["t"], rtol=1e-6)
        assert (made["p"], made["null"]) == (one["p"], one["null"])


def test_rows_of_pairs_share_the_samples_of_rho_and_of_the_coefficient():
    panel, w = on_a_circle(n=8)
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), panel, w)
    table = ss.wild_test_effects(res, by="pair", rows=INDIRECT, draws=100)
    apart = ss.wild_test(res, ["x", "rho[w]"], draws=100)["p"]
    assert len(table) == 56
    assert (table["p"] == apart.max()).all()


def test_samples_without_an_estimate_are_named():
    """Strong dependence, time effects, few years: the likelihood of samples rises up to one."""
    panel, w = on_a_circle(n=8, T=3, seed=8, rho=0.93, beta=0.3, theta=0.0)
    res = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    with pytest.raises(ss.EstimationError, match=r"^samples where x = 0: \d+% of the bootstrap"):
        ss.wild_test_effects(res, rows=INDIRECT, draws=100)
