"""What effects are at every decay that the likelihood does not reject.

    2 [L(best) - L(delta, phi)] <= c

holds delta and the other parameters phi. Given delta it is the Wald ellipsoid of phi, over
which an effect e reaches as far as its error at a known delta says, so that it spans

    min, max over delta of   e(delta) -+ sqrt(c - lr(delta)) se(e | delta),
    lr(delta) = 2 [L(best) - L(delta)]

With c of chi-squared(1) this is the profile likelihood interval of e (Venzon & Moolgavkar
1988, Applied Statistics 37, 87-94). With as many degrees of freedom as there are parameters
behind several effects it holds for all of them at once, as their true values are somewhere
in the region (projection; Scheffe 1953, Biometrika 40, 87-104, where effects are linear). It
is ours that decays are left out at which rho is not told from its bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2

from spatialsyn.effects.inference import bound
from spatialsyn.errors import EstimationError
from spatialsyn.fitting import fit
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.kernel import Kernel
from spatialsyn.spillovers.profile import DEEP, POINTS, Box

# Grids laid ever closer around the region, until one shrinks it by no more than this.
ROUNDS, SHRUNK = 12, 0.75
# Likelihoods across a slice of two decays, beside those of the grid; effects read from them.
FINE, ACROSS = 15, 3
# Standard errors of rho to its bound. Nearer, the multiplier has no end: such decays are left
# out, as are those without an estimate, unless it is the best that lies there.
ROOM = 2.0
# A likelihood ratio this little above c is at it.
ROUNDING = 1e-2
# How closely the ends of the region are found, in logs.
XTOL = 1e-6
# Directions in which effects vary less than this, beside the largest, are rounding.
FLAT = 1e-8


@dataclass(frozen=True, eq=False)
class Fitted:
    """The fit with one decay for each distance, taken as known, and its likelihood ratio."""

    results: Results
    lr: float


@dataclass(frozen=True, eq=False)
class Region:
    """The decays whose likelihood ratio to the `best` fit is at most `cut`."""

    best: Results
    kernels: tuple[Kernel, ...]
    cut: float

    def near(
        self, axes: Sequence[Array], cut: float | None = None
    ) -> Iterator[tuple[tuple[float, ...], Fitted]]:
        """The points inside, or within another `cut`, of a grid of the logs of delta."""
        cut = self.cut if cut is None else cut
        for logs in product(*axes):
            decays = zip(self.kernels, np.exp(logs), strict=True)
            falling = {kernel.name: kernel.at(float(delta)) for kernel, delta in decays}
            weights = {**self.best.weights, **falling}
            try:
                # Where rho is at its end there is no information, and no root of it.
                with np.errstate(invalid="ignore"):
                    found = fit(self.best.model, self.best.panel, weights)
            except EstimationError:
                continue
            if not _told_from_bound(found):
                continue
            lr = 2 * (self.best.loglik - found.loglik)
            # An end found by search has that ratio up to rounding.
            if lr <= cut + ROUNDING:
                yield logs, Fitted(found, min(lr, cut))

    def end(self, axes: Sequence[Array], j: int, outside: float, inside: float) -> float:
        """Where the ratio, at its least over the other axis, is `cut` along axis `j`."""

        def over(t: float) -> float:
            line = self.near([*axes[:j], np.array([t]), *axes[j + 1 :]], DEEP)
            return min((one.lr for _, one in line), default=DEEP) - self.cut

        if over(outside) <= 0:
            return outside
        if over(inside) > 0:
            decay = self.best.weights[self.kernels[j].name].recipe["decay"]
            outside, inside = inside, float(np.log(decay))
            if over(inside) > 0:  # between two points of the other axis
                return outside
        t = float(brentq(over, outside, inside, xtol=XTOL))
        # Where fits end the ratio jumps, and the search may stop on the other side.
        return t if over(t) <= ROUNDING else t + 2 * XTOL * np.sign(inside - t)

    def slices(self, axes: Sequence[Array], ends: Sequence[tuple[float, float]]) -> list[Fitted]:
        """Fits in slices along the first axis, a few across each where there is another."""
        (low, high), found = ends[0], []
        others = zip(axes[1:], ends[1:], strict=True)
        across = [np.union1d(axis, np.linspace(a, b, FINE)) for axis, (a, b) in others]
        for t in (low, *axes[0][(axes[0] > low) & (axes[0] < high)], high):
            line = [one for _, one in self.near([np.array([t]), *across])]
            if line:
                some = np.linspace(0, len(line) - 1, ACROSS).round().astype(int)
                found += [line[i] for i in np.unique(some)]
        return found


def _told_from_bound(results: Results) -> bool:
    """Whether rho lies far enough below its bound for errors of its multiplier to mean anything."""
    estimate, names = results.estimate, list(results.design.rho_names)
    if estimate.space is None or estimate.cov is None or not names:
        return True
    at = [estimate.names.index(name) for name in names]
    rho = estimate.params[at]
    error = np.sqrt(estimate.cov[np.ix_(at, at)].sum())
    return bool(bound(estimate.space, rho) - rho.sum() >= ROOM * error)


def not_rejected(region: Region, profile: pd.DataFrame, interval: pd.DataFrame) -> list[Fitted]:
    """Fits all over `region`, the best first.

    Parameters
    ----------
    profile : ``distance, decay, lr`` of the decays tried, the best among them
    interval : ``low, high`` of each, which lie in the region
    """
    names = [kernel.name for kernel in region.kernels]
    tried = [profile[profile["distance"] == name] for name in names]
    axes = [np.log(one["decay"].to_numpy()) for one in tried]
    inside = [axis[one["lr"] <= region.cut] for axis, one in zip(axes, tried, strict=True)]
    box = _around(axes, [(part.min(), part.max()) for part in inside])
    known = np.log(interval.loc[names, ["low", "high"]].to_numpy()).T
    for _ in range(ROUNDS):
        axes = [np.linspace(*ends, POINTS[len(box)]) for ends in box]
        reached = np.array([*known, *(logs for logs, _ in region.near(axes))])
        inner = list(zip(reached.min(axis=0), reached.max(axis=0), strict=True))
        closer = _around(axes, inner)
        if _size(closer) > SHRUNK * _size(box):
            break
        box = closer
    ends = [
        (region.end(axes, j, out[0], into[0]), region.end(axes, j, out[1], into[1]))
        for j, (out, into) in enumerate(zip(closer, inner, strict=True))
    ]
    return [Fitted(region.best, 0.0), *region.slices(axes, ends)]


def _around(axes: Sequence[Array], ends: Sequence[tuple[float, float]]) -> Box:
    """The box of the grid points next to `ends` outside, or of the grid's own ends."""
    box = []
    for axis, (low, high) in zip(axes, ends, strict=True):
        below, above = axis[axis < low], axis[axis > high]
        box.append((float(below.max(initial=axis.min())), float(above.min(initial=axis.max()))))
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
