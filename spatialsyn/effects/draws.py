"""Readings of the multiplier at many draws of its parameters.

With one rho they are smooth functions of it, of which polynomials through the readings at a
few Chebyshev points over the range of the draws say all: n = 3,000 costs what n = 30 does.
The polynomial is checked where it is worst, at the ends, and refined until it is exact to
`ROUNDING`. With several parameters every draw has a multiplier of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.numerics.lags import Array

# Deviation at the ends, in units of the largest reading, that is no more than rounding.
ROUNDING = 1e-11
# Points of the first polynomial; each further one has twice as many.
POINTS = 12
# Draws read together.
BLOCK = 128


def levels(model: Multipliers, sample: Array, reading: Reading) -> Iterator[Array]:
    """The readings at the rows of `sample`, structural parameters: blocks (b, K, r) of rows."""

    def direct(params: Array) -> Array:
        return model.readings(params, reading, slopes=False).level

    moved = model.moved_by
    found = None if len(moved) != 1 else _interpolated(direct, sample, moved[0])
    if found is None:
        return (direct(params)[None] for params in sample)
    basis, fitted = found
    rows = (basis[first : first + BLOCK] for first in range(0, len(sample), BLOCK))
    return (np.tensordot(row, fitted, axes=1) for row in rows)


def _interpolated(
    direct: Callable[[Array], Array], sample: Array, at: int
) -> tuple[Array, Array] | None:
    """Polynomials at every row of `sample`, (d, p), and their coefficients, (p, K, r), where one
    parameter moves `direct`; None if that is no gain."""
    ends = sample[[sample[:, at].argmin(), sample[:, at].argmax()]]
    low, high = ends[:, at]
    exact, points = np.array([direct(end) for end in ends]), POINTS
    worth = np.abs(exact).max(axis=(0, 2))
    while low < high and points < len(sample):
        nodes, moved = chebpts1(points), np.tile(ends[0], (points, 1))
        moved[:, at] = (low + high + (high - low) * nodes) / 2
        found = np.array([direct(params) for params in moved])
        # Chebyshev polynomials are orthogonal over their points: no system is solved.
        weights = chebvander(nodes, points - 1) * (2 - (np.arange(points) == 0)) / points
        fitted = np.tensordot(weights.T, found, axes=1)
        off = np.tensordot(chebvander(np.array([-1.0, 1.0]), points - 1), fitted, axes=1)
        if (np.abs(off - exact).max(axis=(0, 2)) <= ROUNDING * worth).all():
            t = (2 * sample[:, at] - low - high) / (high - low)
            return chebvander(t, points - 1), fitted
        points *= 2
    return None
