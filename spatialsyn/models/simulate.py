"""Data drawn from a model: the base of every Monte Carlo study.

y = S^-1 (X beta + W X theta + city effects + year effects + R^-1 e),  e ~ N(0, sigma2)

Random city effects have the variance sigma2 (phi^-2 - 1) / T; they are spread by R^-1 like e
itself, or stand outside it (random="baltagi").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import align, regressors, right_side
from spatialsyn.models.formula import parse
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.multiplier import multiplier
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.weights.core import Weights

FIRST_YEAR = 2001


def simulate(
    model: SpatialModel,
    panel: CityPanel | tuple[int, int],
    weights: Weights | Iterable[Weights] | Mapping[str, Weights] | None,
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
        The names of `res.params`: regressors, ``W[geo]*x``, ``rho[geo]``, ``lambda[geo]``,
        ``phi``, ``sigma2``; all of them, no others.
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
    data = regressors(model, panel)
    X, columns = right_side(model, data, matrices)
    names = [column.name for column in columns]
    rho_names = [f"rho[{name}]" for name in model.roles.wy]
    lam_names = [f"lambda[{model.roles.wu}]"] if model.roles.wu else []
    phi_names = ["phi"] if model.random else []
    _check_params(params, [*names, *rho_names, *lam_names, *phi_names, "sigma2"])
    n, T = data.y.shape
    error = np.sqrt(params["sigma2"]) * generator.standard_normal((n, T))
    city = _city_sd(params, T) * generator.standard_normal((n, 1)) if model.random else 0.0
    spread = model.random != "baltagi"
    error = error + city if spread else error
    if model.roles.wu:
        lam = np.array([params[lam_names[0]]])
        error = multiplier((matrices[model.roles.wu].matrix,), lam, n) @ error
    signal = X @ np.array([params[name] for name in names]) + error
    signal = signal if spread else signal + city
    if sweeps_cities(model.fixed_effects):
        signal = signal + effects_sd * generator.standard_normal((n, 1))
    if sweeps_time(model.fixed_effects):
        signal = signal + effects_sd * generator.standard_normal((1, T))
    rho = np.array([params[name] for name in rho_names])
    W = tuple(matrices[name].matrix for name in model.roles.wy)
    _check_stable(rho, [matrices[name] for name in model.roles.wy])
    return panel.assign(**{outcome: np.asarray(multiplier(W, rho, n) @ signal)})


def _drawn(
    shape: tuple[int, int],
    weights: Weights | Iterable[Weights] | Mapping[str, Weights] | None,
    terms: list[str],
    generator: np.random.Generator,
) -> CityPanel:
    """A panel of standard normal regressors for the cities of the weights."""
    n, T = shape
    listed = list(weights.values()) if isinstance(weights, Mapping) else weights
    first = listed if isinstance(listed, Weights) else next(iter(listed or []), None)
    ids = first.ids if first is not None else tuple(range(n))
    if len(ids) != n:
        raise ModelError(f"the shape {shape} has {n} cities, the weights have {len(ids)}.")
    index = pd.MultiIndex.from_product([ids, range(FIRST_YEAR, FIRST_YEAR + T)])
    columns: dict[str, Array] = {name: generator.standard_normal(n * T) for name in terms}
    frame = pd.DataFrame(columns, index=index.set_names(["city", "year"]))
    return CityPanel(frame.reset_index(), city="city", year="year")


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


def _check_stable(rho: Array, matrices: list[Weights]) -> None:
    """One real eigenvalue of sum rho W at or above one, and the process has no such mean."""
    if not matrices:
        return
    total = sum(r * w.dense() for r, w in zip(rho, matrices, strict=True))
    w = np.linalg.eigvals(np.asarray(total))
    if w.real[np.abs(w.imag) < 1e-9].max(initial=0.0) >= 1:
        raise ModelError(f"rho = {rho.tolist()} lies outside the parameter space of these weights.")
