"""Two-stage least squares against splm, spatialreg, sphet, spreg and algebra written out.

`spgm_*_w2sls` of splm, `stsls` of spatialreg and `spreg_lag_*` of sphet are closed forms:
their coefficients are met to rounding. Their standard errors differ from ours by what they
divide the sum of squares by, which each test states.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring, two_matrices, within
from numpy.testing import assert_allclose
from peers import PANELS, cross_section, fits, long_matrix, panel_data, shared

import spatialsyn as ss

# Closed forms on both sides; one part in a million is asked, 1e-11 is reached.
RTOL = 1e-6
CROSS_SECTIONS = {
    "columbus": ("columbus.csv", "w_columbus.csv", "CRIME"),
    "boston": ("boston.csv", "w_boston.csv", "lcmedv"),
    "baltimore": ("baltimore.csv", "w_baltimore_knn5.csv", "PRICE"),
}


def cities(name: str) -> tuple[ss.CityPanel, ss.Weights, str, list[str], dict]:
    """Panel, weights, outcome, regressors and stored fits of a cross-section."""
    table, weights, outcome = CROSS_SECTIONS[name]
    frame = pd.read_csv(shared("reference", table))
    panel, w = cross_section(frame, long_matrix(shared("reference", weights), len(frame)))
    stored = fits(f"{name}_spatialreg")
    x = [n for n in stored["exact_sar"]["result"]["beta"]["names"] if n != "(Intercept)"]
    return panel, w, outcome, x, stored


def named_as_ours(names: list[str]) -> list[str]:
    """What splm, spatialreg and sphet call our parameters; `lambda` is theirs for Wy."""
    ours = {"(Intercept)": "Intercept", "lambda": "rho[w]", "Rho": "rho[w]"}
    return [ours.get(n, f"W[w]*{n[4:]}" if n.startswith("lag_") else n) for n in names]


@pytest.mark.parametrize("name", ["cigar", "produc"])
@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_within_estimates_match_splm(name, family):
    """splm takes W^3 X as instruments in the Durbin model, as we do. Its covariance divides the
    sum of squares by nT - k: the n city effects are not counted, and its standard errors are
    too small by the root of n (T - 1) / (nT - k), 2 to 3 % here."""
    panel, w = panel_data(name)
    _, _, outcome, x = PANELS[name]
    make = getattr(ss, family)
    model = make(
        f"{outcome} ~ {' + '.join(x)}", W="w", fixed_effects="individual", estimator="2sls"
    )
    res = ss.fit(model, panel, w)
    theirs = fits(f"{name}_spgm")[f"spgm_{family}_w2sls"]["result"]
    ours = named_as_ours(theirs["coef"]["names"])
    assert_allclose(res.params[ours], theirs["coef"]["estimate"], rtol=RTOL)
    assert_allclose(res.sigma2 * res.nobs, theirs["sse"], rtol=RTOL)
    share = res.nobs / (panel.n * panel.T - len(ours))
    assert_allclose(res.cov.loc[ours, ours] * share, theirs["vcov"]["matrix"], rtol=RTOL, atol=1e-9)


@pytest.mark.parametrize("name", CROSS_SECTIONS)
def test_cross_sections_match_spatialreg(name):
    """stsls divides by n - k, we by n; its HC0 covariance is ours to the last digit."""
    panel, w, outcome, x, stored = cities(name)
    model = ss.sar(f"{outcome} ~ {' + '.join(x)}", W="w", estimator="2sls")
    res = ss.fit(model, panel, w)
    theirs = stored["stsls"]["result"]
    ours = named_as_ours(theirs["coef"]["names"])
    assert_allclose(res.params[ours], theirs["coef"]["estimate"], rtol=RTOL)
    cov = res.cov.loc[ours, ours] * panel.n / (panel.n - len(ours))
    size = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert_allclose(cov / size, np.array(theirs["vcov"]["matrix"]) / size, rtol=RTOL, atol=RTOL)
    robust = stored["stsls_robust_hc0"]["result"]["coef"]
    assert_allclose(res.with_cov("robust").se[ours], robust["se"], rtol=RTOL)


DURBIN = [
    ("columbus", "all", None), ("columbus", "inc", "INC"), ("columbus", "hoval", "HOVAL"),
    ("baltimore", "all", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "which", "lagged"), DURBIN)
@pytest.mark.parametrize("kind", ["hom", "het"])
def test_durbin_models_match_sphet(name, which, lagged, kind):
    """Two lags of every regressor and of its lag; sphet divides by n - k unless robust."""
    panel, w, outcome, x, stored = cities(name)
    bar = f" | {lagged}" if lagged else ""
    model = ss.sdm(f"{outcome} ~ {' + '.join(x)}{bar}", W="w", estimator="2sls")
    res = ss.fit(model, panel, w, cov="classical" if kind == "hom" else "robust")
    theirs = stored[f"spreg_lag_durbin_{which}_{kind}"]["result"]["coef"]
    ours = named_as_ours(theirs["names"])
    assert_allclose(res.params[ours], theirs["estimate"], rtol=RTOL)
    share = panel.n / (panel.n - len(ours)) if kind == "hom" else 1.0
    assert_allclose(res.se[ours] * np.sqrt(share), theirs["se"], rtol=RTOL)


@pytest.mark.parametrize("kind", ["classical", "robust"])
def test_endogenous_regressors_match_spreg(kind):
    """Housing value of Columbus, instrumented by the distance to the centre and its lags."""
    twosls_sp, W, frame, panel, w = columbus_in_spreg()
    theirs = twosls_sp.BaseGM_Lag(
        frame[["CRIME"]].to_numpy(),
        np.c_[np.ones(49), frame[["INC"]]],
        yend=frame[["HOVAL"]].to_numpy(),
        q=frame[["DISCBD"]].to_numpy(),
        w=W,
        w_lags=2,
        lag_q=True,
        robust="white" if kind == "robust" else None,
    )
    model = ss.sar("CRIME ~ INC + HOVAL", W="w", estimator="2sls")
    with pytest.raises(ss.FormulaError, match="no column 'distance'"):
        ss.fit(model.but(endogenous="HOVAL", instruments="distance"), panel, w)
    res = ss.fit(model.but(endogenous="HOVAL", instruments="DISCBD"), panel, w, cov=kind)
    assert_allclose(res.params.iloc[:-1], theirs.betas[:, 0], rtol=RTOL)
    assert_allclose(res.sigma2, theirs.sig2, rtol=RTOL)
    assert_allclose(res.cov.iloc[:-1, :-1], theirs.vm, rtol=RTOL, atol=1e-9)


def columbus_in_spreg():
    """spreg, its weights, the data, and ours."""
    import spreg
    from libpysal.weights import WSP
    from scipy import sparse

    frame = pd.read_csv(shared("reference", "columbus.csv"))
    matrix = long_matrix(shared("reference", "w_columbus.csv"), len(frame))
    W = WSP(sparse.csr_matrix(matrix)).to_W(silence_warnings=True)
    return spreg, W, frame, *cross_section(frame, matrix)


def troubled(n: int = 14, T: int = 7, seed: int = 3) -> tuple[ss.CityPanel, ss.Weights]:
    """A Durbin panel with an endogenous x and two instruments."""
    panel, w = made_up(n, T, seed=seed)
    z1, z2, e, v = np.random.default_rng(seed + 100).normal(size=(4, n, T))
    x, z = z1 - z2 + 0.4 * e + v, panel.frame["z"].to_numpy().reshape(n, T)
    year = np.linspace(0, 2, T)
    signal = x - z + 0.5 * w.dense() @ x + year + 0.5 * e
    y = np.linalg.solve(np.eye(n) - 0.5 * w.dense(), signal)
    return panel.assign(y=y, x=x, z1=z1, z2=z2), w


def dummies(n: int, T: int) -> np.ndarray:
    """City and year dummies in the order of our cells."""
    city, year = np.kron(np.eye(n), np.ones((T, 1))), np.kron(np.ones((n, 1)), np.eye(T))
    return np.c_[city, year[:, 1:]]


def written_out(panel: ss.CityPanel, W: np.ndarray) -> tuple[np.ndarray, ...]:
    """y, regressors and instruments of an SDM of x (endogenous) and z, all with dummies."""
    n, T = panel.n, panel.T
    K = np.kron(W, np.eye(T))
    y, x, z, z1, z2 = (panel.frame[c].to_numpy() for c in ("y", "x", "z", "z1", "z2"))
    D = dummies(n, T)
    Q = np.c_[x, z, K @ x, K @ z, K @ y]
    own = np.c_[z, K @ z]
    H = np.c_[own, K @ K @ own, z1, K @ z1, K @ K @ z1, z2, K @ z2, K @ K @ z2]
    return y, np.c_[Q, D], np.c_[H, D]


SDM = ss.sdm(
    "y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls", endogenous="x",
    instruments=["z1", "z2"],
)  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_sweeping_equals_explicit_dummies_for_any_weights(scale):
    """Time effects with rows that sum to three: no likelihood, so no row-standardisation."""
    panel, w = troubled()
    raw = scale * w.dense() * np.linspace(0.5, 1.5, panel.n)[:, None]
    w = ss.Weights.from_matrix(raw, ids=w.ids, name="w")
    y, Q, H = written_out(panel, raw)
    P = H @ np.linalg.pinv(H)
    brute = np.linalg.solve(Q.T @ P @ Q, Q.T @ P @ y)
    res = ss.fit(SDM, panel, w)
    assert_allclose(res.params.iloc[:5], brute[:5], rtol=1e-8)
    e = y - Q @ brute
    nobs = (panel.n - 1) * (panel.T - 1)
    assert res.nobs == nobs
    assert_allclose(res.sigma2, e @ e / nobs, rtol=1e-8)
    cov = res.sigma2 * np.linalg.inv(Q.T @ P @ Q)[:5, :5]
    assert_allclose(res.cov.iloc[:5, :5], cov, rtol=1e-7, atol=1e-12)
    assert_allclose(res.resid, e, atol=1e-9)


@pytest.mark.parametrize("kind", ["robust", "city", "period"])
def test_robust_covariances_match_loops(kind):
    panel, w = troubled(T=9)
    n, T = panel.n, panel.T
    y, Q, H = written_out(panel, w.dense())
    D = dummies(n, T)
    y, Q, H = (v - D @ np.linalg.lstsq(D, v, rcond=None)[0] for v in (y, Q[:, :5], H[:, :10]))
    fitted = H @ np.linalg.lstsq(H, Q, rcond=None)[0]
    e = y - Q @ np.linalg.lstsq(fitted, y, rcond=None)[0]
    middle = np.zeros((5, 5))
    cell = np.arange(n * T)
    group = {"robust": cell, "city": cell // T, "period": cell % T}[kind]
    for g in range(group.max() + 1):
        s = fitted[group == g].T @ e[group == g]
        middle += np.outer(s, s)
    bread = np.linalg.inv(fitted.T @ fitted)
    size = {"robust": n * T / ((n - 1) * (T - 1)), "city": n / (n - 1), "period": T / (T - 1)}
    res = ss.fit(SDM, panel, w, cov=kind)
    expected = size[kind] * bread @ middle @ bread
    assert_allclose(res.cov.iloc[:5, :5], expected, rtol=1e-7, atol=1e-12)


def test_driscoll_kraay_with_few_years_has_bartlett_weights():
    """T = 9: floor(4 (9/100)^(2/9)) = 2 lags, with weights 2/3 and 1/3."""
    panel, w = troubled(T=9)
    res = ss.fit(SDM, panel, w, cov="driscoll-kraay")
    from spatialsyn.models.moments import columns, projector

    basis = res.design.instruments.basis
    B = projector(basis, columns(res.design)[1])
    h = (basis * res.resid.to_numpy()[:, None]).reshape(panel.n, 9, -1).sum(axis=0) @ B.T
    weight = np.maximum(0, 1 - np.abs(np.subtract.outer(range(9), range(9))) / 3)
    assert_allclose(res.cov.iloc[:5, :5], 9 / 8 * h.T @ weight @ h, rtol=1e-8)


def test_one_instrument_for_one_regressor_is_the_ratio_of_covariances():
    panel, _ = troubled()
    model = ss.ols("y ~ x", estimator="2sls", endogenous="x", instruments="z1")
    res = ss.fit(model, panel)
    y, x, z = (panel.frame[c].to_numpy() for c in ("y", "x", "z1"))
    assert_allclose(res.params["x"], np.cov(z, y)[0, 1] / np.cov(z, x)[0, 1], rtol=1e-10)


def test_the_best_instrument_is_the_expected_lag():
    """Lee (2003) written out: an exactly identified estimate with W S^-1 Z delta for Wy."""
    panel, w = made_up(30, 5, seed=1)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", estimator="2sls")
    first = ss.fit(model, panel, w)
    res = ss.fit(model.but(estimator="best-2sls"), panel, w)
    W, n = w.dense(), panel.n
    y, x, z = (panel.frame[c].to_numpy().reshape(n, -1) for c in ("y", "x", "z"))
    Z = np.stack([x, z, W @ x, W @ z], axis=2)
    S = np.eye(n) - first.rho["w"] * W
    best = W @ np.linalg.solve(S, Z @ first.params.iloc[:4].to_numpy())
    D, cells = dummies(n, 5), Z.reshape(-1, 4)
    H, Q = np.c_[cells, best.ravel(), D], np.c_[cells, (W @ y).ravel(), D]
    brute = np.linalg.solve(H.T @ Q, H.T @ y.ravel())
    assert_allclose(res.params.iloc[:5], brute[:5], rtol=1e-7)
    assert "as many instruments as coefficients" in res.overid().note
    assert np.isnan(res.overid().p)


def test_every_lag_has_the_best_instrument_of_its_own_matrix():
    """With one matrix W S^-1 Z delta and S^-1 Z delta span the same beside Z; with two, not."""
    panel, (w, v) = two_matrices(30, 5)
    model = ss.sar("y ~ x + z", W=["w", "v"], fixed_effects="individual", estimator="2sls")
    first = ss.fit(model, panel, [w, v])
    res = ss.fit(model.but(estimator="best-2sls"), panel, [w, v])
    y, x, z = (panel.array(name) for name in "yxz")
    S = np.eye(30) - first.rho["w"] * w.dense() - first.rho["v"] * v.dense()
    expected = np.linalg.solve(S, np.stack([x, z], axis=2) @ first.params.iloc[:2].to_numpy())
    columns = [x, z, *(W.dense() @ u for u in (expected, y) for W in (w, v))]
    x, z, *rest = (within(c) for c in columns)
    H, Q = np.c_[x, z, *rest[:2]], np.c_[x, z, *rest[2:]]
    assert_allclose(res.params.iloc[:4], np.linalg.solve(H.T @ Q, H.T @ within(y)), rtol=1e-7)


def test_effects_follow_from_the_estimates():
    panel, w = troubled(60, 8)
    res = ss.fit(SDM, panel, w)
    b, t, r = res.params[["x", "W[w]*x", "rho[w]"]]
    total = res.effects("x")["total"]
    assert_allclose(total["estimate"], (b + t) / (1 - r), rtol=1e-10)
    gradient = np.array([1, 1, (b + t) / (1 - r)]) / (1 - r)
    names = ["x", "W[w]*x", "rho[w]"]
    assert_allclose(total["se"], np.sqrt(gradient @ res.cov.loc[names, names] @ gradient))
    drawn = res.effects("x", method="simulation", draws=4000)["direct"]
    assert_allclose(drawn["se"], res.effects("x")["direct"]["se"], rtol=0.1)  # 4000 draws: 1-2 %


def test_predictions_and_fixed_effects_keep_working():
    """Effects, prediction and residual add up: S^-1 (Z delta + effects) + S^-1 e = y."""
    panel, w = troubled()
    res = ss.fit(SDM, panel, w)
    n = panel.n
    S = np.eye(n) - res.rho["w"] * w.dense()
    noise = np.linalg.solve(S, res.resid.to_numpy().reshape(n, -1)).ravel()
    assert_allclose(res.predict() + noise, panel.frame["y"], rtol=1e-8)
    made = res.fixed_effects().groupby("kind")["estimate"].sum()
    assert_allclose(made, 0, atol=1e-10)


@pytest.mark.parametrize("family", ["sar", "sdm"])
def test_relabelling_cities_changes_nothing(family):
    panel, w = troubled()
    make = {"sar": ss.sar, "sdm": ss.sdm}[family]
    model = make(SDM.formula, W="w", fixed_effects="twoways", estimator="2sls", endogenous="x",
                 instruments=["z1", "z2"])  # fmt: skip
    plain = ss.fit(model, panel, w, cov="city")
    order = np.random.default_rng(0).permutation(panel.n)
    ids = [w.ids[i] for i in order]
    moved = ss.Weights.from_matrix(w.dense()[np.ix_(order, order)], ids=ids, name="w")
    frame = panel.frame.reset_index().sample(frac=1, random_state=1)
    again = ss.fit(model, ss.CityPanel(frame, city="city", year="year"), moved, cov="city")
    assert_allclose(again.params, plain.params, rtol=1e-8)
    assert_allclose(again.se.iloc[:-1], plain.se.iloc[:-1], rtol=1e-8)


def test_units_of_instruments_do_not_matter_and_those_of_weights_divide_rho():
    panel, w = troubled()
    plain = ss.fit(SDM, panel, w)
    bigger = ss.fit(SDM, panel.assign(z1=1e6 * panel.frame["z1"] + 3), panel_weights(w, 4.0))
    assert_allclose(bigger.params[["x", "z"]], plain.params[["x", "z"]], rtol=1e-8)
    assert_allclose(4 * bigger.params["rho[w]"], plain.params["rho[w]"], rtol=1e-8)
    assert_allclose(bigger.first_stage().table["F"], plain.first_stage().table["F"], rtol=1e-6)


def panel_weights(w: ss.Weights, times: float) -> ss.Weights:
    return ss.Weights.from_matrix(times * w.dense(), ids=w.ids, name="w")


def test_an_instrument_that_depends_on_the_others_is_left_out_and_named():
    panel, w = troubled()
    panel = panel.assign(twin=2 * panel.frame["z1"] - panel.frame["z"])
    res = ss.fit(SDM.but(instruments=["z1", "z2", "twin"]), panel, w)
    assert res.design.instruments.dropped == ("twin", "W[w]*twin", "W[w]^2*twin")
    assert_allclose(res.params, ss.fit(SDM, panel, w).params, rtol=1e-8)
    assert "left out, as they depend on the others: twin" in res.summary()


def test_two_matrices_have_instruments_of_their_own():
    """Each W of Wy lags every exogenous column, the other's lags in the model included."""
    n, T = 40, 8
    panel, w = troubled(n, T)
    v = ss.Weights.from_matrix(ring(n, 7), ids=w.ids, name="v")
    A, B = w.dense(), v.dense()
    x, z, e = (panel.frame[c].to_numpy().reshape(n, T) for c in ("z", "z1", "z2"))
    y = np.linalg.solve(np.eye(n) - 0.3 * A - 0.3 * B, x + z - B @ x + 0.3 * e)
    panel = panel.assign(y=y)
    model = ss.sdm("y ~ z + z1", W={"wy": ["w", "v"], "wx": "v"}, fixed_effects="twoways",
                   estimator="2sls")  # fmt: skip
    res = ss.fit(model, panel, [w, v])
    assert res.design.instruments.excluded == (
        "W[w]*z", "W[w]*z1", "W[w]*W[v]*z", "W[w]*W[v]*z1",
        "W[w]^2*z", "W[w]^2*z1", "W[w]^2*W[v]*z", "W[w]^2*W[v]*z1",
        "W[v]^2*z", "W[v]^2*z1", "W[v]^3*z", "W[v]^3*z1",
    )  # fmt: skip
    from spatialsyn.numerics.transform import sweep

    cube = {c: panel.frame[c].to_numpy().reshape(n, T) for c in ("y", "z", "z1")}
    Z = [cube["z"], cube["z1"], B @ cube["z"], B @ cube["z1"]]
    H = [*Z, *(A @ c for c in Z), *(A @ A @ c for c in Z), *(B @ c for c in Z[2:]),
         *(B @ B @ c for c in Z[2:])]  # fmt: skip
    Q = [*Z, A @ cube["y"], B @ cube["y"]]
    y, Q, H = (
        np.column_stack([sweep(c, "twoways").ravel() for c in v]) for v in ([cube["y"]], Q, H)
    )
    fitted = H @ np.linalg.lstsq(H, Q, rcond=None)[0]
    brute = np.linalg.solve(fitted.T @ Q, fitted.T @ y)[:, 0]
    assert_allclose(res.params.iloc[:-1], brute, rtol=1e-7)


def test_years_that_an_instrument_loses_are_lost_to_all():
    """A lagged instrument costs the first year of the whole equation."""
    panel, w = troubled()
    model = SDM.but(instruments=["lag(z1)", "z2"])
    res = ss.fit(model, panel, w)
    assert res.data.years == panel.years[1:]
    lagged = panel.assign(before=panel.frame["z1"].groupby("city").shift(1))
    later = lagged.subset(years=panel.years[1:])
    again = ss.fit(SDM.but(instruments=["before", "z2"]), later, w)
    assert_allclose(res.params, again.params, rtol=1e-8)
    assert res.predict(panel).shape == again.predict().shape
