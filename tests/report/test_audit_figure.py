"""The figure of a weights audit shows the numbers of its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import ring
from drawing import drawn
from numpy.testing import assert_allclose

import spatialsyn as ss

IDS = [f"c{i}" for i in range(9)]


def weights(name: str, seed: int) -> ss.Weights:
    return ss.Weights.from_matrix(ring(9, seed), ids=IDS, name=name)


def texts(ax):
    return [text.get_text() for text in drawn(ax, "value")]


def test_every_city_is_a_tick_and_the_mean_is_that_of_the_table():
    listed = [weights("geo", 0), weights("eco", 1)]
    table = ss.weights.audit(*listed)
    left, _ = ss.report.audit(*listed).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["W[geo]", "W[eco]"]
    means = [mean.get_xdata()[0] for mean in drawn(left, "mean")]
    assert_allclose(means, table["effective_neighbours"])
    for ticks, w in zip(drawn(left, "city"), listed, strict=True):
        assert_allclose(ticks.get_xdata(), 1 / (w.dense() ** 2).sum(axis=1))


def test_correlations_of_weights_lie_below_and_of_lags_above():
    listed = [weights("geo", 0), weights("eco", 1), weights("dig", 2)]
    y = pd.Series(np.random.default_rng(0).normal(size=9), index=IDS)
    table = ss.weights.audit(*listed, y=y)
    right = ss.report.audit(*listed, y=y).axes[1]
    tiles = right.collections[0].get_array().filled(np.nan)
    assert_allclose(tiles[2, 0], table.loc["dig", "overlap[geo]"])
    assert_allclose(tiles[0, 2], table.loc["dig", "lag_overlap[geo]"])
    assert np.isnan(np.diag(tiles)).all()
    assert len(texts(right)) == 6
    assert len(texts(ss.report.audit(*listed).axes[1])) == 3


def test_tiles_are_areas_in_a_pdf_and_no_image(tmp_path):
    listed = [weights("geo", 0), weights("eco", 1), weights("dig", 2)]
    (path,) = ss.report.save(ss.report.audit(*listed), tmp_path / "audit.pdf")
    assert b"/Subtype /Image" not in path.read_bytes()


def test_one_matrix_has_no_others_to_be_like():
    (alone,) = ss.report.audit(weights("geo", 0)).axes
    assert alone.get_title(loc="left") == "neighbours that count, by city"  # no (a) without a (b)


def test_many_cities_are_a_line_without_ticks():
    n = 500
    big = ss.Weights.from_matrix(ring(n), ids=range(n), name="big")
    (left,) = ss.report.audit(big).axes
    assert not drawn(left, "city")
    assert len(drawn(left, "quartiles")) == 1


def test_a_series_and_chinese_words():
    net = ss.weights.series({2011: weights("net", 0), 2012: weights("net", 1)})
    left, right = ss.report.audit(net, language="zh", title="网络").axes
    assert left.get_xlabel() == "有效邻居数"
    assert [label.get_text() for label in right.get_yticklabels()] == ["net 2011", "net 2012"]
    with pytest.raises(ss.WeightsError, match="at least one"):
        ss.report.audit()
