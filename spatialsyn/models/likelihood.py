"""The Gaussian likelihood of the whole family, as a function of its spatial parameters.

    e = q( R(lambda) [S(rho) y - Z delta] ),   S = I - sum_j rho_j W_j,   R = I - lambda M

on arrays that were lagged first and swept of the fixed effects second. q takes the share
1 - phi of each city's mean away where cities have random effects, phi^2 = s2 / (T s2_mu +
s2); with a spatial error these follow its process (Kapoor, Kelejian & Prucha 2007), or
stand outside it (`baltagi`). Beside an error whose M changes over the years q takes fixed
effects of cities away (`numerics.restricted`). S and R may be matrix exponentials (`mess`).
The spatial parameters are ordered (rho_1 ... rho_m, lambda, phi); a model has those of
its lags. Given them, delta and sigma2 are a regression: full generalised least squares.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spatialsyn.models import mess
from spatialsyn.models.baltagi import Outside, outside
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.restricted import Restricted


class Spatial(NamedTuple):
    """The spatial parameters by what they are; None where the model has none."""

    rho: Array
    lam: float | None
    phi: float | None


def split(design: Design, values: Array) -> Spatial:
    """The vector of spatial parameters taken apart."""
    m = design.Wy.shape[2]
    rest = iter(values[m:])
    lam = float(next(rest)) if design.error is not None else None
    phi = float(next(rest)) if design.random else None
    return Spatial(values[:m], lam, phi)


def names(design: Design) -> tuple[str, ...]:
    """Names of the spatial parameters, in their order."""
    lam = (design.error.name,) if design.error is not None else ()
    return (*design.rho_names, *lam, *(("phi",) if design.random else ()))


def filtered(design: Design, values: Array) -> tuple[Array, Array]:
    """The transformed outcome and regressors, (nT,) and (nT, p)."""
    rho, lam, _ = split(design, values)
    if design.exponential:
        y, Z = mess.filtered(design, rho, lam)
        return y.ravel(), Z.reshape(y.size, -1)
    y, Z = design.y - design.Wy @ rho, design.Z
    if design.error is not None and lam is not None:
        y = y - lam * (design.error.y - design.error.Wy @ rho)
        Z = Z - lam * design.error.Z
    kept = means(design, values)
    return quasi(y, kept).ravel(), quasi(Z, kept).reshape(y.size, -1)


def lags(design: Design, values: Array, delta: Array) -> Array:
    """Minus the derivatives of e: q R W_j y for each rho, q M u for lambda, -mean(e) for phi."""
    rho, lam, phi = split(design, values)
    if design.exponential:
        return mess.lags(design, rho, lam, delta).reshape(design.y.size, -1)
    kept = means(design, values)
    Wy, u, Mu = design.Wy, design.y - design.Wy @ rho - design.Z @ delta, None
    if design.error is not None and lam is not None:
        error = design.error
        Mu = error.y - error.Wy @ rho - error.Z @ delta
        Wy, u = Wy - lam * error.Wy, u - lam * Mu
    mean, columns = u.mean(axis=1, keepdims=True), []
    if Mu is not None:
        Mu = Mu - kept.pulled(u) if isinstance(kept, Outside | Restricted) else Mu
        columns.append(quasi(Mu, kept).ravel())
    if phi is not None:
        slope = kept.phi_slope(mean) if isinstance(kept, Outside) else mean
        columns.append(-np.broadcast_to(slope, u.shape).ravel())
    return np.column_stack([quasi(Wy, kept).reshape(u.size, -1), *columns])


def means(design: Design, values: Array) -> float | Outside | Restricted | None:
    """What is kept of city means: all, the share phi, or what the error leaves of them."""
    _, lam, phi = split(design, values)
    if design.yearly_error is not None and lam is not None:
        return design.yearly_error.at(lam)
    if phi is None or lam is None or not design.outside_error:
        return phi
    return outside(design, lam, phi)


def quasi(v: Array, kept: float | Outside | Restricted | None) -> Array:
    """`v`, (n, T) or (n, T, k), with its city means replaced by what is kept of them."""
    if kept is None:
        return v
    if isinstance(kept, Restricted):
        return kept.swept(v)
    mean = v.mean(axis=1, keepdims=True)
    if isinstance(kept, Outside):
        return v - mean + lag(kept.F, mean)
    return v - (1 - kept) * mean


def jacobian(design: Design, values: Array) -> float:
    """T* [ln|S| + ln|R|] + n ln phi (- ln|K| / 2), minus infinity outside the parameter space.

    Beside an error that changes over the years, + ln|R| - ln|A| / 2 (`numerics.restricted`).
    """
    rho, lam, phi = split(design, values)
    total = 0.0
    if isinstance(design.logdet, LogDet):
        total += float(design.logdet(rho[0])) if design.logdet.contains(rho) else -np.inf
    elif design.logdet is not None:
        total += design.logdet(rho)
    if design.error is not None and lam is not None:
        inside = design.error.logdet.contains(np.array([lam]))
        total += float(design.error.logdet(lam)) if inside else -np.inf
    if not np.isfinite(total) or (phi is not None and not phi > 0):
        return -np.inf
    kept = means(design, values)
    if isinstance(kept, Outside | Restricted):
        return design.copies * total + kept.logdet
    return design.copies * total + (design.units * float(np.log(phi)) if phi is not None else 0.0)


def jacobian_slopes(design: Design, values: Array) -> Array:
    """Derivatives of `jacobian` in the spatial parameters."""
    rho, lam, phi = split(design, values)
    slopes: list[float] = []
    if isinstance(design.logdet, LogDet):
        slopes.append(float(design.logdet.slope(rho[0])))
    elif design.logdet is not None:
        slopes.extend(design.logdet.gradient(rho))
    if design.error is not None and lam is not None:
        slopes.append(float(design.error.logdet.slope(lam)))
    scaled = design.copies * np.array([*slopes, *([0.0] if phi is not None else [])])
    kept = means(design, values)
    if isinstance(kept, Restricted):
        scaled[-1] += kept.slope
    elif isinstance(kept, Outside):
        scaled[-2:] += kept.slopes
    elif phi is not None:
        scaled[-1] = design.units / phi
    return scaled


def concentrated(design: Design, values: Array) -> float:
    """The log-likelihood with delta and sigma2 at their best, without its constants."""
    jac = jacobian(design, values)
    if not np.isfinite(jac):
        return -np.inf
    e, _ = residual(design, values)
    return jac - design.nobs / 2 * float(np.log(e @ e))


def score(design: Design, values: Array) -> Array:
    """Gradient of `concentrated`; delta is at its best, so only the explicit part counts."""
    e, delta = residual(design, values)
    sigma2 = e @ e / design.nobs
    return np.asarray(lags(design, values, delta).T @ e / sigma2 + jacobian_slopes(design, values))


def gradient(design: Design, values: Array, delta: Array, e: Array, sigma2: float) -> Array:
    """Derivatives in all parameters, for any delta; that in sigma2 is zero at its best."""
    by_delta = filtered(design, values)[1].T @ e / sigma2
    by_spatial = lags(design, values, delta).T @ e / sigma2 + jacobian_slopes(design, values)
    return np.r_[by_delta, by_spatial, 0.0]


def residual(design: Design, values: Array) -> tuple[Array, Array]:
    """e and delta, given the spatial parameters."""
    y, Z = filtered(design, values)
    delta = least_squares(Z, y)
    return y - Z @ delta, delta


def full(design: Design, values: Array, sigma2: float) -> float:
    """The maximised log-likelihood, constants included."""
    return jacobian(design, values) - design.nobs / 2 * float(np.log(2 * np.pi * sigma2) + 1)
