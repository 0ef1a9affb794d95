"""W and c W are one model: rho / c, and the same likelihood, effects and standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import spatialsyn as ss

N, T, BLOCK = 12, 6, 3
IDS = [f"c{i:02d}" for i in range(N)]
# Weights like d^-3 in metres, and like flows in yuan.
SCALES = (1e-15, 1e-9, 1e3, 1e9)
SPATIAL = ("W[", "mean(W[", "rho", "lambda", "eta", "alpha")
# Searches stop near machine precision of rho; standard errors lose some digits to inverses.
RTOL, RTOL_SE = 1e-6, 1e-5


def matrix(seed: int, acyclic: bool = False) -> np.ndarray:
    """Directed weights whose rows do not sum to one number; a block may have no links inside."""
    rng = np.random.default_rng(seed)
    W = (rng.random((N, N)) < 0.4) * rng.random((N, N))
    W[np.arange(N), (np.arange(N) + 5) % N] = 1
    if acyclic:
        W[:BLOCK, :BLOCK] = 0
    np.fill_diagonal(W, 0)
    return W / W.sum(axis=1, keepdims=True) * rng.uniform(0.6, 1.4, (N, 1))


def panel(W: np.ndarray) -> ss.CityPanel:
    rng = np.random.default_rng(0)
    x, z, city = rng.normal(size=(N, T)), rng.normal(size=(N, T)), rng.normal(size=(N, 1))
    y = np.linalg.solve(np.eye(N) - 0.4 * W, x + 0.5 * W @ x + city + rng.normal(size=(N, T)))
    index = pd.MultiIndex.from_product([IDS, range(2000, 2000 + T)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": (0.6 * x + z).ravel()}, index=index)
    frame["region"] = np.repeat(["A"] * BLOCK + ["B"] * (N - BLOCK), T)
    return ss.CityPanel(frame.reset_index(), city="city", year="year", blocks=["region"])


def weights(c: float, acyclic: bool = False, way: str = "auto") -> list[ss.Weights]:
    return [
        ss.Weights.from_matrix(c * matrix(seed, acyclic), ids=IDS, name=name).with_logdet(way)
        for seed, name in ((1, "geo"), (2, "dig"))
    ]


def measured(res: ss.Results, c: float) -> tuple[pd.Series, pd.Series]:
    """Parameters and standard errors in the units of W."""
    names = res.params.index
    units = np.where(names.str.startswith(SPATIAL), c, 1.0)
    return res.params * units, res.se * units


def same(plain: ss.Results, scaled: ss.Results, c: float) -> None:
    (params, se), (theirs, their_se) = measured(plain, 1.0), measured(scaled, c)
    assert_allclose(theirs, params, rtol=RTOL, atol=1e-8)
    assert_allclose(their_se, se, rtol=RTOL_SE, atol=1e-8)
    assert_allclose(scaled.loglik, plain.loglik, rtol=1e-10)
    mine, other = plain.effects().table, scaled.effects().table
    assert_allclose(other["estimate"], mine["estimate"], rtol=RTOL, atol=1e-8)
    assert_allclose(other["se"], mine["se"], rtol=RTOL_SE, atol=1e-8)


F, CITY = "y ~ x", {"fixed_effects": "individual"}
MODELS = {
    "sar": ss.sar(F, W="geo", **CITY),
    "sdm": ss.sdm(F, W="geo", **CITY),
    "sem": ss.sem(F, W="geo", **CITY),
    "sac": ss.sac(F, W="geo", **CITY),
    "gns": ss.gns(F, W="geo", **CITY),
    "mess": ss.mess_sdm(F, W="geo", **CITY),
    "two": ss.sdm(F, W=["geo", "dig"], **CITY),
    "mixture": ss.sdm(F, W=ss.convex("geo", "dig", wx="combined"), **CITY),
    "dynamic": ss.sdm(F, W="geo", lag_y=True, lag_wy=True, **CITY),
    "random": ss.sac(F, W="geo", random="individual"),
    "baltagi": ss.sem(F, W="geo", random="baltagi"),
    "correlated": ss.gns(F, W="geo", random="correlated"),
    "2sls": ss.sdm(F, W="geo", estimator="2sls", **CITY),
    "random 2sls": ss.sar(F, W="geo", estimator="ec2sls", random="individual"),
    "gmm": ss.sdem(F, W="geo", estimator="gmm", **CITY),
    "random gmm": ss.sem(F, W="geo", estimator="gmm", random="individual"),
    "external": ss.sar(F, W="geo", estimator="2sls", endogenous=["x"], instruments=["z"], **CITY),
    "regimes": ss.sar(
        F, W="geo", correction="direct", regimes=ss.regimes("region", rho=True), **CITY
    ),
}


@pytest.mark.parametrize("acyclic", [False, True], ids=["circles", "a block without"])
@pytest.mark.parametrize("name", MODELS)
def test_the_scale_of_weights_moves_no_estimate(name, acyclic):
    data = panel(matrix(1, acyclic))
    plain = ss.fit(MODELS[name], data, weights(1.0, acyclic))
    for c in SCALES:
        same(plain, ss.fit(MODELS[name], data, weights(c, acyclic)), c)


@pytest.mark.parametrize("way", ["eigenvalues", "schur", "sparse", "hessenberg", "moments"])
def test_no_way_to_the_log_determinant_depends_on_the_scale(way):
    data, model = panel(matrix(1)), MODELS["sdm"]
    plain = ss.fit(model, data, weights(1.0, way=way))
    for c in SCALES:
        same(plain, ss.fit(model, data, weights(c, way=way)), c)


def test_a_cross_section_does_not_depend_on_the_scale():
    data = panel(matrix(1))
    year = ss.CityPanel(data.frame.reset_index().query("year == 2000"), city="city", year="year")
    model = ss.sar(F, W="geo")
    plain = ss.fit(model, year, weights(1.0))
    for c in SCALES:
        same(plain, ss.fit(model, year, weights(c)), c)


def test_weights_of_every_year_do_not_depend_on_the_scale():
    def series(c: float) -> ss.weights.WeightsSeries:
        years = {2000 + t: c * matrix(1 + t % 2) for t in range(T)}
        named = {t: ss.Weights.from_matrix(W, ids=IDS, name=f"w{t}") for t, W in years.items()}
        return ss.weights.series(named, name="geo")

    data, model = panel(matrix(1)), ss.sar(F, W="geo", **CITY)
    plain = ss.fit(model, data, series(1.0))
    for c in SCALES:
        same(plain, ss.fit(model, data, series(c)), c)


def test_missing_outcomes_do_not_depend_on_the_scale():
    data = panel(matrix(1))
    holes = data.frame["y"].where(np.arange(N * T) % 17 > 0)
    model = ss.sar(F, W="geo", **CITY)
    plain = ss.fit(model, data.assign(y=holes), weights(1.0), missing="likelihood")
    for c in SCALES:
        other = ss.fit(model, data.assign(y=holes), weights(c), missing="likelihood")
        same(plain, other, c)


def test_a_block_without_circles_has_the_likelihood_of_the_determinant_written_out():
    """At c = 1e6, where the search once began outside the parameter space."""
    W, c = matrix(1, acyclic=True), 1e6
    data = panel(W)
    res = ss.fit(MODELS["regimes"], data, weights(c, acyclic=True))
    rho = np.repeat(res.rho.to_numpy() * c, [BLOCK, N - BLOCK])
    y, x = (data.frame[name].to_numpy().reshape(N, T) for name in ("y", "x"))
    y, x = (v - v.mean(axis=1, keepdims=True) for v in (y, x))
    member = np.repeat(np.eye(2), [BLOCK, N - BLOCK], axis=0)[:, None, :]

    def loglik(rho: np.ndarray) -> float:
        S = np.eye(N) - rho[:, None] * W
        e, Z = (S @ y).ravel(), (x[..., None] * member).reshape(N * T, 2)
        e = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
        jacobian = T * np.linalg.slogdet(S)[1]
        return jacobian - N * T / 2 * (np.log(2 * np.pi * e @ e / (N * T)) + 1)

    assert_allclose(res.loglik, loglik(rho), rtol=1e-9)
    around = [rho + step * block for step in (-0.05, 0.05) for block in member[:, 0].T]
    assert max(map(loglik, around)) < res.loglik


def test_spectral_weights_are_those_of_any_scale():
    W = matrix(1)
    plain = ss.Weights.from_matrix(W, ids=IDS).standardize("spectral").dense()
    for c in SCALES:
        other = ss.Weights.from_matrix(c * W, ids=IDS).standardize("spectral").dense()
        assert_allclose(other, plain, rtol=1e-9)
    chain = np.diag(np.full(N - 1, 1e6), 1)
    with pytest.raises(ss.WeightsError, match="never close a circle"):
        ss.Weights.from_matrix(chain, ids=IDS).standardize("spectral")


def test_drawn_effects_do_not_depend_on_the_scale():
    data = panel(matrix(1))
    asked = {"method": "simulation", "draws": 200, "seed": 1}
    plain = ss.fit(MODELS["sdm"], data, weights(1.0)).effects(**asked).table
    for c in SCALES:
        other = ss.fit(MODELS["sdm"], data, weights(c)).effects(**asked).table
        assert_allclose(other["se"], plain["se"], rtol=RTOL_SE)


def test_local_p_values_do_not_depend_on_the_scale():
    data = panel(matrix(1))
    plain = ss.explore.lisa(data, "y", weights(1.0)[0], permutations=99, seed=1).table["p"]
    for c in SCALES:
        other = ss.explore.lisa(data, "y", weights(c)[0], permutations=99, seed=1).table["p"]
        assert_allclose(other, plain)


def test_a_block_without_any_link_has_no_rho():
    W = matrix(1)
    W[:BLOCK] = 0
    lonely = ss.Weights.from_matrix(W, ids=IDS, name="geo")
    with pytest.raises(ss.ModelError, match=r"'rho\[geo:A\]' multiplies nothing"):
        ss.fit(MODELS["regimes"], panel(W), lonely)
