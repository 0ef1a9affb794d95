"""Is there a spillover at all, at any rate of decay?

    2 [max over delta of L(delta) - L(no lags)]

Without the decaying lags delta does not exist, so the statistic is not chi-squared (Davies
1987, Biometrika 74): its distribution is that of samples drawn from the model without them
(`replicates`), each searched over the same grid of delta.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.fitting import fit
from spatialsyn.models.design import sweep_effects
from spatialsyn.models.roles import Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.kernel import Kernel
from spatialsyn.spillovers.replicates import Samples, check_sampled, refitted, sampled, signs

WITHOUT = {"slx": "ols", "sdm": "sar"}


def any_spillover(
    results: Results, kernels: Sequence[Kernel], grid: Sequence[Array], draws: int, seed: int
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
    samples = sampled(null, signs(draws, null.panel.n, seed))
    drawn = Samples(
        np.c_[null.design.y.ravel(), samples.y],
        np.c_[null.design.Wy.reshape(null.design.y.size, -1), samples.Wy],
    )
    best = np.full(draws + 1, -np.inf)
    for deltas in product(*grid):
        falling = {k.name: k.at(float(d)) for k, d in zip(kernels, deltas, strict=True)}
        design = sweep_effects(model, results.data, {**results.weights, **falling})
        best = np.maximum(best, refitted(design, drawn).loglik)
    gained = 2 * (best - refitted(null.design, drawn).loglik)
    p = (1 + (gained[1:] >= gained[0]).sum()) / (1 + draws)
    note = f"p from {draws} samples without lags, seed {seed}"
    said = f"no lags by {', '.join(k.name for k in kernels)}, whatever the decay"
    df = len(results.params) - len(null.params) + len(kernels)
    return HypothesisTest(said, float(gained[0]), df, float(p), note)


def _without(model: SpatialModel) -> SpatialModel:
    """The same model without lags of the regressors."""
    W = Roles(wy=model.roles.wy) if model.roles.wy else None
    return model.but(family=WITHOUT[model.family], formula=model.formula.split("|")[0], W=W)
