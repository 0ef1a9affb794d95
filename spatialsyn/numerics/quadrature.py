"""Intervals filled with Gauss-Legendre nodes, and quantiles of a density known at them.

The polynomial through a density at its K nodes x_i is integrated as it stands. With the
Legendre polynomials P_k on (-1, 1) the part of node i's mass that lies below x is

    1/2 sum_k P_k(x_i) [P_(k+1)(x) - P_(k-1)(x)],   k < K, P_-1 = -1

(Szego 1939, Orthogonal Polynomials, 3.2 and 4.7), so quantiles are as exact as integrals, and
not rounded to nodes. Over rows with units of their own they are a little less so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray

from spatialsyn.numerics.lags import Array

# Halvings of the interval that holds a quantile.
HALVINGS = 50


@dataclass(frozen=True, eq=False)
class Axis:
    """Nodes of an interval and the widths of their cells, which fill it."""

    low: float
    high: float
    nodes: Array
    widths: Array

    def around(self, there: NDArray[np.bool_]) -> tuple[float, float]:
        """The interval that holds the marked nodes, one node wider on both sides."""
        hit = np.flatnonzero(there)
        low = self.nodes[hit[0] - 1] if hit[0] > 0 else self.low
        high = self.nodes[hit[-1] + 1] if hit[-1] + 1 < len(self.nodes) else self.high
        return float(low), float(high)

    def within(self, cells: NDArray[np.intp], generator: np.random.Generator) -> Array:
        """A point of each of these cells."""
        after = generator.random(len(cells))
        return np.asarray(self.low + np.cumsum(self.widths)[cells] - after * self.widths[cells])

    @property
    def mirrored(self) -> Axis:
        """The axis of one minus the value."""
        return Axis(1 - self.high, 1 - self.low, 1 - self.nodes[::-1], self.widths[::-1])


def legendre(low: float, high: float, count: int) -> Axis:
    """Gauss-Legendre nodes; the sums of their weights separate them (Szego 1939, 3.41)."""
    x, w = leggauss(count)
    return Axis(low, high, low + (high - low) * (x + 1) / 2, (high - low) * w / 2)


def quantiles(axis: Axis, mass: Array, unit: Array, probabilities: Array) -> Array:
    """Quantiles of unit * x, the mass of which at the nodes x of Gauss-Legendre is known.

    Parameters
    ----------
    axis : K nodes
    mass : (G, K), sums to one; each row has its own unit
    unit : (G,), positive
    """
    count = len(axis.nodes)
    series = mass @ legvander(leggauss(count)[0], count - 1) / 2

    def below(value: float) -> float:
        x = np.clip(2 * (value / unit - axis.low) / (axis.high - axis.low) - 1, -1, 1)
        P = legvander(x, count)
        rise = P[:, 1:] - np.column_stack([-np.ones(len(x)), P[:, :-2]])
        return float(np.einsum("gk,gk->", series, rise))

    return np.array([_root(below, axis, unit, p) for p in probabilities])


def _root(below: Callable[[float], float], axis: Axis, unit: Array, probability: float) -> float:
    """The value below which there is so much."""
    ends = np.multiply.outer([axis.low, axis.high], unit)
    low, high = float(ends.min()), float(ends.max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < probability else (low, middle)
    return (low + high) / 2
