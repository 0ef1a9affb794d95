"""How much an index depends on choices that no theory makes.

Each variant changes one choice and is compared with the index as it is:

    correlation  of all city-years
    within       of deviations from city and year means: what fixed effects leave
    rank         of the cities' ranks, mean over the years (Spearman)
    shift        most places that a city moves in the ranking of a year

A high correlation of levels may hide a low one within: look at what the model uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from spatialsyn.errors import PanelError
from spatialsyn.measures.composite import AGGREGATIONS, Composite
from spatialsyn.measures.normalise import ORIGINS, positions
from spatialsyn.measures.order import BASES, SystemSynergy
from spatialsyn.measures.relational import GreyRelation
from spatialsyn.measures.synergy import Coupling
from spatialsyn.measures.weighting import METHODS, entropy_weights
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.transform import sweep

# Constants added to normalised indicators before entropy weights are taken.
SHIFTS = (1e-6, 1e-4, 1e-2, 1.0)
MARGINS = (0.0, 0.05, 0.2)
RHOS = (0.1, 0.5, 1.0)
# The column of the index itself among the scores of its variants.
AS_IT_IS = "as it is"
# What is changed, into what, and the arguments of the index that do it.
Variant = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
    """An index beside its variants.

    Attributes
    ----------
    table : DataFrame
        ``part`` (what was changed), ``variant`` (into what), ``correlation, within, rank,
        shift``, and ``note``: why a variant does not exist.
    scores : DataFrame by (city, year), one column per variant, the index itself first
    """

    table: pd.DataFrame
    scores: pd.DataFrame

    def __repr__(self) -> str:
        return str(self.table.round(3).to_string(index=False))

    def _repr_html_(self) -> str:
        return as_html(self.table, digits="{:.3f}")


def sensitivity(index: Any) -> Sensitivity:
    """Every variant of an index: without each indicator, other weights, scales, forms."""
    changes = variants(index)
    base, rows, scores = index.score, [], {AS_IT_IS: index.score}
    for part, variant, change in changes:
        row: dict[str, Any] = {"part": part, "variant": variant}
        try:
            other = index.but(**change).score
        except PanelError as error:
            rows.append(row | {"note": str(error).split(": ")[0]})
            continue
        rows.append(row | compared(base, other) | {"note": ""})
        scores[f"{part}: {variant}"] = other
    columns = ["part", "variant", "correlation", "within", "rank", "shift", "note"]
    return Sensitivity(pd.DataFrame(rows, columns=columns), pd.DataFrame(scores))


def compared(base: pd.Series, other: pd.Series) -> dict[str, float]:
    """Correlations and the largest change of rank between two scores by (city, year)."""
    a, b = (score.unstack("year").dropna(axis=1).to_numpy() for score in (base, other))
    ranks = [np.apply_along_axis(rankdata, 0, x) for x in (a, b)]
    by_year = [_correlation(r, s) for r, s in zip(*(r.T for r in ranks), strict=True)]
    known = [value for value in by_year if not np.isnan(value)]
    return {
        "correlation": _correlation(a, b),
        "within": _correlation(*(sweep(x[..., None], "twoways") for x in (a, b))),
        "rank": float(np.mean(known)) if known else np.nan,
        "shift": float(np.abs(ranks[0] - ranks[1]).max()),
    }


@singledispatch
def variants(index: Any) -> Iterator[Variant]:
    """What is changed, into what, and the arguments that do it."""
    raise PanelError(f"sensitivity is defined for indices; got {type(index).__name__}.")


@variants.register
def _(index: Composite) -> Iterator[Variant]:
    for name in index.indicators if len(index.indicators) > 1 else ():
        yield "without", name, _without(index, name)
    yield from _weightings(index)
    yield from _normalisations(index)
    for shift in SHIFTS if index.method == "entropy" and index.over != "year" else ():
        yield "zero shift", f"{shift:g}", {"method": _shifted_weights(index, shift)}
    yield from _others("aggregation", AGGREGATIONS, index.aggregation)


@variants.register
def _(index: Coupling) -> Iterator[Variant]:
    first = next(iter(index.parts.values()))
    yield from _leaving_one_out({name: part.signs for name, part in index.parts.items()})
    yield from _weightings(first)
    yield from _normalisations(first)
    yield "degree", "standard" if index.modified else "modified", {"modified": not index.modified}


@variants.register
def _(index: SystemSynergy) -> Iterator[Variant]:
    yield from _leaving_one_out(index.signs)
    yield from _others("base", BASES, index.base)
    yield from _others("margin", MARGINS, index.margin)
    yield from _others("method", ("geometric", "equal", "entropy"), index.method)


@variants.register
def _(index: GreyRelation) -> Iterator[Variant]:
    for name in index.signs if len(index.signs) > 1 else ():
        yield "without", name, {"others": _less(index.signs, name)}
    yield from _others("rho", RHOS, index.rho)
    yield from _other_spans(index.over)


def _others(argument: str, known: Iterable[Any], current: Any) -> Iterator[Variant]:
    """The other values of an argument."""
    for value in known:
        if value != current:
            text = value if isinstance(value, str) else f"{value:g}"
            yield argument, text, {argument: value}


def _weightings(index: Composite) -> Iterator[Variant]:
    for _, name, change in _others("method", METHODS, index.method):
        yield "weighting", name, change


def _normalisations(index: Composite) -> Iterator[Variant]:
    for _, origin, change in _others("origin", ORIGINS, index.origin):
        yield "normalisation", "from zero" if origin == "zero" else "from the minimum", change
    yield from _other_spans(index.over)


def _other_spans(over: str | tuple[int, ...]) -> Iterator[Variant]:
    for other, text in (("pooled", "pooled"), ("year", "every year by itself")):
        if other != over:
            yield "normalisation", text, {"over": other}


def _without(index: Composite, name: str) -> dict[str, Any]:
    """Arguments of the index without an indicator; the user's own weights are scaled up."""
    change: dict[str, Any] = {"indicators": _less(index.signs, name)}
    if isinstance(index.method, Mapping) and set(index.method) == set(index.signs):
        left = _less(index.method, name)
        total = sum(left.values()) or 1.0  # weights of zero are refused by name
        change["method"] = {other: w / total for other, w in left.items()}
    return change


def _shifted_weights(index: Composite, shift: float) -> dict[str, float]:
    """Entropy weights of z + shift."""
    z = index.normalised.to_numpy().reshape(index.panel.n, index.panel.T, -1)
    cells = z[:, positions(index.panel, index.over)].reshape(-1, z.shape[2])
    return dict(zip(index.indicators, entropy_weights(cells + shift).tolist(), strict=True))


def _leaving_one_out(signs: Mapping[str, Mapping[str, int]]) -> Iterator[Variant]:
    """Subsystems without one indicator, for those that have several."""
    for subsystem, listed in signs.items():
        for name in listed if len(listed) > 1 else ():
            left = {**signs, subsystem: _less(listed, name)}
            yield "without", name, {"subsystems": left}


def _less(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in mapping.items() if other != name}


def _correlation(a: Array, b: Array) -> float:
    """Pearson's correlation; missing where one side does not vary."""
    a, b = np.ravel(a) - np.mean(a), np.ravel(b) - np.mean(b)
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 1e-15 else np.nan
