"""Effects by the order of the neighbour that they come through.

With P = sum_m rho_m W_m and the carriers of a regressor split into those of its own value,
C_0, and those of its neighbours', C_1, the multiplier is a sum over paths of q links,

    B = S^-1 (C_0 + C_1) = sum_q B_q,   B_q = P^q C_0 + P^(q-1) C_1,   B_0 = C_0

(LeSage & Pace 2009, section 2.7). What lies beyond the last order asked for is

    P^(Q+1) S^-1 C_0 + P^Q S^-1 C_1,

so that the orders and the rest sum to the effect exactly, whatever the size of rho. With a
matrix exponential P = -alpha W and B_q = P^q C_0 / q! + P^(q-1) C_1 / (q-1)!.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialsyn.effects.multipliers import Reading, Readings
from spatialsyn.effects.response import Written
from spatialsyn.numerics.exponential import exponentials
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
    exponential : whether S is e^(alpha W)
    """

    W: tuple[Array, ...]
    positions: tuple[int, ...]
    links: tuple[int, ...]
    last: int
    exponential: bool = False

    def readings(self, params: Array, carriers: Sequence[Matrix], reading: Reading) -> Readings:
        """(K, (last + 2) r) readings, the rest last, and their derivatives in rho."""
        n, rho = carriers[0].shape[-1], params[list(self.positions)]
        S = multiplied_out(self.W, rho, n)
        if self.exponential:
            inverse, P = exponentials(self.W, -rho, n), S - np.eye(n)
        else:
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
        whole = inverse @ carrier
        moves = [-W for W in self.W] if self.exponential else [inverse @ W for W in self.W]
        steps = [-W for W in self.W] if self.exponential else self.W
        moved_whole = [move @ whole for move in moves]
        levels = [np.zeros_like(carrier)] * links
        slopes = [moved] * links
        for q in range(links, self.last + 1):
            levels.append(term)
            slopes.append(moved)
            part = q - links + 1 if self.exponential else 1
            moved = [(W @ term + P @ d) / part for W, d in zip(steps, moved, strict=True)]
            term = P @ term / part
        levels.append(whole - sum(levels))
        slopes.append([w - sum(s[m] for s in slopes) for m, w in enumerate(moved_whole)])

        def read(parts: Sequence[Array]) -> Array:
            return np.concatenate([reading(Written(B)) for B in parts])

        level = read(levels)
        slope = [read([s[m] for s in slopes]) for m in range(len(self.W))]
        return level, np.reshape(slope, (len(self.W), len(level)))
