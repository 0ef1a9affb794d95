"""Is there a spillover at any decay: brute force, size, refusals; rings beside decay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from cases import within
from numpy.testing import assert_allclose

import spatialsyn as ss

MODEL = ss.slx("y ~ x", W="km", fixed_effects="twoways")


@pytest.fixture(scope="module")
def panel() -> ss.CityPanel:
    cities = ss.datasets.guangdong()
    x = np.random.default_rng(1000).normal(size=(cities.n, cities.T))
    return cities.assign(x=x)


@pytest.fixture(scope="module")
def km(panel) -> pd.DataFrame:
    return ss.weights.distances(panel.cities)


def falling(km: pd.DataFrame, delta: float) -> ss.Weights:
    far = km.to_numpy() + np.diag(np.full(len(km), np.inf))
    return ss.Weights.from_matrix(far**-delta, ids=km.index, name="km").standardize("row")


def drawn(panel, km, theta, seed, sigma2=0.3):
    params = {"x": 1.0, "W[km]*x": theta, "sigma2": sigma2}
    return ss.simulate(MODEL, panel, falling(km, 1.5), params, seed=seed)


def test_a_likelihood_of_rho_and_delta_on_a_grid(panel, km):
    """SAR by individual effects: ln|I - rho W(delta)| and squares, over both parameters."""
    model = ss.sar("y ~ x", W="km", fixed_effects="individual")
    params = {"x": 1.0, "rho[km]": 0.5, "sigma2": 0.05}
    data = ss.simulate(model, panel, falling(km, 1.5), params, seed=4)
    found = ss.decay(model, data, role="wy")
    y, x, n, T = data.array("y"), data.array("x"), data.n, data.T

    def loglik(rho, delta):
        W, Z = falling(km, delta).dense(), within(x)[:, None]
        e = within(y - rho * W @ y)
        e = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
        N = n * (T - 1)
        logdet = np.linalg.slogdet(np.eye(n) - rho * W)[1]
        return (T - 1) * logdet - N / 2 * (np.log(2 * np.pi * e @ e / N) + 1)

    rho, delta = found.results.rho["km"], found.estimate["km"]
    top = loglik(rho, delta)
    assert_allclose(found.results.loglik, top, rtol=1e-10)
    near = [loglik(rho + a, delta + b) for a in (-1e-3, 0, 1e-3) for b in (-1e-2, 0, 1e-2)]
    assert max(near) <= top + 1e-9
    grid = [loglik(a, b) for a in np.linspace(0.0, 0.95, 39) for b in np.linspace(0.2, 6, 30)]
    assert top - 0.5 < max(grid) <= top


def test_the_statistic_is_the_best_of_a_grid_of_fits(panel, km):
    data = drawn(panel, km, 0.3, seed=3)
    found = ss.decay(MODEL, data)
    test = found.bootstrap(draws=99)
    null = ss.fit(ss.ols("y ~ x", fixed_effects="twoways"), data)
    fits = [ss.fit(MODEL, data, falling(km, d)).loglik for d in np.geomspace(0.1, 8, 33)]
    assert_allclose(test.statistic, 2 * (max(fits) - null.loglik), rtol=1e-8)
    assert test.statistic <= 2 * (found.results.loglik - null.loglik) + 1e-9
    assert test.df == 2
    assert found.bootstrap(draws=99).p == test.p


def test_a_spillover_is_found_beside_a_lag_of_y(panel, km):
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    model = ss.sdm("y ~ x", W={"wy": "geo", "wx": "km"}, fixed_effects="twoways")
    params = {"x": 1.0, "W[km]*x": 0.8, "rho[geo]": 0.3, "sigma2": 0.05}
    data = ss.simulate(model, panel, [geo, falling(km, 1.5)], params, seed=3)
    test = ss.decay(model, data, geo).bootstrap(draws=99)
    assert test.p == 0.01
    assert "no lags by km, whatever the decay" in repr(test)
    both = ss.decay(ss.sdm("y ~ x", W="km", fixed_effects="twoways"), data, role="both")
    with pytest.raises(ss.ModelError, match=r"whose lag of y has a matrix of its own"):
        both.bootstrap()
    with pytest.raises(ss.ModelError, match="draws=5"):
        both.bootstrap(draws=5)


def test_the_bootstrap_keeps_its_size(panel, km):
    """30 panels without a spillover: 3 rejections at 10 % expected, 9 or more have p = 0.002.

    The p-values that take delta as known are smaller on average.
    """
    bold, honest = [], []
    for seed in range(30):
        found = ss.decay(MODEL, drawn(panel, km, 0.0, seed))
        bold.append(found.spillover.p)
        honest.append(found.bootstrap(draws=99, seed=seed).p)
    assert (np.array(honest) <= 0.1).sum() < 9
    assert 0.35 < np.mean(honest) < 0.65
    assert np.mean(bold) < np.mean(honest) - 0.1


def test_rings_and_bands_sum_to_the_indirect_effect(panel, km):
    """Mutually exclusive rings as several W of the regressors, in one model."""
    off = ~np.eye(len(km), dtype=bool)
    cuts = [0, 120, 250, 2000]
    rings = [
        ss.Weights.from_matrix(((km > a) & (km <= b) & off).astype(float), name=f"r{i}")
        for i, (a, b) in enumerate(pairwise(cuts))
    ]
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    names = [w.name for w in rings]
    slx = ss.slx("y ~ x", W=names, fixed_effects="individual")
    params = {"x": 1.0, "W[r0]*x": 0.3, "W[r1]*x": 0.1, "W[r2]*x": 0.02, "sigma2": 0.1}
    data = ss.simulate(slx, panel, rings, params, seed=1)
    res = ss.fit(slx, data, rings)
    neighbours = [w.row_sums.mean() for w in rings]
    thetas = [res.params[f"W[{name}]*x"] for name in names]
    bands = res.effects("x", by=ss.weights.bands(panel.cities, cuts[1:3]))
    # Without Wy the effect of a ring is its theta times its number of cities: the bands.
    assert_allclose(bands["indirect"]["estimate"], np.multiply(thetas, neighbours), rtol=1e-10)
    indirect = res.effects("x")["indirect"]["estimate"].item()
    assert_allclose(np.dot(thetas, neighbours), indirect, rtol=1e-10)
    # With Wy every ring is passed on; bands still sum to the indirect effect.
    sdm = ss.sdm("y ~ x", W={"wx": names, "wy": "geo"}, fixed_effects="individual")
    res = ss.fit(sdm, data, [*rings, geo])
    bands = res.effects("x", by=ss.weights.bands(panel.cities, cuts[1:3]))
    indirect = res.effects("x")["indirect"]["estimate"].item()
    assert_allclose(bands["indirect"]["estimate"].sum(), indirect, rtol=1e-10)
