"""The wild cluster bootstrap against refits by hand, and by its size in simulated panels."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
from cases import made_up, redrawn
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.bootstrap import WEIGHTS, Wild, samples
from spatialsyn.models.design import align, build
from spatialsyn.models.nulls import null_tests
from spatialsyn.models.qml import estimate_qml
from spatialsyn.numerics.transform import sweep

# Two searches for the same rho stop near the square root of machine precision.
SEARCH = 1e-6


def drawn_from(family: str, effects: str, n: int = 15, T: int = 6, **options):
    """A fitted model and the panel and weights it was drawn from."""
    panel, w = made_up(n=n, T=T)
    W = {"ols": {}, "two": {"W": ["w", "v"]}}.get(family, {"W": "w"})
    W = {"W": {"wy": "w", "wu": "v"}} if family == "sac" else W
    make = getattr(ss, "sar" if family == "two" else family)
    model = make("y ~ x + z", **W, fixed_effects=effects, **options)
    v = ss.Weights.from_matrix(np.roll(np.eye(n), 3, axis=1), ids=w.ids, name="v")
    params = {"x": 1.0, "z": 0.0, "sigma2": 1.0}
    params |= {"Intercept": 2.0} if effects == "none" else {}
    params |= {"W[w]*x": 0.5, "W[w]*z": 0.2} if family in ("sdm", "gns") else {}
    params |= {"rho[w]": 0.3} if family not in ("ols", "sem") else {}
    params |= {"rho[v]": 0.2} if family == "two" else {}
    params |= {"lambda[w]": 0.3} if family in ("sem", "gns") else {}
    params |= {"lambda[v]": 0.3} if family == "sac" else {}
    panel = ss.simulate(model, panel, [w, v], params, seed=5)
    return ss.fit(model, panel, [w, v]), panel, [w, v]


def refit_by_hand(res, panel, weights, v, model=None, cov="expected"):
    """y from the structural residuals times `v`, through dense inverses, and a new fit to it."""
    p, n = res.params, panel.n
    S, R = np.eye(n), np.eye(n)
    for w in weights:
        S = S - p.get(f"rho[{w.name}]", 0.0) * w.dense()
        R = R - p.get(f"lambda[{w.name}]", 0.0) * w.dense()
    e = res.resid.to_numpy().reshape(n, -1)
    y = panel.array("y") + np.linalg.solve(S, np.linalg.solve(R, v * e - e))
    return ss.fit(model or res.model, panel.assign(y=y), weights, cov=cov)


def signs(weights: str, clusters: int, seed: int = 0, draws: int = 100) -> np.ndarray:
    generator = np.random.default_rng(seed)
    v = generator.choice(WEIGHTS[weights], size=(draws, clusters))
    return v * np.sqrt(clusters / (clusters - 1))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_have_mean_zero_and_variance_one(weights):
    points = WEIGHTS[weights]
    assert_allclose([points.mean(), (points**2).mean(), (points**3).mean()], [0, 1, 0], atol=1e-12)
    assert len(set(points.round(6))) == len(points)


@pytest.mark.parametrize(
    ("family", "effects", "correction"),
    [
        ("ols", "twoways", "lee-yu"),
        ("sar", "none", "lee-yu"),
        ("sdm", "twoways", "lee-yu"),
        ("sdm", "time", "direct"),
        ("sem", "individual", "lee-yu"),
        ("gns", "individual", "lee-yu"),
        ("sac", "individual", "lee-yu"),  # S and R do not commute
        ("two", "individual", "lee-yu"),
    ],
)
def test_draws_are_refits_of_regenerated_outcomes(family, effects, correction):
    res, panel, weights = drawn_from(family, effects, correction=correction)
    made = ss.wild_bootstrap(res, draws=100, weights="webb").estimate.draws
    v = signs("webb", panel.n)
    for i in (0, 57, 99):
        by_hand = refit_by_hand(res, panel, weights, v[i][:, None]).params.to_numpy()
        assert_allclose(made[i, :-1], by_hand[:-1], rtol=SEARCH, atol=SEARCH)
    assert np.isnan(made[:, -1]).all()


@pytest.mark.parametrize("family", ["sar", "sem", "gns", "two"])
def test_a_copy_of_what_travels_to_a_worker_gives_the_same_bits(family):
    res, _, _ = drawn_from(family, "individual")
    source = samples(res.design, res.design, res.estimate, Wild("city", "webb", 100, 0))
    copy = pickle.loads(pickle.dumps(source))
    start = res.params.iloc[-3:-1] if family in ("gns", "two") else res.params.iloc[-2:-1]
    here, there = (one.refitted(start.to_numpy(), slice(0, 16)) for one in (source, copy))
    assert np.array_equal(here, there, equal_nan=True)


@pytest.mark.parametrize(("family", "effects"), [("sar", "individual"), ("sdm", "twoways")])
def test_one_rho_is_found_by_all_samples_at_once_as_by_each_alone(family, effects):
    """Newton ends beyond the digits of the data: no tolerance of a search is needed."""
    res, panel, weights = drawn_from(family, effects, n=40, T=8)
    boot = ss.wild_bootstrap(res, draws=150)
    made, v = boot.effects(method="bootstrap").draws, signs("rademacher", panel.n, draws=150)
    assert len(boot.estimate.draws) == len(made) == 150
    for i in (0, 60, 127, 128, 149):  # of both blocks
        by_hand = refit_by_hand(res, panel, weights, v[i][:, None])
        assert_allclose(boot.estimate.draws[i, :-1], by_hand.params.iloc[:-1], rtol=1e-8)
        assert_allclose(made[i], by_hand.effects().table["estimate"], rtol=1e-8)


def test_draws_by_year_change_the_cities_of_a_year_together():
    res, panel, weights = drawn_from("ols", "individual", T=12)
    made = ss.wild_bootstrap(res, "period", draws=100, seed=3)
    by_hand = refit_by_hand(res, panel, weights, signs("rademacher", 12, seed=3)[7][None])
    assert_allclose(made.estimate.draws[7, :-1], by_hand.params.iloc[:-1], rtol=1e-9)


@pytest.mark.parametrize("cluster", ["city", "period"])
def test_for_least_squares_the_draws_have_the_clustered_covariance(cluster):
    """Given the data, E v v' = I makes the two the same but for sampling: 20 000 draws."""
    res, _, _ = drawn_from("ols", "individual", T=16)
    boot = ss.wild_bootstrap(res, cluster, draws=20_000)
    assert_allclose(boot.se.iloc[:2], res.with_cov(cluster).se.iloc[:2], rtol=0.02)
    assert_allclose(boot.estimate.draws[:, :2].mean(axis=0), res.params.iloc[:2], atol=0.01)


def serial(rng, n, T, ar=0.6):
    e = rng.normal(size=(n, T))
    for t in range(1, T):
        e[:, t] = ar * e[:, t - 1] + np.sqrt(1 - ar**2) * e[:, t]
    return e


def serial_panels(model, n, T, signal, draws):
    """Designs of `model`, a lag of y with rho = 0.4, errors with serial correlation 0.6."""
    panel, w = made_up(n=n, T=T, seed=2)
    design, W = build(model, panel, align(w, ("w",), panel)), w.dense()
    for seed in range(draws):
        e = serial(np.random.default_rng(seed), n, T)
        y = np.linalg.solve(np.eye(n) - 0.4 * W, signal * panel.array("x") + e)
        yield redrawn(design, W, y[..., None])


def test_the_draws_of_rho_are_as_wide_as_its_estimates_are():
    """150 panels of 21 cities and 10 years; by year the draws have less than half that width."""
    model = ss.sar("y ~ x", W="w", fixed_effects="twoways")
    rho, by_city, by_year = [], [], []
    for design in serial_panels(model, 21, 10, 0.2, 150):
        estimate = estimate_qml(design)
        rho.append(estimate.params[1])
        for cluster, width in (("city", by_city), ("period", by_year)):
            source = samples(design, design, estimate, Wild(cluster, "rademacher", 100, 0))
            width.append(np.std(source.refitted(None, slice(None))[:, 1]))
    assert_allclose(np.mean(by_city), np.std(rho), rtol=0.15)  # 150 panels: good to 6 %
    assert np.mean(by_year) < np.std(rho) / 2


def test_the_test_has_its_size_where_the_clustered_one_rejects_too_often():
    """100 panels in which x has no effect: at 10 % about 10 +- 3 should be rejected."""
    model = ss.sar("y ~ x", W="w", fixed_effects="individual")
    p, t = [], []
    for design in serial_panels(model, 12, 6, 0.0, 100):
        ((_, statistic, value),) = null_tests(
            design, estimate_qml(design), ["x"], Wild("city", "rademacher", 100, 0)
        )
        p.append(value)
        t.append(statistic)
    boot, normal = np.mean(np.array(p) <= 0.1), np.mean(np.abs(t) > 1.645)
    assert 0.04 <= boot <= 0.17
    assert normal > boot


@pytest.mark.parametrize(
    ("family", "name", "null"),
    [
        ("sar", "z", ss.sar("y ~ x", W="w", fixed_effects="twoways")),
        ("sar", "rho[w]", ss.ols("y ~ x + z", fixed_effects="twoways")),
        ("sem", "lambda[w]", ss.ols("y ~ x + z", fixed_effects="twoways")),
    ],
)
def test_the_p_value_is_that_of_restricted_refits_by_hand(family, name, null):
    res, panel, weights = drawn_from(family, "twoways", n=12, T=6)
    found = ss.wild_test(res, name, draws=100).iloc[0]
    clustered = res.with_cov("city")
    t = clustered.params[name] / clustered.se[name]
    assert_allclose([found["se"], found["t"]], [clustered.se[name], t], rtol=1e-9)
    restricted, stars = ss.fit(null, panel, weights), []
    for v in signs("rademacher", 12):
        made = refit_by_hand(restricted, panel, weights, v[:, None], res.model, "city")
        stars.append(made.params[name] / made.se[name])
    assert_allclose(found["p"], (1 + (np.abs(stars) >= abs(t)).sum()) / 101, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_with_few_cities_p_is_the_share_of_sign_patterns(seed):
    """All 128 patterns of 7 cities by dense least squares; two of them give the t of the data."""
    n, T, draws = 7, 5, 128
    panel, _ = made_up(n=n, T=T, seed=seed)
    panel = panel.assign(y=np.random.default_rng(100 + seed).normal(size=(n, T)))
    res = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel)
    y, x, z = (sweep(panel.array(name), "individual") for name in "yxz")
    Z = np.stack([x, z], axis=2).reshape(-1, 2)
    A = np.linalg.inv(Z.T @ Z)

    def t(outcome):
        e = outcome.ravel() - Z @ (b := A @ Z.T @ outcome.ravel())
        scores = (Z * e[:, None]).reshape(n, T, 2).sum(axis=1)
        return abs(b[0]) / np.sqrt((A @ scores.T @ scores @ A)[0, 0] * n / (n - 1))

    e = y - z * (z * y).sum() / (z * z).sum()
    patterns = np.array(list(product([-1.0, 1.0], repeat=n)))
    beyond = {tuple(v): t(y - e + v[:, None] * e) >= t(y) * (1 - 1e-8) for v in patterns}
    assert beyond[(1.0,) * n]
    assert beyond[(-1.0,) * n]
    drawn = np.sign(signs("rademacher", n, seed=seed, draws=draws))
    found = ss.wild_test(res, "x", draws=draws, seed=seed).iloc[0]
    assert_allclose(found["t"] ** 2, t(y) ** 2, rtol=1e-9)
    assert_allclose(
        found["p"], (1 + sum(beyond[tuple(v)] for v in drawn)) / (1 + draws), rtol=1e-12
    )


def test_every_coefficient_is_tested_by_default():
    res, _, _ = drawn_from("sdm", "individual", n=20, T=8)
    table = ss.wild_test(res, draws=100)
    assert table["term"].tolist() == ["x", "z", "W[w]*x", "W[w]*z", "rho[w]"]
    assert table["p"].between(1 / 101, 1).all()
    assert table.set_index("term").loc["x", "p"] < 0.05


def test_one_of_several_lags_is_tested_with_the_others_in_the_model():
    res, panel, weights = drawn_from("two", "individual", n=12, T=6)
    found = ss.wild_test(res, "rho[v]", draws=100).iloc[0]
    restricted = ss.fit(ss.sar("y ~ x + z", W="w", fixed_effects="individual"), panel, weights)
    stars = []
    for v in signs("rademacher", 12)[:20]:
        made = refit_by_hand(restricted, panel, weights, v[:, None], res.model, "city")
        stars.append(made.params["rho[v]"] / made.se["rho[v]"])
    # By hand for 20 of the 100 samples; the share of the others differs by chance only.
    assert abs(found["p"] - np.mean(np.abs(stars) >= abs(found["t"]))) < 0.35


def test_everything_downstream_follows_the_draws():
    res, _, _ = drawn_from("sdm", "twoways", n=21, T=9)
    boot = ss.wild_bootstrap(res, draws=400, seed=4)
    draws = boot.estimate.draws
    assert_allclose(boot.params, res.params, rtol=0)
    assert_allclose(boot.se.iloc[:-1], draws[:, :-1].std(axis=0, ddof=1), rtol=1e-10)
    assert np.isnan(boot.se["sigma2"])
    made = boot.effects("x", method="bootstrap", level=0.9)
    total = (draws[:, 0] + draws[:, 2]) / (1 - draws[:, 4])
    row = made["total"].iloc[0]
    assert_allclose([row["low"], row["high"]], np.quantile(total, [0.05, 0.95]), rtol=1e-9)
    assert_allclose(row["se"], total.std(ddof=1), rtol=1e-9)
    assert_allclose(row["estimate"], res.effects("x")["total"]["estimate"].iloc[0], rtol=1e-9)
    assert "(bootstrap, 90% intervals, 400 draws, 0.00% rejected)" in repr(made)
    assert_allclose(boot.effects("x").table["se"], made.table["se"], rtol=0.25)
    how = "wild bootstrap by city, 400 draws, rademacher weights, seed 4"
    assert how in boot.summary()
    assert boot.glance().loc[0, "covariance"] == how
    assert how in " ".join(ss.report.table(boot).notes)
    back = pickle.loads(pickle.dumps(boot)).with_cov("city")
    assert back.estimate.draws is None
    assert_allclose(back.se, res.with_cov("city").se, rtol=1e-12)
    assert boot.effects("x", by="region", method="bootstrap").table["se"].gt(0).all()


def test_the_seed_makes_the_samples():
    res, _, _ = drawn_from("sar", "individual")
    one, same, other = (ss.wild_bootstrap(res, draws=150, seed=s).se for s in (1, 1, 2))
    assert_allclose(one, same, rtol=0)
    assert not np.allclose(one.iloc[:-1], other.iloc[:-1], rtol=1e-6)


def test_what_the_bootstrap_cannot_do_is_refused():
    res, panel, weights = drawn_from("sar", "individual")
    with pytest.raises(ss.ModelError, match=r"one weight per year leaves what identifies rho\[w\]"):
        ss.wild_bootstrap(res, "period")
    with pytest.raises(ss.ModelError, match="one weight per year"):
        ss.wild_test(res, "x", "period")
    with pytest.raises(ss.ModelError, match="cluster='cell' is not one of 'city', 'period'"):
        ss.wild_bootstrap(res, "cell")
    with pytest.raises(ss.ModelError, match="weights='mammen' is not one of 'rademacher', 'webb'"):
        ss.wild_bootstrap(res, weights="mammen")
    with pytest.raises(ss.ModelError, match="draws=50: give a whole number of at least 100"):
        ss.wild_bootstrap(res, draws=50)
    with pytest.raises(ss.ModelError, match=r"'q', 'sigma2' cannot be tested; there are 'x', 'z'"):
        ss.wild_test(res, ["q", "sigma2"])
    with pytest.raises(ss.ModelError, match=r"needs what ss.fit returns"):
        ss.wild_bootstrap(panel)
    with pytest.raises(ss.ModelError, match=r"none: ss.wild_bootstrap\(results\)"):
        res.effects(method="bootstrap")
    corrected = ss.fit(res.model.but(correction="bias-corrected"), panel, weights)
    with pytest.raises(ss.ModelError, match=r'is not one fit. Use correction="lee-yu"'):
        ss.wild_bootstrap(corrected)
    random = ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, weights)
    with pytest.raises(ss.ModelError, match="not available with random effects"):
        ss.wild_bootstrap(random)
    y = panel.array("y").copy()
    y[0, 0] = np.nan
    holed = ss.fit(res.model, panel.assign(y=y), weights, missing="likelihood")
    for call in (ss.wild_bootstrap, ss.wild_test):
        with pytest.raises(ss.ModelError, match="not available where outcomes are missing"):
            call(holed)
    few, _, _ = drawn_from("ols", "individual", n=9)
    with pytest.raises(ss.ModelError, match=r'9 clusters with rademacher.*512 samples.*"webb"'):
        ss.wild_bootstrap(few)
    with pytest.raises(ss.ModelError, match=r"5 clusters with webb.*7776 samples.*otherwise"):
        ss.wild_bootstrap(drawn_from("ols", "none", n=5)[0], weights="webb", draws=9999)


def test_samples_without_an_estimate_are_counted_or_refused():
    panel, w = made_up(n=21, T=9)
    # y has a lag of its own; an error model finds lambda = 0.99, and many samples more.
    res = ss.fit(ss.sem("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    assert res.lam["w"] > 0.98
    with pytest.raises(ss.EstimationError, match="of the bootstrap samples have no maximum"):
        ss.wild_bootstrap(res, draws=100)
