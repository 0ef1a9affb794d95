"""Strength and validity of instruments, against least squares written out."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import chi2
from scipy.stats import f as f_distribution
from test_instruments import SDM, dummies, troubled, written_out

import spatialsyn as ss


def ssr(y: np.ndarray, X: np.ndarray) -> float:
    """Sum of squares that X leaves of y."""
    e = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(e @ e)


def split_up(panel: ss.CityPanel, w: ss.Weights) -> tuple[np.ndarray, ...]:
    """Endogenous columns, included exogenous ones with the dummies, and excluded instruments."""
    _, Q, H = written_out(panel, w.dense())
    return Q[:, [0, 2, 4]], np.c_[H[:, :2], H[:, 10:]], H[:, 2:10]


def test_F_and_partial_R2_compare_two_regressions():
    panel, w = troubled()
    table = ss.fit(SDM, panel, w).first_stage().table
    endogenous, inside, outside = split_up(panel, w)
    left = panel.n * panel.T - inside.shape[1] - 8
    for x, row in zip(endogenous.T, table.to_dict("records"), strict=True):
        short, long = ssr(x, inside), ssr(x, np.c_[inside, outside])
        assert_allclose(row["F"], (short - long) / 8 / (long / left), rtol=1e-8)
        assert_allclose(row["partial_r2"], 1 - long / short, rtol=1e-8)
        assert (row["df1"], row["df2"]) == (8, left)
        assert_allclose(row["p"], f_distribution.sf(row["F"], 8, left))
    assert list(table["endogenous"]) == ["x", "W[w]*x", "W[w]*y"]


def test_conditional_F_is_that_of_what_two_stages_leave():
    """Sanderson & Windmeijer (2016): x1 less its two-stage fit on the other endogenous columns,
    regressed on all instruments; 8 instruments less the two others are 6 degrees of freedom."""
    panel, w = troubled()
    table = ss.fit(SDM, panel, w).first_stage().table
    endogenous, inside, outside = split_up(panel, w)
    everything = np.c_[inside, outside]
    left = panel.n * panel.T - everything.shape[1]
    for j, x in enumerate(endogenous.T):
        others = np.c_[np.delete(endogenous, j, axis=1), inside]
        fitted = everything @ np.linalg.lstsq(everything, others, rcond=None)[0]
        rest = x - others @ np.linalg.lstsq(fitted, x, rcond=None)[0]
        long = ssr(rest, everything)
        expected = (ssr(rest, inside) - long) / 6 / (long / left)
        assert_allclose(table["conditional_F"][j], expected, rtol=1e-7)


def test_with_one_endogenous_column_both_F_agree_under_any_covariance():
    panel, w = troubled()
    model = ss.sar("y ~ z + z1", W="w", fixed_effects="individual", estimator="2sls")
    res = ss.fit(model, panel, w)
    for kind in ("classical", "robust", "city"):
        table = res.with_cov(kind).first_stage().table
        assert_allclose(table["F"], table["conditional_F"], rtol=1e-10)


def test_a_robust_F_is_a_Wald_test_with_a_robust_covariance():
    panel, w = troubled(20, 8)
    table = ss.fit(SDM, panel, w, cov="city").first_stage().table
    endogenous, inside, outside = split_up(panel, w)
    X = np.c_[outside, inside]
    bread = np.linalg.pinv(X.T @ X)
    x = endogenous[:, 0]
    b = bread @ X.T @ x
    cells = (X * (x - X @ b)[:, None]).reshape(panel.n, panel.T, -1).sum(axis=1)
    V = panel.n / (panel.n - 1) * bread @ cells.T @ cells @ bread
    expected = b[:8] @ np.linalg.solve(V[:8, :8], b[:8]) / 8
    assert_allclose(table["F"][0], expected, rtol=1e-6)


def test_two_regressors_moved_by_one_thing_have_large_F_and_small_conditional_F():
    """What each F alone would hide."""
    panel, _ = troubled(40, 8)
    rng = np.random.default_rng(0)
    z1 = panel.frame["z1"].to_numpy().reshape(40, 8)
    both = {name: z1 + 0.5 * rng.normal(size=z1.shape) for name in ("a", "b")}
    noise = {f"n{i}": rng.normal(size=z1.shape) for i in range(2)}
    panel = panel.assign(**both, **noise)
    model = ss.ols("y ~ a + b", fixed_effects="individual", estimator="2sls",
                   endogenous=["a", "b"], instruments=["z1", "n0", "n1"])  # fmt: skip
    made = ss.fit(model, panel).first_stage()
    assert (made.table["F"] > 200).all()
    assert (made.table["conditional_F"] < 10).all()
    assert "F < 10 for 'a', 'b': weak instruments" in made.note
    assert "weak instruments" in repr(made)
    assert made.tidy().equals(made.table)


def test_sargan_is_nobs_times_R2_of_the_residuals():
    panel, w = troubled()
    res = ss.fit(SDM, panel, w)
    _, _, H = written_out(panel, w.dense())
    e = res.resid.to_numpy()
    test = res.overid()
    assert_allclose(test.statistic, res.nobs * (1 - ssr(e, H) / (e @ e)), rtol=1e-7)
    assert ("(Sargan)" in test.null, test.df) == (True, 5)
    assert_allclose(test.p, chi2.sf(test.statistic, 5))


@pytest.mark.parametrize("kind", ["classical", "robust"])
def test_units_of_regressors_change_no_overidentification(kind):
    """Coefficients of small columns counted as none: J rose to that of fewer coefficients."""
    panel, w = troubled()
    units = {"y": 1e10, "x": 1e-10, "z1": 1e-8}
    moved = panel.assign(**{name: unit * panel.array(name) for name, unit in units.items()})
    plain, other = (ss.fit(SDM, one, w, cov=kind).overid() for one in (panel, moved))
    assert_allclose([other.statistic, other.p], [plain.statistic, plain.p], rtol=1e-6)


@pytest.mark.parametrize("kind", ["robust", "city"])
def test_hansen_is_the_smallest_distance_of_the_moments(kind):
    panel, w = troubled(20, 8)
    res = ss.fit(SDM, panel, w, cov=kind)
    y, Q, H = written_out(panel, w.dense())
    D = dummies(panel.n, panel.T)
    y, Q, H = (v - D @ np.linalg.lstsq(D, v, rcond=None)[0] for v in (y, Q[:, :5], H[:, :10]))
    cells = H * res.resid.to_numpy()[:, None]
    share = panel.n * panel.T / res.nobs
    if kind == "city":
        cells, share = cells.reshape(panel.n, panel.T, -1).sum(axis=1), panel.n / (panel.n - 1)
    weight = np.linalg.inv(share * cells.T @ cells)

    def distance(b: np.ndarray) -> float:
        g = H.T @ (y - Q @ b)
        return g @ weight @ g

    best = minimize(distance, res.params.iloc[:5], method="BFGS", options={"gtol": 1e-10})
    test = res.overid()
    assert_allclose(test.statistic, best.fun, rtol=1e-6)  # BFGS stops near the root of 1e-12
    assert ("(Hansen J)" in test.null, test.df) == (True, 5)


def test_an_instrument_that_belongs_into_the_equation_is_found_out():
    panel, w = troubled(40, 8)
    model = ss.sar("y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls", endogenous="x",
                   instruments=["z1", "z2"])  # fmt: skip
    guilty = panel.assign(y=panel.frame["y"] + 0.5 * panel.frame["z2"])
    assert ss.fit(model, guilty, w).overid().p < 1e-6
    assert "H0: the instruments are uncorrelated" in repr(ss.fit(model, guilty, w).overid())


def test_tests_say_when_they_do_not_apply():
    panel, w = troubled()
    few = ss.fit(SDM, panel, w, cov="period")
    assert "7 clusters for 10 instruments" in few.overid().note
    assert "does not apply" in repr(few.overid())
    with pytest.raises(ss.ModelError, match="7 clusters for 8 instruments"):
        few.first_stage()
    likelihood = ss.fit(ss.sar("y ~ z", W="w"), panel, w)
    for ask in (likelihood.first_stage, likelihood.overid):
        with pytest.raises(ss.ModelError, match='no instruments: fit the model with estimator="2s'):
            ask()
    error = ss.sem("y ~ z + x", W="w", fixed_effects="twoways", estimator="gmm")
    panel, w = made_up(30, 6)
    with pytest.raises(ss.ModelError, match="nothing is endogenous in this model"):
        ss.fit(error, panel, w).first_stage()
