"""Average effects where S is only ever solved with: no (n, n) array is made.

    direct:  tr S^-1 / n = 1 - rho f'/n,      tr S^-1 W / n = -f'/n,        f = ln|S|
    slopes:  -(f' + rho f'')/n,               -f''/n
    total:   1'S^-1 C 1 / n,                  slope 1'S^-1 W S^-1 C 1 / n

for the carriers C = I and C = W (LeSage & Pace 2009, section 4.6, who approximate the traces;
the slopes: ours). Where all rows of W and of C have one sum, c and k, the total is
k / (1 - c rho).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialsyn.effects.multipliers import Reading, Readings
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.traces import Propagation

# Sums of rows that differ by less are one number.
ONE_SUM = 1e-9


@dataclass(frozen=True, eq=False)
class Averages:
    """Direct, indirect and total effects, on average over the cities.

    Attributes
    ----------
    positions : where rho stands, empty without Wy
    propagation : G at a rho; None without Wy
    """

    positions: tuple[int, ...]
    propagation: Callable[[float], Propagation] | None

    def readings(self, params: Array, carriers: Sequence[Matrix], reading: Reading) -> Readings:
        """Of every carrier, with derivatives in rho; `reading` is the average."""
        n = carriers[0].shape[0]
        if self.propagation is None:
            level = np.array([_three(float(C.trace()), float(C.sum())) for C in carriers]) / n
            return Readings(level, np.empty((0, *level.shape)))
        at = self.propagation(float(params[self.positions[0]]))
        direct = [_direct(at, C) for C in carriers]
        total = [_total(at, C) for C in carriers]
        level, slope = (
            np.array([_three(d[k], t[k]) for d, t in zip(direct, total, strict=True)]) / n
            for k in (0, 1)
        )
        return Readings(level, slope[None])


def averages(
    design: Design, carriers: Sequence[Matrix], positions: tuple[int, ...]
) -> Averages | None:
    """Average effects by solves, where the model and its carriers allow it."""
    if not design.by_solves:
        return None
    if not design.W:
        return Averages((), None)
    if not all(C is design.W[0] or _is_identity(C) for C in carriers):
        return None
    return Averages(positions, lambda rho: design.propagation(np.array([rho])))


def _direct(at: Propagation, C: Matrix) -> tuple[float, float]:
    """tr S^-1 C and its derivative in rho."""
    once, twice = float(at.logdet.slope(at.rho)), float(at.logdet.curvature(at.rho))
    if C is at.W:
        return -once, -twice
    return C.shape[0] - at.rho * once, -once - at.rho * twice


def _total(at: Propagation, C: Matrix) -> tuple[float, float]:
    """1'S^-1 C 1 and its derivative in rho."""
    ones = np.ones(C.shape[0])
    emitted, sums = lag(C, ones), lag(at.W, ones)
    if np.ptp(emitted) < ONE_SUM and np.ptp(sums) < ONE_SUM:
        rest = 1 - at.rho * float(sums[0])
        return float(emitted.sum()) / rest, float(emitted.sum() * sums[0]) / rest**2
    arrived = at.inverse.solve(emitted)
    return float(arrived.sum()), float((at.inverse.solve_transposed(ones)) @ lag(at.W, arrived))


def _three(direct: float, total: float) -> tuple[float, float, float]:
    return direct, total - direct, total


def _is_identity(C: Matrix) -> bool:
    return sparse.issparse(C) and C.nnz == C.shape[0] and bool((C.diagonal() == 1).all())
