"""The likelihood of matrix exponentials over all of their reach, seen from a grid.

    alpha ||W|| = -18, -16, ... 18

With few observations the highest peak may lie far from zero. From one place to the next is one
product with a matrix (n, n) made once, so that the whole grid costs less than a climb.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.numerics.exponential import REACH, Exponent, act
from spatialsyn.numerics.lags import Array, Matrix, norm
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.transform import sweep

# Observations up to which it is looked at.
FEW = 100
STEP, STEPS = 2.0, 9
PLACES = STEP * np.arange(-STEPS, STEPS + 1)


def places(design: Design) -> list[Array]:
    """The values of alpha and of alpha_u, as far as the model has these."""
    return [PLACES / norm(W) for W in _matrices(design)]


def heights(design: Design) -> Array:
    """The concentrated log-likelihood at all of them, without its constants, (k,) or (k, k).

    Two exponentials that undo each other leave the digits of neither: minus infinity.
    """
    Sy = _spread(design, design.W[0] if design.W else None, design.y[..., None])
    both = np.concatenate([*Sy, design.Z], axis=2)
    error = design.error
    rows = _spread(design, None if error is None else error.M, both)
    left = np.array([_left(v.reshape(design.y.size, -1), len(Sy)) for v in rows])
    drift, far = np.zeros(1), np.zeros(1)
    for logdet, at in zip(_logdets(design), places(design), strict=True):
        drift = np.add.outer(drift, logdet.trace * at)
        far = np.add.outer(far, np.abs(PLACES))
    logs = np.log(left).T.reshape(drift.shape)
    found = design.copies * drift - design.nobs / 2 * logs
    return np.asarray(np.where(far < REACH, found, -np.inf)[0])


def height(design: Design, y: Array, alpha: float) -> float:
    """The same at one alpha of a model without a spatial error; `y` is e^(alpha W) y, swept."""
    left = _left(np.concatenate([y[..., None], design.Z], axis=2).reshape(y.size, -1), 1)
    drift = design.copies * _logdets(design)[0].trace * alpha
    return drift - design.nobs / 2 * float(np.log(left[0]))


def _left(columns: Array, outcomes: int) -> Array:
    """The sums of squares of the first columns that the others leave."""
    y, Z = columns[:, :outcomes], columns[:, outcomes:]
    return np.asarray(((y - Z @ least_squares(Z, y)) ** 2).sum(axis=0))


def _spread(design: Design, W: Matrix | None, v: Array) -> list[Array]:
    """e^(alpha W) v at all places, swept; `v` itself without a matrix."""
    if W is None:
        return [v]
    half = act(W, STEP / 2 / norm(W), np.eye(len(v)))
    ahead = half @ half
    found = [v.reshape(len(v), -1)]
    for _ in range(STEPS):
        found.append(ahead @ found[-1])
    back = np.linalg.inv(ahead)
    for _ in range(STEPS):
        found.insert(0, back @ found[0])
    return [sweep(one.reshape(v.shape), design.fixed_effects) for one in found]


def _matrices(design: Design) -> list[Matrix]:
    return [*design.W, *([design.error.M] if design.error is not None else [])]


def _logdets(design: Design) -> list[Exponent]:
    found = [design.logdet, None if design.error is None else design.error.logdet]
    return [one for one in found if isinstance(one, Exponent)]
