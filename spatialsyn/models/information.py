"""Information of the static spatial lag panel, expected and observed.

Order of the parameters: (delta, rho_1 ... rho_m, sigma2). With e the residual and
m = Q(Wy) - Q(G e), the part of Wy that the regressors and effects explain,

    I_dd = Z'Z / s2                  I_dr = Z'm / s2
    I_rr = m'm / s2 + T* [tr G G + tr G'G]
    I_rs = T* tr G / s2              I_ss = n* T* / (2 s2^2)

Lee & Yu (2010, Journal of Econometrics 154, eq. 12 and appendix). With time effects
transformed away G stands for F'GF: tr F'GF and its square come from the spectrum
without the unit root, and tr (F'GF)'(F'GF) = tr G'G - 1'GG'1/n.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.transform import sweep, sweeps_time

KINDS = ("expected", "observed")


def information(
    design: Design,
    multiplier: Array,
    delta: Array,
    rho: Array,
    sigma2: float,
    residuals: Array,
    kind: str,
) -> Array:
    """The (p + m + 1) square information matrix at the estimate; `multiplier` is S^-1."""
    if kind not in KINDS:
        raise ModelError(f"cov={kind!r} is not one of {', '.join(map(repr, KINDS))}.")
    p, m = len(delta), len(rho)
    Z = design.Z.reshape(residuals.size, p)
    info = np.zeros((p + m + 1, p + m + 1))
    info[:p, :p] = Z.T @ Z / sigma2
    info[-1, -1] = design.nobs / (2 * sigma2**2)
    if design.logdet is not None:
        r = slice(p, p + m)
        part = design.Wy.reshape(-1, m)
        info[r, r] = -design.copies * design.logdet.curvature(rho[0])
        info[r, -1] = -design.copies * design.logdet.slope(rho[0]) / sigma2
        if kind == "expected":
            G = lag(design.W[0], multiplier)
            part = part - sweep(lag(G, residuals), design.fixed_effects).reshape(-1, m)
            info[r, r] += design.copies * _cross_trace(G, design)
        info[:p, r] = Z.T @ part / sigma2
        info[r, r] += part.T @ part / sigma2
    upper = np.triu(info, 1)
    return np.asarray(upper + upper.T + np.diag(np.diag(info)))


def _cross_trace(G: Array, design: Design) -> float:
    """tr G'G, of F'GF where time effects are transformed away."""
    cross = float((G * G).sum())
    if design.transformed and sweeps_time(design.fixed_effects):
        cross -= float((G.sum(axis=0) ** 2).sum()) / len(G)
    return cross
