"""Estimated decay: brute force, the full information, known truth, what is not identified."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import swept
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

import spatialsyn as ss
from spatialsyn.spillovers.kernel import Kernel


@pytest.fixture(scope="module")
def panel() -> ss.CityPanel:
    """The cities of Guangdong with a made-up regressor."""
    cities = ss.datasets.guangdong()
    x, z = np.random.default_rng(7).normal(size=(2, cities.n, cities.T))
    return cities.assign(x=x, z=z)


@pytest.fixture(scope="module")
def km(panel) -> pd.DataFrame:
    return ss.weights.distances(panel.cities)


def falling(km: pd.DataFrame, delta: float, kind: str = "power", name: str = "km") -> ss.Weights:
    off = ~np.eye(len(km), dtype=bool)
    d = km.to_numpy()
    w = np.zeros_like(d)
    w[off] = d[off] ** -delta if kind == "power" else np.exp(-delta * d[off])
    return ss.Weights.from_matrix(w, ids=km.index, name=name).standardize("row")


def drawn(panel, family, weights, params, seed=1, **others):
    model = getattr(ss, family)("y ~ x", W="km", fixed_effects="twoways", **others)
    return model, ss.simulate(model, panel, weights, params, seed=seed)


TRUE = {
    "slx": ({"x": 1.0, "W[km]*x": 0.9}, "wx"),
    "sar": ({"x": 1.0, "rho[km]": 0.5}, "wy"),
    "sdm": ({"x": 1.0, "W[km]*x": 0.9, "rho[km]": 0.3}, "both"),
}


@pytest.mark.parametrize("kind", ["power", "exponential"])
@pytest.mark.parametrize("family", TRUE)
def test_a_known_decay_comes_back(panel, km, family, kind):
    delta = 1.7 if kind == "power" else 0.012
    params, role = TRUE[family]
    model, data = drawn(panel, family, falling(km, delta, kind), params | {"sigma2": 1e-6})
    found = ss.decay(model, data, kind=kind, role=role)
    assert_allclose(found.estimate["km"], delta, rtol=2e-3)
    for name, value in params.items():
        assert_allclose(found.results.params[name], value, atol=0.02)
    row = found.interval.loc["km"]
    assert row["low"] < found.estimate["km"] < row["high"]
    assert row["pieces"] == 1


def test_the_profile_is_least_squares_at_every_decay(panel, km):
    """SLX with two-way effects, swept and regressed by hand; ends where twice the gap is 3.84."""
    model, data = drawn(panel, "slx", falling(km, 1.5), TRUE["slx"][0] | {"sigma2": 0.02})
    found = ss.decay(model, data)
    y, x, n, T = data.array("y"), data.array("x"), data.n, data.T

    def minus(log_delta):
        Wx = falling(km, np.exp(log_delta)).dense() @ x
        Z = np.c_[swept(x), swept(Wx)]
        e = swept(y) - Z @ np.linalg.lstsq(Z, swept(y), rcond=None)[0]
        nobs = (n - 1) * (T - 1)
        return nobs / 2 * (np.log(2 * np.pi * e @ e / nobs) + 1)

    brute = minimize_scalar(
        minus, bounds=np.log([0.5, 4]), method="bounded", options={"xatol": 1e-9}
    )
    # Two searches along a likelihood that is flat to rounding within 1e-6 of its peak.
    assert_allclose(np.log(found.estimate["km"]), brute.x, atol=1e-5)
    assert_allclose(found.results.loglik, -brute.fun, rtol=1e-10)
    for delta, loglik in found.profile[["decay", "loglik"]].iloc[::7].to_numpy():
        assert_allclose(loglik, -minus(np.log(delta)), rtol=1e-9)
    for end in found.interval.loc["km", ["low", "high"]]:
        assert_allclose(2 * (minus(np.log(end)) - brute.fun), 3.841459, atol=1e-3)


def test_errors_are_those_of_the_full_information(panel, km):
    """The Hessian of the likelihood in (beta, theta, sigma2, ln delta) by differences.

    Every parameter's variance, delta's included, from one inverse; the indirect effect of a
    row-standardised SLX is theta, so its error needs no chain rule to compare with.
    """
    model, data = drawn(panel, "slx", falling(km, 1.5), TRUE["slx"][0] | {"sigma2": 0.05})
    found = ss.decay(model, data)
    y, x, n, T = data.array("y"), data.array("x"), data.n, data.T
    nobs = (n - 1) * (T - 1)

    def loglik(at):
        beta, theta, sigma2, log_delta = at
        e = swept(y - beta * x - theta * (falling(km, np.exp(log_delta)).dense() @ x))
        return -nobs / 2 * np.log(2 * np.pi * sigma2) - e @ e / (2 * sigma2)

    best = np.r_[found.results.params.to_numpy(), np.log(found.estimate["km"])]
    steps = np.diag([1e-3, 1e-3, 1e-4, 1e-3])
    hessian = [
        [
            (loglik(best + a + b) - loglik(best + a - b) - loglik(best - a + b) + loglik(best - a - b))
            / (4 * a.max() * b.max())
            for b in steps
        ]
        for a in steps
    ]  # fmt: skip
    cov = np.linalg.inv(-np.array(hessian))
    effects = found.effects("x")
    # Differences of step 0.01 along the profile against steps of 0.001 here: three digits.
    assert_allclose(found.se["km"] / found.estimate["km"], np.sqrt(cov[3, 3]), rtol=2e-3)
    assert_allclose(effects["direct"]["se"].item(), np.sqrt(cov[0, 0]), rtol=2e-3)
    assert_allclose(effects["indirect"]["se"].item(), np.sqrt(cov[1, 1]), rtol=2e-3)
    known = found.results.effects("x")["indirect"]["se"].item()
    assert effects["indirect"]["se"].item() > 1.2 * known


def test_the_curve_sums_to_the_indirect_effect(panel, km):
    model, data = drawn(panel, "sdm", falling(km, 1.5), TRUE["sdm"][0] | {"sigma2": 0.02})
    found = ss.decay(model, data, role="both")
    curve = found.curve
    assert list(curve.columns) == ["x", "km", "pairs", "effect", "low", "high"]
    total = (curve["effect"] * curve["pairs"]).sum() / data.n
    assert_allclose(total, found.effects("x")["indirect"]["estimate"].item(), rtol=1e-10)
    # The effects themselves, pair by pair, in the first band.
    p, W, eye = found.results.params, found.results.weights["km"].dense(), np.eye(data.n)
    B = np.linalg.solve(eye - p["rho[km]"] * W, p["x"] * eye + p["W[km]*x"] * W)
    d = km.loc[list(data.ids), list(data.ids)].to_numpy()
    near = (d > 0) & (d <= np.sort(d[d > 0])[curve["pairs"].iloc[0] - 1])
    assert near.sum() == curve["pairs"].iloc[0]
    assert_allclose(curve["effect"].iloc[0], B[near].mean(), rtol=1e-10)
    assert_allclose(curve["km"].iloc[0], d[near].mean(), rtol=1e-10)
    assert (curve["effect"].diff().dropna() < 0).all()
    # A joint band is wider than intervals one by one.
    labels = ss.weights.bands(data.cities, [100, 200])
    alone = found.effects("x", by=labels)["indirect"]
    assert ((curve["high"] - curve["low"]).iloc[0]) > 0
    joint = found.effects("x", by=labels).jointly()["indirect"]
    assert (joint["high"] - joint["low"] > alone["high"] - alone["low"]).all()


def test_every_reading_of_the_effects_is_widened(panel, km):
    model, data = drawn(panel, "slx", falling(km, 1.5), TRUE["slx"][0] | {"sigma2": 0.05})
    found = ss.decay(model, data)
    known = found.results
    for given in ({"by": "region"}, {"by": "city"}, {"by": "region", "per": "share"}, {"order": 1}):
        wide, narrow = found.effects("x", **given), known.effects("x", **given)
        assert_allclose(wide.table["estimate"], narrow.table["estimate"], rtol=1e-12)
        assert (wide.table["se"] >= narrow.table["se"] - 1e-12).all()
        assert (wide.table["se"] > narrow.table["se"] + 1e-6).any()
    pairs, known = found.effects("x", by="pair").table, known.effects("x", by="pair").table
    assert (pairs["q"].dropna() >= pairs["p"].dropna()[pairs["q"].notna()]).all()
    # A link whose weight moves with the decay is less sure, and so is its discovery.
    assert (pairs["q"] < 0.05).sum() < (known["q"] < 0.05).sum()


def test_units_and_labels_change_nothing(panel, km):
    model, data = drawn(panel, "slx", falling(km, 1.5), TRUE["slx"][0] | {"sigma2": 0.05})
    plain = ss.decay(model, data)
    order = np.random.default_rng(0).permutation(km.index)
    metres = 1000 * km.loc[order, order[::-1]]
    moved = ss.decay(model, data, distance={"km": metres})
    # The search stops near 1e-6 of ln delta; what depends on it agrees as far.
    assert_allclose(moved.estimate["km"], plain.estimate["km"], rtol=1e-5)
    assert_allclose(moved.interval[["low", "high"]], plain.interval[["low", "high"]], rtol=1e-5)
    assert_allclose(moved.results.loglik, plain.results.loglik, rtol=1e-10)
    assert_allclose(moved.curve["effect"], plain.curve["effect"], rtol=1e-4)
    assert_allclose(moved.curve["km"], 1000 * plain.curve["km"], rtol=1e-10)
    by_km = ss.decay(model, data, kind="exponential")
    by_metre = ss.decay(model, data, kind="exponential", distance={"km": metres})
    assert_allclose(1000 * by_metre.estimate["km"], by_km.estimate["km"], rtol=1e-5)


def test_no_spillover_has_no_decay(panel, km):
    params = {"x": 1.0, "W[km]*x": 0.0, "sigma2": 0.3}
    model, data = drawn(panel, "slx", falling(km, 1.5), params, seed=5)
    found = ss.decay(model, data)
    row = found.interval.loc["km"]
    assert row["open_below"]
    assert "The p is too small" in found.reading
    assert "no decay to speak of" in found.reading
    assert found.spillover.p > 0.05
    assert "delta" in repr(found)


def test_an_estimate_at_an_end_is_told(panel, km):
    model, data = drawn(panel, "slx", falling(km, 1.0), TRUE["slx"][0] | {"sigma2": 0.01})
    found = ss.decay(model, data, between=(2.5, 5.0))
    assert found.estimate["km"] == pytest.approx(2.5)
    assert np.isnan(found.se["km"])
    assert "an end of what was searched" in found.reading
    assert "open below" in found.reading
    held = found.effects("x")
    assert "delta of km held fixed" in held.about
    assert_allclose(held.table["se"], found.results.effects("x").table["se"])
    assert len(found.curve) == 12


def test_two_distances_side_by_side(panel, km):
    """Their lags in one model, a decay for each; both come back, and the fit beats either alone."""
    rank = panel.mean("gdp_per_capita", years=(2011,)).rank()
    apart = pd.DataFrame(
        np.abs(np.subtract.outer(*(2 * [rank.to_numpy()]))), rank.index, rank.index
    )
    true = {"x": 1.0, "W[km]*x": 0.8, "W[digital]*x": 0.6, "sigma2": 1e-6}
    model = ss.slx("y ~ x", W=["km", "digital"], fixed_effects="twoways")
    weights = [falling(km, 2.0), falling(apart, 0.8, name="digital")]
    data = ss.simulate(model, panel, weights, true, seed=3)
    found = ss.decay(ss.slx("y ~ x", W="any", fixed_effects="twoways"), data,
                     distance={"km": None, "digital": apart})  # fmt: skip
    assert_allclose(found.estimate[["km", "digital"]], [2.0, 0.8], rtol=0.01)
    assert_allclose(found.results.params[list(true)[:3]], [1.0, 0.8, 0.6], atol=0.02)
    assert list(found.along("digital").columns) == [
        "x",
        "digital",
        "pairs",
        "effect",
        "low",
        "high",
    ]
    # Each curve holds what its own matrix sends, theta w(d), and both sum to the effect.
    both = found.curves
    assert list(both.columns) == [
        "x", "distance", "at", "nearer", "pairs", "effect", "low", "high"
    ]  # fmt: skip
    assert list(both["distance"].unique()) == ["km", "digital"]
    parts = (both["effect"] * both["pairs"] / data.n).groupby(both["distance"]).sum()
    for name in ("km", "digital"):
        assert_allclose(parts[name], found.results.params[f"W[{name}]*x"], rtol=1e-10)
        w = found.results.weights[name].dense()
        far = found.kernels[["km", "digital"].index(name)].apart
        last = both[both["distance"] == name].iloc[-1]
        beyond = far >= np.sort(far.ravel())[-int(last["pairs"])]
        assert beyond.sum() == last["pairs"]
        theta = found.results.params[f"W[{name}]*x"]
        assert_allclose(last["effect"], theta * w[beyond].mean(), rtol=1e-9)
        assert_allclose(last["nearer"], 1 - last["pairs"] / 2 / (far.size - data.n))
    alone = ss.decay(ss.slx("y ~ x", W="any", fixed_effects="twoways"), data)
    assert found.results.loglik > alone.results.loglik + 10
    with pytest.raises(ss.ModelError, match=r"no decay of 'road' was estimated, but of 'km', 'dig"):
        found.along("road")


def test_other_matrices_and_chosen_terms_stay(panel, km):
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    model = ss.sdm("y ~ x + z", W={"wy": "geo", "wx": {"x": "km"}}, fixed_effects="twoways")
    params = {"x": 1.0, "z": 0.5, "W[km]*x": 0.9, "rho[geo]": 0.3, "sigma2": 1e-6}
    data = ss.simulate(model, panel, [geo, falling(km, 1.4)], params, seed=2)
    found = ss.decay(model, data, geo, standardize="row")
    assert_allclose(found.estimate["km"], 1.4, rtol=2e-3)
    assert list(found.results.params.index) == list(params)
    assert_allclose(found.results.params.drop("sigma2"), list(params.values())[:-1], atol=0.01)


def test_a_city_far_from_all_keeps_its_neighbours_at_any_decay():
    """exp(-20 d / 100) of 5000 km is no number; relative to the nearest city it is."""
    apart = np.array([[0, 100, 5000.0], [100, 0, 5100], [5000, 5100, 0]])
    made = Kernel("km", apart, ("a", "b", "c"), "exponential", "row").at(0.2)
    far = 1 / (1 + np.exp(-20))
    assert_allclose(made.dense()[2], [far, 1 - far, 0], rtol=1e-6)


@pytest.mark.parametrize("standardize", ["none", "spectral", "minmax", "column"])
def test_other_ways_to_scale(panel, km, standardize):
    model = ss.slx("y ~ x", W="km", fixed_effects="individual")
    w = falling(km, 1.5)
    data = ss.simulate(model, panel, w, {"x": 1.0, "W[km]*x": 0.9, "sigma2": 0.01}, seed=1)
    found = ss.decay(model, data, standardize=standardize)
    made = found.results.weights["km"].dense()
    d = km.loc[list(data.ids), list(data.ids)].to_numpy()
    off = d > 0
    ratio = made[off] / d[off] ** -found.estimate["km"]
    if standardize == "none":
        assert_allclose(ratio, 1, rtol=1e-9)
    elif standardize == "column":
        assert_allclose(made.sum(axis=0), 1, rtol=1e-9)
    else:
        assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert found.results.weights["km"].recipe["decay"] == pytest.approx(found.estimate["km"])


def test_decays_that_cannot_be_asked_for(panel, km):
    model, data = drawn(panel, "slx", falling(km, 1.5), TRUE["slx"][0] | {"sigma2": 0.05})

    def refused(message, error=ss.ModelError, of=model, **given):
        with pytest.raises(error, match=message):
            ss.decay(of, data, **given)

    refused("kind='linear' is not one of 'power', 'exponential'", kind="linear")
    refused("role='both': slx has no 'wy'", role="both")
    refused("role='wu' is not one of", role="wu")
    refused("standardize='rows' is not one of", ss.WeightsError, standardize="rows")
    refused("level=2", level=2)
    refused("decay needs a model", of="y ~ x")
    refused("dynamic models", of=model.but(lag_y=True))
    refused("estimator='2sls' has none", of=ss.sdm("y ~ x + z", W="km", estimator="2sls"))
    refused("decay of a mixture", of=ss.sdm("y ~ x", W=ss.convex("km", "geo")))
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    adjacent = ss.slx("y ~ x", W="geo", fixed_effects="twoways")
    refused(r"W\['geo'\] is given, but role='wx' replaces it", of=adjacent, weights=geo)
    refused(r"W\['geo'\] is given", of=adjacent, weights={"geo": geo})
    refused("two positive numbers in this order", between=(3, 1))
    refused("two positive numbers in this order", between={"digital": (1, 3)})
    refused("one or two of them by name", distance={})
    refused("the distance 'km' is a DataFrame", distance={"km": km.to_numpy()})
    short = km.iloc[1:, 1:]
    refused("the rows of the distance 'distance' are not", ss.AlignmentError, distance=short)
    holed = km.copy()
    holed.iloc[0, 1] = np.nan
    refused(r"is missing, negative or, for a power, zero between", ss.WeightsError, distance=holed)
    refused("zero between", ss.WeightsError, distance=km * 0)
    binary = pd.DataFrame(geo.dense() > 0, geo.ids, geo.ids).astype(float)
    refused("contiguity has nothing to fall with", ss.WeightsError, distance=binary)
    refused("Weights are no dist", ss.WeightsError, distance=binary, kind="exponential")
    refused("the same distance", ss.WeightsError, distance=km * 0 + 1)
    of = ss.sdm("y ~ x", W={"wy": "km", "wx": "other"}, fixed_effects="twoways")
    refused("'km' names a distance and weights of the model that stay", of=of)
    refused(r"Give both lags the decay, role=\"both\"", of=ss.sdm("y ~ x", W="km"))
    bare = ss.CityPanel(data.frame.reset_index(), city="city", year="year")
    with pytest.raises(ss.ModelError, match="no polygons to measure kilometres between"):
        ss.decay(model, bare)
    sar = ss.sar("y ~ x", W="km", fixed_effects="twoways")
    refused("row to sum to one", ss.WeightsError, of=sar, role="wy", standardize="none")


def test_a_likelihood_that_rises_to_where_estimates_end_has_no_peak():
    """Down to decay 1.2 the likelihood by hand rises with rho, which is at its end at 1.1."""
    rng = np.random.default_rng(0)
    at = rng.uniform(0, 10, (9, 2))
    d = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    x, _, _ = rng.normal(size=(3, 9, 4))
    ids = [f"c{i}" for i in range(9)]
    km = pd.DataFrame(d, ids, ids)
    W = falling(km, 1.5).dense()
    signal = x + 0.8 * W @ x + rng.normal(size=(9, 1)) + rng.normal(size=(1, 4))
    y = np.linalg.solve(np.eye(9) - 0.4 * W, signal + 0.4 * rng.normal(size=(9, 4)))
    index = pd.MultiIndex.from_product([ids, range(2001, 2005)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    panel = ss.CityPanel(frame, city="city", year="year")
    model = ss.sar("y ~ x", W="km", fixed_effects="time")
    found = ss.decay(model, panel, role="wy", distance={"km": km})

    def swept(v):
        return (v - v.mean(0)).ravel()

    def highest(delta):
        """The likelihood of transformed data over rho, and where it is highest."""
        w, grid = falling(km, delta).dense(), np.linspace(-0.5, 0.9999, 3001)
        Y, Wy, Z = swept(y), swept(w @ y), swept(x)
        made = [v - Z * (Z @ v) / (Z @ Z) for v in (Y, Wy)]
        e = made[0][:, None] - np.outer(made[1], grid)
        logdet = np.log(np.abs(1 - np.multiply.outer(grid, np.linalg.eigvals(w)))).sum(axis=1)
        value = 4 * (logdet - np.log(1 - grid)) - 16 * np.log((e**2).sum(axis=0))
        return value.max(), grid[value.argmax()]

    values, rho = np.transpose([highest(delta) for delta in (1.6, 1.4, 1.2, 1.1)])
    assert (np.diff(values[:3]) > 0).all()
    assert (np.diff(rho[:3]) > 0).all()
    assert rho[-1] == pytest.approx(0.9999)
    assert 1.1 < found.estimate["km"] < 1.2
    assert np.isnan(found.se["km"])
    assert "is no peak, and beyond it rho leaves its parameter space" in found.reading
    assert "an end of what was searched" not in found.reading
