"""Regimes of city-years: columns and effects by hand, scenarios, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up, ring
from numpy.testing import assert_allclose

import spatialsyn as ss

HIGH, LOW = "x[size > 1.1]", "x[size <= 1.1]"


def cut(x="x", **others) -> ss.SpatialModel:
    regimes = ss.regimes("size", x, above=1.1)
    return ss.sdm("y ~ x + z", W="w", fixed_effects="twoways", regimes=regimes, **others)


@pytest.fixture(scope="module")
def fitted() -> ss.Results:
    panel, w = made_up(n=12, T=8)
    return ss.fit(cut(), panel, w)


def test_the_indicator_is_that_of_the_receiving_city_and_year(fitted):
    """The four columns by hand: x and W x, each times 0/1 of the city-year."""
    panel, w = made_up(n=12, T=8)
    high, x = panel.array("size") > 1.1, panel.array("x")
    Wx, Wz = w.dense() @ x, w.dense() @ panel.array("z")
    hand = panel.assign(a=x * ~high, b=x * high, c=Wx * ~high, d=Wx * high, Wz=Wz)
    model = ss.sar("y ~ a + b + z + c + d + Wz", W="w", fixed_effects="twoways")
    assert_allclose(fitted.params, ss.fit(model, hand, w).params, rtol=1e-9)
    assert list(fitted.params.index[:2]) == [LOW, HIGH]
    assert "by size > 1.1 (x)" in fitted.equation


def test_effects_are_the_mean_over_the_years_of_the_derivatives(fitted):
    p, W, eye = fitted.params, fitted.weights["w"].dense(), np.eye(12)
    high = fitted.panel.array("size") > 1.1
    years = []
    for side in high.T:
        beta, theta = (np.where(side, p[s + HIGH], p[s + LOW]) for s in ("", "W[w]*"))
        inner = np.diag(beta) + theta[:, None] * W
        years.append(np.linalg.solve(eye - fitted.rho["w"] * W, inner))
    pair = fitted.effects("x", by="pair").table["estimate"].to_numpy().reshape(12, 12)
    assert_allclose(pair, np.mean(years, axis=0), rtol=1e-10, atol=1e-12)


def of_every_year(seed: int) -> ss.WeightsSeries:
    ids = [f"c{i:02d}" for i in range(12)]
    years = {
        year: ss.Weights.from_matrix(ring(12, seed + year), ids=ids, name="w")
        for year in range(2001, 2009)
    }
    return ss.weights.series(years, name="w")


@pytest.mark.parametrize("changing", ["regimes", "weights"])
def test_scenarios_are_differences_of_predictions_where_matrices_change(changing):
    """+10 % is another number every year, and so is what carries it: means do not multiply."""
    panel, w = made_up(n=12, T=8)
    model = ss.sdm("y ~ log(size) + x", W="w", fixed_effects="individual")
    if changing == "regimes":
        model = model.but(regimes=ss.regimes("z", above=0.2))
    res = ss.fit(model, panel, w if changing == "regimes" else of_every_year(5))
    moved = panel.assign(x=panel.array("x") * 1.1, size=panel.array("size") * 1.3)
    change = (res.predict(moved) - res.predict()).groupby("city").mean()
    made = res.scenario({"x": ("all", "+10%"), "size": ("all", "+30%")})
    assert_allclose(made["total"]["estimate"], change, rtol=1e-9, atol=1e-12)
    # And one unit more of size, which moves its log by another amount in every city-year.
    step = 1e-5
    up, down = (res.predict(panel.assign(size=panel.array("size") + s)) for s in (step, -step))
    total = res.effects("size")["total"]["estimate"].item()
    assert_allclose(total, ((up - down) / (2 * step)).mean(), rtol=1e-6)  # of the difference


def test_simulated_regimes_come_back():
    w = ss.Weights.from_matrix(ring(20, 1), ids=range(20), name="w")
    model = ss.sdm(
        "y ~ x + q", W="w", fixed_effects="twoways", regimes=ss.regimes("q", "x", above=0)
    )
    true = {
        "x[q <= 0]": 0.2, "x[q > 0]": 1.0, "q": 0.5, "W[w]*x[q <= 0]": 0.0,
        "W[w]*x[q > 0]": 0.6, "W[w]*q": 0.1, "rho[w]": 0.3, "sigma2": 1e-8,
    }  # fmt: skip
    res = ss.fit(model, ss.simulate(model, (20, 8), w, true, seed=2), w)
    assert_allclose(res.params.drop("sigma2"), [true[k] for k in res.params.index[:-1]], atol=1e-3)


def test_what_has_no_regimes_is_refused(fitted):
    panel, w = made_up(n=12, T=8)
    with pytest.raises(ss.ModelError, match=r"no city-year lies up to size = -3: size runs from"):
        ss.fit(cut().but(regimes=ss.regimes("size", "x", above=-3)), panel, w)
    with pytest.raises(ss.ModelError, match=r"no city-year lies above size = 99"):
        ss.fit(cut().but(regimes=ss.regimes("size", "x", above=99)), panel, w)
    holes = panel.array("size").copy()
    holes[0, 0] = np.nan
    with pytest.raises(ss.ModelError, match="'size' has 1 missing values"):
        ss.fit(cut(), panel.assign(size=holes), w)
    with pytest.raises(ss.PanelError, match="no column 'nothing'"):
        ss.fit(cut().but(regimes=ss.regimes("nothing", "x", above=1)), panel, w)
    with pytest.raises(ss.ModelError, match=r"regimes\(above='1'\) needs a number"):
        ss.regimes("size", "x", above="1")
    with pytest.raises(ss.ModelError, match="not rho"):
        ss.regimes("size", "x", rho=True, above=1)
    with pytest.raises(ss.ModelError, match="weights and regimes that stay the same"):
        fitted.effects("x", order=2)
    dynamic = ss.fit(cut(lag_y=True, correction="direct"), panel, w)
    with pytest.raises(ss.ModelError, match="cities change their regime"):
        dynamic.effects("x", horizon="long")
    assert len(dynamic.effects("z", horizon="long").table) == 3


@pytest.mark.parametrize("family", [ss.ols, ss.slx, ss.sem, ss.sdem])
def test_effects_without_a_lag_of_the_outcome_are_means_of_the_coefficients(family):
    panel, w = made_up(n=12, T=8)
    place = {} if family is ss.ols else {"W": "w"}
    regimes = ss.regimes("size", "x", above=1.1)
    model = family("y ~ x + z", fixed_effects="individual", regimes=regimes, **place)
    fit = ss.fit(model, panel, w if place else [])
    share, p = (panel.array("size") > 1.1).mean(), fit.params
    found = fit.effects("x").table.set_index("effect")["estimate"]
    assert_allclose(found["direct"], share * p[HIGH] + (1 - share) * p[LOW])
    lagged = share * p[f"W[w]*{HIGH}"] + (1 - share) * p[f"W[w]*{LOW}"] if model.has_wx else 0.0
    assert_allclose(found["indirect"], lagged, atol=1e-12)
