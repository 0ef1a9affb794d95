"""What a design refuses, with the way out: shapes, rows of W, names, absorbed regressors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse

from spatialsyn.errors import ModelError, WeightsError, named
from spatialsyn.models.columns import Column
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array, Matrix, dense, nearest_to_zero, norm
from spatialsyn.numerics.solves import DENSE_TO
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time
from spatialsyn.weights.series import Links

# How the names of spatial parameters begin, and other parameters.
OTHERS = ("sigma2", "phi")
SPATIAL = ("rho[", "lambda[", "alpha[", "alpha_u[")
# A column whose length falls below this share of its size was absorbed by the effects.
ABSORBED = 1e-9
# Values below this, or above its inverse, have fourth powers, which the information matrix has
# of the error, that are zero or infinite.
SMALLEST = 1e-70
# Matrices whose Gram matrix, of unit diagonal, has an eigenvalue below this are dependent; those
# with more than this share in its eigenvector are the ones.
DEPENDENT, TAKES_PART = 1e-12, 1e-4
# Cities up to which an error that changes over the years stands beside city effects: arrays of
# (T, n, n), several of them, are multiplied.
YEARLY_TO = 1000
# Weights that differ by less than the square root of this, in parts of themselves, are equal.
EVEN = 1e-12


def check_rows(model: SpatialModel, weights: Mapping[str, Links]) -> None:
    """Time effects need rows that sum to one: for Wy when transformed, for the error always."""
    if not sweeps_time(model.fixed_effects):
        return
    if model.regimes is not None and model.regimes.rho and model.correction != "direct":
        raise ModelError(
            "an own rho for every block makes matrices whose rows sum to one in one block and to "
            'zero elsewhere: time effects cannot be transformed away. Use correction="direct".'
        )
    jacobian = model.estimator == "qml" and (model.correction != "direct" or model.exponential)
    needed = (*model.roles.wy, *model.lag_wy) if jacobian else ()
    error = () if model.roles.wu is None else (model.roles.wu,)
    for name in dict.fromkeys([*needed, *error]):
        sums = weights[name].row_sums
        if not weights[name].is_row_standardised:
            others = name not in error and not model.exponential
            way_out = ', or correction="direct"' if others else ""
            raise WeightsError(
                f"the rows of W[{name}] sum to {sums.min():.3g} .. {sums.max():.3g}. Removing time "
                "effects needs every row to sum to one; otherwise a shock common to all cities "
                f'would not stay common. Use W.standardize("row"){way_out}.'
            )


def check_alike(model: SpatialModel, matrices: Mapping[str, Matrix]) -> None:
    """Refuse matrices of the same lag that are equal, proportional or sums of each other."""
    if model.roles.mixed is not None:  # whose refusal speaks of shares
        return
    wx, every = model.roles.wx, {term for _, terms in model.roles.wx for term in terms}
    lagged = [[W for W, terms in wx if not terms or x in terms] for x in (*sorted(every), None)]
    for together in (model.roles.wy, model.lag_wy, *lagged):
        if alike := dependent({name: matrices[name] for name in together}):
            raise ModelError(
                f"the matrices {named(alike)} are equal, proportional or combinations of each "
                "other: the coefficients of their lags cannot be told apart. Leave one of them "
                "out, or look at how alike they are: ss.weights.audit(...)."
            )


def check_stand_ins(model: SpatialModel, matrices: Mapping[str, Matrix]) -> None:
    """Refuse a stand-in that is the matrix itself, or proportional to it."""
    for W, other in model.instrument_W:
        if dependent({W: matrices[W], other: matrices[other]}):
            raise ModelError(
                f"W[{other}], which stands in for W[{W}], is the same matrix, or proportional to "
                "it: lags by it are those that are endogenous, the first stage is perfect by "
                f"construction, and the estimates are those that take W[{W}] as given. Let a "
                "matrix stand in that is made without what moves it, such as "
                "ss.weights.predicted_flows(...), or take it as given: leave instrument_W out."
            )


def check_linked(model: SpatialModel, matrices: Mapping[str, Matrix]) -> None:
    """Refuse a rho of a block whose cities have no links: it multiplies nothing."""
    if model.regimes is None:  # `Weights` have links
        return
    empty = [name for name, W in matrices.items() if not norm(W)]
    if empty:
        raise ModelError(
            f"{named(empty)} multiplies nothing: no city of that block has a link in this W. Give "
            "these cities neighbours, or let the blocks have one rho: regimes(..., rho=False)."
        )


def check_even(model: SpatialModel, matrices: Mapping[str, Matrix]) -> None:
    """Refuse equal weights of all cities where year effects are transformed away.

    F'WF is -I / (n - 1) then: every rho has the same likelihood (rows of sum one have the least
    squares where all weights are equal).
    """
    if model.estimator != "qml" or not (model.transforms and sweeps_time(model.fixed_effects)):
        return
    for name in dict.fromkeys([*model.roles.wy, *([model.roles.wu] if model.roles.wu else [])]):
        W = matrices[name]
        values, n = np.ravel(W.data if sparse.issparse(W) else W), W.shape[-1]
        years = W.shape[0] if W.ndim == 3 else 1
        if values @ values * (n - 1) <= years * n * (1 + EVEN):
            raise ModelError(
                f"W[{name}] gives all other cities the same weight: less the means of the year, W "
                f"y is -y / {n - 1}, and every value of its parameter has the same likelihood. Use "
                'weights that differ, or fixed_effects="individual".'
            )


def dependent(matrices: Mapping[str, Matrix]) -> list[str]:
    """The names of matrices of which one is a linear combination of the others."""
    if len(matrices) < 2:
        return []
    least, shares = nearest_to_zero(list(matrices.values()))
    if least >= DEPENDENT:
        return []
    return [name for name, v in zip(matrices, shares, strict=True) if abs(v) > TAKES_PART]


def check_series(model: SpatialModel, weights: Mapping[str, Links]) -> None:
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
    if model.estimator == "gmm" and model.roles.wu in changing:
        raise ModelError(
            f"W[{model.roles.wu}] changes over the years, and the moments of a spatial error need "
            'one matrix. Use estimator="qml", or weights of base years.'
        )
    if model.exponential or model.random == "baltagi":
        other = "ss.sar, ss.sdm" if model.exponential else 'random="individual"'
        what = model.family if model.exponential else f"random={model.random!r}"
        raise ModelError(
            f"W[{changing[0]}] changes over the years, which {what} has no likelihood for. Use "
            f"{other}, or weights of base years."
        )


def has_yearly_error(model: SpatialModel, M: Matrix) -> bool:
    """Whether the error's matrix changes over the years, beside city effects."""
    return sweeps_cities(model.fixed_effects) and changes(M)


def changes(W: Matrix) -> bool:
    """Whether the matrices of two years differ."""
    return W.ndim == 3 and bool((dense(W) != dense(W)[0]).any())


def check_yearly_error(
    model: SpatialModel, matrices: Mapping[str, Matrix], W: Mapping[str, Matrix]
) -> None:
    """Refuse what city effects beside an error that changes over the years do not go with.

    Dummies of the cities would bias lambda itself. And where the matrices of Wy change too,
    W(t) moves a city's effect anew every year: no difference of the outcome is free of it.

    Parameters
    ----------
    W : the matrices of Wy, by the name of their rho
    """
    name = model.roles.wu
    if name is None or not has_yearly_error(model, matrices[name]):
        return
    n, moving = matrices[name].shape[-1], [rho for rho, w in W.items() if changes(w)]
    for what, there, way_out in (
        (f"correction={model.correction!r}", model.correction != "lee-yu", 'correction="lee-yu"'),
        ("ss.convex(...)", model.roles.mixed is not None, "one W for the lag of y"),
        (f"a matrix of {', '.join(moving)} that changes too", bool(moving),
         'a W of base years for the lag of y, W={"wy": "geo", ...}'),
        (f"{n:,} cities", n > YEARLY_TO, f"at most {YEARLY_TO:,}, panel.subset(ids)"),
    ):  # fmt: skip
        if there:
            raise ModelError(
                f"W[{name}] of the error changes over the years, which beside "
                f"fixed_effects={model.fixed_effects!r} does not go with {what}: use {way_out}; or "
                'an error matrix of base years, W={..., "wu": "geo"}, random="individual", '
                'fixed_effects="time", or a model without a spatial error, such as ss.sdm.'
            )


def check_dimensions(model: SpatialModel, n: int, T: int) -> None:
    """Refuse what the design cannot hold."""
    left = f"lags in time leave {T}" if model.dynamic else f"the panel has {T}"
    if sweeps_cities(model.fixed_effects) and T < 2:
        raise ModelError(
            f"fixed_effects={model.fixed_effects!r} removes each city's mean over time and needs "
            f"two years at least; {left}. Use fixed_effects='none' or 'time'."
        )
    if model.random is not None and T < 2:
        raise ModelError(
            f"random={model.random!r} tells a city's own draw from its error by repeated years and "
            f"needs two at least; the panel has {T}. Use random=None."
        )
    if model.roles.names and n < 3:
        raise ModelError(f"a spatial lag needs three cities at least; the panel has {n}.")


def check_pairs(n: int) -> None:
    """Refuse arrays of the pairs of many cities."""
    if n > DENSE_TO:
        raise ModelError(
            f"this model has (n, n) arrays, which are made up to {DENSE_TO:,} cities; the panel "
            f"has {n:,}. One spatial lag, of y or of the error (ss.sar, ss.sdm, ss.sem, ss.sdem), "
            "without random effects, lags in time or missing outcomes, needs none."
        )


def are_names(names: Sequence[str]) -> bool:
    """Whether every parameter has a name of its own."""
    taken = any(name in OTHERS or name.startswith(SPATIAL) for name in names)
    return not taken and len(set(names)) == len(names)


@lru_cache(maxsize=1024)  # models of a study share them
def check_names(names: tuple[str, ...]) -> None:
    """Every parameter has a name of its own."""
    if are_names(names):
        return
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    taken = [n for n in names if n in OTHERS or n.startswith(SPATIAL)]
    raise ModelError(
        f"the column names {named([*twice, *taken])} are those of parameters or lags of this "
        "model. Rename the columns: frame.rename(columns={...})."
    )


def check_constant(names: Sequence[str], terms: Sequence[str]) -> None:
    """No regressor has the name of the constant, which has no effects."""
    if any(name == "Intercept" and term != "1" for name, term in zip(names, terms, strict=True)):
        raise ModelError(
            "the column name 'Intercept' is that of the constant, which has no effects. Rename the "
            "column: frame.rename(columns={'Intercept': 'x'})."
        )


def check_outcome(y: Array, swept: Array, model: SpatialModel) -> None:
    """Refuse an outcome that the fixed effects explain to the last digit."""
    _check_unit(y, "the outcome")
    if model.fixed_effects != "none" and np.linalg.norm(swept) <= ABSORBED * np.linalg.norm(y):
        raise ModelError(
            f"nothing is left of the outcome once fixed_effects={model.fixed_effects!r} are "
            "removed (it is constant within each city, or common to all cities in each year, but "
            "for rounding). Check the column, or choose other fixed effects."
        )


def _check_unit(values: Array, what: str) -> None:
    """Refuse numbers whose powers are beyond what a float holds, where sums are inf or zero."""
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest and not SMALLEST < largest < 1 / SMALLEST:
        raise ModelError(
            f"{what} has values of the size {largest:.3g}, whose powers a computer cannot "
            "hold: choose another unit."
        )


def check_absorbed(X: Array, Z: Array, columns: tuple[Column, ...], model: SpatialModel) -> None:
    """Refuse regressors that have nothing left once the effects are gone."""
    if model.fixed_effects == "none":
        return
    for j, column in enumerate(columns[: X.shape[2]]):
        _check_unit(X[..., j], repr(column.name))
    size, left = (np.sqrt(np.einsum("ntk,ntk->k", v, v)) for v in (X, Z))
    gone = left <= ABSORBED * np.where(size > 0, size, 1)
    absorbed = [c.name for c, flag in zip(columns, gone, strict=True) if flag]
    if absorbed:
        raise ModelError(
            f"{named(absorbed)}: nothing is left once fixed_effects={model.fixed_effects!r} are "
            "removed (constant within each city, or common to all cities in each year). Leave "
            "the variable out, let it vary, or choose other fixed effects."
        )
