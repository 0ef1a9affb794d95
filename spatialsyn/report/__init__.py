"""From results to print: tables, maps and figures."""

from spatialsyn.report.areas import study_area, weights_map
from spatialsyn.report.audit import audit
from spatialsyn.report.choropleth import emitted_received, map, maps
from spatialsyn.report.curves import decay_plot, threshold_plot
from spatialsyn.report.effect_tables import effects_table
from spatialsyn.report.exploration import autocorrelation_figure, autocorrelation_plot, lisa_map
from spatialsyn.report.figures import block_plot, effects_plot
from spatialsyn.report.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.specifications import specification_curve, specification_table
from spatialsyn.report.tables import Table, table
from spatialsyn.report.theme import save, style
from spatialsyn.report.variables import correlations, definitions, descriptives
from spatialsyn.report.weights_tables import weights_table

__all__ = [
    "Table",
    "audit",
    "autocorrelation_figure",
    "autocorrelation_plot",
    "block_plot",
    "correlations",
    "decay_plot",
    "definitions",
    "descriptives",
    "disparity_plot",
    "effects_plot",
    "effects_table",
    "emitted_received",
    "lisa_map",
    "map",
    "maps",
    "save",
    "sensitivity_plot",
    "specification_curve",
    "specification_table",
    "study_area",
    "style",
    "table",
    "threshold_plot",
    "weights_map",
    "weights_table",
]
