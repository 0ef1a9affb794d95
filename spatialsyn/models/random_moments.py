"""Random city effects without a likelihood: variance components from moments, then two stages.

    U = mu + E,   s2 = var E,   s1 = s2 + T var mu,   phi^2 = s2 / s1
    two stages on v - (1 - phi) mean(v), instruments [H] or [H within cities, mean(H)]

s2 and s1 are the mean squares of the residuals of two stages within and between cities (Swamy &
Arora 1972, Econometrica 40). With H alone it is generalised two-stage least squares
(Balestra & Varadharajan-Krishnakumar 1987, Econometric Theory 3), with both parts
error-component two-stage least squares (Baltagi & Liu 2011, Economics Letters 111, for Wy).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design
from spatialsyn.models.instruments import independent_columns
from spatialsyn.models.likelihood import quasi
from spatialsyn.models.moments import columns, instruments_of
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import sweep, sweeps_time

# Singular values below this part of the largest are those of columns that a part has not.
ABSENT = 1e-9


def within_and_between(design: Design) -> Design:
    """`design` with its instruments once within cities and once as city means."""
    given = instruments_of(design)
    parts = dict(zip(given.names, _by_cell(design, given.basis), strict=True))
    parts |= {f"within({name})": sweep(v, "individual") for name, v in parts.items()}
    basis, kept = independent_columns(parts, "none")
    return replace(design, instruments=replace(given, basis=basis, names=kept))


def phi_of_residuals(design: Design) -> float:
    """The share of every city's mean that is kept, 1 where cities have no variance of their own.

    Raises
    ------
    EstimationError
        Too few cities for a regression between them.
    """
    within = [sweep(v, "individual") for v in _parts(design)]
    means = [v.mean(axis=1, keepdims=True) for v in _parts(design)]
    n, T = design.y.shape
    cities = n - sweeps_time(design.fixed_effects)
    s2, _ = _mean_square(within, cities * (T - 1))
    s1, left = _mean_square(means, cities)
    if left < 1:
        raise EstimationError(
            f"{n} cities are too few to tell the variance of the cities from that of the errors: "
            f"{design.Z.shape[2] + design.Wy.shape[2]} coefficients use them up. Use "
            'fixed_effects="individual", or fewer regressors.'
        )
    return min(1.0, float(np.sqrt(s2 / (T * s1))))


def quasi_demeaned(design: Design, phi: float) -> Design:
    """`design` with 1 - phi of every city's mean taken off its columns and its instruments."""
    given = instruments_of(design)
    basis = quasi(np.moveaxis(_by_cell(design, given.basis), 0, 2), phi)
    turned = np.linalg.qr(basis.reshape(design.y.size, -1))[0]
    return replace(
        design,
        y=quasi(design.y, phi),
        Wy=quasi(design.Wy, phi),
        Z=quasi(design.Z, phi),
        instruments=replace(given, basis=turned),
    )


def _by_cell(design: Design, basis: Array) -> Array:
    """Columns (n T, q) as (q, n, T)."""
    return basis.T.reshape(-1, *design.y.shape)


def _parts(design: Design) -> tuple[Array, Array, Array]:
    """y, Q and H by cell: (n, T, 1), (n, T, k), (n, T, q)."""
    y, Q = columns(design)
    cells = (y[:, None], Q, instruments_of(design).basis)
    y, Q, H = (v.reshape(*design.y.shape, -1) for v in cells)
    return y, Q, H


def _mean_square(parts: list[Array], observations: int) -> tuple[float, int]:
    """Residual mean square of two stages, and its degrees of freedom; Q may lack columns here."""
    y, Q, H = (v.reshape(-1, v.shape[2]) for v in parts)
    U, size, _ = np.linalg.svd(H / np.linalg.norm(H, axis=0).max(), full_matrices=False)
    span = U[:, size > ABSENT * size[0]]
    scale = np.maximum(np.linalg.norm(Q, axis=0), ABSENT * np.linalg.norm(Q))
    fitted = span.T @ (Q / scale)
    b, _, rank, _ = np.linalg.lstsq(fitted, span.T @ y, rcond=ABSENT)
    left = observations - int(rank)
    return float(((y - Q / scale @ b) ** 2).sum() / max(left, 1)), left
