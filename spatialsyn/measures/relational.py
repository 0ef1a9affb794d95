"""Grey relational analysis: how closely other series follow a reference.

    Delta_k = |x_0 - x_k|,   xi_k = (Delta_min + rho Delta_max) / (Delta_k + rho Delta_max)

on normalised series; Delta_min and Delta_max are the extremes over all series and cells,
so every coefficient changes when a city, a year or a series is added. The grade of a
series is the mean of its coefficients (Deng 1982). With rho = 0.5 a grade cannot fall
below 1/3: compare grades with each other, not with zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError
from spatialsyn.measures.columns import check_number
from spatialsyn.measures.composite import Columns, composite, signed_columns
from spatialsyn.measures.normalise import Over
from spatialsyn.numerics.lags import Array

if TYPE_CHECKING:
    from spatialsyn.measures.redraw import Redrawn
    from spatialsyn.measures.sensitivity import Sensitivity


@dataclass(frozen=True, eq=False, repr=False)
class GreyRelation:
    """How closely the other series follow the reference.

    Attributes
    ----------
    coefficients : DataFrame by (city, year), one column per other series, in (0, 1]
    normalised : DataFrame, all series on their common scale
    reference : name of the reference
    signs, rho, over : as given to `grey_relational`
    panel : the panel it was computed on
    """

    coefficients: pd.DataFrame
    normalised: pd.DataFrame
    reference: str
    signs: Mapping[str, int]
    rho: float
    over: str | tuple[int, ...]
    panel: CityPanel

    @property
    def score(self) -> pd.Series:
        """Mean coefficient of the other series by (city, year)."""
        return self.coefficients.mean(axis=1).rename("score")

    @property
    def grades(self) -> pd.Series:
        """Mean coefficient of every other series, over all cities and years."""
        return self.coefficients.mean().rename("grade")

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns that enter: the reference and the others."""
        return tuple(self.normalised.columns)

    def but(self, **changes: Any) -> GreyRelation:
        """The same relation with some arguments of `grey_relational` changed."""
        given: dict[str, Any] = {"reference": self.reference, "others": self.signs}
        given |= {"rho": self.rho, "over": self.over}
        return grey_relational(self.panel, **(given | changes))

    def sensitivity(self) -> Sensitivity:
        """The relation without each series, with other rho and normalisation."""
        from spatialsyn.measures.sensitivity import sensitivity

        return sensitivity(self)

    def redrawn(self, redraw: str = "indicators", draws: int = 200, seed: int = 0) -> Redrawn:
        """The index with its other series drawn anew, see `ss.index_uncertainty`."""
        from spatialsyn.measures.redraw import redrawn

        return redrawn(self, redraw, draws, seed)

    def columns(self, name: str) -> dict[str, pd.Series]:
        """What the relation adds to a panel."""
        return {name: self.score}

    def __repr__(self) -> str:
        grades = ", ".join(f"{name} {grade:.3f}" for name, grade in self.grades.items())
        return f"GreyRelation (rho {self.rho:g}) with {self.reference}: {grades}"


def grey_relational(
    panel: CityPanel,
    reference: str,
    others: Columns,
    rho: float = 0.5,
    over: Over = "pooled",
) -> GreyRelation:
    """Grey relational coefficients of other columns with a reference, after min-max scaling.

    Parameters
    ----------
    others : a column, a list, or a mapping column -> sign
    rho : distinguishing coefficient in (0, 1]
    over : "pooled" | "year" | list of reference years, see `composite`

    Raises
    ------
    PanelError
        The reference among the others, rho outside (0, 1], series that are all equal to
        the reference, missing cells or constants.
    """
    signs = signed_columns(others)
    if reference in signs:
        raise PanelError(
            f"the reference {reference!r} is also among the others, which it would follow exactly: "
            "leave it out of others=."
        )
    z = composite(panel, {reference: 1} | signs, "equal", over=over)
    x = z.normalised.to_numpy()
    coefficients = relational_coefficients(x[:, 0], x[:, 1:], rho)
    made = pd.DataFrame(coefficients, index=z.normalised.index, columns=list(signs))
    return GreyRelation(made, z.normalised, reference, signs, rho, z.over, panel)


def relational_coefficients(reference: Array, others: Array, rho: float = 0.5) -> Array:
    """Coefficients, (N, m), of m normalised series with one reference of length N.

    Parameters
    ----------
    others : (N, m)
    rho : distinguishing coefficient in (0, 1]
    """
    check_number(rho, "rho")
    if not 0 < rho <= 1:
        raise PanelError(f"rho={rho!r}: the distinguishing coefficient lies in (0, 1].")
    apart = np.abs(others - reference[:, None])
    if not apart.max() > 0:
        raise PanelError(
            "every series equals the reference in every cell: the coefficients are 0/0."
        )
    return np.asarray((apart.min() + rho * apart.max()) / (apart + rho * apart.max()))
