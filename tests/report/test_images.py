"""The main figures look as they did when they were last looked at.

Stored are coarse grey pictures, made by ``python tests/report/test_images.py`` (run it only
after looking at the figures). They guard the layout, never a number: fonts are pinned to
DejaVu Sans, and the tolerance forgives other versions of FreeType, not a moved legend.
"""

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import spatialsyn as ss
from spatialsyn.models.posterior import Posterior
from spatialsyn.report import theme
from spatialsyn.study.placebo import Placebo

mpl.use("Agg")

STORED = Path(__file__).parents[1] / "reference" / "figures.json"
DPI, CELL = 60, 12
# Of a grey level between 0 and 1: what differs on average, and in the worst cell.
MEAN, WORST = 0.008, 0.12


def material():
    """The cities of Guangdong and a model whose numbers do not matter."""
    from report.drawing import fitted, invented_panel

    panel = invented_panel()
    return panel, *fitted(panel)


def posterior():
    draws = np.random.default_rng(0).dirichlet([2, 6, 3], 1000)
    names = ("share[geo]", "share[eco]", "share[dig]")
    return Posterior(pd.DataFrame({"mean": draws.mean(0)}, index=names), 0.95, names, draws, 0)


def curve():
    x = np.arange(50.0, 500, 50)
    y = np.exp(-x / 150)
    return pd.DataFrame({"x": x, "estimate": y, "low": y - 0.1, "high": y + 0.1})


def single_cities():
    from report.robustness import by_hand

    return by_hand()


def chance():
    """199 invented draws of one effect."""
    draws = pd.DataFrame({"draw": range(199), "x": "x", "effect": "total"})
    draws = draws.assign(estimate=np.random.default_rng(0).normal(size=199), t=0.0)
    table = pd.DataFrame({"x": ["x"], "effect": "total", "estimate": 2.5, "mean": 0.0,
                          "low": -1.96, "high": 1.96, "p": 0.01, "p_t": 0.01})  # fmt: skip
    return Placebo("W", table, draws, 0, 0)


def odds():
    from report.robustness import probabilities

    return probabilities()


FIGURES = {
    "map": lambda p, r, w: ss.report.map(
        p.cities, r.effects("z", by="city")["emitted"], blocks="region", labels="en"
    ),
    "maps": lambda p, r, w: ss.report.emitted_received(p, r.effects("x", by="city")),
    "weights": lambda p, r, w: ss.report.weights_map(w, p.cities, p.context, labels="en"),
    "study_area": lambda p, r, w: ss.report.study_area(p),
    "block_flows": lambda p, r, w: ss.report.flow_map(p, r.effects("x", by="region")),
    "effects": lambda p, r, w: ss.report.effects_plot(r),
    "blocks": lambda p, r, w: ss.report.block_plot(r.effects("x", by="region")),
    "block_matrix": lambda p, r, w: ss.report.block_matrix(r.effects("x", by="region")),
    "curve": lambda p, r, w: ss.report.curve_plot(curve(), "km"),
    "moran": lambda p, r, w: ss.report.moran_scatter(p.at(2012)["y"], w),
    "spectra": lambda p, r, w: ss.report.spectrum_plot(w),
    "shares": lambda p, r, w: ss.report.shares_plot(posterior()),
    "jackknife": lambda p, r, w: ss.report.jackknife_plot(single_cities()),
    "placebo": lambda p, r, w: ss.report.placebo_plot(chance()),
    "probabilities": lambda p, r, w: ss.report.probabilities_plot(odds()),
}


def coarse(drawing):
    """Mean grey of every cell of the picture, 0 to 1."""
    figure = drawing.get_figure(root=True) if hasattr(drawing, "get_figure") else drawing
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    grey = np.asarray(canvas.buffer_rgba())[:, :, :3].mean(axis=2) / 255
    high, wide = (side // CELL * CELL for side in grey.shape)
    return grey[:high, :wide].reshape(high // CELL, CELL, wide // CELL, CELL).mean(axis=(1, 3))


def alike(picture, stored):
    """Whether two pictures have one shape and differ by no more than the tolerance."""
    if picture.shape != stored.shape:
        return False
    apart = np.abs(picture - stored)
    return bool(apart.mean() < MEAN and apart.max() < WORST)


@pytest.fixture(scope="module", name="material")
def _material():
    return material()


@pytest.fixture(autouse=True)
def _pinned(monkeypatch):
    monkeypatch.setattr(theme, "LATIN", ("DejaVu Sans",))
    monkeypatch.setattr(theme, "cjk_family", lambda: None)
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_look_as_they_did(name, material):
    stored = np.array(json.loads(STORED.read_text())[name])
    picture = coarse(FIGURES[name](*material))
    assert picture.shape == stored.shape
    assert alike(picture, stored), f"{np.abs(picture - stored).max():.3f} in the worst cell"


def test_the_comparison_notices_a_map_of_other_numbers_and_a_moved_legend(material):
    panel, results, _ = material
    stored = np.array(json.loads(STORED.read_text())["map"])
    effects = results.effects("z", by="city")["emitted"]
    look = {"blocks": "region", "labels": "en"}
    other = effects.set_axis(effects.index[::-1])
    assert not alike(coarse(ss.report.map(panel.cities, other, **look)), stored)
    ax = ss.report.map(panel.cities, effects, **look)
    ax.get_legend().set_loc("upper right")
    assert not alike(coarse(ax), stored)


if __name__ == "__main__":
    theme.LATIN, theme.cjk_family = ("DejaVu Sans",), lambda: None
    made = {name: coarse(draw(*material())).round(3).tolist() for name, draw in FIGURES.items()}
    STORED.write_text(json.dumps(made, separators=(",", ":")) + "\n")
