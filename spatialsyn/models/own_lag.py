"""A lag of the outcome that the regressors give already: one of them was made of it by hand.

Then every rho fits alike, and its likelihood is that of ln|S| alone. What the regressors leave
of W y tells: beside errors that are independent of them it is about what W makes of errors,

    |M W y|  ~  |W| / sqrt(n) |M y|  or more,     M = I - Z (Z'Z)^-1 Z',  |W|^2 its sum of squares

and few observations beyond the regressors shorten both sides alike. The least of honest data is
1 / sqrt(n - 1) of that: equal weights of all cities beside dummies of the years.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, Matrix, products
from spatialsyn.numerics.regression import least_squares

# A lag is given by regressors that leave less than this share of it, but for its mean, and less
# than this share of what W makes of errors: four digits after the point of a logarithm, or more.
GIVEN = 5e-3


def given(W: Matrix, y: Array, Wy: Array, whole: Array) -> NDArray[np.bool_]:
    """Whether the regressors of b models of one W may give its lag.

    Parameters
    ----------
    y, Wy : (b,), sums of squares of what they leave of y and Wy
    whole : (b,), sums of squares of Wy
    """
    found = Wy <= GIVEN**2 * whole
    if found.any():
        found &= Wy <= GIVEN**2 * products([W])[0, 0] * y
    return np.asarray(found)


def check_own_lag(design: Design, known: tuple[Array, Array] | None = None) -> None:
    """Refuse regressors that give W y, or a sum of several W y; the model has these already.

    As a regressor it would be taken for exogenous, and rho for something else.

    Parameters
    ----------
    known : of y and Wy, their coefficients on the regressors, (p, 1 + m), and what these leave,
        (n T, 1 + m)
    """
    y, p = design.y.ravel(), len(design.names)
    if not design.W or p >= design.nobs:
        return
    Wy, Z = design.Wy.reshape(y.size, -1), design.Z.reshape(y.size, -1)
    if known is None:
        both = np.c_[y, Wy]
        on_Z = least_squares(Z, both)
        known = on_Z, both - Z @ on_Z
    on_Z, rest = known
    left = rest[:, 1:]
    squares, whole = (rest**2).sum(axis=0), (Wy**2).sum(axis=0)
    if len(design.W) == 1 and not given(design.W[0], squares[:1], squares[1:], whole)[0]:
        return
    least, found = eigh(left.T @ left, products(design.W), subset_by_index=[0, 0])
    shares = found[:, 0]
    size = np.linalg.norm(Wy @ shares - (Wy @ shares).mean())
    if least[0] > GIVEN**2 * squares[0] or np.linalg.norm(left @ shares) > GIVEN * size:
        return
    parts = np.linalg.norm(Z * (on_Z[:, 1:] @ shares), axis=0)
    taken = [n for n, part in zip(design.names, parts, strict=True) if part > GIVEN * parts.max()]
    own = np.abs(shares) > GIVEN * np.abs(shares).max()
    has = [name for name, flag in zip(design.rho_names, own, strict=True) if flag]
    verb, out = ("is", "it") if len(taken) == 1 else ("give", "the one that was made of it")
    raise ModelError(
        f"{named(taken)} {verb} the spatial lag of the outcome itself (but for factors and "
        f"rounding), which the model has already, as {' and '.join(has)}: it moves with the errors "
        f"and is no regressor. Leave {out} out."
    )
