"""Do the blocks differ? The likelihood ratio of a model with regimes against one without."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, swept
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

import spatialsyn as ss
from spatialsyn.diagnostics import lr, wald

SDM = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")


def best_likelihood(y, columns, W):
    """Of Lee and Yu's two-way transformation, written out: (T - 1)(ln|I - rho W| - ln(1 - rho))."""
    n, T = y.shape
    N = (n - 1) * (T - 1)
    Z = np.column_stack([swept(column) for column in columns])

    def minus(rho):
        e = swept(y - rho * W @ y)
        e = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
        jacobian = np.linalg.slogdet(np.eye(n) - rho * W)[1] - np.log(1 - rho)
        return N / 2 * (np.log(2 * np.pi * e @ e / N) + 1) - (T - 1) * jacobian

    return -minimize_scalar(
        minus, bounds=(-0.9, 0.95), method="bounded", options={"xatol": 1e-9}
    ).fun


@pytest.fixture(scope="module")
def data():
    return made_up(n=15, T=6)


@pytest.mark.parametrize("own", [(), ("x",)])
def test_the_ratio_is_that_of_two_dense_likelihoods(data, own):
    panel, w = data
    W, core = w.dense(), (panel.blocks["region"] == "core").to_numpy().astype(float)[:, None]
    x, z, y = (panel.array(name) for name in "xzy")
    plain = [x, z, W @ x, W @ z]
    split = [part * block for part in (x, W @ x) for block in (core, 1 - core)]
    rest = [z, W @ z] if own else [p * b for p in (z, W @ z) for b in (core, 1 - core)]
    expected = 2 * (best_likelihood(y, split + rest, W) - best_likelihood(y, plain, W))
    larger = ss.fit(SDM.but(regimes=ss.regimes("region", x=own)), panel, w)
    found = lr(larger, ss.fit(SDM, panel, w))
    assert_allclose(found.statistic, expected, rtol=1e-7)  # two flat peaks, found to 1e-9
    assert found.df == (2 if own else 4)
    assert_allclose(found.p, chi2.sf(expected, found.df), rtol=1e-6)
    assert found.null.startswith("the blocks of region share 'x'")


def test_fewer_own_coefficients_are_a_special_case(data):
    """All, only x, and an own rho beside: each against each that says less."""
    panel, w = data
    model = SDM.but(correction="direct")
    own = ss.regimes("region", rho=True), ss.regimes("region"), ss.regimes("region", x="x"), None
    fits = [ss.fit(model.but(regimes=one), panel, w) for one in own]
    for k, larger in enumerate(fits):
        for smaller in fits[k + 1 :]:
            found = lr(larger, smaller)
            assert found.df == len(larger.params) - len(smaller.params)
            assert_allclose(found.statistic, 2 * (larger.loglik - smaller.loglik), rtol=1e-9)
            assert np.isnan(lr(smaller, larger).statistic)


def test_other_groupings_other_matrices_and_the_same_family_say_why(data):
    panel, w = data
    v = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="v")
    by_region = ss.fit(SDM.but(regimes="region"), panel, w)
    by_size = ss.fit(SDM.but(regimes=ss.regimes("size", above=1.0)), panel, w)
    for one, other in ((by_region, by_size), (by_size, by_region)):
        assert "'x[" in lr(one, other).note
        assert "which this one lacks" in lr(one, other).note
    other = ss.fit(SDM.but(W="v"), panel, v)
    assert "'W[v]*x'" in lr(ss.fit(SDM, panel, w), other).note
    for test in (wald, lr):
        note = test(by_region, "sdm").note
        assert "the family is SDM already" in note
        assert "without regimes=" in note
