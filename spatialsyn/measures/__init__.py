"""What is measured: composite indices, synergy, agglomeration."""

from spatialsyn.measures.agglomeration import location_quotient, ratio
from spatialsyn.measures.composite import Composite, composite, overlap
from spatialsyn.measures.normalise import minmax
from spatialsyn.measures.synergy import (
    Coupling,
    coupling,
    coupling_degree,
    modified_coupling_degree,
)
from spatialsyn.measures.weighting import entropy_weights

__all__ = [
    "Composite",
    "Coupling",
    "composite",
    "coupling",
    "coupling_degree",
    "entropy_weights",
    "location_quotient",
    "minmax",
    "modified_coupling_degree",
    "overlap",
    "ratio",
]
