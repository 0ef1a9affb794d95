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

from spatialsyn.effects.multipliers import Reading, Readings, mean, written_out
from spatialsyn.effects.response import Dense, Product, Written
from spatialsyn.numerics.lags import Array, Matrix, dense
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
        years = written_out(multiplier(self.W, rho, n), self.W, carriers)
        made = mean([self._of_year(year, rho, reading, slopes) for year in years])
        return Readings(made.level[:, self.kept], made.slope[:, :, self.kept])

    def _of_year(self, year: Dense, rho: Array, reading: Reading, slopes: bool) -> Readings:
        """Readings (K, channels r) and slopes (m, K, channels r)."""
        W, carriers, count = year.matrices, year.carriers, len(self.names) + 2
        size = len(reading(Written(np.eye(len(year.K)))))
        level = np.zeros((len(carriers), count, size))
        slope = np.zeros((len(W), *level.shape))
        for k, (C, channel) in enumerate(zip(carriers, self.of_carriers, strict=True)):
            P = year.response(k).whole()
            level[k, channel + 1] += reading(Written(dense(C)))
            moved = [year.response(k, m).whole() for m in range(len(W))] if slopes else []
            for m, (w, own) in enumerate(zip(W, self.of_rho, strict=True)):
                step = reading(Product(w, P))
                level[k, own + 1] += rho[m] * step
                slope[m, k, own + 1] += step
                for j, D in enumerate(moved):
                    slope[j, k, own + 1] += rho[m] * reading(Product(w, D))
        level[:, -1], slope[:, :, -1] = level.sum(axis=1), slope.sum(axis=2)
        flat = count * size
        return Readings(
            level.reshape(len(carriers), flat), slope.reshape(len(W), len(carriers), flat)
        )
