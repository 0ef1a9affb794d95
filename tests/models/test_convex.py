"""Convex combinations of weights: brute force, special cases, derivatives, refusals."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
from mixtures import NAMES, mixed, swept, three
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.convex import at, concentrated, score
from spatialsyn.numerics.lags import lag
from spatialsyn.summary import notes
from tests.cases import made_up

# The stored maxima are good to about 1e-8.
RTOL = 1e-6
CASES = ("sim_conv_sar", "sim_conv_sdm", "weekly_conv")
SHARES = [f"share[{name}]" for name in NAMES]


@pytest.mark.parametrize("wx", ["each", "combined"])
@pytest.mark.parametrize("rho", [0.6, -0.7])
def test_nothing_on_a_dense_grid_is_higher(wx, rho):
    panel, weights = three(rho=rho, shares=(0.7, 0.3, 0.0), seed=3)
    res = ss.fit(mixed(wx=wx), panel, weights)
    design, n = res.design, panel.n
    x = np.stack([panel.array("x"), panel.array("z")], axis=2)
    W = [w.dense() for w in weights]
    highest = -np.inf
    for i, j in product(range(11), repeat=2):
        if i + j > 10:
            continue
        g = np.array([i, j, 10 - i - j]) / 10
        Wc = sum(a * w for a, w in zip(g, W, strict=True))
        lagged = [Wc] if wx == "combined" else W
        Z = np.concatenate([x, *(lag(w, x) for w in lagged)], axis=2)
        y, Wy, Z = (swept(v, "twoways") for v in (panel.array("y"), Wc @ panel.array("y"), Z))
        Z = Z.reshape(y.size, -1)
        e = np.column_stack([y.ravel(), Wy.ravel()])
        F = e.T @ (e - Z @ np.linalg.lstsq(Z, e)[0])
        grid = np.linspace(-1.3, 0.99, 230)
        eigenvalues = np.linalg.eigvals(Wc)
        logdet = np.log(np.abs(1 - np.multiply.outer(grid, eigenvalues))).sum(axis=1)
        ssr = F[0, 0] - 2 * grid * F[0, 1] + grid**2 * F[1, 1]
        fit = np.log(2 * np.pi * ssr / design.nobs) + 1
        real = eigenvalues.real[np.abs(eigenvalues.imag) < 1e-9]
        inside = grid > 1 / real.min()
        value = design.copies * (logdet - np.log(1 - grid)) - design.nobs / 2 * fit
        highest = max(highest, value[inside].max())
    assert design.copies == panel.T - 1
    assert design.nobs == (n - 1) * (panel.T - 1)
    assert highest <= res.loglik + 1e-9
    assert highest > res.loglik - 0.2  # of the same function
    assert np.sign(res.rho.iloc[0]) == np.sign(rho)


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
def test_inside_the_simplex_it_is_the_model_with_an_own_rho_each(effects):
    panel, weights = three(**INSIDE, effects=effects)
    res = ss.fit(mixed(fixed_effects=effects), panel, weights)
    assert res.params[SHARES].min() > 0.1
    own = ss.fit(ss.sdm("y ~ x + z", W=list(NAMES), fixed_effects=effects), panel, weights)
    assert_allclose(res.rho.iloc[0] * res.params[SHARES], own.rho, rtol=RTOL)
    assert_allclose(res.loglik, own.loglik, rtol=1e-12)
    assert_allclose(res.corr2, own.corr2, rtol=RTOL)
    assert_allclose(res.fitted, own.fitted, rtol=RTOL)
    assert_allclose(res.predict(), own.predict(), rtol=RTOL)
    if effects != "none":
        ours, theirs = res.fixed_effects(), own.fixed_effects()
        assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-5)
        assert_allclose(ours["se"], theirs["se"], rtol=1e-5)
    for kind in ("expected", "observed", "sandwich", "city"):
        ours, theirs = res.with_cov(kind), own.with_cov(kind)
        assert_allclose(ours.se[own.data.names[-1]], theirs.se[own.data.names[-1]], rtol=1e-5)
        total = np.array(theirs.cov.loc[list(own.design.rho_names), list(own.design.rho_names)])
        assert_allclose(ours.se.filter(like="rho[").iloc[0] ** 2, total.sum(), rtol=1e-5)
    effect = res.effects("x").table, own.effects("x").table
    assert_allclose(effect[0]["estimate"], effect[1]["estimate"], rtol=1e-5)
    assert_allclose(effect[0]["se"], effect[1]["se"], rtol=1e-5)


@pytest.mark.parametrize("family", ["sar", "sdm"])
@pytest.mark.parametrize("wx", ["each", "combined"])
@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
def test_one_matrix_is_the_plain_model(family, wx, correction):
    panel, weights = three()
    res = ss.fit(mixed(family, ("a",), wx, correction=correction), panel, weights)
    make = getattr(ss, family)
    plain = ss.fit(
        make("y ~ x + z", W="a", fixed_effects="twoways", correction=correction), panel, weights
    )
    for ours, theirs in ((res.params, plain.params), (res.se, plain.se)):
        assert_allclose(ours.drop("share[a]"), theirs, rtol=RTOL)
    for kind in ("sandwich", "city"):
        ours, theirs = res.with_cov(kind).se.drop("share[a]"), plain.with_cov(kind).se
        assert_allclose(ours, theirs, rtol=1e-5)
    assert res.params["share[a]"] == 1
    assert np.isnan(res.se["share[a]"])
    assert_allclose([res.loglik, res.aic, res.bic], [plain.loglik, plain.aic, plain.bic])
    assert_allclose(res.effects().table["se"], plain.effects().table["se"], rtol=RTOL)


INSIDE, FACE = {"seed": 1, "noise": 0.1}, {"seed": 3, "shares": (0.7, 0.3, 0.0)}


@pytest.mark.parametrize(
    ("family", "wx", "effects", "case"),
    [
        ("sar", "each", "twoways", INSIDE),
        ("sar", "each", "individual", FACE),
        ("sdm", "each", "none", FACE),
        ("sdm", "each", "twoways", INSIDE),
        ("sdm", "combined", "none", INSIDE),
        ("sdm", "combined", "twoways", FACE),
        ("sac", "each", "time", INSIDE),
        ("gns", "each", "individual", FACE),
        ("gns", "combined", "none", INSIDE),
    ],
)
def test_the_score_is_zero_and_the_information_numerical(family, wx, effects, case):
    panel, weights = three(**case, effects=effects)
    convex = ss.convex(*NAMES, wx=wx)
    roles = {"wy": convex} | ({"wx": convex} if family == "gns" else {}) | {"wu": "b"}
    W = convex if family in ("sar", "sdm") else roles
    model = getattr(ss, family)("y ~ x", W=W, fixed_effects=effects)
    res = ss.fit(model, panel, weights, cov="observed")
    params = res.params.to_numpy()
    loglik = likelihood_of(res, effects)
    assert_allclose(loglik(params), res.loglik, rtol=1e-10)
    free = directions(res)
    scale = np.sqrt(np.diag(free.T @ res.cov.to_numpy() @ free))
    h = 2e-2 * scale

    def moved(*steps: tuple[int, float]) -> float:
        return loglik(params + sum(s * h[i] * free[:, i] for i, s in steps))

    slope = [(moved((i, 1)) - moved((i, -1))) / 0.04 for i in range(len(h))]
    assert_allclose(slope, 0, atol=2e-3)  # in standard errors; the third derivative is left

    def second(i: int, j: int, s: float) -> float:
        corners = [a * b * moved((i, s * a), (j, s * b)) for a, b in product((1, -1), repeat=2)]
        return -sum(corners) / (4 * s**2 * 4e-4)

    numerical = np.zeros((len(h), len(h)))
    for i, j in product(range(len(h)), repeat=2):
        if j <= i:
            numerical[i, j] = numerical[j, i] = (4 * second(i, j, 1) - second(i, j, 2)) / 3
    analytic = np.linalg.inv(free.T @ res.cov.to_numpy() @ free) * np.outer(scale, scale)
    # Differences of fourth order: 1e-5 of the diagonal.
    size = np.sqrt(np.outer(np.diag(analytic), np.diag(analytic)))
    assert_allclose(numerical / size, analytic / size, atol=1e-5)


def directions(res: ss.Results) -> np.ndarray:
    """Orthonormal directions of the parameters that keep the sum of the positive shares."""
    names = list(res.params.index)
    positive = [names.index(s) for s in SHARES if res.params[s] > 0]
    others = [i for i, name in enumerate(names) if name not in SHARES]
    basis = np.linalg.svd(np.ones((1, len(positive))))[2][1:].T
    free = np.zeros((len(names), len(others) + len(positive) - 1))
    free[others, range(len(others))] = 1
    free[np.ix_(positive, range(len(others), free.shape[1]))] = basis
    return free


def likelihood_of(res: ss.Results, effects: str):
    """The transformed log-likelihood, written out from the names of the parameters."""
    panel, n = res.panel, res.panel.n
    W = {name: w.dense() for name, w in res.weights.items()}

    def loglik(theta: np.ndarray) -> float:
        p = dict(zip(res.params.index, theta, strict=True))
        Wc = sum(p[f"share[{name}]"] * W[name] for name in NAMES)
        rho = p["rho[a+b+c]"]
        signal = p.get("Intercept", 0.0) * np.ones((n, panel.T))
        for x in res.regressors:
            signal = signal + p[x] * panel.array(x)
            for name, matrix in (*W.items(), ("a+b+c", Wc)):
                signal = signal + p.get(f"W[{name}]*{x}", 0.0) * matrix @ panel.array(x)
        S, R = np.eye(n) - rho * Wc, np.eye(n) - p.get("lambda[b]", 0.0) * W["b"]
        e = swept(R @ (S @ panel.array("y") - signal), effects)
        logdet = np.linalg.slogdet(S)[1] + np.linalg.slogdet(R)[1]
        if effects in ("time", "twoways"):
            logdet -= np.log(1 - rho) + np.log(1 - p.get("lambda[b]", 0.0))
        copies = panel.T - (effects in ("individual", "twoways"))
        fit = np.log(2 * np.pi * p["sigma2"]) * res.nobs + (e**2).sum() / p["sigma2"]
        return copies * logdet - fit / 2

    return loglik


def test_on_a_face_the_likelihood_falls_towards_the_inside():
    panel, weights = three(shares=(0.7, 0.3, 0.0), seed=3)
    res = ss.fit(mixed("sar"), panel, weights)
    found = res.params[["rho[a+b+c]", *SHARES]].to_numpy()
    slope, shares = score(res.design, found), found[1:]
    on = shares > 0
    assert not on.all()
    common = slope[1:] @ shares
    assert abs(slope[0]) < 1e-6
    assert_allclose(slope[1:][on], common, atol=1e-5)
    assert (slope[1:][~on] < common).all()
    assert np.isnan(res.se[SHARES][~on]).all()
    assert (res.se[SHARES][on] > 0).all()
    assert_allclose(at(res.design, found), res.params, rtol=1e-9)
    assert_allclose(concentrated(res.design, found), res.loglik)


def test_cities_years_and_the_order_of_the_names_do_not_matter():
    panel, weights = three()
    res = ss.fit(mixed(), panel, weights)
    rows = panel.frame.reset_index().sample(frac=1, random_state=0)
    shuffled = ss.CityPanel(rows, city="city", year="year", blocks=["region"])
    turned = [w.aligned(list(panel.ids)[::-1]) for w in weights[::-1]]
    again = ss.fit(mixed(names=("c", "a", "b")), shuffled, turned)
    assert_allclose(again.params[SHARES], res.params[SHARES], rtol=RTOL)
    assert_allclose(again.se[SHARES], res.se[SHARES], rtol=RTOL)
    assert_allclose(again.loglik, res.loglik, rtol=1e-10)


def test_one_scale_of_all_matrices_moves_rho_only():
    panel, weights = three()
    big = [ss.Weights.from_matrix(7 * w.dense(), ids=w.ids, name=w.name) for w in weights]
    model = mixed("sar", fixed_effects="individual")
    res, scaled = ss.fit(model, panel, weights), ss.fit(model, panel, big)
    assert_allclose(scaled.rho * 7, res.rho, rtol=RTOL)
    assert_allclose(scaled.params[SHARES], res.params[SHARES], rtol=1e-5)
    assert "shares depend on their scales" in " ".join(notes(scaled))
    assert "shares depend on their scales" not in " ".join(notes(res))


@pytest.mark.parametrize("wx", ["each", "combined"])
def test_regimes_and_weights_of_every_year_enter_too(wx):
    panel, weights = three()
    res = ss.fit(mixed(wx=wx, regimes=ss.regimes("region", x="x")), panel, weights)
    name = "a" if wx == "each" else "a+b+c"
    assert f"W[{name}]*x[core]" in res.params
    assert f"W[{name}]*z" in res.params
    series = ss.weights.series(dict.fromkeys(panel.years, weights[0]), name="a")
    for correction in ("direct", "lee-yu"):
        model = mixed(wx=wx, correction=correction)
        changing = ss.fit(model, panel, [series, *weights[1:]])
        still = ss.fit(model, panel, weights)
        assert_allclose(changing.params, still.params, rtol=1e-5)
        se = [res.effects("x").table["se"] for res in (changing, still)]
        assert_allclose(*se, rtol=1e-5)


def test_equal_matrices_and_mixtures_of_others_are_refused():
    panel, (a, b, _) = three()
    with pytest.raises(ss.ModelError, match="the matrices 'a', 'twin' are equal"):
        ss.fit(mixed(names=("a", "b", "twin")), panel, [a, b, a.rename("twin")])
    half = ss.Weights.from_matrix((a.dense() + b.dense()) / 2, ids=a.ids, name="half")
    with pytest.raises(ss.ModelError, match=r"'a', 'b', 'half' are equal, or combinations"):
        ss.fit(mixed("sar", ("a", "b", "half")), panel, [a, b, half])


def test_time_effects_need_rows_that_sum_to_one():
    panel, (a, b, c) = three()
    raw = ss.Weights.from_matrix(2 * b.dense(), ids=b.ids, name="b")
    with pytest.raises(ss.WeightsError, match=r"rows of W\[b\] sum to 2"):
        ss.fit(mixed(), panel, [a, raw, c])


def test_a_mixture_is_a_value_and_prints():
    model = mixed(names=("a", "b"), wx="combined")
    assert str(model) == (
        "y ~ rho[a+b]*W[a+b]*y + x + z + W[a+b]*x + W[a+b]*z | city + year"
        " | W[a+b] = share[a]*W[a] + share[b]*W[b]"
    )
    assert model == mixed(names=("a", "b"), wx="combined")
    assert len({model, mixed(names=("a", "b"))}) == 2
    assert pickle.loads(pickle.dumps(model)) == model
    assert model.weights_names == ("a", "b")
    assert "W[a]*x + W[a]*z + W[b]*x" in str(mixed(names=("a", "b")))
    same = ss.sdm("y ~ x", W={"wy": ss.convex("a", "b"), "wx": ss.convex("a", "b")})
    assert same == ss.sdm("y ~ x", W=ss.convex("a", "b"))
    other = ss.sdm("y ~ x", W={"wy": ss.convex("a", "b"), "wx": "c"})
    assert "W[c]*x" in str(other)


def test_a_spatial_error_of_one_matrix_goes_with_a_mixture():
    panel, weights = three(**INSIDE)
    W = {"wy": ss.convex("a", "b"), "wu": "c"}
    res = ss.fit(ss.sac("y ~ x + z", W=W, fixed_effects="individual"), panel, weights)
    own = ss.fit(
        ss.sac("y ~ x + z", W=W | {"wy": ["a", "b"]}, fixed_effects="individual"), panel, weights
    )
    assert_allclose(res.lam, own.lam, rtol=RTOL)
    assert_allclose(res.se["lambda[c]"], own.se["lambda[c]"], rtol=1e-5)
    ours, theirs = res.fixed_effects(), own.fixed_effects()
    assert_allclose(ours[["estimate", "se"]], theirs[["estimate", "se"]], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ss.convex("a", wx="both"), "wx='both', which is neither 'each' nor 'combined'"),
        (lambda: ss.convex(["a", "b"]), r"names of weights matrices one by one.*convex\('geo'"),
        (lambda: ss.convex(), "names of weights matrices one by one"),
        (lambda: ss.convex("a", "a"), "convex names a matrix twice"),
        (lambda: mixed("sem"), r"sem cannot mix the matrix of its error.*\"wu\": \"geo\""),
        (lambda: mixed("sac"), "sac cannot mix the matrix of its error"),
        (lambda: mixed("slx"), r"slx has no lag of the outcome.*Use sar or sdm with"),
        (
            lambda: ss.sdm("y ~ x", W={"wy": "a", "wx": ss.convex("a", "b")}),
            r"mixture 'a\+b' that WX could share",
        ),
        (
            lambda: ss.sdm("y ~ x", W={"wy": ss.convex("a", "b", wx="combined"), "wx": "a"}),
            r"lags the regressors by 'a\+b', but W gives them 'a'",
        ),
        (lambda: mixed(lag_y=True), r"lag_y with ss.convex.*a list of names, W=\['a'"),
        (lambda: mixed(lag_wy=True), "lag_wy with ss.convex"),
        (lambda: mixed(random="individual", fixed_effects="none"), "random with ss.convex"),
        (lambda: mixed(correction="bias-corrected"), 'below zero.*Use correction="lee-yu"'),
        (lambda: mixed("mess", ("a",)), "mess with ss.convex.*does not exist"),
        (lambda: mixed(estimator="2sls"), r"estimator='2sls' with ss.convex.*a list of names"),
        (lambda: mixed(regimes=ss.regimes("region", rho=True)), "has one rho: leave regimes'"),
    ],
)
def test_what_does_not_exist_is_refused(make, message):
    with pytest.raises(ss.ModelError, match=message.replace("\n", " ")):
        make()


def test_simulated_mixtures_come_back():
    panel, weights = three()
    model = mixed(names=("a", "b"), wx="combined", fixed_effects="individual")
    truth = {"x": 1.0, "z": 0.5, "W[a+b]*x": 0.4, "W[a+b]*z": 0.0, "rho[a+b]": -0.4}
    truth |= {"share[a]": 0.3, "share[b]": 0.7, "sigma2": 1e-6}
    res = ss.fit(
        model, ss.simulate(model, panel, weights, truth, np.random.SeedSequence(1)), weights
    )
    assert_allclose(res.params[list(truth)], list(truth.values()), atol=2e-3)
    with pytest.raises(ss.ModelError, match=r"shares are not negative and sum to one; got \[0.3"):
        ss.simulate(model, panel, weights, truth | {"share[b]": 0.6}, seed=1)
    with pytest.raises(ss.ModelError, match=r"params lack 'share\[b\]'"):
        ss.simulate(model, panel, weights, {k: v for k, v in truth.items() if k != "share[b]"}, 1)


def test_matrices_of_units_far_apart_have_no_shares():
    panel, w = made_up(12, 6)
    turned = w.dense()[::-1, ::-1]
    for factor, refused in ((1e-3, True), (200.0, True), (0.02, False)):
        v = ss.Weights.from_matrix(factor * turned, ids=w.ids, name="v")
        model = ss.sar("y ~ x + z", W=ss.convex("w", "v"))
        if refused:
            with pytest.raises(ss.ModelError, match=r"1 of W\[w\], .* of W\[v\].*Standardise"):
                ss.fit(model, panel, [w, v])
        else:
            assert ss.fit(model, panel, [w, v]).rho.size == 1
