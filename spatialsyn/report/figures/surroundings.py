"""What stands around a plot: the names of its axes, the legend above it, and the title."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import ScalarFormatter

from spatialsyn.report import theme
from spatialsyn.report.folding import columns, folded
from spatialsyn.report.magnitudes import state_power, with_power

# Points beside the name of a legend's entry; shares of the figure that texts may take.
ENTRY, ACROSS, BELOW, UPWARD = 34.0, 0.96, 0.7, 0.68
# Points between a title and what lies below it.
PAD = 4.0


def sides(ax: Axes) -> tuple[float, float]:
    """Width and height of the room that the axes have with all that belongs to them, in points."""
    place = ax.get_subplotspec()
    wide, tall = 72 * theme.figure_of(ax).get_size_inches()
    if place is not None:
        grid = place.get_gridspec()
        wide, tall = wide / grid.ncols * len(place.colspan), tall / grid.nrows * len(place.rowspan)
    return float(wide), float(tall)


def name_axes(ax: Axes, x: str, y: str, note: str = "") -> None:
    """Name both axes, with the power of ten of their numbers, in lines that find room.

    A note stands below the name of the lower one.
    """
    wide, tall = sides(ax)
    for axis, name, room in ((ax.xaxis, x, BELOW * wide), (ax.yaxis, y, UPWARD * tall)):
        text = with_power(name, state_power(axis)) if is_number(axis) else name
        text = f"{text}\n{note}" if note and axis is ax.xaxis else text
        axis.set_label_text(folded(text, room), linespacing=1.3)


def is_number(axis: Axis) -> bool:
    """Whether the ticks of an axis are plain numbers."""
    return isinstance(axis.get_major_formatter(), ScalarFormatter)


def above(ax: Axes) -> None:
    """The legend above the axes, in as many columns as there is room for."""
    wide, _ = sides(ax)
    handles, texts = ax.get_legend_handles_labels()
    room = ACROSS * wide - 2 * ENTRY
    texts = [folded(text, room, theme.SMALL) for text in texts]
    ax.legend(
        handles, texts, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1,
        ncols=columns(texts, ACROSS * wide, ENTRY), columnspacing=1.2,
    )  # fmt: skip


def entry(name: str) -> str:
    """A name as the legend takes it: matplotlib leaves out those that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name


def put_title(ax: Axes, title: str | None) -> None:
    """The title above the legend."""
    if not title:
        return
    figure, legend = theme.figure_of(ax), ax.get_legend()
    theme.lay_out(figure)
    height = 0.0 if legend is None else legend.get_window_extent().height * 72 / figure.dpi
    room = (ACROSS * figure.bbox.width - ax.bbox.x0) * 72 / figure.dpi
    ax.set_title(folded(title, room, theme.TEXT + 0.5), loc="left", pad=PAD + height)


def finished(ax: Axes, title: str | None) -> Axes:
    """Ticks that outlive the style, a title, and a check that all text can be printed."""
    theme.ticks(ax)
    ax.spines[["right", "top"]].set_visible(False)
    put_title(ax, title)
    return theme.checked(ax)


def around_one(ax: Axes, x: float) -> None:
    """Limits and one tick for points that all lie at one x, which have no scale of their own."""
    ax.set_xlim(x - 1, x + 1)
    ax.set_xticks([x])
