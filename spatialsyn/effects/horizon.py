"""Effects over time in dynamic models.

    S y(t) = (tau I + sum eta_j V_j) y(t-1) + sum_k c_k C_k x(t) + ...,   A = S^-1 (tau I + ...)

    after h years, x higher in year 0 only:       D_h = A^h S^-1 C
    after h years, x higher from year 0 on:       D_0 + ... + D_h
    in the long run:                              K C,   K = (S - tau I - sum eta_j V_j)^-1

(Elhorst 2014, chapter 4). The long run is a multiplier like that of one year, with the
matrices I, V_j and W_m (`multipliers`); after h years (derivatives ours)

    dA/dtau = S^-1    dA/deta = S^-1 V    dA/drho = S^-1 W A

All parameters vary in the inference, tau and eta too: Stata's xsmle keeps them fixed, so
its long-run standard errors are wrong, half or twice the right ones in the test's panel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spatialsyn.effects.multipliers import Reading, Readings
from spatialsyn.effects.response import Written
from spatialsyn.models.dynamic import Process
from spatialsyn.numerics.lags import Array, Matrix


@dataclass(frozen=True, eq=False)
class Horizon:
    """Effects some years after the change.

    Attributes
    ----------
    process : the dynamics at given parameters
    positions : where tau (if it is there), eta and rho stand in the parameters, in this order
    years : years after the change
    lasting : whether x stays changed
    """

    process: Callable[[Array], Process]
    positions: tuple[int, ...]
    years: tuple[int, ...]
    lasting: bool

    def readings(self, params: Array, carriers: Sequence[Matrix], reading: Reading) -> Readings:
        """Readings of every carrier and their derivatives in (tau, eta, rho), year after year."""
        process = self.process(params)
        found = [self._responses(process, C, reading) for C in carriers]
        slope = np.stack([one for _, one in found], axis=1)
        level = np.stack([one for one, _ in found])
        return Readings(level, slope[len(slope) - len(self.positions) :])  # tau may be absent

    def _responses(
        self, process: Process, carrier: Matrix, reading: Reading
    ) -> tuple[Array, Array]:
        """(H r,) readings of one carrier and (P, H r) derivatives, by year."""
        inverse = np.linalg.inv(process.S)
        moves = _moves(process, inverse)
        P = inverse @ carrier
        # In year 0 only rho moves the response.
        dP = [np.zeros_like(P)] * (len(moves) - len(process.W))
        dP += [inverse @ (W @ P) for W in process.W]
        at: dict[int, tuple[Array, Array]] = {}
        level, slope = reading(Written(P)), np.array([reading(Written(d)) for d in dP])
        for year in range(max(self.years) + 1):
            if year:
                dP = [move @ P + process.A @ d for move, d in zip(moves, dP, strict=True)]
                P = process.A @ P
                new, moved = reading(Written(P)), np.array([reading(Written(d)) for d in dP])
                level, slope = (level + new, slope + moved) if self.lasting else (new, moved)
            at[year] = level, slope
        levels, slopes = zip(*(at[year] for year in self.years), strict=True)
        return np.concatenate(levels), np.concatenate(slopes, axis=1)


def _moves(process: Process, inverse: Array) -> list[Array]:
    """Derivatives of A in tau, eta_1 ..., rho_1 ..."""
    by_eta = [inverse @ V for V in process.V]
    return [inverse, *by_eta, *(inverse @ (W @ process.A) for W in process.W)]
