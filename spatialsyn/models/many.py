"""Many static models of one W and one sample, estimated side by side.

The numbers are those of `qml`, by the same formulas on arrays (b, n T, p) of b models: most of
the time of a small model is spent between its numbers, and b models share it. What a model
gets does not depend on the models beside it, to the last bit: products are made model by
model, and a search that has ended waits for the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.line import peaks
from spatialsyn.models.qml import DISTINCT, REGULAR, multiplier_at, parameter_names
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.cholesky import Symmetrised
from spatialsyn.numerics.decomposed import Decomposed
from spatialsyn.numerics.lags import FEW_CITIES, Array, dense, lag_each
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.traces import Traces, margins, projected
from spatialsyn.numerics.transform import sweep_each

# Models without a spatial error.
FAMILIES = ("ols", "slx", "sar", "sdm")
# Numbers in the largest array of a batch.
ROOM = 5_000_000


def joined(model: SpatialModel, n: int, cov: str | None) -> bool:
    """Whether a model of `n` cities may be estimated beside others, as far as can be told."""
    if model.estimator != "qml" or model.random is not None or model.dynamic:
        return False
    if cov not in (None, "expected"):
        return False
    return n <= FEW_CITIES and model.family in FAMILIES and model.correction != "bias-corrected"


def kin(design: Design) -> Hashable | None:
    """What models share that are estimated side by side; None for one that is estimated alone.

    They have no spatial parameter, or one rho of a W whose eigenvalues are known.
    """
    logdet = design.logdet
    full = logdet.full if isinstance(logdet, LogDet) else None
    more = (design.error, design.mixture, design.observed, design.instruments)
    if any(part is not None for part in more) or design.random or design.dynamic or design.varies:
        return None
    if not isinstance(full, Eigenvalues | None) or (logdet is not None and full is None):
        return None
    if not design.names or design.nobs <= len(parameter_names(design)):
        return None
    return (*map(id, design.W), id(full), design.fixed_effects, design.transformed, design.Z.shape)


def estimate_beside(designs: Sequence[Design | None]) -> list[Estimate | None]:
    """The estimates of models, those of one `kin` side by side; None of one estimated alone."""
    groups: dict[Hashable, list[tuple[int, Design]]] = {}
    for i, design in enumerate(designs):
        if design is not None and (key := kin(design)) is not None:
            groups.setdefault(key, []).append((i, design))
    found: list[Estimate | None] = [None] * len(designs)
    for group in groups.values():
        try:
            estimates = estimate_many([design for _, design in group])
        except Exception:  # each is estimated by itself, and says what it is
            continue
        for (i, _), estimate in zip(group, estimates, strict=True):
            found[i] = estimate
    return found


def estimate_many(designs: Sequence[Design]) -> list[Estimate | None]:
    """The estimates of models of one `kin`, with expected covariance.

    Returns
    -------
    list
        None for a model that `estimate_qml` has to look at: its regressors are nearly
        collinear, its likelihood has no maximum inside, its information is singular.
    """
    size = max(designs[0].y.size * designs[0].Z.shape[2], len(designs[0].y) ** 2)
    step = max(1, ROOM // size)
    parts = [designs[i : i + step] for i in range(0, len(designs), step)]
    return [made for part in parts for made in _estimated(part)]


def _estimated(designs: Sequence[Design]) -> list[Estimate | None]:
    one, b = designs[0], len(designs)
    (n, T, p), m = one.Z.shape, one.Wy.shape[2]
    both = _rows(designs)
    gram = both[:, :p] @ both.transpose(0, 2, 1)
    coefficients, fine = _regressed(gram)
    # Residuals of y and Wy; their combination with a share of -rho is that of the model.
    mixed = np.zeros((b, 1 + m, p + 1 + m))
    mixed[:, :, :p], mixed[:, :, p:] = -coefficients.transpose(0, 2, 1), np.eye(1 + m)
    e, rho = mixed @ both, np.empty((b, m))
    if m:
        assert isinstance(one.logdet, LogDet)
        squares = e @ e.transpose(0, 2, 1)
        products = squares[:, 0, 0], squares[:, 0, 1], squares[:, 1, 1]
        found, inside = peaks(one, one.logdet, products)
        fine &= inside
        rho[:, 0] = np.where(fine, found, 0.0)
        mixed = mixed[:, :1] - rho[:, :, None] * mixed[:, 1:]
        e = e[:, :1] - rho[:, :, None] * e[:, 1:]
    delta = -mixed[:, 0, :p]
    sigma2 = np.einsum("bcn,bcn->b", e, e) / one.nobs
    fine &= sigma2 > 1e-20 * np.einsum("bn,bn->b", both[:, p], both[:, p])
    sigma2 = np.where(fine, sigma2, 1.0)
    inverse = _multipliers(one, rho)
    info = _information(one, both, gram[..., :p], e[:, 0], rho, sigma2, inverse)
    cov, fine = _inverted(info, fine)
    jacobian = one.logdet(rho[:, 0]) if isinstance(one.logdet, LogDet) else 0.0
    loglik = one.copies * jacobian - one.nobs / 2 * (np.log(2 * np.pi * sigma2) + 1)
    params = np.column_stack([delta, rho, sigma2])
    return [
        Estimate(
            names=parameter_names(design),
            params=params[i],
            cov=cov[i],
            loglik=float(loglik[i]),
            nobs=design.nobs,
            residuals=e[i].reshape(n, T),
            multiplier=multiplier_at(design, rho[i]) if inverse is None else inverse[i],
            space=design.space,
        )
        if fine[i]
        else None
        for i, design in enumerate(designs)
    ]


def _rows(designs: Sequence[Design]) -> Array:
    """(b, p + 1 + m, n T): regressors, y and Wy, a row for each."""
    n, T, p = designs[0].Z.shape
    rows = np.empty((len(designs), p + 1 + designs[0].Wy.shape[2], n, T))
    for own, design in zip(rows, designs, strict=True):
        own[:p], own[p] = design.Z.transpose(2, 0, 1), design.y
        own[p + 1 :] = design.Wy.transpose(2, 0, 1)
    return rows.reshape(len(designs), -1, n * T)


def _multipliers(one: Design, rho: Array) -> Array | None:
    """(b, n, n), S^-1 of every model; None where it is not made."""
    if one.by_solves or not one.W:
        return None
    if isinstance(one.logdet, LogDet) and isinstance(one.logdet.full, Symmetrised):
        return one.logdet.full.inverses(one.W[0], rho[:, 0])
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


def _information(
    one: Design,
    both: Array,
    square: Array,
    e: Array,
    rho: Array,
    sigma2: Array,
    inverse: Array | None,
) -> Array:
    """(b, q, q), the expected information of `information`, in the order (delta, rho, sigma2).

    Parameters
    ----------
    square : (b, p, p), products of the regressors, the first p rows of `both`
    """
    (b, p, _), m = square.shape, rho.shape[1]
    info = np.zeros((b, p + m + 1, p + m + 1))
    info[:, :p, :p] = square / sigma2[:, None, None]
    info[:, -1, -1] = one.nobs / (2 * sigma2**2)
    if m:
        noise, traces = _propagated(one, e, rho[:, 0], inverse)
        explained = both[:, -1] - noise
        info[:, :p, p] = (both[:, :p] @ explained[..., None])[..., 0] / sigma2[:, None]
        squares = np.einsum("bn,bn->b", explained, explained)
        info[:, p, p] = squares / sigma2 + one.copies * (traces[1] + traces[2])
        info[:, p, -1] = one.copies * traces[0] / sigma2
        info[:, p, :p], info[:, -1, p] = info[:, :p, p], info[:, p, -1]
    return info


def _propagated(one: Design, e: Array, rho: Array, inverse: Array | None) -> tuple[Array, Traces]:
    """G e, (b, n T), swept, and tr G, tr G^2 and tr G'G of every model."""
    assert isinstance(one.logdet, LogDet)
    full, e = one.logdet.full, e.reshape(-1, *one.y.shape)
    if inverse is None:
        assert isinstance(full, Decomposed)
        moved, traces = full.propagated(rho, e), full.traces_at(rho, one.projects_cities)
    else:
        G, (once, twice) = lag_each(one.W[0], inverse), full.slopes(rho)
        moved, traces = G @ e, (-once, -twice, np.einsum("bij,bij->b", G, G))
        if one.projects_cities:
            ones = np.ones((len(one.y), 1))
            to, fro = G @ ones, G.transpose(0, 2, 1) @ ones
            traces = projected(traces, margins(to[..., 0], fro[..., 0]))
    return sweep_each(moved, one.fixed_effects).reshape(len(e), -1), traces


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
