"""Akaike's and Schwarz's criteria, and the parameters that they count."""

from __future__ import annotations

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time


def counted(model: SpatialModel, design: Design, size: int) -> int:
    """Parameters of the likelihood, `size` of them estimated openly.

    Fixed effects count only where dummies estimate them.
    """
    dummies = design.units if design.dummies_of_cities else 0
    if not model.transforms:
        (n, T), fixed = design.y.shape, model.fixed_effects
        cities, times = sweeps_cities(fixed), sweeps_time(fixed)
        dummies = n * cities + T * times - (cities and times)
    return size - (design.mixture is not None) + dummies


def criteria(loglik: float, parameters: int, nobs: int) -> tuple[float, float]:
    """AIC and BIC."""
    bic = float(np.log(nobs)) * parameters - 2 * loglik
    return 2 * parameters - 2 * loglik, bic
