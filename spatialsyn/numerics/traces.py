"""G = W S^-1 where S is only ever solved with: what it does to arrays, and its traces.

    tr G = -f',    tr G^2 = -f'',    tr G'G = tr G^2 + |G - G'|_F^2 / 2,    f = ln|S|

The last term is a few per cent of the first for neighbours on a map, and zero for symmetric W:
only it is estimated, by random probes v of +1 and -1, |(G - G')v|^2, each corrected by what
|(W - W')v|^2 is more than its mean, |W - W'|_F^2 (ours); to `EXACT` cities it is computed. Dense
flows, which differ far more between their two directions, have exact sums of their own
(`hessenberg`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from spatialsyn.numerics.lags import Array, Matrix, by_column, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.solves import Inverse, Solver

# tr G, tr G^2 and tr G'G: numbers, or arrays of those of many G.
Traces: TypeAlias = tuple[Any, Any, Any]
# Cities up to which tr G'G is exact.
EXACT = 1000
# Probes at a time, and how often at most, until tr G'G is as exact as this, in parts of itself:
# an error e of it changes the standard error of rho by e/4.
PROBES, ROUNDS, ENOUGH = 6, 6, 2e-4
# Not a seed that data are drawn with: probes that repeat their numbers would follow the map.
SEED = 73_939_133
# Where rho is searched, in parts of one over the spectral radius.
SPAN = (-0.98, 0.995)


@dataclass(frozen=True, eq=False)
class Propagation:
    """G at one rho, (n, n): ``@`` and `lag` take it like a matrix.

    Attributes
    ----------
    W : (n, n); inverse : S^-1; logdet : f, near rho
    """

    W: Matrix
    inverse: Inverse
    logdet: LogDet
    rho: float
    ndim = 2

    def __matmul__(self, v: Array) -> Array:
        return lag(self.W, self.inverse.solve(v))

    def back(self, v: Array) -> Array:
        """G'v, for (n,) or (n, q)."""
        return self.inverse.solve_transposed(np.asarray(self.W.T @ v))

    def written_out(self) -> Array:
        """G as an (n, n) array."""
        return lag(self.W, self.inverse.written_out())

    def traces(self, swept: bool, crossed: bool) -> tuple[float, float, float]:
        """tr G, tr G^2 and, where `crossed`, tr G'G; of J G J, J = I - 11'/n, where `swept`."""
        once, twice = (-float(slope) for slope in self.logdet.slopes(self.rho))
        both = twice + self.asymmetry[0] if crossed else 0.0
        if not swept:
            return once, twice, both
        once, twice, both = projected((once, twice, both), self.margins)
        return float(once), float(twice), float(both)

    @property
    def margins(self) -> Array:
        """1'G1, 1'GG1, |G1|^2 and |G'1|^2, over n."""
        ones = np.ones(self.inverse.shape[0])
        return margins(self @ ones, self.back(ones))

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """|G - G'|_F^2 / 2 and its standard error, zero where it is exact."""
        n = self.inverse.shape[0]
        if n <= EXACT and isinstance(self.inverse, Solver):
            G = self @ np.eye(n)
            return float(((G - G.T) ** 2).sum()) / 2, 0.0
        D: Any = self.W - self.W.T
        known = float(np.sum((D if isinstance(D, np.ndarray) else D.data) ** 2))
        if not known:
            return 0.0, 0.0
        rng, curvature = np.random.default_rng(SEED), float(self.logdet.curvature(self.rho))
        found = np.empty((2, 0))
        for _ in range(ROUNDS):
            v = rng.choice(np.array([-1.0, 1.0]), size=(n, PROBES))
            moved = (self @ v) - self.back(v), D @ v
            found = np.column_stack([found, [by_column(u, u) for u in moved]])
            value, se = controlled(found[0], found[1], known)
            if se < ENOUGH * (value - 2 * curvature):
                break
        return value / 2, se / 2

    @property
    def said(self) -> str:
        """What is not exact in its traces."""
        value, se = self.asymmetry
        if not se:
            return "exact"
        whole = value - float(self.logdet.curvature(self.rho))
        return f"to {se / whole:.1g} of itself, by random probes, seed {SEED}"


def controlled(x: Array, z: Array, mean: float) -> tuple[float, float]:
    """The mean of x, (m,), and its standard error, where that of z beside it is known.

    The error over its estimate has Student's t of m - 2, whose variance is (m - 2) / (m - 4): that
    is counted, as m is small. A z that does not vary, as where no city has two links that differ
    between their directions, says nothing.
    """
    apart = z - z.mean()
    if np.abs(apart).max() <= 1e-9 * abs(mean):
        apart, z = np.zeros(len(x)), np.full(len(x), mean)
    spread = float(apart @ apart) or 1.0
    slope, off = float(apart @ x) / spread, float(z.mean()) - mean
    rest = x - x.mean() - slope * apart
    variance = float(rest @ rest) / (len(x) - 4) * (1 / len(x) + off**2 / spread)
    return float(x.mean()) - slope * off, np.sqrt(variance)


def margins(to: Array, fro: Array) -> Array:
    """1'G1, 1'GG1, |G1|^2 and |G'1|^2, over n, (4, ...), from G1 and G'1, (..., n)."""
    return np.array([to.mean(-1), (fro * to).mean(-1), (to * to).mean(-1), (fro * fro).mean(-1)])


def projected(traces: Traces, margins: Array) -> Traces:
    """tr G, tr G^2 and tr G'G of J G J, J = I - 11'/n."""
    (once, twice, both), (mean, twofold, received, sent) = traces, margins
    return once - mean, twice - 2 * twofold + mean**2, both - received - sent + mean**2


@dataclass(frozen=True, eq=False)
class Solved(LogDet):
    """A log-determinant whose S is solved with and never inverted.

    Attributes
    ----------
    W : (n, n); radius : its spectral radius
    """

    W: Matrix
    radius: float

    @abstractmethod
    def inverse(self, rho: float) -> Inverse:
        """S^-1 as an operator."""

    @cached_property
    def row_sums(self) -> Array:
        """Of W, (n,)."""
        return lag(self.W, np.ones(self.W.shape[0]))

    @cached_property
    def _held(self) -> dict[float, Propagation]:
        return {}

    def at(self, rho: float) -> Propagation:
        """G at this rho; the last one is kept."""
        found = self._held.get(rho)
        return self.keep(rho, self.near(rho)) if found is None else found

    def keep(self, rho: float, part: LogDet) -> Propagation:
        """G at this rho with the log-determinant that `part` of the interval has been found."""
        found = self.propagation(rho, part.full)
        self._held.clear()
        self._held[rho] = found
        return found

    def propagation(self, rho: float, logdet: LogDet) -> Propagation:
        """G at this rho, near which ln|S| is `logdet`."""
        return Propagation(self.W, self.inverse(rho), logdet, rho)

    def part(self, rho: float) -> LogDet:
        """The log-determinant that is known at this rho, or is found near it."""
        found = self._held.get(rho)
        return self.near(rho) if found is None else found.logdet

    @property
    def interval(self) -> tuple[float, float]:
        """`SPAN`, in which S is regular whatever the smallest eigenvalue is."""
        return SPAN[0] / self.radius, SPAN[1] / self.radius

    @property
    def radii(self) -> tuple[float]:
        """The spectral radius."""
        return (self.radius,)
