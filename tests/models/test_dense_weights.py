"""Models with a dense W that is not symmetrisable: no inverse, and the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

import spatialsyn as ss
from spatialsyn.numerics import hessenberg, traces
from spatialsyn.weights import core
from tests.maps import flows, on_map

# Both routes are exact but for the bound that results print, which is of this size.
RTOL = 1e-8


def model(family="sdm", fixed_effects="twoways", y="y ~ x + z", **how):
    return getattr(ss, family)(y, W="w", fixed_effects=fixed_effects, **how)


def panel_of(n, T=4, rho=0.5, lam=0.0, reach=0.15, scale=1.0):
    panel, w = on_map(sparse.csr_array(flows(n, reach)), rho, T, lam)
    return panel, ss.Weights.from_matrix(scale * w.dense(), ids=panel.ids, name="w")


@pytest.fixture
def work(monkeypatch):
    """What takes n^3 operations, as it happens."""
    done = []

    def counted(owner, name):
        whole = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: done.append(name) or whole(*a, **k))

    counted(hessenberg, "hessenberg")
    counted(hessenberg, "dtrtri")
    for name in ("inv", "eigvals", "eigvalsh", "slogdet"):
        counted(np.linalg, name)
    return done


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize(
    ("family", "fixed_effects", "how", "scale"),
    [
        ("sdm", "twoways", {}, 1),
        ("sdm", "none", {}, 1),
        ("sdm", "none", {}, 0.25),
        ("sar", "individual", {}, 3),
        ("sdm", "twoways", {"correction": "direct"}, 2),
        ("sem", "twoways", {}, 1),
        ("sdem", "individual", {}, 1),
    ],
)
def test_the_dense_inverse_gives_the_same(family, fixed_effects, how, scale, n):
    panel, w = panel_of(n, scale=scale)
    exact, found = (
        ss.fit(model(family, fixed_effects, **how), panel, w.with_logdet(way))
        for way in ("eigenvalues", "hessenberg")
    )
    assert_allclose(found.params, exact.params, rtol=RTOL)
    assert_allclose(found.loglik, exact.loglik, rtol=1e-12)
    assert_allclose(found.se, exact.se, rtol=RTOL)
    for read in (lambda r: r.effects(), lambda r: r.effects("x", by="city")):
        a, b = (read(one).table[["estimate", "se"]] for one in (found, exact))
        assert_allclose(a, b, rtol=RTOL, atol=1e-12)
    if fixed_effects != "none":
        a, b = (one.fixed_effects()[["estimate", "se"]] for one in (found, exact))
        assert_allclose(a, b, rtol=RTOL, atol=1e-10)
    for kind in ("observed", "sandwich", "city"):
        a, b = (one.with_cov(kind).se for one in (found, exact))
        assert_allclose(a, b, rtol=10 * RTOL)
    assert_allclose(found.predict(), exact.predict(), rtol=RTOL, atol=1e-8)


def test_a_further_model_takes_no_product_of_matrices(work):
    panel, w = panel_of(320, T=10, rho=0.3)
    first = ss.fit(model(), panel, w)
    first.effects()
    assert work.count("hessenberg") == 1
    assert work.count("dtrtri") == len(w.logdet.sums.coefficients) <= 49
    work.clear()
    further = ss.fit(model(y="y ~ z"), panel, w)
    further.effects()
    further.effects(method="simulation")
    ss.fit(model("sem", y="y ~ x"), panel, w)
    ss.fit(model("sdem"), panel, w).effects()
    # Of the information, of as many parameters as the model has.
    assert set(work) == {"inv"}
    assert "between" in first.estimate.notes[1]
    assert "Hessenberg form" in first.summary()


def test_the_form_is_kept_for_a_panel_in_another_order(work):
    panel, w = panel_of(310)
    backwards = w.aligned(panel.ids[::-1])
    shuffled = ss.Weights.from_matrix(backwards.dense(), ids=backwards.ids, name="w")
    first = ss.fit(model(), panel, shuffled)
    assert work.count("hessenberg") == 1
    again = ss.fit(model(y="y ~ z"), panel, shuffled)
    assert work.count("hessenberg") == 1
    assert_allclose(first.params, ss.fit(model(), panel, w).params, rtol=RTOL)
    assert_allclose(again.se, ss.fit(model(y="y ~ z"), panel, w).se, rtol=RTOL)


def test_traces_without_the_cross_product_need_no_inverse_of_a_triangle(work):
    w = panel_of(310)[1]
    w.logdet.at(0.4).traces(swept=False, crossed=False)
    assert work == ["hessenberg"]


def test_random_probes_would_not_do():
    """Flows differ between their two directions far more than links between neighbours."""
    panel, w = panel_of(310, reach=np.inf)
    G = ss.fit(model(), panel, w).design.propagation(np.array([0.5]))
    probed = traces.Propagation(G.W, G.inverse, G.logdet, G.rho)
    exact = G.written_out()
    expected = ((exact - exact.T) ** 2).sum() / 2
    assert_allclose(G.asymmetry[0], expected, rtol=RTOL)
    assert probed.asymmetry[1] / expected > 0.01
    assert abs(probed.asymmetry[0] - expected) < 4 * probed.asymmetry[1]


def test_weights_keep_one_other_order():
    w = panel_of(30)[1]
    a = w.aligned(w.ids[::-1])
    assert w.aligned(list(w.ids[::-1])) is a
    b = w.aligned((*w.ids[1:], w.ids[0]))
    assert_allclose(b.dense()[-1, :-1], w.dense()[0, 1:])
    assert w.aligned(w.ids[::-1]) is not a
    assert isinstance(w, core.Weights)
