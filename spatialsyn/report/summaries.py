"""Tables of one thing each: effects, the variables of a panel, weights matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.table import Effects
from spatialsyn.errors import PanelError, WeightsError, named
from spatialsyn.report.display import NONE, Display, Labels, fixed, number
from spatialsyn.report.layout import Row
from spatialsyn.report.notes import sample_notes, weights_notes
from spatialsyn.report.tables import Table
from spatialsyn.results import Results
from spatialsyn.weights.audit import examine, single
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

BY_BLOCK = (
    "Rows receive, columns send. Own: the response of a city to its own x, averaged over the "
    "block. From b: the response if x rose by one unit in every other city of block b. Each row "
    "sums to its total."
)
BY_CITY = (
    "Direct: the city's response to its own x. Received: its response if x rose by one unit in "
    "every other city. Emitted: the summed response of all other cities to its x. Net: emitted "
    "less received."
)
WEIGHTS_ROWS = {
    "kind": "Made from", "standardised": "Standardization", "cities": "Cities", "links": "Links",
    "density": "Density", "isolates": "Cities without neighbours", "components": "Components",
    "symmetric": "Symmetric", "asymmetry": "Asymmetry", "mean_neighbours": "Mean neighbours",
    "effective_neighbours": "Effective neighbours", "row_sum_min": "Smallest row sum",
    "row_sum_max": "Largest row sum", "rho_min": "Lower bound of ρ", "rho_max": "Upper bound of ρ",
    "eigenvalue_gap": "Eigenvalue gap", "base_years": "Base years", "unit": "Unit", "hash": "Hash",
}  # fmt: skip
WEIGHTS_PAIRS = {
    "overlap": "Correlation with W[{}]",
    "lag_overlap": "Correlation of lags with W[{}]",
    "crossing": "Weight between blocks ({})",
}


def effects_table(
    effects: Effects,
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    of: Results | None = None,
) -> Table:
    """One set of effects: averages, by block, by city or by pair.

    Averages and pairs print estimate, standard error, interval and p-value on one line.
    Blocks and cities print one row per receiver with standard errors below, since what a
    reader compares stands side by side; the intervals are in `frame`.

    Parameters
    ----------
    labels : print labels of variables, blocks and cities (as text)
    of : Results, optional
        The fit behind the effects: its weights, corrections and cities go into the notes.
    """
    how, tidy = Display(labels, digits), effects.table
    by_block = "to" in tidy and "total" in set(tidy["effect"]) and "channel" not in tidy
    if by_block or ("city" in tidy and "channel" not in tidy):
        columns, rows = _side_by_side(tidy, how, by_block)
        notes = [BY_BLOCK if by_block else BY_CITY, "Standard errors in parentheses."]
    else:
        columns = ("Estimate", "s.e.", f"{effects.level:.0%} interval", "p")
        rows, notes = _one_line_each(tidy, how), []
    notes.append(_method(effects))
    notes += sample_notes({"": of}) if of is not None else []
    notes += [effects.note] if effects.note else []
    default = "Effects by block" if by_block else "Effects by city" if "city" in tidy else "Effects"
    heading = default if title is None else title
    return Table(heading, columns, tuple(rows), tuple(notes), effects.tidy(), align="right")


def descriptives(
    panel: CityPanel,
    columns: str | Sequence[str],
    labels: Labels = None,
    units: Mapping[str, str] | None = None,
) -> Table:
    """Mean and spread of each variable, over everything, between cities and within them.

    With x_it observed in N city-years: overall s.d. over all cells (divisor N - 1);
    between s.d. of the city means over time (cities - 1); within s.d. of
    x_it - mean_i + grand mean (N - 1, and N = n T without holes). These are the
    definitions of Stata's ``xtsum``. Missing cells are left out and counted.

    Parameters
    ----------
    labels, units : mappings from column to print label and to unit

    Raises
    ------
    PanelError
        Columns that are absent or not numeric.
    """
    chosen = [columns] if isinstance(columns, str) else list(columns)
    absent = [name for name in chosen if name not in panel.variables]
    if absent:
        raise PanelError(
            f"the panel has no numeric column {named(absent)}; it has {named(panel.variables, 40)}."
        )
    frame = pd.DataFrame([_described(panel, name) for name in chosen])
    heads = ["Mean", "Overall s.d.", "Between s.d.", "Within s.d.", "Min", "Max", "N", "Missing"]
    how, rows = Display(labels), []
    for facts in frame.to_dict("records"):
        places = _places(facts["overall"])
        cells = [fixed(facts[key], places) for key in list(facts)[1:7]]
        cells += [fixed(facts["n"], 0), fixed(facts["missing"], 0)]
        unit = [(units or {}).get(facts["variable"], "")] if units else []
        rows.append(Row(how.label(facts["variable"]), (*unit, *cells)))
    notes = (
        f"{panel.n} cities, {panel.years[0]}–{panel.years[-1]}.",
        "Between: standard deviation of city means. Within: of the deviations from city means.",
    )
    header = (*(["Unit"] if units else []), *heads)
    return Table("Descriptive statistics", header, tuple(rows), notes, frame, "Variable", "right")


def weights_table(
    *weights: Weights | WeightsSeries,
    y: pd.Series | pd.DataFrame | None = None,
    blocks: pd.Series | None = None,
) -> Table:
    """What a reviewer would ask about weights, one column per matrix (`ss.weights.audit`).

    A series has a column per year. What `audit` warns of stands in the notes.
    """
    given = [w.name for w in weights]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise WeightsError(
            f"{named(twice)} names more than one matrix; give each its own: W.rename('...')."
        )
    listed = single(weights)
    names = [w.name for w in listed]
    facts, remarks = examine(*weights, y=y, blocks=blocks)
    rows = [
        Row(_weights_row(key), tuple(_weights_cell(facts.loc[name, key]) for name in names))
        for key in facts.columns
    ]
    notes = (
        "Row i receives: W[i, j] is the pull of city j on city i. Effective neighbours: mean over "
        "cities of 1 / Σ p², p the shares of a row. Correlation: of the row shares; of lags: of "
        "W y net of city and year means.",
        *weights_notes(listed),
        *(remark[:1].upper() + remark[1:] for remark in remarks),
    )
    frame = facts.reset_index()
    return Table("Spatial weights matrices", tuple(names), tuple(rows), notes, frame)


def _one_line_each(tidy: pd.DataFrame, how: Display) -> list[Row]:
    rows = []
    for x, lines in tidy.groupby("x", sort=False):
        rows.append(Row(how.label(x), (), "group"))
        for line in lines.to_dict("records"):
            label = str(line["effect"]).capitalize()
            if "to" in line:
                label = f"{how.label(line['from'])} → {how.label(line['to'])}"
            if "channel" in line:
                label = f"{label}, {how.label(line['channel'])}"
            rows.append(Row(label, how.line(number(line), lines["se"].max())))
    return rows


def _side_by_side(
    tidy: pd.DataFrame, how: Display, by_block: bool
) -> tuple[tuple[str, ...], list[Row]]:
    """One row per x and receiver (block or city), one column per effect."""
    receiver = "to" if by_block else "city"
    heads = [_head(line, how) for line in tidy.to_dict("records")]
    columns = tuple(dict.fromkeys(heads))
    rows = []
    for x, lines in tidy.assign(head=heads).groupby("x", sort=False):
        rows.append(Row(how.label(x), (), "group"))
        for to, cells in lines.groupby(receiver, sort=False):
            ordered = cells.set_index("head").loc[list(columns)].to_dict("records")
            # One number of decimals per x: cities are read against each other.
            pairs = [how.pair(number(line), lines["se"].max()) for line in ordered]
            above, below = zip(*pairs, strict=True)
            rows += [Row(how.label(to), above), Row("", below, "below")]
    return columns, rows


def _head(line: Mapping[Any, Any], how: Display) -> str:
    if "to" not in line:
        return str(line["effect"]).capitalize()
    sender = f"From {how.label(line['from'])}"
    return {"direct": "Own", "total": "Total"}.get(str(line["effect"]), sender)


def _method(effects: Effects) -> str:
    if effects.draws is None:
        return "Standard errors by the delta method."
    return (
        f"Standard errors and intervals from {len(effects.draws)} simulated draws, seed "
        f"{effects.seed}; {effects.rejected:.2%} rejected."
    )


def _described(panel: CityPanel, name: str) -> dict[str, Any]:
    """The numbers of one variable; city means are over the years a city is observed."""
    x = panel.frame[name].astype(float)
    cells = x.dropna()
    means = cells.groupby(level="city").mean()
    within = cells - means.reindex(cells.index, level="city") + cells.mean()
    return {
        "variable": name, "mean": cells.mean(), "overall": cells.std(), "between": means.std(),
        "within": within.std(), "min": cells.min(), "max": cells.max(), "n": len(cells),
        "missing": x.size - len(cells),
    }  # fmt: skip


def _places(sd: float) -> int:
    """Decimals that show three digits of a standard deviation."""
    return 3 if not sd > 0 else max(0, 2 - int(np.floor(np.log10(sd))))


def _weights_row(key: str) -> str:
    for what, label in WEIGHTS_PAIRS.items():
        if key.startswith(f"{what}["):
            return label.format(key.removeprefix(what)[1:-1])
    return WEIGHTS_ROWS.get(key, key)


def _weights_cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return fixed(float(value), 0)
    if isinstance(value, float):
        return fixed(value, 3) or NONE
    return NONE if value == "-" else str(value)
