"""How regressors enter the matrix of derivatives of a fitted model, at any parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spatialsyn.effects.averages import Averages
from spatialsyn.effects.channels import Channels
from spatialsyn.effects.horizon import Horizon
from spatialsyn.effects.multipliers import Multiplier, Reading, Readings, mean, read, written_out
from spatialsyn.effects.orders import Orders
from spatialsyn.effects.response import Factored
from spatialsyn.errors import ModelError
from spatialsyn.models.mixture import Mixture
from spatialsyn.numerics.exponential import exponentials
from spatialsyn.numerics.lags import Array, Matrix
from spatialsyn.numerics.multiplier import multiplier
from spatialsyn.numerics.selected import Elimination, elimination
from spatialsyn.numerics.solves import DENSE_TO

# Number of cities from which on a sparse S is factored rather than inverted.
FACTORED_FROM = 300


def check_written(n: int, what: str) -> None:
    """Refuse what needs an (n, n) matrix of too many cities."""
    if n > DENSE_TO:
        raise ModelError(
            f"{what} write out the ({n}, {n}) matrix of all pairs of cities, {8e-9 * n**2:.0f} GB "
            f"a time; they are limited to {DENSE_TO} cities. With sparse weights effects on "
            "average, by block and by city, of one year or in the long run, have no limit: "
            "effects(), effects(by='region'), effects(by='city')."
        )


@dataclass(frozen=True, eq=False)
class Carried:
    """How one regressor enters: positions of its coefficients and their carriers."""

    name: str
    positions: tuple[int, ...]
    carriers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Multipliers:
    """All that effects need of a fitted model.

    Attributes
    ----------
    W, rho_positions : the matrices of S and where their coefficients stand
    carriers : distinct carrier matrices C_k
    links : of every carrier, its links from city to city: 0 for x, 1 for its spatial lag
    regressors : which carriers and coefficients each regressor has
    structure : the mixture whose wide parameters these positions count in; None for the model's
    path : effects over years, by order of neighbour, by channel, or averages from ln|S|
    long : whether these matrices are those of the long run
    stable : whether the process has a mean, at every row of parameters, (d, q)
    carried_by : the name of the matrix in every carrier, None for x itself
    exponential : whether S is e^(alpha W)
    without_years : whether the model could have time effects, and has none
    """

    W: tuple[Matrix, ...]
    rho_positions: tuple[int, ...]
    carriers: tuple[Matrix, ...]
    links: tuple[int, ...]
    regressors: tuple[Carried, ...]
    structure: Mixture | None = None
    path: Horizon | Orders | Channels | Averages | None = None
    stable: Callable[[Array], NDArray[np.bool_]] = lambda sample: np.ones(len(sample), dtype=bool)
    carried_by: tuple[str | None, ...] = ()
    exponential: bool = False
    long: bool = False
    without_years: bool = False

    def at(self, params: Array) -> Array:
        """The structural parameters."""
        return params if self.structure is None else self.structure(params)

    def jacobian(self, params: Array) -> Array:
        """Derivatives of the structural parameters."""
        return np.eye(len(params)) if self.structure is None else self.structure.jacobian(params)

    def coefficients(self, params: Array) -> Array:
        """(b, regressors, K), those of all carriers at b rows of structural parameters."""
        found = np.zeros((len(params), len(self.regressors), len(self.carriers)))
        for i, x in enumerate(self.regressors):
            found[:, i, x.carriers] = params[:, x.positions]
        return found

    @property
    def moved_by(self) -> list[int]:
        """Positions of the parameters, beside the coefficients, that effects depend on."""
        return list(self.rho_positions if self.path is None else self.path.positions)

    def readings(self, params: Array, reading: Reading, slopes: bool = True) -> Readings:
        """The reading of every carrier at structural parameters, with derivatives in `moved_by`."""
        if isinstance(self.path, Channels | Averages):
            return self.path.readings(params, self.carriers, reading, slopes)
        if self.path is not None:
            return self.path.readings(params, self.carriers, reading)
        years = self._multipliers(params[list(self.rho_positions)])
        return mean([read(year, reading, slopes) for year in years])

    def levels(self, params: Array, reading: Reading) -> Array:
        """(b, K, r), the `readings` at each of b rows of structural parameters, no derivatives."""
        if isinstance(self.path, Averages):
            return self.path.read(params, self.carriers, slopes=False)[0]
        return np.array([self.readings(row, reading, slopes=False).level for row in params])

    def _multipliers(self, rho: Array) -> Sequence[Multiplier]:
        """S^-1, one for every year where a matrix changes."""
        if self.elimination is not None:
            return [Factored(self.elimination, rho)]
        n = self.carriers[0].shape[-1]
        what = "matrix exponentials" if self.exponential else "a W that is stored dense"
        check_written(n, f"effects of {what}")
        inverse = exponentials(self.W, -rho, n) if self.exponential else multiplier(self.W, rho, n)
        return written_out(inverse, self.W, self.carriers, self.exponential)

    @cached_property
    def elimination(self) -> Elimination | None:
        """How S is factored where S^-1 is not written out: many cities, sparse matrices."""
        W = [M for M in self.W if sparse.issparse(M)]
        carriers = [C for C in self.carriers if sparse.issparse(C)]
        small = self.carriers[0].shape[-1] < FACTORED_FROM
        if small or self.exponential or len(W + carriers) < len(self.W + self.carriers):
            return None
        return elimination(W, carriers)
