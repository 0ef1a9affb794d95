"""Effects at many draws of the parameters, against a dense inverse for every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose
from scipy import sparse

import spatialsyn as ss
from spatialsyn.effects.averages import Averages
from tests.maps import neighbours, on_map


def one_by_one(res, sample, matrices):
    """(draws, rows) direct, indirect and total effects, from inverses written out."""
    names, n = list(res.params.index), res.panel.n
    made = []
    for draw in sample:
        at = dict(zip(names, draw, strict=True))
        S = np.eye(n) - sum(at.get(f"rho[{w}]", 0.0) * W for w, W in matrices.items())
        inverse, row = np.linalg.inv(S), []
        for x in ("x", "z"):
            inner = at[x] * np.eye(n)
            for w, W in matrices.items():
                inner = inner + at.get(f"W[{w}]*{x}", 0.0) * W
            B = inverse @ inner
            own, whole = np.trace(B) / n, B.sum() / n
            row += [own, whole - own, whole]
        made.append(row)
    return np.array(made)


@pytest.mark.parametrize("scale", [1.0, "by row"])
@pytest.mark.parametrize(("n", "way"), [(40, "eigenvalues"), (310, "sparse"), (310, "hessenberg")])
def test_draws_of_one_rho_are_those_of_the_inverse(n, way, scale):
    W = neighbours(n, mutual=False)
    if scale == "by row":
        W = sparse.csr_array(sparse.diags_array(np.linspace(0.2, 1, n)) @ W)
    panel, _ = on_map(W, 0.4, T=3)
    w = ss.Weights.from_matrix(W, ids=panel.ids, name="w").with_logdet(way)
    res = ss.fit(ss.sdm("y ~ x + z", W="w", fixed_effects="individual"), panel, w)
    made = res.effects(method="simulation", draws=150, seed=3)
    sample = res.estimate.sample(150, 3)
    assert made.rejected == 0
    assert_allclose(made.draws, one_by_one(res, sample, {"w": W.toarray()}), atol=1e-9)


def test_draws_of_several_rho_have_a_multiplier_each():
    panel, w = made_up(n=20, T=10)
    v = ss.Weights.from_matrix(np.roll(np.eye(20), 3, axis=1), ids=w.ids, name="v")
    truth = {"Intercept": 1.0, "x": 1.0, "z": 0.3, "rho[w]": 0.2, "rho[v]": 0.1, "sigma2": 1.0}
    model = ss.sar("y ~ x + z", W=["w", "v"])
    res = ss.fit(model, ss.simulate(model, panel, [w, v], truth, seed=2), [w, v])
    made = res.effects(method="simulation", draws=130, seed=3)
    sample = res.estimate.sample(130, 3)
    matrices = {"w": w.dense(), "v": v.dense()}
    assert_allclose(made.draws, one_by_one(res, sample, matrices), atol=1e-10)


def test_rejected_draws_are_those_outside_the_interval():
    panel, w = on_map(neighbours(40), 0.93, T=2)
    res = ss.fit(ss.sar("y ~ x + z", W="w"), panel, w)
    sample = res.estimate.sample(2000, 0)
    low, high = res.estimate.space.interval
    rho = sample[:, list(res.params.index).index("rho[w]")]
    inside = (low < rho) & (rho < high)
    assert 0 < inside.sum() < 2000
    with pytest.warns(UserWarning, match="fall outside its interval and were rejected"):
        made = res.effects(method="simulation", draws=2000)
    assert made.rejected == pytest.approx(1 - inside.mean())
    expected = one_by_one(res, sample[inside][:50], {"w": w.dense()})
    # Near the end of the interval effects are of size 100 and more.
    assert_allclose(made.draws[:50], expected, rtol=1e-8)


def test_averages_at_many_rho_are_those_of_the_circle():
    """Its eigenvalues are cosines; ln|S| of so many cities is found window by window."""
    n = 1201
    links = [np.roll(np.arange(n), step) for step in (1, -1)]
    rows = np.tile(np.arange(n), 2)
    W = sparse.csr_array((np.full(2 * n, 0.5), (rows, np.concatenate(links))), shape=(n, n))
    f = ss.Weights.from_matrix(W, ids=range(n), name="w").with_logdet("sparse").logdet
    path, carriers = Averages((0,), f.W, f), [sparse.csr_array(sparse.eye_array(n)), f.W]
    rho = np.random.default_rng(0).permutation(np.r_[np.linspace(-0.6, 0.9, 12), 0.3, 0.3, 0.301])
    level, slope = path.read(rho[:, None], carriers)
    w = np.cos(2 * np.pi * np.arange(n) / n)
    rest = 1 - np.multiply.outer(rho, w)
    direct = np.column_stack([(1 / rest).mean(axis=1), (w / rest).mean(axis=1)])
    moved = np.column_stack([(w / rest**2).mean(axis=1), (w**2 / rest**2).mean(axis=1)])
    assert_allclose(level[:, :, 0], direct, atol=1e-6)
    assert_allclose(slope[:, 0, :, 0], moved, atol=1e-4)
    assert_allclose(level[:, :, 2], np.column_stack([1 / (1 - rho)] * 2), rtol=1e-12)
    for i, one in enumerate(rho):
        alone = path.read(np.array([[one]]), carriers)
        assert np.array_equal(alone[0][0], level[i])
        assert np.array_equal(alone[1][0], slope[i])
    without, none = path.read(rho[:, None], carriers, slopes=False)
    assert np.array_equal(without, level)
    assert none.shape[1] == 0
