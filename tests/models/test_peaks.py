"""The highest peak of a likelihood with a lag and a spatial error, which often has two."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from peers import cross_section
from scipy.linalg import expm, null_space

import spatialsyn as ss
from spatialsyn.models.design import build
from spatialsyn.models.search import check_peak
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.optimize import SCAN, maximise, maximise_many


def two_peaks() -> tuple[pd.DataFrame, np.ndarray]:
    """21 points, inverse distances to the four nearest: rows of any sum, asymmetric."""
    n, rng = 21, np.random.default_rng(8)
    at = np.random.default_rng(508).random((n, 2))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    W = np.where(apart <= np.sort(apart, axis=1)[:, [3]], 0.1 / apart, 0)
    x = rng.normal(size=(n, 2))
    rng.uniform(size=2)
    u = np.linalg.solve(np.eye(n) + 0.313 * W, rng.normal(size=n))
    y = np.linalg.solve(np.eye(n) - 0.245 * W, 1 + x @ [1, 0.5] + u)
    return pd.DataFrame({"y": y, "x1": x[:, 0], "x2": x[:, 1]}), W


def concentrated(frame: pd.DataFrame, W: np.ndarray, rho: float, lam: float) -> float:
    n = len(W)
    R = np.eye(n) - lam * W
    y, Z = frame["y"].to_numpy(), np.c_[np.ones(n), frame[["x1", "x2"]]]
    v, Z = R @ (y - rho * W @ y), R @ Z
    e = v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0]
    logdet = sum(np.linalg.slogdet(np.eye(n) - a * W)[1] for a in (rho, lam))
    return float(logdet - n / 2 * (np.log(2 * np.pi * e @ e / n) + 1))


# library(spatialreg); nb <- spdep::mat2listw(W); d: columns y, x1, x2 of two_peaks()
# lw <- spdep::nb2listw(nb$neighbours, glist = nb$weights, style = "B")
# s <- sacsarlm(y ~ x1 + x2, d, lw, method = "eigen")       spatialreg 1.2-6, R 4.2.2
# c(coef(s)[3:5], s$rho, s$lambda, s$s2); c(s$rest.se, s$rho.se, s$lambda.se); logLik(s)
PARAMS = [1.69979035387801, 1.41471238548229, 0.257188833877524, -0.165382065558836,
          0.272984625779671, 0.862073095360876]  # fmt: skip
SE = [0.518654035013817, 0.212082753006225, 0.184000810875834, 0.0886757351695047,
      0.00526840081603210]  # fmt: skip
LOGLIK = -32.631826504356241


def test_a_narrow_peak_near_the_edge_is_found_as_spatialreg_finds_it():
    """The wide peak, at (0.24, -0.20), is 0.6 lower."""
    frame, W = two_peaks()
    panel, w = cross_section(frame, W)
    res = ss.fit(ss.sac("y ~ x1 + x2", W="w"), panel, w)
    assert_allclose(res.loglik, LOGLIK, rtol=1e-10)
    assert_allclose(res.params, PARAMS, rtol=1e-6)
    assert_allclose(res.se.iloc[:5], SE, rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_no_point_of_a_fine_grid_is_higher(scale):
    """Nor does the unit of W matter. Points are dense towards the ends, where the peak is."""
    frame, W = two_peaks()
    panel, w = cross_section(frame, scale * W)
    res = ss.fit(ss.sac("y ~ x1 + x2", W="w"), panel, w)
    values = np.linalg.eigvals(W).real
    low, high = 1 / values.min(), 1 / values.max()
    axis = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 62)[1:-1])) / 2
    highest = max(concentrated(frame, W, rho, lam) for rho, lam in product(axis, repeat=2))
    assert LOGLIK - 0.1 < highest <= res.loglik


@pytest.mark.parametrize("seed", [5, 7, 21, 30])
def test_a_second_matrix_never_lowers_the_likelihood(seed):
    """The model with W alone is a special case; its rho of 0.8 must not be taken for lambda."""
    panel, w = made_up(14, 3, rho=0.8, seed=seed, noise=1.0)
    v = ss.Weights.from_matrix(ring(14, seed + 50), ids=w.ids, name="v")
    both = ss.fit(ss.sac("y ~ x + z", W={"wy": ["w", "v"], "wu": "w"}), panel, [w, v])
    assert both.loglik >= ss.fit(ss.sac("y ~ x + z", W="w"), panel, w).loglik


def flows(n: int, T: int, seed: int, spread: float = 1.5) -> tuple[np.ndarray, ...]:
    """Outcome and regressor of noise, (n, T), and uneven flows whose 1 / w_min is far below -1."""
    rng = np.random.default_rng(seed)
    W = np.exp(spread * rng.normal(size=(n, n)))
    np.fill_diagonal(W, 0)
    x, y = rng.normal(size=(2, n, T))
    return y, x, W / W.sum(axis=1, keepdims=True)


def fitted(model: ss.SpatialModel, y: np.ndarray, x: np.ndarray, W: np.ndarray) -> ss.Results:
    ids = [f"c{i:02d}" for i in range(len(y))]
    index = pd.MultiIndex.from_product([ids, range(y.shape[1])], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", year="year")
    return ss.fit(model, panel, ss.Weights.from_matrix(W, ids=ids, name="w"))


def naive(S: np.ndarray, R: np.ndarray, y: np.ndarray, x: np.ndarray, effects: str) -> float:
    """The likelihood at R (S y - Z delta), (n, T), by the transformation written out."""
    n, T = y.shape
    F = null_space(np.ones((1, n))) if effects == "twoways" else np.eye(n)
    G = null_space(np.ones((1, T))) if effects in ("individual", "twoways") else np.eye(T)
    Z = [x] if effects != "none" else [np.ones((n, T)), x]
    v, *columns = [(F.T @ R @ a @ G).ravel() for a in (S @ y, *Z)]
    e = v - np.c_[*columns] @ np.linalg.lstsq(np.c_[*columns], v, rcond=None)[0]
    logdet = sum(np.linalg.slogdet(F.T @ A @ F)[1] for A in (S, R))
    return float(G.shape[1] * logdet - v.size / 2 * (np.log(2 * np.pi * e @ e / v.size) + 1))


def spread_out(W: np.ndarray, points: int) -> np.ndarray:
    """Values of rho, from twenty radii below zero, or where the space of rho begins, to one."""
    w = np.linalg.eigvals(W)
    real = w.real[np.abs(w.imag) < 1e-8]
    low = max(1 / real.min(), -20.0) if real.min() < 0 else -20.0
    far = -np.geomspace(1, -low, points)[1:-1] if low < -1 else []
    return np.r_[far, np.linspace(max(low, -1.0), 1, points)[1:-1]]


@pytest.mark.parametrize(
    ("n", "T", "effects", "seed", "lower"),
    [(9, 1, "none", 62, 8.9), (9, 1, "none", 53, 0.6), (6, 4, "individual", 173, 3.0)],
)
def test_a_peak_far_below_minus_one_is_found(n, T, effects, seed, lower):
    """Both rho and lambda are looked for in all of their intervals; a peak near zero is `lower`."""
    y, x, W = flows(n, T, seed)
    res = fitted(ss.sac("y ~ x", W="w", fixed_effects=effects), y, x, W)
    axis, eye = spread_out(W, 22), np.eye(n)
    found = {
        (rho, lam): naive(eye - rho * W, eye - lam * W, y, x, effects)
        for rho, lam in product(axis, repeat=2)
    }
    near = max(value for at, value in found.items() if min(at) > -1)
    assert near + lower < max(found.values()) <= res.loglik
    own = [eye - value * W for value in (res.rho.iloc[0], res.lam.iloc[0])]
    assert_allclose(res.loglik, naive(*own, y, x, effects), rtol=1e-9)


def test_one_rho_is_searched_to_twenty_radii():
    """Equal weights allow -11 < rho; the outcome has -8."""
    n, T, rng = 12, 6, np.random.default_rng(1)
    W = (np.ones((n, n)) - np.eye(n)) / (n - 1)
    x, e = rng.normal(size=(2, n, T))
    y = np.linalg.solve(np.eye(n) + 8 * W, x + 0.1 * e)
    res = fitted(ss.sar("y ~ x", W="w"), y, x, W)
    axis = np.linspace(-11, 1, 2000)[1:-1]
    found = [naive(np.eye(n) - rho * W, np.eye(n), y, x, "none") for rho in axis]
    assert_allclose(res.rho.iloc[0], axis[np.argmax(found)], atol=0.01)
    assert res.rho.iloc[0] < -5
    assert 0 <= res.loglik - max(found) < 0.01


@pytest.mark.parametrize(
    ("model", "seed", "lower"),
    [(ss.mess, 30, 1.6), (ss.mess, 4, 0.3), (ss.mess, 58, 0.06), (ss.mess_sem, 12, 0.1)],
)
def test_a_far_peak_of_an_exponential_is_found(model, seed, lower):
    """Seven observations; windows that start at zero end on a peak that is `lower`."""
    y, x, W = flows(7, 1, seed)
    res = fitted(model("y ~ x", W="w"), y, x, W)
    axis = np.linspace(-19, 19, 381)

    def at(alpha):
        both = expm(alpha * W), np.eye(7)
        return naive(*(both if model is ss.mess else both[::-1]), y, x, "none")

    found = np.array([at(alpha) for alpha in axis])
    assert found[np.abs(axis) < 4].max() + lower < found.max() <= res.loglik
    assert_allclose(res.loglik, found.max(), atol=0.01)


def test_a_likelihood_that_is_higher_at_the_end_of_reach_is_refused():
    """Near alpha = 2.7 it has a peak that is lower than what it comes to with alpha ||W|| = 20."""
    y, x, W = flows(7, 1, 35)
    high = [naive(expm(a * W), np.eye(7), y, x, "none") for a in (2.705, 18.0, 20.0)]
    assert high[0] < high[1] < high[2]
    with pytest.raises(ss.EstimationError, match="still rises at alpha"):
        fitted(ss.mess("y ~ x", W="w"), y, x, W)


@pytest.mark.parametrize("family", [ss.sar, ss.sem, ss.sac, ss.mess])
def test_equal_weights_with_year_effects_are_refused(family):
    """F'WF is -I / (n - 1): the likelihood is the same everywhere."""
    n, T, rng = 8, 5, np.random.default_rng(3)
    W, eye = (np.ones((n, n)) - np.eye(n)) / (n - 1), np.eye(n)
    x, y = rng.normal(size=(2, n, T))
    pairs = [(eye - a * W, eye) for a in (-6, 0, 0.9)] + [(eye, eye - a * W) for a in (-6, 0.9)]
    pairs += [(expm(a * W), eye) for a in (-3, 3)]
    found = [naive(S, R, y, x, "twoways") for S, R in pairs]
    assert_allclose(found, found[1], rtol=1e-10)
    with pytest.raises(ss.ModelError, match="same weight"):
        fitted(family("y ~ x", W="w", fixed_effects="twoways"), y, x, W)
    uneven = W * (1 + 1e-4 * rng.random((n, n)))
    fitted(ss.slx("y ~ x", W="w"), y, x, W)
    fitted(ss.sar("y ~ x", W="w", fixed_effects="individual"), y, x, uneven)


@pytest.mark.parametrize("left", [1e-4, 1e-6, 1e-9])
def test_a_rise_without_bound_is_refused_however_near_its_end(left):
    """-ln(1 - rho) - lambda^2: Newton's step is what is left of the way, below any tolerance."""
    y, x, W = flows(9, 1, 62)
    design = fitted(ss.sac("y ~ x", W="w"), y, x, W).design

    def loglik(_, at):
        return -np.log(1 - at[0]) - at[1] ** 2 if at[0] < 1 else -np.inf

    def bowl(_, at):
        return -((at[0] - 1 + left) ** 2) - at[1] ** 2 if at[0] < 1 else -np.inf

    with pytest.raises(ss.EstimationError, match="still rises"):
        check_peak(
            design, np.array([1 - left, 0.0]), loglik,
            lambda _, at: np.array([1 / (1 - at[0]), -2 * at[1]]),
        )  # fmt: skip
    check_peak(
        design, np.array([1 - left, 0.0]), bowl,
        lambda _, at: np.array([-2 * (at[0] - 1 + left), -2 * at[1]]),
    )  # fmt: skip


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e9])
@pytest.mark.parametrize("n", [5, 7, 9])
def test_of_lambda_and_its_inverse_the_one_nearer_to_zero_is_taken(n, unit):
    """W'W = I where W permutes the cities: (I - W / l)'(I - W / l) is that of l over l^2.

    Both have one likelihood, in dense algebra too, and lambda was -2.4 for errors of -0.6.
    """
    W, T, rng = np.roll(np.eye(n), 1, axis=0), 4, np.random.default_rng(n)
    x = rng.normal(size=(n, T))
    y = unit * (x + np.linalg.solve(np.eye(n) + 0.6 * W, rng.normal(size=(n, T))))
    panel, w = made_up(n, T)
    panel = panel.assign(y=y, x=x)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    res = ss.fit(ss.sem("y ~ x", W="w"), panel, w)
    lam = res.lam["w"]
    assert -1 < lam < 0

    def likelihood(at: float) -> float:
        R = np.eye(n) - at * W
        Z = np.stack([R @ np.ones((n, T)), R @ x], axis=2).reshape(n * T, 2)
        v = (R @ y).ravel() / unit
        e = v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0]
        return float(T * np.linalg.slogdet(R)[1] - n * T / 2 * np.log(e @ e))

    assert_allclose(likelihood(1 / lam), likelihood(lam), rtol=1e-12)
    assert likelihood(lam) >= max(likelihood(lam - 1e-3), likelihood(lam + 1e-3))


def test_a_peak_between_points_of_the_scan_is_not_passed_over():
    """Two normal densities: the higher peak lies between two points, the lower one on one."""
    low, high = -1.0, 1.0
    points = low + (high - low) * (1 - np.cos(np.pi * (np.arange(SCAN) + 0.5) / SCAN)) / 2
    on, between, width = points[20], points[44:46].mean(), points[45] - points[44]

    def parts(rho):
        apart = np.stack([np.asarray(rho) - on, np.asarray(rho) - between])
        shares = np.array([1.0, 1.05]).reshape(-1, *[1] * (apart.ndim - 1))
        return apart, shares * np.exp(-(apart**2) / (2 * width**2))

    def value(rho):
        return parts(rho)[1].sum(axis=0)

    def derivatives(rho):
        apart, made = parts(rho)
        slope = -apart / width**2 * made
        return slope.sum(axis=0), (made * (apart**2 / width**4 - width**-2)).sum(axis=0)

    assert value(points).argmax() == 20
    assert_allclose(maximise(value, derivatives, (low, high)), between, atol=1e-8)
    many = maximise_many(value, derivatives, (low, high))
    assert_allclose(many, between, atol=1e-8)


def test_beside_a_ridge_of_exponentials_a_slope_is_no_peak():
    """l = b - 1e12 a^2 / 2 rises with b for ever, by steps that the ridge in a makes short."""
    panel, w = made_up(9, 4)
    design = build(ss.mess_sac("y ~ x", W="w"), panel, {"w": w})
    with pytest.raises(ss.EstimationError, match="the likelihood still rises"):
        check_peak(
            design,
            np.array([0.0, 1.0]),
            lambda _, at: float(at[1] - 1e12 * at[0] ** 2 / 2),
            lambda _, at: np.array([-1e12 * at[0], 1.0]),
        )


def test_an_interval_far_wider_than_its_peak_costs_no_steps(monkeypatch):
    """A complete W of 41: rho from -40 to 1. Far from zero the likelihood only falls."""
    n, T, rng = 41, 3, np.random.default_rng(4)
    W = (np.ones((n, n)) - np.eye(n)) / (n - 1)
    y, x = rng.normal(size=(2, n, T))
    steps, slope = [], Eigenvalues.slopes
    monkeypatch.setattr(Eigenvalues, "slopes", lambda of, rho: steps.append(rho) or slope(of, rho))
    res = fitted(ss.sar("y ~ x", W="w", fixed_effects="individual"), y, x, W)
    assert res.design.logdet.interval[0] < -39
    assert 0 < len(steps) < 12
