"""Regression tables: effects first, then coefficients, then what was fitted.

The numbers are gathered in one tidy frame, turned into text once, and printed alike in
every format.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, named
from spatialsyn.report import writers
from spatialsyn.report.display import NONE, NUMBER, Display, Labels, decimals, fixed, number
from spatialsyn.report.layout import Layout, Row
from spatialsyn.report.notes import notes_on
from spatialsyn.results import Results

SECTIONS = ("effects", "coefficients", "rho", "fit")
EFFECTS = {"direct": "Direct effects", "indirect": "Indirect effects", "total": "Total effects"}
COEFFICIENTS = {
    "own": "Coefficients",
    "lag": "Spatial lags of x (W*x): not effects",
    "rho": "Spatial lag of y (ρ)",
    "other": "Other parameters",
}
FACTS = {
    "outcome": "Outcome", "family": "Model", "weights": "Weights",
    "fixed_effects": "Fixed effects", "correction": "Correction", "random": "Random effects",
    "covariance": "Covariance", "cities": "Cities", "years": "Years",
    "nobs": "Observations", "sigma2": "σ²", "loglik": "Log-likelihood", "aic": "AIC",
    "corr2": "Squared correlation",
}  # fmt: skip
WORDS = {
    "none": "none", "individual": "city", "time": "year", "twoways": "city and year",
    "lee-yu": "Lee-Yu", "-": NONE,
}  # fmt: skip
FRAME = ["model", "part", "group", "term", *NUMBER, "text"]


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
        r"""A ``table`` float; needs ``\\usepackage{booktabs}`` only."""
        return writers.latex(self)

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
        """Write .tex, .docx, .html, .md, .csv or .xlsx, by the suffix of `path`."""
        return writers.save(self, path)

    def _repr_html_(self) -> str:
        return writers.html(self)

    def __repr__(self) -> str:
        return writers.text(self)


def table(
    results: Results | Iterable[Results] | Mapping[str, Results],
    show: str | Sequence[str] = ("effects", "coefficients", "fit"),
    labels: Labels = None,
    digits: int = 3,
    below: str = "se",
    stars: bool = False,
    title: str | None = None,
) -> Table:
    """Models side by side: effects, coefficients and fit, one column per model.

    Parameters
    ----------
    results : one Results, a list, or a mapping from column header to Results
        A list is numbered (1), (2), ...
    show : any of "effects", "coefficients", "rho", "fit"
        Printed in this order; ``"rho"`` alone stands for rho without the other coefficients.
    labels : mapping, optional
        Print labels of variables and weights, used inside ``W[geo]*x`` too.
    digits : decimals; a standard error too small for them gets two significant digits
    below : "se" | "interval"
        What stands under each estimate: standard error or 95% interval.
    stars : whether p-values are starred
    title : by default names the outcome

    Returns
    -------
    Table
        A variable that a model lacks leaves its cell empty; an effect that is zero by
        construction (the indirect effect without spatial terms) shows a dash.

    Raises
    ------
    ConfigError
        No results, or an option that does not exist.
    """
    fits = _by_column(results)
    sections = (show,) if isinstance(show, str) else tuple(show)
    _check_options(sections, below)
    how = Display(labels, digits, below, stars)
    effects = {
        column: fit.effects()
        for column, fit in fits.items()
        if "effects" in sections and fit.regressors
    }
    frame = _numbers(fits, effects, sections)
    rows = _rows(frame[frame["part"] != "fit"], fits, how)
    if "fit" in sections:
        rows += _facts(fits, how)
    notes = notes_on(fits, effects, sections, how)
    return Table(
        _title(fits, how) if title is None else title, tuple(fits), tuple(rows), notes, frame
    )


def _check_options(sections: Sequence[str], below: str) -> None:
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise ConfigError(f"table cannot show {named(unknown)}; it shows {named(SECTIONS)}.")
    if below not in ("se", "interval"):
        raise ConfigError(f'below={below!r} is neither "se" nor "interval".')


def _title(fits: Mapping[str, Results], how: Display) -> str:
    outcomes = dict.fromkeys(how.label(fit.data.outcome) for fit in fits.values())
    return f"Models of {', '.join(outcomes)}"


def _by_column(
    results: Results | Iterable[Results] | Mapping[str, Results],
) -> dict[str, Results]:
    if isinstance(results, Results):
        results = [results]
    if isinstance(results, Mapping):
        fits = {str(name): fit for name, fit in results.items()}
    else:
        fits = {f"({i})": fit for i, fit in enumerate(results, start=1)}
    wrong = [type(fit).__name__ for fit in fits.values() if not isinstance(fit, Results)]
    if wrong or not fits:
        raise ConfigError(
            "table needs what ss.fit returns, one, a list or a mapping; got "
            f"{named(wrong) or 'none'}."
        )
    return fits


def _numbers(
    fits: Mapping[str, Results], effects: Mapping[str, Effects], sections: Sequence[str]
) -> pd.DataFrame:
    """Everything the table shows, one number or fact per row."""
    parts = []
    for column, fit in fits.items():
        if column in effects:
            tidy = effects[column].table.rename(columns={"x": "term", "effect": "group"})
            parts.append(tidy.assign(part="effect", model=column))
        coefficients = fit.tidy().query("term != 'sigma2'")
        groups = [_group(name, fit) for name in coefficients["term"]]
        coefficients = coefficients.assign(part="coefficient", model=column, group=groups)
        if "coefficients" in sections:
            parts.append(coefficients)
        elif "rho" in sections:
            parts.append(coefficients[coefficients["group"] == "rho"])
        if "fit" in sections:
            parts.append(_fit_frame(fit).assign(part="fit", model=column))
    return pd.concat([part.reindex(columns=FRAME) for part in parts], ignore_index=True)


def _group(name: str, fit: Results) -> str:
    if name in fit.data.names:
        return "own"
    if name.startswith(("rho[", "share[")):
        return "rho"
    return "lag" if name.startswith("W[") else "other"


def _fit_frame(fit: Results) -> pd.DataFrame:
    """`glance`, one fact per row: numbers under ``estimate``, words under ``text``."""
    facts = fit.glance().iloc[0]
    words = [isinstance(fact, str) for fact in facts]
    return pd.DataFrame(
        {
            "term": facts.index,
            "estimate": [np.nan if w else float(f) for f, w in zip(facts, words, strict=True)],
            "text": [f if w else None for f, w in zip(facts, words, strict=True)],
        }
    )


def _rows(numbers: pd.DataFrame, fits: Mapping[str, Results], how: Display) -> list[Row]:
    """Headings, estimates and what stands below them; a line per term, a cell per model."""
    cells: dict[tuple[str, str, str], tuple[str, str]] = {}
    labels: dict[str, str] = {}
    for line in numbers.to_dict("records"):
        term = _term(line["term"], fits, Display())
        labels.setdefault(term, _term(line["term"], fits, how))
        cells[line["group"], term, line["model"]] = how.pair(number(line))
    rows = []
    for group, heading in {**EFFECTS, **COEFFICIENTS}.items():
        terms = list(dict.fromkeys(term for g, term, _ in cells if g == group))
        rows += [Row(heading, (), "group")] if terms else []
        for term in terms:
            pairs = [cells.get((group, term, column), ("", "")) for column in fits]
            above, below = zip(*pairs, strict=True)
            rows += [Row(labels[term], above), Row("", below, "below")]
    return rows


def _term(name: str, fits: Mapping[str, Results], how: Display) -> str:
    """The line a term stands on.

    Models with one W each, and not the same, share the lines ``W*x`` and ``ρ``: the row of
    weights says which matrix a column has.
    """
    if how.label(name) != name:
        return how.label(name)
    matrices = {fit.model.weights_names for fit in fits.values() if fit.model.weights_names}
    shared = len(matrices) > 1 and all(len(names) == 1 for names in matrices)
    for w in {w for names in matrices for w in names}:
        bracket = "" if shared else f"[{w}]"
        if name.startswith(f"W[{w}]*"):
            return f"W{bracket}*{how.label(name.removeprefix(f'W[{w}]*'))}"
        if name in (f"rho[{w}]", f"alpha[{w}]"):
            return f"{'ρ' if name.startswith('rho') else 'α'}{bracket}"
    return name.replace("rho[", "ρ[", 1) if name.startswith("rho[") else name


def _facts(fits: Mapping[str, Results], how: Display) -> list[Row]:
    """The foot: one fact per line."""
    glances = [fit.glance().iloc[0] for fit in fits.values()]
    return [
        Row(heading, tuple(_fact(key, facts[key], how) for facts in glances), "foot")
        for key, heading in FACTS.items()
    ]


def _fact(key: str, value: object, how: Display) -> str:
    if isinstance(value, str):
        if key == "family":
            return value.upper().replace("_", "-")
        if key == "years":
            return value.replace("-", "–")
        return how.label(value) if how.label(value) != value else WORDS.get(value, value)
    places = {"cities": 0, "nobs": 0, "loglik": 2, "aic": 2}
    fact = float(value)  # type: ignore[arg-type]
    return fixed(fact, places.get(key, decimals(fact, how.digits)))
