"""What a notebook shows keeps names as text: a city may be called `<b>A & B</b>`."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from cases import made_up

import spatialsyn as ss
from spatialsyn.diagnostics.marginal import Probabilities
from spatialsyn.notebook import as_html, paragraph
from spatialsyn.study.curve import Curve

NAME = "<b>A & B</b>"
OURS = {"table", "thead", "tbody", "tr", "th", "td", "p", "br", "code"}


class Reader(HTMLParser):
    """The tags and the text of a page, as a browser takes them."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def data():
    """A panel with such a city and such a block, and a W of such a name."""
    panel, w = made_up(n=12, T=6)
    ids = [NAME, *panel.ids[1:]]
    frame = panel.frame.reset_index()
    frame.iloc[:, 0] = frame.iloc[:, 0].replace(panel.ids[0], NAME)
    side = dict.fromkeys(ids[:6], NAME) | dict.fromkeys(ids[6:], "east")
    city, year = frame.columns[:2]
    frame = frame.assign(side=frame[city].map(side), q=np.exp(frame["x"]))
    made = ss.CityPanel(frame, city=city, year=year, blocks=["side"])
    return made, ss.Weights.from_matrix(w.dense(), ids=ids, name=NAME)


def nouns(panel, w):
    model = ss.sdm("y ~ x", W=NAME, fixed_effects="twoways")
    named = pd.Series(panel.frame["y"], name=NAME)
    alone = np.ones((12, 12)) - np.eye(12)
    alone[1] = alone[:, 1] = 0
    alone[1, 0] = alone[0, 1] = 1  # nobody else is near city 1
    star = ss.Weights.from_matrix(alone, ids=w.ids, name=NAME).standardize("row")
    rows = pd.DataFrame({"estimate": [1.0, 2.0], "low": 0.0, "high": 3.0, "p": 0.01,
                         "se": 0.5, "model": ["a", "b"], "regressor": [NAME, "x"]})  # fmt: skip
    odds = pd.DataFrame({"family": ["sar"], "W": [NAME], "log_marginal": [-1.0],
                         "probability": [1.0], "rho": [0.1]})  # fmt: skip
    return {
        "jackknife": ss.jackknife(model, panel, star),
        "effects": ss.fit(model, panel, w).effects("x", by="city"),
        "blocks": ss.fit(model, panel, w).effects("x", by="side"),
        "placebo": ss.placebo(model, panel, w, draws=19),
        "lisa": ss.explore.lisa(panel, named, w, permutations=99),
        "autocorrelation": ss.explore.autocorrelation(panel, named, w, permutations=99),
        "disparity": ss.measures.disparity(panel, "q", by="side"),
        "curve": Curve(NAME, {"effect": "total"}, (), rows, {}),
        "probabilities": Probabilities(odds, f"{NAME} ~ x"),
    }


def test_names_stay_text_in_every_noun(data):
    for kind, noun in nouns(*data).items():
        page = noun._repr_html_()
        read = Reader(page)
        assert set(read.tags) <= OURS, kind
        assert NAME in read.text, kind
        assert "&amp;amp;" not in page, kind  # escaped once


def test_no_noun_makes_its_own_html_of_a_table():
    """One function does, so that no other can forget to escape."""
    from test_floors import PACKAGE

    makers = {
        path.stem
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\.to_html\(\w*=|\.to_html\(\)", path.read_text(encoding="utf-8"))
    }
    assert makers == {"notebook", "page"}  # the page takes tables for print, which escape


def test_lines_stand_above_and_below_the_table():
    table = pd.DataFrame({"city": [NAME], "value": [0.123456]})
    page = as_html(table, "one & two\nthree", above=["before"], digits="{:.2f}")
    read = Reader(page)
    assert read.tags.index("p") < read.tags.index("table") < len(read.tags) - 1
    assert read.text.split() == ["before", "city", "value", *NAME.split(), "0.12", "one", "&",
                                 "twothree"]  # fmt: skip
    assert page.count("<br>") == 1
    assert as_html(table, digits={"value": "{:.1f}".format}).count("<p>") == 0
    assert paragraph([]) == ""
