"""Correlations and definitions of variables."""

from __future__ import annotations

import numpy as np
import pytest
from models import places
from scipy.stats import pearsonr

import spatialsyn as ss
from spatialsyn.report import correlations, definitions

# Sums in another order.
RTOL = 1e-12
NAMES = ["gdp", "urbanization", "mobile_subs"]


def pair(made, x, y, of="overall"):
    return made.frame.query("x == @x and y == @y and of == @of").iloc[0]


def test_correlations_are_those_of_the_cells_that_are_observed():
    panel = places()[0]
    made = correlations(panel, NAMES, stars=True)
    both = panel.frame[["mobile_subs", "gdp"]].dropna()
    r, p = pearsonr(both["mobile_subs"], both["gdp"])
    found = pair(made, "mobile_subs", "gdp")
    np.testing.assert_allclose([found["r"], found["p"]], [r, p], rtol=1e-6)
    assert found["n"] == len(both) == 187
    assert made.rows[2].cells == (f"{r:.2f}***", made.rows[2].cells[1], "1.00")
    assert made.rows[0].cells == ("1.00", "", "")
    assert made.rows[0].label == "(1) gdp"


@pytest.mark.parametrize("above", ["within", "between"])
def test_what_stands_above_the_diagonal(above):
    """Within: regress both on dummies of cities; between: correlate their means, by a loop."""
    panel = places()[0]
    made = correlations(panel, NAMES[:2], above=above)
    x, y = (panel.array(name) for name in NAMES[:2])
    means = [[row.mean() for row in v] for v in (y, x)]
    inside = [[v - row.mean() for row in array for v in row] for array in (y, x)]
    truth = np.corrcoef(inside if above == "within" else means)[0, 1]
    found = pair(made, "urbanization", "gdp", above)
    np.testing.assert_allclose(found["r"], truth, rtol=RTOL)
    assert made.rows[0].cells[1] == f"{truth:.2f}"
    assert any(note.startswith("Above the diagonal") for note in made.notes)


def test_a_p_value_within_cities_loses_a_degree_of_freedom_per_city():
    panel = places()[0]
    made = correlations(panel, NAMES[:2], above="within", stars=True)
    found = pair(made, "urbanization", "gdp", "within")
    t = found["r"] * np.sqrt((189 - 2 - 20) / (1 - found["r"] ** 2))
    from scipy.stats import t as student

    np.testing.assert_allclose(found["p"], 2 * student.sf(abs(t), 167), rtol=RTOL)


def test_what_does_not_vary_has_no_correlation():
    panel = places()[0]
    made = correlations(panel.assign(one=1.0), ["gdp", "one", "land_area"], above="within")
    assert made.rows[1].cells[0] == ""
    fixed = panel.assign(size=panel.frame.groupby("city")["gdp"].transform("first"))
    assert correlations(fixed, ["gdp", "size"], above="within").rows[0].cells[1] == ""


def test_definitions_follow_the_codebook_and_its_groups():
    book = ss.datasets.codebook()
    made = definitions(book, roles={"Outcome": ["gdp"], "Regressors": ["urbanization"]},
                       labels={"gdp": "GDP"})  # fmt: skip
    assert [(row.kind, row.label) for row in made.rows] == [
        ("group", "Outcome"), ("body", "GDP"), ("group", "Regressors"), ("body", "urbanization"),
    ]  # fmt: skip
    assert made.columns == ("Unit", "Definition", "Source")
    assert made.rows[1].cells == tuple(book.loc["gdp", ["unit", "definition", "publication"]])
    own = definitions({"va": {"definition": "broadband, mobile", "unit": "index"}})
    assert own.columns == ("Unit", "Definition")
    assert own.rows[0] == ("va", ("index", "broadband, mobile"), "body")


def test_mistakes_are_told():
    panel = places()[0]
    with pytest.raises(ss.PanelError, match="two columns or more"):
        correlations(panel, ["gdp"])
    with pytest.raises(ss.PanelError, match="no numeric column 'region'"):
        correlations(panel, ["gdp", "region"])
    with pytest.raises(ss.PanelError, match="correlations needs a panel"):
        correlations(panel.frame, NAMES)
    with pytest.raises(ss.ConfigError, match="above='below' is not one of"):
        correlations(panel, NAMES, above="below")
    with pytest.raises(ss.ConfigError, match="codebook has no 'va'"):
        definitions(ss.datasets.codebook(), ["va"])
    with pytest.raises(ss.ConfigError, match="definitions needs a codebook, by column; got list"):
        definitions(["gdp"])
    with pytest.raises(ss.ConfigError, match="needs any of the columns 'unit'"):
        definitions({"va": {"meaning": "x"}})
    with pytest.raises(ss.ConfigError, match="columns or roles, not both"):
        definitions(ss.datasets.codebook(), ["gdp"], roles={"y": ["gdp"]})
