"""Stored numbers of other programs and the data they were computed from.

What may be copied lies in `reference/`; the rest is read from the folder `shared` beside
the checkout, and a test that needs it is skipped, with the reason, where it is absent.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from us_states import STATES_46, STATES_48, row_standardised

import spatialsyn as ss

HERE = Path(__file__).parent / "reference"
SHARED = Path(__file__).resolve().parents[2] / "shared"

# Unit, time, outcome and regressors of the fits; the columns as they stand in the csv.
PANELS = {
    "cigar": ("state", "year", "logc", ("logp", "logy")),
    "produc": ("state", "year", "lgsp", ("lpcap", "lpc", "lemp", "unemp")),
    "insurance": ("code", "year", "lppcd", ("lrgdp", "lbank", "lden", "agen")),
    "ricefarms": ("id", "time", "lout", ("lseed", "lurea", "llab", "lsize")),
}
FORMULAS = {"cigar": "logc ~ logp + logy", "produc": "lgsp ~ lpcap + lpc + lemp + unemp"}
WEIGHTS = {"insurance": "w_itaww.csv", "ricefarms": "w_riceww.csv"}


@lru_cache
def fits(name: str) -> dict[str, Any]:
    """The records of one file of stored results."""
    loaded: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return loaded.get("fits", loaded)


def shared(*parts: str) -> Path:
    """A file of the folder beside the checkout; the test is skipped where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(('shared', *parts))} beside the checkout")
    return path


@lru_cache
def panel_data(name: str) -> tuple[ss.CityPanel, ss.Weights]:
    """Panel and row-standardised weights `w` of one of `PANELS`."""
    unit, time, _, _ = PANELS[name]
    path = HERE / f"{name}.csv"
    frame = pd.read_csv(path if path.exists() else shared("reference", f"{name}.csv"))
    panel = ss.CityPanel(frame, city=unit, year=time)
    if name in WEIGHTS:
        matrix = long_matrix(shared("reference", WEIGHTS[name]), panel.n)
    else:
        matrix = row_standardised(STATES_46 if name == "cigar" else STATES_48)
    return panel, ss.Weights.from_matrix(matrix, ids=panel.ids, name="w")


def cross_section(frame: pd.DataFrame, matrix: np.ndarray) -> tuple[ss.CityPanel, ss.Weights]:
    """One period of units in file order."""
    numbers = frame.select_dtypes("number")
    ids = [f"u{i:04d}" for i in range(len(frame))]
    panel = ss.CityPanel(numbers.assign(unit_id=ids, t=2000), city="unit_id", year="t")
    return panel, ss.Weights.from_matrix(matrix, ids=ids, name="w")


def long_matrix(path: Path, n: int) -> np.ndarray:
    """A matrix stored as i, j, w with 1-based positions."""
    table = pd.read_csv(path)
    matrix = np.zeros((n, n))
    matrix[table["i"] - 1, table["j"] - 1] = table["w"]
    return matrix


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


def case_panel(case: str) -> tuple[ss.CityPanel, ss.Weights, str, tuple[str, ...]]:
    """Panel, weights ``w``, outcome and regressors of one of Elhorst's cases."""
    if not case.startswith("cigar"):
        return (*weekly(case), "uclaims", ("jobposts", "athome"))
    panel, w = panel_data("cigar")
    if case == "cigar_T15_x2":
        panel = panel.subset(years=range(78, 93))
    return panel, w, "logc", ("logp", "logy")
