"""Draws of the parameters: from a covariance, whatever its units, and from draws there are."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from spatialsyn.models.estimate import Estimate


def estimated(**found) -> Estimate:
    """Of coefficients in units a billion times apart, and a sigma2 without an error."""
    known = {"cov": None, "loglik": np.nan, "nobs": 100, "residuals": np.zeros((2, 2))}
    return Estimate(
        names=("a", "b", "sigma2"),
        params=np.array([2e-9, 3.0, 0.5]),
        multiplier=np.eye(2),
        **{**known, **found},
    )


def test_draws_have_the_covariance_they_are_made_from():
    sd, correlation = np.array([1e-9, 5.0]), np.array([[1, 0.8], [0.8, 1]])
    cov = np.full((3, 3), np.nan)
    cov[:2, :2] = correlation * np.outer(sd, sd)
    made = estimated(cov=cov).sample(40_000, 0)
    assert (made[:, 2] == 0.5).all()
    units = (made[:, :2] - [2e-9, 3.0]) / sd
    assert_allclose(units.mean(axis=0), 0, atol=0.02)  # four errors of 40 000 draws
    assert_allclose(units.T @ units / 40_000, correlation, atol=0.03)


def test_draws_there_are_are_taken_with_equal_chances():
    draws = np.arange(12.0).reshape(4, 3)
    made = estimated(draws=draws).sample(8000, 0)
    assert made.shape == (8000, 3)
    counts = [(made == row).all(axis=1).sum() for row in draws]
    assert sum(counts) == 8000
    assert_allclose(counts, 2000, atol=160)  # four standard deviations
