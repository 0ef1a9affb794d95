"""Is a matrix that another one stands in for endogenous at all?

With V for W the lags V x, V^2 x ... are instruments, valid whether or not W moves with the error.
If it does not, the lags by W are valid too. Both sets are used, and what the additional ones cost
is compared (the difference in Sargan's or Hansen's statistic: Newey 1985, Journal of Econometrics
29; Hayashi 2000, section 3.6):

    C = J(V, W) - J(V),    chi2 of as many degrees of freedom as W adds instruments

J(V) weighs its moments by their part of the variance of all, so that C is not negative.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import chdtrc

from spatialsyn.diagnostics.relatives import is_results
from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.models.gmm import two_stages
from spatialsyn.models.instruments import Instruments, independent_columns
from spatialsyn.models.moments import columns, instruments_of, moment_variance
from spatialsyn.models.strength import distance, few_clusters
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import lag
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
    design, kind = results.design, results.cov_kind
    null = f"{', '.join(f'W[{W}]' for W in suspects)} exogenous (difference of J)"
    both, q = _both(design, suspects, results.model.roles.wy), len(instruments_of(design).names)
    H, df = both.basis, len(both.names) - q
    reason = few_clusters(design, kind, H.shape[1])
    if df == 0:
        reason = "The lags by both matrices are the same: there is nothing to compare."
    if reason:
        return HypothesisTest(null, np.nan, df, np.nan, reason)
    y, Q = columns(design)
    e = (y - Q @ two_stages(replace(design, instruments=both))).reshape(design.y.shape)
    S = moment_variance(H, e, design.nobs, kind, design.groups)
    moments, slopes = H.T @ y, H.T @ Q
    C = distance(moments, slopes, S) - distance(moments[:q], slopes[:q], S[:q, :q])
    return HypothesisTest(null, C, df, float(chdtrc(df, C)))


def _both(design: Design, suspects: tuple[str, ...], wy: tuple[str, ...]) -> Instruments:
    """The instruments of a design, and after them the lags by the suspects."""
    given = instruments_of(design)
    basis = given.basis.T.reshape(-1, *design.y.shape)
    made = dict(zip(given.names, basis, strict=True))
    # With exogenous matrices the lags of exogenous regressors are their own instruments.
    spared = {c.name: j for j, c in enumerate(design.columns)
              if c.W in suspects and c.x not in given.endogenous}  # fmt: skip
    made |= {name: design.Z[..., j] for name, j in spared.items()}
    own = [j for j, c in enumerate(design.columns)
           if c.x and c.name != "Intercept" and c.name not in given.endogenous]  # fmt: skip
    for W in suspects:
        once = lag(design.matrices[W], design.Z[..., own])
        twice = lag(design.matrices[W], once) if W in wy else once[..., :0]
        more = np.concatenate([once, twice], axis=2)
        made |= {f"by W[{W}], {j}": column for j, column in enumerate(np.moveaxis(more, 2, 0))}
    both, names = independent_columns(made, design.fixed_effects)
    endogenous = {name: j for name, j in given.endogenous.items() if name not in spared}
    return replace(given, basis=both, names=names, endogenous=endogenous)
