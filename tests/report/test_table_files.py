"""Saved tables in the programs that read them: pdflatex and LibreOffice."""

from __future__ import annotations

import re
import shutil
import subprocess

import pandas as pd
import pytest
from models import KINDS, fitted, places

import spatialsyn as ss
from spatialsyn.report import (
    Table,
    correlations,
    definitions,
    descriptives,
    effects_table,
    table,
    weights_table,
)
from spatialsyn.report.tables.latex import fitted as fitted_to_page
from spatialsyn.report.tables.latex import latex, packages
from spatialsyn.report.tables.layout import Row
from spatialsyn.report.tables.word import word

X = "urbanization"
needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
has_ctex = shutil.which("xelatex") and shutil.which("kpsewhich") and not subprocess.run(
    ["kpsewhich", "ctex.sty"], capture_output=True, check=False).returncode  # fmt: skip
needs_xelatex = pytest.mark.skipif(not has_ctex, reason="xelatex with ctex is not installed")
needs_office = pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is missing")
# Points that a line may stick out before a reader sees it.
STICKS_OUT = 1.0


def tables():
    """One of every kind, the widest and the longest among them."""
    panel, geo, eco = places()
    fit, awkward = fitted("sdm"), {X: "R&D_share, 50% [of] #1 ~ ^ {a} \\ <ρ> | “q”"}
    return {
        "default": table([fit, fitted("two")], labels=awkward),
        "families": table({kind: fitted(kind) for kind in KINDS}, stars=True),
        "beside": table([fit, fitted("convex")], beside="interval", below="p"),
        "stata": table([fit, fitted("dynamic")], layout="stata"),
        "matlab": table([fit, fitted("sar")], layout="matlab"),
        "blocks": effects_table(fit.effects(by="region"), of=fit, stars=True),
        "cities": effects_table(fit.effects(by="city"), of=fit),
        "pairs": effects_table(fit.effects(X, by="pair")),
        "descriptives": descriptives(panel, panel.variables, units={"gdp": "100 %"}),
        "correlations": correlations(panel, panel.variables[:8], above="within"),
        "definitions": definitions(ss.datasets.codebook()),
        "a page of definitions": definitions(ss.datasets.codebook().iloc[:15]),
        "weights": weights_table(geo, eco),
    }


def document(made):
    needed = "".join(f"\\usepackage{{{name}}}" for name in packages(made))
    # The letters of Chinese need other fonts and engines; its commands are the same.
    body = re.sub("[\u2e80-\uffef]", "X", latex(made))
    return (
        "\\documentclass[a4paper]{article}\\usepackage[margin=2.5cm]{geometry}"
        f"{needed}\\begin{{document}}\n{body}\\end{{document}}\n"
    )


def compiled(made, folder):
    """The log of pdflatex, run until a long table knows its widths."""
    (folder / "t.tex").write_text(document(made), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    for _ in range(3 if "longtable" in packages(made) else 1):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              errors="replace")  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@needs_latex
def test_latex_of_every_table_compiles_and_fits_the_page(tmp_path):
    for name, made in tables().items():
        log = compiled(made, tmp_path)
        assert "Missing character" not in log, name
        out = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
        assert not [points for points in out if points > STICKS_OUT], name
        assert "Overfull \\vbox" not in log, name
        assert "Float too large" not in log, name


@needs_latex
def test_latex_of_chinese_tables_compiles(tmp_path):
    fit = fitted("sdm")
    made = table([fit, fitted("two")], language="zh", beside="se")
    compiled(made, tmp_path)
    saved = made.save(tmp_path / "zh.tex").read_text(encoding="utf-8")
    assert saved.startswith("% needs \\usepackage{booktabs} and \\usepackage{ctex}, with xelatex")
    english = table(fit).save(tmp_path / "en.tex").read_text(encoding="utf-8")
    assert english.startswith("% needs \\usepackage{booktabs}\n")


@needs_office
def test_word_opens_in_libreoffice_and_becomes_pages(tmp_path):
    """Every cell of every table is on the pages, and no number or code is broken."""
    office = [shutil.which("soffice"), "--headless", f"-env:UserInstallation=file://{tmp_path}/lo"]
    made = {name: made for name, made in tables().items() if name in ("default", "cities")}
    made["zh"] = table(fitted("sdm"), language="zh", beside="interval")
    files = [str(shown.save(tmp_path / f"{name}.docx")) for name, shown in made.items()]
    subprocess.run([*office, "--convert-to", "pdf", "--outdir", str(tmp_path), *files],
                   check=True, capture_output=True, timeout=120)  # fmt: skip
    for name, shown in made.items():
        pdf = tmp_path / f"{name}.pdf"
        assert pdf.read_bytes().startswith(b"%PDF")
        if shutil.which("pdftotext"):
            text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True,
                                  check=True).stdout.decode("utf-8")  # fmt: skip
            cells = {cell for row in shown.rows for cell in row.cells if " " not in cell}
            codes = {row.label for row in shown.rows if row.label.isdigit()}
            assert not [cell for cell in cells | codes if cell not in text], name


def test_word_columns_are_as_wide_as_their_words():
    """Six figures at ten points are 6 x 0.5 em = 1.06 cm, and Word takes 0.38 cm for margins."""
    from io import BytesIO

    from docx import Document

    made = effects_table(fitted("sdm").effects(X, by="city"))
    grid = Document(BytesIO(word(made))).tables[0]
    assert grid.columns[0].width.cm > 1.06 + 0.38


def test_word_breaks_no_word_of_a_table_wider_than_a_page():
    """Times at seven points: "Observations" is 12 letters of 0.45 em or more, 1.33 cm."""
    from io import BytesIO

    from docx import Document

    heads = tuple(f"Model {i} of all that were tried" for i in range(12))
    rows = (
        Row("Observations", ("1,234.567***",) * 12),
        Row("Fixed effects", ("city and year",) * 12),
    )
    document = Document(BytesIO(word(Table("Wide", heads, rows, (), pd.DataFrame()))))
    widths = [column.width.cm for column in document.tables[0].columns]
    assert sum(widths) <= 24.7 + 13 * 2.54 / 1440  # Word counts in twentieths of a point
    assert widths[0] > 1.33 + 0.38
    # Figures are half an em: ten of them, and three marks of a quarter.
    assert min(widths[1:]) > (10 * 0.5 + 3 * 0.25) * 7 * 2.54 / 72 + 0.38


def test_ideographs_are_chinese_in_word():
    from io import BytesIO

    from docx import Document

    made = Document(BytesIO(word(table(fitted("sdm"), language="zh"))))
    assert 'w:eastAsia="zh-CN"' in made.styles.element.xml
    assert 'w:eastAsia="en-US"' not in made.styles.element.xml


def test_shared_cells_are_merged_in_word_and_excel_keeps_both_headers(tmp_path):
    from docx import Document

    made = table({"A": fitted("sdm"), "B": fitted("sar")}, beside="se")
    grid = Document(str(made.save(tmp_path / "t.docx"))).tables[0]
    assert [cell.text for cell in grid.rows[0].cells] == ["", "A", "A", "B", "B"]
    assert [cell.text for cell in grid.rows[1].cells] == ["", *("Estimate", "s.e.") * 2]
    assert [p.text for cell in grid.rows[0].cells for p in cell.paragraphs].count("") == 1
    assert all("tblHeader" in line._tr.xml for line in list(grid.rows)[:2])
    book = pd.read_excel(made.save(tmp_path / "t.xlsx"), header=None, dtype=str).fillna("")
    assert list(book.iloc[1]) == ["", "A", "", "B", ""]


def test_a_workbook_can_be_read_and_printed_as_it_is(tmp_path):
    """Excel counts widths in figures: a cell is cut where its neighbour has words."""
    from openpyxl import load_workbook

    made = table({"A": fitted("sdm"), "B": fitted("sar")}, beside="se", title="=Table & 1")
    sheet = load_workbook(made.save(tmp_path / "t.xlsx"))["table"]
    assert (sheet["A1"].value, sheet["A1"].data_type) == ("=Table & 1", "s")
    assert {str(cells) for cells in sheet.merged_cells.ranges} >= {"B2:C2", "D2:E2"}
    for line in list(sheet.iter_rows(min_row=3))[: len(made.rows) + 1]:
        words = [str(cell.value or "") for cell in line]
        merged = line[1].coordinate in sheet.merged_cells
        for cell, text, after in zip(line, words, [*words[1:], ""], strict=True):
            if after and not merged:
                assert sheet.column_dimensions[cell.column_letter].width > len(text)
    assert sheet.page_setup.fitToHeight == 0
    assert sheet.sheet_properties.pageSetUpPr.fitToPage


def test_a_workbook_may_have_a_column_of_text_without_a_word(tmp_path):
    rows = (Row("geo", ("", "queen")), Row("eco", ("", "gap")))
    made = Table("", ("", "how"), rows, (), pd.DataFrame(), align="left")
    read = pd.read_excel(made.save(tmp_path / "t.xlsx"), header=None)
    assert read[2].tolist() == ["how", "queen", "gap"]


def test_shared_cells_span_their_columns_in_html_latex_text_and_markdown():
    made = table({"A": fitted("sdm"), "B": fitted("sar")}, beside="se")
    assert made.to_html().count('<th scope="colgroup" colspan="2"') == 2
    assert r" & \multicolumn{2}{c}{A} & \multicolumn{2}{c}{B} \\" in made.to_latex()
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in made.to_latex()
    assert "A Estimate | A s.e. | B Estimate | B s.e." in made.to_markdown()
    lines = repr(made).splitlines()
    assert len({len(line.rstrip()) <= len(lines[1]) for line in lines[1:6]}) == 1


def test_a_table_too_wide_for_every_type_is_scaled_down():
    columns = tuple(f"a_rather_long_header_{i}" for i in range(12))
    made = Table("Wide", columns, (Row("x", ("1",) * 12),), (), pd.DataFrame())
    assert fitted_to_page(made).wide
    assert r"\resizebox{\linewidth}{!}" in latex(made)
    assert packages(made) == ["booktabs", "graphicx"]


def test_long_headers_have_lines_before_a_table_is_scaled_down():
    columns = tuple(f"a rather long header {i}" for i in range(12))
    made = Table("Wide", columns, (Row("x", ("1",) * 12),), (), pd.DataFrame())
    assert not fitted_to_page(made).wide
    assert r"\shortstack{a \\ rather \\ long \\ header \\ 3}" in latex(made)
    assert r"\resizebox" not in latex(made)


@needs_xelatex
def test_chinese_tables_stay_on_the_page(tmp_path):
    """ctex spreads lines by 1.3, which is for text."""
    made = table([fitted("sdm"), fitted("two")], language="zh")
    made.save(tmp_path / "zh.tex")
    (tmp_path / "t.tex").write_text(
        "\\documentclass[a4paper]{article}\\usepackage[margin=2.5cm]{geometry}"
        f"\\usepackage{{{','.join(packages(made))}}}\\usepackage{{ctex}}"
        "\\begin{document}\\input{zh.tex}\\end{document}",
        encoding="utf-8",
    )
    done = subprocess.run(["xelatex", "-interaction=nonstopmode", "t.tex"], cwd=tmp_path,
                          capture_output=True, text=True, check=False, errors="replace")  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Float too large" not in done.stdout
    assert "Missing character" not in done.stdout


@needs_latex
def test_double_spacing_and_quotes_stay_outside_and_inside_of_a_table(tmp_path):
    """Twice as high, this table would leave the page; straight quotes print as closing ones."""
    rows = (Row('the "old" W', ("1",)), *[Row("x", ("1",))] * 40)
    made = Table("Long", ("(1)",), rows, (), pd.DataFrame())
    assert r"the ``old'' W" in latex(made)
    spread = document(made).replace(r"\begin{document}", r"\linespread{2}\begin{document}")
    (tmp_path / "t.tex").write_text(spread, encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "t.tex"], cwd=tmp_path,
                          capture_output=True, text=True, check=True, errors="replace")  # fmt: skip
    assert "Float too large" not in done.stdout


def test_accents_need_no_chinese_fonts(tmp_path):
    made = Table("Größe", ("é",), (Row("“ő”", ("1",)),), (), pd.DataFrame())
    saved = made.save(tmp_path / "t.tex").read_text(encoding="utf-8")
    assert saved.startswith("% needs \\usepackage{booktabs}\n")


def test_columns_of_text_are_broken_into_lines():
    made = definitions(ss.datasets.codebook(), ["gdp", X])
    shares = [float(part) for part in re.findall(r"p\{([\d.]+)\\linewidth\}", made.to_latex())]
    assert len(shares) == 4
    assert 0.8 < sum(shares) < 1
    assert packages(made) == ["booktabs", "array"]
    assert "white-space:normal" in made.to_html()
