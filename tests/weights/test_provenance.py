"""What was done to a matrix stays on its record: every standardization, and an old name."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.report import table, weights_table
from spatialsyn.report.explorer.provenance import matrices

RNG = np.random.default_rng(5)
M = RNG.uniform(0.1, 3.0, (6, 6)) * (1 - np.eye(6))
IDS = tuple("abcdef")
WAYS = ("row", "column", "spectral", "minmax")


def scaled(M, how):
    if how == "row":
        return M / M.sum(axis=1, keepdims=True)
    if how == "column":
        return M / M.sum(axis=0, keepdims=True)
    if how == "spectral":
        return M / np.abs(np.linalg.eigvals(M)).max()
    return M / min(M.sum(axis=1).max(), M.sum(axis=0).max())


def weights(name="geo", matrix=M):
    return ss.Weights.from_matrix(matrix, ids=IDS, name=name)


@pytest.fixture(scope="module")
def case():
    return made_up(n=8, T=6)


@pytest.mark.parametrize(("first", "second"), list(product(WAYS, WAYS)))
def test_two_standardizations_are_both_done_and_both_said(first, second):
    made = weights().standardize(first).standardize(second)
    assert_allclose(made.dense(), scaled(scaled(M, first), second), rtol=1e-12)
    assert made.standardization == second
    said = second if first == second else f"{first}, then {second}"
    assert made.standardizations == said
    assert f"standardised: {said}" in repr(made)
    assert ss.weights.audit(made).loc["geo", "standardised"] == said


def test_all_of_three_stay_on_the_record_and_survive_what_is_done_next():
    made = weights().standardize("column").standardize("row").standardize("spectral")
    assert made.standardizations == "column, then row, then spectral"
    for same in (pickle.loads(pickle.dumps(made)), made.rename("x"), made.aligned(IDS[::-1])):
        assert same.standardizations == made.standardizations
    cut = weights().standardize("column").standardize("row").subset(IDS[:4])
    assert cut.standardizations == "column, then row"
    expected = scaled(scaled(M, "column")[:4, :4], "row")
    assert_allclose(cut.dense(), expected, rtol=1e-12)


@pytest.mark.parametrize("last", ["row", "minmax"])
def test_series_say_both_too(last):
    years = {2001: weights(), 2002: weights(matrix=M.T)}
    made = ss.weights.series(years).standardize("column").standardize(last)
    assert made.standardizations == f"column, then {last}"
    assert f"standardised: column, then {last}" in repr(made)


def test_results_tables_and_the_page_say_both(case):
    panel, w = case
    made = ss.Weights.from_matrix(w.dense(), ids=w.ids, name="w")
    made = made.standardize("column").standardize("row")
    results = ss.fit(ss.sar("y ~ x", W="w"), panel, made)
    said = "row, then column, then row"  # the first is that of the matrix as it was given
    assert f"standardization {said}" in results.summary()
    assert any(f"standardization: {said}" in note for note in table(results).notes)
    assert matrices([results], "en")[0][3] == said
    zh = "行标准化，再列标准化，再行标准化"
    assert any(zh in note for note in table(results, language="zh").notes)
    for language, text in (("en", said), ("zh", zh)):
        rows = {row.label: row.cells for row in weights_table(made, language=language).rows}
        assert (text,) in rows.values()


def test_weights_made_of_weights_say_how_their_parts_were_standardised(case):
    panel, w = case
    plain = ss.Weights.from_matrix(2 * w.dense(), ids=w.ids, name="plain")
    once, twice = plain.standardize("row"), plain.standardize("column").standardize("row")
    said = "row / column, then row"
    both = ss.weights.convex(once, twice.rename("twice"), shares=[0.5, 0.5])
    nested = ss.weights.product(once, twice)
    assert (both.standardization, nested.standardization) == ("row", "none")
    assert both.recipe["parts_standardised"] == nested.recipe["parts_standardised"] == said
    strong = ss.weights.sparsify(twice, strongest=2)
    assert strong.recipe["parts_standardised"] == "column, then row"
    for silent in (ss.weights.union(once, twice), ss.weights.product(plain, plain)):
        assert "parts_standardised" not in silent.recipe
    results = ss.fit(ss.sar("y ~ x", W="convex"), panel, both)
    assert any(f"parts standardised {said}; " in note for note in table(results).notes)
    assert f"parts standardised {said}" in matrices([results], "en")[0][1]
    zh = "各矩阵标准化 行标准化 / 列标准化，再行标准化"
    assert any(zh in note for note in table(results, language="zh").notes)


def test_a_series_whose_years_differ_says_how():
    years = {
        2001: weights().standardize("column").standardize("row"),
        2002: weights().standardize(),
    }
    made = ss.weights.series(years)
    assert made.standardization == "row"
    assert made.standardizations == "column, then row / row"


def test_a_list_standardises_one_way_after_the_other():
    made = weights().standardize(["column", "row"])
    assert_allclose(made.dense(), scaled(scaled(M, "column"), "row"), rtol=1e-12)
    assert made.standardizations == "column, then row"
    years = ss.weights.series({2001: weights(), 2002: weights(matrix=M.T)})
    both = years.standardize(["row", "minmax"])
    assert both.standardizations == "row, then minmax"
    assert both.hash == years.standardize("row").standardize("minmax").hash
    for given in (weights(), years):
        with pytest.raises(ss.WeightsError, match=r"standardize\('rows'\) is not one of 'row', "):
            given.standardize(["column", "rows"])


def test_a_name_that_weights_were_given_stays_on_the_record(case):
    """`{"other": W}` is a model of W[other]; its notes say what the matrix was called."""
    panel, w = case
    geo = w.rename("geo")
    assert "renamed_from" not in geo.recipe  # it had no name before
    results = ss.fit(ss.sar("y ~ x", W="other"), panel, {"other": geo})
    assert results.weights["other"].recipe["renamed_from"] == "geo"
    assert "W[other]: matrix, made as W[geo], " in results.summary()
    assert any("W[other]: matrix, renamed from geo; " in note for note in table(results).notes)
    zh = table(results, language="zh").notes
    assert any("原名 geo" in note for note in zh)
    plain = ss.fit(ss.sar("y ~ x", W="geo"), panel, geo)
    assert results.loglik == plain.loglik
    assert "made as" not in plain.summary()


def test_the_first_name_is_the_one_that_stays():
    twice = weights("geo").rename("near").rename("far")
    assert twice.recipe["renamed_from"] == "geo"
    assert "renamed_from" not in twice.rename("geo").recipe
    assert "renamed_from" not in weights("w").rename("geo").recipe


def test_a_series_keeps_its_name_on_record():
    years = {2001: weights("net01"), 2002: weights("net02", M.T)}
    made = ss.weights.series(years, name="net")  # a name of its own, no new one
    assert "renamed_from" not in made.recipe
    assert made.rename("dig").recipe["renamed_from"] == "net"


def test_a_mapping_that_crosses_names_is_refused(case):
    panel, w = case
    geo, far = w.rename("geo"), ss.Weights.from_matrix(w.dense().T, ids=w.ids, name="far")
    model = ss.sar("y ~ x", W="geo")
    message = r"matrix 'far' under the key 'geo', and another one under 'far'.*W.rename"
    with pytest.raises(ss.AlignmentError, match=message):
        ss.fit(model, panel, {"geo": far, "far": geo})
    same = ss.fit(model.but(W="again"), panel, {"geo": geo, "again": geo})  # one matrix, two names
    assert same.loglik == ss.fit(model, panel, geo).loglik
