"""Samples and their estimates, side by side, against one fit at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.qml import estimate_qml
from spatialsyn.spillovers.replicates import check_sampled, refitted, sampled, signs


@pytest.mark.parametrize("family", ["ols", "slx", "sar", "sdm"])
@pytest.mark.parametrize(
    ("effects", "correction"),
    [("none", "lee-yu"), ("individual", "direct"), ("time", "lee-yu"), ("twoways", "lee-yu")],
)
def test_all_at_once_is_one_after_the_other(family, effects, correction):
    panel, w = made_up(n=12, T=5)
    given = {} if family == "ols" else {"W": "w"}
    model = getattr(ss, family)("y ~ x", fixed_effects=effects, correction=correction, **given)
    res = ss.fit(model, panel, w)
    v = signs(6, 12, seed=1)
    made = sampled(res, v)
    found = refitted(res.design, made)
    n, T = res.design.y.shape
    for r in range(6):
        y, Wy = made.y[:, r].reshape(n, T), made.Wy[:, r::6].reshape(n, T, -1)
        sample = replace(res.design, y=y, Wy=Wy)
        if np.isnan(found.params[r]).all():
            with pytest.raises(ss.EstimationError, match="still rises"):
                estimate_qml(sample)
            continue
        one = estimate_qml(sample)
        assert_allclose(found.params[r], one.params, rtol=1e-8, atol=1e-10)
        assert_allclose(found.loglik[r], one.loglik, rtol=1e-10)


def test_samples_by_hand():
    """y + S^-1 (c v e - e), written out; c is exact for two-way effects at n = 12, T = 5."""
    panel, w = made_up(n=12, T=5)
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    v = signs(3, 12, seed=2)
    e = res.resid.to_numpy().reshape(12, 5)
    c = np.sqrt(60 / 44)
    for r in range(3):
        star = panel.array("y") + np.linalg.solve(
            np.eye(12) - res.rho["w"] * w.dense(), c * v[r][:, None] * e - e
        )
        moved = ss.fit(res.model, panel.assign(y=star), w)
        made = sampled(res, v)
        assert_allclose(made.y[:, r], moved.design.y.ravel(), atol=1e-12)
        assert_allclose(made.Wy[:, r], moved.design.Wy.ravel(), atol=1e-12)


def test_samples_spread_as_estimates_do():
    """Standard deviations of 400 samples near those of the information: 20 %, both are rough."""
    panel, w = made_up(n=25, T=8)
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    found = refitted(res.design, sampled(res, signs(400, 25, seed=3)))
    spread = found.params[:, :3].std(axis=0)
    assert_allclose(spread, res.se.to_numpy()[:3], rtol=0.35)
    assert_allclose(found.params[:, :3].mean(axis=0), res.params.to_numpy()[:3], atol=0.05)


@pytest.mark.parametrize(
    "model",
    [
        ss.sdem("y ~ x", W="w"),
        ss.sdm("y ~ x", W="w", random="individual"),
        ss.sdm("y ~ x", W="w", fixed_effects="twoways", lag_y=True),
        ss.sdm("y ~ x", W="w", fixed_effects="twoways", correction="bias-corrected"),
    ],
)
def test_models_that_are_not_sampled_are_refused(model):
    panel, w = made_up()
    with pytest.raises(ss.ModelError, match=r"the bootstrap (needs a static|refits every sample)"):
        check_sampled(ss.fit(model, panel, w), "the bootstrap")
