"""The matrix exponential spatial specification, MESS: dependence without a log-determinant.

    e^(alpha W) y = Z delta + effects + u,     e^(alpha_u M) u = e

|e^(alpha W)| = e^(alpha tr W) = 1, so the likelihood is least squares in (alpha, delta),
alpha has no bounds, and a zero diagonal of W is all that its estimating equation
E e'W e = 0 needs: errors may differ in variance from city to city. Where time effects are
transformed away tr F'WF = -1 and the log-likelihood keeps -alpha T*; unequal variances then
move alpha by order 1/n. An M that does not commute with W makes them matter at any n.
Positive dependence has alpha < 0; 1 - e^alpha compares with rho.

LeSage & Pace (2007, Journal of Econometrics 140, 190-214); Debarsy, Jin & Lee (2015,
Journal of Econometrics 188, 1-21). In terms of `likelihood`, S = e^(alpha W), R =
e^(alpha_u M), and what it calls D is -R W R^-1 for alpha and -M for alpha_u.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import numpy as np
from scipy import sparse

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design
from spatialsyn.models.reach import FEW, height, heights, places
from spatialsyn.numerics.exponential import REACH, Exponent, Exponential, act
from spatialsyn.numerics.lags import Array, Matrix, dense, lag, norm
from spatialsyn.numerics.multiplier import transposed
from spatialsyn.numerics.optimize import maximise
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.transform import sweep

# alpha ||W|| is searched this far at a time, with so many Taylor columns: 4^36 / 36! < 1e-19.
WINDOW, COLUMNS = 4.0, 36


def best_alpha(design: Design) -> Array:
    """The alpha of the highest likelihood, (1,), in a model without a spatial error.

    With the Taylor columns W^k y / k!, swept and regressed on Z once, the sum of squares is
    a polynomial in alpha (LeSage & Pace 2007, section 3). Where its best point lies at the
    end of the window the columns are made anew from there. Among few cities the peaks near the
    summits of a grid over all of the reach are tried too (`reach`).

    Raises
    ------
    EstimationError
        The likelihood still rises where e^(alpha W) has nothing left of y.
    """
    alpha = _followed(design, 0.0)
    if design.nobs <= FEW:
        seen, at = heights(design), places(design)[0]
        alpha = max([alpha, *_far_peaks(design, seen, at)], key=partial(_height, design))
        if seen.max() > _height(design, alpha):
            alpha = _followed(design, float(at[np.argmax(seen)]))
    return np.array([alpha])


def _far_peaks(design: Design, seen: Array, at: Array) -> Iterator[float]:
    """The peaks that are reached from the places `at` which are higher than those beside them."""
    inner = seen[1:-1]
    for start in at[1:-1][(inner >= seen[:-2]) & (inner >= seen[2:])]:
        with suppress(EstimationError):  # that the ends are higher is seen from `seen`
            yield _followed(design, float(start))


def _height(design: Design, alpha: float) -> float:
    return height(design, _spread(design, design.W, np.array([alpha]), design.y), alpha)


def _followed(design: Design, alpha: float) -> float:
    """The peak that is reached from `alpha`, window by window."""
    W, scale = design.W[0], norm(design.W[0])
    y = _spread(design, (W,), np.array([alpha]), design.y) if alpha else design.y
    while abs(alpha) * scale < REACH:
        step = _best_step(design, y, scale)
        alpha += step
        if abs(step) * scale < 0.95 * WINDOW:
            return alpha
        y = sweep(act(W, step, y), design.fixed_effects)
    raise EstimationError(
        f"the likelihood still rises at alpha = {alpha:.3g}: the data do not identify this model "
        "with this W. Check for a common trend (time effects), outliers and the scale of W."
    )


def _best_step(design: Design, y: Array, scale: float) -> float:
    """The best alpha within `WINDOW` / `scale`, seen from `y` = e^(alpha_0 W) y_0."""
    columns = [y]
    for k in range(1, COLUMNS):
        columns.append(_lag(design, design.W[0], columns[-1]) / (scale * k))
    E, Z = np.stack(columns, axis=2).reshape(y.size, -1), design.Z.reshape(y.size, -1)
    E = E - Z @ least_squares(Z, E)
    G, powers = E.T @ E, np.arange(COLUMNS)
    assert isinstance(design.logdet, Exponent)
    drift, half = design.copies * design.logdet.trace / scale, design.nobs / 2

    def value(x: Array) -> Array:
        p = np.power.outer(x, powers)
        return drift * x - half * np.log(np.einsum("xk,kl,xl->x", p, G, p))

    def derivatives(x: Array) -> tuple[Array, Array]:
        p, dp = x**powers, powers * x ** np.maximum(powers - 1, 0)
        ddp = powers * (powers - 1) * x ** np.maximum(powers - 2, 0)
        ssr, first, second = p @ G @ p, 2 * p @ G @ dp, 2 * (dp @ G @ dp + p @ G @ ddp)
        slope = first / ssr
        return drift - half * slope, -half * (second / ssr - slope**2)

    return maximise(value, derivatives, (-WINDOW, WINDOW)) / scale


def filtered(design: Design, alpha: Array, alpha_u: float | None) -> tuple[Array, Array]:
    """R S y and R Z, (n, T) and (n, T, p), swept."""
    y = _spread(design, design.W, alpha, design.y)
    return _error(design, alpha_u, y), _error(design, alpha_u, design.Z)


def lags(design: Design, alpha: Array, alpha_u: float | None, delta: Array) -> Array:
    """Minus the derivatives of R (S y - Z delta): -R W S y and -M R u, (n, T, d)."""
    Sy = _spread(design, design.W, alpha, design.y)
    columns = [_error(design, alpha_u, _lag(design, W, Sy)) for W in design.W]
    if design.error is not None:
        u = _error(design, alpha_u, Sy - design.Z @ delta)
        columns.append(_lag(design, design.error.M, u))
    return -np.stack(columns, axis=2)


def derivatives(design: Design, alpha_u: float | None) -> list[Matrix]:
    """D of each parameter, sparse as far as W is."""
    error = design.error
    if error is None or alpha_u is None:
        return [-W for W in design.W]
    found = [-W if W is error.M else -_turned(error.M, alpha_u, W) for W in design.W]
    return [*found, -error.M]


def curvature(design: Design, alpha: Array, alpha_u: float | None, delta: Array, e: Array) -> Array:
    """The residual `e` times its own second derivatives in (delta, alpha, alpha_u)."""
    p, m, d = len(delta), len(design.W), len(design.W) + (design.error is not None)
    found = np.zeros((p + d, p + d))
    Sy = _spread(design, design.W, alpha, design.y)
    RWSy = [_error(design, alpha_u, _lag(design, W, Sy)) for W in design.W]
    for W, once in zip(design.W, RWSy, strict=True):
        twice = _error(design, alpha_u, _lag(design, W, _lag(design, W, Sy)))
        found[p, p] = np.sum(e * twice)
        if design.error is not None:
            found[p, -1] = found[-1, p] = np.sum(e * _lag(design, design.error.M, once))
    if design.error is not None:
        M, RZ = design.error.M, _error(design, alpha_u, design.Z)
        u = _error(design, alpha_u, Sy - design.Z @ delta)
        found[p + m, p + m] = np.sum(e * _lag(design, M, _lag(design, M, u)))
        found[:p, -1] = found[-1, :p] = -np.einsum("nt,ntp->p", e, _lag(design, M, RZ))
    return found


def multiplier(design: Design, alpha: Array) -> Exponential | Matrix:
    """S^-1, as an operator."""
    if design.W:
        return Exponential(design.W[0], -float(alpha[0]))
    return sparse.eye_array(len(design.y), format="csr")


def _spread(design: Design, matrices: tuple[Matrix, ...], alpha: Array, v: Array) -> Array:
    """e^(alpha W) v, swept; `v` itself without a matrix."""
    for W, a in zip(matrices, alpha, strict=True):
        v = sweep(act(W, float(a), v), design.fixed_effects)
    return v


def _error(design: Design, alpha_u: float | None, v: Array) -> Array:
    """R v, swept."""
    if design.error is None or alpha_u is None:
        return v
    return _spread(design, (design.error.M,), np.array([alpha_u]), v)


def _lag(design: Design, W: Matrix, v: Array) -> Array:
    """W v, swept: a row-standardised W of swept data lags it like the data themselves."""
    return sweep(lag(W, v), design.fixed_effects)


def _turned(M: Matrix, alpha_u: float, W: Matrix) -> Array:
    """R W R^-1."""
    left = act(M, alpha_u, dense(W))
    return np.ascontiguousarray(act(transposed(M), -alpha_u, left.T).T)
