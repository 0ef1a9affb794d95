"""A composite index: normalised indicators, weighted and added up.

The index is computed once, on the full sample, and robustness runs on subsets reuse it:
its scale depends on who is in the sample (design rule 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect, named
from spatialsyn.measures.normalise import minmax
from spatialsyn.measures.weighting import weights_by

SIGNS = {"+": 1, "-": -1, 1: 1, -1: -1, "+1": 1, "-1": -1}


@dataclass(frozen=True, eq=False)
class Composite:
    """An index and all that went into it.

    Attributes
    ----------
    score : Series by (city, year), in [0, 1]
    weights : Series by indicator, summing to one
    normalised : DataFrame, the indicators after min-max scaling over cities and years
    method : "entropy" | "equal"
    """

    score: pd.Series
    weights: pd.Series
    normalised: pd.DataFrame
    method: str

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns the index is made of."""
        return tuple(self.weights.index)

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {w:.3f}" for name, w in self.weights.items())
        return f"Composite ({self.method}, pooled min-max): {shares}"


def composite(
    panel: CityPanel,
    indicators: Mapping[str, int | str],
    method: str = "entropy",
    origin: str = "minimum",
) -> Composite:
    """Pooled composite index of several indicators.

    Parameters
    ----------
    indicators : mapping column -> +1 (more is more) or -1 (more is less); "+" and "-" too
    method : "entropy" | "equal"
    origin : "minimum" | "zero", see `minmax`

    Returns
    -------
    Composite
        `.score` lies in [0, 1]: 0 where every indicator is at its origin.

    Raises
    ------
    PanelError
        Missing cells, constant indicators, unknown columns or signs.

    Notes
    -----
    Min-max over all cities and years, weights from the pooled sample and frozen
    (measures differ between papers here, mostly without saying so).
    """
    what = "indicators is a mapping of columns to signs, such as {'gdp': +1, 'pollution': -1}"
    expect(indicators, Mapping, what, PanelError)
    if not indicators:
        raise PanelError("a composite needs at least one indicator.")
    odd = {name: sign for name, sign in indicators.items() if sign not in SIGNS}
    if odd:
        raise PanelError(f"the signs {odd} must be +1 or -1 ('+' or '-').")
    columns = {
        name: minmax(panel.array(name), SIGNS[sign], name, origin).ravel()
        for name, sign in indicators.items()
    }
    normalised = pd.DataFrame(columns, index=panel.frame.index)
    shares = weights_by(method, normalised.to_numpy())
    weights = pd.Series(shares, index=list(indicators), name="weight")
    score = pd.Series(normalised.to_numpy() @ shares, index=panel.frame.index, name="score")
    return Composite(score.clip(0, 1), weights, normalised, method)


def overlap(a: object, b: object) -> tuple[str, ...]:
    """Indicators that two indices share.

    If y and x are built from the same indicator, a regression of one on the other is
    partly an identity; the main study demands that there is none.
    """
    first, second = getattr(a, "indicators", None), getattr(b, "indicators", None)
    if first is None or second is None:
        raise PanelError(
            f"overlap compares two indices made by composite or coupling; got {named([a, b])}."
        )
    return tuple(sorted(set(first) & set(second)))
