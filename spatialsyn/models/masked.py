"""The Gaussian likelihood of the outcomes that were observed, where some are missing.

    y = S^-1 (Z delta + R^-1 e) + D gamma,   S = I - sum_j rho_j W_j,   R = I - lambda M

Z is complete; D are the dummies of fixed effects in the reduced form. A missing cell is a
parameter of its own (Bartlett 1937): with u its unit vector, K = R S, P the projection off
K u of all missing cells, and e what K u, K D and R Z leave of K y, the density of the N
observed cells is, exactly,

    ln L = T ln|K| - ln|K u| - N/2 ln(2 pi s2) - e'e / (2 s2),      ln|A| = 1/2 ln|A'A|

and dummies (correction="direct") maximise it. The transformation is the restricted
likelihood (Patterson & Thompson 1971), which is free of gamma: N loses the rank of D, and
-ln|P K D| + ln|D observed| enters. With nothing missing that is the likelihood of Lee & Yu
(2010), since T ln|K| - ln|K D| + ln|D| is the log-determinant of their transformed matrices
(ours). Every period is dense algebra of n cities: this is for some hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from spatialsyn.models.design import Design
from spatialsyn.models.likelihood import split
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.multiplier import multiplied_out
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time


@dataclass(frozen=True, eq=False)
class Masked:
    """A design with holes at some (rho, lambda); its arrays have periods first, (T, n, .).

    Attributes
    ----------
    S, R : (n, n)
    cells : (T, n, c), for each period an orthonormal basis of K u
    root_cells : (T, c, c), triangular, K u = cells @ root_cells
    dummies : (T, n, q), an orthonormal basis of P K D over all periods together
    root : (q, q), triangular, P K D = dummies @ root
    """

    design: Design
    S: Array
    R: Array
    cells: Array
    root_cells: Array
    dummies: Array
    root: Array

    @cached_property
    def K(self) -> Array:
        """R S."""
        return np.asarray(self.R @ self.S)

    @cached_property
    def Ky(self) -> Array:
        """(T, n), K y with zeros for what is missing."""
        assert self.design.observed is not None
        return np.asarray(np.nan_to_num(self.design.observed).T @ self.K.T)

    @cached_property
    def RZ(self) -> Array:
        """(T, n, p)."""
        return np.asarray(self.R @ np.moveaxis(self.design.Z, 1, 0))

    @cached_property
    def y(self) -> Array:
        """(T, n), what missing cells and dummies leave of K y."""
        return self.off(self.Ky[..., None])[..., 0]

    @cached_property
    def Z(self) -> Array:
        """(T, n, p), what they leave of R Z."""
        return self.off(self.RZ)

    def off(self, v: Array) -> Array:
        """`v`, (T, n, .), less its part in the missing cells and the dummies."""
        v = off_cells(self.cells, v)
        return np.asarray(v - self.dummies @ np.einsum("tnq,tnc->qc", self.dummies, v))

    @cached_property
    def derivatives(self) -> list[Array]:
        """D_j = R W_j K^-1 for each rho_j and M R^-1 for lambda: minus dK K^-1."""
        inverse = np.linalg.inv(self.K)
        found: list[Array] = [np.asarray(self.R @ dense(W) @ inverse) for W in self.design.W]
        if self.design.error is not None:
            found.append(dense(self.design.error.M) @ np.linalg.inv(self.R))
        return found

    @property
    def spanned(self) -> Array:
        """(T, n, .), the dummies that the likelihood is free of: all, or none by dummies."""
        return self.dummies if self.design.transformed else self.dummies[..., :0]

    @cached_property
    def jacobian(self) -> float:
        """T ln|K| - ln|K u|, and - ln|P K D| where fixed effects are transformed away."""
        free = _log(self.root) if self.design.transformed else 0.0
        return len(self.cells) * float(np.linalg.slogdet(self.K)[1]) - _log(self.root_cells) - free

    @cached_property
    def slopes(self) -> Array:
        """Derivatives of `jacobian`: minus the traces of the D_j off what it is free of."""
        U, V, T = self.cells, self.spanned, len(self.cells)
        traces = [T * np.trace(D) - np.vdot(U, D @ U) - np.vdot(V, D @ V) for D in self.derivatives]
        return -np.array(traces)

    def residual(self, delta: Array) -> Array:
        """(T, n), the error as far as the observed outcomes tell it."""
        return np.asarray(self.y - self.Z @ delta)

    def effects(self, delta: Array) -> Array:
        """(T, n), the fixed effects in the equation of the swept Z: S D gamma."""
        T, n = self.Ky.shape
        along = np.einsum("tnq,tn->q", self.dummies, self.Ky - self.RZ @ delta)
        gamma = solve_triangular(self.root, along)
        made, cities = np.zeros((T, n)), sweeps_cities(self.design.fixed_effects)
        if cities:
            made += self.S @ gamma[:n]
        if sweeps_time(self.design.fixed_effects):
            of_years = np.r_[0.0, gamma[n:]] if cities else gamma
            made += np.outer(of_years, _common(self.design, self.S))
        return made

    def completed(self, delta: Array) -> Array:
        """(T, n), the outcome, with the best linear prediction of what is missing."""
        u = np.linalg.solve(self.R, self.residual(delta).T)
        return np.linalg.solve(self.S, self.design.Z @ delta + self.effects(delta).T + u).T

    def lags(self, delta: Array) -> Array:
        """(T, n, d), minus the derivatives of the residual: R W_j y for rho_j, M u for lambda."""
        y = self.completed(delta)
        columns = [y @ (self.R @ dense(W)).T for W in self.design.W]
        if self.design.error is not None:
            columns.append(self.residual(delta) @ self.derivatives[-1].T)
        return np.stack(columns, axis=2) if columns else np.empty((*y.shape, 0))


def masked(design: Design, values: Array) -> Masked:
    """`design` at the spatial parameters `values`."""
    rho, lam, _ = split(design, values)
    n, T = design.y.shape
    S, R = multiplied_out(design.W, rho, n), np.eye(n)
    if design.error is not None and lam is not None:
        R = R - lam * dense(design.error.M)
    cells, root_cells = _cells(design, R @ S)
    D = off_cells(cells, dummies_of(design, R, S))
    dummies, root = np.linalg.qr(D.reshape(T * n, -1))
    return Masked(design, S, R, cells, root_cells, dummies.reshape(D.shape), root)


def concentrated(design: Design, values: Array) -> float:
    """The log-likelihood with delta and sigma2 at their best, without its constants."""
    if not _inside(design, values):
        return -np.inf
    at = masked(design, values)
    e = at.residual(_delta(at))
    return at.jacobian - design.nobs / 2 * float(np.log(np.vdot(e, e)))


def score(design: Design, values: Array) -> Array:
    """Gradient of `concentrated`."""
    at = masked(design, values)
    delta = _delta(at)
    e = at.residual(delta)
    sigma2 = np.vdot(e, e) / design.nobs
    return np.einsum("tn,tnd->d", e, at.lags(delta)) / sigma2 + at.slopes


def full(design: Design, values: Array, sigma2: float) -> float:
    """The maximised log-likelihood, constants included."""
    free = 0.0
    if design.transformed:
        assert design.observed is not None
        n, T = design.observed.shape
        D = dummies_of(design, np.eye(n), np.eye(n)) * ~np.isnan(design.observed).T[..., None]
        free = _log(np.linalg.qr(D.reshape(T * n, -1), mode="r"))
    constant = design.nobs / 2 * float(np.log(2 * np.pi * sigma2) + 1)
    return masked(design, values).jacobian + free - constant


def off_cells(cells: Array, v: Array) -> Array:
    """`v`, (T, n, .), less its part in the missing cells."""
    return np.asarray(v - cells @ (np.swapaxes(cells, 1, 2) @ v))


def missing_cells(design: Design) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(T, c), the cities whose outcome is missing in each period, and which of these count.

    Periods with fewer missing cells than others have places at the end that do not.
    """
    assert design.observed is not None
    holes = np.isnan(design.observed).T
    cities = np.argsort(~holes, axis=1, kind="stable")[:, : holes.sum(axis=1).max()]
    return cities, np.take_along_axis(holes, cities, axis=1)


def _cells(design: Design, K: Array) -> tuple[Array, Array]:
    """Basis and factor of K u; zeros, and ones on the diagonal, in the places that do not count."""
    cities, counts = missing_cells(design)
    basis, root = np.linalg.qr(np.moveaxis(K[:, cities], 1, 0) * counts[:, None])
    period, place = np.nonzero(~counts)
    root[period, place, place] = 1.0
    return basis * counts[:, None], root


def dummies_of(design: Design, R: Array, S: Array) -> Array:
    """K D, (T, n, q): a column per city, then one per year (less the first beside cities)."""
    n, T = design.y.shape
    cities, parts = sweeps_cities(design.fixed_effects), [np.empty((T, n, 0))]
    if cities:
        parts.append(np.broadcast_to(R @ S, (T, n, n)))
    if sweeps_time(design.fixed_effects):
        years = np.einsum("ts,n->tns", np.eye(T), R @ _common(design, S))
        parts.append(years[..., int(cities) :])
    return np.concatenate(parts, axis=2)


def _common(design: Design, S: Array) -> Array:
    """How a year effect enters the equation: as S 1, one for all outcomes, or as 1 itself.

    They span the same where rows of W sum to one, which the transformation needs.
    """
    return np.asarray(S.sum(axis=1)) if design.transformed else np.ones(len(S))


def _delta(at: Masked) -> Array:
    return least_squares(at.Z.reshape(at.y.size, -1), at.y.ravel())


def _inside(design: Design, values: Array) -> bool:
    """Whether rho and lambda lie in the parameter space."""
    rho, lam, _ = split(design, values)
    inside = design.logdet is None or design.logdet.contains(rho)
    error = design.error is None or design.error.logdet.contains(np.array([lam]))
    return bool(inside and error)


def _log(root: Any) -> float:
    """ln of the absolute determinant of one or several triangular matrices."""
    return float(np.log(np.abs(np.diagonal(root, axis1=-2, axis2=-1))).sum())
