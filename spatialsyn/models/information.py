"""Information of static spatial panels, expected and observed.

Order of the parameters: (delta, rho_1 ... rho_m, lambda, sigma2); a model has as many of
them as it has lags. With R = I - lambda M, e the filtered residual,

    D_j = R W_j S^-1 R^-1  for each rho_j,   D = M R^-1  for lambda,
    Zr = R Z,   m_j = Q(R W_j y) - Q(D_j e),

    I_dd = Zr'Zr / s2          I_dr = Zr'm_j / s2           I_dl = 0
    I_ij = m_i'm_j / s2 + T* [tr D_i D_j + tr D_i'D_j]      (m = 0 for lambda)
    I_is = T* tr D_i / s2      I_ss = n* T* / (2 s2^2)

Lee & Yu (2010, Journal of Econometrics 154, eq. 12 and appendix). With time effects
transformed away D stands for F'DF, whose traces are those of J D J, J = I - 11'/n,
for row-standardised matrices.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, dense, lag
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
    spatial : rho_1 ... rho_m, then lambda where the model has one
    residuals : (n, T), e
    """
    if kind not in KINDS:
        raise ModelError(f"cov={kind!r} is not one of {', '.join(map(repr, KINDS))}.")
    p, d = len(delta), len(spatial)
    Z, lagged, cross = _filtered(design, delta, spatial, residuals)
    info = np.zeros((p + d + 1, p + d + 1))
    info[:p, :p] = Z.T @ Z / sigma2
    info[-1, -1] = design.nobs / (2 * sigma2**2)
    if d:
        r = slice(p, p + d)
        derivatives = _derivatives(design, multiplier, spatial)
        products = np.array([[np.sum(a * b.T) for b in derivatives] for a in derivatives])
        part = lagged
        if kind == "observed" and design.error is not None:
            products[-1, :-1] = products[:-1, -1] = 0  # ln|S| + ln|R| has no cross derivative
        if kind == "expected":
            part = _explained(design, lagged, derivatives, residuals)
            products += [[np.sum(a * b) for b in derivatives] for a in derivatives]
        info[:p, r] = Z.T @ part / sigma2
        info[r, r] = part.T @ part / sigma2 + design.copies * products
        info[r, -1] = design.copies * np.array([np.trace(a) for a in derivatives]) / sigma2
        if kind == "observed":
            info[: p + d, r] += cross / sigma2
    upper = np.triu(info, 1)
    return np.asarray(upper + upper.T + np.diag(np.diag(info)))


def _filtered(
    design: Design, delta: Array, spatial: Array, residuals: Array
) -> tuple[Array, Array, Array]:
    """R Z; the columns whose residual part is the score, [R Wy, M u]; and M-lags times e.

    The third is what the observed information has beside cross-products: the derivative
    of R Z and R Wy in lambda, times the residual.
    """
    e = residuals.ravel()
    m, p = design.Wy.shape[2], len(delta)
    Z, Wy = design.Z.reshape(e.size, p), design.Wy.reshape(e.size, m)
    if design.error is None:
        return Z, Wy, np.zeros((p + m, m))
    lam, error = spatial[-1], design.error
    MZ, MWy = error.Z.reshape(e.size, p), error.Wy.reshape(e.size, m)
    Mu = error.y.ravel() - MWy @ spatial[:m] - MZ @ delta
    cross = np.zeros((p + m + 1, m + 1))
    cross[:p, -1], cross[p : p + m, -1] = MZ.T @ e, MWy.T @ e
    return Z - lam * MZ, np.c_[Wy - lam * MWy, Mu], cross


def _derivatives(design: Design, multiplier: Array, spatial: Array) -> list[Array]:
    """D_1 ... D_m and D, projected where time effects were transformed away."""
    found = [lag(W, multiplier) for W in design.W]
    if design.error is not None:
        M = dense(design.error.M)
        R = np.eye(len(M)) - spatial[-1] * M
        inverse = np.linalg.inv(R)
        found = [R @ G @ inverse for G in found] + [M @ inverse]
    if not design.projects_cities:
        return found
    return [D - D.mean(axis=0) - D.mean(axis=1, keepdims=True) + D.mean() for D in found]


def _explained(design: Design, lagged: Array, derivatives: list[Array], residuals: Array) -> Array:
    """m_j: what regressors and effects explain of each lag; of M u they explain nothing."""
    m = design.Wy.shape[2]
    noise = [sweep(lag(D, residuals), design.fixed_effects).ravel() for D in derivatives[:m]]
    explained = np.zeros_like(lagged)
    if m:
        explained[:, :m] = lagged[:, :m] - np.column_stack(noise)
    return explained
