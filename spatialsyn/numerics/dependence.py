"""How far the rows of an array move together: Pesaran's CD statistic.

    CD = sqrt(T / P) sum_{pairs} r_ij,     P pairs of rows, r_ij their correlation over T columns

Standard normal without dependence (Pesaran 2004, 2015; all pairs: P = n (n - 1) / 2; Pesaran
2004, section 7, for the pairs of neighbours only).
"""

from __future__ import annotations

import numpy as np

from spatialsyn.numerics.lags import Array


def cross_dependence(v: Array, among: np.ndarray | None = None) -> tuple[float, Array]:
    """CD, and the correlations it sums; NaN where a row does not vary.

    `among`, (n, n), marks the pairs that count; either direction will do.
    """
    n, T = v.shape
    pairs = np.triu(np.ones((n, n), dtype=bool), 1)
    if among is not None:
        pairs &= among | among.T
    centred = v - v.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.full_like(centred, np.nan), where=length > 0)
    r = np.asarray((unit @ unit.T)[pairs])
    return float(np.sqrt(T / pairs.sum()) * r.sum()), r
