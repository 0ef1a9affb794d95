"""Matrix exponentials: printed fits of spatialreg, likelihoods written out, special cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring, two_matrices
from numpy.testing import assert_allclose
from peers import cross_section, long_matrix, shared
from scipy.linalg import expm
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

import spatialsyn as ss
from spatialsyn.models.heteroskedastic import _scores
from spatialsyn.models.likelihood import concentrated, filtered, gradient, score

EFFECTS = ("none", "individual", "time", "twoways")
LAGS = {"mess": "y", "mess_sdm": "yx", "mess_sem": "u", "mess_sac": "yu"}


def model_of(family: str, effects: str = "none", correction: str = "lee-yu") -> ss.SpatialModel:
    W = {f"w{lag}": "v" if lag == "u" else "w" for lag in LAGS[family]}
    return getattr(ss, family)("y ~ x", W=W, fixed_effects=effects, correction=correction)


def off_constant(m: int, removed: bool) -> np.ndarray:
    """An orthonormal basis of what is left of R^m: all of it, or what is orthogonal to ones."""
    if not removed:
        return np.eye(m)
    made = np.random.default_rng(1).normal(size=(m, m - 1))
    return np.linalg.qr(np.c_[np.ones(m), made])[0][:, 1:]


class Transformed:
    """A fit through explicit F matrices (Lee & Yu 2010), everything dense."""

    def __init__(self, res: ss.Results, weights: list[ss.Weights]) -> None:
        (n, T), effects = res.data.y.shape, res.model.fixed_effects
        F = off_constant(n, effects in ("time", "twoways"))
        G = off_constant(T, effects in ("individual", "twoways"))
        self.names = list(res.params.index)
        self.w, self.v = (F.T @ m.dense() @ F for m in weights)
        self.y = F.T @ res.data.y @ G
        x = res.panel.array("x")
        columns = {"Intercept": np.ones((n, T)), "x": x, "W[w]*x": weights[0].dense() @ x}
        self.Z = {k: F.T @ c @ G for k, c in columns.items() if k in self.names}

    def parts(self, theta: np.ndarray) -> tuple:
        p = dict(zip(self.names, theta, strict=True))
        S, R = expm(p.get("alpha[w]", 0) * self.w), expm(p.get("alpha_u[v]", 0) * self.v)
        return S, R, sum(p[k] * c for k, c in self.Z.items()), p["sigma2"]

    def loglik(self, theta: np.ndarray) -> float:
        S, R, signal, s2 = self.parts(theta)
        e = R @ (S @ self.y - signal)
        logdet = self.y.shape[1] * (np.linalg.slogdet(S)[1] + np.linalg.slogdet(R)[1])
        return logdet - e.size / 2 * np.log(2 * np.pi * s2) - (e**2).sum() / (2 * s2)

    def moments(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the transformed y, periods fast."""
        S, R, signal, s2 = self.parts(theta)
        spread, identity = np.linalg.inv(R @ S), np.eye(self.y.shape[1])
        return np.linalg.solve(S, signal).ravel(), s2 * np.kron(spread @ spread.T, identity)


@pytest.mark.parametrize("family", LAGS)
@pytest.mark.parametrize("effects", EFFECTS)
def test_density_score_and_both_informations_are_those_of_explicit_transformations(family, effects):
    """Expected: dm'V^-1 dm + tr(V^-1 dV V^-1 dV) / 2 of the normal vector; observed: second
    differences of the log-likelihood; the derivatives by differences."""
    panel, weights = two_matrices()
    res = ss.fit(model_of(family, effects), panel, weights)
    direct, theta = Transformed(res, weights), res.params.to_numpy()
    mean, V = direct.moments(theta)
    assert_allclose(direct.loglik(theta), res.loglik, rtol=1e-9)
    assert_allclose(multivariate_normal(mean, V).logpdf(direct.y.ravel()), res.loglik, rtol=1e-9)
    steps = np.diag(1e-4 * res.se)
    slopes = [(direct.loglik(theta + u) - direct.loglik(theta - u)) / 2e-4 for u in steps]
    assert_allclose(slopes, 0, atol=1e-6)  # in standard errors
    moved = [
        [(a - b) / 2e-4 for a, b in zip(direct.moments(theta + u), direct.moments(theta - u), strict=True)]
        for u in steps
    ]  # fmt: skip
    inverse = np.linalg.inv(V)
    expected = [
        [a @ inverse @ b + np.sum((inverse @ dA) * (inverse @ dB).T) / 2 for b, dB in moved]
        for a, dA in moved
    ]
    scale = np.outer(res.se, res.se)
    assert_allclose(np.linalg.inv(res.cov) * scale, expected, atol=1e-5, rtol=1e-5)
    far = 100 * steps
    hessian = [
        [
            sum(s * t * direct.loglik(theta + s * a + t * b) for s in (1, -1) for t in (1, -1))
            for b in far
        ]
        for a in far
    ]
    observed = np.linalg.inv(res.with_cov("observed").cov) * scale
    # Steps of 0.01 standard errors: 1e-4 of truncation and rounding.
    assert_allclose(observed, -np.array(hessian) / 4e-4, atol=2e-3, rtol=5e-4)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", ["mess", "mess_sdm"])
def test_direct_estimates_equal_explicit_dummies(family, effects):
    panel, weights = two_matrices(n=9, T=5)
    res = ss.fit(model_of(family, effects, "direct"), panel, weights)
    n, T = panel.n, panel.T
    W, y, x = weights[0].dense(), panel.array("y"), panel.array("x")
    columns = [x.ravel(), (W @ x).ravel()] if family == "mess_sdm" else [x.ravel()]
    if effects in ("individual", "twoways"):
        columns += list(np.kron(np.eye(n), np.ones(T)))
    columns += list(np.kron(np.ones(n), np.eye(T))) if effects in ("time", "twoways") else []
    Z = np.column_stack([*columns, np.ones(n * T)])
    left = np.eye(n * T) - Z @ np.linalg.pinv(Z)

    def minus_loglik(alpha):  # |e^(alpha W)| = 1
        e = left @ (expm(alpha * W) @ y).ravel()
        return n * T / 2 * (np.log(2 * np.pi * (e @ e) / (n * T)) + 1)

    bounds = (res.alpha["w"] - 1, res.alpha["w"] + 1)
    brute = minimize_scalar(minus_loglik, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    assert_allclose(res.alpha["w"], brute.x, atol=1e-6)  # the brute search stops there
    assert_allclose(res.loglik, -brute.fun, rtol=1e-10)


@pytest.mark.parametrize("effects", EFFECTS)
def test_at_alpha_zero_it_is_least_squares(effects):
    panel, weights = two_matrices()
    for correction in ("lee-yu", "direct"):
        mess, ols = (
            ss.fit(model, panel, weights)
            for model in (
                model_of("mess", effects, correction),
                ss.ols("y ~ x", fixed_effects=effects, correction=correction),
            )
        )
        zero = concentrated(mess.design, np.zeros(1))
        assert_allclose(zero, concentrated(ols.design, np.zeros(0)), rtol=1e-12)
        assert mess.loglik >= ols.loglik


@pytest.mark.parametrize("family", LAGS)
def test_the_score_is_the_slope_of_the_likelihood_anywhere(family):
    panel, weights = two_matrices()
    design = ss.fit(model_of(family, "twoways"), panel, weights).design
    d = len(LAGS[family].replace("x", ""))
    for at in (np.full(d, -0.7), np.linspace(0.4, -2.0, d)):
        h = 1e-5
        slopes = [
            (concentrated(design, at + h * u) - concentrated(design, at - h * u)) / (2 * h)
            for u in np.eye(d)
        ]
        assert_allclose(score(design, at), slopes, rtol=1e-5, atol=1e-5)


def test_boston_prices_match_what_spatialreg_prints():
    """`lagmess` on its help page (r-spatial.github.io/spatialreg), all printed digits. Its error
    of alpha is that of the observed information, those of beta take alpha as known."""
    frame = pd.read_csv(shared("reference", "boston.csv"))
    panel, w = cross_section(
        frame.assign(cmedv=np.exp(frame["lcmedv"])),
        long_matrix(shared("reference", "w_boston.csv"), len(frame)),
    )
    x = "CRIM + ZN + INDUS + CHAS + NOX2 + RM2 + AGE + lDIS + lRAD + TAX + PTRATIO + B + lLSTAT"
    res = ss.fit(ss.mess(f"cmedv ~ {x}", W="w"), panel, w, cov="observed")
    printed = [
        35.3206850, -0.0986056, 0.0198500, 0.0071211, 0.8158059, -9.2592911, 0.2434745,
        -0.0040683, -5.3974116, 1.7142905, -0.0087053, -0.4118524, 0.0056141, -6.1484203,
    ]  # fmt: skip
    # Nine terms of the series and BFGS: their constant is off by 1.5e-7 of its size.
    assert_allclose(res.params.iloc[:14], printed, rtol=1e-6, atol=6e-8)
    assert_allclose(res.alpha["w"], -0.41361, atol=5e-6)
    assert_allclose(res.se["alpha[w]"], 0.038521, atol=1e-6)
    assert_allclose(np.sqrt(res.sigma2 * 506 / 492), 3.5594, atol=5e-5)
    ols = ss.fit(ss.ols(f"cmedv ~ {x}"), panel)
    assert_allclose(2 * (res.loglik - ols.loglik), 121.4, atol=0.05)
    assert "compares with rho = 1 - e^alpha = 0.339" in res.summary()


def test_baltimore_prices_match_what_spatialreg_prints():
    """Seven nearest neighbours, asymmetric. Station 11 has two seventh ones at one distance: the
    spatial lag model printed on the same page tells which of them R took."""
    frame = pd.read_csv(shared("reference", "baltimore.csv"))
    frame["AGE"] = frame["AGE"].clip(lower=1)
    xy = frame[["X", "Y"]].to_numpy(float)
    apart = ((xy[:, None] - xy[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")
    nearest[10, [6, 7]] = nearest[10, [7, 6]]
    matrix = np.zeros(apart.shape)
    np.put_along_axis(matrix, nearest[:, :7], 1 / 7, axis=1)
    panel, w = cross_section(frame, matrix)
    formula = "log(PRICE) ~ PATIO + log(AGE) + log(SQFT)"
    assert_allclose(ss.fit(ss.sar(formula, W="w"), panel, w).loglik, -110.4248, atol=5e-5)
    res = ss.fit(ss.mess(formula, W="w"), panel, w, cov="observed")
    printed = [1.5463761, 0.2582874, -0.1481738, 0.3009659]
    assert_allclose(res.params.iloc[:4], printed, rtol=1e-6)
    assert_allclose(res.alpha["w"], -0.64302, atol=5e-6)
    assert_allclose(res.se["alpha[w]"], 0.1043, atol=5e-5)
    ols = ss.fit(ss.ols(formula), panel)
    assert_allclose(2 * (res.loglik - ols.loglik), 48.296, atol=5e-4)


def test_one_matrix_for_outcome_and_error_commutes():
    """Then e^(a W) and e^(b W) change places: y and u enter as e^((a+b) W) y - e^(b W) Z."""
    panel, (w, _) = two_matrices(n=12, T=6)
    res = ss.fit(ss.mess_sac("y ~ x", W="w"), panel, w)
    a, b = res.params["alpha[w]"], res.params["alpha_u[w]"]
    W, x = w.dense(), panel.array("x")
    signal = res.params["Intercept"] + res.params["x"] * x
    e = expm((a + b) * W) @ panel.array("y") - expm(b * W) @ signal
    assert_allclose(res.resid.to_numpy(), e.ravel(), atol=1e-10)
    assert_allclose((e**2).mean(), res.sigma2, rtol=1e-9)


@pytest.mark.parametrize("family", LAGS)
def test_relabelling_cities_and_rescaling_weights_change_nothing(family):
    panel, weights = two_matrices(n=9, T=5)
    res = ss.fit(model_of(family, "individual"), panel, weights)
    shuffle = np.random.default_rng(0).permutation(9)
    new = {city: f"x{k}" for city, k in zip(panel.ids, shuffle, strict=True)}
    frame = panel.frame.reset_index()
    frame["city"] = frame["city"].map(new)
    moved = ss.CityPanel(frame, city="city", year="year")
    renamed = [
        ss.Weights.from_matrix(3 * w.dense(), ids=[new[i] for i in w.ids], name=w.name)
        for w in weights
    ]
    again = ss.fit(model_of(family, "individual"), moved, renamed)
    scale = [3.0 if n.startswith(("alpha", "W[")) else 1.0 for n in res.params.index]
    assert_allclose(again.params * scale, res.params, rtol=1e-7)
    assert_allclose(again.se * scale, res.se, rtol=1e-7)
    assert_allclose(again.loglik, res.loglik, rtol=1e-10)


def test_a_peak_beyond_the_first_window_is_found():
    """alpha = -6: the Taylor columns are made anew from where they end."""
    W = np.kron(np.eye(20), np.array([[0, 1.0], [1, 0]]))
    w = ss.Weights.from_matrix(W, ids=range(40), name="w")
    model = ss.mess("y ~ x", W="w", fixed_effects="individual")
    truth = {"x": 1.0, "alpha[w]": -6.0, "sigma2": 1e-4}
    res = ss.fit(model, ss.simulate(model, (40, 6), w, truth, seed=0, effects_sd=0.0), w)
    assert_allclose(res.alpha["w"], -6, atol=0.01)


def test_a_large_sparse_matrix_is_never_filled():
    """n = 10 000 on a grid; one n x n array of doubles would be 800 MB."""
    import tracemalloc

    from scipy import sparse

    k, T = 100, 3
    path = sparse.diags_array([np.ones(k - 1), np.ones(k - 1)], offsets=[-1, 1])
    links = sparse.kron(sparse.eye_array(k), path) + sparse.kron(path, sparse.eye_array(k))
    w = ss.Weights.from_matrix(links, ids=range(k * k), name="w").standardize("row")
    model = ss.mess_sdm("y ~ x", W="w", fixed_effects="twoways")
    truth = {"x": 1.0, "W[w]*x": 0.5, "alpha[w]": -0.5, "sigma2": 1.0}
    panel = ss.simulate(model, (k * k, T), w, truth, seed=0)
    tracemalloc.start()
    res = ss.fit(model, panel, w, cov="robust")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    assert (np.abs(res.params - res.params.index.map(truth)) < 4 * res.se).all()


@pytest.mark.parametrize("effects", ["none", "individual", "twoways"])
def test_the_transformation_keeps_its_trace(effects):
    """20 cities, 8 years, 100 draws: the mean within three of its standard errors. Without
    -alpha T*, as with dummies, year effects pull alpha towards zero."""
    w = ss.Weights.from_matrix(ring(20, 5), ids=range(20), name="w")
    model = ss.mess("y ~ x", W="w", fixed_effects=effects)
    truth = {"x": 1.0, "alpha[w]": -0.5, "sigma2": 1.0}
    truth |= {"Intercept": 0.5} if effects == "none" else {}
    found = []
    for seed in range(100):
        panel = ss.simulate(model, (20, 8), w, truth, seed=seed)
        res = ss.fit(model, panel, w)
        direct = ss.fit(model.but(correction="direct"), panel, w)
        found.append([res.alpha["w"] + 0.5, res.se["alpha[w]"], direct.alpha["w"] + 0.5])
    error, se, of_dummies = np.array(found).T
    assert abs(error.mean()) < 3 * error.std() / 10
    assert 0.88 <= (np.abs(error) < 1.96 * se).mean() <= 1  # 100 draws: 0.95 - 0.065
    if effects == "twoways":
        assert of_dummies.mean() > 4 * of_dummies.std() / 10
    else:
        assert_allclose(of_dummies, error, atol=1e-10)


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", ["individual", "time", "twoways"])
def test_terms_of_the_robust_score_sum_to_the_slope_of_the_likelihood(effects, correction):
    """Away from the maximum, sum l_i + sum q_ij; and the squares of q_ij, pair by pair."""
    n, T = 9, 6
    panel, w = made_up(n=n, T=T)
    model = ss.mess_sdm("y ~ x", W="w", fixed_effects=effects, correction=correction)
    design = ss.fit(model, panel, w).design
    delta, alpha, sigma2 = np.array([0.7, 0.2]), np.array([-0.3]), 0.4
    y, Z = filtered(design, alpha)
    e = (y - Z @ delta).reshape(n, T)
    own, pairs = _scores(design, delta, alpha, sigma2, e)
    # Sweeping years leaves independent errors of two cities a product of -c / n on average.
    c = design.nobs / (n - 1) if effects != "individual" else 0.0
    products, links = e @ e.T / sigma2 + c / n, -(w.dense() + w.dense().T)
    upper = np.triu_indices(n, 1)
    total = own[:, 2].sum() + (links * products)[upper].sum()
    slope = gradient(design, alpha, delta, e.ravel(), sigma2)[2]
    assert_allclose(total, slope, rtol=1e-9)
    assert_allclose(pairs[0, 0], ((links * products)[upper] ** 2).sum(), rtol=1e-9)


@pytest.mark.parametrize("family", ["mess_sdm", "mess_sem"])
@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_scores_of_coefficients_vary_as_those_clustered_by_city(family, effects):
    """V = H^-1 J H^-1 of both kinds: for the coefficients J is sum s_i s_i' n / (n - 1)."""
    panel, w = made_up(n=12, T=6)
    res = ss.fit(getattr(ss, family)("y ~ x", W="w", fixed_effects=effects), panel, w)
    H = np.linalg.inv(res.with_cov("observed").cov)
    robust, city = (H @ res.with_cov(kind).cov.to_numpy() @ H for kind in ("robust", "city"))
    p = len(res.design.names)
    assert_allclose(robust[:p, :p], city[:p, :p], rtol=1e-6)
    _, Z = filtered(res.design, res.params.iloc[p:-1].to_numpy())
    e = res.estimate.residuals
    scores = np.einsum("ntp,nt->np", Z.reshape(12, 6, p), e) / res.sigma2
    assert_allclose(robust[:p, :p], scores.T @ scores * 12 / 11, rtol=1e-6)
