"""The exact posterior of rho and the shares of up to three matrices, by integration.

Flat priors on delta, on dummies of fixed effects and on ln sigma; rho uniform between minus
and plus one over the largest eigenvalue of W_c; shares uniform on the simplex. Given (rho,
shares), delta and sigma2 integrate in closed form, T* being the periods of the likelihood and
N its observations, less the dummies (correction="direct"):

    p(rho, shares | y)  ~  |S|^T* |Z'Z|^(-1/2) SSR(rho, shares)^(-(N - k)/2)

What is left has at most three dimensions, and Gauss-Legendre nodes fill the box that holds
all of its mass. ln|S| is smooth in the shares: it is exact at a few nodes and a polynomial
through them elsewhere, where that is what it is at some others. Debarsy & LeSage (2018) sample
this posterior instead, of demeaned data that count as n T, without the time effects' -ln(1 - rho).

`evidence` compares subsets of the matrices. Their regressors differ in number, and a flat
prior would make the comparison depend on the units of x: there delta is N(0, g s2
(Z'Z)^-1), the g-prior (LeSage & Parent 2007, Geographical Analysis 39), a constant flat (c = 1,
without one c = 0) and taken out of Z:

    (1 + g)^(-k/2) int |S|^T* [SSR + (SSY - SSR) / (1 + g)]^(-(N - c)/2) d(rho, shares)

as in `diagnostics.marginal`, whose log-marginal a mixture of one matrix has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import gammaln, logsumexp

from spatialsyn.errors import ModelError, percent
from spatialsyn.models.convex import highest
from spatialsyn.models.design import Design
from spatialsyn.models.mixture import Mixture
from spatialsyn.models.search import compressed
from spatialsyn.numerics.lags import Array, dense, norm
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.quadrature import Axis, legendre, quantiles
from spatialsyn.numerics.randomness import generator
from spatialsyn.numerics.spectrum import by_parts
from spatialsyn.numerics.transform import dummies

# Matrices whose posterior is integrated.
MOST = 3
# Nodes in rho and in each share: of a look at where the mass is, and of the integration.
LOOKS, LOOK, SHARE_LOOK = 4, 200, 9
NODES, SHARE_NODES, EXACT = 128, 64, 16
# Mixtures at which the polynomial is compared, and what it may miss ln of the density by.
SPOTS, MISSED = 9, 1e-5
# ln of the density, relative to its peak, at which the box ends: seven standard deviations.
NOTHING = -25.0


@dataclass(frozen=True, eq=False)
class Posterior:
    """Marginal posteriors of rho and the shares.

    Attributes
    ----------
    table : DataFrame, ``mean, sd, low, high`` of rho and every share, by integration
    level : posterior probability between ``low`` and ``high``
    names, draws : all parameters, and (size, q) draws of them
    seed : of the draws
    note : what limits it, empty when nothing does
    of : the estimates of the fit that it is of
    """

    table: pd.DataFrame
    level: float
    names: tuple[str, ...]
    draws: Array
    seed: int
    note: str = ""
    of: Array | None = None

    def __repr__(self) -> str:
        shown = self.table.to_string(float_format="{:.4g}".format)
        how = f"{percent(self.level)} intervals; {len(self.draws)} draws, seed {self.seed}"
        return "\n".join(filter(None, [shown, f"(posterior, {how})", self.note]))


def _looking(low: float, high: float, count: int, peak: float) -> Axis:
    """Even nodes and the peak."""
    nodes = np.union1d(low + (high - low) * (np.arange(count) + 0.5) / count, [peak])
    return Axis(low, high, nodes, np.ones_like(nodes))


@dataclass(frozen=True, eq=False)
class Grid:
    """The density on a grid of G mixtures and R values of rho.

    Attributes
    ----------
    axes : rho over its bound, and each break of the stick that the shares are cut from
    shares, radius : (G, m), and (G,) the largest eigenvalue of each mixture
    log : (G, R), ln of the density
    """

    axes: list[Axis]
    shares: Array
    radius: Array
    log: Array

    @cached_property
    def _logs(self) -> Array:
        """ln of density times volume."""
        volume = np.ones(1)
        for axis in self.axes[1:]:
            volume = np.multiply.outer(volume, axis.widths).ravel()
        return np.asarray(self.log + np.log(np.multiply.outer(volume, self.axes[0].widths)))

    @property
    def total(self) -> float:
        """ln of the integral."""
        return float(logsumexp(self._logs))

    @cached_property
    def mass(self) -> Array:
        """(G, R), sums to one."""
        return np.asarray(np.exp(self._logs - self.total))

    @property
    def rho(self) -> Array:
        """(G, R)."""
        return np.asarray(self.axes[0].nodes / self.radius[:, None])

    def there(self, height: float) -> list[NDArray[np.bool_]]:
        """Which nodes of every axis have mass, the density being `height` at its peak."""
        shape = [*(len(axis.nodes) for axis in self.axes[1:]), len(self.axes[0].nodes)]
        mass = (self.log > max(height, float(self.log.max())) + NOTHING).reshape(shape)
        turned = np.moveaxis(mass, -1, 0)
        return [
            np.asarray(np.moveaxis(turned, j, 0).reshape(len(axis.nodes), -1).any(axis=1))
            for j, axis in enumerate(self.axes)
        ]


def posterior(design: Design, size: int, level: float, seed: int) -> Posterior:
    """The exact marginals of (rho, shares), and `size` draws of all parameters."""
    mixture = _checked(design)
    small = compressed(design)
    grid = integrated(small, None)
    rows = {mixture.rho_name: [*_moments(grid.rho, grid.mass), *_ends(grid, level)]}
    over_rho = grid.mass.sum(axis=1)
    for j, (name, share) in enumerate(zip(mixture.share_names, grid.shares.T, strict=True)):
        rows[name] = [*_moments(share, over_rho), *_share_ends(grid, j, level)]
    table = pd.DataFrame(rows, index=["mean", "sd", "low", "high"]).T
    draws, peak = _drawn(small, grid, size, seed), _peak(small)[0]
    note = (
        f"The likelihood is highest at {mixture.rho_name} = {peak:.3f} over its bound, outside the "
        "range of the prior."
    )
    return Posterior(table, level, mixture.names, draws, seed, note if abs(peak) >= 1 else "")


def evidence(design: Design, g: float) -> tuple[float, Array]:
    """ln of the marginal likelihood under the g-prior, and the means of (rho, shares)."""
    mixture = _checked(design)
    flat = int("Intercept" in mixture.columns)
    k, N = len(mixture.columns) - flat, observations(design) - flat
    grid = integrated(compressed(design), g)
    constant = gammaln(N / 2) - N / 2 * np.log(np.pi) - k / 2 * np.log1p(g)
    constant -= flat * np.log(design.nobs) / 2
    means = [float((grid.mass * grid.rho).sum()), *(grid.mass.sum(axis=1) @ grid.shares)]
    return grid.total + float(constant), np.array(means)


def integrated(design: Design, g: float | None) -> Grid:
    """The density of (rho, shares); `g` is the g-prior's, None stands for the flat prior.

    A box is drawn around the peak closer and closer, and wider again while there is mass at
    its sides.
    """
    peak = _peak(design)
    peak = np.clip(peak, [-1 + 1e-9] + [1e-9] * (len(peak) - 1), 1 - 1e-9)
    whole = [(-1.0, 1.0), *[(0.0, 1.0)] * (len(peak) - 1)]
    at_peak = [Axis(x, x, np.array([x]), np.ones(1)) for x in peak]
    height = float(_grid(design, g, at_peak).log[0, 0])
    box, counts = whole, [LOOK] + [SHARE_LOOK] * (len(peak) - 1)
    for _ in range(LOOKS):
        axes = [_looking(*side, n, x) for side, n, x in zip(box, counts, peak, strict=True)]
        there = _grid(design, g, axes).there(height)
        box = [axis.around(marks) for axis, marks in zip(axes, there, strict=True)]
    while True:
        axes = [legendre(*side, SHARE_NODES if j else NODES) for j, side in enumerate(box)]
        grid = _grid(design, g, axes, _polynomial())
        wider = [
            _widened(side, ends, marks)
            for side, ends, marks in zip(box, whole, grid.there(height), strict=True)
        ]
        if wider == box:
            return grid
        box = wider


def _widened(
    side: tuple[float, float], ends: tuple[float, float], there: NDArray[np.bool_]
) -> tuple[float, float]:
    """A side of the box, half as long again where there is mass at an end."""
    more = (side[1] - side[0]) / 2
    low = max(ends[0], side[0] - more) if there[0] else side[0]
    high = min(ends[1], side[1] + more) if there[-1] else side[1]
    return low, high


def _polynomial() -> Array:
    """What takes values at a few nodes of a share to those at the many, by their polynomial."""
    few, many = leggauss(EXACT)[0], leggauss(SHARE_NODES)[0]
    return np.linalg.solve(legvander(few, EXACT - 1).T, legvander(many, EXACT - 1).T).T


def _checked(design: Design) -> Mixture:
    assert design.mixture is not None
    if len(design.mixture.weights) > MOST:
        raise ModelError(
            f"the posterior is integrated for up to {MOST} matrices; this mixture has "
            f"{len(design.mixture.weights)}. Leave out those with a share of zero: share_test."
        )
    if design.error is not None:
        raise ModelError("the posterior of shares is not available with a spatial error.")
    return design.mixture


def check_g(g: object) -> None:
    """Refuse a g of the g-prior that is no positive number; None stands for its default."""
    number = isinstance(g, Real) and not isinstance(g, bool)
    if g is not None and not (number and 0 < float(g) < np.inf):  # type: ignore[arg-type]
        raise ModelError(
            f"g={g!r}: the variance of the g-prior, in units of that of the estimates, is a "
            "positive number. Left out, it is the number of observations."
        )


def observations(design: Design) -> int:
    """Observations less the dummies of fixed effects, where these were not transformed away."""
    gone = 0 if design.transformed else dummies(design.units, design.copies, design.fixed_effects)
    return design.nobs - gone


def _peak(design: Design) -> Array:
    """Where the likelihood is highest: rho over its bound, and the breaks of the stick."""
    m = len(_checked(design).weights)
    rho, shares = np.split(highest(design, climbs=1)[: m + 1], [1])
    radius = _logdets(design, shares[None], np.zeros(1))[1]
    left = np.maximum(1 - np.cumsum(shares) + shares, 1e-300)
    return np.r_[rho * radius, (shares / left)[:-1]]


def _shares(u: Sequence[Array]) -> tuple[Array, Array]:
    """(G, m) shares broken off a stick at every u, and (G,) ln of their uniform density in u."""
    mesh = [axis.ravel() for axis in np.meshgrid(*u, indexing="ij")]
    left = np.ones(mesh[0].size if mesh else 1)
    log, parts = np.zeros(left.size), []
    for j, x in enumerate(mesh):
        after = len(mesh) - j
        log += np.log(after) + (after - 1) * np.log1p(-x)
        parts.append(left * x)
        left = left * (1 - x)
    return np.column_stack([*parts, left]), log


def _logdets(design: Design, shares: Array, s: Array) -> tuple[Array, Array]:
    """(G, R) exact ln|S| at every mixture and s, and (G,) the mixtures' spectral radii."""
    W = [dense(w) for w in design.W]
    logs, radii = [], []
    for mix in shares:
        Wc = np.asarray(sum(x * w for x, w in zip(mix, W, strict=True)))
        years = len(Wc) if Wc.ndim == 3 else 1
        logdet: LogDet = Eigenvalues(by_parts(Wc), years, norm(Wc))
        radii.append(logdet.radii[0])
        logdet = logdet.without_unit_root() if design.projects_cities else logdet
        logs.append(logdet(s / radii[-1]))
    return np.array(logs), np.array(radii)


def _grid(design: Design, g: float | None, axes: list[Axis], through: Array | None = None) -> Grid:
    """ln of the density at all nodes; `through` takes ln|S| from a few of them to all."""
    shares, prior = _shares([axis.nodes for axis in axes[1:]])
    found = None if through is None else _interpolated(design, axes, shares, through)
    logdet, radius = found or _logdets(design, shares, axes[0].nodes)
    rho = axes[0].nodes / radius[:, None]
    squares = np.array([_squares(design, mix, g is not None) for mix in shares])
    ssr, ssy = (F[:, [0]] - 2 * rho * F[:, [1]] + rho**2 * F[:, [2]]
                for F in (squares[:, :3], squares[:, 3:6]))  # fmt: skip
    names = _checked(design).columns
    if g is None:
        fit = (observations(design) - len(names)) / 2 * np.log(ssr) + squares[:, [6]] / 2
    else:
        N = observations(design) - ("Intercept" in names)
        fit = N / 2 * np.log(ssr + (ssy - ssr) / (1 + g))
    log = design.copies * logdet - fit + prior[:, None] - np.log(2)
    return Grid(axes, shares, radius, log)


def _interpolated(
    design: Design, axes: list[Axis], shares: Array, through: Array
) -> tuple[Array, Array] | None:
    """ln|S| and radius by their polynomials, or None where these miss them.

    The largest eigenvalue has a kink where that of another component, or year, takes over.
    """
    few = [legendre(axis.low, axis.high, EXACT) for axis in axes[1:]]
    all_of: Array = np.ones((1, 1))
    for _ in few:
        all_of = np.kron(all_of, through)
    at = _logdets(design, _shares([axis.nodes for axis in few])[0], axes[0].nodes)
    logdet, radius = (all_of @ values for values in at)
    spots = np.unique(np.linspace(0, len(shares) - 1, SPOTS).astype(int))
    exact = _logdets(design, shares[spots], axes[0].nodes)
    off = design.copies * np.abs(logdet[spots] - exact[0]).max()
    kinked = np.abs(radius[spots] / exact[1] - 1).max()
    return None if max(off, kinked) > MISSED else (logdet, radius)


def _squares(design: Design, shares: Array, centred: bool) -> Array:
    """Sums of squares and products of (y, W_c y), given Z (3) and before (3), and ln|Z'Z|."""
    Y, Z, names = *_columns(design, shares), _checked(design).columns
    if centred and "Intercept" in names:
        at = names.index("Intercept")
        one, Z = Z[:, [at]] / np.linalg.norm(Z[:, at]), np.delete(Z, at, axis=1)
        Y, Z = Y - one @ (one.T @ Y), Z - one @ (one.T @ Z)
    Q, R = np.linalg.qr(Z)
    E = Y - Q @ (Q.T @ Y)
    found = [M[i, j] for M in (E.T @ E, Y.T @ Y) for i, j in ((0, 0), (0, 1), (1, 1))]
    return np.array([*found, 2 * np.log(np.abs(np.diag(R))).sum()])


def _columns(design: Design, shares: Array) -> tuple[Array, Array]:
    """(y, W_c y) and the regressors of a mixture."""
    y, size = design.y.ravel(), design.y.size
    Z = design.Z.reshape(size, -1) @ _checked(design).multiplied(shares)
    return np.column_stack([y, design.Wy.reshape(size, -1) @ shares]), Z


def _moments(value: Array, mass: Array) -> tuple[float, float]:
    """Mean and standard deviation."""
    mean = float(np.vdot(mass, value))
    return mean, float(np.sqrt(np.vdot(mass, (value - mean) ** 2)))


def _tails(level: float) -> Array:
    return np.array([1 - level, 1 + level]) / 2


def _ends(grid: Grid, level: float) -> Array:
    """The equal-tailed interval of rho."""
    return quantiles(grid.axes[0], grid.mass, 1 / grid.radius, _tails(level))


def _share_ends(grid: Grid, j: int, level: float) -> Array:
    """That of share j, what is broken off the stick at u_j; the last is what is left of it."""
    if not grid.axes[1:]:
        return np.ones(2)
    at = min(j, len(grid.axes) - 2)
    breaks = [len(axis.nodes) for axis in grid.axes[1:]]
    shape = (int(np.prod(breaks[:at])), breaks[at], -1)
    mass = grid.mass.sum(axis=1).reshape(shape).sum(axis=2)
    left = 1 - grid.shares[:, :at].sum(axis=1).reshape(shape)[:, 0, 0]
    if j == at:
        return quantiles(grid.axes[1 + at], mass, left, _tails(level))
    return quantiles(grid.axes[1 + at].mirrored, mass[:, ::-1], left, _tails(level))


def _drawn(design: Design, grid: Grid, size: int, seed: int) -> Array:
    """(size, q) draws: a cell of the grid, a point in it, then sigma2 and delta given these."""
    stream = generator(seed)
    cells = stream.choice(grid.mass.size, size=size, p=grid.mass.ravel())
    mixture, at = np.unravel_index(cells, grid.mass.shape)
    breaks = (
        np.unravel_index(mixture, [len(a.nodes) for a in grid.axes[1:]]) if grid.axes[1:] else []
    )
    rho = grid.axes[0].within(at, stream) / grid.radius[mixture]
    u = [a.within(c, stream) for a, c in zip(grid.axes[1:], breaks, strict=True)]
    draws = []
    for i in range(size):
        mix = _shares([x[[i]] for x in u])[0][0]
        Y, Z = _columns(design, mix)
        Q, R = np.linalg.qr(Z)
        filtered = Y[:, 0] - rho[i] * Y[:, 1]
        explained = Q.T @ filtered
        ssr = float(filtered @ filtered - explained @ explained)
        sigma2 = ssr / stream.chisquare(observations(design) - Z.shape[1])
        noise = np.sqrt(sigma2) * stream.standard_normal(Z.shape[1])
        draws.append(np.r_[solve_triangular(R, explained + noise), rho[i], mix, sigma2])
    return np.array(draws)
