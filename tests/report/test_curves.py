"""Figures of decay and thresholds show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import ring
from drawing import drawn
from numpy.testing import assert_allclose

import spatialsyn as ss

MODEL = ss.slx("y ~ x + z | x", W="any", fixed_effects="twoways")


@pytest.fixture(scope="module")
def panel() -> ss.CityPanel:
    cities = ss.datasets.guangdong()
    x, z, y = np.random.default_rng(7).normal(size=(3, cities.n, cities.T))
    return cities.assign(x=x, z=z, y=x + y)


def test_one_curve_over_kilometres(panel):
    found = ss.decay(MODEL, panel)
    ax = ss.report.decay_plot(found, labels={"km": "km, geodesic"}, outcome="synergy", title="T")
    (line,) = drawn(ax, "km")
    curve = found.curve[found.curve["x"] == "x"]
    assert_allclose(line.get_xdata(), curve["km"])
    assert_allclose(line.get_ydata(), curve["effect"])
    assert "distance between two cities (km, geodesic)" in ax.get_xlabel()
    assert ax.get_ylabel() == "change in synergy per unit of x"
    with pytest.raises(ss.ConfigError, match="x='z': choose one regressor with decaying lags, 'x'"):
        ss.report.decay_plot(found, "z")


def test_two_curves_over_the_share_of_nearer_pairs(panel):
    place = np.random.default_rng(1).uniform(size=panel.n)
    apart = pd.DataFrame(np.abs(np.subtract.outer(place, place)), panel.ids, panel.ids)
    found = ss.decay(MODEL, panel, distance={"km": None, "digital": apart})
    ax, curves = ss.report.decay_plot(found, language="zh"), found.curves
    for name in ("km", "digital"):
        (line,) = drawn(ax, name)
        rows = curves[(curves["distance"] == name) & (curves["x"] == "x")]
        assert_allclose(line.get_xdata(), rows["nearer"])
        assert_allclose(line.get_ydata(), rows["effect"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["km", "digital"]
    assert "距离更近的城市对所占比例" in ax.get_xlabel()


def test_the_likelihood_ratio_of_every_threshold():
    w = ss.Weights.from_matrix(ring(20, 1), ids=range(20), name="w")
    model = ss.slx("y ~ x + q", W="w", fixed_effects="twoways")
    params = {"x": 1.0, "q": 0.5, "W[w]*x": 0.6, "W[w]*q": 0.1, "sigma2": 0.3}
    found = ss.threshold(
        model, ss.simulate(model, (20, 6), w, params, seed=0), w, x="x", q="q", draws=99
    )
    ax = ss.report.threshold_plot(found, labels={"q": "digital penetration"})
    (line,) = drawn(ax, "lr")
    assert_allclose(line.get_xdata(), found.profile["gamma"])
    assert_allclose(line.get_ydata(), found.profile["lr"])
    (cut,) = drawn(ax, "critical")
    assert_allclose(cut.get_ydata(), 7.3523, rtol=1e-5)  # Hansen (2000), table 1
    assert ax.get_xlabel().startswith("digital penetration\nthreshold ")
    assert f"p = {found.p:.3f}" in ax.get_xlabel()
