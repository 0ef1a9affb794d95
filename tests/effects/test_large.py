"""Effects of many cities: the factored multiplier against dense inverses, and its limits."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy import sparse

import spatialsyn as ss
from spatialsyn.effects import entered
from spatialsyn.effects.blocks import average, by_block, by_city
from spatialsyn.effects.entered import Carried, Multipliers
from spatialsyn.effects.inference import infer
from spatialsyn.models.estimate import Estimate
from spatialsyn.numerics import selected
from spatialsyn.numerics.selected import elimination

# Two ways through the same linear algebra agree to rounding.
EXACT = 1e-10


def sparse_ring(n: int, seed: int = 0, links: float = 1.0) -> sparse.csr_array:
    """A circle with about `links` random one-way links a city, row-standardised."""
    rng, i = np.random.default_rng(seed), np.arange(n)
    far = rng.integers(0, n, int(links * n))
    rows, columns = np.r_[i, i, rng.integers(0, n, len(far))], np.r_[(i + 1) % n, i - 1, far]
    W = sparse.csr_array((rng.uniform(0.5, 1, len(rows)), (rows, columns % n)), shape=(n, n))
    W.setdiag(0)
    W.eliminate_zeros()
    return sparse.csr_array(sparse.diags_array(1 / W.sum(axis=1)) @ W)


def grid(side: int) -> sparse.csr_array:
    """A lattice, each cell with its four neighbours, row-standardised."""
    line = sparse.diags_array([np.ones(side - 1)] * 2, offsets=[-1, 1])
    W = sparse.csr_array(sparse.kronsum(line, line))
    return sparse.csr_array(sparse.diags_array(1 / W.sum(axis=1)) @ W)


@pytest.mark.parametrize("n", [2, 30, 200])
@pytest.mark.parametrize("rho", [(0.0, 0.0), (0.5, 0.3), (-0.6, -0.2), (0.9, 0.05)])
def test_selected_entries_are_those_of_the_inverse(n, rho):
    W = [sparse_ring(n, 1), sparse_ring(n, 2)] if n > 2 else [sparse_ring(2, 0, 0)] * 2
    carriers = [sparse.csr_array(sparse.eye_array(n)), W[1], sparse_ring(n, 3)]
    made, c = elimination(W, carriers), np.array(rho)
    S = np.eye(n) - sum(r * w.toarray() for r, w in zip(rho, W, strict=True))
    K = np.linalg.inv(S)
    for k, C in enumerate(carriers):
        found = made.diagonal(made.inverse(c), k)
        assert_allclose(found, np.diag(K @ C.toarray()), atol=1e-12 * np.abs(K).max())
        for j, w in enumerate(W):
            step = 1j * 1e-30 * (np.arange(2) == j)
            moved = made.diagonal(made.inverse(c + step), k).imag * 1e30
            dense = np.diag(K @ w.toarray() @ K @ C.toarray())
            assert_allclose(moved, dense, atol=1e-12 * np.abs(K).max() ** 2)


def test_isolated_cities_and_separate_parts_are_eliminated_too():
    W = sparse.block_diag([grid(4), sparse.csr_array((3, 3)), grid(3)], format="csr")
    made = elimination([W], [W])
    K = np.linalg.inv(np.eye(28) - 0.7 * W.toarray())
    assert_allclose(made.diagonal(made.inverse(np.array([0.7])), 0), np.diag(K @ W.toarray()))


def test_a_singular_multiplier_is_refused():
    made = elimination([grid(5)])
    with pytest.raises(ss.EstimationError, match="at the edge of the parameter space"):
        made.inverse(np.array([1.0]))


def test_links_without_neighbourhoods_are_refused_before_memory_is_full(monkeypatch):
    monkeypatch.setattr(selected, "WIDEST", 100)
    with pytest.raises(ss.EstimationError, match="500 cities linked as far apart as here"):
        elimination([sparse_ring(500, links=4.0)])
    assert len(elimination([grid(22)]).order) == 484


def fits() -> dict[str, ss.Results]:
    """Models whose matrices are sparse, in a panel of sixty cities."""
    panel, _ = made_up(n=60, T=8)
    w, v = (
        ss.Weights.from_matrix(sparse_ring(60, seed), ids=panel.ids, name=name)
        for seed, name in ((1, "w"), (2, "v"))
    )
    two = {"fixed_effects": "twoways"}
    models = {
        "slx": ss.slx("y ~ x + z", W="w", **two),
        "sdm": ss.sdm("y ~ x + z", W="w", **two),
        "roles": ss.sdm("y ~ x + z", W={"wy": "w", "wx": ["w", "v"]}, **two),
        "two": ss.sdm("y ~ x + z", W=["w", "v"], **two),
        "regimes": ss.sdm("y ~ x + z", W="w", regimes=ss.regimes("region", rho=True)),
        "squares": ss.sdm("y ~ x + z + {x ** 2} + x:z", W="w", **two),
        "dynamic": ss.sdm("y ~ x + z", W="w", fixed_effects="individual", lag_y=True, lag_wy=True),
    }
    return {name: ss.fit(model, panel, [w, v]) for name, model in models.items()}


FITS = fits()


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("by", [None, "region", "city", "pair"])
def test_factors_and_inverses_give_the_same_effects(name, by, monkeypatch):
    res = FITS[name]
    x = "x" if name == "squares" else None
    horizon = "long" if name == "dynamic" else None
    dense = res.effects(x, by=by, horizon=horizon).table
    scenario = res.scenario({"x": ("edge", "+10%")}, horizon=horizon).table
    monkeypatch.setattr(entered, "FACTORED_FROM", 1)
    factored = res.effects(x, by=by, horizon=horizon).table
    for column in ("estimate", "se"):
        assert_allclose(factored[column], dense[column], atol=EXACT)
        found = res.scenario({"x": ("edge", "+10%")}, horizon=horizon).table[column]
        assert_allclose(found, scenario[column], atol=EXACT)


def by_hand(
    W: sparse.csr_array, rho: float = 0.4, se: float = 0.01
) -> tuple[Estimate, Multipliers]:
    """A Durbin model of one regressor, its parameters given: beta, theta, rho."""
    n, params = W.shape[0], np.array([1.0, 0.5, rho])
    cov = np.diag([0.01, 0.02, se**2]) + 1e-5
    names = ("x", "W[w]*x", "rho[w]")
    nothing = {
        "loglik": np.nan,
        "nobs": n,
        "residuals": np.empty(0),
        "multiplier": np.empty((0, 0)),
    }
    estimate = Estimate(names=names, params=params, cov=cov, **nothing)
    carriers = (sparse.csr_array(sparse.eye_array(n)), W)
    return estimate, Multipliers((W,), (2,), carriers, (0, 1), (Carried("x", (0, 1), (0, 1)),))


def blocks(n: int, count: int = 7) -> np.ndarray:
    return np.array([f"b{i * count // n}" for i in range(n)])


def test_many_cities_take_no_array_of_all_pairs():
    n = 64**2
    estimate, model = by_hand(grid(64))
    tracemalloc.start()
    whole = infer(estimate, model, *average(n)).table["estimate"].to_numpy()
    member = pd.Series(blocks(n))
    received = infer(estimate, model, *by_block(member)).table
    cities = infer(estimate, model, *by_city(range(n)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * n**2 / 5
    assert_allclose(whole[2], 1.5 / 0.6, rtol=EXACT)  # rows of W sum to one
    size = member.value_counts()
    parts = received[received["effect"] != "total"]
    assert_allclose((parts["estimate"] * parts["to"].map(size)).sum() / n, whole[2], rtol=EXACT)
    for effect in ("received", "emitted"):
        assert_allclose(cities[effect]["estimate"].mean(), whole[1], rtol=EXACT)
    assert_allclose(cities["direct"]["estimate"].mean(), whole[0], rtol=EXACT)


@pytest.mark.parametrize(("rho", "se"), [(0.4, 0.1), (0.0, 1e-4), (0.9, 0.03)])
@pytest.mark.parametrize("side", [5, 18])  # inverted, and factored
def test_interpolated_draws_are_those_of_an_inverse_each(side, rho, se):
    W = grid(side)
    n, dense = side**2, W.toarray()
    estimate, model = by_hand(W, rho, se)
    sample = estimate.sample(300, seed=1)
    sample = sample[np.abs(sample[:, 2]) < 0.99]
    given = replace(estimate, draws=sample)
    drawn = infer(given, model, *average(n), method="bootstrap").draws
    for row, (beta, theta, r) in zip(drawn[::23], sample[::23], strict=True):
        B = np.linalg.solve(np.eye(n) - r * dense, beta * np.eye(n) + theta * dense)
        direct, total = np.trace(B) / n, B.sum() / n
        assert_allclose(row, [direct, total - direct, total], rtol=EXACT)


def test_what_needs_all_pairs_of_many_cities_is_refused(monkeypatch):
    monkeypatch.setattr(entered, "DENSE_TO", 50)
    res, dynamic = FITS["sdm"], FITS["dynamic"]
    message = r"\(60, 60\) matrix of all pairs of cities.*limited to 50"
    for ask in (
        lambda: res.effects(by="pair"),
        lambda: res.effects(by="channel"),
        lambda: res.effects(order=2),
        lambda: res.effects(by=["region", "channel"]),
        lambda: dynamic.effects(horizon=3),
    ):
        with pytest.raises(ss.ModelError, match=message):
            ask()
    with pytest.raises(ss.ModelError, match="a W that is stored dense write out"):
        res.effects(by="region")  # sixty cities are inverted
    monkeypatch.setattr(entered, "FACTORED_FROM", 1)
    assert len(res.effects(by="city").table) == 2 * 4 * 60
    assert len(dynamic.effects(horizon="long").table) == 6
