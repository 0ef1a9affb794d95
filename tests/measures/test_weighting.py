"""Weights of indicators against published values, other programs and hand computation."""

from __future__ import annotations

import numpy as np
import pytest
from measures.small import panel, random_panel
from numpy.testing import assert_allclose
from peers import fits

import spatialsyn as ss
from spatialsyn.measures import (
    combined_weights,
    composite,
    critic_weights,
    entropy_weights,
    minmax,
    pca_weights,
    topsis,
    variation_weights,
)
from spatialsyn.measures.weighting import METHODS, weights_by

# Closed forms on both sides: nothing but rounding.
RTOL = 1e-12
PEERS = fits("measures_peers")["weights"]


def scaled(matrix):
    return np.column_stack([minmax(column) for column in np.transpose(matrix)])


def test_critic_weights_of_a_published_example():
    """Tus & Aytac Adali (2019), Opsearch 56(2), 528-538: software selection, five criteria."""
    matrix = np.array(
        [[5000, 3, 3, 4, 3, 2], [680, 5, 3, 2, 2, 1], [2000, 3, 2, 3, 4, 3],
         [600, 4, 3, 1, 2, 2], [800, 2, 4, 3, 3, 4]], dtype=float,
    )  # fmt: skip
    printed = [0.157, 0.249, 0.168, 0.121, 0.154, 0.151]
    assert_allclose(critic_weights(scaled(matrix)), printed, atol=5e-4)


def test_entropy_weights_of_a_published_example():
    """Xu (2004), European Journal of Operational Research 156(2), 530-532."""
    matrix = np.array([[30, 30, 38, 29], [19, 54, 86, 29], [19, 15, 85, 28.9], [68, 70, 60, 29]])
    assert_allclose(entropy_weights(matrix), [0.4630, 0.3992, 0.1378, 0.0000], atol=5e-5)


def test_topsis_of_a_published_example():
    """Ersoy (2021), LogForum 17(3): vector normalisation, the last two criteria are costs.

    The paper carries its normalised matrix with three decimals, so its result has two.
    """
    matrix = np.array(
        [[256, 8, 41, 1.6, 1.77, 7347.16], [256, 8, 32, 1.0, 1.8, 6919.99],
         [256, 8, 53, 1.6, 1.9, 8400], [256, 8, 41, 1.0, 1.75, 6808.9],
         [512, 8, 35, 1.6, 1.7, 8479.99], [256, 4, 35, 1.6, 1.7, 7499.99]],
    )  # fmt: skip
    z = matrix / np.sqrt((matrix**2).sum(axis=0))
    z[:, 4:] *= -1
    weights = np.array([0.405, 0.221, 0.134, 0.199, 0.007, 0.034])
    found = topsis(z, weights, worst=z.min(axis=0), best=z.max(axis=0))
    assert_allclose(found, [0.308, 0.254, 0.327, 0.263, 0.857, 0.192], atol=5e-3)


def test_entropy_critic_and_topsis_match_pymcdm():
    matrix = np.array(PEERS["matrix"])
    z = scaled(matrix)
    assert_allclose(entropy_weights(matrix), PEERS["entropy"], rtol=RTOL)
    assert_allclose(critic_weights(z), PEERS["critic"], rtol=RTOL)
    assert_allclose(topsis(z, np.array([0.1, 0.2, 0.3, 0.4])), PEERS["topsis"], rtol=RTOL)


def test_critic_and_variation_by_hand():
    """r = -1/2 between the first two; the third moves with the first (r = 1)."""
    z = np.array([[0.0, 1, 0], [0.5, 0, 0.5], [1, 0.5, 1]])
    assert_allclose(np.corrcoef(z.T)[0], [1, -0.5, 1])
    # sigma is the same for all; conflicts are 1.5, 3 and 1.5
    assert_allclose(critic_weights(z), [0.25, 0.5, 0.25])
    z = np.array([[0.0, 0], [1, 3], [2, 3]])  # mean 1 and 2, variance 2/3 and 2
    ratio = np.sqrt(2 / 3) / (np.sqrt(2) / 2)
    assert_allclose(variation_weights(z), np.array([ratio, 1]) / (ratio + 1))


def test_pca_weights_give_the_score_of_scikit_learn():
    """One common factor: the first component alone; the score is the same up to its scale."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(60, 1))
    z = scaled(factor * [1.0, 0.8, 0.9] + 0.4 * rng.normal(size=(60, 3)))
    standardised = (z - z.mean(axis=0)) / z.std(axis=0)
    score = decomposition.PCA(1).fit_transform(standardised)[:, 0]
    weights = pca_weights(z)
    assert abs(np.corrcoef(z @ weights, score)[0, 1]) == pytest.approx(1, abs=1e-12)
    assert np.corrcoef(z @ weights, z[:, 0])[0, 1] > 0
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)


def test_pca_takes_every_component_above_one_by_its_share():
    """Two blocks of correlated indicators: two eigenvalues above one, written out."""
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(2, 400, 1))
    shared = 0.6 * (a + b)
    z = scaled(np.c_[a, a, b, b, b, shared] + 0.4 * rng.normal(size=(400, 6)))
    roots, vectors = np.linalg.eigh(np.corrcoef(z.T))
    assert (roots > 1).sum() == 2
    weights = np.zeros(6)
    for c in (4, 5):
        v = vectors[:, c] * np.sign(vectors[0, c])
        weights += roots[c] / roots[4:].sum() * v / z.std(axis=0)
    assert (weights > 0).all()
    assert_allclose(pca_weights(z), weights / weights.sum(), rtol=1e-9)


def test_the_sign_of_a_component_is_that_of_its_anchor():
    """Turning all indicators round must not turn the index round with them."""
    rng = np.random.default_rng(1)
    z = scaled(rng.normal(size=(50, 1)) + 0.5 * rng.normal(size=(50, 4)))
    assert_allclose(pca_weights(z, anchor=0), pca_weights(z, anchor=3))
    assert_allclose(pca_weights(1 - z), pca_weights(z))


def test_combinations_of_weights():
    a, b = np.array([0.5, 0.5]), np.array([0.2, 0.8])
    assert_allclose(combined_weights([a, b]), np.sqrt(a * b) / np.sqrt(a * b).sum())
    assert_allclose(combined_weights([a, b], [0.25, 0.75]), 0.25 * a + 0.75 * b)
    z = random_panel().frame[["u", "v", "w"]].to_numpy()
    both = weights_by(["entropy", "critic"], z, "uvw")
    assert_allclose(both, combined_weights([entropy_weights(z), critic_weights(z)]))
    half = weights_by({"entropy": 0.5, "equal": 0.5}, z, "uvw")
    assert_allclose(half, (entropy_weights(z) + 1 / 3) / 2)
    assert_allclose(weights_by({"w": 0.5, "u": 0.3, "v": 0.2}, z, "uvw"), [0.3, 0.2, 0.5])


@pytest.mark.parametrize("method", METHODS)
def test_weights_sum_to_one_and_follow_their_columns(method):
    z = scaled(random_panel(n=12, seed=4).frame[["u", "v", "w"]].to_numpy())
    z[:, 1] = (z[:, 0] + z[:, 1]) / 2
    z[:, 2] = (2 * z[:, 0] + z[:, 2]) / 3
    weights = METHODS[method](z, None)
    assert weights.sum() == pytest.approx(1)
    turned = METHODS[method](z[:, ::-1], None)
    assert_allclose(turned[::-1], weights, rtol=1e-9)
    assert_allclose(METHODS[method](z[::-1], None), weights, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_indicator_has_weight_one(method):
    made = composite(panel(), {"u": 1}, method=method)
    assert made.weights.to_dict() == {"u": 1.0}
    assert_allclose(made.score, minmax(np.arange(1.0, 7)))


def test_the_known_traps_of_entropy():
    """Sparsity and outliers take most of the weight; only a large shift changes that."""
    rng = np.random.default_rng(0)
    z = scaled(rng.random((31, 3)))
    sparse, outlier = z.copy(), z.copy()
    sparse[:26, 0] = 0
    outlier[:, 0] = scaled(np.r_[rng.random(30), 50.0][:, None])[:, 0]
    assert entropy_weights(sparse)[0] > 0.7
    assert entropy_weights(outlier)[0] > 0.8
    assert entropy_weights(sparse + 1e-4)[0] == pytest.approx(entropy_weights(sparse)[0], abs=0.01)
    assert entropy_weights(sparse + 1)[0] < 0.6


z3 = np.array([[0.0, 1, 0.2], [0.5, 0, 0.9], [1, 0.5, 0.4], [0.3, 0.3, 0.3]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: critic_weights(np.c_[z3[:, 0], z3[:, 0]]), "perfectly correlated, or there is one only"),
        (lambda: critic_weights(np.c_[z3, np.ones(4)]), "the indicators 3 are constant"),
        (lambda: critic_weights(z3[:1]), "CRITIC weights need two observations"),
        (lambda: variation_weights(np.ones((4, 2))), "weights by variation are not defined"),
        (lambda: variation_weights(np.c_[z3, np.zeros(4)], ["a", "b", "c", "d"]), "'d' are zero everywhere"),
        (lambda: entropy_weights(np.where(z3 == 1, np.nan, z3)), "without missing or infinite cells"),
        (lambda: pca_weights(np.c_[z3[:, 0], 1 - z3[:, 0]], ["good", "bad"]), "gives 'bad' a negative weight"),
        (lambda: pca_weights(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])), "they are not unique"),
        (lambda: pca_weights(z3[:, :1]), "two indicators at least"),
        (lambda: combined_weights([np.array([1.0, 0]), np.array([0.0, 1])]), "no indicator in common"),
        (lambda: combined_weights([np.ones(1), np.ones(1)], [0.5, 0.6]), "must sum to one"),
        # Two weightings without a list: the second was taken for shares of the first.
        (lambda: combined_weights(np.array([0.8, 0.2]), np.array([0.4, 0.6])), "takes a list of"),
        (lambda: combined_weights([np.ones(1), np.ones(2)]), r"the shapes \[\(1,\), \(2,\)\]"),
        (lambda: combined_weights([np.ones(1), np.ones(1)], [1.0]), "2 weightings need as many"),
        (lambda: weights_by({"u": 0.5, "q": 0.5}, z3[:, :2], "uv"), "give one to each of 'u', 'v', or shares"),
        (lambda: weights_by({"u": 0.9, "v": 0.5}, z3[:, :2], "uv"), "non-negative and sum to one"),
        (lambda: weights_by({"u": 1.5, "v": -0.5}, z3[:, :2], "uv"), "non-negative and sum to one"),
        (lambda: weights_by(["entropy", "entropy"], z3, "uvw"), "must list different methods"),
        (lambda: weights_by(["entropy", "ahp"], z3, "uvw"), "method='ahp' is not one of"),
        (lambda: weights_by("topsis", z3, "uvw"), 'TOPSIS is a way to add up: aggregation="topsis"'),
        (lambda: topsis(np.ones((2, 2)), np.ones(2), worst=1.0), "the best point is the worst one"),
    ],
)  # fmt: skip
def test_weights_that_are_not_defined_are_refused(call, message):
    with pytest.raises(ss.PanelError, match=message):
        call()
