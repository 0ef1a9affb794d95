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


def levels(model: Multipliers, sample: Array, reading: Reading) -> Iterator[Array]:
    """The (K, r) readings at every row of `sample`, structural parameters."""

    def direct(params: Array) -> Array:
        return model.readings(params, reading, slopes=False).level

    values = None if len(model.moved_by) != 1 else _interpolated(direct, sample, *model.moved_by)
    return map(direct, sample) if values is None else iter(values)


def _interpolated(
    direct: Callable[[Array], Array], sample: Array, at: int
) -> Iterator[Array] | None:
    """`direct` at every row of `sample`, where one parameter moves it; None if that is no gain."""
    ends = sample[[sample[:, at].argmin(), sample[:, at].argmax()]]
    low, high = ends[:, at]
    exact, points = np.array([direct(end) for end in ends]), POINTS
    worth = np.abs(exact).max(axis=(0, 2))
    while low < high and points < len(sample):
        nodes, moved = chebpts1(points), np.tile(ends[0], (points, 1))
        moved[:, at] = (low + high + (high - low) * nodes) / 2
        found = np.array([direct(params) for params in moved]).reshape(points, -1)
        # Chebyshev polynomials are orthogonal over their points: no system is solved.
        weights = chebvander(nodes, points - 1) * (2 - (np.arange(points) == 0)) / points
        basis = chebvander((2 * sample[:, at] - low - high) / (high - low), points - 1)
        fitted, shape = weights.T @ found, exact[0].shape
        off = basis[[sample[:, at].argmin(), sample[:, at].argmax()]] @ fitted
        deviation = np.abs(off.reshape(exact.shape) - exact).max(axis=(0, 2))
        if (deviation <= ROUNDING * worth).all():
            return ((row @ fitted).reshape(shape) for row in basis)
        points *= 2
    return None
