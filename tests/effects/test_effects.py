"""Effects against dense inverses, finite differences and their own identities."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.effects.inference import bound
from spatialsyn.numerics.logdet import JointLogDet

FAMILIES = ("ols", "slx", "sar", "sdm")
# Identities of sums hold to rounding.
EXACT = 1e-10


def model(family: str, **options) -> ss.SpatialModel:
    if family == "ols":
        return ss.ols("y ~ x + z", **options)
    return getattr(ss, family)("y ~ x + z", W="w", **options)


def matrix(res: ss.Results, w: ss.Weights, x: str) -> np.ndarray:
    """dy_i/dx_j, from a dense inverse."""
    p = res.params
    S = np.eye(w.n) - p.get("rho[w]", 0.0) * w.dense()
    return np.linalg.inv(S) @ (p[x] * np.eye(w.n) + p.get(f"W[w]*{x}", 0.0) * w.dense())


def rows_of(w: ss.Weights, sums: str) -> ss.Weights:
    """The matrix with rows that sum to one, to one half, or each to something else."""
    made = {"one": w.dense(), "half": w.dense() / 2, "different": w.standardize("column").dense()}
    return ss.Weights.from_matrix(made[sums], ids=w.ids, name="w")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sums", ["one", "half", "different"])
def test_averages_equal_a_dense_inverse(family, sums):
    panel, w = made_up()
    w = rows_of(w, sums)
    res = ss.fit(model(family), panel, w)
    for x in ("x", "z"):
        B = matrix(res, w, x)
        effects = res.effects(x)
        direct = np.trace(B) / w.n
        assert_allclose(effects["direct"]["estimate"], direct, rtol=EXACT)
        assert_allclose(effects["total"]["estimate"], B.sum() / w.n, rtol=EXACT)
        assert_allclose(effects["indirect"]["estimate"], B.sum() / w.n - direct, atol=EXACT)


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_weighted_by_size_sum_to_the_total_effect(family):
    panel, w = made_up()
    res = ss.fit(model(family, fixed_effects="twoways"), panel, w)
    size = panel.blocks["region"].value_counts()
    table = res.effects("x", by="region").table
    total = res.effects("x")["total"]["estimate"].iloc[0]
    parts = table[table["effect"] != "total"]
    assert_allclose((parts["estimate"] * parts["to"].map(size)).sum() / panel.n, total, atol=EXACT)
    whole = table[table["effect"] == "total"]
    assert_allclose((whole["estimate"] * whole["to"].map(size)).sum() / panel.n, total, atol=EXACT)


@pytest.mark.parametrize("per", ["receiver", "source", "share"])
def test_a_block_of_one_city_receives_nothing_from_others_of_its_own(per):
    """Zero by construction, like the indirect effect of OLS: no error and no p-value."""
    panel, w = made_up()
    alone = panel.frame.reset_index().assign(
        region=lambda f: f["region"].where(f["city"] != "c05", "alone")
    )
    panel = ss.CityPanel(alone, city="city", year="year", blocks=["region"])
    results = ss.fit(model("sdm"), panel, w)
    for method in ("delta", "simulation"):
        table = results.effects("x", by="region", per=per, method=method)["indirect"]
        nothing = table.loc[("alone", "alone")]
        assert (nothing[["estimate", "se", "low", "high"]] == 0).all()
        assert np.isnan(nothing["p"])
        assert (table.drop(index=("alone", "alone"))["se"] > 0).all()


def test_a_block_effect_is_the_mean_response_to_a_unit_in_every_city_of_the_sender():
    panel, w = made_up()
    res = ss.fit(model("sdm", fixed_effects="twoways"), panel, w)
    B = matrix(res, w, "x")
    core = (panel.blocks["region"] == "core").to_numpy()
    received = res.effects("x", by="region")["indirect"]["estimate"]
    assert_allclose(received["edge", "core"], B[np.ix_(~core, core)].sum(axis=1).mean(), rtol=EXACT)
    inside = B[np.ix_(core, core)]
    assert_allclose(
        received["core", "core"], (inside.sum() - np.trace(inside)) / core.sum(), rtol=EXACT
    )


def test_one_block_is_direct_and_indirect():
    panel, w = made_up()
    one = ss.CityPanel(
        panel.frame.assign(all="everyone").reset_index(), city="city", year="year", blocks=["all"]
    )
    res = ss.fit(model("sdm"), one, w)
    average, block = res.effects("x").table, res.effects("x", by="all").table
    assert_allclose(block["estimate"], average["estimate"], rtol=EXACT)
    assert_allclose(block["se"], average["se"], rtol=1e-8)


def test_cities_emit_and_receive_the_indirect_effect_on_average():
    panel, w = made_up()
    res = ss.fit(model("sdm"), panel, w)
    by_city, average = res.effects("x", by="city"), res.effects("x")
    for effect in ("received", "emitted"):
        mean = by_city[effect]["estimate"].mean()
        assert_allclose(mean, average["indirect"]["estimate"].iloc[0], atol=EXACT)
    B = matrix(res, w, "x")
    assert_allclose(by_city["emitted"]["estimate"], B.sum(axis=0) - np.diag(B), rtol=EXACT)
    net = B.sum(axis=0) - B.sum(axis=1)
    assert_allclose(by_city["net"]["estimate"], net, atol=EXACT)
    assert_allclose(by_city["net"]["estimate"].sum(), 0, atol=EXACT)


def test_pairs_are_the_matrix_of_derivatives():
    panel, w = made_up(n=7)
    res = ss.fit(model("sdm"), panel, w)
    pairs = res.effects("x", by="pair").table
    assert_allclose(pairs["estimate"].to_numpy().reshape(7, 7), matrix(res, w, "x"), rtol=EXACT)
    assert pairs.loc[1, ["to", "from"]].tolist() == ["c00", "c01"]


@pytest.mark.parametrize("family", ["slx", "sar", "sdm"])
@pytest.mark.parametrize(
    ("by", "sums"),
    [(None, "one"), (None, "half"), (None, "different"), ("region", "one"), ("city", "different")],
)
def test_delta_standard_errors_equal_finite_differences(family, by, sums):
    panel, w = made_up()
    w = rows_of(w, sums)
    res = ss.fit(model(family), panel, w)
    theta = res.params.to_numpy()
    blocks = panel.blocks["region"]

    def effects(params: np.ndarray) -> np.ndarray:
        p = pd.Series(params, index=res.params.index)
        S = np.eye(w.n) - p.get("rho[w]", 0.0) * w.dense()
        B = np.linalg.solve(S, p["x"] * np.eye(w.n) + p.get("W[w]*x", 0.0) * w.dense())
        if by is None:
            return np.array([np.trace(B), B.sum() - np.trace(B), B.sum()]) / w.n
        if by == "city":
            own = np.diag(B)
            r, e = B.sum(1) - own, B.sum(0) - own
            return np.r_[own, r, e, e - r]
        member = np.array([blocks == name for name in ("core", "edge")], dtype=float)
        mean = member / member.sum(axis=1, keepdims=True)
        own, between = mean @ np.diag(B), mean @ (B - np.diag(np.diag(B))) @ member.T
        return np.c_[own, between, own + between.sum(axis=1)].ravel()

    step = 1e-6
    gradient = np.array(
        [
            (effects(theta + step * u) - effects(theta - step * u)) / (2 * step)
            for u in np.eye(len(theta))
        ]
    )
    brute = np.sqrt(np.einsum("ir,ij,jr->r", gradient, res.cov.to_numpy(), gradient))
    # Central differences of step 1e-6 are good to about 1e-7.
    assert_allclose(res.effects("x", by=by).table["se"], brute, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("level", "width"), [(0.95, 1.959963984540054), (0.9, 1.6448536269514722)])
def test_intervals_and_p_values_are_normal(level, width):
    """Quantiles as tables print them, and the error function."""
    panel, w = made_up(noise=2.0)
    res = ss.fit(model("sdm"), panel, w)
    made = res.effects(level=level).table
    assert_allclose(made["high"] - made["estimate"], width * made["se"], rtol=1e-12)
    assert_allclose(made["estimate"] - made["low"], width * made["se"], rtol=1e-12)
    z = (made["estimate"] / made["se"]).abs()
    assert_allclose(made["p"], [math.erfc(one / math.sqrt(2)) for one in z], rtol=1e-10)


def test_simulation_agrees_with_delta_where_the_effects_are_nearly_linear():
    panel, w = made_up(n=40, T=10)
    res = ss.fit(model("sdm", fixed_effects="individual"), panel, w)
    delta = res.effects("x").table
    drawn = res.effects("x", method="simulation", draws=4000, seed=1)
    assert_allclose(drawn.table["estimate"], delta["estimate"], rtol=1e-10)
    assert_allclose(
        drawn.table["se"], delta["se"], rtol=0.1
    )  # 4000 draws: about 1 % of Monte Carlo
    again = res.effects("x", method="simulation", draws=4000, seed=1)
    assert_allclose(again.table["low"], drawn.table["low"], rtol=0)
    ends = np.quantile(drawn.draws, [0.025, 0.975], axis=0)
    assert_allclose(drawn.table[["low", "high"]].to_numpy().T, ends, rtol=1e-12)
    assert drawn.rejected == 0
    assert drawn.seed == 1


def test_p_of_draws_is_twice_the_share_beyond_zero():
    """Of 999 draws of which 40 lie on the other side of zero, the estimate counted in: 82 / 1000."""
    panel, w = made_up(noise=2.0)
    res = ss.fit(model("sdm"), panel, w)
    drawn = res.effects("z", method="simulation", draws=999, seed=0)
    for row, made in zip(drawn.table.itertuples(), drawn.draws.T, strict=True):
        other = min((made < 0).sum(), (made > 0).sum())
        assert row.p == pytest.approx(min(1, 2 * (1 + other) / 1000))
        assert row.se == pytest.approx(np.sqrt(np.sum((made - made.mean()) ** 2) / 998))
    assert (drawn.table["p"] > 0.01).any()
    total = {"x": "z", "effect": "total"}
    made = drawn.draws[:, 2]
    z = drawn["total"]["estimate"].iloc[0] / made.std(ddof=1)
    assert drawn.test(total).statistic == pytest.approx(z**2)


@pytest.mark.parametrize(
    ("T", "rho", "seed", "near", "rejects"),
    [(4, 0.9, 8, True, True), (6, 0.9, 8, True, False), (8, 0.9, 1, True, False),
     (10, 0.7, 8, False, False)],
)  # fmt: skip
def test_a_bound_within_five_standard_errors_is_told(T, rho, seed, near, rejects):
    """As docs say: below five, and a warning where more than one draw in a thousand is lost."""
    panel, w = made_up(n=12, T=T, rho=rho, noise=2.0, seed=seed)
    res = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    assert ((1 - res.rho["w"]) / res.se["rho[w]"] < 5) == near
    assert ("right tail" in res.effects("x").note) == near
    beyond = (res.estimate.sample(3000, 0)[:, list(res.params.index).index("rho[w]")] >= 1).mean()
    assert (beyond > 1e-3) == rejects
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        res.effects("x", method="simulation", draws=3000)
    assert any("were rejected" in str(one.message) for one in told) == rejects


def test_draws_beyond_the_boundary_are_rejected_and_counted():
    panel, w = made_up(n=12, T=2, rho=0.9, noise=2.0, seed=8)
    res = ss.fit(ss.sar("y ~ x", W="w"), panel, w)
    assert (1 - res.rho["w"]) / res.se["rho[w]"] < 5
    with pytest.warns(UserWarning, match="rejected"):
        drawn = res.effects("x", method="simulation", draws=3000)
    assert 0 < drawn.rejected < 0.5
    assert len(drawn.draws) == round(3000 * (1 - drawn.rejected))
    assert "standard errors below its upper bound" in drawn.note
    assert "long right tail" in repr(res.effects("x"))


def test_the_bound_of_several_rho_is_where_all_grown_alike_make_s_singular():
    _, w = made_up()
    links = {"w": w.dense() / 2, "v": np.roll(np.eye(12), 2, axis=1)}
    space = JointLogDet(tuple(links.values()))
    rho = np.array([0.5, 0.3])
    mixed = rho[0] * links["w"] + rho[1] * links["v"]
    grown = bound(space, rho) / rho.sum()
    assert np.abs(np.linalg.eigvals(np.eye(12) - grown * mixed)).min() == pytest.approx(0, abs=1e-9)
    assert grown == pytest.approx(1 / np.linalg.eigvals(mixed).real.max())
    assert bound(space, -rho) == np.inf  # nothing grows towards it from below zero


def test_asking_for_what_is_not_there_says_what_is():
    panel, w = made_up()
    res = ss.fit(model("sdm"), panel, w)
    with pytest.raises(ss.ModelError, match=r"'q' is not a regressor here; there are 'x', 'z'"):
        res.effects("q")
    with pytest.raises(
        ss.ModelError, match=r"neither 'city', 'pair', 'channel', a grouping.*'region'"
    ):
        res.effects("x", by="province")
    with pytest.raises(ss.ModelError, match="method='bayes' is not one of"):
        res.effects("x", method="bayes")
    with pytest.raises(ss.ModelError, match="between 0 and 1"):
        res.effects("x", level=95)
    with pytest.raises(ss.ModelError, match="there is no effect 'spill'"):
        res.effects("x")["spill"]
