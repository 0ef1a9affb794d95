"""The documentation site builds without a warning and shows every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

import spatialsyn as ss

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, notebooks shown and not run: `test_notebooks` runs them.

    Without the objects of a page in the menu that stands on every page, a fifth of the time.
    """
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += [
        "-D",
        "nb_execution_mode=off",
        "-D",
        "toc_object_entries=0",
        "-d",
        str(folder / "trees"),
    ]
    made = subprocess.run([*command, str(ROOT / "docs"), str(folder / "html")],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder / "html"


def test_every_page_is_in_the_contents(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    pages = [path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "index"]
    assert not [page for page in pages if f'href="{page}.html"' not in index]


def test_the_reference_has_every_public_name(site):
    page = (site / "api.html").read_text(encoding="utf-8")
    homes = [getattr(ss, name) for name in ss._MODULES if name != "datasets"]
    names = [f"spatialsyn.{name}" for name in ss.__all__ if name not in ss._MODULES]
    names += [f"{home.__name__}.{name}" for home in homes
              for name in home.__all__ if name not in ss.__all__]  # fmt: skip
    lost = [name for name in names if f'id="{name}"' not in page
            and f'id="spatialsyn.errors.{name.split(".")[-1]}"' not in page]  # fmt: skip
    assert not lost


def test_no_page_asks_the_network_for_anything(site):
    """A site read from disk on a train shows everything."""
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" type="text/css" href="http' not in text


def test_the_five_minutes_are_code_that_runs(tmp_path, monkeypatch):
    """A reader types docs/start.md line by line, with a shapefile and a csv of those names."""
    panel = ss.datasets.guangdong()
    grid = [box(113 + i % 7, 22 + i // 7, 114 + i % 7, 23 + i // 7) for i in range(panel.n)]
    shapes = {"adcode": panel.ids, "region": panel.blocks["region"].loc[list(panel.ids)].to_list()}
    gpd.GeoDataFrame(shapes, geometry=grid, crs=4326).to_file(tmp_path / "cities.shp")
    table = panel.frame.rename_axis(["adcode", "year"]).drop(columns="region")
    rng = np.random.default_rng(0)
    made = table.assign(fdi_share=rng.random(len(table)), roads=1 + rng.random(len(table)))
    made.to_csv(tmp_path / "panel.csv")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    said: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, said)
    named = set(re.findall(r'"((?:table|figure)_\w+(?:\.\w+)?)"', page)) - {"figure_1.svg"}
    assert named == {"table_1.docx", "figure_1"}
    for name in ("table_1.docx", "figure_1.pdf", "figure_1.png"):
        assert (tmp_path / name).stat().st_size > 1000
