"""A mixture of weights matrices as a restriction of the model with an own rho for each.

    rho_m = rho share_m                     theta_m = theta share_m (wx="combined")

The likelihood, its information and the effects are those of the wide model, whose
parameters are a function of the mixture's; everything else is the chain rule (Debarsy &
LeSage 2018, Regional Science and Urban Economics 69, the model; derivatives ours). The
parameters of a mixture are ordered (delta, rho, shares, lambda, sigma2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spatialsyn.models.columns import Column
from spatialsyn.models.roles import Roles
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.simplex import directions


@dataclass(frozen=True, eq=False)
class Mixture:
    """The map from the parameters of a mixture to those of the wide model.

    Attributes
    ----------
    weights : the m matrices that are mixed
    columns : the p regressors of the mixture
    owner : (P,) position among them of every column of the wide model
    source : (P,) position of the matrix whose share multiplies it; m for none
    rest : names of the spatial parameters after the shares
    """

    weights: tuple[str, ...]
    columns: tuple[str, ...]
    owner: NDArray[np.intp]
    source: NDArray[np.intp]
    rest: tuple[str, ...] = ()

    @property
    def rho_name(self) -> str:
        """The one rho."""
        return f"rho[{'+'.join(self.weights)}]"

    @property
    def share_names(self) -> tuple[str, ...]:
        """The shares, in the order of the matrices."""
        return tuple(f"share[{name}]" for name in self.weights)

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters."""
        return (*self.columns, self.rho_name, *self.share_names, *self.rest, "sigma2")

    @property
    def shares(self) -> slice:
        """Where the shares stand."""
        first = len(self.columns) + 1
        return slice(first, first + len(self.weights))

    def multiplied(self, shares: Array) -> Array:
        """(P, p): the wide coefficients are this times the mixture's."""
        mixing = np.zeros((len(self.owner), len(self.columns)))
        mixing[np.arange(len(self.owner)), self.owner] = np.append(shares, 1.0)[self.source]
        return mixing

    def __call__(self, params: Array) -> Array:
        """The parameters of the wide model."""
        p, shares = len(self.columns), params[self.shares]
        wide = self.multiplied(shares) @ params[:p]
        return np.concatenate([wide, params[p] * shares, params[self.shares.stop :]])

    def jacobian(self, params: Array) -> Array:
        """Derivatives of the wide parameters."""
        p, P, m = len(self.columns), len(self.owner), len(self.weights)
        J = np.zeros((P + m + len(params) - self.shares.stop, len(params)))
        J[:P, :p] = self.multiplied(params[self.shares])
        mixed = self.source < m
        J[np.flatnonzero(mixed), p + 1 + self.source[mixed]] = params[self.owner[mixed]]
        J[P : P + m, p] = params[self.shares]
        J[P : P + m, self.shares] = params[p] * np.eye(m)
        J[P + m :, self.shares.stop :] = np.eye(len(params) - self.shares.stop)
        return J

    def bend(self, slopes: Array) -> Array:
        """Second derivatives of the wide parameters, summed with the weights `slopes`."""
        p, P, m = len(self.columns), len(self.owner), len(self.weights)
        bend = np.zeros((len(self.names), len(self.names)))
        mixed = self.source < m
        np.add.at(bend, (self.owner[mixed], p + 1 + self.source[mixed]), slopes[:P][mixed])
        bend[p, self.shares] = slopes[P : P + m]
        return bend + bend.T

    def free(self, params: Array) -> Array:
        """(q, d) directions in which the parameters may move, see `directions`."""
        return directions(len(params), self.shares, params[self.shares] > 0)


def mixture(roles: Roles, columns: Sequence[Column]) -> Mixture | None:
    """How the mixture of `roles`, if there is one, enters the wide model with these columns."""
    mixed = roles.mixed
    if mixed is None:
        return None
    sources, names = [], []
    for column in columns:
        joint = mixed.wx == "combined" and column.W in mixed.names
        sources.append(mixed.names.index(str(column.W)) if joint else len(mixed.names))
        prefix, name = f"W[{column.W}]", f"W[{mixed.name}]"
        names.append(name + column.name.removeprefix(prefix) if joint else column.name)
    kept = tuple(dict.fromkeys(names))
    owner = np.array([kept.index(name) for name in names], dtype=int)
    rest = (f"lambda[{roles.wu}]",) if roles.wu else ()
    return Mixture(mixed.names, kept, owner, np.array(sources, dtype=int), rest)
