"""The table of specification tests prints what was found, whole, in both languages."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from models import KINDS, fitted, places

import spatialsyn as ss
from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.diagnostics.table import Diagnostics
from spatialsyn.report import diagnostics_table
from spatialsyn.report.tables.diagnostic_words import CHINESE, spoken

# What stays in a Chinese table: methods, symbols, what a user types.
NAMES = re.compile(
    r"(?:Koley|Bera|Elhorst|splm|LM|LR|WX|Wald|Hausman|Hotelling|Moran's I|Jarque-Bera|Pesaran CD|Sargan|"
    r"V_FE|V_RE|AIC|BIC|VIF|cov=\"\w+\"|\w\[\w+\]|\b[A-Z_]{3,9}\b|n T|W=|F\()"
)


@pytest.fixture(scope="module")
def found():
    return fitted("sdm").diagnostics()


def body(made):
    return [row for row in made.rows if row.kind == "body"]


def test_every_test_has_its_row_and_its_numbers(found):
    made = diagnostics_table(found)
    assert len(body(made)) == len(found.table)
    assert made.frame.equals(found.table)
    for row, test in zip(body(made), found.table.itertuples(), strict=True):
        if np.isnan(test.statistic):
            assert row.cells[:3] == ("–", "–", "–")
            continue
        statistic = float(row.cells[0].replace("−", "-").replace(",", ""))
        assert statistic == pytest.approx(test.statistic, abs=0.0051)
        assert float(row.cells[1]) == test.df
        shown = row.cells[2]
        assert (
            test.p < 0.001 if shown == "<0.001" else float(shown) == pytest.approx(test.p, abs=6e-4)
        )


def test_the_letter_of_a_test_leads_to_its_note(found):
    made = diagnostics_table(found)
    notes = dict(note.split(": ", 1) for note in made.notes if re.match(r"[a-z]{1,2}: ", note))
    for row, note in zip(body(made), found.table["note"], strict=True):
        letter = row.cells[3]
        assert (letter == "") == (note == "")
        if note:
            assert notes[letter].rstrip(".") == spoken(note, "en").rstrip(".")


def test_more_notes_than_letters_go_on_with_two():
    notes = [f"note {i}" for i in range(30)]
    table = pd.DataFrame(
        {"group": "all", "test": notes, "null": "", "statistic": 1.0, "df": 1.0, "p": 0.5,
         "note": notes}
    )  # fmt: skip
    none, untold = pd.Series(dtype=float), Probabilities(pd.DataFrame(), "there is none")
    made = diagnostics_table(Diagnostics("y ~ x", table, pd.DataFrame(), none, "Nothing.", untold))
    assert [row.cells[3] for row in made.rows[25:]] == ["y", "z", "aa", "ab", "ac", "ad"]
    assert len(made.notes) == 31


def test_residuals_and_inflation_stand_in_the_notes(found):
    moran, vif = diagnostics_table(found, labels={"urbanization": "Urban share"}).notes[-2:]
    assert moran.count(",") == len(found.moran) - 1
    assert f"Urban share {found.vif['urbanization']:.1f}" in vif
    assert f"W[geo]*Urban share {found.vif['W[geo]*urbanization']:.1f}" in vif


@pytest.mark.filterwarnings("ignore:the process has a root")
@pytest.mark.parametrize("kind", KINDS)
def test_chinese_has_the_same_numbers_and_no_english_but_reasons(kind):
    found = fitted(kind).diagnostics()
    made, english = diagnostics_table(found, language="zh"), diagnostics_table(found)
    assert [row.cells for row in body(made)] == [row.cells for row in body(english)]
    assert made.frame.equals(english.frame)
    printed = [row.label for row in made.rows] + [made.title, *made.columns, made.stub]
    for text in [*printed, made.notes[0]]:
        assert not re.search(r"[A-Za-z]{3,}", NAMES.sub("", text)), text


@pytest.mark.filterwarnings("ignore:the process has a root")
@pytest.mark.parametrize("kind", KINDS)
def test_reasons_are_chinese_too(kind):
    """Of every note and of why a test does not apply: no three English words in a row."""
    for note in set(fitted(kind).diagnostics().table["note"]):
        said = NAMES.sub("", spoken(note, "zh"))
        assert not re.search(r"[a-z]{2,},? [a-z]{2,},? [a-z]{2,}", said), note


def test_what_blocks_share_is_said_in_chinese_with_its_list():
    assert spoken("the blocks of region share 'x', 'W[w]*x'", "zh") == (
        "region 各区块的 'x', 'W[w]*x' 相同"
    )


def test_letters_are_greek_and_minus_signs_real():
    assert spoken("rho = lambda = 0, given theta", "en") == "ρ = λ = 0, given θ"
    assert spoken("mean I -0.033", "en") == "mean I −0.033"
    assert spoken("rho = 0, robust to lambda, given theta", "zh") == "ρ = 0，对 λ 稳健，给定 θ"
    assert spoken("smallest eigenvalue -1.83e-05", "en") == "smallest eigenvalue −1.83e-05"


def test_a_reading_is_translated_piece_by_piece():
    assert spoken(
        "At 5%: SAR, SLX cannot be ruled out, but no single one is supported: keep the SDM, though "
        "it lacks a spatial error; year effects are not significant; the VIF of W[geo]*x is 12: "
        "read its effects jointly.",
        "zh",
    ) == (
        "在 5% 水平上：SAR, SLX 不能排除，但没有任何一个得到支持，保留 SDM，尽管它缺少空间误差；"
        "年份效应不显著；W[geo]*x 的 VIF 为 12，应联合解读其效应。"
    )
    assert spoken("At 5%: the OLS lacks a lag of y, W X.", "zh") == (
        "在 5% 水平上：OLS 缺少被解释变量的空间滞后，解释变量的空间滞后。"
    )


def test_what_nobody_foresaw_stays_as_it_is():
    assert spoken("an unknown remark, of two parts; and a third", "zh") == (
        "an unknown remark, of two parts; and a third"
    )


def test_a_translation_has_the_blanks_of_its_text():
    for english, chinese in CHINESE.items():
        blanks = re.findall(r"\{(\d?)\}", chinese)
        assert len(blanks) == english.count("{}"), english
        assert "".join(sorted(blanks)) in ("", "01"), english


@pytest.mark.parametrize("form", ["csv", "tex", "docx", "html", "md"])
def test_every_format_is_written(found, form, tmp_path):
    path = diagnostics_table(found).save(tmp_path / f"tests.{form}")
    assert path.stat().st_size > 0


def test_what_is_no_battery_is_refused():
    with pytest.raises(ss.ConfigError, match=r"diagnostics_table needs results.diagnostics\(\)"):
        diagnostics_table(fitted("sdm"))
    with pytest.raises(ss.ConfigError, match="language='fr'"):
        diagnostics_table(fitted("sdm").diagnostics(), language="fr")


def test_a_model_without_weights_is_tested_with_those_given():
    _, geo, _ = places()
    made = diagnostics_table(fitted("ols").diagnostics(geo))
    assert body(made)[0].label == "LM lag: ρ = 0"
    assert body(made)[0].cells[0] != "–"
