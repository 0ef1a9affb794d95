"""Standard errors, intervals and p-values of effects.

Delta method by default: effects are smooth in the parameters and their gradients are
closed (`multipliers`). Simulation (LeSage & Pace 2009, section 2.7) on request, without
the habits that make it wrong near the boundary: draws of rho outside its interval are
rejected and counted, never moved inside; the estimate stays the formula at the
estimated parameters; intervals are quantiles.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.effects.blocks import Labels
from spatialsyn.effects.draws import levels
from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.table import Effects, normal_columns
from spatialsyn.engine.progress import progress
from spatialsyn.errors import EstimationError, ModelError, check_whole
from spatialsyn.models.estimate import Estimate, Parameters
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.threads import threads_for

# Fewest draws that quantiles are taken of.
FEWEST = 100
METHODS = ("delta", "simulation", "bootstrap")
# Share of rejected draws above which simulated moments are no longer to be trusted.
REJECTED = 1e-3
# (1 - rho) / se below which the multiplier's distribution has a heavy right tail.
NEAR_BOUNDARY = 5.0


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
    check_whole("draws", draws, FEWEST)
    if method == "bootstrap" and estimate.draws is None:
        raise ModelError(
            'method="bootstrap" reads the draws of a bootstrap, and these results have none: '
            'ss.wild_bootstrap(results).effects(method="bootstrap").'
        )
    with threads_for(model.carriers[0].shape[-1]):
        if method == "delta":
            columns, spread = by_delta(estimate, model, reading, labels, level)
            note, of = advice(estimate, model), _parameters_of(estimate)
            return Effects(pd.DataFrame(columns), level, "delta", spread, note, of=of)
        drawn = estimate.draws if method == "bootstrap" else None
        sample = estimate.sample(draws, seed) if drawn is None else drawn
        made = _simulated(estimate, model, reading, labels, level, sample)
    return replace(made, method=method, seed=seed if method == "simulation" else None)


def check_level(level: float) -> None:
    """Refuse a coverage that is not a share."""
    if not (isinstance(level, float) and 0 < level < 1):
        raise ModelError(f"level={level!r} must lie between 0 and 1, for example 0.95.")


def by_delta(
    estimate: Parameters, model: Multipliers, reading: Reading, labels: Labels, level: float
) -> tuple[dict[str, Any], Array]:
    """The columns of the table of effects under the delta method, and their spread."""
    assert estimate.cov is not None
    values, gradient = moved_at(model.at(estimate.params), model, reading)
    if model.structure is not None:
        gradient = gradient @ model.structure.jacobian(estimate.params)
    (spread,) = spread_of(gradient[None], estimate.cov[None])
    names = [x.name for x in model.regressors]
    return {**labelled(names, labels), **normal_columns(values, spread, level)}, spread


def moved_at(params: Array, model: Multipliers, reading: Reading) -> tuple[Array, Array]:
    """(rows,) effects at structural parameters, (q,), and their derivatives, (rows, q)."""
    found = model.readings(params, reading)
    (values,), (gradient,) = moved(params[None], model, found.level[None], found.slope[None])
    return values, gradient


def moved(params: Array, model: Multipliers, level: Array, slope: Array) -> tuple[Array, Array]:
    """(b, rows) effects of all regressors and (b, rows, q) derivatives in the parameters.

    Parameters
    ----------
    params : (b, q), of b models that `model` stands for
    level, slope : (b, K, r) and (b, m, K, r), the `Readings` of each
    """
    (b, q), size = params.shape, level.shape[2]
    coefficients = model.coefficients(params)
    gradient = np.zeros((b, len(model.regressors), q, size))
    for i, x in enumerate(model.regressors):
        gradient[:, i, x.positions] = level[:, x.carriers]
    for m, at in enumerate(model.moved_by):
        gradient[:, :, at] += coefficients @ slope[:, m]
    rows = np.swapaxes(gradient, 2, 3).reshape(b, -1, q)
    return (coefficients @ level).reshape(b, -1), rows


def spread_of(gradient: Array, cov: Array) -> Array:
    """(b, rows, k), whose squares are the covariance of effects; see `moved` for `gradient`.

    One root of all parameters for whatever is asked, so that effects asked for apart compare.
    """
    # sigma2 moves no effect, and may have no variance.
    finite = np.isfinite(np.einsum("bii->bi", cov)).all(axis=0)
    known = finite | (gradient != 0).any(axis=(0, 1))
    roots = _roots(cov[:, known][:, :, known])
    return np.asarray(np.ascontiguousarray(gradient[..., known]) @ roots)


def _roots(cov: Array) -> Array:
    """L with L L' = cov of every (q, q), found on the scale of correlations.

    Raises
    ------
    EstimationError
        A covariance that is not finite, of which NumPy would make a root that is not either.
    """
    if not np.isfinite(cov).all():
        raise EstimationError(
            "the covariance of the parameters is not finite: effects have no standard errors. "
            "Choose another one, results.with_cov(...)."
        )
    scale = np.sqrt(np.clip(np.einsum("bii->bi", cov), 0, None))[..., None]
    unit = np.where(scale > 0, scale, 1.0)
    correlations = cov / unit / unit.transpose(0, 2, 1)
    with suppress(np.linalg.LinAlgError):
        return np.asarray(scale * np.linalg.cholesky(correlations))
    if len(cov) > 1:  # what one has does not depend on the others
        return np.concatenate([_roots(one[None]) for one in cov])
    values, vectors = np.linalg.eigh(correlations)
    return np.asarray(scale * vectors * np.sqrt(np.clip(values, 0, None))[:, None])


def labelled(names: Iterable[str], labels: Labels) -> dict[str, Any]:
    """What tells the rows of all regressors apart, column by column."""
    listed = list(names)
    columns = {str(column): labels[column].tolist() * len(listed) for column in labels}
    return {"x": [x for x in listed for _ in range(len(labels))]} | columns


def _simulated(
    estimate: Estimate,
    model: Multipliers,
    reading: Reading,
    labels: Labels,
    level: float,
    sample: Array,
) -> Effects:
    inside = model.stable(sample)
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
    at = model.at(estimate.params)[None]
    point = (model.coefficients(at) @ model.levels(at, reading)).ravel()
    rows = labelled([x.name for x in model.regressors], labels)
    table, spread = of_draws(rows, point, made, level)
    note, of = advice(estimate, model), _parameters_of(estimate)
    return Effects(table, level, "simulation", spread, note, made, rejected, of=of)


def _parameters_of(estimate: Parameters) -> Array:
    """(2, q) parameters and their standard errors, NaN where there are none."""
    cov = estimate.cov
    variance = np.full(len(estimate.params), np.nan) if cov is None else np.diag(cov)
    return np.stack([estimate.params, np.sqrt(np.where(variance >= 0, variance, np.nan))])


def of_draws(
    labels: Mapping[str, Any], point: Array, made: Array, level: float
) -> tuple[pd.DataFrame, Array]:
    """The table of effects whose uncertainty is that of draws, and their spread.

    Parameters
    ----------
    labels : the columns that tell the rows apart
    point, made : (rows,) estimates and (draws, rows) draws of them; intervals are quantiles
    """
    tails = np.quantile(made, [(1 - level) / 2, (1 + level) / 2], axis=0)
    smaller = np.minimum((made <= 0).sum(axis=0), (made >= 0).sum(axis=0))
    # An effect that is zero by construction has no p-value.
    p = np.where(made.any(axis=0), np.minimum(1.0, 2 * (smaller + 1) / (len(made) + 1)), np.nan)
    columns = {"estimate": point, "se": made.std(axis=0, ddof=1), "low": tails[0], "high": tails[1]}
    spread = (made - made.mean(axis=0)).T / np.sqrt(len(made) - 1)
    return pd.DataFrame({**labels, **columns, "p": p}), spread


def _effects_of_draws(sample: Array, model: Multipliers, reading: Reading, size: int) -> Array:
    """(draws, regressors * size) effects, one multiplier per draw shared by all regressors."""
    made = np.empty((len(sample), len(model.regressors), size))
    entered = sample if model.structure is None else np.array([model.at(row) for row in sample])
    coefficients, first = model.coefficients(entered), 0
    with progress(len(sample), "draws") as steps:
        for block in levels(model, entered, reading):
            rows = slice(first, first := first + len(block))
            np.matmul(coefficients[rows], block, out=made[rows])
            steps.update(len(block))
    return made.reshape(len(sample), -1)


def bound(space: LogDet | JointLogDet, rho: Array) -> float:
    """The sum of rho where S is singular, all of them growing alike; none below zero counts."""
    if isinstance(space, LogDet):
        return float(space.interval[1])
    nearest, total = 1 - space.room(rho), float(rho.sum())
    return total / nearest if total > 0 and nearest > 0 else np.inf


def advice(estimate: Parameters, model: Multipliers) -> str:
    """A sentence where the multiplier 1/(1 - rho) is too uncertain for normal intervals."""
    space = estimate.space
    long = model.long
    if estimate.cov is None or (space is None and not long):
        return ""
    params, at = model.at(estimate.params), model.moved_by if long else list(model.rho_positions)
    gradient = model.jacobian(estimate.params)[at].sum(axis=0)
    used = gradient != 0
    variance = gradient[used] @ estimate.cov[np.ix_(used, used)] @ gradient[used]
    rho, se = params[at].sum(), float(np.sqrt(variance))
    end = 1.0 if long or space is None else bound(space, params[at])
    room = (end - rho) / se
    if room >= NEAR_BOUNDARY:
        return ""
    said = (
        f"{'tau + eta + rho' if long else 'rho'} = {rho:.4g} lies {room:.1f} standard errors below "
        f"its upper bound {end:.3g}: effects have a long right tail and intervals are rough."
    )
    trend = "Without time effects a common trend does this: see whether they belong in the model."
    return f"{said} {trend}" if model.without_years else said
