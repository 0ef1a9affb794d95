"""What a likelihood sees: swept arrays and the bookkeeping of fixed effects.

Making a `Design` is the last of the three doors where ids, years and names are compared;
behind it there are only arrays of shape (n, T).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, ModelError, WeightsError, named
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.transform import independent, sweep, sweeps_cities, sweeps_time
from spatialsyn.weights.core import Weights

# A column whose variation falls below this share of its size was absorbed by the effects.
ABSORBED = 1e-9


@dataclass(frozen=True, eq=False)
class Design:
    """Arrays swept of the fixed effects, cities first.

    Attributes
    ----------
    y : (n, T); Wy : (n, T, m); Z : (n, T, p), regressors and their lags
    names, rho_names : names of the columns of Z and of Wy
    W : the m matrices behind Wy
    logdet : ln|S(rho)| of the (transformed) matrix, or None without Wy
    units, copies : independent cities and periods, n and T less what was transformed away
    """

    y: Array
    Wy: Array
    Z: Array
    names: tuple[str, ...]
    rho_names: tuple[str, ...]
    W: tuple[Matrix, ...]
    logdet: LogDet | None
    fixed_effects: str
    transformed: bool
    units: int
    copies: int

    @property
    def nobs(self) -> int:
        """Independent observations."""
        return self.units * self.copies


def build(model: SpatialModel, panel: CityPanel, weights: Mapping[str, Weights]) -> Design:
    """The design of `model`; `weights` are aligned with the panel (`align`)."""
    regressors = evaluate(model.formula, panel, intercept=model.fixed_effects == "none")
    W = weights[model.W] if model.W is not None else None
    return sweep_effects(model, regressors, W)


def align(
    weights: Weights | Iterable[Weights] | Mapping[str, Weights] | None,
    needed: tuple[str, ...],
    panel: CityPanel,
) -> dict[str, Weights]:
    """The `needed` matrices by name, their rows in the order of the panel's cities."""
    if weights is None:
        given: list[Weights] = []
    elif isinstance(weights, Weights):
        given = [weights]
    else:
        given = list(weights.values() if isinstance(weights, Mapping) else weights)
    by_name = {w.name: w for w in given}
    if len(by_name) < len(given):
        raise AlignmentError(f"two weights share a name: {named(w.name for w in given)}.")
    absent = [name for name in needed if name not in by_name]
    if absent:
        raise AlignmentError(
            f"the model needs the weights {named(absent)}; given are {named(by_name) or 'none'}. "
            "The name is set where the matrix is made: ss.weights.contiguity(..., name='geo')."
        )
    return {name: by_name[name].aligned(panel.ids) for name in needed}


def sweep_effects(model: SpatialModel, data: Regressors, W: Weights | None) -> Design:
    """Lag first, sweep second, and count what is left."""
    n, T = data.y.shape
    _check_dimensions(model, n, T)
    X, names = data.X, data.names
    if model.has_wx and W is not None:
        flags = np.array(data.lagged)
        X = np.concatenate([X, lag(W.matrix, X[..., flags])], axis=2)
        names = (*names, *(f"W[{W.name}]*{x}" for x, f in zip(names, flags, strict=True) if f))
    # W (Q y) is not Q (W y): a row-standardised W keeps a common shock common, but
    # lagging centred data still moves each period's mean off zero.
    Wy: Array = np.empty((n, T, 0))
    logdet = None
    if model.has_wy and W is not None:
        Wy = lag(W.matrix, data.y)[..., None]
        logdet = _transformed_logdet(model, W)
    Z = sweep(X, model.fixed_effects)
    _check_absorbed(X, Z, names, model)
    units, copies = independent(n, T, model.fixed_effects) if model.transforms else (n, T)
    return Design(
        y=sweep(data.y, model.fixed_effects),
        Wy=sweep(Wy, model.fixed_effects),
        Z=Z,
        names=names,
        rho_names=(f"rho[{W.name}]",) if model.has_wy and W is not None else (),
        W=(W.matrix,) if model.has_wy and W is not None else (),
        logdet=logdet,
        fixed_effects=model.fixed_effects,
        transformed=model.transforms,
        units=units,
        copies=copies,
    )


def _transformed_logdet(model: SpatialModel, W: Weights) -> LogDet:
    if not (model.transforms and sweeps_time(model.fixed_effects)):
        return W.logdet
    if not W.is_row_standardised:
        sums = W.row_sums
        raise WeightsError(
            f"the rows of W[{W.name}] sum to {sums.min():.3g} .. {sums.max():.3g}. Removing time "
            "effects with the Lee-Yu transformation needs every row to sum to one; otherwise a "
            "shock common to all cities would not stay common. "
            'Use W.standardize("row"), or correction="direct".'
        )
    return W.logdet.without_unit_root()


def _check_dimensions(model: SpatialModel, n: int, T: int) -> None:
    if sweeps_cities(model.fixed_effects) and T < 2:
        raise ModelError(
            f"fixed_effects={model.fixed_effects!r} removes each city's mean over time and needs "
            f"two years at least; the panel has {T}. Use fixed_effects='none' or 'time'."
        )
    if model.has_wy and n < 3:
        raise ModelError(f"a spatial lag needs three cities at least; the panel has {n}.")


def _check_absorbed(X: Array, Z: Array, names: tuple[str, ...], model: SpatialModel) -> None:
    """Refuse regressors that have nothing left once the effects are gone."""
    if model.fixed_effects == "none":
        return
    size = np.abs(X).max(axis=(0, 1))
    gone = np.abs(Z).max(axis=(0, 1)) <= ABSORBED * np.where(size > 0, size, 1)
    absorbed = [name for name, flag in zip(names, gone, strict=True) if flag]
    if absorbed:
        raise ModelError(
            f"{named(absorbed)}: nothing is left once fixed_effects={model.fixed_effects!r} are "
            "removed (constant within each city, or common to all cities in each year). Leave "
            "the variable out, let it vary, or choose other fixed effects."
        )
