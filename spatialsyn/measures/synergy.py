"""Industrial synergy as coupling coordination of subsystems.

    C = n (prod U_i)^(1/n) / sum U_i          coupling degree
    T = sum a_i U_i                           level of development
    D = sqrt(C T)                             coupling coordination

Many papers print C without the factor n (Liu 2017, Journal of Huaiyin Teachers College 16(1):
about half of 379 erred), so that C cannot exceed 1/n and D shrinks by 1/sqrt(n); here C lies
in [0, 1]. The modified degree of Wang et al. (2021, Journal of Natural Resources 36(3), 793-810)
spreads C over [0, 1] where the original crowds near one:

    C_mod = sqrt( [1 - sum_{i>j} |U_i - U_j| / (n(n-1)/2)] (prod U_i / max U)^(1/(n-1)) )

C alone says nothing of the level: U = (0.01, 0.01) has C = 1. Report T and D. The ten
grades of D are those of the literature, steps of 0.1: a label, not a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, check_flag, expect
from spatialsyn.measures.columns import by_city_year
from spatialsyn.measures.composite import Columns, Composite, composite, signed_columns
from spatialsyn.measures.normalise import Over
from spatialsyn.measures.weighting import Method, is_own, methods_within
from spatialsyn.numerics.lags import Array

if TYPE_CHECKING:
    from spatialsyn.measures.redraw import Redrawn
    from spatialsyn.measures.sensitivity import Sensitivity

# Names of D = [0, 0.1), [0.1, 0.2), ..., [0.9, 1].
GRADES = (
    "extreme imbalance", "severe imbalance", "moderate imbalance", "mild imbalance",
    "near imbalance", "bare coordination", "primary coordination",
    "intermediate coordination", "good coordination", "excellent coordination",
)  # fmt: skip
# Scores this far beyond [0, 1] are rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Coupling:
    """Coupling C, level T and coordination D by (city, year), and what they are made of.

    Attributes
    ----------
    C, T, D : Series by (city, year)
    parts : name -> Composite, the subsystems
    importance : a_i by subsystem
    modified : whether C is the modified degree
    """

    C: pd.Series
    T: pd.Series
    D: pd.Series
    parts: Mapping[str, Composite]
    importance: pd.Series
    modified: bool

    @property
    def score(self) -> pd.Series:
        """The coordination D."""
        return self.D

    @property
    def subsystems(self) -> pd.DataFrame:
        """Scores U_i of the subsystems."""
        return pd.DataFrame({name: part.score for name, part in self.parts.items()})

    @property
    def weights(self) -> dict[str, pd.Series]:
        """Weights of the indicators within each subsystem."""
        return {name: part.weights for name, part in self.parts.items()}

    @property
    def method(self) -> Method:
        """How indicators are weighted: the same in all subsystems, or the own weights of all."""
        own: dict[str, float] = {}
        for part in self.parts.values():
            if not is_own(part.method, part.indicators):
                return part.method
            own |= part.method
        return own

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns the subsystems are made of."""
        return tuple(name for part in self.parts.values() for name in part.indicators)

    @property
    def normalised(self) -> pd.DataFrame:
        """All indicators on their common scale."""
        return pd.concat([part.normalised for part in self.parts.values()], axis=1)

    @property
    def grades(self) -> pd.Series:
        """The grade of D in ten steps."""
        return grades(self.D)

    def but(self, **changes: Any) -> Coupling:
        """The index with some arguments of `coupling` changed."""
        first = next(iter(self.parts.values()))
        given: dict[str, Any] = {
            "subsystems": {name: part.signs for name, part in self.parts.items()},
            "importance": self.importance.to_dict(), "modified": self.modified,
            "method": self.method, "origin": first.origin, "over": first.over,
        }  # fmt: skip
        return coupling(first.panel, **(given | changes))

    def sensitivity(self) -> Sensitivity:
        """The index without each indicator, and under other weights, scales and degrees."""
        from spatialsyn.measures.sensitivity import sensitivity

        return sensitivity(self)

    def redrawn(self, redraw: str = "indicators", draws: int = 200, seed: int = 0) -> Redrawn:
        """The index with its indicators or weights drawn anew, see `ss.index_uncertainty`."""
        from spatialsyn.measures.redraw import redrawn

        return redrawn(self, redraw, draws, seed)

    def columns(self, name: str) -> dict[str, pd.Series]:
        """What the index adds to a panel."""
        return {name: self.D, f"{name}_C": self.C, f"{name}_T": self.T}

    def __repr__(self) -> str:
        kind = "modified" if self.modified else "standard"
        parts = "; ".join(f"{name}: {', '.join(p.indicators)}" for name, p in self.parts.items())
        return f"Coupling ({kind} C) of {parts}"


def coupling(
    panel: CityPanel,
    subsystems: Mapping[str, Columns],
    importance: Mapping[str, float] | None = None,
    method: Method = "entropy",
    modified: bool = False,
    origin: str = "minimum",
    over: Over = "pooled",
) -> Coupling:
    """Coupling coordination of subsystems, each a composite of its indicators.

    Parameters
    ----------
    subsystems : name -> indicators
        A mapping column -> sign, a list of columns (all positive), or one column.
    importance : name -> a_i, optional
        Weights of the subsystems in T, positive and summing to one; equal by default.
    method : how indicators are weighted within a subsystem, see `composite`
        Your own weights are a mapping of the indicators of all subsystems; they sum to one
        within each.
    modified : use the modified C of Wang et al. (2021)
    origin : "minimum" | "zero", see `minmax`; a subsystem of one indicator has a city-year
        with U = 0, hence C = D = 0, unless the origin is zero
    over : "pooled" | "year" | list of reference years, see `composite`

    Raises
    ------
    PanelError
        Fewer than two subsystems, an indicator in two of them, weights that do not sum to
        one, or scores outside [0, 1], which reference years may give.
    """
    check_flag("modified", modified, PanelError)
    signs = signed_subsystems(subsystems)
    shares = _importance(signs, importance)
    how = methods_within(method, signs)
    parts = {name: composite(panel, s, how[name], origin, over) for name, s in signs.items()}
    U = np.column_stack([part.score.to_numpy() for part in parts.values()])
    C = modified_coupling_degree(U) if modified else coupling_degree(U)
    T = U @ shares
    return Coupling(
        C=by_city_year(panel, C, "C"),
        T=by_city_year(panel, T, "T"),
        D=by_city_year(panel, np.sqrt(C * T), "D"),
        parts=parts,
        importance=pd.Series(shares, index=list(parts), name="importance"),
        modified=modified,
    )


def signed_subsystems(subsystems: Mapping[str, Columns]) -> dict[str, dict[str, int]]:
    """Subsystem -> indicator -> sign; two subsystems at least, and no indicator in both."""
    what = "subsystems is a mapping of names to indicators, such as {'industry': ['output']}"
    expect(subsystems, Mapping, what, PanelError)
    if len(subsystems) < 2:
        raise PanelError(f"synergy needs two subsystems at least; got {list(subsystems)}.")
    signs = {name: signed_columns(listed) for name, listed in subsystems.items()}
    for a, b in combinations(signs, 2):
        both = set(signs[a]) & set(signs[b])
        if both:
            raise PanelError(
                f"the subsystems {a!r} and {b!r} share {sorted(both)}: they would be coupled by "
                "construction. Give each indicator to one subsystem."
            )
    return signs


def grades(D: pd.Series) -> pd.Series:
    """The grade of each coordination degree, an ordered category in ten steps of 0.1."""
    outside = ~D.between(0, 1 + ROUNDING)
    if outside.any():
        raise PanelError(f"grades need degrees in [0, 1]; {int(outside.sum())} are not.")
    # Rounded first: 0.3 as a square root may be stored as 0.29999999999999998.
    step = np.minimum((D.to_numpy() * 10).round(9).astype(int), 9)
    kind = pd.CategoricalDtype(list(GRADES), ordered=True)
    return pd.Series([GRADES[i] for i in step], index=D.index, name="grade", dtype=kind)


def coupling_degree(U: Array) -> Array:
    """C = n (prod U)^(1/n) / sum U over the last axis of `U`, scores in [0, 1].

    Zero where one subsystem is zero (and where all are: 0/0 is read as no coupling).
    """
    U = _scores(U)
    n = U.shape[-1]
    geometric, total = root_of_product(U, n), U.sum(axis=-1)
    return np.divide(n * geometric, total, out=np.zeros_like(total), where=total > 0)


def modified_coupling_degree(U: Array) -> Array:
    """The modified C of Wang et al. (2021) over the last axis of `U`, scores in [0, 1]."""
    U = _scores(U)
    n = U.shape[-1]
    apart = sum(np.abs(U[..., i] - U[..., j]) for i, j in combinations(range(n), 2))
    closeness = 1 - apart / (n * (n - 1) / 2)
    top = U.max(axis=-1, keepdims=True)
    relative = np.divide(U, top, out=np.zeros_like(U), where=top > 0)
    return np.sqrt(closeness * root_of_product(relative, n - 1))


def root_of_product(x: Array, root: int) -> Array:
    """(prod x)^(1/root) over the last axis of non-negative `x`, by logarithms.

    The product itself may be too small for a number where its root is not.
    """
    logs = np.log(np.where(x > 0, x, 1.0)).sum(axis=-1)
    return np.where((x > 0).all(axis=-1), np.exp(logs / root), 0.0)


def _scores(U: Array) -> Array:
    U = np.asarray(U, dtype=float)
    if U.ndim == 0 or U.shape[-1] < 2:
        raise PanelError("coupling needs the scores of two subsystems at least, on the last axis.")
    if not ((U >= -ROUNDING) & (U <= 1 + ROUNDING)).all():
        raise PanelError(
            f"scores run from {np.nanmin(U):.3g} to {np.nanmax(U):.3g}; they must lie in [0, 1]. "
            "Limits frozen on reference years can be exceeded later: normalise over more years."
        )
    return U.clip(0, 1)


def _importance(
    subsystems: Mapping[str, Mapping[str, int]], importance: Mapping[str, float] | None
) -> Array:
    if importance is None:
        return np.full(len(subsystems), 1 / len(subsystems))
    if set(importance) != set(subsystems):
        raise PanelError(
            f"importance names {sorted(importance)}, the subsystems are {sorted(subsystems)}."
        )
    shares = np.array([importance[name] for name in subsystems], dtype=float)
    if not (shares > 0).all() or abs(shares.sum() - 1) > 1e-9:
        raise PanelError(f"importance must be positive and sum to one; it is {dict(importance)}.")
    return shares
