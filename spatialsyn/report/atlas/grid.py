"""Small multiples: panels in rows, and one legend below them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialsyn.report import theme
from spatialsyn.report.atlas.fading import HANDLERS, length
from spatialsyn.report.atlas.frame import TITLE_MM, Sheet

# Between panels side by side, and around the legend.
GAP_MM, LEGEND_GAP_MM = 3.0, 1.5
# Room that a shared legend may need, and the least height of a panel that a page is divided into.
BELOW_MM, LOWEST_MM = 20.0, 25.0


@dataclass(frozen=True, eq=False)
class Grid:
    """Panels of one aspect (height over width), `across` in a row."""

    figure: Figure
    count: int
    across: int
    width_mm: float
    aspect: float

    @cached_property
    def axes(self) -> list[Axes]:
        """One axes per panel."""
        made = [self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label=str(i)) for i in range(self.count)]
        self.arrange(0.0)
        return made

    def arrange(self, below_mm: float) -> None:
        """Set the size of the figure and the place of every panel, with room for a legend."""
        width = (self.width_mm - GAP_MM * (self.across - 1)) / self.across
        height = width * self.aspect
        rows = -(-self.count // self.across)
        total = rows * (height + TITLE_MM) + below_mm
        self.figure.set_size_inches(self.width_mm * theme.MM, total * theme.MM)
        for i, ax in enumerate(self.figure.axes):
            row, column = divmod(i, self.across)
            left, bottom = column * (width + GAP_MM), total - (row + 1) * (height + TITLE_MM)
            ax.set_position(
                (left / self.width_mm, bottom / total, width / self.width_mm, height / total)
            )


def on_page(shown: Sheet, count: int, across: int, width_mm: float) -> Sheet:
    """The sheet with room on the right, where panels to scale would be taller than a page."""
    width = (width_mm - GAP_MM * (across - 1)) / across
    height = (theme.TALLEST_MM - BELOW_MM) / -(-count // across) - TITLE_MM
    aspect = max(height, LOWEST_MM) / width
    return shown.filling(aspect) if aspect < shown.aspect else shown


def put_shared_legend(grid: Grid, handles: Sequence[Any], classes: int, title: str) -> None:
    """The classes in a row from low to high, other entries in a second row."""
    lower, lower_mm = legend_row(grid, handles[classes:], "")
    upper, upper_mm = legend_row(grid, handles[:classes], title)
    grid.arrange(lower_mm + upper_mm + 2 * LEGEND_GAP_MM)
    total = grid.figure.get_figheight() / theme.MM
    for legend, bottom in ((lower, LEGEND_GAP_MM), (upper, lower_mm + LEGEND_GAP_MM)):
        if legend is not None:
            legend.set_bbox_to_anchor((0.5, bottom / total), transform=grid.figure.transFigure)


def by_rows(handles: Sequence[Any], columns: int) -> list[Any]:
    """The order in which a legend that fills column after column is read row after row."""
    return [handle for column in range(columns) for handle in handles[column::columns]]


def legend_row(grid: Grid, handles: Sequence[Any], title: str) -> tuple[Any, float]:
    """A legend in as few rows as the width allows, and its height in mm."""
    figure = grid.figure
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(
            handles=by_rows(handles, columns), title=title or None, loc="lower center",
            ncols=columns, frameon=False, alignment="center", handlelength=length(handles),
            handleheight=1.0, columnspacing=1.4, borderaxespad=0, borderpad=0.3,
            handler_map=HANDLERS,
        )  # fmt: skip
        theme.lay_out(figure)
        box = legend.get_window_extent()
        if box.width <= figure.bbox.width or columns == 1:
            return legend, box.height / figure.dpi / theme.MM
        legend.remove()
    return None, 0.0
