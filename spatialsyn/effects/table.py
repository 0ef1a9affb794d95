"""The noun `Effects`: a tidy table of effects with their joint uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from spatialsyn.errors import ModelError, expect, named, percent
from spatialsyn.notebook import as_html
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.randomness import generator

# Four significant digits: units of x may make an effect any size.
DIGITS = "{:.4g}"
# Rows that are printed, and how many from either end of longer tables.
MOST, ENDS = 100, 10
# The average effects, in the order of every table.
EFFECTS = ("direct", "indirect", "total")
# The columns that tell the rows of one effect apart.
KEYS = ("x", "channel", "to", "from", "city", "band", "horizon", "order", "path")
# A difference this small beside its parts is rounding.
ROUNDING = 1e-12
# How `about` begins to tell of joint intervals.
JOINT = "intervals hold jointly"
# Where intervals are those of a profile likelihood, errors those of the delta method.
PROFILE = "profile"
# Draws of the largest deviation behind joint intervals.
DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Effects:
    """A tidy table of effects with their uncertainty.

    Attributes
    ----------
    table : DataFrame
        Columns ``x, effect`` and, by block or pair, ``to, from``; by city ``city``; by channel
        ``channel``; then ``estimate, se, low, high, p``. Changing this copy changes no effects.
    level : coverage of the intervals ``low .. high``
    method : "delta" | "simulation" | "bootstrap" | "profile", intervals of a profile likelihood
    spread : (rows, k), times its transpose the covariance of the rows
    draws : (size, rows) simulated effects, None under the delta method
    rejected : share of draws outside the interval of rho
    seed : seed of the simulation, None under the other methods
    note : advice on how far the intervals carry, empty when there is none
    about : what an entry means, where there is more than one way to count
    per : "receiver" | "source" | "share", what effects by block are counted per; None of others
    years : which years of a change of x they are of, in dynamic models
    of : (2, q) parameters that the effects are of, and their standard errors, by which the
        same results are known again; None where several results stand behind the effects
    """

    table: pd.DataFrame
    level: float
    method: str
    spread: Array
    note: str = ""
    draws: Array | None = None
    rejected: float = 0.0
    seed: int | None = None
    about: str = ""
    per: str | None = None
    years: str = ""
    of: Array | None = None

    def tidy(self) -> pd.DataFrame:
        """The table, as a copy."""
        return self.table.copy()

    def __getitem__(self, effect: str) -> pd.DataFrame:
        """The rows of one effect, indexed by what tells them apart (x, city, or to and from)."""
        known = list(dict.fromkeys(self.table["effect"]))
        if effect not in known:
            raise ModelError(f"there is no effect {effect!r} here; there are {', '.join(known)}.")
        rows = self.table[self.table["effect"] == effect].drop(columns="effect")
        keys = [key for key in KEYS if key in rows]
        if len(keys) > 1 and rows["x"].nunique() == 1:
            keys, rows = keys[1:], rows.drop(columns="x")
        return rows.set_index(keys)

    def test(self, *rows: Mapping[str, Any]) -> HypothesisTest:
        """Test effects jointly: one selection is zero, or two are equal row by row.

        Parameters
        ----------
        rows : one or two mappings from columns of the table to values
            ``test({"effect": "indirect", "to": "periphery"})``: these are all zero;
            ``test({"effect": "indirect", "to": "GBA", "from": "periphery"},
            {"effect": "indirect", "to": "periphery", "from": "GBA"})``: they are equal.

        Raises
        ------
        ModelError
            A column or value that the table does not have, selections of different size.
        """
        if len(rows) not in (1, 2):
            raise ModelError("test takes one selection of rows (zero) or two (equal).")
        what = "test takes mappings from columns to values, {'effect': 'indirect'}"
        for selection in rows:
            expect(selection, Mapping, what, ModelError)
        chosen = [rows_of(self.table, selection) for selection in rows]
        words = [", ".join(f"{k} {v}" for k, v in selection.items()) for selection in rows]
        parts = [(self.table["estimate"].to_numpy()[at], self.spread[at]) for at in chosen]
        if len(rows) == 1:
            value, moved = parts[0]
            return wald(f"effects of [{words[0]}] are zero", value, moved @ moved.T)
        if len(chosen[0]) != len(chosen[1]):
            raise ModelError(
                f"[{words[0]}] selects {len(chosen[0])} effects, [{words[1]}] {len(chosen[1])}: "
                "effects are compared one with one."
            )
        null = f"effects of [{words[0]}] equal [{words[1]}]"
        value, moved = _difference(*parts)
        if not (value.any() or moved.any()):
            why = "they are equal by construction, as totals are where rows of W sum to one"
            return HypothesisTest(null, np.nan, 0, np.nan, why)
        return wald(null, value, moved @ moved.T)

    def jointly(self, seed: int = 0) -> Effects:
        """The same effects with intervals that hold all of the table at once.

        The half width is the quantile of the largest of all standardised deviations (sup-t;
        Montiel Olea & Plagborg-Moller 2019), simulated from their joint normal distribution.
        A curve drawn through a band of these has the stated coverage as a whole. Intervals of
        a profile likelihood are widened on each side by as much as normal ones would be.
        """
        profiled = self.method == PROFILE
        if profiled and JOINT in self.about:
            return self
        table, spread = self.table.copy(), self.spread
        se = np.sqrt((spread**2).sum(axis=1))
        unit = spread[se > 0] / se[se > 0, None]
        normal = generator(seed).standard_normal((DRAWS, unit.shape[1]))
        largest = np.abs(normal @ unit.T).max(axis=1, initial=0.0)
        half = np.quantile(largest, self.level)
        low, at, high = table[["low", "estimate", "high"]].to_numpy().T
        below, above = se, se
        if profiled:
            one = ndtri((1 + self.level) / 2)
            below, above = (at - low) / one, (high - at) / one
        table["low"], table["high"] = at - half * below, at + half * above
        joint = f"{JOINT} for the {len(table)} effects, seed {seed}"
        about = "; ".join(filter(None, [self._about_entries, joint]))
        return replace(self, table=table, about=about)

    def shares(self) -> Effects:
        """Every effect as a share of the sum of its regressor's effects, totals aside.

        The p-value is that of a share of zero. Where parts differ in sign a share may lie
        below zero or above one; where the sum is not told from zero it means little, and
        its interval says so.

        Raises
        ------
        ModelError
            Effects by block that are averages over cities: ``effects(by=..., per="share")``.
        """
        if self.per not in (None, "share"):
            raise ModelError(
                f"effects by block per {self.per} are averages over cities, which are no parts of "
                'one sum: results.effects(..., per="share") has the shares of blocks.'
            )
        table, spread = self.table.copy(), self.spread
        parts = (table["effect"] != "total").to_numpy()
        value, moved = np.array(table["estimate"], dtype=float), np.array(spread)
        drawn = None if self.draws is None else self.draws.copy()
        for x in table["x"].unique():
            own = (table["x"] == x).to_numpy()
            whole, of_whole = value[own & parts].sum(), spread[own & parts].sum(axis=0)
            value[own] /= whole
            taken = value[own, None] * of_whole
            left = spread[own] - taken
            # What W alone decides (totals of blocks whose rows sum to one) has rounding left.
            size = np.linalg.norm(taken, axis=1)
            left[np.linalg.norm(left, axis=1) <= ROUNDING * size] = 0
            moved[own] = left / whole
            if drawn is not None:
                drawn[:, own] /= drawn[:, own & parts].sum(axis=1, keepdims=True)
        made = replace(self, table=table.assign(estimate=value), draws=drawn).with_spread(moved)
        if drawn is None:
            return made
        tails = [(1 - self.level) / 2, (1 + self.level) / 2]
        low, high = np.quantile(drawn, tails, axis=0)
        return replace(made, table=made.table.assign(low=low, high=high))

    def discoveries(self) -> Effects:
        """The same effects with ``q``, the p-values of all indirect ones of a regressor adjusted.

        Calling every effect with q < 0.05 significant is wrong for 5 % at most of those called, on
        average, however many pairs there are (Benjamini & Hochberg 1995; effects that depend on
        each other positively: Benjamini & Yekutieli 2001).
        """
        from scipy.stats import false_discovery_control

        table = self.table.assign(q=np.nan)
        for x in table["x"].unique():
            rows = (table["x"] == x) & (table["effect"] == "indirect") & table["p"].notna()
            if rows.any():
                table.loc[rows, "q"] = false_discovery_control(table.loc[rows, "p"])
        return replace(self, table=table)

    def minus(self, other: Effects) -> Effects:
        """The differences of two tables of the same results, row by row, with their errors.

        Of two scenarios it says which does more, and whether the data can tell.

        Raises
        ------
        ModelError
            Effects of different results, whose errors are not those of the same parameters,
            or read in different ways.
        """
        expect(other, Effects, "minus takes other effects of the same results", ModelError)
        keys = [key for key in ("effect", *KEYS[1:]) if key in self.table]
        a, b = self.spread, other.spread
        alike = (self.method, self.seed, a.shape) == (other.method, other.seed, b.shape)
        alike = alike and _same(self.of, other.of) and self.per == other.per
        if not alike or not self.table[keys].equals(other.table.reindex(columns=keys)):
            raise ModelError("only effects of the same results, read the same way, are compared.")
        names = zip(self.table["x"], other.table["x"], strict=True)
        # Values of a moderator that differ are those of neither; x names both.
        at = [column for column in map(str, self.table) if column.startswith("at ")]
        apart = [column for column in at if not _in_both(column, self, other)]
        values = (effects.table["estimate"].to_numpy() for effects in (self, other))
        value, moved = _difference(*zip(values, (a, b), strict=True))
        table = self.table.drop(columns=apart).assign(
            x=[f"({one}) - ({two})" for one, two in names], estimate=value
        )
        made = replace(self, table=table, draws=None, seed=None, method="delta")
        return made.with_spread(moved)

    def with_spread(self, spread: Array) -> Effects:
        """The same estimates with errors, normal intervals and p-values from another `spread`."""
        columns = normal_columns(self.table["estimate"].to_numpy(), spread, self.level)
        table, about = self.table.assign(**columns), self._about_entries
        method = "delta" if self.method == PROFILE else self.method
        made = replace(self, table=table, spread=spread, about=about, method=method)
        return made.discoveries() if "q" in table else made

    @property
    def _about_entries(self) -> str:
        """`about` without the word that intervals hold jointly."""
        return "; ".join(part for part in self.about.split("; ") if not part.startswith(JOINT))

    def _about(self) -> list[str]:
        """How intervals were made, what an entry means, how far they carry."""
        how = f"{self.method}, {percent(self.level)} intervals"
        if self.draws is not None:
            seed = f", seed {self.seed}" if self.seed is not None else ""
            how += f", {len(self.draws)} draws{seed}, {self.rejected:.2%} rejected"
        return [f"({how})", *(line for line in (self.about, self.note) if line)]

    def to_text(self) -> str:
        """All rows as text; printed effects leave out the middle of long tables."""
        text = self.table.to_string(index=False, float_format=DIGITS.format)
        return "\n".join([text, *self._about()])

    def __repr__(self) -> str:
        text = self._ends.to_string(index=False, float_format=DIGITS.format)
        return "\n".join([text, *self._cut(), *self._about()])

    def _repr_html_(self) -> str:
        return as_html(self._ends, *self._cut(), *self._about(), digits=DIGITS)

    @property
    def _ends(self) -> pd.DataFrame:
        """The table, or the first and last rows of a long one."""
        table = self.table
        return table if len(table) <= MOST else pd.concat([table.head(ENDS), table.tail(ENDS)])

    def _cut(self) -> list[str]:
        """How much of the table is not shown."""
        count = len(self.table)
        said = f"first and last {ENDS} of {count} rows; all of them: .table, or print(.to_text())"
        return [said] if count > MOST else []


class _HandedOut:
    """The table as a field that every reader gets a copy of; pandas copies what is changed."""

    def __get__(self, effects: Effects | None, owner: type[Effects]) -> Any:
        return self if effects is None else effects.__dict__["_table"].copy(deep=False)

    def __set__(self, effects: Effects, table: pd.DataFrame) -> None:
        effects.__dict__["_table"] = table


Effects.table = _HandedOut()  # type: ignore[assignment]


def rows_of(table: pd.DataFrame, selection: Mapping[str, Any]) -> NDArray[np.intp]:
    """Places of the rows of `table` that have these values of its columns."""
    keep = np.ones(len(table), dtype=bool)
    for column, value in selection.items():
        if column not in table or not (table[column] == value).any():
            has = table.get(column, pd.Series(list(table.columns)))
            raise ModelError(
                f"no effects have {column} = {value!r}; there are {named(has.unique(), 30)}."
            )
        keep &= (table[column] == value).to_numpy()
    if not keep.any():
        raise ModelError(f"no effects are {dict(selection)} all at once.")
    return np.flatnonzero(keep)


def _in_both(column: str, one: Effects, other: Effects) -> bool:
    """Whether two tables have the same values of `column`."""
    return column in other.table and one.table[column].equals(other.table[column])


def _difference(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """Differences of effects, (rows,), and of their spreads, zero where only rounding is left.

    What W makes equal, such as the totals of blocks where its rows sum to one, differs by nothing.
    """
    value, moved = one[0] - other[0], one[1] - other[1]
    value[np.abs(value) <= ROUNDING * (np.abs(one[0]) + np.abs(other[0]))] = 0
    length = [np.linalg.norm(spread, axis=1) for spread in (moved, one[1], other[1])]
    moved[length[0] <= ROUNDING * (length[1] + length[2])] = 0
    return value, moved


def _same(one: Array | None, other: Array | None) -> bool:
    """Whether two effects are of the same results, as far as it is known."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True)


def normal_columns(value: Array, spread: Array, level: float) -> dict[str, Array]:
    """The columns of estimates with this `spread`: errors, normal intervals and p-values."""
    se = np.sqrt((spread**2).sum(axis=-1))
    half = ndtri((1 + level) / 2) * se
    # An effect that is zero by construction (the indirect effect of OLS) has no p-value.
    z = np.divide(np.abs(value), se, out=np.full_like(se, np.nan), where=se > 0)
    columns = {"estimate": value, "se": se, "low": value - half, "high": value + half}
    return columns | {"p": 2 * ndtr(-z)}
