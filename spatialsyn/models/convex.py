"""Quasi-maximum likelihood for a convex combination of weights matrices.

    y = rho W_c y + X beta + sum_m W_m X theta_m + e      or      ... + W_c X theta + e
    W_c = sum_m share_m W_m,   share_m >= 0,   sum_m share_m = 1

on arrays swept of the fixed effects. The likelihood is that of several W (`likelihood`) at
rho_m = rho share_m; delta and sigma2 are a regression given (rho, shares). It is climbed
over the simplex with its faces, where a share is exactly zero, from a grid of starts that
has both signs of rho.

Debarsy & LeSage (2018, Regional Science and Urban Economics 69; 2022, Journal of Business &
Economic Statistics 40). They sample the posterior of demeaned data; with time effects the
term -ln(1 - rho) that demeaning leaves out moves rho and the shares far.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from spatialsyn.errors import EstimationError, ModelError, named
from spatialsyn.models.checks import dependent
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.likelihood import filtered, gradient, jacobian
from spatialsyn.models.mixture import Mixture
from spatialsyn.models.own_lag import check_own_lag
from spatialsyn.models.qml import check_size, describe, regress, variance
from spatialsyn.models.search import GRID, at_rest, compressed
from spatialsyn.numerics.lags import Array, norm
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.simplex import lattice, maximise_on_simplex, step_along_face

# Steps of the grid of shares, by how many there are; more than the last get its steps.
STEPS = {1: 1, 2: 4, 3: 4, 4: 3, 5: 2}
# Climbs from each sign of rho.
CLIMBS = 3
# Units of matrices differ where their largest row sums are further apart than this factor.
APART = 100.0


def estimate_convex(design: Design) -> Estimate:
    """Maximise the likelihood of `design` over rho and the shares.

    Returns
    -------
    Estimate
        In the order (delta, rho, shares, lambda, sigma2). The covariance is the inverse of
        the information along the face of the estimate: a share of zero has no variance.

    Raises
    ------
    ModelError
        Matrices that are combinations of each other or of other units, too few observations, or
        collinear regressors.
    EstimationError
        The likelihood still rises at the edge of the parameter space.
    """
    check_size(design)
    _check_independent(design)
    _check_units(design)
    check_own_lag(design)
    return describe(design, at(design, check_peak(design, highest(design))))


def highest(
    design: Design,
    held: Mapping[int, float] | None = None,
    start: Array | None = None,
    climbs: int = CLIMBS,
) -> Array:
    """(rho, shares, lambda) of the highest peak, with some shares `held` at a value.

    It is climbed from `start` and from the best points of a grid, `climbs` for each sign of rho.
    Where the likelihood rises to the edge of the parameter space, the edge is returned.
    """
    mixture, held, unit = mixture_of(design), held or {}, _units(design)
    design = compressed(design)

    def value(x: Array) -> float:
        return concentrated(design, x * unit)

    def slope(x: Array) -> Array:
        return score(design, x * unit) * unit

    starts = [x / unit for x in _starts(design, held, unit)] if climbs else []
    heights = [value(x) for x in starts]
    order = [i for i in np.argsort(heights)[::-1] if np.isfinite(heights[i])]
    chosen = [starts[i] for sign in (1, -1)
              for i in [i for i in order if sign * starts[i][0] > 0][:climbs]]  # fmt: skip
    if start is not None:
        chosen.append(start / unit)
    if not chosen:
        raise EstimationError("no starting value lies inside the parameter space of these W.")
    shares = slice(1, 1 + len(mixture.weights))
    best = maximise_on_simplex(value, slope, chosen, shares, list(held))
    return np.asarray(best * unit)


def check_peak(design: Design, x: Array) -> Array:
    """`x`, if the likelihood falls around it along its face.

    Raises
    ------
    EstimationError
        It still rises, towards the edge of the parameter space.
    """
    mixture, unit, small = mixture_of(design), _units(design), compressed(design)
    shares = slice(1, 1 + len(mixture.weights))

    def slope(z: Array) -> Array:
        return score(small, z * unit) * unit

    step = step_along_face(slope, x / unit, shares, x[shares] > 0)
    if not at_rest(lambda at: concentrated(small, at), x, step, unit):
        raise EstimationError(
            f"the likelihood still rises at {mixture.rho_name} = {x[0]:.4g}, the edge of the "
            "parameter space: the data do not identify this model with these W. Estimate each W "
            "alone, and look at how alike they are: ss.weights.audit(...)."
        )
    return x


def at(design: Design, x: Array) -> Array:
    """All parameters, given (rho, shares, lambda)."""
    mixture = mixture_of(design)
    y, Z = _mixed(design, x)
    delta = regress(y[:, None], Z, mixture.columns)[:, 0]
    e = y - Z @ delta
    return np.r_[delta, x, variance(design, e)]


def concentrated(design: Design, x: Array) -> float:
    """The log-likelihood at (rho, shares, lambda), delta and sigma2 at their best."""
    jac = jacobian(design, _wide(design, x))
    if not np.isfinite(jac):
        return -np.inf
    y, Z = _mixed(design, x)
    e = y - Z @ least_squares(Z, y)
    fit = float(np.log(2 * np.pi * (e @ e) / design.nobs)) + 1
    return jac - design.nobs / 2 * fit


def score(design: Design, x: Array) -> Array:
    """Gradient of `concentrated`: the wide model's score by the chain rule."""
    mixture = mixture_of(design)
    y, Z = _mixed(design, x)
    delta = least_squares(Z, y)
    e = y - Z @ delta
    params = np.concatenate([delta, x, [float(e @ e) / design.nobs]])
    wide, P = mixture(params), len(design.names)
    slopes = gradient(design, wide[P:-1], wide[:P], e, params[-1])
    return np.asarray(mixture.jacobian(params)[:, len(delta) : -1].T @ slopes)


def mixture_of(design: Design) -> Mixture:
    """The mixture of a design that has one."""
    assert design.mixture is not None
    return design.mixture


def _wide(design: Design, x: Array) -> Array:
    """(rho_1 ... rho_m, lambda) of (rho, shares, lambda)."""
    m = design.Wy.shape[2]
    return np.concatenate([x[0] * x[1 : m + 1], x[m + 1 :]])


def _mixed(design: Design, x: Array) -> tuple[Array, Array]:
    """The filtered outcome and regressors, WX mixed where it is."""
    y, Z = filtered(design, _wide(design, x))
    return y, Z @ mixture_of(design).multiplied(x[1 : design.Wy.shape[2] + 1])


def _units(design: Design) -> Array:
    """Scales of (rho, shares, lambda): one over the spectral radii, one for the shares."""
    assert design.logdet is not None
    radii = [max(design.logdet.radii), *np.ones(len(design.logdet.radii))]
    if design.error is not None:
        radii.extend(design.error.logdet.radii)
    return 1 / np.array(radii)


def _starts(design: Design, held: Mapping[int, float], unit: Array) -> list[Array]:
    """A grid over rho, the simplex of the shares that are not held, and lambda."""
    m, left = design.Wy.shape[2], 1 - sum(held.values())
    moving = [i for i in range(m) if i not in held]
    mixes = []
    for point in lattice(len(moving), STEPS.get(len(moving), 2)) if moving else [np.zeros(0)]:
        shares = np.zeros(m)
        shares[list(held)], shares[moving] = list(held.values()), left * point
        mixes.append(shares)
    lams = [[v * unit[-1]] for v in GRID] if design.error is not None else [[]]
    grid = product(np.array(GRID) * unit[0], mixes, lams)
    return [np.r_[rho, shares, lam] for rho, shares, lam in grid]


def _check_independent(design: Design) -> None:
    """Two equal matrices, or one that is a mixture of others, leave the shares open."""
    alike = dependent(dict(zip(mixture_of(design).weights, design.W, strict=True)))
    if alike:
        raise ModelError(
            f"the matrices {named(alike)} are equal, or combinations of each other: their shares "
            "cannot be told apart. Leave one of them out."
        )


def _check_units(design: Design) -> None:
    """Shares of matrices in units far apart are shares of these units."""
    sums = dict(zip(mixture_of(design).weights, map(norm, design.W), strict=True))
    if max(sums.values()) > APART * min(sums.values()):
        listed = ", ".join(f"{value:.3g} of W[{name}]" for name, value in sums.items())
        raise ModelError(
            f"the largest row sums are {listed}: shares of matrices in units this far apart say "
            'nothing. Standardise them alike: W.standardize("row").'
        )
