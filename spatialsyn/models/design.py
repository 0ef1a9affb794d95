"""What a likelihood sees: swept arrays and the bookkeeping of fixed effects.

Making a `Design` is the last of the three doors where ids, years and names are compared;
behind it there are only arrays of shape (n, T).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.models.checks import (
    check_absorbed,
    check_alike,
    check_dimensions,
    check_even,
    check_linked,
    check_names,
    check_outcome,
    check_pairs,
    check_rows,
    check_series,
    check_stand_ins,
    check_yearly_error,
    has_yearly_error,
)
from spatialsyn.models.columns import Column
from spatialsyn.models.data import read
from spatialsyn.models.formula import Regressors
from spatialsyn.models.instruments import Instruments, instruments
from spatialsyn.models.mixture import Mixture, mixture
from spatialsyn.models.right_side import right_side
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.exponential import Exponent
from spatialsyn.numerics.lags import Array, Matrix, dense, lag, norm, rows_of
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.multiplier import centred
from spatialsyn.numerics.restricted import YearlyError
from spatialsyn.numerics.solves import DENSE_TO
from spatialsyn.numerics.traces import Propagation, Solved
from spatialsyn.numerics.transform import (
    independent,
    sweep,
    sweep_columns,
    sweeps_cities,
    sweeps_time,
)
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links, WeightsSeries


@dataclass(frozen=True, eq=False)
class ErrorLag:
    """The spatial lags, by the error's matrix M, of everything in the equation, swept.

    Attributes
    ----------
    yearly : beside city effects, an M that changes over the years, which makes other numbers
        of city means every year: the lags, of values without city means, then keep their own
    """

    y: Array
    Wy: Array
    Z: Array
    M: Matrix
    logdet: LogDet | Exponent
    name: str
    yearly: YearlyError | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """Arrays swept of the fixed effects, cities first.

    Attributes
    ----------
    y : (n, T); Wy : (n, T, m); Z : (n, T, p), regressors and their lags
    columns, rho_names : what the columns of Z are, and the names of those of Wy
    matrices : by name, those of all roles, (n, n), or (T, n, n) where they change over time
    blocks : 0/1 of the cities in each regime, (n,), or of the city-years, (n, T)
    W : the m matrices behind Wy
    logdet : ln|S(rho)| of the (transformed) matrix or matrices, or None without Wy
    error : lags by the error's matrix, or None without a spatial error
    random : whether cities have random effects
    outside_error : whether these stand outside the spatial error
    units, copies : independent cities and periods, n and T less what was transformed away
    cities_estimated : whether city effects are dummies that bias the scores
    instruments : what stands in for endogenous columns, or None under maximum likelihood
    observed : (n, T), the outcome itself, not swept, NaN where it is missing; None where it
        is complete. With holes the lags of the outcome, and what is swept of it, are NaN too.
    mixture : the restriction of a convex model, None where every matrix has its own rho
    groups : (n,), for each city the number of the cluster that it is in, where cities make some
    years : the T years, between which others may have been left out
    """

    y: Array
    Wy: Array
    Z: Array
    columns: tuple[Column, ...]
    rho_names: tuple[str, ...]
    matrices: Mapping[str, Matrix]
    blocks: Mapping[str, Array]
    W: tuple[Matrix, ...]
    logdet: LogDet | JointLogDet | Exponent | None
    error: ErrorLag | None
    random: bool
    fixed_effects: str
    transformed: bool
    units: int
    copies: int
    outside_error: bool = False
    cities_estimated: bool = False
    instruments: Instruments | None = None
    observed: Array | None = None
    mixture: Mixture | None = None
    groups: Array | None = None
    years: tuple[int, ...] = ()

    def __repr__(self) -> str:
        n, T = self.y.shape
        lags = f"; lags of y: {', '.join(self.rho_names)}" if self.rho_names else ""
        away = "" if self.fixed_effects == "none" else ", by dummies"
        away = ", transformed away" if self.transformed else away
        return (
            f"Design: {n} cities x {T} years; columns: {', '.join(self.names) or 'none'}{lags}; "
            f"fixed effects: {self.fixed_effects}{away}"
        )

    def entered(self, params: Array) -> Array:
        """The parameters with an own rho, and own coefficients of WX, for every matrix."""
        return params if self.mixture is None else self.mixture(params)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of Z."""
        return tuple(column.name for column in self.columns)

    @property
    def exponential(self) -> bool:
        """Whether matrix exponentials stand in place of I - rho W and I - lambda M."""
        error = None if self.error is None else self.error.logdet
        return isinstance(self.logdet, Exponent) or isinstance(error, Exponent)

    @property
    def space(self) -> LogDet | JointLogDet | None:
        """What knows the bounds of rho; None without Wy and for an exponent, which has none."""
        return None if isinstance(self.logdet, Exponent) else self.logdet

    @property
    def dynamic(self) -> bool:
        """Whether Z holds lags in time."""
        lags = (column.name for column in self.columns if column.x is None)
        return any(name == "tau" or name.startswith("eta[") for name in lags)

    @property
    def dummies_of_cities(self) -> bool:
        """Whether city effects are dummies while years are transformed away, if any are."""
        return self.cities_estimated and self.dynamic and self.transformed

    @property
    def varies(self) -> bool:
        """Whether a matrix changes over the years."""
        return any(W.ndim == 3 for W in self.matrices.values())

    @property
    def yearly_error(self) -> YearlyError | None:
        """Beside city effects, an error whose matrix changes over the years."""
        return None if self.error is None else self.error.yearly

    @property
    def by_solves(self) -> bool:
        """Whether S or R, of many cities or models, is only ever solved with: one parameter."""
        if self.random or self.dynamic or self.mixture is not None or self.observed is not None:
            return False
        if len(self.W) + (self.error is not None) > 1:
            return False
        if not self.W and self.error is None:
            return len(self.y) > DENSE_TO
        return self._solved is not None

    def propagation(self, spatial: Array) -> Propagation:
        """G = W S^-1, or M R^-1, at the one spatial parameter."""
        assert self._solved is not None
        return self._solved.at(float(spatial[0]))

    @property
    def _solved(self) -> Solved | Decomposed | None:
        logdet = self.logdet if self.error is None else self.error.logdet
        full = logdet.full if isinstance(logdet, LogDet) else None
        return full if isinstance(full, Solved | Decomposed) else None

    @property
    def nobs(self) -> int:
        """Independent observations."""
        missing = 0 if self.observed is None else int(np.isnan(self.observed).sum())
        return self.units * self.copies - missing

    @property
    def projects_cities(self) -> bool:
        """Whether traces are those of F'GF, because time effects were transformed away."""
        return self.transformed and sweeps_time(self.fixed_effects)


def build(model: SpatialModel, panel: CityPanel, weights: Mapping[str, Links]) -> Design:
    """The design of `model`; `weights` are aligned with the panel (`align`)."""
    data, outside = read(model, panel)
    return sweep_effects(model, data, weights, outside)


def listed_weights(
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
) -> list[Links]:
    """One matrix, several, or those of a mapping, which are called by its keys, as a list.

    Where a key is not the name that a matrix was made with, its recipe keeps that name.
    """
    if weights is None or isinstance(weights, Links):
        return [] if weights is None else [weights]
    listed = weights.values() if isinstance(weights, Mapping) else weights
    what = (
        "weights are ss.Weights, one or a list: ss.Weights.from_w(w), "
        ".from_matrix(matrix, ids=panel.ids, name='geo')"
    )
    expect(listed, Iterable, what, WeightsError)
    if hasattr(listed, "shape"):  # a bare matrix, which would be taken row by row
        expect(listed, (Weights, WeightsSeries), what, WeightsError)
    given = list(listed)
    for w in given:
        expect(w, (Weights, WeightsSeries), what, WeightsError)
    if isinstance(weights, Mapping):
        _check_crossed(weights)
        return [w if w.name == key else w.rename(key) for key, w in weights.items()]
    return given


def _check_crossed(weights: Mapping[str, Links]) -> None:
    """Refuse a mapping that calls a matrix by the name of another one in it."""
    for key, w in weights.items():
        if w.name != key and w.name in weights and weights[w.name].hash != w.hash:
            raise AlignmentError(
                f"weights has the matrix {w.name!r} under the key {key!r}, and another one under "
                f"{w.name!r}: a result of W[{w.name}] would be read as that of the first. Give "
                "them as a list, or rename them where they are made: W.rename('...')."
            )


def align(
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    needed: tuple[str, ...],
    panel: CityPanel,
) -> dict[str, Links]:
    """The `needed` matrices by name, their rows in the order of the panel's cities."""
    given = listed_weights(weights)
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
    weights: Mapping[str, Links],
    outside: Regressors | None = None,
) -> Design:
    """Lag first, sweep second, and count what is left; `outside` holds external instruments."""
    n, T = data.y.shape
    check_dimensions(model, n, T)
    check_rows(model, weights)
    check_series(model, weights)
    fixed = model.fixed_effects
    matrices = {name: w.over(data.years) for name, w in weights.items()}
    check_alike(model, matrices)
    check_stand_ins(model, matrices)
    check_even(model, matrices)
    X, columns = right_side(model, data, weights)
    check_names(tuple(column.name for column in columns))
    W = outcome_matrices(model, data.blocks, matrices)
    check_linked(model, W)
    check_yearly_error(model, matrices, W)
    # W (Q y) is not Q (W y): a row-standardised W keeps a common shock common, but
    # lagging centred data still moves each period's mean off zero.
    Wy = np.stack([lag(w, data.y) for w in W.values()], axis=2) if W else np.empty((n, T, 0))
    Z = sweep_columns(X, fixed)
    check_absorbed(X, Z, columns, model)
    y = sweep_columns(data.y[..., None], fixed)[..., 0]
    check_outcome(data.y, y, model)
    likelihood = model.estimator == "qml"
    unit_root = likelihood and model.transforms and sweeps_time(fixed)
    units, copies = independent(n, T, fixed) if model.transforms else (n, T)
    cities = likelihood and estimates_cities(model, weights)
    copies = T if cities and model.dynamic else copies
    return Design(
        y=y,
        Wy=sweep_columns(Wy, fixed),
        Z=Z,
        columns=columns,
        rho_names=tuple(W),
        matrices=matrices,
        blocks=data.blocks,
        W=tuple(W.values()),
        logdet=_logdet(model, weights, data.years, tuple(W.values()), unit_root),
        error=_error_lag(model, data, Wy, X, weights, unit_root),
        random=model.random is not None,
        fixed_effects=fixed,
        transformed=model.transforms,
        units=units,
        copies=copies,
        outside_error=model.random == "baltagi" and model.roles.wu is not None,
        cities_estimated=cities,
        instruments=None if likelihood else instruments(model, data, X, columns, outside, weights),
        observed=data.y if np.isnan(data.y).any() else None,
        mixture=mixture(model.roles, columns),
        years=data.years,
    )


def estimates_cities(model: SpatialModel, weights: Mapping[str, Links]) -> bool:
    """Whether city effects are dummies that bias the scores by order 1/T.

    They are in dynamic models, and where W changes over time: no transformation over the
    years leaves such a model what it was. Without lags in time that bias is exactly what the
    likelihood counts of one year: with `copies` = T - 1 it is gone. Where the error's matrix
    changes it takes the restricted likelihood (`ErrorLag.yearly`).
    """
    changing = any(w.varies for w in weights.values())
    return sweeps_cities(model.fixed_effects) and (model.dynamic or changing)


def outcome_matrices(
    model: SpatialModel, blocks: Mapping[str, Array], matrices: Mapping[str, Matrix]
) -> dict[str, Matrix]:
    """The matrices of Wy by the name of their rho; with own rho by block, D_b W."""
    symbol = "alpha" if model.exponential else "rho"
    plain = {f"{symbol}[{name}]": matrices[name] for name in model.roles.wy}
    if model.regimes is None or not model.regimes.rho:
        return plain
    return {
        f"rho[{name}:{block}]": rows_of(member, matrices[name])
        for name in model.roles.wy
        for block, member in blocks.items()
    }


def _logdet(
    model: SpatialModel,
    weights: Mapping[str, Links],
    years: Sequence[int],
    W: tuple[Matrix, ...],
    unit_root: bool,
) -> LogDet | JointLogDet | Exponent | None:
    if not W:
        return None
    if len(W) > 1:
        check_pairs(W[0].shape[-1])
        return JointLogDet(tuple(dense(w) for w in W), unit_root)
    logdet = _logdet_of(model, weights[model.roles.wy[0]], years)
    return logdet.without_unit_root() if unit_root else logdet


def _logdet_of(model: SpatialModel, w: Links, years: Sequence[int]) -> LogDet | Exponent:
    return Exponent((norm(w.over(years)),)) if model.exponential else w.logdet_over(years)


def _error_lag(
    model: SpatialModel,
    data: Regressors,
    Wy: Array,
    X: Array,
    weights: Mapping[str, Links],
    unit_root: bool,
) -> ErrorLag | None:
    if model.roles.wu is None:
        return None
    w = weights[model.roles.wu]
    M, logdet = w.over(data.years), _logdet_of(model, w, data.years)
    logdet = logdet.without_unit_root() if unit_root else logdet
    name = f"alpha_u[{w.name}]" if model.exponential else f"lambda[{w.name}]"
    values, fixed, yearly = [data.y, Wy, X], model.fixed_effects, None
    if has_yearly_error(model, M) and isinstance(logdet, LogDet):
        values, fixed = [sweep(v, "individual") for v in values], "time" if unit_root else "none"
        yearly = YearlyError(centred(dense(M)) if unit_root else dense(M), logdet)
    lagged_y, lagged_Wy, lagged_X = (sweep(lag(M, v), fixed) for v in values)
    return ErrorLag(lagged_y, lagged_Wy, lagged_X, M, logdet, name, yearly)
