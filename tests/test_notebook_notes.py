"""What is printed around a table stands beside it in a notebook too, warnings above all."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest
from cases import made_up, ring

import spatialsyn as ss

SDM = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")


def words(text: str) -> set[str]:
    return set(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def star(ids: tuple[str, ...]) -> ss.Weights:
    """Without its middle, cities have no neighbours."""
    W = np.zeros((12, 12))
    W[0, 1:] = W[1:, 0] = W[1, 2] = W[2, 1] = 1
    return ss.Weights.from_matrix(W, ids=ids, name="w").standardize("row")


def weak(panel: ss.CityPanel, w: ss.Weights) -> object:
    """A regressor that its instrument hardly moves."""
    x = panel.array("x") + 30 * np.random.default_rng(5).normal(size=(panel.n, panel.T))
    model = ss.ols("y ~ z + noisy", fixed_effects="twoways", estimator="2sls",
                   endogenous=("noisy",), instruments=("x",))  # fmt: skip
    return ss.fit(model, panel.assign(noisy=x), w).first_stage()


MADE = {
    "first stage": weak,
    "jackknife": lambda p, w: ss.jackknife(SDM, p, star(p.ids)),
    "placebo": lambda p, w: ss.placebo(SDM, p, w, draws=100),
    "autocorrelation": lambda p, w: ss.explore.autocorrelation(p, "size", w, permutations=99),
    "unit roots": lambda p, w: ss.explore.unit_roots(longer(), "y", simulations=200),
    "disparity": lambda p, w: ss.measures.disparity(p, "size", by="region"),
    "convergence": lambda p, w: ss.beta_convergence(p, "size"),
    "Monte Carlo": lambda p, w: ss.monte_carlo(
        ss.sar("y ~ x", W="w"), p, w, {"Intercept": 0, "x": 1, "rho[w]": 0.3, "sigma2": 1}, draws=50
    ),
}


def longer() -> ss.CityPanel:
    return made_up(n=8, T=14)[0]


@pytest.mark.parametrize("what", MADE)
def test_a_notebook_says_what_the_console_says(what):
    panel, w = made_up()
    found = MADE[what](panel, w)
    said = set(repr(found).split())
    assert said <= words(found._repr_html_()) | {"NaN", "None"}, said - words(found._repr_html_())


def test_a_weak_instrument_is_told_in_a_notebook():
    assert "weak" in words(weak(*made_up())._repr_html_())


def test_the_city_without_whom_there_is_no_estimate_is_named():
    panel, _ = made_up()
    found = ss.jackknife(SDM, panel, star(panel.ids))
    assert "'c00'" in repr(found)
    assert "'c00')" in words(found._repr_html_())


def test_a_j_test_counts_the_panels_that_it_could_not_fit(monkeypatch):
    from spatialsyn.diagnostics import rivals

    panel, w = made_up()
    v = ss.Weights.from_matrix(ring(12, 9)[::-1, ::-1], ids=panel.ids, name="v")
    fits = [ss.fit(SDM.but(W=name), panel, [w, v]) for name in "wv"]

    def losing(pairs, item):
        return float("nan") if item[1] % 3 == 0 else 1.0

    monkeypatch.setattr(rivals, "_drawn", losing)
    fewer = ss.diagnostics.j_test(fits[0], fits[1], draws=99, seed=1)
    known, lost = map(int, re.findall(r"from (\d+) .* (\d+) more without", fewer.note)[0])
    assert known + lost == 99
    assert lost > 0
