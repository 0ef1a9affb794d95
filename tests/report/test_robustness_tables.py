"""What robustness tables print is what a reader finds who counts again."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from robustness import LOGS, OLS, SDM, by_hand, data, j_tests, jackknife, placebo, probabilities
from scipy.stats import chi2

import spatialsyn as ss
from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.report.tables.robustness_words import SENTENCES, WORDS

report = ss.report
# Half of the last decimal printed.
HALF = 0.00051


def value(cell):
    return float(re.sub(r"[()\[\]<>%,]", "", cell.replace("−", "-")))


def under(made, heading):
    """The body rows below a heading, by label."""
    rows, inside = {}, False
    for row in made.rows:
        if row.kind == "group":
            inside = row.label == heading
        elif inside and row.kind == "body":
            rows[row.label] = row.cells
    return rows


def test_cities_left_out_are_regressions_without_their_rows():
    """Least squares with a constant, by hand: no W, so that nothing else changes."""
    panel, _, _ = data()
    y, x = panel.array("y"), panel.array("x")

    def slope(kept):
        Z = np.column_stack([np.ones(x[kept].size), x[kept].ravel()])
        return np.linalg.lstsq(Z, y[kept].ravel(), rcond=None)[0][1]

    everyone = np.arange(panel.n)
    by_hand = {city: slope(everyone != i) for i, city in enumerate(panel.ids)}
    made = report.jackknife_table(jackknife(OLS), "x")
    rows = under(made, "x")
    assert_allclose(value(rows.pop("none: all cities")[2]), slope(everyone >= 0), atol=HALF)
    assert set(rows) == set(panel.ids)
    for city, cells in rows.items():
        assert_allclose(value(cells[2]), by_hand[city], atol=HALF)
    moved = [abs(by_hand[city] - slope(everyone >= 0)) for city in rows]
    assert moved == sorted(moved, reverse=True)
    total = under(report.jackknife_table(jackknife(OLS)), "x")["Total"]
    assert_allclose(value(total[1]), min(by_hand.values()), atol=HALF)
    assert_allclose(value(total[2]), max(by_hand.values()), atol=HALF)
    assert total[3] == max(by_hand, key=lambda city: abs(by_hand[city] - slope(everyone >= 0)))
    assert under(report.jackknife_table(jackknife(OLS)), "x")["Indirect"] == ("–",) * 7


def test_changes_of_sign_and_significance_are_counted_and_failures_told():
    made = report.jackknife_table(by_hand(), labels={"b": "Beta", "e": "Epsilon"})
    assert under(made, "x")["Total"] == ("0.300", "−0.400", "0.350", "Beta", "−7.00", "1", "2")
    assert made.notes[0].startswith("Each of 5 cities")
    assert "No estimate without Epsilon: W[w] has cities without neighbours: 'f'." in made.notes
    cities = report.jackknife_table(by_hand(), "x", stars=True)
    assert list(under(cities, "x")) == ["none: all cities", "b", "c", "d", "a"]
    assert under(cities, "x")["b"] == ("−0.400**", "25.0%")
    assert cities.columns == ("Total", "Weight in W[w]")


def test_the_weight_of_a_city_is_its_share_of_the_rows_of_others():
    panel, w, _ = data()
    rows = under(report.jackknife_table(jackknife(), "x"), "x")
    dense = w.aligned(panel.ids).dense()
    for i, city in enumerate(panel.ids):
        others = np.delete(dense, i, axis=0)
        assert_allclose(value(rows[city][-1]) / 100, others[:, i].sum() / others.sum(), atol=0.0006)


@pytest.mark.parametrize("shuffle", ["W", "links", "x"])
def test_shares_of_placebos_are_counted_draw_by_draw(shuffle):
    found = placebo(shuffle)
    rows = under(report.placebo_table(found), "x")
    own = ss.fit(SDM, *data()[:2]).effects().table.set_index(["x", "effect"])
    for effect in ("direct", "indirect", "total"):
        estimate, below, above, drawn = own.at[("x", effect), "estimate"], 0, 0, []
        for draw in found.draws.to_dict("records"):
            if (draw["x"], draw["effect"]) == ("x", effect):
                drawn.append(draw["estimate"])
                below += draw["estimate"] <= estimate
                above += draw["estimate"] >= estimate
        cells = rows[effect.capitalize()]
        assert len(drawn) == 39
        assert_allclose(value(cells[0]), estimate, atol=HALF)
        assert_allclose(value(cells[1]), sum(drawn) / 39, atol=HALF)
        assert_allclose(value(cells[3]), min(1, 2 * (1 + min(below, above)) / 40), atol=HALF)
        # Quantiles by hand: ranks 0.025 x 38 = 0.95 and 37.05, between neighbours.
        ends = sorted(drawn)
        wanted = (ends[0] + 0.95 * (ends[1] - ends[0]), ends[37] + 0.05 * (ends[38] - ends[37]))
        assert_allclose([value(end) for end in cells[2].split(", ")], wanted, atol=HALF)


def test_a_placebo_says_what_was_exchanged_and_what_failed():
    for shuffle, said in (("W", "relabelled"), ("links", "random cities"), ("x", "series")):
        assert said in report.placebo_table(placebo(shuffle)).notes[0]
    made = report.placebo_table(replace(placebo(), failed=3), of=ss.fit(SDM, *data()[:2]))
    assert made.notes[1:3] == ("39 draws, seed 0.", "3 more draws have no estimate.")
    assert "39 draws allow is 0.050" in made.notes[3]
    assert any(note.startswith("W[w]: ") for note in made.notes)
    feet = [row.label for row in made.rows if row.kind == "foot"]
    assert feet == ["ρ[w]", "Log-likelihood"]
    assert report.placebo_table(placebo(), labels={"w": "borders"}).rows[-2].label == "ρ[borders]"


def test_zero_by_construction_is_a_dash():
    panel, w, _ = data()
    found = ss.placebo(OLS, panel, w, shuffle="x", x="x", draws=19)
    assert under(report.placebo_table(found), "x")["Indirect"] == ("–",) * 5


def test_probabilities_and_their_sums():
    total = sum(np.exp(log) for log in LOGS.values())
    made = report.probabilities_table(probabilities(), labels={"geo": "borders"})
    for (family, W), log in LOGS.items():
        heading = {"-": "Without a matrix", "geo": "W[borders]"}.get(W, f"W[{W}]")
        cells = under(made, heading)[family.upper()]
        share = np.exp(log) / total
        assert cells[0] == ("<0.001" if share < 0.001 else f"{share:.3f}")
        assert value(cells[1]) == log
        assert cells[2] == ("–" if W == "-" else "0.400")
    feet = {row.label: row.cells[0] for row in made.rows if row.kind == "foot"}
    assert list(feet) == ["W[borders], all families", "W[eco], all families", "SAR, all matrices",
                          "SDM, all matrices"]  # fmt: skip
    geo = (np.exp(LOGS["sar", "geo"]) + np.exp(LOGS["sdm", "geo"])) / total
    sar = (np.exp(LOGS["sar", "geo"]) + np.exp(LOGS["sar", "eco"])) / total
    assert_allclose([value(feet["W[borders], all families"]), value(feet["SAR, all matrices"])],
                    [geo, sar], atol=HALF)  # fmt: skip


def test_one_matrix_has_no_headings_and_diagnostics_have_the_table_too():
    made = report.probabilities_table(ss.fit(SDM, *data()[:2]).diagnostics().families)
    assert {row.kind for row in made.rows} == {"body"}
    assert "OLS" in [row.label for row in made.rows]
    assert_allclose(made.frame["probability"].sum(), 1)


def test_j_tests_stand_where_their_matrices_cross():
    found = j_tests()
    made = report.j_tests_table(found, labels={"other": "far"})
    assert made.columns == ("W[w]", "W[far]")
    first, _, second, below = [row.cells for row in made.rows]
    assert (first[0], second[1], below[1]) == ("–", "–", "")
    test = found[(found["W"] == "other") & (found["rival"] == "w")].iloc[0]
    assert_allclose(value(second[0]), test["statistic"], atol=0.0051)
    p = chi2.sf(test["statistic"], 1)
    assert below[0] == ("(<0.001)" if p < 0.001 else f"({p:.3f})")
    assert "chi-squared(1)" in made.notes[-1]


def test_j_tests_of_drawn_panels_say_so_once_where_they_agree():
    found = j_tests().assign(note="p from 99 panels drawn from the model, seed 4")
    assert report.j_tests_table(found).notes[1:] == (f"{found['note'][0]}.",)
    found.loc[0, "note"] += "; 2 more without an estimate"
    notes = report.j_tests_table(found, language="zh").notes[1:]
    assert notes == ("w 对 other: p 值由模型生成的 99 个模拟面板得到，随机种子 4；另有 2 个没有估计值。",
                     "other 对 w: p 值由模型生成的 99 个模拟面板得到，随机种子 4。")  # fmt: skip
    found.loc[0, ["statistic", "p"]] = np.nan
    assert report.j_tests_table(found).rows[0].cells == ("–", "–")


def tables(language):
    options = {"language": language}
    return {
        "jackknife": report.jackknife_table(jackknife(), **options),
        "cities": report.jackknife_table(jackknife(), "x", below="interval", **options),
        "placebo": report.placebo_table(placebo(), of=ss.fit(SDM, *data()[:2]), **options),
        "probabilities": report.probabilities_table(probabilities(), **options),
        "j_tests": report.j_tests_table(j_tests(), **options),
    }


def test_chinese_has_the_same_numbers_and_no_english():
    made, plain = tables("zh"), tables("en")
    for name, table in made.items():
        assert table.frame.equals(plain[name].frame)
        assert [row.cells for row in table.rows] == [row.cells for row in plain[name].rows], name
        heads = [cell for row in table.headers for cell in (row.label, *row.cells)]
        labels = [row.label for row in table.rows]
        said = " ".join([table.title, *heads, *labels, *table.notes])
        names = r"\b(SAR|SDM|SDEM|SEM|SLX|OLS|Lee|Yu|other|geo|eco|[0-9a-f]{16})\b"
        assert not re.findall(r"[A-Za-z]{3,}", re.sub(names, "", said)), name


def test_translations_have_the_blanks_of_their_texts():
    for text, chinese in {**WORDS, **SENTENCES}.items():
        assert re.findall(r"\{[^}]*\}", text) == re.findall(r"\{[^}]*\}", chinese)


@pytest.mark.parametrize("form", ["csv", "tex", "docx", "html", "md", "xlsx"])
def test_every_robustness_table_is_saved(form, tmp_path):
    for language in ("en", "zh"):
        for name, table in tables(language).items():
            assert table.save(tmp_path / f"{name}_{language}.{form}").stat().st_size > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: report.jackknife_table(placebo()), "what ss.jackknife.*got Placebo"),
        (lambda: report.jackknife_table(jackknife(), "q"), "no effects of 'q' here, only of 'x', "),
        (lambda: report.jackknife_table(jackknife(), below="t"), "below='t' is not one of"),
        (lambda: report.placebo_table(jackknife()), "what ss.placebo.*got Jackknife"),
        (lambda: report.probabilities_table(j_tests()), "what ss.diagnostics.posterior"),
        (lambda: report.probabilities_table(Probabilities(pd.DataFrame(), "two W")), "two W"),
        (lambda: report.j_tests_table(probabilities()), "what ss.diagnostics.j_tests"),
        (lambda: report.j_tests_table(j_tests()[["W", "p"]]), "no 'rival', 'statistic', 'note'"),
        (lambda: report.j_tests_table(j_tests().iloc[:0]), "this table has no rows"),
        (lambda: report.j_tests_table(j_tests(), labels={"q": "Q"}), "nothing to label by 'q'"),
        (lambda: report.placebo_table(placebo(), labels={"q": "Q"}), "nothing to label by 'q'"),
        (lambda: report.jackknife_table(by_hand(), labels={"q": "Q"}), "nothing to label by 'q'"),
        (lambda: report.probabilities_table(probabilities(), {"q": "Q"}), "to label by 'q'"),
    ],
)  # fmt: skip
def test_what_no_robustness_table_shows_is_refused(call, message):
    with pytest.raises(ss.ConfigError, match=message):
        call()
