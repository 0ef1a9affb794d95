"""How fast do spillovers fall with distance? The decay as a parameter of the model.

    y = rho W y + X beta + W(delta) X theta + ...,   w_ij = d_ij ^ -delta  or  exp(-delta d_ij)

Given delta the model is one of the family; its maximised likelihood L(delta) is scanned and
climbed, since it often has more than one peak. The interval of delta holds the values with
2 [L(best) - L(delta)] up to the quantile of chi-squared, 3.84. Every other result e moves
with delta along the profile, and with the information of both

    var(e) = var(e | delta) + (de/d delta)^2 var(delta),   var(delta) = -1 / L''(delta)

(Halleck Vega & Elhorst 2015, Journal of Regional Science 55, 339-363, for the SLX model;
own decays side by side: Tan, Kesina & Elhorst 2024, Political Analysis; the variance is the
partitioned inverse of the information). Errors and p-values of effects are made of this; their
intervals and the bands of curves are not, since effects bend with delta: see `region`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.inference import check_level
from spatialsyn.effects.table import PROFILE, Effects
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import EstimationError, ModelError, check_whole, expect, named
from spatialsyn.fitting import fit
from spatialsyn.models.data import regressors
from spatialsyn.models.design import align, listed_weights, sweep_effects
from spatialsyn.models.estimators import estimated
from spatialsyn.models.roles import Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers import profile as profiles
from spatialsyn.spillovers.curve import curves
from spatialsyn.spillovers.doubts import doubts, half_distances, intervals, said_of, tabulated
from spatialsyn.spillovers.kernel import Kernel, kernels
from spatialsyn.spillovers.region import Fitted, Region, not_rejected, span
from spatialsyn.spillovers.replicates import FEWEST
from spatialsyn.spillovers.spillover import any_spillover, lags_are_zero
from spatialsyn.weights.series import Links

ROLES = {"wx": ("wx",), "wy": ("wy",), "both": ("wy", "wx")}


@dataclass(frozen=True, eq=False, repr=False)
class Decay:
    """Estimated decay of spillovers with one distance, or with two side by side.

    Attributes
    ----------
    estimate, se : delta by distance; no se where it lies at an end of what was searched, or
        of the decays at which the model has an estimate
    interval : by distance: ``low, high, open_below, open_above, pieces``
    profile : ``distance, decay, loglik, lr``
    results : the fit at the estimate; its errors take delta as known
    spillover : the test that the lags with decaying weights are zero, delta taken as known
    kernels, moved, root : distances; fits with a higher and a lower delta, for every delta
        that has an error; the square root of the covariance of their logs
    regions : fits at the decays not rejected, by likelihood ratio, once they were asked for
    """

    estimate: pd.Series
    se: pd.Series
    interval: pd.DataFrame
    profile: pd.DataFrame
    results: Results
    spillover: HypothesisTest
    level: float
    kernels: tuple[Kernel, ...]
    moved: tuple[tuple[Results, Results], ...]
    root: Array
    regions: dict[float, list[Fitted]] = field(default_factory=dict)

    def effects(
        self,
        x: str | Iterable[str] | None = None,
        by: Any = None,
        per: str = "receiver",
        order: int | None = None,
    ) -> Effects:
        """Effects as `results.effects` gives them, with the uncertainty of delta.

        Intervals are of the profile likelihood, over every delta it does not reject; they need
        not agree with `se` and `p`, which are those of the delta method and hold a delta fixed
        that has no error. `x`, `by`, `per` and `order` are those of `results.effects`.
        """

        def asked(results: Results) -> Effects:
            return results.effects(x, by, per, order, level=self.level)

        made = asked(self.results)
        if self.moved:
            up, down = (
                np.column_stack([asked(pair[side]).table["estimate"] for pair in self.moved])
                for side in (0, 1)
            )
            by_delta = (up - down) / (2 * profiles.STEP) @ self.root
            made = made.with_spread(np.c_[made.spread, by_delta])
        cut = float(chi2.ppf(self.level, 1))
        fits = self.not_rejected(cut)
        tables = [asked(one.results).table for one in fits]
        low, high = span(
            np.array([table["estimate"] for table in tables]),
            np.array([table["se"] for table in tables]),
            np.array([one.lr for one in fits]),
            cut,
        )
        held = ", ".join(self.se.index[self.se.isna()])
        said = f"se and p by delta method{f', with delta of {held} held fixed' if held else ''}"
        about = "; ".join(filter(None, [made.about, f"{said}: intervals may disagree"]))
        table = made.table.assign(low=low, high=high)
        return replace(made, table=table, about=about, method=PROFILE)

    def not_rejected(self, cut: float) -> list[Fitted]:
        """Fits all over the decays whose likelihood ratio is at most `cut`, the best first."""
        if cut not in self.regions:
            region = Region(self.results, self.kernels, cut)
            self.regions[cut] = not_rejected(region, self.profile, self.interval)
        return self.regions[cut]

    def _drawn(self, kernels: Sequence[Kernel]) -> pd.DataFrame:
        """The curves along some of the distances."""
        return curves(self.results, self.not_rejected, kernels, len(self.kernels), self.level)

    @property
    def curve(self) -> pd.DataFrame:
        """The spillover from one city against its distance, the first one: see `along`."""
        return self.along(self.kernels[0].name)

    def along(self, distance: str) -> pd.DataFrame:
        """What one unit more of x in one city does to another city, by how far apart they are.

        Returns
        -------
        DataFrame
            ``x``, the mean distance of a band of pairs under the name of the distance,
            ``pairs, effect, low, high``: the mean effect over the pairs of the band,
            feedback included, with intervals that hold for all of the curve at once, whatever
            decay it has. Times pairs and divided by the number of cities, a curve sums to the
            indirect effect.
        """
        by_name = {kernel.name: kernel for kernel in self.kernels}
        if distance not in by_name:
            raise ModelError(f"no decay of {distance!r} was estimated, but of {named(by_name)}.")
        found = self._drawn([by_name[distance]])
        return found.drop(columns=["distance", "nearer"]).rename(columns={"at": distance})

    @property
    def curves(self) -> pd.DataFrame:
        """Two distances beside each other: what arrives by the links of each, along each.

        Comparable, since effects are those of one city on another, `nearer` counts distance
        by the share of pairs that lie nearer, and the joint intervals hold for both curves.
        Times pairs and divided by the number of cities they sum to what each matrix
        contributes to the indirect effect. See `spillovers.curve.curves` for the columns.
        """
        return self._side_by_side.copy()

    @cached_property
    def _side_by_side(self) -> pd.DataFrame:
        return self._drawn(self.kernels)

    @property
    def half_distance(self) -> pd.DataFrame:
        """ln 2 / delta by distance: over it exponential weights fall by half; powers have none."""
        return half_distances(self.kernels[0].kind, self.estimate, self.se, self.interval)

    def bootstrap(
        self,
        draws: int = 499,
        seed: int = 0,
        n_jobs: int = 1,
        backend: str = "joblib",
        scheduler: str | None = None,
    ) -> HypothesisTest:
        """The test that the lags of the regressors are zero, with the p of a searched delta.

        For slx, and for sdm with role="wx". Every sample gives all years of a city one sign.

        Parameters
        ----------
        draws, seed : how many samples, at least 99
        n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them
        """
        engine = Engine(n_jobs, backend, scheduler)
        check_whole("draws", draws, FEWEST)
        points = profiles.POINTS[len(self.kernels)]
        grid = [
            np.geomspace(tried.min(), tried.max(), points)
            for _, tried in self.profile.groupby("distance", sort=False)["decay"]
        ]
        return any_spillover(self.results, self.kernels, grid, draws, seed, engine)

    @property
    def reading(self) -> str:
        """What was found, and how far the data identify it."""
        kind = self.kernels[0].kind
        said = [
            f"{self.spillover} The p is too small, as delta was chosen to fit best: bootstrap() "
            "searches delta in every sample."
        ]
        if not self.spillover.p <= 1 - self.level:
            said.append(
                "The model without these lags is not rejected: a spillover that is not told from "
                "zero has no decay to speak of."
            )
        for name in self.estimate.index:
            row = self.interval.loc[name]
            said.append(said_of(name, kind, self.estimate, self.se, self.interval, self.level))
            tried = self.profile.loc[self.profile["distance"] == name, "decay"]
            peaked = bool(np.isfinite(self.se[name]))
            said += doubts(row, tried, None if peaked else float(self.estimate[name]))
        lost = int(np.isinf(self.profile["lr"]).sum())
        if lost:
            said.append(
                f"At {lost} of the {len(self.profile)} decays shown in `profile` the model has no "
                "estimate inside the parameter space of rho: nothing is known about these."
            )
        return "\n".join(said)

    def __repr__(self) -> str:
        return f"{self.reading}\n\n{self.effects()!r}"


def decay(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    kind: str = "power",
    role: str = "wx",
    distance: Any = None,
    standardize: str = "row",
    between: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    level: float = 0.95,
) -> Decay:
    """Estimate how fast the spatial lags of `model` fall with distance.

    Parameters
    ----------
    model : static; the matrices of `role` are replaced, others are found in `weights`
    kind : "power" | "exponential"
    role : "wx" | "wy" | "both"
        Which lags decay: those of the regressors, of the outcome, or both alike.
    distance : None | DataFrame | mapping of one or two names
        Geodesic kilometres between the panel's cities; any table of distances or
        dissimilarities; or two side by side in one model, each with lags and a decay of its
        own: ``{"km": None, "digital": frame}``. A name is that of the weights too.
    standardize : see `Weights.standardize`
    between : the lowest and highest decay to search, by distance where there are two

    Raises
    ------
    ModelError
        A role that the model does not have, dynamic models, unknown kinds.
    AlignmentError, WeightsError
        Distances that are not those of all pairs of the panel's cities.
    EstimationError
        The model has no estimate at any decay.
    """
    check_level(level)
    _check_model(model)
    fall = kernels(distance, panel, kind, standardize)
    replaced = model.weights_names
    model = _with_kernels(model, role, tuple(k.name for k in fall))
    fixed = [name for name in model.weights_names if name not in {k.name for k in fall}]
    _check_replaced(set(replaced) - set(fixed), weights, role)
    others = align(weights, tuple(fixed), panel)
    box = tuple((np.log(low), np.log(high)) for low, high in _searched(fall, between))

    def made(logs: Array) -> dict[str, Links]:
        return {
            **others,
            **{k.name: k.at(float(np.exp(t))) for k, t in zip(fall, logs, strict=True)},
        }

    def refit(logs: Array) -> Results:
        return fit(model, panel, made(logs))

    value = _likelihood(model, panel, made)
    peak = profiles.highest(value, box)
    ends = [profiles.interval(value, peak, box, axis, level) for axis in range(len(box))]
    cov = profiles.curvature(value, peak.at, box)
    free = np.isfinite(np.diag(cov))
    steps = profiles.STEP * np.eye(len(box))[free]
    results, names = refit(peak.at), [k.name for k in fall]
    estimate = pd.Series(np.exp(peak.at), index=names, name="estimate")
    return Decay(
        estimate=estimate,
        se=(estimate * np.sqrt(np.diag(cov))).rename("se"),
        interval=intervals(ends, names),
        profile=tabulated(ends, names, peak.height),
        results=results,
        spillover=lags_are_zero(results, names),
        level=level,
        kernels=fall,
        moved=tuple((refit(peak.at + step), refit(peak.at - step)) for step in steps),
        root=np.linalg.cholesky(cov[np.ix_(free, free)]),
    )


def _check_model(model: SpatialModel) -> None:
    """Refuse what has no likelihood that could be compared between decays."""
    expect(model, SpatialModel, "decay needs a model such as ss.slx(...)", ModelError)
    if model.dynamic:
        raise ModelError("decay in dynamic models is not available: leave the lags in time out.")
    if model.estimator != "qml":
        raise ModelError(
            f"decay compares likelihoods, and estimator={model.estimator!r} has none: use "
            'estimator="qml".'
        )
    if model.roles.mixed is not None:
        raise ModelError(
            "decay of a mixture is not available: name one matrix, or two distances side by side, "
            'distance={"km": None, "digital": frame}.'
        )


def _check_replaced(replaced: set[str], weights: Any, role: str) -> None:
    """Refuse weights that are given for lags whose weights are those of the distance."""
    lost = sorted(replaced & {w.name for w in listed_weights(weights)})
    if lost:
        raise ModelError(
            f"W[{named(lost)}] is given, but role={role!r} replaces it by weights that fall with "
            'distance. Write W="km" for the lags that decay; weights that stay have roles of '
            'their own, such as W={"wy": "geo", "wx": "km"}.'
        )


def _likelihood(model: SpatialModel, panel: CityPanel, made: Any) -> profiles.Value:
    """The maximised likelihood at the logs of delta, minus infinity where there is no estimate."""
    data, seen = regressors(model, panel), dict[tuple[float, ...], float]()

    def value(logs: Array) -> float:
        key = tuple(float(t) for t in logs)
        if key not in seen:
            weights = made(logs)
            design = sweep_effects(model, data, weights)
            try:
                seen[key] = estimated(model, design)[1].loglik
            except EstimationError:
                seen[key] = -np.inf
        return seen[key]

    return value


def _with_kernels(model: SpatialModel, role: str, names: tuple[str, ...]) -> SpatialModel:
    """The model whose matrices of `role` are those of the distances."""
    if role not in ROLES:
        raise ModelError(f"role={role!r} is not one of {named(ROLES)}.")
    has = model.roles
    absent = [part for part in ROLES[role] if not getattr(has, part)]
    if absent:
        raise ModelError(
            f"role={role!r}: {model.family} has no {named(absent)}. slx, sdm, sdem and gns lag "
            "the regressors (wx); sar, sdm, sac and gns the outcome (wy)."
        )
    every = any(not terms for _, terms in has.wx)
    terms = () if every else tuple(dict.fromkeys(t for _, chosen in has.wx for t in chosen))
    wx = tuple((name, terms) for name in names) if "wx" in ROLES[role] else has.wx
    wy = names if "wy" in ROLES[role] else has.wy
    kept = Roles(() if wy is names else has.wy, () if wx is not has.wx else has.wx, has.wu)
    taken = [name for name in names if name in kept.names]
    if taken:
        raise ModelError(
            f"{named(taken)} names a distance and weights of the model that stay, as "
            f"role={role!r} lets {named(ROLES[role])} decay alone. Give both lags the decay, "
            'role="both"; give those that stay a matrix of their own, '
            'W={"wy": "geo", "wx": "km"}; or call the distance otherwise, '
            "distance={'apart': frame}."
        )
    return model.but(W=Roles(wy, wx, has.wu))


def _searched(fall: tuple[Kernel, ...], between: Any) -> list[tuple[float, float]]:
    """The range of delta for every distance."""
    if between is None:
        return [kernel.searched for kernel in fall]
    given = between if isinstance(between, Mapping) else {k.name: between for k in fall}
    found = []
    for kernel in fall:
        ends: Any = given.get(kernel.name)
        numbers = np.shape(ends) == (2,) and all(isinstance(end, int | float) for end in ends)
        if not numbers or not 0 < ends[0] < ends[1] < np.inf:
            raise ModelError(
                f"between={between!r}: give the lowest and highest decay of {kernel.name}, two "
                f"positive numbers in this order; the default is {kernel.searched}."
            )
        found.append((float(ends[0]), float(ends[1])))
    return found
