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
import pandas as pd
from scipy.stats import norm

from spatialsyn.effects.blocks import Labels
from spatialsyn.effects.multipliers import Readings, in_year, times
from spatialsyn.numerics.lags import Array, Matrix, lag

OWN, ALL = "own", "all"
# Effects whose z is below this have no meaningful shares.
CLEAR = 2.0


@dataclass(frozen=True)
class Channels:
    """A reading by channel.

    Attributes
    ----------
    names : the matrices
    of_rho, of_carriers : the channel of every rho and of every carrier; -1 for the identity
    """

    names: tuple[str, ...]
    of_rho: tuple[int, ...]
    of_carriers: tuple[int, ...]

    @property
    def labels(self) -> Labels:
        """Direct by own and channel, indirect by channel, total by both; each with its sum."""
        parts = {
            "direct": (OWN, *self.names, ALL),
            "indirect": (*self.names, ALL),
            "total": (OWN, *self.names, ALL),
        }
        rows = [(effect, channel) for effect, channels in parts.items() for channel in channels]
        return pd.DataFrame(rows, columns=["effect", "channel"])

    def readings(
        self, inverse: Array, W: Sequence[Matrix], carriers: Sequence[Matrix], rho: Array
    ) -> Readings:
        """Readings of the K_m of every carrier, and their derivatives in rho."""
        years = [len(a) for a in (inverse, *W, *carriers) if a.ndim == 3]
        made = [
            self._of_year(
                in_year(inverse, t),
                [in_year(w, t) for w in W],
                [in_year(C, t) for C in carriers],
                rho,
            )
            for t in range(years[0] if years else 1)
        ]
        return Readings(
            np.mean([level for level, _ in made], axis=0),
            np.mean([slope for _, slope in made], axis=0),
        )

    def _of_year(
        self, inverse: Array, W: Sequence[Matrix], carriers: Sequence[Matrix], rho: Array
    ) -> tuple[Array, Array]:
        level = np.zeros((len(carriers), len(self.labels)))
        slope = np.zeros((len(W), *level.shape))
        for k, (C, channel) in enumerate(zip(carriers, self.of_carriers, strict=True)):
            level[k] = self._placed(np.asarray(C @ np.eye(len(inverse))), channel)
            P = times(inverse, C)
            moved = [inverse @ lag(w, P) for w in W]
            for m, w in enumerate(W):
                step = self._placed(lag(w, P), self.of_rho[m])
                level[k] += rho[m] * step
                slope[m, k] += step
                for j, D in enumerate(moved):
                    slope[j, k] += rho[m] * self._placed(lag(w, D), self.of_rho[m])
        return level, slope

    def _placed(self, K: Array, channel: int) -> Array:
        """Mean diagonal, mean off it, and their sum, in the rows of a channel; -1 is own."""
        n, count = len(K), len(self.names)
        direct, total = np.trace(K) / n, K.sum() / n
        row = np.zeros(3 * count + 5)
        indirect_from, total_from = count + 2, 2 * count + 3
        row[1 + channel] = row[count + 1] = direct
        row[total_from + 1 + channel] = row[-1] = total
        row[total_from - 1] = total - direct
        if channel >= 0:
            row[indirect_from + channel] = total - direct
        return row


def channel_shares(
    table: pd.DataFrame, spread: Array, draws: Array | None, level: float
) -> tuple[pd.DataFrame, list[str]]:
    """The share of each channel in the indirect effect of each x, and the x without clear ones.

    A share is a ratio: it may lie outside [0, 1] where channels have opposite signs, and
    means little where the indirect effect itself is not clearly different from zero.
    """
    parts, unclear = [], []
    for x, rows in table[table["effect"] == "indirect"].groupby("x", sort=False):
        every = rows.index[rows["channel"] == ALL][0]
        at = rows.index[rows["channel"] != ALL]
        whole = float(table["estimate"][every])
        share = table["estimate"][at].to_numpy() / whole
        gradient = (spread[at] - share[:, None] * spread[every]) / whole
        se = np.where(table["se"][at] > 0, np.sqrt((gradient**2).sum(axis=1)), 0.0)
        half = norm.ppf((1 + level) / 2) * se
        low, high = share - half, share + half
        if draws is not None:
            ratios = draws[:, at] / draws[:, [every]]
            low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2], axis=0)
        if abs(whole) < CLEAR * table["se"][every]:
            unclear.append(str(x))
        parts.append(
            pd.DataFrame(
                {"x": x, "effect": "share", "channel": rows["channel"][at], "estimate": share,
                 "se": se, "low": low, "high": high, "p": table["p"][at]}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True), unclear
