"""Is there a spillover at all, at any rate of decay?

    2 [max over delta of L(delta) - L(no lags)]

Without the decaying lags delta does not exist, so the statistic is not chi-squared (Davies
1987, Biometrika 74): its distribution is that of samples drawn from the model without them
(`replicates`), each searched over the same grid of delta.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np

from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, named
from spatialsyn.fitting import fit
from spatialsyn.models.design import sweep_effects
from spatialsyn.models.roles import Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.kernel import Kernel
from spatialsyn.spillovers.replicates import (
    Samples,
    check_sampled,
    data_and_samples,
    gain_test,
    refitted,
)

WITHOUT = {"slx": "ols", "sdm": "sar"}


def lags_are_zero(results: Results, names: list[str]) -> HypothesisTest:
    """The Wald test that all lags with the decaying weights are zero, delta taken as known."""
    assert results.estimate.cov is not None
    starts = ("W[{}]", "rho[{}]", "rho[{}:", "alpha[{}]")
    tags = tuple(start.format(name) for name in names for start in starts)
    at = [i for i, name in enumerate(results.estimate.names) if name.startswith(tags)]
    cov = results.estimate.cov[np.ix_(at, at)]
    return wald(f"lags by {named(names)} are zero", results.estimate.params[at], cov)


def any_spillover(
    results: Results,
    kernels: Sequence[Kernel],
    grid: Sequence[Array],
    draws: int,
    seed: int,
    engine: Engine,
) -> HypothesisTest:
    """The test that no regressor has a lag, at any of the decays in `grid`, one axis a kernel.

    Raises
    ------
    ModelError
        Lags of the outcome that decay too, or a model that is not sampled.
    """
    model, names = results.model, {kernel.name for kernel in kernels}
    if names & set(model.roles.wy) or model.family not in WITHOUT:
        raise ModelError(
            "the bootstrap leaves the decaying lags of the regressors out of slx, or of sdm whose "
            f'lag of y has a matrix of its own (role="wx"); got {model.equation!r}.'
        )
    null = fit(_without(model), results.panel, results.weights)
    check_sampled(null, "the bootstrap")
    drawn = data_and_samples(null, draws, seed)
    call = partial(_logliks, results, kernels, drawn)
    deltas = [[float(d) for d in point] for point in product(*grid)]
    best = np.max(engine.all(call, deltas, "decays"), axis=0)
    gained = 2 * (best - refitted(null.design, drawn).loglik)
    note = f"p from {draws} samples without lags, seed {seed}"
    said = f"no lags by {', '.join(k.name for k in kernels)}, whatever the decay"
    df = len(results.params) - len(null.params) + len(kernels)
    return gain_test(said, gained, df, note)


def _logliks(
    results: Results, kernels: Sequence[Kernel], samples: Samples, deltas: Sequence[float]
) -> Array:
    """(R,) maximised likelihoods of the samples with one decay for each distance."""
    falling = {k.name: k.at(d) for k, d in zip(kernels, deltas, strict=True)}
    design = sweep_effects(results.model, results.data, {**results.weights, **falling})
    return refitted(design, samples).loglik


def _without(model: SpatialModel) -> SpatialModel:
    """The same model without lags of the regressors."""
    W = Roles(wy=model.roles.wy) if model.roles.wy else None
    return model.but(family=WITHOUT[model.family], formula=model.formula.split("|")[0], W=W)
