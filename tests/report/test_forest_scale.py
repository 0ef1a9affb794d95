"""Regressors of very different units can be read in one figure, and so can its ticks."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from drawing import drawn, fitted, invented_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.report.figures.forest import printed

FORMULA = "log(gdp) ~ digital_finance + urbanization + log(loans)"


@pytest.fixture(scope="module")
def results():
    panel = ss.datasets.guangdong()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    return ss.fit(ss.sdm(FORMULA, W="geo", fixed_effects="twoways"), panel, geo)


def test_regressors_of_small_units_are_drawn_larger_and_say_so(results):
    ax = ss.report.effects_plot(results)
    headings = [text.get_text() for text in drawn(ax, "heading")]
    assert headings == ["digital_finance (drawn × 100)", "urbanization (drawn × 10)", "log(loans)"]
    times = {"digital_finance": 100, "urbanization": 10, "log(loans)": 1}
    table = results.effects().table
    factors = table["x"].map(times)
    points = [line.get_xdata()[0] for line in drawn(ax, "point")]
    assert_allclose(points, table["estimate"] * factors)
    intervals = [line.get_xdata() for line in drawn(ax, "interval")]
    assert_allclose(intervals, table[["low", "high"]].mul(factors, axis=0))
    assert "per unit of x, times the factor of the heading" in " ".join(ax.get_xlabel().split())


def test_the_numbers_beside_them_stay_those_of_one_unit(results):
    ax = ss.report.effects_plot(results)
    numbers = [text.get_text().replace("−", "-") for text in drawn(ax, "number")]
    for estimate, text in zip(results.effects().table["estimate"], numbers, strict=False):
        places = len(text.partition(".")[2])
        assert abs(float(text) - estimate) <= 0.5 * 10.0**-places
    direct = results.effects("digital_finance")["direct"].iloc[0]
    assert f"[{direct['low']:.4f}, {direct['high']:.4f}]" in numbers


def test_every_regressor_reaches_a_tenth_of_the_widest_or_more(results):
    ax = ss.report.effects_plot(results)
    reach = [max(abs(x) for x in line.get_xdata()) for line in drawn(ax, "interval")]
    by_regressor = [max(reach[i : i + 3]) for i in range(0, 9, 3)]
    # Those within a factor of ten of each other stay as they are.
    assert max(by_regressor) / min(by_regressor) <= 10


def test_units_of_a_regressor_do_not_change_what_is_seen(results):
    """A hundredth of the unit is a hundred times the effect, and drawn in the same place."""
    panel = results.panel
    finer = panel.assign(digital_finance=panel.frame["digital_finance"] * 100)
    again = ss.fit(results.model, finer, list(results.weights.values()))
    first, second = (ss.report.effects_plot(fit) for fit in (results, again))
    assert drawn(second, "heading")[0].get_text() == "digital_finance (drawn × 10000)"
    places = [[line.get_xdata()[0] for line in drawn(ax, "point")[:3]] for ax in (first, second)]
    # Scaling a column moves the search in its last digits.
    assert_allclose(places[1], places[0], rtol=1e-5)


@pytest.mark.parametrize("length", [30, 100])
def test_a_name_longer_than_the_figure_leaves_the_points_their_room(results, length):
    """It was laid out with the axes, which collapsed to nothing, warned, and lost the name."""
    name = ("the_index_of_digital_inclusive_finance_" * 3)[:length]
    usual = ss.report.effects_plot(results)
    ax = ss.report.effects_plot(results, labels={"digital_finance": name})
    for one in (ax, usual):
        one.get_figure(root=True).canvas.draw()
    assert_allclose(ax.get_position().width, usual.get_position().width, rtol=1e-6)
    heading = drawn(ax, "heading")[0]
    assert heading.get_text().replace("\n", "").startswith(name)
    assert heading.get_window_extent().x1 <= ax.get_figure(root=True).bbox.width
    # In lines where one would be smaller than publishers print.
    assert heading.get_fontsize() >= 6
    assert ("\n" in heading.get_text()) == (length == 100)


def test_alike_regressors_have_no_factor(results):
    ax = ss.report.effects_plot(results.effects("urbanization"))
    assert [text.get_text() for text in drawn(ax, "heading")] == ["urbanization"]
    assert "factor" not in ax.get_xlabel()


@pytest.mark.parametrize("width", ["single", "middle", "double"])
@pytest.mark.parametrize("x", ["digital_finance", "log(loans)"])
def test_numbers_of_the_axis_stand_apart(results, width, x):
    ax = ss.report.block_plot(results.effects(x, by="region"), width_mm=width)
    ax.get_figure(root=True).canvas.draw()
    low, high = ax.get_xlim()
    texts = [text for at, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
             if low <= at <= high]  # fmt: skip
    assert len(texts) >= 3
    boxes = [text.get_window_extent() for text in texts]
    assert all(after.x0 - before.x1 >= before.height / 2 for before, after in pairwise(boxes))


def test_a_power_of_ten_in_some_rows_only_warns_of_nothing(results):
    """Rows without a power have an empty text in its column, which has no width to divide by."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = results.panel.assign(tiny=results.panel.frame["urbanization"] * 1e7)
        model = ss.sdm("log(gdp) ~ log(loans) + tiny", W="geo", fixed_effects="twoways")
        ax = ss.report.effects_plot(ss.fit(model, panel, results.weights))
    texts = [text.get_text() for text in ax.texts]
    assert "" in texts
    assert any("10⁻" in text for text in texts)


def test_what_is_zero_by_construction_is_a_plain_zero():
    """Nothing changes in a block, or comes from one, that a scenario leaves alone."""
    results, _ = fitted(invented_panel())
    ax = ss.report.block_plot(results.scenario({"x": ("periphery", "+10%")}, by="region"))
    texts = [text.get_text() for text in drawn(ax, "number")]
    estimates, intervals = texts[:8], texts[8:16]
    # GBA: own city and within; periphery: from GBA.
    assert [i for i, text in enumerate(estimates) if text == "0"] == [0, 1, 5]
    assert [i for i, text in enumerate(intervals) if not text] == [0, 1, 5]
    assert not any(set(text) <= set("0.[], ") for text in texts if text not in ("0", ""))
    small = np.array([[0.0, -1e-9, 1e-9], [0.0, 0.0, 0.0]])
    assert printed(small)[0][0][0] != "0"  # an estimate that happens to be zero has its interval
