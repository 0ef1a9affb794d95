"""Which way to ln|I - rho W| suits a matrix, by its size, symmetry and predicted fill.

========================================== ================ ==================================
to 300 cities                              ``eigenvalues``  all of them, once
sparse and symmetrisable, to 600           ``eigenvalues``  of a symmetric matrix, once
dense and symmetrisable                    ``eigenvectors`` these too, once
sparse                                     ``sparse``       factorisations where asked for
dense, not symmetrisable                   ``hessenberg``   one reduction, then n^2 per value
sparse, links without a geography          ``moments``      random probes, exact low orders
========================================== ================ ==================================

Factorisations and the reduction are exact at the nodes of an interpolant whose error is bounded
(`interpolant`): one on the whole interval where that is cheap, or narrow ones around the
estimate, found from a few moments, and of what these leave where W is similar to a symmetric
matrix. The last is an approximation (`moments`). Where many models have one W, eigenvectors or
the Schur form of any W (``schur``) serve them all (`shared`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import atanh

import numpy as np
from scipy import sparse

from spatialsyn.numerics.eigenvectors import scaled
from spatialsyn.numerics.hessenberg import Reduced
from spatialsyn.numerics.interpolant import Interpolant, interpolated
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.moments import Moments
from spatialsyn.numerics.solves import DENSE_TO, Pattern, Solver, pattern
from spatialsyn.numerics.spectrum import canonical, perron, widest
from spatialsyn.numerics.traces import Solved

WAYS = ("eigenvalues", "eigenvectors", "schur", "sparse", "hessenberg", "moments")
# Cities up to which all eigenvalues are found in milliseconds: of any W, and of a symmetric one,
# where factorisations of a sparse W take twice as long.
SMALL, SYMMETRIC = 300, 600
# Cities at the same number of links from one of them: beyond this a factor fills memory.
WIDEST = 8000
# Nodes of the whole interval, until the error is below this; cities up to which it is cheap.
NODES, CLOSE, CHEAP = (33, 65, 129), 1e-9, 1000
# Half the width of a narrow interval in artanh rho: at most, and by the square root of n, about
# two standard errors of a cross-section. The nodes on it, one fewer beyond so many cities or for
# what moments leave, mostly a hundredth of the whole, and two beyond more; twice as many parts of
# it where the bound is above this, which moves an estimate by thousandths of its standard error.
WINDOW, SHRINKING = 0.05, 2.5
NODES_OF_WINDOW, FEWER_NODES, FEWEST_NODES = (6, 11), (5, 9), (4, 7)
MANY, MOST, CLOSE_BY = 5_000, 100_000, 1e-4
# Products, probes and links of the moments that say where the estimate is.
ROUGHLY = (16, 6, 0)


def chosen(W: Matrix) -> str:
    """The way that suits `W`."""
    n = W.shape[0]
    if n <= SMALL:
        return "eigenvalues"
    if not sparse.issparse(W):
        if n > DENSE_TO:
            return "eigenvalues"
        return "hessenberg" if scaled(W) is None else "eigenvectors"
    if n <= SYMMETRIC and scaled(W) is not None:
        return "eigenvalues"
    return "sparse" if widest(W) <= WIDEST else "moments"


def shared(W: Matrix) -> str:
    """The way that suits a `W` of some hundred cities that many models have."""
    return "schur" if scaled(W) is None else "eigenvectors"


def determined(W: Matrix, how: str) -> LogDet:
    """ln|I - rho W| in one of `WAYS` other than eigenvalues."""
    if how == "moments":
        return Moments(sparse.csr_array(W), perron(W))
    return (Reduced if how == "hessenberg" else Factored)(W, perron(W))


@dataclass(frozen=True, eq=False)
class Factored(Solved):
    """Exact values, interpolated between: on the whole interval, or near an estimate."""

    @cached_property
    def pattern(self) -> Pattern:
        """W in an order that keeps its factors sparse."""
        return pattern(self.W, self.radius)

    def values(self, rho: Array) -> Array:
        """ln|I - rho W| at an array of rho, exactly."""
        return np.array([self.pattern.at(float(r)).logdet for r in rho])

    def inverse(self, rho: float) -> Solver:
        """S^-1, by factors of S."""
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
        if self.W.shape[0] <= CHEAP:
            return self.whole
        n = self.W.shape[0]
        half = min(WINDOW, SHRINKING / np.sqrt(n))
        low, high = (end * self.radius for end in self.interval)
        place = round(atanh(min(max(rho * self.radius, low), high)) / half)
        if place not in self.windows:
            ends = np.tanh((place - 1) * half), np.tanh((place + 1) * half)
            span = max(low, ends[0]) / self.radius, min(high, ends[1]) / self.radius
            base = self.few_moments[0] if self.few_moments[1] else None
            nodes = _nodes_of_window(n, base is not None)
            self.windows[place] = interpolated(
                self.values, span, self.radius, nodes, CLOSE_BY, self.method, base
            )
        return self.windows[place]

    @property
    def rough(self) -> LogDet:
        """The whole where it is cheap, or a few moments."""
        return self.whole if self.W.shape[0] <= CHEAP else self.few_moments[0]

    @cached_property
    def few_moments(self) -> tuple[Interpolant, bool]:
        """What they say, and whether they are those of a symmetric matrix, which say more."""
        # In the order of the factors, neighbours on the map are neighbours in memory.
        few = Moments(canonical(self.pattern.W), self.radius, *ROUGHLY)
        return few.mean, few.scale is not None

    def derivative(self, rho: float | Array, order: int) -> Array:
        """Near the estimate that was found last, or of the whole."""
        found = None if np.ndim(rho) else self._held.get(float(rho))
        return (self.whole if found is None else found.logdet).derivative(rho, order)

    method = "sparse factorisations"

    @property
    def error(self) -> str:
        """The largest of those in use."""
        used = [*self.windows.values(), *([self.whole] if "whole" in self.__dict__ else [])]
        return max(used, key=lambda part: part.tail).error if used else "not used yet"


def _nodes_of_window(n: int, rest: bool) -> tuple[int, ...]:
    """For a narrow interval of n cities, of all of ln|S| or of the `rest` that moments leave."""
    if n >= MOST:
        return FEWEST_NODES
    return FEWER_NODES if rest or n > MANY else NODES_OF_WINDOW
