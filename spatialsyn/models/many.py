"""Many static models of one W and one sample, estimated side by side.

The numbers are those of `qml`, by the same formulas on arrays (b, n T, p) of b models: most of
the time of a small model is spent between its numbers, and b models share it. What a model
gets does not depend on the models beside it, to the last bit: products are made model by
model, and a search that has ended waits for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate, Parameters
from spatialsyn.models.line import peaks
from spatialsyn.models.own_lag import given
from spatialsyn.models.qml import DISTINCT, REGULAR, multiplier_at, parameter_names
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.cholesky import Symmetrised
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.lags import FEW_CITIES, Array, Matrix, dense, lag_each
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.traces import Traces, margins, projected
from spatialsyn.numerics.transform import sweep_in_place

# Models without a spatial error.
FAMILIES = ("ols", "slx", "sar", "sdm")
# Numbers of models side by side: more leave the fast memory before they are used again.
ROOM = 200_000


def joined(model: SpatialModel, n: int, cov: str | None) -> bool:
    """Whether a model of `n` cities may be estimated beside others, as far as can be told."""
    if model.estimator != "qml" or model.random is not None or model.dynamic:
        return False
    if cov not in (None, "expected"):
        return False
    return n <= FEW_CITIES and model.family in FAMILIES and model.correction != "bias-corrected"


@dataclass(frozen=True, eq=False)
class Beside:
    """Models of one kin: of one W, one kind of fixed effects, as many cities, years and columns.

    Attributes
    ----------
    one : the design of one of them; others differ in y, Wy, Z and columns
    columns : what the columns of Z are, for each of b models
    swept : (k, n T), columns, outcomes and their lags, which models share
    at : (b, p + 1 + m), places in `swept` of the regressors of each, its y and Wy
    """

    one: Design
    columns: Sequence[tuple[Column, ...]]
    swept: Array
    at: NDArray[np.intp]

    @classmethod
    def of(cls, design: Design) -> Beside:
        """One model."""
        parts = design.Z.transpose(2, 0, 1), design.y[None], design.Wy.transpose(2, 0, 1)
        swept = np.concatenate(parts).reshape(-1, design.y.size)
        return cls(design, [design.columns], swept, np.arange(len(swept))[None])

    def rows(self, room: int) -> Iterator[tuple[slice, Array]]:
        """Models, and (some, p + 1 + m, n T), their regressors, y and Wy, some at a time.

        The same memory comes with other numbers: fresh memory costs more than to fill it.

        Parameters
        ----------
        room : numbers of one model beside these
        """
        size = self.at.shape[1], self.swept.shape[1]
        step = max(1, min(ROOM // max(room, size[0] * size[1]), len(self.at)))
        some = np.empty((step, *size))
        for start in range(0, len(self.at), step):
            part = slice(start, start + step)
            for own, places in zip(some, self.at[part], strict=False):
                np.take(self.swept, places, axis=0, out=own, mode="clip")
            yield part, some[: len(self.at[part])]


@dataclass(frozen=True, eq=False)
class Estimates:
    """What is estimated of models side by side.

    Attributes
    ----------
    one, columns : see `Beside`
    params, cov, loglik : (b, q), (b, q, q) and (b,)
    fine : (b,), False for a model that `estimate_qml` has to look at: its regressors are nearly
        collinear or give Wy, its likelihood has no maximum inside, its information is singular
    """

    one: Design
    columns: Sequence[tuple[Column, ...]]
    params: Array
    cov: Array
    loglik: Array
    fine: NDArray[np.bool_]

    def parameters(self) -> list[Parameters | None]:
        """Those of every model that is fine."""
        one = self.one
        names = [(*[c.name for c in columns], *one.rho_names, "sigma2") for columns in self.columns]
        each = zip(names, self.params, self.cov, self.fine, strict=True)
        return [
            Parameters(names=name, params=params, cov=cov, space=one.space) if fine else None
            for name, params, cov, fine in each
        ]


def fit_in(design: Design) -> bool:
    """Whether a model may be estimated beside others, or by their formulas."""
    return suits(design) and identified(design, len(design.columns))


def suits(design: Design) -> bool:
    """Whether what models of one kin share allows it, whatever their regressors.

    They have no spatial parameter, or one rho of a W whose eigenvalues are known.
    """
    logdet = design.logdet
    full = logdet.full if isinstance(logdet, LogDet) else None
    more = (design.error, design.mixture, design.observed, design.instruments)
    if any(part is not None for part in more) or design.random or design.dynamic or design.varies:
        return False
    return isinstance(full, Eigenvalues | None) and (logdet is None or full is not None)


def identified(one: Design, regressors: int) -> bool:
    """Whether there are so many, and more observations than parameters, rho and sigma2 too."""
    return 0 < regressors < one.nobs - len(one.W) - 1


def estimate_beside(models: Beside) -> Estimates:
    """The estimates of models side by side, with expected covariance."""
    return _estimated(models)[0]


def estimate_alone(design: Design) -> Estimate | None:
    """The estimate of one model by the formulas of many; None where `estimate_qml` has to."""
    if not fit_in(design):
        return None
    try:
        made, residuals, inverse = _estimated(Beside.of(design))
    except Exception:  # `estimate_qml` says what it is
        return None
    if not made.fine[0]:
        return None
    p, m = len(design.columns), len(design.W)
    rho = made.params[0, p : p + m]
    return Estimate(
        names=parameter_names(design),
        params=made.params[0],
        cov=made.cov[0],
        loglik=float(made.loglik[0]),
        nobs=design.nobs,
        residuals=residuals.reshape(design.y.shape),
        multiplier=multiplier_at(design, rho) if inverse is None else inverse[0],
        space=design.space,
    )


def _estimated(models: Beside) -> tuple[Estimates, Array, Array | None]:
    """The estimates, and of the last ones residuals and S^-1, if it was written out."""
    one = models.one
    parts = [_regression(rows, one.W) for _, rows in models.rows(0)]
    square, mixed, products, fine = (np.concatenate(part) for part in zip(*parts, strict=True))
    rho, fine = _searched(one, products, fine)
    mixed = mixed[:, 0] - np.einsum("bm,bmk->bk", rho, mixed[:, 1:])
    full = one.logdet.full if isinstance(one.logdet, LogDet) else None
    written = 0 if isinstance(full, Decomposed) else len(one.y) ** 2  # numbers of S^-1
    sigma2, found = np.empty(len(fine)), []
    for part, rows in models.rows(written):
        e = (mixed[part, None] @ rows)[:, 0]
        inverse = _multipliers(one, rho[part])
        sigma2[part] = squares(e) / one.nobs
        fine[part] &= sigma2[part] > 1e-20 * squares(rows[:, -1 - rho.shape[1]])
        found.append(_moved(one, rows, e, rho[part, 0], inverse) if rho.size else ())
    sigma2 = np.where(fine, sigma2, 1.0)
    moved = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    if isinstance(full, Decomposed):
        moved += full.traces_at(rho[:, 0], one.projects_cities)
    info = _information(one, square, sigma2, moved)
    cov, fine = _inverted(info, fine)
    jacobian = one.logdet(rho[:, 0]) if isinstance(one.logdet, LogDet) else 0.0
    loglik = one.copies * jacobian - one.nobs / 2 * (np.log(2 * np.pi * sigma2) + 1)
    params = np.column_stack([-mixed[:, : square.shape[1]], rho, sigma2])
    return Estimates(one, models.columns, params, cov, loglik, fine), e, inverse


def _regression(rows: Array, W: Sequence[Matrix]) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Of y and Wy on the regressors, for each of b models of m matrices `W`, one or none.

    Returns
    -------
    tuple
        (b, p, p), products of the regressors; (b, 1 + m, p + 1 + m), the rows that residuals
        are made of; (b, 1 + m, 1 + m), their products; whether the regressors are told apart,
        and do not give Wy.
    """
    b, m = len(rows), len(W)
    p = rows.shape[1] - 1 - m
    gram = rows[:, :p] @ rows.transpose(0, 2, 1)
    coefficients, fine = _regressed(gram)
    mixed = np.zeros((b, 1 + m, p + 1 + m))
    mixed[:, :, :p], mixed[:, :, p:] = -coefficients.transpose(0, 2, 1), np.eye(1 + m)
    e = mixed @ rows
    left = e @ e.transpose(0, 2, 1)
    if m:
        fine &= ~given(W[0], left[:, 0, 0], left[:, 1, 1], squares(rows[:, -1]))
    return gram[..., :p], mixed, left, fine


def _searched(
    one: Design, products: Array, fine: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """(b, m), rho at the peaks of the likelihoods, and which of them lie inside."""
    if not isinstance(one.logdet, LogDet):
        return np.empty((len(fine), 0)), fine
    of_each = products[:, 0, 0], products[:, 0, 1], products[:, 1, 1]
    found, inside = peaks(one, one.logdet, of_each)
    return np.where(fine & inside, found, 0.0)[:, None], fine & inside


def squares(v: Array) -> Array:
    """Sums of the squares of (b, n) in rows, (b,).

    Each by itself: a sum by `einsum` over more numbers than its buffer holds depends on b.
    """
    return np.asarray((v[:, None] @ v[..., None])[:, 0, 0])


def _multipliers(one: Design, rho: Array) -> Array | None:
    """(b, n, n), S^-1 of every model; None where it is not written out."""
    full = one.logdet.full if isinstance(one.logdet, LogDet) else None
    if full is None or isinstance(full, Decomposed):
        return None
    if isinstance(full, Symmetrised):
        return full.inverses(one.W[0], rho[:, 0])
    return np.linalg.inv(np.eye(len(one.y)) - rho[..., None] * dense(one.W[0]))


def _regressed(gram: Array) -> tuple[Array, NDArray[np.bool_]]:
    """(b, p, c) coefficients of c rows on p others, and whether they tell the p apart.

    Parameters
    ----------
    gram : (b, p, p + c), products of the p with all
    """
    p = gram.shape[1]
    length = np.sqrt(np.einsum("bii->bi", gram[..., :p]))
    unit = np.where(length > 0, length, 1)[..., None]
    square = gram[..., :p] / unit / unit.transpose(0, 2, 1)
    fine = (length > 0).all(axis=1) & (_pivots(square) > DISTINCT)
    square[~fine] = np.eye(p)
    return np.linalg.solve(square, gram[..., p:] / unit) / unit, fine


def _pivots(products: Array) -> Array:
    """(b,) least pivots of Cholesky's factors of (b, p, p), 0 where there is none."""
    try:
        factors = np.linalg.cholesky(products)
    except np.linalg.LinAlgError:
        if len(products) == 1:
            return np.zeros(1)
        return np.concatenate([_pivots(one[None]) for one in products])
    return np.asarray(np.einsum("bii->bi", factors).min(axis=1))


def _information(one: Design, square: Array, sigma2: Array, moved: Sequence[Array]) -> Array:
    """(b, q, q), the expected information of `information`, in the order (delta, rho, sigma2).

    Parameters
    ----------
    square : (b, p, p), products of the regressors
    moved : nothing without rho; with it products of G Z delta with Z, (b, p), and with itself,
        (b,), and tr G, tr G^2 and tr G'G, (b,)
    """
    (b, p, _), m = square.shape, bool(moved)
    info = np.zeros((b, p + m + 1, p + m + 1))
    info[:, :p, :p] = square / sigma2[:, None, None]
    info[:, -1, -1] = one.nobs / (2 * sigma2**2)
    if moved:
        products, own, once, twice, crossed = moved
        info[:, :p, p] = products / sigma2[:, None]
        info[:, p, p] = own / sigma2 + one.copies * (twice + crossed)
        info[:, p, -1] = one.copies * once / sigma2
        info[:, p, :p], info[:, -1, p] = info[:, :p, p], info[:, p, -1]
    return info


def _moved(
    one: Design, rows: Array, e: Array, rho: Array, inverse: Array | None
) -> tuple[Array, ...]:
    """What `_information` needs of G; without its traces where these are known from W."""
    assert isinstance(one.logdet, LogDet)
    full, e = one.logdet.full, e.reshape(-1, *one.y.shape)
    traces: tuple[Array, ...] = ()
    if isinstance(full, Decomposed):
        noise = full.propagated(rho, e)
    else:
        assert inverse is not None
        G = lag_each(one.W[0], inverse)
        noise, traces = G @ e, _traces(one, full.slopes(rho), G)
    sweep_in_place(noise, one.fixed_effects)
    explained = rows[:, -1] - noise.reshape(len(e), -1)
    products = (rows[:, :-2] @ explained[..., None])[..., 0]
    return products, squares(explained), *traces


def _traces(one: Design, slopes: tuple[Array, Array], G: Array) -> Traces:
    """tr G, tr G^2 and tr G'G of b models, from the derivatives of ln|S| and G, (b, n, n)."""
    traces = -slopes[0], -slopes[1], squares(G.reshape(len(G), -1))
    if not one.projects_cities:
        return traces
    ones = np.ones((len(one.y), 1))
    to, fro = G @ ones, G.transpose(0, 2, 1) @ ones
    return projected(traces, margins(to[..., 0], fro[..., 0]))


def _inverted(info: Array, fine: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """(b, q, q) inverses of badly scaled matrices, and which are positive definite beyond doubt."""
    info = np.where(fine[:, None, None], info, np.eye(info.shape[1]))
    root = 1 / np.sqrt(np.einsum("bii->bi", info))
    scale = root[:, :, None] * root[:, None]
    unit = info * scale
    fine = fine & (_pivots(unit) > REGULAR)
    unit[~fine] = np.eye(unit.shape[1])
    inverse = np.linalg.inv(unit)
    return (inverse + inverse.transpose(0, 2, 1)) / 2 * scale, fine
