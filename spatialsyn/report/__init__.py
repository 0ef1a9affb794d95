"""From results to print: tables, maps and figures."""

from spatialsyn.report.animation import animate
from spatialsyn.report.areas import study_area, weights_map
from spatialsyn.report.audit import audit
from spatialsyn.report.bands import curve_plot
from spatialsyn.report.choropleth import emitted_received, map, maps
from spatialsyn.report.curves import decay_plot, threshold_plot
from spatialsyn.report.diagnostic_tables import diagnostics_table
from spatialsyn.report.effect_tables import effects_table
from spatialsyn.report.exploration import autocorrelation_figure, autocorrelation_plot, lisa_map
from spatialsyn.report.figures import block_plot, effects_plot
from spatialsyn.report.flows import flow_map
from spatialsyn.report.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.matrix import block_matrix
from spatialsyn.report.pages import Sections, page
from spatialsyn.report.scatter import moran_scatter
from spatialsyn.report.shares import shares_plot
from spatialsyn.report.specifications import specification_curve, specification_table
from spatialsyn.report.spectra import spectrum_plot
from spatialsyn.report.tables import Table, table
from spatialsyn.report.theme import save, style
from spatialsyn.report.variables import correlations, definitions, descriptives
from spatialsyn.report.weights_tables import weights_table

__all__ = [
    "Sections",
    "Table",
    "animate",
    "audit",
    "autocorrelation_figure",
    "autocorrelation_plot",
    "block_matrix",
    "block_plot",
    "correlations",
    "curve_plot",
    "decay_plot",
    "definitions",
    "descriptives",
    "diagnostics_table",
    "disparity_plot",
    "effects_plot",
    "effects_table",
    "emitted_received",
    "flow_map",
    "lisa_map",
    "map",
    "maps",
    "moran_scatter",
    "page",
    "save",
    "sensitivity_plot",
    "shares_plot",
    "specification_curve",
    "specification_table",
    "spectrum_plot",
    "study_area",
    "style",
    "table",
    "threshold_plot",
    "weights_map",
    "weights_table",
]
