"""How extreme z_i (W z)_i is when the neighbours of unit i are drawn from all others.

Conditional permutations (Anselin 1995, Geographical Analysis 27, 93-115): unit i stays in
place. One set of positions among n - 1 others is drawn for each permutation and shared by
all units: position i stands for unit n - 1 when it is i's own turn. The sums over the first
k positions are then the same numbers for all units with k neighbours, except in the few draws
that hold the unit itself. Where the weights of a row are equal, one sort per k and one
search per unit count the tails; other rows multiply their weights into the drawn values.
The order of work is ours; the counts are those of every unit simulated by itself.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.permutation import CELLS, SAME, share

Whole: TypeAlias = NDArray[np.integer[Any]]


def conditional(z: Array, W: Matrix, permutations: int, rng: np.random.Generator) -> Array:
    """Two-sided p of z_i (W z)_i of every unit, (n,); NaN for a unit without neighbours.

    Memory grows with the links of W, not with n times `permutations`.
    """
    links = sparse.csr_array(W)
    sizes = np.diff(links.indptr)
    most = int(sizes.max())
    block = max(1, CELLS // most)
    counts = np.zeros((2, len(z)), dtype=int)
    for first in range(0, permutations, block):
        drawn = draws(len(z), most, min(block, permutations - first), rng)
        counts += tails(z, links, drawn)
    return np.where(sizes > 0, share(counts.min(axis=0), permutations), np.nan)


def draws(n: int, most: int, permutations: int, rng: np.random.Generator) -> Whole:
    """`most` different positions among n - 1, in random order, (permutations, most)."""
    if most**2 > n:  # most sets drawn freely would hold a position twice
        return np.stack([rng.choice(n - 1, most, replace=False) for _ in range(permutations)])
    drawn = rng.integers(n - 1, size=(permutations, most))
    while len(again := _repeating(drawn)):
        drawn[again] = rng.integers(n - 1, size=(len(again), most))
    return drawn


def _repeating(drawn: Whole) -> Whole:
    """Rows in which a position occurs twice."""
    ordered = np.sort(drawn, axis=1)
    return np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))


def tails(z: Array, links: sparse.csr_array, drawn: Whole) -> Whole:
    """Draws in which (W z)_i is at least, and at most, the lag itself, (2, n).

    Where z_i is negative these are the other way round for z_i (W z)_i. The j-th link of a row
    takes the j-th position of a draw. A draw that gives the same product, as `two_sided` has
    it, counts in both.
    """
    lag = links @ z
    with np.errstate(divide="ignore"):  # where z_i is zero all draws give the same number
        margin = SAME * np.maximum(links.sum(axis=1), np.abs(z * lag)) / np.abs(z)
    bounds = np.stack([lag - margin, lag + margin])
    sizes, equal = np.diff(links.indptr), _equal(links)
    searched = _searched(z, links, drawn, bounds, np.where(equal, sizes, 0))
    return searched + _multiplied(z, links, drawn, bounds, np.where(equal, 0, sizes))


def _equal(links: sparse.csr_array) -> NDArray[np.bool_]:
    """Rows whose weights are all the same number."""
    sizes = np.diff(links.indptr)
    odd = links.data != np.repeat(_first(links), sizes)
    return np.bincount(np.repeat(np.arange(len(sizes)), sizes)[odd], minlength=len(sizes)) == 0


def _first(links: sparse.csr_array) -> Array:
    """The first weight of every row; of an empty one any."""
    return links.data[np.minimum(links.indptr[:-1], links.nnz - 1)]


def _own(drawn: Whole, sizes: Whole) -> tuple[Whole, Whole, Whole]:
    """Draw, link and unit wherever a draw holds the unit itself among its `sizes` first."""
    draw, link = np.nonzero(np.arange(drawn.shape[1]) < sizes[drawn])
    return draw, link, drawn[draw, link]


def _searched(
    z: Array, links: sparse.csr_array, drawn: Whole, bounds: Array, sizes: Whole
) -> Whole:
    """The tails of rows of one weight, among the sorted sums they share.

    `sizes` is the number of links, zero for the rows that are not to be counted.
    """
    counts = np.zeros((2, len(z)), dtype=int)
    low, high = bounds / _first(links)
    sums = np.cumsum(z[drawn], axis=1)
    for k in np.unique(sizes[sizes > 0]):
        units, ordered = np.flatnonzero(sizes == k), np.sort(sums[:, k - 1])
        below = np.searchsorted(ordered, low[units], "left")
        counts[:, units] = len(drawn) - below, below
        # Where no draw gives the same number, "at most" is the rest of "at least".
        same = np.flatnonzero(np.append(ordered, np.inf)[below] <= high[units])
        counts[1, units[same]] = np.searchsorted(ordered, high[units[same]], "right")
    draw, _, unit = _own(drawn, sizes)
    shared = sums[draw, sizes[unit] - 1]
    true = shared + (z[-1] - z[unit])
    low, high = low[unit], high[unit]
    np.add.at(counts[0], unit, (true >= low).astype(int) - (shared >= low))
    np.add.at(counts[1], unit, (true <= high).astype(int) - (shared <= high))
    return counts


def _multiplied(
    z: Array, links: sparse.csr_array, drawn: Whole, bounds: Array, sizes: Whole
) -> Whole:
    """The tails of rows of any weights, from their lags of the drawn values, in blocks of rows.

    `sizes` is the number of links, zero for the rows that are not to be counted.
    """
    counts = np.zeros((2, len(z)), dtype=int)
    order = np.argsort(sizes, kind="stable")[np.count_nonzero(sizes == 0) :]
    place = np.zeros(len(z), dtype=int)
    place[order] = np.arange(len(order))
    draw, link, unit = _own(drawn, sizes)
    sort = np.argsort(place[unit], kind="stable")
    draw, link, unit = draw[sort], link[sort], unit[sort]
    step = max(1, CELLS // max(drawn.shape))
    for first in range(0, len(order), step):
        units = order[first : first + step]
        strengths = _padded(links, units)
        lags = z[drawn[:, : strengths.shape[1]]] @ strengths.T
        here = slice(*np.searchsorted(place[unit], [first, first + step]))
        row = place[unit[here]] - first
        lags[draw[here], row] += strengths[row, link[here]] * (z[-1] - z[unit[here]])
        counts[0, units] = (lags >= bounds[0, units]).sum(axis=0)
        counts[1, units] = (lags <= bounds[1, units]).sum(axis=0)
    return counts


def _padded(links: sparse.csr_array, units: Whole) -> Array:
    """The weights of some rows side by side, zeros behind the shorter ones."""
    rows = links[units]
    sizes = np.diff(rows.indptr)
    unit = np.repeat(np.arange(len(units)), sizes)
    strengths = np.zeros((len(units), sizes.max()))
    strengths[unit, np.arange(rows.nnz) - rows.indptr[unit]] = rows.data
    return strengths
