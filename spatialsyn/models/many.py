"""Many static models of one W and one sample, estimated side by side.

The numbers are those of `qml`, by the same formulas on arrays (b, p, n T) of b models: most of
the time of a small model is spent between its numbers, and b models share it. What a model
gets does not depend on the models beside it, to the last bit: each product is a sum by itself,
and a search that has ended waits for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spatialsyn.models.beside import Beside, Kin
from spatialsyn.models.choice import Covariance
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate, Parameters
from spatialsyn.models.line import peaks
from spatialsyn.models.own_lag import given
from spatialsyn.models.qml import DISTINCT, EXACT, REGULAR, enough, multiplier_at, parameter_names
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.cholesky import Symmetrised
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.lags import FEW_CITIES, Array, dense, lag_each
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.traces import Traces, margins, projected
from spatialsyn.numerics.transform import sweep_in_place

# Models without a spatial error.
FAMILIES = ("ols", "slx", "sar", "sdm")
# What is left of a sum of squares, in parts of what it is made of, is at least so much, or is
# summed itself.
CANCELLED = 1e-3


def joined(model: SpatialModel, n: int, cov: Covariance) -> bool:
    """Whether a model of `n` cities may be estimated beside others, as far as can be told."""
    if model.estimator != "qml" or model.random is not None or model.dynamic:
        return False
    if cov not in (None, "expected"):
        return False
    return n <= FEW_CITIES and model.family in FAMILIES and model.correction != "bias-corrected"


@dataclass(frozen=True, eq=False)
class Found:
    """What is estimated of b models of a kin.

    Attributes
    ----------
    params, cov, loglik : (b, q), (b, q, q) and (b,)
    fine : (b,), False for a model that `estimate_qml` has to look at: its regressors are nearly
        collinear or give Wy, its likelihood has no maximum inside, its information is singular
    residuals, inverse : of the last ones, (some, n T), and S^-1, (some, n, n), if it was written
    """

    params: Array
    cov: Array
    loglik: Array
    fine: NDArray[np.bool_]
    residuals: Array
    inverse: Array | None


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
    return regressors > 0 and enough(one, regressors + len(one.W) + 1)


def estimate_beside(models: Beside) -> list[tuple[Parameters, float] | None]:
    """The estimates of models side by side, with expected covariance, and ln L.

    None of a model that `estimate_qml` has to look at, see `Found.fine`.
    """
    one = models.one
    made: list[tuple[Parameters, float] | None] = [None] * len(models.at)
    for kin, found in _estimated(models):
        numbers = zip(found.params, found.cov, found.loglik.tolist(), strict=True)
        for i, fine, (params, cov, loglik) in zip(kin.places, found.fine, numbers, strict=True):
            if fine:
                names = (*[c.name for c in models.columns[i]], *one.rho_names, "sigma2")
                made[i] = Parameters(names=names, params=params, cov=cov, space=one.space), loglik
    return made


def estimate_alone(design: Design) -> Estimate | None:
    """The estimate of one model by the formulas of many; None where `estimate_qml` has to."""
    if not fit_in(design):
        return None
    try:
        ((_, found),) = _estimated(Beside.of(design))
    except Exception:  # `estimate_qml` says what it is
        return None
    if not found.fine[0]:
        return None
    p, m, inverse = len(design.columns), len(design.W), found.inverse
    rho = found.params[0, p : p + m]
    return Estimate(
        names=parameter_names(design),
        params=found.params[0],
        cov=found.cov[0],
        loglik=float(found.loglik[0]),
        nobs=design.nobs,
        residuals=found.residuals.reshape(design.y.shape),
        multiplier=multiplier_at(design, rho) if inverse is None else inverse[0],
        space=design.space,
    )


def _estimated(models: Beside) -> Iterator[tuple[Kin, Found]]:
    """The estimates, by kin; every rho is searched side by side."""
    kins = models.kins
    told = [_regression(kin) for kin in kins]
    left, fine = (np.concatenate(parts) for parts in list(zip(*told, strict=True))[2:])
    rho, fine = _searched(models.one, left, fine)
    ends = np.cumsum([len(kin.places) for kin in kins])[:-1]
    peaks_of = zip(np.split(rho, ends), np.split(fine, ends), strict=True)
    for kin, (products, mixed, *_), peak in zip(kins, told, peaks_of, strict=True):
        yield kin, _at_peaks(kin, products, mixed, *peak)


def _at_peaks(
    kin: Kin, products: Array, mixed: Array, rho: Array, fine: NDArray[np.bool_]
) -> Found:
    """What is estimated at the peaks `rho`, (b, m), of the likelihoods; see `_regression`."""
    one, p = kin.of.one, mixed.shape[2] - mixed.shape[1]
    mixed = mixed[:, 0] - np.einsum("bm,bmk->bk", rho, mixed[:, 1:])
    full = one.logdet.full if isinstance(one.logdet, LogDet) else None
    written = 0 if isinstance(full, Decomposed) else len(one.y) ** 2  # numbers of S^-1
    sigma2, moved = np.empty(len(fine)), []
    for part, rows in kin.rows(written):
        e = (mixed[part, None] @ rows)[:, 0]
        inverse = _multipliers(one, rho[part])
        sigma2[part] = squares(e) / one.nobs
        moved.append(_moved(one, rows, e, rho[part, 0], inverse) if rho.size else ())
    fine &= sigma2 * one.nobs > EXACT * products[:, p, p]
    sigma2 = np.where(fine, sigma2, 1.0)
    parts = [np.concatenate(some) for some in zip(*moved, strict=True)]
    if isinstance(full, Decomposed):
        parts += full.traces_at(rho[:, 0], one.projects_cities)
    cov, fine = _inverted(_information(one, products[:, :p, :p], sigma2, parts), fine)
    jacobian = one.logdet(rho[:, 0]) if isinstance(one.logdet, LogDet) else 0.0
    loglik = one.copies * jacobian - one.nobs / 2 * (np.log(2 * np.pi * sigma2) + 1)
    params = np.column_stack([-mixed[:, :p], rho, sigma2])
    return Found(params, cov, loglik, fine, e, inverse)


def _regression(kin: Kin) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Of y and Wy on the regressors, for each of b models of m matrices, one or none.

    Returns
    -------
    tuple
        (b, p + 1 + m, p + 1 + m), products of the regressors, y and Wy; (b, 1 + m, p + 1 + m),
        the rows that residuals are made of; (b, 1 + m, 1 + m), their products; whether the
        regressors are told apart, and do not give Wy.
    """
    products = kin.of.products[kin.at[:, :, None], kin.at[:, None]]
    m, size = len(kin.of.one.W), products.shape[1]
    p = size - 1 - m
    coefficients, fine = _regressed(products[:, :p])
    mixed = np.zeros((len(products), 1 + m, size))
    mixed[:, :, :p], mixed[:, :, p:] = -coefficients.transpose(0, 2, 1), np.eye(1 + m)
    left = mixed @ products @ mixed.transpose(0, 2, 1)
    # Of sums whose parts nearly cancel, few digits are left.
    lengths = np.sqrt(np.einsum("bii->bi", products))
    whole = (np.abs(mixed) @ lengths[..., None])[..., 0] ** 2
    rough = (np.einsum("bii->bi", left) < CANCELLED * whole).any(axis=1)
    for i in np.flatnonzero(rough):
        e = mixed[i] @ kin.of.swept[kin.at[i]]
        left[i] = e @ e.T
    if m:
        W = kin.of.one.W[0]
        fine &= ~given(W, left[:, 0, 0], left[:, 1, 1], products[:, -1, -1])
    return products, mixed, left, fine


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
