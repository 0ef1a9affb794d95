"""The lag of a sum is written with brackets, wherever a lag is written."""

from __future__ import annotations

import numpy as np
import pytest

import spatialsyn as ss
from spatialsyn.models.syntax import bracketed, unbracketed
from spatialsyn.report import diagnostics_table, moran_scatter, table

SUM = "loans + deposits"


@pytest.fixture(scope="module")
def places():
    panel = ss.datasets.guangdong()
    return panel, ss.weights.contiguity(panel.cities, name="geo").standardize("row")


@pytest.fixture(scope="module")
def fit(places):
    formula = f"{{gdp - employment}} ~ {{{SUM}}} + urbanization"
    return ss.fit(ss.sdm(formula, W="geo", fixed_effects="twoways"), *places)


@pytest.mark.parametrize(
    ("term", "written"),
    [
        (SUM, f"({SUM})"), ("a - b", "(a - b)"), ("Loans+deposits", "(Loans+deposits)"),
        ("(a + b) / c", "(a + b) / c"), ("log(a + b)", "log(a + b)"), ("`a + b`", "`a + b`"),
        ("two-way", "two-way"), ("-a", "-a"), ("(a + b)[GBA]", "(a + b)[GBA]"),
        ("log((a + b) / c) + d", "(log((a + b) / c) + d)"), ("Loans (100+)", "Loans (100+)"),
    ],
)  # fmt: skip
def test_sums_have_brackets_and_nothing_else_has(term, written):
    assert bracketed(term) == written
    assert unbracketed(written) == term


def test_parameters_and_equation_have_brackets(fit):
    assert f"W[geo]*({SUM})" in fit.params.index
    assert "W[geo]*urbanization" in fit.params.index
    assert f" W[geo]*({SUM}) " in fit.model.equation
    assert "rho[geo]*W[geo]*(gdp - employment) " in fit.model.equation
    dynamic = fit.model.but(lag_y=True, lag_wy=True).equation
    assert "tau*(gdp - employment)(t-1) + eta[geo]*W[geo]*(gdp - employment)(t-1)" in dynamic


def test_the_estimate_is_that_of_the_sum_as_a_column(fit, places):
    panel, geo = places
    both = panel.frame["loans"] + panel.frame["deposits"]
    named = panel.assign(both=both, y=panel.frame["gdp"] - panel.frame["employment"])
    model = ss.sdm("y ~ both + urbanization", W="geo", fixed_effects="twoways")
    plain = ss.fit(model, named, geo)
    # The same numbers on the same path of the search.
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-12)


def test_tables_print_brackets_with_and_without_labels(fit):
    labels = [row.label for row in table(fit, show="coefficients").rows]
    assert {SUM, f"W[geo]*({SUM})"} <= set(labels)
    given = {SUM: "Loans + deposits"}
    labels = [row.label for row in table(fit, show="coefficients", labels=given).rows]
    assert {"Loans + deposits", "W[geo]*(Loans + deposits)"} <= set(labels)
    labels = [row.label for row in table(fit, show="coefficients", labels={SUM: "Money"}).rows]
    assert {"Money", "W[geo]*Money"} <= set(labels)
    labels = [row.label for row in table(fit, labels={"urbanization": "A + B"}).rows]
    assert "W[geo]*(A + B)" in labels
    lines = [row.label for row in table(fit, show="coefficients", layout="stata").rows]
    assert lines.count(SUM) == 2  # under Main and under Wx, where the heading says what it is
    notes = " ".join(diagnostics_table(fit.diagnostics(), given).notes)
    assert "W[geo]*(Loans + deposits) " in notes


def test_sums_by_block_have_brackets(fit, places):
    split = ss.fit(fit.model.but(regimes="region"), *places)
    assert f"W[geo]*({SUM})[GBA]" in split.params.index
    labels = [row.label for row in table(split, labels={SUM: "A + B", "GBA": "Bay"}).rows]
    assert {"(A + B)[Bay]", "W[geo]*(A + B)[Bay]"} <= set(labels)


def test_instruments_and_lags_of_the_outcome_have_brackets(fit, places):
    model = ss.sar(f"{{gdp - employment}} ~ {{{SUM}}}", W="geo", estimator="2sls")
    made = ss.fit(model, *places)
    assert "W[geo]*(gdp - employment)" in list(made.first_stage().table["endogenous"])
    instruments = made.design.instruments.names
    assert f"W[geo]*({SUM})" in instruments
    assert f"W[geo]^2*({SUM})" in instruments


def test_the_axis_of_a_scatter_has_brackets(places):
    panel, geo = places
    ax = moran_scatter(panel.at(2019)["gdp"], geo, name="gdp + loans")
    assert "spatial lag of (gdp + loans), W[geo]" in ax.get_ylabel()
