"""ln|I - rho W| of a W taken apart once, so that many models of one W have S^-1 for little.

Its parts are eigenvectors (`eigenvectors`), or a Schur form where these are not orthogonal in
any scale of the cities (`schur`). tr G'G and the sums of G are rational functions of rho whose
poles are 1 / w of the eigenvalues w: between those rho that they are found at they are
interpolated, to about 1e-13 of themselves, to 1e-11 where W is far from normal (`cells`; ours).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spatialsyn.numerics.cells import Cells
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.numerics.solves import Inverse
from spatialsyn.numerics.traces import Propagation, Traces, projected

# Beyond this many times 1 / |w|max no sums are interpolated, and poles do not matter.
REACH, FAR = 6.0, 60.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposed(Eigenvalues):
    """ln|I - rho W| that also knows S^-1 and G = W S^-1.

    What it finds at an array of rho is found one by one: it does not depend on the others.

    Attributes
    ----------
    W : (n, n)
    """

    W: Matrix

    @abstractmethod
    def inverse(self, rho: float) -> Inverse:
        """S^-1 as an operator."""

    @abstractmethod
    def propagated(self, rho: Array, v: Array) -> Array:
        """G v, (b, n, q), for (b,) and (b, n, q)."""

    @abstractmethod
    def sums(self, rho: Array) -> Array:
        """tr G'G and the `margins` of G, (b, 5), at rho that are not zero."""

    @cached_property
    def cells(self) -> Cells:
        """Of `sums`."""
        reach = REACH / self.radii[0]
        low, high = self.interval
        near = self.eigenvalues[np.abs(self.eigenvalues) * FAR > self.radii[0]]
        return Cells(self.sums, 1 / near, (max(low, -reach), min(high, reach)))

    def traces_at(self, rho: Array, swept: bool) -> Traces:
        """tr G, tr G^2 and tr G'G, each (b,); of J G J, J = I - 11'/n, where `swept`."""
        once, twice = self.slopes(rho)
        sums = self.cells(rho).T
        traces: Traces = (-once, -twice, sums[0])
        return projected(traces, sums[1:]) if swept else traces

    def at(self, rho: float) -> Propagation:
        """G at this rho."""
        return Resolved(self.W, self.inverse(rho), self, rho)


@dataclass(frozen=True, eq=False)
class Resolvent(Inverse):
    """S^-1 at one rho."""

    of: Decomposed
    rho: float

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.of.W.shape[0], self.of.W.shape[0]


@dataclass(frozen=True, eq=False)
class Resolved(Propagation):
    """G whose sums are known."""

    logdet: Decomposed

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """|G - G'|_F^2 / 2, exactly."""
        return float(self._sums[0] + self.logdet.curvature(self.rho)), 0.0

    @property
    def margins(self) -> Array:
        """1'G1, 1'GG1, |G1|^2 and |G'1|^2, over n."""
        return self._sums[1:]

    @cached_property
    def _sums(self) -> Array:
        return self.logdet.cells(np.array([self.rho]))[0]
