"""A label that matches nothing is refused; one mapping may serve several tables of a paper."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from models import fitted, places
from robustness import by_hand, j_tests, placebo, probabilities

import spatialsyn as ss
from spatialsyn import report

X, MISSPELT = "urbanization", {"urbanisation": "Urban share"}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def by_function():
    """Every function that takes labels by name, as a function of them."""
    panel, geo, _ = places()
    fit = fitted("sdm")
    average, blocks = fit.effects(), fit.effects(X, by="region")
    runs = ss.Study(panel, [geo], ss.grid(fit.model, fixed_effects=["time", "twoways"])).run()
    disparity = ss.measures.disparity(panel, "gdp_per_capita", "population", by="region")
    return {
        "table": lambda labels: report.table(fit, labels=labels),
        "effects_table": lambda labels: report.effects_table(average, labels=labels),
        "diagnostics_table": lambda labels: report.diagnostics_table(fit.diagnostics(), labels),
        "descriptives": lambda labels: report.descriptives(panel, [X], labels),
        "correlations": lambda labels: report.correlations(panel, [X, "gdp"], labels=labels),
        "definitions": lambda labels: report.definitions(
            ss.datasets.codebook(), [X], labels=labels
        ),
        "weights_table": lambda labels: report.weights_table(geo, labels=labels),
        "effects_plot": lambda labels: report.effects_plot(average, labels),
        "block_plot": lambda labels: report.block_plot(blocks, labels=labels),
        "block_matrix": lambda labels: report.block_matrix(blocks, labels=labels),
        "specification_curve": lambda labels: report.specification_curve(runs, X, labels=labels),
        "specification_table": lambda labels: report.specification_table(runs, X, labels=labels),
        "disparity_plot": lambda labels: report.disparity_plot(disparity, labels),
        **robustness(),
    }


def robustness():
    """Those of the checks of a fit."""
    single, chance, odds, tests = by_hand(), placebo(), probabilities(), j_tests()
    return {
        "jackknife_table": lambda labels: report.jackknife_table(single, labels=labels),
        "placebo_table": lambda labels: report.placebo_table(chance, labels),
        "probabilities_table": lambda labels: report.probabilities_table(odds, labels),
        "j_tests_table": lambda labels: report.j_tests_table(tests, labels),
        "jackknife_plot": lambda labels: report.jackknife_plot(single, labels=labels),
        "placebo_plot": lambda labels: report.placebo_plot(chance, "x", labels=labels),
        "probabilities_plot": lambda labels: report.probabilities_plot(odds, labels),
    }


MATCHING = {
    "weights_table": "geo", "block_plot": "GBA", "block_matrix": "periphery",
    "disparity_plot": "GBA", "specification_curve": "fixed effects",
    "jackknife_table": "a", "jackknife_plot": "b", "placebo_table": "x", "placebo_plot": "w",
    "probabilities_table": "geo", "probabilities_plot": "eco", "j_tests_table": "other",
}  # fmt: skip


@pytest.fixture(scope="module")
def functions():
    return by_function()


@pytest.mark.parametrize("name", by_function())
def test_labels_that_match_nothing_are_named_with_what_could_be_labelled(functions, name):
    known = MATCHING.get(name, X)
    with pytest.raises(ss.ConfigError, match=rf"{name} has nothing .*'urbanisation'.*'{known}'"):
        functions[name](MISSPELT)
    functions[name]({known: "Something"})
    assert plt.get_fignums() == [] or name.endswith(("plot", "curve", "matrix"))


def test_one_misspelt_label_of_several_is_found_where_the_model_is_known(tmp_path):
    fit = fitted("sdm")
    labels = {X: "Urban share", "GBA": "Bay Area", **MISSPELT}
    for call in (
        lambda: report.table(fit, labels=labels),
        lambda: report.effects_table(fit.effects(by="region"), labels=labels, of=fit),
        lambda: report.effects_plot(fit, labels),
        lambda: report.page(fit, path=tmp_path / "p.html", labels=labels),
    ):
        with pytest.raises(ss.ConfigError, match="nothing to label by 'urbanisation'"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_labels_of_other_tables_of_the_paper_are_kept(functions):
    labels = {
        X: "Urban share", "log(gdp)": "Product", "log(deposits)": "Deposits", "gdp": "GDP",
        "GBA": "Bay Area", "440100": "Canton", "W[geo]*urbanization": "Of neighbours",
    }  # fmt: skip
    for name in ("table", "effects_table", "descriptives", "effects_plot", "block_plot"):
        functions[name](labels)
    report.effects_table(fitted("sdm").effects(), labels=labels, of=fitted("sdm"))


def test_backticks_of_the_formula_are_not_printed(tmp_path):
    """LaTeX takes a backtick for an opening quotation mark."""
    panel, geo, _ = places()
    panel = panel.assign(**{"loans (2)": panel.frame["loans"]})
    model = ss.sdm("log(`loans (2)`) ~ urbanization + log(gdp)", W="geo", fixed_effects="twoways")
    turned = model.but(formula="log(gdp) ~ urbanization + log(`loans (2)`)")
    fits = [ss.fit(one, panel, geo) for one in (model, turned)]
    made = report.table(fits)
    for ending in ("tex", "md", "html"):
        path = made.save(tmp_path / f"t.{ending}")
        text = path.read_text(encoding="utf-8").split("usepackage{ctex}")[-1]
        assert "`" not in text
        assert "log(loans (2))" in text
    term = "log(`loans (2)`)"
    assert term in set(made.frame["term"])  # numbers go by the names of the formula
    blocks = fits[1].effects(term, by="region")
    drawings = [
        report.effects_plot(fits[1]), report.effects_plot(fits[0]), report.block_plot(blocks),
        report.block_matrix(blocks),
    ]  # fmt: skip
    for ax in drawings:
        texts = [text.get_text() for text in ax.findobj(plt.Text)]
        assert any("log(loans (2))" in text for text in texts)
        assert not any("`" in text for text in texts)
    table = report.table(fits, labels={term: "Loans"})
    assert "Loans" in str(table)
    assert "loans (2)" not in str(table)


def test_two_numbers_never_share_one_cell():
    """Blocks of one label had one column, which held the last of their numbers."""
    blocks, cities = (fitted("sdm").effects(X, by=by) for by in ("region", "city"))
    alike = {"GBA": "South", "periphery": "South"}
    with pytest.raises(ss.ConfigError, match="in the line 'South', column 'From South'"):
        report.effects_table(blocks, labels=alike)
    with pytest.raises(ss.ConfigError, match=r"print alike\. Give each a label of its own"):
        report.effects_table({"a": blocks}, labels=alike)
    # Cities have a line each, whatever they are called.
    names = dict.fromkeys(cities.table["city"].unique(), "South")
    made = report.effects_table(cities, labels=names)
    assert sum(row.label == "South" for row in made.rows) == len(names)
