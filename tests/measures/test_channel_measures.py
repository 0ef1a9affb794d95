"""Proxies of the channels: hand computation, names that state the level, refusals."""

from __future__ import annotations

import inspect
from itertools import combinations

import numpy as np
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.measures import (
    channels,
    collaborative_innovation,
    network_externality,
    penetration,
    price_segmentation,
    small_firms,
    transaction_cost,
)


def test_names_state_channel_and_level():
    p = panel().assign(all=100.0)
    assert transaction_cost(p, ["u", "v"], "all", "firm").name == "transaction_cost_firm"
    assert (
        collaborative_innovation(p, "u", "all", "patent").name == "collaborative_innovation_patent"
    )
    assert small_firms(p, "u", "all", "platform").name == "small_firms_platform"
    assert network_externality(p, "u").name == "network_externality_city"
    assert penetration(p, "u", "all").name == "penetration_city"
    for function in (transaction_cost, collaborative_innovation, small_firms):
        assert inspect.signature(function).parameters["level"].default is inspect.Parameter.empty
    for level in channels.TRANSACTION_COSTS:
        assert transaction_cost(p, "u", "all", level).name.endswith(level)


def test_ratios_by_hand():
    p = panel().assign(all=10.0)
    assert_allclose(
        transaction_cost(p, ["u", "v"], "all", "sector"), [0.7, 0.3, 0.8, 0.6, 0.9, 0.9]
    )
    assert_allclose(small_firms(p, "u", "all", "firm"), np.arange(1, 7) / 10)
    many = collaborative_innovation(p.assign(all=0.5), "u", "all", "person")
    assert_allclose(many, 2 * np.arange(1, 7))  # several joint patents per person are possible


def test_network_externality_by_hand():
    p = panel(["a", "b"], [2011, 2012, 2013], u=[1.0, 2, 6, 5, 5, 5])
    assert_allclose(network_externality(p, "u"), [4, 1, 9, 0, 0, 0])
    assert_allclose(network_externality(p, "u", form="pairs"), [0, 1, 15, 10, 10, 10])


def test_a_centred_square_is_the_curvature_that_fixed_effects_leave():
    """(u - mean)^2 and u^2 span the same space beside u and city effects that may bend."""
    p = random_panel(n=5, T=6)
    u, square = p.array("u"), network_externality(p, "u").to_numpy().reshape(5, 6)
    for i in range(5):
        X = np.c_[np.ones(6), u[i], u[i] ** 2]
        fitted = X @ np.linalg.lstsq(X, square[i], rcond=None)[0]
        assert_allclose(fitted, square[i], atol=1e-10)


def test_penetration_by_hand():
    p = panel(["a", "b"], [2011, 2012], users=[1.0, 2, 3, 4], people=[2.0, 2, 2, 2])
    assert_allclose(penetration(p, "users", "people"), [0.5, 1, 1.5, 2])
    assert_allclose(penetration(p, "users", "people", threshold=1.0), [0, 1, 1, 1])
    assert_allclose(penetration(p, "users", "people", 1.0, kink=True), [0, 0, 0.5, 1])


def test_segmentation_is_the_variance_over_goods_written_out():
    p = random_panel(n=4, T=3, names=("x", "y", "z"))
    made = price_segmentation(p, ["x", "y", "z"]).unstack()
    prices = np.stack([p.array(name) for name in "xyz"])
    for t in (1, 2):
        q = {
            (i, j): [
                abs(np.log(k[i, t] / k[j, t]) - np.log(k[i, t - 1] / k[j, t - 1])) for k in prices
            ]
            for i, j in combinations(range(4), 2)
        }
        mean = np.mean(list(q.values()), axis=0)
        by_pair = {pair: np.var(values - mean, ddof=1) for pair, values in q.items()}
        expected = [np.mean([v for pair, v in by_pair.items() if i in pair]) for i in range(4)]
        assert_allclose(made[p.years[t]], expected)
    assert made[p.years[0]].isna().all()


def test_prices_that_move_together_are_one_market():
    p = random_panel(n=4, T=3, names=("level", "x"))
    growth = np.array([1.0, 1.1, 1.3])
    level = p.array("level")[:, :1] * growth
    p = p.assign(x=level, y=3 * p.array("x")[:, :1] * growth**2)
    assert_allclose(price_segmentation(p, ["x", "y"]).unstack().iloc[:, 1:], 0, atol=1e-30)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: transaction_cost(p, "u", "v", "macro"), "level='macro': say at which of 'transaction', 'firm'.*\n.*fees over"),
        (lambda p: transaction_cost(p, [], "v", "firm"), "one column or several"),
        (lambda p: transaction_cost(p.assign(k=0.0), "u", "k", "firm"), "'k' must be positive"),
        (lambda p: transaction_cost(p.assign(k=-1.0), "k", "u", "firm"), "'k' must be non-negative"),
        (lambda p: small_firms(p, "u", "v", "firm"), "'u' exceeds 'v' in"),
        (lambda p: small_firms(p, "u", "v", "city"), "level='city'"),
        (lambda p: collaborative_innovation(p, "u", "v", "patent"), "'u' exceeds 'v'"),
        (lambda p: collaborative_innovation(p, "u", "v", "input"), "level='input'"),
        (lambda p: network_externality(p, "u", form="cubed"), "form='cubed'"),
        (lambda p: network_externality(p.assign(k=0.5), "k", form="pairs"), "'k' is below one: pairs need a count"),
        (lambda p: network_externality(p.assign(k=np.array([[1.0, np.nan]] * 3)), "k"), "'k' must be non-negative and present"),
        (lambda p: penetration(p, "u", "v", threshold=99.0), "runs from 0.167 to 2.*: the threshold 99 divides no"),
        (lambda p: penetration(p.assign(k=0.0), "u", "k"), "'k' must be positive"),
        (lambda p: price_segmentation(p, ["u"]), "needs two goods"),
        (lambda p: price_segmentation(p.subset(["a", "b"]), ["u", "v"]), "three cities; got 2, 2 and 2"),
        (lambda p: price_segmentation(p.assign(k=0.0), ["u", "k"]), "'k' must be positive"),
    ],
)  # fmt: skip
def test_proxies_that_are_not_defined_are_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call(panel())
