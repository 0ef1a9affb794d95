"""The noun `WeightsSeries`: one weights matrix per year, over the same cities.

    y_t = rho W_t y_t + X_t beta + W_t X_t theta + ...

Every year keeps its own recipe, so that it stays visible from which data each came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, TypeAlias

import numpy as np

from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import Eigenvalues
from spatialsyn.weights.core import BESIDE, Weights, joint_base_years
from spatialsyn.weights.standardize import scaled_together

# Ways to scale that divide the matrices of all years by one number.
TOGETHER = ("spectral", "minmax")
# What the kind of a series ends with, after those of its matrices.
YEARLY = ", one for each year"


@dataclass(frozen=True, eq=False, repr=False)
class WeightsSeries:
    """One named weights matrix per year.

    Attributes
    ----------
    by_year : year -> Weights; all on the same cities, in the same order, with the same name
    name : what models and tables call the series
    """

    by_year: Mapping[int, Weights]
    name: str = "w"

    def __post_init__(self) -> None:
        expect(self.by_year, Mapping, f"series takes {{year: Weights}}, {EXAMPLE}", WeightsError)
        years = {_year(year): w for year, w in self.by_year.items()}
        if not years:
            raise WeightsError(f"a series needs at least one year: {EXAMPLE}.")
        for year, w in years.items():
            expect(w, Weights, f"the series needs Weights for {year}", WeightsError)
        ids = next(iter(years.values())).ids
        same = {year: self._member(year, years[year], ids) for year in sorted(years)}
        object.__setattr__(self, "by_year", same)

    def _member(self, year: int, w: Weights, ids: tuple[Any, ...]) -> Weights:
        """The matrix of one year, in the order and under the name of the series."""
        if set(w.ids) != set(ids):
            raise AlignmentError(
                f"the matrices of the series {self.name!r} list different cities: in {year} "
                f"without {named([i for i in ids if i not in set(w.ids)]) or 'none'}, foreign "
                f"{named([i for i in w.ids if i not in set(ids)]) or 'none'}. Keep the common "
                "cities in all: weights.subset(ids)."
            )
        ordered = w.aligned(ids)
        return ordered if ordered.name == self.name else replace(ordered, name=self.name)

    @property
    def years(self) -> tuple[int, ...]:
        """The years, ascending."""
        return tuple(self.by_year)

    @property
    def ids(self) -> tuple[Any, ...]:
        """The city ids, in the order of the rows of every year."""
        return self._first.ids

    @property
    def n(self) -> int:
        """Number of cities."""
        return self._first.n

    def at(self, year: int) -> Weights:
        """The matrix of one year.

        Raises
        ------
        WeightsError
            The series has no such year; no other year takes its place.
        """
        if year not in list(self.by_year):
            raise WeightsError(
                f"the series {self.name!r} has no matrix for {year!r}; it has {named(self.years)}."
            )
        return self.by_year[year]

    varies = True

    def over(self, years: Sequence[int]) -> Array:
        """The matrices of these years, (T, n, n)."""
        return np.stack([self.at(year).dense() for year in years])

    def logdet_over(self, years: Sequence[int]) -> Eigenvalues:
        """The mean over these years of ln|I - rho W|."""
        found = [self.at(year).spectrum for year in years]
        every = np.concatenate([f.eigenvalues for f in found])
        return Eigenvalues(every, len(found), max(f.norm for f in found))

    @cached_property
    def row_sums(self) -> Array:
        """Sum of every row, year after year."""
        return np.concatenate([w.row_sums for w in self.by_year.values()])

    @property
    def recipe(self) -> dict[str, Any]:
        """What the series is made of, for notes and tables."""
        kinds = dict.fromkeys(str(w.recipe.get("kind", "matrix")) for w in self.by_year.values())
        made = {"kind": BESIDE.join(kinds) + YEARLY, "base_years": self.base_years}
        olds = [w.recipe.get("renamed_from") for w in self.by_year.values()]
        before = ", ".join(dict.fromkeys(str(old) for old in olds if old))
        return made | ({"renamed_from": before} if before else {})

    @property
    def standardization(self) -> str:
        """How all years were standardised; "none" where they differ."""
        ways = {w.standardization for w in self.by_year.values()}
        return ways.pop() if len(ways) == 1 else "none"

    @property
    def standardizations(self) -> str:
        """All of them, in their order, see `Weights`; "row / minmax" where years differ."""
        return BESIDE.join(dict.fromkeys(w.standardizations for w in self.by_year.values()))

    @property
    def is_row_standardised(self) -> bool:
        """Whether every row of every year sums to one."""
        return all(w.is_row_standardised for w in self.by_year.values())

    @property
    def isolates(self) -> dict[int, tuple[Any, ...]]:
        """Cities without any neighbour, for the years that have some."""
        return {year: w.isolates for year, w in self.by_year.items() if w.isolates}

    @property
    def base_years(self) -> str | tuple[int, ...] | None:
        """All years whose data made any of the matrices."""
        return joint_base_years(self.by_year.values())

    @cached_property
    def hash(self) -> str:
        """Fingerprint of the years and their matrices."""
        parts = [f"{year}:{w.hash}" for year, w in self.by_year.items()]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    def standardize(self, how: str | Sequence[str] = "row") -> WeightsSeries:
        """Every year scaled; ``"row"`` and ``"column"`` year by year.

        ``"spectral"`` and ``"minmax"`` divide all years by one number, the largest of the
        years': dividing each by its own would change how strong the links of one year are
        beside those of another, which is what such a series is for.
        """
        if isinstance(how, list | tuple):
            return reduce(WeightsSeries.standardize, how, self)
        if how in TOGETHER:
            scaled = scaled_together(list(self.by_year.values()), how)
            return WeightsSeries(dict(zip(self.years, scaled, strict=True)), self.name)
        return WeightsSeries({y: w.standardize(how) for y, w in self.by_year.items()}, self.name)

    def rename(self, name: str) -> WeightsSeries:
        """The same matrices under another name."""
        return WeightsSeries({y: w.rename(name) for y, w in self.by_year.items()}, name)

    def aligned(self, ids: Sequence[Any]) -> WeightsSeries:
        """The same matrices, rows in the order of `ids`, which must be the same cities."""
        if tuple(ids) == self.ids:
            return self
        return WeightsSeries({y: w.aligned(ids) for y, w in self.by_year.items()}, self.name)

    def subset(self, ids: Iterable[Any]) -> WeightsSeries:
        """The links among some of the cities; see `Weights.subset`, and `standardize`."""
        keep, how = list(ids), self.standardization
        if how not in TOGETHER:
            return WeightsSeries({y: w.subset(keep) for y, w in self.by_year.items()}, self.name)
        plain = {y: replace(w, standardization="none") for y, w in self.by_year.items()}
        cut = {y: w.subset(keep) for y, w in plain.items()}
        return WeightsSeries(cut, self.name).standardize(how)

    @property
    def _first(self) -> Weights:
        return next(iter(self.by_year.values()))

    def __repr__(self) -> str:
        years = f"{self.years[0]}-{self.years[-1]}" if len(self.years) > 1 else str(self.years[0])
        return (
            f"WeightsSeries {self.name!r}: {self.n} cities, {len(self.years)} years ({years}), "
            f"standardised: {self.standardizations}, hash {self.hash}"
        )


# What a model may lag by: one matrix, or one for each year.
Links: TypeAlias = Weights | WeightsSeries

EXAMPLE = "ss.weights.series({2011: w2011, 2012: w2012}, name='net')"


def series(by_year: Mapping[int, Weights], name: str | None = None) -> WeightsSeries:
    """One matrix per year, all on the same cities.

    Parameters
    ----------
    by_year : year -> Weights, not standardised or all standardised alike
    name : what models call the series; may be left out where all matrices have one name

    Raises
    ------
    WeightsError
        Years that are no years, a mixture of standardisations, matrices of different names
        without `name`.
    AlignmentError
        The matrices list different cities.
    """
    made = WeightsSeries(by_year, "w" if name is None else name)
    listed = list(by_year.values())
    names = dict.fromkeys(w.name for w in listed)
    if name is None and len(names) > 1:
        raise WeightsError(
            f"the matrices have the names {named(names)}: say what the series is called, {EXAMPLE}."
        )
    ways = dict.fromkeys(w.standardization for w in listed)
    if len(ways) > 1:
        raise WeightsError(
            f"the matrices are standardised differently ({named(ways)}): rho would mean something "
            "else from year to year. Standardise the series: ss.weights.series(...).standardize()."
        )
    return made if name is not None else made.rename(next(iter(names)))


def _year(year: Any) -> int:
    """A year as a whole number."""
    if isinstance(year, bool) or not isinstance(year, int | np.integer):
        raise WeightsError(f"the years of a series are whole numbers; got {year!r}. {EXAMPLE}")
    return int(year)
