"""What a dynamic model says of convergence, and of whether its lags are separable."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.stats import chi2

import spatialsyn as ss

MODEL = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True, lag_wy=True)


@pytest.fixture(scope="module")
def fitted() -> ss.Results:
    panel, w = made_up(n=14, T=9)
    return ss.fit(MODEL, panel, w)


def written_out(params, W, names=("tau", "eta[w]", "rho[w]")) -> np.ndarray:
    """S^-1 [(tau - 1) I + (rho + eta) W]: its mean diagonal, the rest of a row, a row."""
    tau, eta, rho = (params.get(name, 0.0) for name in names)
    eye = np.eye(len(W))
    effect = np.linalg.solve(eye - rho * W, (tau - 1) * eye + (rho + eta) * W)
    own, row = np.trace(effect) / len(W), effect.sum() / len(W)
    return np.array([own, row - own, row])


def numerical(res, W) -> np.ndarray:
    """Standard errors by differences of what is written out."""
    params = res.params
    slopes = []
    for name in params.index:
        step = 1e-6 * max(abs(params[name]), 1.0)
        ends = [written_out(params + sign * step * (params.index == name), W) for sign in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * step))
    J = np.array(slopes).T
    return np.sqrt(np.diag(J @ np.nan_to_num(res.cov.to_numpy()) @ J.T))


@pytest.mark.parametrize("change", [{}, {"lag_wy": False}, {"lag_y": False}, {"family": "slx"}])
def test_the_convergence_effect_is_the_one_written_out(change):
    panel, w = made_up(n=14, T=9)
    change = change | ({"lag_wy": False} if change.get("family") == "slx" else {})
    res = ss.fit(MODEL.but(**change), panel, w)
    made = ss.convergence_effect(res).table
    assert list(made["effect"]) == ["direct", "indirect", "total"]
    assert_allclose(made["estimate"], written_out(res.params, w.dense()), rtol=1e-8, atol=1e-12)
    assert_allclose(made["se"], numerical(res, w.dense()), rtol=1e-5, atol=1e-9)
    half = 1.959964 * made["se"]
    assert_allclose(made["low"], made["estimate"] - half, rtol=1e-6)


def test_rows_need_not_sum_to_one(fitted):
    panel = fitted.panel
    raw = ss.Weights.from_matrix(3 * ring(panel.n, 2) * np.arange(1, panel.n + 1)[:, None] / panel.n,
                                 ids=panel.ids, name="w")  # fmt: skip
    res = ss.fit(MODEL, panel, raw)
    made = ss.convergence_effect(res).table
    assert_allclose(made["estimate"], written_out(res.params, raw.dense()), rtol=1e-8)
    assert_allclose(made["se"], numerical(res, raw.dense()), rtol=1e-5)


def test_a_process_without_dependence_closes_one_minus_tau_of_a_gap(fitted):
    """Of y(t) = tau y(t-1) + e the change is tau - 1 for one unit more."""
    res = ss.fit(ss.ols("y ~ x", fixed_effects="individual", lag_y=True), fitted.panel)
    direct, indirect, total = ss.convergence_effect(res).table["estimate"]
    assert_allclose([direct, total], res.params["tau"] - 1)
    assert indirect == 0


def test_it_says_what_of_and_on_what(fitted):
    told = repr(ss.convergence_effect(fitted))
    assert "y(t-1)" in told
    assert "of y(t-1) on the change of y" in told
    static = ss.fit(MODEL.but(lag_y=False, lag_wy=False), fitted.panel, fitted.weights)
    with pytest.raises(ss.ModelError, match="this model has no lag in time"):
        ss.convergence_effect(static)
    with pytest.raises(ss.ModelError, match=r"needs what ss.fit returns"):
        ss.convergence_effect(MODEL)


def test_separability_is_a_restriction_on_three_coefficients(fitted):
    test = ss.diagnostics.separability(fitted)
    tau, eta, rho = (fitted.params[name] for name in ("tau", "eta[w]", "rho[w]"))
    names = ["tau", "eta[w]", "rho[w]"]
    slope = np.array([rho, 1.0, tau])
    variance = slope @ fitted.cov.loc[names, names].to_numpy() @ slope
    assert_allclose(test.statistic, (eta + tau * rho) ** 2 / variance, rtol=1e-8)
    assert_allclose(test.p, chi2.sf(test.statistic, 1), rtol=1e-8)
    assert fitted.diagnostics()["separability"].statistic == test.statistic
    with pytest.raises(ss.ModelError, match="it needs lag_y=True, lag_wy=True and a family with"):
        ss.diagnostics.separability(ss.fit(MODEL.but(lag_wy=False), fitted.panel, fitted.weights))


@pytest.mark.parametrize("separable", [True, False])
def test_separability_is_rejected_where_it_does_not_hold(separable):
    """tau = 0.4 and rho = 0.3: eta = -0.12, or 0.15."""
    panel, w = made_up(n=30, T=15)
    eta = -0.12 if separable else 0.15
    params = {"x": 1.0, "W[w]*x": 0.3, "rho[w]": 0.3, "tau": 0.4, "eta[w]": eta, "sigma2": 1.0}
    p = []
    for seed in range(40):
        drawn = ss.simulate(MODEL, panel, w, params, seed)
        p.append(ss.diagnostics.separability(ss.fit(MODEL, drawn, w)).p)
    share = np.mean(np.array(p) < 0.05)
    assert share < 0.15 if separable else share > 0.9
