"""City effects beside a spatial error whose matrix changes over the years."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, null_space
from scipy.optimize import minimize

import spatialsyn as ss
from spatialsyn.models import checks

N, T = 8, 5
ROLES = {"wy": "geo", "wx": "net", "wu": "net"}
EFFECTS = ["individual", "twoways"]
FAMILIES = ["sem", "sdem", "sac", "gns"]
MODELS = [*((family, kind) for family in FAMILIES for kind in EFFECTS), ("two lags", "individual")]


def yearly(n: int = N, years: int = T) -> tuple[ss.CityPanel, list[ss.Weights | ss.WeightsSeries]]:
    """A panel, the matrices ``geo`` and ``far`` of all years, and one of each, ``net``."""
    panel, _ = made_up(n, years, seed=1)
    by_year = {
        year: ss.Weights.from_matrix(ring(n, 10 + t), ids=panel.ids, name="net")
        for t, year in enumerate(panel.years)
    }
    return panel, [
        ss.Weights.from_matrix(ring(n, 5), ids=panel.ids, name="geo"),
        ss.weights.series(by_year),
        ss.Weights.from_matrix(ring(n, 40), ids=panel.ids, name="far"),
    ]


def model_of(family: str, effects: str) -> ss.SpatialModel:
    roles = {
        "sem": "net",
        "sdem": "net",
        "sac": {k: ROLES[k] for k in ("wy", "wu")},
        "gns": ROLES,
        "two lags": {"wy": ["geo", "far"], "wu": "net"},
    }
    maker = ss.sac if family == "two lags" else getattr(ss, family)
    return maker("y ~ x + z", W=roles[family], fixed_effects=effects)


class Differences:
    """The normal density of the first differences of y over the years, of F'y beside years.

    With all n (T - 1) of them in one vector and their covariance written out.
    """

    def __init__(self, panel: ss.CityPanel, weights: list, family: str, effects: str) -> None:
        n, years = panel.n, panel.T
        self.W = {f"rho[{w.name}]": w.dense() for w in (weights[0], weights[2])}
        self.M = [weights[1].at(year).dense() for year in panel.years]
        F = null_space(np.ones((1, n))) if effects == "twoways" else np.eye(n)
        self.away = np.kron(np.diff(np.eye(years), axis=0), F.T)
        # That of orthonormal differences: first ones have the cross products D D', |D D'| = T.
        self.constant = F.shape[1] / 2 * np.log(years)
        x, z = panel.array("x"), panel.array("z")
        columns = {"x": x, "z": z}
        if family in ("sdem", "gns"):
            for name, v in (("x", x), ("z", z)):
                lagged = [M @ v[:, t] for t, M in enumerate(self.M)]
                columns[f"W[net]*{name}"] = np.stack(lagged, axis=1)
        self.columns = {name: v.T.ravel() for name, v in columns.items()}
        self.y = self.away @ panel.array("y").T.ravel()

    def moments(self, at: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """The mean of the differences, and their covariance."""
        n, eye = len(self.M[0]), np.eye(len(self.M[0]))
        S = np.linalg.inv(eye - sum(at.get(name, 0.0) * W for name, W in self.W.items()))
        R = [np.linalg.inv(eye - at["lambda[net]"] * M) for M in self.M]
        spread = self.away @ block_diag(*[S @ one for one in R])
        signal = np.array(sum(at[name] * v for name, v in self.columns.items()))
        mean = self.away @ (signal.reshape(-1, n) @ S.T).ravel()
        return mean, at["sigma2"] * spread @ spread.T

    def loglik(self, at: Mapping[str, float]) -> float:
        mean, V = self.moments(at)
        e = self.y - mean
        logdet = np.linalg.slogdet(V)[1]
        fit = len(e) * np.log(2 * np.pi) + logdet + e @ np.linalg.solve(V, e)
        return float(-fit / 2 + self.constant)

    def maximised(self, spatial: Mapping[str, float]) -> dict[str, float]:
        """The best delta and sigma2 beside these rho and lambda, by dense least squares."""
        zero = dict.fromkeys(self.columns, 0.0)
        V = self.moments({**zero, **spatial, "sigma2": 1.0})[1]
        Z = np.column_stack(
            [self.moments({**zero, name: 1.0, **spatial, "sigma2": 1.0})[0] for name in zero]
        )
        L = np.linalg.cholesky(V)
        y, Z = np.linalg.solve(L, self.y), np.linalg.solve(L, Z)
        delta = np.linalg.lstsq(Z, y, rcond=None)[0]
        sigma2 = float(((y - Z @ delta) ** 2).mean())
        return {**dict(zip(zero, delta, strict=True)), **spatial, "sigma2": sigma2}


def second_derivatives(f, at: np.ndarray, step: np.ndarray) -> np.ndarray:
    """By central differences, of the fourth order."""
    q, H = len(at), np.zeros((len(at), len(at)))
    weights = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    for i in range(q):
        for j in range(i, q):
            for a, wa in weights.items():
                for b, wb in weights.items():
                    moved = at + a * step * np.eye(q)[i] + b * step * np.eye(q)[j]
                    H[i, j] += wa * wb * f(moved) / (step[i] * step[j])
            H[j, i] = H[i, j]
    return H


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_likelihood_is_that_of_the_differences(family, effects):
    panel, weights = yearly()
    res = ss.fit(model_of(family, effects), panel, weights)
    dense = Differences(panel, weights, family, effects)
    assert res.nobs == len(dense.y)
    assert_allclose(res.loglik, dense.loglik(res.params), rtol=1e-10)
    spatial = [name for name in res.params.index if name.startswith(("rho", "lambda"))]

    def minus(at):
        if np.abs(at).max() > 0.97:
            return np.inf
        return -dense.loglik(dense.maximised(dict(zip(spatial, at, strict=True))))

    options = {"xatol": 1e-9, "fatol": 1e-13}
    best = minimize(minus, np.full(len(spatial), 0.2), method="Nelder-Mead", options=options)
    brute = dense.maximised(dict(zip(spatial, best.x, strict=True)))
    assert_allclose(res.loglik, -best.fun, rtol=1e-10)
    # A simplex stops where the likelihood is flat to its last digits.
    assert_allclose(res.params, [brute[name] for name in res.params.index], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("family", "effects"), MODELS)
def test_the_observed_information_is_the_curvature_of_the_density_of_the_differences(
    family, effects
):
    panel, weights = yearly()
    res = ss.fit(model_of(family, effects), panel, weights, cov="observed")
    dense, names = Differences(panel, weights, family, effects), list(res.params.index)
    H = second_derivatives(
        lambda at: dense.loglik(dict(zip(names, at, strict=True))),
        res.params.to_numpy(), 2e-3 * np.maximum(np.abs(res.params.to_numpy()), 0.1),
    )  # fmt: skip
    # Differences of differences keep six digits.
    assert_allclose(res.cov, np.linalg.inv(-H), rtol=1e-4, atol=1e-6 * res.se.max() ** 2)


@pytest.mark.parametrize(("family", "effects"), MODELS)
def test_the_expected_information_is_that_of_the_normal_density_of_the_differences(family, effects):
    """m_i'V^-1 m_j + tr V^-1 V_i V^-1 V_j / 2, by differences of the mean and the covariance."""
    panel, weights = yearly()
    res = ss.fit(model_of(family, effects), panel, weights)
    dense, p = Differences(panel, weights, family, effects), res.params
    assert_allclose(res.loglik, dense.loglik(p), rtol=1e-10)
    V, slopes = dense.moments(p)[1], []
    for name in p.index:
        step = 1e-5 * max(abs(p[name]), 0.1)
        up, down = (dense.moments({**p, name: p[name] + side * step}) for side in (1, -1))
        slopes.append([(a - b) / (2 * step) for a, b in zip(up, down, strict=True)])
    scaled = [(np.linalg.solve(V, m), np.linalg.solve(V, D)) for m, D in slopes]
    info = [
        [m @ a + np.sum(B * C.T) / 2 for (m, _), (_, C) in zip(slopes, scaled, strict=True)]
        for a, B in scaled
    ]
    assert_allclose(res.cov, np.linalg.inv(info), rtol=1e-5, atol=1e-7 * res.se.max() ** 2)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_matrix_that_hardly_changes_has_the_estimates_of_lee_and_yu(family, effects):
    panel, (geo, *_) = yearly()
    M = ring(N, 10)
    plain = ss.Weights.from_matrix(M, ids=panel.ids, name="net")
    moved = M + 1e-10 * (M > 0)
    moved = ss.Weights.from_matrix(
        moved / moved.sum(axis=1, keepdims=True), ids=panel.ids, name="net"
    )
    same = ss.weights.series(dict.fromkeys(panel.years, plain) | {panel.years[-1]: moved})
    model = model_of(family, effects)
    before, after = (ss.fit(model, panel, [geo, w]) for w in (plain, same))
    assert before.design.yearly_error is None
    assert after.design.yearly_error is not None
    assert after.nobs == before.nobs
    assert_allclose(after.loglik, before.loglik, rtol=1e-9)
    assert_allclose(after.params, before.params, rtol=1e-6)
    for cov in ("expected", "observed"):
        assert_allclose(after.with_cov(cov).cov, before.with_cov(cov).cov, rtol=1e-5, atol=1e-9)
    assert_allclose(after.resid, before.resid, atol=1e-6)
    assert_allclose(after.predict(), before.predict(), atol=1e-6)
    effects_of = [one.fixed_effects()[["estimate", "se"]] for one in (before, after)]
    assert_allclose(effects_of[1], effects_of[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_city_effects_of_any_size_leave_everything_else_as_it_is(family, effects):
    """Swept as means over the years they moved lambda from 0.4 to 0.03 at a deviation of 5."""
    panel, weights = yearly()
    rng = np.random.default_rng(0)
    moved = panel.array("y") + 5 * rng.normal(size=(N, 1))
    if effects == "twoways":
        moved = moved + 5 * rng.normal(size=(1, T))
    model = model_of(family, effects)
    plain = ss.fit(model, panel, weights)
    other = ss.fit(model, panel.assign(y=moved), weights)
    assert_allclose(other.params, plain.params, rtol=1e-6, atol=1e-8)
    assert_allclose(other.cov, plain.cov, rtol=1e-5, atol=1e-9)
    assert_allclose(other.resid, plain.resid, atol=1e-7)


@pytest.mark.parametrize("effects", EFFECTS)
def test_relabelling_cities_changes_nothing_beside_a_yearly_error(effects):
    panel, weights = yearly()
    order = np.random.default_rng(0).permutation(N)
    ids = dict(zip(panel.ids, [f"d{at}" for at in order], strict=True))
    frame = panel.frame.reset_index()
    moved = ss.CityPanel(frame.assign(city=frame["city"].map(ids)), city="city", year="year")

    def renamed(w):
        return ss.Weights.from_matrix(w.dense(), ids=[ids[i] for i in w.ids], name=w.name)

    geo, net, _ = weights
    again = [renamed(geo), ss.weights.series({year: renamed(net.at(year)) for year in net.years})]
    model = model_of("gns", effects)
    plain, other = ss.fit(model, panel, weights), ss.fit(model, moved, again)
    assert_allclose(other.params, plain.params, rtol=1e-6)
    assert_allclose(other.cov, plain.cov, rtol=1e-5, atol=1e-9)
    assert_allclose(
        other.resid.unstack().loc[[ids[i] for i in panel.ids]], plain.resid.unstack(), atol=1e-7
    )


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", ["sdem", "gns"])
def test_residuals_are_the_filtered_distance_from_the_prediction(family, effects):
    """e = R S (y - S^-1 (Z delta + fixed effects)), each year with its own matrix."""
    panel, weights = yearly()
    res = ss.fit(model_of(family, effects), panel, weights)
    off = panel.array("y") - res.predict().to_numpy().reshape(N, T)
    S = np.eye(N) - res.params.get("rho[geo]", 0.0) * weights[0].dense()
    e = [(np.eye(N) - res.lam["net"] * weights[1].at(year).dense()) @ S @ off[:, t]
         for t, year in enumerate(panel.years)]  # fmt: skip
    e = np.array(e) - (np.mean(e, axis=1, keepdims=True) if effects == "twoways" else 0.0)
    assert_allclose(res.resid.to_numpy().reshape(N, T).T, e, atol=1e-9)
    assert_allclose(res.fitted + res.resid, panel.array("y").ravel(), rtol=1e-10)


def test_city_effects_are_those_of_dense_least_squares_with_their_dummies():
    """Their covariance too: that of generalised least squares with lambda known."""
    panel, weights = yearly()
    res = ss.fit(model_of("sem", "individual"), panel, weights)
    R = block_diag(
        *[np.eye(N) - res.lam["net"] * weights[1].at(year).dense() for year in panel.years]
    )
    y, x, z = (panel.array(name).T.ravel() for name in ("y", "x", "z"))
    Z = R @ np.c_[x, z, np.tile(np.eye(N), (T, 1))]
    found = np.linalg.lstsq(Z, R @ y, rcond=None)[0]
    table = res.fixed_effects()
    assert_allclose(table["estimate"], found[2:] - found[2:].mean(), rtol=1e-7, atol=1e-8)
    A = R @ np.tile(np.eye(N), (T, 1))
    weighted = np.linalg.solve(A.T @ A, A.T @ R @ np.c_[x, z])
    apart = weighted - weighted.mean(axis=0)
    own = res.sigma2 * np.diag(np.linalg.inv(A.T @ A))
    cov = res.cov.loc[["x", "z"], ["x", "z"]].to_numpy()
    assert_allclose(table["se"] ** 2, own + np.einsum("ij,jk,ik->i", apart, cov, apart), rtol=1e-7)


def test_estimates_of_a_yearly_error_are_centred_and_their_intervals_cover():
    n, years, draws = 20, 5, 30
    ids = [f"c{i:02d}" for i in range(n)]
    net = ss.weights.series(
        {2001 + t: ss.Weights.from_matrix(ring(n, t), ids=ids, name="net") for t in range(years)}
    )
    model = ss.sem("y ~ x", W="net", fixed_effects="individual")
    truth = {"x": 1.0, "lambda[net]": 0.4, "sigma2": 1.0}
    fits = [
        ss.fit(model, ss.simulate(model, (n, years), net, truth, seed, effects_sd=5.0), net)
        for seed in range(draws)
    ]
    for name, value in truth.items():
        found, se = (np.array([getattr(res, of)[name] for res in fits]) for of in ("params", "se"))
        assert abs(found.mean() - value) < 3 * found.std() / np.sqrt(draws)
        covered = np.abs(found - value) < 1.96 * se
        assert covered.mean() > 0.83  # 0.95 less three standard errors of 30 draws


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"correction": "direct"}, r"does not go with correction='direct': use correction=.lee-yu"),
        ({"family": "sac", "W": "net"}, r"a matrix of rho\[net\] that changes too: use a W of"),
        ({"family": "sac", "W": {"wy": ss.convex("geo", "far"), "wu": "net"}}, "ss.convex"),
    ],
)
@pytest.mark.parametrize("effects", EFFECTS)
def test_what_a_yearly_error_beside_city_effects_does_not_go_with_is_refused(
    effects, changes, match
):
    panel, weights = yearly()
    model = model_of("sem", effects).but(**changes)
    with pytest.raises(ss.ModelError, match=match):
        ss.fit(model, panel, weights)


@pytest.mark.parametrize("family", ["sem", "sac", "two lags"])
@pytest.mark.parametrize("effects", ["none", *EFFECTS])
def test_a_search_over_several_parameters_is_not_begun_where_nothing_is_left(family, effects):
    """It ended at roundings of rho = 0, with a likelihood, or at an infinite slope."""
    panel, weights = yearly()
    exact = panel.assign(y=2 * panel.array("x") - panel.array("z"))
    for W in (weights, [*weights[:1], weights[1].at(panel.years[0]), weights[2]]):
        with pytest.raises(ss.EstimationError, match="fit the outcome exactly"):
            ss.fit(model_of(family, effects), exact, W)


def test_too_many_cities_beside_a_yearly_error_are_refused(monkeypatch):
    panel, weights = yearly()
    monkeypatch.setattr(checks, "YEARLY_TO", N - 1)
    with pytest.raises(ss.ModelError, match="8 cities: use at most 7"):
        ss.fit(model_of("sdem", "twoways"), panel, weights)
    ss.fit(model_of("sdem", "twoways").but(fixed_effects="time"), panel, weights)


@pytest.mark.parametrize("kind", ["sandwich", "period", "driscoll-kraay", "city", "robust"])
def test_robust_covariances_of_a_yearly_error_are_refused(kind):
    panel, weights = yearly()
    res = ss.fit(model_of("sdem", "individual"), panel, weights)
    match = "is inconsistent" if kind == "robust" else "beside an error whose weights change"
    with pytest.raises(ss.ModelError, match=match):
        res.with_cov(kind)


def test_log_marginals_compare_yearly_errors_by_the_density_of_the_differences():
    """A matrix that hardly changes has the log-marginal of the one that does not."""
    panel, _ = yearly()
    plain = ss.Weights.from_matrix(ring(N, 10), ids=panel.ids, name="net")
    other = plain.dense() * (1 + 1e-10 * np.eye(N)[0][:, None] * np.arange(N))
    other /= other.sum(axis=1, keepdims=True)
    last = ss.Weights.from_matrix(other, ids=panel.ids, name="net")
    same = ss.weights.series(dict.fromkeys(panel.years, plain) | {panel.years[-1]: last})
    model = model_of("sem", "individual")
    found = [ss.diagnostics.log_marginal(model, panel, w)[0] for w in (plain, same)]
    assert_allclose(found[1], found[0], rtol=1e-9)
