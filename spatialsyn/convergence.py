"""Beta convergence: do cities that start lower grow faster?

    (ln x_i,t+h - ln x_it) / h = a_t + beta ln x_it + controls + what the family adds
    speed = -ln(1 + h beta) / h per year,   half-life = ln 2 / speed

Barro & Sala-i-Martin (1992), J. Political Economy 100. In a spatial model beta is no
effect: the table has the direct effect of the starting level (does a city that starts
lower than it did close the gap, its neighbours being what they are?), the indirect and
the total one (if all start lower together), as in LeSage & Fischer (2008), Spatial
Economic Analysis 3. Sigma convergence is `ss.measures.disparity`.

In a model with lags in time the outcome of the year before moves its change by

    S^-1 [(tau - 1) I + (rho + eta) W] = A - I,    A = S^-1 (tau I + eta W)

(Elhorst 2014, section 4.6), negative where cities converge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.averages import averages
from spatialsyn.effects.entered import Carried
from spatialsyn.effects.inference import infer
from spatialsyn.effects.request import multipliers, reading_by
from spatialsyn.effects.table import Effects
from spatialsyn.errors import ModelError, PanelError, expect, is_whole, named
from spatialsyn.fitting import fit
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.notebook import as_html
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights


@dataclass(frozen=True, eq=False, repr=False)
class Convergence:
    """Beta convergence over all periods together, and the data to repeat it by year.

    Attributes
    ----------
    results : Results of all periods, with year effects where there are several
    panel : the panel of periods: growth per year beside the columns of the starting year;
        periods of several years are numbered from one
    starts : starting year of every period
    column, horizon : what grows, and over how many years
    """

    results: Results
    panel: CityPanel
    starts: tuple[int, ...]
    column: str
    horizon: int

    @property
    def table(self) -> pd.DataFrame:
        """Effect of the starting level on growth, speed and half-life, one row per effect."""
        return _speeds(self.results, self.column, self.horizon)

    @property
    def by_year(self) -> pd.DataFrame:
        """The same from every starting year alone, a cross-section each: by year and effect."""
        model = self.results.model.but(fixed_effects="none")
        found = {}
        for start, period in zip(self.starts, self.panel.years, strict=True):
            alone = fit(model, self.panel.subset(years=[period]), self.results.weights)
            found[start] = _speeds(alone, self.column, self.horizon)
        return pd.concat(found, names=["year"])

    def __repr__(self) -> str:
        return "\n".join([*self._above(), self.table.to_string(float_format="{:.4g}".format)])

    def _repr_html_(self) -> str:
        return as_html(self.table, above=self._above(), index=True)

    def _above(self) -> list[str]:
        what = f"Beta convergence of {self.column} over {self.horizon} year(s), starting "
        return [what + named(self.starts), self.results.equation]


def beta_convergence(
    panel: CityPanel,
    column: str,
    family: str = "ols",
    W: str | None = None,
    weights: Weights | Iterable[Weights] | Mapping[str, Weights] | None = None,
    controls: str = "",
    horizon: int = 1,
) -> Convergence:
    """Regress growth on the starting level, with or without space.

    Parameters
    ----------
    column : positive, for example GDP per capita
    family, W, weights : as in the models and `fit`; with several periods year effects are
        in, which need a row-standardised W where the outcome is lagged
    controls : further terms of the formula, ``"urbanization + log(deposits)"``, of the
        starting year: conditional convergence; lag() and diff() with horizon=1 only
    horizon : years of growth; periods do not overlap, and a rest at the end is not used

    Raises
    ------
    PanelError
        Values that are not positive, a horizon longer than the panel.

    Notes
    -----
    There are no city effects on purpose: ln x_t is the lagged outcome, and sweeping the
    cities out of a short panel biases beta towards fast convergence by O(1/T) (Nickell
    1981). Conditional convergence with city effects is a dynamic model. Standard errors
    take the periods as independent; `by_year` shows how far they agree.
    """
    expect(panel, CityPanel, "beta_convergence needs a panel: ss.CityPanel(frame, ...)", PanelError)
    expect(controls, str, "controls is a text, further terms such as 'urbanization'", ModelError)
    x = panel.array(column)
    if not (x > 0).all():
        raise PanelError(f"{column!r} must be positive and present: growth is a change of logs.")
    if not is_whole(horizon, 1) or horizon >= panel.T:
        raise PanelError(f"horizon={horizon!r}: give whole years, from 1 to {panel.T - 1}.")
    growth = f"growth_{column}"
    if growth in panel.frame:
        raise PanelError(f"the panel has a column {growth!r} already: rename it.")
    made = np.full_like(x, np.nan)
    made[:, :-horizon] = (np.log(x[:, horizon:]) - np.log(x[:, :-horizon])) / horizon
    _check_controls(controls, horizon)
    starts = panel.years[:-horizon:horizon]
    periods = _periods(panel.assign(**{growth: made}), starts)
    terms = f"{growth} ~ log({column})" + (f" + {controls}" if controls else "")
    model = SpatialModel(family, terms, W, "time" if len(starts) > 1 else "none")
    return Convergence(fit(model, periods, weights), periods, starts, column, horizon)


def _check_controls(controls: str, horizon: int) -> None:
    """Refuse lag() and diff() where the row before is not the year before."""
    if controls and horizon > 1 and parse(f"y ~ {controls}").years_lost:
        raise ModelError(
            f"controls={controls!r} with horizon={horizon}: only starting years are there, "
            f"{horizon} years apart, and lag() and diff() would reach back so many. Make a column "
            'of it, panel.assign(before=panel.frame["x"].groupby("city").shift()), and start '
            "where it does."
        )


def _periods(panel: CityPanel, starts: tuple[int, ...]) -> CityPanel:
    """The rows of the starting years, which are numbered where they leave years out."""
    if starts == tuple(range(starts[0], starts[-1] + 1)):
        return panel.subset(years=starts)
    frame = panel.frame.reset_index()
    frame = frame[frame["year"].isin(starts)]
    numbers = frame["year"].map({year: i for i, year in enumerate(starts, 1)})
    return CityPanel(frame.assign(year=numbers), "city", "year", panel.cities, panel.blocks)


def _speeds(results: Results, column: str, horizon: int) -> pd.DataFrame:
    """Effects of the starting level with the speed and half-life that they imply."""
    effects = results.effects(f"log({column})").table.set_index("effect").drop(columns="x")
    room = 1 + horizon * effects["estimate"]
    alone = effects.index.isin(["direct", "total"])  # an indirect effect is no gap that closes
    room = room.where((room > 0) & alone)
    speed = -np.log(room) / horizon
    return effects.assign(
        speed=speed,
        speed_se=effects["se"] / room,
        half_life=(np.log(2) / speed).where(speed > 0),
    )


def convergence_effect(results: Results, level: float = 0.95) -> Effects:
    """What one more unit of the outcome in a year does to its change to the next.

    Direct: in a city that was higher itself; indirect: in one whose neighbours were; total:
    where all were. Below zero, cities converge.

    Parameters
    ----------
    results : of a model with lag_y, lag_wy or both
    level : coverage of the intervals, by the delta method

    Raises
    ------
    ModelError
        The model has no lag in time, or a matrix that changes over the years.
    """
    expect(results, Results, "convergence_effect needs what ss.fit returns", ModelError)
    model, design, data = results.model, results.design, results.data
    if not model.dynamic:
        raise ModelError(
            "convergence_effect is that of y(t-1) on the change of y, and this model has no lag in "
            "time: fit model.but(lag_y=True), or use ss.beta_convergence."
        )
    if any(w.varies for w in results.weights.values()):
        raise ModelError(
            "convergence_effect needs one W of all years; this model has one for each year."
        )
    V = (results.weights[name].over(data.years) for name in model.lag_wy)
    names = [*(["tau"] if model.lag_y else []), *(f"eta[{name}]" for name in model.lag_wy)]
    carriers = (*([sparse.eye_array(len(results.panel.ids), format="csr")] * model.lag_y), *V)
    positions = tuple(results.estimate.names.index(name) for name in names)
    before = Carried(f"{data.outcome}(t-1)", positions, tuple(range(len(carriers))))
    entered = multipliers(design, results.estimate, {})
    path = averages(design, carriers, entered.rho_positions)
    entered = replace(entered, carriers=carriers, regressors=(before,), path=path)
    reading, labels = reading_by(None, results.panel, "receiver")
    made = infer(results.estimate, entered, reading, labels, level=level)
    table = made.table
    table["estimate"] -= table["effect"] != "indirect"
    moved = replace(made, table=table, about=f"of {before.name} on the change of {data.outcome}")
    return moved.with_spread(made.spread)
