"""Grids over endogenous matrices: each W of the grid has what stands in for it."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss

HATS = {"dig": "dig_hat", "eco": "eco_hat"}
MODEL = ss.sar(
    "y ~ x + z", W="dig", fixed_effects="individual", estimator="2sls", instrument_W="dig_hat"
)


@pytest.fixture(scope="module")
def data():
    """25 cities, and four matrices: two that are endogenous, and their predictions."""
    panel, _ = made_up(n=25, T=8, seed=1)
    rng, matrices = np.random.default_rng(5), []
    for name in HATS:
        hat = rng.random((25, 25)) * (rng.random((25, 25)) < 0.3)
        for label, W in ((name, hat * np.exp(0.5 * rng.normal(size=hat.shape))),
                         (HATS[name], hat)):  # fmt: skip
            np.fill_diagonal(W, 0)
            made = ss.Weights.from_matrix(W, ids=panel.ids, name=label)
            matrices.append(made.standardize("row"))
    return panel, matrices


def test_every_model_has_the_stand_in_of_its_own_matrix(data):
    panel, matrices = data
    grid = ss.grid(MODEL, W=["dig", "eco", ["dig", "eco"]], instrument_W=HATS)
    runs = ss.Study(panel, matrices, grid).run()
    alone = {
        "dig": MODEL,
        "eco": MODEL.but(W="eco", instrument_W="eco_hat"),
        "dig + eco": MODEL.but(W=["dig", "eco"], instrument_W=HATS),
    }
    assert list(grid) == list(alone)
    for name, model in alone.items():
        assert grid[name].model == model
        found = runs.parameters.query("model == @name").set_index("term")["estimate"]
        assert_allclose(found, ss.fit(model, panel, matrices).params[found.index], rtol=1e-10)


def test_the_model_says_its_own_stand_in_and_the_grid_the_others():
    whole = ss.grid(MODEL, W=["dig", "eco"], instrument_W=HATS)
    assert ss.grid(MODEL, W=["dig", "eco"], instrument_W={"eco": "eco_hat"}) == whole


def test_a_grid_over_something_else_keeps_the_stand_in_of_the_model():
    made = ss.grid(MODEL, winsor=[None, 0.02])
    assert {one.model.instrument_W for one in made.values()} == {(("dig", "dig_hat"),)}


@pytest.mark.parametrize(
    ("W", "given", "message"),
    [
        (["dig", "eco"], None, r"nothing stands in for W='eco', while W\[dig\] is endogenous: .* a grid of their own"),
        (["dig", ["eco", "geo"]], None, r"nothing stands in for W=\['eco', 'geo'\], while"),
        (["dig"], {"eco": "eco_hat"}, r"instrument_W has 'eco', and the matrices of W=\[...\] are 'dig': name"),
        (None, {"dig": "other"}, r"instrument_W has 'dig', and the matrices of W=\[...\] are none: name"),
        (["dig"], "dig_hat", r"instrument_W of a grid is a mapping: instrument_W=.*got str: 'dig_hat'"),
    ],
)  # fmt: skip
def test_what_has_no_stand_in_is_named(W, given, message):
    with pytest.raises(ss.ModelError, match=message):
        ss.grid(MODEL, W=W, instrument_W=given)


def test_maximum_likelihood_takes_every_matrix_as_given():
    model = ss.sar("y ~ x + z", W="dig", fixed_effects="individual")
    with pytest.raises(
        ss.ModelError, match=r"^dig: instrument_W makes W\[dig\] endogenous, and qml"
    ):
        ss.grid(model, W=["dig", "eco"], instrument_W=HATS)
