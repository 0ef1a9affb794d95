"""Tables: the same cells in every format, and nothing said that the numbers do not say."""

from __future__ import annotations

import os
import re
import time
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from peers import panel_data

import spatialsyn as ss
from spatialsyn.report import Table, descriptives, effects_table, table, weights_table
from spatialsyn.report.tables.display import decimals, fixed
from spatialsyn.report.tables.layout import Row

# Sums over 1380 cells in another order; the last three digits are not promised.
RTOL = 1e-12
FORMATS = (".tex", ".docx", ".html", ".md", ".csv", ".xlsx")


@pytest.fixture(scope="module")
def panel():
    plain, _ = panel_data("cigar")
    frame = plain.frame.reset_index()
    north = dict(zip(plain.ids, np.arange(plain.n) < 20, strict=True))
    region = frame["city"].map(north).map({True: "north", False: "south"})
    return ss.CityPanel(frame.assign(region=region), "city", "year", blocks=["region"])


@pytest.fixture(scope="module")
def w():
    return panel_data("cigar")[1]


@pytest.fixture(scope="module")
def gap(panel):
    income = panel.mean("ndi", years=panel.years[:2])
    return ss.weights.gap(income, name="eco", floor=1.0).standardize("row")


@pytest.fixture(scope="module")
def sdm(panel, w):
    return ss.fit(ss.sdm("logc ~ logp + logy", W="w", fixed_effects="twoways"), panel, w)


@pytest.fixture(scope="module")
def sar(panel, gap):
    return ss.fit(ss.sar("logc ~ logp", W="eco", fixed_effects="twoways"), panel, gap)


@pytest.fixture(scope="module")
def ols(panel):
    return ss.fit(ss.ols("logc ~ logp + logy", fixed_effects="twoways"), panel)


def cell(made, heading, label, column, below=False):
    """The cell of one line under one heading."""
    rows = list(made.rows)
    start = next(i for i, row in enumerate(rows) if row.kind == "group" and heading in row.label)
    at = next(i for i in range(start + 1, len(rows)) if rows[i].label == label)
    return rows[at + below].cells[made.columns.index(column)]


def tiny(label="x", **options):
    """A table of one cell."""
    frame = pd.DataFrame({"x": [0.1 + 0.2]})
    return Table("A title", ("(1)",), (Row(label, ("−0.300",)),), ("A note.",), frame, **options)


def test_effects_come_first_then_coefficients_then_fit(ols, sdm):
    made = table([ols, sdm])
    headings = [row.label for row in made.rows if row.kind == "group"]
    assert headings == [
        "Direct effects", "Indirect effects", "Total effects", "Coefficients",
        "Spatial lags of x (W*x): not effects", "Spatial lag of y (ρ)",
    ]  # fmt: skip
    assert made.columns == ("(1)", "(2)")
    kinds = [row.kind for row in made.rows]
    assert kinds.index("foot") == len(kinds) - kinds.count("foot")
    feet = {row.label: row.cells for row in made.rows if row.kind == "foot"}
    assert feet["Weights"] == ("–", "w")
    assert feet["Cities"] == ("46", "46")
    assert feet["Observations"] == (f"{ols.nobs:,}", f"{sdm.nobs:,}")


def test_cells_are_the_rounded_numbers_with_a_real_minus(sdm):
    made, effect = table(sdm), sdm.effects()["indirect"].loc["logp"]
    assert cell(made, "Indirect", "logp", "(1)") == f"{effect['estimate']:.3f}".replace("-", "−")
    assert cell(made, "Indirect", "logp", "(1)", below=True) == f"({effect['se']:.3f})"
    assert cell(made, "Spatial lags", "W[w]*logy", "(1)").startswith("−")
    assert cell(made, "(ρ)", "ρ[w]", "(1)") == f"{sdm.rho['w']:.3f}"


def test_csv_holds_the_effects_to_the_last_digit(ols, sdm):
    # As text first: readers of csv may round the last digit.
    read = pd.read_csv(StringIO(table({"OLS": ols, "SDM": sdm}).to_csv()), dtype=str)
    for name, fit in {"OLS": ols, "SDM": sdm}.items():
        stored = read[(read["model"] == name) & (read["part"] == "effect")]
        truth = fit.effects().table
        for column in ("estimate", "se", "low", "high", "p"):
            np.testing.assert_array_equal(stored[column].map(float), truth[column])
    fits = read[(read["part"] == "fit") & (read["model"] == "SDM")].set_index("term")
    assert float(fits.loc["loglik", "estimate"]) == sdm.loglik
    assert fits.loc["weights_hash", "text"] == sdm.weights["w"].hash


def test_a_regressor_that_a_model_lacks_leaves_its_cell_empty(sar, sdm):
    made = table({"SAR": sar, "SDM": sdm})
    assert cell(made, "Direct", "logy", "SAR") == ""
    assert cell(made, "Direct", "logy", "SAR", below=True) == ""
    assert cell(made, "Direct", "logy", "SDM") != ""


def test_an_effect_that_is_zero_by_construction_shows_a_dash(ols):
    made = table(ols)
    assert cell(made, "Indirect", "logp", "(1)") == "–"
    assert cell(made, "Indirect", "logp", "(1)", below=True) == ""
    assert cell(effects_table(ols.effects()), "logp", "Indirect", "p") == "–"


def test_different_weights_share_the_line_of_their_lag(sar, sdm):
    made = table({"SAR": sar, "SDM": sdm}, labels={"logp": "Price"})
    assert cell(made, "(ρ)", "ρ", "SAR") == f"{sar.rho['eco']:.3f}".replace("-", "−")
    assert cell(made, "(ρ)", "ρ", "SDM") == f"{sdm.rho['w']:.3f}"
    assert cell(made, "Spatial lags", "W*Price", "SDM") != ""
    assert set(made.frame.query("group == 'rho'")["term"]) == {"rho[w]", "rho[eco]"}


def test_two_variables_with_one_label_keep_two_lines(sdm):
    made = table(sdm, labels={"logp": "same", "logy": "same"}, show="effects")
    assert [row.label for row in made.rows if row.kind == "body"] == ["same"] * 6


def test_labels_apply_inside_the_spatial_lag(sdm):
    made = table(sdm, labels={"logp": "Price"})
    assert cell(made, "Spatial lags", "W[w]*Price", "(1)") != ""
    assert cell(made, "Total", "Price", "(1)") != ""


def test_intervals_stand_below_on_request(sdm):
    effect = sdm.effects()["direct"].loc["logp"]
    under = cell(table(sdm, below="interval"), "Direct", "logp", "(1)", below=True)
    assert under == f"[{effect['low']:.3f}, {effect['high']:.3f}]".replace("-", "−")


def test_stars_only_on_request_and_with_their_legend(sdm):
    plain, starred = table(sdm), table(sdm, stars=True)
    assert not any("*" in cell for row in plain.rows for cell in row.cells)
    assert not any("p <" in note for note in plain.notes)
    assert cell(starred, "Direct", "logp", "(1)").endswith("***")
    assert "* p < 0.10; ** p < 0.05; *** p < 0.01." in starred.notes


def test_rho_alone_stands_for_itself(sdm):
    headings = [row.label for row in table(sdm, show="rho").rows if row.kind == "group"]
    assert headings == ["Spatial lag of y (ρ)"]


def test_notes_say_how_every_matrix_was_made(sar, sdm, gap):
    notes = "\n".join(table([sar, sdm]).notes)
    assert gap.hash in notes
    assert sdm.weights["w"].hash in notes
    assert "W[eco]: economic gap, column ndi" in notes
    assert "base years 63, 64" in notes
    assert "standardization: row" in notes
    assert "delta method" in notes
    assert "expected information" in notes
    assert "Lee and Yu (2010)" in notes


def test_weights_of_the_sample_itself_are_marked(panel):
    w = ss.weights.gap(panel.mean("ndi", years="all"), floor=1.0).standardize("row")
    assert any("base years: all" in note for note in weights_table(w).notes)


def test_notes_that_differ_name_their_columns(panel, w, sdm):
    other = ss.fit(sdm.model.but(correction="direct"), panel, w)
    notes = table({"LY": sdm, "dummies": other}).notes
    assert any(note.startswith("dummies: Fixed effects removed as dummy") for note in notes)
    assert any("compare only between columns" in note for note in notes)


def test_few_cities_are_called_few(panel, w):
    ids = [i for i in panel.ids if w.sparse[[w.ids.index(i)]].nnz][:21]
    few = ss.Weights.from_matrix(np.ones((21, 21)) - np.eye(21), ids, "w").standardize("row")
    fit = ss.fit(ss.slx("logc ~ logp", W="w", fixed_effects="individual"), panel.subset(ids), few)
    notes = table(fit).notes
    assert sum(note.startswith("Only 21 cities") for note in notes) == 1
    assert any("rather than stars" in note for note in notes)


def test_few_cities_are_not_called_few_at_46(sdm):
    assert not any("Only" in note for note in table(sdm).notes)


def test_options_that_do_not_exist_are_refused(sdm):
    with pytest.raises(ss.ConfigError, match="cannot show 'efects'"):
        table(sdm, show=("efects",))
    with pytest.raises(ss.ConfigError, match="below='sd'"):
        table(sdm, below="sd")
    with pytest.raises(ss.ConfigError, match="one, a list or a mapping"):
        table([])
    with pytest.raises(ss.ConfigError, match="got 'SpatialModel'"):
        table([sdm.model])


def test_blocks_stand_side_by_side(sdm):
    effects = sdm.effects("logp", by="region")
    made = effects_table(effects, labels={"north": "North"}, of=sdm)
    assert made.columns == ("Own", "From North", "From south", "Total")
    received = effects.table.query("effect == 'indirect' and to == 'south' and `from` == 'north'")
    expected = f"{received['estimate'].item():.3f}".replace("-", "−")
    assert cell(made, "logp", "south", "From North") == expected
    assert any(sdm.weights["w"].hash in note for note in made.notes)
    pd.testing.assert_frame_equal(made.frame, effects.table)


def test_cities_have_a_line_each(sdm, panel):
    made = effects_table(sdm.effects("logp", by="city"))
    assert made.columns == ("Direct", "Received", "Emitted", "Net")
    assert sum(row.kind == "body" for row in made.rows) == panel.n


def test_simulated_effects_say_their_seed_and_rejections(sdm):
    made = effects_table(sdm.effects("logp", method="simulation", draws=200, seed=3))
    assert any("200 simulated draws, seed 3; 0.00% rejected" in note for note in made.notes)


def test_descriptives_match_a_loop_over_cells(panel):
    x = panel.array("logc").copy()
    x[0, :3] = x[7, 5] = np.nan
    x[9] = np.nan  # a city that is never observed
    made = descriptives(panel.assign(holes=x), ["holes"], units={"holes": "log packs"})
    cells = [v for row in x for v in row if not np.isnan(v)]
    means = [sum(v for v in row if v == v) / sum(row == row) for row in x if (row == row).any()]
    grand, mean_of_means = sum(cells) / len(cells), sum(means) / len(means)
    own = {i: m for i, m in zip([i for i in range(len(x)) if i != 9], means, strict=True)}
    inside = [
        x[i, t] - own[i] + grand for i in own for t in range(x.shape[1]) if x[i, t] == x[i, t]
    ]
    truth = {
        "mean": grand,
        "overall": (sum((v - grand) ** 2 for v in cells) / (len(cells) - 1)) ** 0.5,
        "between": (sum((m - mean_of_means) ** 2 for m in means) / (len(means) - 1)) ** 0.5,
        "within": (sum((v - grand) ** 2 for v in inside) / (len(inside) - 1)) ** 0.5,
        "min": min(cells), "max": max(cells), "n": len(cells), "missing": 4 + x.shape[1],
    }  # fmt: skip
    for key, value in truth.items():
        assert_allclose(made.frame.loc[0, key], value, rtol=RTOL, err_msg=key)
    assert made.rows[0].cells[0] == "log packs"
    assert made.rows[0].cells[-1] == str(4 + x.shape[1])


def test_descriptives_refuse_what_is_not_a_number(panel):
    with pytest.raises(ss.PanelError, match="no numeric column 'region'"):
        descriptives(panel, ["logc", "region"])


def test_weights_have_a_column_each(w, gap):
    made = weights_table(w, gap)
    lines = {row.label: row.cells for row in made.rows}
    assert made.columns == ("w", "eco")
    assert lines["Hash"] == (w.hash, gap.hash)
    assert lines["Base years"] == ("–", "63, 64")
    assert lines["Correlation with W[w]"][0] == "–"
    with pytest.raises(ss.WeightsError, match="'w' names more than one matrix"):
        weights_table(w, gap.rename("w"))


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(-0.0004, 3, "0.000"), (-1234.5, 1, "−1,234.5"), (np.nan, 3, ""), (0.3, 3, "0.300")],
)
def test_numbers_as_text(value, places, text):
    assert fixed(value, places) == text


def test_a_small_standard_error_keeps_two_digits():
    assert decimals(0.00042, 3) == 5
    assert decimals(0.0042, 3) == 3
    assert decimals(0.0, 3) == decimals(np.nan, 3) == 3


def test_latex_escapes_what_it_reserves():
    made = tiny("R&D_share % #1 $ {a} ~ ^ \\ <b> ρ σ²").to_latex()
    assert (
        r"R\&D\_share \% \#1 \$ \{a\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"$<$b$>$ $\rho$ $\sigma^2$ & $-$0.300 \\"
    ) in made
    assert made.isascii()
    assert "threeparttable" not in made


def test_latex_keeps_an_escaped_dollar_beside_a_greek_letter():
    assert r"\$$\rho$" in tiny("$ρ").to_latex()


def test_latex_guards_a_line_that_begins_with_a_bracket():
    assert r"{}[x] & " in tiny("[x]").to_latex()


def test_latex_of_a_table_longer_than_a_page_breaks_across_pages(tmp_path):
    rows = tuple(Row(str(i), ("1",)) for i in range(120))
    made = Table("Long", ("(1)",), rows, (), pd.DataFrame())
    assert r"\begin{longtable}" in made.to_latex()
    assert "booktabs,longtable" in made.save(tmp_path / "long.tex").read_text()


def test_html_shows_markup_in_names_as_text():
    made = tiny('<script>alert(1)</script> & "co"').to_html()
    assert "<script" not in made
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;co&quot;" in made
    assert not re.search(r"https?://|<link|<style|src=", made)
    assert tiny()._repr_html_() == tiny().to_html()


def test_markdown_escapes_what_it_reserves():
    assert r"| a\|b\_c\*\* &lt;i&gt; | −0.300 |" in tiny("a|b_c** <i>").to_markdown()


def test_every_format_prints_the_same_cells(sdm, tmp_path):
    made = table(sdm, labels={"logp": "Price_&"})
    cells = {text for row in made.rows for text in row.cells if text}
    assert all(text in repr(made) for text in cells)
    assert all(text in made.to_html() for text in cells)
    book = pd.read_excel(made.save(tmp_path / "t.xlsx"), sheet_name=None, header=None, dtype=str)
    assert cells <= set(book["table"].to_numpy().ravel())


def test_word_holds_the_cells_under_a_header_that_repeats(sdm, ols, tmp_path):
    from docx import Document

    made = table([ols, sdm], title="Table 1")
    document = Document(str(made.save(tmp_path / "t.docx")))
    grid = document.tables[0]
    read = [tuple(c.text for c in line.cells) for line in grid.rows]
    assert read[0] == ("", "(1)", "(2)")
    assert [line for line in read[1:] if len(set(line)) > 1] == [
        line for line, row in zip(made.lines, made.rows, strict=True) if row.kind != "group"
    ]
    assert "tblHeader" in grid.rows[0]._tr.xml
    assert "w:left" not in grid._tbl.xml.split("w:tblGrid")[-1].replace('w:val="left"', "")
    assert [p.text for p in document.paragraphs] == ["Table 1", *made.notes]


def test_excel_keeps_numbers_and_reads_no_formula_in_a_name(tmp_path):
    from openpyxl import load_workbook

    book = load_workbook(tiny("=1+1").save(tmp_path / "t.xlsx"))
    assert book["table"]["A3"].value == "=1+1"
    assert book["table"]["A3"].data_type == "s"
    # The format itself keeps sixteen digits.
    assert_allclose(book["numbers"]["A2"].value, 0.1 + 0.2, rtol=1e-15)


@pytest.mark.parametrize("suffix", FORMATS)
def test_saving_replaces_the_file_and_leaves_nothing_else(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"t{suffix}").write_text("old")
    assert tiny().save(f"t{suffix}").read_bytes() != b"old"
    assert os.listdir(tmp_path) == [f"t{suffix}"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_two_savings_give_the_same_bytes(suffix, tmp_path, monkeypatch):
    first = tiny().save(tmp_path / f"a{suffix}").read_bytes()
    later = time.time() + 86400
    monkeypatch.setattr("time.time", lambda: later)
    assert tiny().save(tmp_path / f"b{suffix}").read_bytes() == first


def test_a_failed_saving_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "t.md"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny().save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.md"]


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    with pytest.raises(ss.ConfigError, match=r"'\.pdf' names no format.*\.tex, \.docx, \.html"):
        tiny().save(tmp_path / "t.pdf")
