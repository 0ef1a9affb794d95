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
from spatialsyn.models.qml import DISTINCT, multiplier_at, parameter_names
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.cholesky import Symmetrised
from spatialsyn.numerics.eigenvectors import Eigenvectors
from spatialsyn.numerics.lags import Array, dense, lag
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.traces import Traces, margins, projected
from spatialsyn.numerics.transform import sweep

# Models without a spatial error.
FAMILIES = ("ols", "slx", "sar", "sdm")
# Numbers in the largest array of a batch, and cities up to which models are put into one.
ROOM, FEW_CITIES = 4_000_000, 1000
# Least pivot of an information matrix with a diagonal of ones.
REGULAR = 1e-7


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
    one = designs[0]
    (n, T, p), m = one.Z.shape, one.Wy.shape[2]
    y = np.stack([np.concatenate([d.y[..., None], d.Wy], axis=2) for d in designs])
    Z = np.stack([d.Z for d in designs]).reshape(len(designs), n * T, p)
    y = y.reshape(len(designs), n * T, 1 + m)
    coefficients, fine = _regressed(Z, y)
    e = y - Z @ coefficients
    mixed = np.ones((len(designs), 1 + m, 1))
    if m:
        assert isinstance(one.logdet, LogDet)
        found, inside = peaks(one, one.logdet, e[..., 0].T, e[..., 1].T)
        fine &= inside
        mixed[:, 1, 0] = np.where(fine, -found, 0.0)
    delta, e = (coefficients @ mixed)[..., 0], (e @ mixed)[..., 0]
    sigma2 = (e**2).sum(axis=1) / one.nobs
    fine &= sigma2 > 1e-20 * (y[..., 0] ** 2).sum(axis=1)
    sigma2 = np.where(fine, sigma2, 1.0)
    rho = -mixed[:, 1:, 0]
    inverse = _multipliers(one, rho)
    info = _information(one, Z, y[..., 1:], e, rho, sigma2, inverse)
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


def _multipliers(one: Design, rho: Array) -> Array | None:
    """(b, n, n), S^-1 of every model; None where it is not made."""
    if one.by_solves or not one.W:
        return None
    if isinstance(one.logdet, LogDet) and isinstance(one.logdet.full, Symmetrised):
        return one.logdet.full.inverses(one.W[0], rho[:, 0])
    return np.linalg.inv(np.eye(len(one.y)) - rho[..., None] * dense(one.W[0]))


def _regressed(Z: Array, y: Array) -> tuple[Array, NDArray[np.bool_]]:
    """(b, p, c) coefficients of y, (b, N, c), on Z, and whether products tell the columns apart."""
    p, length = Z.shape[2], np.sqrt(np.einsum("bij,bij->bj", Z, Z))
    fine = (length > 0).all(axis=1)
    columns = np.concatenate([Z / np.where(length > 0, length, 1)[:, None], y], axis=2)
    products = columns[..., :p].transpose(0, 2, 1) @ columns
    square, fine = products[..., :p], fine & _distinct(products[..., :p])
    square[~fine] = np.eye(p)
    found = np.linalg.solve(square, products[..., p:])
    return found / np.where(length > 0, length, 1)[..., None], fine


def _distinct(products: Array) -> NDArray[np.bool_]:
    """Whether all pivots of Cholesky's factors of (b, p, p) are far from zero."""
    return np.array([_pivot(one) > DISTINCT for one in products])


def _pivot(product: Array) -> float:
    try:
        return float(np.diag(np.linalg.cholesky(product)).min())
    except np.linalg.LinAlgError:
        return 0.0


def _information(
    one: Design,
    Z: Array,
    Wy: Array,
    e: Array,
    rho: Array,
    sigma2: Array,
    inverse: Array | None,
) -> Array:
    """(b, q, q), the expected information of `information`, in the order (delta, rho, sigma2)."""
    b, p, m = len(Z), Z.shape[2], rho.shape[1]
    info = np.zeros((b, p + m + 1, p + m + 1))
    info[:, :p, :p] = Z.transpose(0, 2, 1) @ Z / sigma2[:, None, None]
    info[:, -1, -1] = one.nobs / (2 * sigma2**2)
    if m:
        noise, traces = _propagated(one, e, rho[:, 0], inverse)
        explained = Wy[..., 0] - noise
        info[:, :p, p] = (explained[:, None] @ Z)[:, 0] / sigma2[:, None]
        info[:, p, p] = (explained**2).sum(axis=1) / sigma2 + one.copies * (traces[1] + traces[2])
        info[:, p, -1] = one.copies * traces[0] / sigma2
        info[:, p, :p], info[:, -1, p] = info[:, :p, p], info[:, p, -1]
    return info


def _propagated(one: Design, e: Array, rho: Array, inverse: Array | None) -> tuple[Array, Traces]:
    """G e, (b, n T), swept, and tr G, tr G^2 and tr G'G of every model."""
    assert isinstance(one.logdet, LogDet)
    full, (n, T) = one.logdet.full, one.y.shape
    if inverse is None:
        assert isinstance(full, Eigenvectors)
        g, left, right = full.gains(rho)[..., None], full.left, full.right
        moved = left @ (g * (right @ e.reshape(-1, n, T)))
        crossed = full.crossed_at(rho)
    else:
        G = np.stack([lag(one.W[0], S) for S in inverse])
        moved = G @ e.reshape(-1, n, T)
        crossed = np.einsum("bij,bij->b", G, G)
    swept = np.stack([sweep(v, one.fixed_effects).ravel() for v in moved])
    once, twice = full.slopes(rho)
    traces: Traces = (-once, -twice, crossed)
    if one.projects_cities:
        ones = np.ones((n, 1))
        if inverse is None:
            to, fro = left @ (g * (right @ ones)), right.T @ (g * (left.T @ ones))
        else:
            to, fro = G @ ones, G.transpose(0, 2, 1) @ ones
        traces = projected(traces, margins(to[..., 0], fro[..., 0]))
    return swept, traces


def _inverted(info: Array, fine: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """(b, q, q) inverses of badly scaled matrices, and which are positive definite beyond doubt."""
    info = np.where(fine[:, None, None], info, np.eye(info.shape[1]))
    root = 1 / np.sqrt(np.einsum("bii->bi", info))
    scale = root[:, :, None] * root[:, None]
    unit = info * scale
    fine = fine & np.array([_pivot(one) > REGULAR for one in unit])
    unit[~fine] = np.eye(unit.shape[1])
    inverse = np.linalg.inv(unit)
    return (inverse + inverse.transpose(0, 2, 1)) / 2 * scale, fine
