"""What effects are at every decay that the likelihood does not reject.

    2 [L(best) - L(delta, phi)] <= c

holds delta and the other parameters phi. Given delta it is the Wald ellipsoid of phi, over
which an effect e reaches as far as its error at a known delta says, so that it spans

    min, max over delta of   e(delta) -+ sqrt(c - lr(delta)) se(e | delta),
    lr(delta) = 2 [L(best) - L(delta)]

With c of chi-squared(1) this is the profile likelihood interval of e (Venzon & Moolgavkar
1988, Applied Statistics 37, 87-94). With as many degrees of freedom as there are parameters
behind several effects it holds for all of them at once, as their true values are somewhere
in the region (projection; Scheffe 1953, Biometrika 40, 87-104, where effects are linear).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2

from spatialsyn.errors import EstimationError
from spatialsyn.fitting import fit
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.kernel import Kernel
from spatialsyn.spillovers.profile import DEEP, POINTS, Box

# Grids of likelihoods laid ever closer around the region, until one shrinks by less than this;
# then effects are read on one of so many points per axis, for one and for two decays.
ROUNDS, SHRUNK, READ = 12, 0.75, {1: 25, 2: 9}
# A likelihood ratio this little above c is at it.
ROUNDING = 1e-2
# Directions in which effects vary less than this, beside the largest, are rounding.
FLAT = 1e-8


@dataclass(frozen=True, eq=False)
class Fitted:
    """The fit with one decay for each distance, taken as known, and its likelihood ratio."""

    results: Results
    lr: float


def not_rejected(
    best: Results,
    kernels: Sequence[Kernel],
    profile: pd.DataFrame,
    interval: pd.DataFrame,
    cut: float,
) -> list[Fitted]:
    """Fits all over the decays whose likelihood ratio is at most `cut`, the best first.

    Parameters
    ----------
    profile : ``distance, decay, lr`` of the decays tried, those of `best` among them
    interval : ``low, high`` of each, whose ratio is no more than `cut`
    """
    names = [kernel.name for kernel in kernels]
    tried = [profile[profile["distance"] == name] for name in names]
    axes = [np.log(one["decay"].to_numpy()) for one in tried]
    inside = [axis[one["lr"] <= cut] for axis, one in zip(axes, tried, strict=True)]
    box = _around(axes, [(part.min(), part.max()) for part in inside])
    known = np.log(interval.loc[names, ["low", "high"]].to_numpy()).T
    for _ in range(ROUNDS):
        axes = [np.linspace(*ends, POINTS[len(box)]) for ends in box]
        points = [logs for logs, _ in _near(best, kernels, axes, cut)]
        reached = np.array([*known, *points])
        inner = list(zip(reached.min(axis=0), reached.max(axis=0), strict=True))
        closer = _around(axes, inner)
        if _size(closer) > SHRUNK * _size(box):
            break
        box = closer
    ends = [
        [_end(best, kernels, axes, j, *pair, cut) for pair in zip(closer[j], inner[j], strict=True)]
        for j in range(len(axes))
    ]
    axes = [np.linspace(low, high, READ[len(axes)]) for low, high in ends]
    return [Fitted(best, 0.0), *(one for _, one in _near(best, kernels, axes, cut))]


def _end(
    best: Results,
    kernels: Sequence[Kernel],
    axes: Sequence[Array],
    j: int,
    outside: float,
    inside: float,
    cut: float,
) -> float:
    """Where the likelihood ratio crosses `cut` along axis `j`, its least over the other axis."""

    def over(t: float) -> float:
        line = [*axes[:j], np.array([t]), *axes[j + 1 :]]
        return min((one.lr for _, one in _near(best, kernels, line, DEEP)), default=DEEP) - cut

    if over(outside) <= 0 or over(inside) >= 0:
        return outside if over(outside) <= 0 else inside
    return float(brentq(over, outside, inside, xtol=1e-4))


def _near(
    best: Results, kernels: Sequence[Kernel], axes: Sequence[Array], cut: float
) -> Iterator[tuple[tuple[float, ...], Fitted]]:
    """The points of a grid of the logs of delta with fits within `cut` of the best."""
    for logs in product(*axes):
        falling = {k.name: k.at(float(np.exp(t))) for k, t in zip(kernels, logs, strict=True)}
        try:
            results = fit(best.model, best.panel, {**best.weights, **falling})
        except EstimationError:
            continue
        lr = 2 * (best.loglik - results.loglik)
        # An end found by search has that ratio up to rounding.
        if lr <= cut + ROUNDING:
            yield logs, Fitted(results, min(lr, cut))


def _around(axes: Sequence[Array], ends: Sequence[tuple[float, float]]) -> Box:
    """The box of the grid points next to `ends` outside, or of the grid's own ends."""
    box = []
    for axis, (low, high) in zip(axes, ends, strict=True):
        below, above = axis[axis < low], axis[axis > high]
        box.append((below.max(initial=axis.min()), above.min(initial=axis.max())))
    return tuple(box)


def _size(box: Box) -> float:
    return float(np.prod([high - low for low, high in box]))


def span(values: Array, errors: Array, ratios: Array, cut: Array | float) -> tuple[Array, Array]:
    """The lowest and highest of every effect over the region.

    Parameters
    ----------
    values, errors : (R, rows) effects and their errors at R decays
    ratios : (R,) likelihood ratios of these
    cut : c, of all rows or by row
    """
    room = cut - ratios[:, None]
    half = np.sqrt(np.clip(room, 0, None)) * errors
    low = np.where(room >= 0, values - half, np.inf).min(axis=0)
    high = np.where(room >= 0, values + half, -np.inf).max(axis=0)
    return low, high


def cut_for(spread: Array, decays: int, level: float) -> float:
    """c for all of several effects at once.

    Parameters
    ----------
    spread : (rows, k), whose squares are their covariance at known decays; its rank is the
        number of parameters behind them, beside so many `decays`
    """
    se = np.sqrt((spread**2).sum(axis=1))
    rank = np.linalg.matrix_rank(spread[se > 0] / se[se > 0, None], tol=FLAT * len(spread))
    return float(chi2.ppf(level, int(rank) + decays))
