"""Tables of the variables of a panel: their spread, their correlations, what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, PanelError, expect, named
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.display import Display, Labels, fixed
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import star_notes
from spatialsyn.report.tables.regression import Table
from spatialsyn.report.tables.sars import sars

# Columns of a codebook that a definition table prints, in this order, and their headers.
CODEBOOK = {"unit": "Unit", "definition": "Definition", "source": "Source"}
ABOVE = ("none", "within", "between")
# Correlation coefficients have two decimals.
R = 2


def descriptives(
    panel: CityPanel,
    columns: str | Sequence[str],
    labels: Labels = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Mean and spread of each variable, over everything, between cities and within them.

    With x_it observed in N city-years: overall s.d. over all cells (divisor N - 1);
    between s.d. of the city means over time (cities - 1); within s.d. of
    x_it - mean_i + grand mean (N - 1, and N = n T without holes). These are the
    definitions of Stata's ``xtsum``. Missing cells are left out and counted.

    Parameters
    ----------
    labels, units : mappings from column to print label and to unit
    language : "en" | "zh"

    Raises
    ------
    ConfigError, PanelError
        Labels that match nothing; columns that are absent or not numeric.
    """
    chosen = _numeric(panel, columns, "descriptives")
    check_labels(labels, "descriptives", chosen)
    frame = pd.DataFrame([_described(panel, name) for name in chosen])
    heads = ["Mean", "Overall s.d.", "Between s.d.", "Within s.d.", "Min", "Max", "N", "Missing"]
    how, rows = Display(labels, language=language), []
    for facts in frame.to_dict("records"):
        places = _places(facts["overall"])
        cells = [fixed(facts[key], places) for key in list(facts)[1:7]]
        cells += [fixed(facts["n"], 0), fixed(facts["missing"], 0)]
        unit = [(units or {}).get(facts["variable"], "")] if units else []
        rows.append(Row(how.label(facts["variable"]), (*unit, *cells)))
    notes = (
        _sample(panel, how),
        how.say(
            "Between: standard deviation of city means. Within: of the deviations from city means."
        ),
    )
    header = (*(["Unit"] if units else []), *heads)
    return Table(
        how.say("Descriptive statistics") if title is None else title,
        tuple(map(how.say, header)), tuple(rows), notes, frame, how.say("Variable"), "right",
        language=language,
    )  # fmt: skip


def correlations(
    panel: CityPanel,
    columns: Sequence[str],
    above: str = "none",
    labels: Labels = None,
    stars: bool = False,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Correlations of variables over all city-years, below the diagonal.

    Parameters
    ----------
    columns : two or more numeric columns
    above : "none" | "within" | "between"
        What stands above the diagonal: nothing, the correlation of the deviations from city
        means, or that of the city means.
    labels : print labels of the columns
    stars : whether correlations are starred, by the t-test for independent observations,
        which city-years seldom are
    language : "en" | "zh"

    Returns
    -------
    Table
        Pairs are correlated over the city-years in which both are observed; `frame` has
        ``x, y, r, n, p`` and ``of`` ("overall", "within", "between"). A variable that does
        not vary there shows no number.

    Raises
    ------
    ConfigError, PanelError
        An option that does not exist, labels that match nothing; columns that are absent, not
        numeric, or fewer than two.
    """
    if above not in ABOVE:
        raise ConfigError(f"above={above!r} is not one of {named(ABOVE)}.")
    chosen = _numeric(panel, columns, "correlations")
    if len(chosen) < 2:
        raise PanelError(f"correlations needs two columns or more; got {named(chosen)}.")
    check_labels(labels, "correlations", chosen)
    how = Display(labels, stars=stars, language=language)
    kinds = ["overall"] if above == "none" else ["overall", above]
    found = [_pair(panel, a, b, kind) for kind in kinds
             for i, a in enumerate(chosen) for b in chosen[:i]]  # fmt: skip
    frame = pd.DataFrame(found)
    numbers = [f"({i})" for i in range(1, len(chosen) + 1)]
    cells = {(k["x"], k["y"], k["of"]): fixed(k["r"], R) + how.mark(k["p"]) for k in found}
    rows = [
        Row(
            f"{mark} {how.label(a)}",
            tuple(
                fixed(1.0, R) if i == j
                else cells[a, b, "overall"] if j < i
                else cells.get((b, a, above), "")
                for j, b in enumerate(chosen)
            ),
        )
        for i, (a, mark) in enumerate(zip(chosen, numbers, strict=True))
    ]  # fmt: skip
    notes = [_sample(panel, how), how.say("Below the diagonal: over all city-years.")]
    if above == "within":
        notes.append(how.say("Above the diagonal: of deviations from city means."))
    if above == "between":
        notes.append(how.say("Above the diagonal: of city means."))
    if stars:
        notes.append(how.say("p-values are those of independent observations."))
    return Table(
        how.say("Correlations") if title is None else title,
        tuple(numbers), tuple(rows), (*notes, *star_notes(how)), frame, how.say("Variable"),
        "right", language=language,
    )  # fmt: skip


def definitions(
    codebook: pd.DataFrame | Mapping[str, Mapping[str, str]],
    columns: Sequence[str] | None = None,
    labels: Labels = None,
    roles: Mapping[str, Sequence[str]] | None = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """What each variable is: label, unit, definition and source.

    Parameters
    ----------
    codebook : DataFrame or mapping
        By column of the panel: any of ``unit``, ``definition``, ``source`` (also called
        ``publication``), such as ``ss.datasets.codebook()``. What it lacks has no column.
    columns : those to print, in this order; all by default
    labels : print labels of the columns
    roles : mapping from a heading to columns, for rows in groups
        ``{"Outcome": ["synergy"], "Regressors": ["va", "fdi"]}``; stands for `columns`.
    language : "en" | "zh", of the headers; definitions stay as they are

    Raises
    ------
    ConfigError
        Columns that the codebook does not have, a codebook without any of its columns, or labels
        that match nothing.
    """
    book = _codebook(codebook)
    if columns is not None and roles is not None:
        raise ConfigError("definitions takes columns or roles, not both: roles name the columns.")
    grouped = dict(roles) if roles is not None else {"": columns or list(book.index)}
    chosen = [name for part in grouped.values() for name in part]
    absent = [name for name in chosen if name not in book.index]
    if absent:
        raise ConfigError(
            f"the codebook has no {named(absent)}; it has {named(book.index, 40)}. Add a row each."
        )
    check_labels(labels, "definitions", chosen)
    how, rows = Display(labels, language=language), []
    for heading, part in grouped.items():
        rows += [Row(heading, (), "group")] if heading else []
        rows += [Row(how.label(name), tuple(book.loc[[name]].iloc[0])) for name in part]
    return Table(
        how.say("Definitions of variables") if title is None else title,
        tuple(how.say(CODEBOOK[key]) for key in book.columns), tuple(rows), (),
        book.loc[chosen].rename_axis("variable").reset_index(), how.say("Variable"), "left",
        language=language,
    )  # fmt: skip


def _codebook(given: pd.DataFrame | Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The columns of a codebook that are printed, as text."""
    expect(given, (pd.DataFrame, Mapping), "definitions needs a codebook, by column", ConfigError)
    book = given if isinstance(given, pd.DataFrame) else pd.DataFrame.from_dict(
        {key: dict(value) for key, value in given.items()}, orient="index"
    )  # fmt: skip
    if "source" not in book:
        book = book.rename(columns={"publication": "source"})
    known = [key for key in CODEBOOK if key in book]
    if not known:
        raise ConfigError(
            f"a codebook needs any of the columns {named(CODEBOOK)}; this one has "
            f"{named(book.columns) or 'none'}."
        )
    return book[known].fillna("").astype(str)


def _numeric(panel: CityPanel, columns: str | Sequence[str], what: str) -> list[str]:
    expect(panel, CityPanel, f"{what} needs a panel: ss.CityPanel(frame, ...)", PanelError)
    chosen = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    absent = [name for name in chosen if name not in panel.variables]
    if absent:
        raise PanelError(
            f"the panel has no numeric column {named(absent)}; it has {named(panel.variables, 40)}."
        )
    return chosen


def _sample(panel: CityPanel, how: Display) -> str:
    cells = how.say("{} cities, {}–{}.", panel.n, panel.years[0], panel.years[-1])
    return " ".join(filter(None, [cells, sars(panel, how.language)]))


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


def _pair(panel: CityPanel, a: str, b: str, kind: str) -> dict[str, Any]:
    """Correlation of two variables where both are observed, and its p-value."""
    both = panel.frame[[a, b]].astype(float).dropna()
    spread = both.std().to_numpy()
    means = both.groupby(level="city").mean()
    lost = 0
    if kind == "between":
        both = means
    if kind == "within":
        both, lost = both - means.reindex(both.index, level="city"), len(means) - 1
    n, flat = len(both), (both.std() <= 1e-12 * np.maximum(spread, 1e-300)).any()
    r = np.nan if flat or n < 3 else float(np.corrcoef(both.T)[0, 1])
    df = n - 2 - lost
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * student.sf(abs(r) * np.sqrt(df / (1 - r * r)), df) if df > 0 else np.nan
    return {"x": a, "y": b, "of": kind, "r": r, "n": n, "p": float(p)}


def _places(sd: float) -> int:
    """Decimals that show three digits of a standard deviation."""
    return 3 if not sd > 0 else max(0, 2 - int(np.floor(np.log10(sd))))
