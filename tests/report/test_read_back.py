"""What is written and drawn, read back by other programs, holds every number and every name."""

from __future__ import annotations

import re
import shutil
import subprocess
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd
import pytest
from cases import made_up

import spatialsyn as ss
from spatialsyn.report.tables.latex import escaped, latex, packages
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.regression import Table
from spatialsyn.study.curve import Curve
from spatialsyn.study.placebo import Placebo

AWKWARD = ["#N/A", "#DIV/0!", "=1+1", "-1", "1e5", "TRUE", "+2", "@SUM(1)", "50%", "a--b", "x²³"]
INCOME, TAX = "GDP [yuan]", "a[b] tax"


@pytest.fixture(scope="module")
def cities():
    """A panel whose columns have brackets in their names, and two matrices."""
    panel, w = made_up(n=10, T=8)
    frame = panel.frame.reset_index().rename(columns={"x": INCOME, "z": TAX})
    other = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="other")
    named = ss.CityPanel(frame, city="city", year="year", blocks=["region"])
    return named, w, other.standardize("row")


def rounded(value: float, cell: str) -> bool:
    """Whether a cell is the number to the decimals it shows, by decimal arithmetic."""
    places = len(cell.partition(".")[2])
    exact = Decimal(float(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return cell == f"{abs(exact) if exact == 0 else exact:,}".replace("-", "−")


def lines(table: Table) -> dict[tuple[str, str], tuple[str, ...]]:
    """Cells by heading and label."""
    found, heading = {}, ""
    for row in table.rows:
        heading = row.label if row.kind == "group" else heading
        if row.kind == "body":
            assert (heading, row.label) not in found
            found[heading, row.label] = row.cells
    return found


def test_a_name_is_text_in_a_workbook_whatever_it_looks_like(tmp_path):
    """Excel has error values too: "#N/A" as a name of a city is none."""
    openpyxl = pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"term": AWKWARD, "estimate": np.arange(len(AWKWARD)) / 3})
    table = Table("", ("1",), tuple(Row(name, (name,)) for name in AWKWARD), (), frame)
    book = openpyxl.load_workbook(table.save(tmp_path / "t.xlsx"))
    printed = list(book["table"].iter_rows(min_row=2))
    assert [[cell.value for cell in row] for row in printed] == [[name] * 2 for name in AWKWARD]
    numbers = list(book["numbers"].iter_rows(min_row=2))
    assert {cell.data_type for row in printed for cell in row} == {"s"}
    assert [tuple(cell.data_type for cell in row) for row in numbers] == [("s", "n")] * len(AWKWARD)
    assert [row[0].value for row in numbers] == AWKWARD


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs a TeX installation")
def test_powers_hyphens_and_headers_in_lines_compile(tmp_path):
    """TeX refuses a power of a power, and reads a bracket behind a line end as a length."""
    heads = tuple(f"Model of everything {mark} number {i}" for i, mark in enumerate("[[*[*[[["))
    rows = (Row("10²³ a--b c---d", ("1.000",) * 8), Row("[z] ρ²² \\ x³", ("0.123",) * 8))
    table = Table("Powers²³", heads, rows, ("[a] note²³",), pd.DataFrame())
    assert "shortstack" in latex(table)
    needed = "".join(f"\\usepackage{{{name}}}" for name in packages(table))
    text = f"\\documentclass{{article}}{needed}\\begin{{document}}{latex(table)}\\end{{document}}"
    (tmp_path / "t.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-1500:]


def test_two_hyphens_of_a_name_are_no_dash():
    assert "--" not in escaped("a--b, c---d")
    assert escaped("2011–2019") == "2011--2019"


def test_own_rho_of_every_block_stands_beside_a_model_with_another_matrix(cities):
    """Lags of different matrices share a line; rho of different blocks are different numbers."""
    panel, w, other = cities
    formula = f"y ~ `{INCOME}`"
    own = ss.fit(ss.sar(formula, W="w", regimes=ss.regimes("region", rho=True)), panel, w)
    plain = ss.fit(ss.sar(formula, W="other"), panel, other)
    for labels in (None, {"core": "Core", "w": "borders"}):
        made = lines(ss.report.table([own, plain], show="rho", labels=labels, digits=6))
        printed = {label: cells for (_, label), cells in made.items()}
        core = "Core" if labels else "core"
        assert set(printed) == {f"ρ[{core}]", "ρ[edge]", "ρ"}
        assert rounded(own.params["rho[w:core]"], printed[f"ρ[{core}]"][0])
        assert rounded(own.params["rho[w:edge]"], printed["ρ[edge]"][0])
        assert rounded(plain.params["rho[other]"], printed["ρ"][1])
    alone = lines(ss.report.table(own, show="rho", labels={"w": "borders", "core": "Core"}))
    assert {label for _, label in alone} == {"ρ[borders:Core]", "ρ[borders:edge]"}


def test_names_with_brackets_are_printed_whole_and_take_labels(cities):
    panel, w, _ = cities
    model = ss.sdm(f"y ~ `{INCOME}` + `{TAX}`", W="w", fixed_effects="individual")
    fit = ss.fit(model, panel, w)
    printed = lines(ss.report.table(fit, show=("effects", "coefficients"), digits=6))
    for name in (INCOME, TAX):
        assert rounded(fit.params[name], printed["Coefficients", name][0])
        lag = printed["Spatial lags of x (W*x): not effects", f"W[w]*{name}"][0]
        assert rounded(fit.params[f"W[w]*{name}"], lag)
    labels = {INCOME: "Income", "core": "Core"}
    split = ss.fit(model.but(regimes="region"), panel, w)
    by_block = ss.report.table(split, show="coefficients", labels=labels, digits=6)
    own = {
        label: cells for (head, label), cells in lines(by_block).items() if head == "Coefficients"
    }
    want = {"Income[Core]": f"{INCOME}[core]", "Income[edge]": f"{INCOME}[edge]",
            f"{TAX}[Core]": f"{TAX}[core]", f"{TAX}[edge]": f"{TAX}[edge]"}  # fmt: skip
    assert set(own) == set(want)
    assert all(rounded(split.params[name], own[label][0]) for label, name in want.items())


@pytest.fixture(scope="module")
def dynamic(cities):
    panel, w, _ = cities
    model = ss.sdm(f"y ~ `{INCOME}`", W="w", fixed_effects="individual", lag_y=True)
    return ss.fit(model, panel, w)


def test_years_of_blocks_stand_side_by_side(dynamic):
    """Own, from the own block and total have the same ends: the name of the effect parts them."""
    effects = dynamic.effects(INCOME, by="region", horizon=range(3))
    made = ss.report.effects_table(effects, wide=True, below=None, digits=4)
    printed = lines(made)
    found = effects.table
    assert len(printed) * 3 == len(found)
    for line in found.to_dict("records"):
        label = f"{line['effect'].capitalize()}: {line['from']} → {line['to']}"
        cell = printed[INCOME, label][made.columns.index(f"year {line['horizon']}")]
        assert rounded(line["estimate"], cell)


def test_which_years_effects_are_of_is_said(dynamic):
    """The same rows and heads, other numbers: a reader must be told them apart."""
    asked = {
        "in the long run of a lasting change of x": {"horizon": "long"},
        "x stays changed from year 0 on": {"horizon": 2},
        "x is changed in year 0 alone": {"horizon": 2, "lasting": False},
    }
    for said, how in asked.items():
        effects = dynamic.effects(INCOME, **how)
        notes = ss.report.effects_table(effects).notes
        assert [note for note in notes if note.startswith("Years")] == [f"Years: {said}."]
        several = ss.report.effects_table({"a": effects, "b": effects})
        assert f"Years: {said}." in several.notes
        assert said in " ".join(ss.report.effects_plot(effects).get_xlabel().split())
        chinese = ss.report.effects_table(effects, language="zh")
        assert not [note for note in chinese.notes if said in note]
    assert not [n for n in ss.report.effects_table(dynamic.effects()).notes if "Years" in n]


def test_the_ends_of_intervals_are_not_rounded_to_certainty(dynamic):
    heads = ss.report.table(dynamic, layout="matlab", effects={"level": 0.999}).columns
    assert heads[-2:] == ("lower 0.0005", "upper 0.9995")


@pytest.mark.parametrize("digits", [0, 1])
def test_a_p_value_says_more_than_that_it_is_below_one(dynamic, digits):
    made = ss.report.table(dynamic, show="coefficients", below="p", digits=digits)
    shown = [row.cells[0].strip("()") for row in made.rows if row.kind == "below"]
    p = [value for value in dynamic.tidy()["p"] if value == value]
    assert sorted(cell for cell in shown if cell) == sorted(
        "<0.01" if value < 0.01 else f"{Decimal(float(value)):.2f}" for value in p
    )


def test_the_smallest_p_of_many_draws_is_not_zero():
    """2 / (1 + 9,999) = 0.0002."""
    draws = pd.DataFrame({"draw": np.arange(9999), "x": "x", "effect": "total",
                          "estimate": np.linspace(-1, 1, 9999), "t": 0.0})  # fmt: skip
    table = pd.DataFrame({"x": ["x"], "effect": "total", "estimate": 2.0, "mean": 0.0,
                          "low": -0.95, "high": 0.95, "p": 0.0002, "p_t": 0.0002})  # fmt: skip
    notes = ss.report.placebo_table(Placebo("W", table, draws, 0, 1)).notes
    assert any("that 9,999 draws allow is 0.00020." in note for note in notes)


def test_numbers_of_models_and_shares_are_those_of_the_curve():
    """1,536 models, one of them negative: neither 1.54e+03 models nor all positive."""
    estimates = np.r_[-0.1, np.linspace(0.1, 1, 1535)]
    table = pd.DataFrame({"model": [f"m{i}" for i in range(1536)], "regressor": "x",
                          "estimate": estimates, "se": 0.01, "low": estimates - 0.02,
                          "high": estimates + 0.02, "p": 0.001})  # fmt: skip
    curve = Curve("x", {"effect": "total"}, (), table, {})
    figure = ss.report.specification_curve(curve)
    note = " ".join(figure.axes[0].get_xlabel().split())
    assert note == "1,536 specifications, 99.9% positive, 100% with p < 0.05"
    first, *_ = repr(curve).splitlines()
    assert first.split() == ["models", "1536"]
    assert "<td>1536</td>" in curve._repr_html_()

    class Runs:
        def curve(self, x, effect):
            return curve

    cells = {row.label: row.cells for row in ss.report.specification_table(Runs(), "x").rows}
    assert cells["Models"] == ("1,536",) * 3
    assert cells["Positive"] == ("99.9%",) * 3  # 1535 / 1536 = 0.99935
    assert cells["Significant"] == ("100%",) * 3


def test_names_that_begin_with_an_underscore_stand_in_the_legend():
    curve = pd.DataFrame({"x": [1, 2], "estimate": [0.1, 0.2], "low": [0.0, 0.1],
                          "high": [0.3, 0.4]})  # fmt: skip
    ax = ss.report.curve_plot({"_base": curve, "other": curve}, "years")
    texts = [text.get_text().strip() for text in ax.get_legend().get_texts()]
    assert {"_base", "other"} <= set(texts)
    index = pd.MultiIndex.from_product([list("abcdef"), [2001, 2002]], names=["city", "year"])
    frame = pd.DataFrame({"v": np.arange(1.0, 13.0)}, index=index).reset_index()
    frame["side"] = np.where(frame["city"] < "d", "_west", "east")
    panel = ss.CityPanel(frame, city="city", year="year", blocks=["side"])
    found = ss.measures.disparity(panel, "v", by="side")
    for language in ("en", "zh"):
        ax = ss.report.disparity_plot(found, language=language)
        texts = " ".join(text.get_text() for text in ax.get_legend().get_texts())
        assert re.search(r"\b_west", texts), language
        heights = sum(bar.get_height() for bars in ax.containers for bar in bars[:1])
        assert heights == pytest.approx(found.table["theil"].iloc[0])
