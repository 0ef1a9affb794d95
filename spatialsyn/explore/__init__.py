"""Looking before modelling: autocorrelation in space, dependence, unit roots."""

from spatialsyn.explore.autocorrelation import (
    Autocorrelation,
    autocorrelation,
    bivariate,
    space_time,
)
from spatialsyn.explore.dependence import dependence
from spatialsyn.explore.local import Lisa, lisa
from spatialsyn.explore.transitions import Transitions
from spatialsyn.explore.unit_roots import UnitRoots, unit_roots

__all__ = [
    "Autocorrelation",
    "Lisa",
    "Transitions",
    "UnitRoots",
    "autocorrelation",
    "bivariate",
    "dependence",
    "lisa",
    "space_time",
    "unit_roots",
]
