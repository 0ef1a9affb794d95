"""Average effects from the log-determinant: no (n, n) array is made.

    direct:  tr S^-1 / n = 1 - rho f'/n,      tr S^-1 W / n = -f'/n,        f = ln|S|
    slopes:  -(f' + rho f'')/n,               -f''/n
    total:   1'S^-1 C 1 / n,                  slope 1'S^-1 W S^-1 C 1 / n

for the carriers C = I and C = W (LeSage & Pace 2009, section 4.6, who approximate the traces;
the slopes: ours). Where all rows of W and of C have one sum, c and k, the total is
k / (1 - c rho).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spatialsyn.effects.multipliers import Reading, Readings
from spatialsyn.models.design import Design
from spatialsyn.numerics.eigenvectors import Eigenvectors
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.solves import Inverse, solver
from spatialsyn.numerics.traces import Solved

# Sums of rows that differ by less are one number.
ONE_SUM = 1e-9


@dataclass(frozen=True, eq=False)
class Averages:
    """Direct, indirect and total effects, on average over the cities.

    Attributes
    ----------
    positions : where rho stands, empty without Wy
    W, logdet : its matrix, (n, n), and ln|I - rho W|; None without Wy
    """

    positions: tuple[int, ...] = ()
    W: Matrix | None = None
    logdet: LogDet | None = None

    def readings(self, params: Array, carriers: Sequence[Matrix], reading: Reading) -> Readings:
        """Of every carrier, with derivatives in rho; `reading` is the average."""
        n = carriers[0].shape[0]
        if self.W is None:
            level = np.array([_three(float(C.trace()), float(C.sum())) for C in carriers]) / n
            return Readings(level, np.empty((0, *level.shape)))
        rho = float(params[self.positions[0]])
        direct, total = self._direct(rho, n), [self._total(rho, C) for C in carriers]
        level, slope = (
            np.array(
                [_three(direct[C is self.W][k], t[k]) for C, t in zip(carriers, total, strict=True)]
            )
            for k in (0, 1)
        )
        return Readings(level / n, slope[None] / n)

    def _direct(self, rho: float, n: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """tr S^-1 C and its derivative in rho, for C = I and C = W."""
        f = self.logdet.part(rho) if isinstance(self.logdet, Solved) else self.logdet
        assert f is not None
        once, twice = float(f.slope(rho)), float(f.curvature(rho))
        return (n - rho * once, -once - rho * twice), (-once, -twice)

    def _total(self, rho: float, C: Matrix) -> tuple[float, float]:
        """1'S^-1 C 1 and its derivative in rho."""
        assert self.W is not None
        ones = np.ones(C.shape[0])
        emitted, sums = lag(C, ones), lag(self.W, ones)
        if np.ptp(emitted) < ONE_SUM and np.ptp(sums) < ONE_SUM:
            rest = 1 - rho * float(sums[0])
            return float(emitted.sum()) / rest, float(emitted.sum() * sums[0]) / rest**2
        if isinstance(self.logdet, Solved | Eigenvectors):
            inverse: Inverse = self.logdet.at(rho).inverse
        else:
            inverse = solver((self.W,), np.array([rho]), len(ones))
        arrived = inverse.solve(emitted)
        return float(arrived.sum()), float(inverse.solve_transposed(ones) @ lag(self.W, arrived))


def averages(
    design: Design, carriers: Sequence[Matrix], positions: tuple[int, ...]
) -> Averages | None:
    """Average effects from ln|S|, where the model and its carriers allow it."""
    if design.exponential or design.varies:
        return None
    if not design.W:
        return Averages()
    if len(design.W) > 1 or not isinstance(design.logdet, LogDet):
        return None
    if not all(C is design.W[0] or _is_identity(C) for C in carriers):
        return None
    return Averages(positions, design.W[0], design.logdet.full)


def _three(direct: float, total: float) -> tuple[float, float, float]:
    return direct, total - direct, total


def _is_identity(C: Matrix) -> bool:
    return sparse.issparse(C) and C.nnz == C.shape[0] and bool((C.diagonal() == 1).all())
