"""The audit of weights, every number by hand or by dense algebra."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from cases import ring
from numpy.testing import assert_allclose
from places import KINDS, scattered

import spatialsyn as ss
from spatialsyn.numerics.spectrum import leading

module = import_module("spatialsyn.weights.audit")  # the package has a function of that name
IDS = KINDS["text"]
BLOCKS = pd.Series(["core"] * 4 + ["edge"] * 8, index=IDS, name="region")


def weights(matrix, name="w", **recipe) -> ss.Weights:
    return ss.Weights.from_matrix(matrix, ids=IDS[: len(matrix)], name=name, **recipe)


def random(seed: int, name: str, density: float = 0.5) -> ss.Weights:
    rng = np.random.default_rng(seed)
    matrix = rng.random((12, 12)) * (rng.random((12, 12)) < density)
    np.fill_diagonal(matrix, 0)
    return weights(matrix, name)


def test_every_number_of_a_small_matrix():
    """Two links one way, one both ways, one city alone."""
    w = weights([[0, 2, 2, 0], [2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], unit="trips")
    row = ss.weights.audit(w, blocks=pd.Series(list("xxyy"), index=IDS[:4], name="side")).loc["w"]
    assert row["links"] == 4
    assert row["density"] == 4 / 12
    assert row["isolates"] == 1
    assert row["components"] == 2
    assert row["mean_neighbours"] == 1
    # a has two equal neighbours, b and c one each, d none.
    assert row["effective_neighbours"] == 1
    assert (row["row_sum_min"], row["row_sum_max"]) == (0, 4)
    assert not row["symmetric"]
    # |2-2| + |2-0| + |1-0| twice each, over twice the sum of all weights.
    assert row["asymmetry"] == pytest.approx((2 + 2 + 1 + 1) / (2 * 7))
    # a-c, c-b lie across; a-b twice within.
    assert row["crossing[side]"] == pytest.approx((2 + 1) / 7)
    size = np.sort(np.abs(np.linalg.eigvals(w.dense())))
    assert row["eigenvalue_gap"] == pytest.approx(1 - size[-2] / size[-1])
    assert row["unit"] == "trips"
    assert row["hash"] == w.hash


def test_the_eigenvalue_gap_closes_when_the_map_falls_apart():
    circle = np.roll(np.eye(6), 1, 1) + np.roll(np.eye(6), -1, 1)
    two = np.zeros((12, 12))
    two[:6, :6] = two[6:, 6:] = circle / 2
    table = ss.weights.audit(weights(two, "two"), weights(ring(12), "one"))
    assert table.loc["two", "eigenvalue_gap"] == pytest.approx(0, abs=1e-12)
    assert table.loc["two", "components"] == 2
    assert table.loc["one", "eigenvalue_gap"] > 0.01


def test_overlap_is_the_correlation_of_row_shares_off_the_diagonal():
    a, b = random(1, "a"), random(2, "b", 0.9)
    off = ~np.eye(12, dtype=bool)
    shares = [w.dense() / w.dense().sum(axis=1, keepdims=True) for w in (a, b)]
    expected = np.corrcoef(shares[0][off], shares[1][off])[0, 1]
    table = ss.weights.audit(a, b.aligned(IDS[::-1]))
    assert table.loc["a", "overlap[b]"] == pytest.approx(expected, rel=1e-10)
    assert table.loc["b", "overlap[a]"] == pytest.approx(expected, rel=1e-10)
    assert np.isnan(table.loc["a", "overlap[a]"])


def test_a_plain_mean_overlaps_with_nothing():
    plain = weights(np.ones((12, 12)) - np.eye(12), "plain").standardize("row")
    assert np.isnan(ss.weights.audit(plain, random(1, "a")).loc["a", "overlap[plain]"])


def panel_series(seed=0) -> pd.Series:
    index = pd.MultiIndex.from_product([IDS, range(2011, 2016)], names=["city", "year"])
    return pd.Series(np.random.default_rng(seed).normal(size=60), index=index, name="y")


def test_lags_are_compared_without_city_and_year_means():
    a, b, y = random(1, "a"), random(2, "b"), panel_series()
    table = ss.weights.audit(a, b, y=y)
    values = y.unstack()
    swept = []
    for w in (a, b):
        Wy = w.dense() @ values.to_numpy()
        J, Q = np.eye(12) - 1 / 12, np.eye(5) - 1 / 5
        swept.append((J @ Wy @ Q).ravel())
    expected = np.corrcoef(*swept)[0, 1]
    assert table.loc["a", "lag_overlap[b]"] == pytest.approx(expected, rel=1e-10)
    # The shape of y, the order of its rows, and what is common to all cities do not matter.
    shifted = values.sample(frac=1, random_state=0) + np.arange(5) * 100
    row_a, row_b = a.standardize("row"), b.standardize("row")
    one, two = (ss.weights.audit(row_a, row_b, y=v) for v in (y, shifted))
    assert one.loc["a", "lag_overlap[b]"] == pytest.approx(two.loc["a", "lag_overlap[b]"], rel=1e-8)
    one_year = y.xs(2011, level="year")
    lags = [w.dense() @ one_year.to_numpy() for w in (a, b)]
    single = ss.weights.audit(a, b, y=one_year).loc["a", "lag_overlap[b]"]
    assert single == pytest.approx(np.corrcoef(*lags)[0, 1], rel=1e-10)


def test_what_a_joint_model_cannot_tell_apart_is_said():
    a = random(1, "a")
    with pytest.warns(UserWarning, match=r"W\[a\] and W\[b\] are alike .*not identified. Keep one"):
        ss.weights.audit(a, a.standardize("row").rename("b"))
    noise = np.random.default_rng(0).uniform(1, 1.3, (12, 12))
    close = weights(a.dense() * noise, "close")
    with pytest.warns(UserWarning, match=r"weights 0\.9\d+\): a model with both can hardly tell"):
        ss.weights.audit(a, close)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ss.weights.audit(a, random(2, "b"), random(3, "c"))


def test_years_of_one_series_may_be_alike():
    """No model has two years of a series side by side; another matrix beside it may be one."""
    a, b = random(1, "a"), random(2, "b")
    same = ss.weights.series(dict.fromkeys((2011, 2012, 2013), a), name="net")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ss.weights.audit(same, b)
    turning = {2011: a, 2012: b, 2013: weights(a.dense() + b.dense())}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ss.weights.audit(ss.weights.series(turning, name="net"), random(3, "c"))
    one = ss.weights.series({2011: a}, name="net")
    with pytest.warns(UserWarning, match=r"W\[net 2011\] and W\[a\] are alike"):
        ss.weights.audit(one, a)


def test_lags_alike_are_said_where_the_weights_are_not():
    """Only what six cities send differs, and y is zero there."""
    a = random(1, "a")
    matrix = a.dense().copy()
    matrix[:, :6] = random(3, "c").dense()[:, :6]
    y = pd.Series(np.where(np.arange(12) < 6, 0, np.arange(12.0)), index=IDS)
    with pytest.warns(
        UserWarning, match=r"lags of y 1\.0000.: a model with both is not identified"
    ):
        ss.weights.audit(a, weights(matrix, "other"), y=y)


def test_a_combination_of_other_matrices_is_said():
    a, c = random(1, "a").standardize("row"), random(2, "c").standardize("row")
    both = ss.weights.convex(a, c, shares=[0.5, 0.5], name="both")
    apart = random(5, "apart").standardize("row")
    with pytest.warns(UserWarning, match="one of the weights 'a', 'c', 'both' is a combination"):
        ss.weights.audit(a, c, apart, both)


def test_a_series_has_a_row_per_year():
    net = ss.weights.series({2011: random(1, "net"), 2012: random(2, "net")})
    table = ss.weights.audit(net, random(3, "geo"))
    assert table.index.tolist() == ["net 2011", "net 2012", "geo"]
    assert table.loc["net 2012", "hash"] == random(2, "net").hash


def test_large_matrices_are_audited_without_their_full_spectrum(monkeypatch):
    symmetric = ss.weights.knn(scattered(range(80)), 4, symmetric="max", name="w").standardize()
    directed = ss.weights.knn(scattered(range(80)), 4, name="w").standardize()
    for w in (symmetric, directed):
        exact = ss.weights.audit(w).loc["w"]
        with monkeypatch.context() as patch:
            patch.setattr(module, "DENSE_TO", 10)
            fast = ss.weights.audit(w).loc["w"]
        assert_allclose(fast["rho_max"], exact["rho_max"], rtol=1e-8)
        assert_allclose(fast["eigenvalue_gap"], exact["eigenvalue_gap"], atol=1e-6)
        if w is symmetric:
            assert_allclose(fast["rho_min"], exact["rho_min"], rtol=1e-8)
        else:  # Lanczos finds no smallest real eigenvalue among complex ones
            assert np.isnan(fast["rho_min"])
        spectral = w.standardize("spectral")
        with monkeypatch.context() as patch:
            patch.setattr(import_module("spatialsyn.weights.standardize"), "DENSE_TO", 10)
            assert_allclose(w.standardize("spectral").dense(), spectral.dense(), rtol=1e-8)
    assert leading(symmetric.matrix) == leading(symmetric.matrix)  # no random start


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": panel_series().iloc[5:]}, ss.AlignmentError, "without y 'c00'"),
        (
            {"y": panel_series().where(lambda y: y < 1)},
            ss.WeightsError,
            "y is no finite number for",
        ),
        ({"y": [1, 2]}, ss.WeightsError, "y is a Series by city or"),
        ({"blocks": BLOCKS.iloc[1:]}, ss.AlignmentError, "'region' must give one block to every"),
        ({"blocks": "region"}, ss.WeightsError, "blocks are a Series by city id"),
    ],
)
def test_audits_that_cannot_be_made(options, error, message):
    with pytest.raises(error, match=message):
        ss.weights.audit(random(1, "a"), random(2, "b"), **options)


def test_rows_of_one_sum_have_their_largest_eigenvalue_where_lanczos_fails(monkeypatch):
    """All eigenvalues of a circle of one-way links lie on a circle: no iteration parts them."""
    circle = ss.Weights.from_matrix(2 * np.roll(np.eye(100), 1, axis=1), ids=range(100), name="w")
    assert_allclose(np.abs(np.linalg.eigvals(circle.dense())), 2)
    monkeypatch.setattr(module, "DENSE_TO", 10)
    monkeypatch.setattr(import_module("spatialsyn.weights.standardize"), "DENSE_TO", 10)
    audited = ss.weights.audit(circle).loc["w"]
    assert audited["rho_max"] == 0.5
    assert np.isnan(audited["rho_min"])
    assert_allclose(circle.standardize("spectral").dense(), circle.dense() / 2)


def test_the_order_of_the_cities_of_each_matrix_does_not_matter():
    """Lags were compared by position: those of two matrices in other orders hardly correlated."""
    a, b, c = random(1, "a"), random(2, "b"), random(3, "c")
    y = pd.DataFrame(np.random.default_rng(4).normal(size=(12, 5)), index=IDS)
    lags = []
    for w in (a, b):
        Wy = w.dense() @ y.to_numpy()
        lags.append((Wy - Wy.mean(0) - Wy.mean(1, keepdims=True) + Wy.mean()).ravel())
    turned = [b.aligned(IDS[::-1]), c.aligned(IDS[3:] + IDS[:3])]
    found = ss.weights.audit(a, *turned, y=y.sample(frac=1, random_state=0), blocks=BLOCKS)
    assert_allclose(found.loc["a", "lag_overlap[b]"], np.corrcoef(lags)[0, 1])
    numbers = found.select_dtypes("number")
    assert_allclose(numbers, ss.weights.audit(a, b, c, y=y, blocks=BLOCKS)[numbers.columns])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ss.weights.audit(a, a.aligned(IDS[::-1]).rename("again"), y=y)
    assert ["is not identified" in str(w.message) for w in said] == [True]
