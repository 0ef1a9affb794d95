"""The integrated posterior where approximations would show: ends of intervals, kinks, dummies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mixtures import NAMES, mixed, three
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import beta, norm

import spatialsyn as ss
from spatialsyn.diagnostics import log_marginal
from spatialsyn.numerics.quadrature import legendre, quantiles

TAILS = np.array([0.025, 0.5, 0.975])


@pytest.mark.parametrize("count", [24, 64])
def test_quantiles_of_a_polynomial_and_a_normal_density_are_theirs(count):
    """Beta(3, 5) is a polynomial, exact at any number of nodes; a narrow normal density, nearly."""
    axis = legendre(0.0, 1.0, count)
    mass = (beta.pdf(axis.nodes, 3, 5) * axis.widths)[None]
    assert_allclose(quantiles(axis, mass, np.ones(1), TAILS), beta.ppf(TAILS, 3, 5), atol=1e-12)
    axis = legendre(-7.0, 7.0, 64)
    mass = (norm.pdf(axis.nodes) * axis.widths)[None]
    assert_allclose(quantiles(axis, mass, np.ones(1), TAILS), norm.ppf(TAILS), atol=1e-8)


def test_quantiles_of_a_mixture_of_units():
    """x uniform between 0 and 1, times 1 or 3 with equal chances."""
    axis = legendre(0.0, 1.0, 16)
    mass = np.vstack([axis.widths, axis.widths]) / 2
    # F(v) = (min(v, 1) + v / 3) / 2
    expected = [0.025 * 2 / (4 / 3), 0.5 * 2 / (4 / 3), 3 * (2 * 0.975 - 1)]
    assert_allclose(quantiles(axis, mass, np.array([1.0, 3.0]), TAILS), expected, atol=1e-12)
    there = axis.mirrored
    assert_allclose(there.nodes, axis.nodes)
    assert_allclose(legendre(0.2, 0.5, 4).mirrored.nodes, legendre(0.5, 0.8, 4).nodes)


def test_the_interval_of_rho_is_that_of_its_density():
    """One matrix has a density of rho alone, integrated here by adaptive quadrature."""
    panel, weights = three(n=9, T=4, noise=1.0, seed=4, effects="individual")
    res = ss.fit(mixed("sar", ("a",), fixed_effects="individual"), panel, weights[:1])
    n, T, W = 9, 4, weights[0].dense()
    y, X = panel.array("y"), np.stack([panel.array(x) for x in ("x", "z")], axis=2)
    y, X = y - y.mean(1, keepdims=True), X - X.mean(1, keepdims=True)
    Z, Wy = X.reshape(n * T, 2), (W @ y).ravel()
    roots = np.linalg.eigvals(W)

    def density(rho: float) -> float:
        e = y.ravel() - rho * Wy
        e = e - Z @ np.linalg.lstsq(Z, e)[0]
        logdet = np.log(np.abs(1 - rho * roots)).sum()
        return float(np.exp((T - 1) * logdet - (n * (T - 1) - 2) / 2 * np.log(e @ e / 20)))

    whole = quad(density, -1, 1, limit=200)[0]
    post = res.posterior(draws=2, level=0.9)
    low, high = post.table.loc["rho[a]", ["low", "high"]]
    assert_allclose(quad(density, -1, low, limit=200)[0] / whole, 0.05, atol=1e-7)
    assert_allclose(quad(density, high, 1, limit=200)[0] / whole, 0.05, atol=1e-7)
    assert_allclose(post.table.loc["share[a]"], [1, 0, 1, 1], atol=1e-12)


def test_three_shares_have_the_intervals_of_draws_and_of_any_order():
    """The stick breaks in the order of the matrices: the posterior knows no order."""
    panel, weights = three(n=8, T=5, noise=0.8, seed=3)
    post = ss.fit(mixed("sar"), panel, weights).posterior(draws=4000)
    turned = ss.fit(mixed("sar", NAMES[::-1]), panel, weights).posterior(draws=2)
    names = [f"share[{name}]" for name in NAMES]
    ours, theirs = (p.table.loc[names].to_numpy(float) for p in (post, turned))
    assert_allclose(ours[:, :2], theirs[:, :2], atol=2e-6)
    assert_allclose(ours[:, 2:], theirs[:, 2:], atol=5e-4)  # 1 / 400 of a standard deviation
    for name in names:
        drawn = post.draws[:, post.names.index(name)]
        low, high = post.table.loc[name, ["low", "high"]]
        parts = [np.mean(drawn < low), np.mean(drawn > high)]
        assert_allclose(parts, 0.025, atol=4 * np.sqrt(0.025 * 0.975 / 4000))


def test_where_components_change_places_the_largest_eigenvalue_has_a_kink():
    """Two groups of cities without links between them: at a share of one half the one whose
    eigenvalue is largest changes. On a grid of the parameters, not of their polynomials."""
    rng = np.random.default_rng(17)
    n, T, half = 10, 7, 5
    dense = []
    for double in (slice(None, half), slice(half, None)):
        W = np.zeros((n, n))
        for group in (slice(None, half), slice(half, None)):
            block = rng.uniform(0.1, 1, (half, half)) * (1 - np.eye(half))
            W[group, group] = block / block.sum(1, keepdims=True)
        W[double] *= 2
        dense.append(W)
    x = rng.normal(size=(n, T))
    mean = np.linalg.solve(np.eye(n) - 0.35 * (dense[0] + dense[1]) / 2, x)
    y = mean + 0.05 * rng.normal(size=(n, T))
    ids = [f"c{i}" for i in range(n)]
    frame = pd.DataFrame({"c": np.repeat(ids, T), "t": np.tile(np.arange(T), n)})
    panel = ss.CityPanel(frame.assign(x=x.ravel(), y=y.ravel()), city="c", year="t")
    weights = [
        ss.Weights.from_matrix(W, ids=ids, name=name) for W, name in zip(dense, "ab", strict=True)
    ]
    model = ss.sar("y ~ x", W=ss.convex("a", "b"), fixed_effects="individual")
    res = ss.fit(model, panel, weights)
    table = res.posterior(draws=2).table
    centre, spread = table["mean"], 7 * table["sd"]
    rho, first = (
        np.linspace(centre[name] - spread[name], centre[name] + spread[name], size)
        for name, size in (("rho[a+b]", 281), ("share[a]", 281))
    )
    assert first[0] < 0.5 < first[-1]
    Z = (x - x.mean(1, keepdims=True)).ravel()
    y = y - y.mean(1, keepdims=True)
    log = np.empty((len(first), len(rho)))
    for i, g in enumerate(first):
        W = g * dense[0] + (1 - g) * dense[1]
        roots = np.linalg.eigvals(W)
        e = y.ravel()[:, None] - np.multiply.outer((W @ y).ravel(), rho)
        e = e - np.multiply.outer(Z, Z @ e) / (Z @ Z)
        logdet = np.log(np.abs(1 - np.multiply.outer(rho, roots))).sum(1)
        # Uniform between the bounds: the density of rho is the radius over two.
        prior = np.log(np.abs(roots).max())
        log[i] = (T - 1) * logdet - (n * (T - 1) - 1) / 2 * np.log((e**2).sum(0)) + prior
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    for name, value, weight in (
        ("rho[a+b]", rho, mass.sum(0)), ("share[a]", first, mass.sum(1)),
    ):  # fmt: skip
        mean = weight @ value
        sd = np.sqrt(weight @ (value - mean) ** 2)
        assert abs(mean - centre[name]) < 1e-3 * sd
        assert_allclose(table.loc[name, "sd"], sd, rtol=1e-3)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_a_mixture_of_one_matrix_is_that_matrix(effects, correction):
    """Its log-marginal is that of `diagnostics`, which R's agrees with, dummies integrated out."""
    panel, weights = three(n=7, T=4, seed=5, effects=effects)
    options = {"fixed_effects": effects, "correction": correction}
    table = ss.fit(mixed("sdm", ("a", "b"), **options), panel, weights).averaged(g=9.0).table
    for name, w in zip(("a", "b"), weights, strict=False):
        alone = log_marginal(ss.sdm("y ~ x + z", W=name, **options), panel, w, g=9.0)
        assert_allclose(table.loc[name, ["log_marginal", "rho"]].astype(float), alone, rtol=1e-8)


def test_dummies_take_their_degrees_of_freedom_from_the_draws():
    """With little noise SSR / sigma2 is chi-squared with n (T - 1) - k degrees, less one for rho
    and one for the share; to take demeaned data as n T observations would make it n more."""
    panel, weights = three(n=12, T=4, noise=1e-3, seed=1, effects="individual")
    model = mixed("sar", ("a", "b"), fixed_effects="individual", correction="direct")
    x, W = panel.array("x"), 0.5 * weights[0].dense() + 0.5 * weights[1].dense()
    noise = 1e-3 * np.random.default_rng(3).normal(size=x.shape)
    y = np.linalg.solve(np.eye(12) - 0.5 * W, x - panel.array("z") + noise)
    res = ss.fit(model, panel.assign(y=y), weights)
    post = res.posterior(draws=4000, seed=1)
    drawn = res.nobs * res.sigma2 / post.draws[:, post.names.index("sigma2")]
    degrees = 12 * 3 - 2 - 2
    assert abs(drawn.mean() - degrees) < 4 * np.sqrt(2 * degrees / 4000)
    assert_allclose(drawn.var(), 2 * degrees, rtol=0.1)


@pytest.mark.parametrize("g", ["a", True, 0, -1, float("nan"), float("inf")])
def test_a_g_that_is_no_variance_is_refused(g):
    panel, weights = three(n=10, T=6, seed=1)
    res = ss.fit(mixed("sar", ("a", "b")), panel, weights)
    with pytest.raises(ss.ModelError, match=r"g=.*g-prior.*positive number.*Left out"):
        res.averaged(g)
    with pytest.raises(ss.ModelError, match=r"g=.*g-prior.*positive number.*Left out"):
        log_marginal(ss.sar("y ~ x", W="a"), panel, weights, g=g)


def test_what_is_no_posterior_and_no_list_of_families_is_refused():
    panel, weights = three(n=10, T=6, seed=1)
    res = ss.fit(mixed("sar", ("a", "b")), panel, weights)
    with pytest.raises(ss.ModelError, match=r"results.posterior\(\); got NoneType"):
        res.with_draws(None)
    with pytest.raises(ss.ModelError, match=r"families are some of 'ols'.*got int"):
        ss.diagnostics.posterior(ss.sar("y ~ x", W="a"), panel, weights, families=3)
