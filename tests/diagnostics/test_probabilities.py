"""Log-marginals against R and MATLAB, a brute integral, and what must not change them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from peers import fits, panel_data
from scipy.integrate import quad
from scipy.linalg import null_space
from scipy.special import gammaln

import spatialsyn as ss
from spatialsyn.diagnostics import log_marginal, posterior
from spatialsyn.diagnostics.marginal import FAMILIES, _density
from spatialsyn.models.design import align, build
from spatialsyn.models.posterior import observations

TWO = {"fixed_effects": "twoways"}


def member(family: str, effects: str, correction: str) -> ss.SpatialModel:
    W = None if family == "ols" else "w"
    return ss.SpatialModel(family, "logc ~ logp + logy", W, effects, correction)


def in_their_constants(model, panel, w) -> float:
    """Programs write (2 pi)^-m/2 for pi^-m/2, and spread rho over all of (1 / w_min, 1)."""
    design = build(model, panel, align([w], model.weights_names, panel))
    m = observations(design) - len(design.names)
    prior = 0.0 if model.family in ("ols", "slx") else np.log((1 - w.logdet.interval[0]) / 2)
    return log_marginal(model, panel, w, "flat")[0] - m / 2 * np.log(2) - prior


@pytest.mark.parametrize("effects", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("family", FAMILIES)
def test_flat_prior_matches_r(family, effects):
    """The formula of LeSage and SDPDmod, integrated in R on 20001 points; dummies for effects."""
    panel, w = panel_data("cigar")
    version = "within" if effects in ("time", "twoways") else "fixed"
    stored = fits("cigar_exact_derived")[f"lmarg_{version}_usa46_{effects}_uniform"]["result"]
    ours = in_their_constants(member(family, effects, "direct"), panel, w)
    # R's SEM differs in the tenth digit of a number of size 1000.
    assert_allclose(ours, stored["lmarginal"][family], atol=1e-8)


@pytest.mark.parametrize("family", ["ols", "slx"])
def test_sdpdmod_counts_the_dummies_twice(family):
    """After its F-transformation it takes 45 + 29 - 1 dummies off once more."""
    panel, w = panel_data("cigar")
    model = member(family, "twoways", "lee-yu")
    stored = fits("cigar_bayes")["blmp_usa46_twoways_LYtrans_uniform"]["result"]["lmarginal"]
    design = build(model, panel, align([w], model.weights_names, panel))
    Z, y = design.Z.reshape(1380, -1), design.y.ravel()
    ssr, m = np.linalg.lstsq(Z, y, rcond=None)[1][0], 45 * 29 - Z.shape[1]
    logdet = np.linalg.slogdet(Z.T @ Z)[1]

    def closed_form(m):
        return gammaln(m / 2) - m / 2 * np.log(2 * np.pi * ssr) - logdet / 2

    assert_allclose(in_their_constants(model, panel, w), closed_form(m), rtol=1e-10)
    assert_allclose(closed_form(m - 73), stored[family], rtol=1e-10)


@pytest.mark.parametrize("family", ["sar", "sdm", "sem", "sdem"])
def test_sdpdmod_takes_the_integral_for_its_logarithm(family):
    """Its log-marginals with rho are peak - integral, not peak + ln(integral): 2.6 too high."""
    panel, w = panel_data("cigar")
    model = member(family, "individual", "direct")
    stored = fits("cigar_bayes")["blmp_usa46_individual_uniform"]["result"]["lmarginal"]
    design = build(model, panel, align([w], model.weights_names, panel))
    peak = max(_density(design, np.array([s]), None) for s in np.linspace(0.1, 0.6, 201))
    integral = np.exp(log_marginal(model, panel, w, "flat")[0] + np.log(2) - peak)
    right = in_their_constants(model, panel, w)
    # Its rectangles are 0.001 wide, and so is the grid that its peak is read from.
    assert_allclose(right - np.log(integral) - integral, stored[family], atol=2e-3)


def test_g_prior_is_the_integral_written_out():
    panel, w = made_up()
    model = ss.sdm("y ~ x + z", W="w", **TWO)
    design = build(model, panel, align([w], ("w",), panel))
    n, N, k, g = 12, 55, 4, 20.0
    Z, W = design.Z.reshape(72, 4), w.dense()
    y, Wy = design.y.ravel(), design.Wy.ravel()
    P = Z @ np.linalg.pinv(Z)

    def log_density(rho):
        v = y - rho * Wy
        ssr, ssy = v @ v - v @ P @ v, v @ v
        logdet = 5 * (np.linalg.slogdet(np.eye(n) - rho * W)[1] - np.log(1 - rho))
        return logdet - N / 2 * np.log(ssr + (ssy - ssr) / (1 + g))

    peak = max(map(log_density, np.linspace(-0.99, 0.99, 400)))
    integral = quad(lambda r: np.exp(log_density(r) - peak), -1, 1, epsabs=0, epsrel=1e-11)[0]
    constant = gammaln(N / 2) - N / 2 * np.log(np.pi) - k / 2 * np.log(1 + g) - np.log(2)
    ours = log_marginal(model, panel, w, g=g)[0]
    assert_allclose(ours, constant + peak + np.log(integral), rtol=1e-9)


def test_a_constant_is_flat_beside_the_g_prior():
    """The density of what is orthogonal to the filtered constant, whose length depends on lambda."""
    panel, w = made_up(noise=1.0)
    y, x, W, g = panel.array("y"), panel.array("x"), w.dense(), 20.0
    N = y.size - 1

    def log_density(lam):
        R = np.eye(12) - lam * W
        v, z, one = ((R @ a).ravel() for a in (y, x, np.ones_like(y)))
        A = null_space(one[None])
        v, z = A.T @ v, A.T @ z
        V = np.eye(N) + g * np.outer(z, z) / (z @ z)
        fit = N / 2 * np.log(v @ np.linalg.solve(V, v)) + np.linalg.slogdet(V)[1] / 2
        return 6 * np.linalg.slogdet(R)[1] - fit - np.log(one @ one) / 2

    peak = log_density(0.4)
    integral = quad(lambda s: np.exp(log_density(s) - peak), -1, 1, epsabs=0, epsrel=1e-9)[0]
    constant = gammaln(N / 2) - N / 2 * np.log(np.pi) - np.log(2)
    ours = log_marginal(ss.sem("y ~ x", W="w"), panel, w, g=g)[0]
    assert_allclose(ours, constant + peak + np.log(integral), rtol=1e-9)


def test_one_matrix_of_a_mixture_has_the_same_evidence():
    """`averaged` integrates the same model by another route."""
    panel, w = made_up()
    far = ss.Weights.from_matrix(w.dense() @ w.dense() * (1 - np.eye(12)), ids=w.ids, name="far")
    given = [w, far.standardize("row")]
    mixed = ss.fit(ss.sdm("y ~ x", W=ss.convex("w", "far"), **TWO), panel, given)
    table = mixed.averaged().table
    for name in ("w", "far"):
        log, rho = log_marginal(ss.sdm("y ~ x", W=name, **TWO), panel, given)
        assert_allclose([log, rho], table.loc[name, ["log_marginal", "rho"]], rtol=1e-8)


def test_units_of_regressors_do_not_count():
    panel, w = made_up()
    other = panel.assign(x=1000 * panel.array("x"), z=panel.array("z") / 7)
    one, two = (posterior(ss.sdm("y ~ x + z", W="w", **TWO), p, w) for p in (panel, other))
    assert_allclose(one.table["probability"], two.table["probability"], rtol=1e-7)


def test_the_model_and_the_matrix_that_made_the_data_win():
    panel, w = made_up(n=30, T=10)
    wrong = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="wrong")
    made = posterior(ss.sdm("y ~ x + z", W="w", **TWO), panel, [w, wrong])
    best = made.table.loc[made.table["probability"].idxmax()]
    # Only x has a lag in these data: the SDM is right.
    assert (best["family"], best["W"]) == ("sdm", "w")
    assert_allclose([made.families.sum(), made.weights.sum()], 1)
    assert abs(best["rho"] - 0.4) < 0.1
    assert "lee-yu" in repr(made)
    assert "<table" in made._repr_html_()


def test_refusals():
    panel, w = made_up()
    model = ss.sdm("y ~ x", W="w", **TWO)
    v = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="v")
    cases = [
        (lambda: posterior(model, panel, w, prior="flat"), "depend on the units"),
        (lambda: posterior(model, panel, w, families=["gns"]), "families has 'gns'"),
        (lambda: posterior(ss.fit(model, panel, w), panel, w), "needs a model .*got Results"),
        (lambda: log_marginal(model, panel, w, "uniform"), "prior='uniform' is not one of"),
        (lambda: log_marginal(model, panel, w, g=-1), "g=-1: .*positive number"),
        (lambda: log_marginal(model.but(lag_y=True), panel, w), "a lagged outcome"),
        (lambda: log_marginal(model.but(family="gns"), panel, w), "family='gns'"),
        (lambda: log_marginal(model.but(W=["w", "v"]), panel, [w, v]), "one spatial"),
        (lambda: log_marginal(model.but(correction="bias-corrected"), panel, w), "of its own"),
    ]
    for call, message in cases:
        with pytest.raises(ss.ModelError, match=message):
            call()


def test_matrices_of_a_mapping_go_by_its_keys():
    """As everywhere: `ss.fit(model, panel, {"near": w})` fits a model of W[near]."""
    panel, w = made_up()
    model = ss.sdm("y ~ x", W="near", **TWO)
    named = posterior(model, panel, {"near": w}, families=["sar", "sdm"]).table
    assert list(named["W"]) == ["near", "near"]
    pd.testing.assert_frame_equal(
        named, posterior(model, panel, w.rename("near"), families=["sar", "sdm"]).table
    )
