"""Monte Carlo against simulation, fits and sums written out, and truth by changing x."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose, assert_array_equal

import spatialsyn as ss
from spatialsyn.engine.tasks import Engine
from spatialsyn.experiments import monte_carlo as module
from spatialsyn.experiments.summary import counted, true_effects
from spatialsyn.models.simulate import truth_of

# Two searches for the same peak stop near the square root of machine precision.
SEARCH = 1e-6
PANEL, GEO = made_up(n=12, T=8)
FAR = ss.Weights.from_matrix(np.roll(np.eye(12), 3, axis=1), ids=GEO.ids, name="far")
BOTH = [GEO, FAR]
CITY = {"fixed_effects": "individual"}
MODEL = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
PARAMS = {"x": 1.0, "z": 0.0, "W[w]*x": 0.5, "W[w]*z": 0.0, "rho[w]": 0.4, "sigma2": 1.0}
YEARLY = ss.weights.series({year: GEO if year % 2 else FAR for year in PANEL.years}, name="w")
BASE = {"x": 1.0, "z": -0.5, "sigma2": 0.5}
# Models that a panel can be drawn from, their matrices and their parameters.
DRAWN = {
    "OLS": (ss.ols("y ~ x + z", **CITY), BOTH, BASE),
    "SAR": (ss.sar("y ~ x + z", W="w", **CITY), BOTH, BASE | {"rho[w]": 0.4}),
    "SDM": (MODEL, BOTH, PARAMS),
    "SAC": (
        ss.sac("y ~ x + z", W="w", **CITY), BOTH, BASE | {"rho[w]": 0.3, "lambda[w]": 0.3}
    ),
    "two lags": (
        ss.sar("y ~ x + z", W=["w", "far"], **CITY), BOTH, BASE | {"rho[w]": 0.3, "rho[far]": 0.2}
    ),
    "mixture": (
        ss.sdm("y ~ x", W=ss.convex("w", "far"), **CITY), BOTH,
        {"x": 1.0, "W[w]*x": 0.3, "W[far]*x": 0.2, "rho[w+far]": 0.4, "share[w]": 0.6,
         "share[far]": 0.4, "sigma2": 0.5},
    ),
    "random": (
        ss.sar("y ~ x + z", W="w", random="individual"), BOTH,
        BASE | {"rho[w]": 0.4, "phi": 0.4, "Intercept": 1.0},
    ),
    "dynamic": (
        ss.sdm("y ~ x", W="w", lag_y=True, lag_wy=True, **CITY), BOTH,
        {"x": 1.0, "W[w]*x": 0.3, "rho[w]": 0.2, "tau": 0.3, "eta[w]": 0.1, "sigma2": 0.5},
    ),
    "exponential": (ss.mess("y ~ x + z", W="w", **CITY), BOTH, BASE | {"alpha[w]": -0.4}),
    "regimes": (
        ss.sar("y ~ x", W="w", regimes="region", **CITY), BOTH,
        {"x[core]": 1.0, "x[edge]": 0.5, "rho[w]": 0.4, "sigma2": 0.5},
    ),
    "yearly": (
        ss.sdm("y ~ x", W="w", correction="direct", **CITY), [YEARLY],
        {"x": 1.0, "W[w]*x": 0.3, "rho[w]": 0.4, "sigma2": 0.5},
    ),
}  # fmt: skip


def drawn_from(name, **options):
    model, weights, params = DRAWN[name]
    return ss.monte_carlo(model, PANEL, weights, params, draws=50, seed=3, **options)


@pytest.mark.parametrize("name", DRAWN)
def test_a_draw_is_a_simulated_panel_and_its_fit(name):
    model, weights, params = DRAWN[name]
    found = drawn_from(name)
    for i in (0, 49):
        seed = np.random.SeedSequence(3, spawn_key=(i,))
        by_hand = ss.fit(model, ss.simulate(model, PANEL, weights, params, seed), weights)
        mine = found.draws[found.draws["draw"] == i].set_index("quantity")
        own = mine.loc["parameter"]
        assert own["term"].tolist() == list(by_hand.params.index)
        assert_allclose(own["estimate"], by_hand.params, rtol=SEARCH, atol=SEARCH)
        positive = by_hand.se.where(by_hand.se > 0)
        assert_allclose(own["se"], positive, rtol=1e-4)  # of a peak found to 1e-6
        effects = by_hand.effects().table
        rows = mine.drop("parameter")
        assert rows["term"].tolist() == effects["x"].tolist()
        assert rows.index.tolist() == effects["effect"].tolist()
        assert_allclose(rows["estimate"], effects["estimate"], rtol=SEARCH, atol=SEARCH)
        assert_allclose(rows["se"], effects["se"], rtol=1e-4)


@pytest.mark.parametrize("name", DRAWN)
def test_a_copy_of_what_travels_gives_the_same_bits(name, monkeypatch):
    """What is sent to a worker is a copy, whose arrays may lie otherwise in memory."""
    sent = []

    class SentError(Exception):
        """No draw is needed beside those below."""

    def kept(self, call, items, what):
        sent.append(call)
        raise SentError

    monkeypatch.setattr(Engine, "all", kept)
    with pytest.raises(SentError):
        drawn_from(name)
    (here,) = sent[0](slice(0, 10))
    (there,) = pickle.loads(pickle.dumps(sent[0]))(slice(0, 10))
    assert np.array_equal(here.estimates, there.estimates, equal_nan=True)
    assert np.array_equal(here.se, there.se, equal_nan=True)


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"dynamic"}))
def test_true_effects_are_what_a_change_of_x_does(name):
    """Raise x in one city after another, draw with the same seed, and see what y does."""
    model, weights, params = DRAWN[name]
    truth = truth_of(model, PANEL, weights, params, np.random.default_rng(0))
    before = ss.simulate(model, PANEL, weights, params, seed=1).array("y")
    x, moved = PANEL.array("x"), np.empty((12, 12))
    for j in range(12):
        higher = PANEL.assign(x=x + (np.arange(12) == j)[:, None])
        after = ss.simulate(model, higher, weights, params, seed=1).array("y")
        moved[:, j] = (after - before).mean(axis=1)
    direct, total = np.trace(moved) / 12, moved.sum() / 12
    found = true_effects(truth)
    by_hand = [direct, total - direct, total]
    mine = [found["x", space] for space in ("direct", "indirect", "total")]
    assert_allclose(mine, by_hand, atol=1e-10)


def test_true_effects_of_a_dynamic_model_are_those_of_its_year():
    """The effects of a fit to very precise data are those of the parameters."""
    model, weights, params = DRAWN["dynamic"]
    exact = params | {"sigma2": 1e-10}
    truth = truth_of(model, PANEL, weights, exact, np.random.default_rng(0))
    fit = ss.fit(model, ss.simulate(model, PANEL, weights, exact, seed=1), weights)
    mine = list(true_effects(truth).values())
    assert_allclose(mine, fit.effects().table["estimate"], rtol=1e-3)


def test_the_table_is_the_sums_written_out():
    found = drawn_from("SDM")
    for row in found.table.to_dict("records"):
        chosen = found.draws.query("term == @row['term'] and quantity == @row['quantity']")
        b, se, truth = chosen["estimate"], chosen["se"], row["truth"]
        errors = [value - truth for value in b]
        assert_allclose(row["bias"], sum(errors) / 50, rtol=1e-10)
        assert_allclose(row["bias_mcse"], np.std(b, ddof=1) / 50**0.5, rtol=1e-10)
        assert_allclose(row["rmse"], (sum(e**2 for e in errors) / 50) ** 0.5, rtol=1e-10)
        assert_allclose(row["se_to_sd"], se.mean() / np.std(b, ddof=1), rtol=1e-10)
        inside = [abs(e) <= 1.959964 * s for e, s in zip(errors, se, strict=True)]
        c = sum(inside) / 50
        assert_allclose([row["coverage"], row["coverage_mcse"]], [c, (c * (1 - c) / 50) ** 0.5])
        p = 2 * (1 - np.vectorize(_normal)(np.abs(b / se)))
        assert_allclose(row["power"], (p < 0.05).mean())
        assert (row["fits"], row["failed"]) == (50, 0)


def _normal(z: float) -> float:
    from statistics import NormalDist

    return NormalDist().cdf(z)


def test_the_right_model_covers_and_wrong_ones_do_not():
    """200 panels: a share of 0.95 has a Monte Carlo error of 0.015."""
    w = ss.Weights.from_matrix(ring(25, 3), ids=range(25), name="w")
    far = ss.Weights.from_matrix(np.roll(np.eye(25), 5, axis=1), ids=w.ids, name="far")
    fitted = {"right": MODEL, "far": MODEL.but(W="far"), "no years": MODEL.but(**CITY)}
    made = ss.monte_carlo(MODEL, (25, 8), [w, far], PARAMS, 200, fitted=fitted)
    rows = made.table.set_index(["model", "term", "quantity"])
    right = rows.loc["right"].drop(("sigma2", "parameter"))  # never zero
    assert right["coverage"].between(0.90, 0.99).all()
    assert (right["bias"].abs() < 4 * right["bias_mcse"]).all()
    assert right["se_to_sd"].between(0.85, 1.15).all()
    assert right.loc[("z", "total"), "power"] < 0.12
    assert right.loc[("x", "total"), "power"] > 0.95
    assert rows.loc[("far", "x", "total"), "coverage"] < 0.5
    assert rows.loc[("no years", "rho[w]", "parameter"), "coverage"] < 0.8
    assert "200 panels drawn from y ~ rho[w]*W[w]*y" in repr(made)
    assert "<table" in made._repr_html_()


def test_truth_is_zero_or_unknown_where_the_model_does_not_have_it():
    fitted = {
        "wider": ss.sdm("y ~ x + v", W="w", **CITY),
        "far": ss.sar("y ~ x", W="far", **CITY),
        "log": ss.sar("y ~ log(size)", W="w", **CITY),
        "pooled": ss.sar("y ~ x", W="w"),
    }
    model, params = ss.sar("y ~ x", W="w", **CITY), {"x": 1.0, "rho[w]": 0.3, "sigma2": 1.0}
    panel = PANEL.assign(v=np.random.default_rng(9).normal(size=(12, 8)))
    made = ss.monte_carlo(model, panel, BOTH, params, 50, fitted=fitted)
    truth = made.table.set_index(["model", "term", "quantity"])["truth"]
    assert truth["wider", "W[w]*x", "parameter"] == truth["wider", "v", "parameter"] == 0
    assert truth["wider", "v", "total"] == truth["log", "log(size)", "total"] == 0
    assert truth["wider", "rho[w]", "parameter"] == truth["pooled", "rho[w]", "parameter"] == 0.3
    total = truth["wider", "x", "total"]
    assert total == truth["far", "x", "total"] == pytest.approx(1 / 0.7)
    unknown = [("far", "rho[far]"), ("log", "log(size)"), ("pooled", "Intercept")]
    assert all(np.isnan(truth[name, term, "parameter"]) for name, term in unknown)
    shape = ss.monte_carlo(
        model.but(formula="y ~ size"), PANEL, GEO, {"size": 1.0, "rho[w]": 0.3, "sigma2": 1.0}, 50,
        fitted={"log": fitted["log"]},
    ).table.set_index(["term", "quantity"])  # fmt: skip
    assert np.isnan(shape.loc[("log(size)", "total"), "truth"])
    assert np.isnan(shape.loc[("log(size)", "total"), ["bias", "rmse", "coverage"]]).all()


def test_fits_that_fail_are_counted_with_their_messages(monkeypatch):
    whole, seen = module.estimated_as, []

    def sometimes(model, design, cov, panel):
        seen.append(1)
        if len(seen) % 5 == 0:
            raise ss.EstimationError(f"the likelihood still rises at 0.{len(seen)}")
        return whole(model, design, cov, panel)

    monkeypatch.setattr(module, "estimated_as", sometimes)
    made = drawn_from("SAC")
    assert (made.table["fits"] == 40).all()
    assert (made.table["failed"] == 10).all()
    assert made.failures.to_dict("records") == [
        {
            "model": "sac",
            "failed": 10,
            "message": "EstimationError: the likelihood still rises at 0.5",
        }
    ]
    assert made.draws["estimate"].isna().sum() == 10 * len(made.table)
    assert "no estimate:\nsac: 10 x EstimationError: the likelihood still rises" in repr(made)
    monkeypatch.setattr(module, "TASK", 1)  # tasks of nothing but a failure
    assert (drawn_from("SAC").table["failed"] == 10).all()

    def never(model, design, cov, panel):
        raise ss.EstimationError("no")

    monkeypatch.setattr(module, "estimated_as", never)
    with pytest.raises(ss.EstimationError, match="'sac' has no estimate in any of 50 panels"):
        drawn_from("SAC")


def test_effects_that_cannot_be_found_spoil_no_other_panel(monkeypatch):
    whole, plain = module.estimated_as, drawn_from("SAC").draws

    def sometimes(model, design, cov, panel):
        own, estimate, kind = whole(model, design, cov, panel)
        if own.y[0, 0] > 0:
            estimate = replace(estimate, cov=np.full_like(estimate.cov, np.nan))
        return own, estimate, kind

    monkeypatch.setattr(module, "estimated_as", sometimes)
    made = drawn_from("SAC")
    there = made.draws["estimate"].notna().to_numpy()
    assert 0 < made.table["failed"].iloc[0] < 50
    assert (made.table["fits"] + made.table["failed"] == 50).all()
    assert_array_equal(made.draws.loc[there, "estimate"], plain.loc[there, "estimate"])


def test_messages_that_differ_in_numbers_are_one():
    found = counted(["at 0.1", "singular", "at 0.22", "at -3e5"])
    assert found.to_numpy().tolist() == [[3, "at 0.1"], [1, "singular"]]


def test_draws_do_not_repeat_the_stream_of_the_regressors():
    """A panel made by default_rng(0) and draws of seed 0: errors that were x would be no errors."""
    model = ss.ols("y ~ x")
    params = {"Intercept": 0.0, "x": 0.0, "sigma2": 1.0}
    made = ss.monte_carlo(model, (10, 5), None, params, 50, seed=0)
    b = made.draws.query("term == 'x' and quantity == 'parameter'")["estimate"]
    assert (b.abs() < 0.9).all()
    assert b.nunique() == 50


def test_other_covariances_and_instruments():
    sandwich = drawn_from("SDM", cov="sandwich")
    plain = drawn_from("SDM")
    assert sandwich.draws["estimate"].equals(plain.draws["estimate"])
    assert not sandwich.draws["se"].equals(plain.draws["se"])
    model, weights, params = DRAWN["SAR"]
    by_iv = model.but(estimator="2sls")
    made = ss.monte_carlo(model, PANEL, weights, params, 50, fitted={"2SLS": by_iv})
    seed = np.random.SeedSequence(0, spawn_key=(7,))
    by_hand = ss.fit(by_iv, ss.simulate(model, PANEL, weights, params, seed), weights)
    mine = made.draws.query("draw == 7 and quantity == 'parameter'").set_index("term")
    assert_allclose(mine["estimate"], by_hand.params[mine.index], rtol=1e-8)
    assert_allclose(mine["se"], by_hand.se[mine.index].where(by_hand.se > 0), rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"model": "y ~ x"}, ss.ModelError, "monte_carlo needs a model such as"),
        ({"draws": 10}, ss.ModelError, "draws=10: give a whole number of at least 50"),
        ({"fitted": {}}, ss.ModelError, "fitted= names no model"),
        ({"fitted": MODEL}, ss.ModelError, "fitted models come by name"),
        ({"fitted": {"a": "y ~ x"}}, ss.ModelError, "fitted models come by name"),
        ({"fitted": {"a": ss.ols("log(y) ~ x")}}, ss.ModelError, r"'a' explains 'log\(y\)'"),
        ({"params": {"x": 1.0}}, ss.ModelError, "params lack 'z'"),
        ({"weights": FAR}, ss.AlignmentError, "needs the weights 'w'"),
        ({"fitted": {"a": ss.ols("y ~ q")}}, ss.FormulaError, "q"),
        ({"n_jobs": 0}, ss.ConfigError, "n_jobs=0"),
    ],
)
def test_what_cannot_be_drawn_or_fitted_is_refused(change, error, text):
    given = {"model": MODEL, "panel": PANEL, "weights": BOTH, "params": PARAMS, "draws": 50}
    with pytest.raises(error, match=text):
        ss.monte_carlo(**given | change)


def test_a_model_without_regressors_is_fitted_to_every_panel():
    model, params = ss.sar("y ~ 1", W="w", **CITY), {"rho[w]": 0.4, "sigma2": 1.0}
    made = ss.monte_carlo(model, PANEL, GEO, params, 50)
    seed = np.random.SeedSequence(0, spawn_key=(7,))
    by_hand = ss.fit(model, ss.simulate(model, PANEL, GEO, params, seed), GEO)
    mine = made.draws.query("draw == 7").set_index("term")["estimate"]
    assert_allclose(mine, by_hand.params[mine.index], rtol=SEARCH)
    assert made.failures.empty


def test_params_may_be_those_of_a_fit():
    fit = ss.fit(MODEL, PANEL, GEO)
    made = ss.monte_carlo(MODEL, PANEL, GEO, fit.params, draws=50)
    truth = made.table.set_index(["term", "quantity"])["truth"]
    pd.testing.assert_series_equal(
        truth.xs("parameter", level="quantity"), fit.params, check_names=False
    )
    effects = fit.effects().table["estimate"]
    assert_allclose(truth.drop("parameter", level="quantity"), effects, rtol=1e-9)
