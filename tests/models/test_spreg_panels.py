"""Panels against those of spreg, installed beside: estimates and standard errors.

spreg demeans without the transformation (ours: correction="direct"), and its random effects stand
outside the spatial error (ours: random="baltagi").
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest
from libpysal.weights import WSP
from numpy.testing import assert_allclose

import spatialsyn as ss

N, T = 30, 6
NAMES = ["x0", "x1", "x2"]


@pytest.fixture(scope="module")
def sample() -> tuple[ss.CityPanel, ss.Weights]:
    """Nearest neighbours in the plane made mutual, rows that sum to one, city effects, rho = 0.4."""
    rng = np.random.default_rng(11)
    points = rng.random((N, 2))
    far = ((points[:, None] - points) ** 2).sum(axis=2)
    links = np.zeros((N, N))
    links[np.arange(N)[:, None], np.argsort(far, axis=1)[:, 1:6]] = 1
    links = np.maximum(links, links.T)
    W = links / links.sum(axis=1, keepdims=True)
    X = rng.normal(size=(3, N, T))
    noise = rng.normal(size=(N, 1)) + rng.normal(size=(N, T))
    y = np.linalg.solve(np.eye(N) - 0.4 * W, X.sum(axis=0) + 0.5 * W @ X[0] + noise)
    index = pd.MultiIndex.from_product([range(N), range(2000, 2000 + T)], names=["city", "year"])
    columns = {"y": y.ravel()} | {x: values.ravel() for x, values in zip(NAMES, X, strict=True)}
    panel = ss.CityPanel(pd.DataFrame(columns, index=index).reset_index(), city="city")
    return panel, ss.Weights.from_matrix(W, ids=panel.ids, name="w")


def of_spreg(name: str, panel: ss.CityPanel, w: ss.Weights, **options: object) -> object:
    """A model of spreg, whose rows are years with the cities within."""
    import spreg

    y = panel.array("y").T.reshape(-1, 1)
    X = np.stack([panel.array(x) for x in NAMES], axis=2).transpose(1, 0, 2).reshape(-1, 3)
    old = WSP(w.sparse).to_W(silence_warnings=True)
    old.transform = "r"
    with contextlib.redirect_stdout(None), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(spreg, name)(y, X, old, **options)


@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_lags_with_city_effects_are_those_of_spreg(family, sample):
    panel, w = sample
    theirs = of_spreg("ML_LagFE", panel, w, slx_lags=int(family == "sdm"))
    model = getattr(ss, family)(
        "y ~ x0 + x1 + x2", W="w", fixed_effects="individual", correction="direct"
    )
    ours = ss.fit(model, panel, w)
    k = theirs.betas.size
    assert_allclose(ours.params[:k], theirs.betas.ravel(), rtol=1e-5)
    assert_allclose(ours.se[:k], np.sqrt(np.diag(theirs.vm)), rtol=1e-5)
    assert_allclose(ours.params["sigma2"], theirs.sig2.item(), rtol=1e-5)


def test_errors_with_city_effects_are_those_of_spreg(sample):
    panel, w = sample
    theirs = of_spreg("ML_ErrorFE", panel, w)
    model = ss.sem("y ~ x0 + x1 + x2", W="w", fixed_effects="individual", correction="direct")
    ours = ss.fit(model, panel, w)
    assert_allclose(ours.params[:4], theirs.betas.ravel(), rtol=1e-5)
    assert_allclose(ours.se[:4], np.sqrt(np.diag(theirs.vm)), rtol=1e-5)


def test_lags_with_random_effects_are_those_of_spreg(sample):
    panel, w = sample
    theirs = of_spreg("ML_LagRE", panel, w)
    ours = ss.fit(ss.sar("y ~ x0 + x1 + x2", W="w", random="baltagi"), panel, w)
    assert_allclose(ours.params[:6], theirs.betas.ravel(), rtol=1e-5)


def test_errors_with_random_effects_are_more_likely_than_those_of_spreg(sample):
    """By a dense likelihood: spreg's estimates lie below its maximum."""
    panel, w = sample
    theirs = of_spreg("ML_ErrorRE", panel, w)
    ours = ss.fit(ss.sem("y ~ x0 + x1 + x2", W="w", random="baltagi"), panel, w)
    y = panel.array("y").ravel()
    X = np.column_stack([np.ones(N * T), *(panel.array(x).ravel() for x in NAMES)])

    def dense(lam: float, share: float) -> float:
        """The log-likelihood whose errors have covariance s2 ((B'B)^-1 x I + share I x 11')."""
        B = np.eye(N) - lam * w.dense()
        V = np.kron(np.linalg.inv(B.T @ B), np.eye(T)) + share * np.kron(np.eye(N), np.ones((T, T)))
        L = np.linalg.cholesky(V)
        on_y, on_X = np.linalg.solve(L, y), np.linalg.solve(L, X)
        s2 = np.mean((on_y - on_X @ np.linalg.lstsq(on_X, on_y)[0]) ** 2)
        return -N * T / 2 * (np.log(2 * np.pi * s2) + 1) - np.log(np.diag(L)).sum()

    at_ours = dense(ours.params["lambda[w]"], (ours.params["phi"] ** -2 - 1) / T)
    assert_allclose(at_ours, ours.loglik, rtol=1e-9)
    lam, s2_city = theirs.betas[4:, 0]
    assert at_ours > dense(lam, s2_city / theirs.sig2.item()) + 0.001
