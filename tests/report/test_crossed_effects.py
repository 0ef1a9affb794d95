"""Effects by band of distance, order of neighbour, channel and year in the plot of effects."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import drawn, two_matrices
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn import report


@pytest.fixture(scope="module")
def guangdong():
    return two_matrices()


def rows(ax):
    return [" ".join(text.get_text().split()) for text in ax.get_yticklabels()]


def points(ax):
    return [line.get_xdata()[0] for line in drawn(ax, "point")]


def test_every_band_has_its_row_and_its_point(guangdong):
    panel, model, weights = guangdong
    bands = ss.weights.bands(panel.cities, [100, 200, 900])
    effects = ss.fit(model, panel, weights).effects("urbanization", by=bands)
    ax = report.effects_plot(effects)
    assert rows(ax) == [
        "direct, own", "indirect, 0-100 km", "indirect, 100-200 km", "indirect, 200-900 km",
        "total, all",
    ]  # fmt: skip
    assert_allclose(points(ax), effects.table["estimate"])
    named = {"0-100 km": "near", "urbanization": "Urban share"}
    labelled = report.effects_plot(effects, labels=named)
    assert "indirect, near" in rows(labelled)
    assert [text.get_text() for text in drawn(labelled, "heading")] == ["Urban share"]


def test_what_is_zero_by_construction_is_no_row(guangdong):
    """W^0 has no neighbours, W^1 no city itself."""
    panel, model, weights = guangdong
    effects = ss.fit(model, panel, weights).effects("urbanization", order=1)
    ax = report.effects_plot(effects, language="zh")
    kept = effects.table[effects.table["se"] > 0]
    assert len(kept) == len(effects.table) - 2
    assert_allclose(points(ax), kept["estimate"])
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in label) for label in rows(ax))


def test_channels_of_two_models_stand_under_one_another(guangdong):
    panel, model, weights = guangdong
    fits = [
        ss.fit(model.but(W=["geo", "km"], fixed_effects=effects), panel, weights)
        for effects in ("twoways", "individual")
    ]
    found = {
        name: fit.effects("urbanization", by="channel")
        for name, fit in zip("ab", fits, strict=True)
    }
    ax = report.effects_plot(found)
    pairs = np.column_stack([effects.table["estimate"] for effects in found.values()])
    assert_allclose(points(ax), pairs.ravel())
    assert rows(ax)[2:4] == ["direct, geo", "indirect, geo"]


@pytest.mark.filterwarnings("ignore:the process has a root")
def test_years_have_a_row_each(guangdong):
    panel, model, weights = guangdong
    dynamic = ss.fit(model.but(lag_y=True), panel, weights)
    effects = dynamic.effects("urbanization", horizon=range(3))
    ax = report.effects_plot(effects)
    assert rows(ax)[-1] == "total, year 2"
    assert_allclose(points(ax), effects.table["estimate"])


def test_the_label_of_the_outcome_names_it_on_the_axis(guangdong):
    panel, model, weights = guangdong
    labels = {"log(gdp)": "Output", "urbanization": "Urban share"}
    ax = report.effects_plot(ss.fit(model, panel, weights), labels=labels)
    assert ax.get_xlabel().startswith("change in Output per unit")
    found = ss.decay(model.but(family="slx", W="km", formula="log(gdp) ~ urbanization"), panel)
    curve = report.decay_plot(found, labels=labels)
    assert "Output" in curve.get_ylabel()
    assert "Urban share" in curve.get_ylabel()
    assert "Product" in report.decay_plot(found, labels=labels, outcome="Product").get_ylabel()
