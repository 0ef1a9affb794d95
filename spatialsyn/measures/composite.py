"""A composite index: normalised indicators, weighted and brought together.

    sum     score_it = sum_j w_j z_jit
    topsis  score_it = d(worst) / (d(worst) + d(best)), distances of (w_j z_jit) to 0 and w

The index is computed once, on the full sample, and robustness runs on subsets reuse it:
its scale depends on who is in the sample (design rule 7). `Composite.on` carries limits
and weights to another panel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect, named
from spatialsyn.measures.columns import by_city_year, check_panel, finite
from spatialsyn.measures.normalise import Over, between, check_over, limits_by_year, positions
from spatialsyn.measures.weighting import Method, topsis, weights_by
from spatialsyn.numerics.lags import Array

if TYPE_CHECKING:
    from spatialsyn.measures.redraw import Redrawn
    from spatialsyn.measures.sensitivity import Sensitivity

SIGNS = {"+": 1, "-": -1, 1: 1, -1: -1, "+1": 1, "-1": -1}
AGGREGATIONS = ("sum", "topsis")
CARRIED = "carried"
Indicators = Mapping[str, int | str]
# The same, or columns all of which are benefits: a list, or one.
Columns = Indicators | Sequence[str] | str


@dataclass(frozen=True, eq=False, repr=False)
class Composite:
    """An index and all that went into it.

    Attributes
    ----------
    score : Series by (city, year); in [0, 1] on the sample that the limits come from
    normalised : DataFrame, the indicators on their common scale, by (city, year)
    low, high : DataFrames, what became 0 and 1 of every indicator, by year
    weights_by_year : DataFrame; the rows differ only where every year stands by itself
    signs : +1 (benefit) or -1 (cost) by indicator
    method, origin, over, aggregation : as given to `composite`; `over` is "carried" where
        limits and weights come from another panel
    panel : the panel of the scores
    """

    score: pd.Series
    normalised: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    weights_by_year: pd.DataFrame
    signs: Mapping[str, int]
    method: Method
    origin: str
    over: str | tuple[int, ...]
    aggregation: str
    panel: CityPanel

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns the index is made of."""
        return tuple(self.signs)

    @property
    def weights(self) -> pd.Series:
        """Weights by indicator, summing to one; their mean over the years if they differ."""
        return self.weights_by_year.mean().rename("weight")

    @property
    def table(self) -> pd.DataFrame:
        """Sign, limits and weight of every indicator, for the paper; year means if they differ."""
        columns = {"sign": pd.Series(self.signs), "low": self.low.mean(), "high": self.high.mean()}
        return pd.DataFrame(columns | {"weight": self.weights}).rename_axis("indicator")

    def but(self, **changes: Any) -> Composite:
        """The index with some arguments of `composite` changed."""
        if self.over == CARRIED:
            raise PanelError(
                "this index was carried over from another panel. Change it there, and carry over "
                "the result: index.but(...).on(panel)."
            )
        return composite(self.panel, **({"indicators": self.signs} | self._how | changes))

    def on(self, panel: CityPanel) -> Composite:
        """The same index on another panel, with the limits and weights of this one.

        Its scores may lie outside [0, 1]: the other panel may go beyond the limits.
        """
        if self.over == "year":
            raise PanelError(
                "this index normalises every year by itself, so it has no limits to carry over. "
                'Use over="pooled" or reference years.'
            )
        low, high, weights = (
            np.repeat(frame.to_numpy()[:1], panel.T, axis=0)
            for frame in (self.low, self.high, self.weights_by_year)
        )
        z = _normalised(panel, self.signs, low, high)
        how = self._how | {"over": CARRIED}
        return _assembled(panel, z, (low, high, weights), self.signs, how)

    def sensitivity(self) -> Sensitivity:
        """The index without each indicator, and under other weights and normalisations."""
        from spatialsyn.measures.sensitivity import sensitivity

        return sensitivity(self.but())

    def redrawn(self, redraw: str = "indicators", draws: int = 200, seed: int = 0) -> Redrawn:
        """The index with its indicators or weights drawn anew, see `ss.index_uncertainty`."""
        from spatialsyn.measures.redraw import redrawn

        return redrawn(self, redraw, draws, seed)

    def columns(self, name: str) -> dict[str, pd.Series]:
        """What the index adds to a panel."""
        return {name: self.score}

    @property
    def _how(self) -> dict[str, Any]:
        names = ("method", "origin", "over", "aggregation")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {w:.3f}" for name, w in self.weights.items())
        over = self.over if isinstance(self.over, str) else f"{named(self.over)}"
        how = f"{self.method}, {over} min-max from the {self.origin}"
        return f"Composite ({how}, {self.aggregation}): {shares}"


def composite(
    panel: CityPanel,
    indicators: Indicators,
    method: Method = "entropy",
    origin: str = "minimum",
    over: Over = "pooled",
    aggregation: str = "sum",
) -> Composite:
    """Composite index of several indicators.

    Parameters
    ----------
    indicators : mapping column -> +1 (more is more) or -1 (more is less); "+" and "-" too
    method : "entropy" | "critic" | "variation" | "pca" | "equal"
        Or a list of them (geometric mean of their weights), a mapping method -> share
        (their sum), or a mapping indicator -> your own weight. PCA takes the first
        indicator as its anchor. See `weighting`.
    origin : "minimum" | "zero", see `minmax`
    over : "pooled" | "year" | list of reference years
        What limits and weights are computed over. "year" makes every year an index of its
        own; reference years freeze the scale, and scores may leave [0, 1].
    aggregation : "sum" | "topsis"

    Raises
    ------
    PanelError
        Missing cells, constant indicators, unknown columns, signs or methods.
    """
    check_panel(panel)
    signs = signed(indicators)
    if aggregation not in AGGREGATIONS:
        raise PanelError(f"aggregation={aggregation!r} is not one of {named(AGGREGATIONS)}.")
    over = check_over(panel, over)
    found = [limits_by_year(panel, name, origin, over) for name in signs]
    low, high = (np.column_stack(ends) for ends in zip(*found, strict=True))
    z = _normalised(panel, signs, low, high)
    if over == "year":
        weights = np.array([weights_by(method, z[:, t], list(signs)) for t in range(panel.T)])
    else:
        cells = z[:, positions(panel, over)].reshape(-1, len(signs))
        weights = np.tile(weights_by(method, cells, list(signs)), (panel.T, 1))
    how = {"method": method, "origin": origin, "over": over, "aggregation": aggregation}
    return _assembled(panel, z, (low, high, weights), signs, how)


def _assembled(
    panel: CityPanel,
    z: Array,
    scale: tuple[Array, Array, Array],
    signs: Mapping[str, int],
    how: Mapping[str, Any],
) -> Composite:
    """The index from normalised indicators, (n, T, k), their limits and weights, (T, k)."""
    weights = scale[2]
    score = topsis(z, weights) if how["aggregation"] == "topsis" else (z * weights).sum(axis=2)
    names = list(signs)
    low, high, weights_by_year = (
        pd.DataFrame(values, index=list(panel.years), columns=names) for values in scale
    )
    return Composite(
        score=by_city_year(panel, score, "score"),
        normalised=pd.DataFrame(z.reshape(-1, len(names)), index=panel.frame.index, columns=names),
        low=low,
        high=high,
        weights_by_year=weights_by_year,
        signs=signs,
        panel=panel,
        **how,
    )


def _normalised(panel: CityPanel, signs: Mapping[str, int], low: Array, high: Array) -> Array:
    """All indicators on their common scale, (n, T, k)."""
    columns = [
        between(finite(panel, name), low[:, j], high[:, j], sign)
        for j, (name, sign) in enumerate(signs.items())
    ]
    return np.stack(columns, axis=2)


def signed_columns(columns: Columns) -> dict[str, int]:
    """The signs as numbers; columns without a sign are benefits."""
    if isinstance(columns, Mapping):
        return signed(columns)
    return signed(dict.fromkeys([columns] if isinstance(columns, str) else columns, 1))


def signed(indicators: Indicators) -> dict[str, int]:
    """The signs as numbers."""
    what = "indicators is a mapping of columns to signs, such as {'gdp': +1, 'pollution': -1}"
    expect(indicators, Mapping, what, PanelError)
    if not indicators:
        raise PanelError("a composite needs at least one indicator.")
    odd = {name: sign for name, sign in indicators.items() if sign not in list(SIGNS)}
    if odd:
        raise PanelError(f"the signs {odd} must be +1 or -1 ('+' or '-').")
    return {name: SIGNS[sign] for name, sign in indicators.items()}
