"""A notebook shows of results what is printed of them, in tables that a browser understands."""

from __future__ import annotations

import re
import sys
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent / "report"))
from cases import made_up
from models import KINDS, fitted, places
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.numerics.regression import inflation


def words(text):
    return text.split()


def visible(markup):
    """The text of a page without its tags."""
    return unescape(re.sub(r"<[^>]*>", " ", markup))


class Balance(HTMLParser):
    """Tags that were opened and not closed, or closed and not opened."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_of_results_says_what_the_summary_says(kind):
    fit = fitted(kind)
    shown = fit._repr_html_()
    # One word at a time: a browser sets columns and line breaks itself.
    assert words(visible(shown)) == words(fit.summary())
    balance = Balance()
    balance.feed(shown)
    assert (balance.open, balance.wrong) == ([], [])


def test_coefficients_and_effects_are_tables():
    fit = fitted("sdm")
    coefficients, effects = pd.read_html(StringIO(fit._repr_html_()), index_col=0)
    assert list(coefficients.columns) == ["estimate", "se", "z", "p", "low", "high"]
    assert coefficients.index[-1] == "sigma2"
    # The four digits that are printed.
    assert coefficients.loc["rho[geo]", "estimate"] == float(f"{fit.rho['geo']:.4g}")
    assert list(effects.columns) == list(fit.effects().table.columns[1:])


def test_names_of_columns_are_text_and_not_markup():
    panel, geo, _ = places()
    named = panel.assign(**{"<b>x": panel.frame["urbanization"]})
    fit = ss.fit(ss.sdm("log(gdp) ~ `<b>x`", W="geo", fixed_effects="twoways"), named, geo)
    shown = fit._repr_html_()
    assert "<b>x" not in shown
    assert "&lt;b&gt;x" in shown


def test_effects_say_how_they_were_made_in_html_too():
    effects = fitted("sdm").effects(by="region")
    assert words(visible(effects._repr_html_())) == words(repr(effects))


def test_who_changes_a_copy_of_the_numbers_changes_no_results():
    """p = res.params; p["x"] *= 100 scaled the coefficient in every table made afterwards."""
    panel, w = made_up()
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="twoways"), panel, w)
    said = res.summary()
    params, cov, se, resid, fits = res.params, res.cov, res.se, res.resid, res.fitted
    params["x"] *= 100
    cov.loc["x", "x"] = 100.0
    se["x"] = resid.iloc[0] = fits.iloc[0] = 100.0
    assert res.summary() == said
    assert res.se["x"] ** 2 == pytest.approx(res.cov.loc["x", "x"], rel=1e-12)
    gap = panel.frame["y"] - res.fitted - res.resid
    assert gap.abs().max() < 1e-12


def near_identity(panel, digits):
    """log(a b) = log(a) + log(b), but for the digits of a b."""
    a, b = np.exp(panel.array("x")), np.exp(panel.array("z"))
    return panel.assign(a=a, b=b, ab=(1e4 * a * b).round(digits))


@pytest.mark.parametrize(("digits", "told"), [(0, True), (-2, False)])
@pytest.mark.parametrize("fixed_effects", ["none", "individual"])
def test_an_identity_but_for_rounding_is_told(digits, told, fixed_effects):
    panel, w = made_up(15, 8)
    model = ss.sar("y ~ log(a) + log(b) + log(ab)", W="w", fixed_effects=fixed_effects)
    res = ss.fit(model, near_identity(panel, digits), w)
    said = "'log(a)', 'log(b)', 'log(ab)' are nearly linear combinations of each other"
    assert (said in res.summary()) is told
    assert (said in unescape(res._repr_html_())) is told


def test_variance_inflation_is_that_of_regressions_on_the_others():
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(60, 4)) * [1, 1e6, 1e-6, 1]
    Z[:, 3] += 3 * Z[:, 0]
    expected = []
    for j in range(4):
        others = np.delete(Z, j, axis=1)
        rest = Z[:, j] - others @ np.linalg.lstsq(others, Z[:, j], rcond=1e-15)[0]
        expected.append(Z[:, j] @ Z[:, j] / (rest @ rest))
    assert_allclose(inflation(Z), expected, rtol=1e-8)
    assert (inflation(np.c_[Z, np.zeros(60)]) == np.inf).all()
    assert (inflation(np.eye(3)[:, [0, 1, 1]]) == np.inf).all()


def test_a_summary_says_what_leaving_cities_out_did_to_the_weights():
    panel, w = made_up()
    keep = panel.ids[2:]
    cut = w.subset(keep)
    inside = w.dense()[2:, 2:].sum() / w.dense()[2:].sum()
    model = ss.sar("y ~ x", W="w")
    said = ss.fit(model, panel.subset(keep), cut).summary()
    assert f"cut from more cities ({1 - inside:.1%} of the weight lost)" in said
    assert "cut from" not in ss.fit(model, panel, w).summary()


def test_the_summary_says_how_few_cities_there_are_and_what_is_no_effect():
    panel, w = made_up()
    text = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w).summary()
    assert "Only 12 cities" in text
    assert "W[w]*x  (not an effect)" in text
    assert w.hash in text


def test_a_glance_tells_models_apart_that_differ_in_regimes_or_lags_in_time():
    panel, w = made_up()
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual")
    plain = ss.fit(model, panel, w).glance().iloc[0]
    own = ss.fit(model.but(regimes=ss.regimes("region", x="x")), panel, w).glance().iloc[0]
    lagged = ss.fit(model.but(lag_y=True, lag_wy=True), panel, w).glance().iloc[0]
    assert (plain["regimes"], plain["lags_in_time"]) == ("none", "none")
    assert own["regimes"] == "region (x)"
    assert lagged["lags_in_time"] == "y(t-1), W[w]*y(t-1)"


def test_glance_and_tidy():
    panel, w = made_up(n=40)
    res = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects="twoways"), panel, w)
    row = res.glance().iloc[0]
    assert (row["nobs"], row["weights_hash"], row["correction"]) == (39 * 5, w.hash, "lee-yu")
    tidy = res.tidy().set_index("term")
    assert np.isnan(tidy.loc["sigma2", "p"])
    assert tidy.loc["rho[w]", "low"] < res.rho["w"] < tidy.loc["rho[w]", "high"]
    assert "Only" not in res.summary()
