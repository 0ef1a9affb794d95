"""Standard errors, intervals and p-values of effects.

Delta method by default: effects are smooth in the parameters and their gradients are
closed (`multipliers`). Simulation (LeSage & Pace 2009, section 5.6) on request, without
the habits that make it wrong near the boundary: draws of rho outside its interval are
rejected and counted, never moved inside; the estimate stays the formula at the
estimated parameters; intervals are quantiles.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.stats import norm
from tqdm import tqdm

from spatialsyn.effects.blocks import Labels
from spatialsyn.effects.channels import Channels
from spatialsyn.effects.horizon import Horizon
from spatialsyn.effects.multipliers import Reading, Readings, read
from spatialsyn.effects.orders import Orders
from spatialsyn.effects.table import Effects
from spatialsyn.errors import EstimationError, ModelError
from spatialsyn.models.estimate import Estimate
from spatialsyn.numerics.exponential import exponentials
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.multiplier import multiplier

# Fewest draws that quantiles are taken of.
FEWEST = 100
METHODS = ("delta", "simulation", "bootstrap")
# Share of rejected draws above which simulated moments are no longer to be trusted.
REJECTED = 1e-3
# (1 - rho) / se below which the multiplier's distribution has a heavy right tail.
NEAR_BOUNDARY = 5.0


@dataclass(frozen=True, eq=False)
class Carried:
    """How one regressor enters: positions of its coefficients and their carriers."""

    name: str
    positions: tuple[int, ...]
    carriers: tuple[int, ...]


class Structure(Protocol):
    """A map from the parameters to those of B = S^-1 sum_k c_k C_k."""

    def __call__(self, params: Array) -> Array:
        """The structural parameters, (s,)."""

    def jacobian(self, params: Array) -> Array:
        """Their derivatives, (s, q)."""


@dataclass(frozen=True, eq=False)
class Multipliers:
    """All that effects need of a fitted model.

    Attributes
    ----------
    W, rho_positions : the matrices of S and where their coefficients stand
    carriers : distinct carrier matrices C_k
    links : of every carrier, its links from city to city: 0 for x, 1 for its spatial lag
    regressors : which carriers and coefficients each regressor has
    structure : the map to the parameters in which these positions count; None for their own
    path : effects over time, by order of neighbour, or by channel; None for all at once
    stable : whether the process at some parameters has a mean
    carried_by : the name of the matrix in every carrier, None for x itself
    exponential : whether S is e^(alpha W)
    """

    W: tuple[Matrix, ...]
    rho_positions: tuple[int, ...]
    carriers: tuple[Matrix, ...]
    links: tuple[int, ...]
    regressors: tuple[Carried, ...]
    structure: Structure | None = None
    path: Horizon | Orders | Channels | None = None
    stable: Callable[[Array], bool] = lambda params: True
    carried_by: tuple[str | None, ...] = ()
    exponential: bool = False

    def at(self, params: Array) -> Array:
        """The structural parameters."""
        return params if self.structure is None else self.structure(params)

    def jacobian(self, params: Array) -> Array:
        """Derivatives of the structural parameters."""
        return np.eye(len(params)) if self.structure is None else self.structure.jacobian(params)

    @property
    def moved_by(self) -> list[int]:
        """Positions of the parameters, beside the coefficients, that effects depend on."""
        return list(self.rho_positions if self.path is None else self.path.positions)

    def readings(self, params: Array, reading: Reading, slopes: bool = True) -> Readings:
        """The reading of every carrier at structural parameters, with derivatives in `moved_by`."""
        if isinstance(self.path, Channels):
            return self.path.readings(params, self.carriers, reading, slopes)
        if self.path is not None:
            return self.path.readings(params, self.carriers, reading)
        n = self.carriers[0].shape[-1]
        rho = params[list(self.rho_positions)]
        inverse = exponentials(self.W, -rho, n) if self.exponential else multiplier(self.W, rho, n)
        W = self.W if slopes else ()
        return read(inverse, W, self.carriers, reading, self.exponential)


def infer(
    estimate: Estimate,
    model: Multipliers,
    reading: Reading,
    labels: Labels,
    method: str = "delta",
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Effects:
    """Effects of all regressors of `model`, with inference.

    Raises
    ------
    ModelError
        Unknown method, a level outside (0, 1), or method="bootstrap" without a bootstrap.
    """
    if method not in METHODS:
        raise ModelError(f"method={method!r} is not one of {', '.join(map(repr, METHODS))}.")
    check_level(level)
    if not (isinstance(draws, int) and draws >= FEWEST):
        raise ModelError(f"draws={draws!r}: give a whole number of at least {FEWEST}.")
    if method == "delta":
        return _delta(estimate, model, reading, labels, level)
    if method == "bootstrap" and estimate.draws is None:
        raise ModelError(
            'method="bootstrap" reads the draws of a bootstrap, and these results have none: '
            'ss.wild_bootstrap(results).effects(method="bootstrap").'
        )
    drawn = estimate.draws if method == "bootstrap" else None
    sample = estimate.sample(draws, seed) if drawn is None else drawn
    made = _simulated(estimate, model, reading, labels, level, sample)
    return replace(made, method=method, seed=seed if method == "simulation" else None)


def check_level(level: float) -> None:
    """Refuse a coverage that is not a share."""
    if not (isinstance(level, float) and 0 < level < 1):
        raise ModelError(f"level={level!r} must lie between 0 and 1, for example 0.95.")


def _delta(
    estimate: Estimate, model: Multipliers, reading: Reading, labels: Labels, level: float
) -> Effects:
    assert estimate.cov is not None
    params, at = model.at(estimate.params), model.moved_by
    readings = model.readings(params, reading)
    jacobian, K = model.jacobian(estimate.params), len(model.carriers)
    values, gradients = [], []
    for x in model.regressors:
        coefficients = np.zeros(K)
        coefficients[list(x.carriers)] = params[list(x.positions)]
        gradient = readings.gradient(coefficients)[[*x.carriers, *range(K, K + len(at))]]
        gradients.append(gradient.T @ jacobian[[*x.positions, *at]])
        values.append(readings.effect(coefficients))
    gradient = np.concatenate(gradients)
    used = (gradient != 0).any(axis=0)  # sigma2 moves no effect, and may have no variance
    spread = gradient[:, used] @ _root(estimate.cov[np.ix_(used, used)])
    errors = np.split(np.sqrt((spread**2).sum(axis=1)), len(values))
    rows = [
        _rows(x.name, labels, value, se, level)
        for x, value, se in zip(model.regressors, values, errors, strict=True)
    ]
    table = pd.concat(rows, ignore_index=True)
    return Effects(table, level, "delta", _advice(estimate, model), spread=spread)


def _root(cov: Array) -> Array:
    """L with L L' = cov, found on the scale of correlations: parameters differ in size."""
    scale = np.sqrt(np.clip(np.diag(cov), 0, None))
    unit = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(cov / np.outer(unit, unit))
    return np.asarray(scale[:, None] * vectors * np.sqrt(np.clip(values, 0, None)))


def _rows(name: str, labels: Labels, effect: Array, se: Array, level: float) -> pd.DataFrame:
    half = norm.ppf((1 + level) / 2) * se
    # An effect that is zero by construction (the indirect effect of OLS) has no p-value.
    z = np.divide(np.abs(effect), se, out=np.full_like(se, np.nan), where=se > 0)
    rows = labels.assign(
        estimate=effect, se=se, low=effect - half, high=effect + half, p=2 * norm.sf(z)
    )
    rows.insert(0, "x", name)
    return rows


def _simulated(
    estimate: Estimate,
    model: Multipliers,
    reading: Reading,
    labels: Labels,
    level: float,
    sample: Array,
) -> Effects:
    inside = np.array([model.stable(params) for params in sample])
    rejected = 1 - float(inside.mean())
    if inside.sum() < len(sample) // 2:
        raise EstimationError(
            f"{rejected:.0%} of the draws of rho fall outside its parameter space: the normal "
            "approximation says nothing here. Use the delta method, or a model with less "
            "dependence left (time effects, other W)."
        )
    if rejected > REJECTED:
        warnings.warn(
            f"{rejected:.2%} of the draws of rho fall outside its interval and were rejected; the "
            "remaining ones have a heavy tail: their standard deviation means little, read the "
            'quantiles, or use method="delta".',
            stacklevel=4,
        )
    made = _effects_of_draws(sample[inside], model, reading, len(labels))
    point = _effects_of_draws(estimate.params[None], model, reading, len(labels))[0]
    tails = np.quantile(made, [(1 - level) / 2, (1 + level) / 2], axis=0)
    smaller = np.minimum((made <= 0).sum(axis=0), (made >= 0).sum(axis=0))
    table = pd.concat([labels.assign(x=x.name) for x in model.regressors], ignore_index=True)
    table = table[["x", *labels.columns]].assign(
        estimate=point,
        se=made.std(axis=0, ddof=1),
        low=tails[0],
        high=tails[1],
        p=np.minimum(1.0, 2 * (smaller + 1) / (len(made) + 1)),
    )
    spread = (made - made.mean(axis=0)).T / np.sqrt(len(made) - 1)
    note = _advice(estimate, model)
    return Effects(table, level, "simulation", note, made, rejected, spread=spread)


def _effects_of_draws(sample: Array, model: Multipliers, reading: Reading, size: int) -> Array:
    """(draws, regressors * size) effects, one multiplier per draw shared by all regressors."""
    made = np.empty((len(sample), len(model.regressors), size))
    K = len(model.carriers)
    # Silent below two seconds.
    steps = tqdm(sample, desc="draws", delay=2, leave=False)
    for row, drawn in zip(made, steps, strict=True):
        params = model.at(drawn)
        level = model.readings(params, reading, slopes=False).level
        for x, out in zip(model.regressors, row, strict=True):
            coefficients = np.zeros(K)
            coefficients[list(x.carriers)] = params[list(x.positions)]
            out[:] = coefficients @ level
    return made.reshape(len(sample), -1)


def _bound(space: JointLogDet, rho: Array) -> float:
    """The sum of rho where S is singular, all of them growing alike; none below zero counts."""
    nearest, total = 1 - space.room(rho), float(rho.sum())
    return total / nearest if total > 0 and nearest > 0 else np.inf


def _advice(estimate: Estimate, model: Multipliers) -> str:
    """A sentence where the multiplier 1/(1 - rho) is too uncertain for normal intervals."""
    space = estimate.space
    long = isinstance(model.path, Horizon) and model.path.years is None
    if estimate.cov is None or (space is None and not long):
        return ""
    params, at = model.at(estimate.params), model.moved_by if long else list(model.rho_positions)
    gradient = model.jacobian(estimate.params)[at].sum(axis=0)
    used = gradient != 0
    variance = gradient[used] @ estimate.cov[np.ix_(used, used)] @ gradient[used]
    rho, se = params[at].sum(), float(np.sqrt(variance))
    if long or space is None:
        bound = 1.0
    else:
        bound = space.interval[1] if isinstance(space, LogDet) else _bound(space, params[at])
    room = (bound - rho) / se
    if room >= NEAR_BOUNDARY:
        return ""
    return (
        f"{'tau + eta + rho' if long else 'rho'} = {rho:.3f} lies {room:.1f} standard errors below "
        f"its upper bound {bound:.3g}: effects have a long right tail and intervals are rough. A "
        "common trend left in the data does this; see whether time effects belong in the model."
    )
