"""What a study keeps of models that are estimated side by side: as of each alone."""

from __future__ import annotations

import warnings

import pytest
from numpy.testing import assert_allclose
from study.small import MODEL, panel_and_weights
from threadpoolctl import threadpool_info, threadpool_limits

import spatialsyn as ss
from spatialsyn.models.formula import evaluate
from spatialsyn.study import record as recording
from spatialsyn.study.record import record_of, records_of
from tests.maps import neighbours, on_map


def test_a_formula_that_fails_spoils_no_other_of_its_batch():
    panel, w = panel_and_weights()
    formulas = ["y ~ z", "y ~ nowhere", "y ~ exp(z)", "y ~ z + lag(v, 99)", "y ~ log(-exp(z))"]
    specs = [ss.Specification(MODEL.but(formula=formula)) for formula in formulas]
    found = records_of(panel, {"w": w}, None, None, specs)
    assert [r["status"] for r in found] == [
        "estimated",
        "refused",
        "estimated",
        "refused",
        "refused",
    ]
    for spec, record in zip(specs, found, strict=True):
        assert record_of(panel, {"w": w}, None, None, spec) == record


@pytest.mark.parametrize("by", [None, "region"])
def test_small_static_models_are_estimated_side_by_side(by, monkeypatch):
    panel, w = panel_and_weights()
    models = {f: MODEL.but(formula=f) for f in ("y ~ z", "y ~ v", "y ~ z + v", "y ~ lag(z)")}
    models["interaction"] = MODEL.but(formula="y ~ z + z:v")
    specs = list(ss.Study(panel, w, models, by=by).models.values())
    alone = [record_of(panel, {"w": w}, None, by, spec) for spec in specs]
    monkeypatch.setattr(recording, "record_of", None)
    found = records_of(panel, {"w": w}, None, by, specs)
    assert found == alone


def left_alone(models, panel, w, monkeypatch):
    """The formulas of models that are not estimated beside the others; records are the same."""
    specs, called = [ss.Specification(model) for model in models], []
    alone = [record_of(panel, {"w": w}, None, None, spec) for spec in specs]

    def counted(*given):
        called.append(given[-1].model.formula)
        return record_of(*given)

    monkeypatch.setattr(recording, "record_of", counted)
    found = records_of(panel, {"w": w}, None, None, specs)
    assert repr(found) == repr(alone)  # NaN and all
    return called


@pytest.mark.parametrize(
    ("family", "first"),
    [("ols", "y ~ 1"), ("slx", "y ~ x + z + v + exp(x)"), ("slx", "y ~ log(-exp(x))")],
)
def test_a_first_model_that_has_to_be_alone_leaves_the_others_together(family, first, monkeypatch):
    """One without regressors, one with as many parameters as observations, one refused."""
    panel, w = panel_and_weights(n=5, T=3)
    W = None if family == "ols" else "w"
    models = [ss.SpatialModel(family, f, W, "twoways") for f in (first, "y ~ x", "y ~ z + v")]
    assert left_alone(models, panel, w, monkeypatch) == [first]


def test_numbers_beyond_all_scales_warn_nobody_and_leave_the_others_together(monkeypatch):
    panel, w = panel_and_weights()
    vast = panel.assign(u=1e300 * panel.array("x"))
    models = [MODEL.but(formula=f, fixed_effects="none") for f in ("y ~ u", "y ~ x", "y ~ z")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert left_alone(models, vast, w, monkeypatch) == ["y ~ u"]


def test_what_is_said_of_a_model_is_in_its_record(monkeypatch):
    panel, w = panel_and_weights()

    def spoken(formula, *given):
        if "v" in formula:
            warnings.warn("of v", stacklevel=1)
        return evaluate(formula, *given)

    monkeypatch.setattr(recording, "evaluate", spoken)
    specs = [ss.Specification(MODEL.but(formula=f)) for f in ("y ~ z", "y ~ v", "y ~ x")]
    found = records_of(panel, {"w": w}, None, None, specs)
    assert [record["warnings"] for record in found] == [[], ["of v"], []]


def test_models_side_by_side_use_one_blas_thread_like_those_alone(monkeypatch):
    panel, w = panel_and_weights()
    found = []

    def seen(*given):
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        found.extend(pool["num_threads"] for pool in pools)
        return []

    monkeypatch.setattr(recording, "stacked", seen)
    records_of(panel, {"w": w}, None, None, [ss.Specification(MODEL)])
    assert set(found) == {1}


def test_terms_are_let_go_with_the_formulas_that_they_stand_in(monkeypatch):
    panel, w = panel_and_weights()
    formulas = [f"y ~ x + {{z**{k}}}" for k in range(2, 9)]
    specs = [ss.Specification(MODEL.but(formula=formula)) for formula in formulas]
    kept = records_of(panel, {"w": w}, None, None, specs)
    assert len(recording._known(panel).terms.found) == 2 + len(formulas)
    recording.forget()
    monkeypatch.setattr(recording, "ROOM", 2 * panel.n * panel.T)
    assert records_of(panel, {"w": w}, None, None, specs) == kept
    assert len(recording._known(panel).terms.found) <= 2 + 3
    recording.forget()


def test_spectra_found_once_for_a_study_are_those_of_a_fit_to_the_last_bit():
    """With several threads BLAS adds in another order: a fit of few cities takes one."""
    panel, w = on_map(neighbours(150), T=4)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    with threadpool_limits(2):
        found = ss.Study(panel, w, {"main": model}).run().records["main"]["parameters"]
        _, fresh = on_map(neighbours(150), T=4)
        alone = ss.fit(model, panel, fresh)
    assert found["estimate"] == alone.params.tolist()
    assert found["se"] == alone.se.tolist()


def test_runs_are_read_by_name_as_a_grid_is():
    panel, w = panel_and_weights()
    models = ss.grid(MODEL, fixed_effects=["individual", "twoways"], lag_x=[0, 5])
    runs = ss.Study(panel, w, models).run()
    assert list(runs) == list(models)
    assert len(runs) == len(models)
    assert "twoways, no lag" in runs
    one = runs["twoways, no lag"]
    own = ss.fit(models["twoways, no lag"].model, panel, w)
    numbers = ["estimate", "se", "low", "high", "p"]
    assert_allclose(one.effects()[numbers], own.effects().table[numbers])
    assert_allclose(one.parameters["estimate"], own.params)
    assert repr(one) == "Runs: 1 model, 1 estimated"
    assert list(runs["twoways, lag 5"].failures) == [runs.failures["twoways, lag 5"]]
    for name in ("twoways, no lags", 0):
        with pytest.raises(ss.ModelError, match=r"there is no model .* there are 'individual, no"):
            runs[name]
