"""The highest peak of the likelihood over its spatial parameters.

With a spatial error, several lags of y or random effects the search has more than one
dimension, and the likelihood may have more than one peak: it is climbed from the points of a
grid that are higher than all around them. For one rho beside one lambda the grid is dense
(`plane`), and so it is for the rho of two W (`fan`). Elsewhere it is coarse; a lag and an error
tell much the same story, so that what is found at (rho, lambda) is tried at (lambda, rho) too: a
second peak there may be narrow.
(An outer loop that alternates between lambda and delta stops early; Anselin 1988, section 12.1.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np
from scipy.ndimage import maximum_filter

from spatialsyn.errors import EstimationError, digits
from spatialsyn.models import fan, plane
from spatialsyn.models.design import Design
from spatialsyn.models.likelihood import concentrated, names, score, split
from spatialsyn.models.line import REACH, wider
from spatialsyn.models.reach import FEW, heights, places
from spatialsyn.numerics.exponential import Exponent
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.optimize import maximise_from, newton_step

# The concentrated likelihood of a design at its spatial parameters, and its slopes.
Loglik = Callable[[Design, Array], float]
Gradient = Callable[[Design, Array], Array]
# Starting values: shares of the way from zero to the ends of an interval, more of them for one
# or two lags, and values of phi.
GRID = (-0.6, -0.2, 0.2, 0.5, 0.8)
FINE = (-0.9, *GRID, 0.95)
PHI = (0.1, 0.3, 0.7)
# Where an interval reaches beyond so many times one over the radius, one more for every factor.
NEXT, FACTOR = 1.25, 3.0
# How many of the highest peaks of the grid are climbed from.
CLIMBS = 4
# At a peak Newton's step is below this, and so many of them do not leave the space.
FLAT, ROOM = 1e-3, 10
# Gain per unit of a parameter, in its unit, that rounding does not make: 1e-7 at maxima.
RISES = 1e-2


def best_spatial(
    design: Design,
    start: Array | None = None,
    loglik: Loglik = concentrated,
    gradient: Gradient = score,
    pooled: Array | None = None,
) -> Array:
    """(rho_1 ... rho_m, lambda, phi) with the highest concentrated likelihood.

    With `start`, the peak that is climbed from there; `pooled`, without phi, is tried beside
    the grid, which may miss the peak of a very exact rho. The climb stops short of phi = 1,
    beyond which a variance is negative: whether the likelihood is highest there is seen
    from the model without city effects, and `check_peak` is the caller's then.

    Raises
    ------
    EstimationError
        No start lies inside the parameter space, or the peak lies at its edge.
    """
    unit = _units(design)
    linear = not (design.random or design.exponential) and design.yearly_error is None
    linear = linear and loglik is concentrated
    dense = linear and len(design.W) == 1 and bool(plane.logdets(design))
    by_rays = linear and fan.sees(design)
    if linear:
        design = compressed(design)

    def value(at: Array) -> float:
        if (design.random and at[-1] >= 1) or _far(design, at) >= REACH:
            return -np.inf
        return loglik(design, at * unit)

    def slope(at: Array) -> Array:
        return gradient(design, at * unit) * unit

    if start is not None:
        starts: list[Array] = [start / unit]
    elif by_rays:
        starts = _on_rays(design, unit)
    else:
        starts = _on_plane(design, unit) if dense else _seen(design, value, unit)
    starts = [s for s in starts if np.isfinite(value(s))]
    if not starts:
        raise EstimationError("no starting value lies inside the parameter space of these W.")
    top = maximise_from(value, slope, starts)
    if pooled is not None:
        beside = max([np.r_[pooled, phi] / unit for phi in PHI], key=value)
        if value(beside) > value(top):
            top = maximise_from(value, slope, [beside])
    if start is None and design.error is not None and not (dense or by_rays):
        others = [s for s in _exchanged(top, len(design.W)) if np.isfinite(value(s))]
        top = max([top, *(maximise_from(value, slope, [s]) for s in others)], key=value)
    best = np.asarray(top * unit)
    if not design.random:
        check_peak(design, best, loglik, gradient)
    return best


def compressed(design: Design) -> Design:
    """A design with the same sums of squares and products in as few rows as it has columns."""
    error = design.error
    parts = [design.y[..., None], design.Wy, design.Z]
    parts += [error.y[..., None], error.Wy, error.Z] if error is not None else []
    columns = np.concatenate(parts, axis=2)
    R = np.asarray(np.linalg.qr(columns.reshape(design.y.size, -1), mode="r"))
    y, Wy, Z, *lagged = np.split(R[:, None, :], np.cumsum([v.shape[2] for v in parts])[:-1], axis=2)
    if error is not None:
        error = replace(error, y=lagged[0][..., 0], Wy=lagged[1], Z=lagged[2])
    return replace(design, y=y[..., 0], Wy=Wy, Z=Z, error=error)


def check_peak(
    design: Design, spatial: Array, loglik: Loglik = concentrated, gradient: Gradient = score
) -> None:
    """Refuse a highest point from which the likelihood still rises.

    Near an edge that it rises to without bound Newton's steps are no longer than what is left
    of the way, however near.
    """
    unit = _units(design)

    def slope(at: Array) -> Array:
        return gradient(design, at * unit) * unit

    rise = slope(spatial / unit)
    step = newton_step(slope, spatial / unit, rise)

    def value(at: Array) -> float:
        return loglik(design, at)

    # Beside a ridge steps along it are short, however much is gained: exponentials have such, and
    # so has an edge, beyond which the differences behind the step may reach.
    steep = np.abs(rise).max() > RISES and (design.exponential or _near_edge(value, spatial, unit))
    if steep or not at_rest(value, spatial, step, unit):
        raise EstimationError(
            f"the likelihood still rises at [{digits(spatial)}] "
            f"({', '.join(names(design))}), the edge of the parameter space: the data do not "
            "identify this model with these W. Compare the models with one lag less, and look "
            f"at how alike the matrices are: ss.weights.audit(...).{_wider(design, spatial)}"
        )


def _near_edge(value: Callable[[Array], float], at: Array, unit: Array) -> bool:
    """Whether a step of `FLAT` of one parameter leaves the space."""
    aside = FLAT * np.diag(unit)
    return not np.isfinite([value(at + side) for side in (*aside, *-aside)]).all()


def at_rest(value: Callable[[Array], float], at: Array, step: Array, unit: Array) -> bool:
    """Whether Newton's `step` from `at`, in parts of `unit`, is short and far from any edge.

    It is short too where the likelihood would have its peak just beyond the edge.
    """
    return bool(np.abs(step).max() < FLAT and np.isfinite(value(at + ROOM * step * unit)))


def _far(design: Design, at: Array) -> float:
    """How far from zero: two exponentials that undo each other leave the digits of neither."""
    return float(np.abs(at).sum() if design.exponential else np.abs(at).max())


def _wider(design: Design, spatial: Array) -> str:
    """What looks further for rho, or for lambda, than the ways to their log-determinants."""
    rho, lam, _ = split(design, spatial)
    found = wider(design.logdet, float(rho[0])) if len(rho) else ""
    if not found and design.error is not None and lam is not None:
        return wider(design.error.logdet, lam)
    return found


def _units(design: Design) -> Array:
    """The scale of each parameter: one over the spectral radius of its matrix, one for phi.

    In these units W and c W are the same problem, and steps mean the same for all.
    """
    radii = list(design.logdet.radii) if design.logdet is not None else []
    if design.error is not None:
        radii.extend(design.error.logdet.radii)
    return 1 / np.array([*radii, *([1.0] if design.random else [])])


def _seen(design: Design, value: Callable[[Array], float], unit: Array) -> list[Array]:
    """The starts of climbs, in units."""
    if design.exponential and design.nobs <= FEW:
        axes = [list(at / one) for at, one in zip(places(design), unit, strict=True)]
        return _starts(axes, heights(design))
    axes = _axes(design, unit)
    found = [value(np.array(point)) for point in product(*axes)]
    return _starts(axes, np.reshape(found, [len(axis) for axis in axes]))


def _on_plane(design: Design, unit: Array) -> list[Array]:
    """The starts of climbs over one rho and one lambda, in units."""
    rho, lam = plane.axes(design)
    return _starts([list(rho / unit[0]), list(lam / unit[1])], plane.heights(design, rho, lam))


def _on_rays(design: Design, unit: Array) -> list[Array]:
    """The starts of climbs over two rho, and lambda, in units: the last ray is by the first."""
    rho, lam, found = fan.seen(design)
    tops = _peaks(found, ("nearest", "wrap", "nearest"))
    at = [np.unravel_index(top, found.shape) for top in tops]
    return [np.r_[rho[ray, point], lam[k]][: len(unit)] / unit for k, ray, point in at]


def _starts(axes: Sequence[Sequence[float]], heights: Array) -> list[Array]:
    """The highest points of the grid of these axes among those that no neighbour exceeds."""
    points = [np.array(point) for point in product(*axes)]
    return [points[at] for at in _peaks(heights, ["nearest"] * heights.ndim)]


def _peaks(heights: Array, beyond: Sequence[Literal["nearest", "wrap"]]) -> list[int]:
    """The places, in one row, of the highest that no neighbour exceeds; `beyond` every end."""
    peaks = np.flatnonzero(heights == maximum_filter(heights, size=3, mode=beyond))
    return sorted(peaks.tolist(), key=lambda at: float(heights.flat[at]), reverse=True)[:CLIMBS]


def _exchanged(at: Array, m: int) -> list[Array]:
    """`at` with lambda and each rho in turn exchanged, the other rho at zero."""
    found = []
    for j in range(m):
        other = np.r_[np.zeros(m), at[j], at[m + 1 :]]
        other[j] = at[m]
        found.append(other)
    return found


def _axes(design: Design, unit: Array) -> list[list[float]]:
    """Values of each parameter, in its unit."""
    m = len(design.W)
    shares = FINE if m + (design.error is not None) < 3 else GRID
    axes = [_axis(design.logdet, float(unit[j]), shares) for j in range(m)]
    if design.error is not None:
        axes.append(_axis(design.error.logdet, float(unit[m]), shares))
    if design.random:
        axes.append(list(PHI))
    return axes


def _axis(
    logdet: LogDet | JointLogDet | Exponent | None, unit: float, shares: Sequence[float]
) -> list[float]:
    low, high = logdet.interval if isinstance(logdet, LogDet) else (-unit, unit)
    ends = {-1: min(-low / unit, REACH), 1: min(high / unit, REACH)}
    near = [share * min(ends[int(np.sign(share))], 1.0) for share in shares]
    return sorted([*near, *(side * at for side, end in ends.items() for at in _beyond(end))])


def _beyond(end: float) -> list[float]:
    """Values from one to the `end` of an interval."""
    steps = int(np.ceil(np.log(end) / np.log(FACTOR))) if end > NEXT else 0
    return [end ** ((step + 0.9) / steps) for step in range(steps)]
