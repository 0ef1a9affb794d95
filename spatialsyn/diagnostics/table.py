"""The tests of a model as one table, with a sentence that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.errors import ModelError, named
from spatialsyn.notebook import paragraph
from spatialsyn.numerics.hypothesis import HypothesisTest

NOTHING = "–"
# Notes as long as this are said once.
LONG = 50


@dataclass(frozen=True, eq=False, repr=False)
class Diagnostics:
    """Specification tests of one model.

    Attributes
    ----------
    equation : the model in one line
    table : DataFrame, one row per test
        ``group, test, null, statistic, df, p, note``; numbers are missing where a test does not
        apply, and the note says why.
    moran : Moran's I of the residuals of every year, see `residual_moran_by_year`
    vif : variance inflation of every column of the model
    reading : what follows, in one sentence
    families : log-marginals and posterior probabilities of the families, see `posterior`
        They compare models that are equally likely before, and have no null and no p-value.
    """

    equation: str
    table: pd.DataFrame
    moran: pd.DataFrame
    vif: pd.Series
    reading: str
    families: Probabilities

    def __getitem__(self, test: str) -> HypothesisTest:
        """One test by its name in the table."""
        rows = self.table[self.table["test"] == test]
        if rows.empty:
            raise ModelError(
                f"there is no test {test!r}; there are {named(self.table['test'], 50)}."
            )
        row = rows.iloc[0]
        return HypothesisTest(row["null"], row["statistic"], row["df"], row["p"], row["note"])

    def tidy(self) -> pd.DataFrame:
        """The table, as a copy."""
        return self.table.copy()

    def __repr__(self) -> str:
        shown = self._shown()
        width = [max(len(str(v)) for v in (name, *shown[name])) for name in shown]
        lines = [self.equation]
        for group, rows in shown.groupby(self.table["group"], sort=False):
            lines += ["", str(group)]
            for row in rows.itertuples(index=False):
                cells = [str(v).ljust(w) for v, w in zip(row, width, strict=True)]
                lines.append(f"  {'  '.join(cells)}".rstrip())
        return "\n".join([*lines, "", *self._more(), "", self.reading])

    def _repr_html_(self) -> str:
        shown, parts = self._shown(), [f"<p><code>{escape(self.equation)}</code></p><table>"]
        head = "".join(f"<th style='text-align:left'>{escape(str(name))}</th>" for name in shown)
        parts.append(f"<thead><tr>{head}</tr></thead><tbody>")
        for group, rows in shown.groupby(self.table["group"], sort=False):
            title = (
                f"<th colspan='{shown.shape[1]}' style='text-align:left'>{escape(str(group))}</th>"
            )
            parts.append(f"<tr>{title}</tr>")
            for row in rows.itertuples(index=False):
                first, *rest = (escape(str(v)) for v in row)
                cells = "".join(f"<td style='text-align:left'>{v}</td>" for v in rest)
                name = f"<td style='text-align:left;white-space:nowrap'>{first}</td>"
                parts.append(f"<tr>{name}{cells}</tr>")
        more = "".join(paragraph([line]) for line in self._more())
        return "".join([*parts, "</tbody></table>", more, f"<p><b>{escape(self.reading)}</b></p>"])

    def _shown(self) -> pd.DataFrame:
        """The table as text."""
        table = self.table
        return pd.DataFrame(
            {
                "test": table["test"],
                "H0": table["null"],
                "statistic": [_number(v, ".2f") for v in table["statistic"]],
                "df": [_number(v, "g") for v in table["df"]],
                "p": [_chance(v) for v in table["p"]],
                "note": self._notes(),
            }
        )

    def _notes(self) -> list[str]:
        """What is said beside each test: once, and then by the name of the test where it stands."""
        said: dict[str, str] = {}
        shown = []
        for test, note in zip(self.table["test"], self.table["note"], strict=True):
            first = said.setdefault(note, test)
            shown.append(note if test == first or len(note) < LONG else f"as for {first}")
        return shown

    def _more(self) -> list[str]:
        """The odds of the families, Moran's I by year and VIF, a line each."""
        lines = [_odds(self.families)]
        if len(self.moran):
            columns = (self.moran[name] for name in ("year", "I", "p"))
            values = ", ".join(
                f"{year} {moran:.2f}{'*' if p < 0.05 else ''}"
                for year, moran, p in zip(*columns, strict=True)
            )
            lines.append(f"Moran's I of the residuals by year (* p < 0.05): {values}")
        if len(self.vif):
            lines.append("VIF: " + ", ".join(f"{name} {v:.1f}" for name, v in self.vif.items()))
        return lines


def _odds(families: Probabilities) -> str:
    if families.table.empty:
        return f"No posterior probabilities of the families: {families.about}"
    odds = ", ".join(f"{name} {share:.3f} ({log:.2f})" for name, share, log in families.odds)
    return (
        "Posterior probabilities of the families, equally likely before, g-prior (log-marginals): "
        f"{odds}"
    )


def _number(value: float, form: str) -> str:
    return NOTHING if np.isnan(value) else f"{value:{form}}"


def _chance(p: float) -> str:
    return NOTHING if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
