"""Where a value lies among those that chance gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spatialsyn.numerics.lags import Array

# Two sums of the same numbers in another order differ by less than this share.
SAME = 1e-12
# Numbers held at once by an array of many permutations: 8 MB.
CELLS = 2**20


def two_sided(value: float, simulated: Array) -> float:
    """Twice the smaller tail, the value itself counted among the draws; NaN without any.

    A draw that gives the same number counts in both tails, though it may add up otherwise;
    how near that is follows the size of the numbers, which depends on units.
    """
    known = simulated[~np.isnan(simulated)]
    if np.isnan(value) or not len(known):
        return float("nan")
    same = SAME * max(abs(value), float(np.median(np.abs(known))))
    beyond = min((known >= value - same).sum(), (known <= value + same).sum())
    return float(share(beyond, len(known)))


def share(beyond: Any, draws: int) -> Any:
    """Two-sided p of `beyond` draws in the smaller tail, the value itself counted among them."""
    return np.minimum(1.0, 2 * (1 + beyond) / (1 + draws))


def simulated(
    statistics: Sequence[Callable[[Array], Array]],
    x: Array,
    permutations: int,
    rng: np.random.Generator,
) -> Array:
    """Every statistic at the same permutations of `x`, (statistics, permutations).

    Parameters
    ----------
    statistics : functions of (n, b), b permutations side by side, that return (b,)
    """
    block = max(1, CELLS // len(x))
    parts = []
    for first in range(0, permutations, block):
        count = min(block, permutations - first)
        side_by_side = np.stack([rng.permutation(x) for _ in range(count)], axis=1)
        parts.append(np.stack([statistic(side_by_side) for statistic in statistics]))
    return np.concatenate(parts, axis=1)
