"""Interpolation of ln|I - rho W| in q, where it has no singularity nearby.

    q = s / (1 + sqrt(1 - s^2)),   s = rho r = 2q / (1 + q^2),   r the spectral radius of W
    f = -n ln(1 + q^2) - 2 sum_k (q^k / k) tr T_k(W / r)     (T_k: Chebyshev polynomials)

f is analytic in |q| < 1 whenever the spectrum is real; in rho it has a singularity beside
the interval. Chebyshev points of q therefore need a quarter of the nodes that rho needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet

# Values of ln|I - rho W| at an array of rho, (k,) or (k, m) for m functions at once.
Values = Callable[[Array], Array]
# The coefficients that the bound rests on, the slowest decay that is extrapolated, its safety, and
# that where a base is taken away: what it leaves does not fall as evenly.
LAST, SLOWEST, SAFETY, UNEVEN = 8, 0.9, 4.0, 8.0
# More than on any narrow interval: a base has no singularity near it.
NODES_OF_BASE = 17


@dataclass(frozen=True, eq=False)
class Interpolant(LogDet):
    """A polynomial in t = (q - centre) / half on an interval of rho.

    Attributes
    ----------
    coefficients : (k,) of the Chebyshev polynomials of t
    radius : spectral radius r of W
    tail : bound of what lies beyond the nodes
    degree : of the polynomial through them
    """

    coefficients: Array
    centre: float
    half: float
    radius: float
    tail: float
    degree: int
    method: str = "interpolated"

    @property
    def error(self) -> str:
        """The bound, in words."""
        return f"error below {self.tail:.1g}"

    @property
    def interval(self) -> tuple[float, float]:
        """Where it was interpolated."""
        low, high = (rho_of(self.centre + end * self.half) / self.radius for end in (-1, 1))
        return float(low), float(high)

    @property
    def radii(self) -> tuple[float]:
        """The spectral radius."""
        return (self.radius,)

    def derivative(self, rho: float | Array, order: int) -> Array:
        """By Clenshaw's rule and the chain rule through q."""
        return np.asarray(chained(*self._by_q(rho, order)) * self.radius**order)

    def slopes(self, rho: float | Array) -> tuple[Array, Array]:
        """First and second derivative, by one sum."""
        q, by_q = self._by_q(rho, 2)
        once, twice = chained(q, by_q[:2]) * self.radius, chained(q, by_q) * self.radius**2
        return np.asarray(once), np.asarray(twice)

    def _by_q(self, rho: float | Array, order: int) -> tuple[Array, Array]:
        """q, and the derivatives in q from order 0 on."""
        q = q_of(np.asarray(rho, dtype=float) * self.radius)
        t = (q - self.centre) / self.half
        return q, np.asarray(chebyshev.chebval(t, self.series[:, : order + 1]))

    def shift(self, rho: float, se: float, copies: int) -> float:
        """Of the tail, whose slope is no more than Markov's inequality allows."""
        steep = float(chained(q_of(np.asarray(rho * self.radius)), [np.ones(()), np.ones(())]))
        size = self.degree**2 / self.half * steep * self.radius
        return copies * se * self.tail * size

    @cached_property
    def series(self) -> Array:
        """(k, 3, ...), coefficients of the derivatives in q of order 0 to 2."""
        found = np.zeros((len(self.coefficients), 3, *self.coefficients.shape[1:]))
        for k in range(min(3, len(found))):
            found[: len(found) - k, k] = chebyshev.chebder(self.coefficients, k) / self.half**k
        return found


def interpolated(
    values: Values,
    span: tuple[float, float],
    radius: float,
    sizes: tuple[int, ...],
    close: float = 0.0,
    method: str = "interpolated",
    base: Values | None = None,
) -> Interpolant:
    """The interpolant on `span`, from the first of `sizes` whose error is below `close`.

    With a `base`, which costs little, values are asked only for what is left of them. Sizes are
    such that each one's points, cos(pi j / (k - 1)), are among those of the next.
    """
    low, high = (float(q_of(np.asarray(end * radius))) for end in span)
    centre, half = (low + high) / 2, (high - low) / 2
    y, largest = np.empty(0), 0.0
    for size in sizes:
        known, y_known = np.zeros(size, dtype=bool), y
        if len(y):
            known[:: (size - 1) // (len(y) - 1)] = True
        t = np.cos(np.pi * np.arange(size) / (size - 1))
        rho = rho_of(centre + half * t[~known]) / radius
        made = values(rho)
        largest = max(largest, float(np.abs(made).max()))
        made = made if base is None else made - base(rho)
        y = np.empty((size, *made.shape[1:]))
        y[~known] = made
        if known.any():
            y[known] = y_known
        # The cosine transform, by the whole period of values that are even in the angle.
        period = np.concatenate([y, y[-2:0:-1]])
        coefficients = np.fft.rfft(period, axis=0).real / (size - 1)
        coefficients[[0, -1]] /= 2
        safety = SAFETY if base is None else UNEVEN
        tail = safety * beyond(coefficients, largest, pace_of(centre, half))
        if tail <= close:
            break
    whole: Array = coefficients
    if base is not None:
        whole = interpolated(base, span, radius, (NODES_OF_BASE,)).coefficients
        whole[:size] += coefficients
    return Interpolant(whole, centre, half, radius, tail, size - 1, method)


def beyond(coefficients: Array, size: float, pace: float) -> float:
    """About the terms left out, and rounding.

    Coefficients decay by the factor `pace` from one to the next, or slower where they are
    seen to: complex eigenvalues bring singularities inside the unit circle of q.
    """
    last = (
        np.abs(coefficients[: -LAST - 1 : -1]).reshape(min(LAST, len(coefficients)), -1).max(axis=1)
    )
    rounding = len(coefficients) * np.finfo(float).eps * (size + 1)
    seen = np.sqrt(last[:2].max() / max(last[2:4].max(), rounding))
    decay = min(max(pace, float(seen)), SLOWEST)
    envelope = float((last * decay ** np.arange(len(last))).max())
    return envelope * decay / (1 - decay) + rounding


def pace_of(centre: float, half: float) -> float:
    """How fast coefficients decay by the singularities at q = 1 and q = -1."""
    distance = (1 - abs(centre)) / half
    return float(1 / (distance + np.sqrt(distance**2 - 1)))


def q_of(s: Array) -> Array:
    """q, for |s| < 1."""
    return np.asarray(s / (1 + np.sqrt(1 - np.square(s))))


def rho_of(q: float | Array) -> Array:
    """s, the inverse of `q_of`."""
    return np.asarray(2 * np.asarray(q) / (1 + np.square(q)))


def chained(q: Array, by_q: Sequence[Array] | Array) -> Array:
    """The derivative in s of the order of the last of `by_q`, derivatives in q from order 0."""
    order, one = len(by_q) - 1, 1 + q**2
    if order == 0:
        return by_q[0]
    r1, r2 = 2 * (1 - q**2) / one**2, 4 * q * (q**2 - 3) / one**3
    q1, q2 = 1 / r1, -r2 / r1**3
    return by_q[1] * q1 if order == 1 else by_q[2] * q1**2 + by_q[1] * q2
