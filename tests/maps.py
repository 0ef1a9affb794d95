"""Random maps of many cities for tests: neighbours in the plane, and a panel on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

import spatialsyn as ss


def neighbours(n: int, seed: int = 0, mutual: bool = True) -> sparse.csr_array:
    """Six nearest neighbours in the unit square, row-standardised; `mutual` makes W symmetrisable."""
    points = np.random.default_rng([n, seed]).random((n, 2))
    near = cKDTree(points).query(points, 7)[1][:, 1:].ravel()
    links = sparse.csr_array((np.ones(6 * n), near, np.arange(0, 6 * n + 1, 6)), shape=(n, n))
    links = links.maximum(links.T) if mutual else links
    return sparse.csr_array(sparse.diags_array(1 / links.sum(axis=1)) @ links)


def circle(n: int) -> sparse.csr_array:
    """Everyone between two neighbours: at half the distance round, factors fade to zero."""
    i = np.arange(n)
    pairs = (np.full(2 * n, 0.5), (np.r_[i, i], np.r_[(i + 1) % n, (i - 1) % n]))
    return sparse.csr_array(sparse.coo_array(pairs, shape=(n, n)))


def flows(n: int, reach: float = np.inf, seed: int = 0) -> np.ndarray:
    """Dense flows between all pairs, unequal in their two directions, row-standardised.

    They fall with distance by the factor e over `reach`, in sides of the square: the shorter,
    the larger the second eigenvalue.
    """
    rng = np.random.default_rng([n, seed])
    points = rng.random((n, 2))
    far = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    W = np.exp(-far / reach) * rng.lognormal(size=(n, n)) * rng.lognormal(size=n)
    np.fill_diagonal(W, 0)
    return W / W.sum(axis=1, keepdims=True)


def random_graph(n: int, seed: int = 0) -> sparse.csr_array:
    """Links without a geography, about six of each city, row-standardised."""
    rng = np.random.default_rng([n, seed])
    pairs = rng.integers(0, n, size=(3 * n, 2))
    ring = np.column_stack([np.arange(n), (np.arange(n) + 1) % n])
    i, j = np.vstack([pairs[pairs[:, 0] != pairs[:, 1]], ring]).T
    links = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(n, n))
    links = links + links.T
    links.data[:] = 1
    return sparse.csr_array(sparse.diags_array(1 / links.sum(axis=1)) @ links)


def on_map(
    W: sparse.csr_array, rho: float = 0.5, T: int = 1, lam: float = 0.0, seed: int = 1
) -> tuple[ss.CityPanel, ss.Weights]:
    """A panel with a lag of y, or a spatial error, on these weights ``w``."""
    rng, n = np.random.default_rng(seed), W.shape[0]
    x, z, city = rng.normal(size=(n, T)), rng.normal(size=(n, T)), rng.normal(size=(n, 1))
    e = spread(W, lam, rng.normal(size=(n, T)))
    y = spread(W, rho, x - 0.5 * z + 0.4 * (W @ x) + (city if T > 1 else 0) + e)
    index = pd.MultiIndex.from_product([range(n), range(2000, 2000 + T)], names=["city", "year"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": z.ravel()}, index=index)
    panel = ss.CityPanel(frame.reset_index(), city="city", year="year")
    return panel, ss.Weights.from_matrix(W, ids=panel.ids, name="w")


def spread(W: sparse.csr_array, rho: float, v: np.ndarray) -> np.ndarray:
    """(I - rho W)^-1 v."""
    S = sparse.csc_array(sparse.eye_array(W.shape[0]) - rho * W)
    return np.asarray(sparse.linalg.spsolve(S, v)).reshape(v.shape)
