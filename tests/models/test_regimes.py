"""Own coefficients by block inside one W: dummies by hand, special cases, effects."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss

EFFECTS = ("none", "individual", "time", "twoways")


def interacted(panel: ss.CityPanel) -> ss.CityPanel:
    """The regressors times 0/1 of each block, as columns."""
    member = (panel.blocks["region"] == "core").to_numpy(float)[:, None]
    x, z = panel.array("x"), panel.array("z")
    return panel.assign(xc=x * member, xe=x * (1 - member), zc=z * member, ze=z * (1 - member))


@pytest.mark.parametrize("effects", EFFECTS)
def test_slopes_by_block_are_those_of_interacted_columns(effects):
    panel, w = made_up(n=12, T=8)
    own = ss.fit(
        ss.sar("y ~ x + z", W="w", fixed_effects=effects, regimes=ss.regimes("region", ["x", "z"])),
        panel, w,
    )  # fmt: skip
    hand = ss.fit(
        ss.sar("y ~ xc + xe + zc + ze", W="w", fixed_effects=effects), interacted(panel), w
    )
    assert_allclose(own.params, hand.params, rtol=1e-9)
    assert_allclose(own.cov, hand.cov, rtol=1e-7, atol=1e-12)
    assert "x[core]" in own.params
    assert "by region (x, z)" in own.equation


def test_theta_belongs_to_the_receiving_city():
    panel, w = made_up(n=12, T=8)
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways", regimes="region"), panel, w)
    D = np.diag((panel.blocks["region"] == "core").to_numpy(float))
    W, p, eye = w.dense(), res.params, np.eye(12)
    C = (
        p["x[core]"] * D + p["x[edge]"] * (eye - D)
        + p["W[w]*x[core]"] * D @ W + p["W[w]*x[edge]"] * (eye - D) @ W
    )  # fmt: skip
    B = np.linalg.solve(eye - res.rho["w"] * W, C)
    pair = res.effects("x", by="pair").table["estimate"].to_numpy().reshape(12, 12)
    assert_allclose(pair, B, rtol=1e-10, atol=1e-12)
    # The columns that were lagged first and cut second, in the design.
    lagged = D @ W @ panel.array("x")
    swept = lagged - lagged.mean(1, keepdims=True)
    swept = swept - swept.mean(0, keepdims=True)
    assert_allclose(res.design.Z[..., 2], swept, atol=1e-12)


@pytest.mark.parametrize("rho", [False, True])
def test_equal_blocks_give_the_plain_model(rho):
    """Coefficients that are the same by construction: simulated without noise."""
    panel, w = made_up(n=12, T=8)
    params = {"x": 1.0, "W[w]*x": 0.5, "rho[w]": 0.4, "sigma2": 1e-10}
    plain = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    panel = ss.simulate(plain, panel, w, params, seed=1)
    res = ss.fit(plain.but(regimes=ss.regimes("region", rho=rho)), panel, w)
    assert_allclose(res.params.filter(like="x[")[["x[core]", "x[edge]"]], 1.0, atol=1e-4)
    assert_allclose(res.rho, 0.4, atol=1e-4)


def test_own_rho_by_block_is_a_lag_of_own_rows():
    panel, w = made_up(n=12, T=8, seed=2)
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    res = ss.fit(model.but(regimes=ss.regimes("region", ["x"], rho=True)), panel, w, cov="observed")
    assert list(res.rho.index) == ["w:core", "w:edge"]
    n, copies = 12, 7
    D = (panel.blocks["region"] == "core").to_numpy(float)
    W = w.dense()

    def loglik(theta):
        core, edge, r_core, r_edge, s2 = theta
        S = np.eye(n) - (r_core * D + r_edge * (1 - D))[:, None] * W
        e = S @ panel.array("y") - (core * D + edge * (1 - D))[:, None] * panel.array("x")
        e = e - e.mean(1, keepdims=True)
        jacobian = copies * np.linalg.slogdet(S)[1]
        return jacobian - n * copies / 2 * np.log(2 * np.pi * s2) - (e**2).sum() / (2 * s2)

    theta, se = res.params.to_numpy(), res.se.to_numpy()
    assert_allclose(loglik(theta), res.loglik, rtol=1e-10)
    score = [(loglik(theta + u) - loglik(theta - u)) / 2e-3 for u in np.diag(1e-3 * se)]
    assert_allclose(score, 0, atol=1e-4)  # in standard errors
    steps = np.diag(1e-2 * se)
    hessian = [[loglik(theta + a + b) - loglik(theta + a - b) - loglik(theta - a + b)
                + loglik(theta - a - b) for b in steps] for a in steps]  # fmt: skip
    analytic = np.linalg.inv(res.cov.to_numpy()) * np.outer(se, se)
    assert_allclose(-np.array(hessian) / 4e-4, analytic, rtol=5e-4, atol=2e-3)


def test_own_rho_needs_no_regressor():
    panel, w = made_up(n=12, T=8, seed=2)
    own = ss.regimes("region", rho=True)
    res = ss.fit(ss.sar("y ~ 1", W="w", fixed_effects="individual", regimes=own), panel, w)
    assert list(res.params.index) == ["rho[w:core]", "rho[w:edge]", "sigma2"]
    n, copies = 12, 7
    D = (panel.blocks["region"] == "core").to_numpy(float)
    y = panel.array("y") - panel.array("y").mean(1, keepdims=True)

    def loglik(theta):
        core, edge, s2 = theta
        S = np.eye(n) - (core * D + edge * (1 - D))[:, None] * w.dense()
        jacobian = copies * np.linalg.slogdet(S)[1]
        return jacobian - n * copies / 2 * np.log(2 * np.pi * s2) - ((S @ y) ** 2).sum() / (2 * s2)

    theta, se = res.params.to_numpy(), res.se.to_numpy()
    assert_allclose(loglik(theta), res.loglik, rtol=1e-10)
    score = [(loglik(theta + u) - loglik(theta - u)) / 2e-3 for u in np.diag(1e-3 * se)]
    assert_allclose(score, 0, atol=1e-4)  # in standard errors


def test_the_difference_of_effects_is_tested_not_that_of_stars():
    panel, w = made_up(n=30, T=10)
    member = (panel.blocks["region"] == "core").to_numpy(float)[:, None]
    panel = panel.assign(x=panel.array("x"), y=panel.array("y") + 0.8 * member * panel.array("x"))
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways", regimes="region"), panel, w)
    effects = res.effects("x", by="region")
    test = effects.test({"effect": "direct", "to": "core"}, {"effect": "direct", "to": "edge"})
    assert test.p < 1e-6
    same = ss.fit(
        ss.sdm("y ~ x", W="w", fixed_effects="twoways", regimes="region"), made_up(30, 10)[0], w
    )
    test = same.effects("x", by="region").test(
        {"effect": "direct", "to": "core"}, {"effect": "direct", "to": "edge"}
    )
    assert test.p > 0.01


def test_regimes_that_cannot_be_are_refused():
    panel, w = made_up(n=12, T=8)
    with pytest.raises(ss.ModelError, match="'province' is not a grouping of the panel"):
        ss.fit(ss.sdm("y ~ x", W="w", regimes="province"), panel, w)
    core = panel.subset(ids=panel.ids[:4])
    with pytest.raises(ss.ModelError, match="has one block only, 'core'"):
        ss.fit(ss.ols("y ~ x", regimes="region"), core)
    with pytest.raises(ss.ModelError, match="regimes gives 'q' own coefficients"):
        ss.sdm("y ~ x", W="w", regimes=ss.regimes("region", ["q"]))
    with pytest.raises(ss.ModelError, match="'y ~ 1' has no regressor that could have one"):
        ss.sar("y ~ 1", W="w", fixed_effects="individual", regimes="region")
    with pytest.raises(ss.ModelError, match="slx has no lag of the outcome"):
        ss.slx("y ~ x", W="w", regimes=ss.regimes("region", rho=True))
    with pytest.raises(ss.ModelError, match="regimes with random effects are not available"):
        ss.sdm("y ~ x", W="w", regimes="region", random="individual")
    with pytest.raises(ss.ModelError, match="needs the name of a grouping and terms"):
        ss.sdm("y ~ x", W="w", regimes=3)
    model = ss.sdm("y ~ x", W="w", fixed_effects="time", regimes=ss.regimes("region", rho=True))
    with pytest.raises(ss.ModelError, match='Use correction="direct"'):
        ss.fit(model, panel, w)
    assert ss.fit(model.but(correction="direct"), panel, w).rho.size == 2
