"""One weights matrix per year: the same cities, nothing trusted by position."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ring
from numpy.testing import assert_allclose

import spatialsyn as ss

IDS = ["a", "b", "c", "d"]


def matrix(seed: int, ids=IDS, name: str = "net", **recipe) -> ss.Weights:
    return ss.Weights.from_matrix(3 * ring(len(ids), seed), ids=ids, name=name, **recipe)


def test_a_series_holds_one_matrix_per_year():
    net = ss.weights.series({2012: matrix(1), 2011: matrix(0)})
    assert isinstance(net, ss.WeightsSeries)
    assert net.years == (2011, 2012)
    assert (net.name, net.n, net.ids) == ("net", 4, tuple(IDS))
    assert_allclose(net.at(2012).dense(), matrix(1).dense())
    assert repr(net).startswith("WeightsSeries 'net': 4 cities, 2 years (2011-2012), ")
    with pytest.raises(ss.WeightsError, match=r"'net' has no matrix for 2013; it has 2011, 2012"):
        net.at(2013)
    with pytest.raises(AttributeError):
        net.name = "other"


def test_the_order_of_the_cities_is_that_of_the_ids_in_every_year():
    moved = ["d", "b", "a", "c"]
    shuffled = matrix(1).aligned(moved)
    plain = ss.weights.series({2011: matrix(0), 2012: matrix(1)})
    other = ss.weights.series({2011: matrix(0), 2012: shuffled})
    assert other.at(2012).ids == tuple(IDS)
    assert_allclose(other.at(2012).dense(), plain.at(2012).dense())
    assert other.hash == plain.hash == plain.aligned(moved).hash
    assert plain.aligned(moved).at(2011).ids == tuple(moved)
    assert plain.aligned(IDS) is plain
    with pytest.raises(ss.AlignmentError, match="list different cities"):
        plain.aligned(["a", "b", "c", "e"])


def test_years_enter_the_hash():
    assert (
        ss.weights.series({2011: matrix(0)}).hash
        != ss.weights.series({2012: matrix(0)}).hash
        != ss.weights.series({2012: matrix(1)}).hash
    )


def test_rows_are_standardised_year_by_year_and_scales_are_common():
    raw = ss.weights.series({2011: matrix(0), 2012: matrix(1)})
    assert not raw.is_row_standardised
    rows = raw.standardize("row")
    assert rows.is_row_standardised
    assert rows.standardization == "row"
    assert raw.standardize("none").standardization == "none"
    radius = max(np.abs(np.linalg.eigvals(raw.at(y).dense())).max() for y in raw.years)
    for year in raw.years:
        assert_allclose(raw.standardize("spectral").at(year).dense() * radius, raw.at(year).dense())
    largest = [max(w.sum(axis=1).max() for w in [raw.at(y).dense()]) for y in raw.years]
    columns = [raw.at(y).dense().sum(axis=0).max() for y in raw.years]
    scale = max(map(min, largest, columns))
    assert_allclose(raw.standardize("minmax").at(2011).dense() * scale, raw.at(2011).dense())


@pytest.mark.parametrize("how", ["spectral", "minmax"])
def test_a_part_of_a_series_keeps_how_strong_years_are_beside_each_other(how):
    weak = ss.Weights.from_matrix(0.1 * matrix(1).dense(), ids=IDS, name="net")
    raw = ss.weights.series({2011: matrix(0), 2012: weak})
    part, plain = raw.standardize(how).subset(IDS[:3]), raw.subset(IDS[:3])
    assert part.standardization == how
    # The largest scale of the years is one: no year has a matrix beyond it.
    strong = raw.standardize(how).at(2011).dense()
    scales = {
        "spectral": np.abs(np.linalg.eigvals(strong)).max(),
        "minmax": min(strong.sum(axis=0).max(), strong.sum(axis=1).max()),
    }
    assert scales[how] == pytest.approx(1)
    scale = part.at(2011).dense().sum() / plain.at(2011).dense().sum()
    for year in raw.years:
        assert_allclose(part.at(year).dense(), scale * plain.at(year).dense())
    assert_allclose(part.at(2011).dense(), plain.standardize(how).at(2011).dense())


def test_a_series_knows_its_base_years_and_isolates():
    island = np.zeros((4, 4))
    island[0, 1] = island[1, 0] = island[2, 0] = 1.0
    net = ss.weights.series(
        {
            2011: matrix(0, base_years=(2009,)),
            2012: ss.Weights.from_matrix(island, ids=IDS, name="net", base_years=(2010, 2009)),
        }
    )
    assert net.base_years == (2009, 2010)
    assert net.isolates == {2012: ("d",)}
    whole = ss.weights.series({2011: matrix(0, base_years="all"), 2012: matrix(1)})
    assert whole.base_years == "all"
    assert ss.weights.series({2011: matrix(0)}).base_years is None
    assert net.subset(["a", "b", "c"]).ids == ("a", "b", "c")
    assert net.rename("flow").at(2011).name == "flow"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs at least one year"),
        ({"2011": matrix(0)}, "years of a series are whole numbers; got '2011'"),
        ({True: matrix(0)}, "whole numbers; got True"),
        ({2011: ring(4)}, "needs Weights for 2011; got ndarray"),
        ([matrix(0)], r"series takes \{year: Weights\}.*got list"),
        ({2011: matrix(0), 2012: matrix(1, name="x")}, "have the names 'net', 'x'.*called"),
        (
            {2011: matrix(0), 2012: matrix(1).standardize("row")},
            "standardised differently.*'none', 'row'",
        ),
    ],
)
def test_what_is_no_series(given, message):
    with pytest.raises(ss.WeightsError, match=message):
        ss.weights.series(given)


def test_all_years_have_the_same_cities():
    fewer = matrix(0, ids=["a", "b", "e"])
    with pytest.raises(ss.AlignmentError, match=r"in 2012 without 'c', 'd', foreign 'e'"):
        ss.weights.series({2011: matrix(0), 2012: fewer})


def test_column_sums_can_be_made_one():
    raw = matrix(3)
    column = raw.standardize("column")
    assert_allclose(column.dense().sum(axis=0), 1)
    assert_allclose(column.dense() * raw.dense().sum(axis=0), raw.dense())
    sends_nothing = ss.Weights.from_matrix([[0, 1], [0, 0]], ids=["a", "b"], name="down")
    with pytest.raises(ss.WeightsError, match="no other is linked to, 'a'"):
        sends_nothing.standardize("column")
