"""Clusters by city: the simulated variance, least squares by hand, plm, White and Conley."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from cases import made_up, redrawn
from numpy.testing import assert_allclose
from peers import panel_data

import spatialsyn as ss
from spatialsyn.models.covariance import covered, robust_covariance
from spatialsyn.models.design import align, build
from spatialsyn.models.likelihood import names
from spatialsyn.models.qml import describe, estimate_qml
from spatialsyn.models.scores import between_cities, city_scores
from spatialsyn.numerics.lags import lag
from spatialsyn.numerics.transform import sweep
from spatialsyn.weights.bands import nearness
from spatialsyn.weights.geographic import distances


@pytest.mark.parametrize(
    ("family", "effects"),
    [("sar", "none"), ("sar", "individual"), ("sem", "individual"), ("gns", "twoways")],
)
def test_the_split_has_the_variance_of_the_score(family, effects):
    """3000 draws of errors with serial correlation 0.7, unequal variances and skewness.

    On this W, a circle with links of unequal strength, the diagonal of W S^-1 is the same for
    all cities, so rho stays consistent (Lin & Lee 2010). What remains is that a city with
    a large variance has a positive mean score of sigma2 and rho: their squares are added
    to the variance, which is then a little too large, as White's always is.
    """
    n, T, draws = 16, 4, 3000
    W = 0.7 * np.roll(np.eye(n), 1, axis=1) + 0.3 * np.roll(np.eye(n), -1, axis=1)
    panel, _ = made_up(n=n, T=T, seed=3)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w")
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects=effects)
    design = build(model, panel, align(w, ("w",), panel))
    p, d = len(design.names), len(names(design))
    at = (np.ones(p), np.full(d, 0.4), 0.0)
    rng = np.random.default_rng(1)
    e = rng.exponential(size=(n, T, draws)) - 1
    for t in range(1, T):
        e[:, t] = 0.7 * e[:, t - 1] + np.sqrt(1 - 0.7**2) * e[:, t]
    e *= np.linspace(0.5, 1.5, n)[rng.permutation(n), None, None]
    x, filter_ = panel.array("x")[..., None], np.linalg.inv(np.eye(n) - 0.4 * W)
    signal = x + (W @ panel.array("x"))[..., None] * (family == "gns") + (effects == "none")
    u = e if family == "sar" else lag(filter_, e)
    y = signal + u if family == "sem" else lag(filter_, signal + u)
    at = (*at[:2], float((sweep(e, effects) ** 2).sum()) / draws / design.nobs)
    template = describe(design, np.r_[at[0], at[1], at[2]])
    made, totals, own = [], [], []
    for i in range(draws):
        r = sweep(e[..., i], effects)
        scores = city_scores(
            redrawn(design, W, y[..., i : i + 1]), replace(template, residuals=r), *at
        )
        made.append(between_cities(scores, np.eye(n)))
        totals.append(scores.own.sum(axis=0))
        own.append(scores.own)
    means = np.mean(own, axis=0) - np.mean(own, axis=(0, 1))
    simulated = np.cov(np.array(totals).T) + means.T @ means * n / (n - 1)
    scale = np.sqrt(np.diag(simulated))
    found = np.mean(made, axis=0) / np.outer(scale, scale)
    # 3000 draws: a variance of skewed errors is good to 4 %, and n is 16 for time effects.
    assert_allclose(found, simulated / np.outer(scale, scale), atol=0.12)
    naive = [(s - s.mean(axis=0)).T @ (s - s.mean(axis=0)) for s in own]
    short = np.mean(naive, axis=0)[p, p] * n / (n - 1) / simulated[p, p]
    assert short < found[p, p] - 0.1


def test_scores_of_rho_summed_by_city_as_they_stand_are_too_short():
    """What the page for users of xsmle says of vce(cluster id): 100 panels, independent errors.

    The score of a city is that of its own e^2, W y and share of ln|S|, by hand.
    """
    n, T = 40, 8
    panel, w = made_up(n=n, T=T, seed=2)
    model, W, x = ss.sar("y ~ x", W="w", fixed_effects="individual"), w.dense(), panel.array("x")
    first, rng, found = build(model, panel, align(w, ("w",), panel)), np.random.default_rng(1), []
    for _ in range(100):
        y = np.linalg.solve(np.eye(n) - 0.4 * W, 0.3 * x + rng.normal(size=(n, T)))
        design = redrawn(first, W, y[..., None])
        estimate = estimate_qml(design)
        e, s2 = estimate.residuals, estimate.params[-1]
        columns = design.Z[..., 0], design.Wy[..., 0], e / (2 * s2)
        scores = np.column_stack([(c * e).sum(axis=1) / s2 for c in columns])
        scores -= scores.mean(axis=0)
        H = covered(design, estimate, "observed").cov
        as_they_stand = H @ scores.T @ scores @ H * n / (n - 1)
        variances = (
            np.diag(V) for V in (as_they_stand, robust_covariance(design, estimate, "city"))
        )
        found.append([estimate.params, *map(np.sqrt, variances)])
    params, short, ours = np.moveaxis(found, 1, 0)
    assert_allclose(ours.mean(axis=0)[:2], params.std(axis=0)[:2], rtol=0.15)  # the sd to 7 %
    assert_allclose(short.mean(axis=0)[0], ours.mean(axis=0)[0], rtol=0.01)
    assert short.mean(axis=0)[1] < 0.8 * params.std(axis=0)[1]


def test_by_city_least_squares_is_the_brute_force_sandwich():
    panel, _ = made_up(n=12, T=6)
    res = ss.fit(ss.ols("y ~ x + z", fixed_effects="twoways"), panel).with_cov("city")
    Z = sweep(np.stack([panel.array("x"), panel.array("z")], axis=2), "twoways")
    e = sweep(panel.array("y"), "twoways") - Z @ res.params.iloc[:2].to_numpy()
    scores = np.einsum("ntp,nt->np", Z, e)
    bread = np.linalg.inv(np.einsum("ntp,ntq->pq", Z, Z))
    brute = bread @ scores.T @ scores @ bread * 12 / 11
    assert_allclose(res.cov.iloc[:2, :2], brute, rtol=1e-8)


# sqrt(diag(vcovHC(fit, method = "arellano", type = "HC0"))), plm 2.6.2, R 4.2.2, of
# fit <- plm(logc ~ logp + logy, cigar, index = c("state", "year"), model = "within", effect = )
ARELLANO = {
    "none": [0.3251680136999, 0.0983228708977, 0.0708585828445],  # model = "pooling"
    "individual": [0.0395189873212, 0.0639036815852],
    "twoways": [0.214122268057, 0.160665160817],
}


@pytest.mark.parametrize("effects", ARELLANO)
def test_by_city_least_squares_is_arellanos_of_plm(effects):
    panel, _ = panel_data("cigar")
    res = ss.fit(ss.ols("logc ~ logp + logy", fixed_effects=effects), panel, cov="city")
    # plm does without n / (n - 1).
    assert_allclose(res.se[:-1] * np.sqrt(45 / 46), ARELLANO[effects], rtol=1e-9)


def test_in_a_cross_section_it_is_whites():
    panel, _ = made_up(n=30, T=1)
    res = ss.fit(ss.ols("y ~ x"), panel).with_cov("city")
    Z = np.c_[np.ones(30), panel.array("x")]
    e = panel.array("y")[:, 0] - Z @ res.params.iloc[:2]
    bread = np.linalg.inv(Z.T @ Z)
    brute = bread @ (Z.T * e**2) @ Z @ bread * 30 / 29
    assert_allclose(res.cov.iloc[:2, :2], brute, rtol=1e-8)


@pytest.mark.parametrize("family", ["sdm", "sac"])
def test_renaming_cities_changes_nothing(family):
    """Ids are sorted, so other names are another order."""
    panel, w = made_up(n=12, T=8)
    model = getattr(ss, family)("y ~ x", W="w", fixed_effects="twoways")
    new = dict(zip(w.ids, np.random.default_rng(0).permutation(w.ids), strict=True))
    frame = panel.frame.reset_index()
    moved = ss.CityPanel(frame.assign(city=frame["city"].map(new)), city="city")
    v = ss.Weights.from_matrix(w.dense(), ids=[new[i] for i in w.ids], name="w")
    plain, other = ss.fit(model, panel, w, cov="city"), ss.fit(model, moved, v, cov="city")
    assert_allclose(other.se, plain.se, rtol=1e-6)  # the search stops near 1e-8


def places(n: int, seed: int = 0) -> gpd.GeoDataFrame:
    """Small squares at random points of a region of some 1000 km."""
    lon, lat = np.random.default_rng(seed).uniform([[105], [20]], [[115], [30]], size=(2, n))
    square = gpd.points_from_xy(lon, lat).buffer(0.01, cap_style="square")
    ids = [f"c{i:02d}" if n < 100 else f"c{i:03d}" for i in range(n)]
    return gpd.GeoDataFrame({"geometry": square}, index=ids, crs="EPSG:4326")


def test_spatial_hac_is_conleys_for_least_squares():
    panel, _ = made_up(n=12, T=6)
    cities = places(12)
    panel = ss.CityPanel(panel.frame.reset_index(), city="city", cities=cities)
    res = ss.fit(ss.ols("y ~ x + z", fixed_effects="individual"), panel)
    hac = res.with_cov("spatial-hac", km=350)
    d = distances(cities).to_numpy()
    Z = sweep(np.stack([panel.array("x"), panel.array("z")], axis=2), "individual")
    e = sweep(panel.array("y"), "individual") - Z @ res.params.iloc[:2].to_numpy()
    s = np.einsum("ntp,nt->np", Z, e)
    weight = [[max(0.0, 1 - d[i, j] / 350) for j in range(12)] for i in range(12)]
    middle = sum(
        weight[i][j] * np.outer(s[i], s[j]) for i in range(12) for j in range(12)
    ) / (1 - np.mean(weight))  # fmt: skip
    bread = np.linalg.inv(np.einsum("ntp,ntq->pq", Z, Z))
    assert_allclose(hac.cov.iloc[:2, :2], bread @ middle @ bread, rtol=1e-8)
    assert hac.glance().loc[0, "covariance"] == "spatial-hac, 350 km"
    assert "spatial HAC, Bartlett weights to 350 km" in hac.summary()
    assert "Bartlett weights to 350 km" in " ".join(ss.report.table(hac).notes)


def test_spatial_hac_holds_where_clusters_by_city_are_too_narrow():
    """150 cities, errors and x correlated over some 60 km, of the sd HAC should find 0.96: 300 draws."""
    n, T = 150, 3
    cities = places(n, 1)
    root = np.linalg.cholesky(np.exp(-distances(cities).to_numpy() / 60))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"y": rng.normal(size=n * T), "x": (root @ rng.normal(size=(n, T))).ravel()},
        index=pd.MultiIndex.from_product([cities.index, range(T)], names=["city", "year"]),
    )
    panel = ss.CityPanel(frame.reset_index(), city="city", cities=cities)
    design = build(ss.ols("y ~ x", fixed_effects="individual"), panel, {})
    near, found = nearness(panel, 300), []
    for _ in range(300):
        e = root @ rng.normal(size=(n, T))
        one = redrawn(design, np.eye(n), (panel.array("x") + e)[..., None])
        estimate = estimate_qml(one)
        hac = robust_covariance(one, estimate, "spatial-hac", near)
        city = robust_covariance(one, estimate, "city")
        found.append([estimate.params[0], hac[0, 0], city[0, 0]])
    beta, hac, city = np.array(found).T
    assert_allclose(np.sqrt(hac.mean()), 0.96 * beta.std(), rtol=0.1)  # 300 draws: sd good to 4 %
    assert np.sqrt(city.mean()) < 0.83 * beta.std()


def test_without_neighbours_spatial_hac_is_clustering_by_city():
    panel, w = made_up(n=12, T=6, seed=3)
    model = ss.sem("y ~ x", W="w", fixed_effects="individual")
    design = build(model, panel, align(w, ("w",), panel))
    estimate = estimate_qml(design)
    alone = robust_covariance(design, estimate, "spatial-hac", np.eye(12))
    assert_allclose(alone, robust_covariance(design, estimate, "city"), rtol=1e-12)


def test_what_is_not_valid_is_refused():
    panel, w = made_up(n=12, T=6)
    located = ss.CityPanel(panel.frame.reset_index(), city="city", cities=places(12))
    lagged = ss.fit(ss.sdm("y ~ x", W="w"), located, w)
    with pytest.raises(ss.ModelError, match=r"estimate of rho\[w\] is inconsistent.*ss.sac"):
        lagged.with_cov("spatial-hac", km=300)
    res = ss.fit(ss.slx("y ~ x", W="w"), located, w)
    with pytest.raises(ss.ModelError, match=r"with_cov\(\"spatial-hac\", km=200\)"):
        res.with_cov("spatial-hac")
    with pytest.raises(ss.ModelError, match="km is the reach of cov='spatial-hac'; cov='city'"):
        res.with_cov("city", km=200)
    with pytest.raises(ss.WeightsError, match=r"km=10: the nearest two cities lie \d+ km apart"):
        res.with_cov("spatial-hac", km=10)
    with pytest.raises(ss.WeightsError, match="standard errors come out too small"):
        res.with_cov("spatial-hac", km=2000)
    for km in (-5, "200", float("nan")):
        with pytest.raises(ss.WeightsError, match="positive number of kilometres"):
            res.with_cov("spatial-hac", km=km)
    nowhere = ss.fit(ss.slx("y ~ x", W="w"), panel, w)
    with pytest.raises(ss.WeightsError, match="distances need places"):
        nowhere.with_cov("spatial-hac", km=200)
    with pytest.raises(ss.ModelError, match=r'cov="robust" is cov="city" in a model without rho'):
        res.with_cov("robust")
    few = ss.fit(ss.sdm("y ~ x + z", W="w"), *made_up(n=6, T=20))
    with pytest.raises(ss.EstimationError, match="variance of 7 parameters from 6 cities"):
        few.with_cov("city")
    random = ss.fit(ss.sar("y ~ x", W="w", random="individual"), panel, w)
    with pytest.raises(ss.ModelError, match="cov='city' is not available with random effects"):
        random.with_cov("city")


def test_bartlett_weights_that_make_no_covariance_are_refused():
    panel, _ = made_up(n=6, T=5, seed=3)
    design = build(ss.ols("y ~ x", fixed_effects="individual"), panel, {})
    estimate = estimate_qml(design)
    s = city_scores(design, estimate, *np.split(estimate.params[:-1], [1]), estimate.params[-1]).own
    near = -0.9 * np.sign(np.outer(s[:, 0], s[:, 0]))
    np.fill_diagonal(near, 1.0)
    with pytest.raises(ss.EstimationError, match="is no covariance with this reach"):
        robust_covariance(design, estimate, "spatial-hac", near)
