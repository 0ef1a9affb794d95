"""Numbers in tables of effects keep two digits of their standard errors, whatever the units."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from models import fitted, places

import spatialsyn as ss
from spatialsyn.report import effects_table, table
from spatialsyn.report.tables.display import Display


@pytest.fixture(scope="module")
def index():
    """A regressor that runs from 0 to 300: effects per unit are below a thousandth."""
    panel, geo, _ = places()
    formula = "log(gdp) ~ digital_finance + urbanization + log(loans)"
    return ss.fit(ss.sdm(formula, W="geo", fixed_effects="twoways"), panel, geo)


def significant(text):
    """Significant digits of a number as printed."""
    return len(re.sub(r"[^0-9]", "", text).lstrip("0"))


def below(made):
    """The standard errors under the estimates."""
    return [cell.strip("()") for row in made.rows if row.kind == "below" for cell in row.cells]


@pytest.mark.parametrize("by", ["region", "city"])
def test_every_standard_error_side_by_side_shows_two_digits(index, by):
    shown = below(effects_table(index.effects(by=by)))
    assert len(shown) > 10
    assert [text for text in shown if significant(text) < 2] == []


@pytest.mark.parametrize("asked", [{}, {"order": 3}, {"by": "pair", "x": "digital_finance"}])
def test_every_standard_error_on_a_line_shows_two_digits(index, asked):
    lines = [row.cells for row in effects_table(index.effects(**asked)).rows if row.cells]
    assert [cells for cells in lines if cells[1] != "–" and significant(cells[1]) < 2] == []


def test_years_side_by_side_show_two_digits():
    made = effects_table(fitted("dynamic").effects(horizon=range(5)), wide=True)
    assert [text for text in below(made) if text and significant(text) < 2] == []


def test_a_small_effect_prints_as_the_numbers_behind_it(index):
    effects = index.effects("digital_finance", by="region")
    line = effects.table.query("effect == 'indirect' and to == 'periphery' and `from` == 'GBA'")
    estimate, se = line["estimate"].item(), line["se"].item()
    assert abs(estimate) < 0.0005  # what three decimals print as zero
    made = effects_table(effects)
    at = next(i for i, row in enumerate(made.rows) if row.label == "periphery")
    column = made.columns.index("From GBA")
    assert made.rows[at].cells[column] == f"{estimate:.5f}".replace("-", "−")
    assert made.rows[at + 1].cells[column] == f"({se:.5f})"


def test_every_format_has_the_small_effect(index, tmp_path):
    made = effects_table(index.effects("digital_finance", by="region"))
    texts = {text.replace("−", "-") for row in made.rows for text in row.cells}
    html = unescape(made.to_html()).replace("−", "-")
    latex = made.to_latex().replace("$-$", "-")
    word = ZipFile(BytesIO(made.save(tmp_path / "t.docx").read_bytes()))
    words = word.read("word/document.xml").decode().replace("−", "-")
    sheet = pd.read_excel(made.save(tmp_path / "t.xlsx"), sheet_name="table", dtype=str)
    excel = " ".join(map(str, sheet.to_numpy().ravel())).replace("−", "-")
    for text in texts:
        assert [text in printed for printed in (html, latex, words, excel)] == [True] * 4
    kept = pd.read_csv(made.save(tmp_path / "t.csv"))
    assert (kept["estimate"] == made.frame["estimate"]).all()


def test_decimals_are_shared_unless_one_number_needs_many_more():
    how = Display(digits=3)
    assert how.places([0.039, 0.07]) == [3, 3]
    assert how.places([0.0042, 0.039]) == [4, 4]
    assert how.places([0.00031, 0.0015]) == [5, 5]
    assert how.places([0.0000031, 0.039]) == [7, 4]
    assert how.places([0.0, float("nan"), 0.00031]) == [5, 5, 5]
    assert how.places([0.0]) == [3]
    assert Display(digits=0).places([130.0]) == [0]


@pytest.mark.parametrize("digits", [-1, 16, 2.0, "3", True, None, float("nan")])
def test_digits_that_are_no_number_of_decimals_are_refused(index, digits):
    for make in (lambda: table(index, digits=digits), lambda: average(index, digits)):
        with pytest.raises(ss.ConfigError, match=r"digits=.* whole number from 0 to 15, such as"):
            make()


@pytest.mark.parametrize("digits", [0, np.int64(2), 15])
def test_digits_that_are_decimals_are_taken(index, digits):
    average(index, digits)
    table(index, digits=digits)


def average(fit, digits):
    return effects_table(fit.effects(), digits=digits)


def test_p_values_at_the_foot_are_explained_where_there_are_any(index):
    note = "Tests: statistic, p-value in parentheses."
    assert note not in ss.report.table(index, show="tests").notes  # the bounds of rho are no test
    tests = {"Wald": ss.diagnostics.wald(index, "sar")}
    assert note in ss.report.table(index, show="tests", tests=tests).notes


@pytest.mark.parametrize("scale", [1.0, 0.03, 0.001, 40.0])
def test_the_variance_shows_two_digits_at_least_whatever_the_units_of_y(scale):
    """It has the units of y squared: with three decimals 0.00074 was 0.001, a third too much."""
    panel, w = made_up()
    model = ss.sdm("y ~ x", W="w", fixed_effects="twoways")
    res = ss.fit(model, panel.assign(y=scale * panel.array("y")), w)
    for layout, name in (("default", "σ²"), ("matlab", "sigma^2")):
        (row,) = [r for r in ss.report.table(res, layout=layout).rows if r.label == name]
        printed = float(row.cells[0].replace(",", ""))
        assert printed == pytest.approx(res.sigma2, rel=0.05)
