"""The highest peak of the likelihood over one spatial parameter, rho or lambda.

    l(rho) = T* ln|S| - n*T*/2 ln(e'e),   e = e_y - rho e_Wy
    l(lambda) = T* ln|R| - n*T*/2 ln(e'e),   e = (y - lambda My) - (Z - lambda MZ) delta(lambda)

The data are touched once: what is left of n T rows is a triangle, or three numbers. Where
ln|S| costs a factorisation each time (`Solved`), a rough one says where the peak is, and an
exact one near it what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spatialsyn.errors import EstimationError
from spatialsyn.models.design import Design, ErrorLag
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.optimize import SCAN, maximise, maximise_many, scanned
from spatialsyn.numerics.traces import Solved

Value: TypeAlias = Callable[[Array], Array]
Derivatives: TypeAlias = Callable[[Array], tuple[Array, Array]]
# The likelihood and its two derivatives, given a log-determinant.
Profile: TypeAlias = Callable[[LogDet], tuple[Value, Derivatives]]
# e_y'e_y, e_y'e_Wy and e_Wy'e_Wy.
Products: TypeAlias = tuple[Array, Array, Array]

# Where no eigenvalue closes the interval of rho before, the search stops at the last of these
# times 1/|w|max; what lies beyond the first is scanned by itself.
NEAR, REACH = 5.0, 20.0
# A rho this near the end of its interval, in parts of its width, is no maximum; one that was
# climbed to stops in steps this near to it.
EDGE, STOPPED = 1e-7, 1e-3
# Points of the scan of a narrow interval; how often it may move before the whole is taken.
FEW, MOVES = 9, 6
# What looks beyond an interval that a way to ln|S| does not leave, whatever W allows.
WIDER = (
    " The way to the log-determinant ({way}) ends at {low:.4g} and {high:.4g} whatever W allows: "
    'weights.with_logdet("eigenvalues") searches up to the last value that it does.'
)


def best_on_line(of: Profile, logdet: LogDet, name: str) -> Array:
    """The maximiser of the likelihood `of` this log-determinant, (1,).

    Raises
    ------
    EstimationError
        The likelihood still rises at an end of the interval.
    """
    if not isinstance(logdet.full, Solved):
        return np.array([peak(*of(logdet), logdet, name)])
    space = searched(logdet)
    rho = maximise(*of(logdet.rough), space)
    for _ in range(MOVES):
        part = logdet.near(rho)
        low, high = (max(space[0], part.interval[0]), min(space[1], part.interval[1]))
        points = scanned((low, high), SCAN if (low, high) == space else FEW)
        rho = maximise(*of(part), (low, high), points)
        if _distance(rho, (low, high)) > EDGE or _distance(rho, space) < EDGE:
            logdet.full.keep(rho, part)
            return np.array([_inside(rho, space, name, logdet)])
    return np.array([peak(*of(logdet), logdet, name)])


def of_rho(design: Design, e_y: Array, e_Wy: Array) -> Profile:
    """That of rho, for residuals of y and Wy."""
    products = products_of(e_y, e_Wy)
    return lambda logdet: profile(design, logdet, products)


def products_of(e_y: Array, e_Wy: Array) -> Products:
    """The sums of squares and products of residuals of y and Wy, (nT,) or (nT, b)."""
    return (e_y**2).sum(axis=0), (e_y * e_Wy).sum(axis=0), (e_Wy**2).sum(axis=0)


def profile(design: Design, logdet: LogDet, products: Products) -> tuple[Value, Derivatives]:
    """The concentrated likelihood of rho and its two derivatives; residuals are e_y - rho e_Wy.

    For numbers, or arrays (b,) of as many likelihoods.
    """
    a, b, c = products
    half = design.nobs / 2

    def ssr(rho: Array) -> Array:
        return np.asarray(a - 2 * rho * b + rho**2 * c)

    def value(rho: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):  # an exact fit is refused later
            return design.copies * logdet(rho) - half * np.log(ssr(rho))

    def derivatives(rho: Array) -> tuple[Array, Array]:
        q, dq = ssr(rho), -2 * b + 2 * rho * c
        once, twice = logdet.slopes(rho)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = design.copies * once - half * dq / q
            return slope, design.copies * twice - half * (2 * c / q - (dq / q) ** 2)

    return value, derivatives


def of_lambda(design: Design, error: ErrorLag) -> Profile:
    """That of lambda: generalised least squares at every lambda, on the triangle of the data."""
    size, p = design.y.size, design.Z.shape[2]
    Z, MZ = design.Z.reshape(size, p), error.Z.reshape(size, p)
    length = np.sqrt((Z**2).sum(axis=0))
    stack = np.column_stack([Z / length, MZ / length, design.y.ravel(), error.y.ravel()])
    R: Array = np.asarray(np.linalg.qr(stack, mode="r"))
    Z, MZ, y, My = R[:, :p], R[:, p : 2 * p], R[:, -2], R[:, -1]

    def fitted(lam: float) -> tuple[Array, Array, Array]:
        A, v = Z - lam * MZ, y - lam * My
        delta = np.linalg.lstsq(A, v, rcond=None)[0]
        return A, delta, v - A @ delta

    def ssr(lam: float) -> tuple[float, float, float]:
        """e'e and its two derivatives; e is orthogonal to the filtered regressors."""
        A, delta, e = fitted(lam)
        Mu = My - MZ @ delta
        moved = -np.linalg.lstsq(A.T @ A, MZ.T @ e + A.T @ Mu, rcond=None)[0]
        bend = (Mu + A @ moved) @ Mu + e @ MZ @ moved
        return float(e @ e), -2 * float(e @ Mu), 2 * float(bend)

    half = design.nobs / 2

    def of(logdet: LogDet) -> tuple[Value, Derivatives]:
        def value(lam: Array) -> Array:
            squares = np.array([(fitted(float(one))[2] ** 2).sum() for one in lam])
            return design.copies * logdet(lam) - half * np.log(squares)

        def derivatives(lam: Array) -> tuple[Array, Array]:
            q, dq, ddq = ssr(float(lam))
            slope = design.copies * logdet.slope(lam) - half * dq / q
            bend = design.copies * logdet.curvature(lam) - half * (ddq / q - (dq / q) ** 2)
            return slope, bend

        return value, derivatives

    return of


def peak(
    value: Value, derivatives: Derivatives, logdet: LogDet, name: str, scan: int = SCAN
) -> float:
    """The maximiser of `value` over the parameter space of one rho or lambda; see `maximise`."""
    space = searched(logdet)
    return _inside(maximise(value, derivatives, space, all_of(logdet, scan)), space, name, logdet)


def peaks(design: Design, logdet: LogDet, products: Products) -> tuple[Array, NDArray[np.bool_]]:
    """The rho of many likelihoods, and whether each lies inside the space and not at its end.

    `products` are arrays (b,), see `profile`.
    """
    value, derivatives = profile(design, logdet, products)
    low, high = space = searched(logdet)
    with np.errstate(divide="ignore", invalid="ignore"):  # of an exact fit nothing is left
        rho = maximise_many(value, derivatives, space, all_of(logdet))
    return rho, np.minimum(rho - low, high - rho) >= EDGE * (high - low)


def searched(logdet: LogDet) -> tuple[float, float]:
    """The finite interval on which rho is looked for."""
    reach = REACH / logdet.radii[0]
    low, high = logdet.interval
    return max(low, -reach), min(high, reach)


def all_of(logdet: LogDet, points: int = SCAN) -> Array:
    """Values over all of that interval, ascending, so many in each of its stretches.

    What lies beyond `NEAR` is a stretch of its own: most of a wide interval has no peak.
    """
    near, (low, high) = NEAR / logdet.radii[0], searched(logdet)
    ends = [low, *(end for end in (-near, near) if low < end < high), high]
    return np.concatenate([scanned(stretch, points) for stretch in pairwise(ends)])


def _distance(rho: float, interval: tuple[float, float]) -> float:
    """From the nearer end, in parts of the width."""
    low, high = interval
    return min(rho - low, high - rho) / (high - low)


def wider(logdet: object, rho: float) -> str:
    """What looks further, where `rho` is at or beyond the end of a way to ln|S|.

    The space of W may end later, but not after one over its spectral radius.
    """
    full = logdet.full if isinstance(logdet, LogDet) else None
    if not isinstance(full, Solved) or rho * full.radius >= 1:
        return ""
    low, high = full.interval
    if _distance(rho, (low, high)) > STOPPED:
        return ""
    return WIDER.format(way=full.method, low=low, high=high)


def _inside(rho: float, space: tuple[float, float], name: str, logdet: LogDet) -> float:
    if _distance(rho, space) < EDGE:
        raise EstimationError(
            f"the likelihood still rises at {name} = {rho:.4g}, the end of its interval "
            f"({space[0]:.4g}, {space[1]:.4g}): the data do not identify this model with this W. "
            "Check for a common trend (time effects), outliers and the scale of W."
            f"{wider(logdet, rho)}"
        )
    return rho
