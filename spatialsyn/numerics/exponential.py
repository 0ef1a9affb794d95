"""The matrix exponential e^(alpha W): its action on arrays, and its log-determinant.

    e^(alpha W) v = sum_k alpha^k W^k v / k!

in steps of |alpha| ||W|| <= 1, so that no term outgrows the sum and the eighteenth is
rounding. Only lags are taken: a sparse W stays sparse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialsyn.numerics.lags import Array, Matrix, lag, norm

# 1 / 19! is below rounding.
TERMS = 18
# |alpha| ||W|| beyond this, where rho = 1 - e^alpha differs from one by 1e-9, is no estimate.
REACH = 20.0


def act(W: Matrix, alpha: float, v: Array) -> Array:
    """e^(alpha W) v, for `v` of shape (n,), (n, T) or (n, T, k)."""
    steps = max(1, int(np.ceil(abs(alpha) * norm(W))))
    for _ in range(steps):
        term = v
        for k in range(1, TERMS + 1):
            term = lag(W, term) * (alpha / steps / k)
            v = v + term
    return v


def exponentials(W: Sequence[Matrix], alpha: Array, n: int) -> Array:
    """The product of the e^(alpha_m W_m), (n, n), written out; the identity without any."""
    product: Array = np.eye(n)
    for w, a in zip(W, alpha, strict=True):
        product = act(w, float(a), product)
    return product


@dataclass(frozen=True, eq=False)
class Exponential:
    """e^(alpha W) as an operator: `lag` and ``@`` take it like a matrix."""

    W: Matrix
    alpha: float
    ndim = 2

    def __matmul__(self, v: Array) -> Array:
        return act(self.W, self.alpha, v)


@dataclass(frozen=True)
class Exponent:
    """ln|e^(alpha W)| = alpha tr W, defined for every alpha, searched up to `REACH`.

    The diagonal of W is zero, and so is its trace, until time effects are transformed away:
    tr F'WF = tr W - 1 for row-standardised W (`without_unit_root`).

    Attributes
    ----------
    radii : the norm of W, one over the scale on which alpha is measured
    """

    radii: tuple[float]
    trace: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The reach."""
        return -REACH / self.radii[0], REACH / self.radii[0]

    def __call__(self, alpha: float | Array) -> float:
        """The log-determinant, minus infinity out of reach."""
        return self.trace * float(np.sum(alpha)) if self.contains(alpha) else -np.inf

    def slope(self, alpha: float) -> float:
        """Its derivative."""
        return self.trace

    def gradient(self, alpha: Array) -> Array:
        """Its derivative, (1,)."""
        return np.full(1, self.trace)

    def contains(self, alpha: float | Array) -> bool:
        """Whether alpha is within reach."""
        return bool((np.abs(alpha) * self.radii[0] < REACH).all())

    def without_unit_root(self) -> Exponent:
        """That of F'WF: the eigenvalue one of W is gone."""
        return Exponent(self.radii, self.trace - 1)
