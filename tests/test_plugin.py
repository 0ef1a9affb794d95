"""Results in the tables of maketables; the numbers are ours, the words are its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent / "report"))
from models import KINDS, fitted

X = "urbanization"


@pytest.mark.parametrize("kind", KINDS)
def test_the_coefficient_table_is_that_of_effects_and_tidy(kind):
    fit = fitted(kind)
    table = fit.__maketables_coef_table__
    assert table.index.name == "Coefficient"
    assert table.index.is_unique
    assert list(table.columns) == ["b", "se", "t", "p", "ci95l", "ci95u"]
    effect = fit.effects().table.query("x == @X and effect == 'total'").iloc[0]
    np.testing.assert_array_equal(
        table.loc[f"{X} (total)", ["b", "se", "p", "ci95l", "ci95u"]].astype(float),
        effect[["estimate", "se", "p", "low", "high"]].astype(float),
    )
    tidy = fit.tidy().set_index("term").drop("sigma2")
    pd.testing.assert_series_equal(table.loc[tidy.index, "b"], tidy["estimate"],
                                   check_names=False)  # fmt: skip


def test_statistics_are_those_of_glance():
    fit = fitted("sdm")
    assert fit.__maketables_stat__("N") == fit.nobs
    assert fit.__maketables_stat__("loglik") == fit.loglik
    assert fit.__maketables_stat__("r2_within") == fit.r2["within"]
    assert fit.__maketables_stat__("adj_r2") is None
    assert fit.__maketables_depvar__ == "log(gdp)"
    assert fit.__maketables_fixef_string__ == "city+year"
    assert fitted("random").__maketables_fixef_string__ is None
    assert set(fit.__maketables_default_stat_keys__) - {"se_type"} <= set(
        fit.__maketables_stat_labels__
    )


def test_maketables_prints_models_of_several_families():
    maketables = pytest.importorskip("maketables", reason="maketables is not installed")
    fits = [fitted("sar"), fitted("sdm"), fitted("convex"), fitted("ols")]
    made = maketables.ETable(fits, coef_fmt="b:.4f\n(se:.4f)")
    tex = made.make(type="tex")
    total = fitted("sdm").effects(X)["total"]["estimate"].item()
    assert f"{total:.4f}" in tex
    assert f"{fitted('sar').rho['geo']:.4f}" in tex
    assert "Log-likelihood" in tex
    assert f"{total:.4f}" in made.make(type="gt").as_raw_html()


def test_nothing_of_maketables_is_imported():
    source = (Path(__file__).parents[1] / "spatialsyn" / "plugin.py").read_text(encoding="utf-8")
    assert "import maketables" not in source


def test_the_summary_says_how_weights_are_standardised():
    assert "W[geo]: contiguity (queen), standardization row, " in fitted("sdm").summary()
