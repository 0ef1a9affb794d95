"""Chinese tables: every fixed word is Chinese, every number is the same, names stay."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import made_up, ring
from models import FORMULA, KINDS, fitted, places

import spatialsyn as ss
from spatialsyn.report import (
    correlations,
    definitions,
    descriptives,
    effects_table,
    table,
    weights_table,
)
from spatialsyn.report.explorer import provenance
from spatialsyn.report.tables.phrases import sentence
from spatialsyn.report.tables.recipes import RECIPES, UNITS
from spatialsyn.report.tables.sentences import SENTENCES, WORDS

X = "urbanization"
LABELS = {X: "城镇化率", "log(gdp)": "产出", "secondary_share": "第二产业比重"}
# Names of methods, of programs and of what a user typed stay as they are.
NAMES = re.compile(
    r"(?:Lee|Yu|Lee-Yu|Wald|Davies|Driscoll-Kraay|delta|rho|tau|eta|gdp_per_capita|log\(gdp\)|"
    r"urbanization|secondary_share|queen|geo|eco|[0-9a-f]{16}|SDM|W|y|x|p|F|z|R|AIC|hash)"
)
ENGLISH = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]+)+")


def english(text):
    """Runs of two or more English words."""
    return ENGLISH.findall(NAMES.sub("", text))


def words_of(made):
    heads = [cell for row in made.headers for cell in (row.label, *row.cells)]
    kinds = {"group", "foot", "body"}
    labels = [row.label for row in made.rows if row.kind in kinds]
    return [made.title, *heads, *labels, *made.notes]


def tables(language):
    panel, geo, eco = places()
    options = {"labels": LABELS, "language": language}
    fit = fitted("sdm")
    return {
        "families": table([fitted(k) for k in KINDS], stars=True, **options),
        "beside": table(fit, beside="interval", **options),
        "simulated": table(fit, effects={"method": "simulation", "draws": 100}, **options),
        "blocks": effects_table(fit.effects(X, by="region"), of=fit, **options),
        "cities": effects_table(fit.effects(X, by="city"), of=fit, **options),
        "pairs": effects_table(fit.effects(X, order=2), **options),
        "years": effects_table(fitted("dynamic").effects(X, horizon=[0, 2]), **options),
        "scenario": effects_table(fit.scenario({X: ("GBA", "+1")}, by="region"), language=language),
        "descriptives": descriptives(panel, [X], **options),
        "correlations": correlations(panel, [X, "secondary_share"], above="within", **options),
        "weights": weights_table(
            geo, eco, blocks=panel.blocks["region"], labels={**LABELS, "geo": "邻接"},
            language=language,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def both():
    return tables("en"), tables("zh")


def test_no_english_sentence_is_left(both):
    left = {name: english(" ".join(words_of(made))) for name, made in both[1].items()}
    assert not {name: found for name, found in left.items() if found}


def test_numbers_and_frames_are_those_of_the_english_table(both):
    for name, english_table in both[0].items():
        chinese = both[1][name]
        assert chinese.frame.equals(english_table.frame), name
        for ours, theirs in zip(chinese.rows, english_table.rows, strict=True):
            if ours.kind in ("body", "below"):
                numbers = [re.sub(r"[^0-9.−()\[\]*, ]", "", cell) for cell in ours.cells]
                wanted = [re.sub(r"[^0-9.−()\[\]*, ]", "", cell) for cell in theirs.cells]
                assert name == "weights" or numbers == wanted, name


@pytest.mark.parametrize("layout", ["stata", "matlab"])
def test_the_foot_of_every_layout_is_translated(layout):
    made = table(fitted("sdm"), labels=LABELS, language="zh", layout=layout)
    feet = [row.label for row in made.rows if row.kind == "foot"]
    assert "对数似然值" in feet
    assert "固定效应" in feet


def test_names_of_the_user_are_never_translated():
    """A grouping may have a block N, a panel a column p."""
    panel, geo, _ = places()
    frame = panel.frame.reset_index().rename(columns={"urbanization": "p"})
    frame["side"] = frame["region"].map({"GBA": "N", "periphery": "Total"})
    named = ss.CityPanel(frame, "city", "year", blocks=["side"])
    fit = ss.fit(ss.sdm("log(gdp) ~ p", W="geo", fixed_effects="twoways"), named, geo)
    made = effects_table(fit.effects("p", by="side"), language="zh")
    assert [row.label for row in made.rows if row.label] == ["p", "N", "Total"]
    assert made.columns == ("本市", "来自N", "来自Total", "总效应")
    body = [row.label for row in table(fit, language="zh").rows if row.kind == "body"]
    assert body[:3] == ["p", "p", "p"]


def test_blanks_of_a_translation_are_those_of_the_sentence():
    for english_text, chinese in {**WORDS, **SENTENCES}.items():
        wanted = re.findall(r"\{([^}]*)\}", english_text)
        found = re.findall(r"\{([^}]*)\}", chinese)
        ordered = sorted(map(int, found)) == list(range(len(wanted))) if "0" in found else True
        assert len(found) == len(wanted), english_text
        assert ordered, english_text
        assert found == wanted or "0" in found, english_text


def test_sentences_made_elsewhere_keep_what_stands_in_their_blanks():
    fit = fitted("gns")
    note = fit.effects().note
    value = re.search(r"rho = (-?[\d.]+) lies ([\d.]+)", note)
    assert value is not None
    said = sentence(note, "zh")
    assert value[1] in said
    assert f"{value[2]} 个标准误" in said
    assert sentence("What nobody foresaw. Cities dropped: 'a', 'b'.", "zh") == (
        "What nobody foresaw. 剔除的城市：'a', 'b'。"
    )


def test_samples_with_holes_say_so_in_chinese():
    panel, geo, _ = places()
    with pytest.warns(UserWarning, match="keeps"):
        fit = ss.fit(
            ss.sdm("log(gdp) ~ mobile_subs", W="geo", fixed_effects="twoways"), panel, geo,
            missing="balance",
        )  # fmt: skip
    assert not english(" ".join(n for n in table(fit, language="zh").notes if "剔除" in n))


def test_definitions_have_chinese_headers():
    made = definitions(ss.datasets.codebook(), ["gdp"], language="zh")
    assert (made.stub, *made.columns) == ("变量", "单位", "定义", "数据来源")


@pytest.mark.filterwarnings("ignore:the process has a root")
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("dynamic: Log-likelihood, AIC and BIC are", "dynamic: Fixed effects estimated as")),
        ("zh", ("dynamic: 对数似然值、AIC 与 BIC 属于", "dynamic: 固定效应以城市虚拟变量估计")),
    ],
)
def test_a_dynamic_model_says_that_its_likelihood_compares_with_no_static_one(language, said):
    """Both have n - 1 observations a year, and "Lee-Yu" as correction."""
    panel, geo, _ = places()
    static = ss.sdm(FORMULA, W="geo", fixed_effects="twoways")
    fits = {
        "static": ss.fit(static, panel, geo),
        "dynamic": ss.fit(static.but(lag_y=True), panel, geo),
    }
    assert fits["static"].nobs == fits["dynamic"].nobs
    notes = table(fits, language=language).notes
    for start in said:
        assert any(note.startswith(start) for note in notes), notes


def every_builder():
    """Weights of every kind that the package makes, with the options that recipes tell."""
    panel, geo, eco = places()
    W, cities, region = ss.weights, panel.cities, panel.blocks["region"]
    mass = panel.mean("gdp_per_capita", years=(2011, 2012))
    km = W.distances(cities)
    km_up = km.where(km > 0, np.inf)
    on = pd.DataFrame(1, index=list(panel.ids), columns=["a", "b"])
    kernels = ["uniform", "triangular", "epanechnikov", "bisquare", "gaussian"]
    yield from (geo, eco, W.contiguity(cities, rook=True), W.knn(cities, 3, symmetric="max"))
    yield from (W.distance_band(cities, 60.0, isolates="nearest"), W.inverse_distance(cities))
    yield from W.rings(cities, [0, 200, 900]).values()
    yield from (W.kernel(cities, function, neighbours=6) for function in kernels)
    yield from (W.gap(mass, floor=1.0), W.gravity(mass, cities), W.similarity(mass))
    yield W.gravity(mass, cities, directed=True)
    yield from (W.flows(km, base_years=[2011]), W.comembership(on, base_years=[2011]))
    yield W.comembership(on, "jaccard", base_years=[2011])
    yield W.travel_time(km_up, cutoff=300.0, isolates="keep")
    yield from (W.product(geo, eco), W.union(geo, eco), W.intersection(geo, eco))
    yield W.convex(geo.standardize(), eco.standardize(), shares=[0.5, 0.5])
    yield W.conditional(eco, cities, beyond=50.0, across=region, isolates="keep")
    yield W.conditional(eco, within=region)
    yield from (W.sparsify(eco, strongest=3), W.sparsify(eco, share=0.5, per="matrix"))
    yield eco.subset(panel.ids[:9])


def test_every_recipe_of_the_package_is_told_in_chinese():
    plain = {"kind", "unit", "base_years", "k"}  # told apart from the recipe, or a letter
    for w in every_builder():
        told = [str(w.recipe["kind"]), *(key.replace("_", " ") for key in w.recipe.keys() - plain)]
        assert set(told) <= set(RECIPES), w
        assert w.recipe["unit"] in UNITS, w


def test_how_city_effects_leave_beside_an_error_that_changes_is_said_in_both_languages():
    panel, _ = made_up()
    net = ss.weights.series(
        {year: ss.Weights.from_matrix(ring(12, year), ids=panel.ids, name="net")
         for year in panel.years}
    )  # fmt: skip
    fit = ss.fit(ss.sem("y ~ x", W="net", fixed_effects="individual"), panel, net)
    said, chinese = (" ".join(table(fit, language=which).notes) for which in ("en", "zh"))
    assert "Fixed effects removed by the restricted likelihood" in said
    assert "Lee and Yu" not in said
    assert "限制似然" in chinese


def test_a_matrix_for_each_year_is_told_in_chinese():
    panel, w = made_up()
    flows = replace(w, recipe={**w.recipe, "kind": "flows"})
    net = ss.weights.series({y: w if y < 2004 else flows for y in panel.years}, name="net")
    fit = ss.fit(ss.slx("y ~ x", W="net"), panel, net)
    said, chinese = (" ".join(table(fit, language=which).notes) for which in ("en", "zh"))
    assert "W[net]: matrix / flows, one for each year" in said
    assert "W[net]：给定矩阵 / 流量，逐年各一个" in chinese
    assert provenance.matrices([fit], "zh")[0][1] == "给定矩阵 / 流量，逐年各一个"
    assert provenance.matrices([fit], "en")[0][1] == "matrix / flows, one for each year"
