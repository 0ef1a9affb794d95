"""From results to print: tables, maps and figures."""

from spatialsyn.report.atlas.animation import animate
from spatialsyn.report.atlas.areas import study_area, weights_map
from spatialsyn.report.atlas.choropleth import emitted_received, map, maps
from spatialsyn.report.atlas.flows import flow_map
from spatialsyn.report.explorer.page import Sections, page
from spatialsyn.report.figures.audit import audit
from spatialsyn.report.figures.bands import curve_plot
from spatialsyn.report.figures.curves import decay_plot, threshold_plot
from spatialsyn.report.figures.effects import block_plot, effects_plot
from spatialsyn.report.figures.exploration import (
    autocorrelation_figure,
    autocorrelation_plot,
    lisa_map,
)
from spatialsyn.report.figures.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.figures.jackknife import jackknife_plot
from spatialsyn.report.figures.matrix import block_matrix
from spatialsyn.report.figures.placebo import placebo_plot
from spatialsyn.report.figures.probabilities import probabilities_plot
from spatialsyn.report.figures.scatter import moran_scatter
from spatialsyn.report.figures.shares import shares_plot
from spatialsyn.report.figures.specifications import specification_curve, specification_table
from spatialsyn.report.figures.spectra import spectrum_plot
from spatialsyn.report.tables.diagnostics import diagnostics_table
from spatialsyn.report.tables.effects import effects_table
from spatialsyn.report.tables.jackknife import jackknife_table
from spatialsyn.report.tables.placebo import placebo_table
from spatialsyn.report.tables.regression import Table, table
from spatialsyn.report.tables.rivals import j_tests_table, probabilities_table
from spatialsyn.report.tables.variables import correlations, definitions, descriptives
from spatialsyn.report.tables.weights import weights_table
from spatialsyn.report.theme import save, style

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
    "j_tests_table",
    "jackknife_plot",
    "jackknife_table",
    "lisa_map",
    "map",
    "maps",
    "moran_scatter",
    "page",
    "placebo_plot",
    "placebo_table",
    "probabilities_plot",
    "probabilities_table",
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
