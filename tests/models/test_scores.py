"""The score taken apart by year and by city: brute force, over all orders of the cities too."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.design import align, build
from spatialsyn.models.likelihood import filtered, jacobian, names
from spatialsyn.models.qml import describe
from spatialsyn.models.scores import between_cities, city_scores, period_scores
from spatialsyn.numerics.transform import sweep

FAMILIES = ("ols", "sar", "sem", "gns", "two")


def specified(family: str, effects: str, correction: str = "lee-yu") -> ss.SpatialModel:
    if family == "ols":
        return ss.ols("y ~ x", fixed_effects=effects, correction=correction)
    if family == "two":
        return ss.sar("y ~ x", W=["w", "v"], fixed_effects=effects, correction=correction)
    return getattr(ss, family)("y ~ x", W="w", fixed_effects=effects, correction=correction)


def designed(model: ss.SpatialModel, n: int, T: int):
    """A design, and parameters that are not its maximum: an estimate, and its parts."""
    panel, w = made_up(n=n, T=T, seed=3)
    v = ss.Weights.from_matrix(np.roll(np.eye(n), 2, axis=1), ids=w.ids, name="v")
    design = build(model, panel, align([w, v], model.weights_names, panel))
    p, d = len(design.names), len(names(design))
    params = np.r_[np.random.default_rng(0).normal(size=p), np.full(d, 0.3), 0.7]
    return design, describe(design, params), (params[:p], params[p:-1], params[-1])


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_by_city_and_by_year_sum_to_the_score(family, effects, correction):
    design, estimate, at = designed(specified(family, effects, correction), 6, 5)
    by_city, by_year = city_scores(design, estimate, *at), period_scores(design, estimate, *at)
    total = by_year.sum(axis=0)
    assert_allclose(by_city.own.sum(axis=0), total, rtol=1e-10, atol=1e-10 * np.abs(total).max())
    p = len(design.names)

    def loglik(params):
        y, Z = filtered(design, params[p:-1])
        e = y - Z @ params[:p]
        fit = design.nobs / 2 * np.log(2 * np.pi * params[-1]) + e @ e / 2 / params[-1]
        return jacobian(design, params[p:-1]) - fit

    step = 1e-6
    numerical = [
        (loglik(estimate.params + step * u) - loglik(estimate.params - step * u)) / (2 * step)
        for u in np.eye(len(estimate.params))
    ]
    # Differences of a log-likelihood of some hundreds are good to 1e-7 here.
    assert_allclose(total, numerical, rtol=1e-5, atol=1e-6 * np.abs(total).max())


def pairs_and_rings(n: int, T: int) -> ss.WeightsSeries:
    """Years in which every city has one neighbour, a mutual one, and years in which it has several."""
    mutual = np.eye(n)[np.arange(n) ^ 1]
    every = [mutual if t % 2 else ring(n, t) for t in range(T)]
    ids = [f"c{i:02d}" for i in range(n)]
    return ss.weights.series(
        {2001 + t: ss.Weights.from_matrix(W, ids=ids, name="net") for t, W in enumerate(every)}
    )


@pytest.mark.parametrize("family", ["sar", "sem"])
def test_scores_of_years_are_slopes_of_their_own_likelihoods(family):
    n, T = 8, 10
    panel, series = made_up(n=n, T=T, seed=1)[0], pairs_and_rings(n, T)
    res = ss.fit(getattr(ss, family)("y ~ x", W="net"), panel, series)
    y, x, W = panel.array("y"), panel.array("x"), series.over(panel.years)

    def loglik(params, t):
        a, b, spatial, sigma2 = params
        S, signal = np.eye(n) - spatial * np.asarray(W[t]), a + b * x[:, t]
        e = S @ y[:, t] - signal if family == "sar" else S @ (y[:, t] - signal)
        return np.linalg.slogdet(S)[1] - n / 2 * np.log(sigma2) - e @ e / (2 * sigma2)

    params, step = res.params.to_numpy(), 1e-5
    slopes = [
        [loglik(params + u, t) - loglik(params - u, t) for u in step * np.eye(4)] for t in range(T)
    ]
    scores = np.array(slopes) / (2 * step)
    inverse = res.with_cov("observed").cov.to_numpy()
    brute = inverse @ (scores.T @ scores) @ inverse * T / (T - 1)
    assert_allclose(res.with_cov("period").cov, brute, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize(
    ("family", "effects"),
    [
        *(("sar", effects) for effects in ("none", "individual", "time", "twoways")),
        *(("sem", effects) for effects in ("none", "time")),  # refused with city effects
    ],
)
def test_every_year_has_the_same_mean_score(family, effects, correction):
    """At the truth, zero unless there are dummies. E e e' = I: sums over errors of one cell each."""
    n, T, lam = 6, 5, 0.4
    panel, series = made_up(n=n, T=T, seed=1)[0], pairs_and_rings(n, T)
    model = getattr(ss, family)("y ~ x", W="net", fixed_effects=effects, correction=correction)
    design, W = build(model, panel, {"net": series}), np.array(series.over(panel.years))
    S = np.eye(n) - lam * W
    free = (n - (effects in ("time", "twoways"))) * (T - (effects in ("individual", "twoways")))
    sigma2, delta = free / design.nobs, np.zeros(len(design.names))

    def scores(e):
        y = np.stack([np.linalg.solve(S[t], e[:, t]) for t in range(T)], axis=1)
        Wy = sweep(np.stack([W[t] @ y[:, t] for t in range(T)], axis=1), effects)
        error, y = design.error, sweep(y, effects)
        if error is None:
            made = replace(design, y=y, Wy=Wy[..., None])
        else:
            made = replace(design, y=y, error=replace(error, y=Wy))
        estimate = describe(made, np.r_[delta, lam, sigma2])
        return period_scores(made, estimate, delta, np.array([lam]), sigma2)[:, -2]

    constant = scores(np.zeros((n, T)))
    cells = np.eye(n * T).reshape(-1, n, T)
    mean = constant + sum(scores(e) - constant for e in cells)
    assert_allclose(mean, mean.mean(), atol=1e-10)
    if correction == "lee-yu" or effects in ("none", "individual"):
        assert_allclose(mean, 0, atol=1e-10)


@pytest.mark.parametrize("effects", ["none", "twoways"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_variance_is_the_mean_over_all_orders_of_the_cities(family, effects):
    design, estimate, at = designed(specified(family, effects), 5, 4)
    scores = city_scores(design, estimate, *at)
    near = np.exp(-np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0))))
    own, d = scores.own - scores.own.mean(axis=0), len(scores.pairs)
    spatial = slice(own.shape[1] - 1 - d, own.shape[1] - 1)
    middles = {"alone": [], "near": []}
    for order in permutations(range(5)):
        before = np.less.outer(np.argsort(order), np.argsort(order)).T
        s = own.copy()
        s[:, spatial] += ((before - 0.5) * scores.pairs).sum(axis=2).T
        middles["alone"].append(s.T @ s * 5 / 4)
        middles["near"].append(s.T @ near @ s / (1 - near.mean()))
    size = np.abs(middles["alone"]).max()
    for name, K in (("alone", np.eye(5)), ("near", near)):
        brute = np.mean(middles[name], axis=0)
        assert_allclose(between_cities(scores, K), brute, rtol=1e-9, atol=1e-10 * size)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("family", FAMILIES[1:])
def test_the_share_of_every_pair_of_cities_has_mean_zero(family, effects, correction):
    """At the truth, or else they are no martingale differences. E e e' = I: sums over cells."""
    n, T = 6, 5
    design, estimate, (delta, spatial, _) = designed(specified(family, effects, correction), n, T)
    free = (n - (effects in ("time", "twoways"))) * (T - (effects in ("individual", "twoways")))

    def pairs(e):
        swept = replace(estimate, residuals=sweep(e, effects))
        return city_scores(design, swept, delta, spatial, free / design.nobs).pairs

    constant = pairs(np.zeros((n, T)))
    cells = np.eye(n * T).reshape(-1, n, T)
    assert_allclose(constant + sum(pairs(e) - constant for e in cells), 0, atol=1e-10)
