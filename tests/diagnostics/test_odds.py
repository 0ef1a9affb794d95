"""Posterior probabilities of the families beside the table of tests."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.special import gammaln

import spatialsyn as ss
from spatialsyn.report import diagnostics_table

FAMILIES = ["ols", "slx", "sar", "sdm", "sem", "sdem"]
TWO = {"fixed_effects": "twoways"}


@pytest.fixture(scope="module")
def two():
    return made_up(n=8, T=4)


@pytest.fixture(scope="module")
def found(two):
    panel, w = two
    return ss.fit(ss.sdm("y ~ x + z", W="w", **TWO), panel, w).diagnostics()


def log_marginals(panel, w):
    """y | s ~ t, with the dense variance I + g Z (Z'Z)^-1 Z' of the g-prior, by Gauss-Legendre."""
    (n, T), W = (panel.n, panel.T), w.aligned(panel.ids).dense()
    F, G = null_space(np.ones((1, n))), null_space(np.ones((1, T)))
    y, x, z = (np.asarray(panel.array(name)) for name in ("y", "x", "z"))

    def seen(v):
        return (F.T @ v @ G).ravel()

    def log_density(S, filtered_y, Z):
        m = len(filtered_y)
        V = np.eye(m) + m * Z @ np.linalg.solve(Z.T @ Z, Z.T)
        fit = filtered_y @ np.linalg.solve(V, filtered_y)
        jacobian = (T - 1) * np.linalg.slogdet(F.T @ S @ F)[1]
        logs = jacobian - np.linalg.slogdet(V)[1] / 2 - m / 2 * np.log(np.pi * fit)
        return logs + gammaln(m / 2)

    nodes, widths = np.polynomial.legendre.leggauss(400)  # of (-1, 1), all that rho may be
    made = {}
    for family in FAMILIES:
        columns = [x, z] + ([W @ x, W @ z] if family in ("slx", "sdm", "sdem") else [])
        logs = []
        for s in nodes if family not in ("ols", "slx") else [0.0]:
            S = np.eye(n) - s * W
            of_error = family in ("sem", "sdem")
            Z = np.column_stack([seen(S @ c if of_error else c) for c in columns])
            logs.append(log_density(S, seen(S @ y), Z))
        over = widths / 2 if len(logs) > 1 else 1.0
        made[family] = max(logs) + np.log(np.sum(over * np.exp(np.array(logs) - max(logs))))
    return made


def test_they_are_those_of_a_dense_sum(two, found):
    expected = log_marginals(*two)
    table = found.families.table.set_index("family")
    assert list(table.index) == FAMILIES
    assert_allclose(table["log_marginal"], [expected[f] for f in FAMILIES], atol=1e-6)
    odds = np.exp(np.array(list(expected.values())) - max(expected.values()))
    assert_allclose(table["probability"], odds / odds.sum(), atol=1e-6)


def test_they_are_printed_and_are_no_rows_of_the_table(found):
    best = found.families.table.sort_values("probability").iloc[-1]
    said = f"{best['family'].upper()} {best['probability']:.3f} ({best['log_marginal']:.2f})"
    for text in (repr(found), found._repr_html_()):
        assert "Posterior probabilities of the families, equally likely before, g-prior" in text
        assert said in text
    assert not found.table["test"].str.contains("osterior").any()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_printed_table_has_them_as_a_note(found, language):
    made = diagnostics_table(found, language=language)
    head = {"en": "Posterior probabilities of the families", "zh": "各模型族的后验概率"}[language]
    (note,) = [note for note in made.notes if note.startswith(head)]
    for name, share, log in found.families.odds:
        assert f"{name} {share:.3f} ({log:.2f})".replace("-", "−") in note


def test_every_matrix_of_the_model_takes_its_turn(two):
    panel, w = two
    far = ss.Weights.from_matrix(w.dense().T, ids=w.ids, name="far").standardize("row")
    results = ss.fit(ss.sar("y ~ x", W=["w", "far"], **TWO), panel, [w, far])
    names = [name for name, *_ in results.diagnostics().families.odds]
    assert names[:3] == ["OLS", "SLX W[w]", "SLX W[far]"]
    made = diagnostics_table(results.diagnostics(), labels={"far": "Far"})
    assert any("SAR W[Far] " in note for note in made.notes)
    assert set(results.diagnostics(W=w).families.table["W"]) == {"-", "w"}


def test_least_squares_has_them_with_the_matrix_it_is_given(two):
    panel, w = two
    results = ss.fit(ss.ols("y ~ x + z", **TWO), panel)
    assert list(results.diagnostics(W=w).families.table["family"]) == FAMILIES
    assert "families: with which matrix? The model has none: say W=geo" in repr(
        results.diagnostics()
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fixed_effects": "none", "random": "individual"}, "random='individual'"),
        ({"lag_y": True}, "a lagged outcome"),
        ({"correction": "bias-corrected"}, "no likelihood of its own"),
    ],
)
@pytest.mark.filterwarnings("ignore:the process has a root")
def test_where_there_are_none_the_reason_stands(two, changes, why):
    panel, w = two
    found = ss.fit(ss.sar("y ~ x", W="w", **{**TWO, **changes}), panel, w).diagnostics()
    assert found.families.table.empty
    assert why in repr(found).split("No posterior probabilities of the families: ")[1]
    assert not any("osterior" in note for note in diagnostics_table(found).notes)


def test_weights_that_change_have_an_answer(two):
    panel, w = two
    other = ss.Weights.from_matrix(w.dense().T, ids=w.ids, name="w").standardize("row")
    years = list(panel.years)
    yearly = ss.weights.series({y: w if y < years[2] else other for y in years}, name="w")
    found = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="none"), panel, yearly).diagnostics()
    assert "osterior probabilities of the families" in repr(found)
