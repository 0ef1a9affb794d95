"""Readings of the multiplier at many draws of its parameters.

With one rho they are smooth functions of it, of which polynomials through the readings at a
few Chebyshev points over the range of the draws say all: n = 3,000 costs what n = 30 does.
The polynomial is checked where it is worst, at the ends, and refined until it is exact to
`ROUNDING`. With several parameters every draw has a multiplier of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.numerics.lags import Array

# Deviation at the ends, in units of the largest reading, that is no more than rounding.
ROUNDING = 1e-11
# Points of the first polynomial; each further one has twice as many.
POINTS = 12
# Draws read together: so many at least, and more while their readings are so many numbers.
BLOCK, ROOM = 128, 1_000_000


def levels(model: Multipliers, sample: Array, reading: Reading) -> Iterator[Array]:
    """The readings at the rows of `sample`, structural parameters: blocks (b, K, r) of rows."""

    def direct(params: Array) -> Array:
        return model.levels(params, reading)

    moved = model.moved_by
    found = None if len(moved) != 1 else _interpolated(direct, sample, moved[0])
    if found is None:
        return (direct(row) for row in sample[:, None])
    basis, fitted = found
    step = max(BLOCK, ROOM // fitted[0].size)
    rows = (basis[first : first + step] for first in range(0, len(sample), step))
    return (np.tensordot(row, fitted, axes=1) for row in rows)


def _interpolated(
    direct: Callable[[Array], Array], sample: Array, at: int
) -> tuple[Array, Array] | None:
    """Polynomials at every row of `sample`, (d, p), and their coefficients, (p, K, r), where one
    parameter moves `direct`; None if that is no gain."""
    ends = sample[[sample[:, at].argmin(), sample[:, at].argmax()]]
    (low, high), points = ends[:, at], POINTS
    if low >= high or points >= len(sample):
        return None
    exact = direct(ends)
    worth = np.abs(exact).max(axis=(0, 2))
    while points < len(sample):
        (nodes, weights, at_ends), moved = _polynomials(points), np.tile(ends[0], (points, 1))
        moved[:, at] = (low + high + (high - low) * nodes) / 2
        fitted = np.tensordot(weights, direct(moved), axes=1)
        off = np.tensordot(at_ends, fitted, axes=1)
        if (np.abs(off - exact).max(axis=(0, 2)) <= ROUNDING * worth).all():
            t = (2 * sample[:, at] - low - high) / (high - low)
            return chebvander(t, points - 1), fitted
        points *= 2
    return None


@lru_cache(maxsize=16)
def _polynomials(points: int) -> tuple[Array, Array, Array]:
    """So many Chebyshev points, what makes coefficients of the values there, (points, points), and
    the polynomials at -1 and 1, (2, points)."""
    nodes = chebpts1(points)
    # Chebyshev polynomials are orthogonal over their points: no system is solved.
    weights = chebvander(nodes, points - 1) * (2 - (np.arange(points) == 0)) / points
    return nodes, weights.T, chebvander(np.array([-1.0, 1.0]), points - 1)
