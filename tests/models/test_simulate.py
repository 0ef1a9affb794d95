"""Simulated data, and what the estimators make of them: seeded, small Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose, assert_array_equal

import spatialsyn as ss

PARAMS = {"x": 1.0, "W[w]*x": 0.5, "rho[w]": 0.4, "lambda[w]": 0.3, "sigma2": 1.0}
# What the models without some lags have.
OF = {
    "slx": ("x", "W[w]*x"), "sar": ("x", "rho[w]"), "sdm": ("x", "W[w]*x", "rho[w]"),
    "sem": ("x", "lambda[w]"), "sdem": ("x", "W[w]*x", "lambda[w]"), "sac": ("x", "rho[w]", "lambda[w]"),
}  # fmt: skip


def truth(family: str) -> dict[str, float]:
    return {name: PARAMS[name] for name in (*OF[family], "sigma2")}


@pytest.mark.parametrize("family", OF)
def test_without_error_the_parameters_come_back(family):
    panel, w = made_up(n=15, T=6)
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects="individual")
    params = truth(family) | {"sigma2": 1e-8}
    res = ss.fit(model, ss.simulate(model, panel, w, params, seed=1), w)
    for name in OF[family]:
        if not name.startswith("lambda"):  # an error of no size has no lag to see
            assert_allclose(res.params[name], params[name], atol=1e-3)


@pytest.mark.parametrize("family", ["sar", "sem", "sdm"])
@pytest.mark.parametrize("effects", ["individual", "twoways"])
def test_estimates_are_centred_and_intervals_cover(family, effects):
    """200 draws at n = 25, T = 6: bias below 0.1 sd of one estimate's own, coverage 95 %."""
    w = ss.Weights.from_matrix(ring(25, 3), ids=range(25), name="w")
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects)
    spatial = "lambda[w]" if family == "sem" else "rho[w]"
    draws = []
    for seed in range(200):
        panel = ss.simulate(model, (25, 6), w, truth(family), seed=seed)
        res = ss.fit(model, panel, w)
        draws.append((res.params[spatial], res.se[spatial]))
    estimate, se = np.array(draws).T
    bias = (estimate - PARAMS[spatial]).mean()
    assert abs(bias) < 0.25 * estimate.std()
    covered = np.abs(estimate - PARAMS[spatial]) < 1.96 * se
    assert 0.90 <= covered.mean() <= 0.99  # 200 draws: 0.95 +- 0.045 at three standard errors


def test_the_direct_approach_is_biased_where_the_transformation_is_not():
    """Two-way effects at n = 20, T = 8, the case of math: direct about 0.27, transformed 0.38."""
    w = ss.Weights.from_matrix(ring(20, 5), ids=range(20), name="w")
    model = ss.sar("y ~ x", W="w", fixed_effects="twoways")
    params = {"x": 1.0, "rho[w]": 0.4, "sigma2": 1.0}
    found = {"lee-yu": [], "direct": [], "bias-corrected": []}
    for seed in range(150):
        panel = ss.simulate(model, (20, 8), w, params, seed=seed)
        for correction, values in found.items():
            values.append(ss.fit(model.but(correction=correction), panel, w).rho["w"])
    mean = {correction: float(np.mean(values)) for correction, values in found.items()}
    assert mean["direct"] < mean["bias-corrected"] < 0.42
    assert 0.4 - mean["direct"] > 2 * abs(0.4 - mean["lee-yu"])


def test_the_same_seed_gives_the_same_data():
    panel, w = made_up()
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    one, two = (ss.simulate(model, panel, w, truth("sdm"), seed=7).frame["y"] for _ in "ab")
    assert_allclose(one, two, rtol=0)


@pytest.mark.parametrize("draw", ["standard_normal", "normal"])
def test_errors_are_not_the_x_that_the_same_seed_draws(draw):
    """y = x + e: with e = x the slope would be two, whatever the sample."""
    rng = np.random.default_rng(7)
    x = getattr(rng, draw)(size=(50, 20))
    panel, w = made_up(n=50, T=20)
    panel, model = panel.assign(x=x), ss.ols("y ~ x")
    data = ss.simulate(model, panel, w, {"Intercept": 0.0, "x": 1.0, "sigma2": 1.0}, seed=7)
    errors = data.array("y") - x
    assert abs(np.corrcoef(errors.ravel(), x.ravel())[0, 1]) < 4 / np.sqrt(errors.size)
    shape = ss.simulate(
        ss.ols("y ~ x"), (50, 20), w, {"Intercept": 0.0, "x": 1.0, "sigma2": 1.0}, 7
    )
    assert abs(np.corrcoef(shape.array("x").ravel(), x.ravel())[0, 1]) < 4 / np.sqrt(x.size)


def test_streams_of_numpy_are_taken_as_they_are():
    """The errors are the first numbers of the stream, which draws them itself here."""
    panel, w = made_up(n=12, T=8)
    model, params = ss.ols("y ~ x"), {"Intercept": 0.0, "x": 0.0, "sigma2": 1.0}
    own = np.random.default_rng(5).standard_normal((12, 8))
    for seed in (np.random.SeedSequence(5), np.random.default_rng(5)):
        assert_allclose(ss.simulate(model, panel, w, params, seed).array("y"), own, rtol=0)


@pytest.mark.parametrize("panel", [(12, 6), made_up()[0]])
def test_weights_that_come_one_by_one_are_taken_like_a_list(panel):
    """An iterator was used up by the ids of the cities before the model asked for its matrix."""
    w, params = made_up()[1], {"Intercept": 0.0, "x": 1.0, "rho[w]": 0.3, "sigma2": 1.0}
    model = ss.sar("y ~ x", W="w")
    listed = ss.simulate(model, panel, [w], params, seed=0).array("y")
    for given in (iter([w]), (one for one in [w]), {"w": w}.values()):
        assert_array_equal(ss.simulate(model, panel, given, params, seed=0).array("y"), listed)
    tables = [
        ss.monte_carlo(model, panel, given, params, draws=50).table["mean"]
        for given in ([w], iter([w]))
    ]
    assert_array_equal(*tables)


def test_what_cannot_be_simulated_is_refused():
    panel, w = made_up()
    model = ss.sar("y ~ x", W="w")
    with pytest.raises(ss.ModelError, match=r"params lack 'Intercept', 'rho\[w\]'.*unknown 'q'"):
        ss.simulate(model, panel, w, {"x": 1.0, "sigma2": 1.0, "q": 2.0}, seed=0)
    full = {"Intercept": 0.0, "x": 1.0, "rho[w]": 1.2, "sigma2": 1.0}
    with pytest.raises(ss.ModelError, match="outside the parameter space"):
        ss.simulate(model, panel, w, full, seed=0)
    with pytest.raises(ss.ModelError, match="must not be negative"):
        ss.simulate(model, panel, w, full | {"rho[w]": 0.1, "sigma2": -1.0}, seed=0)
    with pytest.raises(ss.ModelError, match="plain outcome"):
        ss.simulate(ss.sar("log(y) ~ x", W="w"), panel, w, full, seed=0)
    with pytest.raises(ss.ModelError, match="has 5 cities, the weights have 12"):
        ss.simulate(model, (5, 3), w, full, seed=0)
