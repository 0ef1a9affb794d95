"""Information of static spatial panels, expected and observed.

Order of the parameters: (delta, rho_1 ... rho_m, lambda, phi, sigma2); a model has as many
of them as it has lags. With q, R, S and e of `likelihood`,

    D_j = R W_j S^-1 R^-1  for each rho_j,   D = M R^-1  for lambda,
    Zr = q R Z,   m_j = q Q(R W_j y) - Q(D_j e),

    I_dd = Zr'Zr / s2          I_dr = Zr'm_j / s2           I_dl = 0
    I_ij = m_i'm_j / s2 + T* [tr D_i D_j + tr D_i'D_j]      (m = 0 for lambda)
    I_is = T* tr D_i / s2      I_ss = n* T* / (2 s2^2)
    I_pp = 2 n / phi^2         I_ip = -2 tr D_i / phi       I_ps = -n / (phi s2)

Lee & Yu (2010, Journal of Econometrics 154, eq. 12 and appendix); phi: ours, equal to the
numerical information. With time effects transformed away D stands for F'DF, whose traces
are those of J D J, J = I - 11'/n, for row-standardised matrices.

Where D changes over the years, q does not commute with it: the lags of the errors are q D q^-1 e,
and tr q^-1 D_i' q q D_j q^-1 is T x + (1/phi - phi)^2 (x - y), x the mean over the years of
tr D_i'D_j and y that of their means (ours, equal to the numerical information).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.models import baltagi, mess, yearly_error
from spatialsyn.models.design import Design
from spatialsyn.models.likelihood import filtered, lags, means, quasi, split
from spatialsyn.numerics.lags import Array, dense, lag
from spatialsyn.numerics.multiplier import centred, mean_trace, product, trace, transposed
from spatialsyn.numerics.restricted import Restricted
from spatialsyn.numerics.traces import Propagation
from spatialsyn.numerics.transform import sweep

KINDS = ("expected", "observed")


def information(
    design: Design,
    multiplier: Array,
    delta: Array,
    spatial: Array,
    sigma2: float,
    residuals: Array,
    kind: str,
) -> Array:
    """The square information matrix at the estimate.

    Parameters
    ----------
    multiplier : (n, n), S^-1
    spatial : rho_1 ... rho_m, then lambda and phi where the model has them
    residuals : (n, T), e
    """
    check_information(design, kind)
    p, d = len(delta), len(spatial) - design.random
    Z, columns = filtered(design, spatial)[1], lags(design, spatial, delta)[:, :d]
    kept = means(design, spatial)
    if isinstance(kept, baltagi.Outside):
        return baltagi.information(design, kept, multiplier, Z, columns, sigma2, residuals)
    if isinstance(kept, Restricted):
        known = yearly_error.expected if kind == "expected" else yearly_error.observed
        D = information_derivatives(design, multiplier, spatial)
        return known(design, kept, D, np.c_[Z, columns], sigma2, residuals)
    info = np.zeros((p + len(spatial) + 1, p + len(spatial) + 1))
    info[:p, :p] = Z.T @ Z / sigma2
    info[-1, -1] = design.nobs / (2 * sigma2**2)
    derivatives = _derivatives(design, multiplier, spatial)
    traces, products, crossed = _traces(derivatives, design.projects_cities, kind)
    if d:
        r = slice(p, p + d)
        if kind == "expected":
            columns = _explained(design, columns, derivatives, residuals, kept)
            products = products + crossed
            if kept is not None and design.varies:
                spread = crossed - _traces_of_means(derivatives, design.projects_cities)
                products = products + (1 / kept - kept) ** 2 * spread / design.copies
        elif design.exponential:
            products[:] = 0  # what is left of ln|S| and ln|R| is linear
            rho, lam, _ = split(design, spatial)
            info[: p + d, : p + d] += mess.curvature(design, rho, lam, delta, residuals) / sigma2
        elif design.error is not None:
            products[-1, :-1] = products[:-1, -1] = 0  # ln|S| + ln|R| has no cross derivative
            info[: p + d, p + d - 1] += _error_cross(design, residuals) / sigma2
        info[:p, r] += Z.T @ columns / sigma2
        info[r, r] += columns.T @ columns / sigma2 + design.copies * products
        info[r, -1] = design.copies * traces / sigma2
    if design.random:
        phi = spatial[-1]
        info[p : p + d, -2] = -2 * traces / phi
        info[-2, -2] = 2 * design.units / phi**2
        info[-2, -1] = -design.units / (phi * sigma2)
    upper = np.triu(info, 1)
    return np.asarray(upper + upper.T + np.diag(np.diag(info)))


def check_information(design: Design, kind: str) -> None:
    """Refuse what is no information, or not written for random effects."""
    if kind not in KINDS:
        raise ModelError(f"cov={kind!r} is not one of {', '.join(map(repr, KINDS))}.")
    if kind == "observed" and design.random:
        raise ModelError('cov="observed" is not available with random effects: use "expected".')


def _traces(derivatives: Sequence[Any], swept: bool, kind: str) -> tuple[Array, Array, Array]:
    """tr D_i, tr D_i D_j and, for the expected information, tr D_i'D_j."""
    d = len(derivatives)
    if d == 1 and isinstance(derivatives[0], Propagation):
        one = derivatives[0].traces(swept, kind == "expected")
        return np.array(one[:1]), np.array([[one[1]]]), np.array([[one[2]]])
    once = np.array([trace(D, swept) for D in derivatives])
    twice = np.array([[mean_trace(a, b, swept) for b in derivatives] for a in derivatives])
    crossed = np.zeros((d, d))
    if kind == "expected":
        back = [transposed(D) for D in derivatives]
        crossed += [[mean_trace(a, b, swept) for b in back] for a in derivatives]
    return once, twice, crossed


def _traces_of_means(derivatives: Sequence[Array], swept: bool) -> Array:
    """tr D_i'D_j of the means over the years, of J D J where time effects were transformed away."""
    means = [D.mean(axis=0) if D.ndim == 3 else D for D in map(dense, derivatives)]
    means = [centred(D) for D in means] if swept else means
    return np.array([[np.sum(a * b) for b in means] for a in means])


def information_derivatives(design: Design, multiplier: Array, spatial: Array) -> Sequence[Array]:
    """D_1 ... D_m and D, projected where time effects were transformed away."""
    found = [
        D.written_out() if isinstance(D, Propagation) else dense(D)
        for D in _derivatives(design, multiplier, spatial)
    ]
    return [centred(D) for D in found] if design.projects_cities else found


def _derivatives(design: Design, multiplier: Array, spatial: Array) -> Sequence[Any]:
    """D_1 ... D_m and D, not projected: matrices, or the operator of many cities."""
    if design.by_solves:
        return [design.propagation(spatial)] if len(spatial) else []
    lam = split(design, spatial).lam
    if design.exponential:
        return mess.derivatives(design, lam)
    found: Sequence[Array] = [product(W, multiplier) for W in design.W]
    if design.error is not None and lam is not None:
        M = dense(design.error.M)
        R = np.eye(M.shape[-1]) - lam * M
        inverse = np.linalg.inv(R)
        found = [*(np.asarray(R @ G @ inverse) for G in found), np.asarray(M @ inverse)]
    return found


def _explained(
    design: Design,
    columns: Array,
    derivatives: Sequence[Any],
    residuals: Array,
    kept: float | None,
) -> Array:
    """m_j: what regressors and effects explain of each lag; of M u they explain nothing."""
    m, apart = design.Wy.shape[2], kept if design.varies else None
    e = residuals if apart is None else quasi(residuals, 1 / apart)
    noise = [quasi(sweep(lag(D, e), design.fixed_effects), apart).ravel() for D in derivatives[:m]]
    explained = np.zeros_like(columns)
    if m:
        explained[:, :m] = columns[:, :m] - np.column_stack(noise)
    return explained


def _error_cross(design: Design, residuals: Array) -> Array:
    """Derivatives of R Z and R W_j y in lambda, times the residual; zero for lambda itself."""
    e, error = residuals.ravel(), design.error
    assert error is not None
    MZ, MWy = error.Z.reshape(e.size, -1), error.Wy.reshape(e.size, design.Wy.shape[2])
    return np.r_[MZ.T @ e, MWy.T @ e, 0.0]
