"""Order parameters after Haken: which of two variables enslaves the other.

    q1' = -l1 q1 - a q1 q2,   q2' = -l2 q2 + b q1^2                       continuous
    q1_t = (1 - l1) q1_t-1 - a q1_t-1 q2_t-1 + e1_t                        estimated
    q2_t = (1 - l2) q2_t-1 + b q1_t-1^2 + e2_t

If q2 relaxes much faster than q1 moves, l2 > |l1| (the adiabatic condition), q2 follows
q1 and q1 is the order parameter: q2 = (b / l2) q1^2, and q1 moves in the potential

    V(q) = l1 q^2 / 2 + (a b / (4 l2)) q^4

With l1 > 0 zero is stable; with l1 < 0 and a b / l2 > 0 the system leaves zero for
+-sqrt(-l1 l2 / (a b)). Haken (1977), Synergetics; the discrete form is that of Chinese
regional studies such as Li & Liu (2014), Geographical Research 33(9). Where neither
ordering of the variables meets the condition, there is no order parameter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import EstimationError, PanelError
from spatialsyn.measures.columns import check_panel, finite
from spatialsyn.numerics.lags import Array

NAMES = ("lambda1", "a", "lambda2", "b")


@dataclass(frozen=True, eq=False, repr=False)
class Haken:
    """Estimated motion of a pair of variables.

    Attributes
    ----------
    q1, q2 : names of the candidate order parameter and of the variable it may enslave
    params, se : Series over ``lambda1, a, lambda2, b``
        Pooled least squares without fixed effects; classical standard errors.
    """

    q1: str
    q2: str
    params: pd.Series
    se: pd.Series

    @property
    def table(self) -> pd.DataFrame:
        """Estimates and standard errors, with ``lambda2 - |lambda1|`` in the last row."""
        rows = pd.DataFrame({"estimate": self.params, "se": self.se})
        rows.loc["lambda2 - |lambda1|"] = self.gap
        return rows.rename_axis("term")

    @property
    def adiabatic(self) -> bool:
        """Whether ``lambda2 > |lambda1|``."""
        return self.gap[0] > 0

    @property
    def gap(self) -> tuple[float, float]:
        """``lambda2 - |lambda1|`` and its standard error, the two equations taken as unrelated.

        A condition that holds by less than its error has not been shown to hold.
        """
        size = float(self.params["lambda2"] - abs(self.params["lambda1"]))
        return size, float(np.hypot(self.se["lambda1"], self.se["lambda2"]))

    @property
    def order_parameter(self) -> str | None:
        """q1 where the adiabatic condition holds, None where it does not."""
        return self.q1 if self.adiabatic else None

    @property
    def stable_point(self) -> float | None:
        """Where the potential has its minimum (the positive one of a pair), if it has one."""
        l1, quartic = self.params["lambda1"], self._quartic()
        if l1 > 0:
            return 0.0
        return float(np.sqrt(-l1 / quartic)) if quartic > 0 else None

    def potential(self, q: Array | float) -> Array:
        """V(q) once q2 is enslaved; refused where the adiabatic condition fails."""
        q, l1, quartic = np.asarray(q, dtype=float), self.params["lambda1"], self._quartic()
        return np.asarray(l1 * q**2 / 2 + quartic * q**4 / 4)

    def _quartic(self) -> float:
        if not self.adiabatic:
            raise EstimationError(
                f"lambda2 = {self.params['lambda2']:.3g} does not exceed |lambda1| = "
                f"{abs(self.params['lambda1']):.3g}: {self.q2!r} does not follow {self.q1!r}, and "
                "there is no potential of one variable. Try the other order: "
                f"haken(panel, {self.q2!r}, {self.q1!r})."
            )
        return float(self.params["a"] * self.params["b"] / self.params["lambda2"])

    def __repr__(self) -> str:
        listed = ", ".join(f"{n} {self.params[n]:.3f} ({self.se[n]:.3f})" for n in NAMES)
        found = f"{self.q1} is the order parameter" if self.adiabatic else "no order parameter"
        size, se = self.gap
        gap = f"lambda2 - |lambda1| = {size:.3f} ({se:.3f})"
        return f"Haken ({self.q1} over {self.q2}): {listed}; {gap}: {found}"


def haken(panel: CityPanel, q1: str, q2: str) -> Haken:
    """Estimate the motion of q1 and q2 and check whether q1 is the order parameter.

    Parameters
    ----------
    q1, q2 : columns, for example an index of virtual agglomeration and one of synergy,
        measured from their natural zero: the equations have no constant.

    Raises
    ------
    PanelError
        One column twice, a panel of one year, missing cells.
    EstimationError
        Too few cells, or regressors that are collinear.
    """
    check_panel(panel)
    if q1 == q2:
        raise PanelError(f"{q1!r} cannot enslave itself: name two columns.")
    if panel.T < 2:
        raise PanelError(f"motion needs two years at least; the panel has {panel.T}.")
    x, y = finite(panel, q1), finite(panel, q2)
    x0, y0 = x[:, :-1].ravel(), y[:, :-1].ravel()
    first = _least_squares(np.c_[x0, -x0 * y0], x[:, 1:].ravel(), q1)
    second = _least_squares(np.c_[y0, x0**2], y[:, 1:].ravel(), q2)
    (g1, a), (g2, b) = first[0], second[0]
    params = pd.Series([1 - g1, a, 1 - g2, b], index=list(NAMES), name="estimate")
    return Haken(q1, q2, params, pd.Series([*first[1], *second[1]], index=list(NAMES), name="se"))


def _least_squares(X: Array, y: Array, name: str) -> tuple[Array, Array]:
    """Coefficients and classical standard errors."""
    size = np.sqrt((X**2).sum(axis=0))
    if len(y) <= 2 or not size.min() > 0 or np.linalg.cond(X / size) > 1e8:
        raise EstimationError(
            f"the motion of {name!r} cannot be estimated: {len(y)} transitions, and regressors "
            "that are zero or move together."
        )
    inverse = np.linalg.inv(X.T @ X)
    coefficients = inverse @ X.T @ y
    sigma2 = ((y - X @ coefficients) ** 2).sum() / (len(y) - 2)
    return coefficients, np.sqrt(sigma2 * np.diag(inverse))
