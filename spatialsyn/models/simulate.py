"""Data drawn from a model: the base of every Monte Carlo study.

y = S^-1 (X beta + W X theta + (tau I + eta W) y(t-1) + city effects + year effects + R^-1 e),
e ~ N(0, sigma2). Random city effects, of variance sigma2 (phi^-2 - 1) / T, are spread by R^-1
like e, or stand outside it (random="baltagi").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, named
from spatialsyn.models.data import regressors
from spatialsyn.models.design import align, outcome_matrices, right_side
from spatialsyn.models.mixture import Mixture, mixture
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.exponential import Exponential
from spatialsyn.numerics.lags import Array, Matrix, dense, lag
from spatialsyn.numerics.multiplier import multiplied_out, multiplier
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.weights.series import Links

FIRST_YEAR = 2001
# Years before the first one of a dynamic model, so that its start no longer matters.
WARM_UP = 200


def simulate(
    model: SpatialModel,
    panel: CityPanel | tuple[int, int],
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    params: Mapping[str, float] | pd.Series,
    seed: int,
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
    effects_sd : standard deviation of the fixed city and year effects, where the model has them

    Raises
    ------
    ModelError
        Parameters that the model does not have or that are missing, an outcome that is
        not a plain column, rho outside its parameter space.
    """
    generator = np.random.default_rng(seed)
    parsed = parse(model.formula)
    outcome = str(parsed.outcome)
    if not outcome.isidentifier() or parsed.years_lost:
        raise ModelError(
            f"simulate needs a plain outcome and no lag() or diff(); {model.formula!r} has others."
        )
    if isinstance(panel, tuple):
        panel = _drawn(panel, weights, [str(term) for term in parsed.terms], generator)
    panel = panel if outcome in panel.frame else panel.assign(**{outcome: 0.0})
    matrices = align(weights, model.weights_names, panel)
    still = replace(model, lag_y=False, lag_wy=False)
    data = regressors(still, panel)
    X, columns = right_side(still, data, matrices)
    names = [column.name for column in columns]
    over = {name: w.over(panel.years) for name, w in matrices.items()}
    W = outcome_matrices(model, data.blocks, over)
    time = [*(["tau"] if model.lag_y else []), *(f"eta[{name}]" for name in model.lag_wy)]
    symbol = "alpha_u" if model.exponential else "lambda"
    lam = [f"{symbol}[{model.roles.wu}]"] if model.roles.wu else []
    phi = ["phi"] if model.random else []
    mix = mixture(model.roles, columns)
    if mix is not None:
        params = _unmixed(params, mix, [*names, *W, *lam])
    _check_params(params, [*names, *time, *W, *lam, *phi, "sigma2"])
    n, T = data.y.shape
    error = np.sqrt(params["sigma2"]) * generator.standard_normal((n, T))
    city = _city_sd(params, T) * generator.standard_normal((n, 1)) if model.random else 0.0
    outside = model.random == "baltagi"
    error = error if outside else error + city
    if model.roles.wu:
        M = (over[model.roles.wu],)
        error = lag(_inverse(model, M, np.array([params[lam[0]]]), n), error)
    signal = X @ np.array([params[name] for name in names]) + error
    signal = signal + city if outside else signal
    if sweeps_cities(model.fixed_effects):
        signal = signal + effects_sd * generator.standard_normal((n, 1))
    if sweeps_time(model.fixed_effects):
        signal = signal + effects_sd * generator.standard_normal((1, T))
    rho = np.array([params[name] for name in W])
    if not model.exponential:
        _check_stable(rho, [dense(w) for w in W.values()])
    inverse = _inverse(model, tuple(W.values()), rho, n)
    if not model.dynamic:
        return panel.assign(**{outcome: lag(inverse, signal)})
    etas = np.array([params[f"eta[{name}]"] for name in model.lag_wy])
    before = (1 + params.get("tau", 0.0)) * np.eye(n) - multiplied_out(
        [over[name] for name in model.lag_wy], etas, n
    )
    return panel.assign(**{outcome: _from_year_to_year(inverse, before, signal)})


def _inverse(model: SpatialModel, W: tuple[Matrix, ...], rho: Array, n: int) -> Any:
    """S^-1, a matrix or an exponential."""
    if model.exponential and W:
        return Exponential(W[0], -float(rho[0]))
    return multiplier(W, rho, n)


def _from_year_to_year(inverse: Array, before: Array, signal: Array) -> Array:
    """y(t) = S^-1 [(tau I + eta W) y(t-1) + signal(t)], the first year repeated to warm up."""
    if inverse.ndim == 3 or before.ndim == 3:
        raise ModelError("a lag in time with weights that change over the years is not simulated.")
    A = inverse @ before
    root = np.abs(np.linalg.eigvals(A)).max()
    if root >= 1:
        raise ModelError(f"the process has a root of {root:.3f}: it never comes to rest.")
    shocks = inverse @ signal
    y = np.zeros(len(signal))
    for _ in range(WARM_UP):
        y = A @ y + shocks[:, 0]
    years = []
    for shock in shocks.T:
        y = A @ y + shock
        years.append(y)
    return np.column_stack(years)


def _drawn(
    shape: tuple[int, int],
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    terms: list[str],
    generator: np.random.Generator,
) -> CityPanel:
    """A panel of standard normal regressors for the cities of the weights."""
    n, T = shape
    listed = list(weights.values()) if isinstance(weights, Mapping) else weights
    first = listed if isinstance(listed, Links) else next(iter(listed or []), None)
    ids = first.ids if first is not None else tuple(range(n))
    if len(ids) != n:
        raise ModelError(f"the shape {shape} has {n} cities, the weights have {len(ids)}.")
    index = pd.MultiIndex.from_product([ids, range(FIRST_YEAR, FIRST_YEAR + T)])
    columns: dict[str, Array] = {name: generator.standard_normal(n * T) for name in terms}
    frame = pd.DataFrame(columns, index=index.set_names(["city", "year"]))
    return CityPanel(frame.reset_index(), city="city", year="year")


def _unmixed(
    params: Mapping[str, float] | pd.Series, mix: Mixture, wide: list[str]
) -> Mapping[str, float]:
    """The parameters with an own rho for every matrix of a mixture."""
    _check_params(params, list(mix.names))
    shares = np.array([params[name] for name in mix.share_names])
    if shares.min() < 0 or abs(shares.sum() - 1) > 1e-9:
        raise ModelError(f"shares are not negative and sum to one; got {shares.tolist()}.")
    values = mix(np.array([params[name] for name in mix.names]))
    return dict(zip([*wide, "sigma2"], values, strict=True))


def _check_params(params: Mapping[str, float] | pd.Series, needed: list[str]) -> None:
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


def _city_sd(params: Mapping[str, float] | pd.Series, T: int) -> float:
    """Standard deviation of the random city effects."""
    phi = params["phi"]
    if not 0 < phi <= 1:
        raise ModelError(f"phi = {phi} must lie in (0, 1]; phi^2 = s2 / (T s2_mu + s2).")
    return float(np.sqrt(params["sigma2"] * (phi**-2 - 1) / T))


def _check_stable(rho: Array, matrices: list[Array]) -> None:
    """One real eigenvalue of sum rho W at or above one, and the process has no such mean."""
    if not matrices:
        return
    w = np.linalg.eigvals(sum(r * matrix for r, matrix in zip(rho, matrices, strict=True)))
    if w.real[np.abs(w.imag) < 1e-9].max(initial=0.0) >= 1:
        raise ModelError(f"rho = {rho.tolist()} lies outside the parameter space of these weights.")
