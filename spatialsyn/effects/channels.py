"""Through which matrix an effect arrives: the indirect effect taken apart, exactly.

With several matrices, of a mixture or with an own rho each, of Wy or of WX only,

    S B = beta I + sum_m theta_m W_m,   S = I - sum_m rho_m W_m
    B = beta I + sum_m K_m,             K_m = W_m (rho_m B + theta_m I)

K_m is all that reaches a city over its links of matrix m, whatever happened to it before
that last step. Off the diagonal the K_m sum to the indirect effects, on it to what beta
leaves of the direct ones (feedback). The decomposition is ours; it is the first step of
every path of the series S^-1 = I + sum_m rho_m W_m S^-1, seen from the receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spatialsyn.effects.multipliers import Reading, Readings, in_year, times
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.multiplier import multiplier

OWN, ALL = "own", "all"


@dataclass(frozen=True, eq=False)
class Channels:
    """Effects read channel by channel: what is own, every matrix, and all of it.

    Attributes
    ----------
    W, positions : the matrices of S and where their coefficients stand
    names : the channels
    of_rho, of_carriers : the channel of every rho and of every carrier; -1 is own
    kept : positions, among all readings of all channels, of those that are shown
    """

    W: tuple[Matrix, ...]
    positions: tuple[int, ...]
    names: tuple[str, ...]
    of_rho: tuple[int, ...]
    of_carriers: tuple[int, ...]
    kept: NDArray[np.intp]

    def readings(
        self, params: Array, carriers: Sequence[Matrix], reading: Reading, slopes: bool = True
    ) -> Readings:
        """(K, r) readings of every channel's part, and their derivatives in rho, if wanted."""
        rho, n = params[list(self.positions)], carriers[0].shape[-1]
        inverse = multiplier(self.W, rho, n)
        years = [len(a) for a in (inverse, *self.W, *carriers) if a.ndim == 3]
        made = [
            self._of_year(
                in_year(inverse, t),
                [in_year(w, t) for w in self.W],
                [in_year(C, t) for C in carriers],
                rho,
                reading,
                slopes,
            )
            for t in range(years[0] if years else 1)
        ]
        level, slope = (np.mean(parts, axis=0) for parts in zip(*made, strict=True))
        return Readings(level[:, self.kept], slope[:, :, self.kept])

    def _of_year(
        self,
        inverse: Array,
        W: Sequence[Matrix],
        carriers: Sequence[Matrix],
        rho: Array,
        reading: Reading,
        slopes: bool,
    ) -> tuple[Array, Array]:
        """Readings (K, channels r) and slopes (m, K, channels r)."""
        count, identity = len(self.names) + 2, np.eye(len(inverse))
        size = len(reading(identity))
        level = np.zeros((len(carriers), count, size))
        slope = np.zeros((len(W), *level.shape))
        for k, (C, channel) in enumerate(zip(carriers, self.of_carriers, strict=True)):
            P = times(inverse, C)
            level[k, channel + 1] += reading(np.asarray(C @ identity))
            moved = [inverse @ lag(w, P) for w in W] if slopes else []
            for m, (w, own) in enumerate(zip(W, self.of_rho, strict=True)):
                step = reading(lag(w, P))
                level[k, own + 1] += rho[m] * step
                slope[m, k, own + 1] += step
                for j, D in enumerate(moved):
                    slope[j, k, own + 1] += rho[m] * reading(lag(w, D))
        level[:, -1], slope[:, :, -1] = level.sum(axis=1), slope.sum(axis=2)
        flat = count * size
        return level.reshape(len(carriers), flat), slope.reshape(len(W), len(carriers), flat)
