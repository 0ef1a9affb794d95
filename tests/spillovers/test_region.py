"""Bands over all that the likelihood does not reject: brute force, and where all is linear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, swept
from numpy.testing import assert_allclose
from scipy.stats import chi2, norm

import spatialsyn as ss
from spatialsyn.spillovers.region import _told_from_bound

TRUE = 1.5


@pytest.fixture(scope="module")
def panel() -> ss.CityPanel:
    """The cities of Guangdong with a made-up regressor."""
    cities = ss.datasets.guangdong()
    return cities.assign(x=np.random.default_rng(7).normal(size=(cities.n, cities.T)))


@pytest.fixture(scope="module")
def far(panel) -> np.ndarray:
    """Kilometres between cities, infinite from a city to itself."""
    km = ss.weights.distances(panel.cities).loc[list(panel.ids), list(panel.ids)].to_numpy()
    return km + np.diag(np.full(panel.n, np.inf))


def falling(far, delta):
    w = far**-delta
    return w / w.sum(axis=1, keepdims=True)


def drawn(panel, far, theta, sigma2, seed=1):
    """y = x + theta W x + errors, as numpy draws it."""
    x, e = panel.array("x"), np.random.default_rng(seed).normal(size=(panel.n, panel.T))
    return panel.assign(y=x + theta * falling(far, TRUE) @ x + np.sqrt(sigma2) * e)


def decayed(data):
    return ss.decay(ss.slx("y ~ x", W="km", fixed_effects="twoways"), data)


def in_bands(far):
    """For every band of pairs that a curve is drawn through, which pairs are of it."""
    edges = np.quantile(far[np.isfinite(far)], np.linspace(0, 1, 13))
    return [(far <= b) & (far > a) for a, b in zip([0, *edges[1:-1]], edges[1:], strict=True)]


def shape(far, delta):
    """What theta = 1 sends from one city to another, on average by band."""
    w = falling(far, delta)
    return np.array([w[band].mean() for band in in_bands(far)])


def likelihoods(data, far, deltas, thetas):
    """(D, Q) twice the likelihood of SLX on a grid, with beta and sigma2 at their best."""
    x, nobs = swept(data.array("x")), (data.n - 1) * (data.T - 1)

    def left(v):
        return v - x * (x @ v) / (x @ x)

    y, found = left(swept(data.array("y"))), []
    for delta in deltas:
        lagged = left(swept(falling(far, delta) @ data.array("x")))
        squares = y @ y - 2 * thetas * (y @ lagged) + thetas**2 * (lagged @ lagged)
        found.append(-nobs * np.log(squares))
    return np.array(found)


# Wald for the likelihood ratio given delta (0.5 % of a width at 160 observations), and 25
# decays for the continuum: hundredths of a width, somewhat more with 9 by 9.
COARSE, COARSER = 0.03, 0.04


@pytest.mark.parametrize(("theta", "sigma2"), [(0.9, 0.05), (0.9, 0.3), (0.0, 0.3)])
def test_the_band_is_that_of_all_curves_that_are_not_rejected(panel, far, theta, sigma2):
    data = drawn(panel, far, theta, sigma2)
    found = decayed(data)
    deltas, thetas = np.geomspace(0.1, 8, 241), np.linspace(-4, 24, 2801)
    twice = likelihoods(data, far, deltas, thetas)
    ratio = twice.max() - twice
    curves = np.multiply.outer(np.array([shape(far, delta) for delta in deltas]), thetas)
    inside = curves.transpose(1, 0, 2)[:, ratio <= chi2.ppf(0.95, 2)]
    width = inside.max(axis=1) - inside.min(axis=1)
    assert_allclose((found.curve["low"] - inside.min(axis=1)) / width, 0, atol=COARSE)
    assert_allclose((found.curve["high"] - inside.max(axis=1)) / width, 0, atol=COARSE)
    # One effect, theta: its profile likelihood interval.
    row = found.effects("x")["indirect"].iloc[0]
    held = thetas[(ratio <= chi2.ppf(0.95, 1)).any(axis=0)]
    assert_allclose([row["low"], row["high"]], [held[0], held[-1]], atol=COARSE * np.ptp(held))


def test_where_effects_are_linear_the_band_is_that_of_scheffe(panel, far):
    """Errors so small that (theta, ln delta) move the curve along its tangent."""
    data = drawn(panel, far, 0.9, 1e-6)
    found = decayed(data)
    x, delta, theta = data.array("x"), found.estimate["km"], found.results.params["W[km]*x"]
    step = 1e-4

    def lagged(shift):
        return falling(far, delta * np.exp(shift)) @ x

    slope = theta * (lagged(step) - lagged(-step)) / (2 * step)
    J = np.column_stack([swept(v) for v in (x, lagged(0), slope)])
    cov = found.results.params["sigma2"] * np.linalg.inv(J.T @ J)[1:, 1:]
    bent = shape(far, delta * np.exp(step)) - shape(far, delta * np.exp(-step))
    moved = np.column_stack([shape(far, delta), theta * bent / (2 * step)])
    half = np.sqrt(chi2.ppf(0.95, 2) * np.einsum("ij,jk,ik->i", moved, cov, moved))
    curve = found.curve
    for side in (curve["effect"] - curve["low"], curve["high"] - curve["effect"]):
        assert_allclose(side, half, rtol=COARSE)
    effects = found.effects("x")["indirect"].iloc[0]
    normal = norm.ppf(0.975) * np.sqrt(cov[0, 0])
    assert_allclose(
        [effects["low"], effects["high"]], theta + normal * np.array([-1, 1]), rtol=1e-4
    )


def test_joint_intervals_of_effects_stretch_those_of_the_profile(panel, far):
    found = decayed(drawn(panel, far, 0.9, 0.3))
    labels = ss.weights.bands(panel.cities, [100, 200])
    alone = found.effects("x", by=labels)
    joint = alone.jointly()
    rows, wide = alone.table, joint.table
    unit = alone.spread / np.linalg.norm(alone.spread, axis=1, keepdims=True)
    normal = np.random.default_rng(5).normal(size=(100_000, unit.shape[1]))
    factor = np.quantile(np.abs(normal @ unit.T).max(axis=1), 0.95) / norm.ppf(0.975)
    # Quantiles of 20 000 and 100 000 draws.
    for side in ("low", "high"):
        ratio = (wide[side] - wide["estimate"]) / (rows[side] - rows["estimate"])
        assert_allclose(ratio, factor, rtol=0.02)
    assert joint.jointly().table.equals(wide)
    # Other errors make intervals of these again.
    again = alone.with_spread(alone.spread)
    assert (alone.method, again.method) == ("profile", "delta")
    half = norm.ppf(0.975) * again.table["se"]
    assert_allclose(again.table["high"] - again.table["estimate"], half, rtol=1e-12)


def test_two_decays_have_a_band_over_both(panel, far):
    """Every pair of decays that fits, on a grid by hand: their curves lie inside the band."""
    place = np.random.default_rng(1).uniform(size=panel.n)
    apart = np.abs(np.subtract.outer(place, place)) + np.diag(np.full(panel.n, np.inf))
    x, e = panel.array("x"), np.random.default_rng(3).normal(size=(panel.n, panel.T))
    y = x + 0.8 * falling(far, 1.5) @ x + 0.6 * falling(apart, 1.0) @ x + 0.3 * e
    data = panel.assign(y=y)
    table = pd.DataFrame(np.where(np.isinf(apart), 0, apart), panel.ids, panel.ids)
    model = ss.slx("y ~ x", W="any", fixed_effects="twoways")
    found = ss.decay(model, data, distance={"km": None, "other": table}, between=(0.5, 4.0))
    deltas, nobs = np.geomspace(0.5, 4, 25), (panel.n - 1) * (panel.T - 1)
    lags = [[swept(falling(d, delta) @ x) for delta in deltas] for d in (far, apart)]
    shapes = [[shape(d, delta) for delta in deltas] for d in (far, apart)]
    fits = {}
    for i, one in enumerate(lags[0]):
        for j, other in enumerate(lags[1]):
            Z = np.column_stack([swept(x), one, other])
            theta, rss = np.linalg.lstsq(Z, swept(y), rcond=None)[:2]
            curve = np.r_[theta[1] * shapes[0][i], theta[2] * shapes[1][j]]
            fits[i, j] = nobs * np.log(rss[0]), curve
    best = min(value for value, _ in fits.values())
    # theta and delta of two distances are four parameters.
    inside = np.array([c for value, c in fits.values() if value - best <= chi2.ppf(0.95, 4)])
    assert len(inside) > 30
    band = found.curves
    width = (band["high"] - band["low"]).to_numpy()
    assert (inside >= band["low"].to_numpy() - COARSER * width).all()
    assert (inside <= band["high"].to_numpy() + COARSER * width).all()


def test_decays_at_which_rho_is_not_told_from_one_are_left_out(panel):
    """On Guangdong rho goes to one, the bound of rows that sum to one, as weights fall less."""
    model = ss.sar("log(gdp_per_capita) ~ digital_finance", W="km", fixed_effects="twoways")
    found = ss.decay(model, panel, role="wy", kind="exponential")
    # beta and rho act on other cities through one number each, and delta on both.
    cut = chi2.ppf(0.95, 3)
    assert np.isfinite(found.curve[["low", "high"]].to_numpy()).all()
    assert list(found.regions) == [pytest.approx(cut)]
    fits = [one.results for one in found.not_rejected(*found.regions)]

    def room(results):
        return (1 - results.params["rho[km]"]) / results.se["rho[km]"]

    assert min(room(results) for results in fits) >= 2
    least = min(fits, key=lambda results: results.weights["km"].recipe["decay"])
    delta = least.weights["km"].recipe["decay"]
    below = ss.fit(model, panel, found.kernels[0].at(0.99 * delta))
    assert 2 * (found.results.loglik - below.loglik) < cut
    assert room(below) < 2


@pytest.mark.parametrize(
    ("seed", "W", "told"), [(0, "w", False), (1, "w", True), (1, ["w", "v"], True)]
)
def test_rho_is_told_from_its_bound_by_two_errors_of_the_sum(seed, W, told):
    """The multiplier of rows that sum to one is 1 / (1 - sum rho): its error is that of the sum."""
    small, w = made_up(n=12, T=2, rho=0.92, noise=2.0, seed=seed)
    v = ss.Weights.from_matrix(np.roll(np.eye(12), 3, axis=1), ids=w.ids, name="v")
    res = ss.fit(ss.sar("y ~ x", W=W), small, [w, v])
    names = list(res.design.rho_names)
    error = np.sqrt(res.cov.loc[names, names].to_numpy().sum())
    assert (1 - res.params[names].sum() >= 2 * error) == told
    assert _told_from_bound(res) == told
