"""Effects by the matrix they arrive through: sums, dense matrices, derivatives, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import NAMES, mixed, three
from numpy.testing import assert_allclose

import spatialsyn as ss

# Identities of sums hold to rounding.
EXACT = 1e-10
PANEL, WEIGHTS = three(seed=1, noise=0.1)
MODELS = {
    "mixture": mixed(),
    "combined": mixed(wx="combined"),
    "face": mixed("sar", ("b", "c")),
    "own": ss.sdm("y ~ x + z", W=["a", "b"], fixed_effects="twoways"),
    "roles": ss.sdm("y ~ x + z", W={"wy": ["a", "b"], "wx": {"x": "c", "z": ["a", "c"]}}),
    "slx": ss.slx("y ~ x + z", W=["a", "b"]),
    "sdem": ss.sdem("y ~ x + z", W={"wx": ["a", "c"], "wu": "b"}),
    "regimes": ss.sdm(
        "y ~ x + z", W="a", fixed_effects="individual", regimes=ss.regimes("region", rho=True)
    ),
}
FITS = {name: ss.fit(model, PANEL, WEIGHTS) for name, model in MODELS.items()}


def parts(res: ss.Results, x: str) -> dict[str, np.ndarray]:
    """beta I and every K_m = W_m (rho_m B + theta_m I), from dense matrices."""
    p, n = res.params, PANEL.n
    W = {name: w.dense() for name, w in res.weights.items()}
    core = (PANEL.blocks["region"].loc[list(PANEL.ids)] == "core").to_numpy(float)
    rows = {"": np.ones(n), "[core]": core, "[edge]": 1 - core}
    name = "+".join(res.model.roles.mixed.names) if res.model.roles.mixed else ""
    rho, theta, own = {}, {}, np.zeros((n, n))
    for key, member in rows.items():
        own += p.get(f"{x}{key}", 0.0) * np.diag(member)
        for w, matrix in W.items():
            share = p.get(f"share[{w}]", 0.0)
            joint = f"rho[{w}:{key[1:-1]}]" if key else f"rho[{w}]"
            value = p.get(joint, 0.0) + (share * p[f"rho[{name}]"] if name and not key else 0.0)
            slope = p.get(f"W[{w}]*{x}{key}", 0.0)
            slope += share * p.get(f"W[{name}]*{x}", 0.0) if name and not key else 0.0
            rho[w] = rho.get(w, 0) + value * member[:, None] * matrix
            theta[w] = theta.get(w, 0) + slope * member[:, None] * matrix
    B = np.linalg.solve(np.eye(n) - sum(rho.values()), own + sum(theta.values()))
    return {"own": own, **{w: rho[w] @ B + theta[w] for w in W}, "all": B}


def test_a_colon_in_the_name_of_a_block_makes_no_channel():
    """The rho of block 1 in rho[a:tier:1] is one of W[a]; W[a:tier] does not exist."""
    region = PANEL.blocks["region"].map({"core": "tier:1", "edge": "tier:2"})
    frame = PANEL.frame.assign(region=region.reindex(PANEL.frame.index, level="city"))
    panel = ss.CityPanel(frame.reset_index(), "city", "year", blocks=["region"])
    res, plain = ss.fit(MODELS["regimes"], panel, WEIGHTS), FITS["regimes"]
    shown, usual = (r.effects("x", by="channel").table for r in (res, plain))
    assert list(shown["channel"]) == list(usual["channel"])
    assert_allclose(shown["estimate"], usual["estimate"], atol=EXACT)


@pytest.mark.parametrize("name", MODELS)
def test_channels_are_what_arrives_over_the_links_of_a_matrix(name):
    res = FITS[name]
    for x in ("x", "z"):
        table = res.effects(x, by="channel").table.set_index(["channel", "effect"])["estimate"]
        dense = parts(res, x)
        assert_allclose(sum(dense[k] for k in dense if k != "all"), dense["all"], atol=EXACT)
        for channel in table.index.unique("channel"):
            K = dense[channel]
            direct, total = np.trace(K) / PANEL.n, K.sum() / PANEL.n
            assert_allclose(table[channel, "direct"], direct, atol=EXACT)
            assert_allclose(table[channel, "total"], total, atol=EXACT)
            if channel != "own":
                assert_allclose(table[channel, "indirect"], total - direct, atol=EXACT)


@pytest.mark.parametrize("name", MODELS)
def test_channels_sum_to_the_effects_with_their_errors(name):
    res = FITS[name]
    channels, plain = res.effects(by="channel").table, res.effects().table
    parts_only = channels[channels["channel"] != "all"]
    sums = parts_only.groupby(["x", "effect"])["estimate"].sum()
    expected = plain.set_index(["x", "effect"])
    assert_allclose(sums, expected["estimate"].loc[sums.index], atol=EXACT)
    whole = channels[channels["channel"] == "all"].set_index(["x", "effect"])
    assert_allclose(whole["estimate"], expected["estimate"].loc[whole.index], atol=EXACT)
    assert_allclose(whole["se"], expected["se"].loc[whole.index], rtol=1e-8, atol=EXACT)


@pytest.mark.parametrize("name", ["mixture", "combined", "own", "roles", "regimes"])
def test_errors_are_those_of_numerical_derivatives(name):
    res = FITS[name]
    params, cov = res.estimate.params, res.cov.to_numpy()

    def at(values: np.ndarray) -> np.ndarray:
        moved = replace(res, estimate=replace(res.estimate, params=values))
        return moved.effects("x", by="channel").table["estimate"].to_numpy()

    step = 1e-5
    moves = np.eye(len(params)) * step
    gradient = np.array([(at(params + u) - at(params - u)) / (2 * step) for u in moves])
    se = np.sqrt(np.einsum("ir,ij,jr->r", gradient, cov, gradient))
    ours = res.effects("x", by="channel").table["se"]
    assert_allclose(ours, se, rtol=1e-5, atol=1e-9)


def test_a_mixture_of_row_standardised_matrices_carries_the_total_by_its_shares():
    """In a SAR every round of the total passes W_c: channel m has rho share_m of it."""
    res = ss.fit(mixed("sar"), PANEL, WEIGHTS)
    table = res.effects("x", by="channel").table.set_index(["effect", "channel"])["estimate"]
    for name in NAMES:
        share = res.rho.iloc[0] * res.params[f"share[{name}]"]
        assert_allclose(table["total", name], share * table["total", "all"], rtol=EXACT)


@pytest.mark.parametrize("by", ["region", "city", "pair"])
def test_every_reading_has_channels(by):
    res = FITS["mixture"]
    split, whole = res.effects("x", by=[by, "channel"]).table, res.effects("x", by=by).table
    keys = [k for k in ("effect", "to", "from", "city") if k in whole]
    sums = split[split["channel"] != "all"].groupby(keys, sort=False)["estimate"].sum()
    expected = whole.set_index(keys)["estimate"]
    assert_allclose(sums.loc[expected.index], expected, atol=EXACT)


def test_a_scenario_has_channels_too():
    res = FITS["own"]
    change = {"x": ("edge", "+1")}
    split, whole = res.scenario(change, by="channel").table, res.scenario(change, by=None).table
    sums = split[split["channel"] != "all"].groupby("effect")["estimate"].sum()
    assert_allclose(sums, whole.set_index("effect")["estimate"].loc[sums.index], atol=EXACT)


def test_shares_of_channels_are_ratios_with_the_errors_of_ratios():
    res = FITS["own"]
    effects = res.effects("x", by="channel")
    rows = effects.table[effects.table["effect"] == "indirect"].set_index("channel")
    shares = res.channel_shares("x")["share"]
    assert_allclose(shares["estimate"].sum(), 1, rtol=EXACT)
    assert_allclose(shares["estimate"], (rows["estimate"] / rows["estimate"]["all"]).iloc[:-1])
    covariance = effects.spread @ effects.spread.T
    i, j = (
        effects.table.query(f"effect == 'indirect' and channel == '{c}'").index[0]
        for c in ("a", "all")
    )
    whole = rows["estimate"]["all"]
    slope = np.array([1 / whole, -rows["estimate"]["a"] / whole**2])
    variance = slope @ covariance[np.ix_([i, j], [i, j])] @ slope
    assert_allclose(shares["se"]["a"], np.sqrt(variance), rtol=1e-8)


def test_simulated_channels_agree_with_the_delta_method():
    panel, weights = three(T=40, noise=0.1, effects="none")  # precise, so nearly linear
    res = ss.fit(ss.sdm("y ~ x + z", W=["a", "b", "c"]), panel, weights)
    delta = res.effects("x", by="channel").table
    drawn = res.effects("x", by="channel", method="simulation", draws=800, seed=3)
    assert_allclose(drawn.table["estimate"], delta["estimate"], rtol=EXACT)
    clear = delta["se"] > 1e-3
    assert_allclose(drawn.table["se"][clear], delta["se"][clear], rtol=0.1)  # 800 draws
    shares = res.channel_shares("x", method="simulation", draws=200, seed=3).table
    assert (shares["low"] < shares["estimate"]).all()
    assert (shares["estimate"] < shares["high"]).all()


def test_weights_of_every_year_are_averaged():
    panel, (a, b, _) = three(seed=1)
    years = {t: (a if t % 2 else b.rename("a")) for t in panel.years}
    series = ss.weights.series(years, name="a")
    model = ss.sdm("y ~ x", W=["a", "b"])
    res = ss.fit(model, panel, [series, b])
    table = res.effects("x", by="channel").table.set_index(["channel", "effect"])["estimate"]
    p, found = res.params, []
    for t in panel.years:
        W = years[t].dense()
        S = np.eye(panel.n) - p["rho[a]"] * W - p["rho[b]"] * b.dense()
        inner = p["x"] * np.eye(panel.n) + p["W[a]*x"] * W + p["W[b]*x"] * b.dense()
        found.append(W @ (p["rho[a]"] * np.linalg.solve(S, inner) + p["W[a]*x"] * np.eye(panel.n)))
    assert_allclose(table["a", "total"], np.mean(found, axis=0).sum() / panel.n, rtol=EXACT)
    assert_allclose(table["all", "total"], res.effects("x")["total"]["estimate"].iloc[0])


def test_questions_without_an_answer_are_refused():
    plain = ss.fit(ss.ols("y ~ x"), PANEL)
    with pytest.raises(ss.ModelError, match="lags neither outcome nor regressors"):
        plain.effects(by="channel")
    with pytest.raises(ss.ModelError, match=r"neither 'city', 'pair', 'channel', a grouping"):
        FITS["own"].effects(by="channels")
    mess = ss.fit(ss.mess("y ~ x", W="a", fixed_effects="individual"), PANEL, WEIGHTS)
    with pytest.raises(ss.ModelError, match="matrix exponentials have one matrix"):
        mess.effects(by="channel")
    with pytest.raises(ss.ModelError, match=r"no channels: use results.channel_shares"):
        FITS["own"].effects(by=["region", "channel"], per="share")
    with pytest.raises(ss.ModelError, match="by channel, by order or over a horizon"):
        FITS["own"].effects(by="channel", order=2)
    for name in ("own", "all"):
        model = ss.sdm("y ~ x", W=name, fixed_effects="individual")
        res = ss.fit(model, PANEL, WEIGHTS[0].rename(name))
        with pytest.raises(ss.ModelError, match=rf"W\[{name}\] has the name of a row of effects"):
            res.effects(by="channel")


def test_unclear_indirect_effects_are_said_to_have_unclear_shares():
    rng = np.random.default_rng(0)
    noise = PANEL.assign(y=rng.normal(size=(PANEL.n, PANEL.T)))
    res = ss.fit(ss.sar("y ~ x", W=["a", "b"]), noise, WEIGHTS)
    assert "its shares mean little" in repr(res.channel_shares("x"))
    assert "mean little" not in repr(FITS["own"].channel_shares("x"))
    # Less than two standard errors from zero is not clear, more is.
    for share, told in ((0.4, True), (0.5, False)):
        weak = PANEL.assign(y=noise.array("y") + share * PANEL.array("y"))
        res = ss.fit(ss.sar("y ~ x", W=["a", "b"]), weak, WEIGHTS)
        whole = res.effects("x")["indirect"].iloc[0]
        assert (abs(whole["estimate"]) < 2 * whole["se"]) == told
        assert ("mean little" in repr(res.channel_shares("x"))) == told
    table = ss.report.effects_table(FITS["own"].effects("x", by="channel"))
    assert "Indirect, a" in [row.label for row in table.rows]


def test_a_colon_in_a_block_changes_no_channel_and_one_in_a_matrix_is_refused():
    table = PANEL.frame.reset_index()
    region = table["region"].replace({"core": "core:inner", "edge": "core:outer"})
    panel = ss.CityPanel(table.assign(region=region), city="city", year="year", blocks=["region"])
    found = ss.fit(MODELS["regimes"], panel, WEIGHTS).effects(by="channel").table
    plain = FITS["regimes"].effects(by="channel").table
    assert found["channel"].tolist() == plain["channel"].tolist()
    assert_allclose(found["estimate"], plain["estimate"], rtol=1e-8)
    with pytest.raises(ss.ModelError, match=r"'a:core' cannot be .* weights\.rename\('a_core'\)"):
        MODELS["regimes"].but(W=["a", "a:core"])
    assert ss.sar("y ~ x", W="a:core").weights_names == ("a:core",)
