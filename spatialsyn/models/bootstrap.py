"""The wild cluster bootstrap: residuals of a city, a group, or a year, change sign together.

    y* = y + S^-1 R^-1 (e* - e),   e*_c = sqrt(C / (C - 1)) v_c e_c for each of C clusters

with one weight v_c per cluster, mean 0 and variance 1: Rademacher's signs, or Webb's six
points where clusters are so few that signs make few samples (Cameron, Gelbach & Miller
2008, Review of Economics and Statistics 90; MacKinnon & Webb 2018). y* keeps regressors,
fixed effects, W, heteroskedasticity, and whatever dependence there is within clusters;
residuals are those of the structure, so S^-1 spreads them as the model says, and weights
of mean zero leave nothing to recentre.

Which clusters? rho and lambda are found from e'De. Weights by city change the products of
two cities, whose sum then varies as it should where cities depend on each other through the
model only. One weight per year multiplies e_t'De_t by v_t^2, which is one: the draws of rho
would lack its variance (half of its width and less in simulations). So years are clusters
of models without Wy and without a spatial error only, and so are groups of cities. Squares of
residuals are not redrawn either way: sigma2 has no draws, and rho's lack the small part of the
diagonal of D.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from spatialsyn.engine.tasks import HERE, Engine, ranges
from spatialsyn.errors import EstimationError, ModelError, check_whole
from spatialsyn.models.clusters import CLUSTER, groups_of
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.likelihood import names, split
from spatialsyn.models.moments import clusters
from spatialsyn.models.outcomes import maxima
from spatialsyn.models.qml import at
from spatialsyn.models.search import best_spatial
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.multiplier import multiplier
from spatialsyn.numerics.randomness import generator
from spatialsyn.numerics.transform import sweep

WEIGHTS = {
    "rademacher": np.array([-1.0, 1.0]),
    "webb": np.array([-(1.5**0.5), -1.0, -(0.5**0.5), 0.5**0.5, 1.0, 1.5**0.5]),
}
CLUSTERS = ("city", "period")
# Fewest samples that quantiles are taken of.
FEWEST = 100
# Samples made together: of models that are fitted side by side, and of those refitted one by one.
BLOCK, TASK = 128, 16
# Share of samples that may have no estimate.
LOST = 0.05


class Wild(NamedTuple):
    """How samples are made: the clusters, their weights, how many, and from which seed."""

    cluster: str
    weights: str
    draws: int
    seed: int


class Outcomes(NamedTuple):
    """What changes from sample to sample: y and its lags, swept; the last axis counts samples."""

    y: Array  # (n, T, b)
    Wy: Array  # (n, T, m, b)
    My: Array | None
    MWy: Array | None


@dataclass(frozen=True, eq=False)
class Source:
    """What samples are made of.

    Attributes
    ----------
    design : whose outcomes are redrawn
    spread : S^-1 R^-1 of the model that makes them
    residuals : (n, T), its structural errors
    by_city : whether a city has one weight, or else a year
    v : (draws, n), or (draws, T), the weights
    """

    design: Design
    spread: Any
    residuals: Array
    by_city: bool
    v: Array

    def part(self, which: slice) -> Outcomes:
        """The outcomes of some samples."""
        block, e = self.v[which].T, self.residuals[..., None]
        change = e * (block[:, None] if self.by_city else block[None]) - e
        return _outcomes(self.design, lag(self.spread, change))

    def refitted(self, start: Array, which: slice) -> Array:
        """(b, q) their parameters, see `refitted`."""
        return refitted(self.design, self.part(which), start)


def with_draws(design: Design, estimate: Estimate, how: Wild, engine: Engine = HERE) -> Estimate:
    """`estimate` with bootstrap draws of its parameters, and their covariance.

    Raises
    ------
    ModelError
        Random effects, unknown clusters or weights, years as clusters of a model with Wy or
        a spatial error, fewer possible samples than draws.
    EstimationError
        More than 5 % of the samples have no maximum inside the parameter space.
    """
    check(design, how)
    start = estimate.params[len(design.names) : -1]
    call = partial(samples(design, design, estimate, how).refitted, start)
    # Side by side they take milliseconds, less than it takes to send them anywhere.
    engine, step = (HERE, BLOCK) if beside(design) else (engine, TASK)
    made = kept(np.concatenate(engine.all(call, ranges(how.draws, step), "samples")))
    made[:, -1] = np.nan
    cov = np.full((made.shape[1],) * 2, np.nan)
    cov[:-1, :-1] = np.atleast_2d(np.cov(made[:, :-1].T))
    return replace(estimate, cov=cov, draws=made)


def samples(design: Design, null: Design, estimate: Estimate, how: Wild) -> Source:
    """Outcomes for `design`, made by the model `null` at `estimate`."""
    C = int(clusters(design, how.cluster))
    v = generator(how.seed).choice(WEIGHTS[how.weights], size=(how.draws, C))
    v *= np.sqrt(C / (C - 1))
    v = v[:, groups_of(design)] if how.cluster == CLUSTER else v
    by_city = how.cluster != "period"
    return Source(design, _spread(null, estimate), estimate.residuals, by_city, v)


def _spread(null: Design, estimate: Estimate) -> Any:
    """S^-1 R^-1: where the structural error of a city ends up."""
    lam = split(null, estimate.params[len(null.names) : -1]).lam
    if null.error is None or lam is None:
        return estimate.multiplier
    if null.by_solves:
        return null.propagation(np.array([lam])).inverse
    n = len(null.y)
    return np.asarray(estimate.multiplier @ multiplier((null.error.M,), np.array([lam]), n))


def _outcomes(design: Design, change: Array) -> Outcomes:
    """y and its lags after a `change` (n, T, b) of the outcome."""

    def moved(v: Array, by: Array) -> Array:
        return v[..., None] + sweep(by, design.fixed_effects)

    empty = np.empty((*change.shape[:2], 0, change.shape[2]))
    lagged = np.stack([lag(W, change) for W in design.W], axis=2) if design.W else empty
    y, Wy, error = moved(design.y, change), moved(design.Wy, lagged), design.error
    if error is None:
        return Outcomes(y, Wy, None, None)
    My, MWy = lag(error.M, change), lag(error.M, lagged)
    return Outcomes(y, Wy, moved(error.y, My), moved(error.Wy, MWy))


def drawn(design: Design, made: Outcomes, i: int) -> Design:
    """The design of sample `i`."""
    error = design.error
    if error is not None and made.My is not None and made.MWy is not None:
        error = replace(error, y=made.My[..., i], Wy=made.MWy[..., i])
    return replace(design, y=made.y[..., i], Wy=made.Wy[..., i], error=error)


def beside(design: Design) -> bool:
    """Whether samples are fitted side by side: models with one rho, or none."""
    return design.error is None and (not design.W or isinstance(design.logdet, LogDet))


def refitted(design: Design, made: Outcomes, start: Array) -> Array:
    """(b, q) parameters of the samples, NaN where the likelihood has no maximum.

    One rho is searched over its whole interval, for all samples at once; several spatial
    parameters are climbed from `start`, those that made the samples.
    """
    if beside(design):
        size, b = design.y.size, made.y.shape[-1]
        Wy = made.Wy.reshape(size, -1)
        return maxima(design, made.y.reshape(size, b), Wy).params
    return np.array([_one(drawn(design, made, i), start) for i in range(made.y.shape[-1])])


def _one(design: Design, start: Array) -> Array:
    try:
        return at(design, best_spatial(design, start))
    except EstimationError:
        return np.full(len(design.names) + len(start) + 1, np.nan)


def kept(made: Array) -> Array:
    """The samples that have an estimate."""
    found = np.isfinite(made).all(axis=1)
    if found.mean() < 1 - LOST:
        raise EstimationError(
            f"{1 - found.mean():.0%} of the bootstrap samples have no maximum inside the parameter "
            "space: the data say too little about this model. Use fewer spatial lags, or time "
            "effects against a common trend."
        )
    return made[found]


def check(design: Design, how: Wild) -> None:
    """Refuse samples that cannot be made, and choices that do not exist."""
    cluster, weights, draws, _ = how
    known = CLUSTERS if design.groups is None else (*CLUSTERS, CLUSTER)
    if cluster not in known:
        raise ModelError(
            f"cluster={cluster!r} is not one of {', '.join(map(repr, CLUSTERS))}, nor a grouping "
            "of the panel or a Series, the group of each city."
        )
    if weights not in WEIGHTS:
        raise ModelError(f"{weights=} is not one of {', '.join(map(repr, WEIGHTS))}.")
    check_whole("draws", draws, FEWEST)
    _check_design(design)
    if cluster != "city" and names(design):
        one = "year" if cluster == "period" else "group of cities"
        other = ', or with_cov("period")' if cluster == "period" else ""
        raise ModelError(
            f"one weight per {one} leaves what identifies {', '.join(names(design))}, the products "
            f'of the errors of one {one}, as it is. Use cluster="city"{other}.'
        )
    C = int(clusters(design, cluster))
    possible = len(WEIGHTS[weights]) ** C
    if possible < draws:
        raise ModelError(
            f"{C} clusters with {weights} weights make {possible} samples only, fewer than "
            f"draws={draws}."
            + (' Use weights="webb".' if weights == "rademacher" else " Cluster otherwise.")
        )


def _check_design(design: Design) -> None:
    """Refuse what outcomes with other signs of their residuals cannot be made for."""
    if design.observed is not None:
        raise ModelError(
            "the wild bootstrap gives every residual a sign: it is not available where outcomes "
            'are missing. Use effects(method="simulation"), or fit with missing="balance".'
        )
    if design.instruments is not None:
        raise ModelError(
            "the wild bootstrap refits every sample by maximum likelihood, which takes every "
            "regressor as exogenous: it is not available for estimates from instruments. Use "
            'with_cov("city"), which allows the same dependence.'
        )
    if design.mixture is not None:
        raise ModelError(
            "the wild bootstrap is not available with ss.convex(...). Use share_test(..., "
            "bootstrap=999) for its shares, and with_draws(results.posterior()) for its effects."
        )
    if design.random:
        raise ModelError(
            "the wild bootstrap is not available with random effects. Use fixed effects, or "
            'effects(method="simulation").'
        )
    if design.exponential:
        raise ModelError(
            "the wild bootstrap is not available with matrix exponentials: "
            'fit(..., cov="robust") is right where variances differ from city to city.'
        )
    if design.dynamic or design.varies:
        raise ModelError(
            "the wild bootstrap draws outcomes year by year from one W: it is not available with "
            "a lag in time or with weights that change over the years. Use "
            'effects(method="simulation").'
        )
