"""A matrix that moves with the error, and another one that stands in for it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring, within
from numpy.testing import assert_allclose
from scipy.stats import chi2

import spatialsyn as ss
from spatialsyn.report.explorer.models import one_model

MODEL = ss.sdm("y ~ x + z", W="w", fixed_effects="individual", estimator="2sls",
               instrument_W={"w": "v"})  # fmt: skip


def two(n: int = 12, T: int = 6) -> tuple[ss.CityPanel, list[ss.Weights]]:
    """A panel, ``w`` of its model, and ``v``, which is near it."""
    panel, w = made_up(n, T, noise=0.5)
    near = 0.7 * w.dense() + 0.3 * ring(n, 5)
    return panel, [w, ss.Weights.from_matrix(near, ids=panel.ids, name="v")]


def written_out(panel: ss.CityPanel, w: np.ndarray, v: np.ndarray):
    """y, Q = [x, z, Wx, Wz, Wy] and H = [x, z, V, V^2, V^3 of them], without city means."""
    y, x, z = (panel.array(name) for name in ("y", "x", "z"))
    Q, H = [x, z, w @ x, w @ z, w @ y], [x, z]
    for _ in range(3):
        H += [v @ H[-2], v @ H[-1]]
    Q, H = (np.stack([within(c).ravel() for c in some], axis=1) for some in (Q, H))
    return within(y).ravel(), Q, H


def two_stages(y, Q, H):
    """Coefficients, and the residuals they leave."""
    b = np.linalg.solve(Q.T @ H @ np.linalg.solve(H.T @ H, H.T @ Q),
                        Q.T @ H @ np.linalg.solve(H.T @ H, H.T @ y))  # fmt: skip
    return b, y - Q @ b


def test_two_stages_with_lags_by_the_other_matrix_are_those_written_out():
    panel, (w, v) = two()
    res = ss.fit(MODEL, panel, [w, v])
    y, Q, H = written_out(panel, w.dense(), v.dense())
    b, e = two_stages(y, Q, H)
    names = ["x", "z", "W[w]*x", "W[w]*z", "rho[w]"]
    assert_allclose(res.params[names], b, rtol=1e-8)
    s2 = e @ e / (panel.n * (panel.T - 1))
    cov = s2 * np.linalg.inv(Q.T @ H @ np.linalg.solve(H.T @ H, H.T @ Q))
    assert_allclose(res.se[names], np.sqrt(np.diag(cov)), rtol=1e-8)
    first = res.first_stage()
    assert list(first.table["endogenous"]) == ["W[w]*x", "W[w]*z", "W[w]*y"]
    assert first.instruments == (*(f"W[v]{p}*{x}" for p in ("", "^2", "^3") for x in "xz"),)


def test_one_name_is_enough_where_there_is_one_matrix():
    panel, weights = two()
    named = MODEL.but(instrument_W="v")
    assert named == MODEL
    assert named.weights_names == ("w", "v")
    assert pickle.loads(pickle.dumps(named)) == MODEL
    assert len({named, MODEL}) == 1
    assert ss.fit(named, panel, weights).rho.equals(ss.fit(MODEL, panel, weights).rho)


def test_a_lag_by_an_exogenous_matrix_stays_its_own_instrument():
    panel, (w, v) = two()
    geo = ss.Weights.from_matrix(ring(panel.n, 8), ids=panel.ids, name="geo")
    model = MODEL.but(family="slx", W={"wx": {"x": "w", "z": "geo"}})
    res = ss.fit(model, panel, [w, v, geo])
    assert list(res.first_stage().table["endogenous"]) == ["W[w]*x"]
    y, x, z = (panel.array(name) for name in ("y", "x", "z"))
    V, G = v.dense(), geo.dense()
    Q, H = [x, z, w.dense() @ x, G @ z], [x, z, G @ z, V @ x, V @ z, V @ G @ z]
    Q, H = (np.stack([within(c).ravel() for c in some], axis=1) for some in (Q, H))
    b, _ = two_stages(within(y).ravel(), Q, H)
    assert_allclose(res.params[["x", "z", "W[w]*x", "W[geo]*z"]], b, rtol=1e-8)


def test_whether_the_matrix_is_exogenous_is_the_difference_of_two_statistics():
    panel, (w, v) = two()
    res = ss.fit(MODEL, panel, [w, v])
    test = ss.diagnostics.weights_exogeneity(res)
    y, Q, H = written_out(panel, w.dense(), v.dense())
    x, z = H[:, 0].reshape(panel.n, -1), H[:, 1].reshape(panel.n, -1)
    W = w.dense()
    more = [W @ x, W @ z, W @ W @ x, W @ W @ z]
    both = np.column_stack([H, *(column.ravel() for column in more)])
    _, e = two_stages(y, Q, both)
    s2 = e @ e / (panel.n * (panel.T - 1))

    def sargan(some):
        _, left = two_stages(y, Q, some)
        return left @ some @ np.linalg.solve(some.T @ some, some.T @ left) / s2

    assert test.df == 4
    assert_allclose(test.statistic, sargan(both) - sargan(H), rtol=1e-6)
    assert_allclose(test.p, chi2.sf(test.statistic, 4), rtol=1e-6)
    assert str(test).startswith("H0: W[w] exogenous (difference of J): statistic")
    robust = ss.diagnostics.weights_exogeneity(res.with_cov("robust"))
    assert robust.statistic > 0
    assert robust.df == 4
    few = ss.diagnostics.weights_exogeneity(res.with_cov("city"))
    assert np.isnan(few.statistic)
    assert "12 clusters for 12 instruments" in few.note


def test_groups_of_one_city_are_cities():
    panel, weights = two(n=20)
    model = MODEL.but(family="slx", formula="y ~ x")
    res = ss.fit(model, panel, weights)
    by_city = ss.diagnostics.weights_exogeneity(res.with_cov("city"))
    own = pd.Series(panel.ids, index=panel.ids)
    by_group = ss.diagnostics.weights_exogeneity(res.with_cov("cluster", by=own.rename("own")))
    assert_allclose(by_group.statistic, by_city.statistic, rtol=1e-9)
    by_year = ss.diagnostics.weights_exogeneity(res.with_cov("period"))
    assert by_year.statistic != pytest.approx(by_city.statistic)


def test_instruments_are_among_the_diagnostics():
    panel, weights = drawn(0, 0.8)
    model = ss.slx("y ~ x", W="w", fixed_effects="individual", estimator="2sls", instrument_W="v")
    res = ss.fit(model, panel, weights)
    made = res.diagnostics()
    assert made["exogenous W"].p == ss.diagnostics.weights_exogeneity(res).p < 0.05
    assert "as many instruments as coefficients" in made["over-identification"].note
    assert "W moves with the error, keep the matrix that stands in for it" in made.reading
    table = ss.report.diagnostics_table(made, language="zh")
    assert any("W 与误差相关" in note for note in table.notes)
    assert any("任何估计都满足矩条件" in note for note in table.notes)
    plain = ss.fit(MODEL.but(instrument_W=()), *two()).diagnostics()
    assert "over-identification" in set(plain.table["test"])
    assert "exogenous W" not in set(plain.table["test"])


def drawn(seed: int, dependent: float) -> tuple[ss.CityPanel, list[ss.Weights]]:
    """y = x + 0.5 Wx + v; flows W to a city rise with its v, their law V does not know of it."""
    n, T, rng = 60, 3, np.random.default_rng(seed)
    points = np.random.default_rng(1).random((n, 2))
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.eye(n)
    law = apart**-2.0 - np.eye(n)
    law /= law.sum(axis=1).max()
    x, shock, own = rng.normal(size=(3, n, T))
    x, v = x + 1, dependent * shock + np.sqrt(1 - dependent**2) * own
    ids, years = [f"c{i:02d}" for i in range(n)], range(2001, 2001 + T)
    noise = rng.gamma(4, 0.25, size=(T, n, n))
    W = [law * np.exp(0.5 * shock[:, [t]]) * noise[t] for t in range(T)]
    y = np.stack([x[:, t] + 0.5 * W[t] @ x[:, t] + v[:, t] for t in range(T)], axis=1)
    index = pd.MultiIndex.from_product([ids, years], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    by_year = {year: ss.Weights.from_matrix(W[t], ids=ids) for t, year in enumerate(years)}
    weights = [ss.weights.series(by_year, name="w"), ss.Weights.from_matrix(law, ids=ids, name="v")]
    return ss.CityPanel(frame, city="city", year="year"), weights


@pytest.mark.parametrize("dependent", [0.8, 0.0])
def test_estimates_are_right_where_flows_move_with_the_error(dependent):
    """Without a stand-in the lag takes what the error does to the flows for its own effect."""
    plain = ss.slx("y ~ x", W="w", fixed_effects="individual")
    model = plain.but(estimator="2sls", instrument_W="v")
    found, rejected = [], []
    for seed in range(40):
        panel, weights = drawn(seed, dependent)
        res = ss.fit(model, panel, weights)
        found.append([ss.fit(plain, panel, weights).params["W[w]*x"], res.params["W[w]*x"]])
        rejected.append(ss.diagnostics.weights_exogeneity(res).p < 0.05)
    (naive, right), spread = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert abs(right - 0.5) < 3 * spread[1]
    assert naive > 0.5 + 10 * spread[0] if dependent else abs(naive - 0.5) < 3 * spread[0]
    assert np.mean(rejected) > 0.9 if dependent else np.mean(rejected) < 0.15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MODEL.but(estimator="qml"), r'makes W\[w\] endogenous, and qml takes every matrix'),
        (lambda: MODEL.but(family="sac", W="w", estimator="gmm"), 'use estimator="2sls"'),
        (lambda: MODEL.but(instrument_W={"geo": "v"}), "instrument_W has 'geo', and the matrices"),
        (lambda: MODEL.but(instrument_W="w"), "lets 'w' stand in for itself"),
        (lambda: MODEL.but(instrument_W=3), "instrument_W=3: give a mapping from a matrix"),
        (lambda: MODEL.but(W=["w", "u"], instrument_W="v"), "give a mapping"),
        (lambda: MODEL.but(instrument_W=("w", "v")), r'instrument_W=\{"w": "dig_hat"\}. The matri'),
        (lambda: MODEL.but(W="geo"), "leave instrument_W out"),
        (lambda: MODEL.but(W=["w", "u"], instrument_W={"w": "u", "u": "v"}), "'u' stand in for an"),
    ],
)  # fmt: skip
def test_stand_ins_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ss.ModelError, match=message):
        make()


def test_what_is_missing_or_not_to_be_tested_is_said():
    panel, (w, v) = two()
    with pytest.raises(ss.AlignmentError, match="the model needs the weights 'v'"):
        ss.fit(MODEL, panel, [w])
    res = ss.fit(MODEL.but(instrument_W=()), panel, [w, v])
    with pytest.raises(ss.ModelError, match="compares a matrix with the one that stands in for it"):
        ss.diagnostics.weights_exogeneity(res)


def test_matrices_whose_lags_are_the_same_have_nothing_to_compare():
    """Cities of one row or column of a 3 x 3 board, and all others: V^2 and W are sums of I, V
    and a matrix of ones, which year effects absorb.
    """
    panel, _ = made_up(9, 6)
    one_line = np.kron(np.eye(3), np.ones((3, 3))) + np.kron(np.ones((3, 3)), np.eye(3))
    made = {"v": one_line - 2 * np.eye(9), "w": 1 - one_line + np.eye(9)}
    weights = [ss.Weights.from_matrix(W / 4, ids=panel.ids, name=w) for w, W in made.items()]
    res = ss.fit(MODEL.but(family="sar", fixed_effects="twoways"), panel, weights)
    test = ss.diagnostics.weights_exogeneity(res)
    assert test.df == 0
    assert "same: there is nothing to compare" in test.note


def test_the_order_of_several_stand_ins_does_not_matter():
    model = MODEL.but(W=["w", "u"], instrument_W={"w": "v", "u": "t"})
    other = model.but(instrument_W={"u": "t", "w": "v"})
    assert model == other
    assert hash(model) == hash(other)
    assert MODEL.but(instrument_W=None) == MODEL.but(instrument_W=())


def test_where_every_regressor_is_endogenous_lags_of_its_instruments_are_compared():
    panel, weights = two(n=20)
    panel = panel.assign(q=panel.array("x") + 0.3 * panel.array("z"))
    model = ss.slx("y ~ x", W="w", fixed_effects="individual", estimator="2sls", instrument_W="v",
                   endogenous="x", instruments="q")  # fmt: skip
    test = ss.diagnostics.weights_exogeneity(ss.fit(model, panel, weights))
    assert test.df == 1  # W q
    assert test.statistic > 0


def test_the_stand_in_is_no_lag_of_the_model():
    """What asks for the matrix of a model is not told of two."""
    panel, weights = two()
    res = ss.fit(MODEL, panel, weights)
    assert MODEL.lagged_by == ("w",)
    glance = res.glance().iloc[0]
    assert glance["weights"] == "w"
    assert glance["weights_hash"] == ", ".join(w.hash for w in weights)
    b, V = res.params, res.cov
    lags, own = ["W[w]*x", "W[w]*z"], ["x", "z"]
    value = b[lags].to_numpy() + b["rho[w]"] * b[own].to_numpy()
    G = np.zeros((2, len(b)))
    for row, lag, x in zip(G, lags, own, strict=True):
        row[b.index.get_indexer([lag, x, "rho[w]"])] = 1, b["rho[w]"], b[x]
    spread = G @ np.nan_to_num(V.to_numpy()) @ G.T
    common = ss.diagnostics.wald(res, "sem")
    assert_allclose(common.statistic, value @ np.linalg.solve(spread, value), rtol=1e-8)
    geo = ss.Weights.from_matrix(weights[1].dense(), ids=panel.ids, name="geo")
    plain = ss.fit(ss.sdm("y ~ x + z", W="geo", fixed_effects="individual"), panel, geo)
    labels = [row.label for row in ss.report.table([res, plain]).rows]
    assert "ρ" in labels
    assert one_model("m", res, "x", None, panel.ids, "en", False)["W"] == "w"
    drawn = [ss.simulate(MODEL, panel, some, b, seed=1) for some in (weights, weights[0])]
    assert drawn[0].frame.equals(drawn[1].frame)
    plain = MODEL.but(family="slx", estimator="qml", instrument_W=None)
    made = ss.monte_carlo(MODEL, panel, weights[0], b, draws=50, fitted={"least squares": plain})
    assert set(made.table["model"]) == {"least squares"}


def test_studies_tell_models_apart_by_their_stand_in():
    panel, weights = two()
    models = {"v": MODEL, "geo": MODEL.but(instrument_W="geo"), "none": MODEL.but(instrument_W=())}
    other = ss.Weights.from_matrix(ring(panel.n, 8), ids=panel.ids, name="geo")
    assert len(set(ss.Study(panel, [*weights, other], models).keys.values())) == 3


def test_what_takes_instruments_for_a_likelihood_refuses_them():
    panel, weights = two()
    res = ss.fit(MODEL.but(family="slx"), panel, weights)
    for boot in (ss.wild_bootstrap, ss.wild_test):
        with pytest.raises(ss.ModelError, match="not available for estimates from instruments"):
            boot(res, draws=100)
    with pytest.raises(ss.ModelError, match=r"prediction is made with 'W\[w\]', which is endogen"):
        ss.diagnostics.j_test(ss.fit(ss.slx("y ~ x", W="v", fixed_effects="individual"), panel,
                                     weights), res, draws=0)  # fmt: skip
    with pytest.raises(ss.ModelError, match=r"gives W\[w\] and W\[v\], which stands in for it"):
        ss.placebo(res.model, panel, weights, shuffle="links")


def test_diagnostics_say_once_what_two_stages_do_not_have():
    panel, weights = two()
    told = repr(ss.fit(MODEL, panel, weights).diagnostics())
    assert told.count("an LM test compares likelihoods") == 1
    assert told.count("as for LM lag\n") > 10
    assert "log-marginals are not available with estimator='2sls'" in told
    assert "residuals of neighbours are unrelated" in told
    shown = ss.fit(MODEL, panel, weights).diagnostics()._repr_html_()
    assert shown.count("an LM test compares likelihoods") == 1
    assert shown.count("<td style='text-align:left'>as for LM lag</td>") > 10


def test_errors_of_two_stages_need_not_be_normal():
    panel, weights = two()
    y = panel.array("y").copy()
    y[3, 2] += 60
    res = ss.fit(MODEL.but(family="slx"), panel.assign(y=y), weights)
    found = res.diagnostics()
    assert found["Jarque-Bera"].p < 0.001
    assert "not normal" not in found.reading


@pytest.mark.parametrize("family", ["slx", "sdm"])
@pytest.mark.parametrize("change", [0.0, 1e-7, 2.0])
def test_a_stand_in_that_is_the_matrix_itself_is_refused(family, change):
    """Equal, equal but for rounding, or thrice as large: the instruments are W's own lags."""
    panel, (w, _) = two()
    noise = np.ones(w.dense().shape) if change > 1 else np.random.default_rng(2).random(w.dense().shape)  # fmt: skip
    same = ss.Weights.from_matrix(w.dense() * (1 + change * noise), ids=panel.ids, name="v")
    with pytest.raises(ss.ModelError, match=r"W\[v\], which stands in for W\[w\], is the same mat"):
        ss.fit(MODEL.but(family=family), panel, [w, same])


def test_of_a_stand_in_that_changes_over_the_years_all_are_compared():
    panel, (w, v) = two()
    last = panel.years[-1]
    yearly = {y: w for y in panel.years}
    same = ss.weights.series(yearly, name="v")
    model = MODEL.but(family="slx")
    with pytest.raises(ss.ModelError, match="first stage is perfect by construction"):
        ss.fit(model, panel, [w, same])
    other = ss.weights.series({**yearly, last: v}, name="v")
    assert ss.fit(model, panel, [w, other]).first_stage().table["F"].between(1, 1e6).all()


def test_a_stand_in_that_is_near_is_taken():
    panel, (w, _) = two()
    noise = np.random.default_rng(2).random(w.dense().shape)
    near = ss.Weights.from_matrix(w.dense() * (1 + 0.01 * noise), ids=panel.ids, name="v")
    assert ss.fit(MODEL.but(family="slx"), panel, [w, near]).first_stage().note == ""
