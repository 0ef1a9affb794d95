"""Effects tested with the null imposed: against a dense constrained optimiser, refits, and size."""

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

# SLSQP stops where its likelihood is flat to 1e-12, a parameter near the root of that.
BRUTE = 1e-5
BY_REGION = {"effect": "indirect", "to": "edge", "from": "core"}


def restricted(res, effect):
    """The estimate under the null of an effect, as a Series, and its log-likelihood."""
    found = estimate_null(res.design, effect)
    return pd.Series(found.params, index=found.names), found.loglik


def dense_reading(panel, name):
    """One effect from the matrix of derivatives, (n, n)."""
    n = panel.n
    if name == "core to edge":
        core = panel.frame["region"].groupby(level=0).first().loc[list(panel.ids)] == "core"
        return lambda B: B[np.ix_(~core, core)].sum(axis=1).mean()
    return {
        "direct": lambda B: np.trace(B) / n,
        "indirect": lambda B: (B.sum() - np.trace(B)) / n,
        "total": lambda B: B.sum() / n,
    }[name]


def brute(panel, W, fixed_effects, reading):
    """Parameters (x, z, Wx, Wz, rho, ln sigma2) and ln L by SLSQP, on explicit dummies."""
    n, T = panel.n, len(panel.years)
    y, x, z = (panel.array(name) for name in "yxz")
    city, year = np.kron(np.eye(n), np.ones((T, 1))), np.kron(np.ones((n, 1)), np.eye(T)[:, 1:])
    D = {"none": np.ones((n * T, 1)), "individual": city, "twoways": np.c_[city, year]}
    M = np.eye(n * T) - D[fixed_effects] @ np.linalg.pinv(D[fixed_effects])
    Z = np.column_stack([M @ v.ravel() for v in (x, z, W @ x, W @ z)])
    both = np.column_stack([M @ y.ravel(), M @ (W @ y).ravel()])

    def minus_loglik(t):
        e = both @ [1, -t[4]] - Z @ t[:4]
        S = np.linalg.slogdet(np.eye(n) - t[4] * W)[1]
        return -(T * S - n * T / 2 * (np.log(2 * np.pi) + t[5]) - e @ e / (2 * np.exp(t[5])))

    def effect(t):
        return reading(np.linalg.inv(np.eye(n) - t[4] * W) @ (t[0] * np.eye(n) + t[2] * W))

    found = [
        minimize(
            minus_loglik, np.r_[np.zeros(4), rho, 0.0], method="SLSQP",
            bounds=[(None, None)] * 4 + [(-0.95, 0.95), (-6, 6)],
            constraints={"type": "eq", "fun": effect}, options={"ftol": 1e-13, "maxiter": 500},
        )
        for rho in (-0.3, 0.1, 0.5)
    ]  # fmt: skip
    best = min(found, key=lambda one: one.fun)
    assert best.success
    return best.x, -best.fun


@pytest.mark.parametrize("fixed_effects", ["none", "individual", "twoways"])
@pytest.mark.parametrize("name", ["direct", "indirect", "total", "core to edge"])
def test_the_restricted_estimate_is_that_of_a_dense_constrained_optimiser(name, fixed_effects):
    """With dummies, so that the likelihood is the plain one of all n T cells."""
    panel, w = weak()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects=fixed_effects, correction="direct")
    res = ss.fit(model, panel, w)
    reading, W = dense_reading(panel, name), w.dense()
    ours, loglik = restricted(res, dense_effect(res, [W], reading, **of_x(W)))
    theirs, height = brute(panel, W, fixed_effects, reading)
    names = ["x", "z", "W[w]*x", "W[w]*z", "rho[w]"]
    assert_allclose(ours[names], theirs[:5], rtol=BRUTE, atol=BRUTE)
    assert_allclose(ours["sigma2"], np.exp(theirs[5]), rtol=BRUTE)
    assert_allclose(loglik, height, rtol=1e-9)
    assert loglik < res.loglik


@pytest.mark.parametrize("fixed_effects", ["individual", "twoways"])
def test_a_total_effect_of_zero_is_the_regressor_x_less_wx(fixed_effects):
    """Rows of W sum to one: theta = -beta, at every rho."""
    panel, w = weak(n=21, T=9)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects=fixed_effects), panel, w)
    W, x, z = w.dense(), panel.array("x"), panel.array("z")
    effect = dense_effect(res, [W], dense_reading(panel, "total"), **of_x(W))
    ours, loglik = restricted(res, effect)
    other = panel.assign(d=x - W @ x, wz=W @ z)
    theirs = ss.fit(ss.sar("y ~ d + z + wz", W="w", fixed_effects=fixed_effects), other, w)
    assert_allclose(ours[["x", "z", "W[w]*z", "rho[w]", "sigma2"]], theirs.params, rtol=1e-8)
    assert_allclose(ours["W[w]*x"], -ours["x"], rtol=1e-12)
    assert_allclose(loglik, theirs.loglik, rtol=1e-12)


def test_without_a_lag_of_y_effects_are_coefficients_and_so_are_their_tests():
    """The total effect is the coefficient of Wx beside x - Wx, the direct one that of x."""
    panel, w = weak(n=21, T=9)
    x, z = panel.array("x"), panel.array("z")
    W = w.dense()
    other = panel.assign(d=x - W @ x, wx=W @ x, wz=W @ z)
    slx = ss.fit(ss.slx("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    ols = ss.fit(ss.ols("y ~ d + wx + z + wz", fixed_effects="individual"), other)
    found = ss.wild_test_effects(slx, "x", draws=199, seed=3).set_index("effect")
    apart = ss.wild_test(slx, ["x", "W[w]*x"], draws=199, seed=3).set_index("term")
    turned = ss.wild_test(ols, "wx", draws=199, seed=3).set_index("term")
    columns = ["estimate", "se", "t", "p"]
    for effect, coefficient in {
        "direct": apart.loc["x"],
        "indirect": apart.loc["W[w]*x"],
        "total": turned.loc["wx"],
    }.items():
        assert_allclose(
            found.loc[effect, columns].astype(float),
            coefficient[columns].astype(float),
            rtol=1e-8,
        )


@pytest.mark.parametrize("name", ["direct", "indirect", "core to edge"])
def test_the_p_value_is_that_of_effects_refitted_by_hand(name):
    """Samples through dense inverses; t by the delta method with the errors of `with_cov`."""
    panel, w = weak()
    W, x, z = w.dense(), panel.array("x"), panel.array("z")
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    by, rows = ("region", BY_REGION) if name == "core to edge" else (None, {"effect": name})
    found = ss.wild_test_effects(res, "x", by, rows, draws=100, seed=2).iloc[0]

    def told(results):
        table = results.effects("x", by=by).table
        row = (table[list(rows)] == pd.Series(rows)).all(axis=1)
        return table.loc[row, ["estimate", "se"]].to_numpy(dtype=float)[0]

    estimate, se = told(res.with_cov("city"))
    assert_allclose([found["estimate"], found["se"]], [estimate, se], rtol=1e-9)
    assert_allclose(found["t"], estimate / se, rtol=1e-9)
    null, _ = restricted(res, dense_effect(res, [W], dense_reading(panel, name), **of_x(W)))
    by_hand = p_by_hand(
        res,
        panel,
        [w],
        [x, z, W @ x, W @ z],
        null.iloc[:5].to_numpy(),
        lambda r: np.divide(*told(r)),
        seed=2,
    )
    assert_allclose(found["p"], by_hand, rtol=1e-12)
    assert found["null"] == "effect = 0"


def test_units_change_no_p_value():
    panel, w = weak(n=21, T=9)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    other = panel.assign(y=1e-4 * panel.array("y"), x=1e5 * panel.array("x"))
    one, same = (
        ss.wild_test_effects(ss.fit(model, one, w), "x", "region", BY_REGION, draws=100)
        for one in (panel, other)
    )
    assert_allclose(same["estimate"], 1e-9 * one["estimate"], rtol=1e-7)
    assert_allclose(same["t"], one["t"], rtol=1e-7)
    assert_allclose(same["p"], one["p"], rtol=1e-12)


def test_rows_are_those_of_effects_and_do_not_depend_on_each_other():
    panel, w = weak(n=21, T=9)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    for by in (None, "region"):
        table = ss.wild_test_effects(res, "z" if by else None, by, draws=100, seed=1)
        told = res.with_cov("city").effects("z" if by else None, by=by).table
        keys = [key for key in told if key not in ("estimate", "se", "low", "high", "p")]
        pd.testing.assert_frame_equal(table[keys], told[keys])
        assert_allclose(table[["estimate", "se"]], told[["estimate", "se"]], rtol=1e-9)
    alone = ss.wild_test_effects(res, "z", "region", BY_REGION, draws=100, seed=1)
    row = (table[["x", *BY_REGION]] == pd.Series({"x": "z", **BY_REGION})).all(axis=1)
    pd.testing.assert_frame_equal(alone, table[row].reset_index(drop=True))
    other = ss.wild_test_effects(res, "z", "region", BY_REGION, draws=100, seed=2)
    assert other["p"].iloc[0] != alone["p"].iloc[0]


def test_a_variable_in_several_terms_is_tested_as_one():
    """Its effect is a combination of all of their coefficients."""
    panel, w = weak()
    W, x, z = w.dense(), panel.array("x"), panel.array("z")
    model = ss.sdm("y ~ x + z + x:z", W="w", fixed_effects="twoways")
    res = ss.fit(model, panel, w)
    found = ss.wild_test_effects(res, "x", rows={"effect": "direct"}, draws=100).iloc[0]
    told = res.with_cov("city").effects("x").table.loc[0]
    assert_allclose([found["estimate"], found["se"]], [told["estimate"], told["se"]], rtol=1e-9)
    slope = np.diag(z.mean(axis=1))
    carriers = of_x(W) | {"x:z": slope, "W[w]*x:z": W @ slope}
    null, _ = restricted(res, dense_effect(res, [W], dense_reading(panel, "direct"), **carriers))
    Z = [x, z, x * z, W @ x, W @ z, W @ (x * z)]

    def t(results):
        return np.divide(*results.effects("x").table.loc[0, ["estimate", "se"]].astype(float))

    assert list(null.index[:6]) == ["x", "z", "x:z", "W[w]*x", "W[w]*z", "W[w]*x:z"]
    by_hand = p_by_hand(res, panel, [w], Z, null.iloc[:7].to_numpy(), t, seed=0)
    assert_allclose(found["p"], by_hand, rtol=1e-12)


def test_an_effect_that_is_zero_by_construction_has_no_p_value():
    panel, _ = weak()
    res = ss.fit(ss.ols("y ~ x", fixed_effects="individual"), panel)
    table = ss.wild_test_effects(res, draws=100).set_index("effect")
    assert np.isnan(table.loc["indirect", ["t", "p"]].to_numpy(dtype=float)).all()
    assert list(table["null"]) == ["effect = 0", "", "effect = 0"]
    assert table.loc["direct", "p"] == table.loc["total", "p"]
    assert table.loc["direct", "p"] == ss.wild_test(res, "x", draws=100)["p"].iloc[0]


def test_groups_whose_names_hold_commas_are_told_apart():
    """From "c" to "a, b" and from "b, c" to "a" read alike in a row."""
    panel, w = weak()
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="individual"), panel, w)
    comma, plain = (
        ss.wild_test_effects(
            res, by=pd.Series(np.repeat(names, 3), index=list(panel.ids)), draws=100,
            rows={"effect": "indirect"},
        ).drop(columns=["to", "from"])
        for names in (["a", "a, b", "b, c", "c"], ["1", "2", "3", "4"])
    )  # fmt: skip
    pd.testing.assert_frame_equal(comma, plain)


def test_the_test_has_its_size_where_the_delta_method_rejects_too_often():
    """40 panels whose total effect is zero, with errors of a city that depend on each other."""
    n, T, model = 14, 6, ss.sdm("y ~ x", W="w", fixed_effects="individual")
    panel, w = made_up(n=n, T=T, seed=2)
    W, boot, normal = w.dense(), [], []
    x = 0.5 * panel.array("x") + np.random.default_rng(0).normal(size=n)[:, None] * np.arange(T)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        e = np.cumsum(rng.normal(size=(n, T)), axis=1)
        y = np.linalg.solve(np.eye(n) - 0.3 * W, x - W @ x + e)
        res = ss.fit(model, panel.assign(y=y, x=x), w)
        found = ss.wild_test_effects(res, rows={"effect": "total"}, draws=100).iloc[0]
        boot.append(found["p"])
        normal.append(res.with_cov("city").effects().table.loc[2, "p"])
    boot, normal = (np.mean(np.array(p) <= 0.1) for p in (boot, normal))
    assert 0.04 <= boot <= 0.17  # 10 +- 5 %
    assert normal > boot + 0.03


def test_what_cannot_be_tested_is_refused():
    panel, w = weak()
    fixed = {"fixed_effects": "individual"}
    sar = ss.fit(ss.sar("y ~ x + z", W="w", **fixed), panel, w)
    sdem = ss.fit(ss.sdem("y ~ x + z", W="w", **fixed), panel, w)
    with pytest.raises(ss.ModelError, match=r"this one has lambda\[w\]. Use ss.wild_test"):
        ss.wild_test_effects(sdem, draws=100)
    with pytest.raises(ss.ModelError, match="not available with random effects"):
        ss.wild_test_effects(ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w))
    with pytest.raises(ss.ModelError, match="effects by channel are not tested"):
        ss.wild_test_effects(sar, by="channel")
    with pytest.raises(ss.ModelError, match="no effects have effect = 'all'; there are 'direct'"):
        ss.wild_test_effects(sar, rows={"effect": "all"})
    with pytest.raises(ss.ModelError, match="rows maps columns to values"):
        ss.wild_test_effects(sar, rows="total")
    with pytest.raises(ss.ModelError, match=r"one weight per year leaves what identifies rho\[w\]"):
        ss.wild_test_effects(sar, cluster="period")


def test_fewer_cities_than_parameters_are_refused_with_the_way_out():
    """Before any sample is made; neither test has a covariance to choose."""
    panel, w = weak(n=7, T=20)
    res = ss.fit(ss.sdm("y ~ x + z", W="w"), panel, w)
    for test in (ss.wild_test_effects, ss.wild_test):
        with pytest.raises(
            ss.EstimationError,
            match=r"variance of 7 parameters from 7 cities: it needs more cities than parameters. "
            r"Take fewer regressors\.$",
        ):
            test(res, draws=100)
    slx = ss.fit(ss.slx("y ~ x + z", W="w"), panel, w)
    groups = pd.Series(np.minimum(np.arange(7), 5), index=list(panel.ids))
    with pytest.raises(
        ss.EstimationError,
        match=r"6 parameters from 6 groups.*, or cluster by what there is more of \(cluster=\).",
    ):
        ss.wild_test_effects(slx, cluster=groups, weights="webb", draws=100)
    assert len(ss.wild_test_effects(slx, "x", cluster="period", draws=100)) == 3


def test_far_from_zero_the_null_is_imposed_at_the_estimated_rho():
    """An effect of 47 standard errors: the likelihood under the null rises to rho = 1."""
    panel, w = made_up(n=21, T=9)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    with pytest.warns(
        UserWarning,
        match=r"where the effect \[x, direct\] is zero.*keep the estimated rho = 0.465.*common trend",
    ):
        found = ss.wild_test_effects(res, "x", rows={"effect": "direct"}, draws=100).iloc[0]
    assert found["t"] > 40
    assert found["p"] == 1 / 101
    # Least squares at that rho, of columns that leave x and Wx one coefficient: tr B = 0.
    W, rho = w.dense(), res.rho["w"]
    effect = dense_effect(res, [W], dense_reading(panel, "direct"), **of_x(W))
    null = estimate_null(res.design, effect, np.array([rho]))
    S = np.linalg.inv(np.eye(21) - rho * W)
    x, z = panel.array("x"), panel.array("z")
    mixed = np.trace(S @ W) * x - np.trace(S) * W @ x
    y, *Z = (
        sweep(v, "twoways").ravel()
        for v in (panel.array("y") - rho * W @ panel.array("y"), mixed, z, W @ z)
    )
    b = np.linalg.lstsq(np.stack(Z, axis=1), y, rcond=None)[0]
    at = [np.trace(S @ W) * b[0], b[1], -np.trace(S) * b[0], b[2], rho]
    assert_allclose(null.params[:-1], at, rtol=1e-8)
