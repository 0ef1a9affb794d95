"""A regressor made of the outcome's own lag is refused; whatever else explains it is not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import spatialsyn as ss
from tests.cases import made_up

MADE = {
    "twice": lambda Wy, x: 2 * Wy,
    "with a constant": lambda Wy, x: 5 - Wy,
    "from a csv": lambda Wy, x: Wy.round(6),
    "in four digits": lambda Wy, x: Wy.round(4),
    "in another unit": lambda Wy, x: 1e-9 * Wy,
}
MODELS = [
    ss.sar("y ~ x + z + lagged", W="w", fixed_effects="twoways"),
    ss.sdm("y ~ x + lagged", W="w"),
    ss.sac("y ~ x + lagged", W="w", fixed_effects="individual"),
    ss.sar("y ~ x + lagged", W="w", random="individual"),
    ss.mess("y ~ x + lagged", W="w", fixed_effects="twoways"),
    ss.sar("y ~ x + z + lagged", W="w", fixed_effects="individual", estimator="2sls"),
]


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.family}-{m.estimator}-{m.random}")
def test_what_gives_the_lag_of_the_outcome_is_refused_by_name(model, made):
    panel, w = made_up()
    lagged = MADE[made](w.dense() @ panel.array("y"), panel.array("x"))
    told = r"lagged' (is|give) the spatial lag of the outcome itself .*, as (rho|alpha)\[w\]"
    with pytest.raises(ss.ModelError, match=told):
        ss.fit(model, panel.assign(lagged=lagged), w)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.family}-{m.estimator}-{m.random}")
def test_a_sum_with_another_regressor_names_both(model):
    panel, w = made_up()
    lagged = w.dense() @ panel.array("y") + 3 * panel.array("x")
    with pytest.raises(ss.ModelError, match=r"'x', 'lagged' give the .* Leave the one that was"):
        ss.fit(model, panel.assign(lagged=lagged), w)


def test_a_study_refuses_it_beside_other_models():
    panel, w = made_up()
    panel = panel.assign(lagged=2 * w.dense() @ panel.array("y") + panel.array("z"))
    good = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    specs = {"good": good, "bad": good.but(formula="y ~ x + z + lagged")}
    runs = ss.Study(panel, w, specs).run()
    assert list(runs.failures.index) == ["bad"]
    assert "'z', 'lagged' give the spatial lag of the outcome" in runs.failures["bad"]


def test_a_sum_of_two_lags_is_refused_where_the_model_has_both():
    panel, w = made_up()
    turned = ss.Weights.from_matrix(w.dense()[::-1, ::-1], ids=w.ids, name="v")
    both = (w.dense() + 2 * turned.dense()) @ panel.array("y")
    model = ss.sar("y ~ x + lagged", W=["w", "v"], fixed_effects="individual")
    with pytest.raises(ss.ModelError, match=r"'lagged' is .* as rho\[w\] and rho\[v\]: it moves"):
        ss.fit(model, panel.assign(lagged=both), [w, turned])


def profile(rho, y, Wy, Z, W, T):
    """The likelihood of one rho, written out, but for a constant."""
    e = (y - rho * Wy) - Z @ np.linalg.lstsq(Z, y - rho * Wy, rcond=None)[0]
    return T * np.linalg.slogdet(np.eye(len(W)) - rho * W)[1] - y.size / 2 * np.log(e @ e)


def test_beside_it_the_likelihood_is_that_of_the_determinant_alone():
    """Why it is refused: with six digits of W y, as with all, the data say nothing of rho."""
    panel, w = made_up()
    y, W, T = panel.array("y"), w.dense(), panel.T
    Z = np.column_stack([panel.array("x").ravel(), (W @ y).round(6).ravel()])
    value = partial(profile, y=y.ravel(), Wy=(W @ y).ravel(), Z=Z, W=W, T=T)
    alone = [T * np.linalg.slogdet(np.eye(12) - rho * W)[1] for rho in (0.0, 0.3, 0.6)]
    made = np.array([value(rho) for rho in (0.0, 0.3, 0.6)])
    assert_allclose(made - made[0], alone, atol=1e-6)
    assert 0 > alone[1] > alone[2]  # its peak is zero, though the panel was made with 0.4


def test_few_observations_beyond_the_regressors_are_no_reason():
    """Three to spare: what is left of y and of W y is short, one no more than the other."""
    refused = 0
    for seed in range(20):
        panel, w = made_up(n=5, T=5, seed=seed)
        noise = np.random.default_rng(seed).normal(size=(13, 5, 5))
        panel = panel.assign(**{f"v{j}": v for j, v in enumerate(noise)})
        formula = "y ~ " + " + ".join(f"v{j}" for j in range(13))
        try:
            ss.fit(ss.sar(formula, W="w", fixed_effects="twoways"), panel, w)
        except ss.EstimationError:  # no peak inside, which may be
            continue
        except ss.ModelError as error:
            refused += "lag of the outcome" in str(error)
    assert refused == 0


def test_nearly_equal_weights_beside_dummies_of_years_are_no_reason():
    """There W y less the means of the years is nearly -y / (n - 1): short, but of errors."""
    n, T = 150, 4
    rng = np.random.default_rng(0)
    year = 100 * rng.normal(size=(1, T))
    x = rng.normal(size=(n, T))
    index = pd.MultiIndex.from_product([range(n), range(T)], names=["city", "year"])
    y = x + year + 0.1 * rng.normal(size=(n, T))
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    frame["when"] = [f"in {t}" for t in frame["year"]]
    panel = ss.CityPanel(frame, city="city", year="year")
    W = rng.uniform(0.5, 1.5, (n, n)) * (1 - np.eye(n))
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w").standardize("row")
    res = ss.fit(ss.sar("y ~ x + C(when)", W="w"), panel, w)
    assert_allclose(res.params["x"], 1.0, atol=0.05)


def test_an_outcome_high_above_zero_is_no_reason():
    """W y of a price level: nearly its mean, which the intercept gives."""
    panel, w = made_up()
    high = panel.assign(y=panel.array("y") + 1e5)
    plain = ss.fit(ss.sar("y ~ x + z", W="w"), panel, w)
    moved = ss.fit(ss.sar("y ~ x + z", W="w"), high, w)
    assert_allclose(moved.params["rho[w]"], plain.params["rho[w]"], rtol=1e-6)
    assert_allclose(moved.params["x"], plain.params["x"], rtol=1e-6)
