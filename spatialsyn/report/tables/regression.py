"""Regression tables: effects first, then coefficients, then tests and what was fitted.

The numbers are gathered in one tidy frame, turned into text once, and printed alike in
every format.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spatialsyn.errors import ConfigError, expect, named
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.report.labels import check_labels, terms_of
from spatialsyn.report.tables import writers
from spatialsyn.report.tables.arrangement import MATLAB, Arrangement, arrangement, names
from spatialsyn.report.tables.display import Display, Labels, check_shown, number
from spatialsyn.report.tables.facts import fact_rows, test_rows, tests_of
from spatialsyn.report.tables.latex import latex
from spatialsyn.report.tables.layout import Layout, Row
from spatialsyn.report.tables.notes import notes_on
from spatialsyn.report.tables.numbers import effects_of, gather
from spatialsyn.results import Results

SECTIONS = ("effects", "coefficients", "rho", "tests", "fit")
# What a section is made of, where some models have none of it.
LACKING = {
    "effects": "regressors",
    "coefficients": "coefficients",
    "rho": "rho",
    "tests": "interval of rho (several W have none), instruments, or lags in time, and no tests= "
    "are given",
}


@dataclass(frozen=True, eq=False, repr=False)
class Table(Layout):
    """A table for print: the same cells in every format, the raw numbers in `frame`.

    Examples
    --------
    >>> rows = (Row("va", ("0.12",)), Row("", ("(0.04)",), "below"))
    >>> Table("Effects", ("(1)",), rows, ("Made up.",), pd.DataFrame())
    Effects
    ----------
           (1)
    ----------
    va    0.12
        (0.04)
    ----------
    Made up.
    """

    def to_latex(self) -> str:
        r"""A ``table`` float; needs ``\usepackage{booktabs}``, see `save` for what else."""
        return latex(self)

    def to_html(self) -> str:
        """A fragment without links or style sheets."""
        return writers.html(self)

    def to_markdown(self) -> str:
        """A pipe table."""
        return writers.markdown(self)

    def to_csv(self) -> str:
        """The raw numbers, tidy, at full precision."""
        return writers.csv(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write .tex, .docx, .html, .md, .csv or .xlsx, by the suffix of `path`.

        Folders on the way are made; the file is complete, and replaces one of its name.
        """
        return writers.save(self, path)

    def _repr_html_(self) -> str:
        return writers.html(self)

    def __repr__(self) -> str:
        return writers.text(self)


def table(
    results: Results | Iterable[Results] | Mapping[str, Results],
    show: str | Sequence[str] = ("effects", "coefficients", "tests", "fit"),
    labels: Labels = None,
    digits: int = 3,
    below: str | None = "se",
    beside: str | None = None,
    stars: bool = False,
    layout: str = "default",
    effects: Mapping[str, Any] | None = None,
    tests: Mapping[str, HypothesisTest | Sequence[HypothesisTest | None]] | None = None,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Models side by side: effects, coefficients, tests and fit, one column per model.

    Parameters
    ----------
    results : one Results, a list, or a mapping from column header to Results
        A list is numbered (1), (2), ...
    show : any of "effects", "coefficients", "rho", "tests", "fit"
        Printed in the order of the layout; ``"rho"`` alone stands for rho without the other
        coefficients. Dynamic models show effects in the year of the change, and in the long
        run where there is one.
    labels : mapping, optional
        Print labels of variables and weights, used inside ``W[geo]*x`` too.
    digits : decimals; a standard error too small for them gets two significant digits, and
        p-values have two decimals at least
    below : "se" | "interval" | "z" | "p" | None
        What stands under each estimate: standard error or interval, statistic or p-value.
    beside : the same
        What stands in a column next to it; what stands there is not repeated below.
    stars : whether p-values are starred
    layout : "default" | "stata" | "matlab"
        Order and names, see `spatialsyn.report.tables.arrangement`. ``"matlab"`` has columns of its
        own for statistic, probability and interval.
    effects : mapping, optional
        What `Results.effects` is told: x, method, level, draws, seed. Intervals of
        coefficients follow the level.
    tests : mapping, optional
        Line at the foot -> one HypothesisTest per column, None where a model has none; one
        alone is the same for all columns.
    title : by default names the outcome
    language : "en" | "zh", of the words that are not labels

    Returns
    -------
    Table
        A variable that a model lacks leaves its cell empty; an effect that is zero by
        construction (the indirect effect without spatial terms) shows a dash.

    Raises
    ------
    ConfigError
        No results, an option that does not exist, a label that matches nothing, or sections of
        which these models have none.
    """
    for given, name in ((effects, "effects={'draws': 500}"), (tests, "tests={'Hausman': test}")):
        expect(given, (Mapping, type(None)), f"a table takes a mapping, {name}", ConfigError)
    expect(title, (str, type(None)), "the title of a table is a text", ConfigError)
    expect(show, Iterable, f"show is any of {named(SECTIONS)}", ConfigError)
    aside = " (effects: effects_table, tests: diagnostics_table)"
    fits, asked = by_name(results, "table", aside), dict(effects or {})
    sections = (show,) if isinstance(show, str) else tuple(show)
    order = arrangement(layout)
    _check_options(sections, below, beside, order)
    terms = [name for fit in fits.values() for name in terms_of(fit)]
    check_labels(labels, "table", terms, fits.values())
    level = asked.get("level", 0.95)
    under = None if beside is not None and below == beside else below
    how = Display(labels, digits, under, stars, language, beside, order is MATLAB, level)
    found = effects_of(fits, asked) if "effects" in sections else {}
    tested = tests_of(fits, tests) if "tests" in sections else {}
    frame = gather(fits, found, tested, sections, level)
    body = _rows(frame[frame["part"].isin(["effect", "coefficient"])], fits, order, how)
    foot = test_rows(tested, fits, how)
    facts = fact_rows(fits, order, how) if "fit" in sections else []
    rows = [*facts, *body, *foot] if order.facts_first else [*body, *foot, *facts]
    _check_rows(rows, sections)
    heads, columns = how.heads, tuple(fits)
    return Table(
        _title(fits, how) if title is None else title,
        heads * len(columns) if heads else columns,
        tuple(rows),
        notes_on(fits, found, tested, sections, how),
        frame,
        over=columns if heads else (),
        language=language,
    )


def _check_options(
    sections: Sequence[str], below: str | None, beside: str | None, order: Arrangement
) -> None:
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise ConfigError(f"table cannot show {named(unknown)}; it shows {named(SECTIONS)}.")
    check_shown(below=below, beside=beside)
    if order is MATLAB and beside is not None:
        raise ConfigError(
            f'layout="matlab" has columns of its own beside the estimate; beside={beside!r} '
            'goes with the layouts "default" and "stata".'
        )


def _check_rows(rows: Sequence[Row], sections: Sequence[str]) -> None:
    """Refuse a table without a line, with what there would have to be."""
    if not rows:
        lacking = " and ".join(dict.fromkeys(LACKING[name] for name in sections if name in LACKING))
        raise ConfigError(
            f"show={list(sections)} leaves this table empty: these models have no "
            f"{lacking or 'section to show'}. It shows {named(SECTIONS)}; "
            "ss.report.diagnostics_table(results.diagnostics()) has the tests of a model."
        )


def _title(fits: Mapping[str, Results], how: Display) -> str:
    outcomes = dict.fromkeys(how.label(fit.data.outcome) for fit in fits.values())
    return how.say("Models of {}", ", ".join(outcomes))


def by_name(
    results: Results | Iterable[Results] | Mapping[str, Results], caller: str, aside: str = ""
) -> dict[str, Results]:
    """The models by name; those of a list are numbered (1), (2), ..."""
    if isinstance(results, Results):
        results = [results]
    what = f"{caller} needs what ss.fit returns, one, a list or a mapping"
    expect(results, Iterable, what + aside, ConfigError)
    if isinstance(results, Mapping):
        fits = {str(name): fit for name, fit in results.items()}
    else:
        fits = {f"({i})": fit for i, fit in enumerate(results, start=1)}
    wrong = [type(fit).__name__ for fit in fits.values() if not isinstance(fit, Results)]
    if wrong or not fits:
        raise ConfigError(f"{what}; got {named(wrong) or 'none'}.")
    return fits


def _rows(
    numbers: pd.DataFrame, fits: Mapping[str, Results], order: Arrangement, how: Display
) -> list[Row]:
    """Headings, estimates and what stands below them; a line per term, a cell per model."""
    plain, printed = names(fits, Display(), order), names(fits, how, order)
    cells: dict[tuple[str, str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    labels: dict[str, str] = {}
    for line in numbers.to_dict("records"):
        labels.setdefault(plain(line["term"]), printed(line["term"]))
        cells[line["group"], plain(line["term"]), line["model"]] = how.pair(number(line))
    blank = ("",) * max(1, len(how.heads))
    dynamic = any(fit.model.dynamic for fit in fits.values())
    rows, last = [], ""
    for group in (group for group in order.headings if not group.startswith("dynamic ")):
        terms = list(dict.fromkeys(term for g, term, _ in cells if g == group))
        heading = order.heading(group, dynamic)
        if terms and heading and heading != last:
            rows.append(Row(how.say(heading), (), "group"))
        last = heading if terms else last
        for term in terms:
            pairs = [cells.get((group, term, column), (blank, blank)) for column in fits]
            rows.append(Row(labels[term], tuple(cell for above, _ in pairs for cell in above)))
            if how.below is not None and not how.apart:
                under = tuple(cell for _, below in pairs for cell in below)
                rows.append(Row("", under, "below"))
    return rows
