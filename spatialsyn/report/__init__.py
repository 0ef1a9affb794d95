"""From results to print: tables, maps and figures."""

from spatialsyn.report.areas import study_area, weights_map
from spatialsyn.report.audit import audit
from spatialsyn.report.choropleth import emitted_received, map, maps
from spatialsyn.report.effect_tables import effects_table
from spatialsyn.report.figures import block_plot, effects_plot
from spatialsyn.report.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.tables import Table, table
from spatialsyn.report.theme import save, style
from spatialsyn.report.variables import correlations, definitions, descriptives
from spatialsyn.report.weights_tables import weights_table

__all__ = [
    "Table",
    "audit",
    "block_plot",
    "correlations",
    "definitions",
    "descriptives",
    "disparity_plot",
    "effects_plot",
    "effects_table",
    "emitted_received",
    "map",
    "maps",
    "save",
    "sensitivity_plot",
    "study_area",
    "style",
    "table",
    "weights_map",
    "weights_table",
]
