"""The moments H'e of instruments and errors, and what their variance says of an estimate.

    V = B S B',   B = (C'C)^-1 C',   C = H'Q,   S the variance of H'e,   H orthonormal

``classical``       errors of one variance, independent: S = s2 I
``robust``          independent, each with its own variance (White 1980)
``city``            dependent within a city, over all years (Arellano 1987)
``period``          dependent between the cities of a year
``cluster``         dependent between the cities of a group of them, over all years
``driscoll-kraay``  and over neighbouring years, with Bartlett weights

Instruments are exogenous, so that the moments of two cities are independent where their
errors are; the score of rho in a likelihood has no such property. With city effects and few
years ``robust`` blurs how variances differ over the years of one city (Stock & Watson 2008);
``city`` does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular

from spatialsyn.models.clusters import CLUSTER, groups_of, membership
from spatialsyn.models.design import Design
from spatialsyn.models.instruments import Instruments
from spatialsyn.numerics.lags import Array

KINDS = ("classical", "robust", "city", "period", "driscoll-kraay", CLUSTER)


def instruments_of(design: Design) -> Instruments:
    """The instruments of a design that has them."""
    assert design.instruments is not None
    return design.instruments


def columns(design: Design, lam: float = 0.0) -> tuple[Array, Array]:
    """y, (nT,), and Q = [Z, Wy], (nT, p + m), less lambda times their lags by M."""
    y, Q = design.y, np.concatenate([design.Z, design.Wy], axis=2)
    if design.error is not None:
        y = y - lam * design.error.y
        Q = Q - lam * np.concatenate([design.error.Z, design.error.Wy], axis=2)
    return y.ravel(), Q.reshape(y.size, -1)


def projector(basis: Array, Q: Array) -> Array:
    """B, (k, q): coefficients are B H'y, with H = `basis`."""
    size = np.linalg.norm(Q, axis=0)
    U, R = np.linalg.qr(basis.T @ (Q / size))
    return np.asarray(solve_triangular(R, U.T) / size[:, None])


def moment_variance(design: Design, H: Array, residuals: Array, kind: str, used: int = 0) -> Array:
    """Variance of H'e, (q, q).

    Parameters
    ----------
    residuals : (n, T)
    used : how many observations count less than what fixed effects left of n T
    """
    (n, T), nobs = residuals.shape, design.nobs - used
    e = residuals.ravel()
    if kind == "classical":
        return np.asarray(e @ e / nobs * (H.T @ H))
    cells = H * e[:, None]
    if kind == "robust":
        return np.asarray(cells.T @ cells * (n * T / nobs))
    sums = cells.reshape(n, T, -1).sum(axis=1 if kind in ("city", CLUSTER) else 0)
    if kind == CLUSTER:
        sums = membership(groups_of(design)) @ sums
    return between_clusters(sums, kind, design.years)


def between_clusters(sums: Array, kind: str, years: Sequence[int] = ()) -> Array:
    """Sum over clusters of s_c s_c', (q, q), from their sums, (C, q).

    Under ``driscoll-kraay`` clusters are years, and neighbouring ones enter too, weighted down
    linearly by how far apart they are: where `years` leave one out, those beside it are two apart.
    """
    C = len(sums)
    S = sums.T @ sums
    if kind == "driscoll-kraay":
        at = np.array(years if len(years) else range(C))
        reach = int(4 * (C / 100) ** (2 / 9))
        near = np.clip(1 - np.abs(np.subtract.outer(at, at)) / (reach + 1), 0, None)
        S = sums.T @ near @ sums
    return np.asarray(S * C / (C - 1))


def clusters(design: Design, kind: str) -> float:
    """How many independent clusters a covariance of this kind rests on."""
    n, T = design.y.shape
    C = 0 if design.groups is None else int(design.groups.max()) + 1
    return {"city": n, "period": T, "driscoll-kraay": T, CLUSTER: C}.get(kind, np.inf)
