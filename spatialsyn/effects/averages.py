"""Average effects from the log-determinant: no (n, n) array is made.

    direct:  tr S^-1 / n = 1 - rho f'/n,      tr S^-1 W / n = -f'/n,        f = ln|S|
    slopes:  -(f' + rho f'')/n,               -f''/n
    total:   1'S^-1 C 1 / n,                  slope 1'S^-1 W S^-1 C 1 / n

for the carriers C = I and C = W (LeSage & Pace 2009, pages 114-115, who approximate the traces;
the slopes: ours). Where all rows of W and of C have one sum, c and k, the total is
k / (1 - c rho).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from spatialsyn.effects.multipliers import Reading, Readings
from spatialsyn.models.design import Design
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.solves import Inverse, solver
from spatialsyn.numerics.traces import Solved

# Sums of rows that differ by less, in parts of the largest, are one number.
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

    @cached_property
    def sums(self) -> Array:
        """Of the rows of W."""
        assert self.W is not None
        if isinstance(self.logdet, Solved):  # models of one W share it
            return self.logdet.row_sums
        return lag(self.W, np.ones(self.W.shape[0]))

    @cached_property
    def one_sum(self) -> float | None:
        """What all rows of W sum to, None where they differ."""
        alike = np.ptp(self.sums) <= ONE_SUM * np.abs(self.sums).max()
        return float(self.sums.mean()) if alike else None

    def readings(
        self, params: Array, carriers: Sequence[Matrix], reading: Reading, slopes: bool = True
    ) -> Readings:
        """Of every carrier, with derivatives in rho, if wanted; `reading` is the average."""
        level, slope = self.read(params[None], carriers, slopes)
        return Readings(level[0], slope[0])

    def read(
        self, params: Array, carriers: Sequence[Matrix], slopes: bool = True
    ) -> tuple[Array, Array]:
        """(b, K, 3) and (b, 1, K, 3): those of K carriers at each of b rows of parameters."""
        n, b = carriers[0].shape[0], len(params)
        if self.W is None:
            level = np.array([_three(float(C.trace()), float(C.sum())) for C in carriers]) / n
            return np.tile(level, (b, 1, 1)), np.empty((b, 0, *level.shape))
        rho = params[:, self.positions[0]]
        direct = self._direct(rho, n, slopes)
        total = [self._total(rho, C, slopes) for C in carriers]
        found = np.array(
            [
                [_three(direct[C is self.W][k], t[k]) for C, t in zip(carriers, total, strict=True)]
                for k in range(1 + slopes)
            ]
        )
        # One order in memory: sums in another differ in the last bit.
        made = np.ascontiguousarray(np.moveaxis(found, -1, 0)) / n
        return made[:, 0], made[:, 1:]

    def _direct(self, rho: Array, n: int, slopes: bool) -> tuple[tuple[Array, ...], ...]:
        """tr S^-1 C, for C = I and C = W, and their derivatives in rho."""
        once, *more = self._slopes(rho, slopes)
        if not more:
            return (n - rho * once,), (-once,)
        return (n - rho * once, -once - rho * more[0]), (-once, -more[0])

    def _slopes(self, rho: Array, both: bool) -> Sequence[Array]:
        """The first derivative of ln|S|, or both."""
        assert self.logdet is not None
        if not isinstance(self.logdet, Solved):
            return self.logdet.slopes(rho) if both else (self.logdet.slope(rho),)
        near = [self.logdet.part(float(one)) for one in rho]  # found anew near each rho
        found = np.empty((1 + both, len(rho)))
        for part in set(near):
            at = [one is part for one in near]
            found[:, at] = part.slopes(rho[at]) if both else part.slope(rho[at])
        return list(found)

    def _total(self, rho: Array, C: Matrix, slopes: bool) -> tuple[Array, ...]:
        """1'S^-1 C 1 and its derivative in rho."""
        n, c = C.shape[0], self.one_sum
        if c is not None:
            emitted, rest = n * (c if C is self.W else 1.0), 1 - rho * c
            return emitted / rest, emitted * c / rest**2
        return tuple(np.array([self._arrived(float(one), C, slopes) for one in rho]).T)

    def _arrived(self, rho: float, C: Matrix, slopes: bool) -> tuple[float, ...]:
        """The same by solves, where the rows of W have sums that differ."""
        assert self.W is not None
        ones = np.ones(len(self.sums))
        if isinstance(self.logdet, Solved | Decomposed):
            inverse: Inverse = self.logdet.at(rho).inverse
        else:
            inverse = solver((self.W,), np.array([rho]), len(ones))
        arrived = inverse.solve(self.sums if C is self.W else ones)
        if not slopes:
            return (float(arrived.sum()),)
        return float(arrived.sum()), float(inverse.solve_transposed(ones) @ lag(self.W, arrived))


def averages(
    design: Design, carriers: Sequence[Matrix], positions: tuple[int, ...]
) -> Averages | None:
    """Average effects from ln|S|, where the model and its carriers allow it."""
    if design.exponential or design.varies:
        return None
    if not design.W:  # regimes of city-years have carriers for every year
        return None if any(C.ndim == 3 for C in carriers) else Averages()
    if len(design.W) > 1 or not isinstance(design.logdet, LogDet):
        return None
    if not all(C is design.W[0] or _is_identity(C) for C in carriers):
        return None
    return Averages(positions, design.W[0], design.logdet.full)


def _three(direct: Any, total: Any) -> tuple[Any, Any, Any]:
    return direct, total - direct, total


def _is_identity(C: Matrix) -> bool:
    return sparse.issparse(C) and C.nnz == C.shape[0] and bool((C.diagonal() == 1).all())
