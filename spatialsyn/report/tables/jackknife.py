"""Tables of effects without single cities: how far they move, and without whom."""

from __future__ import annotations

import pandas as pd

from spatialsyn.errors import ConfigError, expect, percent
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.display import NONE, Display, Labels, check_shown, fixed, number
from spatialsyn.report.tables.effects import crossing
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import UNDER, sample_notes, star_notes
from spatialsyn.report.tables.regression import Table
from spatialsyn.results import Results
from spatialsyn.study.jackknife import ALPHA, LEVEL, Jackknife

LEFT_OUT = (
    "Each of {} cities is left out once with its links; what is standardised is standardised anew. "
    "The spread of these estimates shows influence and is no standard error."
)
MOVED = (
    "Moved most without: the city without which the effect moves most, and by how many of its "
    "standard errors with all cities. Other sign, other significance: without how many cities the "
    "effect has the other sign, or p is on the other side of {}."
)
ON_IT = (
    "Weight in a matrix: share of the weight of the other cities that lies on the city left out."
)
HEADS = (
    "All cities", "Smallest", "Largest", "Moved most without", "By (s.e.)", "Other sign",
    "Other significance",
)  # fmt: skip
# How columns begin that hold the weight a city had in a matrix.
LOST = "lost["


def jackknife_table(
    found: Jackknife,
    x: str | None = None,
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    of: Results | None = None,
    below: str | None = "se",
    stars: bool = False,
    language: str = "en",
) -> Table:
    """How far effects move when a city is left out, or all of one regressor, city by city.

    Without `x` one row per effect: with all cities, the smallest and the largest without one,
    who moves it most, how often sign and significance change. With `x` one row per city left
    out, most influential on the total effect first, and the weight that lay on it.

    Parameters
    ----------
    found : ``ss.jackknife(...)``
    labels : print labels of regressors, cities and matrices
    digits : decimals at least; more where a standard error of x needs them for two digits
    of : Results, optional
        The fit with all cities: its weights, corrections and cities go into the notes.
    below : "se" | "interval" | "z" | "p" | None
        What stands below estimates.
    stars : whether p-values are starred
    language : "en" | "zh"

    Raises
    ------
    ConfigError
        Not what ``ss.jackknife`` returns, a regressor that it has no effects of, an option that
        does not exist, or labels that match nothing.
    """
    expect(found, Jackknife, "jackknife_table needs what ss.jackknife(...) returns", ConfigError)
    check_shown(below=below)
    fits = {} if of is None else {"": of}
    names = [*found.full["x"], *found.table["without"], *found.failures, *matrices(found)]
    check_labels(labels, "jackknife_table", names, fits.values())
    how = Display(labels, digits, below, stars, language, level=LEVEL)
    columns, rows = _ranges(found, how) if x is None else _cities(found, x, how)
    count = found.table["without"].nunique() + len(found.failures)
    notes = [how.say(LEFT_OUT, count)]
    notes += [how.say(MOVED, f"{ALPHA:g}")] if x is None else [how.say(ON_IT)]
    notes += [how.say(UNDER[below], percent(LEVEL))] if below is not None else []
    notes += [
        how.say("No estimate without {}: {}.", how.label(city), how.sentence(_reason(why)))
        for city, why in found.failures.items()
    ]
    notes += [*sample_notes(fits, how), *star_notes(how)]
    return Table(
        how.say("Effects without single cities") if title is None else title,
        columns, tuple(rows), tuple(notes), found.summary if x is None else of_regressor(found, x),
        stub="" if x is None else how.say("Without"), align="right", language=language,
    )  # fmt: skip


def _reason(why: str) -> str:
    """The first sentence of why there is no estimate, on one line."""
    return " ".join(why.split()).split(". ")[0].rstrip(".")


def matrices(found: Jackknife) -> list[str]:
    """The matrices that cities had weight in."""
    return [str(c)[len(LOST) : -1] for c in found.table if str(c).startswith(LOST)]


def of_regressor(found: Jackknife, x: str) -> pd.DataFrame:
    """The rows of one regressor, the cities that move its total effect most first."""
    table = found.table[found.table["x"] == x]
    if table.empty:
        known = ", ".join(map(repr, dict.fromkeys(found.full["x"])))
        raise ConfigError(f"there are no effects of {x!r} here, only of {known}.")
    total = table[table["effect"] == "total"]
    order = total.set_index("without")["change"].abs().sort_values(ascending=False, kind="stable")
    rank = {city: place for place, city in enumerate(order.index)}
    return table.iloc[table["without"].map(rank).argsort(kind="stable")].reset_index(drop=True)


def _ranges(found: Jackknife, how: Display) -> tuple[tuple[str, ...], list[Row]]:
    """A row per effect: its range, who moves it most, what changes."""
    rows, summary = [], found.summary.drop(columns="estimate")
    both = found.full.merge(summary, on=["x", "effect"])
    for x, lines in both.groupby("x", sort=False):
        rows.append(Row(how.label(x), (), "group"))
        for line, places in zip(lines.to_dict("records"), how.places(lines["se"]), strict=True):
            (first, *_), (under, *_) = how.pair(number(line), places)
            rest = [NONE] * (len(HEADS) - 1)
            if line["se"] > 0:
                ends = [fixed(line[end], places) for end in ("smallest", "largest")]
                times = [str(line["other_sign"]), str(line["other_significance"])]
                rest = [*ends, how.label(line["most"]), fixed(line["in_se"], 2), *times]
            rows.append(Row(how.say(line["effect"].capitalize()), (first, *rest)))
            if how.below is not None:
                rows.append(Row("", (under, *[""] * len(rest)), "below"))
    return tuple(map(how.say, HEADS)), rows


def _cities(found: Jackknife, x: str, how: Display) -> tuple[tuple[str, ...], list[Row]]:
    """A row per city left out, after one with all of them; a column per effect and matrix."""
    table, weighed = of_regressor(found, x), matrices(found)
    whole = found.full[found.full["x"] == x].assign(without="")
    tidy = pd.concat([whole, table], ignore_index=True)
    said = [how.label(city) if city != "" else how.say("none: all cities")
            for city in tidy["without"]]  # fmt: skip
    heads = [how.say(effect.capitalize()) for effect in tidy["effect"]]
    columns, rows = crossing(tidy.assign(head=heads, row=tidy["without"], label=said), how)
    lost = table.drop_duplicates("without")[[f"{LOST}{name}]" for name in weighed]]
    weights = [("",) * len(weighed), *lost.map(lambda share: f"{100 * share:.1f}%").to_numpy()]
    made, left = [], iter(weights)
    for row in rows:
        more = next(left) if row.kind == "body" else ("",) * len(weighed)
        made.append(row._replace(cells=(*row.cells, *more)) if row.cells else row)
    names = (how.say("Weight in W[{}]", how.label(name)) for name in weighed)
    return (*columns, *names), made
