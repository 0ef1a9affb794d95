"""Convex combinations against stored results, and what other likelihoods make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import mixed, stored, three
from numpy.testing import assert_allclose
from peers import fits

import spatialsyn as ss
from spatialsyn.models.convex import estimate_convex
from spatialsyn.models.design import align, build
from spatialsyn.numerics.lags import lag

# The stored maxima are good to about 1e-8.
RTOL = 1e-6
CASES = ("sim_conv_sar", "sim_conv_sdm", "weekly_conv")


def fitted(case: str, family: str, correction: str = "lee-yu", wx: str = "each") -> ss.Results:
    panel, weights, formula = stored(case)
    names = tuple(w.name for w in weights)
    model = getattr(ss, family)(
        formula, W=ss.convex(*names, wx=wx), fixed_effects="twoways", correction=correction
    )
    return ss.fit(model, panel, weights)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", ["sar", "sdm"])
@pytest.mark.parametrize(("correction", "entry"), [("lee-yu", "LYtransform"), ("direct", "direct")])
def test_maxima_match_independent_code(case, family, correction, entry):
    res = fitted(case, family, correction)
    theirs = fits(f"lesage_{case}")["independent"][f"{family}_conv_{entry}"]
    q = len(theirs["beta"])
    assert_allclose(res.rho.iloc[0], theirs["rho"], rtol=RTOL)
    assert_allclose(res.params.filter(like="share["), theirs["gamma"], rtol=RTOL, atol=1e-7)
    assert_allclose(res.params.iloc[:q], theirs["beta"], rtol=RTOL)
    assert_allclose(res.sigma2, theirs["sigma2"], rtol=RTOL)
    assert_allclose(res.loglik, theirs["loglik"], rtol=1e-9)


@pytest.mark.parametrize("case", ["sim_conv_sar", "sim_conv_sdm"])
def test_the_transformation_recovers_the_truth(case):
    res = fitted(case, case.removeprefix("sim_conv_"))
    truth = fits(f"lesage_{case}")["dgp_true"]
    where = res.params.filter(regex=r"rho|share").index
    error = np.abs(res.params[where] - [truth["rho"], *truth["gamma"]])
    assert (error < 2 * res.se[where]).all()


def test_the_direct_likelihood_loses_rho_and_the_shares():
    """It leaves -ln(1 - rho) out, and that moves rho and, where it is flat, the shares far."""
    truth = fits("lesage_sim_conv_sdm")["dgp_true"]
    direct, ours = fitted("sim_conv_sdm", "sdm", "direct"), fitted("sim_conv_sdm", "sdm")
    assert direct.rho.iloc[0] < 0.25 < 0.34 < ours.rho.iloc[0] < truth["rho"]
    gamma = np.array(truth["gamma"])
    off = [np.abs(r.params.filter(like="share[") - gamma).sum() for r in (direct, ours)]
    assert off[0] > 2 * off[1]
    direct, ours = fitted("weekly_conv", "sar", "direct"), fitted("weekly_conv", "sar")
    assert direct.params["share[a]"] == 1  # one matrix does not matter at all, it says
    assert_allclose(ours.params["share[a]"], 0.577, atol=1e-3)


def test_in_repeated_samples_too():
    """Two-way effects, n = 20, T = 10, 12 draws of rho = 0.5."""
    panel, weights = three(n=20, T=10)
    model = mixed("sar", names=("a", "b"))
    truth = {"x": 1.0, "z": -0.5, "rho[a+b]": 0.5, "share[a]": 0.6, "share[b]": 0.4, "sigma2": 1.0}
    rho = {"lee-yu": [], "direct": []}
    for seed in range(100, 112):
        drawn = ss.simulate(model, panel, weights, truth, seed=seed)
        for correction, found in rho.items():
            found.append(ss.fit(model.but(correction=correction), drawn, weights).rho.iloc[0])
    transformed, direct = np.mean(rho["lee-yu"]), np.mean(rho["direct"])
    assert abs(transformed - 0.5) < 0.12  # three standard errors of the mean
    assert direct < transformed - 0.15


def test_the_sampler_of_the_toolbox_lags_what_is_demeaned_and_never_demeans_again():
    """Its WX is W(Qx), its Wy is W(Qy): on these arrays the mode is the maximum.

    What is left is its Taylor log-determinant of four terms, 1e-2 in rho, and the sampler.
    """
    panel, weights, formula = stored("weekly_conv")
    model = ss.sdm(formula, W=ss.convex("a", "b"), fixed_effects="twoways", correction="direct")
    design = build(model, panel, align(weights, model.weights_names, panel))
    W, X = [w.dense() for w in weights], design.Z[..., :2]
    Wy = np.stack([lag(w, design.y) for w in W], axis=2)
    Z = np.concatenate([X, *(lag(w, X) for w in W)], axis=2)
    theirs = fits("lesage_weekly_conv")["toolbox"]["sdm_conv_panel_g"]["seed1"]
    ours, right = (estimate_convex(d).params for d in (replace(design, Wy=Wy, Z=Z), design))
    assert_allclose(ours[:6], theirs["beta_mode"], atol=1e-3)
    assert_allclose(ours[6], theirs["rho_mode"], atol=5e-3)
    assert_allclose(ours[7:9], theirs["gamma_mode"], atol=1e-4)
    assert np.abs(right[:6] - theirs["beta_mode"]).max() > 1


def test_the_log_determinant_of_the_toolbox_has_four_terms():
    theirs, ours = fits("lesage_sim_conv_sar"), fitted("sim_conv_sar", "sar", "direct")
    taylor = theirs["independent"]["sar_conv_direct_taylor4"]
    W = sum(g * w.dense() for g, w in zip(taylor["gamma"], ours.weights.values(), strict=True))
    design, rho = ours.design, np.linspace(0.5, 0.7, 2001)
    e_y, e_Wy = (
        v - design.Z.reshape(1000, -1) @ np.linalg.lstsq(design.Z.reshape(1000, -1), v)[0]
        for v in (design.y.ravel(), (design.Wy @ np.array(taylor["gamma"])).ravel())
    )
    series = -sum(rho**j * np.trace(np.linalg.matrix_power(W, j)) / j for j in range(1, 5))
    ssr = e_y @ e_y - 2 * rho * (e_y @ e_Wy) + rho**2 * (e_Wy @ e_Wy)
    assert_allclose(rho[np.argmax(10 * series - 500 * np.log(ssr))], taylor["rho"], atol=1e-4)
    mode = theirs["toolbox"]["sar_conv_panel_g"]["seed1"]["rho_mode"]
    assert abs(mode - taylor["rho"]) < 2e-3 < 1e-2 < abs(mode - ours.rho.iloc[0])
