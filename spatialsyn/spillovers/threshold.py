"""Does the effect of x, here and next door, change beyond a level of q?

    y = rho W y + (beta_1 x + theta_1 W x) 1{q <= g} + (beta_2 x + theta_2 W x) 1{q > g} + ...

The indicator is that of the receiving city and year (`ss.regimes(q, x, above=g)`), so one W
holds all cities and neighbours keep their links across regimes. g has the highest profile
likelihood L(g) over the observed values of q; with LR(g) = 2 [L(best) - L(g)]

    interval of g        LR(g) <= -2 ln(1 - sqrt(level))        (Hansen 2000, Econometrica 68)
    test of no g at all  2 [L(best) - L(no threshold)]

Under no threshold g does not exist, so the statistic is not chi-squared: its distribution
is that of samples drawn from the model without one (Hansen 1999, Journal of Econometrics
93, for least squares; with Wy the likelihood takes the place of the sum of squares: ours).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import average
from spatialsyn.effects.inference import check_level
from spatialsyn.effects.request import inferred
from spatialsyn.effects.table import Effects
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, check_whole, expect, listed, named, percent
from spatialsyn.fitting import fit
from spatialsyn.models.cut import cut_at
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.roles import regimes
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.replicates import (
    FEWEST,
    Samples,
    check_sampled,
    data_and_samples,
    gain_test,
    refitted,
)
from spatialsyn.weights.series import Links

# Most values of q that are tried: beyond, as many quantiles.
MOST = 400
# Share of the variation of the regime beyond which it is mostly one of years, or of cities.
MOSTLY = 0.5
# Fewer cities than these in a regime are told.
FEW = 5
# A product of a share and a whole number may be off by this.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Threshold:
    """A threshold of q in the effect of x.

    Attributes
    ----------
    q, x : the column that is cut, and the terms that change
    gamma : the last value of q that belongs to the regime below
    interval : of gamma, by inversion of the likelihood ratio
    test : of no threshold; p by the bootstrap
    profile : one row per value tried: ``gamma, loglik, lr, inside, share_below``
    results : the fit with both regimes
    level, draws, seed : of the interval; of the bootstrap
    """

    q: str
    x: tuple[str, ...]
    gamma: float
    interval: tuple[float, float]
    test: HypothesisTest
    profile: pd.DataFrame
    results: Results
    level: float
    draws: int
    seed: int

    @property
    def p(self) -> float:
        """Bootstrap p-value of no threshold."""
        return self.test.p

    @property
    def effects(self) -> Effects:
        """Effects of x where all cities lie below, and where all lie above the threshold."""
        return self._effects(self.results.design.blocks)

    @property
    def difference(self) -> Effects:
        """Effects above less effects below, with the p-value that they are equal."""
        below, above = self.results.design.blocks
        return self._effects([above]).minus(self._effects([below]))

    @property
    def reading(self) -> str:
        """What the numbers say, and how far they carry."""
        low, high = self.interval
        tried = self.profile["gamma"]
        inside = self.profile["inside"].to_numpy()
        said = [
            f"Threshold in the effect of {', '.join(self.x)}: {self.q} = {self.gamma:.4g} "
            f"({percent(self.level)} interval {low:.4g} .. {high:.4g}).",
            f"{self.test}.",
        ]
        if self.p > 1 - self.level:
            said.append(
                "A model without one is not rejected: gamma, the two regimes and the p-values "
                "of their difference are no findings."
            )
        if np.diff(np.flatnonzero(inside)).max(initial=1) > 1:
            said.append("The likelihood has several peaks: parts of the interval are excluded.")
        if low == tried.min() or high == tried.max():
            said.append(
                f"The interval reaches the end of the values tried ({tried.min():.4g} .. "
                f"{tried.max():.4g}): the data do not bound gamma there."
            )
        said += [*self._answer(), *self._confounded()]
        said.append(
            "Effects hold gamma fixed, as its estimate converges faster than theirs; its interval "
            f"takes errors of equal variance, and {self.q} as given, not moved by the outcome. "
            "Each further column or term tried is a further test."
        )
        return "\n".join(said)

    def _answer(self) -> list[str]:
        """For every regressor: does its indirect effect grow beyond the threshold?"""
        rows = self.effects["indirect"][["estimate", "low", "high"]].to_numpy()
        gaps = self.difference["indirect"][["estimate", "low", "high"]].to_numpy()
        below, above = np.split(rows, 2)
        names = [x.rsplit(" if ", 1)[0] for x in self.effects.table["x"].unique()[: len(gaps)]]
        return [
            f"Indirect effect of {name}: {_shown(one)} up to, {_shown(other)} above, difference "
            f"{_shown(gap)}."
            for name, one, other, gap in zip(names, below, above, gaps, strict=True)
            if np.ptp([one, other])
        ]

    def _confounded(self) -> list[str]:
        """Sentences where the regimes are periods or groups of cities, or hold few cities."""
        low, high = self.results.data.blocks.values()
        few = [
            f"Only {count} of {len(side)} cities are ever {where} the threshold."
            for where, side in (("up to", low), ("above", high))
            if (count := int(side.any(axis=1).sum())) < FEW
        ]
        shares = {"years": high.mean(axis=0).var(), "cities": high.mean(axis=1).var()}
        return few + [
            f"{share / high.var():.0%} of the variation of the regime lies between {kind}: "
            f"whatever else tells those {kind} apart may be the threshold."
            for kind, share in shares.items()
            if share > MOSTLY * high.var()
        ]

    def _effects(self, blocks: Iterable[str]) -> Effects:
        """Effects of x with one regime everywhere, for each of `blocks`."""
        design = _regressor_by_regime(self.results.design)
        terms = dict(zip(self.results.data.names, self.results.data.terms, strict=True))
        names = [name for name in self.results.regressors if terms[name] in self.x]
        asked = {f"{name} if {block}": None for block in blocks for name in names}
        reading, how = average(self.results.panel.n), ("delta", self.level, 1000, 0)
        return inferred(design, self.results.estimate, asked, reading, (None, None, True), how)

    def __repr__(self) -> str:
        return f"{self.reading}\n\n{self.effects!r}\n\n{self.difference!r}"


def threshold(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    *,
    x: str | Iterable[str],
    q: str,
    trim: float = 0.15,
    draws: int = 499,
    seed: int = 0,
    level: float = 0.95,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Threshold:
    """Estimate the value of `q` beyond which the effect of `x` and of its lag changes.

    The interval of the value is that of Hansen (2000), the test of none that of Hansen (1999)
    with samples that keep the years of a city together.

    Parameters
    ----------
    model : ols, slx, sar or sdm, static, with fixed effects or none, and without regimes
    x : terms of the formula whose coefficients change
    q : numeric column of the panel
    trim : share of all city-years that each regime has at least
    draws, seed : samples of the bootstrap test, a random sign for every city in each
    level : coverage of the intervals
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    ModelError
        A model that is not sampled, unknown terms, a q with too few values, a regime in
        which a regressor does not vary.
    """
    engine = Engine(n_jobs, backend, scheduler)
    expect(model, SpatialModel, "threshold needs a model such as ss.sdm(...)", ModelError)
    terms = _checked(model, x, trim, draws, level)
    null = fit(model, panel, weights)
    check_sampled(null, "the bootstrap of a threshold")
    tried, share_below = _candidates(null, q, trim)
    samples = data_and_samples(null, draws, seed)
    without = refitted(null.design, samples).loglik
    call = partial(_logliks, null, terms, q, samples)
    logliks = np.array(engine.all(call, tried.tolist(), "values of q"))
    gained = 2 * (logliks.max(axis=0) - without)
    best = int(np.argmax(logliks[:, 0]))
    both = fit(model.but(regimes=regimes(q, terms, above=float(tried[best]))), panel, weights)
    lr = 2 * (logliks[best, 0] - logliks[:, 0])
    inside = lr <= critical(level)
    return Threshold(
        q=q,
        x=terms,
        gamma=float(tried[best]),
        interval=(float(tried[inside].min()), float(tried[inside].max())),
        test=_test(gained, null, both, draws, seed),
        profile=pd.DataFrame(
            {
                "gamma": tried, "loglik": logliks[:, 0], "lr": lr, "inside": inside,
                "share_below": share_below,
            }
        ),
        results=both,
        level=level,
        draws=draws,
        seed=seed,
    )  # fmt: skip


def critical(level: float) -> float:
    """The likelihood ratio that the true threshold exceeds with probability 1 - `level`."""
    return float(-2 * np.log(1 - np.sqrt(level)))


def _logliks(
    null: Results, terms: tuple[str, ...], q: str, samples: Samples, gamma: float
) -> Array:
    """(R,) maximised likelihoods of the samples with the regimes that `gamma` makes."""
    model = null.model.but(regimes=regimes(q, terms, above=gamma))
    blocks = cut_at(model.regimes, null.panel, null.data.years)
    try:
        design = sweep_effects(model, replace(null.data, blocks=blocks), null.weights)
        return refitted(design, samples).loglik
    except ModelError as error:
        raise ModelError(
            f"with regimes cut at {q} = {gamma:.6g} there is no estimate: {error} Or use a larger "
            "trim, so that more city-years lie on either side."
        ) from error


def _test(gained: Array, null: Results, both: Results, draws: int, seed: int) -> HypothesisTest:
    """The test that what the regimes gain in the data is no more than in samples without them."""
    found = both.model.regimes
    said = f"no threshold of {found.grouping} in the effect of {', '.join(found.x)}"
    note = f"p from {draws} samples without one, seed {seed}"
    return gain_test(said, gained, len(both.params) - len(null.params), note)


def _regressor_by_regime(design: Design) -> Design:
    """The same columns, each regime of a regressor being a regressor of its own."""
    columns = tuple(
        replace(c, x=f"{c.x} if {c.block}", block=None) if c.block else c for c in design.columns
    )
    return replace(design, columns=columns)


def _candidates(null: Results, q: str, trim: float) -> tuple[Array, Array]:
    """Values of q that leave the share `trim` of the city-years on either side, and that below."""
    if q in null.data.outcome_sources:
        raise ModelError(f"q={q!r} makes the outcome: regimes chosen by the outcome bias it.")
    panel = null.panel
    values = panel.array(q)[:, [panel.years.index(year) for year in null.data.years]]
    if np.isnan(values).any():
        raise ModelError(f"{q!r} has {int(np.isnan(values).sum())} missing values.")
    if np.ptp(values) == 0:
        raise ModelError(f"{q!r} is {values.flat[0]:.6g} in every city-year: nothing to cut.")
    unique, counts = np.unique(values, return_counts=True)
    below = np.cumsum(counts)
    # Of 10 in 100 a share of 0.1 on either side: 1 - 0.9 is a little less than 0.1.
    smaller = np.minimum(below, values.size - below)
    kept = np.flatnonzero(smaller >= trim * values.size * (1 - ROUNDING))
    if not len(kept):
        raise ModelError(
            f"no value of {q!r} leaves {trim:.0%} of the city-years on either side: it has "
            f"{len(unique)} different values. Use a smaller trim, or, for a column of groups, "
            "regimes of cities: regimes='region'."
        )
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, MOST).round().astype(int))]
    return unique[kept], below[kept] / values.size


def _checked(
    model: SpatialModel, x: str | Iterable[str], trim: float, draws: int, level: float
) -> tuple[str, ...]:
    """The terms of `x`, if all that was asked for makes sense."""
    check_level(level)
    known = [str(term) for term in parse(model.formula).terms]
    given = (x,) if isinstance(x, str) else x
    terms = tuple(listed(given, f"x names terms of the formula: {named(known)}", ModelError))
    absent = [term for term in terms if term not in known]
    if absent or not terms:
        raise ModelError(
            f"x={x!r}: a threshold needs terms of {model.formula!r}; there are {named(known)}."
        )
    if model.regimes is not None:
        raise ModelError(f"the model has regimes already ({model.regimes}): leave them out.")
    if not (isinstance(trim, float) and 0 < trim < 0.5):
        raise ModelError(f"trim={trim!r} must be a share between 0 and 0.5, for example 0.15.")
    check_whole("draws", draws, FEWEST)
    return terms


def _shown(row: Array) -> str:
    estimate, low, high = row
    return f"{estimate:.4g} [{low:.4g}, {high:.4g}]"
