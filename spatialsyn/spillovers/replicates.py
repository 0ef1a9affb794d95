"""Bootstrap outcomes of a model, and the estimates of all of them at once.

    y* = y + S^-1 (c v e - e),   v_i = -1 or 1, one sign for all years of a city

The sign of a city changes the products e_i e_j that identify rho and keeps whatever
dependence its years have; regressors, fixed effects and unequal variances stay. c restores
the variance that fixed effects took from the residuals. Only y and Wy change from sample to
sample, so their likelihoods differ in three sums of squares each and are climbed side by
side (wild bootstrap: Cameron, Gelbach & Miller 2008, Review of Economics and Statistics 90).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design, estimates_cities
from spatialsyn.models.outcomes import Maxima, maxima
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.randomness import generator
from spatialsyn.numerics.transform import independent, sweep
from spatialsyn.results import Results

# Fewest samples that a p-value is taken of.
FEWEST = 99


@dataclass(frozen=True, eq=False)
class Samples:
    """Outcomes and their lags, swept of the fixed effects; (n T, R), a column per sample.

    `Wy` has no columns where the model has no lag of y.
    """

    y: Array
    Wy: Array


def check_sampled(results: Results, what: str, instead: str = "") -> None:
    """Refuse models whose samples are not estimated here; `instead` is a way out."""
    model = results.model
    simple = model.family in ("ols", "slx", "sar", "sdm") and len(results.design.W) <= 1
    if not simple or model.dynamic or model.random is not None or model.estimator != "qml":
        raise ModelError(
            f"{what} needs a static model with fixed effects or none, at most one lag of y and no "
            "spatial error, by maximum likelihood: ols, slx, sar or sdm; got "
            f"{model.equation!r}.{instead}"
        )
    if estimates_cities(model, results.weights) or (
        model.correction == "bias-corrected" and model.fixed_effects != "none"
    ):
        raise ModelError(
            f"{what} refits every sample by maximum likelihood, which a bias-corrected estimate "
            f'is not. Use correction="lee-yu" and weights that stay the same.{instead}'
        )


def signs(size: int, cities: int, seed: int) -> Array:
    """(size, cities) random signs."""
    return generator(seed).choice(np.array([-1.0, 1.0]), size=(size, cities))


def sampled(results: Results, v: Array) -> Samples:
    """The samples of fitted `results` with the signs `v`, (R, n)."""
    design, e = results.design, results.estimate.residuals
    n, T = e.shape
    units, copies = independent(n, T, design.fixed_effects)
    c = np.sqrt(n * T / (units * copies))
    change = lag(results.estimate.multiplier, e[..., None] * (c * v.T[:, None] - 1))
    y = design.y[..., None] + sweep(change, design.fixed_effects)
    Wy = np.empty((n * T, 0))
    if design.W:
        lagged = design.Wy + sweep(lag(design.W[0], change), design.fixed_effects)
        Wy = lagged.reshape(n * T, -1)
    return Samples(y.reshape(n * T, -1), Wy)


def data_and_samples(results: Results, draws: int, seed: int) -> Samples:
    """The outcome that `results` explain, first, and so many samples of it."""
    design, drawn = results.design, sampled(results, signs(draws, results.panel.n, seed))
    return Samples(
        np.c_[design.y.ravel(), drawn.y],
        np.c_[design.Wy.reshape(design.y.size, -1), drawn.Wy],
    )


def gain_test(null: str, gained: Array, df: int, note: str) -> HypothesisTest:
    """What the likelihood gains in the data, first of `gained`, beside what it does in samples."""
    p = (1 + (gained[1:] >= gained[0]).sum()) / len(gained)
    return HypothesisTest(null, float(gained[0]), df, float(p), note)


def refitted(design: Design, samples: Samples) -> Maxima:
    """Maximum likelihood of `design` with the outcomes of every sample in turn."""
    return maxima(design, samples.y, samples.Wy)
