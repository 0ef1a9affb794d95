"""Who is connected to whom: geographic, economic and digital weights."""

from spatialsyn.weights.audit import audit
from spatialsyn.weights.bands import bands
from spatialsyn.weights.core import Weights
from spatialsyn.weights.digital import gravity, similarity
from spatialsyn.weights.economic import gap
from spatialsyn.weights.geographic import contiguity, distances, inverse_distance
from spatialsyn.weights.series import WeightsSeries, series
from spatialsyn.weights.standardize import standardize

__all__ = [
    "Weights",
    "WeightsSeries",
    "audit",
    "bands",
    "contiguity",
    "distances",
    "gap",
    "gravity",
    "inverse_distance",
    "series",
    "similarity",
    "standardize",
]
