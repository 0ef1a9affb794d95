"""Flows that distance and early size predict, by Poisson pseudo maximum likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from places import KINDS, brute_km, scattered
from scipy.optimize import minimize

import spatialsyn as ss

CITIES, IDS = scattered(), KINDS["text"]
N = len(IDS)
APART = ~np.eye(N, dtype=bool)
ELASTICITIES = ["sender_elasticity", "receiver_elasticity", "distance_elasticity"]


def mass(values=None) -> pd.Series:
    values = np.exp(np.random.default_rng(4).normal(size=N)) if values is None else values
    made = pd.Series(values, index=list(IDS), name="people")
    made.attrs["base_years"] = (2001, 2002)
    return made


def gravity(sender: float, receiver: float, distance: float) -> np.ndarray:
    """W[i, j] from j to i, written out."""
    m, km = mass().to_numpy(), brute_km(CITIES)
    made = 7.0 * m[None] ** sender * m[:, None] ** receiver
    made[APART] *= km[APART] ** distance
    np.fill_diagonal(made, 0)
    return made


def flows(matrix: np.ndarray) -> ss.Weights:
    """As they are read: origins as rows."""
    table = pd.DataFrame(matrix.T, index=list(IDS), columns=list(IDS))
    return ss.weights.flows(table, ids=IDS, base_years=(2015,), name="dig", isolates="keep")


def test_flows_that_follow_the_law_are_predicted_exactly():
    exact = gravity(0.8, 0.4, -1.5)
    made = ss.weights.predicted_flows(flows(exact), mass(), CITIES, name="dig_hat")
    assert_allclose(made.dense(), exact, rtol=1e-6)
    assert [made.recipe[key] for key in ELASTICITIES] == [0.8, 0.4, -1.5]
    assert (made.name, made.recipe["fit"], made.base_years) == ("dig_hat", 1.0, (2001, 2002))
    assert made.standardization == "none"
    assert made.recipe["of"] == "dig"


def test_flows_with_zeros_meet_a_likelihood_maximised_elsewhere():
    rng = np.random.default_rng(0)
    law = gravity(0.8, 0.4, -1.0)
    observed = rng.poisson(8 * law / law.mean() * rng.gamma(1, 1, size=law.shape)).astype(float)
    assert (observed[APART] == 0).sum() > 20
    made = ss.weights.predicted_flows(flows(observed), mass(), CITIES)
    receiver, sender = np.nonzero(APART)
    logs = np.log(mass().to_numpy())
    x = np.c_[np.ones(len(sender)), logs[sender], logs[receiver],
              np.log(brute_km(CITIES)[receiver, sender])]  # fmt: skip
    f = observed[receiver, sender]
    found = minimize(lambda b: (np.exp(x @ b) - f * (x @ b)).sum(), np.zeros(4),
                     jac=lambda b: x.T @ (np.exp(x @ b) - f), method="BFGS",
                     options={"gtol": 1e-7}).x  # fmt: skip
    assert_allclose([made.recipe[key] for key in ELASTICITIES], found[1:], atol=2e-4)
    assert_allclose(made.dense()[receiver, sender], np.exp(x @ found), rtol=1e-4)
    # What the likelihood promises: what is predicted adds up, by sender's and receiver's mass too.
    assert_allclose(x.T @ made.dense()[receiver, sender], x.T @ f, rtol=1e-7, atol=1e-6)


def test_the_order_of_cities_does_not_matter():
    observed = flows(gravity(0.8, 0.4, -1.0) + 1)
    made = ss.weights.predicted_flows(observed, mass(), CITIES)
    other = ss.weights.predicted_flows(observed, mass()[::-1], CITIES[::-1])
    assert other.ids == made.ids
    assert_allclose(other.dense(), made.dense(), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, m: (w.standardize("row"), m), r"W\[dig\] is standardised \(row\).*Take the mat"),
        (lambda w, m: (w, m[1:]), rf"has {N} cities and the mass 'people' {N - 1}; without a mass"),
        (lambda w, m: (w, mass(np.ones(N))), "masses and distances of .* do not vary"),
        (lambda w, m: (w, pd.concat([m, m.rename({IDS[0]: "far"})[:1]])), "or there twice: 'far'"),
        (lambda w, m: (w, pd.concat([m, m[:1]])), rf"or there twice: {IDS[0]!r}"),
        (lambda w, m: (flows(APART + 0.0), m), "the same flow between any two cities"),
        (lambda w, m: (pd.DataFrame(w.dense()), m), "ss.weights.flows.*got DataFrame"),
        (lambda w, m: (w, m - m.min()), "the mass 'people' must be positive; it is not for"),
        (lambda w, m: (w, m.rename("x").set_axis(IDS)[[*IDS[1:], IDS[0]]].iloc[:-1]), "without a"),
        (lambda w, m: (ss.weights.series({2001: w, 2002: w}), m), "takes the Weights of one year"),
        (lambda w, m: (w, pd.Series(m.to_numpy(), index=m.index, name="m")), "do not say of which"),
    ],
)
def test_what_cannot_be_predicted_is_refused(change, message):
    observed, size = change(flows(gravity(0.8, 0.4, -1.0)), mass())
    with pytest.raises(ss.SpatialsynError, match=message):
        ss.weights.predicted_flows(observed, size, CITIES)


def test_chinese_tables_know_the_words():
    made = ss.weights.predicted_flows(flows(gravity(0.8, 0.4, -1.0)), mass(), CITIES)
    text = ss.report.weights_table(made, language="zh").to_html()
    assert "预测流量" in text
    assert "距离弹性" in text
