"""The likelihood of the observed outcomes: against densities written out, against complete data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

import spatialsyn as ss
from spatialsyn.models.covariance import covered
from spatialsyn.models.design import align, build
from spatialsyn.models.gaps import largest_block
from spatialsyn.models.masked_estimate import describe_masked, estimate_masked
from spatialsyn.models.qml import estimate_qml

FAMILIES = ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")
EFFECTS = ("none", "individual", "time", "twoways")
# Nothing but rounding separates the two ways to the same likelihood.
EXACT = 1e-9


def specified(family: str, **options: str) -> ss.SpatialModel:
    given = {} if family == "ols" else {"W": "w"}
    return ss.SpatialModel(family, "y ~ x + z", **given, **options)


TRUTH = {"x": 1.0, "z": -0.5, "W[w]*x": 0.3, "W[w]*z": 0.2, "rho[w]": 0.3, "lambda[w]": 0.2}


def holed(n: int = 10, T: int = 6, share: float = 0.2, seed: int = 2):
    """A panel drawn from the model with all terms, with holes in its outcome; and without."""
    ids = [f"c{i:02d}" for i in range(n)]
    w = ss.Weights.from_matrix(ring(n, seed), ids=ids, name="w")
    model = specified("gns", fixed_effects="twoways")
    whole = ss.simulate(model, (n, T), w, TRUTH | {"sigma2": 0.5}, np.random.SeedSequence(seed))
    y = whole.array("y").copy()
    y[np.random.default_rng(seed).random((n, T)) < share] = np.nan
    return whole.assign(y=y), w, whole


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_with_nothing_missing_it_is_the_estimator_of_complete_data(family, effects, correction):
    """Restricted likelihood = Lee-Yu transformation; likelihood by dummies = direct approach."""
    panel, w = made_up()
    model = specified(family, fixed_effects=effects, correction=correction)
    design = build(model, panel, align(w, model.weights_names, panel))
    whole, kept = estimate_qml(design), replace(design, observed=panel.array("y"))
    masked = estimate_masked(kept)
    assert masked.names == whole.names
    assert masked.nobs == whole.nobs
    assert_allclose(masked.params, whole.params, rtol=EXACT)
    assert_allclose(masked.loglik, whole.loglik, rtol=EXACT)
    assert_allclose(masked.cov, whole.cov, rtol=EXACT, atol=EXACT * np.abs(whole.cov).max())
    assert_allclose(masked.residuals, whole.residuals, atol=EXACT)
    # Differences of the score over 1e-4 of a standard error leave seven digits.
    observed = covered(design, whole, "observed").cov
    assert_allclose(
        describe_masked(kept, masked.params, "observed").cov,
        observed,
        rtol=1e-6,
        atol=1e-7 * np.abs(observed).max(),
    )


def test_the_direct_approach_equals_dummies_for_any_weights():
    """Rows that do not sum to one: a year effect reaches cities unequally through S^-1."""
    panel, w = made_up()
    uneven = w.dense() * np.linspace(0.5, 1.5, 12)[:, None]
    uneven = ss.Weights.from_matrix(uneven, ids=w.ids, name="w")
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", correction="direct")
    design = build(model, panel, {"w": uneven})
    whole, masked = (
        estimate_qml(design),
        estimate_masked(replace(design, observed=panel.array("y"))),
    )
    assert_allclose(masked.params, whole.params, rtol=EXACT)
    assert_allclose(masked.cov, whole.cov, rtol=EXACT, atol=EXACT)


class Brute:
    """The density of the observed cells, period by period one long vector, nothing profiled out."""

    def __init__(self, res: ss.Results, w: ss.Weights) -> None:
        self.res, self.W = res, w.dense()
        y = res.data.y.T.ravel()
        n, T = res.data.y.shape
        self.n, self.T, self.seen = n, T, ~np.isnan(y)
        self.y = y[self.seen]
        X = res.data.X
        lagged = list(res.data.lagged) if res.model.has_wx else [False] * X.shape[2]
        WX = np.einsum("ij,jtk->itk", self.W, X[..., lagged])
        Z = np.concatenate([X, WX], axis=2)
        self.Z = np.moveaxis(Z, 1, 0).reshape(n * T, -1)
        city = np.kron(np.ones((T, 1)), np.eye(n))
        year = np.kron(np.eye(T), np.ones((n, 1)))
        fixed = res.model.fixed_effects
        parts = [city] * (fixed in ("individual", "twoways")) + [year] * (
            fixed in ("time", "twoways")
        )
        self.dummies = np.concatenate([np.zeros((n * T, 1)), *parts], axis=1)
        self.D = self.dummies[self.seen]
        # Contrasts of the observed cells that hold no fixed effect.
        self.C = null_space(self.D.T)

    def moments(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the observed cells, fixed effects aside."""
        value = dict(zip(self.res.estimate.names, params, strict=True))
        S = np.eye(self.n) - value.get("rho[w]", 0.0) * self.W
        R = np.eye(self.n) - value.get("lambda[w]", 0.0) * self.W
        p = self.Z.shape[1]
        mean = np.kron(np.eye(self.T), np.linalg.inv(S)) @ self.Z @ params[:p]
        root = np.kron(np.eye(self.T), np.linalg.inv(R @ S))
        V = value["sigma2"] * root @ root.T
        return mean[self.seen], V[np.ix_(self.seen, self.seen)]

    def restricted(self, params: np.ndarray) -> float:
        mean, V = self.moments(params)
        C = self.C
        return multivariate_normal(C.T @ mean, C.T @ V @ C).logpdf(C.T @ self.y)

    def by_dummies(self, params: np.ndarray) -> float:
        mean, V = self.moments(params)
        inverse = np.linalg.inv(V)
        gamma = np.linalg.pinv(self.D.T @ inverse @ self.D) @ self.D.T @ inverse @ (self.y - mean)
        return multivariate_normal(mean + self.D @ gamma, V).logpdf(self.y)

    def information(self, params: np.ndarray, by_dummies: bool) -> np.ndarray:
        """Expected, by differences: tr(V^-1 dV V^-1 dV) / 2 + dm' V^-1 dm.

        Of the contrasts; by dummies of the cells, where the effects are parameters of the mean.
        """
        C = np.eye(len(self.y)) if by_dummies else self.C
        steps = 1e-6 * np.eye(len(params))
        inverse = np.linalg.inv(C.T @ self.moments(params)[1] @ C)
        X = C.T @ self.D
        P = inverse
        if by_dummies:
            P = inverse - inverse @ X @ np.linalg.pinv(X.T @ inverse @ X) @ X.T @ inverse
        ends = [(self.moments(params + h), self.moments(params - h)) for h in steps]
        dm = np.array([C.T @ (up[0] - down[0]) / 2e-6 for up, down in ends])
        dV = [inverse @ C.T @ (up[1] - down[1]) @ C / 2e-6 for up, down in ends]
        return dm @ P @ dm.T + np.array([[np.sum(a * b.T) / 2 for b in dV] for a in dV])

    def kriged(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best linear unbiased prediction of the missing cells and its variance."""
        everything, self.seen = self.seen, np.ones_like(self.seen)
        mean, V = self.moments(params)
        p = self.Z.shape[1]
        unit = np.eye(len(params))[:p]
        A = np.column_stack([self.moments(params + h)[0] - mean for h in unit])
        self.seen = everything
        X, o = np.column_stack([A, self.dummies]), self.seen
        inverse = np.linalg.inv(V[np.ix_(o, o)])
        bread = np.linalg.pinv(X[o].T @ inverse @ X[o])
        beta = bread @ X[o].T @ inverse @ self.y
        K = V[np.ix_(~o, o)] @ inverse
        gap = X[~o] - K @ X[o]
        variance = V[np.ix_(~o, ~o)] - K @ V[np.ix_(o, ~o)] + gap @ bread @ gap.T
        return X[~o] @ beta + K @ (self.y - X[o] @ beta), np.diag(variance)


def slopes(f, at: np.ndarray, se: np.ndarray) -> np.ndarray:
    """Derivatives in units of a standard error."""
    return np.array([(f(at + h) - f(at - h)) / 2e-4 for h in np.diag(1e-4 * se)])


@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_density_of_the_observed_cells_at_its_maximum(family, effects, correction):
    panel, w, _ = holed()
    model = specified(family, fixed_effects=effects, correction=correction)
    res = ss.fit(model, panel, w, missing="likelihood")
    brute = Brute(res, w)
    loglik = brute.restricted if correction == "lee-yu" else brute.by_dummies
    params, se = res.params.to_numpy(), res.se.to_numpy()
    assert_allclose(res.loglik, loglik(params), rtol=EXACT)
    # Central differences of a log-likelihood of size 10 to 100 over 1e-4 standard errors.
    assert_allclose(slopes(loglik, params, se), 0, atol=1e-5)
    cov = np.linalg.inv(brute.information(params, correction == "direct"))
    assert_allclose(res.cov, cov, rtol=1e-5, atol=1e-6 * np.abs(cov).max())


@pytest.mark.parametrize("family", ["sdm", "gns"])
@pytest.mark.parametrize("correction", ["lee-yu", "direct"])
def test_the_observed_information_is_the_curvature_of_that_density(family, correction):
    panel, w, _ = holed()
    model = specified(family, fixed_effects="twoways", correction=correction)
    res = ss.fit(model, panel, w, missing="likelihood", cov="observed")
    brute, params = Brute(res, w), res.params.to_numpy()
    loglik = brute.restricted if correction == "lee-yu" else brute.by_dummies
    h = np.diag(2e-3 * res.se.to_numpy())
    curvature = np.array(
        [
            [
                (loglik(params + a + b) - loglik(params + a - b) - loglik(params - a + b) + loglik(params - a - b))
                / (4 * a.sum() * b.sum())
                for b in h
            ]
            for a in h
        ]
    )  # fmt: skip
    units = np.outer(res.se, res.se)
    # Second differences over 2e-3 standard errors: their own error is of the order 1e-6.
    assert_allclose(np.linalg.inv(res.cov) * units, -curvature * units, atol=2e-4)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("family", ["sdm", "gns"])
def test_missing_outcomes_are_predicted_from_all_observed_ones(family, effects):
    panel, w, _ = holed()
    res = ss.fit(specified(family, fixed_effects=effects), panel, w, missing="likelihood")
    made, holes = res.impute(), np.isnan(res.data.y)
    estimate, variance = Brute(res, w).kriged(res.params.to_numpy())
    cells = [(panel.ids[i], panel.years[t]) for t, i in zip(*np.nonzero(holes.T), strict=True)]
    assert_allclose(made.loc[cells, "estimate"], estimate, rtol=1e-7)
    assert_allclose(made.loc[cells, "se"] ** 2, variance, rtol=1e-7)
    assert (
        len(made) == holes.sum() == 60 - res.design.nobs - 60 + res.design.units * res.design.copies
    )


def test_predictions_cover_what_was_hidden():
    panel, w, whole = holed(n=25, T=8, share=0.3)
    res = ss.fit(
        ss.gns("y ~ x + z", W="w", fixed_effects="twoways"), panel, w, missing="likelihood"
    )
    made = res.impute()
    z = (whole.frame["y"].loc[made.index] - made["estimate"]) / made["se"]
    assert len(z) > 50
    assert abs(z.mean()) < 0.4
    assert 0.8 < z.std() < 1.2


@pytest.mark.parametrize("effects", EFFECTS)
def test_what_is_seen_of_the_fit(effects):
    panel, w, _ = holed()
    model = ss.gns("y ~ x + z", W="w", fixed_effects=effects)
    res = ss.fit(model, panel, w, missing="likelihood")
    holes = panel.frame["y"].isna()
    used = {"none": 0, "individual": 10, "time": 6, "twoways": 15}[effects]
    assert res.nobs == 60 - holes.sum() - used
    assert (res.resid.isna() == holes).all()
    assert_allclose((res.fitted + res.resid)[~holes], panel.frame["y"][~holes])
    # The equation holds for the completed outcome: effects are what `predict` adds to X and WX.
    y = panel.frame["y"].fillna(res.impute()["estimate"]).to_numpy().reshape(10, 6)
    S = np.eye(10) - res.rho["w"] * w.dense()
    R = np.eye(10) - res.lam["w"] * w.dense()
    u = S @ y - S @ res.predict().to_numpy().reshape(10, 6)
    seen = ~np.isnan(res.data.y)
    assert_allclose((R @ u)[seen], res.resid.to_numpy().reshape(10, 6)[seen], atol=1e-9)
    assert 0 < res.corr2 < 1
    assert res.r2.between(0, 1).all()
    assert res.glance().loc[0, "missing"] == "likelihood"
    assert "The outcome is missing in" in res.summary()
    assert np.isfinite(res.tidy()["se"]).all()
    for by in (None, "city"):
        assert np.isfinite(res.effects("x", by=by).table["se"]).all()
    richer = panel.assign(x=panel.frame["x"] + 1)
    gain = (res.predict(richer) - res.predict()).groupby("year").mean()
    assert_allclose(gain, res.effects("x").table.set_index("effect").loc["total", "estimate"])


def test_complete_data_give_the_usual_estimate_under_any_policy():
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    plain = ss.fit(model, panel, w)
    for policy in ("balance", "likelihood"):
        res = ss.fit(model, panel, w, missing=policy)
        assert (res.params == plain.params).all()
        assert res.glance().loc[0, "missing"] == policy
        assert res.impute().empty


def test_predictions_by_complete_data_agree_with_the_masked_ones():
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    res = ss.fit(model, panel, w)
    kept = replace(res, design=replace(res.design, observed=panel.array("y")))
    assert_allclose(kept.predict(), res.predict(), rtol=EXACT)
    assert_allclose(kept.corr2, res.corr2, rtol=EXACT)


def test_names_and_order_of_cities_change_nothing():
    panel, w, _ = holed()
    model = ss.gns("y ~ x + z", W="w", fixed_effects="twoways")
    res = ss.fit(model, panel, w, missing="likelihood")
    turned = {city: f"k{97 - i}" for i, city in enumerate(panel.ids)}
    frame = panel.frame.reset_index().replace({"city": turned}).sample(frac=1, random_state=0)
    moved = ss.CityPanel(frame, city="city", year="year")
    weights = ss.Weights.from_matrix(w.dense(), ids=[turned[i] for i in w.ids], name="w")
    again = ss.fit(model, moved, weights, missing="likelihood")
    assert_allclose(again.params, res.params, rtol=1e-7)
    assert_allclose(again.cov, res.cov, rtol=1e-6, atol=1e-9)
    shuffled = again.impute()["estimate"].rename(index={new: old for old, new in turned.items()})
    assert_allclose(shuffled.loc[res.impute().index], res.impute()["estimate"], rtol=1e-7)


def test_the_scale_of_the_outcome_scales_what_it_should():
    panel, w, _ = holed()
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="individual")
    one = ss.fit(model, panel, w, missing="likelihood")
    other = ss.fit(model, panel.assign(y=1e6 * panel.frame["y"] + 1e8), w, missing="likelihood")
    assert_allclose(other.rho, one.rho, rtol=1e-7)
    assert_allclose(other.params["x"], 1e6 * one.params["x"], rtol=1e-7)


def test_several_matrices_and_regimes_are_kept_too():
    """Own rho per matrix, own beta per block: the density written out once more, for rho."""
    panel, w = made_up(n=12, T=8)
    v = ss.Weights.from_matrix(ring(12, 7), ids=w.ids, name="v")
    y = panel.array("y").copy()
    y[np.random.default_rng(0).random(y.shape) < 0.15] = np.nan
    model = ss.sar("y ~ x + z", W=["w", "v"], fixed_effects="individual", regimes="region")
    res = ss.fit(model, panel.assign(y=y), [w, v], missing="likelihood")
    seen = ~np.isnan(y).T.ravel()
    member = np.repeat([panel.blocks["region"] == b for b in ("core", "edge")], 2, axis=0)
    x, z = (np.tile(panel.array(name), (1, 1)) for name in ("x", "z"))
    columns = [
        x * member[0][:, None],
        x * member[2][:, None],
        z * member[0][:, None],
        z * member[2][:, None],
    ]
    Z = np.column_stack([c.T.ravel() for c in columns])
    C = null_space(np.kron(np.ones((8, 1)), np.eye(12))[seen].T)

    def loglik(params):
        S = np.eye(12) - params[4] * w.dense() - params[5] * v.dense()
        root = np.kron(np.eye(8), np.linalg.inv(S))
        V = (params[6] * root @ root.T)[np.ix_(seen, seen)]
        gap = C.T @ (y.T.ravel()[seen] - (root @ Z @ params[:4])[seen])
        return multivariate_normal(np.zeros(len(gap)), C.T @ V @ C).logpdf(gap)

    names = ["x[core]", "x[edge]", "z[core]", "z[edge]", "rho[w]", "rho[v]", "sigma2"]
    assert list(res.params.index) == names
    params = res.params.to_numpy()
    assert_allclose(res.loglik, loglik(params), rtol=EXACT)
    assert_allclose(slopes(loglik, params, res.se.to_numpy()), 0, atol=1e-5)


def test_estimates_are_centred_and_cover_where_balancing_and_filling_do_not():
    """n = 20, T = 8, 15 % of the outcome missing at random, 80 draws (sd of a mean: 0.11 sd).

    Balancing keeps about 38 % of the observations and cuts W; filling with the city's mean pulls
    rho towards zero by more than one standard deviation.
    """
    w = ss.Weights.from_matrix(ring(20, 3), ids=range(20), name="w")
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    truth = {"x": 1.0, "W[w]*x": 0.5, "rho[w]": 0.4, "sigma2": 1.0}
    B = np.linalg.solve(np.eye(20) - 0.4 * w.dense(), np.eye(20) + 0.5 * w.dense())
    direct, total = np.trace(B) / 20, B.sum() / 20
    true = np.array([0.4, direct, total - direct])
    found, filled, kept = [], [], []
    for seed in range(80):
        panel = ss.simulate(model, (20, 8), w, truth, seed=seed)
        y = panel.array("y").copy()
        y[np.random.default_rng(1000 + seed).random(y.shape) < 0.15] = np.nan
        holed = panel.assign(y=y)
        res = ss.fit(model, holed, w, missing="likelihood")
        effects = res.effects().table.iloc[:2]
        found.append((np.r_[res.rho, effects["estimate"]], np.r_[res.se["rho[w]"], effects["se"]]))
        mean = holed.frame["y"].groupby("city").transform("mean")
        filled.append(ss.fit(model, holed.assign(y=holed.frame["y"].fillna(mean)), w).rho["w"])
        cities, years = largest_block(np.isnan(y))
        kept.append(cities.sum() * years.sum() / y.size)
    estimate, se = np.moveaxis(np.array(found), 1, 0)
    assert (np.abs((estimate - true).mean(axis=0)) < 0.35 * estimate.std(axis=0)).all()
    covered_ = (np.abs(estimate - true) < 1.96 * se).mean(axis=0)
    assert (covered_ >= 0.88).all()  # 80 draws: 0.95 less three standard errors
    assert_allclose(se.mean(axis=0), estimate.std(axis=0), rtol=0.2)
    assert np.mean(filled) < 0.4 - np.std(filled)
    assert np.mean(kept) < 0.5
