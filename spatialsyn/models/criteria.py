"""Akaike's and Schwarz's criteria, and the parameters that they count."""

from __future__ import annotations

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.transform import dummies


def counted(model: SpatialModel, design: Design, size: int) -> int:
    """Parameters of the likelihood, `size` of them estimated openly.

    Fixed effects count only where dummies estimate them.
    """
    (n, T), effects = design.y.shape, design.units if design.dummies_of_cities else 0
    if not model.transforms:
        effects = dummies(n, T, model.fixed_effects)
    return size - (design.mixture is not None) + effects


def criteria(loglik: float, parameters: int, nobs: int) -> tuple[float, float]:
    """AIC and BIC."""
    bic = float(np.log(nobs)) * parameters - 2 * loglik
    return 2 * parameters - 2 * loglik, bic
