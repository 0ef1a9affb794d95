"""Information where city effects stand beside an error whose matrix changes over the years.

In the notation of `numerics.restricted`, with e = E R (S y - Z delta) of the restricted
likelihood, D = R W S^-1 R^-1 for each rho, D = M R^-1 for lambda, B = E D E, Zr = E R Z and
m_j = E R W_j y - E D_j e, the expected information is that of `information` with B for D:

    I_dd = Zr'Zr / s2          I_dr = Zr'm_j / s2           I_dl = 0
    I_ij = m_i'm_j / s2 + tr B_i B_j + tr B_i'B_j           (m = 0 for lambda)
    I_is = tr B_i / s2         I_ss = n (T-1) / (2 s2^2)

The observed one has, with Wr_j = E R W_j y, h = D e and g = D'e of lambda,

    I_rr = Wr_i'Wr_j / s2 + (T-1) tr W_i S^-1 W_j S^-1
    I_al = (Zr, Wr)'(h + g) / s2        for delta and rho
    I_ll = [h'h - (g + h)'P(g + h)] / s2 - d2/dl2 [sum ln|R_t| - ln|A| / 2]

Ours, both equal to the numerical information. The matrix of Wy is one of all years: then R W y
has W alpha as one more city effect, which E removes, and y has the Jacobian |S|^(T-1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.multiplier import transposed
from spatialsyn.numerics.restricted import Restricted


def expected(
    design: Design,
    kept: Restricted,
    derivatives: Sequence[Array],
    columns: Array,
    sigma2: float,
    e: Array,
) -> Array:
    """The expected information, in the order (delta, rho_1 ... rho_m, lambda, sigma2).

    Parameters
    ----------
    derivatives : D_1 ... D_m and D, (T, n, n), projected where years were transformed away
    columns : (nT, p + m + 1), Zr, Wr and, for lambda, E M (S y - Z delta - a)
    e : (n, T)
    """
    p, m = len(design.names), len(design.W)
    explained = columns.copy()
    for j, D in enumerate(derivatives[:m]):
        explained[:, p + j] -= kept.swept(lag(D, e)).ravel()
    explained[:, -1] = 0.0
    products = [
        [
            kept.trace_of_product(C, D) + kept.trace_of_product(C, np.swapaxes(D, 1, 2))
            for D in derivatives
        ]
        for C in derivatives
    ]
    info = explained.T @ explained / sigma2
    info[p:, p:] += products
    return _with_sigma2(design, kept, derivatives, info, sigma2)


def observed(
    design: Design,
    kept: Restricted,
    derivatives: Sequence[Array],
    columns: Array,
    sigma2: float,
    e: Array,
) -> Array:
    """The observed information; parameters as in `expected`."""
    p, m, own = len(design.names), len(design.W), derivatives[:-1]
    h, g = lag(derivatives[-1], e), lag(transposed(derivatives[-1]), e)
    both = g + h
    info = columns.T @ columns / sigma2
    info[p:-1, p:-1] += np.reshape(
        [[kept.trace_of_product(C, D) for D in own] for C in own], (m, m)
    )
    info[:-1, -1] = info[-1, :-1] = columns[:, :-1].T @ both.ravel() / sigma2
    curvature = design.copies * float(kept.error.logdet.curvature(kept.lam)) + kept.curvature
    squares = np.sum(h * h) - np.sum(both * (both - kept.swept(both)))
    info[-1, -1] = squares / sigma2 - curvature
    return _with_sigma2(design, kept, derivatives, info, sigma2)


def _with_sigma2(
    design: Design, kept: Restricted, derivatives: Sequence[Array], info: Array, sigma2: float
) -> Array:
    """The information with a last row and column of sigma2."""
    q = len(info)
    whole = np.zeros((q + 1, q + 1))
    whole[:q, :q] = info
    whole[len(design.names) : q, q] = [kept.trace(D) / sigma2 for D in derivatives]
    whole[q, :q] = whole[:q, q]
    whole[q, q] = design.nobs / (2 * sigma2**2)
    return whole
