"""Print labels against what there is to label: one that is misspelt would change nothing.

What a function is given decides how much it can tell. Results know their panel, their terms
and their matrices, and every label must be a name among those, or a term of columns of the
panel. Effects, matrices and draws alone do not, and the same labels may serve other tables of
a paper: there a mapping is refused when no label of it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, expect, named
from spatialsyn.results import Results

# Names in a term, those of functions aside.
COLUMN = re.compile(r"[^\W\d]\w*\b(?!\s*\()")
# How many names an error lists.
LISTED = 30


class Checked(dict[str, str]):
    """Labels checked against all of a study; one table of it may use none of them."""


def check_labels(
    labels: Mapping[str, str] | None,
    caller: str,
    names: Iterable[object],
    fits: Iterable[Results] = (),
) -> None:
    """Refuse labels that match nothing, see the module.

    Parameters
    ----------
    names : what `caller` prints and labels may replace
    fits : the results it was given, if any
    """
    if labels is None or isinstance(labels, Checked):
        return
    expect(labels, Mapping, "labels are a mapping, {'va': 'Virtual agglomeration'}", ConfigError)
    for name, label in labels.items():
        expect(label, str, f"the label of {name!r} is a text", ConfigError)
    if not labels:
        return
    printed, whole = list(dict.fromkeys(map(str, names))), list(fits)
    strange = [name for name in labels if name not in printed]
    for fit in whole:
        known = {*terms_of(fit), *names_of(fit.panel)}
        columns = set(map(str, fit.panel.columns))
        strange = [name for name in strange if name not in known and not _made_of(name, columns)]
    if strange and (whole or len(strange) == len(labels)):
        raise ConfigError(
            f"{caller} has nothing to label by {named(strange)}. Labels go by names as they stand "
            f"in the data and in the formula; here: {named(printed, LISTED)}."
        )


def unquoted(term: str) -> str:
    """A term as it is printed: its backticks are of the formula, and opening quotes in LaTeX."""
    return term.replace("`", "")


def terms_of(fit: Results) -> list[str]:
    """The outcome, the terms, the parameters and the matrices of a model."""
    return [fit.data.outcome, *fit.data.names, *fit.estimate.names, *fit.model.weights_names]


def names_of(panel: CityPanel) -> list[str]:
    """Columns, cities, groupings and blocks of a panel."""
    blocks = [name for by in panel.blocks.values() for name in by.unique()]
    return list(map(str, [*panel.columns, *panel.ids, *panel.blocks, *blocks]))


def _made_of(term: str, columns: set[str]) -> bool:
    """Whether a term is made of these columns only: that of another model of the same panel."""
    found = COLUMN.findall(term)
    return bool(found) and columns.issuperset(found)
