"""The panel: n cities observed in T years, checked once and never changed.

Ids, years and names are compared here, at one of the three doors of the package (the
others are making a `Weights` and building a `Design`). Below them order is fixed:
cities sorted, years sorted, arrays of shape (n, T).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.checks import (
    check_cells_are_numbers,
    check_columns,
    check_ids,
    check_key_names,
    check_keys,
    check_keys_are_columns,
    check_years,
)
from spatialsyn.cities.geodesy import all_km, places
from spatialsyn.cities.tidying import (
    block_of_each,
    column_of_blocks,
    matched_polygons,
    on_index,
    with_objects_as_numbers,
    with_rows,
    with_used_categories,
)
from spatialsyn.errors import PanelError, expect, listed, named
from spatialsyn.numerics.lags import Array

KEYS = ("city", "year")
ABSENT = ("refuse", "keep")
# What a column made by arithmetic may look like when it comes back to the panel.
Column = pd.Series | np.ndarray | float | int


class CityPanel:
    """n cities x T years, with polygons and named groupings of the cities.

    Parameters
    ----------
    frame : DataFrame
        One row per city and year, in any order.
    city, year : str
        Columns of `frame` that hold the city ids and the (integer) years.
    cities : GeoDataFrame, optional
        Polygons indexed by the same ids. Without them nothing geographic can be built.
        Polygons of other units are set aside in ``context``, for the maps.
    blocks : sequence of str
        Columns that group the cities (for example ``"region"``), taken from `frame` or
        from `cities`; constant over time.
    absent : "refuse" | "keep"
        City-years without a row between the first and the last year are refused, or become
        rows of missing cells, listed in ``absent``.

    Raises
    ------
    PanelError
        Duplicate, missing or unbalanced city-years, text where numbers belong, years
        that are not integers, a grouping that changes over time.
    AlignmentError
        The table and the polygons name different cities.
    BoundaryError
        Polygons without a CRS, duplicate ids, empty or invalid shapes.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        city: str = "adcode",
        year: str = "year",
        cities: Any = None,
        blocks: Iterable[str] = (),
        absent: str = "refuse",
    ) -> None:
        expect(
            frame,
            pd.DataFrame,
            "the table is a DataFrame (ss.read_panel reads files)",
            PanelError,
        )
        if absent not in ABSENT:
            raise PanelError(f"absent={absent!r} is not one of {named(ABSENT)}.")
        what = "blocks are columns, such as ['region'], or none, ()"
        blocks = (blocks,) if isinstance(blocks, str) else tuple(listed(blocks, what, PanelError))
        check_keys_are_columns(frame, city, year)
        check_columns(frame, (city, year, *frame.columns.unique()))
        frame = with_used_categories(frame, city)
        check_key_names(frame, city, year)
        check_ids(frame, city)
        years = check_years(frame, year)
        holes = check_keys(frame, city, years, absent)
        tidy = frame.assign(**{year: years}).rename(columns={city: "city", year: "year"})
        tidy = with_rows(tidy.set_index(list(KEYS)), holes, blocks).sort_index()
        tidy = with_objects_as_numbers(tidy, blocks)
        check_cells_are_numbers(tidy, ignore=blocks)
        self._frame, self.absent = tidy, tuple(holes)
        self._cities, self._context = matched_polygons(cities, self.ids, city)
        self._blocks = {name: column_of_blocks(name, self._frame, self._cities) for name in blocks}
        if self._cities is not None:  # maps draw the borders of the panel's groupings
            self._cities = self._cities.assign(**self._blocks)
        self._made = True

    def __setattr__(self, name: str, value: object) -> None:
        if getattr(self, "_made", False):
            raise PanelError(
                f"a panel does not change: panel.assign(...) and panel.subset(...) return a "
                f"new one; use them instead of setting {name!r}."
            )
        super().__setattr__(name, value)

    @property
    def frame(self) -> pd.DataFrame:
        """The table, indexed by city and year, sorted; changing this copy changes no panel."""
        return self._frame.copy(deep=False)

    @property
    def cities(self) -> Any:
        """The polygons, indexed by city, or None; changing this copy changes no panel."""
        return None if self._cities is None else self._cities.copy(deep=False)

    @property
    def context(self) -> Any:
        """Polygons beside the panel's cities, or None; changing this copy changes no panel."""
        return None if self._context is None else self._context.copy(deep=False)

    @property
    def blocks(self) -> dict[str, pd.Series]:
        """The groupings by name: block of each city; changing this copy changes no panel."""
        return {name: group.copy() for name, group in self._blocks.items()}

    @cached_property
    def ids(self) -> tuple[Any, ...]:
        """City ids, sorted."""
        return tuple(self._frame.index.unique("city"))

    @cached_property
    def years(self) -> tuple[int, ...]:
        """Years, sorted."""
        return tuple(int(year) for year in sorted(self._frame.index.unique("year")))

    @property
    def n(self) -> int:
        """Number of cities."""
        return len(self.ids)

    @property
    def T(self) -> int:
        """Number of years."""
        return len(self.years)

    @property
    def variables(self) -> tuple[str, ...]:
        """Numeric columns that are not groupings."""
        kinds = self._frame.dtypes
        flags = {name for name, kind in kinds.items() if pd.api.types.is_bool_dtype(kind)}
        return tuple(n for n in kinds.index if n in self.numeric - flags and n not in self._blocks)

    @cached_property
    def kilometres(self) -> Array:
        """Geodesic distances between all cities, (n, n), found once; not to be written to."""
        km = all_km(places(self._cities))
        km.setflags(write=False)
        return km

    @cached_property
    def columns(self) -> tuple[Any, ...]:
        """Names of all columns."""
        return tuple(self._frame.columns)

    @cached_property
    def numeric(self) -> frozenset[Any]:
        """Names of the columns that hold numbers."""
        types = self._frame.dtypes.items()
        return frozenset(name for name, kind in types if pd.api.types.is_numeric_dtype(kind))

    def array(self, column: str) -> Array:
        """One column as an array of shape (n, T), cities first."""
        check_columns(self._frame, (column,))
        values = self._frame[column]
        if column not in self.numeric:
            raise PanelError(f"{column!r} is text ({named(values.unique(), 3)}), not numbers.")
        return values.to_numpy(dtype=float).reshape(self.n, self.T)

    def at(self, year: int) -> pd.DataFrame:
        """The table of one year indexed by city, with polygons where the panel has them."""
        self._check_years((year,))
        table = pd.DataFrame(self.frame.xs(year, level="year"))
        if self.cities is None:
            return table
        fresh = [name for name in table.columns if name not in self.cities.columns]
        return self.cities.join(table[fresh])

    def mean(self, column: str, years: Iterable[int] | str | None = None) -> pd.Series:
        """Mean of `column` by city over `years` (``"all"`` for the whole sample).

        Years are listed one by one: ``(2011, 2015)`` are two years, ``range(2011, 2016)`` five.
        The years travel with the result (``.attrs["base_years"]``), so that a weights
        matrix made from it says when its data were observed.
        """
        chosen = self._years(years)
        values = self.array(column)[:, [self.years.index(year) for year in chosen]]
        holes = [self.ids[i] for i in np.flatnonzero(np.isnan(values).any(axis=1))]
        if holes:
            raise PanelError(
                f"{column!r} has missing cells in {chosen} for the cities {named(holes)}. "
                "Choose years without holes, or fill them first: panel.interpolate(...)."
            )
        mean = pd.Series(values.mean(axis=1), index=pd.Index(self.ids, name="city"), name=column)
        mean.attrs["base_years"] = chosen
        mean.attrs["sample_years"] = self.years
        return mean

    def assign(self, **columns: Column) -> CityPanel:
        """A new panel with added or replaced columns.

        A Series is matched on its (city, year) or city index; an array must be (n, T).
        """
        keys = [name for name in columns if name in KEYS]
        if keys:
            raise PanelError(f"{named(keys)} is a key of the panel: give the column another name.")
        frame = self.frame.copy()
        made = {name: self._aligned(name, values) for name, values in columns.items()}
        for name in [name for name in made if name in frame]:
            frame[name] = made.pop(name)
        if made:  # joined at once: pandas warns of many that are put in one by one
            frame = frame.join(pd.DataFrame(made, index=frame.index))
        if set(columns) & set(self._blocks):
            return self._with(frame)
        frame = with_objects_as_numbers(frame, self._blocks)
        check_cells_are_numbers(frame[list(columns)], ignore=())
        return self._beside(frame)

    def grouped(self, **blocks: pd.Series | Mapping[Any, Any]) -> CityPanel:
        """A new panel with added or replaced groupings: the block of each city, by its id.

        ``panel.grouped(zone={"440100": "core", ...})``, or a Series by city. Models are estimated
        on the new panel; `Results.effects` takes such a Series itself.
        """
        frame = self.frame
        for name, given in blocks.items():
            if name in KEYS or (name in frame and name not in self._blocks):
                raise PanelError(f"the panel has a column {name!r}: call the grouping otherwise.")
            by_city = block_of_each(name, given, self.ids)
            frame[name] = by_city.repeat(self.T).set_axis(frame.index)
        return self._with(frame, (*self._blocks, *blocks))

    def subset(
        self, ids: Iterable[Any] | None = None, years: Iterable[int] | None = None
    ) -> CityPanel:
        """The panel of some cities or some years, listed one by one: ``years=range(2011, 2020)``.

        Weights keep their cities: `weights.subset(ids)` cuts them too, and says what
        that does to them.
        """
        if isinstance(ids, str):
            raise PanelError(f"subset needs a list of ids: subset([{ids!r}]).")
        keep = self.ids if ids is None else listed(ids, "subset needs a list of ids", PanelError)
        foreign = [i for i in keep if i not in set(self.ids)]
        if foreign:
            raise PanelError(f"the panel has no cities {named(foreign)}; it has {named(self.ids)}.")
        what = "subset needs a list of years"
        chosen = self.years if years is None else listed(years, what, PanelError)
        self._check_years(chosen)
        gaps = sorted({*range(min(chosen, default=0), max(chosen, default=0))} - {*chosen})
        if gaps:
            raise PanelError(
                f"subset(years=...) leaves out {named(gaps)} between {min(chosen)} and "
                f"{max(chosen)}: the years of a panel follow each other, because lags in time need "
                f"the year before. Take years in a row: range({min(chosen)}, {max(chosen) + 1})."
            )
        index = self.frame.index
        rows = index.isin(keep, level="city") & index.isin(chosen, level="year")
        return self._with(self.frame[rows])

    def interpolate(self, column: str) -> CityPanel:
        """Fill holes inside a city's series linearly in time, flagged and beside the original.

        Adds ``<column>_interpolated`` and the flag ``<column>_is_interpolated`` (0 or 1);
        `column` itself keeps its holes, and holes at either end of a series stay.
        """
        wide = pd.DataFrame(self.array(column), index=list(self.ids), columns=list(self.years))
        filled = wide.interpolate(axis=1, limit_area="inside")
        values = filled.to_numpy(dtype=float)
        flag = np.isnan(wide.to_numpy(dtype=float)) & ~np.isnan(values)
        return self.assign(
            **{
                f"{column}_interpolated": values,
                f"{column}_is_interpolated": flag.astype(float),
            }
        )

    def audit(self, jump: float = 2.5) -> pd.DataFrame:
        """Holes, jumps and constants of every variable, one row per finding."""
        from spatialsyn.cities.audit import audit

        return audit(self, jump)

    def __repr__(self) -> str:
        first, *_, last = (*self.years, self.years[-1])
        years = f"x {self.T} years ({first}-{last})" if self.T > 1 else f"in {first}"
        head = f"{self.n} cities {years}, {len(self.variables)} variables"
        groups = []
        for name, group in sorted(self.blocks.items()):
            counts = group.value_counts()
            sizes = [f"{block} {counts[block]}" for block in sorted(counts.index, key=str)]
            groups.append(f"{name}: {', '.join(sizes)}")
        if self.absent:
            groups.append(f"no row for {len(self.absent)} of {self.n * self.T} city-years")
        return "; ".join([head, *groups])

    def _with(self, frame: pd.DataFrame, blocks: Iterable[str] = ()) -> CityPanel:
        """The same panel over another frame, grouped by what it was or by `blocks`."""
        everything = None if self.cities is None else pd.concat([self.cities, self.context])
        made = CityPanel(frame.reset_index(), "city", "year", everything, blocks or self._blocks)
        absent = tuple(key for key in self.absent if key in made._frame.index)
        object.__setattr__(made, "absent", absent)
        return made

    def _beside(self, frame: pd.DataFrame) -> CityPanel:
        """The same cities, years and groupings over another table of numbers, checked already."""
        made = object.__new__(CityPanel)
        for name in ("_cities", "_context", "_blocks", "ids", "years", "absent"):
            made.__dict__[name] = getattr(self, name)
        made.__dict__.update(_frame=frame, _made=True)
        return made

    def _aligned(self, name: str, values: Column) -> pd.Series | float:
        index = self.frame.index
        if isinstance(values, pd.Series):
            if values.index.nlevels == 2:
                return on_index(name, values, index)
            by_city = on_index(name, values, pd.Index(self.ids))
            return pd.Series(np.repeat(by_city.to_numpy(), self.T), index=index)
        if isinstance(values, np.ndarray):
            if values.shape != (self.n, self.T):
                raise PanelError(
                    f"the array for {name!r} has shape {values.shape}; the panel needs "
                    f"({self.n}, {self.T}): one row per city in the order of panel.ids."
                )
            return pd.Series(values.ravel(), index=index)
        if isinstance(values, bool) or not isinstance(values, (int, float, np.number)):
            raise PanelError(
                f"{name!r} needs a Series by (city, year) or city, an ({self.n}, {self.T}) array "
                f"or a number; got {type(values).__name__}. An index is assigned by its score: "
                "assign(va=va.score), assign(synergy=synergy.D)."
            )
        return float(values)

    def _years(self, years: Iterable[int] | str | None) -> tuple[int, ...]:
        if years is None or isinstance(years, str):
            if years != "all":
                raise PanelError(
                    f'years={years!r}: give a sequence of years, or "all". Weights take years '
                    "before the sample or at its start; those of all years are endogenous, a "
                    "function of what drives y (Qu & Lee 2015)."
                )
            return self.years
        chosen = tuple(listed(years, "years is a list such as [2011, 2012]", PanelError))
        if not chosen:
            raise PanelError('years is empty: give years, or "all".')
        self._check_years(chosen)
        if len(set(chosen)) < len(chosen):
            raise PanelError(f"years={list(chosen)} lists a year twice, which would count twice.")
        return chosen

    def _check_years(self, years: Iterable[int]) -> None:
        absent = [year for year in years if year not in self.years]
        if absent:
            kind = ", whole numbers and no text" if any(isinstance(y, str) for y in absent) else ""
            span = f"{self.years[0]}-{self.years[-1]}{kind}"
            raise PanelError(f"the panel has no years {named(absent)}; it has {span}.")
