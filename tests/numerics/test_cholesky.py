"""S^-1 of symmetrisable matrices by Cholesky's factors, against the inverse written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import spatialsyn as ss
from spatialsyn.numerics import cholesky
from spatialsyn.numerics.cholesky import Symmetrised, spectrum
from spatialsyn.numerics.logdet import Eigenvalues
from tests.maps import neighbours, on_map

RHO = np.array([-0.9, 0.0, 1e-9, 0.5, 0.97])


def masses(n: int) -> sparse.csr_array:
    """Decay times mass, of masses a hundred thousand times as large as others, in two islands."""
    far = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    W = np.where(far > 0, 0.4**far, 0) * np.logspace(-5, 0, n)
    return sparse.block_diag([W / W.sum(axis=1).max(), neighbours(n)], format="csr")


@pytest.mark.parametrize(
    "W",
    [
        neighbours(120),
        neighbours(60).toarray(),
        masses(30),
        np.asfortranarray(neighbours(60).toarray()),
    ],
)
def test_the_inverse_is_that_written_out(W):
    found, full = spectrum(W), sparse.csr_array(W).toarray()
    assert isinstance(found, Symmetrised)
    assert_allclose(np.sort(found.eigenvalues), np.sort(np.linalg.eigvals(full).real), atol=1e-12)
    for rho, made in zip(RHO, found.inverses(W, RHO), strict=True):
        S = np.eye(len(full)) - rho * full
        # Both are exact to rounding times the condition, which is a hundred at rho = 0.97.
        assert_allclose(made, np.linalg.inv(S), rtol=1e-10, atol=1e-12)
        assert_allclose(made @ S, np.eye(len(full)), atol=1e-12)


def test_each_rho_gets_what_it_gets_alone():
    W = neighbours(50)
    together = spectrum(W).inverses(W, RHO)
    alone = [spectrum(W).inverses(W, RHO[[i]])[0] for i in range(len(RHO))]
    assert_array_equal(together, alone)


@pytest.mark.parametrize("rho", [1.001, -3.0])
def test_a_rho_outside_the_interval_is_refused(rho):
    W = neighbours(50)
    with pytest.raises(np.linalg.LinAlgError, match="outside its interval"):
        spectrum(W).inverses(W, np.array([rho]))


def test_directed_matrices_have_no_such_factors():
    W = neighbours(50, mutual=False)
    assert type(spectrum(W)) is Eigenvalues
    assert_allclose(np.sum(spectrum(W).eigenvalues).real, 0, atol=1e-12)


@pytest.mark.parametrize("fixed_effects", ["none", "twoways"])
def test_the_order_of_the_cities_does_not_matter(fixed_effects, monkeypatch):
    """Scales move with the cities when W is put into the panel's order."""
    panel, w = on_map(neighbours(80), T=1 if fixed_effects == "none" else 4)
    shuffled = np.random.default_rng(0).permutation(panel.n)
    ids = [panel.ids[i] for i in shuffled]
    moved = ss.Weights.from_matrix(w.matrix[shuffled][:, shuffled], ids=ids, name="w")
    assert isinstance(moved.spectrum, Symmetrised)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects=fixed_effects)
    a, b = (ss.fit(model, panel, one) for one in (w, moved))
    monkeypatch.setattr(cholesky, "scaled", lambda W: None)
    c = ss.fit(model, panel, w.rename("w"))
    assert type(c.design.logdet.full) is Eigenvalues
    for other in (b, c):
        assert_allclose(other.params, a.params, rtol=1e-9)
        assert_allclose(other.se, a.se, rtol=1e-9)
        assert_allclose(other.predict(), a.predict(), rtol=1e-9, atol=1e-11)
