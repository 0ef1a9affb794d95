"""The score taken apart by year, and by city.

By year it is a sum as it stands; where W changes every year has the trace of its own D, less
what city means take of it. By city, with D of `information`, J = I - 11'/n where time
effects are swept and I elsewhere, A = J D J, and e_i the residuals of city i, the score of
a rho or lambda is

    sum_i l_i + sum_{i<j} q_ij,    q_ij = (a_ij + a_ji) (e_i'e_j / s2 - c J_ij)
    l_i = e_i'm_i / s2 + a_ii (e_i'e_i / s2 - c J_ii),   c = nobs / tr J

The naive score of a city, half of every pair it is in, is correlated with that of its
neighbours: cov(e_i (De)_i, e_j (De)_j) = s2^2 d_ij d_ji. Taking the cities in some order,
s_i = l_i + sum_{j before i} q_ij is a martingale difference, whose terms are
uncorrelated for independent cities (Kelejian & Prucha 2001, J. of Econometrics 104). No order is
better than another, so s_i s_j' is averaged over all n! of them (ours), with Q_i = sum_j q_ij
and the naive h_i = l_i + Q_i / 2:

    mean s_i s_i' = h_i h_i' + [Q_i Q_i' + 2 sum_j q_ij q_ij'] / 12
    mean s_i s_j' = h_i h_j' + [sum_k q_ik q_jk' - q_ij Q_j' - Q_i q_ij' - q_ij q_ij'] / 12
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.information import information_derivatives
from spatialsyn.models.likelihood import filtered, jacobian_slopes, lags
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.multiplier import centred
from spatialsyn.numerics.transform import sweep, sweeps_cities, sweeps_time


class CityScores(NamedTuple):
    """Attributes: `own` (n, q), h_i of every parameter; `pairs` (d, n, n), q_ij of the spatial."""

    own: Array
    pairs: Array


def period_scores(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> Array:
    """(T, q) scores of the years, each of mean zero; they sum to zero at the maximum."""
    n, T = design.y.shape
    e = estimate.residuals
    Z = filtered(design, spatial)[1].reshape(n, T, -1)
    columns = lags(design, spatial, delta).reshape(n, T, -1)
    slopes = jacobian_slopes(design, spatial) / T - _apart(design, estimate, spatial)
    by_delta = np.einsum("ntp,nt->tp", Z, e) / sigma2
    by_spatial = np.einsum("ntd,nt->td", columns, e) / sigma2 + slopes
    by_sigma2 = (e**2).sum(axis=0) / (2 * sigma2**2) - design.nobs / T / (2 * sigma2)
    return np.column_stack([by_delta, by_spatial, by_sigma2])


def _apart(design: Design, estimate: Estimate, spatial: Array) -> Array:
    """(T, d) the mean of e_t'D_t e_t / s2 of every year, less that of all years.

    Of e_t less the mean of e over the T years, the share (T - 2) / T of tr D_t is left, and
    the rest is common to all years.
    """
    n, T = design.y.shape
    apart = np.zeros((T, len(spatial)))
    if not design.varies:
        return apart
    time, city = sweeps_time(design.fixed_effects), sweeps_cities(design.fixed_effects)
    for k, D in enumerate(information_derivatives(design, estimate.multiplier, spatial)):
        own = np.trace(centred(D) if time else D, axis1=-2, axis2=-1)
        apart[:, k] = own - own.mean()
    ratio = design.nobs / ((n - time) * (T - city))  # of sigma2 to the smaller one of dummies
    return np.asarray(ratio * (1 - 2 * city / T) * apart)


def city_scores(
    design: Design, estimate: Estimate, delta: Array, spatial: Array, sigma2: float
) -> CityScores:
    """The score by city and pair of cities; `own` sums to the score."""
    n, T = design.y.shape
    e, time = estimate.residuals, sweeps_time(design.fixed_effects)
    kept = np.eye(n) - (1 / n if time else 0.0)
    c = design.nobs / np.trace(kept)
    surprise = e @ e.T / sigma2 - c * kept
    Z = filtered(design, spatial)[1].reshape(n, T, -1)
    columns = lags(design, spatial, delta).reshape(n, T, -1)
    slopes = jacobian_slopes(design, spatial)
    derivatives = information_derivatives(design, estimate.multiplier, spatial)
    by_spatial, pairs = np.empty((n, len(slopes))), np.empty((len(slopes), n, n))
    for k, D in enumerate(derivatives):
        explained = columns[..., k] - sweep(lag(D, e), design.fixed_effects)
        A = kept @ D @ kept
        pairs[k] = (A + A.T) * surprise
        # Zero but for dummies of time, whose score has a mean of its own.
        rest = slopes[k] + c * np.trace(A)
        by_spatial[:, k] = (
            (explained * e).sum(axis=1) / sigma2 + pairs[k].sum(axis=1) / 2 + rest / n
        )
        np.fill_diagonal(pairs[k], 0.0)
    if design.random:  # phi takes every city by itself
        pairs[-1] = 0.0
        by_spatial[:, -1] = (columns[..., -1] * e).sum(axis=1) / sigma2 + slopes[-1] / n
    by_delta = np.einsum("ntp,nt->np", Z, e) / sigma2
    by_sigma2 = (e**2).sum(axis=1) / (2 * sigma2**2) - design.nobs / n / (2 * sigma2)
    return CityScores(np.column_stack([by_delta, by_spatial, by_sigma2]), pairs)


def between_groups(scores: CityScores, member: Array) -> Array:
    """Variance of the score where cities of a group depend on each other, (q, q).

    Groups take the place of cities: theirs are the pairs that an order gives to the later one.

    Parameters
    ----------
    member : (C, n), one where a city is in a group
    """
    pairs = member @ scores.pairs @ member.T
    between = pairs * (1 - np.eye(len(member)))
    return between_cities(CityScores(member @ scores.own, between), np.eye(len(member)))


def between_cities(scores: CityScores, near: Array) -> Array:
    """Sum over pairs of cities of `near`_ij s_i s_j', (q, q), its mean over all orders."""
    own = scores.own - scores.own.mean(axis=0)  # zero already, unless the bias was removed
    middle = own.T @ near @ own
    others = near - np.diag(np.diag(near))
    d = len(scores.pairs)
    first = own.shape[1] - 1 - d
    for a in range(d):
        for b in range(d):
            middle[first + a, first + b] += (
                _over_orders(scores.pairs[a], scores.pairs[b], others) / 12
            )
    # n / (n - 1) without neighbours: scores that sum to zero lose that share of their variance.
    return np.asarray(middle / (1 - near.mean()))


def _over_orders(qa: Array, qb: Array, near: Array) -> float:
    """12 times the covariance of two scores over the orders of the cities, summed."""
    Qa, Qb = qa.sum(axis=1), qb.sum(axis=1)
    same = Qa @ Qb + 2 * np.sum(qa * qb)
    triples, shared = np.sum(qa * (near @ qb)), near * qa
    return float(
        same
        + triples
        - np.sum(shared * qb)
        - shared.sum(axis=0) @ Qb
        - Qa @ (near * qb).sum(axis=1)
    )
