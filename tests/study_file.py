"""The main study file, and a small one with its cities and its panel."""

from __future__ import annotations

import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from spatialsyn.cli import main

MAIN = Path(__file__).parents[1] / "studies" / "guangdong.toml"
STUDY = """
[panel]
boundaries = "cities.geojson"
table = "panel.csv"
city = "id"
blocks = ["side"]

[measures.index]
kind = "composite"
indicators = { x = "+", z = "-" }

[weights.geo]
kind = "contiguity"
standardize = "row"

[weights.eco]
kind = "gap"
values = "size"
base_years = [2001]
standardize = "row"

[models.main]
family = "sdm"
formula = "y ~ index + size"
W = "geo"
fixed_effects = "twoways"

[sweep]
of = "main"
W = ["geo", "eco"]

[report]
x = "index"
tables = ["descriptives", "models", "effects", "blocks", "cities", "weights", "sweep", "main"]
figures = ["blocks", "effects", "study_area"]
"""


def written(tmp_path: Path) -> Path:
    """A four-by-three grid of cities, seven years, and a study file beside them."""
    rng = np.random.default_rng(0)
    ids = [f"k{i:02d}" for i in range(12)]
    shapes = [box(113 + i % 4, 22 + i // 4, 114 + i % 4, 23 + i // 4) for i in range(12)]
    names = {
        "id": ids,
        "name_en": [f"City {i}" for i in range(12)],
        "side": ["west", "west", "east", "east"] * 3,
    }
    gpd.GeoDataFrame(names, geometry=shapes, crs=4326).to_file(tmp_path / "cities.geojson")
    index = pd.MultiIndex.from_product([ids, range(2001, 2008)], names=["id", "year"])
    frame = pd.DataFrame(rng.normal(size=(84, 3)), index=index, columns=["y", "x", "z"])
    frame["size"] = np.exp(rng.normal(size=84))
    frame.to_csv(tmp_path / "panel.csv")
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def in_a_process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What the command line says and its exit code, as a shell sees them."""
    command = [sys.executable, "-m", "spatialsyn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def in_here(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same without a Python of its own, which takes a second or two to import everything."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patched,
        warnings.catch_warnings(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patched.setattr(sys, "argv", ["spatialsyn", *map(str, arguments)])
        patched.chdir(cwd or Path.cwd())
        warnings.resetwarnings()
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())
