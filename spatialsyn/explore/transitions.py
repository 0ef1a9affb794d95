"""How cities move between classes from one year to the next.

Moves of the quadrants of a local Moran are of four types (Rey 2001, Geographical Analysis
33, 195-214): 0 nothing, I the city alone, II its neighbours alone, III both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from spatialsyn.errors import PanelError, named
from spatialsyn.explore.readings import years_of
from spatialsyn.notebook import as_html


@dataclass(frozen=True, eq=False, repr=False)
class Transitions:
    """Moves between classes, all years together.

    Attributes
    ----------
    counts : DataFrame, moves from the class of the row to that of the column
    moves : DataFrame, ``city, year`` (of arrival), ``from, to, type``
    """

    counts: pd.DataFrame
    moves: pd.DataFrame

    @property
    def probabilities(self) -> pd.DataFrame:
        """The share of moves from each class that end in each; NaN where none starts there."""
        return self.counts.div(self.counts.sum(axis=1).where(lambda total: total > 0), axis=0)

    @property
    def types(self) -> pd.Series:
        """The share of each type of move; zero for classes other than quadrants."""
        known = self.moves["type"].replace("", pd.NA).dropna()
        shares = known.value_counts(normalize=True)
        return shares.reindex(["0", "I", "II", "III"], fill_value=0.0).rename("share")

    def __repr__(self) -> str:
        return str(self.probabilities.round(3))

    def _repr_html_(self) -> str:
        return as_html(self.probabilities, digits="{:.3f}", index=True)


def transitions(wide: pd.DataFrame, classes: list[str]) -> Transitions:
    """Count the moves in `wide`, cities in rows and years in columns; none over a gap of years."""
    years = sorted(years_of(wide))
    pairs = [(before, now) for before, now in pairwise(years) if now - before == 1]
    if not pairs:
        raise PanelError(
            f"a move needs two years, one after the other; there is {named(years)} only."
        )
    parts = [
        pd.DataFrame(
            {"city": wide.index, "year": now, "from": wide[before], "to": wide[now]}
        ).reset_index(drop=True)
        for before, now in pairs
    ]
    moves = pd.concat(parts, ignore_index=True)
    moves["type"] = [_type(a, b) for a, b in zip(moves["from"], moves["to"], strict=True)]
    counts = pd.crosstab(moves["from"], moves["to"])
    return Transitions(counts.reindex(index=classes, columns=classes, fill_value=0), moves)


def _type(before: str, now: str) -> str:
    """Who moved: the city (the first letter), its neighbours (the second), or both."""
    if len(before) != 2 or len(now) != 2:
        return ""
    own, others = before[0] != now[0], before[1] != now[1]
    return {(False, False): "0", (True, False): "I", (False, True): "II"}.get((own, others), "III")
