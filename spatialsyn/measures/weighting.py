"""How much each indicator counts in an index."""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import PanelError, named
from spatialsyn.numerics.lags import Array

METHODS = ("entropy", "equal")


def entropy_weights(z: Array) -> Array:
    """Entropy weights of normalised indicators.

        p_ij = z_ij / sum_i z_ij,   e_j = -sum_i p_ij ln p_ij / ln N,   w_j ~ 1 - e_j

    with 0 ln 0 = 0: shifting zeros by a small constant changes nothing, and a shift
    large enough to matter is a modelling choice (Shannon 1948; pooled over the panel, so
    N = cities x years). Entropy rewards sparsity: an indicator with one outlier, or with
    most cells at its minimum, takes nearly all the weight. Look at the weights.

    Parameters
    ----------
    z : (N, k), non-negative, one column per indicator

    Raises
    ------
    PanelError
        Fewer than two rows, a negative cell, a column of zeros, or only constant columns.
    """
    if len(z) < 2:
        raise PanelError("entropy weights need two observations at least.")
    if (z < 0).any():
        raise PanelError("entropy weights need non-negative indicators: normalise them first.")
    total = z.sum(axis=0)
    if not (total > 0).all():
        raise PanelError(f"the indicators {named(np.flatnonzero(total == 0))} are zero everywhere.")
    p = z / total
    information = p * np.log(np.where(p > 0, p, 1.0))
    diversity = 1 + information.sum(axis=0) / np.log(len(z))
    if not diversity.sum() > 1e-15:
        raise PanelError("no indicator varies: entropy weights are not defined (0/0).")
    return np.asarray(diversity / diversity.sum())


def weights_by(method: str, z: Array) -> Array:
    """Weights of the k columns of `z`, (N, k), by the named method; they sum to one."""
    if method not in METHODS:
        raise PanelError(f"method={method!r} is not one of {', '.join(map(repr, METHODS))}.")
    return entropy_weights(z) if method == "entropy" else np.full(z.shape[1], 1 / z.shape[1])
