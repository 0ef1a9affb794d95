"""Responses over the years as a moving map, a frame per year after the change."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.writing import destination, make_folder
from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, expect, named
from spatialsyn.report import theme
from spatialsyn.report.atlas import frame, furniture
from spatialsyn.report.atlas.choropleth import Scheme, furnish
from spatialsyn.report.atlas.classes import Classes, classify
from spatialsyn.report.atlas.frame import Sheet
from spatialsyn.report.atlas.inset import draw_inset
from spatialsyn.report.atlas.layers import draw_borders, hatched
from spatialsyn.report.atlas.paint import Look, paint
from spatialsyn.report.atlas.reading import Reading, read_values
from spatialsyn.report.figures.effects import one_regressor
from spatialsyn.report.magnitudes import with_power
from spatialsyn.report.words import word

WRITERS: dict[str, Any] = {".gif": PillowWriter, ".mp4": FFMpegWriter}
PAINTED = ("cities", "no data", "hatched", "below zero")


@dataclass(frozen=True, eq=False, repr=False)
class Animation:
    """Frames of one figure, all in the same classes and on the same sheet.

    Attributes
    ----------
    figure : what the frames are drawn in
    years : years after the change, one per frame
    """

    figure: Figure
    years: tuple[int, ...]
    _ax: Axes
    _shown: Sheet
    _readings: tuple[Reading, ...]
    _classes: Classes
    _look: Look
    _title: str

    def __repr__(self) -> str:
        said = f"{self._title}: " if self._title else ""
        return f"Animation: {said}{len(self.years)} frames, years {named(self.years)}; .save(path)"

    def draw(self, frame: int) -> Figure:
        """Draw one frame, counted from 0, into the figure."""
        if not 0 <= frame < len(self.years):
            raise ConfigError(f"there is no frame {frame}: there are 0 to {len(self.years) - 1}.")
        for old in [c for c in self._ax.collections if c.get_gid() in PAINTED]:
            old.remove()
        with theme.style(self._look.language):
            paint(self._ax, self._shown, self._readings[frame], self._classes, self._look)
            draw_inset(self._ax, self._shown.inset)
            year = word("year {}", self._look.language).format(self.years[frame])
            self._ax.set_title(": ".join(filter(None, [self._title, year])), loc="left", x=0.01,
                               y=1.0, pad=3)  # fmt: skip
        return self.figure

    def save(self, path: str | Path, fps: float = 2, dpi: float = 150) -> Path:
        """Write a .gif, or an .mp4 where ffmpeg is installed; two runs give the same gif.

        Parameters
        ----------
        path : folders on the way are made; the file is written beside and renamed
        fps : frames a second
        """
        path = destination(path)
        writer = WRITERS.get(path.suffix.lower())
        if writer is None:
            raise ConfigError(
                f"{path.name!r} cannot be written: an animation is a {' or '.join(WRITERS)} file."
            )
        if fps <= 0 or dpi <= 0:
            raise ConfigError(f"fps={fps}, dpi={dpi}: both must be above zero.")
        if not writer.isAvailable():
            raise ConfigError("an .mp4 needs the program ffmpeg, which is not there; a .gif works.")
        make_folder(path.parent)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as beside:
            file, film = Path(beside) / path.name, writer(fps=fps)
            with film.saving(self.figure, str(file), dpi=dpi):
                for frame in range(len(self.years)):
                    self.draw(frame)
                    film.grab_frame()
            os.replace(file, path)
        return path


def animate(
    panel: CityPanel,
    effects: Effects,
    effect: str = "received",
    x: str | None = None,
    scheme: Scheme = "equal_interval",
    k: int = 5,
    unit: str | None = None,
    blocks: str | None = None,
    labels: str | pd.Series | None = None,
    title: str | None = None,
    missing: str | None = None,
    language: str = "en",
    width_mm: float | str = theme.WIDTHS["middle"],
    block_labels: Mapping[str, str] | None = None,
) -> Animation:
    """The response of every city, year by year after a change, as a moving map.

    All frames share their classes, so that a colour means the same at all times; cities whose
    interval contains zero are hatched. The figure shows the first frame.

    Parameters
    ----------
    effects : ``results.effects("x", by="city", horizon=range(0, 11))`` of a dynamic model
    effect : "direct" | "received" | "emitted" | "net"
    x : which regressor, where `effects` has several

    The other parameters are those of `map`.

    Raises
    ------
    ConfigError
        Effects that are not by city over a horizon, or have no such effect.
    BoundaryError
        A panel without polygons.
    """
    frame.check_panel(panel, "animate(panel, effects)")
    expect(effects, Effects, "animate needs results.effects(x, by=..., horizon=...)", ConfigError)
    table = responses(effects, effect, x)
    years = tuple(dict.fromkeys(table["horizon"].tolist()))
    readings = tuple(
        read_values(panel.cities, table[table["horizon"] == year].set_index("city"), None)
        for year in years
    )
    classes = classify(np.concatenate([reading.finite for reading in readings]), scheme, k)
    look = Look(missing, "hatch", False, language)
    regressor = str(table["x"].iloc[0])
    with theme.style(language):
        shown = frame.sheet(panel.cities, panel.context)
        ax = frame.new_axes(shown, width_mm, title or " ")
        frame.prepare(ax, shown, title or " ")
        handles = paint(ax, shown, readings[0], classes, look)
        uncertain = any(reading.uncertain.any() for reading in readings)
        handles = [handle for handle in handles if handle.get_hatch() is None]
        drawn = len(classes.colours)
        handles[:drawn] = handles[:drawn][::-1]
        if uncertain:
            handles.append(hatched(word("interval contains zero", language)))
        handles += draw_borders(ax, shown, blocks, language, block_labels, "animate")
        head = unit or word("effect of one unit of {}", language).format(regressor)
        head = with_power(head, classes.exponent)
        shown, box = furniture.put_legend(ax, shown, handles, head)
        furnish(ax, shown, labels, [box], language)
    figure = theme.figure_of(ax)
    made = Animation(figure, years, ax, shown, readings, classes, look, title or "")
    made.draw(0)
    return made


def responses(effects: Effects, effect: str, x: str | None) -> pd.DataFrame:
    """The rows of one effect of one regressor, by city and horizon."""
    table = effects.table
    if not {"city", "horizon"} <= set(table):
        raise ConfigError(
            "animate needs effects by city over several years: "
            "results.effects('x', by='city', horizon=range(0, 11)) of a dynamic model "
            f"(lag_y=True). These have the columns {named(table.columns, 12)}."
        )
    if "channel" in table:
        raise ConfigError("animate shows one channel: by='city', without 'channel'.")
    table = one_regressor(table, x, "animate")
    known = list(dict.fromkeys(table["effect"]))
    if effect not in known:
        raise ConfigError(f"effect={effect!r} is not one of {named(known)}.")
    return table[table["effect"] == effect]
