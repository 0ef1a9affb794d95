"""Effects by the order of the neighbour that they come through.

With P = sum_m rho_m W_m and the carriers of a regressor split into those of its own value,
C_0, and those of its neighbours', C_1, the multiplier is a sum over paths of q links,

    B = S^-1 (C_0 + C_1) = sum_q B_q,   B_q = P^q C_0 + P^(q-1) C_1,   B_0 = C_0

(LeSage & Pace 2009, section 2.7.2). What lies beyond the last order asked for is

    P^(Q+1) S^-1 C_0 + P^Q S^-1 C_1,

so that the orders and the rest sum to the effect exactly, whatever the size of rho.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialsyn.effects.multipliers import Reading, Readings, times
from spatialsyn.numerics.lags import Array, Matrix, dense
from spatialsyn.numerics.multiplier import multiplied_out


@dataclass(frozen=True, eq=False)
class Orders:
    """Effects read order by order.

    Attributes
    ----------
    W, positions : the matrices of S and where their coefficients stand
    links : of every carrier, how many links it has itself: 0 for x, 1 for its spatial lag
    last : the last order shown on its own
    """

    W: tuple[Array, ...]
    positions: tuple[int, ...]
    links: tuple[int, ...]
    last: int

    def readings(self, params: Array, carriers: Sequence[Matrix], reading: Reading) -> Readings:
        """(K, (last + 2) r) readings, the rest last, and their derivatives in rho."""
        n = carriers[0].shape[-1]
        S = multiplied_out(self.W, params[list(self.positions)], n)
        inverse, P = np.linalg.inv(S), np.eye(n) - S
        found = [
            self._by_order(P, inverse, dense(C), links, reading)
            for C, links in zip(carriers, self.links, strict=True)
        ]
        slope = np.stack([s for _, s in found], axis=1)
        return Readings(np.stack([level for level, _ in found]), slope)

    def _by_order(
        self, P: Array, inverse: Array, carrier: Array, links: int, reading: Reading
    ) -> tuple[Array, Array]:
        """Readings of P^(q - links) C for q = 0 .. last, and of what is left."""
        term, moved = carrier, [np.zeros_like(carrier) for _ in self.W]
        whole = times(inverse, carrier)
        moved_whole = [inverse @ (W @ whole) for W in self.W]
        levels = [np.zeros_like(carrier)] * links
        slopes = [moved] * links
        for _ in range(links, self.last + 1):
            levels.append(term)
            slopes.append(moved)
            moved = [W @ term + P @ d for W, d in zip(self.W, moved, strict=True)]
            term = P @ term
        levels.append(whole - sum(levels))
        slopes.append([w - sum(s[m] for s in slopes) for m, w in enumerate(moved_whole)])
        level = np.concatenate([reading(B) for B in levels])
        slope = [np.concatenate([reading(s[m]) for s in slopes]) for m in range(len(self.W))]
        return level, np.reshape(slope, (len(self.W), len(level)))
