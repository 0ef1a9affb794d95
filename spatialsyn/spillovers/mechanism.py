"""A mechanism in space: x moves m, here and next door, and m moves y, here and next door.

    m = rho_m W m + a x + a' W x + ...          A = dm/dx
    y = rho_y W y + b m + b' W m + c x + ...    B = dy/dm,  C = dy/dx at a given m

all (n, n), row i receiving. The path through m is the matrix product B A, the effect of x
altogether C + B A. A city's own part of it, on average over cities, is

    (B A)_ii = B_ii A_ii  through its own m  +  sum_k B_ik A_ki  out to neighbours and back

and what comes from another city j, summed over j and averaged over i,

    B_ii A_ij  through the receiver's m,   B_ij A_jj  through the sender's,
    sum_k B_ik A_kj  through that of third cities

Without spatial lags B A is the product of two coefficients (Baron & Kenny 1986, Journal of
Personality and Social Psychology 51); the decomposition over space: ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.entered import Multipliers
from spatialsyn.effects.inference import FEWEST, check_level, of_draws
from spatialsyn.effects.request import multipliers
from spatialsyn.effects.table import Effects
from spatialsyn.engine.tasks import Engine, ranges
from spatialsyn.errors import EstimationError, ModelError, check_whole, named
from spatialsyn.fitting import fit
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.randomness import sequence
from spatialsyn.results import Results
from spatialsyn.spillovers.replicates import check_sampled, refitted, sampled, signs
from spatialsyn.weights.series import Links

METHODS = ("bootstrap", "simulation")
# Share of draws that may have no estimate, or lie outside the parameter space.
LOST = 0.05
# Draws read together.
TASK = 32
# Rows of `Mediation.paths`: whose effect, and through whose m.
PATHS = (
    ("direct", "own"),
    ("direct", "neighbours', and back"),
    ("indirect", "receiver's"),
    ("indirect", "sender's"),
    ("indirect", "third cities'"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Mediation:
    """The effect of x on y through m and past it.

    Attributes
    ----------
    x, m : regressor and mediator, as the formulas name them
    first, second : the fits of m, and of y
    effects : direct, indirect and total effect of x not via m, via m, and both
    paths : the effect via m, by whose m it takes
    """

    x: str
    m: str
    first: Results
    second: Results
    effects: Effects
    paths: Effects

    @property
    def reading(self) -> str:
        """What the numbers say, what they rest on, and what they do not show."""
        y, x, m = self.second.data.outcome, self.x, self.m
        rows = self.effects.table.set_index(["x", "effect"])
        said = [
            f"{kind}: " + ", ".join(f"{effect} {_shown(rows.loc[(kind, effect)])}" for effect in
                                    ("direct", "indirect", "total"))
            for kind in dict.fromkeys(self.effects.table["x"])
        ]  # fmt: skip
        return "\n".join(
            [
                *said,
                f"Identified, if W is the right one and {x} unrelated to the errors given controls "
                f"and fixed effects: the effect of {x} on {m}, and that of {x} on {y} altogether.",
                f"Not identified by these two equations: that the way via {m} is causal. It takes "
                f"that nothing unobserved moves both {m} and {y}, here or next door, and that "
                f"{y} moves neither {m} nor {x}. No test of the two equations shows this, nor do "
                f"coefficients that are significant one after the other: {m} -> {y} has to come "
                "from theory, or from a design of its own (Jiang 2022, China Industrial "
                "Economics).",
            ]
        )

    def __repr__(self) -> str:
        return f"{self.reading}\n\n{self.effects!r}\n\n{self.paths!r}"


def mediation(
    m_model: SpatialModel,
    y_model: SpatialModel,
    x: str,
    m: str,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    method: str = "bootstrap",
    draws: int = 999,
    seed: int = 0,
    level: float = 0.95,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Mediation:
    """The effect of `x` on the outcome of `y_model` via `m`, the outcome of `m_model`.

    Parameters
    ----------
    m_model, y_model : static models; x is a regressor of both, m of the second
    x, m : as the formulas name them, ``"log(m)"`` where that is outcome and regressor
    method : "bootstrap" | "simulation"
        Samples that change the sign of all residuals of a city, the same in both equations,
        at the regressors observed, m included (ols, slx, sar, sdm); or normal draws of the
        parameters, independent between the two equations as their errors are.
    draws, seed, level : number, seed, and coverage of intervals, which are quantiles
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        Models that do not form the chain x -> m -> y, x or m in several terms, dynamic
        models, matrices that change over the years.
    EstimationError
        Too many draws without an estimate.
    """
    engine = Engine(n_jobs, backend, scheduler)
    check_level(level)
    if method not in METHODS:
        raise ModelError(f"method={method!r} is not one of {named(METHODS)}.")
    check_whole("draws", draws, FEWEST)
    first, second = fit(m_model, panel, weights), fit(y_model, panel, weights)
    _check_chain(first, second, x, m)
    entered = (
        multipliers(first.design, first.estimate, {x: None}),
        multipliers(second.design, second.estimate, {m: None, x: None}),
    )
    if any(M.ndim == 3 for model in entered for M in (*model.W, *model.carriers)):
        raise ModelError(
            "mediation needs weights and regimes that stay the same over the years: the mean of "
            "a product is not the product of means."
        )
    of_m, of_y, lost = _draws(first, second, entered, method, draws, seed)
    call = partial(_read_some, entered, of_m, of_y)
    made = np.concatenate(engine.all(call, ranges(len(of_m), TASK)))
    point = _read(entered, first.estimate.params, second.estimate.params)
    kinds = (f"{x} (not via {m})", f"{x} (via {m})", f"{x} (both)")
    spaces = ("direct", "indirect", "total")
    labels = {"x": [kind for kind in kinds for _ in spaces], "effect": spaces * len(kinds)}
    effects, paths = zip(*PATHS, strict=True)
    by_path = {"x": [kinds[1]] * len(PATHS), "effect": effects, "path": paths}
    parts = []
    for rows, chosen in ((labels, slice(0, 9)), (by_path, slice(9, None))):
        table, spread = of_draws(rows, point[chosen], made[:, chosen], level)
        parts.append(Effects(table, level, method, spread, "", made[:, chosen], lost, seed))
    return Mediation(x, m, first, second, *parts)


def _read_some(
    entered: tuple[Multipliers, Multipliers], of_m: Array, of_y: Array, which: slice
) -> Array:
    """(b, 14) effects of some draws."""
    pairs = zip(of_m[which], of_y[which], strict=True)
    return np.array([_read(entered, *pair) for pair in pairs])


def _read(entered: tuple[Multipliers, Multipliers], of_m: Array, of_y: Array) -> Array:
    """(14,) effects at the parameters of both equations: 9 by path and space, 5 by whose m."""
    (A,), (B, C) = _derivatives(entered[0], of_m), _derivatives(entered[1], of_y)
    n = len(A)
    through = B @ A
    spaces = []
    for S in (C, through, C + through):
        own, total = np.trace(S) / n, S.sum() / n
        spaces += [own, total - own, total]
    a, b = np.diag(A), np.diag(B)
    own, receiver = b @ a / n, b @ (A.sum(axis=1) - a) / n
    sender = (B.sum(axis=0) - b) @ a / n
    third = spaces[4] - receiver - sender
    return np.array([*spaces, own, spaces[3] - own, receiver, sender, third])


def _derivatives(entered: Multipliers, params: Array) -> list[Array]:
    """The (n, n) matrix of derivatives for every regressor of `entered`."""
    at = entered.at(params)
    level = entered.readings(at, lambda B: B.whole().ravel(), slopes=False).level
    n = entered.carriers[0].shape[-1]
    return [
        (at[list(one.positions)] @ level[list(one.carriers)]).reshape(n, n)
        for one in entered.regressors
    ]


def _draws(
    first: Results,
    second: Results,
    entered: tuple[Multipliers, Multipliers],
    method: str,
    draws: int,
    seed: int,
) -> tuple[Array, Array, float]:
    """Draws of the parameters of both equations, pair by pair, and the share that was lost."""
    if method == "bootstrap":
        v = signs(draws, first.panel.n, seed)
        for results in (first, second):
            check_sampled(results, "the bootstrap", ' Or use method="simulation".')
        of_m, of_y = (refitted(r.design, sampled(r, v)).params for r in (first, second))
        kept = np.isfinite(of_m).all(axis=1) & np.isfinite(of_y).all(axis=1)
    else:
        one, two = (int(s) for s in sequence(seed).generate_state(2))
        of_m, of_y = first.estimate.sample(draws, one), second.estimate.sample(draws, two)
        kept = entered[0].stable(of_m) & entered[1].stable(of_y)
    lost = 1 - float(kept.mean())
    if lost > LOST:
        raise EstimationError(
            f"{lost:.0%} of the draws have no estimate inside the parameter space of rho: the data "
            "say too little about these models. Use time effects against a common trend, or "
            "fewer spatial lags."
        )
    return of_m[kept], of_y[kept], lost


def _check_chain(first: Results, second: Results, x: str, m: str) -> None:
    """Refuse two models that are not x -> m and (x, m) -> y."""
    if first.data.outcome != m:
        raise ModelError(f"m_model explains {first.data.outcome!r}, not the mediator m={m!r}.")
    if first.model.dynamic or second.model.dynamic:
        raise ModelError(
            "mediation in dynamic models is not available: the path via m runs over years. Leave "
            "the lags of y out, or look at each equation's results.effects(horizon=...)."
        )
    for which, results, needed in (("m_model", first, [x]), ("y_model", second, [x, m])):
        data = results.data
        absent = [name for name in needed if name not in results.regressors]
        if absent:
            raise ModelError(
                f"{which} lacks the regressor {named(absent)}; it has {named(results.regressors)}."
            )
        sources = dict(zip(data.names, data.sources, strict=True))
        for name in needed:
            twins = [n for n, s in sources.items() if n != name and s & sources[name]]
            if twins:
                raise ModelError(
                    f"{name!r} enters {which} through {named(twins)} too: a path has one term. "
                    "Keep one of them, or look at ss.moderated(...)."
                )
    back = second.data.outcome_sources & frozenset().union(*first.data.sources)
    if back:
        raise ModelError(
            f"m_model has {named(back)} on its right side, which makes the outcome of y_model: "
            "m and y would move each other, and no path of one way exists."
        )


def _shown(row: pd.Series) -> str:
    return f"{row['estimate']:.4g} [{row['low']:.4g}, {row['high']:.4g}]"
