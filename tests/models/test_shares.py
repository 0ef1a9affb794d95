"""Intervals, tests and warnings for the shares of a mixture."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import NAMES, mixed, swept, three
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar, nnls
from scipy.stats import chi2

import spatialsyn as ss
from spatialsyn.models.design import align, build
from spatialsyn.models.qml import describe
from spatialsyn.models.shares import _chi_bar_weights
from spatialsyn.numerics.simplex import lattice, maximise_on_simplex
from spatialsyn.summary import notes

PANEL, WEIGHTS = three(seed=1)
SAR = ss.fit(mixed("sar", ("a", "b")), PANEL, WEIGHTS)


def profile(share: float) -> float:
    """The highest log-likelihood of the SAR with this share of `a`, written out."""
    n, T = PANEL.n, PANEL.T
    a, b = (w.dense() for w in WEIGHTS[:2])
    W, y = share * a + (1 - share) * b, PANEL.array("y")
    Z = np.column_stack([swept(PANEL.array(x), "twoways").ravel() for x in ("x", "z")])
    e = np.column_stack([swept(v, "twoways").ravel() for v in (y, W @ y)])
    e = e - Z @ np.linalg.lstsq(Z, e)[0]
    nobs = (n - 1) * (T - 1)

    def minus(rho: float) -> float:
        r = e[:, 0] - rho * e[:, 1]
        logdet = np.linalg.slogdet(np.eye(n) - rho * W)[1] - np.log(1 - rho)
        return nobs / 2 * (np.log(2 * np.pi * (r @ r) / nobs) + 1) - (T - 1) * logdet

    found = minimize_scalar(minus, bounds=(-0.99, 0.99), method="bounded", options={"xatol": 1e-10})
    return -found.fun


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_end_where_the_likelihood_has_fallen_by_half_the_quantile(level):
    ends = SAR.share_intervals(level).loc["a"]
    assert 0 < ends["low"] < SAR.shares["estimate"]["a"] < ends["high"] < 1
    for end in ends:
        assert_allclose(SAR.loglik - profile(end), chi2.ppf(level, 1) / 2, rtol=1e-4)
    other = SAR.share_intervals(level).loc["b"]
    assert_allclose([other["low"], other["high"]], [1 - ends["high"], 1 - ends["low"]], atol=1e-5)


def test_intervals_stay_inside_the_range_of_a_share():
    panel, weights = three(shares=(0.7, 0.3, 0.0), seed=4)
    res = ss.fit(mixed("sar"), panel, weights)
    shares = res.shares
    zero = shares["estimate"] == 0
    assert zero.any()
    assert (shares["low"][zero] == 0).all()
    assert (shares["high"][zero] > 0).all()
    assert shares["se"][zero].isna().all()
    assert ((shares[["low", "high"]] >= 0) & (shares[["low", "high"]] <= 1)).all(axis=None)
    tidy = res.tidy().set_index("term").loc[[f"share[{name}]" for name in NAMES]]
    assert_allclose(tidy[["low", "high"]], shares[["low", "high"]])
    assert tidy[["z", "p"]].isna().all(axis=None)


def test_wider_levels_have_wider_intervals():
    res = ss.fit(mixed(), PANEL, WEIGHTS)
    narrow, wide = res.share_intervals(0.5), res.share_intervals(0.95)
    assert (narrow["low"] >= wide["low"]).all()
    assert (narrow["high"] <= wide["high"]).all()


def test_one_share_is_tested_against_half_a_chi_squared():
    test = SAR.share_test("b")
    assert_allclose(test.statistic, 2 * (SAR.loglik - profile(1.0)), rtol=1e-6)
    assert_allclose(test.p, chi2.sf(test.statistic, 1) / 2)
    assert test.df == 1
    assert "0.5 chi2_0 + 0.5 chi2_1" in str(test)
    assert "share of 'b' is zero" in test.null


def test_a_share_estimated_at_zero_is_not_surprising():
    panel, weights = three(shares=(0.7, 0.3, 0.0), seed=4)
    res = ss.fit(mixed("sar"), panel, weights)
    name = res.shares["estimate"].idxmin()
    test = res.share_test(name)
    assert (test.statistic, test.p) == (0, 1)


def test_several_shares_have_a_chi_bar_squared():
    res = ss.fit(mixed("sar"), PANEL, WEIGHTS)
    test = res.share_test(["b", "c"])
    alone = ss.fit(ss.sar("y ~ x + z", W="a", fixed_effects="twoways"), PANEL, WEIGHTS)
    assert_allclose(test.statistic, 2 * (res.loglik - alone.loglik), rtol=1e-6)
    low, high = chi2.sf(test.statistic, 1) / 2, chi2.sf(test.statistic, 2)
    assert low < test.p < high
    assert "chi2_2" in test.note
    # The same weights from the model with an own rho each, at rho_b = rho_c = 0.
    own = ss.sar("y ~ x + z", W=["a", "b", "c"], fixed_effects="twoways")
    design = build(own, PANEL, align(WEIGHTS, own.weights_names, PANEL))
    p = alone.params
    params = np.array([p["x"], p["z"], p["rho[a]"], 0, 0, p["sigma2"]])
    weights = _chi_bar_weights(describe(design, params).cov[3:5, 3:5], seed=0)
    tails = [chi2.sf(test.statistic, 1), chi2.sf(test.statistic, 2)]
    assert_allclose(test.p, weights[1:] @ tails, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_weights_are_how_often_a_projection_has_so_many_positive_parts(k):
    rng = np.random.default_rng(k)
    root = rng.normal(size=(k, k))
    V = root @ root.T + 0.3 * np.eye(k)
    ours = _chi_bar_weights(V, seed=0)
    assert_allclose(ours.sum(), 1)
    assert_allclose(ours[::2].sum(), 0.5, atol=0.02)
    metric = np.linalg.cholesky(np.linalg.inv(V)).T
    counts = np.zeros(k + 1)
    for z in rng.multivariate_normal(np.zeros(k), V, size=4000):
        counts[(nnls(metric, metric @ z)[0] > 0).sum()] += 1 / 4000
    assert_allclose(counts, ours, atol=0.03)  # four standard errors of 4000 draws


def test_the_bootstrap_is_seeded_and_near_the_asymptotic_distribution():
    first, again = (SAR.share_test("b", bootstrap=30, seed=1) for _ in range(2))
    assert first == again
    assert first.statistic == SAR.share_test("b").statistic
    assert abs(first.p - SAR.share_test("b").p) < 0.2  # 30 draws
    larger = first.p * 31  # the statistic itself is one of them
    assert_allclose(larger, max(1, round(larger)), rtol=1e-12)
    assert "parametric bootstrap, 30 draws, seed 1" in first.note


def test_matrices_that_overlap_and_a_rho_near_zero_are_said():
    panel, (a, b, _) = three(rho=0.0, seed=5)
    near = ss.Weights.from_matrix(0.95 * a.dense() + 0.05 * b.dense(), ids=a.ids, name="near")
    rng = np.random.default_rng(0)
    noise = panel.assign(y=rng.normal(size=(panel.n, panel.T)))
    res = ss.fit(mixed("sar", ("a", "near")), noise, [a, near])
    said = " ".join(notes(res))
    assert "W[a] and W[near] overlap (correlation of the weights 1.00" in said
    assert "not told from zero: shares are not identified at rho = 0 (Davies)" in said
    assert "Davies" in res.share_test("a").note
    own = ss.fit(ss.sar("y ~ x", W=["a", "near"], fixed_effects="twoways"), noise, [a, near])
    assert "overlap" in " ".join(notes(own))
    clear = " ".join(notes(SAR))
    assert "overlap" not in clear
    assert "Davies" not in clear


def test_questions_without_an_answer_are_refused():
    plain = ss.fit(ss.sar("y ~ x", W="a"), PANEL, WEIGHTS)
    for ask in (
        lambda: plain.shares,
        lambda: plain.share_intervals(),
        lambda: plain.share_test("a"),
        lambda: plain.posterior(),
        lambda: plain.averaged(),
    ):
        with pytest.raises(ss.ModelError, match=r"mixes no matrices.*W=ss.convex"):
            ask()
    with pytest.raises(ss.ModelError, match="'q' is not mixed here; there are 'a', 'b'"):
        SAR.share_test("q")
    with pytest.raises(ss.ModelError, match="not all of them can be zero"):
        SAR.share_test(["a", "b"])
    with pytest.raises(ss.ModelError, match="level=95 must lie between 0 and 1"):
        SAR.share_intervals(95)
    with pytest.raises(ss.ModelError, match="bootstrap=-1: give a whole number of at least 0"):
        SAR.share_test("a", bootstrap=-1)
    with pytest.raises(ss.ModelError, match="draws=0: give a whole number of at least 1"):
        SAR.posterior(draws=0)
    with pytest.raises(ss.ModelError, match=r"g=0: .*positive number"):
        SAR.averaged(g=0)
    with pytest.raises(ss.ModelError, match=r"wild bootstrap is not available with ss.convex"):
        ss.wild_bootstrap(SAR)
    holed = PANEL.array("y").copy()
    holed[0, 0] = np.nan
    with pytest.raises(ss.ModelError, match=r"does not go together with W=ss.convex\('a', 'b'"):
        ss.fit(SAR.model, PANEL.assign(y=holed), WEIGHTS, missing="likelihood")
    sac = ss.sac("y ~ x", W={"wy": ss.convex("a", "b"), "wu": "c"}, fixed_effects="individual")
    with pytest.raises(ss.ModelError, match="not available with a spatial error"):
        ss.fit(sac, PANEL, WEIGHTS).share_test("a", bootstrap=10)


@pytest.mark.parametrize("corner", range(3))
def test_the_search_ends_on_faces_of_the_simplex(corner):
    """A concave quadratic whose peak lies outside: the projection, found by brute force."""
    rng = np.random.default_rng(corner)
    root = rng.normal(size=(3, 3))
    H, centre = root @ root.T + 0.2 * np.eye(3), rng.normal(size=3) + 2 * np.eye(3)[corner]

    def value(x):
        return float(-(x[1:] - centre) @ H @ (x[1:] - centre) / 2 - (x[0] - 1) ** 2)

    def score(x):
        return np.r_[-2 * (x[0] - 1), -H @ (x[1:] - centre)]

    starts = [np.array([0.0, 1, 0, 0]), np.array([0.0, 0.2, 0.3, 0.5])]
    found = maximise_on_simplex(value, score, starts, slice(1, 4))
    best = max(lattice(3, 200), key=lambda p: value(np.r_[1.0, p]))
    assert_allclose(found[0], 1, rtol=1e-9)
    assert_allclose(found[1:].sum(), 1, rtol=1e-12)
    assert value(found) >= value(np.r_[1.0, best]) - 1e-12
    assert_allclose(found[1:], best, atol=0.01)  # the lattice's step
    for share in np.eye(3):  # there is one peak, from wherever
        alone = maximise_on_simplex(value, score, [np.r_[0, share]], slice(1, 4))
        assert_allclose(alone, found, atol=1e-6)
    held = maximise_on_simplex(value, score, [np.array([0.0, 0.4, 0.3, 0.3])], slice(1, 4), [0])
    assert held[1] == 0.4
    assert (
        value(held)
        >= max(value(np.r_[1, 0.4, 0.6 * t, 0.6 - 0.6 * t]) for t in np.linspace(0, 1, 61)) - 1e-12
    )
