"""Do the cities move together? Pesaran's CD test of cross-section dependence.

    CD = sqrt(2 T / (n (n - 1))) sum_{i<j} r_ij  ->  N(0, 1)

r_ij the correlation over time of cities i and j (Pesaran 2021, Empirical Economics 60,
13-50; 2015, Econometric Reviews 34: the null is dependence that dies out with n).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.explore.readings import each_by_year
from spatialsyn.numerics.dependence import cross_dependence

YEARS = 4


def dependence(
    panel: CityPanel, variables: str | pd.Series | Iterable[str | pd.Series]
) -> pd.DataFrame:
    """CD test of each variable, one row each.

    Returns
    -------
    DataFrame by variable
        ``cd, p``, the mean correlation ``r`` and that of its absolute values ``abs_r``;
        the last two differ where cities move together and against each other at once.

    Raises
    ------
    PanelError
        Fewer than four years, a city in which a variable does not change, missing cells, two
        variables of one name.
    """
    rows = {name: _row(wide) for name, wide in each_by_year(panel, variables).items()}
    return pd.DataFrame(rows).T.rename_axis("variable")


def _row(wide: pd.DataFrame) -> dict[str, float]:
    T = wide.shape[1]
    if T < YEARS:
        raise PanelError(f"a correlation over time needs {YEARS} years at least; there are {T}.")
    spread = wide.std(axis=1)
    constant = list(wide.index[spread <= 1e-12 * wide.abs().max(axis=1)])
    if constant:
        raise PanelError(
            f"{wide.attrs['name']!r} does not change over time in {named(constant)}: it has no "
            "correlation there. Leave these cities or the variable out."
        )
    cd, r = cross_dependence(wide.to_numpy())
    p = 2 * norm.sf(abs(cd))
    return {"cd": cd, "p": p, "r": float(r.mean()), "abs_r": float(np.abs(r).mean())}
