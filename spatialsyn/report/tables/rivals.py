"""Which family, and which matrix? Posterior probabilities and J tests, as tables for print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.errors import ConfigError, expect, named
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.display import NONE, Display, Labels, chance, decimals, fixed
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.notes import by_column
from spatialsyn.report.tables.regression import Table

J_COLUMNS = ["W", "rival", "statistic", "p", "note"]
LIKELY = (
    "Probability: posterior, of models that are equally likely before the data. Log-marginal "
    "likelihood: differences of it are logarithms of odds. ρ, or λ in SEM and SDEM: posterior mean."
)
J_TEST = (
    "Rows are tested, columns are rivals. H0: the model with the matrix of the row needs nothing "
    "of what the model with that of the column predicts. Statistic, p-value in parentheses. Both "
    "of two models may be rejected, or neither."
)
CHI_SQUARED = (
    "p of chi-squared(1), which rejects a true model too often; that of panels drawn from the "
    "model does not."
)
# Families without a spatial parameter.
PLAIN = ("ols", "slx")


def probabilities_table(
    found: Probabilities,
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Posterior probabilities of families and matrices, log-marginals and means of rho.

    Where there are several matrices the foot has the sums over all families and all matrices.

    Parameters
    ----------
    found : ``ss.diagnostics.posterior(...)``, or ``results.diagnostics().families``
    labels : print labels of the matrices
    digits : decimals of probabilities
    language : "en" | "zh"

    Raises
    ------
    ConfigError
        Not probabilities, diagnostics of a model that has none, or labels that match nothing.
    """
    check_probabilities(found, "probabilities_table")
    check_labels(labels, "probabilities_table", matrices(found))
    how, table = Display(labels, digits, language=language), found.table
    rows: list[Row] = []
    for W, lines in table.groupby("W", sort=False):
        if several(found):
            rows.append(Row(_matrix(str(W), how), (), "group"))
        places = decimals(lines["rho"].abs().max(), 3)  # rho of weights in large units is small
        for line in lines.to_dict("records"):
            spatial = NONE if line["family"] in PLAIN else fixed(line["rho"], places)
            cells = chance(line["probability"], digits), fixed(line["log_marginal"], 2), spatial
            rows.append(Row(line["family"].upper(), cells))
    if several(found):
        rows += _sums(found, how)
    return Table(
        how.say("Posterior probabilities of the models") if title is None else title,
        tuple(map(how.say, ("Probability", "Log-marginal likelihood", "ρ or λ"))),
        tuple(rows), (how.say(LIKELY), how.sentence(f"{found.about}.")), table.copy(),
        align="right", language=language,
    )  # fmt: skip


def _sums(found: Probabilities, how: Display) -> list[Row]:
    """Every matrix over all families, and every family that has one over all matrices."""
    by_matrix = [(how.say("{}, all families", _matrix(W, how)), found.weights[W])
                 for W in matrices(found)]  # fmt: skip
    by_family = [(how.say("{}, all matrices", str(family).upper()), share)
                 for family, share in found.families.items() if family != "ols"]  # fmt: skip
    return [Row(label, (chance(share, how.digits), "", ""), "foot")
            for label, share in (*by_matrix, *by_family)]  # fmt: skip


def check_probabilities(found: object, caller: str) -> None:
    """Refuse what is no probabilities, and those of a model that has none."""
    what = f"{caller} needs what ss.diagnostics.posterior(...) returns"
    expect(found, Probabilities, what, ConfigError)
    assert isinstance(found, Probabilities)
    if found.table.empty:
        raise ConfigError(f"there are no probabilities of these models: {found.about}")


def matrices(found: Probabilities) -> list[str]:
    """The matrices compared."""
    return [W for W in dict.fromkeys(found.table["W"]) if W != "-"]


def several(found: Probabilities) -> bool:
    """Whether more than one matrix is compared."""
    return len(matrices(found)) > 1


def _matrix(W: str, how: Display) -> str:
    return how.say("Without a matrix") if W == "-" else f"W[{how.label(W)}]"


def j_tests_table(
    found: pd.DataFrame,
    labels: Labels = None,
    digits: int = 3,
    title: str | None = None,
    language: str = "en",
) -> Table:
    """Every matrix against every other: rows are tested, columns are rivals.

    A single `ss.diagnostics.j_test` is printed at the foot of a table of its model,
    ``ss.report.table(results, tests={"J test": test})``.

    Parameters
    ----------
    found : ``ss.diagnostics.j_tests(...)``
    labels : print labels of the matrices
    digits : decimals of p-values
    language : "en" | "zh"

    Raises
    ------
    ConfigError
        Not such a table, or labels that match nothing.
    """
    what = "j_tests_table needs what ss.diagnostics.j_tests(...) returns"
    expect(found, pd.DataFrame, what, ConfigError)
    absent = [column for column in J_COLUMNS if column not in found]
    if absent or found.empty:
        raise ConfigError(f"{what}; this table has no {named(absent) or 'rows'}.")
    tested, rivals = (list(dict.fromkeys(found[key])) for key in ("W", "rival"))
    check_labels(labels, "j_tests_table", [*tested, *rivals])
    how, rows = Display(labels, digits, language=language), []
    tests = {(line["W"], line["rival"]): line for line in found.to_dict("records")}
    columns = [W for W in tested if W in rivals] + [W for W in rivals if W not in tested]
    for own in tested:
        cells = [_test(tests.get((own, rival)), how) for rival in columns]
        rows.append(Row(f"W[{how.label(own)}]", tuple(above for above, _ in cells)))
        rows.append(Row("", tuple(below for _, below in cells), "below"))
    said = {
        how.say("{} against {}", how.label(own), how.label(rival)): test["note"]
        for (own, rival), test in tests.items()
    }
    notes = by_column(said, lambda note: how.sentence(f"{note}." if note else CHI_SQUARED))
    return Table(
        how.say("J tests of the matrices") if title is None else title,
        tuple(f"W[{how.label(W)}]" for W in columns),
        tuple(rows), (how.say(J_TEST), *notes), found.copy(), align="right", language=language,
        stub=how.say("Tested"),
    )  # fmt: skip


def _test(test: Mapping[Any, Any] | None, how: Display) -> tuple[str, str]:
    """The statistic and its p-value below; a dash where nothing is tested."""
    if test is None or np.isnan(test["statistic"]):
        return NONE, ""
    return fixed(test["statistic"], 2), f"({chance(test['p'], how.digits)})"
