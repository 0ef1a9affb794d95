"""Industrial synergy as coupling coordination of subsystems.

    C = n (prod U_i)^(1/n) / sum U_i          coupling degree
    T = sum a_i U_i                           level of development
    D = sqrt(C T)                             coupling coordination

About half of the papers that use it print C without the factor n, so that C cannot
exceed 1/n and D shrinks by 1/sqrt(n); here C lies in [0, 1]. The modified
degree of Wang et al. (2021, Journal of Natural Resources 36(3), 793-810) spreads
C over [0, 1] where the original crowds near one:

    C_mod = sqrt( [1 - sum_{i>j} |U_i - U_j| / (n(n-1)/2)] (prod U_i / max U)^(1/(n-1)) )

C alone says nothing of the level: U = (0.01, 0.01) has C = 1. Report T and D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, expect
from spatialsyn.measures.composite import composite
from spatialsyn.numerics.lags import Array

Indicators = Mapping[str, int | str] | Sequence[str] | str


@dataclass(frozen=True, eq=False)
class Coupling:
    """Coupling C, level T and coordination D by (city, year), and the subsystems' scores."""

    C: pd.Series
    T: pd.Series
    D: pd.Series
    subsystems: pd.DataFrame
    weights: Mapping[str, pd.Series]
    modified: bool

    @property
    def indicators(self) -> tuple[str, ...]:
        """Columns the subsystems are made of."""
        return tuple(dict.fromkeys(name for w in self.weights.values() for name in w.index))

    def __repr__(self) -> str:
        kind = "modified" if self.modified else "standard"
        parts = "; ".join(f"{name}: {', '.join(w.index)}" for name, w in self.weights.items())
        return f"Coupling ({kind} C) of {parts}"


def coupling(
    panel: CityPanel,
    subsystems: Mapping[str, Indicators],
    importance: Mapping[str, float] | None = None,
    method: str = "entropy",
    modified: bool = False,
    origin: str = "minimum",
) -> Coupling:
    """Coupling coordination of subsystems, each a composite of its indicators.

    Parameters
    ----------
    subsystems : name -> indicators
        A mapping column -> sign, a list of columns (all positive), or one column.
    importance : name -> a_i, optional
        Weights of the subsystems in T, positive and summing to one; equal by default.
    method : how indicators are weighted within a subsystem
    modified : use the modified C of Wang et al. (2021)
    origin : "minimum" | "zero", see `minmax`; a subsystem of one indicator has a city-year
        with U = 0, hence C = D = 0, unless the origin is zero

    Raises
    ------
    PanelError
        Fewer than two subsystems, an indicator in two of them, or weights that do not
        sum to one.
    """
    what = "subsystems is a mapping of names to indicators, such as {'industry': ['output']}"
    expect(subsystems, Mapping, what, PanelError)
    if len(subsystems) < 2:
        raise PanelError(f"coupling needs two subsystems at least; got {list(subsystems)}.")
    shares = _importance(subsystems, importance)
    made = {
        name: composite(panel, _signed(listed), method, origin)
        for name, listed in subsystems.items()
    }
    _check_disjoint({name: index.indicators for name, index in made.items()})
    U = np.column_stack([index.score.to_numpy() for index in made.values()])
    C = modified_coupling_degree(U) if modified else coupling_degree(U)
    T = U @ shares
    series = {"C": C, "T": T, "D": np.sqrt(C * T)}
    by_key = {name: pd.Series(v, index=panel.frame.index, name=name) for name, v in series.items()}
    return Coupling(
        **by_key,
        subsystems=pd.DataFrame(U, index=panel.frame.index, columns=list(made)),
        weights={name: index.weights for name, index in made.items()},
        modified=modified,
    )


def coupling_degree(U: Array) -> Array:
    """C = n (prod U)^(1/n) / sum U over the last axis of `U`, scores in [0, 1].

    Zero where one subsystem is zero (and where all are: 0/0 is read as no coupling).
    """
    U = _scores(U)
    n = U.shape[-1]
    geometric, total = np.prod(U, axis=-1) ** (1 / n), U.sum(axis=-1)
    return np.divide(n * geometric, total, out=np.zeros_like(total), where=total > 0)


def modified_coupling_degree(U: Array) -> Array:
    """The modified C of Wang et al. (2021) over the last axis of `U`, scores in [0, 1]."""
    U = _scores(U)
    n = U.shape[-1]
    apart = sum(np.abs(U[..., i] - U[..., j]) for i, j in combinations(range(n), 2))
    closeness = 1 - apart / (n * (n - 1) / 2)
    top = U.max(axis=-1, keepdims=True)
    relative = np.divide(U, top, out=np.zeros_like(U), where=top > 0)
    return np.sqrt(closeness * np.prod(relative, axis=-1) ** (1 / (n - 1)))


def _scores(U: Array) -> Array:
    U = np.asarray(U, dtype=float)
    if U.ndim == 0 or U.shape[-1] < 2:
        raise PanelError("coupling needs the scores of two subsystems at least, on the last axis.")
    if not ((U >= 0) & (U <= 1)).all():
        raise PanelError(
            f"scores run from {np.nanmin(U):.3g} to {np.nanmax(U):.3g}; they must lie in [0, 1]."
        )
    return U


def _signed(indicators: Indicators) -> Mapping[str, int | str]:
    if isinstance(indicators, str):
        return {indicators: 1}
    return indicators if isinstance(indicators, Mapping) else dict.fromkeys(indicators, 1)


def _importance(
    subsystems: Mapping[str, Indicators], importance: Mapping[str, float] | None
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


def _check_disjoint(indicators: Mapping[str, tuple[str, ...]]) -> None:
    for a, b in combinations(indicators, 2):
        both = set(indicators[a]) & set(indicators[b])
        if both:
            raise PanelError(
                f"the subsystems {a!r} and {b!r} share {sorted(both)}: they would be coupled by "
                "construction. Give each indicator to one subsystem."
            )
