"""The spatial error by moments: lambda from the residuals u of a first step.

    e = u - lambda M u,   m = (e'e - N s2, (Me)'Me - N s2 t, e'Me - N s2 d) / N

N = nobs, t = tr M'M / n, d = 0 (Kelejian & Prucha 1999, International Economic Review 40);
within cities N = n (T - 1). Time effects swept out leave t = tr M'JM / (n - 1) and
d = tr JM / (n - 1), J = I - 11'/n, for a row-standardised M (ours); N counts n - 1 cities then,
beside random city effects too. lambda and s2 minimise m'm,
M in units of its largest row sum (ours): c M has lambda / c, and one row-standardised that of the
paper.

With random city effects there are these moments within cities, of variance s2, and between
them, of variance s1 = s2 + T var mu. lambda, s2 and s1 then minimise m'Y^-1 m, Y the variance
of the moments of normal errors, at a first round within cities (Kapoor, Kelejian & Prucha
2007, Journal of Econometrics 140, the weighted estimator).

Standard errors: to first order N m = e'A e + a'e less its mean, for each moment, with

    A = (J, J M'JM J, JMJ),   a = N R'^-1 H B' dm/d(delta, rho),   R = I - lambda M

where a is what the first step's coefficients B H'y bring in (Drukker, Egger & Prucha 2013,
Econometric Reviews 32, for moments of weight one and normal errors).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import Polynomial
from scipy.linalg import block_diag, solve_triangular

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design, ErrorLag
from spatialsyn.models.likelihood import quasi
from spatialsyn.models.line import wider
from spatialsyn.models.moments import columns, instruments_of, projector
from spatialsyn.models.random_moments import Part, influence, parts_of, quasi_demeaned
from spatialsyn.numerics.lags import Array, dense, lag, norm
from spatialsyn.numerics.multiplier import centred
from spatialsyn.numerics.transform import sweep, sweeps_time

# Coefficients of three moments in 1, lambda, lambda^2, (3, 3), and in the variance, (3,).
Moments = tuple[Array, Array]


def error_by_moments(design: Design, error: ErrorLag) -> tuple[float, Array]:
    """lambda at which the moments of first residuals are nearest to zero, and the variances.

    With the variances at their best the distance is a polynomial of degree four in lambda:
    its stationary points are roots of a cubic, and nothing is searched.

    Raises
    ------
    EstimationError
        No minimum lies in the interval of lambda.
    """
    parts = parts_of(design)
    moments = _moments_of_parts(design, error)
    lam = _nearest(error, moments[:1])
    if len(parts) > 1:
        rough = [_variance(moments[0], lam)]
        rough += [float(row[0] @ _powers(lam) / share[0]) for row, share in moments[1:]]
        root = _roots_of_weights(design, error, parts, rough)
        moments = [(r @ rows, r @ share) for r, (rows, share) in zip(root, moments, strict=True)]
        lam = _nearest(error, moments)
    return lam, np.array([_variance(m, lam) for m in moments])


def joint_covariance(
    design: Design, error: ErrorLag, lam: float, phi: float, coefficients: Array
) -> Array:
    """Covariance of (delta, rho, lambda), for independent normal errors.

    `design` is what the last step was estimated from; with random effects it is
    quasi-demeaned by `phi`, and the first step saw it before.
    """
    parts, shape = parts_of(design), design.y.shape
    y, Q = columns(design, lam)
    s2 = float(np.sum((y - Q @ coefficients) ** 2)) / design.nobs
    variances = s2 / phi ** (2 * np.arange(len(parts)))
    final = _influence(design, Q)
    if design.random:
        design = quasi_demeaned(design, 1 / phi)
        assert design.error is not None
        error = design.error
    y, Q = columns(design, lam)
    e = y - Q @ coefficients
    steps = zip(_first_steps(design), parts, strict=True)
    slopes = np.hstack([first @ _slopes(design, error, part, e, Q) for first, part in steps])
    R = np.eye(shape[0]) - lam * dense(error.M)
    brought = np.linalg.solve(R.T, slopes.reshape(shape[0], -1)).reshape(e.size, -1)
    spread = _scaled(brought, shape, np.sqrt(variances))
    omega = spread.T @ spread + block_diag(*_variances(design, error, parts, variances))
    sizes = np.repeat([design.units * part.copies for part in parts], 3)
    weights = _weights(design, error, coefficients, lam, variances) / sizes
    k = len(coefficients)
    cov = np.empty((k + 1, k + 1))
    cov[:k, :k] = s2 * final.T @ final
    cov[k, :k] = cov[:k, k] = -np.sqrt(s2) * weights @ (spread.T @ final)
    cov[k, k] = weights @ omega @ weights
    return cov


def _nearest(error: ErrorLag, moments: Sequence[Moments]) -> float:
    """The lambda of the least sum of squares, each variance at its best."""
    distance = Polynomial([0.0])
    for rows, share in moments:
        free = rows - np.outer(share, share @ rows) / (share @ share)
        distance = sum((Polynomial(row) ** 2 for row in free), distance)
    low, high = error.logdet.interval
    roots = np.asarray(distance.deriv().roots(), dtype=complex)
    real = [float(r.real) for r in roots if abs(r.imag) <= 1e-9 * abs(r)]
    inside = [root for root in real if low < root < high]
    if not inside:
        further = next(filter(None, (wider(error.logdet, root) for root in real)), "")
        raise EstimationError(
            f"the moments of the residuals put {error.name} outside its interval ({low:.4g}, "
            f"{high:.4g}): the data do not identify a spatial error with this W. Look for a common "
            f"trend (time effects), or leave the spatial error out.{further}"
        )
    return min(inside, key=distance)


def _variance(moments: Moments, lam: float) -> float:
    rows, share = moments
    return float(share @ rows @ _powers(lam) / (share @ share))


def _powers(lam: float) -> Array:
    return np.array([1.0, lam, lam**2])


def _weights(
    design: Design, error: ErrorLag, coefficients: Array, lam: float, variances: Array
) -> Array:
    """What lambda takes of each moment, (3 or 6,)."""
    parts = parts_of(design)
    moments = _moments_of_parts(design, error, coefficients)
    size = norm(error.M)
    bends = [(rows[:, 1] + 2 * lam * rows[:, 2]) / size for rows, _ in moments]
    jacobian = np.column_stack(
        [np.concatenate(bends), -block_diag(*[v[:, None] for _, v in moments])]
    )
    if len(parts) == 1:
        return _first_of_inverse(jacobian) / size
    root = block_diag(*_roots_of_weights(design, error, parts, variances))
    return np.asarray(_first_of_inverse(root @ jacobian) @ root / size)


def _first_of_inverse(jacobian: Array) -> Array:
    """First row of the left inverse; in units of y its columns differ by a variance of y."""
    lengths = np.linalg.norm(jacobian, axis=0)
    return np.asarray(np.linalg.pinv(jacobian / lengths)[0] / lengths[0])


def _roots_of_weights(
    design: Design, error: ErrorLag, parts: Sequence[Part], variances: Sequence[float] | Array
) -> list[Array]:
    """L^-1 for every part, L L' the variance of its moments but for a common factor."""
    made: list[Array] = []
    for part, V in zip(parts, _variances(design, error, parts, variances), strict=True):
        L = np.linalg.cholesky(V) / part.copies
        made.append(solve_triangular(L, np.eye(3), lower=True))
    return made


def _variances(
    design: Design, error: ErrorLag, parts: Sequence[Part], variances: Sequence[float] | Array
) -> list[Array]:
    """Variance of e'A e for every part."""
    J, M = _projected(design, error)
    forms = (J, M.T @ M, (M + M.T) / 2)
    A = [form / size for form, size in zip(forms, _sizes(error), strict=True)]
    products = np.array([[np.sum(a * b.T) for b in A] for a in A])
    return [2 * s**2 * p.copies * products for p, s in zip(parts, variances, strict=True)]


def _first_steps(design: Design) -> list[Array]:
    """Influences of the coefficients whose residuals give the moments of each part.

    Where Wy or a regressor is endogenous they are estimated within and between cities, each
    part by itself (Mutl & Pfaffermayr 2011, Econometrics Journal 14).
    """
    parts = parts_of(design)
    if len(parts) > 1 and instruments_of(design).endogenous:
        return [influence(design, part) for part in parts]
    return [_influence(design, columns(design)[1])] * len(parts)


def _moments_of_parts(
    design: Design, error: ErrorLag, coefficients: Array | None = None
) -> list[Moments]:
    """The moments of each part, of the residuals of the first steps or of these coefficients."""
    y, Q = columns(design)
    made = []
    for part, first in zip(parts_of(design), _first_steps(design), strict=True):
        u = y - Q @ (first.T @ y if coefficients is None else coefficients)
        made.append(_moments(design, error, part.of(u.reshape(design.y.shape)), part.copies))
    return made


def _influence(design: Design, Q: Array) -> Array:
    """(n T, k): the error of two-stage coefficients is its transpose times that of the equation."""
    basis = instruments_of(design).basis
    return np.asarray(basis @ projector(basis, Q).T)


def _slopes(design: Design, error: ErrorLag, part: Part, e: Array, Q: Array) -> Array:
    """Derivatives of N m in (delta, rho), (k, 3)."""
    shape = design.y.shape
    e, Q = (part.of(v.reshape(*shape, -1)) for v in (e, Q))
    Me, MQ = (sweep(lag(error.M, v), design.fixed_effects).reshape(e.size, -1) for v in (e, Q))
    e, Q = e.reshape(-1), Q.reshape(e.size, -1)
    found = np.column_stack([2 * Q.T @ e, 2 * MQ.T @ Me[:, 0], Q.T @ Me[:, 0] + MQ.T @ e])
    return -found / _sizes(error)


def _scaled(v: Array, shape: tuple[int, ...], sizes: Array) -> Array:
    """Columns of cells times the standard deviation of their part."""
    if len(sizes) == 1:
        return np.asarray(sizes[0] * v)
    return sizes[0] * quasi(v.reshape(*shape, -1), sizes[1] / sizes[0]).reshape(v.shape)


def _moments(design: Design, error: ErrorLag, u: Array, copies: int) -> Moments:
    """The moments of `u`, (n, T), which is seen `copies` times for each city."""
    Mu = sweep(lag(error.M, u), design.fixed_effects)
    MMu = sweep(lag(error.M, Mu), design.fixed_effects)
    uu, uMu, MuMu = np.sum(u * u), np.sum(u * Mu), np.sum(Mu * Mu)
    uMMu, MuMMu, MMuMMu = np.sum(u * MMu), np.sum(Mu * MMu), np.sum(MMu * MMu)
    made = [[uu, -2 * uMu, MuMu], [MuMu, -2 * MuMMu, MMuMMu], [uMu, -uMMu - MuMu, MuMMu]]
    J, M = _projected(design, error)
    traces = np.array([np.trace(J), np.sum(M**2), np.trace(M)])
    sizes = _sizes(error)
    rows = np.array(made) / sizes[:, None]
    return rows / (design.units * copies), traces / sizes / design.units


def _sizes(error: ErrorLag) -> Array:
    """What the three moments grow with where M grows, (3,)."""
    size = norm(error.M)
    return np.array([1.0, size**2, size])


def _projected(design: Design, error: ErrorLag) -> tuple[Array, Array]:
    """J and JMJ; J is the identity unless time effects were swept out."""
    M, J = dense(error.M), np.eye(len(design.y))
    return (J - 1 / len(J), centred(M)) if sweeps_time(design.fixed_effects) else (J, M)
