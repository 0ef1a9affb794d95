"""Regimes of city-years: which side of a number a column of the panel lies on.

    y = rho W y + x (beta_1 1{q <= g} + beta_2 1{q > g}) + W x (theta_1 ... + theta_2 ...) + ...

The indicator is that of the receiving city, as for regimes of cities: it multiplies x and
the lag W x of the city and year whose outcome is explained (Hansen 1999, Journal of
Econometrics 93, 345-368; the lag: ours).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError
from spatialsyn.models.roles import Regimes
from spatialsyn.numerics.lags import Array


def cut_at(regimes: Regimes, panel: CityPanel, years: Sequence[int]) -> dict[str, Array]:
    """0/1 of the city-years, (n, T), up to and above the number at which `regimes` cut.

    Raises
    ------
    ModelError
        Missing values, or a number that leaves one side empty.
    """
    name, above = regimes.grouping, regimes.above
    assert above is not None
    q = panel.array(name)[:, [panel.years.index(year) for year in years]]
    if np.isnan(q).any():
        raise ModelError(
            f"{name!r} has {int(np.isnan(q).sum())} missing values: every city-year needs a regime."
        )
    high = q > above
    if high.all() or not high.any():
        raise ModelError(
            f"no city-year lies {'up to' if high.all() else 'above'} {name} = {above:.6g}: {name} "
            f"runs from {q.min():.6g} to {q.max():.6g}, so there is one regime only."
        )
    sides = (f"{name} <= {above:.6g}", ~high), (f"{name} > {above:.6g}", high)
    return {label: side.astype(float) for label, side in sides}
