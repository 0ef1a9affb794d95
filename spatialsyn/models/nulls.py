"""Hypotheses that are tested by the wild cluster bootstrap-t, with the null imposed.

The samples come from the model estimated under the hypothesis: without a coefficient, or with
an effect of zero (`constrained`). Every t, of the data and of the samples, has the standard
error clustered in the same way (Cameron, Gelbach & Miller 2008), that of an effect by the
delta method.

An effect may be zero under several hypotheses (`unions`). Their union is rejected where each of
them is, by a test of its own: p is the largest of theirs (intersection-union; Berger 1982,
Technometrics 24, 295-300). Its size is right where all but one of them are far from true, and
below nominal where several are near.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from spatialsyn.engine.tasks import HERE, Engine, ranges
from spatialsyn.errors import EstimationError, digits
from spatialsyn.models.bootstrap import (
    BLOCK,
    TASK,
    Source,
    Wild,
    beside,
    check,
    drawn,
    kept,
    refitted,
    samples,
)
from spatialsyn.models.clusters import CLUSTER
from spatialsyn.models.constrained import Effect, estimate_null
from spatialsyn.models.covariance import robust_covariance
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.likelihood import filtered, names
from spatialsyn.models.moments import clusters
from spatialsyn.models.qml import at, estimate_qml, multiplier_at, parameter_names
from spatialsyn.models.unions import Part, parts
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet

# Where all signs are equal least squares finds the t of the data again, but for rounding: t that
# differ by less than this share are the same.
SAME = 1e-9
# A value of rho, other than zero, at more standard errors than these from the estimate is no
# hypothesis: of all p its own is the least, and samples so far from the data may have no estimate.
FAR = 6.0
# What clusters are.
WHAT = {"city": "cities", "period": "years", CLUSTER: "groups"}


class Null(NamedTuple):
    """A hypothesis that is tested: how it is told, and what is zero in its samples."""

    label: str
    of: Effect
    cluster: str
    start: Array
    source: Source


def null_tests(
    design: Design, estimate: Estimate, tested: Sequence[str], how: Wild, engine: Engine = HERE
) -> list[tuple[float, float, float]]:
    """Standard error, t and bootstrap p-value of the hypothesis that a parameter is zero, for each.

    The samples come from the model estimated without it, and every t, of the data and of
    the samples, has the standard error clustered in the same way: the restricted wild
    cluster bootstrap-t. p counts |t*| >= |t|, both sides together.
    """
    check(design, how)
    _check_clusters(design, how.cluster)
    nulls = [_null(design, estimate, name, how) for name in tested]
    return _tested(design, estimate, nulls, how.draws, engine)


def effect_tests(
    design: Design,
    estimate: Estimate,
    effects: Sequence[tuple[str, Effect]],
    how: Wild,
    engine: Engine = HERE,
) -> list[tuple[float, float, float, str]]:
    """The same of the hypothesis that an effect is zero, for each, with its name.

    Of samples that `check` allows, of a model without a spatial error. Of several hypotheses
    under which it is zero p is the largest; the last entry says which. Those of a coefficient, or
    of rho, have samples that effects share.
    """
    _check_clusters(design, how.cluster)
    unions = [_union(design, estimate, name, effect, how.cluster) for name, effect in effects]
    nulls: dict[str | float | Effect, Null] = {}
    # No comprehension: Python 3.11 gives it a frame, and the level of a warning counts frames.
    for (name, _), union in zip(effects, unions, strict=True):
        for part in union:
            if part.of not in nulls:
                nulls[part.of] = _null_of(design, estimate, name, part, how)
    made = _tested(design, estimate, list(nulls.values()), how.draws, engine)
    tested = dict(zip(nulls, made, strict=True))
    found = []
    for (_, effect), union in zip(effects, unions, strict=True):
        se, t = _studentised(design, estimate, effect, how.cluster)
        last = max(union, key=lambda part: (tested[part.of][2], -abs(tested[part.of][1])))
        found.append((se, t, tested[last.of][2], last.label))
    return found


def _union(
    design: Design, estimate: Estimate, name: str, effect: Effect, cluster: str
) -> list[Part]:
    """The hypotheses under which an effect is zero, but for values of rho that are far."""

    def near(part: Part) -> bool:
        if not isinstance(part.of, float) or part.of == 0:
            return True
        less = partial(_less, len(design.names), part.of)
        return bool(abs(_studentised(design, estimate, less, cluster)[1]) <= FAR)

    return [part for part in parts(design, name, effect) if near(part)]


def _null_of(design: Design, estimate: Estimate, name: str, part: Part, how: Wild) -> Null:
    """One of the hypotheses under which the effect `name` is zero."""
    if isinstance(part.of, str):
        return _null(design, estimate, part.of, how)
    if isinstance(part.of, float):
        return _held(design, part.label, part.of, how)
    return _no_effect(design, estimate, name, part.of, how)


def _held(design: Design, label: str, rho: float, how: Wild) -> Null:
    """Samples in which rho has a value."""
    restricted = _estimate(design, at(design, np.array([rho])))
    of = partial(_less, len(design.names), rho)
    return Null(label, of, how.cluster, np.zeros(0), samples(design, design, restricted, how))


def _no_effect(design: Design, estimate: Estimate, name: str, effect: Effect, how: Wild) -> Null:
    """Samples in which an effect is zero.

    Far from zero the likelihood under the null may rise up to the end of the interval of rho,
    where no samples can be made. They keep the estimated rho then: the null makes it no less
    consistent.
    """
    p = len(design.names)
    try:
        restricted = estimate_null(design, effect)
    except EstimationError:
        rho = estimate.params[p:-1]
        restricted = estimate_null(design, effect, rho)
        warnings.warn(
            f"where the effect [{name}] is zero the likelihood rises up to the end of the interval "
            f"of rho: its samples keep the estimated rho = {digits(rho)}. It does so for effects "
            "far from zero; if this one is not, look for a common trend (time effects).",
            stacklevel=5,
        )
    source = samples(design, design, restricted, how)
    return Null(f"effect [{name}] = 0", effect, how.cluster, restricted.params[p:-1], source)


def _tested(
    design: Design, estimate: Estimate, nulls: Sequence[Null], draws: int, engine: Engine = HERE
) -> list[tuple[float, float, float]]:
    parts = ranges(draws, BLOCK if beside(design) else TASK)
    items = [(k, which) for k in range(len(nulls)) for which in parts]
    made = engine.all(partial(_studentised_samples, nulls), items, "samples")
    found = []
    for k, null in enumerate(nulls):
        se, t = _studentised(design, estimate, null.of, null.cluster)
        stars = [stars for (of, _), stars in zip(items, made, strict=True) if of == k]
        try:
            left = kept(np.concatenate(stars))
        except EstimationError as error:
            raise EstimationError(f"samples where {null.label}: {error}") from None
        beyond = np.abs(left[:, 1]) >= abs(t) * (1 - SAME)
        found.append((se, t, float((1 + beyond.sum()) / (1 + len(beyond)))))
    return found


def _null(design: Design, estimate: Estimate, name: str, how: Wild) -> Null:
    null = without(design, name)
    restricted = estimate_qml(null)
    true = dict(zip(restricted.names, restricted.params, strict=True))
    start = np.array([true.get(k, 0.0) for k in names(design)])
    source = samples(design, null, restricted, how)
    of = partial(_less, estimate.names.index(name), 0.0)
    return Null(f"{name} = 0", of, how.cluster, start, source)


def _less(where: int, value: float, params: Array) -> tuple[float, Array]:
    """One of the parameters less a value, and its derivatives in all of them."""
    return float(params[where]) - value, np.eye(len(params))[where]


def _studentised_samples(nulls: Sequence[Null], item: tuple[int, slice]) -> Array:
    """(b, 2) standard errors and t of some samples of one hypothesis."""
    null = nulls[item[0]]
    design, made = null.source.design, null.source.part(item[1])
    rows = [
        _studentised_sample(drawn(design, made, i), params, null)
        for i, params in enumerate(refitted(design, made, null.start))
    ]
    return np.array(rows)


def without(design: Design, name: str) -> Design:
    """The design of the model in which parameter `name` is zero."""
    if design.error is not None and name == design.error.name:
        return replace(design, error=None)
    error = design.error
    if name in design.rho_names:
        keep = [j for j, other in enumerate(design.rho_names) if other != name]
        logdet = design.logdet
        rest = None
        if isinstance(logdet, JointLogDet):
            rest = JointLogDet(tuple(logdet.matrices[j] for j in keep), logdet.unit_root)
        return replace(
            design,
            Wy=design.Wy[..., keep],
            W=tuple(design.W[j] for j in keep),
            rho_names=tuple(design.rho_names[j] for j in keep),
            logdet=rest,
            error=error and replace(error, Wy=error.Wy[..., keep]),
        )
    keep = [j for j, other in enumerate(design.names) if other != name]
    return replace(
        design,
        Z=design.Z[..., keep],
        columns=tuple(design.columns[j] for j in keep),
        error=error and replace(error, Z=error.Z[..., keep]),
    )


def _studentised(design: Design, estimate: Estimate, of: Effect, cluster: str) -> Array:
    """(2,) clustered standard error, by the delta method, and t of what is tested."""
    value, gradient = of(estimate.params)
    se = np.sqrt(gradient @ robust_covariance(design, estimate, cluster) @ gradient)
    return np.array([se, value / se if se > 0 else np.nan])


def _studentised_sample(design: Design, params: Array, null: Null) -> Array:
    """The same of a sample; NaN where it has no estimate or no covariance."""
    if not np.isfinite(params).all():
        return np.full(2, np.nan)
    try:
        return _studentised(design, _estimate(design, params), null.of, null.cluster)
    except EstimationError:
        return np.full(2, np.nan)


def _estimate(design: Design, params: Array) -> Estimate:
    """That of these parameters, without covariance and likelihood."""
    p = len(design.names)
    y, Z = filtered(design, params[p:-1])
    return Estimate(
        names=parameter_names(design),
        params=params,
        cov=None,
        loglik=np.nan,
        nobs=design.nobs,
        residuals=(y - Z @ params[:p]).reshape(design.y.shape),
        multiplier=multiplier_at(design, params[p:-1]),
    )


def _check_clusters(design: Design, cluster: str) -> None:
    """Refuse a t whose standard error clusters do not have: no more of them than parameters."""
    C, q, what = int(clusters(design, cluster)), len(parameter_names(design)), WHAT[cluster]
    if q < C:
        return
    other = "" if names(design) else ", or cluster by what there is more of (cluster=)"
    raise EstimationError(
        f"t has a standard error clustered by {what}, the variance of {q} parameters from {C} "
        f"{what}: it needs more {what} than parameters. Take fewer regressors{other}."
    )
