"""Who is connected to whom: geographic, economic and digital weights."""

from spatialsyn.weights.audit import audit
from spatialsyn.weights.bands import bands
from spatialsyn.weights.composite import (
    conditional,
    convex,
    intersection,
    product,
    sparsify,
    union,
)
from spatialsyn.weights.core import Weights
from spatialsyn.weights.digital import comembership, flows
from spatialsyn.weights.distance import distance_band, inverse_distance, kernel, knn, rings
from spatialsyn.weights.economic import gap, gravity, similarity
from spatialsyn.weights.files import read, write
from spatialsyn.weights.geographic import contiguity, distances
from spatialsyn.weights.predicted import predicted_flows
from spatialsyn.weights.series import WeightsSeries, series
from spatialsyn.weights.standardize import standardize
from spatialsyn.weights.travel import travel_time

__all__ = [
    "Weights",
    "WeightsSeries",
    "audit",
    "bands",
    "comembership",
    "conditional",
    "contiguity",
    "convex",
    "distance_band",
    "distances",
    "flows",
    "gap",
    "gravity",
    "intersection",
    "inverse_distance",
    "kernel",
    "knn",
    "predicted_flows",
    "product",
    "read",
    "rings",
    "series",
    "similarity",
    "sparsify",
    "standardize",
    "travel_time",
    "union",
    "write",
]
