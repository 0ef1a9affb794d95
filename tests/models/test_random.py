"""Random city effects: stored numbers, the multivariate normal density, special cases."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

import spatialsyn as ss


@pytest.mark.parametrize("family", ["sar", "sem", "gns"])
@pytest.mark.parametrize("effects", ["none", "time"])
def test_the_likelihood_is_the_multivariate_normal_density(family, effects):
    """With explicit year dummies: V = s2 (phi^-2 Jbar + E) over time, R and S over cities."""
    panel, w = made_up(n=7, T=4, seed=3)
    n, T = panel.n, panel.T
    model = getattr(ss, family)(
        "y ~ x", W="w", random="individual", fixed_effects=effects, correction="direct"
    )
    res = ss.fit(model, panel, w)
    p, W = res.params, w.dense()
    S = np.eye(n) - p.get("rho[w]", 0) * W
    lam = p.get("lambda[w]", 0)
    R = np.eye(n) - lam * W
    A = R @ S
    x = panel.array("x")
    signal = p.get("Intercept", 0) + p["x"] * x + p.get("W[w]*x", 0) * W @ x
    if effects == "time":
        # Rows of R sum to 1 - lambda: that is how a year's dummy enters the filtered equation.
        signal = signal + (R @ (S @ panel.array("y") - signal)).mean(axis=0) / (1 - lam)
    over_time = (np.full((T, T), 1 / T) * (p["phi"] ** -2 - 1) + np.eye(T)) * p["sigma2"]
    inverse = np.linalg.inv(A)
    cov = np.kron(inverse @ inverse.T, over_time)
    mean = np.linalg.solve(S, signal).ravel()
    density = multivariate_normal(mean, cov).logpdf(panel.array("y").ravel())
    assert_allclose(res.loglik, density, rtol=1e-9)


@pytest.mark.parametrize(
    ("family", "random"),
    [("slx", "individual"), ("sar", "correlated"), ("sdm", "baltagi"), ("sem", "individual"),
     ("gns", "individual")],
)  # fmt: skip
def test_transformed_years_leave_the_density_of_n_minus_1_cities(family, random):
    """F, (n, n - 1), written out: F'y has no year effects, F'W = (F'WF) F', and F'mu is as
    independent as mu was. The density, its peak and its Fisher information are those of F'y."""
    panel, w = made_up(n=8, T=4, seed=5)
    model = getattr(ss, family)("y ~ x", W="w", random=random, fixed_effects="time")
    res = ss.fit(model, panel, w)
    n, T, k, names = panel.n, panel.T, len(res.design.names), list(res.params.index)
    F = np.linalg.eigh(np.eye(n) - 1 / n)[1][:, 1:]
    W, y, Z = F.T @ w.dense() @ F, F.T @ panel.array("y"), np.moveaxis(res.design.Z, 2, 0)
    assert res.nobs == y.size

    def moments(params):
        p = dict(zip(names, params, strict=True))
        S, R = (np.eye(n - 1) - p.get(name, 0) * W for name in ("rho[w]", "lambda[w]"))
        over_time = np.full((T, T), 1 / T) * (p["phi"] ** -2 - 1) + np.eye(T)
        inverse = np.linalg.inv(R @ S)
        mean = np.linalg.solve(S, np.tensordot(params[:k], F.T @ Z, 1)).ravel()
        return mean, p["sigma2"] * np.kron(inverse @ inverse.T, over_time)

    def density(params):
        return multivariate_normal(*moments(params)).logpdf(y.ravel())

    at, step = res.params.to_numpy(), 1e-5
    assert_allclose(res.loglik, density(at), rtol=1e-9)
    sides = [(at + step * unit, at - step * unit) for unit in np.eye(len(at))]
    slopes = [(density(up) - density(down)) / (2 * step) for up, down in sides]
    assert_allclose(slopes * res.se, 0, atol=1e-4)  # what the search leaves, per standard error
    changes = [[(a - b) / (2 * step) for a, b in zip(moments(up), moments(down), strict=True)]
               for up, down in sides]  # fmt: skip
    V = np.linalg.inv(moments(at)[1])
    info = [[m @ V @ m2 + np.trace(V @ C @ V @ C2) / 2 for m2, C2 in changes] for m, C in changes]
    assert_allclose(res.cov, np.linalg.inv(info), rtol=1e-5, atol=1e-9)


def test_the_expected_information_is_the_variance_of_the_score():
    """By simulation: 4000 draws of the score in (rho, lambda, phi, sigma2) at the truth."""
    from dataclasses import replace

    from spatialsyn.models.likelihood import jacobian_slopes, lags

    panel, w = made_up(n=8, T=5, seed=1)
    model = ss.gns("y ~ x", W="w", random="individual")
    res = ss.fit(model, panel, w)
    p, W, n, T = res.params, w.dense(), 8, 5
    delta, spatial = p.iloc[:3].to_numpy(), p.iloc[3:-1].to_numpy()
    S, R = (np.eye(n) - p[name] * W for name in ("rho[w]", "lambda[w]"))
    rng, scores = np.random.default_rng(0), []
    signal = res.data.X @ delta[:2] + (W @ panel.array("x")) * delta[2]
    sd_city = np.sqrt(p["sigma2"] * (p["phi"] ** -2 - 1) / T)
    for _ in range(4000):
        v = np.sqrt(p["sigma2"]) * rng.standard_normal((n, T)) + sd_city * rng.standard_normal(
            (n, 1)
        )
        y = np.linalg.solve(S, signal + np.linalg.solve(R, v))
        error = replace(res.design.error, y=W @ y, Wy=(W @ W @ y)[..., None])
        design = replace(res.design, y=y, Wy=(W @ y)[..., None], error=error)
        e = (v - (1 - p["phi"]) * v.mean(axis=1, keepdims=True)).ravel()
        columns = lags(design, spatial, delta)
        last = (e @ e / p["sigma2"] - n * T) / (2 * p["sigma2"])
        scores.append([*(columns.T @ e / p["sigma2"] + jacobian_slopes(design, spatial)), last])
    simulated = np.cov(np.array(scores).T)
    info = np.linalg.inv(res.cov.to_numpy())[3:, 3:]
    scale = np.sqrt(np.outer(np.diag(info), np.diag(info)))
    assert_allclose(simulated / scale, info / scale, atol=0.1)  # 4000 draws


def test_without_city_effects_phi_goes_to_one():
    panel, w = made_up(n=10, T=200, seed=0)
    model = ss.sar("y ~ x", W="w")
    flat = ss.simulate(
        model, panel, w, {"Intercept": 0, "x": 1, "rho[w]": 0.3, "sigma2": 1}, seed=4
    )
    pooled = ss.fit(model, flat, w)
    random = ss.fit(model.but(random="individual"), flat, w)
    assert 0.8 < random.params["phi"] <= 1
    assert_allclose(random.rho, pooled.rho, atol=0.01)


def test_a_boundary_solution_is_the_pooled_one_and_says_so():
    """City means that vary less than chance would let them: the likelihood rises towards phi > 1."""
    panel, w = made_up(n=10, T=6)
    y = panel.array("x") + np.random.default_rng(1).normal(size=(10, 6))
    panel = panel.assign(y=y - 0.9 * (y - panel.array("x")).mean(axis=1, keepdims=True))
    model = ss.sar("y ~ x", W="w")
    pooled, random = ss.fit(model, panel, w), ss.fit(model.but(random="individual"), panel, w)
    assert random.params["phi"] == 1
    assert_allclose(random.params.drop("phi"), pooled.params, rtol=1e-12)
    assert random.se["phi"] == 0
    assert "phi = 1 lies on the boundary" in random.summary()
    # Nothing tests phi = 0, and the table had three stars where there are no random effects.
    assert random.tidy().set_index("term").loc["phi", ["z", "p"]].isna().all()
    assert "1.000*" not in str(ss.report.table(random, show="coefficients", stars=True))


def test_mundlak_slopes_are_within_slopes_given_the_rest():
    """The regressors' city means take all that is between cities (Mundlak 1978)."""
    panel, w = made_up(n=12, T=6)
    mundlak = ss.fit(ss.slx("y ~ x", W="w", random="correlated"), panel, w)
    within = ss.fit(ss.slx("y ~ x", W="w", fixed_effects="individual"), panel, w)
    assert_allclose(mundlak.params[["x", "W[w]*x"]], within.params[["x", "W[w]*x"]], rtol=1e-7)
    assert {"mean(x)", "mean(W[w]*x)"} <= set(mundlak.params.index)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed_effects": "individual"}, "both stand for the cities: choose one"),
        ({"fixed_effects": "twoways"}, "both stand for the cities: choose one"),
        ({"fixed_effects": "time", "correction": "bias-corrected"},
         '"bias-corrected" has no random effects: use "lee-yu"'),
        ({"fixed_effects": "time", "estimator": "2sls"}, '2sls sweeps .* use correction="direct"'),
    ],
)  # fmt: skip
def test_combinations_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ss.ModelError, match=message):
        ss.sar("y ~ x", W="w", random="individual", **options)
    with pytest.raises(ss.ModelError, match='"baltagi" with a spatial error takes years'):
        ss.sem("y ~ x", W="w", random="baltagi", fixed_effects="time")
    with pytest.raises(ss.ModelError, match="random='both' is not one of"):
        ss.sar("y ~ x", W="w", random="both")


def test_observed_information_is_not_offered_with_random_effects():
    panel, w = made_up()
    with pytest.raises(ss.ModelError, match='cov="observed" is not available with random effects'):
        ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w, cov="observed")


@pytest.mark.parametrize("family", ["sar", "sdm", "gns"])
def test_correlated_effects_predict_a_change_of_x_as_their_effects_say(family):
    """As with fixed effects, the cities stay what they were; x may even stop to vary."""
    panel, w = made_up()
    model = getattr(ss, family)("y ~ x + z", W="w", random="correlated")
    res = ss.fit(model, panel, w)
    total = res.effects("x").table.set_index("effect").estimate["total"]
    moved = res.predict(panel.assign(x=panel.array("x") + 1)) - res.predict()
    assert_allclose(moved.mean(), total, rtol=1e-10)
    still = panel.array("x").mean(axis=1, keepdims=True) + np.zeros(panel.array("x").shape)
    change = (still - panel.array("x")).ravel()
    pairs = res.effects("x", by="pair").table.pivot(index="to", columns="from", values="estimate")
    E = pairs.loc[list(panel.ids), list(panel.ids)].to_numpy()
    moved = res.predict(panel.assign(x=still)) - res.predict()
    assert_allclose(moved, (E @ change.reshape(panel.n, -1)).ravel(), atol=1e-10)


def test_a_column_called_like_a_city_mean_is_a_regressor_all_the_same():
    panel, w = made_up()
    odd = panel.assign(**{"mean(x)": panel.array("x")})
    model = ss.sdm("y ~ z + `mean(x)`", W="w", random="correlated")
    res = ss.fit(model, odd, w)
    plain = ss.fit(model.but(formula="y ~ z + x"), panel, w)
    moved = res.predict(odd.assign(**{"mean(x)": odd.array("mean(x)") + 1}))
    assert_allclose(moved, plain.predict(panel.assign(x=panel.array("x") + 1)), rtol=1e-9)
    ours, theirs = (ss.diagnostics.hausman(one) for one in (res, plain))
    assert (ours.df, ours.note) == (theirs.df, theirs.note)
