"""Which way to ln|I - rho W| suits a matrix, by its size, symmetry and predicted fill.

========================================== =============== ==================================
to 300 cities; dense and symmetrisable     ``eigenvalues`` all of them, once
sparse                                     ``sparse``      factorisations where asked for
dense, not symmetrisable                   ``hessenberg``  one reduction, then n^2 per value
sparse, links without a geography          ``moments``     random probes, exact low orders
========================================== =============== ==================================

The second and third are exact at the nodes of an interpolant whose error is bounded
(`interpolant`): one on the whole interval where that is cheap, or narrow ones around the
estimate, found from a few moments. The last is an approximation (`moments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import hessenberg

from spatialsyn.numerics.interpolant import Interpolant, interpolated
from spatialsyn.numerics.lags import Array, Matrix, dense
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.moments import Moments
from spatialsyn.numerics.solves import DENSE_TO, Pattern, Solver, pattern, solver
from spatialsyn.numerics.spectrum import canonical, perron, symmetriser, widest
from spatialsyn.numerics.traces import Solved

WAYS = ("eigenvalues", "eigenvectors", "sparse", "hessenberg", "moments")
# Cities up to which all eigenvalues are found in milliseconds.
SMALL = 300
# Cities at the same number of links from one of them: beyond this a factor fills memory.
WIDEST = 8000
# Nodes of the whole interval, until the error is below this; cities up to which it is cheap.
NODES, CLOSE, CHEAP = (33, 65, 129), 1e-9, 1000
# Half the width of a narrow interval in artanh rho: at most, and by the square root of n, about
# two standard errors of a cross-section. The nodes on it, one fewer beyond so many cities.
WINDOW, SHRINKING = 0.05, 2.5
FEW_NODES, FEWER_NODES, MANY = (6,), (5,), 10_000
# Products, probes and links of the moments that say where the estimate is.
ROUGHLY = (25, 6, 0)


def chosen(W: Matrix) -> str:
    """The way that suits `W`."""
    n = W.shape[0]
    if n <= SMALL:
        return "eigenvalues"
    if not sparse.issparse(W):
        small = n <= DENSE_TO and symmetriser(W) is None
        return "hessenberg" if small else "eigenvalues"
    return "sparse" if widest(W) <= WIDEST else "moments"


def determined(W: Matrix, how: str) -> LogDet:
    """ln|I - rho W| in one of `WAYS` other than eigenvalues."""
    if how == "moments":
        return Moments(sparse.csr_array(W), perron(W))
    return Factored(W, perron(W), how)


@dataclass(frozen=True, eq=False)
class Factored(Solved):
    """Exact values, interpolated between: on the whole interval, or near an estimate.

    Attributes
    ----------
    way : "sparse" | "hessenberg"
    """

    way: str

    @cached_property
    def pattern(self) -> Pattern:
        """W in an order that keeps its factors sparse."""
        return pattern(self.W, self.radius)

    @cached_property
    def reduced(self) -> Array:
        """The Hessenberg form of W, (n, n)."""
        return np.asarray(hessenberg(dense(self.W), check_finite=False))

    def values(self, rho: Array) -> Array:
        """ln|I - rho W| at an array of rho, exactly."""
        if self.way == "hessenberg":
            return eliminated(self.reduced, rho)
        return np.array([self.pattern.at(float(r)).logdet for r in rho])

    def inverse(self, rho: float) -> Solver:
        """S^-1, by factors of S."""
        if self.way == "hessenberg":
            return solver((self.W,), np.array([rho]), self.W.shape[0])
        return self.pattern.at(rho)

    @cached_property
    def whole(self) -> Interpolant:
        """On the whole interval."""
        return interpolated(self.values, self.interval, self.radius, NODES, CLOSE, self.method)

    @cached_property
    def windows(self) -> dict[int, Interpolant]:
        """The narrow intervals that were needed, by place."""
        return {}

    def near(self, rho: float) -> LogDet:
        """The whole where it is cheap, or the narrow interval around rho, kept for later."""
        if self.way == "hessenberg" or self.W.shape[0] <= CHEAP:
            return self.whole
        n = self.W.shape[0]
        half = min(WINDOW, SHRINKING / np.sqrt(n))
        low, high = (end * self.radius for end in self.interval)
        place = round(float(np.arctanh(np.clip(rho * self.radius, low, high))) / half)
        if place not in self.windows:
            ends = np.tanh((place - 1) * half), np.tanh((place + 1) * half)
            span = max(low, ends[0]) / self.radius, min(high, ends[1]) / self.radius
            nodes = FEW_NODES if n <= MANY else FEWER_NODES
            self.windows[place] = interpolated(
                self.values, span, self.radius, nodes, method=self.method
            )
        return self.windows[place]

    @cached_property
    def rough(self) -> LogDet:
        """The whole where it is cheap, or a few moments."""
        if self.way == "hessenberg" or self.W.shape[0] <= CHEAP:
            return self.whole
        # In the order of the factors, neighbours on the map are neighbours in memory.
        return Moments(canonical(self.pattern.W), self.radius, *ROUGHLY).mean

    def derivative(self, rho: float | Array, order: int) -> Array:
        """Near the estimate that was found last, or of the whole."""
        found = None if np.ndim(rho) else self._held.get(float(rho))
        return (self.whole if found is None else found.logdet).derivative(rho, order)

    @property
    def method(self) -> str:
        """Of the values."""
        return {"sparse": "sparse factorisations", "hessenberg": "Hessenberg form"}[self.way]

    @property
    def error(self) -> str:
        """The largest of those in use."""
        used = [*self.windows.values(), *([self.whole] if "whole" in self.__dict__ else [])]
        return max(used, key=lambda part: part.tail).error if used else "not used yet"


def eliminated(H: Array, rho: Array) -> Array:
    """ln|I - rho H| for an upper Hessenberg H, (n, n), at an array of rho, (k,).

    Gaussian elimination with row exchanges, for all rho at once: of the rows above only the
    one that is left matters, so n^2 operations and n numbers are enough for each rho.
    """
    n = len(H)
    row = -rho[:, None] * H[0]
    row[:, 0] += 1
    total = np.zeros(len(rho))
    for j in range(n - 1):
        below = -rho[:, None] * H[j + 1, j:]
        below[:, 1] += 1
        swapped = np.abs(below[:, 0]) > np.abs(row[:, 0])
        pivot = np.where(swapped[:, None], below, row)
        other = np.where(swapped[:, None], row, below)
        total += np.log(np.abs(pivot[:, 0]))
        row = other[:, 1:] - (other[:, :1] / pivot[:, :1]) * pivot[:, 1:]
    return np.asarray(total + np.log(np.abs(row[:, 0])))
