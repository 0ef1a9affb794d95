"""ln|S| less its unit root, at the edge of the parameter space, against F'SF written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import helmert

from spatialsyn.numerics.logdet import Eigenvalues, JointLogDet
from spatialsyn.numerics.spectrum import by_parts, eigenvalues

N = 11
F = helmert(N).T


def flows(seed: int, *years: int) -> np.ndarray:
    """Flows between all cities, (N, N) or (years, N, N), rows of sum one."""
    W = np.random.default_rng(seed).random((*years, N, N)) * (1 - np.eye(N))
    return W / W.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("years", [(), (3,)])
@pytest.mark.parametrize("left", [1e-2, 1e-6, 1e-9, 1e-11])
def test_several_rho_leave_no_rounding_behind(left, years):
    """The differences of two infinities, of ln|S| and of its slopes, are plain numbers."""
    for seed, share in enumerate(np.linspace(-0.5, 1.5, 9)):
        W, V = flows(seed), flows(seed + 100, *years)
        rho = (1 - left) * np.array([share, 1 - share])
        S = F.T @ (np.eye(N) - rho[0] * W - rho[1] * V) @ F
        joint = JointLogDet((W, V), unit_root=True)
        slopes = [-np.mean(np.trace(np.linalg.solve(S, F.T @ M @ F).T)) for M in (W, V)]
        assert_allclose(joint(rho), np.mean(np.linalg.slogdet(S)[1]), atol=1e-12)
        assert_allclose(joint.gradient(rho), slopes, atol=1e-12)


@pytest.mark.parametrize("left", [1e-8, 1e-11, 1e-14])
def test_one_rho_leaves_no_rounding_behind(left):
    for seed in range(10):
        reduced = F.T @ flows(seed) @ F
        S = np.eye(N - 1) - (1 - left) * reduced
        G = np.linalg.solve(S, reduced)
        less = Eigenvalues(eigenvalues(flows(seed))).without_unit_root()
        assert_allclose(less(1 - left), np.linalg.slogdet(S)[1], atol=1e-12)
        assert_allclose(less.slopes(1 - left), [-np.trace(G), -np.trace(G @ G)], atol=1e-12)
        found = [less.derivative(1 - left, order) for order in (1, 2)]
        assert_allclose(found, less.slopes(1 - left), atol=1e-12)


def test_one_unit_root_a_year_leaves():
    V = flows(5, 4)
    less = Eigenvalues(by_parts(V), years=4).without_unit_root()
    for rho in (-0.7, 0.6, 1 - 1e-12):
        reduced = np.linalg.slogdet(np.eye(N - 1) - rho * F.T @ V @ F)[1]
        assert_allclose(less(rho), reduced.mean(), atol=1e-12)


@pytest.mark.parametrize("unit_root", [True, False])
def test_rounding_puts_no_point_of_the_edge_inside(unit_root):
    """0.8 + 0.2, in units of radii that are one to rounding, lies on either side of it."""
    for seed in range(20):
        joint = JointLogDet((flows(seed), flows(seed + 100)), unit_root)
        for rho in ([0.8, 0.2], [0.5, 0.5], [1.3, -0.3]):
            on = np.array(rho) / joint.radii
            for beside in (on, on * (1 - 2e-16), on * (1 + 2e-16)):
                assert not joint.contains(beside)
                assert joint(beside) == -np.inf


@pytest.mark.parametrize("way", [(1.0, 1.0), (-1.0, -0.3), (2.0, -1.0), (-0.5, 1.0)])
def test_the_edge_is_where_s_is_singular_first_on_the_way_from_zero(way):
    """Rows of any sum: no sum of rho tells where that is."""
    for seed in range(5):
        W, V = np.linspace(0.5, 2, N)[:, None] * flows(seed), flows(seed + 100)
        joint, w = JointLogDet((W, V)), np.linalg.eigvals(way[0] * W + way[1] * V)
        end = np.array(way) / w.real[np.abs(w.imag) < 1e-9].max()
        assert not joint.contains(end)
        assert not joint.contains(end * (1 + 1e-9))
        assert joint.contains(end * (1 - 1e-9))
