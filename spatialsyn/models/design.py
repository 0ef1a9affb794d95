"""What a likelihood sees: swept arrays and the bookkeeping of fixed effects.

Making a `Design` is the last of the three doors where ids, years and names are compared;
behind it there are only arrays of shape (n, T).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, ModelError, WeightsError, expect, named
from spatialsyn.models.formula import Regressors
from spatialsyn.models.instruments import Instruments, instruments, read
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, lag
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.transform import independent, sweep, sweeps_cities, sweeps_time
from spatialsyn.weights.core import Weights

# A column whose variation falls below this share of its size was absorbed by the effects.
ABSORBED = 1e-9


@dataclass(frozen=True, eq=False)
class ErrorLag:
    """The spatial lags, by the error's matrix M, of everything in the equation, swept."""

    y: Array
    Wy: Array
    Z: Array
    M: Matrix
    logdet: LogDet
    name: str


@dataclass(frozen=True, eq=False)
class Design:
    """Arrays swept of the fixed effects, cities first.

    Attributes
    ----------
    y : (n, T); Wy : (n, T, m); Z : (n, T, p), regressors and their lags
    names, rho_names : names of the columns of Z and of Wy
    wx : name of a lag column -> (regressor, matrix name)
    W : the m matrices behind Wy
    logdet : ln|S(rho)| of the (transformed) matrix or matrices, or None without Wy
    error : lags by the error's matrix, or None without a spatial error
    random : whether cities have random effects
    units, copies : independent cities and periods, n and T less what was transformed away
    instruments : what stands in for endogenous columns, or None under maximum likelihood
    """

    y: Array
    Wy: Array
    Z: Array
    names: tuple[str, ...]
    rho_names: tuple[str, ...]
    wx: Mapping[str, tuple[str, str]]
    W: tuple[Matrix, ...]
    logdet: LogDet | JointLogDet | None
    error: ErrorLag | None
    random: bool
    fixed_effects: str
    transformed: bool
    units: int
    copies: int
    instruments: Instruments | None = None

    @property
    def nobs(self) -> int:
        """Independent observations."""
        return self.units * self.copies

    @property
    def projects_cities(self) -> bool:
        """Whether traces are those of F'GF, because time effects were transformed away."""
        return self.transformed and sweeps_time(self.fixed_effects)


def build(model: SpatialModel, panel: CityPanel, weights: Mapping[str, Weights]) -> Design:
    """The design of `model`; `weights` are aligned with the panel (`align`)."""
    data, outside = read(model, panel)
    return sweep_effects(model, data, weights, outside)


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
        listed = weights.values() if isinstance(weights, Mapping) else weights
        what = "weights are ss.Weights, one or a list: ss.Weights.from_w(w), .from_matrix(...)"
        expect(listed, Iterable, what, WeightsError)
        given = list(listed)
        for w in given:
            expect(w, Weights, what, WeightsError)
        if isinstance(weights, Mapping):
            given = [w if w.name == key else w.rename(key) for key, w in weights.items()]
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


def sweep_effects(
    model: SpatialModel,
    data: Regressors,
    weights: Mapping[str, Weights],
    outside: Regressors | None = None,
) -> Design:
    """Lag first, sweep second, and count what is left; `outside` holds external instruments."""
    n, T = data.y.shape
    _check_dimensions(model, n, T)
    _check_rows(model, weights)
    roles, fixed = model.roles, model.fixed_effects
    X, names, wx = right_side(model, data, weights)
    # W (Q y) is not Q (W y): a row-standardised W keeps a common shock common, but
    # lagging centred data still moves each period's mean off zero.
    Wy = (
        np.stack([lag(weights[name].matrix, data.y) for name in roles.wy], axis=2)
        if roles.wy
        else np.empty((n, T, 0))
    )
    _check_names(names)
    Z = sweep(X, fixed)
    _check_absorbed(X, Z, names, model)
    units, copies = independent(n, T, fixed) if model.transforms else (n, T)
    likelihood = model.estimator == "qml"
    unit_root = likelihood and model.transforms and sweeps_time(fixed)
    return Design(
        y=sweep(data.y, fixed),
        Wy=sweep(Wy, fixed),
        Z=Z,
        names=names,
        rho_names=tuple(f"rho[{name}]" for name in roles.wy),
        wx=wx,
        W=tuple(weights[name].matrix for name in roles.wy),
        logdet=_logdet(tuple(weights[name] for name in roles.wy), unit_root),
        error=_error_lag(model, data.y, Wy, X, weights, unit_root),
        random=model.random is not None,
        fixed_effects=fixed,
        transformed=model.transforms,
        units=units,
        copies=copies,
        instruments=(
            None if likelihood else instruments(model, data, X, names, wx, outside, weights)
        ),
    )


def right_side(
    model: SpatialModel, data: Regressors, weights: Mapping[str, Weights]
) -> tuple[Array, tuple[str, ...], dict[str, tuple[str, str]]]:
    """Regressors, their spatial lags and city means: (n, T, p), names, and what lags what."""
    columns, wx = [data.X], {}
    for name, chosen in model.roles.wx:
        flags = np.array(data.lagged)
        if chosen:
            flags &= [owner in chosen for owner in data.terms]
        columns.append(lag(weights[name].matrix, data.X[..., flags]))
        for x, flag in zip(data.names, flags, strict=True):
            if flag:
                wx[f"W[{name}]*{x}"] = (x, name)
    X, names = np.concatenate(columns, axis=2), (*data.names, *wx)
    return (*(_with_means(X, names) if model.random == "correlated" else (X, names)), wx)


def _with_means(X: Array, names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """X with the city means of every regressor and lag that varies over time."""
    mean = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape)
    varies = np.abs(X - mean).max(axis=(0, 1)) > ABSORBED * np.abs(X).max(axis=(0, 1))
    added = tuple(f"mean({name})" for name, flag in zip(names, varies, strict=True) if flag)
    return np.concatenate([X, mean[..., varies]], axis=2), (*names, *added)


def _logdet(matrices: tuple[Weights, ...], unit_root: bool) -> LogDet | JointLogDet | None:
    if not matrices:
        return None
    if len(matrices) == 1:
        logdet = matrices[0].logdet
        return logdet.without_unit_root() if unit_root else logdet
    return JointLogDet(tuple(w.dense() for w in matrices), unit_root)


def _error_lag(
    model: SpatialModel,
    y: Array,
    Wy: Array,
    X: Array,
    weights: Mapping[str, Weights],
    unit_root: bool,
) -> ErrorLag | None:
    if model.roles.wu is None:
        return None
    w = weights[model.roles.wu]
    logdet = w.logdet.without_unit_root() if unit_root else w.logdet
    lagged_y, lagged_Wy, lagged_X = (
        sweep(lag(w.matrix, v), model.fixed_effects) for v in (y, Wy, X)
    )
    return ErrorLag(lagged_y, lagged_Wy, lagged_X, w.matrix, logdet, f"lambda[{w.name}]")


def _check_rows(model: SpatialModel, weights: Mapping[str, Weights]) -> None:
    """Time effects need rows that sum to one: for Wy when transformed, for the error always."""
    if not sweeps_time(model.fixed_effects):
        return
    jacobian = model.correction != "direct" and model.estimator == "qml"
    needed = model.roles.wy if jacobian else ()
    error = () if model.roles.wu is None else (model.roles.wu,)
    for name in dict.fromkeys([*needed, *error]):
        sums = weights[name].row_sums
        if not weights[name].is_row_standardised:
            way_out = ', or correction="direct"' if name not in error else ""
            raise WeightsError(
                f"the rows of W[{name}] sum to {sums.min():.3g} .. {sums.max():.3g}. Removing time "
                "effects needs every row to sum to one; otherwise a shock common to all cities "
                f'would not stay common. Use W.standardize("row"){way_out}.'
            )


def _check_dimensions(model: SpatialModel, n: int, T: int) -> None:
    if sweeps_cities(model.fixed_effects) and T < 2:
        raise ModelError(
            f"fixed_effects={model.fixed_effects!r} removes each city's mean over time and needs "
            f"two years at least; the panel has {T}. Use fixed_effects='none' or 'time'."
        )
    if model.roles.names and n < 3:
        raise ModelError(f"a spatial lag needs three cities at least; the panel has {n}.")


def _check_names(names: tuple[str, ...]) -> None:
    """Every parameter has a name of its own."""
    twice = sorted({name for name in names if names.count(name) > 1})
    taken = [n for n in names if n in ("sigma2", "phi") or n.startswith(("rho[", "lambda["))]
    if twice or taken:
        raise ModelError(
            f"the column names {named([*twice, *taken])} are those of parameters or lags of this "
            "model. Rename the columns: frame.rename(columns={...})."
        )


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
