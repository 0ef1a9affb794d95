"""Random city effects without a likelihood: variance components from moments, then two stages.

    U = mu + E,   s2 = var E,   s1 = s2 + T var mu,   phi^2 = s2 / s1
    two stages on v - (1 - phi) mean(v), instruments [H] or [H within cities, mean(H)]

s2 and s1 are the mean squares of the residuals of two stages within and between cities (Swamy &
Arora 1972, Econometrica 40). With H alone it is generalised two-stage least squares
(Balestra & Varadharajan-Krishnakumar 1987, Econometric Theory 3), with both parts
error-component two-stage least squares (Baltagi & Liu 2011, Economics Letters 111, for Wy).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design
from spatialsyn.models.instruments import independent_columns
from spatialsyn.models.likelihood import quasi
from spatialsyn.models.moments import columns, instruments_of
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import sweep

# Singular values below this part of the largest are those of columns that a part has not.
ABSENT = 1e-9


class Part(NamedTuple):
    """A part of the errors that has one variance, and how often it is seen for each city."""

    of: Callable[[Array], Array]
    copies: int


def within_and_between(design: Design) -> Design:
    """`design` with its instruments once within cities and once as city means."""
    given = instruments_of(design)
    parts = dict(zip(given.names, _by_cell(design, given.basis), strict=True))
    parts |= {f"within({name})": sweep(v, "individual") for name, v in parts.items()}
    basis, kept = independent_columns(parts, "none")
    return replace(design, instruments=replace(given, basis=basis, names=kept))


def parts_of(design: Design) -> list[Part]:
    """All errors alike, or those within cities and those between them."""
    if not design.random:
        return [Part(lambda v: v, design.copies)]
    return [Part(lambda v: quasi(v, 0.0), design.copies - 1),
            Part(lambda v: v - quasi(v, 0.0), 1)]  # fmt: skip


def phi_of_residuals(design: Design) -> float:
    """The share of every city's mean that is kept, 1 where cities have no variance of their own.

    Raises
    ------
    EstimationError
        Too few cities for a regression between them.
    """
    squares, sizes = [], np.linalg.norm(columns(design)[1], axis=0)
    for part in parts_of(design):
        y, Q, _ = cells(design, part)
        first = influence(design, part)
        left = design.units * part.copies - int(np.linalg.matrix_rank(first * sizes))
        if left < 1:
            raise EstimationError(
                f"{len(design.y)} cities are too few to tell the variance of the cities from that "
                f"of the errors: {left + Q.shape[1]} coefficients need more. Use "
                'fixed_effects="individual", or fewer regressors.'
            )
        squares.append(float(np.sum((y - Q @ (first.T @ y)) ** 2)) / left)
    return phi_of(*squares)


def phi_of(s2: float, s1: float) -> float:
    """phi of the variances within and between cities; a negative one of the cities is zero."""
    return min(1.0, float(np.sqrt(s2 / s1)))


def quasi_demeaned(design: Design, phi: float) -> Design:
    """`design` with 1 - phi of every city's mean taken off its columns and its instruments."""
    given = instruments_of(design)
    basis = quasi(np.moveaxis(_by_cell(design, given.basis), 0, 2), phi)
    turned = np.linalg.qr(basis.reshape(design.y.size, -1))[0]
    error = design.error
    if error is not None:
        y, Wy, Z = (quasi(v, phi) for v in (error.y, error.Wy, error.Z))
        error = replace(error, y=y, Wy=Wy, Z=Z)
    return replace(
        design,
        error=error,
        y=quasi(design.y, phi),
        Wy=quasi(design.Wy, phi),
        Z=quasi(design.Z, phi),
        instruments=replace(given, basis=turned),
    )


def _by_cell(design: Design, basis: Array) -> Array:
    """Columns (n T, q) as (q, n, T)."""
    return basis.T.reshape(-1, *design.y.shape)


def cells(design: Design, part: Part) -> tuple[Array, Array, Array]:
    """The part of y, (n T,), of Q = [Z, Wy], (n T, k), and of the instruments, (n T, q)."""
    shape, (y, Q) = design.y.shape, columns(design)
    H = instruments_of(design).basis
    y, Q, H = (part.of(v.reshape(*shape, -1)).reshape(y.size, -1) for v in (y, Q, H))
    return y[:, 0], Q, H


def influence(design: Design, part: Part) -> Array:
    """(N, k): two-stage coefficients of a part are its transpose times y.

    It may lack a column: little is left of that beside what it was.
    """
    _, Q, H = cells(design, part)
    U, size, _ = np.linalg.svd(H / np.linalg.norm(H, axis=0).max(), full_matrices=False)
    span = U[:, size > ABSENT * size[0]]
    whole = np.linalg.norm(columns(design)[1], axis=0)
    scale = np.maximum(np.linalg.norm(Q, axis=0), ABSENT * whole)
    return np.asarray(span @ np.linalg.pinv(span.T @ (Q / scale), rcond=ABSENT).T / scale)
