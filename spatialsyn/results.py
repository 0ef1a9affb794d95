"""The front door: `fit` and what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import norm

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.blocks import Labels, average, by_block, by_city, by_pair
from spatialsyn.effects.inference import DIGITS, Carried, Effects, Multipliers, infer
from spatialsyn.effects.multipliers import Reading
from spatialsyn.errors import ModelError, named
from spatialsyn.models.bias import remove_bias
from spatialsyn.models.design import Design, align, sweep_effects, with_lags
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.qml import estimate_qml
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.transform import sweep, sweeps_cities, sweeps_time
from spatialsyn.weights.core import Weights

# Below this many cities normal approximations of standard errors are a stretch.
FEW_CITIES = 30


def fit(
    model: SpatialModel,
    panel: CityPanel,
    weights: Weights | Iterable[Weights] | Mapping[str, Weights] | None = None,
    cov: str = "expected",
) -> Results:
    """Estimate `model` on `panel` with the weights it names.

    Parameters
    ----------
    weights : one Weights, a list or a mapping
        May hold more matrices than the model needs; it picks them by name.
    cov : "expected" | "observed"
        Information matrix behind the standard errors.

    Raises
    ------
    AlignmentError, FormulaError, ModelError, WeightsError, EstimationError
        Naming the cities, cells, columns or matrix at fault.
    """
    if not isinstance(model, SpatialModel):
        raise ModelError(f"fit needs a model such as ss.sdm(...); got {type(model).__name__}.")
    matrices = align(weights, model.weights_names, panel)
    data = evaluate(model.formula, panel, intercept=model.fixed_effects == "none")
    design = sweep_effects(model, data, matrices)
    estimate = estimate_qml(design, cov)
    if model.correction == "bias-corrected" and model.fixed_effects != "none":
        estimate = remove_bias(design, estimate, cov)
    return Results(model, panel, matrices, data, design, estimate, cov)


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """An estimate that knows its model, its weights and its panel.

    Coefficients of spatial lags are not effects; `effects` gives what a change of x does
    here and next door.
    """

    model: SpatialModel
    panel: CityPanel
    weights: Mapping[str, Weights]
    data: Regressors
    design: Design
    estimate: Estimate
    cov_kind: str

    @property
    def equation(self) -> str:
        """The model in one line."""
        return self.model.equation

    @cached_property
    def params(self) -> pd.Series:
        """Parameters by name: regressors, their lags, rho, sigma2."""
        return pd.Series(self.estimate.params, index=list(self.estimate.names), name="estimate")

    @cached_property
    def cov(self) -> pd.DataFrame:
        """Covariance matrix of the parameters."""
        names = list(self.estimate.names)
        return pd.DataFrame(self.estimate.cov, index=names, columns=names)

    @cached_property
    def se(self) -> pd.Series:
        """Standard errors by name."""
        diagonal = np.diag(self.cov.to_numpy())
        return pd.Series(np.sqrt(diagonal), index=self.params.index, name="se")

    @property
    def rho(self) -> pd.Series:
        """Spatial autoregressive coefficients by weights name; empty without Wy."""
        names = self.design.rho_names
        return self.params[list(names)].rename(lambda name: name[4:-1])

    @property
    def lam(self) -> pd.Series:
        """Spatial error coefficient by weights name; empty without a spatial error."""
        names = [self.design.error.name] if self.design.error is not None else []
        return self.params[names].rename(lambda name: name[7:-1])

    @property
    def sigma2(self) -> float:
        """Variance of the error."""
        return float(self.params["sigma2"])

    @property
    def loglik(self) -> float:
        """Maximised log-likelihood, of the transformed data where they are transformed."""
        return self.estimate.loglik

    @property
    def nobs(self) -> int:
        """Independent observations: n T, less what the transformation used up."""
        return self.estimate.nobs

    @property
    def regressors(self) -> tuple[str, ...]:
        """Columns of X, as effects name them."""
        return tuple(name for name in self.data.names if name != "Intercept")

    @property
    def df_model(self) -> int:
        """Parameters counted by AIC and BIC; fixed effects only where dummies estimate them."""
        dummies = 0
        if not self.model.transforms:
            n, T = self.data.y.shape
            fixed = self.model.fixed_effects
            cities, times = sweeps_cities(fixed), sweeps_time(fixed)
            dummies = n * cities + T * times - (cities and times)
        return len(self.params) + dummies

    @property
    def aic(self) -> float:
        """Akaike's criterion; compare within one `correction` only."""
        return 2 * self.df_model - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion; compare within one `correction` only."""
        return float(np.log(self.nobs)) * self.df_model - 2 * self.loglik

    @cached_property
    def resid(self) -> pd.Series:
        """Structural residuals, swept of the fixed effects, by city and year."""
        return self._by_city_year(self.estimate.residuals, "resid")

    @cached_property
    def fitted(self) -> pd.Series:
        """y minus the structural residual: fixed effects and the observed Wy included."""
        return self._by_city_year(self.data.y - self.estimate.residuals, "fitted")

    @cached_property
    def corr2(self) -> float:
        """Squared correlation of swept y with the reduced-form prediction S^-1 Z delta."""
        p = self.design.Z.shape[2]
        signal: Array = self.design.Z @ self.estimate.params[:p]
        if self.design.W:
            signal = sweep(self.estimate.multiplier @ signal, self.model.fixed_effects)
        y = self.design.y
        if not np.ptp(signal) > 0:
            return 0.0
        return float(np.corrcoef(y.ravel(), signal.ravel())[0, 1] ** 2)

    def predict(self, panel: CityPanel | None = None) -> pd.Series:
        """Expected outcome from the reduced form, S^-1 (X beta + W X theta + fixed effects).

        `panel` may hold other values of the regressors for the same cities and years.
        """
        data = self.data
        if panel is not None:
            if panel.ids != self.panel.ids or panel.years != self.panel.years:
                raise ModelError(
                    f"predict needs the cities and years of the fit ({self.panel!r}); got "
                    f"{panel!r}."
                )
            intercept = self.model.fixed_effects == "none"
            data = evaluate(self.model.formula, panel, intercept=intercept)
        signal = self._signal(data) + self._fixed_effects()
        return self._by_city_year(self.estimate.multiplier @ signal, "predicted")

    def effects(
        self,
        x: str | Iterable[str] | None = None,
        by: str | None = None,
        method: str = "delta",
        level: float = 0.95,
        draws: int = 1000,
        seed: int = 0,
    ) -> Effects:
        """Direct, indirect and total effects with standard errors, intervals and p-values.

        Parameters
        ----------
        x : str or list of str, optional
            Regressors, as they stand in the formula; all of them by default.
        by : None | "city" | "pair" | name of a grouping of the panel
            Averages over all cities; emitted and received per city; every pair of
            cities; or what each block of cities receives from each block.
        method : "delta" | "simulation"
        level : coverage of the intervals
        draws, seed : of the simulation

        Returns
        -------
        Effects
            `.table` with the columns ``x, effect`` [``to, from`` or ``city``],
            ``estimate, se, low, high, p``; units of y per unit of x.
        """
        reading, labels = self._reading(by)
        return infer(
            self.estimate, self._multipliers(x), reading, labels, method, level, draws, seed
        )

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: estimate, se, z, p, low, high."""
        z = self.params / self.se
        half = norm.ppf((1 + level) / 2) * self.se
        table = pd.DataFrame(
            {
                "estimate": self.params, "se": self.se, "z": z, "p": 2 * norm.sf(np.abs(z)),
                "low": self.params - half, "high": self.params + half,
            }
        )  # fmt: skip
        table.loc["sigma2", ["z", "p"]] = np.nan  # a variance cannot be zero: nothing to test
        return table.rename_axis("term").reset_index()

    def glance(self) -> pd.DataFrame:
        """One row: what was estimated and how well it fits."""
        row = {
            "outcome": self.data.outcome,
            "family": self.model.family,
            "weights": ", ".join(self.weights) or "-",
            "weights_hash": ", ".join(w.hash for w in self.weights.values()) or "-",
            "fixed_effects": self.model.fixed_effects,
            "correction": self.model.correction if self.model.fixed_effects != "none" else "-",
            "covariance": self.cov_kind,
            "cities": self.panel.n,
            "years": f"{self.data.years[0]}-{self.data.years[-1]}",
            "nobs": self.nobs,
            "sigma2": self.sigma2,
            "loglik": self.loglik,
            "aic": self.aic,
            "bic": self.bic,
            "corr2": self.corr2,
        }
        return pd.DataFrame([row])

    def summary(self) -> str:
        """Equation, coefficients, effects and fit, as text."""
        coefficients = self.tidy().drop(columns="term")
        coefficients.index = [self._label(name) for name in self.params.index]
        glance = self.glance().iloc[0]
        fitted = "  ".join(
            f"{key} {glance[key]:.6g}" for key in ("nobs", "loglik", "aic", "bic", "corr2")
        )
        parts = [
            self.equation,
            self._notes(),
            "Coefficients",
            coefficients.to_string(float_format=DIGITS.format),
            "Effects",
            repr(self.effects()) if self.regressors else "none: there are no regressors",
            fitted,
        ]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return self.summary()

    def _by_city_year(self, values: Array, name: str) -> pd.Series:
        index = pd.MultiIndex.from_product(
            [self.panel.ids, self.data.years], names=["city", "year"]
        )
        return pd.Series(values.ravel(), index=index, name=name)

    def _label(self, name: str) -> str:
        return f"{name}  (not an effect)" if name.startswith("W[") else name

    def _notes(self) -> str:
        """Who, when, which W, and how far asymptotics carry."""
        glance = self.glance().iloc[0]
        notes = [
            f"{glance['cities']} cities, {glance['years']}; fixed effects: "
            f"{glance['fixed_effects']} ({glance['correction']}); "
            f"{glance['covariance']} information."
        ]
        for name, w in self.weights.items():
            made = f", base years {w.base_years}" if w.base_years is not None else ""
            notes.append(f"W[{name}]: {w.recipe.get('kind')}{made}, {w.hash}.")
        if self.panel.n < FEW_CITIES:
            notes.append(
                f"Only {self.panel.n} cities: p-values rest on a normal approximation that is "
                "rough here. Read the size of the effects and their intervals, not stars."
            )
        return "\n".join(notes)

    def _signal(self, data: Regressors) -> Array:
        """X beta + W X theta, (n, T), not swept."""
        X, _ = with_lags(self.model, data, self.weights)
        return np.asarray(X @ self.estimate.params[: X.shape[2]])

    def _fixed_effects(self) -> Array:
        """The fixed effects, (n, T): what the residual of the raw data holds beside the error."""
        y = self.data.y
        raw = y - self._signal(self.data)
        for rho, W in zip(self.rho, self.design.W, strict=True):
            raw = raw - rho * lag(W, y)
        return raw - sweep(raw, self.model.fixed_effects)

    def _multipliers(self, x: str | Iterable[str] | None) -> Multipliers:
        """How the chosen regressors enter the derivative matrix."""
        at = {name: i for i, name in enumerate(self.estimate.names)}
        matrices = list(dict.fromkeys(name for _, name in self.design.wx.values()))
        identity = sparse.eye_array(self.panel.n, format="csr")
        carriers = (identity, *(self.weights[name].matrix for name in matrices))
        chosen = []
        for name in self._chosen(x):
            lags = {w: lagged for lagged, (of, w) in self.design.wx.items() if of == name}
            positions = (at[name], *(at[lags[w]] for w in matrices if w in lags))
            carried = (0, *(k + 1 for k, w in enumerate(matrices) if w in lags))
            chosen.append(Carried(name, positions, carried))
        rho_positions = tuple(at[name] for name in self.design.rho_names)
        return Multipliers(self.design.W, rho_positions, carriers, tuple(chosen))

    def _chosen(self, x: str | Iterable[str] | None) -> list[str]:
        known = list(self.regressors)
        if not known:
            raise ModelError(f"{self.equation} has no regressors, so there are no effects.")
        if x is None:
            return known
        names = [x] if isinstance(x, str) else list(x)
        absent = [name for name in names if name not in known]
        if absent:
            raise ModelError(
                f"{named(absent)} is not a regressor here; there are {named(known, 40)}."
            )
        if len(names) == 1 and names[0] in self.panel.frame.columns:
            self._check_alone(names[0])
        return names

    def _check_alone(self, name: str) -> None:
        """A variable that enters through several columns has no effect of one column alone."""
        sources = dict(zip(self.data.names, self.data.sources, strict=True))
        others = [n for n, s in sources.items() if n != name and s & sources[name]]
        if others:
            raise ModelError(
                f"{named(sorted(sources[name]))} also enters through {named(others)}: the effect "
                f"of {name!r} with these held fixed is not the effect of the variable. Ask for all "
                f"columns, effects({[name, *others]}), and combine them at a value of interest."
            )

    def _reading(self, by: str | None) -> tuple[Reading, Labels]:
        ids = self.panel.ids
        if by is None:
            return average(len(ids))
        if by == "city":
            return by_city(ids)
        if by == "pair":
            return by_pair(ids)
        if by not in self.panel.blocks:
            groups = named(self.panel.blocks) or "none"
            raise ModelError(
                f"by={by!r} is neither 'city', 'pair' nor a grouping of the panel; its groupings: "
                f"{groups}. Name one when the panel is made: blocks=['region']."
            )
        return by_block(self.panel.blocks[by].loc[list(ids)])
