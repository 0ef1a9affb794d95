"""Indices redrawn from their indicators or weights: every draw is one that can be written out."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement, product
from math import factorial

import numpy as np
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare

import spatialsyn as ss
from spatialsyn.measures import (
    Coupling,
    composite,
    composite_synergy,
    coupling,
    grey_relational,
    redrawn,
)

FOUR = ("u", "v", "w", "x")
SIGNS = {"u": +1, "v": +1, "w": -1, "x": +1}
# Sums of a few numbers near one.
ROUNDING = 1e-12


def four(seed=0, **given) -> ss.CityPanel:
    return random_panel(n=5, T=3, seed=seed, names=FOUR, **given)


def scaled(p: ss.CityPanel, name: str) -> np.ndarray:
    """(cells,) from 0, the worst, to 1, the best."""
    x = p.array(name).ravel() * SIGNS.get(name, 1)
    return (x - x.min()) / (x.max() - x.min())


def diversity(z: np.ndarray) -> float:
    """What an entropy weight is proportional to."""
    share = z[z > 0] / z.sum()
    return 1 + (share * np.log(share)).sum() / np.log(z.size)


def multisets(names=FOUR) -> dict[tuple[str, ...], float]:
    """Every outcome of drawing as many as there are, with its probability."""
    k = len(names)
    found = {}
    for drawn in combinations_with_replacement(names, k):
        ways = factorial(k)
        for times in Counter(drawn).values():
            ways //= factorial(times)
        found[drawn] = ways / k**k
    return found


def by_hand(p: ss.CityPanel, weight: dict[str, float]) -> dict[tuple[str, ...], np.ndarray]:
    """The index of every multiset, an indicator counting as often as it was drawn."""
    found = {}
    for drawn in multisets():
        total = sum(weight[name] for name in drawn)
        found[drawn] = sum(weight[name] / total * scaled(p, name) for name in drawn)
    return found


def recognised(made, known) -> list[tuple[str, ...]]:
    """Which of the known indices each draw is."""
    names, values = list(known), np.array(list(known.values()))
    apart = [
        np.abs(values - made.scores[draw].to_numpy()).max(axis=1)
        for draw in made.scores.columns[1:]
    ]
    assert max(gap.min() for gap in apart) < ROUNDING
    return [names[int(gap.argmin())] for gap in apart]


def test_every_draw_is_the_entropy_index_of_a_multiset_drawn_with_its_probability():
    p = four()
    known = by_hand(p, {name: diversity(scaled(p, name)) for name in FOUR})
    drawn = recognised(composite(p, SIGNS).redrawn(draws=200, seed=1), known)
    # Multisets alike up to names share a class, so that every class is frequent enough.
    expected, seen = Counter(), Counter()
    for multiset, probability in multisets().items():
        expected[tuple(sorted(Counter(multiset).values()))] += 200 * probability
    for multiset in drawn:
        seen[tuple(sorted(Counter(multiset).values()))] += 1
    kinds = list(expected)
    assert chisquare([seen[k] for k in kinds], [expected[k] for k in kinds]).pvalue > 0.01
    counts = Counter(name for multiset in drawn for name in multiset)
    assert chisquare([counts[name] for name in FOUR]).pvalue > 0.01


def test_own_weights_follow_the_indicators_that_are_drawn():
    p, own = four(), {"u": 0.1, "v": 0.2, "w": 0.3, "x": 0.4}
    made = composite(p, SIGNS, method=own).redrawn(draws=100)
    assert len(set(recognised(made, by_hand(p, own)))) > 10


def test_topsis_counts_an_indicator_as_often_as_it_was_drawn():
    p = four()
    known = {}
    for drawn in multisets():
        z = np.column_stack([scaled(p, name) for name in drawn])
        worst, best = np.sqrt((z**2).sum(axis=1)), np.sqrt(((1 - z) ** 2).sum(axis=1))
        known[drawn] = worst / (worst + best)
    recognised(composite(p, SIGNS, "equal", aggregation="topsis").redrawn(draws=100), known)


def test_others_of_a_grey_relation_are_drawn_and_the_reference_stays():
    p = four().assign(r=random_panel(n=5, T=3, seed=9, names=("r",)).array("r"))
    made = grey_relational(p, "r", SIGNS)
    known = {drawn: made.coefficients[list(drawn)].to_numpy().mean(axis=1) for drawn in multisets()}
    # Delta_min and Delta_max are the extremes of the series drawn, so all four must be there.
    draws = made.redrawn(draws=100).scores
    whole = known[FOUR]
    assert any(np.abs(draws[name] - whole).max() < ROUNDING for name in draws.columns[1:])
    with pytest.raises(ss.PanelError, match="gives its indicators no weights"):
        made.redrawn("weights")


@pytest.mark.parametrize("method", ["equal", "entropy"])
def test_drawn_weights_have_the_moments_of_the_dirichlet(method):
    made = composite(four(), SIGNS, method)
    draws = made.redrawn("weights", draws=256, seed=2)
    z = made.normalised.to_numpy()
    found = np.linalg.lstsq(z, draws.scores.iloc[:, 1:].to_numpy(), rcond=None)[0]
    w, k = made.weights.to_numpy(), 4
    assert_allclose(found.sum(axis=0), 1, atol=1e-10)
    assert found.min() > -1e-10
    sd = np.sqrt(w * (1 - w) / (k + 1))
    assert (np.abs(found.mean(axis=1) - w) < 4 * sd / 16).all()
    assert_allclose(found.std(axis=1), sd, rtol=0.2)  # of 256 draws
    if method == "equal":  # uniform on the simplex: each weight is Beta(1, 3)
        assert_allclose((found > 0.5).mean(), 0.5**3, atol=0.04)


def test_indicators_of_subsystems_are_drawn_within_them():
    p = four().assign(y=four(5).array("u"), s=four(6).array("v"))
    a, b = ("u", "v", "y"), ("w", "x", "s")
    made = coupling(p, {"a": a, "b": b}, method="equal", origin="zero")
    z = {name: p.array(name).ravel() / p.array(name).max() for name in (*a, *b)}
    known = {}
    for one, other in product(multisets(a), multisets(b)):
        U = [np.mean([z[name] for name in part], axis=0) for part in (one, other)]
        known[one + other] = (U[0] * U[1]) ** 0.25  # C T = sqrt(U1 U2)
    assert len(set(recognised(made.redrawn(draws=100), known))) > 20
    with pytest.raises(ss.PanelError, match=r"3 \+ 2 indicators .* make 30 different"):
        made.but(subsystems={"a": a, "b": b[:2]}).redrawn()


def test_own_weights_of_all_subsystems():
    p = four()
    own = {"u": 0.3, "v": 0.7, "w": 0.25, "x": 0.75}
    made = coupling(p, {"a": ["u", "v"], "b": ["w", "x"]}, method=own, origin="zero")
    z = {name: p.array(name).ravel() / p.array(name).max() for name in FOUR}
    U = [0.3 * z["u"] + 0.7 * z["v"], 0.25 * z["w"] + 0.75 * z["x"]]
    assert_allclose(made.D, (U[0] * U[1]) ** 0.25, rtol=ROUNDING)
    assert made.method == own
    assert_array_equal(made.but().D, made.D)
    with pytest.raises(ss.PanelError, match="weights must be non-negative and sum to one"):
        made.but(method=own | {"u": 0.5})
    with pytest.raises(ss.PanelError, match="gives weights to 'u', 'v', 'w'"):
        made.but(method={"u": 0.3, "v": 0.7, "w": 1.0})
    assert isinstance(made.redrawn("weights", draws=100).index, Coupling)


def test_synergy_of_systems_has_weights_where_it_is_no_geometric_mean():
    p = four()
    parts = {"a": ["u", "v"], "b": ["w", "x"]}
    own = {"u": 0.3, "v": 0.7, "w": 0.25, "x": 0.75}
    made = composite_synergy(p, parts, margin=0.0, method=own)
    z = {name: (p.array(name) - p.array(name).min()) / np.ptp(p.array(name)) for name in FOUR}
    change = [
        (u - u[:, :1])[:, 1:] for u in (0.3 * z["u"] + 0.7 * z["v"], 0.25 * z["w"] + 0.75 * z["x"])
    ]
    expected = np.sign(np.minimum(*change)) * np.sqrt(np.abs(change[0] * change[1]))
    assert_allclose(made.score.unstack().to_numpy()[:, 1:], expected, atol=ROUNDING)
    assert made.weights["b"].to_dict() == {"w": 0.25, "x": 0.75}
    drawn = made.redrawn("weights", draws=100).scores
    assert drawn["as it is"].isna().sum() == p.n
    assert drawn.isna().sum().nunique() == 1
    with pytest.raises(ss.PanelError, match=r'has weights by index.but\(method="equal"\)'):
        composite_synergy(p, parts).redrawn("weights")


def test_a_draw_depends_on_seed_number_and_indicators_only():
    made = composite(four(), SIGNS)
    few, many = made.redrawn(draws=100, seed=3), made.redrawn(draws=101, seed=3)
    assert_array_equal(few.scores, many.scores.iloc[:, :101])
    assert not few.scores["1"].equals(made.redrawn(draws=100, seed=4).scores["1"])
    # The same positions would be drawn of two indices if they shared their stream.
    p = four()
    p = p.assign(**{f"{name}2": p.array(name) for name in FOUR})
    twin = composite(p, {f"{name}2": sign for name, sign in SIGNS.items()})
    other = twin.redrawn(draws=100, seed=3).scores
    assert_array_equal(other["as it is"], few.scores["as it is"])
    assert (np.abs(other - few.scores).max() > 1e-6).mean() > 0.9


def test_equal_indicators_give_one_index():
    u = four().array("u")
    p = four().assign(v=2 * u, w=3 - u, x=u)
    for redraw in ("indicators", "weights"):
        scores = composite(p, SIGNS).redrawn(redraw, draws=100).scores.to_numpy()
        assert np.abs(scores - scores[:, :1]).max() < ROUNDING


@pytest.mark.parametrize("name", ["u #", "u # #", "u ##"])
def test_a_column_named_like_a_copy_is_no_copy(name):
    p = four().assign(**{name: four(7).array("u")})
    z = {column: scaled(p, column) for column in ("u", name, "v", "x")}
    known = {drawn: np.mean([z[n] for n in drawn], axis=0) for drawn in multisets(tuple(z))}
    recognised(composite(p, dict.fromkeys(z, 1), "equal").redrawn(draws=100), known)


def test_draws_that_have_no_index_are_counted_and_told():
    made = composite(four(), SIGNS, "critic").redrawn(draws=200)
    # CRITIC weights of one indicator drawn four times are 0/0: 200 / 64 such draws are expected.
    assert 0 < len(made.failures) < 12
    assert all("perfectly correlated" in why for why in made.failures.values())
    assert len(made.scores.columns) + len(made.failures) == 201
    assert f"200 draws, {len(made.failures)} without an index, seed 0" in repr(made)


def test_the_table_compares_every_draw_with_the_index():
    made = composite(four(), SIGNS).redrawn(draws=100)
    plain = np.corrcoef(made.scores["as it is"], made.scores["7"])[0, 1]
    assert made.table.loc["7", "correlation"] == pytest.approx(plain)
    assert len(made.table) == 100


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p: composite(p, {"u": 1, "v": 1, "w": 1}).redrawn(),
         r"3 indicators .* make 10 different indices only; four make 35.*redraw=\"weights\""),
        (lambda p: grey_relational(p, "u", ["v", "w"]).redrawn(),
         r"2 indicators .* make 3 .* the least\. Leave each out once: index.sensitivity"),
        (lambda p: composite(p, {"u": 1}).redrawn("weights"), "'u' each stand alone"),
        (lambda p: composite(p, SIGNS).redrawn("W"), "redraw='W' is not one of 'indicators'"),
        (lambda p: composite(p, SIGNS).redrawn(draws=99), "draws=99: give a whole number of at"),
        (lambda p: composite(p, SIGNS).redrawn(draws=150.0), "draws=150.0: give a whole number"),
        (lambda p: composite(p, SIGNS).redrawn(seed=None), "seed=None: give a whole number"),
        (lambda p: composite(p, SIGNS).on(p).redrawn(), "carried over from another panel"),
        (lambda p: redrawn(p.frame["u"]), "redrawn is defined for indices; got Series"),
    ],
)  # fmt: skip
def test_what_cannot_be_redrawn_says_the_way_out(call, text):
    with pytest.raises(ss.SpatialsynError, match=text):
        call(four())


def test_two_indicators_have_weights_to_draw():
    p = panel()
    made = composite(p, {"u": 1, "v": 1}, "equal").redrawn("weights", draws=200)
    z = composite(p, {"u": 1, "v": 1}).normalised.to_numpy()
    share = np.linalg.lstsq(z, made.scores.iloc[:, 1:].to_numpy(), rcond=None)[0][0]
    # Uniform between none and all.
    assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.1)
