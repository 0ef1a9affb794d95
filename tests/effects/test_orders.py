"""Effects by order of neighbour: sums, brute force, gradients."""

from __future__ import annotations

from dataclasses import replace
from math import factorial

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose
from scipy.linalg import expm

import spatialsyn as ss


def several() -> dict[str, ss.Results]:
    panel, w = made_up(n=12, T=8, seed=1)
    v = ss.Weights.from_matrix(ring(12, 9)[::-1, ::-1], ids=panel.ids, name="v")
    models = {
        "sdm": ss.sdm("y ~ x", W="w", fixed_effects="twoways"),
        "sar": ss.sar("y ~ x", W="w"),
        "slx": ss.slx("y ~ x", W="w"),
        "two": ss.sdm("y ~ x", W=["w", "v"], fixed_effects="individual"),
        "regimes": ss.sdm("y ~ x", W="w", regimes=ss.regimes("region", rho=True)),
        "exponential": ss.mess_sdm("y ~ x", W="w", fixed_effects="individual"),
    }
    return {name: ss.fit(model, panel, [w, v]) for name, model in models.items()}


FITS = several()


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("by", [None, "region", "city"])
def test_orders_and_the_rest_sum_to_the_effect(name, by):
    whole = FITS[name].effects("x", by=by).table
    parts = FITS[name].effects("x", by=by, order=4).table
    keys = [c for c in ("effect", "to", "from", "city") if c in whole]
    summed = parts.groupby(keys, sort=False)["estimate"].sum()
    assert_allclose(summed.loc[whole.set_index(keys).index], whole["estimate"], atol=1e-10)


def test_orders_are_powers_of_the_weights():
    res = FITS["two"]
    p, (W, V) = res.params, (res.weights[k].dense() for k in ("w", "v"))
    P = p["rho[w]"] * W + p["rho[v]"] * V
    C1 = p["W[w]*x"] * W + p["W[v]*x"] * V
    table = res.effects("x", order=3).table
    for q in range(4):
        power = np.linalg.matrix_power
        B = power(P, q) * p["x"] + (power(P, q - 1) @ C1 if q else 0)
        found = table[table["order"] == str(q)]["estimate"]
        assert_allclose(
            found, [np.trace(B) / 12, (B.sum() - np.trace(B)) / 12, B.sum() / 12], atol=1e-12
        )


def test_orders_of_an_exponential_are_the_terms_of_its_series():
    """B_q = P^q C_0 / q! + P^(q-1) C_1 / (q-1)! with P = -alpha W; what is left, by expm."""
    res = FITS["exponential"]
    p, W = res.params, res.weights["w"].dense()
    P, C1 = -p["alpha[w]"] * W, p["W[w]*x"] * W
    power, whole = np.linalg.matrix_power, expm(P) @ (p["x"] * np.eye(12) + C1)
    parts = [power(P, q) * p["x"] / factorial(q) for q in range(4)]
    for q in range(1, 4):
        parts[q] = parts[q] + power(P, q - 1) @ C1 / factorial(q - 1)
    table = res.effects("x", order=3).table
    for order, B in zip(["0", "1", "2", "3", "rest"], [*parts, whole - sum(parts)], strict=True):
        found = table[table["order"] == order]["estimate"]
        expected = [np.trace(B) / 12, (B.sum() - np.trace(B)) / 12, B.sum() / 12]
        assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["sdm", "two", "regimes", "exponential"])
@pytest.mark.parametrize("order", [2, None])
def test_gradients_are_numerical_ones(name, order):
    res = FITS[name]

    def at(params):
        moved = replace(res, estimate=replace(res.estimate, params=params))
        return moved.effects("x", order=order).table["estimate"].to_numpy()

    params = res.estimate.params
    steps = np.diag(1e-3 * res.se.to_numpy())
    gradient = np.array([(at(params + s) - at(params - s)) / (2 * s.sum()) for s in steps])
    se = np.sqrt(np.einsum("ir,ij,jr->r", gradient, res.cov.to_numpy(), gradient))
    assert_allclose(res.effects("x", order=order).table["se"], se, rtol=1e-4, atol=1e-9)


def test_in_an_slx_nothing_comes_from_beyond_the_first_order():
    table = FITS["slx"].effects("x", order=3).table
    assert_allclose(table[table["order"].isin(["2", "3", "rest"])]["estimate"], 0, atol=1e-14)


def test_orders_that_mean_nothing_are_refused():
    for order in (-1, 1.5, "2", True):
        with pytest.raises(ss.ModelError, match="give the last order of neighbour"):
            FITS["sdm"].effects("x", order=order)
    with pytest.raises(ss.ModelError, match="one at a time"):
        FITS["sdm"].effects("x", order=2, horizon="long")
