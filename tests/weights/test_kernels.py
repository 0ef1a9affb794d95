"""Kernel weights against their formulas and libpysal."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pytest
from libpysal.weights import Kernel
from numpy.testing import assert_allclose
from places import brute_km, scattered

import spatialsyn as ss

W = ss.weights
PROFILES = {
    "uniform": (lambda z: 1.0 * (z <= 1), 1 / 2),
    "triangular": (lambda z: (1 - z) * (z <= 1), 1),
    "epanechnikov": (lambda z: (1 - z**2) * (z <= 1), 3 / 4),
    "bisquare": (lambda z: (1 - z**2) ** 2 * (z <= 1), 15 / 16),
    "gaussian": (lambda z: np.exp(-(z**2) / 2), 1 / np.sqrt(2 * np.pi)),
}
LIBPYSAL = {"epanechnikov": "quadratic", "bisquare": "quartic"}


@pytest.mark.parametrize("function", PROFILES)
def test_kernels_are_their_formula(function):
    cities = scattered()
    km = brute_km(cities)
    profile, _ = PROFILES[function]
    off = ~np.eye(12, dtype=bool)
    fixed = W.kernel(cities, function, bandwidth=120, isolates="keep").dense()
    assert_allclose(fixed[off], profile(km / 120)[off], rtol=1e-12)
    # The Gaussian has no end: a city 5 bandwidths away has a weight of 4e-6.
    narrow = W.kernel(cities, function, bandwidth=km.max() / 6, isolates="keep").dense()
    assert_allclose(narrow[off], profile(6 * km / km.max())[off], rtol=1e-11)
    far = np.where(off, km, np.inf)
    own = np.sort(far, axis=1)[:, [3]]
    adaptive = W.kernel(cities, function, neighbours=4).dense()
    assert_allclose(adaptive[off], profile(km / own)[off], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("function", PROFILES)
def test_kernels_agree_with_libpysal_up_to_their_scale(function):
    """On a small plane; libpysal's kernels integrate to one, ours are one at no distance."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform([495000, 2500000], [505000, 2510000], (30, 2)).T
    cities = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=32649))
    _, top = PROFILES[function]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of islands; diagonals are compared nowhere
        theirs = Kernel(np.c_[x, y], fixed=False, k=5, function=LIBPYSAL.get(function, function))
    full = theirs.full()[0]
    np.fill_diagonal(full, 0)
    ours = W.kernel(cities, function, neighbours=5).dense()
    if function == "gaussian":  # libpysal cuts the Gaussian at the bandwidth
        ours = np.where(full > 0, ours, 0)
    # libpysal widens every bandwidth by 1e-7; the map's scale moves by 1e-6.
    assert_allclose(ours, full / top, atol=2e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either bandwidth=km .* or neighbours=k"),
        ({"bandwidth": 100, "neighbours": 3}, "either bandwidth=km"),
        ({"bandwidth": -5}, "bandwidth=-5: a positive number of kilometres"),
        ({"bandwidth": 150_000}, "bandwidth=150000 kilometres.*If these are metres, bandwidth=150"),
        ({"bandwidth": "wide"}, "bandwidth='wide'"),
        ({"function": "cosine", "bandwidth": 9}, "function='cosine' is not one of 'uniform'"),
        ({"neighbours": 1}, "the nearest city lies on the edge of the bisquare kernel"),
        ({"neighbours": 12}, "of 12 cities, each can have 1 to 11"),
        ({"bandwidth": 10}, "have no other city within 10 km.*neighbours=k, reaches further"),
        ({"bandwidth": 10, "isolates": "nearest"}, "'nearest' is not one of 'keep', 'drop'"),
    ],
)
def test_kernels_that_are_none(options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.kernel(scattered(), **options)


def test_kernels_whose_edge_all_neighbours_lie_on():
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(4) / 100, [0, 10]))
    cities = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4326))
    with pytest.raises(
        ss.WeightsError, match=r"1, 2, 5, 6 have their 2 nearest cities equally far"
    ):
        W.kernel(cities, "triangular", neighbours=2)
    assert W.kernel(cities, "uniform", neighbours=2).isolates == ()
