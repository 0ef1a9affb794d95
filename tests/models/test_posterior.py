"""The integrated posterior of shares: stored numbers, brute force, draws, subsets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from mixtures import NAMES, mixed, stored, three
from numpy.testing import assert_allclose
from peers import fits

import spatialsyn as ss
from spatialsyn.models.design import align, build
from spatialsyn.models.posterior import evidence, integrated, legendre
from spatialsyn.models.search import compressed

PANEL, WEIGHTS = three(n=10, T=6, seed=1)
RES = {
    (family, wx): ss.fit(mixed(family, ("a", "b"), wx), PANEL, WEIGHTS)
    for family, wx in (("sar", "each"), ("sdm", "each"), ("sdm", "combined"))
}


def log_density(
    res: ss.Results, rho: np.ndarray, g: np.ndarray, k: int | None = None
) -> np.ndarray:
    """ln p(rho, g | y) for many rho, from the swept data; `k` is the number of regressors."""
    design = res.design
    W = sum(s * w.dense() for s, w in zip(g, res.weights.values(), strict=True))
    y, Z = design.y.ravel(), design.Z.reshape(design.y.size, -1)
    if res.model.roles.mixed.wx == "combined" and res.model.has_wx:
        q = len(res.regressors)
        Z = np.hstack([Z[:, :q], sum(s * Z[:, q * (m + 1) : q * (m + 2)] for m, s in enumerate(g))])
    e = np.column_stack([y, design.Wy.reshape(y.size, -1) @ g])
    F = e.T @ (e - Z @ np.linalg.lstsq(Z, e)[0])
    logdet = np.log(np.abs(1 - np.multiply.outer(rho, np.linalg.eigvals(W)))).sum(axis=1)
    if design.projects_cities:
        logdet = logdet - np.log(1 - rho)
    ssr = F[0, 0] - 2 * rho * F[0, 1] + rho**2 * F[1, 1]
    k = Z.shape[1] if k is None else k  # with the dummies that are integrated out
    gram = np.linalg.slogdet(Z.T @ Z)[1] / 2
    return design.copies * logdet - (design.nobs - k) / 2 * np.log(ssr) - gram


def moments(log: np.ndarray, rho: np.ndarray, first: np.ndarray, rule: str) -> list[float]:
    """Means and standard deviations of rho and the first share, log is (shares, rho)."""
    mass = np.exp(log - log.max())
    if rule == "trapezoid":
        mass[[0, -1]] /= 2
    mass /= mass.sum()
    found = []
    for value, weight in ((rho, mass.sum(axis=0)), (first, mass.sum(axis=1))):
        mean = weight @ value
        found += [mean, np.sqrt(weight @ (value - mean) ** 2)]
    return found


@pytest.mark.parametrize(("case", "family"), [("sim_conv_sar", "sar"), ("weekly_conv", "sar")])
def test_the_stored_posterior_is_a_rectangle_rule_of_another_exponent(case, family):
    """It has 161 shares with full weight at both ends, and n T / 2 where delta, sigma2 and the
    dummies, integrated out under flat priors, leave (n T - dummies - k)/2. So computed it comes
    back to rounding; ours lies as far off as that exponent moves it."""
    panel, weights, formula = stored(case)
    model = getattr(ss, family)(
        formula, W=ss.convex("a", "b"), fixed_effects="twoways", correction="direct"
    )
    res = ss.fit(model, panel, weights)
    theirs = fits(f"lesage_{case}")["independent"][f"{family}_conv_grid_posterior_direct"]
    rho, first = np.linspace(-0.2, 0.95, 1151), np.linspace(0, 1, 161)
    log = np.array([log_density(res, rho, np.array([g, 1 - g]), k=0) for g in first])
    assert_allclose(moments(log, rho, first, "rectangle"), list(theirs.values()), rtol=1e-10)
    k = len(res.data.names) + panel.n + panel.T - 1
    log = np.array([log_density(res, rho, np.array([g, 1 - g]), k) for g in first])
    table = res.posterior(draws=10).table
    ours = table.loc[["rho[a+b]", "share[a]"], ["mean", "sd"]].to_numpy().ravel()
    # The trapezoid of 161 shares is good to 3e-4 where the density does not vanish at its end.
    assert_allclose(ours, moments(log, rho, first, "trapezoid"), rtol=5e-4)


@pytest.mark.parametrize("key", RES)
def test_two_matrices_equal_a_fine_grid(key):
    res = RES[key]
    rho, first = (np.arange(2000) + 0.5) / 1000 - 1, np.linspace(0, 1, 401)
    log = np.array([log_density(res, rho, np.array([g, 1 - g])) for g in first])
    table = res.posterior(draws=10).table
    ours = table.loc[["rho[a+b]", "share[a]"], ["mean", "sd"]].to_numpy().ravel()
    assert_allclose(ours, moments(log, rho, first, "trapezoid"), atol=2e-5)
    mass = np.exp(log - log.max())
    mass[[0, -1]] /= 2
    below = np.cumsum(mass.sum(axis=1)) - mass.sum(axis=1) / 2
    ends = np.interp([0.025, 0.975], below / mass.sum(), first)
    assert_allclose(table.loc["share[a]", ["low", "high"]].to_numpy(float), ends, atol=2e-3)


def test_three_matrices_equal_a_lattice():
    res = ss.fit(mixed("sar"), PANEL, WEIGHTS)
    rho, steps = (np.arange(400) + 0.5) / 200 - 1, 40
    log, shares, weight = [], [], []
    for i, j in product(range(steps + 1), repeat=2):
        if i + j <= steps:
            g = np.array([i, j, steps - i - j]) / steps
            log.append(log_density(res, rho, g))
            shares.append(g)
            zeros = int((g == 0).sum())
            weight.append({0: 1.0, 1: 0.5, 2: 1 / 6}[zeros])  # linear elements on triangles
    mass = np.exp(np.array(log) - np.max(log)) * np.array(weight)[:, None]
    mass /= mass.sum()
    table = res.posterior(draws=10).table
    expected = [mass.sum(axis=0) @ rho, *(mass.sum(axis=1) @ np.array(shares))]
    assert_allclose(table["mean"], expected, atol=1e-3)  # 861 points of the simplex
    assert_allclose(table["mean"].iloc[1:].sum(), 1)


def test_the_density_between_the_exact_nodes_is_exact():
    small = compressed(ss.fit(mixed("sar"), PANEL, WEIGHTS).design)
    grid = integrated(small, None)
    W = [w.dense() for w in WEIGHTS]
    for at in (0, len(grid.shares) // 3, len(grid.shares) - 1):
        Wc = sum(s * w for s, w in zip(grid.shares[at], W, strict=True))
        rho = grid.rho[at, 60]
        own = np.linalg.slogdet(np.eye(10) - rho * Wc)[1] - np.log(1 - rho)
        near = np.linalg.slogdet(np.eye(10) - grid.rho[at, 61] * Wc)[1] - np.log(
            1 - grid.rho[at, 61]
        )
        change = 5 * (near - own)
        y, Wy = small.y.ravel(), small.Wy.reshape(small.y.size, -1) @ grid.shares[at]
        Z = small.Z.reshape(small.y.size, -1)
        ssr = [np.sum((v - Z @ np.linalg.lstsq(Z, v)[0]) ** 2)
               for v in (y - rho * Wy, y - grid.rho[at, 61] * Wy)]  # fmt: skip
        change -= (small.nobs - 2) / 2 * np.log(ssr[1] / ssr[0])
        assert_allclose(grid.log[at, 61] - grid.log[at, 60], change, atol=1e-8)


def test_cells_fill_the_interval_and_hold_their_nodes():
    axis = legendre(-1.0, 3.0, 17)
    edges = axis.low + np.r_[0, np.cumsum(axis.widths)]
    assert_allclose(edges[-1], 3)
    assert ((edges[:-1] < axis.nodes) & (axis.nodes < edges[1:])).all()


@pytest.mark.parametrize("key", RES)
def test_draws_have_the_moments_of_the_table_and_carry_effects(key):
    res = RES[key]
    post = res.posterior(draws=4000, seed=2)
    drawn = dict(zip(post.names, post.draws.T, strict=True))
    for name, row in post.table.iterrows():
        assert abs(drawn[name].mean() - row["mean"]) < 4 * row["sd"] / np.sqrt(4000)
        assert_allclose(drawn[name].std(), row["sd"], rtol=0.06)
        assert_allclose(np.quantile(drawn[name], [0.025, 0.975]), row[["low", "high"]], atol=0.03)
    assert (post.draws[:, [post.names.index("share[a]"), post.names.index("share[b]")]] >= 0).all()
    assert_allclose(drawn["share[a]"] + drawn["share[b]"], 1)
    with_draws = res.with_draws(post)
    effects = with_draws.effects("x", method="simulation", draws=500).table
    assert (effects["low"] < effects["high"]).all()
    assert post.draws.shape == (4000, len(res.params))
    again = res.posterior(draws=4000, seed=2)
    assert_allclose(again.draws, post.draws)
    assert "4000 draws, seed 2" in repr(post)


def test_the_regression_is_drawn_given_rho_and_the_shares():
    """With little noise the posterior is that of a regression: the estimate's errors, with the
    degrees of freedom of a t, N - k, for N."""
    panel, weights = three(noise=1e-3, seed=1, T=12)
    res = ss.fit(mixed("sdm", ("a", "b", "c"), "combined"), panel, weights)
    post, left = res.posterior(draws=2000), res.nobs - 4
    sd = post.draws.std(axis=0)
    names = list(res.data.names)
    ours = [sd[post.names.index(name)] for name in names]
    wider = np.sqrt(res.nobs / (left - 2))
    assert_allclose(ours, wider * res.se[names], rtol=0.08)  # 2000 draws
    spread = res.nobs / (left - 2) * np.sqrt(res.nobs / (left - 4))
    assert_allclose(sd[-1], spread * res.se["sigma2"], rtol=0.1)
    # Of an inverse chi-squared; rho and two shares take one of its degrees of freedom each.
    mean = res.nobs / (left - 3 - 2) * res.params["sigma2"]
    assert_allclose(post.draws[:, -1].mean(), mean, rtol=0.015)


@pytest.mark.parametrize("effects", ["none", "twoways"])
def test_evidence_is_the_integral_of_the_normal_density(effects):
    """y given (rho, sigma) is normal with covariance sigma2 (I + g P); integrate both on a grid."""
    panel, weights = three(n=6, T=3, seed=2, effects=effects)
    model = mixed("sar", ("a",), fixed_effects=effects)
    res, g = ss.fit(model, panel, weights), 7.0
    log, means = evidence(res.design, g)
    n, T, W = 6, 3, weights[0].dense()
    F_n = np.linalg.svd(np.ones((1, n)))[2][1:].T if effects == "twoways" else np.eye(n)
    F_T = np.linalg.svd(np.ones((1, T)))[2][1:].T if effects == "twoways" else np.eye(T)

    def transformed(v: np.ndarray) -> np.ndarray:
        return (F_n.T @ v @ F_T).ravel()

    Z = np.column_stack([transformed(panel.array(x)) for x in ("x", "z")])
    length = n * T if effects == "none" else 1
    if effects == "none":  # the flat constant takes one observation, and leaves 1 / |1|
        out = np.linalg.svd(np.ones((1, n * T)))[2][1:]
        Z = out @ Z
    P = Z @ np.linalg.solve(Z.T @ Z, Z.T)
    rho, log_s = (np.arange(800) + 0.5) / 400 - 1, np.linspace(-4, 3, 281)
    values = np.empty((len(rho), len(log_s)))
    Sigma = np.eye(len(P)) + g * P
    for i, r in enumerate(rho):
        v = transformed(panel.array("y") - r * W @ panel.array("y"))
        v = out @ v if effects == "none" else v
        S = F_n.T @ (np.eye(n) - r * W) @ F_n
        jacobian = F_T.shape[1] * np.linalg.slogdet(S)[1]
        quadratic = v @ np.linalg.solve(Sigma, v) * np.exp(-2 * log_s)
        constant = len(v) * np.log(2 * np.pi) + np.linalg.slogdet(Sigma)[1]
        values[i] = jacobian - (quadratic + constant) / 2 - len(v) * log_s
    # Uniform rho on (-1, 1), and d sigma / sigma = d ln sigma, to which the scale 2 belongs.
    mass = np.exp(values - values.max())
    total = np.log(mass.sum() * (rho[1] - rho[0]) * (log_s[1] - log_s[0]) / 2) + values.max()
    assert_allclose(log, total + np.log(2) - np.log(length) / 2, atol=2e-3)
    assert_allclose(means[0], (mass.sum(axis=1) @ rho) / mass.sum(), atol=2e-3)


@pytest.mark.parametrize(("names", "steps"), [(("a", "b"), 20), (NAMES, 6)])
def test_evidence_of_a_mixture_is_the_mean_over_uniform_shares(names, steps):
    """Of that of each mixture as one matrix, at the middles of equal parts of the simplex."""
    panel, weights = three(n=8, T=4, noise=1.0, seed=2)
    W = [w.dense() for w in weights[: len(names)]]
    whole = ss.fit(mixed("sar", names), panel, weights[: len(names)])
    if len(names) == 2:
        shares = [(g, 1 - g) for g in (np.arange(steps) + 0.5) / steps]
    else:
        corners = [(i + a, j + a) for i, j in product(range(steps), repeat=2)
                   for a in (1 / 3, 2 / 3) if i + j + 3 * a <= steps]  # fmt: skip
        shares = [(i / steps, j / steps, 1 - (i + j) / steps) for i, j in corners]
        assert len(shares) == steps**2
    made = []
    for mix in shares:
        dense = sum(s * w for s, w in zip(mix, W, strict=True))
        one = ss.Weights.from_matrix(dense, ids=panel.ids, name="m")
        model = mixed("sar", ("m",))
        made.append(evidence(build(model, panel, align(one, ("m",), panel)), 7.0)[0])
    expected = np.log(np.mean(np.exp(np.array(made) - max(made)))) + max(made)
    assert_allclose(evidence(whole.design, 7.0)[0], expected, atol=3e-3)


def test_subsets_do_not_depend_on_units_and_find_the_matrices_that_matter():
    panel, weights = three(n=14, T=8, shares=(0.6, 0.4, 0.0), noise=0.1, seed=1)
    found = ss.fit(mixed(), panel, weights).averaged()
    assert list(found.table.index) == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]
    assert_allclose(found.table["probability"].sum(), 1)
    assert found.table["probability"].idxmax() == "a+b"
    assert found.inclusion["c"] < 0.5 < found.inclusion["a"]
    assert_allclose(found.means[[f"share[{n}]" for n in NAMES]].sum(), 1)
    scaled = panel.assign(x=1000 * panel.frame["x"], z=panel.frame["z"] / 50)
    again = ss.fit(mixed(), scaled, weights).averaged()
    assert_allclose(again.table["probability"], found.table["probability"], rtol=1e-6, atol=1e-12)
    assert "Inclusion: a" in repr(found)


def test_wx_of_its_own_stays_in_every_subset():
    model = ss.sdm("y ~ x", W={"wy": ss.convex("a", "b"), "wx": "c"}, fixed_effects="twoways")
    found = ss.fit(model, PANEL, WEIGHTS).averaged()
    assert list(found.table.index) == ["a", "b", "a+b"]
    alone = ss.sdm("y ~ x", W={"wy": ss.convex("a"), "wx": "c"}, fixed_effects="twoways")
    log, _ = evidence(ss.fit(alone, PANEL, WEIGHTS).design, float(RES["sar", "each"].nobs))
    assert_allclose(found.table["log_marginal"]["a"], log)


def test_a_peak_beyond_the_prior_is_said():
    panel, weights = three(rho=-1.6, shares=(1.0, 0.0, 0.0), noise=0.1, effects="none", seed=1)
    res = ss.fit(mixed("sdm", ("a", "b"), fixed_effects="none"), panel, weights)
    assert res.rho.iloc[0] < -1
    assert "outside the range of the prior" in repr(res.posterior(draws=10))
    assert "outside the range" not in repr(RES["sar", "each"].posterior(draws=10))
    assert "upper bound" not in repr(res.effects())  # far below zero, near the lower one


def test_more_than_three_matrices_and_other_models_are_refused():
    fourth = ss.Weights.from_matrix(WEIGHTS[0].dense().T, ids=PANEL.ids, name="d").standardize(
        "row"
    )
    four = ss.fit(
        mixed("sar", ("a", "b", "c", "d"), fixed_effects="individual"), PANEL, [*WEIGHTS, fourth]
    )
    with pytest.raises(ss.ModelError, match="integrated for up to 3 matrices; this mixture has 4"):
        four.posterior()
    sac = ss.sac("y ~ x", W={"wy": ss.convex("a", "b"), "wu": "c"}, fixed_effects="individual")
    with pytest.raises(ss.ModelError, match="posterior of shares is not available with a spatial"):
        ss.fit(sac, PANEL, WEIGHTS).posterior()
    with pytest.raises(ss.ModelError, match="belongs to another model"):
        RES["sar", "each"].with_draws(RES["sdm", "each"].posterior(draws=10))


def test_a_posterior_of_other_data_is_refused():
    """Names of parameters are the same then; the draws gave effects of the other data."""
    fit = RES["sdm", "each"]
    other = ss.fit(fit.model, PANEL.assign(y=2 * PANEL.frame["y"]), WEIGHTS)
    post = fit.posterior(draws=10)
    assert fit.with_draws(post).estimate.draws is not None
    with pytest.raises(ss.ModelError, match="belongs to another fit, whose estimates differ"):
        other.with_draws(post)
