"""Which family and which matrix: posterior probabilities as bars."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.report import theme
from spatialsyn.report.figures.forest import Point, Row, finish_rows, forest
from spatialsyn.report.labels import check_labels
from spatialsyn.report.tables.display import chance
from spatialsyn.report.tables.rivals import check_probabilities, matrices, several
from spatialsyn.report.words import word

# Height of a bar, in rows; end of the axis, which leaves room for the number beside a bar of one.
THICK, END = 0.62, 1.14


def probabilities_plot(
    found: Probabilities,
    labels: Mapping[str, str] | None = None,
    title: str | None = None,
    language: str = "en",
    ax: Axes | None = None,
    width_mm: float | str = theme.WIDTHS["single"],
) -> Axes:
    """A bar for the posterior probability of every family, under a heading for every matrix.

    Parameters
    ----------
    found : ``ss.diagnostics.posterior(...)``, or ``results.diagnostics().families``
    labels : matrix -> what to print for it

    Raises
    ------
    ConfigError
        Not probabilities, diagnostics of a model that has none, or labels that match nothing.
    """
    check_probabilities(found, "probabilities_plot")
    check_labels(labels, "probabilities_plot", matrices(found))
    given, rows = labels or {}, []
    with theme.style(language):
        for W, lines in found.table.groupby("W", sort=False):
            if several(found):
                plain = word("without a matrix", language)
                rows.append(Row(plain if W == "-" else f"W[{given.get(str(W), str(W))}]"))
            for family, p in zip(lines["family"], lines["probability"], strict=True):
                bar = Point(float(p), float(p), float(p), theme.COLOURS[0])
                rows.append(Row(str(family).upper(), (bar,)))
        ax = forest(rows, ax, width_mm, title, draw=draw_bar)
        ax.set_xlim(0, END)
        note = word("of models that are equally likely before the data", language)
        finish_rows(ax, word("posterior probability", language), note)
        ax.set_xticks([tick / 4 for tick in range(5)])
        theme.checked(ax)
    return ax


def draw_bar(ax: Axes, y: float, row: Row) -> None:
    """A bar from zero, and its number at the end."""
    (bar,) = row.points
    ax.barh(y, bar.estimate, THICK, color=bar.colour, lw=0, zorder=2, gid="bar")
    ax.annotate(chance(bar.estimate), (bar.estimate, y), xytext=(3, 0), va="center_baseline",
                textcoords="offset points", fontsize=theme.SMALL, gid="number")  # fmt: skip
