"""Clusters that are groups of cities: dense sums over groups, all orders of them, simulations."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, redrawn, ring
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.bootstrap import WEIGHTS
from spatialsyn.models.covariance import robust_covariance
from spatialsyn.models.design import align, build
from spatialsyn.models.qml import estimate_qml


def grouped(n: int, C: int, T: int, seed: int = 0) -> tuple[ss.CityPanel, ss.Weights, np.ndarray]:
    """`made_up` with a grouping ``zone`` of groups that differ in size, and the group of each city."""
    panel, w = made_up(n=n, T=T, seed=seed)
    groups = np.sort(np.r_[np.arange(C), np.random.default_rng(seed).integers(C, size=n - C)])
    groups = np.random.default_rng(seed + 1).permutation(groups)
    zone = pd.Series([f"zone {g}" for g in groups], index=list(panel.ids))
    return panel.grouped(zone=zone), w, groups


def dummies(n: int, T: int) -> np.ndarray:
    return np.c_[np.kron(np.eye(n), np.ones((T, 1))), np.kron(np.ones((n, 1)), np.eye(T)[:, 1:])]


def summed(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """C / (C - 1) times the sum over groups of s s', by loops; a row of scores per cell."""
    C = groups.max() + 1
    cells = np.repeat(groups, len(scores) // len(groups))
    middle = sum(np.outer(s, s) for s in (scores[cells == g].sum(axis=0) for g in range(C)))
    return middle * C / (C - 1)


def test_least_squares_is_the_sandwich_of_sums_over_groups():
    n, T = 20, 5
    panel, w, groups = grouped(n, 9, T)
    model = ss.slx("y ~ x + z", W="w", fixed_effects="twoways")
    made = ss.fit(model, panel, w).with_cov("cluster", by="zone")
    x, z, W = panel.array("x"), panel.array("z"), w.dense()
    Z = np.c_[x.ravel(), z.ravel(), (W @ x).ravel(), (W @ z).ravel(), dummies(n, T)]
    y = panel.array("y").ravel()
    bread = np.linalg.inv(Z.T @ Z)
    e = y - Z @ bread @ Z.T @ y
    brute = bread @ summed(Z * e[:, None], groups) @ bread
    assert_allclose(made.cov.iloc[:4, :4], brute[:4, :4], rtol=1e-8)


def test_two_stages_sum_their_moments_over_groups_with_a_lag_of_y_too():
    n, T = 24, 4
    panel, w, groups = grouped(n, 12, T)
    res = ss.fit(ss.sar("y ~ x + z", W="w", estimator="2sls"), panel, w)
    made = res.with_cov("cluster", by="zone")
    W, X = w.dense(), np.stack([np.ones((n, T)), panel.array("x"), panel.array("z")])
    y = panel.array("y")
    Q = np.stack([*X, W @ y], axis=2).reshape(n * T, -1)
    lags = [np.linalg.matrix_power(W, k) @ v for v in X[1:] for k in (1, 2)]
    H = np.stack([*X, *lags], axis=2).reshape(n * T, -1)
    fitted = H @ np.linalg.lstsq(H, Q, rcond=None)[0]
    e = y.ravel() - Q @ np.linalg.lstsq(fitted, y.ravel(), rcond=None)[0]
    bread = np.linalg.inv(fitted.T @ fitted)
    brute = bread @ summed(fitted * e[:, None], groups) @ bread
    assert_allclose(made.cov.iloc[:4, :4], brute, rtol=1e-7)
    # The F of the first stage: the Wald statistic of the instruments in a regression of Wy.
    first = np.linalg.lstsq(H, Q[:, 3], rcond=None)[0]
    inverse = np.linalg.inv(H.T @ H)
    v = (Q[:, 3] - H @ first)[:, None]
    V = (inverse @ summed(H * v, groups) @ inverse)[3:, 3:]
    F = first[3:] @ np.linalg.solve(V, first[3:]) / 4
    assert_allclose(made.first_stage().table["F"], F, rtol=1e-6)
    assert made.overid().statistic != pytest.approx(res.overid().statistic)


def test_a_spatial_error_has_the_mean_over_all_orders_of_its_groups():
    """Scores and Hessian of the dense likelihood, pairs of groups given to the later one in turn."""
    n, T, C = 11, 7, 5
    panel, w, groups = grouped(n, C, T, seed=3)
    y, x, W = panel.array("y"), panel.array("x"), w.dense()
    made = ss.fit(ss.sem("y ~ x - 1", W="w"), panel, w).with_cov("cluster", by="zone")
    beta, lam, sigma2 = made.params
    R = np.eye(n) - lam * W
    e, D = R @ (y - beta * x), W @ np.linalg.inv(R)
    own = np.zeros((C, 3))
    forms = np.zeros((C, C))  # of the score of lambda, by the groups of its two errors
    for i in range(n):
        g = groups[i]
        own[g, 0] += (R @ x)[i] @ e[i] / sigma2
        own[g, 2] += e[i] @ e[i] / (2 * sigma2**2) - T / (2 * sigma2)
        for j in range(n):
            forms[g, groups[j]] += D[i, j] * (e[i] @ e[j] / sigma2 - T * (i == j))
    middles = []
    for order in permutations(range(C)):
        s = own.copy()
        for place, g in enumerate(order):
            s[g, 1] = forms[g, g] + sum(forms[g, h] + forms[h, g] for h in order[:place])
        middles.append(s.T @ s * C / (C - 1))

    def loglik(at):
        S = np.eye(n) - at[1] * W
        u = S @ (y - at[0] * x)
        fit = (u**2).sum() / (2 * at[2]) + n * T / 2 * np.log(at[2])
        return T * np.linalg.slogdet(S)[1] - fit

    at, h = made.params.to_numpy(), 1e-4 * np.eye(3)
    hessian = [[(loglik(at + a + b) - loglik(at + a - b) - loglik(at - a + b) + loglik(at - a - b))
                / 4e-8 for a in h] for b in h]  # fmt: skip
    inverse = np.linalg.inv(hessian)
    # Second differences of a log-likelihood of some tens with steps of 1e-4: good to 1e-6.
    scale = np.sqrt(np.diag(made.cov))
    brute = inverse @ np.mean(middles, axis=0) @ inverse / np.outer(scale, scale)
    assert_allclose(made.cov / np.outer(scale, scale), brute, atol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        ss.ols("y ~ x + z", fixed_effects="individual"),
        ss.sdem("y ~ x", W="w", fixed_effects="twoways"),
        ss.sdm("y ~ x", W="w", fixed_effects="twoways", estimator="2sls"),
    ],
    ids=lambda model: model.family,
)
def test_groups_of_one_city_are_clusters_by_city(model):
    panel, w = made_up(n=14, T=6)
    alone = pd.Series(list(panel.ids), index=list(panel.ids), name="alone")[::-1]
    res = ss.fit(model, panel, w)
    made, same = res.with_cov("cluster", by=alone), res.with_cov("city")
    assert_allclose(made.cov, same.cov, rtol=1e-9)
    assert (made.cov_kind, made.with_cov("city").design.groups) == ("cluster, alone", None)


def test_renaming_cities_and_groups_changes_nothing():
    panel, w, groups = grouped(18, 8, 5)
    model = ss.sem("y ~ x", W="w", fixed_effects="individual")
    plain = ss.fit(model, panel, w).with_cov("cluster", by="zone")
    new = dict(zip(w.ids, np.random.default_rng(0).permutation(w.ids), strict=True))
    frame = panel.frame.reset_index()
    moved = ss.CityPanel(frame.assign(city=frame["city"].map(new)), city="city")
    v = ss.Weights.from_matrix(w.dense(), ids=[new[i] for i in w.ids], name="w")
    zone = pd.Series([f"{9 - g}" for g in groups], index=[new[i] for i in w.ids])
    other = ss.fit(model, moved, v).with_cov("cluster", by=zone)
    assert_allclose(other.se, plain.se, rtol=1e-6)  # the search stops near 1e-8


def test_standard_errors_are_those_of_shocks_that_a_group_shares():
    """300 draws: the sd of an estimate is good to 4 %; clusters by city are far too narrow."""
    C, size, T = 30, 6, 3
    n, rng = C * size, np.random.default_rng(0)
    groups, W = rng.permutation(np.repeat(np.arange(C), size)), ring(n)
    panel, w = made_up(n=n, T=T)
    x = rng.normal(size=(C, T))[groups] + rng.normal(size=(n, T))
    panel = panel.assign(x=x)
    model = ss.slx("y ~ x", W="w", fixed_effects="twoways")
    first, found = build(model, panel, align(w, ("w",), panel)), []
    for _ in range(300):
        e = rng.normal(size=(C, T))[groups] + rng.normal(size=(n, T))
        design = replace(redrawn(first, W, e[..., None]), groups=groups)
        estimate = estimate_qml(design)
        variances = (robust_covariance(design, estimate, k)[0, 0] for k in ("cluster", "city"))
        found.append([estimate.params[0], *map(np.sqrt, variances)])
    beta, ours, by_city = np.array(found).T
    assert_allclose(ours.mean(), beta.std(), rtol=0.1)
    assert by_city.mean() < 0.8 * beta.std()


def test_wild_draws_change_the_cities_of_a_group_together():
    panel, w, groups = grouped(20, 9, 5)
    res = ss.fit(ss.slx("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    boot = ss.wild_bootstrap(res, "zone", "webb", draws=100, seed=3)
    first = pd.factorize(groups)[0]  # groups in the order in which they come first
    v = np.random.default_rng(3).choice(WEIGHTS["webb"], size=(100, 9)) * np.sqrt(9 / 8)
    e = res.resid.to_numpy().reshape(20, -1)
    y = panel.array("y") + (v[7][first] - 1)[:, None] * e
    by_hand = ss.fit(res.model, panel.assign(y=y), w)
    assert_allclose(boot.estimate.draws[7, :-1], by_hand.params.iloc[:-1], rtol=1e-9)
    assert boot.cov_kind.startswith("wild bootstrap by zone, 100 draws")
    series = panel.blocks["zone"]
    made = ss.wild_test(res, "x", series, "webb", draws=100)
    assert_allclose(made["se"], res.with_cov("cluster", by="zone").se["x"], rtol=1e-9)
    assert made["p"].between(0, 1).all()


def test_what_the_groups_are_is_said_everywhere():
    panel, w, _ = grouped(20, 9, 5)
    made = ss.fit(ss.slx("y ~ x", W="w"), panel, w).with_cov("cluster", by="zone")
    assert made.glance().loc[0, "covariance"] == "cluster, zone"
    assert "covariance: clustered by zone." in made.summary()
    assert "Covariance of the parameters: clustered by zone." in ss.report.table(made).notes
    zh = ss.report.table(made, language="zh")
    assert any("按 zone 聚类" in note for note in zh.notes)
    assert any("按组聚类" in row.cells for row in zh.rows)
    assert (made.effects().table["se"] > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r["sdm"].with_cov("cluster", by="zone"),
         r"estimate of rho\[w\] is inconsistent.*or with estimator=\"2sls\""),
        (lambda r: r["slx"].with_cov("cluster"), r'needs a grouping.*with_cov\("cluster", by='),
        (lambda r: r["2sls"].with_cov("cluster"), "needs a grouping of the cities"),
        (lambda r: r["slx"].with_cov("cluster", by="province"),
         "by='province' is not a grouping of the panel, which has 'region', 'zone'"),
        (lambda r: r["slx"].with_cov("city", by="zone"), "by is the grouping of cov='cluster'"),
        (lambda r: r["slx"].with_cov("cluster", by="region"),
         "variance of 4 parameters from 2 groups: it needs more groups"),
        (lambda r: r["dynamic"].with_cov("cluster", by="zone"), "no estimate of this model is con"),
        (lambda r: r["random"].with_cov("cluster", by="zone"), "not available with random effects"),
        (lambda r: ss.diagnostics.j_test(r["slx"].with_cov("cluster", by="zone"), r["slx"]),
         "'cluster, zone' is not made by"),
        (lambda r: ss.wild_test(r["sdm"], "x", "zone"), "one weight per group of cities leaves"),
        (lambda r: ss.wild_test(r["slx"], "x", "province"), "nor a grouping of the panel"),
        (lambda r: ss.wild_bootstrap(r["slx"], "cluster"), "nor a grouping of the panel"),
    ],
)  # fmt: skip
def test_what_groups_cannot_be_used_for_is_refused(refusing, call, message):
    with pytest.raises(ss.SpatialsynError, match=message):
        call(refusing)


@pytest.fixture(scope="module")
def refusing():
    panel, w, _ = grouped(20, 9, 5)
    models = {
        "slx": ss.slx("y ~ x", W="w"),
        "sdm": ss.sdm("y ~ x", W="w", fixed_effects="individual"),
        "2sls": ss.sar("y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls"),
        "dynamic": ss.slx("y ~ x", W="w", fixed_effects="individual", lag_y=True),
        "random": ss.slx("y ~ x", W="w", random="individual"),
    }
    return {name: ss.fit(model, panel, w) for name, model in models.items()}


def test_a_covariance_asks_for_the_groups():
    panel, w, _ = grouped(20, 9, 5)
    with pytest.raises(ss.ModelError, match=r'ss.fit\(...\).with_cov\("cluster", by="region"\)'):
        ss.fit(ss.slx("y ~ x", W="w"), panel, w).with_cov("cluster")
