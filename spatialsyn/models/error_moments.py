"""The spatial error by moments: lambda from the residuals u of a first step.

    e = u - lambda M u,   m = (e'e - N s2, (Me)'Me - N s2 t, e'Me - N s2 d) / N

N = nobs, t = tr M'M / n, d = 0 (Kelejian & Prucha 1999, International Economic Review 40);
within cities N = n (T - 1) (Kapoor, Kelejian & Prucha 2007, Journal of Econometrics 140).
Time effects swept out leave t = tr M'JM / (n - 1) and d = tr JM / (n - 1), J = I - 11'/n, for a
row-standardised M (ours). lambda and s2 minimise m'm.

Standard errors: to first order N m = e'A e + a'e less its mean, for each moment, with

    A = (J, J M'JM J, JMJ),   a = N R'^-1 H B' dm/d(delta, rho),   R = I - lambda M

where a is what the first step's coefficients B H'y bring in (Drukker, Egger & Prucha 2013,
Econometric Reviews 32, for moments of weight one and normal errors).
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design, ErrorLag
from spatialsyn.models.moments import columns, instruments_of, projector
from spatialsyn.numerics.lags import Array, dense, lag
from spatialsyn.numerics.transform import sweep, sweeps_time


def error_by_moments(design: Design, error: ErrorLag, u: Array) -> float:
    """lambda at which the moments of `u`, (n, T), are closest to what they should be.

    With s2 at its best m'm is a polynomial of degree four in lambda: its stationary points
    are roots of a cubic, and nothing is searched.

    Raises
    ------
    EstimationError
        No minimum lies in the interval of lambda.
    """
    moments, variance = _moments(design, error, u)
    free = moments - np.outer(variance, variance @ moments) / (variance @ variance)
    distance = sum((Polynomial(row) ** 2 for row in free), Polynomial([0.0]))
    low, high = error.logdet.interval
    roots = np.asarray(distance.deriv().roots(), dtype=complex)
    inside = [float(r.real) for r in roots if abs(r.imag) <= 1e-9 * abs(r) and low < r.real < high]
    if not inside:
        raise EstimationError(
            f"the moments of the residuals put {error.name} outside its interval ({low:.4g}, "
            f"{high:.4g}): the data do not identify a spatial error with this W. Look for a common "
            "trend (time effects), or leave the spatial error out."
        )
    return min(inside, key=distance)


def joint_covariance(design: Design, error: ErrorLag, lam: float, coefficients: Array) -> Array:
    """Covariance of (delta, rho, lambda), for independent normal errors of one variance."""
    basis, shape = instruments_of(design).basis, design.y.shape
    y, Q = columns(design, lam)
    e = y - Q @ coefficients
    sigma2, N = float(e @ e) / design.nobs, design.nobs
    final = basis @ projector(basis, Q).T
    raw_y, raw_Q = columns(design)
    first = basis @ projector(basis, raw_Q).T
    Me, MQ = (
        sweep(lag(error.M, v.reshape(*shape, -1)), design.fixed_effects).reshape(e.size, -1)
        for v in (e, Q)
    )
    slopes = -np.column_stack([2 * Q.T @ e, 2 * MQ.T @ Me[:, 0], Q.T @ Me[:, 0] + MQ.T @ e])
    R = np.eye(shape[0]) - lam * dense(error.M)
    brought = np.linalg.solve(R.T, (first @ slopes).reshape(shape[0], -1)).reshape(e.size, 3)
    J, M = _projected(design, error)
    A = (J, M.T @ M, (M + M.T) / 2)
    products = np.array([[np.sum(a * b.T) for b in A] for a in A])
    omega = 2 * sigma2**2 * design.copies * products + sigma2 * brought.T @ brought
    moments, variance = _moments(design, error, (raw_y - raw_Q @ coefficients).reshape(shape))
    jacobian = np.column_stack([moments[:, 1] + 2 * lam * moments[:, 2], -variance])
    weights = np.linalg.pinv(jacobian)[0] / N
    k = len(coefficients)
    cov = np.empty((k + 1, k + 1))
    cov[:k, :k] = sigma2 * final.T @ final
    cov[k, :k] = cov[:k, k] = -sigma2 * weights @ (brought.T @ final)
    cov[k, k] = weights @ omega @ weights
    return cov


def _moments(design: Design, error: ErrorLag, u: Array) -> tuple[Array, Array]:
    """Coefficients (3, 3) of m in 1, lambda, lambda^2, and (3,) of s2, with its sign turned."""
    Mu = sweep(lag(error.M, u), design.fixed_effects)
    MMu = sweep(lag(error.M, Mu), design.fixed_effects)
    uu, uMu, MuMu = np.sum(u * u), np.sum(u * Mu), np.sum(Mu * Mu)
    uMMu, MuMMu, MMuMMu = np.sum(u * MMu), np.sum(Mu * MMu), np.sum(MMu * MMu)
    made = [[uu, -2 * uMu, MuMu], [MuMu, -2 * MuMMu, MMuMMu], [uMu, -uMMu - MuMu, MuMMu]]
    _, M = _projected(design, error)
    traces = np.array([design.units, np.sum(M**2), np.trace(M)])
    return np.array(made) / design.nobs, design.copies * traces / design.nobs


def _projected(design: Design, error: ErrorLag) -> tuple[Array, Array]:
    """J and JMJ; J is the identity unless time effects were swept out."""
    M, J = dense(error.M), np.eye(len(design.y))
    if sweeps_time(design.fixed_effects):
        J = J - 1 / len(J)
        M = M - M.mean(axis=0)
        M = M - M.mean(axis=1, keepdims=True)
    return J, M
