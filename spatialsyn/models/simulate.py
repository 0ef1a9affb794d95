"""Data drawn from a model: the base of every Monte Carlo study.

y = S^-1 (X beta + W X theta + (tau I + eta W) y(t-1) + city effects + year effects + R^-1 e),
e ~ N(0, sigma2). Random city effects, of variance sigma2 (phi^-2 - 1) / T, are spread by R^-1
like e, or stand outside it (random="baltagi").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, PanelError, expect, named
from spatialsyn.models.columns import Column
from spatialsyn.models.data import regressors
from spatialsyn.models.design import align, listed_weights, outcome_matrices
from spatialsyn.models.formula import Regressors
from spatialsyn.models.mixture import Mixture, mixture
from spatialsyn.models.right_side import right_side
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.exponential import Exponential
from spatialsyn.numerics.lags import Array, Matrix, dense, lag
from spatialsyn.numerics.logdet import JointLogDet
from spatialsyn.numerics.multiplier import multiplied_out, multiplier
from spatialsyn.numerics.randomness import Seed, apart
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.weights.series import Links

FIRST_YEAR = 2001
# Years before the first one of a dynamic model, so that its start no longer matters.
WARM_UP = 200


@dataclass(frozen=True, eq=False)
class Truth:
    """A model with numbers for its parameters, on a panel: what outcomes are drawn from.

    Attributes
    ----------
    panel, outcome : the regressors, and the column that is drawn
    data, columns : the evaluated formula, and what the columns of its right side are
    matrices : by name, (n, n), or (T, n, n) where they change over the years
    params : as they were given; `coefficients`, (p,), are those of `columns`
    signal : (n, T), the right side times its coefficients
    sigma, city_sd : standard deviations of the errors and of random city effects
    inverse, spread : S^-1, and R^-1 or None without a spatial error
    before : (n, n), S^-1 (tau I + eta W), None without a lag in time
    """

    model: SpatialModel
    panel: CityPanel
    outcome: str
    data: Regressors
    columns: tuple[Column, ...]
    matrices: Mapping[str, Matrix]
    params: Mapping[str, float]
    coefficients: Array
    signal: Array
    sigma: float
    city_sd: float
    inverse: Any
    spread: Any
    before: Array | None

    def drawn(self, generator: np.random.Generator, effects_sd: float = 1.0) -> Array:
        """(n, T), an outcome: errors first, then random, city and year effects."""
        n, T = self.signal.shape
        outside, fixed = self.model.random == "baltagi", self.model.fixed_effects
        error: Array = self.sigma * generator.standard_normal((n, T))
        city = self.city_sd * generator.standard_normal((n, 1)) if self.model.random else 0.0
        error = error if outside else error + city
        error = error if self.spread is None else lag(self.spread, error)
        signal = self.signal + error
        signal = signal + city if outside else signal
        if sweeps_cities(fixed):
            signal = signal + effects_sd * generator.standard_normal((n, 1))
        if sweeps_time(fixed):
            signal = signal + effects_sd * generator.standard_normal((1, T))
        moved = lag(self.inverse, signal)
        return moved if self.before is None else _from_year_to_year(self.before, moved)


def simulate(
    model: SpatialModel,
    panel: CityPanel | tuple[int, int],
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    params: Mapping[str, float] | pd.Series,
    seed: Seed,
    effects_sd: float = 1.0,
) -> CityPanel:
    """A panel whose outcome is drawn from `model`.

    Parameters
    ----------
    panel : CityPanel, or (n, T)
        Regressors are those of the panel; with a shape they are standard normal draws for
        the cities of the weights.
    params : name -> value
        The names of `res.params`: regressors, ``W[geo]*x``, ``rho[geo]``, ``share[geo]``,
        ``lambda[geo]``, ``alpha[geo]``, ``tau``, ``phi``, ``sigma2``; all of them, no others.
    seed : a whole number, or a SeedSequence or Generator of NumPy, taken as it is
        A number has a stream of its own: x drawn by ``np.random.default_rng(seed)`` does not
        come back as the errors.
    effects_sd : standard deviation of the fixed city and year effects, where the model has them

    Raises
    ------
    ModelError
        Parameters that the model does not have or that are missing, an outcome that is
        not a plain column, rho outside its parameter space.
    ConfigError
        A seed that is none.
    """
    generator = apart(seed)
    check_effects_sd(effects_sd)
    truth = truth_of(model, panel, weights, params, generator)
    return truth.panel.assign(**{truth.outcome: truth.drawn(generator, effects_sd)})


def truth_of(
    model: SpatialModel,
    panel: CityPanel | tuple[int, int],
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    params: Mapping[str, float] | pd.Series,
    generator: np.random.Generator,
) -> Truth:
    """What `simulate` draws from; `generator` draws the regressors of a panel that is a shape."""
    expect(model, SpatialModel, "data are drawn from a model such as ss.sdm(...)", ModelError)
    what = "panel is a CityPanel or a shape (cities, years)"
    expect(panel, (CityPanel, tuple), what, PanelError)
    expect(params, (Mapping, pd.Series), "params has a number for every parameter", ModelError)
    weights = listed_weights(weights)  # read twice: an iterator would be used up
    parsed = parse(model.formula)
    outcome = str(parsed.outcome)
    if not outcome.isidentifier() or parsed.years_lost:
        raise ModelError(
            f"simulate needs a plain outcome and no lag() or diff(); {model.formula!r} has others."
        )
    if isinstance(panel, tuple):
        panel = _drawn(panel, weights, [str(term) for term in parsed.terms], generator)
    panel = panel if outcome in panel.frame else panel.assign(**{outcome: 0.0})
    matrices = align(weights, model.lagged_by, panel)
    still = replace(model, lag_y=False, lag_wy=False)
    data = regressors(still, panel)
    X, columns = right_side(still, data, matrices)
    names = [column.name for column in columns]
    over = {name: w.over(panel.years) for name, w in matrices.items()}
    W = outcome_matrices(model, data.blocks, over)
    given = {str(name): _number(str(name), value) for name, value in params.items()}
    known = _checked_params(model, given, columns, [*W])
    n, T = data.y.shape
    wu, spread = model.roles.wu, None
    if wu:
        lam = np.array([known[_error_name(model)]])
        spread = _inverse(model, (over[wu],), lam, n)
    rho = np.array([known[name] for name in W])
    if not model.exponential:
        _check_stable(rho, [dense(w) for w in W.values()])
    inverse = _inverse(model, tuple(W.values()), rho, n)
    coefficients = np.array([known[name] for name in names])
    return Truth(
        model=model,
        panel=panel,
        outcome=outcome,
        data=data,
        columns=columns,
        matrices=over,
        params=given,
        coefficients=coefficients,
        signal=X @ coefficients,
        sigma=float(np.sqrt(known["sigma2"])),
        city_sd=_city_sd(known, T) if model.random else 0.0,
        inverse=inverse,
        spread=spread,
        before=_before(model, over, known, inverse) if model.dynamic else None,
    )


def check_effects_sd(effects_sd: object) -> None:
    """Refuse a standard deviation of the fixed effects that is none."""
    if _number("effects_sd", effects_sd) < 0:
        raise ModelError(
            f"effects_sd = {effects_sd!r} must not be negative: the standard deviation of the city "
            "and year effects that are drawn; 0 for none."
        )


def _number(name: str, value: object) -> float:
    """`value` as a number, which nan and infinity are not."""
    if not isinstance(value, Real) or not np.isfinite(float(value)):
        raise ModelError(f"{name} = {value!r} must be a finite number.")
    return float(value)


def _error_name(model: SpatialModel) -> str:
    """The name of the spatial parameter of the errors."""
    return f"{'alpha_u' if model.exponential else 'lambda'}[{model.roles.wu}]"


def _checked_params(
    model: SpatialModel, params: Mapping[str, float], columns: tuple[Column, ...], rho: list[str]
) -> Mapping[str, float]:
    """All parameters, those of a mixture as an own rho for every matrix."""
    names = [column.name for column in columns]
    time = [*(["tau"] if model.lag_y else []), *(f"eta[{name}]" for name in model.lag_wy)]
    lam = [_error_name(model)] if model.roles.wu else []
    phi = ["phi"] if model.random else []
    mix = mixture(model.roles, columns)
    if mix is not None:
        params = _unmixed(params, mix, [*names, *rho, *lam])
    _check_params(params, [*names, *time, *rho, *lam, *phi, "sigma2"])
    return params


def _before(
    model: SpatialModel, over: Mapping[str, Matrix], params: Mapping[str, float], inverse: Array
) -> Array:
    """S^-1 (tau I + eta W), which carries a year into the next."""
    etas = np.array([params[f"eta[{name}]"] for name in model.lag_wy])
    before = (1 + params.get("tau", 0.0)) * np.eye(inverse.shape[-1]) - multiplied_out(
        [over[name] for name in model.lag_wy], etas, inverse.shape[-1]
    )
    if inverse.ndim == 3 or before.ndim == 3:
        raise ModelError("a lag in time with weights that change over the years is not simulated.")
    A: Array = inverse @ before
    root = np.abs(np.linalg.eigvals(A)).max()
    if root >= 1:
        raise ModelError(f"the process has a root of {root:.3f}: it never comes to rest.")
    return A


def _inverse(model: SpatialModel, W: tuple[Matrix, ...], rho: Array, n: int) -> Any:
    """S^-1, a matrix or an exponential."""
    if model.exponential and W:
        return Exponential(W[0], -float(rho[0]))
    return multiplier(W, rho, n)


def _from_year_to_year(A: Array, shocks: Array) -> Array:
    """y(t) = A y(t-1) + shocks(t), the first year repeated to warm up."""
    y = np.zeros(len(shocks))
    for _ in range(WARM_UP):
        y = A @ y + shocks[:, 0]
    years = []
    for shock in shocks.T:
        y = A @ y + shock
        years.append(y)
    return np.column_stack(years)


def _drawn(
    shape: tuple[int, int],
    weights: Sequence[Links],
    terms: list[str],
    generator: np.random.Generator,
) -> CityPanel:
    """A panel of standard normal regressors for the cities of the weights."""
    if len(shape) != 2 or not all(isinstance(k, Integral) and k > 0 for k in shape):
        raise ModelError(f"the shape {shape} is not (cities, years), two whole numbers.")
    n, T = shape
    ids = weights[0].ids if weights else tuple(range(n))
    if len(ids) != n:
        raise ModelError(f"the shape {shape} has {n} cities, the weights have {len(ids)}.")
    index = pd.MultiIndex.from_product([ids, range(FIRST_YEAR, FIRST_YEAR + T)])
    columns: dict[str, Array] = {name: generator.standard_normal(n * T) for name in terms}
    frame = pd.DataFrame(columns, index=index.set_names(["city", "year"]))
    return CityPanel(frame.reset_index(), city="city", year="year")


def _unmixed(params: Mapping[str, float], mix: Mixture, wide: list[str]) -> Mapping[str, float]:
    """The parameters with an own rho for every matrix of a mixture."""
    _check_params(params, list(mix.names))
    shares = np.array([params[name] for name in mix.share_names])
    if shares.min() < 0 or abs(shares.sum() - 1) > 1e-9:
        raise ModelError(f"shares are not negative and sum to one; got {shares.tolist()}.")
    values = mix(np.array([params[name] for name in mix.names]))
    return dict(zip([*wide, "sigma2"], values, strict=True))


def _check_params(params: Mapping[str, float], needed: list[str]) -> None:
    given = list(params.keys())
    absent = [name for name in needed if name not in given]
    foreign = [name for name in given if name not in needed]
    if absent or foreign:
        raise ModelError(
            f"params lack {named(absent) or 'none'} and have the unknown "
            f"{named(foreign) or 'none'}; the model has {named(needed, 40)}."
        )
    if not params["sigma2"] >= 0:
        raise ModelError(f"sigma2 = {params['sigma2']} must not be negative.")


def _city_sd(params: Mapping[str, float], T: int) -> float:
    """Standard deviation of the random city effects."""
    phi = params["phi"]
    if not 0 < phi <= 1:
        raise ModelError(f"phi = {phi} must lie in (0, 1]; phi^2 = s2 / (T s2_mu + s2).")
    return float(np.sqrt(params["sigma2"] * (phi**-2 - 1) / T))


def _check_stable(rho: Array, matrices: list[Array]) -> None:
    """One real eigenvalue of sum rho W at or above one, and the process has no such mean."""
    if matrices and JointLogDet(tuple(matrices)).room(rho) <= 0:
        raise ModelError(f"rho = {rho.tolist()} lies outside the parameter space of these weights.")
