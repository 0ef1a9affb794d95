"""A table of weights matrices: what a reviewer would ask about them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.errors import WeightsError, expect, named
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.display import NONE, Display, Labels, decimals, fixed
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import weights_notes
from spatialsyn.report.tables.phrases import known
from spatialsyn.report.tables.recipes import UNITS
from spatialsyn.report.tables.regression import Table
from spatialsyn.weights.audit import examine, single
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

WEIGHTS_ROWS = {
    "kind": "Made from", "standardised": "Standardization", "cities": "Cities", "links": "Links",
    "density": "Density", "isolates": "Cities without neighbours", "components": "Components",
    "symmetric": "Symmetric", "asymmetry": "Asymmetry", "mean_neighbours": "Mean neighbours",
    "effective_neighbours": "Effective neighbours", "row_sum_min": "Smallest row sum",
    "row_sum_max": "Largest row sum", "rho_min": "Lower bound of ρ", "rho_max": "Upper bound of ρ",
    "eigenvalue_gap": "Eigenvalue gap", "base_years": "Base years", "unit": "Unit", "hash": "Hash",
}  # fmt: skip
# Numbers in units of the weights, or of one over them, which may be very small.
SIZES = ("row_sum_min", "row_sum_max", "rho_min", "rho_max")
WEIGHTS_PAIRS = {
    "overlap": "Correlation with W[{}]",
    "lag_overlap": "Correlation of lags with W[{}]",
    "crossing": "Weight between blocks ({})",
}


def weights_table(
    *weights: Weights | WeightsSeries,
    y: pd.Series | pd.DataFrame | None = None,
    blocks: pd.Series | None = None,
    labels: Labels = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """What a reviewer would ask about weights, one column per matrix (`ss.weights.audit`).

    A series has a column per year. What `audit` warns of stands in the notes.

    Parameters
    ----------
    y, blocks : see `ss.weights.audit`
    labels : print labels of the matrices
    language : "en" | "zh"

    Raises
    ------
    WeightsError, ConfigError
        Two matrices of one name, or what `audit` refuses; labels that match nothing.
    """
    what = "weights_table takes weights one by one, weights_table(geo, eco)"
    for w in weights:
        expect(w, (Weights, WeightsSeries), what, WeightsError)
    given = [w.name for w in weights]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise WeightsError(
            f"{named(twice)} names more than one matrix; give each its own: W.rename('...')."
        )
    listed = single(weights)
    how, names = Display(labels, language=language), [w.name for w in listed]
    facts, remarks = examine(*weights, y=y, blocks=blocks)
    check_labels(labels, "weights_table", [*names, *filter(None, map(_compared, facts.columns))])
    rows = [
        Row(_row(key, how), tuple(_cell(key, facts.loc[name, key], how) for name in names))
        for key in facts.columns
    ]
    notes = (
        how.say(
            "Row i receives: W[i, j] is the pull of city j on city i. Effective neighbours: mean "
            "over cities of 1 / Σ p², p the shares of a row. Correlation: of the row shares; of "
            "lags: of W y net of city and year means."
        ),
        *weights_notes(listed, how),
        *(how.sentence(remark[:1].upper() + remark[1:]) for remark in remarks),
    )
    heading = how.say("Spatial weights matrices") if title is None else title
    columns, frame = tuple(map(how.label, names)), facts.reset_index()
    return Table(heading, columns, tuple(rows), notes, frame, language=language)


def _compared(key: str) -> str:
    """The matrix or grouping that a fact compares with; empty for other facts."""
    what, bracket, name = key.removesuffix("]").partition("[")
    return name if bracket and what in WEIGHTS_PAIRS else ""


def _row(key: str, how: Display) -> str:
    if name := _compared(key):
        return how.say(WEIGHTS_PAIRS[key.partition("[")[0]], how.label(name))
    return how.say(WEIGHTS_ROWS.get(key, key))


def _cell(key: str, value: object, how: Display) -> str:
    if isinstance(value, bool | np.bool_):
        return how.say("yes" if value else "no")
    if isinstance(value, int | np.integer):
        return fixed(float(value), 0)
    if isinstance(value, float) and key in SIZES:
        return fixed(value, decimals(abs(value), 3)) or NONE
    if isinstance(value, float):
        return fixed(value, 3) or NONE
    if value == "-":
        return NONE
    if key == "standardised":
        return how.standardised(str(value))
    if key == "unit":
        return known(str(value), how.language, UNITS)
    return how.recipe(str(value)) if key == "kind" else str(value)
