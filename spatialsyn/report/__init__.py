"""From results to print: tables, maps and figures."""

from spatialsyn.report.animation import animate
from spatialsyn.report.areas import study_area, weights_map
from spatialsyn.report.audit import audit
from spatialsyn.report.bands import curve_plot
from spatialsyn.report.choropleth import emitted_received, map, maps
from spatialsyn.report.figures import block_plot, effects_plot
from spatialsyn.report.flows import flow_map
from spatialsyn.report.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.matrix import block_matrix
from spatialsyn.report.scatter import moran_scatter
from spatialsyn.report.shares import shares_plot
from spatialsyn.report.spectra import spectrum_plot
from spatialsyn.report.summaries import descriptives, effects_table, weights_table
from spatialsyn.report.tables import Table, table
from spatialsyn.report.theme import save, style

__all__ = [
    "Table",
    "animate",
    "audit",
    "block_matrix",
    "block_plot",
    "curve_plot",
    "descriptives",
    "disparity_plot",
    "effects_plot",
    "effects_table",
    "emitted_received",
    "flow_map",
    "map",
    "maps",
    "moran_scatter",
    "save",
    "sensitivity_plot",
    "shares_plot",
    "spectrum_plot",
    "study_area",
    "style",
    "table",
    "weights_map",
    "weights_table",
]
