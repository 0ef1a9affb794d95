"""Which estimator a model asks for."""

from __future__ import annotations

from collections.abc import Mapping

from spatialsyn.models.bias import remove_bias
from spatialsyn.models.design import Design, estimates_cities
from spatialsyn.models.dynamic import remove_dummy_bias
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.masked_estimate import estimate_masked
from spatialsyn.models.qml import estimate_qml
from spatialsyn.models.spec import SpatialModel
from spatialsyn.weights.core import Weights


def estimated(model: SpatialModel, design: Design, weights: Mapping[str, Weights]) -> Estimate:
    """The estimate of a design, with the correction that its model asks for."""
    if design.observed is not None:
        return estimate_masked(design)
    estimate = estimate_qml(design)
    if model.correction == "direct" or model.fixed_effects == "none":
        return estimate
    if estimates_cities(model, weights):
        estimate = remove_dummy_bias(design, estimate)
    elif model.correction == "bias-corrected":
        estimate = remove_bias(design, estimate)
    return estimate
