"""The likelihood over the rho of two W, seen along rays from zero.

    (rho_1, rho_2) = r d,   S = I - r D,   D = d_1 W_1 + d_2 W_2
    l(r) = T* ln|S| - n*T*/2 ln(e'e),   e = e_y - r (d_1 e_W1y + d_2 e_W2y)

A ray is the model of one matrix, D: its eigenvalues give ln|S| at every r (Ord 1975), and r ends
at one over the largest real one, as a single rho does. |rho_1| + |rho_2| < 1 with rows that sum to
one (Lee & Liu 2010, Econometric Theory 26, 187-230) is enough for I + rD + (rD)^2 + ... to come to
S^-1, and not necessary; the region in which the model is stationary is larger (Elhorst, Lacombe &
Piras 2012, Regional Science and Urban Economics 42, 211-220). Beyond it S^-1 and the likelihood
still exist, and with few observations its highest peak is there at times. Hence all of every ray is
looked at, and `diverging` tells where the series does not converge. What lies behind the first
singular S of a ray is left out (ours), though det S may be positive again and the way there lead
around: some share of the same links would have no multiplier, and as one matrix D ends there.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.models import plane
from spatialsyn.models.design import Design
from spatialsyn.models.line import REACH, all_of
from spatialsyn.numerics.lags import Array, products
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.optimize import scanned

# Lines through zero, points on each of their two rays, and those of a stretch of lambda.
LINES, POINTS, LAMBDAS = 16, 48, 24


def sees(design: Design) -> bool:
    """Whether the spatial parameters are the rho of two W, or these and one lambda."""
    plain = design.error is None or plane.is_cheap(design.error.logdet)
    return plain and len(design.W) == 2 and isinstance(design.logdet, JointLogDet)


def seen(design: Design) -> tuple[Array, Array, Array]:
    """The points of all rays, in their order, values of lambda, and the likelihood there.

    Returns
    -------
    rho : (2 LINES, POINTS, 2)
    lam : (l,), zero alone without a spatial error
    heights : (l, 2 LINES, POINTS), the concentrated log-likelihood without its constants
    """
    d, r, logdets = _rays(design)
    lam: Array = np.zeros(1)
    of_lam: Array = np.zeros(1)
    if design.error is not None and isinstance(design.error.logdet, LogDet):
        lam = all_of(design.error.logdet, LAMBDAS)
        of_lam = design.error.logdet(lam)
    left = plane.left(design, lam)
    y, Wy = left[:, :, 0], left[:, :, 1:] @ d.T
    squares = ((y[:, :, None, None] - Wy[..., None] * r) ** 2).sum(axis=1)
    jacobian = logdets + of_lam[:, None, None]
    return r[..., None] * d[:, None], lam, plane.height(design, jacobian, squares)


def _rays(design: Design) -> tuple[Array, Array, Array]:
    """Directions, (2 LINES, 2), and r and ln|S| along each, (2 LINES, POINTS)."""
    logdet = design.logdet
    assert isinstance(logdet, JointLogDet)
    lines, r = directions(design), np.empty((2, LINES, POINTS))
    found = np.empty(r.shape)
    for line, d in enumerate(lines):
        along, (low, high) = logdet.along(d)
        far = REACH / float(np.abs(d * logdet.radii).max())
        for side, end in enumerate((min(high, far), max(low, -far))):
            r[side, line] = scanned((0.0, end), POINTS)
            found[side, line] = along(r[side, line])
    # Half a turn ahead, and the other half behind: each ray is beside the next.
    ahead = np.abs(r).reshape(-1, POINTS)
    return np.concatenate([lines, -lines]), ahead, found.reshape(-1, POINTS)


def directions(design: Design) -> Array:
    """(LINES, 2), half a turn of d whose D are equally large, and equally far from the next.

    Of two matrices that are much alike the difference is small, and its ray long.
    """
    angle = np.pi * np.arange(LINES) / LINES
    root = np.linalg.cholesky(products(design.W))
    return np.asarray(np.linalg.solve(root.T, [np.cos(angle), np.sin(angle)]).T)


def diverging(design: Design, rho: Array) -> list[str]:
    """What to say where the multiplier is no sum of spillovers."""
    logdet = design.logdet
    if isinstance(logdet, JointLogDet):
        radius = logdet.radius(rho)
    elif isinstance(logdet, LogDet) and np.isfinite(logdet.interval[1]):  # else no link leads back
        radius = abs(float(rho[0])) * logdet.radii[0]
    else:
        return []
    if radius < 1:
        return []
    return [
        f"sum rho W has spectral radius {radius:.3g}, not below one: S^-1 exists, but is not the "
        "sum of spillovers of all orders, which grow with the order."
    ]
