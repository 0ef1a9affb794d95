"""What `fit` returns: an estimate that knows its model, its weights and its panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.mixed import SeveralWeights
from spatialsyn.effects.request import (
    asked_for,
    inferred,
    reading_by,
    split_channel,
)
from spatialsyn.effects.scenario import Change, by_receiving_city, change_of
from spatialsyn.effects.table import Effects
from spatialsyn.effects.told import told
from spatialsyn.errors import ModelError, PanelError, check_flag, expect
from spatialsyn.models.choice import covered_by
from spatialsyn.models.covariance import without_choice
from spatialsyn.models.criteria import counted, criteria
from spatialsyn.models.data import regressors
from spatialsyn.models.design import Design
from spatialsyn.models.dynamic import stability
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.fixed import effects_table, fixed_part, r2_parts, signal_correlation
from spatialsyn.models.formula import Regressors
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.marginal import check_repeatable
from spatialsyn.models.masked_estimate import completed
from spatialsyn.models.right_side import right_side
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.strength import FirstStage, first_stage, overidentify
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.threads import threads_for
from spatialsyn.plugin import Tabled
from spatialsyn.summary import glance, html, summary, tidy
from spatialsyn.weights.series import Links

if TYPE_CHECKING:
    from spatialsyn.diagnostics.table import Diagnostics
    from spatialsyn.weights.core import Weights


@dataclass(frozen=True, eq=False, repr=False)
class Results(SeveralWeights, Tabled):
    """An estimate that knows its model, its weights and its panel.

    Coefficients of spatial lags are not effects; `effects` gives what a change of x does
    here and next door.
    """

    model: SpatialModel
    panel: CityPanel
    weights: Mapping[str, Links]
    data: Regressors
    design: Design
    estimate: Estimate
    cov_kind: str
    sample: Sample = EVERYTHING

    @property
    def equation(self) -> str:
        """The model in one line."""
        return self.model.equation

    # Made anew for every reader: one who changes the copy changes no results.
    @property
    def params(self) -> pd.Series:
        """Parameters by name: regressors, their lags, rho, sigma2."""
        names = list(self.estimate.names)
        return pd.Series(self.estimate.params, index=names, name="estimate", copy=True)

    @property
    def cov(self) -> pd.DataFrame:
        """Covariance matrix of the parameters."""
        names = list(self.estimate.names)
        return pd.DataFrame(self.estimate.cov, index=names, columns=names, copy=True)

    @property
    def se(self) -> pd.Series:
        """Standard errors by name."""
        se = pd.Series(np.sqrt(np.diag(self.cov)), index=list(self.estimate.names), name="se")
        if self.design.mixture is not None:
            se = se.mask(se.index.str.startswith("share[") & (se == 0))
        return se

    def with_cov(self, kind: str, km: float | None = None, by: Any = None) -> Results:
        """The same estimates with another covariance; effects and tables follow.

        Parameters
        ----------
        kind : one of `fit`, or "spatial-hac" | "cluster"
            The latter two for errors of near cities, or of the cities of a group, that are
            correlated: without a lag of y; "cluster" with one too under estimator="2sls".
        km, by : the reach of "spatial-hac" in km; the grouping of "cluster", or a Series
        """
        with threads_for(self.panel.n):
            design, estimate, shown = covered_by(
                self.design, self.estimate, self.panel, kind, km, by
            )
        return replace(self, design=design, estimate=estimate, cov_kind=shown)

    def first_stage(self) -> FirstStage:
        """Strength of the instruments per endogenous column: F, partial R2, conditional F."""
        return first_stage(self.design, without_choice(self.cov_kind))

    def overid(self) -> HypothesisTest:
        """Sargan's test, or Hansen's J, that the surplus instruments are exogenous too."""
        return overidentify(self.design, self.estimate, without_choice(self.cov_kind))

    @property
    def rho(self) -> pd.Series:
        """Spatial autoregressive coefficients by weights name; empty without Wy."""
        return self._spatial("rho")

    @property
    def alpha(self) -> pd.Series:
        """Exponents of a matrix exponential by weights name; 1 - e^alpha compares with rho."""
        return self._spatial("alpha")

    @property
    def lam(self) -> pd.Series:
        """Spatial error coefficient by weights name; empty without a spatial error."""
        return self._spatial("lambda")

    def _spatial(self, symbol: str) -> pd.Series:
        names = [name for name in self.params.index if name.startswith(f"{symbol}[")]
        return self.params[names].rename(lambda name: name[len(symbol) + 1 : -1])

    @property
    def sigma2(self) -> float:
        """Variance of the error."""
        return float(self.estimate.params[-1])

    @property
    def loglik(self) -> float:
        """Maximised log-likelihood, of what `glance` says; nan without likelihood."""
        return self.estimate.loglik

    @property
    def nobs(self) -> int:
        """Independent observations: cells observed, less what the transformation used up."""
        return self.estimate.nobs

    @property
    def regressors(self) -> tuple[str, ...]:
        """Columns of X, as effects name them."""
        return tuple(name for name in self.data.names if name != "Intercept")

    @property
    def df_model(self) -> int:
        """Parameters counted by AIC and BIC; fixed effects only where dummies estimate them."""
        return counted(self.model, self.design, len(self.estimate.params))

    @property
    def aic(self) -> float:
        """Akaike's criterion; compare within one `correction`, dynamic or static."""
        return self._criteria[0]

    @property
    def bic(self) -> float:
        """Schwarz's criterion; compare as `aic`."""
        return self._criteria[1]

    @property
    def _criteria(self) -> tuple[float, float]:
        return criteria(self.loglik, self.df_model, self.nobs)

    @property
    def resid(self) -> pd.Series:
        """Structural residuals, fixed effects swept, random ones quasi-demeaned; NaN in holes."""
        return self._by_city_year(self.estimate.residuals, "resid")

    @property
    def fitted(self) -> pd.Series:
        """y minus `resid`: what regressors, fixed effects, the observed Wy (and Wu) account for."""
        return self._by_city_year(self.data.y - self.estimate.residuals, "fitted")

    @cached_property
    def corr2(self) -> float:
        """Squared correlation of y with its reduced-form prediction S^-1 Z delta, both swept."""
        return signal_correlation(self.design, self._entered, self.data.y)

    @cached_property
    def r2(self) -> pd.Series:
        """Squared correlations of y with its reduced-form prediction without fixed effects.

        ``within`` of deviations from city means, ``between`` of city means, ``overall`` of
        all city-years (the definitions of Stata's xtreg, with S^-1 Z delta as prediction).
        """
        prediction = lag(self.estimate.multiplier, self._signal(self.data))
        return pd.Series(r2_parts(self.data.y, prediction))

    def stability(self) -> pd.Series:
        """Of a dynamic model: its largest root, half-life, and whether tau + rho + eta is one.

        ``root`` is the spectral radius of A = S^-1 (tau I + eta W); ``half_life`` the years
        after which half of a shock along that root is left.
        """
        if not self.model.dynamic:
            raise ModelError("this model has no lag in time: lag_y=True or lag_wy=True makes one.")
        root, test = stability(self.design, self.estimate)
        half = np.log(0.5) / np.log(root) if 0 < root < 1 else np.inf
        return pd.Series(
            {"root": root, "half_life": half, "wald": test.statistic, "p": test.p}, name=test.null
        )

    def fixed_effects(self) -> pd.DataFrame:
        """City and year effects, each summing to zero: kind, id, estimate, se."""
        if self.design.observed is not None:
            raise ModelError(
                "fixed effects have no standard errors here where outcomes are missing; what they "
                "add up to is part of predict() and impute()."
            )
        X, _ = right_side(self.model, self.data, self.weights)
        ids = {"city": self.panel.ids, "year": self.data.years}
        return effects_table(self.design, self._entered, self.data.y, X, ids)

    def impute(self) -> pd.DataFrame:
        """Missing outcomes, predicted from all observed ones: ``estimate`` and ``se`` by city-year.

        The best linear prediction, unlike `predict`, which is what regressors and fixed effects
        alone lead to. Its standard error counts the cell's own error, the coefficients and the
        fixed effects, not rho and lambda. A logarithm, as outcome, stays one.
        """
        y = se = self.data.y
        if self.design.observed is not None:
            y, se, _ = completed(self.design, self.estimate.params)
        made = {"estimate": self._by_city_year(y, "y"), "se": self._by_city_year(se, "se")}
        return pd.DataFrame(made)[np.isnan(self.data.y).ravel()]

    def predict(self, panel: CityPanel | None = None) -> pd.Series:
        """Expected outcome from the reduced form, S^-1 (X beta + W X theta + fixed effects).

        `panel` may hold other values of the regressors for the same cities and years; what
        stands for the cities stays: fixed effects, and the means of correlated random ones.
        """
        own = signal = self._signal(self.data)
        if panel is not None:
            expect(panel, CityPanel, "predict needs a panel: panel.assign(...)", PanelError)
            check_repeatable(self.model)
            if panel.ids != self.panel.ids or panel.years != self.panel.years:
                raise ModelError(
                    f"predict needs the cities and years of the fit ({self.panel!r}); got "
                    f"{panel!r}."
                )
            signal = self._signal(regressors(self.model, panel, self.sample))
        fixed = fixed_part(self.design, self._entered, self.data.y, own)
        return self._by_city_year(lag(self.estimate.multiplier, signal + fixed), "predicted")

    def effects(
        self,
        x: str | Iterable[str] | None = None,
        by: str | Sequence[str] | pd.Series | pd.DataFrame | None = None,
        per: str = "receiver",
        order: int | None = None,
        horizon: Any = None,
        lasting: bool = True,
        method: str = "delta",
        level: float = 0.95,
        draws: int = 1000,
        seed: int = 0,
    ) -> Effects:
        """Direct, indirect and total effects with standard errors, intervals and p-values.

        Parameters
        ----------
        x : str or list of str, optional
            Regressors, as they stand in the formula; all of them by default. A variable
            that enters through several terms or a function (``va + va:gdp``, ``log(gdp)``)
            has its average marginal effect under its own name.
        by : None | "city" | "pair" | a grouping | labels of pairs
            Averages over all cities; emitted and received per city; every pair of
            cities (with ``q``, p adjusted for false discoveries); what each block of cities
            receives from each block, by the name of a grouping of the panel or a Series, the
            block of each city; or what comes from each band of
            ``ss.weights.bands(panel.cities, [100, 200])``. ``"channel"``, also in a list
            beside another, takes effects apart by the matrix they arrive through.
        per : "receiver" | "source" | "share"
            By block: change in a receiving city when all of the sending block change; change
            in all of the receiving block when one sending city changes; or shares of all.
        order : int, optional
            Effects by the number of links they come through: 0 (the city itself), 1
            (neighbours), ... up to this order, and the rest.
        horizon : None | "long" | years
            In dynamic models: effects in the year of the change (None), in the long run, or
            after so many years (a number, or several such as ``range(0, 11)``).
        lasting : bool
            Whether x stays changed for all years of the horizon (the default: a cumulative
            response), or for year 0 only (an impulse response).
        method : "delta" | "simulation" | "bootstrap" (after ss.wild_bootstrap)
        level : coverage of the intervals
        draws, seed : of the simulation

        Returns
        -------
        Effects
            `.table` with the columns ``x, effect`` [``to, from``, ``city``, ``channel``],
            ``estimate, se, low, high, p``; units of y per unit of x.
        """
        check_flag("lasting", lasting, ModelError)
        asked = asked_for(x, self.model, self.data, self.panel, self.sample)
        by, channels = split_channel(by, per)
        read_as, pairs = reading_by(by, self.panel, per), isinstance(by, str) and by == "pair"
        when, how = (order, horizon, lasting), (method, level, draws, seed)
        made = inferred(self.design, self.estimate, asked, read_as, when, how, channels)
        made = made.shares() if per == "share" else made
        made = made.discoveries() if pairs and not channels else made
        per_block = per if "from" in read_as[1] and not pairs else None
        return told(made, asked, self.model, self.data, per_block, (horizon, lasting))

    def scenario(
        self,
        changes: Mapping[str, Change],
        by: str | Sequence[str] | pd.Series | pd.DataFrame | None = "city",
        horizon: Any = None,
        method: str = "delta",
        level: float = 0.95,
        draws: int = 1000,
        seed: int = 0,
    ) -> Effects:
        """What would change if some cities had more of something, with intervals.

        Parameters
        ----------
        changes : variable -> (where, amount)
            ``{"va": ("periphery", "+10%")}``; where is a block, a city, a list or "all";
            amounts are "+10%", "-0.5" in each city, or "+100 in all" shared equally.
        by : "city" | None | a grouping | labels of pairs
            From the own change (direct), from that of all others (indirect) and altogether:
            per city, on average, by block, by distance.
        horizon : None | "long" | years; method, level, draws, seed : see `effects`

        Returns
        -------
        Effects
            In units of the outcome. ``one.minus(other)`` compares two scenarios: with the
            same budget in each, where it does more.
        """
        asked = change_of(changes, self.model, self.panel, self.sample)
        by, channels = split_channel(by, "receiver")
        city = isinstance(by, str) and by == "city"
        at = self.panel
        reading = by_receiving_city(at.ids) if city else reading_by(by, at, "receiver")
        when, how = (None, horizon, True), (method, level, draws, seed)
        return inferred(self.design, self.estimate, asked, reading, when, how, channels)

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: estimate, se, z, p, low, high."""
        return self._with_shares(tidy(self.params, self.se, level), level).reset_index()

    def glance(self) -> pd.DataFrame:
        """One row: what was estimated, how well it fits, and what data ``loglik`` is of."""
        return glance(self)

    def diagnostics(self, W: str | Weights | None = None) -> Diagnostics:
        """Specification tests of this model as one table; see `spatialsyn.diagnostics`.

        Parameters
        ----------
        W : the matrix of lags that the model does not have; its own by default
        """
        import spatialsyn  # tests stand on fits: only the front door is above and below

        made: Diagnostics = spatialsyn.diagnostics.diagnose(self, W)
        return made

    def summary(self) -> str:
        """Equation, coefficients, effects and fit, as text."""
        return summary(self)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return html(self)

    def _by_city_year(self, values: Array, name: str) -> pd.Series:
        cells = [self.panel.ids, self.data.years]
        index = pd.MultiIndex.from_product(cells, names=["city", "year"])
        return pd.Series(values.ravel(), index=index, name=name, copy=True)

    def _signal(self, data: Regressors) -> Array:
        """X beta + W X theta, (n, T), not swept."""
        X, columns = right_side(self.model, data, self.weights)
        if self.model.random == "correlated":  # the means of the fit stand for the cities
            k = sum(not column.is_city_mean for column in columns)
            fitted = right_side(self.model, self.data, self.weights)[0]
            X = np.concatenate([X[..., :k], fitted[..., k:]], axis=2)
        return np.asarray(X @ self._entered.params[: X.shape[2]])
