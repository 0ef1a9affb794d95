"""Synergy of a composite system: do its subsystems gain order together?

    u_ji = (e_ji - b_ji) / (a_ji - b_ji)      order of component i (1 - u for a cost)
    u_j  = (prod_i u_ji)^(1/n_j)  or  sum_i w_i u_ji              order of subsystem j
    cm_t = s_t (prod_j |u_j,t - u_j,t0|)^(1/k),   s_t = sign min_j (u_j,t - u_j,t0)

with t0 the first year (base "fixed") or the year before ("adjacent"), after Meng & Han.
cm lies in [-1, 1] and measures change, not level. It is zero as soon as one subsystem
stands still (so 0/0 of the sign rule never matters), its sign is that of the worst
subsystem alone, and the first year is lost. Differences to the year before are moving
averages of order one by construction: say so when they enter a dynamic model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.measures.columns import by_city_year, check_number, check_panel, finite
from spatialsyn.measures.composite import Columns
from spatialsyn.measures.normalise import between, is_flat
from spatialsyn.measures.synergy import root_of_product, signed_subsystems
from spatialsyn.measures.weighting import Method, methods_within, weights_by
from spatialsyn.numerics.lags import Array

if TYPE_CHECKING:
    from spatialsyn.measures.redraw import Redrawn
    from spatialsyn.measures.sensitivity import Sensitivity

BASES = ("fixed", "adjacent")
GEOMETRIC = "geometric"
# Order degrees, in [0, 1], that differ by less are the same: a root would make rounding large.
STILL = 1e-13


@dataclass(frozen=True, eq=False, repr=False)
class SystemSynergy:
    """Synergy of a composite system by (city, year), missing in the first year.

    Attributes
    ----------
    score : Series, cm in [-1, 1]
    order : DataFrame, order degree of every subsystem in [0, 1]
    normalised : DataFrame, order degree of every component
    signs : subsystem -> component -> +1 or -1
    base, margin, method : as given to `composite_synergy`
    panel : the panel it was computed on
    """

    score: pd.Series
    order: pd.DataFrame
    normalised: pd.DataFrame
    signs: Mapping[str, Mapping[str, int]]
    base: str
    margin: float
    method: Method
    panel: CityPanel

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns the subsystems are made of."""
        return tuple(self.normalised.columns)

    @property
    def weights(self) -> dict[str, pd.Series]:
        """Weights of the components within each subsystem; none in a geometric mean."""
        if isinstance(self.method, str) and self.method == GEOMETRIC:
            return {}
        how, found = methods_within(self.method, self.signs), {}
        for name, listed in self.signs.items():
            made = weights_by(how[name], self.normalised[list(listed)].to_numpy(), list(listed))
            found[name] = pd.Series(made, index=list(listed), name="weight")
        return found

    def but(self, **changes: Any) -> SystemSynergy:
        """The index with some arguments of `composite_synergy` changed."""
        given: dict[str, Any] = {"subsystems": self.signs, "base": self.base}
        given |= {"margin": self.margin, "method": self.method}
        return composite_synergy(self.panel, **(given | changes))

    def sensitivity(self) -> Sensitivity:
        """The index without each component, and with other bases, limits and weights."""
        from spatialsyn.measures.sensitivity import sensitivity

        return sensitivity(self)

    def redrawn(self, redraw: str = "indicators", draws: int = 200, seed: int = 0) -> Redrawn:
        """The index with its components or their weights drawn anew, see `ss.index_uncertainty`."""
        from spatialsyn.measures.redraw import redrawn

        return redrawn(self, redraw, draws, seed)

    def columns(self, name: str) -> dict[str, pd.Series]:
        """What the index adds to a panel."""
        return {name: self.score}

    def __repr__(self) -> str:
        parts = "; ".join(f"{name}: {', '.join(listed)}" for name, listed in self.signs.items())
        return f"SystemSynergy ({self.base} base, {self.method}, margin {self.margin:g}) of {parts}"


def composite_synergy(
    panel: CityPanel,
    subsystems: Mapping[str, Columns],
    base: str = "fixed",
    margin: float = 0.05,
    method: Method = "geometric",
) -> SystemSynergy:
    """Synergy degree of a composite system.

    Parameters
    ----------
    subsystems : name -> order parameters, as in `coupling`
    base : "fixed" | "adjacent"
        Changes since the first year, or since the year before.
    margin : share by which the limits of a component lie beyond its extremes over all cells
        (0.05: 0.95 min and 1.05 max for positive data), so that no order degree is zero
        or one because of the sample alone.
    method : "geometric", or a method of `coupling` for a weighted sum

    Raises
    ------
    PanelError
        A panel of one year, fewer than two subsystems, a negative margin, components
        that are constant or have missing cells.
    """
    check_panel(panel)
    if panel.T < 2:
        raise PanelError("synergy of a composite system is a change: it needs two years at least.")
    check_number(margin, "margin")
    if base not in BASES or not margin >= 0:
        raise PanelError(
            f"base={base!r}, margin={margin!r}: there are {named(BASES)}, and margins from 0 on."
        )
    signs = signed_subsystems(subsystems)
    u = {
        name: np.stack([_order(panel, column, sign, margin) for column, sign in listed.items()], 2)
        for name, listed in signs.items()
    }
    how = methods_within(method, signs)
    order = np.stack([_subsystem(u[name], how[name], list(signs[name])) for name in u], axis=2)
    start = order[:, :1] if base == "fixed" else order[:, :-1]
    change = order[:, 1:] - start
    change[np.abs(change) < STILL] = 0
    sign = np.sign(change.min(axis=2))
    cm = np.full((panel.n, panel.T), np.nan)
    cm[:, 1:] = sign * root_of_product(np.abs(change), len(signs))
    index, names = panel.frame.index, [name for listed in signs.values() for name in listed]
    components = np.concatenate(list(u.values()), axis=2).reshape(-1, len(names))
    return SystemSynergy(
        by_city_year(panel, cm, "score"),
        pd.DataFrame(order.reshape(-1, len(signs)), index=index, columns=list(signs)),
        pd.DataFrame(components, index=index, columns=names),
        signs, base, margin, method, panel,
    )  # fmt: skip


def _order(panel: CityPanel, column: str, sign: int, margin: float) -> Array:
    """Order degree of one component, in [0, 1]."""
    e = finite(panel, column)
    low, high = float(e.min()), float(e.max())
    if is_flat(low, high):
        raise PanelError(f"{column!r} is {low:g} everywhere: it has no order to gain.")
    return between(e, low - margin * abs(low), high + margin * abs(high), sign)


def _subsystem(u: Array, method: Method, names: list[str]) -> Array:
    """Order degree of a subsystem from those of its components, (n, T, k)."""
    if isinstance(method, str) and method == GEOMETRIC:
        return root_of_product(u, u.shape[2])
    return np.asarray(u @ weights_by(method, u.reshape(-1, u.shape[2]), names))
