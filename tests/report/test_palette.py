"""Colours are told apart by colour-blind readers, and by a printer without colour.

Simulated dichromacy: Machado, Oliveira & Fernandes (2009, IEEE Transactions on Visualization
and Computer Graphics 15, 1291-1298), the published matrices at severity 1, applied to
linear RGB. Lightness is CIE L*, differences are CIE 1976 distances.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose
from report.drawing import invented_panel

import spatialsyn as ss
from spatialsyn.errors import ConfigError
from spatialsyn.report import theme
from spatialsyn.report.atlas import areas, fading, layers
from spatialsyn.report.atlas.classes import classify, colour_map
from spatialsyn.report.figures import scatter, shares

mpl.use("Agg")

MACHADO = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
# Distances of patches that touch: 2.3 is just noticeable, side by side and at leisure.
DISTINCT, LIGHTER = 8.0, 6.0
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip


def linear(colours):
    c = np.array([to_rgb(colour) for colour in colours])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    t = rgb @ TO_XYZ.T / [0.95047, 1.0, 1.08883]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.column_stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])]
    )


def lightness(colours):
    return lab(linear(colours))[:, 0]


def smallest(colours, seen):
    """The smallest distance of two colours as a reader sees them."""
    rgb = linear(colours)
    points = lab(np.clip(rgb @ np.array(MACHADO[seen]).T, 0, 1) if seen else rgb)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return gaps[np.triu_indices(len(points), 1)].min()


def test_the_lightness_of_known_colours():
    # CIE L*: white 100, black 0, sRGB mid grey 119/255 is 50.0, pure red 53.24.
    assert_allclose(lightness(["white", "black", (119 / 255,) * 3, "red"]), [100, 0, 50.03, 53.24], atol=0.05)  # fmt: skip
    # Greys stay grey to every reader: rows of the matrices sum to one.
    for matrix in MACHADO.values():
        assert_allclose(np.sum(matrix, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("seen", [None, *MACHADO])
@pytest.mark.parametrize("k", [3, 4, 5, 6, 7])
def test_classes_are_told_apart_with_every_colour_vision(k, seen):
    rising = classify(np.linspace(0, 1, 99), "equal_interval", k)
    parted = classify(np.linspace(-1, 1, 99), "equal_interval", k)
    for classes in (rising, parted):
        assert smallest(classes.colours[:, :3], seen) > DISTINCT


@pytest.mark.parametrize("k", [3, 5, 7])
def test_lightness_falls_with_size(k):
    rising = lightness(classify(np.linspace(0, 1, 99), "equal_interval", k).colours[:, :3])
    assert (np.diff(rising) < -LIGHTER).all()
    parted = classify(np.linspace(-1, 1, 99), "equal_interval", 2 * k)
    below, above = np.split(lightness(parted.colours[:, :3]), 2)
    assert (np.diff(below) > LIGHTER).all()
    assert (np.diff(above) < -LIGHTER).all()


def relative_luminance(colour):
    """WCAG 2.1, from the definition."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("name", ["vik", "batlow", "oslo", "acton", "Greys"])
def test_textures_stand_out_from_every_colour_of_a_map(name):
    """Contrast as in WCAG 2.1: 3.2 is the most that two inks can have everywhere; it was 2."""
    for colour in colour_map(name)(np.linspace(0, 1, 64)):
        dark, light = sorted(relative_luminance(c) for c in (colour, layers.hatch_ink(colour)))
        assert (light + 0.05) / (dark + 0.05) > 2.9


def test_without_colour_signs_are_told_apart_by_dots():
    """On a diverging scale lightness says how large, not which sign."""
    panel = invented_panel()
    values = panel.at(2012)["x"]
    ax = ss.report.map(panel.cities, values, greyscale=True)
    dotted = [c for c in ax.get_children() if c.get_gid() == "below zero"]
    assert sum(len(c.get_paths()) for c in dotted) == (values < 0).sum()
    entries = ax.get_legend().get_patches()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    for patch, text in zip(entries, texts, strict=True):
        assert (patch.get_hatch() is not None) == text.startswith("\u2212")
    plain = ss.report.map(panel.cities, values.abs(), greyscale=True)
    assert not [c for c in plain.get_children() if c.get_gid() == "below zero"]
    plt.close("all")


@pytest.mark.parametrize("seen", [None, *MACHADO])
def test_the_first_colours_of_lines_blocks_and_quadrants_differ(seen):
    assert smallest(theme.COLOURS, seen) > DISTINCT
    assert smallest(areas.AREAS[:4], seen) > DISTINCT
    assert smallest(shares.SHADES, seen) > DISTINCT
    assert smallest([colour for colour, *_ in scatter.QUADRANTS.values()], seen) > DISTINCT


def test_blocks_differ_without_colour():
    light = np.sort(lightness(areas.AREAS[:4]))
    assert (np.diff(light) > LIGHTER).all()
    assert len({marker for _, marker, _ in scatter.QUADRANTS.values()}) == 4


def test_fading_makes_every_class_lighter_and_keeps_certain_ones():
    colours = classify(np.linspace(-1, 1, 99), "equal_interval", 6).colours
    steps = [fading.faded(colours, np.full(len(colours), p)) for p in (0.01, 0.1, 0.5)]
    assert_allclose(steps[0], colours)
    light = [lightness(step[:, :3]) for step in steps]
    assert (np.diff(light, axis=0) > 0).all()


# --- widths --------------------------------------------------------------------------------


def test_widths_by_name_and_in_millimetres():
    assert theme.width("single") == 90
    assert theme.width("springer double") == 174
    assert theme.width(101.5) == 101.5
    panel = invented_panel()
    ax = ss.report.map(panel.cities, panel.mean("x", "all"), width_mm="nature single")
    assert_allclose(ax.figure.get_figwidth() * 25.4, 89)
    plt.close("all")


@pytest.mark.parametrize("asked", ["wide", "springer huge", "acme single"])
def test_unknown_widths_are_refused_with_the_known_ones(asked):
    with pytest.raises(ConfigError, match=r"springer \(single, middle, double\)"):
        theme.width(asked)


@pytest.mark.parametrize("asked", [3.5, 5000, True])
def test_widths_no_page_has_are_refused(asked):
    with pytest.raises(ConfigError, match="30 to 1000 mm wide"):
        theme.width(asked)


def test_text_has_the_size_publishers_ask_for():
    assert theme.TEXT == 7
    assert min(theme.SMALL, theme.TINY) >= 6
    assert theme.settings()["pdf.fonttype"] == 42
