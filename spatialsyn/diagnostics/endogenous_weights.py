"""Is a matrix that another one stands in for endogenous at all?

With V for W the lags V x, V^2 x ... are instruments, valid whether or not W moves with the error.
If it does not, the lags W x, and W^2 x in a model of Wy, are valid too, x the exogenous regressors,
their lags by other matrices, and external instruments. Both sets are used, and what the additional
ones cost is compared (the difference in Sargan's or Hansen's statistic: Newey 1985, Journal of
Econometrics 29; Hayashi 2000, section 3.6):

    C = J(V, W) - J(V),    chi2 of as many degrees of freedom as W adds instruments

J(V) weighs its moments by their part of the variance of all, so that C is not negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import chdtrc

from spatialsyn.diagnostics.relatives import is_results
from spatialsyn.errors import ModelError
from spatialsyn.models.covariance import without_choice
from spatialsyn.models.data import read
from spatialsyn.models.gmm import two_stages
from spatialsyn.models.instruments import Instruments, independent_columns
from spatialsyn.models.likelihood import quasi
from spatialsyn.models.moments import columns, instruments_of, moment_variance
from spatialsyn.models.right_side import right_side
from spatialsyn.models.strength import distance, few_clusters
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.results import Results


def weights_exogeneity(results: Results) -> HypothesisTest:
    """Whether the matrices that others stand in for are exogenous, of a fit with `instrument_W`.

    A small p-value: W moves with the error, and estimates that take it as given are biased. It
    takes the covariance of `results`.

    Raises
    ------
    ModelError
        No matrix of the model has another one that stands in for it.
    """
    is_results(results, "weights_exogeneity")
    suspects = tuple(dict(results.model.instrument_W))
    if not suspects:
        raise ModelError(
            "weights_exogeneity compares a matrix with the one that stands in for it: fit "
            'model.but(estimator="2sls", instrument_W={"dig": "dig_hat"}) first.'
        )
    design, kind = results.design, without_choice(results.cov_kind)
    null = f"{', '.join(f'W[{W}]' for W in suspects)} exogenous (difference of J)"
    both, q = _both(results, suspects), len(instruments_of(design).names)
    H, df = both.basis, len(both.names) - q
    reason = few_clusters(design, kind, H.shape[1])
    if df == 0:
        reason = "The lags by both matrices are the same: there is nothing to compare."
    if reason:
        return HypothesisTest(null, np.nan, df, np.nan, reason)
    y, Q = columns(design)
    e = (y - Q @ two_stages(replace(design, instruments=both))).reshape(design.y.shape)
    S = moment_variance(design, H, e, kind)
    moments, slopes = H.T @ y, H.T @ Q
    C = distance(moments, slopes, S) - distance(moments[:q], slopes[:q], S[:q, :q])
    return HypothesisTest(null, C, df, float(chdtrc(df, C)))


def _both(results: Results, suspects: Sequence[str]) -> Instruments:
    """The instruments of a fit, and after them the lags by the suspects."""
    design = results.design
    given = instruments_of(design)
    basis = given.basis.T.reshape(-1, *design.y.shape)
    made = dict(zip(given.names, basis, strict=True))
    # With exogenous matrices the lags of exogenous regressors are their own instruments.
    spared = {c.name: j for j, c in enumerate(design.columns)
              if c.W in suspects and c.x not in given.endogenous}  # fmt: skip
    made |= {name: design.Z[..., j] for name, j in spared.items()}
    made |= _lags(results, suspects)
    both, names = independent_columns(made, design.fixed_effects)
    endogenous = {name: j for name, j in given.endogenous.items() if name not in spared}
    return replace(given, basis=both, names=names, endogenous=endogenous)


def _lags(results: Results, suspects: Sequence[str]) -> dict[str, Array]:
    """W x, and W^2 x for a matrix of Wy, of what is exogenous: lagged first, as in the model."""
    model, design = results.model, results.design
    troubled = instruments_of(design).endogenous
    data, outside = read(model, results.panel, results.sample)
    X, columns = right_side(model, data, results.weights)
    own = [j for j, c in enumerate(columns) if c.x != "Intercept" and c.name not in troubled]
    exogenous = X[..., own]
    if outside is not None:
        external = [j for j, z in enumerate(outside.names) if z != "Intercept"]
        exogenous = np.concatenate([exogenous, outside.X[..., external]], axis=2)
    made: dict[str, Array] = {}
    for W in suspects:
        lags = [lag(design.matrices[W], exogenous)]
        lags += [lag(design.matrices[W], lags[0])] if W in model.roles.wy else []
        found = np.moveaxis(np.concatenate(lags, axis=2), 2, 0)
        made |= {f"by W[{W}], {j}": column for j, column in enumerate(found)}
    if not design.random:
        return made
    phi = float(results.params["phi"])
    return {name: quasi(column, phi) for name, column in made.items()}
