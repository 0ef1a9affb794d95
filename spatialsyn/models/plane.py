"""The likelihood over all of rho and lambda, seen from a grid.

    l(rho, lambda) = T* (ln|S| + ln|R|) - n*T*/2 ln(e'e),   e = R (y - rho Wy) less its part in R Z

Given lambda e'e is a parabola in rho, so that a grid as dense as the scan of one rho costs a
regression for every lambda, all of them at once. With few observations the highest peak may be
narrow, and lie where a coarse grid has no point (five cities: rho = -1.9, lambda = 0.87).
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.line import all_of
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.traces import Solved


def logdets(design: Design) -> list[LogDet]:
    """Those of one rho and one lambda, where they cost no factorisations; else none."""
    error = design.error
    found = [design.logdet, None if error is None else error.logdet]
    plain = [one for one in found if is_cheap(one)]
    return plain if len(plain) == 2 else []


def is_cheap(logdet: object) -> TypeGuard[LogDet]:
    """Whether it is that of one parameter, and costs no factorisations."""
    return isinstance(logdet, LogDet) and not isinstance(logdet.full, Solved)


def axes(design: Design) -> list[Array]:
    """The values of rho and of lambda, over all of their intervals, dense towards the ends."""
    return [all_of(logdet) for logdet in logdets(design)]


def heights(design: Design, rho: Array, lam: Array) -> Array:
    """The concentrated log-likelihood without its constants, (k, l), of one rho and one lambda."""
    of_rho, of_lam = logdets(design)
    rest = left(design, lam)
    y, Wy = rest[:, :, 0], rest[:, :, 1]
    squares = ((y[:, None] - rho[:, None] * Wy[:, None]) ** 2).sum(axis=2).T
    return height(design, of_rho(rho)[:, None] + of_lam(lam), squares)


def height(design: Design, jacobian: Array, squares: Array) -> Array:
    """The concentrated log-likelihood without its constants, of ln|S| + ln|R| and e'e."""
    with np.errstate(divide="ignore"):  # where nothing is left the regressors fit exactly
        return np.asarray(design.copies * jacobian - design.nobs / 2 * np.log(squares))


def left(design: Design, lam: Array) -> Array:
    """What the regressors leave of y and every Wy at each lambda: triangles, (l, 1 + m, 1 + m).

    Without a spatial error lambda is zero.
    """
    size, error, m = design.y.size, design.error, len(design.W)
    own = np.column_stack([v.reshape(size, -1) for v in (design.Z, design.y, design.Wy)])
    length = np.sqrt((own**2).sum(axis=0))
    scale = np.where(length > 0, length, 1.0)
    columns = (own / scale)[None]
    if error is not None:
        lagged = np.column_stack([v.reshape(size, -1) for v in (error.Z, error.y, error.Wy)])
        columns = columns - lam[:, None, None] * (lagged / scale)
    # The last rows of the triangle are what the regressors leave of y and the lags.
    rows = np.asarray(np.linalg.qr(columns, mode="r"))
    return rows[:, -1 - m :, -1 - m :] * scale[-1 - m :]
