"""The architecture, checked on the syntax trees: imports go down only, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "spatialsyn"
FLOORS = [
    ("errors",),
    ("numerics", "engine", "notebook"),
    ("cities",),
    ("measures", "weights"),
    ("explore",),
    ("models",),
    ("effects",),
    ("plugin", "summary"),
    ("results",),
    ("fitting",),
    ("convergence",),
    ("wild", "experiments"),
    ("spillovers",),
    ("study",),
    ("diagnostics",),
    ("validation",),
    ("report",),
    ("studyfile",),
    ("cli",),
    ("__main__",),
]
FLOOR_OF = {name: level for level, names in enumerate(FLOORS) for name in names}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
# Where a heavy library may be imported at all.
HOMES = {
    "matplotlib": {"report"},
    "geopandas": {"cities", "weights", "report"},
    "libpysal": {"weights"},
    "spreg": {"models"},
    "esda": set(),  # tests only
    "joblib": {"engine"},
    "distributed": {"engine"},
}


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def imported(path: Path) -> list[str]:
    """Every imported module, type-checking blocks aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    here = part(path)
    parts = [name.split(".") for name in imported(path) if name.startswith("spatialsyn.")]
    for other in {p[1] for p in parts if p[1] in FLOOR_OF} - {here}:
        assert FLOOR_OF[other] < FLOOR_OF[here], f"{here} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_at_home(path):
    for library, homes in HOMES.items():
        if any(name.split(".")[0] == library for name in imported(path)):
            assert part(path) in homes


def test_no_file_is_over_400_lines():
    root = PACKAGE.parent
    long = {
        str(p.relative_to(root)): n
        for folder in ("spatialsyn", "shapefiles", "benchmarks", "tests")
        for p in (root / folder).rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_every_module_says_what_it_is():
    silent = [p for p in MODULES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent


def test_importing_the_package_loads_no_heavy_library():
    code = "import sys, spatialsyn; print([m for m in ('geopandas','matplotlib','libpysal','pandas') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from typer.testing import CliRunner; from spatialsyn.cli import app;"
        "r = CliRunner().invoke(app, ['--help']); assert r.exit_code == 0, r.output;"
        "print([m for m in ('geopandas','matplotlib','libpysal','pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_model_of_a_table_loads_no_library_of_maps_tests_or_formulas():
    """They would take 60 MB, a third of such a process."""
    code = (
        "import sys, numpy as np, pandas as pd, spatialsyn as ss;"
        "y = np.random.default_rng(0).normal(size=(30, 2)); W = np.roll(np.eye(30), 1, axis=1);"
        "frame = pd.DataFrame({'y': y[:, 0], 'x': y[:, 1], 'city': range(30), 'year': 2000});"
        "panel = ss.CityPanel(frame, city='city', year='year');"
        "w = ss.Weights.from_matrix((W + W.T) / 2, ids=panel.ids, name='w');"
        "ss.fit(ss.sdm('y ~ exp(x) + {x ** 2} + x:exp(x)', W='w'), panel, w).effects();"
        "heavy = ('geopandas', 'shapely', 'pyproj', 'matplotlib', 'libpysal', 'scipy.stats',"
        "'scipy.optimize', 'scipy.spatial', 'scipy.fft', 'formulaic', 'tqdm');"
        "print([m for m in heavy if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_package_is_installed():
    """An editable install finds all folders; a wheel holds those that setup.cfg names."""
    settings = ConfigParser()
    settings.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    named = settings["options"]["packages"].split()
    folders = {p.parent.relative_to(PACKAGE.parent) for p in PACKAGE.rglob("__init__.py")}
    assert set(named) - {"spatialsyn.shapefiles"} == {".".join(f.parts) for f in folders}
