"""The estimates of one design for many outcomes, side by side.

Only y and W y change, so that their regressions on Z are one, and likelihoods differ in three sums
of squares each. They have one rho, or none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.line import peaks, products_of
from spatialsyn.models.qml import regress
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet


class Maxima(NamedTuple):
    """The maxima of b likelihoods.

    Attributes
    ----------
    params : (b, q), in the order (delta, rho, sigma2); NaN where rho lies at an end
    loglik : (b,), constants included
    """

    params: Array
    loglik: Array


def maxima(design: Design, y: Array, Wy: Array) -> Maxima:
    """Maximum likelihood of `design` with each of b outcomes in place of its own.

    Parameters
    ----------
    y, Wy : (n T, b), swept of the fixed effects; of a model without a lag of y `Wy` has no columns
    """
    Z = design.Z.reshape(len(y), -1)
    regress(y[:, :1], Z, design.names)  # refuses collinear columns by name
    Q, R = np.linalg.qr(Z)
    on_Q = Q.T @ y
    e: Array = y - Q @ on_Q
    rho: Array = np.empty((0, y.shape[1]))
    logdet: Array = np.zeros(y.shape[1])
    inside = np.ones(y.shape[1], dtype=bool)
    if isinstance(design.logdet, LogDet):
        lag_on_Q = Q.T @ Wy
        e_Wy = Wy - Q @ lag_on_Q
        found, inside = peaks(design, design.logdet, products_of(e, e_Wy))
        logdet, rho = design.logdet(found), found[None]
        on_Q, e = on_Q - rho * lag_on_Q, e - rho * e_Wy
    sigma2 = (e**2).sum(axis=0) / design.nobs
    params = np.vstack([np.linalg.solve(R, on_Q), rho, sigma2]).T
    loglik = design.copies * logdet - design.nobs / 2 * (np.log(2 * np.pi * sigma2) + 1)
    params[~inside] = np.nan
    return Maxima(params, loglik)
