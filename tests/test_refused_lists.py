"""What is no list, no panel and no standard deviation is refused by name, with the way out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from mixtures import mixed, three

import spatialsyn as ss

PANEL, W = made_up(n=10, T=6)
SAR = ss.sar("y ~ x + z", W=W.name, fixed_effects="individual")
TRUTH = {"x": 1.0, "z": 1.0, f"rho[{W.name}]": 0.2, "sigma2": 1.0}


@pytest.mark.parametrize("x", [3, None])
def test_terms_of_a_threshold(x):
    with pytest.raises(ss.ModelError, match=r"x names terms of the formula: 'x', 'z'; got"):
        ss.threshold(SAR, PANEL, W, x=x, q="z", draws=99)


def test_shares_that_are_tested():
    panel, weights = three(n=10, T=6, seed=1)
    res = ss.fit(mixed("sar", ("a", "b")), panel, weights)
    for names, got in ((3, "got int"), ([], "got none"), (None, "got NoneType")):
        with pytest.raises(ss.ModelError, match=rf"have the names 'a', 'b'; {got}"):
            res.share_test(names)


def test_variables_to_explore():
    for call in (ss.explore.unit_roots, ss.explore.dependence):
        with pytest.raises(ss.PanelError, match=r"columns or series by \(city, year\); got int"):
            call(PANEL, 3)
        with pytest.raises(ss.PanelError, match=r"got none. The panel has .*'x'"):
            call(PANEL, [])


def test_the_panel_and_the_range_of_a_decay():
    apart = np.abs(np.subtract.outer(np.arange(10.0), np.arange(10.0)))
    table = pd.DataFrame(apart, index=PANEL.ids, columns=PANEL.ids)
    model = ss.slx("y ~ x", W="km", fixed_effects="individual")
    with pytest.raises(ss.ModelError, match=r"decay needs a panel: ss.CityPanel.*got DataFrame"):
        ss.decay(model, PANEL.frame, distance={"km": table})
    for between in (3, "ab", (1, 2, 3), {"km": None}):
        with pytest.raises(ss.ModelError, match=r"between=.*lowest and highest decay of km"):
            ss.decay(model, PANEL, distance={"km": table}, between=between)


@pytest.mark.parametrize("sd", ["a", -1.0, float("nan")])
def test_the_spread_of_fixed_effects(sd):
    with pytest.raises(ss.ModelError, match=r"effects_sd = .*must"):
        ss.simulate(SAR, PANEL, W, TRUTH, seed=1, effects_sd=sd)
    with pytest.raises(ss.ModelError, match=r"effects_sd = .*must"):
        ss.monte_carlo(SAR, PANEL, W, TRUTH, draws=50, effects_sd=sd)
