"""From results to print: tables, maps and figures."""

from spatialsyn.report.areas import study_area, weights_map
from spatialsyn.report.audit import audit
from spatialsyn.report.choropleth import emitted_received, map, maps
from spatialsyn.report.figures import block_plot, effects_plot
from spatialsyn.report.indices import disparity_plot, sensitivity_plot
from spatialsyn.report.pages import Sections, page
from spatialsyn.report.summaries import descriptives, effects_table, weights_table
from spatialsyn.report.tables import Table, table
from spatialsyn.report.theme import save, style

__all__ = [
    "Sections",
    "Table",
    "audit",
    "block_plot",
    "descriptives",
    "disparity_plot",
    "effects_plot",
    "effects_table",
    "emitted_received",
    "map",
    "maps",
    "page",
    "save",
    "sensitivity_plot",
    "study_area",
    "style",
    "table",
    "weights_map",
    "weights_table",
]
