"""Years left out between others: what stands beside each other is not one year apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.study.grid import Specification

LOST = 2004


@pytest.fixture
def data():
    panel, w = made_up(T=9)
    return panel, w, np.array([year for year in panel.years if year != LOST])


def holed(panel):
    """The panel without any outcome of one year."""
    y = panel.frame["y"].where(panel.frame.index.get_level_values("year") != LOST)
    return panel.assign(y=y)


def balanced(model, panel, w, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ss.fit(model, holed(panel), w, missing="balance", **given)


def between(scores, years):
    """Sum over pairs of years of Bartlett's weight times the product of their scores, (T, q)."""
    T = len(years)
    reach = int(4 * (T / 100) ** (2 / 9))
    S = sum(
        max(0.0, 1 - abs(int(years[a]) - int(years[b])) / (reach + 1))
        * np.outer(scores[a], scores[b])
        for a in range(T)
        for b in range(T)
    )
    assert reach > 1
    return S * T / (T - 1)


def test_driscoll_kraay_counts_the_years_that_lie_between(data):
    panel, w, years = data
    model = ss.slx("y ~ x + z", W="w", fixed_effects="individual")
    res = balanced(model, panel, w, cov="driscoll-kraay")
    assert res.data.years == tuple(years)
    Z, k = res.design.Z, res.design.Z.shape[2]
    e = res.design.y - Z @ res.params.to_numpy()[:k]
    bread = np.linalg.inv(np.einsum("itk,itl->kl", Z, Z))
    V = bread @ between(np.einsum("it,itk->tk", e, Z), years) @ bread
    assert_allclose(res.cov.to_numpy()[:k, :k], V, rtol=1e-8)
    beside = bread @ between(np.einsum("it,itk->tk", e, Z), np.arange(len(years))) @ bread
    assert (np.abs(np.diag(beside) / np.diag(V) - 1) > 0.01).any()


def test_instruments_count_them_too(data):
    panel, w, years = data
    model = ss.sar("y ~ x + z", W="w", fixed_effects="individual", estimator="2sls")
    res = balanced(model, panel, w, cov="driscoll-kraay")
    n, T = panel.n, len(years)
    keep = [panel.years.index(year) for year in years]

    def within(v):
        v = v[:, keep]
        return (v - v.mean(axis=1, keepdims=True)).ravel()

    x, z, y, W = panel.array("x"), panel.array("z"), panel.array("y"), w.dense()
    Q = np.column_stack([*map(within, (x, z)), within(W @ y)])
    H = np.column_stack([within(v) for u in (x, z) for v in (u, W @ u, W @ W @ u)])
    fitted = H @ np.linalg.lstsq(H, Q, rcond=None)[0]
    e = within(y) - Q @ np.linalg.lstsq(fitted, within(y), rcond=None)[0]
    scores = (fitted * e[:, None]).reshape(n, T, 3).sum(axis=0)
    bread = np.linalg.inv(fitted.T @ fitted)
    V = bread @ between(scores, years) @ bread
    assert_allclose(res.se[["x", "z", "rho[w]"]], np.sqrt(np.diag(V)), rtol=1e-6)


@pytest.mark.parametrize("cov", ["driscoll-kraay", "period"])
def test_a_year_dropped_in_a_study_is_a_year_without_outcomes(data, cov):
    panel, w, _ = data
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    (found,) = (
        ss.Study(panel, w, {"main": Specification(model, (LOST,))}, cov).run().records.values()
    )
    res = balanced(model, panel, w, cov=cov)
    assert_allclose(found["parameters"]["estimate"], res.params, rtol=1e-8)
    assert_allclose(found["parameters"]["se"], res.se, rtol=1e-8)


def test_correlation_over_the_years_is_that_of_years_one_apart(data):
    """By the cities' scores, of the pairs of years that follow each other."""
    panel, w, years = data
    res = balanced(ss.ols("y ~ x + z", fixed_effects="individual"), panel, w)
    e = res.estimate.residuals
    pairs = [(t, t - 1) for t in range(1, len(years)) if years[t] - years[t - 1] == 1]
    assert len(pairs) == len(years) - 2
    expected = -1 / (len(years) - 1)
    scores = sum(e[:, s] * (e[:, t] - expected * e[:, s]) for t, s in pairs)
    F = panel.n * scores.mean() ** 2 / scores.var(ddof=1)
    assert_allclose(ss.diagnostics.serial_correlation(res).statistic, F, rtol=1e-10)


def test_years_that_never_follow_each_other_have_no_such_test():
    panel, w = made_up(T=5)
    years = panel.frame.index.get_level_values("year")
    alone = panel.assign(y=panel.frame["y"].where(years % 2 == 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        res = ss.fit(ss.ols("y ~ x", fixed_effects="individual"), alone, w, missing="balance")
    made = ss.diagnostics.serial_correlation(res)
    assert np.isnan(made.p)
    assert "no two years follow each other" in made.note
