"""What is measured: indices, agglomeration, synergy, channels, disparity."""

from spatialsyn.measures.agglomeration import (
    coagglomeration,
    herfindahl,
    location_quotient,
    ratio,
    spillover_index,
)
from spatialsyn.measures.channels import (
    collaborative_innovation,
    network_externality,
    penetration,
    price_segmentation,
    small_firms,
    transaction_cost,
)
from spatialsyn.measures.composite import Composite, composite
from spatialsyn.measures.dartboard import coagglomeration_pairs, ellison_glaeser
from spatialsyn.measures.disparity import Disparity, disparity
from spatialsyn.measures.haken import Haken, haken
from spatialsyn.measures.network import centrality, network_density
from spatialsyn.measures.normalise import minmax
from spatialsyn.measures.order import SystemSynergy, composite_synergy
from spatialsyn.measures.overlap import Overlap, overlap
from spatialsyn.measures.redraw import Redrawn, redrawn
from spatialsyn.measures.relational import (
    GreyRelation,
    grey_relational,
    relational_coefficients,
)
from spatialsyn.measures.sensitivity import Sensitivity, sensitivity
from spatialsyn.measures.synergy import (
    Coupling,
    coupling,
    coupling_degree,
    grades,
    modified_coupling_degree,
)
from spatialsyn.measures.weighting import (
    combined_weights,
    critic_weights,
    entropy_weights,
    pca_weights,
    topsis,
    variation_weights,
)

__all__ = [
    "Composite",
    "Coupling",
    "Disparity",
    "GreyRelation",
    "Haken",
    "Overlap",
    "Redrawn",
    "Sensitivity",
    "SystemSynergy",
    "centrality",
    "coagglomeration",
    "coagglomeration_pairs",
    "collaborative_innovation",
    "combined_weights",
    "composite",
    "composite_synergy",
    "coupling",
    "coupling_degree",
    "critic_weights",
    "disparity",
    "ellison_glaeser",
    "entropy_weights",
    "grades",
    "grey_relational",
    "haken",
    "herfindahl",
    "location_quotient",
    "minmax",
    "modified_coupling_degree",
    "network_density",
    "network_externality",
    "overlap",
    "pca_weights",
    "penetration",
    "price_segmentation",
    "ratio",
    "redrawn",
    "relational_coefficients",
    "sensitivity",
    "small_firms",
    "spillover_index",
    "topsis",
    "transaction_cost",
    "variation_weights",
]
