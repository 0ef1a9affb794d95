"""Unusual texts and numbers are broken, printed and classed so that they can be read."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from drawing import MINUS, value
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn import report
from spatialsyn.errors import percent
from spatialsyn.report import theme
from spatialsyn.report.atlas.classes import classify
from spatialsyn.report.atlas.layers import takes_white
from spatialsyn.report.explorer.models import fit_facts
from spatialsyn.report.folding import columns, folded, lines, measured
from spatialsyn.report.magnitudes import plain, power
from spatialsyn.report.tables.display import fixed

LONG = "The Greater Bay Area (core cities, as of 2019) & its $100%_hinterland"


# --- texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [LONG, "北部生态发展区（山区五市及其他城市），以及沿海经济带", "x" * 90, "a_b-c " * 20]
)
@pytest.mark.parametrize("room", [40.0, 90.0, 1000.0])
def test_lines_find_room_and_lose_nothing(text, room):
    with theme.style():
        made = folded(text, room).split("\n")
        assert max(measured(line, theme.TEXT) for line in made) <= room
    assert "".join(made).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith(("）", "，")) or line.endswith("（") for line in made)
    if room == 1000.0 and len(text) < 90:
        assert made == [text]


def test_columns_of_a_legend_are_as_many_as_find_room():
    with theme.style():
        each = 30 + measured("model", theme.SMALL)
        for count in (1, 2, 4):
            assert columns(["model"] * 4, count * each + 1, 30) == count


@pytest.mark.parametrize(
    "number", [0.0, 1.0, -0.00012345, 123456.0, -9.87654e9, 3.21e-12, 99999.96]
)
def test_a_number_reads_as_itself(number):
    assert_allclose(value(plain(number)), number, rtol=5e-4)
    assert len(plain(number)) < 18


def test_usual_numbers_have_no_power_of_ten():
    for size in (0.001, 1.0, 54321.0):
        assert power(np.array([size]), np.array([size, 5 * size])) == 0
    assert power(np.array([2e-9]), np.array([7e-9])) == -9
    assert power(np.array([3e8]), np.array([2e9])) == 6
    # One giant among usual numbers, or a high level with small differences, hides nobody.
    assert power(np.array([0.4, 0.4, 1e6]), np.array([0.1, 1e6])) == 0
    assert power(np.array([1e-7]), np.array([5.0])) == 0


def test_a_level_is_not_rounded_to_certainty():
    assert [percent(x) for x in (0.9, 0.95, 0.975, 0.995, 0.999)] == [
        "90%", "95%", "97.5%", "99.5%", "99.9%"
    ]  # fmt: skip


def test_tables_print_no_digits_that_the_machine_does_not_have():
    assert fixed(1.06746e18, 3) == "1.067e+18"
    assert fixed(-1.1e-18, 19) == f"{MINUS}1.100e{MINUS}18"
    assert fixed(661927057.572, 3) == "661,927,057.572"
    assert fixed(0.0, 19) == f"{0:.19f}"


# --- classes -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["quantiles", "equal_interval", "fisher_jenks"])
def test_opposite_numbers_have_opposite_colours_on_a_limit_too(scheme):
    """Of ties on a limit the positive ones were in the inner class, the negative in the outer."""
    values = np.array([-4.0, -3, -2, -2, -1, -1, 1, 1, 2, 2, 3, 4])
    made = classify(values, scheme, k=4)
    found = made.of(values)
    assert (found + made.of(-values) == len(made.colours) - 1).all()
    low, high = made.limits[found], made.limits[found + 1]
    assert ((low <= values) & (values <= high)).all()


def test_zeros_are_on_neither_side():
    """They were drawn, and dotted, in the colour of the negative class next to zero."""
    values = np.array([-1.0, -1, 0, 0, 0, 1, 2])
    made = classify(values)
    zero = made.of(values)[values == 0]
    assert set(zero) == {made.of(np.array([-1e-9]))[0] + 1}
    assert not made.below[zero].any()
    assert made.below[made.of(values)][values < 0].all()
    assert made.texts()[zero[0]] == "0.0"
    assert_allclose(*made.colours[zero[0], [0, 2]], atol=0.06)  # neither red nor blue
    for sign in (1, -1):
        one_sided = classify(sign * np.array([0.0, 0, 1, 2]), diverging=True)
        assert set(one_sided.of(np.zeros(1))) == {0 if sign > 0 else len(one_sided.colours) - 1}


def test_a_legend_claims_no_numbers_far_from_all():
    values = np.array([-2.5, -1, -0.5, 0.4, 0.9, 1e6])
    low, high = classify(values).texts()[0], classify(values).texts()[-1]
    assert value(low.split(" to ")[0]) == -2.5
    assert value(high.split(" to ")[1]) == 1e6


@pytest.mark.parametrize("room", [60.0, 110.0, 200.0, 330.0])
def test_lines_are_of_about_one_length_and_no_more_than_are_needed(room):
    text = (
        "mean change in synergy when virtual agglomeration rises by one unit in every sending city"
    )
    made, greedy = folded(text, room).split("\n"), lines(text, room, theme.TEXT)
    assert len(made) == len(greedy)
    assert " ".join(made) == text
    widths = [measured(line, theme.TEXT) for line in made]
    longest_word = max(measured(word, theme.TEXT) for word in text.split())
    assert max(widths) <= room
    assert max(widths) <= measured(text, theme.TEXT) / len(made) + longest_word + 2


def test_numbers_on_tiles_are_in_the_ink_that_stands_out_more():
    """#767676 is the lightest grey that white text may stand on: 4.54 to one (WCAG 2.1)."""
    for colour, white in (
        ("#767676", True),
        ("#2a78a6", True),
        ("#959595", False),
        ("#fff", False),
    ):
        assert takes_white(colour) is white


def test_rho_of_weights_in_large_units_is_printed_and_not_zero():
    """Flows of 100000: rho and its bounds are as small as 1e-6, and 0.000 would be wrong."""
    panel, w = made_up()
    rows = np.random.default_rng(4).uniform(0.8, 1.2, (w.n, 1))
    flows = ss.Weights.from_matrix(3e5 * rows * w.dense(), ids=w.ids, name="w")
    fit = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="individual"), panel, flows)
    low, high = flows.spectrum.interval

    def cells(table):
        return {row.label: row.cells for row in table.rows}

    printed = cells(report.weights_table(flows))
    assert_allclose(value(printed["Lower bound of ρ"][0]), low, rtol=0.05)
    assert_allclose(value(printed["Upper bound of ρ"][0]), high, rtol=0.05)
    tiny = ss.Weights.from_matrix(1e-12 * flows.dense(), ids=w.ids, name="w")
    shown = value(cells(report.weights_table(tiny))["Largest row sum"][0])
    assert_allclose(shown, tiny.row_sums.max(), rtol=0.05)
    bounds = cells(report.table(fit))["Bounds of ρ"][0].strip("()").split(", ")
    assert_allclose([value(end) for end in bounds], [low, high], rtol=0.05)
    said = dict(fit_facts(fit, "en"))["rho[w]"].split(" ")[0]
    assert_allclose(value(said), fit.rho["w"], atol=0.05 * fit.se["rho[w]"])
    odds = fit.diagnostics().families
    rho = odds.table.set_index("family")["rho"]
    for family in ("sar", "sdem"):
        found = cells(report.probabilities_table(odds))[family.upper()][2]
        assert_allclose(value(found), rho[family], atol=0.05 * rho.abs().max())
