"""Standard errors, intervals and p-values of effects.

Delta method by default: effects are smooth in the parameters and their gradients are
closed (`multipliers`). Simulation (LeSage & Pace 2009, section 5.6) on request, without
the habits that make it wrong near the boundary: draws of rho outside its interval are
rejected and counted, never moved inside; the estimate stays the formula at the
estimated parameters; intervals are quantiles.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import norm
from tqdm import tqdm

from spatialsyn.effects.blocks import Labels
from spatialsyn.effects.multipliers import Reading, read, times
from spatialsyn.errors import EstimationError, ModelError
from spatialsyn.models.estimate import Estimate
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.multiplier import multiplier

# Four significant digits: units of x may make an effect any size.
DIGITS = "{:.4g}"
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


@dataclass(frozen=True, eq=False)
class Multipliers:
    """All that effects need of a fitted model.

    Attributes
    ----------
    W, rho_positions : the matrices of Wy and where their rho stand in the parameters
    carriers : distinct carrier matrices C_k
    regressors : which carriers and coefficients each regressor has
    """

    W: tuple[Matrix, ...]
    rho_positions: tuple[int, ...]
    carriers: tuple[Matrix, ...]
    regressors: tuple[Carried, ...]


@dataclass(frozen=True, eq=False)
class Effects:
    """A tidy table of effects with their uncertainty.

    Attributes
    ----------
    table : DataFrame
        Columns ``x, effect`` and, by block or pair, ``to, from``; by city ``city``; then
        ``estimate, se, low, high, p``.
    level : coverage of the intervals ``low .. high``
    method : "delta" | "simulation" | "bootstrap"
    draws : (size, rows) simulated effects, None under the delta method
    rejected : share of draws outside the interval of rho
    seed : seed of the simulation, None under the other methods
    note : advice on how far the intervals carry, empty when there is none
    """

    table: pd.DataFrame
    level: float
    method: str
    note: str = ""
    draws: Array | None = None
    rejected: float = 0.0
    seed: int | None = None

    def tidy(self) -> pd.DataFrame:
        """The table, as a copy."""
        return self.table.copy()

    def __getitem__(self, effect: str) -> pd.DataFrame:
        """The rows of one effect, indexed by what tells them apart (x, city, or to and from)."""
        known = list(dict.fromkeys(self.table["effect"]))
        if effect not in known:
            raise ModelError(f"there is no effect {effect!r} here; there are {', '.join(known)}.")
        rows = self.table[self.table["effect"] == effect].drop(columns="effect")
        keys = [key for key in ("x", "to", "from", "city") if key in rows]
        if len(keys) > 1 and rows["x"].nunique() == 1:
            keys, rows = keys[1:], rows.drop(columns="x")
        return rows.set_index(keys)

    def __repr__(self) -> str:
        how = f"{self.method}, {self.level:.0%} intervals"
        if self.draws is not None:
            seed = f", seed {self.seed}" if self.seed is not None else ""
            how += f", {len(self.draws)} draws{seed}, {self.rejected:.2%} rejected"
        text = f"{self.table.to_string(index=False, float_format=DIGITS.format)}\n({how})"
        return f"{text}\n{self.note}" if self.note else text

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=DIGITS.format))


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
    note = _advice(estimate, model)
    if method == "delta":
        return Effects(_delta(estimate, model, reading, labels, level), level, method, note)
    if method == "bootstrap" and estimate.draws is None:
        raise ModelError(
            'method="bootstrap" reads the draws of a bootstrap, and these results have none: '
            'ss.wild_bootstrap(results).effects(method="bootstrap").'
        )
    drawn = estimate.draws if method == "bootstrap" else None
    sample = estimate.sample(draws, seed) if drawn is None else drawn
    made = _simulated(estimate, model, reading, labels, level, sample)
    return replace(made, method=method, note=note, seed=seed if method == "simulation" else None)


def check_level(level: float) -> None:
    """Refuse a coverage that is not a share."""
    if not (isinstance(level, float) and 0 < level < 1):
        raise ModelError(f"level={level!r} must lie between 0 and 1, for example 0.95.")


def _delta(
    estimate: Estimate, model: Multipliers, reading: Reading, labels: Labels, level: float
) -> pd.DataFrame:
    assert estimate.cov is not None
    params, rho_at = estimate.params, list(model.rho_positions)
    readings = read(estimate.multiplier, model.W, model.carriers, reading)
    parts = []
    for x in model.regressors:
        coefficients = np.zeros(len(model.carriers))
        coefficients[list(x.carriers)] = params[list(x.positions)]
        gradient = readings.gradient(coefficients)
        K = len(model.carriers)
        gradient = gradient[[*x.carriers, *range(K, K + len(rho_at))]]
        at = [*x.positions, *rho_at]
        cov = estimate.cov[np.ix_(at, at)]
        variance = np.einsum("ir,ij,jr->r", gradient, cov, gradient)
        se = np.sqrt(np.clip(variance, 0, None))
        parts.append(_rows(x.name, labels, readings.effect(coefficients), se, level))
    return pd.concat(parts, ignore_index=True)


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
    rho, space = sample[:, list(model.rho_positions)], estimate.space
    inside = np.array([space is None or space.contains(r) for r in rho])
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
    return Effects(table, level, "simulation", draws=made, rejected=rejected)


def _effects_of_draws(sample: Array, model: Multipliers, reading: Reading, size: int) -> Array:
    """(draws, regressors * size) effects, one multiplier per draw shared by all regressors."""
    made = np.empty((len(sample), len(model.regressors), size))
    K, n = len(model.carriers), model.carriers[0].shape[0]
    # Silent below two seconds.
    steps = tqdm(sample, desc="draws", delay=2, leave=False)
    for row, params in zip(made, steps, strict=True):
        inverse = multiplier(model.W, params[list(model.rho_positions)], n)
        level = np.array([reading(times(inverse, C)) for C in model.carriers])
        for x, out in zip(model.regressors, row, strict=True):
            coefficients = np.zeros(K)
            coefficients[list(x.carriers)] = params[list(x.positions)]
            out[:] = coefficients @ level
    return made.reshape(len(sample), -1)


def _advice(estimate: Estimate, model: Multipliers) -> str:
    """A sentence where the multiplier 1/(1 - rho) is too uncertain for normal intervals."""
    if estimate.space is None or estimate.cov is None:
        return ""
    at = list(model.rho_positions)
    rho, se = estimate.params[at].sum(), float(np.sqrt(estimate.cov[np.ix_(at, at)].sum()))
    space = estimate.space
    bound = (
        space.interval[1] if isinstance(space, LogDet) else rho + space.room(estimate.params[at])
    )
    room = (bound - rho) / se
    if room >= NEAR_BOUNDARY:
        return ""
    return (
        f"rho = {rho:.3f} lies {room:.1f} standard errors below its upper bound "
        f"{bound:.3g}: effects have a long right tail and intervals are rough. A "
        "common trend left in the data does this; see whether time effects belong in the model."
    )
