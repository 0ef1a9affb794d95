"""Paths through a mediator: the products written out, special cases, known truth."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ring
from numpy.testing import assert_allclose

import spatialsyn as ss

W = ss.Weights.from_matrix(ring(20, 1), ids=range(20), name="w")
FIRST = ss.sdm("m ~ x", W="w", fixed_effects="twoways")
SECOND = ss.sdm("y ~ x + m", W="w", fixed_effects="twoways")
TO_M = {"x": 0.6, "W[w]*x": 0.3, "rho[w]": 0.3, "sigma2": 0.5}
TO_Y = {"x": 0.4, "m": 0.5, "W[w]*x": 0.1, "W[w]*m": 0.3, "rho[w]": 0.25, "sigma2": 0.5}


def drawn(to_m=TO_M, to_y=TO_Y, seed=2, shape=(20, 8), first=FIRST, second=SECOND) -> ss.CityPanel:
    panel = ss.simulate(first, shape, W, to_m, np.random.SeedSequence(seed))
    return ss.simulate(second, panel, W, to_y, np.random.SeedSequence(seed + 500))


@pytest.fixture(scope="module")
def found():
    return ss.mediation(FIRST, SECOND, "x", "m", drawn(), W, draws=199, seed=1)


def derivative(res: ss.Results, name: str) -> np.ndarray:
    p = res.params
    inner = p[name] * np.eye(20) + p[f"W[w]*{name}"] * W.dense()
    return np.linalg.solve(np.eye(20) - p["rho[w]"] * W.dense(), inner)


def test_paths_are_products_of_derivatives(found):
    A, B, C = (
        derivative(found.first, "x"),
        derivative(found.second, "m"),
        derivative(found.second, "x"),
    )
    expected = []
    for S in (C, B @ A, C + B @ A):
        expected += [np.trace(S) / 20, (S.sum() - np.trace(S)) / 20, S.sum() / 20]
    assert_allclose(found.effects.table["estimate"], expected, rtol=1e-10)
    # Whose m, city by city and path by path.
    n, own, back, receiver, sender, third = 20, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                path = B[i, k] * A[k, j] / n
                if i == j:
                    own, back = (own + path, back) if k == i else (own, back + path)
                elif k == i:
                    receiver += path
                elif k == j:
                    sender += path
                else:
                    third += path
    assert_allclose(found.paths.table["estimate"], [own, back, receiver, sender, third], rtol=1e-9)
    spaces = found.paths.table.groupby("effect")["estimate"].sum()
    via = found.effects.table.set_index(["x", "effect"])["estimate"]["x (via m)"]
    assert_allclose(spaces["direct"], via["direct"], rtol=1e-10)
    assert_allclose(spaces["indirect"], via["indirect"], rtol=1e-10)


def test_x_moves_m_first_where_the_two_equations_have_different_matrices():
    """B A is not A B where rows of v have sums of their own: y responds to an m that has moved."""
    v = ss.Weights.from_matrix(np.triu(np.ones((20, 20)), 1) / 20, range(20), "v")
    first = ss.sar("m ~ x", W="v", fixed_effects="individual")
    found = ss.mediation(first, SECOND, "x", "m", drawn(), [W, v], draws=100, method="simulation")
    rho = found.first.params["rho[v]"]
    A = found.first.params["x"] * np.linalg.inv(np.eye(20) - rho * v.dense())
    B = derivative(found.second, "m")
    via = found.effects.table.set_index(["x", "effect"])["estimate"]["x (via m)"]
    assert_allclose(via["total"], (B @ A).sum() / 20, rtol=1e-10)
    assert abs((A @ B).sum() / (B @ A).sum() - 1) > 1e-3


@pytest.mark.parametrize("method", ["bootstrap", "simulation"])
def test_without_space_it_is_the_product_of_two_coefficients(method):
    """Baron and Kenny: a b past c; the sum is the coefficient of y on x alone, exactly."""
    panel = drawn()
    first = ss.ols("m ~ x", fixed_effects="twoways")
    second = ss.ols("y ~ x + m", fixed_effects="twoways")
    found = ss.mediation(first, second, "x", "m", panel, method=method, draws=199)
    a, b, c = found.first.params["x"], found.second.params["m"], found.second.params["x"]
    direct = found.effects["direct"]["estimate"].to_numpy()
    assert_allclose(direct, [c, a * b, c + a * b], rtol=1e-12)
    assert_allclose(found.effects["indirect"]["estimate"], 0, atol=1e-15)
    alone = ss.fit(ss.ols("y ~ x", fixed_effects="twoways"), panel).params["x"]
    assert_allclose(direct[2], alone, rtol=1e-10)
    # Sobel's standard error of a product, which normal draws reproduce but for their number.
    if method == "simulation":
        va, vb = found.first.se["x"] ** 2, found.second.se["m"] ** 2
        sobel = np.sqrt(a**2 * vb + b**2 * va + va * vb)
        assert_allclose(found.effects["direct"]["se"].iloc[1], sobel, rtol=0.15)
        # Errors of the two equations are independent: a goes together with neither b nor c.
        cov = found.second.cov.loc["x", "m"]
        both = np.sqrt(sobel**2 + found.second.cov.loc["x", "x"] + 2 * a * cov)
        assert_allclose(found.effects["direct"]["se"].iloc[2], both, rtol=0.15)


def test_known_paths_come_back():
    """Next to no noise: the truth; both ways of drawing agree with each other, roughly."""
    tiny = {"sigma2": 1e-8}
    found = ss.mediation(
        FIRST, SECOND, "x", "m", drawn(TO_M, TO_Y | tiny), W, draws=100, method="simulation"
    )
    assert_allclose(found.second.params[["x", "m"]], [0.4, 0.5], atol=1e-3)
    A, B = (
        np.linalg.solve(np.eye(20) - p["rho[w]"] * W.dense(), p[k] * np.eye(20) + p[f"W[w]*{k}"] * W.dense())
        for p, k in ((found.first.params, "x"), (TO_Y, "m"))
    )  # fmt: skip
    via = found.effects.table.set_index(["x", "effect"])["estimate"]["x (via m)"]
    assert_allclose(via["total"], (B @ A).sum() / 20, rtol=1e-3)


def test_without_an_effect_of_the_mediator_nothing_goes_through_it():
    """b = b' = 0 with next to no noise: the effect past m is all of it."""
    to_y = TO_Y | {"m": 0.0, "W[w]*m": 0.0, "sigma2": 1e-10}
    found = ss.mediation(FIRST, SECOND, "x", "m", drawn(TO_M, to_y), W, draws=100)
    past, via, both = found.effects.table["estimate"].to_numpy().reshape(3, 3)
    assert_allclose(via, 0, atol=1e-4)
    assert_allclose(found.paths.table["estimate"], 0, atol=1e-4)
    assert_allclose(both, past, atol=1e-4)


def test_intervals_cover_and_the_two_ways_agree():
    """25 panels: the interval of the spillover via m covers in 20 or more (0.95: 24 expected)."""
    true = derivative_of(TO_Y, "m") @ derivative_of(TO_M, "x")
    indirect = (true.sum() - np.trace(true)) / 20
    covered, widths = np.zeros(2), np.zeros(2)
    for seed in range(25):
        panel = drawn(seed=seed)
        for i, method in enumerate(("bootstrap", "simulation")):
            made = ss.mediation(FIRST, SECOND, "x", "m", panel, W, method, draws=199, seed=seed)
            row = made.effects["indirect"].loc["x (via m)"]
            covered[i] += row["low"] <= indirect <= row["high"]
            widths[i] += (row["high"] - row["low"]) / 25
    assert (covered >= 20).all()
    assert_allclose(widths[0], widths[1], rtol=0.25)


def derivative_of(params: dict[str, float], name: str) -> np.ndarray:
    inner = params[name] * np.eye(20) + params[f"W[w]*{name}"] * W.dense()
    return np.linalg.solve(np.eye(20) - params["rho[w]"] * W.dense(), inner)


def test_seeds_and_order(found):
    again = ss.mediation(FIRST, SECOND, "x", "m", drawn(), W, draws=199, seed=1)
    assert again.effects.table.equals(found.effects.table)
    other = ss.mediation(FIRST, SECOND, "x", "m", drawn(), W, draws=199, seed=2)
    assert not np.allclose(other.effects.table["low"], found.effects.table["low"], rtol=1e-6)
    order = np.random.default_rng(3).permutation(20)
    w = ss.Weights.from_matrix(W.dense()[np.ix_(order, order)], ids=order.tolist(), name="w")
    mixed = drawn().frame.reset_index().sample(frac=1, random_state=0)
    panel = ss.CityPanel(mixed, city="city", year="year")
    moved = ss.mediation(FIRST, SECOND, "x", "m", panel, w, draws=199, seed=1)
    assert_allclose(
        moved.effects.table[["estimate", "low"]],
        found.effects.table[["estimate", "low"]],
        rtol=1e-6,
    )


def test_other_families_are_drawn_by_simulation():
    panel = drawn()
    first = ss.sdem("m ~ x", W="w", fixed_effects="twoways")
    with pytest.raises(ss.ModelError, match=r'needs a static model.*Or use method="simulation"'):
        ss.mediation(first, SECOND, "x", "m", panel, W)
    found = ss.mediation(first, SECOND, "x", "m", panel, W, method="simulation", draws=199)
    A = found.first.params["x"] * np.eye(20) + found.first.params["W[w]*x"] * W.dense()
    via = derivative(found.second, "m") @ A
    assert_allclose(found.effects["total"]["estimate"].iloc[1], via.sum() / 20, rtol=1e-10)


def test_the_words_claim_no_cause(found):
    text = found.reading
    assert "Not identified by these two equations: that the way via m is causal" in text
    assert "coefficients that are significant one after the other" in text
    assert "x (via m): direct" in text
    assert "bootstrap" in repr(found)
    test = found.effects.test({"x": "x (via m)", "effect": "total"})
    assert test.p < 0.05


def test_chains_that_are_none(found):
    panel = drawn().assign(z=drawn().array("x") ** 2)

    def refused(message, first=FIRST, second=SECOND, x="x", m="m", **given):
        with pytest.raises(ss.ModelError, match=message):
            ss.mediation(first, second, x, m, panel, W, **given)

    refused("m_model explains 'm', not the mediator m='z'", m="z")
    refused("m_model lacks the regressor 'z'", x="z")
    refused("y_model lacks the regressor 'm'", second=ss.sdm("y ~ x", W="w"))
    refused("m_model has 'y' on its right side", first=ss.sdm("m ~ x + y", W="w"))
    refused(r"'x' enters m_model through 'x:z' too", first=ss.sdm("m ~ x + x:z", W="w"))
    refused(r"'m' enters y_model through 'm:z' too", second=ss.sdm("y ~ x + m + m:z", W="w"))
    refused("dynamic models", first=FIRST.but(lag_y=True))
    refused("method='sobel'", method="sobel")
    refused("draws=5", draws=5)
    refused("level=95", level=95)
    every = ss.weights.series({year: W for year in panel.years})
    with pytest.raises(ss.ModelError, match="stay the same over the years"):
        ss.mediation(FIRST, SECOND, "x", "m", panel, every.rename("w"), method="simulation")
