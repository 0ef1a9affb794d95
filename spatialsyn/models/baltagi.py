"""Random city effects that stand outside the spatial error (Anselin 1988, chapter 10).

    S y = Z delta + mu + u,   u = lambda M u + e,   R = I - lambda M
    V = s2 [Jbar x (k I + (R'R)^-1) + E x (R'R)^-1],   k = T s2_mu / s2 = phi^-2 - 1

Jbar takes means over time, E the deviations from them (Baltagi, Song & Koh 2003, Journal
of Econometrics 117). With f = R (S y - Z delta), deviations of f have the variance s2, and
its city means have it after F, any root of K^-1 = F'F:

    e = f - fbar + F fbar,   K = I + k R R',   ln|V| = nT ln s2 + ln|K| - 2 T ln|R|

Where mu follows the error's process (Kapoor, Kelejian & Prucha 2007) K is phi^-2 I instead.
R R' and its Cholesky root serve any M; eigenvectors of M would need a symmetric one.
Year dummies leave the deviations by sweeping; of the means they leave the column F 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.multiplier import product
from spatialsyn.numerics.transform import sweep, sweeps_time


@dataclass(frozen=True, eq=False)
class Outside:
    """What is done to city means at given lambda and phi.

    Attributes
    ----------
    M, R : (n, n), the error's matrix and I - lambda M
    years : whether year dummies were swept
    """

    M: Array
    R: Array
    phi: float
    years: bool

    @property
    def k(self) -> float:
        """T s2_mu / s2."""
        return self.phi**-2 - 1

    @cached_property
    def root(self) -> Array:
        """The Cholesky factor of K, lower."""
        return np.linalg.cholesky(np.eye(len(self.R)) + self.k * self.R @ self.R.T)

    @property
    def logdet(self) -> float:
        """-1/2 ln|K|, minus infinity where K is not positive definite."""
        try:
            return float(-np.log(np.diag(self.root)).sum())
        except np.linalg.LinAlgError:
            return -np.inf

    @cached_property
    def whole(self) -> Array:
        """F, the inverse of `root`."""
        return np.asarray(solve_triangular(self.root, np.eye(len(self.R)), lower=True))

    @cached_property
    def F(self) -> Array:
        """F, less the column F 1 of the year dummies where these were swept."""
        return self.off_years(self.whole)

    def off_years(self, v: Array) -> Array:
        """`v`, (n, k), projected off F 1 where year dummies were swept."""
        if not self.years:
            return v
        c = self.whole.sum(axis=1)
        return np.asarray(v - np.outer(c, c @ v) / (c @ c))

    def unordered(self, e: Array) -> Array:
        """e, (n, T), with the symmetric root of K^-1 in place of F.

        F serves the likelihood, but a triangular root depends on the order of the cities.
        """
        values, vectors = np.linalg.eigh(self.root @ self.root.T)
        mean = e.mean(axis=1, keepdims=True)
        turned = vectors.T @ (self.root @ mean) / np.sqrt(values)[:, None]
        return np.asarray(e - mean + vectors @ turned)

    @cached_property
    def slopes(self) -> tuple[float, float]:
        """Derivatives of `logdet` in lambda and in phi."""
        inverse = self.whole.T @ self.whole
        by_lam = self.k * np.sum(inverse * (self.M @ self.R.T))
        return float(by_lam), float(np.sum(inverse * (self.R @ self.R.T)) / self.phi**3)

    def pulled(self, f: Array) -> Array:
        """M k R'K^-1 fbar: what the error's lag of the city means is too much by."""
        mean = f.mean(axis=1, keepdims=True)
        return np.asarray(self.k * self.M @ (self.R.T @ (self.F.T @ (self.F @ mean))))

    def phi_slope(self, mean: Array) -> Array:
        """The derivative of F fbar in phi."""
        return np.asarray(
            self.F @ (self.R @ (self.R.T @ (self.F.T @ (self.F @ mean)))) / self.phi**3
        )


def outside(design: Design, lam: float, phi: float) -> Outside:
    """The treatment of city means in `design`."""
    assert design.error is not None
    M = dense(design.error.M)
    return Outside(M, np.eye(len(M)) - lam * M, phi, sweeps_time(design.fixed_effects))


def information(
    design: Design,
    kept: Outside,
    multiplier: Array,
    Z: Array,
    columns: Array,
    sigma2: float,
    residuals: Array,
) -> Array:
    """The expected information, in the order (delta, rho_1 ... rho_m, lambda, phi, sigma2).

    With D = L^-1 G L for each rho and N = L^-1 (dC) L^-T for what moves the variance C =
    s2 L L' of the deviations (L = R^-1, T - 1 times) and of the means (L = R^-1 K^1/2, once),

        I_ij = m_i'm_j / s2 + sum [tr D_i D_j + tr D_i'D_j],   I_ip = sum tr D_i N_p,
        I_pq = sum tr N_p N_q / 2

    Parameters
    ----------
    Z, columns : the filtered regressors and lags of `likelihood`, (nT, p) and (nT, m + 2)
    """
    (n, T), p, m = design.y.shape, Z.shape[1], len(design.W)
    inverse = np.linalg.inv(kept.R)
    D = [np.asarray(kept.R @ product(W, multiplier) @ inverse) for W in design.W]
    L, F, H, RR = kept.root, kept.whole, kept.M @ inverse, kept.R @ kept.R.T
    identity = np.eye(n) / sigma2
    within = D, [H + H.T, np.zeros((n, n)), identity]
    between = (
        [F @ d @ L for d in D],
        [F @ (H + H.T) @ F.T, -2 / kept.phi**3 * F @ RR @ F.T, identity],
    )
    info = np.zeros((p + m + 3, p + m + 3))
    for copies, (of_rho, of_variance) in ((T - 1, within), (1, between)):
        info[p:, p:] += copies * _traces(of_rho, of_variance)
    explained = columns[:, :m] - _noise(kept, D, between[0], residuals)
    both = np.c_[Z, explained]
    info[: p + m, : p + m] += both.T @ both / sigma2
    return info


def _traces(D: Sequence[Array], N: Sequence[Array]) -> Array:
    """Traces of products, of the rho first and of what moves the variance second."""
    m = len(D)
    moved = [*D, *N]
    info = np.array([[np.sum(a * b.T) for b in moved] for a in moved])
    info[:m, :m] += [[np.sum(a * b) for b in D] for a in D]
    info[m:, m:] /= 2
    return info


def _noise(kept: Outside, within: Sequence[Array], between: Sequence[Array], e: Array) -> Array:
    """The error's share in the filtered lags of y, (nT, m)."""
    mean, swept = e.mean(axis=1, keepdims=True), "time" if kept.years else "none"
    noise = np.empty((*e.shape, len(within)))
    for j, (of_deviations, of_means) in enumerate(zip(within, between, strict=True)):
        deviations = sweep(of_deviations @ (e - mean), swept)
        noise[..., j] = deviations + kept.off_years(of_means @ mean)
    return noise.reshape(e.size, -1)
