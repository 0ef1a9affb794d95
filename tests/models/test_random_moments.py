"""Random effects without a likelihood, against splm, algebra written out and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from peers import PANELS, fits, panel_data
from test_instruments import named_as_ours

import spatialsyn as ss

RTOL = 1e-6


def fit_and_theirs(name: str, family: str, estimator: str, entry: str):
    """Our fit, splm's stored one, and its parameters under our names."""
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    formula = f"{outcome} ~ {' + '.join(x)}"
    model = getattr(ss, family)(formula, W="w", random="individual", estimator=estimator)
    theirs = fits(f"{name}_spgm")[entry]["result"]
    return ss.fit(model, panel, w), theirs, named_as_ours(theirs["coef"]["names"])


@pytest.mark.parametrize("name", ["cigar", "produc"])
@pytest.mark.parametrize("family", ["sar", "sdm"])
@pytest.mark.parametrize(("ours", "splm"), [("2sls", "g2sls"), ("ec2sls", "ec2sls")])
def test_two_stages_match_splm(name, family, ours, splm):
    """splm divides the last sum of squares by nT - k, we by nT, as everywhere."""
    res, theirs, names = fit_and_theirs(name, family, ours, f"spgm_{family}_{splm}")
    assert_allclose(res.params[names], theirs["coef"]["estimate"], rtol=RTOL)
    assert_allclose(res.params["phi"] ** 2, theirs["sigmav"] / theirs["sigma1"], rtol=RTOL)
    cov = res.cov.loc[names, names] * res.nobs / (res.nobs - len(names))
    size = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert_allclose(cov / size, np.array(theirs["vcov"]["matrix"]) / size, rtol=RTOL, atol=RTOL)
    assert np.isnan(res.se["phi"])


@pytest.mark.parametrize("name", ["cigar", "produc"])
def test_spatial_error_matches_splm(name):
    """The weighted moments of Kapoor, Kelejian and Prucha; their variance is that of the moments
    ("errcomp"), ours that of the last residuals."""
    res, theirs, names = fit_and_theirs(name, "sem", "gmm", "spgm_sem_random_fullweights")
    lam, s2, s1, share = theirs["errcomp"]["estimate"]
    assert_allclose(res.params[names], theirs["coef"]["estimate"], rtol=RTOL)
    assert_allclose([res.lam["w"], res.params["phi"]], [lam, 1 - share], rtol=RTOL)
    assert_allclose(res.params["phi"] ** 2, s2 / s1, rtol=RTOL)
    cov = res.cov.loc[names, names] * s2 / res.sigma2
    size = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert_allclose(cov / size, np.array(theirs["vcov"]["matrix"]) / size, rtol=RTOL, atol=RTOL)


@pytest.mark.parametrize("name", ["cigar", "produc"])
def test_lag_and_error_have_the_moments_of_splm(name):
    """lambda and the variances are splm's. Its last step uses instruments that are not
    documented; ours are the H of the first, filtered data being instrumented by H itself, as in
    the within estimator, where both agree. The difference is below a fifth of an error."""
    res, theirs, names = fit_and_theirs(name, "sac", "gmm", "spgm_sac_random")
    lam, _, _, share = theirs["errcomp"]["estimate"]
    assert_allclose([res.lam["w"], res.params["phi"]], [lam, 1 - share], rtol=RTOL)
    apart = (res.params[names] - theirs["coef"]["estimate"]) / theirs["coef"]["se"]
    assert np.abs(apart).max() < 0.2


@pytest.mark.parametrize("fixed_effects", ["none", "time"])
def test_two_stages_are_generalised_least_squares_written_out(fixed_effects):
    """y = Z d + u with var u = s2 I + s2_mu (11' within a city), by (n T, n T) matrices."""
    panel, w = made_up(12, 6)
    n, T = panel.n, panel.T
    correction = {"correction": "direct"} if fixed_effects == "time" else {}
    model = ss.sdm("y ~ x + z", W="w", random="individual", fixed_effects=fixed_effects,
                   estimator="2sls", **correction)  # fmt: skip
    res = ss.fit(model, panel, w)
    W = w.dense()
    y, x, z = (panel.array(k) for k in "yxz")
    one = np.ones((n, T))
    free = [x, z, W @ x, W @ z] if fixed_effects == "time" else [one, x, z, W @ x, W @ z]
    H = [*free, *(np.linalg.matrix_power(W, k) @ v for v in (x, z) for k in (2, 3))]
    J = np.kron(np.eye(n), np.eye(T))
    if fixed_effects == "time":
        J = np.kron(np.eye(n) - 1 / n, np.eye(T))
    y_, Q, H = (J @ np.column_stack([v.ravel() for v in group])
                for group in ([y], [*free, W @ y], H))  # fmt: skip
    phi = res.params["phi"]
    root = np.eye(n * T) - (1 - phi) * np.kron(np.eye(n), np.full((T, T), 1 / T))
    y_, Q, H = root @ y_, root @ Q, root @ H
    P = H @ np.linalg.pinv(H)
    expected = np.linalg.solve(Q.T @ P @ Q, Q.T @ P @ y_)[:, 0]
    assert_allclose(res.params.iloc[:-2], expected, rtol=1e-9)


def drawn(seed: int, n: int = 40, T: int = 5, city: float = 1.0):
    """A panel of the lag and error model with random effects inside the error's process."""
    rng = np.random.default_rng(seed)
    W = ring(n, 3)
    x = rng.normal(size=(n, T))
    e = city * rng.normal(size=(n, 1)) + rng.normal(size=(n, T))
    u = np.linalg.solve(np.eye(n) - 0.3 * W, e)
    y = np.linalg.solve(np.eye(n) - 0.4 * W, 1 + 2 * x + u)
    index = pd.MultiIndex.from_product([range(n), range(2001, 2001 + T)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    return ss.CityPanel(frame, city="city"), ss.Weights.from_matrix(W, ids=range(n), name="w")


@pytest.mark.parametrize("family", ["sem", "sac"])
def test_standard_errors_are_the_spread_of_the_estimates(family):
    """100 draws: the mean error lies within a fifth of the standard deviation of estimates.

    The correlations of lambda with the coefficients are, on average, those of the draws, which
    are good to 0.1."""
    model = getattr(ss, family)("y ~ x", W="w", random="individual", estimator="gmm")
    made = []
    for seed in range(100):
        panel, w = drawn(seed)
        if family == "sem":
            filtered = panel.array("y") - 0.4 * (w.dense() @ panel.array("y"))
            panel = panel.assign(y=filtered)
        res = ss.fit(model, panel, w)
        shared = res.cov.loc["lambda[w]"] / res.se / res.se["lambda[w]"]
        made.append([res.params, res.se, shared])
    names = res.params.index[:-2]
    estimates, errors, shared = (np.array([m[k][names] for m in made]) for k in (0, 1, 2))
    truth = {"Intercept": 1.0, "x": 2.0, "rho[w]": 0.4, "lambda[w]": 0.3}
    bias = estimates.mean(axis=0) - [truth[name] for name in names]
    spread = estimates.std(axis=0)
    assert (np.abs(bias) < 4 * spread / 10 + 0.1 * spread).all()
    assert_allclose(errors.mean(axis=0) / spread, 1, atol=0.2)
    assert_allclose(
        shared.mean(axis=0), np.corrcoef(estimates.T)[names.get_loc("lambda[w]")], atol=0.2
    )


def test_without_a_variance_of_cities_it_is_two_stages():
    """phi = 1 where the means of cities vary less than errors alone make them."""
    panel, w = made_up(12, 6)
    centred = panel.array("y") - panel.array("y").mean(axis=1, keepdims=True)
    panel = panel.assign(y=centred)
    model = ss.sar("y ~ x + z", W="w", estimator="2sls")
    random, pooled = (ss.fit(m, panel, w) for m in (model.but(random="individual"), model))
    assert random.params["phi"] == 1
    assert_allclose(random.params[pooled.params.index], pooled.params, rtol=1e-10)


def test_effects_of_cities_by_clusters_and_first_stage():
    """What follows an estimate from instruments follows this one."""
    panel, w = drawn(1)
    model = ss.sar("y ~ x", W="w", random="individual", estimator="ec2sls")
    res = ss.fit(model, panel, w, cov="city")
    assert res.se["rho[w]"] > 0
    assert res.first_stage().table["F"].iloc[0] > 10
    assert 0 <= res.overid().p <= 1
    effects = res.effects("x").table.set_index("effect")["estimate"]
    assert_allclose(effects["total"], res.params["x"] / (1 - res.params["rho[w]"]), rtol=1e-9)


def test_what_does_not_exist_is_refused():
    """Each text says what to use."""
    with pytest.raises(ss.ModelError, match='needs random="individual"'):
        ss.sar("y ~ x", W="w", estimator="ec2sls")
    with pytest.raises(ss.ModelError, match="random='correlated' is not available with"):
        ss.sar("y ~ x", W="w", random="correlated", estimator="2sls")
    with pytest.raises(ss.ModelError, match="best-2sls"):
        ss.sar("y ~ x", W="w", random="individual", estimator="best-2sls")
    panel, w = made_up(8, 6)
    model = ss.sdm("y ~ x + z", W="w", random="individual", estimator="2sls")
    with pytest.raises(ss.EstimationError, match="8 cities are too few to tell the variance"):
        ss.fit(model.but(formula="y ~ x + z + size + {x * z}"), panel, w)
