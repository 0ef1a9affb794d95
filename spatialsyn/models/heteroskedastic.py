"""The covariance of a matrix exponential estimate whose errors differ in variance.

    V = H^-1 J H^-1,   H the observed information, J the variance of the score

Errors of different cities are independent, of any variances and any dependence over time.
With D of `mess`, whose diagonal is zero, the score of alpha is a sum of uncorrelated terms,

    sum_i l_i + sum_{i<j} q_ij,   l_i = e_i'm_i / s2,   q_ij = (d_ij + d_ji) e_i'e_j / s2

and J = sum l_i l_i' + sum q_ij^2 (Debarsy, Jin & Lee 2015, section 3.2; by city: ours). Where
time effects are swept e_i'e_j has a mean, which moves from q_ij to where it belongs.

cov="city" has the same expectation; it averages over orders of the cities because D of other
models has a diagonal. This one fills no (n, n) array, and with 21 cities covers better.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, jacobian_slopes, lags, split
from spatialsyn.models.mess import derivatives
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.multiplier import trace
from spatialsyn.numerics.transform import sweep, sweeps_time


def heteroskedastic(design: Design, estimate: Estimate) -> Array:
    """The covariance of all parameters of `estimate`.

    Raises
    ------
    ModelError
        Another model, whose estimate such errors make inconsistent.
    """
    check_exponential(design)
    p = len(design.names)
    delta, spatial, sigma2 = estimate.params[:p], estimate.params[p:-1], float(estimate.params[-1])
    e, n = estimate.residuals, len(design.y)
    H = information(design, estimate.multiplier, delta, spatial, sigma2, e, "observed")
    own, pairs = _scores(design, delta, spatial, sigma2, e)
    J = own.T @ own
    J[p:-1, p:-1] += pairs
    inverse = np.linalg.inv(H)
    return np.asarray(inverse @ (J * n / (n - 1)) @ inverse)


def check_exponential(design: Design) -> None:
    """Refuse models whose estimate such errors make inconsistent."""
    if not design.exponential:
        raise ModelError(
            'cov="robust": where variances differ from city to city in ways unknown, the '
            "likelihood estimate of rho or lambda is inconsistent (Lin & Lee 2010), and no "
            "covariance mends that. Use a matrix exponential (ss.mess, ss.mess_sdm); for other "
            'distributions of one variance cov="sandwich".'
        )


def _scores(
    design: Design, delta: Array, spatial: Array, sigma2: float, e: Array
) -> tuple[Array, Array]:
    """l_i of every parameter, (n, q), and the sums of q_ij q_ij' over pairs, (d, d)."""
    (n, T), time = design.y.shape, sweeps_time(design.fixed_effects)
    Z = filtered(design, spatial)[1].reshape(n, T, -1)
    columns = lags(design, spatial, delta).reshape(n, T, -1)
    D, slopes = derivatives(design, split(design, spatial).lam), jacobian_slopes(design, spatial)
    # What sweeping leaves of e_i'e_j: c (1 - 1/n) for i = j, -c/n otherwise.
    common = design.nobs / (n - 1) / n if time else 0.0
    single = design.nobs / n
    by_spatial = np.empty((n, len(D)))
    for k, d in enumerate(D):
        explained = columns[..., k] - sweep(lag(d, e), design.fixed_effects)
        own = d.diagonal() * ((e**2).sum(axis=1) / sigma2 - single)
        # Zero but for dummies of time, whose score has a mean of its own.
        rest = slopes[k] + trace(d) * (single + common) - common * d.sum()
        by_spatial[:, k] = (explained * e).sum(axis=1) / sigma2 + own + rest / n
    by_delta = np.einsum("ntp,nt->np", Z, e) / sigma2
    by_sigma2 = (e**2).sum(axis=1) / (2 * sigma2**2) - design.nobs / n / (2 * sigma2)
    linked = [sparse.csr_array(d + d.T) for d in D]
    pairs = [[_pairs(a.multiply(b), e, sigma2, common) for b in linked] for a in linked]
    return np.column_stack([by_delta, by_spatial, by_sigma2]), np.array(pairs).reshape(len(D), -1)


def _pairs(weight: sparse.csr_array, e: Array, sigma2: float, common: float) -> float:
    """Sum over pairs i < j of weight_ij (e_i'e_j / s2 + common)^2."""
    links = weight.tocoo()
    off = links.row != links.col
    i, j = links.row[off], links.col[off]
    surprise = (e[i] * e[j]).sum(axis=1) / sigma2 + common
    return float((links.data[off] * surprise**2).sum() / 2)
