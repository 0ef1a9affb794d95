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
from spatialsyn.models.masked_estimate import describe_masked, estimate_masked
from spatialsyn.models.qml import estimate_qml
from spatialsyn.numerics.multiplier import multiplier

FAMILIES = ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")
EFFECTS = ("none", "individual", "time", "twoways")
# Nothing but rounding separates the two ways to the same likelihood.
EXACT = 1e-9


def specified(family: str, **options: str) -> ss.SpatialModel:
    given = {} if family == "ols" else {"W": "w"}
    return ss.SpatialModel(family, "y ~ x + z", **given, **options)


def holed(n: int = 9, T: int = 5, share: float = 0.2, seed: int = 1, **options):
    """A made-up panel with holes in its outcome, and the outcome without them."""
    panel, w = made_up(n, T, seed=seed, **options)
    y = panel.array("y").copy()
    y[np.random.default_rng(seed).random((n, T)) < share] = np.nan
    return panel.assign(y=y), w, panel.array("y")


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
    whole, masked = estimate_qml(design), estimate_masked(replace(design, observed=panel.array("y")))
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
        lagged = [flag for flag in res.data.lagged] if res.model.has_wx else [False] * X.shape[2]
        WX = np.einsum("ij,jtk->itk", self.W, X[..., lagged])
        Z = np.concatenate([X, WX], axis=2)
        self.Z = np.moveaxis(Z, 1, 0).reshape(n * T, -1)
        city = np.kron(np.ones((T, 1)), np.eye(n))
        year = np.kron(np.eye(T), np.ones((n, 1)))
        fixed = res.model.fixed_effects
        parts = [city] * (fixed in ("individual", "twoways")) + [year] * (fixed in ("time", "twoways"))
        D = np.concatenate([np.zeros((n * T, 1)), *parts], axis=1)[self.seen]
        # Contrasts of the observed cells that hold no fixed effect.
        self.C = null_space(D.T)
        self.D = D

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

    def information(self, params: np.ndarray) -> np.ndarray:
        """Expected: tr(V^-1 dV V^-1 dV) / 2 + dm' V^-1 dm, of the contrasts, by differences."""
        C, steps = self.C, 1e-6 * np.eye(len(params))
        ends = [(self.moments(params + h), self.moments(params - h)) for h in steps]
        dm = [C.T @ (up[0] - down[0]) / 2e-6 for up, down in ends]
        dV = [C.T @ (up[1] - down[1]) @ C / 2e-6 for up, down in ends]
        inverse = np.linalg.inv(C.T @ self.moments(params)[1] @ C)
        return np.array(
            [
                [np.trace(inverse @ a @ inverse @ b) / 2 + m @ inverse @ k for b, k in zip(dV, dm, strict=True)]
                for a, m in zip(dV, dm, strict=True)
            ]
        )  # fmt: skip


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
    if correction == "lee-yu":
        cov = np.linalg.inv(brute.information(params))
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
