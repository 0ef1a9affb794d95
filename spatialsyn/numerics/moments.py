"""ln|I - rho W| from the moments of W, estimated by random probes v of +1 and -1.

    symmetrisable W:  f = -n ln(1 + q^2) - 2 sum_k (q^k / k) tr T_k(A),   q as in `interpolant`,
                      v'T_2k v = 2 |T_k v|^2 - v'v,   v'T_(2k+1) v = 2 (T_k v)'(T_(k+1) v) - v'A v
    directed W:       f = -sum_k (rho^k / k) tr W^k,  v'W^(j+k) v = (W'^j v)'(W^k v)

so that K products give 2K moments (Barry & Pace 1999, Linear Algebra and its Applications
289, for powers; the pairs: ours). Traces of the lowest powers are exact: they carry most of
f, the probes only the rest. The spread of f' over the probes and what the series leaves out
bound the error in the unit that counts: how many standard errors it moves an estimate of rho.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev
from scipy import sparse

from spatialsyn.numerics.interpolant import Interpolant, interpolated, q_of
from spatialsyn.numerics.lags import Array, Matrix, by_column
from spatialsyn.numerics.solves import Iterative
from spatialsyn.numerics.spectrum import similar, symmetriser
from spatialsyn.numerics.traces import SEED, Solved

# Nodes of the interpolant that its logarithm takes, beside those of its powers.
NODES = 33
# Of the last moments, those that bound what follows.
LAST = 10


@dataclass(frozen=True, eq=False)
class Moments(Solved):
    """An approximation, for a sparse W whose factors would fill.

    Attributes
    ----------
    products, probes : of the estimate; it has twice as many moments as products
    links : that a power of W may have, for its traces to be exact
    """

    products: int = 60
    probes: int = 32
    links: int = 30_000_000

    @cached_property
    def scale(self) -> Array | None:
        """What makes W symmetric, if anything does."""
        return symmetriser(self.W)

    @cached_property
    def moments(self) -> Array:
        """(2 products, probes), of order 0, 1, ...; the lowest exact, the same for all probes."""
        scale, W = self.scale, sparse.csr_array(self.W / self.radius)
        exact = np.array(exact_traces(W, self.links))
        rng = np.random.default_rng(SEED)
        v = rng.choice(np.array([-1.0, 1.0]), size=(W.shape[0], self.probes))
        if scale is None:
            found = powers(W, v, self.products)
        else:
            found = polynomials(similar(W, np.sqrt(scale)), v, self.products)
            units = [np.eye(k + 1)[k] for k in range(len(exact))]
            exact = np.array([chebyshev.cheb2poly(u) @ exact[: len(u)] for u in units])
        found[: len(exact)] = exact[:, None]
        return found

    @cached_property
    def by_probe(self) -> Interpolant:
        """The function of every probe, whose mean is the estimate."""
        nodes = (2 * self.products + NODES,)
        return interpolated(self._series, self.interval, self.radius, nodes, method=self.method)

    def _series(self, rho: Array) -> Array:
        orders = np.arange(1, len(self.moments))
        by_order = self.moments[1:] / orders[:, None]
        s = rho * self.radius
        if self.scale is None:
            return np.asarray(-(s[:, None] ** orders) @ by_order)
        q = q_of(s)
        trend = self.W.shape[0] * np.log1p(q**2)
        return np.asarray(-trend[:, None] - 2 * q[:, None] ** orders @ by_order)

    @cached_property
    def mean(self) -> Interpolant:
        """The mean over the probes."""
        return replace(self.by_probe, coefficients=self.by_probe.coefficients.mean(axis=1))

    def derivative(self, rho: float | Array, order: int) -> Array:
        """The mean over the probes."""
        return self.mean.derivative(rho, order)

    def shift(self, rho: float, se: float, copies: int) -> float:
        """Twice what the probes spread, and the moments left out, which the last ones bound."""
        slopes = self.by_probe.derivative(rho, 1)
        spread = float(slopes.std(ddof=1)) / np.sqrt(self.probes)
        s = abs(rho) * self.radius
        base = s if self.scale is None else float(q_of(np.asarray(s)))
        last = float(np.abs(self.moments[-LAST:].mean(axis=1)).max())
        left_out = 2 * last * base ** (len(self.moments) - 1) / (1 - base) * self.radius
        return copies * se * (2 * spread + left_out)

    def inverse(self, rho: float) -> Iterative:
        """S^-1, by iterations."""
        return Iterative(sparse.csr_array(self.W), rho)

    @property
    def method(self) -> str:
        """How many moments."""
        return f"{2 * self.products} moments, {self.probes} probes, seed {SEED}"

    error = "approximate"


def polynomials(A: Matrix, v: Array, products: int) -> Array:
    """v'T_k(A)v for k = 0 ... 2 products - 1 and every column v, A symmetric."""
    found = np.empty((2 * products, v.shape[1]))
    before, now = v, A @ v
    found[0], found[1] = by_column(v, v), by_column(v, now)
    for k in range(1, products):
        after = A @ now
        after *= 2
        after -= before
        before, now = now, after
        found[2 * k] = 2 * by_column(before, before) - found[0]
        found[2 * k + 1] = 2 * by_column(before, now) - found[1]
    return found


def powers(W: sparse.csr_array, v: Array, products: int) -> Array:
    """v'W^k v for k = 0 ... 2 products - 1 and every column v."""
    found, back = np.empty((2 * products, v.shape[1])), sparse.csr_array(W.T)
    left, right = v, v
    for k in range(products):
        found[2 * k] = by_column(left, right)
        right = W @ right
        found[2 * k + 1] = by_column(left, right)
        left = back @ left
    return found


def exact_traces(W: sparse.csr_array, most: int) -> list[float]:
    """tr W^k for k = 0, 1, ... to 2, 4 or 6: of powers with at most so many links."""
    back = sparse.csr_array(W.T)
    traces = [float(W.shape[0]), float(W.trace()), _inner(W, back)]
    if _links(W, W) > most:
        return traces
    W2 = sparse.csr_array(W @ W)
    back2 = sparse.csr_array(W2.T)
    traces += [_inner(W2, back), _inner(W2, back2)]
    if _links(W2, W) > most:
        return traces
    W3 = sparse.csr_array(W2 @ W)
    return [*traces, _inner(W3, back2), _inner(W3, sparse.csr_array(W3.T))]


def _links(A: sparse.csr_array, B: sparse.csr_array) -> int:
    """At most so many links has A B."""
    return int(np.diff(B.indptr)[A.indices].sum())


def _inner(A: sparse.csr_array, B: sparse.csr_array) -> float:
    return float(A.multiply(B).sum())
