"""Average effects of many models side by side: those of each alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import spatialsyn as ss
from spatialsyn.effects.beside import average_columns, columns_read
from spatialsyn.effects.request import reading_by
from spatialsyn.models.beside import Beside
from spatialsyn.models.many import estimate_beside
from tests.cases import made_up
from tests.maps import neighbours, on_map

MODELS = {
    "ols": ss.ols("y ~ x + z"),
    "slx": ss.slx("y ~ x + z | z", W="w"),
    "sar": ss.sar("y ~ x + z", W="w", fixed_effects="individual"),
    "sdm": ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"),
    "error": ss.sdem("y ~ x + z", W="w"),
    "both": ss.sac("y ~ x + z", W="w"),
    "two": ss.sdm("y ~ x + z", W=["w", "v"], fixed_effects="individual"),
    "other": ss.sdm("y ~ x + z", W={"wy": "w", "wx": "v"}),
    "convex": ss.sar("y ~ x + z", W=ss.convex("w", "v")),
    "regimes": ss.sdm("y ~ x + z", W="w", regimes="region"),
    "random": ss.sdm("y ~ x + z", W="w", random="correlated"),
    "dynamic": ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", lag_y=True),
    "instruments": ss.sar("y ~ x + z", W="w", estimator="2sls"),
    "exponential": ss.mess("y ~ x + z", W="w"),
    "constant": ss.sar("y ~ 1", W="w"),
}


def fitted(names):
    panel, w = made_up(12, 6, noise=1.0)
    v = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="v")
    return [ss.fit(MODELS[name], panel, [w, v]) for name in names]


def averages_of(results):
    return average_columns([(r.design, r.design.columns, r.estimate) for r in results])


def test_every_model_has_the_table_and_the_note_of_its_own():
    results = fitted(MODELS)
    found = averages_of(results)
    for one, (columns, note) in zip(results, found, strict=True):
        if not one.regressors:
            assert (columns, note) == ({}, "")
            continue
        own = one.effects()
        assert note == own.note
        assert list(columns) == list(own.table)
        for name, values in columns.items():
            if name in ("x", "effect"):
                assert list(values) == list(own.table[name])
            else:
                assert_allclose(values, own.table[name], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("rows", ["one", "many"])
def test_what_stands_beside_a_model_does_not_move_its_last_bit(rows):
    panel, w = on_map(neighbours(40), T=3)
    if rows == "many":  # rows with different sums: totals are solved for
        raw = w.dense() * np.random.default_rng(3).uniform(0.3, 1, (40, 1))
        w = ss.Weights.from_matrix(raw, ids=w.ids, name="w")
    for family in ("sar", "sdm"):
        models = [ss.SpatialModel(family, f"y ~ {a} + {b}", "w", "individual")
                  for a, b in (("x", "z"), ("z", "x"), ("x", "{x**2}"))]  # fmt: skip
        results = [ss.fit(model, panel, w) for model in models]
        made = averages_of(results)
        for one, (columns, _) in zip(results, made, strict=True):
            ((alone, _),) = averages_of([one])
            assert columns == alone
            for name in ("estimate", "se", "low", "high", "p"):
                assert_array_equal(columns[name], one.effects().table[name])


def test_a_rho_near_its_bound_is_told_of_in_its_own_row_only():
    panel, w = made_up(12, 6)
    noisy = panel.array("y") + 2 * np.random.default_rng(0).normal(size=(12, 6))
    smooth = np.linalg.solve(np.eye(12) - 0.7 * w.dense(), noisy)
    trend = panel.assign(u=panel.array("y") + 2 * np.arange(6.0), far=smooth)
    models = [ss.sar("y ~ x", W="w", fixed_effects="individual"),
              ss.sar("u ~ x", W="w", fixed_effects="individual"),
              ss.sar("far ~ x", W="w", fixed_effects="twoways")]  # fmt: skip
    results = [ss.fit(model, trend, w) for model in models]
    notes = [note for _, note in averages_of(results)]
    assert notes == [r.effects().note for r in results]
    assert "upper bound" in notes[1]
    assert "upper bound" in notes[2]
    assert ["Without time effects" in note for note in notes] == [True, True, False]


@pytest.mark.parametrize("name", ["ols", "slx", "sar", "sdm", "other"])
def test_models_estimated_side_by_side_have_the_effects_of_each_alone(name):
    (one,) = fitted([name])
    ((estimate, _),) = estimate_beside(Beside.of(one.design))
    model = one.design, one.design.columns, estimate
    for (columns, note), own in (
        (average_columns([model])[0], one.effects()),
        (columns_read([model], reading_by("region", one.panel, "receiver"))[0],
         one.effects(by="region")),
    ):  # fmt: skip
        assert note == own.note
        assert list(columns) == list(own.table)
        for column, values in columns.items():
            assert_array_equal(values, own.table[column])
