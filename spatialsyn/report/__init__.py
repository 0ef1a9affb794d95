"""From results to print: tables, maps and figures."""

from spatialsyn.report.summaries import descriptives, effects_table, weights_table
from spatialsyn.report.tables import Table, table

__all__ = ["Table", "descriptives", "effects_table", "table", "weights_table"]
