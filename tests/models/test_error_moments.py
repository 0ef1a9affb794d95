"""The spatial error by moments against splm, spatialreg, spreg and algebra written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from peers import PANELS, fits, panel_data
from scipy.linalg import null_space
from scipy.optimize import least_squares
from test_instruments import CROSS_SECTIONS, cities, columbus_in_spreg, named_as_ours

import spatialsyn as ss
from spatialsyn.models.design import build
from spatialsyn.models.error_moments import error_by_moments

# Ours are roots of a cubic; the peers' lambda comes from nlminb, good to about 1e-8, and what
# follows from it is closed again.
RTOL, ATOL = 1e-6, 1e-7


@pytest.mark.parametrize("name", ["cigar", "produc"])
@pytest.mark.parametrize("moments", ["initial", "weights", "fullweights"])
def test_within_errors_match_splm(name, moments):
    """One set of moments within cities, so splm's three weightings are one estimate. Its
    covariance divides the sum of squares by nT - k, as in `w2sls`."""
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    model = ss.sem(f"{outcome} ~ {' + '.join(x)}", W="w", fixed_effects="individual",
                   estimator="gmm")  # fmt: skip
    res = ss.fit(model, panel, w)
    theirs = fits(f"{name}_spgm")[f"spgm_sem_within_{moments}"]["result"]
    assert_allclose(res.params[list(x)], theirs["coef"]["estimate"], rtol=RTOL)
    assert_allclose(res.lam["w"], theirs["errcomp"]["estimate"][0], rtol=RTOL)
    share = res.nobs / (panel.n * panel.T - len(x))
    assert_allclose(res.sigma2 * share, theirs["sigma2"], rtol=RTOL)
    cov = res.cov.loc[list(x), list(x)] * share
    assert_allclose(cov, theirs["vcov"]["matrix"], rtol=RTOL, atol=1e-12)


@pytest.mark.parametrize("name", ["cigar", "produc"])
def test_within_lag_and_error_match_splm(name):
    """splm takes the variance of the moments (errcomp), we that of the last residuals."""
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    model = ss.sac(f"{outcome} ~ {' + '.join(x)}", W="w", fixed_effects="individual",
                   estimator="gmm")  # fmt: skip
    res = ss.fit(model, panel, w)
    theirs = fits(f"{name}_spgm")["spgm_sac_within"]["result"]
    ours = named_as_ours(theirs["coef"]["names"])
    assert_allclose(res.params[ours], theirs["coef"]["estimate"], rtol=RTOL)
    lam, variance = theirs["errcomp"]["estimate"]
    assert_allclose(res.lam["w"], lam, rtol=RTOL)
    cov = res.cov.loc[ours, ours] * variance / res.sigma2
    assert_allclose(cov, theirs["vcov"]["matrix"], rtol=RTOL, atol=1e-11)


@pytest.mark.parametrize("name", CROSS_SECTIONS)
def test_cross_sections_match_spatialreg(name):
    """gstsls divides by n, as we do. GMerrorsar takes the variance of the moments."""
    panel, w, outcome, x, stored = cities(name)
    formula = f"{outcome} ~ {' + '.join(x)}"
    for family, which in (("sac", "gstsls"), ("sem", "gmerrorsar")):
        model = {"sac": ss.sac, "sem": ss.sem}[family](formula, W="w", estimator="gmm")
        res = ss.fit(model, panel, w)
        theirs = stored[which]["result"]
        renamed = [n.removesuffix("_Wy") for n in theirs["coef"]["names"]]
        ours = named_as_ours(renamed)
        assert_allclose(res.params[ours], theirs["coef"]["estimate"], rtol=RTOL)
        assert_allclose(res.lam["w"], theirs["lambda"], rtol=RTOL, atol=ATOL)
        share = theirs["sigma2"] / res.sigma2
        assert family == "sem" or abs(share - 1) < RTOL
        assert_allclose(res.se[ours] * np.sqrt(share), theirs["coef"]["se"], rtol=RTOL)


def test_lag_error_and_an_endogenous_regressor_match_spreg():
    """spreg searches lambda by L-BFGS with numerical slopes: four digits."""
    spreg, W, frame, panel, w = columbus_in_spreg()
    y, x, yend, q = (frame[[c]].to_numpy() for c in ("CRIME", "INC", "HOVAL", "DISCBD"))
    M = W.sparse
    theirs = spreg.error_sp.BaseGM_Endog_Error(
        y,
        np.c_[np.ones(49), x],
        yend=np.c_[yend, M @ y],
        q=np.c_[q, M @ x, M @ q, M @ M @ x, M @ M @ q],
        w=M,
    )
    model = ss.sac("CRIME ~ INC + HOVAL", W="w", estimator="gmm", endogenous="HOVAL",
                   instruments="DISCBD")  # fmt: skip
    res = ss.fit(model, panel, w)
    assert_allclose(res.params.iloc[:-1], theirs.betas[:, 0], rtol=1e-4)
    assert_allclose(res.cov.iloc[:4, :4], theirs.vm, rtol=1e-4)


def by_hand(u: np.ndarray, M: np.ndarray) -> float:
    """lambda from (units, copies) residuals and the matrix of their lag, by least squares."""
    n = len(M)

    def distance(at: np.ndarray) -> np.ndarray:
        e = u - at[0] * M @ u
        Me, N = M @ e, u.size
        return np.array([
            (e**2).sum() / N - at[1],
            (Me**2).sum() / N - at[1] * np.trace(M.T @ M) / n,
            (e * Me).sum() / N - at[1] * np.trace(M) / n,
        ])  # fmt: skip

    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    starts = [least_squares(distance, [s, u.var()], **tight) for s in (-0.5, 0.0, 0.5)]
    return float(min(starts, key=lambda s: s.cost).x[0])


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_sweeping_equals_the_transformed_panel(effects):
    """F_n'(.)F_T of everything, M* = F_n'MF_n with its own traces, then the cross-section."""
    panel, w = made_up(25, 6, seed=4)
    model = ss.sem("y ~ x + z", W="w", fixed_effects=effects, estimator="gmm")
    res = ss.fit(model, panel, w)
    n, T = panel.n, panel.T
    F_n = null_space(np.ones((1, n))) if effects in ("time", "twoways") else np.eye(n)
    F_T = null_space(np.ones((1, T))) if effects in ("individual", "twoways") else np.eye(T)
    M = F_n.T @ w.dense() @ F_n
    y, *X = (F_n.T @ panel.frame[c].to_numpy().reshape(n, T) @ F_T for c in ("y", "x", "z"))
    X = [np.ones((n, T)), *X] if effects == "none" else X
    Z = np.stack(X, axis=-1)

    def slopes(lam: float) -> np.ndarray:
        R = np.eye(len(M)) - lam * M
        cells = np.einsum("ij,jtk->itk", R, Z).reshape(y.size, -1)
        return np.linalg.lstsq(cells, (R @ y).ravel(), rcond=None)[0]

    lam = by_hand(y - Z @ slopes(0.0), M)
    assert_allclose(res.lam["w"], lam, rtol=1e-6)  # least_squares stops near 1e-8
    assert_allclose(res.params.iloc[:-2], slopes(lam), rtol=1e-6)


def test_years_beside_random_cities_leave_one_city_less():
    """Weighted moments within and between n - 1 cities, F_n'(.) of everything with F_n'MF_n."""
    n, T = 10, 4
    panel, w = made_up(n, T, seed=3)
    model = ss.sem("y ~ x + z", W="w", fixed_effects="time", random="individual",
                   correction="direct", estimator="gmm")  # fmt: skip
    res = ss.fit(model, panel, w)
    F_n, F_T = null_space(np.ones((1, n))), null_space(np.ones((1, T)))
    M, one = F_n.T @ w.dense() @ F_n, np.full((T, 1), T**-0.5)
    y, *X = (F_n.T @ panel.frame[c].to_numpy().reshape(n, T) for c in ("y", "x", "z"))
    Z = np.stack(X, axis=-1).reshape(y.size, -1)
    u = y - (Z @ np.linalg.lstsq(Z, y.ravel(), rcond=None)[0]).reshape(y.shape)
    forms = [np.eye(n - 1), M.T @ M, (M + M.T) / 2]
    variance = 2 * np.array([[np.trace(a @ b) for b in forms] for a in forms])

    def moments(at: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Of (n - 1, copies) errors, in units of their standard deviations but for a factor."""
        e = (np.eye(n - 1) - at[0] * M) @ v
        m = [np.sum(e * (A @ e)) - at[1] * v.shape[1] * np.trace(A) for A in forms]
        root = np.linalg.cholesky(variance * v.shape[1] * weigh[v.shape[1]] ** 2)
        return np.linalg.solve(root, m)

    within, between = u @ F_T, u @ one
    rough = by_hand(within, M)
    e, b = ((np.eye(n - 1) - rough * M) @ v for v in (within, between))
    traces = np.array([np.trace(A) for A in forms]) / (n - 1)
    found = [np.sum(e * (A @ e)) / e.size for A in forms]
    weigh = {T - 1: traces @ found / (traces @ traces), 1: np.sum(b**2) / (n - 1)}
    both = least_squares(
        lambda at: np.r_[moments(at[:2], within), moments(at[[0, 2]], between)],
        [rough, weigh[T - 1], weigh[1]], xtol=1e-15, ftol=1e-15, gtol=1e-15,
    )  # fmt: skip
    lam, s2, s1 = both.x
    assert_allclose(res.lam["w"], lam, rtol=1e-6)
    assert_allclose(res.params["phi"], np.sqrt(s2 / s1), rtol=1e-6)


def test_another_matrix_for_the_error_and_rows_that_do_not_sum_to_one():
    """The filtered constant and regressors stay in the span of the instruments: GLS, exactly."""
    panel, w = made_up(30, 1, seed=5)
    links = (ring(30, 8) > 0) / 3.0
    m = ss.Weights.from_matrix(links, ids=w.ids, name="m")
    res = ss.fit(ss.sem("y ~ x + z", W="m", estimator="gmm"), panel, m)
    R = np.eye(30) - res.lam["m"] * links
    y, x, z = (panel.frame[c].to_numpy() for c in ("y", "x", "z"))
    gls = np.linalg.lstsq(R @ np.c_[np.ones(30), x, z], R @ y, rcond=None)[0]
    assert_allclose(res.params.iloc[:3], gls, rtol=1e-9)

    K = w.dense()
    y = np.linalg.solve(
        np.eye(30) - 0.3 * K, x - z + 0.3 * np.random.default_rng(0).normal(size=30)
    )
    panel = panel.assign(y=y[:, None])
    model = ss.sac("y ~ x + z", W={"wy": "w", "wu": "m"}, estimator="gmm")
    both = ss.fit(model, panel, [w, m])
    R = np.eye(30) - both.lam["m"] * links
    X = np.c_[np.ones(30), x, z]
    H = np.c_[X, K @ X[:, 1:], K @ K @ X[:, 1:], links @ X]
    Q = R @ np.c_[X, K @ y]
    P = H @ np.linalg.pinv(H)
    assert_allclose(both.params.iloc[:4], np.linalg.solve(Q.T @ P @ Q, Q.T @ P @ R @ y), rtol=1e-8)


def test_without_a_spatial_error_lambda_changes_little():
    """Errors drawn without dependence: lambda within two standard errors of zero."""
    panel, w = made_up(60, 6, seed=2)
    res = ss.fit(ss.gns("y ~ x + z", W="w", fixed_effects="twoways", estimator="gmm"), panel, w)
    assert abs(res.lam["w"]) < 2 * res.se["lambda[w]"]
    text = res.summary()
    assert "the spatial error by the moments of Kelejian and Prucha" in text
    assert "loglik" not in text
    assert len(res.effects()["direct"]) == 2


@pytest.mark.parametrize("random", [None, "individual"])
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_units_of_the_outcome_change_no_error_of_lambda(random, unit):
    """In yuan the variance, beside lambda, was no longer told from rounding."""
    panel, w = made_up(12, 6)
    model = ss.sem("y ~ x + z", W="w", estimator="gmm", random=random)
    plain = ss.fit(model, panel, w)
    moved = ss.fit(model, panel.assign(y=unit * panel.array("y")), w)
    assert_allclose(moved.lam, plain.lam, rtol=1e-8)
    assert_allclose(moved.se["lambda[w]"], plain.se["lambda[w]"], rtol=1e-8)


def test_covariances_that_contradict_the_moments_are_refused():
    panel, w = made_up(30, 6)
    model = ss.sac("y ~ x", W="w", fixed_effects="twoways", estimator="gmm")
    for kind in ("robust", "city"):
        with pytest.raises(ss.ModelError, match=f"cov='{kind}' allows errors that the moments"):
            ss.fit(model, panel, w, cov=kind)


def first_residuals(n: int, seed: int):
    """A design whose residuals of the first step are those of `n` draws, its error and weights."""
    panel, w = made_up(n, 1)
    design = build(ss.sem("y ~ x", W="w", estimator="gmm"), panel, {"w": w})
    u = np.random.default_rng(seed).normal(size=(n, 1))
    return replace(design, y=u), design.error, w.dense()


def test_moments_without_a_minimum_inside_are_refused():
    """Twelve residuals whose dependence is stronger than any lambda of the interval makes it."""
    design, error, _ = first_residuals(12, 1)
    with pytest.raises(ss.EstimationError, match=r"lambda\[w\] outside its interval"):
        error_by_moments(design, error)


@pytest.mark.parametrize(("seed", "stationary"), [(24, 3), (70, 3), (3, 2)])
def test_of_several_stationary_points_the_least_is_taken(seed, stationary):
    """Ten residuals whose moments have maxima and other minima in the interval of lambda."""
    design, error, W = first_residuals(10, seed)
    low, high = error.logdet.interval
    Z = design.Z[:, 0]
    u = design.y - Z @ np.linalg.lstsq(Z, design.y, rcond=None)[0]
    grid = np.linspace(low, high, 200_001)[1:-1]
    rows = u - grid * (W @ u)
    moved = W @ rows
    made = np.array([(rows**2).sum(0), (moved**2).sum(0), (rows * moved).sum(0)])
    share = np.array([10, (W**2).sum(), 0])
    rest = made - np.outer(share, share @ made) / (share @ share)
    distance = (rest**2).sum(axis=0)
    assert (np.diff(np.sign(np.diff(distance))) != 0).sum() == stationary
    assert_allclose(error_by_moments(design, error)[0], grid[distance.argmin()], atol=2e-5)
