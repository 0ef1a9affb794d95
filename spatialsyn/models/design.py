"""What a likelihood sees: swept arrays and the bookkeeping of fixed effects.

Making a `Design` is the last of the three doors where ids, years and names are compared;
behind it there are only arrays of shape (n, T).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import AlignmentError, ModelError, WeightsError, expect, named
from spatialsyn.models.cut import cut_at
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, dense, lag, rows_of
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.transform import independent, sweep, sweeps_cities, sweeps_time
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links, WeightsSeries

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


@dataclass(frozen=True)
class Column:
    """One column of Z: a regressor, lagged by a matrix or not, of one block or of all cities.

    `x` is None for what is no regressor: city means, and the lags in time.
    """

    name: str
    x: str | None = None
    W: str | None = None
    block: str | None = None


@dataclass(frozen=True, eq=False)
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
    units, copies : independent cities and periods, n and T less what was transformed away
    """

    y: Array
    Wy: Array
    Z: Array
    columns: tuple[Column, ...]
    rho_names: tuple[str, ...]
    matrices: Mapping[str, Matrix]
    blocks: Mapping[str, Array]
    W: tuple[Matrix, ...]
    logdet: LogDet | JointLogDet | None
    error: ErrorLag | None
    random: bool
    fixed_effects: str
    transformed: bool
    units: int
    copies: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of Z."""
        return tuple(column.name for column in self.columns)

    @property
    def nobs(self) -> int:
        """Independent observations."""
        return self.units * self.copies

    @property
    def projects_cities(self) -> bool:
        """Whether traces are those of F'GF, because time effects were transformed away."""
        return self.transformed and sweeps_time(self.fixed_effects)


def build(model: SpatialModel, panel: CityPanel, weights: Mapping[str, Links]) -> Design:
    """The design of `model`; `weights` are aligned with the panel (`align`)."""
    data = regressors(model, panel)
    return sweep_effects(model, data, weights)


def regressors(model: SpatialModel, panel: CityPanel) -> Regressors:
    """The formula of `model` evaluated on `panel`, with the blocks of its regimes."""
    data = evaluate(model.formula, panel, model.intercept, model.dynamic)
    return replace(data, blocks=_blocks(model, panel, data.years))


def _blocks(model: SpatialModel, panel: CityPanel, years: Sequence[int]) -> dict[str, Array]:
    """0/1 of the cities in every block of the regimes; of the city-years with a threshold."""
    if model.regimes is None:
        return {}
    if model.regimes.above is not None:
        return cut_at(model.regimes, panel, years)
    name = model.regimes.grouping
    if name not in panel.blocks:
        raise ModelError(
            f"regimes={name!r} is not a grouping of the panel; its groupings: "
            f"{named(panel.blocks) or 'none'}. Name one when the panel is made: blocks=['region']."
        )
    group = panel.blocks[name].loc[list(panel.ids)]
    sizes = group.value_counts()
    if len(sizes) < 2:
        raise ModelError(f"the grouping {name!r} has one block only, {named(sizes.index)}.")
    return {str(b): (group == b).to_numpy(float) for b in sorted(sizes.index, key=str)}


def align(
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    needed: tuple[str, ...],
    panel: CityPanel,
) -> dict[str, Links]:
    """The `needed` matrices by name, their rows in the order of the panel's cities."""
    if weights is None:
        given: list[Links] = []
    elif isinstance(weights, Links):
        given = [weights]
    else:
        listed = weights.values() if isinstance(weights, Mapping) else weights
        what = "weights are ss.Weights, one or a list: ss.Weights.from_w(w), .from_matrix(...)"
        expect(listed, Iterable, what, WeightsError)
        given = list(listed)
        for w in given:
            expect(w, (Weights, WeightsSeries), what, WeightsError)
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


def sweep_effects(model: SpatialModel, data: Regressors, weights: Mapping[str, Links]) -> Design:
    """Lag first, sweep second, and count what is left."""
    n, T = data.y.shape
    _check_dimensions(model, n, T)
    _check_rows(model, weights)
    _check_series(model, weights)
    fixed = model.fixed_effects
    matrices = {name: w.over(data.years) for name, w in weights.items()}
    X, columns = right_side(model, data, weights)
    _check_names(tuple(column.name for column in columns))
    W = outcome_matrices(model, data.blocks, matrices)
    # W (Q y) is not Q (W y): a row-standardised W keeps a common shock common, but
    # lagging centred data still moves each period's mean off zero.
    Wy = np.stack([lag(w, data.y) for w in W.values()], axis=2) if W else np.empty((n, T, 0))
    Z = sweep(X, fixed)
    _check_absorbed(X, Z, columns, model)
    unit_root = model.transforms and sweeps_time(fixed)
    units, copies = independent(n, T, fixed) if model.transforms else (n, T)
    if estimates_cities(model, weights):
        copies = T
    return Design(
        y=sweep(data.y, fixed),
        Wy=sweep(Wy, fixed),
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
    )


def estimates_cities(model: SpatialModel, weights: Mapping[str, Links]) -> bool:
    """Whether city effects are dummies that bias the other parameters by order 1/T.

    They are in dynamic models, and where W changes over time: no transformation over the
    years leaves such a model what it was.
    """
    changing = any(w.varies for w in weights.values())
    return sweeps_cities(model.fixed_effects) and (model.dynamic or changing)


def right_side(
    model: SpatialModel, data: Regressors, weights: Mapping[str, Links]
) -> tuple[Array, tuple[Column, ...]]:
    """Regressors, their spatial lags, city means and lags in time: (n, T, p) and what they are."""
    parts, columns = [data.X], [Column(x, x) for x in data.names]
    for name, chosen in model.roles.wx:
        flags = np.array(data.lagged)
        if chosen:
            flags &= [owner in chosen for owner in data.terms]
        parts.append(lag(weights[name].over(data.years), data.X[..., flags]))
        lagged = [x for x, flag in zip(data.names, flags, strict=True) if flag]
        columns += [Column(f"W[{name}]*{x}", x, name) for x in lagged]
    X = np.concatenate(parts, axis=2)
    if model.regimes is not None:
        X, columns = _by_block(X, columns, data, model.regimes.x)
    if model.random == "correlated":
        X, columns = _with_means(X, columns)
    if data.before is not None:
        X, columns = _with_lags_in_time(X, columns, model, data, weights)
    return X, tuple(columns)


def _by_block(
    X: Array, columns: list[Column], data: Regressors, terms: tuple[str, ...]
) -> tuple[Array, list[Column]]:
    """Every chosen column once for each block, zero elsewhere."""
    owner = dict(zip(data.names, data.terms, strict=True))
    parts, split = [], []
    for j, column in enumerate(columns):
        if terms and owner[str(column.x)] not in terms:
            parts.append(X[..., j])
            split.append(column)
            continue
        for block, member in data.blocks.items():
            parts.append(X[..., j] * member.reshape(len(member), -1))
            split.append(replace(column, name=f"{column.name}[{block}]", block=block))
    return np.stack(parts, axis=2), split


def _with_means(X: Array, columns: list[Column]) -> tuple[Array, list[Column]]:
    """X with the city means of every regressor and lag that varies over time."""
    mean = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape)
    varies = np.abs(X - mean).max(axis=(0, 1)) > ABSORBED * np.abs(X).max(axis=(0, 1))
    added = [Column(f"mean({c.name})") for c, flag in zip(columns, varies, strict=True) if flag]
    return np.concatenate([X, mean[..., varies]], axis=2), [*columns, *added]


def _with_lags_in_time(
    X: Array,
    columns: list[Column],
    model: SpatialModel,
    data: Regressors,
    weights: Mapping[str, Links],
) -> tuple[Array, list[Column]]:
    """X with y(t-1), and with W y(t-1) lagged by the matrix of the year before."""
    assert data.before is not None
    years = [data.years[0] - 1, *data.years[:-1]]
    parts = [data.before] if model.lag_y else []
    parts += [lag(weights[name].over(years), data.before) for name in model.lag_wy]
    named_ = (["tau"] if model.lag_y else []) + [f"eta[{name}]" for name in model.lag_wy]
    return (
        np.concatenate([X, np.stack(parts, axis=2)], axis=2),
        [*columns, *(Column(name) for name in named_)],
    )


def outcome_matrices(
    model: SpatialModel, blocks: Mapping[str, Array], matrices: Mapping[str, Matrix]
) -> dict[str, Matrix]:
    """The matrices of Wy by the name of their rho; with own rho by block, D_b W."""
    plain = {f"rho[{name}]": matrices[name] for name in model.roles.wy}
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
) -> LogDet | JointLogDet | None:
    if not W:
        return None
    if len(W) > 1:
        return JointLogDet(tuple(dense(w) for w in W), unit_root)
    logdet = weights[model.roles.wy[0]].logdet_over(years)
    return logdet.without_unit_root() if unit_root else logdet


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
    M, logdet = w.over(data.years), w.logdet_over(data.years)
    logdet = logdet.without_unit_root() if unit_root else logdet
    lagged_y, lagged_Wy, lagged_X = (sweep(lag(M, v), model.fixed_effects) for v in (data.y, Wy, X))
    return ErrorLag(lagged_y, lagged_Wy, lagged_X, M, logdet, f"lambda[{w.name}]")


def _check_rows(model: SpatialModel, weights: Mapping[str, Links]) -> None:
    """Time effects need rows that sum to one: for Wy when transformed, for the error always."""
    if not sweeps_time(model.fixed_effects):
        return
    if model.regimes is not None and model.regimes.rho and model.correction != "direct":
        raise ModelError(
            "an own rho for every block makes matrices whose rows sum to one in one block and to "
            'zero elsewhere: time effects cannot be transformed away. Use correction="direct".'
        )
    needed = (*model.roles.wy, *model.lag_wy) if model.correction != "direct" else ()
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


def _check_series(model: SpatialModel, weights: Mapping[str, Links]) -> None:
    """Weights of every year: what they cannot be combined with."""
    changing = [name for name, w in weights.items() if w.varies]
    if not changing:
        return
    if model.dynamic:
        raise ModelError(
            f"W[{changing[0]}] changes over the years, and a lag in time needs one matrix that "
            "carries a year into the next. Use weights of base years, or no lag_y and lag_wy."
        )
    if model.correction == "bias-corrected" and model.fixed_effects == "twoways":
        raise ModelError(
            f"W[{changing[0]}] changes over the years; with two-way effects use "
            'correction="lee-yu": it transforms the years away and removes the bias of the city '
            "effects."
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


def _check_absorbed(X: Array, Z: Array, columns: tuple[Column, ...], model: SpatialModel) -> None:
    """Refuse regressors that have nothing left once the effects are gone."""
    if model.fixed_effects == "none":
        return
    size = np.abs(X).max(axis=(0, 1))
    gone = np.abs(Z).max(axis=(0, 1)) <= ABSORBED * np.where(size > 0, size, 1)
    absorbed = [c.name for c, flag in zip(columns, gone, strict=True) if flag]
    if absorbed:
        raise ModelError(
            f"{named(absorbed)}: nothing is left once fixed_effects={model.fixed_effects!r} are "
            "removed (constant within each city, or common to all cities in each year). Leave "
            "the variable out, let it vary, or choose other fixed effects."
        )
