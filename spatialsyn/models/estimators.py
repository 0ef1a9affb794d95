"""Which estimator a specification asks for, and which correction follows it."""

from __future__ import annotations

from collections.abc import Mapping

from spatialsyn.cities.panel import CityPanel
from spatialsyn.models.bias import remove_bias
from spatialsyn.models.choice import CHOICES, Covariance, check_chosen, covered_by
from spatialsyn.models.convex import estimate_convex
from spatialsyn.models.covariance import check_covariance, covered
from spatialsyn.models.design import Design
from spatialsyn.models.dynamic import remove_dummy_bias
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.gmm import best_instruments, estimate_2sls, estimate_gmm, estimate_random
from spatialsyn.models.many import estimate_alone
from spatialsyn.models.masked_estimate import estimate_masked
from spatialsyn.models.qml import estimate_qml
from spatialsyn.models.random_moments import within_and_between
from spatialsyn.models.spec import SpatialModel


def estimated(model: SpatialModel, design: Design) -> tuple[Design, Estimate]:
    """The estimate of `model`, and the design it rests on: with its instruments, quasi-demeaned."""
    if design.observed is not None:
        return design, estimate_masked(design)
    if model.estimator == "gmm":
        return estimate_gmm(design)
    if model.estimator != "qml":
        if model.estimator == "best-2sls":
            design = best_instruments(design)
        if model.estimator == "ec2sls":
            design = within_and_between(design)
        if design.random:
            return estimate_random(design)
        return design, estimate_2sls(design)
    if design.mixture is not None:
        return design, estimate_convex(design)
    estimate = estimate_alone(design) or estimate_qml(design)
    return design, _corrected(model, design, estimate)


def estimated_as(
    model: SpatialModel, design: Design, cov: Covariance, panel: CityPanel
) -> tuple[Design, Estimate, str]:
    """The same with a covariance of choice, and what that is called; None for the usual one."""
    if not isinstance(cov, str) or cov in CHOICES:  # another name is one of the model or not
        check_chosen(cov, panel)
    if isinstance(cov, Mapping):
        return covered_by(*estimated(model, design), panel, **cov)
    check_covariance(design, cov)
    design, estimate = estimated(model, design)
    usual = "expected" if design.instruments is None else "classical"
    if cov in (None, usual):
        return design, estimate, usual
    assert cov is not None
    return design, covered(design, estimate, cov), cov


def _corrected(model: SpatialModel, design: Design, estimate: Estimate) -> Estimate:
    """The estimate less the bias that its fixed effects leave."""
    if model.correction == "direct" or model.fixed_effects == "none":
        return estimate
    if design.cities_estimated and design.dynamic:
        return remove_dummy_bias(design, estimate)
    return remove_bias(design, estimate) if model.correction == "bias-corrected" else estimate
