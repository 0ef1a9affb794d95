"""How exact an estimate is whose log-determinant was not found from eigenvalues.

An error of f' = d ln|S| / d rho moves an estimate of rho by T* times that error times the
variance of rho: in standard errors, the unit that a reader can judge, by T* error se.
"""

from __future__ import annotations

import numpy as np

from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import Eigenvalues

# Standard errors beyond which a shift of the estimate is not passed over in silence.
TOLERATED = 0.05


def accuracy(design: Design, spatial: Array, cov: Array, kind: str) -> tuple[str, ...]:
    """How ln|S| was found and what its error does; nothing where eigenvalues were."""
    if not (design.by_solves and len(spatial)):
        return ()
    at = design.propagation(spatial)
    if isinstance(at.logdet, Eigenvalues):
        return ()
    name = (*design.rho_names, *([design.error.name] if design.error is not None else []))[0]
    by = shift(design, spatial, cov)
    moved = f", which moves {name} by up to {by:.1g} standard errors" if by else ""
    found = [f"ln|I - {name} W|: {at.logdet.method}, {at.logdet.error}{moved}."]
    if kind == "expected" and at.said != "exact":
        found.append(f"Expected information: tr G'G {at.said}.")
    return tuple(found)


def shift(design: Design, spatial: Array, cov: Array) -> float:
    """How far the error of ln|S| moves the spatial parameter, in standard errors."""
    at, where = design.propagation(spatial), len(design.names)
    return at.logdet.shift(at.rho, float(np.sqrt(cov[where, where])), design.copies)


def too_far(design: Design, estimate: Estimate) -> str | None:
    """What to say where that is more than `TOLERATED`."""
    where = len(design.names)
    if not design.by_solves or len(estimate.params) < where + 2 or estimate.cov is None:
        return None
    by = shift(design, estimate.params[where:-1], estimate.cov)
    if by <= TOLERATED:
        return None
    return (
        f"the error of ln|S| moves {estimate.names[where]} by up to {by:.2g} standard errors. "
        'An exact one has weights.with_logdet("sparse"), which takes memory, or "eigenvalues" up '
        "to 5000 cities; a W with links on a map has small factors."
    )
