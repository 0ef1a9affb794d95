"""The panels of Elhorst's cases: states and cigarettes, states and unemployment claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
from peers import panel_data, shared

import spatialsyn as ss


def case_panel(case: str) -> tuple[ss.CityPanel, ss.Weights, str, tuple[str, ...]]:
    """Panel, weights ``w``, outcome and regressors of a case."""
    if not case.startswith("cigar"):
        return (*weekly(case), "uclaims", ("jobposts", "athome"))
    panel, w = panel_data("cigar")
    if case == "cigar_T15_x2":
        panel = panel.subset(years=range(78, 93))
    return panel, w, "logc", ("logp", "logy")


def weekly(case: str) -> tuple[ss.CityPanel, ss.Weights]:
    """48 states x 51 weeks; the demo uses its matrix by position, AR and AZ exchanged."""
    frame = pd.read_csv(shared("reference", "matlab", "data", "weekly.csv"))
    panel = ss.CityPanel(frame, city="unit", year="week")
    file = "weekly_Wcont_binary.csv" if case == "weekly_contig" else "weekly_border_miles_upper.csv"
    matrix = pd.read_csv(shared("reference", "matlab", "data", file), index_col=0).to_numpy(float)
    if case == "weekly_borders":
        matrix = np.where(matrix > 0, matrix, matrix.T)
    np.fill_diagonal(matrix, 0)
    return panel, ss.Weights.from_matrix(matrix, ids=panel.ids, name="w").standardize("row")
